//! A gateway's set-up: makes its code, follows how far it is, puts it on the plan.
//!
//! In: a manager's taps at the desk, and on the ladder. Out: the pages; a stream; an anchor.
//! Promises: a gateway that is placed is an anchor like any other, in the zone that its place lies in.
//! Invariant: the code goes into one answer, and nowhere else.

mod told;

use std::{collections::BTreeMap, time::Duration};

use axum::{
    Form,
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use engine::input::{Area, Place};
use protocol::{AnchorId, GatewayId, StoreId, ZoneId};
use serde::Deserialize;

use self::told::{form, lines};
use super::Desk;
use crate::{
    api::{access::check_csrf, gateways as codes, problem::Problem},
    clock,
    fleet::state::GatewayState,
    pipeline::Txn,
    store::{
        StoreError,
        beacons::{self, GatewayRow},
        enrolments::{self, EnrolmentRow},
        plan,
        shop::{self, AnchorKind, AnchorRow, Names},
    },
    web::{
        gateways::{
            CodeView, GatewayLine, GatewayPage, GatewaysPage, GroundView, LiveView, SettingsForm,
            SettingsLine, Stage, render_gateway, render_gateways, render_live,
        },
        routes::PageError,
        visit::ZoneNames,
    },
};

/// How often an open page looks: somebody on a ladder waits for it.
const LOOK_EVERY: Duration = Duration::from_secs(1);
pub(in crate::web) use self::told::tell;

/// What a new antenna is said to hear at least before a visit begins; as in the examples of the API.
const ENTER_RSSI_DBM: i8 = -80;
/// Nothing on a plan is farther from its corner.
const PLAN_CM_MAX: f64 = 100_000.0;

/// What the tables know.
struct Rows {
    zones: BTreeMap<ZoneId, Names>,
    areas: BTreeMap<ZoneId, Area>,
    anchors: Vec<AnchorRow>,
    places: BTreeMap<AnchorId, Place>,
    gateways: Vec<GatewayRow>,
    codes: Vec<EnrolmentRow>,
    settings: BTreeMap<GatewayId, SettingsLine>,
}

async fn rows(desk: &Desk) -> Result<Rows, Problem> {
    let of = desk.lintel.store.clone();
    let rows = desk.app.readers.read(move |db| {
        Ok::<_, StoreError>(Rows {
            zones: shop::zone_names(db, &of)?,
            areas: plan::areas(db, &of)?,
            anchors: shop::anchors(db, &of)?,
            places: plan::places(db, &of)?,
            gateways: beacons::gateways(db, &of)?,
            codes: enrolments::latest(db, &of)?,
            settings: lines(db, &of)?,
        })
    });
    Ok(rows.await?)
}

impl Rows {
    /// None: there is no such gateway, nor a code for one.
    fn live(&self, gateway: &GatewayId, desk: &Desk, now_ms: u64) -> Option<LiveView> {
        let row = self.gateways.iter().find(|row| row.gateway == *gateway);
        let code = self.codes.iter().find(|code| code.gateway == *gateway);
        let stage = match (code, row) {
            (Some(code), row) => match (code.redeemed_ms, code.expires_ms) {
                (Some(at_ms), _) => Stage::Enrolled { at_ms },
                (None, expires_ms) if expires_ms > now_ms => Stage::Waiting { expires_ms },
                _ if row.is_some() => Stage::ByHand,
                _ => Stage::Expired,
            },
            (None, Some(_)) => Stage::ByHand,
            (None, None) => return None,
        };
        let kept = row.and_then(|row| row.kept.as_ref());
        let listening = desk.app.fleet.listening_since_ms();
        Some(LiveView {
            stage,
            hardware: code.and_then(|code| code.hardware.clone()),
            first_heard_ms: code.and_then(|code| code.first_heard_ms),
            heard_ms: kept.map(|kept| kept.heard_ms),
            state: kept.map_or(GatewayState::NotYetHeard, |k| k.seen(now_ms, listening).0),
            heard_total: kept.map_or(0, |kept| kept.counts.heard_total),
            sighted_ms: None,
            placed: antenna(&self.anchors, gateway).is_some(),
            settings: self.settings.get(gateway).cloned(),
        })
    }

    fn ground(&self, gateway: &GatewayId, names: &ZoneNames) -> GroundView {
        let zones: Vec<(String, String, Option<Area>)> = names
            .all()
            .into_iter()
            .map(|(id, name)| {
                let zone = id.parse::<ZoneId>().ok();
                let area = zone.and_then(|zone| self.areas.get(&zone).copied());
                (id, name, area)
            })
            .collect();
        let anchor = |row: &AnchorRow| {
            let zone = zones.iter().position(|(id, ..)| id == row.zone.as_str())?;
            let place = self.places.get(&row.anchor).copied();
            let is_gateway = matches!(row.kind, AnchorKind::Gateway(_));
            Some((row.anchor.to_string(), zone, place, is_gateway))
        };
        let anchors: Vec<_> = self.anchors.iter().filter_map(anchor).collect();
        let own = antenna(&self.anchors, gateway);
        GroundView {
            own: own.and_then(|own| anchors.iter().position(|a| a.0 == own.anchor.as_str())),
            anchors,
            zones,
        }
    }
}

/// A gateway's antenna: the one that has its name, else any.
fn antenna<'a>(anchors: &'a [AnchorRow], gateway: &GatewayId) -> Option<&'a AnchorRow> {
    let own = anchors
        .iter()
        .filter(|row| matches!(&row.kind, AnchorKind::Gateway(of) if of == gateway));
    own.min_by_key(|row| row.anchor.as_str() != gateway.as_str())
}

