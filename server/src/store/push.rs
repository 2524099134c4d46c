//! Ways to a phone that sleeps: addresses, her order of channels, and the row that wakes it.
//!
//! In: registrations, a message that was marked, a provider's answer. Out: what to send now.
//! A message stays one row of the outbox. If she has an address on the first channel that she
//! wants, its marking makes one row here, and that row is judged again when it is marked itself.
//! Invariant: consent, relevance, presence and mutes are judged in the transaction that marks; a
//! marketing row that was marked is never marked again, unless nothing can have left.

use protocol::{CustomerId, DeliveryId, DeviceId};
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{StoreError, from_word, int, outbox, outbox::DeliveryRow, uint, word};
use crate::secret;

/// How long a sender may take before another may try: longer than any request of ours.
pub const LEASE_MS: u64 = 30_000;

/// Addresses of one customer; the oldest goes for a new one.
const ADDRESSES_MAX: u32 = 10;

/// Characters of a provider's words that are kept.
const SAID_LEN_MAX: usize = 200;

/// A way to a device.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A browser (RFC 8030).
    WebPush,
    /// Android, through Firebase Cloud Messaging.
    Fcm,
    /// An iPhone, through Apple.
    Apns,
}

/// What she can put in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// Her stream alone: nothing behind it is ever used.
    InApp,
    /// See [`Kind::WebPush`].
    WebPush,
    /// See [`Kind::Fcm`].
    Fcm,
    /// See [`Kind::Apns`].
    Apns,
}

/// The order without a word of hers: apps before a browser, which may be on a desk at home.
pub const ORDER: [Channel; 4] = [
    Channel::Apns,
    Channel::Fcm,
    Channel::WebPush,
    Channel::InApp,
];

impl Channel {
    fn kind(self) -> Option<Kind> {
        match self {
            Self::InApp => None,
            Self::WebPush => Some(Kind::WebPush),
            Self::Fcm => Some(Kind::Fcm),
            Self::Apns => Some(Kind::Apns),
        }
    }
}

/// Where a device can be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// How.
    pub kind: Kind,
    /// The token, or a subscription's endpoint.
    pub address: String,
    /// A subscription's public key (65 bytes, uncompressed) and secret (16 bytes).
    pub keys: Option<(Vec<u8>, Vec<u8>)>,
}

/// A message to be sent to a device now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushRow {
    /// The message.
    pub message: DeliveryRow,
    /// Where to.
    pub to: Address,
    /// Which try this is, from 1.
    pub attempt: u32,
    /// When it was marked.
    pub marked_ms: u64,
}

/// What becomes of a row after a try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// The provider has it.
    Accepted,
    /// Again, not before then. For marketing only if nothing can have left.
    Again(u64),
    /// No more.
    Failed,
}

/// What came of a try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tried {
    /// What becomes of the row.
    pub next: Next,
    /// The address is dead: forget it.
    pub forget: bool,
    /// The provider does not take our credentials.
    pub alarm: bool,
    /// The HTTP status; none without an answer.
    pub status: Option<u16>,
    /// The provider's word for it, or why there was none.
    pub said: String,
}

/// A provider that needs somebody's hand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Alarm {
    /// Which.
    pub kind: Kind,
    /// Since when.
    pub since_ms: u64,
    /// The last time.
    pub last_ms: u64,
    /// How often.
    pub times: u64,
    /// Its word for it.
    pub said: String,
}

