//! What tells the chain's beacons from others'.
//!
//! In: a frame. Out: whether it may be the chain's. Gateways ask this of what they hear, and the
//! server of what other radios tell it.
//! Invariant: a rotating identity may be anybody's, so it always may be one of ours.

use uuid::Uuid;

use super::{Frame, Namespace};

/// By what the chain's beacons are known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Chain {
    /// UUIDs of its iBeacons and AltBeacons.
    pub uuids: Vec<Uuid>,
    /// Namespaces of its Eddystone beacons.
    pub namespaces: Vec<Namespace>,
}

impl Chain {
    /// Telemetry does not say whose it is; the radio that sends it does, and whoever keeps beacons
    /// apart knows it.
    pub fn may_be_of_it(&self, frame: &Frame) -> bool {
        match frame {
            Frame::IBeacon { uuid, .. } | Frame::AltBeacon { uuid, .. } => {
                self.uuids.contains(uuid)
            }
            Frame::EddystoneUid { namespace, .. } => self.namespaces.contains(namespace),
            Frame::EddystoneTlm(_) | Frame::EddystoneEtlm { .. } => true,
            Frame::EddystoneUrl { .. } => false,
            Frame::Welkom { .. } | Frame::WelkomUuid { .. } | Frame::EddystoneEid { .. } => true,
        }
    }
}
