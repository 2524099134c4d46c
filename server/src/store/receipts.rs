//! What customers bought, online or at the till.
//!
//! In: purchases and their cancellations, in any order. Out: rows, as far as she agreed to them,
//! and what they earn a member.
//! Invariant: a cancellation outlives its purchase: one that comes first is remembered.

use engine::input::Consent;
use protocol::{CustomerId, StoreId};
use rusqlite::{Connection, OptionalExtension, params};

use super::{StoreError, catalogue::Item, int, intents, loyalty, uint};

/// Lines of one receipt at most.
pub const RECEIPT_LINES_MAX: usize = 200;

/// What became of a purchase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// She has it.
    Bought,
    /// It was called off.
    Cancelled,
    /// It was paid back, whole or in part.
    Refunded,
}

impl State {
    /// As it is kept.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bought => "bought",
            Self::Cancelled => "cancelled",
            Self::Refunded => "refunded",
        }
    }
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineRow {
    /// What.
    pub item: Item,
    /// Pieces.
    pub quantity: u32,
    /// Price of one piece, in the currency's minor unit.
    pub price_minor: Option<u64>,
}

/// A receipt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiptRow {
    /// The shop's own number, behind the name of its source.
    pub receipt: String,
    /// Whose.
    pub customer: CustomerId,
    /// Where; none: online.
    pub store: Option<StoreId>,
    /// When she bought it; none: not said.
    pub at_ms: Option<u64>,
    /// What she paid, in the currency's minor unit.
    pub total_minor: Option<u64>,
    /// ISO 4217.
    pub currency: Option<String>,
    /// What became of it.
    pub state: State,
    /// What is in it; empty: not said.
    pub lines: Vec<LineRow>,
}

/// Writes what a source says of a purchase since `version_ms`. It counts for a member; it is kept
/// with her consent to browsing or to statistics; with that to browsing what she bought becomes an
/// intent `ordered`, and a cancellation takes that back. False: not kept, or something newer is
/// known.
pub fn put(
    db: &Connection,
    now_ms: u64,
    row: &ReceiptRow,
    version_ms: u64,
    consent: Consent,
) -> Result<bool, StoreError> {
    loyalty::bought(db, now_ms, row)?;
    if !consent.browsing && !consent.statistics {
        return Ok(false);
    }
    let known: Option<(Option<i64>, String, i64)> = db
        .prepare_cached("SELECT at_ms, state, version_ms FROM receipts WHERE receipt = ?1")?
        .query_row([&row.receipt], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))
        .optional()?;
    let (known_ms, final_state) = match &known {
        Some((at_ms, state, _)) => (at_ms.map(uint), (state != "bought").then_some(state)),
        None => (None, None),
    };
    let older = known
        .as_ref()
        .is_some_and(|(.., version)| uint(*version) > version_ms);
    // What an older word says of the lines is still worth having if there are none yet.
    if older && (known_ms.is_some() || row.at_ms.is_none()) {
        return Ok(false);
    }
    let at_ms = known_ms.or(row.at_ms);
    let state = final_state.map_or(row.state.as_str(), String::as_str);
    db.prepare_cached(
        "INSERT INTO receipts VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
         ON CONFLICT DO UPDATE SET store = coalesce(?3, store), at_ms = ?4,
           total_minor = coalesce(?5, total_minor), currency = coalesce(?6, currency), state = ?7,
           version_ms = max(version_ms, ?8)",
    )?
    .execute(params![
        row.receipt,
        row.customer.0,
        row.store.as_ref().map(StoreId::as_str),
        at_ms.map(int),
        row.total_minor.map(int),
        row.currency,
        state,
        int(version_ms),
    ])?;
    let cancelled = state == State::Cancelled.as_str();
    if row.state == State::Bought && !row.lines.is_empty() {
        replace_lines(db, row)?;
        if let (true, false, Some(at_ms)) = (consent.browsing, cancelled, at_ms) {
            let mut pen = intents::Pen::new(db, now_ms)?;
            for line in &row.lines {
                let who = intents::Who::Customer(row.customer);
                pen.did(who, &line.item, intents::Did::Ordered, at_ms, None)?;
            }
        }
    }
    if let (true, Some(at_ms)) = (cancelled, at_ms) {
        for item in items(db, &row.receipt)? {
            intents::not_ordered(db, row.customer, &item, at_ms)?;
        }
    }
    Ok(true)
}

fn replace_lines(db: &Connection, row: &ReceiptRow) -> Result<(), StoreError> {
    db.prepare_cached("DELETE FROM receipt_lines WHERE receipt = ?1")?
        .execute([&row.receipt])?;
    let mut add = db.prepare_cached(
        "INSERT INTO receipt_lines VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT DO UPDATE SET quantity = quantity + ?4",
    )?;
    for line in row.lines.iter().take(RECEIPT_LINES_MAX) {
        add.execute(params![
            row.receipt,
            line.item.sku.as_str(),
            line.item.grouped,
            line.quantity,
            line.price_minor.map(int),
        ])?;
    }
    Ok(())
}

fn items(db: &Connection, receipt: &str) -> Result<Vec<Item>, StoreError> {
    let mut statement =
        db.prepare_cached("SELECT sku, grouped FROM receipt_lines WHERE receipt = ?1")?;
    let rows = statement.query_map([receipt], |row| {
        Ok(Item {
            sku: super::parsed(row.get_ref(0)?.as_str()?)?,
            grouped: row.get(1)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Forgets all that a customer bought.
pub fn forget(db: &Connection, customer: CustomerId) -> Result<(), StoreError> {
    db.prepare_cached("DELETE FROM receipts WHERE customer = ?1")?
        .execute([customer.0])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{fixtures, open_writer};

    #[test]
    fn a_cancellation_holds_in_whatever_order_it_comes() {
        let dir = tempfile::tempdir().unwrap();
        let db = open_writer(&dir.path().join("db")).unwrap();
        let anna = fixtures::customer(&db, "anna", 7);
        let item = Item::sku("LAMP".parse().unwrap());
        let bought = ReceiptRow {
            receipt: "web/1".into(),
            customer: anna,
            store: None,
            at_ms: Some(1_000),
            total_minor: Some(900),
            currency: Some("EUR".into()),
            state: State::Bought,
            lines: vec![LineRow {
                item,
                quantity: 1,
                price_minor: Some(900),
            }],
        };
        let cancelled = ReceiptRow {
            state: State::Cancelled,
            at_ms: None,
            lines: Vec::new(),
            ..bought.clone()
        };
        let agreed = Consent {
            browsing: true,
            ..Consent::default()
        };
        let number = |sql: &str| -> u32 { db.query_row(sql, [], |row| row.get(0)).unwrap() };
        // In order, the cancellation first, and the purchase again after it.
        for order in [
            vec![(&bought, 1)],
            vec![(&bought, 1), (&cancelled, 2)],
            vec![(&cancelled, 2), (&bought, 1)],
            vec![(&bought, 1), (&cancelled, 2), (&bought, 1)],
        ] {
            for (row, version_ms) in &order {
                put(&db, 2_000, row, *version_ms, agreed).unwrap();
            }
            let left = u32::from(order.len() == 1);
            assert_eq!(number("SELECT count(*) FROM intents"), left, "{order:?}");
            assert_eq!(number("SELECT count(*) FROM receipt_lines"), 1);
            forget(&db, anna).unwrap();
            intents::forget(&db, anna).unwrap();
            assert_eq!(number("SELECT count(*) FROM receipt_lines"), 0);
        }
    }
}
