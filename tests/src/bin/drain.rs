//! A long outage ends: how soon is the backlog handed over, and what do live sightings notice of it?
//!
//! In: hours without a line, sightings a second. A spool is filled with what a gateway would have
//! written in that time, sealed, by the gateway's own code; then a gateway and a server, processes
//! of their own, do the rest, while people walk past it.
//! Out: the time until nothing of the backlog waits, and how late live sightings stand in the input
//! log: before, with nothing in the spool, and during.
//! Invariant: what is measured stands in the server's database, committed, not in a count of ours.

use std::{
    collections::HashMap,
    fs,
    path::Path,
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context;
use clap::Parser;
use demo::stack::{Options, until_within};
use e2e::{
    crowd::{Advert, Person},
    floor::Floor,
};
use engine::Observation;
use firmware_sim::air::Air;
use gateway::{
    clock::Monotonic,
    config::{SEGMENT_BYTES, SPOOL_BYTES_MAX, WINDOW_MS},
    spool::{Address, Seal, Spool, SpoolOptions, Stream},
};
use protocol::{
    AnchorId, RadioId, StoreId, Transmitter,
    message::{ClockAnchor, Sighting},
};
use rusqlite::{Connection, params};
use serde::Serialize;
use tokio::sync::watch;
use uuid::Uuid;

/// Who is in the store at a time.
const PRESENT: u64 = 5;
/// And for how long.
const STAY_MS: u64 = 600_000;
/// How long a gateway with nothing in its spool is watched, with people and without.
const WATCHED: Duration = Duration::from_secs(40);
/// The backlog's strength, which no live sighting has.
const RSSI_DBM: i8 = -95;
/// Of those who stay, who are no first sights.
const STAYING_DBM: i8 = -90;

/// Drains a long outage.
#[derive(Debug, Parser)]
#[command(after_help = "Example: cargo run --release -p e2e --bin drain -- --hours 72 --per-s 10")]
struct Arguments {
    /// Hours without a line.
    #[arg(long, default_value_t = 72)]
    hours: u64,
    /// Sightings a second in the outage.
    #[arg(long, default_value_t = 10)]
    per_s: u64,
    /// Sightings a second that go on meanwhile.
    #[arg(long, default_value_t = 10)]
    live_per_s: u64,
    /// The longest that draining may take.
    #[arg(long, default_value_t = 10)]
    minutes_max: u64,
    /// Where spool and database are; a folder of the system's for temporary files otherwise.
    #[arg(long)]
    dir: Option<std::path::PathBuf>,
    /// For machines.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Report {
    hours: u64,
    batches: u64,
    sightings: u64,
    spool_bytes: u64,
    drained_s: f64,
    sightings_per_s: f64,
    arrived: u64,
    live_before: Lateness,
    live_during: Lateness,
    /// What the gateway gave the disk, with five people there and with nobody, for a day.
    written_mb_a_day: u64,
    written_mb_a_quiet_day: u64,
    gateway_peak_mb: u64,
    server_peak_mb: u64,
}

/// From the air to the input log, in ms.
#[derive(Debug, Serialize)]
struct Lateness {
    sightings: usize,
    p50_ms: u64,
    p95_ms: u64,
    max_ms: u64,
}

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    // Already installed is fine.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Runtime::new()?;
    let report = runtime.block_on(run(&arguments))?;
    if arguments.json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        print(&report);
    }
    let in_time = report.drained_s <= (arguments.minutes_max * 60) as f64;
    let whole = report.arrived == report.sightings;
    if !in_time || !whole {
        eprintln!("not all of it arrived in {} minutes", arguments.minutes_max);
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

fn print(report: &Report) {
    println!(
        "backlog   {} h, {} sightings in {} batches, {} MB of spool",
        report.hours,
        report.sightings,
        report.batches,
        report.spool_bytes / 1_000_000
    );
    println!(
        "drained   in {:.0} s, {:.0} sightings a second; arrived {}",
        report.drained_s, report.sightings_per_s, report.arrived
    );
    for (when, live) in [
        ("before", &report.live_before),
        ("meanwhile", &report.live_during),
    ] {
        println!(
            "live      {when}: {} sightings, p50 {} ms, p95 {} ms, longest {} ms",
            live.sightings, live.p50_ms, live.p95_ms, live.max_ms
        );
    }
    println!(
        "disk      {} MB a day with five people there all day, {} MB with nobody",
        report.written_mb_a_day, report.written_mb_a_quiet_day
    );
    println!(
        "memory    gateway {} MB, server {} MB at most",
        report.gateway_peak_mb, report.server_peak_mb
    );
}

async fn run(arguments: &Arguments) -> anyhow::Result<Report> {
    let folder = match &arguments.dir {
        Some(dir) => tempfile::tempdir_in(dir)?,
        None => tempfile::tempdir()?,
    };
    let visitors = arguments.hours * 3_600_000 / STAY_MS * PRESENT;
    let people = usize::try_from(visitors)? + 2_000;
    let mut floor = Floor::start(folder, Options::default(), people).await?;
    let from_ms = server::clock::now_ms() - (arguments.hours * 3_600 + 300) * 1_000;
    floor.stack.stop().await?;
    known_since(&floor.stack.database(), from_ms - 86_400_000)?;
    floor.stack.restart().await?;

    floor.up(0, &[]).await?;
    let antenna = &floor.anchors()?[..1];
    let gateway = floor.gateways[0].as_ref().context("the gateway runs")?.id();
    let written_mb_a_quiet_day = written_mb_a_day(gateway).await?;
    let staying = tokio::spawn(stay(
        floor.air.clone(),
        antenna[0].clone(),
        floor.people.clone(),
    ));
    let written_mb_a_day = written_mb_a_day(gateway).await?;
    staying.abort();
    let watch = Commits::watch(&floor.stack.database(), floor.stack.store.clone());
    let load = floor.load_of(antenna, arguments.live_per_s);
    tokio::time::sleep(WATCHED).await;
    let before = load.stop();
    floor.all_taken(&before).await?;
    floor.gateways[0]
        .as_mut()
        .context("the gateway runs")?
        .stop()?;
    floor.gateways[0] = None;

    let (batches, sightings, spool_bytes) = fill(&floor, &antenna[0], from_ms, arguments)?;
    let outage = outage_folder(&floor)?;

    let began = Instant::now();
    floor.up(0, &[]).await?;
    let load = floor.load_of(antenna, arguments.live_per_s);
    until_within(
        Duration::from_secs(3_600),
        "the spool to drain",
        async || {
            tokio::time::sleep(Duration::from_millis(500)).await;
            Ok(!outage.is_dir() || segments(&outage)? == 0)
        },
    )
    .await?;
    let drained_s = began.elapsed().as_secs_f64();
    let during = load.stop();
    floor.all_taken(&during).await?;
    let gateway_peak_mb = peak_mb(floor.gateways[0].as_ref().context("the gateway runs")?.id())?;
    let server_peak_mb = peak_mb(floor.stack.server.as_ref().context("the server runs")?.id())?;
    floor.stop().await?;

    let commits = watch.stop().await?;
    let (arrived, log) = read_log(&floor.stack.database(), &commits)?;
    Ok(Report {
        hours: arguments.hours,
        batches,
        sightings,
        spool_bytes,
        drained_s,
        sightings_per_s: sightings as f64 / drained_s,
        arrived,
        live_before: lateness(&before, &log)?,
        live_during: lateness(&during, &log)?,
        written_mb_a_day,
        written_mb_a_quiet_day,
        gateway_peak_mb,
        server_peak_mb,
    })
}

/// These people agreed before the outage began.
fn known_since(database: &Path, at_ms: u64) -> anyhow::Result<()> {
    let db = Connection::open(database)?;
    let at_ms = i64::try_from(at_ms)?;
    db.execute("UPDATE radios SET valid_from_ms = ?1", params![at_ms])?;
    db.execute("UPDATE consent_ledger SET at_ms = ?1", params![at_ms])?;
    Ok(())
}

/// What the gateway would have written: batches, sightings, bytes.
fn fill(
    floor: &Floor,
    antenna: &AnchorId,
    from_ms: u64,
    arguments: &Arguments,
) -> anyhow::Result<(u64, u64, u64)> {
    let credentials = &floor.credentials[0];
    let options = SpoolOptions {
        dir: floor.stack.spool(&credentials.gateway),
        bytes_max: SPOOL_BYTES_MAX,
        segment_bytes: SEGMENT_BYTES,
        // Another run of the machine: it was switched off and on when the line was mended.
        machine_boot: Uuid::from_u128(1),
        wall_ms: from_ms,
        random: [7; 10],
    };
    let seal = Seal::To {
        keys: vec![credentials.seal_key.parse()?],
        address: Address {
            store: floor.stack.store.clone(),
            gateway: credentials.gateway.clone(),
        },
        seed: [9; 32],
    };
    let mut spool = Spool::open(options, seal)?;
    spool.set_clock(ClockAnchor {
        mono_ms: 0,
        server_ms: from_ms,
    })?;
    let windows = arguments.hours * 3_600_000 / WINDOW_MS;
    let (mut batches, mut sightings, mut due) = (0, 0, 0);
    for window in 0..windows {
        let now_ms = window * WINDOW_MS;
        due += arguments.per_s * WINDOW_MS;
        let count = due / 1_000;
        due %= 1_000;
        let seen: Vec<Sighting> = (0..count)
            .map(|n| {
                let visitor = now_ms / STAY_MS * PRESENT + n % PRESENT;
                let person = &floor.people[usize::try_from(visitor).unwrap_or(0)];
                sighting(person, antenna, now_ms + n / PRESENT * 50, from_ms)
            })
            .collect();
        let now = Monotonic(now_ms + WINDOW_MS);
        let stream = match now_ms % STAY_MS {
            0 => Stream::First,
            _ => Stream::Detail,
        };
        spool.append(now, stream, &seen);
        (batches, sightings) = (batches + 1, sightings + count);
        // A machine that fills three days in a minute need not wait for the disk twice a second.
        if window % 100 == 99 {
            spool.flush(now);
        }
    }
    spool.flush(Monotonic(windows * WINDOW_MS));
    anyhow::ensure!(spool.counts().evicted_total == 0, "the spool is too small");
    Ok((batches, sightings, spool.bytes()))
}

fn sighting(person: &Person, antenna: &AnchorId, at_ms: u64, from_ms: u64) -> Sighting {
    Sighting {
        anchor: antenna.clone(),
        transmitter: Transmitter::Eid(person.identity.eid(from_ms + at_ms)),
        heard_first_mono_ms: at_ms,
        heard_last_mono_ms: at_ms + 400,
        count: 2,
        rssi_dbm_median: RSSI_DBM,
    }
}

/// The folder of the only boot that has something.
fn outage_folder(floor: &Floor) -> anyhow::Result<std::path::PathBuf> {
    let spool = floor.stack.spool(&floor.credentials[0].gateway);
    for entry in fs::read_dir(spool)? {
        let path = entry?.path();
        if path.is_dir() && segments(&path)? > 1 {
            return Ok(path);
        }
    }
    anyhow::bail!("nothing was written")
}

fn segments(boot: &Path) -> anyhow::Result<usize> {
    let mut count = 0;
    for entry in fs::read_dir(boot)? {
        count += usize::from(entry?.path().extension().is_some_and(|e| e == "seg"));
    }
    Ok(count)
}

/// When each row of the input log could be seen by others, to 10 ms.
struct Commits {
    task: tokio::task::JoinHandle<anyhow::Result<Vec<(i64, Instant)>>>,
    stop: watch::Sender<bool>,
}

impl Commits {
    fn watch(database: &Path, store: StoreId) -> Self {
        let (database, (stop, stopped)) = (database.to_owned(), watch::channel(false));
        let task = tokio::task::spawn_blocking(move || {
            let db = server::store::open_reader(&database)?;
            let mut seen: Vec<(i64, Instant)> = Vec::new();
            while !*stopped.borrow() {
                let last = db
                    .prepare_cached("SELECT coalesce(max(seq), 0) FROM inputs WHERE store = ?1")?
                    .query_row([store.as_str()], |row| row.get(0))?;
                if seen.last().is_none_or(|(before, _)| *before < last) {
                    seen.push((last, Instant::now()));
                }
                std::thread::sleep(Duration::from_millis(10));
            }
            Ok(seen)
        });
        Self { task, stop }
    }

    async fn stop(self) -> anyhow::Result<Vec<(i64, Instant)>> {
        self.stop.send_replace(true);
        self.task.await?
    }
}

type Log = HashMap<(RadioId, i8), Instant>;

/// How many of the backlog are in the input log, and when live ones were committed.
fn read_log(database: &Path, commits: &[(i64, Instant)]) -> anyhow::Result<(u64, Log)> {
    let db = Connection::open(database)?;
    let sql = "SELECT seq, body FROM inputs WHERE kind = 'sightings'";
    let mut statement = db.prepare(sql)?;
    let mut rows = statement.query([])?;
    let (mut arrived, mut log) = (0, Log::new());
    while let Some(row) = rows.next()? {
        let seq: i64 = row.get(0)?;
        let seen = commits.get(commits.partition_point(|(last, _)| *last < seq));
        let sightings: Vec<Observation> = postcard::from_bytes(row.get_ref(1)?.as_blob()?)?;
        for sighting in sightings {
            if sighting.rssi_dbm == RSSI_DBM {
                arrived += 1;
            } else if let Some((_, at)) = seen {
                log.entry((sighting.radio, sighting.rssi_dbm))
                    .or_insert(*at);
            }
        }
    }
    Ok((arrived, log))
}

fn lateness(book: &[Advert], log: &Log) -> anyhow::Result<Lateness> {
    let mut late_ms = Vec::with_capacity(book.len());
    for advert in book {
        let at = log.get(&(advert.radio, advert.rssi_dbm));
        let at = at.context("a live sighting is not in the log")?;
        late_ms.push(u64::try_from(
            at.saturating_duration_since(advert.sent).as_millis(),
        )?);
    }
    late_ms.sort_unstable();
    let at = |percent: usize| late_ms.get((late_ms.len() * percent / 100).min(late_ms.len() - 1));
    let at = |percent| at(percent).copied().context("nobody walked past");
    Ok(Lateness {
        sightings: late_ms.len(),
        p50_ms: at(50)?,
        p95_ms: at(95)?,
        max_ms: at(100)?,
    })
}

/// People who are there, as in a shop on an ordinary afternoon.
async fn stay(air: Arc<dyn Air>, antenna: AnchorId, people: Arc<Vec<Person>>) {
    let mut every = tokio::time::interval(Duration::from_millis(200));
    loop {
        every.tick().await;
        let now_ms = server::clock::now_ms();
        for person in people.iter().rev().take(PRESENT as usize) {
            air.deliver(&antenna, &person.says(STAYING_DBM, now_ms), None);
        }
    }
}

/// What a process gives the disk while it is watched (`write_bytes` of `/proc/PID/io`: pages, without
/// what the file system adds), as much for a day.
async fn written_mb_a_day(process: u32) -> anyhow::Result<u64> {
    let written = || -> anyhow::Result<u64> {
        let io = fs::read_to_string(format!("/proc/{process}/io"))?;
        let bytes = io
            .lines()
            .find_map(|line| line.strip_prefix("write_bytes: "));
        Ok(bytes.context("write_bytes")?.parse()?)
    };
    let (from, began) = (written()?, Instant::now());
    tokio::time::sleep(WATCHED).await;
    let bytes = (written()? - from) as f64 / began.elapsed().as_secs_f64() * 86_400.0;
    Ok((bytes / 1e6) as u64)
}

fn peak_mb(process: u32) -> anyhow::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kb: u64 = peak
        .and_then(|p| p.split_whitespace().next())
        .context("VmHWM")?
        .parse()?;
    Ok(kb / 1_000)
}
