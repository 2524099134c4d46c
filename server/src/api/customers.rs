//! Customers, their devices' enrolment, and what they did online: as the shop tells it.

use axum::{Json, extract::State, http::StatusCode};
use garde::Validate;
use protocol::{CustomerId, DeviceId, EidKey, RadioId, Sku, StoreId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    App,
    access::ShopKey,
    problem::{At, Body, Problem, Query},
};
use crate::{
    clock,
    pipeline::Txn,
    secret,
    store::{
        StoreError, access,
        catalogue::Item,
        intents::{self, Did, Pen, Who},
        people::{self, ConsentEntry, CustomerRow, DeviceRow, PURPOSES, RadioRow},
        receipts::{self, LineRow, ReceiptRow, State as ReceiptState},
    },
};

/// Bytes of an import at most: a thousand customers with devices take about 400 KiB.
pub const IMPORT_LEN_MAX: usize = 2 * 1024 * 1024;
/// An enrolment code is good for a day.
const ENROLMENT_MS: u64 = 86_400_000;
/// A link to the shopper's page is good for a day, once.
const PAGE_LINK_MS: u64 = 86_400_000;

/// A customer.
#[derive(Debug, Clone, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CustomerBody {
    /// The shop's own id.
    #[garde(length(min = 1, max = 100))]
    external_id: String,
    /// First name.
    #[garde(length(min = 1, max = 100))]
    given_name: String,
    /// Last name.
    #[garde(length(min = 1, max = 100))]
    family_name: String,
    /// `mevrouw`, `de heer`, or none: then the full name is used.
    #[garde(inner(custom(known_salutation)))]
    salutation: Option<String>,
    /// `nl` or `en`.
    #[garde(custom(known_language))]
    language: String,
}

fn known_salutation(text: &str, _: &()) -> garde::Result {
    match text {
        "mevrouw" | "de heer" => Ok(()),
        _ => Err(garde::Error::new("mevrouw, de heer, or null")),
    }
}

fn known_language(text: &str, _: &()) -> garde::Result {
    match text {
        "nl" | "en" => Ok(()),
        _ => Err(garde::Error::new("nl or en")),
    }
}

impl CustomerBody {
    fn row(&self, customer: CustomerId) -> CustomerRow {
        CustomerRow {
            customer,
            external_id: self.external_id.clone(),
            given_name: self.given_name.clone(),
            family_name: self.family_name.clone(),
            salutation: self.salutation.clone(),
            language: self.language.clone(),
        }
    }
}

/// Her id.
#[derive(Debug, Serialize, ToSchema)]
pub struct CustomerMade {
    #[schema(value_type = String)]
    customer: CustomerId,
}

/// Makes a customer; the same external id again gives the same customer.
#[utoipa::path(post, path = "/v1/customers", tag = "shop", request_body = CustomerBody,
    responses((status = 201, body = CustomerMade), (status = "default", body = Problem)))]
pub(super) async fn post_customer(
    _: ShopKey,
    State(app): State<App>,
    Body(body): Body<CustomerBody>,
) -> Result<(StatusCode, Json<CustomerMade>), Problem> {
    let (customer, made) = app
        .pipeline
        .write(move |txn| {
            let id = super::fresh(CustomerId::at, txn.now_ms)?;
            people::put_customer(txn.db, txn.now_ms, &body.row(id))
        })
        .await?;
    let status = if made {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    Ok((status, Json(CustomerMade { customer })))
}

/// A customer, as the shop gave her.
#[derive(Debug, Serialize, ToSchema)]
pub struct CustomerView {
    #[schema(value_type = String)]
    customer: CustomerId,
    external_id: String,
    given_name: String,
    family_name: String,
    salutation: Option<String>,
    language: String,
}

/// One customer.
#[utoipa::path(get, path = "/v1/customers/{customer}", tag = "shop",
    params(("customer" = String, Path)),
    responses((status = 200, body = CustomerView), (status = "default", body = Problem)))]
pub(super) async fn get_customer(
    _: ShopKey,
    State(app): State<App>,
    At(customer): At<CustomerId>,
) -> Result<Json<CustomerView>, Problem> {
    let row = app
        .readers
        .read(move |db| people::customer(db, customer))
        .await?;
    Ok(Json(CustomerView {
        customer,
        external_id: row.external_id,
        given_name: row.given_name,
        family_name: row.family_name,
        salutation: row.salutation,
        language: row.language,
    }))
}

/// Which customer.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct FindQuery {
    /// The shop's own id of her.
    external_id: String,
}

