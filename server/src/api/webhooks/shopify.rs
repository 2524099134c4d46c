//! What Shopify writes.
//!
//! In: topic and body. Out: a [`Change`], or what is wrong with the body.
//! Pure. Invariant: of a person only the shop's id and her name go on from here.

use axum::http::HeaderMap;
use protocol::Sku;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    change::{Change, ShopLine, ShopOrder, VARIANTS_MAX, Variant, names},
    text,
};
use crate::{
    api::wire::{Text, moment, plain, reason},
    money,
    store::{
        catalogue::{self, Item, ProductRow},
        sources::SourceRow,
    },
};

/// What means something here, as Shopify calls it.
pub(super) const TOPICS: [&str; 14] = [
    "orders/create",
    "orders/updated",
    "orders/cancelled",
    "orders/fulfilled",
    "carts/create",
    "carts/update",
    "customers/update",
    "products/create",
    "products/update",
    "inventory_levels/update",
    "fulfillment_orders/line_items_prepared_for_pickup",
    "customers/data_request",
    "customers/redact",
    "shop/redact",
];

/// Reads a message.
pub(super) fn read(
    topic: &str,
    headers: &HeaderMap,
    body: &[u8],
    source: &SourceRow,
) -> Result<Change, String> {
    let body = std::str::from_utf8(body).map_err(|_| "the body is not UTF-8")?;
    let triggered_ms = moment(text(headers, "x-shopify-triggered-at"));
    let version = |updated: &Option<Text<'_>>| {
        let updated = updated.as_ref().and_then(|text| moment(&text.0));
        let when = "updated_at: no time, and no X-Shopify-Triggered-At either";
        updated.or(triggered_ms).ok_or(when)
    };
    match topic {
        "orders/create" | "orders/updated" | "orders/cancelled" | "orders/fulfilled" => {
            let wire: Order<'_> = serde_json::from_str(body).map_err(reason)?;
            let version_ms = version(&wire.updated_at)?;
            order(&wire, version_ms, source)
        }
        "carts/create" | "carts/update" => {
            let wire: Cart<'_> = serde_json::from_str(body).map_err(reason)?;
            let cart = wire.token.as_ref().or(wire.id.as_ref());
            Ok(Change::Cart {
                cart: id("token", cart)?,
                customer: wire.customer.and_then(|c| Some(c.id?.0.into_owned())),
                items: wire.line_items.iter().filter_map(item).collect(),
                version_ms: version(&wire.updated_at)?,
            })
        }
        "customers/update" => {
            let wire: Customer<'_> = serde_json::from_str(body).map_err(reason)?;
            Ok(Change::Customer {
                customer: id("id", wire.id.as_ref())?,
                version_ms: version(&wire.updated_at)?,
                given_name: wire.first_name.as_ref().map(name).unwrap_or_default(),
                family_name: wire.last_name.as_ref().map(name).unwrap_or_default(),
            })
        }
        "products/update" | "products/create" => {
            let wire: Product<'_> = serde_json::from_str(body).map_err(reason)?;
            Ok(Change::Products {
                variants: variants(&wire, source)?,
                version_ms: version(&wire.updated_at)?,
            })
        }
        "inventory_levels/update" => {
            let wire: Level<'_> = serde_json::from_str(body).map_err(reason)?;
            Ok(Change::Stock {
                item: id("inventory_item_id", wire.inventory_item_id.as_ref())?,
                location: id("location_id", wire.location_id.as_ref())?,
                // Sold more than there was: none.
                quantity: wire.available.unwrap_or(0).max(0).try_into().unwrap_or(0),
                version_ms: version(&wire.updated_at)?,
            })
        }
        "fulfillment_orders/line_items_prepared_for_pickup" => {
            let wire: Prepared<'_> = serde_json::from_str(body).map_err(reason)?;
            let order = wire.fulfillment_order.order_id.or(wire.order_id);
            Ok(Change::Ready {
                order: last_number(&id("fulfillment_order.order_id", order.as_ref())?),
            })
        }
        "customers/redact" => {
            let wire: Request<'_> = serde_json::from_str(body).map_err(reason)?;
            let customer = wire.customer.and_then(|c| c.id);
            Ok(Change::Erase {
                customer: id("customer.id", customer.as_ref())?,
            })
        }
        "customers/data_request" => {
            let wire: Request<'_> = serde_json::from_str(body).map_err(reason)?;
            let request = wire.data_request.and_then(|r| r.id);
            let customer = wire.customer.and_then(|c| c.id);
            Ok(Change::Task {
                kind: "data_request",
                customer: Some(id("customer.id", customer.as_ref())?),
                request: request.map(|text| text.0.into_owned()),
            })
        }
        "shop/redact" => Ok(Change::Task {
            kind: "shop_redact",
            customer: None,
            request: None,
        }),
        "" => Err("X-Shopify-Topic: say which".into()),
        _ => Ok(Change::Nothing),
    }
}

