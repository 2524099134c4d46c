//! Messages on their way to the phone, and its word that it showed them.
//!
//! Promises: a phone that comes back with its last number misses nothing that is still relevant.

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{Response, sse::Event},
};
use protocol::{CustomerId, DeliveryId};
use tokio::sync::broadcast::error::RecvError;

use crate::{
    api::{
        App,
        access::Phone,
        problem::{At, Problem},
        sse::{self, Gone, HEARTBEAT, Writer},
    },
    clock,
    store::outbox::{self, DeliveryRow},
    web::messages,
};

/// Her messages as they come: `event: notification`. `Last-Event-ID` resumes.
#[utoipa::path(get, path = "/v1/app/events", tag = "app",
    responses((status = 200, content_type = "text/event-stream"), (status = "default", body = Problem)))]
pub(in crate::api) async fn events(
    phone: Phone,
    State(app): State<App>,
    headers: HeaderMap,
) -> Response {
    let after = sse::last_event_id(&headers);
    let show = AsJson(app.clone());
    sse::stream(move |writer| async move {
        follow_phone(&app, phone.customer, after, &writer, show).await
    })
}

/// How a reader of one customer's stream wants a message.
pub(crate) trait ShowMessage: Send + Sync {
    /// The event; none if there is nothing to show.
    fn show(&self, row: DeliveryRow) -> impl Future<Output = Option<Event>> + Send;
}

struct AsJson(App);

impl ShowMessage for AsJson {
    async fn show(&self, row: DeliveryRow) -> Option<Event> {
        let n = row.n;
        let told = self
            .0
            .readers
            .read(move |db| messages::tell(db, &row))
            .await
            .ok()?;
        let data = serde_json::to_string(&told).ok()?;
        Some(
            Event::default()
                .event("notification")
                .id(n.to_string())
                .data(data),
        )
    }
}

/// Follows one customer's stream. Without a last number only what comes from now on is told.
pub(crate) async fn follow_phone(
    app: &App,
    customer: CustomerId,
    after: Option<u64>,
    writer: &Writer,
    show: impl ShowMessage,
) -> Result<(), Gone> {
    let mut live = app.live.follow_phone(customer);
    let mut shutdown = app.shutdown.clone();
    let mut seen = after.unwrap_or(0);
    let settled = app
        .readers
        .read(move |db| outbox::settled(db, customer))
        .await;
    let begins = after.unwrap_or(settled.map_err(|_| Gone)?);
    if let Some(after) = after {
        let now_ms = clock::now_ms();
        let missed = app
            .readers
            .read(move |db| outbox::stream_after(db, now_ms, customer, after))
            .await;
        for row in missed.map_err(|_| Gone)? {
            seen = row.n;
            if let Some(event) = show.show(row).await {
                writer.send(event).await?;
            }
        }
    }
    let mut heartbeat = tokio::time::interval(HEARTBEAT);
    loop {
        tokio::select! {
            pushed = live.recv() => match pushed {
                Ok(row) if row.n > seen => {
                    seen = row.n;
                    if let Some(event) = show.show(row).await {
                        writer.send(event).await?;
                    }
                }
                Ok(_) => {}
                // The phone comes back with its last number and reads what it missed.
                Err(RecvError::Lagged(_) | RecvError::Closed) => return Ok(()),
            },
            _ = heartbeat.tick() => writer.heartbeat_at(seen.max(begins)).await?,
            _ = shutdown.changed() => return Ok(()),
        }
    }
}

/// Says that the phone showed a message.
#[utoipa::path(post, path = "/v1/app/deliveries/{delivery}/displayed", tag = "app",
    params(("delivery" = String, Path)),
    responses((status = 204), (status = "default", body = Problem)))]
pub(in crate::api) async fn displayed(
    phone: Phone,
    State(app): State<App>,
    At(delivery): At<DeliveryId>,
) -> Result<StatusCode, Problem> {
    app.pipeline
        .write(move |txn| outbox::record_displayed(txn.db, txn.now_ms, phone.customer, delivery))
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Says that she opened a message.
#[utoipa::path(post, path = "/v1/app/deliveries/{delivery}/opened", tag = "app",
    params(("delivery" = String, Path)),
    responses((status = 204), (status = "default", body = Problem)))]
pub(in crate::api) async fn opened(
    phone: Phone,
    State(app): State<App>,
    At(delivery): At<DeliveryId>,
) -> Result<StatusCode, Problem> {
    app.pipeline
        .write(move |txn| outbox::record_opened(txn.db, txn.now_ms, phone.customer, delivery))
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
