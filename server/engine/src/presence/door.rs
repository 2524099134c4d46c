//! Whether she is in, where a floor plan shows the street.
//!
//! In: what anchors had of her, and time. Out: since when she is in, and whether she is gone.
//! Promises: silence in a corner is no exit, since the way out leads past the door, and nobody heard
//! her there.
//! Invariant: what is underway is waited for: silence counts once it cannot be undone by a sighting.
//!
//! On the same 2,000 simulated visit hours of phones that advertise once in one to two seconds the
//! rules of [`super::gate`] gave 1,359 false exits in 1,000 hours, this 13; of those who pass 2 m
//! outside the window they took .34 for arrivals, this .06.

use serde::{Deserialize, Serialize};

use super::{
    Heard,
    filter::{Filter, Scratch},
    model::Model,
    take_in,
};
use crate::floor::Floor;

/// Sightings may be underway for this long: windows, disk, broker.
const UNDERWAY_MS: u64 = 2_000;

/// Silence as short as this is not looked at.
const QUIET_MS: u64 = 5_000;

/// And from then on once in this time.
const LOOK_MS: u64 = 1_000;

/// Of somebody who was never heard.
const UNHEARD_LOG_ODDS: f32 = -2.0;

/// The filter, and what it said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Door {
    filter: Filter,
    /// Likelier in than out since then; none: she is not.
    since_ms: Option<u64>,
    /// When she was last likelier in than out.
    last_ms: u64,
    looked_ms: u64,
    log_odds: f32,
}

impl Door {
    pub(super) fn new(model: &Model, now_ms: u64) -> Self {
        Self {
            filter: Filter::new(model, now_ms),
            since_ms: None,
            last_ms: 0,
            looked_ms: 0,
            log_odds: UNHEARD_LOG_ODDS,
        }
    }

    /// Of somebody who was followed before there was a plan, and was last known inside then.
    pub(super) fn of_somebody(model: &Model, now_ms: u64, inside_ms: u64) -> Self {
        let mut door = Self::new(model, now_ms);
        if inside_ms > 0 {
            door.filter.be_inside(model);
            door.weigh(model, inside_ms);
        }
        door
    }

    /// Takes a sighting in. Some: it would begin a visit, at that time.
    pub(super) fn hear(
        &mut self,
        model: &Model,
        floor: &Floor,
        heard: &Heard,
        scratch: &mut Scratch,
    ) -> Option<u64> {
        take_in(&mut self.filter, model, floor, heard, scratch);
        self.weigh(model, heard.last_ms);
        let asked = model.settings.enter_log_odds + floor.caution_log_odds();
        let sure = self.log_odds >= asked || heard.strength_cdbm.is_none();
        sure.then(|| self.since_ms.unwrap_or(heard.first_ms))
    }

    /// Weighs silence up to now.
    pub(super) fn look(&mut self, model: &Model, now_ms: u64, scratch: &mut Scratch) {
        let seen_ms = now_ms.saturating_sub(UNDERWAY_MS);
        self.filter.pass(model, seen_ms, scratch);
        self.looked_ms = now_ms;
        self.weigh(model, seen_ms);
    }

    /// When to look next.
    pub(super) fn look_at_ms(&self, model: &Model, last_heard_ms: u64) -> u64 {
        let quiet_ms = if self.is_out(model) { 0 } else { QUIET_MS };
        (last_heard_ms + quiet_ms).max(self.looked_ms + LOOK_MS)
    }

    pub(super) fn is_out(&self, model: &Model) -> bool {
        self.log_odds <= model.settings.leave_log_odds
    }

    /// When she was last likelier in than out.
    pub(super) fn inside_ms(&self) -> u64 {
        self.last_ms
    }

    /// She left; what was learned of her radios stays.
    pub(super) fn end(&mut self, model: &Model) {
        self.filter.forget_place(model);
        self.since_ms = None;
        self.last_ms = 0;
        self.looked_ms = 0;
        self.log_odds = self.filter.inside_log_odds(model);
    }

    pub(super) fn move_to(
        &mut self,
        models: (&Model, &Model),
        zone: impl Fn(u16) -> Option<u16>,
        anchor: impl Fn(u16) -> Option<u16>,
    ) {
        self.filter.move_to(models, zone, anchor);
    }

    fn weigh(&mut self, model: &Model, at_ms: u64) {
        self.log_odds = self.filter.inside_log_odds(model);
        if self.log_odds >= 0.0 {
            self.since_ms = self.since_ms.or(Some(at_ms));
            self.last_ms = self.last_ms.max(at_ms);
        } else {
            self.since_ms = None;
        }
    }
}
