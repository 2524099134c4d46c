//! Stores, zones, anchors, gateways.

use std::collections::{BTreeMap, BTreeSet};

use protocol::{AnchorId, GatewayId, StoreId, Transmitter, ZoneId, message::BEACONS_MAX};
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{StoreError, beacons, int, parsed};

/// A store as the operator describes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreRow {
    /// Its id.
    pub store: StoreId,
    /// As people call it.
    pub name: String,
    /// IANA time zone.
    pub timezone: String,
    /// Opening time, `HH:MM`.
    pub opens: String,
    /// Closing time, `HH:MM`.
    pub closes: String,
    /// Quiet hours, `HH:MM` to `HH:MM`.
    pub quiet: Option<(String, String)>,
    /// Marketing messages to one person a day.
    pub messages_per_day_max: u32,
}

/// A name in both languages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Names {
    /// Dutch.
    pub nl: String,
    /// English.
    pub en: String,
}

/// What kind of radio an anchor is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnchorKind {
    /// A gateway's antenna.
    Gateway(GatewayId),
    /// A fixed beacon, known by what it advertises.
    Beacon(Transmitter),
}

/// An anchor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnchorRow {
    /// Its id.
    pub anchor: AnchorId,
    /// Where it hangs.
    pub zone: ZoneId,
    /// What it is.
    pub kind: AnchorKind,
    /// See [`engine::input::Anchor::enter_rssi_dbm`].
    pub enter_rssi_dbm: i8,
}

/// Makes or changes a store; a new one starts in `epoch`.
pub fn put_store(db: &Connection, row: &StoreRow, epoch: u64) -> Result<(), StoreError> {
    let (from, to) = row.quiet.clone().unzip();
    db.prepare_cached(
        "INSERT INTO stores (store, name, timezone, opens, closes, quiet_from, quiet_to,
           messages_per_day_max, epoch)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
         ON CONFLICT (store) DO UPDATE SET name = ?2, timezone = ?3, opens = ?4, closes = ?5,
           quiet_from = ?6, quiet_to = ?7, messages_per_day_max = ?8",
    )?
    .execute(params![
        row.store.as_str(),
        row.name,
        row.timezone,
        row.opens,
        row.closes,
        from,
        to,
        row.messages_per_day_max,
        int(epoch),
    ])?;
    Ok(())
}

/// One store.
pub fn store(db: &Connection, store: &StoreId) -> Result<StoreRow, StoreError> {
    db.prepare_cached("SELECT * FROM stores WHERE store = ?1")?
        .query_row([store.as_str()], |row| {
            let (from, to): (Option<String>, Option<String>) = (row.get(5)?, row.get(6)?);
            Ok(StoreRow {
                store: store.clone(),
                name: row.get(1)?,
                timezone: row.get(2)?,
                opens: row.get(3)?,
                closes: row.get(4)?,
                quiet: from.zip(to),
                messages_per_day_max: row.get(7)?,
            })
        })
        .optional()?
        .ok_or(StoreError::NotFound("store"))
}

