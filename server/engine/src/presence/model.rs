//! What is known of a store's air: how each anchor is heard in each place, and how people move.
//!
//! In: levels and rates per anchor and place, from names ([`super::names`]), from a floor plan
//! ([`super::geometry`]), or from a calibration walk ([`super::walk`]). Out: the tables that [`super::filter`] reads.
//! Promises: every place has a zone or is [`OUTSIDE`]; moves out of a place sum to one.
//! Invariant: never changes while it is in use, but for which anchors listen; a filter keeps
//! numbers of places, nothing else.

use serde::{Deserialize, Serialize};

use super::confidence::Confidence;

/// The zone of a place that is in no zone: the street, or "not here".
pub const OUTSIDE: u16 = u16::MAX;

/// Changes of who listens that are remembered. A filter that was not looked at for longer than that
/// takes the oldest that is left: sixteen gateways may come and go in [`super::filter::STEPS_MAX`].
pub const EARS_MAX: usize = 32;

/// How one anchor is heard in one place by a radio without offset.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Hearing {
    /// Median strength.
    pub level_dbm: f32,
    /// Spread around it: fading, bodies, and the place's own size.
    pub sigma_db: f32,
    /// Sightings in a second.
    pub per_s: f32,
}

/// How much weight observations have.
///
/// Step, tail, count weight and restart: ten-fold cross-validation by trace, in a prototype of this
/// filter, on the training walks of three floors of a mall with one phone model. The others are
/// assumptions that no data has chosen yet, `rate_prior` among them: 5 lets the timelines of a quiet
/// and of a busy radio differ, 20 did not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Time between two moves; a second fits a walk of 1.2 m/s and places of 2.5 m.
    pub step_ms: u64,
    /// Degrees of freedom of Student's t, for strengths: 2, 4 and 8 differed by .002 in accuracy.
    pub tail: f32,
    /// Weight of a strength's log-likelihood.
    pub strength_weight: f32,
    /// Weight of being heard, and of not being heard: counts are burstier than Poisson.
    pub count_weight: f32,
    /// Sightings of one anchor closer than this share the weight of one strength: shadows stand
    /// still while she does.
    pub fresh_ms: u32,
    /// A strength follows what is heard to 1 - 1/e within this time; 0: each stands for itself.
    pub smooth_ms: u32,
    /// Walking and standing in a shop, mean: people stand most of the time and walk at 1.2 m/s.
    pub walk_m_s: f32,
    /// Share of belief that forgets everything at each step: she took a way that we do not know.
    pub restart: f32,
    /// Spread of radios' offsets before anything is learned; 0: all radios are the same model.
    pub offset_sigma_db: f32,
    /// What was learned of an offset is doubted with this time constant: phones move from hands to
    /// pockets.
    pub offset_fades_s: f32,
    /// Spread of strengths where all is received. Where it is less, the floor cuts it off, and an
    /// offset moves what is heard by as much less; 0: it moves by all of it, everywhere.
    pub open_sigma_db: f32,
    /// How many sightings the assumed advertising rate is worth against the measured one.
    pub rate_prior: f32,
    /// Somebody is in once that is this much likelier than not, as log odds. Only asked of a model of
    /// the door, as the next one. They are no honest odds: second by second a shadow gives the same
    /// reason again.
    pub enter_log_odds: f32,
    /// She is gone once it is this much likelier than not.
    pub leave_log_odds: f32,
    /// Probability at which a zone is said.
    pub say_p: f32,
    /// Probability below which it is no longer said.
    pub keep_p: f32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            step_ms: 1_000,
            tail: 4.0,
            strength_weight: 1.0,
            count_weight: 0.5,
            fresh_ms: 1_000,
            smooth_ms: 0,
            walk_m_s: 0.5,
            restart: 0.002,
            offset_sigma_db: 4.0,
            offset_fades_s: 120.0,
            open_sigma_db: 0.0,
            rate_prior: 5.0,
            enter_log_odds: 3.0,
            leave_log_odds: -7.5,
            say_p: 0.9,
            keep_p: 0.6,
        }
    }
}

impl Settings {
    /// How much of an offset shows in what is heard: the variance that the floor left of all of it
    /// (the derivative of a cut-off normal distribution's mean by the mean of the whole).
    pub(super) fn slope(&self, precision: f32) -> f32 {
        if self.open_sigma_db == 0.0 {
            return 1.0;
        }
        1.0 / (precision * self.open_sigma_db * self.open_sigma_db).max(1.0)
    }
}

