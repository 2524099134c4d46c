//! The messages' desk: which run, and one to be written, tried, played again, published.
//!
//! In: a manager's forms. Out: the pages; saved versions; states.
//! Promises: what was typed comes back with what is wrong beside it, and nothing of it is saved then.
//! Invariant: trying and replaying send nothing.

mod form;

use axum::{
    Form,
    extract::Path,
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use engine::{
    campaign::Trigger,
    outcome::{Choice, When},
};
use protocol::{CampaignId, StoreId, ZoneId};
use rusqlite::Connection;

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
        people, shop, uplift,
    },
    web::{
        campaigns::{
            CampaignPage, CampaignRowView, CampaignsPage, Effect, FormView, ReplayView, TriedView,
            render_campaign, render_campaigns,
        },
        i18n::Texts,
        routes::PageError,
        visit::ZoneNames,
    },
};

/// The list and a replay look back so far.
const WEEK_MS: u64 = 7 * 86_400_000;

pub(in crate::web) async fn list(desk: Desk) -> Response {
    let html = draw_list(&desk).await;
    desk.answer(StatusCode::OK, html)
}

async fn draw_list(desk: &Desk) -> Result<String, PageError> {
    let now_ms = clock::now_ms();
    let of = desk.lintel.store.clone();
    let since_ms = now_ms.saturating_sub(WEEK_MS);
    let read = desk.app.readers.read(move |db| {
        let names = shop::zone_names(db, &of)?;
        let mut rows = campaigns::all(db)?;
        rows.sort_by_key(|row| (order(row.state), std::cmp::Reverse(row.newest.saved_ms)));
        let mut with = Vec::new();
        for row in rows {
            let id = row.newest.campaign.campaign;
            let ends = campaigns::ends_since(db, &of, id, since_ms)?;
            let uplift = uplift::uplift(db, id, row.newest.attribution_ms)?;
            with.push((row, ends, uplift));
        }
        Ok((names, with))
    });
    let (names, rows) = read.await?;
    let texts = &desk.lintel.texts;
    let names = ZoneNames::new(names, texts.lang);
    let (mut sent_sum, mut held_sum) = (0, 0);
    let mut views = Vec::new();
    for (row, ends, uplift) in rows {
        let held: Vec<(String, u64)> = ends
            .held_back
            .iter()
            .map(|(reason, times)| (texts.reason(*reason), *times))
            .collect();
        sent_sum += ends.told;
        held_sum += held.iter().map(|(_, times)| times).sum::<u64>();
        let newest = row.newest.campaign.version;
        views.push(CampaignRowView {
            campaign: row.newest.campaign.campaign.to_string(),
            name: row.newest.name.clone(),
            state: row.state,
            draft: (row.published != Some(newest) && row.published.is_some()).then_some(newest),
            when: when_words(texts, &names, &row.newest.campaign.trigger),
            sent: ends.told,
            held_back: held,
            uplift,
        });
    }
    let page = CampaignsPage {
        lintel: desk.lintel.clone(),
        campaigns: views,
        sent: sent_sum,
        held_back: held_sum,
    };
    Ok(render_campaigns(&page, now_ms)?)
}

fn order(state: State) -> u8 {
    match state {
        State::Published => 0,
        State::Paused => 1,
        State::Draft => 2,
        State::Ended => 3,
    }
}

fn when_words(t: &Texts, zones: &ZoneNames, trigger: &Trigger) -> String {
    let names: Vec<String> = trigger.zones.iter().map(|zone| zones.name(zone)).collect();
    let place = match names.is_empty() {
        true => t.get("campaign-zone-any").to_lowercase(),
        false => names.join(", "),
    };
    match trigger.when {
        When::Enter => t.with("when-said-enter", "zone", place),
        When::Dwell { seconds } => t.with2("when-said-dwell", "seconds", seconds, "zone", place),
        When::Exit => t.get("when-said-exit"),
    }
}

pub(in crate::web) async fn new(desk: Desk) -> Response {
    let form = form::new();
    let html = draw(&desk, None, form, Outcome::default()).await;
    desk.answer(StatusCode::OK, html)
}

pub(in crate::web) async fn one(
    desk: Desk,
    Path((_, campaign)): Path<(StoreId, CampaignId)>,
) -> Response {
    let html = draw_saved(&desk, campaign, Outcome::default()).await;
    desk.answer(StatusCode::OK, html)
}

async fn draw_saved(
    desk: &Desk,
    campaign: CampaignId,
    outcome: Outcome,
) -> Result<String, PageError> {
    let read = desk
        .app
        .readers
        .read(move |db| campaigns::one(db, campaign));
    let row = read.await?;
    let form = form::of(&row);
    draw(desk, Some(row), form, outcome).await
}

