//! The choice: one message at this moment, or the reason for none.
//!
//! In: the store's rules, its campaigns, the moment, the facts. Out: a [`Verdict`].
//! First what speaks against any message to her; then each campaign that the moment sets off is
//! weighed by itself; of those that may be told the one with the highest priority is, and of equal
//! ones the one with the better product.
//! Promises: of two runs over the same arguments, the same verdict; that is what a replay rests on.
//! Invariant: whoever is held out of the chosen campaign is told nothing, not the next best thing:
//! else the comparison would measure two campaigns at once.

use protocol::CustomerId;

use crate::{
    campaign::{About, Campaign},
    input::{MatchFacts, Rules},
    matching::{self, Occasion, Scored},
    outcome::{Arm, Choice, Considered, Reason, Subject, Weighed},
    template::Gap,
};

/// Campaigns that a decision keeps at most, best first.
pub const WEIGHED_MAX: usize = 8;
/// Products that a decision names at most, best first.
pub const CONSIDERED_MAX: usize = 20;

/// What was chosen, and from what.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// Tell or not.
    pub choice: Choice,
    /// Whether she is held out of the campaign that would have been told; none: none would.
    pub arm: Option<Arm>,
    /// The campaigns that the moment set off, best first.
    pub weighed: Vec<Weighed>,
    /// The products of the best campaign that is about one, best first, at most [`CONSIDERED_MAX`].
    pub considered: Vec<Considered>,
}

/// Chooses.
pub fn decide(
    rules: &Rules,
    campaigns: &[Campaign],
    occasion: &Occasion<'_>,
    facts: &MatchFacts,
) -> Verdict {
    let set_off = || {
        campaigns
            .iter()
            .filter(|c| c.is_set_off_by(occasion.moment))
    };
    let may = |campaign: &Campaign| facts.consent.browsing || !campaign.uses_browsing();
    if !facts.consent.messages || !(set_off().next().is_none() || set_off().any(may)) {
        return silent(Reason::NoConsent);
    }
    let ranked = matching::rank(facts, occasion.now_ms);
    let mut weighed: Vec<(&Campaign, Weighed)> = set_off()
        .map(|campaign| (campaign, weigh(campaign, &ranked, occasion, facts)))
        .collect();
    weighed.sort_by(|(a, of_a), (b, of_b)| {
        let usable = of_a.out.is_some().cmp(&of_b.out.is_some());
        usable
            .then(b.priority.cmp(&a.priority))
            .then(of_b.score.total_cmp(&of_a.score))
            .then(a.campaign.cmp(&b.campaign))
    });
    let considered = consider(&weighed, &ranked, occasion, facts);
    let (choice, arm) = match (whole_person(rules, facts), weighed.first()) {
        (Some(reason), _) => (Choice::Suppress { reason }, None),
        (None, None) => (suppress(Reason::NoCampaign), None),
        (None, Some((campaign, best))) => verdict(campaign, best, occasion.customer),
    };
    Verdict {
        choice,
        arm,
        weighed: weighed.into_iter().map(|(_, weighed)| weighed).collect(),
        considered,
    }
}

fn silent(reason: Reason) -> Verdict {
    Verdict {
        choice: suppress(reason),
        arm: None,
        weighed: Vec::new(),
        considered: Vec::new(),
    }
}

fn suppress(reason: Reason) -> Choice {
    Choice::Suppress { reason }
}

fn verdict(campaign: &Campaign, best: &Weighed, customer: CustomerId) -> (Choice, Option<Arm>) {
    match (&best.out, &best.subject) {
        (Some(reason), _) => (suppress(*reason), None),
        (None, None) => (suppress(Reason::NoIntent), None),
        (None, Some(_)) if campaign.holds_out(customer) => {
            (suppress(Reason::Holdout), Some(Arm::HeldOut))
        }
        (None, Some(subject)) => {
            let notify = Choice::Notify {
                campaign: campaign.campaign,
                subject: subject.clone(),
            };
            (notify, Some(Arm::Told))
        }
    }
}

/// What speaks against any message to her, whatever it is about.
fn whole_person(rules: &Rules, facts: &MatchFacts) -> Option<Reason> {
    let minute = facts.local_minute;
    let outside = |span| !matching::in_minutes(span, minute);
    let inside = |span| matching::in_minutes(span, minute);
    if facts.in_two_stores {
        Some(Reason::InTwoStores)
    } else if facts.waits_for_order {
        Some(Reason::ServiceFirst)
    } else if facts.paused {
        Some(Reason::Paused)
    } else if rules.open_minutes.is_some_and(outside) {
        Some(Reason::Closed)
    } else if rules.quiet_minutes.is_some_and(inside) {
        Some(Reason::QuietHours)
    } else if facts.told_today() >= rules.messages_per_day_max as usize {
        Some(Reason::FrequencyCap)
    } else {
        None
    }
}

