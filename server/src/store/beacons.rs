//! Gateways' last words, and what they had of the store's fixed beacons; `history` has what was usual.
//!
//! In: a status, inside a transaction. Out: rows for the API and the fleet page; what each gateway
//! is to be told.
//! Invariant: a row of a gateway needs its credentials, a row of a beacon needs its anchor; what
//! is neither leaves nothing here.

mod history;

use std::collections::{BTreeMap, BTreeSet};

use protocol::{
    AnchorId, BootId, GatewayId, StoreId, Transmitter, ZoneId,
    message::{BEACONS_MAX, BeaconHealth, BeaconTelemetry, Config, LinkState, Status, VERSION},
};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{StoreError, enrolments, from_word, int, parsed, seals, settings, uint, word};
use crate::fleet::{
    battery,
    forecast::Cell,
    pattern::{self, HOUR_MS, Tracks, Verdicts},
    state::{Beacon, Ear, Ears, Gateway, Heard, Hearing, Telemetry},
    strength::Strength,
    track::DAY_HOURS,
};

/// Keeps a status, and gives back what the gateway now is; none if it is no news: repeated, or of a
/// gateway without credentials.
pub fn keep(
    db: &Connection,
    store: &StoreId,
    gateway: &GatewayId,
    heard: &Heard,
) -> Result<Option<Gateway>, StoreError> {
    let is_known: bool = db
        .prepare_cached("SELECT count(*) FROM gateways WHERE store = ?1 AND gateway = ?2")?
        .query_row(params![store.as_str(), gateway.as_str()], |row| row.get(0))?;
    if !is_known {
        return Ok(None);
    }
    let before = self::gateway(db, store, gateway)?;
    let Some(next) = Gateway::next(before.as_ref(), heard) else {
        return Ok(None);
    };
    put_gateway(db, store, gateway, &next)?;
    if heard.status.state == LinkState::Online {
        let told = heard.status.settings.as_ref();
        settings::heard(db, heard.heard_ms, store, gateway, told)?;
    }
    if heard.status.state == LinkState::Online && !heard.retained {
        enrolments::heard(db, heard.heard_ms, store, gateway)?;
    }
    // What the broker repeats has an age that nobody knows; the next status says it anew.
    if !heard.retained {
        keep_beacons(db, store, gateway, heard)?;
    }
    Ok(Some(next))
}

fn put_gateway(
    db: &Connection,
    store: &StoreId,
    gateway: &GatewayId,
    row: &Gateway,
) -> Result<(), StoreError> {
    let counts =
        serde_json::to_string(&row.counts).map_err(|e| StoreError::Damaged(e.to_string()))?;
    db.prepare_cached(
        "INSERT INTO gateway_statuses VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)
         ON CONFLICT DO UPDATE SET link = ?3, boot = ?4, sent_mono_ms = ?5, version = ?6,
           counts = ?7, heard_ms = ?8, state = ?9, since_ms = ?10, adverts_ms = ?11,
           unchanged = ?12, plain = ?13",
    )?
    .execute(params![
        store.as_str(),
        gateway.as_str(),
        word(row.link),
        row.boot.0,
        int(row.sent_mono_ms),
        row.version,
        counts,
        int(row.heard_ms),
        word(row.state),
        int(row.since_ms),
        int(row.adverts_ms),
        row.unchanged,
        row.plain,
    ])?;
    Ok(())
}

const GATEWAY_COLUMNS: &str = "link, boot, sent_mono_ms, version, counts, heard_ms, state, \
                               since_ms, adverts_ms, unchanged, plain";

/// The columns of [`GATEWAY_COLUMNS`], from `at` on.
fn gateway_row(row: &Row<'_>, at: usize) -> Result<Result<Gateway, StoreError>, rusqlite::Error> {
    let (link, state): (String, String) = (row.get(at)?, row.get(at + 6)?);
    let counts: String = row.get(at + 4)?;
    let boot = BootId(row.get(at + 1)?);
    let time = |column: usize| row.get(at + column).map(uint);
    let (sent_mono_ms, heard_ms) = (time(2)?, time(5)?);
    let (since_ms, adverts_ms) = (time(7)?, time(8)?);
    let (version, unchanged, plain) = (row.get(at + 3)?, row.get(at + 9)?, row.get(at + 10)?);
    Ok((|| {
        Ok(Gateway {
            link: from_word(&link)?,
            boot,
            sent_mono_ms,
            version,
            plain,
            counts: serde_json::from_str(&counts)
                .map_err(|e| StoreError::Damaged(format!("counts of a gateway: {e}")))?,
            heard_ms,
            state: from_word(&state)?,
            since_ms,
            adverts_ms,
            unchanged,
        })
    })())
}

