//! The server's settings: `welkom.toml`.
//!
//! In: a TOML file. Out: a [`Config`] that can be acted on, or an error with file, line and key.
//! Invariant: a key that is not understood is an error, never ignored.

use std::{
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use serde::Deserialize;

/// Everything that an operator sets. Stores, products and people come through the API.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Database, certificates and the ready file.
    pub data_dir: PathBuf,
    /// Pages and API.
    pub http: Http,
    /// The broker.
    pub mqtt: Mqtt,
    /// Written once everything listens: addresses as JSON. For supervisors and tests.
    pub ready_file: Option<PathBuf>,
    /// Seconds between snapshots of the engines.
    #[serde(default = "snapshot_s")]
    pub snapshot_s: u64,
    /// Providers that wake a sleeping phone; each is off until its table is there.
    #[serde(default)]
    pub push: Push,
    /// Requests that the server makes by itself.
    #[serde(default)]
    pub outgoing: Outgoing,
    /// What is said of the desks.
    #[serde(default)]
    pub desk: Desk,
    /// This machine stands in a store and has its desk; everything else is the central server's.
    pub home: Option<Home>,
}

fn snapshot_s() -> u64 {
    60
}

/// A machine in a store: role `store`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Home {
    /// Where the central server is: `https://welkom.example`.
    pub central: String,
    /// The token of this store's home, as `PUT /v1/stores/{store}/home` answered.
    pub token_file: PathBuf,
    /// The PEM file of the authority that signed the central server's certificate, if that is not a
    /// public one.
    pub ca_file: Option<PathBuf>,
    /// The database's sealed copy, on a disk; `data_dir` is in memory.
    pub sealed_file: PathBuf,
    /// The key that it is sealed with: 64 hexadecimal digits; made if it is not there. Keep it off
    /// the disk that holds the copy.
    pub key_file: PathBuf,
}

/// What is said of the desks beside what boards show.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Desk {
    /// Pagers and displays hear of it over MQTT, without names.
    #[serde(default)]
    pub mqtt: bool,
}

/// Pages and API.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Http {
    /// Address and port; port 0 lets the system choose.
    pub listen: SocketAddr,
    /// How it is encrypted; plain http is for loopback alone.
    #[serde(default)]
    pub tls: Tls,
    /// The PEM certificate chain, with `tls = "given"`.
    pub cert: Option<PathBuf>,
    /// Its PEM private key.
    pub key: Option<PathBuf>,
    /// Names and addresses that a self-made certificate is for, beside localhost.
    #[serde(default)]
    pub names: Vec<String>,
    /// How people reach this server: `https://welkom.kade9.nl`, for links and codes on paper.
    /// Without it: as whoever asks for them reached it.
    pub public_url: Option<String>,
}

/// Where a certificate comes from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tls {
    /// Made at first start and kept in `data_dir/tls`; hand `ca.pem` to tablets and phones.
    #[default]
    SelfMade,
    /// From `http.cert` and `http.key`.
    Given,
    /// None: loopback alone.
    Off,
}

/// The broker: the one inside the server, or an external one.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mqtt {
    /// The embedded broker listens here without TLS; port 0 lets the system choose.
    pub listen: Option<SocketAddr>,
    /// The embedded broker listens here with TLS, under the certificate of `http`.
    pub tls_listen: Option<SocketAddr>,
    /// An external broker, instead.
    pub external: Option<External>,
}

/// An external MQTT 5 broker.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct External {
    /// Its name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The server's user name there.
    pub username: Option<String>,
    /// And password.
    pub password: Option<String>,
    /// The PEM file of the authority that signed its certificate; without it, no TLS.
    pub ca_file: Option<PathBuf>,
}

/// Providers that wake a sleeping phone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Push {
    /// Browsers: Web Push.
    pub web: Option<WebPush>,
    /// Android: Firebase Cloud Messaging.
    pub fcm: Option<Fcm>,
    /// iPhones: Apple Push Notification service.
    pub apns: Option<Apns>,
}

/// Web Push with VAPID (RFC 8292).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebPush {
    /// Whom a push service may reach about our messages: `mailto:` or `https:` (section 2.1).
    pub subject: String,
    /// Our P-256 key as PKCS#8 PEM; made at first start in `data_dir/push/vapid.pem` if it is not
    /// said. Another key makes every subscription worthless.
    pub key_file: Option<PathBuf>,
}

