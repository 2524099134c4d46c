//! What nobody should send, over real sockets: refused or counted, and the next good message works.

use std::{ffi::OsStr, fs, path::Path, process::Command};

use anyhow::Context;
use demo::{
    audit::Audit,
    stack::{Options, until},
};
use e2e::{
    ask::ask,
    hand::{Hand, Packet, Run},
    harness::test,
    person::{MESSAGES, person},
    rig::{Rig, program},
};
use firmware_sim::phone::Consent;
use libtest_mimic::Trial;
use protocol::{AnchorId, Topic, message::to_json, topic::Channel};
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
        test(
            "strangers_and_impostors_get_nowhere_at_the_broker",
            &[],
            impostors_are_refused,
        ),
        test(
            "payloads_that_are_no_batch_are_counted_and_the_next_good_one_is_applied",
            &[],
            payloads_are_set_aside,
        ),
        test(
            "a_wrong_setting_is_named_with_file_line_and_key",
            &[],
            wrong_settings_are_named,
        ),
        test(
            "a_full_disk_delays_the_acknowledgement_and_loses_nothing",
            &[],
            full_disk_waits,
        ),
        test(
            "garbage_at_the_end_of_a_spool_is_cut_off_and_the_rest_delivered",
            &[],
            spool_garbage_is_cut,
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
            text(json!({"code": "AAAA-AAAA", "platform": "android"})),
            404,
        ),
        (
            "POST",
            "/v1/app/enrol".into(),
            text(json!({"code": "AAAA-AAAA", "platform": "windows"})),
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

async fn server_counts(rig: &Rig) -> anyhow::Result<Value> {
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

async fn impostors_are_refused() -> anyhow::Result<()> {
    const BAD_USER_OR_PASSWORD: u8 = 0x86;
    const BAD_CLIENT_ID: u8 = 0x85;
    const NOT_AUTHORIZED: u8 = 0x87;
    let rig = Rig::start(Options::default()).await?;
    let stack = &rig.stack;
    let (door, back) = (&rig.credentials[0], &rig.credentials[1]);
    let broker = stack.ready.mqtt.context("the broker's address")?;
    let (user, password) = (door.mqtt_username.as_str(), door.mqtt_password.as_str());
    for (client, user, password, reason) in [
        ("kade-9.door", user, "wg_wrong", BAD_USER_OR_PASSWORD),
        (
            "kade-9.door",
            user,
            back.mqtt_password.as_str(),
            BAD_USER_OR_PASSWORD,
        ),
        ("kade-9.door", "kade-8/door", password, BAD_USER_OR_PASSWORD),
        ("kade-9.door", "", "", BAD_USER_OR_PASSWORD),
        (
            "welkom-server",
            "welkom-server",
            password,
            BAD_USER_OR_PASSWORD,
        ),
        ("kade-9.back", user, password, BAD_CLIENT_ID),
        ("welkom-server", user, password, BAD_CLIENT_ID),
    ] {
        let refused = Hand::connect_as(broker, client, user, password).await?;
        let got = refused.err();
        anyhow::ensure!(got == Some(reason), "{client} as {user:?}: {got:x?}");
    }
    let anna = person(stack, "anna", MESSAGES).await?;
    let mut run = Run::new(&stack.store, &back.gateway);
    let in_the_back = to_json(&run.batch(vec![anna.seen_at(&"back".parse()?, now_ms())]));
    let topic = |gateway: &str, channel: &str| {
        format!("welkom/v1/stores/kade-9/gateways/{gateway}/{channel}")
    };
    // Each may end the connection: that is the broker's choice. Nothing of it may be heard.
    for (topic, payload) in [
        (topic("back", "sightings"), in_the_back.as_slice()),
        (topic("door", "ack"), br#"{"v":1}"#),
        (topic("back", "config"), b"{}"),
        (
            "welkom/v1/stores/kade-8/gateways/door/sightings".to_owned(),
            b"{}",
        ),
        ("een/ander/onderwerp".to_owned(), b"{}"),
        ("$SYS/broker".to_owned(), b"{}"),
    ] {
        let mut hand = Hand::connect(&stack.store, door).await?;
        let reason = hand.publish(&topic, payload).await?;
        let refused = reason.is_none_or(|reason| reason >= 0x80);
        anyhow::ensure!(refused, "{topic}: {reason:x?}");
    }
    for filter in [
        "#",
        "welkom/v1/stores/kade-9/gateways/+/sightings",
        &topic("back", "ack"),
    ] {
        let mut hand = Hand::connect(&stack.store, door).await?;
        let reason = hand.subscribe(filter).await?;
        anyhow::ensure!(reason == NOT_AUTHORIZED, "{filter}: {reason:x}");
    }
    // The next good one works, and nothing of the rest has come through.
    let mut hand = Hand::connect(&stack.store, door).await?;
    let mut run = Run::new(&stack.store, &door.gateway);
    hand.deliver(&run.batch(vec![anna.seen_at(&"door".parse()?, now_ms())]))
        .await?;
    let counts = server_counts(&rig).await?;
    anyhow::ensure!(counts["batches_applied_total"] == 1, "{counts}");
    anyhow::ensure!(counts["sightings_applied_total"] == 1, "{counts}");
    anyhow::ensure!(counts["set_aside_total"] == 0, "{counts}");
    Ok(())
}

async fn payloads_are_set_aside() -> anyhow::Result<()> {
    let rig = Rig::start(Options::default()).await?;
    let stack = &rig.stack;
    let door = &rig.credentials[0];
    let anna = person(stack, "anna", MESSAGES).await?;
    let anchor: AnchorId = "door".parse()?;
    let mut run = Run::new(&stack.store, &door.gateway);
    let good = run.batch(vec![anna.seen_at(&anchor, now_ms())]);
    let good_json = to_json(&good);
    let changed = |change: &dyn Fn(&mut Value)| -> anyhow::Result<Vec<u8>> {
        let mut value: Value = serde_json::from_slice(&good_json)?;
        change(&mut value);
        Ok(to_json(&value))
    };
    let no_batches = [
        Vec::new(),
        b"geen json".to_vec(),
        good_json[..good_json.len() / 2].to_vec(),
        vec![0; 200_000],
        vec![b'['; 200_000],
        vec![b' '; 245 * 1024],
        changed(&|batch| batch["store"] = json!("kade-8"))?,
        changed(&|batch| batch["gateway"] = json!("back"))?,
        changed(&|batch| batch["v"] = json!(2))?,
        changed(&|batch| batch["seq"] = json!(0))?,
        changed(&|batch| batch["seq"] = json!(-1))?,
        changed(&|batch| batch["surprise"] = json!(1))?,
        changed(&|batch| batch["sightings"][0]["count"] = json!(0))?,
        changed(&|batch| batch["sightings"][0]["rssi_dbm_median"] = json!(-300))?,
        changed(&|batch| batch["sightings"][0]["heard_first_mono_ms"] = json!(u64::MAX))?,
    ];
    let topic = Topic::new(&stack.store, &door.gateway, Channel::Sightings).to_string();
    let mut hand = Hand::connect(&stack.store, door).await?;
    for payload in &no_batches {
        let reason = hand.publish(&topic, payload).await?;
        anyhow::ensure!(reason == Some(0), "the broker takes it: {reason:x?}");
    }
    // Larger than the broker reads, and one that ends halfway: the line is closed, no more.
    let huge = hand.publish(&topic, &vec![b' '; 2 * 1024 * 1024]).await?;
    anyhow::ensure!(huge.is_none_or(|reason| reason >= 0x80), "{huge:x?}");
    let mut hand = Hand::connect(&stack.store, door).await?;
    let half = hand.publish_bytes(&topic, &good_json);
    hand.send(&half[..half.len() / 2]).await?;
    drop(hand);
    let mut hand = Hand::connect(&stack.store, door).await?;
    hand.send(&[0xff; 64]).await?;
    while !matches!(hand.next().await?, None | Some(Packet::Disconnect(_))) {}

    // Good in form: another gateway's antenna, one of nobody, and times that cannot be.
    let mut hand = Hand::connect(&stack.store, door).await?;
    hand.deliver(&run.batch(vec![anna.seen_at(&"back".parse()?, now_ms())]))
        .await?;
    hand.deliver(&run.batch(vec![anna.seen_at(&"kelder".parse()?, now_ms())]))
        .await?;
    let mut never = anna.seen_at(&anchor, now_ms());
    never.heard_last_mono_ms = u64::MAX;
    hand.deliver(&run.batch(vec![never])).await?;
    hand.deliver(&good).await?;
    hand.deliver(&good).await?;
    let counts = server_counts(&rig).await?;
    anyhow::ensure!(counts["set_aside_total"] == no_batches.len(), "{counts}");
    anyhow::ensure!(counts["wrong_anchor_total"] == 2, "{counts}");
    anyhow::ensure!(counts["sightings_applied_total"] == 1, "{counts}");
    anyhow::ensure!(counts["batches_again_total"] == 1, "{counts}");
    anyhow::ensure!(Audit::open(&stack.database())?.sightings()?.len() == 1);
    Ok(())
}

async fn wrong_settings_are_named() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let said = |part: &str, text: &str| -> anyhow::Result<String> {
        let path = folder.path().join("wrong.toml");
        fs::write(&path, text)?;
        let args = [
            part.as_ref(),
            OsStr::new("run"),
            OsStr::new("--config"),
            path.as_os_str(),
        ];
        let output = Command::new(program()?).args(args).output()?;
        anyhow::ensure!(output.status.code() == Some(2), "{:?}", output.status);
        Ok(String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let server = "data_dir = \"d\"\n[http]\nlisten = \"127.0.0.1:0\"\ntsl = \"off\"\n\
                  [mqtt]\nlisten = \"127.0.0.1:0\"\n";
    let gateway = "store = \"kade-9\"\ngateway = \"door\"\n[source]\nkind = \"sim\"\n\
                   connect = \"127.0.0.1:1\"\n[spool]\ndir = \"s\"\n[mqtt]\nhots = \"h\"\n";
    let good = "host = \"h\"\nport = 1\nusername = \"u\"\npassword = \"p\"";
    for (part, text, line, key) in [
        ("part-server", server.to_owned(), 4, "tsl"),
        (
            "part-server",
            server.replace("tsl = \"off\"", "tls = \"given\""),
            4,
            "http.tls",
        ),
        (
            "part-server",
            server.replace("tsl = \"off\"\n", "tls = \"off\""),
            4,
            "",
        ),
        ("part-gateway", gateway.to_owned(), 9, "hots"),
        (
            "part-gateway",
            gateway
                .replace("kade-9", "Kade 9")
                .replace("hots = \"h\"", good),
            1,
            "store",
        ),
    ] {
        let words = said(part, &text)?;
        let place = format!("wrong.toml:{line}:");
        anyhow::ensure!(
            words.contains(&place) && words.contains(key),
            "{part}: {words}"
        );
    }
    Ok(())
}

/// Lets files of a process grow to this size and no further; none: as they like.
fn limit_files(pid: u32, bytes: Option<u64>) -> anyhow::Result<()> {
    let soft = bytes.map_or("unlimited".to_owned(), |bytes| bytes.to_string());
    let status = Command::new("prlimit")
        .args([
            "--pid",
            &pid.to_string(),
            &format!("--fsize={soft}:unlimited"),
        ])
        .status()
        .context("run prlimit")?;
    anyhow::ensure!(status.success(), "prlimit: {status}");
    Ok(())
}

/// The program under a shell that ignores SIGXFSZ: a write that goes too far then fails, as on a
/// full disk, and does not end the process.
fn program_on_a_small_disk(folder: &Path) -> anyhow::Result<std::path::PathBuf> {
    use std::os::unix::fs::PermissionsExt;
    let script = folder.join("stack");
    let program = program()?;
    fs::write(
        &script,
        format!(
            "#!/bin/sh\ntrap '' XFSZ\nexec '{}' \"$@\"\n",
            program.display()
        ),
    )?;
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755))?;
    Ok(script)
}

async fn full_disk_waits() -> anyhow::Result<()> {
    let small = tempfile::tempdir()?;
    let program = program_on_a_small_disk(small.path())?;
    let rig = Rig::start_with(&program, Options::default()).await?;
    let stack = &rig.stack;
    let door = &rig.credentials[0];
    let anna = person(stack, "anna", MESSAGES).await?;
    let anchor: AnchorId = "door".parse()?;
    let mut hand = Hand::connect(&stack.store, door).await?;
    let mut run = Run::new(&stack.store, &door.gateway);
    hand.deliver(&run.batch(vec![anna.seen_at(&anchor, now_ms())]))
        .await?;

    let pid = stack.server.as_ref().context("the server runs")?.id();
    limit_files(pid, Some(4_096))?;
    let waits = run.batch(vec![anna.seen_at(&anchor, now_ms())]);
    let topic = Topic::new(&stack.store, &door.gateway, Channel::Sightings).to_string();
    let reason = hand.publish(&topic, &to_json(&waits)).await?;
    anyhow::ensure!(reason == Some(0), "{reason:x?}");
    until("a transaction that is tried again", async || {
        Ok(server_counts(&rig).await?["retries_total"].as_u64() > Some(0))
    })
    .await?;
    let counts = server_counts(&rig).await?;
    anyhow::ensure!(counts["batches_applied_total"] == 1, "{counts}");
    anyhow::ensure!(counts["set_aside_total"] == 0, "{counts}");
    limit_files(pid, None)?;
    let ack = hand.acknowledged(&waits).await?;
    anyhow::ensure!(ack.applied.contains(waits.seq));
    anyhow::ensure!(Audit::open(&stack.database())?.sightings()?.len() == 2);
    Ok(())
}

async fn spool_garbage_is_cut() -> anyhow::Result<()> {
    let mut rig = Rig::start(Options {
        snapshot_s: Some(86_400),
        ..Options::default()
    })
    .await?
    .with_gateways()
    .await?;
    let anna = person(&rig.stack, "anna", MESSAGES).await?;
    // Without a server, what is heard stays in the spool.
    rig.stack.kill()?;
    let frame = anna
        .identity
        .frame(firmware_sim::phone::identity::Layout::Welkom, now_ms());
    let line = protocol::sim::AirLine {
        address: "c0:ff:ee:00:00:01".into(),
        rssi_dbm: -50,
        ad_hex: hex::encode(protocol::air::encode(&frame)),
    };
    let door: AnchorId = "door".parse()?;
    for _ in 0..5 {
        rig.air.deliver(&door, &line, Some(1));
    }
    let spool = rig.stack.spool(&rig.credentials[0].gateway);
    until("five advertisements in the spool", async || {
        Ok(segments(&spool)?
            .iter()
            .any(|path| fs::metadata(path).is_ok_and(|m| m.len() > 200))
            && rig.air.heard().values().sum::<u64>() == 5)
    })
    .await?;
    rig.gateways[0].stop()?;
    let last = segments(&spool)?.pop().context("a segment")?;
    let mut bytes = fs::read(&last)?;
    bytes.extend([0x5a; 1_000]);
    fs::write(&last, bytes)?;

    rig.stack.restart().await?;
    rig.gateways[0] = rig
        .stack
        .gateway(&rig.credentials[0], rig.air.address(), &[])?;
    let database = rig.stack.database();
    until("all five at the server", async || {
        let heard = Audit::open(&database)?.heard()?;
        Ok(heard.values().sum::<u64>() == 5)
    })
    .await?;
    let said = rig.warnings()?;
    anyhow::ensure!(
        said.iter().any(|line| line.contains("torn_segments=1")),
        "{said:#?}"
    );
    Ok(())
}

/// All segments of a spool, oldest first.
fn segments(spool: &Path) -> anyhow::Result<Vec<std::path::PathBuf>> {
    let mut found = Vec::new();
    for boot in fs::read_dir(spool)? {
        let boot = boot?.path();
        if boot.is_dir() {
            for file in fs::read_dir(boot)? {
                found.push(file?.path());
            }
        }
    }
    found.retain(|path| path.extension().is_some_and(|e| e == "seg"));
    found.sort();
    Ok(found)
}
