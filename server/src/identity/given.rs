//! Identities that were computed elsewhere, for a machine that has no keys.
//!
//! In: what radios will advertise, quantum by quantum. Out: whom an identity belongs to.
//! Invariant: the same tolerance as with keys: within its quantum, give or take a minute.

use std::collections::HashMap;

use protocol::{
    Eid,
    eid::{CLOCK_TOLERANCE_S, QUANTUM_S},
};

use super::Resolved;
use crate::home::Identities;

/// Who advertises what from when on.
#[derive(Default)]
pub(super) struct Given(HashMap<Eid, (Resolved, u64)>);

impl Given {
    /// Replaces all that was given before.
    pub(super) fn replace(&mut self, all: &[Identities]) {
        self.0.clear();
        for radio in all {
            let who = Resolved {
                radio: radio.radio,
                customer: radio.customer,
            };
            let bytes = hex::decode(&radio.eids).unwrap_or_default();
            let eids = bytes.as_chunks::<8>().0.iter();
            let starts = (radio.from_s..).step_by(QUANTUM_S as usize);
            self.0.extend(
                eids.zip(starts)
                    .map(|(eid, start_s)| (Eid(*eid), (who, start_s))),
            );
        }
    }

    pub(super) fn resolve(&self, eid: Eid, heard_ms: u64) -> Option<Resolved> {
        let (who, start_s) = self.0.get(&eid)?;
        let tolerance_s = u64::from(CLOCK_TOLERANCE_S);
        let on_air =
            start_s.saturating_sub(tolerance_s)..start_s + u64::from(QUANTUM_S) + tolerance_s;
        on_air.contains(&(heard_ms / 1_000)).then_some(*who)
    }

    pub(super) fn forget(&mut self, customer: protocol::CustomerId) {
        self.0.retain(|_, (who, _)| who.customer != customer);
    }
}
