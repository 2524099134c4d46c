//! Arrivals: who is here for her order, as staff see it.
//!
//! In: she is coming, she is here, she left, her orders, colleagues' taps.
//! Out: cards as they now stand, one delivery for each arrival, the orders handed over.
//! Promises: a customer has at most one open card, and one alert for each card; a right code
//! always closes it, also when the belief lost her meanwhile; a call for help ends when she leaves.
//! Invariant: a card's journey changes by a line of [`journey::JOURNEYS`] and in no other way;
//! goods and money change hands against a code of one of her orders.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use protocol::{CardId, CustomerId, DeliveryId, OrderId, StaffId, ZoneId};
use serde::{Deserialize, Serialize};

use crate::{
    ids::Ids,
    input::{self, Order, OrderState},
    journey::{self, Call, Effect, Journey, Signal},
    outcome::{Card, Cause, Delivery, Outcome, Over},
};

mod calls;
mod coming;
mod elsewhere;
mod errands;
mod orders;
mod taps;

use calls::Calls;
use coming::Coming;
pub use coming::{COMING_GRACE_MS, COMING_MAX_MS};
pub use errands::ERRAND_MS;
use errands::Errands;
pub use orders::{DONE_MAX, ORDERS_MAX};
use orders::{Learned, Orders};
pub use taps::{CODE_PAUSE_MS, CODE_TRIES};

/// "We know that you are here" is news for this long.
pub const ARRIVAL_RELEVANT_MS: u64 = 600_000;

/// "Your order is ready" is news for this long: two days, and she has come or was reminded.
pub const READY_RELEVANT_MS: u64 = 172_800_000;

/// A card whose customer seems gone still takes her code for this long: radios fall silent in
/// pockets, and a colleague may stand before her.
pub const DEPARTED_KEPT_MS: u64 = 3_600_000;

/// A hand-over may be taken back for this long; then it is final.
pub const HANDOVER_UNDO_MS: u64 = 30_000;

/// Closed cards whose ids are remembered, to tell "closed" from "unknown"; the oldest go.
pub const CLOSED_MAX: usize = 4_096;

/// Orders and cards of one store.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Arrivals {
    orders: Orders,
    #[serde(default)]
    coming: Coming,
    #[serde(default)]
    errands: Errands,
    /// One a customer, by construction.
    open: BTreeMap<CustomerId, Episode>,
    /// Handed over, and that may still be taken back; in the order of handing over.
    #[serde(default)]
    served: VecDeque<Episode>,
    /// In the order of leaving.
    departed: VecDeque<Episode>,
    closed: BTreeSet<CardId>,
    /// Another engine has the desk; see [`elsewhere`].
    #[serde(default)]
    elsewhere: bool,
    #[serde(default)]
    calls: Calls,
}

/// One card, without what is computed when it is shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Episode {
    card: CardId,
    customer: CustomerId,
    orders: Vec<OrderId>,
    journey: Journey,
    arrived_ms: u64,
    /// When she came; none: she has not yet.
    #[serde(default)]
    came_ms: Option<u64>,
    #[serde(default)]
    eta_ms: Option<u64>,
    #[serde(default)]
    undo_until_ms: Option<u64>,
    since_ms: u64,
    taken: Option<(StaffId, u64)>,
    /// When a colleague first took it, whoever holds it by now.
    #[serde(default)]
    first_taken_ms: Option<u64>,
    wrong_codes: u32,
    paused_until_ms: u64,
    not_here: bool,
    /// A colleague has looked for her in vain, once or more.
    #[serde(default)]
    looked_for: bool,
    /// As she was last seen: another store hears her too.
    #[serde(default)]
    check: bool,
    /// Since when she waits for a colleague; [`Self::arrived_ms`] is when she came in.
    #[serde(default)]
    waits_from_ms: u64,
    #[serde(default)]
    called: Option<Call>,
    /// Somebody else stands there for it, with what she shared.
    #[serde(default)]
    somebody_else: bool,
}

/// A customer who is in the store and agreed that staff may know.
#[derive(Default)]
pub(crate) struct Here {
    pub(crate) entered_ms: u64,
    pub(crate) whereabouts: Vec<(ZoneId, f32)>,
    /// Another store hears her too.
    pub(crate) check: bool,
    /// It rests on her own word.
    pub(crate) said_so: bool,
}

