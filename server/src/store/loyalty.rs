//! The loyalty programme: what members did, and the rewards that it earned them.
//!
//! In: visits, check-ins and purchases as they are written elsewhere, each in its own transaction.
//! Out: rewards, in that same transaction: her fifth visit has its coffee the moment it begins.
//! A cause counts once: a day in a store, however often she goes in and out, and a receipt.
//! What is given for what stands in `rules`; what becomes of a reward at the till in `rewards`.
//! Invariant: of whoever did not join nothing is written, and whoever leaves is forgotten whole.

pub mod rewards;
pub mod rules;

#[cfg(test)]
mod tests;

use protocol::{CustomerId, RewardId, StoreId, TierId};
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    StoreError, int,
    receipts::{ReceiptRow, State},
    shop, uint, word,
};
use crate::{localtime::local_day, secret};
use rules::RuleRow;

/// Moments count for a year: a fifth visit in three years is no habit.
pub const COUNTS_MS: u64 = 365 * 86_400_000;
/// A little longer they are kept, so that a late word of a purchase does not count twice.
const KEPT_MS: u64 = COUNTS_MS + 35 * 86_400_000;
/// Rows that one tidying takes away at most, so that the writer is soon free again.
const TIDY_MAX: u64 = 5_000;

/// What can count.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A day on which she was in a store.
    Visit,
    /// A day on which she said so: "Ik ben er", or the code at the door.
    CheckIn,
    /// Bought in the web shop.
    PurchaseOnline,
    /// Bought at a till.
    PurchaseStore,
}

/// By which words she joined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Joined {
    /// The version of the words that she saw.
    pub text_version: String,
    /// Their language.
    pub language: String,
    /// `page` or `app`.
    pub source: &'static str,
}

/// Takes her in; one who is in stays as she is. The visit that goes on counts: whoever joins in the
/// shop has her first stamp.
pub fn join(
    db: &Connection,
    now_ms: u64,
    customer: CustomerId,
    joined: &Joined,
) -> Result<(), StoreError> {
    db.prepare_cached("INSERT OR IGNORE INTO members VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![
            customer.0,
            int(now_ms),
            joined.text_version,
            joined.language,
            joined.source
        ])?;
    let mut statement = db.prepare_cached(
        "SELECT DISTINCT store FROM visits WHERE customer = ?1 AND left_ms IS NULL",
    )?;
    let stores: Vec<StoreId> = statement
        .query_map([customer.0], |row| super::parsed(row.get_ref(0)?.as_str()?))?
        .collect::<Result<_, _>>()?;
    for store in stores {
        came(db, now_ms, customer, Kind::Visit, &store, now_ms)?;
    }
    Ok(())
}

/// Forgets all that the programme knows of her, with what she has earned.
pub fn leave(db: &Connection, customer: CustomerId) -> Result<(), StoreError> {
    db.prepare_cached("DELETE FROM members WHERE customer = ?1")?
        .execute([customer.0])?;
    Ok(())
}

/// Since when she is in; none: she is not.
pub fn member_since(db: &Connection, customer: CustomerId) -> Result<Option<u64>, StoreError> {
    let since: Option<i64> = db
        .prepare_cached("SELECT joined_ms FROM members WHERE customer = ?1")?
        .query_row([customer.0], |row| row.get(0))
        .optional()?;
    Ok(since.map(uint))
}

/// She was in a store, or said so; on the day on which she joined also before.
pub fn came(
    db: &Connection,
    now_ms: u64,
    customer: CustomerId,
    kind: Kind,
    store: &StoreId,
    at_ms: u64,
) -> Result<(), StoreError> {
    let Some(joined_ms) = member_since(db, customer)? else {
        return Ok(());
    };
    let timezone = shop::store(db, store)?.timezone;
    let day_ms = local_day(&timezone, at_ms).midnight_ms;
    let that_day = day_ms == local_day(&timezone, joined_ms).midnight_ms;
    let at_ms = if that_day {
        at_ms.max(joined_ms)
    } else {
        at_ms
    };
    let moment = Moment {
        kind,
        cause: format!("day/{store}/{day_ms}"),
        at_ms,
        store: Some(store),
        total: None,
    };
    moment.note(db, now_ms, customer)
}

