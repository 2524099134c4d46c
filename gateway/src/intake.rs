//! Keeps the advertisements that are ours.
//!
//! In: [`Advertisement`]s. Out: the [`Transmitter`] of each that may be somebody: in one of our
//! layouts, and for beacons' layouts with a UUID or namespace of the chain; nothing for any other.
//! The store's fixed beacons, whose place is known and who are nobody, go to [`Beacons`].
//! Promises: every advertisement is counted once, and if dropped, by reason.
//! Invariant: what is dropped is not kept and not logged; allocates nothing.

pub use protocol::air::Chain;
use protocol::{Ignored, Transmitter, air};

use crate::{beacons::Beacons, counts::Counters, source::Advertisement};

/// Decodes and filters.
#[derive(Debug)]
pub struct Intake {
    chain: Chain,
    beacons: Beacons,
    counts: Counters,
}

impl Intake {
    /// Passes on what is of the chain; the store's fixed beacons go to `beacons`.
    pub fn new(chain: Chain, beacons: Beacons, counts: Counters) -> Self {
        Self {
            chain,
            beacons,
            counts,
        }
    }

    /// Another list of the chain's UUIDs and namespaces.
    pub fn set_chain(&mut self, chain: Chain) {
        self.chain = chain;
    }

    /// Who sent it, if that may be somebody.
    pub fn admit(&self, advert: &Advertisement) -> Option<Transmitter> {
        self.counts.heard(advert.heard_at);
        let frame = match air::decode(advert.ad.as_bytes()) {
            Ok(frame) => frame,
            Err(why) => {
                match why {
                    Ignored::Foreign => self.counts.foreign(),
                    Ignored::AppleOverflow => self.counts.apple_overflow(),
                    Ignored::Malformed(_) => self.counts.malformed(),
                }
                return None;
            }
        };
        let transmitter = frame.transmitter();
        if matches!(transmitter, Some(Transmitter::Eid(_))) {
            return transmitter;
        }
        if !self.chain.may_be_of_it(&frame) {
            self.counts.foreign();
            return None;
        }
        let Advertisement {
            rssi_dbm,
            heard_at,
            radio,
            ..
        } = *advert;
        if self.beacons.hear(heard_at, radio, &frame, rssi_dbm) {
            self.counts.beacon();
            return None;
        }
        if transmitter.is_none() {
            // Telemetry of somebody else's beacon.
            self.counts.foreign();
        }
        transmitter
    }
}

#[cfg(test)]
mod tests {
    use protocol::{
        Eid, Frame,
        air::{AdData, Namespace, Telemetry},
    };
    use uuid::{Uuid, uuid};

    use super::*;
    use crate::{clock::Monotonic, source::test_radio};

    const OURS: Uuid = uuid!("5f2d9c4e-0d1b-4a7e-9a55-1c0f8e2b7a01");
    const NAMESPACE: Namespace = Namespace([7; 10]);

    fn bytes(ad: &[u8]) -> Advertisement {
        Advertisement {
            ad: AdData::from_bytes(ad).unwrap(),
            rssi_dbm: -60,
            heard_at: Monotonic(1),
            radio: test_radio(1),
        }
    }

    fn advert(frame: Frame) -> Advertisement {
        bytes(&air::encode(&frame))
    }

    fn beacon(uuid: Uuid) -> Frame {
        Frame::IBeacon {
            uuid,
            major: 7,
            minor: 300,
            tx_power_dbm: -59,
        }
    }

    fn uid(namespace: Namespace) -> Frame {
        Frame::EddystoneUid {
            namespace,
            instance: [1; 6],
            tx_power_dbm: -18,
        }
    }

    fn telemetry() -> Frame {
        Frame::EddystoneTlm(Telemetry {
            battery_mv: 3_000,
            temperature_raw: 0,
            adv_count: 1,
            uptime_ds: 1,
        })
    }

    fn intake() -> (Intake, Beacons, Counters) {
        let chain = Chain {
            uuids: vec![OURS],
            namespaces: vec![NAMESPACE],
        };
        let (beacons, counts) = (Beacons::default(), Counters::default());
        (
            Intake::new(chain, beacons.clone(), counts.clone()),
            beacons,
            counts,
        )
    }

    #[test]
    fn only_layouts_and_beacons_of_the_chain_pass_and_the_rest_is_counted() {
        let (intake, _, counts) = intake();
        let phone = Frame::EddystoneEid {
            eid: Eid([7; 8]),
            tx_power_dbm: -20,
        };
        assert_eq!(
            intake.admit(&advert(phone)),
            Some(Transmitter::Eid(Eid([7; 8])))
        );
        assert!(intake.admit(&advert(beacon(OURS))).is_some());
        assert!(intake.admit(&advert(uid(NAMESPACE))).is_some());
        let overflow = [&[20, 0xff, 0x4c, 0, 1][..], &[0; 16]].concat();
        for foreign in [
            advert(beacon(Uuid::nil())),
            advert(uid(Namespace([8; 10]))),
            advert(telemetry()),
            bytes(&[2, 1, 6]),
            bytes(&overflow),
        ] {
            assert_eq!(intake.admit(&foreign), None);
        }
        assert_eq!(intake.admit(&bytes(&[9, 1, 6])), None);
        let counts = counts.snapshot();
        assert_eq!(
            (
                counts.heard_total,
                counts.foreign_total,
                counts.apple_overflow_total,
                counts.malformed_total
            ),
            (9, 5, 1, 1)
        );
    }

    #[test]
    fn fixed_beacons_of_the_store_are_no_sightings() {
        let (intake, beacons, counts) = intake();
        beacons.set(&[beacon(OURS).transmitter().unwrap()]);
        assert_eq!(intake.admit(&advert(beacon(OURS))), None);
        assert_eq!(intake.admit(&advert(telemetry())), None);
        assert_eq!(counts.snapshot().beacon_total, 2);
        assert_eq!(beacons.report()[0].count, 2);
    }
}