/// What came of a tap.
#[derive(Default)]
struct Outcome {
    wrong: Vec<(&'static str, String)>,
    said: Option<String>,
    tried: Option<TriedView>,
    replayed: Option<ReplayView>,
}

async fn draw(
    desk: &Desk,
    row: Option<CampaignRow>,
    form: FormView,
    outcome: Outcome,
) -> Result<String, PageError> {
    let of = desk.lintel.store.clone();
    let saved = row.as_ref().map(|row| {
        let newest = &row.newest;
        (newest.campaign.campaign, newest.attribution_ms)
    });
    let read = desk.app.readers.read(move |db| {
        let effect = saved.map(|(id, attribution_ms)| effect_of(db, id, attribution_ms));
        Ok((shop::zone_names(db, &of)?, effect.transpose()?))
    });
    let (names, effect) = read.await?;
    let names = ZoneNames::new(names, desk.lintel.texts.lang);
    let texts = &desk.lintel.texts;
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
        form,
        effect,
        wrong: outcome.wrong,
        said: outcome.said,
        zones: names.all(),
        tried: outcome.tried,
        replayed: outcome.replayed,
    };
    Ok(render_campaign(&page, clock::now_ms())?)
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
    let texts = desk.lintel.texts.clone();
    let row = match campaign {
        Some(campaign) => {
            let read = desk
                .app
                .readers
                .read(move |db| campaigns::one(db, campaign));
            Some(read.await?)
        }
        None => None,
    };
    // Every button but one keeps what was typed: nobody tries one text and publishes another.
    if form.what == "pause"
        && let Some(campaign) = campaign
    {
        api::set_state(&desk.app, campaign, State::Paused).await?;
        return Ok(back_to(desk, campaign));
    }
    let body = match form::read(&form, row.as_ref(), &texts) {
        Ok(body) => body,
        Err(wrong) => {
            let outcome = Outcome {
                wrong,
                ..Outcome::default()
            };
            let html = draw(desk, row, form, outcome).await?;
            return Ok(desk.answer(StatusCode::UNPROCESSABLE_ENTITY, Ok(html)));
        }
    };
    let id = match campaign {
        Some(campaign) => campaign,
        None => fresh(CampaignId::at, clock::now_ms())?,
    };
    let changed = row.as_ref().is_none_or(|row| {
        let as_saved = CampaignBody::from(row.newest.clone());
        serde_json::to_value(&as_saved).ok() != serde_json::to_value(&body).ok()
    });
    if changed {
        let version = body.version(id, clock::now_ms(), &desk.lintel.staff_name);
        api::save(&desk.app, version).await?;
    }
    match form.what.as_str() {
        "try" => {
            let outcome = tried(desk, id, &form, &texts).await?;
            drawn(desk, id, form, outcome).await
        }
        "replay" => {
            let outcome = replayed(desk, id, &texts).await?;
            drawn(desk, id, form, outcome).await
        }
        "publish" => {
            api::set_state(&desk.app, id, State::Published).await?;
            Ok(back_to(desk, id))
        }
        _ => Ok(back_to(desk, id)),
    }
}

fn back_to(desk: &Desk, campaign: CampaignId) -> Response {
    let store = &desk.lintel.store;
    Redirect::to(&format!("/manage/{store}/campaigns/{campaign}")).into_response()
}

/// The page again, with whom it was tried on still in its field.
async fn drawn(
    desk: &Desk,
    campaign: CampaignId,
    form: FormView,
    outcome: Outcome,
) -> Result<Response, PageError> {
    let row = desk
        .app
        .readers
        .read(move |db| campaigns::one(db, campaign))
        .await?;
    let status = match outcome.wrong.is_empty() {
        true => StatusCode::OK,
        false => StatusCode::UNPROCESSABLE_ENTITY,
    };
    let html = draw(desk, Some(row), form, outcome).await?;
    Ok(desk.answer(status, Ok(html)))
}

async fn tried(
    desk: &Desk,
    campaign: CampaignId,
    form: &FormView,
    texts: &Texts,
) -> Result<Outcome, PageError> {
    let (external_id, store) = (
        form.external_id.trim().to_owned(),
        desk.lintel.store.clone(),
    );
    let zone: ZoneId = form
        .in_zone
        .parse()
        .map_err(|_| Problem::invalid("in_zone"))?;
    let read = desk.app.readers.read(move |db| {
        let Some(customer) = people::by_external_id(db, &external_id)? else {
            return Ok(None);
        };
        let newest = campaigns::one(db, campaign)?.newest.campaign;
        api::try_on(db, clock::now_ms(), newest, &store, customer, zone).map(Some)
    });
    let Some(seen) = read.await? else {
        let wrong = vec![("external_id", texts.get("campaign-unknown-customer"))];
        return Ok(Outcome {
            wrong,
            ..Outcome::default()
        });
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

async fn replayed(desk: &Desk, campaign: CampaignId, texts: &Texts) -> Result<Outcome, PageError> {
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
