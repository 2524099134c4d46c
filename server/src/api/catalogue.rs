//! Products, where they stand, how many there are, articles: as the shop tells it.
//!
//! In: one thing a request. Out: rows of `store::catalogue`.
//! Invariant: a word that says when it was true never overwrites a newer one.

use axum::{extract::State, http::StatusCode};
use garde::Validate;
use protocol::{Sku, StoreId, ZoneId};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{
    App,
    access::ShopKey,
    problem::{At, Body, Problem},
    shop::NamesBody,
};
use crate::store::catalogue::{
    self, ARTICLE_ITEMS_MAX, ArticleRow, Item, Placed, PlacementRow, ProductRow,
};

/// A product.
#[derive(Debug, Clone, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProductBody {
    /// What it is called.
    #[garde(dive)]
    name: NamesBody,
    /// Price in the currency's minor unit: 12900 for € 129,00.
    #[garde(range(max = 1_000_000_000))]
    price_minor: u64,
    /// ISO 4217.
    #[garde(length(equal = 3), ascii)]
    currency: String,
    /// What it is a variant of, in the shop's own numbers.
    #[schema(value_type = Option<String>)]
    #[garde(skip)]
    product: Option<Sku>,
    /// `herenschoenen`; capital letters make no difference.
    #[garde(inner(custom(known_category)))]
    category: Option<String>,
    /// Which variant: `39`, `rood`.
    #[garde(inner(length(min = 1, max = 60)))]
    variant: Option<String>,
    /// Since when this is so; now if it is not said. Older than what is known: nothing changes.
    #[garde(skip)]
    version_ms: Option<u64>,
}

fn known_category(text: &str, _: &()) -> garde::Result {
    match catalogue::category(text) {
        Some(_) => Ok(()),
        None => Err(garde::Error::new("1 to 100 characters")),
    }
}

/// Makes or changes a product.
#[utoipa::path(put, path = "/v1/products/{sku}", tag = "shop", request_body = ProductBody,
    params(("sku" = String, Path)), responses((status = 204), (status = "default", body = Problem)))]
pub(super) async fn put_product(
    _: ShopKey,
    State(app): State<App>,
    At(sku): At<Sku>,
    Body(body): Body<ProductBody>,
) -> Result<StatusCode, Problem> {
    let row = ProductRow {
        sku,
        name: body.name.into(),
        price_minor: body.price_minor,
        currency: body.currency,
        product: body.product,
        category: body.category.as_deref().and_then(catalogue::category),
        variant: body.variant,
    };
    app.pipeline
        .write(move |txn| {
            let version_ms = body.version_ms.unwrap_or(txn.now_ms).min(txn.now_ms);
            catalogue::put_product(txn.db, &row, version_ms)
        })
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Where a store has a product, and how many.
#[derive(Debug, Clone, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PlacementBody {
    /// The zone.
    #[schema(value_type = String)]
    #[garde(skip)]
    zone: ZoneId,
    /// The shelf, in the shop's own words: `rek 4`.
    #[garde(inner(length(min = 1, max = 60)))]
    shelf: Option<String>,
    /// Pieces; if it is not said, what is known of them stays.
    #[garde(inner(range(max = 1_000_000)))]
    stock: Option<u32>,
}

/// Places a product in a store.
#[utoipa::path(put, path = "/v1/stores/{store}/products/{sku}", tag = "shop",
    request_body = PlacementBody, params(("store" = String, Path), ("sku" = String, Path)),
    responses((status = 204), (status = "default", body = Problem)))]
pub(super) async fn put_placement(
    _: ShopKey,
    State(app): State<App>,
    At((store, sku)): At<(StoreId, Sku)>,
    Body(body): Body<PlacementBody>,
) -> Result<StatusCode, Problem> {
    let row = PlacementRow {
        what: Placed::Sku(sku.clone()),
        zone: body.zone,
        shelf: body.shelf,
    };
    app.pipeline
        .write(move |txn| {
            catalogue::put_placement(txn.db, &store, &row)?;
            if let Some(stock) = body.stock {
                catalogue::put_stock(txn.db, &store, &sku, stock, txn.now_ms)?;
            }
            Ok(())
        })
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Where a store has a category.
#[derive(Debug, Clone, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CategoryPlacementBody {
    /// The zone.
    #[schema(value_type = String)]
    #[garde(skip)]
    zone: ZoneId,
    /// The shelf, in the shop's own words: `rek 4`.
    #[garde(inner(length(min = 1, max = 60)))]
    shelf: Option<String>,
}

