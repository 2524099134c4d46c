//! One thread that writes: the order of everything.
//!
//! In: batches from `ingest`, jobs from API and pages, ticks.
//! Out: committed rows; then acknowledgements, live signals, a nudge for `deliver`.
//! Works that wait together are committed together, in one transaction. If it fails, the works
//! are tried one by one; a batch on which engine or store fails for good is set aside (kept as a
//! row, counted, acknowledged), and the queue moves on.
//! Promises: an acknowledgement leaves only after the commit of what it acknowledges.
//! Invariant: engines, log and tables change together or not at all; after any failure the
//! engines are read back from the log.

mod core;
mod facts;
mod stepper;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use protocol::{AnchorId, BootId, GatewayId, Ranges, StoreId};
use rusqlite::Connection;
use serde::Serialize;
use tokio::sync::{Notify, mpsc, oneshot};

use self::core::{After, Core, Tally};
pub use self::{core::Txn, facts::facts_now, stepper::Stepper};
use crate::{
    clock,
    fleet::Fleet,
    home::sealed::Sealer,
    identity::{Identity, Resolved},
    live::Live,
    store::{self, StoreError},
};

/// Works that wait at most; past it ingest and API wait too.
const QUEUE_MAX: usize = 4_096;
/// Works in one transaction at most.
const GROUP_WORKS_MAX: usize = 512;
/// Sightings in one transaction at most: from 2,000 rows on a larger one gains nothing.
const GROUP_SIGHTINGS_MAX: usize = 4_000;
/// How often time is looked at.
const TICK: Duration = Duration::from_millis(250);
/// A machine in a store seals what nobody waits for this often.
const SEAL_EVERY_MS: u64 = 1_000;
/// Waits before a transient failure (disk full, lock) is tried again.
const RETRY_WAIT: Duration = Duration::from_millis(500);

/// One batch with its identities resolved; what did not resolve is not here any more.
#[derive(Debug, Clone)]
pub struct BatchWork {
    /// Where from.
    pub store: StoreId,
    /// Which gateway.
    pub gateway: GatewayId,
    /// Which run of it.
    pub boot: BootId,
    /// Its number.
    pub seq: u64,
    /// What it heard of known radios.
    pub heard: Vec<Heard>,
    /// Bytes on the wire, for the record if it is set aside.
    pub len_bytes: usize,
    /// Comes back in [`Committed`].
    pub token: u64,
}

/// One sighting of a known radio, in the server's time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// Who.
    pub who: Resolved,
    /// Where.
    pub anchor: AnchorId,
    /// First advertisement.
    pub heard_first_ms: u64,
    /// Last advertisement.
    pub heard_last_ms: u64,
    /// Advertisements.
    pub count: u32,
    /// Median strength.
    pub rssi_dbm: i8,
}

/// A batch that is on the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// Whose.
    pub store: StoreId,
    /// Which gateway.
    pub gateway: GatewayId,
    /// Which run of it.
    pub boot: BootId,
    /// The numbers of this transaction.
    pub applied: Ranges,
    /// The works' tokens.
    pub tokens: Vec<u64>,
}

/// What happened since the server started.
#[derive(Debug, Default, Serialize)]
pub struct Counts {
    /// Batches committed.
    pub batches_applied_total: AtomicU64,
    /// Sightings committed.
    pub sightings_applied_total: AtomicU64,
    /// Batches that had been applied before.
    pub batches_again_total: AtomicU64,
    /// Sightings of identities that belong to nobody.
    pub unresolved_total: AtomicU64,
    /// Sightings without consent, dropped before anything was written.
    pub no_consent_total: AtomicU64,
    /// Sightings by an anchor that is not this gateway's.
    pub wrong_anchor_total: AtomicU64,
    /// Sightings too old for the live belief.
    pub late_total: AtomicU64,
    /// Customers who were heard in two stores within one quantum, once in each.
    pub in_two_stores_total: AtomicU64,
    /// Sightings whose time nobody knows.
    pub time_unknown_total: AtomicU64,
    /// Payloads that were no message, and batches on which engine or store failed for good.
    pub set_aside_total: AtomicU64,
    /// Sealed batches that could not be opened; what was in them is lost.
    pub shut_batches_total: AtomicU64,
    /// Transactions that were tried again.
    pub retries_total: AtomicU64,
    /// Gateways' statuses that found the writer's queue full.
    pub statuses_shed_total: AtomicU64,
    /// Tries to set a gateway up with a code that nobody gave out, was used, or had run out.
    pub gateway_codes_refused_total: AtomicU64,
    /// Messages of other radios.
    pub radio_messages_total: AtomicU64,
    /// Those of radios that nobody registered.
    pub radio_strangers_total: AtomicU64,
    /// Those that could not be read.
    pub radio_refused_total: AtomicU64,
    /// Those that were not live: kept by the broker, or of another time.
    pub radio_stale_total: AtomicU64,
    /// Those that came a second time within seconds.
    pub radio_again_total: AtomicU64,
    /// What other radios told of nobody's or somebody else's transmitters.
    pub radio_foreign_total: AtomicU64,
    /// What other radios said beyond their bounds.
    pub radio_shed_total: AtomicU64,
}

