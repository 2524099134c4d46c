//! A store of which only names are known: which zone each anchor stands in, and the strength at which
//! a visit begins there.
//!
//! In: zone and edge of each anchor. Out: how each is heard in each zone.
//! Promises: louder in its own zone than next door, louder next door than further away.
//! Invariant: robust, not sharp: it must hold for a shelf and for a hall. No recording chose these
//! figures; an operator's thresholds place them, a floor plan or a calibration walk replaces them.

use super::model::{Hearing, Misshapen, Model, OUTSIDE, Settings};

/// An anchor that is known by name.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Named {
    /// The zone that it stands in.
    pub zone: u16,
    /// The strength that separates inside from outside at this anchor: the operator's threshold.
    pub edge_dbm: f32,
}

/// Strength in its own zone, next door and elsewhere, against the edge; its spread from shadowing,
/// bodies and a zone's own size; and the share of advertisements that is received.
const LEVELS: [(f32, f32, f32); 3] = [(4.0, 9.0, 1.0), (-6.0, 7.0, 0.5), (-14.0, 7.0, 0.25)];

/// Sightings in a second of a phone that advertises four times in one, with windows of half a second.
const PER_S: f32 = 1.0;

/// Outside: as strong as elsewhere in the store, but seldom.
const OUTSIDE_PER_S: f32 = 0.02;

/// Share of seconds in which somebody goes to another zone: she stays for most of a minute.
const MOVES_PER_S: f32 = 0.02;

/// Share of seconds in which somebody leaves, or comes in.
const DOOR_PER_S: f32 = 0.003;

/// The model of `zones` zones and an outside, the last place.
pub fn named(
    settings: Settings,
    zones: u16,
    anchors: &[Named],
    next_to: impl Fn(u16, u16) -> bool,
) -> Result<Model, Misshapen> {
    let places = usize::from(zones) + 1;
    let zone_of: Vec<u16> = (0..zones).chain([OUTSIDE]).collect();
    let mut hearings = Vec::with_capacity(anchors.len() * places);
    for anchor in anchors {
        hearings.extend((0..zones).map(|zone| anchor.hears(zone, &next_to)));
        hearings.push(Hearing {
            level_dbm: anchor.edge_dbm + LEVELS[2].0,
            sigma_db: LEVELS[2].1,
            per_s: OUTSIDE_PER_S,
        });
    }
    let step_s = settings.step_ms as f32 / 1_000.0;
    let moves = |place: usize, out: &mut Vec<(u32, f32)>| {
        let here = place as u16; // at most `zones`
        let ways = |zone: &u16| *zone != here && (here == zones || next_to(here, *zone));
        let count = (0..zones).filter(ways).count().max(1) as f32;
        let leaves = if here == zones {
            DOOR_PER_S
        } else {
            out.push((u32::from(zones), DOOR_PER_S * step_s));
            MOVES_PER_S
        } * step_s;
        out.push((u32::from(here), 1.0 - leaves));
        out.extend(
            (0..zones)
                .filter(ways)
                .map(|zone| (u32::from(zone), leaves / count)),
        );
    };
    let mut rest = vec![0.1 / places as f32; places];
    rest[places - 1] = 0.9;
    Model::new(settings, zone_of, &hearings, moves, &rest)
}

impl Named {
    fn hears(&self, zone: u16, next_to: impl Fn(u16, u16) -> bool) -> Hearing {
        let far = match zone == self.zone {
            true => 0,
            false if next_to(self.zone, zone) => 1,
            false => 2,
        };
        let (over_db, sigma_db, received) = LEVELS[far];
        Hearing {
            level_dbm: self.edge_dbm + over_db,
            sigma_db,
            per_s: PER_S * received,
        }
    }
}
