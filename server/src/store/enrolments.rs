//! Gateways that are to be set up: one-time codes as hashes, and how far each has come.
//!
//! In: hashes, never a code. Out: rows; who a code was for, once.
//! Promises: of two who redeem one code one wins; the winner may ask again within the code's time.
//! Invariant: bounded for each store by [`OPEN_MAX`]; what is over goes after [`KEPT_MS`].

use protocol::{GatewayId, StoreId};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{StoreError, int, parsed, uint};

/// Codes of one store that wait at once.
pub const OPEN_MAX: u32 = 200;
/// A code that is over is known for so long, so that who types it is told why it does nothing, and
/// so that a request that is repeated is answered as before.
const KEPT_MS: u64 = 24 * 3_600_000;

/// A code that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnrolmentRow {
    /// For which gateway.
    pub gateway: GatewayId,
    /// When.
    pub made_ms: u64,
    /// From here on it is worth nothing.
    pub expires_ms: u64,
    /// When it was redeemed.
    pub redeemed_ms: Option<u64>,
    /// What the machine said it is.
    pub hardware: Option<String>,
    /// When that machine first said how it does.
    pub first_heard_ms: Option<u64>,
}

const COLUMNS: &str = "gateway, made_ms, expires_ms, redeemed_ms, hardware, first_heard_ms";

fn row(row: &Row<'_>) -> Result<EnrolmentRow, rusqlite::Error> {
    Ok(EnrolmentRow {
        gateway: parsed(row.get_ref(0)?.as_str()?)?,
        made_ms: uint(row.get(1)?),
        expires_ms: uint(row.get(2)?),
        redeemed_ms: row.get::<_, Option<i64>>(3)?.map(uint),
        hardware: row.get(4)?,
        first_heard_ms: row.get::<_, Option<i64>>(5)?.map(uint),
    })
}

/// A code to be made.
#[derive(Debug, Clone, Copy)]
pub struct NewCode<'a> {
    /// Its hash.
    pub code_sha256: &'a [u8; 32],
    /// Goes into the password.
    pub salt: &'a [u8; 32],
    /// How long it is good for.
    pub valid_ms: u64,
}

/// Makes a code for a gateway; an earlier one that nobody used is over. The same code once more is
/// the same request once more: what came of it is answered.
pub fn add(
    db: &Connection,
    now_ms: u64,
    store: &StoreId,
    gateway: &GatewayId,
    new: NewCode<'_>,
) -> Result<EnrolmentRow, StoreError> {
    super::shop::store(db, store)?;
    super::radios::none_is(db, store, gateway)?;
    if let Some((of, known)) = by_code(db, new.code_sha256)? {
        if of != *store || known.gateway != *gateway {
            return Err(StoreError::Conflict(
                "this Idempotency-Key came with another request before".into(),
            ));
        }
        return Ok(known);
    }
    tidy(db, now_ms, store)?;
    db.prepare_cached(
        "UPDATE gateway_enrolments SET expires_ms = ?3
         WHERE store = ?1 AND gateway = ?2 AND redeemed_ms IS NULL AND expires_ms > ?3",
    )?
    .execute(params![store.as_str(), gateway.as_str(), int(now_ms)])?;
    let open: u32 = db
        .prepare_cached(
            "SELECT count(*) FROM gateway_enrolments
             WHERE store = ?1 AND redeemed_ms IS NULL AND expires_ms > ?2",
        )?
        .query_row(params![store.as_str(), int(now_ms)], |row| row.get(0))?;
    if open >= OPEN_MAX {
        return Err(StoreError::Conflict(format!(
            "{OPEN_MAX} codes of this store wait already: use them, or let their time pass"
        )));
    }
    let expires_ms = now_ms + new.valid_ms;
    db.prepare_cached(
        "INSERT INTO gateway_enrolments VALUES (?1, ?2, ?3, ?4, ?5, ?6, NULL, NULL, NULL, NULL)",
    )?
    .execute(params![
        new.code_sha256,
        store.as_str(),
        gateway.as_str(),
        new.salt,
        int(now_ms),
        int(expires_ms)
    ])?;
    Ok(EnrolmentRow {
        gateway: gateway.clone(),
        made_ms: now_ms,
        expires_ms,
        redeemed_ms: None,
        hardware: None,
        first_heard_ms: None,
    })
}

