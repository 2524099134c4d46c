//! Many boards at once: how soon each of them shows what a colleague tapped, at which price.
//!
//! In: sizes and an admin's key. Out: a [`BoardsReport`].
//! Colleagues log in as in a browser, boards open their stream with that session, and one colleague
//! takes cards and lets go of them again. A time begins when a tap is sent, and ends when a board has
//! read the event with that card: so it holds the tap's own way and its commit.
//! Promises: taps go out at their own pace, whether boards keep up or not; what a board did not get is
//! counted.
//! Invariant: all of it goes over the same addresses as a browser's.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use futures_util::StreamExt;
use protocol::StoreId;
use reqwest::{Client, header};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
};

use super::measure::Usage;
use crate::{
    clock,
    http::{Api, ApiError, Nothing, ServerInfo},
    phone::{Consent, Phone, PhoneError, Platform},
    plan::Plan,
    provision,
    sse::Parser,
};

/// Colleagues; boards share their sessions.
const COLLEAGUES: usize = 4;
const PASSWORD: &str = "welkom-in-de-winkel";
/// Boards get so long after the last tap.
const DRAIN: Duration = Duration::from_secs(2);

/// The sizes of a run.
#[derive(Debug, Clone)]
pub struct BoardsConfig {
    /// The store; it is set up.
    pub store: StoreId,
    /// Open boards.
    pub boards: usize,
    /// Taps a second, each of which changes a card.
    pub rate_per_s: u64,
    /// For how long.
    pub run_for: Duration,
    /// Customers who wait.
    pub cards: usize,
    /// External ids begin with it.
    pub prefix: String,
}

/// What a run found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BoardsReport {
    /// Open boards.
    pub boards: usize,
    /// Taps that were answered as done.
    pub taps: u64,
    /// Cards that boards read.
    pub events: u64,
    /// Cards that they should have read and did not.
    pub missing: u64,
    /// Half of them were read within this after the tap was sent, in milliseconds.
    pub fan_out_ms_p50: f64,
    /// 99 percent of them.
    pub fan_out_ms_p99: f64,
    /// The longest.
    pub fan_out_ms_max: f64,
    /// Processor time of the server, as a share of one core; none if it runs on another machine.
    pub cpu_cores: Option<f64>,
    /// Resident memory of the server at the end, in megabytes.
    pub rss_mb: Option<f64>,
}

