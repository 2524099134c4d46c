//! How long customers waited at the desk, without who they were.
//!
//! In: an episode that is over, in the transaction of what ended it; a mark. Out: rows for figures.
//! Promises: one row an episode; one mark a row, the first; within [`RATING_OPEN_MS`].
//! Invariant: a row names no customer, no colleague and no card; the link from a card to its row is
//! gone once no mark can be given any more.

use std::collections::BTreeSet;

use engine::{input::OrderKind, outcome::Over};
use protocol::{CardId, CustomerId, OrderId, StoreId};
use rusqlite::{Connection, OptionalExtension, params};

use super::{StoreError, from_word, int, shop, uint};
use crate::{figures::waits::Wait, localtime};

/// She may give a mark for this long after she had it: until that evening.
pub const RATING_OPEN_MS: u64 = 6 * 3_600_000;

/// Writes the row of an episode.
pub fn end(db: &Connection, store: &StoreId, over: &Over) -> Result<(), StoreError> {
    let timezone = shop::store(db, store)?.timezone;
    let began_ms = over.came_ms.unwrap_or(over.ended_ms);
    let day = localtime::local_day(&timezone, began_ms);
    let since = |at_ms: u64| Some(int(at_ms.saturating_sub(over.came_ms?)));
    let wait_ms = Some(over.ended_ms).filter(|_| over.served).and_then(since);
    let kinds = kinds(db, &over.orders)?;
    let outcome = match over.served {
        true => "served",
        false => "departed_unserved",
    };
    let wait: i64 = db
        .prepare_cached(
            "INSERT INTO waits VALUES (random(), ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, NULL)
             RETURNING wait",
        )?
        .query_row(
            params![
                store.as_str(),
                localtime::date(&timezone, began_ms),
                day.minute / 60,
                day.weekday,
                kinds,
                wait_ms,
                over.first_taken_ms.and_then(since),
                outcome,
            ],
            |row| row.get(0),
        )?;
    if over.served {
        db.prepare_cached("INSERT INTO wait_links VALUES (?1, ?2, ?3)")?
            .execute(params![
                over.card.0,
                wait,
                int(over.ended_ms + RATING_OPEN_MS)
            ])?;
    }
    Ok(())
}

/// What she came for, each kind once.
fn kinds(db: &Connection, orders: &[OrderId]) -> Result<String, StoreError> {
    let mut kind = db.prepare_cached("SELECT kind FROM orders WHERE \"order\" = ?1")?;
    let mut kinds: BTreeSet<String> = BTreeSet::new();
    for order in orders {
        kinds.extend(kind.query_row([order.0], |row| row.get(0)).optional()?);
    }
    Ok(kinds.into_iter().collect::<Vec<_>>().join(","))
}

/// Whether she is asked for a mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// For this card of hers.
    Asked(CardId),
    /// She gave one for the last.
    Given,
}

/// Whether she is asked for a mark: for the last time that she was helped, for some hours.
pub fn mark(
    db: &Connection,
    customer: CustomerId,
    now_ms: u64,
) -> Result<Option<Mark>, StoreError> {
    Ok(db
        .prepare_cached(
            "SELECT card, rating FROM cards JOIN wait_links USING (card) JOIN waits USING (wait)
             WHERE customer = ?1 AND until_ms > ?2 ORDER BY until_ms DESC LIMIT 1",
        )?
        .query_row(params![customer.0, int(now_ms)], |row| {
            let card = CardId(row.get(0)?);
            let given: Option<u8> = row.get(1)?;
            Ok(given.map_or(Mark::Asked(card), |_| Mark::Given))
        })
        .optional()?)
}

/// Her mark for a card of hers; none: for the last one in this store. A second one changes nothing.
pub fn rate(
    db: &Connection,
    customer: CustomerId,
    which: &Rated,
    rating: u8,
    now_ms: u64,
) -> Result<(), StoreError> {
    let (card, store) = match which {
        Rated::Card(card) => (Some(card.0), None),
        Rated::LastIn(store) => (None, Some(store.as_str())),
    };
    let wait: Option<i64> = db
        .prepare_cached(
            "SELECT wait FROM cards JOIN wait_links USING (card)
             WHERE customer = ?1 AND until_ms > ?2 AND card = coalesce(?3, card)
               AND store = coalesce(?4, store) ORDER BY until_ms DESC LIMIT 1",
        )?
        .query_row(params![customer.0, int(now_ms), card, store], |row| {
            row.get(0)
        })
        .optional()?;
    let wait = wait.ok_or(StoreError::Expired("question"))?;
    db.prepare_cached("UPDATE waits SET rating = ?2 WHERE wait = ?1 AND rating IS NULL")?
        .execute(params![wait, rating])?;
    Ok(())
}

/// What a mark is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rated {
    /// This card.
    Card(CardId),
    /// The last time that she was handed something in this store.
    LastIn(StoreId),
}

/// Takes away the links whose time is over.
pub fn tidy(db: &Connection, now_ms: u64) -> Result<(), StoreError> {
    db.prepare_cached("DELETE FROM wait_links WHERE until_ms <= ?1")?
        .execute([int(now_ms)])?;
    Ok(())
}

/// The rows of a store from a day on, in the order of days.
pub fn rows(db: &Connection, store: &StoreId, from_ms: u64) -> Result<Vec<Wait>, StoreError> {
    let timezone = shop::store(db, store)?.timezone;
    let mut statement = db.prepare_cached(
        "SELECT day, hour, weekday, kinds, wait_ms, take_ms, outcome, rating FROM waits
         WHERE store = ?1 AND day >= ?2 ORDER BY day",
    )?;
    let from = localtime::date(&timezone, from_ms);
    let mut found = statement.query(params![store.as_str(), from])?;
    let mut rows = Vec::new();
    while let Some(row) = found.next()? {
        let kinds: String = row.get(3)?;
        let kinds = kinds.split(',').filter(|kind| !kind.is_empty());
        let ms = |column| Ok::<_, StoreError>(row.get::<_, Option<i64>>(column)?.map(uint));
        rows.push(Wait {
            day: row.get(0)?,
            hour: row.get(1)?,
            weekday: row.get(2)?,
            kinds: kinds
                .map(from_word::<OrderKind>)
                .collect::<Result<_, _>>()?,
            wait_ms: ms(4)?,
            take_ms: ms(5)?,
            served: row.get_ref(6)?.as_str().unwrap_or_default() == "served",
            rating: row.get(7)?,
        });
    }
    Ok(rows)
}

#[cfg(test)]
mod tests;
