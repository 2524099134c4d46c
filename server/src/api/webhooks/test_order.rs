//! A test order: a message such as the shop would send, through the same hands, that leaves nothing
//! behind.
//!
//! In: a source, and what the shop shows of itself if that is to be compared. Out: what a real
//! order would have done, step by step.
//! It is signed, checked, read and written as any message is; the transaction in which it was
//! written is taken back. Its customer is made up, and goes with it.
//! Invariant: no row, count, live signal or log entry is left of it.

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, HeaderName, HeaderValue},
};
use garde::Validate;
use protocol::{CustomerId, Sku};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::{Change, is_signed, read, seen, settle, signature, text, wire};
use crate::{
    api::{
        App,
        access::AdminKey,
        fresh,
        problem::{At, Body, Problem},
    },
    clock, localtime,
    pipeline::Txn,
    store::{
        StoreError, catalogue,
        orders::{self, OrderRow},
        people::{self, CustomerRow},
        shop,
        sources::{self, Kind, Setup},
    },
    web::i18n::{Lang, Texts},
};

/// A product that nobody sells: what an order names if the catalogue is empty.
const NO_PRODUCT: &str = "WELKOM-TEST";

/// What is to be tried.
#[derive(Debug, Clone, Default, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct TestBody {
    /// The secret as the shop shows it, to see whether the source has the same; the source's own
    /// if it is not said.
    #[garde(inner(length(min = 1, max = 200)))]
    secret: Option<String>,
    /// What the shop calls the place of pickup; the first that the source knows if it is not said.
    #[garde(inner(length(min = 1, max = 100)))]
    location: Option<String>,
    /// What is ordered; the first product of the catalogue if it is not said.
    #[garde(inner(length(min = 1, max = 100)))]
    sku: Option<String>,
}

impl TestBody {
    /// What was typed into a form: empty is not said.
    pub(crate) fn typed(secret: &str, location: &str, sku: &str) -> Self {
        let typed = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        Self {
            secret: typed(secret),
            location: typed(location),
            sku: typed(sku),
        }
    }
}

/// How a step went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    /// As it should.
    Right,
    /// It works, but look whether it is meant so.
    Look,
    /// A real order would fail here.
    Wrong,
}

/// One step of a message through the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    /// Which step, and how it went: the key of its words.
    pub(crate) code: &'static str,
    pub(crate) verdict: Verdict,
    /// A name in those words.
    pub(crate) value: String,
}

impl Step {
    fn new(code: &'static str, verdict: Verdict, value: impl Into<String>) -> Self {
        let value = value.into();
        Self {
            code,
            verdict,
            value,
        }
    }

    /// What was found.
    pub(crate) fn said(&self, texts: &Texts) -> String {
        texts.with(&format!("test-order-{}", self.code), "value", &self.value)
    }

    /// What to do about it; none: nothing.
    pub(crate) fn next(&self, texts: &Texts) -> Option<String> {
        let key = format!("test-order-{}-next", self.code);
        (self.verdict != Verdict::Right).then(|| texts.with(&key, "value", &self.value))
    }
}

/// What a test order came to.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TestView {
    /// A real order would have been taken.
    right: bool,
    steps: Vec<StepView>,
    /// The order as it was sent.
    #[schema(value_type = Object)]
    body: Value,
}

/// One step.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StepView {
    /// Such as `signature-right`, `store-none`, `order-made`.
    step: &'static str,
    verdict: Verdict,
    /// In a sentence.
    said: String,
    /// What to do about it.
    next: Option<String>,
}

/// Sends a test order through the source, which leaves nothing behind: what a real one would do.
#[utoipa::path(post, path = "/v1/sources/{source}/test", tag = "data in", request_body = TestBody,
    params(("source" = String, Path)),
    responses((status = 200, body = TestView), (status = "default", body = Problem)))]
