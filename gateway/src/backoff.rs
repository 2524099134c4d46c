//! How long to wait before the next try.
//!
//! Out: a delay between nothing and a ceiling that doubles with each failure ("full jitter"):
//! after a power cut all gateways of a chain come back together, and must not knock together.

use std::time::Duration;

/// Doubles from `first` to `most`.
#[derive(Debug)]
pub(crate) struct Backoff {
    first: Duration,
    most: Duration,
    failures: u32,
}

impl Backoff {
    pub(crate) const fn new(first: Duration, most: Duration) -> Self {
        Self {
            first,
            most,
            failures: 0,
        }
    }

    /// It worked: begin again at `first`.
    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }

    /// The next delay; `random` is spread evenly over all of `u32`.
    pub(crate) fn next(&mut self, random: u32) -> Duration {
        let doubled = self.first.saturating_mul(1 << self.failures.min(16));
        self.failures = self.failures.saturating_add(1);
        let ceiling = doubled.min(self.most);
        // A tenth at least, so that a run of small numbers does not become a busy loop.
        ceiling.mul_f64(0.1 + 0.9 * f64::from(random) / f64::from(u32::MAX))
    }
}

/// Random bits for [`Backoff::next`]. Without randomness all wait the same: worse, not wrong.
pub(crate) fn random() -> u32 {
    getrandom::u32().unwrap_or(u32::MAX / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ceiling_doubles_and_stops() {
        let mut backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(10));
        let ms: Vec<_> = (0..8).map(|_| backoff.next(u32::MAX).as_millis()).collect();
        assert_eq!(ms, [200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000]);
        assert_eq!(backoff.next(0).as_millis(), 1_000);
        backoff.reset();
        assert_eq!(backoff.next(u32::MAX).as_millis(), 200);
    }
}
