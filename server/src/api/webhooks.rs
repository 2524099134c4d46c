//! Webhooks of shop systems: orders, carts, products, stock, customers.
//!
//! In: a signed message. Out: what it changed here, once, however often and in whatever order the
//! shop sends it.
//! The rooms below read what Shopify and WooCommerce write; `change` writes it down; `test_order` sends an
//! order that leaves nothing behind.
//! Invariant: nothing of a body is used before its signature was found right.

mod change;
mod shopify;
pub(crate) mod test_order;
mod woocommerce;

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, header},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use serde::Serialize;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use utoipa::ToSchema;

use self::change::Change;
use super::{
    App,
    problem::{At, Problem, Raw},
};
use crate::{
    clock,
    pipeline::Txn,
    store::{
        StoreError,
        intents::short_hash,
        sources::{self, Kind, News, SourceRow, Tally},
    },
};

/// Bytes of a message at most: an order with hundreds of lines has less.
pub const WEBHOOK_LEN_MAX: usize = 2 * 1024 * 1024;
/// Wrong signatures of one source are written down at most this often: anybody can send them.
const REFUSALS_EVERY_MS: u64 = 1_000;

/// What a message came to.
#[derive(Debug, Serialize, ToSchema)]
pub struct Outcome {
    /// `applied`, `repeated`, `outdated`, `ignored`, `unknown_customer`, `no_consent`.
    outcome: &'static str,
}

/// Takes a message of Shopify.
#[utoipa::path(post, path = "/v1/webhooks/shopify/{source}", tag = "data in",
    params(("source" = String, Path)),
    request_body(content = String, content_type = "application/json"),
    responses((status = 200, body = Outcome), (status = "default", body = Problem)))]
pub(super) async fn shopify(
    State(app): State<App>,
    At(source): At<String>,
    headers: HeaderMap,
    Raw(body): Raw,
) -> Result<Json<Outcome>, Problem> {
    let row = known(&app, source, Kind::Shopify).await?;
    receive(&app, row, &headers, &body).await
}

/// Takes a message of WooCommerce.
#[utoipa::path(post, path = "/v1/webhooks/woocommerce/{source}", tag = "data in",
    params(("source" = String, Path)),
    request_body(content = String, content_type = "application/json"),
    responses((status = 200, body = Outcome), (status = "default", body = Problem)))]
pub(super) async fn woocommerce(
    State(app): State<App>,
    At(source): At<String>,
    headers: HeaderMap,
    Raw(body): Raw,
) -> Result<Json<Outcome>, Problem> {
    let row = known(&app, source, Kind::Woocommerce).await?;
    if woocommerce::is_ping(text(&headers, header::CONTENT_TYPE.as_str()), &body) {
        // It is not signed, and says nothing.
        return Ok(Json(Outcome { outcome: "ignored" }));
    }
    receive(&app, row, &headers, &body).await
}

/// In which headers a shop says what.
struct Wire {
    signature: &'static str,
    topic: &'static str,
    /// Of the delivery: what is sent again has the same.
    ids: &'static [&'static str],
}

fn wire(kind: Kind) -> Wire {
    match kind {
        Kind::Shopify => Wire {
            signature: "x-shopify-hmac-sha256",
            topic: "x-shopify-topic",
            ids: &["x-shopify-webhook-id", "x-shopify-event-id"],
        },
        Kind::Woocommerce => Wire {
            signature: "x-wc-webhook-signature",
            topic: "x-wc-webhook-topic",
            ids: &["x-wc-webhook-delivery-id"],
        },
    }
}

/// What a shop must send, as its own pages call it.
pub(crate) fn topics(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Shopify => &shopify::TOPICS,
        Kind::Woocommerce => &woocommerce::TOPICS,
    }
}

async fn receive(
    app: &App,
    row: SourceRow,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Json<Outcome>, Problem> {
    signed(app, &row, headers, body).await?;
    let change = read(&row, headers, body);
    take(app, row, headers, body, change).await
}

fn read(row: &SourceRow, headers: &HeaderMap, body: &[u8]) -> Result<Change, String> {
    let topic = text(headers, wire(row.kind).topic);
    match row.kind {
        Kind::Shopify => shopify::read(topic, headers, body, row),
        Kind::Woocommerce => woocommerce::read(topic, body, row),
    }
}

async fn known(app: &App, source: String, kind: Kind) -> Result<SourceRow, Problem> {
    let row = app
        .readers
        .read(move |db| sources::source(db, &source, kind))
        .await?;
    row.ok_or_else(|| Problem::not_found("there is no such source: make it with PUT /v1/sources"))
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    let value = headers.get(name).and_then(|value| value.to_str().ok());
    value.unwrap_or_default()
}

/// base64 of HMAC-SHA256 over the body as it came: both systems sign in this way.
fn signature(secret: &str, body: &[u8]) -> String {
    // HMAC takes keys of any length: there is no error to come.
    let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes());
    let mac = mac.map(|mac| mac.chain_update(body).finalize().into_bytes());
    mac.map(|bytes| STANDARD.encode(bytes)).unwrap_or_default()
}

