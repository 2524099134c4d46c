//! Are two people within two metres of one another? And who stands at the till?
//!
//! In: recordings of people with phones that cameras saw. Out: areas under the curve beside those
//! of plain strength, visits of a till; intervals by resampling people.
//! Promises: both directions of a pair are one observation; a probability rests on sightings up to
//! its own. Invariant: levels, rates and weights for a recording come from the other recordings.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use anyhow::Context;
use engine::presence::{
    filter::{Filter, Heard, Scratch},
    model::{Hearing, Model, Settings},
};
use protocol::RadioId;
use uuid::Uuid;

use crate::{
    figures::{auc, ranked, resample},
    scenes::Recording,
    sightings::Row,
    till::{Rule, Times},
};

pub(crate) const RECORDINGS: [&str; 3] =
    ["scenario01-lunch", "scenario04-queue", "scenario05-party"];

/// The recording that has a till.
const QUEUE: &str = "scenario04-queue";

/// Outer edges of the bands of distance, in metres; the last band has none.
const BANDS_M: [f32; 7] = [1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 6.0];
const BANDS: usize = BANDS_M.len() + 1;

/// Bands within two metres, and within one and a half.
const NEAR: usize = 3;
pub(crate) const AT_TILL: usize = 2;

/// How a pair is weighed; the values that are tried stand in [`Weights::tried`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Weights {
    strength: f32,
    count: f32,
    /// Share of seconds in which a pair goes to the band next door.
    moves: f32,
    /// Sightings after which half of what a phone differs by is believed; 0: phones are alike.
    phone: f32,
}

/// A recording as this room needs it.
pub(crate) struct Pairs {
    pub(crate) rows: Vec<Row>,
    /// Sum of strengths, of their squares, sightings and seconds by band.
    learned: [[f64; 4]; BANDS],
}

impl Weights {
    pub(crate) fn tried() -> Vec<Self> {
        let mut all = Vec::new();
        for strength in [0.07, 0.15, 0.3] {
            for count in [0.0, 0.05, 0.1] {
                for moves in [0.0005, 0.002, 0.005] {
                    for phone in [0.0, 200.0, 1_000.0] {
                        all.push(Self {
                            strength,
                            count,
                            moves,
                            phone,
                        });
                    }
                }
            }
        }
        all
    }
}

impl Pairs {
    pub(crate) fn new(recording: Recording) -> Self {
        let mut learned = [[0.0; 4]; BANDS];
        for row in &recording.rows {
            let Some(distance_m) = row.distance_m else {
                continue;
            };
            let sums = &mut learned[band(distance_m)];
            let rssi = f64::from(row.rssi_dbm);
            sums[0] += rssi;
            sums[1] += rssi * rssi;
            sums[2] += 1.0;
        }
        for second in recording
            .seen
            .chunk_by(|a, b| a.ts_ms / 1_000 == b.ts_ms / 1_000)
        {
            for (at, a) in second.iter().enumerate() {
                for b in second[at + 1..].iter().filter(|b| b.person != a.person) {
                    learned[band((a.x_m - b.x_m).hypot(a.y_m - b.y_m))][3] += 1.0;
                }
            }
        }
        Self {
            rows: recording.rows,
            learned,
        }
    }
}

fn band(distance_m: f32) -> usize {
    BANDS_M.partition_point(|&edge| edge < distance_m)
}

/// What is known of distances from other recordings.
pub(crate) fn model(others: &[&Pairs], weights: &Weights) -> anyhow::Result<(Model, [f32; BANDS])> {
    let mut levels = [0.0; BANDS];
    let hearings: Vec<Hearing> = (0..BANDS)
        .map(|band| {
            // Each recording has the same weight, however long it is.
            let (mut sum, mut square, mut per_s, mut n) = (0.0, 0.0, 0.0, 0.0);
            for other in others.iter().filter(|o| o.learned[band][2] >= 50.0) {
                let [s, q, heard, seconds] = other.learned[band];
                sum += s / heard;
                square += q / heard;
                per_s += heard / seconds.max(1.0);
                n += 1.0;
            }
            let mean: f64 = sum / n;
            levels[band] = mean as f32;
            Hearing {
                level_dbm: mean as f32,
                sigma_db: (square / n - mean * mean).max(1.0).sqrt() as f32,
                per_s: (per_s / n).max(1e-3) as f32,
            }
        })
        .collect();
    let settings = Settings {
        strength_weight: weights.strength,
        count_weight: weights.count,
        offset_sigma_db: 0.0,
        fresh_ms: 0,
        // People go from one band to the next; there is no way that we do not know.
        restart: 0.0,
        ..Settings::default()
    };
    let moves = |band: usize, out: &mut Vec<(u32, f32)>| {
        let band = band as u32;
        out.push((band, 1.0 - 2.0 * weights.moves));
        if band > 0 {
            out.push((band - 1, weights.moves));
        }
        if band as usize + 1 < BANDS {
            out.push((band + 1, weights.moves));
        }
    };
    let zones = (0..BANDS).map(|band| u16::from(band >= NEAR)).collect();
    let model = Model::new(settings, zones, &hearings, moves, &[1.0; BANDS]).ok();
    Ok((
        model.context("a band of distance without sightings")?,
        levels,
    ))
}