/// Of each gateway the latest code stays, since the page tells what came of it.
fn tidy(db: &Connection, now_ms: u64, store: &StoreId) -> Result<(), StoreError> {
    db.prepare_cached(
        "DELETE FROM gateway_enrolments AS old WHERE store = ?1 AND made_ms < ?2
         AND (redeemed_ms IS NULL OR EXISTS (SELECT 1 FROM gateway_enrolments AS later
           WHERE later.store = old.store AND later.gateway = old.gateway
             AND later.redeemed_ms > old.redeemed_ms))",
    )?
    .execute(params![store.as_str(), int(now_ms.saturating_sub(KEPT_MS))])?;
    Ok(())
}

fn by_code(
    db: &Connection,
    code_sha256: &[u8; 32],
) -> Result<Option<(StoreId, EnrolmentRow)>, StoreError> {
    let sql = format!("SELECT {COLUMNS}, store FROM gateway_enrolments WHERE code_sha256 = ?1");
    Ok(db
        .prepare_cached(&sql)?
        .query_row([code_sha256.as_slice()], |found| {
            Ok((parsed(found.get_ref(6)?.as_str()?)?, row(found)?))
        })
        .optional()?)
}

/// Who redeemed a code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redeemed {
    /// The store.
    pub store: StoreId,
    /// The gateway.
    pub gateway: GatewayId,
    /// Goes into the password.
    pub salt: [u8; 32],
    /// It was redeemed before, by the same machine.
    pub again: bool,
}

/// Redeems a code.
pub fn redeem(
    db: &Connection,
    now_ms: u64,
    code_sha256: &[u8; 32],
    nonce_sha256: &[u8; 32],
    hardware: Option<&str>,
) -> Result<Redeemed, StoreError> {
    type Found = (String, String, [u8; 32], i64, bool, Option<Vec<u8>>);
    let found: Option<Found> = db
        .prepare_cached(
            "SELECT store, gateway, salt, expires_ms, redeemed_ms IS NOT NULL, nonce_sha256
             FROM gateway_enrolments WHERE code_sha256 = ?1",
        )?
        .query_row([code_sha256.as_slice()], |row| {
            Ok((
                row.get(0)?,
                row.get(1)?,
                row.get(2)?,
                row.get(3)?,
                row.get(4)?,
                row.get(5)?,
            ))
        })
        .optional()?;
    let (store, gateway, salt, expires_ms, again, nonce) =
        found.ok_or(StoreError::NotFound("gateway code"))?;
    if again && nonce.as_deref() != Some(nonce_sha256.as_slice()) {
        return Err(StoreError::Conflict("this code was used before".into()));
    }
    if uint(expires_ms) <= now_ms {
        return Err(StoreError::Expired("gateway code"));
    }
    if !again {
        db.prepare_cached(
            "UPDATE gateway_enrolments SET redeemed_ms = ?2, nonce_sha256 = ?3, hardware = ?4
             WHERE code_sha256 = ?1",
        )?
        .execute(params![code_sha256, int(now_ms), nonce_sha256, hardware])?;
    }
    Ok(Redeemed {
        store: parsed(&store)?,
        gateway: parsed(&gateway)?,
        salt,
        again,
    })
}

/// A gateway that was set up says how it does for the first time.
pub fn heard(
    db: &Connection,
    now_ms: u64,
    store: &StoreId,
    gateway: &GatewayId,
) -> Result<(), StoreError> {
    db.prepare_cached(
        "UPDATE gateway_enrolments SET first_heard_ms = ?3 WHERE store = ?1 AND gateway = ?2
         AND redeemed_ms IS NOT NULL AND first_heard_ms IS NULL",
    )?
    .execute(params![store.as_str(), gateway.as_str(), int(now_ms)])?;
    Ok(())
}

/// What came of each gateway's latest code.
pub fn latest(db: &Connection, store: &StoreId) -> Result<Vec<EnrolmentRow>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM gateway_enrolments AS one WHERE store = ?1
         AND made_ms = (SELECT max(made_ms) FROM gateway_enrolments AS other
           WHERE other.store = one.store AND other.gateway = one.gateway)
         GROUP BY gateway ORDER BY gateway"
    );
    let mut statement = db.prepare_cached(&sql)?;
    let rows = statement.query_map([store.as_str()], row)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// What came of a gateway's latest code.