pub(in crate::web) async fn list(desk: Desk) -> Response {
    desk.answer(StatusCode::OK, draw_list(&desk, None).await)
}

async fn draw_list(desk: &Desk, said: Option<String>) -> Result<String, PageError> {
    let now_ms = clock::now_ms();
    let rows = rows(desk).await?;
    let names = ZoneNames::new(rows.zones.clone(), desk.lintel.texts.lang);
    let known = rows.gateways.iter().map(|row| &row.gateway);
    let mut all: Vec<&GatewayId> = known.chain(rows.codes.iter().map(|c| &c.gateway)).collect();
    all.sort();
    all.dedup();
    let line = |gateway: &GatewayId| {
        let row = rows.gateways.iter().find(|row| row.gateway == *gateway);
        let places = row.into_iter().flat_map(|row| &row.zones);
        Some(GatewayLine {
            name: gateway.to_string(),
            places: places.map(|zone| names.name(zone)).collect(),
            live: rows.live(gateway, desk, now_ms)?,
        })
    };
    let page = GatewaysPage {
        lintel: desk.lintel.clone(),
        said,
        gateways: all.into_iter().filter_map(line).collect(),
    };
    Ok(render_gateways(&page)?)
}

/// A name for a gateway, or one that is to have another code.
#[derive(Deserialize)]
pub(in crate::web) struct NameForm {
    csrf: String,
    gateway: String,
}

pub(in crate::web) async fn make(desk: Desk, Form(form): Form<NameForm>) -> Response {
    if let Err(problem) = check_csrf(&form.csrf, &desk.lintel.csrf) {
        return desk.answer(problem.status(), Err(problem.into()));
    }
    let Ok(gateway) = form.gateway.trim().to_lowercase().parse::<GatewayId>() else {
        let said = desk.lintel.texts.get("enrol-name-wrong");
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        return desk.answer(status, draw_list(&desk, Some(said)).await);
    };
    let store = desk.lintel.store.clone();
    match codes::make(&desk.app, store, gateway.clone(), None).await {
        Ok(made) => {
            let ticket = codes::ticket(&desk.app, &desk.base, &desk.lintel.store, &made);
            let code = CodeView {
                code: made.code.to_string(),
                expires_ms: made.row.expires_ms,
                qr_text: ticket.to_string(),
                server: ticket.server,
                sha256: ticket.sha256.map(|sha256| sha256.to_string()),
            };
            let html = draw(&desk, &gateway, Some(code), None).await;
            desk.answer(StatusCode::OK, html)
        }
        Err(problem) if problem.status() == StatusCode::CONFLICT => {
            let said = desk.lintel.texts.get("enrol-too-many");
            desk.answer(problem.status(), draw_list(&desk, Some(said)).await)
        }
        Err(problem) => desk.answer(problem.status(), Err(problem.into())),
    }
}

