//! How gateways and fixed beacons do.
//!
//! In: status messages as ingest hears them; stores whose anchors or gateways changed.
//! Out: rows, by the pipeline's writer; stores whose gateways are to be told which beacons there
//! are; a signal for open pages.
//! Statuses wait in a queue of their own, so that sightings never wait for them. One status is one
//! transaction: a store full of beacons is some hundred rows, and nobody's sighting waits for more.
//! Invariant: bounded by the gateways that have credentials and the anchors of their store; a
//! status that finds the queue full is shed and counted, and the next one says the same.

pub mod battery;
pub mod forecast;
pub mod pattern;
pub mod state;
pub mod strength;
pub mod track;
pub mod week;

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use protocol::{GatewayId, StoreId, message::Status};
use tokio::sync::{Notify, mpsc, watch};

use self::state::Heard;
use crate::{
    pipeline::{Counts, Pipeline},
    store::beacons,
};

/// Statuses that wait for the writer: one of each gateway of a large chain, and more.
const WAITING_MAX: usize = 4_096;

/// What ingest, pipeline and pages know of the fleet.
pub struct Fleet {
    statuses: mpsc::Sender<Word>,
    counts: Arc<Counts>,
    /// 0: not listening.
    listening_since_ms: AtomicU64,
    changed: Mutex<BTreeSet<StoreId>>,
    change: Notify,
    /// How often anything changed.
    layouts: watch::Sender<u64>,
}

struct Word {
    store: StoreId,
    gateway: GatewayId,
    heard: Heard,
}

impl Fleet {
    /// And what writes its rows.
    pub fn new(counts: Arc<Counts>) -> (Self, Keeper) {
        let (statuses, words) = mpsc::channel(WAITING_MAX);
        let fleet = Self {
            statuses,
            counts,
            listening_since_ms: AtomicU64::new(0),
            changed: Mutex::default(),
            change: Notify::new(),
            layouts: watch::Sender::new(0),
        };
        (fleet, Keeper { words })
    }

    /// The broker tells us everything from now on, or nothing any more: then silence is ours.
    pub fn listens(&self, since_ms: Option<u64>) {
        self.listening_since_ms
            .store(since_ms.unwrap_or(0), Ordering::Relaxed);
    }

    /// Since when the server listens; none: it does not.
    pub fn listening_since_ms(&self) -> Option<u64> {
        let since_ms = self.listening_since_ms.load(Ordering::Relaxed);
        (since_ms > 0).then_some(since_ms)
    }

    /// Takes a status; never waits.
    pub fn heard_from(
        &self,
        store: StoreId,
        gateway: GatewayId,
        status: Status,
        retained: bool,
        heard_ms: u64,
    ) {
        let heard = Heard {
            status,
            retained,
            heard_ms,
            listening_since_ms: self.listening_since_ms(),
        };
        let word = Word {
            store,
            gateway,
            heard,
        };
        if self.statuses.try_send(word).is_err() {
            Counts::add(&self.counts.statuses_shed_total, 1);
        }
    }

    /// Anchors or gateways of a store changed.
    pub fn layout_changed(&self, store: StoreId) {
        self.lock().insert(store);
        self.change.notify_one();
        self.layouts.send_modify(|changes| *changes += 1);
    }

    /// Tells that anchors or gateways of some store changed.
    pub fn layouts(&self) -> watch::Receiver<u64> {
        self.layouts.subscribe()
    }

    /// Waits for a change; the stores that changed since this was last asked.
    pub async fn layouts_changed(&self) -> BTreeSet<StoreId> {
        loop {
            let changed = std::mem::take(&mut *self.lock());
            if !changed.is_empty() {
                return changed;
            }
            self.change.notified().await;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeSet<StoreId>> {
        self.changed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes what gateways say.
pub struct Keeper {
    words: mpsc::Receiver<Word>,
}

impl Keeper {
    /// Runs until asked to stop; what waits then, the gateways say again.
    pub async fn run(mut self, pipeline: Pipeline, mut shutdown: watch::Receiver<bool>) {
        loop {
            let word = tokio::select! {
                Some(word) = self.words.recv() => word,
                _ = shutdown.changed() => return,
            };
            let Word {
                store,
                gateway,
                heard,
            } = word;
            let (of, from) = (store.clone(), gateway.clone());
            let kept = pipeline
                .write(move |txn| {
                    let Some(is) = beacons::keep(txn.db, &of, &from, &heard)? else {
                        return Ok(());
                    };
                    // That it once was there, as the broker repeats, is no word about now.
                    if !(heard.retained && is.state.listens()) {
                        txn.listens(&of, &from, is.state.listens())?;
                    }
                    Ok(())
                })
                .await;
            if let Err(error) = kept {
                tracing::warn!(%store, %gateway, %error, "a gateway's status is not kept");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(name: &str) -> StoreId {
        name.parse().unwrap()
    }

    #[tokio::test]
    async fn changes_of_one_store_that_wait_together_are_told_once() {
        let (fleet, _keeper) = Fleet::new(Arc::default());
        for name in ["kade-9", "kade-8", "kade-9"] {
            fleet.layout_changed(store(name));
        }
        let changed = fleet.layouts_changed().await;
        assert_eq!(changed, [store("kade-8"), store("kade-9")].into());
        fleet.layout_changed(store("kade-7"));
        assert_eq!(fleet.layouts_changed().await, [store("kade-7")].into());
    }
}
