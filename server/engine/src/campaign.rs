//! Campaigns: what the retailer wants told, to whom, where, when, and how often.
//!
//! In: campaigns as they were published. Out: which of them a moment may set off, and what speaks
//! against one of them whatever it is about.
//! Promises: a campaign says all that it does; nothing about it is hidden in code.
//! Invariant: a campaign never widens what she agreed to or what the store allows.

use std::collections::{BTreeMap, BTreeSet};

use protocol::{CampaignId, CustomerId, StoreId, ZoneId};
use serde::{Deserialize, Serialize};

use crate::{
    input::{IntentKind, MatchFacts},
    matching::{Occasion, in_minutes},
    outcome::{Moment, Reason, When},
    template::Template,
};

/// Published campaigns of a chain at most.
pub const CAMPAIGNS_MAX: usize = 256;

/// Longest dwell that a campaign may wait for, in seconds.
pub const DWELL_S_MAX: u32 = 3_600;

const DAY_MS: u64 = 86_400_000;

/// One campaign, as published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Campaign {
    /// Which.
    pub campaign: CampaignId,
    /// Which text of it; each publication is another.
    pub version: u32,
    /// What a shopper may mute: `wishlist`, `event`.
    pub topic: String,
    /// What sets it off.
    pub trigger: Trigger,
    /// What it is about.
    pub about: About,
    /// To whom.
    #[serde(default)]
    pub audience: Audience,
    /// When.
    #[serde(default)]
    pub schedule: Schedule,
    /// Of several that may be told the highest is.
    #[serde(default)]
    pub priority: i32,
    /// She must stand in the zone with at least this probability, in thousandths.
    #[serde(default)]
    pub confidence_permille: u16,
    /// How often at most.
    #[serde(default)]
    pub caps: Caps,
    /// Not again to the same person within this time, in milliseconds.
    #[serde(default)]
    pub cool_down_ms: u64,
    /// Worth showing for this long after the decision, in milliseconds.
    pub relevant_ms: u64,
    /// Of a thousand persons so many are told nothing, to see what it changes.
    #[serde(default)]
    pub holdout_permille: u16,
    /// The words.
    pub content: Content,
}

/// What sets a campaign off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trigger {
    /// At which moment.
    pub when: When,
    /// In which zones; none: in any.
    #[serde(default)]
    pub zones: BTreeSet<ZoneId>,
    /// In which stores; none: in all of the chain. Two stores may call a zone the same.
    #[serde(default)]
    pub stores: BTreeSet<StoreId>,
}

/// What a campaign is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "about", rename_all = "snake_case")]
pub enum About {
    /// The one product that suits her best.
    Product(ProductRule),
    /// A reward of hers that runs out soon.
    Reward {
        /// Within so many milliseconds.
        expires_within_ms: u64,
    },
    /// The store itself: an evening, a workshop.
    Store,
}

/// Which products may be told.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ProductRule {
    /// What she must have done with it; none: anything but buy it.
    pub intents: BTreeSet<IntentKind>,
    /// Also products elsewhere in the store, not only in the zone in which she stands.
    pub anywhere: bool,
    /// Only what is cheaper than when she put it on her wishlist.
    pub cheaper: bool,
    /// Only what was sold out and is there again.
    pub back_in_stock: bool,
}

/// Whom a campaign is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Audience {
    /// Loyalty tiers; none: everybody.
    pub tiers: BTreeSet<String>,
    /// From her how manieth visit on; 1 is her first.
    pub visit_min: u32,
    /// Up to her how manieth visit.
    pub visit_max: Option<u32>,
}

impl Default for Audience {
    fn default() -> Self {
        Self {
            tiers: BTreeSet::new(),
            visit_min: 1,
            visit_max: None,
        }
    }
}

/// When a campaign runs, beside the store's opening and quiet hours.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Schedule {
    /// From this time on.
    pub from_ms: Option<u64>,
    /// Before this time.
    pub until_ms: Option<u64>,
    /// On these days of the week, 1 (Monday) to 7 (ISO 8601); none: every day.
    pub weekdays: BTreeSet<u8>,
    /// From the first to before the second minute after local midnight.
    pub minutes: Option<(u16, u16)>,
}

/// How often at most; none: as often as the store allows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Caps {
    /// To one person in one visit.
    pub per_visit: Option<u32>,
    /// To one person on one local day.
    pub per_person_day: Option<u32>,
    /// To one person in seven days.
    pub per_person_week: Option<u32>,
    /// In one store on one local day.
    pub per_store_day: Option<u32>,
    /// In all stores together in 24 hours.
    pub per_day: Option<u32>,
}

/// The words, per language; one that is not there is not told in.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content(pub BTreeMap<String, Words>);

/// The words in one language.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Words {
    /// What stands in bold.
    pub title: Template,
    /// What stands below it.
    pub body: Template,
}

impl Campaign {
    /// Whether this moment sets it off.
    pub fn is_set_off_by(&self, moment: &Moment) -> bool {
        self.trigger.when == moment.when && self.trigger.is_in(&moment.zone)
    }