/// When it happens, and where ids come from and news goes to.
pub(crate) struct Desk<'a> {
    pub(crate) now_ms: u64,
    pub(crate) ids: &'a mut Ids,
    pub(crate) out: &'a mut Outcome,
}

/// Who has it, for good.
pub(crate) struct Served {
    pub(crate) customer: CustomerId,
    pub(crate) served_ms: u64,
    /// A colleague had looked for her in vain before.
    pub(crate) looked_for: bool,
}

impl Arrivals {
    /// Takes an order in. None: it changes nothing; else whose it was before.
    pub(crate) fn learn(
        &mut self,
        mut desk: Desk<'_>,
        order: &Order,
    ) -> Option<Option<CustomerId>> {
        match self.orders.learn(order) {
            Learned::Nothing => None,
            Learned::Full => {
                desk.out.refused.shed += 1;
                None
            }
            Learned::So { before, ready } => {
                if ready {
                    desk.tell(
                        order.customer,
                        Cause::Ready { order: order.order },
                        READY_RELEVANT_MS,
                    );
                }
                Some(before)
            }
        }
    }

    pub(crate) fn has_open_order(&self, customer: CustomerId) -> bool {
        self.orders.has_open(customer)
    }

    /// Whether an order or a card of hers is known.
    pub(crate) fn knows(&self, customer: CustomerId) -> bool {
        let own = |episode: &Episode| episode.customer == customer;
        self.orders.has_open(customer)
            || self.open.contains_key(&customer)
            || self.served.iter().any(own)
            || self.departed.iter().any(own)
    }

    pub(crate) fn orders_len(&self) -> usize {
        self.orders.len()
    }

    pub(crate) fn cards_len(&self) -> usize {
        self.open.values().filter(|e| e.journey.is_here()).count()
    }

    /// Whether she is here and waits for a colleague.
    pub(crate) fn waits(&self, customer: CustomerId) -> bool {
        self.open
            .get(&customer)
            .is_some_and(|episode| episode.journey.is_here())
    }

    /// Her phone says that she is coming.
    pub(crate) fn say_coming(&mut self, desk: Desk<'_>, customer: CustomerId, how: input::Coming) {
        if self.elsewhere || self.waits(customer) || !self.orders.has_open(customer) {
            return;
        }
        if self.coming.say(desk.now_ms, customer, how) {
            self.sync(desk, customer, None);
        } else {
            desk.out.refused.implausible += 1;
        }
    }

    /// Brings her card in line with what she may be given and with where she is: a new one, more on
    /// it, fewer on it.
    pub(crate) fn sync(&mut self, desk: Desk<'_>, customer: CustomerId, here: Option<Here>) {
        if self.elsewhere {
            return;
        }
        let orders = self.for_card(desk.now_ms, customer, here.is_some());
        if orders.is_empty() {
            return self.close(desk, customer, Signal::Cancelled);
        }
        let hint = self.coming.get(customer);
        let somebody_else = !self.errand(desk.now_ms, customer).is_empty();
        let signal = match (&here, hint) {
            (Some(here), _) if here.said_so => Some(Signal::SaysHere),
            (Some(_), _) => Some(Signal::Heard),
            (None, _) if somebody_else => Some(Signal::SaysHere),
            (None, Some(hint)) => Some(hint.signal()),
            (None, None) => None,
        };
        let here = here.unwrap_or(Here {
            entered_ms: desk.now_ms,
            ..Here::default()
        });
        if signal.is_some_and(|signal| journey::next(self.journey(customer), signal).is_some()) {
            return self.come(desk, customer, (here, orders, somebody_else), signal);
        }
        let Some(episode) = self.open.get_mut(&customer) else {
            return;
        };
        let eta_ms = hint.and_then(|hint| hint.eta_ms);
        if episode.orders != orders
            || episode.eta_ms != eta_ms
            || episode.somebody_else != somebody_else
        {
            episode.orders = orders;
            episode.somebody_else = somebody_else;
            episode.eta_ms = eta_ms;
            episode.check = here.check;
            show(episode, here.whereabouts, desk.out);
        }
    }

    /// What belongs on her card: all that she may be given; of that no more than what was shared,
    /// if somebody else stands there and she does not.
    fn for_card(&self, now_ms: u64, customer: CustomerId, is_here: bool) -> Vec<OrderId> {
        let errand = self.errand(now_ms, customer);
        let open = self.open.get(&customer);
        let for_errand = open.is_some_and(|e| e.journey.is_here() && e.somebody_else);
        if !is_here && (for_errand || !errand.is_empty()) {
            return errand;
        }
        self.orders.at_desk(now_ms, customer)
    }

