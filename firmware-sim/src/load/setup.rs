//! Sets up stores, gateways and customers for load, through the HTTP API.
//!
//! In: sizes. Out: credentials, and the keys that every customer's phone advertises with.
//! Invariant: keys follow from the seed and are given to the server by its import for customers
//! who come from another system.

use futures_util::{StreamExt, TryStreamExt};
use indicatif::ProgressBar;
use protocol::{CustomerId, EidKey, StoreId, eid::ROTATION_EXPONENT};
use serde::Deserialize;
use serde_json::json;

use super::LoadConfig;
use crate::{
    http::{Api, ApiError, Nothing},
    phone::identity::Identity,
    provision::{GatewayCredentials, gateway_credentials},
    rng::Seed,
};

/// Customers of one import call at most.
const IMPORT_MAX: u64 = 1_000;
/// Import calls at the same time.
const IMPORTS_AT_ONCE: usize = 2;
/// Arrivals with a ready order, over all stores.
const ARRIVALS_PER_S: u64 = 1;

/// Everything that was set up.
pub(super) struct Setup {
    /// Stores.
    pub(super) stores: Vec<StoreSetup>,
}

/// One store.
#[derive(Clone)]
pub(super) struct StoreSetup {
    /// Its id.
    pub(super) store: StoreId,
    /// Its gateways; each is its own anchor.
    pub(super) gateways: Vec<GatewayCredentials>,
    /// What the phones of its customers advertise with.
    pub(super) crowd: std::sync::Arc<[Identity]>,
    /// Customers with a ready order, in the order in which they arrive.
    pub(super) arriving: std::sync::Arc<[Arriving]>,
}

/// A customer with a ready order.
pub(super) struct Arriving {
    /// As the shop knows her.
    pub(super) external_id: String,
    /// What her phone advertises with.
    pub(super) identity: Identity,
    /// Milliseconds after the load began.
    pub(super) arrives_ms: u64,
}

#[derive(Deserialize)]
struct Imported {
    customers: Vec<ImportedCustomer>,
}

#[derive(Deserialize)]
struct ImportedCustomer {
    customer: CustomerId,
}

pub(super) async fn set_up(api: &Api, config: &LoadConfig) -> Result<Setup, ApiError> {
    let sku = "LOAD-1";
    let product =
        json!({"name": {"nl": "Last", "en": "Load"}, "price_minor": 100, "currency": "EUR"});
    let _: Nothing = api.put(&format!("/v1/products/{sku}"), &product).await?;
    let arrivals = config.run_for.as_secs() * ARRIVALS_PER_S;
    let bar = ProgressBar::new(config.customers + arrivals);
    bar.set_message("customers");
    let stores = config.stores.clamp(1, config.gateways.max(1));
    let mut setup = Setup { stores: Vec::new() };
    for number in 0..stores {
        let Ok(store) = format!("load-{number}").parse::<StoreId>() else {
            continue;
        };
        let gateways = share(config.gateways, stores, number);
        let gateways = store_with_gateways(api, &store, gateways).await?;
        let crowd: Vec<u64> = (number..config.customers)
            .step_by(to_usize(stores))
            .collect();
        import(api, config, &crowd, &bar).await?;
        let late = (config.customers + number)..(config.customers + arrivals);
        let late: Vec<u64> = late.step_by(to_usize(stores)).collect();
        let customers = import(api, config, &late, &bar).await?;
        let mut arriving = Vec::new();
        for (&customer, &index) in customers.iter().zip(&late) {
            order(api, config, &store, customer, index, sku).await?;
            arriving.push(Arriving {
                external_id: external_id(config, index),
                identity: identity(config, index),
                arrives_ms: (index - config.customers) * 1_000 / ARRIVALS_PER_S,
            });
        }
        let crowd = crowd
            .into_iter()
            .map(|index| identity(config, index))
            .collect();
        setup.stores.push(StoreSetup {
            store,
            gateways,
            crowd,
            arriving: arriving.into(),
        });
    }
    bar.finish_and_clear();
    Ok(setup)
}

/// The size of one of `parts` shares that differ by one at most.
fn share(whole: u64, parts: u64, number: u64) -> u64 {
    whole / parts + u64::from(number < whole % parts)
}

