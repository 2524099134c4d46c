//! The visits that a store's figures are made of.
//!
//! In: a store, a calendar. Out: rows without an id: people by number.
//! Only visits that exist for figures, of customers whose consent `statistics` is in force now; a
//! visit that is kept for an order or for messages is not among them. One that was put together
//! later from a backlog is.
//! Cost: grows with the store's visits since [`since_ms`], one look-up for each of its
//! visitors, and the stays of four weeks. It reads in one transaction, which holds no writer.
//! Invariant: what leaves here names nobody.

use std::collections::HashMap;

use protocol::{StoreId, ZoneId};
use rusqlite::{Connection, params};
use uuid::Uuid;

use super::{StoreError, int, parsed, uint};
use crate::figures::{Calendar, Person, Rows, Stay, Visit, since_ms};

/// The rows of a store's figures.
pub fn rows(db: &Connection, store: &StoreId, calendar: &Calendar) -> Result<Rows, StoreError> {
    // One moment for all of it; rolled back when it goes, as there is nothing to keep.
    let db = db.unchecked_transaction()?;
    let visits = visits(&db, store, calendar)?;
    let visitors = Visitors::counted(&db, store, calendar, &visits)?;
    let counted = |(customer, entered_ms): &(Uuid, u64)| {
        Some(Visit {
            person: visitors.number(customer)?,
            entered_ms: *entered_ms,
        })
    };
    Ok(Rows {
        visits: visits.iter().filter_map(counted).collect(),
        stays: stays(&db, store, calendar, &visitors)?,
        other_stores: other_stores(&db, store)?,
        people: visitors.people,
    })
}

fn visits(
    db: &Connection,
    store: &StoreId,
    calendar: &Calendar,
) -> Result<Vec<(Uuid, u64)>, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT customer, entered_ms FROM visits
         WHERE store = ?1 AND purpose = 'statistics' AND entered_ms >= ?2 AND entered_ms < ?3
         ORDER BY entered_ms",
    )?;
    let until_ms = calendar.until_ms.max(calendar.months_until_ms);
    let span = params![store.as_str(), int(since_ms(calendar)), int(until_ms)];
    let rows = statement.query_map(span, |row| Ok((row.get(0)?, uint(row.get(1)?))))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The stays of the last four weeks that have ended, all of a visit's in one zone together.
fn stays(
    db: &Connection,
    store: &StoreId,
    calendar: &Calendar,
    visitors: &Visitors,
) -> Result<Vec<Stay>, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT v.visit, v.customer, s.zone, s.to_ms - s.from_ms
         FROM visits v CROSS JOIN zone_stays s USING (visit)
         WHERE v.store = ?1 AND v.purpose = 'statistics' AND v.entered_ms >= ?2
           AND v.entered_ms < ?3 AND s.to_ms IS NOT NULL
         ORDER BY v.entered_ms, v.customer, v.visit",
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
        let Some(person) = visitors.number(&row.get(1)?) else {
            continue;
        };
        let of: Uuid = row.get(0)?;
        if visit.replace(of) != Some(of) {
            begins = stays.len();
        }
        let zone = row.get_ref(2)?.as_str().unwrap_or_default();
        let lasted_ms = uint(row.get(3)?);
        let here = stays[begins..]
            .iter_mut()
            .find(|stay| stay.zone.as_str() == zone);
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

/// Who is counted, by number.
struct Visitors {
    numbers: HashMap<Uuid, u32>,
    people: Vec<Person>,
}

impl Visitors {
    /// Those of the visits who agree now. They are looked up in the order of the indexes, so that a
    /// page of one is read once.
    fn counted(
        db: &Connection,
        store: &StoreId,
        calendar: &Calendar,
        visits: &[(Uuid, u64)],
    ) -> Result<Self, StoreError> {
        let mut look_up = db.prepare_cached(
            "SELECT
               (SELECT granted FROM consent_ledger
                WHERE customer = ?1 AND purpose = 'statistics' ORDER BY entry DESC LIMIT 1),
               (SELECT entered_ms FROM visits
                WHERE customer = ?1 AND store = ?2 AND purpose = 'statistics'
                ORDER BY entered_ms LIMIT 1),
               EXISTS (SELECT 1 FROM visits
                WHERE customer = ?1 AND store <> ?2 AND purpose = 'statistics'
                  AND entered_ms >= ?3 AND entered_ms < ?4)",
        )?;
        let (from_ms, until_ms) = (int(calendar.from_ms()), int(calendar.until_ms));
        let mut customers: Vec<Uuid> = visits.iter().map(|(customer, _)| *customer).collect();
        customers.sort_unstable();
        customers.dedup();
        let mut visitors = Self {
            numbers: HashMap::new(),
            people: Vec::new(),
        };
        for customer in customers {
            let asked = params![customer, store.as_str(), from_ms, until_ms];
            let (granted, person) = look_up.query_row(asked, |row| {
                let person = Person {
                    first_ms: uint(row.get(1)?),
                    elsewhere: row.get(2)?,
                };
                Ok((row.get::<_, Option<bool>>(0)?, person))
            })?;
            let number = u32::try_from(visitors.people.len());
            if let (Some(true), Ok(number)) = (granted, number) {
                visitors.numbers.insert(customer, number);
                visitors.people.push(person);
            }
        }
        Ok(visitors)
    }

    /// Her number; none: she is not counted.
    fn number(&self, customer: &Uuid) -> Option<u32> {
        self.numbers.get(customer).copied()
    }
}

#[cfg(test)]
mod tests;
