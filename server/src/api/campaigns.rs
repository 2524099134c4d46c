//! Campaigns: made, changed, published; tried on a shopper, and on last week.
//!
//! In: what a marketer wants told. Out: versions, states, previews, replays.
//! Invariant: nothing here sends anything; what runs is what was published.

use std::{collections::BTreeSet, ops::RangeInclusive};

use axum::{Json, extract::State as Shared, http::StatusCode};
use engine::{
    campaign::{About, Audience, Campaign, Caps, Content, DWELL_S_MAX, Schedule, Trigger},
    choice::decide,
    input::Rules,
    matching::Occasion,
    outcome::{Moment, When},
};
use garde::Validate;
use protocol::{CampaignId, CustomerId, StoreId, VisitId, ZoneId};
use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    App,
    access::ShopKey,
    fresh,
    problem::{At, Body, Problem},
};
use crate::{
    clock,
    pipeline::facts_now,
    replay::{Replay, Replayed},
    store::{
        StoreError,
        campaigns::{self, CampaignRow, State, VersionRow},
        people, plan, shop,
    },
};

/// An offer is worth showing for at least so long, and at most so long: nobody stands before a
/// shelf for an hour.
pub(crate) const RELEVANT_MS: RangeInclusive<u64> = 10_000..=3_600_000;
/// A day.
const DAY_MS: u64 = 86_400_000;
/// A purchase counts as the effect of a message for so long at most.
const ATTRIBUTION_MS_MAX: u64 = 90 * DAY_MS;
/// A message rests for so long at most.
pub(crate) const COOL_DOWN_MS_MAX: u64 = 90 * DAY_MS;
/// A replay looks back at most so far.
const REPLAY_MS_MAX: u64 = 31 * DAY_MS;

/// A campaign, as a marketer writes it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CampaignBody {
    /// What the retailer calls it.
    #[garde(length(min = 1, max = 120))]
    pub name: String,
    /// What a shopper may mute: `wishlist`, `event`.
    #[garde(custom(topic_is_sound))]
    pub topic: String,
    /// `{"when": "enter"}`, `{"when": {"dwell": {"seconds": 30}}}` or `{"when": "exit"}`, `zones` and
    /// `stores`; without either it is for all of them.
    #[schema(value_type = Object)]
    #[garde(custom(trigger_is_sound))]
    pub trigger: Trigger,
    /// `{"about": "product", "intents": [...], "anywhere": …, "cheaper": …, "back_in_stock": …}`,
    /// `{"about": "reward", "expires_within_ms": …}` or `{"about": "store"}`.
    #[schema(value_type = Object)]
    #[garde(skip)]
    pub about: About,
    /// `tiers`, `visit_min`, `visit_max`.
    #[serde(default)]
    #[schema(value_type = Object)]
    #[garde(custom(audience_is_sound))]
    pub audience: Audience,
    /// `from_ms`, `until_ms`, `weekdays` (1 is Monday), `minutes`.
    #[serde(default)]
    #[schema(value_type = Object)]
    #[garde(custom(schedule_is_sound))]
    pub schedule: Schedule,
    /// Of several that may be told the highest is.
    #[serde(default)]
    #[garde(range(min = -100, max = 100))]
    pub priority: i32,
    /// She must stand in the zone with at least this probability, in thousandths.
    #[serde(default)]
    #[garde(range(max = 999))]
    pub confidence_permille: u16,
    /// `per_visit`, `per_person_day`, `per_person_week`, `per_store_day`, `per_day`.
    #[serde(default)]
    #[schema(value_type = Object)]
    #[garde(skip)]
    pub caps: Caps,
    /// Not again to one person within this time, in milliseconds.
    #[serde(default)]
    #[garde(range(max = COOL_DOWN_MS_MAX))]
    pub cool_down_ms: u64,
    /// Worth showing for this long, in milliseconds: 10 seconds to an hour.
    #[garde(range(min = *RELEVANT_MS.start(), max = *RELEVANT_MS.end()))]
    pub relevant_ms: u64,
    /// Of a thousand persons so many are told nothing, to see what it changes.
    #[serde(default)]
    #[garde(range(max = 500))]
    pub holdout_permille: u16,
    /// How long after a message a purchase counts as its effect, in milliseconds.
    #[garde(range(min = 60_000, max = ATTRIBUTION_MS_MAX))]
    pub attribution_ms: u64,
    /// `{"nl": {"title": …, "body": …}, "en": …}`; gaps as `{product}`.
    #[schema(value_type = Object)]
    #[garde(custom(content_is_sound))]
    pub content: Content,
}

