//! Radios that are no gateways of ours: which there are, and where they hang.
//!
//! In: names and hashes of passwords. Out: the broker's list; what the server must know to understand
//! them. (A customer's radios are in `people`.)
//! Invariant: nothing here is about a person; of two radios of one kind each has its own name, in
//! all stores.

use std::collections::HashSet;

use protocol::{
    AnchorId, GatewayId, StoreId, Transmitter,
    air::Chain,
    radio::{RadioKind, RadioName},
};
use rusqlite::{Connection, OptionalExtension, params};

use super::{StoreError, parsed, shop};

/// A radio, with the SHA-256 of its password.
pub type RadioPassword = (StoreId, RadioKind, RadioName, [u8; 32]);

/// A radio.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RadioRow {
    /// Where it hangs.
    pub store: StoreId,
    /// What it is called among gateways.
    pub gateway: GatewayId,
    /// Whose words it speaks.
    pub kind: RadioKind,
    /// As it stands in its topics.
    pub name: RadioName,
    /// Its antenna; none: it is not placed yet.
    pub anchor: Option<AnchorId>,
}

/// Lets a radio in, or gives it a new password. `nobodys` is the hash that its row among gateways
/// gets: it must not come in as one.
pub fn put(
    db: &Connection,
    now_ms: u64,
    row: &RadioRow,
    password_sha256: &[u8; 32],
    nobodys: &[u8; 32],
) -> Result<(), StoreError> {
    let (store, gateway) = (&row.store, &row.gateway);
    shop::store(db, store)?;
    let known: Option<bool> = db
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM other_radios r WHERE r.store = g.store
               AND r.gateway = g.gateway) FROM gateways g WHERE store = ?1 AND gateway = ?2",
        )?
        .query_row(params![store.as_str(), gateway.as_str()], |r| r.get(0))
        .optional()?;
    if known == Some(false) {
        return Err(StoreError::Conflict(format!(
            "{gateway} is a gateway: call the radio by another id"
        )));
    }
    let taken: bool = db
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM other_radios WHERE kind = ?1 AND name = ?2
               AND NOT (store = ?3 AND gateway = ?4))",
        )?
        .query_row(
            params![
                row.kind.as_str(),
                row.name.as_str(),
                store.as_str(),
                gateway.as_str()
            ],
            |r| r.get(0),
        )?;
    if taken {
        return Err(StoreError::Conflict(
            "another radio of this kind has this name: its topics name no store".into(),
        ));
    }
    shop::put_gateway(db, now_ms, store, gateway, nobodys)?;
    db.prepare_cached(
        "INSERT INTO other_radios VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT DO UPDATE SET kind = ?3, name = ?4, password_sha256 = ?5",
    )?
    .execute(params![
        store.as_str(),
        gateway.as_str(),
        row.kind.as_str(),
        row.name.as_str(),
        password_sha256,
    ])?;
    Ok(())
}

/// Says no where a gateway is to be let in under a radio's id: it would have two passwords, and be two
/// that count as one.
pub fn none_is(db: &Connection, store: &StoreId, gateway: &GatewayId) -> Result<(), StoreError> {
    match of(db, store, gateway)? {
        None => Ok(()),
        Some((kind, _)) => Err(StoreError::Conflict(format!(
            "{gateway} is a radio ({kind}): call the gateway by another id"
        ))),
    }
}

/// The radio that a gateway's id stands for; none: it is a gateway.
pub fn of(
    db: &Connection,
    store: &StoreId,
    gateway: &GatewayId,
) -> Result<Option<(RadioKind, RadioName)>, StoreError> {
    Ok(db
        .prepare_cached("SELECT kind, name FROM other_radios WHERE store = ?1 AND gateway = ?2")?
        .query_row(params![store.as_str(), gateway.as_str()], |row| {
            Ok((
                parsed(row.get_ref(0)?.as_str()?)?,
                parsed(row.get_ref(1)?.as_str()?)?,
            ))
        })
        .optional()?)
}

/// The broker's list.
pub fn passwords(db: &Connection) -> Result<Vec<RadioPassword>, StoreError> {
    let mut statement =
        db.prepare_cached("SELECT store, kind, name, password_sha256 FROM other_radios")?;
    let rows = statement.query_map([], |row| {
        Ok((
            parsed(row.get_ref(0)?.as_str()?)?,
            parsed(row.get_ref(1)?.as_str()?)?,
            parsed(row.get_ref(2)?.as_str()?)?,
            row.get(3)?,
        ))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// All radios of all stores, by which the chain's beacons are known, and those that hang somewhere.
pub fn all(db: &Connection) -> Result<(Vec<RadioRow>, Chain, HashSet<Transmitter>), StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT r.store, r.gateway, r.kind, r.name, min(a.anchor) FROM other_radios r
         LEFT JOIN anchors a ON a.store = r.store AND a.gateway = r.gateway GROUP BY 1, 2, 3, 4",
    )?;
    let rows = statement.query_map([], |row| {
        Ok(RadioRow {
            store: parsed(row.get_ref(0)?.as_str()?)?,
            gateway: parsed(row.get_ref(1)?.as_str()?)?,
            kind: parsed(row.get_ref(2)?.as_str()?)?,
            name: parsed(row.get_ref(3)?.as_str()?)?,
            anchor: match row.get_ref(4)?.as_str_or_null()? {
                Some(anchor) => Some(parsed(anchor)?),
                None => None,
            },
        })
    })?;
    let rows = rows.collect::<Result<_, _>>()?;
    let mut statement =
        db.prepare_cached("SELECT transmitter FROM anchors WHERE transmitter IS NOT NULL")?;
    let fixed = statement.query_map([], |row| parsed::<Transmitter>(row.get_ref(0)?.as_str()?))?;
    let chain = shop::chain(db)?;
    let namespaces = chain.namespaces.iter();
    let chain = Chain {
        uuids: chain.uuids.iter().copied().collect(),
        namespaces: namespaces.filter_map(|text| text.parse().ok()).collect(),
    };
    Ok((rows, chain, fixed.collect::<Result<_, _>>()?))
}
