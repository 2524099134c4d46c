//! The store's layout as the engine works with it: ids once, small numbers everywhere else.
//!
//! In: a [`Layout`]. Out: numbers of anchors and zones that are cheap to keep per customer.
//! Promises: after a change of layout every old number is either moved or known to be gone.
//! Invariant: a number that came from an old snapshot never panics, it is just unknown; the model
//! is made from the layout alone, so a snapshot holds the layout and no model.

use protocol::{AnchorId, ZoneId};
use serde::{Deserialize, Serialize};

use crate::{
    input::{Layout, Rules, Surveyed},
    presence::{
        caution::Caution,
        ground::{self, Found, Known},
        model::{EARS_MAX, Model},
    },
};

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

/// Zones, anchors, rules, and what is known of the air between them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "Written", into = "Written")]
pub(crate) struct Floor {
    layout: Layout,
    /// Sorted.
    zones: Vec<ZoneId>,
    /// Sorted by id.
    spots: Vec<Spot>,
    model: Model,
    /// Tells in from out, if the plan shows the street.
    door: Option<Model>,
    /// What colleagues' labels taught.
    caution: Caution,
    /// Who was deaf since when, oldest first, at most [`EARS_MAX`].
    spells: Vec<Spell>,
    /// By anchor: since when it has been listening; none: it is deaf.
    listens_since: Vec<Option<u64>>,
}

/// From this time on exactly these anchors are deaf.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Spell {
    since_ms: u64,
    deaf: Vec<AnchorId>,
}

/// A floor as a snapshot holds it.
#[derive(Serialize, Deserialize)]
struct Written {
    layout: Layout,
    spells: Vec<Spell>,
    #[serde(default)]
    caution: Caution,
}

#[derive(Debug, Clone, PartialEq)]
struct Spot {
    anchor: AnchorId,
    zone: ZoneIx,
    enter_cdbm: i32,
}

impl Default for Floor {
    fn default() -> Self {
        Self::new(Layout::default(), Vec::new(), Caution::default())
    }
}

impl From<Written> for Floor {
    fn from(written: Written) -> Self {
        Self::new(written.layout, written.spells, written.caution)
    }
}

impl From<Floor> for Written {
    fn from(floor: Floor) -> Self {
        Self {
            layout: floor.layout,
            spells: floor.spells,
            caution: floor.caution,
        }
    }
}

impl AnchorIx {
    /// Its number in the model.
    pub(crate) fn number(self) -> u16 {
        self.0
    }
}

impl ZoneIx {
    /// Its number in the model.
    pub(crate) fn number(self) -> u16 {
        self.0
    }
}

impl Floor {
    fn new(layout: Layout, spells: Vec<Spell>, caution: Caution) -> Self {
        let known = || layout.anchors.iter().take(ANCHORS_MAX);
        let of_anchors = known().map(|(_, anchor)| &anchor.zone);
        let drawn = layout.areas.keys().take(ANCHORS_MAX);
        let mut zones: Vec<ZoneId> = of_anchors.chain(drawn).cloned().collect();
        zones.sort_unstable();
        zones.dedup();
        let spots: Vec<Spot> = known()
            .filter_map(|(id, anchor)| {
                Some(Spot {
                    anchor: id.clone(),
                    zone: ZoneIx(place(zones.binary_search(&anchor.zone))?),
                    enter_cdbm: centi(anchor.enter_rssi_dbm),
                })
            })
            .collect();
        let m = |cm: i32| cm as f32 / 100.0;
        let anchor = |spot: &Spot| Known {
            zone: spot.zone.0,
            edge_dbm: spot.enter_cdbm as f32 / 100.0,
            beacon: layout.anchors[&spot.anchor].beacon,
            at_m: layout.anchors[&spot.anchor]
                .place
                .map(|at| (m(at.x_cm), m(at.y_cm))),
        };
        let anchors: Vec<Known> = spots.iter().map(anchor).collect();
        let areas: Vec<_> = zones.iter().map(|z| layout.areas.get(z).copied()).collect();
        let found = found(&layout, &zones, &spots);
        let models = ground::models(&layout.rules, &areas, &anchors, &found);
        let mut floor = Self {
            model: models.zones,
            door: models.door,
            caution,
            spells: Vec::new(),
            listens_since: vec![Some(0); spots.len()],
            zones,
            spots,
            layout,
        };
        for spell in spells {
            floor.begin(spell);
        }
        floor
    }

    /// The store as it is laid out from now on; who is deaf stays so.
    pub(crate) fn laid_out(&self, layout: Layout) -> Self {
        Self::new(layout, self.spells.clone(), self.caution)
    }

    pub(crate) fn rules(&self) -> &Rules {
        &self.layout.rules
    }

    pub(crate) fn model(&self) -> &Model {
        &self.model
    }

