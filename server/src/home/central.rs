//! The central server's side: says how things stand, gives the desk away, hears what happened there.
//!
//! In: what a store's home asks, inside a transaction or a read. Out: answers; the journal's news as
//! inputs of the engine, so that pages, receivers and figures hear of it as if it had happened here.
//! Promises: an entry is applied once, in its order; what names somebody who is erased by now is left
//! out, and nothing else.
//! Invariant: of a customer who did not agree that staff may know, a home hears nothing.

use std::collections::{BTreeMap, BTreeSet, btree_map};

use engine::{Input, input::DeskNews, outcome::Over};
use protocol::{
    CustomerId, DisplayId, GatewayId, StoreId,
    eid::{QUANTUM_S, ROTATION_EXPONENT, device_time_s, quantum_start},
    settings::SignedSettings,
};
use rusqlite::Connection;

use super::{
    CLOSED_TOLD_MS, Claimed, Customer, Entry, IDENTITIES_AHEAD_MS, Identities, State, Zone,
};
use crate::{
    pipeline::Txn,
    store::{
        StoreError,
        access::StaffRow,
        catalogue, displays,
        homes::{self, HomeRow, Known},
        orders, people,
        people::RadioRow,
        plan, seals, settings, shop,
    },
};

/// Gives the desk of a store to the home that asks.
pub fn claim(txn: &mut Txn<'_>, store: &StoreId) -> Result<Claimed, StoreError> {
    let epoch = homes::claim(txn.db, store)?;
    homes::seen(txn.db, store, txn.now_ms)?;
    seals::for_home(txn.db, txn.now_ms, store)?;
    txn.layout_changed(store)?;
    Ok(Claimed {
        store: store.clone(),
        epoch,
        desk: txn.on_desk(store)?,
    })
}

/// Takes the desk back: the home is out, and this server goes on where it was last told.
pub fn give_back(txn: &mut Txn<'_>, store: &StoreId) -> Result<(), StoreError> {
    homes::delete(txn.db, store)?;
    seals::forget_home(txn.db, store)?;
    txn.layout_changed(store)
}

/// Whether the home that asks still has the desk.
pub fn fence(db: &Connection, store: &StoreId, epoch: u64) -> Result<HomeRow, StoreError> {
    homes::of(db, store)?
        .filter(|home| home.epoch == epoch)
        .ok_or_else(|| StoreError::NotHome(store.to_string()))
}

/// Applies a journal; how far it is applied now.
pub fn hear(
    txn: &mut Txn<'_>,
    store: &StoreId,
    epoch: u64,
    entries: &[Entry],
) -> Result<u64, StoreError> {
    let mut reached = fence(txn.db, store, epoch)?.journal_n;
    for entry in entries {
        // What comes again was applied; what comes too early has a hole before it.
        if entry.n != reached + 1 {
            continue;
        }
        let news = known(txn.db, &entry.news)?;
        if !news.is_empty() {
            txn.feed(store, Input::Desk(news))?;
        }
        reached = entry.n;
    }
    homes::reached(txn.db, store, reached)?;
    homes::seen(txn.db, store, txn.now_ms)?;
    Ok(reached)
}

/// The news without those who are erased, and without orders that are.
fn known(db: &Connection, news: &DeskNews) -> Result<DeskNews, StoreError> {
    let known = Known(db);
    let orders = |ids: &[_]| -> Result<Vec<_>, StoreError> {
        let mut kept = Vec::with_capacity(ids.len());
        for &id in ids {
            if known.order(id)? {
                kept.push(id);
            }
        }
        Ok(kept)
    };
    let mut cards = Vec::with_capacity(news.cards.len());
    for card in &news.cards {
        if !known.customer(card.customer)? {
            continue;
        }
        let mut card = card.clone();
        card.orders = orders(&card.orders)?;
        if let Some(staff) = card.taken_by
            && !known.staff(staff)?
        {
            card.taken_by = None;
        }
        cards.push(card);
    }
    let mut ended = Vec::with_capacity(news.over.len());
    for over in &news.over {
        if known.card(over.card)? {
            ended.push(Over {
                orders: orders(&over.orders)?,
                ..over.clone()
            });
        }
    }
    let mut calls = news.calls.clone();
    calls.retain(|called| cards.iter().any(|card| card.card == called.card));
    Ok(DeskNews {
        cards,
        calls,
        held: orders(&news.held)?,
        released: orders(&news.released)?,
        completed: orders(&news.completed)?,
        cancelled: orders(&news.cancelled)?,
        over: ended,
    })
}

