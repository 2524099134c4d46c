//! Where a store has a product, and how many: the shop floor's side of the catalogue.
//!
//! In: SKUs, products, words that somebody types. Out: zones, shelves, pieces.
//! Cost: one statement for all products of a question; a search reads every product's name once.
//! Invariant: reads alone.

use std::collections::HashMap;

use protocol::{Sku, StoreId, ZoneId};
use rusqlite::{Connection, OptionalExtension, params};

use super::{StoreError, catalogue::ProductRow, parsed, shop::Names, uint};

/// Variants of one product that are looked at, at most.
const VARIANTS_MAX: u32 = 50;
/// Products that a search finds at most.
pub const FOUND_MAX: u32 = 20;
/// Words of a search that are looked at.
const WORDS_MAX: usize = 5;
/// Other stores that are named at most.
const ELSEWHERE_MAX: u32 = 3;

/// What is known of a product, and what one store has of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shelf {
    /// What it is a variant of.
    pub product: Option<Sku>,
    /// Its category.
    pub category: Option<String>,
    /// Its price; 0: not known.
    pub price_minor: u64,
    /// Pieces.
    pub stock: u32,
    /// When it last rose from nothing.
    pub back_ms: Option<u64>,
    /// In which zone, by its own number or else by its category.
    pub zone: Option<ZoneId>,
    /// On which shelf.
    pub shelf: Option<String>,
}

const SHELF: &str = "p.product, p.category, p.price_minor, coalesce(s.quantity, 0), s.back_ms,
                     coalesce(o.zone, c.zone), CASE WHEN o.zone IS NULL THEN c.shelf ELSE o.shelf END";
const OF_STORE: &str = "LEFT JOIN stock s ON s.store = ?1 AND s.sku = p.sku
                        LEFT JOIN placements o ON o.store = ?1 AND o.sku = p.sku
                        LEFT JOIN category_placements c ON c.store = ?1 AND c.category = p.category";

fn shelf(row: &rusqlite::Row<'_>, from: usize) -> Result<Shelf, rusqlite::Error> {
    let id = |n| {
        row.get_ref(n)?
            .as_str_or_null()
            .map_err(rusqlite::Error::from)
    };
    Ok(Shelf {
        product: id(from)?.map(parsed).transpose()?,
        category: row.get(from + 1)?,
        price_minor: uint(row.get(from + 2)?),
        stock: row.get(from + 3)?,
        back_ms: row.get::<_, Option<i64>>(from + 4)?.map(uint),
        zone: id(from + 5)?.map(parsed).transpose()?,
        shelf: row.get(from + 6)?,
    })
}

/// What a store has of these products; one that nobody told us of is not there.
pub fn of<'a>(
    db: &Connection,
    store: &StoreId,
    skus: impl Iterator<Item = &'a Sku>,
) -> Result<HashMap<Sku, Shelf>, StoreError> {
    let asked = list(skus);
    let sql = format!(
        "SELECT p.sku, {SHELF} FROM json_each(?2) j CROSS JOIN products p ON p.sku = j.value {OF_STORE}"
    );
    let mut statement = db.prepare_cached(&sql)?;
    let rows = statement.query_map(params![store.as_str(), asked], |row| {
        Ok((parsed(row.get_ref(0)?.as_str()?)?, shelf(row, 1)?))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The variants of these products and how many of each a store has, by their numbers.
pub fn variants<'a>(
    db: &Connection,
    store: &StoreId,
    products: impl Iterator<Item = &'a Sku>,
) -> Result<HashMap<Sku, Vec<(Sku, u32)>>, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT j.value, p.sku, coalesce(s.quantity, 0)
         FROM json_each(?2) j
         CROSS JOIN products p ON p.product = j.value
         LEFT JOIN stock s ON s.store = ?1 AND s.sku = p.sku
         ORDER BY j.value, p.sku",
    )?;
    let rows = statement.query_map(params![store.as_str(), list(products)], |row| {
        let product: Sku = parsed(row.get_ref(0)?.as_str()?)?;
        let sku: Sku = parsed(row.get_ref(1)?.as_str()?)?;
        Ok((product, (sku, row.get(2)?)))
    })?;
    let mut found: HashMap<Sku, Vec<(Sku, u32)>> = HashMap::new();
    for row in rows {
        let (product, variant) = row?;
        let of_it = found.entry(product).or_default();
        if of_it.len() < VARIANTS_MAX as usize {
            of_it.push(variant);
        }
    }
    Ok(found)
}

