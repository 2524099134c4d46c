//! Setting up a gateway with a one-time code: the shop's system asks for one, the gateway redeems it.
//!
//! In: a gateway's name; later its code, with a number that the gateway alone knows. Out: the code,
//! once; then all that stands in the gateway's settings.
//! Promises: a request with an `Idempotency-Key` that is sent again is answered with the same code,
//! and a gateway whose answer was lost on the line is answered again. Of two that redeem one code
//! one wins. Who tries codes is slowed down.
//! Invariant: neither code nor password stands on a disk or in a log.

use std::net::{IpAddr, SocketAddr};

use axum::{
    Json,
    extract::{ConnectInfo, FromRequestParts, State},
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header, request::Parts},
};
use garde::Validate;
use protocol::{
    GatewayId, StoreId,
    enrol::{Code, Ticket},
    seal::{PublicKey, TrustKey},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    App,
    access::AdminKey,
    problem::{At, Body, Problem},
};
use crate::{
    clock,
    pipeline::{Counts, Txn},
    secret,
    store::{
        StoreError,
        enrolments::{self, EnrolmentRow, NewCode},
        radios, seals,
        shop::{self, Chain},
    },
    web::routes::base,
};

/// How long a code is good for: from the desk to the ladder.
pub const CODE_MS: u64 = 3_600_000;
/// Longer keys are refused: 64 characters hold two UUIDs.
const KEY_LEN_MAX: usize = 64;

/// A gateway to be set up.
#[derive(Debug, Clone, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GatewayEnrolmentBody {
    /// Its id; one that exists gets other credentials once the code is redeemed.
    #[schema(value_type = String)]
    #[garde(skip)]
    gateway: GatewayId,
}

/// A code, shown once.
#[derive(Debug, Serialize, ToSchema)]
pub struct GatewayEnrolment {
    gateway: String,
    /// To be typed: `welkom-gateway enroll SERVER CODE`.
    code: String,
    /// From here on it is worth nothing.
    expires_ms: u64,
    /// What the QR code says; `welkom-gateway enroll` takes it as it is.
    qr_text: String,
    /// By which the gateway knows this server's certificate; none: plain http.
    certificate_sha256: Option<String>,
}

/// A code that was made, with what only its maker hears.
pub(crate) struct Made {
    /// The code.
    pub(crate) code: Code,
    /// What is kept of it.
    pub(crate) row: EnrolmentRow,
}

/// Makes a code, or that of the same question before.
pub(crate) async fn make(
    app: &App,
    store: StoreId,
    gateway: GatewayId,
    same: Option<Code>,
) -> Result<Made, Problem> {
    let code = match same {
        Some(code) => code,
        None => secret::one_time_code()?,
    };
    let (hash, salt) = (secret::sha256(&code.to_string()), secret::random()?);
    let row = app
        .pipeline
        .write(move |txn| {
            let new = NewCode {
                code_sha256: &hash,
                salt: &salt,
                valid_ms: CODE_MS,
            };
            enrolments::add(txn.db, txn.now_ms, &store, &gateway, new)
        })
        .await?;
    Ok(Made { code, row })
}

/// What the QR code of a gateway says.
pub(crate) fn ticket(app: &App, base: &str, store: &StoreId, made: &Made) -> Ticket {
    Ticket {
        server: base.to_owned(),
        page: format!("/manage/{store}/gateways/{}", made.row.gateway),
        code: made.code.clone(),
        sha256: app.trust.certificate_sha256,
    }
}

/// Makes a one-time code with which a gateway sets itself up.
#[utoipa::path(post, path = "/v1/stores/{store}/gateways/enrolments", tag = "store",
    request_body = GatewayEnrolmentBody,
    params(("store" = String, Path), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 201, body = GatewayEnrolment), (status = "default", body = Problem)))]
