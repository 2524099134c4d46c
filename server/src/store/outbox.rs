//! The outbox: what is to be told, leased, tried and recorded.
//!
//! pending -> sending -> sent | failed, or without sending: expired, withdrawn.
//! Marketing is marked `sending` before it goes out and never goes out again: after a crash in
//! between it stays `sending` and is closed as `unknown`. A service message is tried again under
//! the same id, by which the phone knows it.
//! Invariant: consent, relevance and presence are judged in the transaction that marks.

use protocol::{
    CampaignId, CardId, CustomerId, DecisionId, DeliveryId, OrderId, RewardId, StoreId,
};
use rusqlite::{Connection, OptionalExtension, params};
use serde_json::json;

use super::{
    StoreError, campaigns, int,
    loyalty::rewards,
    orders, parsed, people,
    push::{self, Kind},
    receivers::{self, Event},
    uint,
};

/// How long a sender may take before another may try.
pub const LEASE_MS: u64 = 30_000;

/// Rows leased in one go.
const LEASE_ROWS_MAX: u32 = 100;

/// One row to be told, or told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryRow {
    /// Which.
    pub delivery: DeliveryId,
    /// Where it came from.
    pub store: StoreId,
    /// To whom.
    pub customer: CustomerId,
    /// Marketing is sent at most once, service at least once.
    pub marketing: bool,
    /// The product of an offer.
    pub sku: Option<protocol::Sku>,
    /// The decision behind an offer.
    pub decision: Option<DecisionId>,
    /// The campaign that it is of, and which version of its words.
    pub campaign: Option<(CampaignId, u32)>,
    /// The order that lies ready.
    pub order: Option<OrderId>,
    /// The reward of an offer.
    pub reward: Option<RewardId>,
    /// The card of who is here.
    pub card: Option<CardId>,
    /// Its place in the recipient's stream, once it was marked.
    pub n: u64,
    /// When it was decided.
    pub created_ms: u64,
    /// Pointless from then on.
    pub relevant_until_ms: u64,
}

const COLUMNS: &str = "delivery, store, customer, class = 'marketing', sku, decision,
                       coalesce(n, 0), created_ms, relevant_until_ms, campaign, version,
                       \"order\", reward, card";

fn delivery_row(row: &rusqlite::Row<'_>) -> Result<DeliveryRow, rusqlite::Error> {
    Ok(DeliveryRow {
        delivery: DeliveryId(row.get(0)?),
        store: parsed(row.get_ref(1)?.as_str()?)?,
        customer: CustomerId(row.get(2)?),
        marketing: row.get(3)?,
        sku: row.get_ref(4)?.as_str_or_null()?.map(parsed).transpose()?,
        decision: row.get::<_, Option<uuid::Uuid>>(5)?.map(DecisionId),
        n: uint(row.get(6)?),
        created_ms: uint(row.get(7)?),
        relevant_until_ms: uint(row.get(8)?),
        campaign: row
            .get::<_, Option<uuid::Uuid>>(9)?
            .map(CampaignId)
            .zip(row.get(10)?),
        order: row.get::<_, Option<uuid::Uuid>>(11)?.map(OrderId),
        reward: row.get::<_, Option<uuid::Uuid>>(12)?.map(RewardId),
        card: row.get::<_, Option<uuid::Uuid>>(13)?.map(CardId),
    })
}

/// One row.
pub fn row(db: &Connection, delivery: DeliveryId) -> Result<Option<DeliveryRow>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM deliveries WHERE delivery = ?1");
    let mut statement = db.prepare_cached(&sql)?;
    Ok(statement.query_row([delivery.0], delivery_row).optional()?)
}

