//! What the server tells a gateway to do otherwise than its file says.
//!
//! In: the file's [`Config`], settings under the same keys. Out: another [`Config`], or the error that
//! the file would have.
//! Promises: what is told is read by the functions that read the file, so a key means the same in
//! both; a table that is told takes the place of the file's, whole.
//! Invariant: broker, credentials, TLS, trust, spool and health page have no key here. Neither has a
//! path: a recording, a simulator or a socket is for whoever stands beside the machine.

use std::path::Path;

use serde::Deserialize;
use serde_json::{Map, Value};
use toml::Spanned;
use uuid::Uuid;

use super::{
    AggregateTable, Config, ConfigError, HciAdapter, Place, SourceConfig, SourceTable, namespaces,
    source, window_ms,
};

/// In errors, where the file's name stands else.
const NAME: &str = "settings of the server";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Tables {
    chain_uuids: Option<Vec<Uuid>>,
    chain_namespaces: Option<Vec<Spanned<String>>>,
    source: Option<SourceTable>,
    aggregate: Option<AggregateTable>,
}

impl Config {
    /// The same with what is told in its place.
    pub fn with_told(&self, settings: &Map<String, Value>) -> Result<Self, ConfigError> {
        let path = Path::new(NAME);
        let text = toml::to_string(settings).map_err(|e| {
            let what = e.to_string();
            Place { text: "", path }.error_at("settings", 0, what)
        })?;
        let place = Place { text: &text, path };
        let told: Tables = toml::from_str(&text).map_err(|e| place.of_toml(&e))?;
        let mut config = self.clone();
        if let Some(uuids) = told.chain_uuids {
            config.chain.uuids = uuids;
        }
        if let Some(texts) = told.chain_namespaces {
            config.chain.namespaces = namespaces(texts, &place)?;
        }
        if let Some(table) = told.source {
            config.source = radio(source(table, &place)?, &place)?;
        }
        if let Some(aggregate) = told.aggregate {
            config.window_ms = window_ms(aggregate.window_ms, &place)?;
        }
        Ok(config)
    }
}

fn radio(source: SourceConfig, place: &Place<'_>) -> Result<SourceConfig, ConfigError> {
    let wrong = |key: &str, what: &str| {
        let at = place.text.find("[source]").unwrap_or_default();
        Err(place.error_at(key, at, what.to_owned()))
    };
    match &source {
        SourceConfig::Replay { .. } | SourceConfig::Sim { .. } => wrong(
            "source.kind",
            "a gateway can be told of btleplug or hci, and of nothing else",
        ),
        SourceConfig::Hci(config) if config.adapters.iter().any(is_path) => wrong(
            "source.adapters",
            "a gateway can be told of adapters such as hci0, and of no path",
        ),
        SourceConfig::Btleplug(_) | SourceConfig::Hci(_) => Ok(source),
    }
}

fn is_path(adapter: &HciAdapter) -> bool {
    matches!(adapter, HciAdapter::Unix(_))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::config::HciConfig;

    fn of_the_file() -> Config {
        let text = "store = \"kade-9\"\ngateway = \"door\"\n\
            chain_uuids = [\"5f2d9c4e-0d1b-4a7e-9a55-1c0f8e2b7a01\"]\n\
            [source]\nkind = \"hci\"\nadapter = \"hci1\"\nsilence_s = 5\n\
            [aggregate]\nwindow_ms = 700\n[spool]\ndir = \"spool\"\n[seal]\nplain = true\n\
            [mqtt]\nhost = \"localhost\"\nport = 1883\n";
        Config::parse(text, Path::new("/etc/welkom/gateway.toml")).unwrap()
    }

    fn told(settings: Value) -> Result<Config, String> {
        let Value::Object(settings) = settings else {
            panic!("no object");
        };
        let told = of_the_file().with_told(&settings);
        told.map_err(|e| match e {
            ConfigError::Line { key, what, .. } => format!("{key}: {what}"),
            ConfigError::Read { .. } => "read".into(),
        })
    }

    #[test]
    fn what_is_told_takes_the_place_of_the_files_and_the_rest_stays() {
        let file = of_the_file();
        let same = told(json!({})).unwrap();
        assert_eq!(
            (&same.chain, &same.source, same.window_ms),
            (&file.chain, &file.source, 700)
        );
        let config = told(json!({
            "aggregate": { "window_ms": 250 },
            "chain_uuids": [],
            "chain_namespaces": ["a0b1c2d3e4f5a6b7c8d9"],
            "source": { "kind": "hci", "adapters": ["hci0", "hci2"] },
        }))
        .unwrap();
        assert_eq!(config.window_ms, 250);
        assert!(config.chain.uuids.is_empty());
        assert_eq!(config.chain.namespaces.len(), 1);
        assert_eq!(
            config.source,
            SourceConfig::Hci(HciConfig {
                adapters: vec![HciAdapter::Kernel(0), HciAdapter::Kernel(2)],
                // Not the file's 5: the table is told whole.
                silence_ms: 21_000,
            })
        );
        assert_eq!(config.spool.dir, file.spool.dir);
    }

    #[test]
    fn errors_are_the_files_own_with_the_same_keys() {
        for (settings, wanted) in [
            (
                json!({"aggregate": {"window_ms": 99}}),
                "aggregate.window_ms: must be 100 to 60000",
            ),
            (
                json!({"source": {"kind": "hci", "adapters": ["hci0", "hci0"]}}),
                "source.adapters: \"hci0\" is named twice",
            ),
            (
                json!({"source": {"kind": "btleplug", "silence_s": 1}}),
                "source.silence_s: must be 2 to 600",
            ),
            (
                json!({"chain_namespaces": ["a0"]}),
                "chain_namespaces: \"a0\" is not 20 hexadecimal digits",
            ),
            (
                json!({"source": {"kind": "replay", "file": "/etc/shadow"}}),
                "source.kind: a gateway can be told of btleplug or hci, and of nothing else",
            ),
            (
                json!({"source": {"kind": "hci", "adapter": "unix:/run/x"}}),
                "source.adapters: a gateway can be told of adapters such as hci0, and of no path",
            ),
        ] {
            assert_eq!(told(settings).unwrap_err(), wanted);
        }
    }

    #[test]
    fn what_could_cut_the_line_has_no_key() {
        for key in [
            "mqtt", "spool", "seal", "health", "store", "gateway", "anchor",
        ] {
            let why = told(json!({ key: { "host": "elsewhere" } })).unwrap_err();
            assert!(why.contains(&format!("unknown field `{key}`")), "{why}");
        }
        let one_wrong = json!({"aggregate": {"window_ms": 250}, "mqtt": {"port": 1}});
        assert!(told(one_wrong).is_err());
        assert!(told(json!({"chain_uuids": null})).is_err());
        assert!(told(json!({"aggregate": {"rssi_floor_dbm": -90}})).is_err());
    }
}