/// Everybody's pairs, followed through a recording.
pub(crate) struct Crowd<'a> {
    model: &'a Model,
    levels_dbm: [f32; BANDS],
    phone: f32,
    pairs: BTreeMap<(&'a str, &'a str), Filter>,
    /// What a phone sends and receives beyond the usual: sum and number, by way.
    phones: BTreeMap<(bool, &'a str), (f32, f32)>,
    scratch: Scratch,
}

impl<'a> Crowd<'a> {
    pub(crate) fn new(model: &'a Model, levels_dbm: [f32; BANDS], weights: &Weights) -> Self {
        Self {
            model,
            levels_dbm,
            phone: weights.phone,
            pairs: BTreeMap::new(),
            phones: BTreeMap::new(),
            scratch: Scratch::default(),
        }
    }

    pub(crate) fn hear(&mut self, row: &'a Row) {
        let ways = [
            (false, row.transmitter.as_str()),
            (true, row.receiver.as_str()),
        ];
        let known = |phones: &BTreeMap<_, (f32, f32)>, way| {
            let (sum, n) = phones.get(&way).copied().unwrap_or_default();
            if self.phone > 0.0 {
                sum / (n + self.phone)
            } else {
                0.0
            }
        };
        let offset: f32 = ways.iter().map(|&way| known(&self.phones, way)).sum();
        let rssi_dbm = row.rssi_dbm - offset;
        let filter = self
            .pairs
            .entry(pair(row))
            .or_insert_with(|| Filter::new(self.model, row.ts_ms));
        let way = u128::from(row.receiver < row.transmitter);
        let heard = Heard {
            radio: RadioId(Uuid::from_u128(way)),
            anchor: 0,
            at_ms: row.ts_ms,
            rssi_dbm,
        };
        filter.hear(self.model, &heard, &mut self.scratch);
        let due: f32 = filter
            .belief()
            .iter()
            .zip(self.levels_dbm)
            .map(|(b, l)| b * l)
            .sum();
        for way in ways {
            let phone = self.phones.entry(way).or_default();
            phone.0 += (rssi_dbm + offset - due) / 2.0;
            phone.1 += 1.0;
        }
    }

    /// How likely a pair is within the first `bands`.
    pub(crate) fn near(&mut self, pair: (&'a str, &'a str), bands: usize, now_ms: u64) -> f32 {
        let Some(filter) = self.pairs.get_mut(&pair) else {
            return 0.0;
        };
        filter.pass(self.model, now_ms, &mut self.scratch);
        filter.belief()[..bands].iter().sum()
    }

    fn odds(&self, pair: (&'a str, &'a str)) -> f32 {
        let belief = self.pairs.get(&pair).map_or(&[][..], Filter::belief);
        let (near, far) = belief.split_at(NEAR.min(belief.len()));
        let sum = |part: &[f32]| part.iter().sum::<f32>().max(1e-30);
        (sum(near) / sum(far)).ln()
    }
}

/// Both directions are one pair.
pub(crate) fn pair(row: &Row) -> (&str, &str) {
    let (a, b) = (row.receiver.as_str(), row.transmitter.as_str());
    if a < b { (a, b) } else { (b, a) }
}

/// Rows with known distance: the pair, strength, log odds of being near, truth.
pub(crate) struct Scores<'a> {
    pairs: Vec<(&'a str, &'a str)>,
    pub(crate) plain: Vec<f32>,
    pub(crate) odds: Vec<f32>,
    pub(crate) near: Vec<bool>,
}

