//! Pagers and displays that hear of a store's desk over MQTT.

use axum::{Json, extract::State, http::StatusCode};
use garde::Validate;
use protocol::{DisplayId, StoreId, desk::DeskTopic};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    App,
    access::AdminKey,
    problem::{At, Body, Problem},
};
use crate::{broker::Who, secret, store::displays};

/// A pager or display to let in.
#[derive(Debug, Clone, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DisplayBody {
    /// Its id.
    #[schema(value_type = String)]
    #[garde(skip)]
    display: DisplayId,
}

/// What a display logs in with; shown once.
#[derive(Debug, Serialize, ToSchema)]
pub struct DisplayCredentials {
    display: String,
    mqtt_username: String,
    mqtt_password: String,
    /// It must come in under this one.
    mqtt_client_id: String,
    mqtt_host: String,
    mqtt_port: u16,
    /// What it may read: each thing that happens, and how the desk stands.
    topics: [String; 2],
}

/// Lets a pager or display hear of the store's desk, or gives it a new password.
#[utoipa::path(post, path = "/v1/stores/{store}/displays", tag = "store",
    request_body = DisplayBody, params(("store" = String, Path)),
    responses((status = 201, body = DisplayCredentials), (status = "default", body = Problem)))]
pub(super) async fn post_display(
    _: AdminKey,
    State(app): State<App>,
    At(store): At<StoreId>,
    Body(body): Body<DisplayBody>,
) -> Result<(StatusCode, Json<DisplayCredentials>), Problem> {
    let display = body.display;
    let password = secret::token("wd_")?;
    let hash = secret::sha256(&password);
    let (s, d) = (store.clone(), display.clone());
    app.pipeline
        .write(move |txn| displays::put(txn.db, txn.now_ms, &s, &d, &hash))
        .await?;
    app.credentials
        .set_display(store.clone(), display.clone(), Some(hash));
    let who = Who::Display(store.clone(), display.clone());
    Ok((
        StatusCode::CREATED,
        Json(DisplayCredentials {
            display: display.to_string(),
            mqtt_username: who.name(),
            mqtt_password: password,
            mqtt_client_id: who.client_id(),
            mqtt_host: app.mqtt_host.clone(),
            mqtt_port: app.mqtt_port,
            topics: [
                DeskTopic::Events(store.clone()).to_string(),
                DeskTopic::State(store).to_string(),
            ],
        }),
    ))
}

/// Lets it in no more, from its next connection on.
#[utoipa::path(delete, path = "/v1/stores/{store}/displays/{display}", tag = "store",
    params(("store" = String, Path), ("display" = String, Path)),
    responses((status = 204), (status = "default", body = Problem)))]
pub(super) async fn delete_display(
    _: AdminKey,
    State(app): State<App>,
    At((store, display)): At<(StoreId, DisplayId)>,
) -> Result<StatusCode, Problem> {
    let (s, d) = (store.clone(), display.clone());
    app.pipeline
        .write(move |txn| displays::delete(txn.db, &s, &d))
        .await?;
    app.credentials.set_display(store, display, None);
    Ok(StatusCode::NO_CONTENT)
}
