//! Sightings on disk until the server says that it has them.
//!
//! In: batches of sightings, acknowledged ranges, the server's clock, keys to seal to. Out: batches
//! to publish, live ones first, then what waits longest.
//! Promises: a batch is lent for publishing only when it is synced; after a crash every synced
//! batch is read again; past `bytes_max` the oldest detail goes first and is counted; a disk that
//! is full or broken is tried again every second, and what then finds no room is counted.
//! Invariant: reads no clock; only an acknowledgement (or eviction) deletes; a sequence number is
//! given once.
//!
//! # On disk
//!
//! ```text
//! DIR/lock                        held while a gateway runs
//! DIR/clocks.json                 {"<machine boot>": {"mono_ms": 1, "server_ms": 2}, …}: the last
//!                                 known anchor of each boot of the machine; replaced whole
//! DIR/<boot>/                     one run of the gateway; boots sort by age, as UUIDv7 do
//! DIR/<boot>/acknowledged.json    [[1,17],[19,20]]: numbers that the server has; may lag behind
//! DIR/<boot>/<seq>.seg            a segment; <seq>: its first number, 20 decimal digits; or
//!                                 <seq>-<n>.seg, if that name was taken
//! DIR/<boot>/<seq>.corrupt        what could not be read of a segment, kept for people
//! ```
//! A segment, all numbers little-endian, checksums CRC-32 (IEEE 802.3):
//! ```text
//!   0  8  magic "WLKSPOOL"
//!   8  2  format: 1 plain, 2 sealed
//!  10  1  stream: 0 first sights, 1 detail
//!  11  1  1 if a clock anchor follows, else 0
//!  12 16  boot: the run of the gateway (UUID, big-endian as always)
//!  28 16  machine boot: /proc/sys/kernel/random/boot_id
//!  44  8  clock anchor: mono_ms
//!  52  8  clock anchor: server_ms
//!  60  4  checksum of bytes 0 to 59
//!  64     in format 2: a record with number 0, its body the JSON of an envelope
//!         records, one after the other:
//!         0  4  body_len
//!         4  4  checksum of seq (8 bytes) and body
//!         8  8  seq, from 1; grows within a segment; the two streams of a boot share the numbers
//!        16  …  body, format 1: JSON array of sightings, as in `protocol::message::Batch`
//!               body, format 2: 4 bytes, how many sightings; then that array sealed, see
//!               `protocol::seal`
//! ```
//! A record that ends early, with no whole record after it, was never synced: it is cut off. One
//! that is broken with whole records after it is moved to the `.corrupt` file with all that
//! follows. The rare number that stands in two segments (a sync failed) is the same batch twice.

mod clocks;
pub mod inspect;
mod keeper;
mod loans;
mod open;
mod queue;
mod sealing;
pub mod segment;
mod store;
mod writer;

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use protocol::{
    BootId, Ranges,
    message::{Batch, ClockAnchor, Sighting},
    seal::{Envelope, PublicKey, SealError, Sealed},
};
use uuid::Uuid;

use self::{clocks::Clocks, loans::Loans, queue::Queue, sealing::Sealing, writer::Writer};
pub use self::{
    keeper::{Gone, SpoolHandle, View},
    open::is_in_use,
    sealing::Seal,
    segment::Stream,
};
use crate::clock::Monotonic;

/// First sights are synced this long after the first that waits: with the sync itself within
/// 100 ms on an SD card that is well.
pub const FIRST_SYNC_AFTER_MS: u64 = 50;
/// Detail is synced this long after the first that waits. SD cards wear by the sync, but windows of
/// all transmitters end together: it is one sync a window whatever stands here. 900 ms put that on
/// top of every arrival that takes two windows to be sure of.
pub const DETAIL_SYNC_AFTER_MS: u64 = 100;
/// After a failed write the next try waits this long.
pub const RETRY_AFTER_MS: u64 = 1_000;
/// Acknowledged ranges are written this long after the first that is not: what a crash makes us
/// send twice.
pub const ACKNOWLEDGED_SAVE_AFTER_MS: u64 = 10_000;
/// Sightings that wait in memory for a disk that does not take them. Past it the oldest detail
/// goes, counted as evicted: about 6 MiB.
pub const QUEUE_SIGHTINGS_MAX: u64 = 50_000;
/// Files of unreadable bytes that are kept, the latest ones.
pub const CORRUPT_FILES_MAX: usize = 16;