impl Counts {
    /// The counts at this moment.
    #[must_use]
    pub fn now(&self) -> Self {
        let copy = |count: &AtomicU64| AtomicU64::new(count.load(Ordering::Relaxed));
        Self {
            batches_applied_total: copy(&self.batches_applied_total),
            sightings_applied_total: copy(&self.sightings_applied_total),
            batches_again_total: copy(&self.batches_again_total),
            unresolved_total: copy(&self.unresolved_total),
            no_consent_total: copy(&self.no_consent_total),
            wrong_anchor_total: copy(&self.wrong_anchor_total),
            late_total: copy(&self.late_total),
            in_two_stores_total: copy(&self.in_two_stores_total),
            time_unknown_total: copy(&self.time_unknown_total),
            set_aside_total: copy(&self.set_aside_total),
            shut_batches_total: copy(&self.shut_batches_total),
            retries_total: copy(&self.retries_total),
            statuses_shed_total: copy(&self.statuses_shed_total),
            gateway_codes_refused_total: copy(&self.gateway_codes_refused_total),
            radio_messages_total: copy(&self.radio_messages_total),
            radio_strangers_total: copy(&self.radio_strangers_total),
            radio_refused_total: copy(&self.radio_refused_total),
            radio_stale_total: copy(&self.radio_stale_total),
            radio_again_total: copy(&self.radio_again_total),
            radio_foreign_total: copy(&self.radio_foreign_total),
            radio_shed_total: copy(&self.radio_shed_total),
        }
    }

    /// Adds to a count.
    pub fn add(count: &AtomicU64, by: usize) {
        count.fetch_add(by as u64, Ordering::Relaxed);
    }
}

/// What the pipeline tells after a commit.
#[derive(Clone)]
pub struct Outlets {
    /// Open pages.
    pub live: Arc<Live>,
    /// Identities that came or went.
    pub identity: Arc<Identity>,
    /// Wakes `deliver`.
    pub outbox: Arc<Notify>,
    /// Whose gateways must be told something.
    pub fleet: Arc<Fleet>,
    /// Wakes the line to the central server, at a store's home.
    pub journal: Arc<Notify>,
    /// Acknowledgements to be sent.
    pub committed: mpsc::UnboundedSender<Committed>,
    /// Counters.
    pub counts: Arc<Counts>,
}

/// Hands works to the writing thread.
#[derive(Clone)]
pub struct Pipeline {
    works: mpsc::Sender<Work>,
    hold_ticks: Arc<AtomicBool>,
}

impl Work {
    fn is_job(&self) -> bool {
        matches!(self, Self::Job(_))
    }
}

enum Work {
    /// And who waits for its commit, beside the gateway.
    Batch(Box<BatchWork>, Option<oneshot::Sender<()>>),
    Job(Box<dyn Job>),
    Tick,
    Stop,
}

/// A write that somebody waits for.
trait Job: Send {
    /// Runs it within the transaction; an error here fails the transaction.
    fn run(&mut self, txn: &mut Txn<'_>) -> Result<(), StoreError>;
    /// Tells the result, after the commit.
    fn answer(self: Box<Self>);
    /// It panicked.
    fn fail(self: Box<Self>);
}

impl Pipeline {
    /// Opens the database, becomes its writer, and starts the thread.
    pub fn start(
        path: &Path,
        outlets: Outlets,
        snapshot_ms: u64,
        sealer: Option<Sealer>,
    ) -> Result<(Self, thread::JoinHandle<()>), StoreError> {
        let (works, inlet) = mpsc::channel(QUEUE_MAX);
        let now_ms = Box::new(clock::now_ms);
        let mut writer = Writer::open(path, outlets, snapshot_ms, inlet, now_ms)?;
        if let Some(sealer) = sealer {
            writer.seal_to(sealer)?;
        }
        let hold_ticks = writer.hold_ticks.clone();
        let thread = thread::Builder::new()
            .name("writer".into())
            .spawn(move || writer.run())
            .map_err(|_| StoreError::Stopping)?;
        let ticker = works.downgrade();
        tokio::spawn(async move {
            let mut every = tokio::time::interval(TICK);
            every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
            loop {
                every.tick().await;
                let Some(works) = ticker.upgrade() else { break };
                if works.send(Work::Tick).await.is_err() {
                    break;
                }
            }
        });
        Ok((Self { works, hold_ticks }, thread))
    }

