//! A message as fields of a form.
//!
//! In: what a marketer typed, and what was saved before. Out: a campaign, or what is wrong, by field.
//! Promises: what the form has no field for (caps of a store, several zones or tiers) stays as the
//! API had saved it, and so does what it shows more coarsely than it was saved, while nobody touches
//! that field.
//! Invariant: of a form that is wrong nothing is used.

mod fields;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use engine::{
    campaign::{
        About, Audience, Caps, Content, DWELL_S_MAX, ProductRule, Schedule, Trigger, Words,
    },
    input::IntentKind,
    outcome::When,
};
use garde::Validate;
use protocol::{StoreId, TierId, ZoneId};

use self::fields::{DAY_MS, MINUTE_MS, Reader, clock, dated, lasted, lasting_wrong, lines};
use crate::{
    api::campaigns::{COOL_DOWN_MS_MAX, CampaignBody, RELEVANT_MS},
    store::campaigns::CampaignRow,
    web::{
        campaigns::{FormView, day_box, store_box},
        i18n::Texts,
    },
};

/// What a new campaign begins with.
const NEW_RELEVANT_MS: u64 = 120_000;
const NEW_ATTRIBUTION_MS: u64 = 14 * DAY_MS;
/// A reward that ends in so many days.
const NEW_WITHIN: &str = "14";
const WITHIN_MS_MAX: u64 = 366 * DAY_MS;
const VISITS_MAX: i32 = 9_999;
/// As the API has them.
const TITLE_LEN_MAX: usize = 60;
const BODY_LEN_MAX: usize = 240;
const NAME_LEN_MAX: usize = 120;