/// Marks what is due as being sent and returns it. What is marked for the first time gets its row
/// for a phone that sleeps, if one of these providers knows one of hers.
pub fn lease(
    db: &Connection,
    now_ms: u64,
    providers: &[Kind],
) -> Result<Vec<DeliveryRow>, StoreError> {
    db.prepare_cached(
        "UPDATE deliveries SET state = 'unknown'
         WHERE state = 'sending' AND class = 'marketing' AND leased_until_ms <= ?1",
    )?
    .execute([int(now_ms)])?;
    let sql = format!(
        "SELECT {COLUMNS} FROM deliveries
         WHERE (state = 'pending' AND coalesce(leased_until_ms, 0) <= ?1)
            OR (state = 'sending' AND class = 'service' AND leased_until_ms <= ?1)
         ORDER BY created_ms LIMIT {LEASE_ROWS_MAX}"
    );
    let due: Vec<DeliveryRow> = db
        .prepare_cached(&sql)?
        .query_map([int(now_ms)], delivery_row)?
        .collect::<Result<_, _>>()?;
    let mut leased = Vec::with_capacity(due.len());
    for row in due {
        match objection(db, now_ms, &row)? {
            Some(state) => close(db, now_ms, row.delivery, state)?,
            None => {
                let row = mark(db, now_ms, row)?;
                push::follow_up(db, now_ms, &row, providers)?;
                leased.push(row);
            }
        }
    }
    Ok(leased)
}

/// Why this may not go out any more, as the state that it gets.
pub(super) fn objection(
    db: &Connection,
    now_ms: u64,
    row: &DeliveryRow,
) -> Result<Option<&'static str>, StoreError> {
    let consent = people::switches(&people::consent_since(db, row.customer)?);
    let agreed = if row.marketing {
        // Only products are chosen by what she did online.
        consent.messages && (consent.browsing || row.sku.is_none())
    } else {
        consent.arrival
    };
    if !agreed {
        return Ok(Some("withdrawn"));
    }
    if row.marketing && wants_silence(db, now_ms, row)? {
        return Ok(Some("withdrawn"));
    }
    if row.relevant_until_ms <= now_ms || (row.marketing && !still_here(db, row)?) {
        return Ok(Some("expired"));
    }
    if let Some(order) = row.order
        && !orders::lies_ready(db, order)?
    {
        return Ok(Some("expired"));
    }
    // A till may have given it a moment ago.
    if let Some(reward) = row.reward
        && !rewards::is_open(db, now_ms, reward)?
    {
        return Ok(Some("expired"));
    }
    Ok(None)
}

/// She asked for silence, of everything, this store or this topic; or she waits for her order.
fn wants_silence(db: &Connection, now_ms: u64, row: &DeliveryRow) -> Result<bool, StoreError> {
    let mutes = campaigns::mutes(db, row.customer, now_ms)?;
    let topic = match row.campaign {
        Some((campaign, version)) if !mutes.topics.is_empty() => {
            campaigns::version(db, campaign, version)?.map(|version| version.campaign.topic)
        }
        _ => None,
    };
    let waits = db
        .prepare_cached(
            "SELECT 1 FROM cards WHERE store = ?1 AND customer = ?2
             AND journey IN ('arrived', 'waiting')",
        )?
        .exists(params![row.store.as_str(), row.customer.0])?;
    Ok(waits
        || mutes.paused_until_ms > now_ms
        || mutes.stores.contains(row.store.as_str())
        || topic.is_some_and(|topic| mutes.topics.contains(&topic)))
}

fn still_here(db: &Connection, row: &DeliveryRow) -> Result<bool, StoreError> {
    Ok(db
        .prepare_cached(
            "SELECT 1 FROM deliveries d JOIN visits v USING (visit)
             WHERE d.delivery = ?1 AND (v.left_ms IS NULL OR d.after_exit)",
        )?
        .exists([row.delivery.0])?)
}

