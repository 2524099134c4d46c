//! The gateway's real radio source over a virtual BlueZ: what can go wrong with an adapter, a
//! daemon, a bus, and how soon a shopper is heard again afterwards.
//!
//! Each test prints its recovery: from the moment at which the fault was mended to the first
//! sighting in the database.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use anyhow::Context;
use demo::{
    audit::Audit,
    process::Process,
    stack::{Options, Stack, until, until_within},
};
use e2e::{
    harness::{Tool, test},
    person::{MESSAGES, Person, person},
    rig::program,
};
use firmware_sim::{
    air::Source,
    bluez::{self, Machine, SCAN_WINDOW},
    phone::identity::Layout,
    plan::Plan,
    provision::GatewayCredentials,
};
use libtest_mimic::Trial;
use protocol::{air::encode, sim::AirLine};
use server::clock::now_ms;
use tempfile::TempDir;
use tokio::task::JoinHandle;

/// What a phone advertises at.
const EVERY: Duration = Duration::from_millis(250);
/// No new sighting for so long means that nothing is heard any more: three windows and a half.
const QUIET: Duration = Duration::from_millis(1_750);
/// Silence after which these gateways climb their ladder; a shop's wait longer.
const SILENCE_S: u64 = 3;

pub(crate) fn tests() -> Vec<Trial> {
    const NEEDS: &[Tool] = &[Tool::DbusDaemon];
    vec![
        test("radio_adapter_off_and_on", NEEDS, off_and_on),
        test(
            "radio_adapter_that_stays_off_is_switched_on",
            NEEDS,
            stays_off,
        ),
        test("radio_adapter_pulled_out_and_put_back", NEEDS, pulled_out),
        test("radio_bluetoothd_restarted", NEEDS, daemon_restarted),
        test(
            "radio_stop_while_the_bus_is_gone_is_no_panic",
            NEEDS,
            bus_gone_at_stop,
        ),
        test("radio_bus_gone_ends_the_process", NEEDS, bus_gone),
        test("radio_controller_that_hangs_is_power_cycled", NEEDS, hangs),
        test(
            "radio_that_cannot_be_brought_back_ends_the_process",
            NEEDS,
            hangs_for_good,
        ),
        test(
            "radio_with_filtered_duplicates_hears_once_a_scan_window",
            NEEDS,
            filtered,
        ),
        test("radio_200_addresses_that_rotate", NEEDS, rotating),
        test("radio_cached_devices_are_no_sightings", NEEDS, cached),
        test(
            "radio_starts_before_its_adapter_is_there",
            NEEDS,
            starts_early,
        ),
        test(
            "radio_stop_ends_the_scan_and_nothing_warns",
            NEEDS,
            stop_ends_scan,
        ),
    ]
}

/// A server, one gateway, and one shopper who stands beside it.
struct Shop {
    stack: Stack,
    credentials: GatewayCredentials,
    machine: Arc<Machine>,
    gateway: Option<Process>,
    anna: Person,
    phone: Phone,
    _folder: TempDir,
}

/// A phone that advertises until it is dropped.
struct Phone {
    task: JoinHandle<()>,
    sent: Arc<AtomicU64>,
}

impl Drop for Phone {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Phone {
    fn advertise(machine: &Arc<Machine>, person: &Person, address: &str) -> Self {
        let (machine, identity) = (machine.clone(), person.identity.clone());
        let (address, sent) = (address.to_owned(), Arc::<AtomicU64>::default());
        let count = sent.clone();
        let task = tokio::spawn(async move {
            let mut due = tokio::time::interval(EVERY);
            loop {
                due.tick().await;
                let frame = identity.frame(Layout::Welkom, now_ms());
                machine.deliver(&line(&address, &encode(&frame)), Some(1));
                count.fetch_add(1, Relaxed);
            }
        });
        Self { task, sent }
    }
}

fn line(address: &str, ad: &[u8]) -> AirLine {
    AirLine {
        address: address.into(),
        rssi_dbm: -52,
        ad_hex: hex::encode(ad),
    }
}

impl Shop {
    /// The shop before its gateway starts.
    async fn closed(options: Options, bluez: bluez::Options) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let options = Options {
            snapshot_s: Some(86_400),
            ..options
        };
        let stack = Stack::start(folder.path(), &program()?, options).await?;
        let credentials = stack.furnish(&Plan::kade_9()).await?;
        let credentials = credentials.into_iter().next().context("no gateway")?;
        let machine = Arc::new(Machine::start(&folder.path().join("machine"), bluez).await?);
        let anna = person(&stack, "anna", MESSAGES).await?;
        Ok(Self {
            phone: Phone::advertise(&machine, &anna, "c0:ff:ee:00:00:01"),
            stack,
            credentials,
            machine,
            gateway: None,
            anna,
            _folder: folder,
        })
    }

