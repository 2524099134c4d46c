//! What advertisements carry: bytes of the air to [`Frame`]s, and back.
//!
//! In: advertising data (Core specification, volume 3, part C, section 11: a list of length,
//! type, data). Out: a [`Frame`] in one of our layouts, or why it is [`Ignored`].
//! Promises: total over any bytes of any length; allocates nothing.
//! Invariant: what is not in one of our layouts is never kept, not even in an error.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::{Uuid, uuid};

use crate::eid::Eid;

/// Our own service-data frame is announced under this UUID, which nobody else uses.
pub const SERVICE_UUID: Uuid = uuid!("7e1c0a9e-6b64-4c53-9d0b-57e1c0a95e01");
/// The 16-bit UUID of Eddystone (Bluetooth Assigned Numbers, 16-bit UUIDs for members).
pub const EDDYSTONE_UUID16: u16 = 0xfeaa;
/// The first byte of an Eddystone-EID frame (Eddystone-EID specification, "Frame type").
pub const EDDYSTONE_FRAME_EID: u8 = 0x30;
/// Apple's company identifier (Bluetooth Assigned Numbers, company identifiers).
pub const APPLE_COMPANY_ID: u16 = 0x004c;
/// Bytes of legacy advertising data at most (Core specification, volume 6, part B, 2.3.1).
pub const LEGACY_LEN_MAX: usize = 31;

const AD_FLAGS: u8 = 0x01;
const AD_SERVICE_DATA_16: u8 = 0x16;
const AD_SERVICE_DATA_128: u8 = 0x21;
const AD_MANUFACTURER: u8 = 0xff;
const IBEACON_TYPE_AND_LEN: [u8; 2] = [0x02, 0x15];

/// The decoded content of an advertisement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frame {
    /// Our own service data: `SERVICE_UUID`, eight bytes of identity, transmit power.
    Welkom {
        /// The rotating identity.
        eid: Eid,
        /// Received strength at 1 m, as the phone was calibrated.
        tx_power_dbm: i8,
    },
    /// Eddystone-EID; its power is measured at 0 m, 41 dB above that at 1 m.
    EddystoneEid {
        /// The rotating identity.
        eid: Eid,
        /// Received strength at 0 m.
        tx_power_dbm: i8,
    },
    /// iBeacon: a fixed shelf beacon, or a fob.
    IBeacon {
        /// The chain's UUID, if it is one of ours.
        uuid: Uuid,
        /// First number below the UUID.
        major: u16,
        /// Second number below the UUID.
        minor: u16,
        /// Received strength at 1 m.
        tx_power_dbm: i8,
    },
}

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
}

/// Why an advertisement is not looked at further.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Ignored {
    /// In none of our layouts: somebody else's.
    #[error("foreign")]
    Foreign,
    /// Broken, or in our layout with a wrong length.
    #[error("malformed: {0}")]
    Malformed(Malformed),
}

/// What is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// A structure claims more bytes than there are.
    #[error("a structure runs past the end")]
    Overrun,
    /// Service data too short for its UUID.
    #[error("service data without a whole UUID")]
    ServiceDataShort,
    /// Our own frame, but not as long as it must be.
    #[error("own frame of a wrong length")]
    WelkomLength,
    /// An Eddystone-EID frame, but not as long as it must be.
    #[error("Eddystone-EID of a wrong length")]
    EddystoneEidLength,
    /// An iBeacon, but not as long as it must be.
    #[error("iBeacon of a wrong length")]
    IBeaconLength,
}

impl Frame {
    /// Who sent it.
    pub fn transmitter(&self) -> Transmitter {
        match *self {
            Self::Welkom { eid, .. } | Self::EddystoneEid { eid, .. } => Transmitter::Eid(eid),
            Self::IBeacon {
                uuid, major, minor, ..
            } => Transmitter::IBeacon { uuid, major, minor },
        }
    }
}

/// Decodes advertising data. The first structure in one of our layouts decides; without one, a
/// broken structure makes the whole `Malformed`, else it is `Foreign`.
pub fn decode(ad: &[u8]) -> Result<Frame, Ignored> {
    let mut broken = None;
    for structure in structures(ad) {
        match structure.map_or_else(Found::Broken, |(kind, data)| read(kind, data)) {
            Found::Frame(frame) => return Ok(frame),
            Found::Broken(why) => broken = broken.or(Some(why)),
            Found::Foreign => {}
        }
    }
    Err(broken.map_or(Ignored::Foreign, Ignored::Malformed))
}

enum Found {
    Frame(Frame),
    Foreign,
    Broken(Malformed),
}