fn mark(db: &Connection, now_ms: u64, row: DeliveryRow) -> Result<DeliveryRow, StoreError> {
    let (n, attempt): (i64, i64) = db
        .prepare_cached(
            "UPDATE deliveries SET state = 'sending', leased_until_ms = ?2,
               attempts = attempts + 1,
               n = coalesce(n, 1 + coalesce((SELECT max(n) FROM deliveries
                                             WHERE customer = ?3), 0))
             WHERE delivery = ?1 RETURNING n, attempts",
        )?
        .query_row(
            params![row.delivery.0, int(now_ms + LEASE_MS), row.customer.0],
            |r| Ok((r.get(0)?, r.get(1)?)),
        )?;
    db.prepare_cached("INSERT INTO attempts VALUES (?1, ?2, ?3, 'sending')")?
        .execute(params![row.delivery.0, attempt, int(now_ms)])?;
    Ok(DeliveryRow { n: uint(n), ..row })
}

fn close(
    db: &Connection,
    now_ms: u64,
    delivery: DeliveryId,
    state: &str,
) -> Result<(), StoreError> {
    db.prepare_cached(
        "UPDATE deliveries SET state = ?2, attempts = attempts + 1 WHERE delivery = ?1",
    )?
    .execute(params![delivery.0, state])?;
    db.prepare_cached(
        "INSERT INTO attempts SELECT delivery, attempts, ?2, ?3 FROM deliveries
         WHERE delivery = ?1",
    )?
    .execute(params![delivery.0, int(now_ms), state])?;
    let counted: Option<(String, uuid::Uuid, i64)> = db
        .prepare_cached(
            "SELECT store, campaign, created_ms FROM deliveries
             WHERE delivery = ?1 AND campaign IS NOT NULL",
        )?
        .query_row([delivery.0], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .optional()?;
    match counted {
        Some((store, campaign, created_ms)) => {
            campaigns::count(db, &parsed(&store)?, campaign, uint(created_ms), -1)
        }
        None => Ok(()),
    }
}

/// Records that a row went out.
pub fn record_sent(
    db: &Connection,
    now_ms: u64,
    delivery: DeliveryId,
    result: &str,
) -> Result<(), StoreError> {
    let recorded = db
        .prepare_cached(
            "UPDATE deliveries SET state = 'sent', sent_ms = ?2, leased_until_ms = NULL
             WHERE delivery = ?1 AND state IN ('sending', 'unknown')",
        )?
        .execute(params![delivery.0, int(now_ms)])?;
    if let (1, Some(row)) = (recorded, row(db, delivery)?) {
        let class = if row.marketing {
            "marketing"
        } else {
            "service"
        };
        let more = json!({ "message": delivery, "class": class, "sku": row.sku });
        receivers::tell(
            db,
            now_ms,
            Event::MessageSent,
            &row.store,
            row.customer,
            more,
        )?;
    }
    db.prepare_cached(
        "UPDATE attempts SET result = ?2 WHERE delivery = ?1
         AND attempt = (SELECT attempts FROM deliveries WHERE delivery = ?1)",
    )?
    .execute(params![delivery.0, result])?;
    Ok(())
}

/// Records that her phone showed it; hers alone.
pub fn record_displayed(
    db: &Connection,
    now_ms: u64,
    customer: CustomerId,
    delivery: DeliveryId,
) -> Result<(), StoreError> {
    let known = db
        .prepare_cached(
            "UPDATE deliveries SET displayed_ms = coalesce(displayed_ms, ?3)
             WHERE delivery = ?1 AND customer = ?2",
        )?
        .execute(params![delivery.0, customer.0, int(now_ms)])?;
    if known == 0 {
        Err(StoreError::NotFound("delivery"))
    } else {
        Ok(())
    }
}

/// Records that she opened it, which says that it was shown; hers alone.
pub fn record_opened(
    db: &Connection,
    now_ms: u64,
    customer: CustomerId,
    delivery: DeliveryId,
) -> Result<(), StoreError> {
    record_displayed(db, now_ms, customer, delivery)?;
    db.prepare_cached(
        "UPDATE deliveries SET opened_ms = coalesce(opened_ms, ?2) WHERE delivery = ?1",
    )?
    .execute(params![delivery.0, int(now_ms)])?;
    Ok(())
}

/// When something is due next.
pub fn next_due_ms(db: &Connection) -> Result<Option<u64>, StoreError> {
    let due: Option<i64> = db
        .prepare_cached(
            "SELECT min(coalesce(leased_until_ms, 0)) FROM deliveries
             WHERE state IN ('pending', 'sending')",
        )?
        .query_row([], |row| row.get(0))?;
    Ok(due.map(uint))
}

/// What went out to a customer after place `n` of her stream, still matters, and may still reach
/// her: a phone that comes back after she took back her consent is told nothing.
pub fn stream_after(
    db: &Connection,
    now_ms: u64,
    customer: CustomerId,
    n: u64,
) -> Result<Vec<DeliveryRow>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM deliveries WHERE customer = ?1 AND n > ?2
         AND state IN ('sending', 'sent') AND relevant_until_ms > ?3 ORDER BY n"
    );
    let mut statement = db.prepare_cached(&sql)?;
    let rows = statement.query_map(params![customer.0, int(n), int(now_ms)], delivery_row)?;
    let mut stream = Vec::new();
    for row in rows {
        let row = row?;
        if objection(db, now_ms, &row)?.is_none() {
            stream.push(row);
        }
    }
    Ok(stream)
}