    /// The shop with a gateway that hears her.
    async fn open(options: Options) -> anyhow::Result<Self> {
        let mut shop = Self::closed(options, bluez::Options::default()).await?;
        shop.start_gateway()?;
        shop.heard_again("the start", Instant::now()).await?;
        Ok(shop)
    }

    fn start_gateway(&mut self) -> anyhow::Result<()> {
        let bus = self.machine.address();
        let source = Source::Bluez { bus };
        self.gateway = Some(self.stack.gateway(&self.credentials, &source, &[])?);
        Ok(())
    }

    fn rows(&self) -> anyhow::Result<u64> {
        let sql = "SELECT count(*) FROM inputs WHERE kind = 'sightings'";
        Audit::open(&self.stack.database())?.number(sql)
    }

    /// Waits until no sighting has come for a while.
    async fn quiet(&self) -> anyhow::Result<()> {
        let (mut rows, mut since) = (self.rows()?, Instant::now());
        until("sightings to stop", async || {
            let now = self.rows()?;
            if now != rows {
                (rows, since) = (now, Instant::now());
            }
            Ok(since.elapsed() >= QUIET)
        })
        .await
    }

    /// Waits for the next sighting and prints how long after `mended` it came.
    async fn heard_again(&self, after: &str, mended: Instant) -> anyhow::Result<()> {
        let before = self.rows()?;
        until(&format!("her to be heard after {after}"), async || {
            Ok(self.rows()? > before)
        })
        .await?;
        println!(
            "radio, {after}: heard after {} ms",
            mended.elapsed().as_millis()
        );
        Ok(())
    }

    /// Neither did it take long nor did it take a rung of the ladder.
    fn without_the_ladder(&self) -> anyhow::Result<()> {
        let log = self.log()?;
        anyhow::ensure!(!log.contains("nothing heard"), "{log}");
        Ok(())
    }

    fn log(&self) -> anyhow::Result<String> {
        let gateway = self.gateway.as_ref().context("no gateway")?;
        Ok(std::fs::read_to_string(&gateway.log)?)
    }

    /// Waits for the gateway's process to end by itself, as systemd would.
    async fn gateway_ends(&mut self) -> anyhow::Result<()> {
        let gateway = self.gateway.as_mut().context("no gateway")?;
        let mut status = None;
        let ended = until("the gateway to end", async || {
            status = gateway.ended()?;
            Ok(status.is_some())
        })
        .await;
        ended.with_context(|| std::fs::read_to_string(&gateway.log).unwrap_or_default())?;
        let status = status.context("ended")?;
        anyhow::ensure!(status.code() == Some(1), "it ended with {status}");
        let log = self.log()?;
        anyhow::ensure!(!log.contains("panicked"), "{log}");
        Ok(())
    }
}

fn quick() -> Options {
    Options {
        silence_s: Some(SILENCE_S),
        ..Options::default()
    }
}

async fn off_and_on() -> anyhow::Result<()> {
    let shop = Shop::open(Options::default()).await?;
    shop.machine.power(false);
    shop.quiet().await?;
    shop.machine.power(true);
    shop.heard_again("adapter off and on", Instant::now())
        .await?;
    let log = shop.log()?;
    anyhow::ensure!(log.contains("the Bluetooth adapter is off"), "{log}");
    shop.without_the_ladder()
}

async fn stays_off() -> anyhow::Result<()> {
    let shop = Shop::open(quick()).await?;
    let off = Instant::now();
    shop.machine.power(false);
    shop.heard_again("adapter switched off for good, silence_s = 3", off)
        .await
}

