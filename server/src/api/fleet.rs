//! How gateways and fixed beacons do, for shop systems.
//!
//! In: a store. Out: one row a device, with its state and since when.
//! Invariant: judges nothing itself; [`crate::fleet::state`] does.

use axum::{Json, extract::State};
use protocol::{
    AnchorId, StoreId,
    message::{BEACONS_MAX, Counts, LinkState},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    App, Page, PageQuery,
    access::ShopKey,
    problem::{At, Problem, Query},
};
use crate::{
    clock,
    fleet::{
        pattern::AntennaChange,
        state::{BeaconState, Ears, GatewayState},
        week::{self, Device, Due, Reason},
    },
    store::{
        beacons::{self, BeaconRow, GatewayRow},
        shop,
    },
};

/// A gateway's last word, and what it came to.
#[derive(Debug, Serialize, ToSchema)]
pub struct GatewayView {
    gateway: String,
    /// Its last word: `online` or `offline`.
    #[schema(value_type = String)]
    state: LinkState,
    /// How it does.
    health: GatewayState,
    /// Since when; none: it never spoke.
    since_ms: Option<u64>,
    /// None: it never spoke.
    version: Option<String>,
    /// Whether what it hears can be read by the server alone; none: it never spoke.
    sealed: Option<bool>,
    /// When it last spoke.
    heard_ms: Option<u64>,
    #[schema(value_type = Object)]
    counts: Counts,
}

/// How the gateways of a store do.
#[utoipa::path(get, path = "/v1/stores/{store}/gateways", tag = "fleet",
    params(("store" = String, Path)),
    responses((status = 200, body = Vec<GatewayView>), (status = "default", body = Problem)))]
pub(super) async fn gateways(
    _: ShopKey,
    State(app): State<App>,
    At(store): At<StoreId>,
) -> Result<Json<Vec<GatewayView>>, Problem> {
    let rows = app
        .readers
        .read(move |db| {
            shop::store(db, &store)?;
            beacons::gateways(db, &store)
        })
        .await?;
    let (now_ms, listening_since_ms) = (clock::now_ms(), app.fleet.listening_since_ms());
    let view = |row: GatewayRow| {
        let gateway = row.gateway.to_string();
        let Some(kept) = row.kept else {
            return GatewayView {
                gateway,
                state: LinkState::Offline,
                health: GatewayState::NotYetHeard,
                since_ms: None,
                version: None,
                sealed: None,
                heard_ms: None,
                counts: Counts::default(),
            };
        };
        let (health, since_ms) = kept.seen(now_ms, listening_since_ms);
        GatewayView {
            gateway,
            state: kept.link,
            health,
            since_ms: Some(since_ms),
            version: Some(kept.version),
            sealed: Some(!kept.plain),
            heard_ms: Some(kept.heard_ms),
            counts: kept.counts,
        }
    };
    Ok(Json(rows.into_iter().map(view).collect()))
}

/// A fixed beacon.
#[derive(Debug, Serialize, ToSchema)]
pub struct BeaconView {
    /// `ibeacon:uuid:major:minor`
    transmitter: String,
    anchor: String,
    zone: String,
    state: BeaconState,
    /// Since when; none: all is well, or it was never heard.
    since_ms: Option<u64>,
    /// What it last said of its battery; none: it does not say.
    battery_mv: Option<u16>,
    /// What that is of a lithium coin cell.
    battery_percent: Option<u8>,
    temperature_c: Option<f64>,
    /// When its battery will be empty; none: nobody knows yet.
    battery_empty_ms: Option<u64>,
    /// The same, if it falls as fast as on its worst days.
    battery_empty_at_soonest_ms: Option<u64>,
    /// When any gateway last heard it.
    last_heard_ms: Option<u64>,
    /// The gateways that had it then, the strongest first.
    heard_by: Vec<HearingView>,
    /// How gateways hear it differently, if it seems to hang elsewhere; the largest difference first.
    changes: Vec<ChangeView>,
}

/// How a gateway hears a beacon differently.
#[derive(Debug, Serialize, ToSchema)]
pub struct ChangeView {
    gateway: String,
    /// Stronger by so much; below 0: weaker.
    change_db: i8,
}

/// What a gateway had of a beacon.
#[derive(Debug, Serialize, ToSchema)]
pub struct HearingView {
    gateway: String,
    last_heard_ms: u64,
    /// Median of the last status that had heard it.
    rssi_dbm: Option<i8>,
    /// Median of the days' medians of three weeks; none: too few days are known.
    typical_dbm: Option<f32>,
    /// Advertisements in that status.
    count: u32,
}

impl BeaconView {
    fn of(row: &BeaconRow, ears: &Ears, now_ms: u64) -> Self {
        let kept = &row.kept;
        let (state, since_ms) = kept.seen(ears, now_ms);
        let said = kept.telemetry;
        let temperature = said.and_then(|t| t.temperature_centi_c);
        let hearing = |h: &crate::fleet::state::Hearing| HearingView {
            gateway: h.gateway.to_string(),
            last_heard_ms: h.heard_last_ms,
            rssi_dbm: h.rssi_dbm,
            typical_dbm: h.typical_dbm,
            count: h.count,
        };
        Self {
            transmitter: row.transmitter.to_string(),
            anchor: row.anchor.to_string(),
            zone: row.zone.to_string(),
            state,
            since_ms,
            battery_mv: said.and_then(|t| t.battery_mv),
            battery_percent: kept.battery_percent(),
            temperature_c: temperature.map(|centi_c| f64::from(centi_c) / 100.0),
            battery_empty_ms: kept.forecast.map(|f| f.empty_ms),
            battery_empty_at_soonest_ms: kept.forecast.map(|f| f.empty_at_soonest_ms),
            last_heard_ms: kept.heard_last_ms(),
            heard_by: kept.heard_by().into_iter().map(hearing).collect(),
            changes: changes(row),
        }
    }
}

