//! The gateway's raw HCI source over a virtual controller: what it hears, and what can go wrong
//! with an adapter. The whole way to the server stands in `happy.rs`.
//!
//! Tests of faults print their recovery: from the fault to the next advertisement.

use std::time::{Duration, Instant};

use anyhow::Context;
use demo::stack::until;
use e2e::harness::test;
use firmware_sim::controller::{Controller, Options};
use gateway::{
    config::{HciAdapter, HciConfig, SourceConfig},
    counts::Counters,
    source::{Advertisement, Source, SourceError},
};
use libtest_mimic::Trial;
use protocol::sim::AirLine;
use tempfile::TempDir;

/// Silence after which these sources climb their ladder; a shop's wait longer.
const SILENCE_MS: u64 = 1_000;
const HEARD_MAX: Duration = Duration::from_secs(20);
/// LE Set Scan Enable: off; and on, with the filter of duplicates.
const SCAN_OFF: &[u8] = &[1, 0x0c, 0x20, 2, 0, 0];
const FILTER_ON: &[u8] = &[1, 0x0c, 0x20, 2, 1, 1];

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        test(
            "hci_hears_each_advertisement_with_its_strength_and_time",
            &[],
            each,
        ),
        test(
            "hci_speaks_the_commands_of_bluetooth_5_and_joins_parts",
            &[],
            extended,
        ),
        test(
            "hci_sets_right_what_somebody_else_does_to_the_scan",
            &[],
            others,
        ),
        test("hci_controller_that_hangs_is_reset", &[], hangs),
        test(
            "hci_radio_that_cannot_be_brought_back_ends_the_source",
            &[],
            hangs_for_good,
        ),
        test("hci_adapter_pulled_out_and_put_back", &[], pulled_out),
        test("hci_two_radios_are_two_samples", &[], two),
        test(
            "hci_deaf_radio_is_no_reason_to_end_while_another_hears",
            &[],
            one_of_two_is_deaf,
        ),
        test("hci_broken_packets_are_counted", &[], broken),
        test("hci_stop_ends_the_scan", &[], stop_ends_scan),
    ]
}

struct Bench {
    controllers: Vec<Controller>,
    source: Source,
    counts: Counters,
    _folder: TempDir,
}

impl Bench {
    /// As many controllers, scanning.
    async fn scanning(radios: usize, options: Options) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let start = |n: usize| {
            let path = folder.path().join(format!("hci{n}"));
            Controller::start(&path, options.clone())
        };
        let controllers = (0..radios).map(start).collect::<Result<Vec<_>, _>>()?;
        let adapter = |c: &Controller| HciAdapter::Unix(c.path().to_owned());
        let config = HciConfig {
            adapters: controllers.iter().map(adapter).collect(),
            silence_ms: SILENCE_MS,
        };
        let counts = Counters::default();
        let source = SourceConfig::Hci(config);
        let bench = Self {
            source: Source::start(&source, "door".parse()?, counts.clone()),
            controllers,
            counts,
            _folder: folder,
        };
        bench.all_scan().await?;
        Ok(bench)
    }

    async fn all_scan(&self) -> anyhow::Result<()> {
        until("the controllers to scan", async || {
            Ok(self.controllers.iter().all(|c| c.scans() && !c.filters()))
        })
        .await
    }

    fn put(&self, rssi_dbm: i8, ad_hex: &str) {
        for controller in &self.controllers {
            controller.deliver(&line(rssi_dbm, ad_hex), Some(1));
        }
    }

    async fn next(&mut self) -> anyhow::Result<Advertisement> {
        let next = tokio::time::timeout(HEARD_MAX, self.source.next()).await;
        next.context("nothing was heard")?
            .context("the source has ended")
    }

    /// Advertises until that is heard, and prints how long after `since` it was.
    async fn heard_again(&mut self, after: &str, since: Instant) -> anyhow::Result<()> {
        while self.source.next_now().is_some() {}
        let mut often = tokio::time::interval(Duration::from_millis(20));
        loop {
            often.tick().await;
            self.put(-50, "020106");
            if self.source.next_now().is_some() {
                break;
            }
            anyhow::ensure!(
                since.elapsed() < HEARD_MAX,
                "nothing is heard after {after}"
            );
        }
        let ms = since.elapsed().as_millis();
        println!("hci, {after}: heard after {ms} ms");
        Ok(())
    }

    /// Why the source ends by itself.
    async fn ended(&mut self) -> anyhow::Result<SourceError> {
        let wait = async { while self.source.next().await.is_some() {} };
        let waited = tokio::time::timeout(HEARD_MAX, wait).await;
        waited.context("the source goes on")?;
        let ended = self.source.stop().await;
        ended.err().context("it ended well")
    }
}

