use proptest::prelude::*;

use super::*;

fn eid() -> Eid {
    Eid([1, 2, 3, 4, 5, 6, 7, 8])
}

fn namespace() -> Namespace {
    Namespace([0xa0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
}

fn telemetry() -> Telemetry {
    Telemetry {
        battery_mv: 2_840,
        temperature_raw: 0x1580,
        adv_count: 5_223,
        uptime_ds: 10_948,
    }
}

fn frames() -> Vec<Frame> {
    let (uuid, major, minor, tx_power_dbm) = (Uuid::from_u128(7), 1, 65_535, -61);
    vec![
        Frame::Welkom {
            eid: eid(),
            tx_power_dbm: -59,
        },
        Frame::WelkomUuid { eid: eid() },
        Frame::EddystoneEid {
            eid: eid(),
            tx_power_dbm: -18,
        },
        Frame::EddystoneUid {
            namespace: namespace(),
            instance: [9, 8, 7, 6, 5, 4],
            tx_power_dbm: -18,
        },
        Frame::EddystoneUrl {
            url: Url::from_bytes(b"\x03welkom\x0dkade9").unwrap(),
            tx_power_dbm: 4,
        },
        Frame::EddystoneTlm(telemetry()),
        Frame::EddystoneEtlm {
            encrypted: [0x41; 12],
            salt: 0xdead,
            mic: 0xbeff,
        },
        Frame::IBeacon {
            uuid,
            major,
            minor,
            tx_power_dbm,
        },
        Frame::AltBeacon {
            company_id: 0x0118,
            uuid,
            major,
            minor,
            tx_power_dbm,
            mfg_reserved: 9,
        },
    ]
}

fn malformed(why: Malformed) -> Result<Frame, Ignored> {
    Err(Ignored::Malformed(why))
}

/// Advertising data of the structures given as hexadecimal digits.
fn decode_hex(text: &str) -> Result<Frame, Ignored> {
    decode(&hex::decode(text.replace(' ', "")).unwrap())
}

#[test]
fn each_layout_goes_there_and_back_and_fits_a_legacy_advertisement() {
    for frame in frames() {
        let ad = encode(&frame);
        assert_eq!(decode(&ad), Ok(frame));
        assert!(
            ad.len() <= LEGACY_LEN_MAX,
            "{frame:?} takes {} bytes",
            ad.len()
        );
        if let Some(transmitter) = frame.transmitter() {
            assert_eq!(transmitter.to_string().parse(), Ok(transmitter));
        }
    }
}

#[test]
fn a_cut_frame_is_malformed_and_not_another_frame() {
    for frame in frames() {
        let ad = encode(&frame);
        for cut in 0..ad.len() {
            assert!(decode(&ad[..cut]).is_err(), "{frame:?} cut to {cut}");
        }
    }
}

/// One structure of this type that begins with `head` and ends in `body_len` bytes.
fn structure(kind: u8, head: &[u8], body_len: usize) -> Option<Vec<u8>> {
    let len = u8::try_from(1 + head.len() + body_len).ok()?;
    let mut ad = vec![len, kind];
    ad.extend(head);
    ad.extend(std::iter::repeat_n(0x2a, body_len));
    Some(ad)
}

#[test]
fn frames_of_every_length_are_refused_by_name_but_for_the_right_one() {
    let own: Vec<u8> = SERVICE_UUID.as_bytes().iter().rev().copied().collect();
    let eddystone = |kind: &[u8]| [&[0xaa, 0xfe], kind].concat();
    let layouts: [(u8, Vec<u8>, &[usize], Malformed); 7] = [
        (0x21, own, &[9], Malformed::WelkomLength),
        (
            0x16,
            eddystone(&[0x30]),
            &[9],
            Malformed::EddystoneEidLength,
        ),
        (
            0x16,
            eddystone(&[0x00]),
            &[17, 19],
            Malformed::EddystoneUidLength,
        ),
        (
            0x16,
            eddystone(&[0x20, 0]),
            &[12],
            Malformed::EddystoneTlmLength,
        ),
        (
            0x16,
            eddystone(&[0x20, 1]),
            &[16],
            Malformed::EddystoneEtlmLength,
        ),
        (
            0xff,
            vec![0x4c, 0, 2, 0x15],
            &[21],
            Malformed::IBeaconLength,
        ),
        (
            0xff,
            vec![0x18, 1, 0xbe, 0xac],
            &[21, 22],
            Malformed::AltBeaconLength,
        ),
    ];
    for (kind, head, right, why) in layouts {
        for len in 0..=255 {
            let Some(ad) = structure(kind, &head, len) else {
                break;
            };
            if right.contains(&len) {
                assert!(decode(&ad).is_ok(), "{why} at {len}");
            } else {
                assert_eq!(decode(&ad), malformed(why), "{len}");
            }
        }
    }
}

#[test]
fn an_address_unfolds_and_reserved_bytes_are_refused() {
    let url = |bytes: &[u8]| Url::from_bytes(bytes).map(|url| url.to_string());
    assert_eq!(url(b"\x02google\x07/x"), Ok("http://google.com/x".into()));
    assert_eq!(url(b"\x01kade9\x00"), Ok("https://www.kade9.com/".into()));
    assert_eq!(url(b"\x04x"), Err(UrlError::Reserved));
    assert_eq!(url(b"\x00a b"), Err(UrlError::Reserved));
    assert_eq!(url(b""), Err(UrlError::Length));
    assert_eq!(url(&[b'a'; 19]), Err(UrlError::Length));
}

#[test]
fn telemetry_is_in_the_units_of_the_specification() {
    let frame = decode_hex("02 01 06 03 03 aafe 11 16 aafe 20 00 0b18 1580 00001467 00002ac4 e4");
    assert_eq!(frame, Ok(Frame::EddystoneTlm(telemetry())));
    assert_eq!(telemetry().temperature_c(), Some(21.5));
    assert_eq!(telemetry().uptime_ms(), 1_094_800);
    let none = Telemetry {
        temperature_raw: i16::MIN,
        ..telemetry()
    };
    assert_eq!(none.temperature_c(), None);
}

#[test]
fn eddystone_that_the_list_of_uuids_does_not_name_is_none() {
    let uid = "17 16 aafe 00 e3 00010203040506070809 010203040506 0000";
    assert!(decode_hex(uid).is_ok());
    assert!(decode_hex(&format!("05 03 0f18 aafe {uid}")).is_ok());
    assert_eq!(
        decode_hex(&format!("03 03 abfe {uid}")),
        malformed(Malformed::EddystoneNotListed)
    );
}

#[test]
fn apples_overflow_area_is_told_from_other_apple_frames() {
    assert_eq!(
        decode_hex(
            "02011a 02 0a 0c 0e ff 4c00 0f05a0336aa5f110025b0c 14 ff 4c00 01 56fe8749000000000000000000000000"
        ),
        Err(Ignored::AppleOverflow)
    );
    // A classic device's name behind the same type.
    assert_eq!(
        decode_hex("11 ff 4c00 01 4d6163426f6f6b416972332c31"),
        Err(Ignored::Foreign)
    );
}

#[test]
fn a_frame_wins_over_what_stands_before_it() {
    let ours = hex::encode(encode(&frames()[0]));
    assert!(decode_hex(&format!("05 ff 9904 0500 {ours}")).is_ok());
    assert!(decode_hex(&format!("03 ff 4c00 02 16 aa {ours}")).is_ok());
}

#[test]
fn other_manufacturers_are_foreign() {
    assert_eq!(decode(&[5, 0xff, 0x99, 0x04, 5, 0]), Err(Ignored::Foreign));
    assert_eq!(decode(&[]), Err(Ignored::Foreign));
}

#[test]
fn service_data_under_a_long_uuid_that_abbreviates_is_the_same_advertisement() {
    let mut ad = AdData::new();
    let data = [&[0x30, 0xe7][..], &[7; 8]].concat();
    ad.push_service_data(bluetooth_base(EDDYSTONE_UUID16), &data)
        .unwrap();
    assert_eq!(ad.as_bytes()[..4], [13, 0x16, 0xaa, 0xfe]);
    assert!(decode(ad.as_bytes()).is_ok());
}

#[test]
fn what_does_not_fit_is_refused_and_changes_nothing() {
    let mut ad = AdData::new();
    ad.push_manufacturer(0x0499, &[1; 200]).unwrap();
    let before = ad.as_bytes().to_vec();
    assert_eq!(ad.push_manufacturer(0x0499, &[1; 100]), Err(AdFull));
    assert_eq!(ad.push(0xff, &[&[0; 300]]), Err(AdFull));
    assert_eq!(ad.as_bytes(), before);
}

proptest! {
    #[test]
    fn any_bytes_of_any_length_give_an_answer(ad in prop::collection::vec(any::<u8>(), 0..=255)) {
        let _ = decode(&ad);
    }

    #[test]
    fn any_text_is_a_transmitter_or_none(text in ".{0,80}") {
        if let Ok(transmitter) = text.parse::<Transmitter>() {
            prop_assert_eq!(transmitter.to_string().parse(), Ok(transmitter));
        }
    }
}
