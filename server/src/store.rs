//! The database: one file, one writing connection, a few reading ones.
//!
//! In: named reads and writes from the rooms below, one a question that somebody has.
//! Out: rows as types. `pipeline` owns the writing connection; pages and API read through
//! [`Readers`].
//! Promises: what a transaction wrote is on the disk when it returns (`synchronous = FULL`).
//! Invariant: SQL stands in this room and its rooms below, and nowhere else.

pub mod access;
pub mod beacons;
pub mod board;
pub mod campaigns;
pub mod catalogue;
pub mod displays;
pub mod enrolments;
pub(crate) mod export;
pub mod figures;
#[cfg(test)]
pub(crate) mod fixtures;
pub mod help;
pub mod home;
pub mod homes;
pub mod intents;
pub mod log;
pub mod loyalty;
pub mod orders;
pub mod outbox;
pub mod outcome;
pub mod people;
pub mod plan;
pub mod push;
pub mod radios;
pub mod receipts;
pub mod receivers;
pub mod retention;
pub mod seals;
pub mod settings;
pub mod shares;
pub mod shelves;
pub mod shop;
pub mod sources;
pub mod staff_push;
pub mod uplift;
pub mod visits;
pub mod waits;
pub mod walk;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use rusqlite::{Connection, ErrorCode, OpenFlags};
use tokio::sync::Semaphore;

mod embedded {
    refinery::embed_migrations!("migrations/sqlite");
}

/// Reading connections at once; more readers wait.
const READERS_MAX: usize = 4;

/// Why the store did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database refused.
    #[error("database: {0}")]
    Sql(#[from] rusqlite::Error),
    /// The schema could not be brought up to date.
    #[error("migrate the database: {0}")]
    Migrate(Box<refinery::Error>),
    /// A row holds something that this program did not write.
    #[error("damaged row: {0}")]
    Damaged(String),
    /// The thing is not there.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// It was there, and its time is over.
    #[error("this {0} has run out")]
    Expired(&'static str),
    /// It contradicts what is there.
    #[error("{0}")]
    Conflict(String),
    /// Another server has become the writer of this store.
    #[error("another server writes for store {0} now")]
    Fenced(String),
    /// Another machine has become the home of this store.
    #[error("another machine has the desk of store {0} now")]
    NotHome(String),
    /// The store is shutting down.
    #[error("the server is stopping")]
    Stopping,
    /// No randomness for an id.
    #[error(transparent)]
    NoRandomness(#[from] crate::secret::NoRandomness),
}

impl StoreError {
    /// Whether trying again later can help: the disk may be given room, a lock may go.
    pub fn is_transient(&self) -> bool {
        let Self::Sql(rusqlite::Error::SqliteFailure(failure, _)) = self else {
            return false;
        };
        matches!(
            failure.code,
            ErrorCode::DiskFull
                | ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::SystemIoFailure
                | ErrorCode::CannotOpen
                | ErrorCode::OutOfMemory
        )
    }
}

/// Opens the writing connection and brings the schema up to date.
pub fn open_writer(path: &Path) -> Result<Connection, StoreError> {
    let mut connection = Connection::open(path)?;
    tune(&connection)?;
    // WAL: readers do not wait for the writer. FULL: a commit is on the disk, see the module head.
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    embedded::migrations::runner()
        .run(&mut connection)
        .map_err(|error| StoreError::Migrate(Box::new(error)))?;
    Ok(connection)
}

/// Opens a connection that cannot write; the database must be there.
pub fn open_reader(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    tune(&connection)?;
    Ok(connection)
}

/// How long the writer waits for readers to let go of the write-ahead log.
const WIPE_WAIT: std::time::Duration = std::time::Duration::from_millis(50);
/// How long a connection waits for a lock.
const LOCK_WAIT: std::time::Duration = std::time::Duration::from_secs(5);

/// Empties the write-ahead log into the database; false while somebody reads from it.
pub fn wipe_log(db: &Connection) -> Result<bool, StoreError> {
    db.busy_timeout(WIPE_WAIT)?;
    let busy = db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0));
    db.busy_timeout(LOCK_WAIT)?;
    Ok(!busy?)
}

fn tune(connection: &Connection) -> Result<(), StoreError> {
    connection.busy_timeout(LOCK_WAIT)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // What is erased is overwritten, not only unlinked: a person's rows leave the file.
    connection.pragma_update(None, "secure_delete", true)?;
    connection.set_prepared_statement_cache_capacity(128);
    Ok(())
}

/// A few reading connections, shared.
#[derive(Clone)]
pub struct Readers {
    path: PathBuf,
    idle: Arc<Mutex<Vec<Connection>>>,
    places: Arc<Semaphore>,
}

impl Readers {
    /// Reads from the database at `path`; connections open when they are first needed.
    pub fn new(path: &Path) -> Self {
        Self {
            path: path.into(),
            idle: Arc::default(),
            places: Arc::new(Semaphore::new(READERS_MAX)),
        }
    }

