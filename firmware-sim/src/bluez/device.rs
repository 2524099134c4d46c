//! One device as BlueZ remembers it.
//!
//! In: advertisements. Out: which properties a client is told about.
//! Promises: maps hold whatever the device has ever sent; a map is told whole.
//! Invariant: a property that did not change is told again only where BlueZ does so.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Instant,
};

use uuid::Uuid;

use super::ad::Payload;

/// Without a filter that asks for more, BlueZ tells an RSSI when it moved this far.
const RSSI_STEP_DB: u8 = 8;

/// What a client can be told about a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Property {
    /// Received signal strength.
    Rssi,
    /// The transmit power that it claims.
    TxPower,
    /// Its name; the alias follows it.
    Name,
    /// Discoverability.
    Flags,
    /// Listed services.
    Uuids,
    /// By company.
    ManufacturerData,
    /// By service.
    ServiceData,
}

/// A device.
#[derive(Debug, Clone)]
pub(super) struct Device {
    /// As `C0:FF:EE:00:00:01`.
    pub(super) address: String,
    /// None while nobody discovers.
    pub(super) rssi_dbm: Option<i8>,
    /// None while nobody discovers.
    pub(super) tx_power_dbm: Option<i8>,
    /// The last one sent.
    pub(super) name: Option<String>,
    /// The last ones sent.
    pub(super) flags: Option<u8>,
    /// All that were ever listed.
    pub(super) uuids: BTreeSet<Uuid>,
    /// The last of each company.
    pub(super) manufacturer: BTreeMap<u16, Vec<u8>>,
    /// The last of each service.
    pub(super) service_data: BTreeMap<Uuid, Vec<u8>>,
    /// When it was heard last.
    pub(super) heard_at: Instant,
}

impl Device {
    /// A device that has not said anything yet.
    pub(super) fn new(address: &str, now: Instant) -> Self {
        Self {
            address: address.to_owned(),
            rssi_dbm: None,
            tx_power_dbm: None,
            name: None,
            flags: None,
            uuids: BTreeSet::new(),
            manufacturer: BTreeMap::new(),
            service_data: BTreeMap::new(),
            heard_at: now,
        }
    }

    /// Takes an advertisement in. With `every`, each one is told, even if nothing changed: a
    /// client asked for `DuplicateData`.
    pub(super) fn hear(
        &mut self,
        now: Instant,
        rssi_dbm: i8,
        payload: &Payload,
        every: bool,
    ) -> Vec<Property> {
        self.heard_at = now;
        let mut told = Vec::new();
        let mut tell = |property, changed: bool| told.extend(changed.then_some(property));
        let moved = |before: i8| before.abs_diff(rssi_dbm) >= RSSI_STEP_DB;
        if every || self.rssi_dbm.is_none_or(moved) {
            self.rssi_dbm = Some(rssi_dbm);
            tell(Property::Rssi, true);
        }
        tell(
            Property::TxPower,
            replace(&mut self.tx_power_dbm, &payload.tx_power_dbm),
        );
        tell(Property::Name, replace(&mut self.name, &payload.name));
        tell(Property::Flags, replace(&mut self.flags, &payload.flags));
        let listed = self.uuids.len();
        self.uuids.extend(&payload.uuids);
        tell(Property::Uuids, self.uuids.len() > listed);
        let changed = merge(&mut self.manufacturer, &payload.manufacturer);
        let repeated = every && !payload.manufacturer.is_empty();
        tell(Property::ManufacturerData, changed || repeated);
        let changed = merge(&mut self.service_data, &payload.service_data);
        let repeated = every && !payload.service_data.is_empty();
        tell(Property::ServiceData, changed || repeated);
        told
    }

    /// Nobody discovers any more: how strong it is now is not known.
    pub(super) fn forget_strength(&mut self) -> Vec<Property> {
        let rssi = self.rssi_dbm.take().map(|_| Property::Rssi);
        let tx_power = self.tx_power_dbm.take().map(|_| Property::TxPower);
        rssi.into_iter().chain(tx_power).collect()
    }
}

/// An advertisement that does not speak of a property leaves it as it is.
fn replace<T: Clone + PartialEq>(held: &mut Option<T>, sent: &Option<T>) -> bool {
    let changed = sent.is_some() && held != sent;
    if changed {
        held.clone_from(sent);
    }
    changed
}

fn merge<K: Ord + Clone>(held: &mut BTreeMap<K, Vec<u8>>, sent: &[(K, Vec<u8>)]) -> bool {
    let mut changed = false;
    for (key, data) in sent {
        changed |= held.insert(key.clone(), data.clone()).as_ref() != Some(data);
    }
    changed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hear(device: &mut Device, rssi_dbm: i8, ad_hex: &str, every: bool) -> Vec<Property> {
        let payload = Payload::parse(&hex::decode(ad_hex).unwrap());
        device.hear(Instant::now(), rssi_dbm, &payload, every)
    }

    #[test]
    fn who_asks_for_duplicates_is_told_each_time() {
        let mut device = Device::new("C0:FF:EE:00:00:01", Instant::now());
        hear(&mut device, -60, "05ff4c000215", true);
        let told = hear(&mut device, -60, "05ff4c000215", true);
        assert_eq!(told, [Property::Rssi, Property::ManufacturerData]);
    }

    #[test]
    fn who_does_not_is_told_of_changes_and_steps() {
        let mut device = Device::new("C0:FF:EE:00:00:01", Instant::now());
        hear(&mut device, -60, "05ff4c000215", false);
        assert_eq!(hear(&mut device, -67, "05ff4c000215", false), []);
        assert_eq!(
            hear(&mut device, -68, "05ff4c000215", false),
            [Property::Rssi]
        );
        let told = hear(&mut device, -68, "05ff4c000216", false);
        assert_eq!(told, [Property::ManufacturerData]);
    }

    #[test]
    fn listed_services_are_told_once_then_only_the_strength() {
        let mut device = Device::new("C0:FF:EE:00:00:01", Instant::now());
        let listed = "1107015ea9c0e1570b9d534c646b9e0a1c7e";
        assert_eq!(
            hear(&mut device, -60, listed, true),
            [Property::Rssi, Property::Uuids]
        );
        assert_eq!(hear(&mut device, -60, listed, true), [Property::Rssi]);
    }

    #[test]
    fn maps_are_unions_of_all_that_was_sent() {
        let mut device = Device::new("C0:FF:EE:00:00:01", Instant::now());
        hear(&mut device, -60, "05ff4c000215", true);
        hear(&mut device, -60, "05ff75000101", true);
        let companies: Vec<u16> = device.manufacturer.keys().copied().collect();
        assert_eq!(companies, [0x4c, 0x75]);
    }
}
