//! The command line of `cargo demo`.
//!
//! Exit codes: 0 fine, 1 something failed or the score is not clean, 2 wrong arguments.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::Context;
use clap::Parser;
use firmware_sim::{
    air::Air,
    http::Api,
    plan::Plan,
    shopper::Scenario,
    world::{Happening, Progress, World},
};
use futures_util::StreamExt;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Deserialize;
use tokio::sync::watch;

use crate::{
    audit::Audit,
    score::{Score, Seen, score},
    stack::{Options, Radio, STAFF, Stack, until_within},
};

/// A store with everything in it: broker, server, two gateways, about twenty shoppers.
#[derive(Debug, Parser)]
#[command(
    name = "cargo demo",
    version,
    after_help = "Examples:
  cargo demo                                       look at the pages; Ctrl-C stops everything
  cargo demo --headless --seed 7 --for 90s --json  run once and compare with the truth
  cargo demo --radio bluez                         gateways hear through BlueZ and D-Bus
  cargo demo --radio hci                           gateways hear through raw HCI controllers
  cargo demo --keep /tmp/welkom                    keep database, spools and logs"
)]
struct Args {
    /// Everything follows from it; without it, a fresh one.
    #[arg(long)]
    seed: Option<u64>,
    /// How long one round takes: 90s, 5m.
    #[arg(long = "for", default_value = "90s", value_parser = duration)]
    run_for: Duration,
    /// How many shoppers come in a round.
    #[arg(long, default_value_t = 20)]
    shoppers: u64,
    /// One round without looking at pages, compared with the truth.
    #[arg(long)]
    headless: bool,
    /// The score as one line of JSON at the end.
    #[arg(long)]
    json: bool,
    /// Keep everything in this folder, which must be empty or new.
    #[arg(long)]
    keep: Option<PathBuf>,
    /// How advertisements reach the gateways.
    #[arg(long, value_enum, default_value_t)]
    radio: Radio,
    /// The port of the pages; without it, a free one.
    #[arg(long, default_value_t = 0)]
    port: u16,
}

fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is no duration: 90s, 5m");
    let (number, unit_s) = match (text.strip_suffix('s'), text.strip_suffix('m')) {
        (Some(number), _) => (number, 1),
        (_, Some(number)) => (number, 60),
        _ => (text, 1),
    };
    let number: u64 = number.parse().map_err(|_| wrong())?;
    if number == 0 || number > 86_400 {
        Err(wrong())
    } else {
        Ok(Duration::from_secs(number * unit_s))
    }
}