pub(super) async fn post_enrolment(
    _: AdminKey,
    State(app): State<App>,
    At(store): At<StoreId>,
    uri: Uri,
    headers: HeaderMap,
    Body(body): Body<GatewayEnrolmentBody>,
) -> Result<(StatusCode, Json<GatewayEnrolment>), Problem> {
    let same = same_as_before(&headers, &store)?;
    let made = make(&app, store.clone(), body.gateway, same).await?;
    let ticket = ticket(&app, &base(&app, &headers, uri.authority()), &store, &made);
    Ok((
        StatusCode::CREATED,
        Json(GatewayEnrolment {
            gateway: made.row.gateway.to_string(),
            code: made.code.to_string(),
            expires_ms: made.row.expires_ms,
            qr_text: ticket.to_string(),
            certificate_sha256: ticket.sha256.map(|sha256| sha256.to_string()),
        }),
    ))
}

/// Answers with secrets are not remembered, see `idempotency`: the code of a request that may come
/// again follows from the request and the key that it came with.
fn same_as_before(headers: &HeaderMap, store: &StoreId) -> Result<Option<Code>, Problem> {
    let Some(key) = headers.get("idempotency-key") else {
        return Ok(None);
    };
    let key = key.to_str().unwrap_or_default();
    if key.is_empty() || key.len() > KEY_LEN_MAX {
        return Err(Problem::invalid(
            "Idempotency-Key: 1 to 64 visible ASCII characters",
        ));
    }
    let token = headers
        .get(header::AUTHORIZATION)
        .map(HeaderValue::as_bytes);
    let token = String::from_utf8_lossy(token.unwrap_or_default());
    Ok(Some(secret::one_time_code_for(
        &token,
        &format!("{store}/{key}"),
    )))
}

/// What a gateway has.
#[derive(Debug, Clone, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RedeemBody {
    /// `K7QF-2M9X-4TBD`; small letters and no dashes are as good.
    #[garde(length(max = 40))]
    code: String,
    /// 32 to 128 hexadecimal digits that the gateway made for this code and keeps to itself: with
    /// them it may ask again, if the answer was lost. Without them it may ask once.
    #[garde(inner(custom(random_digits)))]
    nonce: Option<String>,
    /// What the machine is, for people: `Raspberry Pi 5 Model B Rev 1.0`.
    #[garde(length(max = 120))]
    hardware: Option<String>,
}

fn random_digits(text: &str, _: &()) -> garde::Result {
    let digits = text.bytes().all(|b| b.is_ascii_hexdigit());
    if digits && (32..=128).contains(&text.len()) {
        return Ok(());
    }
    Err(garde::Error::new("32 to 128 hexadecimal digits"))
}

/// All that stands in a gateway's settings.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct GatewaySetUp {
    store: String,
    gateway: String,
    mqtt_host: String,
    mqtt_port: u16,
    mqtt_username: String,
    mqtt_password: String,
    /// What the gateway must trust at the broker, as PEM; none: the broker has no TLS.
    ca_pem: Option<String>,
    /// For `seal.trust`: who signs the keys that sightings are sealed to.
    seal_trust: String,
    /// For `seal.key`: what to seal to until a later key is told.
    seal_key: String,
    /// Of the certificate of this server, as the gateway should have seen it.
    certificate_sha256: Option<String>,
    /// Of the chain's iBeacons and AltBeacons.
    chain_uuids: Vec<String>,
    /// Of the chain's Eddystone beacons.
    chain_namespaces: Vec<String>,
    server_ms: u64,
}

/// Sets a gateway up with a one-time code.
#[utoipa::path(post, path = "/v1/enrol", tag = "gateway", request_body = RedeemBody,
    responses((status = 201, body = GatewaySetUp), (status = "default", body = Problem)))]
