//! The store at a glance: how many are believed to be where, and which anchors hear.
//!
//! In: the engine as it is. Out: sums over all who are in; nobody in particular.
//! Promises: reads alone; zones and anchors without anybody are there too.
//! Invariant: no customer and no radio is named.

use protocol::{AnchorId, ZoneId};

use super::StoreEngine;

/// Radios count as heard of late if it was not longer ago than this.
const LATELY_MS: u64 = 60_000;

/// The store at one moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StoreMap {
    /// People who are in.
    pub present: u32,
    /// Those of them whose zone is not said.
    pub unknown: u32,
    /// By zone: how many are expected there (the sum of what is believed of each), and how many
    /// are said to be there.
    pub zones: Vec<(ZoneId, f32, u32)>,
    /// By anchor: when it last had a radio of somebody who is followed, and how many radios in the
    /// last minute.
    pub anchors: Vec<(AnchorId, Option<u64>, u32)>,
}

impl StoreEngine {
    /// The store at a glance. Walks over all who are followed: to be asked now and then.
    pub fn map(&self) -> StoreMap {
        let mut zones = vec![(0.0_f32, 0_u32); self.floor.zones_len()];
        let mut anchors = vec![(None::<u64>, 0_u32); self.floor.anchors_len()];
        let (mut present, mut unknown) = (0, 0);
        for person in self.people.values() {
            for (anchor, heard_ms) in person.belief.heard_at() {
                if let Some((last_ms, lately)) = anchors.get_mut(usize::from(anchor.number())) {
                    *last_ms = (*last_ms).max(Some(heard_ms));
                    *lately += u32::from(heard_ms + LATELY_MS >= self.now_ms);
                }
            }
            if person.visit.is_none() {
                continue;
            }
            present += 1;
            let shares = person.belief.zones(&self.floor);
            let inside: f32 = shares.iter().map(|(_, share)| share).sum();
            for (zone, share) in shares {
                if let Some((expected, _)) = zones.get_mut(usize::from(zone.number())) {
                    *expected += share / inside.max(f32::MIN_POSITIVE);
                }
            }
            let said = person.belief.said();
            match said.and_then(|zone| zones.get_mut(usize::from(zone.number()))) {
                Some((_, said)) => *said += 1,
                None => unknown += 1,
            }
        }
        let zone = |(number, (expected, said))| {
            let zone = self.floor.zone(self.floor.zone_by_number(number)?)?;
            Some((zone.clone(), expected, said))
        };
        let anchor = |(number, (last_ms, lately))| {
            let anchor = self.floor.anchor_by_number(number)?;
            Some((self.floor.anchor_id(anchor)?.clone(), last_ms, lately))
        };
        StoreMap {
            present,
            unknown,
            zones: (0..).zip(zones).filter_map(zone).collect(),
            anchors: (0..).zip(anchors).filter_map(anchor).collect(),
        }
    }
}
