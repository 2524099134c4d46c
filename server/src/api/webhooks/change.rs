//! What a shop's message changes here.
//!
//! In: a [`Change`], read from whichever system. Out: rows, and a word for what became of it.
//! Nobody becomes a customer by a webhook: of whom we do not know nothing is kept.
//! Invariant: an older version of a thing than the known one changes nothing.

use engine::input::{Consent, OrderKind, OrderState};
use protocol::{CustomerId, OrderId, Sku, StoreId};

use crate::{
    pipeline::Txn,
    store::{
        StoreError,
        catalogue::{self, Item, ProductRow},
        intents::{self, Did, Pen, Who},
        orders::{self, OrderRow},
        people,
        receipts::{self, LineRow, ReceiptRow, State},
        shop::Names,
        sources::{self, SourceRow},
    },
};

/// Lines of one order at most that become ours.
const ORDER_LINES_MAX: usize = 200;
/// Variants of one product at most in one message.
pub(super) const VARIANTS_MAX: usize = 250;
/// Characters of a product's name.
const NAME_LEN_MAX: usize = 120;

pub(super) const APPLIED: &str = "applied";
pub(super) const OUTDATED: &str = "outdated";
pub(super) const IGNORED: &str = "ignored";
pub(super) const UNKNOWN: &str = "unknown_customer";
pub(super) const NO_CONSENT: &str = "no_consent";

/// What a message says.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Change {
    /// An order as it stands.
    Order(Box<ShopOrder>),
    /// An order lies ready.
    Ready {
        /// The shop's id of it.
        order: String,
    },
    /// An order is no more.
    Gone {
        /// The shop's id of it.
        order: String,
    },
    /// A cart as it stands.
    Cart {
        /// The shop's id of it.
        cart: String,
        /// The shop's id of whose it is.
        customer: Option<String>,
        /// All that is in it.
        items: Vec<Item>,
        /// Since when.
        version_ms: u64,
    },
    /// A customer's name.
    Customer {
        /// The shop's id of her.
        customer: String,
        /// First name.
        given_name: String,
        /// Last name.
        family_name: String,
        /// Since when.
        version_ms: u64,
    },
    /// A product's variants.
    Products {
        /// All that have a SKU.
        variants: Vec<Variant>,
        /// Since when.
        version_ms: u64,
    },
    /// How many a store has.
    Stock {
        /// The shop's id of what is counted.
        item: String,
        /// The shop's id of where.
        location: String,
        /// Pieces.
        quantity: u32,
        /// Since when.
        version_ms: u64,
    },
    /// She must be forgotten.
    Erase {
        /// The shop's id of her.
        customer: String,
    },
    /// A person must do something.
    Task {
        /// `data_request` or `shop_redact`.
        kind: &'static str,
        /// The shop's id of whom it is about.
        customer: Option<String>,
        /// The shop's id of the request.
        request: Option<String>,
    },
    /// Nothing that matters here.
    Nothing,
}

/// An order of a shop.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct ShopOrder {
    /// The shop's id of it.
    pub(super) order: String,
    /// As people say it: `1042`.
    pub(super) number: String,
    /// The shop's id of whose it is; none: a guest's.
    pub(super) customer: Option<String>,
    /// When she bought it.
    pub(super) at_ms: u64,
    /// Since when it stands so.
    pub(super) version_ms: u64,
    /// Set aside, in the shop's own words.
    pub(super) ready: bool,
    /// Handed over or sent.
    pub(super) completed: bool,
    /// Called off.
    pub(super) cancelled: bool,
    /// Paid back, whole or in part.
    pub(super) refunded: bool,
    /// She comes for it, to a place that the shop calls by one of these.
    pub(super) pickup: Option<Vec<String>>,
    /// What is in it.
    pub(super) lines: Vec<ShopLine>,
    /// In minor units.
    pub(super) total_minor: Option<u64>,
    /// ISO 4217.
    pub(super) currency: String,
}

/// A line of it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ShopLine {
    /// What.
    pub(super) item: Item,
    /// What it is called.
    pub(super) name: String,
    /// Pieces.
    pub(super) quantity: u32,
    /// Of one piece.
    pub(super) price_minor: Option<u64>,
}

