//! Segment's e-commerce events, as far as they say something about a shopper and a product.
//!
//! In: one event as JSON. Out: what it means here, or why it means nothing.
//! Pure: time is an argument.
//! Invariant: of what an event holds only ids, kinds, times, prices and categories go on from here.

use protocol::Sku;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{
    api::wire::{Text, moment, plain, reason},
    money,
    store::{
        catalogue::{self, Item},
        intents::{Did, INTENT_AGE_MS_MAX},
        receipts::{LineRow, RECEIPT_LINES_MAX, State},
    },
};

/// Bytes of an id at most.
const ID_LEN_MAX: usize = 200;
/// Categories of one event at most.
const CATEGORIES_MAX: usize = 50;
/// A shop's clock may be ahead by this much.
const AHEAD_MS_MAX: u64 = 60_000;
/// Of prices whose event names no currency.
const USUAL_CURRENCY: &str = "EUR";

/// An event that says something.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Event {
    /// The shop's own id of a customer.
    pub(super) user: Option<String>,
    /// The browser's id.
    pub(super) anonymous: Option<String>,
    /// The event's own id.
    pub(super) message: Option<String>,
    /// When it was.
    pub(super) at_ms: u64,
    /// What it was.
    pub(super) deed: Deed,
}

/// What an event says.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Deed {
    /// The browser is the user's.
    Identify,
    /// Something was done with products, or a category was looked at.
    Browse {
        /// What.
        did: Did,
        /// With what, at which price.
        items: Vec<(Item, Option<u64>)>,
        /// What was looked at.
        categories: Vec<String>,
    },
    /// An article was read.
    Article {
        /// The shop's own id.
        article: String,
        /// What was in it; empty: what we know of the article.
        items: Vec<Item>,
        /// What it was about.
        categories: Vec<String>,
    },
    /// Something was bought, or that was taken back.
    Order {
        /// Which.
        state: State,
        /// The shop's own number.
        order: String,
        /// What.
        lines: Vec<LineRow>,
        /// In minor units.
        total_minor: Option<u64>,
        /// ISO 4217.
        currency: Option<String>,
    },
}

/// What comes of an event.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Read {
    /// It says something.
    Event(Box<Event>),
    /// Its name or type means nothing here, or it is too long ago.
    Ignored,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<Text<'a>>,
    #[serde(borrow)]
    event: Option<Text<'a>>,
    #[serde(borrow)]
    user_id: Option<Text<'a>>,
    #[serde(borrow)]
    anonymous_id: Option<Text<'a>>,
    #[serde(borrow)]
    message_id: Option<Text<'a>>,
    #[serde(borrow)]
    timestamp: Option<Text<'a>>,
    #[serde(borrow)]
    properties: Option<&'a RawValue>,
}

/// What stands in `properties`, read in two passes: `flatten` would read it into a map first.
struct Properties<'a> {
    item: Product<'a>,
    rest: Rest<'a>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Rest<'a> {
    #[serde(borrow)]
    products: Vec<Product<'a>>,
    #[serde(borrow)]
    categories: Vec<Text<'a>>,
    #[serde(borrow)]
    order_id: Option<Text<'a>>,
    #[serde(borrow)]
    article_id: Option<Text<'a>>,
    #[serde(borrow)]
    total: Option<&'a RawValue>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Product<'a> {
    #[serde(borrow)]
    sku: Option<Text<'a>>,
    #[serde(borrow)]
    product_id: Option<Text<'a>>,
    #[serde(borrow)]
    category: Option<Text<'a>>,
    #[serde(borrow)]
    price: Option<&'a RawValue>,
    #[serde(borrow)]
    quantity: Option<&'a RawValue>,
    #[serde(borrow)]
    currency: Option<Text<'a>>,
}

/// Reads one event; `kind` is the type that the route implies, `now_ms` the time of one without.
/// The error says in words what is wrong, without what stood there.
pub(super) fn read(json: &str, kind: Option<&str>, now_ms: u64) -> Result<Read, String> {
    let wire: Wire<'_> = serde_json::from_str(json).map_err(reason)?;
    let named = wire.kind.as_ref().map(|text| text.0.as_ref());
    match kind.or(named) {
        Some("track" | "identify") => {}
        Some(_) => return Ok(Read::Ignored),
        None => return Err("type: say track or identify".into()),
    }
    let identify = kind.or(named) == Some("identify");
    let user = id("userId", wire.user_id)?;
    let anonymous = id("anonymousId", wire.anonymous_id)?;
    if user.is_none() && anonymous.is_none() {
        return Err("neither userId nor anonymousId".into());
    }
    let message = id("messageId", wire.message_id)?;
    let at_ms = match &wire.timestamp {
        Some(text) => moment(&text.0).ok_or("timestamp: not a time as ISO 8601 writes it")?,
        None => now_ms,
    };
    if at_ms > now_ms.saturating_add(AHEAD_MS_MAX) {
        return Err("timestamp: lies in the future".into());
    }
    let deed = if identify {
        Deed::Identify
    } else {
        let name = wire.event.ok_or("event: a track call needs its name")?;
        let properties = wire.properties.map_or("{}", RawValue::get);
        match deed(&name.0, properties)? {
            Some(deed) if at_ms.saturating_add(INTENT_AGE_MS_MAX) > now_ms => deed,
            _ => return Ok(Read::Ignored),
        }
    };
    Ok(Read::Event(Box::new(Event {
        user,
        anonymous,
        message,
        at_ms,
        deed,
    })))
}

fn id(name: &str, text: Option<Text<'_>>) -> Result<Option<String>, String> {
    let Some(Text(text)) = text.filter(|text| !text.0.is_empty()) else {
        return Ok(None);
    };
    if text.len() > ID_LEN_MAX {
        return Err(format!("{name}: more than {ID_LEN_MAX} bytes"));
    }
    Ok(Some(text.into_owned()))
}

fn deed(name: &str, properties: &str) -> Result<Option<Deed>, String> {
    let did = match name {
        "Product Viewed" => Did::Viewed,
        "Product Added" | "Cart Viewed" | "Checkout Started" | "Wishlist Product Added to Cart" => {
            Did::Carted
        }
        "Product Removed" => Did::Uncarted,
        "Product Added to Wishlist" => Did::Wishlisted,
        "Product Removed from Wishlist" => Did::Unwishlisted,
        "Article Viewed" => return article(&parsed(properties)?).map(Some),
        "Order Completed" | "Order Updated" => {
            return order(State::Bought, &parsed(properties)?).map(Some);
        }
        "Order Cancelled" => return order(State::Cancelled, &parsed(properties)?).map(Some),
        "Order Refunded" => return order(State::Refunded, &parsed(properties)?).map(Some),
        "Product List Viewed" | "Products Searched" => {
            let properties = parsed(properties)?;
            let text = properties.item.category.as_ref();
            let category = text.and_then(|text| catalogue::category(&text.0));
            return Ok(Some(Deed::Browse {
                did: Did::Viewed,
                items: Vec::new(),
                categories: category.into_iter().collect(),
            }));
        }
        _ => return Ok(None),
    };
    let properties = parsed(properties)?;
    let of_many = matches!(name, "Cart Viewed" | "Checkout Started");
    let items = if of_many {
        let items = properties.rest.products.iter();
        items
            .map(|p| priced(p, &properties))
            .collect::<Result<_, _>>()?
    } else {
        vec![priced(&properties.item, &properties)?]
    };
    Ok(Some(Deed::Browse {
        did,
        items,
        categories: Vec::new(),
    }))
}

fn parsed(json: &str) -> Result<Properties<'_>, String> {
    let wrong = |error| format!("properties: {}", reason(error));
    let properties = Properties {
        item: serde_json::from_str(json).map_err(wrong)?,
        rest: serde_json::from_str(json).map_err(wrong)?,
    };
    if properties.rest.products.len() > RECEIPT_LINES_MAX {
        return Err(format!("products: more than {RECEIPT_LINES_MAX}"));
    }
    if properties.rest.categories.len() > CATEGORIES_MAX {
        return Err(format!("categories: more than {CATEGORIES_MAX}"));
    }
    Ok(properties)
}

