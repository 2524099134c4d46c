//! The air through BlueZ: each gateway's machine with a message bus and a Bluetooth daemon of its
//! own, as its operating system would have them.
//!
//! In: advertisements, faults. Out: `org.bluez` on a private bus per machine, at
//! [`Machine::address`]; counts of the advertisements that were signalled.
//! Promises: behaves towards a client as BlueZ 5.66 does while it discovers, and when something
//! breaks; what was not signalled to a discovering client was not heard.
//! Invariant: touches no bus but its own.

mod ad;
mod adapter;
mod bus;
mod device;
mod service;
mod state;
mod wire;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use protocol::{AnchorId, sim::AirLine};

pub use self::{adapter::SCAN_WINDOW, bus::BusError, state::Options};
use self::{
    adapter::{Adapter, Signal},
    bus::Bus,
    service::Service,
    state::{State, lock},
};
use crate::air::{Air, Sender, Source};

/// Why a machine has no Bluetooth.
#[derive(Debug, thiserror::Error)]
pub enum BluezError {
    /// It has no bus.
    #[error("start the bus in {dir}")]
    Bus {
        /// The folder.
        dir: PathBuf,
        /// Why.
        #[source]
        source: BusError,
    },
    /// The daemon cannot serve on its bus.
    #[error("serve org.bluez on {address}")]
    Serve {
        /// The bus.
        address: String,
        /// Why.
        #[source]
        source: zbus::Error,
    },
}

/// The machines of a store, one per gateway.
#[derive(Debug)]
pub struct Bluez {
    machines: BTreeMap<AnchorId, Machine>,
}

impl Bluez {
    /// Starts a machine per antenna, each in a folder of its own within `dir`.
    pub async fn start(
        dir: &Path,
        anchors: impl IntoIterator<Item = AnchorId>,
        options: &Options,
    ) -> Result<Self, BluezError> {
        let mut machines = BTreeMap::new();
        for anchor in anchors {
            let dir = dir.join(format!("bluez-{anchor}"));
            machines.insert(anchor, Machine::start(&dir, options.clone()).await?);
        }
        Ok(Self { machines })
    }

    /// The machine with this antenna.
    pub fn machine(&self, anchor: &AnchorId) -> Option<&Machine> {
        self.machines.get(anchor)
    }
}

impl Air for Bluez {
    fn deliver(&self, anchor: &AnchorId, line: &AirLine, sender: Sender) {
        if let Some(machine) = self.machines.get(anchor) {
            machine.deliver(line, sender);
        }
    }

    fn heard(&self) -> BTreeMap<(AnchorId, u64), u64> {
        let mut heard = BTreeMap::new();
        for (anchor, machine) in &self.machines {
            let counts = machine.heard().into_iter();
            heard.extend(counts.map(|(sender, count)| ((anchor.clone(), sender), count)));
        }
        heard
    }

    fn lost_total(&self) -> u64 {
        self.machines.values().map(Machine::lost_total).sum()
    }

    fn connected(&self) -> usize {
        let discovering = self.machines.values().filter(|m| m.is_discovering());
        discovering.count()
    }

    fn source(&self, anchor: &AnchorId) -> Option<Source> {
        let bus = self.machines.get(anchor)?.address();
        Some(Source::Bluez { bus })
    }
}

/// One machine: bus, Bluetooth daemon, adapter `hci0`. Dropping it ends all three.
#[derive(Debug)]
pub struct Machine {
    dir: PathBuf,
    options: Options,
    state: Arc<Mutex<State>>,
    /// Held over restarts, so that two of them do not cross.
    running: tokio::sync::Mutex<Running>,
}

#[derive(Debug, Default)]
struct Running {
    service: Option<Service>,
    bus: Option<Bus>,
}

impl Machine {
    /// Starts bus and daemon; both are there when this returns.
    pub async fn start(dir: &Path, options: Options) -> Result<Self, BluezError> {
        let machine = Self {
            dir: dir.to_owned(),
            options,
            state: Arc::default(),
            running: tokio::sync::Mutex::default(),
        };
        machine.start_bus().await?;
        Ok(machine)
    }

    /// Its system bus, for `DBUS_SYSTEM_BUS_ADDRESS`.
    pub fn address(&self) -> String {
        bus::address(&self.dir)
    }

