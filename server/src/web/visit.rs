//! One visit in plain words: what happened, when, and what it rested on.
//!
//! In: a visit's changes as they were written down. Out: a page, or lines for a terminal.
//! Promises: both tell the same; each [`Because`] has its words in both languages.
//! Invariant: nobody is named; who reads this knows when somebody was where, not who.

use std::collections::BTreeMap;

use askama::Template;
use engine::outcome::{Because, HeardAt, Why};
use protocol::ZoneId;

use super::{
    i18n::{Lang, Texts, percent},
    lintel::Lintel,
    views::{Icon, RenderError, render},
};
pub use crate::store::{board::VisitRow, shop::Names, visits::ChangeRow};

const SECOND_MS: u64 = 1_000;
const MINUTE_MS: u64 = 60 * SECOND_MS;
/// A change that is dated back by less than this was decided at once.
const AT_ONCE_MS: u64 = 2 * SECOND_MS;
/// Up to this long ago seconds are told, then minutes.
const SECONDS_UP_TO_MS: u64 = 90 * SECOND_MS;
/// Below this a second guess is none.
const SHARE_TOLD_MIN: f32 = 0.005;

/// The names of a store's zones in one language.
#[derive(Debug, Clone, Default)]
pub struct ZoneNames(BTreeMap<ZoneId, String>);

impl ZoneNames {
    /// In this language.
    pub fn new(names: BTreeMap<ZoneId, Names>, lang: Lang) -> Self {
        let pick = |names: Names| match lang {
            Lang::Nl => names.nl,
            Lang::En => names.en,
        };
        let named = names.into_iter().map(|(zone, names)| (zone, pick(names)));
        Self(named.collect())
    }

    /// All of them: id and name, by name.
    pub fn all(&self) -> Vec<(String, String)> {
        let named = self
            .0
            .iter()
            .map(|(zone, name)| (zone.to_string(), name.clone()));
        let mut all: Vec<(String, String)> = named.collect();
        all.sort_by(|a, b| a.1.cmp(&b.1));
        all
    }

    /// A zone that was taken away is called by its id.
    pub fn name(&self, zone: &ZoneId) -> String {
        let known = self.0.get(zone).cloned();
        known.unwrap_or_else(|| zone.to_string())
    }
}

/// One change, told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// When, with seconds.
    pub clock: String,
    /// What happened.
    pub what: String,
    /// Why we think so, a sentence each.
    pub why: Vec<String>,
    class: &'static str,
}

/// Tells a visit, in the order in which it was decided.
pub fn tell(texts: &Texts, zones: &ZoneNames, changes: &[ChangeRow], here: bool) -> Vec<Told> {
    let last = changes.len().saturating_sub(1);
    let told = |(at, change)| {
        let mut told = Teller { texts, zones }.tell(change);
        if here && at == last && told.class == "past" {
            told.class = "lit";
        }
        told
    };
    changes.iter().enumerate().map(told).collect()
}

/// How long a visit was, or has been.
pub fn lasting(texts: &Texts, visit: &VisitRow, now_ms: u64) -> String {
    let until_ms = visit.left_ms.unwrap_or(now_ms);
    let minutes = until_ms
        .saturating_sub(visit.entered_ms)
        .div_ceil(MINUTE_MS);
    match visit.left_ms {
        Some(_) => texts.count("visit-lasted", minutes),
        None => texts.count("visit-still", minutes),
    }
}

struct Teller<'a> {
    texts: &'a Texts,
    zones: &'a ZoneNames,
}

