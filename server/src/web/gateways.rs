//! Setting up a gateway: its code, how far it is, and the tap on the plan that says where it hangs.
//!
//! In: a gateway as it stands, its code if it was just made. Out: the pages, or all that changes on
//! one for the live stream.
//! Promises: whatever a tap does the two numbers do too, without scripts; the zone is that of the plan.
//! Invariant: the code is on the page that answers its button, and on no other.

use askama::Template;
use engine::input::{Area, Place};
use protocol::settings::Why;

use super::{
    fleet::GatewayState,
    i18n::Texts,
    lintel::{Lintel, SCRIPT_WORDS},
    plan::{self, Drawing, Rect, Unit},
    qr::Qr,
    views::{Icon, Markup, RenderError, render, script_words},
};
pub use crate::api::settings::Progress;

/// As on the map.
const LARGER_ON_PHONE: f32 = 1.9;

/// All gateways, and a name for another.
#[derive(Debug, Clone)]
pub struct GatewaysPage {
    /// What stands above it.
    pub lintel: Lintel,
    /// Why the button did nothing.
    pub said: Option<String>,
    /// Those that have credentials or a code, by name.
    pub gateways: Vec<GatewayLine>,
}

/// A gateway in the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GatewayLine {
    /// Its name.
    pub name: String,
    /// The zones of its antennas.
    pub places: Vec<String>,
    /// How far it is.
    pub live: LiveView,
}

/// One gateway.
#[derive(Debug, Clone)]
pub struct GatewayPage {
    /// What stands above it.
    pub lintel: Lintel,
    /// Its name.
    pub name: String,
    /// Why the button did nothing.
    pub said: Option<String>,
    /// Its code, if it was just made.
    pub code: Option<CodeView>,
    /// How far it is.
    pub live: LiveView,
    /// Where it can hang.
    pub ground: GroundView,
    /// What is other for it.
    pub settings: SettingsForm,
}

/// A code, shown once.
#[derive(Debug, Clone)]
pub struct CodeView {
    /// To be typed.
    pub code: String,
    /// From here on it is worth nothing.
    pub expires_ms: u64,
    /// What the QR code says.
    pub qr_text: String,
    /// The server's address.
    pub server: String,
    /// Of its certificate.
    pub sha256: Option<String>,
}

/// How far a gateway is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Its code waits.
    Waiting {
        /// Until then.
        expires_ms: u64,
    },
    /// Nobody used its code.
    Expired,
    /// It was set up with a code.
    Enrolled {
        /// Then.
        at_ms: u64,
    },
    /// Somebody typed its credentials.
    ByHand,
}

/// How far a gateway is, and what is heard of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveView {
    /// How far.
    pub stage: Stage,
    /// What the machine said it is.
    pub hardware: Option<String>,
    /// When it first spoke after it was set up.
    pub first_heard_ms: Option<u64>,
    /// When it last spoke.
    pub heard_ms: Option<u64>,
    /// How it does.
    pub state: GatewayState,
    /// Advertisements that it heard since it was switched on.
    pub heard_total: u64,
    /// When it last had a radio of somebody who agreed.
    pub sighted_ms: Option<u64>,
    /// It is an anchor.
    pub placed: bool,
    /// What it was told to do otherwise than its file says; none: nothing, ever.
    pub settings: Option<SettingsLine>,
}

/// How far it is with what it was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingsLine {
    /// How far.
    pub progress: Progress,
    /// The version that is wanted.
    pub wanted: u64,
    /// The version in force; none: what its file says.
    pub in_force: Option<u64>,
    /// Since when.
    pub since_ms: Option<u64>,
    /// Why it does not take the one that is wanted.
    pub refused: Option<Why>,
    /// It could not read what it had been told.
    pub damaged: bool,
}

/// What is other for this gateway, as somebody types it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SettingsForm {
    /// The version that it was made from.
    pub from: u64,
    /// Milliseconds.
    pub window_ms: String,
    /// One a line.
    pub chain_uuids: String,
    /// One a line.
    pub chain_namespaces: String,
    /// `btleplug`, `hci`, or nothing.
    pub kind: String,
    /// With blanks between them.
    pub adapters: String,
    /// Seconds.
    pub silence_s: String,
}

