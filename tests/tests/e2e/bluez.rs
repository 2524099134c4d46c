//! The virtual BlueZ, as an unmodified btleplug hears it.

use std::{collections::BTreeMap, time::Duration};

use demo::stack::until;
use e2e::{
    ears::{Command, Ears, Heard},
    harness::{Tool, test},
};
use firmware_sim::bluez::{Machine, Options};
use libtest_mimic::Trial;
use protocol::{
    Eid, Frame,
    air::{SERVICE_UUID, encode},
    sim::AirLine,
};
use tempfile::TempDir;

const DEVICE: &str = "hci0/dev_C0_FF_EE_00_00_01";
/// Flags, then two bytes under Apple's company identifier.
const APPLE: &str = "02010605ff4c000215";
/// Nothing but our UUID in a list of services.
const LISTED: &str = "1107015ea9c0e1570b9d534c646b9e0a1c7e";

pub(crate) fn tests() -> Vec<Trial> {
    const NEEDS: &[Tool] = &[Tool::DbusDaemon];
    vec![
        test("bluez_pairs_each_strength_with_its_payload", NEEDS, pairs),
        test(
            "bluez_tells_our_own_frame_as_service_data",
            NEEDS,
            own_frame,
        ),
        test(
            "bluez_tells_a_listed_service_once_then_bare_strengths",
            NEEDS,
            bare_strengths,
        ),
        test(
            "bluez_replays_cached_devices_without_a_strength",
            NEEDS,
            cached,
        ),
        test("bluez_does_not_resume_a_scan_after_power", NEEDS, power),
        test("bluez_refuses_a_second_scan", NEEDS, second_scan),
        test(
            "bluez_forgets_silent_devices_and_adds_them_again",
            NEEDS,
            forgets,
        ),
        test(
            "bluez_ends_a_scan_when_its_client_is_killed",
            NEEDS,
            client_killed,
        ),
        test(
            "bluez_is_silent_after_the_daemon_crashed_until_a_scan_starts",
            NEEDS,
            daemon_crash,
        ),
        test(
            "bluez_comes_back_at_the_same_address_after_the_bus_died",
            NEEDS,
            bus_death,
        ),
        test("bluez_hangs_until_power_is_off_and_on", NEEDS, hang),
        test(
            "bluez_adapter_comes_back_after_it_was_pulled_out",
            NEEDS,
            unplugged,
        ),
        test(
            "bluez_controller_that_filters_reports_a_device_once",
            NEEDS,
            filters,
        ),
    ]
}

struct Bench {
    machine: Machine,
    ears: Ears,
    _folder: TempDir,
}

impl Bench {
    async fn start(options: Options) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let machine = Machine::start(folder.path(), options).await?;
        let ears = Ears::start(&machine.address()).await?;
        Ok(Self {
            machine,
            ears,
            _folder: folder,
        })
    }

    async fn scanning() -> anyhow::Result<Self> {
        let mut bench = Self::start(Options::default()).await?;
        bench.ears.scan().await?;
        Ok(bench)
    }

    fn put(&self, rssi_dbm: i8, ad_hex: &str) {
        self.machine.deliver(&line(rssi_dbm, ad_hex), Some(1));
    }

    /// Advertisements of the one device that were signalled.
    async fn heard(&self, count: u64) -> anyhow::Result<()> {
        self.machine.drained().await;
        let heard = self.machine.heard().get(&1).copied().unwrap_or_default();
        anyhow::ensure!(heard == count, "{heard} were signalled, not {count}");
        Ok(())
    }

    /// The first advertisement of a device with Apple's data.
    async fn discover(&mut self, rssi_dbm: i8) -> anyhow::Result<()> {
        self.put(rssi_dbm, APPLE);
        self.ears.expect(discovered(Some(rssi_dbm))).await
    }
}

fn line(rssi_dbm: i8, ad_hex: &str) -> AirLine {
    AirLine {
        address: "c0:ff:ee:00:00:01".into(),
        rssi_dbm,
        ad_hex: ad_hex.into(),
    }
}

fn apple(byte: u8) -> BTreeMap<u16, Vec<u8>> {
    BTreeMap::from([(0x4c, vec![2, byte])])
}

