//! Where one customer is: a forward filter over places (hidden Markov model; Rabiner 1989, III.A).
//!
//! In: sightings of all her radios, by gateways or of beacons, certain ones, and time.
//! Out: a probability per place, and the zone that may be said.
//! Promises: probabilities sum to one; the same inputs give the same answers bit for bit; what is
//! written in a snapshot and read again answers as before.
//! Invariant: time never runs back; nothing is allocated for a radio and an anchor that are known.
//!
//! Sightings in a place are a marked Poisson process (Snyder and Miller 1991, 3.1): a time `dt`
//! without any has the likelihood `exp(-rate dt)`, and one at strength `x` the density
//! `rate f(x)`. Silence and strength are so weighed in one sum.

use protocol::RadioId;
use serde::{Deserialize, Serialize};

use super::model::{Model, OUTSIDE, Rows};

/// Radios of one customer; the longest unheard gives way. A phone, a fob, and one to spare.
pub const RADIOS_MAX: usize = 4;

/// Anchors that are remembered for one customer; the longest unheard gives way.
pub const TRACKS_MAX: usize = 32;

/// Silence longer than this leaves nothing of what was believed.
pub const STEPS_MAX: u64 = 900;

/// What was counted of a radio's rate fades to 1/e in this time: phones advertise more slowly once
/// they lie in a pocket.
const RATE_FADES_S: f32 = 120.0;

/// No sighting is closer to the last one than this; what comes late counts as this close.
const GAP_MIN_MS: u32 = 100;

/// A longer silence tells of gateways that were away, not of a phone that is slow.
const SILENCE_MAX_S: f32 = 60.0;

/// A sighting without radio is this much likelier in its own zone: she may press next door.
const CERTAIN_ODDS: f32 = 1e4;

/// A radio's offset is learned from what differs from second to second, which fading makes this
/// much less than it seems.
const OFFSET_CAUTION: f32 = 4.0;

/// What one customer's radios say together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Filter {
    belief: Vec<f32>,
    /// The last step that `belief` took, in steps since the epoch.
    step: u64,
    radios: Vec<Radio>,
    tracks: Vec<Track>,
    said: Said,
}

/// One radio, in 48 bytes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Radio {
    id: RadioId,
    offset_db: f32,
    offset_var: f32,
    heard: f32,
    expected: f32,
    /// Expected in a second where it was last heard. What was due in a silence counts once it is over:
    /// as long as it lasts, that she left and that her phone fell asleep look the same.
    due_per_s: f32,
    /// What it hears of beacons; else what antennas hear of it.
    of_beacons: bool,
    last_ms: u64,
}

/// One radio at one anchor, in 12 bytes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Track {
    /// The lower half of the time: it wraps after 49 days.
    heard_ms: u32,
    /// Smoothed.
    rssi_dbm: f32,
    anchor: u16,
    radio: u8,
}

/// What was said last.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Said {
    zone: Option<u16>,
    leader: Option<u16>,
    leads_since_ms: u64,
}

/// One sighting, as the filter needs it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Heard {
    /// By or of which of her radios.
    pub radio: RadioId,
    /// At which anchor.
    pub anchor: u16,
    /// When.
    pub at_ms: u64,
    /// How strongly.
    pub rssi_dbm: f32,
}

/// Where she is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Answer {
    /// The likeliest zone; none: she is most likely in none.
    pub zone: Option<u16>,
    /// How likely it is that this is right, calibrated.
    pub p: f32,
    /// The filter's own log odds.
    pub log_odds: f32,
    /// The zone that may be said; none: unknown, or in none.
    pub said: Option<u16>,
    /// Since when she has most likely been where she is.
    pub since_ms: u64,
}

/// Room to work in, one for all customers. It holds nothing from one call to the next.
#[derive(Debug, Clone, Default)]
pub struct Scratch {
    next: Vec<f32>,
    zones: Vec<f32>,
}

