//! From a filter's odds to a probability that can be trusted.
//!
//! In: answers with their log odds and whether they were right, from walks that the model had not
//! seen. Out: a monotone map, for which 90 % means 90 %.
//! Promises: higher odds never give a lower probability.
//! Invariant: the map is fixed once it is learned.

use serde::{Deserialize, Serialize};

/// Knots of the map at most: a manager's diagram has ten bars, this has some to spare.
const KNOTS_MAX: usize = 64;

/// A block of answers is at least this many: fewer seconds are one walk's luck.
const BLOCK_MIN: usize = 30;

/// A monotone piecewise-linear map from log odds to probability.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Confidence {
    /// Log odds and probability, both rising. Empty: the odds are taken at their word.
    knots: Vec<(f32, f32)>,
}

impl Confidence {
    /// Isotonic regression by pooling adjacent violators (Ayer et al., 1955) over blocks of answers.
    pub fn learn(answers: &mut [(f32, bool)]) -> Self {
        // Stable: among equal odds the order of asking stands, not right after wrong.
        answers.sort_by(|a, b| a.0.total_cmp(&b.0));
        let size = (answers.len() / KNOTS_MAX).max(BLOCK_MIN);
        // Sum of odds, right ones, all.
        let mut pools: Vec<(f64, f64, f64)> = Vec::new();
        for block in answers.chunks(size) {
            let odds = block.iter().map(|a| f64::from(a.0)).sum();
            let right = block.iter().filter(|a| a.1).count() as f64;
            pools.push((odds, right, block.len() as f64));
            while let [.., a, b] = pools[..] {
                if a.1 * b.2 < b.1 * a.2 {
                    break;
                }
                pools.truncate(pools.len() - 2);
                pools.push((a.0 + b.0, a.1 + b.1, a.2 + b.2));
            }
        }
        // Laplace's rule keeps a block that was always right from promising that it always will be.
        let knot = |(odds, right, all): &(f64, f64, f64)| {
            ((odds / all) as f32, ((right + 1.0) / (all + 2.0)) as f32)
        };
        Self::measured(&pools.iter().map(knot).collect::<Vec<_>>())
    }

    /// What was measured elsewhere: log odds and probability. Sorted here; no probability is lower
    /// than that of lower odds.
    pub fn measured(knots: &[(f32, f32)]) -> Self {
        let mut knots = knots.to_vec();
        knots.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut least = 0.0;
        for (_, p) in &mut knots {
            least = p.max(least);
            *p = least;
        }
        Self { knots }
    }

    /// The probability that an answer with these log odds is right.
    pub fn p(&self, log_odds: f32) -> f32 {
        let after = self.knots.partition_point(|(odds, _)| *odds <= log_odds);
        match (
            after.checked_sub(1).and_then(|at| self.knots.get(at)),
            self.knots.get(after),
        ) {
            (None, None) => 1.0 / (1.0 + (-log_odds).exp()),
            (Some((_, p)), None) | (None, Some((_, p))) => *p,
            (Some(a), Some(b)) => a.1 + (b.1 - a.1) * (log_odds - a.0) / (b.0 - a.0),
        }
    }
}