/// She bought something, or it was called off. What was paid back in part still counts: a shoe that
/// did not fit takes nobody's coffee away.
pub fn bought(db: &Connection, now_ms: u64, receipt: &ReceiptRow) -> Result<(), StoreError> {
    if member_since(db, receipt.customer)?.is_none() {
        return Ok(());
    }
    let kind = match receipt.store {
        Some(_) => Kind::PurchaseStore,
        None => Kind::PurchaseOnline,
    };
    let moment = Moment {
        kind,
        cause: format!("receipt/{}", receipt.receipt),
        at_ms: receipt.at_ms.unwrap_or(now_ms),
        store: receipt.store.as_ref(),
        total: receipt.total_minor.zip(receipt.currency.as_deref()),
    };
    match receipt.state {
        State::Bought | State::Refunded => moment.note(db, now_ms, receipt.customer),
        State::Cancelled => moment.take_back(db, receipt.customer),
    }
}

/// One thing that counts.
struct Moment<'a> {
    kind: Kind,
    cause: String,
    at_ms: u64,
    store: Option<&'a StoreId>,
    /// In the currency's minor unit.
    total: Option<(u64, &'a str)>,
}

impl Moment<'_> {
    /// Writes it, and the rewards that are due by it. Known already, or from before she joined:
    /// nothing happens.
    fn note(self, db: &Connection, now_ms: u64, customer: CustomerId) -> Result<(), StoreError> {
        let added = self.add(db, customer, false)?;
        if added {
            for rule in rules::published(db)? {
                if rule.counts.contains(&self.kind) {
                    earn(db, now_ms, customer, &rule, self.store)?;
                }
            }
        }
        Ok(())
    }

    fn add(&self, db: &Connection, customer: CustomerId, undone: bool) -> Result<bool, StoreError> {
        let rows = db
            .prepare_cached(
                "INSERT INTO loyalty_moments
                   (customer, kind, cause, at_ms, store, total_minor, currency, undone)
                 SELECT customer, ?2, ?3, ?4, ?5, ?6, ?7, ?8 FROM members
                 WHERE customer = ?1 AND joined_ms <= ?4
                 ON CONFLICT DO NOTHING",
            )?
            .execute(params![
                customer.0,
                word(self.kind),
                self.cause,
                int(self.at_ms),
                self.store.map(StoreId::as_str),
                self.total.map(|(minor, _)| int(minor)),
                self.total.map(|(_, currency)| currency),
                undone,
            ])?;
        Ok(rows > 0)
    }

    /// The purchase was none. A reward that rests on it and is not given yet goes too, if it is the
    /// last of its rule: the other moments count again. A cancellation that comes first is
    /// remembered.
    fn take_back(self, db: &Connection, customer: CustomerId) -> Result<(), StoreError> {
        if self.add(db, customer, true)? {
            return Ok(());
        }
        let moment: Option<i64> = db
            .prepare_cached(
                "UPDATE loyalty_moments SET undone = 1
                 WHERE customer = ?1 AND kind = ?2 AND cause = ?3 AND undone = 0
                 RETURNING moment",
            )?
            .query_row(params![customer.0, word(self.kind), self.cause], |row| {
                row.get(0)
            })
            .optional()?;
        let Some(moment) = moment else {
            return Ok(());
        };
        for rule in rules::all(db)?
            .iter()
            .filter(|rule| rule.counts.contains(&self.kind))
        {
            db.prepare_cached(
                "DELETE FROM rewards
                 WHERE customer = ?1 AND rule = ?2 AND redeemed_ms IS NULL AND upto >= ?3
                   AND upto = (SELECT max(upto) FROM rewards WHERE customer = ?1 AND rule = ?2)
                   AND ?3 > coalesce((SELECT max(r.upto) FROM rewards r
                     WHERE r.customer = ?1 AND r.rule = ?2 AND r.upto < rewards.upto), 0)",
            )?
            .execute(params![customer.0, rule.rule.as_str(), moment])?;
        }
        Ok(())
    }
}

