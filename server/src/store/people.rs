//! Customers, their consent, devices and radios.

use std::collections::HashMap;

use engine::input::Consent;
use protocol::{CustomerId, DeviceId, EidKey, RadioId};
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};

use super::{StoreError, int, uint};

/// A shopper.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomerRow {
    /// Her id.
    pub customer: CustomerId,
    /// The shop's own id.
    pub external_id: String,
    /// First name.
    pub given_name: String,
    /// Last name.
    pub family_name: String,
    /// As she chose it, or none.
    pub salutation: Option<String>,
    /// `nl` or `en`.
    pub language: String,
}

/// The purposes of the consent ledger, in the order of the switches.
pub const PURPOSES: [&str; 4] = ["arrival", "messages", "browsing", "statistics"];

/// Since when each purpose is allowed; none: it is not.
pub type ConsentSince = [Option<u64>; 4];

/// The switches now.
pub fn switches(since: &ConsentSince) -> Consent {
    switches_at(since, u64::MAX)
}

/// The switches that were on already at a moment.
pub fn switches_at(since: &ConsentSince, at_ms: u64) -> Consent {
    let on = |i: usize| since[i].is_some_and(|from| from <= at_ms);
    Consent {
        arrival: on(0),
        messages: on(1),
        browsing: on(2),
        statistics: on(3),
    }
}

/// Makes a customer, or finds the one whom the shop knows by the same id. True: made now.
pub fn put_customer(
    db: &Connection,
    now_ms: u64,
    row: &CustomerRow,
) -> Result<(CustomerId, bool), StoreError> {
    if let Some(known) = by_external_id(db, &row.external_id)? {
        return Ok((known, false));
    }
    db.prepare_cached("INSERT INTO customers VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?
        .execute(params![
            row.customer.0,
            row.external_id,
            row.given_name,
            row.family_name,
            row.salutation,
            row.language,
            int(now_ms)
        ])?;
    Ok((row.customer, true))
}

/// One customer.
pub fn customer(db: &Connection, customer: CustomerId) -> Result<CustomerRow, StoreError> {
    db.prepare_cached(
        "SELECT external_id, given_name, family_name, salutation, language FROM customers
         WHERE customer = ?1",
    )?
    .query_row([customer.0], |row| {
        Ok(CustomerRow {
            customer,
            external_id: row.get(0)?,
            given_name: row.get(1)?,
            family_name: row.get(2)?,
            salutation: row.get(3)?,
            language: row.get(4)?,
        })
    })
    .optional()?
    .ok_or(StoreError::NotFound("customer"))
}

/// Gives a customer another name; an empty one changes nothing.
pub fn rename_customer(
    db: &Connection,
    customer: CustomerId,
    given_name: &str,
    family_name: &str,
) -> Result<(), StoreError> {
    db.prepare_cached(
        "UPDATE customers SET given_name = coalesce(nullif(?2, ''), given_name),
           family_name = coalesce(nullif(?3, ''), family_name)
         WHERE customer = ?1",
    )?
    .execute(params![customer.0, given_name, family_name])?;
    Ok(())
}

/// The customer whom the shop knows by this id.
pub fn by_external_id(
    db: &Connection,
    external_id: &str,
) -> Result<Option<CustomerId>, StoreError> {
    Ok(db
        .prepare_cached("SELECT customer FROM customers WHERE external_id = ?1")?
        .query_row([external_id], |row| Ok(CustomerId(row.get(0)?)))
        .optional()?)
}

/// Erases a customer and all rows that are hers (foreign keys cascade), also where an answer that
/// is kept for a repetition names her.
pub fn erase_customer(db: &Connection, customer: CustomerId) -> Result<(), StoreError> {
    db.prepare_cached("DELETE FROM idempotency WHERE instr(CAST(body AS TEXT), ?1) > 0")?
        .execute([customer.to_string()])?;
    super::sources::forget_customer(db, customer)?;
    let gone = db
        .prepare_cached("DELETE FROM customers WHERE customer = ?1")?
        .execute([customer.0])?;
    if gone == 0 {
        Err(StoreError::NotFound("customer"))
    } else {
        Ok(())
    }
}

/// One entry of the consent ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsentEntry {
    /// Which purpose, of [`PURPOSES`].
    pub purpose: &'static str,
    /// Yes or no.
    pub granted: bool,
    /// The version of the words that she saw.
    pub text_version: String,
    /// Their language.
    pub language: String,
    /// Where she said it: `app`, `page`, `import`.
    pub source: &'static str,
}

