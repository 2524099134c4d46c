//! Figures with intervals: resampling of whole units (Efron 1979), a walker or a visit each.
//!
//! In: units, and a figure of any number of them. Out: the figure of all, and its 95 % interval.
//! Promises: the same units give the same interval.
//! Invariant: knows nothing about what a unit is.

use std::fmt;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

/// Resamplings for an interval.
const RESAMPLINGS: usize = 2_000;

/// A figure and its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Figure {
    pub(crate) value: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

impl Figure {
    pub(crate) fn of<U>(units: &[U], figure: impl Fn(&[&U]) -> f64) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(1);
        let mut drawn: Vec<&U> = units.iter().collect();
        let value = figure(&drawn);
        let mut draws: Vec<f64> = (0..RESAMPLINGS)
            .map(|_| {
                for unit in &mut drawn {
                    *unit = &units[random.random_range(0..units.len())];
                }
                figure(&drawn)
            })
            .collect();
        draws.sort_by(f64::total_cmp);
        let at = |q: f64| draws[(q * (RESAMPLINGS - 1) as f64) as usize];
        Self {
            value,
            low: at(0.025),
            high: at(0.975),
        }
    }

    /// A share of few or none: Clopper and Pearson's (1934) upper end by its Poisson limit, since
    /// resampling sees no spread where nothing happened.
    pub(crate) fn rare(events: f64, of: f64) -> Self {
        // Half of a chi-square's 97.5 % with 2 (n + 1) degrees of freedom, by Wilson and Hilferty (1931).
        let upper = |n: f64| n * (1.0 - 1.0 / (9.0 * n) + 1.96 / (3.0 * n.sqrt())).powi(3);
        let lower = |n: f64| n * (1.0 - 1.0 / (9.0 * n) - 1.96 / (3.0 * n.sqrt())).powi(3);
        Self {
            value: events / of,
            low: if events > 0.0 {
                lower(events) / of
            } else {
                0.0
            },
            high: upper(events + 1.0) / of,
        }
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3} [{:.3}, {:.3}]", self.value, self.low, self.high)
    }
}

/// The value below which a share of all lie; infinite where so many never came.
pub(crate) fn quantile(mut values: Vec<f64>, share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let at = (share * values.len() as f64).ceil() as usize;
    values
        .get(at.saturating_sub(1))
        .copied()
        .unwrap_or(f64::NAN)
}
