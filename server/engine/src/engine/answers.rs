//! Answers to the engine's questions.
//!
//! In: what she did online; which visits of hers are known. Out: a decision; history, mended.
//! Promises: an answer is used once; she is told something only while she still stands where the
//! question arose, and only by facts that know of the last message.
//! Invariant: late history never tells anybody anything.

use protocol::{CustomerId, DecisionId, DeliveryId, VisitId};

use super::StoreEngine;
use crate::{
    choice::{Verdict, WEIGHED_MAX, decide},
    history::{LateVisit, spans},
    input::{MatchFacts, Observation, PastVisit, Told},
    matching::Occasion,
    outcome::{
        Because, Cause, Choice, Decision, Delivery, Moment, Outcome, Question, Reason, VisitChange,
        When, Why,
    },
    visits::{Answer, both, purpose},
};

impl StoreEngine {
    pub(super) fn answer_match(
        &mut self,
        customer: CustomerId,
        visit: VisitId,
        moment: &Moment,
        facts: &MatchFacts,
        out: &mut Outcome,
    ) {
        let facts = self.facts_as_known_here(customer, visit, facts);
        let departed = match self.take_answer(customer, visit, moment, &facts) {
            Answer::Unasked => return,
            Answer::Outdated => return self.ask(customer, out),
            Answer::Departed => true,
            Answer::Good => false,
        };
        let occasion = Occasion {
            customer,
            visit,
            moment,
            share: self.share_in(customer, &moment.zone),
            now_ms: self.now_ms,
        };
        let verdict = match departed {
            true => Verdict {
                choice: Choice::Suppress {
                    reason: Reason::Departed,
                },
                arm: None,
                weighed: Vec::new(),
                considered: Vec::new(),
            },
            false => decide(self.floor.rules(), &self.campaigns, &occasion, &facts),
        };
        let decision = Decision {
            decision: DecisionId::at(self.now_ms, self.ids.bytes()),
            customer,
            visit,
            moment: Some(moment.clone()),
            at_ms: self.now_ms,
            share: occasion.share,
            choice: verdict.choice,
            arm: verdict.arm,
            weighed: verdict.weighed.into_iter().take(WEIGHED_MAX).collect(),
            considered: verdict.considered,
            facts: Some(facts),
        };
        self.offer(&decision, moment, out);
        out.decisions.push(decision);
        // Another moment may have come while this question was open.
        self.ask(customer, out);
    }

    /// The facts, narrowed by what the engine knows to have changed since they were gathered.
    fn facts_as_known_here(
        &self,
        customer: CustomerId,
        visit: VisitId,
        facts: &MatchFacts,
    ) -> MatchFacts {
        let mut facts = facts.clone();
        facts.waits_for_order |= self.arrivals.waits(customer);
        facts.in_two_stores |= self.doubts(customer);
        if let Some(person) = self.people.get(&customer) {
            facts.consent = both(facts.consent, person.consent);
            let own = person.visit.iter().chain(&person.left);
            for told in own.filter(|own| own.id == visit).flat_map(|own| &own.told) {
                if facts
                    .told
                    .iter()
                    .all(|known| known.decision != told.decision)
                {
                    facts.told.push(told.clone());
                }
            }
        }
        if !facts.consent.browsing {
            facts.candidates.clear();
            for told in &mut facts.told {
                told.sku = None;
            }
        }
        facts
    }

    fn take_answer(
        &mut self,
        customer: CustomerId,
        visit: VisitId,
        moment: &Moment,
        facts: &MatchFacts,
    ) -> Answer {
        let Some(person) = self.people.get_mut(&customer) else {
            return departed(facts);
        };
        let seconds = match moment.when {
            When::Enter => 0,
            When::Dwell { seconds } => seconds,
            When::Exit => {
                let asked = person.left.take_if(|left| left.id == visit);
                return asked.map_or(Answer::Unasked, |_| Answer::Good);
            }
        };
        let current = person.visit.as_mut().filter(|v| v.id == visit);
        match (current, self.floor.zone_ix(&moment.zone)) {
            (Some(current), Some(zone)) => current.answer(zone, seconds),
            // The visit is over, or the zone was taken out of the layout.
            _ => departed(facts),
        }
    }

    fn offer(&mut self, decision: &Decision, moment: &Moment, out: &mut Outcome) {
        let Choice::Notify { campaign, subject } = &decision.choice else {
            return;
        };
        let own = self.campaigns.iter().find(|c| c.campaign == *campaign);
        let relevant_ms = own.map_or(0, |campaign| campaign.relevant_ms);
        let customer = decision.customer;
        let person = self.people.get_mut(&customer);
        if let Some(visit) = person.and_then(|person| person.visit.as_mut()) {
            visit.tell(Told {
                decision: decision.decision,
                campaign: *campaign,
                sku: decision.sku().cloned(),
                visit: decision.visit,
                at_ms: self.now_ms,
            });
        }
        out.deliveries.push(Delivery {
            delivery: DeliveryId::at(self.now_ms, self.ids.bytes()),
            customer,
            cause: Cause::Offer {
                decision: decision.decision,
                visit: decision.visit,
                campaign: *campaign,
                subject: subject.clone(),
                after_exit: moment.when == When::Exit,
            },
            relevant_until_ms: self.now_ms.saturating_add(relevant_ms),
        });
    }

