//! The devices page: gathers how the desk's machine, gateways and fixed beacons do, and keeps it true.
//!
//! In: a manager's browser. Out: the page; its stream, an event whenever something looks different.
//! Invariant: the states are those of [`crate::fleet::state`]; nothing is judged here.

use std::time::Duration;

use axum::{http::StatusCode, response::Response};
use protocol::radio::RadioKind;

use super::{BEACONS_SHOWN, Desk};
use crate::{
    api::problem::Problem,
    clock,
    fleet::{
        pattern::AntennaChange,
        state::{Ears, GatewayState},
        week,
    },
    store::{
        beacons::{self, BeaconRow, GatewayRow},
        homes::{self, HomeRow},
        shop,
    },
    web::{
        fleet::{
            BeaconView, DeskState, DeskView, Devices, FleetPage, GatewayView, render_devices,
            render_fleet,
        },
        routes::PageError,
        visit::ZoneNames,
    },
};

/// How often an open page looks: devices speak once a minute, but silence is nobody's signal.
const LOOK_EVERY: Duration = Duration::from_secs(2);

pub(in crate::web) async fn fleet(desk: Desk) -> Response {
    desk.answer(StatusCode::OK, draw(&desk).await)
}

async fn draw(desk: &Desk) -> Result<String, PageError> {
    let now_ms = clock::now_ms();
    let page = FleetPage {
        devices: devices(desk, now_ms).await?,
        lintel: desk.lintel.clone(),
    };
    Ok(render_fleet(&page, now_ms)?)
}

async fn devices(desk: &Desk, now_ms: u64) -> Result<Devices, Problem> {
    let of = desk.lintel.store.clone();
    let (home, gateways, beacons, judged, zones) = desk
        .app
        .readers
        .read(move |db| {
            let judged = beacons::judged(db, &of, now_ms)?;
            Ok((
                homes::of(db, &of)?,
                beacons::gateways(db, &of)?,
                beacons::beacons(db, &of, None, BEACONS_SHOWN, &judged)?,
                judged,
                shop::zone_names(db, &of)?,
            ))
        })
        .await?;
    let ears = beacons::ears(&gateways, now_ms, desk.app.fleet.listening_since_ms());
    let zones = ZoneNames::new(zones, desk.lintel.texts.lang);
    let antennas = week::antennas(&judged.verdicts, &ears);
    let beacon = |row| beacon_view(row, &ears, &zones, now_ms);
    Ok(Devices {
        desk: home.map(|home| desk_view(&home, now_ms)),
        gateways: gateways
            .iter()
            .map(|row| gateway_view(row, &ears, antennas.get(&row.gateway), &zones))
            .collect(),
        beacons: beacons.iter().map(beacon).collect(),
    })
}

fn desk_view(home: &HomeRow, now_ms: u64) -> DeskView {
    DeskView {
        state: match home.epoch {
            0 => DeskState::NotYetHeard,
            _ if home.is_silent(now_ms) => DeskState::Silent,
            _ => DeskState::There,
        },
        seen_ms: home.seen_ms,
    }
}

fn gateway_view(
    row: &GatewayRow,
    ears: &Ears,
    antenna: Option<&AntennaChange>,
    zones: &ZoneNames,
) -> GatewayView {
    let ear = ears.get(&row.gateway);
    GatewayView {
        name: row.gateway.to_string(),
        places: row.zones.iter().map(|zone| zones.name(zone)).collect(),
        state: ear.map_or(GatewayState::NotYetHeard, |ear| ear.state),
        since_ms: ear.map(|ear| ear.since_ms),
        waiting: row.kept.as_ref().map_or(0, |kept| kept.counts.waiting),
        // Radios of others cannot seal: nobody is to be asked for it. Their kind is their version.
        plain: row
            .kept
            .as_ref()
            .is_some_and(|kept| kept.plain && kept.version.parse::<RadioKind>().is_err()),
        antenna: antenna.copied(),
    }
}

fn beacon_view(row: &BeaconRow, ears: &Ears, zones: &ZoneNames, now_ms: u64) -> BeaconView {
    let kept = &row.kept;
    let (state, since_ms) = kept.seen(ears, now_ms);
    let by = kept.heard_by();
    BeaconView {
        name: row.anchor.to_string(),
        place: zones.name(&row.zone),
        state,
        since_ms,
        battery_percent: kept.battery_percent(),
        battery_low: kept.battery_low_since_ms.is_some(),
        heard_last_ms: kept.heard_last_ms(),
        heard_by: by.iter().map(|h| h.gateway.to_string()).collect(),
        empty: kept.forecast.map(|f| (f.empty_at_soonest_ms, f.empty_ms)),
        moved: kept
            .moved
            .iter()
            .flat_map(|moved| &moved.changes)
            .map(|(by, stronger_db)| (*stronger_db, by.to_string()))
            .collect(),
    }
}

pub(in crate::web) async fn events(desk: Desk) -> Response {
    desk.follow("fleet", LOOK_EVERY, |desk| Box::pin(now(desk)))
}

async fn now(desk: &Desk) -> Result<String, PageError> {
    let now_ms = clock::now_ms();
    let devices = devices(desk, now_ms).await?;
    Ok(render_devices(&desk.lintel.texts, &devices, now_ms)?)
}
