//! Advertising data to words: what `welkom-gateway decode` and `replay --json` say of a frame.
//!
//! In: lines of JSON with advertising data in one of the ways in which collections of payloads
//! write it. Out: one line of JSON for each line in.
//! Promises: total: a line that cannot be read is `malformed` and says why.
//! Invariant: nothing is kept from one line to the next.

use std::{
    collections::BTreeMap,
    io::{self, BufRead, Write},
};

use protocol::{
    Frame, Ignored,
    air::{self, AD_LEN_MAX, AdData, bluetooth_base},
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A frame as JSON: `{"frame":"ibeacon", …}`. Bytes are hexadecimal digits in lower case.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "frame", rename_all = "kebab-case")]
pub enum FrameView {
    /// Our own service data, or our service UUID (`tx_power_dbm` is null there).
    Welkom {
        /// The rotating identity.
        eid: String,
        /// Received strength at 1 m.
        tx_power_dbm: Option<i8>,
        /// `service-data` or `service-uuid`.
        layout: &'static str,
    },
    /// iBeacon.
    Ibeacon {
        /// With hyphens.
        uuid: Uuid,
        /// First number.
        major: u16,
        /// Second number.
        minor: u16,
        /// Received strength at 1 m.
        tx_power_dbm: i8,
    },
    /// AltBeacon.
    Altbeacon {
        /// Four hexadecimal digits.
        company_id: String,
        /// With hyphens.
        uuid: Uuid,
        /// First number.
        major: u16,
        /// Second number.
        minor: u16,
        /// Received strength at 1 m.
        tx_power_dbm: i8,
        /// 0 where it is left out.
        mfg_reserved: u8,
    },
    /// Eddystone-UID.
    EddystoneUid {
        /// 20 hexadecimal digits.
        namespace: String,
        /// 12 hexadecimal digits.
        instance: String,
        /// Received strength at 0 m.
        tx_power_dbm: i8,
    },
    /// Eddystone-EID.
    EddystoneEid {
        /// 16 hexadecimal digits.
        eid: String,
        /// Received strength at 0 m.
        tx_power_dbm: i8,
    },
    /// Eddystone-TLM.
    EddystoneTlm {
        /// 0: no battery, or it does not say.
        battery_mv: u16,
        /// Null: it has no thermometer.
        temperature_c: Option<f64>,
        /// Frames since it was switched on.
        adv_count: u32,
        /// Milliseconds since it was switched on.
        uptime_ms: u64,
    },
    /// Encrypted Eddystone-TLM.
    EddystoneEtlm {
        /// 24 hexadecimal digits.
        encrypted: String,
        /// A number, as the specification has it (big-endian).
        salt: u16,
        /// A number, as the specification has it (big-endian).
        mic: u16,
    },
    /// Eddystone-URL.
    EddystoneUrl {
        /// Unfolded.
        url: String,
        /// Received strength at 0 m.
        tx_power_dbm: i8,
    },
    /// In none of our layouts.
    Foreign {
        /// `apple-overflow-area`, if it is that.
        #[serde(skip_serializing_if = "Option::is_none")]
        layout: Option<&'static str>,
    },
    /// Broken.
    Malformed {
        /// How.
        reason: String,
    },
}

impl FrameView {
    /// Says what these bytes are.
    pub fn of(ad: &[u8]) -> Self {
        match air::decode(ad) {
            Ok(frame) => Self::of_frame(&frame),
            Err(Ignored::Foreign) => Self::Foreign { layout: None },
            Err(Ignored::AppleOverflow) => Self::Foreign {
                layout: Some("apple-overflow-area"),
            },
            Err(Ignored::Malformed(why)) => Self::malformed(why.to_string()),
        }
    }

    fn malformed(reason: impl Into<String>) -> Self {
        Self::Malformed {
            reason: reason.into(),
        }
    }