/// Finds a customer by the shop's own id.
#[utoipa::path(get, path = "/v1/customers", tag = "shop", params(FindQuery),
    responses((status = 200, body = CustomerMade), (status = "default", body = Problem)))]
pub(super) async fn find_customer(
    _: ShopKey,
    State(app): State<App>,
    Query(query): Query<FindQuery>,
) -> Result<Json<CustomerMade>, Problem> {
    let found = app
        .readers
        .read(move |db| people::by_external_id(db, &query.external_id))
        .await?;
    let customer = found.ok_or(StoreError::NotFound("customer"))?;
    Ok(Json(CustomerMade { customer }))
}

/// Erases a customer: rows, log entries, snapshots and identities.
#[utoipa::path(delete, path = "/v1/customers/{customer}", tag = "shop",
    params(("customer" = String, Path)),
    responses((status = 204), (status = "default", body = Problem)))]
pub(super) async fn delete_customer(
    _: ShopKey,
    State(app): State<App>,
    At(customer): At<CustomerId>,
) -> Result<StatusCode, Problem> {
    erase(&app, customer).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Erases a customer, whoever asks for it: the shop, or she herself on her page.
pub(crate) async fn erase(app: &App, customer: CustomerId) -> Result<(), StoreError> {
    app.pipeline
        .write(move |txn| {
            people::customer(txn.db, customer)?;
            txn.erase(customer)
        })
        .await
}

/// A one-time code for her phone.
#[derive(Debug, Serialize, ToSchema)]
pub struct Enrolment {
    code: String,
    expires_ms: u64,
}

/// Makes a code with which the customer's app enrols itself, once.
#[utoipa::path(post, path = "/v1/customers/{customer}/enrolments", tag = "shop",
    params(("customer" = String, Path)),
    responses((status = 201, body = Enrolment), (status = "default", body = Problem)))]
pub(super) async fn post_enrolment(
    _: ShopKey,
    State(app): State<App>,
    At(customer): At<CustomerId>,
) -> Result<(StatusCode, Json<Enrolment>), Problem> {
    let code = secret::one_time_code()?.to_string();
    let (hash, expires_ms) = (secret::sha256(&code), clock::now_ms() + ENROLMENT_MS);
    app.pipeline
        .write(move |txn| people::add_enrolment(txn.db, customer, &hash, expires_ms))
        .await?;
    Ok((StatusCode::CREATED, Json(Enrolment { code, expires_ms })))
}

/// A link to her own page.
#[derive(Debug, Serialize, ToSchema)]
pub struct PageLink {
    /// To be put behind the server's address.
    path: String,
    expires_ms: u64,
}

/// Makes a link that opens the customer's own page, once; the app or a mail hands it to her.
#[utoipa::path(post, path = "/v1/customers/{customer}/page-links", tag = "shop",
    params(("customer" = String, Path)),
    responses((status = 201, body = PageLink), (status = "default", body = Problem)))]
pub(super) async fn post_page_link(
    _: ShopKey,
    State(app): State<App>,
    At(customer): At<CustomerId>,
) -> Result<(StatusCode, Json<PageLink>), Problem> {
    let token = secret::token("wl_")?;
    let (hash, expires_ms) = (secret::sha256(&token), clock::now_ms() + PAGE_LINK_MS);
    app.pipeline
        .write(move |txn| access::add_page_link(txn.db, customer, &hash, expires_ms))
        .await?;
    Ok((
        StatusCode::CREATED,
        Json(PageLink {
            path: format!("/hallo/{token}"),
            expires_ms,
        }),
    ))
}

/// One thing that a shopper did online.
#[derive(Debug, Clone, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IntentBody {
    /// `viewed`, `wishlisted`, `unwishlisted`, `carted`, `uncarted`, `ordered` or `read`.
    #[schema(value_type = String)]
    #[garde(skip)]
    kind: Did,
    /// With which product.
    #[schema(value_type = String)]
    #[garde(skip)]
    sku: Sku,
    /// When.
    #[garde(skip)]
    at_ms: u64,
    /// Of a wish: the price at that time, in the currency's minor unit; if it is not said, what the
    /// product costs now.
    #[garde(inner(range(max = 1_000_000_000)))]
    price_minor: Option<u64>,
}

/// Clocks of shops may run ahead by this much.
const AHEAD_MAX_MS: u64 = 60_000;

fn happened(at_ms: u64) -> Result<(), Problem> {
    match at_ms > clock::now_ms() + AHEAD_MAX_MS {
        true => Err(Problem::invalid("at_ms: lies in the future")),
        false => Ok(()),
    }
}