fn changes(row: &BeaconRow) -> Vec<ChangeView> {
    let all = row.kept.moved.iter().flat_map(|moved| &moved.changes);
    all.map(|(gateway, change_db)| ChangeView {
        gateway: gateway.to_string(),
        change_db: *change_db,
    })
    .collect()
}

/// Where a page of anchors starts and how long it is.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct AnchorPageQuery {
    /// At most this many, 1 to 1,000; 200 if it is not said.
    limit: Option<u32>,
    /// The `next` of the page before.
    #[param(value_type = Option<String>)]
    after: Option<AnchorId>,
}

/// How the fixed beacons of a store do, by the names of their anchors.
#[utoipa::path(get, path = "/v1/stores/{store}/beacons", tag = "fleet",
    params(("store" = String, Path), AnchorPageQuery),
    responses((status = 200, body = Page<BeaconView>), (status = "default", body = Problem)))]
pub(super) async fn beacons(
    _: ShopKey,
    State(app): State<App>,
    At(store): At<StoreId>,
    Query(page): Query<AnchorPageQuery>,
) -> Result<Json<Page<BeaconView>>, Problem> {
    let limit = PageQuery::checked(page.limit)?;
    let now_ms = clock::now_ms();
    let (gateways, rows) = app
        .readers
        .read(move |db| {
            shop::store(db, &store)?;
            let judged = beacons::judged(db, &store, now_ms)?;
            let rows = beacons::beacons(db, &store, page.after.as_ref(), limit, &judged)?;
            Ok((beacons::gateways(db, &store)?, rows))
        })
        .await?;
    let ears = beacons::ears(&gateways, now_ms, app.fleet.listening_since_ms());
    let view = |row: &BeaconRow| BeaconView::of(row, &ears, now_ms);
    let items = rows.iter().map(view).collect();
    Ok(Json(Page::new(items, limit, |b: &BeaconView| {
        b.anchor.clone()
    })))
}

/// Something to replace or to look at this week.
#[derive(Debug, Serialize, ToSchema)]
pub struct DueView {
    reason: Reason,
    /// The beacon's anchor; none: it is a gateway's antenna.
    anchor: Option<String>,
    /// The gateway whose antenna it is; none: it is a beacon.
    gateway: Option<String>,
    zones: Vec<String>,
    /// Since when it is so; none: since it is known, or it will be.
    since_ms: Option<u64>,
    /// What is left in a cell, as far as it says.
    battery_percent: Option<u8>,
    /// When the cell will be empty; none: nobody knows.
    battery_empty_ms: Option<u64>,
    battery_empty_at_soonest_ms: Option<u64>,
    /// How gateways hear a beacon that moved; of an antenna, how it hears its beacons.
    changes: Vec<ChangeView>,
    /// Of an antenna: how many of its beacons it hears otherwise ...
    beacons_changed: Option<u32>,
    /// ... and of how many.
    beacons: Option<u32>,
}

impl DueView {
    fn of(due: &Due<'_>) -> Self {
        let zones = due.zones.iter().map(ToString::to_string).collect();
        let blank = Self {
            reason: due.reason,
            anchor: None,
            gateway: None,
            zones,
            since_ms: due.since_ms,
            battery_percent: None,
            battery_empty_ms: None,
            battery_empty_at_soonest_ms: None,
            changes: Vec::new(),
            beacons_changed: None,
            beacons: None,
        };
        match due.device {
            Device::Gateway(gateway, change) => {
                let AntennaChange {
                    change_db,
                    changed,
                    beacons,
                    ..
                } = change;
                let gateway = gateway.to_string();
                Self {
                    gateway: Some(gateway.clone()),
                    changes: vec![ChangeView { gateway, change_db }],
                    beacons_changed: Some(changed),
                    beacons: Some(beacons),
                    ..blank
                }
            }
            Device::Beacon(row) => Self {
                anchor: Some(row.anchor.to_string()),
                battery_percent: row.kept.battery_percent(),
                battery_empty_ms: row.kept.forecast.map(|f| f.empty_ms),
                battery_empty_at_soonest_ms: row.kept.forecast.map(|f| f.empty_at_soonest_ms),
                changes: changes(row),
                ..blank
            },
        }
    }
}

/// What of the fixed beacons and the antennas that hear them is to be replaced or looked at this week,
/// what is most urgent first.
#[utoipa::path(get, path = "/v1/stores/{store}/beacons/due", tag = "fleet",
    params(("store" = String, Path)),
    responses((status = 200, body = Vec<DueView>), (status = "default", body = Problem)))]
pub(super) async fn due(
    _: ShopKey,
    State(app): State<App>,
    At(store): At<StoreId>,
) -> Result<Json<Vec<DueView>>, Problem> {
    let now_ms = clock::now_ms();
    let (gateways, rows, judged) = app
        .readers
        .read(move |db| {
            shop::store(db, &store)?;
            let judged = beacons::judged(db, &store, now_ms)?;
            let all = u32::try_from(BEACONS_MAX).unwrap_or(u32::MAX);
            let rows = beacons::beacons(db, &store, None, all, &judged)?;
            Ok((beacons::gateways(db, &store)?, rows, judged))
        })
        .await?;
    let ears = beacons::ears(&gateways, now_ms, app.fleet.listening_since_ms());
    let list = week::list(&gateways, &rows, &judged.verdicts, &ears, now_ms);
    Ok(Json(list.iter().map(DueView::of).collect()))
}
