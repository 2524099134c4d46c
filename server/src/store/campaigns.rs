//! Campaigns and their versions, what was told of them, and what shoppers do not want to hear.
//!
//! Invariant: a version that was published is never written again.

use std::collections::BTreeSet;

use engine::{
    campaign::Campaign,
    input::{CampaignCount, Told},
};
use protocol::{CampaignId, CustomerId, DecisionId, StoreId, VisitId};
use rusqlite::{Connection, OptionalExtension, params};
use uuid::Uuid;

use super::{StoreError, int, parsed, uint};

/// Counts are kept by whole hours, and an hour that no cap looks at any more goes.
const HOUR_MS: u64 = 3_600_000;
const COUNTS_KEPT_MS: u64 = 8 * 24 * HOUR_MS;
/// All stores together.
const ALL_STORES: &str = "*";

/// How far a campaign is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Never published.
    Draft,
    /// Runs.
    Published,
    /// Ran, and may run again.
    Paused,
    /// Ran, and is over.
    Ended,
}

/// A version of a campaign, as it was saved.
#[derive(Debug, Clone, PartialEq)]
pub struct VersionRow {
    /// What the engine runs.
    pub campaign: Campaign,
    /// As the retailer calls it.
    pub name: String,
    /// How long after a message a purchase counts as its effect.
    pub attribution_ms: u64,
    /// When it was saved.
    pub saved_ms: u64,
    /// By whom.
    pub saved_by: String,
}

/// The campaigns that run, by id.
pub fn published(db: &Connection) -> Result<Vec<Campaign>, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT v.body FROM campaigns c
         JOIN campaign_versions v ON v.campaign = c.campaign AND v.version = c.published
         WHERE c.state = 'published' ORDER BY c.campaign",
    )?;
    let mut rows = statement.query([])?;
    let mut campaigns = Vec::new();
    while let Some(row) = rows.next()? {
        campaigns.push(read_body(row.get_ref(0)?.as_str().unwrap_or_default())?);
    }
    Ok(campaigns)
}

fn read_body(text: &str) -> Result<Campaign, StoreError> {
    serde_json::from_str(text).map_err(|error| StoreError::Damaged(error.to_string()))
}

/// One version of a campaign.
pub fn version(
    db: &Connection,
    campaign: CampaignId,
    version: u32,
) -> Result<Option<VersionRow>, StoreError> {
    let row = db
        .prepare_cached(
            "SELECT body, name, attribution_ms, saved_ms, saved_by FROM campaign_versions
             WHERE campaign = ?1 AND version = ?2",
        )?
        .query_row(params![campaign.0, version], |row| {
            let body: String = row.get(0)?;
            let rest = (row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?);
            Ok((body, rest))
        })
        .optional()?;
    row.map(|(body, (name, attribution_ms, saved_ms, saved_by))| {
        Ok(VersionRow {
            campaign: read_body(&body)?,
            name,
            attribution_ms: uint(attribution_ms),
            saved_ms: uint(saved_ms),
            saved_by,
        })
    })
    .transpose()
}

