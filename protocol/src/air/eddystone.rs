//! Eddystone's frames, in service data under [`EDDYSTONE_UUID16`].
//!
//! Source: the Eddystone protocol specification (google/eddystone) with its pages for UID, EID,
//! URL, TLM and encrypted TLM. All numbers are big-endian there.

use std::fmt;

use super::{EDDYSTONE_UUID16, Frame, Ignored, Malformed, Namespace};
use crate::eid::Eid;

pub(super) const UID: u8 = 0x00;
pub(super) const URL: u8 = 0x10;
pub(super) const TLM: u8 = 0x20;
pub(super) const EID: u8 = 0x30;
pub(super) const TLM_PLAIN: u8 = 0x00;
pub(super) const TLM_ENCRYPTED: u8 = 0x01;

/// Temperature of a beacon that has no thermometer (TLM, "Beacon temperature").
const NO_TEMPERATURE: i16 = i16::MIN;
/// Encoded bytes of an address after its scheme, at most (URL, "Frame specification").
const URL_LEN_MAX: usize = 17;
const SCHEMES: [&str; 4] = ["http://www.", "https://www.", "http://", "https://"];
const EXPANSIONS: [&str; 14] = [
    ".com/", ".org/", ".edu/", ".net/", ".info/", ".biz/", ".gov/", ".com", ".org", ".edu", ".net",
    ".info", ".biz", ".gov",
];

/// How a beacon does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Telemetry {
    /// Battery voltage; 0: it has no battery, or does not say.
    pub battery_mv: u16,
    /// Temperature in 1/256 °C (signed 8.8 fixed point).
    pub temperature_raw: i16,
    /// Frames sent since it was switched on.
    pub adv_count: u32,
    /// Tenths of a second since it was switched on.
    pub uptime_ds: u32,
}

impl Telemetry {
    /// In °C; none: the beacon has no thermometer.
    pub fn temperature_c(&self) -> Option<f64> {
        (self.temperature_raw != NO_TEMPERATURE).then(|| f64::from(self.temperature_raw) / 256.0)
    }

    /// Milliseconds since it was switched on.
    pub fn uptime_ms(&self) -> u64 {
        u64::from(self.uptime_ds) * 100
    }
}

/// An address as Eddystone encodes it; shown as text.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Url {
    scheme: u8,
    encoded: [u8; URL_LEN_MAX],
    len: u8,
}

/// Why bytes are no encoded address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// No scheme, or more than fits.
    #[error("1 to 18 bytes were expected")]
    Length,
    /// A scheme or a byte that the encoding does not define.
    #[error("a reserved byte")]
    Reserved,
}

impl Url {
    /// Reads the scheme byte and what follows.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, UrlError> {
        let (&scheme, rest) = bytes.split_first().ok_or(UrlError::Length)?;
        let mut encoded = [0; URL_LEN_MAX];
        encoded
            .get_mut(..rest.len())
            .ok_or(UrlError::Length)?
            .copy_from_slice(rest);
        let defined = |byte: &u8| usize::from(*byte) < EXPANSIONS.len() || byte.is_ascii_graphic();
        if usize::from(scheme) >= SCHEMES.len() || !rest.iter().all(defined) {
            return Err(UrlError::Reserved);
        }
        let len = u8::try_from(rest.len()).map_err(|_| UrlError::Length)?;
        Ok(Self {
            scheme,
            encoded,
            len,
        })
    }

    pub(super) fn scheme(&self) -> u8 {
        self.scheme
    }

    pub(super) fn encoded(&self) -> &[u8] {
        &self.encoded[..usize::from(self.len)]
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(SCHEMES[usize::from(self.scheme)])?;
        self.encoded()
            .iter()
            .try_for_each(|&byte| match EXPANSIONS.get(usize::from(byte)) {
                Some(expansion) => f.write_str(expansion),
                None => write!(f, "{}", char::from(byte)),
            })
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Url({self})")
    }
}

/// Whether a complete list of 16-bit service UUIDs names Eddystone, as its specification asks.
pub(super) fn is_listed(list: &[u8]) -> bool {
    let (uuids, _) = list.as_chunks::<2>();
    uuids
        .iter()
        .any(|uuid| u16::from_le_bytes(*uuid) == EDDYSTONE_UUID16)
}

pub(super) fn decode(payload: &[u8]) -> Result<Frame, Ignored> {
    let Some((&kind, body)) = payload.split_first() else {
        return Err(Ignored::Foreign);
    };
    match kind {
        UID => uid(body).ok_or(Malformed::EddystoneUidLength),
        URL => url(body),
        TLM => tlm(body),
        EID => eid(body).ok_or(Malformed::EddystoneEidLength),
        _ => return Err(Ignored::Foreign),
    }
    .map_err(Ignored::Malformed)
}

/// Two bytes at the end are reserved, and some beacons leave them out.
fn uid(body: &[u8]) -> Option<Frame> {
    let (&power, body) = body.split_first()?;
    let (namespace, body) = body.split_first_chunk()?;
    let (instance, rest) = body.split_first_chunk()?;
    matches!(rest.len(), 0 | 2).then_some(Frame::EddystoneUid {
        namespace: Namespace(*namespace),
        instance: *instance,
        tx_power_dbm: power.cast_signed(),
    })
}

fn eid(body: &[u8]) -> Option<Frame> {
    let (&power, eid) = body.split_first()?;
    Some(Frame::EddystoneEid {
        eid: Eid(eid.try_into().ok()?),
        tx_power_dbm: power.cast_signed(),
    })
}

fn url(body: &[u8]) -> Result<Frame, Malformed> {
    let (&power, encoded) = body.split_first().ok_or(Malformed::EddystoneUrlLength)?;
    let url = Url::from_bytes(encoded).map_err(|error| match error {
        UrlError::Length => Malformed::EddystoneUrlLength,
        UrlError::Reserved => Malformed::EddystoneUrlByte,
    })?;
    Ok(Frame::EddystoneUrl {
        url,
        tx_power_dbm: power.cast_signed(),
    })
}

fn tlm(body: &[u8]) -> Result<Frame, Malformed> {
    match *body {
        [TLM_PLAIN, v1, v0, t1, t0, c3, c2, c1, c0, s3, s2, s1, s0] => {
            Ok(Frame::EddystoneTlm(Telemetry {
                battery_mv: u16::from_be_bytes([v1, v0]),
                temperature_raw: i16::from_be_bytes([t1, t0]),
                adv_count: u32::from_be_bytes([c3, c2, c1, c0]),
                uptime_ds: u32::from_be_bytes([s3, s2, s1, s0]),
            }))
        }
        [TLM_PLAIN, ..] | [] => Err(Malformed::EddystoneTlmLength),
        [TLM_ENCRYPTED, ref rest @ ..] => etlm(rest).ok_or(Malformed::EddystoneEtlmLength),
        _ => Err(Malformed::EddystoneTlmVersion),
    }
}

fn etlm(rest: &[u8]) -> Option<Frame> {
    let (&encrypted, rest) = rest.split_first_chunk()?;
    let &[salt1, salt0, mic1, mic0] = rest else {
        return None;
    };
    Some(Frame::EddystoneEtlm {
        encrypted,
        salt: u16::from_be_bytes([salt1, salt0]),
        mic: u16::from_be_bytes([mic1, mic0]),
    })
}
