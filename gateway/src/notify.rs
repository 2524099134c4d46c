//! What systemd is told (sd_notify(3)).
//!
//! In: the address in `NOTIFY_SOCKET`, the time in `WATCHDOG_USEC`, the beats of all parts.
//! Out: that we are ready, that we stop, and a sign of life.
//! Promises: a sign of life goes out only while radio, spool and uplink all get on; so a gateway
//! in which one of them hangs is started anew. Without systemd nothing happens.
//! Invariant: never waits for systemd, and a systemd that does not listen is no reason to stop.

use std::{
    ffi::OsStr,
    io,
    os::{
        linux::net::SocketAddrExt,
        unix::{
            ffi::OsStrExt,
            net::{SocketAddr, UnixDatagram},
        },
    },
    time::Duration,
};

use tokio::time::{MissedTickBehavior, interval};
use tracing::{debug, error};

use crate::{clock::Monotonic, counts::Counters};

/// A line to systemd.
#[derive(Debug)]
pub(crate) struct Systemd {
    line: Option<(UnixDatagram, SocketAddr)>,
    watchdog: Option<Duration>,
}

impl Systemd {
    /// As the environment says.
    pub(crate) fn from_env() -> Self {
        let socket = std::env::var_os("NOTIFY_SOCKET");
        let number = |name| std::env::var(name).ok()?.parse::<u64>().ok();
        // For another process: then it is not us whom systemd watches.
        let ours = number("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(std::process::id()));
        let watchdog = number("WATCHDOG_USEC").filter(|us| ours && *us > 0);
        Self::new(socket.as_deref(), watchdog.map(Duration::from_micros))
    }

    fn new(socket: Option<&OsStr>, watchdog: Option<Duration>) -> Self {
        let line = socket.and_then(|socket| {
            let line = open(socket);
            line.inspect_err(|error| debug!(%error, "systemd cannot be told"))
                .ok()
        });
        Self { line, watchdog }
    }

    /// All parts run.
    pub(crate) fn ready(&self) {
        self.tell("READY=1\nSTATUS=listening");
    }

    /// Windows are being closed and handed over.
    pub(crate) fn stopping(&self) {
        self.tell("STOPPING=1\nSTATUS=handing over what was heard");
    }

    /// Gives signs of life for as long as there is life. Never returns.
    pub(crate) async fn watch(&self, counts: &Counters) {
        let Some(watchdog) = self.watchdog.filter(|_| self.line.is_some()) else {
            return std::future::pending().await;
        };
        let mut pulse = interval(watchdog / 3);
        pulse.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut told = false;
        loop {
            pulse.tick().await;
            let hangs = hangs(counts, counts.alive().silence_ms_max(), Monotonic::now());
            match hangs {
                None => self.tell("WATCHDOG=1"),
                Some(part) if !told => error!(
                    part,
                    "this part hangs: no sign of life, so that systemd starts the gateway anew"
                ),
                Some(_) => {}
            }
            told = hangs.is_some();
        }
    }

    fn tell(&self, words: &str) {
        let Some((socket, address)) = &self.line else {
            return;
        };
        if let Err(error) = socket.send_to_addr(words.as_bytes(), address) {
            debug!(%error, "systemd cannot be told");
        }
    }
}

/// A name that begins with `@` has no file.
fn open(socket: &OsStr) -> io::Result<(UnixDatagram, SocketAddr)> {
    let address = match socket.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
        _ => SocketAddr::from_pathname(socket)?,
    };
    let line = UnixDatagram::unbound()?;
    line.set_nonblocking(true)?;
    Ok((line, address))
}

