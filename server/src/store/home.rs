//! What a machine in a store keeps, beside the rows that every server has.
//!
//! In: how things stand, as the central server says; what happened at the desk. Out: rows.
//! Invariant: an entry of the journal is written in the transaction of what it tells, and goes only
//! once the central server has it.

use protocol::{AnchorId, CustomerId, GatewayId, OrderId, RadioId, StaffId, StoreId, ZoneId};
use rusqlite::{Connection, OptionalExtension, params};

use super::{
    StoreError, int,
    orders::{self, OrderRow},
    parsed,
    people::CustomerRow,
    uint,
};
use crate::home::{Entry, Identities};
use engine::input::DeskNews;

/// Where this machine stands with the central server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The store whose desk it has.
    pub store: StoreId,
    /// Its epoch.
    pub epoch: u64,
    /// The last word of a phone that it heard.
    pub word_n: u64,
    /// When the central server last said how things stand.
    pub told_ms: u64,
}

/// None: no desk was claimed yet.
pub fn line(db: &Connection) -> Result<Option<Line>, StoreError> {
    Ok(db
        .prepare_cached("SELECT store, epoch, word_n, told_ms FROM home_line")?
        .query_row([], |row| {
            Ok(Line {
                store: parsed(row.get_ref(0)?.as_str()?)?,
                epoch: uint(row.get(1)?),
                word_n: uint(row.get(2)?),
                told_ms: uint(row.get(3)?),
            })
        })
        .optional()?)
}

/// Keeps it.
pub fn put_line(db: &Connection, line: &Line) -> Result<(), StoreError> {
    db.prepare_cached("INSERT OR REPLACE INTO home_line VALUES (1, ?1, ?2, ?3, ?4)")?
        .execute(params![
            line.store.as_str(),
            int(line.epoch),
            int(line.word_n),
            int(line.told_ms),
        ])?;
    Ok(())
}

/// Writes down what happened at the desk.
pub fn note(db: &Connection, now_ms: u64, news: &DeskNews) -> Result<(), StoreError> {
    let body = serde_json::to_string(news).map_err(|e| StoreError::Damaged(e.to_string()))?;
    db.prepare_cached("INSERT INTO home_journal (at_ms, body) VALUES (?1, ?2)")?
        .execute(params![int(now_ms), body])?;
    Ok(())
}

/// The oldest entries that the central server does not have.
pub fn journal(db: &Connection, limit: usize) -> Result<Vec<Entry>, StoreError> {
    let mut statement =
        db.prepare_cached("SELECT n, at_ms, body FROM home_journal ORDER BY n LIMIT ?1")?;
    let rows = statement.query_map([int(limit as u64)], |row| {
        Ok((
            uint(row.get(0)?),
            uint(row.get(1)?),
            row.get::<_, String>(2)?,
        ))
    })?;
    rows.map(|row| {
        let (n, at_ms, body) = row?;
        let news = serde_json::from_str(&body).map_err(|e| StoreError::Damaged(e.to_string()))?;
        Ok(Entry { n, at_ms, news })
    })
    .collect()
}

/// The central server has the journal up to here.
pub fn forget_journal(db: &Connection, up_to: u64) -> Result<(), StoreError> {
    db.prepare_cached("DELETE FROM home_journal WHERE n <= ?1")?
        .execute([int(up_to)])?;
    Ok(())
}

/// Entries that wait for the line.
pub fn journal_len(db: &Connection) -> Result<u64, StoreError> {
    Ok(db
        .prepare_cached("SELECT count(*) FROM home_journal")?
        .query_row([], |row| Ok(uint(row.get(0)?)))?)
}

