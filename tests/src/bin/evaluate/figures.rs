//! Figures: shares, areas under curves, quantiles, and intervals of all of them.
//!
//! In: units, scores, probabilities, truth. Out: numbers.
//! Promises: the same units give the same interval.
//! Invariant: units that are drawn are people, walks, visits or pairs, never seconds, which depend on
//! one another; what a unit is, is not known here.

use std::fmt;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

/// Resamplings for an interval.
const RESAMPLINGS: usize = 2_000;

/// From here on an answer counts as sure.
const SURE: f32 = 0.9;

/// A figure with the middle 95 % of what resampling gives (Efron 1979).
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Figure {
    pub(crate) value: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

/// Figures of a sample, and of resamplings of it. `groups` says how many units each group has,
/// since units are drawn from their own; `of` gets how often each unit is in.
pub(crate) fn resample<const N: usize>(
    groups: &[usize],
    of: impl Fn(&[f64]) -> [f64; N],
) -> [Figure; N] {
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let mut draws = vec![Vec::with_capacity(RESAMPLINGS); N];
    let units: usize = groups.iter().sum();
    for _ in 0..RESAMPLINGS {
        let mut times = vec![0.0; units];
        let mut from = 0;
        for &group in groups {
            for _ in 0..group {
                times[from + random.random_range(0..group)] += 1.0;
            }
            from += group;
        }
        for (draw, figure) in draws.iter_mut().zip(of(&times)) {
            // A draw in which nothing can be told, as one without any answer, tells nothing.
            if !figure.is_nan() {
                draw.push(figure);
            }
        }
    }
    let values = of(&vec![1.0; units]);
    std::array::from_fn(|n| Figure::between(values[n], &mut draws[n]))
}

impl Figure {
    fn between(value: f64, draws: &mut [f64]) -> Self {
        draws.sort_by(f64::total_cmp);
        let last = draws.len().saturating_sub(1) as f64;
        let at = |q: f64| draws.get((q * last) as usize).copied().unwrap_or(f64::NAN);
        Self {
            value,
            low: at(0.025),
            high: at(0.975),
        }
    }

    /// One figure of units that are of one group.
    pub(crate) fn of<U>(units: &[U], figure: impl Fn(&[&U]) -> f64) -> Self {
        let drawn = |times: &[f64]| -> Vec<&U> {
            let each = units.iter().zip(times);
            each.flat_map(|(unit, n)| std::iter::repeat_n(unit, *n as usize))
                .collect()
        };
        let [one] = resample(&[units.len()], |times| [figure(&drawn(times))]);
        one
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

/// The sum of something over all units, each as often as it was drawn.
pub(crate) fn weighed<U>(units: &[U], times: &[f64], of: impl Fn(&U) -> f64) -> f64 {
    units.iter().zip(times).map(|(unit, n)| n * of(unit)).sum()
}

/// Answers of one unit: all, those that are right, those that are sure.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Tally {
    all: f64,
    right: f64,
    sure: f64,
    sure_right: f64,
}

impl Tally {
    pub(crate) fn add(&mut self, p: f32, right: bool) {
        let one = |is: bool| f64::from(u8::from(is));
        self.all += 1.0;
        self.right += one(right);
        self.sure += one(p >= SURE);
        self.sure_right += one(p >= SURE && right);
    }

    pub(crate) fn sum(tallies: &[Self], times: &[f64]) -> Self {
        let sum = |of: fn(&Self) -> f64| weighed(tallies, times, of);
        Self {
            all: sum(|t| t.all),
            right: sum(|t| t.right),
            sure: sum(|t| t.sure),
            sure_right: sum(|t| t.sure_right),
        }
    }

    /// Share that is right, share that is sure, right among those.
    pub(crate) fn shares(&self) -> [f64; 3] {
        [
            self.right / self.all,
            self.sure / self.all,
            self.sure_right / self.sure,
        ]
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

/// The order in which [`auc`] reads scores: computed once, used for each resampling.
pub(crate) fn ranked(scores: &[f32]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|&a, &b| scores[a].total_cmp(&scores[b]));
    order
}

/// How likely a true case has a higher score than a false one, ties by half (Hanley and McNeil
/// 1982); `weight` says how often a case counts.
pub(crate) fn auc(
    order: &[usize],
    scores: &[f32],
    truth: &[bool],
    weight: impl Fn(usize) -> f64,
) -> f64 {
    let (mut below, mut above, mut pairs) = (0.0, 0.0, 0.0);
    for tied in order.chunk_by(|&a, &b| scores[a] == scores[b]) {
        let (mut no, mut yes) = (0.0, 0.0);
        for &case in tied {
            if truth[case] {
                yes += weight(case);
            } else {
                no += weight(case);
            }
        }
        pairs += yes * (below + no / 2.0);
        below += no;
        above += yes;
    }
    pairs / (below * above)
}

/// Tenths of probability: how many, their mean, how many were right.
pub(crate) type Bars = [(f64, f64, f64); 10];

pub(crate) fn bars(answers: impl Iterator<Item = (f32, bool)>) -> Bars {
    let mut bars = Bars::default();
    for (p, right) in answers {
        let bar = &mut bars[((p * 10.0) as usize).min(9)];
        let right = f64::from(u8::from(right));
        *bar = (bar.0 + 1.0, bar.1 + f64::from(p), bar.2 + right);
    }
    bars
}

pub(crate) fn print_bars(bars: &Bars) {
    eprintln!("reliability: said p, seconds, right");
    for (n, p, right) in bars.iter().filter(|bar| bar.0 > 0.0) {
        eprintln!("{:.3} {n:6} {:.3}", p / n, right / n);
    }
}