    /// How far she is with what is open for her.
    fn journey(&self, customer: CustomerId) -> Journey {
        let own = |episode: &&Episode| episode.customer == customer;
        let left = || self.departed.iter().find(own);
        let episode = self.open.get(&customer).or_else(left);
        episode.map_or(Journey::Created, |episode| episode.journey)
    }

    /// A step that brings her nearer: on her card, or on a new one.
    fn come(
        &mut self,
        desk: Desk<'_>,
        customer: CustomerId,
        (here, orders, somebody_else): (Here, Vec<OrderId>, bool),
        signal: Option<Signal>,
    ) {
        let Some(step) = signal.and_then(|signal| journey::next(self.journey(customer), signal))
        else {
            return;
        };
        let open = self.open.remove(&customer);
        let known = open.filter(|_| !step.effects.contains(&Effect::Open));
        let mut episode = known.unwrap_or_else(|| {
            self.supersede(customer, desk.out);
            Episode::new(CardId::at(desk.now_ms, desk.ids.bytes()), customer)
        });
        let was_here = episode.journey.is_here();
        episode.orders = orders;
        episode.somebody_else = somebody_else;
        episode.check = here.check;
        if step.to.is_here() {
            self.coming.forget(customer);
        }
        episode.eta_ms = self.coming.get(customer).and_then(|hint| hint.eta_ms);
        if step.to.is_here() && !was_here {
            episode.arrived_ms = here.entered_ms;
            episode.came_ms = Some(here.entered_ms);
        } else if episode.journey == Journey::Created {
            episode.arrived_ms = desk.now_ms;
        }
        self.perform(desk, episode, step, here.whereabouts);
    }

    /// Her earlier card gives way to the next episode.
    fn supersede(&mut self, customer: CustomerId, out: &mut Outcome) {
        let hers = |episode: &Episode| episode.customer == customer;
        let (old, kept) = std::mem::take(&mut self.departed)
            .into_iter()
            .partition::<VecDeque<_>, _>(hers);
        self.departed = kept;
        for episode in old {
            self.remember_closed(episode.card);
            out.over.push(episode.over());
        }
    }

    /// Nothing is left at the desk since an order was closed elsewhere, or went to somebody else.
    pub(crate) fn order_closed(&mut self, desk: Desk<'_>, customer: CustomerId, state: OrderState) {
        if !self.elsewhere && self.orders.at_desk(desk.now_ms, customer).is_empty() {
            let signal = match state {
                OrderState::Completed => Signal::DoneElsewhere,
                _ => Signal::Cancelled,
            };
            self.close(desk, customer, signal);
        }
        if !self.orders.has_open(customer) {
            self.coming.forget(customer);
        }
    }

    /// She moved, or pressed "Ik ben er" again: staff see where she probably is.
    pub(crate) fn moved(
        &mut self,
        desk: Desk<'_>,
        customer: CustomerId,
        here: Here,
        certain: bool,
    ) {
        if self.elsewhere {
            return;
        }
        let Some(mut episode) = self.open.remove(&customer) else {
            return;
        };
        episode.not_here &= !certain;
        episode.check = here.check;
        let signal = if certain {
            Signal::SaysHere
        } else {
            Signal::Heard
        };
        self.advance(desk, episode, signal, here.whereabouts);
    }

    /// She left without it. Help is for who is there: if she wanted no more than that, nobody is
    /// alarmed.
    pub(crate) fn depart(&mut self, desk: Desk<'_>, customer: CustomerId) {
        self.coming.forget(customer);
        if self.elsewhere {
            return;
        }
        desk.out.cancelled.extend(self.orders.end_help(customer));
        if !self.errand(desk.now_ms, customer).is_empty() {
            return self.sync(desk, customer, None); // he is still here
        }
        let orders = self.orders.at_desk(desk.now_ms, customer);
        let signal = if orders.is_empty() {
            Signal::Cancelled
        } else {
            Signal::Left
        };
        if let Some(episode) = self.open.get_mut(&customer) {
            episode.orders = orders;
        }
        self.close(desk, customer, signal);
    }

