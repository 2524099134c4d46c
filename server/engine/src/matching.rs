//! Matching: which one product is worth telling her here and now, if any.
//!
//! In: what she did online, with this store's placement, stock and prices; where she stands.
//! Out: her products, best first, each with what its score is made of, or the reason against it.
//! Score: `weight(intent) * 0.5 ^ (age / INTENT_HALF_LIFE_MS)`, and bonuses for what is news about
//! the product. One half-life for all kinds, so that of two things done at the same time and
//! without news the stronger intent always wins.
//! Promises: of two runs over the same facts, the same order.
//! Invariant: without her consent no candidate is looked at.

use std::{cmp::Ordering, collections::BTreeSet};

use protocol::{CustomerId, VisitId, ZoneId};

use crate::{
    campaign::ProductRule,
    input::{Candidate, IntentKind, MatchFacts},
    outcome::{Considered, Feature, Moment, Reason},
    template::Gap,
};

/// In the cart is one step from buying.
pub const WEIGHT_CARTED: f64 = 8.0;
/// A wish was said aloud, but without a date.
pub const WEIGHT_WISHLISTED: f64 = 5.0;
/// Coming back to look is thinking about it.
pub const WEIGHT_VIEWED_OFTEN: f64 = 3.0;
/// One look may be chance.
pub const WEIGHT_VIEWED: f64 = 1.0;
/// It was in an article that she read: she may not have noticed it.
pub const WEIGHT_READ: f64 = 0.5;
/// So many views are coming back.
pub const VIEWED_OFTEN: u32 = 3;

/// Cheaper than when she wished for it, at [`CHEAPER_FULL`] or more off.
pub const WEIGHT_CHEAPER: f64 = 3.0;
/// A share of the price off that nobody overlooks.
pub const CHEAPER_FULL: f64 = 0.25;
/// It was sold out when she looked.
pub const WEIGHT_BACK_IN_STOCK: f64 = 2.0;
/// All that she did online lately was about this category.
pub const WEIGHT_AFFINITY: f64 = 1.0;

const DAY_MS: u64 = 86_400_000;
/// After this time an intent is worth half: between two visits to one shop lie about two weeks.
pub const INTENT_HALF_LIFE_MS: u64 = 14 * DAY_MS;
/// An older intent is none: a season is over.
pub const INTENT_AGE_MAX_MS: u64 = 90 * DAY_MS;
/// What came back into stock longer ago than this is no news.
pub const BACK_IN_STOCK_MS: u64 = 14 * DAY_MS;

/// About whom, where and when.
#[derive(Debug, Clone, Copy)]
pub struct Occasion<'a> {
    /// About whom.
    pub customer: CustomerId,
    /// In which visit.
    pub visit: VisitId,
    /// What happened.
    pub moment: &'a Moment,
    /// How likely she stands in the moment's zone, as a share of 1.
    pub share: f32,
    /// When.
    pub now_ms: u64,
}

/// A candidate with its score.
pub(crate) struct Scored<'a> {
    pub(crate) candidate: &'a Candidate,
    pub(crate) score: f64,
}

/// All candidates, the best first; of equal ones the SKU decides.
pub(crate) fn rank(facts: &MatchFacts, now_ms: u64) -> Vec<Scored<'_>> {
    if !facts.consent.browsing {
        return Vec::new();
    }
    let scored = |candidate| Scored {
        candidate,
        score: features(candidate, now_ms).iter().map(|(_, by)| by).sum(),
    };
    let mut ranked: Vec<_> = facts.candidates.iter().map(scored).collect();
    ranked.sort_by(|a, b| {
        let order = b.score.total_cmp(&a.score);
        order.then_with(|| a.candidate.sku.cmp(&b.candidate.sku))
    });
    ranked
}

/// What her score for a product is made of; never empty.
pub fn features(candidate: &Candidate, now_ms: u64) -> Vec<(Feature, f64)> {
    let (intent, weight) = match candidate.intent {
        IntentKind::Carted => (Feature::Carted, WEIGHT_CARTED),
        IntentKind::Wishlisted => (Feature::Wishlisted, WEIGHT_WISHLISTED),
        IntentKind::Viewed if candidate.views >= VIEWED_OFTEN => {
            (Feature::ViewedOften, WEIGHT_VIEWED_OFTEN)
        }
        IntentKind::Viewed => (Feature::Viewed, WEIGHT_VIEWED),
        IntentKind::Read => (Feature::Read, WEIGHT_READ),
        IntentKind::Ordered => (Feature::Viewed, 0.0),
    };
    let mut features = vec![(intent, weight * decay(candidate.last_ms, now_ms))];
    if let Some(read_ms) = candidate.read_ms.filter(|_| intent != Feature::Read) {
        features.push((Feature::Read, WEIGHT_READ * decay(read_ms, now_ms)));
    }
    if let Some(off) = off(candidate) {
        features.push((
            Feature::Cheaper,
            WEIGHT_CHEAPER * (off / CHEAPER_FULL).min(1.0),
        ));
    }
    if is_back(candidate, now_ms) {
        features.push((Feature::BackInStock, WEIGHT_BACK_IN_STOCK));
    }
    if candidate.affinity > 0.0 {
        let share = f64::from(candidate.affinity.min(1.0));
        features.push((Feature::Affinity, WEIGHT_AFFINITY * share));
    }
    features
}

