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
use protocol::{DecisionId, StaffId, StoreId, VisitId};
use tokio::sync::watch;

use crate::{
    clock,
    config::Config,
    explain::{self, Style},
    import::{self, Import},
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
  welkom-server explain presence --config welkom.toml --visit 0199a6b0-…
  welkom-server explain decision --config welkom.toml 0199a6b1-…"
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
    /// Takes over a file of the shop: CSV with a header, or a JSON object a line.
    ///
    /// It asks the running server over HTTP, one request a line, with a key of role shop or admin.
    /// It does not write into the database itself: that has one writer, and the server must hear
    /// of orders and consent. A line that is refused is told with its number and column, and costs
    /// no other; the exit code is then 1. A run that was interrupted goes on where it was (FILE.welkom-import
    /// holds the place); a line that is sent twice changes nothing.
    #[command(after_long_help = IMPORT_EXAMPLES)]
    Import {
        /// The settings: where the server is follows from them.
        #[arg(long, env = "WELKOM_CONFIG")]
        config: Option<PathBuf>,
        /// Where the server is, if not as the settings say: https://welkom.kade9.nl:8443
        #[arg(long, env = "WELKOM_SERVER")]
        server: Option<String>,
        /// Certificate (PEM) to trust, if not as the settings say.
        #[arg(long)]
        ca: Option<PathBuf>,
        /// Key of role shop or admin; not needed for --dry-run.
        #[arg(long, env = "WELKOM_API_KEY", hide_env_values = true)]
        api_key: Option<String>,
        /// Read everything, send nothing.
        #[arg(long)]
        dry_run: bool,
        /// One JSON object for each refused line, and one at the end.
        #[arg(long)]
        json: bool,
        /// Begin at this line, whatever an earlier run did.
        #[arg(long)]
        from_line: Option<u64>,
        /// What stands in the file.
        #[arg(value_enum)]
        kind: import::Kind,
        /// The file: .csv or .jsonl.
        file: PathBuf,
    },
    /// Explains what the engine thought, and why.
    Explain {
        #[command(subcommand)]
        what: Explain,
    },
}

const IMPORT_EXAMPLES: &str = "\
Examples:
  welkom-server import --config welkom.toml --dry-run products products.csv
  welkom-server import --config welkom.toml --api-key $KEY products products.csv
  welkom-server import --server https://welkom.kade9.nl:8443 --api-key $KEY stock stock.jsonl
  welkom-server import --config welkom.toml --api-key $KEY --json receipts till.csv > refused.jsonl

Columns (a CSV has them in its first line, with comma, semicolon or tab between; times as
2026-11-25T10:00:00+01:00, amounts as 129.00):
  products    sku, name (or name_nl, name_en), price, [currency, product, category, variant, updated_at]
  stock       store, sku, quantity, [updated_at]
  placement   store, sku or category, zone, [shelf]
  customers   external_id, given_name, family_name, [salutation, language, consent]
  wishlists   customer, sku, at, [price, currency]
  orders      order, customer, store, code, lines (LAMP:1 SHOE:2), [state, bay]
  receipts    receipt, customer, at, [store, total, currency, lines (LAMP:1:79.95 SHOE:2:90.00)]
`customer` is the shop's own id of her, as in external_id.";

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
    /// Why a shopper was told something, or nothing: campaigns, products, caps, what became of it.
    Decision {
        /// The settings.
        #[arg(long, env = "WELKOM_CONFIG")]
        config: PathBuf,
        /// Which decision: as `GET /v1/stores/{store}/decisions` names it.
        decision: DecisionId,
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
        Command::Import {
            config,
            server,
            ca,
            api_key,
            dry_run,
            json,
            from_line,
            kind,
            file,
        } => {
            let config = config.as_deref().map(load).transpose()?;
            let (base, trusted) = config.as_ref().map(import::server_of).unzip();
            let server = match server.or(base) {
                Some(server) => server,
                None if dry_run => String::new(),
                None => return Err(anyhow::anyhow!("say --config or --server").into()),
            };
            let api_key = match api_key {
                Some(key) => key,
                None if dry_run => String::new(),
                None => return Err(anyhow::anyhow!("say --api-key").into()),
            };
            let ca = ca.or(trusted.flatten().filter(|_| !dry_run));
            Ok(run_import(Import {
                kind,
                file,
                server,
                api_key,
                ca,
                dry_run,
                json,
                from_line,
            })?)
        }
        Command::Explain { what } => Ok(explain(&what)?),
    }
}

fn run_import(import: Import) -> anyhow::Result<()> {
    let (json, dry_run) = (import.json, import.dry_run);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let report = runtime.block_on(import::run(import))?;
    if !json {
        let what = if dry_run { "can be read" } else { "taken" };
        println!("{} lines {what}, {} refused", report.done, report.failed);
    }
    anyhow::ensure!(report.failed == 0, "{} lines were refused", report.failed);
    Ok(())
}

fn explain(what: &Explain) -> Result<(), Failed> {
    let (Explain::Presence { config, json, .. } | Explain::Decision { config, json, .. }) = what;
    let plain = std::env::var_os("NO_COLOR").is_some_and(|set| !set.is_empty());
    let style = match json {
        true => Style::Json,
        false if std::io::stdout().is_terminal() && !plain => Style::Colours,
        false => Style::Plain,
    };
    let database = run::database(&load(config)?.data_dir);
    let told = match what {
        Explain::Presence { visit, .. } => explain::presence(&database, *visit, style),
        Explain::Decision { decision, .. } => explain::decision(&database, *decision, style),
    }?;
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
        // The broker's own warnings repeat topics, in which other radios put addresses of strangers; what
        // they warn of, `broker` says too.
        .unwrap_or_else(|_| {
            tracing_subscriber::EnvFilter::new("info,mqtt5::broker::client_handler::publish=error")
        });
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
