//! btleplug's events put back together into advertisements.
//!
//! In: received strengths, payloads and service UUIDs, one event each. Out: one
//! [`Advertisement`] for each that went over the air.
//! Promises: a strength goes with the payload that follows it from the same radio, for
//! [`PAIRED_WITHIN_MS`]; a strength that no payload follows is an advertisement with nothing in
//! it, or, from a radio whose identity is a service UUID, one of that identity. An advertisement
//! of two payloads counts twice as heard if both are somebody else's or both ours; ours counts
//! once as ours.
//! Invariant: allocates nothing for a radio that it knows; knows at most [`RADIOS_MAX`], and
//! forgets first who was silent longest.

use std::collections::HashMap;

use btleplug::api::PeripheralProperties;
use protocol::{
    Frame,
    air::{self, APPLE_COMPANY_ID, AdData, EDDYSTONE_UUID16, SERVICE_UUID, bluetooth_base},
};
use uuid::Uuid;

use super::ManufacturerData;
use crate::{
    clock::Monotonic,
    source::{Advertisement, RadioKey},
};

/// Radios known at once: as many as transmitters are tracked, and as many again that were heard
/// before those.
const RADIOS_MAX: usize = 8_192;
/// The payload of an advertisement is told right behind its strength; what comes later is not of
/// the same one.
const PAIRED_WITHIN_MS: u64 = 2_000;

/// What is known of each radio, in two generations: the elder is dropped whole when the younger
/// is full, so that forgetting costs nothing.
#[derive(Debug, Default)]
pub(super) struct Radios {
    young: HashMap<RadioKey, Radio>,
    old: HashMap<RadioKey, Radio>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Radio {
    strength: Option<Strength>,
    /// The service UUID that is its identity, and those that it had before: BlueZ tells all that
    /// it ever heard of a radio, in the order of their spelling.
    identity: Option<Uuid>,
    before: [Option<Uuid>; 3],
}

#[derive(Debug, Clone, Copy)]
struct Strength {
    rssi_dbm: i8,
    heard_at: Monotonic,
    /// It has gone out with a payload.
    used: bool,
}

impl Radios {
    /// A strength without a payload, yet.
    pub(super) fn rssi(
        &mut self,
        now: Monotonic,
        key: RadioKey,
        rssi: i16,
    ) -> Option<Advertisement> {
        let rssi_dbm = strength(rssi)?;
        let radio = self.radio(key);
        let before = radio.strength.replace(Strength {
            rssi_dbm,
            heard_at: now,
            used: radio.identity.is_some(),
        });
        if let Some(uuid) = radio.identity {
            let mut ad = AdData::new();
            ad.push_service_uuid(uuid).ok()?;
            return Some(advert(ad, rssi_dbm, now, key));
        }
        // Nothing followed the one before.
        let Strength {
            rssi_dbm, heard_at, ..
        } = before.filter(|before| !before.used)?;
        Some(advert(AdData::new(), rssi_dbm, heard_at, key))
    }

    /// Manufacturers' data: all that this radio ever sent, since BlueZ keeps one for each
    /// company. If several are in our layouts, Apple's comes first, then the lowest company.
    pub(super) fn manufacturer(
        &mut self,
        now: Monotonic,
        key: RadioKey,
        data: &ManufacturerData,
    ) -> Option<Advertisement> {
        self.payload(now, key, of_manufacturers(data))
    }

    /// Service data; if several are in our layouts, our own comes first.
    pub(super) fn service_data(
        &mut self,
        now: Monotonic,
        key: RadioKey,
        data: &HashMap<Uuid, Vec<u8>>,
    ) -> Option<Advertisement> {
        self.payload(now, key, of_services(data))
    }

    /// The service UUIDs of a radio; not an advertisement by itself.
    pub(super) fn services(&mut self, key: RadioKey, services: &[Uuid]) {
        let mut identities = services
            .iter()
            .copied()
            .filter(|uuid| is_identity(*uuid))
            .peekable();
        if identities.peek().is_none() {
            return;
        }
        let radio = self.radio(key);
        let known =
            |uuid: &Uuid| radio.identity == Some(*uuid) || radio.before.contains(&Some(*uuid));
        let Some(new) = identities.find(|uuid| !known(uuid)) else {
            return;
        };
        radio.before.rotate_right(1);
        radio.before[0] = radio.identity.replace(new);
    }

