//! Who sends us data: shops with webhooks, keys with events; what came before, and how they do.
//!
//! In: deliveries and what became of them. Out: secrets for signatures, numbers for a page.
//! Invariant: no row here names a person, except a task, which goes with her.

use std::collections::BTreeMap;

use protocol::{CustomerId, OrderId, StoreId};
use rusqlite::{Connection, OptionalExtension, params};

use super::{StoreError, int, intents::short_hash, parsed, uint};

/// Errors kept of one source; older ones go.
pub const ERRORS_MAX: u32 = 20;
/// How long a delivery and the version of a thing are remembered.
pub const SEEN_MS: u64 = 30 * 86_400_000;
/// Deliveries that are forgotten with one that comes in, at most: more than one, so that the table
/// shrinks to its bound.
const FORGET_MAX: u32 = 8;
/// A resource of kind customer.
pub const CUSTOMER: &str = "customer";
/// Words that a source's numbers are counted under, at most.
const WORDS_MAX: usize = 64;

/// Which shop system sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Shopify.
    Shopify,
    /// WooCommerce.
    Woocommerce,
}

impl Kind {
    /// As it is kept, and as it stands in paths.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Shopify => "shopify",
            Self::Woocommerce => "woocommerce",
        }
    }
}

/// A shop that sends webhooks.
#[derive(Clone, PartialEq, Eq)]
pub struct SourceRow {
    /// Its name.
    pub source: String,
    /// Its system.
    pub kind: Kind,
    /// What its signatures are made with.
    pub secret: String,
    /// The store of what names none.
    pub store: Option<StoreId>,
    /// ISO 4217: of prices that name none.
    pub currency: String,
}

// By hand: the secret is in no log.
impl std::fmt::Debug for SourceRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SourceRow")
            .field("source", &self.source)
            .field("kind", &self.kind)
            .field("store", &self.store)
            .finish_non_exhaustive()
    }
}

/// Makes or changes a source. `locations` are the shop's names of our stores, all of them.
pub fn put_source(
    db: &Connection,
    now_ms: u64,
    row: &SourceRow,
    locations: &BTreeMap<String, StoreId>,
) -> Result<(), StoreError> {
    for store in row.store.iter().chain(locations.values()) {
        super::shop::store(db, store)?;
    }
    db.prepare_cached(
        "INSERT INTO sources VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT DO UPDATE SET kind = ?2, secret = ?3, store = ?4, currency = ?5",
    )?
    .execute(params![
        row.source,
        row.kind.as_str(),
        row.secret,
        row.store.as_ref().map(StoreId::as_str),
        row.currency,
        int(now_ms),
    ])?;
    db.prepare_cached("DELETE FROM source_links WHERE source = ?1 AND kind = 'location'")?
        .execute([&row.source])?;
    for (external, store) in locations {
        put_link(db, &row.source, "location", external, store.as_str())?;
    }
    Ok(())
}

/// A source, if it is known.
pub fn source(db: &Connection, source: &str, kind: Kind) -> Result<Option<SourceRow>, StoreError> {
    Ok(db
        .prepare_cached(
            "SELECT secret, store, currency FROM sources WHERE source = ?1 AND kind = ?2",
        )?
        .query_row([source, kind.as_str()], |row| {
            Ok(SourceRow {
                source: source.to_owned(),
                kind,
                secret: row.get(0)?,
                store: row.get_ref(1)?.as_str_or_null()?.map(parsed).transpose()?,
                currency: row.get(2)?,
            })
        })
        .optional()?)
}

/// A source as it is set up, and what the shop calls our stores.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setup {
    /// With its secret, for whoever signs with it.
    pub row: SourceRow,
    /// The shop's names of our stores.
    pub locations: BTreeMap<String, StoreId>,
}

/// All sources of webhooks, by name.
pub fn setups(db: &Connection) -> Result<Vec<Setup>, StoreError> {
    let mut statement =
        db.prepare_cached("SELECT source, kind, secret, store, currency FROM sources ORDER BY 1")?;
    let mut rows = statement.query([])?;
    let mut setups = Vec::new();
    while let Some(row) = rows.next()? {
        let kind: String = row.get(1)?;
        let source: String = row.get(0)?;
        let store: Option<String> = row.get(3)?;
        let locations = db
            .prepare_cached(
                "SELECT external, ours FROM source_links WHERE source = ?1 AND kind = 'location'",
            )?
            .query_map([&source], |row| {
                Ok((row.get(0)?, parsed(row.get_ref(1)?.as_str()?)?))
            })?
            .collect::<Result<_, _>>()?;
        setups.push(Setup {
            row: SourceRow {
                source,
                kind: super::from_word(&kind)?,
                secret: row.get(2)?,
                store: store.map(|store| parsed(&store)).transpose()?,
                currency: row.get(4)?,
            },
            locations,
        });
    }
    Ok(setups)
}

