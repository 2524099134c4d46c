//! What happened when she was in a store, what was decided and what she was told: in an export.
//!
//! In: a customer. Out: her rows, oldest first.
//! Invariant: each column is named: one that is added to a table is told on purpose or not at all.

use protocol::{
    CampaignId, CardId, CustomerId, DecisionId, DeliveryId, OrderId, RewardId, VisitId,
};
use rusqlite::{Connection, OptionalExtension, params};

use super::{
    super::StoreError,
    Attempt, Card, Decision, HeardPart, Message, Push, PushAttempt, Stand, Visit, VisitChange,
    Walk, ZoneStay,
    rows::{json, list, maybe_id, maybe_ms, ms},
};

pub(super) fn cards(db: &Connection, customer: CustomerId) -> Result<Vec<Card>, StoreError> {
    list(
        db,
        "SELECT c.card, c.store, journey, arrived_ms, alerted_ms, since_ms, taken_ms, body, rating,
           until_ms
         FROM cards c LEFT JOIN wait_links l ON l.card = c.card LEFT JOIN waits w ON w.wait = l.wait
         WHERE customer = ?1 ORDER BY arrived_ms, c.card",
        [customer.0],
        |row| {
            let mut seen = json(row.get(7)?);
            if let Some(fields) = seen.as_object_mut() {
                fields.remove("taken_by");
            }
            Ok(Card {
                card: CardId(row.get(0)?),
                store: row.get(1)?,
                journey: row.get(2)?,
                arrived_ms: ms(row, 3)?,
                alerted_ms: ms(row, 4)?,
                since_ms: ms(row, 5)?,
                taken_ms: maybe_ms(row, 6)?,
                mark: row.get(8)?,
                mark_until_ms: maybe_ms(row, 9)?,
                seen,
            })
        },
    )
}

pub(super) fn visits(db: &Connection, customer: CustomerId) -> Result<Vec<Visit>, StoreError> {
    let mut visits = list(
        db,
        "SELECT visit, store, entered_ms, left_ms, purpose, late FROM visits
         WHERE customer = ?1 ORDER BY entered_ms, visit",
        [customer.0],
        |row| {
            Ok(Visit {
                visit: VisitId(row.get(0)?),
                store: row.get(1)?,
                entered_ms: ms(row, 2)?,
                left_ms: maybe_ms(row, 3)?,
                purpose: row.get(4)?,
                late: row.get(5)?,
                zones: Vec::new(),
                changes: Vec::new(),
            })
        },
    )?;
    for visit in &mut visits {
        let id = [visit.visit.0];
        visit.zones = list(
            db,
            "SELECT zone, from_ms, to_ms FROM zone_stays WHERE visit = ?1 ORDER BY from_ms, zone",
            id,
            |row| {
                Ok(ZoneStay {
                    zone: row.get(0)?,
                    from_ms: ms(row, 1)?,
                    to_ms: maybe_ms(row, 2)?,
                })
            },
        )?;
        visit.changes = list(
            db,
            "SELECT n, at_ms, change, zone, body FROM visit_changes WHERE visit = ?1 ORDER BY n",
            id,
            |row| {
                Ok(VisitChange {
                    n: ms(row, 0)?,
                    at_ms: ms(row, 1)?,
                    change: row.get(2)?,
                    zone: row.get(3)?,
                    why: row.get::<_, Option<String>>(4)?.map(json),
                })
            },
        )?;
    }
    Ok(visits)
}

pub(super) fn decisions(
    db: &Connection,
    customer: CustomerId,
) -> Result<Vec<Decision>, StoreError> {
    list(
        db,
        "SELECT decision, store, visit, zone, choice, sku, reason, decided_ms, campaign, version,
           arm, body
         FROM decisions WHERE customer = ?1 ORDER BY decided_ms, decision",
        [customer.0],
        |row| {
            Ok(Decision {
                decision: DecisionId(row.get(0)?),
                store: row.get(1)?,
                visit: VisitId(row.get(2)?),
                zone: row.get(3)?,
                choice: row.get(4)?,
                sku: row.get(5)?,
                reason: row.get(6)?,
                decided_ms: ms(row, 7)?,
                campaign: maybe_id(row, 8, CampaignId)?,
                campaign_version: row.get(9)?,
                arm: row.get(10)?,
                facts: json(row.get(11)?),
            })
        },
    )
}

