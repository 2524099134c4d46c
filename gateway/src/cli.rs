//! The command line.
//!
//! In: arguments. Out: an [`ExitCode`]: 0 as asked, 1 it failed, 2 wrong arguments or settings.

mod enrolling;

use std::{
    ffi::OsString,
    io::{BufWriter, IsTerminal, Write},
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use anyhow::Context;
use clap::{Parser, Subcommand};
use serde::Serialize;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
};
use tracing_subscriber::EnvFilter;

use crate::{
    btsnoop::Recording,
    config::{Config, SPEEDS, SourceConfig},
    decode::{self, FrameView},
    doctor::{
        self, Machine,
        measure::{self, Advice, Measured},
    },
    run,
    spool::{self, inspect},
};

const CONFIG_WRONG: u8 = 2;

const EXAMPLES: &str = "\
Examples:
  sudo welkom-gateway enroll https://welkom.kade9.nl:8443 K7QF-2M9X-4TBD
  welkom-gateway check --config /etc/welkom/gateway.toml
  welkom-gateway doctor --config /etc/welkom/gateway.toml
  welkom-gateway run --config /etc/welkom/gateway.toml
  welkom-gateway spool --dir /var/lib/welkom/spool --json
  welkom-gateway decode < payloads.jsonl
  welkom-gateway replay btsnoop_hci.log --json

The log goes to stderr; WELKOM_LOG=debug says more.";

const ENROLL_HELP: &str = "\
Examples:
  sudo welkom-gateway enroll https://welkom.kade9.nl:8443 K7QF-2M9X-4TBD
  sudo welkom-gateway enroll 'https://welkom.kade9.nl:8443/manage/kade-9/gateways/door#code=…&sha256=…'
  sudo welkom-gateway enroll https://10.0.0.2:8443 K7QF-2M9X-4TBD --trust 5f2d9c4e…
  sudo welkom-gateway enroll --from-boot --wait 300

The code stands on the manager's page of the store's gateways, and is good for an hour. A server whose
certificate a public authority signed is trusted; any other by the SHA-256 that stands beside the code.
Ends with 0 if the machine is set up (with --from-boot also if there is no file), 1 if the server was not
reached or something failed, 2 if arguments are wrong or settings are there already, 3 if the code is
refused, 4 if the certificate is not trusted.";

/// Hears advertisements and relays sightings.
#[derive(Parser)]
#[command(name = "welkom-gateway", version, after_help = EXAMPLES)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Set this machine up with a one-time code from the server
    #[command(after_help = ENROLL_HELP)]
    Enroll(Box<enrolling::Arguments>),
    /// Run the gateway until SIGINT or SIGTERM
    #[command(after_help = "Example:\n  welkom-gateway run --config gateway.toml")]
    Run {
        #[command(flatten)]
        config: ConfigArgument,
        /// Do as the file says, whatever the server tells
        #[arg(long)]
        local_settings: bool,
    },
    /// Say whether the settings can be used, and what is wrong with them
    #[command(after_help = "Example:\n  welkom-gateway check --config gateway.toml")]
    Check(ConfigArgument),
    /// Find what is wrong, and say what to type: radio, bus, disk, clock, broker
    #[command(after_help = "\
Example:
  sudo -u welkom-gateway welkom-gateway doctor --config /etc/welkom/gateway.toml

  sudo systemctl stop welkom-gateway && sudo welkom-gateway doctor --measure --config /etc/welkom/gateway.toml

Ends with 0 if nothing is wrong, 1 if something is, 2 if the settings are.
A gateway that runs is not disturbed; --measure wants it stopped, since there is one radio.")]
    Doctor {
        #[command(flatten)]
        config: ConfigArgument,
        /// As JSON
        #[arg(long)]
        json: bool,
        /// Listen through BlueZ and through the raw socket, so many seconds each, and say which is better
        #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "20",
              value_parser = clap::value_parser!(u64).range(1..=3_600))]
        measure: Option<u64>,
        /// Where /sys, /run and /etc are looked for; for tests
        #[arg(long, value_name = "DIR", hide = true, default_value = "/")]
        root: PathBuf,
    },
    /// Show what a spool holds; changes nothing, also while a gateway runs
    #[command(after_help = "Example:\n  welkom-gateway spool --dir spool --json")]
    Spool {
        /// The spool's folder
        #[arg(long, value_name = "DIR")]
        dir: PathBuf,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Say what advertising data is: a line of JSON out for each line in
    #[command(after_help = "Examples:
  echo '{\"payload_hex\":\"0201061aff4c000215…\"}' | welkom-gateway decode
  welkom-gateway decode < payloads.jsonl

A line has payload_hex, or manufacturer_data and service_data as maps of hexadecimal digits.")]
    Decode,
    /// Play a recording of HCI traffic (btsnoop): as a gateway's radio, or as JSON
    #[command(after_help = "Examples:
  welkom-gateway replay btsnoop_hci.log --json
  welkom-gateway replay btsnoop_hci.log --config gateway.toml --speed 10")]
    Replay {
        /// The recording, as Android or btmon write it
        file: PathBuf,
        /// Print each advertising report as a line of JSON and send nothing
        #[arg(long, conflicts_with_all = ["config", "speed"])]
        json: bool,
        /// The gateway's settings; the recording takes the place of its source
        #[arg(
            long,
            value_name = "FILE",
            env = "WELKOM_GATEWAY_CONFIG",
            required_unless_present = "json"
        )]
        config: Option<PathBuf>,
        /// How much faster than it was recorded
        #[arg(long, default_value_t = 1.0, value_parser = speed)]
        speed: f64,
    },
}