/// One source of webhooks.
pub fn setup(db: &Connection, source: &str) -> Result<Setup, StoreError> {
    let mut all = setups(db)?.into_iter();
    all.find(|setup| setup.row.source == source)
        .ok_or(StoreError::NotFound("source"))
}

/// Remembers what we call a thing that the shop calls `external`.
pub fn put_link(
    db: &Connection,
    source: &str,
    kind: &str,
    external: &str,
    ours: &str,
) -> Result<(), StoreError> {
    db.prepare_cached("INSERT OR REPLACE INTO source_links VALUES (?1, ?2, ?3, ?4)")?
        .execute([source, kind, external, ours])?;
    Ok(())
}

/// What we call a thing that the shop calls `external`.
pub fn link(
    db: &Connection,
    source: &str,
    kind: &str,
    external: &str,
) -> Result<Option<String>, StoreError> {
    Ok(db
        .prepare_cached(
            "SELECT ours FROM source_links WHERE source = ?1 AND kind = ?2 AND external = ?3",
        )?
        .query_row([source, kind, external], |row| row.get(0))
        .optional()?)
}

/// Forgets what a link says, and returns it.
pub fn take_link(
    db: &Connection,
    source: &str,
    kind: &str,
    external: &str,
) -> Result<Option<String>, StoreError> {
    Ok(db
        .prepare_cached(
            "DELETE FROM source_links WHERE source = ?1 AND kind = ?2 AND external = ?3
             RETURNING ours",
        )?
        .query_row([source, kind, external], |row| row.get(0))
        .optional()?)
}

/// Which of our orders the shop's order is.
pub fn order(db: &Connection, source: &str, external: &str) -> Result<Option<OrderId>, StoreError> {
    Ok(db
        .prepare_cached("SELECT \"order\" FROM source_orders WHERE source = ?1 AND external = ?2")?
        .query_row([source, external], |row| Ok(OrderId(row.get(0)?)))
        .optional()?)
}

/// Remembers which of our orders the shop's order is.
pub fn put_order(
    db: &Connection,
    source: &str,
    external: &str,
    order: OrderId,
) -> Result<(), StoreError> {
    db.prepare_cached("INSERT OR REPLACE INTO source_orders VALUES (?1, ?2, ?3)")?
        .execute(params![source, external, order.0])?;
    Ok(())
}

/// Whether any of the shop's names of our stores is known.
pub fn has_locations(db: &Connection, source: &str) -> Result<bool, StoreError> {
    Ok(db
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM source_links WHERE source = ?1 AND kind = 'location')",
        )?
        .query_row([source], |row| row.get(0))?)
}

/// Whether a delivery is new, by hashes of its id and its body; it is not from now on.
pub fn is_new(db: &Connection, now_ms: u64, hashes: &[[u8; 16]]) -> Result<bool, StoreError> {
    forget_old(db, "source_seen", "seen", now_ms)?;
    let mut add = db.prepare_cached("INSERT OR IGNORE INTO source_seen VALUES (?1, ?2)")?;
    let mut new = true;
    for hash in hashes {
        new &= add.execute(params![hash, int(now_ms)])? > 0;
    }
    Ok(new)
}

/// Whether `version_ms` of a thing is newer than what is known of it; it is known from now on.
pub fn is_newer(
    db: &Connection,
    now_ms: u64,
    resource: [u8; 16],
    version_ms: u64,
) -> Result<bool, StoreError> {
    forget_old(db, "source_versions", "resource", now_ms)?;
    let changed = db
        .prepare_cached(
            "INSERT INTO source_versions VALUES (?1, ?2, ?3)
             ON CONFLICT DO UPDATE SET version_ms = ?2, at_ms = ?3 WHERE version_ms < ?2",
        )?
        .execute(params![resource, int(version_ms), int(now_ms)])?;
    Ok(changed > 0)
}

/// A resource as [`is_newer`] knows it: its kind, and what the shop calls it.
pub fn resource(kind: &str, source: &str, external: &str) -> [u8; 16] {
    short_hash(&[kind, source, external])
}

/// Forgets how new the knowledge of a customer is: whoever knows her number could compute the hash.
pub fn forget_customer(db: &Connection, customer: CustomerId) -> Result<(), StoreError> {
    let external: Option<String> = db
        .prepare_cached("SELECT external_id FROM customers WHERE customer = ?1")?
        .query_row([customer.0], |row| row.get(0))
        .optional()?;
    let Some(external) = external else {
        return Ok(());
    };
    let mut statement = db.prepare_cached("SELECT source FROM sources")?;
    let sources: Vec<String> = statement
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let mut forget = db.prepare_cached("DELETE FROM source_versions WHERE resource = ?1")?;
    for source in sources {
        forget.execute([resource(CUSTOMER, &source, &external)])?;
    }
    Ok(())
}

