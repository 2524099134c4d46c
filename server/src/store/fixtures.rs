//! A store, products and a customer, for the tests of the rooms around.

use protocol::{CustomerId, Sku, StoreId};
use rusqlite::Connection;

use super::{
    catalogue::{self, ProductRow},
    people::{self, CustomerRow},
    shop::{self, Names, StoreRow},
};

pub(crate) fn store(db: &Connection) -> StoreId {
    let row = StoreRow {
        store: "kade-9".parse().unwrap(),
        name: "Kade 9".into(),
        timezone: "Europe/Amsterdam".into(),
        opens: "00:00".into(),
        closes: "23:59".into(),
        quiet: None,
        messages_per_day_max: 2,
    };
    shop::put_store(db, &row, 1).unwrap();
    for zone in ["door", "back"] {
        let name = Names {
            nl: zone.into(),
            en: zone.into(),
        };
        shop::put_zone(db, &row.store, &zone.parse().unwrap(), &name).unwrap();
    }
    row.store
}

pub(crate) fn product(
    db: &Connection,
    sku: &str,
    product: Option<&str>,
    category: Option<&str>,
    price_minor: u64,
) -> Sku {
    let row = ProductRow {
        sku: sku.parse().unwrap(),
        name: Names {
            nl: sku.into(),
            en: sku.into(),
        },
        price_minor,
        currency: "EUR".into(),
        product: product.map(|product| product.parse().unwrap()),
        category: category.map(str::to_owned),
        variant: None,
    };
    catalogue::put_product(db, &row, 1).unwrap();
    row.sku
}

pub(crate) fn customer(db: &Connection, external_id: &str, n: u8) -> CustomerId {
    let row = CustomerRow {
        customer: CustomerId::at(1, [n; 10]),
        external_id: external_id.into(),
        given_name: "Anna".into(),
        family_name: "de Vries".into(),
        salutation: None,
        language: "nl".into(),
    };
    people::put_customer(db, 1, &row).unwrap().0
}
