//! The radio of a Linux machine, through BlueZ and btleplug.
//!
//! In: btleplug's events. Out: [`Advertisement`]s.
//! Promises: scanning goes on after the adapter was off, pulled out, or hung, and after
//! bluetoothd was restarted; a bus that is gone, and a radio that no rung of the ladder brought
//! back, end the source, so that systemd starts a new process. On a stop the scan is ended.
//! Invariant: one manager for the life of the process, since btleplug's connections to the bus
//! are never closed; `properties()` is asked for at discovery alone, since it costs as much as
//! three advertisements.
//!
//! What reaches us: an advertisement of a new device as `DeviceDiscovered` and nothing else, one
//! of a known device as `RssiUpdate` and then its payloads, one whose only content is a service
//! UUID as a bare `RssiUpdate`.

mod power;
mod radios;

use std::{collections::HashMap, pin::Pin, time::Duration};

use ::btleplug::{
    api::{Central, CentralEvent, CentralState, Manager as _, Peripheral as _, ScanFilter},
    platform::{Adapter, Manager, PeripheralId},
};
use bluez_async::BluetoothError;
use futures_util::{FutureExt, Stream, StreamExt, stream::FuturesUnordered};
use tokio::{
    sync::{mpsc, watch},
    time::{sleep, timeout},
};
use tracing::{debug, info, warn};

use self::radios::Radios;
use super::{
    Advertisement, RadioKey, RadioKeys,
    watchdog::{Rung, Watchdog},
};
use crate::{clock::Monotonic, config::BtleplugConfig, counts::Counters, stop};

/// Devices that are looked up at once. Each takes three calls over the bus; strangers that come
/// in faster are heard from their second advertisement on.
const LOOKUPS_MAX: usize = 32;
/// What one call to BlueZ may take. btleplug itself waits for 30 s.
const CALL_MAX: Duration = Duration::from_secs(3);
/// What ending the scan may take at a stop.
const STOP_MAX: Duration = Duration::from_secs(2);
/// One that is off is looked after this often.
const OFF_EVERY_MS: u64 = 1_000;
/// An adapter that is not there at the start is looked for this often.
const ADAPTER_EVERY: Duration = Duration::from_secs(1);

/// Why BlueZ cannot be listened to by this process any more.
#[derive(Debug, thiserror::Error)]
pub enum BluezError {
    /// Nobody answers at the address of the system bus.
    #[error("connect to the D-Bus system bus: is dbus running?")]
    NoBus(#[source] ::btleplug::Error),
    /// The bus was there and is not there any more.
    #[error("the D-Bus connection is gone")]
    BusGone,
    /// Listen to the bus.
    #[error("follow the events of the adapter")]
    Events(#[source] ::btleplug::Error),
    /// The whole ladder was climbed, and nothing is heard.
    #[error(
        "nothing heard for {silent_ms} ms, with the scan restarted and the adapter power-cycled"
    )]
    Silent {
        /// For how long.
        silent_ms: u64,
    },
}

/// Listens until asked to stop or until only a new process can help.
pub(super) async fn listen(
    config: BtleplugConfig,
    to: mpsc::Sender<Advertisement>,
    counts: Counters,
    mut stop: watch::Receiver<bool>,
) -> Result<(), BluezError> {
    let manager = Manager::new().await.map_err(BluezError::NoBus)?;
    let found = tokio::select! {
        found = find(&manager, &config.adapter) => found?,
        () = stop::asked(&mut stop) => return Ok(()),
    };
    let mut ears = Ears::open(found, &config, to, counts).await?;
    let ended = tokio::select! {
        ended = ears.listen() => ended,
        () = stop::asked(&mut stop) => Ok(()),
    };
    if ended.is_ok() {
        ears.end_scan().await;
    }
    // Dropped, btleplug takes its match rules back over the bus, and panics if that is gone. The
    // process ends with this source, and the bus forgets its rules with it.
    std::mem::forget(ears.events);
    ended
}

/// Waits for the adapter of this name.
async fn find(manager: &Manager, name: &str) -> Result<Adapter, BluezError> {
    let mut told = false;
    loop {
        match timeout(CALL_MAX, named(manager, name)).await {
            Ok(Ok(Some(adapter))) => return Ok(adapter),
            Ok(Ok(None)) if !std::mem::replace(&mut told, true) => {
                warn!(
                    adapter = name,
                    "there is no such Bluetooth adapter; waiting for it"
                );
            }
            Ok(Err(error)) if !std::mem::replace(&mut told, true) => {
                let error = &error as &dyn std::error::Error;
                warn!(error, "BlueZ does not list its adapters; waiting for it");
            }
            Ok(_) => {}
            Err(_) if !power::bus_answers().await => return Err(BluezError::BusGone),
            Err(_) => {}
        }
        sleep(ADAPTER_EVERY).await;
    }
}