/// Walks the structures; ends at the end, at a zero length (early termination, section 11), or
/// after an overrun.
fn structures(mut rest: &[u8]) -> impl Iterator<Item = Result<(u8, &[u8]), Malformed>> {
    std::iter::from_fn(move || {
        let (&len, tail) = rest.split_first()?;
        if len == 0 {
            return None;
        }
        let Some((body, after)) = tail.split_at_checked(usize::from(len)) else {
            rest = &[];
            return Some(Err(Malformed::Overrun));
        };
        rest = after;
        body.split_first().map(|(&kind, data)| Ok((kind, data)))
    })
}

fn read(kind: u8, data: &[u8]) -> Found {
    match kind {
        AD_SERVICE_DATA_128 => service_data_128(data),
        AD_SERVICE_DATA_16 => service_data_16(data),
        AD_MANUFACTURER => manufacturer(data),
        _ => Found::Foreign,
    }
}

fn service_data_128(data: &[u8]) -> Found {
    let Some((uuid, payload)) = data.split_first_chunk::<16>() else {
        return Found::Broken(Malformed::ServiceDataShort);
    };
    if Uuid::from_bytes_le_order(*uuid) != SERVICE_UUID {
        return Found::Foreign;
    }
    match payload {
        [eid @ .., power] if eid.len() == 8 => Found::Frame(Frame::Welkom {
            eid: eid_of(eid),
            tx_power_dbm: power.cast_signed(),
        }),
        _ => Found::Broken(Malformed::WelkomLength),
    }
}

fn service_data_16(data: &[u8]) -> Found {
    let Some((uuid, payload)) = data.split_first_chunk::<2>() else {
        return Found::Broken(Malformed::ServiceDataShort);
    };
    if u16::from_le_bytes(*uuid) != EDDYSTONE_UUID16 {
        return Found::Foreign;
    }
    match payload {
        [EDDYSTONE_FRAME_EID, power, eid @ ..] if eid.len() == 8 => {
            Found::Frame(Frame::EddystoneEid {
                eid: eid_of(eid),
                tx_power_dbm: power.cast_signed(),
            })
        }
        [EDDYSTONE_FRAME_EID, ..] => Found::Broken(Malformed::EddystoneEidLength),
        _ => Found::Foreign,
    }
}

fn manufacturer(data: &[u8]) -> Found {
    let Some((company, payload)) = data.split_first_chunk::<2>() else {
        return Found::Foreign;
    };
    if u16::from_le_bytes(*company) != APPLE_COMPANY_ID {
        return Found::Foreign;
    }
    let Some(body) = payload.strip_prefix(&IBEACON_TYPE_AND_LEN) else {
        return Found::Foreign;
    };
    let Ok(body) = <[u8; 21]>::try_from(body) else {
        return Found::Broken(Malformed::IBeaconLength);
    };
    let mut uuid = [0; 16];
    uuid.copy_from_slice(&body[..16]);
    Found::Frame(Frame::IBeacon {
        uuid: Uuid::from_bytes(uuid),
        major: u16::from_be_bytes([body[16], body[17]]),
        minor: u16::from_be_bytes([body[18], body[19]]),
        tx_power_dbm: body[20].cast_signed(),
    })
}

fn eid_of(bytes: &[u8]) -> Eid {
    let mut eid = [0; 8];
    eid.copy_from_slice(bytes);
    Eid(eid)
}

/// UUIDs of 128 bits go over the air with the last byte first (volume 3, part C, section 11).
trait AirOrder {
    fn from_bytes_le_order(bytes: [u8; 16]) -> Self;
    fn to_bytes_le_order(&self) -> [u8; 16];
}
impl AirOrder for Uuid {
    fn from_bytes_le_order(mut bytes: [u8; 16]) -> Self {
        bytes.reverse();
        Self::from_bytes(bytes)
    }
    fn to_bytes_le_order(&self) -> [u8; 16] {
        let mut bytes = *self.as_bytes();
        bytes.reverse();
        bytes
    }
}

