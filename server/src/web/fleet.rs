//! The devices page: what to do this week, and how gateways and fixed beacons do.
//!
//! In: devices with their states, the viewer, the time. Out: the whole page, or its devices alone
//! for the live stream.
//! Promises: the most urgent thing stands first; what ails a beacon because its gateway is silent
//! is said of the beacon and asked of the gateway alone.
//! Invariant: no button that does nothing; a state is a word, a shape and a colour.

use std::cmp::Reverse;

use askama::Template;

use super::{
    i18n::Texts,
    lintel::{Lintel, SCRIPT_WORDS},
    views::{Icon, Markup, RenderError, render, script_words},
};
pub use crate::fleet::state::{BeaconState, GatewayState};

const MINUTE_MS: u64 = 60_000;
const HOUR_MS: u64 = 60 * MINUTE_MS;
const DAY_MS: u64 = 24 * HOUR_MS;
/// Gateways speak once a minute: what is heard all the time was heard this long ago at most.
const JUST_NOW_MS: u64 = 2 * MINUTE_MS;
/// Below this a battery's bar turns to brick, with the state.
const LOW_BELOW: u8 = 20;

/// All of the page.
#[derive(Debug, Clone)]
pub struct FleetPage {
    /// What stands above it.
    pub lintel: Lintel,
    /// What it shows.
    pub devices: Devices,
}

/// The devices of a store, in any order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Devices {
    /// Gateways.
    pub gateways: Vec<GatewayView>,
    /// Fixed beacons.
    pub beacons: Vec<BeaconView>,
}

/// A gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GatewayView {
    /// Its name.
    pub name: String,
    /// The zones of its antennas.
    pub places: Vec<String>,
    /// How it does.
    pub state: GatewayState,
    /// Since when; none: it never spoke.
    pub since_ms: Option<u64>,
    /// Sightings that it still has to send, by its last word.
    pub waiting: u64,
}

/// A fixed beacon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BeaconView {
    /// Its name.
    pub name: String,
    /// Its zone.
    pub place: String,
    /// How it does.
    pub state: BeaconState,
    /// Since when; none: all is well, or it was never heard.
    pub since_ms: Option<u64>,
    /// What is left in its cell; none: it does not say.
    pub battery_percent: Option<u8>,
    /// Its cell was low when it last said something.
    pub battery_low: bool,
    /// When any gateway last heard it.
    pub heard_last_ms: Option<u64>,
    /// Who had it then, the strongest first.
    pub heard_by: Vec<String>,
    /// By how many dB it is stronger where it hangs now, and who says so.
    pub moved: Option<(i8, String)>,
}

/// The whole page.
pub fn render_fleet(page: &FleetPage, now_ms: u64) -> Result<String, RenderError> {
    let template = FleetTemplate {
        t: &page.lintel.texts,
        page,
        now_ms,
        words: script_words(&page.lintel.texts, &SCRIPT_WORDS),
        devices: Markup(render_devices(&page.lintel.texts, &page.devices, now_ms)?),
    };
    render("fleet", &template)
}

/// All that changes on it, for an `event: fleet`.
pub fn render_devices(
    texts: &Texts,
    devices: &Devices,
    now_ms: u64,
) -> Result<String, RenderError> {
    let Devices { gateways, beacons } = devices;
    let words = Words { t: texts, now_ms };
    let mut by_name: Vec<&GatewayView> = gateways.iter().collect();
    by_name.sort_by_key(|g| natural(&g.name));
    let mut by_need: Vec<&BeaconView> = beacons.iter().collect();
    by_need.sort_by_key(|b| (beacon_need(b.state), natural(&b.name)));
    let template = DevicesTemplate {
        t: texts,
        none: gateways.is_empty() && beacons.is_empty(),
        todo: words.todo(&by_name, &by_need),
        gateways: by_name.iter().map(|g| words.gateway(g)).collect(),
        beacons: by_need.iter().map(|b| words.beacon(b)).collect(),
        listening: count(gateways.iter().filter(|g| g.state.listens())),
        good: count(beacons.iter().filter(|b| b.state == BeaconState::Good)),
    };
    render("devices", &template)
}

