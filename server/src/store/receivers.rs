//! Receivers of the shop's own, and what is for them.
//!
//! In: what happened, in the transaction in which it is written. Out: messages to be sent now.
//! pending -> sending -> delivered | failed. A message is sent at least once, under one id, by which
//! the receiver knows it again.
//! Invariant: a message is written with its cause or not at all; it goes with whom it is about.

use protocol::{CustomerId, StoreId};
use rusqlite::{Connection, OptionalExtension, Params, params};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{StoreError, from_word, int, uint, word};
use crate::{localtime, secret};

/// How long a sender may take before another may try: longer than any request of ours.
const LEASE_MS: u64 = 30_000;
/// Receivers at most: each event is looked up for each.
pub const WEBHOOKS_MAX: u32 = 20;
/// Messages of a receiver that are kept once they are done.
const DONE_KEPT: u32 = 1_000;
/// Characters of a receiver's answer that are kept.
const SAID_LEN_MAX: usize = 200;

/// What can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub enum Event {
    /// A message went out.
    #[serde(rename = "message.sent")]
    MessageSent,
    /// Somebody is in the store.
    #[serde(rename = "visit.entered")]
    VisitEntered,
    /// Her visit is over.
    #[serde(rename = "visit.left")]
    VisitLeft,
    /// She came for her order.
    #[serde(rename = "card.arrived")]
    CardArrived,
    /// Her order has just been set aside.
    #[serde(rename = "order.ready")]
    OrderReady,
    /// Her radios are heard in the store, with zones and how likely each is.
    #[serde(rename = "journey.arrived")]
    JourneyArrived,
    /// She says herself that she waits for it.
    #[serde(rename = "journey.waiting")]
    JourneyWaiting,
    /// She left without it.
    #[serde(rename = "journey.departed_unserved")]
    JourneyDepartedUnserved,
    /// Nobody goes to her: all are called, then the manager.
    #[serde(rename = "journey.escalated")]
    JourneyEscalated,
    /// It was handed over at the desk, for good.
    #[serde(rename = "order.completed")]
    OrderCompleted,
    /// Staff took back what she returned, for good: her money may go back.
    #[serde(rename = "return.accepted")]
    ReturnAccepted,
}

impl Event {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::MessageSent,
        Self::VisitEntered,
        Self::VisitLeft,
        Self::CardArrived,
        Self::OrderReady,
        Self::JourneyArrived,
        Self::JourneyWaiting,
        Self::JourneyDepartedUnserved,
        Self::JourneyEscalated,
        Self::OrderCompleted,
        Self::ReturnAccepted,
    ];
}

/// A receiver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookRow {
    /// Which.
    pub webhook: Uuid,
    /// As people call it.
    pub name: String,
    /// Where it listens.
    pub url: String,
    /// What is signed with: `whsec_` and base64.
    pub secret: String,
    /// What it wants to hear.
    pub events: Vec<Event>,
    /// Since when it says 410: nothing goes there until it is put again.
    pub gone_ms: Option<u64>,
}

/// A message to be sent now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// Which: its `webhook-id`.
    pub message: Uuid,
    /// Where to.
    pub url: String,
    /// What is signed with.
    pub secret: String,
    /// What is sent, byte for byte.
    pub body: String,
    /// Which try this is, from 1.
    pub attempt: u32,
}

/// What becomes of a message after a try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// The receiver has it.
    Delivered,
    /// Again, not before then.
    Again(u64),
    /// No more, unless somebody asks.
    Failed,
    /// No more, and nothing else either: the receiver is gone.
    Gone,
}

/// A message, as whoever looks after receivers sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct MessageRow {
    /// Which.
    #[schema(value_type = String)]
    pub message: Uuid,
    /// What happened.
    pub event: Event,
    /// `pending`, `sending`, `delivered` or `failed`.
    pub state: String,
    /// When it happened.
    pub created_ms: u64,
    /// When it is tried again.
    pub due_ms: u64,
    /// Tries so far.
    pub attempts: u32,
    /// The receiver's last HTTP status.
    pub status: Option<u16>,
    /// Why the last try came to nothing.
    pub said: Option<String>,
}

/// A new id: later ones sort later (UUID version 7).
pub fn fresh(now_ms: u64, random: [u8; 10]) -> Uuid {
    uuid::Builder::from_unix_timestamp_millis(now_ms, &random).into_uuid()
}

