//! Pagers and displays that hear of a store's desk: who may, and what the desk comes to.
//!
//! In: names and hashes of passwords. Out: the broker's list; figures of who waits.
//! Invariant: nothing here is about a person.

use protocol::{DisplayId, StoreId, desk::Queue};
use rusqlite::{Connection, params};

use super::{StoreError, int, parsed, uint};
use crate::broker::DisplayPassword;

/// Lets a display in, or gives it a new password.
pub fn put(
    db: &Connection,
    now_ms: u64,
    store: &StoreId,
    display: &DisplayId,
    password_sha256: &[u8; 32],
) -> Result<(), StoreError> {
    super::shop::store(db, store)?;
    db.prepare_cached(
        "INSERT INTO displays VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT DO UPDATE SET password_sha256 = ?3",
    )?
    .execute(params![
        store.as_str(),
        display.as_str(),
        password_sha256,
        int(now_ms)
    ])?;
    Ok(())
}

/// It may come in no more.
pub fn delete(db: &Connection, store: &StoreId, display: &DisplayId) -> Result<(), StoreError> {
    let gone = db
        .prepare_cached("DELETE FROM displays WHERE store = ?1 AND display = ?2")?
        .execute(params![store.as_str(), display.as_str()])?;
    match gone {
        0 => Err(StoreError::NotFound("display")),
        _ => Ok(()),
    }
}

/// All displays of all stores.
pub fn passwords(db: &Connection) -> Result<Vec<DisplayPassword>, StoreError> {
    let mut statement =
        db.prepare_cached("SELECT store, display, password_sha256 FROM displays ORDER BY 1, 2")?;
    let rows = statement.query_map([], |row| {
        Ok((
            parsed(row.get_ref(0)?.as_str()?)?,
            parsed(row.get_ref(1)?.as_str()?)?,
            row.get(2)?,
        ))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Those of one store.
pub fn of(db: &Connection, store: &StoreId) -> Result<Vec<(DisplayId, [u8; 32])>, StoreError> {
    let all = passwords(db)?.into_iter();
    let here = all.filter(|(of, ..)| of == store);
    Ok(here.map(|(_, display, hash)| (display, hash)).collect())
}

/// Who waits at a store's desk.
pub fn queue(db: &Connection, store: &StoreId, now_ms: u64) -> Result<Queue, StoreError> {
    let read = db
        .prepare_cached(
            "SELECT count(*), count(*) FILTER (WHERE taken_by IS NULL), min(arrived_ms)
             FROM cards WHERE store = ?1 AND journey IN ('arrived', 'waiting')",
        )?
        .query_row([store.as_str()], |row| {
            let first_ms: Option<i64> = row.get(2)?;
            Ok(Queue {
                waiting: row.get(0)?,
                nobody_goes: row.get(1)?,
                waiting_longest_ms: first_ms.map(|ms| now_ms.saturating_sub(uint(ms))),
            })
        })?;
    Ok(read)
}
