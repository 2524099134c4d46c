//! Orders: what is collected, tried, brought back, or asked for in the store.

use engine::input::{Order, OrderKind, OrderState};
use protocol::{CustomerId, OrderId, Sku, StoreId};
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};

use super::{StoreError, from_word, int, parsed, uint, word};

/// An order as the shop sends it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderRow {
    /// Its id.
    pub order: OrderId,
    /// The shop's own number.
    pub external_id: String,
    /// Where it is collected.
    pub store: StoreId,
    /// Whose.
    pub customer: CustomerId,
    /// What it is for.
    pub kind: OrderKind,
    /// How far it is.
    pub state: OrderState,
    /// From then on it is not to be dealt with any more; none: no end.
    pub due_ms: Option<u64>,
    /// Where it lies in the store.
    pub bay: Option<String>,
    /// What she says at the desk.
    pub code: String,
    /// What somebody else says at the desk for it; none: she shared it with nobody.
    #[serde(default)]
    pub share_code: Option<String>,
    /// What is in it.
    pub lines: Vec<(Sku, u32)>,
    /// What else staff should know.
    pub details: Details,
}

/// What staff should know of an order at the desk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Details {
    /// Some of it may go only to who is old enough.
    pub age_checked: bool,
    /// From when on she may come for it.
    pub from_ms: Option<u64>,
    /// Lines that are laid ready so far; none: nobody counts.
    pub lines_ready: Option<u32>,
    /// When the shop said how it stands; 0: it does not say when.
    pub as_of_ms: u64,
}

impl OrderRow {
    /// As the engine needs it.
    pub fn for_engine(&self) -> Order {
        Order {
            order: self.order,
            customer: self.customer,
            kind: self.kind,
            state: self.state,
            code: self.code.clone(),
            as_of_ms: self.details.as_of_ms,
            due_ms: self.due_ms,
            age_checked: self.details.age_checked,
            share_code: self.share_code.clone(),
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
    put(db, now_ms, row)?;
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

/// Writes an order without its lines, new or changed.
pub(super) fn put(db: &Connection, now_ms: u64, row: &OrderRow) -> Result<(), StoreError> {
    db.prepare_cached(
        "INSERT INTO orders (\"order\", external_id, store, customer, state, bay, code, created_ms,
           changed_ms, kind, due_ms, age_checked, from_ms, lines_ready, as_of_ms, share_code)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)
         ON CONFLICT (\"order\") DO UPDATE SET external_id = ?2, store = ?3, customer = ?4,
           state = ?5, bay = ?6, code = ?7, changed_ms = ?8, kind = ?9, due_ms = ?10,
           age_checked = ?11, from_ms = ?12, lines_ready = ?13, as_of_ms = ?14,
           share_code = ?15",
    )?
    .execute(params![
        row.order.0,
        row.external_id,
        row.store.as_str(),
        row.customer.0,
        word(row.state),
        row.bay,
        row.code,
        int(now_ms),
        word(row.kind),
        row.due_ms.map(int),
        row.details.age_checked,
        row.details.from_ms.map(int),
        row.details.lines_ready,
        int(row.details.as_of_ms),
        row.share_code,
    ])?;
    Ok(())
}

/// Whether the shop's number is taken.
pub fn is_taken(db: &Connection, external_id: &str) -> Result<bool, StoreError> {
    Ok(db
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM orders WHERE external_id = ?1)")?
        .query_row([external_id], |row| row.get(0))?)
}

/// Something new of an order.
#[derive(Debug, Clone, Copy, Default)]
pub struct News<'a> {
    /// Where it lies, if that is new.
    pub bay: Option<&'a str>,
    /// Lines that are laid ready, if that is new.
    pub lines_ready: Option<u32>,
    /// When the shop said so: an older word than the last changes nothing.
    pub as_of_ms: Option<u64>,
}

/// Moves an order on. A completed or cancelled order stays so.
pub fn set_state(
    db: &Connection,
    now_ms: u64,
    id: OrderId,
    state: OrderState,
    news: News<'_>,
) -> Result<OrderRow, StoreError> {
    let mut row = order(db, id)?;
    if news.as_of_ms.is_some_and(|at| at < row.details.as_of_ms) {
        return Ok(row);
    }
    if !row.state.is_open() && row.state != state {
        let is = word(row.state);
        return Err(StoreError::Conflict(format!(
            "the order is {is}, and that is final"
        )));
    }
    row.state = state;
    row.share_code = row.share_code.filter(|_| state.is_open());
    row.bay = news.bay.map(str::to_owned).or(row.bay);
    row.details.lines_ready = news.lines_ready.or(row.details.lines_ready);
    row.details.as_of_ms = news.as_of_ms.unwrap_or(row.details.as_of_ms);
    db.prepare_cached(
        "UPDATE orders SET state = ?2, bay = ?3, changed_ms = ?4, lines_ready = ?5, as_of_ms = ?6,
           held_ms = iif(?2 IN ('cancelled', 'completed'), NULL, held_ms)
         WHERE \"order\" = ?1",
    )?
    .execute(params![
        id.0,
        word(state),
        row.bay,
        int(now_ms),
        row.details.lines_ready,
        int(row.details.as_of_ms)
    ])?;
    Ok(row)
}