pub(super) async fn redeem(
    State(app): State<App>,
    Peer(peer): Peer,
    uri: Uri,
    headers: HeaderMap,
    Body(body): Body<RedeemBody>,
) -> Result<(StatusCode, Json<GatewaySetUp>), Problem> {
    let code: Code = body
        .code
        .parse()
        .map_err(|e| Problem::invalid(format!("code: {e}")))?;
    let now_ms = clock::now_ms();
    let wait_ms = app.wrong_codes.wait_ms(&peer, now_ms);
    if wait_ms > 0 {
        let why = "too many codes that nobody gave out came from your address";
        return Err(Problem::slow_down(why, wait_ms.div_ceil(1_000)));
    }
    let nonce = match body.nonce {
        Some(nonce) => nonce,
        None => hex::encode(secret::random::<32>()?),
    };
    let hardware = body.hardware;
    let written = app
        .pipeline
        .write(move |txn| let_in(txn, &code, &nonce, hardware.as_deref()))
        .await;
    let (to, chain) = match written {
        Ok(written) => written,
        Err(error) => return Err(refused(&app, &peer, now_ms, error)),
    };
    app.wrong_codes.right(&peer);
    app.credentials.set(
        to.store.clone(),
        to.gateway.clone(),
        secret::sha256(&to.password),
    );
    tracing::info!(store = %to.store, gateway = %to.gateway, again = to.again, "gateway is set up");
    Ok((
        StatusCode::CREATED,
        Json(GatewaySetUp {
            mqtt_username: format!("{}/{}", to.store, to.gateway),
            store: to.store.to_string(),
            gateway: to.gateway.to_string(),
            mqtt_host: mqtt_host(&app, &headers, &uri),
            mqtt_port: app.mqtt_port,
            mqtt_password: to.password,
            ca_pem: app.trust.ca_pem.clone(),
            seal_trust: to.seal_trust.to_string(),
            seal_key: to.seal_key.to_string(),
            certificate_sha256: app.trust.certificate_sha256.map(|s| s.to_string()),
            chain_uuids: chain.uuids.iter().map(ToString::to_string).collect(),
            chain_namespaces: chain.namespaces.into_iter().collect(),
            server_ms: clock::now_ms(),
        }),
    ))
}

/// A gateway with the password that is its own from now on.
struct LetIn {
    seal_trust: TrustKey,
    seal_key: PublicKey,
    store: StoreId,
    gateway: GatewayId,
    password: String,
    again: bool,
}

fn let_in(
    txn: &mut Txn<'_>,
    code: &Code,
    nonce: &str,
    hardware: Option<&str>,
) -> Result<(LetIn, Chain), StoreError> {
    let hash = secret::sha256(&code.to_string());
    let nonce_sha256 = secret::sha256(nonce);
    let redeemed = enrolments::redeem(txn.db, txn.now_ms, &hash, &nonce_sha256, hardware)?;
    let password = secret::gateway_password(&redeemed.salt, nonce, code);
    let enrolments::Redeemed {
        store,
        gateway,
        again,
        ..
    } = redeemed;
    let password_sha256 = secret::sha256(&password);
    if again {
        let now = shop::gateway_password(txn.db, &store, &gateway)?;
        if now != Some(password_sha256) {
            let what = "this code was used before, and its gateway has other credentials since";
            return Err(StoreError::Conflict(what.into()));
        }
    } else {
        radios::none_is(txn.db, &store, &gateway)?;
        shop::put_gateway(txn.db, txn.now_ms, &store, &gateway, &password_sha256)?;
        txn.gateways_changed(&store);
    }
    let (seal_trust, seal_key) = seals::for_gateway(txn.db)?;
    let let_in = LetIn {
        seal_trust,
        seal_key,
        store,
        gateway,
        password,
        again,
    };
    Ok((let_in, shop::chain(txn.db)?))
}

/// Why not, and what to do.
fn refused(app: &App, peer: &str, now_ms: u64, error: StoreError) -> Problem {
    const ANOTHER: &str = "make another on the page of the store's gateways";
    let ours = !matches!(
        error,
        StoreError::NotFound(_) | StoreError::Conflict(_) | StoreError::Expired(_)
    );
    if ours {
        return error.into();
    }
    Counts::add(&app.counts.gateway_codes_refused_total, 1);
    tracing::info!(%error, "a gateway's code was refused");
    let detail = match &error {
        StoreError::NotFound(_) => {
            app.wrong_codes.wrong(peer, now_ms);
            format!("nobody gave out this code: look whether it is typed right, or {ANOTHER}")
        }
        StoreError::Expired(_) => format!("this code has run out: {ANOTHER}"),
        _ => format!("{error}: {ANOTHER}"),
    };
    Problem::from(error).with_detail(detail)
}

