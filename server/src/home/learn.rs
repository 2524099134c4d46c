//! The machine in the store: takes over how things stand, and writes its journal.
//!
//! In: what the central server says. Out: rows, and inputs of the engine for what has changed.
//! Promises: what is told twice changes nothing; what was completed at this desk stays so, whatever
//! the shop says of it.
//! Invariant: who is not told of any more is forgotten in the same transaction, with her name, her
//! orders, her cards and her identities.

use std::collections::BTreeSet;

use engine::{
    Input,
    input::{DeskNews, Observation, OrderState},
};
use protocol::{CustomerId, RadioId, StaffId, StoreId};
use rusqlite::Connection;

use super::{
    Claimed, Customer, IDENTITIES_AHEAD_MS, Identities, Says, State, WORD_MS, Word, central,
};
use crate::{
    api::app::{coming::say_coming, share::say_collects, sightings::say_here},
    pipeline::Txn,
    store::{
        StoreError, access, catalogue, displays,
        home::{self, Line},
        homes, orders, people,
        people::{ConsentEntry, PURPOSES},
        plan, seals, settings, shop,
    },
};

/// A home knows what a radio advertises for at least so long; else it asks again.
const ASK_AGAIN_MS: u64 = IDENTITIES_AHEAD_MS - 2 * 3_600_000;

/// The desk is ours: what is on it is taken over as it lies.
pub fn take_desk(txn: &mut Txn<'_>, claimed: &Claimed, state: &State) -> Result<(), StoreError> {
    let line = Line {
        store: claimed.store.clone(),
        epoch: claimed.epoch,
        word_n: 0,
        told_ms: txn.now_ms,
    };
    home::put_line(txn.db, &line)?;
    txn.has_desk();
    learn(txn, state)?;
    let here: Vec<CustomerId> = claimed
        .desk
        .cards
        .iter()
        // Who stands there for somebody is no radio of hers.
        .filter(|card| card.journey.is_here() && !card.somebody_else)
        .map(|card| card.customer)
        .collect();
    txn.feed(&claimed.store, Input::Desk(told_here(state, &claimed.desk)))?;
    // Nobody has heard them here yet: that they were here a moment ago counts as their own word.
    for customer in here {
        say_here(txn, customer, RadioId(customer.0), &claimed.store)?;
    }
    Ok(())
}

/// Cards of customers whom this home is told of.
fn told_here(state: &State, desk: &DeskNews) -> DeskNews {
    let known: BTreeSet<CustomerId> = state.customers.iter().map(|c| c.row.customer).collect();
    let mut desk = desk.clone();
    desk.cards.retain(|card| known.contains(&card.customer));
    desk
}

/// Takes over how things stand.
pub fn learn(txn: &mut Txn<'_>, state: &State) -> Result<(), StoreError> {
    let store = state.store.store.clone();
    learn_store(txn, state)?;
    for row in &state.staff {
        if access::staff_by_login(txn.db, &row.login)?.as_ref() != Some(row) {
            access::put_staff(txn.db, txn.now_ms, row)?;
        }
    }
    for row in &state.products {
        if catalogue::find_product(txn.db, &row.sku)?.as_ref() != Some(row) {
            catalogue::put_product(txn.db, row, txn.now_ms)?;
        }
    }
    for customer in &state.customers {
        learn_customer(txn, customer)?;
    }
    learn_orders(txn, state)?;
    forget_others(txn, state)?;
    hear_words(txn, &store, &state.words)?;
    told(txn)
}

/// Nothing has changed since; but that is known, and as of now.
pub fn told(txn: &mut Txn<'_>) -> Result<(), StoreError> {
    if let Some(mut line) = home::line(txn.db)? {
        line.told_ms = txn.now_ms;
        home::put_line(txn.db, &line)?;
    }
    Ok(())
}