fn topic_is_sound(topic: &str, (): &()) -> garde::Result {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let fine = (1..=32).contains(&topic.len()) && topic.bytes().all(plain);
    let wrong = "a topic is 1 to 32 of a-z, 0-9 and -";
    fine.then_some(()).ok_or_else(|| garde::Error::new(wrong))
}

fn trigger_is_sound(trigger: &Trigger, (): &()) -> garde::Result {
    match trigger.when {
        When::Dwell { seconds } if !(1..=DWELL_S_MAX).contains(&seconds) => {
            Err(garde::Error::new(format!("seconds: 1 to {DWELL_S_MAX}")))
        }
        _ => Ok(()),
    }
}

fn schedule_is_sound(schedule: &Schedule, (): &()) -> garde::Result {
    let minute = |minute: u16| minute < 24 * 60;
    if !schedule.weekdays.iter().all(|day| (1..=7).contains(day)) {
        Err(garde::Error::new("weekdays: 1 (Monday) to 7"))
    } else if schedule
        .minutes
        .is_some_and(|(from, to)| !minute(from) || !minute(to))
    {
        Err(garde::Error::new("minutes: 0 to 1439"))
    } else if schedule.minutes.is_some_and(|(from, to)| from == to) {
        Err(garde::Error::new(
            "minutes: from and to are the same: it is never told",
        ))
    } else if schedule
        .from_ms
        .zip(schedule.until_ms)
        .is_some_and(|(from_ms, until_ms)| until_ms <= from_ms)
    {
        Err(garde::Error::new(
            "until_ms: after from_ms, or it is never told",
        ))
    } else {
        Ok(())
    }
}

fn audience_is_sound(audience: &Audience, (): &()) -> garde::Result {
    let nobody = audience
        .visit_max
        .is_some_and(|max| max < audience.visit_min);
    match nobody {
        true => Err(garde::Error::new(
            "visit_max: at least visit_min, or nobody is told",
        )),
        false => Ok(()),
    }
}

fn content_is_sound(content: &Content, (): &()) -> garde::Result {
    let wrong = |why: &str| Err(garde::Error::new(why));
    if content.0.is_empty() {
        return wrong("say it in nl, en or both");
    }
    for (language, words) in &content.0 {
        if !matches!(language.as_str(), "nl" | "en") {
            return wrong("languages are nl and en");
        }
        let (title, body) = (words.title.to_string(), words.body.to_string());
        if title.is_empty() || title.chars().count() > 60 || body.chars().count() > 240 {
            return wrong("a title has 1 to 60 characters, a body at most 240");
        }
    }
    Ok(())
}

impl CampaignBody {
    /// The same as the store keeps it.
    pub(crate) fn version(self, campaign: CampaignId, now_ms: u64, saved_by: &str) -> VersionRow {
        VersionRow {
            name: self.name,
            attribution_ms: self.attribution_ms,
            saved_ms: now_ms,
            saved_by: saved_by.to_owned(),
            campaign: Campaign {
                campaign,
                version: 0,
                topic: self.topic,
                trigger: self.trigger,
                about: self.about,
                audience: self.audience,
                schedule: self.schedule,
                priority: self.priority,
                confidence_permille: self.confidence_permille,
                caps: self.caps,
                cool_down_ms: self.cool_down_ms,
                relevant_ms: self.relevant_ms,
                holdout_permille: self.holdout_permille,
                content: self.content,
            },
        }
    }
}