/// The floor on which it can hang.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct GroundView {
    /// Zones by name: id, name, where.
    pub zones: Vec<(String, String, Option<Area>)>,
    /// Anchors: name, number of the zone, where, and whether it is a gateway's.
    pub anchors: Vec<(String, usize, Option<Place>, bool)>,
    /// Which of them is this gateway's.
    pub own: Option<usize>,
}

/// The list.
pub fn render_gateways(page: &GatewaysPage) -> Result<String, RenderError> {
    let t = &page.lintel.texts;
    let line = |gateway: &GatewayLine| ListLine {
        name: gateway.name.clone(),
        place: match gateway.places[..] {
            [] => t.get("enrol-not-placed"),
            _ => gateway.places.join(", "),
        },
        chip: chip(t, &gateway.live),
    };
    let template = ListTemplate {
        t,
        page,
        lines: page.gateways.iter().map(line).collect(),
    };
    render("gateways", &template)
}

fn chip(t: &Texts, live: &LiveView) -> (&'static str, Icon, String) {
    match (live.stage, live.state) {
        (Stage::Waiting { .. }, _) => ("blue", Icon::ClockLate, t.get("enrol-waiting")),
        (Stage::Expired, GatewayState::NotYetHeard) => ("off", Icon::Off, t.get("enrol-expired")),
        (_, GatewayState::Hears) => ("ok", Icon::Check, t.get("gateway-hears")),
        (_, GatewayState::CatchingUp) => ("blue", Icon::ClockLate, t.get("gateway-catching-up")),
        (_, GatewayState::HearsNothing) => ("brick", Icon::Warning, t.get("gateway-deaf")),
        (_, GatewayState::Silent) => ("brick", Icon::LineCut, t.get("gateway-silent")),
        (_, GatewayState::NotYetHeard) => ("off", Icon::Off, t.get("gateway-new")),
    }
}

/// One gateway's page.
pub fn render_gateway(page: &GatewayPage, now_ms: u64) -> Result<String, RenderError> {
    let t = &page.lintel.texts;
    let GroundView {
        zones,
        anchors,
        own,
    } = &page.ground;
    let areas: Vec<Option<Area>> = zones.iter().map(|(.., area)| *area).collect();
    let places: Vec<_> = anchors
        .iter()
        .map(|(_, zone, at, _)| (*zone, *at))
        .collect();
    let drawing = plan::draw(&areas, &places);
    let own_zone = own.and_then(|own| anchors.get(own)).map(|anchor| anchor.1);
    let mut shapes = Vec::new();
    for (n, (id, name, _)) in zones.iter().enumerate() {
        let rect = drawing.zones.get(n).copied().unwrap_or_default();
        shapes.push(ZoneShape {
            id: id.clone(),
            label: rect.fitting(name, 1.0),
            label_on_phone: rect.fitting(name, LARGER_ON_PHONE),
            name: name.clone(),
            rect,
            own: own_zone == Some(n),
        });
    }
    let others = anchors.iter().zip(&drawing.anchors).enumerate();
    let others = others.filter(|(n, ((.., at, _), _))| Some(*n) != *own && at.is_some());
    let own_place = own.and_then(|own| anchors.get(own)?.2);
    let code = page.code.as_ref();
    let template = GatewayTemplate {
        t,
        page,
        now_ms,
        heading: t.with("enrol-gateway", "name", page.name.as_str()),
        words: script_words(t, &SCRIPT_WORDS),
        qr: code.and_then(|code| Qr::of(&code.qr_text)),
        until: code.map_or_else(String::new, |code| {
            t.with("enrol-until", "time", t.clock(code.expires_ms).as_str())
        }),
        live: Markup(render_live(t, &page.live, now_ms)?),
        placed: own_zone.and_then(|zone| Some(zones.get(zone)?.1.clone())),
        zones: shapes,
        anchors: others
            .map(|(_, ((name, _, _, gateway), at))| AnchorShape {
                name: name.clone(),
                at: *at,
                gateway: *gateway,
            })
            .collect(),
        own: own_place.and(own.and_then(|own| drawing.anchors.get(own).copied())),
        own_m: own_place.map_or_else(Default::default, |at| (metres(at.x_cm), metres(at.y_cm))),
        whole_plan: areas.iter().all(Option::is_some),
        drawing,
    };
    render("gateway", &template)
}