/// Whether the store is known as it is told: then nothing of it is written, since each write wears the
/// card.
fn is_as_told(db: &Connection, state: &State) -> Result<bool, StoreError> {
    let id = &state.store.store;
    let Ok(store) = shop::store(db, id) else {
        return Ok(false);
    };
    let mut staff: Vec<StaffId> = homes::staff(db, id)?.iter().map(|row| row.staff).collect();
    let mut told: Vec<StaffId> = state.staff.iter().map(|row| row.staff).collect();
    staff.sort_unstable();
    told.sort_unstable();
    Ok(store == state.store
        && staff == told
        && plan::certainty(db, id)? == state.certainty
        && central::zones(db, id)? == state.zones
        && central::anchors(db, id)? == state.anchors
        && plan::surveyed(db, id)? == state.surveyed
        && central::gateways(db, id)? == state.gateways
        && seals::rows(db, id)? == state.seals
        && central::settings(db, id)? == state.settings
        && central::displays(db, id)? == state.displays)
}

/// The hash of a gateway's or a display's password.
fn password(hex: &str) -> Result<[u8; 32], StoreError> {
    hex::decode(hex)
        .ok()
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or_else(|| StoreError::Damaged("a password's hash".into()))
}

fn learn_store(txn: &mut Txn<'_>, state: &State) -> Result<(), StoreError> {
    let (db, id) = (txn.db, &state.store.store);
    if is_as_told(db, state)? {
        return Ok(());
    }
    let known = shop::store(db, id).is_ok();
    let before = known.then(|| plan::layout(db, id)).transpose()?;
    shop::put_store(db, &state.store, 1)?;
    plan::put_certainty(db, id, state.certainty)?;
    for zone in &state.zones {
        shop::put_zone(db, id, &zone.zone, &zone.names)?;
        plan::put_area(db, id, &zone.zone, zone.area)?;
    }
    for (anchor, place) in &state.anchors {
        shop::put_anchor(db, id, anchor)?;
        plan::put_place(db, id, &anchor.anchor, &anchor.zone, *place)?;
    }
    plan::put_surveyed(db, id, &state.surveyed)?;
    for (gateway, hash) in &state.gateways {
        shop::put_gateway(db, txn.now_ms, id, gateway, &password(hash)?)?;
    }
    for (display, hash) in &state.displays {
        displays::put(db, txn.now_ms, id, display, &password(hash)?)?;
    }
    for (display, _) in displays::of(db, id)? {
        if !state.displays.iter().any(|(told, _)| *told == display) {
            displays::delete(db, id, &display)?;
        }
    }
    seals::take(db, &state.seals)?;
    settings::take(db, id, &state.settings)?;
    txn.gateways_changed(id);
    let zones: Vec<_> = state.zones.iter().map(|zone| zone.zone.clone()).collect();
    let anchors: Vec<_> = state
        .anchors
        .iter()
        .map(|(a, _)| a.anchor.clone())
        .collect();
    let gateways: Vec<_> = state.gateways.iter().map(|(g, _)| g.clone()).collect();
    let staff: Vec<_> = state.staff.iter().map(|row| row.staff).collect();
    home::keep_only(db, &zones, &anchors, &gateways, &staff)?;
    if before != Some(plan::layout(db, id)?) {
        txn.layout_changed(id)?;
    }
    Ok(())
}

fn learn_customer(txn: &mut Txn<'_>, customer: &Customer) -> Result<(), StoreError> {
    let id = customer.row.customer;
    if people::customer(txn.db, id).ok().as_ref() != Some(&customer.row) {
        home::put_customer(txn.db, txn.now_ms, &customer.row)?;
    }
    let [since_ms, ..] = people::consent_since(txn.db, id)?;
    if since_ms != Some(customer.arrival_since_ms) {
        let arrival = ConsentEntry {
            purpose: PURPOSES[0],
            granted: false,
            text_version: "as told".into(),
            language: customer.row.language.clone(),
            source: "import",
        };
        if since_ms.is_some() {
            people::record_consent(txn.db, txn.now_ms, id, &arrival)?;
        }
        let granted = ConsentEntry {
            granted: true,
            ..arrival
        };
        people::record_consent(txn.db, customer.arrival_since_ms, id, &granted)?;
        txn.consent_changed(id)?;
    }
    Ok(())
}

