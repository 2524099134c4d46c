//! Orders and taps: what the shop floor tells the engine, and what phones say before they are heard.
//!
//! In: an order as it stands, a colleague's tap, "on my way". Out: cards, answers, and visits that
//! end with it.
//! Invariant: a visit for her order alone ends with her last open order here.

use protocol::{CustomerId, OrderId};

use super::StoreEngine;
use crate::{
    arrivals::Here,
    input::{Coming, Consent, DeskNews, Order, OrderState, Tap, TapAction},
    outcome::{Because, Outcome, TapAnswer, VisitChange, Why},
};

impl StoreEngine {
    pub(super) fn learn_order(&mut self, order: &Order, out: &mut Outcome) {
        let (arrivals, desk) = self.desk(out);
        let Some(before) = arrivals.learn(desk, order) else {
            return;
        };
        if let Some(owner) = before.filter(|&owner| owner != order.customer) {
            let (arrivals, desk) = self.desk(out);
            arrivals.order_closed(desk, owner, OrderState::Cancelled);
            self.sync_card(owner, out);
            self.end_if_purposeless(owner, out);
        }
        if !order.state.is_open() {
            let (arrivals, desk) = self.desk(out);
            arrivals.order_closed(desk, order.customer, order.state);
        }
        // Who was in the store before anything lay ready for her waits from now on.
        let entered_ms = self.now_ms;
        let here = self.here(order.customer);
        let here = here.map(|here| Here { entered_ms, ..here });
        let (arrivals, desk) = self.desk(out);
        arrivals.sync(desk, order.customer, here);
        self.end_if_purposeless(order.customer, out);
    }

    /// Her phone says that she is coming: of use to staff while she agrees and is not here.
    pub(super) fn say_coming(
        &mut self,
        customer: CustomerId,
        consent: Consent,
        how: Coming,
        out: &mut Outcome,
    ) {
        if self.may_know(customer, consent, out) {
            let (arrivals, desk) = self.desk(out);
            arrivals.say_coming(desk, customer, how);
        }
    }

    /// Somebody is here for an order that she shared. Her own visits are not touched by it.
    pub(super) fn say_collects(
        &mut self,
        customer: CustomerId,
        consent: Consent,
        order: OrderId,
        out: &mut Outcome,
    ) {
        if self.may_know(customer, consent, out) {
            let here = self.here(customer);
            let (arrivals, desk) = self.desk(out);
            arrivals.say_collects(desk, customer, order, here);
        }
    }

    /// Whether staff may know of her, then and by now.
    fn may_know(&self, customer: CustomerId, consent: Consent, out: &mut Outcome) -> bool {
        let known = self.people.get(&customer);
        let may = consent.arrival && known.is_none_or(|person| person.consent.arrival);
        out.refused.no_consent += u32::from(!may);
        may
    }

    pub(super) fn tap(&mut self, tap: &Tap, out: &mut Outcome) {
        let customer = self.arrivals.customer_of(tap.card);
        let here = customer.and_then(|customer| self.here(customer));
        // One arrival is one label, however often she is looked for.
        let known = self.arrivals.was_looked_for(tap.card);
        let (arrivals, desk) = self.desk(out);
        let answer = arrivals.tap(desk, tap, here);
        if tap.action == TapAction::NotHere && answer == TapAnswer::Done && !known {
            self.floor.arrival_was_wrong();
        }
        // What somebody else was given is not all that lies there for her.
        let changes = matches!(tap.action, TapAction::Undo | TapAction::HandOver { .. });
        if let Some(customer) = customer.filter(|_| changes) {
            self.sync_card(customer, out);
        }
        out.tap = Some(answer);
    }

    /// What happened at a desk that another engine has, or had until now.
    pub(super) fn take_over(&mut self, news: &DeskNews, out: &mut Outcome) {
        let (arrivals, desk) = self.desk(out);
        for customer in arrivals.take_over(desk, news) {
            self.end_if_purposeless(customer, out);
        }
    }

    /// The desk is this engine's, or another's, from now on. Who is here when it comes back is on
    /// the board at once.
    pub(super) fn place_desk(&mut self, elsewhere: bool, out: &mut Outcome) {
        let comes_back = self.arrivals.is_elsewhere() && !elsewhere;
        self.arrivals.set_elsewhere(elsewhere);
        if comes_back {
            let here: Vec<CustomerId> = self.people.keys().copied().collect();
            for customer in here {
                self.sync_card(customer, out);
            }
        }
    }

    /// All that is on the desk now: for the engine that gets it.
    pub fn on_desk(&self) -> DeskNews {
        self.arrivals.on_desk()
    }

    /// What time alone does to cards and hand-overs.
    pub(super) fn sweep_arrivals(&mut self, out: &mut Outcome) {
        for customer in self.arrivals.calls_due(self.now_ms) {
            let here = self.here(customer);
            let (arrivals, mut desk) = self.desk(out);
            arrivals.call(&mut desk, customer, here);
        }
        for customer in self.arrivals.errands_due(self.now_ms) {
            let here = self.here(customer);
            let (arrivals, desk) = self.desk(out);
            arrivals.errand_over(desk, customer, here);
        }
        let (arrivals, desk) = self.desk(out);
        for served in arrivals.sweep(desk) {
            if served.looked_for {
                self.floor.arrival_was_not_wrong();
            }
            self.floor.arrival_was_right();
            self.served(served.customer, served.served_ms, out);
        }
    }

    /// She has it, for good: what rested on her order or on "Ik ben er" alone ended when a
    /// colleague stood before her.
    fn served(&mut self, customer: CustomerId, served_ms: u64, out: &mut Outcome) {
        if self.arrivals.waits(customer) {
            return; // for another order, which became ready meanwhile
        }
        let Some(person) = self.people.get_mut(&customer) else {
            return;
        };
        person.belief.certainty_is_used_up();
        let by_radio = person.belief.by_radio();
        let consent = person.consent;
        let stays = by_radio && consent.allows_visit(self.arrivals.has_open_order(customer));
        if stays {
            self.wake(customer);
        } else if let Some(visit) = self.end_visit(customer, served_ms) {
            out.visits.push(VisitChange::Left {
                visit: visit.id,
                left_ms: served_ms.max(visit.began_ms()),
                why: Why::only(Because::OrderDone, self.now_ms),
            });
        }
    }
}
