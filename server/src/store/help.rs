//! Calls for help: an order without goods, of whoever stands in the store.
//!
//! In: who asks. Out: the order that staff see, whether she has one, whether she may have another.
//! Invariant: one open call a customer; [`HELP_PER_HOUR_MAX`] an hour.

use engine::input::{OrderKind, OrderState};
use protocol::{CustomerId, OrderId, StoreId};
use rusqlite::{Connection, params};

use super::{
    StoreError, int,
    orders::{self, OrderRow},
};

/// Calls of one customer in an hour at most: staff are not a toy.
pub const HELP_PER_HOUR_MAX: u32 = 6;

const HOUR_MS: u64 = 3_600_000;

/// Her open call here.
pub fn open(
    db: &Connection,
    store: &StoreId,
    customer: CustomerId,
) -> Result<Option<OrderRow>, StoreError> {
    let open = orders::open_orders(db, customer, Some(store))?;
    Ok(open.into_iter().find(|order| order.kind == OrderKind::Help))
}

/// Whether she has called as often as she may.
pub fn is_too_often(
    db: &Connection,
    now_ms: u64,
    customer: CustomerId,
) -> Result<bool, StoreError> {
    let count: u32 = db
        .prepare_cached(
            "SELECT count(*) FROM orders WHERE customer = ?1 AND kind = 'help' AND created_ms > ?2",
        )?
        .query_row(
            params![customer.0, int(now_ms.saturating_sub(HOUR_MS))],
            |row| row.get(0),
        )?;
    Ok(count >= HELP_PER_HOUR_MAX)
}

/// A new call.
pub fn call(order: OrderId, store: &StoreId, customer: CustomerId) -> OrderRow {
    OrderRow {
        order,
        external_id: format!("help-{order}"),
        store: store.clone(),
        customer,
        kind: OrderKind::Help,
        state: OrderState::Placed,
        due_ms: None,
        bay: None,
        code: String::new(),
        share_code: None,
        lines: Vec::new(),
        details: orders::Details::default(),
    }
}