fn discovered(rssi_dbm: Option<i8>) -> Heard {
    Heard::Discovered {
        id: DEVICE.into(),
        rssi_dbm: rssi_dbm.map(i16::from),
        // Without a name, BlueZ makes an alias of the address.
        name: Some("C0-FF-EE-00-00-01".into()),
        tx_power_dbm: None,
        manufacturer: apple(0x15),
        service_data: BTreeMap::new(),
        services: Vec::new(),
    }
}

fn strength(rssi_dbm: i16) -> Heard {
    Heard::Rssi(DEVICE.into(), rssi_dbm)
}

fn payload(byte: u8) -> Heard {
    Heard::Manufacturer(DEVICE.into(), apple(byte))
}

fn state(text: &str) -> Heard {
    Heard::State(text.into())
}

async fn pairs() -> anyhow::Result<()> {
    let mut bench = Bench::start(Options::default()).await?;
    bench.put(-40, APPLE);
    bench.ears.scan().await?;
    bench.discover(-61).await?;
    bench.put(-62, APPLE);
    bench.put(-63, "02010605ff4c000216");
    // Equal in every byte: told all the same.
    bench.put(-63, "02010605ff4c000216");
    for (rssi_dbm, byte) in [(-62, 0x15), (-63, 0x16), (-63, 0x16)] {
        bench.ears.expect(strength(rssi_dbm)).await?;
        bench.ears.expect(payload(byte)).await?;
    }
    // What came before the scan is not among them.
    bench.heard(4).await
}

async fn own_frame() -> anyhow::Result<()> {
    let mut bench = Bench::scanning().await?;
    let eid = Eid([1, 2, 3, 4, 5, 6, 7, 8]);
    let frame = Frame::Welkom {
        eid,
        tx_power_dbm: -59,
    };
    let ad_hex = hex::encode(encode(&frame));
    bench.put(-61, &ad_hex);
    bench.put(-62, &ad_hex);
    let data = BTreeMap::from([(SERVICE_UUID, [&eid.0[..], &[0xc5]].concat())]);
    let Heard::Discovered { service_data, .. } = bench.ears.next().await? else {
        anyhow::bail!("it was not discovered first");
    };
    anyhow::ensure!(service_data == data, "{service_data:?}");
    bench.ears.expect(strength(-62)).await?;
    let wanted = Heard::ServiceData(DEVICE.into(), data);
    bench.ears.expect(wanted).await
}

async fn bare_strengths() -> anyhow::Result<()> {
    let mut bench = Bench::scanning().await?;
    bench.put(-61, LISTED);
    let first = bench.ears.next().await?;
    let has_service = matches!(&first, Heard::Discovered { services, rssi_dbm: Some(-61), .. }
        if *services == [SERVICE_UUID]);
    anyhow::ensure!(has_service, "{first:?}");
    let services = Heard::Services(DEVICE.into(), vec![SERVICE_UUID]);
    bench.ears.expect(services).await?;
    bench.put(-62, LISTED);
    bench.put(-62, LISTED);
    bench.ears.expect(strength(-62)).await?;
    bench.ears.expect(strength(-62)).await?;
    bench.heard(3).await
}

async fn cached() -> anyhow::Result<()> {
    let cached = vec![line(-50, APPLE)];
    let options = Options {
        cached,
        ..Options::default()
    };
    let mut bench = Bench::start(options).await?;
    bench.ears.expect(discovered(None)).await?;
    bench.ears.scan().await?;
    // It is known, so hearing it is a change.
    bench.put(-61, APPLE);
    bench.ears.expect(strength(-61)).await?;
    bench.ears.expect(payload(0x15)).await?;
    bench.heard(1).await
}

async fn power() -> anyhow::Result<()> {
    let mut bench = Bench::scanning().await?;
    bench.discover(-61).await?;
    bench.machine.power(false);
    bench.ears.expect(state("PoweredOff")).await?;
    bench.machine.power(true);
    bench.ears.expect(state("PoweredOn")).await?;
    anyhow::ensure!(!bench.machine.is_discovering(), "it scans by itself");
    bench.put(-62, APPLE);
    bench.heard(1).await?;
    bench.ears.scan().await?;
    bench.put(-63, APPLE);
    bench.ears.expect(strength(-63)).await?;
    bench.ears.expect(payload(0x15)).await?;
    // A client that starts a scan powers the adapter.
    bench.machine.power(false);
    bench.ears.scan().await?;
    anyhow::ensure!(bench.machine.is_powered(), "the scan did not power it");
    Ok(())
}

