//! A calibration walk: where the walker says she stands, and what anchors have of her there.
//!
//! In: taps on zones, and sightings of the walker's radio. Out: sums by stand and part of a stand.
//! Promises: what a walk gathered goes when it is used, thrown away, or [`DRAFT_MS_MAX`] old, and
//! with the customer whose radio it followed.
//! Invariant: sums, never sightings; a store has one walk at a time.

use std::collections::BTreeMap;

use engine::Observation;
use protocol::{AnchorId, CustomerId, StoreId, ZoneId};
use rusqlite::{Connection, OptionalExtension, params};

use super::{StoreError, int, parsed, shop, uint};

/// A draft that nobody has used for so long is thrown away.
pub const DRAFT_MS_MAX: u64 = 24 * 3_600_000;
/// Stands of one walk at most; a large store has some dozens of zones, each walked a few times.
pub const STANDS_MAX: u64 = 400;
/// A stand is cut into parts of this length: what is left out to see what the rest would say.
pub const PART_MS: u64 = 10_000;
/// The end of a stand that is shorter than this is no part of its own.
const PART_MS_MIN: u64 = 4_000;

/// A walk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WalkRow {
    /// Whose radio is followed.
    pub customer: CustomerId,
    /// When it began.
    pub begun_ms: u64,
    /// When it was ended; none: it goes on.
    pub ended_ms: Option<u64>,
    /// Where she stood, in order.
    pub stands: Vec<StandRow>,
}

/// One stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StandRow {
    /// In which zone.
    pub zone: ZoneId,
    /// Since when.
    pub from_ms: u64,
    /// Until when; none: she stands there.
    pub to_ms: Option<u64>,
    /// What was gathered of it.
    pub parts: Vec<Part>,
}

impl StandRow {
    /// For how long.
    pub fn stood_ms(&self, now_ms: u64) -> u64 {
        let until_ms = self.to_ms.unwrap_or(now_ms);
        until_ms.saturating_sub(self.from_ms)
    }

    /// Sightings in it.
    pub fn sightings(&self) -> u32 {
        let tallies = self.parts.iter().flat_map(|part| part.heard.values());
        tallies.map(|tally| tally.sightings).sum()
    }
}

/// Some seconds of a stand.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Part {
    /// How long it was.
    pub stood_ms: u64,
    /// What anchors had of her in it.
    pub heard: BTreeMap<AnchorId, Tally>,
}

/// Strengths, summed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many.
    pub sightings: u32,
    /// Their sum, in dBm.
    pub sum_dbm: i64,
    /// The sum of their squares.
    pub squares: i64,
}

impl Tally {
    /// With another's.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        Self {
            sightings: self.sightings + other.sightings,
            sum_dbm: self.sum_dbm + other.sum_dbm,
            squares: self.squares + other.squares,
        }
    }
}

/// Begins a walk.
pub fn begin(
    db: &Connection,
    now_ms: u64,
    store: &StoreId,
    customer: CustomerId,
) -> Result<(), StoreError> {
    if walker(db, store)?.is_some() {
        return Err(StoreError::Conflict("a walk is going on already".into()));
    }
    db.prepare_cached("INSERT INTO walks VALUES (?1, ?2, ?3, NULL)")?
        .execute(params![store.as_str(), customer.0, int(now_ms)])?;
    Ok(())
}

/// She stands in this zone from now on.
pub fn stand(
    db: &Connection,
    now_ms: u64,
    store: &StoreId,
    zone: &ZoneId,
) -> Result<(), StoreError> {
    going(db, store)?;
    if !shop::zone_names(db, store)?.contains_key(zone) {
        return Err(StoreError::NotFound("zone"));
    }
    pause(db, now_ms, store)?;
    let last = last_stand(db, store)?;
    if last >= STANDS_MAX {
        let most = format!("a walk has at most {STANDS_MAX} stands: stop it, and use it");
        return Err(StoreError::Conflict(most));
    }
    db.prepare_cached("INSERT INTO walk_stands VALUES (?1, ?2, ?3, ?4, NULL)")?
        .execute(params![
            store.as_str(),
            int(last + 1),
            zone.as_str(),
            int(now_ms)
        ])?;
    Ok(())
}