fn forget_old(db: &Connection, table: &str, key: &str, now_ms: u64) -> Result<(), StoreError> {
    let sql = format!(
        "DELETE FROM {table} WHERE {key} IN
           (SELECT {key} FROM {table} WHERE at_ms < ?1 ORDER BY at_ms LIMIT ?2)"
    );
    db.prepare_cached(&sql)?
        .execute(params![int(now_ms.saturating_sub(SEEN_MS)), FORGET_MAX])?;
    Ok(())
}

/// What became of a source's messages: words, and how often.
pub type Tally = BTreeMap<String, u64>;

/// What is to be added to a source's numbers.
#[derive(Debug, Clone, Default)]
pub struct News {
    /// Added to what was counted before.
    pub tally: Tally,
    /// Whether the last signature was right; none: there was none to check.
    pub signature: Option<bool>,
    /// What went wrong, in words about no person.
    pub errors: Vec<String>,
}

/// Adds to a source's numbers.
pub fn count(db: &Connection, now_ms: u64, source: &str, news: &News) -> Result<(), StoreError> {
    let before: Option<String> = db
        .prepare_cached("SELECT counts FROM source_numbers WHERE source = ?1")?
        .query_row([source], |row| row.get(0))
        .optional()?;
    let mut counts: Tally = before
        .and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or_default();
    for (word, by) in &news.tally {
        if counts.len() < WORDS_MAX || counts.contains_key(word) {
            *counts.entry(word.clone()).or_default() += by;
        }
    }
    let text = serde_json::to_string(&counts).map_err(|e| StoreError::Damaged(e.to_string()))?;
    let signature_ms = news.signature.map(|_| int(now_ms));
    db.prepare_cached(
        "INSERT INTO source_numbers VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT DO UPDATE SET last_ms = ?2, signature = coalesce(?3, signature),
           signature_ms = coalesce(?4, signature_ms), counts = ?5",
    )?
    .execute(params![
        source,
        int(now_ms),
        news.signature,
        signature_ms,
        text
    ])?;
    if news.errors.is_empty() {
        return Ok(());
    }
    let skip = news.errors.len().saturating_sub(ERRORS_MAX as usize);
    for error in &news.errors[skip..] {
        db.prepare_cached("INSERT INTO source_errors (source, at_ms, error) VALUES (?1, ?2, ?3)")?
            .execute(params![source, int(now_ms), error])?;
    }
    db.prepare_cached(
        "DELETE FROM source_errors WHERE id IN
           (SELECT id FROM source_errors WHERE source = ?1 ORDER BY id DESC LIMIT -1 OFFSET ?2)",
    )?
    .execute(params![source, ERRORS_MAX])?;
    Ok(())
}

/// How a source does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NumbersRow {
    /// `shopify/NAME`, `woocommerce/NAME`, `track/NAME OF THE KEY`, or a source that never sent.
    pub source: String,
    /// When its last message came.
    pub last_ms: Option<u64>,
    /// Whether the signature of its last message was right, and when that was.
    pub signature: Option<(bool, u64)>,
    /// What became of its messages.
    pub counts: Tally,
    /// What went wrong last, newest first.
    pub errors: Vec<(u64, String)>,
}

/// All sources, by name, also those that never sent anything.
pub fn numbers(db: &Connection) -> Result<Vec<NumbersRow>, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT s.source, n.last_ms, n.signature, n.signature_ms, coalesce(n.counts, '{}')
         FROM (SELECT kind || '/' || source AS source FROM sources
               UNION SELECT source FROM source_numbers) s
         LEFT JOIN source_numbers n ON n.source = s.source ORDER BY s.source",
    )?;
    let mut rows = statement.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let source: String = row.get(0)?;
        let signature: Option<bool> = row.get(2)?;
        let signature_ms = row.get::<_, Option<i64>>(3)?.map(uint);
        let counts: String = row.get(4)?;
        let errors = db
            .prepare_cached(
                "SELECT at_ms, error FROM source_errors WHERE source = ?1 ORDER BY id DESC",
            )?
            .query_map([&source], |row| Ok((uint(row.get(0)?), row.get(1)?)))?
            .collect::<Result<_, _>>()?;
        found.push(NumbersRow {
            last_ms: row.get::<_, Option<i64>>(1)?.map(uint),
            signature: signature.zip(signature_ms),
            counts: serde_json::from_str(&counts).unwrap_or_default(),
            errors,
            source,
        });
    }
    Ok(found)
}