fn gateway(
    db: &Connection,
    store: &StoreId,
    gateway: &GatewayId,
) -> Result<Option<Gateway>, StoreError> {
    let sql =
        format!("SELECT {GATEWAY_COLUMNS} FROM gateway_statuses WHERE store = ?1 AND gateway = ?2");
    db.prepare_cached(&sql)?
        .query_row(params![store.as_str(), gateway.as_str()], |row| {
            gateway_row(row, 0)
        })
        .optional()?
        .transpose()
}

/// A gateway that has credentials, and its last word.
#[derive(Debug, Clone, PartialEq)]
pub struct GatewayRow {
    /// Its id.
    pub gateway: GatewayId,
    /// Where its antennas hang.
    pub zones: Vec<ZoneId>,
    /// What is kept of it; none: it never spoke.
    pub kept: Option<Gateway>,
}

/// The gateways of a store.
pub fn gateways(db: &Connection, store: &StoreId) -> Result<Vec<GatewayRow>, StoreError> {
    let mut zones: BTreeMap<GatewayId, BTreeSet<ZoneId>> = BTreeMap::new();
    let mut statement = db.prepare_cached(
        "SELECT gateway, zone FROM anchors WHERE store = ?1 AND kind = 'gateway'",
    )?;
    let antennas = statement.query_map([store.as_str()], |row| {
        Ok((
            parsed(row.get_ref(0)?.as_str()?)?,
            parsed(row.get_ref(1)?.as_str()?)?,
        ))
    })?;
    for antenna in antennas {
        let (gateway, zone) = antenna?;
        zones.entry(gateway).or_default().insert(zone);
    }
    let sql = format!(
        "SELECT g.gateway, {GATEWAY_COLUMNS} FROM gateways g
         LEFT JOIN gateway_statuses s ON s.store = g.store AND s.gateway = g.gateway
         WHERE g.store = ?1 ORDER BY g.gateway"
    );
    let mut statement = db.prepare_cached(&sql)?;
    let rows = statement.query_map([store.as_str()], |row| {
        let gateway: GatewayId = parsed(row.get_ref(0)?.as_str()?)?;
        let spoke = row.get_ref(1)?.as_str_or_null()?.is_some();
        let kept = spoke.then(|| gateway_row(row, 1)).transpose()?;
        Ok((gateway, kept))
    })?;
    rows.map(|row| {
        let (gateway, kept) = row?;
        let zones = zones.remove(&gateway).unwrap_or_default();
        Ok(GatewayRow {
            gateway,
            zones: zones.into_iter().collect(),
            kept: kept.transpose()?,
        })
    })
    .collect()
}

/// How the gateways of a store do, for its beacons.
pub fn ears(gateways: &[GatewayRow], now_ms: u64, listening_since_ms: Option<u64>) -> Ears {
    let ear = |row: &GatewayRow| {
        let kept = row.kept.as_ref()?;
        let (state, since_ms) = kept.seen(now_ms, listening_since_ms);
        let heard_ms = kept.heard_ms;
        let ear = Ear {
            state,
            since_ms,
            heard_ms,
        };
        Some((row.gateway.clone(), ear))
    };
    gateways.iter().filter_map(ear).collect()
}

/// When something of the gateway's clock was, in the server's.
fn server_ms(heard: &Heard, mono_ms: u64) -> u64 {
    let age_ms = heard.status.sent_mono_ms.saturating_sub(mono_ms);
    heard.heard_ms.saturating_sub(age_ms)
}