    /// What BlueZ knew of a radio when it discovered it: its first advertisement.
    pub(super) fn discovered(
        &mut self,
        heard_at: Monotonic,
        key: RadioKey,
        found: &PeripheralProperties,
    ) -> Option<Advertisement> {
        self.services(key, &found.services);
        // One that is remembered and was not heard has no strength.
        let rssi_dbm = strength(found.rssi?)?;
        let ours = |ad: &AdData| air::decode(ad.as_bytes()).is_ok();
        let by_uuid = || {
            let mut ad = AdData::new();
            ad.push_service_uuid(self.radio(key).identity?).ok()?;
            Some(ad)
        };
        let manufacturers = of_manufacturers(&found.manufacturer_data);
        let ad = Some(of_services(&found.service_data)).filter(ours);
        let ad = ad
            .or_else(|| Some(manufacturers).filter(ours))
            .or_else(by_uuid);
        Some(advert(ad.unwrap_or(manufacturers), rssi_dbm, heard_at, key))
    }

    fn payload(&mut self, now: Monotonic, key: RadioKey, ad: AdData) -> Option<Advertisement> {
        let radio = self.radio(key);
        let ours = air::decode(ad.as_bytes()).is_ok();
        let strength = radio.strength.as_mut()?;
        let fits = now.ms_since(strength.heard_at) <= PAIRED_WITHIN_MS;
        if !fits || (strength.used && !ours) {
            return None;
        }
        strength.used = true;
        Some(advert(ad, strength.rssi_dbm, strength.heard_at, key))
    }

    fn radio(&mut self, key: RadioKey) -> &mut Radio {
        if !self.young.contains_key(&key) {
            if self.young.len() >= RADIOS_MAX / 2 {
                std::mem::swap(&mut self.young, &mut self.old);
                self.young.clear();
            }
            let known = self.old.remove(&key).unwrap_or_default();
            self.young.insert(key, known);
        }
        self.young.entry(key).or_default()
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }
}

fn advert(ad: AdData, rssi_dbm: i8, heard_at: Monotonic, radio: RadioKey) -> Advertisement {
    Advertisement {
        ad,
        rssi_dbm,
        heard_at,
        radio,
    }
}

/// 127 says that it is not known (Core specification, volume 4, part E, 7.7.65.2).
fn strength(rssi: i16) -> Option<i8> {
    i8::try_from(rssi).ok().filter(|rssi| *rssi != 127)
}

fn is_identity(uuid: Uuid) -> bool {
    let mut ad = AdData::new();
    ad.push_service_uuid(uuid).is_ok()
        && matches!(air::decode(ad.as_bytes()), Ok(Frame::WelkomUuid { .. }))
}

/// The one that is in our layouts, else any: whose it is does not matter, only that it is not
/// ours. One that is too long for an advertisement is left out.
fn of_manufacturers(data: &ManufacturerData) -> AdData {
    let ad = |company_id: u16, data: &[u8]| {
        let mut ad = AdData::new();
        ad.push_manufacturer(company_id, data).ok().map(|()| ad)
    };
    let rank = |company_id: u16| (company_id != APPLE_COMPANY_ID, company_id);
    let mut best: Option<((bool, bool, u16), AdData)> = None;
    for (&company_id, data) in data {
        let Some(ad) = ad(company_id, data) else {
            continue;
        };
        let foreign = air::decode(ad.as_bytes()).is_err();
        let (other, company_id) = rank(company_id);
        let place = (foreign, other, company_id);
        if best.as_ref().is_none_or(|(best, _)| place < *best) {
            best = Some((place, ad));
        }
    }
    best.map(|(_, ad)| ad).unwrap_or_default()
}

fn of_services(data: &HashMap<Uuid, Vec<u8>>) -> AdData {
    for uuid in [SERVICE_UUID, bluetooth_base(EDDYSTONE_UUID16)] {
        let mut ad = AdData::new();
        let fits = data.get(&uuid).map(|data| ad.push_service_data(uuid, data));
        if fits == Some(Ok(())) {
            return ad;
        }
    }
    AdData::new()
}

#[cfg(test)]
mod tests;
