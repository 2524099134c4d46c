//! One radio: its socket, its scan, its silence.
//!
//! In: the events of one controller. Out: [`Advertisement`]s.
//! Promises: whatever keeps it from hearing is said once, in words, and tried again; see [`super`].
//! Invariant: an advertisement takes one read; nobody is woken for it alone.

use std::time::Duration;

use tokio::{
    sync::{mpsc, watch},
    time::sleep,
};
use tracing::{debug, info, warn};

use super::{
    super::{
        Advertisement,
        watchdog::{Rung, Watchdog},
    },
    HciError, Heard,
    hearing::Hearing,
    packet::{Answer, Command, H4_EVENT},
    program,
    scan::{Scan, Step},
    transport::{self, Look, PACKET_LEN_MAX, Transport, Trouble},
};
use crate::{
    backoff::{self, Backoff},
    clock::Monotonic,
    config::HciAdapter,
    stop,
};

/// An adapter that is off is looked after this often.
const OFF_EVERY_MS: u64 = 1_000;
/// The socket is looked at this often: of the 500 ms of a window, and of the second in which
/// somebody walks through a door, a trifle. Its buffer holds some 250 packets.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// The same while the controller is told what to do.
const LOOK_EVERY_SOON: Duration = Duration::from_millis(2);
/// Packets that are taken at one look, at most; then others have a turn.
const PACKETS_MAX: usize = 512;
const LE_META: u8 = 0x3e;

pub(super) struct Ears {
    adapter: HciAdapter,
    transport: Option<Transport>,
    scan: Scan,
    hearing: Hearing,
    watchdog: Watchdog,
    heard: Heard,
    /// The adapter is off, and is to be tried again then.
    off_until: Option<Monotonic>,
    /// What was said last, so that it is not said twice.
    told: Option<String>,
    told_others: bool,
    /// What one look found. Handed on together, so that who takes it is woken once.
    found: Vec<Advertisement>,
    to: mpsc::Sender<Advertisement>,
}

/// Why listening to an open socket ended.
enum Ended {
    /// Nobody wants to hear any more.
    Unwanted,
    /// Open it again.
    Lost(Trouble),
    /// Only a new process can help.
    ForGood(HciError),
}

impl Ears {
    pub(super) fn new(
        adapter: HciAdapter,
        hearing: Hearing,
        watchdog: Watchdog,
        heard: Heard,
        to: mpsc::Sender<Advertisement>,
    ) -> Self {
        Self {
            adapter,
            transport: None,
            scan: Scan::default(),
            hearing,
            watchdog,
            heard,
            off_until: None,
            told: None,
            told_others: false,
            found: Vec::new(),
            to,
        }
    }

    /// Listens until asked to stop, and then ends the scan.
    pub(super) async fn run(
        mut self,
        silence_ms: u64,
        mut stop: watch::Receiver<bool>,
    ) -> Result<(), HciError> {
        let ended = tokio::select! {
            ended = self.listen(silence_ms) => ended,
            () = stop::asked(&mut stop) => Ok(()),
        };
        if let (Some(transport), Some(end)) = (&self.transport, self.scan.end()) {
            // Whether it works does not matter: otherwise there is no scan to end.
            let _ = transport.send(end.packet().bytes());
        }
        ended
    }

