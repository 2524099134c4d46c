//! When to look at whom again.
//!
//! In: a customer and a time. Out: the customers whose time has come, second by second.
//! Promises: who was put in comes out at or up to one second after that time.
//! Invariant: putting off costs nothing: a customer's own `wake_s` says which entry counts, and an
//! entry that does not count is passed over.

use std::collections::BTreeMap;

use protocol::CustomerId;
use serde::{Deserialize, Serialize};

/// Customers by the whole second at which to look at them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Wheel {
    seconds: BTreeMap<u64, Vec<CustomerId>>,
}

/// The first whole second that is not before this time: whole seconds, so that a full store
/// ticks once a second and not once a customer.
pub(crate) fn second(at_ms: u64) -> u64 {
    at_ms.div_ceil(1_000)
}

impl Wheel {
    pub(crate) fn put(&mut self, second: u64, customer: CustomerId) {
        self.seconds.entry(second).or_default().push(customer);
    }

    /// Takes all her entries out, also those that do not count any more: a snapshot may not name
    /// her. Costs a walk over the wheel, which an erasure is worth.
    pub(crate) fn forget(&mut self, customer: CustomerId) {
        self.seconds.retain(|_, who| {
            who.retain(|other| *other != customer);
            !who.is_empty()
        });
    }

    /// When the next entry is due.
    pub(crate) fn due_at(&self) -> Option<u64> {
        let (&second, _) = self.seconds.first_key_value()?;
        Some(second.saturating_mul(1_000))
    }

    /// The earliest second that has come, and who was put there.
    pub(crate) fn pop(&mut self, now_ms: u64) -> Option<(u64, Vec<CustomerId>)> {
        if self.due_at()? > now_ms {
            return None;
        }
        self.seconds.pop_first()
    }
}
