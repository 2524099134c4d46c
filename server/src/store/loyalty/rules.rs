//! What the programme gives for what, and its tiers.
//!
//! In: rules and tiers as the shop sets them. Out: rows.
//! Invariant: what a rule counts never changes once it is made: who was promised a coffee for her
//! fifth visit gets it for her fifth.

use std::collections::BTreeSet;

use protocol::{RuleId, TierId};
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Kind;
use crate::store::{StoreError, from_word, int, parsed, shop::Names, uint, word};

/// Rules of a chain at most.
pub const RULES_MAX: u32 = 16;
/// Tiers of a chain at most.
pub const TIERS_MAX: usize = 8;

/// Whether a rule gives anything now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RuleState {
    /// It does.
    Published,
    /// It does not; what was earned stays.
    Paused,
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleRow {
    /// Which.
    pub rule: RuleId,
    /// What counts; at least one.
    pub counts: BTreeSet<Kind>,
    /// A reward every so many moments.
    pub every: u32,
    /// Of purchases only those of so much or more, in this currency's minor unit.
    pub purchase_min: Option<(u64, String)>,
    /// The reward: `een koffie`.
    pub name: Names,
    /// How long a reward is good.
    pub valid_ms: u64,
    /// Whether it gives anything now.
    pub state: RuleState,
    /// Moments before do not count.
    pub from_ms: u64,
}

/// One tier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TierRow {
    /// Which.
    pub tier: TierId,
    /// What people call it.
    pub name: Names,
    /// From so many moments in a year on.
    pub moments_min: u32,
}

/// Kinds as the database has them: with commas around each.
pub(super) fn listed(counts: &BTreeSet<Kind>) -> String {
    let names = counts.iter().map(|kind| format!("{},", word(kind)));
    format!(",{}", names.collect::<String>())
}

const COLUMNS: &str =
    "rule, counts, every, total_minor_min, currency, name_nl, name_en, valid_ms, state, from_ms";

fn rule_row(row: &Row<'_>) -> Result<RuleRow, StoreError> {
    let counts: String = row.get(1)?;
    let kinds = counts.split(',').filter(|name| !name.is_empty());
    let least: Option<i64> = row.get(3)?;
    let state: String = row.get(8)?;
    Ok(RuleRow {
        rule: parsed(row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?)?,
        counts: kinds.map(from_word).collect::<Result<_, _>>()?,
        every: row.get(2)?,
        purchase_min: least.map(uint).zip(row.get(4)?),
        name: Names {
            nl: row.get(5)?,
            en: row.get(6)?,
        },
        valid_ms: uint(row.get(7)?),
        state: from_word(&state)?,
        from_ms: uint(row.get(9)?),
    })
}

fn rules(db: &Connection, which: &str) -> Result<Vec<RuleRow>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM loyalty_rules WHERE {which} ORDER BY from_ms, rule");
    let mut statement = db.prepare_cached(&sql)?;
    let mut rows = statement.query([])?;
    let mut rules = Vec::new();
    while let Some(row) = rows.next()? {
        rules.push(rule_row(row)?);
    }
    Ok(rules)
}

/// All rules, the oldest first.
pub fn all(db: &Connection) -> Result<Vec<RuleRow>, StoreError> {
    rules(db, "1")
}

/// Those that give something now, the oldest first.
pub fn published(db: &Connection) -> Result<Vec<RuleRow>, StoreError> {
    rules(db, "state = 'published'")
}

/// Makes a rule, or changes its name, validity and state; when it began stays.
pub fn put(db: &Connection, row: &RuleRow) -> Result<(), StoreError> {
    let known = all(db)?;
    let before = known.iter().find(|known| known.rule == row.rule);
    if let Some(before) = before {
        let same = before.counts == row.counts
            && before.every == row.every
            && before.purchase_min == row.purchase_min;
        if !same {
            return Err(StoreError::Conflict(format!(
                "what rule {} counts was promised: pause it and make another",
                row.rule
            )));
        }
    } else if known.len() >= RULES_MAX as usize {
        return Err(StoreError::Conflict(format!(
            "there are {RULES_MAX} rules: who is to remember more"
        )));
    }
    db.prepare_cached(
        "INSERT INTO loyalty_rules VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
         ON CONFLICT DO UPDATE SET name_nl = ?6, name_en = ?7, valid_ms = ?8, state = ?9",
    )?
    .execute(params![
        row.rule.as_str(),
        listed(&row.counts),
        row.every,
        row.purchase_min.as_ref().map(|(minor, _)| int(*minor)),
        row.purchase_min.as_ref().map(|(_, currency)| currency),
        row.name.nl,
        row.name.en,
        int(row.valid_ms),
        word(row.state),
        int(row.from_ms),
    ])?;
    Ok(())
}

/// How often a rule gave something, and how often that was used.
pub fn given(db: &Connection, rule: &RuleId) -> Result<(u32, u32), StoreError> {
    let counted = db
        .prepare_cached("SELECT count(*), count(redeemed_ms) FROM rewards WHERE rule = ?1")?
        .query_row([rule.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(counted)
}

/// All tiers, the lowest first.
pub fn tiers(db: &Connection) -> Result<Vec<TierRow>, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT tier, name_nl, name_en, moments_min FROM loyalty_tiers ORDER BY moments_min",
    )?;
    let rows = statement.query_map([], |row| {
        Ok(TierRow {
            tier: parsed(row.get_ref(0)?.as_str()?)?,
            name: Names {
                nl: row.get(1)?,
                en: row.get(2)?,
            },
            moments_min: row.get(3)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// One tier.
pub fn tier(db: &Connection, tier: &TierId) -> Result<Option<TierRow>, StoreError> {
    Ok(tiers(db)?.into_iter().find(|row| row.tier == *tier))
}

/// The tiers from now on, all of them.
pub fn put_tiers(db: &Connection, rows: &[TierRow]) -> Result<(), StoreError> {
    let numbers: BTreeSet<u32> = rows.iter().map(|row| row.moments_min).collect();
    let names: BTreeSet<&TierId> = rows.iter().map(|row| &row.tier).collect();
    if numbers.len() < rows.len() || names.len() < rows.len() {
        return Err(StoreError::Conflict(
            "two tiers have one name, or begin at one number".into(),
        ));
    }
    db.prepare_cached("DELETE FROM loyalty_tiers")?
        .execute([])?;
    let mut add = db.prepare_cached("INSERT INTO loyalty_tiers VALUES (?1, ?2, ?3, ?4)")?;
    for row in rows {
        add.execute(params![
            row.tier.as_str(),
            row.name.nl,
            row.name.en,
            row.moments_min
        ])?;
    }
    Ok(())
}

/// Whether there is a programme at all.
pub fn is_there(db: &Connection) -> Result<bool, StoreError> {
    let found = db
        .prepare_cached("SELECT 1 FROM loyalty_rules WHERE state = 'published'")?
        .query_row([], |_| Ok(()))
        .optional()?;
    Ok(found.is_some())
}
