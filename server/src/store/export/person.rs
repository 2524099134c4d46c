//! Who she is, what she agreed to, and what is hers to open or to silence: in an export.
//!
//! In: a customer. Out: her rows, oldest first.
//! Invariant: each column is named: one that is added to a table is told on purpose or not at all.

use protocol::{CustomerId, DeviceId, RadioId};
use rusqlite::{Connection, OptionalExtension};

use super::{
    super::StoreError,
    Consent, Device, Enrolment, Expires, Mute, Person, PushAddress, Radio,
    rows::{list, maybe_id, maybe_ms, ms},
};

pub(super) fn person(db: &Connection, customer: CustomerId) -> Result<Person, StoreError> {
    let found = db
        .prepare_cached(
            "SELECT external_id, given_name, family_name, salutation, language, created_ms
             FROM customers WHERE customer = ?1",
        )?
        .query_row([customer.0], |row| {
            Ok(Person {
                customer,
                external_id: row.get(0)?,
                given_name: row.get(1)?,
                family_name: row.get(2)?,
                salutation: row.get(3)?,
                language: row.get(4)?,
                created_ms: ms(row, 5)?,
            })
        })
        .optional()?;
    found.ok_or(StoreError::NotFound("customer"))
}

pub(super) fn consent(db: &Connection, customer: CustomerId) -> Result<Vec<Consent>, StoreError> {
    list(
        db,
        "SELECT purpose, granted, text_version, language, source, at_ms FROM consent_ledger
         WHERE customer = ?1 ORDER BY entry",
        [customer.0],
        |row| {
            Ok(Consent {
                purpose: row.get(0)?,
                granted: row.get(1)?,
                text_version: row.get(2)?,
                language: row.get(3)?,
                source: row.get(4)?,
                at_ms: ms(row, 5)?,
            })
        },
    )
}

pub(super) fn devices(db: &Connection, customer: CustomerId) -> Result<Vec<Device>, StoreError> {
    let mut devices = list(
        db,
        "SELECT device, platform, created_ms FROM devices WHERE customer = ?1
         ORDER BY created_ms, device",
        [customer.0],
        |row| {
            Ok(Device {
                device: DeviceId(row.get(0)?),
                platform: row.get(1)?,
                created_ms: ms(row, 2)?,
                radios: Vec::new(),
            })
        },
    )?;
    for device in &mut devices {
        device.radios = list(
            db,
            "SELECT radio, valid_from_ms, valid_to_ms FROM radios
             WHERE device = ?1 AND customer = ?2 ORDER BY valid_from_ms",
            [device.device.0, customer.0],
            |row| {
                Ok(Radio {
                    radio: RadioId(row.get(0)?),
                    valid_from_ms: ms(row, 1)?,
                    valid_to_ms: maybe_ms(row, 2)?,
                })
            },
        )?;
    }
    Ok(devices)
}

pub(super) fn enrolments(
    db: &Connection,
    customer: CustomerId,
) -> Result<Vec<Enrolment>, StoreError> {
    list(
        db,
        "SELECT expires_ms, used_ms FROM enrolments WHERE customer = ?1 ORDER BY expires_ms",
        [customer.0],
        |row| {
            Ok(Enrolment {
                expires_ms: ms(row, 0)?,
                used_ms: maybe_ms(row, 1)?,
            })
        },
    )
}

/// Of `page_links` or `sessions`.
pub(super) fn expiring(
    db: &Connection,
    table: &'static str,
    customer: CustomerId,
) -> Result<Vec<Expires>, StoreError> {
    let sql = format!("SELECT expires_ms FROM {table} WHERE customer = ?1 ORDER BY expires_ms");
    list(db, &sql, [customer.0], |row| {
        Ok(Expires {
            expires_ms: ms(row, 0)?,
        })
    })
}

pub(super) fn push_addresses(
    db: &Connection,
    customer: CustomerId,
) -> Result<Vec<PushAddress>, StoreError> {
    list(
        db,
        "SELECT kind, device, registered_ms FROM push_addresses WHERE customer = ?1
         ORDER BY registered_ms",
        [customer.0],
        |row| {
            Ok(PushAddress {
                kind: row.get(0)?,
                device: maybe_id(row, 1, DeviceId)?,
                registered_ms: ms(row, 2)?,
            })
        },
    )
}

pub(super) fn channels(
    db: &Connection,
    customer: CustomerId,
) -> Result<Option<Vec<String>>, StoreError> {
    let said: Option<String> = db
        .prepare_cached("SELECT channels FROM channel_orders WHERE customer = ?1")?
        .query_row([customer.0], |row| row.get(0))
        .optional()?;
    let names = |text: String| {
        let names = text.split(',').filter(|name| !name.is_empty());
        names.map(str::to_owned).collect()
    };
    Ok(said.map(names))
}

pub(super) fn mutes(db: &Connection, customer: CustomerId) -> Result<Vec<Mute>, StoreError> {
    list(
        db,
        "SELECT kind, value, until_ms FROM mutes WHERE customer = ?1 ORDER BY kind, value",
        [customer.0],
        |row| {
            Ok(Mute {
                kind: row.get(0)?,
                value: row.get(1)?,
                until_ms: maybe_ms(row, 2)?,
            })
        },
    )
}
