//! Visits of a till: who stood within a metre and a half of it for a minute or longer.
//!
//! In: the probability of being there, second by second ([`super::nearness`]), and where cameras
//! saw everybody. Out: precision and recall of visits, and how late they begin and end.
//! Promises: a visit begins and ends on what was heard up to then.
//! Invariant: when a visit begins and ends was chosen on other recordings.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    figures::{Figure, resample, weighed},
    nearness::{AT_TILL, Crowd, Pairs, Weights, model},
    sightings::Seen,
};

/// Nearer than this to somebody at the till is at the till.
const TILL_M: f32 = 1.5;

/// Shorter than this is no visit.
const VISIT_S: u64 = 60;

/// Cameras lose people for some seconds.
const LOST_S: u64 = 10;

/// When a visit begins and ends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Rule {
    /// It begins at this probability,
    enter: f32,
    /// and ends when it was lower than this share of it
    leave: f32,
    /// for so long.
    gap_s: u64,
}

/// From and to, in seconds.
type Span = (u64, u64);

/// A probability by second.
type Series = Vec<(u64, f32)>;

/// How likely each person was at the till, by second, and when she was seen there.
pub(crate) struct Times {
    /// By visitor and till.
    likely: Vec<(String, Series, Truth)>,
}

#[derive(Default)]
struct Truth {
    /// Seconds in which a camera saw her.
    seen: BTreeSet<u64>,
    near: BTreeSet<u64>,
}

/// Visits of one person: found of true, right of said, and by how much they were late.
#[derive(Debug, Clone, Default)]
struct Tally {
    truly: f64,
    found: f64,
    said: f64,
    right: f64,
    enter_s: Vec<f64>,
    exit_s: Vec<f64>,
    dwell_s: Vec<f64>,
}

impl Times {
    /// `tills` are groups of people who are one till each.
    pub(crate) fn new(
        pairs: &Pairs,
        seen: &[Seen],
        tills: &[Vec<String>],
        others: &[&Pairs],
        weights: &Weights,
    ) -> anyhow::Result<Self> {
        let (model, levels) = model(others, weights)?;
        let mut crowd = Crowd::new(&model, levels, weights);
        let people: BTreeSet<&str> = pairs
            .rows
            .iter()
            .flat_map(|r| [r.receiver.as_str(), &r.transmitter])
            .collect();
        let mut series: BTreeMap<(usize, &str), Series> = BTreeMap::new();
        let (Some(first), Some(last)) = (pairs.rows.first(), pairs.rows.last()) else {
            return Ok(Self { likely: Vec::new() });
        };
        let mut rows = pairs.rows.iter().peekable();
        for second in first.ts_ms / 1_000 + 1..=last.ts_ms / 1_000 {
            while let Some(row) = rows.next_if(|row| row.ts_ms <= second * 1_000) {
                crowd.hear(row);
            }
            for (at, till) in tills.iter().enumerate() {
                for &person in people.iter().filter(|p| !till.iter().any(|t| t == *p)) {
                    let near = |t: &String| {
                        let t = people.get(t.as_str())?;
                        let pair = if *t < person {
                            (*t, person)
                        } else {
                            (person, *t)
                        };
                        Some(crowd.near(pair, AT_TILL, second * 1_000))
                    };
                    let p = till.iter().filter_map(near).fold(0.0, f32::max);
                    series.entry((at, person)).or_default().push((second, p));
                }
            }
        }
        let truth = truth(seen, tills);
        let likely = series.into_iter().map(|((at, person), p)| {
            let key = (at, person.to_owned());
            let (seen, near) = (truth.seen.get(person), truth.near.get(&key));
            let truth = Truth {
                seen: seen.cloned().unwrap_or_default(),
                near: near.cloned().unwrap_or_default(),
            };
            (person.to_owned(), p, truth)
        });
        Ok(Self {
            likely: likely.collect(),
        })
    }

    fn tallies(&self, rule: &Rule) -> Vec<Tally> {
        let mut people: BTreeMap<&str, Tally> = BTreeMap::new();
        for (person, p, truth) in &self.likely {
            people
                .entry(person)
                .or_default()
                .add(&rule.visits(p), truth);
        }
        people.into_values().collect()
    }

    /// Harmonic mean of precision and recall.
    fn f1(&self, rule: &Rule) -> f64 {
        let tallies = self.tallies(rule);
        let sum = |of: fn(&Tally) -> f64| tallies.iter().map(of).sum::<f64>();
        let hits = (sum(|t| t.found) + sum(|t| t.right)) / 2.0;
        2.0 * hits / (sum(|t| t.truly) + sum(|t| t.said)).max(1.0)
    }

