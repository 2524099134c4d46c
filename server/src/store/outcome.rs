//! Writes an engine's outcome: visits and why they changed, cards, decisions, deliveries.
//!
//! In: an [`Outcome`], inside the transaction of the input that caused it.
//! Out: the cards that changed, each with its number in the store's stream of changes.
//! Invariant: writing the same outcome of a replayed input twice would violate an index, never
//! make a second row.

use engine::{
    input::{OrderKind, OrderState},
    outcome::{Card, Cause, Choice, Decision, Delivery, Journey, Outcome, VisitChange},
};
use protocol::{CardId, CustomerId, OrderId, StoreId};
use rusqlite::{Connection, OptionalExtension, params};
use serde_json::json;

use super::{
    StoreError, campaigns, int, loyalty, orders,
    receivers::{self, Event},
    staff_push, uint, visits, waits, word,
};

mod deliveries;

/// A card that changed, as live pages hear of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CardChanged {
    /// In which store.
    pub store: StoreId,
    /// Its place in the store's stream.
    pub n: u64,
    /// Which card.
    pub card: CardId,
}

/// Changes kept for boards that come back: about a busy day.
const CHANGES_KEPT: u64 = 10_000;

/// Writes all rows of an outcome; `tells`: this server is the one that has a way to her phone.
pub fn write(
    db: &Connection,
    store: &StoreId,
    now_ms: u64,
    outcome: &Outcome,
    tells: bool,
) -> Result<Vec<CardChanged>, StoreError> {
    for change in &outcome.visits {
        visit(db, store, change)?;
        tell_visit(db, store, now_ms, change)?;
        count_visit(db, store, now_ms, change)?;
        visits::add_change(db, change)?;
    }
    for decision in &outcome.decisions {
        self::decision(db, store, now_ms, decision)?;
    }
    for delivery in outcome.deliveries.iter().filter(|_| tells) {
        deliveries::delivery(db, store, now_ms, delivery)?;
    }
    orders::hold(db, &outcome.held, Some(now_ms))?;
    orders::hold(db, &outcome.released, None)?;
    for order in &outcome.cancelled {
        db.prepare_cached(
            "UPDATE orders SET state = 'cancelled', changed_ms = ?2 WHERE \"order\" = ?1",
        )?
        .execute(params![order.0, int(now_ms)])?;
    }
    for order in &outcome.completed {
        complete(db, now_ms, *order)?;
    }
    for called in &outcome.calls {
        let more = json!({
            "card": called.card, "called": called.call, "waits_from_ms": called.waits_from_ms,
        });
        let event = Event::JourneyEscalated;
        receivers::tell(db, now_ms, event, store, called.customer, more)?;
    }
    let changed: Vec<CardChanged> = outcome
        .cards
        .iter()
        .map(|card| {
            let alerts = |d: &Delivery| d.cause == Cause::Arrival { card: card.card };
            let alerted = outcome.deliveries.iter().any(alerts);
            self::card(db, store, now_ms, card, alerted)
        })
        .collect::<Result<_, _>>()?;
    for over in &outcome.over {
        waits::end(db, store, over)?;
    }
    for called in &outcome.calls {
        staff_push::tell(db, now_ms, store, called.card, Some(called.call))?;
    }
    Ok(changed)
}

