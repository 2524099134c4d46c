//! The messages' pages: which run and what came of them, and one of them to be written.
//!
//! In: campaigns with their figures, what a marketer typed. Out: the two pages.
//! Promises: what was typed wrong stands where it was typed, with what is wrong beside it.
//! Invariant: a figure about fewer than ten people is not shown; nobody is named but the shopper
//! whom the marketer chose to try a message on.

mod effect;

use std::collections::BTreeMap;

use askama::Template;

pub use self::effect::Effect;
use super::{
    i18n::Texts,
    lintel::{Lintel, SCRIPT_WORDS},
    qr::Qr,
    views::{Icon, RenderError, render, script_words},
};
pub use crate::{
    revenue::{Revenue, Spent},
    store::campaigns::State,
    uplift::{Difference, Tally, Uplift},
};
use effect::EffectLine;

/// The list.
#[derive(Debug, Clone)]
pub struct CampaignsPage {
    /// What stands above it.
    pub lintel: Lintel,
    /// All campaigns, those that run first.
    pub campaigns: Vec<CampaignRowView>,
    /// Sent in the last seven days, in this store.
    pub sent: u64,
    /// Held back in that time.
    pub held_back: u64,
}

/// A campaign in the list.
#[derive(Debug, Clone)]
pub struct CampaignRowView {
    /// Its id.
    pub campaign: String,
    /// As the retailer calls it.
    pub name: String,
    /// How far it is.
    pub state: State,
    /// Its newest version, if that is a draft.
    pub draft: Option<u32>,
    /// What sets it off, in words.
    pub when: String,
    /// For which stores, in words.
    pub reach: String,
    /// Sent in the last seven days, in this store.
    pub sent: u64,
    /// Held back in that time: the reason in words, how often; most often first.
    pub held_back: Vec<(String, u64)>,
    /// What it changes, in all stores.
    pub uplift: Uplift,
}

impl CampaignRowView {
    fn held_back_sum(&self) -> u64 {
        self.held_back.iter().map(|(_, times)| times).sum()
    }

    fn reasons(&self) -> String {
        let said = |(reason, times): &(String, u64)| format!("{times} {reason}");
        let most: Vec<String> = self.held_back.iter().take(4).map(said).collect();
        most.join(", ")
    }
}

/// One campaign to be written.
#[derive(Debug, Clone)]
pub struct CampaignPage {
    /// What stands above it.
    pub lintel: Lintel,
    /// Its id; none: it is not saved yet.
    pub campaign: Option<String>,
    /// How far it is.
    pub state: State,
    /// Which version this is, and when it was saved, by the clock.
    pub saved: Option<(u32, String)>,
    /// Whether this version runs.
    pub runs: bool,
    /// What was typed.
    pub form: FormView,
    /// What it changes, in all stores; none: it is not saved yet.
    pub effect: Option<Effect>,
    /// What is wrong with it, by field.
    pub wrong: Vec<(&'static str, String)>,
    /// For which stores, in words, if she may only look at it.
    pub reach: Option<String>,
    /// Stores to choose from: id, name; none: it is for her own.
    pub stores: Vec<(String, String)>,
    /// Loyalty tiers to choose from: id, name.
    pub tiers: Vec<(String, String)>,
    /// Zones where it may be set off: id, name.
    pub places: Vec<(String, String)>,
    /// Zones of this store to try it in: id, name.
    pub zones: Vec<(String, String)>,
    /// What it would say to the shopper it was tried on.
    pub tried: Option<TriedView>,
    /// What it would have done last week.
    pub replayed: Option<ReplayView>,
    /// Where it can be looked at on a phone.
    pub trial: Option<TrialLink>,
}

/// Where a message can be looked at for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrialLink {
    /// The whole address.
    pub url: String,
    /// The same for this browser.
    pub path: String,
    /// Until when, by the clock.
    pub until: String,
    /// The address for a camera.
    pub qr: Option<Qr>,
}

