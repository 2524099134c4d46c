//! What the store sells, and where it lies.
//!
//! In: nothing. Out: products with their placement. Products lie in both zones that a gateway
//! hears best, so that a message can make sense there; some are sold out, some are not in this
//! store at all: those must never be offered.

use protocol::{Sku, ZoneId};

/// One product of the chain.
#[derive(Debug, Clone)]
pub struct Product {
    /// The shop's number.
    pub sku: Sku,
    /// Its name in Dutch and English.
    pub name: (&'static str, &'static str),
    /// Price in euro cents.
    pub price_minor: u64,
    /// Where this store has it; none: not in this store.
    pub placed: Option<Placement>,
}

/// Where a store has a product.
#[derive(Debug, Clone)]
pub struct Placement {
    /// The zone.
    pub zone: ZoneId,
    /// The shelf, for people.
    pub shelf: &'static str,
    /// How many.
    pub stock: u32,
}

/// All products.
pub fn products() -> Vec<Product> {
    vec![
        product(
            "SJAAL-ROOD",
            ("Rode sjaal", "Red scarf"),
            3_495,
            Some(("entree", "tafel 1", 5)),
        ),
        product(
            "PARAPLU-L",
            ("Grote paraplu", "Large umbrella"),
            2_995,
            Some(("entree", "rek 1", 3)),
        ),
        product(
            "MUTS-GRIJS",
            ("Grijze muts", "Grey hat"),
            1_995,
            Some(("entree", "rek 1", 0)),
        ),
        product(
            "LAMP-BOOG",
            ("Booglamp", "Arc lamp"),
            18_900,
            Some(("lampen", "podium 2", 2)),
        ),
        product(
            "LAMP-BUREAU",
            ("Bureaulamp", "Desk lamp"),
            5_900,
            Some(("lampen", "schap 3", 6)),
        ),
        product(
            "LAMP-HANG",
            ("Hanglamp", "Pendant lamp"),
            12_900,
            Some(("lampen", "schap 1", 0)),
        ),
        product(
            "SCHOEN-39",
            ("Wandelschoen 39", "Walking shoe 39"),
            12_900,
            Some(("schoenen", "rek 4", 2)),
        ),
        product(
            "LAARS-40",
            ("Laars 40", "Boot 40"),
            15_900,
            Some(("schoenen", "rek 6", 1)),
        ),
        product(
            "TAS-LEER",
            ("Leren tas", "Leather bag"),
            19_900,
            Some(("tassen", "wand 2", 4)),
        ),
        product(
            "RUGZAK-20",
            ("Rugzak 20 liter", "Backpack 20 litres"),
            8_900,
            Some(("tassen", "wand 1", 3)),
        ),
        product("KOFFER-XL", ("Koffer XL", "Suitcase XL"), 24_900, None),
        product("DEKEN-WOL", ("Wollen deken", "Wool blanket"), 7_900, None),
    ]
}

fn product(
    sku: &str,
    name: (&'static str, &'static str),
    price_minor: u64,
    placed: Option<(&str, &'static str, u32)>,
) -> Product {
    let placed = placed.map(|(zone, shelf, stock)| Placement {
        zone: id(zone),
        shelf,
        stock,
    });
    Product {
        sku: id(sku),
        name,
        price_minor,
        placed,
    }
}

#[expect(
    clippy::expect_used,
    reason = "ids of this file's own making; the tests build them all"
)]
fn id<T: std::str::FromStr>(text: &str) -> T
where
    T::Err: std::fmt::Debug,
{
    text.parse().expect("an id written in this file")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Plan;

    #[test]
    fn products_lie_in_zones_that_exist_and_in_every_gateways_zone() {
        let plan = Plan::kade_9();
        let products = products();
        for placed in products.iter().filter_map(|p| p.placed.as_ref()) {
            assert!(plan.zone(placed.zone.as_str()).is_some(), "{placed:?}");
        }
        for (anchor, _) in plan.gateways() {
            let here = |p: &&Product| {
                p.placed
                    .as_ref()
                    .is_some_and(|at| at.zone == anchor.zone && at.stock > 0)
            };
            assert!(products.iter().filter(here).count() >= 2, "{}", anchor.zone);
        }
    }
}