pub(in crate::api) async fn test_source(
    _: AdminKey,
    State(app): State<App>,
    At(source): At<String>,
    Body(body): Body<TestBody>,
) -> Result<Json<TestView>, Problem> {
    let (steps, body) = send(&app, source, body).await?;
    let texts = Texts::new(Lang::En, localtime::zone("UTC"));
    let view = |step: &Step| StepView {
        step: step.code,
        verdict: step.verdict,
        said: step.said(&texts),
        next: step.next(&texts),
    };
    Ok(Json(TestView {
        right: steps.iter().all(|step| step.verdict != Verdict::Wrong),
        steps: steps.iter().map(view).collect(),
        body,
    }))
}

/// Sends a test order: the steps, and what was sent.
pub(crate) async fn send(
    app: &App,
    source: String,
    asked: TestBody,
) -> Result<(Vec<Step>, Value), Problem> {
    let now_ms = clock::now_ms();
    let read_setup = app.readers.read(move |db| {
        let setup = sources::setup(db, &source)?;
        let first = catalogue::first_sku(db)?;
        Ok((setup, first))
    });
    let (setup, first) = read_setup.await?;
    let location = asked
        .location
        .or_else(|| setup.locations.keys().next().cloned());
    let location = location.unwrap_or_else(|| "Welkom".to_owned());
    let first = first.map(|sku: Sku| sku.as_str().to_owned());
    let sku = asked.sku.or(first).unwrap_or_else(|| NO_PRODUCT.to_owned());
    let (topic, body) = order(&setup, now_ms, &location, &sku);
    let bytes = body.to_string().into_bytes();
    let secret = asked.secret.as_ref().unwrap_or(&setup.row.secret);
    let headers = headers(setup.row.kind, topic, &signature(secret, &bytes))?;
    let steps = pass(app, setup, location, headers, bytes, now_ms).await?;
    Ok((steps, body))
}

fn headers(kind: Kind, topic: &str, signature: &str) -> Result<HeaderMap, Problem> {
    let wire = wire(kind);
    let mut headers = HeaderMap::new();
    for (name, value) in [(wire.signature, signature), (wire.topic, topic)] {
        let value = HeaderValue::from_str(value).map_err(|_| Problem::internal())?;
        headers.insert(HeaderName::from_static(name), value);
    }
    Ok(headers)
}

/// An order to be collected, as the shop's own pages document it; marked as a test in the shop's way.
fn order(setup: &Setup, now_ms: u64, location: &str, sku: &str) -> (&'static str, Value) {
    let currency = &setup.row.currency;
    let at = localtime::rfc3339(now_ms);
    match setup.row.kind {
        // https://shopify.dev/docs/api/admin-rest/latest/resources/order
        Kind::Shopify => {
            let body = json!({
                "id": now_ms, "admin_graphql_api_id": format!("gid://shopify/Order/{now_ms}"),
                "name": format!("#TEST-{now_ms}"), "test": true, "currency": currency,
                "created_at": at, "updated_at": at, "cancelled_at": null,
                "financial_status": "paid", "fulfillment_status": null, "total_price": "1.00",
                "customer": {"id": now_ms, "first_name": "Welkom", "last_name": "Test"},
                "line_items": [{"id": 1, "sku": sku, "title": sku, "quantity": 1, "price": "1.00"}],
                "shipping_lines": [{"code": location, "title": location,
                                    "delivery_category": "pick_up", "price": "0.00"}],
                "note_attributes": [],
            });
            ("orders/create", body)
        }
        // https://woocommerce.github.io/woocommerce-rest-api-docs/#order-properties
        Kind::Woocommerce => {
            let at = at.trim_end_matches('Z');
            let body = json!({
                "id": now_ms, "number": format!("TEST-{now_ms}"), "status": "processing",
                "currency": currency, "date_created_gmt": at, "date_modified_gmt": at,
                "customer_id": now_ms, "total": "1.00",
                "line_items": [{"id": 1, "name": sku, "sku": sku, "quantity": 1, "price": 1}],
                "shipping_lines": [{"method_id": "pickup_location", "method_title": location,
                    "meta_data": [{"key": "pickup_location", "value": location}]}],
                "meta_data": [{"key": "welkom_test", "value": "yes"}],
            });
            ("order.created", body)
        }
    }
}

