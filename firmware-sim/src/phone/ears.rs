//! Gathers what a phone hears of shelf beacons into reports.
//!
//! In: single receptions. Out: one sighting per beacon and report.
//! Promises: the counts of all reports add up to what was heard and not shed.
//! Invariant: at most [`BEACONS_MAX`] beacons are held; past it a new one is not looked at.

use std::collections::BTreeMap;

use protocol::Transmitter;
use serde::{Deserialize, Serialize};

/// Beacons in one report at most: more are not in range of one phone.
pub const BEACONS_MAX: usize = 64;
/// Receptions of one beacon that the median looks at.
const SAMPLES_MAX: usize = 32;

/// What a phone had of one beacon since its last report; times are the server's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppSighting {
    /// Which beacon.
    pub beacon: Transmitter,
    /// When it was first heard.
    pub heard_first_ms: u64,
    /// When it was last heard.
    pub heard_last_ms: u64,
    /// How often.
    pub count: u32,
    /// The median strength.
    pub rssi_dbm_median: i8,
}

struct Window {
    first_ms: u64,
    last_ms: u64,
    count: u32,
    samples_dbm: Vec<i8>,
}

/// What was heard since the last report.
#[derive(Default)]
pub struct Ears {
    open: BTreeMap<Transmitter, Window>,
}

impl Ears {
    /// Takes one reception.
    pub fn hear(&mut self, server_ms: u64, beacon: Transmitter, rssi_dbm: i8) {
        if self.open.len() >= BEACONS_MAX && !self.open.contains_key(&beacon) {
            return;
        }
        let window = self.open.entry(beacon).or_insert_with(|| Window {
            first_ms: server_ms,
            last_ms: server_ms,
            count: 0,
            samples_dbm: Vec::new(),
        });
        window.last_ms = window.last_ms.max(server_ms);
        window.count = window.count.saturating_add(1);
        if window.samples_dbm.len() < SAMPLES_MAX {
            window.samples_dbm.push(rssi_dbm);
        }
    }

    /// Whether there is anything to report.
    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// Gives out what was heard, and begins anew.
    pub fn report(&mut self) -> Vec<AppSighting> {
        let open = std::mem::take(&mut self.open);
        open.into_iter()
            .map(|(beacon, window)| window.close(beacon))
            .collect()
    }
}

impl Window {
    fn close(mut self, beacon: Transmitter) -> AppSighting {
        self.samples_dbm.sort_unstable();
        AppSighting {
            beacon,
            heard_first_ms: self.first_ms,
            heard_last_ms: self.last_ms,
            count: self.count,
            rssi_dbm_median: self.samples_dbm[self.samples_dbm.len() / 2],
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn beacon(minor: u16) -> Transmitter {
        Transmitter::IBeacon {
            uuid: Uuid::from_u128(1),
            major: 7,
            minor,
        }
    }

    #[test]
    fn a_report_has_one_line_per_beacon_with_the_median() {
        let mut ears = Ears::default();
        for (ms, dbm) in [(1_000, -70), (2_000, -90), (3_000, -72)] {
            ears.hear(ms, beacon(1), dbm);
        }
        ears.hear(1_500, beacon(2), -80);
        let report = ears.report();
        assert_eq!(report.len(), 2);
        let first = &report[0];
        assert_eq!(
            (first.heard_first_ms, first.heard_last_ms, first.count),
            (1_000, 3_000, 3)
        );
        assert_eq!(first.rssi_dbm_median, -72);
        assert!(ears.is_empty());
    }

    #[test]
    fn beacons_past_the_bound_are_not_looked_at() {
        let mut ears = Ears::default();
        for minor in 0..100 {
            ears.hear(1, beacon(minor), -70);
        }
        assert_eq!(ears.report().len(), BEACONS_MAX);
    }
}