    /// Staff may no longer know of her: her cards go.
    pub(crate) fn withdraw(&mut self, mut desk: Desk<'_>, customer: CustomerId) {
        self.coming.forget(customer);
        self.errands.forget(customer);
        desk.out.cancelled.extend(self.orders.end_help(customer));
        self.close(desk.again(), customer, Signal::ConsentOver);
        for list in [&mut self.served, &mut self.departed].map(std::mem::take) {
            for episode in list {
                if episode.customer == customer {
                    self.advance(desk.again(), episode, Signal::ConsentOver, Vec::new());
                } else {
                    self.put(episode);
                }
            }
        }
    }

    /// Nothing of her stays.
    pub(crate) fn forget(&mut self, desk: Desk<'_>, customer: CustomerId) {
        self.orders.forget(customer);
        self.withdraw(desk, customer);
    }

    /// When [`Self::sweep`] next has something to do.
    pub(crate) fn due_at(&self) -> Option<u64> {
        if self.elsewhere {
            return None;
        }
        let departed = self.departed.front().map(|e| e.since_ms + DEPARTED_KEPT_MS);
        let served = self.served.front().and_then(|e| e.undo_until_ms);
        let due = [
            departed,
            served,
            self.coming.due_at(),
            self.calls.due_at(),
            self.errands.due_at(),
        ];
        due.into_iter().flatten().min()
    }

    /// What time alone does: hand-overs become final, who left is given up, and who should have
    /// been here. Gives back who was served.
    pub(crate) fn sweep(&mut self, mut desk: Desk<'_>) -> Vec<Served> {
        let now_ms = desk.now_ms;
        if self.elsewhere {
            return Vec::new();
        }
        let mut final_now = Vec::new();
        while let Some(episode) = self
            .served
            .pop_front_if(|e| e.undo_until_ms.is_none_or(|until_ms| until_ms <= now_ms))
        {
            final_now.push(Served {
                customer: episode.customer,
                served_ms: episode.since_ms,
                looked_for: episode.looked_for,
            });
            self.advance(desk.again(), episode, Signal::WindowOver, Vec::new());
        }
        while let Some(episode) = self
            .departed
            .pop_front_if(|e| e.since_ms + DEPARTED_KEPT_MS <= now_ms)
        {
            self.advance(desk.again(), episode, Signal::LongGone, Vec::new());
        }
        while let Some(customer) = self.coming.overdue(now_ms) {
            self.close(desk.again(), customer, Signal::Overdue);
        }
        final_now
    }

    /// What happens to her open card, if she has one.
    fn close(&mut self, desk: Desk<'_>, customer: CustomerId, signal: Signal) {
        if let Some(episode) = self.open.remove(&customer) {
            match journey::next(episode.journey, signal) {
                Some(step) => self.perform(desk, episode, step, Vec::new()),
                None => self.put(episode),
            }
        }
    }

    /// A card that was taken out of its list goes on by the table, or is shown where it stood.
    fn advance(
        &mut self,
        desk: Desk<'_>,
        episode: Episode,
        signal: Signal,
        whereabouts: Vec<(ZoneId, f32)>,
    ) {
        match journey::next(episode.journey, signal) {
            Some(step) => self.perform(desk, episode, step, whereabouts),
            None => {
                show(&episode, whereabouts, desk.out);
                self.put(episode);
            }
        }
    }

    /// A line of the table, carried out.
    fn perform(
        &mut self,
        mut desk: Desk<'_>,
        mut episode: Episode,
        step: &journey::Step,
        whereabouts: Vec<(ZoneId, f32)>,
    ) {
        let moved = episode.journey != step.to;
        if step.to.is_here() && !episode.journey.is_here() {
            episode.waits_from_ms = desk.now_ms;
        }
        episode.journey = step.to;
        if moved {
            episode.since_ms = desk.now_ms;
        }
        for effect in step.effects {
            self.cause(&mut desk, &mut episode, *effect);
        }
        if moved {
            show(&episode, whereabouts, desk.out);
        }
        if step.effects.contains(&Effect::Close) {
            self.remember_closed(episode.card);
            // Of who takes back her consent nothing is counted, nor of who never came to the desk.
            let met = episode.came_ms.is_some() || step.signal == Signal::WindowOver;
            let ended = matches!(step.to, Journey::Served | Journey::DepartedUnserved);
            if ended && met && step.signal != Signal::ConsentOver {
                desk.out.over.push(episode.over());
            }
            self.plan_call(episode.customer);
        } else {
            self.put(episode);
        }
    }

