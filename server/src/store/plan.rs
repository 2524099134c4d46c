//! The floor plan: where zones and anchors lie, and the layout that the engine works with.
//!
//! In: rectangles and points from the operator, findings of a calibration walk. Out: a [`Layout`].
//! Promises: an anchor that is on the plan hangs in its zone, or just beside it.
//! Invariant: what has no place on the plan works as it did without a plan.

use std::collections::BTreeMap;

use engine::input::{Anchor, Area, Layout, Place, Rules, Surveyed};
use protocol::{AnchorId, StoreId, ZoneId};
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};

use super::{
    StoreError, homes, int, parsed,
    shop::{AnchorKind, anchors, minutes, store},
    uint,
};

/// A gateway may hang on the far side of the wall that ends its zone.
const BESIDE_ZONE_CM_MAX: i64 = 100;

/// How sure the engine must be: see the fields of the same names in [`Rules`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certainty {
    /// See [`Rules::say_permille`].
    pub say_permille: u16,
    /// See [`Rules::false_arrivals_permille`].
    pub false_arrivals_permille: u16,
}

impl Default for Certainty {
    fn default() -> Self {
        let Rules {
            say_permille,
            false_arrivals_permille,
            ..
        } = Rules::default();
        Self {
            say_permille,
            false_arrivals_permille,
        }
    }
}

/// How sure the engine of a store must be.
pub fn certainty(db: &Connection, store: &StoreId) -> Result<Certainty, StoreError> {
    db.prepare_cached("SELECT say_permille, false_arrivals_permille FROM stores WHERE store = ?1")?
        .query_row([store.as_str()], |row| {
            Ok(Certainty {
                say_permille: row.get(0)?,
                false_arrivals_permille: row.get(1)?,
            })
        })
        .optional()?
        .ok_or(StoreError::NotFound("store"))
}

/// Sets how sure the engine of a store must be.
pub fn put_certainty(
    db: &Connection,
    store: &StoreId,
    certainty: Certainty,
) -> Result<(), StoreError> {
    db.prepare_cached(
        "UPDATE stores SET say_permille = ?2, false_arrivals_permille = ?3 WHERE store = ?1",
    )?
    .execute(params![
        store.as_str(),
        certainty.say_permille,
        certainty.false_arrivals_permille
    ])?;
    Ok(())
}

/// Puts a zone on the plan, or takes it off.
pub fn put_area(
    db: &Connection,
    store: &StoreId,
    zone: &ZoneId,
    area: Option<Area>,
) -> Result<(), StoreError> {
    db.prepare_cached(
        "UPDATE zones SET x_cm = ?3, y_cm = ?4, wide_cm = ?5, deep_cm = ?6, door = ?7
         WHERE store = ?1 AND zone = ?2",
    )?
    .execute(params![
        store.as_str(),
        zone.as_str(),
        area.map(|a| a.corner.x_cm),
        area.map(|a| a.corner.y_cm),
        area.map(|a| a.wide_cm),
        area.map(|a| a.deep_cm),
        area.is_some_and(|a| a.door),
    ])?;
    Ok(())
}