fn visit(db: &Connection, store: &StoreId, change: &VisitChange) -> Result<(), StoreError> {
    match change {
        VisitChange::Entered {
            visit,
            customer,
            entered_ms,
            purpose,
            late,
            ..
        } => {
            db.prepare_cached("INSERT INTO visits VALUES (?1, ?2, ?3, ?4, NULL, ?5, ?6)")?
                .execute(params![
                    visit.0,
                    store.as_str(),
                    customer.0,
                    int(*entered_ms),
                    word(purpose),
                    late
                ])?;
        }
        VisitChange::ZoneEntered {
            visit,
            zone,
            from_ms,
            ..
        } => {
            end_stay(db, *visit, *from_ms)?;
            db.prepare_cached("INSERT OR IGNORE INTO zone_stays VALUES (?1, ?2, ?3, NULL)")?
                .execute(params![visit.0, int(*from_ms), zone.as_str()])?;
        }
        VisitChange::ZoneLost { visit, from_ms, .. } => end_stay(db, *visit, *from_ms)?,
        VisitChange::Left { visit, left_ms, .. } => {
            end_stay(db, *visit, *left_ms)?;
            db.prepare_cached("UPDATE visits SET left_ms = ?2 WHERE visit = ?1")?
                .execute(params![visit.0, int(*left_ms)])?;
        }
        VisitChange::Revised {
            visit,
            entered_ms,
            left_ms,
        } => {
            db.prepare_cached("UPDATE visits SET entered_ms = ?2, left_ms = ?3 WHERE visit = ?1")?
                .execute(params![visit.0, int(*entered_ms), left_ms.map(int)])?;
        }
        VisitChange::Erased { visit } => {
            db.prepare_cached("DELETE FROM visits WHERE visit = ?1")?
                .execute([visit.0])?;
        }
    }
    Ok(())
}

/// It was handed over, and receivers of the shop's own hear of it. What happened at the desk is a
/// fact, also where the shop cancelled the order while the desk could not hear of it: then that is
/// told too.
fn complete(db: &Connection, now_ms: u64, order: OrderId) -> Result<(), StoreError> {
    let row = orders::order(db, order)?;
    if row.state == OrderState::Completed {
        return Ok(());
    }
    db.prepare_cached(
        "UPDATE orders SET state = 'completed', changed_ms = ?2, held_ms = NULL
         WHERE \"order\" = ?1",
    )?
    .execute(params![order.0, int(now_ms)])?;
    let event = match row.kind {
        OrderKind::Return => Event::ReturnAccepted,
        _ => Event::OrderCompleted,
    };
    let mut more = json!({ "order": order, "external_id": row.external_id, "kind": row.kind });
    if row.state == OrderState::Cancelled {
        more["after_cancellation"] = true.into();
    }
    receivers::tell(db, now_ms, event, &row.store, row.customer, more)
}

/// Receivers of the shop's own hear how far she is, when that has changed.
fn tell_journey(
    db: &Connection,
    store: &StoreId,
    now_ms: u64,
    card: &Card,
) -> Result<(), StoreError> {
    let event = match card.journey {
        Journey::Arrived => Event::JourneyArrived,
        Journey::Waiting => Event::JourneyWaiting,
        Journey::DepartedUnserved => Event::JourneyDepartedUnserved,
        _ => return Ok(()),
    };
    let same = db
        .prepare_cached("SELECT 1 FROM cards WHERE card = ?1 AND journey = ?2")?
        .exists(params![card.card.0, word(card.journey)])?;
    if same {
        return Ok(());
    }
    let more = json!({
        "card": card.card, "since_ms": card.since_ms, "whereabouts": card.whereabouts,
        "somebody_else": card.somebody_else,
    });
    receivers::tell(db, now_ms, event, store, card.customer, more)
}

/// Receivers of the shop's own hear of visits.
fn tell_visit(
    db: &Connection,
    store: &StoreId,
    now_ms: u64,
    change: &VisitChange,
) -> Result<(), StoreError> {
    match change {
        VisitChange::Entered {
            visit,
            customer,
            entered_ms,
            ..
        } => {
            let more = json!({ "visit": visit, "entered_ms": entered_ms });
            receivers::tell(db, now_ms, Event::VisitEntered, store, *customer, more)
        }
        VisitChange::Left { visit, left_ms, .. } => {
            let whose: Option<uuid::Uuid> = db
                .prepare_cached("SELECT customer FROM visits WHERE visit = ?1")?
                .query_row([visit.0], |row| row.get(0))
                .optional()?;
            let Some(customer) = whose.map(CustomerId) else {
                return Ok(());
            };
            let more = json!({ "visit": visit, "left_ms": left_ms });
            receivers::tell(db, now_ms, Event::VisitLeft, store, customer, more)
        }
        _ => Ok(()),
    }
}

/// A member's visit counts from its first moment on.
fn count_visit(
    db: &Connection,
    store: &StoreId,
    now_ms: u64,
    change: &VisitChange,
) -> Result<(), StoreError> {
    let VisitChange::Entered {
        customer,
        entered_ms,
        ..
    } = change
    else {
        return Ok(());
    };
    let kind = loyalty::Kind::Visit;
    loyalty::came(db, now_ms, *customer, kind, store, *entered_ms)
}