impl PartialEq for Scratch {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Filter {
    /// Of somebody of whom nothing is known.
    pub fn new(model: &Model, now_ms: u64) -> Self {
        Self {
            belief: model.rest.clone(),
            step: step_of(model, now_ms),
            radios: Vec::new(),
            tracks: Vec::new(),
            said: Said::default(),
        }
    }

    /// The probability of each place.
    pub fn belief(&self) -> &[f32] {
        &self.belief
    }

    /// Time passed, and whatever was due did not come.
    pub fn pass(&mut self, model: &Model, now_ms: u64, scratch: &mut Scratch) {
        let to = step_of(model, now_ms);
        if to.saturating_sub(self.step) > STEPS_MAX {
            self.belief.clone_from(&model.rest);
            self.step = to;
        }
        while self.step < to {
            self.step += 1;
            model.step(&self.belief, &mut scratch.next);
            std::mem::swap(&mut self.belief, &mut scratch.next);
            self.weigh_silence(model);
        }
    }

    /// Takes a sighting in; an anchor that the model does not know changes nothing.
    pub fn hear(&mut self, model: &Model, heard: &Heard, scratch: &mut Scratch) {
        let Some(rows) = model.rows(heard.anchor) else {
            return;
        };
        self.pass(model, heard.at_ms, scratch);
        let at = self.radio(model, heard);
        let (fresh, level_dbm) = self.freshness(model, heard, at as u8); // below RADIOS_MAX
        let Some(radio) = self.radios.get_mut(at) else {
            return;
        };
        weigh_strength(model, rows, &mut self.belief, radio, level_dbm, fresh);
        radio.learn_offset(model, rows, &self.belief, level_dbm, fresh);
        let heard_per_s = model.heard_per_s(self.step, radio.of_beacons);
        radio.due_per_s = mean(&self.belief, heard_per_s);
    }

    /// She said herself where she is.
    pub fn be_certain(&mut self, model: &Model, zone: u16, at_ms: u64, scratch: &mut Scratch) {
        self.pass(model, at_ms, scratch);
        for (place, share) in self.belief.iter_mut().enumerate() {
            if model.zone_of(place) != zone {
                *share /= CERTAIN_ODDS;
            }
        }
        normalise(&mut self.belief);
    }

    /// She is in the store: somebody who knows says so.
    pub(crate) fn be_inside(&mut self, model: &Model) {
        for (place, share) in self.belief.iter_mut().enumerate() {
            if model.zone_of(place) == OUTSIDE {
                *share = 0.0;
            }
        }
        normalise(&mut self.belief);
    }

    /// She left: where she was says nothing of where she will be, what was learned of her radios does.
    pub(crate) fn forget_place(&mut self, model: &Model) {
        self.belief.clone_from(&model.rest);
        self.tracks.clear();
        self.said = Said::default();
    }

    /// Where she is now.
    pub fn answer(&mut self, model: &Model, now_ms: u64, scratch: &mut Scratch) -> Answer {
        self.pass(model, now_ms, scratch);
        self.weigh_zones(model, &mut scratch.zones);
        self.answer_from(model, now_ms, &scratch.zones)
    }

    /// The probability of each zone, and last of none.
    fn weigh_zones(&self, model: &Model, zones: &mut Vec<f32>) {
        zones.clear();
        zones.resize(model.zones() + 1, 0.0);
        let outside = model.zones();
        for (place, share) in self.belief.iter().enumerate() {
            let zone = model.zone_of(place);
            let slot = if zone == OUTSIDE {
                outside
            } else {
                usize::from(zone)
            };
            zones[slot] += share;
        }
    }

