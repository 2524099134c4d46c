//! What shoppers do online, and what of it is worth telling them about in a store.
//!
//! In: events in any order, each perhaps more than once. Out: her [`Candidate`]s for the engine.
//! Whether a product is still wished for, or still in the cart, is not kept: it follows from the
//! latest of each pair of kinds, so the order in which events come in does not matter.
//! What nobody has claimed yet is kept under a hash for [`ANONYMOUS_MS`] and then gone.
//! Invariant: the caller has looked at her consent; no row is written for a customer without it.

use std::collections::{BTreeMap, HashMap};

use engine::input::{Candidate, IntentKind};
use protocol::{CustomerId, Sku, StoreId, ZoneId};
use rusqlite::{CachedStatement, Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{StoreError, catalogue::Item, from_word, int, parsed, uint};

/// Candidates of one shopper at most, the newest.
pub const CANDIDATES_MAX: usize = 40;
/// Products of hers that are looked at for them, the newest: some are bought, some are variants of
/// one product.
const ITEMS_MAX: usize = 2 * CANDIDATES_MAX;
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
/// Variants of one product that are looked at, at most.
const VARIANTS_MAX: u32 = 50;
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

/// When she last did this with a product: for "why do I get this?".
pub fn last_intent(
    db: &Connection,
    customer: CustomerId,
    sku: &Sku,
) -> Result<Option<(Did, u64)>, StoreError> {
    let found: Option<(String, i64)> = db
        .prepare_cached(
            "SELECT kind, at_ms FROM intents WHERE customer = ?1 AND sku = ?2
             ORDER BY at_ms DESC LIMIT 1",
        )?
        .query_row(params![customer.0, sku.as_str()], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?;
    found
        .map(|(kind, at_ms)| Ok((from_word(&kind)?, uint(at_ms))))
        .transpose()
}

/// What her rows about one product come to.
#[derive(Debug, Clone, Default)]
struct Tally {
    rows: u32,
    views: u32,
    viewed_ms: Option<u64>,
    read_ms: Option<u64>,
    wished_ms: Option<u64>,
    wished_price_minor: Option<u64>,
    unwished_ms: Option<u64>,
    carted_ms: Option<u64>,
    uncarted_ms: Option<u64>,
    ordered_ms: Option<u64>,
}

impl Tally {
    fn add(&mut self, kind: &str, at_ms: u64, price_minor: Option<u64>) {
        self.rows += 1;
        let at = Some(at_ms);
        match kind {
            "viewed" => {
                self.views += 1;
                self.viewed_ms = self.viewed_ms.max(at);
            }
            "wishlisted" if at > self.wished_ms => {
                (self.wished_ms, self.wished_price_minor) = (at, price_minor);
            }
            "unwishlisted" => self.unwished_ms = self.unwished_ms.max(at),
            "carted" => self.carted_ms = self.carted_ms.max(at),
            "uncarted" => self.uncarted_ms = self.uncarted_ms.max(at),
            "ordered" => self.ordered_ms = self.ordered_ms.max(at),
            "read" => self.read_ms = self.read_ms.max(at),
            _ => {}
        }
    }

    /// The same product under two names: as a variant, and as a product without one.
    fn merge(&mut self, other: &Self) {
        self.rows += other.rows;
        self.views += other.views;
        self.viewed_ms = self.viewed_ms.max(other.viewed_ms);
        self.read_ms = self.read_ms.max(other.read_ms);
        if other.wished_ms > self.wished_ms {
            self.wished_ms = other.wished_ms;
            self.wished_price_minor = other.wished_price_minor;
        }
        self.unwished_ms = self.unwished_ms.max(other.unwished_ms);
        self.carted_ms = self.carted_ms.max(other.carted_ms);
        self.uncarted_ms = self.uncarted_ms.max(other.uncarted_ms);
        self.ordered_ms = self.ordered_ms.max(other.ordered_ms);
    }

    /// The strongest thing that she did since she bought it and did not undo, and when she last did
    /// something. Of two at the same moment the undoing is the later.
    fn stands(&self, bought_ms: Option<u64>) -> Option<(IntentKind, u64)> {
        let after = |at_ms: Option<u64>, undone_ms: Option<u64>| {
            at_ms.filter(|_| at_ms > undone_ms && at_ms > bought_ms)
        };
        let carted_ms = after(self.carted_ms, self.uncarted_ms);
        let wished_ms = after(self.wished_ms, self.unwished_ms);
        let viewed_ms = after(self.viewed_ms, None);
        let last_ms = carted_ms.max(wished_ms).max(viewed_ms);
        let kind = match (carted_ms, wished_ms, viewed_ms) {
            (Some(_), _, _) => IntentKind::Carted,
            (None, Some(_), _) => IntentKind::Wishlisted,
            (None, None, Some(_)) => IntentKind::Viewed,
            (None, None, None) => return Some((IntentKind::Read, after(self.read_ms, None)?)),
        };
        Some((kind, last_ms?))
    }

    /// What the wish that stands cost at the time.
    fn wished_price_minor(&self, bought_ms: Option<u64>) -> Option<u64> {
        self.wished_price_minor
            .filter(|_| self.wished_ms > self.unwished_ms.max(bought_ms))
    }
}

/// What is known of a product here.
#[derive(Debug, Clone, Default)]
struct Known {
    product: Option<Sku>,
    category: Option<String>,
    price_minor: u64,
}

/// What she did online between `since_ms` and now, a row a product, with all that this store knows
/// of it; what she bought after is out. At most [`CANDIDATES_MAX`], the newest first.
///
/// One range of her rows, another of her interests, then look-ups by key.
pub fn candidates(
    db: &Connection,
    store: &StoreId,
    customer: CustomerId,
    since_ms: u64,
    now_ms: u64,
) -> Result<Vec<Candidate>, StoreError> {
    let mut tallies = tallies(db, customer, since_ms, now_ms)?;
    if tallies.is_empty() {
        return Ok(Vec::new());
    }
    tallies.sort_by(|(a, x), (b, y)| {
        let newest = |tally: &Tally| {
            let last_ms = tally.stands(None).map(|(_, last_ms)| last_ms);
            last_ms.max(tally.ordered_ms)
        };
        newest(y).cmp(&newest(x)).then_with(|| a.cmp(b))
    });
    tallies.truncate(ITEMS_MAX);
    let mut looked = interests(db, customer, since_ms, now_ms)?;
    let mut all: u32 = looked.values().sum();

    let mut shelves = Shelves {
        db,
        store,
        stock: HashMap::new(),
    };
    let mut of_hers: BTreeMap<Sku, (Tally, Known)> = BTreeMap::new();
    let mut ordered: HashMap<Sku, u64> = HashMap::new();
    // Named variants first: what is about a product as a whole joins one that she chose herself.
    tallies.sort_by_key(|(item, _)| item.grouped);
    for (item, tally) in &tallies {
        let sku = match item.grouped {
            false => item.sku.clone(),
            true => {
                let chosen = of_hers
                    .iter()
                    .filter(|(_, (_, known))| known.product.as_ref() == Some(&item.sku));
                let chosen: Vec<Sku> = chosen.map(|(sku, _)| sku.clone()).collect();
                shelves.variant(&item.sku, &chosen)?
            }
        };
        let (sum, known) = match of_hers.entry(sku) {
            std::collections::btree_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::btree_map::Entry::Vacant(entry) => {
                let known = known(db, entry.key())?;
                entry.insert((Tally::default(), known))
            }
        };
        sum.merge(tally);
        all += tally.rows;
        if let Some(category) = &known.category {
            *looked.entry(category.clone()).or_default() += tally.rows;
        }
        if let Some(ordered_ms) = tally.ordered_ms {
            // She has the shoe: she needs no other size of it.
            let whole = if item.grouped {
                Some(&item.sku)
            } else {
                known.product.as_ref()
            };
            let bought = ordered
                .entry(whole.unwrap_or(&item.sku).clone())
                .or_default();
            *bought = ordered_ms.max(*bought);
        }
    }

    let mut stands = Vec::with_capacity(of_hers.len());
    for (sku, (tally, known)) in of_hers {
        let whole = known.product.as_ref().unwrap_or(&sku);
        let bought_ms = ordered.get(whole).copied().max(tally.ordered_ms);
        if let Some((intent, last_ms)) = tally.stands(bought_ms) {
            let wished_price_minor = tally.wished_price_minor(bought_ms);
            stands.push((sku, intent, last_ms, wished_price_minor, tally, known));
        }
    }
    stands.sort_by(|a, b| b.2.cmp(&a.2).then_with(|| a.0.cmp(&b.0)));
    stands.truncate(CANDIDATES_MAX);

    let mut found = Vec::with_capacity(stands.len());
    for (sku, intent, last_ms, wished_price_minor, tally, known) in stands {
        let (stock, back_ms) = shelves.stock(&sku)?;
        let (zone, shelf) = shelves.place(&sku, known.category.as_deref())?.unzip();
        let about = known.category.and_then(|category| looked.get(&category));
        found.push(Candidate {
            intent,
            views: tally.views,
            last_ms,
            read_ms: tally.read_ms,
            zone,
            shelf: shelf.flatten(),
            stock,
            back_ms,
            price_minor: known.price_minor,
            wished_price_minor,
            affinity: about.map_or(0.0, |rows| *rows as f32 / all.max(1) as f32),
            sku,
        });
    }
    Ok(found)
}

fn tallies(
    db: &Connection,
    customer: CustomerId,
    since_ms: u64,
    now_ms: u64,
) -> Result<Vec<(Item, Tally)>, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT sku, grouped, kind, at_ms, price_minor FROM intents
         WHERE customer = ?1 AND at_ms BETWEEN ?2 AND ?3 ORDER BY sku, grouped",
    )?;
    let mut rows = statement.query(params![customer.0, int(since_ms), int(now_ms)])?;
    let mut tallies: Vec<(Item, Tally)> = Vec::new();
    while let Some(row) = rows.next()? {
        let (sku, grouped) = (row.get_ref(0)?.as_str().unwrap_or_default(), row.get(1)?);
        let same = |(item, _): &(Item, Tally)| item.sku.as_str() == sku && item.grouped == grouped;
        if !tallies.last().is_some_and(same) {
            let item = Item {
                sku: parsed(sku)?,
                grouped,
            };
            tallies.push((item, Tally::default()));
        }
        if let Some((_, tally)) = tallies.last_mut() {
            let kind = row.get_ref(2)?.as_str().unwrap_or_default();
            let price = row.get::<_, Option<i64>>(4)?.map(uint);
            tally.add(kind, uint(row.get(3)?), price);
        }
    }
    Ok(tallies)
}

