//! The thread that owns the spool, and the handle that everybody else has.
//!
//! In: requests over a bounded channel. Out: answers, and a [`View`] that wakes who waits.
//! Promises: a disk that takes a second for a sync stops nobody but this thread, until
//! [`REQUESTS_MAX`] requests wait.
//! Invariant: the only place that gives the spool the time.

use std::{thread, time::Duration};

use protocol::{
    BootId, Ranges,
    message::{Batch, ClockAnchor, Sighting},
    seal::PublicKey,
};
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::sleep,
};
use tracing::{info, warn};

use super::{Address, Spool, SpoolCounts, SpoolError, Stream};
use crate::{
    alive::{BEAT_EVERY, Part},
    clock::Monotonic,
    counts::Counters,
};

/// Requests that wait for the disk at once.
const REQUESTS_MAX: usize = 256;
/// Failures and evictions are logged once in this time at most.
const LOG_EVERY_MS: u64 = 60_000;

/// The spool's thread is gone: a bug, or the end of the program.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the spool's thread has ended")]
pub struct Gone;

/// What others may know of the spool at any time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct View {
    /// This run of the process.
    pub boot: BootId,
    /// Whether this machine boot is tied to the server's time.
    pub anchored: bool,
    /// Whether [`SpoolHandle::lend`] may have something.
    pub may_lend: bool,
    /// Batches published and not acknowledged.
    pub lent: usize,
    /// Since when the oldest of them is.
    pub lent_oldest: Option<Monotonic>,
    /// When the server last acknowledged anything that was waiting, or said that it holds it.
    pub acknowledged_at: Monotonic,
    /// Batches that wait, lent or not.
    pub waiting: usize,
}

enum Request {
    Append(Stream, Vec<Sighting>),
    Acknowledge(BootId, Ranges),
    Hold(BootId, Ranges),
    SetClock(ClockAnchor),
    SealTo(Vec<PublicKey>, [u8; 32]),
    Recall(oneshot::Sender<()>),
    Lend(oneshot::Sender<Vec<Batch>>),
    Flush(oneshot::Sender<()>),
    Close(oneshot::Sender<()>),
}

/// Speaks to the spool's thread; cheap to clone. The thread ends, flushed, with the last handle.
#[derive(Debug, Clone)]
pub struct SpoolHandle {
    requests: mpsc::Sender<Request>,
    view: watch::Receiver<View>,
}

impl SpoolHandle {
    /// Starts the thread. `address` goes into every batch.
    pub fn start(spool: Spool, address: Address, counts: Counters) -> std::io::Result<Self> {
        let (requests, inbox) = mpsc::channel(REQUESTS_MAX);
        let (view_to, view) = watch::channel(view_of(&spool, Monotonic::now()));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()?;
        let keeper = Keeper {
            spool,
            address,
            counts,
            view: view_to,
            acknowledged_at: Monotonic::now(),
            logged_at: None,
            logged: SpoolCounts::default(),
            failure: None,
        };
        thread::Builder::new()
            .name("spool".into())
            .spawn(move || runtime.block_on(keeper.keep(inbox)))?;
        Ok(Self { requests, view })
    }

    /// Takes one batch.
    pub async fn append(&self, stream: Stream, sightings: Vec<Sighting>) -> Result<(), Gone> {
        self.send(Request::Append(stream, sightings)).await
    }

    /// The server has these.
    pub async fn acknowledge(&self, boot: BootId, ranges: Ranges) -> Result<(), Gone> {
        self.send(Request::Acknowledge(boot, ranges)).await
    }

    /// A machine in the store has used these; they are kept for the central server.
    pub async fn hold(&self, boot: BootId, ranges: Ranges) -> Result<(), Gone> {
        self.send(Request::Hold(boot, ranges)).await
    }

    /// What ties this machine boot to the server's time.
    pub async fn set_clock(&self, anchor: ClockAnchor) -> Result<(), Gone> {
        self.send(Request::SetClock(anchor)).await
    }

    /// From now on batches are sealed to these, see [`Spool::seal_to`].
    pub async fn seal_to(&self, keys: Vec<PublicKey>, seed: [u8; 32]) -> Result<(), Gone> {
        self.send(Request::SealTo(keys, seed)).await
    }

    /// A new connection, or a line that is back: everything that waits is to be lent again.
    pub async fn recall(&self) -> Result<(), Gone> {
        self.ask(Request::Recall).await
    }

    /// The next batches to publish.
    pub async fn lend(&self) -> Result<Vec<Batch>, Gone> {
        self.ask(Request::Lend).await
    }

    /// Returns when everything accepted so far is on disk, or the disk has refused it.
    pub async fn flush(&self) -> Result<(), Gone> {
        self.ask(Request::Flush).await
    }

    /// Returns when everything is on disk and the folder is free for another gateway. Whoever
    /// has a handle left is told that the spool is [`Gone`].
    pub async fn close(self) -> Result<(), Gone> {
        self.ask(Request::Close).await
    }

    /// The spool at any time; wakes when it changes.
    pub fn view(&self) -> watch::Receiver<View> {
        self.view.clone()
    }

    async fn send(&self, request: Request) -> Result<(), Gone> {
        self.requests.send(request).await.map_err(|_| Gone)
    }

