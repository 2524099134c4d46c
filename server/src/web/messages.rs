//! A delivery in words: for the app and for the page.
//!
//! In: a row of the outbox. Out: what she reads, with the reasons that were kept with it.
//! Invariant: the reasons come from the decision, not from what is true by now.

use engine::input::IntentKind;
use protocol::{DeliveryId, Sku, ZoneId};
use rusqlite::Connection;
use serde::Serialize;

use super::{
    i18n::{Lang, Money, Texts, percent},
    phone::{MessageView, WhyView},
};
use crate::{
    localtime,
    store::{StoreError, outbox, outbox::DeliveryRow, people, shop},
};

/// A message as the app gets it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Told {
    delivery: DeliveryId,
    /// `marketing` or `service`.
    class: &'static str,
    title: String,
    body: String,
    sku: Option<Sku>,
    zone: Option<ZoneId>,
    expires_ms: u64,
    /// Why, in sentences.
    why: Vec<String>,
}

/// The app's version, in the customer's language.
pub fn tell(db: &Connection, row: &DeliveryRow) -> Result<Told, StoreError> {
    let language = people::customer(db, row.customer)?.language;
    let texts = texts(db, row, Lang::from_code(&language).unwrap_or_default())?;
    let mut told = Told {
        delivery: row.delivery,
        class: if row.marketing {
            "marketing"
        } else {
            "service"
        },
        title: texts.get("app-arrival-title"),
        body: texts.get("app-arrival-body"),
        sku: row.sku.clone(),
        zone: None,
        expires_ms: row.relevant_until_ms,
        why: vec![texts.get("app-arrival-why")],
    };
    if let Some((view, zone)) = offer(db, row, &texts)? {
        told.title = texts.get("message-heading");
        told.body = format!("{}. {}", view.product, place(&texts, &view));
        told.zone = Some(zone);
        told.why = why(&texts, &view, row.created_ms);
    }
    Ok(told)
}

/// Words for the store that a row came from.
pub fn texts(db: &Connection, row: &DeliveryRow, lang: Lang) -> Result<Texts, StoreError> {
    let zone = localtime::zone(&shop::store(db, &row.store)?.timezone);
    Ok(Texts::new(lang, zone))
}

/// An offer as the page shows it, and its zone; none for other messages.
pub fn offer(
    db: &Connection,
    row: &DeliveryRow,
    texts: &Texts,
) -> Result<Option<(MessageView, ZoneId)>, StoreError> {
    let (Some(sku), Some(decision)) = (&row.sku, row.decision) else {
        return Ok(None);
    };
    let Some(decision) = outbox::decision_body(db, decision)? else {
        return Ok(None);
    };
    let (Some(zone), Some(facts)) = (decision.zone, decision.facts) else {
        return Ok(None);
    };
    let Some(candidate) = facts.candidates.into_iter().find(|c| c.sku == *sku) else {
        return Ok(None);
    };
    let product = shop::product(db, sku)?;
    let store = shop::store(db, &row.store)?;
    let names = shop::zone_names(db, &row.store)?;
    let shelf = shop::placement(db, &row.store, sku)?.and_then(|p| p.shelf);
    let said = |names: &shop::Names| match texts.lang {
        Lang::Nl => names.nl.clone(),
        Lang::En => names.en.clone(),
    };
    let view = MessageView {
        delivery: row.delivery,
        sent_ms: row.created_ms,
        product: said(&product.name),
        price: Some(Money {
            minor: i64::try_from(product.price_minor).unwrap_or(i64::MAX),
            currency: product.currency,
        }),
        zone: names.get(&zone).map_or_else(|| zone.to_string(), said),
        shelf,
        stock: candidate.stock,
        why: WhyView {
            intent: candidate.intent,
            online_ms: candidate.last_ms,
            views: candidate.views,
            zone_ms: row.created_ms,
            share: decision.share,
            number_today: facts.messages_today + 1,
            max_today: store.messages_per_day_max,
        },
    };
    Ok(Some((view, zone)))
}

fn place(texts: &Texts, view: &MessageView) -> String {
    match &view.shelf {
        Some(shelf) => texts.with2(
            "message-shelf",
            "zone",
            view.zone.clone(),
            "shelf",
            shelf.clone(),
        ),
        None => texts.with("message-zone", "zone", view.zone.clone()),
    }
}

/// The same sentences that the page shows under "Waarom krijg ik dit?".
fn why(texts: &Texts, view: &MessageView, now_ms: u64) -> Vec<String> {
    let WhyView {
        intent,
        online_ms,
        views,
        zone_ms,
        share,
        number_today,
        max_today,
    } = &view.why;
    let (did, rule) = match intent {
        IntentKind::Carted => ("why-carted", "why-rule-carted"),
        IntentKind::Wishlisted => ("why-wishlisted", "why-rule-wishlisted"),
        IntentKind::Viewed | IntentKind::Ordered => ("why-viewed", "why-rule-viewed"),
    };
    let online = texts.with("why-online", "when", texts.moment(online_ms, now_ms));
    let when = texts.moment(zone_ms, now_ms);
    vec![
        format!("{online}: {}", texts.with(did, "views", *views)),
        texts.with2("why-zone", "when", when, "zone", view.zone.clone()),
        texts.with("why-sure", "percent", u32::from(percent(share))),
        texts.get(rule),
        texts.with2("why-cap", "number", *number_today, "max", *max_today),
    ]
}
