//! Late history: sightings too old for the live belief, laid beside the visits that are known.
//!
//! In: one customer's late sightings, and her visits around them. Out: visits with other edges,
//! and visits that nobody knew of.
//! Promises: what lies within [`JOIN_MS`] of a visit belongs to it; a visit that nobody knew of
//! begins by the same rule as a live one, since the same [`Belief`] judges it.
//! Invariant: never touches the live belief; two visits never overlap because of it.

use crate::{
    floor::{Floor, ZoneIx, centi},
    input::{Consent, Observation, PastVisit},
    presence::{Belief, Heard, Moved, filter::Scratch, gate::OUTSIDE_CDB},
};

/// A gap up to this long is inside one visit: a slow corner, a fitting room.
pub const JOIN_MS: u64 = 180_000;

/// What late sightings say of a time that no known visit covers.
#[derive(Debug, PartialEq)]
pub(crate) struct LateVisit {
    pub(crate) entered_ms: u64,
    pub(crate) left_ms: u64,
    pub(crate) zones: Vec<(ZoneIx, u64)>,
    /// What she agreed to when she was last heard in it.
    pub(crate) consent: Consent,
}

/// Sightings without a long gap between them.
pub(crate) struct Span<'a> {
    from_ms: u64,
    to_ms: u64,
    sightings: Vec<&'a Observation>,
}

/// Late sightings that can only be from inside, cut where the gap is too long; oldest first.
pub(crate) fn spans<'a>(floor: &Floor, late: &'a [Observation]) -> Vec<Span<'a>> {
    let mut inside: Vec<&Observation> = late.iter().filter(|o| is_inside(floor, o)).collect();
    inside.sort_by_key(|o| (o.heard_first_ms, o.heard_last_ms));
    let mut spans: Vec<Span<'_>> = Vec::new();
    for sighting in inside {
        match spans.last_mut() {
            Some(span) if sighting.heard_first_ms <= span.to_ms.saturating_add(JOIN_MS) => {
                span.to_ms = span.to_ms.max(sighting.heard_last_ms);
                span.sightings.push(sighting);
            }
            _ => spans.push(Span {
                from_ms: sighting.heard_first_ms,
                to_ms: sighting.heard_last_ms,
                sightings: vec![sighting],
            }),
        }
    }
    spans
}

fn is_inside(floor: &Floor, seen: &Observation) -> bool {
    let enter_cdbm = floor
        .anchor(&seen.anchor)
        .and_then(|anchor| floor.enter_cdbm(anchor));
    enter_cdbm.is_some_and(|enter| seen.certain || centi(seen.rssi_dbm) >= enter - OUTSIDE_CDB)
}

impl Span<'_> {
    /// Widens the visits that this span belongs to; `known` is sorted and does not overlap.
    /// Gives back the places of those that changed; none at all: it belongs to no known visit.
    pub(crate) fn widen(&self, known: &mut [PastVisit]) -> Option<Vec<usize>> {
        let within = |reach_ms: u64| {
            let near = |v: &PastVisit| {
                self.from_ms <= v.left_ms.unwrap_or(u64::MAX).saturating_add(reach_ms)
                    && self.to_ms.saturating_add(reach_ms) >= v.entered_ms
            };
            known
                .iter()
                .enumerate()
                .filter(|(_, v)| near(v))
                .map(|(at, _)| at)
                .collect()
        };
        let mut targets: Vec<usize> = within(0);
        if targets.is_empty() {
            targets = within(JOIN_MS);
            targets.truncate(1);
        }
        if targets.is_empty() {
            return None;
        }
        targets.retain(|&at| self.widen_one(known, at));
        Some(targets)
    }

    fn widen_one(&self, known: &mut [PastVisit], at: usize) -> bool {
        let not_before = match at.checked_sub(1).and_then(|before| known.get(before)) {
            Some(before) => before.left_ms.unwrap_or(u64::MAX),
            None => 0,
        };
        let not_after = known.get(at + 1).map_or(u64::MAX, |after| after.entered_ms);
        let Some(visit) = known.get_mut(at) else {
            return false;
        };
        let was = (visit.entered_ms, visit.left_ms);
        visit.entered_ms = visit.entered_ms.min(self.from_ms.max(not_before));
        visit.left_ms = visit
            .left_ms
            .map(|left| left.max(self.to_ms.min(not_after)));
        was != (visit.entered_ms, visit.left_ms)
    }

    /// What the live belief would have made of this span.
    pub(crate) fn replay(&self, floor: &Floor) -> Option<LateVisit> {
        let (mut belief, mut scratch) = (Belief::new(), Scratch::default());
        let (mut entered_ms, mut zones) = (None, Vec::new());
        for seen in &self.sightings {
            let entry = belief.hear(floor, &heard(floor, seen)?, &mut scratch);
            let came_now = entered_ms.is_none() && entry.is_some();
            entered_ms = entered_ms.or(entry);
            let Some(entered_ms) = entered_ms else {
                continue;
            };
            if let Moved::To(zone, from_ms) = belief.settle(floor, &mut scratch) {
                zones.push((zone, if came_now { entered_ms } else { from_ms }));
            }
        }
        Some(LateVisit {
            entered_ms: entered_ms?,
            left_ms: belief.inside_ms(floor),
            zones,
            consent: self.sightings.last()?.consent,
        })
    }
}

/// An observation as the belief takes it; none if its anchor is not in the layout.
pub(crate) fn heard(floor: &Floor, seen: &Observation) -> Option<Heard> {
    Some(Heard {
        radio: seen.radio,
        anchor: floor.anchor(&seen.anchor)?,
        first_ms: seen.heard_first_ms.min(seen.heard_last_ms),
        last_ms: seen.heard_last_ms,
        strength_cdbm: (!seen.certain).then(|| centi(seen.rssi_dbm)),
    })
}
