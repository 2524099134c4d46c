//! Notifications of a browser: its worker, its subscription, and what it says of messages.
//!
//! In: a shopper's session. Out: an address for `deliver::push`, and marks on deliveries.
//! Promises: `/sw.js` is the asset of that name under an address that stays, for the whole site.
//! Invariant: a browser's word counts for the messages of its own session's customer alone.

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use garde::Validate;
use protocol::DeliveryId;
use serde::{Deserialize, Serialize};

use super::assets;
use crate::{
    api::{
        App,
        access::Shopper,
        app::push::{PushBody, Subscription, take},
        problem::{At, Body, Problem},
    },
    store::{StoreError, outbox, push},
};

/// The worker; browsers ask for it anew whenever they look for another.
pub(super) async fn worker() -> Response {
    let url = assets::url("sw.js");
    match assets::serve(url.trim_start_matches("/assets/")) {
        Some(asset) => (
            [
                (header::CONTENT_TYPE, asset.content_type),
                (header::CACHE_CONTROL, "no-cache"),
            ],
            asset.bytes.into_owned(),
        )
            .into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// What the worker needs to speak for her.
#[derive(Serialize)]
pub(super) struct Pass {
    csrf: String,
}

/// The session's token, for a worker that has no page to read it from.
pub(super) async fn pass(shopper: Shopper) -> Json<Pass> {
    Json(Pass { csrf: shopper.csrf })
}

/// Subscribes this browser.
pub(super) async fn subscribe(
    shopper: Shopper,
    State(app): State<App>,
    Body(subscription): Body<Subscription>,
) -> Result<StatusCode, Problem> {
    let body = PushBody::WebPush { subscription };
    take(&app, shopper.customer, None, body, None).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize, Validate)]
#[garde(allow_unvalidated)]
pub(super) struct Endpoint {
    endpoint: String,
}

/// Sends nothing to this browser any more.
pub(super) async fn unsubscribe(
    shopper: Shopper,
    State(app): State<App>,
    Body(Endpoint { endpoint }): Body<Endpoint>,
) -> Result<StatusCode, Problem> {
    app.pipeline
        .write(move |txn| push::unregister(txn.db, shopper.customer, &endpoint))
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The worker showed a message, or she opened it.
pub(super) async fn report(
    shopper: Shopper,
    State(app): State<App>,
    At((delivery, what)): At<(DeliveryId, String)>,
) -> Result<StatusCode, Problem> {
    app.pipeline
        .write(move |txn| match what.as_str() {
            "displayed" => outbox::record_displayed(txn.db, txn.now_ms, shopper.customer, delivery),
            "opened" => outbox::record_opened(txn.db, txn.now_ms, shopper.customer, delivery),
            _ => Err(StoreError::NotFound("word for it")),
        })
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
