//! The open orders of this store.
//!
//! In: orders as they stand. Out: whose are open, which are ready, whether a code is right.
//! Promises: what is closed is not kept; codes are compared without telling by time how near a
//! guess was.
//! Invariant: at most [`ORDERS_MAX`].

use std::{collections::BTreeMap, hint::black_box};

use protocol::{CustomerId, OrderId};
use serde::{Deserialize, Serialize};

use crate::input::{Order, OrderState};

/// Open orders of one store. The shelves of the largest hold some thousands.
pub const ORDERS_MAX: usize = 100_000;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Orders {
    of: BTreeMap<CustomerId, BTreeMap<OrderId, Known>>,
    owners: BTreeMap<OrderId, CustomerId>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Known {
    state: OrderState,
    code: String,
}

/// There is no room for another order.
pub(crate) struct Full;

impl Orders {
    /// Takes an order in as it stands, or drops it if it is closed. Gives back whose it was.
    pub(crate) fn learn(&mut self, order: &Order) -> Result<Option<CustomerId>, Full> {
        let before = self.drop(order.order);
        if !order.state.is_open() {
            return Ok(before);
        }
        if self.owners.len() >= ORDERS_MAX {
            return Err(Full);
        }
        self.owners.insert(order.order, order.customer);
        let known = Known {
            state: order.state,
            code: order.code.clone(),
        };
        self.of
            .entry(order.customer)
            .or_default()
            .insert(order.order, known);
        Ok(before)
    }

    /// Drops an order. Gives back whose it was.
    pub(crate) fn drop(&mut self, order: OrderId) -> Option<CustomerId> {
        let owner = self.owners.remove(&order)?;
        if let Some(own) = self.of.get_mut(&owner) {
            own.remove(&order);
            if own.is_empty() {
                self.of.remove(&owner);
            }
        }
        Some(owner)
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

    /// Her ready orders, oldest id first.
    pub(crate) fn ready(&self, customer: CustomerId) -> Vec<OrderId> {
        let own = self.of.get(&customer).into_iter().flatten();
        own.filter(|(_, known)| known.state == OrderState::Ready)
            .map(|(&id, _)| id)
            .collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.owners.len()
    }

    /// Whether this is the code of one of these orders of hers. All are compared, to the end.
    pub(crate) fn is_code(&self, customer: CustomerId, orders: &[OrderId], typed: &str) -> bool {
        let typed = plain(typed);
        let own = self.of.get(&customer).into_iter().flatten();
        let right = own
            .filter(|(id, _)| orders.contains(id))
            .fold(false, |found, (_, known)| {
                found | same(&plain(&known.code), &typed)
            });
        right && !typed.is_empty()
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