/// The fields as they were typed.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(default)]
pub struct FormView {
    /// The session's token.
    pub csrf: String,
    /// Which button.
    #[serde(rename = "do")]
    pub what: String,
    /// As the retailer calls it.
    pub name: String,
    /// What a shopper may mute.
    pub topic: String,
    /// `enter`, `dwell` or `exit`.
    pub when: String,
    /// Seconds of a dwell.
    pub seconds: String,
    /// A zone, or nothing for all.
    pub zone: String,
    /// `wishlisted`, `carted`, `viewed`, `read`, `any`, `cheaper`, `back_in_stock`, `reward` or
    /// `store`.
    pub about: String,
    /// `zone` or `store`: where the product may stand.
    pub place: String,
    /// Days in which a reward ends.
    pub within_days: String,
    /// Percent.
    pub confidence: String,
    /// Messages in a visit.
    pub per_visit: String,
    /// Messages a week.
    pub per_week: String,
    /// Percent who get nothing.
    pub holdout: String,
    /// The first day on which it runs.
    pub from_date: String,
    /// The last day on which it runs.
    pub until_date: String,
    /// From this time of the day on.
    pub hour_from: String,
    /// Before this time of the day.
    pub hour_until: String,
    /// From her how manieth visit on.
    pub visit_from: String,
    /// Up to her how manieth visit.
    pub visit_until: String,
    /// A loyalty tier, or nothing for everybody.
    pub tier: String,
    /// Of several that may be told the highest is.
    pub priority: String,
    /// Days of rest after it was told.
    pub cool_down: String,
    /// Minutes that it is worth showing.
    pub relevant: String,
    /// Dutch.
    pub title_nl: String,
    /// Dutch.
    pub body_nl: String,
    /// English.
    pub title_en: String,
    /// English.
    pub body_en: String,
    /// The shop's own id of a shopper to try it on.
    pub external_id: String,
    /// The zone that she stands in.
    pub in_zone: String,
    /// Check boxes that are ticked, by name: [`day_box`], [`store_box`].
    #[serde(flatten)]
    pub ticked: BTreeMap<String, String>,
}

/// The check box of a day of the week, 1 (Monday) to 7.
pub fn day_box(day: u8) -> String {
    format!("day-{day}")
}

/// The check box of a store.
pub fn store_box(store: &str) -> String {
    format!("store-{store}")
}

impl FormView {
    /// Whether any field says when or for whom it is.
    fn is_narrowed(&self) -> bool {
        let days = (1..=7).any(|day| self.ticked.contains_key(&day_box(day)));
        let set = |text: &String| !text.trim().is_empty();
        days || [
            &self.from_date,
            &self.until_date,
            &self.hour_from,
            &self.hour_until,
            &self.visit_from,
            &self.visit_until,
            &self.tier,
            &self.cool_down,
        ]
        .into_iter()
        .any(set)
            || !matches!(self.priority.trim(), "" | "0")
            || self.relevant.trim() != "2"
    }
}

/// What a message would say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TriedView {
    /// Title and body; none: it would be silent.
    pub said: Option<(String, String)>,
    /// The reason for silence, in words.
    pub reason: Option<String>,
}

/// What a message would have done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplayView {
    /// Sent.
    pub sent: u64,
    /// Held back.
    pub held_back: u64,
    /// Why, most often first.
    pub reasons: Vec<(String, u64)>,
    /// Judged by the facts of an earlier moment.
    pub estimated: u64,
}

impl CampaignPage {
    fn wrong_at(&self, field: &str) -> Option<&str> {
        let here = self.wrong.iter().find(|(at, _)| *at == field);
        here.map(|(_, why)| why.as_str())
    }

    fn path(&self) -> String {
        let campaign = self.campaign.as_deref().unwrap_or("new");
        format!("/manage/{}/campaigns/{campaign}", self.lintel.store)
    }

    fn ended(&self) -> bool {
        self.state == State::Ended
    }

    /// Whether a version of it runs, be it this one or the one before.
    fn is_on(&self) -> bool {
        self.state == State::Published
    }

    /// Whether what stands here can only be looked at.
    fn is_shut(&self) -> bool {
        self.ended() || self.reach.is_some()
    }

    fn opens_when(&self) -> bool {
        let fields = [
            "from_date",
            "until_date",
            "hour_from",
            "hour_until",
            "visit_from",
            "visit_until",
            "tier",
            "priority",
            "cool_down",
            "relevant",
        ];
        self.form.is_narrowed() || fields.iter().any(|field| self.wrong_at(field).is_some())
    }
}

/// A choice of a list.
struct Choice {
    value: String,
    words: String,
    chosen: bool,
}

fn choices(t: &Texts, key: &str, values: &[&str], chosen: &str) -> Vec<Choice> {
    let choice = |value: &&str| Choice {
        value: (*value).to_owned(),
        words: t.get(&format!("{key}-{}", value.replace('_', "-"))),
        chosen: *value == chosen,
    };
    values.iter().map(choice).collect()
}

