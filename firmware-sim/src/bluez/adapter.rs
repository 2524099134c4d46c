//! The Bluetooth daemon's mind: one adapter, its clients, the devices it has heard.
//!
//! In: clients' calls, advertisements, faults, time as an argument. Out: [`Signal`]s in order.
//! Promises: refuses what BlueZ 5.66 refuses; discovery ends with its last client; an
//! advertisement is one signal or none.
//! Invariant: reads no clock, knows no bus.

use std::{
    collections::{BTreeMap, HashSet},
    time::{Duration, Instant},
};

use uuid::Uuid;

use super::{
    ad::Payload,
    device::{Device, Property},
};

/// The kernel restarts a scan this often, and with it a controller's duplicate filter.
pub const SCAN_WINDOW: Duration = Duration::from_millis(10_240);

/// Something that every client on the bus is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Signal {
    /// The adapter is there.
    AdapterAdded,
    /// It is gone.
    AdapterRemoved,
    /// It is powered, or not.
    Powered,
    /// It discovers, or not.
    Discovering,
    /// A device was heard first; by address.
    DeviceAdded(String),
    /// A device was not heard for long, or its adapter is gone.
    DeviceRemoved(String),
    /// Properties have values.
    DeviceChanged(String, Vec<Property>),
    /// Properties have no value any more.
    DeviceInvalidated(String, Vec<Property>),
}

/// Why a call is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The adapter is powered off.
    NotReady,
    /// This client discovers already.
    InProgress,
    /// This client does not discover.
    NoDiscovery,
    /// No device at this path.
    DoesNotExist,
}

/// What a client wants to be told about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Filter {
    /// Each advertisement, even if nothing changed.
    pub(super) duplicates: bool,
    /// Only devices that list one of these; empty: all.
    pub(super) uuids: Vec<Uuid>,
}

#[derive(Debug, Default)]
struct Client {
    filter: Filter,
    discovers: bool,
}

/// The adapter `hci0` with its daemon.
#[derive(Debug)]
pub(super) struct Adapter {
    /// Whether it is plugged in.
    pub(super) is_present: bool,
    /// Whether its radio is on.
    pub(super) is_powered: bool,
    /// The controller reports a device once a [`SCAN_WINDOW`].
    pub(super) filters_duplicates: bool,
    temporary: Duration,
    hangs: bool,
    clients: BTreeMap<String, Client>,
    devices: BTreeMap<String, Device>,
    reported: HashSet<String>,
    window_since: Option<Instant>,
}

impl Adapter {
    /// A powered adapter; devices not heard for `temporary` are forgotten.
    pub(super) fn new(temporary: Duration, filters_duplicates: bool) -> Self {
        Self {
            is_present: true,
            is_powered: true,
            filters_duplicates,
            temporary,
            hangs: false,
            clients: BTreeMap::new(),
            devices: BTreeMap::new(),
            reported: HashSet::new(),
            window_since: None,
        }
    }

    /// Whether any client discovers.
    pub(super) fn discovers(&self) -> bool {
        self.clients.values().any(|client| client.discovers)
    }

    /// Devices that are remembered.
    pub(super) fn devices(&self) -> impl Iterator<Item = &Device> {
        self.devices.values()
    }

    /// One of them.
    pub(super) fn device(&self, address: &str) -> Option<&Device> {
        self.devices.get(address)
    }

    /// Knows a device from an earlier client, without a strength.
    pub(super) fn remember(&mut self, now: Instant, address: &str, payload: &Payload) {
        let device = self.known(now, address);
        device.hear(now, 0, payload, true);
        device.forget_strength();
    }

    /// An advertisement reaches the antenna.
    pub(super) fn hear(
        &mut self,
        now: Instant,
        address: &str,
        rssi_dbm: i8,
        payload: &Payload,
    ) -> Option<Signal> {
        if self.hangs || !self.is_wanted(payload) || self.was_reported(now, address) {
            return None;
        }
        let every = self.wanting().any(|client| client.filter.duplicates);
        let is_known = self.devices.contains_key(address);
        if !is_known && !every && !payload.is_discoverable() {
            return None;
        }
        let told = self.known(now, address).hear(now, rssi_dbm, payload, every);
        if !is_known {
            return Some(Signal::DeviceAdded(address.to_owned()));
        }
        (!told.is_empty()).then(|| Signal::DeviceChanged(address.to_owned(), told))
    }

    /// Forgets devices that were not heard for long.
    pub(super) fn expire(&mut self, now: Instant) -> Vec<Signal> {
        let temporary = self.temporary;
        let gone = |_: &String, device: &mut Device| {
            now.saturating_duration_since(device.heard_at) >= temporary
        };
        let gone = self.devices.extract_if(.., gone);
        gone.map(|(address, _)| Signal::DeviceRemoved(address))
            .collect()
    }

