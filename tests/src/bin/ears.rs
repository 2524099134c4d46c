//! What an unmodified BlueZ client hears, as lines of JSON on standard output.
//!
//! In: `DBUS_SYSTEM_BUS_ADDRESS`; lines of [`Command`] on standard input. Out: lines of [`Heard`].
//! A process of its own, because its D-Bus library asks for the bus once per process.

use std::io::Write;

use anyhow::Context;
use btleplug::{
    api::{Central, CentralEvent, Manager as _, Peripheral as _, ScanFilter},
    platform::{Adapter, Manager, PeripheralId},
};
use e2e::ears::{Command, Heard};
use futures_util::StreamExt;
use tokio::io::{AsyncBufReadExt, BufReader};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let adapter = adapter().await?;
    let mut events = adapter.events().await.context("ask for events")?;
    let mut commands = BufReader::new(tokio::io::stdin()).lines();
    say(&Heard::Ready)?;
    loop {
        tokio::select! {
            line = commands.next_line() => match line? {
                Some(line) => say(&obey(&adapter, serde_json::from_str(&line)?).await)?,
                None => return Ok(()),
            },
            event = events.next() => match event {
                Some(event) => tell(&adapter, event).await?,
                None => return say(&Heard::Ended),
            },
        }
    }
}

async fn adapter() -> anyhow::Result<Adapter> {
    let manager = Manager::new().await.context("connect to the bus")?;
    for adapter in manager.adapters().await.context("list adapters")? {
        if adapter.adapter_info().await?.starts_with("hci0 ") {
            return Ok(adapter);
        }
    }
    anyhow::bail!("there is no hci0")
}

async fn obey(adapter: &Adapter, command: Command) -> Heard {
    let done = match command {
        Command::Scan => adapter.start_scan(ScanFilter::default()).await,
        Command::Stop => adapter.stop_scan().await,
    };
    Heard::Done(done.err().map(|error| error.to_string()))
}

async fn tell(adapter: &Adapter, event: CentralEvent) -> anyhow::Result<()> {
    let heard = match event {
        CentralEvent::DeviceDiscovered(id) => discovered(adapter, &id).await?,
        CentralEvent::RssiUpdate { id, rssi } => Heard::Rssi(id.to_string(), rssi),
        CentralEvent::ManufacturerDataAdvertisement {
            id,
            manufacturer_data,
        } => Heard::Manufacturer(id.to_string(), manufacturer_data.into_iter().collect()),
        CentralEvent::ServiceDataAdvertisement { id, service_data } => {
            Heard::ServiceData(id.to_string(), service_data.into_iter().collect())
        }
        CentralEvent::ServicesAdvertisement { id, services } => {
            Heard::Services(id.to_string(), services)
        }
        CentralEvent::StateUpdate(state) => Heard::State(format!("{state:?}")),
        _ => return Ok(()),
    };
    say(&heard)
}

async fn discovered(adapter: &Adapter, id: &PeripheralId) -> anyhow::Result<Heard> {
    let device = adapter.peripheral(id).await.context("find the device")?;
    let known = device.properties().await.context("ask what is known")?;
    let known = known.unwrap_or_default();
    Ok(Heard::Discovered {
        id: id.to_string(),
        rssi_dbm: known.rssi,
        name: known.local_name,
        tx_power_dbm: known.tx_power_level,
        manufacturer: known.manufacturer_data.into_iter().collect(),
        service_data: known.service_data.into_iter().collect(),
        services: known.services,
    })
}

fn say(heard: &Heard) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", serde_json::to_string(heard)?)?;
    out.flush().context("say what was heard")
}