    /// Gives an advertisement to the antenna.
    pub fn deliver(&self, line: &AirLine, sender: Sender) {
        lock(&self.state).hear(Instant::now(), line, sender);
    }

    /// Whether a client discovers.
    pub fn is_discovering(&self) -> bool {
        self.adapter(Adapter::discovers)
    }

    /// Whether the adapter has power.
    pub fn is_powered(&self) -> bool {
        self.adapter(|adapter| adapter.is_powered)
    }

    /// Advertisements per sender that were signalled.
    pub fn heard(&self) -> BTreeMap<u64, u64> {
        lock(&self.state).heard.clone()
    }

    /// Waits until nothing waits for the bus.
    pub async fn drained(&self) {
        while lock(&self.state).waiting() > 0 {
            tokio::task::yield_now().await;
        }
    }

    /// Advertisements that were signalled, strangers' too.
    pub fn signalled_total(&self) -> u64 {
        lock(&self.state).signalled_total
    }

    /// Advertisements that the bus was too slow for.
    pub fn lost_total(&self) -> u64 {
        lock(&self.state).lost_total
    }

    /// Devices that the daemon remembers.
    pub fn devices(&self) -> usize {
        let state = lock(&self.state);
        let daemon = state.daemon.as_ref();
        daemon.map_or(0, |daemon| daemon.adapter.devices().count())
    }

    /// Power of the adapter. Off ends every discovery, and on does not resume it.
    pub fn power(&self, on: bool) {
        self.act(|adapter| adapter.set_powered(on));
    }

    /// The adapter is pulled out.
    pub fn unplug(&self) {
        self.act(Adapter::unplug);
    }

    /// The adapter is put back; the daemon then powers it.
    pub fn plug_in(&self) {
        let mut state = lock(&self.state);
        state.act(Adapter::plug_in);
        state.act(|adapter| adapter.set_powered(true));
    }

    /// The controller says nothing more until its power goes off and on; calls still succeed.
    pub fn hang(&self) {
        self.act(|adapter| {
            adapter.hang();
            Vec::new()
        });
    }

    /// Whether the controller reports a device only once a [`SCAN_WINDOW`].
    pub fn filter_duplicates(&self, on: bool) {
        self.act(|adapter| {
            adapter.filters_duplicates = on;
            Vec::new()
        });
    }

    /// The daemon crashes: its name is free, what it knew is forgotten, nobody is told.
    pub async fn kill_daemon(&self) {
        let mut running = self.running.lock().await;
        if let Some(service) = running.service.take() {
            service.stop(&self.state).await;
        }
    }

    /// The daemon comes back, and discovers for nobody.
    pub async fn start_daemon(&self) -> Result<(), BluezError> {
        let mut running = self.running.lock().await;
        if running.service.is_none() {
            running.service = Some(self.serve().await?);
        }
        Ok(())
    }

    /// The daemon crashes and comes back after a while.
    pub async fn restart_daemon(&self, after: Duration) -> Result<(), BluezError> {
        self.kill_daemon().await;
        tokio::time::sleep(after).await;
        self.start_daemon().await
    }

    /// The bus dies, and the daemon with it.
    pub async fn kill_bus(&self) {
        let mut running = self.running.lock().await;
        running.bus = None;
        if let Some(service) = running.service.take() {
            service.stop(&self.state).await;
        }
    }

    /// Bus and daemon come back, at the same address.
    pub async fn start_bus(&self) -> Result<(), BluezError> {
        let mut running = self.running.lock().await;
        if running.bus.is_none() {
            let bus = Bus::start(&self.dir).await;
            running.bus = Some(bus.map_err(|source| BluezError::Bus {
                dir: self.dir.clone(),
                source,
            })?);
            running.service = Some(self.serve().await?);
        }
        Ok(())
    }

    async fn serve(&self) -> Result<Service, BluezError> {
        let address = self.address();
        let service = Service::start(&address, &self.options, self.state.clone()).await;
        service.map_err(|source| BluezError::Serve { address, source })
    }

    fn adapter(&self, look: impl FnOnce(&Adapter) -> bool) -> bool {
        let state = lock(&self.state);
        state.daemon.as_ref().is_some_and(|d| look(&d.adapter))
    }

    fn act(&self, act: impl FnOnce(&mut Adapter) -> Vec<Signal>) {
        lock(&self.state).act(act);
    }
}
