//! The command line.
//!
//! In: arguments. Out: an exit code: 0 done, 1 failed, 2 wrong arguments.
//! Invariant: what a program reads goes to standard output or a named file; progress and logs go
//! to standard error.

mod bluez;
mod crowd;
mod hci;

use std::{
    ffi::OsString,
    io::{BufWriter, Write},
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use anyhow::Context;
use clap::{Args, Parser, Subcommand};
use protocol::StoreId;
use tokio::sync::watch;

use crate::{
    air::AirServer,
    clock,
    http::Api,
    load::{self, LoadConfig},
    plan::{CHAIN_UUID, Plan},
    provision::{self, GatewayCredentials},
    shopper::Scenario,
    truth::Truth,
    world::{Happening, Progress, World},
};

const EXAMPLES: &str = "\
Examples:
  # set a store up, and write configurations for its two gateways
  welkom-sim provision --server http://127.0.0.1:8080 --api-key $KEY --gateway-dir /tmp/gateways
  # let twenty shoppers come in; gateways listen on port 7001
  welkom-sim run --server http://127.0.0.1:8080 --api-key $KEY --seed 7 --for 90s --truth truth.jsonl
  # 50 gateways, 20,000 sightings a second
  welkom-sim load --server http://127.0.0.1:8080 --api-key $KEY --gateways 50 --rate 20000 --for 30s --json
  # a million events of a web shop, as fast as they go
  welkom-sim events --server http://127.0.0.1:8080 --api-key $KEY --write-key $WRITE_KEY --count 1000000
  # 200 boards, 50 taps a second
  welkom-sim boards --server http://127.0.0.1:8080 --api-key $KEY --boards 200 --rate 50 --for 30s
  # only the air, without any server, to try a gateway
  welkom-sim air --listen 127.0.0.1:7001 --seed 7
  # the same through a virtual BlueZ, for a gateway with source \"btleplug\"
  welkom-sim bluez --dir /tmp/bus --rate 200 --devices 50 --for 30s
  # and through a virtual controller, for one with source \"hci\"
  welkom-sim hci --socket /tmp/hci --rate 200 --devices 50 --for 30s
";

#[derive(Parser)]
#[command(name = "welkom-sim", version, about = "The world around Welkom", after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the air to gateways, without a server
    Air(AirArgs),
    /// Set a store up through the API
    Provision(ProvisionArgs),
    /// Let shoppers come in, in real time
    Run(RunArgs),
    /// Offer load with many gateways, and measure
    Load(LoadArgs),
    /// Send a web shop's events in batches, and measure
    Events(EventsArgs),
    /// Open many boards, tap, and measure how soon all of them show it
    Boards(BoardsArgs),
    /// Serve a virtual BlueZ full of strangers, to try or measure a gateway
    Bluez(bluez::BluezArgs),
    /// Serve a virtual Bluetooth controller full of strangers, to try or measure a gateway
    Hci(hci::HciArgs),
}

#[derive(Args)]
struct ServerArgs {
    /// Base URL of the server
    #[arg(long, env = "WELKOM_SERVER")]
    server: String,
    /// API key of the shop's systems
    #[arg(long, env = "WELKOM_API_KEY", hide_env_values = true)]
    api_key: String,
    /// Certificate (PEM) to trust for https
    #[arg(long)]
    ca: Option<PathBuf>,
}

impl ServerArgs {
    fn api(&self) -> anyhow::Result<Api> {
        let pem = self.ca.as_ref().map(|path| {
            std::fs::read(path).with_context(|| format!("read the certificate {}", path.display()))
        });
        Ok(Api::new(&self.server, pem.transpose()?.as_deref())?.with_bearer(&self.api_key))
    }
}

#[derive(Args)]
struct ScenarioArgs {
    /// Everything follows from it
    #[arg(long, default_value_t = 7)]
    seed: u64,
    /// How long: 90s, 5m
    #[arg(long = "for", default_value = "90s", value_parser = duration)]
    run_for: Duration,
    /// The store's id
    #[arg(long, default_value = "kade-9")]
    store: StoreId,
    /// How many come in
    #[arg(long, default_value_t = 20)]
    shoppers: u64,
    /// External ids begin with it [default: s and the seed]
    #[arg(long)]
    prefix: Option<String>,
}

impl ScenarioArgs {
    fn world(&self) -> World {
        let run_ms = u64::try_from(self.run_for.as_millis()).unwrap_or(u64::MAX);
        let prefix = self
            .prefix
            .clone()
            .unwrap_or_else(|| format!("s{}", self.seed));
        let scenario = Scenario::new(self.store.clone(), run_ms, prefix);
        World::new(
            Scenario {
                shoppers: self.shoppers,
                ..scenario
            },
            self.seed,
        )
    }
}