fn is_signed(secret: &str, body: &[u8], given: &str) -> bool {
    let right = signature(secret, body);
    !right.is_empty() && bool::from(right.as_bytes().ct_eq(given.as_bytes()))
}

async fn signed(
    app: &App,
    row: &SourceRow,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<(), Problem> {
    let header = wire(row.kind).signature;
    if is_signed(&row.secret, body, text(headers, header)) {
        return Ok(());
    }
    let source = numbers_name(row);
    if let Some(refused) = app.refusals.add(&source, clock::now_ms()) {
        let news = News {
            tally: Tally::from([("wrong_signature".into(), refused)]),
            signature: Some(false),
            errors: vec![format!(
                "{header} is not the signature of the body: is the secret the shop's?"
            )],
        };
        app.pipeline
            .write(move |txn| sources::count(txn.db, txn.now_ms, &source, &news))
            .await?;
    }
    Err(Problem::unauthorized(format!(
        "{header} is not base64 of HMAC-SHA256 over the body with the source's secret"
    )))
}

/// Wrong signatures since they were last written down, by source.
#[derive(Debug, Default)]
pub struct Refusals(Mutex<HashMap<String, (u64, u64)>>);

impl Refusals {
    /// One more; how many are to be written down now, if any. Only known sources get here.
    fn add(&self, source: &str, now_ms: u64) -> Option<u64> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (count, written_ms) = all.entry(source.to_owned()).or_default();
        *count += 1;
        if now_ms < written_ms.saturating_add(REFUSALS_EVERY_MS) {
            return None;
        }
        *written_ms = now_ms;
        Some(std::mem::take(count))
    }
}

fn numbers_name(row: &SourceRow) -> String {
    format!("{}/{}", row.kind.as_str(), row.source)
}

async fn take(
    app: &App,
    row: SourceRow,
    headers: &HeaderMap,
    body: &[u8],
    change: Result<Change, String>,
) -> Result<Json<Outcome>, Problem> {
    let name = numbers_name(&row);
    let topic = text(headers, wire(row.kind).topic).to_owned();
    let change = match change {
        Ok(change) => change,
        Err(reason) => {
            refuse(app, name, &format!("{topic}: {reason}")).await?;
            return Err(Problem::invalid(reason));
        }
    };
    let seen = seen(&row, headers, body, &change);
    let done = app
        .pipeline
        .write(move |txn| settle(txn, &row, &seen, &change))
        .await;
    match done {
        Ok(outcome) => Ok(Json(Outcome { outcome })),
        Err(error) => {
            let problem = Problem::from(error);
            refuse(app, name, &format!("{topic}: {}", problem.detail())).await?;
            Err(problem)
        }
    }
}

/// What a message is known by when it comes again.
fn seen(row: &SourceRow, headers: &HeaderMap, body: &[u8], change: &Change) -> Vec<[u8; 16]> {
    let (name, wire) = (numbers_name(row), wire(row.kind));
    let topic = text(headers, wire.topic);
    let mut seen = Vec::new();
    // A customer may come back and ask in the same words to be forgotten again.
    if !matches!(change, Change::Erase { .. }) {
        let body = hex::encode(Sha256::digest(body));
        seen.push(short_hash(&["body", &name, topic, &body]));
    }
    for id in wire.ids {
        let value = text(headers, id);
        // One action may send several topics under one id.
        seen.extend((!value.is_empty()).then(|| short_hash(&[id, &name, topic, value])));
    }
    seen
}

/// Writes what a message changes, and that it came.
fn settle(
    txn: &mut Txn<'_>,
    row: &SourceRow,
    seen: &[[u8; 16]],
    change: &Change,
) -> Result<&'static str, StoreError> {
    let outcome = match sources::is_new(txn.db, txn.now_ms, seen)? {
        true => change::apply(txn, row, change)?,
        false => "repeated",
    };
    let news = News {
        tally: Tally::from([(outcome.into(), 1)]),
        signature: Some(true),
        errors: Vec::new(),
    };
    sources::count(txn.db, txn.now_ms, &numbers_name(row), &news)?;
    Ok(outcome)
}

async fn refuse(app: &App, source: String, error: &str) -> Result<(), Problem> {
    let news = News {
        tally: Tally::from([("refused".into(), 1)]),
        signature: Some(true),
        errors: vec![error.chars().take(300).collect()],
    };
    app.pipeline
        .write(move |txn| sources::count(txn.db, txn.now_ms, &source, &news))
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests;