/// As SQLite's `json_each` takes it. A SKU needs no escape but what serde gives.
fn list<'a>(skus: impl Iterator<Item = &'a Sku>) -> String {
    let texts: Vec<&str> = skus.map(Sku::as_str).collect();
    serde_json::to_string(&texts).unwrap_or_default()
}

/// A product, and what a store has of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The product.
    pub product: ProductRow,
    /// What the store has.
    pub shelf: Shelf,
}

/// Products whose name, number, variant or category has all of these words, those that the store
/// has first.
pub fn search(db: &Connection, store: &StoreId, words: &str) -> Result<Vec<Found>, StoreError> {
    let words: Vec<String> = words
        .split_whitespace()
        .take(WORDS_MAX)
        .map(pattern)
        .collect();
    if words.is_empty() {
        return Ok(Vec::new());
    }
    let each = (0..words.len()).map(|n| {
        format!(
            "(p.name_nl || ' ' || p.name_en || ' ' || p.sku || ' ' || coalesce(p.category, '')
              || ' ' || coalesce(p.variant, '')) LIKE ?{} ESCAPE '\\'",
            n + 3
        )
    });
    let all = each.collect::<Vec<_>>().join(" AND ");
    let sql = format!(
        "SELECT p.sku, p.name_nl, p.name_en, p.currency, p.variant, {SHELF}
         FROM products p {OF_STORE}
         WHERE {all} ORDER BY coalesce(s.quantity, 0) = 0, p.name_nl, p.sku LIMIT ?2"
    );
    let mut statement = db.prepare_cached(&sql)?;
    let store = store.as_str();
    let mut given: Vec<&dyn rusqlite::ToSql> = vec![&store, &FOUND_MAX];
    given.extend(words.iter().map(|word| word as &dyn rusqlite::ToSql));
    let rows = statement.query_map(given.as_slice(), |row| {
        let shelf = shelf(row, 5)?;
        let product = ProductRow {
            sku: parsed(row.get_ref(0)?.as_str()?)?,
            name: Names {
                nl: row.get(1)?,
                en: row.get(2)?,
            },
            price_minor: shelf.price_minor,
            currency: row.get(3)?,
            product: shelf.product.clone(),
            category: shelf.category.clone(),
            variant: row.get(4)?,
        };
        Ok(Found { product, shelf })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// A product that can be had in this zone, else elsewhere in the store: one whose shelf is known
/// first, then by number. With where it is.
pub fn example(
    db: &Connection,
    store: &StoreId,
    zone: &ZoneId,
) -> Result<Option<(Sku, Shelf)>, StoreError> {
    let sql = format!(
        "SELECT p.sku, {SHELF} FROM stock h CROSS JOIN products p ON p.sku = h.sku {OF_STORE}
         WHERE h.store = ?1 AND h.quantity > 0 AND coalesce(o.zone, c.zone) IS NOT NULL
         ORDER BY coalesce(o.zone, c.zone) <> ?2,
                  CASE WHEN o.zone IS NULL THEN c.shelf ELSE o.shelf END IS NULL, p.sku LIMIT 1"
    );
    let found = db
        .prepare_cached(&sql)?
        .query_row(params![store.as_str(), zone.as_str()], |row| {
            Ok((parsed(row.get_ref(0)?.as_str()?)?, shelf(row, 1)?))
        });
    Ok(found.optional()?)
}

/// What stands for itself between two of anything.
fn pattern(word: &str) -> String {
    let plain = word.replace('\\', "\\\\").replace('%', "\\%");
    format!("%{}%", plain.replace('_', "\\_"))
}

/// Names of other stores that have a product, those with the most first.
pub fn elsewhere(db: &Connection, store: &StoreId, sku: &Sku) -> Result<Vec<String>, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT t.name FROM stores t JOIN stock s ON s.store = t.store AND s.sku = ?2
         WHERE t.store <> ?1 AND s.quantity > 0 ORDER BY s.quantity DESC, t.name LIMIT ?3",
    )?;
    let rows = statement.query_map(
        params![store.as_str(), sku.as_str(), ELSEWHERE_MAX],
        |row| row.get(0),
    )?;
    Ok(rows.collect::<Result<_, _>>()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{
        catalogue::{self, Placed, PlacementRow},
        fixtures, open_writer,
    };

    fn place(db: &Connection, store: &StoreId, what: Placed, zone: &str, shelf: &str) {
        let row = PlacementRow {
            what,
            zone: zone.parse().unwrap(),
            shelf: Some(shelf.into()),
        };
        catalogue::put_placement(db, store, &row).unwrap();
    }

    #[test]
    fn a_product_stands_by_its_number_else_by_its_category() {
        let dir = tempfile::tempdir().unwrap();
        let db = open_writer(&dir.path().join("db")).unwrap();
        let store = fixtures::store(&db);
        let moon = fixtures::product(&db, "MOON", None, Some("lamps"), 900);
        let sun = fixtures::product(&db, "SUN", None, Some("lamps"), 800);
        let shoe = fixtures::product(&db, "SHOE-39", Some("SHOE"), None, 700);
        place(&db, &store, Placed::Category("lamps".into()), "back", "2");
        place(&db, &store, Placed::Sku(moon.clone()), "door", "1");
        catalogue::put_stock(&db, &store, &sun, 3, 5).unwrap();
        let none: Sku = "NONE".parse().unwrap();
        let shelves = of(&db, &store, [&moon, &sun, &shoe, &none].into_iter()).unwrap();
        let at = |sku: &Sku| {
            let shelf = &shelves[sku];
            let zone = shelf.zone.as_ref().map(ToString::to_string);
            (zone, shelf.shelf.clone(), shelf.stock)
        };
        assert_eq!(at(&moon), (Some("door".into()), Some("1".into()), 0));
        assert_eq!(at(&sun), (Some("back".into()), Some("2".into()), 3));
        assert_eq!(at(&shoe), (None, None, 0));
        assert!(!shelves.contains_key(&none));
        let variants = variants(&db, &store, ["SHOE".parse().unwrap()].iter()).unwrap();
        assert_eq!(variants.into_values().next(), Some(vec![(shoe, 0)]));
    }

    #[test]
    fn a_search_finds_all_words_wherever_they_stand_and_what_is_there_first() {
        let dir = tempfile::tempdir().unwrap();
        let db = open_writer(&dir.path().join("db")).unwrap();
        let store = fixtures::store(&db);
        for sku in ["LAMP-MOON", "LAMP-SUN", "100%_WOOL"] {
            fixtures::product(&db, sku, None, Some("home"), 900);
        }
        let sun = "LAMP-SUN".parse().unwrap();
        catalogue::put_stock(&db, &store, &sun, 3, 5).unwrap();
        let found = |words: &str| -> Vec<String> {
            let found = search(&db, &store, words).unwrap();
            found
                .iter()
                .map(|found| found.product.sku.to_string())
                .collect()
        };
        assert_eq!(found("lamp"), ["LAMP-SUN", "LAMP-MOON"]);
        assert_eq!(found("home MOON"), ["LAMP-MOON"]);
        assert_eq!(found("%"), ["100%_WOOL"]);
        assert_eq!(found("l_mp"), Vec::<String>::new());
        assert_eq!(found("  "), Vec::<String>::new());
    }
}
