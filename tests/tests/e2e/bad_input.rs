//! What nobody should send over HTTP: each refusal is a problem with the right status.

use anyhow::Context;
use demo::stack::Options;
use e2e::{ask::ask, harness::test, person::person, rig::Rig};
use firmware_sim::phone::Consent;
use libtest_mimic::Trial;
use reqwest::Method;
use serde_json::{Value, json};
use server::clock::now_ms;

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        test(
            "every_error_is_a_problem_with_the_right_status",
            &[],
            every_error_is_a_problem,
        ),
        test(
            "a_signature_is_good_for_one_device_body_and_moment",
            &[],
            signatures_are_checked,
        ),
    ]
}

const NOBODY: &str = "0192f7a0-0000-7000-8000-000000000001";

fn order(store: &str, customer: &str, sku: &str) -> Value {
    json!({
        "external_id": "77-1", "store": store, "customer": customer,
        "lines": [{"sku": sku, "quantity": 1}], "state": "ready", "bay": null, "code": "4821",
    })
}

fn customer(language: &str) -> Value {
    json!({
        "external_id": "bad", "given_name": "Anna", "family_name": "de Vries",
        "salutation": null, "language": language,
    })
}

async fn every_error_is_a_problem() -> anyhow::Result<()> {
    let rig = Rig::start(Options::default()).await?;
    let stack = &rig.stack;
    let known = person(stack, "known", Consent::NONE)
        .await?
        .customer
        .to_string();
    let key = format!("Bearer {}", stack.api_key);
    let text = |value: Value| value.to_string();
    let of = |path: &str| format!("/v1/customers/{known}{path}");
    let with = |mut body: Value, key: &str, value: Value| {
        body[key] = value;
        body.to_string()
    };
    let intent = |kind: &str, at_ms: u64| json!({"kind": kind, "sku": "LAMP-BOOG", "at_ms": at_ms});
    let store = |timezone: &str, quiet: Option<&str>| {
        json!({
            "name": "K", "timezone": timezone, "opens": "09:00", "closes": "18:00",
            "quiet_from": quiet, "quiet_to": null, "messages_per_day_max": 2,
        })
    };
    let table: Vec<(&str, String, String, u16)> = vec![
        // No JSON, half of it, of another shape.
        (
            "POST",
            "/v1/customers".into(),
            "{\"external_id\":".into(),
            400,
        ),
        ("POST", "/v1/customers".into(), "geen json".into(), 400),
        ("POST", "/v1/customers".into(), "[]".into(), 422),
        (
            "POST",
            "/v1/customers".into(),
            text(json!({"external_id": 7})),
            422,
        ),
        // Keys that do not exist, values that do not fit.
        (
            "POST",
            "/v1/customers".into(),
            with(customer("nl"), "bsn", json!("1")),
            422,
        ),
        ("POST", "/v1/customers".into(), text(customer("fr")), 422),
        (
            "POST",
            "/v1/customers".into(),
            with(customer("nl"), "given_name", json!("")),
            422,
        ),
        ("POST", "/v1/customers".into(), "x".repeat(300_000), 413),
        (
            "POST",
            "/v1/customers/import".into(),
            "x".repeat(2_200_000),
            413,
        ),
        (
            "POST",
            "/v1/customers/import".into(),
            text(json!({"customers": [{"customer": customer("nl"), "bsn": "1"}]})),
            422,
        ),
        ("POST", of("/intents"), text(intent("stolen", 1)), 422),
        (
            "POST",
            of("/intents"),
            text(intent("viewed", now_ms() + 3_600_000)),
            422,
        ),
        (
            "POST",
            of("/intents"),
            text(json!({"kind": "viewed", "sku": "a b", "at_ms": 1})),
            422,
        ),
        // Ids that are none, and ids of nothing.
        ("GET", "/v1/customers/anna".into(), String::new(), 404),
        ("GET", format!("/v1/customers/{NOBODY}"), String::new(), 404),
        (
            "DELETE",
            format!("/v1/customers/{NOBODY}"),
            String::new(),
            404,
        ),
        (
            "POST",
            format!("/v1/customers/{NOBODY}/enrolments"),
            String::new(),
            404,
        ),
        (
            "POST",
            format!("/v1/customers/{NOBODY}/page-links"),
            String::new(),
            404,
        ),
        (
            "POST",
            format!("/v1/customers/{NOBODY}/intents"),
            text(intent("viewed", 1)),
            404,
        ),
        (
            "POST",
            "/v1/orders".into(),
            text(order("kade-8", &known, "LAMP-BOOG")),
            404,
        ),
        (
            "POST",
            "/v1/orders".into(),
            text(order("kade-9", NOBODY, "LAMP-BOOG")),
            404,
        ),
        (
            "POST",
            "/v1/orders".into(),
            text(order("kade-9", &known, "NIETS")),
            404,
        ),
        (
            "POST",
            "/v1/orders".into(),
            text(order("Kade 9", &known, "LAMP-BOOG")),
            422,
        ),
        (
            "POST",
            "/v1/orders".into(),
            with(order("kade-9", &known, "LAMP-BOOG"), "code", json!("12")),
            422,
        ),
        (
            "POST",
            "/v1/orders".into(),
            with(order("kade-9", &known, "LAMP-BOOG"), "lines", json!([])),
            422,
        ),
        (
            "PUT",
            format!("/v1/orders/{NOBODY}/state"),
            text(json!({"state": "ready", "bay": null})),
            404,
        ),
        (
            "PUT",
            "/v1/stores/kade-9".into(),
            text(store("Europe/Utrecht", None)),
            422,
        ),
        (
            "PUT",
            "/v1/stores/kade-9".into(),
            text(store("Europe/Amsterdam", Some("21:00"))),
            422,
        ),
        (
            "PUT",
            "/v1/stores/Kade%209".into(),
            text(store("Europe/Amsterdam", None)),
            404,
        ),
        (
            "PUT",
            "/v1/stores/kade-8/zones/entree".into(),
            text(json!({"name": {"nl": "E", "en": "E"}})),
            404,
        ),
        (
            "PUT",
            "/v1/stores/kade-9/anchors/x".into(),
            text(
                json!({"kind": "gateway", "gateway": "door", "zone": "kelder", "enter_rssi_dbm": -80}),
            ),
            404,
        ),
        (
            "PUT",
            "/v1/stores/kade-9/anchors/x".into(),
            text(
                json!({"kind": "gateway", "gateway": "door", "zone": "entree", "enter_rssi_dbm": 5}),
            ),
            422,
        ),
        (
            "PUT",
            "/v1/stores/kade-9/products/LAMP-BOOG".into(),
            text(json!({"zone": "kelder", "shelf": null, "stock": 1})),
            404,
        ),
        (
            "PUT",
            "/v1/stores/kade-9/products/NIETS".into(),
            text(json!({"zone": "entree", "shelf": null, "stock": 1})),
            404,
        ),
        (
            "PUT",
            "/v1/stores/kade-9/products/LAMP-BOOG".into(),
            text(json!({"zone": "entree", "shelf": null, "stock": -1})),
            422,
        ),
        (
            "PUT",
            "/v1/stores/kade-9/staff/daan".into(),
            text(json!({"name": "Daan", "role": "admin", "password": "lang genoeg ja"})),
            422,
        ),
        (
            "PUT",
            "/v1/stores/kade-9/staff/daan".into(),
            text(json!({"name": "Daan", "role": "staff", "password": "kort"})),
            422,
        ),
        (
            "POST",
            "/v1/stores/kade-8/gateways".into(),
            text(json!({"gateway": "door"})),
            404,
        ),
        (
            "POST",
            "/v1/stores/kade-9/gateways".into(),
            text(json!({"gateway": "Door!"})),
            422,
        ),
        // Lists: of no store, with a limit or a place that is none.
        ("GET", "/v1/stores/kade-8/visits".into(), String::new(), 404),
        ("GET", "/v1/stores/kade-8/cards".into(), String::new(), 404),
        (
            "GET",
            "/v1/stores/kade-8/decisions".into(),
            String::new(),
            404,
        ),
        (
            "GET",
            "/v1/stores/kade-8/gateways".into(),
            String::new(),
            404,
        ),
        ("GET", "/v1/stores/kade-8/events".into(), String::new(), 404),
        (
            "GET",
            "/v1/stores/kade-9/visits?limit=veel".into(),
            String::new(),
            422,
        ),
        (
            "GET",
            "/v1/stores/kade-9/visits?limit=-1".into(),
            String::new(),
            422,
        ),
        (
            "GET",
            "/v1/stores/kade-9/visits?limit=1001".into(),
            String::new(),
            422,
        ),
        (
            "GET",
            "/v1/stores/kade-9/visits?limit=0".into(),
            String::new(),
            422,
        ),
        (
            "GET",
            "/v1/stores/kade-9/visits?after=begin".into(),
            String::new(),
            422,
        ),
        // Codes, methods and routes that are none.
        (
            "POST",
            "/v1/app/enrol".into(),
            text(json!({"code": "AAAA-AAAA-AAAA", "platform": "android"})),
            404,
        ),
        (
            "POST",
            "/v1/app/enrol".into(),
            text(json!({"code": "AAAA-AAAA-AAAA", "platform": "windows"})),
            422,
        ),
        ("DELETE", "/v1/customers".into(), String::new(), 405),
        ("GET", "/v1/app/enrol".into(), String::new(), 405),
        ("GET", "/v1/shops".into(), String::new(), 404),
    ];
    for (method, path, body, status) in table {
        let headers = [
            ("Authorization", key.as_str()),
            ("Content-Type", "application/json"),
        ];
        let answer = ask(
            stack,
            &method.parse()?,
            &path,
            &headers,
            body.clone().into_bytes(),
        )
        .await?;
        let start: String = body.chars().take(200).collect();
        answer
            .ensure_problem(status)
            .with_context(|| format!("{method} {path} {start}"))?;
    }
    let headers = [("Authorization", key.as_str())];
    let plain = ask(
        stack,
        &Method::POST,
        "/v1/customers",
        &headers,
        text(customer("nl")).into_bytes(),
    )
    .await?;
    plain.ensure_problem(415)?;
    keys_are_for_one_request(&rig, &key).await?;
    let counts = server_counts(&rig).await?;
    anyhow::ensure!(counts["set_aside_total"] == 0, "{counts}");
    let warnings = rig.warnings()?;
    anyhow::ensure!(warnings.is_empty(), "{warnings:#?}");
    Ok(())
}

