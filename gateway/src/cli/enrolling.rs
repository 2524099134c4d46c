//! `welkom-gateway enroll`: its arguments, and what it prints.
//!
//! In: arguments. Out: two or three sentences, or one line of JSON; an exit code.
//! Invariant: what went wrong is said with what to type next.

use std::{net::SocketAddr, path::PathBuf, process::ExitCode, time::Duration};

use anyhow::Context;
use protocol::enrol::Fingerprint;
use serde_json::json;

use super::{CONFIG_WRONG, print};
use crate::enroll::{self, BOOT_DIRS, CONFIG, Done, From, Options, Refusal};

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The server's address, or the QR code's text between quotes
    #[arg(required_unless_present = "from_boot", conflicts_with = "from_boot")]
    server: Option<String>,
    /// The code, as it stands on the page
    code: Option<String>,
    /// Read address and code from welkom-enrol.txt on the boot partition, and wipe it
    #[arg(long)]
    from_boot: bool,
    /// Where the boot partition is; may be given more than once
    #[arg(long, value_name = "DIR", requires = "from_boot", default_values = BOOT_DIRS)]
    boot_dir: Vec<PathBuf>,
    /// Trust the server whose certificate has this SHA-256
    #[arg(long, value_name = "SHA256")]
    trust: Option<Fingerprint>,
    /// Let code and password go in clear, over plain http
    #[arg(long)]
    insecure_http: bool,
    /// Try a server that cannot be reached for this long
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    wait: u64,
    /// Where to write the settings
    #[arg(long, value_name = "FILE", env = "WELKOM_GATEWAY_CONFIG", default_value = CONFIG)]
    config: PathBuf,
    /// Replace settings that are there; they are kept beside
    #[arg(long)]
    force: bool,
    /// The folder where sightings wait
    #[arg(long, value_name = "DIR", default_value = "/var/lib/welkom-gateway")]
    spool: PathBuf,
    /// Where the health page is, or off
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9464")]
    health: Health,
    /// As JSON
    #[arg(long)]
    json: bool,
    /// Listen to the simulator's air at host:port instead of a radio; for tests
    #[arg(long, value_name = "ADDRESS", hide = true)]
    air: Option<String>,
}

#[derive(Clone, Copy)]
struct Health(Option<SocketAddr>);

impl std::str::FromStr for Health {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        if text == "off" {
            return Ok(Self(None));
        }
        let address = text.parse().map_err(|e| format!("{e}; or write off"))?;
        Ok(Self(Some(address)))
    }
}

pub(super) fn run(arguments: Arguments) -> ExitCode {
    let Arguments {
        server,
        code,
        from_boot,
        boot_dir,
        trust,
        insecure_http,
        wait,
        config,
        force,
        spool,
        health,
        json,
        air,
    } = arguments;
    let from = match server {
        Some(server) if !from_boot => From::Typed { server, code },
        _ => From::Boot(boot_dir),
    };
    let options = Options {
        from,
        trust,
        insecure_http,
        wait: Duration::from_secs(wait),
        config,
        force,
        spool,
        health: health.0,
        air,
    };
    match enroll(&options) {
        Ok(Ok(done)) => say(done.as_ref(), json),
        Ok(Err(refusal)) => complain(&refusal, json),
        Err(error) => {
            eprintln!("welkom-gateway: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn enroll(options: &Options) -> anyhow::Result<Result<Option<Done>, Refusal>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("start the runtime")?;
    let done = runtime.block_on(enroll::enroll(options));
    // A name server that hangs must not keep us.
    runtime.shutdown_background();
    Ok(done)
}

fn say(done: Option<&Done>, json: bool) -> ExitCode {
    let text = match (done, json) {
        (Some(done), true) => json!({ "ok": true, "enrolled": done }).to_string(),
        (None, true) => json!({ "ok": true, "enrolled": null }).to_string(),
        (None, false) => "there is no welkom-enrol.txt on the boot partition: nothing to do".into(),
        (Some(done), false) => in_words(done),
    };
    match print(&text) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn in_words(done: &Done) -> String {
    let (store, gateway) = (&done.store, &done.gateway);
    let mut text = format!(
        "This machine is gateway {gateway} of store {store}: {} is written and can be used.",
        done.config.display()
    );
    for kept in &done.kept {
        text += &format!("\nWhat was there before is kept: {}", kept.display());
    }
    text += "\nNext:";
    for command in &done.next {
        text += &format!("\n  {command}");
    }
    text
}

fn complain(refusal: &Refusal, json: bool) -> ExitCode {
    let (what, todo) = (refusal.to_string(), refusal.todo());
    if json {
        let told = json!({ "ok": false, "error": refusal.word(), "what": what, "do": todo });
        if print(&told.to_string()).is_err() {
            return ExitCode::from(CONFIG_WRONG);
        }
    } else {
        eprintln!("welkom-gateway: {what}\n{todo}");
    }
    ExitCode::from(refusal.exit_code())
}
