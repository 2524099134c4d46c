//! What shops sell: products and their variants, where a store has them and how many, articles.
//!
//! In: what shop systems tell, each with its version. Out: rows.
//! Invariant: words of an older version change nothing, in whatever order they come.

use protocol::{Sku, StoreId, ZoneId};
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};

use super::{
    StoreError, int, parsed,
    shop::{Names, store, zone_names},
    uint,
};

/// Characters of a category at most.
pub const CATEGORY_LEN_MAX: usize = 100;
/// Products of one article at most, and categories.
pub const ARTICLE_ITEMS_MAX: usize = 200;

/// A category as all sources mean the same by it: trimmed, in small letters. None: it is empty or
/// longer than [`CATEGORY_LEN_MAX`].
pub fn category(text: &str) -> Option<String> {
    let text = text.trim().to_lowercase();
    let len = text.chars().count();
    (1..=CATEGORY_LEN_MAX).contains(&len).then_some(text)
}

/// A product that somebody can hold: one variant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProductRow {
    /// Its number.
    pub sku: Sku,
    /// Its name.
    pub name: Names,
    /// Its price in the currency's minor unit.
    pub price_minor: u64,
    /// ISO 4217.
    pub currency: String,
    /// What it is a variant of, in the shop's own numbers.
    pub product: Option<Sku>,
    /// As [`category`] writes it.
    pub category: Option<String>,
    /// Which variant: `39`, `rood`.
    pub variant: Option<String>,
}

/// Makes or changes a product; false: a newer version of it is known.
pub fn put_product(db: &Connection, row: &ProductRow, version_ms: u64) -> Result<bool, StoreError> {
    let changed = db
        .prepare_cached(
            "INSERT INTO products (sku, name_nl, name_en, price_minor, currency, product, category,
               variant, version_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
             ON CONFLICT DO UPDATE SET name_nl = ?2, name_en = ?3, price_minor = ?4, currency = ?5,
               product = ?6, category = ?7, variant = ?8, version_ms = ?9
             WHERE version_ms <= ?9",
        )?
        .execute(params![
            row.sku.as_str(),
            row.name.nl,
            row.name.en,
            int(row.price_minor),
            row.currency,
            row.product.as_ref().map(Sku::as_str),
            row.category,
            row.variant,
            int(version_ms),
        ])?;
    Ok(changed > 0)
}

/// One product, if it is known.
pub fn find_product(db: &Connection, sku: &Sku) -> Result<Option<ProductRow>, StoreError> {
    Ok(db
        .prepare_cached(
            "SELECT name_nl, name_en, price_minor, currency, product, category, variant
             FROM products WHERE sku = ?1",
        )?
        .query_row([sku.as_str()], |row| {
            Ok(ProductRow {
                sku: sku.clone(),
                name: Names {
                    nl: row.get(0)?,
                    en: row.get(1)?,
                },
                price_minor: uint(row.get(2)?),
                currency: row.get(3)?,
                product: row.get_ref(4)?.as_str_or_null()?.map(parsed).transpose()?,
                category: row.get(5)?,
                variant: row.get(6)?,
            })
        })
        .optional()?)
}

/// The first product by its SKU, if there is any.
pub fn first_sku(db: &Connection) -> Result<Option<Sku>, StoreError> {
    let found = db
        .prepare_cached("SELECT sku FROM products ORDER BY sku LIMIT 1")?
        .query_row([], |row| parsed(row.get_ref(0)?.as_str()?))
        .optional()?;
    Ok(found)
}

/// One product.
pub fn product(db: &Connection, sku: &Sku) -> Result<ProductRow, StoreError> {
    find_product(db, sku)?.ok_or(StoreError::NotFound("product"))
}

/// What a placement is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Placed {
    /// One product.
    Sku(Sku),
    /// All of a category, as [`category`] writes it, that are not placed themselves.
    Category(String),
}

/// Where a store has something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlacementRow {
    /// What.
    pub what: Placed,
    /// The zone.
    pub zone: ZoneId,
    /// The shelf within it, in the shop's own words.
    pub shelf: Option<String>,
}

/// Places a product or a category in a store.
pub fn put_placement(
    db: &Connection,
    store: &StoreId,
    row: &PlacementRow,
) -> Result<(), StoreError> {
    if !zone_names(db, store)?.contains_key(&row.zone) {
        return Err(StoreError::NotFound("zone"));
    }
    let (what, sql) = match &row.what {
        Placed::Sku(sku) => {
            product(db, sku)?;
            let sql = "INSERT INTO placements (store, sku, zone, shelf) VALUES (?1, ?2, ?3, ?4)
                       ON CONFLICT DO UPDATE SET zone = ?3, shelf = ?4";
            (sku.as_str(), sql)
        }
        Placed::Category(category) => {
            let sql = "INSERT INTO category_placements VALUES (?1, ?2, ?3, ?4)
                       ON CONFLICT DO UPDATE SET zone = ?3, shelf = ?4";
            (category.as_str(), sql)
        }
    };
    db.prepare_cached(sql)?
        .execute(params![store.as_str(), what, row.zone.as_str(), row.shelf])?;
    Ok(())
}