impl From<VersionRow> for CampaignBody {
    fn from(row: VersionRow) -> Self {
        let campaign = row.campaign;
        Self {
            name: row.name,
            attribution_ms: row.attribution_ms,
            topic: campaign.topic,
            trigger: campaign.trigger,
            about: campaign.about,
            audience: campaign.audience,
            schedule: campaign.schedule,
            priority: campaign.priority,
            confidence_permille: campaign.confidence_permille,
            caps: campaign.caps,
            cool_down_ms: campaign.cool_down_ms,
            relevant_ms: campaign.relevant_ms,
            holdout_permille: campaign.holdout_permille,
            content: campaign.content,
        }
    }
}

/// A campaign.
#[derive(Debug, Serialize, ToSchema)]
pub struct CampaignView {
    #[schema(value_type = String)]
    campaign: CampaignId,
    /// `draft`, `published`, `paused` or `ended`.
    #[schema(value_type = String)]
    state: State,
    /// The version that runs, or ran last.
    published: Option<u32>,
    /// The newest version; a draft of the next one if it is higher than `published`.
    version: u32,
    saved_ms: u64,
    saved_by: String,
    #[serde(flatten)]
    body: CampaignBody,
}

impl From<CampaignRow> for CampaignView {
    fn from(row: CampaignRow) -> Self {
        Self {
            campaign: row.newest.campaign.campaign,
            state: row.state,
            published: row.published,
            version: row.newest.campaign.version,
            saved_ms: row.newest.saved_ms,
            saved_by: row.newest.saved_by.clone(),
            body: row.newest.into(),
        }
    }
}

/// All campaigns.
#[utoipa::path(get, path = "/v1/campaigns", tag = "campaigns",
    responses((status = 200, body = Vec<CampaignView>), (status = "default", body = Problem)))]
pub(super) async fn list(
    _: ShopKey,
    Shared(app): Shared<App>,
) -> Result<Json<Vec<CampaignView>>, Problem> {
    let rows = app.readers.read(campaigns::all).await?;
    Ok(Json(rows.into_iter().map(CampaignView::from).collect()))
}

/// One campaign.
#[utoipa::path(get, path = "/v1/campaigns/{campaign}", tag = "campaigns",
    params(("campaign" = String, Path)),
    responses((status = 200, body = CampaignView), (status = "default", body = Problem)))]
pub(super) async fn get(
    _: ShopKey,
    Shared(app): Shared<App>,
    At(campaign): At<CampaignId>,
) -> Result<Json<CampaignView>, Problem> {
    let row = app
        .readers
        .read(move |db| campaigns::one(db, campaign))
        .await?;
    Ok(Json(row.into()))
}

/// Makes a campaign: a draft.
#[utoipa::path(post, path = "/v1/campaigns", tag = "campaigns", request_body = CampaignBody,
    responses((status = 201, body = CampaignView), (status = "default", body = Problem)))]
pub(super) async fn post(
    _: ShopKey,
    Shared(app): Shared<App>,
    Body(body): Body<CampaignBody>,
) -> Result<(StatusCode, Json<CampaignView>), Problem> {
    let campaign = fresh(CampaignId::at, clock::now_ms())?;
    let row = save(&app, body.version(campaign, clock::now_ms(), "api")).await?;
    Ok((StatusCode::CREATED, Json(row.into())))
}

/// Gives a campaign other words, audience, caps: over its draft, or as a new draft. What runs goes on
/// as it was until the draft is published.
#[utoipa::path(put, path = "/v1/campaigns/{campaign}", tag = "campaigns",
    request_body = CampaignBody, params(("campaign" = String, Path)),
    responses((status = 200, body = CampaignView), (status = "default", body = Problem)))]
pub(super) async fn put(
    _: ShopKey,
    Shared(app): Shared<App>,
    At(campaign): At<CampaignId>,
    Body(body): Body<CampaignBody>,
) -> Result<Json<CampaignView>, Problem> {
    app.readers
        .read(move |db| campaigns::one(db, campaign))
        .await?;
    let row = save(&app, body.version(campaign, clock::now_ms(), "api")).await?;
    Ok(Json(row.into()))
}

