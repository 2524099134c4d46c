//! The keys that gateways seal to.
//!
//! In: new keys, inside a transaction; at a store's home, the keys that the central server told.
//! Out: what gateways are told; what opens.
//! Old keys are kept as long as a spool may hold what was sealed to them.
//! Invariant: the central server's private keys stay with it; a home is told its own.

use protocol::{
    StoreId,
    message::to_json,
    seal::{PrivateKey, PublicKey, Signature, Statement, TrustKey},
};
use ring::signature::{Ed25519KeyPair, KeyPair};
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};

use super::{StoreError, int};
use crate::secret;

const DAY_MS: u64 = 86_400_000;
/// A key is taken out of use at this age.
pub const ROTATED_MS: u64 = 90 * DAY_MS;
/// And can open for so long after it came into use: a gateway that lay in a drawer for a year is
/// heard out.
pub const KEPT_MS: u64 = ROTATED_MS + 400 * DAY_MS;

/// A key, as a store's home is told it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealRow {
    /// What gateways are told.
    pub statement: Statement,
    /// The private key in hexadecimal, if it is the home's own.
    pub private: Option<String>,
}

/// Who signs, made at the first call.
fn signer(db: &Connection) -> Result<Ed25519KeyPair, StoreError> {
    let kept: Option<Vec<u8>> = db
        .prepare_cached("SELECT pkcs8 FROM seal_trust")?
        .query_row([], |row| row.get(0))
        .optional()?;
    let damaged = |e: &dyn std::fmt::Display| StoreError::Damaged(format!("seal_trust: {e}"));
    let pkcs8 = match kept {
        Some(pkcs8) => pkcs8,
        None => {
            let made = Ed25519KeyPair::generate_pkcs8(&ring::rand::SystemRandom::new());
            let made = made.map_err(|e| damaged(&e))?.as_ref().to_vec();
            db.execute("INSERT INTO seal_trust VALUES (1, ?1)", [&made])?;
            made
        }
    };
    Ed25519KeyPair::from_pkcs8(&pkcs8).map_err(|e| damaged(&e))
}

/// Signs what gateways are told.
pub(super) fn sign(db: &Connection, bytes: &[u8]) -> Result<Signature, StoreError> {
    let signature = signer(db)?.sign(bytes);
    let signature = signature.as_ref().try_into();
    let signature = signature.map_err(|_| StoreError::Damaged("signature: length".into()))?;
    Ok(Signature(signature))
}

/// Whom gateways are to trust; told once, with their password.
pub fn trust(db: &Connection) -> Result<TrustKey, StoreError> {
    let key = signer(db)?.public_key().as_ref().try_into();
    key.map(TrustKey)
        .map_err(|_| StoreError::Damaged("seal_trust: length".into()))
}

/// What a gateway starts with, told once with its password: whom to trust, and the key of now.
pub fn for_gateway(db: &Connection) -> Result<(TrustKey, PublicKey), StoreError> {
    let said = latest(db, None)?;
    let said = said.ok_or_else(|| StoreError::NotFound("a key to seal to"))?;
    Ok((trust(db)?, said.key))
}

/// Makes a key and gives it to gateways from now on.
pub fn make(
    db: &Connection,
    now_ms: u64,
    store: Option<&StoreId>,
) -> Result<PublicKey, StoreError> {
    let random = secret::random().map_err(|e| StoreError::Damaged(e.to_string()))?;
    let private = PrivateKey::new(&random);
    let key = private.public();
    let latest = latest(db, store)?.map_or(0, |said| said.since_ms + 1);
    let since_ms = now_ms.max(latest);
    let signature = sign(db, &Statement::signed(&key, store, since_ms))?;
    let statement = Statement {
        key,
        store: store.cloned(),
        since_ms,
        signature,
    };
    put(db, &statement, Some(&private.to_bytes()))?;
    Ok(key)
}

fn put(db: &Connection, said: &Statement, private: Option<&[u8]>) -> Result<(), StoreError> {
    db.prepare_cached("INSERT OR IGNORE INTO seal_keys VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![
            said.key.to_string(),
            said.store.as_ref().map(StoreId::as_str),
            int(said.since_ms),
            String::from_utf8_lossy(&to_json(said)),
            private,
        ])?;
    Ok(())
}

/// Makes the first key, or the next when the last is old; forgets those that open nothing any more.
/// True if there is a new one.
pub fn keep(db: &Connection, now_ms: u64) -> Result<bool, StoreError> {
    db.prepare_cached("DELETE FROM seal_keys WHERE store IS NULL AND since_ms < ?1")?
        .execute([int(now_ms.saturating_sub(KEPT_MS))])?;
    let young = |said: Statement| now_ms < said.since_ms + ROTATED_MS;
    if latest(db, None)?.is_some_and(young) {
        return Ok(false);
    }
    make(db, now_ms, None)?;
    Ok(true)
}

/// The newest key of the central server, or of a store's home.
pub fn latest(db: &Connection, store: Option<&StoreId>) -> Result<Option<Statement>, StoreError> {
    let said: Option<String> = db
        .prepare_cached(
            "SELECT statement FROM seal_keys WHERE store IS ?1 ORDER BY since_ms DESC LIMIT 1",
        )?
        .query_row([store.map(StoreId::as_str)], |row| row.get(0))
        .optional()?;
    said.map(|said| statement(&said)).transpose()
}

