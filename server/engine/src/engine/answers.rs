//! Answers to the engine's questions.
//!
//! In: what she did online; which visits of hers are known. Out: a decision; history, mended.
//! Promises: an answer is used once; she is told something only while she still stands where the
//! question arose, and only by facts that know of the last message.
//! Invariant: late history never tells anybody anything.

use protocol::{CustomerId, DecisionId, DeliveryId, VisitId, ZoneId};

use super::StoreEngine;
use crate::{
    history::{LateVisit, spans},
    input::{MatchFacts, Observation, PastVisit},
    matching::decide,
    outcome::{
        Because, Cause, Choice, Considered, Decision, Delivery, Outcome, Question, Reason,
        VisitChange, Why,
    },
    visits::{Answer, both, purpose},
};

impl StoreEngine {
    pub(super) fn answer_match(
        &mut self,
        customer: CustomerId,
        visit: VisitId,
        zone: &ZoneId,
        facts: &MatchFacts,
        out: &mut Outcome,
    ) {
        let facts = self.facts_as_known_here(customer, facts);
        let (choice, considered) = match self.take_answer(customer, visit, zone, &facts) {
            Answer::Unasked => return,
            Answer::Outdated => return self.ask(customer, out),
            Answer::Departed => (
                Choice::Suppress {
                    reason: Reason::Departed,
                },
                Vec::new(),
            ),
            Answer::Good if self.doubts(customer) => (
                Choice::Suppress {
                    reason: Reason::InTwoStores,
                },
                Vec::new(),
            ),
            Answer::Good => decide(self.floor.rules(), &facts, zone, self.now_ms),
        };
        let decision = DecisionId::at(self.now_ms, self.ids.bytes());
        let share = self.share_in(customer, zone);
        if let Choice::Notify { sku } = &choice {
            let offer = Cause::Offer {
                decision,
                visit,
                sku: sku.clone(),
            };
            self.offer(customer, offer, out);
        }
        out.decisions.push(Decision {
            decision,
            customer,
            visit,
            zone: Some(zone.clone()),
            share,
            choice,
            considered,
            facts: Some(facts),
        });
    }

    /// The facts, narrowed by what the engine knows to have changed since they were gathered.
    fn facts_as_known_here(&self, customer: CustomerId, facts: &MatchFacts) -> MatchFacts {
        let mut facts = facts.clone();
        if let Some(person) = self.people.get(&customer) {
            facts.consent = both(facts.consent, person.consent);
            let told = person.visit.iter().flat_map(|visit| &visit.told);
            facts.told_this_visit.extend(told.cloned());
            facts.told_this_visit.sort_unstable();
            facts.told_this_visit.dedup();
        }
        if !facts.consent.browsing {
            facts.candidates.clear();
        }
        facts
    }

    fn take_answer(
        &mut self,
        customer: CustomerId,
        visit: VisitId,
        zone: &ZoneId,
        facts: &MatchFacts,
    ) -> Answer {
        let person = self.people.get_mut(&customer);
        let current = person
            .and_then(|person| person.visit.as_mut())
            .filter(|v| v.id == visit);
        match (current, self.floor.zone_ix(zone)) {
            (Some(current), Some(zone)) => current.answer(zone),
            // The visit is over, or the zone was taken out of the layout.
            _ if facts.consent.allows_visit(false) => Answer::Departed,
            _ => Answer::Unasked,
        }
    }

    fn offer(&mut self, customer: CustomerId, cause: Cause, out: &mut Outcome) {
        let person = self.people.get_mut(&customer);
        if let Some(visit) = person.and_then(|person| person.visit.as_mut())
            && let Cause::Offer { sku, .. } = &cause
        {
            visit.tell(sku.clone());
        }
        out.deliveries.push(Delivery {
            delivery: DeliveryId::at(self.now_ms, self.ids.bytes()),
            customer,
            cause,
            relevant_until_ms: self
                .now_ms
                .saturating_add(self.floor.rules().offer_relevant_ms),
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
            zone: None,
            share: 0.0,
            choice: Choice::Suppress {
                reason: Reason::Stale,
            },
            considered: Vec::<Considered>::new(),
            facts: None,
        });
    }
}