    fn cause(&mut self, desk: &mut Desk<'_>, episode: &mut Episode, effect: Effect) {
        let (customer, card) = (episode.customer, episode.card);
        let Self { orders, .. } = self;
        let own = &episode.orders;
        match effect {
            // Both are done with the card itself.
            Effect::Open | Effect::Close => {}
            Effect::Alert => desk.tell(customer, Cause::Arrival { card }, ARRIVAL_RELEVANT_MS),
            Effect::Alarm => episode.taken = None,
            Effect::Hold => {
                episode.undo_until_ms = Some(desk.now_ms + HANDOVER_UNDO_MS);
                let held = own
                    .iter()
                    .filter(|&&order| orders.hold(customer, order, true));
                desk.out.held.extend(held);
            }
            Effect::Release => {
                episode.undo_until_ms = None;
                let mut released = own.clone();
                released.retain(|&order| orders.hold(customer, order, false));
                desk.out.released.extend(&released);
                episode.orders = released;
            }
            Effect::Complete => {
                let completed = own
                    .iter()
                    .filter(|&&order| orders.complete(customer, order));
                desk.out.completed.extend(completed);
            }
        }
    }

    /// Into the list where cards of its journey are kept.
    fn put(&mut self, episode: Episode) {
        let customer = episode.customer;
        match episode.journey {
            Journey::Served => self.served.push_back(episode),
            Journey::DepartedUnserved => self.departed.push_back(episode),
            _ => {
                self.open.insert(customer, episode);
            }
        }
        self.plan_call(customer);
    }

    fn remember_closed(&mut self, card: CardId) {
        self.closed.insert(card);
        if self.closed.len() > CLOSED_MAX {
            self.closed.pop_first(); // ids sort by time
        }
    }
}

impl Desk<'_> {
    /// The same moment, once more.
    fn again(&mut self) -> Desk<'_> {
        Desk {
            now_ms: self.now_ms,
            ids: self.ids,
            out: self.out,
        }
    }

    fn tell(&mut self, customer: CustomerId, cause: Cause, relevant_ms: u64) {
        self.out.deliveries.push(Delivery {
            delivery: DeliveryId::at(self.now_ms, self.ids.bytes()),
            customer,
            cause,
            relevant_until_ms: self.now_ms + relevant_ms,
        });
    }
}

impl Episode {
    fn new(card: CardId, customer: CustomerId) -> Self {
        Self {
            card,
            customer,
            orders: Vec::new(),
            journey: Journey::Created,
            arrived_ms: 0,
            came_ms: None,
            eta_ms: None,
            undo_until_ms: None,
            since_ms: 0,
            taken: None,
            first_taken_ms: None,
            wrong_codes: 0,
            paused_until_ms: 0,
            not_here: false,
            looked_for: false,
            check: false,
            waits_from_ms: 0,
            called: None,
            somebody_else: false,
        }
    }

    fn as_card(&self, whereabouts: Vec<(ZoneId, f32)>) -> Card {
        Card {
            card: self.card,
            customer: self.customer,
            orders: self.orders.clone(),
            journey: self.journey,
            arrived_ms: self.arrived_ms,
            eta_ms: self.eta_ms,
            undo_until_ms: self.undo_until_ms,
            since_ms: self.since_ms,
            taken_by: self.taken.map(|(staff, _)| staff),
            taken_ms: self.taken.map(|(_, at)| at),
            whereabouts,
            wrong_codes: self.wrong_codes,
            not_here: self.not_here,
            check: self.check,
            called: self.called,
            somebody_else: self.somebody_else,
        }
    }

    /// What figures of waiting are made of.
    fn over(&self) -> Over {
        Over {
            card: self.card,
            orders: self.orders.clone(),
            came_ms: self.came_ms,
            first_taken_ms: self.first_taken_ms,
            ended_ms: self.since_ms,
            served: self.journey == Journey::Served,
        }
    }
}

/// Puts the card as it stands into the outcome, once.
fn show(episode: &Episode, whereabouts: Vec<(ZoneId, f32)>, out: &mut Outcome) {
    out.cards.retain(|card| card.card != episode.card);
    out.cards.push(episode.as_card(whereabouts));
}
