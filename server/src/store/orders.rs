//! Click-and-collect orders.

use engine::input::{Order, OrderState};
use protocol::{CustomerId, OrderId, Sku, StoreId};
use rusqlite::{Connection, OptionalExtension, params};

use super::{StoreError, from_word, int, parsed, word};

/// An order as the shop sends it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderRow {
    /// Its id.
    pub order: OrderId,
    /// The shop's own number.
    pub external_id: String,
    /// Where it is collected.
    pub store: StoreId,
    /// Whose.
    pub customer: CustomerId,
    /// How far it is.
    pub state: OrderState,
    /// Where it lies in the store.
    pub bay: Option<String>,
    /// What she says at the desk.
    pub code: String,
    /// What is in it.
    pub lines: Vec<(Sku, u32)>,
}

impl OrderRow {
    /// As the engine needs it.
    pub fn for_engine(&self) -> Order {
        Order {
            order: self.order,
            customer: self.customer,
            state: self.state,
            code: self.code.clone(),
        }
    }

    /// Pieces in all.
    pub fn item_count(&self) -> u32 {
        self.lines.iter().map(|(_, quantity)| quantity).sum()
    }
}

/// Adds an order, or finds the one that the shop numbers the same. True: added now.
pub fn add_order(
    db: &Connection,
    now_ms: u64,
    row: &OrderRow,
) -> Result<(OrderId, bool), StoreError> {
    let known = db
        .prepare_cached("SELECT \"order\" FROM orders WHERE external_id = ?1")?
        .query_row([&row.external_id], |r| r.get(0))
        .optional()?;
    if let Some(id) = known {
        return Ok((OrderId(id), false));
    }
    super::shop::store(db, &row.store)?;
    super::people::customer(db, row.customer)?;
    db.prepare_cached("INSERT INTO orders VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8)")?
        .execute(params![
            row.order.0,
            row.external_id,
            row.store.as_str(),
            row.customer.0,
            word(row.state),
            row.bay,
            row.code,
            int(now_ms)
        ])?;
    for (sku, quantity) in &row.lines {
        super::catalogue::product(db, sku)?;
        db.prepare_cached(
            "INSERT INTO order_lines VALUES (?1, ?2, ?3)
             ON CONFLICT DO UPDATE SET quantity = quantity + ?3",
        )?
        .execute(params![row.order.0, sku.as_str(), quantity])?;
    }
    Ok((row.order, true))
}

/// Whether the shop's number is taken.
pub fn is_taken(db: &Connection, external_id: &str) -> Result<bool, StoreError> {
    Ok(db
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM orders WHERE external_id = ?1)")?
        .query_row([external_id], |row| row.get(0))?)
}

/// Moves an order on. A completed or cancelled order stays so.
pub fn set_state(
    db: &Connection,
    now_ms: u64,
    id: OrderId,
    state: OrderState,
    bay: Option<&str>,
) -> Result<OrderRow, StoreError> {
    let mut row = order(db, id)?;
    if !row.state.is_open() && row.state != state {
        let is = word(row.state);
        return Err(StoreError::Conflict(format!(
            "the order is {is}, and that is final"
        )));
    }
    row.state = state;
    row.bay = bay.map(str::to_owned).or(row.bay);
    db.prepare_cached(
        "UPDATE orders SET state = ?2, bay = ?3, changed_ms = ?4 WHERE \"order\" = ?1",
    )?
    .execute(params![id.0, word(state), row.bay, int(now_ms)])?;
    Ok(row)
}

/// One order.
pub fn order(db: &Connection, id: OrderId) -> Result<OrderRow, StoreError> {
    let found = db
        .prepare_cached(
            "SELECT external_id, store, customer, state, bay, code FROM orders WHERE \"order\" = ?1",
        )?
        .query_row([id.0], |row| {
            Ok((
                row.get::<_, String>(0)?,
                parsed(row.get_ref(1)?.as_str()?)?,
                CustomerId(row.get(2)?),
                row.get::<_, String>(3)?,
                row.get(4)?,
                row.get(5)?,
            ))
        })
        .optional()?;
    let (external_id, store, customer, state, bay, code) =
        found.ok_or(StoreError::NotFound("order"))?;
    let mut statement =
        db.prepare_cached("SELECT sku, quantity FROM order_lines WHERE \"order\" = ?1")?;
    let lines = statement
        .query_map([id.0], |row| {
            Ok((parsed(row.get_ref(0)?.as_str()?)?, row.get(1)?))
        })?
        .collect::<Result<_, _>>()?;
    Ok(OrderRow {
        order: id,
        external_id,
        store,
        customer,
        state: from_word(&state)?,
        bay,
        code,
        lines,
    })
}

/// A customer's open orders, in one store or in all.
pub fn open_orders(
    db: &Connection,
    customer: CustomerId,
    store: Option<&StoreId>,
) -> Result<Vec<OrderRow>, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT \"order\" FROM orders WHERE customer = ?1 AND (?2 IS NULL OR store = ?2)
         AND state NOT IN ('cancelled', 'completed') ORDER BY \"order\"",
    )?;
    let ids: Vec<OrderId> = statement
        .query_map(params![customer.0, store.map(StoreId::as_str)], |row| {
            Ok(OrderId(row.get(0)?))
        })?
        .collect::<Result<_, _>>()?;
    ids.into_iter().map(|id| order(db, id)).collect()
}

/// Who has an open order where.
pub fn all_open(db: &Connection) -> Result<Vec<(CustomerId, StoreId)>, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT customer, store FROM orders WHERE state NOT IN ('cancelled', 'completed')",
    )?;
    let rows = statement.query_map([], |row| {
        Ok((CustomerId(row.get(0)?), parsed(row.get_ref(1)?.as_str()?)?))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
