//! The part of the settings that says where advertisements come from.
//!
//! In: the `[source]` table. Out: a [`SourceConfig`], or what is wrong with it.
//! Invariant: a key that belongs to another kind is an error.

use std::{
    fmt,
    path::{Path, PathBuf},
};

pub use protocol::settings::ADAPTERS_MAX;
use protocol::settings::SILENCES_S;
use serde::Deserialize;
use toml::Spanned;

use super::{ConfigError, Place, in_range};

/// The adapter that is listened to, unless the file says otherwise.
pub const ADAPTER: &str = "hci0";
/// Silence that is worth a new scan, unless the file says otherwise. A controller that filters
/// duplicates reports a radio once in 10.24 s, so less than two of those may be luck.
pub const SILENCE_S: u64 = 21;
/// How much slower or faster than it was recorded a recording may be played.
pub const SPEEDS: std::ops::RangeInclusive<f64> = 0.01..=10_000.0;

/// Where advertisements come from.
#[derive(Debug, Clone, PartialEq)]
pub enum SourceConfig {
    /// This machine's radio, through BlueZ.
    Btleplug(BtleplugConfig),
    /// Radios of this machine, each through a raw socket.
    Hci(HciConfig),
    /// A recording.
    Replay {
        /// A btsnoop file.
        file: PathBuf,
        /// How much faster than it was recorded.
        speed: f64,
    },
    /// The simulator's air.
    Sim {
        /// Its socket, as `host:port`.
        connect: String,
    },
}

/// The radio.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BtleplugConfig {
    /// The adapter's name.
    pub adapter: String,
    /// Silence after which the scan is restarted. After twice as much the adapter is switched off
    /// and on, after four times as much the process ends.
    pub silence_ms: u64,
}

/// Radios that are listened to one by one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HciConfig {
    /// Which: at least one, none of them twice.
    pub adapters: Vec<HciAdapter>,
    /// As with [`BtleplugConfig`]; the process ends only if none of them hears anything.
    pub silence_ms: u64,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HciAdapter {
    /// The kernel's, by its number.
    Kernel(u16),
    /// A socket (`SOCK_SEQPACKET`) that carries H4 packets: a controller of the simulator.
    Unix(PathBuf),
}

impl fmt::Display for HciAdapter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kernel(number) => write!(f, "hci{number}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// The keys of all kinds; which of them belong to one is checked when the kind is known.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SourceTable {
    kind: Spanned<String>,
    adapter: Option<Spanned<String>>,
    adapters: Option<Spanned<Vec<Spanned<String>>>>,
    silence_s: Option<Spanned<u64>>,
    connect: Option<Spanned<String>>,
    file: Option<Spanned<PathBuf>>,
    speed: Option<Spanned<f64>>,
}

impl Default for BtleplugConfig {
    fn default() -> Self {
        Self {
            adapter: ADAPTER.into(),
            silence_ms: SILENCE_S * 1_000,
        }
    }
}

pub(super) fn source(table: SourceTable, place: &Place<'_>) -> Result<SourceConfig, ConfigError> {
    let SourceTable {
        kind,
        adapter,
        adapters,
        silence_s,
        connect,
        file,
        speed,
    } = table;
    let at = |key: &'static str, start: Option<usize>| start.map(|start| (key, start));
    let given = [
        at("adapter", adapter.as_ref().map(|v| v.span().start)),
        at("adapters", adapters.as_ref().map(|v| v.span().start)),
        at("silence_s", silence_s.as_ref().map(|v| v.span().start)),
        at("connect", connect.as_ref().map(|v| v.span().start)),
        at("file", file.as_ref().map(|v| v.span().start)),
        at("speed", speed.as_ref().map(|v| v.span().start)),
    ];
    let only = |keys: &[&str]| {
        let stray = given.iter().flatten().find(|(key, _)| !keys.contains(key));
        stray.map_or(Ok(()), |(key, start)| {
            let what = format!("a source of kind {:?} has no {key}", kind.get_ref());
            Err(place.error(*start, what))
        })
    };
    let missing = |key: &str| {
        let what = format!("a source of kind {:?} needs {key}", kind.get_ref());
        place.error(kind.span().start, what)
    };
    match kind.get_ref().as_str() {
        "btleplug" => {
            only(&["adapter", "silence_s"])?;
            Ok(SourceConfig::Btleplug(BtleplugConfig {
                adapter: adapter.map_or(ADAPTER.into(), Spanned::into_inner),
                silence_ms: silence_ms(silence_s, place)?,
            }))
        }
        "hci" => {
            only(&["adapter", "adapters", "silence_s"])?;
            Ok(SourceConfig::Hci(HciConfig {
                adapters: hci_adapters(adapter, adapters, place)?,
                silence_ms: silence_ms(silence_s, place)?,
            }))
        }
        "sim" => {
            only(&["connect"])?;
            let connect = connect.ok_or_else(|| missing("connect"))?;
            Ok(SourceConfig::Sim {
                connect: host_and_port(connect, place)?,
            })
        }
        "replay" => {
            only(&["file", "speed"])?;
            let file = file.ok_or_else(|| missing("file"))?;
            Ok(SourceConfig::Replay {
                file: place.beside(file.get_ref()),
                speed: speed_of(speed, place)?,
            })
        }
        other => {
            let what = format!("{other:?} is not btleplug, hci, replay or sim");
            Err(place.error(kind.span().start, what))
        }
    }
}

