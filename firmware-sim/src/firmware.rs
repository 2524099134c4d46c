//! What a transmitter's firmware does: when it sends, from which address, which bytes.
//!
//! In: an interval, the payload to send now. Out: moments in microseconds, and what is on the air.
//! Promises: two advertisements are an interval and 0 to 10 ms apart (Core specification,
//! volume 6, part B, 4.4.2.2.1: advDelay, new for each event, so that two devices that collide
//! once do not collide for ever).
//! Invariant: a frame of ours is written by `protocol::air::encode` alone.

use protocol::{Frame, air};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::rng::Seed;

/// The largest advDelay in microseconds.
pub const ADV_DELAY_MAX_US: u64 = 10_000;
/// A fixed beacon sends once a second: a coin cell lasts two years.
pub const BEACON_INTERVAL_US: u64 = 1_000_000;
/// Every so many advertisements it sends telemetry from the same address, as Eddystone asks of
/// beacons that have it.
pub const TELEMETRY_EVERY: u64 = 10;
/// An app on Android asks for `ADVERTISE_MODE_BALANCED`, which is 250 ms.
pub const ANDROID_INTERVAL_US: u64 = 250_000;
/// An iPhone in the foreground: one of the intervals of Apple's accessory design guidelines.
pub const IOS_INTERVAL_US: u64 = 546_250;

/// What a fixed beacon says of itself: fresh batteries differ a little, a shop is at 21.5 °C.
pub fn telemetry(place: usize, at_us: u64) -> Frame {
    let used_mv = u16::try_from(place)
        .unwrap_or(0)
        .saturating_mul(15)
        .min(900);
    let since_on = |unit_us: u64| u32::try_from(at_us / unit_us).unwrap_or(u32::MAX);
    Frame::EddystoneTlm(air::Telemetry {
        battery_mv: 3_000 - used_mv,
        temperature_raw: 0x1580,
        adv_count: since_on(BEACON_INTERVAL_US),
        uptime_ds: since_on(100_000),
    })
}

/// When the address changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressPolicy {
    /// Never: fixed beacons.
    Fixed,
    /// Together with the payload: an Android app restarts advertising.
    WithPayload,
    /// On its own, every so many microseconds: iOS, where the app has no say.
    OnItsOwn(u64),
}

/// What to put on the air.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Payload {
    /// One of our layouts.
    Frame(Frame),
    /// Somebody else's bytes.
    Foreign(Vec<u8>),
}

/// One advertisement as it leaves the antenna.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnAir {
    /// The advertiser's address, as `c0:ff:ee:00:00:01`.
    pub address: String,
    /// The advertising data in hexadecimal.
    pub ad_hex: String,
}

/// One advertiser.
#[derive(Debug)]
pub struct Advertiser {
    interval_us: u64,
    next_us: u64,
    policy: AddressPolicy,
    address_since_us: u64,
    delays: ChaCha8Rng,
    addresses: ChaCha8Rng,
    sending: Option<(Payload, OnAir)>,
}

impl Advertiser {
    /// An advertiser that is switched on at a moment of its own within the first interval.
    pub fn new(seed: Seed, index: u64, interval_us: u64, policy: AddressPolicy) -> Self {
        let mut delays = seed.stream("adv-delay", index);
        let next_us = delays.random_range(0..interval_us.max(1));
        Self {
            interval_us,
            next_us,
            policy,
            address_since_us: 0,
            delays,
            addresses: seed.stream("address", index),
            sending: None,
        }
    }

    /// When it sends next, in microseconds since the start.
    pub fn next_us(&self) -> u64 {
        self.next_us
    }

