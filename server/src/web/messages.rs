//! A delivery in words: for the app and for the page.
//!
//! In: a row of the outbox. Out: what she reads, with the reasons that were kept with it.
//! Invariant: the reasons come from the decision, not from what is true by now.

use std::collections::BTreeSet;

use engine::{
    campaign::Campaign,
    input::{Candidate, MatchFacts, OrderKind},
    outcome::{Choice, Decision, Subject},
    template::Gap,
};
use protocol::{CustomerId, DeliveryId, Sku, StoreId, ZoneId};
use rusqlite::Connection;
use serde::Serialize;

use super::{
    i18n::{Lang, Money, Texts, percent},
    phone::{MessageView, ProductView, WhyView},
};
use crate::{
    localtime,
    store::{
        StoreError, board, campaigns, catalogue,
        loyalty::rewards,
        orders, outbox,
        outbox::DeliveryRow,
        people,
        shop::{self, Names},
    },
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
    pub(crate) why: Vec<String>,
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
        title: String::new(),
        body: String::new(),
        sku: row.sku.clone(),
        zone: None,
        expires_ms: row.relevant_until_ms,
        why: Vec::new(),
    };
    if let Some(order) = row.order {
        let order = orders::order(db, order)?;
        let store = shop::store(db, &order.store)?.name;
        let number = order.external_id;
        let kind = match order.kind {
            OrderKind::Reservation => "reservation",
            OrderKind::TryOn => "try_on",
            OrderKind::ClickAndCollect | OrderKind::Return | OrderKind::Help => "order",
        };
        told.title = texts.with("app-ready-title", "kind", kind);
        told.body = texts.with2("app-ready-body", "number", number, "store", store);
        told.why = vec![texts.get("app-ready-why")];
    } else if let Some((view, decision)) = offer(db, row, &texts)? {
        told.why = why(&texts, &view, row.created_ms);
        (told.title, told.body) = (view.title, view.body);
        told.zone = decision.moment.map(|moment| moment.zone);
    } else if row.marketing {
        // What it rested on is gone with her consent, and nothing else may stand in its place.
        return Err(StoreError::NotFound("words for this message"));
    } else {
        let (what, title, body) = arrival(db, row, &texts)?;
        (told.title, told.body) = (title, body);
        told.why = vec![texts.with("app-arrival-why", "what", what)];
    }
    Ok(told)
}

/// That staff know of her: what for, as the words tell it apart, title and body.
fn arrival(
    db: &Connection,
    row: &DeliveryRow,
    texts: &Texts,
) -> Result<(&'static str, String, String), StoreError> {
    let card = row.card.map(|card| board::card(db, &row.store, card));
    let card = card.transpose()?;
    let kinds: BTreeSet<OrderKind> = card
        .iter()
        .flat_map(|c| &c.orders)
        .map(|o| o.kind)
        .collect();
    let collected = |kind: &OrderKind| !matches!(kind, OrderKind::Help | OrderKind::Return);
    let what = match &card {
        Some(card) if card.card.somebody_else => "somebody_else",
        _ if kinds.iter().any(collected) => "order",
        _ if kinds.contains(&OrderKind::Return) => "return",
        // She called; or what she came for is gone from the card, and somebody comes all the same.
        _ => "help",
    };
    let title = texts.with("app-arrival-title", "what", what);
    let body = match what {
        "somebody_else" => {
            let orders = card.iter().flat_map(|card| &card.orders);
            let numbers: Vec<&str> = orders.map(|order| order.external_id.as_str()).collect();
            texts.with2(
                "app-arrival-body",
                "what",
                what,
                "number",
                numbers.join(", "),
            )
        }
        _ => texts.with2("app-arrival-body", "what", what, "number", ""),
    };
    Ok((what, title, body))
}

/// What a campaign would say to her, by a choice that was not kept; none if it is silent.
pub(crate) fn preview(
    db: &Connection,
    store: &StoreId,
    customer: CustomerId,
    campaign: &Campaign,
    choice: &Choice,
    facts: &MatchFacts,
) -> Result<Option<(String, String)>, StoreError> {
    let Choice::Notify { subject, .. } = choice else {
        return Ok(None);
    };
    let lang = Lang::from_code(&facts.language).unwrap_or_default();
    let zone = localtime::zone(&shop::store(db, store)?.timezone);
    let texts = Texts::new(lang, zone);
    let about = about(db, store, subject, facts, &texts)?;
    let given_name = people::customer(db, customer)?.given_name;
    filled(db, store, &given_name, &texts, campaign, &about)
}

