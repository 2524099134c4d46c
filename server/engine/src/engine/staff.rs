//! Orders and taps: what the shop floor tells the engine.
//!
//! In: an order as it stands, a colleague's tap. Out: cards, answers, and visits that end with it.
//! Invariant: a visit for her order alone ends with her last open order here.

use protocol::CustomerId;

use super::StoreEngine;
use crate::{
    input::{Order, OrderState, Tap, TapAction},
    outcome::{Because, Outcome, TapAnswer, VisitChange, Why},
};

impl StoreEngine {
    pub(super) fn learn_order(&mut self, order: &Order, out: &mut Outcome) {
        let before = self.arrivals.learn(order, out);
        if let Some(owner) = before.filter(|&owner| owner != order.customer) {
            self.arrivals
                .order_closed(self.now_ms, owner, OrderState::Cancelled, out);
            self.sync_card(owner, out);
            self.end_if_purposeless(owner, out);
        }
        if !order.state.is_open() {
            self.arrivals
                .order_closed(self.now_ms, order.customer, order.state, out);
        }
        self.sync_card(order.customer, out);
        self.end_if_purposeless(order.customer, out);
    }

    pub(super) fn tap(&mut self, tap: &Tap, out: &mut Outcome) {
        let customer = self.arrivals.customer_of(tap.card);
        let whereabouts = customer.map(|c| self.whereabouts(c)).unwrap_or_default();
        if let Some(customer) = self.arrivals.tap(self.now_ms, tap, whereabouts, out) {
            self.floor.arrival_was_right();
            self.served(customer, out);
        } else if tap.action == TapAction::NotHere && out.tap == Some(TapAnswer::Done) {
            self.floor.arrival_was_wrong();
        }
    }

    /// She has it: what rested on her order or on "Ik ben er" alone ends, at this moment, since a
    /// colleague stood before her.
    fn served(&mut self, customer: CustomerId, out: &mut Outcome) {
        let Some(person) = self.people.get_mut(&customer) else {
            return;
        };
        person.belief.certainty_is_used_up();
        let by_radio = person.belief.by_radio();
        let consent = person.consent;
        let stays = by_radio && consent.allows_visit(self.arrivals.has_open_order(customer));
        if stays {
            self.wake(customer);
        } else if let Some(visit) = self.end_visit(customer, self.now_ms) {
            out.visits.push(VisitChange::Left {
                visit: visit.id,
                left_ms: self.now_ms,
                why: Why::only(Because::OrderDone, self.now_ms),
            });
        }
    }
}