/// btleplug gives adapters in any order; their names stand before the first space of the info.
async fn named(manager: &Manager, name: &str) -> Result<Option<Adapter>, ::btleplug::Error> {
    for adapter in manager.adapters().await? {
        let info = adapter.adapter_info().await?;
        if info.split(' ').next() == Some(name) {
            return Ok(Some(adapter));
        }
    }
    Ok(None)
}

type Events = Pin<Box<dyn Stream<Item = CentralEvent> + Send>>;
type Properties = ::btleplug::api::PeripheralProperties;
type Lookup = Pin<Box<dyn Future<Output = Option<(RadioKey, Monotonic, Properties)>> + Send>>;

struct Ears {
    adapter: Adapter,
    name: String,
    events: Events,
    keys: RadioKeys,
    radios: Radios,
    lookups: FuturesUnordered<Lookup>,
    watchdog: Watchdog,
    /// Calls that were not answered in time, one after the other.
    unanswered: u32,
    to: mpsc::Sender<Advertisement>,
    counts: Counters,
}

impl Ears {
    async fn open(
        adapter: Adapter,
        config: &BtleplugConfig,
        to: mpsc::Sender<Advertisement>,
        counts: Counters,
    ) -> Result<Self, BluezError> {
        let mut ears = Self {
            events: adapter.events().await.map_err(BluezError::Events)?,
            adapter,
            name: config.adapter.clone(),
            keys: RadioKeys::default(),
            radios: Radios::default(),
            lookups: FuturesUnordered::new(),
            watchdog: Watchdog::new(config.silence_ms, Monotonic::now()),
            unanswered: 0,
            to,
            counts,
        };
        ears.pass_over_cached();
        Ok(ears)
    }

    /// btleplug begins with the devices that BlueZ remembers: they are no sightings, but the
    /// service UUIDs that it tells with them name radios that may be heard later.
    fn pass_over_cached(&mut self) {
        while let Some(Some(event)) = self.events.next().now_or_never() {
            if let CentralEvent::ServicesAdvertisement { id, services } = event {
                let key = self.keys.of(&id);
                self.radios.services(key, &services);
            }
        }
    }

    async fn listen(&mut self) -> Result<(), BluezError> {
        self.keep_scanning().await?;
        loop {
            let now = Monotonic::now();
            let mut wake = self.watchdog.poll_at();
            if self.watchdog.is_off() {
                wake = wake.min(now.plus_ms(OFF_EVERY_MS));
            }
            let silent = Duration::from_millis(wake.ms_since(now));
            let advert = tokio::select! {
                event = self.events.next() => match event {
                    Some(event) => self.hear(event).await?,
                    None => return Err(BluezError::BusGone),
                },
                Some(looked_up) = self.lookups.next() => looked_up.and_then(|(key, at, found)| {
                    self.radios.discovered(at, key, &found)
                }),
                () = sleep(silent) => {
                    self.climb().await?;
                    None
                }
            };
            let Some(advert) = advert else {
                continue;
            };
            if self.to.send(advert).await.is_err() {
                return Ok(());
            }
        }
    }

    async fn hear(&mut self, event: CentralEvent) -> Result<Option<Advertisement>, BluezError> {
        let now = Monotonic::now();
        match event {
            CentralEvent::RssiUpdate { id, rssi } => {
                self.watchdog.heard(now);
                Ok(self.radios.rssi(now, self.keys.of(&id), rssi))
            }
            CentralEvent::ManufacturerDataAdvertisement {
                id,
                manufacturer_data,
            } => Ok(self
                .radios
                .manufacturer(now, self.keys.of(&id), &manufacturer_data)),
            CentralEvent::ServiceDataAdvertisement { id, service_data } => Ok(self
                .radios
                .service_data(now, self.keys.of(&id), &service_data)),
            CentralEvent::ServicesAdvertisement { id, services } => {
                self.radios.services(self.keys.of(&id), &services);
                Ok(None)
            }
            CentralEvent::DeviceDiscovered(id) => {
                self.watchdog.heard(now);
                self.look_up(now, id);
                Ok(None)
            }
            CentralEvent::StateUpdate(CentralState::PoweredOff) => {
                warn!(adapter = self.name, "the Bluetooth adapter is off");
                self.watchdog.powered_off(now);
                Ok(None)
            }
            CentralEvent::StateUpdate(CentralState::PoweredOn) => {
                self.watchdog.powered_on(now);
                self.keep_scanning().await?;
                Ok(None)
            }
            _ => Ok(None),
        }
    }

