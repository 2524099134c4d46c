//! Tokens that we sign, and the keys for them.
//!
//! In: claims and a private key from a PEM file. Out: a JSON Web Token (RFC 7519) in compact form
//! (RFC 7515, section 7.1).
//! Invariant: a key is never in an error, a log or an answer.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD as BASE64URL};
use ring::{
    rand::SystemRandom,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING as ES256, EcdsaKeyPair, KeyPair, RSA_PKCS1_SHA256,
        RsaKeyPair,
    },
};
use rustls::pki_types::{PrivatePkcs8KeyDer, pem::PemObject};
use serde_json::Value;

/// Why there is no key, or no signature.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be read, or not be made.
    #[error("{what} the key {path}: {source}")]
    File {
        /// What was attempted.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is not the key that it should be.
    #[error("{path} holds no {wanted} as PKCS#8 PEM")]
    Wrong {
        /// The file.
        path: PathBuf,
        /// What should be in it.
        wanted: &'static str,
    },
    /// ring could not sign, or not make a key: no randomness.
    #[error("sign: no randomness from the operating system")]
    NoRandomness,
}

/// A private key on the curve P-256.
pub struct P256(EcdsaKeyPair);

impl P256 {
    /// From PKCS#8 PEM; `path` names it in errors.
    pub fn from_pem(path: &Path, pem: &[u8]) -> Result<Self, KeyError> {
        let wrong = || KeyError::Wrong {
            path: path.into(),
            wanted: "P-256 private key",
        };
        let der = PrivatePkcs8KeyDer::from_pem_slice(pem).map_err(|_| wrong())?;
        let key = EcdsaKeyPair::from_pkcs8(&ES256, der.secret_pkcs8_der(), &SystemRandom::new());
        Ok(Self(key.map_err(|_| wrong())?))
    }

    /// From a file.
    pub fn load(path: &Path) -> Result<Self, KeyError> {
        Self::from_pem(path, &read(path)?)
    }

    /// From a file that is made if it is not there.
    pub fn load_or_make(path: &Path) -> Result<Self, KeyError> {
        if !path.exists() {
            let der = EcdsaKeyPair::generate_pkcs8(&ES256, &SystemRandom::new())
                .map_err(|_| KeyError::NoRandomness)?;
            let lines = base64::prelude::BASE64_STANDARD.encode(der.as_ref());
            let pem = format!("-----BEGIN PRIVATE KEY-----\n{lines}\n-----END PRIVATE KEY-----\n");
            // Whoever starts after a crash in between finds all of it or nothing.
            let part = path.with_extension("part");
            let made = path.parent().map_or(Ok(()), fs::create_dir_all);
            let made = made.and_then(|()| crate::tls::write_private(&part, &pem));
            made.and_then(|()| fs::rename(&part, path))
                .map_err(|source| KeyError::File {
                    what: "make",
                    path: path.into(),
                    source,
                })?;
        }
        Self::load(path)
    }

    /// The public key: 65 bytes, uncompressed.
    pub fn public(&self) -> &[u8] {
        self.0.public_key().as_ref()
    }

    /// Signs with ES256 (RFC 7518, section 3.4).
    pub fn sign(&self, header: &Value, claims: &Value) -> Result<String, KeyError> {
        compact(header, claims, |text| {
            let signature = self.0.sign(&SystemRandom::new(), text).ok()?;
            Some(BASE64URL.encode(signature))
        })
    }
}

/// A private RSA key.
pub struct Rsa(RsaKeyPair);

impl Rsa {
    /// From PKCS#8 PEM; `path` names it in errors.
    pub fn from_pem(path: &Path, pem: &[u8]) -> Result<Self, KeyError> {
        let wrong = || KeyError::Wrong {
            path: path.into(),
            wanted: "RSA private key",
        };
        let der = PrivatePkcs8KeyDer::from_pem_slice(pem).map_err(|_| wrong())?;
        let key = RsaKeyPair::from_pkcs8(der.secret_pkcs8_der());
        Ok(Self(key.map_err(|_| wrong())?))
    }

    /// Signs with RS256 (RFC 7518, section 3.3).
    pub fn sign(&self, header: &Value, claims: &Value) -> Result<String, KeyError> {
        compact(header, claims, |text| {
            let mut signature = vec![0; self.0.public().modulus_len()];
            let rng = SystemRandom::new();
            let signed = self.0.sign(&RSA_PKCS1_SHA256, &rng, text, &mut signature);
            signed.ok().map(|()| BASE64URL.encode(signature))
        })
    }
}

/// Reads a key's file.
pub fn read(path: &Path) -> Result<Vec<u8>, KeyError> {
    fs::read(path).map_err(|source| KeyError::File {
        what: "read",
        path: path.into(),
        source,
    })
}

fn compact(
    header: &Value,
    claims: &Value,
    sign: impl FnOnce(&[u8]) -> Option<String>,
) -> Result<String, KeyError> {
    let part = |value: &Value| BASE64URL.encode(value.to_string());
    let text = format!("{}.{}", part(header), part(claims));
    let signature = sign(text.as_bytes()).ok_or(KeyError::NoRandomness)?;
    Ok(format!("{text}.{signature}"))
}
