use protocol::message::{Counts, LinkState};
use uuid::Uuid;

use super::*;
use crate::{
    fleet::state::{BeaconState, GatewayState},
    store::shop::{self, AnchorKind, AnchorRow, Names, StoreRow},
};

const MINUTE_MS: u64 = 60_000;
/// The server's time, and the gateway's.
const NOW_MS: u64 = 1_795_352_940_000;
const MONO_MS: u64 = 500 * MINUTE_MS;

fn transmitter(minor: u16) -> Transmitter {
    Transmitter::IBeacon {
        uuid: Uuid::from_u128(7),
        major: 1,
        minor,
    }
}

fn store() -> StoreId {
    "kade-9".parse().unwrap()
}

fn names() -> Names {
    Names {
        nl: "Entree".into(),
        en: "Entrance".into(),
    }
}

fn put_beacon(db: &Connection, anchor: &str, zone: &str, minor: u16) {
    let row = AnchorRow {
        anchor: anchor.parse().unwrap(),
        zone: zone.parse().unwrap(),
        kind: AnchorKind::Beacon(transmitter(minor)),
        enter_rssi_dbm: -80,
    };
    shop::put_anchor(db, &store(), &row).unwrap();
}

/// A store with two gateways and two fixed beacons, 1 and 2.
fn furnished() -> (tempfile::TempDir, Connection) {
    let folder = tempfile::tempdir().unwrap();
    let db = super::super::open_writer(&folder.path().join("test.sqlite")).unwrap();
    let row = StoreRow {
        store: store(),
        name: "Kade 9".into(),
        timezone: "Europe/Amsterdam".into(),
        opens: "09:00".into(),
        closes: "18:00".into(),
        quiet: None,
        messages_per_day_max: 2,
    };
    shop::put_store(&db, &row, 1).unwrap();
    for zone in ["entree", "lampen"] {
        shop::put_zone(&db, &store(), &zone.parse().unwrap(), &names()).unwrap();
    }
    for gateway in ["back", "door"] {
        let gateway = gateway.parse().unwrap();
        shop::put_gateway(&db, NOW_MS, &store(), &gateway, &[0; 32]).unwrap();
    }
    put_beacon(&db, "b1", "entree", 1);
    put_beacon(&db, "b2", "lampen", 2);
    (folder, db)
}

/// A status so many minutes later.
fn status(minute: u64, beacons: Vec<BeaconHealth>) -> Heard {
    let passed_ms = minute * MINUTE_MS;
    Heard {
        status: Status {
            v: VERSION,
            state: LinkState::Online,
            boot: BootId(Uuid::from_u128(1)),
            sent_mono_ms: MONO_MS + passed_ms,
            version: "0.1.0".into(),
            plain: false,
            settings: None,
            counts: Counts {
                heard_total: minute + 1,
                ..Counts::default()
            },
            beacons,
        },
        retained: false,
        heard_ms: NOW_MS + passed_ms,
        listening_since_ms: Some(NOW_MS),
    }
}

/// A beacon that was last heard so many seconds before the first status.
fn health(minor: u16, ago_s: u64, rssi_dbm: i8) -> BeaconHealth {
    BeaconHealth {
        transmitter: transmitter(minor),
        heard_last_mono_ms: Some(MONO_MS - ago_s * 1_000),
        count: 9,
        rssi_dbm_median: Some(rssi_dbm),
        telemetry: None,
    }
}

fn said(ago_s: u64, battery_mv: u16) -> BeaconTelemetry {
    BeaconTelemetry {
        heard_mono_ms: MONO_MS - ago_s * 1_000,
        battery_mv: Some(battery_mv),
        temperature_centi_c: Some(-150),
        adv_count: 77,
        uptime_ms: 1_000,
    }
}

fn keep_of(db: &Connection, gateway: &str, heard: &Heard) -> bool {
    let kept = keep(db, &store(), &gateway.parse().unwrap(), heard);
    kept.unwrap().is_some()
}

fn all(db: &Connection) -> Vec<BeaconRow> {
    beacons(db, &store(), None, 100, &Judged::default()).unwrap()
}

fn rows(db: &Connection, table: &str) -> u32 {
    let sql = format!("SELECT count(*) FROM {table}");
    db.query_row(&sql, [], |row| row.get(0)).unwrap()
}

