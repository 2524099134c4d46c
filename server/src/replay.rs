//! Replay: what other campaigns would have done, on the decisions that were kept.
//!
//! In: kept decisions of a store with their facts, oldest first; the campaigns to try. Out: what
//! would have been sent and what held back, and where that differs from what live had done.
//! Each decision is judged by the engine that judges live. What a replay changes it carries on: a
//! message that it does not send no longer counts for the caps of the ones that follow, and one that
//! it sends does.
//! A campaign that waits for a dwell that nobody asked about is judged by the facts of her entering
//! the zone, if she stayed that long; the outcome says how many were judged so.
//! Promises: with the campaigns and rules that live had, the outcome is what live had done.
//! Invariant: reads alone; nothing is sent, nothing is kept.

use std::collections::{BTreeMap, BTreeSet};

use engine::{
    campaign::Campaign,
    choice::decide,
    input::{CampaignCount, MatchFacts, Rules, Told},
    matching::Occasion,
    outcome::{Choice, Decision, Moment, Reason, When},
};
use protocol::{CampaignId, CustomerId, DecisionId, VisitId, ZoneId};
use serde::Serialize;
use utoipa::ToSchema;

/// Differences that an outcome names at most.
pub const DIFFERENCES_MAX: usize = 20;

const DAY_MS: u64 = 86_400_000;

/// What came of a replay.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Replayed {
    /// Kept decisions that were judged anew.
    pub decisions: u64,
    /// Of these, judged by the facts of an earlier moment of the same stay.
    pub estimated: u64,
    /// Kept decisions without facts: consent was withdrawn since, or they are of an older shape.
    pub without_facts: u64,
    /// Messages that would have been sent.
    pub sent: u64,
    /// Messages that there would have been, but for a reason.
    pub held_back: u64,
    /// Messages that live had sent.
    pub live_sent: u64,
    /// Messages that live had held back.
    pub live_held_back: u64,
    /// How often each reason held something back, most often first.
    #[schema(value_type = Object)]
    pub reasons: Vec<(Reason, u64)>,
    /// Decisions with another end than live's, at most [`DIFFERENCES_MAX`].
    pub differences: Vec<Difference>,
    /// How many such decisions there are.
    pub different: u64,
}

/// A decision that ended otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Difference {
    /// Which.
    #[schema(value_type = String)]
    pub decision: DecisionId,
    /// What live had done.
    #[schema(value_type = Object)]
    pub live: Choice,
    /// What the replay did.
    #[schema(value_type = Object)]
    pub replayed: Choice,
}

/// How long each stay lasted, by visit and zone: when it began, and when it ended if it did.
pub type Stays = BTreeMap<(VisitId, ZoneId), Vec<(u64, Option<u64>)>>;

/// A replay that is going on.
pub struct Replay<'a> {
    rules: &'a Rules,
    campaigns: &'a [Campaign],
    /// Whose figures are wanted; none: of all campaigns together.
    of: Option<CampaignId>,
    stays: &'a Stays,
    /// Dwells that the campaigns wait for and live did not ask about.
    unasked: BTreeSet<u32>,
    /// Live's messages that the replay did not send.
    dropped: BTreeSet<DecisionId>,
    /// The replay's messages that live did not send.
    added: BTreeMap<CustomerId, Vec<Told>>,
    /// The same per campaign, as the time and by how much.
    moved: BTreeMap<CampaignId, Vec<(u64, i64)>>,
    out: Replayed,
    reasons: BTreeMap<Reason, u64>,
}

impl<'a> Replay<'a> {
    /// `asked` are the dwells, in seconds, that live asked about in that time.
    pub fn new(
        rules: &'a Rules,
        campaigns: &'a [Campaign],
        of: Option<CampaignId>,
        stays: &'a Stays,
        asked: &BTreeSet<u32>,
    ) -> Self {
        let waits = campaigns.iter().filter_map(|c| match c.trigger.when {
            When::Dwell { seconds } => Some(seconds),
            When::Enter | When::Exit => None,
        });
        Self {
            rules,
            campaigns,
            of,
            stays,
            unasked: waits.filter(|seconds| !asked.contains(seconds)).collect(),
            dropped: BTreeSet::new(),
            added: BTreeMap::new(),
            moved: BTreeMap::new(),
            out: Replayed::default(),
            reasons: BTreeMap::new(),
        }
    }

    /// Judges the next decision; they come in the order in which they were made.
    pub fn judge(&mut self, live: &Decision) {
        let (Some(facts), Some(moment)) = (&live.facts, &live.moment) else {
            self.out.without_facts += 1;
            return;
        };
        self.out.decisions += 1;
        // That she had gone cannot be seen in facts: it stays as it was.
        let gone = Choice::Suppress {
            reason: Reason::Departed,
        };
        let replayed = match live.choice == gone {
            true => (gone, None),
            false => self.judge_at(live, facts, moment, live.at_ms),
        };
        self.tally_live(live);
        self.tally(&replayed);
        self.carry_on(live, &replayed.0, live.at_ms);
        if replayed.0 != live.choice {
            self.out.different += 1;
            if self.out.differences.len() < DIFFERENCES_MAX {
                self.out.differences.push(Difference {
                    decision: live.decision,
                    live: live.choice.clone(),
                    replayed: replayed.0,
                });
            }
        }
        if moment.when == When::Enter {
            self.estimate(live, facts, moment);
        }
    }

    /// The outcome.
    pub fn finish(self) -> Replayed {
        let mut reasons: Vec<(Reason, u64)> = self.reasons.into_iter().collect();
        reasons.sort_by_key(|&(reason, times)| (std::cmp::Reverse(times), reason));
        Replayed {
            reasons,
            ..self.out
        }
    }

