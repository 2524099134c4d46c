use proptest::prelude::*;
use uuid::uuid;

use super::*;
use crate::{
    Frame, Ignored,
    air::{self, identity_uuid},
    eid::Eid,
};

const EID: Eid = Eid([0xfa, 0x41, 0xc4, 0x40, 0x5b, 0x14, 0xfe, 0xa0]);

fn frames(kind: RadioKind, topic: &str, payload: &str) -> Vec<Result<Frame, Ignored>> {
    let adverts = decode(kind, topic, payload.as_bytes()).unwrap();
    let adverts = adverts.iter();
    adverts.map(|a| air::decode(a.ad.as_bytes())).collect()
}

#[test]
fn the_table_is_in_the_order_of_the_kinds() {
    for kind in RadioKind::ALL {
        assert_eq!(kind.decoder().kind, kind);
        assert_eq!(kind.as_str().parse(), Ok(kind));
    }
}

#[test]
fn a_topic_says_whose_it_is() {
    for (topic, kind, name) in [
        (
            "ruuvi/C8:25:2D:8E:9C:2C/D1:F0:57:19:AB:42",
            RadioKind::Ruuvi,
            "C8:25:2D:8E:9C:2C",
        ),
        (
            "ruuvi/C8:25:2D:8E:9C:2C/gw_status",
            RadioKind::Ruuvi,
            "C8:25:2D:8E:9C:2C",
        ),
        (
            "home/omg-shoes/BTtoMQTT/A4C138001122",
            RadioKind::OpenMqttGateway,
            "omg-shoes",
        ),
        (
            "home/omg-shoes/LWT",
            RadioKind::OpenMqttGateway,
            "omg-shoes",
        ),
        (
            "espresense/devices/iBeacon:x-1-2/till",
            RadioKind::Espresense,
            "till",
        ),
        (
            "espresense/rooms/till/status",
            RadioKind::Espresense,
            "till",
        ),
        (
            "raddec/001bc50940810000/devices/aa/3/raddec",
            RadioKind::Raddec,
            "001bc50940810000",
        ),
    ] {
        let of = of_topic(topic).unwrap();
        assert_eq!((of.0, of.1.as_str()), (kind, name), "{topic}");
    }
    for topic in [
        "",
        "ruuvi",
        "ruuvi/a",
        "ruuvi/a/b/c",
        "ruuvi/+/b",
        "ruuvi/#",
        "home/a b/LWT",
        "home//LWT",
        "espresense/settings/a",
        "raddec/a",
        "welkom/v1/stores/a/gateways/b/sightings",
    ] {
        assert_eq!(of_topic(topic), None, "{topic}");
    }
}

#[test]
fn a_listed_service_uuid_is_an_identity_even_where_only_an_id_is_left() {
    let id = format!("ad:0x180f{}59", identity_uuid(EID));
    let topic = format!("espresense/devices/{id}/till");
    let found = frames(RadioKind::Espresense, &topic, r#"{"rssi": -61.4}"#);
    assert_eq!(found, [Ok(Frame::WelkomUuid { eid: EID })]);
}

#[test]
fn a_decoded_i_beacon_is_put_back_together() {
    let payload = r#"{"id":"60:87:57:4C:9B:C2","rssi":-78,"model_id":"IBEACON","mfid":"4c00",
        "uuid":"5f2d9c4e0d1b4a7e9a551c0f8e2b7a01","major":7,"minor":300,"txpower":-66}"#;
    let frame = Frame::IBeacon {
        uuid: uuid!("5f2d9c4e-0d1b-4a7e-9a55-1c0f8e2b7a01"),
        major: 7,
        minor: 300,
        tx_power_dbm: -66,
    };
    let topic = "home/omg-shoes/BTtoMQTT/6087574C9BC2";
    assert_eq!(
        frames(RadioKind::OpenMqttGateway, topic, payload),
        [Ok(frame)]
    );
    let payload =
        r#"{"id":"iBeacon:5f2d9c4e-0d1b-4a7e-9a55-1c0f8e2b7a01-7-300","rssi":-78,"rssi@1m":-66}"#;
    let topic = "espresense/devices/alias/till";
    assert_eq!(frames(RadioKind::Espresense, topic, payload), [Ok(frame)]);
}

#[test]
fn a_clock_that_was_never_set_says_no_time() {
    let said = |ts: &str| {
        let payload = format!(r#"{{"rssi":-60,"data":"02011a","ts":{ts}}}"#);
        let adverts = decode(RadioKind::Ruuvi, "ruuvi/a/b", payload.as_bytes()).unwrap();
        adverts[0].heard_ms
    };
    assert_eq!(said(r#""1653633988""#), Some(1_653_633_988_000));
    assert_eq!(said("1653633988"), Some(1_653_633_988_000));
    assert_eq!(said("17"), None);
    assert_eq!(said("-1"), None);
    assert_eq!(said("1e300"), None);
    assert_eq!(said("null"), None);
}

proptest! {
    #[test]
    fn no_bytes_hurt_and_no_reason_repeats_them(
        topic in "(ruuvi/a/b|home/a/BTtoMQTT/b|espresense/devices/(ad:|iBeacon:|altBeacon:)?[-0-9a-f]{0,60}/a|raddec/a/raddec|.{0,40})",
        payload in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..200),
            "\\{\"rssi\":(-?[0-9]{1,4}(\\.5)?|\"-60\"|null|\\[\\]),\"(data|servicedata|id|uuid|packets|manufacturerdata)\":(\"[0-9a-fA-F]{0,80}\"|\\[\"[0-9a-f]{0,60}\"\\]|7),\"servicedatauuid\":\"(0x)?[0-9a-f]{2,8}\",\"rssiSignature\":\\[\\{\"receiverId\":\"a\",\"rssi\":-60\\}\\]\\}".prop_map(String::into_bytes),
        ],
    ) {
        let _ = of_topic(&topic);
        for kind in RadioKind::ALL {
            if let Ok(adverts) = decode(kind, &topic, &payload) {
                prop_assert!(adverts.len() <= ADVERTS_MAX);
                for advert in adverts {
                    let _ = air::decode(advert.ad.as_bytes());
                }
            }
        }
    }
}
