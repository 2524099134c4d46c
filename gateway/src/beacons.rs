//! How the store's fixed beacons do, as far as this antenna hears them.
//!
//! In: which they are (from the server), frames of the chain's beacons, telemetry. Out: one
//! [`BeaconHealth`] each, with every status.
//! Promises: a beacon that falls silent is in the list all the same, with the moment at which it
//! was last heard.
//! Invariant: bounded by the server's list; allocates nothing for a frame.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use protocol::{
    Frame, Transmitter,
    air::Telemetry,
    message::{BeaconHealth, BeaconTelemetry},
};

use crate::{aggregate::Strengths, clock::Monotonic, source::RadioKey};

/// Shared by who hears and who tells.
#[derive(Debug, Clone, Default)]
pub struct Beacons(Arc<Mutex<List>>);

#[derive(Debug, Default)]
struct List {
    beacons: Vec<Beacon>,
    by_transmitter: HashMap<Transmitter, usize>,
    /// Telemetry does not name its beacon; the radio that sent it does.
    by_radio: HashMap<RadioKey, usize>,
}

#[derive(Debug)]
struct Beacon {
    transmitter: Transmitter,
    radio: Option<RadioKey>,
    heard_last: Option<Monotonic>,
    strengths: Strengths,
    telemetry: Option<BeaconTelemetry>,
}

impl Beacons {
    /// The server's list; what is known of those that stay is kept.
    pub fn set(&self, transmitters: &[Transmitter]) {
        let mut list = self.lock();
        let mut known: HashMap<Transmitter, Beacon> = std::mem::take(&mut list.beacons)
            .into_iter()
            .map(|beacon| (beacon.transmitter, beacon))
            .collect();
        let beacons: Vec<Beacon> = transmitters
            .iter()
            .map(|t| known.remove(t).unwrap_or_else(|| Beacon::new(*t)))
            .collect();
        let places = || beacons.iter().enumerate();
        *list = List {
            by_transmitter: places().map(|(n, b)| (b.transmitter, n)).collect(),
            by_radio: places().filter_map(|(n, b)| Some((b.radio?, n))).collect(),
            beacons,
        };
    }

    /// Takes a frame; false: it is not of one of these beacons.
    pub fn hear(&self, now: Monotonic, radio: RadioKey, frame: &Frame, rssi_dbm: i8) -> bool {
        let mut list = self.lock();
        let place = match frame {
            Frame::EddystoneTlm(_) | Frame::EddystoneEtlm { .. } => {
                list.by_radio.get(&radio).copied()
            }
            _ => frame.transmitter().and_then(|t| list.place(t, radio)),
        };
        let Some(beacon) = place.and_then(|place| list.beacons.get_mut(place)) else {
            return false;
        };
        beacon.heard_last = Some(now);
        beacon.strengths.add(rssi_dbm);
        if let Frame::EddystoneTlm(telemetry) = frame {
            beacon.telemetry = Some(told(now, telemetry));
        }
        true
    }

    /// How all of them do; begins to count anew.
    pub fn report(&self) -> Vec<BeaconHealth> {
        let mut list = self.lock();
        list.beacons.iter_mut().map(Beacon::report).collect()
    }

    fn lock(&self) -> MutexGuard<'_, List> {
        // Every change leaves the list whole, so a poisoned lock loses nothing.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl List {
    /// The beacon's place, with the radio that it has now: a beacon may change its address.
    fn place(&mut self, transmitter: Transmitter, radio: RadioKey) -> Option<usize> {
        let place = *self.by_transmitter.get(&transmitter)?;
        let beacon = self.beacons.get_mut(place)?;
        let before = beacon.radio.replace(radio);
        if before != Some(radio) {
            if let Some(before) = before {
                self.by_radio.remove(&before);
            }
            self.by_radio.insert(radio, place);
        }
        Some(place)
    }
}

impl Beacon {
    fn new(transmitter: Transmitter) -> Self {
        Self {
            transmitter,
            radio: None,
            heard_last: None,
            strengths: Strengths::default(),
            telemetry: None,
        }
    }

