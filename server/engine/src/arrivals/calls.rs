//! A card to which nobody goes calls louder.
//!
//! In: since when each customer waits, who goes to her. Out: cards that call louder than before.
//! Promises: each rung of [`journey::CALLS`] once an episode, on its time, also if the card was taken
//! and let go in between.
//! Invariant: a card that somebody has taken calls nobody, nor does one whose customer was looked
//! for in vain.

use std::collections::{BTreeMap, BTreeSet};

use protocol::CustomerId;
use serde::{Deserialize, Serialize};

use super::{Arrivals, Desk, Episode, Here, show};
use crate::{
    journey::{self, CallStep},
    outcome::Called,
};

/// When whose card calls louder next; nobody is in it whose card does not.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Calls {
    of: BTreeMap<CustomerId, u64>,
    /// The same, in the order of time.
    due: BTreeSet<(u64, CustomerId)>,
}

impl Calls {
    pub(super) fn due_at(&self) -> Option<u64> {
        self.due.first().map(|(due_ms, _)| *due_ms)
    }

    fn set(&mut self, customer: CustomerId, due_ms: Option<u64>) {
        let before = match due_ms {
            Some(due_ms) => self.of.insert(customer, due_ms),
            None => self.of.remove(&customer),
        };
        self.due.extend(due_ms.map(|due_ms| (due_ms, customer)));
        if let Some(before_ms) = before.filter(|before_ms| Some(*before_ms) != due_ms) {
            self.due.remove(&(before_ms, customer));
        }
    }
}

impl Arrivals {
    /// Puts down when her card calls louder, if it does.
    pub(super) fn plan_call(&mut self, customer: CustomerId) {
        let next = self.open.get(&customer).and_then(Episode::next_call);
        self.calls.set(customer, next.map(|(_, due_ms)| due_ms));
    }

    /// Whose cards call louder by now.
    pub(crate) fn calls_due(&self, now_ms: u64) -> Vec<CustomerId> {
        let due = self.calls.due.iter().filter(|_| !self.elsewhere);
        due.take_while(|(due_ms, _)| *due_ms <= now_ms)
            .map(|(_, customer)| *customer)
            .collect()
    }

    /// Her card calls as loudly as it is time for.
    pub(crate) fn call(&mut self, desk: &mut Desk<'_>, customer: CustomerId, here: Option<Here>) {
        let whereabouts = here.map(|here| here.whereabouts).unwrap_or_default();
        let Some(episode) = self.open.get_mut(&customer) else {
            return;
        };
        while let Some((step, due_ms)) = episode.next_call()
            && due_ms <= desk.now_ms
        {
            episode.called = Some(step.to);
            desk.out.calls.push(Called {
                card: episode.card,
                customer,
                call: step.to,
                waits_from_ms: episode.waits_from_ms,
            });
        }
        show(episode, whereabouts, desk.out);
        self.plan_call(customer);
    }
}

impl Episode {
    /// The next rung, and when it is due.
    fn next_call(&self) -> Option<(&'static CallStep, u64)> {
        let calls = self.journey.is_here() && self.taken.is_none() && !self.not_here;
        let step = journey::call_next(self.called).filter(|_| calls)?;
        Some((step, self.waits_from_ms + step.after_ms))
    }
}
