//! What stands in the database, read from outside.
//!
//! In: the SQLite file of a server, the spool folders of gateways. Out: rows, as they are.
//! Invariant: reads files, asks no server.

use std::{collections::BTreeMap, path::Path};

use anyhow::Context;
use engine::Observation;
use protocol::{AnchorId, CustomerId, RadioId, ZoneId};
use rusqlite::{Connection, OpenFlags};
use uuid::Uuid;

/// A database that nobody writes any more, or that a server writes at this moment.
pub struct Audit {
    db: Connection,
}

/// A visit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visit {
    /// The shop's id of her.
    pub external_id: String,
    /// When it began.
    pub entered_ms: u64,
    /// When it ended.
    pub left_ms: Option<u64>,
    /// From late sightings.
    pub late: bool,
    /// Its zone stays: zone, from, to.
    pub zone_stays: Vec<(ZoneId, u64, Option<u64>)>,
}

/// A card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Card {
    /// The shop's id of her.
    pub external_id: String,
    /// When she arrived.
    pub arrived_ms: u64,
    /// When the alert was committed.
    pub alerted_ms: u64,
    /// How far it is.
    pub journey: String,
}

fn ms(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

impl Audit {
    /// Opens a server's database for reading.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)
            .with_context(|| format!("open {}", path.display()))?;
        db.busy_timeout(std::time::Duration::from_secs(5))?;
        Ok(Self { db })
    }

    /// Customers by the shop's id.
    pub fn customers(&self) -> anyhow::Result<BTreeMap<CustomerId, String>> {
        let mut statement = self
            .db
            .prepare("SELECT customer, external_id FROM customers")?;
        let rows = statement.query_map([], |row| {
            Ok((CustomerId(row.get::<_, Uuid>(0)?), row.get(1)?))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// All visits of a store.
    pub fn visits(&self, store: &str) -> anyhow::Result<Vec<Visit>> {
        let mut statement = self.db.prepare(
            "SELECT visit, external_id, entered_ms, left_ms, late
             FROM visits JOIN customers USING (customer) WHERE store = ?1 ORDER BY entered_ms",
        )?;
        let mut rows = statement.query([store])?;
        let mut visits = Vec::new();
        while let Some(row) = rows.next()? {
            visits.push(Visit {
                external_id: row.get(1)?,
                entered_ms: ms(row.get(2)?),
                left_ms: row.get::<_, Option<i64>>(3)?.map(ms),
                late: row.get(4)?,
                zone_stays: self.zone_stays(row.get(0)?)?,
            });
        }
        Ok(visits)
    }

    fn zone_stays(&self, visit: Uuid) -> anyhow::Result<Vec<(ZoneId, u64, Option<u64>)>> {
        let mut statement = self.db.prepare_cached(
            "SELECT zone, from_ms, to_ms FROM zone_stays WHERE visit = ?1 ORDER BY from_ms",
        )?;
        let mut rows = statement.query([visit])?;
        let mut stays = Vec::new();
        while let Some(row) = rows.next()? {
            let zone: String = row.get(0)?;
            stays.push((
                zone.parse()?,
                ms(row.get(1)?),
                row.get::<_, Option<i64>>(2)?.map(ms),
            ));
        }
        Ok(stays)
    }

    /// All cards of a store.
    pub fn cards(&self, store: &str) -> anyhow::Result<Vec<Card>> {
        let mut statement = self.db.prepare(
            "SELECT external_id, arrived_ms, alerted_ms, journey
             FROM cards JOIN customers USING (customer) WHERE store = ?1 ORDER BY alerted_ms",
        )?;
        let rows = statement.query_map([store], |row| {
            Ok(Card {
                external_id: row.get(0)?,
                arrived_ms: ms(row.get(1)?),
                alerted_ms: ms(row.get(2)?),
                journey: row.get(3)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// All sightings in the input log, in its order.
    pub fn sightings(&self) -> anyhow::Result<Vec<Observation>> {
        let mut statement = self
            .db
            .prepare("SELECT body FROM inputs WHERE kind = 'sightings' ORDER BY store, seq")?;
        let mut rows = statement.query([])?;
        let mut sightings = Vec::new();
        while let Some(row) = rows.next()? {
            let body = row.get_ref(0)?.as_blob()?;
            let batch: Vec<Observation> = postcard::from_bytes(body).context("read an input")?;
            sightings.extend(batch);
        }
        Ok(sightings)
    }

    /// Advertisements in the log by anchor and customer; what was said with certainty is no
    /// advertisement.
    pub fn heard(&self) -> anyhow::Result<BTreeMap<(AnchorId, CustomerId), u64>> {
        let mut heard = BTreeMap::new();
        for sighting in self.sightings()?.into_iter().filter(|s| !s.certain) {
            *heard
                .entry((sighting.anchor, sighting.customer))
                .or_default() += u64::from(sighting.count);
        }
        Ok(heard)
    }

    /// How often each radio stands in the log.
    pub fn radios(&self) -> anyhow::Result<BTreeMap<RadioId, u64>> {
        let mut radios = BTreeMap::new();
        for sighting in self.sightings()? {
            *radios.entry(sighting.radio).or_default() += 1;
        }
        Ok(radios)
    }

    /// A single number.
    pub fn number(&self, sql: &str) -> anyhow::Result<u64> {
        Ok(ms(self.db.query_row(sql, [], |row| row.get(0))?))
    }

    /// One text.
    pub fn text(&self, sql: &str) -> anyhow::Result<String> {
        Ok(self.db.query_row(sql, [], |row| row.get(0))?)
    }
}
