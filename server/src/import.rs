//! Takes over files of a shop: products, stock, customers and more, line by line.
//!
//! In: CSV or JSON lines. Out: one request a line to the running server, and an account of the
//! lines that were refused.
//! It speaks HTTP and not to the database, since that has one writer, and the server's engines
//! must hear of orders and consent.
//! Promises: a run that was interrupted goes on where it was; a line sent twice changes nothing.
//! Invariant: a bad line costs no other line.

mod fields;
mod kinds;

use std::{
    fs,
    io::{IsTerminal, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context;
use futures_util::StreamExt;
use indicatif::{ProgressBar, ProgressStyle};
use reqwest::{Client, Method, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub use self::kinds::Kind;
use self::{
    fields::{Line, Lines, Wrong},
    kinds::{Request, in_path},
};
use crate::config::{Config, Tls};

/// Requests under way at once: the server commits what comes in together as one.
const AT_ONCE: usize = 16;
/// How often the state file is written.
const SAVE_EVERY: u64 = 500;
/// Tries of one line while the server does not answer.
const TRIES_MAX: u32 = 6;
/// The wait before the second try; it doubles.
const RETRY_WAIT: Duration = Duration::from_millis(200);
/// A call that takes longer has failed.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);

/// What to import.
#[derive(Debug, Clone)]
pub struct Import {
    /// What stands in the file.
    pub kind: Kind,
    /// The file; its ending says how it is written: `csv`, or `jsonl`.
    pub file: PathBuf,
    /// Where the server is.
    pub server: String,
    /// A key of role shop or admin.
    pub api_key: String,
    /// The PEM file of whom to trust, with a self-made certificate.
    pub ca: Option<PathBuf>,
    /// Only read, send nothing.
    pub dry_run: bool,
    /// For programs.
    pub json: bool,
    /// The first line to send; none: where the last run stopped.
    pub from_line: Option<u64>,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Lines that were taken (or, in a dry run, can be read).
    pub done: u64,
    /// Lines that were refused.
    pub failed: u64,
}

/// How far a run came.
#[derive(Debug, Default, Serialize, Deserialize)]
struct State {
    /// Of the file: another length is another file.
    len_bytes: u64,
    /// All lines up to this one are done or refused.
    line: u64,
    /// How many of them were refused.
    failed: u64,
}

/// Where the server of these settings can be reached from this machine, and whom to trust.
pub fn server_of(config: &Config) -> (String, Option<PathBuf>) {
    let listen = config.http.listen;
    let host = match listen.ip() {
        ip if ip.is_unspecified() => "localhost".to_owned(),
        ip if ip.is_ipv6() => format!("[{ip}]"),
        ip => ip.to_string(),
    };
    match config.http.tls {
        Tls::Off => (format!("http://{host}:{}", listen.port()), None),
        Tls::Given => (format!("https://{host}:{}", listen.port()), None),
        Tls::SelfMade => (
            format!("https://{host}:{}", listen.port()),
            Some(config.data_dir.join("tls/ca.pem")),
        ),
    }
}

/// Imports; what was refused is told on the way.
pub async fn run(import: Import) -> anyhow::Result<Report> {
    let len_bytes = fs::metadata(&import.file)
        .with_context(|| format!("read {}", import.file.display()))?
        .len();
    let state_file = state_file(&import.file);
    let mut state = match import.from_line {
        Some(line) => State {
            len_bytes,
            line: line.saturating_sub(1),
            failed: 0,
        },
        None => load(&state_file, len_bytes),
    };
    if state.line > 0 && !import.json {
        eprintln!("going on after line {}", state.line);
    }
    let from = state.line;
    let sender = Sender::new(&import)?;
    let bar = bar(len_bytes, import.json);
    let lines = Lines::open(&import.file)?.filter(|line| match line {
        Ok(line) => line.number > from,
        Err(wrong) => wrong.line > from,
    });
    let (kind, dry_run) = (import.kind, import.dry_run);
    let mut answers = futures_util::stream::iter(lines)
        .map(|line| {
            let sender = &sender;
            async move {
                let line = line.map_err(Failure::Line)?;
                let (number, end) = (line.number, line.end_bytes);
                let request = kind.request(&line).map_err(Failure::Line)?;
                if !dry_run {
                    sender.send(&line, request).await?;
                }
                Ok::<_, Failure>((number, end))
            }
        })
        .buffered(AT_ONCE);
    let mut report = Report {
        done: 0,
        failed: state.failed,
    };
    while let Some(answer) = answers.next().await {
        match answer {
            Ok((number, end_bytes)) => {
                report.done += 1;
                state.line = number;
                bar.set_position(end_bytes);
            }
            Err(Failure::Line(wrong)) => {
                report.failed += 1;
                state.line = state.line.max(wrong.line);
                bar.suspend(|| tell(&wrong, import.json));
            }
            Err(Failure::Server(error)) => {
                state.failed = report.failed;
                save(&state_file, &state, dry_run)?;
                let line = state.line + 1;
                return Err(error.context(format!(
                    "stopped before line {line}; the same command goes on there"
                )));
            }
        }
        state.failed = report.failed;
        if (report.done + report.failed).is_multiple_of(SAVE_EVERY) {
            save(&state_file, &state, dry_run)?;
        }
    }
    bar.finish_and_clear();
    // It is done: the next run begins anew. That there was no file is as good.
    let _ = fs::remove_file(&state_file);
    if import.json {
        let line = json!({"done": report.done, "failed": report.failed, "dry_run": dry_run});
        writeln!(std::io::stdout().lock(), "{line}").context("write the report")?;
    }
    Ok(report)
}

fn bar(len_bytes: u64, json: bool) -> ProgressBar {
    if json || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(len_bytes);
    // The template is a constant: it is right, or the usual one serves.
    if let Ok(style) = ProgressStyle::with_template("{wide_bar} {bytes}/{total_bytes} {eta}") {
        bar.set_style(style);
    }
    bar
}

fn tell(wrong: &Wrong, as_json: bool) {
    if as_json {
        let line = json!({"line": wrong.line, "column": wrong.column, "field": wrong.field,
                          "error": wrong.why});
        println!("{line}");
    } else {
        eprintln!("{wrong}");
    }
}

fn state_file(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".welkom-import");
    name.into()
}

fn load(path: &Path, len_bytes: u64) -> State {
    let known = fs::read(path).ok();
    let known = known.and_then(|bytes| serde_json::from_slice::<State>(&bytes).ok());
    let fresh = || State {
        len_bytes,
        ..State::default()
    };
    known
        .filter(|state| state.len_bytes == len_bytes)
        .unwrap_or_else(fresh)
}

fn save(path: &Path, state: &State, dry_run: bool) -> anyhow::Result<()> {
    if dry_run {
        return Ok(());
    }
    let text = serde_json::to_vec(state).context("write the state")?;
    fs::write(path, text).with_context(|| format!("write {}", path.display()))
}

/// Why a line was not taken.
enum Failure {
    /// It is the line's own fault.
    Line(Wrong),
    /// The server does not answer, or does not let us in.
    Server(anyhow::Error),
}

/// Sends requests.
struct Sender {
    client: Client,
    base: String,
    api_key: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Problem {
    title: String,
    detail: String,
}

impl Sender {
    fn new(import: &Import) -> anyhow::Result<Self> {
        // Another provider, set by whoever embeds this, serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = Client::builder().no_proxy().timeout(CALL_TIMEOUT);
        if let Some(path) = &import.ca {
            let pem = fs::read(path).with_context(|| format!("read {}", path.display()))?;
            builder = builder.tls_certs_only(reqwest::Certificate::from_pem_bundle(&pem)?);
        }
        Ok(Self {
            client: builder.build().context("set up the HTTP client")?,
            base: import.server.trim_end_matches('/').to_owned(),
            api_key: import.api_key.clone(),
        })
    }

    async fn send(&self, line: &Line, request: Request) -> Result<(), Failure> {
        let (mut path, mut body) = (request.path, request.body);
        if let Some(external_id) = &request.of_customer {
            let ask = format!("/v1/customers?external_id={}", in_path(external_id));
            let found = self.call(line, Method::GET, &ask, None).await?;
            let customer = found["customer"].as_str().unwrap_or_default().to_owned();
            path = path.replace("{customer}", &customer);
            // Some take her in the body.
            let own = body.as_mut().and_then(|body| body.get_mut("customer"));
            if let Some(place) = own {
                *place = customer.into();
            }
        }
        self.call(line, request.method, &path, body.as_ref())
            .await?;
        Ok(())
    }

    async fn call(
        &self,
        line: &Line,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, Failure> {
        let mut wait = RETRY_WAIT;
        for tried in 1.. {
            let mut request = self
                .client
                .request(method.clone(), format!("{}{path}", self.base))
                .bearer_auth(&self.api_key);
            if let Some(body) = body {
                request = request.json(body);
            }
            let answer = request.send().await;
            let why = match answer {
                Ok(answer) => {
                    let status = answer.status();
                    let bytes = answer.bytes().await.unwrap_or_default();
                    if status.is_success() {
                        return Ok(serde_json::from_slice(&bytes).unwrap_or_default());
                    }
                    let problem: Problem = serde_json::from_slice(&bytes).unwrap_or_default();
                    let said = format!("{}: {}", problem.title, problem.detail);
                    match status {
                        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                            return Err(Failure::Server(anyhow::anyhow!("{said}")));
                        }
                        status if status.is_server_error() => anyhow::anyhow!("{said}"),
                        _ => return Err(Failure::Line(line.wrong(None, said))),
                    }
                }
                Err(error) => anyhow::Error::from(error),
            };
            if tried >= TRIES_MAX {
                return Err(Failure::Server(why.context("the server does not answer")));
            }
            tokio::time::sleep(wait).await;
            wait *= 2;
        }
        Ok(Value::Null)
    }
}
