//! Opens what gateways seal, and changes the keys.
//!
//! In: batches as they come, keys from the store. Out: the same batches in clear.
//! Promises: one key agreement for each run of a gateway, the rest is a symmetric cipher; a batch
//! that cannot be opened is acknowledged, counted and said, since nobody can ever open it; keys are
//! changed every 90 days, and at once when a gateway seals to one that is not known here, as it
//! does after this server's database came back from an older copy.
//! Invariant: what was opened is never written as it came.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, PoisonError, RwLock},
    time::Duration,
};

use protocol::{
    BootId, GatewayId, StoreId,
    message::{Batch, Sighting},
    seal::{Envelope, KeyId, Opened, PrivateKey, SealError, Whose},
};
use rusqlite::Connection;
use tokio::sync::{Notify, watch};

use crate::{
    pipeline::{Pipeline, Txn},
    store::{StoreError, seals, shop},
};

/// Runs of gateways whose content key is at hand. One more is one more key agreement, 0.1 ms.
const OPENED_MAX: usize = 1_024;
/// Keys are looked at so often.
const KEPT_EVERY: Duration = Duration::from_secs(3_600);

/// Why a batch stays shut.
#[derive(Debug, thiserror::Error)]
pub enum Shut {
    /// See [`SealError`].
    #[error(transparent)]
    Seal(#[from] SealError),
    /// What was in it is no list of sightings.
    #[error("what was sealed cannot be read: {0}")]
    Content(String),
}

/// What opens.
#[derive(Default)]
pub struct Seals {
    keys: RwLock<Arc<BTreeMap<KeyId, PrivateKey>>>,
    opened: Mutex<VecDeque<(Run, Arc<Opened>)>>,
    not_ours: Notify,
}

#[derive(PartialEq, Eq)]
struct Run {
    store: StoreId,
    gateway: GatewayId,
    boot: BootId,
    envelope: Envelope,
}

impl Seals {
    /// With the keys of the database.
    pub fn load(db: &Connection) -> Result<Self, StoreError> {
        let seals = Self::default();
        seals.reload(db)?;
        Ok(seals)
    }

    /// Takes over the keys of the database.
    pub fn reload(&self, db: &Connection) -> Result<(), StoreError> {
        let keys = seals::private_keys(db)?.into_iter();
        let keys = keys.map(|key| (key.public().id(), key)).collect();
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
        Ok(())
    }

    /// The batch in clear. One that stays shut is empty, so that its number is applied.
    pub fn open(&self, mut batch: Batch) -> (Batch, Option<Shut>) {
        let Some(sealed) = batch.sealed.take() else {
            return (batch, None);
        };
        let run = Run {
            store: batch.store.clone(),
            gateway: batch.gateway.clone(),
            boot: batch.boot,
            envelope: sealed.envelope,
        };
        let sightings = self
            .opened(run)
            .and_then(|opened| opened.open(batch.seq, &sealed.body))
            .map_err(Shut::from)
            .and_then(|json| {
                serde_json::from_slice::<Vec<Sighting>>(&json)
                    .map_err(|e| Shut::Content(e.to_string()))
            });
        let shut = match sightings {
            Ok(sightings) => {
                batch.sightings = sightings;
                // What types cannot check was sealed when the batch was checked.
                batch.check().err().map(|e| Shut::Content(e.to_string()))
            }
            Err(shut) => Some(shut),
        };
        if shut.is_some() {
            batch.sightings.clear();
        }
        if matches!(shut, Some(Shut::Seal(SealError::NotForUs))) {
            self.not_ours.notify_one();
        }
        (batch, shut)
    }

    fn opened(&self, run: Run) -> Result<Arc<Opened>, SealError> {
        let lock = || self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, opened)) = lock().iter().rev().find(|(known, _)| *known == run) {
            return Ok(opened.clone());
        }
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        let keys = Arc::clone(&keys);
        let whose = Whose {
            store: &run.store,
            gateway: &run.gateway,
            boot: run.boot,
        };
        let opened = Arc::new(Opened::new(&run.envelope, whose, |id| keys.get(&id))?);
        let mut all = lock();
        if all.len() >= OPENED_MAX {
            all.pop_front();
        }
        all.push_back((run, opened.clone()));
        Ok(opened)
    }
}

/// Gives gateways another key, and says how it is to be told.
pub fn rotate(txn: &mut Txn<'_>, seals: &Seals) -> Result<(), StoreError> {
    seals::make(txn.db, txn.now_ms, None)?;
    tell(txn, seals)
}

/// There are other keys: they open from now on, and gateways are told.
pub fn tell(txn: &mut Txn<'_>, seals: &Seals) -> Result<(), StoreError> {
    seals.reload(txn.db)?;
    for store in shop::store_ids(txn.db)? {
        txn.gateways_changed(&store);
    }
    Ok(())
}

/// Changes keys when it is time, until asked to stop.
pub async fn keep(pipeline: Pipeline, seals: Arc<Seals>, mut shutdown: watch::Receiver<bool>) {
    let mut every = tokio::time::interval(KEPT_EVERY);
    loop {
        let lost = tokio::select! {
            _ = every.tick() => false,
            () = seals.not_ours.notified() => true,
            _ = shutdown.wait_for(|stop| *stop) => return,
        };
        let all = seals.clone();
        let kept = pipeline.write(move |txn| {
            if lost || seals::keep(txn.db, txn.now_ms)? {
                if lost {
                    seals::make(txn.db, txn.now_ms, None)?;
                }
                tell(txn, &all)?;
            }
            Ok(())
        });
        if let Err(error) = kept.await {
            tracing::error!(%error, "the keys that gateways seal to stay as they are");
        }
        if lost {
            tracing::warn!("a gateway sealed to a key that is not known here: all get a new one");
            // What it had under way was sealed to the old one too, and is no reason for another.
            tokio::select! {
                () = tokio::time::sleep(KEPT_EVERY) => {}
                _ = shutdown.wait_for(|stop| *stop) => return,
            }
            std::pin::pin!(seals.not_ours.notified()).enable();
        }
    }
}
