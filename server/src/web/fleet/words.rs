//! What the devices page says of each thing, and what is to be done about it.
//!
//! In: devices with their states, the time. Out: lines and things to do, the most urgent first.

use std::cmp::Reverse;

use super::{
    AntennaChange, BeaconState, BeaconView, DeskView, GatewayState, GatewayView, Icon, Texts, count,
};

const MINUTE_MS: u64 = 60_000;
const HOUR_MS: u64 = 60 * MINUTE_MS;
const DAY_MS: u64 = 24 * HOUR_MS;
/// Gateways speak once a minute: what is heard all the time was heard this long ago at most.
const JUST_NOW_MS: u64 = 2 * MINUTE_MS;
/// Below this a battery's bar turns to brick, with the state.
const LOW_BELOW: u8 = 20;

/// One thing to do.
pub(super) struct Todo {
    /// Lowest first.
    pub(super) need: Need,
    pub(super) urgent: bool,
    pub(super) icon: Icon,
    pub(super) what: String,
    pub(super) place: String,
    pub(super) how: String,
}

/// How soon something is to be done, the soonest first: the store may be without its desk; who comes
/// in is not noticed; then what blurs where people are; then what will be so soon; then what never worked and nobody misses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Need {
    DeskSilent,
    GatewaySilent,
    GatewayDeaf,
    BeaconLost,
    AntennaChanged,
    BatteryLow,
    BeaconMoved,
    DeskNew,
    GatewayNew,
    BeaconNew,
    Nothing,
}

pub(super) fn gateway_need(gateway: &GatewayView) -> Need {
    match gateway.state {
        GatewayState::Silent => Need::GatewaySilent,
        GatewayState::HearsNothing => Need::GatewayDeaf,
        GatewayState::NotYetHeard => Need::GatewayNew,
        _ if gateway.antenna.is_some() => Need::AntennaChanged,
        GatewayState::Hears | GatewayState::CatchingUp => Need::Nothing,
    }
}

pub(super) fn beacon_need(state: BeaconState) -> Need {
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
pub(super) struct Chip {
    pub(super) class: &'static str,
    pub(super) icon: Icon,
    pub(super) words: String,
}

pub(super) struct GatewayLine {
    pub(super) name: String,
    pub(super) place: String,
    pub(super) chip: Chip,
    pub(super) since: String,
    pub(super) waiting: String,
    pub(super) todo: String,
    pub(super) idle: bool,
}

pub(super) struct BeaconLine {
    pub(super) name: String,
    pub(super) place: String,
    pub(super) chip: Chip,
    pub(super) battery: Option<u8>,
    pub(super) battery_low: bool,
    pub(super) empty: Option<String>,
    pub(super) heard: String,
    pub(super) heard_by: String,
}

impl BeaconLine {
    pub(super) fn part(&self) -> String {
        format!("{:.2}", f32::from(self.battery.unwrap_or(0)) / 100.0)
    }
}

pub(super) struct Words<'a> {
    pub(super) t: &'a Texts,
    pub(super) now_ms: u64,
    pub(super) desk: Option<&'a DeskView>,
}

