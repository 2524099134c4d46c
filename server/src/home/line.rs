//! The line from a store's home to the central server.
//!
//! In: the central server's answers. Out: its journal, told in order; how things stand, taken over;
//! identities for the coming hours.
//! Promises: without a line everything else goes on; with it, what happened at the desk is told
//! within a moment, and what changed elsewhere is known in seconds.
//! Invariant: a machine whose desk is another's by now says so and stops, and writes nothing more.

use std::{sync::Arc, time::Duration};

use reqwest::{Client, Method, StatusCode, header};
use serde::{Serialize, de::DeserializeOwned};
use tokio::sync::{Notify, watch};
use url::Url;

use super::{
    Claimed, ENTRIES_MAX, FORGET_AFTER_MS, Identities, Journal, Reached, State, Wanted, learn,
};
use crate::{
    broker::Credentials,
    clock,
    identity::Identity,
    pipeline::Pipeline,
    seal::Seals,
    store::{Readers, StoreError, home},
};

/// How often the central server is asked how things stand.
const ASK_EVERY: Duration = Duration::from_secs(2);
/// The longest that one request may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);
/// Connecting, of it.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// "Nothing has changed" is written down this often: each is a write of the disk.
const TOLD_EVERY_MS: u64 = 60_000;
/// A broken line is said again after this long.
const WARN_EVERY_MS: u64 = 600_000;

/// How the line is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Health {
    /// The epoch of this home; none: it has no desk yet.
    pub epoch: Option<u64>,
    /// Since when nothing came through; none: it is up.
    pub down_since_ms: Option<u64>,
}

/// Requests to the central server.
#[derive(Clone)]
pub struct Central {
    client: Client,
    base: Url,
    token: String,
}

/// Why a request came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    /// The desk is another machine's, or the token is no longer good.
    #[error("the central server refuses this machine ({status}): {detail}")]
    Out {
        /// 401 or 409.
        status: StatusCode,
        /// The server's words.
        detail: String,
    },
    /// No answer, or one that is no use.
    #[error("no answer: {0}")]
    None(#[from] reqwest::Error),
    /// Another answer than asked for.
    #[error("the central server answers {0}")]
    Status(StatusCode),
    /// Our own database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Central {
    /// `base` as in the settings; `ca` is the PEM of the authority that signed its certificate, if
    /// that is not a public one.
    pub fn new(base: Url, token: String, ca: Option<&[u8]>) -> Result<Self, reqwest::Error> {
        let mut client = Client::builder()
            .timeout(ANSWER_WITHIN)
            .connect_timeout(CONNECT_WITHIN)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none());
        if let Some(pem) = ca {
            client = client.tls_certs_only(reqwest::Certificate::from_pem_bundle(pem)?);
        }
        Ok(Self {
            client: client.build()?,
            base,
            token,
        })
    }

    /// Asks with a body, and reads the answer.
    pub async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, LineError> {
        let request = self.request(Method::POST, path, None).json(body);
        let answer = refused(request.send().await?).await?;
        Ok(answer.json().await?)
    }

    /// None: as it was.
    async fn state(
        &self,
        epoch: u64,
        etag: Option<&str>,
    ) -> Result<Option<(String, State)>, LineError> {
        let mut request = self.request(Method::GET, "v1/home/state", Some(epoch));
        if let Some(etag) = etag {
            request = request.header(header::IF_NONE_MATCH, etag);
        }
        let answer = request.send().await?;
        if answer.status() == StatusCode::NOT_MODIFIED {
            return Ok(None);
        }
        let answer = refused(answer).await?;
        let tag = answer.headers().get(header::ETAG);
        let tag = tag.and_then(|tag| tag.to_str().ok()).unwrap_or_default();
        Ok(Some((tag.to_owned(), answer.json().await?)))
    }

    fn request(&self, method: Method, path: &str, epoch: Option<u64>) -> reqwest::RequestBuilder {
        let mut url = self.base.clone();
        url.set_path(&format!("{}/{path}", url.path().trim_end_matches('/')));
        if let Some(epoch) = epoch {
            url.set_query(Some(&format!("epoch={epoch}")));
        }
        self.client.request(method, url).bearer_auth(&self.token)
    }
}

