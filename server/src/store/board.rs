//! What people look at: cards, visits, decisions.

use engine::outcome::Card;
use protocol::{CardId, CustomerId, DecisionId, Sku, StaffId, StoreId, VisitId, ZoneId};
use rusqlite::{Connection, OptionalExtension, params};
use uuid::Uuid;

use super::{StoreError, int, orders, orders::OrderRow, parsed, people, people::CustomerRow, uint};
use crate::figures::waits;

/// A card with all that a board shows of it.
#[derive(Debug, Clone, PartialEq)]
pub struct CardRow {
    /// As the engine left it.
    pub card: Card,
    /// Whose.
    pub customer: CustomerRow,
    /// Her orders on it.
    pub orders: Vec<OrderRow>,
    /// When the alert was committed.
    pub alerted_ms: u64,
    /// Who goes, by name.
    pub taken_by_name: Option<String>,
}

/// One card of a store.
pub fn card(db: &Connection, store: &StoreId, id: CardId) -> Result<CardRow, StoreError> {
    let found: Option<(String, i64)> = db
        .prepare_cached("SELECT body, alerted_ms FROM cards WHERE card = ?1 AND store = ?2")?
        .query_row(params![id.0, store.as_str()], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?;
    let (body, alerted_ms) = found.ok_or(StoreError::NotFound("card"))?;
    let card: Card = serde_json::from_str(&body).map_err(|e| StoreError::Damaged(e.to_string()))?;
    let taken_by_name = card
        .taken_by
        .map(|s| staff_name(db, s))
        .transpose()?
        .flatten();
    Ok(CardRow {
        customer: people::customer(db, card.customer)?,
        orders: card
            .orders
            .iter()
            .map(|o| orders::order(db, *o))
            .collect::<Result<_, _>>()?,
        alerted_ms: uint(alerted_ms),
        taken_by_name,
        card,
    })
}

/// A colleague's name.
pub fn staff_name(db: &Connection, staff: StaffId) -> Result<Option<String>, StoreError> {
    Ok(db
        .prepare_cached("SELECT name FROM staff WHERE staff = ?1")?
        .query_row([staff.0], |row| row.get(0))
        .optional()?)
}

/// Cards that a board shows: the open ones, and those closed since `since_ms`.
pub fn cards_on_board(
    db: &Connection,
    store: &StoreId,
    since_ms: u64,
) -> Result<Vec<CardRow>, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT card FROM cards WHERE store = ?1 AND journey NOT IN ('withdrawn', 'created')
         AND (journey IN ('en_route', 'nearby', 'arrived', 'waiting') OR since_ms >= ?2)
         ORDER BY arrived_ms LIMIT 200",
    )?;
    let ids: Vec<CardId> = statement
        .query_map(params![store.as_str(), int(since_ms)], |row| {
            Ok(CardId(row.get(0)?))
        })?
        .collect::<Result<_, _>>()?;
    ids.into_iter().map(|id| card(db, store, id)).collect()
}

/// Cards of a store after a cursor, oldest first.
pub fn cards_page(
    db: &Connection,
    store: &StoreId,
    after: Option<Uuid>,
    limit: u32,
) -> Result<Vec<CardRow>, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT card FROM cards WHERE store = ?1 AND (?2 IS NULL OR card > ?2)
         ORDER BY card LIMIT ?3",
    )?;
    let ids: Vec<CardId> = statement
        .query_map(params![store.as_str(), after, limit], |row| {
            Ok(CardId(row.get(0)?))
        })?
        .collect::<Result<_, _>>()?;
    ids.into_iter().map(|id| card(db, store, id)).collect()
}

/// Since when staff know that a customer waits for her orders; none: no card of hers is open.
pub fn waits_since(
    db: &Connection,
    store: &StoreId,
    customer: CustomerId,
) -> Result<Option<u64>, StoreError> {
    Ok(db
        .prepare_cached(
            "SELECT arrived_ms FROM cards
             WHERE store = ?1 AND customer = ?2 AND journey IN ('arrived', 'waiting')",
        )?
        .query_row(params![store.as_str(), customer.0], |row| row.get(0))
        .optional()?
        .map(uint))
}

/// Her card, while she or somebody for her is in the store.
pub fn open_card(
    db: &Connection,
    store: &StoreId,
    customer: CustomerId,
) -> Result<Option<Card>, StoreError> {
    let found: Option<String> = db
        .prepare_cached(
            "SELECT body FROM cards
             WHERE store = ?1 AND customer = ?2 AND journey IN ('arrived', 'waiting')",
        )?
        .query_row(params![store.as_str(), customer.0], |row| row.get(0))
        .optional()?;
    let read = |body: String| serde_json::from_str(&body);
    found
        .map(read)
        .transpose()
        .map_err(|e| StoreError::Damaged(e.to_string()))
}

