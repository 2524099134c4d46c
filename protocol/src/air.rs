//! What advertisements carry: bytes of the air to [`Frame`]s, and back.
//!
//! In: advertising data (Core specification, volume 3, part C, section 11: a list of length,
//! type, data). Out: a [`Frame`] in one of our layouts, or why it is [`Ignored`].
//! Promises: total over any bytes of any length; allocates nothing.
//! Invariant: what is not in one of our layouts is never kept, not even in an error.

mod chain;
mod data;
mod eddystone;
mod encode;
mod manufacturer;
mod own;
#[cfg(test)]
mod tests;
mod transmitter;

use uuid::Uuid;

pub use chain::Chain;
pub use data::{AD_LEN_MAX, AdData, AdFull, bluetooth_base};
pub use eddystone::{Telemetry, Url, UrlError};
pub use encode::encode;
pub use own::{IDENTITY_UUID_PREFIX, SERVICE_UUID, identity_uuid};
pub use transmitter::{Namespace, Transmitter, TransmitterError};

use crate::eid::Eid;

/// The 16-bit UUID of Eddystone (Bluetooth Assigned Numbers, 16-bit UUIDs for members).
pub const EDDYSTONE_UUID16: u16 = 0xfeaa;
/// Apple's company identifier (Bluetooth Assigned Numbers, company identifiers).
pub const APPLE_COMPANY_ID: u16 = 0x004c;
/// Bytes of legacy advertising data at most (Core specification, volume 6, part B, 2.3.1).
pub const LEGACY_LEN_MAX: usize = 31;

/// Types of structures (Bluetooth Assigned Numbers, common data types).
mod ad_type {
    pub(super) const FLAGS: u8 = 0x01;
    pub(super) const UUIDS_16_COMPLETE: u8 = 0x03;
    pub(super) const UUIDS_128_SOME: u8 = 0x06;
    pub(super) const UUIDS_128_COMPLETE: u8 = 0x07;
    pub(super) const SERVICE_DATA_16: u8 = 0x16;
    pub(super) const SERVICE_DATA_128: u8 = 0x21;
    pub(super) const MANUFACTURER: u8 = 0xff;
}

/// The decoded content of an advertisement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frame {
    /// Our own service data: [`SERVICE_UUID`], eight bytes of identity, transmit power.
    Welkom {
        /// The rotating identity.
        eid: Eid,
        /// Received strength at 1 m, as the phone was calibrated.
        tx_power_dbm: i8,
    },
    /// A 128-bit service UUID that embeds the identity (see [`identity_uuid`]): what an iPhone
    /// app in the foreground may advertise.
    WelkomUuid {
        /// The rotating identity.
        eid: Eid,
    },
    /// Eddystone-EID; its power is measured at 0 m, 41 dB above that at 1 m.
    EddystoneEid {
        /// The rotating identity.
        eid: Eid,
        /// Received strength at 0 m.
        tx_power_dbm: i8,
    },
    /// Eddystone-UID: a fixed beacon.
    EddystoneUid {
        /// Whose beacons these are; the chain's, if it is one of ours.
        namespace: Namespace,
        /// Which one of them.
        instance: [u8; 6],
        /// Received strength at 0 m.
        tx_power_dbm: i8,
    },
    /// Eddystone-URL.
    EddystoneUrl {
        /// The address, as it was encoded.
        url: Url,
        /// Received strength at 0 m.
        tx_power_dbm: i8,
    },
    /// Eddystone-TLM: how the beacon does that sent another frame from the same address.
    EddystoneTlm(Telemetry),
    /// Encrypted telemetry: only who holds the beacon's key can read it, and that is not us.
    EddystoneEtlm {
        /// Twelve bytes under the beacon's key.
        encrypted: [u8; 12],
        /// What the nonce is made with.
        salt: u16,
        /// Message integrity check.
        mic: u16,
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
    /// AltBeacon: a fixed beacon. Its 20 bytes are read as iBeacon's are.
    AltBeacon {
        /// The manufacturer's company identifier.
        company_id: u16,
        /// The chain's UUID, if it is one of ours.
        uuid: Uuid,
        /// First number below the UUID.
        major: u16,
        /// Second number below the UUID.
        minor: u16,
        /// Received strength at 1 m.
        tx_power_dbm: i8,
        /// For the manufacturer's own use; 0 where it is left out.
        mfg_reserved: u8,
    },
}

