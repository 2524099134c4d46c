//! The shopper's app: enrol, keys, consent, sightings, messages. `docs/app.md` tells it to an app
//! developer.

use axum::{
    Json,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{Response, sse::Event},
};
use engine::{Input, Observation, input::Consent};
use garde::Validate;
use hmac::{Hmac, KeyInit, Mac};
use protocol::{AnchorId, CustomerId, DeliveryId, DeviceId, EidKey, RadioId, StoreId, Transmitter};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sha2::Sha256;
use tokio::sync::broadcast::error::RecvError;
use utoipa::ToSchema;

use super::{
    App,
    access::Phone,
    fresh,
    problem::{At, Body, Problem, Raw},
    sse::{self, Gone, HEARTBEAT, Writer},
};
use crate::{
    clock,
    pipeline::{Counts, Txn},
    secret,
    store::{
        StoreError, access,
        outbox::{self, DeliveryRow},
        people::{self, ConsentEntry, DeviceRow, PURPOSES, RadioRow},
        shop::{self, AnchorKind},
    },
    web::messages,
};

/// A signature's time may differ from ours by this much.
const SIGNED_WITHIN_S: u64 = 300;
/// Beacons in one report at most: more are not in range of one phone.
const REPORT_BEACONS_MAX: usize = 64;
/// App sightings older than this are history, as those of gateways.
const LATE_AFTER_MS: u64 = 30_000;
/// A key that was replaced resolves until its last quantum and the clock tolerance are over.
const KEY_OVERLAP_MS: u64 =
    (protocol::eid::QUANTUM_S + protocol::eid::CLOCK_TOLERANCE_S) as u64 * 1_000;

/// A code from the shop, and what the device is.
#[derive(Debug, Clone, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EnrolBody {
    /// `K7QF-2M9X-4TBD`
    #[garde(length(max = 20))]
    code: String,
    /// `android`, `ios` or `fob`.
    #[garde(custom(known_platform))]
    platform: String,
}

fn known_platform(text: &str, _: &()) -> garde::Result {
    match text {
        "android" | "ios" | "fob" => Ok(()),
        _ => Err(garde::Error::new("android, ios or fob")),
    }
}

/// All that the device needs from then on.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Enrolled {
    #[schema(value_type = String)]
    device: DeviceId,
    /// For `Authorization: Bearer`.
    token: String,
    /// 32 bytes for the signatures of sightings.
    signing_key_hex: String,
    /// 16 bytes, see Eddystone-EID.
    eid_key_hex: String,
    /// Added to Unix time for the device's own count of seconds.
    clock_offset_s: u32,
    /// An identity lives 2 to the power of this many seconds.
    rotation_exponent: u8,
    server_ms: u64,
    /// What the chain's shelf beacons carry as iBeacon UUID; none: it has no shelf beacons yet.
    beacon_uuid: Option<String>,
}

struct Secrets {
    token: String,
    signing_key: [u8; 32],
    key: [u8; 16],
    offset_s: u32,
}

impl Secrets {
    fn new() -> Result<Self, secret::NoRandomness> {
        Ok(Self {
            token: secret::token("wd_")?,
            signing_key: secret::random()?,
            key: secret::random()?,
            offset_s: u32::from_be_bytes(secret::random()?),
        })
    }
}

/// Enrols a device with a one-time code.
#[utoipa::path(post, path = "/v1/app/enrol", tag = "app", request_body = EnrolBody,
    responses((status = 201, body = Enrolled), (status = "default", body = Problem)))]
