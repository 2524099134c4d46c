//! How long customers waited at the desk, for the shop.
//!
//! In: a store, a number of weeks. Out: what its episodes at the desk come to.
//! Invariant: exact numbers of our own service; nobody stands in them, neither customer nor
//! colleague.

use axum::{Json, extract::State};
use protocol::StoreId;
use rusqlite::Connection;
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    App,
    access::ShopKey,
    figures::FiguresQuery,
    problem::{At, Problem, Query},
};
use crate::{
    clock,
    figures::{
        Calendar,
        waits::{WaitFigures, Waits, wait_figures},
    },
    localtime,
    store::{StoreError, shop, waits},
};

/// How long customers waited at the desk.
#[derive(Debug, Serialize, ToSchema)]
pub struct WaitsView {
    /// When the period begins: so many whole weeks before this one.
    from_ms: u64,
    /// When it ends: now.
    until_ms: u64,
    /// All of them.
    all: Waits,
    /// By the hour in which she came, `09`.
    by_hour: Vec<GroupView>,
    /// By weekday, `1` (Monday) to `7`.
    by_weekday: Vec<GroupView>,
    /// By day, `2026-11-21`.
    by_day: Vec<GroupView>,
    /// By what she came for; who came for two things counts in both.
    by_kind: Vec<GroupView>,
}

/// Some of them.
#[derive(Debug, Serialize, ToSchema)]
pub struct GroupView {
    /// Which.
    of: String,
    #[serde(flatten)]
    waits: Waits,
}

impl WaitsView {
    fn new((from_ms, until_ms): (u64, u64), figures: &WaitFigures) -> Self {
        let mut view = Self {
            from_ms,
            until_ms,
            all: figures.all.clone(),
            by_hour: Vec::new(),
            by_weekday: Vec::new(),
            by_day: Vec::new(),
            by_kind: Vec::new(),
        };
        for (by, of, waits) in figures.groups() {
            let groups = match by {
                "hour" => &mut view.by_hour,
                "weekday" => &mut view.by_weekday,
                "day" => &mut view.by_day,
                _ => &mut view.by_kind,
            };
            groups.push(GroupView {
                of,
                waits: waits.clone(),
            });
        }
        view
    }
}

/// A store's waits, read and counted, and since when: whole weeks, and this one as far as it is.
pub fn counted(
    db: &Connection,
    store: &StoreId,
    now_ms: u64,
    weeks: u16,
) -> Result<(u64, WaitFigures), StoreError> {
    let zone = localtime::zone(&shop::store(db, store)?.timezone);
    let from_ms = Calendar::new(&zone, now_ms, weeks).from_ms();
    Ok((from_ms, wait_figures(&waits::rows(db, store, from_ms)?)))
}

/// The same as the shop reads it.
pub fn view(
    db: &Connection,
    store: &StoreId,
    now_ms: u64,
    weeks: u16,
) -> Result<WaitsView, StoreError> {
    let (from_ms, figures) = counted(db, store, now_ms, weeks)?;
    Ok(WaitsView::new((from_ms, now_ms), &figures))
}

/// How long customers waited at the desk, how many were served and how many left without it.
#[utoipa::path(get, path = "/v1/stores/{store}/waits", tag = "history",
    params(("store" = String, Path), FiguresQuery),
    responses((status = 200, body = WaitsView), (status = "default", body = Problem)))]
pub(super) async fn waits(
    _: ShopKey,
    State(app): State<App>,
    At(store): At<StoreId>,
    Query(query): Query<FiguresQuery>,
) -> Result<Json<WaitsView>, Problem> {
    let (weeks, now_ms) = (query.weeks()?, clock::now_ms());
    let read = app.readers.read(move |db| view(db, &store, now_ms, weeks));
    Ok(Json(read.await?))
}
