//! Somebody else is in the store for what a customer shared with him.
//!
//! In: "I am here", said with a share link; a share code that was used; time. Out: for which of her
//! orders somebody stands in the store.
//! Promises: a word holds for [`ERRAND_MS`], as long as nothing comes of it.
//! Invariant: nothing is known of who it is; what a share code opens is the order that was shared,
//! and never what else of hers lies there.

use std::collections::{BTreeMap, BTreeSet};

use protocol::{CustomerId, OrderId};
use serde::{Deserialize, Serialize};

use super::{Arrivals, Desk, Here};
use crate::journey::Signal;

/// Nobody hears him leave: after this long he is taken to have left without it.
pub const ERRAND_MS: u64 = 1_800_000;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Errands {
    of: BTreeMap<CustomerId, Errand>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Errand {
    orders: BTreeSet<OrderId>,
    until_ms: u64,
}

impl Errands {
    pub(super) fn begin(&mut self, now_ms: u64, customer: CustomerId, orders: &[OrderId]) {
        let errand = self.of.entry(customer).or_default();
        errand.orders.extend(orders);
        errand.until_ms = now_ms + ERRAND_MS;
    }

    /// He has these.
    pub(super) fn done(&mut self, customer: CustomerId, orders: &[OrderId]) {
        if let Some(errand) = self.of.get_mut(&customer) {
            errand.orders.retain(|order| !orders.contains(order));
            if errand.orders.is_empty() {
                self.of.remove(&customer);
            }
        }
    }

    pub(super) fn forget(&mut self, customer: CustomerId) {
        self.of.remove(&customer);
    }

    pub(super) fn due_at(&self) -> Option<u64> {
        self.of.values().map(|errand| errand.until_ms).min()
    }
}

impl Arrivals {
    /// Somebody with the link to this order says that he is here.
    pub(crate) fn say_collects(
        &mut self,
        desk: Desk<'_>,
        customer: CustomerId,
        order: OrderId,
        here: Option<Here>,
    ) {
        if self.elsewhere || !self.orders.is_shared(customer, order) {
            return;
        }
        self.errands.begin(desk.now_ms, customer, &[order]);
        self.sync(desk, customer, here);
    }

    /// Her orders that somebody is here for, of those that can be given now.
    pub(super) fn errand(&self, now_ms: u64, customer: CustomerId) -> Vec<OrderId> {
        let Some(errand) = self.errands.of.get(&customer) else {
            return Vec::new();
        };
        let mut orders = self.orders.at_desk(now_ms, customer);
        orders.retain(|order| {
            errand.orders.contains(order) && self.orders.is_shared(customer, *order)
        });
        orders
    }

    /// For whom nothing came of it for so long that he must have left.
    pub(crate) fn errands_due(&self, now_ms: u64) -> Vec<CustomerId> {
        let own = self.errands.of.iter().filter(|_| !self.elsewhere);
        own.filter(|(_, errand)| errand.until_ms <= now_ms)
            .map(|(&customer, _)| customer)
            .collect()
    }

    /// He left. If she is here herself, her card is hers again.
    pub(crate) fn errand_over(&mut self, desk: Desk<'_>, customer: CustomerId, here: Option<Here>) {
        self.errands.forget(customer);
        let waits = self.waits(customer);
        match here {
            None if waits => self.close(desk, customer, Signal::Left),
            here => self.sync(desk, customer, here),
        }
    }
}
