//! The identity that rotates: Eddystone-EID's construction.
//!
//! In: a device's key, its clock. Out: the eight bytes that it advertises for one quantum.
//! Source: Eddystone-EID specification, "EID Computation" (google/eddystone, eddystone-eid).
//! Promises: without the key, two identities of one device cannot be told to belong together.
//! Invariant: a key is never printed, logged or serialised by this module.

use std::{fmt, str::FromStr};

use aes::{
    Aes128,
    cipher::{BlockCipherEncrypt, KeyInit},
};
use serde::{Deserialize, Serialize};

/// The rotation exponent K of this system: an identity lives 2^9 = 512 s.
pub const ROTATION_EXPONENT: u8 = 9;

/// Seconds that one identity lives.
pub const QUANTUM_S: u32 = 1 << ROTATION_EXPONENT;

/// A device's clock may differ by this much from its server's, either way.
pub const CLOCK_TOLERANCE_S: u32 = 60;

/// Eight bytes on the air.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Eid(pub [u8; 8]);

impl fmt::Display for Eid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|b| write!(f, "{b:02x}"))
    }
}
impl fmt::Debug for Eid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Eid({self})")
    }
}

/// Sixteen hexadecimal digits were expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an identity: 16 hexadecimal digits")]
pub struct EidError(String);

impl FromStr for Eid {
    type Err = EidError;
    fn from_str(text: &str) -> Result<Self, EidError> {
        let mut bytes = [0; 8];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| EidError(text.into()))?;
        Ok(Self(bytes))
    }
}
impl TryFrom<String> for Eid {
    type Error = EidError;
    fn try_from(text: String) -> Result<Self, EidError> {
        text.parse()
    }
}
impl From<Eid> for String {
    fn from(eid: Eid) -> String {
        eid.to_string()
    }
}

/// A device's identity key. Only the server and the device itself hold it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct EidKey(pub [u8; 16]);

impl fmt::Debug for EidKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EidKey(…)")
    }
}

impl EidKey {
    /// The identity at `device_time_s` for rotation exponent `exponent` (0 to 15).
    pub fn eid(&self, device_time_s: u32, exponent: u8) -> Eid {
        let [t3, t2, t1, t0] = quantum_start(device_time_s, exponent).to_be_bytes();
        let mut temporary = [0u8; 16];
        temporary[11] = 0xff;
        temporary[14] = t3;
        temporary[15] = t2;
        encrypt(&self.0, &mut temporary);
        let mut block = [0u8; 16];
        block[11] = exponent;
        block[12..16].copy_from_slice(&[t3, t2, t1, t0]);
        encrypt(&temporary, &mut block);
        let mut eid = [0; 8];
        eid.copy_from_slice(&block[..8]);
        Eid(eid)
    }
}

fn encrypt(key: &[u8; 16], block: &mut [u8; 16]) {
    Aes128::new(&(*key).into()).encrypt_block(block.into());
}

/// The start of the quantum that holds `device_time_s`: its lowest `exponent` bits cleared.
pub fn quantum_start(device_time_s: u32, exponent: u8) -> u32 {
    device_time_s & (u32::MAX << u32::from(exponent.min(15)))
}

/// A device's own count of seconds: Unix time plus its random offset, modulo 2^32. The offset
/// spreads the moments at which a crowd of devices rotates.
pub fn device_time_s(unix_s: u64, offset_s: u32) -> u32 {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the specification's counter has 32 bits"
    )]
    let low = unix_s as u32;
    low.wrapping_add(offset_s)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_of_zeros_at_time_zero() {
        assert_eq!(EidKey([0; 16]).eid(0, 0).to_string(), "fa41c4405b14fea0");
    }

    #[test]
    fn counting_key_in_2023() {
        let key = EidKey(std::array::from_fn(|i| u8::try_from(i).unwrap()));
        assert_eq!(key.eid(1_700_000_000, 10).to_string(), "6402471e00ba6362");
    }

    #[test]
    fn identity_holds_for_its_quantum_and_no_longer() {
        let key = EidKey([3; 16]);
        let start = quantum_start(1_700_000_000, ROTATION_EXPONENT);
        let eid = key.eid(start, ROTATION_EXPONENT);
        assert_eq!(key.eid(start + QUANTUM_S - 1, ROTATION_EXPONENT), eid);
        assert_ne!(key.eid(start + QUANTUM_S, ROTATION_EXPONENT), eid);
    }

    #[test]
    fn debug_does_not_show_the_key() {
        assert_eq!(format!("{:?}", EidKey([0xab; 16])), "EidKey(…)");
    }
}
