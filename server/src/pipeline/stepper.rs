//! The writer without its thread and its clock, for runs in virtual time.
//!
//! In: works, each with the moment at which it happens. Out: what the writer's outlets are told,
//! before the call returns.
//! Promises: a step is one transaction on the disk, by the same code as the writer's own.
//! Invariant: reads no clock. Whoever steps is the only writer of the database.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::sync::{mpsc, oneshot};

use super::{BatchWork, Outlets, Txn, Work, WriteJob, Writer};
use crate::store::StoreError;

/// A writer that is told what time it is.
pub struct Stepper {
    writer: Writer,
    now_ms: Arc<AtomicU64>,
}

impl Stepper {
    /// Opens the database and becomes its writer.
    pub fn open(
        path: &Path,
        outlets: Outlets,
        snapshot_ms: u64,
        now_ms: u64,
    ) -> Result<Self, StoreError> {
        let (_, inlet) = mpsc::channel(1);
        let now_ms = Arc::new(AtomicU64::new(now_ms));
        let told = now_ms.clone();
        let tell = Box::new(move || told.load(Ordering::Relaxed));
        let writer = Writer::open(path, outlets, snapshot_ms, inlet, tell)?;
        writer.hold_ticks.store(false, Ordering::Relaxed);
        Ok(Self { writer, now_ms })
    }

    /// Applies what gateways sent, as one transaction. False: the writer has to stop.
    pub fn batches(&mut self, now_ms: u64, batches: impl IntoIterator<Item = BatchWork>) -> bool {
        let works = batches
            .into_iter()
            .map(|batch| Work::Batch(Box::new(batch), None));
        self.commit(now_ms, &mut works.collect())
    }

    /// Time passes. False: the writer has to stop.
    pub fn tick(&mut self, now_ms: u64) -> bool {
        self.commit(now_ms, &mut vec![Work::Tick])
    }

    /// Runs a write; its last run counts.
    pub fn write<T, F>(&mut self, now_ms: u64, write: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnMut(&mut Txn<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        let (reply, mut answer) = oneshot::channel();
        let job = WriteJob {
            write,
            keep: true,
            result: None,
            reply,
        };
        self.commit(now_ms, &mut vec![Work::Job(Box::new(job))]);
        answer.try_recv().map_err(|_| StoreError::Stopping)?
    }

    fn commit(&mut self, now_ms: u64, works: &mut Vec<Work>) -> bool {
        self.now_ms.store(now_ms, Ordering::Relaxed);
        self.writer.commit_group(works)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::sync::Notify;

    use super::*;
    use crate::{
        fleet::Fleet,
        identity::Identity,
        live::Live,
        pipeline::Counts,
        store::{fixtures, open_writer},
    };

    #[test]
    fn a_step_happens_at_its_own_moment_and_none_before_the_last() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("db");
        let store = fixtures::store(&open_writer(&path).unwrap());
        let counts = Arc::new(Counts::default());
        let outlets = Outlets {
            live: Arc::new(Live::default()),
            identity: Arc::new(Identity::load(&[], 1_000)),
            outbox: Arc::new(Notify::new()),
            fleet: Arc::new(Fleet::new(counts.clone()).0),
            journal: Arc::new(Notify::new()),
            committed: mpsc::unbounded_channel().0,
            counts,
        };
        let mut stepper = Stepper::open(&path, outlets, 60_000, 1_000).unwrap();
        assert!(stepper.tick(2_000));
        let told = |txn: &mut Txn<'_>| Ok(txn.now_ms);
        assert_eq!(stepper.write(7_000, told).unwrap(), 7_000);
        assert_eq!(stepper.write(3_000, told).unwrap(), 7_000);
        let missing = stepper.write(8_000, |_| Err::<(), _>(StoreError::NotFound("card")));
        assert!(matches!(missing, Err(StoreError::NotFound("card"))));
        let laid = store.clone();
        stepper
            .write(9_000, move |txn| txn.layout_changed(&laid))
            .unwrap();
        drop(stepper);
        let db = crate::store::open_reader(&path).unwrap();
        let at: i64 = db
            .query_row("SELECT max(server_time_ms) FROM inputs", [], |row| {
                row.get(0)
            })
            .unwrap();
        assert_eq!(at, 9_000);
    }
}
