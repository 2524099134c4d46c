use protocol::{Eid, air::identity_uuid};

use super::*;
use crate::{
    aggregate::Aggregator,
    beacons::Beacons,
    counts::Counters,
    intake::{Chain, Intake},
    source::RadioKeys,
};

const EDDYSTONE: Uuid = bluetooth_base(EDDYSTONE_UUID16);

fn eid(n: u8) -> Eid {
    Eid([n; 8])
}

/// Advertisements of one radio, as a script of what btleplug says.
struct Script {
    radios: Radios,
    key: RadioKey,
    now: Monotonic,
}

impl Script {
    fn new() -> Self {
        Self {
            radios: Radios::default(),
            key: RadioKeys::default().of("hci0/dev_C0_FF_EE_00_00_01"),
            now: Monotonic(1_000),
        }
    }

    fn wait(&mut self, ms: u64) {
        self.now = self.now.plus_ms(ms);
    }

    fn rssi(&mut self, rssi: i16) -> Option<(i8, Option<Frame>)> {
        seen(self.radios.rssi(self.now, self.key, rssi))
    }

    fn manufacturer<const N: usize>(
        &mut self,
        data: [(u16, Vec<u8>); N],
    ) -> Option<(i8, Option<Frame>)> {
        seen(
            self.radios
                .manufacturer(self.now, self.key, &HashMap::from(data)),
        )
    }

    fn service_data<const N: usize>(
        &mut self,
        data: [(Uuid, Vec<u8>); N],
    ) -> Option<(i8, Option<Frame>)> {
        seen(
            self.radios
                .service_data(self.now, self.key, &HashMap::from(data)),
        )
    }

    fn services(&mut self, services: &[Uuid]) {
        self.radios.services(self.key, services);
    }

    fn discovered(&mut self, found: &PeripheralProperties) -> Option<(i8, Option<Frame>)> {
        seen(self.radios.discovered(self.now, self.key, found))
    }
}

fn seen(advert: Option<Advertisement>) -> Option<(i8, Option<Frame>)> {
    advert.map(|advert| (advert.rssi_dbm, air::decode(advert.ad.as_bytes()).ok()))
}

fn own(n: u8) -> (Uuid, Vec<u8>) {
    (SERVICE_UUID, [&[n; 8][..], &[0xc5]].concat())
}

fn frame(n: u8) -> Frame {
    Frame::Welkom {
        eid: eid(n),
        tx_power_dbm: -59,
    }
}

fn ibeacon(minor: u8) -> Vec<u8> {
    [&[2, 0x15][..], &[7; 16], &[0, 1, 0, minor, 0xc5]].concat()
}

#[test]
fn a_strength_goes_with_the_payload_that_follows() {
    let mut radio = Script::new();
    assert_eq!(radio.rssi(-60), None);
    assert_eq!(radio.service_data([own(1)]), Some((-60, Some(frame(1)))));
    assert_eq!(radio.rssi(-70), None);
    assert_eq!(radio.service_data([own(2)]), Some((-70, Some(frame(2)))));
}

#[test]
fn a_strength_that_no_payload_follows_is_an_advertisement_of_nothing() {
    let mut radio = Script::new();
    assert_eq!(radio.rssi(-60), None);
    assert_eq!(radio.rssi(-61), Some((-60, None)));
}

#[test]
fn a_payload_too_late_for_its_strength_belongs_to_none() {
    let mut radio = Script::new();
    radio.rssi(-60);
    radio.wait(PAIRED_WITHIN_MS + 1);
    assert_eq!(radio.service_data([own(1)]), None);
}

#[test]
fn ours_is_found_behind_somebody_elses_payload_and_the_other_way_round() {
    let mut radio = Script::new();
    radio.rssi(-60);
    assert_eq!(radio.manufacturer([(0x0499, vec![1])]), Some((-60, None)));
    assert_eq!(radio.service_data([own(1)]), Some((-60, Some(frame(1)))));
    radio.rssi(-61);
    assert_eq!(radio.service_data([own(1)]), Some((-61, Some(frame(1)))));
    assert_eq!(radio.manufacturer([(0x0499, vec![1])]), None);
}

