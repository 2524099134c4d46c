//! Which batches are on their way to the server.
//!
//! In: batches as they are synced, acknowledgements. Out: which to publish next: live ones first,
//! then what waits longest.
//! Promises: every batch that waits is lent once in a connection, and again in the next.
//! Invariant: never more than [`LENT_MAX`] without an acknowledgement, and backlog leaves room
//! among them for what is live.

use std::collections::{BTreeMap, VecDeque};

use protocol::BootId;
use uuid::Uuid;

use super::{BatchAt, Key};
use crate::clock::Monotonic;

/// Batches published and not acknowledged by the server.
const LENT_MAX: usize = 200;
/// As many of them may be backlog.
const BACKLOG_LENT_MAX: usize = 150;
/// Live batches that wait for their turn; what does not fit is backlog again.
const LIVE_MAX: usize = 1_000;
/// Batches lent at a time, so that one look at the disk is short.
pub(super) const LEND_MAX: usize = 20;

const OLDEST: Key = Key {
    boot: BootId(Uuid::nil()),
    seq: 0,
};

#[derive(Debug)]
pub(super) struct Loans {
    live: VecDeque<Key>,
    /// The first batch that may not have been looked at as backlog.
    backlog_from: Key,
    lent: BTreeMap<Key, Monotonic>,
}

impl Loans {
    pub(super) fn new() -> Self {
        Self {
            live: VecDeque::new(),
            backlog_from: OLDEST,
            lent: BTreeMap::new(),
        }
    }

    pub(super) fn recall(&mut self) {
        *self = Self::new();
    }

    /// A batch was synced just now.
    pub(super) fn synced(&mut self, key: Key) {
        if self.live.len() < LIVE_MAX {
            self.live.push_back(key);
        } else {
            self.backlog_from = self.backlog_from.min(key);
        }
    }

    /// The next batch to lend; it is not lent before [`Loans::lent`] is called.
    pub(super) fn next(&mut self, waiting: &BTreeMap<Key, BatchAt>) -> Option<Key> {
        if self.lent.len() >= LENT_MAX {
            return None;
        }
        while let Some(key) = self.live.pop_front() {
            if waiting.contains_key(&key) && !self.lent.contains_key(&key) {
                return Some(key);
            }
        }
        if self.lent.len() >= BACKLOG_LENT_MAX {
            return None;
        }
        let mut backlog = waiting.range(self.backlog_from..);
        let key = backlog.find(|(key, _)| !self.lent.contains_key(key));
        let next = key.map(|(key, _)| *key);
        // At the end of the backlog: whatever comes next is live.
        let done = next.or(waiting.last_key_value().map(|(key, _)| *key));
        if let Some(done) = done {
            self.backlog_from = self.backlog_from.max(done.after());
        }
        next
    }

    pub(super) fn lent(&mut self, now: Monotonic, key: Key) {
        self.lent.insert(key, now);
    }

    /// Acknowledged, or gone.
    pub(super) fn settled(&mut self, key: Key) {
        self.lent.remove(&key);
    }

    /// Used in the store, and kept: they are no loans any more, and not lent again before the next
    /// recall, since what was lent lies before the place where the backlog goes on.
    pub(super) fn held(&mut self, first: Key, last: Key) {
        if first <= last {
            self.lent.retain(|key, _| !(first..=last).contains(key));
        }
    }

    pub(super) fn may_lend(&self, waiting: &BTreeMap<Key, BatchAt>) -> bool {
        let backlog = || waiting.range(self.backlog_from..).next().is_some();
        match self.lent.len() {
            LENT_MAX.. => false,
            BACKLOG_LENT_MAX.. => !self.live.is_empty(),
            _ => !self.live.is_empty() || backlog(),
        }
    }

    pub(super) fn outstanding(&self) -> (usize, Option<Monotonic>) {
        (self.lent.len(), self.lent.values().min().copied())
    }
}

impl Key {
    fn after(self) -> Self {
        Self {
            seq: self.seq.saturating_add(1),
            ..self
        }
    }
}
