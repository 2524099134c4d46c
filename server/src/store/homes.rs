//! Stores that have a home, as the central server keeps them.
//!
//! In: a home's token, its epoch, what its store is to be told. Out: rows.
//! Invariant: an epoch only rises; a journal is applied up to a number that only rises within it.

use protocol::{CardId, CustomerId, GatewayId, OrderId, StaffId, StoreId};
use rusqlite::{Connection, OptionalExtension, params};

use super::{
    StoreError,
    access::{self, StaffRow},
    int, parsed,
    people::RadioRow,
    uint,
};
use crate::home::{Says, WORD_MS, Word};

/// Words kept for one store; the oldest go. Each is a tap of a shopper.
const WORDS_MAX: u64 = 10_000;

/// A store's home.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HomeRow {
    /// Whose.
    pub store: StoreId,
    /// The home that has the desk now; 0: none has claimed it yet.
    pub epoch: u64,
    /// How far its journal is applied.
    pub journal_n: u64,
    /// When it last asked anything.
    pub seen_ms: Option<u64>,
    /// Another one whenever what it is told has changed.
    pub stamp: u64,
}

fn row(row: &rusqlite::Row<'_>) -> Result<HomeRow, rusqlite::Error> {
    Ok(HomeRow {
        store: parsed(row.get_ref(0)?.as_str()?)?,
        epoch: uint(row.get(1)?),
        journal_n: uint(row.get(2)?),
        seen_ms: row.get::<_, Option<i64>>(3)?.map(uint),
        stamp: uint(row.get(4)?),
    })
}

const COLUMNS: &str = "SELECT store, epoch, journal_n, seen_ms, stamp FROM homes";

/// Lets a home in, or gives it another token: the machine that had the old one is out.
pub fn put(db: &Connection, store: &StoreId, token_sha256: &[u8; 32]) -> Result<(), StoreError> {
    super::shop::store(db, store)?;
    db.prepare_cached(
        "INSERT INTO homes VALUES (?1, ?2, 0, 0, NULL, 0)
         ON CONFLICT (store) DO UPDATE SET token_sha256 = ?2",
    )?
    .execute(params![store.as_str(), token_sha256])?;
    Ok(())
}

/// The store has none any more.
pub fn delete(db: &Connection, store: &StoreId) -> Result<(), StoreError> {
    let gone = db
        .prepare_cached("DELETE FROM homes WHERE store = ?1")?
        .execute([store.as_str()])?;
    db.prepare_cached("DELETE FROM home_words WHERE store = ?1")?
        .execute([store.as_str()])?;
    match gone {
        0 => Err(StoreError::NotFound("home")),
        _ => Ok(()),
    }
}

/// The home with this token.
pub fn by_token(db: &Connection, token_sha256: &[u8; 32]) -> Result<Option<HomeRow>, StoreError> {
    Ok(db
        .prepare_cached(&format!("{COLUMNS} WHERE token_sha256 = ?1"))?
        .query_row([token_sha256.as_slice()], row)
        .optional()?)
}

/// A store's home.
pub fn of(db: &Connection, store: &StoreId) -> Result<Option<HomeRow>, StoreError> {
    Ok(db
        .prepare_cached(&format!("{COLUMNS} WHERE store = ?1"))?
        .query_row([store.as_str()], row)
        .optional()?)
}

/// Whether a machine in the store has its desk.
pub fn has_desk(db: &Connection, store: &StoreId) -> Result<bool, StoreError> {
    Ok(of(db, store)?.is_some_and(|home| home.epoch > 0))
}

/// What time alone takes away is told within this time, though nothing else has changed.
const STAMP_MS: u64 = 600_000;

impl HomeRow {
    /// It has the desk, and nothing is heard of it.
    pub fn is_silent(&self, now_ms: u64) -> bool {
        let since_ms = now_ms.saturating_sub(SILENT_MS);
        self.epoch > 0 && self.seen_ms.is_some_and(|seen_ms| seen_ms < since_ms)
    }

    /// Names how things stand: the same as long as the answer would be.
    pub fn tag(&self, now_ms: u64) -> String {
        format!("{}-{}-{}", self.epoch, self.stamp, now_ms / STAMP_MS)
    }
}

/// Raises the epoch: another machine has the desk from now on, and its journal begins.
pub fn claim(db: &Connection, store: &StoreId) -> Result<u64, StoreError> {
    let epoch: i64 = db
        .prepare_cached(
            "UPDATE homes SET epoch = epoch + 1, journal_n = 0 WHERE store = ?1 RETURNING epoch",
        )?
        .query_row([store.as_str()], |row| row.get(0))?;
    Ok(uint(epoch))
}

/// It asked something just now.
pub fn seen(db: &Connection, store: &StoreId, now_ms: u64) -> Result<(), StoreError> {
    db.prepare_cached("UPDATE homes SET seen_ms = ?2 WHERE store = ?1")?
        .execute(params![store.as_str(), int(now_ms)])?;
    Ok(())
}

/// A home that has the desk and was silent for this long is cut off: it asks every two seconds, and
/// that is written down every five.
const SILENT_MS: u64 = 15_000;