fn learn_orders(txn: &mut Txn<'_>, state: &State) -> Result<(), StoreError> {
    for row in &state.orders {
        let known = orders::order(txn.db, row.order).ok();
        // Handed over here, for good; the central server hears of it, and says so then.
        let is_done = known.as_ref().is_some_and(|known| !known.state.is_open());
        if is_done || known.as_ref() == Some(row) {
            continue;
        }
        home::put_order(txn.db, txn.now_ms, row)?;
        txn.order_changed(row)?;
    }
    // It went to another store. What nobody may know of any more goes with its customer, and comes
    // back with her.
    for order in home::open_orders(txn.db)? {
        let of = orders::order(txn.db, order)?.customer;
        let is_told = state.customers.iter().any(|c| c.row.customer == of);
        if is_told && !state.orders.iter().any(|row| row.order == order) {
            let row = orders::set_state(
                txn.db,
                txn.now_ms,
                order,
                OrderState::Cancelled,
                orders::News::default(),
            )?;
            txn.order_changed(&row)?;
        }
    }
    Ok(())
}

fn forget_others(txn: &mut Txn<'_>, state: &State) -> Result<(), StoreError> {
    let told: BTreeSet<CustomerId> = state.customers.iter().map(|c| c.row.customer).collect();
    let gone = |customer: &CustomerId| !told.contains(customer);
    let gone: Vec<_> = home::customers(txn.db)?.into_iter().filter(gone).collect();
    txn.erase_all(&gone)?;
    let radios: BTreeSet<RadioId> = state
        .customers
        .iter()
        .flat_map(|c| c.radios.clone())
        .collect();
    for known in home::identities(txn.db)? {
        if !radios.contains(&known.radio) {
            home::forget_radio(txn.db, known.radio)?;
        }
    }
    Ok(())
}

/// Forgets all customers, with their orders; how many there were. The journal stays.
pub fn forget_all(txn: &mut Txn<'_>) -> Result<usize, StoreError> {
    let all = home::customers(txn.db)?;
    txn.erase_all(&all)?;
    Ok(all.len())
}

fn hear_words(txn: &mut Txn<'_>, store: &StoreId, words: &[Word]) -> Result<(), StoreError> {
    let Some(mut line) = home::line(txn.db)? else {
        return Ok(());
    };
    for word in words {
        if word.n <= line.word_n {
            continue;
        }
        line.word_n = word.n;
        if word.at_ms + WORD_MS < txn.now_ms {
            continue;
        }
        hear_word(txn, store, word)?;
    }
    home::put_line(txn.db, &line)
}

fn hear_word(txn: &mut Txn<'_>, store: &StoreId, word: &Word) -> Result<(), StoreError> {
    let customer = word.customer;
    // Her own phone: one radio beside those that gateways hear.
    let radio = RadioId(customer.0);
    match &word.says {
        Says::Coming(how) => say_coming(txn, customer, store, *how).map(|_| ()),
        Says::Here => say_here(txn, customer, radio, store).map(|_| ()),
        Says::Collects { order } => say_collects(txn, customer, store, *order).map(|_| ()),
        Says::Heard {
            anchor,
            heard_first_ms,
            heard_last_ms,
            count,
            rssi_dbm,
        } => {
            let (consent, _) = txn.consent_of(customer, store)?;
            let seen = Observation {
                customer,
                radio,
                anchor: anchor.clone(),
                heard_first_ms: (*heard_first_ms).min(txn.now_ms),
                heard_last_ms: (*heard_last_ms).min(txn.now_ms),
                count: *count,
                rssi_dbm: *rssi_dbm,
                certain: false,
                late: false,
                consent,
            };
            txn.hear(store, vec![seen])
        }
    }
}

/// Whose identities are to be asked for: those of radios that are new, and of those whose time runs
/// out.
pub fn unknown(state: &State, known: &[Identities], now_ms: u64) -> Vec<CustomerId> {
    let lasts = |radio: RadioId| {
        known.iter().any(|row| {
            let quanta = (row.eids.len() / 16) as u64;
            let until_s = row.from_s + quanta * u64::from(protocol::eid::QUANTUM_S);
            row.radio == radio && until_s * 1_000 >= now_ms + ASK_AGAIN_MS
        })
    };
    let open: BTreeSet<CustomerId> = state
        .orders
        .iter()
        .filter(|row| row.state.is_open())
        .map(|row| row.customer)
        .collect();
    state
        .customers
        .iter()
        .filter(|c| open.contains(&c.row.customer) && !c.radios.iter().all(|r| lasts(*r)))
        .map(|customer| customer.row.customer)
        .collect()
}

#[cfg(test)]
mod tests;