fn line(rssi_dbm: i8, ad_hex: &str) -> AirLine {
    AirLine {
        address: "c0:ff:ee:00:00:01".into(),
        rssi_dbm,
        ad_hex: ad_hex.into(),
    }
}

async fn each() -> anyhow::Result<()> {
    let mut bench = Bench::scanning(1, Options::default()).await?;
    let parameters = bench.controllers[0].parameters();
    anyhow::ensure!(
        matches!(parameters[..], [0, a, b, c, d, _, 0] if [a, b] == [c, d]),
        "not passive, all the time and everybody: {parameters:?}"
    );
    let mut often = tokio::time::interval(Duration::from_millis(10));
    for n in 0..50 {
        often.tick().await;
        bench.put(-40 - n, "020106");
    }
    let mut times = Vec::new();
    for n in 0..50 {
        let advert = bench.next().await?;
        anyhow::ensure!(advert.rssi_dbm == -40 - n && advert.ad.as_bytes() == [2, 1, 6]);
        times.push(advert.heard_at);
    }
    // Ten milliseconds apart, although they were taken a few at a time.
    let (mut apart, first) = (times.clone(), times[0]);
    apart.dedup();
    anyhow::ensure!(times.is_sorted(), "{times:?}");
    anyhow::ensure!(apart.len() > 25, "{times:?}");
    anyhow::ensure!(times[49].ms_since(first) >= 250, "{times:?}");
    Ok(())
}

async fn extended() -> anyhow::Result<()> {
    let options = Options {
        extended: true,
        part_len: 20,
        ..Options::default()
    };
    let mut bench = Bench::scanning(1, options).await?;
    let commands = bench.controllers[0].commands();
    anyhow::ensure!(
        commands == [0x1002, 0x2042, 0x2041, 0x2042],
        "{commands:x?}"
    );
    let long = "0201061bff75000102030405060708090a0b0c0d0e0f101112131415161718";
    bench.put(-61, long);
    bench.put(-62, "020106");
    let advert = bench.next().await?;
    anyhow::ensure!(hex::encode(advert.ad.as_bytes()) == long);
    anyhow::ensure!(bench.next().await?.rssi_dbm == -62);
    Ok(())
}

async fn others() -> anyhow::Result<()> {
    let mut bench = Bench::scanning(1, Options::default()).await?;
    bench.put(-50, "020106");
    bench.next().await?;
    for (command, what) in [
        (SCAN_OFF, "somebody else ended the scan"),
        (FILTER_ON, "somebody else filtered duplicates"),
    ] {
        let since = Instant::now();
        bench.controllers[0].command(command);
        if command == FILTER_ON {
            anyhow::ensure!(bench.controllers[0].filters());
            // The one that the filter lets through is no proof, nor what is still on its way.
            bench.put(-77, "020106");
            while bench.next().await?.rssi_dbm != -77 {}
        }
        bench.heard_again(what, since).await?;
        anyhow::ensure!(since.elapsed() < Duration::from_millis(SILENCE_MS));
        bench.all_scan().await?;
    }
    Ok(())
}

