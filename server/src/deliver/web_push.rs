//! Browsers: Web Push.
//!
//! In: a message and a subscription. Out: one request to the push service that the browser chose,
//! and what it said.
//! Formats: RFC 8030 (the request), RFC 8292 (who we are), RFC 8291 over RFC 8188 (the body, which
//! the push service cannot read). Encryption is ring's, whose record size is as RFC 8291, section 4,
//! wants it: larger than the record.
//! Invariant: the body has one record of at most 4,096 bytes.

use std::path::Path;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD as BASE64URL};
use ring::{
    aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey},
    agreement::{ECDH_P256, EphemeralPrivateKey, UnparsedPublicKey, agree_ephemeral},
    hkdf::{HKDF_SHA256, KeyType, Prk, Salt},
    rand::SystemRandom,
};
use serde_json::json;

use super::{
    answers::{self, Verdict},
    jwt::{KeyError, P256},
    outgoing::{Answer, Outgoing, ask},
};
use crate::{
    secret,
    store::push::Address,
    web::{messages::Told, staff::phones::CardTold},
};

/// The record size that is announced, and what every push service takes (RFC 8291, section 4).
const RECORD_LEN: u32 = 4_096;
/// Salt, record size, length of the key, key (RFC 8188, section 2.1).
const HEADER_LEN: usize = 16 + 4 + 1 + PUBLIC_LEN;
/// A point on P-256, uncompressed.
pub const PUBLIC_LEN: usize = 65;
/// A subscription's secret (RFC 8291, section 3.2).
pub const AUTH_LEN: usize = 16;
/// AES-GCM's tag.
const TAG_LEN: usize = 16;
/// Bodies are filled up to a multiple of this, so that their length says little.
const PADDED_TO: usize = 256;
/// Longest text in a body of [`RECORD_LEN`], with its delimiter.
const TEXT_LEN_MAX: usize = RECORD_LEN as usize - HEADER_LEN - TAG_LEN - 1;
/// A signature of ours is good for so long; a day is the most (RFC 8292, section 2).
const TOKEN_S: u64 = 12 * 3_600;

/// Web Push with our key.
pub struct WebPush {
    key: P256,
    subject: String,
    outgoing: Outgoing,
}

impl WebPush {
    /// With the key of a file, which is made if it is not there.
    pub fn new(key_file: &Path, subject: &str, outgoing: Outgoing) -> Result<Self, KeyError> {
        Ok(Self {
            key: P256::load_or_make(key_file)?,
            subject: subject.to_owned(),
            outgoing,
        })
    }

    /// Our public key as a browser wants it: `applicationServerKey`.
    pub fn public_key(&self) -> String {
        BASE64URL.encode(self.key.public())
    }

    /// Sends a message to a subscription.
    pub async fn send(&self, now_ms: u64, to: &Address, told: &Told) -> Answer {
        let text = json!({
            "delivery": told.delivery, "class": told.class, "title": told.title,
            "body": told.body, "expires_ms": told.expires_ms,
        });
        let urgency = if told.is_marketing() {
            "normal"
        } else {
            "high"
        };
        let topic = told.delivery.0;
        self.post(now_ms, to, &text, (topic, told.expires_ms), urgency)
            .await
    }

    /// Tells a colleague's phone of a card: that it calls, or that it does no more.
    pub(super) async fn send_to_staff(&self, now_ms: u64, to: &Address, told: &CardTold) -> Answer {
        let text = serde_json::to_value(told).unwrap_or_default();
        let key = (told.card.0, told.expires_ms);
        self.post(now_ms, to, &text, key, "high").await
    }

    async fn post(
        &self,
        now_ms: u64,
        to: &Address,
        text: &serde_json::Value,
        (topic, expires_ms): (uuid::Uuid, u64),
        urgency: &'static str,
    ) -> Answer {
        let (public, auth) = to.keys.clone().unwrap_or_default();
        let Some(body) = encrypt(text.to_string().as_bytes(), &public, &auth) else {
            let why = "the message is too long, or the subscription's key is no key";
            return Answer::not_sent(Verdict::GiveUp, why);
        };
        let (request, authorization) = match (
            self.outgoing.post(&to.address),
            self.authorization(now_ms, &to.address),
        ) {
            (Ok(request), Ok(authorization)) => (request, authorization),
            // It was let in when it was registered; the settings are stricter now.
            (Err(refused), _) => return Answer::not_sent(Verdict::Dead, refused.to_string()),
            (_, Err(error)) => return Answer::not_sent(Verdict::Later, error.to_string()),
        };
        let request = request
            .header("Authorization", authorization)
            .header("Content-Encoding", "aes128gcm")
            .header("Content-Type", "application/octet-stream")
            .header("TTL", expires_ms.saturating_sub(now_ms) / 1_000)
            // A later message under this topic takes the place of one that waits (section 5.4).
            .header("Topic", BASE64URL.encode(topic.as_bytes()))
            .header("Urgency", urgency)
            .body(body);
        match ask(now_ms, request).await {
            Ok(reply) => {
                let status = reply.status;
                reply.means(answers::web_push(status), format!("HTTP {status}"))
            }
            Err(error) => Answer::none(error),
        }
    }

