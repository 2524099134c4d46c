//! What the ids of an export are called, so that it can be read without the shop.
//!
//! In: an export without names. Out: stores, zones and products, each once.
//! Invariant: names what stands in the export, and nothing else.

use std::collections::BTreeSet;

use rusqlite::Connection;

use super::{super::StoreError, Export, Name, rows::list};

/// What the ids in an export are called; what has no name any more is left out.
pub(super) fn names(db: &Connection, export: &Export) -> Result<Vec<Name>, StoreError> {
    let mut names = Vec::new();
    for store in stores(export) {
        names.extend(list(
            db,
            "SELECT name FROM stores WHERE store = ?1",
            [store],
            |row| {
                let name: String = row.get(0)?;
                Ok(Name {
                    of: "store",
                    store: None,
                    id: store.to_owned(),
                    nl: name.clone(),
                    en: name,
                })
            },
        )?);
        names.extend(list(
            db,
            "SELECT zone, name_nl, name_en FROM zones WHERE store = ?1 ORDER BY zone",
            [store],
            |row| {
                Ok(Name {
                    of: "zone",
                    store: Some(store.to_owned()),
                    id: row.get(0)?,
                    nl: row.get(1)?,
                    en: row.get(2)?,
                })
            },
        )?);
    }
    for sku in products(export) {
        names.extend(list(
            db,
            "SELECT name_nl, name_en FROM products WHERE sku = ?1 OR product = ?1
             ORDER BY sku = ?1 DESC, sku LIMIT 1",
            [sku],
            |row| {
                Ok(Name {
                    of: "product",
                    store: None,
                    id: sku.to_owned(),
                    nl: row.get(0)?,
                    en: row.get(1)?,
                })
            },
        )?);
    }
    Ok(names)
}

fn stores(export: &Export) -> BTreeSet<&str> {
    let visits = export.visits.iter().map(|visit| visit.store.as_str());
    let orders = export.orders.iter().map(|order| order.store.as_str());
    let cards = export.cards.iter().map(|card| card.store.as_str());
    let decisions = export.decisions.iter().map(|one| one.store.as_str());
    let messages = export.messages.iter().map(|one| one.store.as_str());
    let walks = export.walks.iter().map(|walk| walk.store.as_str());
    let bought = export.purchases.iter();
    let bought = bought.filter_map(|purchase| purchase.store.as_deref());
    let stamped = export.stamp_card.iter().flat_map(|card| &card.moments);
    let stamped = stamped.filter_map(|stamp| stamp.store.as_deref());
    let muted = export.mutes.iter().filter(|mute| mute.kind == "store");
    let muted = muted.map(|mute| mute.value.as_str());
    visits
        .chain(orders)
        .chain(cards)
        .chain(decisions)
        .chain(messages)
        .chain(walks)
        .chain(bought)
        .chain(stamped)
        .chain(muted)
        .collect()
}

fn products(export: &Export) -> BTreeSet<&str> {
    let online = export.online.iter().map(|one| one.sku.as_str());
    let bought = export.purchases.iter().flat_map(|one| &one.lines);
    let ordered = export.orders.iter().flat_map(|one| &one.lines);
    let told = export.messages.iter().filter_map(|one| one.sku.as_deref());
    online
        .chain(bought.map(|line| line.sku.as_str()))
        .chain(ordered.map(|line| line.sku.as_str()))
        .chain(told)
        .collect()
}
