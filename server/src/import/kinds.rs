//! What a line of each kind asks the server for.
//!
//! In: named fields. Out: one request.
//! Pure. Invariant: a line that the server would refuse for its form is refused here already, with
//! the column.

use clap::ValueEnum;
use reqwest::Method;
use serde_json::{Map, Value, json};

use super::fields::{Line, Wrong};

/// Of amounts that name no currency.
const USUAL_CURRENCY: &str = "EUR";
/// Lines of an order or a receipt at most.
const LINES_MAX: usize = 200;

/// What stands in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// sku, name (or name_nl and name_en), price, currency, product, category, variant, updated_at.
    Products,
    /// store, sku, quantity, updated_at.
    Stock,
    /// store, sku or category, zone, shelf.
    Placement,
    /// external_id, given_name, family_name, salutation, language, consent (words: arrival
    /// messages browsing statistics).
    Customers,
    /// customer (her external id), sku, at, price, currency.
    Wishlists,
    /// order (the shop's number), customer, store, state, code, bay, lines (sku:pieces ...).
    Orders,
    /// receipt (the shop's number), customer, store, at, total, currency, lines
    /// (sku:pieces:price ...).
    Receipts,
}

/// What the server is asked.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Request {
    /// How.
    pub(crate) method: Method,
    /// Where; `{customer}` stands for her id.
    pub(crate) path: String,
    /// What; `customer` in it stands for her id.
    pub(crate) body: Option<Value>,
    /// Whose it is, in the shop's own words.
    pub(crate) of_customer: Option<String>,
}

impl Kind {
    /// What a line asks for.
    pub(crate) fn request(self, line: &Line) -> Result<Request, Wrong> {
        match self {
            Self::Products => product(line),
            Self::Stock => stock(line),
            Self::Placement => placement(line),
            Self::Customers => customer(line),
            Self::Wishlists => wish(line),
            Self::Orders => order(line),
            Self::Receipts => receipt(line),
        }
    }
}

fn put(path: String, body: Value) -> Request {
    Request {
        method: Method::PUT,
        path,
        body: Some(body),
        of_customer: None,
    }
}

/// An id of the kind `I`, as it stands in a path.
fn id<I: std::str::FromStr>(line: &Line, field: &str) -> Result<String, Wrong>
where
    I::Err: std::fmt::Display,
{
    let text = line.text(field)?;
    match text.parse::<I>() {
        Ok(_) => Ok(in_path(&text)),
        Err(error) => Err(line.wrong(Some(field), error.to_string())),
    }
}

/// A text as one part of a path, or of a query.
pub(crate) fn in_path(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    text.bytes()
        .map(|b| match plain(b) {
            true => char::from(b).to_string(),
            false => format!("%{b:02X}"),
        })
        .collect()
}