/// "Every address" is none: then the broker is where this server was found.
fn mqtt_host(app: &App, headers: &HeaderMap, uri: &Uri) -> String {
    let everywhere = app.mqtt_host.parse::<IpAddr>();
    if !everywhere.is_ok_and(|ip| ip.is_unspecified()) {
        return app.mqtt_host.clone();
    }
    let base = base(app, headers, uri.authority());
    let host = url::Url::parse(&base)
        .ok()
        .and_then(|url| url.host_str().map(str::to_owned));
    host.unwrap_or_else(|| app.mqtt_host.clone())
}

/// Whence a request comes. Of IPv6 the network, since a machine has a whole one.
pub(super) struct Peer(String);

impl FromRequestParts<App> for Peer {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Self::Rejection> {
        let address = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        Ok(Self(
            match address.map(|ConnectInfo(a)| a.ip().to_canonical()) {
                Some(IpAddr::V4(ip)) => ip.to_string(),
                Some(IpAddr::V6(ip)) => {
                    let [a, b, c, d, ..] = ip.segments();
                    format!("{a:x}:{b:x}:{c:x}:{d:x}::")
                }
                None => String::new(),
            },
        ))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use protocol::enrol::Answer;
    use serde_json::{Value, json};

    use super::{super::fixtures::*, *};

    const PATH: &str = "/v1/stores/kade-9/gateways/enrolments";

    async fn code(rig: &Rig, gateway: &str) -> Value {
        let path = format!("/v1/stores/{}/gateways/enrolments", rig.store);
        let body = json!({ "gateway": gateway });
        let headers = [
            ADMIN,
            ("content-type", "application/json"),
            ("host", "localhost"),
        ];
        let (status, made) = rig.ask("POST", &path, &headers, body.to_string()).await;
        assert_eq!(status, 201, "{made}");
        made
    }

    async fn redeem(rig: &Rig, code: &str, nonce: &str) -> (u16, Value) {
        let body = json!({ "code": code, "nonce": nonce.repeat(32), "hardware": "Pi 5" });
        let json = [("content-type", "application/json")];
        rig.ask("POST", "/v1/enrol", &json, body.to_string()).await
    }