pub fn of(
    db: &Connection,
    store: &StoreId,
    gateway: &GatewayId,
) -> Result<Option<EnrolmentRow>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM gateway_enrolments WHERE store = ?1 AND gateway = ?2
         ORDER BY made_ms DESC LIMIT 1"
    );
    Ok(db
        .prepare_cached(&sql)?
        .query_row(params![store.as_str(), gateway.as_str()], row)
        .optional()?)
}

#[cfg(test)]
mod tests {
    use super::{super::fixtures, *};

    const HOUR_MS: u64 = 3_600_000;

    fn new(code: &[u8; 32]) -> NewCode<'_> {
        NewCode {
            code_sha256: code,
            salt: &[9; 32],
            valid_ms: HOUR_MS,
        }
    }

    fn open() -> (tempfile::TempDir, Connection, StoreId) {
        let dir = tempfile::tempdir().unwrap();
        let db = super::super::open_writer(&dir.path().join("db")).unwrap();
        let store = fixtures::store(&db);
        (dir, db, store)
    }

    #[test]
    fn a_code_is_redeemed_once_and_asked_again_by_the_same_machine_alone() {
        let (_dir, db, store) = open();
        let gateway: GatewayId = "attic".parse().unwrap();
        add(&db, 0, &store, &gateway, new(&[1; 32])).unwrap();
        let ask = |now_ms, code: u8, nonce: u8| {
            redeem(&db, now_ms, &[code; 32], &[nonce; 32], Some("Pi"))
        };
        assert!(matches!(ask(1, 2, 1), Err(StoreError::NotFound(_))));
        assert!(!ask(1, 1, 1).unwrap().again);
        assert!(ask(2, 1, 1).unwrap().again);
        assert!(matches!(ask(3, 1, 2), Err(StoreError::Conflict(_))));
        assert!(matches!(ask(HOUR_MS, 1, 1), Err(StoreError::Expired(_))));
        let row = of(&db, &store, &gateway).unwrap().unwrap();
        assert_eq!(
            (row.redeemed_ms, row.hardware),
            (Some(1), Some("Pi".into()))
        );
    }

    #[test]
    fn a_later_code_ends_an_earlier_one_that_nobody_used() {
        let (_dir, db, store) = open();
        let gateway: GatewayId = "attic".parse().unwrap();
        add(&db, 0, &store, &gateway, new(&[1; 32])).unwrap();
        add(&db, 5, &store, &gateway, new(&[2; 32])).unwrap();
        let first = redeem(&db, 6, &[1; 32], &[1; 32], None);
        assert!(matches!(first, Err(StoreError::Expired(_))), "{first:?}");
        assert!(redeem(&db, 6, &[2; 32], &[1; 32], None).is_ok());
        assert_eq!(latest(&db, &store).unwrap().len(), 1);
    }

    #[test]
    fn the_first_word_counts_from_the_code_on_and_once() {
        let (_dir, db, store) = open();
        let gateway: GatewayId = "attic".parse().unwrap();
        add(&db, 0, &store, &gateway, new(&[1; 32])).unwrap();
        // The machine that hung there before.
        heard(&db, 1, &store, &gateway).unwrap();
        let row = || of(&db, &store, &gateway).unwrap().unwrap();
        assert_eq!(row().first_heard_ms, None);
        redeem(&db, 2, &[1; 32], &[1; 32], None).unwrap();
        for now_ms in [3, 4] {
            heard(&db, now_ms, &store, &gateway).unwrap();
        }
        assert_eq!(row().first_heard_ms, Some(3));
    }

    #[test]
    fn codes_are_bounded_and_what_is_over_goes() {
        let (_dir, db, store) = open();
        let mut code = [0; 32];
        let mut make = |n: u32, now_ms| {
            code[..4].copy_from_slice(&n.to_be_bytes());
            let gateway: GatewayId = format!("g{n}").parse().unwrap();
            add(&db, now_ms, &store, &gateway, new(&code))
        };
        for n in 0..OPEN_MAX {
            make(n, 0).unwrap();
        }
        assert!(matches!(make(OPEN_MAX, 0), Err(StoreError::Conflict(_))));
        make(OPEN_MAX + 1, KEPT_MS + 1).unwrap();
        assert_eq!(latest(&db, &store).unwrap().len(), 1);
    }
}
