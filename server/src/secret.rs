//! Secrets: made here, shown once, kept as hashes.
//!
//! In: the operating system's randomness. Out: tokens for people and machines, and the SHA-256
//! under which the store knows them.
//! A token has 160 bits or more, so a plain hash is enough; what people choose themselves goes
//! through argon2id.
//! Invariant: nothing here is written to a log.

use argon2::{
    Argon2,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use protocol::enrol::Code;
use sha2::{Digest, Sha256};

/// The operating system gave no randomness: nothing secret can be made.
#[derive(Debug, thiserror::Error)]
#[error("no randomness from the operating system")]
pub struct NoRandomness;

/// Why a password could not be hashed or checked.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// See [`NoRandomness`].
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    /// The hash in the store is damaged, or argon2 refused its parameters.
    #[error("argon2: {0}")]
    Hash(String),
}

/// Random bytes.
pub fn random<const N: usize>() -> Result<[u8; N], NoRandomness> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| NoRandomness)?;
    Ok(bytes)
}

/// A token with a prefix that says what it opens, so that one found in a log or a repository is
/// recognised: `wk_` API key, `wd_` device, `ws_` session, `wl_` page link, `wg_` gateway, `wt_` trial.
pub fn token(prefix: &str) -> Result<String, NoRandomness> {
    Ok(format!("{prefix}{}", hex::encode(random::<24>()?)))
}

/// What she says at the desk for an order that came without a code of its own: six digits. Not the
/// order's number, which stands on every mail and parcel; tries are counted and slowed.
pub fn pickup_code() -> Result<String, NoRandomness> {
    // Of 2^64 values a million takes no share that anybody could notice.
    let number = u64::from_le_bytes(random::<8>()?) % 1_000_000;
    Ok(format!("{number:06}"))
}

/// A one-time code that a person can type: 60 bits; nobody guesses one of a thousand open codes in
/// the day that they live.
pub fn one_time_code() -> Result<Code, NoRandomness> {
    Ok(Code::from_bits(u64::from_le_bytes(random()?)))
}

/// The same one-time code for the same question, without keeping it: made of what only who asks can know.
pub fn one_time_code_for(token: &str, question: &str) -> Code {
    let mac = hmac_sha256(token.as_bytes(), &["one-time code", question]);
    let [a, b, c, d, e, f, g, h, ..] = mac;
    Code::from_bits(u64::from_le_bytes([a, b, c, d, e, f, g, h]))
}

/// The password of a gateway that redeemed a code: made of a salt that stands here, and of a nonce
/// and a code that do not. So it can be told again and stands on no disk.
pub fn gateway_password(salt: &[u8; 32], nonce: &str, code: &Code) -> String {
    let mac = hmac_sha256(salt, &["gateway password", nonce, &code.to_string()]);
    format!("wg_{}", hex::encode(&mac[..24]))
}

/// By `ring`, which takes a key of any length and has no error to hand on.
fn hmac_sha256(key: &[u8], parts: &[&str]) -> [u8; 32] {
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, key);
    let mut context = ring::hmac::Context::with_key(&key);
    for part in parts {
        context.update(&(part.len() as u64).to_le_bytes());
        context.update(part.as_bytes());
    }
    let mut mac = [0; 32];
    mac.copy_from_slice(context.sign().as_ref());
    mac
}

/// What the store keeps of a token.
pub fn sha256(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

/// argon2id with the library's default cost (19 MiB, 2 passes: OWASP's recommendation).
pub fn hash_password(password: &str) -> Result<String, PasswordError> {
    let salt = random::<16>()?;
    Argon2::default()
        .hash_password_with_salt(password.as_bytes(), &salt)
        .map(|hash| hash.to_string())
        .map_err(|e| PasswordError::Hash(e.to_string()))
}

/// Whether the password is the one that was hashed.
pub fn verify_password(password: &str, hash: &str) -> Result<bool, PasswordError> {
    let parsed = PasswordHash::new(hash).map_err(|e| PasswordError::Hash(e.to_string()))?;
    Ok(Argon2::default()
        .verify_password(password.as_bytes(), &parsed)
        .is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_verified_and_another_is_not() {
        let hash = hash_password("grachtengordel").unwrap();
        assert!(hash.starts_with("$argon2id$"));
        assert!(verify_password("grachtengordel", &hash).unwrap());
        assert!(!verify_password("Grachtengordel", &hash).unwrap());
    }
}