    fn text<'a>(body: &'a Value, key: &str) -> &'a str {
        body[key].as_str().unwrap_or_default()
    }

    #[tokio::test]
    async fn what_a_code_brings_is_all_that_a_gateway_needs() {
        let rig = Rig::open().await;
        let made = code(&rig, "attic").await;
        let ticket: Ticket = text(&made, "qr_text").parse().unwrap();
        assert_eq!(ticket.code.to_string(), text(&made, "code"));
        let (status, said) = redeem(&rig, text(&made, "code"), "a1").await;
        assert_eq!(status, 201, "{said}");
        let answer: Answer = serde_json::from_value(said).unwrap();
        assert_eq!(answer.gateway.as_str(), "attic");
        assert_eq!(answer.mqtt_username, format!("{}/attic", rig.store));
        let kept = rig.text("SELECT hex(password_sha256) FROM gateways WHERE gateway = 'attic'");
        let hash = hex::encode_upper(secret::sha256(&answer.mqtt_password));
        assert_eq!(kept, hash);
    }

    #[tokio::test]
    async fn a_lost_answer_is_told_again_and_to_nobody_else() {
        let rig = Rig::open().await;
        let made = code(&rig, "attic").await;
        let code_text = text(&made, "code");
        let (_, first) = redeem(&rig, code_text, "a1").await;
        let (status, again) = redeem(&rig, &code_text.to_lowercase(), "a1").await;
        assert_eq!(
            (status, &again["mqtt_password"]),
            (201, &first["mqtt_password"])
        );
        let (status, other) = redeem(&rig, code_text, "b2").await;
        assert_eq!(status, 409, "{other}");
        assert!(text(&other, "detail").contains("used before"), "{other}");
        // Another machine took its place: the first one's answer is worth nothing any more.
        let later = code(&rig, "attic").await;
        assert_eq!(redeem(&rig, text(&later, "code"), "c3").await.0, 201);
        assert_eq!(redeem(&rig, code_text, "a1").await.0, 409);
    }

    #[tokio::test]
    async fn of_two_at_once_one_wins() {
        let rig = Rig::open().await;
        let made = code(&rig, "attic").await;
        let ask = |nonce| redeem(&rig, text(&made, "code"), nonce);
        let (a, b) = tokio::join!(ask("a1"), ask("b2"));
        let mut came = [a.0, b.0];
        came.sort_unstable();
        assert_eq!(came, [201, 409]);
    }

    #[tokio::test]
    async fn five_wrong_codes_make_a_pause_for_right_ones_too() {
        let rig = Rig::open().await;
        let made = code(&rig, "attic").await;
        for _ in 0..5 {
            let (status, said) = redeem(&rig, "0000-0000-0000", "a1").await;
            assert_eq!(status, 404, "{said}");
        }
        let (status, said) = redeem(&rig, text(&made, "code"), "a1").await;
        assert_eq!(status, 429, "{said}");
        assert!(
            said["retry_after_s"].as_u64().is_some_and(|s| s > 0),
            "{said}"
        );
        let (_, server) = rig.ask("GET", "/v1/server", &[ADMIN], "").await;
        assert_eq!(server["counts"]["gateway_codes_refused_total"], 5);
    }

    #[tokio::test]
    async fn a_request_that_comes_again_has_the_same_code_and_it_stands_nowhere() {
        let rig = Rig::open().await;
        let path = PATH.replace("kade-9", rig.store.as_str());
        let ask = async |key: &str, gateway: &str, as_who| {
            let headers = [
                as_who,
                ("content-type", "application/json"),
                ("idempotency-key", key),
            ];
            let body = json!({ "gateway": gateway }).to_string();
            rig.ask("POST", &path, &headers, body).await
        };
        let (_, first) = ask("k1", "attic", ADMIN).await;
        let (status, again) = ask("k1", "attic", ADMIN).await;
        assert_eq!((status, &again), (201, &first));
        assert_eq!(ask("k1", "cellar", ADMIN).await.0, 409);
        let (_, other) = ask("k2", "attic", ADMIN).await;
        assert_ne!(other["code"], first["code"]);
        assert_eq!(ask("k1", "attic", SHOP).await.0, 403);
        let (_, set_up) = redeem(&rig, text(&other, "code"), "a1").await;
        for secret in [
            text(&first, "code"),
            text(&other, "code"),
            text(&set_up, "mqtt_password"),
        ] {
            assert!(!secret.is_empty());
            assert!(!rig.in_a_row(secret.as_bytes()) && !rig.names(secret.as_bytes()));
            let plain = secret.replace('-', "");
            assert!(!rig.in_a_row(plain.as_bytes()) && !rig.names(plain.as_bytes()));
        }
    }

    #[tokio::test]
    async fn codes_differ_and_what_cannot_be_one_is_told_so() {
        let rig = Rig::open().await;
        let mut seen = HashSet::new();
        for n in 0..20 {
            let made = code(&rig, &format!("g{n}")).await;
            assert!(seen.insert(text(&made, "code").to_owned()));
        }
        let (status, said) = redeem(&rig, "HELLO", "a1").await;
        assert_eq!(status, 422, "{said}");
        assert!(text(&said, "detail").contains("twelve letters"), "{said}");
        let body = json!({ "code": "0000-0000-0000", "nonce": "short" }).to_string();
        let json = [("content-type", "application/json")];
        assert_eq!(rig.ask("POST", "/v1/enrol", &json, body).await.0, 422);
    }
}