pub(super) async fn enrol(
    State(app): State<App>,
    Body(body): Body<EnrolBody>,
) -> Result<(StatusCode, Json<Enrolled>), Problem> {
    let secrets = Secrets::new()?;
    let (code, token) = (secret::sha256(&body.code), secret::sha256(&secrets.token));
    let (signing_key, key, offset_s) = (secrets.signing_key, secrets.key, secrets.offset_s);
    let platform = body.platform;
    let (device, beacon_uuid) = app
        .pipeline
        .write(move |txn| {
            let customer = people::use_enrolment(txn.db, txn.now_ms, &code)?;
            let device = fresh(DeviceId::at, txn.now_ms)?;
            let signing_key = Some(signing_key.to_vec());
            let row = DeviceRow {
                device,
                customer,
                signing_key,
            };
            people::add_device(txn.db, txn.now_ms, &row, &platform, Some(&token))?;
            add_radio(txn, &row, EidKey(key), offset_s)?;
            Ok((device, beacon_uuid(txn)?))
        })
        .await?;
    let enrolled = Enrolled {
        device,
        token: secrets.token,
        signing_key_hex: hex::encode(signing_key),
        eid_key_hex: hex::encode(key),
        clock_offset_s: offset_s,
        rotation_exponent: protocol::eid::ROTATION_EXPONENT,
        server_ms: clock::now_ms(),
        beacon_uuid,
    };
    Ok((StatusCode::CREATED, Json(enrolled)))
}

fn add_radio(
    txn: &mut Txn<'_>,
    device: &DeviceRow,
    key: EidKey,
    clock_offset_s: u32,
) -> Result<(), StoreError> {
    let radio = RadioRow {
        radio: fresh(RadioId::at, txn.now_ms)?,
        device: device.device,
        customer: device.customer,
        key,
        clock_offset_s,
        valid_from_ms: txn.now_ms,
        valid_to_ms: None,
    };
    people::add_radio(txn.db, &radio)?;
    txn.radios_changed(vec![radio]);
    Ok(())
}

/// A chain has one UUID; were there two by mistake, the first by spelling is told.
fn beacon_uuid(txn: &Txn<'_>) -> Result<Option<String>, StoreError> {
    let mut found: Option<String> = None;
    for store in shop::store_ids(txn.db)? {
        for anchor in shop::anchors(txn.db, &store)? {
            if let AnchorKind::Beacon(Transmitter::IBeacon { uuid, .. }) = anchor.kind {
                let text = uuid.to_string();
                found = Some(found.map_or(text.clone(), |known| known.min(text)));
            }
        }
    }
    Ok(found)
}

/// A new identity key.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct NewKey {
    eid_key_hex: String,
    clock_offset_s: u32,
}

/// Replaces the device's identity key; the old one resolves until its last quantum is over.
#[utoipa::path(post, path = "/v1/app/key", tag = "app",
    responses((status = 200, body = NewKey), (status = "default", body = Problem)))]
pub(super) async fn rotate_key(
    phone: Phone,
    State(app): State<App>,
) -> Result<Json<NewKey>, Problem> {
    let Secrets { key, offset_s, .. } = Secrets::new()?;
    app.pipeline
        .write(move |txn| {
            people::end_radios(txn.db, phone.device, txn.now_ms + KEY_OVERLAP_MS)?;
            let ended = people::radios_of(txn.db, phone.device)?;
            txn.radios_changed(ended);
            let device = DeviceRow {
                device: phone.device,
                customer: phone.customer,
                signing_key: None,
            };
            add_radio(txn, &device, EidKey(key), offset_s)
        })
        .await?;
    Ok(Json(NewKey {
        eid_key_hex: hex::encode(key),
        clock_offset_s: offset_s,
    }))
}

/// The server's time.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Time {
    server_ms: u64,
}

/// What time it is, for a device that sets its clock offset.
#[utoipa::path(get, path = "/v1/app/time", tag = "app", responses((status = 200, body = Time)))]
pub(super) async fn time() -> Json<Time> {
    Json(Time {
        server_ms: clock::now_ms(),
    })
}

/// The four switches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct ConsentView {
    arrival: bool,
    messages: bool,
    browsing: bool,
    statistics: bool,
}

