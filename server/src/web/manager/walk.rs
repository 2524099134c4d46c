//! The calibration walk: its taps, and what they come to.
//!
//! In: a manager's taps on a phone. Out: the page; findings that go live.
//! Promises: nothing changes in the store before "use this"; then all of it does at once.
//! Invariant: only somebody who agreed to be seen is followed.

use std::{collections::BTreeMap, time::Duration};

use axum::{
    Form,
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use protocol::{AnchorId, StoreId, ZoneId};
use serde::Deserialize;

use super::Desk;
use crate::{
    api::{access::check_csrf, problem::Problem},
    clock,
    pipeline::Txn,
    store::{
        StoreError, people, plan,
        shop::{self, Names},
        walk::{self, WalkRow},
    },
    survey::{self, Findings},
    web::{
        i18n::Texts,
        routes::PageError,
        visit::ZoneNames,
        walk::{DoneView, PairView, StoodView, WalkPage, WalkView, render_walk, render_walking},
    },
};

/// How often an open page looks.
const LOOK_EVERY: Duration = Duration::from_secs(1);

pub(in crate::web) async fn walk(desk: Desk) -> Response {
    desk.answer(StatusCode::OK, draw(&desk, None).await)
}

async fn draw(desk: &Desk, said: Option<Said>) -> Result<String, PageError> {
    let now_ms = clock::now_ms();
    let page = WalkPage {
        said: said.map(|said| said.words(&desk.lintel.texts)),
        view: look(desk, now_ms).await?,
        lintel: desk.lintel.clone(),
    };
    Ok(render_walk(&page, now_ms)?)
}

/// What the tables know.
struct Rows {
    zones: BTreeMap<ZoneId, Names>,
    anchors: Vec<AnchorId>,
    walk: Option<WalkRow>,
    used_zones: Option<u32>,
}

async fn look(desk: &Desk, now_ms: u64) -> Result<WalkView, Problem> {
    let of = desk.lintel.store.clone();
    let rows = desk.app.readers.read(move |db| {
        let mut used: Vec<ZoneId> = plan::surveyed(db, &of)?
            .into_iter()
            .map(|found| found.zone)
            .collect();
        used.sort_unstable();
        used.dedup();
        Ok(Rows {
            zones: shop::zone_names(db, &of)?,
            anchors: anchor_ids(db, &of)?,
            walk: walk::walk(db, &of, now_ms)?,
            used_zones: (!used.is_empty()).then(|| u32::try_from(used.len()).unwrap_or(u32::MAX)),
        })
    });
    Ok(view(&rows.await?, &desk.lintel.texts, now_ms))
}

fn anchor_ids(db: &rusqlite::Connection, store: &StoreId) -> Result<Vec<AnchorId>, StoreError> {
    let rows = shop::anchors(db, store)?;
    Ok(rows.into_iter().map(|row| row.anchor).collect())
}

fn view(rows: &Rows, texts: &Texts, now_ms: u64) -> WalkView {
    let names = ZoneNames::new(rows.zones.clone(), texts.lang);
    match &rows.walk {
        None => WalkView::Idle {
            used_zones: rows.used_zones,
        },
        Some(walk) if walk.ended_ms.is_none() => WalkView::Going {
            zones: stood(rows, walk, &names, now_ms),
        },
        Some(walk) => {
            let zones: Vec<ZoneId> = rows.zones.keys().cloned().collect();
            let found = survey::judge(&walk.stands, &zones, &rows.anchors);
            WalkView::Done(done(&found, &names))
        }
    }
}

fn stood(rows: &Rows, walk: &WalkRow, names: &ZoneNames, now_ms: u64) -> Vec<StoodView> {
    let zone = |zone: &ZoneId| {
        let stands = || walk.stands.iter().filter(|stand| stand.zone == *zone);
        StoodView {
            zone: zone.to_string(),
            name: names.name(zone),
            stood_ms: stands().map(|stand| stand.stood_ms(now_ms)).sum(),
            sightings: stands().map(walk::StandRow::sightings).sum(),
            current: stands().any(|stand| stand.to_ms.is_none()),
        }
    };
    let mut zones: Vec<StoodView> = rows.zones.keys().map(zone).collect();
    zones.sort_by(|a, b| a.name.cmp(&b.name));
    zones
}

fn done(found: &Findings, names: &ZoneNames) -> DoneView {
    let named = |zones: &[ZoneId]| zones.iter().map(|zone| names.name(zone)).collect();
    let pair = |pair: &survey::Pair| PairView {
        zones: (names.name(&pair.zones.0), names.name(&pair.zones.1)),
        overlap: pair.overlap,
        between: pair.between.as_ref().map(AnchorId::to_string),
    };
    let mut walked: Vec<&ZoneId> = found.surveyed.iter().map(|found| &found.zone).collect();
    walked.dedup();
    DoneView {
        right: found.right,
        pairs: found.pairs.iter().map(pair).collect(),
        short: named(&found.short),
        missed: named(&found.missed),
        walked: u32::try_from(walked.len()).unwrap_or(u32::MAX),
    }
}

/// Why a tap came to nothing.
#[derive(Debug, Clone, Copy)]
enum Said {
    Unknown,
    NoConsent,
    Changed,
}

impl Said {
    fn words(self, t: &Texts) -> String {
        match self {
            Self::Unknown => t.get("walk-said-unknown"),
            Self::NoConsent => t.get("walk-said-no-consent"),
            Self::Changed => t.get("walk-said-changed"),
        }
    }
}

/// A tap.
#[derive(Debug, Clone, Deserialize)]
pub(in crate::web) struct WalkForm {
    csrf: String,
    #[serde(rename = "do")]
    what: String,
    zone: Option<ZoneId>,
    #[serde(default)]
    external_id: String,
}

pub(in crate::web) async fn act(desk: Desk, Form(form): Form<WalkForm>) -> Response {
    match tap(&desk, form).await {
        Ok(None) => {
            let store = &desk.lintel.store;
            Redirect::to(&format!("/manage/{store}/walk")).into_response()
        }
        Ok(said) => desk.answer(StatusCode::CONFLICT, draw(&desk, said).await),
        Err(problem) => desk.answer(problem.status(), Err(problem.into())),
    }
}

async fn tap(desk: &Desk, form: WalkForm) -> Result<Option<Said>, Problem> {
    check_csrf(&form.csrf, &desk.lintel.csrf)?;
    let of = desk.lintel.store.clone();
    let said = desk.app.pipeline.write(move |txn| {
        match tapped(txn, &of, &form) {
            // Two managers with one walk: whoever is second sees how it stands.
            Err(StoreError::Conflict(_)) => Ok(Some(Said::Changed)),
            other => other,
        }
    });
    Ok(said.await?)
}

fn tapped(txn: &mut Txn<'_>, store: &StoreId, form: &WalkForm) -> Result<Option<Said>, StoreError> {
    let (db, now_ms) = (txn.db, txn.now_ms);
    shop::store(db, store)?;
    match form.what.as_str() {
        "begin" => return begin(txn, store, form.external_id.trim()),
        "stand" => {
            let zone = form.zone.as_ref().ok_or(StoreError::NotFound("zone"))?;
            walk::stand(db, now_ms, store, zone)?;
        }
        "pause" => walk::pause(db, now_ms, store)?,
        "undo" => walk::undo(db, store)?,
        "stop" => walk::stop(db, now_ms, store)?,
        "use" => go_live(txn, store)?,
        "discard" => {
            walk::discard(db, store)?;
            txn.walk_changed(store)?;
        }
        "drop" => {
            plan::put_surveyed(db, store, &[])?;
            txn.layout_changed(store)?;
        }
        _ => return Err(StoreError::NotFound("tap")),
    }
    Ok(None)
}

fn begin(
    txn: &mut Txn<'_>,
    store: &StoreId,
    external_id: &str,
) -> Result<Option<Said>, StoreError> {
    let Some(customer) = people::by_external_id(txn.db, external_id)? else {
        return Ok(Some(Said::Unknown));
    };
    let (consent, open_order) = txn.consent_of(customer, store)?;
    if !consent.allows_visit(open_order) {
        return Ok(Some(Said::NoConsent));
    }
    walk::begin(txn.db, txn.now_ms, store, customer)?;
    txn.walk_changed(store)?;
    Ok(None)
}

/// What the walk found becomes part of the layout; what it gathered goes.
fn go_live(txn: &mut Txn<'_>, store: &StoreId) -> Result<(), StoreError> {
    let row = walk::walk(txn.db, store, txn.now_ms)?;
    let Some(walk) = row.filter(|walk| walk.ended_ms.is_some()) else {
        return Err(StoreError::Conflict("no walk waits to be used".into()));
    };
    let zones: Vec<ZoneId> = shop::zone_names(txn.db, store)?.into_keys().collect();
    let anchors = anchor_ids(txn.db, store)?;
    let found = survey::judge(&walk.stands, &zones, &anchors);
    plan::put_surveyed(txn.db, store, &found.surveyed)?;
    walk::discard(txn.db, store)?;
    txn.walk_changed(store)?;
    txn.layout_changed(store)
}

pub(in crate::web) async fn events(desk: Desk) -> Response {
    desk.follow("walk", LOOK_EVERY, |desk| Box::pin(now(desk)))
}

async fn now(desk: &Desk) -> Result<String, PageError> {
    let view = look(desk, clock::now_ms()).await?;
    Ok(render_walking(&desk.lintel, &view)?)
}