async fn refused(answer: reqwest::Response) -> Result<reqwest::Response, LineError> {
    #[derive(serde::Deserialize)]
    struct Said {
        detail: String,
    }
    let status = answer.status();
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::CONFLICT => Err(LineError::Out {
            status,
            detail: answer
                .json::<Said>()
                .await
                .map_or_else(|_| "it gives no reason".into(), |said| said.detail),
        }),
        status if status.is_success() => Ok(answer),
        status => Err(LineError::Status(status)),
    }
}

/// All that the line needs.
pub struct Line {
    /// The other end.
    pub central: Central,
    /// Writes.
    pub pipeline: Pipeline,
    /// Reads.
    pub readers: Readers,
    /// Who is who over the air.
    pub identity: Arc<Identity>,
    /// What opens batches.
    pub seals: Arc<Seals>,
    /// The broker's list.
    pub credentials: Arc<Credentials>,
    /// Something happened at the desk.
    pub journal: Arc<Notify>,
    /// How it is, for the pages and for `relay`.
    pub health: watch::Sender<Health>,
}

/// What was last heard.
#[derive(Default)]
struct Heard {
    etag: Option<String>,
    state: Option<State>,
    identities: Vec<Identities>,
    told_ms: u64,
    warned_ms: u64,
}

impl Line {
    /// Runs until asked to stop; an error: the desk is another machine's.
    pub async fn run(self, mut shutdown: watch::Receiver<bool>) -> Result<(), LineError> {
        let mut heard = Heard::default();
        self.give(&mut heard).await?;
        loop {
            match self.round(&mut heard).await {
                Ok(()) => self.is_up(),
                Err(out @ LineError::Out { .. }) => return Err(out),
                Err(LineError::Store(StoreError::Stopping)) => return Ok(()),
                Err(error) => {
                    self.is_down(&mut heard, &error);
                    self.forget_if_long_down(&mut heard).await?;
                }
            }
            tokio::select! {
                () = self.journal.notified() => {}
                () = tokio::time::sleep(ASK_EVERY) => {}
                _ = shutdown.changed() => return Ok(()),
            }
        }
    }

    async fn round(&self, heard: &mut Heard) -> Result<(), LineError> {
        let line = self.readers.read(home::line).await?;
        let epoch = match line {
            Some(line) => line.epoch,
            None => self.claim(heard).await?,
        };
        self.health.send_if_modified(|health| {
            let before = health.epoch.replace(epoch);
            before != Some(epoch)
        });
        self.tell(epoch).await?;
        self.ask(epoch, heard).await?;
        self.ask_identities(epoch, heard).await
    }

    /// The identities that are kept, to whoever resolves.
    async fn give(&self, heard: &mut Heard) -> Result<(), LineError> {
        heard.identities = self.readers.read(home::identities).await?;
        self.identity.give(&heard.identities);
        Ok(())
    }

    async fn claim(&self, heard: &mut Heard) -> Result<u64, LineError> {
        let claimed: Claimed = self.central.post("v1/home/claim", &()).await?;
        let epoch = claimed.epoch;
        let Some((etag, state)) = self.central.state(epoch, None).await? else {
            return Err(LineError::Status(StatusCode::NOT_MODIFIED));
        };
        let (told, seals) = (state.clone(), self.seals.clone());
        self.pipeline
            .write(move |txn| {
                learn::take_desk(txn, &claimed, &told)?;
                seals.reload(txn.db)
            })
            .await?;
        tracing::info!(store = %state.store.store, epoch, "this machine has the desk");
        self.let_in(&state);
        (heard.etag, heard.state) = (Some(etag), Some(state));
        Ok(epoch)
    }