pub(crate) fn score<'a>(
    rows: &'a [Row],
    others: &[&Pairs],
    weights: &Weights,
) -> anyhow::Result<Scores<'a>> {
    let (model, levels) = model(others, weights)?;
    let mut crowd = Crowd::new(&model, levels, weights);
    let mut scores = Scores {
        pairs: vec![],
        plain: vec![],
        odds: vec![],
        near: vec![],
    };
    for row in rows {
        crowd.hear(row);
        if let Some(distance_m) = row.distance_m {
            scores.pairs.push(pair(row));
            scores.plain.push(row.rssi_dbm);
            scores.odds.push(crowd.odds(pair(row)));
            scores.near.push(distance_m < 2.0);
        }
    }
    Ok(scores)
}

impl Scores<'_> {
    pub(crate) fn auc(&self) -> f64 {
        auc(&ranked(&self.odds), &self.odds, &self.near, |_| 1.0)
    }

    fn report(&self, name: &str, weights: &Weights) {
        let (by_plain, by_odds) = (ranked(&self.plain), ranked(&self.odds));
        let figures = |weight: &dyn Fn(usize) -> f64| {
            let plain = auc(&by_plain, &self.plain, &self.near, weight);
            let odds = auc(&by_odds, &self.odds, &self.near, weight);
            [plain, odds, odds - plain]
        };
        let pairs = numbered(self.pairs.iter().copied());
        let people = numbered(self.pairs.iter().flat_map(|&(a, b)| [a, b]));
        let own: Vec<(usize, usize, usize)> = self
            .pairs
            .iter()
            .map(|pair| (pairs[pair], people[pair.0], people[pair.1]))
            .collect();
        let [plain, odds, by_pair] =
            resample(&[pairs.len()], |times| figures(&|row| times[own[row].0]));
        let [_, _, by_person] = resample(&[people.len()], |times| {
            figures(&|row| times[own[row].1] * times[own[row].2])
        });
        eprintln!(
            "{name}: {} sightings with known distance, {} pairs, {} people",
            own.len(),
            pairs.len(),
            people.len()
        );
        eprintln!("  chosen on the others: {weights:?}");
        eprintln!("  plain strength {plain}, filter {odds}");
        eprintln!("  gain, pairs drawn {by_pair}");
        eprintln!("  gain, people drawn {by_person}");
    }
}

fn numbered<T: Ord>(all: impl Iterator<Item = T>) -> BTreeMap<T, usize> {
    let distinct: BTreeSet<T> = all.collect();
    distinct.into_iter().zip(0..).collect()
}

/// The weights that do best on `known` recordings, each with levels from the other ones of them.
pub(crate) fn choose(known: &[&Pairs]) -> anyhow::Result<Weights> {
    let mut best: Option<(f64, Weights)> = None;
    for weights in Weights::tried() {
        let mut sum = 0.0;
        for (at, pairs) in known.iter().enumerate() {
            let others: Vec<&Pairs> = known
                .iter()
                .enumerate()
                .filter(|(n, _)| *n != at)
                .map(|(_, p)| *p)
                .collect();
            sum += score(&pairs.rows, &others, &weights)?.auc();
        }
        if best.is_none_or(|(most, _)| sum > most) {
            best = Some((sum, weights));
        }
    }
    Ok(best.context("no weights to try")?.1)
}

pub(crate) fn run(dir: &Path, till: &[String]) -> anyhow::Result<()> {
    let (mut all, mut seen) = (Vec::new(), Vec::new());
    for name in RECORDINGS {
        let recording = Recording::read(dir, name)?;
        seen.push(recording.seen.clone());
        all.push(Pairs::new(recording));
    }
    let others = |at: &[usize]| -> Vec<&Pairs> {
        all.iter()
            .enumerate()
            .filter(|(n, _)| !at.contains(n))
            .map(|(_, p)| p)
            .collect()
    };
    for (at, name) in RECORDINGS.iter().enumerate() {
        let known = others(&[at]);
        let weights = choose(&known)?;
        score(&all[at].rows, &known, &weights)?.report(name, &weights);
        if *name == QUEUE {
            // When a visit begins and ends is chosen where everybody is a till to everybody else.
            let mut practice = Vec::new();
            for n in (0..all.len()).filter(|&n| n != at) {
                let tills: BTreeSet<&str> =
                    all[n].rows.iter().map(|r| r.receiver.as_str()).collect();
                let tills: Vec<Vec<String>> =
                    tills.into_iter().map(|t| vec![t.to_owned()]).collect();
                practice.push(Times::new(
                    &all[n],
                    &seen[n],
                    &tills,
                    &others(&[at, n]),
                    &weights,
                )?);
            }
            let rule = Rule::choose(&practice).context("no rule to try")?;
            Times::new(&all[at], &seen[at], &[till.to_vec()], &known, &weights)?.report(&rule);
        }
    }
    Ok(())
}
