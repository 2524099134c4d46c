//! A phone becomes a device of a customer: a one-time code in, keys out, and new keys later.
//!
//! Promises: an old identity key resolves until its last quantum is over, so that nobody is lost
//! between two keys.
//! Invariant: a secret is in the answer once, and on the server's disk only as far as it must.

use axum::{Json, extract::State, http::StatusCode};
use garde::Validate;
use protocol::{DeviceId, EidKey, RadioId, Transmitter, enrol::Code};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    api::{
        App,
        access::Phone,
        fresh,
        problem::{Body, Problem},
    },
    clock,
    pipeline::Txn,
    secret,
    store::{
        StoreError,
        people::{self, DeviceRow, RadioRow},
        shop::{self, AnchorKind},
    },
};

/// A key that was replaced resolves until its last quantum and the clock tolerance are over.
const KEY_OVERLAP_MS: u64 =
    (protocol::eid::QUANTUM_S + protocol::eid::CLOCK_TOLERANCE_S) as u64 * 1_000;

/// A code from the shop, and what the device is.
#[derive(Debug, Clone, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EnrolBody {
    /// `K7QF-2M9X-4TBD`; small letters and no dashes are as good.
    #[garde(length(max = 40))]
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
pub(in crate::api) async fn enrol(
    State(app): State<App>,
    Body(body): Body<EnrolBody>,
) -> Result<(StatusCode, Json<Enrolled>), Problem> {
    let code: Code = body
        .code
        .parse()
        .map_err(|e| Problem::invalid(format!("code: {e}")))?;
    let code = secret::sha256(&code.to_string());
    let secrets = Secrets::new()?;
    let token = secret::sha256(&secrets.token);
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
pub(in crate::api) async fn rotate_key(
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
pub(in crate::api) async fn time() -> Json<Time> {
    Json(Time {
        server_ms: clock::now_ms(),
    })
}