    fn report(&mut self) -> BeaconHealth {
        let strengths = std::mem::take(&mut self.strengths);
        BeaconHealth {
            transmitter: self.transmitter,
            heard_last_mono_ms: self.heard_last.map(|at| at.0),
            count: strengths.count(),
            rssi_dbm_median: strengths.median_dbm(),
            telemetry: self.telemetry,
        }
    }
}

fn told(now: Monotonic, telemetry: &Telemetry) -> BeaconTelemetry {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "1/256 °C in 16 bits is at most 12,800 hundredths"
    )]
    let centi_c = |c: f64| (c * 100.0).round() as i16;
    BeaconTelemetry {
        heard_mono_ms: now.0,
        battery_mv: Some(telemetry.battery_mv).filter(|mv| *mv > 0),
        temperature_centi_c: telemetry.temperature_c().map(centi_c),
        adv_count: telemetry.adv_count,
        uptime_ms: telemetry.uptime_ms(),
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::source::test_radio;

    fn shelf(minor: u16) -> Frame {
        Frame::IBeacon {
            uuid: Uuid::from_u128(7),
            major: 1,
            minor,
            tx_power_dbm: -59,
        }
    }

    fn telemetry(battery_mv: u16) -> Frame {
        Frame::EddystoneTlm(Telemetry {
            battery_mv,
            temperature_raw: 0x1580,
            adv_count: 9,
            uptime_ds: 100,
        })
    }

    fn list(minors: &[u16]) -> Vec<Transmitter> {
        minors
            .iter()
            .filter_map(|m| shelf(*m).transmitter())
            .collect()
    }

    #[test]
    fn telemetry_goes_to_the_beacon_that_its_radio_named() {
        let beacons = Beacons::default();
        beacons.set(&list(&[1, 2]));
        let at = Monotonic;
        assert!(!beacons.hear(at(1), test_radio(1), &telemetry(2_900), -60));
        assert!(beacons.hear(at(2), test_radio(1), &shelf(1), -60));
        assert!(beacons.hear(at(3), test_radio(1), &telemetry(2_900), -62));
        assert!(!beacons.hear(at(4), test_radio(2), &telemetry(1_000), -60));
        assert!(!beacons.hear(at(5), test_radio(3), &shelf(3), -60));
        let report = beacons.report();
        let told = report[0].telemetry.unwrap();
        assert_eq!(
            (report[0].count, report[0].heard_last_mono_ms),
            (2, Some(3))
        );
        assert_eq!(
            (told.battery_mv, told.temperature_centi_c),
            (Some(2_900), Some(2_150))
        );
        assert_eq!((report[1].count, report[1].heard_last_mono_ms), (0, None));
    }

    #[test]
    fn a_silent_beacon_stays_in_the_list_with_when_it_was_heard() {
        let beacons = Beacons::default();
        beacons.set(&list(&[1]));
        beacons.hear(Monotonic(7), test_radio(1), &shelf(1), -60);
        beacons.report();
        let silent = &beacons.report()[0];
        assert_eq!(silent.heard_last_mono_ms, Some(7));
        assert_eq!((silent.count, silent.rssi_dbm_median), (0, None));
    }

    #[test]
    fn a_new_list_keeps_what_is_known_of_those_that_stay() {
        let beacons = Beacons::default();
        beacons.set(&list(&[1, 2]));
        beacons.hear(Monotonic(7), test_radio(2), &shelf(2), -60);
        beacons.set(&list(&[3, 2]));
        assert!(beacons.hear(Monotonic(8), test_radio(2), &telemetry(2_800), -60));
        assert!(!beacons.hear(Monotonic(9), test_radio(1), &shelf(1), -60));
        let report = beacons.report();
        assert_eq!((report[0].count, report[1].count), (0, 2));
    }

    #[test]
    fn a_beacon_with_a_new_address_leaves_the_old_one_behind() {
        let beacons = Beacons::default();
        beacons.set(&list(&[1]));
        beacons.hear(Monotonic(1), test_radio(1), &shelf(1), -60);
        beacons.hear(Monotonic(2), test_radio(2), &shelf(1), -60);
        assert!(!beacons.hear(Monotonic(3), test_radio(1), &telemetry(2_800), -60));
        assert!(beacons.hear(Monotonic(4), test_radio(2), &telemetry(2_800), -60));
    }
}