/// The whole program.
pub fn main_from<I, T>(args: I) -> ExitCode
where
    I: IntoIterator<Item = T>,
    T: Into<OsString> + Clone,
{
    let args = match Args::try_parse_from(args) {
        Ok(args) => args,
        Err(error) => {
            // Nothing better can be done when even this cannot be printed.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let done = runtime
        .context("start the runtime")
        .and_then(|r| r.block_on(play(args)));
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("demo: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Plays; false if the score is not clean.
async fn play(args: Args) -> anyhow::Result<bool> {
    // Another provider, set by whoever embeds this, serves as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let temporary = tempfile::tempdir().context("make a folder")?;
    let dir = match &args.keep {
        None => temporary.path().to_owned(),
        Some(dir) => {
            std::fs::create_dir_all(dir).with_context(|| format!("create {}", dir.display()))?;
            let empty = std::fs::read_dir(dir)?.next().is_none();
            anyhow::ensure!(
                empty,
                "{} is not empty: choose another folder",
                dir.display()
            );
            std::path::absolute(dir)?
        }
    };
    let seed = match args.seed {
        Some(seed) => seed,
        None => u64::from(getrandom::u32().map_err(|e| anyhow::anyhow!("no randomness: {e}"))?),
    };
    eprintln!("Seed {seed}. Everything is in {}.", dir.display());
    let (stop, shutdown) = watch::channel(false);
    tokio::spawn(async move {
        // Without Ctrl-C the round ends by itself.
        let _ = tokio::signal::ctrl_c().await;
        let _ = stop.send(true);
    });
    rounds(&args, &dir, seed, shutdown).await
}

async fn rounds(
    args: &Args,
    dir: &Path,
    seed: u64,
    shutdown: watch::Receiver<bool>,
) -> anyhow::Result<bool> {
    let program = std::env::current_exe().context("find this program")?;
    let options = Options {
        // The audit compares all sightings at the end: keep them.
        snapshot_s: args.headless.then_some(86_400),
        http_port: args.port,
        ..Options::default()
    };
    let mut stack = Stack::start(dir, &program, options).await?;
    let plan = Plan::kade_9();
    let credentials = stack.furnish(&plan).await?;
    let air = stack.air(args.radio, &credentials).await?;
    let mut gateways = credentials
        .iter()
        .map(|c| stack.gateway_on(c, &*air, &[]))
        .collect::<Result<Vec<_>, _>>()?;
    stack.gateways_ready(&*air, gateways.len()).await?;

    let mut round = 0;
    let last = loop {
        let result = one_round(args, &stack, &*air, seed + round, shutdown.clone()).await?;
        round += 1;
        if args.headless || *shutdown.borrow() {
            break result;
        }
        eprintln!("That was round {round}; the next one begins. Ctrl-C stops everything.");
    };
    let (truth, seen) = last;
    eprintln!("Stopping.");
    for gateway in &mut gateways {
        gateway.stop()?;
    }
    if !args.headless {
        stack.stop().await?;
        return Ok(true);
    }
    settle(&stack).await?;
    stack.stop().await?;
    let mut file = std::fs::File::create(dir.join("truth.jsonl"))?;
    truth.write(&mut file)?;
    let score = score(&truth, &seen, &Audit::open(&stack.database())?)?;
    report(args, &score)?;
    Ok(score.is_clean())
}

/// Waits until the server has had all that the gateways sent: the log has stopped growing.
pub async fn settle(stack: &Stack) -> anyhow::Result<()> {
    let audit = Audit::open(&stack.database())?;
    let mut before = u64::MAX;
    until_within(Duration::from_secs(20), "the log to be quiet", async || {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let now = audit.number("SELECT count(*) FROM inputs WHERE kind = 'sightings'")?;
        Ok(std::mem::replace(&mut before, now) == now)
    })
    .await
}

fn report(args: &Args, score: &Score) -> anyhow::Result<()> {
    for fault in &score.faults {
        eprintln!("- {fault}");
    }
    if args.json {
        println!("{}", serde_json::to_string(score)?);
    } else {
        println!("{}", serde_json::to_string_pretty(score)?);
    }
    Ok(())
}

async fn one_round(
    args: &Args,
    stack: &Stack,
    air: &dyn Air,
    seed: u64,
    shutdown: watch::Receiver<bool>,
) -> anyhow::Result<(firmware_sim::truth::Truth, Seen)> {
    let run_ms = u64::try_from(args.run_for.as_millis()).unwrap_or(u64::MAX);
    let scenario = Scenario::new(stack.store.clone(), run_ms, format!("s{seed}"));
    let world = World::new(
        Scenario {
            shoppers: args.shoppers,
            ..scenario
        },
        seed,
    );
    eprintln!("{} shoppers get ready at home.", world.shoppers().len());
    let phones = world.enrol(&stack.api).await?;
    let seen = Arc::new(Mutex::new(Seen::default()));
    let board = tokio::spawn(watch_board(
        stack.api.clone(),
        stack.store.to_string(),
        seen.clone(),
    ));
    if !args.headless {
        show_addresses(stack, &world).await?;
    }
    let bar = bar(args.run_for);
    let run = world
        .run(&stack.api, phones, air, shutdown, |p| tell(&bar, p))
        .await?;
    bar.finish_and_clear();
    board.abort();
    let mut seen = std::mem::take(&mut *seen.lock().unwrap_or_else(PoisonError::into_inner));
    seen.inboxes = run.inboxes;
    Ok((run.truth, seen))
}

fn bar(run_for: Duration) -> ProgressBar {
    let bar = ProgressBar::new(run_for.as_secs());
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} s  {msg}") {
        bar.set_style(style);
    }
    bar
}

fn tell(bar: &ProgressBar, progress: &Progress) {
    let who = &progress.external_id;
    let words = match &progress.happening {
        Happening::Entered => format!("{who} comes in"),
        Happening::Left => format!("{who} leaves"),
        Happening::PressedHere => format!("{who} presses \"Ik ben er\""),
        Happening::Received(received) => format!("{who} reads: {}", received.notification.body),
    };
    bar.set_position(progress.at_ms / 1_000);
    let line = format!(
        "{:>5.1} s  {words}",
        std::time::Duration::from_millis(progress.at_ms).as_secs_f64()
    );
    bar.suspend(|| eprintln!("{line}"));
}

/// Notes when the store's stream first brought each card: that is when a board shows it.
async fn watch_board(api: Api, store: String, seen: Arc<Mutex<Seen>>) -> anyhow::Result<()> {
    #[derive(Deserialize)]
    struct Card {
        external_id: String,
    }
    let path = format!("/v1/stores/{store}/events");
    let mut events = Box::pin(api.open_events(&path, None).await?.bytes_stream());
    let mut text = String::new();
    while let Some(bytes) = events.next().await {
        text.push_str(&String::from_utf8_lossy(&bytes?));
        while let Some(end) = text.find("\n\n") {
            let event: String = text.drain(..end + 2).collect();
            if !event.lines().any(|line| line == "event: card") {
                continue;
            }
            let data = event.lines().find_map(|line| line.strip_prefix("data: "));
            if let Some(Ok(card)) = data.map(serde_json::from_str::<Card>) {
                let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
                seen.boards
                    .entry(card.external_id)
                    .or_insert_with(server::clock::now_ms);
            }
        }
    }
    Ok(())
}

async fn show_addresses(stack: &Stack, world: &World) -> anyhow::Result<()> {
    let (login, password) = STAFF;
    println!("\nStaff board     {}/staff/{}", stack.url(), stack.store);
    println!("                log in as {login}, password {password}");
    println!("                look for: a door lights up when somebody with an order comes in");
    for shopper in world
        .shoppers()
        .iter()
        .filter(|s| s.consent.messages)
        .take(2)
    {
        if let Some(path) = page_link(stack, &shopper.external_id).await? {
            println!("A shopper       {}{path}", stack.url());
        }
    }
    println!("                look for: messages with their reason, four switches, \"Ik ben er\"");
    println!("API             {}/openapi.json", stack.url());
    println!("\nCtrl-C stops everything.\n");
    Ok(())
}

async fn page_link(stack: &Stack, external_id: &str) -> anyhow::Result<Option<String>> {
    #[derive(Deserialize)]
    struct Link {
        path: String,
    }
    let known = Audit::open(&stack.database())?.customers()?;
    let Some((customer, _)) = known.iter().find(|(_, id)| *id == external_id) else {
        return Ok(None);
    };
    let path = format!("/v1/customers/{customer}/page-links");
    let link: Link = stack.api.post(&path, &serde_json::json!({})).await?;
    Ok(Some(link.path))
}
