use protocol::settings::{Refused, SettingsState, Why};
use serde_json::{Value, json};

use super::{super::fixtures::*, *};

const PATH: &str = "/v1/stores/kade-9/gateways/settings";
const DOOR: &str = "/v1/stores/kade-9/gateways/door/settings";
const JSON: (&str, &str) = ("content-type", "application/json");

async fn rig() -> Rig {
    let rig = Rig::open().await;
    let body = json!({ "gateway": "door" }).to_string();
    let path = "/v1/stores/kade-9/gateways";
    let (status, made) = rig.ask("POST", path, &[ADMIN, JSON], body).await;
    assert_eq!(status, 201, "{made}");
    rig
}

async fn put(rig: &Rig, path: &str, from: Option<&str>, body: Value) -> (u16, Value) {
    let mut headers = vec![ADMIN, JSON];
    headers.extend(from.map(|from| ("if-match", from)));
    rig.ask("PUT", path, &headers, body.to_string()).await
}

async fn get(rig: &Rig, path: &str) -> Value {
    let (status, said) = rig.ask("GET", path, &[SHOP], String::new()).await;
    assert_eq!(status, 200, "{said}");
    said
}

#[tokio::test]
async fn settings_are_kept_with_a_version_and_of_two_who_change_one_wins() {
    let rig = rig().await;
    let none = get(&rig, PATH).await;
    assert_eq!(
        (&none["version"], &none["settings"]),
        (&json!(0), &json!({}))
    );
    assert_eq!(none["gateways"][0]["progress"], "of_the_file");
    let wanted = json!({ "aggregate": { "window_ms": 250 } });
    let (status, said) = put(&rig, PATH, Some("\"0\""), wanted.clone()).await;
    assert_eq!((status, &said["version"]), (200, &json!(1)), "{said}");
    let (status, said) = put(&rig, PATH, Some("\"0\""), json!({})).await;
    assert_eq!(status, 412, "{said}");
    assert_eq!(
        said["type"],
        "https://welkom.example/problems/changed-meanwhile"
    );
    assert_eq!(get(&rig, PATH).await["settings"], wanted);
    assert_eq!(put(&rig, PATH, Some("\"1\""), json!({})).await.0, 200);
    assert_eq!(put(&rig, PATH, None, wanted).await.0, 200);
    assert_eq!(put(&rig, PATH, Some("3"), json!({})).await.0, 422);
}

#[tokio::test]
async fn a_gateways_own_take_the_place_of_the_stores() {
    let rig = rig().await;
    let uuid = "5f2d9c4e-0d1b-4a7e-9a55-1c0f8e2b7a01";
    put(&rig, PATH, None, json!({ "chain_uuids": [uuid] })).await;
    let own = json!({ "source": { "kind": "hci", "adapters": ["hci0", "hci1"] } });
    let (status, said) = put(&rig, DOOR, Some("\"0\""), own.clone()).await;
    assert_eq!(
        (status, &said["wanted_version"]),
        (200, &json!(2)),
        "{said}"
    );
    assert_eq!(said["settings"], own);
    assert_eq!(said["wanted"]["chain_uuids"], json!([uuid]));
    assert_eq!(said["progress"], "waiting");
    assert_eq!(get(&rig, DOOR).await, said);
    let path = "/v1/stores/kade-9/gateways/attic/settings";
    assert_eq!(put(&rig, path, None, json!({})).await.0, 404);
}

#[tokio::test]
async fn what_is_plainly_wrong_does_not_go_out() {
    let rig = rig().await;
    for (body, what) in [
        (
            json!({ "aggregate": { "window_ms": 99 } }),
            "aggregate.window_ms: must be 100 to 60000",
        ),
        (
            json!({ "chain_namespaces": ["a0"] }),
            "chain_namespaces: \"a0\" is not 20",
        ),
        (
            json!({ "source": { "kind": "hci", "silence_s": 1 } }),
            "source.silence_s: must be 2 to 600",
        ),
        (
            json!({ "source": { "kind": "hci", "adapter": "/dev/x" } }),
            "is not an adapter",
        ),
        (
            json!({ "source": { "kind": "btleplug", "adapters": ["hci0"] } }),
            "has no adapters",
        ),
        (
            json!({ "source": { "kind": "hci", "adapters": [] } }),
            "must be 1 to 8",
        ),
        (
            json!({ "source": { "kind": "sim" } }),
            "unknown variant `sim`",
        ),
        (
            json!({ "mqtt": { "host": "elsewhere" } }),
            "unknown field `mqtt`",
        ),
        (
            json!({ "chain_uuids": vec!["5f2d9c4e-0d1b-4a7e-9a55-1c0f8e2b7a01"; 300] }),
            "at most 8192",
        ),
    ] {
        let (status, said) = put(&rig, PATH, None, body).await;
        assert_eq!(status, 422, "{said}");
        let detail = said["detail"].as_str().unwrap_or_default();
        assert!(detail.contains(what), "{what}: {detail}");
    }
    assert_eq!(get(&rig, PATH).await["version"], 0);
}

#[tokio::test]
async fn how_far_a_gateway_is_follows_from_what_it_says() {
    let rig = rig().await;
    put(
        &rig,
        PATH,
        None,
        json!({ "aggregate": { "window_ms": 250 } }),
    )
    .await;
    let (store, door): (StoreId, GatewayId) = (rig.store.clone(), "door".parse().unwrap());
    let state = |version, trying, refused: Option<Why>| SettingsState {
        version,
        trying,
        refused: refused.map(|why| Refused { version: 1, why }),
        damaged: false,
    };
    let nothing = Why::HeardNothing { minutes: 5 };
    for (state, progress) in [
        (state(None, Some(1), None), "trying"),
        (state(None, None, Some(nothing)), "refused"),
        (state(Some(1), None, None), "in_force"),
    ] {
        let (s, d) = (store.clone(), door.clone());
        let heard = move |txn: &mut crate::pipeline::Txn<'_>| {
            settings::heard(txn.db, 7, &s, &d, Some(&state))
        };
        rig.write(heard).await;
        let said = get(&rig, PATH).await;
        assert_eq!(said["gateways"][0]["progress"], progress, "{said}");
    }
    let said = get(&rig, DOOR).await;
    assert_eq!(
        (&said["version_in_force"], &said["since_ms"]),
        (&json!(1), &json!(7))
    );
    put(&rig, PATH, None, json!({})).await;
    let said = get(&rig, DOOR).await;
    assert_eq!(said["progress"], "waiting");
    assert_eq!(said["version_in_force"], 1);
}
