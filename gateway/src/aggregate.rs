//! Gathers advertisements into sightings.
//!
//! In: who was heard how loud and when, in the order in which one antenna heard it.
//! Out: the first sight of a transmitter at once, as a sighting of count 1; after that at most
//! one [`Sighting`] per transmitter and window. Windows end for all transmitters together, so
//! that a window is one batch and not one batch a phone.
//! Promises: the sum of `count` over all sightings equals the advertisements heard and not shed.
//! Invariant: reads no clock, touches no disk, allocates nothing while it gathers from a
//! transmitter that it already knows.

use std::collections::HashMap;

use protocol::{AnchorId, Transmitter, message::Sighting};

use crate::clock::Monotonic;

/// Transmitters tracked at once. Past it the one heard longest ago is forgotten, and what its
/// open window holds is shed and counted. 4,096 x 100 B is what a Pi Zero spares without noticing.
pub const TRANSMITTERS_MAX: usize = 4_096;

/// A transmitter that was silent for this long is seen for the first time again.
pub const ABSENT_AFTER_MS: u64 = 10_000;

/// Strengths kept per window, the latest ones: a phone sends about ten a second, so this is all of
/// a window of one second.
pub const SAMPLES_MAX: usize = 16;

/// One antenna's open windows.
#[derive(Debug)]
pub struct Aggregator {
    anchor: AnchorId,
    window_ms: u64,
    transmitters_max: usize,
    slots: Vec<Slot>,
    slot_of: HashMap<Transmitter, usize>,
    /// Slots that have, or had before they were reused, an open window.
    open: Vec<usize>,
    close_at: Option<Monotonic>,
    shed_total: u64,
}

#[derive(Debug)]
struct Slot {
    transmitter: Transmitter,
    heard_last: Monotonic,
    window: Option<Window>,
    /// Stands in `open`, so must not be added again.
    listed: bool,
}

#[derive(Debug)]
struct Window {
    heard_first: Monotonic,
    heard_last: Monotonic,
    strengths: Strengths,
}

/// Received strengths: how many, and the latest [`SAMPLES_MAX`] of them.
#[derive(Debug, Default)]
pub(crate) struct Strengths {
    count: u32,
    samples: [i8; SAMPLES_MAX],
}

impl Aggregator {
    /// `window_ms` must not be 0; [`TRANSMITTERS_MAX`] is the bound to use outside of tests.
    pub fn new(anchor: AnchorId, window_ms: u64, transmitters_max: usize) -> Self {
        Self {
            anchor,
            window_ms: window_ms.max(1),
            transmitters_max: transmitters_max.max(1),
            slots: Vec::new(),
            slot_of: HashMap::new(),
            open: Vec::new(),
            close_at: None,
            shed_total: 0,
        }
    }

    /// From the next window on; those that are open end when they would have.
    pub fn set_window_ms(&mut self, window_ms: u64) {
        self.window_ms = window_ms.max(1);
    }

    /// Takes one advertisement; returns a sighting if this is the first sight of its transmitter.
    pub fn hear(&mut self, now: Monotonic, from: Transmitter, rssi_dbm: i8) -> Option<Sighting> {
        let Some(&index) = self.slot_of.get(&from) else {
            self.remember(now, from);
            return Some(self.first_sight(now, from, rssi_dbm));
        };
        let slot = &mut self.slots[index];
        let silent_ms = now.ms_since(slot.heard_last);
        slot.heard_last = slot.heard_last.max(now);
        if silent_ms >= ABSENT_AFTER_MS {
            return Some(self.first_sight(now, from, rssi_dbm));
        }
        let Some(window) = &mut slot.window else {
            slot.window = Some(Window::open(now, rssi_dbm));
            if !slot.listed {
                slot.listed = true;
                self.open.push(index);
            }
            let next_window_ms = (now.0 / self.window_ms + 1) * self.window_ms;
            self.close_at.get_or_insert(Monotonic(next_window_ms));
            return None;
        };
        window.gather(now, rssi_dbm);
        None
    }

