//! Keeps the advertisements that are ours.
//!
//! In: [`Advertisement`]s. Out: the [`Transmitter`] of each that is in one of our layouts, and for
//! an iBeacon has a UUID of the chain; nothing for any other.
//! Promises: every advertisement is counted once, and if dropped, by reason.
//! Invariant: what is dropped is not kept and not logged; allocates nothing.

use protocol::{Frame, Ignored, Transmitter, air};
use uuid::Uuid;

use crate::{counts::Counters, source::Advertisement};

/// Decodes and filters.
#[derive(Debug)]
pub struct Intake {
    chain_uuids: Vec<Uuid>,
    counts: Counters,
}

impl Intake {
    /// `chain_uuids` are the iBeacon UUIDs that the chain uses.
    pub fn new(chain_uuids: Vec<Uuid>, counts: Counters) -> Self {
        Self {
            chain_uuids,
            counts,
        }
    }

    /// Who sent it, if that is any of our business.
    pub fn admit(&self, advert: &Advertisement) -> Option<Transmitter> {
        self.counts.heard();
        match air::decode(advert.ad()) {
            Ok(Frame::IBeacon { uuid, .. }) if !self.chain_uuids.contains(&uuid) => {
                self.counts.foreign();
                None
            }
            Ok(frame) => frame.transmitter(),
            Err(Ignored::Foreign | Ignored::AppleOverflow) => {
                self.counts.foreign();
                None
            }
            Err(Ignored::Malformed(_)) => {
                self.counts.malformed();
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use protocol::Eid;
    use uuid::uuid;

    use super::*;
    use crate::clock::Monotonic;

    const OURS: Uuid = uuid!("5f2d9c4e-0d1b-4a7e-9a55-1c0f8e2b7a01");

    fn advert(ad: &[u8]) -> Advertisement {
        Advertisement::new(ad, -60, Monotonic(1)).unwrap()
    }

    fn beacon(uuid: Uuid) -> Advertisement {
        advert(&air::encode(&Frame::IBeacon {
            uuid,
            major: 7,
            minor: 300,
            tx_power_dbm: -59,
        }))
    }

    #[test]
    fn only_layouts_and_uuids_of_the_chain_pass_and_the_rest_is_counted() {
        let counts = Counters::default();
        let intake = Intake::new(vec![OURS], counts.clone());
        let phone = advert(&air::encode(&Frame::EddystoneEid {
            eid: Eid([7; 8]),
            tx_power_dbm: -20,
        }));
        assert_eq!(intake.admit(&phone), Some(Transmitter::Eid(Eid([7; 8]))));
        assert!(intake.admit(&beacon(OURS)).is_some());
        assert_eq!(intake.admit(&beacon(Uuid::nil())), None);
        assert_eq!(intake.admit(&advert(&[2, 1, 6])), None);
        assert_eq!(intake.admit(&advert(&[9, 1, 6])), None);
        let counts = counts.snapshot();
        assert_eq!(
            (
                counts.heard_total,
                counts.foreign_total,
                counts.malformed_total
            ),
            (5, 2, 1)
        );
    }
}
