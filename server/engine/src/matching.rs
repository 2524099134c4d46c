//! Matching: which one thing is worth telling her here and now, if any.
//!
//! In: the store's rules, the facts of this moment, the zone that she stands in.
//! Out: a choice, and every candidate with its score or the reason against it.
//! Score: `weight(intent) * 0.5 ^ (age / INTENT_HALF_LIFE_MS)`. One half-life for all kinds, so
//! that of two things done at the same time the stronger intent always wins.
//! Promises: of two runs over the same facts, the same choice.
//! Invariant: without her consent no candidate is looked at.

use std::cmp::Ordering;

use protocol::ZoneId;

use crate::{
    input::{Candidate, IntentKind, MatchFacts, Rules},
    outcome::{Choice, Considered, Reason},
};

/// In the cart is one step from buying.
pub const WEIGHT_CARTED: f64 = 8.0;
/// A wish was said aloud, but without a date.
pub const WEIGHT_WISHLISTED: f64 = 5.0;
/// Coming back to look is thinking about it.
pub const WEIGHT_VIEWED_OFTEN: f64 = 3.0;
/// One look may be chance.
pub const WEIGHT_VIEWED: f64 = 1.0;
/// So many views are coming back.
pub const VIEWED_OFTEN: u32 = 3;

const DAY_MS: u64 = 86_400_000;
/// After this time an intent is worth half: between two visits to one shop lie about two weeks.
pub const INTENT_HALF_LIFE_MS: u64 = 14 * DAY_MS;
/// An older intent is none: a season is over.
pub const INTENT_AGE_MAX_MS: u64 = 90 * DAY_MS;

/// Chooses. The candidates come back best first.
pub fn decide(
    rules: &Rules,
    facts: &MatchFacts,
    zone: &ZoneId,
    now_ms: u64,
) -> (Choice, Vec<Considered>) {
    if !(facts.consent.messages && facts.consent.browsing) {
        return (silent(Reason::NoConsent), Vec::new());
    }
    let considered = consider(facts, zone, now_ms);
    let choice = match whole_person(rules, facts) {
        Some(reason) => silent(reason),
        None => best(&considered),
    };
    (choice, considered)
}

/// What speaks against any message to her, whatever it is about.
fn whole_person(rules: &Rules, facts: &MatchFacts) -> Option<Reason> {
    if rules
        .quiet_minutes
        .is_some_and(|quiet| is_quiet(quiet, facts.local_minute))
    {
        Some(Reason::QuietHours)
    } else if facts.messages_today >= rules.messages_per_day_max {
        Some(Reason::FrequencyCap)
    } else {
        None
    }
}

/// From the first to before the second minute; 22:00 to 8:00 goes over midnight.
fn is_quiet((from, to): (u16, u16), minute: u16) -> bool {
    if from <= to {
        (from..to).contains(&minute)
    } else {
        minute >= from || minute < to
    }
}

fn consider(facts: &MatchFacts, zone: &ZoneId, now_ms: u64) -> Vec<Considered> {
    let mut considered: Vec<Considered> = facts
        .candidates
        .iter()
        .map(|candidate| Considered {
            sku: candidate.sku.clone(),
            score: score(candidate, now_ms),
            out: against(candidate, facts, zone, now_ms),
        })
        .collect();
    considered.sort_by(better);
    considered
}

/// Usable before unusable, then by score; the SKU last, so that equal scores have an order.
fn better(a: &Considered, b: &Considered) -> Ordering {
    let usable = a.out.is_some().cmp(&b.out.is_some());
    usable
        .then(b.score.total_cmp(&a.score))
        .then_with(|| a.sku.cmp(&b.sku))
}

fn best(considered: &[Considered]) -> Choice {
    match considered.first() {
        None => silent(Reason::NoIntent),
        Some(Considered {
            out: Some(reason), ..
        }) => silent(*reason),
        Some(Considered { sku, .. }) => Choice::Notify { sku: sku.clone() },
    }
}

fn score(candidate: &Candidate, now_ms: u64) -> f64 {
    let weight = match candidate.intent {
        IntentKind::Carted => WEIGHT_CARTED,
        IntentKind::Wishlisted => WEIGHT_WISHLISTED,
        IntentKind::Viewed if candidate.views >= VIEWED_OFTEN => WEIGHT_VIEWED_OFTEN,
        IntentKind::Viewed => WEIGHT_VIEWED,
        IntentKind::Ordered => 0.0,
    };
    let age_ms = now_ms.saturating_sub(candidate.last_ms);
    weight * (-(age_ms as f64) / INTENT_HALF_LIFE_MS as f64).exp2()
}

fn against(
    candidate: &Candidate,
    facts: &MatchFacts,
    zone: &ZoneId,
    now_ms: u64,
) -> Option<Reason> {
    let age_ms = now_ms.saturating_sub(candidate.last_ms);
    if candidate.intent == IntentKind::Ordered || age_ms > INTENT_AGE_MAX_MS {
        Some(Reason::NoIntent)
    } else if candidate.zone.as_ref() != Some(zone) {
        Some(Reason::NotPlacedHere)
    } else if candidate.stock == 0 {
        Some(Reason::OutOfStock)
    } else if facts.told_this_visit.contains(&candidate.sku) {
        Some(Reason::ToldThisVisit)
    } else {
        None
    }
}

fn silent(reason: Reason) -> Choice {
    Choice::Suppress { reason }
}