#[test]
fn of_what_bluez_has_gathered_ours_is_taken_whatever_else_there_is() {
    let mut radio = Script::new();
    radio.rssi(-60);
    let gathered = [
        (0x004c, ibeacon(3)),
        (0x0001, vec![9]),
        (0x0118, vec![0xbe, 0xac]),
    ];
    let Some((-60, Some(Frame::IBeacon { minor: 3, .. }))) = radio.manufacturer(gathered) else {
        panic!("the iBeacon was not taken");
    };
    radio.rssi(-60);
    let eddystone = (EDDYSTONE, vec![0x20, 0]);
    assert_eq!(
        radio.service_data([eddystone, own(4)]),
        Some((-60, Some(frame(4))))
    );
}

#[test]
fn a_radio_whose_identity_is_a_service_uuid_is_heard_by_its_strength_alone() {
    let mut radio = Script::new();
    let found = PeripheralProperties {
        rssi: Some(-66),
        services: vec![identity_uuid(eid(1))],
        ..PeripheralProperties::default()
    };
    let by_uuid = |n| Some(Frame::WelkomUuid { eid: eid(n) });
    assert_eq!(radio.discovered(&found), Some((-66, by_uuid(1))));
    assert_eq!(radio.rssi(-67), Some((-67, by_uuid(1))));
    assert_eq!(radio.manufacturer([(0x004c, vec![0x10, 1])]), None);
    // It rotates: BlueZ adds the new UUID, and tells all of them by spelling.
    radio.services(&[identity_uuid(eid(0)), identity_uuid(eid(1))]);
    assert_eq!(radio.rssi(-68), Some((-68, by_uuid(0))));
    radio.services(&[
        identity_uuid(eid(0)),
        identity_uuid(eid(1)),
        identity_uuid(eid(2)),
    ]);
    assert_eq!(radio.rssi(-69), Some((-69, by_uuid(2))));
}

#[test]
fn a_device_that_is_remembered_and_was_not_heard_is_no_sighting() {
    let mut radio = Script::new();
    let remembered = PeripheralProperties {
        service_data: HashMap::from([own(1)]),
        ..PeripheralProperties::default()
    };
    assert_eq!(radio.discovered(&remembered), None);
    let found = PeripheralProperties {
        rssi: Some(-60),
        ..remembered
    };
    assert_eq!(radio.discovered(&found), Some((-60, Some(frame(1)))));
}

#[test]
fn an_unknown_strength_is_no_strength() {
    let mut radio = Script::new();
    assert_eq!(radio.rssi(127), None);
    assert_eq!(radio.service_data([own(1)]), None);
    assert_eq!(radio.rssi(300), None);
}

#[test]
fn a_crowd_of_strangers_is_bounded_and_who_is_heard_is_not_forgotten() {
    let keys = RadioKeys::default();
    let mut radios = Radios::default();
    let regular = keys.of("regular");
    let now = Monotonic(1_000);
    radios.services(regular, &[identity_uuid(eid(1))]);
    for stranger in 0..50_000 {
        radios.rssi(now, keys.of(&stranger), -90);
        if stranger % 1_000 == 0 {
            assert!(radios.rssi(now, regular, -60).is_some(), "{stranger}");
        }
        assert!(radios.len() <= RADIOS_MAX);
    }
}

/// The whole way of an advertisement of somebody who is known, up to the window that gathers it;
/// what btleplug hands over is made before.
#[test]
fn an_advertisement_of_a_known_radio_allocates_nothing() {
    let counts = Counters::default();
    let intake = Intake::new(Chain::default(), Beacons::default(), counts);
    let mut aggregator = Aggregator::new("door".parse().unwrap(), 500, 64);
    let mut radio = Script::new();
    let (ours, theirs) = (
        HashMap::from([own(1)]),
        HashMap::from([(0x004c, vec![0x10, 1])]),
    );
    let mut hear = |ms: u64| {
        radio.wait(ms);
        let (now, key) = (radio.now, radio.key);
        let radios = &mut radio.radios;
        let heard = [
            radios.rssi(now, key, -60),
            radios.manufacturer(now, key, &theirs),
            radios.service_data(now, key, &ours),
        ];
        for advert in heard.iter().flatten() {
            if let Some(from) = intake.admit(advert) {
                aggregator.hear(now, from, advert.rssi_dbm);
            }
        }
    };
    // It becomes known, and has a window open.
    hear(0);
    hear(1);
    let counted = allocation_counter::measure(|| (0..100).for_each(|_| hear(1)));
    assert_eq!(counted.count_total, 0);
}
