//! Colleagues' phones, and what they are to be told of cards.
//!
//! In: registrations, cards as they are written, a provider's answer. Out: what to send now.
//! pending -> sending -> accepted | failed, or without sending: expired. A row is sent at least once,
//! always under the card's id, so that a phone has one notification of it; once somebody goes, the
//! same row takes the notification back, or is dropped if it never left.
//! Invariant: rows are written in the transaction of the card; whether a card still calls is judged
//! in the transaction that marks.

use engine::outcome::{Call, Card};
use protocol::{CardId, StoreId};
use rusqlite::{Connection, params};

use super::{
    StoreError, board, int, parsed,
    push::{Address, Kind, Next},
    uint,
};
use crate::secret;

/// How long a sender may take before another may try.
const LEASE_MS: u64 = 30_000;
/// A card that calls is news for this long.
const RELEVANT_MS: u64 = 600_000;
/// Phones of one store at most; the oldest goes for a new one.
const ADDRESSES_MAX: u32 = 100;

/// A colleague's phone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaffPhone {
    /// The session that it belongs to.
    pub session: [u8; 32],
    /// Of which store's cards it hears.
    pub store: StoreId,
    /// Where it can be reached; a browser.
    pub to: Address,
    /// In which words: `nl`, `en`.
    pub language: String,
}

/// What is to be sent to a phone now.
#[derive(Debug, Clone, PartialEq)]
pub struct StaffPushRow {
    /// The card as it stands.
    pub card: Card,
    /// Its store.
    pub store: StoreId,
    /// Where to.
    pub to: Address,
    /// In which words.
    pub language: String,
    /// It calls; else what was said is taken back.
    pub calls: bool,
    /// Which try this is, from 1.
    pub attempt: u32,
    /// Pointless from then on.
    pub relevant_until_ms: u64,
}

/// Registers a phone; one that was there is the newer session's.
pub fn register(db: &Connection, now_ms: u64, phone: &StaffPhone) -> Result<(), StoreError> {
    let (key, auth) = phone.to.keys.clone().unwrap_or_default();
    db.prepare_cached(
        "INSERT INTO staff_addresses VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
         ON CONFLICT DO UPDATE SET session = ?2, store = ?3, language = ?7, registered_ms = ?8",
    )?
    .execute(params![
        secret::sha256(&phone.to.address),
        phone.session,
        phone.store.as_str(),
        phone.to.address,
        key,
        auth,
        phone.language,
        int(now_ms)
    ])?;
    db.prepare_cached(
        "DELETE FROM staff_addresses WHERE store = ?1 AND address_sha256 NOT IN
           (SELECT address_sha256 FROM staff_addresses WHERE store = ?1
            ORDER BY registered_ms DESC, address_sha256 LIMIT ?2)",
    )?
    .execute(params![phone.store.as_str(), ADDRESSES_MAX])?;
    Ok(())
}

/// Forgets a phone of this session.
pub fn unregister(db: &Connection, session: &[u8; 32], address: &str) -> Result<(), StoreError> {
    db.prepare_cached("DELETE FROM staff_addresses WHERE address_sha256 = ?1 AND session = ?2")?
        .execute(params![secret::sha256(address), session])?;
    Ok(())
}

/// How many phones this session has.
pub fn count(db: &Connection, session: &[u8; 32]) -> Result<u32, StoreError> {
    Ok(db
        .prepare_cached("SELECT count(*) FROM staff_addresses WHERE session = ?1")?
        .query_row([session], |row| row.get(0))?)
}

/// A card is new or calls louder: all phones of the store are told; at the last rung the managers'.
pub fn tell(
    db: &Connection,
    now_ms: u64,
    store: &StoreId,
    card: CardId,
    call: Option<Call>,
) -> Result<(), StoreError> {
    db.prepare_cached(
        "INSERT INTO staff_pushes
         SELECT ?1, address_sha256, 'pending', NULL, ?3, 0, ?4 FROM staff_addresses a
         JOIN sessions s ON s.token_sha256 = a.session JOIN staff USING (staff)
         WHERE a.store = ?2 AND s.expires_ms > ?3 AND (NOT ?5 OR role <> 'staff')
         ON CONFLICT DO UPDATE SET state = 'pending', due_ms = ?3, attempts = 0,
           relevant_until_ms = ?4",
    )?
    .execute(params![
        card.0,
        store.as_str(),
        int(now_ms),
        int(now_ms + RELEVANT_MS),
        call == Some(Call::Manager),
    ])?;
    Ok(())
}