/// Moments of a rule that no reward has used up yet, and the last of them.
fn open_moments(
    db: &Connection,
    now_ms: u64,
    customer: CustomerId,
    rule: &RuleRow,
) -> Result<(u32, i64), StoreError> {
    let (total_minor_min, currency) = rule.purchase_min.clone().unzip();
    let row = db
        .prepare_cached(
            "SELECT count(*), coalesce(max(moment), 0) FROM loyalty_moments
             WHERE customer = ?1 AND instr(?2, ',' || kind || ',') > 0 AND undone = 0
               AND at_ms >= ?3 AND at_ms > ?4
               AND moment > coalesce((SELECT max(upto) FROM rewards
                 WHERE customer = ?1 AND rule = ?5), 0)
               AND (?6 IS NULL OR kind IN ('visit', 'check_in')
                 OR (total_minor >= ?6 AND currency = ?7))",
        )?
        .query_row(
            params![
                customer.0,
                rules::listed(&rule.counts),
                int(rule.from_ms),
                int(now_ms.saturating_sub(COUNTS_MS)),
                rule.rule.as_str(),
                total_minor_min.map(int),
                currency,
            ],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
    Ok(row)
}

fn earn(
    db: &Connection,
    now_ms: u64,
    customer: CustomerId,
    rule: &RuleRow,
    store: Option<&StoreId>,
) -> Result<(), StoreError> {
    let (moments, upto) = open_moments(db, now_ms, customer, rule)?;
    // A paused rule gave nothing for what came meanwhile: it is one reward, and not three at once.
    if moments < rule.every {
        return Ok(());
    }
    db.prepare_cached(
        "INSERT INTO rewards (reward, customer, rule, upto, code, earned_ms, expires_ms)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING",
    )?
    .execute(params![
        RewardId::at(now_ms, secret::random()?).0,
        customer.0,
        rule.rule.as_str(),
        upto,
        rewards::fresh_code(db)?,
        int(now_ms),
        int(end_of_day(db, now_ms.saturating_add(rule.valid_ms), store)?),
    ])?;
    Ok(())
}

/// The midnight after: a reward is good for whole days, by the clock of the store where she earned
/// it, or of the chain's first.
fn end_of_day(db: &Connection, at_ms: u64, store: Option<&StoreId>) -> Result<u64, StoreError> {
    let first = match store {
        Some(store) => Some(store.clone()),
        None => shop::store_ids(db)?.into_iter().next(),
    };
    let timezone = match first {
        Some(store) => shop::store(db, &store)?.timezone,
        None => "UTC".to_owned(),
    };
    Ok(local_day(&timezone, at_ms).next_midnight_ms)
}

/// How far she is with each published rule.
pub fn progress(
    db: &Connection,
    now_ms: u64,
    customer: CustomerId,
) -> Result<Vec<(RuleRow, u32)>, StoreError> {
    let rules = rules::published(db)?.into_iter();
    let far = |rule: RuleRow| {
        let (moments, _) = open_moments(db, now_ms, customer, &rule)?;
        Ok((rule, moments))
    };
    rules.map(far).collect()
}

/// Her tier: the highest for which she came and bought often enough in the last year. A check-in is
/// a visit too, and counts once.
pub fn tier(
    db: &Connection,
    now_ms: u64,
    customer: CustomerId,
) -> Result<Option<TierId>, StoreError> {
    let tier = db
        .prepare_cached(
            "SELECT tier FROM loyalty_tiers
             WHERE moments_min <= (SELECT count(DISTINCT cause) FROM loyalty_moments
               WHERE customer = ?1 AND undone = 0 AND at_ms > ?2)
               AND EXISTS (SELECT 1 FROM members WHERE customer = ?1)
             ORDER BY moments_min DESC LIMIT 1",
        )?
        .query_row(
            params![customer.0, int(now_ms.saturating_sub(COUNTS_MS))],
            |row| super::parsed(row.get_ref(0)?.as_str()?),
        )
        .optional()?;
    Ok(tier)
}

/// Takes away what nobody needs any more.
pub fn tidy(db: &Connection, now_ms: u64) -> Result<(), StoreError> {
    db.prepare_cached(
        "DELETE FROM loyalty_moments WHERE moment IN
           (SELECT moment FROM loyalty_moments WHERE at_ms < ?1 LIMIT ?2)",
    )?
    .execute(params![int(now_ms.saturating_sub(KEPT_MS)), int(TIDY_MAX)])?;
    Ok(())
}
