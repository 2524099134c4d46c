//! What a calibration walk found, laid over what names or a plan say.
//!
//! In: a model, and what each anchor had of the walker's radio in each zone. Out: the model as it is
//! heard. Promises: an anchor that heard little of a zone moves it little; one that heard nothing of
//! it for long is no longer expected to.
//! Invariant: places of a zone keep their differences; a zone that nobody walked stays as it was.

use super::model::{Hearing, Model};

/// Sightings that what was assumed is worth against what was heard.
const PRIOR_SIGHTINGS: f32 = 5.0;

/// Seconds that the assumed rate is worth.
const PRIOR_S: f32 = 10.0;

/// No walk of some seconds knows a zone better than this: the next customer's bag hangs elsewhere.
const SIGMA_MIN_DB: f32 = 4.0;

/// One anchor in one zone.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Found {
    pub(crate) anchor: u16,
    pub(crate) zone: u16,
    pub(crate) stood_s: f32,
    pub(crate) sightings: f32,
    pub(crate) mean_dbm: f32,
    pub(crate) sigma_db: f32,
}

/// The model with what was found.
pub(crate) fn surveyed(model: Model, found: &[Found]) -> Model {
    if found.is_empty() {
        return model;
    }
    let mut hearings = model.hearings();
    for cell in found.iter().filter(|cell| cell.stood_s > 0.0) {
        let from = usize::from(cell.anchor) * model.places();
        let Some(row) = hearings.get_mut(from..from + model.places()) else {
            continue;
        };
        let own = |(place, hearing)| (model.zone_of(place) == cell.zone).then_some(hearing);
        let own: Vec<&mut Hearing> = row.iter_mut().enumerate().filter_map(own).collect();
        cell.lay_over(own);
    }
    model.with_hearings(&hearings)
}

impl Found {
    fn lay_over(&self, places: Vec<&mut Hearing>) {
        let count = places.len().max(1) as f32;
        let per_s = places.iter().map(|h| h.per_s).sum::<f32>() / count;
        let level_dbm = places.iter().map(|h| h.level_dbm).sum::<f32>() / count;
        let trust = self.sightings / (self.sightings + PRIOR_SIGHTINGS);
        let rate = (self.sightings + per_s * PRIOR_S) / (self.stood_s + PRIOR_S);
        for hearing in places {
            hearing.level_dbm += trust * (self.mean_dbm - level_dbm);
            let variance = hearing.sigma_db.powi(2);
            let variance = variance + trust * (self.sigma_db.powi(2) - variance);
            hearing.sigma_db = variance.sqrt().max(SIGMA_MIN_DB);
            hearing.per_s *= rate / per_s;
        }
    }
}