/// Says how many pieces a store has since `version_ms`; false: something newer is known.
pub fn put_stock(
    db: &Connection,
    store: &StoreId,
    sku: &Sku,
    quantity: u32,
    version_ms: u64,
) -> Result<bool, StoreError> {
    self::store(db, store)?;
    product(db, sku)?;
    let changed = db
        .prepare_cached(
            "INSERT INTO stock VALUES (?1, ?2, ?3, NULL, ?4)
             ON CONFLICT DO UPDATE SET
               back_ms = CASE WHEN quantity = 0 AND ?3 > 0 THEN ?4 ELSE back_ms END,
               quantity = ?3, version_ms = ?4
             WHERE version_ms <= ?4",
        )?
        .execute(params![
            store.as_str(),
            sku.as_str(),
            quantity,
            int(version_ms)
        ])?;
    Ok(changed > 0)
}

/// An article of the shop: a story with products in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArticleRow {
    /// The shop's own id.
    pub article: String,
    /// Its title.
    pub title: String,
    /// What is in it.
    pub items: Vec<Item>,
    /// What it is about, as [`category`] writes it.
    pub categories: Vec<String>,
}

/// What something was done with: a product, or all its variants as long as nobody said which.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Item {
    /// The number of either.
    pub sku: Sku,
    /// It is the number of the product, not of a variant.
    pub grouped: bool,
}

impl Item {
    /// One variant.
    pub fn sku(sku: Sku) -> Self {
        Self {
            sku,
            grouped: false,
        }
    }

    /// A product of which the variant is not known.
    pub fn product(product: Sku) -> Self {
        Self {
            sku: product,
            grouped: true,
        }
    }
}

/// Makes or changes an article.
pub fn put_article(db: &Connection, row: &ArticleRow) -> Result<(), StoreError> {
    db.prepare_cached("DELETE FROM articles WHERE article = ?1")?
        .execute([&row.article])?;
    db.prepare_cached("INSERT INTO articles VALUES (?1, ?2)")?
        .execute([&row.article, &row.title])?;
    for item in &row.items {
        db.prepare_cached("INSERT OR IGNORE INTO article_products VALUES (?1, ?2, ?3)")?
            .execute(params![row.article, item.sku.as_str(), item.grouped])?;
    }
    for category in &row.categories {
        db.prepare_cached("INSERT OR IGNORE INTO article_categories VALUES (?1, ?2)")?
            .execute([&row.article, category])?;
    }
    Ok(())
}

/// An article, if it is known.
pub fn article(db: &Connection, article: &str) -> Result<Option<ArticleRow>, StoreError> {
    let title = db
        .prepare_cached("SELECT title FROM articles WHERE article = ?1")?
        .query_row([article], |row| row.get(0))
        .optional()?;
    let Some(title) = title else { return Ok(None) };
    let items = db
        .prepare_cached("SELECT sku, grouped FROM article_products WHERE article = ?1")?
        .query_map([article], |row| {
            Ok(Item {
                sku: parsed(row.get_ref(0)?.as_str()?)?,
                grouped: row.get(1)?,
            })
        })?
        .collect::<Result<_, _>>()?;
    let categories = db
        .prepare_cached("SELECT category FROM article_categories WHERE article = ?1")?
        .query_map([article], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    Ok(Some(ArticleRow {
        article: article.to_owned(),
        title,
        items,
        categories,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{fixtures, open_writer};

    #[test]
    fn stock_is_back_only_when_it_rises_from_nothing_and_older_words_change_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let db = open_writer(&dir.path().join("db")).unwrap();
        let store = fixtures::store(&db);
        let lamp = fixtures::product(&db, "LAMP", None, None, 100);
        // Quantity, version, whether it counts, and what is known after.
        for (quantity, version_ms, counts, known) in [
            (5, 10, true, (5, None)),
            (0, 20, true, (0, None)),
            (3, 15, false, (0, None)),
            (4, 30, true, (4, Some(30))),
            (9, 40, true, (9, Some(30))),
            (0, 50, true, (0, Some(30))),
            (0, 50, true, (0, Some(30))),
            (1, 60, true, (1, Some(60))),
        ] {
            let counted = put_stock(&db, &store, &lamp, quantity, version_ms).unwrap();
            let now: (u32, Option<u64>) = db
                .query_row("SELECT quantity, back_ms FROM stock", [], |row| {
                    Ok((row.get(0)?, row.get::<_, Option<i64>>(1)?.map(uint)))
                })
                .unwrap();
            assert_eq!(
                (counted, now),
                (counts, known),
                "{quantity} at {version_ms}"
            );
        }
    }

    #[test]
    fn an_older_version_of_a_product_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let db = open_writer(&dir.path().join("db")).unwrap();
        let lamp = fixtures::product(&db, "LAMP", None, None, 100);
        let mut row = product(&db, &lamp).unwrap();
        for (price_minor, version_ms, known) in [(300, 30, 300), (200, 20, 300), (400, 30, 400)] {
            row.price_minor = price_minor;
            put_product(&db, &row, version_ms).unwrap();
            assert_eq!(product(&db, &lamp).unwrap().price_minor, known);
        }
    }

    #[test]
    fn categories_are_compared_in_one_spelling() {
        assert_eq!(category("  Herenschoenen "), Some("herenschoenen".into()));
        assert_eq!(category(" "), None);
        assert_eq!(category(&"x".repeat(CATEGORY_LEN_MAX + 1)), None);
    }
}