/// A variant of a product.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Variant {
    /// As we keep it, with one name for all languages.
    pub(super) row: ProductRow,
    /// The shop's id for counting it.
    pub(super) item: Option<String>,
    /// Pieces in the source's store, if the message says.
    pub(super) stock: Option<u32>,
}

/// Writes a change; a word for what became of it.
pub(super) fn apply(
    txn: &mut Txn<'_>,
    source: &SourceRow,
    change: &Change,
) -> Result<&'static str, StoreError> {
    match change {
        Change::Order(order) => self::order(txn, source, order),
        Change::Ready { order } => ready(txn, source, order),
        Change::Gone { order } => match sources::order(txn.db, &source.source, order)? {
            Some(id) => move_on(txn, id, OrderState::Cancelled),
            None => Ok(IGNORED),
        },
        Change::Cart {
            cart,
            customer,
            items,
            version_ms,
        } => self::cart(txn, source, cart, customer.as_deref(), items, *version_ms),
        Change::Customer {
            customer,
            given_name,
            family_name,
            version_ms,
        } => {
            let Some(id) = people::by_external_id(txn.db, customer)? else {
                return Ok(UNKNOWN);
            };
            if !newer(txn, source, sources::CUSTOMER, customer, *version_ms)? {
                return Ok(OUTDATED);
            }
            people::rename_customer(txn.db, id, given_name, family_name)?;
            Ok(APPLIED)
        }
        Change::Products {
            variants,
            version_ms,
        } => products(txn, source, variants, *version_ms),
        Change::Stock {
            item,
            location,
            quantity,
            version_ms,
        } => {
            let sku = sources::link(txn.db, &source.source, "item", item)?;
            let store = store_of(txn, source, [location.as_str()])?;
            let (Some(sku), Some(store)) = (sku, store) else {
                return Ok(IGNORED);
            };
            let sku = sku.parse().map_err(damaged)?;
            let version_ms = (*version_ms).min(txn.now_ms);
            let new = catalogue::put_stock(txn.db, &store, &sku, *quantity, version_ms)?;
            Ok(if new { APPLIED } else { OUTDATED })
        }
        Change::Erase { customer } => match people::by_external_id(txn.db, customer)? {
            Some(id) => {
                txn.erase(id)?;
                Ok(APPLIED)
            }
            None => Ok(UNKNOWN),
        },
        Change::Task {
            kind,
            customer,
            request,
        } => {
            let known = customer.as_deref();
            let known = known.map(|external| people::by_external_id(txn.db, external));
            let known = known.transpose()?.flatten();
            let name = &source.source;
            sources::add_task(txn.db, txn.now_ms, name, kind, known, request.as_deref())?;
            Ok(APPLIED)
        }
        Change::Nothing => Ok(IGNORED),
    }
}

fn damaged(error: impl std::fmt::Display) -> StoreError {
    StoreError::Damaged(error.to_string())
}

/// Whether this version of a thing is newer than what is known; it is known from now on.
fn newer(
    txn: &Txn<'_>,
    source: &SourceRow,
    kind: &str,
    id: &str,
    version_ms: u64,
) -> Result<bool, StoreError> {
    let resource = sources::resource(kind, &source.source, id);
    sources::is_newer(txn.db, txn.now_ms, resource, version_ms)
}

/// The store that the shop calls by one of these names. A source without names has one store.
fn store_of<'n>(
    txn: &Txn<'_>,
    source: &SourceRow,
    names: impl IntoIterator<Item = &'n str>,
) -> Result<Option<StoreId>, StoreError> {
    for name in names {
        if let Some(store) = sources::link(txn.db, &source.source, "location", name)? {
            return store.parse().map(Some).map_err(damaged);
        }
    }
    let many = sources::has_locations(txn.db, &source.source)?;
    Ok(source.store.clone().filter(|_| !many))
}

