//! The gateway's two clocks: the machine's, which only counts, and the server's, which it learns.
//!
//! In: `CLOCK_BOOTTIME`; answers of the server that echo when we asked.
//! Out: [`Monotonic`] moments, and the [`ClockAnchor`] that ties them to the server's time.
//! Promises: an anchor is wrong by at most half its round trip, plus the drift of ten minutes.
//! Invariant: the machine's wall clock is never used for a sighting: a Pi has none worth trusting.

use std::{collections::VecDeque, fs, io};

use protocol::message::ClockAnchor;
use uuid::Uuid;

/// Samples older than this are worth less than a fresh one with a longer round trip: a crystal of
/// 50 ppm drifts 30 ms in the time.
pub const SAMPLE_KEPT_MS: u64 = 600_000;
/// Samples kept at once; one a minute fills ten.
pub const SAMPLES_MAX: usize = 32;
/// Two samples that differ by more than their round trips allow plus this much drift do not
/// speak of the same clock: the server's was set.
const DRIFT_MS: u64 = 60;

/// Milliseconds of this machine's boot clock: runs through suspend, starts over at each boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Monotonic(pub u64);

impl Monotonic {
    /// This moment. Called at the edge only: everything inside takes time as an argument.
    pub fn now() -> Self {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
        let nanos = u64::try_from(now.tv_nsec).unwrap_or(0);
        Self(seconds * 1_000 + nanos / 1_000_000)
    }

    /// Milliseconds since `earlier`; 0 if that is not earlier.
    pub const fn ms_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// The moment `ms` later.
    #[must_use]
    pub const fn plus_ms(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms))
    }
}

/// Which boot of the machine this is, as the kernel names it.
pub fn machine_boot() -> io::Result<Uuid> {
    let text = fs::read_to_string("/proc/sys/kernel/random/boot_id")?;
    Uuid::parse_str(text.trim()).map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e))
}

/// Chooses the best of the last ten minutes' samples.
#[derive(Debug, Default)]
pub struct ClockEstimate {
    samples: VecDeque<Sample>,
}

#[derive(Debug, Clone, Copy)]
struct Sample {
    anchor: ClockAnchor,
    round_trip_ms: u64,
    received: Monotonic,
}

impl ClockEstimate {
    /// Takes the answer to a question that was sent at `sent`; returns the best anchor so far.
    pub fn learn(&mut self, sent: Monotonic, received: Monotonic, server_ms: u64) -> ClockAnchor {
        let round_trip_ms = received.ms_since(sent);
        let sample = Sample {
            anchor: ClockAnchor {
                mono_ms: sent.plus_ms(round_trip_ms / 2).0,
                server_ms,
            },
            round_trip_ms,
            received,
        };
        self.samples
            .retain(|old| received.ms_since(old.received) < SAMPLE_KEPT_MS && old.agrees(&sample));
        if self.samples.len() == SAMPLES_MAX {
            self.samples.pop_front();
        }
        self.samples.push_back(sample);
        self.samples
            .iter()
            .min_by_key(|s| s.round_trip_ms)
            .map_or(sample.anchor, |best| best.anchor)
    }
}

impl Sample {
    fn agrees(&self, other: &Self) -> bool {
        let expected = self.anchor.server_ms_of(other.anchor.mono_ms);
        let allowed = self.round_trip_ms.midpoint(other.round_trip_ms) + DRIFT_MS;
        expected.abs_diff(other.anchor.server_ms) <= allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Monotonic {
        Monotonic(ms)
    }

    #[test]
    fn shortest_round_trip_of_ten_minutes_wins() {
        let mut clock = ClockEstimate::default();
        let slow = clock.learn(at(1_000), at(1_400), 501_200);
        assert_eq!((slow.mono_ms, slow.server_ms), (1_200, 501_200));
        let quick = clock.learn(at(61_000), at(61_010), 561_100);
        assert_eq!(quick.mono_ms, 61_005);
        let again = clock.learn(at(121_000), at(121_400), 621_200);
        assert_eq!(again, quick);
        let later = clock.learn(at(661_020), at(661_320), 1_161_200);
        assert_eq!(later.mono_ms, 661_170);
    }

    #[test]
    fn a_server_clock_that_was_set_is_believed_at_once() {
        let mut clock = ClockEstimate::default();
        clock.learn(at(1_000), at(1_010), 501_005);
        let set = clock.learn(at(61_000), at(61_200), 9_061_100);
        assert_eq!(set.server_ms_of(61_100), 9_061_100);
    }

    /// The server's clock goes a day back, a day forward, and drifts in between: whoever asks is
    /// wrong by half a round trip and the drift that is allowed, never by the step.
    #[test]
    fn through_steps_of_the_servers_clock_the_error_stays_within_its_bound() {
        const DAY_MS: u64 = 86_400_000;
        let mut clock = ClockEstimate::default();
        let mut server_at_zero_ms = 1_800_000_000_000;
        for minute in 1..=300_u64 {
            match minute {
                90 | 91 => server_at_zero_ms -= DAY_MS,
                180 => server_at_zero_ms += 2 * DAY_MS,
                240 => server_at_zero_ms += 2_000,
                _ => {}
            }
            let sent = minute * 60_000;
            let (there, back) = (minute * 7 % 40, minute * 13 % 300);
            let received = sent + there + back;
            let anchor = clock.learn(at(sent), at(received), server_at_zero_ms + sent + there);
            let wrong_ms = anchor
                .server_ms_of(received)
                .abs_diff(server_at_zero_ms + received);
            assert!(wrong_ms <= 170 + DRIFT_MS, "minute {minute}: {wrong_ms}");
        }
    }

    #[test]
    fn boot_clock_does_not_run_backwards() {
        let first = Monotonic::now();
        assert!(Monotonic::now() >= first && first.0 > 0);
    }
}