/// The strip above the board.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Today {
    /// Handed over since local midnight.
    pub served: u32,
    /// Half waited less than this, from arrival to handover.
    pub wait_ms_median: Option<u64>,
    /// Share of them within two minutes, in percent.
    pub within_2_min_percent: Option<u32>,
    /// Left without it since local midnight.
    pub departed_unserved: u32,
}

/// Today's figures.
pub fn today(db: &Connection, store: &StoreId, midnight_ms: u64) -> Result<Today, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT max(0, since_ms - arrived_ms) FROM cards
         WHERE store = ?1 AND journey = 'served' AND since_ms >= ?2 ORDER BY 1",
    )?;
    let waits: Vec<u64> = statement
        .query_map(params![store.as_str(), int(midnight_ms)], |row| {
            Ok(uint(row.get(0)?))
        })?
        .collect::<Result<_, _>>()?;
    let departed_unserved = db
        .prepare_cached(
            "SELECT count(*) FROM cards
             WHERE store = ?1 AND journey = 'departed_unserved' AND since_ms >= ?2",
        )?
        .query_row(params![store.as_str(), int(midnight_ms)], |row| row.get(0))?;
    Ok(Today {
        served: u32::try_from(waits.len()).unwrap_or(u32::MAX),
        wait_ms_median: waits::quantile(&waits, 50),
        within_2_min_percent: waits::within_percent(&waits)
            .map(|percent| u32::try_from(percent).unwrap_or(100)),
        departed_unserved,
    })
}

/// The store's stream of changes after place `n`: each card once, at its newest place. None if the
/// stream no longer reaches back that far: then the whole board is to be drawn anew.
pub fn changes_after(
    db: &Connection,
    store: &StoreId,
    n: u64,
) -> Result<Option<Vec<(u64, CardId)>>, StoreError> {
    let (oldest, newest): (Option<i64>, Option<i64>) = db
        .prepare_cached("SELECT min(n), max(n) FROM changes WHERE store = ?1")?
        .query_row([store.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let (oldest, newest) = (oldest.map_or(1, uint), newest.map_or(0, uint));
    if n + 1 < oldest || n > newest {
        return Ok(None);
    }
    let mut statement = db.prepare_cached(
        "SELECT max(n) AS newest, card FROM changes WHERE store = ?1 AND n > ?2
         GROUP BY card ORDER BY newest",
    )?;
    let rows = statement.query_map(params![store.as_str(), int(n)], |row| {
        Ok((uint(row.get(0)?), CardId(row.get(1)?)))
    })?;
    Ok(Some(rows.collect::<Result<_, _>>()?))
}

/// The newest place of a store's stream.
pub fn newest_change(db: &Connection, store: &StoreId) -> Result<u64, StoreError> {
    let n: Option<i64> = db
        .prepare_cached("SELECT max(n) FROM changes WHERE store = ?1")?
        .query_row([store.as_str()], |row| row.get(0))?;
    Ok(n.map_or(0, uint))
}

/// A visit with its zone stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VisitRow {
    /// Which.
    pub visit: VisitId,
    /// Whose.
    pub customer: CustomerId,
    /// The shop's own id of her.
    pub external_id: String,
    /// When it began.
    pub entered_ms: u64,
    /// When it ended; none: she is here.
    pub left_ms: Option<u64>,
    /// Known from late sightings alone.
    pub late: bool,
    /// Zone, from, to.
    pub zone_stays: Vec<(ZoneId, u64, Option<u64>)>,
}

/// Visits of a store after a cursor, oldest id first.
pub fn visits_page(
    db: &Connection,
    store: &StoreId,
    after: Option<Uuid>,
    limit: u32,
) -> Result<Vec<VisitRow>, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT visit, customer, external_id, entered_ms, left_ms, late
         FROM visits JOIN customers USING (customer)
         WHERE store = ?1 AND (?2 IS NULL OR visit > ?2) ORDER BY visit LIMIT ?3",
    )?;
    let mut visits: Vec<VisitRow> = statement
        .query_map(params![store.as_str(), after, limit], |row| {
            Ok(VisitRow {
                visit: VisitId(row.get(0)?),
                customer: CustomerId(row.get(1)?),
                external_id: row.get(2)?,
                entered_ms: uint(row.get(3)?),
                left_ms: row.get::<_, Option<i64>>(4)?.map(uint),
                late: row.get(5)?,
                zone_stays: Vec::new(),
            })
        })?
        .collect::<Result<_, _>>()?;
    for visit in &mut visits {
        visit.zone_stays = zone_stays(db, visit.visit)?;
    }
    Ok(visits)
}