    fn answer_from(&mut self, model: &Model, now_ms: u64, zones: &[f32]) -> Answer {
        let outside = model.zones();
        let best = (0..zones.len())
            .rev()
            .max_by(|&a, &b| zones[a].total_cmp(&zones[b]));
        let best = best.unwrap_or(outside);
        // The sum of the others is exact where one minus the best is lost in rounding.
        let others: f32 = (0..zones.len())
            .filter(|&z| z != best)
            .map(|z| zones[z])
            .sum();
        let log_odds = (zones[best] / others.max(1e-30)).ln();
        let zone = (best != outside).then_some(best as u16); // fewer zones than OUTSIDE
        let p = model.confidence.p(log_odds);
        let kept = self.said.zone.map(|said| zones[usize::from(said)]);
        self.said.say(model, zone, p, kept, now_ms);
        Answer {
            zone,
            p,
            log_odds,
            said: self.said.zone,
            since_ms: self.said.leads_since_ms,
        }
    }

    /// Log odds that she is in the store, as of the last step.
    pub(crate) fn inside_log_odds(&self, model: &Model) -> f32 {
        let (mut inside, mut outside) = (0.0_f32, 0.0_f32);
        for (place, share) in self.belief.iter().enumerate() {
            if model.zone_of(place) == OUTSIDE {
                outside += share;
            } else {
                inside += share;
            }
        }
        (inside.max(1e-30) / outside.max(1e-30)).ln()
    }

    /// The store looks different from now on: what was believed of a zone is believed of where it
    /// went, what was learned of her radios stays.
    pub(crate) fn move_to(
        &mut self,
        (old, new): (&Model, &Model),
        zone: impl Fn(u16) -> Option<u16>,
        anchor: impl Fn(u16) -> Option<u16>,
    ) {
        let mut sums = vec![0.0_f32; new.zones() + 1];
        let slot = |zone: u16| usize::from(zone).min(new.zones());
        for (place, share) in self.belief.iter().enumerate() {
            let was = old.zone_of(place);
            if was == OUTSIDE {
                sums[new.zones()] += share;
            } else if let Some(is) = zone(was) {
                sums[slot(is)] += share;
            }
        }
        let mut rests = vec![0.0_f32; new.zones() + 1];
        for (place, rest) in new.rest.iter().enumerate() {
            rests[slot(new.zone_of(place))] += rest;
        }
        let spread = |(place, rest): (usize, &f32)| {
            let slot = slot(new.zone_of(place));
            sums[slot] * rest / rests[slot].max(f32::MIN_POSITIVE)
        };
        self.belief = new.rest.iter().enumerate().map(spread).collect();
        normalise(&mut self.belief);
        self.tracks.retain_mut(|track| {
            anchor(track.anchor)
                .map(|anchor| track.anchor = anchor)
                .is_some()
        });
        self.said.zone = self.said.zone.and_then(&zone);
        self.said.leader = self.said.leader.and_then(&zone);
    }

    /// What a radio's offset is believed to be, with its standard deviation.
    pub fn offset_db(&self, radio: RadioId) -> Option<(f32, f32)> {
        let radio = self.radios.iter().find(|r| r.id == radio)?;
        Some((radio.offset_db, radio.offset_var.sqrt()))
    }

    fn weigh_silence(&mut self, model: &Model) {
        let dt_s = model.settings.step_ms as f32 / 1_000.0;
        for beacons in [false, true] {
            self.weigh_silence_of(model, beacons, dt_s);
        }
        normalise(&mut self.belief);
    }

    fn weigh_silence_of(&mut self, model: &Model, beacons: bool, dt_s: f32) {
        let heard_per_s = model.heard_per_s(self.step, beacons);
        let mean = mean(&self.belief, heard_per_s);
        let own = self.radios.iter().filter(|r| r.of_beacons == beacons);
        let mut pace: f32 = own.map(|r| r.pace(model.settings.rate_prior)).sum();
        // Of somebody without a radio nothing is due, unless all radios are alike.
        if self.radios.is_empty() && model.settings.offset_sigma_db == 0.0 {
            pace = 1.0;
        }
        let weight = -model.settings.count_weight * pace * dt_s;
        for (share, per_s) in self.belief.iter_mut().zip(heard_per_s) {
            *share *= (weight * (per_s - mean)).exp();
        }
    }

