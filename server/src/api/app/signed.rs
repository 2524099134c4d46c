//! Bodies that a device signs.
//!
//! In: a body, its time and its signature. Out: the body, once.
//! Invariant: the same signature is never used twice, and never one of another time or device.

use axum::{body::Bytes, http::HeaderMap};
use hmac::{Hmac, KeyInit, Mac};
use serde::de::DeserializeOwned;
use sha2::Sha256;

use crate::{
    api::{access::Phone, problem::Problem},
    clock,
    pipeline::Txn,
    secret,
    store::{StoreError, access},
};

/// A signature's time may differ from ours by this much.
const SIGNED_WITHIN_S: u64 = 300;

/// A body that the device signed: `Welkom-Signature: v1=<hex>` over `{timestamp}.{body}`; with
/// it the signature's hash, for [`first_use`].
pub(super) fn signed<T: DeserializeOwned>(
    phone: &Phone,
    headers: &HeaderMap,
    body: &Bytes,
) -> Result<(T, [u8; 32]), Problem> {
    let text = |name| {
        headers
            .get(name)
            .and_then(|v| v.to_str().ok())
            .unwrap_or_default()
    };
    let timestamp = text("welkom-timestamp");
    let seconds: u64 = timestamp
        .parse()
        .map_err(|_| Problem::unauthorized("Welkom-Timestamp: Unix seconds"))?;
    if seconds.abs_diff(clock::now_ms() / 1_000) > SIGNED_WITHIN_S {
        return Err(Problem::unauthorized(
            "Welkom-Timestamp: more than 300 s off, see /v1/app/time",
        ));
    }
    let wrong = || Problem::unauthorized("Welkom-Signature: not of this device, time and body");
    let given = text("welkom-signature")
        .strip_prefix("v1=")
        .ok_or_else(wrong)?;
    let given = hex::decode(given).map_err(|_| wrong())?;
    let mut mac = Hmac::<Sha256>::new_from_slice(&phone.signing_key).map_err(|_| wrong())?;
    mac.update(timestamp.as_bytes());
    mac.update(b".");
    mac.update(body);
    mac.verify_slice(&given).map_err(|_| wrong())?;
    let read = serde_json::from_slice(body);
    let read = read.map_err(|error| Problem::invalid(error.to_string()))?;
    Ok((read, secret::sha256(&hex::encode(&given))))
}

/// Takes a signature once, in the transaction of what it signs: if that does not happen, the
/// phone may send it again.
pub(super) fn first_use(txn: &Txn<'_>, signature_sha256: &[u8; 32]) -> Result<(), StoreError> {
    let keep_ms = 2 * SIGNED_WITHIN_S * 1_000;
    if access::first_use(txn.db, txn.now_ms, signature_sha256, keep_ms)? {
        Ok(())
    } else {
        Err(StoreError::Conflict(
            "this signature was used before".into(),
        ))
    }
}
