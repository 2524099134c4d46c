//! The store's layout as the engine works with it: ids once, small numbers everywhere else.
//!
//! In: a [`Layout`]. Out: numbers of anchors and zones that are cheap to keep per customer.
//! Promises: after a change of layout every old number is either moved or known to be gone.
//! Invariant: a number that came from an old snapshot never panics, it is just unknown.

use protocol::{AnchorId, ZoneId};
use serde::{Deserialize, Serialize};

use crate::input::{Layout, Rules};

/// Anchors of one store at most; more are not in the layout. A large shop has some hundreds.
pub const ANCHORS_MAX: usize = 4_096;

/// An anchor's place in the floor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct AnchorIx(u16);

/// A zone's place in the floor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct ZoneIx(u16);

/// Zones, anchors, rules.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Floor {
    /// Sorted.
    zones: Vec<ZoneId>,
    /// Sorted by id.
    spots: Vec<Spot>,
    pub(crate) rules: Rules,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Spot {
    anchor: AnchorId,
    zone: ZoneIx,
    enter_cdbm: i32,
}

impl Floor {
    pub(crate) fn new(layout: &Layout) -> Self {
        let known = || layout.anchors.iter().take(ANCHORS_MAX);
        let mut zones: Vec<ZoneId> = known().map(|(_, a)| a.zone.clone()).collect();
        zones.sort_unstable();
        zones.dedup();
        let spots = known()
            .filter_map(|(id, anchor)| {
                Some(Spot {
                    anchor: id.clone(),
                    zone: ZoneIx(place(zones.binary_search(&anchor.zone))?),
                    enter_cdbm: centi(anchor.enter_rssi_dbm),
                })
            })
            .collect();
        Self {
            zones,
            spots,
            rules: layout.rules.clone(),
        }
    }

    pub(crate) fn anchor(&self, id: &AnchorId) -> Option<AnchorIx> {
        place(self.spots.binary_search_by(|spot| spot.anchor.cmp(id))).map(AnchorIx)
    }

    /// The zone that an anchor stands in.
    pub(crate) fn zone_of(&self, anchor: AnchorIx) -> Option<ZoneIx> {
        self.spots.get(usize::from(anchor.0)).map(|spot| spot.zone)
    }

    /// The strength at which a visit begins, in hundredths of a dBm.
    pub(crate) fn enter_cdbm(&self, anchor: AnchorIx) -> Option<i32> {
        let spot = self.spots.get(usize::from(anchor.0))?;
        Some(spot.enter_cdbm)
    }

    pub(crate) fn zone(&self, zone: ZoneIx) -> Option<&ZoneId> {
        self.zones.get(usize::from(zone.0))
    }

    pub(crate) fn zone_ix(&self, zone: &ZoneId) -> Option<ZoneIx> {
        place(self.zones.binary_search(zone)).map(ZoneIx)
    }

    /// Where an anchor of `old` stands in this floor.
    pub(crate) fn moved_anchor(&self, old: &Self, anchor: AnchorIx) -> Option<AnchorIx> {
        self.anchor(&old.spots.get(usize::from(anchor.0))?.anchor)
    }

    /// Where a zone of `old` stands in this floor.
    pub(crate) fn moved_zone(&self, old: &Self, zone: ZoneIx) -> Option<ZoneIx> {
        self.zone_ix(old.zone(zone)?)
    }
}

/// Hundredths of a decibel: whole numbers survive a snapshot exactly.
pub(crate) fn centi(dbm: i8) -> i32 {
    i32::from(dbm) * 100
}

fn place(found: Result<usize, usize>) -> Option<u16> {
    found.ok().and_then(|at| u16::try_from(at).ok())
}