/// What was attempted and failed.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// The file system said no.
    #[error("{attempt} {path}")]
    Io {
        /// As "open segment".
        attempt: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Two gateways with one folder.
    #[error("another gateway uses {path}")]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// Nothing can be sealed to the keys that are set.
    #[error("seal sightings")]
    Seal(#[from] SealError),
}

/// Names what is attempted, for errors.
fn attempt<T>(attempt: &'static str, path: &Path, result: io::Result<T>) -> Result<T, SpoolError> {
    result.map_err(|source| SpoolError::Io {
        attempt,
        path: path.into(),
        source,
    })
}

/// What a spool is opened with.
#[derive(Debug, Clone)]
pub struct SpoolOptions {
    /// The folder.
    pub dir: PathBuf,
    /// What it may hold.
    pub bytes_max: u64,
    /// The size at which a segment is full.
    pub segment_bytes: u64,
    /// This boot of the machine.
    pub machine_boot: Uuid,
    /// The machine's wall clock, for nothing but the order of boots; may be wrong.
    pub wall_ms: u64,
    /// For the boot's id.
    pub random: [u8; 10],
}

/// What a spool did since it was opened; in sightings, where nothing else is said.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SpoolCounts {
    /// Synced.
    pub spooled_total: u64,
    /// Given up for lack of space.
    pub evicted_total: u64,
    /// Synced and not acknowledged: a gauge.
    pub waiting: u64,
    /// Segments with a tail that was cut.
    pub torn_segments_total: u64,
    /// Segments of which a part, or all, was set aside.
    pub corrupt_segments_total: u64,
    /// Batches that could not be read any more when their turn came.
    pub unreadable_batches_total: u64,
    /// Writes and syncs that failed.
    pub failed_writes_total: u64,
}

/// Names one batch; sorts by age.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    boot: BootId,
    seq: u64,
}

/// Where a batch lies.
#[derive(Debug, Clone, Copy)]
struct BatchAt {
    segment: SegmentNo,
    offset: u32,
    body_len: u32,
    sightings: u32,
}

/// Numbers the segments of one opened spool, oldest first.
type SegmentNo = u64;

#[derive(Debug)]
struct Segment {
    path: PathBuf,
    boot: BootId,
    machine_boot: Uuid,
    stream: Stream,
    first_seq: u64,
    last_seq: u64,
    len: u64,
    /// What opens its batches; none: they are not sealed.
    envelope: Option<Arc<Envelope>>,
    /// Batches in it that are synced and not acknowledged.
    waiting: u64,
    /// Nothing more is written to it.
    closed: bool,
}

#[derive(Debug, Default)]
struct Boot {
    acknowledged: Ranges,
    unsaved: bool,
}

/// A batch that has a number and is not synced yet.
#[derive(Debug)]
struct Accepted {
    seq: u64,
    stream: Stream,
    sightings: u32,
    /// What opens the body; none: it is JSON.
    envelope: Option<Arc<Envelope>>,
    body: Vec<u8>,
}

/// What a batch that was read holds.
#[derive(Debug)]
enum Content {
    Clear(Vec<Sighting>),
    Sealed(Sealed),
}