/// Places all products of a category that are not placed themselves.
#[utoipa::path(put, path = "/v1/stores/{store}/categories/{category}", tag = "shop",
    request_body = CategoryPlacementBody,
    params(("store" = String, Path), ("category" = String, Path)),
    responses((status = 204), (status = "default", body = Problem)))]
pub(super) async fn put_category_placement(
    _: ShopKey,
    State(app): State<App>,
    At((store, category)): At<(StoreId, String)>,
    Body(body): Body<CategoryPlacementBody>,
) -> Result<StatusCode, Problem> {
    let category = catalogue::category(&category)
        .ok_or_else(|| Problem::invalid("category: 1 to 100 characters"))?;
    let row = PlacementRow {
        what: Placed::Category(category),
        zone: body.zone,
        shelf: body.shelf,
    };
    app.pipeline
        .write(move |txn| catalogue::put_placement(txn.db, &store, &row))
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// How many pieces a store has.
#[derive(Debug, Clone, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StockBody {
    /// Pieces.
    #[garde(range(max = 1_000_000))]
    quantity: u32,
    /// Since when this is so; now if it is not said. Older than what is known: nothing changes.
    #[garde(skip)]
    version_ms: Option<u64>,
}

/// Says how many pieces of a product a store has.
#[utoipa::path(put, path = "/v1/stores/{store}/stock/{sku}", tag = "shop",
    request_body = StockBody, params(("store" = String, Path), ("sku" = String, Path)),
    responses((status = 204), (status = "default", body = Problem)))]
pub(super) async fn put_stock(
    _: ShopKey,
    State(app): State<App>,
    At((store, sku)): At<(StoreId, Sku)>,
    Body(body): Body<StockBody>,
) -> Result<StatusCode, Problem> {
    app.pipeline
        .write(move |txn| {
            // A clock that runs ahead must not hold up what comes after.
            let version_ms = body.version_ms.unwrap_or(txn.now_ms).min(txn.now_ms);
            catalogue::put_stock(txn.db, &store, &sku, body.quantity, version_ms)
        })
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// An article: a story with products in it.
#[derive(Debug, Clone, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ArticleBody {
    /// Its title.
    #[garde(length(min = 1, max = 200))]
    title: String,
    /// SKUs that are in it.
    #[schema(value_type = Vec<String>)]
    #[garde(length(max = ARTICLE_ITEMS_MAX))]
    #[serde(default)]
    skus: Vec<Sku>,
    /// Products that are in it, without a variant.
    #[schema(value_type = Vec<String>)]
    #[garde(length(max = ARTICLE_ITEMS_MAX))]
    #[serde(default)]
    products: Vec<Sku>,
    /// What it is about.
    #[garde(length(max = ARTICLE_ITEMS_MAX), inner(custom(known_category)))]
    #[serde(default)]
    categories: Vec<String>,
}

/// Makes or changes an article.
#[utoipa::path(put, path = "/v1/articles/{article}", tag = "shop", request_body = ArticleBody,
    params(("article" = String, Path)),
    responses((status = 204), (status = "default", body = Problem)))]
pub(super) async fn put_article(
    _: ShopKey,
    State(app): State<App>,
    At(article): At<String>,
    Body(body): Body<ArticleBody>,
) -> Result<StatusCode, Problem> {
    if article.is_empty() || article.len() > 100 {
        return Err(Problem::invalid("article: 1 to 100 characters"));
    }
    let skus = body.skus.into_iter().map(Item::sku);
    let row = ArticleRow {
        article,
        title: body.title,
        items: skus
            .chain(body.products.into_iter().map(Item::product))
            .collect(),
        categories: body
            .categories
            .iter()
            .filter_map(|text| catalogue::category(text))
            .collect(),
    };
    app.pipeline
        .write(move |txn| catalogue::put_article(txn.db, &row))
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