pub(in crate::web) async fn one(desk: Desk) -> Response {
    let html = match named(&desk) {
        Ok(gateway) => draw(&desk, &gateway, None, None).await,
        Err(problem) => Err(problem.into()),
    };
    desk.answer(StatusCode::OK, html)
}

fn named(desk: &Desk) -> Result<GatewayId, Problem> {
    let gateway = desk.gateway.clone();
    gateway.ok_or_else(|| Problem::not_found("there is no such gateway"))
}

async fn draw(
    desk: &Desk,
    gateway: &GatewayId,
    code: Option<CodeView>,
    said: Option<String>,
) -> Result<String, PageError> {
    let settings = form(desk, gateway).await?;
    draw_with(desk, gateway, code, said, settings).await
}

async fn draw_with(
    desk: &Desk,
    gateway: &GatewayId,
    code: Option<CodeView>,
    said: Option<String>,
    settings: SettingsForm,
) -> Result<String, PageError> {
    let now_ms = clock::now_ms();
    let rows = rows(desk).await?;
    let names = ZoneNames::new(rows.zones.clone(), desk.lintel.texts.lang);
    let page = GatewayPage {
        lintel: desk.lintel.clone(),
        name: gateway.to_string(),
        said,
        code,
        live: live(desk, &rows, gateway, now_ms).await?,
        ground: rows.ground(gateway, &names),
        settings,
    };
    Ok(render_gateway(&page, now_ms)?)
}

async fn live(
    desk: &Desk,
    rows: &Rows,
    gateway: &GatewayId,
    now_ms: u64,
) -> Result<LiveView, Problem> {
    let mut live = rows
        .live(gateway, desk, now_ms)
        .ok_or_else(|| Problem::not_found("there is no such gateway"))?;
    if let Some(own) = antenna(&rows.anchors, gateway) {
        let map = desk.app.maps.of(&desk.lintel.store).await?;
        let heard = map.anchors.iter().find(|(known, ..)| *known == own.anchor);
        live.sighted_ms = heard.and_then(|(_, at_ms, _)| *at_ms);
    }
    Ok(live)
}

pub(in crate::web) async fn events(desk: Desk) -> Response {
    desk.follow("gateway", LOOK_EVERY, |desk| Box::pin(now(desk)))
}

async fn now(desk: &Desk) -> Result<String, PageError> {
    let (now_ms, gateway) = (clock::now_ms(), named(desk)?);
    let live = live(desk, &rows(desk).await?, &gateway, now_ms).await?;
    Ok(render_live(&desk.lintel.texts, &live, now_ms)?)
}

/// Where it hangs.
#[derive(Debug, Clone, Deserialize)]
pub(in crate::web) struct PlaceForm {
    csrf: String,
    #[serde(default)]
    x_m: String,
    #[serde(default)]
    y_m: String,
    #[serde(default)]
    zone: String,
}

/// What a tap means.
#[derive(Debug, Clone)]
struct Wanted {
    zone: Option<ZoneId>,
    place: Option<Place>,
}

impl PlaceForm {
    /// None: neither a place nor a zone.
    fn wanted(&self) -> Option<Wanted> {
        let zone = match self.zone.as_str() {
            "" => None,
            zone => Some(zone.parse().ok()?),
        };
        let place = match (self.x_m.trim(), self.y_m.trim()) {
            ("", "") => None,
            (x, y) => Some(Place {
                x_cm: centimetres(x)?,
                y_cm: centimetres(y)?,
            }),
        };
        (zone.is_some() || place.is_some()).then_some(Wanted { zone, place })
    }
}

/// A comma is as good as a point.
fn centimetres(metres: &str) -> Option<i32> {
    let metres: f64 = metres.replace(',', ".").parse().ok()?;
    let cm = (metres * 100.0).round();
    // Within a kilometre, so it fits.
    #[allow(clippy::cast_possible_truncation)]
    (cm.abs() <= PLAN_CM_MAX).then_some(cm as i32)
}

