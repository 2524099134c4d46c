//! What of a store's beacons is to be replaced or looked at this week.
//!
//! In: beacons as they were judged, antennas that hear otherwise, how gateways do. Out: one list, what is
//! most urgent first, each with its reason and a date.
//! Invariant: pure; a beacon has one reason, the first that applies.

use std::collections::BTreeMap;

use protocol::{AnchorId, GatewayId, ZoneId};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    pattern::{AntennaChange, Verdicts},
    state::{BeaconState, Ears},
};
use crate::store::beacons::{BeaconRow, GatewayRow};

/// Why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// A beacon of which nothing is heard any more.
    Silent,
    /// A gateway's antenna hears most beacons otherwise than it did.
    Antenna,
    /// A cell that is to be changed.
    Battery,
    /// A beacon that is heard as from another place.
    Moved,
    /// A beacon that nobody ever heard.
    NeverHeard,
}

/// What.
#[derive(Debug, Clone, PartialEq)]
pub enum Device<'a> {
    /// A gateway, with what its antenna does.
    Gateway(&'a GatewayId, AntennaChange),
    /// A fixed beacon.
    Beacon(&'a BeaconRow),
}

/// One thing to replace or to look at.
#[derive(Debug, Clone, PartialEq)]
pub struct Due<'a> {
    /// Why.
    pub reason: Reason,
    /// What.
    pub device: Device<'a>,
    /// Where.
    pub zones: Vec<ZoneId>,
    /// Since when it is so; none: it is so since we know it, or will be.
    pub since_ms: Option<u64>,
}

impl Due<'_> {
    /// What it is called.
    pub fn name(&self) -> &str {
        match self.device {
            Device::Gateway(gateway, _) => gateway.as_str(),
            Device::Beacon(row) => AnchorId::as_str(&row.anchor),
        }
    }

    /// When a cell will be empty at the soonest.
    fn empty_ms(&self) -> Option<u64> {
        match self.device {
            Device::Gateway(..) => None,
            Device::Beacon(row) => Some(row.kept.forecast?.empty_at_soonest_ms),
        }
    }
}

/// The antennas that hear otherwise, of gateways that listen: what a silent one did is not the thing to do.
pub fn antennas(verdicts: &Verdicts, ears: &Ears) -> BTreeMap<GatewayId, AntennaChange> {
    let listens = |gateway: &GatewayId| ears.get(gateway).is_some_and(|ear| ear.state.listens());
    let all = verdicts.antennas.iter();
    all.filter(|(gateway, _)| listens(gateway))
        .map(|(gateway, change)| (gateway.clone(), *change))
        .collect()
}

/// The list.
pub fn list<'a>(
    gateways: &'a [GatewayRow],
    beacons: &'a [BeaconRow],
    verdicts: &Verdicts,
    ears: &Ears,
    now_ms: u64,
) -> Vec<Due<'a>> {
    let changed = antennas(verdicts, ears);
    let of_antennas = gateways.iter().filter_map(|row| {
        let change = *changed.get(&row.gateway)?;
        Some(Due {
            reason: Reason::Antenna,
            device: Device::Gateway(&row.gateway, change),
            zones: row.zones.clone(),
            since_ms: Some(change.since_ms),
        })
    });
    let of_beacons = beacons.iter().filter_map(|row| {
        let (state, since_ms) = row.kept.seen(ears, now_ms);
        let reason = match state {
            BeaconState::NotHeard => Reason::Silent,
            BeaconState::BatteryLow => Reason::Battery,
            BeaconState::Moved => Reason::Moved,
            BeaconState::NeverHeard => Reason::NeverHeard,
            BeaconState::Good | BeaconState::CannotBeHeard => return None,
        };
        Some(Due {
            reason,
            device: Device::Beacon(row),
            zones: vec![row.zone.clone()],
            since_ms,
        })
    });
    let mut all: Vec<Due<'a>> = of_antennas.chain(of_beacons).collect();
    all.sort_by(|a, b| {
        let key = |due: &Due<'_>| (due.reason, due.empty_ms().unwrap_or(0));
        key(a).cmp(&key(b)).then_with(|| a.name().cmp(b.name()))
    });
    all
}

#[cfg(test)]
mod tests;