/// Saves a version; its zones and stores must be there.
pub(crate) async fn save(app: &App, row: VersionRow) -> Result<CampaignRow, Problem> {
    let saved = app.pipeline.write(move |txn| {
        places_exist(txn.db, &row.campaign.trigger)?;
        campaigns::save(txn.db, txn.now_ms, &row)?;
        campaigns::one(txn.db, row.campaign.campaign)
    });
    Ok(saved.await?)
}

fn places_exist(db: &Connection, trigger: &Trigger) -> Result<(), StoreError> {
    let stores: BTreeSet<StoreId> = shop::store_ids(db)?.into_iter().collect();
    if let Some(store) = trigger.stores.difference(&stores).next() {
        return Err(StoreError::Conflict(format!("there is no store {store}")));
    }
    let mut known = BTreeSet::new();
    for store in stores.iter().filter(|store| trigger.is_for(store)) {
        known.extend(shop::zone_names(db, store)?.into_keys());
    }
    match trigger.zones.difference(&known).next() {
        Some(zone) => Err(StoreError::Conflict(format!(
            "no store has a zone {zone}, of those that it is for"
        ))),
        None => Ok(()),
    }
}

/// How far a campaign shall be.
#[derive(Debug, Clone, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StateBody {
    /// `published` (the newest version), `paused` or `ended` (for good).
    #[schema(value_type = String)]
    #[garde(skip)]
    state: State,
}

/// Publishes, pauses, ends.
#[utoipa::path(put, path = "/v1/campaigns/{campaign}/state", tag = "campaigns",
    request_body = StateBody, params(("campaign" = String, Path)),
    responses((status = 200, body = CampaignView), (status = "default", body = Problem)))]
pub(super) async fn put_state(
    _: ShopKey,
    Shared(app): Shared<App>,
    At(campaign): At<CampaignId>,
    Body(body): Body<StateBody>,
) -> Result<Json<CampaignView>, Problem> {
    Ok(Json(set_state(&app, campaign, body.state).await?.into()))
}

/// Moves a campaign on; every store is told in the same transaction.
pub(crate) async fn set_state(
    app: &App,
    campaign: CampaignId,
    state: State,
) -> Result<CampaignRow, Problem> {
    let moved = app.pipeline.write(move |txn| {
        let row = campaigns::set_state(txn.db, txn.now_ms, campaign, state)?;
        txn.campaigns_changed()?;
        Ok(row)
    });
    Ok(moved.await?)
}

/// As whom, where and when a campaign is tried.
#[derive(Debug, Clone, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PreviewBody {
    /// The shop's own id of the shopper.
    #[garde(length(min = 1, max = 120))]
    external_id: String,
    /// In which store.
    #[schema(value_type = String)]
    #[garde(skip)]
    store: StoreId,
    /// In which zone.
    #[schema(value_type = String)]
    #[garde(skip)]
    zone: ZoneId,
}

/// What a campaign would do.
#[derive(Debug, Serialize, ToSchema)]
pub struct PreviewView {
    /// `notify` with what, or `suppress` with the reason.
    #[serde(flatten)]
    #[schema(value_type = Object)]
    pub(crate) choice: engine::outcome::Choice,
    /// Each product with its score or the reason against it, best first.
    #[schema(value_type = Object)]
    pub(crate) considered: Vec<engine::outcome::Considered>,
    /// What it would say.
    pub(crate) title: Option<String>,
    pub(crate) body: Option<String>,
}

/// What the newest version would do if this shopper stood in this zone now, surely. Nothing is sent
/// and nothing kept; holding out is left aside.
#[utoipa::path(post, path = "/v1/campaigns/{campaign}/preview", tag = "campaigns",
    request_body = PreviewBody, params(("campaign" = String, Path)),
    responses((status = 200, body = PreviewView), (status = "default", body = Problem)))]
pub(super) async fn preview(
    _: ShopKey,
    Shared(app): Shared<App>,
    At(campaign): At<CampaignId>,
    Body(body): Body<PreviewBody>,
) -> Result<Json<PreviewView>, Problem> {
    let now_ms = clock::now_ms();
    let read = app.readers.read(move |db| {
        let row = campaigns::one(db, campaign)?.newest;
        let customer = people::by_external_id(db, &body.external_id)?;
        let customer = customer.ok_or(StoreError::NotFound("customer"))?;
        try_on(db, now_ms, row.campaign, &body.store, customer, body.zone)
    });
    Ok(Json(read.await?))
}

