//! In which store each radio was last heard: one that is heard in two at once is a copy in one.
//!
//! In: live sightings of all stores. Out: the other store, if there is one.
//! Invariant: bounded, and never written down: after a start it is learned anew.

use std::collections::HashMap;

use engine::{DOUBT_MS, Observation};
use protocol::{RadioId, StoreId};

/// Radios that are remembered; past it all are forgotten and learned anew.
const RADIOS_MAX: usize = 200_000;

/// Store and time of each radio's last sighting.
#[derive(Default)]
pub(super) struct HeardIn(HashMap<RadioId, (StoreId, u64)>);

impl HeardIn {
    /// Where else this radio was heard within one quantum of its identity.
    pub(super) fn elsewhere(&mut self, seen: &Observation, here: &StoreId) -> Option<StoreId> {
        if self.0.len() >= RADIOS_MAX && !self.0.contains_key(&seen.radio) {
            self.clear();
        }
        let heard_ms = seen.heard_last_ms;
        let first = || (here.clone(), heard_ms);
        let (store, last_ms) = self.0.entry(seen.radio).or_insert_with(first);
        let other = store != here && heard_ms.abs_diff(*last_ms) < DOUBT_MS;
        let other = other.then(|| store.clone());
        if heard_ms >= *last_ms {
            *last_ms = heard_ms;
            if store != here {
                store.clone_from(here);
            }
        }
        other
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}
