//! What shoppers do online, and what of it is worth telling them about in a store.
//!
//! In: events in any order, each perhaps more than once. Out: rows, from which [`candidates`] makes
//! what the engine is told.
//! Whether a product is still wished for, or still in the cart, is not kept: it follows from the
//! latest of each pair of kinds, so the order in which events come in does not matter.
//! What nobody has claimed yet is kept under a hash for [`ANONYMOUS_MS`] and then gone.
//! Invariant: the caller has looked at her consent; no row is written for a customer without it.

use protocol::CustomerId;
use rusqlite::{CachedStatement, Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

mod candidates;

pub use candidates::{CANDIDATES_MAX, candidates};

use super::{StoreError, catalogue::Item, int, parsed};

/// Rows of one customer at most; past it the oldest go.
pub const INTENTS_MAX: u32 = 1_000;
/// Rows of one customer about categories alone, at most; past it the oldest go.
pub const INTERESTS_MAX: u32 = 200;
/// What she did online longer ago than this is not looked at, and goes when she does something new.
pub const INTENT_AGE_MS_MAX: u64 = 90 * 86_400_000;
/// How long anonymous browsing is kept.
pub const ANONYMOUS_MS: u64 = 30 * 86_400_000;
/// Anonymous rows at most; past it the oldest go.
pub const ANONYMOUS_MAX: u64 = 5_000_000;
/// Rows that one tidying takes away at most, so that the writer is soon free again.
const TIDY_MAX: u64 = 5_000;
/// How long a message is recognised when it comes again. What comes later still is recognised by
/// its time, product and kind.
pub const MESSAGE_MS: u64 = 2 * 86_400_000;

/// What a shopper did with a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Did {
    /// Looked at it.
    Viewed,
    /// Put it on her wishlist.
    Wishlisted,
    /// Took it off.
    Unwishlisted,
    /// Put it in her cart.
    Carted,
    /// Took it out.
    Uncarted,
    /// Bought it.
    Ordered,
    /// Read an article that it was in.
    Read,
}

impl Did {
    /// As it is kept.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewed => "viewed",
            Self::Wishlisted => "wishlisted",
            Self::Unwishlisted => "unwishlisted",
            Self::Carted => "carted",
            Self::Uncarted => "uncarted",
            Self::Ordered => "ordered",
            Self::Read => "read",
        }
    }
}

/// Whose browsing it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Who {
    /// A customer's, who agreed to its use.
    Customer(CustomerId),
    /// Of somebody who is not known (yet), by a hash of the browser's id.
    Anonymous([u8; 16]),
}

impl Who {
    /// Nobody yet; the browser's own id is not kept.
    pub fn anonymous(id: &str) -> Self {
        Self::Anonymous(short_hash(&["anonymous", id]))
    }
}

/// 128 bits of the SHA-256 of some texts, none of which can pass for two.
pub fn short_hash(texts: &[&str]) -> [u8; 16] {
    let mut hash = Sha256::new();
    for text in texts {
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text);
    }
    let mut short = [0; 16];
    short.copy_from_slice(&hash.finalize()[..16]);
    short
}

/// Writes many events: statements are looked up once.
pub struct Pen<'a> {
    known: CachedStatement<'a>,
    anonymous: CachedStatement<'a>,
    interest: CachedStatement<'a>,
    price: CachedStatement<'a>,
    message: CachedStatement<'a>,
    now_ms: u64,
}