fn keep_beacons(
    db: &Connection,
    store: &StoreId,
    gateway: &GatewayId,
    heard: &Heard,
) -> Result<(), StoreError> {
    let Status { beacons, .. } = &heard.status;
    if beacons.is_empty() {
        return Ok(());
    }
    let ours = transmitters(db, store)?;
    let mut known = hearings(db, store, Some(gateway))?;
    for health in beacons.iter().filter(|b| ours.contains(&b.transmitter)) {
        let before = known
            .remove(&health.transmitter)
            .and_then(|mut of| of.pop());
        if let Some(mono_ms) = health.heard_last_mono_ms {
            let last_ms = server_ms(heard, mono_ms);
            put_hearing(
                db,
                store,
                gateway,
                before.as_ref(),
                health,
                last_ms,
                heard.heard_ms,
            )?;
        }
        if let Some(telemetry) = &health.telemetry {
            let at_ms = server_ms(heard, telemetry.heard_mono_ms);
            put_telemetry(db, store, &health.transmitter, telemetry, at_ms)?;
        }
    }
    Ok(())
}

fn put_hearing(
    db: &Connection,
    store: &StoreId,
    gateway: &GatewayId,
    before: Option<&Hearing>,
    health: &BeaconHealth,
    heard_last_ms: u64,
    now_ms: u64,
) -> Result<(), StoreError> {
    let (strength, over) = match (health.rssi_dbm_median, before.and_then(|h| h.strength)) {
        (Some(rssi_dbm), Some(strength)) => {
            let (next, over) = strength.heard(rssi_dbm, now_ms);
            (Some(next), over)
        }
        (Some(rssi_dbm), None) => (Some(Strength::first(rssi_dbm, now_ms)), None),
        (None, strength) => (strength, None),
    };
    if let Some(over) = over {
        history::hour(db, store, gateway, &health.transmitter, over)?;
    }
    let (count, rssi_dbm) = match before {
        Some(old) if health.count == 0 => (old.count, old.rssi_dbm),
        _ => (health.count, health.rssi_dbm_median),
    };
    // Two readings of one age differ by what the messages took; time does not run back for that.
    let heard_last_ms = heard_last_ms.max(before.map_or(0, |h| h.heard_last_ms));
    db.prepare_cached(
        "INSERT INTO beacon_hearings VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
         ON CONFLICT DO UPDATE SET heard_last_ms = ?4, count = ?5, rssi_dbm = ?6, hour_dbm = ?7,
           judged_ms = ?8",
    )?
    .execute(params![
        store.as_str(),
        gateway.as_str(),
        health.transmitter.to_string(),
        int(heard_last_ms),
        count,
        rssi_dbm,
        strength.map(|s| s.hour_dbm),
        strength.map(|s| int(s.judged_ms)),
    ])?;
    Ok(())
}

fn put_telemetry(
    db: &Connection,
    store: &StoreId,
    transmitter: &Transmitter,
    telemetry: &BeaconTelemetry,
    at_ms: u64,
) -> Result<(), StoreError> {
    let before: Option<(u64, Option<u64>)> = db
        .prepare_cached(
            "SELECT telemetry_ms, battery_low_since_ms FROM beacons
             WHERE store = ?1 AND transmitter = ?2",
        )?
        .query_row(params![store.as_str(), transmitter.to_string()], |row| {
            Ok((uint(row.get(0)?), row.get::<_, Option<i64>>(1)?.map(uint)))
        })
        .optional()?;
    if before.is_some_and(|(known_ms, _)| known_ms > at_ms) {
        // Another gateway heard it say something newer.
        return Ok(());
    }
    let kept = Telemetry {
        heard_ms: at_ms,
        battery_mv: telemetry.battery_mv,
        temperature_centi_c: telemetry.temperature_centi_c,
        adv_count: telemetry.adv_count,
        uptime_ms: telemetry.uptime_ms,
    };
    history::said(db, store, transmitter, &kept)?;
    let low_before = before.and_then(|(_, since_ms)| since_ms);
    let low_since_ms = battery::low_since(low_before, telemetry.battery_mv, at_ms);
    db.prepare_cached(
        "INSERT INTO beacons VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
         ON CONFLICT DO UPDATE SET telemetry_ms = ?3, battery_mv = ?4, temperature_centi_c = ?5,
           adv_count = ?6, uptime_ms = ?7, battery_low_since_ms = ?8",
    )?
    .execute(params![
        store.as_str(),
        transmitter.to_string(),
        int(at_ms),
        telemetry.battery_mv.filter(|mv| *mv > 0),
        telemetry.temperature_centi_c,
        telemetry.adv_count,
        int(telemetry.uptime_ms),
        low_since_ms.map(int),
    ])?;
    Ok(())
}

