//! What is asked of each decoder, whatever the bytes: no panic, and what it understood can be
//! written and understood again.
//!
//! In: any bytes. Out: a panic, if a promise is broken. `cargo fuzz` finds the bytes; the
//! end-to-end tests feed each decoder what it found (`corpus/`), on stable Rust.

#![allow(
    dead_code,
    reason = "each fuzz target uses one of these; the test uses all"
)]

use gateway::{btsnoop::Recording, decode, hci, spool::segment};
use protocol::{
    Topic, Transmitter,
    air::{self, AdData},
    message::{Ack, Batch, Config, Status, to_json},
    radio::{self, RadioKind},
    sim::{AirLine, Hello},
};

/// Is asked of a decoder.
pub(crate) type Target = fn(&[u8]);

/// Name and function of every target.
pub(crate) const ALL: [(&str, Target); 8] = [
    ("air", air),
    ("btsnoop", btsnoop),
    ("hci", hci),
    ("lines", lines),
    ("message", message),
    ("radio", radio),
    ("segment", segment),
    ("text", text),
];

/// Advertising data. A frame, written and read again, is the same frame.
pub(crate) fn air(data: &[u8]) {
    if let Ok(frame) = air::decode(data) {
        assert_eq!(air::decode(&air::encode(&frame)), Ok(frame));
        if let Some(transmitter) = frame.transmitter() {
            assert_eq!(transmitter.to_string().parse(), Ok(transmitter));
        }
    }
    if let Ok(ad) = AdData::from_bytes(data) {
        assert_eq!(ad.as_bytes(), data);
    }
    // The same bytes as what BlueZ would give: a company's data, and a service's.
    if let Some((head, body)) = data.split_first_chunk::<16>() {
        let mut ad = AdData::new();
        let company_id = u16::from_le_bytes([head[0], head[1]]);
        if ad.push_manufacturer(company_id, body).is_ok() {
            let _ = air::decode(ad.as_bytes());
        }
        if ad
            .push_service_data(uuid::Uuid::from_bytes(*head), body)
            .is_ok()
        {
            let _ = air::decode(ad.as_bytes());
        }
    }
}

/// A recording. Each report is of the file, and an error ends them.
pub(crate) fn btsnoop(data: &[u8]) {
    let Ok(recording) = Recording::new(data.to_vec()) else {
        return;
    };
    let whole = recording.reports().flatten();
    let bytes: usize = whole.map(|report| report.ad.as_bytes().len()).sum();
    assert!(bytes <= data.len());
}

/// An HCI event.
pub(crate) fn hci(data: &[u8]) {
    let reports: Vec<_> = hci::reports(data).collect();
    let broken = reports.iter().position(Result::is_err);
    assert!(broken.is_none_or(|at| at + 1 == reports.len()));
}

/// Lines of `decode`: as many out as in, each of them JSON.
pub(crate) fn lines(data: &[u8]) {
    let mut out = Vec::new();
    decode::lines(data, &mut out).unwrap();
    let lines_in =
        data.split(|b| *b == b'\n').count() - usize::from(data.is_empty() || data.ends_with(b"\n"));
    let lines_out = out.split(|b| *b == b'\n').count() - 1;
    assert_eq!(lines_in, lines_out);
    for line in out.split(|b| *b == b'\n').filter(|line| !line.is_empty()) {
        serde_json::from_slice::<serde_json::Value>(line).unwrap();
    }
}

/// MQTT payloads and lines of the simulator. A message, written and read again, is the same.
pub(crate) fn message(data: &[u8]) {
    if let Ok(batch) = Batch::from_json(data) {
        assert_eq!(Batch::from_json(&to_json(&batch)).unwrap(), batch);
    }
    if let Ok(status) = Status::from_json(data) {
        assert_eq!(Status::from_json(&to_json(&status)).unwrap(), status);
    }
    if let Ok(ack) = Ack::from_json(data) {
        assert_eq!(Ack::from_json(&to_json(&ack)).unwrap(), ack);
    }
    if let Ok(config) = Config::from_json(data) {
        assert_eq!(Config::from_json(&to_json(&config)).unwrap(), config);
    }
    let _ = serde_json::from_slice::<Hello>(data);
    let _ = serde_json::from_slice::<AirLine>(data);
}

/// What other radios say: a topic, a line's end, a payload. Each kind stands it; what comes out are
/// advertising data like any other.
pub(crate) fn radio(data: &[u8]) {
    let at = data.iter().position(|b| *b == b'\n');
    let (topic, payload) = at.map_or((data, &[][..]), |at| (&data[..at], &data[at + 1..]));
    let topic = String::from_utf8_lossy(topic);
    let whose = radio::of_topic(&topic);
    for kind in RadioKind::ALL {
        let Ok(adverts) = radio::decode(kind, &topic, payload) else {
            continue;
        };
        assert_eq!(whose.as_ref().map(|(of, _)| *of), Some(kind));
        assert!(adverts.len() <= radio::ADVERTS_MAX);
        for advert in adverts {
            let _ = air::decode(advert.ad.as_bytes());
        }
    }
}

/// A segment of the spool, as it lies on a disk that lost its power. Checksums keep random bytes
/// out, so a whole segment is written as well and hurt in one place: what stands before that
/// place is read as it was written.
pub(crate) fn segment(data: &[u8]) {
    if let Ok(scan) = segment::scan(data) {
        for record in scan.records {
            let at = usize::try_from(record.offset).unwrap();
            segment::decode_record(data, at).unwrap();
        }
    }
    let Some((&[place, value, first], rest)) = data.split_first_chunk() else {
        return;
    };
    let header = segment::Header {
        stream: segment::Stream::Detail,
        boot: protocol::BootId(uuid::Uuid::from_u128(1)),
        machine_boot: uuid::Uuid::from_u128(2),
        clock: None,
        sealed: false,
    };
    let (first, second) = rest.split_at(usize::from(first).min(rest.len()));
    let mut bytes = header.encode().to_vec();
    segment::encode_record(&mut bytes, 1, first);
    let whole = bytes.len();
    segment::encode_record(&mut bytes, 2, second);
    let place = segment::HEADER_LEN + usize::from(place) % (bytes.len() - segment::HEADER_LEN);
    bytes[place] ^= value;
    let scan = segment::scan(&bytes).unwrap();
    if place >= whole {
        assert!(!scan.records.is_empty());
        let (seq, body) = segment::decode_record(&bytes, segment::HEADER_LEN).unwrap();
        assert_eq!((seq, body), (1, first));
    }
}

/// Topics and transmitters. What parses prints back.
pub(crate) fn text(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(topic) = text.parse::<Topic>() {
        assert_eq!(topic.to_string(), text);
    }
    if let Ok(transmitter) = text.parse::<Transmitter>() {
        assert_eq!(transmitter.to_string().parse(), Ok(transmitter));
    }
}
