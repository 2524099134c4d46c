//! A message as fields of a form.
//!
//! In: what a marketer typed, and what was saved before. Out: a campaign, or what is wrong, by field.
//! Promises: what the form has no field for (caps of a store, several zones, a reward) stays as the
//! API had saved it.
//! Invariant: of a form that is wrong nothing is used.

use std::collections::{BTreeMap, BTreeSet};

use engine::{
    campaign::{About, Caps, Content, ProductRule, Schedule, Trigger, Words},
    input::IntentKind,
    outcome::When,
};
use garde::Validate;
use protocol::ZoneId;

use crate::{
    api::campaigns::CampaignBody,
    store::campaigns::CampaignRow,
    web::{campaigns::FormView, i18n::Texts},
};

/// What a new campaign begins with.
const NEW_RELEVANT_MS: u64 = 120_000;
const NEW_ATTRIBUTION_MS: u64 = 14 * 86_400_000;

/// What a new message begins with.
pub(super) fn new() -> FormView {
    FormView {
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
    }
}

/// A saved version as the form shows it. What the form has no field for is kept by [`read`].
pub(super) fn of(row: &CampaignRow) -> FormView {
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
pub(super) fn read(
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