/// Fields of a body that are there.
fn body(fields: impl IntoIterator<Item = (&'static str, Option<Value>)>) -> Value {
    let fields = fields.into_iter();
    let fields = fields.filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Value::Object(fields.collect::<Map<_, _>>())
}

fn currency(line: &Line) -> Result<String, Wrong> {
    let text = line.text_or_none("currency")?;
    let text = text.unwrap_or_else(|| USUAL_CURRENCY.to_owned());
    match text.len() == 3 && text.bytes().all(|b| b.is_ascii_uppercase()) {
        true => Ok(text),
        false => Err(line.wrong(Some("currency"), "three capital letters are expected: EUR")),
    }
}

fn product(line: &Line) -> Result<Request, Wrong> {
    let sku = id::<protocol::Sku>(line, "sku")?;
    let nl = match line.text_or_none("name_nl")? {
        Some(name) => name,
        None => line.text("name")?,
    };
    let en = line.text_or_none("name_en")?.unwrap_or_else(|| nl.clone());
    let currency = currency(line)?;
    let price = line.money_or_none("price", &currency)?;
    let price = price.ok_or_else(|| line.wrong(Some("price"), "is missing"))?;
    let body = body([
        ("name", Some(json!({"nl": nl, "en": en}))),
        ("price_minor", Some(price.into())),
        ("currency", Some(currency.into())),
        ("product", line.text_or_none("product")?.map(Value::from)),
        ("category", line.text_or_none("category")?.map(Value::from)),
        ("variant", line.text_or_none("variant")?.map(Value::from)),
        (
            "version_ms",
            line.time_or_none("updated_at")?.map(Value::from),
        ),
    ]);
    Ok(put(format!("/v1/products/{sku}"), body))
}

fn stock(line: &Line) -> Result<Request, Wrong> {
    let store = id::<protocol::StoreId>(line, "store")?;
    let sku = id::<protocol::Sku>(line, "sku")?;
    let quantity = line.number_or_none("quantity")?;
    let quantity = quantity.ok_or_else(|| line.wrong(Some("quantity"), "is missing"))?;
    let body = body([
        ("quantity", Some(quantity.into())),
        (
            "version_ms",
            line.time_or_none("updated_at")?.map(Value::from),
        ),
    ]);
    Ok(put(format!("/v1/stores/{store}/stock/{sku}"), body))
}

fn placement(line: &Line) -> Result<Request, Wrong> {
    let store = id::<protocol::StoreId>(line, "store")?;
    let zone = id::<protocol::ZoneId>(line, "zone")?;
    let what = match (line.text_or_none("sku")?, line.text_or_none("category")?) {
        (Some(_), _) => format!("products/{}", id::<protocol::Sku>(line, "sku")?),
        (None, Some(category)) => format!("categories/{}", in_path(&category)),
        (None, None) => return Err(line.wrong(Some("sku"), "sku or category is needed")),
    };
    let shelf = line.text_or_none("shelf")?.map(Value::from);
    let body = body([("zone", Some(zone.into())), ("shelf", shelf)]);
    Ok(put(format!("/v1/stores/{store}/{what}"), body))
}

fn customer(line: &Line) -> Result<Request, Wrong> {
    let given = line.text_or_none("consent")?.unwrap_or_default();
    let words: Vec<&str> = given.split_whitespace().collect();
    let known = crate::store::people::PURPOSES;
    if let Some(word) = words.iter().find(|word| !known.contains(word)) {
        let why = format!("{word:?} is none of {}", known.join(", "));
        return Err(line.wrong(Some("consent"), why));
    }
    let consent: Map<String, Value> = known
        .iter()
        .map(|purpose| ((*purpose).to_owned(), words.contains(purpose).into()))
        .collect();
    let language = line.text_or_none("language")?;
    let person = body([
        ("external_id", Some(line.text("external_id")?.into())),
        ("given_name", Some(line.text("given_name")?.into())),
        ("family_name", Some(line.text("family_name")?.into())),
        (
            "salutation",
            line.text_or_none("salutation")?.map(Value::from),
        ),
        (
            "language",
            Some(language.unwrap_or_else(|| "nl".into()).into()),
        ),
    ]);
    Ok(Request {
        method: Method::POST,
        path: "/v1/customers/import".into(),
        body: Some(json!({"customers": [{"customer": person, "consent": consent}]})),
        of_customer: None,
    })
}

fn wish(line: &Line) -> Result<Request, Wrong> {
    id::<protocol::Sku>(line, "sku")?;
    let at = line.time_or_none("at")?;
    let at = at.ok_or_else(|| line.wrong(Some("at"), "is missing"))?;
    let price = line.money_or_none("price", &currency(line)?)?;
    let body = body([
        ("kind", Some("wishlisted".into())),
        ("sku", Some(line.text("sku")?.into())),
        ("at_ms", Some(at.into())),
        ("price_minor", price.map(Value::from)),
    ]);
    Ok(Request {
        method: Method::POST,
        path: "/v1/customers/{customer}/intents".into(),
        body: Some(body),
        of_customer: Some(line.text("customer")?),
    })
}

/// `LAMP:1 SHOE-38:2`, or a JSON list of objects with these fields.
fn lines(line: &Line, currency: &str, prices: bool) -> Result<Vec<Value>, Wrong> {
    let wrong = |why: &str| line.wrong(Some("lines"), why);
    let how = "sku:pieces, with spaces between, is expected";
    let one = |sku: &str, pieces: &str, price: Option<&str>| {
        let sku: protocol::Sku = sku.parse().map_err(|_| wrong(how))?;
        let pieces: u32 = pieces.parse().map_err(|_| wrong(how))?;
        let price = price.filter(|_| prices);
        let price = price.map(|text| {
            let amount = crate::money::minor(text, currency);
            amount.ok_or_else(|| wrong("an amount as 129.00 is expected for a price"))
        });
        Ok::<_, Wrong>(body([
            ("sku", Some(sku.as_str().into())),
            ("quantity", Some(pieces.into())),
            ("price_minor", price.transpose()?.map(Value::from)),
        ]))
    };
    let found: Vec<Value> = match line.value("lines") {
        None => Vec::new(),
        Some(Value::String(text)) => text
            .split_whitespace()
            .map(|part| {
                // A SKU may hold colons itself: the last parts are the numbers.
                let mut parts = part.rsplitn(if prices { 3 } else { 2 }, ':');
                let last: Vec<&str> = parts.by_ref().collect();
                match last.as_slice() {
                    [price, pieces, sku] => one(sku, pieces, Some(price)),
                    [pieces, sku] => one(sku, pieces, None),
                    _ => Err(wrong(how)),
                }
            })
            .collect::<Result<_, _>>()?,
        Some(Value::Array(list)) => list
            .iter()
            .map(|item| {
                let text = |name: &str| match &item[name] {
                    Value::String(text) => Some(text.clone()),
                    Value::Number(number) => Some(number.to_string()),
                    _ => None,
                };
                let sku = text("sku").ok_or_else(|| wrong("each needs its sku"))?;
                let pieces = text("quantity").unwrap_or_else(|| "1".into());
                one(&sku, &pieces, text("price").as_deref())
            })
            .collect::<Result<_, _>>()?,
        Some(_) => return Err(wrong(how)),
    };
    match found.len() > LINES_MAX {
        true => Err(wrong("more than 200")),
        false => Ok(found),
    }
}

fn order(line: &Line) -> Result<Request, Wrong> {
    let lines = lines(line, USUAL_CURRENCY, false)?;
    if lines.is_empty() {
        return Err(line.wrong(Some("lines"), "is missing"));
    }
    id::<protocol::StoreId>(line, "store")?;
    let state = line.text_or_none("state")?;
    let body = body([
        ("external_id", Some(line.text("order")?.into())),
        ("store", Some(line.text("store")?.into())),
        // Her id is put in here.
        ("customer", Some("".into())),
        ("lines", Some(lines.into())),
        (
            "state",
            Some(state.unwrap_or_else(|| "placed".into()).into()),
        ),
        ("bay", line.text_or_none("bay")?.map(Value::from)),
        ("code", Some(line.text("code")?.into())),
    ]);
    Ok(Request {
        method: Method::POST,
        path: "/v1/orders".into(),
        body: Some(body),
        of_customer: Some(line.text("customer")?),
    })
}

fn receipt(line: &Line) -> Result<Request, Wrong> {
    let currency = currency(line)?;
    let at = line.time_or_none("at")?;
    let at = at.ok_or_else(|| line.wrong(Some("at"), "is missing"))?;
    let total = line.money_or_none("total", &currency)?;
    let body = body([
        ("receipt", Some(line.text("receipt")?.into())),
        ("store", line.text_or_none("store")?.map(Value::from)),
        ("at_ms", Some(at.into())),
        ("total_minor", total.map(Value::from)),
        ("lines", Some(lines(line, &currency, true)?.into())),
        ("currency", Some(currency.into())),
    ]);
    Ok(Request {
        method: Method::POST,
        path: "/v1/customers/{customer}/receipts".into(),
        body: Some(body),
        of_customer: Some(line.text("customer")?),
    })
}