async fn pulled_out() -> anyhow::Result<()> {
    let shop = Shop::open(Options::default()).await?;
    shop.machine.unplug();
    shop.quiet().await?;
    shop.machine.plug_in();
    shop.heard_again("adapter pulled out and put back", Instant::now())
        .await?;
    shop.without_the_ladder()
}

async fn daemon_restarted() -> anyhow::Result<()> {
    let shop = Shop::open(Options::default()).await?;
    shop.machine.kill_daemon().await;
    shop.machine.start_daemon().await?;
    shop.heard_again("bluetoothd restarted at once", Instant::now())
        .await?;
    shop.machine.kill_daemon().await;
    shop.quiet().await?;
    shop.machine.start_daemon().await?;
    shop.heard_again("bluetoothd restarted after a while", Instant::now())
        .await?;
    shop.without_the_ladder()
}

async fn bus_gone() -> anyhow::Result<()> {
    let mut shop = Shop::open(Options::default()).await?;
    let gone = Instant::now();
    shop.machine.kill_bus().await;
    shop.gateway_ends().await?;
    println!(
        "radio, bus gone: the process ends after {} ms",
        gone.elapsed().as_millis()
    );
    let log = shop.log()?;
    anyhow::ensure!(log.contains("the D-Bus connection is gone"), "{log}");
    shop.machine.start_bus().await?;
    let mended = Instant::now();
    shop.start_gateway()?;
    shop.heard_again("bus gone, gateway started again", mended)
        .await
}

async fn bus_gone_at_stop() -> anyhow::Result<()> {
    let mut shop = Shop::open(Options::default()).await?;
    shop.machine.kill_bus().await;
    let mut gateway = shop.gateway.take().context("no gateway")?;
    let log = gateway.log.clone();
    tokio::task::spawn_blocking(move || gateway.stop()).await??;
    let log = std::fs::read_to_string(log)?;
    anyhow::ensure!(!log.contains("panicked"), "{log}");
    Ok(())
}

async fn hangs() -> anyhow::Result<()> {
    let shop = Shop::open(quick()).await?;
    let hung = Instant::now();
    shop.machine.hang();
    shop.heard_again("controller hung, silence_s = 3", hung)
        .await?;
    let log = shop.log()?;
    anyhow::ensure!(log.contains("switching the adapter off and on"), "{log}");
    Ok(())
}

async fn hangs_for_good() -> anyhow::Result<()> {
    let mut shop = Shop::open(quick()).await?;
    let hung = Instant::now();
    let machine = shop.machine.clone();
    let hanging = tokio::spawn(async move {
        let mut often = tokio::time::interval(Duration::from_millis(1));
        loop {
            often.tick().await;
            machine.hang();
        }
    });
    shop.gateway_ends().await?;
    println!(
        "radio, hung for good, silence_s = 3: the process ends after {} ms",
        hung.elapsed().as_millis()
    );
    let log = shop.log()?;
    for word in [
        "restarting the scan",
        "switching the adapter off and on",
        "nothing heard for",
    ] {
        anyhow::ensure!(log.contains(word), "no {word:?} in\n{log}");
    }
    // The new process hears nothing either, and as it never did it stays.
    shop.start_gateway()?;
    until("the new process to have climbed the ladder", async || {
        Ok(shop
            .log()?
            .matches("switching the adapter off and on")
            .count()
            >= 3)
    })
    .await?;
    shop.gateway.as_mut().context("no gateway")?.still_runs()?;
    hanging.abort();
    Ok(())
}

async fn filtered() -> anyhow::Result<()> {
    let shop = Shop::open(Options::default()).await?;
    shop.machine.filter_duplicates(true);
    let (heard, sent) = (
        shop.machine.signalled_total(),
        shop.phone.sent.load(Relaxed),
    );
    let began = Instant::now();
    until_within(SCAN_WINDOW * 5, "two scan windows", async || {
        Ok(began.elapsed() >= SCAN_WINDOW * 2)
    })
    .await?;
    let heard = shop.machine.signalled_total() - heard;
    let sent = shop.phone.sent.load(Relaxed) - sent;
    println!("radio, duplicates filtered: {heard} of {sent} advertisements heard in two windows");
    anyhow::ensure!((2..=3).contains(&heard), "{heard} of {sent} heard");
    anyhow::ensure!(sent > 50, "only {sent} were sent");
    shop.without_the_ladder()
}

