//! What the phone knows of where it is: shelf beacons it heard, and "Ik ben er".
//!
//! In: bodies that the device signed. Out: observations, in the same shape as a gateway's.
//! Invariant: without consent nothing of it is written.

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode},
};
use engine::{Input, Observation};
use protocol::{AnchorId, CustomerId, DeviceId, RadioId, StoreId, Transmitter};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::signed::{first_use, signed};
use crate::{
    api::{
        App,
        access::Phone,
        problem::{Problem, Raw},
    },
    home::Says,
    pipeline::{Counts, Txn},
    store::{
        StoreError, homes, loyalty, people,
        shop::{self, AnchorKind},
    },
};

/// Beacons in one report at most: more are not in range of one phone.
const REPORT_BEACONS_MAX: usize = 64;
/// App sightings older than this are history, as those of gateways.
const LATE_AFTER_MS: u64 = 30_000;

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
pub(in crate::api) async fn sightings(
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
            say_heard(txn, &body.store, &heard)?;
            if accepted > 0 {
                txn.hear(&body.store, heard)?;
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
pub(in crate::api) async fn here(
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

/// Where a machine in the store has the desk, it hears too what the phone of somebody heard who
/// agreed that staff may know.
fn say_heard(txn: &mut Txn<'_>, store: &StoreId, heard: &[Observation]) -> Result<(), StoreError> {
    if !homes::has_desk(txn.db, store)? {
        return Ok(());
    }
    for seen in heard
        .iter()
        .filter(|seen| seen.consent.arrival && !seen.late)
    {
        let says = Says::Heard {
            anchor: seen.anchor.clone(),
            heard_first_ms: seen.heard_first_ms,
            heard_last_ms: seen.heard_last_ms,
            count: seen.count,
            rssi_dbm: seen.rssi_dbm,
        };
        homes::say(txn.db, txn.now_ms, store, seen.customer, &says)?;
    }
    Ok(())
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
    if consent.arrival && homes::has_desk(txn.db, store)? {
        homes::say(txn.db, txn.now_ms, store, customer, &Says::Here)?;
    }
    let (now_ms, kind) = (txn.now_ms, loyalty::Kind::CheckIn);
    loyalty::came(txn.db, now_ms, customer, kind, store, now_ms)?;
    Ok(true)
}
