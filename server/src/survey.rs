//! What a calibration walk found, and what it would be worth.
//!
//! In: a walk's stands with their sums. Out: what each anchor has of a radio in each zone; which
//! zones look alike; how often the walk's own parts would have been told right.
//! Promises: what is judged was not learned from: a stand is left out if its zone was walked again,
//! else its part.
//! Invariant: pure; a zone that nobody stood in long enough is said to be so, never guessed.
//!
//! Sightings in a zone are a marked Poisson process with rate `r` and normal strengths. Two such have
//! the Bhattacharyya coefficient `exp(-T/2 sum (r1 + r2 - 2 sqrt(r1 r2) g))` over a time `T`, with
//! `g` that of the two normals; of two zones that are as likely as each other, the wrong one is told
//! in at most half of that (Kailath 1967, eq. 17 and 24).

use std::collections::{BTreeMap, BTreeSet};

use engine::input::Surveyed;
use protocol::{AnchorId, ZoneId};

use crate::store::walk::{Part, StandRow, Tally};

/// Below this a zone is not known well enough.
pub const STOOD_MS_MIN: u64 = 20_000;
/// Zones that overlap more than this cannot be told apart: wrong up to one time in four.
pub const ALIKE_FROM: f32 = 0.5;
/// Zones that overlap more than this are taken for each other now and then: one time in ten.
pub const CLOSE_FROM: f32 = 0.2;

/// Somebody who stands in a zone for this long should be told. Sightings of the same seconds fade
/// together, so it is a third of the 15 s in which the engine may take its time.
const TELL_WITHIN_S: f32 = 5.0;
/// Strengths of one spot swing by this much at least, whatever a short walk saw.
const SIGMA_DB_MIN: f32 = 3.0;
/// What a strength is taken to swing by before it was heard often: phones in hands and bags.
const SIGMA_DB_FIRST: f32 = 6.0;
/// Sightings that [`SIGMA_DB_FIRST`] is worth.
const FIRST_SIGHTINGS: f32 = 4.0;
/// An anchor that never heard her in a zone counts as if it had so many sightings: never is a word
/// that no walk can say.
const SIGHTINGS_MIN: f32 = 0.25;
/// How strong a radio would have been that was never heard.
const FAINTEST_DBM: f32 = -95.0;
/// Sightings of one part and anchor that count at most: they fade together.
const SIGHTINGS_COUNTED_MAX: f32 = 4.0;

/// What a walk is worth.
#[derive(Debug, Clone, PartialEq)]
pub struct Findings {
    /// One for each anchor and zone that was walked.
    pub surveyed: Vec<Surveyed>,
    /// Share of the walk's parts that the rest of the walk tells right. None: too little to leave
    /// anything out.
    pub right: Option<f32>,
    /// Zones that look alike, the worst first.
    pub pairs: Vec<Pair>,
    /// Zones in which she stood too shortly.
    pub short: Vec<ZoneId>,
    /// Zones in which she did not stand.
    pub missed: Vec<ZoneId>,
}

/// Two zones that look alike.
#[derive(Debug, Clone, PartialEq)]
pub struct Pair {
    /// The two.
    pub zones: (ZoneId, ZoneId),
    /// By how much they overlap: 0 not at all, 1 wholly.
    pub overlap: f32,
    /// The anchor that hears both most: it would tell them apart if it hung in one of them.
    pub between: Option<AnchorId>,
}

/// Judges a walk. `zones` and `anchors` are all that the store has.
pub fn judge(stands: &[StandRow], zones: &[ZoneId], anchors: &[AnchorId]) -> Findings {
    let walk = Walk::of(stands, anchors);
    let known: Vec<&ZoneId> = zones.iter().filter(|z| walk.sums.contains_key(z)).collect();
    let is_short = |zone: &&&ZoneId| walk.sums[**zone].stood_ms < STOOD_MS_MIN;
    let mut pairs = Vec::new();
    for (at, a) in known.iter().enumerate() {
        for b in &known[at + 1..] {
            pairs.push(walk.pair(a, b));
        }
    }
    pairs.retain(|pair| pair.overlap >= CLOSE_FROM);
    pairs.sort_by(|a, b| b.overlap.total_cmp(&a.overlap));
    Findings {
        surveyed: walk.surveyed(),
        right: walk.right(stands),
        pairs,
        short: known
            .iter()
            .filter(is_short)
            .map(|z| (*z).clone())
            .collect(),
        missed: zones
            .iter()
            .filter(|zone| !walk.sums.contains_key(zone))
            .cloned()
            .collect(),
    }
}