/// One order.
pub fn order(db: &Connection, id: OrderId) -> Result<OrderRow, StoreError> {
    let found = db
        .prepare_cached(
            "SELECT external_id, store, customer, state, bay, code, kind, due_ms, age_checked,
               from_ms, lines_ready, as_of_ms, share_code FROM orders
             WHERE \"order\" = ?1",
        )?
        .query_row([id.0], |row| {
            Ok((
                row.get::<_, String>(0)?,
                parsed(row.get_ref(1)?.as_str()?)?,
                CustomerId(row.get(2)?),
                row.get::<_, String>(3)?,
                row.get(4)?,
                row.get(5)?,
                row.get::<_, String>(6)?,
                row.get::<_, Option<i64>>(7)?.map(uint),
                Details {
                    age_checked: row.get(8)?,
                    from_ms: row.get::<_, Option<i64>>(9)?.map(uint),
                    lines_ready: row.get(10)?,
                    as_of_ms: uint(row.get(11)?),
                },
                row.get(12)?,
            ))
        })
        .optional()?;
    let (external_id, store, customer, state, bay, code, kind, due_ms, details, share_code) =
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
        kind: from_word(&kind)?,
        state: from_word(&state)?,
        due_ms,
        bay,
        code,
        share_code,
        lines,
        details,
    })
}

/// Marks orders as handed over, which may still be taken back, or as taken back.
pub fn hold(db: &Connection, orders: &[OrderId], held_ms: Option<u64>) -> Result<(), StoreError> {
    let mut statement = db.prepare_cached("UPDATE orders SET held_ms = ?2 WHERE \"order\" = ?1")?;
    for order in orders {
        statement.execute(params![order.0, held_ms.map(int)])?;
    }
    Ok(())
}

/// Whether it still lies ready for her: neither handed over a moment ago nor closed.
pub fn lies_ready(db: &Connection, order: OrderId) -> Result<bool, StoreError> {
    Ok(db
        .prepare_cached(
            "SELECT 1 FROM orders WHERE \"order\" = ?1 AND state = 'ready' AND held_ms IS NULL",
        )?
        .exists([order.0])?)
}

/// A customer's open orders that she has not just been handed, in one store or in all.
pub fn open_orders(
    db: &Connection,
    customer: CustomerId,
    store: Option<&StoreId>,
) -> Result<Vec<OrderRow>, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT \"order\" FROM orders WHERE customer = ?1 AND (?2 IS NULL OR store = ?2)
         AND state NOT IN ('cancelled', 'completed') AND held_ms IS NULL ORDER BY \"order\"",
    )?;
    let ids: Vec<OrderId> = statement
        .query_map(params![customer.0, store.map(StoreId::as_str)], |row| {
            Ok(OrderId(row.get(0)?))
        })?
        .collect::<Result<_, _>>()?;
    ids.into_iter().map(|id| order(db, id)).collect()
}