    pub(crate) fn report(&self, rule: &Rule) {
        let tallies = self.tallies(rule);
        let share = |times: &[f64], of: fn(&Tally) -> f64, all: fn(&Tally) -> f64| {
            weighed(&tallies, times, of) / weighed(&tallies, times, all)
        };
        let [precision, recall]: [Figure; 2] = resample(&[tallies.len()], |times| {
            [
                share(times, |t| t.right, |t| t.said),
                share(times, |t| t.found, |t| t.truly),
            ]
        });
        let all = vec![1.0; tallies.len()];
        eprintln!(
            "till: {} visits of 60 s in truth, {} said; {rule:?}",
            weighed(&tallies, &all, |t| t.truly),
            weighed(&tallies, &all, |t| t.said)
        );
        eprintln!("  precision {precision}, recall {recall}");
        let median = |of: fn(&Tally) -> &Vec<f64>| {
            let mut all: Vec<f64> = tallies.iter().flat_map(|t| of(t).clone()).collect();
            all.sort_by(f64::total_cmp);
            all.get(all.len() / 2).copied().unwrap_or(f64::NAN)
        };
        eprintln!(
            "  median of those found: enter {:+} s, exit {:+} s, dwell {:+} s",
            median(|t| &t.enter_s),
            median(|t| &t.exit_s),
            median(|t| &t.dwell_s)
        );
    }
}

impl Rule {
    fn tried() -> Vec<Self> {
        let mut all = Vec::new();
        for enter in [0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7] {
            for leave in [0.5, 0.7, 0.9] {
                for gap_s in [0, 10, 30] {
                    all.push(Self {
                        enter,
                        leave,
                        gap_s,
                    });
                }
            }
        }
        all
    }

    /// The rule that does best on recordings.
    pub(crate) fn choose(known: &[Times]) -> Option<Self> {
        let f1 = |rule: &Self| known.iter().map(|times| times.f1(rule)).sum::<f64>();
        Self::tried()
            .into_iter()
            .map(|rule| (f1(&rule), rule))
            .max_by(|a, b| a.0.total_cmp(&b.0))
            .map(|best| best.1)
    }

    fn visits(&self, p: &[(u64, f32)]) -> Vec<Span> {
        let mut visits: Vec<Span> = Vec::new();
        let mut open: Option<Span> = None;
        for &(second, p) in p {
            open = match open {
                None => (p >= self.enter).then_some((second, second)),
                Some((from, _)) if p >= self.enter * self.leave => Some((from, second)),
                Some((from, to)) if second - to <= self.gap_s => Some((from, to)),
                Some(visit) => {
                    visits.push(visit);
                    None
                }
            };
        }
        visits.extend(open);
        visits.retain(|(from, to)| to - from >= VISIT_S);
        visits
    }
}

#[derive(Default)]
struct Truths {
    seen: BTreeMap<String, BTreeSet<u64>>,
    near: BTreeMap<(usize, String), BTreeSet<u64>>,
}

fn truth(seen: &[Seen], tills: &[Vec<String>]) -> Truths {
    let mut truths = Truths::default();
    for second in seen.chunk_by(|a, b| a.ts_ms / 1_000 == b.ts_ms / 1_000) {
        for visitor in second {
            let now = visitor.ts_ms / 1_000;
            truths
                .seen
                .entry(visitor.person.clone())
                .or_default()
                .insert(now);
            for (at, till) in tills
                .iter()
                .enumerate()
                .filter(|(_, t)| !t.contains(&visitor.person))
            {
                let there = second.iter().any(|other| {
                    till.contains(&other.person)
                        && (other.x_m - visitor.x_m).hypot(other.y_m - visitor.y_m) <= TILL_M
                });
                if there {
                    truths
                        .near
                        .entry((at, visitor.person.clone()))
                        .or_default()
                        .insert(now);
                }
            }
        }
    }
    truths
}

/// Runs of seconds, over gaps of some seconds.
fn spans(seconds: &BTreeSet<u64>) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    for &second in seconds {
        match spans.last_mut() {
            Some(last) if second - last.1 <= LOST_S => last.1 = second,
            _ => spans.push((second, second)),
        }
    }
    spans.retain(|(from, to)| to - from >= VISIT_S);
    spans
}

impl Tally {
    fn add(&mut self, said: &[Span], truth: &Truth) {
        let overlap = |a: &Span, b: &Span| (a.1.min(b.1) + 1).saturating_sub(a.0.max(b.0)) as f64;
        let truly = spans(&truth.near);
        for visit in &truly {
            self.truly += 1.0;
            let best = said
                .iter()
                .max_by(|a, b| overlap(a, visit).total_cmp(&overlap(b, visit)));
            let long = (visit.1 - visit.0) as f64;
            if let Some(best) = best.filter(|best| overlap(best, visit) >= long / 2.0) {
                self.found += 1.0;
                let late = |a: u64, b: u64| a as f64 - b as f64;
                self.enter_s.push(late(best.0, visit.0));
                self.exit_s.push(late(best.1, visit.1));
                self.dwell_s.push(late(best.1 - best.0, visit.1 - visit.0));
            }
        }
        for visit in said {
            let seen = truth.seen.range(visit.0..=visit.1).count() as f64;
            // Where no camera looked nothing can be said against it.
            if seen < VISIT_S as f64 / 2.0 {
                continue;
            }
            self.said += 1.0;
            let near = truly.iter().map(|t| overlap(t, visit)).sum::<f64>();
            self.right += f64::from(u8::from(near >= seen / 2.0));
        }
    }
}