struct Walk<'a> {
    anchors: &'a [AnchorId],
    sums: BTreeMap<ZoneId, Part>,
}

/// What one anchor has in one zone.
#[derive(Debug, Clone, Copy)]
struct Air {
    per_s: f32,
    mean_dbm: f32,
    sigma_db: f32,
}

impl<'a> Walk<'a> {
    fn of(stands: &[StandRow], anchors: &'a [AnchorId]) -> Self {
        let mut sums: BTreeMap<ZoneId, Part> = BTreeMap::new();
        for stand in stands {
            let sum = sums.entry(stand.zone.clone()).or_default();
            for part in &stand.parts {
                add(sum, part);
            }
        }
        sums.retain(|_, sum| sum.stood_ms > 0);
        Self { anchors, sums }
    }

    fn surveyed(&self) -> Vec<Surveyed> {
        let of = |(zone, sum): (&ZoneId, &Part)| {
            let found = |anchor: &AnchorId| {
                let tally = sum.heard.get(anchor).copied().unwrap_or_default();
                let (mean_dbm, sigma_db) = spread(tally);
                Surveyed {
                    anchor: anchor.clone(),
                    zone: zone.clone(),
                    stood_ms: sum.stood_ms,
                    sightings: tally.sightings,
                    mean_cdbm: centi(mean_dbm),
                    sigma_cdb: centi(sigma_db).unsigned_abs(),
                }
            };
            self.anchors.iter().map(found).collect::<Vec<_>>()
        };
        self.sums.iter().flat_map(of).collect()
    }

    fn pair(&self, a: &ZoneId, b: &ZoneId) -> Pair {
        let mut distance = 0.0;
        let mut loudest: Option<(f32, &AnchorId)> = None;
        for anchor in self.anchors {
            let (air_a, air_b) = (air(&self.sums[a], anchor), air(&self.sums[b], anchor));
            let both = (air_a.per_s * air_b.per_s).sqrt();
            distance += air_a.per_s + air_b.per_s - 2.0 * both * normals(air_a, air_b);
            if heard(&self.sums[a], anchor)
                && heard(&self.sums[b], anchor)
                && loudest.is_none_or(|(most, _)| both > most)
            {
                loudest = Some((both, anchor));
            }
        }
        Pair {
            zones: (a.clone(), b.clone()),
            overlap: (-TELL_WITHIN_S / 2.0 * distance).exp(),
            between: loudest.map(|(_, anchor)| anchor.clone()),
        }
    }

    /// Leaves out each part in turn, with all of its stand if the zone was walked more than once.
    fn right(&self, stands: &[StandRow]) -> Option<f32> {
        let mut walked: BTreeMap<&ZoneId, usize> = BTreeMap::new();
        for stand in stands {
            *walked.entry(&stand.zone).or_default() += 1;
        }
        let (mut right, mut all) = (0_u16, 0_u16);
        for stand in stands {
            for part in &stand.parts {
                let mut rest = self.sums.get(&stand.zone)?.clone();
                if walked[&stand.zone] > 1 {
                    stand.parts.iter().for_each(|part| take(&mut rest, part));
                } else {
                    take(&mut rest, part);
                }
                if rest.stood_ms == 0 || part.stood_ms == 0 {
                    continue;
                }
                all = all.saturating_add(1);
                let told = self.likeliest(part, (&stand.zone, &rest));
                right += u16::from(told == Some(&stand.zone) && right < u16::MAX);
            }
        }
        let zones: BTreeSet<_> = stands.iter().map(|stand| &stand.zone).collect();
        (all > 0 && zones.len() > 1).then(|| f32::from(right) / f32::from(all))
    }