async fn second_scan() -> anyhow::Result<()> {
    let mut bench = Bench::scanning().await?;
    bench.ears.command(Command::Scan)?;
    let Heard::Done(Some(refused)) = bench.ears.next().await? else {
        anyhow::bail!("a second scan was let through");
    };
    anyhow::ensure!(refused.contains("already in progress"), "{refused}");
    bench.ears.command(Command::Stop)?;
    bench.ears.expect(Heard::Done(None)).await?;
    anyhow::ensure!(!bench.machine.is_discovering(), "it scans on");
    bench.ears.scan().await
}

async fn forgets() -> anyhow::Result<()> {
    let options = Options {
        temporary: Duration::from_millis(300),
        ..Options::default()
    };
    let mut bench = Bench::start(options).await?;
    bench.ears.scan().await?;
    bench.discover(-61).await?;
    until("the device to be forgotten", async || {
        Ok(bench.machine.devices() == 0)
    })
    .await?;
    bench.discover(-62).await
}

async fn client_killed() -> anyhow::Result<()> {
    let mut bench = Bench::scanning().await?;
    bench.ears.kill()?;
    until("the scan to end", async || {
        Ok(!bench.machine.is_discovering())
    })
    .await?;
    bench.put(-61, APPLE);
    bench.heard(0).await
}

async fn daemon_crash() -> anyhow::Result<()> {
    let mut bench = Bench::scanning().await?;
    bench.discover(-61).await?;
    bench.machine.kill_daemon().await;
    bench.put(-62, APPLE);
    bench.machine.start_daemon().await?;
    anyhow::ensure!(bench.machine.devices() == 0, "it remembers devices");
    bench.put(-63, APPLE);
    bench.heard(1).await?;
    // The first thing heard of the crash is what comes of the next scan.
    bench.ears.command(Command::Scan)?;
    bench.ears.expect(Heard::Done(None)).await?;
    bench.discover(-64).await
}

async fn bus_death() -> anyhow::Result<()> {
    let bench = Bench::scanning().await?;
    let address = bench.machine.address();
    bench.machine.kill_bus().await;
    bench.put(-61, APPLE);
    bench.machine.start_bus().await?;
    anyhow::ensure!(bench.machine.address() == address, "it moved");
    bench.heard(0).await?;
    let mut ears = Ears::start(&address).await?;
    ears.scan().await?;
    bench.put(-62, APPLE);
    ears.expect(discovered(Some(-62))).await
}

async fn hang() -> anyhow::Result<()> {
    let mut bench = Bench::start(Options::default()).await?;
    bench.machine.hang();
    bench.ears.scan().await?;
    bench.put(-61, APPLE);
    bench.heard(0).await?;
    anyhow::ensure!(
        bench.machine.is_discovering(),
        "it does not look as if it scanned"
    );
    bench.machine.power(false);
    bench.ears.scan().await?;
    bench.put(-62, APPLE);
    bench.ears.until(&discovered(Some(-62))).await
}

async fn unplugged() -> anyhow::Result<()> {
    let mut bench = Bench::scanning().await?;
    bench.discover(-61).await?;
    bench.machine.unplug();
    bench.ears.command(Command::Scan)?;
    let Heard::Done(Some(_)) = bench.ears.next().await? else {
        anyhow::bail!("it scanned without an adapter");
    };
    bench.machine.plug_in();
    bench.ears.expect(state("PoweredOn")).await?;
    bench.ears.scan().await?;
    bench.discover(-62).await
}

async fn filters() -> anyhow::Result<()> {
    let options = Options {
        filters_duplicates: true,
        ..Options::default()
    };
    let mut bench = Bench::start(options).await?;
    bench.ears.scan().await?;
    bench.discover(-61).await?;
    bench.put(-62, APPLE);
    bench.put(-63, "02010605ff4c000216");
    bench.heard(1).await?;
    bench.machine.filter_duplicates(false);
    bench.put(-64, APPLE);
    bench.ears.expect(strength(-64)).await?;
    bench.heard(2).await
}
