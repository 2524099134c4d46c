//! A store learned from a calibration walk.
//!
//! In: walks, each with the sightings of one radio and where it stood. Out: a [`Model`] whose
//! places are squares of floor, and what may be expected of it before it goes live.
//! Promises: quality and confidence come from walks that the model in question had not seen.
//! Invariant: the order of walks decides who is left out together, nothing else does.
//!
//! Level and rate of an anchor in a place are kernel averages (Nadaraya and Watson, 1964) of what
//! was heard around it, with a wide second kernel for ground that nobody walked.

pub mod areas;

use serde::{Deserialize, Serialize};

use super::{
    confidence::Confidence,
    filter::{Filter, Heard, Scratch},
    model::{Hearing, Model, Settings},
};
use protocol::RadioId;

/// One walk.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Walk {
    /// In the order of time.
    pub sightings: Vec<Sighting>,
    /// Where the radio was, in the order of time.
    pub stands: Vec<Stand>,
}

/// One sighting of a walk.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sighting {
    /// When.
    pub at_ms: u64,
    /// The anchor's number.
    pub anchor: u16,
    /// How strongly.
    pub rssi_dbm: f32,
}

/// Where the radio was.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stand {
    /// When.
    pub at_ms: u64,
    /// Metres east.
    pub x_m: f32,
    /// Metres north.
    pub y_m: f32,
    /// In which zone.
    pub zone: u16,
}

/// How walks become a model. Defaults: cross-validation by walk on the training walks of three
/// floors of a mall, one setting moved at a time; ten folds in a prototype where nothing else is said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WalkSettings {
    /// Side of a place. 2.5 m: .627 right, 4 m: .618.
    pub place_m: f32,
    /// The narrow kernel's sigma. 3.2 m: .622, 4 m: .627, 5 m: .616.
    pub near_m: f32,
    /// The wide kernel's sigma, and its height beside the narrow one's.
    pub far_m: f32,
    /// See `far_m`.
    pub far_share: f32,
    /// Ground this far from any stand is a place too: what nobody walked is no longer drawn to what
    /// somebody did. The surest fifth of all answers, forty folds: 5 m .860, 7.5 m .887, 10 m .885;
    /// without wide kernel and reach (ten folds) .830.
    pub reach_m: f32,
    /// A report is this much later than what it tells. 0, 1 and 2 s: .623, .627, .624.
    pub delay_ms: u64,
    /// Seconds of walking that the prior of a rate is worth.
    pub prior_s: f32,
    /// Sightings that the prior of a level is worth.
    pub prior_sightings: f32,
    /// The prior of a level: about what the radio hears at all.
    pub prior_dbm: f32,
    /// Spread of strengths in a place that is well known. 4 dB: .621, 6: .627, 7: .626.
    pub sigma_db: f32,
    /// One step's spread of moving. 1.7 m: .622, 2.2 m: .627, 3 m: .618.
    pub stride_m: f32,
}

impl Default for WalkSettings {
    fn default() -> Self {
        Self {
            place_m: 2.5,
            near_m: 4.0,
            far_m: 8.0,
            far_share: 0.1,
            reach_m: 10.0,
            delay_ms: 1_000,
            prior_s: 1.0,
            prior_sightings: 0.5,
            prior_dbm: -96.0,
            sigma_db: 6.0,
            stride_m: 2.2,
        }
    }
}

/// What may be expected of a model, from walks that it had not seen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Quality {
    /// Share of seconds for which the likeliest zone was right.
    pub accuracy: f32,
    /// Share of seconds for which a zone may be said.
    pub said: f32,
    /// Share of those that were right.
    pub said_right: f32,
    /// Zones taken for others, with the share of the first one's seconds; most often first.
    pub confused: Vec<(u16, u16, f32)>,
}

/// What a walker's radio of one model is weighed by: no offset to learn, and a rate that is known.
pub fn settings() -> Settings {
    Settings {
        offset_sigma_db: 0.0,
        rate_prior: 1e9,
        fresh_ms: 0,
        // Forty folds: the surest fifth right in .892, with 1.0 in .885.
        strength_weight: 0.7,
        ..Settings::default()
    }
}

