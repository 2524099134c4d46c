//! Presence: what the system believes of one customer's whereabouts.
//!
//! In: what anchors and her radios had of each other, in the order of arrival.
//! Out: whether she is in ([`gate`], or `door` where a plan shows the street), in which zone ([`filter`]), how sure that is, and why.
//! Promises: a zone is said when it is likely enough, and "unknown" when none is; what is written
//! in a snapshot and read again answers as before.
//! Invariant: everything rests on *event* time; at most [`gate::TRACKS_MAX`] tracks and
//! [`gate::RADIOS_MAX`] radios per customer.
//!
//! The gate is integers and rules of thumb that a shop can read: it must be quick at the door and
//! slow to let go. The filter weighs everything: it must be right, or say that it is not sure. Its
//! [`model`] comes from names ([`names`]), from a floor plan ([`geometry`]) or from a calibration walk
//! ([`walk`]); [`confidence`] makes its odds honest.

pub(crate) mod caution;
pub mod confidence;
mod door;
pub mod filter;
pub mod gate;
pub mod geometry;
pub(crate) mod ground;
pub mod model;
pub mod names;
mod survey;
pub mod walk;

use protocol::RadioId;
use serde::{Deserialize, Serialize};

use crate::{
    floor::{AnchorIx, Floor, ZoneIx},
    outcome::{Because, WHY_ZONES_MAX, Why},
};
use door::Door;
use filter::{Filter, Scratch};
use gate::Gate;
use model::{Model, OUTSIDE};

/// The zone in which she said where she is holds for this long against radio.
pub const CERTAIN_ZONE_MS: u64 = 20_000;

/// One sighting, as the belief needs it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Heard {
    pub(crate) radio: RadioId,
    pub(crate) anchor: AnchorIx,
    pub(crate) first_ms: u64,
    pub(crate) last_ms: u64,
    /// None: a certain sighting.
    pub(crate) strength_cdbm: Option<i32>,
}

/// What became of the zone that she was said to be in.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Moved {
    No,
    /// She is in another one, since that time.
    To(ZoneIx, u64),
    /// None is likely enough, since that time.
    Lost(u64),
}

/// What is believed of one customer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Belief {
    gate: Gate,
    /// In which zone; none: never heard.
    filter: Option<Filter>,
    /// Whether she is in, where the plan knows the street.
    door: Option<Door>,
    /// The zone that was said last.
    zone: Option<ZoneIx>,
}

impl Belief {
    pub(crate) fn new() -> Self {
        Self {
            gate: Gate::new(),
            filter: None,
            door: None,
            zone: None,
        }
    }

    /// Takes a sighting in. Some: it would begin a visit, at that time.
    pub(crate) fn hear(
        &mut self,
        floor: &Floor,
        heard: &Heard,
        scratch: &mut Scratch,
    ) -> Option<u64> {
        if self.gate.is_over(heard) {
            return None; // a straggler of the visit that is over
        }
        let model = floor.model();
        let filter = self
            .filter
            .get_or_insert_with(|| Filter::new(model, heard.last_ms));
        take_in(filter, model, floor, heard, scratch);
        let at_gate = self.gate.hear(floor, heard);
        let Some(model) = floor.door_model() else {
            return at_gate;
        };
        let door = self
            .door
            .get_or_insert_with(|| Door::new(model, heard.last_ms));
        let since_ms = door.hear(model, floor, heard, scratch);
        since_ms.map(|since_ms| self.gate.after_last(since_ms))
    }

    /// Time passed. Some: she is gone, since that time, and why.
    pub(crate) fn look(
        &mut self,
        floor: &Floor,
        now_ms: u64,
        scratch: &mut Scratch,
    ) -> Option<(u64, Because)> {
        let (gone_ms, because) = self.gate.leave_at(floor);
        let (Some(door), Some(model)) = (&mut self.door, floor.door_model()) else {
            return (gone_ms <= now_ms).then(|| (self.gate.inside_ms(), because));
        };
        door.look(model, now_ms, scratch);
        let silent = now_ms >= self.gate.last_heard_ms() + gate::SILENCE_MAX_MS;
        let out = (silent || door.is_out(model)) && self.gate.may_leave_ms(floor) <= now_ms;
        out.then_some((door.inside_ms(), because))
    }

    /// When to look next at somebody who is in.
    pub(crate) fn look_at_ms(&self, floor: &Floor) -> u64 {
        match (&self.door, floor.door_model()) {
            (Some(door), Some(model)) => {
                let at_ms = door.look_at_ms(model, self.gate.last_heard_ms());
                at_ms.max(self.gate.may_leave_ms(floor))
            }
            _ => self.gate.leave_at(floor).0,
        }
    }

    /// Weighs the zones at the time at which she was last heard. That she is in is the gate's word,
    /// so the filter says where, not whether.
    pub(crate) fn settle(&mut self, floor: &Floor, scratch: &mut Scratch) -> Moved {
        let now_ms = self.gate.last_heard_ms();
        let Some(filter) = &mut self.filter else {
            return Moved::No;
        };
        let model = floor.model();
        filter.be_inside(model);
        let answer = filter.answer(model, now_ms, scratch);
        let said = answer.said.and_then(|zone| floor.zone_by_number(zone));
        if said == self.zone {
            return Moved::No;
        }
        self.zone = said;
        match said {
            Some(zone) => Moved::To(zone, answer.since_ms),
            None => Moved::Lost(now_ms),
        }
    }

