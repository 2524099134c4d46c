//! The open orders of this store.
//!
//! In: orders as they stand. Out: whose are open, what she may be given now, whether a code is right.
//! Promises: what is closed is not kept, and never opened again as long as it is remembered; codes
//! are compared without telling by time how near a guess was.
//! Invariant: at most [`ORDERS_MAX`] open and [`DONE_MAX`] closed ids.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    hint::black_box,
};

use protocol::{CustomerId, OrderId};
use serde::{Deserialize, Serialize};

use crate::{
    input::{Order, OrderKind, OrderState},
    journey,
};

/// Open orders of one store. The shelves of the largest hold some thousands.
pub const ORDERS_MAX: usize = 100_000;

/// Closed orders whose ids are remembered, so that late news does not open them; the oldest go.
pub const DONE_MAX: usize = 4_096;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Orders {
    of: BTreeMap<CustomerId, BTreeMap<OrderId, Known>>,
    owners: BTreeMap<OrderId, CustomerId>,
    #[serde(default)]
    done: BTreeSet<OrderId>,
    /// The same, in the order of closing.
    #[serde(default)]
    done_in_order: VecDeque<OrderId>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Known {
    state: OrderState,
    code: String,
    #[serde(default)]
    kind: OrderKind,
    #[serde(default)]
    as_of_ms: u64,
    #[serde(default)]
    due_ms: Option<u64>,
    #[serde(default)]
    age_checked: bool,
    /// What somebody else says for it.
    #[serde(default)]
    share_code: Option<String>,
    /// Handed over, and that may still be taken back.
    #[serde(default)]
    held: bool,
}

/// What became of news of an order.
pub(crate) enum Learned {
    /// Nothing: it is older than what is known, or the order is closed.
    Nothing,
    /// There is no room for another order.
    Full,
    /// It is so.
    So {
        /// Whose it was.
        before: Option<CustomerId>,
        /// It lies ready since just now.
        ready: bool,
    },
}

/// What a code opens.
pub(crate) enum Opened {
    /// It is no code of these.
    Nothing,
    /// Everything on the card.
    All,
    /// What was shared with somebody else, under this code.
    Shared(Vec<OrderId>),
}

impl Opened {
    /// What is handed over, and whether to somebody else; none: nothing is.
    pub(crate) fn taken(self, on_card: &[OrderId]) -> Option<(Vec<OrderId>, bool)> {
        match self {
            Self::Nothing => None,
            Self::All => Some((on_card.to_vec(), false)),
            Self::Shared(orders) => Some((orders, true)),
        }
    }
}

impl Orders {
    /// Takes an order in as it stands, or drops it if it is closed.
    pub(crate) fn learn(&mut self, order: &Order) -> Learned {
        if self.done.contains(&order.order) {
            return Learned::Nothing;
        }
        let known = self.known(order.order);
        let from = known.map(|known| known.state);
        let held = known.is_some_and(|known| known.held);
        if known.is_some_and(|known| order.as_of_ms > 0 && order.as_of_ms < known.as_of_ms) {
            return Learned::Nothing;
        }
        let step = journey::order_next(from, order.state);
        if step.is_none() && from != Some(order.state) {
            return Learned::Nothing;
        }
        if order.state.is_open() && from.is_none() && self.owners.len() >= ORDERS_MAX {
            return Learned::Full;
        }
        let before = self.drop(order.order);
        if order.state.is_open() {
            let held = held && before == Some(order.customer);
            self.keep(order, held);
        } else {
            self.remember_done(order.order);
        }
        let ready = step.is_some_and(|step| step.tells) && order.kind.is_set_aside() && !held;
        Learned::So { before, ready }
    }

    fn keep(&mut self, order: &Order, held: bool) {
        self.owners.insert(order.order, order.customer);
        let known = Known {
            state: order.state,
            code: order.code.clone(),
            kind: order.kind,
            as_of_ms: order.as_of_ms,
            due_ms: order.due_ms,
            age_checked: order.age_checked,
            share_code: order.share_code.clone(),
            held,
        };
        let own = self.of.entry(order.customer).or_default();
        own.insert(order.order, known);
    }

    fn known(&self, order: OrderId) -> Option<&Known> {
        self.of.get(self.owners.get(&order)?)?.get(&order)
    }

    fn remember_done(&mut self, order: OrderId) {
        if self.done.insert(order) {
            self.done_in_order.push_back(order);
        }
        if self.done_in_order.len() > DONE_MAX
            && let Some(oldest) = self.done_in_order.pop_front()
        {
            self.done.remove(&oldest);
        }
    }

    /// Drops an order. Gives back whose it was.
    fn drop(&mut self, order: OrderId) -> Option<CustomerId> {
        let owner = self.owners.remove(&order)?;
        if let Some(own) = self.of.get_mut(&owner) {
            own.remove(&order);
            if own.is_empty() {
                self.of.remove(&owner);
            }
        }
        Some(owner)
    }

    /// Takes an order of hers out of everybody's hands, or gives it back. False: it was closed
    /// elsewhere meanwhile, became another customer's, or stands so already.
    pub(crate) fn hold(&mut self, customer: CustomerId, order: OrderId, held: bool) -> bool {
        let own = self.of.get_mut(&customer);
        let known = own.and_then(|own| own.get_mut(&order));
        known.is_some_and(|known| std::mem::replace(&mut known.held, held) != held)
    }

    /// Whether one of these is held, and hers.
    pub(crate) fn holds_any(&self, customer: CustomerId, orders: &[OrderId]) -> bool {
        let own = self.of.get(&customer);
        let held = |order| own.and_then(|own| own.get(order)).is_some_and(|o| o.held);
        orders.iter().any(held)
    }

    /// Completes an order that is held. False: it was closed elsewhere, or became another's.
    pub(crate) fn complete(&mut self, customer: CustomerId, order: OrderId) -> bool {
        let held = self.owners.get(&order) == Some(&customer)
            && self.known(order).is_some_and(|known| known.held);
        if held {
            self.drop(order);
            self.remember_done(order);
        }
        held
    }

    /// Whose this open order is.
    pub(crate) fn owner(&self, order: OrderId) -> Option<CustomerId> {
        self.owners.get(&order).copied()
    }

    /// It was completed elsewhere. Gives back whose it was, if it was open here.
    pub(crate) fn close(&mut self, order: OrderId) -> Option<CustomerId> {
        let owner = self.drop(order);
        self.remember_done(order);
        owner
    }

    /// Her calls for help are over, asked for or not. Gives back which.
    pub(crate) fn end_help(&mut self, customer: CustomerId) -> Vec<OrderId> {
        let own = self.of.get(&customer).into_iter().flatten();
        let help = own.filter(|(_, known)| known.kind == OrderKind::Help && !known.held);
        let over: Vec<OrderId> = help.map(|(&order, _)| order).collect();
        for &order in &over {
            self.drop(order);
            self.remember_done(order);
        }
        over
    }

    /// Drops all of hers.
    pub(crate) fn forget(&mut self, customer: CustomerId) {
        for order in self.of.remove(&customer).unwrap_or_default().keys() {
            self.owners.remove(order);
        }
    }

    /// Whether something of hers is still to happen here.
    pub(crate) fn has_open(&self, customer: CustomerId) -> bool {
        self.of.contains_key(&customer)
    }

    /// What a colleague can do for her now, oldest id first: what lies ready, and what needs
    /// nothing laid ready.
    pub(crate) fn at_desk(&self, now_ms: u64, customer: CustomerId) -> Vec<OrderId> {
        let own = self.of.get(&customer).into_iter().flatten();
        own.filter(|(_, known)| known.is_at_desk(now_ms))
            .map(|(&id, _)| id)
            .collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.owners.len()
    }

    /// What this opens of these orders of hers: all of them by the code of one, or if none has to
    /// have a code; those alone that were shared, by their share code. All are compared, to the end.
    pub(crate) fn opens(&self, customer: CustomerId, orders: &[OrderId], typed: &str) -> Opened {
        let typed = plain(typed);
        let shared = self.opens_shared(customer, orders, &typed);
        let own = self.of.get(&customer).into_iter().flatten();
        let own = own.filter(|(id, _)| orders.contains(id));
        let (right, free) = own.fold((false, true), |(right, free), (_, known)| {
            (
                right | same(&plain(&known.code), &typed),
                free & !known.kind.needs_code(),
            )
        });
        if (right && !typed.is_empty()) || (free && !self.at_none(customer, orders)) {
            Opened::All
        } else if shared.is_empty() {
            Opened::Nothing
        } else {
            Opened::Shared(shared)
        }
    }

    fn opens_shared(&self, customer: CustomerId, orders: &[OrderId], typed: &[u8]) -> Vec<OrderId> {
        let own = self.of.get(&customer).into_iter().flatten();
        let own = own.filter(|(id, _)| orders.contains(id));
        let opened = own.filter(|(_, known)| {
            let code = known.share_code.as_deref().map(plain).unwrap_or_default();
            same(&code, typed) & !code.is_empty()
        });
        opened.map(|(&order, _)| order).collect()
    }

    /// Whether somebody else may have this order of hers, by a link or a code.
    pub(crate) fn is_shared(&self, customer: CustomerId, order: OrderId) -> bool {
        let own = self.of.get(&customer);
        own.and_then(|own| own.get(&order))
            .is_some_and(|known| known.share_code.is_some())
    }

    /// Whether one of these may go only to who is old enough.
    pub(crate) fn is_age_checked(&self, customer: CustomerId, orders: &[OrderId]) -> bool {
        let own = self.of.get(&customer);
        let checked = |order| {
            own.and_then(|own| own.get(order))
                .is_some_and(|o| o.age_checked)
        };
        orders.iter().any(checked)
    }

    /// Whether none of these is open.
    fn at_none(&self, customer: CustomerId, orders: &[OrderId]) -> bool {
        let own = self.of.get(&customer);
        own.is_none_or(|own| orders.iter().all(|order| !own.contains_key(order)))
    }
}

impl Known {
    fn is_at_desk(&self, now_ms: u64) -> bool {
        let laid_ready = self.state == OrderState::Ready || !self.kind.is_set_aside();
        laid_ready && !self.held && self.due_ms.is_none_or(|due_ms| now_ms < due_ms)
    }
}

/// A code as it is said: "ab-12 34" and "AB1234" are one.
fn plain(code: &str) -> Vec<u8> {
    let said = code
        .bytes()
        .filter(|b| !b.is_ascii_whitespace() && *b != b'-');
    said.map(|b| b.to_ascii_uppercase()).collect()
}

/// Equality in a time that depends on the lengths alone.
fn same(a: &[u8], b: &[u8]) -> bool {
    let different = a
        .iter()
        .zip(b)
        .fold(0, |sum, (x, y)| black_box(sum | (x ^ y)));
    different == 0 && a.len() == b.len()
}