/// Writes a frame as advertising data, flags first; the inverse of [`decode`].
pub fn encode(frame: &Frame) -> Vec<u8> {
    // LE General Discoverable, BR/EDR not supported (Core specification supplement, part A, 1.3).
    let mut ad = vec![2, AD_FLAGS, 0x06];
    match *frame {
        Frame::Welkom { eid, tx_power_dbm } => {
            ad.extend([26, AD_SERVICE_DATA_128]);
            ad.extend(SERVICE_UUID.to_bytes_le_order());
            ad.extend(eid.0);
            ad.push(tx_power_dbm.cast_unsigned());
        }
        Frame::EddystoneEid { eid, tx_power_dbm } => {
            let [low, high] = EDDYSTONE_UUID16.to_le_bytes();
            ad.extend([3, 0x03, low, high]);
            ad.extend([13, AD_SERVICE_DATA_16, low, high, EDDYSTONE_FRAME_EID]);
            ad.push(tx_power_dbm.cast_unsigned());
            ad.extend(eid.0);
        }
        Frame::IBeacon {
            uuid,
            major,
            minor,
            tx_power_dbm,
        } => {
            ad.extend([26, AD_MANUFACTURER]);
            ad.extend(APPLE_COMPANY_ID.to_le_bytes());
            ad.extend(IBEACON_TYPE_AND_LEN);
            ad.extend(uuid.as_bytes());
            ad.extend(major.to_be_bytes());
            ad.extend(minor.to_be_bytes());
            ad.push(tx_power_dbm.cast_unsigned());
        }
    }
    ad
}

impl fmt::Display for Transmitter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Eid(eid) => write!(f, "eid:{eid}"),
            Self::IBeacon { uuid, major, minor } => write!(f, "ibeacon:{uuid}:{major}:{minor}"),
        }
    }
}

/// Not a transmitter's text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a transmitter: eid:… or ibeacon:uuid:major:minor")]
pub struct TransmitterError(String);

impl FromStr for Transmitter {
    type Err = TransmitterError;
    fn from_str(text: &str) -> Result<Self, TransmitterError> {
        parse_transmitter(text).ok_or_else(|| TransmitterError(text.into()))
    }
}

fn parse_transmitter(text: &str) -> Option<Transmitter> {
    if let Some(eid) = text.strip_prefix("eid:") {
        return eid.parse().ok().map(Transmitter::Eid);
    }
    let mut parts = text.strip_prefix("ibeacon:")?.split(':');
    let (uuid, major, minor) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    Some(Transmitter::IBeacon {
        uuid: Uuid::parse_str(uuid).ok()?,
        major: major.parse().ok()?,
        minor: minor.parse().ok()?,
    })
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frames() -> [Frame; 3] {
        let eid = Eid([1, 2, 3, 4, 5, 6, 7, 8]);
        [
            Frame::Welkom {
                eid,
                tx_power_dbm: -59,
            },
            Frame::EddystoneEid {
                eid,
                tx_power_dbm: -18,
            },
            Frame::IBeacon {
                uuid: Uuid::from_u128(7),
                major: 1,
                minor: 65_535,
                tx_power_dbm: -61,
            },
        ]
    }

    #[test]
    fn each_layout_goes_there_and_back_and_fits_a_legacy_advertisement() {
        for frame in frames() {
            let ad = encode(&frame);
            assert_eq!(decode(&ad), Ok(frame));
            assert!(
                ad.len() <= LEGACY_LEN_MAX,
                "{frame:?} takes {} bytes",
                ad.len()
            );
            let text = frame.transmitter().to_string();
            assert_eq!(text.parse(), Ok(frame.transmitter()));
        }
    }

    #[test]
    fn a_cut_frame_is_malformed_and_not_another_frame() {
        for frame in frames() {
            let ad = encode(&frame);
            for cut in 0..ad.len() {
                assert!(decode(&ad[..cut]).is_err(), "{frame:?} cut to {cut}");
            }
        }
    }

    #[test]
    fn own_frames_of_every_length_are_refused_by_name() {
        for len in 0..=255usize {
            let mut data = vec![AD_SERVICE_DATA_128];
            data.extend(SERVICE_UUID.to_bytes_le_order());
            data.extend(std::iter::repeat_n(0xaa, len));
            let Ok(total) = u8::try_from(data.len()) else {
                break;
            };
            let ad: Vec<u8> = std::iter::once(total).chain(data).collect();
            let wrong = Err(Ignored::Malformed(Malformed::WelkomLength));
            if len == 9 {
                assert!(decode(&ad).is_ok());
            } else {
                assert_eq!(decode(&ad), wrong);
            }
        }
    }

    #[test]
    fn other_manufacturers_are_foreign() {
        assert_eq!(decode(&[5, 0xff, 0x99, 0x04, 5, 0]), Err(Ignored::Foreign));
        assert_eq!(decode(&[]), Err(Ignored::Foreign));
    }

    proptest! {
        #[test]
        fn any_bytes_of_any_length_give_an_answer(ad in prop::collection::vec(any::<u8>(), 0..=255)) {
            let _ = decode(&ad);
        }
    }
}