/// What a message is about that is shown to nobody.
pub(crate) enum Example {
    /// A product of the store.
    Product(Box<Candidate>),
    /// A reward, and its last moment.
    Reward(Names, u64),
    /// The store itself.
    Store,
}

/// A message as its page would show it to somebody of this name who stands in this zone now; none:
/// there are no words in the language, or one of their gaps stays empty.
pub(crate) fn example(
    db: &Connection,
    store: &StoreId,
    (given_name, zone): (&str, &ZoneId),
    (campaign, about): (&Campaign, &Example),
    texts: &Texts,
    now_ms: u64,
) -> Result<Option<MessageView>, StoreError> {
    let about = match about {
        Example::Product(candidate) => Filling {
            product: product(db, store, candidate, texts)?,
            reward: None,
        },
        Example::Reward(name, last_ms) => Filling {
            product: None,
            reward: Some((texts.said(name), texts.date(*last_ms))),
        },
        Example::Store => Filling::default(),
    };
    let Some((title, body)) = filled(db, store, given_name, texts, campaign, &about)? else {
        return Ok(None);
    };
    Ok(Some(MessageView {
        delivery: DeliveryId::at(now_ms, [0; 10]),
        sent_ms: now_ms,
        title,
        body,
        product: about.product,
        reward: about.reward.is_some(),
        why: WhyView {
            zone: zone_said(db, store, zone, texts)?,
            zone_ms: now_ms,
            share: 1.0,
            number_today: 1,
            max_today: shop::store(db, store)?.messages_per_day_max,
        },
    }))
}

/// What fills a message's gaps, beside her name and the store's.
#[derive(Default)]
struct Filling {
    product: Option<ProductView>,
    /// What it is, and until when it is hers.
    reward: Option<(String, String)>,
}

fn about(
    db: &Connection,
    store: &StoreId,
    subject: &Subject,
    facts: &MatchFacts,
    texts: &Texts,
) -> Result<Filling, StoreError> {
    Ok(match subject {
        Subject::Product { sku } => Filling {
            product: match facts.candidates.iter().find(|c| c.sku == *sku) {
                Some(candidate) => product(db, store, candidate, texts)?,
                None => None,
            },
            reward: None,
        },
        Subject::Reward { reward } => Filling {
            product: None,
            reward: rewards::one(db, *reward)?
                .map(|row| (texts.said(&row.name), texts.date(row.last_ms()))),
        },
        Subject::Store => Filling::default(),
    })
}

/// A campaign's title and body with their gaps filled; none if one stays empty, or if there are no
/// words in her language.
fn filled(
    db: &Connection,
    store: &StoreId,
    given_name: &str,
    texts: &Texts,
    campaign: &Campaign,
    about: &Filling,
) -> Result<Option<(String, String)>, StoreError> {
    let Some(words) = campaign.content.0.get(texts.lang.code()) else {
        return Ok(None);
    };
    let store = shop::store(db, store)?.name;
    let product = about.product.as_ref();
    let value = |gap: Gap| match (gap, product) {
        (Gap::GivenName, _) => Some(given_name.to_owned()),
        (Gap::Store, _) => Some(store.clone()),
        (Gap::Product, Some(product)) => Some(product.name.clone()),
        (Gap::Price, Some(product)) => product.price.as_ref().map(|price| texts.money(price)),
        (Gap::Zone, Some(product)) => Some(product.zone.clone()),
        (Gap::Shelf, Some(product)) => product.shelf.clone(),
        (Gap::Place, Some(product)) => Some(product.place()),
        (Gap::Reward, _) => about.reward.as_ref().map(|(name, _)| name.clone()),
        (Gap::RewardUntil, _) => about.reward.as_ref().map(|(_, until)| until.clone()),
        _ => None,
    };
    let title = words.title.fill(value);
    let said = title.and_then(|title| Ok((title, words.body.fill(value)?)));
    Ok(said.ok())
}

