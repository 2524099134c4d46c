//! Requests that leave the server.
//!
//! In: an address, perhaps one that a phone or a key named. Out: an answer, or why there is none.
//! Promises: to an address that others name goes nothing but https to public addresses, unless
//! the settings say otherwise. The addresses that are judged are those that are connected to:
//! the judge is the resolver itself, so a name that changes its mind in between gains nothing.
//! Invariant: no redirect is followed, no proxy is used, no answer is read beyond its bound.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use reqwest::{
    Client, ClientBuilder, RequestBuilder, Response,
    dns::{Addrs, Name, Resolve, Resolving},
    header::RETRY_AFTER,
    redirect::Policy,
};
use url::{Host, Url};

use super::answers::Verdict;

/// The longest that a request may take: shorter than any lease.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// Connecting, of it.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// An answer is read so far; words of a provider are short.
const ANSWER_LEN_MAX: usize = 16 * 1024;

/// An answer, or that there was none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// What it means.
    pub verdict: Verdict,
    /// Whether the message may have reached the provider.
    pub left: bool,
    /// The HTTP status; none without an answer.
    pub status: Option<u16>,
    /// The provider's word for it, or why there was none. Never an address or a token.
    pub said: String,
    /// How long the provider wants to be left alone.
    pub retry_after: Option<Duration>,
}

impl Answer {
    /// Nothing left, and it is worth trying later.
    pub fn not_sent(verdict: Verdict, said: impl Into<String>) -> Self {
        Self {
            verdict,
            left: false,
            status: None,
            said: said.into(),
            retry_after: None,
        }
    }

    /// A request that got no answer: it may have been read all the same, unless there was no
    /// connection.
    pub fn none(error: reqwest::Error) -> Self {
        let left = !(error.is_connect() || error.is_builder());
        let said = match (left, error.is_timeout()) {
            (false, _) => "no connection",
            (true, true) => "no answer in time",
            (true, false) => "the connection broke",
        };
        tracing::debug!(error = %error.without_url(), said, "a provider did not answer");
        Self {
            left,
            ..Self::not_sent(Verdict::Later, said)
        }
    }
}

/// An answer as it came.
#[derive(Debug)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// `Retry-After` (RFC 9110, section 10.2.3).
    pub retry_after: Option<Duration>,
    /// The body, as far as it is read.
    pub body: Vec<u8>,
}

impl Reply {
    /// The answer, once somebody said what it means.
    pub fn means(self, verdict: Verdict, said: impl Into<String>) -> Answer {
        Answer {
            verdict,
            left: true,
            status: Some(self.status),
            said: said.into(),
            retry_after: self.retry_after,
        }
    }
}

/// Sends a request and reads its answer.
pub async fn ask(now_ms: u64, request: RequestBuilder) -> Result<Reply, reqwest::Error> {
    let mut response = request.send().await?;
    let (status, retry_after) = (response.status().as_u16(), retry_after(now_ms, &response));
    let mut body = Vec::new();
    // What it said is of use to people only; the status has come already.
    while let Ok(Some(chunk)) = response.chunk().await {
        body.extend_from_slice(&chunk);
        if body.len() >= ANSWER_LEN_MAX {
            body.truncate(ANSWER_LEN_MAX);
            break;
        }
    }
    Ok(Reply {
        status,
        retry_after,
        body,
    })
}

fn retry_after(now_ms: u64, response: &Response) -> Option<Duration> {
    wait_of(now_ms, response.headers().get(RETRY_AFTER)?.to_str().ok()?)
}

/// Seconds, or a date.
fn wait_of(now_ms: u64, text: &str) -> Option<Duration> {
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = jiff::fmt::rfc2822::parse(text).ok()?;
    let at_ms = u64::try_from(at.timestamp().as_millisecond()).ok()?;
    Some(Duration::from_millis(at_ms.saturating_sub(now_ms)))
}

/// What all clients have in common.
pub fn client() -> ClientBuilder {
    Client::builder()
        .redirect(Policy::none())
        .no_proxy()
        .timeout(ANSWER_WITHIN)
        .connect_timeout(CONNECT_WITHIN)
        .user_agent(concat!("welkom/", env!("CARGO_PKG_VERSION")))
}

/// An address that nothing is sent to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Not an address, or one with a password in it.
    #[error("this is no address to send to")]
    Malformed,
    /// Not encrypted.
    #[error("the address must begin with https://")]
    Plain,
    /// This machine, or a network that is not public.
    #[error("the address is not a public one")]
    Private,
}

/// The client for addresses that others name.
#[derive(Clone)]
pub struct Outgoing {
    client: Client,
    private: bool,
}

impl Outgoing {
    /// `private`: plain http and addresses that are not public are fine too.
    pub fn new(private: bool) -> Result<Self, reqwest::Error> {
        let builder = client().https_only(!private);
        let builder = if private {
            builder
        } else {
            builder.dns_resolver(Arc::new(PublicOnly))
        };
        let client = builder.build()?;
        Ok(Self { client, private })
    }

