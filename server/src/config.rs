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
}

fn snapshot_s() -> u64 {
    60
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
    let name = key.rsplit('.').next().unwrap_or(key);
    let starts = |line: &str, with: &str| line.trim_start().starts_with(with);
    text.lines()
        .position(|line| starts(line, name) || starts(line, &format!("[{key}")))
        .map_or(1, |at| at + 1)
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
    fn no_broker_is_refused() {
        let said =
            error("data_dir = \"d\"\n[http]\nlisten = \"127.0.0.1:0\"\ntls = \"off\"\n[mqtt]\n");
        assert!(
            said.starts_with("welkom.toml:5: mqtt: set listen"),
            "{said}"
        );
    }
}