/// Adds to the ledger.
pub fn record_consent(
    db: &Connection,
    now_ms: u64,
    customer: CustomerId,
    entry: &ConsentEntry,
) -> Result<(), StoreError> {
    db.prepare_cached(
        "INSERT INTO consent_ledger
           (customer, purpose, granted, text_version, language, source, at_ms)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![
        customer.0,
        entry.purpose,
        entry.granted,
        entry.text_version,
        entry.language,
        entry.source,
        int(now_ms)
    ])?;
    Ok(())
}

/// Since when each purpose has been allowed, of everybody who ever answered: one pass over the
/// ledger, for a server that starts.
pub fn all_consents(db: &Connection) -> Result<HashMap<CustomerId, ConsentSince>, StoreError> {
    let mut all: HashMap<CustomerId, ConsentSince> = HashMap::new();
    let mut statement = db.prepare_cached(
        "SELECT customer, purpose, granted, at_ms FROM consent_ledger ORDER BY entry",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let since = all.entry(CustomerId(row.get(0)?)).or_default();
        let purpose = row.get_ref(1)?.as_str().unwrap_or_default();
        answer(since, purpose, row.get(2)?, uint(row.get(3)?));
    }
    Ok(all)
}

/// One entry of the ledger after those before it.
fn answer(since: &mut ConsentSince, purpose: &str, granted: bool, at_ms: u64) {
    if let Some(i) = PURPOSES.iter().position(|p| *p == purpose) {
        since[i] = granted.then(|| since[i].unwrap_or(at_ms));
    }
}

/// Since when each purpose has been allowed without a break.
pub fn consent_since(db: &Connection, customer: CustomerId) -> Result<ConsentSince, StoreError> {
    let mut since = [None; 4];
    let mut statement = db.prepare_cached(
        "SELECT purpose, granted, at_ms FROM consent_ledger WHERE customer = ?1 ORDER BY entry",
    )?;
    let mut rows = statement.query([customer.0])?;
    while let Some(row) = rows.next()? {
        let purpose = row.get_ref(0)?.as_str().unwrap_or_default();
        answer(&mut since, purpose, row.get(1)?, uint(row.get(2)?));
    }
    Ok(since)
}

/// A device and what it signs with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceRow {
    /// The device.
    pub device: DeviceId,
    /// Whose.
    pub customer: CustomerId,
    /// The key of its signatures; none for a fob.
    pub signing_key: Option<Vec<u8>>,
}

/// Adds a device.
pub fn add_device(
    db: &Connection,
    now_ms: u64,
    row: &DeviceRow,
    platform: &str,
    token_sha256: Option<&[u8; 32]>,
) -> Result<(), StoreError> {
    db.prepare_cached("INSERT INTO devices VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
        .execute(params![
            row.device.0,
            row.customer.0,
            platform,
            token_sha256,
            row.signing_key,
            int(now_ms)
        ])?;
    Ok(())
}

/// The device that holds this token.
pub fn device_by_token(
    db: &Connection,
    token_sha256: &[u8; 32],
) -> Result<Option<DeviceRow>, StoreError> {
    Ok(db
        .prepare_cached(
            "SELECT device, customer, signing_key FROM devices WHERE token_sha256 = ?1",
        )?
        .query_row([token_sha256.as_slice()], |row| {
            Ok(DeviceRow {
                device: DeviceId(row.get(0)?),
                customer: CustomerId(row.get(1)?),
                signing_key: row.get(2)?,
            })
        })
        .optional()?)
}

/// What a device advertises with, for a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RadioRow {
    /// The radio.
    pub radio: RadioId,
    /// Its device.
    pub device: DeviceId,
    /// Whose.
    pub customer: CustomerId,
    /// Its identity key.
    pub key: EidKey,
    /// Added to Unix time for its own count of seconds.
    pub clock_offset_s: u32,
    /// Since when it resolves.
    pub valid_from_ms: u64,
    /// Until when; none: still.
    pub valid_to_ms: Option<u64>,
}

