//! Phones that sleep: what reaches a provider, and what its answer does, against stand-ins that
//! listen on a socket and check what a real provider checks.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Mutex, PoisonError},
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, Uri, Version},
    response::{IntoResponse, Response},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD as BASE64URL};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey, VerificationAlgorithm,
};
use rustls::pki_types::pem::PemObject;
use serde_json::{Value, json};
use web_push_native::{
    Auth, decrypt,
    p256::{SecretKey, elliptic_curve::sec1::ToEncodedPoint},
};

use super::*;
use crate::{
    deliver::{
        apns::Apns,
        fcm::Fcm,
        jwt::P256,
        outgoing::{Outgoing, client},
        push::{Providers, Push},
        web_push::WebPush,
    },
    store::{
        Readers,
        push::{self as rows, Address, Channel, PushRow},
    },
    web::messages,
};

/// A service account's key, of this test alone.
const RSA_PEM: &str = include_str!("rsa.pem");
const SUBJECT: &str = "mailto:beheer@kade9.example";
pub(super) const AUTH: [u8; 16] = [9; 16];

/// One request as it came.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    path: String,
    version: Version,
    headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Asked {
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |v| v.to_str().unwrap())
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// A provider: it keeps what it is asked and says what it is told to.
#[derive(Clone, Default)]
pub(super) struct Provider {
    asked: Arc<Mutex<Vec<Asked>>>,
    says: Arc<Mutex<VecDeque<(u16, Value)>>>,
}

impl Provider {
    pub(super) async fn start() -> (Self, String) {
        let this = Self::default();
        let listener = tokio::net::TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0)));
        let listener = listener.await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(answer).with_state(this.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (this, url)
    }

    pub(super) fn say(&self, status: u16, body: Value) {
        let mut says = self.says.lock().unwrap();
        says.push_back((status, body));
    }

    /// What was asked since the last look.
    pub(super) fn heard(&self) -> Vec<Asked> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }
}

async fn answer(
    State(this): State<Provider>,
    version: Version,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    this.asked.lock().unwrap().push(Asked {
        path: uri.path().to_owned(),
        version,
        headers,
        body,
    });
    if uri.path() == "/token" {
        let granted = json!({ "access_token": "ya29.test", "expires_in": 3599 });
        return axum::Json(granted).into_response();
    }
    let mut says = this.says.lock().unwrap_or_else(PoisonError::into_inner);
    let (status, body) = says.pop_front().unwrap_or((201, Value::Null));
    let status = StatusCode::from_u16(status).unwrap();
    let retry = [("retry-after", "30")];
    (status, retry, body.to_string()).into_response()
}

/// Claims of a token whose signature was checked.
fn verified(token: &str, with: &'static dyn VerificationAlgorithm, key: &[u8]) -> (Value, Value) {
    let (text, signature) = token.rsplit_once('.').unwrap();
    let signature = BASE64URL.decode(signature).unwrap();
    let key = UnparsedPublicKey::new(with, key);
    key.verify(text.as_bytes(), &signature).unwrap();
    let part = |part: &str| serde_json::from_slice(&BASE64URL.decode(part).unwrap()).unwrap();
    let (header, claims) = text.split_once('.').unwrap();
    (part(header), part(claims))
}

fn is_near(at_s: &Value, expected_s: u64) -> bool {
    at_s.as_u64().unwrap().abs_diff(expected_s) <= 5
}

fn now_s() -> u64 {
    clock::now_ms() / 1_000
}

/// A browser's subscription.
pub(super) fn browser(url: &str) -> (Address, SecretKey) {
    let key = SecretKey::from_slice(&[7; 32]).unwrap();
    let public = key.public_key().to_encoded_point(false).as_bytes().to_vec();
    let address = Address {
        kind: Kind::WebPush,
        address: format!("{url}/subscription/1"),
        keys: Some((public, AUTH.to_vec())),
    };
    (address, key)
}

fn app(kind: Kind, token: &str) -> Address {
    Address {
        kind,
        address: token.into(),
        keys: None,
    }
}

impl Shop {
    fn push(&self, providers: Providers) -> Push {
        Push {
            pipeline: self.pipeline.clone(),
            readers: Readers::new(&self.dir.path().join("db")),
            providers: Arc::new(providers),
            nudge: Arc::default(),
        }
    }