#[derive(Template)]
#[template(path = "campaigns.html")]
struct CampaignsTemplate<'a> {
    t: &'a Texts,
    page: &'a CampaignsPage,
    now_ms: u64,
    words: String,
}

impl CampaignsTemplate<'_> {
    fn state(&self, state: &State) -> (&'static str, Icon, String) {
        let t = self.t;
        match state {
            State::Draft => ("chip off", Icon::Question, t.get("campaign-draft")),
            State::Published => ("chip ok", Icon::Check, t.get("campaign-published")),
            State::Paused => ("chip", Icon::Pause, t.get("campaign-paused")),
            State::Ended => ("chip off", Icon::Check, t.get("campaign-ended")),
        }
    }
}

#[derive(Template)]
#[template(path = "campaign.html")]
struct CampaignTemplate<'a> {
    t: &'a Texts,
    page: &'a CampaignPage,
    form: &'a FormView,
    now_ms: u64,
    words: String,
}

impl CampaignTemplate<'_> {
    fn effects(&self) -> Vec<EffectLine> {
        let effect = self.page.effect.as_ref();
        let begun = effect.filter(|effect| !effect.is_empty());
        begun.map_or_else(Vec::new, |effect| effect.lines(self.t).into())
    }

    fn choices(&self, key: &str, values: &[&str], chosen: &str) -> Vec<Choice> {
        choices(self.t, key, values, chosen)
    }

    /// The days of the week: the name of the box, the day in words, whether it is ticked.
    fn days(&self) -> Vec<(String, String, bool)> {
        let day = |day: u8| {
            let (name, words) = (day_box(day), self.t.get(&format!("day-{day}")));
            let ticked = self.form.ticked.contains_key(&name);
            (name, words, ticked)
        };
        (1..=7).map(day).collect()
    }

    /// The stores: the same.
    fn stores(&self) -> Vec<(String, String, bool)> {
        let store = |(id, words): &(String, String)| {
            let name = store_box(id);
            let ticked = self.form.ticked.contains_key(&name);
            (name, words.clone(), ticked)
        };
        self.page.stores.iter().map(store).collect()
    }

    fn gaps(&self) -> String {
        let gaps = engine::template::Gap::ALL;
        let named: Vec<String> = gaps
            .iter()
            .map(|gap| format!("{{{}}}", gap.name()))
            .collect();
        named.join(" ")
    }

    fn title(&self) -> String {
        match self.form.name.trim() {
            "" => self.t.get("campaign-new"),
            name => name.to_owned(),
        }
    }
}

/// Where an interval is drawn, on a grid of 180.
struct Whisker {
    low: f64,
    by: f64,
    high: f64,
    zero: f64,
}

impl Whisker {
    /// Zero is always on it, and both ends.
    fn of(&Difference { by, low, high }: &Difference) -> Self {
        let (left, right) = (low.min(0.0), high.max(0.0));
        let wide = (right - left).max(0.01);
        let at = |share: f64| (14.0 + 152.0 * (share - left) / wide).round();
        Self {
            low: at(low),
            by: at(by),
            high: at(high),
            zero: at(0.0),
        }
    }
}

impl CampaignsTemplate<'_> {
    fn points(&self, difference: &Difference) -> String {
        effect::points(self.t, difference.by)
    }

    fn between(&self, difference: &Difference) -> String {
        effect::between(self.t, difference)
    }

    fn so_many(&self, uplift: &Uplift) -> Option<String> {
        effect::so_many(self.t, uplift)
    }
}

/// The list.
pub fn render_campaigns(page: &CampaignsPage, now_ms: u64) -> Result<String, RenderError> {
    let t = &page.lintel.texts;
    let words = script_words(t, &SCRIPT_WORDS);
    render(
        "campaigns",
        &CampaignsTemplate {
            t,
            page,
            now_ms,
            words,
        },
    )
}

/// One campaign.
pub fn render_campaign(page: &CampaignPage, now_ms: u64) -> Result<String, RenderError> {
    let t = &page.lintel.texts;
    let template = CampaignTemplate {
        t,
        page,
        form: &page.form,
        now_ms,
        words: script_words(t, &SCRIPT_WORDS),
    };
    render("campaign", &template)
}
