//! The messages' desk: which run, and one to be written, tried, played again, published.
//!
//! In: a manager's forms. Out: the pages; saved versions; states.
//! Promises: what was typed comes back with what is wrong beside it, and nothing of it is saved then.
//! Invariant: trying and replaying send nothing.

use std::collections::{BTreeMap, BTreeSet};

use axum::{
    Form,
    extract::Path,
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use engine::{
    campaign::{About, Caps, Content, ProductRule, Schedule, Trigger, Words},
    input::IntentKind,
    outcome::{Choice, When},
};
use garde::Validate;
use protocol::{CampaignId, StoreId, ZoneId};

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
        campaigns::{self, CampaignRow, State},
        people, shop,
    },
    web::{
        campaigns::{
            CampaignPage, CampaignRowView, CampaignsPage, FormView, ReplayView, TriedView,
            render_campaign, render_campaigns,
        },
        i18n::Texts,
        routes::PageError,
        visit::ZoneNames,
    },
};

const DAY_MS: u64 = 86_400_000;
/// The list and a replay look back so far.
const WEEK_MS: u64 = 7 * DAY_MS;
/// What a new campaign begins with.
const NEW_RELEVANT_MS: u64 = 120_000;
const NEW_ATTRIBUTION_MS: u64 = 14 * DAY_MS;

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
            let uplift = campaigns::uplift(db, id, row.newest.attribution_ms)?;
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
    let form = FormView {
        topic: "wishlist".into(),
        when: "dwell".into(),
        seconds: "30".into(),
        about: "wishlisted".into(),
        place: "zone".into(),
        confidence: "90".into(),
        per_visit: "1".into(),
        per_week: "3".into(),
        holdout: "10".into(),
        ..FormView::default()
    };
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
    let form = form_of(&row);
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
    let names = desk
        .app
        .readers
        .read(move |db| shop::zone_names(db, &of))
        .await?;
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
        wrong: outcome.wrong,
        said: outcome.said,
        zones: names.all(),
        tried: outcome.tried,
        replayed: outcome.replayed,
    };
    Ok(render_campaign(&page, clock::now_ms())?)
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
    let body = match body_of(&form, row.as_ref(), &texts) {
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

/// A saved version as the form shows it. What the form has no field for is kept by [`body_of`].
fn form_of(row: &CampaignRow) -> FormView {
    let saved = &row.newest;
    let campaign = &saved.campaign;
    let said = |number: Option<u32>| number.map_or_else(String::new, |n| n.to_string());
    let words = |language: &str| {
        campaign
            .content
            .0
            .get(language)
            .cloned()
            .unwrap_or_default()
    };
    let (nl, en) = (words("nl"), words("en"));
    let (when, seconds) = match campaign.trigger.when {
        When::Enter => ("enter", None),
        When::Dwell { seconds } => ("dwell", Some(seconds)),
        When::Exit => ("exit", None),
    };
    let (about, anywhere) = match &campaign.about {
        About::Product(rule) => (about_word(rule), rule.anywhere),
        About::Reward { .. } | About::Store => ("store", false),
    };
    FormView {
        name: saved.name.clone(),
        topic: campaign.topic.clone(),
        when: when.to_owned(),
        seconds: said(seconds),
        zone: campaign
            .trigger
            .zones
            .first()
            .map_or_else(String::new, ZoneId::to_string),
        about: about.to_owned(),
        place: if anywhere { "store" } else { "zone" }.to_owned(),
        confidence: (campaign.confidence_permille / 10).to_string(),
        per_visit: said(campaign.caps.per_visit),
        per_week: said(campaign.caps.per_person_week),
        holdout: (campaign.holdout_permille / 10).to_string(),
        title_nl: nl.title.to_string(),
        body_nl: nl.body.to_string(),
        title_en: en.title.to_string(),
        body_en: en.body.to_string(),
        ..FormView::default()
    }
}

fn about_word(rule: &ProductRule) -> &'static str {
    let only = |intent: IntentKind| rule.intents == BTreeSet::from([intent]);
    if rule.cheaper {
        "cheaper"
    } else if rule.back_in_stock {
        "back_in_stock"
    } else if only(IntentKind::Wishlisted) {
        "wishlisted"
    } else if only(IntentKind::Carted) {
        "carted"
    } else if only(IntentKind::Viewed) {
        "viewed"
    } else if only(IntentKind::Read) {
        "read"
    } else {
        "any"
    }
}

