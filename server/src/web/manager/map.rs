//! The map page: gathers what it shows, and keeps it true.
//!
//! In: a manager's browser. Out: the page; its stream, an event whenever something looks different.
//! Invariant: the engine is asked through [`crate::maps`], so that open pages do not hold up the
//! writer.

use std::{collections::BTreeMap, time::Duration};

use axum::{http::StatusCode, response::Response};
use engine::{
    StoreMap,
    input::{Area, Place},
};
use protocol::{AnchorId, ZoneId};

use super::{BEACONS_SHOWN, Desk};
use crate::{
    api::problem::Problem,
    clock,
    fleet::state::{BeaconState, GatewayState},
    localtime::local_day,
    store::{
        StoreError,
        beacons::{self, BeaconRow, GatewayRow},
        board::VisitRow,
        plan,
        shop::{self, AnchorKind, AnchorRow, Names},
        visits,
    },
    web::{
        i18n::Lang,
        map::{
            AnchorState, AnchorView, FloorView, MapPage, VisitLine, ZoneView, render_floor,
            render_map,
        },
        routes::PageError,
        visit::ZoneNames,
    },
};

/// How often an open page looks: people walk a zone in some seconds.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// A beacon that a phone heard so shortly ago sends, whether or not a gateway is near enough.
const PHONES_HEAR_MS: u64 = 10 * 60_000;

pub(in crate::web) async fn map(desk: Desk) -> Response {
    desk.answer(StatusCode::OK, draw(&desk).await)
}

async fn draw(desk: &Desk) -> Result<String, PageError> {
    let now_ms = clock::now_ms();
    let page = MapPage {
        floor: floor(desk, now_ms).await?,
        lintel: desk.lintel.clone(),
    };
    Ok(render_map(&page, now_ms)?)
}

/// What the tables know.
struct Rows {
    zones: BTreeMap<ZoneId, Names>,
    areas: BTreeMap<ZoneId, Area>,
    anchors: Vec<AnchorRow>,
    places: BTreeMap<AnchorId, Place>,
    gateways: Vec<GatewayRow>,
    beacons: Vec<BeaconRow>,
    visits: Vec<VisitRow>,
}

async fn floor(desk: &Desk, now_ms: u64) -> Result<FloorView, Problem> {
    let (app, store) = (&desk.app, &desk.lintel.store);
    let (of, zone) = (store.clone(), desk.lintel.texts.zone_name().to_owned());
    let rows = app
        .readers
        .read(move |db| {
            let midnight_ms = local_day(&zone, now_ms).midnight_ms;
            let judged = beacons::judged(db, &of, now_ms)?;
            Ok::<_, StoreError>(Rows {
                zones: shop::zone_names(db, &of)?,
                areas: plan::areas(db, &of)?,
                anchors: shop::anchors(db, &of)?,
                places: plan::places(db, &of)?,
                gateways: beacons::gateways(db, &of)?,
                beacons: beacons::beacons(db, &of, None, BEACONS_SHOWN, &judged)?,
                visits: visits::visits_since(db, &of, midnight_ms)?,
            })
        })
        .await?;
    let map = app.maps.of(store).await?;
    let mut states = states(&rows, now_ms, app.fleet.listening_since_ms());
    for (anchor, heard_ms, _) in &map.anchors {
        if let (Some(state), Some(heard_ms)) = (states.get_mut(anchor), heard_ms)
            && heard_ms + PHONES_HEAR_MS >= now_ms
        {
            *state = state.as_phones_hear();
        }
    }
    Ok(view(rows, &map, &states, desk.lintel.texts.lang))
}

/// How each anchor does.
fn states(
    rows: &Rows,
    now_ms: u64,
    listening_since_ms: Option<u64>,
) -> BTreeMap<AnchorId, AnchorState> {
    let ears = beacons::ears(&rows.gateways, now_ms, listening_since_ms);
    let state = |row: &AnchorRow| match &row.kind {
        AnchorKind::Gateway(gateway) => AnchorState::Gateway(
            ears.get(gateway)
                .map_or(GatewayState::NotYetHeard, |ear| ear.state),
        ),
        AnchorKind::Beacon(_) => {
            let beacon = rows.beacons.iter().find(|b| b.anchor == row.anchor);
            AnchorState::Beacon(beacon.map_or(BeaconState::NeverHeard, |beacon| {
                beacon.kept.seen(&ears, now_ms).0
            }))
        }
    };
    let anchors = rows.anchors.iter();
    anchors
        .map(|row| (row.anchor.clone(), state(row)))
        .collect()
}

fn view(
    rows: Rows,
    map: &StoreMap,
    states: &BTreeMap<AnchorId, AnchorState>,
    lang: Lang,
) -> FloorView {
    let names = ZoneNames::new(rows.zones.clone(), lang);
    let mut zones: Vec<(ZoneId, ZoneView)> = rows
        .zones
        .into_keys()
        .map(|zone| {
            let believed = map.zones.iter().find(|(known, ..)| *known == zone);
            let (people, said) = believed.map_or((0.0, 0), |(_, people, said)| (*people, *said));
            let view = ZoneView {
                zone: zone.to_string(),
                name: names.name(&zone),
                area: rows.areas.get(&zone).copied(),
                people,
                said,
            };
            (zone, view)
        })
        .collect();
    zones.sort_by(|(_, a), (_, b)| a.name.cmp(&b.name));
    let anchor = |row: &AnchorRow| {
        let heard = map.anchors.iter().find(|(known, ..)| *known == row.anchor);
        let (heard_ms, radios) = heard.map_or((None, 0), |(_, at, radios)| (*at, *radios));
        Some(AnchorView {
            name: row.anchor.to_string(),
            zone: zones.iter().position(|(zone, _)| *zone == row.zone)?,
            place: rows.places.get(&row.anchor).copied(),
            state: *states.get(&row.anchor)?,
            heard_ms,
            radios,
        })
    };
    let mut anchors: Vec<AnchorView> = rows.anchors.iter().filter_map(anchor).collect();
    anchors.sort_by(|a, b| {
        let kind = |a: &AnchorView| matches!(a.state, AnchorState::Beacon(_));
        (kind(a), &a.name).cmp(&(kind(b), &b.name))
    });
    FloorView {
        anchors,
        present: map.present,
        unknown: map.unknown,
        visits: rows
            .visits
            .iter()
            .map(|row| visit_line(row, &names))
            .collect(),
        zones: zones.into_iter().map(|(_, view)| view).collect(),
    }
}

fn visit_line(row: &VisitRow, names: &ZoneNames) -> VisitLine {
    let mut zones: Vec<String> = row
        .zone_stays
        .iter()
        .map(|(zone, ..)| names.name(zone))
        .collect();
    zones.dedup();
    VisitLine {
        visit: row.visit,
        entered_ms: row.entered_ms,
        left_ms: row.left_ms,
        zones,
    }
}

pub(in crate::web) async fn events(desk: Desk) -> Response {
    desk.follow("map", LOOK_EVERY, |desk| Box::pin(now(desk)))
}

async fn now(desk: &Desk) -> Result<String, PageError> {
    let now_ms = clock::now_ms();
    let floor = floor(desk, now_ms).await?;
    Ok(render_floor(&desk.lintel, &floor, now_ms)?)
}