/// The zones of a store that are on its plan.
pub fn areas(db: &Connection, store: &StoreId) -> Result<BTreeMap<ZoneId, Area>, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT zone, x_cm, y_cm, wide_cm, deep_cm, door FROM zones
         WHERE store = ?1 AND x_cm IS NOT NULL",
    )?;
    let rows = statement.query_map([store.as_str()], |row| {
        let area = Area {
            corner: Place {
                x_cm: row.get(1)?,
                y_cm: row.get(2)?,
            },
            wide_cm: row.get(3)?,
            deep_cm: row.get(4)?,
            door: row.get(5)?,
        };
        Ok((parsed(row.get_ref(0)?.as_str()?)?, area))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Puts an anchor on the plan, or takes it off. If its zone is on the plan, it must hang there.
pub fn put_place(
    db: &Connection,
    store: &StoreId,
    anchor: &AnchorId,
    zone: &ZoneId,
    place: Option<Place>,
) -> Result<(), StoreError> {
    if let (Some(place), Some(area)) = (place, areas(db, store)?.get(zone)) {
        let beside_cm = beside_cm(*area, place);
        if beside_cm > BESIDE_ZONE_CM_MAX {
            return Err(StoreError::Conflict(format!(
                "anchor {anchor} would hang {beside_cm} cm outside of zone {zone}"
            )));
        }
    }
    db.prepare_cached("UPDATE anchors SET x_cm = ?3, y_cm = ?4 WHERE store = ?1 AND anchor = ?2")?
        .execute(params![
            store.as_str(),
            anchor.as_str(),
            place.map(|p| p.x_cm),
            place.map(|p| p.y_cm),
        ])?;
    Ok(())
}

/// The zone of the plan in which a place lies, or just beside which; of several the smallest.
pub fn zone_at(areas: &BTreeMap<ZoneId, Area>, place: Place) -> Option<ZoneId> {
    let near = areas.iter().filter_map(|(zone, area)| {
        let beside_cm = beside_cm(*area, place);
        let size = u64::from(area.wide_cm) * u64::from(area.deep_cm);
        (beside_cm <= BESIDE_ZONE_CM_MAX).then_some((beside_cm, size, zone))
    });
    near.min().map(|(.., zone)| zone.clone())
}

/// By how much a place lies outside of an area, along the axis on which that is more.
fn beside_cm(area: Area, place: Place) -> i64 {
    let outside = |at: i32, from: i32, long: u32| {
        let (at, from) = (i64::from(at), i64::from(from));
        (from - at).max(at - from - i64::from(long)).max(0)
    };
    let east = outside(place.x_cm, area.corner.x_cm, area.wide_cm);
    let north = outside(place.y_cm, area.corner.y_cm, area.deep_cm);
    east.max(north)
}

/// The anchors of a store that are on its plan.
pub fn places(db: &Connection, store: &StoreId) -> Result<BTreeMap<AnchorId, Place>, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT anchor, x_cm, y_cm FROM anchors WHERE store = ?1 AND x_cm IS NOT NULL",
    )?;
    let rows = statement.query_map([store.as_str()], |row| {
        let place = Place {
            x_cm: row.get(1)?,
            y_cm: row.get(2)?,
        };
        Ok((parsed(row.get_ref(0)?.as_str()?)?, place))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// What the walk that went live last found.
pub fn surveyed(db: &Connection, store: &StoreId) -> Result<Vec<Surveyed>, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT anchor, zone, stood_ms, sightings, mean_cdbm, sigma_cdb FROM surveyed
         WHERE store = ?1 ORDER BY anchor, zone",
    )?;
    let rows = statement.query_map([store.as_str()], |row| {
        Ok(Surveyed {
            anchor: parsed(row.get_ref(0)?.as_str()?)?,
            zone: parsed(row.get_ref(1)?.as_str()?)?,
            stood_ms: uint(row.get(2)?),
            sightings: row.get(3)?,
            mean_cdbm: row.get(4)?,
            sigma_cdb: row.get(5)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Replaces all that earlier walks found.
pub fn put_surveyed(
    db: &Connection,
    store: &StoreId,
    findings: &[Surveyed],
) -> Result<(), StoreError> {
    db.prepare_cached("DELETE FROM surveyed WHERE store = ?1")?
        .execute([store.as_str()])?;
    let mut insert =
        db.prepare_cached("INSERT INTO surveyed VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?;
    for found in findings {
        insert.execute(params![
            store.as_str(),
            found.anchor.as_str(),
            found.zone.as_str(),
            int(found.stood_ms),
            found.sightings,
            found.mean_cdbm,
            found.sigma_cdb,
        ])?;
    }
    Ok(())
}

/// What the engine needs to know of a store.
pub fn layout(db: &Connection, id: &StoreId) -> Result<Layout, StoreError> {
    let row = store(db, id)?;
    let quiet_minutes = row
        .quiet
        .as_ref()
        .and_then(|(from, to)| Some((minutes(from)?, minutes(to)?)));
    // From midnight to midnight is around the clock.
    let open_minutes = minutes(&row.opens).zip(minutes(&row.closes));
    let open_minutes = open_minutes.filter(|(opens, closes)| opens != closes);
    let Certainty {
        say_permille,
        false_arrivals_permille,
    } = certainty(db, id)?;
    let mut places = places(db, id)?;
    let anchors = anchors(db, id)?.into_iter().map(|row| {
        let anchor = Anchor {
            zone: row.zone,
            enter_rssi_dbm: row.enter_rssi_dbm,
            place: places.remove(&row.anchor),
            beacon: matches!(row.kind, AnchorKind::Beacon(_)),
        };
        (row.anchor, anchor)
    });
    Ok(Layout {
        anchors: anchors.collect(),
        areas: areas(db, id)?,
        surveyed: surveyed(db, id)?,
        rules: Rules {
            messages_per_day_max: row.messages_per_day_max,
            quiet_minutes,
            open_minutes,
            say_permille,
            false_arrivals_permille,
            desk_elsewhere: homes::has_desk(db, id)?,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_in_the_smallest_zone_around_it_or_the_nearest_beside_it() {
        let area = |x_cm, wide_cm| Area {
            corner: Place { x_cm, y_cm: 0 },
            wide_cm,
            deep_cm: 400,
            door: false,
        };
        let zone = |name: &str| name.parse::<ZoneId>().unwrap();
        let areas = BTreeMap::from([
            (zone("all"), area(0, 1_000)),
            (zone("desk"), area(200, 100)),
            (zone("next"), area(1_000, 500)),
        ]);
        let at = |x_cm, y_cm| zone_at(&areas, Place { x_cm, y_cm });
        assert_eq!(at(250, 10), Some(zone("desk")));
        assert_eq!(at(500, 10), Some(zone("all")));
        assert_eq!(at(1_580, 10), Some(zone("next")));
        assert_eq!(at(1_601, 10), None);
    }

    #[test]
    fn beside_is_how_far_outside_along_the_worse_axis() {
        let area = Area {
            corner: Place {
                x_cm: 100,
                y_cm: -50,
            },
            wide_cm: 200,
            deep_cm: 100,
            door: false,
        };
        let beside = |x_cm, y_cm| beside_cm(area, Place { x_cm, y_cm });
        assert_eq!(beside(100, -50), 0);
        assert_eq!(beside(300, 50), 0);
        assert_eq!(beside(301, 150), 100);
        assert_eq!(beside(-20, 0), 120);
        assert_eq!(beside(i32::MIN, i32::MAX), 1 << 31 | 100);
    }
}