async fn rotating() -> anyhow::Result<()> {
    const PHONES: u64 = 200;
    const ROUNDS: u64 = 5;
    let shop = Shop::open(Options::default()).await?;
    let machine = shop.machine.clone();
    let before = shop.rows()?;
    let apple = [&[2, 1, 0x1a, 11, 0xff, 0x4c, 0, 0x10, 6][..], &[7; 6]].concat();
    let mut due = tokio::time::interval(Duration::from_millis(5));
    for n in 0..PHONES * ROUNDS * 2 {
        due.tick().await;
        // Each address is heard twice, then all are new.
        let (round, phone) = (n / PHONES / 2, n % PHONES);
        let address = format!("d0:00:00:00:{round:02x}:{phone:02x}");
        machine.deliver(&line(&address, &apple), None);
    }
    machine.drained().await;
    until("her to be heard through the crowd", async || {
        Ok(shop.rows()? > before + 10)
    })
    .await?;
    anyhow::ensure!(machine.lost_total() == 0, "{} lost", machine.lost_total());
    let visits = Audit::open(&shop.stack.database())?.visits(shop.stack.store.as_str())?;
    anyhow::ensure!(visits.len() == 1, "{visits:?}");
    Ok(())
}

async fn cached() -> anyhow::Result<()> {
    let shop = Shop::closed(Options::default(), bluez::Options::default()).await?;
    let bert = person(&shop.stack, "bert", MESSAGES).await?;
    let frame = encode(&bert.identity.frame(Layout::Welkom, now_ms()));
    let remembered = bluez::Options {
        cached: vec![line("c0:ff:ee:00:00:02", &frame)],
        ..bluez::Options::default()
    };
    let mut shop = Shop {
        machine: Arc::new(Machine::start(&shop.stack.dir.join("other"), remembered).await?),
        ..shop
    };
    shop.phone = Phone::advertise(&shop.machine, &shop.anna, "c0:ff:ee:00:00:01");
    shop.start_gateway()?;
    shop.heard_again("a start with cached devices", Instant::now())
        .await?;
    until("her to be heard for a while", async || Ok(shop.rows()? > 5)).await?;
    let heard = Audit::open(&shop.stack.database())?.heard()?;
    let people: Vec<_> = heard.keys().map(|(_, customer)| *customer).collect();
    anyhow::ensure!(people == [shop.anna.customer], "{heard:?}");
    // Once he is really there, he is heard like anybody.
    let _bert = Phone::advertise(&shop.machine, &bert, "c0:ff:ee:00:00:02");
    until("him to be heard", async || {
        let heard = Audit::open(&shop.stack.database())?.heard()?;
        Ok(heard.keys().any(|(_, customer)| *customer == bert.customer))
    })
    .await
}

async fn starts_early() -> anyhow::Result<()> {
    let mut shop = Shop::closed(Options::default(), bluez::Options::default()).await?;
    shop.machine.unplug();
    shop.start_gateway()?;
    until("the gateway to say what it waits for", async || {
        Ok(shop.log()?.contains("no such Bluetooth adapter"))
    })
    .await?;
    shop.machine.plug_in();
    shop.heard_again("adapter put in after the start", Instant::now())
        .await
}

async fn stop_ends_scan() -> anyhow::Result<()> {
    let mut shop = Shop::open(Options::default()).await?;
    let mut gateway = shop.gateway.take().context("no gateway")?;
    anyhow::ensure!(shop.machine.is_discovering(), "it does not scan");
    let log = gateway.log.clone();
    let status = tokio::task::spawn_blocking(move || gateway.stop()).await??;
    anyhow::ensure!(status.success(), "{status}");
    anyhow::ensure!(!shop.machine.is_discovering(), "the scan goes on");
    let log = std::fs::read_to_string(log)?;
    let loud = log
        .lines()
        .filter(|line| line.contains("WARN") || line.contains("ERROR"));
    let loud: Vec<_> = loud.collect();
    anyhow::ensure!(loud.is_empty(), "{loud:#?}");
    Ok(())
}