fn count<T>(of: impl Iterator<Item = T>) -> u32 {
    u32::try_from(of.count()).unwrap_or(u32::MAX)
}

/// B2 stands before B10.
fn natural(name: &str) -> (String, u64, String) {
    let start = name.trim_end_matches(|c: char| c.is_ascii_digit());
    let number = name.strip_prefix(start).unwrap_or_default();
    (
        start.to_owned(),
        number.parse().unwrap_or(0),
        name.to_owned(),
    )
}

#[derive(Template)]
#[template(path = "fleet.html")]
struct FleetTemplate<'a> {
    t: &'a Texts,
    page: &'a FleetPage,
    now_ms: u64,
    words: String,
    devices: Markup,
}

#[derive(Template)]
#[template(path = "devices.html")]
struct DevicesTemplate<'a> {
    t: &'a Texts,
    none: bool,
    todo: Vec<Todo>,
    gateways: Vec<GatewayLine>,
    beacons: Vec<BeaconLine>,
    listening: u32,
    good: u32,
}

impl DevicesTemplate<'_> {
    fn gateways_count(&self) -> u32 {
        count(self.gateways.iter())
    }

    fn beacons_count(&self) -> u32 {
        count(self.beacons.iter())
    }

    fn todo_count(&self) -> u32 {
        count(self.todo.iter())
    }
}

/// One thing to do.
struct Todo {
    /// Lowest first.
    need: Need,
    urgent: bool,
    icon: Icon,
    what: String,
    place: String,
    how: String,
}

/// How soon something is to be done, the soonest first: who comes in is not noticed; then what
/// blurs where people are; then what will be so soon; then what never worked and nobody misses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Need {
    GatewaySilent,
    GatewayDeaf,
    BeaconLost,
    BatteryLow,
    BeaconMoved,
    GatewayNew,
    BeaconNew,
    Nothing,
}

fn gateway_need(state: GatewayState) -> Need {
    match state {
        GatewayState::Silent => Need::GatewaySilent,
        GatewayState::HearsNothing => Need::GatewayDeaf,
        GatewayState::NotYetHeard => Need::GatewayNew,
        GatewayState::Hears | GatewayState::CatchingUp => Need::Nothing,
    }
}

fn beacon_need(state: BeaconState) -> Need {
    match state {
        BeaconState::NotHeard => Need::BeaconLost,
        BeaconState::BatteryLow => Need::BatteryLow,
        BeaconState::Moved => Need::BeaconMoved,
        BeaconState::NeverHeard => Need::BeaconNew,
        // What to do about it is to be done about its gateway.
        BeaconState::CannotBeHeard | BeaconState::Good => Need::Nothing,
    }
}

/// State as word, shape and colour.
struct Chip {
    class: &'static str,
    icon: Icon,
    words: String,
}

struct GatewayLine {
    name: String,
    place: String,
    chip: Chip,
    since: String,
    waiting: String,
    todo: String,
    idle: bool,
}

struct BeaconLine {
    name: String,
    place: String,
    chip: Chip,
    battery: Option<u8>,
    battery_low: bool,
    heard: String,
    heard_by: String,
}

impl BeaconLine {
    fn part(&self) -> String {
        format!("{:.2}", f32::from(self.battery.unwrap_or(0)) / 100.0)
    }
}

struct Words<'a> {
    t: &'a Texts,
    now_ms: u64,
}