/// A card was written: phones on which it calls in vain are told, and those on which it calls no
/// more since somebody let it go.
pub fn follow(db: &Connection, now_ms: u64, card: &Card) -> Result<(), StoreError> {
    let (said, other) = if calls(card) {
        ("over", "call")
    } else {
        ("call", "over")
    };
    db.prepare_cached(
        "UPDATE staff_pushes SET state = 'pending', due_ms = ?2, attempts = 0,
           relevant_until_ms = ?4 WHERE card = ?1 AND said = ?3",
    )?
    .execute(params![
        card.card.0,
        int(now_ms),
        said,
        int(now_ms + RELEVANT_MS)
    ])?;
    // On its way with what is true again: nothing to add.
    db.prepare_cached(
        "UPDATE staff_pushes SET state = 'expired' WHERE card = ?1 AND state = 'pending'
           AND (said = ?2 OR (said IS NULL AND ?2 = 'over'))",
    )?
    .execute(params![card.card.0, other])?;
    Ok(())
}

/// Whether somebody should go.
fn calls(card: &Card) -> bool {
    card.journey.is_here() && card.taken_by.is_none() && !card.not_here
}

/// Marks at most `rows_max` rows that are due as being sent, and returns them.
pub fn lease(
    db: &Connection,
    now_ms: u64,
    rows_max: usize,
) -> Result<Vec<StaffPushRow>, StoreError> {
    db.prepare_cached(
        "UPDATE staff_pushes SET state = 'expired'
         WHERE state IN ('pending', 'sending') AND relevant_until_ms <= ?1",
    )?
    .execute([int(now_ms)])?;
    db.prepare_cached(
        "DELETE FROM staff_addresses WHERE session IN
           (SELECT token_sha256 FROM sessions WHERE expires_ms <= ?1)",
    )?
    .execute([int(now_ms)])?;
    let mut due = db.prepare_cached(
        "SELECT card, address_sha256, a.store, address, p256dh, auth, language, attempts + 1,
           relevant_until_ms
         FROM staff_pushes JOIN staff_addresses a USING (address_sha256)
         WHERE state IN ('pending', 'sending') AND due_ms <= ?1 ORDER BY due_ms LIMIT ?2",
    )?;
    let mut rows = due.query(params![int(now_ms), int(rows_max as u64)])?;
    let mut leased = Vec::new();
    while let Some(row) = rows.next()? {
        let store: StoreId = parsed(row.get_ref(2)?.as_str().map_err(rusqlite::Error::from)?)?;
        let id = CardId(row.get(0)?);
        let card = board::card(db, &store, id)?.card;
        let calls = calls(&card);
        db.prepare_cached(
            "UPDATE staff_pushes SET state = 'sending', said = ?3, due_ms = ?4,
               attempts = attempts + 1 WHERE card = ?1 AND address_sha256 = ?2",
        )?
        .execute(params![
            id.0,
            row.get::<_, Vec<u8>>(1)?,
            if calls { "call" } else { "over" },
            int(now_ms + LEASE_MS)
        ])?;
        leased.push(StaffPushRow {
            card,
            store,
            to: Address {
                kind: Kind::WebPush,
                address: row.get(3)?,
                keys: Some((row.get(4)?, row.get(5)?)),
            },
            language: row.get(6)?,
            calls,
            attempt: row.get(7)?,
            relevant_until_ms: uint(row.get(8)?),
        });
    }
    Ok(leased)
}

/// Records what came of a try. What changed meanwhile is due again and stays so.
pub fn record(
    db: &Connection,
    now_ms: u64,
    row: &StaffPushRow,
    next: Next,
    forget: bool,
) -> Result<(), StoreError> {
    let address = secret::sha256(&row.to.address);
    if forget {
        db.prepare_cached("DELETE FROM staff_addresses WHERE address_sha256 = ?1")?
            .execute([address])?;
        return Ok(());
    }
    let (state, due_ms) = match next {
        Next::Accepted => ("accepted", now_ms),
        Next::Again(due_ms) => ("pending", due_ms),
        Next::Failed => ("failed", now_ms),
    };
    db.prepare_cached(
        "UPDATE staff_pushes SET state = ?3, due_ms = ?4
         WHERE card = ?1 AND address_sha256 = ?2 AND state = 'sending' AND attempts = ?5",
    )?
    .execute(params![
        row.card.card.0,
        address,
        state,
        int(due_ms),
        row.attempt
    ])?;
    Ok(())
}
