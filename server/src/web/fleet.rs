//! The devices page: what to do this week, and how gateways and fixed beacons do.
//!
//! In: devices with their states, the viewer, the time. Out: the whole page, or its devices alone
//! for the live stream.
//! Promises: the most urgent thing stands first; what ails a beacon because its gateway is silent
//! is said of the beacon and asked of the gateway alone; so it is with gateways and the machine in
//! the store that passes their word on.
//! Invariant: no button that does nothing; a state is a word, a shape and a colour.

use askama::Template;

pub use self::desk::{DeskState, DeskView};
use self::words::{BeaconLine, GatewayLine, Todo, Words, beacon_need};
use super::{
    i18n::Texts,
    lintel::{Lintel, SCRIPT_WORDS},
    views::{Icon, Markup, RenderError, render, script_words},
};
pub use crate::fleet::{
    pattern::AntennaChange,
    state::{BeaconState, GatewayState},
};

mod desk;
mod words;

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
    /// The machine in the store that has its desk, or is to have it.
    pub desk: Option<DeskView>,
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
    /// It does not seal what it hears.
    pub plain: bool,
    /// Its antenna hears otherwise than it did.
    pub antenna: Option<AntennaChange>,
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
    /// When its cell will be empty, at the soonest and probably; none: nobody knows.
    pub empty: Option<(u64, u64)>,
    /// By how many dB it is stronger where it hangs now, and who says so, the largest difference first.
    pub moved: Vec<(i8, String)>,
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
    let Devices {
        desk,
        gateways,
        beacons,
    } = devices;
    let words = Words {
        t: texts,
        now_ms,
        desk: desk.as_ref(),
    };
    let mut by_name: Vec<&GatewayView> = gateways.iter().collect();
    by_name.sort_by_key(|g| natural(&g.name));
    let mut by_need: Vec<&BeaconView> = beacons.iter().collect();
    by_need.sort_by_key(|b| (beacon_need(b.state), natural(&b.name)));
    let template = DevicesTemplate {
        t: texts,
        none: gateways.is_empty() && beacons.is_empty() && desk.is_none(),
        desk: words.desk_line(),
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
    desk: Option<desk::DeskLine>,
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

#[cfg(test)]
mod tests;