fn end_stay(db: &Connection, visit: protocol::VisitId, at_ms: u64) -> Result<(), StoreError> {
    db.prepare_cached(
        "UPDATE zone_stays SET to_ms = max(from_ms, ?2) WHERE visit = ?1 AND to_ms IS NULL",
    )?
    .execute(params![visit.0, int(at_ms)])?;
    Ok(())
}

fn card(
    db: &Connection,
    store: &StoreId,
    now_ms: u64,
    card: &Card,
    alerted: bool,
) -> Result<CardChanged, StoreError> {
    let body = serde_json::to_string(card).map_err(|e| StoreError::Damaged(e.to_string()))?;
    tell_journey(db, store, now_ms, card)?;
    if alerted {
        let more = json!({ "card": card.card, "arrived_ms": card.arrived_ms });
        receivers::tell(db, now_ms, Event::CardArrived, store, card.customer, more)?;
    }
    db.prepare_cached(
        "INSERT INTO cards VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
         ON CONFLICT (card) DO UPDATE SET journey = ?4, arrived_ms = ?5,
           alerted_ms = iif(?11, ?6, alerted_ms), since_ms = ?7, taken_by = ?8, taken_ms = ?9,
           body = ?10",
    )?
    .execute(params![
        card.card.0,
        store.as_str(),
        card.customer.0,
        word(card.journey),
        int(card.arrived_ms),
        int(now_ms),
        int(card.since_ms),
        card.taken_by.map(|s| s.0),
        card.taken_ms.map(int),
        body,
        alerted,
    ])?;
    staff_push::follow(db, now_ms, card)?;
    if alerted {
        staff_push::tell(db, now_ms, store, card.card, None)?;
    }
    let n: i64 = db
        .prepare_cached(
            "INSERT INTO changes
             SELECT ?1, coalesce((SELECT max(n) FROM changes WHERE store = ?1), 0) + 1, ?2, ?3
             RETURNING n",
        )?
        .query_row(params![store.as_str(), int(now_ms), card.card.0], |row| {
            row.get(0)
        })?;
    db.prepare_cached("DELETE FROM changes WHERE store = ?1 AND n <= ?2")?
        .execute(params![store.as_str(), n - int(CHANGES_KEPT)])?;
    Ok(CardChanged {
        store: store.clone(),
        n: uint(n),
        card: card.card,
    })
}

fn decision(
    db: &Connection,
    store: &StoreId,
    now_ms: u64,
    decision: &Decision,
) -> Result<(), StoreError> {
    let (choice, reason) = match &decision.choice {
        Choice::Notify { .. } => ("notify", None),
        Choice::Suppress { reason } => ("suppress", Some(word(reason))),
    };
    // The engine leaves what she did online out of the facts if she did not agree to its use.
    let facts_allowed = decision.facts.as_ref().is_none_or(|f| f.consent.messages);
    let body = if facts_allowed {
        serde_json::to_string(decision)
    } else {
        serde_json::to_string(&Decision {
            facts: None,
            considered: Vec::new(),
            weighed: Vec::new(),
            ..decision.clone()
        })
    };
    let body = body.map_err(|e| StoreError::Damaged(e.to_string()))?;
    let turn = decision.weighed.first().filter(|_| decision.arm.is_some());
    db.prepare_cached(
        "INSERT INTO decisions (decision, store, customer, visit, zone, choice, sku, reason,
           decided_ms, body, campaign, version, arm)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
    )?
    .execute(params![
        decision.decision.0,
        store.as_str(),
        decision.customer.0,
        decision.visit.0,
        decision.moment.as_ref().map(|moment| moment.zone.as_str()),
        choice,
        decision.sku().map(protocol::Sku::as_str),
        reason,
        int(now_ms),
        body,
        turn.map(|turn| turn.campaign.0),
        turn.map(|turn| turn.version),
        decision.arm.map(word),
    ])?;
    campaigns::tally(db, store, decision)
}
