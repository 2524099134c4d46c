//! Gathers what one radio hears into sightings, as a gateway does before it sends.
//!
//! In: who was heard how loud and when. Out: the first sight of a transmitter at once; after that
//! one sighting a transmitter and window, for all of them together.
//! Promises: the counts of all sightings add up to what was heard and not shed.
//! Invariant: reads no clock; bounded by [`TRANSMITTERS_MAX`].

use std::collections::HashMap;

use protocol::Transmitter;

/// Transmitters that one radio is followed for at once. More are shed until some have been silent
/// for [`ABSENT_AFTER_MS`]: one radio must not flood the pipeline.
pub(super) const TRANSMITTERS_MAX: usize = 1_024;
/// As long as a gateway's.
pub(super) const WINDOW_MS: u64 = 1_000;
/// Who was silent for this long is seen for the first time again.
const ABSENT_AFTER_MS: u64 = 10_000;
/// Strengths kept in a window, the first ones: such radios say one or two a second.
const SAMPLES_MAX: usize = 16;

/// What a radio had of a transmitter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Gathered {
    pub(super) transmitter: Transmitter,
    pub(super) heard_first_ms: u64,
    pub(super) heard_last_ms: u64,
    pub(super) count: u32,
    pub(super) rssi_dbm: i8,
}

/// One radio's windows.
#[derive(Debug, Default)]
pub(super) struct Windows {
    of: HashMap<Transmitter, Window>,
    close_at_ms: Option<u64>,
}

#[derive(Debug, Default)]
struct Window {
    /// By the server's clock, when a message last came.
    came_ms: u64,
    heard_first_ms: u64,
    heard_last_ms: u64,
    count: u32,
    strengths_dbm: Vec<i8>,
}

/// There was no room for one more transmitter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shed;

impl Windows {
    /// Takes one advertisement that came now.
    pub(super) fn hear(
        &mut self,
        now_ms: u64,
        transmitter: Transmitter,
        heard_ms: u64,
        rssi_dbm: i8,
    ) -> Result<Option<Gathered>, Shed> {
        let known = self.of.contains_key(&transmitter);
        if !known && self.of.len() >= TRANSMITTERS_MAX {
            return Err(Shed);
        }
        let window = self.of.entry(transmitter).or_default();
        let first = !known || now_ms >= window.came_ms + ABSENT_AFTER_MS;
        window.came_ms = now_ms;
        if first {
            return Ok(Some(Gathered {
                transmitter,
                heard_first_ms: heard_ms,
                heard_last_ms: heard_ms,
                count: 1,
                rssi_dbm,
            }));
        }
        if window.count == 0 {
            (window.heard_first_ms, window.heard_last_ms) = (heard_ms, heard_ms);
        }
        window.heard_first_ms = window.heard_first_ms.min(heard_ms);
        window.heard_last_ms = window.heard_last_ms.max(heard_ms);
        window.count = window.count.saturating_add(1);
        if window.strengths_dbm.len() < SAMPLES_MAX {
            window.strengths_dbm.push(rssi_dbm);
        }
        let next_ms = (now_ms / WINDOW_MS + 1) * WINDOW_MS;
        self.close_at_ms.get_or_insert(next_ms);
        Ok(None)
    }

    /// The windows that are over; who has gone is forgotten.
    pub(super) fn close_due(&mut self, now_ms: u64) -> Vec<Gathered> {
        let mut closed = Vec::new();
        if self.close_at_ms.is_some_and(|at_ms| at_ms <= now_ms) {
            self.close_at_ms = None;
            for (transmitter, window) in &mut self.of {
                if let Some(rssi_dbm) = median_dbm(&mut window.strengths_dbm) {
                    closed.push(Gathered {
                        transmitter: *transmitter,
                        heard_first_ms: window.heard_first_ms,
                        heard_last_ms: window.heard_last_ms,
                        count: window.count,
                        rssi_dbm,
                    });
                }
                window.count = 0;
                window.strengths_dbm.clear();
            }
            closed.sort_unstable_by_key(|g| (g.heard_last_ms, g.transmitter));
        }
        let present = |_: &Transmitter, w: &mut Window| {
            w.count > 0 || now_ms < w.came_ms.saturating_add(ABSENT_AFTER_MS)
        };
        self.of.retain(present);
        closed
    }
}

/// The lower of the two middle ones when their number is even: a value that was measured.
fn median_dbm(strengths_dbm: &mut [i8]) -> Option<i8> {
    strengths_dbm.sort_unstable();
    let middle = strengths_dbm.len().checked_sub(1)? / 2;
    strengths_dbm.get(middle).copied()
}
