//! The radios of a Linux machine, each through a raw HCI socket.
//!
//! In: controllers' events. Out: [`Advertisement`]s: each reception, with its own payload,
//! strength and time; no filter of duplicates, no scan requests.
//! Promises: scanning goes on after an adapter was off, pulled out, or hung, and after somebody
//! else changed its scan; a radio that no rung of the ladder brought back ends the source, unless
//! another still hears. On a stop the scan is ended.
//! Invariant: sends no command but those in [`packet`]; nothing is allocated for an advertisement.
//!
//! With several adapters each reception is one advertisement of the same antenna: what two radios
//! hear of one phone are two samples of its strength, as two receptions by one radio are. The
//! loudest alone would rise with each radio that a shop adds; the median does not.

mod ears;
mod hearing;
mod packet;
mod parts;
mod scan;
mod socket;
mod transport;

use std::{
    fs,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
};
use tracing::warn;

use self::{ears::Ears, hearing::Hearing};
use super::{Advertisement, RadioKeys, watchdog::Watchdog};
use crate::{
    clock::Monotonic,
    config::{HciAdapter, HciConfig},
    counts::Counters,
};

/// Why a radio cannot be listened to by this process any more.
#[derive(Debug, thiserror::Error)]
pub enum HciError {
    /// The kernel gives raw Bluetooth sockets to nobody without these capabilities.
    #[error(
        "{adapter}: this process lacks {missing}. Give it both, in the unit's [Service]:\n  \
         AmbientCapabilities=CAP_NET_ADMIN CAP_NET_RAW\n  \
         CapabilityBoundingSet=CAP_NET_ADMIN CAP_NET_RAW\n\
         or to the program, again after each update:\n  \
         setcap cap_net_admin,cap_net_raw+ep {}\n\
         or take a source of kind \"btleplug\", which needs neither", program.display()
    )]
    NotAllowed {
        /// Which radio.
        adapter: HciAdapter,
        /// The capabilities' names.
        missing: String,
        /// This program.
        program: PathBuf,
    },
    /// The whole ladder was climbed, and nothing is heard.
    #[error(
        "{adapter}: nothing heard for {silent_ms} ms, with the scan restarted and the adapter \
         power-cycled"
    )]
    Silent {
        /// Which radio.
        adapter: HciAdapter,
        /// For how long.
        silent_ms: u64,
    },
    /// A radio's task ended in a panic.
    #[error("a radio's task panicked")]
    Panicked,
}

/// Listens with all radios until asked to stop or until only a new process can help.
pub(super) async fn listen(
    config: HciConfig,
    to: mpsc::Sender<Advertisement>,
    counts: Counters,
    stop: watch::Receiver<bool>,
) -> Result<(), HciError> {
    let in_kernel = |adapter: &&HciAdapter| matches!(adapter, HciAdapter::Kernel(_));
    if let Some(adapter) = config.adapters.iter().find(in_kernel)
        && let Some(missing) = missing_capabilities()
    {
        return Err(HciError::NotAllowed {
            adapter: adapter.clone(),
            missing,
            program: program(),
        });
    }
    let now = Monotonic::now();
    let keys = RadioKeys::default();
    let heard = Heard::new(config.adapters.len());
    let mut radios = JoinSet::new();
    for (place, adapter) in config.adapters.into_iter().enumerate() {
        let ears = Ears::new(
            adapter,
            Hearing::new(keys.clone(), counts.clone()),
            Watchdog::new(config.silence_ms, now),
            heard.of(place),
            to.clone(),
        );
        radios.spawn(ears.run(config.silence_ms, stop.clone()));
    }
    drop(to);
    let mut ended = Ok(());
    while let Some(radio) = radios.join_next().await {
        ended = radio.unwrap_or(Err(HciError::Panicked));
        if ended.is_err() {
            break;
        }
    }
    if counts.cut_off_total() + counts.without_strength_total() > 0 {
        let (cut_off, without_strength) = (counts.cut_off_total(), counts.without_strength_total());
        warn!(cut_off, without_strength, "the controllers lost something");
    }
    ended
}

/// When each radio last heard something: who falls silent looks whether others still hear.
#[derive(Debug, Clone)]
struct Heard {
    at_ms: Arc<[AtomicU64]>,
    me: usize,
}

impl Heard {
    fn new(radios: usize) -> Self {
        let at_ms = (0..radios).map(|_| AtomicU64::new(0)).collect();
        Self { at_ms, me: 0 }
    }

    fn of(&self, me: usize) -> Self {
        Self { me, ..self.clone() }
    }

    fn at(&self, now: Monotonic) {
        self.at_ms[self.me].store(now.0, Relaxed);
    }

    /// Whether another radio has heard something since.
    fn by_others_since(&self, since: Monotonic) -> bool {
        let others = self.at_ms.iter().enumerate();
        let mut others = others.filter(|(place, _)| *place != self.me);
        others.any(|(_, at_ms)| at_ms.load(Relaxed) > since.0)
    }
}

/// What of the two capabilities this process does not have; none: nothing. The kernel would let
/// the socket be opened all the same, and then keep the reports back without a word.
pub(crate) fn missing_capabilities() -> Option<String> {
    const NEEDED: [(&str, u32); 2] = [("CAP_NET_ADMIN", 12), ("CAP_NET_RAW", 13)];
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let effective = status.lines().find_map(|l| l.strip_prefix("CapEff:"))?;
    let effective = u64::from_str_radix(effective.trim(), 16).ok()?;
    let lacks = |(_, bit): &&(&str, u32)| effective >> bit & 1 == 0;
    let missing: Vec<&str> = NEEDED.iter().filter(lacks).map(|(name, _)| *name).collect();
    (!missing.is_empty()).then(|| missing.join(" and "))
}

fn program() -> PathBuf {
    std::env::current_exe().unwrap_or_else(|_| "welkom-gateway".into())
}

#[cfg(test)]
mod tests;
