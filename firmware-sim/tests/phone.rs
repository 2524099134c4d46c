//! The reference phone against a stand-in server that knows the phone contract and nothing else.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests; clippy's own exception covers test functions alone"
)]

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Json, Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{
        IntoResponse, Response,
        sse::{Event, Sse},
    },
    routing::{get, post, put},
};
use firmware_sim::{
    http::Api,
    phone::{
        Consent, Enrolled, Phone, Platform, Reported,
        ears::Ears,
        inbox::{Class, Inbox, listen},
        signing::SigningKey,
    },
};
use protocol::Transmitter;
use serde_json::{Value, json};
use tokio::sync::watch;

const SERVER_MS: u64 = 1_800_000_000_000;
/// This phone's clock is an hour late.
const PHONE_MS: u64 = SERVER_MS - 3_600_000;
const DELIVERY: &str = "0192f7a1-0000-7000-8000-000000000001";

#[derive(Default)]
struct Seen {
    reports: Vec<(HeaderMap, Bytes)>,
    displayed: u32,
    resumed_from: Vec<Option<String>>,
    refuse_reports: u32,
}
type Shared = Arc<Mutex<Seen>>;

async fn stand_in() -> (Api, Shared) {
    let seen = Shared::default();
    let app = Router::new()
        .route("/v1/app/enrol", post(enrol))
        .route("/v1/app/key", post(new_key))
        .route("/v1/app/consent", put(|body: Json<Value>| async { body }))
        .route("/v1/app/sightings", post(sightings))
        .route("/v1/app/events", get(events))
        .route("/v1/app/deliveries/{delivery}/displayed", post(displayed))
        .with_state(seen.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    let _ = rustls::crypto::ring::default_provider().install_default();
    (Api::new(&base, None).unwrap(), seen)
}

async fn enrol(Json(body): Json<Value>) -> Response {
    if body["code"] != "K7QD-93FM" {
        let problem = json!({"title": "No such code", "status": 404, "detail": "ask again"});
        return (StatusCode::NOT_FOUND, Json(problem)).into_response();
    }
    let answer = json!({
        "device": DELIVERY, "token": "t", "signing_key_hex": "07".repeat(32),
        "eid_key_hex": "01".repeat(16), "clock_offset_s": 5, "rotation_exponent": 9,
        "server_ms": SERVER_MS, "beacon_uuid": "5f2d9c4e-0d1b-4a7e-9a55-1c0f8e2b7a01",
        "a_field_of_a_later_version": true,
    });
    (StatusCode::CREATED, Json(answer)).into_response()
}

async fn new_key() -> Json<Value> {
    Json(json!({"eid_key_hex": "02".repeat(16), "clock_offset_s": 6}))
}

async fn sightings(State(seen): State<Shared>, headers: HeaderMap, body: Bytes) -> Response {
    let mut seen = seen.lock().unwrap();
    seen.reports.push((headers, body));
    if seen.refuse_reports > 0 {
        seen.refuse_reports -= 1;
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    (
        StatusCode::ACCEPTED,
        Json(json!({"accepted": 1, "ignored": 0})),
    )
        .into_response()
}

async fn displayed(State(seen): State<Shared>) -> StatusCode {
    seen.lock().unwrap().displayed += 1;
    StatusCode::NO_CONTENT
}

/// Each connection gives one message and ends; the second gives the same one again.
async fn events(State(seen): State<Shared>, headers: HeaderMap) -> impl IntoResponse {
    let last = headers
        .get("Last-Event-ID")
        .map(|id| id.to_str().unwrap().to_owned());
    let mut seen = seen.lock().unwrap();
    seen.resumed_from.push(last);
    let id = seen.resumed_from.len();
    let message = json!({
        "delivery": DELIVERY, "class": "service", "title": "Welkom", "body": "…",
        "sku": null, "zone": null, "expires_ms": SERVER_MS + 60_000, "why": [],
    });
    let event = Event::default()
        .event("notification")
        .id(id.to_string())
        .json_data(message);
    Sse::new(futures_util::stream::iter([Ok::<_, Infallible>(
        event.unwrap(),
    )]))
}

async fn enrolled(api: &Api) -> Enrolled {
    Phone::enrol(api, "K7QD-93FM", Platform::Android, || PHONE_MS)
        .await
        .unwrap()
}

async fn until(condition: impl Fn() -> bool) {
    let wait = async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), wait)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_wrong_code_is_refused_in_the_servers_words() {
    let (api, _) = stand_in().await;
    let error = Phone::enrol(&api, "X", Platform::Ios, || PHONE_MS)
        .await
        .unwrap_err();
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(source, "POST /v1/app/enrol: 404 No such code: ask again");
}

#[tokio::test]
async fn a_phone_with_a_wrong_clock_speaks_the_servers_time() {
    let (api, _) = stand_in().await;
    let enrolled = enrolled(&api).await;
    assert_eq!(enrolled.phone.server_ms(PHONE_MS + 7), SERVER_MS + 7);
}

#[tokio::test]
async fn a_new_key_gives_another_identity() {
    let (api, _) = stand_in().await;
    let Enrolled {
        phone, identity, ..
    } = enrolled(&api).await;
    let new = phone.rotate_key(identity.rotation_exponent).await.unwrap();
    assert_ne!(new.eid(SERVER_MS), identity.eid(SERVER_MS));
    assert_eq!(
        phone
            .set_consent(Consent::ALL, "2026-11", "nl")
            .await
            .unwrap(),
        Consent::ALL
    );
}

#[tokio::test]
async fn a_report_is_signed_over_the_very_bytes_and_repeated_as_it_was() {
    let (api, seen) = stand_in().await;
    let Enrolled {
        phone,
        beacon_uuid: uuid,
        ..
    } = enrolled(&api).await;
    let mut ears = Ears::default();
    ears.hear(
        SERVER_MS,
        Transmitter::IBeacon {
            uuid,
            major: 7,
            minor: 300,
        },
        -70,
    );
    let report = phone.report(PHONE_MS, &"kade-9".parse().unwrap(), &ears.report());
    seen.lock().unwrap().refuse_reports = 1;
    assert!(phone.send_report(&report).await.unwrap_err().is_passing());
    let taken = phone.send_report(&report).await.unwrap();
    assert_eq!(
        taken,
        Reported {
            accepted: 1,
            ignored: 0
        }
    );
    let seen = seen.lock().unwrap();
    let [(headers, body), (again, same)] = &seen.reports[..] else {
        panic!("two reports")
    };
    assert_eq!(headers["Welkom-Timestamp"], (SERVER_MS / 1_000).to_string());
    let signature = SigningKey([7; 32]).sign(SERVER_MS / 1_000, body);
    assert_eq!(headers["Welkom-Signature"], signature);
    assert_eq!(
        (&again["Welkom-Signature"], same),
        (&headers["Welkom-Signature"], body)
    );
}

#[tokio::test]
async fn a_broken_stream_is_resumed_and_a_message_that_comes_twice_is_shown_once() {
    let (api, seen) = stand_in().await;
    let Enrolled { phone, .. } = enrolled(&api).await;
    let (inbox, (stop, stopped)) = (Inbox::default(), watch::channel(false));
    let listening = tokio::spawn(listen(phone, inbox.clone(), || PHONE_MS, stopped, |_| {}));
    until(|| inbox.received().len() >= 2 && seen.lock().unwrap().displayed == 1).await;
    stop.send_replace(true);
    listening.await.unwrap().unwrap();
    let received = inbox.received();
    assert_eq!(received[0].notification.class, Class::Service);
    assert_eq!((received[0].shown, received[1].shown), (true, false));
    let seen = seen.lock().unwrap();
    assert_eq!(seen.resumed_from[..2], [None, Some("1".to_owned())]);
    assert_eq!(seen.displayed, 1);
}
