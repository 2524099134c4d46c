//! The simulator's air: how simulated advertisements reach a real gateway.
//!
//! The simulator listens on a socket. A gateway connects, names its antenna in a [`Hello`] line,
//! and then reads one [`AirLine`] per advertisement that this antenna hears, as it happens: the
//! gateway stamps the time, as it does for a radio. JSON, one object a line.
//! Invariant: an air line carries what a radio would give and no word about who sends it.

use serde::{Deserialize, Serialize};

use crate::id::AnchorId;

/// Bytes of one line at most; a longer one ends the connection.
pub const LINE_LEN_MAX: usize = 4_096;

/// Gateway to simulator, once: "I am this antenna".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// [`crate::message::VERSION`].
    pub v: u8,
    /// The antenna.
    pub anchor: AnchorId,
}

/// Simulator to gateway: one advertisement, heard by this antenna at this moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AirLine {
    /// The advertiser's address, as `c0:ff:ee:00:00:01`.
    pub address: String,
    /// Received signal strength.
    pub rssi_dbm: i8,
    /// The advertising data (Core specification, volume 3, part C, section 11) in hexadecimal.
    pub ad_hex: String,
}