/// The zone stays of a visit, in order.
pub fn zone_stays(
    db: &Connection,
    visit: VisitId,
) -> Result<Vec<(ZoneId, u64, Option<u64>)>, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT zone, from_ms, to_ms FROM zone_stays WHERE visit = ?1 ORDER BY from_ms",
    )?;
    let rows = statement.query_map([visit.0], |row| {
        Ok((
            parsed(row.get_ref(0)?.as_str()?)?,
            uint(row.get(1)?),
            row.get::<_, Option<i64>>(2)?.map(uint),
        ))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// A customer's visits in a store that overlap or touch a span, oldest first.
pub fn visits_around(
    db: &Connection,
    store: &StoreId,
    customer: CustomerId,
    from_ms: u64,
    to_ms: u64,
) -> Result<Vec<engine::input::PastVisit>, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT visit, entered_ms, left_ms FROM visits WHERE store = ?1 AND customer = ?2
         AND entered_ms <= ?4 AND (left_ms IS NULL OR left_ms >= ?3) ORDER BY entered_ms",
    )?;
    let rows = statement.query_map(
        params![store.as_str(), customer.0, int(from_ms), int(to_ms)],
        |row| {
            Ok(engine::input::PastVisit {
                visit: VisitId(row.get(0)?),
                entered_ms: uint(row.get(1)?),
                left_ms: row.get::<_, Option<i64>>(2)?.map(uint),
            })
        },
    )?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The store that a customer's page is about: where she is, else where an order of hers lies, else
/// the first.
pub fn store_for(db: &Connection, customer: CustomerId) -> Result<Option<StoreId>, StoreError> {
    let here: Option<String> = db
        .prepare_cached(
            "SELECT store FROM visits WHERE customer = ?1 AND left_ms IS NULL
             ORDER BY entered_ms DESC LIMIT 1",
        )?
        .query_row([customer.0], |row| row.get(0))
        .optional()?;
    if let Some(store) = here {
        return Ok(Some(parsed(&store)?));
    }
    let order = orders::open_orders(db, customer, None)?.into_iter().next();
    match order {
        Some(order) => Ok(Some(order.store)),
        None => Ok(super::shop::store_ids(db)?.into_iter().next()),
    }
}

/// Since when she is in this store, and in which zone she stands, as far as it is known.
pub fn here(
    db: &Connection,
    store: &StoreId,
    customer: CustomerId,
) -> Result<Option<(u64, Option<ZoneId>)>, StoreError> {
    Ok(db
        .prepare_cached(
            "SELECT v.entered_ms, (SELECT s.zone FROM zone_stays s
               WHERE s.visit = v.visit AND s.to_ms IS NULL ORDER BY s.from_ms DESC LIMIT 1)
             FROM visits v WHERE v.customer = ?2 AND v.store = ?1 AND v.left_ms IS NULL
             ORDER BY v.entered_ms DESC LIMIT 1",
        )?
        .query_row(params![store.as_str(), customer.0], |row| {
            let zone = row.get_ref(1)?.as_str_or_null()?.map(parsed).transpose()?;
            Ok((uint(row.get(0)?), zone))
        })
        .optional()?)
}

/// How many visits a customer has, in all stores.
pub fn visit_count(db: &Connection, customer: CustomerId) -> Result<u32, StoreError> {
    Ok(db
        .prepare_cached("SELECT count(*) FROM visits WHERE customer = ?1")?
        .query_row([customer.0], |row| row.get(0))?)
}

/// A decision, as a list shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecisionRow {
    /// Which.
    pub decision: DecisionId,
    /// About whom.
    pub customer: CustomerId,
    /// The shop's own id of her.
    pub external_id: String,
    /// In which visit.
    pub visit: VisitId,
    /// In which zone.
    pub zone: Option<ZoneId>,
    /// `notify` or `suppress`.
    pub choice: String,
    /// The product.
    pub sku: Option<Sku>,
    /// Why not.
    pub reason: Option<String>,
    /// When.
    pub decided_ms: u64,
}

/// Decisions of a store after a cursor, oldest id first.
pub fn decisions_page(
    db: &Connection,
    store: &StoreId,
    after: Option<Uuid>,
    limit: u32,
) -> Result<Vec<DecisionRow>, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT decision, customer, external_id, visit, zone, choice, sku, reason, decided_ms
         FROM decisions JOIN customers USING (customer)
         WHERE store = ?1 AND (?2 IS NULL OR decision > ?2) ORDER BY decision LIMIT ?3",
    )?;
    let rows = statement.query_map(params![store.as_str(), after, limit], |row| {
        Ok(DecisionRow {
            decision: DecisionId(row.get(0)?),
            customer: CustomerId(row.get(1)?),
            external_id: row.get(2)?,
            visit: VisitId(row.get(3)?),
            zone: row.get_ref(4)?.as_str_or_null()?.map(parsed).transpose()?,
            choice: row.get(5)?,
            sku: row.get_ref(6)?.as_str_or_null()?.map(parsed).transpose()?,
            reason: row.get(7)?,
            decided_ms: uint(row.get(8)?),
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
