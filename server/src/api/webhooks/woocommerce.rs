//! What WooCommerce writes.
//!
//! In: topic and body. Out: a [`Change`], or what is wrong with the body.
//! Pure. Invariant: of a person only the shop's id and her name go on from here.

use protocol::Sku;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::change::{Change, ShopLine, ShopOrder, Variant, names};
use crate::{
    api::wire::{Text, moment, plain, reason},
    money,
    store::{
        catalogue::{self, Item, ProductRow},
        sources::SourceRow,
    },
};

/// What means something here, as WooCommerce calls it.
pub(super) const TOPICS: [&str; 10] = [
    "order.created",
    "order.updated",
    "order.deleted",
    "order.restored",
    "customer.created",
    "customer.updated",
    "customer.deleted",
    "product.created",
    "product.updated",
    "product.restored",
];

/// Bytes of the first message at most: `webhook_id=` and a number.
const PING_LEN_MAX: usize = 40;

/// The first message to a new address: a form with a number, not signed.
pub(super) fn is_ping(content_type: &str, body: &[u8]) -> bool {
    let number = body.strip_prefix(b"webhook_id=");
    content_type.starts_with("application/x-www-form-urlencoded")
        && body.len() <= PING_LEN_MAX
        && number.is_some_and(|n| !n.is_empty() && n.iter().all(u8::is_ascii_digit))
}

/// Reads a message.
pub(super) fn read(topic: &str, body: &[u8], source: &SourceRow) -> Result<Change, String> {
    let body = std::str::from_utf8(body).map_err(|_| "the body is not UTF-8")?;
    let wire: Wire<'_> = serde_json::from_str(body).map_err(reason)?;
    let id = wire.id.as_ref().map(|text| text.0.as_ref());
    let id = id.filter(|id| (1..=100).contains(&id.len()));
    let id = id.ok_or("id: 1 to 100 bytes")?.to_owned();
    match topic {
        "order.deleted" => return Ok(Change::Gone { order: id }),
        "customer.deleted" => return Ok(Change::Erase { customer: id }),
        _ => {}
    }
    let modified = wire
        .date_modified_gmt
        .as_ref()
        .or(wire.date_created_gmt.as_ref());
    let version_ms = modified
        .and_then(|text| moment(&text.0))
        .ok_or("date_modified_gmt: not a time as ISO 8601 writes it");
    match topic {
        "order.created" | "order.updated" | "order.restored" => {
            order(&wire, id, version_ms?, source)
        }
        "customer.created" | "customer.updated" => Ok(Change::Customer {
            customer: id,
            given_name: name(&wire.first_name),
            family_name: name(&wire.last_name),
            version_ms: version_ms?,
        }),
        "product.created" | "product.updated" | "product.restored" => Ok(Change::Products {
            variants: variant(&wire, &id, source).into_iter().collect(),
            version_ms: version_ms?,
        }),
        "" => Err("X-WC-Webhook-Topic: say which".into()),
        _ => Ok(Change::Nothing),
    }
}

fn name(text: &Option<Text<'_>>) -> String {
    let text = text
        .as_ref()
        .map(|text| text.0.trim().chars().take(100).collect());
    text.unwrap_or_default()
}

/// The fields of all three that matter here.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Wire<'a> {
    #[serde(borrow)]
    id: Option<Text<'a>>,
    #[serde(borrow)]
    date_created_gmt: Option<Text<'a>>,
    #[serde(borrow)]
    date_modified_gmt: Option<Text<'a>>,
    // Of an order.
    #[serde(borrow)]
    number: Option<Text<'a>>,
    #[serde(borrow)]
    status: Option<Text<'a>>,
    #[serde(borrow)]
    currency: Option<Text<'a>>,
    #[serde(borrow)]
    customer_id: Option<Text<'a>>,
    #[serde(borrow)]
    total: Option<&'a RawValue>,
    #[serde(borrow)]
    line_items: Vec<Line<'a>>,
    #[serde(borrow)]
    shipping_lines: Vec<Shipping<'a>>,
    // Of a customer.
    #[serde(borrow)]
    first_name: Option<Text<'a>>,
    #[serde(borrow)]
    last_name: Option<Text<'a>>,
    // Of a product.
    #[serde(borrow)]
    name: Option<Text<'a>>,
    #[serde(borrow)]
    sku: Option<Text<'a>>,
    #[serde(borrow)]
    price: Option<&'a RawValue>,
    #[serde(borrow)]
    parent_id: Option<Text<'a>>,
    stock_quantity: Option<i64>,
    #[serde(borrow)]
    categories: Vec<Category<'a>>,
}

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    sku: Option<Text<'a>>,
    #[serde(borrow)]
    product_id: Option<Text<'a>>,
    #[serde(borrow)]
    name: Option<Text<'a>>,
    quantity: Option<u32>,
    #[serde(borrow)]
    price: Option<&'a RawValue>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Shipping<'a> {
    #[serde(borrow)]
    method_id: Option<Text<'a>>,
    #[serde(borrow)]
    method_title: Option<Text<'a>>,
    #[serde(borrow)]
    meta_data: Vec<Meta<'a>>,
}

