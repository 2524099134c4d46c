//! One visit and why it changed; the visits of a day.
//!
//! In: changes of visits with what they rested on, in the engine's order. Out: a visit's timeline.
//! Promises: a change goes with its visit, whoever takes that away; a visit has at most
//! [`CHANGES_MAX`] of them.
//! Invariant: no change names a customer.

use engine::outcome::{VisitChange, Why};
use protocol::{CustomerId, StoreId, VisitId, ZoneId};
use rusqlite::{Connection, OptionalExtension, params};

use super::{
    StoreError,
    board::{VisitRow, zone_stays},
    int, parsed, uint,
};

/// Changes that are kept of one visit: a day in which she moves every minute. Past it the oldest
/// go, but how she came in stays.
pub const CHANGES_MAX: u64 = 600;
/// Visits of a day that a page shows; a shop with more has other ways to look.
pub const DAY_VISITS_MAX: u32 = 200;

/// One change of a visit.
#[derive(Debug, Clone, PartialEq)]
pub struct ChangeRow {
    /// Its place in the visit, from 1.
    pub n: u64,
    /// When she came, moved or left; for a revision, when she had come.
    pub at_ms: u64,
    /// `entered`, `zone_entered`, `zone_lost`, `left` or `revised`.
    pub change: String,
    /// Into which zone.
    pub zone: Option<ZoneId>,
    /// What it rested on; none for a revision.
    pub why: Option<Why>,
}

/// Writes down a change, after it was applied. One that takes the visit away has nothing to be
/// written to.
pub(super) fn add_change(db: &Connection, change: &VisitChange) -> Result<(), StoreError> {
    let (visit, word, at_ms, zone, why) = match change {
        VisitChange::Entered {
            visit,
            entered_ms,
            why,
            ..
        } => (visit, "entered", entered_ms, None, Some(why)),
        VisitChange::ZoneEntered {
            visit,
            zone,
            from_ms,
            why,
        } => (visit, "zone_entered", from_ms, Some(zone), Some(why)),
        VisitChange::ZoneLost {
            visit,
            from_ms,
            why,
        } => (visit, "zone_lost", from_ms, None, Some(why)),
        VisitChange::Left {
            visit,
            left_ms,
            why,
        } => (visit, "left", left_ms, None, Some(why)),
        VisitChange::Revised {
            visit, entered_ms, ..
        } => (visit, "revised", entered_ms, None, None),
        VisitChange::Erased { .. } => return Ok(()),
    };
    let body = why.map(serde_json::to_string).transpose();
    let body = body.map_err(|e| StoreError::Damaged(e.to_string()))?;
    // A visit whose purpose went before its end has no row any more, and its end is nobody's.
    let n: Option<i64> = db
        .prepare_cached(
            "INSERT INTO visit_changes
             SELECT visit,
               coalesce((SELECT max(n) FROM visit_changes c WHERE c.visit = v.visit), 0) + 1,
               ?2, ?3, ?4, ?5
             FROM visits v WHERE visit = ?1
             RETURNING n",
        )?
        .query_row(
            params![visit.0, int(*at_ms), word, zone.map(ZoneId::as_str), body],
            |row| row.get(0),
        )
        .optional()?;
    if let Some(n) = n
        && uint(n) > CHANGES_MAX
    {
        db.prepare_cached("DELETE FROM visit_changes WHERE visit = ?1 AND n > 1 AND n <= ?2")?
            .execute(params![visit.0, n - int(CHANGES_MAX) + 1])?;
    }
    Ok(())
}

/// The changes of a visit, in order.
pub fn changes(db: &Connection, visit: VisitId) -> Result<Vec<ChangeRow>, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT n, at_ms, change, zone, body FROM visit_changes WHERE visit = ?1 ORDER BY n",
    )?;
    let rows = statement.query_map([visit.0], |row| {
        let zone = row.get_ref(3)?.as_str_or_null()?.map(parsed).transpose()?;
        let change = ChangeRow {
            n: uint(row.get(0)?),
            at_ms: uint(row.get(1)?),
            change: row.get(2)?,
            zone,
            why: None,
        };
        Ok((change, row.get::<_, Option<String>>(4)?))
    })?;
    let mut changes = Vec::new();
    for row in rows {
        let (change, body) = row?;
        let why = body.map(|body| serde_json::from_str(&body)).transpose();
        changes.push(ChangeRow {
            why: why.map_err(|e| StoreError::Damaged(e.to_string()))?,
            ..change
        });
    }
    Ok(changes)
}

fn visit_row(row: &rusqlite::Row<'_>) -> Result<VisitRow, rusqlite::Error> {
    Ok(VisitRow {
        visit: VisitId(row.get(0)?),
        customer: CustomerId(row.get(1)?),
        external_id: row.get(2)?,
        entered_ms: uint(row.get(3)?),
        left_ms: row.get::<_, Option<i64>>(4)?.map(uint),
        late: row.get(5)?,
        zone_stays: Vec::new(),
    })
}

/// One visit of a store.
pub fn visit(db: &Connection, store: &StoreId, visit: VisitId) -> Result<VisitRow, StoreError> {
    let found = db
        .prepare_cached(
            "SELECT visit, customer, external_id, entered_ms, left_ms, late
             FROM visits JOIN customers USING (customer) WHERE store = ?1 AND visit = ?2",
        )?
        .query_row(params![store.as_str(), visit.0], visit_row)
        .optional()?;
    let mut row = found.ok_or(StoreError::NotFound("visit"))?;
    row.zone_stays = zone_stays(db, visit)?;
    Ok(row)
}

/// In which store a visit was.
pub fn store_of(db: &Connection, visit: VisitId) -> Result<StoreId, StoreError> {
    db.prepare_cached("SELECT store FROM visits WHERE visit = ?1")?
        .query_row([visit.0], |row| parsed(row.get_ref(0)?.as_str()?))
        .optional()?
        .ok_or(StoreError::NotFound("visit"))
}

/// The visits of a store that had not ended by `since_ms`, the latest first. One that is kept for
/// an order alone is for whoever hands it over, and is left out.
pub fn visits_since(
    db: &Connection,
    store: &StoreId,
    since_ms: u64,
) -> Result<Vec<VisitRow>, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT visit, customer, external_id, entered_ms, left_ms, late
         FROM visits JOIN customers USING (customer)
         WHERE store = ?1 AND (left_ms IS NULL OR left_ms >= ?2) AND purpose <> 'arrival'
         ORDER BY entered_ms DESC, visit DESC LIMIT ?3",
    )?;
    let mut visits: Vec<VisitRow> = statement
        .query_map(
            params![store.as_str(), int(since_ms), DAY_VISITS_MAX],
            visit_row,
        )?
        .collect::<Result<_, _>>()?;
    for row in &mut visits {
        row.zone_stays = zone_stays(db, row.visit)?;
    }
    Ok(visits)
}
