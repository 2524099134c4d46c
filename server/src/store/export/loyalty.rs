//! Her stamp card in an export.
//!
//! In: a customer. Out: when she joined, what counted, what it earned her.
//! Invariant: at whose till a reward was given stays with the shop.

use protocol::{CustomerId, RewardId};
use rusqlite::{Connection, OptionalExtension};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    super::StoreError,
    rows::{list, maybe_ms, ms},
};

/// Her stamp card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct StampCard {
    pub(crate) joined_ms: u64,
    /// Of the words that she saw.
    pub(crate) text_version: String,
    pub(crate) language: String,
    /// Where she joined: `app` or `page`.
    pub(crate) source: String,
    /// What counted.
    pub(crate) moments: Vec<Stamp>,
    /// What it earned her.
    pub(crate) rewards: Vec<Earned>,
}

/// Something that counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Stamp {
    /// `visit`, `check_in`, `purchase_online` or `purchase_store`.
    pub(crate) kind: String,
    /// A day in a store, or a receipt.
    pub(crate) cause: String,
    pub(crate) at_ms: u64,
    pub(crate) store: Option<String>,
    pub(crate) total_minor: Option<u64>,
    pub(crate) currency: Option<String>,
    /// The purchase was called off.
    pub(crate) undone: bool,
}

/// A reward.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Earned {
    #[schema(value_type = String)]
    pub(crate) reward: RewardId,
    /// By which rule.
    pub(crate) rule: String,
    /// What it is, in Dutch.
    pub(crate) nl: String,
    /// The same in English.
    pub(crate) en: String,
    /// What the till asks for.
    pub(crate) code: String,
    pub(crate) earned_ms: u64,
    pub(crate) expires_ms: u64,
    pub(crate) redeemed_ms: Option<u64>,
    pub(crate) redeemed_store: Option<String>,
}

pub(super) fn stamp_card(
    db: &Connection,
    customer: CustomerId,
) -> Result<Option<StampCard>, StoreError> {
    let member = db
        .prepare_cached(
            "SELECT joined_ms, text_version, language, source FROM members WHERE customer = ?1",
        )?
        .query_row([customer.0], |row| {
            Ok(StampCard {
                joined_ms: ms(row, 0)?,
                text_version: row.get(1)?,
                language: row.get(2)?,
                source: row.get(3)?,
                moments: Vec::new(),
                rewards: Vec::new(),
            })
        })
        .optional()?;
    let Some(mut card) = member else {
        return Ok(None);
    };
    card.moments = moments(db, customer)?;
    card.rewards = rewards(db, customer)?;
    Ok(Some(card))
}

fn moments(db: &Connection, customer: CustomerId) -> Result<Vec<Stamp>, StoreError> {
    list(
        db,
        "SELECT kind, cause, at_ms, store, total_minor, currency, undone FROM loyalty_moments
         WHERE customer = ?1 ORDER BY moment",
        [customer.0],
        |row| {
            Ok(Stamp {
                kind: row.get(0)?,
                cause: row.get(1)?,
                at_ms: ms(row, 2)?,
                store: row.get(3)?,
                total_minor: maybe_ms(row, 4)?,
                currency: row.get(5)?,
                undone: row.get(6)?,
            })
        },
    )
}

fn rewards(db: &Connection, customer: CustomerId) -> Result<Vec<Earned>, StoreError> {
    list(
        db,
        "SELECT reward, rule, name_nl, name_en, code, earned_ms, expires_ms, redeemed_ms,
           redeemed_store
         FROM rewards JOIN loyalty_rules USING (rule) WHERE customer = ?1 ORDER BY upto, rule",
        [customer.0],
        |row| {
            Ok(Earned {
                reward: RewardId(row.get(0)?),
                rule: row.get(1)?,
                nl: row.get(2)?,
                en: row.get(3)?,
                code: row.get(4)?,
                earned_ms: ms(row, 5)?,
                expires_ms: ms(row, 6)?,
                redeemed_ms: maybe_ms(row, 7)?,
                redeemed_store: row.get(8)?,
            })
        },
    )
}