impl From<Consent> for ConsentView {
    fn from(c: Consent) -> Self {
        let Consent {
            arrival,
            messages,
            browsing,
            statistics,
        } = c;
        Self {
            arrival,
            messages,
            browsing,
            statistics,
        }
    }
}

/// The switches as they stand.
#[utoipa::path(get, path = "/v1/app/consent", tag = "app",
    responses((status = 200, body = ConsentView), (status = "default", body = Problem)))]
pub(super) async fn get_consent(
    phone: Phone,
    State(app): State<App>,
) -> Result<Json<ConsentView>, Problem> {
    let since = app
        .readers
        .read(move |db| people::consent_since(db, phone.customer))
        .await?;
    Ok(Json(people::switches(&since).into()))
}

/// Switches to be set; those that are left out stay.
#[derive(Debug, Clone, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConsentBody {
    /// Staff may know that I am here for my order.
    #[garde(skip)]
    arrival: Option<bool>,
    /// Messages in the shop.
    #[garde(skip)]
    messages: Option<bool>,
    /// What I did online may choose them.
    #[garde(skip)]
    browsing: Option<bool>,
    /// My visits count in figures.
    #[garde(skip)]
    statistics: Option<bool>,
    /// The version of the words that she saw.
    #[garde(length(min = 1, max = 40))]
    text_version: String,
    /// Their language, `nl` or `en`.
    #[garde(length(equal = 2))]
    language: String,
}

/// Sets switches. A no works at once, on queued messages too.
#[utoipa::path(put, path = "/v1/app/consent", tag = "app", request_body = ConsentBody,
    responses((status = 200, body = ConsentView), (status = "default", body = Problem)))]
pub(super) async fn put_consent(
    phone: Phone,
    State(app): State<App>,
    Body(body): Body<ConsentBody>,
) -> Result<Json<ConsentView>, Problem> {
    let switches = [body.arrival, body.messages, body.browsing, body.statistics];
    let consent = app
        .pipeline
        .write(move |txn| {
            set_consent(
                txn,
                phone.customer,
                switches,
                &body.text_version,
                &body.language,
                "app",
            )
        })
        .await?;
    Ok(Json(consent.into()))
}

/// Writes what changed into the ledger and tells the engines.
pub(crate) fn set_consent(
    txn: &mut Txn<'_>,
    customer: CustomerId,
    switches: [Option<bool>; 4],
    text_version: &str,
    language: &str,
    source: &'static str,
) -> Result<Consent, StoreError> {
    let before = people::consent_since(txn.db, customer)?;
    let mut withdrawn = Vec::new();
    for (i, wanted) in switches.into_iter().enumerate() {
        let Some(granted) = wanted.filter(|granted| before[i].is_some() != *granted) else {
            continue;
        };
        let entry = ConsentEntry {
            purpose: PURPOSES[i],
            granted,
            text_version: text_version.to_owned(),
            language: language.to_owned(),
            source,
        };
        people::record_consent(txn.db, txn.now_ms, customer, &entry)?;
        withdrawn.extend((!granted).then_some(PURPOSES[i]));
    }
    txn.consent_changed(customer)?;
    let consent = people::switches(&people::consent_since(txn.db, customer)?);
    for purpose in &withdrawn {
        people::forget_purpose(txn.db, customer, purpose, consent)?;
    }
    if !withdrawn.is_empty() {
        txn.purge_log()?;
    }
    txn.deliveries_due();
    Ok(consent)
}