/// A campaign tried on a shopper who stands in this zone now.
pub(crate) fn try_on(
    db: &Connection,
    now_ms: u64,
    mut campaign: Campaign,
    store: &StoreId,
    customer: CustomerId,
    zone: ZoneId,
) -> Result<PreviewView, StoreError> {
    campaign.holdout_permille = 0;
    let moment = Moment {
        when: campaign.trigger.when,
        zone,
    };
    let facts = facts_now(db, now_ms, store, customer, std::slice::from_ref(&campaign))?;
    let rules = plan::layout(db, store)?.rules;
    let occasion = Occasion {
        customer,
        visit: VisitId::at(now_ms, [0; 10]),
        moment: &moment,
        share: 1.0,
        now_ms,
    };
    let here: &[Campaign] = match campaign.trigger.is_for(store) {
        true => std::slice::from_ref(&campaign),
        false => &[],
    };
    let verdict = decide(&rules, here, &occasion, &facts);
    let said =
        crate::web::messages::preview(db, store, customer, &campaign, &verdict.choice, &facts)?;
    let (title, body) = said.unzip();
    Ok(PreviewView {
        choice: verdict.choice,
        considered: verdict.considered,
        title,
        body,
    })
}

/// Which time is played again.
#[derive(Debug, Clone, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplayBody {
    /// In which store.
    #[schema(value_type = String)]
    #[garde(skip)]
    store: StoreId,
    /// From this time on.
    #[garde(skip)]
    from_ms: u64,
    /// Before this time; at most 31 days later.
    #[garde(skip)]
    until_ms: u64,
}

/// What the newest version would have done, beside the campaigns that run, on the decisions that
/// were kept. Nothing is sent.
#[utoipa::path(post, path = "/v1/campaigns/{campaign}/replay", tag = "campaigns",
    request_body = ReplayBody, params(("campaign" = String, Path)),
    responses((status = 200, body = Replayed), (status = "default", body = Problem)))]
pub(super) async fn replay(
    _: ShopKey,
    Shared(app): Shared<App>,
    At(campaign): At<CampaignId>,
    Body(body): Body<ReplayBody>,
) -> Result<Json<Replayed>, Problem> {
    if body.until_ms.saturating_sub(body.from_ms) > REPLAY_MS_MAX {
        return Err(Problem::invalid("a replay looks at 31 days at most"));
    }
    let read = app
        .readers
        .read(move |db| replayed(db, campaign, &body.store, body.from_ms, body.until_ms));
    Ok(Json(read.await?))
}

/// A replay of one campaign's newest version in one store.
pub(crate) fn replayed(
    db: &Connection,
    campaign: CampaignId,
    store: &StoreId,
    from_ms: u64,
    until_ms: u64,
) -> Result<Replayed, StoreError> {
    let newest = campaigns::one(db, campaign)?.newest.campaign;
    let running = campaigns::published_in(db, store)?;
    let asked: BTreeSet<u32> = running.iter().filter_map(|c| dwell_s(&c.trigger)).collect();
    let mut tried: Vec<Campaign> = running;
    tried.retain(|other| other.campaign != campaign);
    tried.extend(Some(newest).filter(|newest| newest.trigger.is_for(store)));
    tried.sort_by_key(|campaign| campaign.campaign);
    let rules: Rules = plan::layout(db, store)?.rules;
    let stays = campaigns::stays(db, store, from_ms, until_ms)?;
    let mut replay = Replay::new(&rules, &tried, Some(campaign), &stays, &asked);
    let mut unreadable = 0;
    campaigns::each_decision(db, store, from_ms, until_ms, |decision| match decision {
        Some(decision) => replay.judge(&decision),
        None => unreadable += 1,
    })?;
    let mut out = replay.finish();
    out.without_facts += unreadable;
    Ok(out)
}

fn dwell_s(trigger: &Trigger) -> Option<u32> {
    match trigger.when {
        When::Dwell { seconds } => Some(seconds),
        When::Enter | When::Exit => None,
    }
}