    fn of_frame(frame: &Frame) -> Self {
        match *frame {
            Frame::Welkom { eid, tx_power_dbm } => Self::Welkom {
                eid: eid.to_string(),
                tx_power_dbm: Some(tx_power_dbm),
                layout: "service-data",
            },
            Frame::WelkomUuid { eid } => Self::Welkom {
                eid: eid.to_string(),
                tx_power_dbm: None,
                layout: "service-uuid",
            },
            Frame::IBeacon {
                uuid,
                major,
                minor,
                tx_power_dbm,
            } => Self::Ibeacon {
                uuid,
                major,
                minor,
                tx_power_dbm,
            },
            Frame::AltBeacon {
                company_id,
                uuid,
                major,
                minor,
                tx_power_dbm,
                mfg_reserved,
            } => Self::Altbeacon {
                company_id: format!("{company_id:04x}"),
                uuid,
                major,
                minor,
                tx_power_dbm,
                mfg_reserved,
            },
            Frame::EddystoneUid {
                namespace,
                instance,
                tx_power_dbm,
            } => Self::EddystoneUid {
                namespace: namespace.to_string(),
                instance: hex::encode(instance),
                tx_power_dbm,
            },
            Frame::EddystoneEid { eid, tx_power_dbm } => Self::EddystoneEid {
                eid: eid.to_string(),
                tx_power_dbm,
            },
            Frame::EddystoneTlm(telemetry) => Self::EddystoneTlm {
                battery_mv: telemetry.battery_mv,
                temperature_c: telemetry.temperature_c(),
                adv_count: telemetry.adv_count,
                uptime_ms: telemetry.uptime_ms(),
            },
            Frame::EddystoneEtlm {
                encrypted,
                salt,
                mic,
            } => Self::EddystoneEtlm {
                encrypted: hex::encode(encrypted),
                salt,
                mic,
            },
            Frame::EddystoneUrl { url, tx_power_dbm } => Self::EddystoneUrl {
                url: url.to_string(),
                tx_power_dbm,
            },
        }
    }
}

/// Reads lines, writes as many.
pub fn lines(from: impl BufRead, mut to: impl Write) -> io::Result<()> {
    for line in from.split(b'\n') {
        serde_json::to_writer(&mut to, &line_view(&line?))?;
        to.write_all(b"\n")?;
    }
    to.flush()
}

/// Advertising data as collections write it: as bytes, or already taken apart into maps of
/// company identifiers and service UUIDs (4 or 32 hexadecimal digits).
#[derive(Deserialize)]
struct Line {
    payload_hex: Option<String>,
    manufacturer_data: Option<BTreeMap<String, String>>,
    service_data: Option<BTreeMap<String, String>>,
}

fn line_view(line: &[u8]) -> FrameView {
    match serde_json::from_slice(line) {
        Ok(line) => read(line).unwrap_or_else(FrameView::malformed),
        Err(error) => FrameView::malformed(format!("not a line of JSON: {error}")),
    }
}

fn read(line: Line) -> Result<FrameView, String> {
    if let Some(payload) = line.payload_hex {
        return Ok(FrameView::of(&bytes("payload_hex", &payload)?));
    }
    if line.manufacturer_data.is_none() && line.service_data.is_none() {
        return Err("no payload_hex, manufacturer_data or service_data".into());
    }
    // Each entry by itself: together they may be longer than an advertisement.
    let mut views = Vec::new();
    for (company, data) in line.manufacturer_data.unwrap_or_default() {
        let data = bytes("manufacturer_data", &data)?;
        let company_id = u16::from_str_radix(&company, 16);
        let company_id = company_id.map_err(|_| format!("{company:?} is no company identifier"))?;
        let mut ad = AdData::new();
        let pushed = ad.push_manufacturer(company_id, &data);
        pushed.map_err(|error| error.to_string())?;
        views.push(FrameView::of(ad.as_bytes()));
    }
    for (uuid, data) in line.service_data.unwrap_or_default() {
        let data = bytes("service_data", &data)?;
        let Some(uuid) = service_uuid(&uuid)? else {
            views.push(FrameView::Foreign { layout: None });
            continue;
        };
        let mut ad = AdData::new();
        let pushed = ad.push_service_data(uuid, &data);
        pushed.map_err(|error| error.to_string())?;
        views.push(FrameView::of(ad.as_bytes()));
    }
    Ok(most_telling(views))
}

