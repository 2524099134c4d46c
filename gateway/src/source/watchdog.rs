//! Silence, and what is done about it.
//!
//! In: moments at which something was heard, what the adapter says of its power. Out: the next
//! [`Rung`] and when it is due.
//! Promises: as long as something is heard, nothing is done. A radio that has been heard and
//! falls silent climbs the whole ladder; one that was never heard may stand where there is
//! nothing to hear, so it never leaves, and climbs ever more slowly.
//! Invariant: reads no clock.

use crate::clock::Monotonic;

/// After so much silence it is made sure that the scan runs: a restarted bluetoothd says nothing.
const KEEP_SCANNING_MS: u64 = 3_000;
/// The same after a try that failed: the adapter, or bluetoothd, is away.
const TRY_SOON_MS: u64 = 1_000;
/// What an adapter says of its power for so long after we switched it off and on is our own doing.
const OWN_DOING_MS: u64 = 10_000;
/// The most that a radio that was never heard waits between two rungs.
const PATIENCE_MS_MAX: u64 = 600_000;

/// What to do about silence, from the mildest to the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rung {
    /// Start the scan if it does not run.
    KeepScanning,
    /// End the scan and start it.
    RestartScan,
    /// Switch the adapter off and on.
    PowerCycle,
    /// End the process, so that a new one is started.
    Leave,
}

#[derive(Debug)]
pub(super) struct Watchdog {
    /// Silence up to the first rung; the second comes after twice, the last after four times.
    silence_ms: u64,
    heard_at: Monotonic,
    heard_ever: bool,
    off: bool,
    keep_at: Monotonic,
    climbed: Climbed,
    cycled_at: Option<Monotonic>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Climbed {
    Nothing,
    Restarted,
    Cycled,
}

impl Watchdog {
    pub(super) fn new(silence_ms: u64, now: Monotonic) -> Self {
        Self {
            silence_ms: silence_ms.max(1),
            heard_at: now,
            heard_ever: false,
            off: false,
            keep_at: now.plus_ms(KEEP_SCANNING_MS),
            climbed: Climbed::Nothing,
            cycled_at: None,
        }
    }

    /// Something was heard.
    pub(super) fn heard(&mut self, now: Monotonic) {
        self.heard_at = now;
        self.heard_ever = true;
        self.off = false;
        self.keep_at = now.plus_ms(KEEP_SCANNING_MS);
        self.climbed = Climbed::Nothing;
    }

    /// The adapter was switched off: by somebody, who gets the time of one rung to switch it on;
    /// or by us, which changes nothing.
    pub(super) fn powered_off(&mut self, now: Monotonic) {
        if self
            .cycled_at
            .is_some_and(|at| now.ms_since(at) < OWN_DOING_MS)
        {
            return;
        }
        self.off = true;
        self.heard_at = now;
        self.climbed = Climbed::Nothing;
    }

    /// It was switched on.
    pub(super) fn powered_on(&mut self, now: Monotonic) {
        self.off = false;
        self.keep_at = now.plus_ms(KEEP_SCANNING_MS);
    }

    /// Whether it was switched off, as far as is known, and whoever did has time yet.
    pub(super) fn is_off(&self) -> bool {
        self.off
    }

    /// Starting the scan failed.
    pub(super) fn try_soon(&mut self, now: Monotonic) {
        self.keep_at = now.plus_ms(TRY_SOON_MS);
    }

    /// For how long nothing was heard.
    pub(super) fn silent_ms(&self, now: Monotonic) -> u64 {
        now.ms_since(self.heard_at)
    }

    /// When [`Watchdog::due`] next has something to say.
    pub(super) fn poll_at(&self) -> Monotonic {
        let rung_at = self.next_rung().1;
        if self.off {
            rung_at
        } else {
            rung_at.min(self.keep_at)
        }
    }

    /// What is to be done now, if anything.
    pub(super) fn due(&mut self, now: Monotonic) -> Option<Rung> {
        let (rung, at) = self.next_rung();
        if now >= at {
            self.keep_at = now.plus_ms(KEEP_SCANNING_MS);
            // Whoever switched it off had their time.
            self.off = false;
            match rung {
                Rung::RestartScan => self.climbed = Climbed::Restarted,
                Rung::PowerCycle => {
                    self.climbed = Climbed::Cycled;
                    self.cycled_at = Some(now);
                }
                Rung::Leave if self.heard_ever => {}
                _ => return Some(self.begin_again(now)),
            }
            return Some(rung);
        }
        if self.off || now < self.keep_at {
            return None;
        }
        self.keep_at = now.plus_ms(KEEP_SCANNING_MS);
        Some(Rung::KeepScanning)
    }

    fn next_rung(&self) -> (Rung, Monotonic) {
        let (rung, factor) = match self.climbed {
            Climbed::Nothing => (Rung::RestartScan, 1),
            Climbed::Restarted => (Rung::PowerCycle, 2),
            Climbed::Cycled => (Rung::Leave, 4),
        };
        (
            rung,
            self.heard_at
                .plus_ms(self.silence_ms.saturating_mul(factor)),
        )
    }

    /// The last rung is not to be taken now: others still hear.
    pub(super) fn stay(&mut self, now: Monotonic) {
        self.begin_again(now);
    }

