//! A delivery in words: for the app and for the page.
//!
//! In: a row of the outbox. Out: what she reads, with the reasons that were kept with it.
//! Invariant: the reasons come from the decision, not from what is true by now.

use engine::{input::IntentKind, outcome::Decision, template::Gap};
use protocol::{DeliveryId, Sku, ZoneId};
use rusqlite::Connection;
use serde::Serialize;

use super::{
    i18n::{Lang, Money, Texts, percent},
    phone::{MessageView, WhyView},
};
use crate::{
    localtime,
    store::{StoreError, campaigns, outbox, outbox::DeliveryRow, people, shop},
};

/// The class of offers, as the app knows it.
const MARKETING: &str = "marketing";

/// A message as the app gets it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Told {
    /// Which.
    pub delivery: DeliveryId,
    /// `marketing` or `service`.
    pub class: &'static str,
    /// What happened.
    pub title: String,
    /// What to do.
    pub body: String,
    sku: Option<Sku>,
    zone: Option<ZoneId>,
    /// Pointless from then on.
    pub expires_ms: u64,
    /// Why, in sentences.
    why: Vec<String>,
}

impl Told {
    /// Whether it is an offer.
    pub fn is_marketing(&self) -> bool {
        self.class == MARKETING
    }
}

/// The app's version, in the customer's language.
pub fn tell(db: &Connection, row: &DeliveryRow) -> Result<Told, StoreError> {
    let language = people::customer(db, row.customer)?.language;
    let texts = texts(db, row, Lang::from_code(&language).unwrap_or_default())?;
    let mut told = Told {
        delivery: row.delivery,
        class: if row.marketing { MARKETING } else { "service" },
        title: texts.get("app-arrival-title"),
        body: texts.get("app-arrival-body"),
        sku: row.sku.clone(),
        zone: None,
        expires_ms: row.relevant_until_ms,
        why: vec![texts.get("app-arrival-why")],
    };
    if let Some(decision) = decision(db, row)? {
        let view = offer(db, row, &decision, &texts)?;
        if let Some((title, body)) = words(db, row, &texts, view.as_ref())? {
            (told.title, told.body) = (title, body);
        }
        told.zone = decision.moment.as_ref().map(|moment| moment.zone.clone());
        told.why = view.map_or_else(Vec::new, |view| why(&texts, &view, row.created_ms));
    }
    Ok(told)
}

/// The campaign's words with this shopper's product in them. The version is the one that was decided
/// on; none if a gap stays empty by now, which the decision had ruled out.
fn words(
    db: &Connection,
    row: &DeliveryRow,
    texts: &Texts,
    view: Option<&MessageView>,
) -> Result<Option<(String, String)>, StoreError> {
    let Some((campaign, version)) = row.campaign else {
        return Ok(None);
    };
    let Some(version) = campaigns::version(db, campaign, version)? else {
        return Ok(None);
    };
    let language = if texts.lang == Lang::Nl { "nl" } else { "en" };
    let Some(words) = version.campaign.content.0.get(language) else {
        return Ok(None);
    };
    let given_name = people::customer(db, row.customer)?.given_name;
    let store = shop::store(db, &row.store)?.name;
    let value = |gap: Gap| match (gap, view) {
        (Gap::GivenName, _) => Some(given_name.clone()),
        (Gap::Store, _) => Some(store.clone()),
        (Gap::Product, Some(view)) => Some(view.product.clone()),
        (Gap::Price, Some(view)) => view.price.as_ref().map(|price| texts.money(price)),
        (Gap::Zone, Some(view)) => Some(view.zone.clone()),
        (Gap::Shelf, Some(view)) => view.shelf.clone(),
        (Gap::Place, Some(view)) => Some(place(view)),
        _ => None,
    };
    let said = words
        .title
        .fill(value)
        .and_then(|title| Ok((title, words.body.fill(value)?)));
    Ok(said.ok())
}

/// Words for the store that a row came from.
pub fn texts(db: &Connection, row: &DeliveryRow, lang: Lang) -> Result<Texts, StoreError> {
    let zone = localtime::zone(&shop::store(db, &row.store)?.timezone);
    Ok(Texts::new(lang, zone))
}

/// The decision behind a row; none for service messages.
fn decision(db: &Connection, row: &DeliveryRow) -> Result<Option<Decision>, StoreError> {
    match row.decision {
        Some(decision) => outbox::decision_body(db, decision),
        None => Ok(None),
    }
}

/// An offer of a product as the page shows it; none for other messages.
pub fn view(
    db: &Connection,
    row: &DeliveryRow,
    texts: &Texts,
) -> Result<Option<MessageView>, StoreError> {
    match decision(db, row)? {
        Some(decision) => offer(db, row, &decision, texts),
        None => Ok(None),
    }
}

fn offer(
    db: &Connection,
    row: &DeliveryRow,
    decision: &Decision,
    texts: &Texts,
) -> Result<Option<MessageView>, StoreError> {
    let (Some(sku), Some(facts)) = (&row.sku, &decision.facts) else {
        return Ok(None);
    };
    let Some(candidate) = facts.candidates.iter().find(|c| c.sku == *sku) else {
        return Ok(None);
    };
    let Some(zone) = &candidate.zone else {
        return Ok(None);
    };
    let product = shop::product(db, sku)?;
    let store = shop::store(db, &row.store)?;
    let names = shop::zone_names(db, &row.store)?;
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
        zone: names.get(zone).map_or_else(|| zone.to_string(), said),
        shelf: candidate.shelf.clone(),
        stock: candidate.stock,
        why: WhyView {
            intent: candidate.intent,
            online_ms: candidate.last_ms,
            views: candidate.views,
            zone_ms: row.created_ms,
            share: decision.share,
            number_today: u32::try_from(facts.told_today())
                .unwrap_or(u32::MAX)
                .saturating_add(1),
            max_today: store.messages_per_day_max,
        },
    };
    Ok(Some(view))
}

fn place(view: &MessageView) -> String {
    match &view.shelf {
        Some(shelf) => format!("{}, {shelf}", view.zone),
        None => view.zone.clone(),
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
        IntentKind::Read => ("why-read", "why-rule-read"),
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