/// The place in a customer's stream up to which nothing is on its way any more.
pub fn settled(db: &Connection, customer: CustomerId) -> Result<u64, StoreError> {
    let n: i64 = db
        .prepare_cached(
            "SELECT coalesce((SELECT min(n) - 1 FROM deliveries
                              WHERE customer = ?1 AND state = 'sending'),
                             (SELECT max(n) FROM deliveries WHERE customer = ?1), 0)",
        )?
        .query_row([customer.0], |row| row.get(0))?;
    Ok(uint(n))
}

/// What went out to a customer since `since_ms`, newest first: her page.
pub fn sent_since(
    db: &Connection,
    customer: CustomerId,
    since_ms: u64,
) -> Result<Vec<DeliveryRow>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM deliveries WHERE customer = ?1 AND created_ms >= ?2
         AND state IN ('sending', 'sent', 'unknown') ORDER BY created_ms DESC LIMIT 20"
    );
    let mut statement = db.prepare_cached(&sql)?;
    let rows = statement.query_map(params![customer.0, int(since_ms)], delivery_row)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The decision behind an offer, as it was kept.
pub fn decision_body(
    db: &Connection,
    decision: DecisionId,
) -> Result<Option<engine::outcome::Decision>, StoreError> {
    let body: Option<String> = db
        .prepare_cached("SELECT body FROM decisions WHERE decision = ?1")?
        .query_row([decision.0], |row| row.get(0))
        .optional()?;
    body.map(|text| serde_json::from_str(&text).map_err(|e| StoreError::Damaged(e.to_string())))
        .transpose()
}

/// What became of a message: its state, and each try with its time and result.
pub type Fate = (String, Vec<(u64, String)>);

/// What became of a decision's message; none: there was none.
pub fn fate(db: &Connection, decision: DecisionId) -> Result<Option<Fate>, StoreError> {
    let found: Option<(uuid::Uuid, String)> = db
        .prepare_cached("SELECT delivery, state FROM deliveries WHERE decision = ?1")?
        .query_row([decision.0], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((delivery, state)) = found else {
        return Ok(None);
    };
    let mut statement = db.prepare_cached(
        "SELECT at_ms, result FROM attempts WHERE delivery = ?1 ORDER BY attempt",
    )?;
    let rows = statement.query_map([delivery], |row| Ok((uint(row.get(0)?), row.get(1)?)))?;
    Ok(Some((state, rows.collect::<Result<_, _>>()?)))
}