pub(super) fn messages(db: &Connection, customer: CustomerId) -> Result<Vec<Message>, StoreError> {
    let mut messages = list(
        db,
        "SELECT delivery, store, channel, class, cause, visit, sku, decision, card, campaign,
           version, reward, after_exit, created_ms, relevant_until_ms, state, n, attempts, sent_ms,
           displayed_ms, opened_ms, \"order\"
         FROM deliveries WHERE customer = ?1 ORDER BY created_ms, delivery",
        [customer.0],
        |row| {
            Ok(Message {
                delivery: DeliveryId(row.get(0)?),
                store: row.get(1)?,
                channel: row.get(2)?,
                class: row.get(3)?,
                cause: row.get(4)?,
                visit: maybe_id(row, 5, VisitId)?,
                sku: row.get(6)?,
                decision: maybe_id(row, 7, DecisionId)?,
                card: maybe_id(row, 8, CardId)?,
                campaign: maybe_id(row, 9, CampaignId)?,
                campaign_version: row.get(10)?,
                reward: maybe_id(row, 11, RewardId)?,
                after_exit: row.get(12)?,
                created_ms: ms(row, 13)?,
                relevant_until_ms: ms(row, 14)?,
                state: row.get(15)?,
                n: maybe_ms(row, 16)?,
                attempt_count: row.get(17)?,
                sent_ms: maybe_ms(row, 18)?,
                displayed_ms: maybe_ms(row, 19)?,
                opened_ms: maybe_ms(row, 20)?,
                order: maybe_id(row, 21, OrderId)?,
                said: None,
                attempts: Vec::new(),
                push: None,
            })
        },
    )?;
    for message in &mut messages {
        message.attempts = list(
            db,
            "SELECT attempt, at_ms, result FROM attempts WHERE delivery = ?1 ORDER BY attempt",
            [message.delivery.0],
            |row| {
                Ok(Attempt {
                    attempt: row.get(0)?,
                    at_ms: ms(row, 1)?,
                    result: row.get(2)?,
                })
            },
        )?;
        message.push = push(db, message.delivery)?;
    }
    Ok(messages)
}

fn push(db: &Connection, delivery: DeliveryId) -> Result<Option<Push>, StoreError> {
    let found = db
        .prepare_cached(
            "SELECT state, due_ms, attempts, accepted_ms FROM pushes WHERE delivery = ?1",
        )?
        .query_row([delivery.0], |row| {
            Ok(Push {
                state: row.get(0)?,
                due_ms: ms(row, 1)?,
                attempt_count: row.get(2)?,
                accepted_ms: maybe_ms(row, 3)?,
                attempts: Vec::new(),
            })
        })
        .optional()?;
    let Some(mut push) = found else {
        return Ok(None);
    };
    push.attempts = list(
        db,
        "SELECT attempt, at_ms, kind, result, status, said FROM push_attempts
         WHERE delivery = ?1 ORDER BY attempt",
        [delivery.0],
        |row| {
            Ok(PushAttempt {
                attempt: row.get(0)?,
                at_ms: ms(row, 1)?,
                kind: row.get(2)?,
                result: row.get(3)?,
                status: row.get(4)?,
                said: row.get(5)?,
            })
        },
    )?;
    Ok(Some(push))
}

pub(super) fn walks(db: &Connection, customer: CustomerId) -> Result<Vec<Walk>, StoreError> {
    let mut walks = list(
        db,
        "SELECT store, begun_ms, ended_ms FROM walks WHERE customer = ?1 ORDER BY begun_ms",
        [customer.0],
        |row| {
            Ok(Walk {
                store: row.get(0)?,
                begun_ms: ms(row, 1)?,
                ended_ms: maybe_ms(row, 2)?,
                stands: Vec::new(),
            })
        },
    )?;
    for walk in &mut walks {
        walk.stands = list(
            db,
            "SELECT n, zone, from_ms, to_ms FROM walk_stands WHERE store = ?1 ORDER BY n",
            [&walk.store],
            |row| {
                Ok(Stand {
                    n: row.get(0)?,
                    zone: row.get(1)?,
                    from_ms: ms(row, 2)?,
                    to_ms: maybe_ms(row, 3)?,
                    heard: Vec::new(),
                })
            },
        )?;
        for stand in &mut walk.stands {
            stand.heard = list(
                db,
                "SELECT part, anchor, sightings, sum_dbm, squares FROM walk_parts
                 WHERE store = ?1 AND n = ?2 ORDER BY part, anchor",
                params![walk.store, stand.n],
                |row| {
                    Ok(HeardPart {
                        part: row.get(0)?,
                        anchor: row.get(1)?,
                        sightings: row.get(2)?,
                        sum_dbm: row.get(3)?,
                        squares: row.get(4)?,
                    })
                },
            )?;
        }
    }
    Ok(walks)
}
