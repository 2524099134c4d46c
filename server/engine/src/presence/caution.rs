//! How sure one must be before somebody is taken in.
//!
//! In: the rate of false arrivals that the operator accepts, and what colleagues found: "not here", or
//! an order handed over. Out: what is asked beyond the rule of thumb, as log odds and as decibels.
//! Promises: in the long run of labels the accepted rate of false arrivals is what comes of it
//! (stochastic approximation of a quantile; Robbins and Monro, 1951).
//! Invariant: bounded, so that no row of hasty taps closes the door or leaves it open.

use serde::{Deserialize, Serialize};

use crate::input::Rules;

/// One label moves the log odds by at most this much.
const STEP: f32 = 0.5;

/// As far as labels may move the log odds up: a passer-by would have to be 50 times as likely.
const EXTRA_MAX: f32 = 4.0;

/// And down.
const EXTRA_MIN: f32 = -1.0;

/// The accepted rate for which the rule of thumb was chosen, in thousandths.
const USUAL_PERMILLE: u16 = 10;

/// What one log odd is worth where strength alone decides, in hundredths of a dB: with a spread of
/// 6 dB and a gap of 8 dB between inside and outside, 8 / 36 of one for each dB.
const LOG_ODD_CDB: f32 = 450.0;

/// What labels taught so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Caution(f32);

impl Caution {
    /// A colleague looked, and she was not here.
    pub(crate) fn was_wrong(&mut self, rules: &Rules) {
        self.learn(STEP * (1.0 - accepted(rules.false_arrivals_permille)));
    }

    /// She was there after all.
    pub(crate) fn was_not_wrong(&mut self, rules: &Rules) {
        self.learn(-STEP * (1.0 - accepted(rules.false_arrivals_permille)));
    }

    /// She was handed her order: an arrival that was one.
    pub(crate) fn was_right(&mut self, rules: &Rules) {
        self.learn(-STEP * accepted(rules.false_arrivals_permille));
    }

    /// Log odds that are asked beyond the usual.
    pub(crate) fn log_odds(self, rules: &Rules) -> f32 {
        let odds = |permille: u16| {
            let share = accepted(permille);
            ((1.0 - share) / share).ln()
        };
        self.0 + odds(rules.false_arrivals_permille) - odds(USUAL_PERMILLE)
    }

    /// The same in hundredths of a dB.
    pub(crate) fn cdb(self, rules: &Rules) -> i32 {
        (self.log_odds(rules) * LOG_ODD_CDB) as i32 // some thousands
    }

    fn learn(&mut self, by: f32) {
        self.0 = (self.0 + by).clamp(EXTRA_MIN, EXTRA_MAX);
    }
}

/// As a share of 1: neither never nor always.
fn accepted(permille: u16) -> f32 {
    f32::from(permille.clamp(1, 500)) / 1_000.0
}
