//! The command line of the server.
//!
//! Exit codes: 0 done, 1 failed while running, 2 wrong arguments or configuration.

use std::{
    ffi::OsString,
    io::{IsTerminal, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context;
use clap::{Parser, Subcommand, ValueEnum};
use protocol::{StaffId, StoreId, VisitId};
use tokio::sync::watch;

use crate::{
    clock,
    config::Config,
    explain::{self, Style},
    run, secret,
    store::{
        self,
        access::{self, KeyRole, StaffRole, StaffRow},
    },
};

/// Welkom's server: broker, engine, store, pages.
#[derive(Debug, Parser)]
#[command(
    name = "welkom-server",
    version,
    after_help = "Examples:
  welkom-server check --config welkom.toml
  welkom-server key --config welkom.toml --name webshop --role shop
  welkom-server key --config welkom.toml --name pages --role track
  welkom-server staff --config welkom.toml --login sanne --name Sanne --store kade-9 --role staff
  welkom-server run --config welkom.toml
  welkom-server explain presence --config welkom.toml --visit 0199a6b0-…"
)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the server until it is told to stop (Ctrl-C, SIGTERM).
    Run {
        /// The settings.
        #[arg(long, env = "WELKOM_CONFIG")]
        config: PathBuf,
    },
    /// Reads the settings and says what is wrong with them.
    Check {
        /// The settings.
        #[arg(long, env = "WELKOM_CONFIG")]
        config: PathBuf,
    },
    /// Makes an API key and prints it, once.
    Key {
        /// The settings.
        #[arg(long, env = "WELKOM_CONFIG")]
        config: PathBuf,
        /// What it is for.
        #[arg(long)]
        name: String,
        /// What it may do.
        #[arg(long, value_enum)]
        role: Role,
    },
    /// Makes a colleague, or gives her a new password. The password is read from standard input.
    Staff {
        /// The settings.
        #[arg(long, env = "WELKOM_CONFIG")]
        config: PathBuf,
        /// The login name.
        #[arg(long)]
        login: String,
        /// The name that colleagues see.
        #[arg(long)]
        name: String,
        /// Her store; an admin has none.
        #[arg(long)]
        store: Option<StoreId>,
        /// `staff`, `manager` or `admin`.
        #[arg(long, default_value = "staff")]
        role: String,
    },
    /// Explains what the engine thought, and why.
    Explain {
        #[command(subcommand)]
        what: Explain,
    },
}

#[derive(Debug, Subcommand)]
enum Explain {
    /// Why a visit began, moved and ended as it did.
    Presence {
        /// The settings.
        #[arg(long, env = "WELKOM_CONFIG")]
        config: PathBuf,
        /// Which visit: as the API and the manager's map name it.
        #[arg(long)]
        visit: VisitId,
        /// For programs.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Role {
    /// Events of a web shop (/v1/track), nothing else.
    Track,
    /// Products, customers, orders, reading.
    Shop,
    /// Stores, gateways and staff too.
    Admin,
}

/// The whole program; `args` begins with the program's name.
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
    match act(args.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failed { code, error }) => {
            eprintln!("welkom-server: {error:#}");
            ExitCode::from(code)
        }
    }
}

struct Failed {
    code: u8,
    error: anyhow::Error,
}

impl From<anyhow::Error> for Failed {
    fn from(error: anyhow::Error) -> Self {
        Self { code: 1, error }
    }
}

fn load(path: &Path) -> Result<Config, Failed> {
    Config::load(path).map_err(|error| Failed {
        code: 2,
        error: error.into(),
    })
}

fn act(command: Command) -> Result<(), Failed> {
    match command {
        Command::Run { config } => Ok(serve(load(&config)?)?),
        Command::Check { config } => {
            load(&config)?;
            println!("{}: fine", config.display());
            Ok(())
        }
        Command::Key { config, name, role } => Ok(key(&load(&config)?, &name, role)?),
        Command::Staff {
            config,
            login,
            name,
            store,
            role,
        } => Ok(staff(&load(&config)?, &login, name, store, &role)?),
        Command::Explain {
            what:
                Explain::Presence {
                    config,
                    visit,
                    json,
                },
        } => Ok(explain_presence(&load(&config)?, visit, json)?),
    }
}