impl Words<'_> {
    pub(super) fn todo(&self, gateways: &[&GatewayView], beacons: &[&BeaconView]) -> Vec<Todo> {
        let all_silent = gateways.iter().all(|g| !g.state.listens());
        let of_gateways = gateways
            .iter()
            .filter_map(|g| self.gateway_todo(g, all_silent));
        let of_beacons = beacons.iter().filter_map(|b| self.beacon_todo(b));
        let of_desk = self.desk_todo();
        let mut todo: Vec<Todo> = of_desk
            .into_iter()
            .chain(of_gateways)
            .chain(of_beacons)
            .collect();
        todo.sort_by_key(|thing| (thing.need, Reverse(thing.urgent)));
        todo
    }

    fn gateway_todo(&self, gateway: &GatewayView, all_silent: bool) -> Option<Todo> {
        let (t, name) = (self.t, gateway.name.as_str());
        let since = self.since(gateway.since_ms);
        let need = gateway_need(gateway);
        let (icon, what, how) = match need {
            // Its word comes through the machine in the store: that is the thing to do.
            Need::GatewaySilent if self.desk_is_silent() => return None,
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
            Need::AntennaChanged => (
                Icon::Antenna,
                t.with("todo-antenna", "name", name),
                self.antenna_words(gateway.antenna.as_ref()?),
            ),
            _ => return None,
        };
        Some(Todo {
            need,
            urgent: need < Need::BeaconLost,
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
                self.battery_words(beacon),
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

    fn antenna_words(&self, change: &AntennaChange) -> String {
        let blanks = [
            ("since", self.t.since(change.since_ms, self.now_ms)),
            ("changed", change.changed.to_string()),
            ("beacons", change.beacons.to_string()),
            ("db", change.change_db.unsigned_abs().to_string()),
        ];
        if change.change_db > 0 {
            self.t.with_all("todo-antenna-stronger", blanks)
        } else {
            self.t.with_all("todo-antenna-weaker", blanks)
        }
    }

    fn battery_words(&self, beacon: &BeaconView) -> String {
        let left = beacon.battery_percent.unwrap_or(0);
        let Some((soonest_ms, empty_ms)) = beacon.empty else {
            return self.t.with("todo-battery-more", "percent", left);
        };
        let (soonest, empty) = (self.t.date(soonest_ms), self.t.date(empty_ms));
        let percent = left.to_string();
        if soonest == empty {
            let blanks = [("percent", percent), ("empty", empty)];
            return self.t.with_all("todo-battery-on", blanks);
        }
        let blanks = [("percent", percent), ("soonest", soonest), ("empty", empty)];
        self.t.with_all("todo-battery-by", blanks)
    }

    /// The two gateways that tell it best.
    fn moved_words(&self, beacon: &BeaconView, since: String) -> String {
        let t = self.t;
        let part = |(stronger_db, gateway): &(i8, String)| {
            let (by, db) = (gateway.as_str(), stronger_db.unsigned_abs());
            if *stronger_db > 0 {
                t.with2("todo-moved-stronger", "gateway", by, "db", db)
            } else {
                t.with2("todo-moved-weaker", "gateway", by, "db", db)
            }
        };
        let parts: Vec<String> = beacon.moved.iter().take(2).map(part).collect();
        let by = match &parts[..] {
            [one, two] => t.with2("todo-moved-two", "one", one.as_str(), "two", two.as_str()),
            _ => parts.concat(),
        };
        t.with2("todo-moved-more", "since", since, "by", by)
    }

    pub(super) fn gateway(&self, gateway: &GatewayView) -> GatewayLine {
        let t = self.t;
        let antenna = gateway.antenna.is_some();
        let (class, icon, words, todo) = match gateway.state {
            GatewayState::Hears | GatewayState::CatchingUp if antenna => (
                "blue",
                Icon::Antenna,
                t.get("gateway-antenna"),
                t.get("gateway-todo-antenna"),
            ),
            GatewayState::Hears => (
                "ok",
                Icon::Check,
                t.get("gateway-hears"),
                match gateway.plain {
                    false => t.get("gateway-todo-nothing"),
                    true => t.get("gateway-todo-plain"),
                },
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
                if self.desk_is_silent() {
                    t.get("gateway-todo-desk")
                } else {
                    t.get("gateway-todo-silent")
                },
            ),
            GatewayState::NotYetHeard => (
                "off",
                Icon::Off,
                t.get("gateway-new"),
                t.get("gateway-todo-new"),
            ),
        };
        // A state that is well is told by how long, one that is not by its moment.
        let changed = gateway.antenna.filter(|_| gateway.state.listens());
        let since = match (changed, gateway.since_ms, gateway.state.listens()) {
            (Some(change), ..) => t.moment_within(change.since_ms, self.now_ms),
            (None, None, _) => "–".to_owned(),
            (None, Some(since_ms), true) => self.lasting(since_ms),
            (None, Some(since_ms), false) => t.moment_within(since_ms, self.now_ms),
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
            idle: gateway_need(gateway) == Need::Nothing,
        }
    }

    pub(super) fn beacon(&self, beacon: &BeaconView) -> BeaconLine {
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
            empty: self.empty(beacon),
            heard: self.heard(beacon.heard_last_ms),
            heard_by,
        }
    }

    /// By when its cell is empty, if that is within a year: who plans further changes them all.
    fn empty(&self, beacon: &BeaconView) -> Option<String> {
        let (_, empty_ms) = beacon.empty?;
        let is_near = empty_ms <= self.now_ms + 300 * DAY_MS;
        is_near.then(|| self.t.with("battery-empty", "date", self.t.date(empty_ms)))
    }

    pub(super) fn heard(&self, heard_last_ms: Option<u64>) -> String {
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

    pub(super) fn since(&self, since_ms: Option<u64>) -> String {
        let since = since_ms.map(|since_ms| self.t.since(since_ms, self.now_ms));
        since.unwrap_or_default()
    }
}