/// Learns a store from walks. `zones` are the middles of its zones, in metres.
pub fn learn(
    settings: &Settings,
    how: &WalkSettings,
    zones: &[(f32, f32)],
    anchors: u16,
    walks: &[&Walk],
) -> Option<Model> {
    let ground = Ground::new(how, walks)?;
    let sums = Sums::gather(how, &ground, usize::from(anchors), walks);
    let zone_of = ground
        .middles
        .iter()
        .map(|&at| nearest(zones, at))
        .collect();
    let moves = |place: usize, out: &mut Vec<(u32, f32)>| ground.moves(how, place, out);
    let rest = vec![1.0; ground.middles.len()];
    Model::new(settings.clone(), zone_of, &sums.hearings(how), moves, &rest).ok()
}

/// Learns as [`learn`] does, and leaves each `folds`th walk out in turn to see how good that is.
pub fn calibrate(
    settings: &Settings,
    how: &WalkSettings,
    zones: &[(f32, f32)],
    anchors: u16,
    walks: &[&Walk],
    folds: usize,
) -> Option<(Model, Quality)> {
    let (mut answers, mut confused) = (Vec::new(), Vec::new());
    for fold in 0..folds {
        let is_out = |at: usize| at % folds == fold;
        let pick = |out: bool| {
            let picked = walks
                .iter()
                .enumerate()
                .filter(move |(at, _)| is_out(*at) == out);
            picked.map(|(_, walk)| *walk).collect::<Vec<&Walk>>()
        };
        let model = learn(settings, how, zones, anchors, &pick(false))?;
        for walk in pick(true) {
            for (stand, answer) in walk.stands.iter().zip(answers_on(&model, walk)) {
                answers.push((answer.log_odds, answer.zone == Some(stand.zone)));
                confused.push((stand.zone, answer.zone));
            }
        }
    }
    let model = learn(settings, how, zones, anchors, walks)?;
    let confidence = Confidence::learn(&answers);
    let quality = Quality::of(&answers, &confused, &confidence, settings.say_p);
    Some((model.with_confidence(confidence), quality))
}

/// What a model says at each stand of a walk, from what was heard up to then.
pub fn answers_on(model: &Model, walk: &Walk) -> Vec<super::filter::Answer> {
    let (Some(stand), mut heard) = (walk.stands.first(), walk.sightings.iter().peekable()) else {
        return Vec::new();
    };
    let first_ms = heard
        .peek()
        .map_or(stand.at_ms, |s| s.at_ms.min(stand.at_ms));
    let mut scratch = Scratch::default();
    let mut filter = Filter::new(model, first_ms);
    let mut answer = |stand: &Stand| {
        while let Some(s) = heard.next_if(|s| s.at_ms <= stand.at_ms) {
            let heard = Heard {
                radio: RadioId(Default::default()),
                anchor: s.anchor,
                at_ms: s.at_ms,
                rssi_dbm: s.rssi_dbm,
            };
            filter.hear(model, &heard, &mut scratch);
        }
        filter.answer(model, stand.at_ms, &mut scratch)
    };
    walk.stands.iter().map(&mut answer).collect()
}

impl Quality {
    fn of(
        answers: &[(f32, bool)],
        pairs: &[(u16, Option<u16>)],
        confidence: &Confidence,
        say_p: f32,
    ) -> Self {
        let share = |part: usize, of: usize| part as f32 / of.max(1) as f32;
        let right = answers.iter().filter(|a| a.1).count();
        let said: Vec<_> = answers
            .iter()
            .filter(|a| confidence.p(a.0) >= say_p)
            .collect();
        let said_right = said.iter().filter(|a| a.1).count();
        let mut counts = std::collections::BTreeMap::<(u16, u16), usize>::new();
        let mut seconds = std::collections::BTreeMap::<u16, usize>::new();
        for &(truth, answer) in pairs {
            *seconds.entry(truth).or_default() += 1;
            if let Some(answer) = answer.filter(|&answer| answer != truth) {
                *counts.entry((truth, answer)).or_default() += 1;
            }
        }
        let of = |zone: u16| seconds.get(&zone).copied().unwrap_or(0);
        let mut confused: Vec<_> = counts
            .into_iter()
            .map(|((truth, answer), n)| (truth, answer, share(n, of(truth))))
            .collect();
        confused.sort_by(|a, b| b.2.total_cmp(&a.2));
        Self {
            accuracy: share(right, answers.len()),
            said: share(said.len(), answers.len()),
            said_right: share(said_right, said.len()),
            confused,
        }
    }
}

