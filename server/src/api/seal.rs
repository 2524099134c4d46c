//! The key that gateways seal to, for who runs the server.
//!
//! In: an admin. Out: the key of now and since when, or a new one.
//! Invariant: a private key never leaves the store.

use axum::{Json, extract::State, http::StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

use super::{App, access::AdminKey, problem::Problem};
use crate::{
    seal,
    store::{StoreError, seals},
};

/// What gateways seal to.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SealView {
    /// Who signs keys (Ed25519, URL-safe base64); never changes.
    trust: String,
    /// The key of now (X25519, URL-safe base64).
    key: String,
    since_ms: u64,
    /// When the next takes its place by itself.
    until_ms: u64,
}

fn view(db: &rusqlite::Connection) -> Result<SealView, StoreError> {
    let said = seals::latest(db, None)?;
    let said = said.ok_or_else(|| StoreError::NotFound("a key to seal to"))?;
    Ok(SealView {
        trust: seals::trust(db)?.to_string(),
        key: said.key.to_string(),
        since_ms: said.since_ms,
        until_ms: said.since_ms + seals::ROTATED_MS,
    })
}

/// What gateways seal to now.
#[utoipa::path(get, path = "/v1/seal", tag = "fleet",
    responses((status = 200, body = SealView), (status = "default", body = Problem)))]
pub(super) async fn get_seal(
    _: AdminKey,
    State(app): State<App>,
) -> Result<Json<SealView>, Problem> {
    Ok(Json(app.readers.read(view).await?))
}

/// Gives gateways a new key at once: after a backup went astray, for one. What is sealed to earlier
/// keys opens for 400 days more.
#[utoipa::path(post, path = "/v1/seal/rotate", tag = "fleet",
    responses((status = 201, body = SealView), (status = "default", body = Problem)))]
pub(super) async fn rotate(
    _: AdminKey,
    State(app): State<App>,
) -> Result<(StatusCode, Json<SealView>), Problem> {
    let all = app.seals.clone();
    let view = app
        .pipeline
        .write(move |txn| {
            seal::rotate(txn, &all)?;
            view(txn.db)
        })
        .await?;
    Ok((StatusCode::CREATED, Json(view)))
}
