//! Which parts of this process still get on.
//!
//! In: a beat of each part whenever it comes round. Out: the part that stands still, if one does.
//! Promises: a part that waits for something beats all the same, once in [`BEAT_EVERY`]; so
//! silence of [`STILL_MS`] is not a quiet night, but a part that hangs.
//! Invariant: reads no clock, takes no lock.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use crate::{clock::Monotonic, config::SourceConfig};

/// Who waits wakes this often to say that it is there.
pub const BEAT_EVERY: Duration = Duration::from_secs(5);
/// Without a beat for so long a part hangs. The longest that an honest one is away: a sync on a
/// worn SD card (5 s, measured by others), a connection that is given up (10 s) after a pause (10 s).
pub const STILL_MS: u64 = 40_000;
/// A radio that falls silent ends its source by itself after four times its silence; one that is
/// still there after so many times neither speaks nor ends.
const SILENCES_MAX: u64 = 6;

/// What must get on for a gateway to be of use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Takes what the radio hears to the spool.
    Intake,
    /// Writes to the disk.
    Spool,
    /// Speaks to the broker, or tries to.
    Uplink,
}

impl Part {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Intake, Self::Spool, Self::Uplink];

    /// As metrics and the log name it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Intake => "intake",
            Self::Spool => "spool",
            Self::Uplink => "uplink",
        }
    }
}

/// When each part last said that it is there; shared by all of them.
#[derive(Debug, Default)]
pub struct Alive {
    beats_ms: [AtomicU64; Part::ALL.len()],
    listens_since_ms: AtomicU64,
    /// 0: none.
    silence_ms_max: AtomicU64,
}

impl Alive {
    /// The parts are started: from now on each must beat.
    pub fn begin(&self, now: Monotonic) {
        for part in Part::ALL {
            self.beat(part, now);
        }
    }

    /// From now on this radio is listened to; [`silence_ms_max`] of it.
    pub fn listens(&self, now: Monotonic, silence_ms_max: Option<u64>) {
        self.listens_since_ms.store(now.0, Relaxed);
        self.silence_ms_max
            .store(silence_ms_max.unwrap_or(0), Relaxed);
    }

    /// Since when the radio is listened to.
    pub fn listens_since(&self) -> Monotonic {
        Monotonic(self.listens_since_ms.load(Relaxed))
    }

    /// Silence after which it hangs, if it was heard; none: its silence means nothing.
    pub fn silence_ms_max(&self) -> Option<u64> {
        let ms = self.silence_ms_max.load(Relaxed);
        (ms > 0).then_some(ms)
    }

    /// `part` comes round.
    pub fn beat(&self, part: Part, now: Monotonic) {
        self.beats_ms[part as usize].store(now.0, Relaxed);
    }

    /// Whether `part` hangs. None does before it was started.
    pub fn is_still(&self, part: Part, now: Monotonic) -> bool {
        let beat_ms = self.beats_ms[part as usize].load(Relaxed);
        beat_ms > 0 && now.ms_since(Monotonic(beat_ms)) >= STILL_MS
    }

    /// The first that hangs.
    pub fn still(&self, now: Monotonic) -> Option<Part> {
        Part::ALL.into_iter().find(|part| self.is_still(*part, now))
    }
}

/// Silence after which a source that was heard before hangs; none: its silence means nothing.
pub fn silence_ms_max(source: &SourceConfig) -> Option<u64> {
    match source {
        SourceConfig::Btleplug(config) => Some(config.silence_ms * SILENCES_MAX),
        SourceConfig::Hci(config) => Some(config.silence_ms * SILENCES_MAX),
        SourceConfig::Replay { .. } | SourceConfig::Sim { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Monotonic {
        Monotonic(ms)
    }

    #[test]
    fn one_part_that_hangs_is_found_while_the_others_get_on() {
        let alive = Alive::default();
        assert_eq!(alive.still(at(90_000_000)), None);
        alive.begin(at(1_000));
        for hangs in Part::ALL {
            alive.begin(at(1_000));
            let others = Part::ALL.into_iter().filter(|part| *part != hangs);
            others.for_each(|part| alive.beat(part, at(30_000)));
            assert_eq!(alive.still(at(40_999)), None);
            assert_eq!(alive.still(at(41_000)), Some(hangs));
            alive.beat(hangs, at(41_001));
            assert_eq!(alive.still(at(41_002)), None);
        }
    }

    #[test]
    fn the_pause_between_two_beats_is_far_below_what_counts_as_hanging() {
        assert!(u128::from(STILL_MS) >= 4 * BEAT_EVERY.as_millis());
    }
}