impl Teller<'_> {
    fn tell(&self, change: &ChangeRow) -> Told {
        let t = self.texts;
        let (class, what) = match (change.change.as_str(), &change.zone) {
            ("entered", _) => ("past", t.get("tale-entered")),
            ("zone_entered", Some(zone)) => ("past", self.zone_told(zone, change.why.as_ref())),
            ("zone_lost", _) => ("unsure", t.get("tale-lost")),
            ("left", _) => ("past", t.get("tale-left")),
            _ => ("silent", t.get("tale-revised")),
        };
        Told {
            clock: t.clock_s(change.at_ms),
            what,
            why: match &change.why {
                Some(why) => self.why(change, why),
                None => vec![t.get("tale-revised-more")],
            },
            class,
        }
    }

    fn zone_told(&self, zone: &ZoneId, why: Option<&Why>) -> String {
        let name = self.zones.name(zone);
        let share = why.and_then(|w| w.zones.iter().find(|(known, _)| known == zone));
        match share {
            Some((_, share)) => self.texts.with2(
                "tale-zone-sure",
                "zone",
                name,
                "percent",
                share_told(*share),
            ),
            None => self.texts.with("tale-zone", "zone", name),
        }
    }

    fn why(&self, change: &ChangeRow, why: &Why) -> Vec<String> {
        let t = self.texts;
        let mut lines = vec![because(t, why.because)];
        let mut heard = why.heard.iter();
        if let Some(strongest) = heard.next() {
            lines.push(t.with_all("tale-strongest", self.blanks(strongest)));
            let others = heard.map(|at| t.with_all("tale-heard", self.blanks(at)));
            let others = others.collect::<Vec<_>>().join("; ");
            if !others.is_empty() {
                lines.push(t.with("tale-also", "heard", others));
            }
        }
        let told = |(zone, share): &(ZoneId, f32)| {
            format!("{} {}", self.zones.name(zone), share_told(*share))
        };
        let is_other = |(zone, share): &&(ZoneId, f32)| {
            *share >= SHARE_TOLD_MIN && Some(zone) != change.zone.as_ref()
        };
        let others: Vec<String> = why.zones.iter().filter(is_other).map(told).collect();
        match change.change.as_str() {
            "zone_entered" if !others.is_empty() => {
                lines.push(t.with("tale-next", "zones", others.join(", ")));
            }
            "zone_lost" if !others.is_empty() => {
                lines.push(t.with("tale-unsure", "zones", others.join(", ")));
            }
            _ => {}
        }
        if why.decided_ms >= change.at_ms + AT_ONCE_MS {
            lines.push(t.with("tale-decided", "time", t.clock_s(why.decided_ms)));
        }
        lines
    }

    fn blanks(&self, at: &HeardAt) -> [(&'static str, String); 3] {
        let t = self.texts;
        let ago = match at.ago_ms {
            0..SECOND_MS => t.get("tale-now"),
            SECOND_MS..SECONDS_UP_TO_MS => t.count("tale-seconds", at.ago_ms / SECOND_MS),
            _ => t.count("tale-minutes", at.ago_ms / MINUTE_MS),
        };
        [
            ("anchor", at.anchor.to_string()),
            ("dbm", dbm_told(at.rssi_dbm)),
            ("ago", ago),
        ]
    }
}

/// Why, in a sentence.
pub fn because(t: &Texts, because: Because) -> String {
    match because {
        Because::Radio => t.get("because-radio"),
        Because::SaidSo => t.get("because-said-so"),
        Because::Silence => t.get("because-silence"),
        Because::HeardOutside => t.get("because-heard-outside"),
        Because::OrderDone => t.get("because-order-done"),
        Because::ConsentWithdrawn => t.get("because-consent-withdrawn"),
        Because::Shed => t.get("because-shed"),
        Because::Late => t.get("because-late"),
    }
}

/// `94%`; never a certainty that nobody has.
fn share_told(share: f32) -> String {
    match percent(share) {
        0 => "<1%".to_owned(),
        100 => ">99%".to_owned(),
        share => format!("{share}%"),
    }
}

/// With the sign that typesetters use.
fn dbm_told(dbm: i8) -> String {
    if dbm < 0 {
        format!("\u{2212}{}", dbm.unsigned_abs())
    } else {
        dbm.to_string()
    }
}

/// All of the page.
#[derive(Debug, Clone)]
pub struct VisitPage {
    /// What stands above it.
    pub lintel: Lintel,
    /// What the zones are called.
    pub zones: ZoneNames,
    /// The visit.
    pub visit: VisitRow,
    /// What happened in it.
    pub changes: Vec<ChangeRow>,
}

/// The whole page.
pub fn render_visit(page: &VisitPage, now_ms: u64) -> Result<String, RenderError> {
    let (t, visit) = (&page.lintel.texts, &page.visit);
    let here = visit.left_ms.is_none();
    let template = VisitTemplate {
        t,
        page,
        time: t.clock(visit.entered_ms),
        day: t.moment(visit.entered_ms, now_ms),
        lasting: lasting(t, visit, now_ms),
        here,
        told: tell(t, &page.zones, &page.changes, here),
    };
    render("visit", &template)
}

#[derive(Template)]
#[template(path = "visit.html")]
struct VisitTemplate<'a> {
    t: &'a Texts,
    page: &'a VisitPage,
    time: String,
    day: String,
    lasting: String,
    here: bool,
    told: Vec<Told>,
}

#[cfg(test)]
mod tests;