/// Records one thing that a shopper did online. Without her consent to its use it is not kept.
#[utoipa::path(post, path = "/v1/customers/{customer}/intents", tag = "shop",
    request_body = IntentBody, params(("customer" = String, Path)),
    responses((status = 201), (status = 202, description = "not kept: no consent"),
              (status = "default", body = Problem)))]
pub(super) async fn post_intent(
    _: ShopKey,
    State(app): State<App>,
    At(customer): At<CustomerId>,
    Body(body): Body<IntentBody>,
) -> Result<StatusCode, Problem> {
    happened(body.at_ms)?;
    let kept = app
        .pipeline
        .write(move |txn| {
            people::customer(txn.db, customer)?;
            // What she bought is part of her order; the rest needs her yes.
            let since = people::consent_since(txn.db, customer)?;
            if !people::switches(&since).browsing {
                return Ok(false);
            }
            let item = Item::sku(body.sku.clone());
            let who = Who::Customer(customer);
            Pen::new(txn.db, txn.now_ms)?.did(
                who,
                &item,
                body.kind,
                body.at_ms,
                body.price_minor,
            )?;
            intents::trim(txn.db, customer, txn.now_ms)?;
            Ok(true)
        })
        .await?;
    Ok(if kept {
        StatusCode::CREATED
    } else {
        StatusCode::ACCEPTED
    })
}

/// What a customer bought.
#[derive(Debug, Clone, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReceiptBody {
    /// The shop's own number.
    #[garde(length(min = 1, max = 100))]
    receipt: String,
    /// Where; none: online.
    #[schema(value_type = Option<String>)]
    #[garde(skip)]
    store: Option<StoreId>,
    /// When.
    #[garde(skip)]
    at_ms: u64,
    /// What she paid, in the currency's minor unit.
    #[garde(inner(range(max = 1_000_000_000_000)))]
    total_minor: Option<u64>,
    /// ISO 4217.
    #[garde(length(equal = 3), ascii)]
    currency: String,
    /// What is in it.
    #[garde(length(max = receipts::RECEIPT_LINES_MAX), dive)]
    lines: Vec<ReceiptLine>,
}

/// One line of a receipt.
#[derive(Debug, Clone, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReceiptLine {
    /// The product.
    #[schema(value_type = String)]
    #[garde(skip)]
    sku: Sku,
    /// Pieces.
    #[garde(range(min = 1, max = 10_000))]
    quantity: u32,
    /// Of one piece, in the currency's minor unit.
    #[garde(inner(range(max = 1_000_000_000)))]
    price_minor: Option<u64>,
}

/// Records what a customer bought. It is kept with her consent to browsing or to statistics; for a
/// member of the loyalty programme it counts.
#[utoipa::path(post, path = "/v1/customers/{customer}/receipts", tag = "shop",
    request_body = ReceiptBody, params(("customer" = String, Path)),
    responses((status = 201), (status = 202, description = "not kept: no consent"),
              (status = "default", body = Problem)))]
pub(super) async fn post_receipt(
    _: ShopKey,
    State(app): State<App>,
    At(customer): At<CustomerId>,
    Body(body): Body<ReceiptBody>,
) -> Result<StatusCode, Problem> {
    happened(body.at_ms)?;
    let line = |line: ReceiptLine| LineRow {
        item: Item::sku(line.sku),
        quantity: line.quantity,
        price_minor: line.price_minor,
    };
    let row = ReceiptRow {
        receipt: format!("shop/{}", body.receipt),
        customer,
        store: body.store,
        at_ms: Some(body.at_ms),
        total_minor: body.total_minor,
        currency: Some(body.currency),
        state: ReceiptState::Bought,
        lines: body.lines.into_iter().map(line).collect(),
    };
    let kept = app
        .pipeline
        .write(move |txn| {
            people::customer(txn.db, customer)?;
            if let Some(store) = &row.store {
                crate::store::shop::store(txn.db, store)?;
            }
            let consent = txn.switches(customer)?;
            let at_ms = row.at_ms.unwrap_or(txn.now_ms);
            receipts::put(txn.db, txn.now_ms, &row, at_ms, consent)?;
            intents::trim(txn.db, customer, txn.now_ms)?;
            Ok(consent.browsing || consent.statistics)
        })
        .await?;
    Ok(if kept {
        StatusCode::CREATED
    } else {
        StatusCode::ACCEPTED
    })
}

/// Customers of another system, with the devices and switches that they had there.
#[derive(Debug, Clone, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ImportBody {
    /// At most 1,000.
    #[garde(length(max = 1_000), dive)]
    customers: Vec<ImportCustomer>,
}

