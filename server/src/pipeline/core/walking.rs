//! Calibration walks: whose radio a store follows for one.
//!
//! In: walks that begin and end, switches that go off, time. Out: drafts that go when they must.
//! Invariant: who does not agree to be seen is followed by no walk.

use protocol::{CustomerId, StoreId};

use super::Txn;
use crate::store::{StoreError, walk};

impl Txn<'_> {
    /// A walk began, or is no more.
    pub fn walk_changed(&mut self, store: &StoreId) -> Result<(), StoreError> {
        // If the job is rolled back, the store is read anew.
        self.fed.insert(store.clone());
        let walker = walk::walker(self.db, store)?;
        self.core.store(self.db, store)?.walker = walker;
        Ok(())
    }

    /// Throws a walk away if it follows her.
    pub(super) fn forget_walk(
        &mut self,
        store: &StoreId,
        customer: CustomerId,
    ) -> Result<(), StoreError> {
        let walker = self.core.store(self.db, store)?.walker;
        if walker.is_some_and(|(walker, _)| walker == customer) {
            walk::discard(self.db, store)?;
            self.walk_changed(store)?;
        }
        Ok(())
    }

    /// Throws a walk away that nobody used.
    pub(super) fn forget_stale_walk(&mut self, store: &StoreId) -> Result<(), StoreError> {
        let walker = self.core.store(self.db, store)?.walker;
        match walker {
            Some((walker, begun_ms)) if begun_ms + walk::DRAFT_MS_MAX < self.now_ms => {
                self.forget_walk(store, walker)
            }
            _ => Ok(()),
        }
    }
}