/// Marketing decided for a customer since then, in all stores, oldest first; what was never sent
/// does not count against her.
pub fn told_since(
    db: &Connection,
    customer: CustomerId,
    since_ms: u64,
) -> Result<Vec<Told>, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT decision, campaign, sku, visit, created_ms FROM deliveries
         WHERE customer = ?1 AND created_ms >= ?2 AND class = 'marketing'
           AND campaign IS NOT NULL AND state NOT IN ('expired', 'withdrawn')
         ORDER BY created_ms, decision",
    )?;
    let rows = statement.query_map(params![customer.0, int(since_ms)], |row| {
        Ok(Told {
            decision: DecisionId(row.get(0)?),
            campaign: CampaignId(row.get(1)?),
            sku: row.get_ref(2)?.as_str_or_null()?.map(parsed).transpose()?,
            visit: VisitId(row.get(3)?),
            at_ms: uint(row.get(4)?),
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// How often these were told in this store since `today_ms`, and in all stores in a day.
pub fn counts(
    db: &Connection,
    store: &StoreId,
    capped: &[CampaignId],
    today_ms: u64,
    now_ms: u64,
) -> Result<Vec<CampaignCount>, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT coalesce(sum(told), 0) FROM campaign_counts
         WHERE campaign = ?1 AND store = ?2 AND hour_ms >= ?3",
    )?;
    let mut sum = |campaign: CampaignId, store: &str, from_ms: u64| -> Result<u32, StoreError> {
        let key = params![campaign.0, store, int(from_ms)];
        Ok(statement.query_row(key, |row| row.get(0))?)
    };
    capped
        .iter()
        .map(|&campaign| {
            Ok(CampaignCount {
                campaign,
                // A time zone of half hours begins its day in the middle of one.
                store_today: sum(campaign, store.as_str(), today_ms - today_ms % HOUR_MS)?,
                all_day: sum(campaign, ALL_STORES, now_ms.saturating_sub(24 * HOUR_MS))?,
            })
        })
        .collect()
}

/// One message more, or one less: it was dropped before it was sent.
pub fn count(
    db: &Connection,
    store: &StoreId,
    campaign: Uuid,
    decided_ms: u64,
    by: i32,
) -> Result<(), StoreError> {
    let hour_ms = decided_ms - decided_ms % HOUR_MS;
    let mut add = db.prepare_cached(
        "INSERT INTO campaign_counts VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT DO UPDATE SET told = told + ?4",
    )?;
    let mut forget = db.prepare_cached(
        "DELETE FROM campaign_counts WHERE campaign = ?1 AND store = ?2 AND hour_ms < ?3",
    )?;
    for store in [store.as_str(), ALL_STORES] {
        add.execute(params![campaign, store, int(hour_ms), by])?;
        let old = int(hour_ms.saturating_sub(COUNTS_KEPT_MS));
        forget.execute(params![campaign, store, old])?;
    }
    Ok(())
}

/// What a shopper does not want to hear now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mutes {
    /// Until when she wants silence; 0: not.
    pub paused_until_ms: u64,
    /// From which stores.
    pub stores: BTreeSet<String>,
    /// About which topics.
    pub topics: BTreeSet<String>,
}

/// What a shopper does not want to hear.
pub fn mutes(db: &Connection, customer: CustomerId, now_ms: u64) -> Result<Mutes, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT kind, value, coalesce(until_ms, ?2 + 1) FROM mutes
         WHERE customer = ?1 AND coalesce(until_ms, ?2 + 1) > ?2",
    )?;
    let mut rows = statement.query(params![customer.0, int(now_ms)])?;
    let mut mutes = Mutes::default();
    while let Some(row) = rows.next()? {
        let value: String = row.get(1)?;
        match row.get_ref(0)?.as_str().unwrap_or_default() {
            "store" => _ = mutes.stores.insert(value),
            "topic" => _ = mutes.topics.insert(value),
            _ => mutes.paused_until_ms = uint(row.get(2)?),
        }
    }
    Ok(mutes)
}

/// Mutes, until then or for good.
pub fn mute(
    db: &Connection,
    customer: CustomerId,
    kind: &str,
    value: &str,
    until_ms: Option<u64>,
) -> Result<(), StoreError> {
    db.prepare_cached("INSERT OR REPLACE INTO mutes VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![customer.0, kind, value, until_ms.map(int)])?;
    Ok(())
}

/// Lets it be heard again.
pub fn unmute(
    db: &Connection,
    customer: CustomerId,
    kind: &str,
    value: &str,
) -> Result<(), StoreError> {
    db.prepare_cached("DELETE FROM mutes WHERE customer = ?1 AND kind = ?2 AND value = ?3")?
        .execute(params![customer.0, kind, value])?;
    Ok(())
}
