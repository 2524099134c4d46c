//! OpenMQTTGateway and Theengs Gateway: `home/GATEWAY/BTtoMQTT/MAC`, and `home/GATEWAY/SYStoMQTT`.
//!
//! Format: docs.openmqttgateway.com, "BLE gateway", version 1.7 (`docs/use/ble.md` of
//! 1technophile/OpenMQTTGateway), and gateway.theengs.io, which says that it has "the same MQTT topic
//! structure and the same payload messages". With `pubadvdata` (Theengs: `publish_advdata`) a message
//! has what the Bluetooth stack took apart: `manufacturerdata`, company identifier first as over the
//! air, and `servicedata` under `servicedatauuid`, which is `0xfeaa`, `feaa` or a whole UUID. Without
//! A UUID of 128 bits comes from Theengs as its fifth to eighth digit (`ble_gateway.py`: its decoder
//! "only accepts 16 bit UUIDs"); of ours these are no UUID that anybody was assigned, and whether it is
//! an identity of ours is seen when it is resolved. Without
//! it, an iBeacon still comes as decoded fields: `uuid`, `major`, `minor`, `txpower`. Neither has a
//! time, unless OpenMQTTGateway is told to add `unixtime`, in seconds.

use uuid::Uuid;

use super::{Advert, Decoder, Fields, RadioError, RadioKind, fields::ad_of};
use crate::air::{self, AdData, Frame, SERVICE_UUID, bluetooth_base};

/// Received strength at 1 m of a beacon that does not say.
pub(super) const TX_POWER_USUAL_DBM: i8 = -59;

pub(super) const DECODER: Decoder = Decoder {
    kind: RadioKind::OpenMqttGateway,
    name: "openmqttgateway",
    filters: &["home/+/BTtoMQTT/+", "home/+/SYStoMQTT"],
    own: &["home/{}/BTtoMQTT/+", "home/{}/+"],
    will: Some("home/{}/LWT"),
    radio: |levels| matches!(levels, ["home", _, _] | ["home", _, "BTtoMQTT", _]).then_some(1),
    read,
};

fn read(levels: &[&str], payload: &[u8]) -> Result<Vec<Advert>, RadioError> {
    match levels {
        ["home", _, "BTtoMQTT", _] => {}
        ["home", _, "SYStoMQTT"] => return Ok(Vec::new()),
        _ => return Err(RadioError::Topic),
    }
    let fields = Fields::read(payload)?;
    let ad = match taken_apart(&fields)? {
        Some(ad) => ad,
        None => i_beacon(&fields)?.ok_or(RadioError::NoAdvert)?,
    };
    Ok(vec![Advert {
        ad,
        rssi_dbm: fields.rssi_dbm()?,
        heard_ms: fields.unix_ms("unixtime", 1_000.0)?,
    }])
}

fn taken_apart(fields: &Fields) -> Result<Option<AdData>, RadioError> {
    let mut ad = AdData::new();
    if let Some(data) = fields.hex("servicedata")?
        && let Some(uuid) = fields.text("servicedatauuid")?
    {
        let (field, wanted) = ("servicedatauuid", "a UUID");
        let uuid = uuid_of(uuid).ok_or(RadioError::Field { field, wanted })?;
        let (field, wanted) = ("servicedata", "at most 254 bytes");
        ad.push_service_data(uuid, &data)
            .map_err(|_| RadioError::Field { field, wanted })?;
    }
    if let Some(data) = fields.hex("manufacturerdata")? {
        let field = "manufacturerdata";
        let short = RadioError::Field {
            field,
            wanted: "a company identifier and data",
        };
        let (company, data) = data.split_first_chunk().ok_or(short)?;
        let wanted = "at most 254 bytes";
        ad.push_manufacturer(u16::from_le_bytes(*company), data)
            .map_err(|_| RadioError::Field { field, wanted })?;
    }
    Ok((!ad.as_bytes().is_empty()).then_some(ad))
}

fn uuid_of(text: &str) -> Option<Uuid> {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    match digits.len() {
        4 => {
            let short = u16::from_str_radix(digits, 16).ok()?;
            let [_, _, a, b, ..] = *SERVICE_UUID.as_bytes();
            Some(match short.to_be_bytes() == [a, b] {
                true => SERVICE_UUID,
                false => bluetooth_base(short),
            })
        }
        _ => Uuid::parse_str(digits).ok(),
    }
}

/// From decoded fields.
fn i_beacon(fields: &Fields) -> Result<Option<AdData>, RadioError> {
    let (Some(uuid), Some(major), Some(minor)) = (
        fields.text("uuid")?,
        fields.u16("major")?,
        fields.u16("minor")?,
    ) else {
        return Ok(None);
    };
    let (field, wanted) = ("uuid", "a UUID");
    let uuid = Uuid::parse_str(uuid).map_err(|_| RadioError::Field { field, wanted })?;
    let power = fields.number("txpower")?;
    let power = power.filter(|dbm| (-127.0..=20.0).contains(dbm));
    let frame = Frame::IBeacon {
        uuid,
        major,
        minor,
        tx_power_dbm: power.map_or(TX_POWER_USUAL_DBM, |dbm| dbm.round() as i8),
    };
    ad_of("uuid", &air::encode(&frame)).map(Some)
}
