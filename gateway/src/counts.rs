//! All counts of this process, in one place.
//!
//! In: every drop, whoever drops; how disk and line do. Out: the [`Counts`] that go out with each
//! status, and what the health page says besides.
//! Invariant: a count only grows, but for the gauges: `waiting`, the spool's bytes, the line.

use std::sync::{
    Arc,
    atomic::{AtomicU8, AtomicU64, Ordering::Relaxed},
};

use protocol::message::Counts;

use crate::{alive::Alive, clock::Monotonic, spool::SpoolCounts};

/// Shared by the tasks of one gateway; cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Counters(Arc<Cells>);

#[derive(Debug, Default)]
struct Cells {
    heard: AtomicU64,
    foreign: AtomicU64,
    apple_overflow: AtomicU64,
    beacon: AtomicU64,
    lookups_shed: AtomicU64,
    malformed: AtomicU64,
    bad_lines: AtomicU64,
    without_strength: AtomicU64,
    cut_off: AtomicU64,
    shed: AtomicU64,
    spooled: AtomicU64,
    evicted: AtomicU64,
    waiting: AtomicU64,
    failed_writes: AtomicU64,
    spool_bytes: AtomicU64,
    heard_ms: AtomicU64,
    connections: AtomicU64,
    line: AtomicU8,
    alive: Alive,
}

/// How the line to the server is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Line {
    /// There is none.
    #[default]
    Away = 0,
    /// To the broker; the server has said nothing yet.
    Broker = 1,
    /// The server answers.
    Server = 2,
}

impl Counters {
    /// One advertisement came from the source, heard at `at`.
    pub fn heard(&self, at: Monotonic) {
        self.0.heard.fetch_add(1, Relaxed);
        self.0.heard_ms.store(at.0, Relaxed);
    }
    /// One was in none of our layouts or not on the chain's list.
    pub fn foreign(&self) {
        self.0.foreign.fetch_add(1, Relaxed);
    }
    /// One was foreign, and an iPhone app in the background.
    pub fn apple_overflow(&self) {
        self.foreign();
        self.0.apple_overflow.fetch_add(1, Relaxed);
    }
    /// One was of a fixed beacon of the store.
    pub fn beacon(&self) {
        self.0.beacon.fetch_add(1, Relaxed);
    }
    /// The first of a radio was given up: too many new ones came in at once.
    pub fn shed_lookup(&self) {
        self.0.lookups_shed.fetch_add(1, Relaxed);
    }
    /// One broke the rules of its own layout.
    pub fn malformed(&self) {
        self.0.malformed.fetch_add(1, Relaxed);
    }
    /// The source gave something that is no advertisement at all.
    pub fn bad_line(&self) {
        self.0.bad_lines.fetch_add(1, Relaxed);
    }
    /// The radio did not know how strong one was, so there is nothing to place it by.
    pub fn without_strength(&self) {
        self.0.without_strength.fetch_add(1, Relaxed);
    }
    /// The radio lost the end of a long one. What there is of it is used all the same.
    pub fn cut_off(&self) {
        self.0.cut_off.fetch_add(1, Relaxed);
    }
    /// What the aggregator has shed since it began.
    pub fn set_shed(&self, total: u64) {
        self.0.shed.store(total, Relaxed);
    }
    /// What the spool has done since it was opened, in sightings.
    pub fn set_spool(&self, counts: &SpoolCounts, bytes: u64) {
        self.0.spooled.store(counts.spooled_total, Relaxed);
        self.0.evicted.store(counts.evicted_total, Relaxed);
        self.0.waiting.store(counts.waiting, Relaxed);
        self.0
            .failed_writes
            .store(counts.failed_writes_total, Relaxed);
        self.0.spool_bytes.store(bytes, Relaxed);
    }
    /// What became of the line to the server.
    pub fn set_line(&self, line: Line) {
        if self.0.line.swap(line as u8, Relaxed) != line as u8 && line == Line::Broker {
            self.0.connections.fetch_add(1, Relaxed);
        }
    }

    /// As they stand. What the source could not read or place counts as malformed on the wire.
    pub fn snapshot(&self) -> Counts {
        Counts {
            heard_total: self.0.heard.load(Relaxed),
            foreign_total: self.0.foreign.load(Relaxed),
            apple_overflow_total: self.0.apple_overflow.load(Relaxed),
            beacon_total: self.0.beacon.load(Relaxed),
            malformed_total: self.0.malformed.load(Relaxed)
                + self.bad_lines_total()
                + self.without_strength_total(),
            shed_total: self.0.shed.load(Relaxed) + self.0.lookups_shed.load(Relaxed),
            spooled_total: self.0.spooled.load(Relaxed),
            evicted_total: self.0.evicted.load(Relaxed),
            waiting: self.0.waiting.load(Relaxed),
        }
    }

    /// Which parts get on.
    pub fn alive(&self) -> &Alive {
        &self.0.alive
    }

    /// When the source last heard anything.
    pub fn heard_at(&self) -> Option<Monotonic> {
        let heard_ms = self.0.heard_ms.load(Relaxed);
        (heard_ms > 0).then_some(Monotonic(heard_ms))
    }

    /// How the line is.
    pub fn line(&self) -> Line {
        match self.0.line.load(Relaxed) {
            2 => Line::Server,
            1 => Line::Broker,
            _ => Line::Away,
        }
    }

    /// Connections to the broker since the process started.
    pub fn connections_total(&self) -> u64 {
        self.0.connections.load(Relaxed)
    }

    /// Writes of the spool that the disk refused.
    pub fn failed_writes_total(&self) -> u64 {
        self.0.failed_writes.load(Relaxed)
    }

    /// What the spool takes of the disk.
    pub fn spool_bytes(&self) -> u64 {
        self.0.spool_bytes.load(Relaxed)
    }

    /// Lines of the source that were skipped.
    pub fn bad_lines_total(&self) -> u64 {
        self.0.bad_lines.load(Relaxed)
    }

    /// Advertisements without a strength.
    pub fn without_strength_total(&self) -> u64 {
        self.0.without_strength.load(Relaxed)
    }

    /// Advertisements whose end is missing.
    pub fn cut_off_total(&self) -> u64 {
        self.0.cut_off.load(Relaxed)
    }
}
