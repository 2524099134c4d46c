//! The daemon's mind as timelines.

use super::*;

const ADDRESS: &str = "C0:FF:EE:00:00:01";
const EVERY: Filter = Filter {
    duplicates: true,
    uuids: Vec::new(),
};

struct Timeline {
    adapter: Adapter,
    began: Instant,
    now: Instant,
}

impl Timeline {
    fn discovering() -> Self {
        let now = Instant::now();
        let mut adapter = Adapter::new(Duration::from_secs(30), false);
        adapter.set_filter(":1.1", EVERY).unwrap();
        adapter.start_discovery(now, ":1.1").unwrap();
        Self {
            adapter,
            began: now,
            now,
        }
    }

    fn at(&mut self, ms: u64) -> &mut Self {
        self.now = self.began + Duration::from_millis(ms);
        self
    }

    fn hear(&mut self, rssi_dbm: i8) -> Option<Signal> {
        let payload = Payload::parse(&[5, 0xff, 0x4c, 0, 2, 0x15]);
        self.adapter.hear(self.now, ADDRESS, rssi_dbm, &payload)
    }
}

fn added() -> Option<Signal> {
    Some(Signal::DeviceAdded(ADDRESS.into()))
}

fn changed() -> Option<Signal> {
    let told = vec![Property::Rssi, Property::ManufacturerData];
    Some(Signal::DeviceChanged(ADDRESS.into(), told))
}

#[test]
fn the_first_advertisement_adds_a_device_and_later_ones_change_it() {
    let mut t = Timeline::discovering();
    assert_eq!(t.hear(-60), added());
    assert_eq!(t.hear(-60), changed());
}

#[test]
fn nothing_is_told_while_nobody_discovers() {
    let mut t = Timeline::discovering();
    t.hear(-60);
    let strength = Signal::DeviceInvalidated(ADDRESS.into(), vec![Property::Rssi]);
    assert_eq!(
        t.adapter.stop_discovery(":1.1"),
        Ok(vec![strength, Signal::Discovering])
    );
    assert_eq!(t.hear(-60), None);
    assert_eq!(t.adapter.stop_discovery(":1.1"), Err(Refusal::NoDiscovery));
}

#[test]
fn discovery_ends_with_its_last_client() {
    let mut t = Timeline::discovering();
    t.adapter.start_discovery(t.now, ":1.2").unwrap();
    assert_eq!(t.adapter.client_left(":1.1"), []);
    assert_eq!(t.adapter.client_left(":1.2"), [Signal::Discovering]);
}

#[test]
fn a_client_discovers_once_and_only_while_powered() {
    let mut t = Timeline::discovering();
    let now = t.now;
    let again = t.adapter.start_discovery(now, ":1.1");
    assert_eq!(again, Err(Refusal::InProgress));
    assert_eq!(
        t.adapter.set_powered(false),
        [Signal::Discovering, Signal::Powered]
    );
    let off = t.adapter.start_discovery(now, ":1.1");
    assert_eq!(off, Err(Refusal::NotReady));
    assert_eq!(t.adapter.set_powered(true), [Signal::Powered]);
    assert!(!t.adapter.discovers());
    assert!(t.adapter.start_discovery(now, ":1.1").is_ok());
}

#[test]
fn a_device_is_forgotten_thirty_seconds_after_it_was_heard_last() {
    let mut t = Timeline::discovering();
    t.hear(-60);
    t.at(20_000).hear(-60);
    let now = t.at(49_999).now;
    assert_eq!(t.adapter.expire(now), []);
    let now = t.at(50_000).now;
    assert_eq!(
        t.adapter.expire(now),
        [Signal::DeviceRemoved(ADDRESS.into())]
    );
    assert_eq!(t.hear(-60), added());
}

#[test]
fn a_controller_that_filters_reports_a_device_once_a_window() {
    let mut t = Timeline::discovering();
    t.adapter.filters_duplicates = true;
    assert_eq!(t.hear(-60), added());
    assert_eq!(t.at(10_239).hear(-60), None);
    assert_eq!(t.at(10_240).hear(-60), changed());
    assert_eq!(t.at(10_500).hear(-60), None);
}

#[test]
fn a_controller_that_hangs_is_cured_by_power() {
    let mut t = Timeline::discovering();
    t.adapter.hang();
    assert_eq!(t.hear(-60), None);
    assert!(t.adapter.discovers());
    t.adapter.set_powered(false);
    t.adapter.set_powered(true);
    t.adapter.start_discovery(t.now, ":1.1").unwrap();
    assert_eq!(t.hear(-60), added());
}

#[test]
fn an_adapter_that_is_pulled_out_takes_its_devices_with_it() {
    let mut t = Timeline::discovering();
    t.hear(-60);
    let removed = Signal::DeviceRemoved(ADDRESS.into());
    assert_eq!(t.adapter.unplug(), [removed, Signal::AdapterRemoved]);
    assert_eq!(t.hear(-60), None);
    assert_eq!(t.adapter.plug_in(), [Signal::AdapterAdded]);
    assert!(!t.adapter.discovers());
}

#[test]
fn a_device_without_flags_is_hidden_from_who_has_no_filter() {
    let mut t = Timeline::discovering();
    t.adapter.client_left(":1.1");
    t.adapter.start_discovery(t.now, ":1.2").unwrap();
    assert_eq!(t.hear(-60), None);
}

#[test]
fn a_filter_of_services_lets_nothing_else_through() {
    let mut t = Timeline::discovering();
    let filter = Filter {
        uuids: vec![protocol::air::SERVICE_UUID],
        ..EVERY
    };
    t.adapter.set_filter(":1.1", filter).unwrap();
    assert_eq!(t.hear(-60), None);
}

#[test]
fn a_device_of_an_earlier_client_has_no_strength() {
    let mut t = Timeline::discovering();
    let payload = Payload::parse(&[5, 0xff, 0x4c, 0, 2, 0x15]);
    t.adapter.remember(t.now, ADDRESS, &payload);
    assert_eq!(t.adapter.device(ADDRESS).unwrap().rssi_dbm, None);
    assert_eq!(t.hear(-60), changed());
}