fn weigh(
    campaign: &Campaign,
    ranked: &[Scored<'_>],
    occasion: &Occasion<'_>,
    facts: &MatchFacts,
) -> Weighed {
    let against = campaign.against(facts, occasion);
    let (subject, score, without) = match &campaign.about {
        About::Product(_) => product(campaign, ranked, occasion, facts),
        About::Reward { expires_within_ms } => {
            reward(campaign, *expires_within_ms, occasion.now_ms, facts)
        }
        About::Store => {
            let lacks = lacks(campaign, facts, [Gap::Store].into());
            (Some(Subject::Store), 0.0, lacks)
        }
    };
    Weighed {
        campaign: campaign.campaign,
        version: campaign.version,
        subject,
        score,
        out: against.or(without),
    }
}

type Found = (Option<Subject>, f64, Option<Reason>);

/// The best product that may be told; without one the best of all gives the reason.
fn product(
    campaign: &Campaign,
    ranked: &[Scored<'_>],
    occasion: &Occasion<'_>,
    facts: &MatchFacts,
) -> Found {
    let mut why_not = Reason::NoIntent;
    for scored in ranked {
        match product_out(campaign, scored, occasion, facts) {
            None => {
                let sku = scored.candidate.sku.clone();
                return (Some(Subject::Product { sku }), scored.score, None);
            }
            Some(reason) if why_not == Reason::NoIntent => why_not = reason,
            Some(_) => {}
        }
    }
    (None, 0.0, Some(why_not))
}

fn product_out(
    campaign: &Campaign,
    scored: &Scored<'_>,
    occasion: &Occasion<'_>,
    facts: &MatchFacts,
) -> Option<Reason> {
    let About::Product(rule) = &campaign.about else {
        return Some(Reason::NoIntent);
    };
    matching::against(scored.candidate, rule, facts, occasion)
        .or_else(|| lacks(campaign, facts, matching::gaps(scored.candidate)))
}

/// Her reward that runs out first.
fn reward(campaign: &Campaign, within_ms: u64, now_ms: u64, facts: &MatchFacts) -> Found {
    let soon = facts
        .rewards
        .iter()
        .filter(|r| r.expires_ms > now_ms && r.expires_ms <= now_ms.saturating_add(within_ms));
    match soon.min_by_key(|reward| (reward.expires_ms, reward.reward)) {
        None => (None, 0.0, Some(Reason::NoReward)),
        Some(reward) => {
            let gaps = [Gap::Store, Gap::Reward, Gap::RewardUntil].into();
            let subject = Subject::Reward {
                reward: reward.reward,
            };
            (Some(subject), 0.0, lacks(campaign, facts, gaps))
        }
    }
}

/// No words in her language, or a gap in them that nothing fills.
fn lacks(
    campaign: &Campaign,
    facts: &MatchFacts,
    mut filled: std::collections::BTreeSet<Gap>,
) -> Option<Reason> {
    filled.extend(facts.given_name.then_some(Gap::GivenName));
    let words = campaign.content.0.get(&facts.language);
    let whole = words.is_some_and(|words| {
        !words.title.is_empty()
            && words.title.lacks(&filled).is_none()
            && words.body.lacks(&filled).is_none()
    });
    (!whole).then_some(Reason::MissingValue)
}

/// What is kept of her products: as the best campaign that is about one saw them.
fn consider(
    weighed: &[(&Campaign, Weighed)],
    ranked: &[Scored<'_>],
    occasion: &Occasion<'_>,
    facts: &MatchFacts,
) -> Vec<Considered> {
    let about_product = |(campaign, _): &&(&Campaign, Weighed)| campaign.uses_browsing();
    let Some((campaign, _)) = weighed.iter().find(about_product) else {
        return Vec::new();
    };
    let seen = |scored: &Scored<'_>| {
        let out = product_out(campaign, scored, occasion, facts);
        matching::considered(scored, out, occasion.now_ms)
    };
    let mut considered: Vec<Considered> = ranked.iter().map(seen).collect();
    considered.sort_by(matching::usable_first);
    considered.truncate(CONSIDERED_MAX);
    considered
}