/// A body that the device signed: `Welkom-Signature: v1=<hex>` over `{timestamp}.{body}`; with
/// it the signature's hash, for [`first_use`].
fn signed<T: DeserializeOwned>(
    phone: &Phone,
    headers: &HeaderMap,
    body: &Bytes,
) -> Result<(T, [u8; 32]), Problem> {
    let text = |name| {
        headers
            .get(name)
            .and_then(|v| v.to_str().ok())
            .unwrap_or_default()
    };
    let timestamp = text("welkom-timestamp");
    let seconds: u64 = timestamp
        .parse()
        .map_err(|_| Problem::unauthorized("Welkom-Timestamp: Unix seconds"))?;
    if seconds.abs_diff(clock::now_ms() / 1_000) > SIGNED_WITHIN_S {
        return Err(Problem::unauthorized(
            "Welkom-Timestamp: more than 300 s off, see /v1/app/time",
        ));
    }
    let wrong = || Problem::unauthorized("Welkom-Signature: not of this device, time and body");
    let given = text("welkom-signature")
        .strip_prefix("v1=")
        .ok_or_else(wrong)?;
    let given = hex::decode(given).map_err(|_| wrong())?;
    let mut mac = Hmac::<Sha256>::new_from_slice(&phone.signing_key).map_err(|_| wrong())?;
    mac.update(timestamp.as_bytes());
    mac.update(b".");
    mac.update(body);
    mac.verify_slice(&given).map_err(|_| wrong())?;
    let read = serde_json::from_slice(body);
    let read = read.map_err(|error| Problem::invalid(error.to_string()))?;
    Ok((read, secret::sha256(&hex::encode(&given))))
}

/// Takes a signature once, in the transaction of what it signs: if that does not happen, the
/// phone may send it again.
fn first_use(txn: &Txn<'_>, signature_sha256: &[u8; 32]) -> Result<(), StoreError> {
    let keep_ms = 2 * SIGNED_WITHIN_S * 1_000;
    if access::first_use(txn.db, txn.now_ms, signature_sha256, keep_ms)? {
        Ok(())
    } else {
        Err(StoreError::Conflict(
            "this signature was used before".into(),
        ))
    }
}

/// Shelf beacons that the phone heard.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SightingsBody {
    /// In which store.
    #[schema(value_type = String)]
    store: StoreId,
    /// At most 64.
    sightings: Vec<AppSighting>,
}

/// What the phone had of one shelf beacon in a window.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AppSighting {
    /// `ibeacon:uuid:major:minor`
    #[schema(value_type = String)]
    beacon: Transmitter,
    heard_first_ms: u64,
    heard_last_ms: u64,
    count: u32,
    rssi_dbm_median: i8,
}

/// How much of it was used.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub struct Accepted {
    accepted: usize,
    ignored: usize,
}

/// Reports shelf beacons.
#[utoipa::path(post, path = "/v1/app/sightings", tag = "app", request_body = SightingsBody,
    responses((status = 202, body = Accepted), (status = "default", body = Problem)))]
pub(super) async fn sightings(
    phone: Phone,
    State(app): State<App>,
    headers: HeaderMap,
    Raw(body): Raw,
) -> Result<(StatusCode, Json<Accepted>), Problem> {
    let (body, signature): (SightingsBody, _) = signed(&phone, &headers, &body)?;
    if body.sightings.len() > REPORT_BEACONS_MAX {
        let at_most = format!("sightings: at most {REPORT_BEACONS_MAX}");
        return Err(Problem::too_large(at_most));
    }
    let offered = body.sightings.len();
    let counts = app.counts.clone();
    let accepted = app
        .pipeline
        .write(move |txn| {
            first_use(txn, &signature)?;
            shop::store(txn.db, &body.store)?;
            let radio = radio_of(txn, phone.device)?;
            let anchors = shop::anchors(txn.db, &body.store)?;
            let mut heard = Vec::new();
            for sighting in &body.sightings {
                let beacon = AnchorKind::Beacon(sighting.beacon);
                if let Some(anchor) = anchors.iter().find(|a| a.kind == beacon) {
                    let observation =
                        observe(txn, &phone, radio, &body.store, &anchor.anchor, sighting)?;
                    heard.extend(observation);
                }
            }
            let accepted = heard.len();
            if accepted > 0 {
                txn.feed(&body.store, Input::Sightings { sightings: heard })?;
            }
            Ok(accepted)
        })
        .await?;
    Counts::add(&counts.sightings_applied_total, accepted);
    Ok((
        StatusCode::ACCEPTED,
        Json(Accepted {
            accepted,
            ignored: offered - accepted,
        }),
    ))
}