/// The way of any message: its signature, its words, what it changes; then all is taken back.
async fn pass(
    app: &App,
    setup: Setup,
    location: String,
    headers: HeaderMap,
    body: Vec<u8>,
    now_ms: u64,
) -> Result<Vec<Step>, Problem> {
    let row = setup.row.clone();
    if !is_signed(&row.secret, &body, text(&headers, wire(row.kind).signature)) {
        return Ok(vec![Step::new(
            "signature-wrong",
            Verdict::Wrong,
            row.source,
        )]);
    }
    let mut steps = vec![Step::new("signature-right", Verdict::Right, "")];
    let change = match read(&row, &headers, &body) {
        Ok(change) => change,
        Err(reason) => {
            steps.push(Step::new("unreadable", Verdict::Wrong, reason));
            return Ok(steps);
        }
    };
    steps.push(Step::new(
        "read",
        Verdict::Right,
        text(&headers, wire(row.kind).topic),
    ));
    let seen = seen(&row, &headers, &body, &change);
    let applied = app.pipeline.try_out(move |txn| {
        let customer = make_up(txn, now_ms)?;
        let mut found = foresee(txn, &setup, &location, &change)?;
        settle(txn, &setup.row, &seen, &change)?;
        found.push(made(txn, customer)?);
        Ok(found)
    });
    steps.extend(applied.await?);
    Ok(steps)
}

/// Nobody becomes a customer by a webhook, so that the order needs one who is there.
fn make_up(txn: &Txn<'_>, now_ms: u64) -> Result<CustomerId, StoreError> {
    let row = CustomerRow {
        customer: fresh(CustomerId::at, txn.now_ms)?,
        external_id: now_ms.to_string(),
        given_name: "Welkom".into(),
        family_name: "Test".into(),
        salutation: None,
        language: "nl".into(),
    };
    Ok(people::put_customer(txn.db, txn.now_ms, &row)?.0)
}

/// Store and products, as they are before the order.
fn foresee(
    txn: &Txn<'_>,
    setup: &Setup,
    location: &str,
    change: &Change,
) -> Result<Vec<Step>, StoreError> {
    let Change::Order(order) = change else {
        return Ok(vec![Step::new("no-order", Verdict::Wrong, "")]);
    };
    let names = order.pickup.clone().unwrap_or_default();
    let store = super::change::pickup_store(txn, &setup.row, &names)?;
    let known = names.iter().any(|name| setup.locations.contains_key(name));
    let store_step = match store {
        None => Step::new("store-none", Verdict::Wrong, location),
        Some(store) => {
            let name = shop::store(txn.db, &store)?.name;
            match (known, setup.locations.is_empty()) {
                (true, _) => Step::new("store-named", Verdict::Right, name),
                (false, true) => Step::new("store-own", Verdict::Right, name),
                (false, false) => Step::new("store-unknown", Verdict::Look, location),
            }
        }
    };
    let mut steps = vec![store_step, Step::new("customer", Verdict::Right, "")];
    for line in &order.lines {
        let sku = &line.item.sku;
        steps.push(match catalogue::find_product(txn.db, sku)? {
            Some(row) => Step::new("product-known", Verdict::Right, row.name.nl),
            None => Step::new("product-new", Verdict::Look, sku.as_str()),
        });
    }
    Ok(steps)
}

/// The order that was made, if one was.
fn made(txn: &Txn<'_>, customer: CustomerId) -> Result<Step, StoreError> {
    let order = orders::open_orders(txn.db, customer, None)?
        .into_iter()
        .next();
    let Some(OrderRow {
        external_id, store, ..
    }) = order
    else {
        return Ok(Step::new("order-none", Verdict::Wrong, ""));
    };
    let name = shop::store(txn.db, &store)?.name;
    let value = format!("{external_id}, {name}");
    Ok(Step::new("order-made", Verdict::Right, value))
}

#[cfg(test)]
mod tests;