/// The same key with the same request gives the same answer; with another, none.
async fn keys_are_for_one_request(rig: &Rig, bearer: &str) -> anyhow::Result<()> {
    let post = async |key: &str, body: Value| {
        let headers = [
            ("Authorization", bearer),
            ("Content-Type", "application/json"),
            ("Idempotency-Key", key),
        ];
        let body = body.to_string().into_bytes();
        ask(&rig.stack, &Method::POST, "/v1/customers", &headers, body).await
    };
    let first = post("k-1", customer("nl")).await?;
    anyhow::ensure!(first.status == 201, "{}", first.body);
    let again = post("k-1", customer("nl")).await?;
    anyhow::ensure!(
        again.status == 201 && again.body == first.body,
        "{}",
        again.body
    );
    anyhow::ensure!(again.header("idempotent-replayed") == "true");
    post("k-1", customer("en")).await?.ensure_problem(422)?;
    post(&"k".repeat(65), customer("nl"))
        .await?
        .ensure_problem(422)?;
    // A refusal is remembered as well.
    post("k-2", customer("fr")).await?.ensure_problem(422)?;
    post("k-2", customer("fr")).await?.ensure_problem(422)
}

/// The server's counts since it started.
pub(crate) async fn server_counts(rig: &Rig) -> anyhow::Result<Value> {
    let server: Value = rig.stack.api.get("/v1/server").await?;
    Ok(server["counts"].clone())
}

