//! Arrivals: who is here for her order, as staff see it.
//!
//! In: she is here, she left, her orders, colleagues' taps.
//! Out: cards as they now stand, one delivery for each arrival, the orders handed over.
//! Promises: a customer has at most one open card, and one alert for each card; a right code
//! always closes it, also when the belief lost her meanwhile.
//! Invariant: no card is served without the code of one of its orders.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use protocol::{CardId, CustomerId, DeliveryId, OrderId, StaffId, ZoneId};
use serde::{Deserialize, Serialize};

use crate::{
    ids::Ids,
    input::{Order, OrderState},
    outcome::{Card, Cause, Delivery, Journey, Outcome},
};

mod orders;
mod taps;

pub use orders::ORDERS_MAX;
use orders::{Full, Orders};
pub use taps::{CODE_PAUSE_MS, CODE_TRIES};

/// "We know that you are here" is news for this long.
pub const ARRIVAL_RELEVANT_MS: u64 = 600_000;

/// A card whose customer seems gone still takes her code for this long: radios fall silent in
/// pockets, and a colleague may stand before her.
pub const DEPARTED_KEPT_MS: u64 = 3_600_000;

/// Closed cards whose ids are remembered, to tell "closed" from "unknown"; the oldest go.
pub const CLOSED_MAX: usize = 4_096;

/// Orders and cards of one store.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Arrivals {
    orders: Orders,
    /// One a customer, by construction.
    open: BTreeMap<CustomerId, Episode>,
    /// In the order of leaving.
    departed: VecDeque<Episode>,
    closed: BTreeSet<CardId>,
}

/// One card, without what is computed when it is shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Episode {
    card: CardId,
    customer: CustomerId,
    orders: Vec<OrderId>,
    journey: Journey,
    arrived_ms: u64,
    since_ms: u64,
    taken: Option<(StaffId, u64)>,
    wrong_codes: u32,
    paused_until_ms: u64,
    not_here: bool,
    /// As she was last seen: another store hears her too.
    #[serde(default)]
    check: bool,
}

/// A customer who is in the store and agreed that staff may know.
pub(crate) struct Here {
    pub(crate) customer: CustomerId,
    pub(crate) entered_ms: u64,
    pub(crate) whereabouts: Vec<(ZoneId, f32)>,
    /// Another store hears her too.
    pub(crate) check: bool,
}

impl Arrivals {
    /// Takes an order in. Gives back whose it was before; refuses what does not fit.
    pub(crate) fn learn(&mut self, order: &Order, out: &mut Outcome) -> Option<CustomerId> {
        self.orders.learn(order).unwrap_or_else(|Full| {
            out.refused.shed += 1;
            None
        })
    }

    pub(crate) fn has_open_order(&self, customer: CustomerId) -> bool {
        self.orders.has_open(customer)
    }

    /// Whether an order or a card of hers is known.
    pub(crate) fn knows(&self, customer: CustomerId) -> bool {
        self.orders.has_open(customer)
            || self.open.contains_key(&customer)
            || self
                .departed
                .iter()
                .any(|episode| episode.customer == customer)
    }

    pub(crate) fn orders_len(&self) -> usize {
        self.orders.len()
    }

    pub(crate) fn cards_len(&self) -> usize {
        self.open.len()
    }

    pub(crate) fn has_card(&self, customer: CustomerId) -> bool {
        self.open.contains_key(&customer)
    }

    /// Brings her card in line with her ready orders: a new one, more on it, fewer on it.
    pub(crate) fn sync(&mut self, now_ms: u64, here: Here, ids: &mut Ids, out: &mut Outcome) {
        let ready = self.orders.ready(here.customer);
        if ready.is_empty() {
            self.close(now_ms, here.customer, Journey::Withdrawn, out);
            return;
        }
        match self.open.get_mut(&here.customer) {
            Some(episode) if episode.orders == ready => {}
            Some(episode) => {
                episode.orders = ready;
                episode.check = here.check;
                show(episode, here.whereabouts, out);
            }
            None => self.arrive(now_ms, here, ready, ids, out),
        }
    }

    fn arrive(
        &mut self,
        now_ms: u64,
        here: Here,
        orders: Vec<OrderId>,
        ids: &mut Ids,
        out: &mut Outcome,
    ) {
        self.supersede(here.customer);
        let card = CardId::at(now_ms, ids.bytes());
        let episode = Episode {
            card,
            customer: here.customer,
            orders,
            journey: Journey::Arrived,
            arrived_ms: here.entered_ms,
            since_ms: now_ms,
            taken: None,
            wrong_codes: 0,
            paused_until_ms: 0,
            not_here: false,
            check: here.check,
        };
        show(&episode, here.whereabouts, out);
        self.open.insert(here.customer, episode);
        out.deliveries.push(Delivery {
            delivery: DeliveryId::at(now_ms, ids.bytes()),
            customer: here.customer,
            cause: Cause::Arrival { card },
            relevant_until_ms: now_ms + ARRIVAL_RELEVANT_MS,
        });
    }

