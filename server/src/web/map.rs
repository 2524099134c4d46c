//! The map page: how many are believed to be where, how sure that is, and who hears it.
//!
//! In: what is believed of the store as a whole, its devices, today's visits. Out: the page, or all
//! that changes on it for the live stream.
//! Promises: what the drawing says stands in tables below it too; a state is a word, a shape and a
//! colour.
//! Invariant: sums and times alone: no name, no person, no number that is hers.

use askama::Template;
use engine::input::{Area, Place};
use protocol::{StoreId, VisitId};

use super::{
    fleet::{BeaconState, GatewayState},
    i18n::Texts,
    lintel::{Lintel, SCRIPT_WORDS},
    plan::{self, Drawing, Rect, Unit},
    views::{Icon, Markup, RenderError, render, script_words},
};

const SECOND_MS: u64 = 1_000;
const MINUTE_MS: u64 = 60 * SECOND_MS;
const HOUR_MS: u64 = 60 * MINUTE_MS;
/// The fullest zone shines, but three people in a large shop are not a crowd.
const FULL_FROM: f32 = 3.0;

/// One letter of an anchor's label, bold, in the widest of the usual typefaces.
const LABEL_LETTER: f32 = 7.9;
/// From the edge of a label to its letters.
const LABEL_INDENT: f32 = 7.0;
/// `pages.css` draws letters larger by this on a phone, where the whole floor is as wide as a hand.
const LARGER_ON_PHONE: f32 = 1.9;

/// All of the page.
#[derive(Debug, Clone)]
pub struct MapPage {
    /// What stands above it.
    pub lintel: Lintel,
    /// What it shows.
    pub floor: FloorView,
}

/// The floor and who is on it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FloorView {
    /// All zones, by name.
    pub zones: Vec<ZoneView>,
    /// All anchors, by name.
    pub anchors: Vec<AnchorView>,
    /// People who are in.
    pub present: u32,
    /// Those whose zone is not said.
    pub unknown: u32,
    /// Today's, the latest first.
    pub visits: Vec<VisitLine>,
}

/// A zone.
#[derive(Debug, Clone, PartialEq)]
pub struct ZoneView {
    /// Its id.
    pub zone: String,
    /// What it is called.
    pub name: String,
    /// Where it lies.
    pub area: Option<Area>,
    /// How many are expected in it.
    pub people: f32,
    /// How many are said to be in it.
    pub said: u32,
}

/// An anchor.
#[derive(Debug, Clone, PartialEq)]
pub struct AnchorView {
    /// Its name.
    pub name: String,
    /// The number of its zone among the zones.
    pub zone: usize,
    /// Where it hangs.
    pub place: Option<Place>,
    /// What it is and how it does.
    pub state: AnchorState,
    /// When it last had a radio of somebody who agreed.
    pub heard_ms: Option<u64>,
    /// How many radios it had in the last minute.
    pub radios: u32,
}

/// What an anchor is and how it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnchorState {
    /// A gateway's antenna.
    Gateway(GatewayState),
    /// A fixed beacon.
    Beacon(BeaconState),
}

impl AnchorState {
    /// Whether it can hear or be heard.
    fn works(self) -> bool {
        match self {
            Self::Gateway(state) => state.listens(),
            Self::Beacon(state) => matches!(
                state,
                BeaconState::Good | BeaconState::BatteryLow | BeaconState::Moved
            ),
        }
    }
}

impl AnchorState {
    /// The same, now that a phone has heard it: a beacon that no gateway hears may still do well.
    pub fn as_phones_hear(self) -> Self {
        match self {
            Self::Beacon(
                BeaconState::NeverHeard | BeaconState::NotHeard | BeaconState::CannotBeHeard,
            ) => Self::Beacon(BeaconState::Good),
            other => other,
        }
    }
}

/// A visit, without whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VisitLine {
    /// Which.
    pub visit: VisitId,
    /// When it began.
    pub entered_ms: u64,
    /// When it ended; none: it goes on.
    pub left_ms: Option<u64>,
    /// The zones that were said, in order.
    pub zones: Vec<String>,
}

/// The whole page.
pub fn render_map(page: &MapPage, now_ms: u64) -> Result<String, RenderError> {
    let template = MapTemplate {
        t: &page.lintel.texts,
        page,
        now_ms,
        words: script_words(&page.lintel.texts, &SCRIPT_WORDS),
        floor: Markup(render_floor(&page.lintel, &page.floor, now_ms)?),
    };
    render("map", &template)
}