    async fn ask<T>(&self, request: impl FnOnce(oneshot::Sender<T>) -> Request) -> Result<T, Gone> {
        let (answer, answered) = oneshot::channel();
        self.send(request(answer)).await?;
        answered.await.map_err(|_| Gone)
    }
}

struct Keeper {
    spool: Spool,
    address: Address,
    counts: Counters,
    view: watch::Sender<View>,
    acknowledged_at: Monotonic,
    logged_at: Option<Monotonic>,
    logged: SpoolCounts,
    failure: Option<SpoolError>,
}

impl Keeper {
    async fn keep(mut self, mut inbox: mpsc::Receiver<Request>) {
        self.tell_what_was_found();
        let mut closed = None;
        while closed.is_none() {
            self.publish();
            let now = Monotonic::now();
            self.counts.alive().beat(Part::Spool, now);
            let due = self.spool.work_at();
            let wait = due.map_or(BEAT_EVERY, |at| Duration::from_millis(at.ms_since(now)));
            tokio::select! {
                biased;
                () = sleep(wait.min(BEAT_EVERY)) => self.spool.work(Monotonic::now()),
                request = inbox.recv() => match request {
                    Some(Request::Close(answer)) => closed = Some(answer),
                    Some(request) => self.serve(Monotonic::now(), request),
                    None => break,
                },
            }
            self.log_troubles(Monotonic::now());
        }
        self.spool.flush(Monotonic::now());
        self.publish();
        drop(self);
        if let Some(answer) = closed {
            let _ = answer.send(());
        }
    }

    fn serve(&mut self, now: Monotonic, request: Request) {
        // Who asked may be gone by now; then the answer is nobody's.
        match request {
            Request::Append(stream, sightings) => {
                self.spool.append(now, stream, &sightings);
            }
            Request::Acknowledge(boot, ranges) => {
                let before = self.spool.waiting_batches();
                self.spool.acknowledge(now, boot, &ranges);
                if self.spool.waiting_batches() < before {
                    self.acknowledged_at = now;
                }
            }
            Request::Hold(boot, ranges) => {
                let (before, _) = self.spool.lent();
                self.spool.hold(boot, &ranges);
                if self.spool.lent().0 < before {
                    self.acknowledged_at = now;
                }
            }
            Request::SetClock(anchor) => {
                if let Err(error) = self.spool.set_clock(anchor) {
                    self.failure = Some(error);
                }
            }
            Request::SealTo(keys, seed) => {
                if let Err(error) = self.spool.seal_to(&keys, seed) {
                    self.failure = Some(error);
                }
            }
            Request::Recall(answer) => {
                self.spool.recall();
                let _ = answer.send(());
            }
            Request::Lend(answer) => {
                let _ = answer.send(self.spool.lend(now, &self.address));
            }
            Request::Flush(answer) | Request::Close(answer) => {
                self.spool.flush(now);
                self.publish();
                let _ = answer.send(());
            }
        }
    }

    fn publish(&mut self) {
        let counts = self.spool.counts();
        self.counts.set_spool(&counts, self.spool.bytes());
        let view = view_of(&self.spool, self.acknowledged_at);
        self.view.send_if_modified(|old| {
            let changed = *old != view;
            *old = view;
            changed
        });
    }

    fn tell_what_was_found(&self) {
        let counts = self.spool.counts();
        let boot = self.spool.boot();
        info!(%boot, waiting = counts.waiting, "spool is open");
        if counts.torn_segments_total + counts.corrupt_segments_total > 0 {
            warn!(
                torn_segments = counts.torn_segments_total,
                corrupt_segments = counts.corrupt_segments_total,
                "spool was not left whole: torn ends are cut off, broken parts set aside as *.corrupt"
            );
        }
    }

    fn log_troubles(&mut self, now: Monotonic) {
        self.failure = self.spool.take_error().or(self.failure.take());
        let counts = self.spool.counts();
        let evicted = counts.evicted_total - self.logged.evicted_total;
        let unreadable = counts.unreadable_batches_total - self.logged.unreadable_batches_total;
        let soon = self
            .logged_at
            .is_some_and(|at| now.ms_since(at) < LOG_EVERY_MS);
        if soon || (self.failure.is_none() && evicted == 0 && unreadable == 0) {
            return;
        }
        self.logged_at = Some(now);
        self.logged = counts;
        if let Some(error) = self.failure.take() {
            let error = &error as &dyn std::error::Error;
            warn!(
                error,
                counts.failed_writes_total, "spool's disk fails; trying again"
            );
        }
        if evicted > 0 {
            warn!(
                evicted_sightings = evicted,
                "spool is full: gave up the oldest"
            );
        }
        if unreadable > 0 {
            warn!(
                unreadable_batches = unreadable,
                "spool could not read what it wrote"
            );
        }
    }
}

fn view_of(spool: &Spool, acknowledged_at: Monotonic) -> View {
    let (lent, lent_oldest) = spool.lent();
    View {
        boot: spool.boot(),
        anchored: spool.clock().is_some(),
        may_lend: spool.may_lend(),
        lent,
        lent_oldest,
        acknowledged_at,
        waiting: spool.waiting_batches(),
    }
}
