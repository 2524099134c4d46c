//! Receivers of the shop's own: who is told what, and what came of it.
//!
//! In: the operator's key. Out: receivers without their secrets; messages, and those sent again.
//! Invariant: a secret is never in an answer.

use axum::{Json, extract::State, http::StatusCode};
use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    App, Page, PageQuery,
    access::AdminKey,
    problem::{At, Body, Problem, Query},
};
use crate::{
    deliver::{outgoing, webhook::secret_bytes},
    secret,
    store::receivers::{self, Event, MessageRow, WebhookRow},
};

/// Letters of a receiver's name at most.
const NAME_LEN_MAX: usize = 40;

/// A receiver.
#[derive(Debug, Clone, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookBody {
    /// `https://`, at a public address.
    #[garde(length(max = 2_048))]
    url: String,
    /// `whsec_` and 24 to 64 bytes in base64.
    #[garde(custom(is_secret))]
    secret: String,
    /// What it wants to hear.
    #[garde(length(min = 1, max = 20))]
    events: Vec<Event>,
}

fn is_secret(text: &str, _: &()) -> garde::Result {
    let wrong = || garde::Error::new("whsec_ and 24 to 64 bytes in base64");
    secret_bytes(text).map(|_| ()).ok_or_else(wrong)
}

/// A receiver, as it stands.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct WebhookView {
    name: String,
    url: String,
    events: Vec<Event>,
    /// Since when it answers 410: nothing goes there until it is put again.
    gone_ms: Option<u64>,
}

/// Sets a receiver up, or changes it.
#[utoipa::path(put, path = "/v1/webhooks-out/{name}", tag = "webhooks",
    params(("name" = String, Path)), request_body = WebhookBody,
    responses((status = 204), (status = "default", body = Problem)))]
pub(super) async fn put_webhook(
    _: AdminKey,
    State(app): State<App>,
    At(name): At<String>,
    Body(body): Body<WebhookBody>,
) -> Result<StatusCode, Problem> {
    if name.len() > NAME_LEN_MAX {
        return Err(Problem::invalid(format!(
            "name: at most {NAME_LEN_MAX} letters"
        )));
    }
    outgoing::check(&body.url, app.private_addresses)
        .map_err(|refused| Problem::invalid(format!("url: {refused}")))?;
    app.pipeline
        .write(move |txn| {
            let random = secret::random()?;
            let row = WebhookRow {
                webhook: receivers::fresh(txn.now_ms, random),
                name: name.clone(),
                url: body.url.clone(),
                secret: body.secret.clone(),
                events: body.events.clone(),
                gone_ms: None,
            };
            receivers::put(txn.db, txn.now_ms, &row)
        })
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Forgets a receiver, with all that was for it.
#[utoipa::path(delete, path = "/v1/webhooks-out/{name}", tag = "webhooks",
    params(("name" = String, Path)),
    responses((status = 204), (status = "default", body = Problem)))]
pub(super) async fn delete_webhook(
    _: AdminKey,
    State(app): State<App>,
    At(name): At<String>,
) -> Result<StatusCode, Problem> {
    app.pipeline
        .write(move |txn| receivers::delete(txn.db, &name))
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// All receivers.
#[utoipa::path(get, path = "/v1/webhooks-out", tag = "webhooks",
    responses((status = 200, body = Vec<WebhookView>), (status = "default", body = Problem)))]
pub(super) async fn get_webhooks(
    _: AdminKey,
    State(app): State<App>,
) -> Result<Json<Vec<WebhookView>>, Problem> {
    let rows = app.readers.read(receivers::all).await?;
    let view = |row: WebhookRow| WebhookView {
        name: row.name,
        url: row.url,
        events: row.events,
        gone_ms: row.gone_ms,
    };
    Ok(Json(rows.into_iter().map(view).collect()))
}

/// What was for a receiver, and what came of it.
#[utoipa::path(get, path = "/v1/webhooks-out/{name}/deliveries", tag = "webhooks",
    params(("name" = String, Path), PageQuery),
    responses((status = 200, body = Page<MessageRow>), (status = "default", body = Problem)))]
pub(super) async fn deliveries(
    _: AdminKey,
    State(app): State<App>,
    At(name): At<String>,
    Query(page): Query<PageQuery>,
) -> Result<Json<Page<MessageRow>>, Problem> {
    let (limit, after) = (page.limit()?, page.after);
    let items = app
        .readers
        .read(move |db| receivers::messages(db, &name, after, limit))
        .await?;
    let cursor = |row: &MessageRow| row.message.to_string();
    Ok(Json(Page::new(items, limit, cursor)))
}

/// Sends a message again, from its first try, under the same id.
#[utoipa::path(post, path = "/v1/webhooks-out/{name}/deliveries/{message}/replay",
    tag = "webhooks", params(("name" = String, Path), ("message" = String, Path)),
    responses((status = 202), (status = "default", body = Problem)))]
pub(super) async fn replay(
    _: AdminKey,
    State(app): State<App>,
    At((name, message)): At<(String, Uuid)>,
) -> Result<StatusCode, Problem> {
    app.pipeline
        .write(move |txn| receivers::replay(txn.db, txn.now_ms, &name, message))
        .await?;
    Ok(StatusCode::ACCEPTED)
}