/// She walks on: what is heard from now on belongs to no zone.
pub fn pause(db: &Connection, now_ms: u64, store: &StoreId) -> Result<(), StoreError> {
    db.prepare_cached(
        "UPDATE walk_stands SET to_ms = max(from_ms, ?2) WHERE store = ?1 AND to_ms IS NULL",
    )?
    .execute(params![store.as_str(), int(now_ms)])?;
    Ok(())
}

/// The last tap was wrong: what was heard since belongs to no zone.
pub fn undo(db: &Connection, store: &StoreId) -> Result<(), StoreError> {
    going(db, store)?;
    let last = last_stand(db, store)?;
    db.prepare_cached("DELETE FROM walk_stands WHERE store = ?1 AND n = ?2")?
        .execute(params![store.as_str(), int(last)])?;
    Ok(())
}

/// Ends the walk; what it gathered waits to be used or thrown away.
pub fn stop(db: &Connection, now_ms: u64, store: &StoreId) -> Result<(), StoreError> {
    going(db, store)?;
    pause(db, now_ms, store)?;
    db.prepare_cached("UPDATE walks SET ended_ms = ?2 WHERE store = ?1")?
        .execute(params![store.as_str(), int(now_ms)])?;
    Ok(())
}

/// Throws away whatever a walk gathered.
pub fn discard(db: &Connection, store: &StoreId) -> Result<(), StoreError> {
    db.prepare_cached("DELETE FROM walks WHERE store = ?1")?
        .execute([store.as_str()])?;
    Ok(())
}

/// Whose radio is followed since when; also of a walk that has ended.
pub fn walker(db: &Connection, store: &StoreId) -> Result<Option<(CustomerId, u64)>, StoreError> {
    Ok(db
        .prepare_cached("SELECT customer, begun_ms FROM walks WHERE store = ?1")?
        .query_row([store.as_str()], |row| {
            Ok((CustomerId(row.get(0)?), uint(row.get(1)?)))
        })
        .optional()?)
}

fn going(db: &Connection, store: &StoreId) -> Result<(), StoreError> {
    let ended: Option<Option<i64>> = db
        .prepare_cached("SELECT ended_ms FROM walks WHERE store = ?1")?
        .query_row([store.as_str()], |row| row.get(0))
        .optional()?;
    match ended {
        Some(None) => Ok(()),
        _ => Err(StoreError::Conflict("no walk is going on".into())),
    }
}

fn last_stand(db: &Connection, store: &StoreId) -> Result<u64, StoreError> {
    let last: Option<i64> = db
        .prepare_cached("SELECT max(n) FROM walk_stands WHERE store = ?1")?
        .query_row([store.as_str()], |row| row.get(0))?;
    Ok(last.map_or(0, uint))
}

