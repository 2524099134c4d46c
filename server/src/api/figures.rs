//! A store's figures, for the shop: as JSON, and as a sheet.
//!
//! In: a store, a number of weeks. Out: what its visits come to.
//! Invariant: no number of visitors leaves here but as a [`Cell`]; what stands about waiting at the
//! desk is exact.

use axum::{
    Json,
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use protocol::StoreId;
use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    App,
    access::ShopKey,
    problem::{At, Problem, Query},
    waits,
};
use crate::{
    clock,
    figures::{self, Calendar, Cell, Cohort, Figures, Part, WEEKS, WeekFigure, ZoneFigure, sheet},
    localtime,
    store::{StoreError, figures::rows, shop},
};

/// Of which time.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct FiguresQuery {
    /// Whole weeks before this one: 4, 12, 26 or 52; 12 if it is not said.
    pub(crate) weeks: Option<u16>,
}

impl FiguresQuery {
    /// The number of weeks, if it is one of ours.
    pub(crate) fn weeks(&self) -> Result<u16, Problem> {
        let weeks = self.weeks.unwrap_or(12);
        let known = WEEKS.contains(&weeks);
        known
            .then_some(weeks)
            .ok_or_else(|| Problem::invalid("weeks: 4, 12, 26 or 52"))
    }
}

/// What a store's visits come to. Numbers are rounded to five; null: fewer than ten people.
#[derive(Debug, Serialize, ToSchema)]
pub struct FiguresView {
    /// When the period begins.
    from_ms: u64,
    /// When it ends.
    until_ms: u64,
    /// By week, oldest first.
    weeks: Vec<WeekView>,
    /// People, and who of them came again on another day within 30 days: a time as long as the
    /// period that ended 30 days before it did.
    came_back: ShareView,
    /// People by their visits in the last four weeks.
    visits_in_four_weeks: Vec<OftenView>,
    /// By month of the first visit, oldest first.
    first_months: Vec<CohortView>,
    /// People of the period, and who of them was seen in another store; null: there is no other.
    other_stores: Option<ShareView>,
    /// By zone, in the last four weeks; the longest stay first.
    zones: Vec<ZoneView>,
}

/// A part of a whole.
#[derive(Debug, Serialize, ToSchema)]
pub struct ShareView {
    #[serde(flatten)]
    part: Part,
    /// Of the rounded numbers.
    percent: Option<u64>,
}

impl From<Part> for ShareView {
    fn from(part: Part) -> Self {
        Self {
            part,
            percent: part.percent(),
        }
    }
}

/// Visits of a week, and those of them by who had been here in the 30 days before.
#[derive(Debug, Serialize, ToSchema)]
pub struct WeekView {
    /// `2026-W46` (ISO 8601).
    week: String,
    from_ms: u64,
    #[serde(flatten)]
    visits: ShareView,
}

/// People with so many visits.
#[derive(Debug, Serialize, ToSchema)]
pub struct OftenView {
    /// `1`, `2`, `3-4` or `5+`.
    visits: &'static str,
    #[schema(inline)]
    people: Cell,
}

/// Who first came in a month.
#[derive(Debug, Serialize, ToSchema)]
pub struct CohortView {
    /// `2026-05`.
    month: String,
    #[schema(inline)]
    people: Cell,
    /// Seen again one, two, three months later, as far as those months are over.
    again: Vec<ShareView>,
}

/// A zone.
#[derive(Debug, Serialize, ToSchema)]
pub struct ZoneView {
    zone: String,
    /// Visits that were there.
    #[schema(inline)]
    visits: Cell,
    /// Half of them were there for less, to five seconds.
    median_s: Option<u64>,
}

impl From<&WeekFigure> for WeekView {
    fn from(figure: &WeekFigure) -> Self {
        let week = figure.week;
        Self {
            week: format!("{}-W{:02}", week.year, week.number),
            from_ms: week.from_ms,
            visits: figure.visits.into(),
        }
    }
}

