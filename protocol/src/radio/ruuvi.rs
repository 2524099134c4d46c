//! Ruuvi Gateway: `ruuvi/GATEWAY/TAG`, and `ruuvi/GATEWAY/gw_status`.
//!
//! Format: docs.ruuvi.com, "Ruuvi Gateway firmware", "Data formats" (time-stamped data, and data without
//! timestamps; firmware 1.13), topics from "GW Examples", "MQTT examples". `data` is the raw advertising data in hexadecimal digits. `ts` is when the gateway
//! heard it, `gwts` when it sent this, both in seconds of Unix time, as text or, in older firmware, as
//! a number; without time synchronisation they are not there.

use super::{
    Advert, Decoder, Fields, RadioError, RadioKind,
    fields::{ad_of, same_id},
};

pub(super) const DECODER: Decoder = Decoder {
    kind: RadioKind::Ruuvi,
    name: "ruuvi",
    filters: &["ruuvi/+/+"],
    own: &["ruuvi/{}/+"],
    will: Some("ruuvi/{}/gw_status"),
    radio: |levels| matches!(levels, ["ruuvi", _, _]).then_some(1),
    read,
};

fn read(levels: &[&str], payload: &[u8]) -> Result<Vec<Advert>, RadioError> {
    let ["ruuvi", gateway, tag] = levels else {
        return Err(RadioError::Topic);
    };
    if *tag == "gw_status" {
        return Ok(Vec::new());
    }
    let fields = Fields::read(payload)?;
    if let Some(mac) = fields.text("gw_mac")?
        && !same_id(mac, gateway)
    {
        return Err(RadioError::Another("gw_mac"));
    }
    let data = fields.hex("data")?.ok_or(RadioError::Missing("data"))?;
    let heard_ms = match fields.unix_ms("ts", 1_000.0)? {
        Some(heard_ms) => Some(heard_ms),
        None => fields.unix_ms("gwts", 1_000.0)?,
    };
    Ok(vec![Advert {
        ad: ad_of("data", &data)?,
        rssi_dbm: fields.rssi_dbm()?,
        heard_ms,
    }])
}