/// The part that hangs: one that does not come round, or a radio that was heard, is silent for
/// longer than its own ladder lasts, and has not ended.
fn hangs(counts: &Counters, silence_ms_max: Option<u64>, now: Monotonic) -> Option<&'static str> {
    if let Some(part) = counts.alive().still(now) {
        return Some(part.as_str());
    }
    // A radio that was changed for another has time to be heard.
    let since = counts.heard_at()?.max(counts.alive().listens_since());
    let silent_ms = now.ms_since(since);
    (silent_ms >= silence_ms_max?).then_some("radio")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alive::{Part, STILL_MS};

    fn at(ms: u64) -> Monotonic {
        Monotonic(ms)
    }

    #[test]
    fn a_radio_that_neither_speaks_nor_ends_hangs_and_one_never_heard_does_not() {
        let counts = Counters::default();
        assert_eq!(hangs(&counts, Some(126_000), at(9_000_000)), None);
        counts.heard(at(1_000));
        assert_eq!(hangs(&counts, Some(126_000), at(126_999)), None);
        assert_eq!(hangs(&counts, Some(126_000), at(127_000)), Some("radio"));
        assert_eq!(hangs(&counts, None, at(127_000)), None);
    }

    fn systemd(dir: &std::path::Path) -> (UnixDatagram, Systemd) {
        let path = dir.join("notify");
        let listener = UnixDatagram::bind(&path).unwrap();
        listener
            .set_read_timeout(Some(Duration::from_secs(5)))
            .unwrap();
        let watchdog = Some(Duration::from_millis(30));
        (listener, Systemd::new(Some(path.as_os_str()), watchdog))
    }

    fn said(listener: &UnixDatagram) -> io::Result<String> {
        let mut words = [0; 256];
        let len = listener.recv(&mut words)?;
        Ok(String::from_utf8_lossy(&words[..len]).into_owned())
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn signs_of_life_end_when_one_part_hangs_and_come_back_when_it_gets_on() {
        let dir = tempfile::tempdir().unwrap();
        let (listener, systemd) = systemd(dir.path());
        let counts = Counters::default();
        counts.alive().begin(Monotonic::now());
        systemd.ready();
        assert!(said(&listener).unwrap().starts_with("READY=1"));
        let counted = counts.clone();
        let watch = tokio::spawn(async move { systemd.watch(&counted).await });
        assert_eq!(said(&listener).unwrap(), "WATCHDOG=1");

        let long_ago = Monotonic(Monotonic::now().0.saturating_sub(STILL_MS).max(1));
        counts.alive().beat(Part::Spool, long_ago);
        listener
            .set_read_timeout(Some(Duration::from_millis(300)))
            .unwrap();
        // One may have been on its way.
        let words: Vec<_> = std::iter::from_fn(|| said(&listener).ok())
            .take(3)
            .collect();
        assert!(words.len() < 3, "{words:?}");
        counts.alive().beat(Part::Spool, Monotonic::now());
        assert_eq!(said(&listener).unwrap(), "WATCHDOG=1");
        watch.abort();
    }

    #[tokio::test]
    async fn a_systemd_without_a_file_is_told_too() {
        let name = format!("welkom-test-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let listener = UnixDatagram::bind_addr(&address).unwrap();
        Systemd::new(Some(OsStr::new(&format!("@{name}"))), None).stopping();
        assert!(said(&listener).unwrap().starts_with("STOPPING=1"));
    }

    #[test]
    fn the_unit_waits_for_ready_and_for_life_and_its_pulse_is_quicker_than_its_patience() {
        let unit = include_str!("../../deploy/gateway/welkom-gateway.service");
        let of = |key: &str| unit.lines().find_map(|line| line.strip_prefix(key));
        assert_eq!(of("Type="), Some("notify"));
        assert_eq!(of("Restart="), Some("always"));
        let watchdog_s: u64 = of("WatchdogSec=").unwrap().parse().unwrap();
        // A part that hangs is told after at most both.
        assert!(watchdog_s * 1_000 + STILL_MS <= 120_000);
        assert!(watchdog_s >= 30);
    }

    #[test]
    fn without_systemd_nothing_happens() {
        Systemd::new(None, None).ready();
        Systemd::new(Some(OsStr::new("/nowhere/notify")), None).ready();
    }
}