type Wrong = Vec<(&'static str, String)>;

/// What a new message begins with.
pub(super) fn new(t: &Texts) -> FormView {
    FormView {
        topic: "wishlist".into(),
        when: "dwell".into(),
        seconds: "30".into(),
        about: "wishlisted".into(),
        place: "zone".into(),
        within_days: NEW_WITHIN.into(),
        confidence: "90".into(),
        per_visit: "1".into(),
        per_week: "3".into(),
        holdout: "10".into(),
        priority: "0".into(),
        relevant: lasted(t, NEW_RELEVANT_MS, MINUTE_MS),
        ..FormView::default()
    }
}

/// A saved version as the form shows it. What the form has no field for is kept by [`read`].
pub(super) fn of(row: &CampaignRow, t: &Texts) -> FormView {
    shown(&CampaignBody::from(row.newest.clone()), t)
}

fn shown(saved: &CampaignBody, t: &Texts) -> FormView {
    let said = |number: Option<u32>| number.map_or_else(String::new, |n| n.to_string());
    let date = |at_ms: Option<u64>| at_ms.map_or_else(String::new, |at_ms| dated(t, at_ms));
    let words = |language| saved.content.0.get(language).cloned().unwrap_or_default();
    let (nl, en) = (words("nl"), words("en"));
    let (when, seconds) = match saved.trigger.when {
        When::Enter => ("enter", None),
        When::Dwell { seconds } => ("dwell", Some(seconds)),
        When::Exit => ("exit", None),
    };
    let (about, anywhere, within_days) = match &saved.about {
        About::Product(rule) => (about_word(rule), rule.anywhere, NEW_WITHIN.to_owned()),
        About::Reward { expires_within_ms } => {
            ("reward", false, lasted(t, *expires_within_ms, DAY_MS))
        }
        About::Store => ("store", false, NEW_WITHIN.to_owned()),
    };
    let (audience, schedule) = (&saved.audience, &saved.schedule);
    let (hour_from, hour_until) = schedule.minutes.unzip();
    let days = schedule.weekdays.iter().map(|day| day_box(*day));
    let stores = saved.trigger.stores.iter().map(|s| store_box(s.as_str()));
    FormView {
        name: saved.name.clone(),
        topic: saved.topic.clone(),
        when: when.to_owned(),
        seconds: said(seconds),
        zone: saved
            .trigger
            .zones
            .first()
            .map_or_else(String::new, ZoneId::to_string),
        about: about.to_owned(),
        place: if anywhere { "store" } else { "zone" }.to_owned(),
        within_days,
        confidence: (saved.confidence_permille / 10).to_string(),
        per_visit: said(saved.caps.per_visit),
        per_week: said(saved.caps.per_person_week),
        holdout: (saved.holdout_permille / 10).to_string(),
        from_date: date(schedule.from_ms),
        // The last day on which it runs; it ends with it.
        until_date: date(schedule.until_ms.map(|until_ms| until_ms.saturating_sub(1))),
        hour_from: hour_from.map_or_else(String::new, clock),
        hour_until: hour_until.map_or_else(String::new, clock),
        visit_from: said(Some(audience.visit_min).filter(|visit| *visit > 1)),
        visit_until: said(audience.visit_max),
        tier: audience.tiers.first().cloned().unwrap_or_default(),
        priority: saved.priority.to_string(),
        cool_down: match saved.cool_down_ms {
            0 => String::new(),
            cool_down_ms => lasted(t, cool_down_ms, DAY_MS),
        },
        relevant: lasted(t, saved.relevant_ms, MINUTE_MS),
        title_nl: nl.title.to_string(),
        body_nl: nl.body.to_string(),
        title_en: en.title.to_string(),
        body_en: en.body.to_string(),
        ticked: days
            .chain(stores)
            .map(|name| (name, "on".to_owned()))
            .collect(),
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

/// The form as a campaign, on top of what was saved before; or what is wrong, by field. A message
/// that is `bound` to a store is for that one, whatever is ticked.
pub(super) fn read(
    form: &FormView,
    saved: Option<&CampaignRow>,
    bound: Option<&StoreId>,
    t: &Texts,
) -> Result<CampaignBody, Wrong> {
    let before = saved.map(|row| CampaignBody::from(row.newest.clone()));
    let before = before.map(|body| {
        let shown = shown(&body, t);
        (body, shown)
    });
    let mut reader = Reader {
        t,
        form,
        before,
        wrong: Vec::new(),
    };
    let body = reader.campaign(bound);
    if !reader.wrong.is_empty() {
        return Err(reader.wrong);
    }
    match body.validate() {
        Ok(()) => Ok(body),
        // Each rule of the API has its words above; what comes to be wrong here is new there.
        Err(report) => Err(report
            .iter()
            .map(|(_, error)| ("name", error.to_string()))
            .collect()),
    }
}

impl Reader<'_> {
    fn campaign(&mut self, bound: Option<&StoreId>) -> CampaignBody {
        let form = self.form;
        let trigger = self.trigger(bound);
        let (about, audience, schedule) = (self.about(), self.audience(), self.schedule());
        let permille = |percent: Option<u32>| u16::try_from(percent.unwrap_or(0) * 10).unwrap_or(0);
        let confidence = self.kept(&[|f| &f.confidence], |b| b.confidence_permille);
        let confidence_permille =
            confidence.unwrap_or_else(|| permille(self.whole("confidence", &form.confidence, 99)));
        let holdout = self.kept(&[|f| &f.holdout], |b| b.holdout_permille);
        let holdout_permille =
            holdout.unwrap_or_else(|| permille(self.whole("holdout", &form.holdout, 50)));
        let priority = self.kept(&[|f| &f.priority], |b| b.priority);
        let priority = priority.unwrap_or_else(|| {
            self.number("priority", &form.priority, -100..=100)
                .unwrap_or(0)
        });
        let within_ms = 0..=COOL_DOWN_MS_MAX;
        let cool_down = self.kept(&[|f| &f.cool_down], |b| b.cool_down_ms);
        let cool_down_ms = cool_down.unwrap_or_else(|| {
            let typed = self.lasting("cool_down", &form.cool_down, DAY_MS, within_ms);
            typed.unwrap_or(0)
        });
        CampaignBody {
            name: self.name(),
            topic: self.topic(),
            trigger,
            about,
            audience,
            schedule,
            priority,
            confidence_permille,
            caps: self.caps(),
            cool_down_ms,
            relevant_ms: self.relevant_ms(),
            holdout_permille,
            attribution_ms: match &self.before {
                Some((body, _)) => body.attribution_ms,
                None => NEW_ATTRIBUTION_MS,
            },
            content: self.content(),
        }
    }

    fn name(&mut self) -> String {
        if let Some(name) = self.kept(&[|f| &f.name], |b| b.name.clone()) {
            return name;
        }
        let name = self.form.name.trim().to_owned();
        if name.is_empty() {
            self.refuse("name", self.t.get("campaign-wrong-name"));
        }
        self.at_most("name", &name, NAME_LEN_MAX);
        name
    }

    fn at_most(&mut self, field: &'static str, text: &str, max: usize) {
        if text.chars().count() > max {
            self.refuse(
                field,
                self.t.with("campaign-wrong-long", "max", max.to_string()),
            );
        }
    }

    fn topic(&mut self) -> String {
        let topic = self.form.topic.trim().to_owned();
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if !(1..=32).contains(&topic.len()) || !topic.bytes().all(plain) {
            self.refuse("topic", self.t.get("campaign-wrong-topic"));
        }
        topic
    }

    fn trigger(&mut self, bound: Option<&StoreId>) -> Trigger {
        let form = self.form;
        #[expect(clippy::cast_possible_wrap, reason = "3,600")]
        let seconds = self.whole("seconds", &form.seconds, DWELL_S_MAX as i32);
        let when = match form.when.as_str() {
            "dwell" => When::Dwell {
                seconds: seconds.filter(|seconds| *seconds > 0).unwrap_or_else(|| {
                    self.refuse("seconds", self.t.get("campaign-wrong-seconds"));
                    1
                }),
            },
            "exit" => When::Exit,
            _ => When::Enter,
        };
        let zones = self.kept(&[|f| &f.zone], |b| b.trigger.zones.clone());
        let ticked = form.ticked.keys().filter_map(|name| store_box_of(name));
        Trigger {
            when,
            zones: zones.unwrap_or_else(|| form.zone.parse().into_iter().collect()),
            stores: match bound {
                Some(store) => BTreeSet::from([store.clone()]),
                None => ticked.collect(),
            },
        }
    }

    fn about(&mut self) -> About {
        let form = self.form;
        let same = self.kept(&[|f| &f.about, |f| &f.place, |f| &f.within_days], |b| {
            b.about.clone()
        });
        match (same, form.about.as_str()) {
            (Some(about), _) => about,
            (None, "store") => About::Store,
            (None, "reward") => {
                let within_ms = MINUTE_MS..=WITHIN_MS_MAX;
                let typed = self.lasting("within_days", &form.within_days, DAY_MS, within_ms);
                if typed.is_none() {
                    self.refuse("within_days", self.t.get("campaign-wrong-within"));
                }
                About::Reward {
                    expires_within_ms: typed.unwrap_or(0),
                }
            }
            (None, word) => {
                // Only where it stands was changed: what she must have done stays as it was.
                let saved = self.kept(&[|f| &f.about], |b| b.about.clone());
                let rule = match saved {
                    Some(About::Product(rule)) => rule,
                    _ => rule_of(word),
                };
                About::Product(ProductRule {
                    anywhere: form.place == "store",
                    ..rule
                })
            }
        }
    }

    fn audience(&mut self) -> Audience {
        let form = self.form;
        let tiers = self.kept(&[|f| &f.tier], |b| b.audience.tiers.clone());
        let tiers = tiers.unwrap_or_else(|| self.tiers());
        let visits: [fields::Field; 2] = [|f| &f.visit_from, |f| &f.visit_until];
        if let Some(audience) = self.kept(&visits, |b| b.audience.clone()) {
            return Audience { tiers, ..audience };
        }
        let saved_min = self.kept(&visits[..1], |b| b.audience.visit_min);
        let typed = self.number("visit_from", &form.visit_from, 1..=VISITS_MAX);
        let visit_min = saved_min.or(typed.and_then(|visit| u32::try_from(visit).ok()));
        let saved_max = self.kept(&visits[1..], |b| b.audience.visit_max);
        let typed = self.number("visit_until", &form.visit_until, 1..=VISITS_MAX);
        let visit_max = saved_max.unwrap_or(typed.and_then(|visit| u32::try_from(visit).ok()));
        let visit_min = visit_min.unwrap_or(1);
        if visit_max.is_some_and(|max| max < visit_min) {
            self.refuse("visit_until", self.t.get("campaign-wrong-visits"));
        }
        Audience {
            tiers,
            visit_min,
            visit_max,
        }
    }

    fn tiers(&mut self) -> BTreeSet<String> {
        let tier = self.form.tier.trim();
        if tier.is_empty() {
            return BTreeSet::new();
        }
        if tier.parse::<TierId>().is_err() {
            self.refuse("tier", self.t.get("campaign-wrong-tier"));
        }
        BTreeSet::from([tier.to_owned()])
    }

    fn schedule(&mut self) -> Schedule {
        let form = self.form;
        let weekdays = (1..=7).filter(|day| form.ticked.contains_key(&day_box(*day)));
        let from = self.kept(&[|f| &f.from_date], |b| b.schedule.from_ms);
        let until = self.kept(&[|f| &f.until_date], |b| b.schedule.until_ms);
        let untouched = from.is_some() && until.is_some();
        let from_ms = from.unwrap_or_else(|| self.day("from_date", &form.from_date, 0));
        let until_ms = until.unwrap_or_else(|| self.day("until_date", &form.until_date, 1));
        if !untouched
            && from_ms
                .zip(until_ms)
                .is_some_and(|(from, until)| until <= from)
        {
            self.refuse("until_date", self.t.get("campaign-wrong-until"));
        }
        Schedule {
            from_ms,
            until_ms,
            weekdays: weekdays.collect(),
            minutes: self.minutes(),
        }
    }

    fn minutes(&mut self) -> Option<(u16, u16)> {
        let form = self.form;
        let same = self.kept(&[|f| &f.hour_from, |f| &f.hour_until], |b| {
            b.schedule.minutes
        });
        if let Some(minutes) = same {
            return minutes;
        }
        let from = self.time("hour_from", &form.hour_from);
        let until = self.time("hour_until", &form.hour_until);
        match (from, until) {
            (Some(_), None) => self.refuse("hour_until", self.t.get("campaign-wrong-hours")),
            (None, Some(_)) => self.refuse("hour_from", self.t.get("campaign-wrong-hours")),
            (Some(from), Some(until)) if from == until => {
                self.refuse("hour_until", self.t.get("campaign-wrong-hours-same"));
            }
            _ => {}
        }
        from.zip(until)
    }

    fn caps(&mut self) -> Caps {
        let form = self.form;
        let per_visit = self.kept(&[|f| &f.per_visit], |b| b.caps.per_visit);
        let per_week = self.kept(&[|f| &f.per_week], |b| b.caps.per_person_week);
        let before = self.before.as_ref();
        let saved = before
            .map(|(body, _)| body.caps.clone())
            .unwrap_or_default();
        Caps {
            per_visit: per_visit.unwrap_or_else(|| self.whole("per_visit", &form.per_visit, 20)),
            per_person_week: per_week.unwrap_or_else(|| self.whole("per_week", &form.per_week, 50)),
            ..saved
        }
    }

    fn relevant_ms(&mut self) -> u64 {
        let form = self.form;
        if let Some(saved) = self.kept(&[|f| &f.relevant], |b| b.relevant_ms) {
            return saved;
        }
        let typed = self.lasting("relevant", &form.relevant, MINUTE_MS, RELEVANT_MS);
        typed.unwrap_or_else(|| {
            self.refuse("relevant", lasting_wrong(self.t, MINUTE_MS, &RELEVANT_MS));
            NEW_RELEVANT_MS
        })
    }

    fn content(&mut self) -> Content {
        let mut content = BTreeMap::new();
        let nl: [fields::Field; 2] = [|f| &f.title_nl, |f| &f.body_nl];
        let en: [fields::Field; 2] = [|f| &f.title_en, |f| &f.body_en];
        let languages = [
            ("nl", "title_nl", "body_nl", nl),
            ("en", "title_en", "body_en", en),
        ];
        for (language, title_at, body_at, both) in languages {
            let saved = self.kept(&both, |b| b.content.0.get(language).cloned());
            let words = saved.unwrap_or_else(|| self.words(title_at, body_at, both));
            content.extend(words.map(|words| (language.to_owned(), words)));
        }
        if content.is_empty() {
            self.refuse("title_nl", self.t.get("campaign-wrong-words"));
        }
        Content(content)
    }

    fn words(
        &mut self,
        title_at: &'static str,
        body_at: &'static str,
        [title, body]: [fields::Field; 2],
    ) -> Option<Words> {
        let typed = |field: fields::Field| lines(field(self.form).trim());
        let (title, body) = (typed(title), typed(body));
        if title.is_empty() && body.is_empty() {
            return None;
        }
        if title.is_empty() {
            self.refuse(title_at, self.t.get("campaign-wrong-title"));
        }
        self.at_most(title_at, &title, TITLE_LEN_MAX);
        self.at_most(body_at, &body, BODY_LEN_MAX);
        let mut parsed = |field, text: String| {
            text.parse().unwrap_or_else(|error| {
                self.refuse(field, template_words(self.t, &error));
                Default::default()
            })
        };
        Some(Words {
            title: parsed(title_at, title),
            body: parsed(body_at, body),
        })
    }
}

fn store_box_of(name: &str) -> Option<StoreId> {
    name.strip_prefix(&store_box(""))?.parse().ok()
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

fn rule_of(word: &str) -> ProductRule {
    let only = |intent: IntentKind| ProductRule {
        intents: BTreeSet::from([intent]),
        ..ProductRule::default()
    };
    match word {
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
    }
}