fn metres(cm: i32) -> String {
    format!("{:.2}", f64::from(cm) / 100.0)
}

/// All that changes on it, for an `event: gateway`.
pub fn render_live(t: &Texts, live: &LiveView, now_ms: u64) -> Result<String, RenderError> {
    let time = |at_ms: u64| t.since(at_ms, now_ms);
    let step = |done: bool, icon: Icon, what: String, more: String| Step {
        class: if done { "done" } else { "open" },
        icon: if done { Icon::Check } else { icon },
        what,
        more,
    };
    let hardware = live.hardware.clone().unwrap_or_default();
    let (stage, first) = match live.stage {
        Stage::Waiting { expires_ms } => {
            let more = t.with("enrol-waiting-more", "time", time(expires_ms).as_str());
            (
                "waiting",
                step(false, Icon::ClockLate, t.get("enrol-waiting"), more),
            )
        }
        Stage::Expired => {
            let more = t.get("enrol-expired-more");
            (
                "expired",
                step(false, Icon::Off, t.get("enrol-expired"), more),
            )
        }
        Stage::Enrolled { at_ms } => {
            let what = t.with("enrol-enrolled", "time", time(at_ms).as_str());
            ("enrolled", step(true, Icon::Check, what, hardware))
        }
        Stage::ByHand => (
            "enrolled",
            step(true, Icon::Check, t.get("enrol-by-hand"), hardware),
        ),
    };
    let mut steps = vec![first];
    let (stage, speaks) = match (live.first_heard_ms, live.heard_ms) {
        _ if stage != "enrolled" => (stage, false),
        (Some(first_ms), _) => {
            steps.push(step(
                true,
                Icon::Check,
                t.with("enrol-heard", "time", time(first_ms).as_str()),
                String::new(),
            ));
            ("heard", true)
        }
        (None, Some(heard_ms)) if live.stage == Stage::ByHand => {
            let more = t.with("enrol-speaks-since", "time", time(heard_ms).as_str());
            steps.push(step(true, Icon::Check, t.get("enrol-speaks"), more));
            ("heard", true)
        }
        _ => {
            let more = t.get("enrol-not-heard-more");
            steps.push(step(false, Icon::ClockLate, t.get("enrol-not-heard"), more));
            (stage, false)
        }
    };
    if speaks {
        match live.heard_total {
            // Who was sighted was heard; its own count comes a minute later.
            0 if live.sighted_ms.is_some() => {}
            0 => {
                let more = t.get("enrol-hears-nothing-more");
                let what = t.get("enrol-hears-nothing");
                steps.push(step(false, Icon::Antenna, what, more));
            }
            count => {
                let more = t.with("enrol-hears-more", "count", t.whole(count).as_str());
                steps.push(step(true, Icon::Check, t.get("enrol-hears"), more));
            }
        }
        steps.push(match (live.sighted_ms, live.placed) {
            (Some(at_ms), _) => {
                let what = t.with("enrol-sighted", "time", time(at_ms).as_str());
                step(true, Icon::Check, what, t.get("enrol-sighted-more"))
            }
            (None, placed) => {
                let more = match placed {
                    true => t.get("enrol-not-sighted-placed"),
                    false => t.get("enrol-not-sighted-more"),
                };
                step(false, Icon::Person, t.get("enrol-not-sighted"), more)
            }
        });
    }
    steps.extend(live.settings.as_ref().map(|line| settings(t, line, time)));
    render("gateway-live", &LiveTemplate { stage, steps })
}