fn radio_of(txn: &Txn<'_>, device: DeviceId) -> Result<RadioId, StoreError> {
    let radios = people::radios_of(txn.db, device)?;
    radios
        .last()
        .map(|r| r.radio)
        .ok_or(StoreError::NotFound("radio"))
}

/// One app sighting as the engine sees it; none without consent, or if it contradicts itself.
fn observe(
    txn: &mut Txn<'_>,
    phone: &Phone,
    radio: RadioId,
    store: &StoreId,
    anchor: &AnchorId,
    sighting: &AppSighting,
) -> Result<Option<Observation>, StoreError> {
    let (consent, open_order) = txn.consent_of(phone.customer, store)?;
    let AppSighting {
        heard_first_ms,
        heard_last_ms,
        count,
        rssi_dbm_median,
        ..
    } = *sighting;
    let sane = count > 0 && heard_first_ms <= heard_last_ms && heard_last_ms <= txn.now_ms + 60_000;
    if !sane || !consent.allows_visit(open_order) {
        return Ok(None);
    }
    let heard_last_ms = heard_last_ms.min(txn.now_ms);
    Ok(Some(Observation {
        customer: phone.customer,
        radio,
        anchor: anchor.clone(),
        heard_first_ms: heard_first_ms.min(heard_last_ms),
        heard_last_ms,
        count,
        rssi_dbm: rssi_dbm_median,
        certain: false,
        late: heard_last_ms + LATE_AFTER_MS < txn.now_ms,
        consent,
    }))
}

/// "Ik ben er".
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HereBody {
    /// In which store.
    #[schema(value_type = String)]
    store: StoreId,
}

/// "Ik ben er": a sighting with certainty, at the store's entrance.
#[utoipa::path(post, path = "/v1/app/here", tag = "app", request_body = HereBody,
    responses((status = 202, body = Accepted), (status = "default", body = Problem)))]
pub(super) async fn here(
    phone: Phone,
    State(app): State<App>,
    headers: HeaderMap,
    Raw(body): Raw,
) -> Result<(StatusCode, Json<Accepted>), Problem> {
    let (body, signature): (HereBody, _) = signed(&phone, &headers, &body)?;
    let here = app
        .pipeline
        .write(move |txn| {
            first_use(txn, &signature)?;
            let radio = radio_of(txn, phone.device)?;
            say_here(txn, phone.customer, radio, &body.store)
        })
        .await?;
    if !here {
        return Err(no_consent());
    }
    Ok((
        StatusCode::ACCEPTED,
        Json(Accepted {
            accepted: 1,
            ignored: 0,
        }),
    ))
}

/// She pressed the button, but no switch lets us use it.
pub(crate) fn no_consent() -> Problem {
    Problem::new(
        StatusCode::FORBIDDEN,
        "no-consent",
        "A switch is off",
        "turn on 'arrival for my order' (with an open order here), messages or statistics first",
    )
}

/// Feeds a certain sighting at the store's first gateway; false without consent.
pub(crate) fn say_here(
    txn: &mut Txn<'_>,
    customer: CustomerId,
    radio: RadioId,
    store: &StoreId,
) -> Result<bool, StoreError> {
    shop::store(txn.db, store)?;
    let (consent, open_order) = txn.consent_of(customer, store)?;
    if !consent.allows_visit(open_order) {
        return Ok(false);
    }
    let anchors = shop::anchors(txn.db, store)?;
    let door = anchors
        .iter()
        .max_by_key(|a| (matches!(a.kind, AnchorKind::Gateway(_)), a.enter_rssi_dbm))
        .ok_or(StoreError::NotFound("anchor in this store"))?;
    let observation = Observation {
        customer,
        radio,
        anchor: door.anchor.clone(),
        heard_first_ms: txn.now_ms,
        heard_last_ms: txn.now_ms,
        count: 1,
        rssi_dbm: 0,
        certain: true,
        late: false,
        consent,
    };
    txn.feed(
        store,
        Input::Sightings {
            sightings: vec![observation],
        },
    )?;
    Ok(true)
}

