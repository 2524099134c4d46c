//! Her wishlist as a walk, and the search for any product: what they are drawn from.
//!
//! Invariant: what she did online is read only with her consent to its use.

use axum::{
    extract::{Query, State},
    http::StatusCode,
    response::Response,
};
use engine::input::{Candidate, IntentKind};
use protocol::{CustomerId, StoreId};
use rusqlite::Connection;
use serde::Deserialize;

use super::{
    super::{
        i18n::{Money, Texts},
        phone::walk::{ItemView, StopView, WalkView},
        routes::{Asked, answer},
        search::{FoundView, SearchPage, render_search},
    },
    language,
};
use crate::{
    api::{App, access::Shopper, problem::Problem},
    localtime, route,
    store::{
        StoreError, board,
        catalogue::{self, ProductRow},
        intents, people, plan,
        shelves::{self, Found},
        shop,
    },
};

/// Her walk through this store; none without a wish, or without her consent.
pub(super) fn view(
    db: &Connection,
    now_ms: u64,
    store: &StoreId,
    customer: CustomerId,
    t: &Texts,
) -> Result<Option<WalkView>, StoreError> {
    let since_ms = now_ms.saturating_sub(intents::INTENT_AGE_MS_MAX);
    let wishes: Vec<Candidate> = intents::candidates(db, store, customer, since_ms, now_ms)?
        .into_iter()
        .filter(|c| matches!(c.intent, IntentKind::Wishlisted | IntentKind::Carted))
        .collect();
    if wishes.is_empty() {
        return Ok(None);
    }
    let (here, elsewhere): (Vec<_>, Vec<_>) = wishes
        .into_iter()
        .partition(|wish| wish.stock > 0 && wish.zone.is_some());
    let present = board::here(db, store, customer)?;
    let zone = present.as_ref().and_then(|(_, zone)| zone.as_ref());
    let to: Vec<_> = here.iter().filter_map(|wish| wish.zone.clone()).collect();
    let names = shop::zone_names(db, store)?;
    let mut stops = Vec::new();
    for stop in route::walk(&plan::areas(db, store)?, zone, &to) {
        let there = here
            .iter()
            .filter(|wish| wish.zone.as_ref() == Some(&stop.zone));
        let items = there.map(|wish| item(db, store, wish, t));
        stops.push(StopView {
            zone: names
                .get(&stop.zone)
                .map_or_else(|| stop.zone.to_string(), |names| t.said(names)),
            lit: zone == Some(&stop.zone),
            way_m: stop.way_m,
            items: items.collect::<Result<_, _>>()?,
        });
    }
    let elsewhere = elsewhere.iter().map(|wish| item(db, store, wish, t));
    Ok(Some(WalkView {
        here_since_ms: present.map(|(since_ms, _)| since_ms),
        stops,
        elsewhere: elsewhere.collect::<Result<_, _>>()?,
    }))
}

fn item(
    db: &Connection,
    store: &StoreId,
    wish: &Candidate,
    t: &Texts,
) -> Result<ItemView, StoreError> {
    let product = catalogue::find_product(db, &wish.sku)?;
    let nowhere = wish.stock == 0 || wish.zone.is_none();
    Ok(ItemView {
        name: product.map_or_else(|| wish.sku.to_string(), |product| named(&product, t)),
        shelf: wish.shelf.clone(),
        stock: if nowhere { 0 } else { wish.stock },
        stores: match nowhere {
            true => shelves::elsewhere(db, store, &wish.sku)?,
            false => Vec::new(),
        },
    })
}

/// `Wandellaars Veldzicht, 39`.
fn named(product: &ProductRow, t: &Texts) -> String {
    let name = t.said(&product.name);
    match &product.variant {
        Some(variant) => format!("{name}, {variant}"),
        None => name,
    }
}

#[derive(Deserialize)]
pub(in crate::web) struct SearchQuery {
    #[serde(default)]
    q: String,
}

/// Looks any product up.
pub(in crate::web) async fn search(
    State(app): State<App>,
    asked: Asked,
    shopper: Result<Shopper, Problem>,
    Query(query): Query<SearchQuery>,
) -> Response {
    answer(&asked, async {
        let customer = shopper?.customer;
        let of = asked.clone();
        let words: String = query.q.trim().chars().take(100).collect();
        let page = app.readers.read(move |db| {
            let lang = language(&of, &people::customer(db, customer)?);
            let store = board::store_for(db, customer)?.ok_or(StoreError::NotFound("store"))?;
            let row = shop::store(db, &store)?;
            let texts = Texts::new(lang, localtime::zone(&row.timezone));
            let found = shelves::search(db, &store, &words)?;
            let found = found
                .into_iter()
                .map(|found| view_of(db, &store, found, &texts));
            Ok(SearchPage {
                found: found.collect::<Result<_, _>>()?,
                other_lang_href: other_lang(&of, lang.other().code(), &words),
                store_name: row.name,
                words,
                texts,
            })
        });
        let html = render_search(&page.await?)?;
        Ok(asked.page(&app, StatusCode::OK, html))
    })
    .await
}

/// The same search in the other language.
fn other_lang(asked: &Asked, lang: &str, words: &str) -> String {
    let query = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("lang", lang)
        .append_pair("q", words)
        .finish();
    format!("{}?{query}", asked.path)
}

fn view_of(
    db: &Connection,
    store: &StoreId,
    found: Found,
    t: &Texts,
) -> Result<FoundView, StoreError> {
    let Found { product, shelf } = found;
    let names = shop::zone_names(db, store)?;
    Ok(FoundView {
        zone: shelf.zone.map(|zone| {
            let named = names.get(&zone).map(|names| t.said(names));
            named.unwrap_or_else(|| zone.to_string())
        }),
        price: (product.price_minor > 0).then(|| Money {
            minor: i64::try_from(product.price_minor).unwrap_or(i64::MAX),
            currency: product.currency.clone(),
        }),
        item: ItemView {
            name: named(&product, t),
            shelf: shelf.shelf,
            stock: shelf.stock,
            stores: match shelf.stock {
                0 => shelves::elsewhere(db, store, &product.sku)?,
                _ => Vec::new(),
            },
        },
    })
}
