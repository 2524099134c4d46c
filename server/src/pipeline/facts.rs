//! Answers the engine's questions from the tables, inside the transaction that asked.
//!
//! Invariant: what she did online is read only with her consent to use it.

use engine::{
    Input, Observation,
    campaign::Campaign,
    input::{Consent, MatchFacts, Reward},
    outcome::Moment,
};
use protocol::{CampaignId, CustomerId, StoreId, VisitId};
use rusqlite::Connection;

use crate::{
    localtime::local_day,
    store::{
        StoreError, board, campaigns, intents,
        loyalty::{self, rewards},
        people, shop,
    },
};

/// Late sightings join a visit that ended this shortly before, or begins this shortly after.
const JOIN_MS: u64 = 180_000;

/// What the engine wants to know about a moment.
pub(super) struct Asked {
    pub(super) customer: CustomerId,
    pub(super) visit: VisitId,
    pub(super) moment: Moment,
    /// Campaigns with a cap for all.
    pub(super) capped: Vec<CampaignId>,
    /// How far back caps look.
    pub(super) told_since_ms: u64,
}

pub(super) fn for_match(
    db: &Connection,
    now_ms: u64,
    store: &StoreId,
    asked: Asked,
    consent: Consent,
) -> Result<Input, StoreError> {
    let Asked {
        customer,
        capped,
        told_since_ms,
        ..
    } = asked;
    let facts = facts(db, now_ms, store, customer, consent, &capped, told_since_ms)?;
    Ok(Input::Match {
        customer,
        visit: asked.visit,
        moment: asked.moment,
        facts,
    })
}

/// What these campaigns would know of a shopper if she were in this store now.
pub fn facts_now(
    db: &Connection,
    now_ms: u64,
    store: &StoreId,
    customer: CustomerId,
    campaigns: &[Campaign],
) -> Result<MatchFacts, StoreError> {
    let consent = people::switches(&people::consent_since(db, customer)?);
    let capped: Vec<CampaignId> = campaigns.iter().map(|c| c.campaign).collect();
    let back_ms = campaigns.iter().map(Campaign::looks_back_ms).max();
    let since_ms = now_ms.saturating_sub(back_ms.unwrap_or(0));
    let facts = facts(db, now_ms, store, customer, consent, &capped, since_ms)?;
    Ok(MatchFacts {
        // The visit that she would be in.
        visit_number: facts.visit_number.saturating_add(1),
        ..facts
    })
}

fn facts(
    db: &Connection,
    now_ms: u64,
    store: &StoreId,
    customer: CustomerId,
    consent: Consent,
    capped: &[CampaignId],
    told_since_ms: u64,
) -> Result<MatchFacts, StoreError> {
    let today = local_day(&shop::store(db, store)?.timezone, now_ms);
    let candidates = if consent.messages && consent.browsing {
        let since_ms = now_ms.saturating_sub(intents::INTENT_AGE_MS_MAX);
        intents::candidates(db, store, customer, since_ms, now_ms)?
    } else {
        Vec::new()
    };
    let mutes = campaigns::mutes(db, customer, now_ms)?;
    let who = people::customer(db, customer)?;
    Ok(MatchFacts {
        consent,
        candidates,
        rewards: rewards::open(db, now_ms, customer)?
            .into_iter()
            .map(|row| Reward {
                reward: row.reward,
                expires_ms: row.expires_ms,
            })
            .collect(),
        told: campaigns::told_since(db, customer, told_since_ms.min(today.midnight_ms))?,
        counts: campaigns::counts(db, store, capped, today.midnight_ms, now_ms)?,
        tier: loyalty::tier(db, now_ms, customer)?.map(String::from),
        visit_number: board::visit_count(db, customer)?,
        language: who.language,
        given_name: !who.given_name.trim().is_empty(),
        paused: mutes.paused_until_ms > now_ms || mutes.stores.contains(store.as_str()),
        muted_topics: mutes.topics,
        // The engine knows these two itself.
        waits_for_order: false,
        in_two_stores: false,
        today_from_ms: today.midnight_ms,
        local_minute: today.minute,
        weekday: today.weekday,
    })
}

pub(super) fn for_history(
    db: &Connection,
    store: &StoreId,
    customer: CustomerId,
    late: Vec<Observation>,
) -> Result<Input, StoreError> {
    let from_ms = late.iter().map(|o| o.heard_first_ms).min().unwrap_or(0);
    let to_ms = late.iter().map(|o| o.heard_last_ms).max().unwrap_or(0);
    let visits = board::visits_around(
        db,
        store,
        customer,
        from_ms.saturating_sub(JOIN_MS),
        to_ms.saturating_add(JOIN_MS),
    )?;
    Ok(Input::History {
        customer,
        late,
        visits,
    })
}
