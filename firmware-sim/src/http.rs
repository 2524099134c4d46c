//! A small client for the server's HTTP API.
//!
//! In: a base URL, perhaps a certificate to trust, a bearer. Out: typed answers.
//! Promises: an error says which call failed and what the server said (RFC 9457 problem).
//! Invariant: the bearer, bodies and answers are never part of an error or a log line.

use std::time::Duration;

use reqwest::{Method, Response, header::HeaderMap};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// A call that takes longer has failed: a phone on the shop's network answers to a person.
const CALL_TIMEOUT: Duration = Duration::from_secs(20);

/// The API as one caller sees it. Cheap to clone: clones share their connections.
#[derive(Clone)]
pub struct Api {
    client: reqwest::Client,
    base: String,
    bearer: Option<String>,
    write_key: Option<String>,
}

impl std::fmt::Debug for Api {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Api")
            .field("base", &self.base)
            .finish_non_exhaustive()
    }
}

/// Why a call gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// The certificate or the client's settings are unusable.
    #[error("set up the HTTP client")]
    Client(#[source] reqwest::Error),
    /// Nothing came back.
    #[error("{method} {path}: no answer")]
    Send {
        /// The method.
        method: Method,
        /// The path.
        path: String,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// The server said no.
    #[error("{method} {path}: {status} {title}: {detail}")]
    Refused {
        /// The method.
        method: Method,
        /// The path.
        path: String,
        /// The HTTP status.
        status: u16,
        /// The problem's title.
        title: String,
        /// What exactly was wrong.
        detail: String,
    },
    /// The answer is not what the contract says.
    #[error("{method} {path}: an answer that is not in the contract")]
    Answer {
        /// The method.
        method: Method,
        /// The path.
        path: String,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
}

impl ApiError {
    /// Whether the same call may succeed later: no answer, too many, or the server's own trouble.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Send { .. } => true,
            Self::Refused { status, .. } => *status == 429 || *status >= 500,
            Self::Client(_) | Self::Answer { .. } => false,
        }
    }

    /// The HTTP status, if there was one.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Refused { status, .. } => Some(*status),
            _ => None,
        }
    }
}

/// What the server says when it says no; other fields are allowed.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Problem {
    title: String,
    detail: String,
}

impl Api {
    /// A client for `http://…` or `https://…`; `ca_pem` is trusted in place of the system's list.
    pub fn new(base: &str, ca_pem: Option<&[u8]>) -> Result<Self, ApiError> {
        let mut builder = reqwest::Client::builder()
            .no_proxy()
            .connect_timeout(Duration::from_secs(5))
            .tcp_nodelay(true);
        if let Some(pem) = ca_pem {
            let trusted = reqwest::Certificate::from_pem_bundle(pem).map_err(ApiError::Client)?;
            builder = builder.tls_certs_only(trusted);
        }
        let client = builder.build().map_err(ApiError::Client)?;
        Ok(Self {
            client,
            base: base.trim_end_matches('/').to_owned(),
            bearer: None,
            write_key: None,
        })
    }

    /// The same server, asked with this key or token.
    pub fn with_bearer(&self, bearer: impl Into<String>) -> Self {
        Self {
            bearer: Some(bearer.into()),
            ..self.clone()
        }
    }

    /// The same caller at another address.
    pub fn with_base(&self, base: &str) -> Self {
        Self {
            base: base.trim_end_matches('/').to_owned(),
            ..self.clone()
        }
    }

    /// The same server, asked with this write key as the user name of HTTP Basic.
    pub fn with_write_key(&self, key: impl Into<String>) -> Self {
        Self {
            bearer: None,
            write_key: Some(key.into()),
            ..self.clone()
        }
    }

    /// GET.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ApiError> {
        self.call(Method::GET, path, Vec::new(), HeaderMap::new())
            .await
    }

    /// PUT with a JSON body.
    pub async fn put<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, ApiError> {
        self.call(
            Method::PUT,
            path,
            protocol::message::to_json(body),
            HeaderMap::new(),
        )
        .await
    }

    /// POST with a JSON body.
    pub async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, ApiError> {
        let body = protocol::message::to_json(body);
        self.call(Method::POST, path, body, HeaderMap::new()).await
    }

    /// Bytes that are already JSON, with headers of their own.
    pub async fn send_raw<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Vec<u8>,
        headers: HeaderMap,
    ) -> Result<T, ApiError> {
        self.call(method, path, body, headers).await
    }

    /// Opens a stream of server-sent events; `last_event_id` resumes.
    pub async fn open_events(
        &self,
        path: &str,
        last_event_id: Option<&str>,
    ) -> Result<Response, ApiError> {
        let mut request = self
            .client
            .get(format!("{}{path}", self.base))
            .header("Accept", "text/event-stream");
        if let Some(bearer) = &self.bearer {
            request = request.bearer_auth(bearer);
        }
        if let Some(id) = last_event_id {
            request = request.header("Last-Event-ID", id);
        }
        let answer = request.send().await.map_err(|source| ApiError::Send {
            method: Method::GET,
            path: path.to_owned(),
            source,
        })?;
        if answer.status().is_success() {
            return Ok(answer);
        }
        let status = answer.status().as_u16();
        let bytes = answer.bytes().await.unwrap_or_default();
        Err(refused(Method::GET, path, status, &bytes))
    }

    async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Vec<u8>,
        headers: HeaderMap,
    ) -> Result<T, ApiError> {
        let no_answer = |source| ApiError::Send {
            method: method.clone(),
            path: path.to_owned(),
            source,
        };
        let mut request = self
            .client
            .request(method.clone(), format!("{}{path}", self.base))
            .timeout(CALL_TIMEOUT)
            .headers(headers);
        if let Some(bearer) = &self.bearer {
            request = request.bearer_auth(bearer);
        }
        if let Some(key) = &self.write_key {
            request = request.basic_auth(key, None::<&str>);
        }
        if method != Method::GET {
            request = request
                .header("Content-Type", "application/json")
                .body(body);
        }
        let answer = request.send().await.map_err(no_answer)?;
        let status = answer.status();
        let bytes = answer.bytes().await.map_err(no_answer)?;
        if !status.is_success() {
            return Err(refused(method, path, status.as_u16(), &bytes));
        }
        // A 204 has no body; a caller that expects nothing reads `null`.
        let json: &[u8] = if bytes.is_empty() { b"null" } else { &bytes };
        serde_json::from_slice(json).map_err(|source| ApiError::Answer {
            method,
            path: path.to_owned(),
            source,
        })
    }
}

fn refused(method: Method, path: &str, status: u16, body: &[u8]) -> ApiError {
    let problem: Problem = serde_json::from_slice(body).unwrap_or_default();
    ApiError::Refused {
        method,
        path: path.to_owned(),
        status,
        title: problem.title,
        detail: problem.detail,
    }
}

/// An answer whose content does not matter.
pub type Nothing = serde::de::IgnoredAny;

/// The server's account of itself.
#[derive(Debug, Clone, Deserialize)]
pub struct ServerInfo {
    /// Its process.
    pub pid: u32,
    /// Its version.
    pub version: String,
    /// Its time.
    pub server_ms: u64,
}