/// The form as a campaign, on top of what was saved before; or what is wrong, by field.
fn body_of(
    form: &FormView,
    saved: Option<&CampaignRow>,
    t: &Texts,
) -> Result<CampaignBody, Vec<(&'static str, String)>> {
    let mut wrong: Vec<(&'static str, String)> = Vec::new();
    let mut number = |field: &'static str, text: &str, max: u32| match text.trim() {
        "" => None,
        text => match text.parse::<u32>() {
            Ok(number) if number <= max => Some(number),
            _ => {
                wrong.push((field, t.with("campaign-wrong-number", "max", max)));
                None
            }
        },
    };
    let seconds = number("seconds", &form.seconds, engine::campaign::DWELL_S_MAX);
    let confidence = number("confidence", &form.confidence, 99).unwrap_or(0);
    let holdout = number("holdout", &form.holdout, 50).unwrap_or(0);
    let per_visit = number("per_visit", &form.per_visit, 20);
    let per_week = number("per_week", &form.per_week, 50);
    let when = match form.when.as_str() {
        "dwell" => match seconds.filter(|seconds| *seconds > 0) {
            Some(seconds) => When::Dwell { seconds },
            None => {
                wrong.push(("seconds", t.get("campaign-wrong-seconds")));
                When::Enter
            }
        },
        "exit" => When::Exit,
        _ => When::Enter,
    };
    let mut content = BTreeMap::new();
    let typed = [
        (
            "nl",
            ("title_nl", &form.title_nl),
            ("body_nl", &form.body_nl),
        ),
        (
            "en",
            ("title_en", &form.title_en),
            ("body_en", &form.body_en),
        ),
    ];
    for (language, title, body) in typed {
        if title.1.trim().is_empty() && body.1.trim().is_empty() {
            continue;
        }
        let mut parsed = |(field, text): (&'static str, &String)| {
            text.trim().parse().unwrap_or_else(|error| {
                wrong.push((field, template_words(t, &error)));
                Default::default()
            })
        };
        let (words_title, body) = (parsed(title), parsed(body));
        if title.1.trim().is_empty() {
            wrong.push((title.0, t.get("campaign-wrong-title")));
        }
        let words = Words {
            title: words_title,
            body,
        };
        content.insert(language.to_owned(), words);
    }
    if content.is_empty() {
        wrong.push(("title_nl", t.get("campaign-wrong-words")));
    }
    let name = form.name.trim().to_owned();
    if name.is_empty() {
        wrong.push(("name", t.get("campaign-wrong-name")));
    }
    if !wrong.is_empty() {
        return Err(wrong);
    }
    let before = saved.map(|row| CampaignBody::from(row.newest.clone()));
    let body = CampaignBody {
        name,
        topic: form.topic.trim().to_owned(),
        trigger: Trigger {
            when,
            zones: zones(form, before.as_ref()),
        },
        about: about(form, before.as_ref()),
        audience: before
            .as_ref()
            .map(|b| b.audience.clone())
            .unwrap_or_default(),
        schedule: before
            .as_ref()
            .map_or_else(Schedule::default, |b| b.schedule.clone()),
        priority: before.as_ref().map_or(0, |b| b.priority),
        confidence_permille: u16::try_from(confidence * 10).unwrap_or(0),
        caps: Caps {
            per_visit,
            per_person_week: per_week,
            ..before.as_ref().map(|b| b.caps.clone()).unwrap_or_default()
        },
        cool_down_ms: before.as_ref().map_or(0, |b| b.cool_down_ms),
        relevant_ms: before.as_ref().map_or(NEW_RELEVANT_MS, |b| b.relevant_ms),
        holdout_permille: u16::try_from(holdout * 10).unwrap_or(0),
        attribution_ms: before
            .as_ref()
            .map_or(NEW_ATTRIBUTION_MS, |b| b.attribution_ms),
        content: Content(content),
    };
    match body.validate() {
        Ok(()) => Ok(body),
        Err(report) => Err(report
            .iter()
            .map(|(path, error)| (field_of(&path.to_string()), error.to_string()))
            .collect()),
    }
}

/// The field under which a key of the API stands.
fn field_of(key: &str) -> &'static str {
    match key {
        "topic" => "topic",
        "name" => "name",
        "trigger" => "seconds",
        "confidence_permille" => "confidence",
        "holdout_permille" => "holdout",
        _ => "title_nl",
    }
}

fn template_words(t: &Texts, error: &engine::template::TemplateError) -> String {
    use engine::template::TemplateError;
    match error {
        TemplateError::LoneBrace(_) => t.get("campaign-wrong-brace"),
        TemplateError::NoSuchGap(name) => {
            t.with("campaign-wrong-gap", "gap", format!("{{{name}}}"))
        }
    }
}

/// A form has one zone; a campaign that was given several by the API keeps them while the form
/// shows the first of them.
fn zones(form: &FormView, before: Option<&CampaignBody>) -> BTreeSet<ZoneId> {
    let typed: Option<ZoneId> = form.zone.parse().ok();
    let kept = before.map(|b| &b.trigger.zones);
    match kept {
        Some(kept) if kept.first() == typed.as_ref() => kept.clone(),
        _ => typed.into_iter().collect(),
    }
}

fn about(form: &FormView, before: Option<&CampaignBody>) -> About {
    if let Some(CampaignBody {
        about: reward @ About::Reward { .. },
        ..
    }) = before
    {
        return reward.clone();
    }
    let only = |intent: IntentKind| ProductRule {
        intents: BTreeSet::from([intent]),
        ..ProductRule::default()
    };
    let rule = match form.about.as_str() {
        "store" => return About::Store,
        "wishlisted" => only(IntentKind::Wishlisted),
        "carted" => only(IntentKind::Carted),
        "viewed" => only(IntentKind::Viewed),
        "read" => only(IntentKind::Read),
        "cheaper" => ProductRule {
            cheaper: true,
            ..ProductRule::default()
        },
        "back_in_stock" => ProductRule {
            back_in_stock: true,
            ..ProductRule::default()
        },
        _ => ProductRule::default(),
    };
    About::Product(ProductRule {
        anywhere: form.place == "store",
        ..rule
    })
}