/// One of them.
#[derive(Debug, Clone, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ImportCustomer {
    /// Who.
    #[garde(dive)]
    customer: CustomerBody,
    /// The switches that she set there.
    #[garde(skip)]
    consent: Option<ImportConsent>,
    /// The device that she has.
    #[garde(dive)]
    device: Option<ImportDevice>,
}

/// Switches.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ImportConsent {
    arrival: bool,
    messages: bool,
    browsing: bool,
    statistics: bool,
}

/// A fob, or a phone that keeps its key.
#[derive(Debug, Clone, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ImportDevice {
    /// 32 hexadecimal digits.
    #[garde(length(equal = 32))]
    eid_key_hex: String,
    /// Added to Unix time.
    #[garde(skip)]
    clock_offset_s: u32,
}

/// Whom and what an import made.
#[derive(Debug, Serialize, ToSchema)]
pub struct ImportMade {
    customers: Vec<ImportedIds>,
}

/// The ids of one customer.
#[derive(Debug, Serialize, ToSchema)]
pub struct ImportedIds {
    #[schema(value_type = String)]
    customer: CustomerId,
    #[schema(value_type = Option<String>)]
    device: Option<DeviceId>,
    #[schema(value_type = Option<String>)]
    radio: Option<RadioId>,
}

/// Takes over customers from another system, up to 1,000 in one transaction. A customer who is
/// known keeps what she has.
#[utoipa::path(post, path = "/v1/customers/import", tag = "shop", request_body = ImportBody,
    responses((status = 201, body = ImportMade), (status = "default", body = Problem)))]
pub(super) async fn import(
    _: ShopKey,
    State(app): State<App>,
    Body(body): Body<ImportBody>,
) -> Result<(StatusCode, Json<ImportMade>), Problem> {
    let mut entries = Vec::with_capacity(body.customers.len());
    for entry in body.customers {
        let key = entry
            .device
            .as_ref()
            .map(|d| eid_key(&d.eid_key_hex))
            .transpose()?;
        entries.push((entry, key));
    }
    let customers = app
        .pipeline
        .write(move |txn| {
            let mut radios = Vec::new();
            let ids = entries
                .iter()
                .map(|(entry, key)| import_one(txn, entry, *key, &mut radios))
                .collect::<Result<Vec<_>, _>>()?;
            txn.radios_changed(radios);
            Ok(ids)
        })
        .await?;
    Ok((StatusCode::CREATED, Json(ImportMade { customers })))
}

fn eid_key(text: &str) -> Result<EidKey, Problem> {
    let mut key = [0; 16];
    hex::decode_to_slice(text, &mut key)
        .map_err(|_| Problem::invalid("eid_key_hex: 32 hexadecimal digits"))?;
    Ok(EidKey(key))
}

fn import_one(
    txn: &mut Txn<'_>,
    entry: &ImportCustomer,
    key: Option<EidKey>,
    radios: &mut Vec<RadioRow>,
) -> Result<ImportedIds, StoreError> {
    let (db, now_ms) = (txn.db, txn.now_ms);
    let row = entry.customer.row(super::fresh(CustomerId::at, now_ms)?);
    let (customer, made) = people::put_customer(db, now_ms, &row)?;
    if !made {
        return Ok(ImportedIds {
            customer,
            device: None,
            radio: None,
        });
    }
    if let Some(ImportConsent {
        arrival,
        messages,
        browsing,
        statistics,
    }) = entry.consent
    {
        let granted = [arrival, messages, browsing, statistics];
        for (purpose, _) in PURPOSES.into_iter().zip(granted).filter(|(_, yes)| *yes) {
            let language = entry.customer.language.clone();
            let text_version = "import".to_owned();
            let entry = ConsentEntry {
                purpose,
                granted: true,
                text_version,
                language,
                source: "import",
            };
            people::record_consent(db, now_ms, customer, &entry)?;
        }
    }
    let (Some(device), Some(key)) = (&entry.device, key) else {
        return Ok(ImportedIds {
            customer,
            device: None,
            radio: None,
        });
    };
    let id = super::fresh(DeviceId::at, now_ms)?;
    let row = DeviceRow {
        device: id,
        customer,
        signing_key: None,
    };
    people::add_device(db, now_ms, &row, "fob", None)?;
    let radio = RadioRow {
        radio: super::fresh(RadioId::at, now_ms)?,
        device: id,
        customer,
        key,
        clock_offset_s: device.clock_offset_s,
        valid_from_ms: now_ms,
        valid_to_ms: None,
    };
    people::add_radio(db, &radio)?;
    let made = ImportedIds {
        customer,
        device: Some(id),
        radio: Some(radio.radio),
    };
    radios.push(radio);
    txn.get_to_know(customer)?;
    Ok(made)
}