    /// Runs a read on a blocking thread.
    pub async fn read<T, F>(&self, read: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let place = self
            .places
            .clone()
            .acquire_owned()
            .await
            .map_err(|_| StoreError::Stopping)?;
        let this = self.clone();
        let done = tokio::task::spawn_blocking(move || {
            let connection = this.take()?;
            let answer = read(&connection);
            this.idle
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(connection);
            drop(place);
            answer
        });
        done.await.map_err(|_| StoreError::Stopping)?
    }

    fn take(&self) -> Result<Connection, StoreError> {
        let idle = self
            .idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        if let Some(connection) = idle {
            return Ok(connection);
        }
        open_reader(&self.path)
    }
}

/// Reads a text column into an id or an enum that knows its own spelling.
fn parsed<T: std::str::FromStr>(text: &str) -> Result<T, rusqlite::Error>
where
    T::Err: std::error::Error + Send + Sync + 'static,
{
    text.parse().map_err(|error: T::Err| {
        rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, Box::new(error))
    })
}

/// SQLite's integers are signed; times and counts are not, and fit.
fn int(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// The inverse of [`int`]; a negative number in a row that we wrote would be damage, read as 0.
fn uint(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

/// An enum as the text under which serde knows it.
pub(crate) fn word<T: serde::Serialize>(value: T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(text)) => text,
        _ => String::new(),
    }
}

/// The inverse of [`word`].
fn from_word<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, StoreError> {
    serde_json::from_value(serde_json::Value::String(text.to_owned()))
        .map_err(|error| StoreError::Damaged(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a shop that began with the first version has.
    const OF_V1: &str = "
        INSERT INTO stores VALUES ('kade-9', 'Kade 9', 'Europe/Amsterdam', '09:00', '18:00', NULL,
          NULL, 2, 1);
        INSERT INTO zones VALUES ('kade-9', 'lamps', 'Lampen', 'Lamps');
        INSERT INTO products VALUES ('MOON', 'Maan', 'Moon', 900, 'EUR');
        INSERT INTO placements VALUES ('kade-9', 'MOON', 'lamps', 'rek 4', 3);
        INSERT INTO customers VALUES (x'01', 'anna', 'Anna', 'de Vries', NULL, 'nl', 1);
        INSERT INTO intents VALUES (x'01', 'MOON', 7, 'wishlisted');
        INSERT INTO orders VALUES (x'02', '1042', 'kade-9', x'01', 'ready', 'B1', '7419', 1, 1);
        INSERT INTO order_lines VALUES (x'02', 'MOON', 1);
        INSERT INTO visits VALUES (x'03', 'kade-9', x'01', 1, 2, 'messages', 0);
        INSERT INTO zone_stays VALUES (x'03', 1, 'lamps', 2);
        INSERT INTO decisions VALUES (x'04', 'kade-9', x'01', x'03', 'lamps', 'notify', 'MOON', NULL,
          1, '{}');
        INSERT INTO deliveries VALUES (x'05', 'kade-9', x'01', 'in_app', 'marketing', 'offer', x'03',
          'MOON', x'04', NULL, 1, 2, 'sent', NULL, 1, 1, 1, NULL);
        INSERT INTO api_keys VALUES (x'06', 'shop', 'shop', 1);";

    #[test]
    fn a_database_of_the_first_version_comes_up_with_all_its_rows() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("db");
        let mut old = Connection::open(&path).unwrap();
        embedded::migrations::runner()
            .set_target(refinery::Target::Version(1))
            .run(&mut old)
            .unwrap();
        old.execute_batch(OF_V1).unwrap();
        drop(old);

        let db = open_writer(&path).unwrap();
        let text = |sql: &str| -> String { db.query_row(sql, [], |row| row.get(0)).unwrap() };
        for (sql, wanted) in [
            ("SELECT store || sku || quantity FROM stock", "kade-9MOON3"),
            ("SELECT zone || shelf FROM placements", "lampsrek 4"),
            (
                "SELECT hex(customer) || sku || grouped || at_ms || kind FROM intents",
                "01MOON07wishlisted",
            ),
            ("SELECT name || role FROM api_keys", "shopshop"),
            ("SELECT external_id || state FROM orders", "1042ready"),
            ("SELECT zone FROM zone_stays", "lamps"),
            ("SELECT choice || sku FROM decisions", "notifyMOON"),
            (
                "SELECT class || sku || state FROM deliveries",
                "marketingMOONsent",
            ),
            ("SELECT state FROM campaigns", "published"),
        ] {
            assert_eq!(text(sql), wanted, "{sql}");
        }
        let broken: Vec<String> = db
            .prepare("PRAGMA foreign_key_check")
            .unwrap()
            .query_map([], |row| row.get(0))
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap();
        assert_eq!(broken, Vec::<String>::new());
    }
}
