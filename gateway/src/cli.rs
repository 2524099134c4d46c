//! The command line.
//!
//! In: arguments. Out: an [`ExitCode`]: 0 as asked, 1 it failed, 2 wrong arguments or settings.

use std::{
    ffi::OsString,
    io::{IsTerminal, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context;
use clap::{Parser, Subcommand};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
};
use tracing_subscriber::EnvFilter;

use crate::{config::Config, run, spool::inspect};

const CONFIG_WRONG: u8 = 2;

const EXAMPLES: &str = "\
Examples:
  welkom-gateway check --config /etc/welkom/gateway.toml
  welkom-gateway run --config /etc/welkom/gateway.toml
  welkom-gateway spool --dir /var/lib/welkom/spool --json

The log goes to stderr; WELKOM_LOG=debug says more.";

/// Hears advertisements and relays sightings.
#[derive(Parser)]
#[command(name = "welkom-gateway", version, after_help = EXAMPLES)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the gateway until SIGINT or SIGTERM
    #[command(after_help = "Example:\n  welkom-gateway run --config gateway.toml")]
    Run(ConfigArgument),
    /// Say whether the settings can be used, and what is wrong with them
    #[command(after_help = "Example:\n  welkom-gateway check --config gateway.toml")]
    Check(ConfigArgument),
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
        Command::Spool { dir, json } => show_spool(&dir, json),
        Command::Check(ConfigArgument { config }) => match load(&config) {
            Ok(_) => print(&format!("{}: good", config.display())),
            Err(code) => return code,
        },
        Command::Run(ConfigArgument { config }) => match load(&config) {
            Ok(config) => run_until_signal(config),
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
    }
}
