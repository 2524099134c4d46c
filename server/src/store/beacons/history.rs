//! What was usual of a store's fixed beacons: how strong each gateway had them, hour by hour, and what
//! their cells did, day by day.
//!
//! In: hours that are over, what beacons say of themselves. Out: tracks and cells for
//! [`crate::fleet::pattern`] and [`crate::fleet::forecast`].
//! Invariant: one row for each gateway and beacon, and one for each beacon, of a bounded length.

use std::collections::BTreeMap;

use protocol::{GatewayId, StoreId, Transmitter};
use rusqlite::{Connection, OptionalExtension, params};

use super::super::{StoreError, int, parsed, uint};
use crate::fleet::{
    forecast::Cell,
    pattern::{HOUR_MS, Tracks},
    state::Telemetry,
    track::Track,
};

/// An hour of a link is over.
pub(super) fn hour(
    db: &Connection,
    store: &StoreId,
    gateway: &GatewayId,
    transmitter: &Transmitter,
    (hour, dbm): (u64, i8),
) -> Result<(), StoreError> {
    let of = params![store.as_str(), gateway.as_str(), transmitter.to_string()];
    let known = db
        .prepare_cached(
            "SELECT last_hour, hours FROM beacon_tracks
             WHERE store = ?1 AND gateway = ?2 AND transmitter = ?3",
        )?
        .query_row(of, |row| {
            let last_hour = uint(row.get(0)?);
            Ok(Track::from_bytes(last_hour, row.get_ref(1)?.as_blob()?))
        })
        .optional()?;
    let mut track = known.unwrap_or_default();
    track.push(hour, dbm);
    let (last_hour, hours) = track.to_bytes();
    db.prepare_cached(
        "INSERT INTO beacon_tracks VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT DO UPDATE SET last_hour = ?4, hours = ?5",
    )?
    .execute(params![
        store.as_str(),
        gateway.as_str(),
        transmitter.to_string(),
        int(last_hour),
        hours,
    ])?;
    Ok(())
}

/// The hours of all links of a store.
pub(super) fn tracks(db: &Connection, store: &StoreId) -> Result<Tracks, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT transmitter, gateway, last_hour, hours FROM beacon_tracks WHERE store = ?1",
    )?;
    let rows = statement.query_map([store.as_str()], |row| {
        let transmitter: Transmitter = parsed(row.get_ref(0)?.as_str()?)?;
        let gateway: GatewayId = parsed(row.get_ref(1)?.as_str()?)?;
        let track = Track::from_bytes(uint(row.get(2)?), row.get_ref(3)?.as_blob()?);
        Ok(((transmitter, gateway), track))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// A beacon told its voltage. Once an hour is often enough.
pub(super) fn said(
    db: &Connection,
    store: &StoreId,
    transmitter: &Transmitter,
    said: &Telemetry,
) -> Result<(), StoreError> {
    let Some(battery_mv) = said.battery_mv.filter(|mv| *mv > 0) else {
        return Ok(());
    };
    let known = db
        .prepare_cached(
            "SELECT slow_mv, said_ms, last_day, days FROM beacon_cells
             WHERE store = ?1 AND transmitter = ?2",
        )?
        .query_row(params![store.as_str(), transmitter.to_string()], |row| {
            let slow = (row.get(0)?, uint(row.get(1)?));
            let days = row.get_ref(3)?.as_blob()?;
            Ok((
                slow.1,
                Cell::from_bytes(Some(slow), uint(row.get(2)?), days),
            ))
        })
        .optional()?;
    if known
        .as_ref()
        .is_some_and(|(said_ms, _)| said.heard_ms < said_ms + HOUR_MS)
    {
        return Ok(());
    }
    let mut cell = known.map(|(_, cell)| cell).unwrap_or_default();
    cell.said(battery_mv, said.temperature_centi_c, said.heard_ms);
    let (slow, last_day, days) = cell.to_bytes();
    let Some((slow_mv, said_ms)) = slow else {
        return Ok(());
    };
    db.prepare_cached(
        "INSERT INTO beacon_cells VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT DO UPDATE SET slow_mv = ?3, said_ms = ?4, last_day = ?5, days = ?6",
    )?
    .execute(params![
        store.as_str(),
        transmitter.to_string(),
        slow_mv,
        int(said_ms),
        int(last_day),
        days,
    ])?;
    Ok(())
}

/// The cells of a store's beacons.
pub(super) fn cells(
    db: &Connection,
    store: &StoreId,
) -> Result<BTreeMap<Transmitter, Cell>, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT transmitter, slow_mv, said_ms, last_day, days FROM beacon_cells WHERE store = ?1",
    )?;
    let rows = statement.query_map([store.as_str()], |row| {
        let slow = Some((row.get(1)?, uint(row.get(2)?)));
        let cell = Cell::from_bytes(slow, uint(row.get(3)?), row.get_ref(4)?.as_blob()?);
        Ok((parsed(row.get_ref(0)?.as_str()?)?, cell))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