    /// Never heard anything: the ladder again from its foot, more slowly.
    fn begin_again(&mut self, now: Monotonic) -> Rung {
        self.silence_ms = self.silence_ms.saturating_mul(2).min(PATIENCE_MS_MAX);
        self.heard_at = now;
        self.climbed = Climbed::Nothing;
        Rung::KeepScanning
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SILENCE_MS: u64 = 20_000;

    /// Walks through time and notes each rung with the second at which it came, without the
    /// steady looks whether the scan runs.
    fn climb(watchdog: &mut Watchdog, from_s: u64, to_s: u64) -> Vec<(u64, Rung)> {
        let rungs = (from_s..=to_s).filter_map(|s| Some((s, watchdog.due(Monotonic(s * 1_000))?)));
        rungs
            .filter(|(_, rung)| *rung != Rung::KeepScanning)
            .collect()
    }

    fn at(s: u64) -> Monotonic {
        Monotonic(s * 1_000)
    }

    #[test]
    fn a_radio_that_falls_silent_climbs_to_the_end() {
        let mut watchdog = Watchdog::new(SILENCE_MS, at(0));
        watchdog.heard(at(100));
        assert_eq!(
            climb(&mut watchdog, 100, 180),
            [
                (120, Rung::RestartScan),
                (140, Rung::PowerCycle),
                (180, Rung::Leave)
            ]
        );
    }

    #[test]
    fn an_advertisement_sends_it_back_to_the_foot() {
        let mut watchdog = Watchdog::new(SILENCE_MS, at(0));
        watchdog.heard(at(1));
        assert_eq!(climb(&mut watchdog, 1, 30), [(21, Rung::RestartScan)]);
        watchdog.heard(at(31));
        assert_eq!(climb(&mut watchdog, 31, 52), [(51, Rung::RestartScan)]);
    }

    #[test]
    fn a_radio_that_was_never_heard_stays_and_tries_ever_more_slowly() {
        let mut watchdog = Watchdog::new(SILENCE_MS, at(0));
        let rungs = climb(&mut watchdog, 0, 400);
        assert_eq!(
            rungs,
            [
                (20, Rung::RestartScan),
                (40, Rung::PowerCycle),
                (120, Rung::RestartScan),
                (160, Rung::PowerCycle),
                (320, Rung::RestartScan),
                (400, Rung::PowerCycle)
            ]
        );
        let slow = climb(&mut watchdog, 401, 100_000);
        let restarts: Vec<u64> = slow
            .iter()
            .filter(|(_, rung)| *rung == Rung::RestartScan)
            .map(|(s, _)| *s)
            .collect();
        let last = restarts.len() - 1;
        assert_eq!(restarts[last] - restarts[last - 1], 2_400);
    }

    #[test]
    fn one_that_was_switched_off_is_so_until_it_is_on_or_its_time_is_over() {
        let mut watchdog = Watchdog::new(SILENCE_MS, at(0));
        watchdog.powered_off(at(10));
        assert!(watchdog.is_off());
        assert_eq!(watchdog.due(at(29)), None);
        watchdog.powered_on(at(29));
        assert!(!watchdog.is_off());
        watchdog.powered_off(at(40));
        assert_eq!(watchdog.due(at(60)), Some(Rung::RestartScan));
        assert!(!watchdog.is_off());
    }

    #[test]
    fn silence_of_seconds_only_makes_sure_that_the_scan_runs() {
        let mut watchdog = Watchdog::new(SILENCE_MS, at(0));
        watchdog.heard(at(10));
        assert_eq!(watchdog.poll_at(), at(13));
        assert_eq!(watchdog.due(at(12)), None);
        assert_eq!(watchdog.due(at(13)), Some(Rung::KeepScanning));
        watchdog.try_soon(at(13));
        assert_eq!(watchdog.poll_at(), at(14));
    }

    #[test]
    fn our_own_switching_off_and_on_does_not_begin_the_ladder_again() {
        let mut watchdog = Watchdog::new(SILENCE_MS, at(0));
        watchdog.heard(at(100));
        climb(&mut watchdog, 100, 140);
        watchdog.powered_off(at(141));
        watchdog.powered_on(at(142));
        assert_eq!(climb(&mut watchdog, 142, 180), [(180, Rung::Leave)]);
    }

    #[test]
    fn one_that_stays_climbs_again_more_slowly() {
        let mut watchdog = Watchdog::new(SILENCE_MS, at(0));
        watchdog.heard(at(100));
        climb(&mut watchdog, 100, 180);
        watchdog.stay(at(180));
        assert_eq!(climb(&mut watchdog, 181, 220), [(220, Rung::RestartScan)]);
    }

    #[test]
    fn an_adapter_that_somebody_switched_off_is_left_alone_for_one_rung() {
        let mut watchdog = Watchdog::new(SILENCE_MS, at(0));
        watchdog.heard(at(10));
        watchdog.powered_off(at(12));
        assert_eq!(watchdog.poll_at(), at(32));
        assert_eq!(watchdog.due(at(31)), None);
        assert_eq!(watchdog.due(at(32)), Some(Rung::RestartScan));
    }
}