    /// The journal, oldest first, until nothing waits.
    async fn tell(&self, epoch: u64) -> Result<(), LineError> {
        loop {
            let read = |db: &_| home::journal(db, ENTRIES_MAX);
            let entries = self.readers.read(read).await?;
            if entries.is_empty() {
                return Ok(());
            }
            let journal = Journal { epoch, entries };
            let Reached { n } = self.central.post("v1/home/journal", &journal).await?;
            self.pipeline
                .write(move |txn| home::forget_journal(txn.db, n))
                .await?;
            if journal.entries.last().is_some_and(|last| last.n > n) {
                // A hole: it cannot be filled by saying the same again at once.
                tracing::error!(n, "the central server misses an entry of the journal");
                return Ok(());
            }
        }
    }

    async fn ask(&self, epoch: u64, heard: &mut Heard) -> Result<(), LineError> {
        let now_ms = clock::now_ms();
        let Some((etag, state)) = self.central.state(epoch, heard.etag.as_deref()).await? else {
            if now_ms >= heard.told_ms + TOLD_EVERY_MS {
                heard.told_ms = now_ms;
                self.pipeline.write(learn::told).await?;
            }
            return Ok(());
        };
        let (told, seals) = (state.clone(), self.seals.clone());
        self.pipeline
            .write(move |txn| {
                learn::learn(txn, &told)?;
                seals.reload(txn.db)
            })
            .await?;
        self.let_in(&state);
        (heard.etag, heard.told_ms) = (Some(etag), now_ms);
        heard.state = Some(state);
        self.give(heard).await
    }

    /// Gateways and displays that are told may connect here.
    fn let_in(&self, state: &State) {
        let gateways = state.gateways.iter().filter_map(|(gateway, hash)| {
            let hash: [u8; 32] = hex::decode(hash).ok()?.try_into().ok()?;
            Some((gateway.clone(), hash))
        });
        self.credentials
            .replace(&state.store.store, gateways.collect());
        let displays = state.displays.iter().filter_map(|(display, hash)| {
            let hash: [u8; 32] = hex::decode(hash).ok()?.try_into().ok()?;
            Some((display.clone(), hash))
        });
        self.credentials
            .replace_displays(&state.store.store, displays.collect());
    }

    async fn ask_identities(&self, epoch: u64, heard: &mut Heard) -> Result<(), LineError> {
        let Some(state) = &heard.state else {
            return Ok(());
        };
        let customers = learn::unknown(state, &heard.identities, clock::now_ms());
        if customers.is_empty() {
            return Ok(());
        }
        let wanted = Wanted { epoch, customers };
        let found: Vec<Identities> = self.central.post("v1/home/identities", &wanted).await?;
        self.pipeline
            .write(move |txn| {
                let mut rows = found.iter();
                rows.try_for_each(|row| home::put_identities(txn.db, row))
            })
            .await?;
        self.give(heard).await
    }

    fn is_up(&self) {
        self.health.send_if_modified(|health| {
            let was_down = health.down_since_ms.take().is_some();
            if was_down {
                tracing::info!("the line to the central server is back");
            }
            was_down
        });
    }

    fn is_down(&self, heard: &mut Heard, error: &LineError) {
        let now_ms = clock::now_ms();
        if now_ms >= heard.warned_ms + WARN_EVERY_MS {
            heard.warned_ms = now_ms;
            tracing::warn!(%error, "no line to the central server: the desk goes on without it");
        }
        self.health.send_if_modified(|health| {
            let is_news = health.down_since_ms.is_none();
            health.down_since_ms.get_or_insert(now_ms);
            is_news
        });
    }

    /// Nobody can say any more who took back her consent: then nothing is kept of anybody.
    async fn forget_if_long_down(&self, heard: &mut Heard) -> Result<(), LineError> {
        let now_ms = clock::now_ms();
        let line = self.readers.read(home::line).await?;
        if line.is_none_or(|line| now_ms < line.told_ms + FORGET_AFTER_MS) {
            return Ok(());
        }
        let forgotten = self.pipeline.write(learn::forget_all).await?;
        if forgotten > 0 {
            // Once the line is back all of it is to be told again, changed or not.
            heard.etag = None;
            tracing::error!(
                forgotten,
                "no line for a day: forgot all customers and orders"
            );
            self.identity.give(&[]);
        }
        Ok(())
    }
}