/// All that changes on it, for an `event: map`.
pub fn render_floor(
    lintel: &Lintel,
    floor: &FloorView,
    now_ms: u64,
) -> Result<String, RenderError> {
    let Lintel { texts, store, .. } = lintel;
    let areas: Vec<Option<Area>> = floor.zones.iter().map(|zone| zone.area).collect();
    let places: Vec<_> = floor.anchors.iter().map(|a| (a.zone, a.place)).collect();
    let drawing = plan::draw(&areas, &places);
    let words = Words { t: texts, now_ms };
    let full = floor.zones.iter().map(|zone| zone.people);
    let full = full.fold(FULL_FROM, f32::max);
    let rects = drawing.zones.iter().zip(&drawing.at_foot);
    let zones = floor.zones.iter().zip(rects);
    let zones = zones.map(|(zone, (rect, at_foot))| words.zone(zone, *rect, *at_foot, full));
    let anchors = floor.anchors.iter().zip(&drawing.anchors);
    let anchors = anchors.map(|(anchor, at)| words.anchor(anchor, *at, &floor.zones));
    let known = floor.present.saturating_sub(floor.unknown);
    let template = FloorTemplate {
        t: texts,
        store,
        present: floor.present,
        unknown: floor.unknown,
        sure_percent: (known * 100).checked_div(floor.present),
        zones: zones.collect(),
        anchors: anchors.collect(),
        has_plan: drawing.walls.is_some(),
        drawing,
        visits: floor.visits.iter().map(|v| words.visit(v)).collect(),
    };
    render("floor", &template)
}

#[derive(Template)]
#[template(path = "map.html")]
struct MapTemplate<'a> {
    t: &'a Texts,
    page: &'a MapPage,
    now_ms: u64,
    words: String,
    floor: Markup,
}

#[derive(Template)]
#[template(path = "floor.html")]
struct FloorTemplate<'a> {
    t: &'a Texts,
    store: &'a StoreId,
    present: u32,
    unknown: u32,
    /// None: nobody is in.
    sure_percent: Option<u32>,
    zones: Vec<ZoneLine>,
    anchors: Vec<AnchorLine>,
    has_plan: bool,
    drawing: Drawing,
    visits: Vec<VisitWords>,
}

struct ZoneLine {
    zone: String,
    name: String,
    /// As much of it as fits into its rectangle.
    label: String,
    /// The same with the larger letters of a small screen.
    label_on_phone: String,
    rect: Rect,
    /// How bright, from 0 to 1, in steps: between them light and words would not stand apart.
    part: &'static str,
    bright: bool,
    people: String,
    sure: String,
    drawn_sure: bool,
    at_foot: bool,
}

impl ZoneLine {
    /// From the rectangle's edge to the first line of words, as the letters are large.
    fn first_line(&self, on_phone: bool) -> &'static str {
        match (self.at_foot, on_phone, self.drawn_sure) {
            (false, false, _) => "1.6em",
            (false, true, _) => "1.3em",
            (true, false, true) => "-3.4em",
            (true, _, _) => "-2.1em",
        }
    }
}

struct AnchorLine {
    name: String,
    place: String,
    gateway: bool,
    works: bool,
    at: (Unit, Unit),
    /// What stands beside it; none: a beacon that does well.
    label: Option<Label>,
    /// The same on a small screen, where what ails it has to do.
    label_on_phone: Option<Label>,
    class: &'static str,
    icon: Icon,
    state: String,
    heard: String,
    radios: u32,
}

/// Words beside an anchor; measured from its middle.
struct Label {
    words: String,
    left: Unit,
    middle: Unit,
    wide: Unit,
}

impl Label {
    /// To the right of it, but near the right wall to the left.
    fn beside((x, _): (Unit, Unit), words: String) -> Self {
        let letters = f32::from(u8::try_from(words.chars().count()).unwrap_or(80));
        let wide = LABEL_LETTER * letters + 2.0 * LABEL_INDENT;
        let left = if x.0 > 560.0 { -17.0 - wide } else { 17.0 };
        Self {
            words,
            left: Unit(left),
            middle: Unit(left + wide / 2.0),
            wide: Unit(wide),
        }
    }
}

struct VisitWords {
    visit: VisitId,
    from: String,
    until: String,
    here: bool,
    zones: String,
}

struct Words<'a> {
    t: &'a Texts,
    now_ms: u64,
}

