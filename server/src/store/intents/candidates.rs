//! What of all that she did may be told to her in a store.
//!
//! In: her rows, in whatever order they came; a store's catalogue. Out: her [`Candidate`]s.
//! Cost: one range of her rows, another of her interests, and two statements that look her products
//! up by key.
//! Invariant: reads alone; what she bought after is not among them.

use std::collections::{BTreeMap, HashMap};

use engine::input::{Candidate, IntentKind};
use protocol::{CustomerId, Sku, StoreId};
use rusqlite::{Connection, params};

use crate::store::{
    StoreError,
    catalogue::Item,
    int, parsed,
    shelves::{self, Shelf},
    uint,
};

/// Candidates of one shopper at most, the newest.
pub const CANDIDATES_MAX: usize = 40;
/// Products of hers that are looked at for them, the newest: some are bought, some are variants of
/// one product.
const ITEMS_MAX: usize = 2 * CANDIDATES_MAX;

/// What her rows about one product come to.
#[derive(Debug, Clone, Default)]
struct Tally {
    rows: u32,
    views: u32,
    viewed_ms: Option<u64>,
    read_ms: Option<u64>,
    wished_ms: Option<u64>,
    wished_price_minor: Option<u64>,
    unwished_ms: Option<u64>,
    carted_ms: Option<u64>,
    uncarted_ms: Option<u64>,
    ordered_ms: Option<u64>,
}

impl Tally {
    fn add(&mut self, kind: &str, at_ms: u64, price_minor: Option<u64>) {
        self.rows += 1;
        let at = Some(at_ms);
        match kind {
            "viewed" => {
                self.views += 1;
                self.viewed_ms = self.viewed_ms.max(at);
            }
            "wishlisted" if at > self.wished_ms => {
                (self.wished_ms, self.wished_price_minor) = (at, price_minor);
            }
            "unwishlisted" => self.unwished_ms = self.unwished_ms.max(at),
            "carted" => self.carted_ms = self.carted_ms.max(at),
            "uncarted" => self.uncarted_ms = self.uncarted_ms.max(at),
            "ordered" => self.ordered_ms = self.ordered_ms.max(at),
            "read" => self.read_ms = self.read_ms.max(at),
            _ => {}
        }
    }

    /// The same product under two names: as a variant, and as a product without one.
    fn merge(&mut self, other: &Self) {
        self.rows += other.rows;
        self.views += other.views;
        self.viewed_ms = self.viewed_ms.max(other.viewed_ms);
        self.read_ms = self.read_ms.max(other.read_ms);
        if other.wished_ms > self.wished_ms {
            self.wished_ms = other.wished_ms;
            self.wished_price_minor = other.wished_price_minor;
        }
        self.unwished_ms = self.unwished_ms.max(other.unwished_ms);
        self.carted_ms = self.carted_ms.max(other.carted_ms);
        self.uncarted_ms = self.uncarted_ms.max(other.uncarted_ms);
        self.ordered_ms = self.ordered_ms.max(other.ordered_ms);
    }

    /// The strongest thing that she did since she bought it and did not undo, and when she last did
    /// something. Of two at the same moment the undoing is the later.
    fn stands(&self, bought_ms: Option<u64>) -> Option<(IntentKind, u64)> {
        let after = |at_ms: Option<u64>, undone_ms: Option<u64>| {
            at_ms.filter(|_| at_ms > undone_ms && at_ms > bought_ms)
        };
        let carted_ms = after(self.carted_ms, self.uncarted_ms);
        let wished_ms = after(self.wished_ms, self.unwished_ms);
        let viewed_ms = after(self.viewed_ms, None);
        let last_ms = carted_ms.max(wished_ms).max(viewed_ms);
        let kind = match (carted_ms, wished_ms, viewed_ms) {
            (Some(_), _, _) => IntentKind::Carted,
            (None, Some(_), _) => IntentKind::Wishlisted,
            (None, None, Some(_)) => IntentKind::Viewed,
            (None, None, None) => return Some((IntentKind::Read, after(self.read_ms, None)?)),
        };
        Some((kind, last_ms?))
    }

    /// What the wish that stands cost at the time.
    fn wished_price_minor(&self, bought_ms: Option<u64>) -> Option<u64> {
        self.wished_price_minor
            .filter(|_| self.wished_ms > self.unwished_ms.max(bought_ms))
    }
}

