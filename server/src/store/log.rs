//! The input log, snapshots, applied ranges, and what was set aside.
//!
//! Sightings are written compactly (postcard), all else as JSON that a person can read.
//! Invariant: sequence numbers of a store have no holes and are never used twice.

use engine::input::{Input, Observation};
use protocol::{BootId, GatewayId, Ranges, StoreId};
use rusqlite::{Connection, OptionalExtension, params};

use super::{StoreError, int, uint};

const KIND_SIGHTINGS: &str = "sightings";
const KIND_JSON: &str = "json";

/// Raises the epoch of every store: from now on this process is their writer.
pub fn take_over(db: &Connection) -> Result<(), StoreError> {
    db.execute("UPDATE stores SET epoch = epoch + 1", [])?;
    Ok(())
}

/// A store's epoch.
pub fn epoch(db: &Connection, store: &StoreId) -> Result<u64, StoreError> {
    db.prepare_cached("SELECT epoch FROM stores WHERE store = ?1")?
        .query_row([store.as_str()], |row| Ok(uint(row.get(0)?)))
        .optional()?
        .ok_or(StoreError::NotFound("store"))
}

/// Appends an input.
pub fn append(
    db: &Connection,
    store: &StoreId,
    seq: u64,
    now_ms: u64,
    input: &Input,
) -> Result<(), StoreError> {
    let (kind, body) = match input {
        Input::Sightings { sightings } => (
            KIND_SIGHTINGS,
            postcard::to_allocvec(sightings).map_err(|e| StoreError::Damaged(e.to_string()))?,
        ),
        other => (
            KIND_JSON,
            serde_json::to_vec(other).map_err(|e| StoreError::Damaged(e.to_string()))?,
        ),
    };
    db.prepare_cached("INSERT INTO inputs VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![store.as_str(), int(seq), int(now_ms), kind, body])?;
    Ok(())
}

/// The log after `seq`, oldest first, one call of `each` an input.
pub fn replay(
    db: &Connection,
    store: &StoreId,
    after_seq: u64,
    mut each: impl FnMut(u64, u64, &Input),
) -> Result<(), StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT seq, server_time_ms, kind, body FROM inputs WHERE store = ?1 AND seq > ?2
         ORDER BY seq",
    )?;
    let mut rows = statement.query(params![store.as_str(), int(after_seq)])?;
    while let Some(row) = rows.next()? {
        let kind = row.get_ref(2)?.as_str().unwrap_or_default();
        let input = decode(kind, row.get_ref(3)?.as_blob().unwrap_or_default())?;
        each(uint(row.get(0)?), uint(row.get(1)?), &input);
    }
    Ok(())
}

fn decode(kind: &str, body: &[u8]) -> Result<Input, StoreError> {
    if kind == KIND_SIGHTINGS {
        let sightings: Vec<Observation> =
            postcard::from_bytes(body).map_err(|e| StoreError::Damaged(e.to_string()))?;
        return Ok(Input::Sightings { sightings });
    }
    serde_json::from_slice(body).map_err(|e| StoreError::Damaged(e.to_string()))
}

/// The newest snapshot: its sequence number and state.
pub fn newest_snapshot(
    db: &Connection,
    store: &StoreId,
) -> Result<Option<(u64, Vec<u8>)>, StoreError> {
    Ok(db
        .prepare_cached(
            "SELECT seq, state FROM snapshots WHERE store = ?1 ORDER BY seq DESC LIMIT 1",
        )?
        .query_row([store.as_str()], |row| Ok((uint(row.get(0)?), row.get(1)?)))
        .optional()?)
}

/// Keeps this snapshot and the one before it; sightings up to the one before are forgotten.
pub fn put_snapshot(
    db: &Connection,
    store: &StoreId,
    seq: u64,
    now_ms: u64,
    state: &[u8],
) -> Result<(), StoreError> {
    db.prepare_cached("INSERT OR REPLACE INTO snapshots VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![store.as_str(), int(seq), int(now_ms), state])?;
    let second_last: Option<i64> = db
        .prepare_cached(
            "SELECT seq FROM snapshots WHERE store = ?1 ORDER BY seq DESC LIMIT 1 OFFSET 1",
        )?
        .query_row([store.as_str()], |row| row.get(0))
        .optional()?;
    if let Some(seq) = second_last {
        db.prepare_cached("DELETE FROM snapshots WHERE store = ?1 AND seq < ?2")?
            .execute(params![store.as_str(), seq])?;
        db.prepare_cached("DELETE FROM inputs WHERE store = ?1 AND seq <= ?2")?
            .execute(params![store.as_str(), seq])?;
    }
    Ok(())
}

/// The highest sequence number of the log.
pub fn last_seq(db: &Connection, store: &StoreId) -> Result<u64, StoreError> {
    let of = |sql: &str| -> Result<u64, StoreError> {
        let max: Option<i64> = db
            .prepare_cached(sql)?
            .query_row([store.as_str()], |row| row.get(0))?;
        Ok(max.map_or(0, uint))
    };
    let in_log = of("SELECT max(seq) FROM inputs WHERE store = ?1")?;
    Ok(in_log.max(of("SELECT max(seq) FROM snapshots WHERE store = ?1")?))
}

/// What was applied of one boot of a gateway.
pub fn applied(
    db: &Connection,
    store: &StoreId,
    gateway: &GatewayId,
    boot: BootId,
) -> Result<Ranges, StoreError> {
    let text: Option<String> = db
        .prepare_cached(
            "SELECT ranges FROM applied WHERE store = ?1 AND gateway = ?2 AND boot = ?3",
        )?
        .query_row(params![store.as_str(), gateway.as_str(), boot.0], |row| {
            row.get(0)
        })
        .optional()?;
    match text {
        Some(text) => serde_json::from_str(&text).map_err(|e| StoreError::Damaged(e.to_string())),
        None => Ok(Ranges::new()),
    }
}

/// Keeps what was applied.
pub fn put_applied(
    db: &Connection,
    store: &StoreId,
    gateway: &GatewayId,
    boot: BootId,
    ranges: &Ranges,
) -> Result<(), StoreError> {
    let text = serde_json::to_string(ranges).map_err(|e| StoreError::Damaged(e.to_string()))?;
    db.prepare_cached("INSERT OR REPLACE INTO applied VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![store.as_str(), gateway.as_str(), boot.0, text])?;
    Ok(())
}

/// Remembers that something could not be applied for good.
pub fn set_aside(
    db: &Connection,
    now_ms: u64,
    store: &StoreId,
    gateway: &str,
    reason: &str,
    len_bytes: usize,
) -> Result<(), StoreError> {
    db.prepare_cached(
        "INSERT INTO set_aside (at_ms, store, gateway, reason, len_bytes)
         VALUES (?1, ?2, ?3, ?4, ?5)",
    )?
    .execute(params![
        int(now_ms),
        store.as_str(),
        gateway,
        reason,
        int(len_bytes as u64)
    ])?;
    // Bounded: the newest ten thousand say enough about what goes wrong.
    db.prepare_cached("DELETE FROM set_aside WHERE id <= (SELECT max(id) FROM set_aside) - 10000")?
        .execute([])?;
    Ok(())
}
