//! What she did with the shop, online and at its tills: in an export.
//!
//! In: a customer. Out: her rows, oldest first.
//! Invariant: each column is named: one that is added to a table is told on purpose or not at all.

use protocol::{CustomerId, OrderId};
use rusqlite::Connection;

use super::{
    super::StoreError,
    Category, Online, Order, OrderLine, Purchase, PurchaseLine, ShopNumber, Task, ToldToOthers,
    rows::{json, list, maybe_ms, ms},
};

pub(super) fn online(db: &Connection, customer: CustomerId) -> Result<Vec<Online>, StoreError> {
    list(
        db,
        "SELECT kind, sku, grouped, at_ms, price_minor FROM intents WHERE customer = ?1
         ORDER BY at_ms, sku, kind",
        [customer.0],
        |row| {
            Ok(Online {
                did: row.get(0)?,
                sku: row.get(1)?,
                grouped: row.get(2)?,
                at_ms: ms(row, 3)?,
                price_minor: maybe_ms(row, 4)?,
            })
        },
    )
}

pub(super) fn categories(
    db: &Connection,
    customer: CustomerId,
) -> Result<Vec<Category>, StoreError> {
    list(
        db,
        "SELECT category, at_ms FROM interests WHERE customer = ?1 ORDER BY at_ms, category",
        [customer.0],
        |row| {
            Ok(Category {
                category: row.get(0)?,
                at_ms: ms(row, 1)?,
            })
        },
    )
}

pub(super) fn purchases(
    db: &Connection,
    customer: CustomerId,
) -> Result<Vec<Purchase>, StoreError> {
    let mut purchases = list(
        db,
        "SELECT receipt, store, at_ms, total_minor, currency, state, version_ms FROM receipts
         WHERE customer = ?1 ORDER BY at_ms, receipt",
        [customer.0],
        |row| {
            Ok(Purchase {
                receipt: row.get(0)?,
                store: row.get(1)?,
                at_ms: maybe_ms(row, 2)?,
                total_minor: maybe_ms(row, 3)?,
                currency: row.get(4)?,
                state: row.get(5)?,
                version_ms: ms(row, 6)?,
                lines: Vec::new(),
            })
        },
    )?;
    for purchase in &mut purchases {
        purchase.lines = list(
            db,
            "SELECT sku, grouped, quantity, price_minor FROM receipt_lines WHERE receipt = ?1
             ORDER BY sku, grouped",
            [&purchase.receipt],
            |row| {
                Ok(PurchaseLine {
                    sku: row.get(0)?,
                    grouped: row.get(1)?,
                    quantity: row.get(2)?,
                    price_minor: maybe_ms(row, 3)?,
                })
            },
        )?;
    }
    Ok(purchases)
}

pub(super) fn orders(db: &Connection, customer: CustomerId) -> Result<Vec<Order>, StoreError> {
    let mut orders = list(
        db,
        "SELECT \"order\", external_id, store, state, bay, code, created_ms, changed_ms,
           kind, due_ms, held_ms, age_checked, from_ms, lines_ready, as_of_ms, share_code
         FROM orders WHERE customer = ?1 ORDER BY created_ms, \"order\"",
        [customer.0],
        |row| {
            Ok(Order {
                order: OrderId(row.get(0)?),
                external_id: row.get(1)?,
                store: row.get(2)?,
                state: row.get(3)?,
                bay: row.get(4)?,
                code: row.get(5)?,
                created_ms: ms(row, 6)?,
                changed_ms: ms(row, 7)?,
                kind: row.get(8)?,
                due_ms: maybe_ms(row, 9)?,
                held_ms: maybe_ms(row, 10)?,
                age_checked: row.get(11)?,
                from_ms: maybe_ms(row, 12)?,
                lines_ready: row.get(13)?,
                as_of_ms: ms(row, 14)?,
                share_code: row.get(15)?,
                lines: Vec::new(),
                shop_numbers: Vec::new(),
            })
        },
    )?;
    for order in &mut orders {
        let id = [order.order.0];
        order.lines = list(
            db,
            "SELECT sku, quantity FROM order_lines WHERE \"order\" = ?1 ORDER BY sku",
            id,
            |row| {
                Ok(OrderLine {
                    sku: row.get(0)?,
                    quantity: row.get(1)?,
                })
            },
        )?;
        order.shop_numbers = list(
            db,
            "SELECT source, external FROM source_orders WHERE \"order\" = ?1 ORDER BY source",
            id,
            |row| {
                Ok(ShopNumber {
                    source: row.get(0)?,
                    external: row.get(1)?,
                })
            },
        )?;
    }
    Ok(orders)
}

pub(super) fn tasks(db: &Connection, customer: CustomerId) -> Result<Vec<Task>, StoreError> {
    list(
        db,
        "SELECT task, at_ms, source, kind, external, done_ms FROM tasks WHERE customer = ?1
         ORDER BY task",
        [customer.0],
        |row| {
            Ok(Task {
                task: row.get(0)?,
                at_ms: ms(row, 1)?,
                source: row.get(2)?,
                kind: row.get(3)?,
                external: row.get(4)?,
                done_ms: maybe_ms(row, 5)?,
            })
        },
    )
}

pub(super) fn told_to_others(
    db: &Connection,
    customer: CustomerId,
) -> Result<Vec<ToldToOthers>, StoreError> {
    list(
        db,
        "SELECT m.message, w.name, m.event, m.body, m.created_ms, m.state, m.due_ms, m.attempts,
           m.status, m.said
         FROM webhook_messages m JOIN webhooks w ON w.webhook = m.webhook WHERE m.customer = ?1
         ORDER BY m.message",
        [customer.0],
        |row| {
            Ok(ToldToOthers {
                message: row.get(0)?,
                receiver: row.get(1)?,
                event: row.get(2)?,
                body: json(row.get(3)?),
                created_ms: ms(row, 4)?,
                state: row.get(5)?,
                due_ms: ms(row, 6)?,
                attempt_count: row.get(7)?,
                status: row.get(8)?,
                said: row.get(9)?,
            })
        },
    )
}