async fn hangs() -> anyhow::Result<()> {
    let mut bench = Bench::scanning(1, Options::default()).await?;
    bench.put(-50, "020106");
    bench.next().await?;
    let since = Instant::now();
    bench.controllers[0].hang();
    bench
        .heard_again("controller hung, silence_s = 1", since)
        .await?;
    let commands = bench.controllers[0].commands();
    anyhow::ensure!(commands.contains(&0x0c03), "no reset: {commands:x?}");
    Ok(())
}

async fn hangs_for_good() -> anyhow::Result<()> {
    let mut bench = Bench::scanning(1, Options::default()).await?;
    bench.put(-50, "020106");
    bench.next().await?;
    let since = Instant::now();
    // Nothing is on the air any more.
    let error = bench.ended().await?;
    println!(
        "hci, silent for good, silence_s = 1: the source ends after {} ms",
        since.elapsed().as_millis()
    );
    let text = format!("{:#}", anyhow::Error::from(error));
    anyhow::ensure!(text.contains("nothing heard for"), "{text}");
    Ok(())
}

async fn pulled_out() -> anyhow::Result<()> {
    let mut bench = Bench::scanning(1, Options::default()).await?;
    bench.put(-50, "020106");
    bench.next().await?;
    bench.controllers[0].unplug();
    // Longer than the whole ladder: what is not there is waited for.
    let away = Instant::now();
    until("it to be away for a while", async || {
        Ok(away.elapsed() >= Duration::from_millis(SILENCE_MS * 5))
    })
    .await?;
    let since = Instant::now();
    bench.controllers[0].plug_in()?;
    bench
        .heard_again("adapter pulled out and put back", since)
        .await
}

async fn two() -> anyhow::Result<()> {
    let mut bench = Bench::scanning(2, Options::default()).await?;
    bench.controllers[0].deliver(&line(-50, "020106"), None);
    bench.controllers[1].deliver(&line(-60, "020106"), None);
    let (one, other) = (bench.next().await?, bench.next().await?);
    anyhow::ensure!(one.radio == other.radio, "two keys of one transmitter");
    let mut strengths = [one.rssi_dbm, other.rssi_dbm];
    strengths.sort_unstable();
    anyhow::ensure!(strengths == [-60, -50], "{strengths:?}");
    Ok(())
}

async fn one_of_two_is_deaf() -> anyhow::Result<()> {
    let mut bench = Bench::scanning(2, Options::default()).await?;
    bench.put(-50, "020106");
    bench.next().await?;
    bench.next().await?;
    let since = Instant::now();
    let mut often = tokio::time::interval(Duration::from_millis(100));
    // Past the last rung, and from there through a whole ladder again.
    while since.elapsed() < Duration::from_millis(SILENCE_MS * 6) {
        often.tick().await;
        bench.controllers[0].deliver(&line(-50, "020106"), None);
        bench.next().await?;
    }
    Ok(())
}

async fn broken() -> anyhow::Result<()> {
    let mut bench = Bench::scanning(1, Options::default()).await?;
    for packet in [
        // A length that lies, a report that ends too early, one without a strength.
        &[4, 0x3e, 9, 2, 1][..],
        &[4, 0x3e, 5, 2, 1, 3, 1, 0],
        &[4, 0x3e, 12, 2, 1, 3, 1, 0, 0, 0, 0, 0, 0xc0, 0, 127],
        // Nothing of ours.
        &[4, 0x05, 4, 0, 1, 0, 0x13],
        &[2, 0, 0, 0, 0],
    ] {
        bench.controllers[0].say(packet);
    }
    bench.put(-50, "020106");
    anyhow::ensure!(bench.next().await?.rssi_dbm == -50);
    let counts = (
        bench.counts.bad_lines_total(),
        bench.counts.without_strength_total(),
    );
    anyhow::ensure!(counts == (2, 1), "{counts:?}");
    Ok(())
}

async fn stop_ends_scan() -> anyhow::Result<()> {
    let mut bench = Bench::scanning(2, Options::default()).await?;
    bench.source.stop().await?;
    until("the scans to end", async || {
        Ok(bench.controllers.iter().all(|c| !c.scans()))
    })
    .await
}
