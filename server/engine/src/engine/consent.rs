//! Consent: what may still be known, now that she moved a switch.
//!
//! In: her switches, or the wish to be forgotten. Out: what ends, what goes.
//! Promises: what has no purpose left is gone in the same step.
//! Invariant: a withdrawal is not undone by a sighting from before it.

use protocol::CustomerId;

use super::StoreEngine;
use crate::{
    input::Consent,
    outcome::{Because, Outcome, VisitChange},
    presence::Belief,
    visits::Person,
};

impl StoreEngine {
    /// The switches stand like this since then.
    pub(super) fn set_consent(
        &mut self,
        customer: CustomerId,
        consent: Consent,
        since_ms: u64,
        out: &mut Outcome,
    ) {
        self.remember(customer, consent, since_ms);
        if !consent.arrival {
            let (arrivals, desk) = self.desk(out);
            arrivals.withdraw(desk, customer);
        }
        if !(consent.messages || consent.statistics) {
            self.late.forget(customer);
        }
        if consent.allows_visit(self.arrivals.has_open_order(customer)) {
            self.sync_card(customer, out);
            self.ask(customer, out);
        } else {
            self.unfollow(customer, consent, Because::ConsentWithdrawn, out);
        }
    }

    /// Also of somebody who is not here: what was heard before she withdrew may be on its way.
    fn remember(&mut self, customer: CustomerId, consent: Consent, since_ms: u64) {
        if let Some(person) = self.people.get_mut(&customer) {
            person.consent = consent;
            person.consent_since_ms = since_ms;
        } else if self.people.len() < super::CUSTOMERS_MAX {
            let mut person = Person::new(consent);
            person.consent_since_ms = since_ms;
            self.people.insert(customer, Box::new(person));
            self.wake(customer);
        }
    }

    /// No purpose is left to follow her for. What was recorded for her order stays as it was while
    /// she still agrees to that; everything else goes.
    fn unfollow(
        &mut self,
        customer: CustomerId,
        consent: Consent,
        because: Because,
        out: &mut Outcome,
    ) {
        if consent.arrival {
            self.leave_as_heard(customer, because, out);
        } else if let Some(visit) = self.end_visit(customer, self.now_ms) {
            out.visits.push(VisitChange::Erased { visit: visit.id });
        }
        if let Some(person) = self.people.get_mut(&customer) {
            person.belief = Belief::new();
            self.wake(customer);
        }
    }

    fn leave_as_heard(&mut self, customer: CustomerId, because: Because, out: &mut Outcome) {
        if let Some(person) = self.people.get(&customer) {
            let left_ms = person.belief.inside_ms(&self.floor);
            self.leave(customer, left_ms, because, out);
        }
    }

    /// An order of hers closed: consent for arrival alone ends with the last one.
    pub(super) fn end_if_purposeless(&mut self, customer: CustomerId, out: &mut Outcome) {
        let Some(person) = self.people.get(&customer) else {
            return;
        };
        let consent = person.consent;
        if !consent.allows_visit(self.arrivals.has_open_order(customer)) {
            self.unfollow(customer, consent, Because::OrderDone, out);
        }
    }

    pub(super) fn forget(&mut self, customer: CustomerId, out: &mut Outcome) {
        let (arrivals, desk) = self.desk(out);
        arrivals.forget(desk, customer);
        self.late.forget(customer);
        if let Some(visit) = self.end_visit(customer, self.now_ms) {
            out.visits.push(VisitChange::Erased { visit: visit.id });
        }
        self.people.remove(&customer);
        self.wheel.forget(customer);
    }
}