/// Sets a receiver up, or changes it; one that was gone gets another chance.
pub fn put(db: &Connection, now_ms: u64, row: &WebhookRow) -> Result<(), StoreError> {
    let events: Vec<String> = row.events.iter().map(word).collect();
    db.prepare_cached(
        "INSERT INTO webhooks VALUES (?1, ?2, ?3, ?4, ?5, ?6, NULL)
         ON CONFLICT (name) DO UPDATE SET url = ?3, secret = ?4, events = ?5, gone_ms = NULL",
    )?
    .execute(params![
        row.webhook,
        row.name,
        row.url,
        row.secret,
        events.join(","),
        int(now_ms)
    ])?;
    let count: u32 = db.query_row("SELECT count(*) FROM webhooks", [], |row| row.get(0))?;
    if count > WEBHOOKS_MAX {
        return Err(StoreError::Conflict(format!(
            "at most {WEBHOOKS_MAX} webhooks"
        )));
    }
    Ok(())
}

/// Forgets a receiver with all that was for it.
pub fn delete(db: &Connection, name: &str) -> Result<(), StoreError> {
    let gone = db
        .prepare_cached("DELETE FROM webhooks WHERE name = ?1")?
        .execute([name])?;
    if gone == 0 {
        Err(StoreError::NotFound("webhook"))
    } else {
        Ok(())
    }
}

/// All receivers, by name.
pub fn all(db: &Connection) -> Result<Vec<WebhookRow>, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT webhook, name, url, secret, events, gone_ms FROM webhooks ORDER BY name",
    )?;
    let mut rows = statement.query([])?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        let events: String = row.get(4)?;
        all.push(WebhookRow {
            webhook: row.get(0)?,
            name: row.get(1)?,
            url: row.get(2)?,
            secret: row.get(3)?,
            events: events.split(',').map(from_word).collect::<Result<_, _>>()?,
            gone_ms: row.get::<_, Option<i64>>(5)?.map(uint),
        });
    }
    Ok(all)
}

/// Tells all who want to hear it. The body is as Standard Webhooks 1.0.0 has it, "Payload
/// structure".
pub fn tell(
    db: &Connection,
    now_ms: u64,
    event: Event,
    store: &StoreId,
    customer: CustomerId,
    more: Value,
) -> Result<(), StoreError> {
    let listeners = all(db)?;
    let listeners = listeners
        .iter()
        .filter(|row| row.gone_ms.is_none() && row.events.contains(&event));
    let mut data = json!({ "store": store, "customer": customer });
    if let (Some(data), Value::Object(more)) = (data.as_object_mut(), more) {
        data.extend(more);
    }
    let body = json!({ "type": event, "timestamp": localtime::rfc3339(now_ms), "data": data });
    let body = body.to_string();
    for listener in listeners {
        let message = fresh(now_ms, secret::random()?);
        db.prepare_cached(
            "INSERT INTO webhook_messages (message, webhook, customer, event, body, created_ms,
               state, due_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'pending', ?6)",
        )?
        .execute(params![
            message,
            listener.webhook,
            customer.0,
            word(event),
            body,
            int(now_ms)
        ])?;
        db.prepare_cached(
            "DELETE FROM webhook_messages WHERE webhook = ?1 AND state IN ('delivered', 'failed')
             AND message < (SELECT message FROM webhook_messages WHERE webhook = ?1
                            ORDER BY message DESC LIMIT 1 OFFSET ?2)",
        )?
        .execute(params![listener.webhook, DONE_KEPT])?;
    }
    Ok(())
}

