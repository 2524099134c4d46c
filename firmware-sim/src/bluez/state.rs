//! What a machine's Bluetooth daemon and its connection to the bus share.
//!
//! In: advertisements, faults, calls. Out: messages in one queue, and counts of what was written.
//! Promises: state and queue change together, so a client never reads a state whose signal went
//! out before; an advertisement is counted after it was written to the bus.
//! Invariant: at most [`LINES_WAITING_MAX`] advertisements wait for a slow bus; further ones are
//! lost before the adapter knows of them.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use protocol::sim::AirLine;
use tokio::sync::mpsc;
use zbus::message::Message;

use super::{
    ad::Payload,
    adapter::{Adapter, Signal},
    wire,
};
use crate::air::{LINES_WAITING_MAX, Sender};

/// How a machine's Bluetooth behaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The controller reports a device once in a scan window of 10.24 s, as many dongles do.
    pub filters_duplicates: bool,
    /// Devices that are not heard for so long are forgotten (BlueZ: `TemporaryTimeout`).
    pub temporary: Duration,
    /// Devices that an earlier client has found; they are there before anybody discovers.
    pub cached: Vec<AirLine>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            filters_duplicates: false,
            temporary: Duration::from_secs(30),
            cached: Vec::new(),
        }
    }
}

/// One message for the bus.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) message: Message,
    /// It carries an advertisement, of this sender.
    pub(super) advertisement: Option<Sender>,
}

/// A daemon that is connected.
#[derive(Debug)]
pub(super) struct Daemon {
    pub(super) adapter: Adapter,
    out: mpsc::UnboundedSender<Outgoing>,
    waiting: usize,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct State {
    /// None while there is no daemon, or no bus.
    pub(super) daemon: Option<Daemon>,
    pub(super) heard: BTreeMap<u64, u64>,
    pub(super) signalled_total: u64,
    pub(super) lost_total: u64,
}

pub(super) fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl State {
    /// An advertisement reaches the antenna.
    pub(super) fn hear(&mut self, now: Instant, line: &AirLine, sender: Sender) {
        let Some(daemon) = &mut self.daemon else {
            return;
        };
        if daemon.waiting >= LINES_WAITING_MAX && daemon.adapter.discovers() {
            self.lost_total += 1;
            return;
        }
        let (address, payload) = read(line);
        let signal = daemon.adapter.hear(now, &address, line.rssi_dbm, &payload);
        if let Some(signal) = signal {
            daemon.waiting += 1;
            daemon.tell(&signal, Some(sender));
        }
    }

    /// Advertisements that wait for the bus.
    pub(super) fn waiting(&self) -> usize {
        self.daemon.as_ref().map_or(0, |daemon| daemon.waiting)
    }

    /// A message was written.
    pub(super) fn written(&mut self, advertisement: Option<Sender>) {
        let Some(sender) = advertisement else { return };
        self.signalled_total += 1;
        if let Some(sender) = sender {
            *self.heard.entry(sender).or_default() += 1;
        }
        if let Some(daemon) = &mut self.daemon {
            daemon.waiting = daemon.waiting.saturating_sub(1);
        }
    }

    /// Something happens to the adapter.
    pub(super) fn act(&mut self, act: impl FnOnce(&mut Adapter) -> Vec<Signal>) {
        if let Some(daemon) = &mut self.daemon {
            let signals = act(&mut daemon.adapter);
            signals.iter().for_each(|signal| daemon.tell(signal, None));
        }
    }
}

impl Daemon {
    /// A daemon that has just started: it knows what an earlier client has found and no more.
    pub(super) fn new(
        now: Instant,
        options: &Options,
        out: mpsc::UnboundedSender<Outgoing>,
    ) -> Self {
        let mut adapter = Adapter::new(options.temporary, options.filters_duplicates);
        for line in &options.cached {
            let (address, payload) = read(line);
            adapter.remember(now, &address, &payload);
        }
        Self {
            adapter,
            out,
            waiting: 0,
        }
    }

    /// Queues a signal.
    pub(super) fn tell(&mut self, signal: &Signal, advertisement: Option<Sender>) {
        match wire::signal(&self.adapter, signal) {
            Ok(message) => self.send(message, advertisement),
            Err(error) => tracing::warn!(%error, ?signal, "write a signal"),
        }
    }

    /// Queues a message.
    pub(super) fn send(&mut self, message: Message, advertisement: Option<Sender>) {
        let outgoing = Outgoing {
            message,
            advertisement,
        };
        // A writer that has ended has no bus any more; then nobody hears it.
        let _ = self.out.send(outgoing);
    }
}

/// The address as BlueZ writes it, and what the advertisement says. Broken hexadecimal is an
/// empty advertisement: a radio gives bytes, whatever they are.
fn read(line: &AirLine) -> (String, Payload) {
    let ad = hex::decode(&line.ad_hex).unwrap_or_default();
    (line.address.to_ascii_uppercase(), Payload::parse(&ad))
}
