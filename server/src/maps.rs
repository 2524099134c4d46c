//! Stores at a glance, for open pages.
//!
//! In: pages that ask. Out: what the engine believes of a store as a whole.
//! Promises: the writer is asked at most once in [`FRESH_FOR_MS`] for each store, however many
//! pages are open, and not at all while nobody looks.
//! Invariant: sums alone; nobody in particular is in here.

use std::{collections::HashMap, sync::Arc};

use engine::StoreMap;
use protocol::StoreId;
use tokio::sync::Mutex;

use crate::{clock, pipeline::Pipeline, store::StoreError};

/// A map is shown for this long before another is asked for.
pub const FRESH_FOR_MS: u64 = 1_000;

/// The maps that were asked for last.
pub struct Maps {
    pipeline: Pipeline,
    known: Mutex<HashMap<StoreId, Known>>,
}

struct Known {
    at_ms: u64,
    map: Arc<StoreMap>,
}

impl Maps {
    /// Asks the writer's engines.
    pub fn new(pipeline: Pipeline) -> Self {
        Self {
            pipeline,
            known: Mutex::default(),
        }
    }

    /// The store as it is now, or was a moment ago. Whoever asks at the same time waits for the same
    /// answer.
    pub async fn of(&self, store: &StoreId) -> Result<Arc<StoreMap>, StoreError> {
        let mut known = self.known.lock().await;
        let now_ms = clock::now_ms();
        let fresh = |known: &&Known| now_ms.saturating_sub(known.at_ms) < FRESH_FOR_MS;
        if let Some(known) = known.get(store).filter(fresh) {
            return Ok(known.map.clone());
        }
        let of = store.clone();
        let mut map = self.pipeline.write(move |txn| txn.map(&of)).await?;
        if let Some(before) = known.get(store) {
            keep_last_heard(&mut map, &before.map);
        }
        let map = Arc::new(map);
        known.insert(
            store.clone(),
            Known {
                at_ms: now_ms,
                map: map.clone(),
            },
        );
        Ok(map)
    }
}

/// The engine forgets when an anchor had somebody who has left; an open page does not.
fn keep_last_heard(map: &mut StoreMap, before: &StoreMap) {
    for (anchor, heard_ms, _) in &mut map.anchors {
        let known = before.anchors.iter().find(|(known, ..)| known == anchor);
        *heard_ms = (*heard_ms).max(known.and_then(|(_, heard_ms, _)| *heard_ms));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_left_takes_the_last_sighting_of_an_anchor_not_along() {
        let map = |heard_ms| StoreMap {
            anchors: vec![("door".parse().unwrap(), heard_ms, 0)],
            ..StoreMap::default()
        };
        for (before, now, told) in [
            (Some(5), None, Some(5)),
            (Some(5), Some(9), Some(9)),
            (None, None, None),
        ] {
            let mut later = map(now);
            keep_last_heard(&mut later, &map(before));
            assert_eq!(later, map(told));
        }
        let mut other = map(Some(3));
        keep_last_heard(&mut other, &StoreMap::default());
        assert_eq!(other, map(Some(3)));
    }
}
