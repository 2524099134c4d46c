//! `Idempotency-Key`: the same request twice is done once.
//!
//! In: a POST of a shop system with the header. Out: the first answer again, for a day.
//! What a crash leaves between the work and the remembering is safe too: customers, orders and
//! intents are known by the shop's own ids.
//! Invariant: answers are kept per API key, so nobody reads another's.

use axum::{
    body::{Body, to_bytes},
    extract::{Request, State},
    http::{HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use sha2::{Digest, Sha256};

use super::{App, BODY_LEN_MAX, access, problem::Problem};
use crate::store::access::{EarlierAnswer, earlier_answer, remember_answer};

/// Answers of these routes hold a secret that is shown once; they are not remembered, so that it
/// stands on no disk in clear. Asking twice makes a second one, and no harm.
const SECRETS: [&str; 4] = ["/gateways", "/enrolments", "/page-links", "/share"];

/// Longer keys are refused: 64 characters hold two UUIDs.
const KEY_LEN_MAX: usize = 64;

pub(super) async fn layer(
    State(app): State<App>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let key = parts.headers.get("idempotency-key").cloned();
    let secret = SECRETS.iter().any(|end| parts.uri.path().ends_with(end));
    let (Some(key), &Method::POST, false) = (key, &parts.method, secret) else {
        return Ok(next.run(Request::from_parts(parts, body)).await);
    };
    let key = key.to_str().unwrap_or_default().to_owned();
    if key.is_empty() || key.len() > KEY_LEN_MAX {
        return Err(Problem::invalid(
            "Idempotency-Key: 1 to 64 visible ASCII characters",
        ));
    }
    let Some(principal) = access::principal(&parts, &app).await else {
        return Ok(next.run(Request::from_parts(parts, body)).await);
    };
    let bytes = to_bytes(body, BODY_LEN_MAX)
        .await
        .map_err(|_| Problem::too_large("split it into smaller requests"))?;
    let request_sha256 = Sha256::new()
        .chain_update(parts.uri.path())
        .chain_update([0])
        .chain_update(&bytes)
        .finalize()
        .to_vec();
    let (who, what) = (principal.clone(), key.clone());
    if let Some(earlier) = app
        .readers
        .read(move |db| earlier_answer(db, &who, &what))
        .await?
    {
        return replay(earlier, &request_sha256);
    }
    let response = next
        .run(Request::from_parts(parts, Body::from(bytes)))
        .await;
    remember(&app, principal, key, request_sha256, response).await
}

fn replay(earlier: EarlierAnswer, request_sha256: &[u8]) -> Result<Response, Problem> {
    if earlier.request_sha256 != request_sha256 {
        return Err(Problem::invalid(
            "this Idempotency-Key came with another request before",
        ));
    }
    let status = StatusCode::from_u16(earlier.status).unwrap_or(StatusCode::OK);
    let mut response = (status, earlier.body).into_response();
    let kind = if status.is_success() {
        "application/json"
    } else {
        "application/problem+json"
    };
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
        .headers_mut()
        .insert("idempotent-replayed", HeaderValue::from_static("true"));
    Ok(response)
}

async fn remember(
    app: &App,
    principal: String,
    key: String,
    request_sha256: Vec<u8>,
    response: Response,
) -> Result<Response, Problem> {
    // A failure of ours, or a try too many, may go well next time.
    if response.status().is_server_error() || response.status() == StatusCode::TOO_MANY_REQUESTS {
        return Ok(response);
    }
    let (parts, body) = response.into_parts();
    let bytes = to_bytes(body, usize::MAX)
        .await
        .map_err(|_| Problem::internal())?;
    let answer = EarlierAnswer {
        request_sha256,
        status: parts.status.as_u16(),
        body: bytes.to_vec(),
    };
    app.pipeline
        .write(move |txn| remember_answer(txn.db, txn.now_ms, &principal, &key, &answer))
        .await?;
    Ok(Response::from_parts(parts, Body::from(bytes)))
}