    /// A client says what it wants.
    pub(super) fn set_filter(
        &mut self,
        client: &str,
        filter: Filter,
    ) -> Result<Vec<Signal>, Refusal> {
        self.ready()?;
        self.clients.entry(client.to_owned()).or_default().filter = filter;
        Ok(Vec::new())
    }

    /// A client begins to discover.
    pub(super) fn start_discovery(
        &mut self,
        now: Instant,
        client: &str,
    ) -> Result<Vec<Signal>, Refusal> {
        self.ready()?;
        let discovered = self.discovers();
        let client = self.clients.entry(client.to_owned()).or_default();
        if client.discovers {
            return Err(Refusal::InProgress);
        }
        client.discovers = true;
        if discovered {
            return Ok(Vec::new());
        }
        self.window_since = Some(now);
        self.reported.clear();
        Ok(vec![Signal::Discovering])
    }

    /// A client has discovered enough.
    pub(super) fn stop_discovery(&mut self, client: &str) -> Result<Vec<Signal>, Refusal> {
        self.ready()?;
        match self.clients.get_mut(client) {
            Some(client) if client.discovers => client.discovers = false,
            _ => return Err(Refusal::NoDiscovery),
        }
        Ok(self.after_a_client())
    }

    /// A client has left the bus.
    pub(super) fn client_left(&mut self, client: &str) -> Vec<Signal> {
        match self.clients.remove(client) {
            Some(left) if left.discovers => self.after_a_client(),
            _ => Vec::new(),
        }
    }

    /// A client wants a device forgotten.
    pub(super) fn remove_device(&mut self, address: &str) -> Result<Vec<Signal>, Refusal> {
        let removed = self.devices.remove(address).ok_or(Refusal::DoesNotExist)?;
        Ok(vec![Signal::DeviceRemoved(removed.address)])
    }

    /// Power; discovery does not come back with it, but a controller that hangs does.
    pub(super) fn set_powered(&mut self, on: bool) -> Vec<Signal> {
        if !self.is_present || self.is_powered == on {
            return Vec::new();
        }
        let mut signals = Vec::new();
        if !on {
            self.hangs = false;
            signals = self.end_discovery();
        }
        self.is_powered = on;
        signals.push(Signal::Powered);
        signals
    }

    /// The controller says nothing more until it is powered off and on.
    pub(super) fn hang(&mut self) {
        self.hangs = true;
    }

    /// The adapter is pulled out.
    pub(super) fn unplug(&mut self) -> Vec<Signal> {
        if !self.is_present {
            return Vec::new();
        }
        let devices = std::mem::take(&mut self.devices).into_keys();
        let signals = devices.map(Signal::DeviceRemoved);
        let signals = signals.chain([Signal::AdapterRemoved]).collect();
        self.clients.clear();
        (self.is_present, self.is_powered, self.hangs) = (false, false, false);
        signals
    }

    /// It is put back; the signal for its power follows (`AutoEnable`, on since BlueZ 5.65).
    pub(super) fn plug_in(&mut self) -> Vec<Signal> {
        let added = !std::mem::replace(&mut self.is_present, true);
        added.then_some(Signal::AdapterAdded).into_iter().collect()
    }

    fn ready(&self) -> Result<(), Refusal> {
        if self.is_powered {
            Ok(())
        } else {
            Err(Refusal::NotReady)
        }
    }

    fn known(&mut self, now: Instant, address: &str) -> &mut Device {
        self.devices
            .entry(address.to_owned())
            .or_insert_with(|| Device::new(address, now))
    }

    fn wanting(&self) -> impl Iterator<Item = &Client> {
        self.clients.values().filter(|client| client.discovers)
    }

    fn is_wanted(&self, payload: &Payload) -> bool {
        self.wanting().any(|client| {
            let uuids = &client.filter.uuids;
            uuids.is_empty() || uuids.iter().any(|uuid| payload.uuids.contains(uuid))
        })
    }

    fn was_reported(&mut self, now: Instant, address: &str) -> bool {
        if !self.filters_duplicates {
            return false;
        }
        let since = *self.window_since.get_or_insert(now);
        if now.saturating_duration_since(since) >= SCAN_WINDOW {
            self.window_since = Some(now);
            self.reported.clear();
        }
        !self.reported.insert(address.to_owned())
    }

    fn after_a_client(&mut self) -> Vec<Signal> {
        if self.discovers() {
            return Vec::new();
        }
        self.without_strength()
            .chain([Signal::Discovering])
            .collect()
    }

    /// Clients keep their filters.
    fn end_discovery(&mut self) -> Vec<Signal> {
        if !self.discovers() {
            return Vec::new();
        }
        let clients = self.clients.values_mut();
        clients.for_each(|client| client.discovers = false);
        self.after_a_client()
    }

    fn without_strength(&mut self) -> impl Iterator<Item = Signal> {
        self.devices.values_mut().filter_map(|device| {
            let lost = device.forget_strength();
            let address = device.address.clone();
            (!lost.is_empty()).then_some(Signal::DeviceInvalidated(address, lost))
        })
    }
}

#[cfg(test)]
mod tests;
