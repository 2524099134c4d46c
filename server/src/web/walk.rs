//! The calibration walk's page: begin, tap where you stand, see what it is worth.
//!
//! In: a walk as it stands. Out: the page, or all that changes on it for the live stream.
//! Promises: before a walk is used it says which zones look alike and what to do about it.
//! Invariant: the walker is not named; every button is a form that works without scripts.

use askama::Template;
use protocol::StoreId;

use super::{
    i18n::{Texts, minutes, percent},
    lintel::{Lintel, SCRIPT_WORDS},
    views::{Icon, Markup, RenderError, render, script_words},
};
use crate::survey::ALIKE_FROM;

/// Heard by nobody for so long in a zone: something is wrong with the phone.
const UNHEARD_MS: u64 = 10_000;
/// From here on a walk is good enough to be used without a second thought.
const GOOD_FROM: f32 = 0.85;

/// All of the page.
#[derive(Debug, Clone)]
pub struct WalkPage {
    /// What stands above it.
    pub lintel: Lintel,
    /// What came of the last tap, if there is something to say.
    pub said: Option<String>,
    /// How far it is.
    pub view: WalkView,
}

/// How far a walk is.
#[derive(Debug, Clone, PartialEq)]
pub enum WalkView {
    /// There is none.
    Idle {
        /// Zones of the walk that the store uses; none: it uses no walk.
        used_zones: Option<u32>,
    },
    /// It goes on.
    Going {
        /// All zones, by name.
        zones: Vec<StoodView>,
    },
    /// It waits to be used.
    Done(DoneView),
}

/// A zone on the walk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoodView {
    /// Its id.
    pub zone: String,
    /// What it is called.
    pub name: String,
    /// For how long she stood in it.
    pub stood_ms: u64,
    /// How often she was heard in it.
    pub sightings: u32,
    /// She stands in it.
    pub current: bool,
}

/// What a walk is worth.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DoneView {
    /// Share of what was left out that was told right.
    pub right: Option<f32>,
    /// Zones that look alike, and the anchor between them, the worst first.
    pub pairs: Vec<PairView>,
    /// Zones in which she stood too shortly, by name.
    pub short: Vec<String>,
    /// Zones in which she did not stand, by name.
    pub missed: Vec<String>,
    /// Zones in which she stood.
    pub walked: u32,
}

/// Two zones that look alike.
#[derive(Debug, Clone, PartialEq)]
pub struct PairView {
    /// The two, by name.
    pub zones: (String, String),
    /// How much they overlap.
    pub overlap: f32,
    /// Who hears both most.
    pub between: Option<String>,
}

/// The whole page.
pub fn render_walk(page: &WalkPage, now_ms: u64) -> Result<String, RenderError> {
    let template = WalkTemplate {
        t: &page.lintel.texts,
        page,
        now_ms,
        words: script_words(&page.lintel.texts, &SCRIPT_WORDS),
        walking: Markup(render_walking(&page.lintel, &page.view)?),
    };
    render("walk", &template)
}

/// All that changes on it, for an `event: walk`.
pub fn render_walking(lintel: &Lintel, view: &WalkView) -> Result<String, RenderError> {
    let Lintel {
        texts, store, csrf, ..
    } = lintel;
    let (mut zones, mut unheard, mut standing) = (Vec::new(), false, false);
    if let WalkView::Going { zones: all } = view {
        unheard = all
            .iter()
            .any(|z| z.current && z.sightings == 0 && z.stood_ms >= UNHEARD_MS);
        standing = all.iter().any(|z| z.current);
        zones = all.iter().map(|zone| button(texts, zone)).collect();
    }
    let done = match view {
        WalkView::Done(done) => Some(DoneLine::of(texts, done)),
        _ => None,
    };
    let (idle, used_zones) = match view {
        WalkView::Idle { used_zones } => (true, *used_zones),
        _ => (false, None),
    };
    let template = WalkingTemplate {
        t: texts,
        store,
        csrf,
        idle,
        used_zones,
        zones,
        standing,
        unheard,
        done,
    };
    render("walking", &template)
}

fn button(t: &Texts, zone: &StoodView) -> ZoneButton {
    ZoneButton {
        zone: zone.zone.clone(),
        name: zone.name.clone(),
        current: zone.current,
        facts: if zone.stood_ms == 0 {
            t.get("walk-not-yet")
        } else {
            t.with2(
                "walk-stood",
                "time",
                minutes(zone.stood_ms / 1_000),
                "count",
                zone.sightings,
            )
        },
    }
}

#[derive(Template)]
#[template(path = "walk.html")]
struct WalkTemplate<'a> {
    t: &'a Texts,
    page: &'a WalkPage,
    now_ms: u64,
    words: String,
    walking: Markup,
}

#[derive(Template)]
#[template(path = "walking.html")]
struct WalkingTemplate<'a> {
    t: &'a Texts,
    store: &'a StoreId,
    csrf: &'a str,
    idle: bool,
    used_zones: Option<u32>,
    zones: Vec<ZoneButton>,
    standing: bool,
    unheard: bool,
    done: Option<DoneLine>,
}

struct ZoneButton {
    zone: String,
    name: String,
    current: bool,
    facts: String,
}

struct DoneLine {
    right: Option<u8>,
    good: bool,
    verdict: String,
    todo: Vec<Advice>,
    usable: bool,
}

struct Advice {
    urgent: bool,
    icon: Icon,
    what: String,
    how: String,
}

impl DoneLine {
    fn of(t: &Texts, done: &DoneView) -> Self {
        let mut todo: Vec<Advice> = done.pairs.iter().map(|pair| advice(t, pair)).collect();
        if !done.missed.is_empty() {
            todo.push(Advice {
                urgent: false,
                icon: Icon::Question,
                what: t.with("walk-missed", "zones", done.missed.join(", ")),
                how: t.get("walk-missed-more"),
            });
        }
        if !done.short.is_empty() {
            todo.push(Advice {
                urgent: false,
                icon: Icon::ClockLate,
                what: t.with("walk-short", "zones", done.short.join(", ")),
                how: t.get("walk-short-more"),
            });
        }
        let good = done.right.is_some_and(|right| right >= GOOD_FROM);
        let verdict = match done.right {
            None => t.get("walk-verdict-none"),
            Some(_) if good && todo.is_empty() => t.get("walk-verdict-good"),
            Some(_) if good => t.get("walk-verdict-fair"),
            Some(_) => t.get("walk-verdict-poor"),
        };
        Self {
            right: done.right.map(percent),
            good,
            verdict,
            todo,
            usable: done.walked > 0,
        }
    }
}

fn advice(t: &Texts, pair: &PairView) -> Advice {
    let (a, b) = &pair.zones;
    let alike = pair.overlap >= ALIKE_FROM;
    let what = if alike {
        t.with2("walk-alike", "a", a, "b", b)
    } else {
        t.with2("walk-close", "a", a, "b", b)
    };
    let how = match (&pair.between, alike) {
        (Some(anchor), true) => t.with("walk-alike-move", "anchor", anchor),
        (None, true) => t.get("walk-alike-more"),
        (Some(anchor), false) => t.with("walk-close-move", "anchor", anchor),
        (None, false) => t.get("walk-close-more"),
    };
    Advice {
        urgent: alike,
        icon: if alike { Icon::Warning } else { Icon::Move },
        what,
        how,
    }
}

#[cfg(test)]
mod tests;