/// The squares that are places.
struct Ground {
    /// Of the whole rectangle, `NOWHERE` where there is no place.
    squares: Vec<u32>,
    wide: i32,
    high: i32,
    left_m: f32,
    low_m: f32,
    side_m: f32,
    middles: Vec<(f32, f32)>,
}

const NOWHERE: u32 = u32::MAX;

impl Ground {
    fn new(how: &WalkSettings, walks: &[&Walk]) -> Option<Self> {
        let stands = || walks.iter().flat_map(|walk| &walk.stands);
        stands().next()?;
        let least = |of: fn(&Stand) -> f32| stands().map(of).fold(f32::INFINITY, f32::min);
        let most = |of: fn(&Stand) -> f32| stands().map(of).fold(f32::NEG_INFINITY, f32::max);
        let side_m = how.place_m;
        let floor = |m: f32| (m / side_m).floor() * side_m;
        let (left_m, low_m) = (
            floor(least(|s| s.x_m) - how.reach_m),
            floor(least(|s| s.y_m) - how.reach_m),
        );
        let count = |from: f32, to: f32| ((to + how.reach_m - from) / side_m) as i32 + 1;
        let (wide, high) = (
            count(left_m, most(|s| s.x_m)),
            count(low_m, most(|s| s.y_m)),
        );
        let mut ground = Self {
            squares: vec![NOWHERE; (wide * high) as usize],
            wide,
            high,
            left_m,
            low_m,
            side_m,
            middles: Vec::new(),
        };
        let mut walked = vec![false; ground.squares.len()];
        for stand in stands() {
            let (column, row) = ground.square(stand.x_m, stand.y_m);
            if let Some(at) = ground.index(column, row) {
                walked[at] = true;
            }
        }
        let reach = (how.reach_m / side_m) as i32;
        for row in 0..high {
            for column in 0..wide {
                let near = disc(reach).any(|(dx, dy)| {
                    ground
                        .index(column + dx, row + dy)
                        .is_some_and(|at| walked[at])
                });
                if let Some(at) = ground.index(column, row).filter(|_| near) {
                    ground.squares[at] = ground.middles.len() as u32; // fewer than squares
                    let middle = |n: i32| (n as f32 + 0.5) * side_m;
                    ground
                        .middles
                        .push((left_m + middle(column), low_m + middle(row)));
                }
            }
        }
        Some(ground)
    }

    fn square(&self, x_m: f32, y_m: f32) -> (i32, i32) {
        let number = |m: f32| (m / self.side_m).floor() as i32;
        (number(x_m - self.left_m), number(y_m - self.low_m))
    }

    fn index(&self, column: i32, row: i32) -> Option<usize> {
        let inside = (0..self.wide).contains(&column) && (0..self.high).contains(&row);
        inside.then_some((row * self.wide + column) as usize)
    }

    /// Places within `reach` squares of a point, with the square of their distance.
    fn around(&self, x_m: f32, y_m: f32, reach: i32) -> impl Iterator<Item = (usize, f32)> + '_ {
        let (column, row) = self.square(x_m, y_m);
        disc(reach).filter_map(move |(dx, dy)| {
            let place = self.squares[self.index(column + dx, row + dy)?];
            let (x, y) = self.middles.get(place as usize)?;
            Some((place as usize, (x - x_m).powi(2) + (y - y_m).powi(2)))
        })
    }

    fn moves(&self, how: &WalkSettings, place: usize, out: &mut Vec<(u32, f32)>) {
        let Some(&(x_m, y_m)) = self.middles.get(place) else {
            return;
        };
        let reach = (STRIDES * how.stride_m / self.side_m) as i32;
        out.extend(
            self.around(x_m, y_m, reach)
                .map(|(to, square)| (to as u32, bell(square, how.stride_m))),
        );
    }
}

/// A step reaches this many sigmas: 6 m at 2.2 m.
const STRIDES: f32 = 2.75;

/// A kernel reaches this many sigmas.
const KERNEL_SIGMAS: f32 = 3.0;

/// What was heard around each place.
struct Sums {
    seconds: Vec<f32>,
    /// Sightings and their strengths, by anchor, then by place.
    counts: Vec<f32>,
    strengths_dbm: Vec<f32>,
}