fn interests(
    db: &Connection,
    customer: CustomerId,
    since_ms: u64,
    now_ms: u64,
) -> Result<HashMap<String, u32>, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT category, count(*) FROM interests
         WHERE customer = ?1 AND at_ms BETWEEN ?2 AND ?3 GROUP BY category",
    )?;
    let rows = statement.query_map(params![customer.0, int(since_ms), int(now_ms)], |row| {
        Ok((row.get(0)?, row.get(1)?))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn known(db: &Connection, sku: &Sku) -> Result<Known, StoreError> {
    let found = db
        .prepare_cached("SELECT product, category, price_minor FROM products WHERE sku = ?1")?
        .query_row([sku.as_str()], |row| {
            Ok(Known {
                product: row.get_ref(0)?.as_str_or_null()?.map(parsed).transpose()?,
                category: row.get(1)?,
                price_minor: uint(row.get(2)?),
            })
        })
        .optional()?;
    Ok(found.unwrap_or_default())
}

/// What one store has, looked up by key.
struct Shelves<'a> {
    db: &'a Connection,
    store: &'a StoreId,
    stock: HashMap<Sku, (u32, Option<u64>)>,
}

impl Shelves<'_> {
    /// How many the store has, and when it last had some again.
    fn stock(&mut self, sku: &Sku) -> Result<(u32, Option<u64>), StoreError> {
        if let Some(known) = self.stock.get(sku) {
            return Ok(*known);
        }
        let found = self
            .db
            .prepare_cached("SELECT quantity, back_ms FROM stock WHERE store = ?1 AND sku = ?2")?
            .query_row([self.store.as_str(), sku.as_str()], |row| {
                Ok((row.get(0)?, row.get::<_, Option<i64>>(1)?.map(uint)))
            })
            .optional()?
            .unwrap_or_default();
        self.stock.insert(sku.clone(), found);
        Ok(found)
    }

    /// Where it stands: by its own number, else by its category.
    fn place(
        &self,
        sku: &Sku,
        category: Option<&str>,
    ) -> Result<Option<(ZoneId, Option<String>)>, StoreError> {
        let read = |row: &rusqlite::Row<'_>| Ok((parsed(row.get_ref(0)?.as_str()?)?, row.get(1)?));
        let own = self
            .db
            .prepare_cached("SELECT zone, shelf FROM placements WHERE store = ?1 AND sku = ?2")?
            .query_row([self.store.as_str(), sku.as_str()], read)
            .optional()?;
        let (None, Some(category)) = (&own, category) else {
            return Ok(own);
        };
        Ok(self
            .db
            .prepare_cached(
                "SELECT zone, shelf FROM category_placements WHERE store = ?1 AND category = ?2",
            )?
            .query_row([self.store.as_str(), category], read)
            .optional()?)
    }

    /// Which variant a product is to her here: one that she chose, one that the store has most of.
    /// A product without variants is its own.
    fn variant(&mut self, product: &Sku, chosen: &[Sku]) -> Result<Sku, StoreError> {
        let variants: Vec<Sku> = if chosen.is_empty() {
            self.db
                .prepare_cached(
                    "SELECT sku FROM products WHERE product = ?1 ORDER BY sku LIMIT ?2",
                )?
                .query_map(params![product.as_str(), VARIANTS_MAX], |row| {
                    parsed(row.get_ref(0)?.as_str()?)
                })?
                .collect::<Result<_, _>>()?
        } else {
            chosen.to_vec()
        };
        let mut best: Option<(Sku, u32)> = None;
        for sku in variants {
            let (quantity, _) = self.stock(&sku)?;
            if best.as_ref().is_none_or(|(_, most)| quantity > *most) {
                best = Some((sku, quantity));
            }
        }
        Ok(best.map_or_else(|| product.clone(), |(sku, _)| sku))
    }
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