    fn radio(&mut self, model: &Model, heard: &Heard) -> usize {
        let of_beacons = model.is_beacon(heard.anchor);
        let same = |r: &Radio| r.id == heard.radio && r.of_beacons == of_beacons;
        let known = self.radios.iter().position(same);
        let at = known.unwrap_or_else(|| self.add_radio(model, heard));
        if let Some(radio) = self.radios.get_mut(at) {
            radio.doubt(model, heard.at_ms);
            radio.learn_pace(heard.at_ms);
            radio.last_ms = radio.last_ms.max(heard.at_ms);
        }
        at
    }

    fn add_radio(&mut self, model: &Model, heard: &Heard) -> usize {
        let fresh = Radio {
            id: heard.radio,
            offset_db: 0.0,
            offset_var: model.settings.offset_sigma_db.powi(2),
            heard: 0.0,
            expected: 0.0,
            due_per_s: 0.0,
            of_beacons: model.is_beacon(heard.anchor),
            last_ms: 0,
        };
        if self.radios.len() < RADIOS_MAX {
            self.radios.reserve_exact(1);
            self.radios.push(fresh);
            return self.radios.len() - 1;
        }
        let oldest = (0..RADIOS_MAX).min_by_key(|&at| self.radios[at].last_ms);
        let at = oldest.unwrap_or(0);
        self.radios[at] = fresh;
        self.tracks.retain(|t| usize::from(t.radio) != at);
        at
    }

    /// How much a sighting says that the last one of this anchor did not, 0 to 1, and the strength
    /// that it brings the anchor to.
    fn freshness(&mut self, model: &Model, heard: &Heard, radio: u8) -> (f32, f32) {
        let settings = &model.settings;
        let fresh = Track {
            heard_ms: heard.at_ms as u32, // the lower half
            rssi_dbm: heard.rssi_dbm,
            anchor: heard.anchor,
            radio,
        };
        let same = |t: &Track| t.anchor == heard.anchor && t.radio == radio;
        if let Some(track) = self.tracks.iter_mut().find(|t| same(t)) {
            let gap_ms = fresh.heard_ms.wrapping_sub(track.heard_ms);
            // Past half of the circle it is older than the last: a straggler, close to that one.
            let late = gap_ms > u32::MAX / 2;
            let gap_ms = if late { 0 } else { gap_ms }.max(GAP_MIN_MS) as f32;
            if settings.smooth_ms == 0 {
                track.rssi_dbm = fresh.rssi_dbm;
            } else {
                let kept = (-gap_ms / settings.smooth_ms as f32).exp();
                track.rssi_dbm = fresh.rssi_dbm + kept * (track.rssi_dbm - fresh.rssi_dbm);
            }
            if !late {
                track.heard_ms = fresh.heard_ms;
            }
            let share = gap_ms / settings.fresh_ms.max(1) as f32;
            return (share.min(1.0), track.rssi_dbm);
        }
        if self.tracks.len() < TRACKS_MAX {
            self.tracks.reserve_exact(1);
            self.tracks.push(fresh);
        } else {
            let age_ms = |at: usize| fresh.heard_ms.wrapping_sub(self.tracks[at].heard_ms);
            let oldest = (0..TRACKS_MAX).max_by_key(|&at| age_ms(at));
            self.tracks[oldest.unwrap_or(0)] = fresh;
        }
        (1.0, heard.rssi_dbm)
    }
}

impl Radio {
    /// Sightings of this radio for each that was expected: the mean of a gamma posterior.
    fn pace(&self, prior: f32) -> f32 {
        (prior + self.heard) / (prior + self.expected)
    }

    /// It is heard again, after as many sightings as were due.
    fn learn_pace(&mut self, at_ms: u64) {
        if self.last_ms > 0 {
            let dt_s = at_ms.saturating_sub(self.last_ms) as f32 / 1_000.0;
            let fade = (-dt_s / RATE_FADES_S).exp();
            self.heard = self.heard * fade + 1.0;
            self.expected = self.expected * fade + self.due_per_s * dt_s.min(SILENCE_MAX_S);
        }
    }

