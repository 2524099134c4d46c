//! What the rooms beside this one read rows with.
//!
//! Invariant: what was written as JSON and cannot be read any more is told as the text that it is.

use rusqlite::{Connection, Params, Row};
use serde_json::Value;
use uuid::Uuid;

use super::super::{StoreError, uint};

pub(super) fn list<T>(
    db: &Connection,
    sql: &str,
    key: impl Params,
    read: impl Fn(&Row<'_>) -> Result<T, rusqlite::Error>,
) -> Result<Vec<T>, StoreError> {
    let mut statement = db.prepare_cached(sql)?;
    let rows = statement.query_map(key, |row| read(row))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(super) fn ms(row: &Row<'_>, at: usize) -> Result<u64, rusqlite::Error> {
    row.get(at).map(uint)
}

pub(super) fn maybe_ms(row: &Row<'_>, at: usize) -> Result<Option<u64>, rusqlite::Error> {
    Ok(row.get::<_, Option<i64>>(at)?.map(uint))
}

pub(super) fn maybe_id<I>(
    row: &Row<'_>,
    at: usize,
    id: fn(Uuid) -> I,
) -> Result<Option<I>, rusqlite::Error> {
    Ok(row.get::<_, Option<Uuid>>(at)?.map(id))
}

/// What we wrote ourselves as JSON; what cannot be read any more is told as the text that it is.
pub(super) fn json(text: String) -> Value {
    serde_json::from_str(&text).unwrap_or(Value::String(text))
}
