//! reelyActive's middleware: `raddec/RECEIVER/devices/TRANSMITTER/TYPE/raddec`.
//!
//! Format: the raddec JSON of github.com/reelyactive/raddec (README, version 0.6) and of
//! reelyactive.github.io/diy/cheatsheet, and the topics of npmjs.com/package/barnacles-mqtt:
//! `TOPICPREFIX/devices/…`, of which the prefix is to be `raddec/RECEIVER`, one for each receiver. `rssiSignature` lists who received it and how loud; of it only the topic's own
//! receiver counts. `packets` are PDUs of the link layer in hexadecimal digits (Core specification,
//! volume 6, part B, 2.3): two bytes of header, six of address, then advertising data. `timestamp` is in
//! milliseconds of Unix time.

use serde_json::Value;

use super::{
    ADVERTS_MAX, Advert, Decoder, Fields, RadioError, RadioKind,
    fields::{ad_of, same_id},
};

/// Header and address before the advertising data.
const BEFORE_AD_LEN: usize = 2 + 6;

pub(super) const DECODER: Decoder = Decoder {
    kind: RadioKind::Raddec,
    name: "raddec",
    filters: &["raddec/#"],
    own: &["raddec/{}/#"],
    will: None,
    radio: |levels| matches!(levels, ["raddec", _, _, ..]).then_some(1),
    read,
};

fn read(levels: &[&str], payload: &[u8]) -> Result<Vec<Advert>, RadioError> {
    let receiver = match levels {
        ["raddec", receiver, .., "raddec"] => *receiver,
        // What the middleware made of it: `dynamb` and `spatem`.
        ["raddec", _, ..] => return Ok(Vec::new()),
        _ => return Err(RadioError::Topic),
    };
    let fields = Fields::read(payload)?;
    let rssi_dbm = signature(&fields, receiver)?;
    let heard_ms = fields.unix_ms("timestamp", 1.0)?;
    let (field, wanted) = ("packets", "packets in hexadecimal digits");
    let wrong = RadioError::Field { field, wanted };
    let packets = match fields.get("packets") {
        None => return Err(RadioError::NoAdvert),
        Some(packets) => packets.as_array().ok_or(wrong)?,
    };
    if packets.len() > ADVERTS_MAX {
        let wanted = "at most 16 packets";
        return Err(RadioError::Field { field, wanted });
    }
    let mut adverts = Vec::with_capacity(packets.len());
    for packet in packets {
        let bytes = packet.as_str().ok_or(wrong)?;
        let bytes = hex::decode(bytes).map_err(|_| wrong)?;
        if let Some(ad) = advertising_data(&bytes)? {
            adverts.push(Advert {
                ad: ad_of("packets", ad)?,
                rssi_dbm,
                heard_ms,
            });
        }
    }
    if adverts.is_empty() {
        return Err(RadioError::NoAdvert);
    }
    Ok(adverts)
}

/// How loud the topic's own receiver had it.
fn signature(fields: &Fields, receiver: &str) -> Result<i8, RadioError> {
    let (field, wanted) = ("rssiSignature", "a list of receivers");
    let all = fields.get(field).ok_or(RadioError::Missing(field))?;
    let all = all
        .as_array()
        .ok_or(RadioError::Field { field, wanted })?
        .iter();
    let own = |entry: &&Value| {
        let id = entry.get("receiverId").and_then(Value::as_str);
        id.is_some_and(|id| same_id(id, receiver))
    };
    let own = all.clone().find(own).and_then(Fields::of);
    own.ok_or(RadioError::Another("receiverId"))?.rssi_dbm()
}

/// Of the PDUs that have some: ADV_IND, ADV_NONCONN_IND, SCAN_RSP, ADV_SCAN_IND.
fn advertising_data(pdu: &[u8]) -> Result<Option<&[u8]>, RadioError> {
    let (field, wanted) = ("packets", "whole PDUs of the link layer");
    let broken = RadioError::Field { field, wanted };
    let [header, len, ..] = pdu else {
        return Err(broken);
    };
    if usize::from(*len) + 2 != pdu.len() {
        return Err(broken);
    }
    match header & 0x0f {
        0 | 2 | 4 | 6 => pdu.get(BEFORE_AD_LEN..).map(Some).ok_or(broken),
        _ => Ok(None),
    }
}
