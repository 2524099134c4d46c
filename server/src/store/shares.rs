//! Orders that somebody else may collect.
//!
//! In: an order, a code, the hash of a link. Out: the order that a link is to.
//! Promises: an order has one link at most, and it ends with the order (by a trigger).
//! Invariant: a link is known by its hash alone; the code is kept as her own is, since her page and
//! his have to show it.

use engine::input::{OrderKind, OrderState};
use protocol::{CustomerId, OrderId};
use rusqlite::{Connection, OptionalExtension, params};

use super::{
    StoreError,
    orders::{self, OrderRow},
};

/// What may be collected by somebody else: goods that lie ready. Whoever tries something on or
/// brings something back has to be there.
pub fn may_share(order: &OrderRow) -> bool {
    let goods = matches!(
        order.kind,
        OrderKind::ClickAndCollect | OrderKind::Reservation
    );
    goods && order.state == OrderState::Ready
}

/// Gives an order a code and a link; those before them end.
pub fn put(
    db: &Connection,
    order: OrderId,
    code: &str,
    token_sha256: &[u8; 32],
) -> Result<(), StoreError> {
    db.prepare_cached("UPDATE orders SET share_code = ?2, share_sha256 = ?3 WHERE \"order\" = ?1")?
        .execute(params![order.0, code, token_sha256])?;
    Ok(())
}

/// Takes code and link back.
pub fn end(db: &Connection, order: OrderId) -> Result<(), StoreError> {
    db.prepare_cached(
        "UPDATE orders SET share_code = NULL, share_sha256 = NULL WHERE \"order\" = ?1",
    )?
    .execute([order.0])?;
    Ok(())
}

/// The orders of hers that somebody else may collect.
pub fn of(db: &Connection, customer: CustomerId) -> Result<Vec<OrderId>, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT \"order\" FROM orders WHERE customer = ?1 AND share_code IS NOT NULL",
    )?;
    let rows = statement.query_map([customer.0], |row| Ok(OrderId(row.get(0)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The order that a link is to; none: there is no such link any more, or it was handed over.
pub fn find(db: &Connection, token_sha256: &[u8; 32]) -> Result<Option<OrderRow>, StoreError> {
    let found: Option<OrderId> = db
        .prepare_cached("SELECT \"order\" FROM orders WHERE share_sha256 = ?1 AND held_ms IS NULL")?
        .query_row([token_sha256], |row| Ok(OrderId(row.get(0)?)))
        .optional()?;
    found.map(|order| orders::order(db, order)).transpose()
}

/// Whether a code says something else of hers already.
pub fn is_hers(db: &Connection, customer: CustomerId, code: &str) -> Result<bool, StoreError> {
    Ok(db
        .prepare_cached(
            "SELECT 1 FROM orders WHERE customer = ?1 AND ?2 IN (code, share_code)
             AND state NOT IN ('cancelled', 'completed')",
        )?
        .exists(params![customer.0, code])?)
}