fn to_usize(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

async fn store_with_gateways(
    api: &Api,
    store: &StoreId,
    gateways: u64,
) -> Result<Vec<GatewayCredentials>, ApiError> {
    let body = json!({
        "name": store, "timezone": "Europe/Amsterdam", "opens": "00:00", "closes": "23:59",
        "quiet_from": null, "quiet_to": null, "messages_per_day_max": 2,
    });
    let _: Nothing = api.put(&format!("/v1/stores/{store}"), &body).await?;
    let mut credentials = Vec::new();
    for number in 0..gateways {
        let Ok(gateway) = format!("g-{number}").parse() else {
            continue;
        };
        let zone = json!({"name": {"nl": "Vak", "en": "Bay"}});
        let _: Nothing = api
            .put(&format!("/v1/stores/{store}/zones/z-{number}"), &zone)
            .await?;
        credentials.push(gateway_credentials(api, store, &gateway).await?);
        let anchor = json!({
            "zone": format!("z-{number}"), "kind": "gateway", "gateway": gateway,
            "enter_rssi_dbm": -80,
        });
        let _: Nothing = api
            .put(&format!("/v1/stores/{store}/anchors/{gateway}"), &anchor)
            .await?;
    }
    Ok(credentials)
}

/// Imports customers; gives their ids in the same order.
async fn import(
    api: &Api,
    config: &LoadConfig,
    indices: &[u64],
    bar: &ProgressBar,
) -> Result<Vec<CustomerId>, ApiError> {
    let calls = indices
        .chunks(to_usize(IMPORT_MAX))
        .map(|chunk| async move {
            let customers: Vec<_> = chunk.iter().map(|&index| customer(config, index)).collect();
            let body = json!({"customers": customers});
            let imported: Imported = api.post("/v1/customers/import", &body).await?;
            bar.inc(chunk.len() as u64);
            Ok(imported
                .customers
                .into_iter()
                .map(|customer| customer.customer)
                .collect::<Vec<_>>())
        });
    let chunks: Vec<Vec<CustomerId>> = futures_util::stream::iter(calls)
        .buffered(IMPORTS_AT_ONCE)
        .try_collect()
        .await?;
    Ok(chunks.concat())
}

fn customer(config: &LoadConfig, index: u64) -> serde_json::Value {
    let Identity {
        key,
        clock_offset_s,
        ..
    } = identity(config, index);
    json!({
        "customer": {
            "external_id": external_id(config, index),
            "given_name": "Eva", "family_name": "De Vries", "salutation": null, "language": "nl",
        },
        "consent": {"arrival": true, "messages": true, "browsing": true, "statistics": false},
        "device": {"eid_key_hex": hex::encode(key.0), "clock_offset_s": clock_offset_s},
    })
}

fn external_id(config: &LoadConfig, index: u64) -> String {
    format!("{}-{index}", config.prefix)
}

fn identity(config: &LoadConfig, index: u64) -> Identity {
    // The prefix is new for each run: two runs on one server must not share a key.
    let key = Seed(config.seed).bytes16(&config.prefix, index);
    let [a, b, c, d, ..] = Seed(config.seed).bytes16("clock-offset", index);
    Identity {
        key: EidKey(key),
        clock_offset_s: u32::from_le_bytes([a, b, c, d]),
        rotation_exponent: ROTATION_EXPONENT,
    }
}

async fn order(
    api: &Api,
    config: &LoadConfig,
    store: &StoreId,
    customer: CustomerId,
    index: u64,
    sku: &str,
) -> Result<(), ApiError> {
    let body = json!({
        "external_id": format!("{}-o{index}", config.prefix), "store": store, "customer": customer,
        "lines": [{"sku": sku, "quantity": 1}], "state": "ready", "bay": "B1", "code": "7419",
    });
    api.post::<Nothing>("/v1/orders", &body).await.map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_add_up_and_differ_by_one_at_most() {
        let shares: Vec<u64> = (0..5).map(|number| share(52, 5, number)).collect();
        assert_eq!(shares, [11, 11, 10, 10, 10]);
    }
}