/// Collections leave the UUID empty where its source did not say it: then it is nobody's.
fn service_uuid(text: &str) -> Result<Option<Uuid>, String> {
    match text.len() {
        0 => Ok(None),
        1..=4 => u16::from_str_radix(text, 16)
            .map(|short| Some(bluetooth_base(short)))
            .map_err(|_| format!("{text:?} is no service UUID")),
        _ => Uuid::parse_str(text)
            .map(Some)
            .map_err(|_| format!("{text:?} is no service UUID")),
    }
}

fn bytes(key: &str, text: &str) -> Result<Vec<u8>, String> {
    let bytes = hex::decode(text).map_err(|error| format!("{key}: {error}"))?;
    if bytes.len() > AD_LEN_MAX {
        return Err(format!(
            "{key}: {} bytes, an advertisement has at most {AD_LEN_MAX}",
            bytes.len()
        ));
    }
    Ok(bytes)
}

/// As [`air::decode`] chooses among structures: a frame, else what is broken, else a stranger.
fn most_telling(views: Vec<FrameView>) -> FrameView {
    let rank = |view: &FrameView| match view {
        FrameView::Foreign { layout: None } => 2,
        FrameView::Malformed { .. } | FrameView::Foreign { .. } => 1,
        _ => 0,
    };
    let best = views.into_iter().min_by_key(rank);
    best.unwrap_or(FrameView::Foreign { layout: None })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn decoded(line: &str) -> Value {
        serde_json::to_value(line_view(line.as_bytes())).unwrap()
    }

    fn reason(line: &str) -> String {
        let view = decoded(line);
        assert_eq!(view["frame"], "malformed", "{view}");
        view["reason"].as_str().unwrap().to_owned()
    }

    #[test]
    fn bytes_and_maps_of_one_advertisement_say_the_same() {
        let body = "02150102030405060708090a0b0c0d0e0f1000010002c5";
        let expected = json!({
            "frame": "ibeacon", "uuid": "01020304-0506-0708-090a-0b0c0d0e0f10",
            "major": 1, "minor": 2, "tx_power_dbm": -59,
        });
        for line in [
            format!(r#"{{"payload_hex":"0201061aff4c00{body}","note":"x"}}"#),
            format!(r#"{{"manufacturer_data":{{"004c":"{body}"}}}}"#),
            format!(
                r#"{{"manufacturer_data":{{"0001":"ff","004c":"{body}"}},"service_data":{{"":"00"}}}}"#
            ),
        ] {
            assert_eq!(decoded(&line), expected);
        }
    }

    #[test]
    fn service_data_by_short_and_long_uuid() {
        let expected = json!({
            "frame": "eddystone-tlm", "battery_mv": 3_000, "temperature_c": 21.0,
            "adv_count": 69, "uptime_ms": 60_000,
        });
        for uuid in ["feaa", "0000feaa-0000-1000-8000-00805f9b34fb"] {
            let line = format!(r#"{{"service_data":{{"{uuid}":"20000bb815000000004500000258"}}}}"#);
            assert_eq!(decoded(&line), expected);
        }
    }

    #[test]
    fn what_cannot_be_read_says_why() {
        assert!(reason("{").starts_with("not a line of JSON"));
        assert!(reason("").starts_with("not a line of JSON"));
        assert_eq!(
            reason(r#"{"hci_event_hex":"04"}"#),
            "no payload_hex, manufacturer_data or service_data"
        );
        assert!(reason(r#"{"payload_hex":"0"}"#).starts_with("payload_hex"));
        assert!(reason(r#"{"manufacturer_data":{"xyz":"00"}}"#).contains("company"));
        assert!(reason(r#"{"service_data":{"feaax":"00"}}"#).contains("service UUID"));
        let long = format!(r#"{{"payload_hex":"{}"}}"#, "00".repeat(300));
        assert!(reason(&long).contains("300 bytes"));
    }

    #[test]
    fn one_line_out_for_each_line_in() {
        let mut out = Vec::new();
        lines(&b"{\"payload_hex\":\"\"}\n\nx\n"[..], &mut out).unwrap();
        let frames: Vec<Value> = out
            .split(|b| *b == b'\n')
            .filter(|line| !line.is_empty())
            .map(|line| serde_json::from_slice::<Value>(line).unwrap()["frame"].clone())
            .collect();
        assert_eq!(frames, ["foreign", "malformed", "malformed"]);
    }
}
