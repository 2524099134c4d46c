//! Signs what the app reports.
//!
//! In: a timestamp and the very bytes of a body. Out: the header `Welkom-Signature`.
//! What is signed is `{timestamp}.{body}`: a signature holds for one moment and one body.
//! Invariant: the key is never printed.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// A device's signing key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SigningKey(pub [u8; 32]);

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SigningKey(…)")
    }
}

impl SigningKey {
    /// `v1=` and the HMAC-SHA256 over timestamp, a full stop and the body, in hexadecimal.
    pub fn sign(&self, timestamp_s: u64, body: &[u8]) -> String {
        // HMAC fills a short key with zeros up to the block (RFC 2104, section 2); doing so here
        // makes the length right by its type.
        let mut block = [0; 64];
        block[..32].copy_from_slice(&self.0);
        let mut mac = Hmac::<Sha256>::new(&block.into());
        mac.update(timestamp_s.to_string().as_bytes());
        mac.update(b".");
        mac.update(body);
        format!("v1={}", hex::encode(mac.finalize().into_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers stand in `docs/app.md`: an app developer checks her own code against them.
    #[test]
    fn the_worked_example_of_the_phone_contract_is_right() {
        let contract = include_str!("../../../docs/app.md");
        let field = |name: &str| {
            let line = contract.lines().find_map(|line| line.strip_prefix(name));
            line.unwrap_or_else(|| panic!("docs/app.md has no line {name:?}"))
                .trim()
                .to_owned()
        };
        let mut key = [0; 32];
        hex::decode_to_slice(field("signing_key_hex:"), &mut key).unwrap();
        let timestamp_s = field("Welkom-Timestamp:").parse().unwrap();
        let signature = SigningKey(key).sign(timestamp_s, field("body:").as_bytes());
        assert_eq!(field("Welkom-Signature:"), signature);
    }

    #[test]
    fn a_signature_holds_for_one_moment_and_one_body() {
        let key = SigningKey([7; 32]);
        assert_ne!(key.sign(1, b"a"), key.sign(2, b"a"));
        assert_ne!(key.sign(1, b"a"), key.sign(1, b"b"));
        assert_ne!(key.sign(1, b"a"), SigningKey([8; 32]).sign(1, b"a"));
    }
}