    /// What the campaigns do at this moment, and what became of the one whose figures are wanted.
    fn judge_at(
        &self,
        live: &Decision,
        facts: &MatchFacts,
        moment: &Moment,
        at_ms: u64,
    ) -> (Choice, Option<Reason>) {
        let facts = self.facts_then(live.customer, facts, at_ms);
        let occasion = Occasion {
            customer: live.customer,
            visit: live.visit,
            moment,
            share: live.share,
            now_ms: at_ms,
        };
        let verdict = decide(self.rules, self.campaigns, &occasion, &facts);
        let reason = match &verdict.choice {
            Choice::Suppress { reason } => Some(*reason),
            Choice::Notify { .. } => None,
        };
        let own = match self.of {
            None => reason,
            // Another campaign was told, or this one had its own reason.
            Some(of) => match verdict.weighed.iter().find(|w| w.campaign == of) {
                None => Some(Reason::NoCampaign),
                Some(weighed) => weighed.out.or(reason),
            },
        };
        (verdict.choice, own)
    }

    /// The facts as they would have been, had the replay been live.
    fn facts_then(&self, customer: CustomerId, facts: &MatchFacts, at_ms: u64) -> MatchFacts {
        let mut facts = facts.clone();
        facts
            .told
            .retain(|told| !self.dropped.contains(&told.decision));
        let added = self.added.get(&customer).into_iter().flatten();
        facts.told.extend(added.cloned());
        for campaign in self.campaigns {
            let Some(moved) = self.moved.get(&campaign.campaign) else {
                continue;
            };
            let since = |from_ms: u64| -> i64 {
                let then = moved.iter().filter(|(at_ms, _)| *at_ms >= from_ms);
                then.map(|(_, by)| by).sum()
            };
            let (today, day) = (
                since(facts.today_from_ms),
                since(at_ms.saturating_sub(DAY_MS)),
            );
            let at = facts
                .counts
                .iter()
                .position(|c| c.campaign == campaign.campaign);
            let mut count = at.map_or(
                CampaignCount {
                    campaign: campaign.campaign,
                    store_today: 0,
                    all_day: 0,
                },
                |at| facts.counts.swap_remove(at),
            );
            count.store_today = shifted(count.store_today, today);
            count.all_day = shifted(count.all_day, day);
            facts.counts.push(count);
        }
        facts
    }

    /// What the replay did otherwise counts for what follows.
    fn carry_on(&mut self, live: &Decision, replayed: &Choice, at_ms: u64) {
        if *replayed == live.choice {
            return;
        }
        if let Choice::Notify { campaign, .. } = &live.choice {
            self.dropped.insert(live.decision);
            self.moved.entry(*campaign).or_default().push((at_ms, -1));
        }
        self.add(live, replayed, at_ms);
    }

    fn add(&mut self, live: &Decision, replayed: &Choice, at_ms: u64) {
        let Choice::Notify { campaign, subject } = replayed else {
            return;
        };
        let sku = match subject {
            engine::outcome::Subject::Product { sku } => Some(sku.clone()),
            _ => None,
        };
        self.added.entry(live.customer).or_default().push(Told {
            decision: live.decision,
            campaign: *campaign,
            sku,
            visit: live.visit,
            at_ms,
        });
        self.moved.entry(*campaign).or_default().push((at_ms, 1));
    }

    /// Moments that nobody asked about, by the facts of her entering.
    fn estimate(&mut self, live: &Decision, facts: &MatchFacts, moment: &Moment) {
        let stays = self.stays.get(&(live.visit, moment.zone.clone()));
        // Asked a moment after the stay began: the latest that had begun is the one.
        let stay =
            stays.and_then(|stays| stays.iter().rfind(|(from_ms, _)| *from_ms <= live.at_ms));
        let Some(&(from_ms, to_ms)) = stay else {
            return;
        };
        for seconds in self.unasked.clone() {
            let at_ms = from_ms + u64::from(seconds) * 1_000;
            if to_ms.is_some_and(|to_ms| to_ms < at_ms) {
                return;
            }
            let moment = Moment {
                when: When::Dwell { seconds },
                zone: moment.zone.clone(),
            };
            let replayed = self.judge_at(live, facts, &moment, at_ms);
            if replayed.1 == Some(Reason::NoCampaign) {
                continue;
            }
            self.out.estimated += 1;
            self.tally(&replayed);
            self.add(live, &replayed.0, at_ms);
        }
    }

    fn tally(&mut self, (choice, reason): &(Choice, Option<Reason>)) {
        match (choice, reason) {
            (Choice::Notify { campaign, .. }, _) if self.of.is_none_or(|of| of == *campaign) => {
                self.out.sent += 1;
            }
            (_, Some(reason)) if reason.held_back() => {
                self.out.held_back += 1;
                *self.reasons.entry(*reason).or_default() += 1;
            }
            _ => {}
        }
    }

    fn tally_live(&mut self, live: &Decision) {
        let own = |campaign: CampaignId| self.of.is_none_or(|of| of == campaign);
        match &live.choice {
            Choice::Notify { campaign, .. } => self.out.live_sent += u64::from(own(*campaign)),
            Choice::Suppress { reason } => {
                let mut weighed = live.weighed.iter();
                let reason = match self.of {
                    None => Some(*reason),
                    Some(of) => weighed
                        .find(|weighed| weighed.campaign == of)
                        .map(|weighed| weighed.out.unwrap_or(*reason)),
                };
                self.out.live_held_back += u64::from(reason.is_some_and(Reason::held_back));
            }
        }
    }
}

fn shifted(count: u32, by: i64) -> u32 {
    u32::try_from((i64::from(count) + by).max(0)).unwrap_or(u32::MAX)
}
