//! Who said that she is coming.
//!
//! In: what a phone says before it is heard. Out: how near she is, and when that is long past.
//! Promises: nearer beats farther; a later word about the time replaces an earlier one.
//! Invariant: only customers with an open order, so never more than there are orders.

use std::collections::{BTreeMap, BTreeSet};

use protocol::CustomerId;
use serde::{Deserialize, Serialize};

use crate::{input, journey::Signal};

/// Who is later than this has changed her mind; nobody cleans up after herself.
pub const COMING_GRACE_MS: u64 = 1_800_000;

/// Further ahead nobody is on her way yet.
pub const COMING_MAX_MS: u64 = 12 * 3_600_000;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Coming {
    of: BTreeMap<CustomerId, Hint>,
    until: BTreeSet<(u64, CustomerId)>,
}

/// The last that is known of somebody who is coming.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Hint {
    near: bool,
    pub(crate) eta_ms: Option<u64>,
    until_ms: u64,
}

impl Hint {
    pub(crate) fn signal(self) -> Signal {
        if self.near {
            Signal::Near
        } else {
            Signal::OnWay
        }
    }
}

impl Coming {
    /// Takes in what her phone says; false: it is of no use.
    pub(crate) fn say(&mut self, now_ms: u64, customer: CustomerId, how: input::Coming) -> bool {
        let before = self.of.get(&customer).copied();
        let hint = match how {
            input::Coming::OnWay { eta_ms } => Hint {
                near: before.is_some_and(|hint| hint.near),
                eta_ms: Some(eta_ms),
                until_ms: eta_ms.saturating_add(COMING_GRACE_MS),
            },
            input::Coming::Near => Hint {
                near: true,
                eta_ms: before.and_then(|hint| hint.eta_ms),
                until_ms: now_ms + COMING_GRACE_MS,
            },
        };
        if hint.until_ms <= now_ms || hint.until_ms > now_ms + COMING_MAX_MS + COMING_GRACE_MS {
            return false;
        }
        self.forget(customer);
        self.of.insert(customer, hint);
        self.until.insert((hint.until_ms, customer));
        true
    }

    pub(crate) fn get(&self, customer: CustomerId) -> Option<Hint> {
        self.of.get(&customer).copied()
    }

    pub(crate) fn forget(&mut self, customer: CustomerId) {
        if let Some(hint) = self.of.remove(&customer) {
            self.until.remove(&(hint.until_ms, customer));
        }
    }

    /// When the next one is overdue.
    pub(crate) fn due_at(&self) -> Option<u64> {
        self.until.first().map(|&(until_ms, _)| until_ms)
    }

    /// Somebody who should long have been here.
    pub(crate) fn overdue(&mut self, now_ms: u64) -> Option<CustomerId> {
        let &(until_ms, customer) = self.until.first()?;
        if until_ms > now_ms {
            return None;
        }
        self.forget(customer);
        Some(customer)
    }
}