/// Marks at most `rows_max` messages that are due as being sent, and returns them.
pub fn lease(db: &Connection, now_ms: u64, rows_max: usize) -> Result<Vec<Due>, StoreError> {
    let mut statement = db.prepare_cached(
        "UPDATE webhook_messages SET state = 'sending', due_ms = ?2, attempts = attempts + 1
         FROM webhooks w WHERE w.webhook = webhook_messages.webhook AND message IN
           (SELECT m.message FROM webhook_messages m JOIN webhooks USING (webhook)
            WHERE m.state IN ('pending', 'sending') AND m.due_ms <= ?1 AND gone_ms IS NULL
            ORDER BY m.due_ms LIMIT ?3)
         RETURNING message, (SELECT url FROM webhooks x WHERE x.webhook = webhook_messages.webhook),
           (SELECT secret FROM webhooks x WHERE x.webhook = webhook_messages.webhook), body, attempts",
    )?;
    let key = params![int(now_ms), int(now_ms + LEASE_MS), int(rows_max as u64)];
    let rows = statement.query_map(key, |row| {
        Ok(Due {
            message: row.get(0)?,
            url: row.get(1)?,
            secret: row.get(2)?,
            body: row.get(3)?,
            attempt: row.get(4)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Records what came of a try.
pub fn record(
    db: &Connection,
    now_ms: u64,
    due: &Due,
    next: Next,
    status: Option<u16>,
    said: &str,
) -> Result<(), StoreError> {
    let (state, due_ms) = match next {
        Next::Delivered => ("delivered", now_ms),
        Next::Again(due_ms) => ("pending", due_ms),
        Next::Failed | Next::Gone => ("failed", now_ms),
    };
    let said: String = said.chars().take(SAID_LEN_MAX).collect();
    // A try that outlived its lease does not undo what a later one did.
    db.prepare_cached(
        "UPDATE webhook_messages SET state = ?3, due_ms = ?4, status = ?5, said = nullif(?6, '')
         WHERE message = ?1 AND state = 'sending' AND attempts = ?2",
    )?
    .execute(params![
        due.message,
        due.attempt,
        state,
        int(due_ms),
        status,
        said
    ])?;
    if next == Next::Gone {
        db.prepare_cached(
            "UPDATE webhooks SET gone_ms = ?2 WHERE url = ?3 AND webhook =
               (SELECT webhook FROM webhook_messages WHERE message = ?1)",
        )?
        .execute(params![due.message, int(now_ms), due.url])?;
    }
    Ok(())
}

/// A receiver's messages, oldest first, after one of them.
pub fn messages(
    db: &Connection,
    name: &str,
    after: Option<Uuid>,
    limit: u32,
) -> Result<Vec<MessageRow>, StoreError> {
    let webhook: Option<Uuid> = db
        .prepare_cached("SELECT webhook FROM webhooks WHERE name = ?1")?
        .query_row([name], |row| row.get(0))
        .optional()?;
    let webhook = webhook.ok_or(StoreError::NotFound("webhook"))?;
    let sql = format!(
        "SELECT {MESSAGE} FROM webhook_messages WHERE webhook = ?1 AND (?3 IS NULL OR message > ?3)
         ORDER BY message LIMIT ?2"
    );
    read_messages(db, &sql, params![webhook, limit, after])
}

const MESSAGE: &str = "message, event, state, created_ms, due_ms, attempts, status, said";

fn read_messages(
    db: &Connection,
    sql: &str,
    key: impl Params,
) -> Result<Vec<MessageRow>, StoreError> {
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query(key)?;
    let mut messages = Vec::new();
    while let Some(row) = rows.next()? {
        let event: String = row.get(1)?;
        messages.push(MessageRow {
            message: row.get(0)?,
            event: from_word(&event)?,
            state: row.get(2)?,
            created_ms: uint(row.get(3)?),
            due_ms: uint(row.get(4)?),
            attempts: row.get(5)?,
            status: row.get(6)?,
            said: row.get(7)?,
        });
    }
    Ok(messages)
}

/// How a receiver does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// The message that was tried last, with its answer.
    pub last: Option<MessageRow>,
    /// Messages that are to be sent still.
    pub waiting: u64,
    /// Messages that were given up.
    pub failed: u64,
    /// The newest of those.
    pub given_up: Vec<MessageRow>,
}

/// How a receiver does, with at most so many of the messages that were given up.
pub fn health(db: &Connection, webhook: Uuid, given_up_max: u32) -> Result<Health, StoreError> {
    let tried = format!(
        "SELECT {MESSAGE} FROM webhook_messages WHERE webhook = ?1 AND attempts > 0
         ORDER BY due_ms DESC LIMIT 1"
    );
    let given_up = format!(
        "SELECT {MESSAGE} FROM webhook_messages WHERE webhook = ?1 AND state = 'failed'
         ORDER BY message DESC LIMIT ?2"
    );
    let (waiting, failed): (i64, i64) = db
        .prepare_cached(
            "SELECT count(*) FILTER (WHERE state IN ('pending', 'sending')),
               count(*) FILTER (WHERE state = 'failed')
             FROM webhook_messages WHERE webhook = ?1",
        )?
        .query_row([webhook], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(Health {
        last: read_messages(db, &tried, [webhook])?.pop(),
        waiting: uint(waiting),
        failed: uint(failed),
        given_up: read_messages(db, &given_up, params![webhook, given_up_max])?,
    })
}

/// Sends a message of a receiver again from the start, under the same id.
pub fn replay(db: &Connection, now_ms: u64, name: &str, message: Uuid) -> Result<(), StoreError> {
    let found = db
        .prepare_cached(
            "UPDATE webhook_messages SET state = 'pending', due_ms = ?3, attempts = 0
             WHERE message = ?2 AND state <> 'sending'
               AND webhook = (SELECT webhook FROM webhooks WHERE name = ?1)",
        )?
        .execute(params![name, message, int(now_ms)])?;
    if found == 0 {
        Err(StoreError::NotFound("message that rests"))
    } else {
        Ok(())
    }
}
