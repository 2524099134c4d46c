//! Campaigns and their versions, what was told of them, and what shoppers do not want to hear.
//!
//! Invariant: a version that was published is never written again.

use std::collections::{BTreeSet, HashMap};

use engine::{
    campaign::{CAMPAIGNS_MAX, Campaign},
    input::{CampaignCount, Told},
    outcome::{Choice, Decision, Reason},
};
use protocol::{CampaignId, CustomerId, DecisionId, StoreId, VisitId};
use rusqlite::{Connection, OptionalExtension, params};
use uuid::Uuid;

use crate::replay::Stays;

use super::{StoreError, from_word, int, parsed, uint, word};

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

/// A campaign, as a list shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct CampaignRow {
    /// How far it is.
    pub state: State,
    /// The version that runs, or ran last.
    pub published: Option<u32>,
    /// Its newest version.
    pub newest: VersionRow,
}

/// All campaigns with their newest versions, by id.
pub fn all(db: &Connection) -> Result<Vec<CampaignRow>, StoreError> {
    let mut statement = db.prepare_cached("SELECT campaign FROM campaigns ORDER BY campaign")?;
    let ids = statement.query_map([], |row| Ok(CampaignId(row.get(0)?)))?;
    let ids: Vec<CampaignId> = ids.collect::<Result<_, _>>()?;
    ids.into_iter().map(|id| one(db, id)).collect()
}

/// One campaign with its newest version.
pub fn one(db: &Connection, campaign: CampaignId) -> Result<CampaignRow, StoreError> {
    let (state, published, newest): (String, Option<u32>, u32) = db
        .prepare_cached(
            "SELECT state, published, (SELECT max(version) FROM campaign_versions v
                                       WHERE v.campaign = c.campaign)
             FROM campaigns c WHERE campaign = ?1",
        )?
        .query_row([campaign.0], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .optional()?
        .ok_or(StoreError::NotFound("campaign"))?;
    Ok(CampaignRow {
        state: from_word(&state)?,
        published,
        newest: version(db, campaign, newest)?.ok_or(StoreError::NotFound("campaign version"))?,
    })
}

/// Makes a campaign, or gives it other words: over a version that was never published, or as the
/// next one. Gives back which version it is.
pub fn save(db: &Connection, now_ms: u64, row: &VersionRow) -> Result<u32, StoreError> {
    let id = row.campaign.campaign;
    let version = match one(db, id) {
        Ok(known) if known.state == State::Ended => {
            return Err(StoreError::Conflict(
                "this campaign has ended: make another".into(),
            ));
        }
        Ok(known) => {
            let newest = known.newest.campaign.version;
            let was_published = known.published.is_some_and(|published| published >= newest);
            newest + u32::from(was_published)
        }
        Err(StoreError::NotFound(_)) => {
            let count: u32 = db.query_row(
                "SELECT count(*) FROM campaigns WHERE state <> 'ended'",
                [],
                |row| row.get(0),
            )?;
            if count as usize >= CAMPAIGNS_MAX {
                return Err(StoreError::Conflict(format!(
                    "a chain has at most {CAMPAIGNS_MAX} campaigns that have not ended"
                )));
            }
            db.prepare_cached("INSERT INTO campaigns VALUES (?1, 'draft', NULL, ?2, ?2)")?
                .execute(params![id.0, int(now_ms)])?;
            1
        }
        Err(error) => return Err(error),
    };
    let campaign = Campaign {
        version,
        ..row.campaign.clone()
    };
    let body = serde_json::to_string(&campaign).map_err(|e| StoreError::Damaged(e.to_string()))?;
    db.prepare_cached(
        "INSERT OR REPLACE INTO campaign_versions VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![
        id.0,
        version,
        row.name,
        int(row.attribution_ms),
        body,
        int(now_ms),
        row.saved_by,
    ])?;
    Ok(version)
}