/// Adds what was heard of the walker to the stands in which it was heard.
pub fn hear(
    db: &Connection,
    store: &StoreId,
    walker: CustomerId,
    sightings: &[Observation],
) -> Result<(), StoreError> {
    let hers = |seen: &&Observation| seen.customer == walker && !seen.certain && !seen.late;
    for seen in sightings.iter().filter(hers) {
        let at_ms = int(seen.heard_last_ms);
        let stand: Option<(i64, i64)> = db
            .prepare_cached(
                "SELECT n, from_ms FROM walk_stands WHERE store = ?1 AND from_ms <= ?2
                 AND (to_ms IS NULL OR to_ms > ?2) ORDER BY n DESC LIMIT 1",
            )?
            .query_row(params![store.as_str(), at_ms], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .optional()?;
        let Some((n, from_ms)) = stand else {
            continue;
        };
        let rssi_dbm = i64::from(seen.rssi_dbm);
        db.prepare_cached(
            "INSERT INTO walk_parts VALUES (?1, ?2, ?3, ?4, 1, ?5, ?6)
             ON CONFLICT DO UPDATE SET sightings = sightings + 1, sum_dbm = sum_dbm + ?5,
               squares = squares + ?6",
        )?
        .execute(params![
            store.as_str(),
            n,
            (at_ms - from_ms) / int(PART_MS),
            seen.anchor.as_str(),
            rssi_dbm,
            rssi_dbm * rssi_dbm
        ])?;
    }
    Ok(())
}

/// The walk of a store, with all that it has gathered by now.
pub fn walk(db: &Connection, store: &StoreId, now_ms: u64) -> Result<Option<WalkRow>, StoreError> {
    let Some((customer, begun_ms)) = walker(db, store)? else {
        return Ok(None);
    };
    let ended_ms: Option<i64> = db
        .prepare_cached("SELECT ended_ms FROM walks WHERE store = ?1")?
        .query_row([store.as_str()], |row| row.get(0))?;
    let mut statement = db.prepare_cached(
        "SELECT n, zone, from_ms, to_ms FROM walk_stands WHERE store = ?1 ORDER BY n",
    )?;
    let rows = statement.query_map([store.as_str()], |row| {
        let stand = StandRow {
            zone: parsed(row.get_ref(1)?.as_str()?)?,
            from_ms: uint(row.get(2)?),
            to_ms: row.get::<_, Option<i64>>(3)?.map(uint),
            parts: Vec::new(),
        };
        Ok((uint(row.get(0)?), stand))
    })?;
    let mut stands: BTreeMap<u64, StandRow> = rows.collect::<Result<_, _>>()?;
    for stand in stands.values_mut() {
        stand.parts = empty_parts(stand.stood_ms(now_ms));
    }
    let mut statement = db.prepare_cached(
        "SELECT n, part, anchor, sightings, sum_dbm, squares FROM walk_parts WHERE store = ?1",
    )?;
    let rows = statement.query_map([store.as_str()], |row| {
        let anchor: AnchorId = parsed(row.get_ref(2)?.as_str()?)?;
        let tally = Tally {
            sightings: row.get(3)?,
            sum_dbm: row.get(4)?,
            squares: row.get(5)?,
        };
        Ok((uint(row.get(0)?), uint(row.get(1)?), anchor, tally))
    })?;
    for row in rows {
        let (n, part, anchor, tally) = row?;
        let Some(stand) = stands.get_mut(&n) else {
            continue;
        };
        // A short end belongs to the part before it.
        let last = stand.parts.len().saturating_sub(1);
        let part = usize::try_from(part).unwrap_or(last).min(last);
        if let Some(part) = stand.parts.get_mut(part) {
            let known = part.heard.entry(anchor).or_default();
            *known = known.with(tally);
        }
    }
    Ok(Some(WalkRow {
        customer,
        begun_ms,
        ended_ms: ended_ms.map(uint),
        stands: stands.into_values().collect(),
    }))
}

/// Silence is a finding too, so a part is there whether or not anything was heard in it.
fn empty_parts(stood_ms: u64) -> Vec<Part> {
    let (whole, rest_ms) = (stood_ms / PART_MS, stood_ms % PART_MS);
    let part = |stood_ms| Part {
        stood_ms,
        heard: BTreeMap::new(),
    };
    let mut parts: Vec<Part> = (0..whole).map(|_| part(PART_MS)).collect();
    match parts.last_mut() {
        Some(last) if rest_ms < PART_MS_MIN => last.stood_ms += rest_ms,
        _ => parts.push(part(rest_ms)),
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stand_is_cut_into_parts_and_a_short_end_belongs_to_the_one_before() {
        let lengths = |stood_ms| -> Vec<u64> {
            let parts = empty_parts(stood_ms);
            parts.into_iter().map(|part| part.stood_ms).collect()
        };
        assert_eq!(lengths(0), [0]);
        assert_eq!(lengths(3_000), [3_000]);
        assert_eq!(lengths(13_999), [13_999]);
        assert_eq!(lengths(14_000), [10_000, 4_000]);
        assert_eq!(lengths(40_000), [10_000; 4]);
    }
}