/// Returns of hers that were taken in since then, in any store, as the shop numbers them.
pub fn returned_since(
    db: &Connection,
    customer: CustomerId,
    since_ms: u64,
) -> Result<Vec<String>, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT external_id FROM orders WHERE customer = ?1 AND kind = 'return'
         AND ((state = 'completed' AND changed_ms >= ?2)
           OR (state NOT IN ('cancelled', 'completed') AND held_ms IS NOT NULL))
         ORDER BY \"order\"",
    )?;
    let rows = statement.query_map(params![customer.0, int(since_ms)], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The stores where she has an open order, also one that she was just handed: until that is final
/// she may be known there for it.
pub fn open_order_stores(
    db: &Connection,
    customer: CustomerId,
) -> Result<Vec<StoreId>, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT store FROM orders WHERE customer = ?1
         AND state NOT IN ('cancelled', 'completed') ORDER BY \"order\"",
    )?;
    let rows = statement.query_map([customer.0], |row| parsed(row.get_ref(0)?.as_str()?))?;
    Ok(rows.collect::<Result<_, _>>()?)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{embedded, open_writer, people, shop};

    /// A store, a customer, an order that is ready and its card, as a database of version 8 has them.
    fn database_from_before(path: &std::path::Path) {
        let mut db = Connection::open(path).unwrap();
        embedded::migrations::runner()
            .set_target(refinery::Target::Version(8))
            .run(&mut db)
            .unwrap();
        let store = shop::StoreRow {
            store: "kade-9".parse().unwrap(),
            name: "Kade 9".into(),
            timezone: "Europe/Amsterdam".into(),
            opens: "09:00".into(),
            closes: "18:00".into(),
            quiet: None,
            messages_per_day_max: 2,
        };
        shop::put_store(&db, &store, 1).unwrap();
        let anna = people::CustomerRow {
            customer: CustomerId::at(1, [1; 10]),
            external_id: "anna".into(),
            given_name: "Anna".into(),
            family_name: "de Vries".into(),
            salutation: None,
            language: "nl".into(),
        };
        people::put_customer(&db, 1, &anna).unwrap();
        let order = OrderId::at(1, [2; 10]);
        db.execute(
            "INSERT INTO orders VALUES (?1, '1042', 'kade-9', ?2, 'ready', 'B12', '7419', 1, 2)",
            params![order.0, anna.customer.0],
        )
        .unwrap();
        let card = serde_json::json!({
            "card": protocol::CardId::at(1, [3; 10]), "customer": anna.customer,
            "orders": [order], "journey": "arrived", "arrived_ms": 3, "since_ms": 3,
            "taken_by": null, "taken_ms": null, "whereabouts": [], "wrong_codes": 0,
            "not_here": false,
        });
        db.execute(
            "INSERT INTO cards VALUES (?1, 'kade-9', ?2, 'arrived', 3, 4, 3, NULL, NULL, ?3)",
            params![
                protocol::CardId::at(1, [3; 10]).0,
                anna.customer.0,
                card.to_string()
            ],
        )
        .unwrap();
    }

    #[test]
    fn orders_and_cards_from_before_are_pickups_and_arrivals() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("db");
        database_from_before(&path);
        let db = open_writer(&path).unwrap();
        let kade_9 = "kade-9".parse().unwrap();
        let cards = crate::store::board::cards_on_board(&db, &kade_9, 1_000).unwrap();
        let [card] = &cards[..] else {
            panic!("one card: {cards:?}");
        };
        let order = &card.orders[0];
        assert_eq!(
            (order.kind, order.due_ms),
            (OrderKind::ClickAndCollect, None)
        );
        assert!(lies_ready(&db, order.order).unwrap());
        let second = db.execute(
            "INSERT INTO cards SELECT x'ff', store, customer, 'en_route', 5, 5, 5, NULL, NULL, body
             FROM cards",
            [],
        );
        assert!(second.is_err(), "two open cards of one customer");
    }

    #[test]
    fn what_she_was_just_handed_is_not_open_for_her_until_it_is_taken_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("db");
        database_from_before(&path);
        let db = open_writer(&path).unwrap();
        let (anna, order) = (CustomerId::at(1, [1; 10]), OrderId::at(1, [2; 10]));
        let open = || open_orders(&db, anna, None).unwrap().len();
        hold(&db, &[order], Some(9)).unwrap();
        assert_eq!((open(), all_open(&db).unwrap().len()), (0, 1));
        assert_eq!(open_order_stores(&db, anna).unwrap().len(), 1);
        assert!(!lies_ready(&db, order).unwrap());
        hold(&db, &[order], None).unwrap();
        assert_eq!(open(), 1);
    }

    #[test]
    fn a_word_of_the_shop_that_is_older_than_its_last_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("db");
        database_from_before(&path);
        let db = open_writer(&path).unwrap();
        let says = |state, bay: &str, as_of_ms| {
            let news = News {
                bay: Some(bay),
                lines_ready: None,
                as_of_ms,
            };
            set_state(&db, 9, OrderId::at(1, [2; 10]), state, news).unwrap()
        };
        says(OrderState::Delayed, "B1", Some(200));
        says(OrderState::Ready, "B2", Some(100));
        let row = order(&db, OrderId::at(1, [2; 10])).unwrap();
        assert_eq!(
            (row.state, row.bay.as_deref(), row.details.as_of_ms),
            (OrderState::Delayed, Some("B1"), 200)
        );
        // Who does not say when is believed, as before.
        assert_eq!(says(OrderState::Ready, "B3", None).state, OrderState::Ready);
        says(OrderState::Completed, "B3", Some(300));
        assert_eq!(
            says(OrderState::Placed, "B4", Some(250)).state,
            OrderState::Completed
        );
    }
}
