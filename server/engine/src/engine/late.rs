//! Late sightings on their way to history.
//!
//! In: observations flagged late. Out: one question a customer: which visits does the store know
//! around them?
//! Promises: a second backlog of hers waits until the first is answered, so that both are laid
//! beside the same visits and no visit is made twice.
//! Invariant: at most [`LATE_CUSTOMERS_MAX`] customers and [`LATE_WAITING_MAX`] sightings each.

use std::collections::{BTreeMap, btree_map::Entry};

use protocol::CustomerId;
use serde::{Deserialize, Serialize};

use super::StoreEngine;
use crate::{
    input::Observation,
    outcome::{Outcome, Question},
};

/// Questions about history open at once.
pub const LATE_CUSTOMERS_MAX: usize = 10_000;

/// Late sightings of one customer that wait for an answer: an hour of one a second.
pub const LATE_WAITING_MAX: usize = 3_600;

/// An answer that did not come within this time is asked for again.
pub const LATE_PATIENCE_MS: u64 = 300_000;

/// Questions about history that are open.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct LateWaiting(BTreeMap<CustomerId, Waiting>);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Waiting {
    asked_ms: u64,
    then: Vec<Observation>,
}

impl LateWaiting {
    /// Takes hers in. Some: to be asked now, oldest first.
    fn add(
        &mut self,
        now_ms: u64,
        customer: CustomerId,
        mut late: Vec<Observation>,
        out: &mut Outcome,
    ) -> Option<Vec<Observation>> {
        if self.0.len() >= LATE_CUSTOMERS_MAX {
            // Answers that were lost must not fill this for good.
            self.0
                .retain(|_, waiting| now_ms < waiting.asked_ms + LATE_PATIENCE_MS);
        }
        let full = self.0.len() >= LATE_CUSTOMERS_MAX;
        match self.0.entry(customer) {
            Entry::Vacant(_) if full => {
                out.refused.shed += count(late.len());
                None
            }
            Entry::Vacant(open) => {
                open.insert(Waiting {
                    asked_ms: now_ms,
                    then: Vec::new(),
                });
                Some(in_order(late))
            }
            Entry::Occupied(mut open) => {
                let waiting = open.get_mut();
                let room = LATE_WAITING_MAX.saturating_sub(waiting.then.len());
                out.refused.shed += count(late.len().saturating_sub(room));
                late.truncate(room);
                waiting.then.append(&mut late);
                if now_ms < waiting.asked_ms + LATE_PATIENCE_MS {
                    return None;
                }
                waiting.asked_ms = now_ms;
                Some(in_order(std::mem::take(&mut waiting.then)))
            }
        }
    }

    /// An answer came. None: nobody asked. Some: what to ask next, if anything.
    pub(super) fn answered(
        &mut self,
        now_ms: u64,
        customer: CustomerId,
    ) -> Option<Vec<Observation>> {
        let mut open = match self.0.entry(customer) {
            Entry::Occupied(open) => open,
            Entry::Vacant(_) => return None,
        };
        let then = std::mem::take(&mut open.get_mut().then);
        if then.is_empty() {
            open.remove();
        } else {
            open.get_mut().asked_ms = now_ms;
        }
        Some(in_order(then))
    }

    pub(super) fn knows(&self, customer: CustomerId) -> bool {
        self.0.contains_key(&customer)
    }

    pub(super) fn forget(&mut self, customer: CustomerId) {
        self.0.remove(&customer);
    }
}

fn in_order(mut late: Vec<Observation>) -> Vec<Observation> {
    late.sort_by_key(|seen| (seen.heard_first_ms, seen.heard_last_ms));
    late
}

fn count(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

impl StoreEngine {
    pub(super) fn gather_late(&mut self, late: &[&Observation], out: &mut Outcome) {
        let mut of: BTreeMap<CustomerId, Vec<Observation>> = BTreeMap::new();
        for seen in late {
            if self.floor.anchor(&seen.anchor).is_none() {
                out.refused.unknown_anchor += 1;
            } else if !self.may_remember(seen) {
                out.refused.no_consent += 1;
            } else {
                of.entry(seen.customer).or_default().push((*seen).clone());
            }
        }
        for (customer, late) in of {
            if let Some(late) = self.late.add(self.now_ms, customer, late, out) {
                out.questions.push(Question::History { customer, late });
            }
        }
    }

    /// Consent for her order alone gives no history: that order's visit is over.
    pub(super) fn may_remember(&self, seen: &Observation) -> bool {
        let consent = match self.people.get(&seen.customer) {
            Some(person) => person.consent_for(seen.heard_last_ms, seen.consent),
            None => seen.consent,
        };
        consent.allows_visit(false)
    }
}