    /// Hands over a batch; waits while the queue is full.
    pub async fn batch(&self, work: BatchWork) -> Result<(), StoreError> {
        let work = Work::Batch(Box::new(work), None);
        self.works
            .send(work)
            .await
            .map_err(|_| StoreError::Stopping)
    }

    /// Hands over a batch, and returns once it is on the disk or set aside.
    pub async fn batch_done(&self, work: BatchWork) -> Result<(), StoreError> {
        let (done, is_done) = oneshot::channel();
        let work = Work::Batch(Box::new(work), Some(done));
        self.works
            .send(work)
            .await
            .map_err(|_| StoreError::Stopping)?;
        is_done.await.map_err(|_| StoreError::Stopping)
    }

    /// Runs a write and waits for its commit. It may run more than once; its last run counts.
    pub async fn write<T, F>(&self, write: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnMut(&mut Txn<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        self.hand_over(write, true).await
    }

    /// Runs a write in its turn, says what came of it, and takes it back: nothing of it is kept, and
    /// nobody is told.
    pub async fn try_out<T, F>(&self, write: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnMut(&mut Txn<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        self.hand_over(write, false).await
    }

    async fn hand_over<T, F>(&self, write: F, keep: bool) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnMut(&mut Txn<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job = WriteJob {
            write,
            keep,
            result: None,
            reply,
        };
        self.works
            .send(Work::Job(Box::new(job)))
            .await
            .map_err(|_| StoreError::Stopping)?;
        answer.await.map_err(|_| StoreError::Stopping)?
    }

    /// The line to the broker is gone: silence says nothing until gateways are heard again.
    pub async fn hears_nobody(&self) -> Result<(), StoreError> {
        let hears_nobody = |txn: &mut Txn<'_>| {
            txn.hears_nobody()?;
            Ok(())
        };
        self.write(hears_nobody).await
    }

    /// While held, nobody leaves: silence may be ours. Ingest holds while it has no broker.
    pub fn hold_ticks(&self, hold: bool) {
        self.hold_ticks.store(hold, Ordering::Relaxed);
    }

    /// Stops the thread once everything before is done.
    pub async fn stop(&self) {
        // An error says that it has stopped already.
        let _ = self.works.send(Work::Stop).await;
    }
}

struct WriteJob<T, F> {
    write: F,
    /// Else it is taken back.
    keep: bool,
    result: Option<Result<T, StoreError>>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<T: Send, F> Job for WriteJob<T, F>
where
    F: FnMut(&mut Txn<'_>) -> Result<T, StoreError> + Send,
{
    fn run(&mut self, txn: &mut Txn<'_>) -> Result<(), StoreError> {
        txn.db.execute_batch("SAVEPOINT job")?;
        let result = match self.keep {
            true => (self.write)(txn),
            false => txn.untold(&mut self.write),
        };
        match &result {
            Err(error) if error.is_transient() => return result.map(|_| ()),
            Ok(_) if self.keep => txn.finish_job(),
            _ => {
                txn.db.execute_batch("ROLLBACK TO job")?;
                txn.forget_unfinished();
            }
        }
        txn.db.execute_batch("RELEASE job")?;
        self.result = Some(result);
        Ok(())
    }

    fn answer(self: Box<Self>) {
        // An error says that whoever asked has gone.
        let _ = self
            .reply
            .send(self.result.unwrap_or(Err(StoreError::Stopping)));
    }

    fn fail(self: Box<Self>) {
        let damaged = StoreError::Damaged("the write panicked".into());
        let _ = self.reply.send(Err(damaged));
    }
}

/// What time it is.
type NowMs = Box<dyn Fn() -> u64 + Send>;

struct Writer {
    db: Connection,
    core: Core,
    outlets: Outlets,
    inlet: mpsc::Receiver<Work>,
    hold_ticks: Arc<AtomicBool>,
    /// Looked at once for each transaction.
    now_ms: NowMs,
    /// What was erased may still stand in the write-ahead log.
    to_wipe: bool,
    /// At a store's home: the copy on the disk.
    seal: Option<Seal>,
}

struct Seal {
    sealer: Sealer,
    sealed_ms: u64,
    /// A failure was told; once, until it works again.
    told: bool,
}

impl Seal {
    /// Takes in what was committed, before anybody is told of it. What gateways say a moment later
    /// again may wait: each write wears the card.
    fn seal(&mut self, db: &Connection, now_ms: u64, can_wait: bool) {
        if can_wait && now_ms < self.sealed_ms + SEAL_EVERY_MS {
            return;
        }
        match self.sealer.seal(db) {
            Ok(()) => (self.sealed_ms, self.told) = (now_ms, false),
            // The desk goes on: a card that is full must not keep anybody waiting.
            Err(error) if !self.told => {
                self.told = true;
                let error = &error as &dyn std::error::Error;
                tracing::error!(error, "what happens now would not survive a restart");
            }
            Err(_) => {}
        }
    }
}

impl Writer {
    /// Opens the database and becomes its writer; ticks are held.
    fn open(
        path: &Path,
        outlets: Outlets,
        snapshot_ms: u64,
        inlet: mpsc::Receiver<Work>,
        now_ms: NowMs,
    ) -> Result<Self, StoreError> {
        let db = store::open_writer(path)?;
        store::log::take_over(&db)?;
        let mut core = Core::new(now_ms(), snapshot_ms);
        core.warm(&db)?;
        Ok(Self {
            db,
            core,
            outlets,
            inlet,
            hold_ticks: Arc::new(AtomicBool::new(true)),
            now_ms,
            to_wipe: false,
            seal: None,
        })
    }

    /// Keeps a sealed copy from here on, as a machine in a store does.
    fn seal_to(&mut self, sealer: Sealer) -> Result<(), StoreError> {
        sealer.prepare(&self.db)?;
        self.seal = Some(Seal {
            sealer,
            sealed_ms: 0,
            told: false,
        });
        Ok(())
    }

    fn run(mut self) {
        let mut group = Vec::with_capacity(GROUP_WORKS_MAX);
        loop {
            let stop = self.gather(&mut group);
            if !group.is_empty() && !self.commit_group(&mut group) {
                return;
            }
            if stop {
                return;
            }
        }
    }

    /// Waits for one work, then takes what waits with it. True: stop after this group.
    fn gather(&mut self, group: &mut Vec<Work>) -> bool {
        let Some(mut work) = self.inlet.blocking_recv() else {
            return true;
        };
        let mut sightings = 0;
        loop {
            match work {
                Work::Stop => return true,
                Work::Batch(ref batch, _) => sightings += batch.heard.len(),
                _ => {}
            }
            group.push(work);
            if group.len() >= GROUP_WORKS_MAX || sightings >= GROUP_SIGHTINGS_MAX {
                return false;
            }
            match self.inlet.try_recv() {
                Ok(next) => work = next,
                Err(_) => return false,
            }
        }
    }

    /// Commits all, or else each by itself. False: another server has taken over.
    fn commit_group(&mut self, group: &mut Vec<Work>) -> bool {
        match self.attempt(group) {
            Ok(()) => {
                group.drain(..).for_each(answer);
                return true;
            }
            Err(failure) => tracing::warn!(
                works = group.len(),
                error = %failure,
                "transaction failed, trying each work by itself"
            ),
        }
        Counts::add(&self.outlets.counts.retries_total, 1);
        for work in group.drain(..) {
            if !self.commit_one(work) {
                return false;
            }
        }
        true
    }

    fn commit_one(&mut self, work: Work) -> bool {
        let mut single = vec![work];
        loop {
            match self.attempt(&mut single) {
                Ok(()) => {
                    single.drain(..).for_each(answer);
                    return true;
                }
                Err(Failure::Store(StoreError::Fenced(store))) => {
                    tracing::error!(store, "another server writes for this store: stopping");
                    return false;
                }
                Err(Failure::Store(error)) if error.is_transient() => {
                    tracing::warn!(%error, wait_ms = RETRY_WAIT.as_millis(), "will try again");
                    thread::sleep(RETRY_WAIT);
                }
                Err(failure) => {
                    single
                        .drain(..)
                        .for_each(|work| self.give_up(work, &failure));
                    return true;
                }
            }
        }
    }

    /// Runs the works in one transaction and, once it is on the disk, tells the outlets.
    fn attempt(&mut self, works: &mut [Work]) -> Result<(), Failure> {
        let hold = self.hold_ticks.load(Ordering::Relaxed);
        let has_job = works.iter().any(Work::is_job);
        let now_ms = (self.now_ms)();
        let (db, core) = (&self.db, &mut self.core);
        let done = catch_unwind(AssertUnwindSafe(|| -> Result<After, StoreError> {
            db.execute_batch("BEGIN IMMEDIATE")?;
            let mut txn = Txn::new(db, core, now_ms);
            for work in works {
                match work {
                    Work::Batch(batch, _) => txn.apply_batch(batch)?,
                    Work::Job(job) => job.run(&mut txn)?,
                    Work::Tick if hold => txn.begin()?,
                    Work::Tick => txn.tick()?,
                    Work::Stop => {}
                }
            }
            let after = txn.finish()?;
            db.execute_batch("COMMIT")?;
            Ok(after)
        }));
        let failure = match done {
            Ok(Ok(after)) => {
                self.to_wipe |= after.erased;
                if self.to_wipe {
                    self.wipe_log();
                }
                if let Some(seal) = &mut self.seal {
                    let can_wait = after.cards.is_empty() && !has_job;
                    seal.seal(&self.db, now_ms, can_wait);
                }
                self.tell(after, now_ms);
                return Ok(());
            }
            Ok(Err(error)) => Failure::Store(error),
            Err(_) => Failure::Panic,
        };
        if !self.db.is_autocommit() {
            // If even this fails, the next BEGIN says so.
            let _ = self.db.execute_batch("ROLLBACK");
        }
        self.core.read_back();
        Err(failure)
    }

    /// Old pages with what was erased leave SQLite's write-ahead log before anybody is told that
    /// it is gone. Somebody who reads at this moment may hold them; then the next transaction
    /// tries again.
    fn wipe_log(&mut self) {
        let wiped = store::wipe_log(&self.db);
        self.to_wipe = !wiped.unwrap_or_else(|error| {
            tracing::warn!(%error, "what was erased is in the write-ahead log for now");
            false
        });
    }

    fn tell(&self, after: After, now_ms: u64) {
        let outlets = &self.outlets;
        self.count(&after.tally);
        outlets.identity.add(&after.radios, now_ms);
        for customer in after.forgotten {
            outlets.identity.forget(customer);
        }
        for change in after.cards {
            outlets.live.card_changed(change);
        }
        for customer in after.pickups {
            outlets.live.pickup_changed(customer);
        }
        for store in after.layouts {
            outlets.fleet.layout_changed(store);
        }
        for committed in after.committed {
            // An error says that ingest has stopped: the gateway will ask again.
            let _ = outlets.committed.send(committed);
        }
        if after.deliveries {
            outlets.outbox.notify_one();
        }
        if after.journal {
            outlets.journal.notify_one();
        }
    }

    fn count(&self, tally: &Tally) {
        let counts = &self.outlets.counts;
        for (count, by) in [
            (&counts.batches_applied_total, tally.batches_applied),
            (&counts.sightings_applied_total, tally.sightings_applied),
            (&counts.batches_again_total, tally.batches_again),
            (&counts.no_consent_total, tally.no_consent),
            (&counts.wrong_anchor_total, tally.wrong_anchor),
            (&counts.in_two_stores_total, tally.in_two_stores),
            (&counts.late_total, tally.late),
        ] {
            Counts::add(count, by);
        }
    }

    /// A work that fails for good: a batch is set aside, a job is told.
    fn give_up(&mut self, work: Work, failure: &Failure) {
        match work {
            Work::Batch(batch, done) => {
                tracing::error!(
                    store = %batch.store, gateway = %batch.gateway, boot = %batch.boot,
                    seq = batch.seq, error = %failure, "batch set aside"
                );
                let reason = failure.to_string();
                let aside = Box::new(SetAside {
                    batch: *batch,
                    reason,
                });
                // Writing one row; if that fails too, the gateway still has the batch.
                if self.attempt(&mut [Work::Job(aside)]).is_ok() {
                    Counts::add(&self.outlets.counts.set_aside_total, 1);
                    tell_done(done);
                }
            }
            Work::Job(job) => {
                tracing::error!(error = %failure, "write failed");
                job.fail();
            }
            Work::Tick | Work::Stop => tracing::error!(error = %failure, "tick failed"),
        }
    }
}

struct SetAside {
    batch: BatchWork,
    reason: String,
}

impl Job for SetAside {
    fn run(&mut self, txn: &mut Txn<'_>) -> Result<(), StoreError> {
        txn.set_aside(&self.batch, &self.reason)
    }
    fn answer(self: Box<Self>) {}
    fn fail(self: Box<Self>) {}
}

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Store(StoreError),
    #[error("panic in the engine")]
    Panic,
}

fn answer(work: Work) {
    match work {
        Work::Job(job) => job.answer(),
        Work::Batch(_, done) => tell_done(done),
        Work::Tick | Work::Stop => {}
    }
}

fn tell_done(done: Option<oneshot::Sender<()>>) {
    if let Some(done) = done {
        // An error says that whoever asked has gone.
        let _ = done.send(());
    }
}