async fn signatures_are_checked() -> anyhow::Result<()> {
    use firmware_sim::phone::signing::SigningKey;
    let rig = Rig::start(Options::default()).await?;
    let stack = &rig.stack;
    let customer = person(stack, "signs", Consent::ALL).await?.customer;
    let code: Value = stack
        .api
        .post(&format!("/v1/customers/{customer}/enrolments"), &json!({}))
        .await?;
    let enrol = json!({"code": code["code"], "platform": "android"});
    let device: Value = stack.api.post("/v1/app/enrol", &enrol).await?;
    let json = ("Content-Type", "application/json");
    let again = enrol.to_string().into_bytes();
    let again = ask(stack, &Method::POST, "/v1/app/enrol", &[json], again).await?;
    again.ensure_problem(409).context("a code that was used")?;

    let mut key = [0; 32];
    let digits = device["signing_key_hex"].as_str().unwrap_or_default();
    hex::decode_to_slice(digits, &mut key)?;
    let key = SigningKey(key);
    let bearer = format!("Bearer {}", device["token"].as_str().unwrap_or_default());
    let body = br#"{"store":"kade-9"}"#.to_vec();
    let send = async |path: &str, timestamp: &str, signature: &str, body: &[u8]| {
        let headers = [
            json,
            ("Authorization", bearer.as_str()),
            ("Welkom-Timestamp", timestamp),
            ("Welkom-Signature", signature),
        ];
        ask(stack, &Method::POST, path, &headers, body.to_vec()).await
    };
    let here = "/v1/app/here";
    let now_s = now_ms() / 1_000;
    let right = key.sign(now_s, &body);
    let now = now_s.to_string();
    for (what, timestamp, signature, body) in [
        ("none", now.clone(), String::new(), &body[..]),
        (
            "another's",
            now.clone(),
            SigningKey([1; 32]).sign(now_s, &body),
            &body,
        ),
        (
            "another time's",
            (now_s + 1).to_string(),
            right.clone(),
            &body,
        ),
        (
            "another body's",
            now.clone(),
            right.clone(),
            br#"{"store":"kade-8"}"#,
        ),
        (
            "old",
            (now_s - 400).to_string(),
            key.sign(now_s - 400, &body),
            &body,
        ),
        (
            "early",
            (now_s + 400).to_string(),
            key.sign(now_s + 400, &body),
            &body,
        ),
        ("no time", "soon".to_owned(), right.clone(), &body),
        ("no digits", now.clone(), "v1=zz".to_owned(), &body),
    ] {
        let answer = send(here, &timestamp, &signature, body).await?;
        answer
            .ensure_problem(401)
            .with_context(|| format!("a signature that is {what}"))?;
    }
    // A store that is none does not use the signature up: nothing was done.
    let nowhere = br#"{"store":"kade-8"}"#;
    for _ in 0..2 {
        let answer = send(here, &now, &key.sign(now_s, nowhere), nowhere).await?;
        answer.ensure_problem(404)?;
    }
    let taken = send(here, &now, &right, &body).await?;
    anyhow::ensure!(taken.status == 202, "{}", taken.body);
    let again = send(here, &now, &right, &body).await?;
    again
        .ensure_problem(409)
        .context("a signature that was used")?;

    let sightings = "/v1/app/sightings";
    let one = json!({
        "beacon": "ibeacon:5f2d9c4e-0d1b-4a7e-9a55-1c0f8e2b7a01:7:300",
        "heard_first_ms": now_ms(), "heard_last_ms": now_ms(), "count": 1, "rssi_dbm_median": -70,
    });
    let report = |store: &str, sightings: Vec<Value>| {
        json!({"store": store, "sightings": sightings})
            .to_string()
            .into_bytes()
    };
    for (body, status) in [
        (b"{\"store\":".to_vec(), 422),
        (report("kade-9", vec![json!({"beacon": "ibeacon:x"})]), 422),
        (report("kade-8", vec![one.clone()]), 404),
        (report("kade-9", vec![one.clone(); 65]), 413),
        (vec![b' '; 300_000], 413),
    ] {
        let answer = send(sightings, &now, &key.sign(now_s, &body), &body).await?;
        let start = String::from_utf8_lossy(&body[..body.len().min(80)]).into_owned();
        answer.ensure_problem(status).context(start)?;
    }
    // The device of somebody without a switch is told so.
    let nobody = person(stack, "no-switch", Consent::NONE).await?;
    let report = nobody.phone.here(now_ms(), &stack.store);
    let refused = nobody.phone.send_here(&report).await;
    let status = match refused {
        Err(firmware_sim::phone::PhoneError::Call { source, .. }) => source.status(),
        _ => None,
    };
    anyhow::ensure!(status == Some(403), "{status:?}");
    Ok(())
}
