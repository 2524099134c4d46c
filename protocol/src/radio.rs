//! Radios that shops already have, and what they say over MQTT in their own words.
//!
//! In: a topic and payload bytes of a Ruuvi Gateway, of OpenMQTTGateway or Theengs Gateway, of
//! ESPresense, of reelyActive's middleware. Out: which radio it is, and the [`Advert`]s in it, as
//! they would have come over the air; or a reason by name.
//! Promises: total over any bytes; what comes out goes through [`crate::air::decode`] like any
//! other advertisement, so a layout that is not ours is known as such there.
//! Invariant: a reason names fields, never content: what a radio relays may be anybody's.

mod espresense;
mod fields;
mod openmqttgateway;
mod raddec;
mod ruuvi;

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::air::AdData;
use fields::Fields;

/// Bytes of one payload at most: all of these say one thing at a time, in less than 2 KiB.
pub const PAYLOAD_LEN_MAX: usize = 8 * 1_024;
/// Advertisements in one message at most; a raddec has one or two packets.
pub const ADVERTS_MAX: usize = 16;
/// Characters of a radio's name at most.
pub const NAME_LEN_MAX: usize = 64;
/// 2020-01-01: a clock that says less was never set.
const CLOCK_SET_MS: u64 = 1_577_836_800_000;

/// Whose words a radio speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RadioKind {
    /// A Ruuvi Gateway.
    Ruuvi,
    /// OpenMQTTGateway, or Theengs Gateway, which says the same.
    OpenMqttGateway,
    /// ESPresense.
    Espresense,
    /// reelyActive's middleware.
    Raddec,
}

/// Makes advertisements of a topic's levels and a payload.
type Read = fn(&[&str], &[u8]) -> Result<Vec<Advert>, RadioError>;

/// One kind's words.
struct Decoder {
    kind: RadioKind,
    name: &'static str,
    /// What the server subscribes to.
    filters: &'static [&'static str],
    /// What such a radio may write, with `{}` for its name.
    own: &'static [&'static str],
    /// Where its last will goes, with `{}` for its name; none: it leaves none.
    will: Option<&'static str>,
    /// The radio that a topic, level by level, belongs to, whatever is said there.
    radio: fn(&[&str]) -> Option<usize>,
    /// What is said there.
    read: Read,
}

/// All of them.
const DECODERS: [Decoder; 4] = [
    ruuvi::DECODER,
    openmqttgateway::DECODER,
    espresense::DECODER,
    raddec::DECODER,
];

impl RadioKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [
        Self::Ruuvi,
        Self::OpenMqttGateway,
        Self::Espresense,
        Self::Raddec,
    ];

    fn decoder(self) -> &'static Decoder {
        match self {
            Self::Ruuvi => &DECODERS[0],
            Self::OpenMqttGateway => &DECODERS[1],
            Self::Espresense => &DECODERS[2],
            Self::Raddec => &DECODERS[3],
        }
    }

    /// As text: `ruuvi`, `openmqttgateway`, `espresense`, `raddec`.
    pub fn as_str(self) -> &'static str {
        self.decoder().name
    }

    /// What a radio of this name may write, as filters; [`of_topic`] says the same.
    pub fn own(self, name: &RadioName) -> Vec<String> {
        let own = self.decoder().own.iter();
        own.map(|filter| filter.replace("{}", name.as_str()))
            .collect()
    }

    /// Where a radio of this name may have its last will published; none: nowhere. Brokers keep wills
    /// that are retained, so there is one topic for it and not as many as it may write.
    pub fn will(self, name: &RadioName) -> Option<String> {
        let will = self.decoder().will?;
        Some(will.replace("{}", name.as_str()))
    }

    /// What the server subscribes to, to hear such radios.
    pub fn filters(self) -> &'static [&'static str] {
        self.decoder().filters
    }
}

