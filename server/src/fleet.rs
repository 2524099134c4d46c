//! How the gateways do: the last status of each.
//!
//! In: status messages. Out: a list for the API and, later, the fleet page.
//! Invariant: bounded by the gateways that have credentials.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use protocol::{GatewayId, StoreId, message::Status};

/// The last word of a gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gateway {
    /// What it said.
    pub status: Status,
    /// When the server heard it.
    pub heard_ms: u64,
}

/// All gateways.
#[derive(Default)]
pub struct Fleet {
    gateways: Mutex<BTreeMap<(StoreId, GatewayId), Gateway>>,
}

impl Fleet {
    /// Keeps a status.
    pub fn heard_from(&self, store: StoreId, gateway: GatewayId, status: Status, heard_ms: u64) {
        let mut gateways = self.gateways.lock().unwrap_or_else(PoisonError::into_inner);
        gateways.insert((store, gateway), Gateway { status, heard_ms });
    }

    /// The gateways of a store.
    pub fn of(&self, store: &StoreId) -> Vec<(GatewayId, Gateway)> {
        let gateways = self.gateways.lock().unwrap_or_else(PoisonError::into_inner);
        gateways
            .iter()
            .filter(|((s, _), _)| s == store)
            .map(|((_, g), gateway)| (g.clone(), gateway.clone()))
            .collect()
    }
}