fn speed(text: &str) -> Result<f64, String> {
    let speed: f64 = text.parse().map_err(|_| format!("{text:?} is no number"))?;
    if SPEEDS.contains(&speed) {
        return Ok(speed);
    }
    Err(format!("{} to {}", SPEEDS.start(), SPEEDS.end()))
}

#[derive(clap::Args)]
struct ConfigArgument {
    /// The gateway's settings
    #[arg(long, value_name = "FILE", env = "WELKOM_GATEWAY_CONFIG")]
    config: PathBuf,
}

/// Runs the program. `args` begin with the program's name; other programs that carry a gateway
/// inside them call this too.
pub fn main_from<I>(args: I) -> ExitCode
where
    I: IntoIterator,
    I::Item: Into<OsString> + Clone,
{
    let arguments = match Arguments::try_parse_from(args) {
        Ok(arguments) => arguments,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(CONFIG_WRONG));
        }
    };
    let outcome = match arguments.command {
        Command::Enroll(arguments) => return enrolling::run(*arguments),
        Command::Spool { dir, json } => show_spool(&dir, json),
        Command::Doctor {
            config,
            json,
            measure: Some(seconds),
            ..
        } => match load(&config.config) {
            Ok(config) => show_measured(&config, Duration::from_secs(seconds), json),
            Err(code) => return code,
        },
        Command::Doctor {
            config, json, root, ..
        } => match show_doctor(&config.config, json, root) {
            Ok(code) => return code,
            Err(error) => Err(error),
        },
        Command::Check(ConfigArgument { config }) => match load(&config) {
            Ok(_) => print(&format!("{}: good", config.display())),
            Err(code) => return code,
        },
        Command::Run {
            config,
            local_settings,
        } => match load(&config.config) {
            Ok(mut config) => {
                config.local_settings |= local_settings;
                run_until_signal(config)
            }
            Err(code) => return code,
        },
        Command::Decode => decode_lines(),
        Command::Replay {
            file, json: true, ..
        } => print_reports(&file),
        Command::Replay {
            file,
            config,
            speed,
            ..
        } => match load(config.as_deref().unwrap_or(Path::new(""))) {
            Ok(mut config) => {
                config.source = SourceConfig::Replay { file, speed };
                // The server could tell it of another source.
                config.local_settings = true;
                run_until_signal(config)
            }
            Err(code) => return code,
        },
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("welkom-gateway: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn load(path: &Path) -> Result<Config, ExitCode> {
    Config::load(path).map_err(|error| {
        eprintln!("welkom-gateway: {:#}", anyhow::Error::from(error));
        ExitCode::from(CONFIG_WRONG)
    })
}

fn run_until_signal(config: Config) -> anyhow::Result<()> {
    let filter = EnvFilter::try_from_env("WELKOM_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    // A program around us may have its own log by now.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .try_init();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("start the runtime")?;
    runtime.block_on(async {
        let (stop, shutdown) = watch::channel(false);
        let mut interrupt = signal(SignalKind::interrupt()).context("listen for SIGINT")?;
        let mut terminate = signal(SignalKind::terminate()).context("listen for SIGTERM")?;
        tokio::spawn(async move {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            stop.send_replace(true);
        });
        run(config, shutdown).await
    })
}

fn decode_lines() -> anyhow::Result<()> {
    let out = BufWriter::new(std::io::stdout().lock());
    unless_nobody_reads(decode::lines(std::io::stdin().lock(), out)).context("decode lines")
}

/// One advertising report, as `replay --json` prints it.
#[derive(Serialize)]
struct ReportView {
    /// Microseconds since 1970.
    ts_us: i64,
    address: String,
    address_type: &'static str,
    /// Null: the controller did not know it.
    rssi_dbm: Option<i8>,
    ad_hex: String,
    extended: bool,
    frame: FrameView,
}

fn print_reports(path: &Path) -> anyhow::Result<()> {
    let replay = || format!("replay {}", path.display());
    let recording = Recording::open(path).with_context(replay)?;
    let mut out = BufWriter::new(std::io::stdout().lock());
    for report in recording.reports() {
        let report = match report {
            Ok(report) => report,
            Err(error) => {
                // What was read stands before the complaint, also where both go to one terminal.
                let _ = out.flush();
                return Err(error).with_context(replay);
            }
        };
        let view = ReportView {
            ts_us: report.ts_us,
            address: report.address.to_string(),
            address_type: report.address_type.as_str(),
            rssi_dbm: report.rssi_dbm,
            ad_hex: hex::encode(report.ad.as_bytes()),
            extended: report.extended,
            frame: FrameView::of(report.ad.as_bytes()),
        };
        let mut line = serde_json::to_vec(&view)?;
        line.push(b'\n');
        if let Err(error) = out.write_all(&line) {
            return unless_nobody_reads(Err(error)).context("write to stdout");
        }
    }
    unless_nobody_reads(out.flush()).context("write to stdout")
}

/// `| head` is no error.
fn unless_nobody_reads(done: std::io::Result<()>) -> std::io::Result<()> {
    match done {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        done => done,
    }
}

fn show_doctor(config: &Path, json: bool, root: PathBuf) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("start the runtime")?;
    let report = runtime.block_on(doctor::examine(config, &Machine { root }));
    // A name server that hangs must not keep us.
    runtime.shutdown_background();
    if json {
        print(&report.json()?)?;
    } else {
        print(&report.text(std::io::stdout().is_terminal()))?;
    }
    Ok(ExitCode::from(report.exit_code()))
}

#[derive(Serialize)]
struct MeasuredView<'a> {
    v: u8,
    measured: &'a [Measured; 2],
    advice: Advice,
}