impl fmt::Display for RadioKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for RadioKind {
    type Err = RadioNameError;
    fn from_str(text: &str) -> Result<Self, RadioNameError> {
        let mut all = Self::ALL.into_iter();
        all.find(|kind| kind.as_str() == text)
            .ok_or(RadioNameError::Kind)
    }
}

/// A radio's name as it stands in its topics: often its MAC address.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RadioName(Box<str>);

/// Not a kind, or not a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RadioNameError {
    /// Not a kind.
    #[error("not ruuvi, openmqttgateway, espresense or raddec")]
    Kind,
    /// Not a name.
    #[error("a radio's name is 1 to {NAME_LEN_MAX} of A-Z, a-z, 0-9, and : _ . -")]
    Name,
}

impl RadioName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for RadioName {
    type Err = RadioNameError;
    fn from_str(text: &str) -> Result<Self, RadioNameError> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b":_.-".contains(&b);
        if (1..=NAME_LEN_MAX).contains(&text.len()) && text.bytes().all(plain) {
            return Ok(Self(text.into()));
        }
        Err(RadioNameError::Name)
    }
}

impl TryFrom<String> for RadioName {
    type Error = RadioNameError;
    fn try_from(text: String) -> Result<Self, RadioNameError> {
        text.parse()
    }
}
impl From<RadioName> for String {
    fn from(name: RadioName) -> Self {
        name.0.into()
    }
}
impl fmt::Display for RadioName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One advertisement that a radio relays.
#[derive(Debug, Clone, Copy)]
pub struct Advert {
    /// As over the air, or what the radio has left of it.
    pub ad: AdData,
    /// Received strength.
    pub rssi_dbm: i8,
    /// When it was heard, in Unix time by the radio's clock; none: it does not say, or its clock was
    /// never set.
    pub heard_ms: Option<u64>,
}

/// Why nothing could be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RadioError {
    /// No topic of a radio of this kind.
    #[error("no topic of such a radio")]
    Topic,
    /// Longer than [`PAYLOAD_LEN_MAX`].
    #[error("{len_bytes} bytes, at most {PAYLOAD_LEN_MAX} are read")]
    TooLong {
        /// The payload's length.
        len_bytes: usize,
    },
    /// Not a JSON object.
    #[error("not a JSON object")]
    Json,
    /// A field that must be there.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// A field that says what it cannot.
    #[error("{field} is not {wanted}")]
    Field {
        /// Which.
        field: &'static str,
        /// What it should be.
        wanted: &'static str,
    },
    /// The payload names another radio than the topic.
    #[error("{0} is another radio than the topic's")]
    Another(&'static str),
    /// Neither advertising data nor an identity that can be put back into some.
    #[error("no advertisement in it")]
    NoAdvert,
}

/// Whose topic this is, whatever is said there; none: no radio's. What it answers for is what that
/// radio may publish.
pub fn of_topic(topic: &str) -> Option<(RadioKind, RadioName)> {
    let levels: Vec<&str> = topic.split('/').collect();
    DECODERS.iter().find_map(|decoder| {
        let name = levels.get((decoder.radio)(&levels)?)?;
        Some((decoder.kind, name.parse().ok()?))
    })
}

/// What is said there: any number of advertisements; none is a sign of life.
pub fn decode(kind: RadioKind, topic: &str, payload: &[u8]) -> Result<Vec<Advert>, RadioError> {
    let levels: Vec<&str> = topic.split('/').collect();
    let decoder = kind.decoder();
    let name = (decoder.radio)(&levels).and_then(|at| levels.get(at));
    name.and_then(|name| name.parse::<RadioName>().ok())
        .ok_or(RadioError::Topic)?;
    if payload.len() > PAYLOAD_LEN_MAX {
        let len_bytes = payload.len();
        return Err(RadioError::TooLong { len_bytes });
    }
    (decoder.read)(&levels, payload)
}

#[cfg(test)]
mod tests;
