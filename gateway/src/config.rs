//! What the gateway is told once, in a TOML file.
//!
//! In: the file. Out: a [`Config`] that can be run, or a [`ConfigError`] with file, line and key.
//! Paths in the file are relative to the file.
//! Invariant: a key that is not known is an error, a default is written in one place (here and in `source`), and
//! a password is never printed.

mod source;
mod told;

use std::{
    fmt, fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use protocol::{
    AnchorId, GatewayId, StoreId,
    air::Namespace,
    seal::{PublicKey, TrustKey},
    settings,
};
use rustls::pki_types::{CertificateDer, pem::PemObject};
use serde::Deserialize;
use toml::Spanned;
use uuid::Uuid;

pub use self::source::{
    ADAPTER, ADAPTERS_MAX, BtleplugConfig, HciAdapter, HciConfig, SILENCE_S, SPEEDS, SourceConfig,
};
use self::source::{SourceTable, source};
use crate::intake::Chain;

/// How long a window of gathering is, unless the file says otherwise. A person walks through a door
/// in about a second: two windows must fit into that.
pub const WINDOW_MS: u64 = 500;
/// What the spool may take of the disk, unless the file says otherwise: three days without a line at
/// ten sightings a second are 400 MB.
pub const SPOOL_BYTES_MAX: u64 = 512 * 1024 * 1024;
/// The size at which a segment is full, unless the file says otherwise.
pub const SEGMENT_BYTES: u64 = 1024 * 1024;
/// A segment is read into memory whole, so it must not be larger than this.
pub const SEGMENT_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// A segment holds one batch of the longest kind at least.
pub const SEGMENT_BYTES_MIN: u64 = 4 * 1024;

/// A gateway's settings.
#[derive(Debug, Clone)]
pub struct Config {
    /// The store that it stands in.
    pub store: StoreId,
    /// Its own name.
    pub gateway: GatewayId,
    /// Its antenna's name.
    pub anchor: AnchorId,
    /// What tells the chain's beacons from others'.
    pub chain: Chain,
    /// Where advertisements come from.
    pub source: SourceConfig,
    /// How long a window of gathering is.
    pub window_ms: u64,
    /// Where sightings wait.
    pub spool: SpoolConfig,
    /// Who may read them.
    pub seal: SealConfig,
    /// Where they go.
    pub mqtt: MqttConfig,
    /// Where the health page is; none: there is none.
    pub health: Option<SocketAddr>,
    /// What the server tells is ignored.
    pub local_settings: bool,
}

/// Where sightings wait.
#[derive(Debug, Clone)]
pub struct SpoolConfig {
    /// The folder; no other gateway may use it.
    pub dir: PathBuf,
    /// What it may hold.
    pub bytes_max: u64,
    /// The size at which a segment is full.
    pub segment_bytes: u64,
}

/// Who may read sightings, on the disk and on the broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SealConfig {
    /// Everybody who has either: for looking for faults.
    Plain,
    /// The server. It gives out both keys with the password.
    To {
        /// Who signs the keys of later.
        trust: TrustKey,
        /// What to seal to until a later one is told.
        key: PublicKey,
    },
}

/// The broker.
#[derive(Debug, Clone)]
pub struct MqttConfig {
    /// Name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Who the gateway is to the broker; none: it asks for no name.
    pub credentials: Option<(String, Secret)>,
    /// Encryption; none: plain TCP.
    pub tls: Option<Arc<rustls::ClientConfig>>,
}

