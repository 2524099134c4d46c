//! Visits, for shop systems: lists, and one with all that it rests on.
//!
//! In: a store, a visit. Out: when and where, and why the engine thought so.
//! Invariant: a visit that consent no longer allows is not there.

use axum::{Json, extract::State};
use engine::outcome::{Because, HeardAt, Why};
use protocol::{CustomerId, StoreId, VisitId};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    App, Page, PageQuery,
    access::ShopKey,
    problem::{At, Problem, Query},
};
use crate::store::{
    board::{self, VisitRow},
    shop,
    visits::{self, ChangeRow},
};

/// A visit.
#[derive(Debug, Serialize, ToSchema)]
pub struct VisitView {
    #[schema(value_type = String)]
    visit: VisitId,
    #[schema(value_type = String)]
    customer: CustomerId,
    external_id: String,
    entered_ms: u64,
    left_ms: Option<u64>,
    /// Known from sightings that came too late to act on.
    late: bool,
    zone_stays: Vec<ZoneStayView>,
}

/// Time in a zone.
#[derive(Debug, Serialize, ToSchema)]
pub struct ZoneStayView {
    zone: String,
    from_ms: u64,
    to_ms: Option<u64>,
}

impl From<VisitRow> for VisitView {
    fn from(row: VisitRow) -> Self {
        let stay = |(zone, from_ms, to_ms): (protocol::ZoneId, u64, Option<u64>)| ZoneStayView {
            zone: zone.to_string(),
            from_ms,
            to_ms,
        };
        Self {
            visit: row.visit,
            customer: row.customer,
            external_id: row.external_id,
            entered_ms: row.entered_ms,
            left_ms: row.left_ms,
            late: row.late,
            zone_stays: row.zone_stays.into_iter().map(stay).collect(),
        }
    }
}

/// Visits of a store.
#[utoipa::path(get, path = "/v1/stores/{store}/visits", tag = "history",
    params(("store" = String, Path), PageQuery),
    responses((status = 200, body = Page<VisitView>), (status = "default", body = Problem)))]
pub(super) async fn visits(
    _: ShopKey,
    State(app): State<App>,
    At(store): At<StoreId>,
    Query(page): Query<PageQuery>,
) -> Result<Json<Page<VisitView>>, Problem> {
    let limit = page.limit()?;
    let rows = app
        .readers
        .read(move |db| {
            shop::store(db, &store)?;
            board::visits_page(db, &store, page.after, limit)
        })
        .await?;
    let items = rows.into_iter().map(VisitView::from).collect();
    Ok(Json(Page::new(items, limit, |v: &VisitView| {
        v.visit.to_string()
    })))
}

/// A visit, and why it changed.
#[derive(Debug, Serialize, ToSchema)]
pub struct ExplainedVisit {
    #[serde(flatten)]
    visit: VisitView,
    /// In the order in which they were decided.
    changes: Vec<ChangeView>,
}

impl ExplainedVisit {
    /// Of one visit.
    pub(crate) fn of(row: VisitRow, changes: Vec<ChangeRow>) -> Self {
        Self {
            visit: row.into(),
            changes: changes.into_iter().map(ChangeView::from).collect(),
        }
    }
}

/// A change of a visit.
#[derive(Debug, Serialize, ToSchema)]
pub struct ChangeView {
    /// `entered`, `zone_entered`, `zone_lost`, `left` or `revised`.
    change: String,
    /// When she came, moved or left.
    at_ms: u64,
    zone: Option<String>,
    /// None: late sightings moved the visit's times, and nothing was decided anew.
    why: Option<WhyView>,
}

/// What a change rested on.
#[derive(Debug, Serialize, ToSchema)]
pub struct WhyView {
    #[schema(value_type = String)]
    because: Because,
    /// When it was decided; the change is dated back to when it began.
    decided_ms: u64,
    /// The likeliest zones, likeliest first.
    zones: Vec<ZoneShareView>,
    /// What anchors last had of her, strongest first.
    heard: Vec<HeardView>,
}

/// How likely a zone was.
#[derive(Debug, Serialize, ToSchema)]
pub struct ZoneShareView {
    zone: String,
    /// Of 1.
    share: f32,
}

/// What an anchor last had of her.
#[derive(Debug, Serialize, ToSchema)]
pub struct HeardView {
    anchor: String,
    rssi_dbm: i8,
    /// How long before the decision.
    ago_ms: u64,
}

impl From<ChangeRow> for ChangeView {
    fn from(row: ChangeRow) -> Self {
        Self {
            change: row.change,
            at_ms: row.at_ms,
            zone: row.zone.map(String::from),
            why: row.why.map(WhyView::from),
        }
    }
}

impl From<Why> for WhyView {
    fn from(why: Why) -> Self {
        let share = |(zone, share)| ZoneShareView {
            zone: String::from(zone),
            share,
        };
        let heard = |at: HeardAt| HeardView {
            anchor: String::from(at.anchor),
            rssi_dbm: at.rssi_dbm,
            ago_ms: at.ago_ms,
        };
        Self {
            because: why.because,
            decided_ms: why.decided_ms,
            zones: why.zones.into_iter().map(share).collect(),
            heard: why.heard.into_iter().map(heard).collect(),
        }
    }
}

/// One visit, with each change and what it rested on.
#[utoipa::path(get, path = "/v1/stores/{store}/visits/{visit}", tag = "history",
    params(("store" = String, Path), ("visit" = String, Path)),
    responses((status = 200, body = ExplainedVisit), (status = "default", body = Problem)))]
pub(super) async fn visit(
    _: ShopKey,
    State(app): State<App>,
    At((store, visit)): At<(StoreId, VisitId)>,
) -> Result<Json<ExplainedVisit>, Problem> {
    let explained = app.readers.read(move |db| {
        let row = visits::visit(db, &store, visit)?;
        Ok(ExplainedVisit::of(row, visits::changes(db, visit)?))
    });
    Ok(Json(explained.await?))
}
