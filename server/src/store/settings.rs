//! What gateways are to do otherwise than their files say, and what they answered.
//!
//! In: settings of a store or of one gateway, inside a transaction; statuses. Out: what each gateway
//! is told, signed; per gateway the version wanted and the version in force.
//! Promises: versions of a store only grow, also past what a gateway knows of a database that was
//! put back from an older copy.
//! Invariant: at a store's home nothing is signed; it passes on what the central server signed.

use std::collections::BTreeMap;

use protocol::{
    GatewayId, StoreId,
    message::to_json,
    settings::{SettingsState, SignedSettings, Told, VERSION_MAX, Why},
};
use rusqlite::{Connection, OptionalExtension, params};
use serde_json::{Map, Value};

use super::{StoreError, int, parsed, seals, shop, uint};

/// Settings under the keys of a gateway's file.
pub type Settings = Map<String, Value>;

/// What somebody chose.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SettingsRow {
    /// Its number; 0: nobody chose anything yet.
    pub version: u64,
    /// What is other than in the files.
    pub settings: Settings,
    /// When.
    pub changed_ms: u64,
}

/// What a gateway last said of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// In its own words.
    pub state: SettingsState,
    /// When its version in force was first heard of here.
    pub since_ms: u64,
}

fn damaged(e: &dyn std::fmt::Display) -> StoreError {
    StoreError::Damaged(format!("settings of a gateway: {e}"))
}