fn id(name: &str, text: Option<&Text<'_>>) -> Result<String, String> {
    let text = text.map(|text| text.0.as_ref());
    let fits = text.filter(|text| (1..=100).contains(&text.len()));
    Ok(fits
        .ok_or_else(|| format!("{name}: 1 to 100 bytes"))?
        .to_owned())
}

fn name(text: &Text<'_>) -> String {
    text.0.trim().chars().take(100).collect()
}

/// `gid://shopify/Order/820982911946154508` and the bare number are the same.
fn last_number(id: &str) -> String {
    id.rsplit('/').next().unwrap_or(id).to_owned()
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Order<'a> {
    #[serde(borrow)]
    id: Option<Text<'a>>,
    #[serde(borrow)]
    name: Option<Text<'a>>,
    #[serde(borrow)]
    customer: Option<Person<'a>>,
    #[serde(borrow)]
    created_at: Option<Text<'a>>,
    #[serde(borrow)]
    updated_at: Option<Text<'a>>,
    #[serde(borrow)]
    cancelled_at: Option<Text<'a>>,
    #[serde(borrow)]
    fulfillment_status: Option<Text<'a>>,
    #[serde(borrow)]
    financial_status: Option<Text<'a>>,
    #[serde(borrow)]
    currency: Option<Text<'a>>,
    #[serde(borrow)]
    total_price: Option<&'a RawValue>,
    #[serde(borrow)]
    line_items: Vec<Line<'a>>,
    #[serde(borrow)]
    shipping_lines: Vec<Shipping<'a>>,
    #[serde(borrow)]
    note_attributes: Vec<Note<'a>>,
}

#[derive(Deserialize)]
struct Person<'a> {
    #[serde(borrow)]
    id: Option<Text<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Line<'a> {
    #[serde(borrow)]
    sku: Option<Text<'a>>,
    #[serde(borrow)]
    product_id: Option<Text<'a>>,
    #[serde(borrow)]
    title: Option<Text<'a>>,
    quantity: Option<u32>,
    #[serde(borrow)]
    price: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Shipping<'a> {
    #[serde(borrow)]
    code: Option<Text<'a>>,
    #[serde(borrow)]
    title: Option<Text<'a>>,
    #[serde(borrow)]
    delivery_category: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct Note<'a> {
    #[serde(borrow)]
    name: Option<Text<'a>>,
    #[serde(borrow)]
    value: Option<Text<'a>>,
}

fn order(wire: &Order<'_>, version_ms: u64, source: &SourceRow) -> Result<Change, String> {
    let is = |text: &Option<Text<'_>>, wanted: &[&str]| {
        text.as_ref()
            .is_some_and(|text| wanted.contains(&text.0.as_ref()))
    };
    let currency = wire.currency.as_ref();
    let currency = currency.map_or(source.currency.clone(), |text| text.0.clone().into_owned());
    let order = id("id", wire.id.as_ref())?;
    let number = wire
        .name
        .as_ref()
        .map(|text| text.0.trim_start_matches('#').to_owned());
    let at = wire.created_at.as_ref().and_then(|text| moment(&text.0));
    Ok(Change::Order(Box::new(ShopOrder {
        number: number
            .filter(|n| !n.is_empty())
            .unwrap_or_else(|| order.clone()),
        order,
        customer: wire
            .customer
            .as_ref()
            .and_then(|c| Some(c.id.as_ref()?.0.clone().into_owned())),
        at_ms: at.unwrap_or(version_ms),
        version_ms,
        ready: false,
        completed: is(&wire.fulfillment_status, &["fulfilled"]),
        cancelled: wire.cancelled_at.is_some(),
        refunded: is(&wire.financial_status, &["refunded", "partially_refunded"]),
        pickup: pickup(wire),
        lines: wire
            .line_items
            .iter()
            .filter_map(|line| self::line(line, &currency))
            .collect(),
        total_minor: wire
            .total_price
            .and_then(|raw| money::minor(plain(raw), &currency)),
        currency,
    })))
}

fn item(line: &Line<'_>) -> Option<Item> {
    let given = |text: &Option<Text<'_>>| text.as_ref()?.0.trim().parse::<Sku>().ok();
    let sku = given(&line.sku).map(Item::sku);
    sku.or_else(|| given(&line.product_id).map(Item::product))
}

fn line(line: &Line<'_>, currency: &str) -> Option<ShopLine> {
    Some(ShopLine {
        item: item(line)?,
        name: line
            .title
            .as_ref()
            .map(|text| text.0.clone().into_owned())
            .unwrap_or_default(),
        quantity: line.quantity.unwrap_or(1),
        price_minor: line
            .price
            .and_then(|raw| money::minor(plain(raw), currency)),
    })
}

