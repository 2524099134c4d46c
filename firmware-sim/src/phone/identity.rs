//! What a phone advertises: the rotating identity in one of its layouts.
//!
//! In: key, clock offset, the server's time. Out: the frame of this moment.
//! Invariant: the key is never printed (see `protocol::EidKey`).

use protocol::{Eid, EidKey, Frame, eid::device_time_s};

/// What a phone received to advertise with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The key.
    pub key: EidKey,
    /// Added to Unix time: spreads the moments at which a crowd rotates.
    pub clock_offset_s: u32,
    /// An identity lives 2^this seconds.
    pub rotation_exponent: u8,
}

/// In what layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// Our own service data.
    Welkom,
    /// Eddystone-EID.
    EddystoneEid,
    /// A service UUID that embeds the identity: what iOS lets an app in the foreground send.
    WelkomUuid,
}

/// What a phone says that it is received at from 1 m.
const AT_1M_DBM: i8 = -59;
/// Eddystone states the strength at 0 m, 41 dB above that at 1 m.
const EDDYSTONE_ABOVE_1M_DB: i8 = 41;

impl Identity {
    /// The identity at a moment of the server's time.
    pub fn eid(&self, server_ms: u64) -> Eid {
        let device_s = device_time_s(server_ms / 1_000, self.clock_offset_s);
        self.key.eid(device_s, self.rotation_exponent)
    }

    /// The frame at a moment of the server's time.
    pub fn frame(&self, layout: Layout, server_ms: u64) -> Frame {
        let eid = self.eid(server_ms);
        match layout {
            Layout::Welkom => Frame::Welkom {
                eid,
                tx_power_dbm: AT_1M_DBM,
            },
            Layout::EddystoneEid => Frame::EddystoneEid {
                eid,
                tx_power_dbm: AT_1M_DBM + EDDYSTONE_ABOVE_1M_DB,
            },
            Layout::WelkomUuid => Frame::WelkomUuid { eid },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers stand in `docs/app.md`.
    #[test]
    fn the_worked_example_of_the_phone_contract_is_right() {
        let contract = include_str!("../../../docs/app.md");
        let field = |name: &str| {
            let line = contract.lines().find_map(|line| line.strip_prefix(name));
            line.unwrap_or_else(|| panic!("docs/app.md has no line {name:?}"))
                .trim()
                .to_owned()
        };
        let mut key = [0; 16];
        hex::decode_to_slice(field("eid_key_hex:"), &mut key).unwrap();
        let identity = Identity {
            key: EidKey(key),
            clock_offset_s: field("clock_offset_s:").parse().unwrap(),
            rotation_exponent: 9,
        };
        let server_s: u64 = field("server time (s):").parse().unwrap();
        assert_eq!(
            field("identity on the air:"),
            identity.eid(server_s * 1_000).to_string()
        );
        for (name, layout) in [
            ("advertising data:", Layout::Welkom),
            ("advertising data, service UUID:", Layout::WelkomUuid),
        ] {
            let ad = protocol::air::encode(&identity.frame(layout, server_s * 1_000));
            assert_eq!(field(name), hex::encode(ad));
        }
        let uuid = protocol::air::identity_uuid(identity.eid(server_s * 1_000));
        assert_eq!(field("service UUID:"), uuid.to_string());
    }

    #[test]
    fn the_offset_moves_the_moment_of_rotation() {
        let identity = |clock_offset_s| Identity {
            key: EidKey([1; 16]),
            clock_offset_s,
            rotation_exponent: 9,
        };
        // 1024 s is a border of a quantum for offset 0, and the middle of one for offset 256.
        assert_ne!(identity(0).eid(1_023_000), identity(0).eid(1_024_000));
        assert_eq!(identity(256).eid(1_023_000), identity(256).eid(1_024_000));
    }
}