impl Sums {
    fn gather(how: &WalkSettings, ground: &Ground, anchors: usize, walks: &[&Walk]) -> Self {
        let places = ground.middles.len();
        let mut sums = Self {
            seconds: vec![0.0; places],
            counts: vec![0.0; places * anchors],
            strengths_dbm: vec![0.0; places * anchors],
        };
        let reach = (KERNEL_SIGMAS * how.far_m.max(how.near_m) / how.place_m) as i32;
        let weight =
            |square: f32| bell(square, how.near_m) + how.far_share * bell(square, how.far_m);
        for walk in walks {
            for stand in &walk.stands {
                for (place, square) in ground.around(stand.x_m, stand.y_m, reach) {
                    sums.seconds[place] += weight(square);
                }
            }
            for sighting in &walk.sightings {
                let Some((x_m, y_m)) = walk.place_at(sighting.at_ms + how.delay_ms) else {
                    continue;
                };
                let row = usize::from(sighting.anchor) * places;
                if row >= sums.counts.len() {
                    continue;
                }
                for (place, square) in ground.around(x_m, y_m, reach) {
                    let weight = weight(square);
                    sums.counts[row + place] += weight;
                    sums.strengths_dbm[row + place] += weight * sighting.rssi_dbm;
                }
            }
        }
        sums
    }

    fn hearings(&self, how: &WalkSettings) -> Vec<Hearing> {
        let places = self.seconds.len();
        let all_s: f32 = self.seconds.iter().sum();
        let rows = self
            .counts
            .chunks(places)
            .zip(self.strengths_dbm.chunks(places));
        let mut hearings = Vec::with_capacity(self.counts.len());
        for (counts, strengths) in rows {
            let usual = counts.iter().sum::<f32>() / all_s;
            // Less than the usual rate: most of a store does not hear most of its anchors.
            let prior = 0.3 * usual * how.prior_s + 1e-4;
            for ((count, strength), seconds) in counts.iter().zip(strengths).zip(&self.seconds) {
                let n = count + how.prior_sightings;
                hearings.push(Hearing {
                    level_dbm: (strength + how.prior_sightings * how.prior_dbm) / n,
                    sigma_db: how.sigma_db * (1.0 + 1.0 / n).sqrt(),
                    per_s: (count + prior) / (seconds + how.prior_s),
                });
            }
        }
        hearings
    }
}

impl Walk {
    /// Between two stands she walks straight; half a second beside the walk is still part of it.
    fn place_at(&self, at_ms: u64) -> Option<(f32, f32)> {
        let (first, last) = (self.stands.first()?, self.stands.last()?);
        if at_ms + 500 < first.at_ms || at_ms > last.at_ms + 500 {
            return None;
        }
        let after = self.stands.partition_point(|s| s.at_ms <= at_ms);
        let a = self.stands.get(after.saturating_sub(1))?;
        let b = self.stands.get(after).unwrap_or(a);
        let (gone_ms, all_ms) = (
            at_ms.saturating_sub(a.at_ms),
            b.at_ms.saturating_sub(a.at_ms),
        );
        let t = gone_ms.min(all_ms) as f32 / all_ms.max(1) as f32;
        Some((a.x_m + t * (b.x_m - a.x_m), a.y_m + t * (b.y_m - a.y_m)))
    }
}

fn disc(reach: i32) -> impl Iterator<Item = (i32, i32)> {
    let square = move |dy: i32| (-reach..=reach).map(move |dx| (dx, dy));
    (-reach..=reach)
        .flat_map(square)
        .filter(move |(dx, dy)| dx * dx + dy * dy <= reach * reach)
}

fn bell(square: f32, sigma: f32) -> f32 {
    (-square / (2.0 * sigma * sigma)).exp()
}

fn nearest(zones: &[(f32, f32)], (x_m, y_m): (f32, f32)) -> u16 {
    let far = |&(x, y): &(f32, f32)| (x - x_m).powi(2) + (y - y_m).powi(2);
    let best = (0..zones.len()).min_by(|&a, &b| far(&zones[a]).total_cmp(&far(&zones[b])));
    best.and_then(|at| u16::try_from(at).ok())
        .unwrap_or(super::model::OUTSIDE)
}