    /// Who we are, for the origin of an endpoint (RFC 8292, sections 2 and 3).
    fn authorization(&self, now_ms: u64, endpoint: &str) -> Result<String, KeyError> {
        let origin = url::Url::parse(endpoint).map(|url| url.origin().ascii_serialization());
        let header = json!({ "typ": "JWT", "alg": "ES256" });
        let claims = json!({
            "aud": origin.unwrap_or_default(), "exp": now_ms / 1_000 + TOKEN_S,
            "sub": self.subject,
        });
        let token = self.key.sign(&header, &claims)?;
        Ok(format!("vapid t={token}, k={}", self.public_key()))
    }
}

/// Encrypts for a subscription (RFC 8291, section 3.4); none if the text is too long, a key is
/// none, or there is no randomness.
fn encrypt(text: &[u8], ua_public: &[u8], auth: &[u8]) -> Option<Vec<u8>> {
    if text.len() > TEXT_LEN_MAX || auth.len() != AUTH_LEN {
        return None;
    }
    let ours = EphemeralPrivateKey::generate(&ECDH_P256, &SystemRandom::new()).ok()?;
    let our_public = ours.compute_public_key().ok()?;
    let theirs = UnparsedPublicKey::new(&ECDH_P256, ua_public);
    let shared = agree_ephemeral(ours, &theirs, |shared| {
        Salt::new(HKDF_SHA256, auth).extract(shared)
    });
    let info = [
        b"WebPush: info\0".as_slice(),
        ua_public,
        our_public.as_ref(),
    ];
    let input: [u8; 32] = expand(&shared.ok()?, &info)?;

    let salt = secret::random::<16>().ok()?;
    let keys = Salt::new(HKDF_SHA256, &salt).extract(&input);
    let key: [u8; 16] = expand(&keys, &[b"Content-Encoding: aes128gcm\0"])?;
    let nonce: [u8; 12] = expand(&keys, &[b"Content-Encoding: nonce\0"])?;

    let mut record = text.to_vec();
    // The last record's delimiter, then padding (RFC 8188, section 2).
    record.push(2);
    let padded = record.len().next_multiple_of(PADDED_TO);
    record.resize(padded.min(TEXT_LEN_MAX + 1), 0);
    let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key).ok()?);
    let nonce = Nonce::assume_unique_for_key(nonce);
    key.seal_in_place_append_tag(nonce, Aad::empty(), &mut record)
        .ok()?;

    let mut body = Vec::with_capacity(HEADER_LEN + record.len());
    body.extend_from_slice(&salt);
    body.extend_from_slice(&RECORD_LEN.to_be_bytes());
    body.push(u8::try_from(our_public.as_ref().len()).ok()?);
    body.extend_from_slice(our_public.as_ref());
    body.extend_from_slice(&record);
    Some(body)
}

/// HKDF's second step (RFC 5869, section 2.3).
fn expand<const N: usize>(key: &Prk, info: &[&[u8]]) -> Option<[u8; N]> {
    struct Len(usize);
    impl KeyType for Len {
        fn len(&self) -> usize {
            self.0
        }
    }
    let mut out = [0; N];
    key.expand(info, Len(N)).ok()?.fill(&mut out).ok()?;
    Some(out)
}

#[cfg(test)]
mod tests {
    use web_push_native::{
        Auth, decrypt,
        p256::{SecretKey, elliptic_curve::sec1::ToEncodedPoint},
    };

    use super::*;

    fn bytes(text: &str) -> Vec<u8> {
        BASE64URL.decode(text).unwrap()
    }

    /// RFC 8291, appendix A: so the one who reads here reads what the RFC wrote.
    #[test]
    fn the_reader_of_these_tests_reads_the_example_of_the_rfc() {
        let key = SecretKey::from_slice(&bytes("q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94"));
        let auth = Auth::clone_from_slice(&bytes("BTBZMqHH6r4Tts7J_aSIgg"));
        let body = "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIg\
                    Dll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuw\
                    XPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN";
        let read = decrypt(bytes(body), &key.unwrap(), &auth).unwrap();
        assert_eq!(read, b"When I grow up, I want to be a watermelon");
    }

    #[test]
    fn another_implementation_reads_what_we_encrypt_and_its_length_says_little() {
        let key = SecretKey::from_slice(&[7; 32]).unwrap();
        let public = key.public_key().to_encoded_point(false);
        let auth = [9; AUTH_LEN];
        let mut lengths = Vec::new();
        for len in [0, 100, 200, TEXT_LEN_MAX] {
            let text = vec![b'x'; len];
            let body = encrypt(&text, public.as_bytes(), &auth).unwrap();
            assert!(body.len() <= RECORD_LEN as usize);
            assert_eq!(body[16..20], RECORD_LEN.to_be_bytes());
            lengths.push(body.len());
            let read = decrypt(body, &key, &Auth::clone_from_slice(&auth)).unwrap();
            assert_eq!(read, text);
        }
        assert_eq!(lengths[0], lengths[1]);
        assert_eq!(lengths[1], lengths[2]);
        let too_long = vec![0; TEXT_LEN_MAX + 1];
        assert!(encrypt(&too_long, public.as_bytes(), &auth).is_none());
        assert!(
            encrypt(b"x", &[4; PUBLIC_LEN], &auth).is_none(),
            "not on the curve"
        );
    }
}