/// Of a store, or what is other for one of its gateways.
pub fn get(
    db: &Connection,
    store: &StoreId,
    gateway: Option<&GatewayId>,
) -> Result<SettingsRow, StoreError> {
    let row: Option<(i64, String, i64)> = db
        .prepare_cached(
            "SELECT version, settings, changed_ms FROM gateway_settings
             WHERE store = ?1 AND gateway = ?2",
        )?
        .query_row(params![store.as_str(), of(gateway)], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .optional()?;
    let Some((version, settings, changed_ms)) = row else {
        return Ok(SettingsRow::default());
    };
    Ok(SettingsRow {
        version: uint(version),
        settings: serde_json::from_str(&settings).map_err(|e| damaged(&e))?,
        changed_ms: uint(changed_ms),
    })
}

fn of(gateway: Option<&GatewayId>) -> &str {
    gateway.map_or("", GatewayId::as_str)
}

/// Gives a store, or one of its gateways, other settings; the number of the version.
pub fn put(
    db: &Connection,
    now_ms: u64,
    store: &StoreId,
    gateway: Option<&GatewayId>,
    settings: &Settings,
) -> Result<u64, StoreError> {
    shop::store(db, store)?;
    if let Some(gateway) = gateway
        && shop::gateway_password(db, store, gateway)?.is_none()
    {
        return Err(StoreError::NotFound("gateway"));
    }
    let version = next_version(db, store)?;
    let text = serde_json::to_string(settings).map_err(|e| damaged(&e))?;
    db.prepare_cached(
        "INSERT INTO gateway_settings VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT DO UPDATE SET version = ?3, settings = ?4, changed_ms = ?5",
    )?
    .execute(params![
        store.as_str(),
        of(gateway),
        int(version),
        text,
        int(now_ms)
    ])?;
    Ok(version)
}

/// One more than any that was given out or that a gateway knows.
fn next_version(db: &Connection, store: &StoreId) -> Result<u64, StoreError> {
    let given: Option<i64> = db
        .prepare_cached("SELECT max(version) FROM gateway_settings WHERE store = ?1")?
        .query_row([store.as_str()], |row| row.get(0))?;
    let known = answers(db, store)?.into_values();
    let known = known.flat_map(|answer| {
        let state = answer.state;
        let refused = state.refused.and_then(|refused| match refused.why {
            Why::Older { known } => Some(known),
            // Of those that came from elsewhere a number says nothing.
            Why::Signature | Why::NotForUs | Why::NoTrust | Why::Local => None,
            _ => Some(refused.version),
        });
        [state.version, state.trying, refused]
    });
    let known = known.flatten().filter(|version| *version < VERSION_MAX);
    let latest = known.fold(uint(given.unwrap_or(0)), u64::max);
    Ok(latest + 1)
}

/// What a gateway is to do, and since which version; none: as its file says, and nobody ever said
/// otherwise.
pub fn wanted(
    db: &Connection,
    store: &StoreId,
    gateway: &GatewayId,
) -> Result<Option<(u64, Settings)>, StoreError> {
    let all = get(db, store, None)?;
    let own = get(db, store, Some(gateway))?;
    let version = all.version.max(own.version);
    let mut settings = all.settings;
    settings.extend(own.settings);
    Ok((version > 0).then_some((version, settings)))
}

/// What a gateway is told.
pub fn signed(
    db: &Connection,
    store: &StoreId,
    gateway: &GatewayId,
) -> Result<Option<SignedSettings>, StoreError> {
    let told: Option<String> = db
        .prepare_cached(
            "SELECT signed FROM gateway_settings_signed WHERE store = ?1 AND gateway = ?2",
        )?
        .query_row([store.as_str(), gateway.as_str()], |row| row.get(0))
        .optional()?;
    if let Some(told) = told {
        let signed = serde_json::from_str(&told).map_err(|e| damaged(&e))?;
        return Ok(Some(signed));
    }
    let Some((version, settings)) = wanted(db, store, gateway)? else {
        return Ok(None);
    };
    let told = Told {
        store: store.clone(),
        gateway: gateway.clone(),
        version,
        settings,
    };
    let text = serde_json::to_string(&told).map_err(|e| damaged(&e))?;
    let signature = seals::sign(db, &SignedSettings::signed(&text))?;
    Ok(Some(SignedSettings { text, signature }))
}

/// What a home is told.
pub fn rows(
    db: &Connection,
    store: &StoreId,
    gateways: impl Iterator<Item = GatewayId>,
) -> Result<Vec<(GatewayId, SignedSettings)>, StoreError> {
    let mut rows = Vec::new();
    for gateway in gateways {
        if let Some(signed) = signed(db, store, &gateway)? {
            rows.push((gateway, signed));
        }
    }
    Ok(rows)
}

/// A home takes over what it is told.
pub fn take(
    db: &Connection,
    store: &StoreId,
    told: &[(GatewayId, SignedSettings)],
) -> Result<(), StoreError> {
    db.prepare_cached("DELETE FROM gateway_settings_signed WHERE store = ?1")?
        .execute([store.as_str()])?;
    for (gateway, signed) in told {
        let signed = to_json(signed);
        db.prepare_cached("INSERT INTO gateway_settings_signed VALUES (?1, ?2, ?3)")?
            .execute(params![
                store.as_str(),
                gateway.as_str(),
                String::from_utf8_lossy(&signed),
            ])?;
    }
    Ok(())
}

/// Keeps what a gateway says with its status; none: it was never told anything.
pub fn heard(
    db: &Connection,
    now_ms: u64,
    store: &StoreId,
    gateway: &GatewayId,
    state: Option<&SettingsState>,
) -> Result<(), StoreError> {
    let before = answer(db, store, gateway)?;
    let Some(state) = state else {
        if before.is_some() {
            db.prepare_cached(
                "DELETE FROM gateway_settings_states WHERE store = ?1 AND gateway = ?2",
            )?
            .execute([store.as_str(), gateway.as_str()])?;
        }
        return Ok(());
    };
    if before.as_ref().is_some_and(|before| before.state == *state) {
        // Most statuses: each write wears a card.
        return Ok(());
    }
    let since_ms = match before {
        Some(before) if before.state.version == state.version => before.since_ms,
        _ => now_ms,
    };
    db.prepare_cached("INSERT OR REPLACE INTO gateway_settings_states VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![
            store.as_str(),
            gateway.as_str(),
            String::from_utf8_lossy(&to_json(state)),
            int(since_ms),
        ])?;
    Ok(())
}

fn answer(
    db: &Connection,
    store: &StoreId,
    gateway: &GatewayId,
) -> Result<Option<Answer>, StoreError> {
    Ok(answers(db, store)?.remove(gateway))
}

/// What the gateways of a store last said.
pub fn answers(
    db: &Connection,
    store: &StoreId,
) -> Result<BTreeMap<GatewayId, Answer>, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT gateway, state, since_ms FROM gateway_settings_states WHERE store = ?1",
    )?;
    let rows = statement.query_map([store.as_str()], |row| {
        let gateway: GatewayId = parsed(row.get_ref(0)?.as_str()?)?;
        Ok((gateway, row.get::<_, String>(1)?, uint(row.get(2)?)))
    })?;
    rows.map(|row| {
        let (gateway, state, since_ms) = row?;
        let state = serde_json::from_str(&state).map_err(|e| damaged(&e))?;
        Ok((gateway, Answer { state, since_ms }))
    })
    .collect()
}

#[cfg(test)]
mod tests;