    async fn listen(&mut self, silence_ms: u64) -> Result<(), HciError> {
        let mut backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(1));
        loop {
            let trouble = match Transport::open(&self.adapter).await {
                Ok(transport) => {
                    // What it was silent about while it was not there is not its fault.
                    let now = Monotonic::now();
                    self.watchdog.powered_off(now);
                    self.watchdog.powered_on(now);
                    self.transport = Some(transport);
                    let first = self.scan.begin_anew(now);
                    match self.hear(first, silence_ms, &mut backoff).await {
                        Ended::Unwanted => return Ok(()),
                        Ended::ForGood(error) => return Err(error),
                        Ended::Lost(trouble) => trouble,
                    }
                }
                Err(trouble) => trouble,
            };
            self.transport = None;
            let in_kernel = matches!(self.adapter, HciAdapter::Kernel(_));
            if in_kernel && matches!(trouble, Trouble::NotAllowed) {
                return Err(HciError::NotAllowed {
                    adapter: self.adapter.clone(),
                    missing: "CAP_NET_ADMIN or CAP_NET_RAW".into(),
                    program: program(),
                });
            }
            self.tell(&trouble);
            if self.to.is_closed() {
                return Ok(());
            }
            sleep(backoff.next(backoff::random())).await;
        }
    }

    /// Listens to the open socket.
    async fn hear(&mut self, first: Command, silence_ms: u64, backoff: &mut Backoff) -> Ended {
        if let Err(ended) = self.command(first) {
            return ended;
        }
        let mut packet = [0; PACKET_LEN_MAX];
        let mut last = Monotonic::now();
        loop {
            let every = match self.scan.poll_at() {
                Some(_) => LOOK_EVERY_SOON,
                None => LOOK_EVERY,
            };
            sleep(every).await;
            let look = Look::after(last);
            last = look.at();
            for _ in 0..PACKETS_MAX {
                let Some(transport) = &self.transport else {
                    return Ended::Lost(Trouble::Gone);
                };
                let (came, packet) = match transport.receive(&look, &mut packet) {
                    Ok(Some(received)) => received,
                    Ok(None) => break,
                    Err(trouble) => return Ended::Lost(trouble),
                };
                if let Err(ended) = self.take(came, packet, backoff) {
                    return ended;
                }
            }
            for advert in self.found.drain(..) {
                if self.to.send(advert).await.is_err() {
                    return Ended::Unwanted;
                }
            }
            if let Err(ended) = self.look(last, silence_ms).await {
                return ended;
            }
        }
    }

    fn take(&mut self, came: Monotonic, packet: &[u8], backoff: &mut Backoff) -> Result<(), Ended> {
        let event = match packet {
            [H4_EVENT, event @ ..] => event,
            // Our own socket's filter lets nothing else in; another's may.
            _ => &[],
        };
        if event.first() != Some(&LE_META) {
            return match Answer::of(event) {
                Some(answer) => self.answered(came, answer, backoff),
                None => Ok(()),
            };
        }
        let before = self.found.len();
        self.found.extend(self.hearing.adverts(came, event));
        if self.found.len() > before {
            self.watchdog.heard(came);
            self.heard.at(came);
        }
        Ok(())
    }

    fn answered(
        &mut self,
        now: Monotonic,
        answer: Answer,
        backoff: &mut Backoff,
    ) -> Result<(), Ended> {
        match self.scan.answered(now, answer) {
            Step::Send(command) => self.command(command),
            Step::Scans => {
                info!(adapter = %self.adapter, "scanning");
                self.told = None;
                backoff.reset();
                Ok(())
            }
            Step::Refused(command, status) => {
                self.refused(now, command, status);
                Ok(())
            }
            Step::Others => {
                self.tell_others();
                Ok(())
            }
            Step::Nothing => Ok(()),
        }
    }

    fn refused(&mut self, now: Monotonic, command: Command, status: u8) {
        debug!(adapter = %self.adapter, ?command, status, "the controller refuses");
        self.watchdog.try_soon(now);
    }

    /// What is due by the clock.
    async fn look(&mut self, now: Monotonic, silence_ms: u64) -> Result<(), Ended> {
        match self.scan.due(now) {
            Step::Send(command) => return self.command(command),
            Step::Refused(command, status) => self.refused(now, command, status),
            _ => {}
        }
        let Some(rung) = self.watchdog.due(now) else {
            return match self.off_until {
                Some(until) if now >= until => {
                    let first = self.scan.begin(now);
                    self.command(first)
                }
                _ => Ok(()),
            };
        };
        let (adapter, silent_ms) = (self.adapter.clone(), self.watchdog.silent_ms(now));
        let first = match rung {
            Rung::KeepScanning => self.scan.begin(now),
            Rung::RestartScan => {
                warn!(%adapter, silent_ms, "nothing heard: restarting the scan");
                // It may be that it was switched off.
                self.power(true).await;
                self.scan.begin_anew(Monotonic::now())
            }
            Rung::PowerCycle => {
                warn!(%adapter, silent_ms, "nothing heard: switching the adapter off and on");
                self.power(false).await;
                self.power(true).await;
                match adapter {
                    // The kernel resets what it switches on.
                    HciAdapter::Kernel(_) => self.scan.begin_anew(Monotonic::now()),
                    HciAdapter::Unix(_) => self.scan.reset(Monotonic::now()),
                }
            }
            Rung::Leave if self.others_hear(now, silence_ms) => {
                warn!(%adapter, silent_ms, "nothing heard by this radio; the others go on");
                self.watchdog.stay(now);
                self.scan.begin_anew(now)
            }
            Rung::Leave => return Err(Ended::ForGood(HciError::Silent { adapter, silent_ms })),
        };
        self.command(first)
    }

    fn others_hear(&self, now: Monotonic, silence_ms: u64) -> bool {
        self.heard
            .by_others_since(Monotonic(now.0.saturating_sub(silence_ms)))
    }

    async fn power(&mut self, on: bool) {
        if let Err(trouble) = transport::power(&self.adapter, on).await {
            self.tell(&trouble);
        }
    }

    fn command(&mut self, command: Command) -> Result<(), Ended> {
        let Some(transport) = &self.transport else {
            return Err(Ended::Lost(Trouble::Gone));
        };
        let now = Monotonic::now();
        match transport.send(command.packet().bytes()) {
            Ok(()) => {
                if self.off_until.take().is_some() {
                    self.watchdog.powered_on(now);
                }
                Ok(())
            }
            Err(trouble @ Trouble::Off) => {
                if self.off_until.is_none() {
                    self.tell(&trouble);
                    self.watchdog.powered_off(now);
                }
                self.off_until = Some(now.plus_ms(OFF_EVERY_MS));
                self.scan.forget();
                Ok(())
            }
            Err(Trouble::Busy) => {
                self.watchdog.try_soon(now);
                Ok(())
            }
            Err(trouble) => Err(Ended::Lost(trouble)),
        }
    }

    fn tell(&mut self, trouble: &Trouble) {
        let told = trouble.to_string();
        if self.told.as_ref() == Some(&told) {
            return;
        }
        let error = trouble as &dyn std::error::Error;
        warn!(adapter = %self.adapter, error, "this radio cannot be heard");
        self.told = Some(told);
    }

    /// A daemon that scans does so every few seconds.
    fn tell_others(&mut self) {
        let adapter = &self.adapter;
        if std::mem::replace(&mut self.told_others, true) {
            debug!(%adapter, "somebody else changes this adapter's scan again");
        } else {
            warn!(%adapter, "somebody else changes this adapter's scan; setting it right");
        }
    }
}
