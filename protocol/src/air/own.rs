//! Our own layouts: service data, and a service UUID that carries an identity.

use uuid::{Uuid, uuid};

use super::{Frame, Ignored, Malformed};
use crate::eid::Eid;

/// Our own service-data frame is announced under this UUID, which nobody else uses.
pub const SERVICE_UUID: Uuid = uuid!("7e1c0a9e-6b64-4c53-9d0b-57e1c0a95e01");

/// The first half of a service UUID that carries an identity in its second half: 60 random bits
/// and version 8 (RFC 9562, 5.8), which leaves the rest to us. The variant bits are the
/// identity's: to Bluetooth a UUID is 16 bytes.
pub const IDENTITY_UUID_PREFIX: [u8; 8] = [0x7e, 0x1c, 0x0a, 0x9e, 0x6b, 0x64, 0x8c, 0x53];

/// The service UUID that carries this identity.
pub fn identity_uuid(eid: Eid) -> Uuid {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&IDENTITY_UUID_PREFIX);
    bytes[8..].copy_from_slice(&eid.0);
    Uuid::from_bytes(bytes)
}

pub(super) fn of_uuid(uuid: Uuid) -> Option<Frame> {
    let bytes = uuid.into_bytes();
    let eid = bytes.strip_prefix(&IDENTITY_UUID_PREFIX)?;
    let eid = Eid(eid.try_into().ok()?);
    Some(Frame::WelkomUuid { eid })
}

pub(super) fn service_data(uuid: Uuid, payload: &[u8]) -> Result<Frame, Ignored> {
    if uuid != SERVICE_UUID {
        return Err(Ignored::Foreign);
    }
    let [eid @ .., power] = payload else {
        return Err(Ignored::Malformed(Malformed::WelkomLength));
    };
    let eid = eid
        .try_into()
        .map_err(|_| Ignored::Malformed(Malformed::WelkomLength))?;
    Ok(Frame::Welkom {
        eid: Eid(eid),
        tx_power_dbm: power.cast_signed(),
    })
}
