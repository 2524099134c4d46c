//! The visits that a store's figures are made of.
//!
//! In: a store, a calendar. Out: rows without an id: people by number.
//! Only visits that exist for figures, of customers whose consent `statistics` is in force now; a
//! visit that is kept for an order or for messages is not among them. One that was put together
//! later from a backlog is.
//! Cost: grows with the store's visits since [`since_ms`], three short look-ups for each of its
//! visitors, and the stays of four weeks. It reads in one transaction, which holds no writer.
//! Invariant: what leaves here names nobody.

use std::collections::HashMap;

use protocol::{StoreId, ZoneId};
use rusqlite::{CachedStatement, Connection, OptionalExtension, params};
use uuid::Uuid;

use super::{StoreError, int, parsed, uint};
use crate::figures::{Calendar, Person, Rows, Stay, Visit, since_ms};

/// The rows of a store's figures.
pub fn rows(db: &Connection, store: &StoreId, calendar: &Calendar) -> Result<Rows, StoreError> {
    // One moment for all of it; rolled back when it goes, as there is nothing to keep.
    let db = db.unchecked_transaction()?;
    let mut people = People::new(&db, store, calendar)?;
    let visits = visits(&db, store, calendar, &mut people)?;
    let stays = stays(&db, store, calendar, &people)?;
    Ok(Rows {
        people: people.known,
        visits,
        stays,
        other_stores: other_stores(&db, store)?,
    })
}

fn visits(
    db: &Connection,
    store: &StoreId,
    calendar: &Calendar,
    people: &mut People,
) -> Result<Vec<Visit>, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT customer, entered_ms FROM visits
         WHERE store = ?1 AND purpose = 'statistics' AND entered_ms >= ?2 AND entered_ms < ?3
         ORDER BY entered_ms",
    )?;
    let until_ms = calendar.until_ms.max(calendar.months_until_ms);
    let span = params![store.as_str(), int(since_ms(calendar)), int(until_ms)];
    let mut rows = statement.query(span)?;
    let mut visits = Vec::new();
    while let Some(row) = rows.next()? {
        if let Some(person) = people.number(row.get(0)?)? {
            let entered_ms = uint(row.get(1)?);
            visits.push(Visit { person, entered_ms });
        }
    }
    Ok(visits)
}

/// The stays of the last four weeks that have ended, all of a visit's in one zone together.
fn stays(
    db: &Connection,
    store: &StoreId,
    calendar: &Calendar,
    people: &People,
) -> Result<Vec<Stay>, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT v.visit, v.customer, s.zone, s.to_ms - s.from_ms
         FROM visits v CROSS JOIN zone_stays s USING (visit)
         WHERE v.store = ?1 AND v.purpose = 'statistics' AND v.entered_ms >= ?2
           AND v.entered_ms < ?3 AND s.to_ms IS NOT NULL
         ORDER BY v.entered_ms, v.visit",
    )?;
    let span = params![
        store.as_str(),
        int(calendar.lately_ms()),
        int(calendar.until_ms)
    ];
    let mut rows = statement.query(span)?;
    let mut stays: Vec<Stay> = Vec::new();
    let (mut visit, mut begins) = (None::<Uuid>, 0);
    while let Some(row) = rows.next()? {
        let Some(person) = people.known_number(row.get(1)?) else {
            continue;
        };
        let of: Uuid = row.get(0)?;
        if visit.replace(of) != Some(of) {
            begins = stays.len();
        }
        let (zone, lasted_ms) = (
            row.get_ref(2)?.as_str().unwrap_or_default(),
            uint(row.get(3)?),
        );
        let here = stays[begins..].iter_mut().find(|s| s.zone.as_str() == zone);
        match here {
            Some(stay) => stay.lasted_ms += lasted_ms,
            None => stays.push(Stay {
                person,
                zone: parsed::<ZoneId>(zone)?,
                lasted_ms,
            }),
        }
    }
    Ok(stays)
}

fn other_stores(db: &Connection, store: &StoreId) -> Result<bool, StoreError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM stores WHERE store <> ?1)";
    Ok(db
        .prepare_cached(sql)?
        .query_row([store.as_str()], |row| row.get(0))?)
}

/// The visitors, numbered as they are met.
struct People<'db> {
    consent: CachedStatement<'db>,
    first: CachedStatement<'db>,
    elsewhere: CachedStatement<'db>,
    store: String,
    period: (i64, i64),
    /// None: she is not counted.
    numbers: HashMap<Uuid, Option<u32>>,
    known: Vec<Person>,
}

impl<'db> People<'db> {
    fn new(db: &'db Connection, store: &StoreId, calendar: &Calendar) -> Result<Self, StoreError> {
        Ok(Self {
            consent: db.prepare_cached(
                "SELECT granted FROM consent_ledger
                 WHERE customer = ?1 AND purpose = 'statistics' ORDER BY entry DESC LIMIT 1",
            )?,
            first: db.prepare_cached(
                "SELECT entered_ms FROM visits
                 WHERE customer = ?1 AND store = ?2 AND purpose = 'statistics'
                 ORDER BY entered_ms LIMIT 1",
            )?,
            elsewhere: db.prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM visits
                   WHERE customer = ?1 AND store <> ?2 AND purpose = 'statistics'
                     AND entered_ms >= ?3 AND entered_ms < ?4)",
            )?,
            store: store.to_string(),
            period: (int(calendar.from_ms()), int(calendar.until_ms)),
            numbers: HashMap::new(),
            known: Vec::new(),
        })
    }

    /// Her number; none: she is not counted.
    fn number(&mut self, customer: Uuid) -> Result<Option<u32>, StoreError> {
        if let Some(number) = self.numbers.get(&customer) {
            return Ok(*number);
        }
        let number = match self.look_up(customer)? {
            Some(person) => {
                self.known.push(person);
                u32::try_from(self.known.len() - 1).ok()
            }
            None => None,
        };
        self.numbers.insert(customer, number);
        Ok(number)
    }

    fn known_number(&self, customer: Uuid) -> Option<u32> {
        self.numbers.get(&customer).copied().flatten()
    }

    fn look_up(&mut self, customer: Uuid) -> Result<Option<Person>, StoreError> {
        let consent: Option<bool> = self
            .consent
            .query_row([customer], |row| row.get(0))
            .optional()?;
        if consent != Some(true) {
            return Ok(None);
        }
        let first_ms = self
            .first
            .query_row(params![customer, self.store], |row| row.get(0))?;
        let (from, until) = self.period;
        let elsewhere = self
            .elsewhere
            .query_row(params![customer, self.store, from, until], |row| row.get(0))?;
        Ok(Some(Person {
            first_ms: uint(first_ms),
            elsewhere,
        }))
    }
}

#[cfg(test)]
mod tests;