/// The spool of one gateway. Synchronous; owned by one thread, see [`SpoolHandle`].
#[derive(Debug)]
pub struct Spool {
    options: SpoolOptions,
    boot: BootId,
    seal: Sealing,
    next_seq: u64,
    /// Accepted and not written: empty, unless the disk refuses.
    queue: Queue,
    retry_at: Option<Monotonic>,
    first: Option<Writer>,
    detail: Option<Writer>,
    /// Synced and not acknowledged.
    waiting: BTreeMap<Key, BatchAt>,
    segments: BTreeMap<SegmentNo, Segment>,
    next_segment: SegmentNo,
    bytes: u64,
    boots: BTreeMap<BootId, Boot>,
    save_at: Option<Monotonic>,
    clocks: Clocks,
    loans: Loans,
    counts: SpoolCounts,
    /// The latest failure that nobody has asked for.
    error: Option<SpoolError>,
    /// Held, not read.
    _lock: File,
}

impl Spool {
    /// Takes over the folder, reads what earlier boots left there.
    pub fn open(options: SpoolOptions, seal: Seal) -> Result<Self, SpoolError> {
        open::open(options, seal)
    }

    /// From now on batches are sealed to these; what is on disk stays as it is. `seed` is randomness
    /// that nothing else is made from. A spool that was opened plain stays plain.
    pub fn seal_to(&mut self, keys: &[PublicKey], seed: [u8; 32]) -> Result<(), SpoolError> {
        Ok(self.seal.change(keys, self.boot, seed)?)
    }

    /// This run of the process.
    pub fn boot(&self) -> BootId {
        self.boot
    }

    /// What it did so far.
    pub fn counts(&self) -> SpoolCounts {
        self.counts
    }

    /// What its segments take of the disk.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The latest failure since the last call; it is handled, but somebody should know.
    pub fn take_error(&mut self) -> Option<SpoolError> {
        self.error.take()
    }

    /// Takes one batch; returns its number. It is lent once it is synced. Never fails: what the
    /// disk refuses waits in memory.
    pub fn append(&mut self, now: Monotonic, stream: Stream, sightings: &[Sighting]) -> u64 {
        let seq = self.next_seq;
        self.next_seq += 1;
        let accepted = self.seal.accept(seq, stream, sightings);
        self.enqueue(accepted);
        self.write_queue(now);
        seq
    }

    /// When [`Spool::work`] next has something to do.
    pub fn work_at(&self) -> Option<Monotonic> {
        let syncs = [&self.first, &self.detail].map(|w| w.as_ref().and_then(Writer::sync_at));
        let all = [syncs[0], syncs[1], self.retry_at, self.save_at];
        all.into_iter().flatten().min()
    }

    /// Syncs, retries and saves what is due. Failures are counted and tried again.
    pub fn work(&mut self, now: Monotonic) {
        let due = |at: Option<Monotonic>| at.is_some_and(|at| at <= now);
        if due(self.retry_at) {
            self.write_queue(now);
        }
        for stream in [Stream::First, Stream::Detail] {
            if due(self.writer(stream).as_ref().and_then(Writer::sync_at)) {
                self.sync(now, stream);
            }
        }
        if due(self.save_at) {
            self.save_acknowledged();
        }
    }

    /// Syncs and saves everything at once: before the end.
    pub fn flush(&mut self, now: Monotonic) {
        self.write_queue(now);
        self.sync(now, Stream::First);
        self.sync(now, Stream::Detail);
        self.save_acknowledged();
    }

    /// The server has these; the only thing that deletes, next to eviction. Numbers that the
    /// spool does not know are ignored.
    pub fn acknowledge(&mut self, now: Monotonic, boot: BootId, ranges: &Ranges) {
        for (first, last) in ranges.iter() {
            let (first, last) = (Key { boot, seq: first }, Key { boot, seq: last });
            if first > last {
                continue;
            }
            let known: Vec<Key> = self.waiting.range(first..=last).map(|(k, _)| *k).collect();
            for key in known {
                self.settle(now, key);
            }
        }
        self.delete_settled_segments();
    }

    /// A machine in the store has used these; the central server does not have them. They are kept,
    /// and lent again on the next connection, or once they are [recalled](Self::recall).
    pub fn hold(&mut self, boot: BootId, ranges: &Ranges) {
        for (first, last) in ranges.iter() {
            let (first, last) = (Key { boot, seq: first }, Key { boot, seq: last });
            self.loans.held(first, last);
        }
    }