/// Words for the store that a row came from.
pub fn texts(db: &Connection, row: &DeliveryRow, lang: Lang) -> Result<Texts, StoreError> {
    let zone = localtime::zone(&shop::store(db, &row.store)?.timezone);
    Ok(Texts::new(lang, zone))
}

/// An offer as the page shows it; none for other messages.
pub fn view(
    db: &Connection,
    row: &DeliveryRow,
    texts: &Texts,
) -> Result<Option<MessageView>, StoreError> {
    Ok(offer(db, row, texts)?.map(|(view, _)| view))
}

/// An offer with the decision behind it. The words are of the version that was decided on.
fn offer(
    db: &Connection,
    row: &DeliveryRow,
    texts: &Texts,
) -> Result<Option<(MessageView, Decision)>, StoreError> {
    let (Some(id), Some((campaign, version))) = (row.decision, row.campaign) else {
        return Ok(None);
    };
    let Some(decision) = outbox::decision_body(db, id)? else {
        return Ok(None);
    };
    let (Some(facts), Some(moment)) = (&decision.facts, &decision.moment) else {
        return Ok(None);
    };
    let Some(version) = campaigns::version(db, campaign, version)? else {
        return Ok(None);
    };
    let Choice::Notify { subject, .. } = &decision.choice else {
        return Ok(None);
    };
    let about = about(db, &row.store, subject, facts, texts)?;
    let campaign = &version.campaign;
    let given_name = people::customer(db, row.customer)?.given_name;
    let words = filled(db, &row.store, &given_name, texts, campaign, &about)?;
    let Some((title, body)) = words else {
        return Ok(None);
    };
    let number_today = u32::try_from(facts.told_today()).unwrap_or(u32::MAX);
    let view = MessageView {
        delivery: row.delivery,
        sent_ms: row.created_ms,
        title,
        body,
        product: about.product,
        reward: about.reward.is_some(),
        why: WhyView {
            zone: zone_said(db, &row.store, &moment.zone, texts)?,
            zone_ms: row.created_ms,
            share: decision.share,
            number_today: number_today.saturating_add(1),
            max_today: shop::store(db, &row.store)?.messages_per_day_max,
        },
    };
    Ok(Some((view, decision)))
}

/// A zone that was taken away is called by its id.
fn zone_said(
    db: &Connection,
    store: &StoreId,
    zone: &ZoneId,
    texts: &Texts,
) -> Result<String, StoreError> {
    let names = shop::zone_names(db, store)?;
    let name = names.get(zone).map(|names| texts.said(names));
    Ok(name.unwrap_or_else(|| zone.to_string()))
}

/// The product of an offer, as the facts had it.
fn product(
    db: &Connection,
    store: &StoreId,
    candidate: &Candidate,
    texts: &Texts,
) -> Result<Option<ProductView>, StoreError> {
    let Some(zone) = &candidate.zone else {
        return Ok(None);
    };
    let product = catalogue::product(db, &candidate.sku)?;
    let price = (product.price_minor > 0).then(|| Money {
        minor: i64::try_from(product.price_minor).unwrap_or(i64::MAX),
        currency: product.currency,
    });
    Ok(Some(ProductView {
        name: texts.said(&product.name),
        price,
        zone: zone_said(db, store, zone, texts)?,
        shelf: candidate.shelf.clone(),
        stock: candidate.stock,
        intent: candidate.intent,
        online_ms: candidate.last_ms,
        views: candidate.views,
    }))
}

/// The same sentences that the page shows under "Waarom krijg ik dit?".
fn why(texts: &Texts, view: &MessageView, now_ms: u64) -> Vec<String> {
    let WhyView {
        zone,
        zone_ms,
        share,
        number_today,
        max_today,
    } = &view.why;
    let online = view.product.as_ref().map(|product| {
        let when = texts.moment(product.online_ms, now_ms);
        format!(
            "{}: {}",
            texts.with("why-online", "when", when),
            product.online(texts)
        )
    });
    let when = texts.moment(zone_ms, now_ms);
    let then = [
        texts.with2("why-zone", "when", when, "zone", zone.clone()),
        texts.with("why-sure", "percent", u32::from(percent(share))),
        view.rule(texts),
        texts.with2("why-cap", "number", *number_today, "max", *max_today),
    ];
    online.into_iter().chain(then).collect()
}

#[cfg(test)]
mod tests;