/// Her messages as they come: `event: notification`. `Last-Event-ID` resumes.
#[utoipa::path(get, path = "/v1/app/events", tag = "app",
    responses((status = 200, content_type = "text/event-stream"), (status = "default", body = Problem)))]
pub(super) async fn events(phone: Phone, State(app): State<App>, headers: HeaderMap) -> Response {
    let after = sse::last_event_id(&headers);
    let show = AsJson(app.clone());
    sse::stream(move |writer| async move {
        follow_phone(&app, phone.customer, after, &writer, show).await
    })
}

/// How a reader of one customer's stream wants a message.
pub(crate) trait ShowMessage: Send + Sync {
    /// The event; none if there is nothing to show.
    fn show(&self, row: DeliveryRow) -> impl Future<Output = Option<Event>> + Send;
}

struct AsJson(App);

impl ShowMessage for AsJson {
    async fn show(&self, row: DeliveryRow) -> Option<Event> {
        let n = row.n;
        let told = self
            .0
            .readers
            .read(move |db| messages::tell(db, &row))
            .await
            .ok()?;
        let data = serde_json::to_string(&told).ok()?;
        Some(
            Event::default()
                .event("notification")
                .id(n.to_string())
                .data(data),
        )
    }
}

/// Follows one customer's stream. Without a last number only what comes from now on is told.
pub(crate) async fn follow_phone(
    app: &App,
    customer: CustomerId,
    after: Option<u64>,
    writer: &Writer,
    show: impl ShowMessage,
) -> Result<(), Gone> {
    let mut live = app.live.follow_phone(customer);
    let mut shutdown = app.shutdown.clone();
    let mut seen = after.unwrap_or(0);
    let settled = app
        .readers
        .read(move |db| outbox::settled(db, customer))
        .await;
    let begins = after.unwrap_or(settled.map_err(|_| Gone)?);
    if let Some(after) = after {
        let now_ms = clock::now_ms();
        let missed = app
            .readers
            .read(move |db| outbox::stream_after(db, now_ms, customer, after))
            .await;
        for row in missed.map_err(|_| Gone)? {
            seen = row.n;
            if let Some(event) = show.show(row).await {
                writer.send(event).await?;
            }
        }
    }
    let mut heartbeat = tokio::time::interval(HEARTBEAT);
    loop {
        tokio::select! {
            pushed = live.recv() => match pushed {
                Ok(row) if row.n > seen => {
                    seen = row.n;
                    if let Some(event) = show.show(row).await {
                        writer.send(event).await?;
                    }
                }
                Ok(_) => {}
                // The phone comes back with its last number and reads what it missed.
                Err(RecvError::Lagged(_) | RecvError::Closed) => return Ok(()),
            },
            _ = heartbeat.tick() => writer.heartbeat_at(seen.max(begins)).await?,
            _ = shutdown.changed() => return Ok(()),
        }
    }
}

/// Says that the phone showed a message.
#[utoipa::path(post, path = "/v1/app/deliveries/{delivery}/displayed", tag = "app",
    params(("delivery" = String, Path)),
    responses((status = 204), (status = "default", body = Problem)))]
pub(super) async fn displayed(
    phone: Phone,
    State(app): State<App>,
    At(delivery): At<DeliveryId>,
) -> Result<StatusCode, Problem> {
    app.pipeline
        .write(move |txn| outbox::record_displayed(txn.db, txn.now_ms, phone.customer, delivery))
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
