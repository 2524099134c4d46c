//! Sets a store up through the HTTP API, as a shop's own systems would.
//!
//! In: an API with the shop's key, plan, people. Out: gateway credentials and enrolment codes.
//! Promises: uses the public contract and nothing else; may be run again on the same server.
//! Invariant: passwords and codes are handed to the caller and never logged.

use protocol::{CustomerId, GatewayId, StoreId};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    catalogue::{Product, products},
    http::{Api, ApiError, Nothing},
    plan::{AnchorKind, ENTRANCE, Plan},
    shopper::Shopper,
};

/// How a gateway logs in to its broker.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GatewayCredentials {
    /// Which gateway.
    pub gateway: GatewayId,
    /// User name at the broker.
    pub mqtt_username: String,
    /// Password at the broker.
    pub mqtt_password: String,
    /// The broker's host.
    pub mqtt_host: String,
    /// The broker's port.
    pub mqtt_port: u16,
    /// Who signs the keys that sightings are sealed to.
    pub seal_trust: String,
    /// What to seal to.
    pub seal_key: String,
}

impl std::fmt::Debug for GatewayCredentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GatewayCredentials")
            .field("gateway", &self.gateway)
            .finish_non_exhaustive()
    }
}

/// A person as the server knows her now.
#[derive(Clone, PartialEq, Eq)]
pub struct Enrolling {
    /// The server's id.
    pub customer: CustomerId,
    /// What she types into the app.
    pub code: String,
}

#[derive(Deserialize)]
struct Created {
    customer: CustomerId,
}

#[derive(Deserialize)]
struct Code {
    code: String,
}

/// Store, zones, anchors, products, placement and gateways.
pub async fn store(
    api: &Api,
    store: &StoreId,
    plan: &Plan,
) -> Result<Vec<GatewayCredentials>, ApiError> {
    put(
        api,
        format!("/v1/stores/{store}"),
        &json!({
            "name": "Kade 9 Utrecht", "timezone": "Europe/Amsterdam",
            "opens": "00:00", "closes": "00:00",
            // No quiet hours: a run must work at any time of the day.
            "quiet_from": null, "quiet_to": null, "messages_per_day_max": 2,
        }),
    )
    .await?;
    for zone in &plan.zones {
        let (from, to) = (zone.from, zone.to);
        let body = json!({
            "name": named(zone.name),
            "area": {
                "x_cm": cm(from.x_m), "y_cm": cm(from.y_m),
                "wide_cm": cm(to.x_m - from.x_m), "deep_cm": cm(to.y_m - from.y_m),
                "door": zone.zone.as_str() == ENTRANCE,
            },
        });
        put(
            api,
            format!("/v1/stores/{store}/zones/{}", zone.zone),
            &body,
        )
        .await?;
    }
    let mut credentials = Vec::new();
    for (_, gateway) in plan.gateways() {
        credentials.push(gateway_credentials(api, store, gateway).await?);
    }
    anchors(api, store, plan).await?;
    for product in products() {
        place(api, store, &product).await?;
    }
    Ok(credentials)
}

/// A gateway's credentials; asking again makes a new password.
pub async fn gateway_credentials(
    api: &Api,
    store: &StoreId,
    gateway: &GatewayId,
) -> Result<GatewayCredentials, ApiError> {
    let path = format!("/v1/stores/{store}/gateways");
    api.post(&path, &json!({"gateway": gateway})).await
}

async fn anchors(api: &Api, store: &StoreId, plan: &Plan) -> Result<(), ApiError> {
    for anchor in &plan.anchors {
        let mut body = json!({
            "zone": anchor.zone, "enter_rssi_dbm": anchor.enter_rssi_dbm,
            "place": {"x_cm": cm(anchor.at.x_m), "y_cm": cm(anchor.at.y_m)},
        });
        match &anchor.kind {
            AnchorKind::Gateway(gateway) => {
                body["kind"] = json!("gateway");
                body["gateway"] = json!(gateway);
            }
            AnchorKind::Beacon(frame) => {
                body["kind"] = json!("beacon");
                body["transmitter"] = json!(frame.transmitter());
            }
        }
        put(
            api,
            format!("/v1/stores/{store}/anchors/{}", anchor.anchor),
            &body,
        )
        .await?;
    }
    Ok(())
}

async fn place(api: &Api, store: &StoreId, product: &Product) -> Result<(), ApiError> {
    let Product {
        sku,
        name,
        price_minor,
        placed,
    } = product;
    let body = json!({"name": named(*name), "price_minor": price_minor, "currency": "EUR"});
    put(api, format!("/v1/products/{sku}"), &body).await?;
    let Some(placed) = placed else { return Ok(()) };
    let body = json!({"zone": placed.zone, "shelf": placed.shelf, "stock": placed.stock});
    put(api, format!("/v1/stores/{store}/products/{sku}"), &body).await
}

/// A customer with her order, and a code with which her phone enrols.
pub async fn person(api: &Api, store: &StoreId, shopper: &Shopper) -> Result<Enrolling, ApiError> {
    let body = json!({
        "external_id": shopper.external_id, "given_name": shopper.given_name,
        "family_name": shopper.family_name, "salutation": shopper.salutation,
        "language": shopper.language,
    });
    let Created { customer } = api.post("/v1/customers", &body).await?;
    if let Some(order) = &shopper.order {
        let (state, bay) = if order.ready {
            ("ready", Some(order.bay.as_str()))
        } else {
            ("placed", None)
        };
        let body = json!({
            "external_id": order.external_id, "store": store, "customer": customer,
            "lines": [{"sku": order.sku, "quantity": 1}],
            "state": state, "bay": bay, "code": order.code,
        });
        let _: Nothing = api.post("/v1/orders", &body).await?;
    }
    let path = format!("/v1/customers/{customer}/enrolments");
    let Code { code } = api.post(&path, &json!({})).await?;
    Ok(Enrolling { customer, code })
}

/// What she did online. The shop sends it once she agreed to its use: before, it is not kept.
/// `server_ms` is the server's time; all of it lies before that.
pub async fn intents(
    api: &Api,
    customer: CustomerId,
    shopper: &Shopper,
    server_ms: u64,
) -> Result<(), ApiError> {
    for (kind, sku, ago_ms) in &shopper.intents {
        let path = format!("/v1/customers/{customer}/intents");
        let at_ms = server_ms.saturating_sub(*ago_ms);
        let body = json!({"kind": kind, "sku": sku, "at_ms": at_ms});
        let _: Nothing = api.post(&path, &body).await?;
    }
    Ok(())
}

/// Metres of the plan in the whole centimetres of the API.
#[expect(
    clippy::cast_possible_truncation,
    reason = "a store is tens of metres wide"
)]
fn cm(metres: f64) -> i32 {
    (metres * 100.0).round() as i32
}

fn named((nl, en): (&str, &str)) -> serde_json::Value {
    json!({"nl": nl, "en": en})
}

async fn put(api: &Api, path: String, body: &serde_json::Value) -> Result<(), ApiError> {
    api.put::<Nothing>(&path, body).await.map(|_| ())
}