pub(in crate::web) async fn place(desk: Desk, Form(form): Form<PlaceForm>) -> Response {
    match hang(&desk, &form).await {
        Ok(gateway) => {
            let store = &desk.lintel.store;
            Redirect::to(&format!("/manage/{store}/gateways/{gateway}")).into_response()
        }
        Err(Refused::Said(why)) => {
            let t = &desk.lintel.texts;
            let said = Some(match why {
                Why::Numbers => t.get("enrol-numbers"),
                Why::Outside => t.get("enrol-outside"),
            });
            let html = match named(&desk) {
                Ok(gateway) => draw(&desk, &gateway, None, said).await,
                Err(problem) => Err(problem.into()),
            };
            desk.answer(StatusCode::UNPROCESSABLE_ENTITY, html)
        }
        Err(Refused::Problem(problem)) => desk.answer(problem.status(), Err(problem.into())),
    }
}

enum Refused {
    /// For whoever tapped.
    Said(Why),
    Problem(Problem),
}

enum Why {
    Numbers,
    Outside,
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

async fn hang(desk: &Desk, form: &PlaceForm) -> Result<GatewayId, Refused> {
    check_csrf(&form.csrf, &desk.lintel.csrf)?;
    let gateway = named(desk)?;
    let rows = rows(desk).await?;
    if rows.live(&gateway, desk, clock::now_ms()).is_none() {
        return Err(Problem::not_found("there is no such gateway").into());
    }
    let wanted = form.wanted();
    let wanted = wanted.ok_or(Refused::Said(Why::Numbers))?;
    let (of, own) = (desk.lintel.store.clone(), gateway.clone());
    let done = desk
        .app
        .pipeline
        .write(move |txn| put(txn, &of, &own, &wanted))
        .await;
    match done {
        Ok(()) => Ok(gateway),
        Err(StoreError::Conflict(_)) => Err(Refused::Said(Why::Outside)),
        Err(error) => Err(Problem::from(error).into()),
    }
}

fn put(
    txn: &mut Txn<'_>,
    store: &StoreId,
    gateway: &GatewayId,
    wanted: &Wanted,
) -> Result<(), StoreError> {
    let areas = plan::areas(txn.db, store)?;
    let (zone, place) = match (&wanted.zone, wanted.place) {
        // A zone that is not on the plan has no place on it.
        (Some(zone), place) => (zone.clone(), place.filter(|_| areas.contains_key(zone))),
        (None, Some(place)) => {
            let zone = plan::zone_at(&areas, place);
            let zone = zone.ok_or_else(|| StoreError::Conflict("in no zone".into()))?;
            (zone, Some(place))
        }
        (None, None) => return Err(StoreError::NotFound("zone")),
    };
    let anchors = shop::anchors(txn.db, store)?;
    let row = match antenna(&anchors, gateway) {
        Some(row) => AnchorRow {
            zone,
            ..row.clone()
        },
        None => AnchorRow {
            anchor: gateway
                .as_str()
                .parse()
                .map_err(|_| StoreError::NotFound("anchor"))?,
            zone,
            kind: AnchorKind::Gateway(gateway.clone()),
            enter_rssi_dbm: ENTER_RSSI_DBM,
        },
    };
    let taken = anchors.iter().find(|known| known.anchor == row.anchor);
    if taken.is_some_and(|known| known.kind != row.kind) {
        return Err(StoreError::NotFound("free name for its antenna"));
    }
    shop::put_anchor(txn.db, store, &row)?;
    plan::put_place(txn.db, store, &row.anchor, &row.zone, place)?;
    txn.layout_changed(store)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_as_people_type_it() {
        for (typed, cm) in [("12", 1_200), ("1,5", 150), ("-0.25", -25), ("0", 0)] {
            assert_eq!(centimetres(typed), Some(cm), "{typed}");
        }
        for wrong in ["", "x", "1e9", "nan", "inf"] {
            assert_eq!(centimetres(wrong), None, "{wrong}");
        }
    }
}