    /// What speaks against it before anybody asks what it would be about.
    pub(crate) fn against(&self, facts: &MatchFacts, occasion: &Occasion<'_>) -> Option<Reason> {
        if self.uses_browsing() && !facts.consent.browsing {
            Some(Reason::NoConsent)
        } else if facts.muted_topics.contains(&self.topic) {
            Some(Reason::Muted)
        } else if !self.schedule.is_on(facts, occasion.now_ms) {
            Some(Reason::NotScheduled)
        } else if !self.audience.has(facts) {
            Some(Reason::NotInAudience)
        } else if occasion.share * 1_000.0 < f32::from(self.confidence_permille) {
            Some(Reason::Uncertain)
        } else {
            self.too_often(facts, occasion)
        }
    }

    /// How far back its caps and its cool-down look, in milliseconds. Never less than a day and an hour:
    /// what was told today counts for the store's own cap, and a day in autumn has 25 hours.
    pub fn looks_back_ms(&self) -> u64 {
        let week = self.caps.per_person_week.map_or(0, |_| 7 * DAY_MS);
        self.cool_down_ms.max(week).max(DAY_MS + DAY_MS / 24)
    }

    /// Only products are chosen by what she did online.
    pub fn uses_browsing(&self) -> bool {
        matches!(self.about, About::Product(_))
    }

    fn too_often(&self, facts: &MatchFacts, occasion: &Occasion<'_>) -> Option<Reason> {
        let now_ms = occasion.now_ms;
        let own = || {
            facts
                .told
                .iter()
                .filter(|told| told.campaign == self.campaign)
        };
        let since = |from_ms: u64| own().filter(|told| told.at_ms >= from_ms).count();
        let this_visit = own().filter(|told| told.visit == occasion.visit).count();
        let counts = facts.counts.iter().find(|c| c.campaign == self.campaign);
        let of_store = counts.map_or(0, |c| c.store_today) as usize;
        let of_all = counts.map_or(0, |c| c.all_day) as usize;
        let full = |cap: Option<u32>, told: usize| cap.is_some_and(|cap| told >= cap as usize);
        let cooling = self.cool_down_ms > 0
            && own().any(|told| told.at_ms.saturating_add(self.cool_down_ms) > now_ms);
        let caps = &self.caps;
        if full(caps.per_visit, this_visit) {
            Some(Reason::CapVisit)
        } else if full(caps.per_person_day, since(facts.today_from_ms)) {
            Some(Reason::CapPersonDay)
        } else if full(
            caps.per_person_week,
            since(now_ms.saturating_sub(7 * DAY_MS)),
        ) {
            Some(Reason::CapPersonWeek)
        } else if full(caps.per_store_day, of_store) {
            Some(Reason::CapStore)
        } else if full(caps.per_day, of_all) {
            Some(Reason::CapAll)
        } else if cooling {
            Some(Reason::CoolingDown)
        } else {
            None
        }
    }

    /// Whether this person is told nothing, to measure by. The same answer for ever: FNV-1a over
    /// campaign and customer, spread, as a share of 1.
    pub fn holds_out(&self, customer: CustomerId) -> bool {
        let bytes = [*self.campaign.0.as_bytes(), *customer.0.as_bytes()].concat();
        let spread = crate::ids::mix(crate::ids::fnv1a(&bytes));
        spread % 1_000 < u64::from(self.holdout_permille)
    }
}

impl Trigger {
    /// Whether it runs in this store. A store's engine is given no others.
    pub fn is_for(&self, store: &StoreId) -> bool {
        self.stores.is_empty() || self.stores.contains(store)
    }

    fn is_in(&self, zone: &ZoneId) -> bool {
        self.zones.is_empty() || self.zones.contains(zone)
    }
}

impl Schedule {
    fn is_on(&self, facts: &MatchFacts, now_ms: u64) -> bool {
        self.from_ms.is_none_or(|from_ms| from_ms <= now_ms)
            && self.until_ms.is_none_or(|until_ms| now_ms < until_ms)
            && (self.weekdays.is_empty() || self.weekdays.contains(&facts.weekday))
            && self
                .minutes
                .is_none_or(|span| in_minutes(span, facts.local_minute))
    }
}

impl Audience {
    fn has(&self, facts: &MatchFacts) -> bool {
        let tier = || {
            facts
                .tier
                .as_ref()
                .is_some_and(|tier| self.tiers.contains(tier))
        };
        (self.tiers.is_empty() || tier())
            && self.visit_min <= facts.visit_number
            && self.visit_max.is_none_or(|max| facts.visit_number <= max)
    }
}

/// The seconds of dwell in this zone at which something may have to be told, shortest first; 0 is the
/// moment of entering.
pub(crate) fn seconds_in(campaigns: &[Campaign], zone: &ZoneId) -> BTreeSet<u32> {
    let in_zone = campaigns.iter().filter(|c| c.trigger.is_in(zone));
    in_zone
        .filter_map(|campaign| match campaign.trigger.when {
            When::Enter => Some(0),
            When::Dwell { seconds } => Some(seconds),
            When::Exit => None,
        })
        .collect()
}
