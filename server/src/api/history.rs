//! What happened, for shop systems: lists, a live stream, the server's own state.

use axum::{
    Json,
    extract::State,
    http::HeaderMap,
    response::{Response, sse::Event},
};
use protocol::{CardId, CustomerId, DecisionId, StoreId, VisitId};
use serde::Serialize;
use tokio::sync::broadcast::error::RecvError;
use utoipa::ToSchema;

use super::{
    App, Page, PageQuery,
    access::ShopKey,
    problem::{At, Problem, Query},
    sse::{self, Gone, HEARTBEAT, Writer},
};
use crate::{
    clock,
    pipeline::Counts,
    store::{
        board::{self, CardRow, DecisionRow},
        push::{self, Alarm},
        shop,
    },
};

/// A card.
#[derive(Debug, Serialize, ToSchema)]
pub struct CardView {
    #[schema(value_type = String)]
    card: CardId,
    #[schema(value_type = String)]
    customer: CustomerId,
    external_id: String,
    /// `en_route`, `nearby`, `arrived`, `waiting`, `served`, `departed_unserved`, `withdrawn`, or
    /// `created`: she did not come.
    #[schema(value_type = String)]
    journey: engine::outcome::Journey,
    /// On her way: since when that is known.
    arrived_ms: u64,
    alerted_ms: u64,
    /// When the journey last changed.
    since_ms: u64,
    /// Name of the colleague who goes.
    taken_by: Option<String>,
    /// The shop's own numbers.
    orders: Vec<String>,
    /// Somebody else collects what she shared.
    somebody_else: bool,
}

impl From<CardRow> for CardView {
    fn from(row: CardRow) -> Self {
        Self {
            card: row.card.card,
            customer: row.card.customer,
            external_id: row.customer.external_id,
            journey: row.card.journey,
            arrived_ms: row.card.arrived_ms,
            alerted_ms: row.alerted_ms,
            since_ms: row.card.since_ms,
            taken_by: row.taken_by_name,
            orders: row.orders.into_iter().map(|o| o.external_id).collect(),
            somebody_else: row.card.somebody_else,
        }
    }
}

/// Cards of a store.
#[utoipa::path(get, path = "/v1/stores/{store}/cards", tag = "history",
    params(("store" = String, Path), PageQuery),
    responses((status = 200, body = Page<CardView>), (status = "default", body = Problem)))]
pub(super) async fn cards(
    _: ShopKey,
    State(app): State<App>,
    At(store): At<StoreId>,
    Query(page): Query<PageQuery>,
) -> Result<Json<Page<CardView>>, Problem> {
    let limit = page.limit()?;
    let rows = app
        .readers
        .read(move |db| {
            shop::store(db, &store)?;
            board::cards_page(db, &store, page.after, limit)
        })
        .await?;
    let items = rows.into_iter().map(CardView::from).collect();
    Ok(Json(Page::new(items, limit, |c: &CardView| {
        c.card.to_string()
    })))
}

/// A decision.
#[derive(Debug, Serialize, ToSchema)]
pub struct DecisionView {
    #[schema(value_type = String)]
    decision: DecisionId,
    #[schema(value_type = String)]
    customer: CustomerId,
    external_id: String,
    #[schema(value_type = String)]
    visit: VisitId,
    zone: Option<String>,
    /// `notify` or `suppress`.
    choice: String,
    sku: Option<String>,
    /// Why the system was silent.
    reason: Option<String>,
    decided_ms: u64,
}

impl From<DecisionRow> for DecisionView {
    fn from(row: DecisionRow) -> Self {
        Self {
            decision: row.decision,
            customer: row.customer,
            external_id: row.external_id,
            visit: row.visit,
            zone: row.zone.map(String::from),
            choice: row.choice,
            sku: row.sku.map(String::from),
            reason: row.reason,
            decided_ms: row.decided_ms,
        }
    }
}

/// Decisions of a store, messages and silences alike.
#[utoipa::path(get, path = "/v1/stores/{store}/decisions", tag = "history",
    params(("store" = String, Path), PageQuery),
    responses((status = 200, body = Page<DecisionView>), (status = "default", body = Problem)))]
