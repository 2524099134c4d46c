//! What a gateway's words come to, and how a fixed beacon does.
//!
//! In: what was kept of a gateway, its next status, what each gateway had of a beacon, the time.
//! Out: a state, and since when.
//! Who is silent is judged by who listens: a gateway is silent only if the server was there to
//! hear it, a beacon only if a gateway that knows it says so.
//! Invariant: pure; time is an argument.

use std::collections::BTreeMap;

use protocol::{
    BootId, GatewayId,
    message::{BATCH_SIGHTINGS_MAX, Counts, LinkState, Status},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{battery, forecast::Forecast, pattern::Moved, strength::Strength};

/// A gateway speaks once a minute; after three minutes without a word it is silent. Brokers notice
/// a broken line sooner, unless the server itself was away when it broke.
const GATEWAY_SILENT_AFTER_MS: u64 = 180_000;
/// Statuses in a row without one new advertisement, and the least time that they must span: a
/// gateway that asks for the time speaks every 5 s, and two quiet ones of those are no news.
const DEAF_STATUSES: u32 = 2;
const DEAF_AFTER_MS: u64 = 120_000;
/// More than a whole batch waits: it has fallen behind. What a busy shop hears in the second that
/// an acknowledgement takes is less.
const CATCHING_UP_ABOVE: u64 = BATCH_SIGHTINGS_MAX as u64;
/// A shelf beacon sends several times a second; one that a gateway has not heard for this long is
/// empty, gone, or behind something new.
const BEACON_SILENT_AFTER_MS: u64 = 600_000;
/// A cell is changed before it is empty: who goes round once a week changes those that would not live
/// to see the round after the next.
const BATTERY_AHEAD_MS: u64 = 14 * 86_400_000;
/// Below this, in percent, a forecast is not waited for: it is about 2.5 V, from where the curve falls fast.
const LOW_ANYHOW_BELOW: u8 = 8;

/// How a gateway does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum GatewayState {
    /// It hears, and what it hears arrives.
    Hears,
    /// It hears, and sends what it kept.
    CatchingUp,
    /// It is there and hears nothing: its radio.
    HearsNothing,
    /// It is not there.
    Silent,
    /// It never was.
    NotYetHeard,
}

impl GatewayState {
    /// Whether it would know of a beacon that sends.
    pub fn listens(self) -> bool {
        matches!(self, Self::Hears | Self::CatchingUp)
    }
}

/// What is kept of a gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gateway {
    /// Its own last word.
    pub link: LinkState,
    /// Which run of it.
    pub boot: BootId,
    /// See [`Status::sent_mono_ms`]; tells a repeated status from a new one.
    pub sent_mono_ms: u64,
    /// Its version.
    pub version: String,
    /// Its sightings are readable on its disk and the broker.
    pub plain: bool,
    /// Its counts, of the last status that had any.
    pub counts: Counts,
    /// When the last status came.
    pub heard_ms: u64,
    /// What it came to.
    pub state: GatewayState,
    /// Since when.
    pub since_ms: u64,
    /// When it had last heard something new.
    pub adverts_ms: u64,
    /// Statuses since.
    pub unchanged: u32,
}

/// A status as it came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// What it says.
    pub status: Status,
    /// The broker repeats what it kept: how old it is, nobody knows.
    pub retained: bool,
    /// When it came.
    pub heard_ms: u64,
    /// Since when the server has been listening; none: it does not.
    pub listening_since_ms: Option<u64>,
}

impl Gateway {
    /// What the next status makes of it; none: it is the same one once more.
    pub fn next(before: Option<&Self>, heard: &Heard) -> Option<Self> {
        let (status, now_ms) = (&heard.status, heard.heard_ms);
        if before.is_some_and(|b| b.has_said(status)) {
            return None;
        }
        // A last will was written when the line began, and so were its counts.
        let is_will = status.state == LinkState::Offline && status.sent_mono_ms == 0;
        let counts = before
            .filter(|_| is_will)
            .map_or(status.counts, |b| b.counts);
        let quiet =
            before.filter(|b| b.boot == status.boot && b.counts.heard_total == counts.heard_total);
        let mut next = Self {
            link: status.state,
            boot: status.boot,
            sent_mono_ms: status.sent_mono_ms,
            version: status.version.clone(),
            plain: status.plain,
            counts,
            heard_ms: now_ms,
            state: GatewayState::Hears,
            since_ms: now_ms,
            adverts_ms: quiet.map_or(now_ms, |b| b.adverts_ms),
            unchanged: quiet.map_or(0, |b| b.unchanged.saturating_add(1)),
        };
        next.state = next.state_of_word(now_ms);
        let seen = before.map(|b| b.seen(now_ms, heard.listening_since_ms));
        next.since_ms = match (next.state, seen, before) {
            (state, Some((known, since_ms)), _) if state == known => since_ms,
            (GatewayState::HearsNothing, ..) => next.adverts_ms,
            // It left while the server was away, some time after its last word.
            (GatewayState::Silent, _, Some(b)) if heard.retained => b.heard_ms,
            _ => now_ms,
        };
        Some(next)
    }

    fn has_said(&self, status: &Status) -> bool {
        (self.link, self.boot, self.sent_mono_ms)
            == (status.state, status.boot, status.sent_mono_ms)
    }