#[test]
fn a_beacon_was_heard_when_the_status_came_less_its_age() {
    let (_folder, db) = furnished();
    let mut first = health(1, 90, -61);
    first.telemetry = Some(said(30, 2_750));
    assert!(keep_of(&db, "door", &status(0, vec![first])));
    let beacon = &all(&db)[0];
    assert_eq!(beacon.kept.heard_last_ms(), Some(NOW_MS - 90_000));
    let telemetry = beacon.kept.telemetry.unwrap();
    assert_eq!(telemetry.heard_ms, NOW_MS - 30_000);
    assert_eq!(telemetry.temperature_centi_c, Some(-150));
    assert_eq!((telemetry.adv_count, telemetry.uptime_ms), (77, 1_000));
    assert_eq!(rows(&db, "beacon_cells"), 1);
    assert_eq!(beacon.kept.battery_percent(), Some(19));
    assert_eq!(beacon.kept.battery_low_since_ms, Some(NOW_MS - 30_000));
    let hearing = &beacon.kept.hearings[0];
    assert_eq!((hearing.count, hearing.rssi_dbm), (9, Some(-61)));
}

#[test]
fn a_status_that_heard_nothing_of_it_leaves_what_was_heard_before() {
    let (_folder, db) = furnished();
    keep_of(&db, "door", &status(0, vec![health(1, 5, -61)]));
    let silent = BeaconHealth {
        count: 0,
        rssi_dbm_median: None,
        ..health(1, 5, 0)
    };
    keep_of(&db, "door", &status(11, vec![silent]));
    let beacon = &all(&db)[0].kept;
    assert_eq!(beacon.heard_last_ms(), Some(NOW_MS - 5_000));
    assert_eq!(
        (beacon.hearings[0].count, beacon.hearings[0].rssi_dbm),
        (9, Some(-61))
    );
    let now_ms = NOW_MS + 11 * MINUTE_MS;
    let ears = ears(&gateways(&db, &store()).unwrap(), now_ms, Some(NOW_MS));
    let state = (BeaconState::NotHeard, Some(NOW_MS - 5_000));
    assert_eq!(beacon.seen(&ears, now_ms), state);
}

#[test]
fn the_newest_telemetry_counts_whoever_heard_it() {
    let (_folder, db) = furnished();
    for (gateway, ago_s, battery_mv) in
        [("door", 10, 2_900), ("back", 20, 2_700), ("back", 5, 2_800)]
    {
        let mut of = health(1, 5, -61);
        of.telemetry = Some(said(ago_s, battery_mv));
        let mut heard = status(0, vec![of]);
        heard.status.sent_mono_ms -= ago_s;
        keep_of(&db, gateway, &heard);
        let known = all(&db)[0].kept.telemetry.unwrap().battery_mv;
        let newest = if ago_s == 5 { 2_800 } else { 2_900 };
        assert_eq!(known, Some(newest));
    }
}

#[test]
fn what_is_no_beacon_of_the_store_leaves_nothing() {
    let (_folder, db) = furnished();
    let mut strange = health(99, 1, -40);
    strange.telemetry = Some(said(1, 3_000));
    let never = BeaconHealth {
        heard_last_mono_ms: None,
        count: 0,
        rssi_dbm_median: None,
        ..health(2, 0, 0)
    };
    assert!(keep_of(&db, "door", &status(0, vec![strange, never])));
    assert_eq!((rows(&db, "beacons"), rows(&db, "beacon_hearings")), (0, 0));
    assert_eq!(rows(&db, "gateway_statuses"), 1);
}

#[test]
fn a_gateway_without_credentials_leaves_nothing() {
    let (_folder, db) = furnished();
    assert!(!keep_of(&db, "cellar", &status(0, vec![health(1, 1, -40)])));
    assert_eq!(
        (rows(&db, "gateway_statuses"), rows(&db, "beacon_hearings")),
        (0, 0)
    );
}

#[test]
fn what_the_broker_repeats_says_nothing_of_beacons() {
    let (_folder, db) = furnished();
    let mut old = status(0, vec![health(1, 1, -40)]);
    old.retained = true;
    assert!(keep_of(&db, "door", &old));
    assert!(!keep_of(&db, "door", &old));
    assert_eq!(rows(&db, "beacon_hearings"), 0);
}