    pub(super) fn answer_history(
        &mut self,
        customer: CustomerId,
        late: &[Observation],
        visits: &[PastVisit],
        out: &mut Outcome,
    ) {
        let Some(next) = self.late.answered(self.now_ms, customer) else {
            return;
        };
        if !next.is_empty() {
            out.questions.push(Question::History {
                customer,
                late: next,
            });
        }
        let allowed: Vec<Observation> = late
            .iter()
            .filter(|seen| self.may_remember(seen))
            .cloned()
            .collect();
        let mut known = self.known_visits(customer, visits);
        for span in spans(&self.floor, &allowed) {
            match span.widen(&mut known) {
                Some(changed) => {
                    for visit in changed.into_iter().filter_map(|at| known.get(at)) {
                        self.revise(customer, visit, out);
                    }
                }
                None => {
                    if let Some(visit) = span.replay(&self.floor) {
                        self.add_late_visit(customer, &visit, &mut known, out);
                    }
                }
            }
        }
    }

    /// The visits that the store told of, and the one that goes on, oldest first.
    fn known_visits(&self, customer: CustomerId, visits: &[PastVisit]) -> Vec<PastVisit> {
        let mut known = visits.to_vec();
        if let Some(current) = self.people.get(&customer).and_then(|p| p.visit.as_ref()) {
            known.retain(|v| v.visit != current.id);
            known.push(PastVisit {
                visit: current.id,
                entered_ms: current.entered_ms,
                left_ms: None,
            });
        }
        known.sort_by_key(|v| (v.entered_ms, v.visit));
        known
    }

    fn revise(&mut self, customer: CustomerId, visit: &PastVisit, out: &mut Outcome) {
        let person = self.people.get_mut(&customer);
        if let Some(current) = person.and_then(|person| person.visit.as_mut())
            && current.id == visit.visit
        {
            current.entered_ms = visit.entered_ms;
        }
        out.visits.push(VisitChange::Revised {
            visit: visit.visit,
            entered_ms: visit.entered_ms,
            left_ms: visit.left_ms,
        });
    }

    fn add_late_visit(
        &mut self,
        customer: CustomerId,
        late: &LateVisit,
        known: &mut Vec<PastVisit>,
        out: &mut Outcome,
    ) {
        let visit = VisitId::at(self.now_ms, self.ids.bytes());
        let LateVisit {
            entered_ms,
            left_ms,
            ..
        } = *late;
        let left_ms = late
            .zones
            .iter()
            .map(|&(_, from_ms)| from_ms)
            .fold(left_ms, u64::max);
        known.push(PastVisit {
            visit,
            entered_ms,
            left_ms: Some(left_ms),
        });
        known.sort_by_key(|v| (v.entered_ms, v.visit));
        let purpose = purpose(late.consent);
        out.visits.push(VisitChange::Entered {
            visit,
            customer,
            entered_ms,
            purpose,
            late: true,
            why: Why::only(Because::Late, self.now_ms),
        });
        for &(zone, from_ms) in &late.zones {
            let Some(zone) = self.floor.zone(zone).cloned() else {
                continue;
            };
            let from_ms = from_ms.max(entered_ms);
            out.visits.push(VisitChange::ZoneEntered {
                visit,
                zone,
                from_ms,
                why: Why::only(Because::Late, self.now_ms),
            });
        }
        out.visits.push(VisitChange::Left {
            visit,
            left_ms,
            why: Why::only(Because::Late, self.now_ms),
        });
        if late.consent.messages {
            self.stay_silent(customer, visit, out);
        }
    }

    /// The one word about a visit that was heard of too late.
    fn stay_silent(&mut self, customer: CustomerId, visit: VisitId, out: &mut Outcome) {
        out.decisions.push(Decision {
            decision: DecisionId::at(self.now_ms, self.ids.bytes()),
            customer,
            visit,
            moment: None,
            at_ms: self.now_ms,
            share: 0.0,
            choice: Choice::Suppress {
                reason: Reason::Stale,
            },
            arm: None,
            weighed: Vec::new(),
            considered: Vec::new(),
            facts: None,
        });
    }
}

/// She is gone: said only to who may be told at all.
fn departed(facts: &MatchFacts) -> Answer {
    if facts.consent.allows_visit(false) {
        Answer::Departed
    } else {
        Answer::Unasked
    }
}