fn order(
    txn: &mut Txn<'_>,
    source: &SourceRow,
    order: &ShopOrder,
) -> Result<&'static str, StoreError> {
    let Some(external) = &order.customer else {
        return Ok(UNKNOWN);
    };
    let Some(customer) = people::by_external_id(txn.db, external)? else {
        return Ok(UNKNOWN);
    };
    if !newer(txn, source, "order", &order.order, order.version_ms)? {
        return Ok(OUTDATED);
    }
    let collected = collect(txn, source, order, customer)?;
    let consent = txn.switches(customer)?;
    receipt(txn, source, order, customer, consent)?;
    if consent.browsing || consent.statistics || collected {
        Ok(APPLIED)
    } else {
        Ok(NO_CONSENT)
    }
}

/// An order that she comes for, as staff see it. False: it is none.
fn collect(
    txn: &mut Txn<'_>,
    source: &SourceRow,
    order: &ShopOrder,
    customer: CustomerId,
) -> Result<bool, StoreError> {
    let state = match order {
        ShopOrder {
            cancelled: true, ..
        } => Some(OrderState::Cancelled),
        ShopOrder {
            completed: true, ..
        } => Some(OrderState::Completed),
        ShopOrder { ready: true, .. } => Some(OrderState::Ready),
        _ => None,
    };
    if let Some(id) = sources::order(txn.db, &source.source, &order.order)? {
        if let Some(state) = state {
            move_on(txn, id, state)?;
        }
        return Ok(true);
    }
    let Some(names) = &order.pickup else {
        return Ok(false);
    };
    let over = state.is_some_and(|state| !state.is_open());
    let store = pickup_store(txn, source, names)?;
    let (Some(store), false) = (store, over) else {
        return Ok(false);
    };
    let mut lines = Vec::new();
    for line in order.lines.iter().take(ORDER_LINES_MAX) {
        lines.push((known_product(txn, line, &order.currency)?, line.quantity));
    }
    let was_ready = sources::take_link(txn.db, &source.source, "ready", &order.order)?;
    let usual = if was_ready.is_some() {
        OrderState::Ready
    } else {
        OrderState::Placed
    };
    let mut external_id: String = order.number.chars().take(60).collect();
    if orders::is_taken(txn.db, &external_id)? {
        external_id = format!("{}-{}", source.source, order.order);
    }
    let row = OrderRow {
        order: crate::api::fresh(OrderId::at, txn.now_ms)?,
        external_id,
        store,
        customer,
        kind: OrderKind::ClickAndCollect,
        state: state.unwrap_or(usual),
        due_ms: None,
        bay: None,
        code: crate::secret::pickup_code()?,
        share_code: None,
        lines,
        details: orders::Details::default(),
    };
    orders::add_order(txn.db, txn.now_ms, &row)?;
    sources::put_order(txn.db, &source.source, &order.order, row.order)?;
    txn.order_changed(&row)?;
    Ok(true)
}

/// Where an order is collected: the store that the shop names, else the source's own.
pub(super) fn pickup_store(
    txn: &Txn<'_>,
    source: &SourceRow,
    names: &[String],
) -> Result<Option<StoreId>, StoreError> {
    let named = store_of(txn, source, names.iter().map(String::as_str))?;
    Ok(named.or_else(|| source.store.clone()))
}

/// A line's product, made from the line if nobody told us of it before.
fn known_product(txn: &Txn<'_>, line: &ShopLine, currency: &str) -> Result<Sku, StoreError> {
    let sku = line.item.sku.clone();
    if catalogue::find_product(txn.db, &sku)?.is_none() {
        let row = ProductRow {
            sku: sku.clone(),
            name: names(&line.name),
            price_minor: line.price_minor.unwrap_or(0),
            currency: currency.to_owned(),
            product: None,
            category: None,
            variant: None,
        };
        catalogue::put_product(txn.db, &row, 0)?;
    }
    Ok(sku)
}

pub(super) fn names(text: &str) -> Names {
    let name: String = text.trim().chars().take(NAME_LEN_MAX).collect();
    Names {
        nl: name.clone(),
        en: name,
    }
}