/// Why a run could not be.
#[derive(Debug, thiserror::Error)]
pub enum BoardsError {
    /// The API.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// A phone.
    #[error(transparent)]
    Phone(#[from] PhoneError),
    /// A page.
    #[error("ask for a page")]
    Page(#[from] reqwest::Error),
    /// A page without what it should have.
    #[error("the page has no {0}")]
    Lacks(&'static str),
}

/// One colleague's session.
#[derive(Clone)]
struct Session {
    cookie: String,
    csrf: String,
}

/// When each card was last tapped on, and what boards read since.
#[derive(Default)]
struct Book {
    tapped: Mutex<HashMap<String, Instant>>,
    took: Mutex<Vec<Duration>>,
}

impl Book {
    fn tapped(&self, card: &str) {
        let mut tapped = self.tapped.lock().unwrap_or_else(PoisonError::into_inner);
        tapped.insert(card.to_owned(), Instant::now());
    }

    fn read(&self, card: &str) {
        let tapped = self.tapped.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = tapped.get(card) {
            let took = at.elapsed();
            drop(tapped);
            let mut all = self.took.lock().unwrap_or_else(PoisonError::into_inner);
            all.push(took);
        }
    }
}

/// Sets a store up, opens the boards, taps.
pub async fn run(
    api: &Api,
    base: &str,
    config: &BoardsConfig,
) -> Result<BoardsReport, BoardsError> {
    let client = Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .tcp_nodelay(true)
        .build()?;
    provision::store(api, &config.store, &Plan::kade_9()).await?;
    let mut sessions = Vec::new();
    for n in 0..COLLEAGUES {
        sessions.push(colleague(api, &client, base, config, n).await?);
    }
    for n in 0..config.cards {
        customer(api, config, n).await?;
    }
    let board = format!("{base}/staff/{}", config.store);
    let cards = cards(&client, &board, &sessions[0]).await?;
    let book = Arc::new(Book::default());
    let (stop, stopping) = watch::channel(false);
    let mut boards = JoinSet::new();
    let (open, mut opened) = mpsc::channel::<()>(1);
    for n in 0..config.boards {
        let request = client
            .get(format!("{board}/events"))
            .header(header::COOKIE, &sessions[n % COLLEAGUES].cookie);
        boards.spawn(follow(
            request,
            book.clone(),
            open.clone(),
            stopping.clone(),
        ));
    }
    drop(open);
    // What is tapped before a board is open is none of its changes.
    while opened.recv().await.is_some() {}
    let server: ServerInfo = api.get("/v1/server").await?;
    let (before, began) = (Usage::of(server.pid), Instant::now());
    let taps = tap(&client, &board, &sessions[0], config, &cards, &book).await?;
    let whole = began.elapsed();
    let after = Usage::of(server.pid);
    tokio::time::sleep(DRAIN).await;
    // An error says that all boards have gone.
    let _ = stop.send(true);
    while boards.join_next().await.is_some() {}
    let mut took = book
        .took
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone();
    took.sort_unstable();
    let at = |percent: usize| {
        let place = (took.len() * percent / 100).min(took.len().saturating_sub(1));
        took.get(place).map_or(0.0, |took| took.as_secs_f64() * 1e3)
    };
    let used = before.zip(after);
    let used = used.map(|(b, a)| a.cpu.saturating_sub(b.cpu).as_secs_f64());
    #[expect(clippy::cast_precision_loss, reason = "megabytes")]
    let rss_mb = after.map(|usage| usage.rss_bytes as f64 / 1e6);
    let events = took.len() as u64;
    Ok(BoardsReport {
        boards: config.boards,
        taps,
        events,
        missing: (taps * config.boards as u64).saturating_sub(events),
        fan_out_ms_p50: at(50),
        fan_out_ms_p99: at(99),
        fan_out_ms_max: at(100),
        cpu_cores: used.map(|used| used / whole.as_secs_f64()),
        rss_mb,
    })
}

async fn colleague(
    api: &Api,
    client: &Client,
    base: &str,
    config: &BoardsConfig,
    n: usize,
) -> Result<Session, BoardsError> {
    let login = format!("{}-s{n}", config.prefix);
    let path = format!("/v1/stores/{}/staff/{login}", config.store);
    let body = json!({"name": format!("Sanne {n}"), "role": "staff", "password": PASSWORD});
    let _: Nothing = api.put(&path, &body).await?;
    let page = client.get(format!("{base}/login")).send().await?;
    let token = cookie(&page, "welkom_login").ok_or(BoardsError::Lacks("log-in token"))?;
    let answer = client
        .post(format!("{base}/login"))
        .header(header::COOKIE, format!("welkom_login={token}"))
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(format!("csrf={token}&name={login}&password={PASSWORD}"))
        .send()
        .await?;
    let session = cookie(&answer, "welkom_session").ok_or(BoardsError::Lacks("session"))?;
    let cookie = format!("welkom_session={session}");
    let page = client
        .get(format!("{base}/staff/{}", config.store))
        .header(header::COOKIE, &cookie)
        .send()
        .await?
        .text()
        .await?;
    let csrf = between(&page, "name=\"csrf\" value=\"", "\"");
    let csrf = csrf.ok_or(BoardsError::Lacks("form"))?.to_owned();
    Ok(Session { cookie, csrf })
}

fn cookie(answer: &reqwest::Response, name: &str) -> Option<String> {
    let all = answer.headers().get_all(header::SET_COOKIE).iter();
    all.filter_map(|value| value.to_str().ok())
        .filter_map(|text| text.split(';').next()?.split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value.to_owned())
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    text.split_once(before)?
        .1
        .split_once(after)
        .map(|(it, _)| it)
}

/// Somebody who waits: an order that lies ready, and "Ik ben er".
async fn customer(api: &Api, config: &BoardsConfig, n: usize) -> Result<(), BoardsError> {
    #[derive(Deserialize)]
    struct Made {
        customer: String,
    }
    #[derive(Deserialize)]
    struct Code {
        code: String,
    }
    let external_id = format!("{}-{n}", config.prefix);
    let body = json!({
        "external_id": external_id, "given_name": "Anna", "family_name": "de Vries",
        "salutation": "mevrouw", "language": "nl",
    });
    let Made { customer } = api.post("/v1/customers", &body).await?;
    let order = json!({
        "external_id": external_id, "store": config.store, "customer": customer, "state": "ready",
        "bay": "B12", "code": "7419", "lines": [{"sku": "LAMP-BOOG", "quantity": 1}],
    });
    let _: serde_json::Value = api.post("/v1/orders", &order).await?;
    let path = format!("/v1/customers/{customer}/enrolments");
    let Code { code } = api.post(&path, &json!({})).await?;
    let phone = Phone::enrol(api, &code, Platform::Android, clock::unix_ms)
        .await?
        .phone;
    let arrival = Consent {
        arrival: true,
        ..Consent::NONE
    };
    phone.set_consent(arrival, "1", "nl").await?;
    let here = phone.here(clock::unix_ms(), &config.store);
    phone.send_here(&here).await?;
    Ok(())
}

async fn cards(
    client: &Client,
    board: &str,
    session: &Session,
) -> Result<Vec<String>, BoardsError> {
    let request = client.get(board).header(header::COOKIE, &session.cookie);
    let page = request.send().await?.text().await?;
    let ids = page.split("data-card=\"").skip(1);
    let mut cards: Vec<String> = ids
        .filter_map(|rest| rest.split('"').next())
        .map(str::to_owned)
        .collect();
    cards.dedup();
    if cards.is_empty() {
        return Err(BoardsError::Lacks("card"));
    }
    Ok(cards)
}

/// One board, until it is told to stop. It lets go of `open` once its stream is there, or refused.
async fn follow(
    request: reqwest::RequestBuilder,
    book: Arc<Book>,
    open: mpsc::Sender<()>,
    mut stop: watch::Receiver<bool>,
) {
    let answer = request.send().await;
    drop(open);
    let Ok(answer) = answer else {
        return;
    };
    let mut stream = answer.bytes_stream();
    let mut parser = Parser::default();
    loop {
        let bytes = tokio::select! {
            bytes = stream.next() => bytes,
            _ = stop.changed() => return,
        };
        let Some(Ok(bytes)) = bytes else { return };
        for event in parser.push(&bytes).iter().filter(|e| e.name == "card") {
            if let Some(card) = between(&event.data, "\"card\":\"", "\"") {
                book.read(card);
            }
        }
    }
}

/// Takes each card and lets go of it again, in turn; how many taps were done.
async fn tap(
    client: &Client,
    board: &str,
    session: &Session,
    config: &BoardsConfig,
    cards: &[String],
    book: &Arc<Book>,
) -> Result<u64, BoardsError> {
    let mut every = tokio::time::interval(
        Duration::from_secs(1) / u32::try_from(config.rate_per_s.max(1)).unwrap_or(u32::MAX),
    );
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Burst);
    let began = Instant::now();
    let mut taps = JoinSet::new();
    for n in 0.. {
        every.tick().await;
        if began.elapsed() >= config.run_for {
            break;
        }
        let card = cards[n % cards.len()].clone();
        let action = match (n / cards.len()) % 2 {
            0 => "take",
            _ => "undo",
        };
        let request = client
            .post(format!("{board}/cards/{card}/{action}"))
            .header(header::COOKIE, &session.cookie)
            .header(header::ACCEPT, "application/json")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(format!("csrf={}", session.csrf));
        let book = book.clone();
        taps.spawn(async move {
            book.tapped(&card);
            Ok::<_, reqwest::Error>(request.send().await?.status().is_success())
        });
    }
    let mut done = 0;
    while let Some(answered) = taps.join_next().await {
        // An error says that it was aborted, which nobody does.
        done += u64::from(answered.unwrap_or(Ok(false))?);
    }
    Ok(done)
}