#[derive(Deserialize)]
struct Meta<'a> {
    #[serde(borrow)]
    key: Option<Text<'a>>,
    // Of anything: plugins keep whole objects here.
    #[serde(borrow)]
    value: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Category<'a> {
    #[serde(borrow)]
    name: Option<Text<'a>>,
}

fn order(
    wire: &Wire<'_>,
    order: String,
    version_ms: u64,
    source: &SourceRow,
) -> Result<Change, String> {
    let status = wire.status.as_ref().ok_or("status: an order needs one")?;
    let is = |wanted: &[&str]| wanted.contains(&status.0.as_ref());
    let currency = wire.currency.as_ref();
    let currency = currency.map_or(source.currency.clone(), |text| text.0.clone().into_owned());
    let created = wire
        .date_created_gmt
        .as_ref()
        .and_then(|text| moment(&text.0));
    // A guest is customer 0.
    let customer = wire.customer_id.as_ref().filter(|text| text.0 != "0");
    let number = wire.number.as_ref().map(|text| text.0.clone().into_owned());
    Ok(Change::Order(Box::new(ShopOrder {
        number: number
            .filter(|n| !n.is_empty())
            .unwrap_or_else(|| order.clone()),
        order,
        customer: customer.map(|text| text.0.clone().into_owned()),
        at_ms: created.unwrap_or(version_ms),
        version_ms,
        ready: is(&["ready", "ready-for-pickup", "ready-pickup"]),
        completed: is(&["completed"]),
        cancelled: is(&["cancelled", "failed", "trash"]),
        refunded: is(&["refunded"]),
        pickup: pickup(&wire.shipping_lines),
        lines: wire
            .line_items
            .iter()
            .filter_map(|line| self::line(line, &currency))
            .collect(),
        total_minor: wire
            .total
            .and_then(|raw| money::minor(plain(raw), &currency)),
        currency,
    })))
}

fn line(line: &Line<'_>, currency: &str) -> Option<ShopLine> {
    let given = |text: &Option<Text<'_>>| text.as_ref()?.0.trim().parse::<Sku>().ok();
    let sku = given(&line.sku).map(Item::sku);
    Some(ShopLine {
        item: sku.or_else(|| given(&line.product_id).map(Item::product))?,
        name: line
            .name
            .as_ref()
            .map(|text| text.0.clone().into_owned())
            .unwrap_or_default(),
        quantity: line.quantity.unwrap_or(1),
        price_minor: line
            .price
            .and_then(|raw| money::minor(plain(raw), currency)),
    })
}

fn pickup(ways: &[Shipping<'_>]) -> Option<Vec<String>> {
    let is_pickup = |way: &&Shipping<'_>| {
        let method = way.method_id.as_ref().map(|text| text.0.as_ref());
        matches!(method, Some("local_pickup" | "pickup_location"))
    };
    let way = ways.iter().find(is_pickup)?;
    let place = way.meta_data.iter().filter(|meta| {
        let key = meta.key.as_ref().map(|text| text.0.as_ref());
        matches!(key, Some("pickup_location" | "_pickup_location"))
    });
    let place = place.filter_map(|meta| serde_json::from_str::<String>(meta.value?.get()).ok());
    let title = way
        .method_title
        .iter()
        .map(|text| text.0.clone().into_owned());
    Some(place.chain(title).collect())
}

fn variant(wire: &Wire<'_>, id: &str, source: &SourceRow) -> Option<Variant> {
    let parent = wire.parent_id.as_ref().filter(|text| text.0 != "0");
    let category = wire
        .categories
        .first()
        .and_then(|category| category.name.as_ref());
    let price = wire
        .price
        .and_then(|raw| money::minor(plain(raw), &source.currency));
    Some(Variant {
        row: ProductRow {
            // One without a SKU cannot be named by anybody; a product with variations has none.
            sku: wire.sku.as_ref()?.0.trim().parse().ok()?,
            name: names(&wire.name.as_ref()?.0),
            price_minor: price.unwrap_or(0),
            currency: source.currency.clone(),
            product: parent.map_or(id, |text| &text.0).parse().ok(),
            category: category.and_then(|text| catalogue::category(&text.0)),
            variant: None,
        },
        item: None,
        stock: wire
            .stock_quantity
            .map(|quantity| u32::try_from(quantity.max(0)).unwrap_or(0)),
    })
}