fn settings(t: &Texts, line: &SettingsLine, time: impl Fn(u64) -> String) -> Step {
    let version = line.wanted.to_string();
    let stays = match line.in_force {
        Some(in_force) => t.with("settings-stays", "version", in_force.to_string().as_str()),
        None => t.get("settings-stays-file"),
    };
    let (done, icon, key, mut more) = match (line.progress, &line.refused) {
        (Progress::InForce, _) => {
            let since = line.since_ms.map(time).unwrap_or_default();
            let more = t.with("settings-since", "time", since.as_str());
            (true, Icon::Check, "settings-in-force", more)
        }
        (Progress::Trying, _) => {
            let more = t.get("settings-trying-more");
            (false, Icon::Antenna, "settings-trying", more)
        }
        (Progress::Refused, Some(why)) => {
            let more = format!("{} {stays}", why_not(t, why));
            (false, Icon::Warning, "settings-refused", more)
        }
        _ => (false, Icon::ClockLate, "settings-waiting", stays),
    };
    if line.damaged {
        more = format!("{more} {}", t.get("settings-damaged"));
    }
    let what = match key {
        "settings-in-force" => t.with("settings-in-force", "version", version.as_str()),
        "settings-trying" => t.with("settings-trying", "version", version.as_str()),
        "settings-refused" => t.with("settings-refused", "version", version.as_str()),
        _ => t.with("settings-waiting", "version", version.as_str()),
    };
    Step {
        class: if done { "done" } else { "open" },
        icon,
        what,
        more,
    }
}

fn why_not(t: &Texts, why: &Why) -> String {
    match why {
        Why::NoTrust => t.get("settings-why-no-trust"),
        Why::Local => t.get("settings-why-local"),
        Why::Signature | Why::NotForUs => t.get("settings-why-signature"),
        Why::Older { known } => t.with("settings-why-older", "version", known.to_string().as_str()),
        Why::Wrong { key, what } => t.with2(
            "settings-why-wrong",
            "key",
            key.as_str(),
            "what",
            what.as_str(),
        ),
        Why::NoAdapter { adapter } => {
            t.with("settings-why-no-adapter", "adapter", adapter.as_str())
        }
        Why::HeardNothing { minutes } => t.with(
            "settings-why-heard-nothing",
            "minutes",
            minutes.to_string().as_str(),
        ),
        Why::RadioEnded { what } => t.with("settings-why-radio-ended", "what", what.as_str()),
        Why::Interrupted { times } => t.with(
            "settings-why-interrupted",
            "times",
            times.to_string().as_str(),
        ),
        Why::NotWritten { what } => t.with("settings-why-not-written", "what", what.as_str()),
        Why::Other => t.get("settings-why-other"),
    }
}

#[derive(Template)]
#[template(path = "gateways.html")]
struct ListTemplate<'a> {
    t: &'a Texts,
    page: &'a GatewaysPage,
    lines: Vec<ListLine>,
}

struct ListLine {
    name: String,
    place: String,
    chip: (&'static str, Icon, String),
}

#[derive(Template)]
#[template(path = "gateway.html")]
struct GatewayTemplate<'a> {
    t: &'a Texts,
    page: &'a GatewayPage,
    now_ms: u64,
    heading: String,
    words: String,
    qr: Option<Qr>,
    until: String,
    live: Markup,
    /// Its zone; none: it is no anchor yet.
    placed: Option<String>,
    drawing: Drawing,
    zones: Vec<ZoneShape>,
    anchors: Vec<AnchorShape>,
    own: Option<(Unit, Unit)>,
    own_m: (String, String),
    /// Every zone is on the plan, so a place says the zone.
    whole_plan: bool,
}

struct ZoneShape {
    id: String,
    name: String,
    label: String,
    label_on_phone: String,
    rect: Rect,
    own: bool,
}

struct AnchorShape {
    name: String,
    at: (Unit, Unit),
    gateway: bool,
}

#[derive(Template)]
#[template(path = "gateway-live.html")]
struct LiveTemplate {
    stage: &'static str,
    steps: Vec<Step>,
}

struct Step {
    class: &'static str,
    icon: Icon,
    what: String,
    more: String,
}
