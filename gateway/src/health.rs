//! How this gateway does, for whoever stands beside it, and for Prometheus.
//!
//! In: the counts, the spool's view, what the doctor finds. Out: `/`, a page; `/metrics`, the
//! exposition format.
//! Promises: a page that cannot be served is no reason not to listen to the radio; at most
//! [`CONNECTIONS_MAX`] askers at once, each for [`CONNECTION_MAX`] at most.
//! Invariant: says counts, names of this gateway and states; never an address or an identity.
//! Changes nothing: it has GET and HEAD alone.

mod metrics;
mod page;

use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};

use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Bytes, Incoming},
    header::{self, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use protocol::settings::SettingsState;
use tokio::{
    net::TcpListener,
    sync::{Mutex, Semaphore, watch},
    task::JoinHandle,
    time::timeout,
};
use tracing::{debug, info, warn};

use crate::{
    clock::Monotonic,
    config::Config,
    counts::{Counters, Line},
    doctor::{self, Machine, Report},
    settings::{Settings, Tally},
    spool::View,
};

/// Askers at once.
pub const CONNECTIONS_MAX: usize = 16;
/// What one of them may take.
pub const CONNECTION_MAX: Duration = Duration::from_secs(30);
/// A page that is loaded again and again does not ask the bus and the disk each time.
const DOCTOR_EVERY_MS: u64 = 15_000;

/// Ends with this.
#[derive(Debug)]
pub struct Served {
    task: Option<JoinHandle<()>>,
    /// Where it listens.
    pub address: Option<SocketAddr>,
}

impl Drop for Served {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

/// All that can be said.
struct Health {
    config: Config,
    settings: Settings,
    counts: Counters,
    view: watch::Receiver<View>,
    began: Monotonic,
    machine: Machine,
    doctor: Mutex<Option<(Monotonic, Arc<Report>)>>,
}

/// Serves, if the settings say where.
pub async fn start(
    config: &Config,
    settings: &Settings,
    counts: &Counters,
    view: watch::Receiver<View>,
) -> Served {
    let nothing = Served {
        task: None,
        address: None,
    };
    let Some(listen) = config.health else {
        return nothing;
    };
    let listener = match TcpListener::bind(listen).await {
        Ok(listener) => listener,
        Err(error) => {
            warn!(%listen, %error, "the health page cannot be served; the gateway goes on");
            return nothing;
        }
    };
    let address = listener.local_addr().unwrap_or(listen);
    info!(listen = %address, "health page and metrics are served");
    let health = Arc::new(Health {
        config: config.clone(),
        settings: settings.clone(),
        counts: counts.clone(),
        view,
        began: Monotonic::now(),
        machine: Machine::default(),
        doctor: Mutex::default(),
    });
    Served {
        task: Some(tokio::spawn(accept(listener, health))),
        address: Some(address),
    }
}

async fn accept(listener: TcpListener, health: Arc<Health>) {
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(place) = room.clone().acquire_owned().await else {
            return;
        };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Out of file descriptors: some will be free again.
                debug!(%error, "an asker could not be let in");
                tokio::time::sleep(Duration::from_secs(1)).await;
                continue;
            }
        };
        let health = health.clone();
        tokio::spawn(async move {
            let answer = service_fn(|request| {
                let health = health.clone();
                async move { Ok::<_, Infallible>(health.answer(&request).await) }
            });
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(Duration::from_secs(5))
                .serve_connection(TokioIo::new(stream), answer);
            // An asker that hangs up has what it wanted.
            let _ = timeout(CONNECTION_MAX, connection).await;
            drop(place);
        });
    }
}

/// What a page must not do: run scripts, load anything, stand in a frame of another page.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'";

impl Health {
    async fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return plain(StatusCode::METHOD_NOT_ALLOWED, "GET or HEAD\n");
        }
        match request.uri().path() {
            "/" => {
                let wished = request.headers().get(header::ACCEPT_LANGUAGE);
                let wished = wished.and_then(|value| value.to_str().ok());
                let language = page::language(wished);
                let report = self.doctor().await;
                let body = page::page(&self.state(), &report, language);
                respond(StatusCode::OK, "text/html; charset=utf-8", body)
            }
            "/metrics" => match metrics::encode(&self.state()) {
                Ok(body) => respond(StatusCode::OK, metrics::CONTENT_TYPE, body),
                Err(_) => plain(StatusCode::INTERNAL_SERVER_ERROR, "no metrics\n"),
            },
            _ => plain(StatusCode::NOT_FOUND, "There is / and /metrics.\n"),
        }
    }

    /// One look at a time, and not too often.
    async fn doctor(&self) -> Arc<Report> {
        let mut last = self.doctor.lock().await;
        let now = Monotonic::now();
        if let Some((at, report)) = &*last
            && now.ms_since(*at) < DOCTOR_EVERY_MS
        {
            return report.clone();
        }
        let has_line = self.counts.line() != Line::Away;
        let report =
            doctor::examine_running(&self.settings.config(), &self.machine, has_line).await;
        let mut report = report;
        let told = doctor::told(self.settings.state(), &self.config);
        report.findings.splice(0..0, told);
        let report = Arc::new(report);
        *last = Some((Monotonic::now(), report.clone()));
        report
    }

    fn state(&self) -> State {
        State {
            store: self.config.store.to_string(),
            gateway: self.config.gateway.to_string(),
            spool_bytes_max: self.config.spool.bytes_max,
            now: Monotonic::now(),
            began: self.began,
            counts: self.counts.clone(),
            settings: self.settings.state(),
            tally: self.settings.tally(),
            view: *self.view.borrow(),
        }
    }
}

/// How things are at one moment.
#[derive(Debug, Clone)]
struct State {
    store: String,
    gateway: String,
    spool_bytes_max: u64,
    now: Monotonic,
    began: Monotonic,
    counts: Counters,
    settings: Option<SettingsState>,
    tally: Tally,
    view: View,
}

fn respond(code: StatusCode, kind: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = code;
    for (name, value) in [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, "no-store"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::VARY, "accept-language"),
    ] {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
}

fn plain(code: StatusCode, words: &str) -> Response<Full<Bytes>> {
    respond(code, "text/plain; charset=utf-8", words.to_owned())
}

#[cfg(test)]
mod tests;
