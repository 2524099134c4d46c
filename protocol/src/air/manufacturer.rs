//! Layouts in manufacturer's data: iBeacon, AltBeacon, and Apple's overflow area.
//!
//! Sources: Apple's Proximity Beacon specification; the AltBeacon protocol specification 1.0;
//! for the overflow area, which Apple does not document, what independent researchers measured:
//! type 1 and 128 bits, one for each hashed service UUID.

use uuid::Uuid;

use super::{APPLE_COMPANY_ID, Frame, Ignored, Malformed};

const IBEACON_TYPE_AND_LEN: [u8; 2] = [0x02, 0x15];
const OVERFLOW_TYPE: u8 = 0x01;
const OVERFLOW_LEN: usize = 16;
const ALTBEACON_CODE: [u8; 2] = [0xbe, 0xac];
/// UUID, two numbers of two bytes, power.
const BODY_LEN: usize = 21;

pub(super) fn decode(company_id: u16, payload: &[u8]) -> Result<Frame, Ignored> {
    if let Some(body) = payload.strip_prefix(&ALTBEACON_CODE) {
        return altbeacon(company_id, body);
    }
    if company_id != APPLE_COMPANY_ID {
        return Err(Ignored::Foreign);
    }
    match payload {
        [OVERFLOW_TYPE, area @ ..] if area.len() == OVERFLOW_LEN => Err(Ignored::AppleOverflow),
        _ => match payload.strip_prefix(&IBEACON_TYPE_AND_LEN) {
            Some(body) => ibeacon(body),
            None => Err(Ignored::Foreign),
        },
    }
}

fn ibeacon(body: &[u8]) -> Result<Frame, Ignored> {
    let body = <&[u8; BODY_LEN]>::try_from(body)
        .map_err(|_| Ignored::Malformed(Malformed::IBeaconLength))?;
    let Body {
        uuid,
        major,
        minor,
        tx_power_dbm,
    } = Body::of(body);
    Ok(Frame::IBeacon {
        uuid,
        major,
        minor,
        tx_power_dbm,
    })
}

/// The last byte is the manufacturer's, and some leave it out.
fn altbeacon(company_id: u16, body: &[u8]) -> Result<Frame, Ignored> {
    let (body, mfg_reserved) = match body.split_first_chunk::<BODY_LEN>() {
        Some((body, [])) => (body, 0),
        Some((body, [reserved])) => (body, *reserved),
        _ => return Err(Ignored::Malformed(Malformed::AltBeaconLength)),
    };
    let Body {
        uuid,
        major,
        minor,
        tx_power_dbm,
    } = Body::of(body);
    Ok(Frame::AltBeacon {
        company_id,
        uuid,
        major,
        minor,
        tx_power_dbm,
        mfg_reserved,
    })
}

struct Body {
    uuid: Uuid,
    major: u16,
    minor: u16,
    tx_power_dbm: i8,
}

impl Body {
    fn of(body: &[u8; BODY_LEN]) -> Self {
        let mut uuid = [0; 16];
        uuid.copy_from_slice(&body[..16]);
        Self {
            uuid: Uuid::from_bytes(uuid),
            major: u16::from_be_bytes([body[16], body[17]]),
            minor: u16::from_be_bytes([body[18], body[19]]),
            tx_power_dbm: body[20].cast_signed(),
        }
    }
}
