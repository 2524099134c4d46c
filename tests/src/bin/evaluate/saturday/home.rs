//! The machine in the store on that day, and its line to the central server, which may be cut.
//!
//! In: what gateways send, taps, the time. Out: cards as a board in the store reads them.
//! Both ends are the server's own code (`server::home`), and what goes over the line goes as the JSON
//! that it would be. Left out: HTTP, and the sealed copy.
//! Invariant: while the line is cut nothing passes, in neither direction; gateways keep what the
//! central server does not have, as their spools do.

use std::{collections::VecDeque, path::Path, sync::Arc};

use anyhow::Context;
use protocol::{GatewayId, StoreId, message::Sighting};
use rusqlite::Connection;
use serde::{Serialize, de::DeserializeOwned};
use server::{
    fleet::Fleet,
    home::{Claimed, ENTRIES_MAX, Entry, Identities, State, central, learn},
    identity::Identity,
    live::Live,
    pipeline::{Counts, Outlets, Stepper},
    store::{self, home, homes, outcome::CardChanged},
};
use tokio::sync::{Notify, broadcast, mpsc};

use super::{ZERO_MS, shop::SNAPSHOT_MS};

/// As the line asks.
const ASK_MS: u64 = 2_000;
/// A gateway has so many batches on their way at once.
const BACKLOG_AT_ONCE: usize = 200;
/// A home's last sign of life is written down this often.
const SEEN_MS: u64 = 5_000;

/// What a gateway keeps for the central server: its number, and what it heard.
pub(crate) type Kept = (GatewayId, u64, Vec<Sighting>);

pub(crate) struct Home {
    pub(crate) stepper: Stepper,
    pub(crate) reader: Connection,
    pub(crate) identity: Arc<Identity>,
    pub(crate) cards: broadcast::Receiver<CardChanged>,
    epoch: u64,
    store: StoreId,
    /// How things stand, as it was last said, and by which tag.
    tag: String,
    state: State,
    identities: Vec<Identities>,
    kept: VecDeque<Kept>,
    cut_ms: std::ops::Range<u64>,
    asked_ms: u64,
    seen_ms: u64,
    /// What the journal brought to the central server.
    pub(crate) told: u64,
}

/// Over the line and back into what it was.
fn carried<T: Serialize + DeserializeOwned>(what: &T) -> anyhow::Result<T> {
    Ok(serde_json::from_str(&serde_json::to_string(what)?)?)
}

impl Home {
    /// The machine claims the desk of the store in the morning; from then on it has it.
    pub(crate) fn open(
        path: &Path,
        store: &StoreId,
        cut_ms: std::ops::Range<u64>,
        far: &mut Stepper,
        far_reader: &Connection,
    ) -> anyhow::Result<Self> {
        let of = store.clone();
        let claimed: Claimed = far.write(ZERO_MS, move |txn| {
            homes::put(txn.db, &of, &[7; 32])?;
            central::claim(txn, &of)
        })?;
        let (claimed, state) = (
            carried(&claimed)?,
            central::state(far_reader, ZERO_MS, store)?,
        );
        let (live, identity) = (Arc::new(Live::default()), Arc::new(Identity::default()));
        let counts = Arc::new(Counts::default());
        let outlets = Outlets {
            live: live.clone(),
            identity: identity.clone(),
            outbox: Arc::new(Notify::new()),
            fleet: Arc::new(Fleet::new(counts.clone()).0),
            journal: Arc::new(Notify::new()),
            committed: mpsc::unbounded_channel().0,
            counts,
        };
        let mut stepper = Stepper::open(path, outlets, SNAPSHOT_MS, ZERO_MS)?;
        let (epoch, told) = (claimed.epoch, state.clone());
        stepper.write(ZERO_MS, move |txn| learn::take_desk(txn, &claimed, &told))?;
        Ok(Self {
            cards: live.follow_cards(),
            stepper,
            reader: store::open_reader(path)?,
            identity,
            epoch,
            store: store.clone(),
            tag: String::new(),
            state,
            identities: Vec::new(),
            kept: VecDeque::new(),
            cut_ms,
            asked_ms: 0,
            seen_ms: 0,
            told: 0,
        })
    }

    pub(crate) fn has_line(&self, now_ms: u64) -> bool {
        !self.cut_ms.contains(&(now_ms - ZERO_MS))
    }

    /// A batch that this machine has used and the central server cannot have yet.
    pub(crate) fn keep(&mut self, kept: Kept) {
        self.kept.push_back(kept);
    }

    /// What gateways hand over of what they kept, once there is a line again.
    pub(crate) fn backlog(&mut self) -> Vec<Kept> {
        let many = self.kept.len().min(BACKLOG_AT_ONCE);
        self.kept.drain(..many).collect()
    }

    pub(crate) fn backlog_len(&self) -> usize {
        self.kept.len()
    }

    /// One round of the line, if it is time for one.
    pub(crate) fn ask(
        &mut self,
        now_ms: u64,
        far: &mut Stepper,
        far_reader: &Connection,
    ) -> anyhow::Result<()> {
        if now_ms < self.asked_ms + ASK_MS || !self.has_line(now_ms) {
            return Ok(());
        }
        self.asked_ms = now_ms;
        self.tell(now_ms, far)?;
        if now_ms >= self.seen_ms + SEEN_MS {
            self.seen_ms = now_ms;
            let of = self.store.clone();
            far.write(now_ms, move |txn| homes::seen(txn.db, &of, txn.now_ms))?;
        }
        let row = homes::of(far_reader, &self.store)?.context("the store's home")?;
        let tag = row.tag(now_ms);
        if tag != self.tag {
            let told: State = carried(&central::state(far_reader, now_ms, &self.store)?)?;
            self.tag = tag;
            self.state = told.clone();
            self.stepper
                .write(now_ms, move |txn| learn::learn(txn, &told))?;
        }
        self.ask_identities(now_ms, far_reader)
    }

    fn tell(&mut self, now_ms: u64, far: &mut Stepper) -> anyhow::Result<()> {
        loop {
            let entries: Vec<Entry> = carried(&home::journal(&self.reader, ENTRIES_MAX)?)?;
            if entries.is_empty() {
                return Ok(());
            }
            let (of, epoch) = (self.store.clone(), self.epoch);
            self.told += entries.len() as u64;
            let n = far.write(now_ms, move |txn| central::hear(txn, &of, epoch, &entries))?;
            self.stepper
                .write(now_ms, move |txn| home::forget_journal(txn.db, n))?;
        }
    }

    fn ask_identities(&mut self, now_ms: u64, far_reader: &Connection) -> anyhow::Result<()> {
        let wanted = learn::unknown(&self.state, &self.identities, now_ms);
        if wanted.is_empty() {
            return Ok(());
        }
        let found = carried(&central::identities(
            far_reader,
            now_ms,
            &self.store,
            &wanted,
        )?)?;
        self.stepper.write(now_ms, move |txn| {
            let mut rows = found.iter();
            rows.try_for_each(|row| home::put_identities(txn.db, row))
        })?;
        self.identities = home::identities(&self.reader)?;
        self.identity.give(&self.identities);
        Ok(())
    }
}