    /// When [`Aggregator::close_due`] next has something to say.
    pub fn poll_at(&self) -> Option<Monotonic> {
        self.close_at
    }

    /// The sightings of the windows that are over.
    pub fn close_due(&mut self, now: Monotonic) -> impl Iterator<Item = Sighting> + '_ {
        let due = self.close_at.is_some_and(|at| at <= now);
        self.close_if(due)
    }

    /// The sightings of all windows, over or not: nothing more will be heard.
    pub fn close_all(&mut self) -> impl Iterator<Item = Sighting> + '_ {
        self.close_if(true)
    }

    /// Advertisements given up because more transmitters were in the air than are tracked.
    pub fn shed_total(&self) -> u64 {
        self.shed_total
    }

    fn close_if(&mut self, due: bool) -> impl Iterator<Item = Sighting> + '_ {
        let count = if due {
            self.close_at = None;
            self.open.len()
        } else {
            0
        };
        let (slots, anchor) = (&mut self.slots, &self.anchor);
        self.open.drain(..count).filter_map(move |index| {
            let slot = &mut slots[index];
            slot.listed = false;
            let window = slot.window.take()?;
            Some(Sighting {
                anchor: anchor.clone(),
                transmitter: slot.transmitter,
                heard_first_mono_ms: window.heard_first.0,
                heard_last_mono_ms: window.heard_last.0,
                count: window.strengths.count(),
                // A window opens with an advertisement, so there is one.
                rssi_dbm_median: window.strengths.median_dbm().unwrap_or_default(),
            })
        })
    }

    fn first_sight(&self, now: Monotonic, transmitter: Transmitter, rssi_dbm: i8) -> Sighting {
        Sighting {
            anchor: self.anchor.clone(),
            transmitter,
            heard_first_mono_ms: now.0,
            heard_last_mono_ms: now.0,
            count: 1,
            rssi_dbm_median: rssi_dbm,
        }
    }

    fn remember(&mut self, now: Monotonic, transmitter: Transmitter) {
        let slot = Slot {
            transmitter,
            heard_last: now,
            window: None,
            listed: false,
        };
        if self.slots.len() < self.transmitters_max {
            self.slot_of.insert(transmitter, self.slots.len());
            self.slots.push(slot);
            return;
        }
        // A walk over all of them, but only for strangers in a full house; keeping them sorted
        // would cost every advertisement.
        let oldest = self.slots.iter().enumerate();
        let Some((index, _)) = oldest.min_by_key(|(_, s)| s.heard_last) else {
            return;
        };
        let gone = std::mem::replace(&mut self.slots[index], slot);
        self.slots[index].listed = gone.listed;
        self.slot_of.remove(&gone.transmitter);
        self.slot_of.insert(transmitter, index);
        self.shed_total += gone.window.map_or(0, |w| u64::from(w.strengths.count()));
    }
}

impl Window {
    fn open(now: Monotonic, rssi_dbm: i8) -> Self {
        let mut strengths = Strengths::default();
        strengths.add(rssi_dbm);
        Self {
            heard_first: now,
            heard_last: now,
            strengths,
        }
    }

    fn gather(&mut self, now: Monotonic, rssi_dbm: i8) {
        self.strengths.add(rssi_dbm);
        self.heard_first = self.heard_first.min(now);
        self.heard_last = self.heard_last.max(now);
    }
}

impl Strengths {
    pub(crate) fn add(&mut self, rssi_dbm: i8) {
        self.samples[self.count as usize % SAMPLES_MAX] = rssi_dbm;
        self.count = self.count.saturating_add(1);
    }

    pub(crate) fn count(&self) -> u32 {
        self.count
    }

    /// The lower of the two middle ones when their number is even: a value that was measured.
    pub(crate) fn median_dbm(&self) -> Option<i8> {
        let mut samples = self.samples;
        let kept = &mut samples[..(self.count as usize).min(SAMPLES_MAX)];
        kept.sort_unstable();
        kept.get(kept.len().checked_sub(1)? / 2).copied()
    }
}

#[cfg(test)]
mod tests;
