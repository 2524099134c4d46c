//! Who sends us data, and how that goes: for the operator, and for a page of hers.
//!
//! In: a shop's secret. Out: numbers, last errors, what is to be done; never the secret.
//! Invariant: no answer here holds a secret or names a shopper other than by her id.

use std::collections::BTreeMap;

use axum::{Json, extract::State, http::StatusCode};
use garde::Validate;
use protocol::{CustomerId, StoreId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    App,
    access::AdminKey,
    problem::{At, Body, Problem},
};
use crate::store::sources::{self, Kind, NumbersRow, SourceRow, TaskRow};

/// Names of our stores that one shop may have.
const LOCATIONS_MAX: usize = 2_000;

/// A shop that sends webhooks.
#[derive(Clone, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SourceBody {
    /// `shopify` or `woocommerce`.
    #[schema(value_type = String)]
    #[garde(skip)]
    kind: Kind,
    /// What the shop signs with. It is never shown again.
    #[garde(length(min = 8, max = 200))]
    secret: String,
    /// The store of what names none.
    #[schema(value_type = Option<String>)]
    #[garde(skip)]
    store: Option<StoreId>,
    /// Our stores by the shop's location ids and by the names of its ways of pickup.
    #[schema(value_type = std::collections::HashMap<String, String>)]
    #[garde(length(max = LOCATIONS_MAX))]
    #[serde(default)]
    locations: BTreeMap<String, StoreId>,
    /// Of prices that name no currency (ISO 4217); EUR if it is not said.
    #[garde(inner(length(equal = 3), ascii))]
    currency: Option<String>,
}

/// Makes or changes a source of webhooks. Point the shop at
/// `/v1/webhooks/{kind}/{source}`.
#[utoipa::path(put, path = "/v1/sources/{source}", tag = "data in", request_body = SourceBody,
    params(("source" = String, Path)), responses((status = 204), (status = "default", body = Problem)))]
pub(super) async fn put_source(
    _: AdminKey,
    State(app): State<App>,
    At(source): At<String>,
    Body(body): Body<SourceBody>,
) -> Result<StatusCode, Problem> {
    // The same letters as a store's id.
    if source.parse::<StoreId>().is_err() {
        return Err(Problem::invalid("source: 1 to 32 of a-z, 0-9 and -"));
    }
    let row = SourceRow {
        source,
        kind: body.kind,
        secret: body.secret,
        store: body.store,
        currency: body.currency.unwrap_or_else(|| "EUR".into()),
    };
    app.pipeline
        .write(move |txn| sources::put_source(txn.db, txn.now_ms, &row, &body.locations))
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// How a source does.
#[derive(Debug, Serialize, ToSchema)]
pub struct SourceView {
    /// `shopify/NAME`, `woocommerce/NAME`, or `track/NAME OF THE KEY`.
    source: String,
    /// When its last message came.
    last_ms: Option<u64>,
    /// Whether the signature of its last message was right; none: it does not sign, or never sent.
    signature_right: Option<bool>,
    /// When that was.
    signature_ms: Option<u64>,
    /// What became of its messages, and how many of each.
    #[schema(value_type = std::collections::HashMap<String, u64>)]
    counts: BTreeMap<String, u64>,
    /// What went wrong last, newest first; at most 20.
    errors: Vec<SourceError>,
}

/// Something that went wrong.
#[derive(Debug, Serialize, ToSchema)]
pub struct SourceError {
    at_ms: u64,
    error: String,
}

impl From<NumbersRow> for SourceView {
    fn from(row: NumbersRow) -> Self {
        let error = |(at_ms, error)| SourceError { at_ms, error };
        Self {
            source: row.source,
            last_ms: row.last_ms,
            signature_right: row.signature.map(|(right, _)| right),
            signature_ms: row.signature.map(|(_, at_ms)| at_ms),
            counts: row.counts,
            errors: row.errors.into_iter().map(error).collect(),
        }
    }
}

/// All sources and how they do.
#[derive(Debug, Serialize, ToSchema)]
pub struct Sources {
    /// By name.
    items: Vec<SourceView>,
}

/// Who sends us data, and how that goes.
#[utoipa::path(get, path = "/v1/sources", tag = "data in",
    responses((status = 200, body = Sources), (status = "default", body = Problem)))]
pub(super) async fn get_sources(
    _: AdminKey,
    State(app): State<App>,
) -> Result<Json<Sources>, Problem> {
    let rows = app.readers.read(sources::numbers).await?;
    let items = rows.into_iter().map(SourceView::from).collect();
    Ok(Json(Sources { items }))
}

/// What a person must do.
#[derive(Debug, Serialize, ToSchema)]
pub struct TaskView {
    task: i64,
    at_ms: u64,
    source: String,
    /// `data_request`: she wants to know what is kept of her. `shop_redact`: the shop is gone and
    /// wants its data to go too.
    kind: String,
    /// About whom; none: nothing is kept of her.
    #[schema(value_type = Option<String>)]
    customer: Option<CustomerId>,
    /// The shop's own number of the request.
    external: Option<String>,
}

impl From<TaskRow> for TaskView {
    fn from(row: TaskRow) -> Self {
        Self {
            task: row.task,
            at_ms: row.at_ms,
            source: row.source,
            kind: row.kind,
            customer: row.customer,
            external: row.external,
        }
    }
}

/// What is to be done.
#[derive(Debug, Serialize, ToSchema)]
pub struct Tasks {
    /// Oldest first, at most 200.
    items: Vec<TaskView>,
}

/// What shops ask of a person here, and is not done.
#[utoipa::path(get, path = "/v1/tasks", tag = "data in",
    responses((status = 200, body = Tasks), (status = "default", body = Problem)))]
pub(super) async fn get_tasks(_: AdminKey, State(app): State<App>) -> Result<Json<Tasks>, Problem> {
    let rows = app.readers.read(sources::open_tasks).await?;
    let items = rows.into_iter().map(TaskView::from).collect();
    Ok(Json(Tasks { items }))
}

/// Marks a task as done.
#[utoipa::path(put, path = "/v1/tasks/{task}/done", tag = "data in", params(("task" = i64, Path)),
    responses((status = 204), (status = "default", body = Problem)))]
pub(super) async fn put_task_done(
    _: AdminKey,
    State(app): State<App>,
    At(task): At<i64>,
) -> Result<StatusCode, Problem> {
    app.pipeline
        .write(move |txn| sources::finish_task(txn.db, txn.now_ms, task))
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