/// All stores: ids and names.
pub fn store_names(db: &Connection) -> Result<Vec<(String, String)>, StoreError> {
    let mut statement = db.prepare_cached("SELECT store, name FROM stores ORDER BY store")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// All stores.
pub fn store_ids(db: &Connection) -> Result<Vec<StoreId>, StoreError> {
    let mut statement = db.prepare_cached("SELECT store FROM stores ORDER BY store")?;
    let rows = statement.query_map([], |row| parsed(row.get_ref(0)?.as_str()?))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Makes or renames a zone.
pub fn put_zone(
    db: &Connection,
    store: &StoreId,
    zone: &ZoneId,
    name: &Names,
) -> Result<(), StoreError> {
    self::store(db, store)?;
    db.prepare_cached(
        "INSERT INTO zones (store, zone, name_nl, name_en) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT DO UPDATE SET name_nl = ?3, name_en = ?4",
    )?
    .execute(params![store.as_str(), zone.as_str(), name.nl, name.en])?;
    Ok(())
}

/// The names of a store's zones.
pub fn zone_names(db: &Connection, store: &StoreId) -> Result<BTreeMap<ZoneId, Names>, StoreError> {
    let mut statement =
        db.prepare_cached("SELECT zone, name_nl, name_en FROM zones WHERE store = ?1")?;
    let rows = statement.query_map([store.as_str()], |row| {
        Ok((
            parsed(row.get_ref(0)?.as_str()?)?,
            Names {
                nl: row.get(1)?,
                en: row.get(2)?,
            },
        ))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Makes or moves an anchor. A store has at most [`BEACONS_MAX`] fixed beacons, since a gateway can
/// be told of no more.
pub fn put_anchor(db: &Connection, store: &StoreId, row: &AnchorRow) -> Result<(), StoreError> {
    if !zone_names(db, store)?.contains_key(&row.zone) {
        return Err(StoreError::NotFound("zone"));
    }
    let (kind, gateway, transmitter) = match &row.kind {
        AnchorKind::Gateway(gateway) => ("gateway", Some(gateway.as_str().to_owned()), None),
        AnchorKind::Beacon(transmitter) => ("beacon", None, Some(transmitter.to_string())),
    };
    let taken: Option<String> = db
        .prepare_cached(
            "SELECT anchor FROM anchors WHERE transmitter = ?1 AND NOT (store = ?2 AND anchor = ?3)",
        )?
        .query_row(params![transmitter, store.as_str(), row.anchor.as_str()], |r| r.get(0))
        .optional()?;
    if let Some(other) = taken {
        return Err(StoreError::Conflict(format!(
            "anchor {other} has this transmitter already"
        )));
    }
    let known = anchors(db, store)?;
    let others = known.iter().filter(|a| a.anchor != row.anchor);
    let fixed = others.filter(|a| matches!(a.kind, AnchorKind::Beacon(_)));
    if transmitter.is_some() && fixed.count() >= BEACONS_MAX {
        return Err(StoreError::Conflict(format!(
            "a store has at most {BEACONS_MAX} fixed beacons"
        )));
    }
    db.prepare_cached(
        "INSERT INTO anchors (store, anchor, zone, kind, gateway, transmitter, enter_rssi_dbm)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT DO UPDATE SET zone = ?3, kind = ?4, gateway = ?5, transmitter = ?6,
           enter_rssi_dbm = ?7",
    )?
    .execute(params![
        store.as_str(),
        row.anchor.as_str(),
        row.zone.as_str(),
        kind,
        gateway,
        transmitter,
        row.enter_rssi_dbm,
    ])?;
    beacons::forget_strangers(db, store)?;
    let moved = known
        .iter()
        .any(|a| a.anchor == row.anchor && a.zone != row.zone);
    match &row.kind {
        AnchorKind::Beacon(transmitter) if moved => {
            beacons::forget_strength(db, store, transmitter)
        }
        _ => Ok(()),
    }
}

/// A store's anchors.
pub fn anchors(db: &Connection, store: &StoreId) -> Result<Vec<AnchorRow>, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT anchor, zone, gateway, transmitter, enter_rssi_dbm FROM anchors WHERE store = ?1",
    )?;
    let rows = statement.query_map([store.as_str()], |row| {
        let kind = match row.get_ref(2)?.as_str_or_null()? {
            Some(gateway) => AnchorKind::Gateway(parsed(gateway)?),
            None => AnchorKind::Beacon(parsed(row.get_ref(3)?.as_str()?)?),
        };
        Ok(AnchorRow {
            anchor: parsed(row.get_ref(0)?.as_str()?)?,
            zone: parsed(row.get_ref(1)?.as_str()?)?,
            kind,
            enter_rssi_dbm: row.get(4)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// `HH:MM` as minutes after midnight; none if it is not that.
pub fn minutes(time: &str) -> Option<u16> {
    let (hours, minutes) = time.split_once(':')?;
    let (hours, minutes): (u16, u16) = (hours.parse().ok()?, minutes.parse().ok()?);
    (hours < 24 && minutes < 60).then_some(hours * 60 + minutes)
}

/// Makes a gateway, or gives it a new password.
pub fn put_gateway(
    db: &Connection,
    now_ms: u64,
    store: &StoreId,
    gateway: &GatewayId,
    password_sha256: &[u8; 32],
) -> Result<(), StoreError> {
    self::store(db, store)?;
    db.prepare_cached(
        "INSERT INTO gateways VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT DO UPDATE SET password_sha256 = ?3",
    )?
    .execute(params![
        store.as_str(),
        gateway.as_str(),
        password_sha256,
        int(now_ms)
    ])?;
    Ok(())
}

/// The password of a gateway, as a hash.
pub fn gateway_password(
    db: &Connection,
    store: &StoreId,
    gateway: &GatewayId,
) -> Result<Option<[u8; 32]>, StoreError> {
    Ok(db
        .prepare_cached("SELECT password_sha256 FROM gateways WHERE store = ?1 AND gateway = ?2")?
        .query_row([store.as_str(), gateway.as_str()], |row| row.get(0))
        .optional()?)
}

/// What tells the chain's beacons from others', by those that hang in its stores.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Chain {
    /// Of iBeacons and AltBeacons.
    pub uuids: BTreeSet<Uuid>,
    /// Of Eddystone beacons.
    pub namespaces: BTreeSet<String>,
}

/// What tells the chain's beacons from others'.
pub fn chain(db: &Connection) -> Result<Chain, StoreError> {
    let mut statement =
        db.prepare_cached("SELECT transmitter FROM anchors WHERE transmitter IS NOT NULL")?;
    let rows = statement.query_map([], |row| parsed::<Transmitter>(row.get_ref(0)?.as_str()?))?;
    let mut chain = Chain::default();
    for transmitter in rows {
        match transmitter? {
            Transmitter::IBeacon { uuid, .. } | Transmitter::AltBeacon { uuid, .. } => {
                chain.uuids.insert(uuid);
            }
            Transmitter::EddystoneUid { namespace, .. } => {
                chain.namespaces.insert(namespace.to_string());
            }
            Transmitter::Eid(_) => {}
        }
    }
    Ok(chain)
}

/// The passwords of all gateways, as hashes: the broker's list.
pub fn gateway_passwords(
    db: &Connection,
) -> Result<Vec<(StoreId, GatewayId, [u8; 32])>, StoreError> {
    let mut statement =
        db.prepare_cached("SELECT store, gateway, password_sha256 FROM gateways")?;
    let rows = statement.query_map([], |row| {
        Ok((
            parsed(row.get_ref(0)?.as_str()?)?,
            parsed(row.get_ref(1)?.as_str()?)?,
            row.get(2)?,
        ))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