    pub(super) fn web(&self) -> Push {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let key = self.dir.path().join("push").join("vapid.pem");
        let outgoing = Outgoing::new(true).unwrap();
        self.push(Providers {
            web: Some(WebPush::new(&key, SUBJECT, outgoing).unwrap()),
            ..Providers::default()
        })
    }

    fn fcm(&self, url: &str) -> Push {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let file = self.dir.path().join("account.json");
        let account = json!({
            "type": "service_account", "project_id": "welkom-test", "private_key_id": "k1",
            "private_key": RSA_PEM, "client_email": "push@welkom-test.example",
            "token_uri": format!("{url}/token"),
        });
        std::fs::write(&file, account.to_string()).unwrap();
        let settings = crate::config::Fcm {
            base_url: url.into(),
            service_account_file: file,
        };
        self.push(Providers {
            fcm: Some(Fcm::new(&settings, client().build().unwrap()).unwrap()),
            ..Providers::default()
        })
    }

    /// With Apple's key, whose public half is returned.
    fn apns(&self, url: &str) -> (Push, Vec<u8>) {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let file = self.dir.path().join("AuthKey.p8");
        let public = P256::load_or_make(&file).unwrap().public().to_vec();
        let settings = crate::config::Apns {
            base_url: url.into(),
            key_file: file,
            key_id: "ABC123DEFG".into(),
            team_id: "DEF123GHIJ".into(),
            topic: "nl.kade9.app".into(),
        };
        let apns = Apns::new(&settings, Apns::client().unwrap()).unwrap();
        let providers = Providers {
            apns: Some(apns),
            ..Providers::default()
        };
        (self.push(providers), public)
    }

    async fn register(&self, to: &Address) {
        let to = to.clone();
        self.write(move |txn| rows::register(txn.db, txn.now_ms, anna(), None, &to))
            .await;
    }

    /// An offer for her, or news of her order, has come into her stream.
    async fn offer(&self) {
        self.sees("back", -50, 3, 0).await;
        assert_eq!(self.leased_in(0).await.len(), 1);
    }

    async fn arrival(&self) {
        self.switches([None, Some(false), None, None]).await;
        self.order_is_ready().await;
        self.sees("door", -70, 3, 0).await;
        assert_eq!(self.leased_in(0).await.len(), 1);
    }

    /// What may be pushed so much later than now.
    async fn marked_in(&self, ms: u64) -> Vec<PushRow> {
        self.write(move |txn| rows::lease(txn.db, txn.now_ms + ms, &ALL_KINDS, 100))
            .await
    }

    /// Sends all that is due.
    async fn wakes(&self, push: &Push) {
        for row in self.marked_in(0).await {
            push.clone().send(row).await;
        }
    }