    fn likeliest<'z>(&'z self, part: &Part, instead: (&ZoneId, &Part)) -> Option<&'z ZoneId> {
        let score = |zone: &ZoneId, sum| {
            let sum = if zone == instead.0 { instead.1 } else { sum };
            self.log_likelihood(part, sum)
        };
        let scored = self.sums.iter().map(|(zone, sum)| (zone, score(zone, sum)));
        let best = scored.max_by(|a, b| a.1.total_cmp(&b.1));
        best.map(|(zone, _)| zone)
    }

    fn log_likelihood(&self, part: &Part, sum: &Part) -> f32 {
        let of = |anchor: &AnchorId| {
            let air = air(sum, anchor);
            let tally = part.heard.get(anchor).copied().unwrap_or_default();
            let (count, expected) = (number(tally.sightings), air.per_s * seconds(part.stood_ms));
            // What fades together is counted once: rate and strengths alike.
            let weight = (SIGHTINGS_COUNTED_MAX / count.max(expected)).min(1.0);
            let (mean_dbm, sigma_db) = spread(tally);
            // One spread for all: a zone that was heard more often is no likelier for it.
            let off_db = (mean_dbm - air.mean_dbm).powi(2) + sigma_db.powi(2);
            let strengths = -off_db / (2.0 * SIGMA_DB_FIRST.powi(2));
            weight * (count * (expected.ln() + strengths) - expected)
        };
        self.anchors.iter().map(of).sum()
    }
}

fn add(sum: &mut Part, part: &Part) {
    sum.stood_ms += part.stood_ms;
    for (anchor, tally) in &part.heard {
        let known = sum.heard.entry(anchor.clone()).or_default();
        *known = known.with(*tally);
    }
}

fn take(sum: &mut Part, part: &Part) {
    sum.stood_ms = sum.stood_ms.saturating_sub(part.stood_ms);
    for (anchor, tally) in &part.heard {
        if let Some(known) = sum.heard.get_mut(anchor) {
            known.sightings = known.sightings.saturating_sub(tally.sightings);
            known.sum_dbm -= tally.sum_dbm;
            known.squares -= tally.squares;
        }
    }
}

fn heard(sum: &Part, anchor: &AnchorId) -> bool {
    sum.heard.get(anchor).is_some_and(|t| t.sightings > 0)
}

fn air(sum: &Part, anchor: &AnchorId) -> Air {
    let tally = sum.heard.get(anchor).copied().unwrap_or_default();
    let (mean_dbm, sigma_db) = spread(tally);
    let count = number(tally.sightings);
    let stood_s = seconds(sum.stood_ms);
    let known = count * sigma_db.powi(2) + FIRST_SIGHTINGS * SIGMA_DB_FIRST.powi(2);
    Air {
        per_s: count.max(SIGHTINGS_MIN) / stood_s.max(1.0),
        mean_dbm: if tally.sightings > 0 {
            mean_dbm
        } else {
            FAINTEST_DBM
        },
        sigma_db: (known / (count + FIRST_SIGHTINGS)).sqrt().max(SIGMA_DB_MIN),
    }
}

/// The Bhattacharyya coefficient of two normal distributions.
fn normals(a: Air, b: Air) -> f32 {
    let squares = a.sigma_db.powi(2) + b.sigma_db.powi(2);
    let apart = (a.mean_dbm - b.mean_dbm).powi(2) / (4.0 * squares);
    (2.0 * a.sigma_db * b.sigma_db / squares).sqrt() * (-apart).exp()
}

/// Mean and standard deviation; both 0 without sightings.
fn spread(tally: Tally) -> (f32, f32) {
    if tally.sightings == 0 {
        return (0.0, 0.0);
    }
    let count = f64::from(tally.sightings);
    // Sums of some ten thousand small numbers are exact.
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let (sum, squares) = (tally.sum_dbm as f64, tally.squares as f64);
    let mean = sum / count;
    let variance = (squares / count - mean * mean).max(0.0);
    #[expect(clippy::cast_possible_truncation, reason = "a dBm fits")]
    let told = (mean as f32, variance.sqrt() as f32);
    told
}

#[expect(clippy::cast_possible_truncation, reason = "some thousands at most")]
fn centi(value: f32) -> i32 {
    (value * 100.0).round() as i32
}

#[expect(clippy::cast_precision_loss, reason = "a walk is short")]
fn number(count: u32) -> f32 {
    count as f32
}

#[expect(clippy::cast_precision_loss, reason = "a walk is short")]
fn seconds(ms: u64) -> f32 {
    ms as f32 / 1_000.0
}

#[cfg(test)]
mod tests;