#[test]
fn gateways_are_listed_with_where_they_hang_also_before_they_spoke() {
    let (_folder, db) = furnished();
    let row = AnchorRow {
        anchor: "door".parse().unwrap(),
        zone: "entree".parse().unwrap(),
        kind: AnchorKind::Gateway("door".parse().unwrap()),
        enter_rssi_dbm: -70,
    };
    shop::put_anchor(&db, &store(), &row).unwrap();
    keep_of(&db, "door", &status(0, Vec::new()));
    let known = gateways(&db, &store()).unwrap();
    assert_eq!(known.len(), 2);
    assert_eq!((known[0].gateway.as_str(), &known[0].kept), ("back", &None));
    assert_eq!(known[1].zones, ["entree".parse().unwrap()]);
    let kept = known[1].kept.as_ref().unwrap();
    assert_eq!((kept.state, kept.since_ms), (GatewayState::Hears, NOW_MS));
    assert_eq!(Gateway::next(Some(kept), &status(0, Vec::new())), None);
}

#[test]
fn gateways_are_told_the_fixed_beacons_of_their_own_store() {
    let (_folder, db) = furnished();
    let told = configs(&db, &store()).unwrap();
    let named: Vec<&str> = told.iter().map(|(gateway, _)| gateway.as_str()).collect();
    assert_eq!(named, ["back", "door"]);
    for (_, config) in &told {
        assert_eq!(config.beacons, [transmitter(1), transmitter(2)]);
    }
    let elsewhere = configs(&db, &"kade-8".parse().unwrap()).unwrap();
    assert!(elsewhere.is_empty());
}

#[test]
fn a_beacon_that_hangs_elsewhere_on_purpose_begins_anew_and_one_that_went_is_forgotten() {
    let (_folder, db) = furnished();
    keep_of(
        &db,
        "door",
        &status(0, vec![health(1, 5, -61), health(2, 5, -70)]),
    );
    let hour = |minor: u16| health(minor, 5, -61);
    keep_of(&db, "door", &status(61, vec![hour(1), hour(2)]));
    assert_eq!(
        (rows(&db, "beacon_tracks"), rows(&db, "beacon_cells")),
        (2, 0)
    );
    put_beacon(&db, "b1", "entree", 1);
    assert!(all(&db)[0].kept.hearings[0].strength.is_some());
    assert_eq!(rows(&db, "beacon_tracks"), 2);
    put_beacon(&db, "b1", "lampen", 1);
    assert!(all(&db)[0].kept.hearings[0].strength.is_none());
    assert!(all(&db)[1].kept.hearings[0].strength.is_some());
    assert_eq!(rows(&db, "beacon_tracks"), 1);
    put_beacon(&db, "b2", "lampen", 3);
    assert_eq!(rows(&db, "beacon_hearings"), 1);
    assert_eq!(rows(&db, "beacon_tracks"), 0);
}

#[test]
fn pages_of_beacons_follow_each_other() {
    let (_folder, db) = furnished();
    let page =
        |after: Option<&AnchorId>| beacons(&db, &store(), after, 1, &Judged::default()).unwrap();
    let first = page(None);
    let then = page(Some(&first[0].anchor));
    assert_eq!(
        (first[0].anchor.as_str(), then[0].anchor.as_str()),
        ("b1", "b2")
    );
    assert!(page(Some(&then[0].anchor)).is_empty());
}

#[test]
fn a_store_takes_no_more_beacons_than_a_gateway_can_be_told_of() {
    let (_folder, db) = furnished();
    for minor in 3..=512 {
        put_beacon(&db, &format!("b{minor}"), "entree", minor);
    }
    let mut row = AnchorRow {
        anchor: "one-more".parse().unwrap(),
        zone: "entree".parse().unwrap(),
        kind: AnchorKind::Beacon(transmitter(513)),
        enter_rssi_dbm: -80,
    };
    let refused = shop::put_anchor(&db, &store(), &row);
    assert!(
        matches!(refused, Err(StoreError::Conflict(_))),
        "{refused:?}"
    );
    // One of those that it has may still be put anew.
    row.anchor = "b512".parse().unwrap();
    shop::put_anchor(&db, &store(), &row).unwrap();
}