impl From<&Cohort> for CohortView {
    fn from(cohort: &Cohort) -> Self {
        let month = cohort.month;
        Self {
            month: format!("{}-{:02}", month.year, month.number),
            people: cohort.people,
            again: cohort.again.iter().copied().map(ShareView::from).collect(),
        }
    }
}

impl From<&ZoneFigure> for ZoneView {
    fn from(zone: &ZoneFigure) -> Self {
        Self {
            zone: zone.zone.to_string(),
            visits: zone.visits,
            median_s: zone.median_s,
        }
    }
}

impl FiguresView {
    fn new(calendar: &Calendar, figures: &Figures) -> Self {
        let often = sheet::OFTEN.iter().zip(figures.often);
        Self {
            from_ms: calendar.from_ms(),
            until_ms: calendar.until_ms,
            weeks: figures.weeks.iter().map(WeekView::from).collect(),
            came_back: figures.came_back.into(),
            visits_in_four_weeks: often
                .map(|(visits, people)| OftenView { visits, people })
                .collect(),
            first_months: figures.cohorts.iter().map(CohortView::from).collect(),
            other_stores: figures.elsewhere.map(ShareView::from),
            zones: figures.zones.iter().map(ZoneView::from).collect(),
        }
    }
}

/// A store's figures, read and counted.
pub(crate) fn counted(
    db: &Connection,
    store: &StoreId,
    now_ms: u64,
    weeks: u16,
) -> Result<(Calendar, Figures), StoreError> {
    let zone = localtime::zone(&shop::store(db, store)?.timezone);
    let calendar = Calendar::new(&zone, now_ms, weeks);
    let figures = figures::figures(&calendar, &rows(db, store, &calendar)?);
    Ok((calendar, figures))
}

/// What a store's visits come to: how many, who comes back, how often, how long. Only visits of
/// customers who agreed to be in figures.
#[utoipa::path(get, path = "/v1/stores/{store}/figures", tag = "history",
    params(("store" = String, Path), FiguresQuery),
    responses((status = 200, body = FiguresView), (status = "default", body = Problem)))]
pub(super) async fn figures(
    _: ShopKey,
    State(app): State<App>,
    At(store): At<StoreId>,
    Query(query): Query<FiguresQuery>,
) -> Result<Json<FiguresView>, Problem> {
    let (weeks, now_ms) = (query.weeks()?, clock::now_ms());
    let read = app
        .readers
        .read(move |db| counted(db, &store, now_ms, weeks));
    let (calendar, figures) = read.await?;
    Ok(Json(FiguresView::new(&calendar, &figures)))
}

/// The same as a sheet: a row for each number, empty where it is not told.
#[utoipa::path(get, path = "/v1/stores/{store}/figures.csv", tag = "history",
    params(("store" = String, Path), FiguresQuery),
    responses((status = 200, content_type = "text/csv"), (status = "default", body = Problem)))]
pub(super) async fn figures_csv(
    _: ShopKey,
    State(app): State<App>,
    At(store): At<StoreId>,
    Query(query): Query<FiguresQuery>,
) -> Result<Response, Problem> {
    as_sheet(&app, store, query.weeks()?).await
}

/// A store's sheet, to be saved as a file.
pub(crate) async fn as_sheet(app: &App, store: StoreId, weeks: u16) -> Result<Response, Problem> {
    let now_ms = clock::now_ms();
    let name = format!("attachment; filename=\"welkom-{store}-{weeks}.csv\"");
    let read = app.readers.read(move |db| {
        let (_, figures) = counted(db, &store, now_ms, weeks)?;
        Ok((figures, waits::counted(db, &store, now_ms, weeks)?))
    });
    let (figures, (_, waited)) = read.await?;
    let sheet = sheet::csv(&figures, &waited).map_err(|error| {
        tracing::error!(%error, "figures could not be written as a sheet");
        Problem::internal()
    })?;
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()),
        (header::CONTENT_DISPOSITION, name),
    ];
    Ok((headers, sheet).into_response())
}