/// A password; does not print itself.
#[derive(Clone)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// What is wrong with a file of settings.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// It cannot be read.
    #[error("read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A line of it is wrong.
    #[error("{file}:{line}: {key}: {what}")]
    Line {
        /// The file.
        file: String,
        /// From 1.
        line: usize,
        /// As `mqtt.port`.
        key: String,
        /// What is wrong with it.
        what: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    store: StoreId,
    gateway: GatewayId,
    anchor: Option<AnchorId>,
    #[serde(default)]
    chain_uuids: Vec<Uuid>,
    #[serde(default)]
    chain_namespaces: Vec<Spanned<String>>,
    source: Option<SourceTable>,
    #[serde(default)]
    aggregate: AggregateTable,
    spool: SpoolTable,
    seal: Option<SealTable>,
    mqtt: MqttTable,
    health: Option<HealthTable>,
    #[serde(default)]
    local_settings: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HealthTable {
    listen: SocketAddr,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct AggregateTable {
    window_ms: Option<Spanned<u64>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SpoolTable {
    dir: PathBuf,
    bytes_max: Option<Spanned<u64>>,
    segment_bytes: Option<Spanned<u64>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SealTable {
    trust: Option<Spanned<String>>,
    key: Option<Spanned<String>>,
    plain: Option<Spanned<bool>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MqttTable {
    host: Spanned<String>,
    port: Spanned<u16>,
    username: Option<Spanned<String>>,
    password: Option<Spanned<String>>,
    password_file: Option<Spanned<PathBuf>>,
    tls: Option<TlsTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TlsTable {
    ca_file: Spanned<PathBuf>,
}

impl Config {
    /// Reads a file.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = fs::read_to_string(path).map_err(|source| ConfigError::Read {
            path: path.into(),
            source,
        })?;
        Self::parse(&text, path)
    }

    /// Reads the text of the file that stands at `path`.
    pub fn parse(text: &str, path: &Path) -> Result<Self, ConfigError> {
        let place = Place { text, path };
        let file: File = toml::from_str(text).map_err(|e| place.of_toml(&e))?;
        Ok(Self {
            anchor: match file.anchor {
                Some(anchor) => anchor,
                None => anchor_named_as(&file.gateway, &place)?,
            },
            store: file.store,
            gateway: file.gateway,
            chain: Chain {
                uuids: file.chain_uuids,
                namespaces: namespaces(file.chain_namespaces, &place)?,
            },
            source: file.source.map_or_else(
                || Ok(SourceConfig::Btleplug(BtleplugConfig::default())),
                |table| source(table, &place),
            )?,
            window_ms: window_ms(file.aggregate.window_ms, &place)?,
            spool: spool(file.spool, &place)?,
            seal: seal(file.seal, &place)?,
            mqtt: mqtt(file.mqtt, &place)?,
            health: file.health.map(|table| table.listen),
            local_settings: file.local_settings,
        })
    }
}

/// Both are slugs, so this cannot fail as long as they stay so.
fn anchor_named_as(gateway: &GatewayId, place: &Place<'_>) -> Result<AnchorId, ConfigError> {
    let named = gateway.as_str().parse();
    named.map_err(|e: protocol::id::IdError| place.error(0, e.to_string()))
}

fn namespaces(
    texts: Vec<Spanned<String>>,
    place: &Place<'_>,
) -> Result<Vec<Namespace>, ConfigError> {
    let namespace = |text: Spanned<String>| {
        let wrong = |_| {
            let what = format!("{:?} is not 20 hexadecimal digits", text.get_ref());
            place.error(text.span().start, what)
        };
        text.get_ref().parse().map_err(wrong)
    };
    texts.into_iter().map(namespace).collect()
}

fn window_ms(value: Option<Spanned<u64>>, place: &Place<'_>) -> Result<u64, ConfigError> {
    in_range(value, WINDOW_MS, settings::WINDOWS_MS, place)
}

fn spool(table: SpoolTable, place: &Place<'_>) -> Result<SpoolConfig, ConfigError> {
    let bytes_max_at = table.bytes_max.as_ref().map_or(0, |v| v.span().start);
    let sizes = SEGMENT_BYTES_MIN..=SEGMENT_BYTES_MAX;
    let segment_bytes = in_range(table.segment_bytes, SEGMENT_BYTES, sizes, place)?;
    let bytes_max = table.bytes_max.map_or(SPOOL_BYTES_MAX, Spanned::into_inner);
    if bytes_max < 4 * segment_bytes {
        // Two are open at any time, and eviction must have something else to take.
        let what = format!("{bytes_max} is less than four segments of {segment_bytes} bytes");
        return Err(place.error(bytes_max_at, what));
    }
    Ok(SpoolConfig {
        dir: place.beside(&table.dir),
        bytes_max,
        segment_bytes,
    })
}

fn seal(table: Option<SealTable>, place: &Place<'_>) -> Result<SealConfig, ConfigError> {
    const WANTED: &str = "trust and key are missing: the server gives them out with the password; \
        plain = true does without, and leaves who was where readable on disk and broker";
    let Some(table) = table else {
        return Err(place.error_at("seal", place.text.len(), WANTED.into()));
    };
    let plain = table.plain.filter(|plain| *plain.get_ref());
    match (table.trust, table.key, plain) {
        (Some(trust), Some(key), None) => Ok(SealConfig::To {
            trust: seal_key(&trust, place)?,
            key: seal_key(&key, place)?,
        }),
        (None, None, Some(_)) => Ok(SealConfig::Plain),
        (_, _, Some(plain)) => {
            let what = "there are keys as well; keep one of the two".into();
            Err(place.error(plain.span().start, what))
        }
        (Some(one), None, None) | (None, Some(one), None) => {
            Err(place.error(one.span().start, "trust and key belong together".into()))
        }
        (None, None, None) => Err(place.error_at("seal", place.text.len(), WANTED.into())),
    }
}

fn seal_key<T: std::str::FromStr<Err: fmt::Display>>(
    text: &Spanned<String>,
    place: &Place<'_>,
) -> Result<T, ConfigError> {
    let wrong = |e: T::Err| place.error(text.span().start, e.to_string());
    text.get_ref().parse().map_err(wrong)
}

fn mqtt(table: MqttTable, place: &Place<'_>) -> Result<MqttConfig, ConfigError> {
    if table.host.get_ref().is_empty() {
        return Err(place.error(table.host.span().start, "is empty".into()));
    }
    if *table.port.get_ref() == 0 {
        return Err(place.error(table.port.span().start, "must be 1 to 65535".into()));
    }
    let tls = table.tls.map(|tls| trusted(&tls.ca_file, place));
    let password = match (table.password, table.password_file) {
        (Some(_), Some(file)) => {
            let what = "there is a password as well; keep one of the two".into();
            return Err(place.error(file.span().start, what));
        }
        (Some(password), None) => Some((password.span().start, password.into_inner())),
        (None, Some(file)) => Some((file.span().start, read_password(&file, place)?)),
        (None, None) => None,
    };
    let credentials = match (table.username, password) {
        (Some(name), Some((_, password))) => Some((name.into_inner(), Secret(password))),
        (None, None) => None,
        (Some(name), None) => {
            let what = "needs a password or a password_file".into();
            return Err(place.error(name.span().start, what));
        }
        (None, Some((at, _))) => return Err(place.error(at, "needs a username".into())),
    };
    Ok(MqttConfig {
        host: table.host.into_inner(),
        port: table.port.into_inner(),
        credentials,
        tls: tls.transpose()?,
    })
}

fn read_password(file: &Spanned<PathBuf>, place: &Place<'_>) -> Result<String, ConfigError> {
    let path = place.beside(file.get_ref());
    let text = fs::read_to_string(&path)
        .map_err(|e| place.error(file.span().start, format!("read {}: {e}", path.display())))?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

fn trusted(
    file: &Spanned<PathBuf>,
    place: &Place<'_>,
) -> Result<Arc<rustls::ClientConfig>, ConfigError> {
    let path = place.beside(file.get_ref());
    let wrong = |what: String| {
        let what = format!("{}: {what}", path.display());
        place.error(file.span().start, what)
    };
    let mut roots = rustls::RootCertStore::empty();
    let certificates = CertificateDer::pem_file_iter(&path).map_err(|e| wrong(e.to_string()))?;
    for certificate in certificates {
        let certificate = certificate.map_err(|e| wrong(e.to_string()))?;
        roots.add(certificate).map_err(|e| wrong(e.to_string()))?;
    }
    if roots.is_empty() {
        return Err(wrong("holds no certificate".into()));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| wrong(e.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

fn in_range(
    value: Option<Spanned<u64>>,
    default: u64,
    range: std::ops::RangeInclusive<u64>,
    place: &Place<'_>,
) -> Result<u64, ConfigError> {
    let Some(value) = value else {
        return Ok(default);
    };
    if range.contains(value.get_ref()) {
        return Ok(value.into_inner());
    }
    let what = format!("must be {} to {}", range.start(), range.end());
    Err(place.error(value.span().start, what))
}

/// Turns a position in the file into words.
struct Place<'a> {
    text: &'a str,
    path: &'a Path,
}

impl Place<'_> {
    fn of_toml(&self, error: &toml::de::Error) -> ConfigError {
        let at = error.span().map_or(0, |span| span.start);
        self.error(at, error.message().trim().replace('\n', " "))
    }

    fn error(&self, at: usize, what: String) -> ConfigError {
        let line_start = self.text.get(..at).unwrap_or(self.text).rfind('\n');
        let key = self.key_at(line_start.map_or(0, |newline| newline + 1));
        self.error_at(&key, at, what)
    }

    /// What is missing has no line of its own to take the key from.
    fn error_at(&self, key: &str, at: usize, what: String) -> ConfigError {
        let before = self.text.get(..at).unwrap_or(self.text);
        let file = self.path.file_name().unwrap_or(self.path.as_os_str());
        ConfigError::Line {
            file: file.to_string_lossy().into_owned(),
            line: before.matches('\n').count() + 1,
            key: key.into(),
            what,
        }
    }

    /// The key of the line that starts at `start`, with the table that it stands in.
    fn key_at(&self, start: usize) -> String {
        let header = |line: &str| {
            let inner = line.trim().strip_prefix('[')?.split(']').next()?;
            Some(inner.trim().to_owned())
        };
        let line = self.text[start..].lines().next().unwrap_or_default();
        if let Some(table) = header(line) {
            return table;
        }
        let key = line.split('=').next().unwrap_or_default().trim();
        let table = self.text[..start].lines().rev().find_map(header);
        match (table, key) {
            (Some(table), "") => table,
            (Some(table), key) => format!("{table}.{key}"),
            (None, "") => "top level".into(),
            (None, key) => key.into(),
        }
    }

    fn beside(&self, path: &Path) -> PathBuf {
        self.path.parent().unwrap_or(Path::new("")).join(path)
    }
}

#[cfg(test)]
mod tests;