    fn state_of_word(&self, now_ms: u64) -> GatewayState {
        let deaf_ms = now_ms.saturating_sub(self.adverts_ms);
        if self.link == LinkState::Offline {
            GatewayState::Silent
        } else if self.unchanged >= DEAF_STATUSES && deaf_ms >= DEAF_AFTER_MS {
            GatewayState::HearsNothing
        } else if self.counts.waiting > CATCHING_UP_ABOVE {
            GatewayState::CatchingUp
        } else {
            GatewayState::Hears
        }
    }

    /// How it does now, and since when.
    pub fn seen(&self, now_ms: u64, listening_since_ms: Option<u64>) -> (GatewayState, u64) {
        let overdue = listening_since_ms.is_some_and(|since_ms| {
            now_ms.saturating_sub(since_ms.max(self.heard_ms)) > GATEWAY_SILENT_AFTER_MS
        });
        if overdue && self.state != GatewayState::Silent {
            (GatewayState::Silent, self.heard_ms)
        } else {
            (self.state, self.since_ms)
        }
    }
}

/// How a fixed beacon does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BeaconState {
    /// Nothing to do.
    Good,
    /// Its cell is to be changed.
    BatteryLow,
    /// It is heard as from another place.
    Moved,
    /// A gateway that knows it listens and hears nothing of it.
    NotHeard,
    /// All gateways that heard it are silent themselves.
    CannotBeHeard,
    /// No gateway ever heard it.
    NeverHeard,
}

/// What a beacon said of itself, in the server's time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Telemetry {
    /// When.
    pub heard_ms: u64,
    /// Battery voltage.
    pub battery_mv: Option<u16>,
    /// Hundredths of a degree Celsius.
    pub temperature_centi_c: Option<i16>,
    /// Frames since it was switched on.
    pub adv_count: u32,
    /// Milliseconds since it was switched on.
    pub uptime_ms: u64,
}

/// What one gateway had of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Hearing {
    /// Which gateway.
    pub gateway: GatewayId,
    /// When it last heard it.
    pub heard_last_ms: u64,
    /// Advertisements in the last status that had any.
    pub count: u32,
    /// Their median strength.
    pub rssi_dbm: Option<i8>,
    /// Over time.
    pub strength: Option<Strength>,
    /// How strong it usually is; none: not known yet.
    pub typical_dbm: Option<f32>,
}

/// All that is kept of a beacon.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Beacon {
    /// What it last said.
    pub telemetry: Option<Telemetry>,
    /// Since when its cell is low.
    pub battery_low_since_ms: Option<u64>,
    /// When its cell will be empty; none: nobody knows.
    pub forecast: Option<Forecast>,
    /// Where it is heard from differs.
    pub moved: Option<Moved>,
    /// One a gateway.
    pub hearings: Vec<Hearing>,
}

/// How a gateway does, for its beacons.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ear {
    /// How it does.
    pub state: GatewayState,
    /// Since when.
    pub since_ms: u64,
    /// When it last spoke.
    pub heard_ms: u64,
}

/// The gateways of a store, as its beacons have them.
pub type Ears = BTreeMap<GatewayId, Ear>;

impl Beacon {
    /// When any gateway last heard it.
    pub fn heard_last_ms(&self) -> Option<u64> {
        self.hearings.iter().map(|h| h.heard_last_ms).max()
    }

    /// What is left in its cell, in percent.
    pub fn battery_percent(&self) -> Option<u8> {
        battery::percent(self.telemetry?.battery_mv)
    }

    /// The gateways that had it when it was last heard, the strongest first.
    pub fn heard_by(&self) -> Vec<&Hearing> {
        let last_ms = self.heard_last_ms().unwrap_or_default();
        let mut near: Vec<&Hearing> = self
            .hearings
            .iter()
            .filter(|h| h.heard_last_ms + BEACON_SILENT_AFTER_MS > last_ms)
            .collect();
        near.sort_by_key(|h| std::cmp::Reverse(h.rssi_dbm.unwrap_or(i8::MIN)));
        near
    }

    /// Whether its cell is to be changed: it may be empty before the round after the next, or it is
    /// low and nobody can say for how long it lasts, or so low that the curve cannot either.
    fn battery_is_due(&self, now_ms: u64) -> bool {
        let Some(forecast) = self.forecast else {
            return self.battery_low_since_ms.is_some();
        };
        let left = self.battery_percent();
        forecast.empty_at_soonest_ms <= now_ms + BATTERY_AHEAD_MS
            || left.is_some_and(|left| left < LOW_ANYHOW_BELOW)
    }

    /// How it does, and since when; none: since we know it.
    pub fn seen(&self, ears: &Ears, now_ms: u64) -> (BeaconState, Option<u64>) {
        let Some(last_ms) = self.heard_last_ms() else {
            return (BeaconState::NeverHeard, None);
        };
        let near = self.heard_by();
        let near: Vec<&Ear> = near.iter().filter_map(|h| ears.get(&h.gateway)).collect();
        let listening = near.iter().filter(|ear| ear.state.listens());
        let Some(told_ms) = listening.map(|ear| ear.heard_ms).max() else {
            let went_ms = near.iter().map(|ear| ear.since_ms).max();
            return (BeaconState::CannotBeHeard, went_ms);
        };
        if told_ms.saturating_sub(last_ms) >= BEACON_SILENT_AFTER_MS {
            (BeaconState::NotHeard, Some(last_ms))
        } else if self.battery_is_due(now_ms) {
            (BeaconState::BatteryLow, self.battery_low_since_ms)
        } else if let Some(moved) = &self.moved {
            (BeaconState::Moved, Some(moved.since_ms))
        } else {
            (BeaconState::Good, None)
        }
    }
}

#[cfg(test)]
mod tests;
