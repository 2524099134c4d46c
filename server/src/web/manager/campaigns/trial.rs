//! A message to be looked at on the manager's own phone; see [`crate::web::trials`].
//!
//! In: a saved campaign, a zone, perhaps a shopper. Out: a link that opens for a quarter of an hour.
//! Of the shopper it takes only which product suits her best, and by what: not her name, not when.
//! Invariant: reads alone.

use engine::{
    campaign::{About, Campaign},
    input::{Candidate, IntentKind},
};
use protocol::{CampaignId, CustomerId, Sku, StoreId, ZoneId};
use rusqlite::Connection;

use super::{Desk, FormView, Outcome, nobody, shopper, zone_of};
use crate::{
    api::campaigns as api,
    clock,
    pipeline::facts_now,
    store::{StoreError, campaigns, loyalty::rules, shelves, shop},
    web::{
        campaigns::TrialLink,
        i18n::{Lang, Texts},
        messages::{self, Example},
        qr::Qr,
        routes::PageError,
        trial::Shown,
        trials::{self, Trial},
    },
};

/// Whom the example is about.
const GIVEN_NAME: &str = "Eva";
/// What she did, she did so long ago and looked so often.
const AGO_MS: u64 = 26 * 3_600_000;
const VIEWS: u32 = 2;

/// Why there is no trial.
#[derive(Clone, Copy)]
enum Without {
    Shopper,
    Product,
    Reward,
}

pub(super) async fn made(
    desk: &Desk,
    campaign: CampaignId,
    form: &FormView,
) -> Result<Outcome, PageError> {
    let texts = desk.lintel.texts.clone();
    let (store, zone) = (desk.lintel.store.clone(), zone_of(form)?);
    let (external_id, now_ms) = (form.external_id.clone(), clock::now_ms());
    let read = desk.app.readers.read(move |db| {
        let customer = match external_id.trim().is_empty() {
            true => None,
            false => match shopper(db, &external_id)? {
                Some(customer) => Some(customer),
                None => return Ok(Err(Without::Shopper)),
            },
        };
        let newest = campaigns::one(db, campaign)?.newest.campaign;
        look(db, now_ms, &store, &newest, customer, &zone)
    });
    let trial = match read.await? {
        Ok(trial) => trial,
        Err(without) => return Ok(refused(&texts, without)),
    };
    let (path, until_ms) = trials::open(&desk.app, trial, now_ms)?;
    let url = format!("{}{path}", desk.base);
    Ok(Outcome {
        trial: Some(TrialLink {
            qr: Qr::of(&url),
            url,
            path,
            until: texts.clock(until_ms),
        }),
        ..Outcome::default()
    })
}

fn refused(texts: &Texts, without: Without) -> Outcome {
    let why = match without {
        Without::Shopper => return nobody(texts),
        Without::Product => texts.get("trial-no-product"),
        Without::Reward => texts.get("trial-no-reward"),
    };
    Outcome {
        wrong: vec![("in_zone", why)],
        ..Outcome::default()
    }
}

fn look(
    db: &Connection,
    now_ms: u64,
    store: &StoreId,
    campaign: &Campaign,
    customer: Option<CustomerId>,
    zone: &ZoneId,
) -> Result<Result<Trial, Without>, StoreError> {
    let about = match &campaign.about {
        About::Store => Example::Store,
        About::Reward { expires_within_ms } => match rules::published(db)?.into_iter().next() {
            Some(rule) => Example::Reward(rule.name, now_ms.saturating_add(*expires_within_ms)),
            None => return Ok(Err(Without::Reward)),
        },
        About::Product(_) => match product(db, now_ms, store, campaign, customer, zone)? {
            Some(candidate) => Example::Product(Box::new(candidate)),
            None => return Ok(Err(Without::Product)),
        },
    };
    let row = shop::store(db, store)?;
    let time_zone = crate::localtime::zone(&row.timezone);
    let shown = |lang: Lang| -> Result<Shown, StoreError> {
        if !campaign.content.0.contains_key(lang.code()) {
            return Ok(Shown::NoWords);
        }
        let texts = Texts::new(lang, time_zone.clone());
        let (whose, what) = ((GIVEN_NAME, zone), (campaign, &about));
        let message = messages::example(db, store, whose, what, &texts, now_ms)?;
        Ok(message.map_or(Shown::Missing, |message| Shown::Told(Box::new(message))))
    };
    Ok(Ok(Trial {
        nl: shown(Lang::Nl)?,
        en: shown(Lang::En)?,
        store_name: row.name,
        zone: time_zone,
    }))
}

/// The product that suits her best, else one that can be had.
fn product(
    db: &Connection,
    now_ms: u64,
    store: &StoreId,
    campaign: &Campaign,
    customer: Option<CustomerId>,
    zone: &ZoneId,
) -> Result<Option<Candidate>, StoreError> {
    let best = match customer {
        Some(customer) => best(db, now_ms, store, campaign, customer, zone)?,
        None => None,
    };
    let wanted = match &campaign.about {
        About::Product(rule) => rule.intents.first().copied(),
        About::Reward { .. } | About::Store => None,
    };
    let found = match best {
        Some((sku, intent)) => {
            let shelf = shelves::of(db, store, std::iter::once(&sku))?.remove(&sku);
            shelf.map(|shelf| (sku, shelf, intent))
        }
        None => shelves::example(db, store, zone)?
            .map(|(sku, shelf)| (sku, shelf, wanted.unwrap_or(IntentKind::Wishlisted))),
    };
    Ok(found.map(|(sku, shelf, intent)| Candidate {
        sku,
        intent,
        views: VIEWS,
        last_ms: now_ms.saturating_sub(AGO_MS),
        read_ms: None,
        zone: shelf.zone,
        shelf: shelf.shelf,
        stock: shelf.stock,
        back_ms: None,
        price_minor: shelf.price_minor,
        wished_price_minor: None,
        affinity: 0.0,
    }))
}

fn best(
    db: &Connection,
    now_ms: u64,
    store: &StoreId,
    campaign: &Campaign,
    customer: CustomerId,
    zone: &ZoneId,
) -> Result<Option<(Sku, IntentKind)>, StoreError> {
    let seen = api::try_on(db, now_ms, campaign.clone(), store, customer, zone.clone())?;
    let best = seen.considered.into_iter().find(|c| c.out.is_none());
    let Some(best) = best else {
        return Ok(None);
    };
    let facts = facts_now(db, now_ms, store, customer, std::slice::from_ref(campaign))?;
    let candidate = facts.candidates.into_iter().find(|c| c.sku == best.sku);
    Ok(candidate.map(|candidate| (candidate.sku, candidate.intent)))
}
