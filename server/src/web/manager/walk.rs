//! The calibration walk: its taps, and what they come to.
//!
//! In: a manager's taps on a phone. Out: the page; findings that go live.
//! Promises: nothing changes in the store before "use this"; then all of it does at once.
//! Invariant: only somebody who agreed to be seen is followed.

use std::{collections::BTreeMap, time::Duration};

use axum::{
    Form,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Redirect, Response, sse::Event},
};
use protocol::{AnchorId, StoreId, ZoneId};
use serde::Deserialize;

use super::entered;
use crate::{
    api::{
        App,
        access::{Staff, check_csrf},
        problem::Problem,
        sse,
    },
    clock, localtime,
    pipeline::Txn,
    store::{
        StoreError, people, plan,
        shop::{self, Names, StoreRow},
        walk::{self, WalkRow},
    },
    survey::{self, Findings},
    web::{
        i18n::Texts,
        routes::{Asked, PageError, answer},
        visit::ZoneNames,
        walk::{DoneView, PairView, StoodView, WalkPage, WalkView, render_walk, render_walking},
    },
};

/// How often an open page looks.
const LOOK_EVERY: Duration = Duration::from_secs(1);

pub(in crate::web) async fn walk(
    State(app): State<App>,
    asked: Asked,
    staff: Result<Staff, Problem>,
    Path(store): Path<StoreId>,
) -> Response {
    answer(&asked, async {
        let staff = entered(staff, &store)?;
        let html = draw(&app, &asked, &staff, &store, None).await?;
        Ok(asked.page(&app, StatusCode::OK, html))
    })
    .await
}

async fn draw(
    app: &App,
    asked: &Asked,
    staff: &Staff,
    store: &StoreId,
    said: Option<Said>,
) -> Result<String, PageError> {
    let (row, rows) = read(app, store).await?;
    let (lang, now_ms) = (asked.lang(), clock::now_ms());
    let texts = Texts::new(lang, localtime::zone(&row.timezone));
    let page = WalkPage {
        store: store.clone(),
        store_name: row.name,
        csrf: staff.csrf.clone(),
        staff_name: staff.row.name.clone(),
        other_lang_href: asked.other_lang_href(lang),
        said: said.map(|said| said.words(&texts)),
        view: view(&rows, &texts, now_ms),
        texts,
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

async fn read(app: &App, store: &StoreId) -> Result<(StoreRow, Rows), Problem> {
    let (of, now_ms) = (store.clone(), clock::now_ms());
    let read = app.readers.read(move |db| {
        let mut used: Vec<ZoneId> = plan::surveyed(db, &of)?
            .into_iter()
            .map(|found| found.zone)
            .collect();
        used.sort_unstable();
        used.dedup();
        let rows = Rows {
            zones: shop::zone_names(db, &of)?,
            anchors: anchor_ids(db, &of)?,
            walk: walk::walk(db, &of, now_ms)?,
            used_zones: (!used.is_empty()).then(|| u32::try_from(used.len()).unwrap_or(u32::MAX)),
        };
        Ok((shop::store(db, &of)?, rows))
    });
    Ok(read.await?)
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

pub(in crate::web) async fn act(
    State(app): State<App>,
    asked: Asked,
    staff: Result<Staff, Problem>,
    Path(store): Path<StoreId>,
    Form(form): Form<WalkForm>,
) -> Response {
    answer(&asked, async {
        let staff = entered(staff, &store)?;
        check_csrf(&form.csrf, &staff.csrf)?;
        let of = store.clone();
        let said = app.pipeline.write(move |txn| {
            match tapped(txn, &of, &form) {
                // Two managers with one walk: whoever is second sees how it stands.
                Err(StoreError::Conflict(_)) => Ok(Some(Said::Changed)),
                other => other,
            }
        });
        match said.await? {
            None => Ok(Redirect::to(&format!("/manage/{store}/walk")).into_response()),
            said => {
                let html = draw(&app, &asked, &staff, &store, said).await?;
                Ok(asked.page(&app, StatusCode::CONFLICT, html))
            }
        }
    })
    .await
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

pub(in crate::web) async fn events(
    State(app): State<App>,
    asked: Asked,
    staff: Result<Staff, Problem>,
    Path(store): Path<StoreId>,
) -> Response {
    answer(&asked, async {
        let staff = entered(staff, &store)?;
        let (row, _) = read(&app, &store).await?;
        let texts = Texts::new(asked.lang(), localtime::zone(&row.timezone));
        Ok(sse::stream(move |writer| {
            follow(app, store, staff.csrf, texts, writer)
        }))
    })
    .await
}

/// Sends the walk whenever it looks different from what was sent.
async fn follow(
    app: App,
    store: StoreId,
    csrf: String,
    texts: Texts,
    writer: sse::Writer,
) -> Result<(), sse::Gone> {
    let mut shutdown = app.shutdown.clone();
    let mut heartbeat = tokio::time::interval(sse::HEARTBEAT);
    let mut look = tokio::time::interval(LOOK_EVERY);
    look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut sent = String::new();
    loop {
        tokio::select! {
            _ = look.tick() => {
                let read = read(&app, &store).await.ok();
                let view = read.map(|(_, rows)| view(&rows, &texts, clock::now_ms()));
                let html = view.and_then(|v| render_walking(&texts, &store, &csrf, &v).ok());
                // What failed is in the log; the page keeps what it has.
                if let Some(html) = html.filter(|html| *html != sent) {
                    let data = serde_json::json!({ "html": html }).to_string();
                    writer.send(Event::default().event("walk").data(data)).await?;
                    sent = html;
                }
            }
            _ = heartbeat.tick() => writer.heartbeat().await?,
            _ = shutdown.changed() => return Ok(()),
        }
    }
}