    /// Class and state of each push, marketing first, and how far away its time is.
    async fn pushes(&self) -> Vec<(String, i64)> {
        self.write(|txn| {
            let mut statement = txn.db.prepare(
                "SELECT class || ' ' || p.state, p.due_ms - ?1
                 FROM pushes p JOIN deliveries USING (delivery) ORDER BY class",
            )?;
            let now_ms = i64::try_from(txn.now_ms).unwrap();
            let rows = statement.query_map([now_ms], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    async fn push_states(&self) -> Vec<String> {
        let pushes = self.pushes().await;
        pushes.into_iter().map(|(state, _)| state).collect()
    }

    async fn addresses(&self) -> i64 {
        self.write(|txn| {
            let count = "SELECT count(*) FROM push_addresses";
            Ok(txn.db.query_row(count, [], |row| row.get(0))?)
        })
        .await
    }

    async fn alarms(&self) -> Vec<(Kind, String)> {
        let alarms = self.write(|txn| rows::alarms(txn.db)).await;
        alarms.into_iter().map(|a| (a.kind, a.said)).collect()
    }
}

#[tokio::test]
async fn a_browsers_push_service_gets_what_the_rfcs_ask_for_and_the_browser_reads_it() {
    let shop = Shop::open().await;
    let (service, url) = Provider::start().await;
    let (address, key) = browser(&url);
    shop.register(&address).await;
    shop.offer().await;
    let push = shop.web();
    shop.wakes(&push).await;
    assert_eq!(shop.push_states().await, ["marketing accepted"]);

    let heard = service.heard();
    assert_eq!(heard.len(), 1);
    let asked = &heard[0];
    assert_eq!(asked.path, "/subscription/1");
    assert_eq!(asked.header("content-encoding"), "aes128gcm");
    assert_eq!(asked.header("urgency"), "normal");
    let ttl_s: u64 = asked.header("ttl").parse().unwrap();
    assert!((100..=120).contains(&ttl_s), "{ttl_s}");

    let vapid = asked
        .header("authorization")
        .strip_prefix("vapid t=")
        .unwrap();
    let (token, public) = vapid.split_once(", k=").unwrap();
    assert_eq!(
        Some(public.to_owned()),
        push.providers.web.as_ref().map(WebPush::public_key)
    );
    let public = BASE64URL.decode(public).unwrap();
    let (header, claims) = verified(token, &ECDSA_P256_SHA256_FIXED, &public);
    assert_eq!(header, json!({ "typ": "JWT", "alg": "ES256" }));
    assert_eq!(
        (&claims["aud"], &claims["sub"]),
        (&json!(url), &json!(SUBJECT))
    );
    assert!(is_near(&claims["exp"], now_s() + 12 * 3_600), "{claims}");

    let read = decrypt(asked.body.to_vec(), &key, &Auth::clone_from_slice(&AUTH)).unwrap();
    let told: Value = serde_json::from_slice(&read).unwrap();
    assert_eq!(told["class"], "marketing");
    assert_eq!(
        (&told["title"], &told["body"]),
        (&json!("Dit staat hier"), &json!("x: x."))
    );
    let delivery: protocol::DeliveryId = serde_json::from_value(told["delivery"].clone()).unwrap();
    assert_eq!(
        asked.header("topic"),
        BASE64URL.encode(delivery.0.as_bytes())
    );
}

#[tokio::test]
async fn a_crash_after_a_push_repeats_service_under_its_topic_and_never_marketing() {
    for marketing in [true, false] {
        let shop = Shop::open().await;
        let (service, url) = Provider::start().await;
        shop.register(&browser(&url).0).await;
        if marketing {
            shop.offer().await;
        } else {
            shop.arrival().await;
        }
        let push = shop.web();
        for row in shop.marked_in(0).await {
            // The answer comes, and the process ends before it is written down.
            push.ask(&row).await;
        }
        let first = service.heard();
        assert_eq!(first.len(), 1);

        let shop = shop.crash_and_start().await;
        let push = shop.web();
        assert_eq!(shop.marked_in(0).await, [], "the lease holds");
        for row in shop.marked_in(rows::LEASE_MS + 1_000).await {
            push.clone().send(row).await;
        }
        let again = service.heard();
        if marketing {
            assert_eq!(again.len(), 0);
            assert_eq!(shop.push_states().await, ["marketing unknown"]);
        } else {
            assert_eq!(again.len(), 1);
            assert_eq!(again[0].header("topic"), first[0].header("topic"));
            assert_eq!(again[0].header("urgency"), "high");
            assert_eq!(shop.push_states().await, ["service accepted"]);
        }
    }
}

#[tokio::test]
async fn what_she_took_back_after_it_came_into_her_stream_wakes_no_phone() {
    let shop = Shop::open().await;
    shop.register(&app(Kind::Fcm, "t")).await;
    shop.offer().await;
    shop.switches([None, Some(false), None, None]).await;
    assert_eq!(shop.marked_in(0).await, []);
    assert_eq!(shop.push_states().await, ["marketing withdrawn"]);

    let shop = Shop::open().await;
    shop.register(&app(Kind::Fcm, "t")).await;
    shop.offer().await;
    let mute = |txn: &mut Txn<'_>| campaigns::mute(txn.db, anna(), "store", "kade-9", None);
    shop.write(mute).await;
    assert_eq!(shop.marked_in(0).await, []);
    assert_eq!(shop.push_states().await, ["marketing withdrawn"]);
}

#[tokio::test]
async fn with_her_last_yes_to_messages_and_arrival_her_addresses_go() {
    let shop = Shop::open().await;
    shop.register(&app(Kind::Fcm, "t")).await;
    shop.switches([Some(true), Some(false), None, None]).await;
    assert_eq!(shop.addresses().await, 1);
    shop.switches([Some(false), None, None, None]).await;
    assert_eq!(shop.addresses().await, 0);
}

#[tokio::test]
async fn a_message_goes_to_the_first_channel_in_her_order_that_has_an_address() {
    use Channel::{Apns, Fcm, InApp, WebPush};
    let browser = browser("http://127.0.0.1:1").0;
    for (order, expected) in [
        (None, Some(Kind::Fcm)),
        (Some(vec![WebPush, Fcm]), Some(Kind::WebPush)),
        (Some(vec![Apns, Fcm, WebPush]), Some(Kind::Fcm)),
        (Some(vec![InApp, Fcm]), None),
        (Some(vec![]), None),
    ] {
        let shop = Shop::open().await;
        shop.register(&browser).await;
        shop.register(&app(Kind::Fcm, "t")).await;
        if let Some(order) = order.clone() {
            shop.write(move |txn| rows::set_order(txn.db, anna(), &order))
                .await;
        }
        shop.offer().await;
        let marked = shop.marked_in(0).await;
        let kinds: Vec<Kind> = marked.iter().map(|row| row.to.kind).collect();
        assert_eq!(kinds, expected.into_iter().collect::<Vec<_>>(), "{order:?}");
        assert_eq!(shop.states().await, [is("marketing", "sending")]);
    }
}

#[tokio::test]
async fn a_dead_subscription_is_forgotten_and_service_goes_to_the_next_device() {
    let shop = Shop::open().await;
    let (service, url) = Provider::start().await;
    let (mut address, _) = browser(&url);
    shop.register(&address).await;
    address.address = format!("{url}/subscription/2");
    shop.register(&address).await;
    shop.arrival().await;
    service.say(410, Value::Null);
    let push = shop.web();
    shop.wakes(&push).await;
    assert_eq!(
        (shop.addresses().await, shop.push_states().await),
        (1, vec!["service pending".into()])
    );
    service.say(201, Value::Null);
    shop.wakes(&push).await;
    let paths: Vec<String> = service
        .heard()
        .into_iter()
        .map(|asked| asked.path)
        .collect();
    assert_eq!(paths.len(), 2);
    assert_ne!(paths[0], paths[1]);
    assert_eq!(shop.push_states().await, ["service accepted"]);
}

#[tokio::test]
async fn service_waits_as_long_as_the_push_service_asks_and_marketing_is_given_up() {
    for (marketing, status) in [(false, 429), (false, 503), (true, 429), (true, 503)] {
        let shop = Shop::open().await;
        let (service, url) = Provider::start().await;
        shop.register(&browser(&url).0).await;
        if marketing {
            shop.offer().await;
        } else {
            shop.arrival().await;
        }
        service.say(status, Value::Null);
        shop.wakes(&shop.web()).await;
        let (state, wait_ms) = shop.pushes().await.remove(0);
        if marketing {
            assert_eq!(state, "marketing failed");
        } else {
            assert_eq!(state, "service pending");
            assert!((29_000..=30_000).contains(&wait_ms), "{wait_ms}");
        }
        assert_eq!(shop.addresses().await, 1);
    }
}

#[tokio::test]
async fn an_offer_that_cannot_have_left_is_tried_again() {
    let shop = Shop::open().await;
    // Nobody listens there any more.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    shop.register(&browser(&url).0).await;
    shop.offer().await;
    shop.wakes(&shop.web()).await;
    assert_eq!(shop.push_states().await, ["marketing pending"]);
}

#[tokio::test]
async fn google_gets_a_signed_assertion_and_a_message_that_ends_with_its_relevance() {
    let shop = Shop::open().await;
    let (google, url) = Provider::start().await;
    shop.register(&app(Kind::Fcm, "registration-1")).await;
    shop.offer().await;
    google.say(200, json!({ "name": "projects/welkom-test/messages/1" }));
    shop.wakes(&shop.fcm(&url)).await;
    assert_eq!(shop.push_states().await, ["marketing accepted"]);
    let heard = google.heard();
    let paths: Vec<&str> = heard.iter().map(|asked| asked.path.as_str()).collect();
    assert_eq!(paths, ["/token", "/v1/projects/welkom-test/messages:send"]);

    assert_eq!(
        heard[0].header("content-type"),
        "application/x-www-form-urlencoded"
    );
    let form = std::str::from_utf8(&heard[0].body).unwrap();
    let grant = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=";
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from_pem_slice(RSA_PEM.as_bytes()).unwrap();
    let key = ring::rsa::KeyPair::from_pkcs8(key.secret_pkcs8_der()).unwrap();
    let public = ring::signature::KeyPair::public_key(&key).as_ref().to_vec();
    let assertion = form.strip_prefix(grant).unwrap();
    let (header, claims) = verified(assertion, &RSA_PKCS1_2048_8192_SHA256, &public);
    assert_eq!(header, json!({ "alg": "RS256", "typ": "JWT", "kid": "k1" }));
    assert_eq!(claims["iss"], "push@welkom-test.example");
    assert_eq!(claims["aud"], format!("{url}/token"));
    assert_eq!(
        claims["scope"],
        "https://www.googleapis.com/auth/firebase.messaging"
    );
    assert!(is_near(&claims["iat"], now_s()) && is_near(&claims["exp"], now_s() + 3_600));

    assert_eq!(heard[1].header("authorization"), "Bearer ya29.test");
    let message = &heard[1].json()["message"];
    assert_eq!(message["token"], "registration-1");
    assert_eq!(message["android"]["priority"], "NORMAL");
    assert_eq!(
        message["android"]["collapse_key"],
        message["data"]["delivery"]
    );
    let ttl = message["android"]["ttl"].as_str().unwrap();
    let ttl_s: u64 = ttl.strip_suffix('s').unwrap().parse().unwrap();
    assert!((100..=120).contains(&ttl_s), "{ttl}");
    let data = message["data"].as_object().unwrap();
    assert!(
        data.values().all(Value::is_string),
        "FCM takes text alone: {data:?}"
    );
    assert_eq!(data["title"], "Dit staat hier");
}

#[tokio::test]
async fn google_forgets_a_device_only_when_it_says_unregistered() {
    let details = |code: &str| {
        let kind = "type.googleapis.com/google.firebase.fcm.v1.FcmError";
        json!({ "error": { "code": 0, "status": "X", "details": [
            { "@type": kind, "errorCode": code } ] } })
    };
    for (status, code, addresses, alarmed) in [
        (404, "UNREGISTERED", 0, false),
        (400, "INVALID_ARGUMENT", 1, false),
        (403, "SENDER_ID_MISMATCH", 1, true),
        (401, "THIRD_PARTY_AUTH_ERROR", 1, true),
    ] {
        let shop = Shop::open().await;
        let (google, url) = Provider::start().await;
        shop.register(&app(Kind::Fcm, "registration-1")).await;
        shop.arrival().await;
        google.say(status, details(code));
        let push = shop.fcm(&url);
        shop.wakes(&push).await;
        assert_eq!(shop.addresses().await, addresses, "{code}");
        let expected = alarmed.then(|| (Kind::Fcm, code.to_owned()));
        assert_eq!(shop.alarms().await, Vec::from_iter(expected), "{code}");
        if alarmed {
            google.say(200, json!({}));
            for row in shop.marked_in(31_000).await {
                push.clone().send(row).await;
            }
            assert_eq!(shop.push_states().await, ["service accepted"]);
            assert_eq!(shop.alarms().await, [], "it takes our word again");
        }
    }
}

#[tokio::test]
async fn apple_gets_every_header_over_http_2_and_a_token_of_ours() {
    let shop = Shop::open().await;
    let (apple, url) = Provider::start().await;
    shop.register(&app(Kind::Apns, "00fc13adff785122")).await;
    shop.arrival().await;
    apple.say(200, Value::Null);
    let (push, public) = shop.apns(&url);
    shop.wakes(&push).await;
    assert_eq!(shop.push_states().await, ["service accepted"]);
    let asked = apple.heard().remove(0);
    assert_eq!(asked.version, Version::HTTP_2);
    assert_eq!(asked.path, "/3/device/00fc13adff785122");
    let body = asked.json();
    for (name, value) in [
        ("apns-topic", "nl.kade9.app"),
        ("apns-push-type", "alert"),
        ("apns-priority", "10"),
        ("apns-collapse-id", body["delivery"].as_str().unwrap()),
    ] {
        assert_eq!(asked.header(name), value, "{name}");
    }
    let expires_s: u64 = asked.header("apns-expiration").parse().unwrap();
    assert_eq!(expires_s, body["expires_ms"].as_u64().unwrap() / 1_000);
    assert!(expires_s > now_s());
    assert_eq!(body["aps"]["interruption-level"], "time-sensitive");
    assert!(body["aps"]["alert"]["title"].is_string());
    let token = asked
        .header("authorization")
        .strip_prefix("bearer ")
        .unwrap();
    let (header, claims) = verified(token, &ECDSA_P256_SHA256_FIXED, &public);
    assert_eq!(header, json!({ "alg": "ES256", "kid": "ABC123DEFG" }));
    assert_eq!(claims["iss"], "DEF123GHIJ");
    assert!(is_near(&claims["iat"], now_s()));
}

#[tokio::test]
async fn apple_gets_one_new_token_when_it_calls_ours_too_old() {
    let shop = Shop::open().await;
    let (apple, url) = Provider::start().await;
    shop.register(&app(Kind::Apns, "00fc13ad")).await;
    shop.offer().await;
    let row = shop.marked_in(0).await.remove(0);
    let (push, _) = shop.apns(&url);
    let (apns, message) = (push.providers.apns.as_ref().unwrap(), row.message.clone());
    let told = push
        .readers
        .read(move |db| messages::tell(db, &message))
        .await
        .unwrap();
    let expired = || apple.say(403, json!({ "reason": "ExpiredProviderToken" }));
    let now_ms = clock::now_ms();
    apple.say(200, Value::Null);
    assert_eq!(
        apns.send(now_ms, &row.to, &told).await.verdict,
        answers::Verdict::Accepted
    );
    let half_an_hour_ms = now_ms + 30 * 60_000;
    expired();
    apple.say(200, Value::Null);
    let answer = apns.send(half_an_hour_ms, &row.to, &told).await;
    assert_eq!(answer.verdict, answers::Verdict::Accepted);
    let tokens: Vec<String> = apple
        .heard()
        .iter()
        .map(|asked| asked.header("authorization").into())
        .collect();
    assert_eq!(tokens.len(), 3);
    assert!(tokens[0] == tokens[1] && tokens[1] != tokens[2]);
    // A token that was just made is no reason to make another.
    expired();
    let answer = apns.send(half_an_hour_ms, &row.to, &told).await;
    assert_eq!(answer.verdict, answers::Verdict::NewToken);
    assert_eq!(apple.heard().len(), 1);
}

#[tokio::test]
async fn apple_forgets_a_device_that_is_gone_and_not_for_a_fault_of_ours() {
    for (status, reason, addresses, alarmed) in [
        (410, "Unregistered", 0, false),
        (400, "BadDeviceToken", 0, false),
        (403, "InvalidProviderToken", 1, true),
        (429, "TooManyRequests", 1, false),
    ] {
        let shop = Shop::open().await;
        let (apple, url) = Provider::start().await;
        shop.register(&app(Kind::Apns, "00fc13ad")).await;
        shop.arrival().await;
        apple.say(status, json!({ "reason": reason }));
        shop.wakes(&shop.apns(&url).0).await;
        assert_eq!(shop.addresses().await, addresses, "{reason}");
        let expected = alarmed.then(|| (Kind::Apns, reason.to_owned()));
        assert_eq!(shop.alarms().await, Vec::from_iter(expected), "{reason}");
    }
}

#[tokio::test]
async fn what_is_kept_to_wake_her_goes_with_her() {
    let shop = Shop::open().await;
    shop.register(&app(Kind::Fcm, "t")).await;
    shop.write(|txn| rows::set_order(txn.db, anna(), &rows::ORDER))
        .await;
    shop.offer().await;
    assert_eq!(shop.marked_in(0).await.len(), 1);
    let kept = |txn: &mut Txn<'_>| {
        let all = "SELECT (SELECT count(*) FROM push_addresses) + (SELECT count(*) FROM pushes)
                     + (SELECT count(*) FROM push_attempts) + (SELECT count(*) FROM channel_orders)";
        Ok(txn.db.query_row(all, [], |row| row.get::<_, i64>(0))?)
    };
    assert_eq!(shop.write(kept).await, 4);
    shop.write(|txn| txn.erase(anna())).await;
    assert_eq!(shop.write(kept).await, 0);
}

#[tokio::test]
async fn an_address_is_of_whoever_registered_it_last_and_a_device_has_one() {
    let shop = Shop::open().await;
    let device = protocol::DeviceId::at(1, [3; 10]);
    let to = |token: &str| app(Kind::Fcm, token);
    let (first, second) = (to("1"), to("2"));
    shop.write(move |txn| {
        let row = people::DeviceRow {
            device,
            customer: anna(),
            signing_key: None,
        };
        people::add_device(txn.db, txn.now_ms, &row, "android", None)?;
        rows::register(txn.db, txn.now_ms, anna(), Some(device), &first)?;
        rows::register(txn.db, txn.now_ms, anna(), Some(device), &second)
    })
    .await;
    assert_eq!(shop.addresses().await, 1);
    shop.offer().await;
    assert_eq!(shop.marked_in(0).await[0].to.address, "2");
    for n in 0..20 {
        shop.register(&to(&format!("browser {n}"))).await;
    }
    assert_eq!(shop.addresses().await, 10, "the oldest go");
}
