//! A store learned from walks that say in which zone they were, not where.
//!
//! In: walks whose stands have a zone; their positions are not read. Out: a [`Model`] with one place
//! per zone. Promises: every zone that was walked has a level for every anchor that was heard.
//! Invariant: a zone that nobody walked makes no model, rather than a guess.

use super::Walk;
use crate::presence::model::{Hearing, Model, Settings};

/// Share of seconds in which somebody goes to another zone, as [`crate::presence::geometry`] has it.
const MOVES_PER_S: f32 = 0.02;

/// Sightings that what is usual for an anchor is worth in a zone that hardly hears it.
const PRIOR_SIGHTINGS: f32 = 2.0;

/// Longer than this between two stands is a pause of the walk.
const PAUSE_MS: u64 = 10_000;

/// Strengths of one anchor in one zone.
#[derive(Debug, Clone, Copy, Default)]
struct Heard {
    n: f32,
    sum_dbm: f32,
    square: f32,
}

/// Learns one place per zone: mean, spread and rate of each anchor there.
pub fn learn(settings: &Settings, zones: u16, anchors: u16, walks: &[&Walk]) -> Option<Model> {
    let places = usize::from(zones);
    let mut heard = vec![Heard::default(); places * usize::from(anchors)];
    let mut seconds = vec![0.0; places];
    for walk in walks {
        for pair in walk.stands.windows(2) {
            let gap_ms = (pair[1].at_ms - pair[0].at_ms).min(PAUSE_MS);
            *seconds.get_mut(usize::from(pair[0].zone))? += gap_ms as f32 / 1_000.0;
        }
        for sighting in &walk.sightings {
            let after = walk.stands.partition_point(|s| s.at_ms <= sighting.at_ms);
            let stand = walk.stands.get(after.saturating_sub(1))?;
            let at = usize::from(sighting.anchor) * places + usize::from(stand.zone);
            heard.get_mut(at)?.add(sighting.rssi_dbm);
        }
    }
    if seconds.contains(&0.0) {
        return None;
    }
    let mut hearings = Vec::with_capacity(heard.len());
    for row in heard.chunks(places) {
        let all = row.iter().fold(Heard::default(), Heard::and);
        if all.n == 0.0 {
            return None;
        }
        hearings.extend(
            row.iter()
                .zip(&seconds)
                .map(|(own, s)| own.hearing(&all, *s)),
        );
    }
    let step_s = settings.step_ms as f32 / 1_000.0;
    let moving = MOVES_PER_S * step_s;
    let moves = |place: usize, out: &mut Vec<(u32, f32)>| {
        out.extend((0..u32::from(zones)).map(|to| {
            let stays = to as usize == place;
            let share = moving / (f32::from(zones) - 1.0).max(1.0);
            (to, if stays { 1.0 - moving } else { share })
        }));
    };
    let rest = vec![1.0; places];
    Model::new(
        settings.clone(),
        (0..zones).collect(),
        &hearings,
        moves,
        &rest,
    )
    .ok()
}

impl Heard {
    fn add(&mut self, rssi_dbm: f32) {
        *self = self.and(&Self {
            n: 1.0,
            sum_dbm: rssi_dbm,
            square: rssi_dbm * rssi_dbm,
        });
    }

    fn and(self, other: &Self) -> Self {
        Self {
            n: self.n + other.n,
            sum_dbm: self.sum_dbm + other.sum_dbm,
            square: self.square + other.square,
        }
    }

    /// With what is usual for the anchor as a prior.
    fn hearing(&self, all: &Self, seconds: f32) -> Hearing {
        let n = self.n + PRIOR_SIGHTINGS;
        let mean = (self.sum_dbm + PRIOR_SIGHTINGS * all.sum_dbm / all.n) / n;
        let square = (self.square + PRIOR_SIGHTINGS * all.square / all.n) / n;
        Hearing {
            level_dbm: mean,
            sigma_db: (square - mean * mean).max(1.0).sqrt(),
            per_s: (self.n + 0.1) / seconds,
        }
    }
}
