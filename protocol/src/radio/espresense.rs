//! ESPresense: `espresense/devices/ID/NODE`, and `espresense/rooms/NODE/telemetry`.
//!
//! Format: espresense.com and `BleFingerprint` of ESPresense/ESPresense, version 3
//! and its successors. A node
//! relays no advertising data: it makes an id of it, and what the id does not hold is lost. Ids with
//! an identity that can be put back: `iBeacon:UUID-MAJOR-MINOR`, `altBeacon:UUID-MAJOR-MINOR`, and
//! `ad:` with the listed service UUIDs one behind the other, then the claimed power without its sign.
//! `rssi` is of the last advertisement, `rssi@1m` what is expected at 1 m; `distance` follows from
//! both and is not used. There is no time in it.

use uuid::Uuid;

use super::{
    Advert, Decoder, Fields, RadioError, RadioKind, fields::ad_of,
    openmqttgateway::TX_POWER_USUAL_DBM,
};
use crate::air::{self, AdData, Frame};

/// Digits and dashes of a UUID as text.
const UUID_TEXT_LEN: usize = 36;
/// The company identifier with which an AltBeacon is put back: ESPresense does not tell it.
const NO_COMPANY: u16 = 0xffff;

pub(super) const DECODER: Decoder = Decoder {
    kind: RadioKind::Espresense,
    name: "espresense",
    filters: &["espresense/devices/+/+", "espresense/rooms/+/telemetry"],
    own: &["espresense/devices/+/{}", "espresense/rooms/{}/+"],
    will: Some("espresense/rooms/{}/status"),
    radio: |levels| match levels {
        ["espresense", "devices", _, _] => Some(3),
        ["espresense", "rooms", _, _] => Some(2),
        _ => None,
    },
    read,
};

fn read(levels: &[&str], payload: &[u8]) -> Result<Vec<Advert>, RadioError> {
    let id = match levels {
        ["espresense", "devices", id, _] => *id,
        ["espresense", "rooms", _, "telemetry"] => return Ok(Vec::new()),
        _ => return Err(RadioError::Topic),
    };
    let fields = Fields::read(payload)?;
    // An alias may stand in the topic; then nobody knows what was on the air.
    let id = fields.text("id")?.unwrap_or(id);
    let power = fields.number("rssi@1m")?;
    let power = power.filter(|dbm| (-127.0..=20.0).contains(dbm));
    let tx_power_dbm = power.map_or(TX_POWER_USUAL_DBM, |dbm| dbm.round() as i8);
    let ad = ad_of_id(id, tx_power_dbm)?.ok_or(RadioError::NoAdvert)?;
    Ok(vec![Advert {
        ad,
        rssi_dbm: fields.rssi_dbm()?,
        heard_ms: None,
    }])
}

fn ad_of_id(id: &str, tx_power_dbm: i8) -> Result<Option<AdData>, RadioError> {
    let (field, wanted) = ("id", "an id of this kind");
    let broken = RadioError::Field { field, wanted };
    let Some((kind, rest)) = id.split_once(':') else {
        return Ok(None);
    };
    let frame = match kind {
        "iBeacon" => {
            let (uuid, major, minor) = beacon(rest).ok_or(broken)?;
            Frame::IBeacon {
                uuid,
                major,
                minor,
                tx_power_dbm,
            }
        }
        "altBeacon" => {
            let (uuid, major, minor) = beacon(rest).ok_or(broken)?;
            Frame::AltBeacon {
                company_id: NO_COMPANY,
                uuid,
                major,
                minor,
                tx_power_dbm,
                mfg_reserved: 0,
            }
        }
        "ad" => return Ok(listed(rest)),
        _ => return Ok(None),
    };
    ad_of("id", &air::encode(&frame)).map(Some)
}

fn beacon(text: &str) -> Option<(Uuid, u16, u16)> {
    let (uuid, numbers) = text.split_at_checked(UUID_TEXT_LEN)?;
    let (major, minor) = numbers.strip_prefix('-')?.split_once('-')?;
    Some((
        Uuid::parse_str(uuid).ok()?,
        major.parse().ok()?,
        minor.parse().ok()?,
    ))
}

/// The first service UUID of 128 bits, wherever it stands among shorter ones.
fn listed(text: &str) -> Option<AdData> {
    let starts = text.char_indices().map(|(at, _)| at);
    let mut uuids = starts.filter_map(|at| Uuid::parse_str(text.get(at..at + UUID_TEXT_LEN)?).ok());
    let mut ad = AdData::new();
    ad.push_service_uuid(uuids.next()?).ok()?;
    Some(ad)
}