/// Firebase Cloud Messaging, HTTP v1.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fcm {
    /// Where it is.
    #[serde(default = "fcm_url")]
    pub base_url: String,
    /// The service account's key as Google hands it out: JSON.
    pub service_account_file: PathBuf,
}

fn fcm_url() -> String {
    "https://fcm.googleapis.com".into()
}

/// Apple Push Notification service, with a token for authentication.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Apns {
    /// Where it is; `https://api.sandbox.push.apple.com` for builds of a developer.
    #[serde(default = "apns_url")]
    pub base_url: String,
    /// The `.p8` file from Apple.
    pub key_file: PathBuf,
    /// The ten letters that name this key.
    pub key_id: String,
    /// The ten letters that name the team.
    pub team_id: String,
    /// The app's bundle id.
    pub topic: String,
}

fn apns_url() -> String {
    "https://api.push.apple.com".into()
}

/// Requests to addresses that a phone or a key named: browsers' push services, webhooks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outgoing {
    /// Also plain http and addresses that are not public: for tests, and for receivers in the
    /// shop's own network. Whoever may register an address can then reach that network.
    #[serde(default)]
    pub private_addresses: bool,
}

/// A configuration that cannot be used, and where.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Not TOML, a wrong type, or a key that does not exist.
    #[error("{path}:{line}: {what}")]
    Parse {
        /// The file.
        path: PathBuf,
        /// Its line, from 1.
        line: usize,
        /// What is wrong there.
        what: String,
    },
    /// Well formed, but it cannot work.
    #[error("{path}:{line}: {key}: {what}")]
    Wrong {
        /// The file.
        path: PathBuf,
        /// The line of the key, from 1.
        line: usize,
        /// The key.
        key: &'static str,
        /// Why, and what to write instead.
        what: String,
    },
}

impl Config {
    /// Reads and checks a file.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = fs::read_to_string(path).map_err(|source| ConfigError::Read {
            path: path.into(),
            source,
        })?;
        Self::parse(path, &text)
    }

    /// Reads and checks a text; `path` names it in errors.
    pub fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let config: Self = toml::from_str(text).map_err(|error| ConfigError::Parse {
            path: path.into(),
            line: error.span().map_or(1, |span| line_at(text, span.start)),
            what: error.message().to_owned(),
        })?;
        match config.check() {
            Ok(()) => Ok(config),
            Err((key, what)) => Err(ConfigError::Wrong {
                path: path.into(),
                line: line_of_key(text, key),
                key,
                what,
            }),
        }
    }

    fn check(&self) -> Result<(), (&'static str, String)> {
        let Http {
            listen,
            tls,
            cert,
            key,
            public_url,
            ..
        } = &self.http;
        if *tls == Tls::Off && !listen.ip().is_loopback() {
            let what = format!("plain http is for loopback alone, not for {listen}: use self-made");
            return Err(("http.tls", what));
        }
        if *tls == Tls::Given && (cert.is_none() || key.is_none()) {
            return Err((
                "http.tls",
                "given, so http.cert and http.key must be set".into(),
            ));
        }
        let public_url = public_url.as_deref();
        if let Some(what) = public_url.and_then(|url| not_a_provider(url).or(not_an_origin(url))) {
            return Err(("http.public_url", what));
        }
        self.push.check()?;
        if let Some(what) = self
            .home
            .as_ref()
            .and_then(|home| not_a_provider(&home.central))
        {
            return Err(("home.central", what));
        }
        match &self.mqtt {
            Mqtt {
                listen: None,
                tls_listen: None,
                external: None,
            } => Err((
                "mqtt",
                "set listen or tls_listen, or [mqtt.external]".into(),
            )),
            Mqtt {
                external: Some(_),
                listen,
                tls_listen,
            } if listen.is_some() || tls_listen.is_some() => Err((
                "mqtt.external",
                "there is a listen address too: choose one".into(),
            )),
            Mqtt {
                tls_listen: Some(_),
                ..
            } if *tls == Tls::Off => Err((
                "mqtt.tls_listen",
                "needs the certificate of http: set http.tls".into(),
            )),
            Mqtt {
                listen: None,
                tls_listen: Some(_),
                ..
            } => Err((
                "mqtt.listen",
                "the server's own ingest comes in without TLS: set a loopback address too".into(),
            )),
            _ => Ok(()),
        }
    }
}