fn silence_ms(value: Option<Spanned<u64>>, place: &Place<'_>) -> Result<u64, ConfigError> {
    Ok(in_range(value, SILENCE_S, SILENCES_S, place)? * 1_000)
}

fn hci_adapters(
    one: Option<Spanned<String>>,
    several: Option<Spanned<Vec<Spanned<String>>>>,
    place: &Place<'_>,
) -> Result<Vec<HciAdapter>, ConfigError> {
    let names = match (one, several) {
        (Some(_), Some(several)) => {
            let what = "there is an adapter as well; keep one of the two".into();
            return Err(place.error(several.span().start, what));
        }
        (Some(one), None) => vec![one],
        (None, Some(several)) => {
            let (start, count) = (several.span().start, several.get_ref().len());
            if !(1..=ADAPTERS_MAX).contains(&count) {
                let what = format!("names {count} adapters, not 1 to {ADAPTERS_MAX}");
                return Err(place.error(start, what));
            }
            several.into_inner()
        }
        (None, None) => vec![Spanned::new(0..0, ADAPTER.into())],
    };
    let mut adapters = Vec::new();
    for name in names {
        let wrong = |what: String| place.error(name.span().start, what);
        let adapter = hci_adapter(name.get_ref(), place);
        let adapter = adapter.ok_or_else(|| {
            wrong(format!(
                "{:?} is not an adapter such as hci0, nor unix: with a path",
                name.get_ref()
            ))
        })?;
        if adapters.contains(&adapter) {
            return Err(wrong(format!("{:?} is named twice", name.get_ref())));
        }
        adapters.push(adapter);
    }
    Ok(adapters)
}

fn hci_adapter(name: &str, place: &Place<'_>) -> Option<HciAdapter> {
    match name.strip_prefix("unix:") {
        Some("") => None,
        Some(path) => Some(HciAdapter::Unix(place.beside(Path::new(path)))),
        None => {
            let number = name.strip_prefix("hci")?;
            // The kernel's own word for "no adapter" is the last number.
            let number = number.parse().ok().filter(|number| *number < u16::MAX)?;
            Some(HciAdapter::Kernel(number))
        }
    }
}

fn host_and_port(text: Spanned<String>, place: &Place<'_>) -> Result<String, ConfigError> {
    let port = text.get_ref().rsplit_once(':');
    if matches!(port.map(|(_, port)| port.parse::<u16>()), Some(Ok(1..))) {
        return Ok(text.into_inner());
    }
    let what = format!(
        "{:?} is not host:port, such as 127.0.0.1:7001",
        text.get_ref()
    );
    Err(place.error(text.span().start, what))
}

fn speed_of(speed: Option<Spanned<f64>>, place: &Place<'_>) -> Result<f64, ConfigError> {
    let Some(speed) = speed else {
        return Ok(1.0);
    };
    if SPEEDS.contains(speed.get_ref()) {
        return Ok(speed.into_inner());
    }
    let what = format!("must be {} to {}", SPEEDS.start(), SPEEDS.end());
    Err(place.error(speed.span().start, what))
}