/// A store as the filter works with it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Model {
    pub(super) settings: Settings,
    pub(super) confidence: Confidence,
    zone_of: Vec<u16>,
    zones: usize,
    /// By anchor, then by place.
    levels_dbm: Vec<f32>,
    /// 1 / variance, in the same order.
    precisions: Vec<f32>,
    /// What is left of a strength's log-likelihood, less the greatest of the anchor.
    bases: Vec<f32>,
    /// Log-likelihood of being heard at all, less the greatest of the anchor.
    counts: Vec<f32>,
    /// Sightings in a second, in the same order.
    rates_per_s: Vec<f32>,
    /// By anchor: a radio at a known place that phones hear; else one that hears phones.
    beacons: Vec<bool>,
    /// Who listened since when, oldest first; never empty.
    ears: Vec<Ears>,
    moves: Moves,
    /// What is believed of somebody of whom nothing is known.
    pub(super) rest: Vec<f32>,
}

/// What is due while certain anchors listen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Ears {
    /// The first step that they listen in.
    from_step: u64,
    /// Sightings of all that listen in a second, by place: of antennas, and of beacons.
    heard_per_s: [Vec<f32>; 2],
}

/// Moves of one step, by the place that they begin in.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Moves {
    ends: Vec<u32>,
    to: Vec<u32>,
    share: Vec<f32>,
}

/// One anchor's rows.
#[derive(Clone, Copy)]
pub(super) struct Rows<'a> {
    pub(super) levels_dbm: &'a [f32],
    pub(super) precisions: &'a [f32],
    pub(super) bases: &'a [f32],
    pub(super) counts: &'a [f32],
}

/// No moves or hearings for a place, or a zone for which there is no room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misshapen;

impl Model {
    /// `hearings` by anchor, then by place; `moves(place)` gives weights of the places that can be
    /// reached in a step; `rest` weighs the places of somebody of whom nothing is known.
    pub fn new(
        settings: Settings,
        zone_of: Vec<u16>,
        hearings: &[Hearing],
        moves: impl Fn(usize, &mut Vec<(u32, f32)>),
        rest: &[f32],
    ) -> Result<Self, Misshapen> {
        let places = zone_of.len();
        if places == 0 || rest.len() != places || !hearings.len().is_multiple_of(places) {
            return Err(Misshapen);
        }
        let named = zone_of.iter().filter(|&&zone| zone != OUTSIDE);
        let zones = named.max().map_or(0, |&zone| usize::from(zone) + 1);
        let total: f32 = rest.iter().sum();
        let model = Self {
            moves: Moves::new(places, moves).ok_or(Misshapen)?,
            rest: rest.iter().map(|weight| weight / total).collect(),
            beacons: vec![false; hearings.len() / places],
            settings,
            zone_of,
            zones,
            ..Self::default()
        };
        Ok(model.with_hearings(hearings))
    }

    /// From `since_ms` on exactly these anchors are deaf: that they hear nothing says nothing. Steps
    /// before it are weighed as they were, whenever a filter gets round to them; what was said of
    /// later ones is replaced. Costs anchors times places.
    pub fn set_deaf(&mut self, deaf: &[u16], since_ms: u64) {
        let from_step = since_ms / self.settings.step_ms + 1;
        let mut heard_per_s = [vec![0.0; self.places()], vec![0.0; self.places()]];
        for (anchor, row) in (0..).zip(self.rates_per_s.chunks(self.places())) {
            if !deaf.contains(&anchor) {
                heard_per_s[usize::from(self.is_beacon(anchor))]
                    .iter_mut()
                    .zip(row)
                    .for_each(|(sum, per_s)| *sum += per_s);
            }
        }
        self.ears.retain(|ears| ears.from_step < from_step);
        if self.ears.len() == EARS_MAX {
            self.ears.remove(0);
        }
        self.ears.push(Ears {
            from_step,
            heard_per_s,
        });
    }

    /// Other hearings, in the same order.
    #[must_use]
    pub(super) fn with_hearings(mut self, hearings: &[Hearing]) -> Self {
        let places = self.places();
        let below_top = |of: &dyn Fn(&Hearing) -> f32| -> Vec<f32> {
            let below = |row: &[Hearing]| {
                let top = row.iter().map(of).fold(f32::NEG_INFINITY, f32::max);
                row.iter().map(|h| of(h) - top).collect::<Vec<f32>>()
            };
            hearings.chunks(places).flat_map(below).collect()
        };
        let settings = &self.settings;
        self.bases = below_top(&|h| -settings.strength_weight * h.sigma_db.ln());
        self.counts = below_top(&|h| settings.count_weight * h.per_s.ln());
        self.levels_dbm = hearings.iter().map(|h| h.level_dbm).collect();
        self.precisions = hearings.iter().map(|h| h.sigma_db.powi(-2)).collect();
        self.rates_per_s = hearings.iter().map(|h| h.per_s).collect();
        self.listening_to_all()
    }