/// Notes what a person must do. A request that names nobody whom we know is noted too: the answer
/// is that there is nothing.
pub fn add_task(
    db: &Connection,
    now_ms: u64,
    source: &str,
    kind: &str,
    customer: Option<CustomerId>,
    external: Option<&str>,
) -> Result<(), StoreError> {
    db.prepare_cached(
        "INSERT INTO tasks (at_ms, source, kind, customer, external) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?
    .execute(params![
        int(now_ms),
        source,
        kind,
        customer.map(|c| c.0),
        external
    ])?;
    Ok(())
}

/// What a person must do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskRow {
    /// Its number.
    pub task: i64,
    /// When it came.
    pub at_ms: u64,
    /// From where.
    pub source: String,
    /// `data_request` or `shop_redact`.
    pub kind: String,
    /// About whom.
    pub customer: Option<CustomerId>,
    /// The shop's own number of the request.
    pub external: Option<String>,
}

/// Open tasks at most in one answer.
const TASKS_MAX: u32 = 200;

/// What is not done yet, oldest first.
pub fn open_tasks(db: &Connection) -> Result<Vec<TaskRow>, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT task, at_ms, source, kind, customer, external FROM tasks
         WHERE done_ms IS NULL ORDER BY task LIMIT ?1",
    )?;
    let rows = statement.query_map([TASKS_MAX], |row| {
        Ok(TaskRow {
            task: row.get(0)?,
            at_ms: uint(row.get(1)?),
            source: row.get(2)?,
            kind: row.get(3)?,
            customer: row.get::<_, Option<uuid::Uuid>>(4)?.map(CustomerId),
            external: row.get(5)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Marks a task as done.
pub fn finish_task(db: &Connection, now_ms: u64, task: i64) -> Result<(), StoreError> {
    let changed = db
        .prepare_cached("UPDATE tasks SET done_ms = coalesce(done_ms, ?2) WHERE task = ?1")?
        .execute(params![task, int(now_ms)])?;
    if changed == 0 {
        return Err(StoreError::NotFound("task"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::open_writer;

    #[test]
    fn errors_and_memories_of_a_source_are_bounded() {
        let dir = tempfile::tempdir().unwrap();
        let db = open_writer(&dir.path().join("db")).unwrap();
        for n in 0..30_u64 {
            let news = News {
                tally: Tally::from([("applied".into(), 2)]),
                signature: Some(n % 2 == 0),
                errors: vec![format!("error {n}")],
            };
            count(&db, n, "shopify/web", &news).unwrap();
        }
        let row = numbers(&db).unwrap().remove(0);
        assert_eq!(row.counts["applied"], 60);
        assert_eq!((row.last_ms, row.signature), (Some(29), Some((false, 29))));
        assert_eq!(row.errors.len(), ERRORS_MAX as usize);
        assert_eq!(row.errors[0], (29, "error 29".into()));

        let hash = |n: u64| super::super::intents::short_hash(&[&n.to_string()]);
        for n in 0..100 {
            assert!(is_new(&db, n, &[hash(n)]).unwrap());
            assert!(!is_new(&db, n, &[hash(1_000 + n), hash(n)]).unwrap());
        }
        for n in 0..100 {
            is_new(&db, SEEN_MS + 200, &[hash(2_000 + n)]).unwrap();
        }
        let left: u32 = db
            .query_row("SELECT count(*) FROM source_seen", [], |row| row.get(0))
            .unwrap();
        assert_eq!(left, 100);
    }

    #[test]
    fn an_erased_customer_leaves_no_hash_that_her_number_would_give() {
        let dir = tempfile::tempdir().unwrap();
        let db = open_writer(&dir.path().join("db")).unwrap();
        crate::store::fixtures::store(&db);
        let source = "INSERT INTO sources VALUES ('web', 'shopify', 'hush', 'kade-9', 'EUR', 1)";
        db.execute_batch(source).unwrap();
        let [anna, _] = ["anna", "bo"].map(|name| {
            let customer = crate::store::fixtures::customer(&db, name, name.len() as u8);
            assert!(is_newer(&db, 1, resource(CUSTOMER, "web", name), 1).unwrap());
            customer
        });
        crate::store::people::erase_customer(&db, anna).unwrap();
        let left: Vec<[u8; 16]> = db
            .prepare("SELECT resource FROM source_versions")
            .unwrap()
            .query_map([], |row| row.get(0))
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap();
        assert_eq!(left, [resource(CUSTOMER, "web", "bo")]);
    }

    #[test]
    fn an_older_or_equal_version_is_not_newer() {
        let dir = tempfile::tempdir().unwrap();
        let db = open_writer(&dir.path().join("db")).unwrap();
        for (version_ms, newer) in [(5, true), (5, false), (4, false), (6, true), (5, false)] {
            assert_eq!(is_newer(&db, 1, [1; 16], version_ms).unwrap(), newer);
        }
    }
}
