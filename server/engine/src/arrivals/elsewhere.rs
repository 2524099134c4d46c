//! The desk of this store is in another engine's hands: what happened there is taken over as told.
//!
//! In: cards as they stand there, orders that were handed over there, episodes that are over. Out: the same, as this
//! engine's own outcome, so that pages, receivers and figures hear of it in the usual way.
//! Promises: "we know that you are here" goes out once for each card, and not for an arrival that is
//! old news. News comes in its order and once; whoever brings it numbers it.
//! Invariant: while the desk is elsewhere this engine opens, moves and alerts nothing by itself;
//! only a withdrawal of consent takes effect at once.

use std::collections::BTreeSet;

use protocol::{CardId, CustomerId};

use super::{ARRIVAL_RELEVANT_MS, Arrivals, DEPARTED_KEPT_MS, Desk, Episode};
use crate::{
    input::DeskNews,
    journey::Journey,
    outcome::{Called, Card, Cause},
};

impl Arrivals {
    /// Whether another engine has the desk from now on.
    pub(crate) fn set_elsewhere(&mut self, elsewhere: bool) {
        self.elsewhere = elsewhere;
    }

    pub(crate) fn is_elsewhere(&self) -> bool {
        self.elsewhere
    }

    /// Takes over what happened at the desk. Gives back whose orders were completed.
    pub(crate) fn take_over(
        &mut self,
        mut desk: Desk<'_>,
        news: &DeskNews,
    ) -> BTreeSet<CustomerId> {
        for (orders, held) in [(&news.held, true), (&news.released, false)] {
            for &order in orders {
                if let Some(customer) = self.orders.owner(order) {
                    self.orders.hold(customer, order, held);
                }
            }
        }
        desk.out.held.extend(&news.held);
        desk.out.released.extend(&news.released);
        let now_ms = desk.now_ms;
        self.departed
            .retain(|episode| now_ms < episode.since_ms + DEPARTED_KEPT_MS);
        for card in &news.cards {
            self.stand(&mut desk, card);
        }
        let owners = news
            .completed
            .iter()
            .filter_map(|&order| self.orders.close(order));
        let whose = owners.collect();
        desk.out.completed.extend(&news.completed);
        for &order in &news.cancelled {
            self.orders.close(order);
        }
        desk.out.cancelled.extend(&news.cancelled);
        desk.out.over.extend_from_slice(&news.over);
        let is_news = |called: &&Called| now_ms < called.waits_from_ms + ARRIVAL_RELEVANT_MS;
        desk.out.calls.extend(news.calls.iter().filter(is_news));
        self.end_served(&news.completed);
        whose
    }

    /// The cards that are not over, as they stand: for the engine that gets the desk.
    pub(crate) fn on_desk(&self) -> DeskNews {
        let kept = self.served.iter().chain(&self.departed);
        let cards = self.open.values().chain(kept);
        DeskNews {
            cards: cards.map(|episode| episode.as_card(Vec::new())).collect(),
            held: self.served.iter().flat_map(|e| e.orders.clone()).collect(),
            ..DeskNews::default()
        }
    }

    /// A card stands as it stands there.
    fn stand(&mut self, desk: &mut Desk<'_>, card: &Card) {
        if self.closed.contains(&card.card) {
            return;
        }
        let before = self.take_out(card.card);
        self.errands.forget(card.customer);
        if card.somebody_else && card.journey.is_here() {
            self.errands.begin(desk.now_ms, card.customer, &card.orders);
        }
        let is_new = before.is_none_or(|episode| episode.journey.is_coming());
        let is_open = card.journey.is_here() || card.journey.is_coming();
        if is_open {
            self.give_way(desk, card.customer);
        }
        if card.journey.is_here() && is_new {
            let relevant_until_ms = card.arrived_ms + ARRIVAL_RELEVANT_MS;
            if self.elsewhere && desk.now_ms < relevant_until_ms {
                let cause = Cause::Arrival { card: card.card };
                desk.tell(card.customer, cause, relevant_until_ms - desk.now_ms);
            }
        }
        desk.out.cards.retain(|other| other.card != card.card);
        desk.out.cards.push(card.clone());
        match card.journey {
            Journey::Created | Journey::Withdrawn => self.remember_closed(card.card),
            _ => self.put(Episode::from(card)),
        }
    }

    /// Whatever else is on the board for her goes before a new card of hers comes.
    fn give_way(&mut self, desk: &mut Desk<'_>, customer: CustomerId) {
        let is_hers = |episode: &&Episode| episode.customer == customer;
        let left = self.departed.iter().filter(is_hers).map(|e| e.card);
        let left: Vec<CardId> = left.collect();
        self.departed.retain(|episode| episode.customer != customer);
        left.into_iter().for_each(|card| self.remember_closed(card));
        if let Some(mut old) = self.open.remove(&customer) {
            old.journey = Journey::Withdrawn;
            desk.out.cards.push(old.as_card(Vec::new()));
            self.remember_closed(old.card);
        }
    }

    fn take_out(&mut self, card: CardId) -> Option<Episode> {
        let customer = self.customer_of(card)?;
        if self.open.get(&customer).is_some_and(|e| e.card == card) {
            return self.open.remove(&customer);
        }
        [&mut self.served, &mut self.departed]
            .into_iter()
            .find_map(|list| {
                let at = list.iter().position(|episode| episode.card == card)?;
                list.remove(at)
            })
    }

    /// Cards whose orders are completed are over.
    fn end_served(&mut self, completed: &[protocol::OrderId]) {
        let is_over = |episode: &Episode| episode.orders.iter().any(|o| completed.contains(o));
        let over: Vec<CardId> = self
            .served
            .iter()
            .filter(|episode| is_over(episode))
            .map(|episode| episode.card)
            .collect();
        self.served.retain(|episode| !is_over(episode));
        over.into_iter().for_each(|card| self.remember_closed(card));
    }
}

impl From<&Card> for Episode {
    fn from(card: &Card) -> Self {
        Self {
            orders: card.orders.clone(),
            journey: card.journey,
            arrived_ms: card.arrived_ms,
            eta_ms: card.eta_ms,
            undo_until_ms: card.undo_until_ms,
            since_ms: card.since_ms,
            taken: card.taken_by.zip(card.taken_ms),
            came_ms: (!card.journey.is_coming()).then_some(card.arrived_ms),
            first_taken_ms: card.taken_ms,
            wrong_codes: card.wrong_codes,
            not_here: card.not_here,
            check: card.check,
            called: card.called,
            somebody_else: card.somebody_else,
            waits_from_ms: card.arrived_ms,
            ..Self::new(card.card, card.customer)
        }
    }
}