    /// Begins a POST. An address that is written in digits is judged here, a name when it is
    /// resolved.
    pub fn post(&self, url: &str) -> Result<RequestBuilder, Refused> {
        Ok(self.client.post(check(url, self.private)?))
    }
}

/// Whether this may be registered as an address to send to; names are judged when they are used.
pub fn check(url: &str, private: bool) -> Result<Url, Refused> {
    let url = Url::parse(url).map_err(|_| Refused::Malformed)?;
    let ip = match url.host() {
        None => return Err(Refused::Malformed),
        Some(Host::Domain(_)) => None,
        Some(Host::Ipv4(ip)) => Some(IpAddr::V4(ip)),
        Some(Host::Ipv6(ip)) => Some(IpAddr::V6(ip)),
    };
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Refused::Malformed);
    }
    match url.scheme() {
        "https" => {}
        "http" if private => {}
        _ => return Err(Refused::Plain),
    }
    if private || ip.is_none_or(is_public) {
        Ok(url)
    } else {
        Err(Refused::Private)
    }
}

/// Resolves names, and refuses those that have an address that is not public.
struct PublicOnly;

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let found: Vec<SocketAddr> = found.collect();
            if found.iter().all(|at| is_public(at.ip())) {
                Ok(Box::new(found.into_iter()) as Addrs)
            } else {
                Err(Refused::Private.into())
            }
        })
    }
}

/// Whether an address is one of the public internet (IANA's registries of special-purpose
/// addresses, RFC 6890).
fn is_public(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let special = matches!(
        (a, b, c),
        (0 | 10 | 127, ..)
            // Carriers' own networks.
            | (100, 64..=127, _)
            | (169, 254, _)
            | (172, 16..=31, _)
            | (192, 0, 0 | 2)
            | (192, 88, 99)
            | (192, 168, _)
            | (198, 18 | 19, _)
            | (198, 51, 100)
            | (203, 0, 113)
            // Multicast, reserved, broadcast.
            | (224.., ..)
    );
    !special
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    let [a, b, ..] = ip.segments();
    // Only 2000::/3 is given out; of it not protocols' own and Teredo (2001::/23), documentation,
    // and 6to4, which wraps an address of version 4.
    a & 0xe000 == 0x2000
        && !(a == 0x2001 && (b < 0x200 || b == 0xdb8))
        && a != 0x2002
        && !(a == 0x3fff && b < 0x1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_sent_to_addresses_that_are_not_public() {
        for url in [
            "https://127.0.0.1/",
            "https://10.1.2.3/",
            "https://169.254.169.254/latest",
            "https://192.168.0.1/",
            "https://172.31.0.1/",
            "https://100.64.0.1/",
            "https://0.0.0.0/",
            "https://2130706433/",
            "https://0x7f.1/",
            "https://[::1]/",
            "https://[::ffff:10.0.0.1]/",
            "https://[fe80::1]/",
            "https://[fd00::1]/",
            "https://[64:ff9b::a00:1]/",
            "https://[2002:a00:1::]/",
        ] {
            assert_eq!(check(url, false), Err(Refused::Private), "{url}");
            assert!(check(url, true).is_ok(), "{url}");
        }
        for url in [
            "https://push.example/x",
            "https://93.184.215.14/",
            "https://[2606:2800::1]/",
        ] {
            assert!(check(url, false).is_ok(), "{url}");
        }
        assert_eq!(check("http://push.example/", false), Err(Refused::Plain));
        assert_eq!(check("file:///etc/passwd", true), Err(Refused::Malformed));
        assert_eq!(
            check("https://a:b@push.example/", true),
            Err(Refused::Malformed)
        );
    }

    #[test]
    fn a_provider_may_ask_to_wait_in_seconds_or_until_a_date() {
        let at_ms = 784_111_777_000;
        assert_eq!(wait_of(at_ms, "120"), Some(Duration::from_secs(120)));
        let date = "Sun, 06 Nov 1994 08:49:37 GMT";
        assert_eq!(wait_of(at_ms - 9_000, date), Some(Duration::from_secs(9)));
        assert_eq!(wait_of(at_ms + 9_000, date), Some(Duration::ZERO));
        assert_eq!(wait_of(at_ms, "soon"), None);
    }

    #[tokio::test]
    async fn a_name_that_leads_into_this_machine_is_refused_when_it_is_resolved() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let outgoing = Outgoing::new(false).unwrap();
        let request = outgoing.post("https://localhost:9/").unwrap();
        let error = ask(0, request).await.unwrap_err();
        let mut chain = String::new();
        let mut cause: Option<&dyn std::error::Error> = Some(&error);
        while let Some(error) = cause {
            chain.push_str(&error.to_string());
            cause = error.source();
        }
        assert!(chain.contains("not a public one"), "{chain}");
        assert!(!Answer::none(error).left);
    }
}
