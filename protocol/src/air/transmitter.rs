//! Who sent a frame, as text and back.
//!
//! Invariant: a transmitter's text parses to the same transmitter.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::eid::Eid;

/// What tells one transmitter from another; goes over the wire as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Transmitter {
    /// `eid:fa41c4405b14fea0`
    Eid(Eid),
    /// `ibeacon:{uuid}:{major}:{minor}`
    IBeacon {
        /// The chain's UUID.
        uuid: Uuid,
        /// First number below the UUID.
        major: u16,
        /// Second number below the UUID.
        minor: u16,
    },
    /// `altbeacon:{uuid}:{major}:{minor}`
    AltBeacon {
        /// The chain's UUID.
        uuid: Uuid,
        /// First number below the UUID.
        major: u16,
        /// Second number below the UUID.
        minor: u16,
    },
    /// `eddystone-uid:{namespace}:{instance}`, in hexadecimal digits
    EddystoneUid {
        /// The chain's namespace.
        namespace: Namespace,
        /// Six bytes below it.
        instance: [u8; 6],
    },
}

impl Transmitter {
    /// Whether it may be a fixed beacon: rotating identities never are.
    pub const fn is_fixed(&self) -> bool {
        !matches!(self, Self::Eid(_))
    }
}

/// The ten bytes under which a chain keeps its Eddystone beacons; 20 hexadecimal digits as text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Namespace(pub [u8; 10]);

impl fmt::Display for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(f, &self.0)
    }
}
impl fmt::Debug for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Namespace({self})")
    }
}
impl FromStr for Namespace {
    type Err = TransmitterError;
    fn from_str(text: &str) -> Result<Self, TransmitterError> {
        let mut bytes = [0; 10];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| TransmitterError(text.into()))?;
        Ok(Self(bytes))
    }
}

fn write_hex(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

impl fmt::Display for Transmitter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Eid(eid) => write!(f, "eid:{eid}"),
            Self::IBeacon { uuid, major, minor } => write!(f, "ibeacon:{uuid}:{major}:{minor}"),
            Self::AltBeacon { uuid, major, minor } => {
                write!(f, "altbeacon:{uuid}:{major}:{minor}")
            }
            Self::EddystoneUid {
                namespace,
                instance,
            } => {
                write!(f, "eddystone-uid:{namespace}:")?;
                write_hex(f, instance)
            }
        }
    }
}

/// Not a transmitter's text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a transmitter: eid:…, ibeacon:uuid:major:minor, altbeacon:uuid:major:minor or \
     eddystone-uid:namespace:instance"
)]
pub struct TransmitterError(String);

impl FromStr for Transmitter {
    type Err = TransmitterError;
    fn from_str(text: &str) -> Result<Self, TransmitterError> {
        parse(text).ok_or_else(|| TransmitterError(text.into()))
    }
}

fn parse(text: &str) -> Option<Transmitter> {
    let (layout, rest) = text.split_once(':')?;
    match layout {
        "eid" => rest.parse().ok().map(Transmitter::Eid),
        "ibeacon" => {
            let (uuid, major, minor) = parse_uuid_and_numbers(rest)?;
            Some(Transmitter::IBeacon { uuid, major, minor })
        }
        "altbeacon" => {
            let (uuid, major, minor) = parse_uuid_and_numbers(rest)?;
            Some(Transmitter::AltBeacon { uuid, major, minor })
        }
        "eddystone-uid" => {
            let (namespace, instance_hex) = rest.split_once(':')?;
            let mut instance = [0; 6];
            hex::decode_to_slice(instance_hex, &mut instance).ok()?;
            Some(Transmitter::EddystoneUid {
                namespace: namespace.parse().ok()?,
                instance,
            })
        }
        _ => None,
    }
}

fn parse_uuid_and_numbers(text: &str) -> Option<(Uuid, u16, u16)> {
    let mut parts = text.split(':');
    let (uuid, major, minor) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    Some((
        Uuid::parse_str(uuid).ok()?,
        major.parse().ok()?,
        minor.parse().ok()?,
    ))
}

impl TryFrom<String> for Transmitter {
    type Error = TransmitterError;
    fn try_from(text: String) -> Result<Self, TransmitterError> {
        text.parse()
    }
}
impl From<Transmitter> for String {
    fn from(transmitter: Transmitter) -> String {
        transmitter.to_string()
    }
}