/// Adds a radio.
pub fn add_radio(db: &Connection, row: &RadioRow) -> Result<(), StoreError> {
    db.prepare_cached("INSERT INTO radios VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?
        .execute(params![
            row.radio.0,
            row.device.0,
            row.customer.0,
            row.key.0,
            row.clock_offset_s,
            int(row.valid_from_ms),
            row.valid_to_ms.map(int),
        ])?;
    Ok(())
}

/// Ends the device's radios at `valid_to_ms`: a new key takes over.
pub fn end_radios(db: &Connection, device: DeviceId, valid_to_ms: u64) -> Result<(), StoreError> {
    db.prepare_cached(
        "UPDATE radios SET valid_to_ms = ?2 WHERE device = ?1 AND valid_to_ms IS NULL",
    )?
    .execute(params![device.0, int(valid_to_ms)])?;
    Ok(())
}

pub(super) fn radio_row(row: &rusqlite::Row<'_>) -> Result<RadioRow, rusqlite::Error> {
    Ok(RadioRow {
        radio: RadioId(row.get(0)?),
        device: DeviceId(row.get(1)?),
        customer: CustomerId(row.get(2)?),
        key: EidKey(row.get(3)?),
        clock_offset_s: row.get(4)?,
        valid_from_ms: uint(row.get(5)?),
        valid_to_ms: row.get::<_, Option<i64>>(6)?.map(uint),
    })
}

/// All radios: what the identity table is built from.
pub fn radios(db: &Connection) -> Result<Vec<RadioRow>, StoreError> {
    let mut statement = db.prepare_cached("SELECT * FROM radios")?;
    let rows = statement.query_map([], radio_row)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The radios of one device.
pub fn radios_of(db: &Connection, device: DeviceId) -> Result<Vec<RadioRow>, StoreError> {
    let mut statement = db.prepare_cached("SELECT * FROM radios WHERE device = ?1")?;
    let rows = statement.query_map([device.0], radio_row)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Adds a one-time enrolment code.
pub fn add_enrolment(
    db: &Connection,
    customer: CustomerId,
    code_sha256: &[u8; 32],
    expires_ms: u64,
) -> Result<(), StoreError> {
    self::customer(db, customer)?;
    db.prepare_cached("INSERT INTO enrolments VALUES (?1, ?2, ?3, NULL)")?
        .execute(params![code_sha256, customer.0, int(expires_ms)])?;
    Ok(())
}

/// Uses an enrolment code: whose it was. Works once.
pub fn use_enrolment(
    db: &Connection,
    now_ms: u64,
    code_sha256: &[u8; 32],
) -> Result<CustomerId, StoreError> {
    let (customer, expires_ms, used): (uuid::Uuid, i64, bool) = db
        .prepare_cached(
            "SELECT customer, expires_ms, used_ms IS NOT NULL FROM enrolments
             WHERE code_sha256 = ?1",
        )?
        .query_row([code_sha256.as_slice()], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .optional()?
        .ok_or(StoreError::NotFound("enrolment code"))?;
    if used {
        return Err(StoreError::Conflict("this code was used before".into()));
    }
    if uint(expires_ms) <= now_ms {
        return Err(StoreError::Expired("enrolment code"));
    }
    db.prepare_cached("UPDATE enrolments SET used_ms = ?2 WHERE code_sha256 = ?1")?
        .execute(params![code_sha256, int(now_ms)])?;
    Ok(CustomerId(customer))
}

/// Forgets what was kept for a purpose that she took back: her visits for it, and for `browsing`
/// what she did online, also where a decision had noted it. A visit that still goes on has another
/// purpose, or the engine would have ended it: from now on it is kept for that.
pub fn forget_purpose(
    db: &Connection,
    customer: CustomerId,
    purpose: &str,
    consent: Consent,
) -> Result<(), StoreError> {
    let remaining = match consent {
        Consent {
            statistics: true, ..
        } => "statistics",
        Consent { messages: true, .. } => "messages",
        _ => "arrival",
    };
    db.prepare_cached(
        "UPDATE visits SET purpose = ?3
         WHERE customer = ?1 AND purpose = ?2 AND left_ms IS NULL",
    )?
    .execute(params![customer.0, purpose, remaining])?;
    db.prepare_cached("DELETE FROM visits WHERE customer = ?1 AND purpose = ?2")?
        .execute(params![customer.0, purpose])?;
    if !consent.browsing && !consent.statistics {
        super::receipts::forget(db, customer)?;
    }
    if purpose == "browsing" {
        forget_online(db, customer)?;
    }
    Ok(())
}

/// Forgets what she did online, also where a decision had noted it.
pub fn forget_online(db: &Connection, customer: CustomerId) -> Result<(), StoreError> {
    super::intents::forget(db, customer)?;
    db.prepare_cached(
        "UPDATE decisions SET body = json_set(body, '$.facts', NULL, '$.considered', json('[]'),
           '$.weighed', json('[]'))
         WHERE customer = ?1",
    )?
    .execute([customer.0])?;
    Ok(())
}