impl Push {
    fn check(&self) -> Result<(), (&'static str, String)> {
        if let Some(web) = &self.web
            && !["mailto:", "https://"]
                .iter()
                .any(|s| web.subject.starts_with(s))
        {
            let what = "whom push services may reach: begin with mailto: or https://";
            return Err(("push.web.subject", what.into()));
        }
        let fcm = self.fcm.as_ref().map(|fcm| &fcm.base_url);
        let apns = self.apns.as_ref().map(|apns| &apns.base_url);
        for (key, url) in [("push.fcm.base_url", fcm), ("push.apns.base_url", apns)] {
            if let Some(what) = url.and_then(|url| not_a_provider(url)) {
                return Err((key, what));
            }
        }
        Ok(())
    }
}

/// Paths of ours are put behind it.
fn not_an_origin(url: &str) -> Option<String> {
    url.ends_with('/')
        .then(|| format!("{url} ends with a slash: leave it out"))
}

/// Messages and credentials go there: encrypted, or to this very machine.
fn not_a_provider(url: &str) -> Option<String> {
    let loopback = |url: &url::Url| match url.host() {
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        _ => false,
    };
    match url::Url::parse(url) {
        Err(error) => Some(format!("{url} is no address: {error}")),
        Ok(url) if url.scheme() == "https" => None,
        Ok(url) if url.scheme() == "http" && loopback(&url) => None,
        Ok(_) => Some(format!("{url}: use https, or http on loopback")),
    }
}

fn line_at(text: &str, offset: usize) -> usize {
    1 + text
        .as_bytes()
        .iter()
        .take(offset)
        .filter(|&&b| b == b'\n')
        .count()
}

/// The line of the key's last part, or of its table.
fn line_of_key(text: &str, key: &str) -> usize {
    let (table, name) = key.rsplit_once('.').unwrap_or(("", key));
    let starts = |line: &str, with: &str| line.trim_start().starts_with(with);
    // The same name may stand in more than one table.
    let begin = text
        .lines()
        .position(|line| starts(line, &format!("[{table}]")));
    text.lines()
        .enumerate()
        .skip(begin.unwrap_or(0))
        .find(|(_, line)| starts(line, name) || starts(line, &format!("[{key}")))
        .map_or(1, |(at, _)| at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        Config::parse(Path::new("welkom.toml"), text)
            .unwrap_err()
            .to_string()
    }

    const GOOD: &str = "data_dir = \"d\"\n[http]\nlisten = \"127.0.0.1:0\"\ntls = \"off\"\n\
                        [mqtt]\nlisten = \"127.0.0.1:0\"\n";

    #[test]
    fn a_plain_file_is_read() {
        assert!(Config::parse(Path::new("welkom.toml"), GOOD).is_ok());
    }

    #[test]
    fn a_misspelt_key_is_named_with_its_line() {
        let said = error(&GOOD.replace("tls = ", "tsl = "));
        assert!(
            said.starts_with("welkom.toml:4: unknown field `tsl`"),
            "{said}"
        );
    }

    #[test]
    fn plain_http_beyond_loopback_is_refused_with_line_and_key() {
        let said = error(&GOOD.replace(
            "[http]\nlisten = \"127.0.0.1:0\"",
            "[http]\nlisten = \"0.0.0.0:80\"",
        ));
        assert!(
            said.starts_with("welkom.toml:4: http.tls: plain http is for loopback"),
            "{said}"
        );
    }

    #[test]
    fn a_provider_without_encryption_is_refused_with_the_line_in_its_own_table() {
        let push = "[push.fcm]\nservice_account_file = \"a\"\n[push.apns]\nkey_file = \"k\"\n\
                    key_id = \"K\"\nteam_id = \"T\"\ntopic = \"t\"\nbase_url = \"http://apple.example\"\n";
        let said = error(&format!("{GOOD}{push}"));
        assert!(
            said.starts_with("welkom.toml:14: push.apns.base_url: http://apple"),
            "{said}"
        );
        let web = "[push.web]\nsubject = \"beheer@kade9.nl\"\n";
        let said = error(&format!("{GOOD}{web}"));
        assert!(
            said.starts_with("welkom.toml:8: push.web.subject: whom"),
            "{said}"
        );
    }

    #[test]
    fn no_broker_is_refused() {
        let said =
            error("data_dir = \"d\"\n[http]\nlisten = \"127.0.0.1:0\"\ntls = \"off\"\n[mqtt]\n");
        assert!(
            said.starts_with("welkom.toml:5: mqtt: set listen"),
            "{said}"
        );
    }
}