/// What she did online between `since_ms` and now, a row a product, with all that this store knows
/// of it; what she bought after is out. At most [`CANDIDATES_MAX`], the newest first.
pub fn candidates(
    db: &Connection,
    store: &StoreId,
    customer: CustomerId,
    since_ms: u64,
    now_ms: u64,
) -> Result<Vec<Candidate>, StoreError> {
    let mut tallies = tallies(db, customer, since_ms, now_ms)?;
    if tallies.is_empty() {
        return Ok(Vec::new());
    }
    tallies.sort_by(|(a, x), (b, y)| {
        let newest = |tally: &Tally| {
            let last_ms = tally.stands(None).map(|(_, last_ms)| last_ms);
            last_ms.max(tally.ordered_ms)
        };
        newest(y).cmp(&newest(x)).then_with(|| a.cmp(b))
    });
    tallies.truncate(ITEMS_MAX);
    let mut looked = interests(db, customer, since_ms, now_ms)?;
    let mut all: u32 = looked.values().sum();

    // Two statements for all products together: a look-up for each would be most of the work.
    let items = |grouped: bool| {
        let of_kind = tallies
            .iter()
            .filter(move |(item, _)| item.grouped == grouped);
        of_kind.map(|(item, _)| &item.sku)
    };
    let variants = shelves::variants(db, store, items(true))?;
    let all_variants = variants.values().flatten().map(|(sku, _)| sku);
    let known = shelves::of(
        db,
        store,
        items(false).chain(items(true)).chain(all_variants),
    )?;
    let nothing = Shelf::default();
    let shelf = |sku: &Sku| known.get(sku).unwrap_or(&nothing);

    let mut of_hers: BTreeMap<Sku, Tally> = BTreeMap::new();
    let mut ordered: HashMap<Sku, u64> = HashMap::new();
    // Named variants first: what is about a product as a whole joins one that she chose herself.
    tallies.sort_by_key(|(item, _)| item.grouped);
    for (item, tally) in &tallies {
        let sku = if item.grouped {
            let is_variant = |sku: &&Sku| shelf(sku).product.as_ref() == Some(&item.sku);
            let chosen: Vec<&Sku> = of_hers.keys().filter(is_variant).collect();
            let of_it = variants.get(&item.sku).map_or(&[][..], Vec::as_slice);
            best_variant(&item.sku, of_it, &chosen)
        } else {
            item.sku.clone()
        };
        let known = shelf(&sku);
        let sum = of_hers.entry(sku).or_default();
        sum.merge(tally);
        all += tally.rows;
        if let Some(category) = &known.category {
            *looked.entry(category.clone()).or_default() += tally.rows;
        }
        if let Some(ordered_ms) = tally.ordered_ms {
            // She has the shoe: she needs no other size of it.
            let whole = if item.grouped {
                Some(&item.sku)
            } else {
                known.product.as_ref()
            };
            let bought = ordered
                .entry(whole.unwrap_or(&item.sku).clone())
                .or_default();
            *bought = ordered_ms.max(*bought);
        }
    }

    let mut stands = Vec::with_capacity(of_hers.len());
    for (sku, tally) in of_hers {
        let whole = shelf(&sku).product.as_ref().unwrap_or(&sku);
        let bought_ms = ordered.get(whole).copied().max(tally.ordered_ms);
        if let Some((intent, last_ms)) = tally.stands(bought_ms) {
            let wished_price_minor = tally.wished_price_minor(bought_ms);
            stands.push((sku, intent, last_ms, wished_price_minor, tally));
        }
    }
    stands.sort_by(|a, b| b.2.cmp(&a.2).then_with(|| a.0.cmp(&b.0)));
    stands.truncate(CANDIDATES_MAX);

    let mut found = Vec::with_capacity(stands.len());
    for (sku, intent, last_ms, wished_price_minor, tally) in stands {
        let here = shelf(&sku);
        let about = here.category.as_ref().and_then(|name| looked.get(name));
        found.push(Candidate {
            intent,
            views: tally.views,
            last_ms,
            read_ms: tally.read_ms,
            zone: here.zone.clone(),
            shelf: here.shelf.clone(),
            stock: here.stock,
            back_ms: here.back_ms,
            price_minor: here.price_minor,
            wished_price_minor,
            affinity: about.map_or(0.0, |rows| *rows as f32 / all.max(1) as f32),
            sku,
        });
    }
    Ok(found)
}

fn tallies(
    db: &Connection,
    customer: CustomerId,
    since_ms: u64,
    now_ms: u64,
) -> Result<Vec<(Item, Tally)>, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT sku, grouped, kind, at_ms, price_minor FROM intents
         WHERE customer = ?1 AND at_ms BETWEEN ?2 AND ?3 ORDER BY sku, grouped",
    )?;
    let mut rows = statement.query(params![customer.0, int(since_ms), int(now_ms)])?;
    let mut tallies: Vec<(Item, Tally)> = Vec::new();
    while let Some(row) = rows.next()? {
        let (sku, grouped) = (row.get_ref(0)?.as_str().unwrap_or_default(), row.get(1)?);
        let same = |(item, _): &(Item, Tally)| item.sku.as_str() == sku && item.grouped == grouped;
        if !tallies.last().is_some_and(same) {
            let item = Item {
                sku: parsed(sku)?,
                grouped,
            };
            tallies.push((item, Tally::default()));
        }
        if let Some((_, tally)) = tallies.last_mut() {
            let kind = row.get_ref(2)?.as_str().unwrap_or_default();
            let price = row.get::<_, Option<i64>>(4)?.map(uint);
            tally.add(kind, uint(row.get(3)?), price);
        }
    }
    Ok(tallies)
}

fn interests(
    db: &Connection,
    customer: CustomerId,
    since_ms: u64,
    now_ms: u64,
) -> Result<HashMap<String, u32>, StoreError> {
    let mut statement = db.prepare_cached(
        "SELECT category, count(*) FROM interests
         WHERE customer = ?1 AND at_ms BETWEEN ?2 AND ?3 GROUP BY category",
    )?;
    let rows = statement.query_map(params![customer.0, int(since_ms), int(now_ms)], |row| {
        Ok((row.get(0)?, row.get(1)?))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Which variant a product is to her here: one that she chose, one that the store has most of. A
/// product without variants is its own.
fn best_variant(product: &Sku, variants: &[(Sku, u32)], chosen: &[&Sku]) -> Sku {
    let mut best: Option<&(Sku, u32)> = None;
    for variant in variants {
        let hers = chosen.is_empty() || chosen.contains(&&variant.0);
        if hers && best.is_none_or(|(_, most)| variant.1 > *most) {
            best = Some(variant);
        }
    }
    let best = best.map(|(sku, _)| sku).or(chosen.first().copied());
    best.unwrap_or(product).clone()
}