    /// Her earlier card gives way to the next episode.
    fn supersede(&mut self, customer: CustomerId) {
        let old: Vec<CardId> = self
            .departed
            .iter()
            .filter(|e| e.customer == customer)
            .map(|e| e.card)
            .collect();
        self.departed.retain(|e| e.customer != customer);
        old.into_iter().for_each(|card| self.remember_closed(card));
    }

    /// An order was closed elsewhere: if it was the last of her card, that ends with it.
    pub(crate) fn order_closed(
        &mut self,
        now_ms: u64,
        customer: CustomerId,
        state: OrderState,
        out: &mut Outcome,
    ) {
        if self.orders.ready(customer).is_empty() {
            let journey = match state {
                OrderState::Completed => Journey::Served,
                _ => Journey::Withdrawn,
            };
            self.close(now_ms, customer, journey, out);
        }
    }

    /// She moved, or pressed "Ik ben er" again: staff see where she probably is.
    pub(crate) fn moved(&mut self, here: Here, certain: bool, out: &mut Outcome) {
        if let Some(episode) = self.open.get_mut(&here.customer) {
            episode.not_here &= !certain;
            episode.check = here.check;
            show(episode, here.whereabouts, out);
        }
    }

    /// She left without it.
    pub(crate) fn depart(&mut self, now_ms: u64, customer: CustomerId, out: &mut Outcome) {
        let Some(mut episode) = self.open.remove(&customer) else {
            return;
        };
        episode.journey = Journey::DepartedUnserved;
        episode.since_ms = now_ms;
        episode.taken = None;
        show(&episode, Vec::new(), out);
        self.departed.push_back(episode);
    }

    /// Staff may no longer know of her: her cards go.
    pub(crate) fn withdraw(&mut self, now_ms: u64, customer: CustomerId, out: &mut Outcome) {
        self.close(now_ms, customer, Journey::Withdrawn, out);
        while let Some(at) = self.departed.iter().position(|e| e.customer == customer)
            && let Some(episode) = self.departed.remove(at)
        {
            self.end(now_ms, episode, Journey::Withdrawn, out);
        }
    }

    /// Nothing of her stays.
    pub(crate) fn forget(&mut self, now_ms: u64, customer: CustomerId, out: &mut Outcome) {
        self.withdraw(now_ms, customer, out);
        self.orders.forget(customer);
    }

    /// When [`Self::sweep`] next has something to do.
    pub(crate) fn due_at(&self) -> Option<u64> {
        self.departed
            .front()
            .map(|episode| episode.since_ms + DEPARTED_KEPT_MS)
    }

    /// Drops departed cards whose time is over.
    pub(crate) fn sweep(&mut self, now_ms: u64) {
        while self.due_at().is_some_and(|at| at <= now_ms)
            && let Some(episode) = self.departed.pop_front()
        {
            self.remember_closed(episode.card);
        }
    }

    fn close(&mut self, now_ms: u64, customer: CustomerId, journey: Journey, out: &mut Outcome) {
        if let Some(episode) = self.open.remove(&customer) {
            self.end(now_ms, episode, journey, out);
        }
    }

    /// The last word about a card that is in neither list any more.
    fn end(&mut self, now_ms: u64, mut episode: Episode, journey: Journey, out: &mut Outcome) {
        episode.journey = journey;
        episode.since_ms = now_ms;
        show(&episode, Vec::new(), out);
        self.remember_closed(episode.card);
    }

    fn remember_closed(&mut self, card: CardId) {
        self.closed.insert(card);
        if self.closed.len() > CLOSED_MAX {
            self.closed.pop_first(); // ids sort by time
        }
    }
}

/// Puts the card as it stands into the outcome, once.
fn show(episode: &Episode, whereabouts: Vec<(ZoneId, f32)>, out: &mut Outcome) {
    out.cards.retain(|card| card.card != episode.card);
    out.cards.push(Card {
        card: episode.card,
        customer: episode.customer,
        orders: episode.orders.clone(),
        journey: episode.journey,
        arrived_ms: episode.arrived_ms,
        since_ms: episode.since_ms,
        taken_by: episode.taken.map(|(staff, _)| staff),
        taken_ms: episode.taken.map(|(_, at)| at),
        whereabouts,
        wrong_codes: episode.wrong_codes,
        not_here: episode.not_here,
        check: episode.check,
    });
}
