//! Rewards: hers, until she shows the code at a till.
//!
//! In: codes as people type them. Out: what to give her, or why not.
//! A code has 40 random bits: who may ask (a till's key, a colleague) would guess for months.
//! Invariant: a reward is given once; of two tills at the same time one hears that the other was
//! first.

use protocol::{CustomerId, RewardId, RuleId, StoreId};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::{
    secret,
    store::{StoreError, int, parsed, shop::Names, uint},
};

/// Crockford's base 32: no letter that looks like a digit (crockford.com/base32.html).
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// Characters of a code.
const CODE_LEN: usize = 8;

/// A reward.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RewardRow {
    /// Which.
    pub reward: RewardId,
    /// Whose.
    pub customer: CustomerId,
    /// By which rule.
    pub rule: RuleId,
    /// What it is: `een koffie`.
    pub name: Names,
    /// What she shows.
    pub code: String,
    /// Since when it is hers.
    pub earned_ms: u64,
    /// No longer good from then on.
    pub expires_ms: u64,
    /// When it was given.
    pub redeemed_ms: Option<u64>,
    /// Where.
    pub redeemed_store: Option<StoreId>,
}

impl RewardRow {
    /// The last moment at which it is good: on the last of its days.
    pub fn last_ms(&self) -> u64 {
        self.expires_ms.saturating_sub(1)
    }
}

/// What a till hears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Redeemed {
    /// Give her this.
    Now(RewardRow),
    /// It was given before.
    Before(RewardRow),
    /// Its time is over.
    Over(RewardRow),
    /// No reward has this code.
    Unknown,
}

/// A code as it is kept, whatever way people write it.
pub fn normal(code: &str) -> String {
    let letters = code.chars().filter(char::is_ascii_alphanumeric);
    letters
        .map(|c| match c.to_ascii_uppercase() {
            'O' => '0',
            'I' | 'L' => '1',
            c => c,
        })
        .collect()
}

/// A code as people read it: two times four.
pub fn spaced(code: &str) -> String {
    let (first, last) = code.split_at_checked(CODE_LEN / 2).unwrap_or((code, ""));
    format!("{first} {last}")
}

/// A code that no reward has.
pub(super) fn fresh_code(db: &Connection) -> Result<String, StoreError> {
    loop {
        let random = u64::from_le_bytes(secret::random()?);
        let letter = |n: usize| ALPHABET.get((random >> (5 * n)) as usize & 31);
        let bytes = (0..CODE_LEN).filter_map(letter);
        let code: String = bytes.map(|byte| char::from(*byte)).collect();
        let taken = db
            .prepare_cached("SELECT 1 FROM rewards WHERE code = ?1")?
            .exists([&code])?;
        if !taken {
            return Ok(code);
        }
    }
}

const SELECT: &str = "SELECT reward, customer, rule, name_nl, name_en, code, earned_ms, expires_ms,
                        redeemed_ms, redeemed_store
                      FROM rewards JOIN loyalty_rules USING (rule)";

fn reward_row(row: &Row<'_>) -> Result<RewardRow, rusqlite::Error> {
    let store: Option<String> = row.get(9)?;
    Ok(RewardRow {
        reward: RewardId(row.get(0)?),
        customer: CustomerId(row.get(1)?),
        rule: parsed(row.get_ref(2)?.as_str()?)?,
        name: Names {
            nl: row.get(3)?,
            en: row.get(4)?,
        },
        code: row.get(5)?,
        earned_ms: uint(row.get(6)?),
        expires_ms: uint(row.get(7)?),
        redeemed_ms: row.get::<_, Option<i64>>(8)?.map(uint),
        redeemed_store: store.as_deref().map(parsed).transpose()?,
    })
}

/// What she can still use, the first to run out first.
pub fn open(
    db: &Connection,
    now_ms: u64,
    customer: CustomerId,
) -> Result<Vec<RewardRow>, StoreError> {
    let sql = format!(
        "{SELECT} WHERE customer = ?1 AND redeemed_ms IS NULL AND expires_ms > ?2
         ORDER BY expires_ms, reward"
    );
    let mut statement = db.prepare_cached(&sql)?;
    let rows = statement.query_map(params![customer.0, int(now_ms)], reward_row)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Whether it can still be used.
pub fn is_open(db: &Connection, now_ms: u64, reward: RewardId) -> Result<bool, StoreError> {
    Ok(db
        .prepare_cached(
            "SELECT 1 FROM rewards WHERE reward = ?1 AND redeemed_ms IS NULL AND expires_ms > ?2",
        )?
        .exists(params![reward.0, int(now_ms)])?)
}

/// One reward.
pub fn one(db: &Connection, reward: RewardId) -> Result<Option<RewardRow>, StoreError> {
    let sql = format!("{SELECT} WHERE reward = ?1");
    let mut statement = db.prepare_cached(&sql)?;
    Ok(statement.query_row([reward.0], reward_row).optional()?)
}

fn by_code(db: &Connection, code: &str) -> Result<Option<RewardRow>, StoreError> {
    let sql = format!("{SELECT} WHERE code = ?1");
    let mut statement = db.prepare_cached(&sql)?;
    Ok(statement.query_row([code], reward_row).optional()?)
}

/// Gives it, if it was not given before and is still good. `by` is whose till: `staff/…`, `key/…`.
pub fn redeem(
    db: &Connection,
    now_ms: u64,
    code: &str,
    store: &StoreId,
    by: &str,
) -> Result<Redeemed, StoreError> {
    let code = normal(code);
    let given = db
        .prepare_cached(
            "UPDATE rewards SET redeemed_ms = ?2, redeemed_store = ?3, redeemed_by = ?4
             WHERE code = ?1 AND redeemed_ms IS NULL AND expires_ms > ?2",
        )?
        .execute(params![code, int(now_ms), store.as_str(), by])?;
    Ok(match by_code(db, &code)? {
        Some(row) if given > 0 => Redeemed::Now(row),
        Some(row) if row.redeemed_ms.is_some() => Redeemed::Before(row),
        Some(row) => Redeemed::Over(row),
        None => Redeemed::Unknown,
    })
}