/// How things stand in a store.
pub fn state(db: &Connection, now_ms: u64, store: &StoreId) -> Result<State, StoreError> {
    let mut customers: BTreeMap<CustomerId, Customer> = BTreeMap::new();
    let mut orders = Vec::new();
    let mut skus = BTreeSet::new();
    for id in homes::orders(db, store, now_ms.saturating_sub(CLOSED_TOLD_MS))? {
        let row = orders::order(db, id)?;
        if let btree_map::Entry::Vacant(place) = customers.entry(row.customer) {
            let Some(customer) = customer(db, now_ms, row.customer)? else {
                continue;
            };
            place.insert(customer);
        }
        skus.extend(row.lines.iter().map(|(sku, _)| sku.clone()));
        orders.push(row);
    }
    let mut words = homes::words(db, now_ms, store)?;
    words.retain(|word| customers.contains_key(&word.customer));
    Ok(State {
        store: shop::store(db, store)?,
        certainty: plan::certainty(db, store)?,
        zones: zones(db, store)?,
        anchors: anchors(db, store)?,
        surveyed: plan::surveyed(db, store)?,
        gateways: gateways(db, store)?,
        displays: displays(db, store)?,
        staff: staff(db, store)?,
        products: skus
            .iter()
            .map(|sku| catalogue::product(db, sku))
            .collect::<Result<_, _>>()?,
        customers: customers.into_values().collect(),
        orders,
        words,
        seals: seals::rows(db, store)?,
        settings: settings(db, store)?,
    })
}

/// None: she did not agree.
fn customer(
    db: &Connection,
    now_ms: u64,
    customer: CustomerId,
) -> Result<Option<Customer>, StoreError> {
    let [arrival, ..] = people::consent_since(db, customer)?;
    let Some(arrival_since_ms) = arrival else {
        return Ok(None);
    };
    let radios = homes::radios(db, now_ms, customer)?;
    Ok(Some(Customer {
        row: people::customer(db, customer)?,
        arrival_since_ms,
        radios: radios.iter().map(|row| row.radio).collect(),
    }))
}

pub(super) fn settings(
    db: &Connection,
    store: &StoreId,
) -> Result<Vec<(GatewayId, SignedSettings)>, StoreError> {
    let gateways = gateways(db, store)?.into_iter();
    settings::rows(db, store, gateways.map(|(gateway, _)| gateway))
}

pub(super) fn zones(db: &Connection, store: &StoreId) -> Result<Vec<Zone>, StoreError> {
    let mut areas = plan::areas(db, store)?;
    let names = shop::zone_names(db, store)?.into_iter();
    let zone = |(zone, names)| Zone {
        area: areas.remove(&zone),
        zone,
        names,
    };
    Ok(names.map(zone).collect())
}

pub(super) fn anchors(
    db: &Connection,
    store: &StoreId,
) -> Result<Vec<(shop::AnchorRow, Option<engine::input::Place>)>, StoreError> {
    let mut places = plan::places(db, store)?;
    let mut rows = shop::anchors(db, store)?;
    rows.sort_by(|a, b| a.anchor.cmp(&b.anchor));
    let placed = |row: shop::AnchorRow| {
        let place = places.remove(&row.anchor);
        (row, place)
    };
    Ok(rows.into_iter().map(placed).collect())
}

pub(super) fn gateways(
    db: &Connection,
    store: &StoreId,
) -> Result<Vec<(GatewayId, String)>, StoreError> {
    let all = homes::gateways(db, store)?.into_iter();
    Ok(all
        .map(|(gateway, hash)| (gateway, hex::encode(hash)))
        .collect())
}

pub(super) fn displays(
    db: &Connection,
    store: &StoreId,
) -> Result<Vec<(DisplayId, String)>, StoreError> {
    let all = displays::of(db, store)?.into_iter();
    Ok(all
        .map(|(display, hash)| (display, hex::encode(hash)))
        .collect())
}

/// Operators of the chain too: who may enter every store may enter its board when the line is down.
fn staff(db: &Connection, store: &StoreId) -> Result<Vec<StaffRow>, StoreError> {
    homes::staff(db, store)
}

/// What the radios of these customers will advertise, as far ahead as a home may know; of those
/// alone who have an order in this store and agreed.
pub fn identities(
    db: &Connection,
    now_ms: u64,
    store: &StoreId,
    wanted: &[CustomerId],
) -> Result<Vec<Identities>, StoreError> {
    let mut all = Vec::new();
    for &customer in wanted {
        let [arrival, ..] = people::consent_since(db, customer)?;
        let open = orders::open_order_stores(db, customer)?;
        if arrival.is_none() || !open.contains(store) {
            continue;
        }
        for radio in homes::radios(db, now_ms, customer)? {
            all.push(ahead(&radio, now_ms));
        }
    }
    Ok(all)
}

/// Quanta from the one before the present one on, since clocks differ by a minute.
fn ahead(radio: &RadioRow, now_ms: u64) -> Identities {
    let quantum_s = u64::from(QUANTUM_S);
    let now_s = now_ms / 1_000;
    let into_s = u64::from(device_time_s(now_s, radio.clock_offset_s) % QUANTUM_S);
    let from_s = now_s.saturating_sub(into_s + quantum_s);
    let until_ms = radio
        .valid_to_ms
        .map_or(u64::MAX, |to| to)
        .min(now_ms + IDENTITIES_AHEAD_MS);
    let mut eids = Vec::new();
    for start_s in (from_s..until_ms / 1_000).step_by(QUANTUM_S as usize) {
        let start = quantum_start(
            device_time_s(start_s, radio.clock_offset_s),
            ROTATION_EXPONENT,
        );
        eids.extend(radio.key.eid(start, ROTATION_EXPONENT).0);
    }
    Identities {
        radio: radio.radio,
        customer: radio.customer,
        from_s,
        eids: hex::encode(eids),
    }
}