/// Shopify says pickup in the way of delivery; apps for it say it in the order's notes.
fn pickup(wire: &Order<'_>) -> Option<Vec<String>> {
    let is_pickup = |text: &str| {
        let text = text.to_lowercase().replace(['_', '-', ' '], "");
        text == "pickup" || text == "localpickup"
    };
    let mut found = false;
    let mut names = Vec::new();
    for way in &wire.shipping_lines {
        let words = [&way.delivery_category, &way.code, &way.title];
        let words = words.into_iter().flatten();
        found |= words.clone().any(|word| is_pickup(&word.0));
        names.extend(words.map(|word| word.0.clone().into_owned()));
    }
    for note in &wire.note_attributes {
        let (Some(name), Some(value)) = (&note.name, &note.value) else {
            continue;
        };
        match name.0.as_ref() {
            "Checkout-Method" => found |= is_pickup(&value.0),
            "Pickup-Location-Id" => names.insert(0, value.0.clone().into_owned()),
            _ => {}
        }
    }
    found.then_some(names)
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Cart<'a> {
    #[serde(borrow)]
    id: Option<Text<'a>>,
    #[serde(borrow)]
    token: Option<Text<'a>>,
    #[serde(borrow)]
    customer: Option<Person<'a>>,
    #[serde(borrow)]
    updated_at: Option<Text<'a>>,
    #[serde(borrow)]
    line_items: Vec<Line<'a>>,
}

#[derive(Deserialize)]
struct Customer<'a> {
    #[serde(borrow)]
    id: Option<Text<'a>>,
    #[serde(borrow)]
    first_name: Option<Text<'a>>,
    #[serde(borrow)]
    last_name: Option<Text<'a>>,
    #[serde(borrow)]
    updated_at: Option<Text<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Product<'a> {
    #[serde(borrow)]
    id: Option<Text<'a>>,
    #[serde(borrow)]
    title: Option<Text<'a>>,
    #[serde(borrow)]
    product_type: Option<Text<'a>>,
    #[serde(borrow)]
    updated_at: Option<Text<'a>>,
    #[serde(borrow)]
    variants: Vec<WireVariant<'a>>,
}

#[derive(Deserialize)]
struct WireVariant<'a> {
    #[serde(borrow)]
    sku: Option<Text<'a>>,
    #[serde(borrow)]
    title: Option<Text<'a>>,
    #[serde(borrow)]
    price: Option<&'a RawValue>,
    #[serde(borrow)]
    inventory_item_id: Option<Text<'a>>,
}

fn variants(wire: &Product<'_>, source: &SourceRow) -> Result<Vec<Variant>, String> {
    if wire.variants.len() > VARIANTS_MAX {
        return Err(format!("variants: more than {VARIANTS_MAX}"));
    }
    let product = id("id", wire.id.as_ref())?;
    let title = wire.title.as_ref().ok_or("title: a product needs one")?;
    let category = wire.product_type.as_ref();
    let category = category.and_then(|text| catalogue::category(&text.0));
    let variant = |wire: &WireVariant<'_>| {
        let price = wire
            .price
            .and_then(|raw| money::minor(plain(raw), &source.currency));
        // The only variant of a product without any is called so.
        let variant = wire.title.as_ref().filter(|text| text.0 != "Default Title");
        Some(Variant {
            row: ProductRow {
                // One without a SKU cannot be named by anybody.
                sku: wire.sku.as_ref()?.0.trim().parse().ok()?,
                name: names(&title.0),
                price_minor: price.unwrap_or(0),
                currency: source.currency.clone(),
                product: product.parse().ok(),
                category: category.clone(),
                variant: variant.map(|text| text.0.chars().take(60).collect()),
            },
            item: wire
                .inventory_item_id
                .as_ref()
                .map(|text| text.0.clone().into_owned()),
            stock: None,
        })
    };
    Ok(wire.variants.iter().filter_map(variant).collect())
}

#[derive(Deserialize)]
struct Level<'a> {
    #[serde(borrow)]
    inventory_item_id: Option<Text<'a>>,
    #[serde(borrow)]
    location_id: Option<Text<'a>>,
    available: Option<i64>,
    #[serde(borrow)]
    updated_at: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct Prepared<'a> {
    #[serde(borrow)]
    fulfillment_order: Fulfilment<'a>,
    #[serde(borrow)]
    order_id: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct Fulfilment<'a> {
    #[serde(borrow)]
    order_id: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct Request<'a> {
    #[serde(borrow)]
    customer: Option<Person<'a>>,
    #[serde(borrow)]
    data_request: Option<Person<'a>>,
}
