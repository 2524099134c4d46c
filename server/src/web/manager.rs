//! The manager's pages: devices here; the map, a visit and the calibration walk in the rooms below.
//!
//! In: a browser of somebody who runs the store. Out: its page, its stream.
//! Invariant: a colleague who only works there gets in nowhere here.

pub(super) mod map;
pub(super) mod visit;
pub(super) mod walk;

use std::{collections::BTreeMap, time::Duration};

use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::{Response, sse::Event},
};
use protocol::{StoreId, ZoneId, message::BEACONS_MAX};
use tokio::sync::broadcast::error::RecvError;

use super::{
    fleet::{BeaconView, Devices, FleetPage, GatewayView, render_devices, render_fleet},
    i18n::{Lang, Texts},
    routes::{Asked, PageError, answer},
};
use crate::{
    api::{App, access::Staff, problem::Problem, sse},
    clock,
    fleet::state::{Ears, GatewayState},
    localtime,
    store::{
        beacons::{self, BeaconRow, GatewayRow},
        shop::{self, Names},
    },
};

/// States change by the passing of time too: silence is nobody's signal.
const REDRAW: Duration = Duration::from_secs(15);
/// All fixed beacons of a store in one list.
#[expect(clippy::cast_possible_truncation, reason = "512")]
const BEACONS_SHOWN: u32 = BEACONS_MAX as u32;

fn entered(staff: Result<Staff, Problem>, store: &StoreId) -> Result<Staff, Problem> {
    let staff = staff?;
    if staff.row.may_manage(store) {
        Ok(staff)
    } else {
        Err(Problem::forbidden(
            "this page is for who runs the store: ask a manager",
        ))
    }
}

pub(super) async fn fleet(
    State(app): State<App>,
    asked: Asked,
    staff: Result<Staff, Problem>,
    Path(store): Path<StoreId>,
) -> Response {
    answer(&asked, async {
        let staff = entered(staff, &store)?;
        let html = draw(&app, &asked, &staff, &store).await?;
        Ok(asked.page(&app, StatusCode::OK, html))
    })
    .await
}

async fn draw(
    app: &App,
    asked: &Asked,
    staff: &Staff,
    store: &StoreId,
) -> Result<String, PageError> {
    let of = store.clone();
    let row = app.readers.read(move |db| shop::store(db, &of)).await?;
    let (lang, now_ms) = (asked.lang(), clock::now_ms());
    let page = FleetPage {
        store: store.clone(),
        store_name: row.name,
        texts: Texts::new(lang, localtime::zone(&row.timezone)),
        csrf: staff.csrf.clone(),
        staff_name: staff.row.name.clone(),
        other_lang_href: asked.other_lang_href(lang),
        devices: devices(app, store, lang, now_ms).await?,
    };
    Ok(render_fleet(&page, now_ms)?)
}

async fn devices(app: &App, store: &StoreId, lang: Lang, now_ms: u64) -> Result<Devices, Problem> {
    let of = store.clone();
    let (gateways, beacons, zones) = app
        .readers
        .read(move |db| {
            Ok((
                beacons::gateways(db, &of)?,
                beacons::beacons(db, &of, None, BEACONS_SHOWN)?,
                shop::zone_names(db, &of)?,
            ))
        })
        .await?;
    let ears = beacons::ears(&gateways, now_ms, app.fleet.listening_since_ms());
    let places = Places { zones, lang };
    Ok(Devices {
        gateways: gateways
            .iter()
            .map(|row| gateway_view(row, &ears, &places))
            .collect(),
        beacons: beacons
            .iter()
            .map(|row| beacon_view(row, &ears, &places, now_ms))
            .collect(),
    })
}

struct Places {
    zones: BTreeMap<ZoneId, Names>,
    lang: Lang,
}

impl Places {
    fn name(&self, zone: &ZoneId) -> String {
        match (self.zones.get(zone), self.lang) {
            (Some(names), Lang::Nl) => names.nl.clone(),
            (Some(names), Lang::En) => names.en.clone(),
            (None, _) => zone.to_string(),
        }
    }
}

fn gateway_view(row: &GatewayRow, ears: &Ears, places: &Places) -> GatewayView {
    let ear = ears.get(&row.gateway);
    GatewayView {
        name: row.gateway.to_string(),
        places: row.zones.iter().map(|zone| places.name(zone)).collect(),
        state: ear.map_or(GatewayState::NotYetHeard, |ear| ear.state),
        since_ms: ear.map(|ear| ear.since_ms),
        waiting: row.kept.as_ref().map_or(0, |kept| kept.counts.waiting),
    }
}

fn beacon_view(row: &BeaconRow, ears: &Ears, places: &Places, now_ms: u64) -> BeaconView {
    let kept = &row.kept;
    let (state, since_ms) = kept.seen(ears, now_ms);
    let by = kept.heard_by();
    BeaconView {
        name: row.anchor.to_string(),
        place: places.name(&row.zone),
        state,
        since_ms,
        battery_percent: kept.battery_percent(),
        battery_low: kept.battery_low_since_ms.is_some(),
        heard_last_ms: kept.heard_last_ms(),
        heard_by: by.iter().map(|h| h.gateway.to_string()).collect(),
        moved: kept
            .moved(now_ms)
            .map(|(_, stronger_db, by)| (stronger_db, by.to_string())),
    }
}

pub(super) async fn fleet_events(
    State(app): State<App>,
    asked: Asked,
    staff: Result<Staff, Problem>,
    Path(store): Path<StoreId>,
) -> Response {
    answer(&asked, async {
        entered(staff, &store)?;
        let of = store.clone();
        let row = app.readers.read(move |db| shop::store(db, &of)).await?;
        let texts = Texts::new(asked.lang(), localtime::zone(&row.timezone));
        Ok(sse::stream(move |writer| follow(app, store, texts, writer)))
    })
    .await
}

/// Sends the devices anew when one of them spoke, and now and then. Whoever comes back has loaded
/// the page itself, so nothing is to be caught up.
async fn follow(
    app: App,
    store: StoreId,
    texts: Texts,
    writer: sse::Writer,
) -> Result<(), sse::Gone> {
    let mut live = app.live.follow_fleets();
    let mut shutdown = app.shutdown.clone();
    let mut heartbeat = tokio::time::interval(sse::HEARTBEAT);
    let mut redraw = tokio::time::interval(REDRAW);
    loop {
        let due = tokio::select! {
            spoke = live.recv() => match spoke {
                Ok(spoke) => spoke == store,
                Err(RecvError::Lagged(_)) => true,
                Err(RecvError::Closed) => return Ok(()),
            },
            _ = redraw.tick() => true,
            _ = heartbeat.tick() => {
                writer.heartbeat().await?;
                false
            }
            _ = shutdown.changed() => return Ok(()),
        };
        if due {
            show(&app, &store, &texts, &writer).await?;
        }
    }
}

async fn show(
    app: &App,
    store: &StoreId,
    texts: &Texts,
    writer: &sse::Writer,
) -> Result<(), sse::Gone> {
    let now_ms = clock::now_ms();
    let html = match devices(app, store, texts.lang, now_ms).await {
        Ok(devices) => render_devices(texts, &devices, now_ms),
        Err(_) => {
            // Its cause is in the log; the page keeps what it has until the next time.
            return Ok(());
        }
    };
    match html {
        Ok(html) => {
            let data = serde_json::json!({ "html": html }).to_string();
            writer
                .send(Event::default().event("fleet").data(data))
                .await
        }
        Err(error) => {
            tracing::error!(%error, "the devices page could not be told");
            Ok(())
        }
    }
}