fn statement(json: &str) -> Result<Statement, StoreError> {
    serde_json::from_str(json).map_err(|e| StoreError::Damaged(format!("seal_keys: {e}")))
}

/// What the gateways of a store are told.
pub fn statements(db: &Connection, store: &StoreId) -> Result<Vec<Statement>, StoreError> {
    let both = [latest(db, None)?, latest(db, Some(store))?];
    Ok(both.into_iter().flatten().collect())
}

/// All that opens here.
pub fn private_keys(db: &Connection) -> Result<Vec<PrivateKey>, StoreError> {
    let mut statement = db.prepare("SELECT private FROM seal_keys WHERE private IS NOT NULL")?;
    let rows = statement.query_map([], |row| row.get::<_, Vec<u8>>(0))?;
    rows.map(|private| {
        PrivateKey::from_bytes(&private?)
            .map_err(|e| StoreError::Damaged(format!("seal_keys: {e}")))
    })
    .collect()
}

/// A store that has a home has a key for it.
pub fn for_home(db: &Connection, now_ms: u64, store: &StoreId) -> Result<(), StoreError> {
    if latest(db, Some(store))?.is_none() {
        make(db, now_ms, Some(store))?;
    }
    Ok(())
}

/// The desk was given back: nobody is to seal to its machine any more.
pub fn forget_home(db: &Connection, store: &StoreId) -> Result<(), StoreError> {
    db.prepare_cached("DELETE FROM seal_keys WHERE store = ?1")?
        .execute([store.as_str()])?;
    Ok(())
}

/// What a home is told.
pub fn rows(db: &Connection, store: &StoreId) -> Result<Vec<SealRow>, StoreError> {
    let mut rows = Vec::new();
    for said in statements(db, store)? {
        let private: Option<Vec<u8>> = match said.store {
            None => None,
            Some(_) => db
                .prepare_cached("SELECT private FROM seal_keys WHERE key = ?1")?
                .query_row([said.key.to_string()], |row| row.get(0))?,
        };
        rows.push(SealRow {
            statement: said,
            private: private.map(hex::encode),
        });
    }
    Ok(rows)
}

/// A home takes over what it is told.
pub fn take(db: &Connection, told: &[SealRow]) -> Result<(), StoreError> {
    for row in told {
        let private = row.private.as_ref().map(hex::decode).transpose();
        let private = private.map_err(|e| StoreError::Damaged(format!("seal key: {e}")))?;
        put(db, &row.statement, private.as_deref())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::open_writer;

    fn memory() -> Connection {
        open_writer(std::path::Path::new(":memory:")).unwrap()
    }

    fn kade_9() -> StoreId {
        "kade-9".parse().unwrap()
    }

    #[test]
    fn a_key_is_in_use_for_ninety_days_and_opens_for_a_year_more() {
        let db = memory();
        assert!(keep(&db, 0).unwrap());
        let first = latest(&db, None).unwrap().unwrap();
        assert!(!keep(&db, ROTATED_MS - 1).unwrap());
        assert!(keep(&db, ROTATED_MS).unwrap());
        let second = latest(&db, None).unwrap().unwrap();
        assert_ne!(first.key, second.key);
        let open = |db: &Connection| -> Vec<PublicKey> {
            let keys = private_keys(db).unwrap();
            keys.iter().map(PrivateKey::public).collect()
        };
        assert_eq!(open(&db).len(), 2);
        keep(&db, KEPT_MS).unwrap();
        assert!(open(&db).contains(&first.key));
        keep(&db, KEPT_MS + 1).unwrap();
        assert!(!open(&db).contains(&first.key));
    }

    #[test]
    fn a_clock_that_went_back_makes_a_newer_key_all_the_same() {
        let db = memory();
        make(&db, 1_000, None).unwrap();
        let key = make(&db, 10, None).unwrap();
        let latest = latest(&db, None).unwrap().unwrap();
        assert_eq!((latest.key, latest.since_ms), (key, 1_001));
    }

    #[test]
    fn a_home_is_told_its_own_private_key_and_no_other() {
        let (db, home) = (memory(), memory());
        keep(&db, 5).unwrap();
        for_home(&db, 6, &kade_9()).unwrap();
        for_home(&db, 7, &kade_9()).unwrap();
        let rows = rows(&db, &kade_9()).unwrap();
        let told: Vec<_> = rows.iter().map(|r| r.private.is_some()).collect();
        assert_eq!(told, [false, true]);
        take(&home, &rows).unwrap();
        take(&home, &rows).unwrap();
        assert_eq!(
            statements(&home, &kade_9()).unwrap(),
            statements(&db, &kade_9()).unwrap()
        );
        let opens = private_keys(&home).unwrap();
        assert_eq!(opens.len(), 1);
        assert_eq!(opens[0].public(), rows[1].statement.key);
        forget_home(&db, &kade_9()).unwrap();
        assert_eq!(statements(&db, &kade_9()).unwrap().len(), 1);
    }

    #[test]
    fn what_gateways_are_told_is_signed_by_whom_they_trust() {
        let db = memory();
        keep(&db, 5).unwrap();
        let trust = trust(&db).unwrap();
        let said = latest(&db, None).unwrap().unwrap();
        let signed = Statement::signed(&said.key, None, said.since_ms);
        ring::signature::UnparsedPublicKey::new(&ring::signature::ED25519, &trust.0)
            .verify(&signed, &said.signature.0)
            .unwrap();
    }
}