#[derive(Args)]
struct AirArgs {
    /// Where gateways connect to
    #[arg(long, default_value = "127.0.0.1:7001")]
    listen: String,
    #[command(flatten)]
    scenario: ScenarioArgs,
    /// Write the truth here
    #[arg(long)]
    truth: Option<PathBuf>,
}

#[derive(Args)]
struct ProvisionArgs {
    #[command(flatten)]
    server: ServerArgs,
    /// The store's id
    #[arg(long, default_value = "kade-9")]
    store: StoreId,
    /// Write a gateway.toml per gateway into this directory, instead of JSON to standard output
    #[arg(long)]
    gateway_dir: Option<PathBuf>,
    /// The air that these gateways listen to
    #[arg(long, default_value = "127.0.0.1:7001")]
    air: String,
}

#[derive(Args)]
struct RunArgs {
    #[command(flatten)]
    server: ServerArgs,
    #[command(flatten)]
    scenario: ScenarioArgs,
    /// Where gateways connect to
    #[arg(long, default_value = "127.0.0.1:7001")]
    air: String,
    /// Write the truth here
    #[arg(long)]
    truth: Option<PathBuf>,
    /// Write what the phones received here, one JSON object per person
    #[arg(long)]
    inbox: Option<PathBuf>,
}

#[derive(Args)]
struct LoadArgs {
    #[command(flatten)]
    server: ServerArgs,
    /// Gateways in all
    #[arg(long, default_value_t = 50)]
    gateways: u64,
    /// Sightings a second in all
    #[arg(long, default_value_t = 20_000)]
    rate: u64,
    /// How long to offer: 30s, 5m
    #[arg(long = "for", default_value = "30s", value_parser = duration)]
    run_for: Duration,
    /// Offer this long before what is timed: at first everybody comes in at once
    #[arg(long, default_value = "10s", value_parser = duration)]
    warm_up: Duration,
    /// Customers in all
    #[arg(long, default_value_t = 100_000)]
    customers: u64,
    /// Stores that gateways and customers are spread over
    #[arg(long, default_value_t = 5)]
    stores: u64,
    /// Keys follow from it
    #[arg(long, default_value_t = 7)]
    seed: u64,
    /// External ids begin with it [default: l and the time]
    #[arg(long)]
    prefix: Option<String>,
    /// Certificate (PEM) to trust for MQTT over TLS; without it MQTT is plain
    #[arg(long)]
    mqtt_ca: Option<PathBuf>,
    /// Write a SHA-256 per offered sighting here
    #[arg(long)]
    audit: Option<PathBuf>,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct EventsArgs {
    #[command(flatten)]
    server: ServerArgs,
    /// Key of role track
    #[arg(long, env = "WELKOM_WRITE_KEY", hide_env_values = true)]
    write_key: String,
    /// Events in all
    #[arg(long, default_value_t = 1_000_000)]
    count: u64,
    /// Events a second; 0: as many as go
    #[arg(long, default_value_t = 0)]
    rate: u64,
    /// Events in one batch
    #[arg(long, default_value_t = 800)]
    batch: u64,
    /// Batches under way at once
    #[arg(long, default_value_t = 2)]
    connections: u64,
    /// Customers that they are of
    #[arg(long, default_value_t = 50_000)]
    customers: u64,
    /// Products that they are about
    #[arg(long, default_value_t = 20_000)]
    products: u64,
    /// External ids begin with it [default: e and the time]
    #[arg(long)]
    prefix: Option<String>,
}

#[derive(Args)]
struct BoardsArgs {
    #[command(flatten)]
    server: ServerArgs,
    /// The store; it is set up
    #[arg(long, default_value = "kade-9")]
    store: StoreId,
    /// Open boards
    #[arg(long, default_value_t = 200)]
    boards: usize,
    /// Taps a second, each of which changes a card
    #[arg(long, default_value_t = 50)]
    rate: u64,
    /// For how long
    #[arg(long = "for", value_parser = duration, default_value = "30s")]
    run_for: Duration,
    /// Customers who wait
    #[arg(long, default_value_t = 50)]
    cards: usize,
    /// External ids begin with it [default: b and the time]
    #[arg(long)]
    prefix: Option<String>,
}

/// Runs the program with these arguments, the program's name first.
pub fn main_from<I>(args: I) -> ExitCode
where
    I: IntoIterator,
    I::Item: Into<OsString> + Clone,
{
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() {
                ExitCode::from(2)
            } else {
                ExitCode::SUCCESS
            };
        }
    };
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn"));
    // Another program that embeds this one may have set both already.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .try_init();
    let _ = rustls::crypto::ring::default_provider().install_default();
    match in_runtime(cli.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("welkom-sim: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn in_runtime(command: Command) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("start the runtime")?;
    runtime.block_on(async {
        let shutdown = shutdown_on_signal();
        match command {
            Command::Air(args) => air(args, shutdown).await,
            Command::Provision(args) => provision(args).await,
            Command::Run(args) => run(args, shutdown).await,
            Command::Load(args) => load(args, shutdown).await,
            Command::Events(args) => events(args).await,
            Command::Boards(args) => boards(args).await,
            Command::Bluez(args) => bluez::run(args, shutdown).await,
            Command::Hci(args) => hci::run(args, shutdown).await,
        }
    })
}

async fn air(args: AirArgs, shutdown: watch::Receiver<bool>) -> anyhow::Result<()> {
    let air = AirServer::bind(&args.listen).await?;
    eprintln!("the air is on {}", air.address());
    let truth = args
        .scenario
        .world()
        .run_air_alone(&air, shutdown, show)
        .await;
    write_truth(args.truth.as_deref(), &truth)
}

async fn provision(args: ProvisionArgs) -> anyhow::Result<()> {
    let api = args.server.api()?;
    let credentials = provision::store(&api, &args.store, &Plan::kade_9()).await?;
    match args.gateway_dir {
        Some(dir) => credentials
            .iter()
            .try_for_each(|gateway| write_gateway(&dir, &args.store, &args.air, gateway)),
        None => {
            let mut out = std::io::stdout().lock();
            serde_json::to_writer_pretty(&mut out, &credentials).context("write credentials")?;
            writeln!(out).context("write credentials")
        }
    }
}

async fn run(args: RunArgs, shutdown: watch::Receiver<bool>) -> anyhow::Result<()> {
    let api = args.server.api()?;
    let air = AirServer::bind(&args.air).await?;
    eprintln!("the air is on {}", air.address());
    let world = args.scenario.world();
    let phones = world.enrol(&api).await?;
    let run = world.run(&api, phones, &air, shutdown, show).await?;
    write_truth(args.truth.as_deref(), &run.truth)?;
    if let Some(path) = &args.inbox {
        let mut out = create(path)?;
        for (external_id, received) in &run.inboxes {
            let line = serde_json::json!({"external_id": external_id, "received": received});
            writeln!(out, "{line}").with_context(|| format!("write {}", path.display()))?;
        }
        out.flush()
            .with_context(|| format!("write {}", path.display()))?;
    }
    Ok(())
}

async fn events(args: EventsArgs) -> anyhow::Result<()> {
    let api = args.server.api()?;
    let track = api.with_write_key(args.write_key);
    let config = load::events::EventsConfig {
        count: args.count,
        rate_per_s: args.rate,
        batch: args.batch.max(1),
        connections: args.connections,
        customers: args.customers,
        products: args.products,
        prefix: args
            .prefix
            .unwrap_or_else(|| format!("e{:x}", clock::unix_ms())),
    };
    let report = load::events::run(&api, &track, config).await?;
    let text = serde_json::to_string(&report).context("write the report")?;
    writeln!(std::io::stdout().lock(), "{text}").context("write the report")
}

async fn boards(args: BoardsArgs) -> anyhow::Result<()> {
    let api = args.server.api()?;
    let config = load::boards::BoardsConfig {
        store: args.store,
        boards: args.boards,
        rate_per_s: args.rate,
        run_for: args.run_for,
        cards: args.cards,
        prefix: args
            .prefix
            .unwrap_or_else(|| format!("b{:x}", clock::unix_ms())),
    };
    let base = args.server.server.trim_end_matches('/');
    let report = load::boards::run(&api, base, &config).await?;
    let text = serde_json::to_string(&report).context("write the report")?;
    writeln!(std::io::stdout().lock(), "{text}").context("write the report")?;
    anyhow::ensure!(
        report.missing == 0,
        "boards missed {} cards",
        report.missing
    );
    Ok(())
}

async fn load(args: LoadArgs, shutdown: watch::Receiver<bool>) -> anyhow::Result<()> {
    let api = args.server.api()?;
    let read = |path: &PathBuf| {
        std::fs::read(path).with_context(|| format!("read the certificate {}", path.display()))
    };
    let config = LoadConfig {
        stores: args.stores,
        gateways: args.gateways,
        rate_per_s: args.rate,
        warm_up: args.warm_up,
        run_for: args.run_for,
        customers: args.customers,
        seed: args.seed,
        prefix: args
            .prefix
            .unwrap_or_else(|| format!("l{:x}", clock::unix_ms())),
        mqtt_ca: args.mqtt_ca.as_ref().map(read).transpose()?,
        audit: args.audit,
    };
    let report = load::run(&api, config, shutdown).await?;
    let mut out = std::io::stdout().lock();
    let text = if args.json {
        serde_json::to_string(&report).context("write the report")?
    } else {
        serde_json::to_string_pretty(&report).context("write the report")?
    };
    writeln!(out, "{text}").context("write the report")?;
    anyhow::ensure!(
        report.lost == 0,
        "{} sightings were not acknowledged",
        report.lost
    );
    Ok(())
}

fn write_truth(path: Option<&Path>, truth: &Truth) -> anyhow::Result<()> {
    let Some(path) = path else { return Ok(()) };
    truth
        .write(create(path)?)
        .with_context(|| format!("write the truth to {}", path.display()))
}

fn create(path: &Path) -> anyhow::Result<BufWriter<std::fs::File>> {
    let file = std::fs::File::create(path);
    Ok(BufWriter::new(
        file.with_context(|| format!("create {}", path.display()))?,
    ))
}

/// A configuration that a gateway starts with as it is.
fn write_gateway(
    dir: &Path,
    store: &StoreId,
    air: &str,
    credentials: &GatewayCredentials,
) -> anyhow::Result<()> {
    let GatewayCredentials {
        gateway,
        mqtt_username,
        mqtt_password,
        mqtt_host,
        mqtt_port,
        seal_trust,
        seal_key,
    } = credentials;
    let config = serde_json::json!({
        "store": store, "gateway": gateway, "chain_uuids": [CHAIN_UUID],
        "source": {"kind": "sim", "connect": air},
        "spool": {"dir": dir.join(format!("{gateway}-spool"))},
        "seal": {"trust": seal_trust, "key": seal_key},
        "mqtt": {
            "host": mqtt_host, "port": mqtt_port,
            "username": mqtt_username, "password": mqtt_password,
        },
    });
    let text = toml::to_string(&config).context("write a gateway's configuration")?;
    std::fs::create_dir_all(dir).with_context(|| format!("create {}", dir.display()))?;
    let path = dir.join(format!("{gateway}.toml"));
    std::fs::write(&path, text).with_context(|| format!("write {}", path.display()))?;
    eprintln!("wrote {}", path.display());
    Ok(())
}

fn show(progress: &Progress) {
    let Progress {
        at_ms,
        external_id,
        happening,
    } = progress;
    let what = match happening {
        Happening::Entered => "comes in".to_owned(),
        Happening::Left => "leaves".to_owned(),
        Happening::PressedHere => "presses \"Ik ben er\"".to_owned(),
        Happening::Received(received) => format!("reads: {}", received.notification.title),
    };
    eprintln!(
        "{:>3}.{} s  {external_id} {what}",
        at_ms / 1_000,
        at_ms / 100 % 10
    );
}

/// `90s`, `5m`, `500ms`.
fn duration(text: &str) -> Result<Duration, String> {
    let split = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let wrong = || format!("{text:?} is no duration: write 90s, 5m or 500ms");
    let number: u64 = number.parse().map_err(|_| wrong())?;
    match unit {
        "ms" => Ok(Duration::from_millis(number)),
        "s" => Ok(Duration::from_secs(number)),
        "m" => number
            .checked_mul(60)
            .map(Duration::from_secs)
            .ok_or_else(wrong),
        _ => Err(wrong()),
    }
}

/// Turns true at the first SIGINT or SIGTERM.
fn shutdown_on_signal() -> watch::Receiver<bool> {
    let (ask, asked) = watch::channel(false);
    tokio::spawn(async move {
        use tokio::signal::unix::{SignalKind, signal};
        let Ok(mut terminate) = signal(SignalKind::terminate()) else {
            return;
        };
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        }
        ask.send_replace(true);
    });
    asked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_with_their_unit_and_nothing_else() {
        assert_eq!(duration("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("5m"), Ok(Duration::from_secs(300)));
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        for wrong in ["", "90", "s", "1h", "-1s", "99999999999999999999s"] {
            assert!(duration(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn help_and_wrong_arguments_have_their_exit_codes() {
        assert_eq!(main_from(["welkom-sim", "--help"]), ExitCode::SUCCESS);
        assert_eq!(main_from(["welkom-sim", "dance"]), ExitCode::from(2));
    }
}
