//! Ids that a replay gives again.
//!
//! In: the store, and the time of the input. Out: ids in the shape of UUIDv7.
//! Promises: two ids of one store never meet (they carry its counter), and those of two stores
//! only if 42 bits of hash, the counter and the millisecond agree.
//! Invariant: no randomness; the same inputs give the same ids.

use protocol::StoreId;
use serde::{Deserialize, Serialize};

/// Gives ids out; part of the engine's state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Ids {
    store_hash: u64,
    given: u64,
}

impl Ids {
    pub(crate) fn new(store: &StoreId) -> Self {
        Self {
            store_hash: fnv1a(store.as_str().as_bytes()),
            given: 0,
        }
    }

    /// What goes into the ten free bytes of an id, for `SomeId::at(now_ms, ids.bytes())`.
    ///
    /// Bytes 0 and 2 lose bits to version and variant (RFC 9562, section 5.7), so the counter
    /// stands behind them, and the hash that may lose some in front.
    pub(crate) fn bytes(&mut self) -> [u8; 10] {
        self.given += 1;
        let [a, b, c, d, e, f, ..] = mix(self.store_hash ^ mix(self.given)).to_be_bytes();
        let [.., w, x, y, z] = self.given.to_be_bytes();
        [a, b, c, d, e, f, w, x, y, z]
    }
}

/// FNV-1a of 64 bits (Fowler, Noll, Vo): short, and the same on every machine.
pub(crate) fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// The finaliser of SplitMix64 (Steele, Lea, Flood 2014): spreads a counter over all bits.
pub(crate) fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use protocol::VisitId;

    use super::*;

    #[test]
    fn ten_stores_in_the_same_millisecond_share_no_id() {
        let mut seen = BTreeSet::new();
        for store in 0..10 {
            let mut ids = Ids::new(&format!("store-{store}").parse().unwrap());
            for _ in 0..2_000 {
                assert!(seen.insert(VisitId::at(1_000, ids.bytes())));
            }
        }
    }

    #[test]
    fn a_replay_gives_the_same_ids() {
        let store = "kade-9".parse().unwrap();
        let (mut first, mut second) = (Ids::new(&store), Ids::new(&store));
        assert!((0..10).all(|_| first.bytes() == second.bytes()));
    }
}