pub(super) async fn decisions(
    _: ShopKey,
    State(app): State<App>,
    At(store): At<StoreId>,
    Query(page): Query<PageQuery>,
) -> Result<Json<Page<DecisionView>>, Problem> {
    let limit = page.limit()?;
    let rows = app
        .readers
        .read(move |db| {
            shop::store(db, &store)?;
            board::decisions_page(db, &store, page.after, limit)
        })
        .await?;
    let items = rows.into_iter().map(DecisionView::from).collect();
    Ok(Json(Page::new(items, limit, |d: &DecisionView| {
        d.decision.to_string()
    })))
}

/// The server's own state.
#[derive(Debug, Serialize, ToSchema)]
pub struct ServerView {
    pid: u32,
    version: &'static str,
    server_ms: u64,
    radios: usize,
    #[schema(value_type = Object)]
    counts: Counts,
    /// Providers of notifications that refuse the server's credentials.
    alarms: Vec<Alarm>,
}

/// Process, version, time and counters.
#[utoipa::path(get, path = "/v1/server", tag = "history",
    responses((status = 200, body = ServerView), (status = "default", body = Problem)))]
pub(super) async fn server(
    _: ShopKey,
    State(app): State<App>,
) -> Result<Json<ServerView>, Problem> {
    let alarms = app.readers.read(push::alarms).await?;
    Ok(Json(ServerView {
        pid: std::process::id(),
        version: env!("CARGO_PKG_VERSION"),
        server_ms: clock::now_ms(),
        radios: app.identity.len(),
        counts: app.counts.now(),
        alarms,
    }))
}

/// Cards of a store as they change: `event: card`. `Last-Event-ID` resumes.
#[utoipa::path(get, path = "/v1/stores/{store}/events", tag = "history",
    params(("store" = String, Path)),
    responses((status = 200, content_type = "text/event-stream"), (status = "default", body = Problem)))]
pub(super) async fn events(
    _: ShopKey,
    State(app): State<App>,
    At(store): At<StoreId>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let of = store.clone();
    app.readers.read(move |db| shop::store(db, &of)).await?;
    let after = sse::last_event_id(&headers);
    Ok(sse::stream(move |writer| {
        follow_cards(app, store, after, writer)
    }))
}

/// The card's keys, and when it changed beside them.
#[derive(Serialize)]
struct ChangedCard {
    #[serde(flatten)]
    card: CardView,
    changed_ms: u64,
}

fn changed(n: u64, row: CardRow) -> Event {
    let changed = ChangedCard {
        card: CardView::from(row),
        changed_ms: clock::now_ms(),
    };
    let data = serde_json::to_string(&changed).unwrap_or_default();
    Event::default().event("card").id(n.to_string()).data(data)
}

/// Follows a store's cards until the reader or the server goes. What was missed is read from the
/// store, so nothing depends on a signal that got lost.
async fn follow_cards(
    app: App,
    store: StoreId,
    after: Option<u64>,
    writer: Writer,
) -> Result<(), Gone> {
    let mut live = app.live.follow_cards();
    let mut shutdown = app.shutdown.clone();
    let of = store.clone();
    let newest = app
        .readers
        .read(move |db| board::newest_change(db, &of))
        .await
        .map_err(|_| Gone)?;
    let mut seen = after.unwrap_or(newest);
    let mut heartbeat = tokio::time::interval(HEARTBEAT);
    let mut behind = true;
    loop {
        if std::mem::take(&mut behind) {
            let (of, from) = (store.clone(), seen);
            let missed = app
                .readers
                .read(move |db| {
                    let Some(changes) = board::changes_after(db, &of, from)? else {
                        return Ok(None);
                    };
                    let rows = changes
                        .into_iter()
                        .map(|(n, id)| Ok((n, board::card(db, &of, id)?)));
                    rows.collect::<Result<Vec<_>, crate::store::StoreError>>()
                        .map(Some)
                })
                .await;
            match missed {
                Ok(Some(cards)) => {
                    for (n, card) in cards {
                        seen = n;
                        writer.send(changed(n, card)).await?;
                    }
                }
                Ok(None) => {
                    // Too long away: the reader draws the board anew.
                    seen = newest;
                    writer
                        .send(Event::default().event("reset").data("{}"))
                        .await?;
                }
                Err(error) => tracing::warn!(%error, "a live page could not be told"),
            }
        }
        tokio::select! {
            change = live.recv() => match change {
                Ok(change) => behind = change.store == store && change.n > seen,
                Err(RecvError::Lagged(_)) => behind = true,
                Err(RecvError::Closed) => return Ok(()),
            },
            _ = heartbeat.tick() => writer.heartbeat().await?,
            _ = shutdown.changed() => return Ok(()),
        }
    }
}
