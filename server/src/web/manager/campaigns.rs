//! The messages' desk: which run, and one to be written, tried, played again, published, ended.
//!
//! In: a manager's forms. Out: the pages; saved versions; states.
//! Promises: what was typed comes back with what is wrong beside it, and nothing of it is saved then.
//! Invariant: trying and replaying send nothing; what is for more stores than hers a manager only
//! looks at.

mod form;
mod list;
mod reach;
mod trial;

use std::collections::BTreeSet;

use axum::{
    Form,
    extract::Path,
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use engine::outcome::Choice;
use protocol::{CampaignId, CustomerId, StoreId, ZoneId};
use rusqlite::Connection;

pub(in crate::web) use self::list::list;
use self::reach::Reach;
use super::Desk;
use crate::{
    api::{
        access::check_csrf,
        campaigns::{self as api, CampaignBody},
        fresh,
        problem::Problem,
    },
    clock,
    store::{
        StoreError,
        campaigns::{self, CampaignRow, State},
        loyalty::rules,
        people, shop, uplift,
    },
    web::{
        campaigns::{
            CampaignPage, Effect, FormView, ReplayView, TrialLink, TriedView, render_campaign,
        },
        i18n::Texts,
        routes::PageError,
        visit::ZoneNames,
    },
};

/// The list and a replay look back so far.
const WEEK_MS: u64 = 7 * 86_400_000;

pub(in crate::web) async fn new(desk: Desk) -> Response {
    let form = form::new(&desk.lintel.texts);
    let html = draw(&desk, None, form, Outcome::default()).await;
    desk.answer(StatusCode::OK, html)
}

pub(in crate::web) async fn one(
    desk: Desk,
    Path((_, campaign)): Path<(StoreId, CampaignId)>,
) -> Response {
    let html = draw_saved(&desk, campaign).await;
    desk.answer(StatusCode::OK, html)
}

async fn draw_saved(desk: &Desk, campaign: CampaignId) -> Result<String, PageError> {
    let saved = saved(desk, campaign).await?;
    let form = form::of(&saved.row, &desk.lintel.texts);
    draw(desk, Some(saved), form, Outcome::default()).await
}

/// A campaign, and whether she may change it.
struct Saved {
    row: CampaignRow,
    reach: Reach,
    /// For which stores it is; none: all of them.
    stores: BTreeSet<StoreId>,
}

/// What is for other stores alone is not there for her.
async fn saved(desk: &Desk, campaign: CampaignId) -> Result<Saved, PageError> {
    let (store, runs_chain) = (desk.lintel.store.clone(), desk.admin);
    let read = desk.app.readers.read(move |db| {
        let row = campaigns::one(db, campaign)?;
        let reach = reach::of(db, &row, &store, runs_chain)?;
        let reach = reach.ok_or(StoreError::NotFound("campaign"))?;
        let stores = reach::stores(db, &row)?;
        Ok(Saved { row, reach, stores })
    });
    Ok(read.await?)
}

/// What came of a tap.
#[derive(Default)]
struct Outcome {
    wrong: Vec<(&'static str, String)>,
    tried: Option<TriedView>,
    replayed: Option<ReplayView>,
    trial: Option<TrialLink>,
}

async fn draw(
    desk: &Desk,
    saved: Option<Saved>,
    form: FormView,
    outcome: Outcome,
) -> Result<String, PageError> {
    let of = desk.lintel.store.clone();
    let (row, reach) = saved
        .map(|saved| (saved.row, (saved.reach, saved.stores)))
        .unzip();
    let (reach, its_stores) = reach.unwrap_or(match desk.admin {
        true => (Reach::Choose, BTreeSet::new()),
        false => (Reach::Own, BTreeSet::new()),
    });
    let measured = row.as_ref().map(|row| {
        let newest = &row.newest;
        (newest.campaign.campaign, newest.attribution_ms)
    });
    let read = desk.app.readers.read(move |db| {
        let effect = measured.map(|(id, attribution_ms)| effect_of(db, id, attribution_ms));
        let zones = shop::zone_names(db, &of)?;
        let (stores, tiers) = (reach::store_names(db)?, rules::tiers(db)?);
        Ok((zones, stores, tiers, effect.transpose()?))
    });
    let (names, stores, tiers, effect) = read.await?;
    let names = ZoneNames::new(names, desk.lintel.texts.lang);
    let texts = &desk.lintel.texts;
    let tiers = tiers
        .iter()
        .map(|tier| (tier.tier.to_string(), texts.said(&tier.name)));
    let page = CampaignPage {
        lintel: desk.lintel.clone(),
        campaign: row
            .as_ref()
            .map(|row| row.newest.campaign.campaign.to_string()),
        state: row.as_ref().map_or(State::Draft, |row| row.state),
        saved: row.as_ref().map(|row| {
            let saved = &row.newest;
            let when = match saved.saved_ms {
                // Came with the database.
                0 => texts.get("campaign-from-start"),
                at_ms => texts.moment(at_ms, clock::now_ms()),
            };
            (saved.campaign.version, when)
        }),
        runs: row.as_ref().is_some_and(|row| {
            row.state == State::Published && row.published == Some(row.newest.campaign.version)
        }),
        reach: (reach == Reach::ReadOnly).then(|| reach::words(texts, &stores, &its_stores)),
        stores: match reach {
            Reach::Choose => stores.into_iter().collect(),
            Reach::Own | Reach::ReadOnly => Vec::new(),
        },
        tiers: with_chosen(tiers.collect(), &form.tier),
        places: with_chosen(names.all(), &form.zone),
        form,
        effect,
        wrong: outcome.wrong,
        zones: names.all(),
        tried: outcome.tried,
        replayed: outcome.replayed,
        trial: outcome.trial,
    };
    Ok(render_campaign(&page, clock::now_ms())?)
}

/// A list in which what was saved can be chosen too, although it is not there any more, or in
/// another store.
fn with_chosen(mut list: Vec<(String, String)>, chosen: &str) -> Vec<(String, String)> {
    if !chosen.is_empty() && !list.iter().any(|(id, _)| id == chosen) {
        list.push((chosen.to_owned(), chosen.to_owned()));
    }
    list
}

fn effect_of(
    db: &Connection,
    campaign: CampaignId,
    attribution_ms: u64,
) -> Result<Effect, StoreError> {
    let conversion = uplift::uplift(db, campaign, attribution_ms)?;
    let revenue = uplift::revenue(db, campaign, attribution_ms, &conversion)?;
    Ok(Effect {
        conversion,
        revenue,
    })
}

pub(in crate::web) async fn make(desk: Desk, Form(form): Form<FormView>) -> Response {
    act(desk, None, form).await
}

pub(in crate::web) async fn change(
    desk: Desk,
    Path((_, campaign)): Path<(StoreId, CampaignId)>,
    Form(form): Form<FormView>,
) -> Response {
    act(desk, Some(campaign), form).await
}

async fn act(desk: Desk, campaign: Option<CampaignId>, form: FormView) -> Response {
    match tapped(&desk, campaign, form).await {
        Ok(response) => response,
        Err(error) => desk.answer(error.status(), Err(error)),
    }
}

async fn tapped(
    desk: &Desk,
    campaign: Option<CampaignId>,
    form: FormView,
) -> Result<Response, PageError> {
    check_csrf(&form.csrf, &desk.lintel.csrf)?;
    let known = match campaign {
        Some(campaign) => Some(saved(desk, campaign).await?),
        None => None,
    };
    let read_only = known
        .as_ref()
        .is_some_and(|known| known.reach == Reach::ReadOnly);
    let ended = known
        .as_ref()
        .is_some_and(|known| known.row.state == State::Ended);
    // These three only look.
    let looks = matches!(form.what.as_str(), "try" | "replay" | "phone");
    if let Some(known) = known.as_ref().filter(|_| (read_only || ended) && looks) {
        let id = known.row.newest.campaign.campaign;
        let form = FormView {
            what: form.what,
            external_id: form.external_id,
            in_zone: form.in_zone,
            ..form::of(&known.row, &desk.lintel.texts)
        };
        return looked(desk, id, form).await;
    }
    if read_only {
        let why = "this message is for more stores than yours: ask who runs the chain";
        return Err(Problem::forbidden(why).into());
    }
    // Every button but these two keeps what was typed: nobody tries one text and publishes another.
    let state = match form.what.as_str() {
        "pause" => Some(State::Paused),
        "end" => Some(State::Ended),
        _ => None,
    };
    if let Some((campaign, state)) = campaign.zip(state) {
        api::set_state(&desk.app, campaign, state).await?;
        return Ok(back_to(desk, campaign));
    }
    let id = match keep(desk, campaign, known.as_ref(), &form).await? {
        Ok(id) => id,
        Err(wrong) => {
            let outcome = Outcome {
                wrong,
                ..Outcome::default()
            };
            let html = draw(desk, known, form, outcome).await?;
            return Ok(desk.answer(StatusCode::UNPROCESSABLE_ENTITY, Ok(html)));
        }
    };
    if looks {
        return looked(desk, id, form).await;
    }
    if form.what == "publish" {
        api::set_state(&desk.app, id, State::Published).await?;
    }
    Ok(back_to(desk, id))
}

type Wrong = Vec<(&'static str, String)>;

/// Saves what was typed, if it is anything else than what was saved; under which id.
async fn keep(
    desk: &Desk,
    campaign: Option<CampaignId>,
    known: Option<&Saved>,
    form: &FormView,
) -> Result<Result<CampaignId, Wrong>, PageError> {
    let texts = &desk.lintel.texts;
    let bound = (!desk.admin).then_some(&desk.lintel.store);
    let row = known.map(|known| &known.row);
    let body = match form::read(form, row, bound, texts) {
        Ok(body) => body,
        Err(wrong) => return Ok(Err(wrong)),
    };
    let now_ms = clock::now_ms();
    let id = match campaign {
        Some(campaign) => campaign,
        None => fresh(CampaignId::at, now_ms)?,
    };
    let as_saved = row.map(|row| CampaignBody::from(row.newest.clone()));
    if as_saved.as_ref() == Some(&body) {
        return Ok(Ok(id));
    }
    let placed = !body.trigger.zones.is_empty();
    let version = body.version(id, now_ms, &desk.lintel.staff_name);
    match api::save(&desk.app, version).await {
        Ok(_) => Ok(Ok(id)),
        // Of the stores that were ticked none has this zone, or it was taken away just now.
        Err(problem) if placed && problem.status() == StatusCode::CONFLICT => {
            Ok(Err(vec![("zone", texts.get("campaign-wrong-zone"))]))
        }
        Err(problem) => Err(problem.into()),
    }
}

/// The page again, with what was to be looked at; and whom it was tried on still in its field.
async fn looked(desk: &Desk, campaign: CampaignId, form: FormView) -> Result<Response, PageError> {
    let outcome = match form.what.as_str() {
        "try" => tried(desk, campaign, &form).await?,
        "phone" => trial::made(desk, campaign, &form).await?,
        _ => replayed(desk, campaign).await?,
    };
    let known = saved(desk, campaign).await?;
    let status = match outcome.wrong.is_empty() {
        true => StatusCode::OK,
        false => StatusCode::UNPROCESSABLE_ENTITY,
    };
    let html = draw(desk, Some(known), form, outcome).await?;
    Ok(desk.answer(status, Ok(html)))
}

fn back_to(desk: &Desk, campaign: CampaignId) -> Response {
    let store = &desk.lintel.store;
    Redirect::to(&format!("/manage/{store}/campaigns/{campaign}")).into_response()
}

async fn tried(desk: &Desk, campaign: CampaignId, form: &FormView) -> Result<Outcome, PageError> {
    let texts = &desk.lintel.texts;
    let store = desk.lintel.store.clone();
    let (external_id, zone) = (form.external_id.clone(), zone_of(form)?);
    let read = desk.app.readers.read(move |db| {
        let Some(customer) = shopper(db, &external_id)? else {
            return Ok(None);
        };
        let newest = campaigns::one(db, campaign)?.newest.campaign;
        api::try_on(db, clock::now_ms(), newest, &store, customer, zone).map(Some)
    });
    let Some(seen) = read.await? else {
        return Ok(nobody(texts));
    };
    let reason = match &seen.choice {
        Choice::Suppress { reason } => Some(texts.reason(*reason)),
        Choice::Notify { .. } => None,
    };
    Ok(Outcome {
        tried: Some(TriedView {
            said: seen.title.zip(seen.body),
            reason,
        }),
        ..Outcome::default()
    })
}

fn zone_of(form: &FormView) -> Result<ZoneId, Problem> {
    form.in_zone
        .parse()
        .map_err(|_| Problem::invalid("in_zone"))
}

fn shopper(db: &Connection, external_id: &str) -> Result<Option<CustomerId>, StoreError> {
    people::by_external_id(db, external_id.trim())
}

fn nobody(texts: &Texts) -> Outcome {
    Outcome {
        wrong: vec![("external_id", texts.get("campaign-unknown-customer"))],
        ..Outcome::default()
    }
}

async fn replayed(desk: &Desk, campaign: CampaignId) -> Result<Outcome, PageError> {
    let texts = &desk.lintel.texts;
    let (store, now_ms) = (desk.lintel.store.clone(), clock::now_ms());
    let from_ms = now_ms.saturating_sub(WEEK_MS);
    let read = desk
        .app
        .readers
        .read(move |db| api::replayed(db, campaign, &store, from_ms, now_ms));
    let out = read.await?;
    let reasons = out.reasons.iter();
    Ok(Outcome {
        replayed: Some(ReplayView {
            sent: out.sent,
            held_back: out.held_back,
            reasons: reasons
                .map(|(reason, times)| (texts.reason(*reason), *times))
                .collect(),
            estimated: out.estimated,
        }),
        ..Outcome::default()
    })
}