fn receipt(
    txn: &Txn<'_>,
    source: &SourceRow,
    order: &ShopOrder,
    customer: CustomerId,
    consent: Consent,
) -> Result<(), StoreError> {
    let state = match order {
        ShopOrder {
            cancelled: true, ..
        } => State::Cancelled,
        ShopOrder { refunded: true, .. } => State::Refunded,
        _ => State::Bought,
    };
    let line = |line: &ShopLine| LineRow {
        item: line.item.clone(),
        quantity: line.quantity,
        price_minor: line.price_minor,
    };
    let row = ReceiptRow {
        receipt: format!("{}/{}/{}", source.kind.as_str(), source.source, order.order),
        customer,
        store: None,
        at_ms: Some(order.at_ms),
        total_minor: order.total_minor,
        currency: Some(order.currency.clone()),
        state,
        lines: order.lines.iter().map(line).collect(),
    };
    receipts::put(txn.db, txn.now_ms, &row, order.version_ms, consent)?;
    intents::trim(txn.db, customer, txn.now_ms)
}

fn ready(txn: &mut Txn<'_>, source: &SourceRow, order: &str) -> Result<&'static str, StoreError> {
    if let Some(id) = sources::order(txn.db, &source.source, order)? {
        return move_on(txn, id, OrderState::Ready);
    }
    sources::put_link(txn.db, &source.source, "ready", order, "")?;
    Ok(APPLIED)
}

/// Moves an order on; never back, and what is over stays so.
fn move_on(txn: &mut Txn<'_>, id: OrderId, state: OrderState) -> Result<&'static str, StoreError> {
    let before = orders::order(txn.db, id)?.state;
    if before == state || !before.is_open() {
        return Ok(OUTDATED);
    }
    let row = orders::set_state(txn.db, txn.now_ms, id, state, orders::News::default())?;
    txn.order_changed(&row)?;
    Ok(APPLIED)
}

fn cart(
    txn: &mut Txn<'_>,
    source: &SourceRow,
    cart: &str,
    customer: Option<&str>,
    items: &[Item],
    version_ms: u64,
) -> Result<&'static str, StoreError> {
    let at_ms = version_ms.min(txn.now_ms);
    let who = match customer {
        // As a browser that says `identify` with the cart's token as anonymousId.
        None => Who::anonymous(cart),
        Some(external) => match people::by_external_id(txn.db, external)? {
            None => return Ok(UNKNOWN),
            Some(id) if !txn.switches(id)?.browsing => return Ok(NO_CONSENT),
            Some(id) => Who::Customer(id),
        },
    };
    if !newer(txn, source, "cart", cart, version_ms)? {
        return Ok(OUTDATED);
    }
    let before = intents::cart(txn.db, who, at_ms)?;
    let mut pen = Pen::new(txn.db, txn.now_ms)?;
    for item in items.iter().filter(|item| !before.contains(item)) {
        pen.did(who, item, Did::Carted, at_ms, None)?;
    }
    for item in before.iter().filter(|item| !items.contains(item)) {
        pen.did(who, item, Did::Uncarted, at_ms, None)?;
    }
    drop(pen);
    if let Who::Customer(id) = who {
        intents::trim(txn.db, id, txn.now_ms)?;
    }
    Ok(APPLIED)
}

fn products(
    txn: &Txn<'_>,
    source: &SourceRow,
    variants: &[Variant],
    version_ms: u64,
) -> Result<&'static str, StoreError> {
    let version_ms = version_ms.min(txn.now_ms);
    let mut outcome = if variants.is_empty() {
        IGNORED
    } else {
        OUTDATED
    };
    for variant in variants {
        let mut row = variant.row.clone();
        if let Some(known) = catalogue::find_product(txn.db, &row.sku)?
            && known.name.en != known.name.nl
        {
            // Somebody translated it: only the shop's own language is its word.
            row.name.en = known.name.en;
        }
        if catalogue::put_product(txn.db, &row, version_ms)? {
            outcome = APPLIED;
        }
        if let Some(item) = &variant.item {
            sources::put_link(txn.db, &source.source, "item", item, row.sku.as_str())?;
        }
        if let (Some(stock), Some(store)) = (variant.stock, &source.store) {
            catalogue::put_stock(txn.db, store, &row.sku, stock, version_ms)?;
        }
    }
    Ok(outcome)
}