    /// Advertisements a second.
    pub fn rate_per_s(&self) -> f64 {
        #[expect(
            clippy::cast_precision_loss,
            reason = "an interval is far below 2^52 us"
        )]
        let interval_us = (self.interval_us + ADV_DELAY_MAX_US / 2) as f64;
        1e6 / interval_us
    }

    /// Schedules the advertisement after this one; gives the moment of this one.
    pub fn sent(&mut self) -> u64 {
        let now_us = self.next_us;
        self.next_us += self.interval_us + self.delays.random_range(0..=ADV_DELAY_MAX_US);
        now_us
    }

    /// What leaves the antenna at `now_us`.
    pub fn on_air(&mut self, now_us: u64, payload: &Payload) -> &OnAir {
        let held = self.sending.take();
        let on_air = match held {
            Some((before, on_air)) if before == *payload && !self.address_is_due(now_us) => on_air,
            before => self.restart(now_us, payload, before.map(|(_, on_air)| on_air.address)),
        };
        &self.sending.insert((payload.clone(), on_air)).1
    }

    fn address_is_due(&self, now_us: u64) -> bool {
        matches!(self.policy, AddressPolicy::OnItsOwn(every_us)
            if now_us.saturating_sub(self.address_since_us) >= every_us)
    }

    fn restart(&mut self, now_us: u64, payload: &Payload, before: Option<String>) -> OnAir {
        let keep = match self.policy {
            AddressPolicy::WithPayload => false,
            AddressPolicy::Fixed => true,
            AddressPolicy::OnItsOwn(_) => !self.address_is_due(now_us),
        };
        let address = before.filter(|_| keep).unwrap_or_else(|| {
            self.address_since_us = now_us;
            address(self.addresses.random(), self.policy)
        });
        let ad = match payload {
            Payload::Frame(frame) => air::encode(frame),
            Payload::Foreign(bytes) => bytes.clone(),
        };
        OnAir {
            address,
            ad_hex: hex::encode(ad),
        }
    }
}

/// Random static addresses begin with the bits 11, resolvable private ones with 01 (Core
/// specification, volume 6, part B, 1.3.2).
fn address(mut bytes: [u8; 6], policy: AddressPolicy) -> String {
    let kind = if policy == AddressPolicy::Fixed {
        0xc0
    } else {
        0x40
    };
    bytes[0] = (bytes[0] & 0x3f) | kind;
    bytes.map(|byte| format!("{byte:02x}")).join(":")
}

#[cfg(test)]
mod tests {
    use protocol::Eid;

    use super::*;

    fn frame(last: u8) -> Payload {
        Payload::Frame(Frame::Welkom {
            eid: Eid([0, 0, 0, 0, 0, 0, 0, last]),
            tx_power_dbm: -59,
        })
    }

    #[test]
    fn advertisements_are_an_interval_and_at_most_ten_milliseconds_apart() {
        let mut phone = Advertiser::new(Seed(1), 0, 250_000, AddressPolicy::WithPayload);
        let sent: Vec<u64> = (0..1_000).map(|_| phone.sent()).collect();
        let gaps: Vec<u64> = sent.windows(2).map(|w| w[1] - w[0]).collect();
        assert!(gaps.iter().all(|gap| (250_000..=260_000).contains(gap)));
        assert!(gaps.iter().max() > gaps.iter().min(), "the delay must vary");
    }

    #[test]
    fn on_android_address_and_payload_change_together() {
        let mut phone = Advertiser::new(Seed(1), 0, 250_000, AddressPolicy::WithPayload);
        let first = phone.on_air(0, &frame(1)).clone();
        assert_eq!(*phone.on_air(9_000_000, &frame(1)), first);
        let second = phone.on_air(9_250_000, &frame(2)).clone();
        assert_ne!(second.address, first.address);
        assert_ne!(second.ad_hex, first.ad_hex);
    }

    #[test]
    fn on_ios_the_address_changes_on_its_own() {
        let mut phone = Advertiser::new(Seed(1), 0, 546_250, AddressPolicy::OnItsOwn(900_000_000));
        let first = phone.on_air(0, &frame(1)).clone();
        let rotated = phone.on_air(512_000_000, &frame(2)).clone();
        assert_eq!(
            rotated.address, first.address,
            "a sniffer can link these two"
        );
        assert_ne!(phone.on_air(900_000_000, &frame(2)).address, first.address);
    }

    #[test]
    fn a_beacon_keeps_its_address() {
        let mut beacon = Advertiser::new(Seed(1), 0, BEACON_INTERVAL_US, AddressPolicy::Fixed);
        let first = beacon.on_air(0, &frame(1)).clone();
        assert_eq!(beacon.on_air(u64::MAX, &frame(1)).address, first.address);
        assert!(first.address.as_bytes()[0] >= b'c');
    }
}