/// Why an advertisement is not looked at further.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Ignored {
    /// In none of our layouts: somebody else's.
    #[error("foreign")]
    Foreign,
    /// Apple's overflow area: an iPhone app in the background, which no passive listener can
    /// tell from another. Counted, since it says how many phones gateways alone would miss.
    #[error("foreign: Apple's overflow area")]
    AppleOverflow,
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
    /// Eddystone service data in an advertisement whose complete list of service UUIDs says
    /// that there is no Eddystone in it.
    #[error("Eddystone that the list of service UUIDs does not name")]
    EddystoneNotListed,
    /// An Eddystone-EID frame, but not as long as it must be.
    #[error("Eddystone-EID of a wrong length")]
    EddystoneEidLength,
    /// An Eddystone-UID frame, but not as long as it must be.
    #[error("Eddystone-UID of a wrong length")]
    EddystoneUidLength,
    /// An Eddystone-URL frame without an address, or with a longer one than the layout has.
    #[error("Eddystone-URL of a wrong length")]
    EddystoneUrlLength,
    /// An Eddystone-URL with a byte that the encoding reserves.
    #[error("Eddystone-URL with a reserved byte")]
    EddystoneUrlByte,
    /// Eddystone telemetry, but not as long as it must be.
    #[error("Eddystone-TLM of a wrong length")]
    EddystoneTlmLength,
    /// Encrypted Eddystone telemetry, but not as long as it must be.
    #[error("Eddystone-eTLM of a wrong length")]
    EddystoneEtlmLength,
    /// Eddystone telemetry in a version that is neither plain nor encrypted.
    #[error("Eddystone-TLM of an unknown version")]
    EddystoneTlmVersion,
    /// An iBeacon, but not as long as it must be.
    #[error("iBeacon of a wrong length")]
    IBeaconLength,
    /// An AltBeacon, but not as long as it must be.
    #[error("AltBeacon of a wrong length")]
    AltBeaconLength,
}

impl Frame {
    /// Who sent it; none for frames that name nobody (telemetry, addresses).
    pub fn transmitter(&self) -> Option<Transmitter> {
        match *self {
            Self::Welkom { eid, .. }
            | Self::WelkomUuid { eid }
            | Self::EddystoneEid { eid, .. } => Some(Transmitter::Eid(eid)),
            Self::EddystoneUid {
                namespace,
                instance,
                ..
            } => Some(Transmitter::EddystoneUid {
                namespace,
                instance,
            }),
            Self::IBeacon {
                uuid, major, minor, ..
            } => Some(Transmitter::IBeacon { uuid, major, minor }),
            Self::AltBeacon {
                uuid, major, minor, ..
            } => Some(Transmitter::AltBeacon { uuid, major, minor }),
            Self::EddystoneUrl { .. } | Self::EddystoneTlm(_) | Self::EddystoneEtlm { .. } => None,
        }
    }
}

/// Decodes advertising data. The first structure in one of our layouts decides; without one, a
/// broken structure makes the whole `Malformed`, else it is somebody else's.
pub fn decode(ad: &[u8]) -> Result<Frame, Ignored> {
    let mut ignored = Ignored::Foreign;
    let mut eddystone_listed = true;
    for structure in structures(ad) {
        let found = match structure {
            Err(broken) => Err(Ignored::Malformed(broken)),
            Ok((ad_type::UUIDS_16_COMPLETE, list)) => {
                eddystone_listed = eddystone::is_listed(list);
                continue;
            }
            Ok((kind, data)) => read(kind, data, eddystone_listed),
        };
        match found {
            Ok(frame) => return Ok(frame),
            Err(why) if ignored == Ignored::Foreign => ignored = why,
            Err(_) => {}
        }
    }
    Err(ignored)
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

fn read(kind: u8, data: &[u8], eddystone_listed: bool) -> Result<Frame, Ignored> {
    match kind {
        ad_type::SERVICE_DATA_128 => {
            let (uuid, payload) = data
                .split_first_chunk()
                .ok_or(Ignored::Malformed(Malformed::ServiceDataShort))?;
            own::service_data(data::uuid_of_air(*uuid), payload)
        }
        ad_type::SERVICE_DATA_16 => {
            let (uuid, payload) = data
                .split_first_chunk()
                .ok_or(Ignored::Malformed(Malformed::ServiceDataShort))?;
            match u16::from_le_bytes(*uuid) {
                EDDYSTONE_UUID16 if eddystone_listed => eddystone::decode(payload),
                EDDYSTONE_UUID16 => Err(Ignored::Malformed(Malformed::EddystoneNotListed)),
                _ => Err(Ignored::Foreign),
            }
        }
        ad_type::UUIDS_128_SOME | ad_type::UUIDS_128_COMPLETE => {
            let (uuids, _) = data.as_chunks::<16>();
            let mut uuids = uuids.iter().map(|uuid| data::uuid_of_air(*uuid));
            uuids.find_map(own::of_uuid).ok_or(Ignored::Foreign)
        }
        ad_type::MANUFACTURER => {
            let (company, payload) = data.split_first_chunk().ok_or(Ignored::Foreign)?;
            manufacturer::decode(u16::from_le_bytes(*company), payload)
        }
        _ => Err(Ignored::Foreign),
    }
}