    /// A colleague looked, and who was shown as arrived was not here.
    pub(crate) fn arrival_was_wrong(&mut self) {
        self.caution.was_wrong(&self.layout.rules);
    }

    /// She was looked for in vain, and served after all: what that taught is taken back.
    pub(crate) fn arrival_was_not_wrong(&mut self) {
        self.caution.was_not_wrong(&self.layout.rules);
    }

    /// Who was shown as arrived was served.
    pub(crate) fn arrival_was_right(&mut self) {
        self.caution.was_right(&self.layout.rules);
    }

    /// Log odds that are asked of an arrival beyond the usual.
    pub(crate) fn caution_log_odds(&self) -> f32 {
        self.caution.log_odds(&self.layout.rules)
    }

    /// What tells in from out; none: the gate does.
    pub(crate) fn door_model(&self) -> Option<&Model> {
        self.door.as_ref()
    }

    pub(crate) fn deaf(&self) -> &[AnchorId] {
        self.spells.last().map_or(&[], |spell| &spell.deaf)
    }

    /// These anchors are deaf from now on, all others listen.
    pub(crate) fn turn_deaf(&mut self, anchors: &[AnchorId], now_ms: u64) {
        self.begin(Spell {
            since_ms: now_ms,
            deaf: anchors.to_vec(),
        });
    }

    fn begin(&mut self, spell: Spell) {
        let deaf = |id: &AnchorId| self.anchor(id).map(AnchorIx::number);
        let deaf: Vec<u16> = spell.deaf.iter().filter_map(deaf).collect();
        self.model.set_deaf(&deaf, spell.since_ms);
        if let Some(door) = &mut self.door {
            door.set_deaf(&deaf, spell.since_ms);
        }
        for (number, since) in (0..).zip(&mut self.listens_since) {
            *since = match (deaf.contains(&number), *since) {
                (true, _) => None,
                (false, since) => since.or(Some(spell.since_ms)),
            };
        }
        if self.spells.len() == EARS_MAX {
            self.spells.remove(0);
        }
        self.spells.push(spell);
    }

    /// Since when an anchor has been listening; none: it is deaf, or not there.
    pub(crate) fn listens_since(&self, anchor: AnchorIx) -> Option<u64> {
        self.listens_since.get(usize::from(anchor.0)).copied()?
    }

    pub(crate) fn anchor_id(&self, anchor: AnchorIx) -> Option<&AnchorId> {
        Some(&self.spots.get(usize::from(anchor.0))?.anchor)
    }

    pub(crate) fn zone_by_number(&self, number: u16) -> Option<ZoneIx> {
        (usize::from(number) < self.zones.len()).then_some(ZoneIx(number))
    }

    pub(crate) fn anchor_by_number(&self, number: u16) -> Option<AnchorIx> {
        (usize::from(number) < self.spots.len()).then_some(AnchorIx(number))
    }

    pub(crate) fn anchor(&self, id: &AnchorId) -> Option<AnchorIx> {
        place(self.spots.binary_search_by(|spot| spot.anchor.cmp(id))).map(AnchorIx)
    }

    pub(crate) fn zones_len(&self) -> usize {
        self.zones.len()
    }

    pub(crate) fn anchors_len(&self) -> usize {
        self.spots.len()
    }

    /// The zone that an anchor stands in.
    pub(crate) fn zone_of(&self, anchor: AnchorIx) -> Option<ZoneIx> {
        self.spots.get(usize::from(anchor.0)).map(|spot| spot.zone)
    }

    /// The strength at which a visit begins, in hundredths of a dBm.
    pub(crate) fn enter_cdbm(&self, anchor: AnchorIx) -> Option<i32> {
        let spot = self.spots.get(usize::from(anchor.0))?;
        Some(spot.enter_cdbm + self.caution.cdb(&self.layout.rules))
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

/// What a calibration walk found, by numbers; what is gone since is left out.
fn found(layout: &Layout, zones: &[ZoneId], spots: &[Spot]) -> Vec<Found> {
    let known = |cell: &Surveyed| {
        Some(Found {
            anchor: place(spots.binary_search_by(|spot| spot.anchor.cmp(&cell.anchor)))?,
            zone: place(zones.binary_search(&cell.zone))?,
            stood_s: cell.stood_ms as f32 / 1_000.0,
            sightings: cell.sightings as f32,
            mean_dbm: cell.mean_cdbm as f32 / 100.0,
            sigma_db: cell.sigma_cdb as f32 / 100.0,
        })
    };
    layout.surveyed.iter().filter_map(known).collect()
}

/// Hundredths of a decibel: whole numbers survive a snapshot exactly.
pub(crate) fn centi(dbm: i8) -> i32 {
    i32::from(dbm) * 100
}

fn place(found: Result<usize, usize>) -> Option<u16> {
    found.ok().and_then(|at| u16::try_from(at).ok())
}