impl Words<'_> {
    fn todo(&self, gateways: &[&GatewayView], beacons: &[&BeaconView]) -> Vec<Todo> {
        let all_silent = gateways.iter().all(|g| !g.state.listens());
        let of_gateways = gateways
            .iter()
            .filter_map(|g| self.gateway_todo(g, all_silent));
        let of_beacons = beacons.iter().filter_map(|b| self.beacon_todo(b));
        let mut todo: Vec<Todo> = of_gateways.chain(of_beacons).collect();
        todo.sort_by_key(|thing| (thing.need, Reverse(thing.urgent)));
        todo
    }

    fn gateway_todo(&self, gateway: &GatewayView, all_silent: bool) -> Option<Todo> {
        let (t, name) = (self.t, gateway.name.as_str());
        let since = self.since(gateway.since_ms);
        let need = gateway_need(gateway.state);
        let (icon, what, how) = match need {
            Need::GatewaySilent => {
                let rest = if all_silent {
                    t.get("todo-silent-all")
                } else {
                    t.get("todo-silent-one")
                };
                (
                    Icon::LineCut,
                    t.with2("todo-silent", "name", name, "since", since),
                    format!("{} {rest}", t.get("todo-silent-more")),
                )
            }
            Need::GatewayDeaf => (
                Icon::Warning,
                t.with2("todo-deaf", "name", name, "since", since),
                t.get("todo-deaf-more"),
            ),
            Need::GatewayNew => (
                Icon::Antenna,
                t.with("todo-new-gateway", "name", name),
                t.get("todo-new-gateway-more"),
            ),
            _ => return None,
        };
        Some(Todo {
            need,
            urgent: need != Need::GatewayNew,
            icon,
            what,
            place: gateway.places.join(", "),
            how,
        })
    }

    fn beacon_todo(&self, beacon: &BeaconView) -> Option<Todo> {
        let (t, name) = (self.t, beacon.name.as_str());
        let since = self.since(beacon.since_ms);
        let need = beacon_need(beacon.state);
        let (icon, what, how) = match need {
            Need::BeaconLost => (
                Icon::LineCut,
                t.with2("todo-lost", "name", name, "since", since),
                if beacon.battery_low {
                    t.get("todo-lost-empty")
                } else {
                    t.get("todo-lost-more")
                },
            ),
            Need::BatteryLow => (
                Icon::Battery,
                t.with("todo-battery", "name", name),
                t.with(
                    "todo-battery-more",
                    "percent",
                    beacon.battery_percent.unwrap_or(0),
                ),
            ),
            Need::BeaconMoved => (
                Icon::Move,
                t.with("todo-moved", "name", name),
                self.moved_words(beacon, since),
            ),
            Need::BeaconNew => (
                Icon::Question,
                t.with("todo-never", "name", name),
                t.get("todo-never-more"),
            ),
            _ => return None,
        };
        Some(Todo {
            need,
            urgent: need == Need::BeaconLost,
            icon,
            what,
            place: beacon.place.clone(),
            how,
        })
    }

    fn moved_words(&self, beacon: &BeaconView, since: String) -> String {
        let (stronger_db, gateway) = beacon.moved.clone().unwrap_or_default();
        let blanks = [
            ("gateway", gateway),
            ("since", since),
            ("db", stronger_db.unsigned_abs().to_string()),
        ];
        if stronger_db > 0 {
            self.t.with_all("todo-moved-stronger", blanks)
        } else {
            self.t.with_all("todo-moved-weaker", blanks)
        }
    }

    fn gateway(&self, gateway: &GatewayView) -> GatewayLine {
        let t = self.t;
        let (class, icon, words, todo) = match gateway.state {
            GatewayState::Hears => (
                "ok",
                Icon::Check,
                t.get("gateway-hears"),
                t.get("gateway-todo-nothing"),
            ),
            GatewayState::CatchingUp => (
                "blue",
                Icon::ClockLate,
                t.get("gateway-catching-up"),
                t.get("gateway-todo-wait"),
            ),
            GatewayState::HearsNothing => (
                "brick",
                Icon::Warning,
                t.get("gateway-deaf"),
                t.get("gateway-todo-deaf"),
            ),
            GatewayState::Silent => (
                "brick",
                Icon::LineCut,
                t.get("gateway-silent"),
                t.get("gateway-todo-silent"),
            ),
            GatewayState::NotYetHeard => (
                "off",
                Icon::Off,
                t.get("gateway-new"),
                t.get("gateway-todo-new"),
            ),
        };
        // A state that is well is told by how long, one that is not by its moment.
        let since = match (gateway.since_ms, gateway.state.listens()) {
            (None, _) => "–".to_owned(),
            (Some(since_ms), true) => self.lasting(since_ms),
            (Some(since_ms), false) => t.moment_within(since_ms, self.now_ms),
        };
        let is_there = !matches!(
            gateway.state,
            GatewayState::Silent | GatewayState::NotYetHeard
        );
        GatewayLine {
            name: gateway.name.clone(),
            place: if gateway.places.is_empty() {
                t.get("place-none")
            } else {
                gateway.places.join(", ")
            },
            chip: Chip { class, icon, words },
            since,
            waiting: if is_there {
                t.whole(gateway.waiting)
            } else {
                "?".to_owned()
            },
            todo,
            idle: gateway_need(gateway.state) == Need::Nothing,
        }
    }

    fn beacon(&self, beacon: &BeaconView) -> BeaconLine {
        let t = self.t;
        let (class, icon, words) = match beacon.state {
            BeaconState::Good => ("ok", Icon::Check, t.get("beacon-good")),
            BeaconState::BatteryLow => ("brick", Icon::Battery, t.get("beacon-battery")),
            BeaconState::Moved => ("blue", Icon::Move, t.get("beacon-moved")),
            BeaconState::NotHeard => ("brick", Icon::LineCut, t.get("beacon-lost")),
            BeaconState::CannotBeHeard => ("off", Icon::Off, t.get("beacon-deaf")),
            BeaconState::NeverHeard => ("off", Icon::Question, t.get("beacon-never")),
        };
        let heard_by = match beacon.state {
            BeaconState::CannotBeHeard => {
                let by = beacon.heard_by.join(", ");
                let silent = count(beacon.heard_by.iter());
                t.with2("heard-by-silent", "count", silent, "names", by)
            }
            BeaconState::NotHeard | BeaconState::NeverHeard => t.get("heard-by-nobody"),
            _ => beacon.heard_by.join(", "),
        };
        BeaconLine {
            name: beacon.name.clone(),
            place: beacon.place.clone(),
            chip: Chip { class, icon, words },
            battery: beacon.battery_percent,
            battery_low: beacon.battery_percent.is_some_and(|left| left < LOW_BELOW)
                || beacon.battery_low,
            heard: self.heard(beacon.heard_last_ms),
            heard_by,
        }
    }

    fn heard(&self, heard_last_ms: Option<u64>) -> String {
        let Some(last_ms) = heard_last_ms else {
            return self.t.get("heard-never");
        };
        match self.now_ms.saturating_sub(last_ms) {
            ago_ms if ago_ms <= JUST_NOW_MS => self.t.get("heard-now"),
            ago_ms if ago_ms < HOUR_MS => self.t.count("heard-ago", ago_ms / MINUTE_MS),
            _ => self.t.moment_within(last_ms, self.now_ms),
        }
    }

    fn lasting(&self, since_ms: u64) -> String {
        let (t, for_ms) = (self.t, self.now_ms.saturating_sub(since_ms));
        match for_ms {
            0..MINUTE_MS => t.get("heard-now"),
            MINUTE_MS..HOUR_MS => t.count("for-min", for_ms / MINUTE_MS),
            HOUR_MS..DAY_MS => t.count("for-hours", for_ms / HOUR_MS),
            _ => t.count("for-days", for_ms / DAY_MS),
        }
    }

    fn since(&self, since_ms: Option<u64>) -> String {
        let since = since_ms.map(|since_ms| self.t.since(since_ms, self.now_ms));
        since.unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
