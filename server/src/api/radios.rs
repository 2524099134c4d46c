//! Radios that are no gateways of ours.

use axum::{Json, extract::State, http::StatusCode};
use garde::Validate;
use protocol::{
    GatewayId, StoreId,
    radio::{RadioKind, RadioName},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    App,
    access::AdminKey,
    problem::{At, Body, Problem},
};
use crate::{
    broker::Who,
    secret,
    store::radios::{self, RadioRow},
};

/// A radio to be listened to.
#[derive(Debug, Clone, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RadioBody {
    /// Its id in this store, which anchors name as their `gateway`.
    #[schema(value_type = String)]
    #[garde(skip)]
    radio: GatewayId,
    /// `ruuvi`, `openmqttgateway` (Theengs Gateway too), `espresense` or `raddec`.
    #[schema(value_type = String)]
    #[garde(skip)]
    kind: RadioKind,
    /// As it stands in its topics: often its MAC address.
    #[schema(value_type = String)]
    #[garde(skip)]
    name: RadioName,
}

/// What a radio logs in with; shown once.
#[derive(Debug, Serialize, ToSchema)]
pub struct RadioCredentials {
    radio: String,
    mqtt_username: String,
    mqtt_password: String,
    mqtt_host: String,
    mqtt_port: u16,
    /// What it may write, as filters.
    topics: Vec<String>,
}

/// Listens to a radio that is no gateway of ours, or gives it a new password.
#[utoipa::path(post, path = "/v1/stores/{store}/radios", tag = "store", request_body = RadioBody,
    params(("store" = String, Path)),
    responses((status = 201, body = RadioCredentials), (status = "default", body = Problem)))]
pub(super) async fn post_radio(
    _: AdminKey,
    State(app): State<App>,
    At(store): At<StoreId>,
    Body(body): Body<RadioBody>,
) -> Result<(StatusCode, Json<RadioCredentials>), Problem> {
    let RadioBody { radio, kind, name } = body;
    let password = secret::token("wr_")?;
    let (hash, nobodys) = (secret::sha256(&password), secret::random()?);
    let row = RadioRow {
        store: store.clone(),
        gateway: radio.clone(),
        kind,
        name: name.clone(),
        anchor: None,
    };
    let before = app
        .pipeline
        .write(move |txn| {
            let before = radios::of(txn.db, &row.store, &row.gateway)?;
            radios::put(txn.db, txn.now_ms, &row, &hash, &nobodys)?;
            txn.gateways_changed(&row.store);
            Ok(before)
        })
        .await?;
    if let Some((kind, name)) = before {
        app.credentials.set_radio(store.clone(), kind, name, None);
    }
    app.credentials
        .set_radio(store.clone(), kind, name.clone(), Some(hash));
    let who = Who::Radio(store, kind, name.clone());
    Ok((
        StatusCode::CREATED,
        Json(RadioCredentials {
            radio: radio.to_string(),
            mqtt_username: who.name(),
            mqtt_password: password,
            mqtt_host: app.mqtt_host.clone(),
            mqtt_port: app.mqtt_port,
            topics: kind.own(&name),
        }),
    ))
}