fn show_measured(config: &Config, for_how_long: Duration, json: bool) -> anyhow::Result<()> {
    let Some([bluez, raw]) = measure::both(&config.source) else {
        anyhow::bail!("the source of these settings is no radio: there is nothing to choose");
    };
    if spool::is_in_use(&config.spool.dir) {
        anyhow::bail!(
            "a gateway listens with these settings; first: sudo systemctl stop welkom-gateway"
        );
    }
    let runtime = tokio::runtime::Runtime::new().context("start the runtime")?;
    let listen = |(name, source): (&'static str, SourceConfig)| {
        if std::io::stderr().is_terminal() {
            eprintln!("{name}: listening for {} s", for_how_long.as_secs());
        }
        runtime.block_on(measure::listen(name, &source, config, for_how_long))
    };
    let measured = [listen(bluez), listen(raw)];
    let advice = measure::advice(&measured[0], &measured[1]);
    if json {
        let measured = &measured;
        let v = 1;
        return print(&serde_json::to_string_pretty(&MeasuredView {
            v,
            measured,
            advice,
        })?);
    }
    print(&format!("{}\n{}", measure::table(&measured), advice.text()))
}

fn show_spool(dir: &Path, json: bool) -> anyhow::Result<()> {
    let report = inspect::inspect(dir)?;
    if json {
        return print(&serde_json::to_string_pretty(&report)?);
    }
    let mut text = format!("{} boots in {}", report.boots.len(), dir.display());
    for boot in &report.boots {
        text += &format!(
            "\n{}: {} segments, {} bytes, {} batches, {} sightings wait",
            boot.boot,
            boot.segments,
            boot.bytes,
            boot.batches.count(),
            boot.waiting_sightings
        );
    }
    print(&text)
}

fn print(text: &str) -> anyhow::Result<()> {
    writeln!(std::io::stdout(), "{text}").context("write to stdout")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exit(args: &[&str]) -> ExitCode {
        main_from([&["welkom-gateway"], args].concat())
    }

    #[test]
    fn exit_code_tells_wrong_settings_from_failure() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("gateway.toml");
        std::fs::write(&file, "store = 1").unwrap();
        let path = file.to_str().unwrap();
        assert_eq!(exit(&["check", "--config", path]), ExitCode::from(2));
        assert_eq!(exit(&["run", "--config", "/nowhere"]), ExitCode::from(2));
        assert_eq!(exit(&["walk"]), ExitCode::from(2));
        assert_eq!(exit(&["spool", "--dir", "/nowhere"]), ExitCode::from(1));
        let dir = dir.path().to_str().unwrap();
        assert_eq!(exit(&["spool", "--dir", dir, "--json"]), ExitCode::SUCCESS);
        assert_eq!(exit(&["--help"]), ExitCode::SUCCESS);
        assert_eq!(exit(&["replay", path, "--json"]), ExitCode::from(1));
        assert_eq!(exit(&["replay", path]), ExitCode::from(2));
    }
}
