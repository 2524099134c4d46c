//! One question to a server, over https.
//!
//! In: where it is, whom to trust, a question. Out: its answer, or a [`Refusal`].
//! Promises: no step takes longer than [`STEP_MAX`], and no answer is longer than [`ANSWER_LEN_MAX`].
//! Invariant: nothing is sent before the certificate is trusted; plain http goes to this machine
//! alone unless it was asked for.

use std::{net::IpAddr, sync::Arc, time::Duration};

use http_body_util::{BodyExt, Full, Limited};
use hyper::{Request, StatusCode, body::Bytes, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use protocol::enrol::{Answer, Question};
use rustls::pki_types::ServerName;
use serde::Deserialize;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::TlsConnector;

use super::{Refusal, trust::Trust};

/// What each step may take.
const STEP_MAX: Duration = Duration::from_secs(15);
/// Certificates and lists of a chain are some kilobytes.
const ANSWER_LEN_MAX: usize = 256 * 1024;

/// A server.
pub(super) struct Server {
    /// As it was given.
    name: String,
    host: String,
    port: u16,
    /// None: plain http.
    trust: Option<Arc<Trust>>,
}

/// RFC 9457, as far as it is read.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Problem {
    detail: String,
    retry_after_s: Option<u64>,
}

impl Server {
    /// `origin` is scheme, host and port.
    pub(super) fn new(origin: &str, trust: Trust, insecure_http: bool) -> Result<Self, Refusal> {
        let wrong = || Refusal::Typed {
            what: format!("{origin:?} is no address such as https://welkom.kade9.nl:8443"),
        };
        let (scheme, authority) = origin.split_once("://").ok_or_else(wrong)?;
        let tls = scheme == "https";
        let usual = if tls { 443 } else { 80 };
        let (host, port) = match authority.rsplit_once(':') {
            // A colon within brackets is of the address.
            Some((host, port)) if !port.contains(']') => (host, port.parse().map_err(|_| wrong())?),
            _ => (authority, usual),
        };
        let host = host.trim_matches(['[', ']']).to_owned();
        let is_here = host == "localhost"
            || host
                .parse::<IpAddr>()
                .is_ok_and(|address| address.is_loopback());
        if !tls && !is_here && !insecure_http {
            return Err(Refusal::InClear {
                server: origin.into(),
            });
        }
        Ok(Self {
            name: origin.to_owned(),
            host,
            port,
            trust: tls.then(|| Arc::new(trust)),
        })
    }

    pub(super) async fn ask(&self, question: &Question) -> Result<Answer, Refusal> {
        let connect = TcpStream::connect((self.host.as_str(), self.port));
        let stream = self.step(connect).await?;
        let Some(trust) = &self.trust else {
            return self.talk(stream, question).await;
        };
        let wrong = |e: &dyn std::fmt::Display| Refusal::Typed {
            what: format!("{}: {e}", self.name),
        };
        let connector = TlsConnector::from(trust.client().map_err(|e| wrong(&e))?);
        let name = ServerName::try_from(self.host.clone()).map_err(|e| wrong(&e))?;
        match timeout(STEP_MAX, connector.connect(name, stream)).await {
            Ok(Ok(stream)) => self.talk(stream, question).await,
            Ok(Err(error)) => Err(self.distrust(trust, &error)),
            Err(_) => Err(self.unreachable("no answer to the handshake")),
        }
    }

    /// The line broke, or the certificate is not the one that is meant.
    fn distrust(&self, trust: &Trust, error: &std::io::Error) -> Refusal {
        let inner = error.get_ref().and_then(|e| e.downcast_ref());
        let (Some(rustls::Error::InvalidCertificate(why)), Some(seen)) = (inner, trust.seen())
        else {
            return self.unreachable(error);
        };
        match trust.wanted() {
            Some(wanted) => Refusal::OtherCertificate {
                server: self.name.clone(),
                seen,
                wanted,
            },
            None => Refusal::Untrusted {
                server: self.name.clone(),
                why: why.to_string(),
                seen,
            },
        }
    }

    async fn talk<S>(&self, stream: S, question: &Question) -> Result<Answer, Refusal>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let handshake = http1::handshake(TokioIo::new(stream));
        let (mut sender, connection) = self.step(handshake).await?;
        let connection = tokio::spawn(connection);
        let body = serde_json::to_vec(question).map_err(|e| self.unreachable(e))?;
        let (_, authority) = self.name.split_once("://").unwrap_or_default();
        let request = Request::post("/v1/enrol")
            .header(header::HOST, authority)
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(body)))
            .map_err(|e| self.unreachable(e))?;
        let answer = self.step(sender.send_request(request)).await?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), ANSWER_LEN_MAX).collect();
        let body = timeout(STEP_MAX, body)
            .await
            .map_err(|_| self.unreachable("it stopped in the middle of its answer"))?
            .map_err(|e| self.unreachable(e))?
            .to_bytes();
        connection.abort();
        if status.is_success() {
            return serde_json::from_slice(&body).map_err(|e| Refusal::Settings {
                what: e.to_string(),
            });
        }
        Err(self.refused(status, &body))
    }

    fn refused(&self, status: StatusCode, body: &[u8]) -> Refusal {
        let problem: Option<Problem> = serde_json::from_slice(body).ok();
        // Another program may listen there, whose 404 says nothing of a code.
        let Some(problem) = problem.filter(|problem| !problem.detail.is_empty()) else {
            let status = status.as_u16();
            return Refusal::Server {
                server: self.name.clone(),
                status,
                said: "no Welkom server answers so".into(),
            };
        };
        let said = problem.detail;
        match status {
            StatusCode::NOT_FOUND => Refusal::WrongCode { said },
            StatusCode::CONFLICT => Refusal::UsedCode { said },
            StatusCode::GONE => Refusal::ExpiredCode { said },
            StatusCode::TOO_MANY_REQUESTS => Refusal::TooMany {
                said,
                wait: Duration::from_secs(problem.retry_after_s.unwrap_or(60)),
            },
            status => Refusal::Server {
                server: self.name.clone(),
                status: status.as_u16(),
                said,
            },
        }
    }

    async fn step<T, E: std::fmt::Display>(
        &self,
        step: impl Future<Output = Result<T, E>>,
    ) -> Result<T, Refusal> {
        match timeout(STEP_MAX, step).await {
            Ok(done) => done.map_err(|e| self.unreachable(e)),
            Err(_) => Err(self.unreachable(format!("no answer in {} s", STEP_MAX.as_secs()))),
        }
    }

    fn unreachable(&self, why: impl std::fmt::Display) -> Refusal {
        Refusal::Unreachable {
            server: self.name.clone(),
            why: why.to_string(),
        }
    }
}
