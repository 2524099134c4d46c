//! What a gateway is told to do otherwise than its own file says, and what it says of that.
//!
//! In: settings that somebody chose at the server. Out: a text, signed by whom gateways trust, for
//! one gateway; in its status the version in force, or why it is not.
//! What could cut a gateway off, or change who reads what it hears, cannot be told: broker,
//! credentials, TLS, trust and the spool's folder stand in its file alone.
//! Invariant: the signature is over the very text that is sent, with store, gateway and version in
//! it; nothing is written anew to be checked.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    id::{GatewayId, StoreId},
    seal::Signature,
};

/// How long a window of gathering may be.
pub const WINDOWS_MS: RangeInclusive<u64> = 100..=60_000;
/// After how much silence a radio may be restarted.
pub const SILENCES_S: RangeInclusive<u64> = 2..=600;
/// Radios of one gateway.
pub const ADAPTERS_MAX: usize = 8;
/// Bytes of [`SignedSettings::text`] at most: room for 64 UUIDs and as many namespaces.
pub const TEXT_LEN_MAX: usize = 8 * 1024;
/// Numbers of versions end here: JSON's whole numbers do, for some who read them.
pub const VERSION_MAX: u64 = 1 << 53;
/// Bytes of one piece of words in a [`Why`].
pub const WORDS_LEN_MAX: usize = 300;

/// Settings on their way to one gateway.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedSettings {
    /// The JSON of a [`Told`].
    pub text: String,
    /// Of [`SignedSettings::signed`].
    pub signature: Signature,
}

impl SignedSettings {
    /// The bytes that are signed.
    pub fn signed(text: &str) -> Vec<u8> {
        format!("welkom gateway settings v1 {text}").into_bytes()
    }
}

/// What the text of [`SignedSettings`] says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Told {
    /// The store of the gateway.
    pub store: StoreId,
    /// The gateway; no other takes it.
    pub gateway: GatewayId,
    /// Grows with each change. A gateway takes no older one than it knows.
    pub version: u64,
    /// Under the keys of the gateway's file; what is not here is as its file says. Read as the file
    /// is: a key that may not be told is refused with the whole.
    pub settings: Map<String, Value>,
}

/// What a gateway says of its settings, with each status.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SettingsState {
    /// The version in force; none: what its file says, and nothing else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
    /// The version whose radio it listens to for a while, before it is in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trying: Option<u64>,
    /// The last version that it did not take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<Refused>,
    /// What it had been told could not be read from its disk when it started.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub damaged: bool,
}

/// A version that was not taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refused {
    /// Which, as far as it could be read.
    pub version: u64,
    /// Why.
    pub why: Why,
}

/// Why settings are not taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "why", rename_all = "snake_case")]
pub enum Why {
    /// `seal.plain`: there is nobody whose signature would count.
    #[error("its file has seal.plain = true, so it trusts nobody's settings but its file's")]
    NoTrust,
    /// It was started so.
    #[error("it was started with --local-settings")]
    Local,
    /// By whom it does not trust.
    #[error("they are not signed by whom its file trusts")]
    Signature,
    /// Of another gateway.
    #[error("they are meant for another gateway")]
    NotForUs,
    /// Somebody repeats what was said earlier.
    #[error("it knows version {known}, so this one is old")]
    Older {
        /// The newest that it knows.
        known: u64,
    },
    /// As the file's own errors.
    #[error("{key}: {what}")]
    Wrong {
        /// As `aggregate.window_ms`.
        key: String,
        /// What is wrong with it.
        what: String,
    },
    /// The machine has none of this name.
    #[error("source: there is no adapter {adapter} on this machine")]
    NoAdapter {
        /// Its name.
        adapter: String,
    },
    /// Where the radio before did hear.
    #[error("heard nothing for {minutes} min")]
    HeardNothing {
        /// For so long.
        minutes: u64,
    },
    /// The radio could not be listened to at all.
    #[error("the radio ended: {what}")]
    RadioEnded {
        /// As the gateway's log has it.
        what: String,
    },
    /// It never came to a verdict.
    #[error("the gateway ended {times} times while it tried them")]
    Interrupted {
        /// So often.
        times: u32,
    },
    /// Then a power cut would undo what was acknowledged.
    #[error("they could not be written down: {what}")]
    NotWritten {
        /// What the disk said.
        what: String,
    },
    /// A reason of a later version.
    #[serde(other)]
    #[error("for a reason that this program does not know")]
    Other,
}

impl Why {
    /// Its name on the wire.
    pub fn slug(&self) -> String {
        let value = serde_json::to_value(self).unwrap_or_default();
        value["why"].as_str().unwrap_or_default().to_owned()
    }
}

/// Words as they may go out: not without end.
pub fn words(text: &str) -> String {
    let mut end = text.len().min(WORDS_LEN_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_goes_there_and_back_and_a_later_one_is_still_read() {
        for why in [
            Why::NoTrust,
            Why::Older { known: 7 },
            Why::Wrong {
                key: "aggregate.window_ms".into(),
                what: "must be 100 to 60000".into(),
            },
        ] {
            let json = serde_json::to_string(&why).unwrap();
            assert_eq!(serde_json::from_str::<Why>(&json).unwrap(), why);
            assert!(json.contains(&why.slug()), "{json}");
        }
        let later = r#"{"why":"too_warm","degrees":80}"#;
        assert_eq!(serde_json::from_str::<Why>(later).unwrap(), Why::Other);
    }

    #[test]
    fn words_end_at_a_letter() {
        let long = "é".repeat(WORDS_LEN_MAX);
        assert_eq!(words(&long).len(), WORDS_LEN_MAX);
        assert_eq!(words("short"), "short");
    }
}