/// A fixed beacon of a store, and what is kept of it.
#[derive(Debug, Clone, PartialEq)]
pub struct BeaconRow {
    /// Its anchor.
    pub anchor: AnchorId,
    /// Where it hangs.
    pub zone: ZoneId,
    /// What it advertises.
    pub transmitter: Transmitter,
    /// What gateways had of it.
    pub kept: Beacon,
}

/// What is told of a store's beacons beside what each is.
#[derive(Debug, Clone, Default)]
pub struct Judged {
    /// The hours of each link.
    pub tracks: Tracks,
    /// What differs.
    pub verdicts: Verdicts,
    /// When.
    pub now_ms: u64,
}

/// Judges a store.
pub fn judged(db: &Connection, store: &StoreId, now_ms: u64) -> Result<Judged, StoreError> {
    let tracks = history::tracks(db, store)?;
    Ok(Judged {
        verdicts: pattern::judge(&tracks, now_ms),
        tracks,
        now_ms,
    })
}

impl Judged {
    /// How strong a gateway usually has a beacon.
    fn typical_dbm(&self, transmitter: &Transmitter, gateway: &GatewayId) -> Option<f32> {
        let track = self.tracks.get(&(*transmitter, gateway.clone()))?;
        // As the judgement does: the last day is not yet usual.
        let day_ago = (self.now_ms / HOUR_MS).saturating_sub(DAY_HOURS as u64);
        Some(track.typical(day_ago)?.dbm)
    }
}