fn decay(at_ms: u64, now_ms: u64) -> f64 {
    let age_ms = now_ms.saturating_sub(at_ms);
    (-(age_ms as f64) / INTENT_HALF_LIFE_MS as f64).exp2()
}

/// By which share it is cheaper than when she put it on her wishlist.
fn off(candidate: &Candidate) -> Option<f64> {
    let wished = candidate.wished_price_minor?;
    let less = wished.checked_sub(candidate.price_minor)?;
    (less > 0 && candidate.price_minor > 0).then(|| less as f64 / wished as f64)
}

/// Whether it came back into stock since she last did something with it.
fn is_back(candidate: &Candidate, now_ms: u64) -> bool {
    let back = |back_ms: u64| {
        back_ms > candidate.last_ms && back_ms.saturating_add(BACK_IN_STOCK_MS) > now_ms
    };
    candidate.stock > 0 && candidate.back_ms.is_some_and(back)
}

/// What speaks against telling her of this product by this rule.
pub(crate) fn against(
    candidate: &Candidate,
    rule: &ProductRule,
    facts: &MatchFacts,
    occasion: &Occasion<'_>,
) -> Option<Reason> {
    let age_ms = occasion.now_ms.saturating_sub(candidate.last_ms);
    let wanted = rule.intents.is_empty() || rule.intents.contains(&candidate.intent);
    let told = |told: &crate::input::Told| {
        told.visit == occasion.visit && told.sku.as_ref() == Some(&candidate.sku)
    };
    if candidate.intent == IntentKind::Ordered || age_ms > INTENT_AGE_MAX_MS || !wanted {
        Some(Reason::NoIntent)
    } else if rule.cheaper && off(candidate).is_none() {
        Some(Reason::NotCheaper)
    } else if rule.back_in_stock && !is_back(candidate, occasion.now_ms) {
        Some(Reason::NotBackInStock)
    } else if !is_where(candidate, rule, &occasion.moment.zone) {
        Some(Reason::NotPlacedHere)
    } else if candidate.stock == 0 {
        Some(Reason::OutOfStock)
    } else if facts.told.iter().any(told) {
        Some(Reason::ToldThisVisit)
    } else {
        None
    }
}

fn is_where(candidate: &Candidate, rule: &ProductRule, zone: &ZoneId) -> bool {
    let placed = candidate.zone.as_ref();
    placed.is_some_and(|placed| rule.anywhere || placed == zone)
}

/// The gaps that this product fills.
pub(crate) fn gaps(candidate: &Candidate) -> BTreeSet<Gap> {
    let mut gaps = BTreeSet::from([Gap::Product, Gap::Store]);
    gaps.extend((candidate.price_minor > 0).then_some(Gap::Price));
    gaps.extend(
        candidate
            .zone
            .is_some()
            .then_some([Gap::Zone, Gap::Place])
            .into_iter()
            .flatten(),
    );
    gaps.extend(candidate.shelf.is_some().then_some(Gap::Shelf));
    gaps
}

/// As it is kept with a decision.
pub(crate) fn considered(scored: &Scored<'_>, out: Option<Reason>, now_ms: u64) -> Considered {
    Considered {
        sku: scored.candidate.sku.clone(),
        score: scored.score,
        features: features(scored.candidate, now_ms),
        out,
    }
}

/// Usable before unusable, each in the order of scores.
pub(crate) fn usable_first(a: &Considered, b: &Considered) -> Ordering {
    a.out.is_some().cmp(&b.out.is_some())
}

/// From the first to before the second minute; 22:00 to 8:00 goes over midnight.
pub(crate) fn in_minutes((from, to): (u16, u16), minute: u16) -> bool {
    if from <= to {
        (from..to).contains(&minute)
    } else {
        minute >= from || minute < to
    }
}