    fn look_up(&mut self, now: Monotonic, id: PeripheralId) {
        if self.lookups.len() >= LOOKUPS_MAX {
            self.counts.shed_lookup();
            return;
        }
        let (adapter, key) = (self.adapter.clone(), self.keys.of(&id));
        self.lookups.push(Box::pin(async move {
            let properties = async { adapter.peripheral(&id).await?.properties().await };
            // A device that BlueZ has forgotten by now is nobody's loss.
            let properties = timeout(CALL_MAX, properties).await.ok()?.ok()??;
            Some((key, now, properties))
        }));
    }

    /// One rung of the ladder.
    async fn climb(&mut self) -> Result<(), BluezError> {
        let now = Monotonic::now();
        if self.watchdog.is_off() && self.is_on().await {
            self.watchdog.powered_on(Monotonic::now());
            return self.keep_scanning().await;
        }
        let Some(rung) = self.watchdog.due(now) else {
            return Ok(());
        };
        let (adapter, silent_ms) = (&self.name, self.watchdog.silent_ms(now));
        match rung {
            Rung::KeepScanning => {}
            Rung::RestartScan => {
                warn!(adapter, silent_ms, "nothing heard: restarting the scan");
                self.end_scan().await;
            }
            Rung::PowerCycle => {
                warn!(
                    adapter,
                    silent_ms, "nothing heard: switching the adapter off and on"
                );
                if let Err(error) = power::cycle(adapter).await {
                    let error = &error as &dyn std::error::Error;
                    warn!(
                        adapter,
                        error, "the adapter could not be switched off and on"
                    );
                }
            }
            Rung::Leave => return Err(BluezError::Silent { silent_ms }),
        }
        self.keep_scanning().await
    }

    /// BlueZ says of an adapter that is pulled out that it is off; one that is put back is new to
    /// it, and nobody says that it is on.
    async fn is_on(&mut self) -> bool {
        let state = timeout(CALL_MAX, self.adapter.adapter_state()).await;
        matches!(state, Ok(Ok(CentralState::PoweredOn)))
    }

    /// Starts the scan if it does not run; BlueZ says so if it does.
    async fn keep_scanning(&mut self) -> Result<(), BluezError> {
        let started = timeout(CALL_MAX, self.adapter.start_scan(ScanFilter::default())).await;
        self.unanswered = if started.is_err() {
            self.unanswered + 1
        } else {
            0
        };
        match started {
            Ok(Ok(())) => {
                info!(adapter = self.name, "scanning");
                return Ok(());
            }
            Ok(Err(error)) if is_in_progress(&error) => return Ok(()),
            Ok(Err(error)) => self.tell_refused(&error),
            Err(_) => debug!(adapter = self.name, "BlueZ does not answer"),
        }
        self.watchdog.try_soon(Monotonic::now());
        // A bus that answers others and not us has lost our connection.
        if self.unanswered > 1 || !power::bus_answers().await {
            return Err(BluezError::BusGone);
        }
        Ok(())
    }

    fn tell_refused(&self, error: &::btleplug::Error) {
        let error = error as &dyn std::error::Error;
        debug!(adapter = self.name, error, "BlueZ refuses");
    }

    /// Whether it works does not matter: either nobody scans any more, or nobody is there.
    async fn end_scan(&mut self) {
        match timeout(STOP_MAX, self.adapter.stop_scan()).await {
            Ok(Ok(())) => debug!(adapter = self.name, "scan ended"),
            Ok(Err(error)) => self.tell_refused(&error),
            Err(_) => debug!(adapter = self.name, "BlueZ does not answer"),
        }
    }
}

fn is_in_progress(error: &::btleplug::Error) -> bool {
    let ::btleplug::Error::Other(other) = error else {
        return false;
    };
    match other.downcast_ref() {
        Some(BluetoothError::DbusError(error)) => {
            error.name() == Some("org.bluez.Error.InProgress")
        }
        _ => false,
    }
}

/// Manufacturers' data as btleplug gives it.
type ManufacturerData = HashMap<u16, Vec<u8>>;