    /// What ties this machine boot to the server's time; the best so far.
    pub fn set_clock(&mut self, anchor: ClockAnchor) -> Result<(), SpoolError> {
        let machine_boot = self.options.machine_boot;
        let kept = |boot: &Uuid| {
            *boot == machine_boot || self.segments.values().any(|s| s.machine_boot == *boot)
        };
        self.clocks.set(machine_boot, anchor, kept)
    }

    /// What ties this machine boot to the server's time, if anything does.
    pub fn clock(&self) -> Option<ClockAnchor> {
        self.clocks.get(self.options.machine_boot)
    }

    /// A new connection: nothing is published, everything that waits is to be.
    pub fn recall(&mut self) {
        self.loans.recall();
    }

    /// The next batches to publish, synced all; empty if there is nothing, or if the server owes
    /// us too many acknowledgements.
    pub fn lend(&mut self, now: Monotonic, address: &Address) -> Vec<Batch> {
        let mut batches = Vec::new();
        while let Some(key) = self.loans.next(&self.waiting) {
            let Some(at) = self.waiting.get(&key).copied() else {
                continue;
            };
            match self.read(at, key.seq) {
                Ok(Some(content)) => {
                    self.loans.lent(now, key);
                    batches.push(self.batch(address, key, at, content));
                }
                Ok(None) => {
                    self.counts.unreadable_batches_total += 1;
                    self.forget(key);
                }
                // The disk may come back: the next connection tries again.
                Err(error) => {
                    self.counts.unreadable_batches_total += 1;
                    self.error = Some(error);
                }
            }
            if batches.len() == loans::LEND_MAX {
                break;
            }
        }
        batches
    }

    /// Whether [`Spool::lend`] may have something.
    pub fn may_lend(&self) -> bool {
        self.loans.may_lend(&self.waiting)
    }

    /// Batches that are lent and not acknowledged, and since when the oldest is.
    pub fn lent(&self) -> (usize, Option<Monotonic>) {
        self.loans.outstanding()
    }

    /// Batches that wait for an acknowledgement, lent or not.
    pub fn waiting_batches(&self) -> usize {
        self.waiting.len()
    }

    fn batch(&self, address: &Address, key: Key, at: BatchAt, content: Content) -> Batch {
        let (sightings, sealed) = match content {
            Content::Clear(sightings) => (sightings, None),
            Content::Sealed(sealed) => (Vec::new(), Some(sealed)),
        };
        let machine_boot = self.segments.get(&at.segment).map(|s| s.machine_boot);
        Batch {
            v: protocol::message::VERSION,
            store: address.store.clone(),
            gateway: address.gateway.clone(),
            boot: key.boot,
            seq: key.seq,
            clock: machine_boot.and_then(|boot| self.clocks.get(boot)),
            sightings,
            sealed,
        }
    }
}

/// Whose batches these are.
#[derive(Debug, Clone)]
pub struct Address {
    /// The store.
    pub store: protocol::StoreId,
    /// The gateway.
    pub gateway: protocol::GatewayId,
}

/// Makes a folder's list of files durable.
pub(crate) fn sync_dir(dir: &Path) -> Result<(), SpoolError> {
    let synced = File::open(dir).and_then(|d| d.sync_all());
    attempt("sync folder", dir, synced)
}

/// Replaces a small file whole: readers see the old one or the new one.
pub(crate) fn replace_file(path: &Path, content: &[u8], durable: bool) -> Result<(), SpoolError> {
    let beside = path.with_extension("tmp");
    let written = File::create(&beside).and_then(|mut file| {
        io::Write::write_all(&mut file, content)?;
        if durable { file.sync_all() } else { Ok(()) }
    });
    attempt("write", &beside, written)?;
    attempt("replace", path, fs::rename(&beside, path))
}

#[cfg(test)]
mod tests;