/// Registers where a customer's device can be reached. Of a device there is one address.
pub fn register(
    db: &Connection,
    now_ms: u64,
    customer: CustomerId,
    device: Option<DeviceId>,
    to: &Address,
) -> Result<(), StoreError> {
    if let Some(device) = device {
        unregister_device(db, device)?;
    }
    let (key, secret) = to.keys.clone().unzip();
    db.prepare_cached(
        "INSERT OR REPLACE INTO push_addresses VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?
    .execute(params![
        secret::sha256(&to.address),
        customer.0,
        device.map(|device| device.0),
        word(to.kind),
        to.address,
        key,
        secret,
        int(now_ms)
    ])?;
    db.prepare_cached(
        "DELETE FROM push_addresses WHERE customer = ?1 AND address_sha256 NOT IN
           (SELECT address_sha256 FROM push_addresses WHERE customer = ?1
            ORDER BY registered_ms DESC, address_sha256 LIMIT ?2)",
    )?
    .execute(params![customer.0, ADDRESSES_MAX])?;
    Ok(())
}

/// Forgets the address of a device; one that has none stays so.
pub fn unregister_device(db: &Connection, device: DeviceId) -> Result<(), StoreError> {
    db.prepare_cached("DELETE FROM push_addresses WHERE device = ?1")?
        .execute([device.0])?;
    Ok(())
}

/// How many addresses of a customer are kept.
pub fn address_count(db: &Connection, customer: CustomerId) -> Result<u32, StoreError> {
    Ok(db
        .prepare_cached("SELECT count(*) FROM push_addresses WHERE customer = ?1")?
        .query_row([customer.0], |row| row.get(0))?)
}

/// Forgets an address of a customer; hers alone.
pub fn unregister(db: &Connection, customer: CustomerId, address: &str) -> Result<(), StoreError> {
    db.prepare_cached("DELETE FROM push_addresses WHERE address_sha256 = ?1 AND customer = ?2")?
        .execute(params![secret::sha256(address), customer.0])?;
    Ok(())
}

/// Forgets all addresses of a customer: she agreed to nothing that could be sent there.
pub fn unregister_all(db: &Connection, customer: CustomerId) -> Result<(), StoreError> {
    db.prepare_cached("DELETE FROM push_addresses WHERE customer = ?1")?
        .execute([customer.0])?;
    Ok(())
}

/// Sets her order of channels.
pub fn set_order(
    db: &Connection,
    customer: CustomerId,
    channels: &[Channel],
) -> Result<(), StoreError> {
    let words: Vec<String> = channels.iter().map(word).collect();
    db.prepare_cached("INSERT OR REPLACE INTO channel_orders VALUES (?1, ?2)")?
        .execute(params![customer.0, words.join(",")])?;
    Ok(())
}

/// Her order of channels.
pub fn order(db: &Connection, customer: CustomerId) -> Result<Vec<Channel>, StoreError> {
    let words: Option<String> = db
        .prepare_cached("SELECT channels FROM channel_orders WHERE customer = ?1")?
        .query_row([customer.0], |row| row.get(0))
        .optional()?;
    match words {
        None => Ok(ORDER.to_vec()),
        Some(words) => words
            .split(',')
            .filter(|word| !word.is_empty())
            .map(from_word)
            .collect(),
    }
}

/// The first channel in her order on which a provider of ours knows a device of hers, and of
/// these the one that registered last; none: her stream alone.
fn first_live(
    db: &Connection,
    customer: CustomerId,
    providers: &[Kind],
) -> Result<Option<Address>, StoreError> {
    let mut newest = db.prepare_cached(
        "SELECT address, p256dh, auth FROM push_addresses WHERE customer = ?1 AND kind = ?2
         ORDER BY registered_ms DESC, address_sha256 LIMIT 1",
    )?;
    for channel in order(db, customer)? {
        let Some(kind) = channel.kind() else {
            return Ok(None);
        };
        if !providers.contains(&kind) {
            continue;
        }
        let address = newest.query_row(params![customer.0, word(kind)], |row| {
            let keys: (Option<Vec<u8>>, Option<Vec<u8>>) = (row.get(1)?, row.get(2)?);
            Ok(Address {
                kind,
                address: row.get(0)?,
                keys: keys.0.zip(keys.1),
            })
        });
        if let Some(address) = address.optional()? {
            return Ok(Some(address));
        }
    }
    Ok(None)
}

/// Makes the row that wakes a device, in the transaction that put the message into her stream.
pub fn follow_up(
    db: &Connection,
    now_ms: u64,
    message: &DeliveryRow,
    providers: &[Kind],
) -> Result<(), StoreError> {
    if first_live(db, message.customer, providers)?.is_some() {
        db.prepare_cached(
            "INSERT OR IGNORE INTO pushes (delivery, state, due_ms) VALUES (?1, 'pending', ?2)",
        )?
        .execute(params![message.delivery.0, int(now_ms)])?;
    }
    Ok(())
}

/// Marks at most `rows_max` rows that are due as being sent, and returns them.
pub fn lease(
    db: &Connection,
    now_ms: u64,
    providers: &[Kind],
    rows_max: usize,
) -> Result<Vec<PushRow>, StoreError> {
    let close = |delivery: DeliveryId, state: &str| {
        let mut close = db.prepare_cached("UPDATE pushes SET state = ?2 WHERE delivery = ?1")?;
        close.execute(params![delivery.0, state])?;
        Ok::<_, StoreError>(())
    };
    let due: Vec<(DeliveryId, bool, u32)> = db
        .prepare_cached(
            "SELECT delivery, state = 'sending', attempts FROM pushes
             WHERE state IN ('pending', 'sending') AND due_ms <= ?1 ORDER BY due_ms LIMIT ?2",
        )?
        .query_map(params![int(now_ms), int(rows_max as u64)], |row| {
            Ok((DeliveryId(row.get(0)?), row.get(1)?, row.get(2)?))
        })?
        .collect::<Result<_, _>>()?;
    let mut leased = Vec::with_capacity(due.len());
    for (delivery, was_sending, attempts) in due {
        let Some(message) = outbox::row(db, delivery)? else {
            continue;
        };
        if message.marketing && was_sending {
            // It may be on her screen: see the head of `deliver::push`.
            close(delivery, "unknown")?;
        } else if let Some(state) = outbox::objection(db, now_ms, &message)? {
            close(delivery, state)?;
        } else if let Some(to) = first_live(db, message.customer, providers)? {
            let attempt = attempts + 1;
            db.prepare_cached(
                "UPDATE pushes SET state = 'sending', due_ms = ?2, attempts = ?3
                 WHERE delivery = ?1",
            )?
            .execute(params![delivery.0, int(now_ms + LEASE_MS), attempt])?;
            db.prepare_cached(
                "INSERT INTO push_attempts VALUES (?1, ?2, ?3, ?4, 'sending', NULL, NULL)",
            )?
            .execute(params![delivery.0, attempt, int(now_ms), word(to.kind)])?;
            leased.push(PushRow {
                message,
                to,
                attempt,
                marked_ms: now_ms,
            });
        } else {
            close(delivery, "unreachable")?;
        }
    }
    Ok(leased)
}

/// Records what came of a try.
pub fn record(
    db: &Connection,
    now_ms: u64,
    row: &PushRow,
    tried: &Tried,
) -> Result<(), StoreError> {
    let (state, due_ms) = match tried.next {
        Next::Accepted => ("accepted", now_ms),
        Next::Again(due_ms) => ("pending", due_ms),
        Next::Failed => ("failed", now_ms),
    };
    // A try that outlived its lease may meet a later one; an acceptance counts all the same.
    db.prepare_cached(
        "UPDATE pushes SET state = ?3, due_ms = ?4,
           accepted_ms = coalesce(accepted_ms, CASE WHEN ?3 = 'accepted' THEN ?5 END)
         WHERE delivery = ?1 AND state IN ('sending', 'unknown')
           AND (attempts = ?2 OR ?3 = 'accepted')",
    )?
    .execute(params![
        row.message.delivery.0,
        row.attempt,
        state,
        int(due_ms),
        int(now_ms)
    ])?;
    let said: String = tried.said.chars().take(SAID_LEN_MAX).collect();
    db.prepare_cached(
        "UPDATE push_attempts SET result = ?3, status = ?4, said = ?5
         WHERE delivery = ?1 AND attempt = ?2",
    )?
    .execute(params![
        row.message.delivery.0,
        row.attempt,
        state,
        tried.status,
        said
    ])?;
    if tried.forget {
        // An app that registered it anew since then knows better.
        db.prepare_cached(
            "DELETE FROM push_addresses WHERE address_sha256 = ?1 AND registered_ms <= ?2",
        )?
        .execute(params![secret::sha256(&row.to.address), int(row.marked_ms)])?;
    }
    if tried.alarm {
        db.prepare_cached(
            "INSERT INTO provider_alarms VALUES (?1, ?2, ?2, 1, ?3)
             ON CONFLICT DO UPDATE SET last_ms = ?2, times = times + 1, said = ?3",
        )?
        .execute(params![word(row.to.kind), int(now_ms), said])?;
    } else if tried.next == Next::Accepted {
        db.prepare_cached("DELETE FROM provider_alarms WHERE kind = ?1")?
            .execute([word(row.to.kind)])?;
    }
    Ok(())
}

/// Providers that do not take our credentials.
pub fn alarms(db: &Connection) -> Result<Vec<Alarm>, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT kind, since_ms, last_ms, times, said FROM provider_alarms ORDER BY kind",
    )?;
    let rows = statement.query_map([], |row| {
        let kind: String = row.get(0)?;
        Ok((kind, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
    })?;
    let mut alarms = Vec::new();
    for row in rows {
        let (kind, since_ms, last_ms, times, said) = row?;
        alarms.push(Alarm {
            kind: from_word(&kind)?,
            since_ms: uint(since_ms),
            last_ms: uint(last_ms),
            times: uint(times),
            said,
        });
    }
    Ok(alarms)
}

/// How far messages got.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Funnel {
    /// Decided on.
    pub decided: u64,
    /// Marked and put into her stream.
    pub sent: u64,
    /// A provider took it.
    pub accepted: u64,
    /// A device said that it showed it.
    pub displayed: u64,
    /// She opened it.
    pub opened: u64,
}

/// The messages of a store, or of one of its campaigns.
pub fn funnel(
    db: &Connection,
    store: &protocol::StoreId,
    campaign: Option<protocol::CampaignId>,
) -> Result<Funnel, StoreError> {
    let row = db
        .prepare_cached(
            "SELECT count(*), count(d.sent_ms), count(p.accepted_ms), count(d.displayed_ms),
               count(d.opened_ms)
             FROM deliveries d LEFT JOIN pushes p USING (delivery)
             WHERE d.store = ?1 AND (?2 IS NULL OR d.campaign = ?2)",
        )?
        .query_row(params![store.as_str(), campaign.map(|c| c.0)], |row| {
            Ok([
                row.get(0)?,
                row.get(1)?,
                row.get(2)?,
                row.get(3)?,
                row.get(4)?,
            ])
        })?;
    let [decided, sent, accepted, displayed, opened] = row.map(uint);
    Ok(Funnel {
        decided,
        sent,
        accepted,
        displayed,
        opened,
    })
}