/// The fixed beacons of a store by their anchors' names, from behind `after`.
pub fn beacons(
    db: &Connection,
    store: &StoreId,
    after: Option<&AnchorId>,
    limit: u32,
    judged: &Judged,
) -> Result<Vec<BeaconRow>, StoreError> {
    let mut hearings = hearings(db, store, None)?;
    let cells = history::cells(db, store)?;
    let mut statement = db.prepare_cached(
        "SELECT a.anchor, a.zone, a.transmitter, b.telemetry_ms, b.battery_mv,
           b.temperature_centi_c, b.adv_count, b.uptime_ms, b.battery_low_since_ms
         FROM anchors a
         LEFT JOIN beacons b ON b.store = a.store AND b.transmitter = a.transmitter
         WHERE a.store = ?1 AND a.kind = 'beacon' AND a.anchor > ?2
         ORDER BY a.anchor LIMIT ?3",
    )?;
    let after = after.map_or("", AnchorId::as_str);
    let rows = statement.query_map(params![store.as_str(), after, limit], |row| {
        let transmitter: Transmitter = parsed(row.get_ref(2)?.as_str()?)?;
        let spoke: Option<i64> = row.get(3)?;
        let said = |heard_ms: i64| -> Result<Telemetry, rusqlite::Error> {
            Ok(Telemetry {
                heard_ms: uint(heard_ms),
                battery_mv: row.get(4)?,
                temperature_centi_c: row.get(5)?,
                adv_count: row.get(6)?,
                uptime_ms: uint(row.get(7)?),
            })
        };
        let mut hearings = hearings.remove(&transmitter).unwrap_or_default();
        for hearing in &mut hearings {
            hearing.typical_dbm = judged.typical_dbm(&transmitter, &hearing.gateway);
        }
        let kept = Beacon {
            telemetry: spoke.map(said).transpose()?,
            battery_low_since_ms: row.get::<_, Option<i64>>(8)?.map(uint),
            forecast: cells.get(&transmitter).and_then(Cell::forecast),
            moved: judged.verdicts.moved.get(&transmitter).cloned(),
            hearings,
        };
        Ok(BeaconRow {
            anchor: parsed(row.get_ref(0)?.as_str()?)?,
            zone: parsed(row.get_ref(1)?.as_str()?)?,
            transmitter,
            kept,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Those of one gateway, or of all.
fn hearings(
    db: &Connection,
    store: &StoreId,
    gateway: Option<&GatewayId>,
) -> Result<BTreeMap<Transmitter, Vec<Hearing>>, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT transmitter, gateway, heard_last_ms, count, rssi_dbm, hour_dbm, judged_ms
         FROM beacon_hearings WHERE store = ?1 AND (?2 IS NULL OR gateway = ?2)",
    )?;
    let of = params![store.as_str(), gateway.map(GatewayId::as_str)];
    let rows = statement.query_map(of, |row| {
        let transmitter: Transmitter = parsed(row.get_ref(0)?.as_str()?)?;
        let known: Option<f32> = row.get(5)?;
        let strength = |hour_dbm: f32| -> Result<Strength, rusqlite::Error> {
            Ok(Strength {
                hour_dbm,
                judged_ms: uint(row.get(6)?),
            })
        };
        let hearing = Hearing {
            gateway: parsed(row.get_ref(1)?.as_str()?)?,
            heard_last_ms: uint(row.get(2)?),
            count: row.get(3)?,
            rssi_dbm: row.get(4)?,
            strength: known.map(strength).transpose()?,
            typical_dbm: None,
        };
        Ok((transmitter, hearing))
    })?;
    let mut by: BTreeMap<Transmitter, Vec<Hearing>> = BTreeMap::new();
    for row in rows {
        let (transmitter, hearing) = row?;
        by.entry(transmitter).or_default().push(hearing);
    }
    Ok(by)
}

fn transmitters(db: &Connection, store: &StoreId) -> Result<BTreeSet<Transmitter>, StoreError> {
    let mut statement =
        db.prepare_cached("SELECT transmitter FROM anchors WHERE store = ?1 AND kind = 'beacon'")?;
    let rows = statement.query_map([store.as_str()], |row| parsed(row.get_ref(0)?.as_str()?))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// What each gateway of a store is to be told.
pub fn configs(db: &Connection, store: &StoreId) -> Result<Vec<(GatewayId, Config)>, StoreError> {
    let fixed = transmitters(db, store)?.into_iter();
    let config = Config {
        v: VERSION,
        beacons: fixed
            .filter(Transmitter::is_fixed)
            .take(BEACONS_MAX)
            .collect(),
        seal: seals::statements(db, store)?,
        settings: None,
    };
    let mut statement =
        // Other radios would not read it.
        db.prepare_cached(
            "SELECT gateway FROM gateways g WHERE store = ?1 AND NOT EXISTS (SELECT 1 FROM other_radios r
               WHERE r.store = g.store AND r.gateway = g.gateway) ORDER BY gateway",
        )?;
    let rows = statement.query_map([store.as_str()], |row| parsed(row.get_ref(0)?.as_str()?))?;
    rows.map(|gateway| {
        let gateway = gateway?;
        let settings = settings::signed(db, store, &gateway)?;
        let config = Config {
            settings,
            ..config.clone()
        };
        Ok((gateway, config))
    })
    .collect()
}

/// Forgets what is no fixed beacon of the store any more.
pub fn forget_strangers(db: &Connection, store: &StoreId) -> Result<(), StoreError> {
    for table in [
        "beacons",
        "beacon_hearings",
        "beacon_tracks",
        "beacon_cells",
    ] {
        let sql = format!(
            "DELETE FROM {table} WHERE store = ?1 AND transmitter NOT IN
               (SELECT transmitter FROM anchors WHERE store = ?1 AND kind = 'beacon')"
        );
        db.prepare_cached(&sql)?.execute([store.as_str()])?;
    }
    Ok(())
}

/// A beacon was hung elsewhere on purpose: how strong it was before says nothing any more.
pub fn forget_strength(
    db: &Connection,
    store: &StoreId,
    transmitter: &Transmitter,
) -> Result<(), StoreError> {
    db.prepare_cached(
        "UPDATE beacon_hearings SET hour_dbm = NULL WHERE store = ?1 AND transmitter = ?2",
    )?
    .execute(params![store.as_str(), transmitter.to_string()])?;
    db.prepare_cached("DELETE FROM beacon_tracks WHERE store = ?1 AND transmitter = ?2")?
        .execute(params![store.as_str(), transmitter.to_string()])?;
    Ok(())
}

#[cfg(test)]
mod tests;
