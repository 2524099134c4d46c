//! All counts of this process, in one place.
//!
//! In: every drop, whoever drops. Out: the [`Counts`] that go out with each status.
//! Invariant: a count only grows, but for the one gauge, `waiting`.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use protocol::message::Counts;

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
}

impl Counters {
    /// One advertisement came from the source.
    pub fn heard(&self) {
        self.0.heard.fetch_add(1, Relaxed);
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
    pub fn set_spool(&self, spooled_total: u64, evicted_total: u64, waiting: u64) {
        self.0.spooled.store(spooled_total, Relaxed);
        self.0.evicted.store(evicted_total, Relaxed);
        self.0.waiting.store(waiting, Relaxed);
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
