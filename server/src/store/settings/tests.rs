use protocol::settings::Refused;
use ring::signature::{ED25519, UnparsedPublicKey};
use serde_json::json;

use super::*;
use crate::store::{fixtures, open_writer};

fn memory() -> (Connection, StoreId) {
    let db = open_writer(std::path::Path::new(":memory:")).unwrap();
    let store = fixtures::store(&db);
    seals::keep(&db, 1).unwrap();
    for gateway in ["back", "door"] {
        shop::put_gateway(&db, 1, &store, &id(gateway), &[1; 32]).unwrap();
    }
    (db, store)
}

fn id(gateway: &str) -> GatewayId {
    gateway.parse().unwrap()
}

fn window(ms: u64) -> Settings {
    let Value::Object(settings) = json!({ "aggregate": { "window_ms": ms } }) else {
        panic!();
    };
    settings
}

fn told(db: &Connection, store: &StoreId, gateway: &str) -> Told {
    let said = signed(db, store, &id(gateway)).unwrap().unwrap();
    let trust = seals::trust(db).unwrap();
    UnparsedPublicKey::new(&ED25519, &trust.0)
        .verify(&SignedSettings::signed(&said.text), &said.signature.0)
        .unwrap();
    serde_json::from_str(&said.text).unwrap()
}

fn says(db: &Connection, store: &StoreId, now_ms: u64, state: &SettingsState) {
    heard(db, now_ms, store, &id("door"), Some(state)).unwrap();
}

#[test]
fn each_gateway_is_told_the_stores_with_its_own_under_one_row_of_numbers() {
    let (db, store) = memory();
    assert_eq!(signed(&db, &store, &id("door")).unwrap(), None);
    let mut all = window(250);
    all.insert("chain_uuids".into(), json!([]));
    assert_eq!(put(&db, 5, &store, None, &all).unwrap(), 1);
    let own = put(&db, 6, &store, Some(&id("door")), &window(900)).unwrap();
    assert_eq!(own, 2);
    let (door, back) = (told(&db, &store, "door"), told(&db, &store, "back"));
    assert_eq!((door.gateway, back.gateway), (id("door"), id("back")));
    assert_eq!((door.version, back.version), (2, 1));
    assert_eq!(door.settings["aggregate"]["window_ms"], 900);
    assert_eq!(door.settings["chain_uuids"], json!([]));
    assert_eq!(back.settings["aggregate"]["window_ms"], 250);
    assert_eq!(put(&db, 7, &store, None, &window(300)).unwrap(), 3);
    assert_eq!(told(&db, &store, "door").version, 3);
    let nowhere = put(&db, 8, &store, Some(&id("attic")), &all);
    assert!(matches!(nowhere, Err(StoreError::NotFound("gateway"))));
}

#[test]
fn a_number_is_past_what_a_gateway_knows_of_a_lost_database() {
    let (db, store) = memory();
    let state = SettingsState {
        version: Some(40),
        ..SettingsState::default()
    };
    says(&db, &store, 5, &state);
    assert_eq!(put(&db, 6, &store, None, &window(250)).unwrap(), 41);
    let older = Refused {
        version: 41,
        why: Why::Older { known: 60 },
    };
    let state = SettingsState {
        refused: Some(older),
        ..state
    };
    says(&db, &store, 7, &state);
    assert_eq!(put(&db, 8, &store, None, &window(250)).unwrap(), 61);
    let forged = Refused {
        version: 9_000,
        why: Why::Signature,
    };
    let state = SettingsState {
        refused: Some(forged),
        ..state
    };
    says(&db, &store, 9, &state);
    assert_eq!(put(&db, 10, &store, None, &window(250)).unwrap(), 62);
}

#[test]
fn in_force_since_is_when_that_version_was_first_heard_of() {
    let (db, store) = memory();
    let state = |version, trying| SettingsState {
        version: Some(version),
        trying,
        ..SettingsState::default()
    };
    let since = |db: &Connection| answers(db, &store).unwrap()[&id("door")].since_ms;
    says(&db, &store, 5, &state(1, None));
    says(&db, &store, 9, &state(1, Some(2)));
    assert_eq!(since(&db), 5);
    says(&db, &store, 12, &state(2, None));
    assert_eq!(since(&db), 12);
    heard(&db, 13, &store, &id("door"), None).unwrap();
    assert!(answers(&db, &store).unwrap().is_empty());
}

#[test]
fn a_home_passes_on_what_the_central_server_signed() {
    let (db, store) = memory();
    put(&db, 5, &store, None, &window(250)).unwrap();
    let named = || [id("back"), id("door")].into_iter();
    let said = rows(&db, &store, named()).unwrap();
    assert_eq!(said.len(), 2);
    let (home, _) = memory();
    take(&home, &store, &said).unwrap();
    take(&home, &store, &said).unwrap();
    assert_eq!(rows(&home, &store, named()).unwrap(), said);
    take(&home, &store, &said[..1]).unwrap();
    assert_eq!(signed(&home, &store, &id("door")).unwrap(), None);
}