    /// When she was last known to be inside.
    pub(crate) fn inside_ms(&self, floor: &Floor) -> u64 {
        match &self.door {
            Some(door) if floor.door_model().is_some() => door.inside_ms(),
            _ => self.gate.inside_ms(),
        }
    }

    /// When she was last heard at all.
    pub(crate) fn last_heard_ms(&self) -> u64 {
        self.gate.last_heard_ms()
    }

    /// Whether a radio was heard in this visit.
    pub(crate) fn by_radio(&self) -> bool {
        self.gate.by_radio()
    }

    /// What she came for is done: from here on only radio keeps her in.
    pub(crate) fn certainty_is_used_up(&mut self) {
        self.gate.certainty_is_used_up();
    }

    /// She left: what was believed is over; what was learned of her radios stays.
    pub(crate) fn end(&mut self, floor: &Floor, left_ms: u64) {
        self.gate.end(left_ms);
        self.zone = None;
        if let Some(filter) = &mut self.filter {
            filter.forget_place(floor.model());
        }
        if let (Some(door), Some(model)) = (&mut self.door, floor.door_model()) {
            door.end(model);
        }
    }

    /// Puts anchors and zones where the new floor has them; what is gone is forgotten.
    pub(crate) fn move_to(&mut self, floor: &Floor, old: &Floor) {
        self.gate.move_to(floor, old);
        self.zone = self.zone.and_then(|zone| floor.moved_zone(old, zone));
        let zone = |number: u16| {
            let zone = old.zone_by_number(number)?;
            Some(floor.moved_zone(old, zone)?.number())
        };
        let anchor = |number: u16| {
            let anchor = old.anchor_by_number(number)?;
            Some(floor.moved_anchor(old, anchor)?.number())
        };
        if let Some(filter) = &mut self.filter {
            filter.move_to((old.model(), floor.model()), zone, anchor);
        }
        self.door = match (self.door.take(), old.door_model(), floor.door_model()) {
            (Some(mut door), Some(was), Some(is)) => {
                door.move_to((was, is), zone, anchor);
                Some(door)
            }
            // Drawn a moment ago: who is in by the gate is in.
            (None, None, Some(is)) if self.filter.is_some() => Some(Door::of_somebody(
                is,
                self.gate.last_heard_ms(),
                self.gate.inside_ms(),
            )),
            _ => None,
        };
    }

    /// Probability of each zone as it was when she was last heard, likeliest first; what is missing
    /// to 1 is that she is in none.
    pub(crate) fn zones(&self, floor: &Floor) -> Vec<(ZoneIx, f32)> {
        let Some(filter) = &self.filter else {
            return Vec::new();
        };
        let model = floor.model();
        let mut zones: Vec<(ZoneIx, f32)> = Vec::with_capacity(model.zones());
        for (place, share) in filter.belief().iter().enumerate() {
            let zone = model.zone_of(place);
            if zone == OUTSIDE {
                continue;
            }
            let Some(zone) = floor.zone_by_number(zone) else {
                continue;
            };
            match zones.iter_mut().find(|(known, _)| *known == zone) {
                Some((_, sum)) => *sum += share,
                None => zones.push((zone, *share)),
            }
        }
        zones.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        zones
    }

    /// The two most likely zones of somebody who is in, with their shares of 1, likeliest first.
    pub(crate) fn shares(&self, floor: &Floor) -> Vec<(ZoneIx, f32)> {
        let mut zones = self.zones(floor);
        let inside: f32 = zones.iter().map(|(_, share)| share).sum();
        zones.truncate(2);
        for (_, share) in &mut zones {
            *share /= inside.max(f32::MIN_POSITIVE);
        }
        zones
    }

    /// What the belief rests on now.
    pub(crate) fn why(&self, floor: &Floor, because: Because, now_ms: u64) -> Why {
        let mut zones = self.zones(floor);
        zones.truncate(WHY_ZONES_MAX);
        let named = |(zone, share)| Some((floor.zone(zone)?.clone(), share));
        Why {
            zones: zones.into_iter().filter_map(named).collect(),
            heard: self.gate.heard(floor, now_ms),
            ..Why::only(because, now_ms)
        }
    }

    /// The zone that was said last.
    pub(crate) fn said(&self) -> Option<ZoneIx> {
        self.zone
    }

    /// When each anchor last had each of her radios.
    pub(crate) fn heard_at(&self) -> impl Iterator<Item = (AnchorIx, u64)> + '_ {
        self.gate.heard_at()
    }

    /// Radio, or her own word if that is fresh.
    pub(crate) fn because(&self) -> Because {
        if self.gate.is_certain(CERTAIN_ZONE_MS) {
            Because::SaidSo
        } else {
            Because::Radio
        }
    }
}

/// A filter takes a sighting in, or her own word.
fn take_in(
    filter: &mut Filter,
    model: &Model,
    floor: &Floor,
    heard: &Heard,
    scratch: &mut Scratch,
) {
    match heard.strength_cdbm {
        Some(strength_cdbm) => {
            let heard = filter::Heard {
                radio: heard.radio,
                anchor: heard.anchor.number(),
                at_ms: heard.last_ms,
                rssi_dbm: strength_cdbm as f32 / 100.0,
            };
            filter.hear(model, &heard, scratch);
        }
        None => {
            if let Some(zone) = floor.zone_of(heard.anchor) {
                filter.be_certain(model, zone.number(), heard.last_ms, scratch);
            }
        }
    }
}