/// Stores whose home is cut off, or down.
pub fn silent(db: &Connection, now_ms: u64) -> Result<Vec<StoreId>, StoreError> {
    let mut statement =
        db.prepare_cached("SELECT store FROM homes WHERE epoch > 0 AND seen_ms < ?1")?;
    let rows = statement.query_map([int(now_ms.saturating_sub(SILENT_MS))], |row| {
        parsed(row.get_ref(0)?.as_str()?)
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Its journal is applied up to here.
pub fn reached(db: &Connection, store: &StoreId, n: u64) -> Result<(), StoreError> {
    db.prepare_cached("UPDATE homes SET journal_n = ?2 WHERE store = ?1")?
        .execute(params![store.as_str(), int(n)])?;
    Ok(())
}

/// Keeps what a phone says, for the store's home to hear.
pub fn say(
    db: &Connection,
    now_ms: u64,
    store: &StoreId,
    customer: CustomerId,
    says: &Says,
) -> Result<(), StoreError> {
    let body = serde_json::to_string(says).map_err(|e| StoreError::Damaged(e.to_string()))?;
    let n: i64 = db
        .prepare_cached(
            "INSERT INTO home_words (store, customer, at_ms, body) VALUES (?1, ?2, ?3, ?4)
             RETURNING n",
        )?
        .query_row(
            params![store.as_str(), customer.0, int(now_ms), body],
            |row| row.get(0),
        )?;
    db.prepare_cached("DELETE FROM home_words WHERE store = ?1 AND n <= ?2")?
        .execute(params![store.as_str(), n - int(WORDS_MAX)])?;
    Ok(())
}

/// Words that are of no use any more go.
pub fn tidy(db: &Connection, now_ms: u64) -> Result<(), StoreError> {
    db.prepare_cached("DELETE FROM home_words WHERE at_ms < ?1")?
        .execute([int(now_ms.saturating_sub(WORD_MS))])?;
    Ok(())
}

/// What phones said to a store and is of use still, in its order.
pub fn words(db: &Connection, now_ms: u64, store: &StoreId) -> Result<Vec<Word>, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT n, at_ms, customer, body FROM home_words WHERE store = ?1 AND at_ms >= ?2 ORDER BY n",
    )?;
    let since_ms = int(now_ms.saturating_sub(WORD_MS));
    let rows = statement.query_map(params![store.as_str(), since_ms], |row| {
        Ok((
            uint(row.get(0)?),
            uint(row.get(1)?),
            CustomerId(row.get(2)?),
            row.get::<_, String>(3)?,
        ))
    })?;
    rows.map(|row| {
        let (n, at_ms, customer, body) = row?;
        let says = serde_json::from_str(&body).map_err(|e| StoreError::Damaged(e.to_string()))?;
        Ok(Word {
            n,
            at_ms,
            customer,
            says,
        })
    })
    .collect()
}

/// Orders of a store that are open, and those closed since then, oldest first.
pub fn orders(
    db: &Connection,
    store: &StoreId,
    closed_since_ms: u64,
) -> Result<Vec<OrderId>, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT \"order\" FROM orders WHERE store = ?1
         AND (state NOT IN ('cancelled', 'completed') OR changed_ms >= ?2) ORDER BY \"order\"",
    )?;
    let rows = statement.query_map(params![store.as_str(), int(closed_since_ms)], |row| {
        Ok(OrderId(row.get(0)?))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Passwords of a store's gateways, as hashes.
pub fn gateways(
    db: &Connection,
    store: &StoreId,
) -> Result<Vec<(GatewayId, [u8; 32])>, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT gateway, password_sha256 FROM gateways WHERE store = ?1 ORDER BY gateway",
    )?;
    let rows = statement.query_map([store.as_str()], |row| {
        Ok((parsed(row.get_ref(0)?.as_str()?)?, row.get(1)?))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Colleagues who may enter a store.
pub fn staff(db: &Connection, store: &StoreId) -> Result<Vec<StaffRow>, StoreError> {
    let mut statement =
        db.prepare_cached("SELECT * FROM staff WHERE store = ?1 OR store IS NULL ORDER BY staff")?;
    let rows = statement.query_map([store.as_str()], access::staff_row)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// A customer's radios that are in use now.
pub fn radios(
    db: &Connection,
    now_ms: u64,
    customer: CustomerId,
) -> Result<Vec<RadioRow>, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT * FROM radios WHERE customer = ?1 AND (valid_to_ms IS NULL OR valid_to_ms > ?2)
         ORDER BY radio",
    )?;
    let rows = statement.query_map(params![customer.0, int(now_ms)], super::people::radio_row)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Of these ids, what a journal may name: people, colleagues and orders come and go while a line is
/// down.
pub struct Known<'a>(pub &'a Connection);

impl Known<'_> {
    /// Whether there is such a customer.
    pub fn customer(&self, customer: CustomerId) -> Result<bool, StoreError> {
        self.has(
            "SELECT 1 FROM customers WHERE customer = ?1",
            customer.0.as_bytes(),
        )
    }

    /// Whether there is such a card.
    pub fn card(&self, card: CardId) -> Result<bool, StoreError> {
        self.has("SELECT 1 FROM cards WHERE card = ?1", card.0.as_bytes())
    }

    /// Whether there is such an order.
    pub fn order(&self, order: OrderId) -> Result<bool, StoreError> {
        self.has(
            "SELECT 1 FROM orders WHERE \"order\" = ?1",
            order.0.as_bytes(),
        )
    }

    /// Whether there is such a colleague.
    pub fn staff(&self, staff: StaffId) -> Result<bool, StoreError> {
        self.has("SELECT 1 FROM staff WHERE staff = ?1", staff.0.as_bytes())
    }

    fn has(&self, sql: &str, id: &[u8]) -> Result<bool, StoreError> {
        Ok(self.0.prepare_cached(sql)?.exists([id])?)
    }
}
