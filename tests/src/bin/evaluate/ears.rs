//! What gateways tell of one phone: the gateway's own aggregator at each antenna.
//!
//! In: advertisements that came through, with their time. Out: sightings in the order in which the
//! server has them. Invariant: nothing is told before its window is over, but for a first sight.

use gateway::{
    aggregate::{Aggregator, TRANSMITTERS_MAX},
    clock::Monotonic,
    config::WINDOW_MS,
};
use protocol::{Eid, Transmitter, message::Sighting};

/// From the end of a window until the server has it: 100 ms to disk, and the way.
const UPLINK_MS: u64 = 200;

/// Windows are closed, and first sights told, by a look at the clock this often.
pub(crate) const LOOK_MS: u64 = 100;

/// Whose phone it is does not matter to an aggregator.
const PHONE: Transmitter = Transmitter::Eid(Eid([1; 8]));

/// One thing that a gateway told.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Told {
    pub(crate) at_ms: u64,
    pub(crate) anchor: u16,
    pub(crate) first_ms: u64,
    pub(crate) last_ms: u64,
    pub(crate) count: u32,
    pub(crate) rssi_dbm: i8,
}

#[derive(Debug)]
pub(crate) struct Ears {
    ears: Vec<Aggregator>,
    told: Vec<Told>,
}

impl Ears {
    pub(crate) fn new(antennas: usize) -> anyhow::Result<Self> {
        let ear = |at: usize| {
            let anchor = format!("g{at}").parse()?;
            Ok(Aggregator::new(anchor, WINDOW_MS, TRANSMITTERS_MAX))
        };
        Ok(Self {
            ears: (0..antennas).map(ear).collect::<anyhow::Result<_>>()?,
            told: Vec::new(),
        })
    }

    /// An antenna had an advertisement; `look_ms` is the next look at the clock.
    pub(crate) fn hear(&mut self, look_ms: u64, sent_ms: u64, antenna: usize, rssi_dbm: i8) {
        let first = self.ears[antenna].hear(Monotonic(sent_ms), PHONE, rssi_dbm);
        self.told.extend(first.map(|s| told(look_ms, antenna, &s)));
    }

    /// Closes the windows that are over.
    pub(crate) fn look(&mut self, look_ms: u64) {
        for (antenna, ear) in self.ears.iter_mut().enumerate() {
            if ear.poll_at().is_some_and(|at| at.0 <= look_ms) {
                let closed = ear.close_due(Monotonic(look_ms));
                self.told.extend(closed.map(|s| told(look_ms, antenna, &s)));
            }
        }
    }

    pub(crate) fn told(self) -> Vec<Told> {
        self.told
    }
}

fn told(look_ms: u64, antenna: usize, s: &Sighting) -> Told {
    Told {
        at_ms: look_ms + UPLINK_MS,
        anchor: antenna as u16, // some dozens
        first_ms: s.heard_first_mono_ms,
        last_ms: s.heard_last_mono_ms,
        count: s.count,
        rssi_dbm: s.rssi_dbm_median,
    }
}