    /// How each anchor is heard in each place, by anchor, then by place.
    pub(super) fn hearings(&self) -> Vec<Hearing> {
        let cells = self.levels_dbm.iter().zip(&self.precisions);
        let cells = cells.zip(&self.rates_per_s);
        cells
            .map(|((&level_dbm, precision), &per_s)| Hearing {
                level_dbm,
                sigma_db: precision.powf(-0.5),
                per_s,
            })
            .collect()
    }

    /// No anchor is deaf, and none ever was.
    fn listening_to_all(mut self) -> Self {
        self.ears.clear();
        self.set_deaf(&[], 0);
        self
    }

    /// These anchors are beacons. What a phone sends and what it receives are two radios, each with an
    /// offset and a rate of its own: an iPhone in a pocket hears beacons and is not heard.
    #[must_use]
    pub fn with_beacons(mut self, beacons: Vec<bool>) -> Self {
        self.beacons = beacons;
        self.listening_to_all()
    }

    /// Whether phones hear this anchor, not the other way round.
    pub(super) fn is_beacon(&self, anchor: u16) -> bool {
        self.beacons
            .get(usize::from(anchor))
            .copied()
            .unwrap_or_default()
    }

    /// How sure to be, as measured.
    #[must_use]
    pub fn with_confidence(self, confidence: Confidence) -> Self {
        Self { confidence, ..self }
    }

    /// Places; each costs a customer four bytes.
    pub fn places(&self) -> usize {
        self.zone_of.len()
    }

    /// Zones, numbered from 0.
    pub fn zones(&self) -> usize {
        self.zones
    }

    /// Anchors, numbered from 0.
    pub fn anchors(&self) -> usize {
        self.bases.len() / self.places()
    }

    /// A place's zone, or [`OUTSIDE`].
    pub fn zone_of(&self, place: usize) -> u16 {
        self.zone_of.get(place).copied().unwrap_or(OUTSIDE)
    }

    /// Sightings that are due in a second, by place, of the antennas that listen in a step, or of
    /// beacons.
    pub(super) fn heard_per_s(&self, step: u64, beacons: bool) -> &[f32] {
        let after = self.ears.partition_point(|ears| ears.from_step <= step);
        self.ears
            .get(after.saturating_sub(1))
            .map_or(&[], |ears| &ears.heard_per_s[usize::from(beacons)])
    }

    pub(super) fn rows(&self, anchor: u16) -> Option<Rows<'_>> {
        let places = self.places();
        let from = usize::from(anchor) * places;
        let range = from..from + places;
        Some(Rows {
            levels_dbm: self.levels_dbm.get(range.clone())?,
            precisions: self.precisions.get(range.clone())?,
            bases: self.bases.get(range.clone())?,
            counts: self.counts.get(range)?,
        })
    }

    /// One step of moving: `next` becomes where `belief` went.
    pub(super) fn step(&self, belief: &[f32], next: &mut Vec<f32>) {
        next.clear();
        next.extend(self.rest.iter().map(|rest| rest * self.settings.restart));
        let kept = 1.0 - self.settings.restart;
        let mut from = 0;
        for (share, &end) in belief.iter().zip(&self.moves.ends) {
            let share = share * kept;
            let to = end as usize;
            // What is next to nothing does not move anybody.
            if share > 1e-9 {
                for (&place, weight) in self.moves.to[from..to]
                    .iter()
                    .zip(&self.moves.share[from..to])
                {
                    next[place as usize] += share * weight;
                }
            }
            from = to;
        }
    }
}

impl Default for Model {
    /// A store of which nothing is known: there is only outside.
    fn default() -> Self {
        Self {
            settings: Settings::default(),
            confidence: Confidence::default(),
            zone_of: vec![OUTSIDE],
            zones: 0,
            levels_dbm: Vec::new(),
            precisions: Vec::new(),
            bases: Vec::new(),
            counts: Vec::new(),
            rates_per_s: Vec::new(),
            beacons: Vec::new(),
            ears: vec![Ears {
                from_step: 0,
                heard_per_s: [vec![0.0], vec![0.0]],
            }],
            moves: Moves {
                ends: vec![1],
                to: vec![0],
                share: vec![1.0],
            },
            rest: vec![1.0],
        }
    }
}

impl Moves {
    fn new(places: usize, moves: impl Fn(usize, &mut Vec<(u32, f32)>)) -> Option<Self> {
        let mut all = Self::default();
        let mut own = Vec::new();
        for place in 0..places {
            own.clear();
            moves(place, &mut own);
            let sum: f32 = own.iter().map(|(_, weight)| weight).sum();
            if sum <= 0.0 || own.iter().any(|&(to, _)| to as usize >= places) {
                return None;
            }
            all.to.extend(own.iter().map(|(to, _)| to));
            all.share.extend(own.iter().map(|(_, weight)| weight / sum));
            all.ends.push(u32::try_from(all.to.len()).ok()?);
        }
        Some(all)
    }
}