    /// Time passes, and the phone may have gone from her hand to her pocket.
    fn doubt(&mut self, model: &Model, at_ms: u64) {
        let prior = model.settings.offset_sigma_db.powi(2);
        let dt_s = at_ms.saturating_sub(self.last_ms) as f32 / 1_000.0;
        self.offset_var +=
            (prior - self.offset_var) * (1.0 - (-dt_s / model.settings.offset_fades_s).exp());
    }

    /// A Kalman step on the offset, with the belief's mean level as what was expected.
    fn learn_offset(
        &mut self,
        model: &Model,
        rows: Rows<'_>,
        belief: &[f32],
        rssi_dbm: f32,
        fresh: f32,
    ) {
        if self.offset_var == 0.0 {
            return;
        }
        let (mut mean, mut square, mut noise, mut slope) = (0.0, 0.0, 0.0, 0.0);
        for ((share, level), precision) in belief.iter().zip(rows.levels_dbm).zip(rows.precisions) {
            mean += share * level;
            square += share * level * level;
            noise += share / precision;
            slope += share * model.settings.slope(*precision);
        }
        let noise = (noise + (square - mean * mean).max(0.0)) * OFFSET_CAUTION / fresh;
        let gain = self.offset_var * slope / (self.offset_var * slope * slope + noise);
        self.offset_db += gain * (rssi_dbm - mean - slope * self.offset_db);
        self.offset_var *= 1.0 - gain * slope;
    }
}

impl Said {
    fn say(&mut self, model: &Model, zone: Option<u16>, p: f32, kept: Option<f32>, now_ms: u64) {
        if self.leader != zone {
            self.leader = zone;
            self.leads_since_ms = now_ms;
        }
        if p >= model.settings.say_p {
            self.zone = zone;
        } else if kept.is_some_and(|share| share < model.settings.keep_p) {
            self.zone = None;
        }
    }
}

/// Multiplies the belief by the likelihood of being heard, with that strength, in each place.
/// Silence is weighed in full, so being heard is too, however little its strength says.
fn weigh_strength(
    model: &Model,
    rows: Rows<'_>,
    belief: &mut [f32],
    radio: &Radio,
    x_dbm: f32,
    fresh: f32,
) {
    let tail = model.settings.tail;
    let power = -model.settings.strength_weight * (tail + 1.0) / 2.0;
    let cells = rows.levels_dbm.iter().zip(rows.precisions);
    let cells = cells.zip(rows.bases.iter().zip(rows.counts));
    for (share, ((level, precision), (base, count))) in belief.iter_mut().zip(cells) {
        let slope = model.settings.slope(*precision);
        let precision = precision / (1.0 + precision * slope * slope * radio.offset_var);
        let off = x_dbm - level - slope * radio.offset_db;
        let log = base + power * (1.0 + off * off * precision / tail).ln();
        *share *= (count + fresh * log).exp();
    }
    normalise(belief);
}

/// What a belief expects of something that places have.
fn mean(belief: &[f32], of: &[f32]) -> f32 {
    belief.iter().zip(of).map(|(share, x)| share * x).sum()
}

fn normalise(belief: &mut [f32]) {
    let sum: f32 = belief.iter().sum();
    if sum > 0.0 && sum.is_finite() {
        let scale = 1.0 / sum;
        if scale.is_finite() {
            for share in belief.iter_mut() {
                *share *= scale;
            }
            return;
        }
    }
    let even = 1.0 / belief.len() as f32;
    belief.fill(even);
}

/// The step that covers a time: what is heard within a step is weighed at its end.
fn step_of(model: &Model, at_ms: u64) -> u64 {
    at_ms.div_ceil(model.settings.step_ms)
}
