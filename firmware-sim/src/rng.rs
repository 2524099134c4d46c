//! Randomness that repeats.
//!
//! In: the run's seed, a concern's name and a number within it. Out: a generator of its own.
//! Promises: equal seeds give equal runs; a draw that is added to one concern moves no other.
//! Invariant: nothing here asks the operating system for randomness.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};

/// The seed that a whole run follows from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seed(pub u64);

impl Seed {
    /// The generator of one concern (`"fading"`) and one member of it (the seventh link).
    pub fn stream(self, concern: &str, index: u64) -> ChaCha8Rng {
        ChaCha8Rng::from_seed(self.digest(concern, index))
    }

    /// Sixteen bytes that only this seed, concern and number give.
    pub fn bytes16(self, concern: &str, index: u64) -> [u8; 16] {
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&self.digest(concern, index)[..16]);
        bytes
    }

    fn digest(self, concern: &str, index: u64) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(self.0.to_le_bytes());
        hash.update(index.to_le_bytes());
        hash.update(concern.as_bytes());
        hash.finalize().into()
    }
}

/// A standard normal draw (Box and Muller, 1958): mean 0, deviation 1.
pub fn normal(rng: &mut ChaCha8Rng) -> f64 {
    // 1 - u lies in (0, 1]: the logarithm stays finite.
    let u: f64 = 1.0 - rng.random::<f64>();
    let v: f64 = rng.random();
    (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_repeat_and_differ_by_concern_and_number() {
        let draw = |concern, index| Seed(7).stream(concern, index).random::<u64>();
        assert_eq!(draw("fading", 1), draw("fading", 1));
        assert_ne!(draw("fading", 1), draw("fading", 2));
        assert_ne!(draw("fading", 1), draw("paths", 1));
    }

    #[test]
    fn normal_draws_have_mean_0_and_deviation_1() {
        let mut rng = Seed(1).stream("test", 0);
        let draws: Vec<f64> = (0..20_000).map(|_| normal(&mut rng)).collect();
        let mean = draws.iter().sum::<f64>() / 20_000.0;
        let variance = draws.iter().map(|d| (d - mean).powi(2)).sum::<f64>() / 20_000.0;
        assert!(mean.abs() < 0.03 && (variance - 1.0).abs() < 0.05);
    }
}