impl<'a> Pen<'a> {
    /// A pen for one transaction.
    pub fn new(db: &'a Connection, now_ms: u64) -> Result<Self, StoreError> {
        Ok(Self {
            known: db
                .prepare_cached("INSERT OR IGNORE INTO intents VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?,
            anonymous: db.prepare_cached(
                "INSERT OR IGNORE INTO anonymous
                   (anonymous, sku, grouped, at_ms, kind, price_minor, kept_ms)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?,
            interest: db.prepare_cached("INSERT OR IGNORE INTO interests VALUES (?1, ?2, ?3)")?,
            price: db.prepare_cached("SELECT price_minor FROM products WHERE sku = ?1")?,
            message: db.prepare_cached("INSERT OR IGNORE INTO messages_seen VALUES (?1, ?2)")?,
            now_ms,
        })
    }

    /// Whether a message is new; it is not from now on.
    pub fn is_new(&mut self, source: &str, message: &str) -> Result<bool, StoreError> {
        let [a, b, c, d, e, f, g, h, ..] = short_hash(&["message", source, message]);
        let id = i64::from_le_bytes([a, b, c, d, e, f, g, h]);
        Ok(self.message.execute(params![id, int(self.now_ms)])? > 0)
    }

    /// Records one thing that somebody did; the same again changes nothing. Of a wish the price is
    /// kept: the given one, or the one that we know.
    pub fn did(
        &mut self,
        who: Who,
        item: &Item,
        did: Did,
        at_ms: u64,
        price_minor: Option<u64>,
    ) -> Result<(), StoreError> {
        let price = match (did, price_minor) {
            (Did::Wishlisted, None) => self
                .price
                .query_row([item.sku.as_str()], |row| row.get::<_, i64>(0))
                .optional()?
                .filter(|price| *price > 0),
            (Did::Wishlisted, Some(price)) => Some(int(price)),
            _ => None,
        };
        let (sku, grouped, kind) = (item.sku.as_str(), item.grouped, did.as_str());
        match who {
            Who::Customer(customer) => {
                let row = params![customer.0, sku, grouped, int(at_ms), kind, price];
                self.known.execute(row)?
            }
            Who::Anonymous(hash) => {
                let now_ms = int(self.now_ms);
                let row = params![hash, sku, grouped, int(at_ms), kind, price, now_ms];
                self.anonymous.execute(row)?
            }
        };
        Ok(())
    }

    /// Records that somebody looked at a category.
    pub fn looked_at(&mut self, who: Who, category: &str, at_ms: u64) -> Result<(), StoreError> {
        match who {
            Who::Customer(customer) => {
                self.interest
                    .execute(params![customer.0, category, int(at_ms)])?
            }
            Who::Anonymous(hash) => {
                let (at_ms, now_ms, price) = (int(at_ms), int(self.now_ms), None::<i64>);
                let row = params![hash, category, false, at_ms, "interest", price, now_ms];
                self.anonymous.execute(row)?
            }
        };
        Ok(())
    }
}

/// Keeps what is known of one customer within its bounds, in number and in age.
pub fn trim(db: &Connection, customer: CustomerId, now_ms: u64) -> Result<(), StoreError> {
    let old_ms = int(now_ms.saturating_sub(INTENT_AGE_MS_MAX));
    let count =
        |table: &str| format!("SELECT count(*), min(at_ms) FROM {table} WHERE customer = ?1");
    for (table, key, max) in [
        ("intents", "sku, grouped, at_ms, kind", INTENTS_MAX),
        ("interests", "category, at_ms", INTERESTS_MAX),
    ] {
        let (rows, oldest_ms): (u32, Option<i64>) = db
            .prepare_cached(&count(table))?
            .query_row([customer.0], |row| Ok((row.get(0)?, row.get(1)?)))?;
        if oldest_ms.is_some_and(|oldest_ms| oldest_ms < old_ms) {
            let sql = format!("DELETE FROM {table} WHERE customer = ?1 AND at_ms < ?2");
            db.prepare_cached(&sql)?
                .execute(params![customer.0, old_ms])?;
        }
        if rows > max {
            let sql = format!(
                "DELETE FROM {table} WHERE customer = ?1 AND ({key}) IN
                   (SELECT {key} FROM {table} WHERE customer = ?1
                    ORDER BY at_ms DESC, {key} LIMIT -1 OFFSET ?2)"
            );
            db.prepare_cached(&sql)?.execute(params![customer.0, max])?;
        }
    }
    Ok(())
}

/// The browser was hers: what it did is hers from now on. Without a customer, or without her
/// consent, which the caller says with none, it goes.
pub fn claim(
    db: &Connection,
    hash: [u8; 16],
    customer: Option<CustomerId>,
) -> Result<(), StoreError> {
    if let Some(customer) = customer {
        db.prepare_cached(
            "INSERT OR IGNORE INTO intents
             SELECT ?2, sku, grouped, at_ms, kind, price_minor FROM anonymous
             WHERE anonymous = ?1 AND kind <> 'interest'",
        )?
        .execute(params![hash, customer.0])?;
        db.prepare_cached(
            "INSERT OR IGNORE INTO interests
             SELECT ?2, sku, at_ms FROM anonymous WHERE anonymous = ?1 AND kind = 'interest'",
        )?
        .execute(params![hash, customer.0])?;
    }
    db.prepare_cached("DELETE FROM anonymous WHERE anonymous = ?1")?
        .execute([hash])?;
    Ok(())
}

/// Takes away anonymous rows that are too old or too many, and messages that are too old.
pub fn tidy(db: &Connection, now_ms: u64) -> Result<(), StoreError> {
    tidy_to(db, now_ms, ANONYMOUS_MAX)
}

fn tidy_to(db: &Connection, now_ms: u64, rows_max: u64) -> Result<(), StoreError> {
    // Ids rise with time. Holes count too, so that there are rather fewer rows than more.
    let (first, last): (Option<i64>, Option<i64>) = db
        .prepare_cached("SELECT (SELECT min(id) FROM anonymous), (SELECT max(id) FROM anonymous)")?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    if let Some((first, last)) = first.zip(last) {
        let keep_from = last - int(rows_max) + 1;
        let up_to = first + int(TIDY_MAX);
        db.prepare_cached("DELETE FROM anonymous WHERE id < ?1 AND (id < ?2 OR kept_ms < ?3)")?
            .execute(params![
                up_to,
                keep_from,
                int(now_ms.saturating_sub(ANONYMOUS_MS))
            ])?;
    }
    db.prepare_cached(
        "DELETE FROM messages_seen WHERE message IN
           (SELECT message FROM messages_seen WHERE at_ms < ?1 ORDER BY at_ms LIMIT ?2)",
    )?
    .execute(params![
        int(now_ms.saturating_sub(MESSAGE_MS)),
        int(TIDY_MAX)
    ])?;
    Ok(())
}

/// Forgets all that she did online.
pub fn forget(db: &Connection, customer: CustomerId) -> Result<(), StoreError> {
    for table in ["intents", "interests"] {
        db.prepare_cached(&format!("DELETE FROM {table} WHERE customer = ?1"))?
            .execute([customer.0])?;
    }
    Ok(())
}

/// With how many products she did something online.
pub fn products(db: &Connection, customer: CustomerId) -> Result<usize, StoreError> {
    let count = db
        .prepare_cached("SELECT count(DISTINCT sku) FROM intents WHERE customer = ?1")?
        .query_row([customer.0], |row| row.get::<_, i64>(0))?;
    Ok(usize::try_from(count).unwrap_or_default())
}

/// What is in her cart: her own, or that of a browser.
pub fn cart(db: &Connection, who: Who, until_ms: u64) -> Result<Vec<Item>, StoreError> {
    let (table, key, hash): (_, _, &[u8]) = match &who {
        Who::Customer(customer) => ("intents", "customer", customer.0.as_bytes()),
        Who::Anonymous(hash) => ("anonymous", "anonymous", hash),
    };
    let sql = format!(
        "SELECT sku, grouped FROM {table} WHERE {key} = ?1 AND at_ms <= ?2
         GROUP BY sku, grouped
         HAVING max(CASE WHEN kind = 'carted' THEN at_ms ELSE 0 END)
              > max(CASE WHEN kind IN ('uncarted', 'ordered') THEN at_ms ELSE 0 END)"
    );
    let mut statement = db.prepare_cached(&sql)?;
    let rows = statement.query_map(params![hash, int(until_ms)], |row| {
        Ok(Item {
            sku: parsed(row.get_ref(0)?.as_str()?)?,
            grouped: row.get(1)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Takes back that she bought something then: the order was cancelled.
pub fn not_ordered(
    db: &Connection,
    customer: CustomerId,
    item: &Item,
    at_ms: u64,
) -> Result<(), StoreError> {
    db.prepare_cached(
        "DELETE FROM intents WHERE customer = ?1 AND sku = ?2 AND grouped = ?3 AND at_ms = ?4
           AND kind = 'ordered'",
    )?
    .execute(params![
        customer.0,
        item.sku.as_str(),
        item.grouped,
        int(at_ms)
    ])?;
    Ok(())
}

/// Records one thing that a customer did; see [`Pen::did`].
pub fn add(
    db: &Connection,
    now_ms: u64,
    customer: CustomerId,
    item: &Item,
    did: Did,
    at_ms: u64,
) -> Result<(), StoreError> {
    super::people::customer(db, customer)?;
    Pen::new(db, now_ms)?.did(Who::Customer(customer), item, did, at_ms, None)?;
    trim(db, customer, now_ms)
}

#[cfg(test)]
mod tests;