/// What a radio will advertise.
pub fn put_identities(db: &Connection, row: &Identities) -> Result<(), StoreError> {
    let eids = hex::decode(&row.eids).map_err(|e| StoreError::Damaged(e.to_string()))?;
    db.prepare_cached("INSERT OR REPLACE INTO home_identities VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![row.radio.0, row.customer.0, int(row.from_s), eids])?;
    Ok(())
}

/// All of them.
pub fn identities(db: &Connection) -> Result<Vec<Identities>, StoreError> {
    let mut statement =
        db.prepare_cached("SELECT radio, customer, from_s, eids FROM home_identities")?;
    let rows = statement.query_map([], |row| {
        Ok(Identities {
            radio: RadioId(row.get(0)?),
            customer: CustomerId(row.get(1)?),
            from_s: uint(row.get(2)?),
            eids: hex::encode(row.get_ref(3)?.as_blob()?),
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// This radio is not in use any more.
pub fn forget_radio(db: &Connection, radio: RadioId) -> Result<(), StoreError> {
    db.prepare_cached("DELETE FROM home_identities WHERE radio = ?1")?
        .execute([radio.0])?;
    Ok(())
}

/// Customers that are known here.
pub fn customers(db: &Connection) -> Result<Vec<CustomerId>, StoreError> {
    let mut statement = db.prepare_cached("SELECT customer FROM customers ORDER BY customer")?;
    let rows = statement.query_map([], |row| Ok(CustomerId(row.get(0)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Takes a customer's name over as it is told.
pub fn put_customer(db: &Connection, now_ms: u64, row: &CustomerRow) -> Result<(), StoreError> {
    db.prepare_cached(
        "INSERT INTO customers VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (customer) DO UPDATE SET external_id = ?2, given_name = ?3, family_name = ?4,
           salutation = ?5, language = ?6",
    )?
    .execute(params![
        row.customer.0,
        row.external_id,
        row.given_name,
        row.family_name,
        row.salutation,
        row.language,
        int(now_ms)
    ])?;
    Ok(())
}

/// Takes an order over as it is told.
pub fn put_order(db: &Connection, now_ms: u64, row: &OrderRow) -> Result<(), StoreError> {
    orders::put(db, now_ms, row)?;
    db.prepare_cached("DELETE FROM order_lines WHERE \"order\" = ?1")?
        .execute([row.order.0])?;
    for (sku, quantity) in &row.lines {
        db.prepare_cached("INSERT INTO order_lines VALUES (?1, ?2, ?3)")?
            .execute(params![row.order.0, sku.as_str(), quantity])?;
    }
    Ok(())
}

/// Orders that are open here.
pub fn open_orders(db: &Connection) -> Result<Vec<OrderId>, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT \"order\" FROM orders WHERE state NOT IN ('cancelled', 'completed')
         ORDER BY \"order\"",
    )?;
    let rows = statement.query_map([], |row| Ok(OrderId(row.get(0)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// What is not told any more goes.
pub fn keep_only(
    db: &Connection,
    zones: &[ZoneId],
    anchors: &[AnchorId],
    gateways: &[GatewayId],
    staff: &[StaffId],
) -> Result<(), StoreError> {
    let ids: Vec<&str> = zones.iter().map(ZoneId::as_str).collect();
    let anchors: Vec<&str> = anchors.iter().map(AnchorId::as_str).collect();
    let gateways: Vec<&str> = gateways.iter().map(GatewayId::as_str).collect();
    let staff: Vec<String> = staff.iter().map(|id| hex::encode_upper(id.0)).collect();
    for (sql, ids) in [
        (
            "DELETE FROM anchors WHERE anchor NOT IN (SELECT value FROM json_each(?1))",
            json(&anchors),
        ),
        (
            "DELETE FROM zones WHERE zone NOT IN (SELECT value FROM json_each(?1))",
            json(&ids),
        ),
        (
            "DELETE FROM gateways WHERE gateway NOT IN (SELECT value FROM json_each(?1))",
            json(&gateways),
        ),
        (
            "DELETE FROM sessions WHERE hex(staff) NOT IN (SELECT value FROM json_each(?1))",
            json(&staff),
        ),
        (
            "DELETE FROM staff WHERE hex(staff) NOT IN (SELECT value FROM json_each(?1))",
            json(&staff),
        ),
    ] {
        db.prepare_cached(sql)?.execute([ids])?;
    }
    Ok(())
}

fn json<T: serde::Serialize>(ids: &[T]) -> String {
    serde_json::to_string(ids).unwrap_or_default()
}