impl Words<'_> {
    fn zone(&self, zone: &ZoneView, rect: Rect, at_foot: bool, full: f32) -> ZoneLine {
        // People, not fractions of them; a person is never negative.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let people = zone.people.max(0.0).round() as u32;
        let (part, bright) = match zone.people / full {
            share if share < 0.1 => ("0.00", false),
            share if share < 0.3 => ("0.16", false),
            share if share < 0.5 => ("0.32", false),
            share if share < 0.8 => ("0.72", true),
            _ => ("1.00", true),
        };
        ZoneLine {
            zone: zone.zone.clone(),
            label: rect.fitting(&zone.name, 1.0),
            label_on_phone: rect.fitting(&zone.name, LARGER_ON_PHONE),
            name: zone.name.clone(),
            rect,
            part,
            bright,
            people: if people == 0 && part != "0.00" {
                self.t.get("zone-maybe")
            } else {
                self.t.count("zone-people", people)
            },
            sure: if people + zone.said > 0 {
                self.t.count("zone-sure", zone.said)
            } else {
                "–".to_owned()
            },
            drawn_sure: people + zone.said > 0 && rect.deep.0 >= 84.0,
            at_foot,
        }
    }

    fn anchor(&self, anchor: &AnchorView, at: (Unit, Unit), zones: &[ZoneView]) -> AnchorLine {
        let t = self.t;
        let (class, icon, state) = match anchor.state {
            AnchorState::Gateway(state) => match state {
                GatewayState::Hears => ("ok", Icon::Check, t.get("gateway-hears")),
                GatewayState::CatchingUp => ("blue", Icon::ClockLate, t.get("gateway-catching-up")),
                GatewayState::HearsNothing => ("brick", Icon::Warning, t.get("gateway-deaf")),
                GatewayState::Silent => ("brick", Icon::LineCut, t.get("gateway-silent")),
                GatewayState::NotYetHeard => ("off", Icon::Off, t.get("gateway-new")),
            },
            AnchorState::Beacon(state) => match state {
                BeaconState::Good => ("ok", Icon::Check, t.get("beacon-good")),
                BeaconState::BatteryLow => ("brick", Icon::Battery, t.get("beacon-battery")),
                BeaconState::Moved => ("blue", Icon::Move, t.get("beacon-moved")),
                BeaconState::NotHeard => ("brick", Icon::LineCut, t.get("beacon-lost")),
                BeaconState::CannotBeHeard => ("off", Icon::Off, t.get("beacon-deaf")),
                BeaconState::NeverHeard => ("off", Icon::Question, t.get("beacon-never")),
            },
        };
        let gateway = matches!(anchor.state, AnchorState::Gateway(_));
        let works = anchor.state.works();
        let label = match (gateway, works) {
            (true, true) => Some(anchor.name.clone()),
            (true, false) => Some(format!("{}: {state}", anchor.name)),
            (false, true) => None,
            (false, false) => Some(state.clone()),
        };
        AnchorLine {
            name: anchor.name.clone(),
            place: zones
                .get(anchor.zone)
                .map_or_else(|| t.get("place-none"), |zone| zone.name.clone()),
            gateway,
            works,
            at,
            label: label.map(|words| Label::beside(at, words)),
            label_on_phone: (!works).then(|| Label::beside(at, state.clone())),
            class,
            icon,
            state,
            heard: self.heard(anchor.heard_ms),
            radios: anchor.radios,
        }
    }

    fn heard(&self, heard_ms: Option<u64>) -> String {
        let Some(heard_ms) = heard_ms else {
            return self.t.get("anchor-nobody");
        };
        match self.now_ms.saturating_sub(heard_ms) {
            // Gateways send what they hear once a second or two.
            0..5_000 => self.t.get("anchor-now"),
            ago_ms if ago_ms < MINUTE_MS => self.t.count("anchor-seconds", ago_ms / SECOND_MS),
            ago_ms if ago_ms < HOUR_MS => self.t.count("heard-ago", ago_ms / MINUTE_MS),
            _ => self.t.moment_within(heard_ms, self.now_ms),
        }
    }

    fn visit(&self, visit: &VisitLine) -> VisitWords {
        let t = self.t;
        VisitWords {
            visit: visit.visit,
            from: t.since(visit.entered_ms, self.now_ms),
            until: match visit.left_ms {
                Some(left_ms) => t.since(left_ms, self.now_ms),
                None => t.get("visits-here"),
            },
            here: visit.left_ms.is_none(),
            zones: if visit.zones.is_empty() {
                t.get("visits-no-zone")
            } else {
                visit.zones.join(", ")
            },
        }
    }
}

#[cfg(test)]
mod tests;