fn explain_presence(config: &Config, visit: VisitId, json: bool) -> anyhow::Result<()> {
    let plain = std::env::var_os("NO_COLOR").is_some_and(|set| !set.is_empty());
    let style = match json {
        true => Style::Json,
        false if std::io::stdout().is_terminal() && !plain => Style::Colours,
        false => Style::Plain,
    };
    let told = explain::presence(&run::database(&config.data_dir), visit, style)?;
    // Whoever reads only the first lines closes the pipe: that is no failure.
    let _ = std::io::stdout().write_all(told.as_bytes());
    Ok(())
}

fn serve(config: Config) -> anyhow::Result<()> {
    log_to_stderr();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let (stop, shutdown) = watch::channel(false);
        tokio::spawn(async move {
            asked_to_stop().await;
            // An error says that the server has ended by itself.
            let _ = stop.send(true);
        });
        run::run(config, shutdown, |_| {}).await
    })
}

/// Text on a terminal, in colour; JSON for machines with `WELKOM_LOG_FORMAT=json`.
fn log_to_stderr() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("WELKOM_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    let json = std::env::var("WELKOM_LOG_FORMAT").is_ok_and(|format| format == "json");
    // An error says that whoever embeds this has set up logging before.
    let _ = if json {
        builder.json().try_init()
    } else {
        builder.try_init()
    };
}

async fn asked_to_stop() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        // Without SIGTERM, Ctrl-C alone; and without that, nothing stops us but SIGKILL.
        let _ = tokio::signal::ctrl_c().await;
        return;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}

fn key(config: &Config, name: &str, role: Role) -> anyhow::Result<()> {
    let role = match role {
        Role::Track => KeyRole::Track,
        Role::Shop => KeyRole::Shop,
        Role::Admin => KeyRole::Admin,
    };
    println!("{}", make_key_for(config, name, role)?);
    Ok(())
}

/// Makes an API key in the database of `config`, whether or not a server runs on it.
pub fn make_key(config: &Config, name: &str, admin: bool) -> anyhow::Result<String> {
    let role = if admin { KeyRole::Admin } else { KeyRole::Shop };
    make_key_for(config, name, role)
}

/// The same for any role.
pub fn make_key_for(config: &Config, name: &str, role: KeyRole) -> anyhow::Result<String> {
    std::fs::create_dir_all(&config.data_dir)
        .with_context(|| format!("create {}", config.data_dir.display()))?;
    let db = store::open_writer(&run::database(&config.data_dir))?;
    let key = secret::token("wk_")?;
    access::add_key(&db, clock::now_ms(), name, role, &secret::sha256(&key))?;
    Ok(key)
}

fn staff(
    config: &Config,
    login: &str,
    name: String,
    store: Option<StoreId>,
    role: &str,
) -> anyhow::Result<()> {
    let role: StaffRole = role.parse().context("role: staff, manager or admin")?;
    anyhow::ensure!(
        store.is_some() || role == StaffRole::Admin,
        "say which store with --store, or make an admin with --role admin"
    );
    if std::io::stdin().is_terminal() {
        eprint!("Password, at least 10 characters: ");
    }
    let mut password = String::new();
    std::io::stdin()
        .read_line(&mut password)
        .context("read the password")?;
    let password = password.trim_end_matches(['\r', '\n']);
    anyhow::ensure!(
        password.chars().count() >= 10,
        "the password needs at least 10 characters"
    );
    let db = store::open_writer(&run::database(&config.data_dir))?;
    let row = StaffRow {
        staff: StaffId::at(clock::now_ms(), secret::random()?),
        login: login.to_lowercase(),
        name,
        role,
        store,
        password_hash: secret::hash_password(password)?,
    };
    access::put_staff(&db, clock::now_ms(), &row)?;
    println!("{} may log in", row.login);
    Ok(())
}