/// A SKU, else a product of which the variant is not known.
fn item(product: &Product<'_>) -> Result<Item, String> {
    let given = |text: &Option<Text<'_>>| {
        let text = text.as_ref().map(|text| text.0.trim().to_owned());
        text.filter(|text| !text.is_empty())
    };
    let number = |name: &str, text: String| {
        let wrong = |_| format!("{name}: 1 to 64 printable ASCII characters without spaces");
        text.parse::<Sku>().map_err(wrong)
    };
    if let Some(sku) = given(&product.sku) {
        return Ok(Item::sku(number("sku", sku)?));
    }
    match given(&product.product_id) {
        Some(product) => Ok(Item::product(number("product_id", product)?)),
        None => Err("a product needs sku or product_id".into()),
    }
}

fn currency<'a>(product: &'a Product<'_>, properties: &'a Properties<'_>) -> &'a str {
    let own = product
        .currency
        .as_ref()
        .or(properties.item.currency.as_ref());
    own.map_or(USUAL_CURRENCY, |text| &text.0)
}

fn price(product: &Product<'_>, properties: &Properties<'_>) -> Option<u64> {
    let raw = product.price?;
    money::minor(plain(raw), currency(product, properties)).filter(|price| *price > 0)
}

fn priced(
    product: &Product<'_>,
    properties: &Properties<'_>,
) -> Result<(Item, Option<u64>), String> {
    Ok((item(product)?, price(product, properties)))
}

fn article(properties: &Properties<'_>) -> Result<Deed, String> {
    let article = properties
        .rest
        .article_id
        .as_ref()
        .map(|text| text.0.as_ref());
    let article = article.filter(|id| (1..=ID_LEN_MAX).contains(&id.len()));
    let categories = properties.rest.categories.iter();
    Ok(Deed::Article {
        article: article.ok_or("article_id: 1 to 200 bytes")?.to_owned(),
        items: properties
            .rest
            .products
            .iter()
            .map(item)
            .collect::<Result<_, _>>()?,
        categories: categories
            .filter_map(|text| catalogue::category(&text.0))
            .collect(),
    })
}

fn order(state: State, properties: &Properties<'_>) -> Result<Deed, String> {
    let order = properties
        .rest
        .order_id
        .as_ref()
        .map(|text| text.0.as_ref());
    let order = order.filter(|id| (1..=ID_LEN_MAX).contains(&id.len()));
    let line = |product: &Product<'_>| {
        let quantity = product.quantity.and_then(|raw| plain(raw).parse().ok());
        Ok::<_, String>(LineRow {
            item: item(product)?,
            quantity: quantity.unwrap_or(1),
            price_minor: price(product, properties),
        })
    };
    let unit = properties.item.currency.as_ref();
    let unit = unit
        .map(|text| text.0.as_ref())
        .filter(|unit| unit.len() == 3);
    let total = properties.rest.total;
    Ok(Deed::Order {
        state,
        order: order.ok_or("order_id: 1 to 200 bytes")?.to_owned(),
        lines: properties
            .rest
            .products
            .iter()
            .map(line)
            .collect::<Result<_, _>>()?,
        total_minor: total.and_then(|raw| money::minor(plain(raw), unit.unwrap_or(USUAL_CURRENCY))),
        currency: unit.map(str::to_owned),
    })
}

#[cfg(test)]
mod tests;