/// Publishes the newest version, pauses, or ends for good.
pub fn set_state(
    db: &Connection,
    now_ms: u64,
    campaign: CampaignId,
    state: State,
) -> Result<CampaignRow, StoreError> {
    let known = one(db, campaign)?;
    let refused = |why: &str| Err(StoreError::Conflict(why.to_owned()));
    match (known.state, state) {
        (State::Ended, _) => return refused("this campaign has ended: make another"),
        (_, State::Draft) => return refused("what was published is no draft again: pause it"),
        (State::Draft, State::Paused) => return refused("a draft does not run: nothing to pause"),
        _ => {}
    }
    let published = match state {
        State::Published => Some(known.newest.campaign.version),
        _ => known.published,
    };
    db.prepare_cached(
        "UPDATE campaigns SET state = ?2, published = ?3, changed_ms = ?4 WHERE campaign = ?1",
    )?
    .execute(params![campaign.0, word(state), published, int(now_ms)])?;
    one(db, campaign)
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

/// Those of them that run in this store, by id.
pub fn published_in(db: &Connection, store: &StoreId) -> Result<Vec<Campaign>, StoreError> {
    let mut campaigns = published(db)?;
    campaigns.retain(|campaign| campaign.trigger.is_for(store));
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
    if capped.is_empty() {
        return Ok(Vec::new());
    }
    // A time zone of half hours begins its day in the middle of one.
    let today_ms = int(today_ms - today_ms % HOUR_MS);
    let day_ms = int(now_ms.saturating_sub(24 * HOUR_MS));
    // One statement for all of them; each is a range of the key.
    let mut statement = db.prepare_cached(
        "SELECT k.campaign, sum(k.told)
         FROM campaigns c CROSS JOIN campaign_counts k
           ON k.campaign = c.campaign AND k.store = ?1 AND k.hour_ms >= ?2
         WHERE c.published IS NOT NULL GROUP BY k.campaign",
    )?;
    let mut told = |store: &str, from_ms: i64| -> Result<HashMap<CampaignId, u32>, StoreError> {
        let rows = statement.query_map(params![store, from_ms], |row| {
            Ok((CampaignId(row.get(0)?), row.get(1)?))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    };
    let (here, anywhere) = (told(store.as_str(), today_ms)?, told(ALL_STORES, day_ms)?);
    let of =
        |told: &HashMap<_, u32>, campaign: CampaignId| told.get(&campaign).copied().unwrap_or(0);
    let count = |&campaign: &CampaignId| CampaignCount {
        campaign,
        store_today: of(&here, campaign),
        all_day: of(&anywhere, campaign),
    };
    Ok(capped.iter().map(count).collect())
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

/// Ends are kept for so long.
const ENDS_KEPT_MS: u64 = 400 * DAY_MS;
const DAY_MS: u64 = 24 * HOUR_MS;
/// The end of a moment at which a campaign was told.
const TOLD: &str = "told";

/// Counts how a moment ended for each campaign that it set off.
pub fn tally(db: &Connection, store: &StoreId, decision: &Decision) -> Result<(), StoreError> {
    let day_ms = decision.at_ms - decision.at_ms % DAY_MS;
    let mut add = db.prepare_cached(
        "INSERT INTO campaign_ends VALUES (?1, ?2, ?3, ?4, 1)
         ON CONFLICT DO UPDATE SET times = times + 1",
    )?;
    for (place, weighed) in decision.weighed.iter().enumerate() {
        let end = match (&decision.choice, weighed.out) {
            (_, Some(reason)) => word(reason),
            (Choice::Suppress { reason }, None) => word(reason),
            (Choice::Notify { .. }, None) if place == 0 => TOLD.to_owned(),
            // Another campaign was told: no reason against this one.
            (Choice::Notify { .. }, None) => continue,
        };
        add.execute(params![
            weighed.campaign.0,
            store.as_str(),
            int(day_ms),
            end
        ])?;
    }
    let old_ms = int(day_ms.saturating_sub(ENDS_KEPT_MS));
    for weighed in decision.weighed.iter().take(1) {
        db.prepare_cached(
            "DELETE FROM campaign_ends WHERE campaign = ?1 AND store = ?2 AND day_ms < ?3",
        )?
        .execute(params![weighed.campaign.0, store.as_str(), old_ms])?;
    }
    Ok(())
}

/// How a campaign's moments ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ends {
    /// Told.
    pub told: u64,
    /// There was something to tell, and this held it back; most often first.
    pub held_back: Vec<(Reason, u64)>,
}

/// How a campaign's moments in a store ended since then, in whole days.
pub fn ends_since(
    db: &Connection,
    store: &StoreId,
    campaign: CampaignId,
    since_ms: u64,
) -> Result<Ends, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT end, sum(times) FROM campaign_ends
         WHERE campaign = ?1 AND store = ?2 AND day_ms >= ?3 GROUP BY end
         ORDER BY sum(times) DESC, end",
    )?;
    let from_ms = int(since_ms - since_ms % DAY_MS);
    let mut rows = statement.query(params![campaign.0, store.as_str(), from_ms])?;
    let mut ends = Ends::default();
    while let Some(row) = rows.next()? {
        let (end, times) = (
            row.get_ref(0)?.as_str().unwrap_or_default(),
            uint(row.get(1)?),
        );
        if end == TOLD {
            ends.told = times;
            continue;
        }
        let reason: Reason = from_word(end)?;
        if reason.held_back() {
            ends.held_back.push((reason, times));
        }
    }
    Ok(ends)
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

/// In which store a decision was made; none: there is no such decision.
pub fn store_of_decision(
    db: &Connection,
    decision: DecisionId,
) -> Result<Option<StoreId>, StoreError> {
    Ok(db
        .prepare_cached("SELECT store FROM decisions WHERE decision = ?1")?
        .query_row([decision.0], |row| parsed(row.get_ref(0)?.as_str()?))
        .optional()?)
}

/// The decisions of a store that were made in this time, oldest first, as far as they can be read:
/// those from before campaigns have another shape.
pub fn each_decision(
    db: &Connection,
    store: &StoreId,
    from_ms: u64,
    to_ms: u64,
    mut each: impl FnMut(Option<Decision>),
) -> Result<(), StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT body FROM decisions WHERE store = ?1 AND decided_ms >= ?2 AND decided_ms < ?3
         ORDER BY decided_ms, decision",
    )?;
    let mut rows = statement.query(params![store.as_str(), int(from_ms), int(to_ms)])?;
    while let Some(row) = rows.next()? {
        let text = row.get_ref(0)?.as_str().unwrap_or_default();
        each(serde_json::from_str(text).ok());
    }
    Ok(())
}

/// The stays that began in this time, by visit and zone, oldest first.
pub fn stays(
    db: &Connection,
    store: &StoreId,
    from_ms: u64,
    to_ms: u64,
) -> Result<Stays, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT s.visit, s.zone, s.from_ms, s.to_ms FROM visits v JOIN zone_stays s USING (visit)
         WHERE v.store = ?1 AND v.entered_ms < ?3 AND s.from_ms >= ?2 AND s.from_ms < ?3
         ORDER BY s.from_ms",
    )?;
    let mut rows = statement.query(params![store.as_str(), int(from_ms), int(to_ms)])?;
    let mut stays = Stays::new();
    while let Some(row) = rows.next()? {
        let zone = parsed(row.get_ref(1)?.as_str().unwrap_or_default())?;
        let to_ms = row.get::<_, Option<i64>>(3)?.map(uint);
        let stay = (uint(row.get(2)?), to_ms);
        stays
            .entry((VisitId(row.get(0)?), zone))
            .or_default()
            .push(stay);
    }
    Ok(stays)
}
