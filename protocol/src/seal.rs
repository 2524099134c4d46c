//! Sightings that the server alone can read: neither a gateway's SD card nor a broker says who was
//! where.
//!
//! In: public keys, randomness, the bytes of a batch's sightings. Out: an [`Envelope`] and sealed
//! bodies; and with a private key the sightings again.
//! A gateway makes one content key for each run of its process and seals it to every recipient with
//! HPKE (RFC 9180, base mode): DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20-Poly1305. Under
//! the content key each batch is sealed with ChaCha20-Poly1305 (RFC 8439), its number the nonce. A
//! context of HPKE itself would count messages; batches are read in any order, some of them twice.
//! Promises: a body opens for the gateway, boot and number alone that it was sealed for.
//! Invariant: a content key belongs to one boot of one gateway and one list of recipients, and a
//! number is given once within a boot: a nonce is never used twice with a key.

use std::{fmt, str::FromStr};

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use chacha20poly1305::{ChaCha20Poly1305, KeyInit, aead::AeadInOut};
use hpke::{
    Deserializable, Kem as _, OpModeR, OpModeS, Serializable, kdf::HkdfSha256,
    kem::X25519HkdfSha256,
};
use rand_chacha::{
    ChaCha20Rng,
    rand_core::{Rng, SeedableRng},
};
use serde::{Deserialize, Serialize, de::Error as _};
use sha2::{Digest, Sha256};

use crate::id::{BootId, GatewayId, StoreId};

/// Bytes of a key, public or private.
pub const KEY_LEN: usize = 32;
/// Bytes that sealing adds to a body: the tag of ChaCha20-Poly1305.
pub const TAG_LEN: usize = 16;
/// Bytes of a content key that was sealed to one recipient.
const WRAPPED_LEN: usize = KEY_LEN + TAG_LEN;
/// Recipients of one envelope at most: the central server's key, that of a machine in the store,
/// and both again while they change.
pub const RECIPIENTS_MAX: usize = 4;
/// What an envelope is for, so that a key used for something else opens none.
const INFO: &[u8] = b"welkom sightings v1";

type Kem = X25519HkdfSha256;
type Kdf = HkdfSha256;
type Aead = hpke::aead::ChaCha20Poly1305;

/// Why something could not be sealed or opened. Says nothing of the content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// Not 32 bytes in URL-safe base64.
    #[error("a key is 43 characters of URL-safe base64")]
    Key,
    /// The key is no point that anything can be sealed to.
    #[error("nothing can be sealed to this key")]
    Recipient,
    /// None, or more than [`RECIPIENTS_MAX`].
    #[error("{0} recipients; 1 to {RECIPIENTS_MAX} can be")]
    Recipients(usize),
    /// The body is longer than the cipher takes.
    #[error("too long to be sealed")]
    TooLong,
    /// Sealed to others.
    #[error("sealed to other keys than ours")]
    NotForUs,
    /// Changed on the way, or of another gateway, boot or number than it claims.
    #[error("was changed, or belongs to another gateway, boot or number")]
    Changed,
}

/// Bytes as text in JSON and settings.
macro_rules! bytes_as_text {
    ($(#[$doc:meta])* $name:ident, $len:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub [u8; $len]);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&URL_SAFE_NO_PAD.encode(self.0))
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
        impl FromStr for $name {
            type Err = SealError;
            fn from_str(text: &str) -> Result<Self, SealError> {
                let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| SealError::Key)?;
                bytes.try_into().map(Self).map_err(|_| SealError::Key)
            }
        }
        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<str>::deserialize(from)?;
                text.parse().map_err(|_| {
                    D::Error::custom(format_args!("not {} bytes of URL-safe base64", $len))
                })
            }
        }
    };
}

bytes_as_text!(
    /// What is sealed to: an X25519 public key (RFC 7748).
    PublicKey,
    KEY_LEN
);
bytes_as_text!(
    /// Names a public key: the first eight bytes of its SHA-256.
    KeyId,
    8
);
bytes_as_text!(
    /// Who says which keys to seal to: an Ed25519 public key (RFC 8032), told once at enrolment.
    TrustKey,
    KEY_LEN
);
bytes_as_text!(
    /// An Ed25519 signature.
    Signature,
    64
);
bytes_as_text!(
    /// `enc` of RFC 9180, section 5.1.
    Encapsulated,
    KEY_LEN
);
bytes_as_text!(
    /// A content key, sealed to one recipient.
    Wrapped,
    WRAPPED_LEN
);

impl PublicKey {
    /// Its name.
    pub fn id(&self) -> KeyId {
        let hash: [u8; 32] = Sha256::digest(self.0).into();
        let mut id = [0; 8];
        id.copy_from_slice(&hash[..8]);
        KeyId(id)
    }
}

/// What opens; does not print itself.
#[derive(Clone)]
pub struct PrivateKey {
    key: <Kem as hpke::Kem>::PrivateKey,
    public: PublicKey,
}

impl PrivateKey {
    /// A new one from the operating system's randomness (`DeriveKeyPair` of RFC 9180, section
    /// 7.1.3).
    pub fn new(random: &[u8; KEY_LEN]) -> Self {
        Self::of(Kem::derive_keypair(random).0)
    }

    /// One that was kept.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SealError> {
        <Kem as hpke::Kem>::PrivateKey::from_bytes(bytes)
            .map(Self::of)
            .map_err(|_| SealError::Key)
    }

    /// To be kept.
    pub fn to_bytes(&self) -> [u8; KEY_LEN] {
        self.key.to_bytes().into()
    }

    /// What is sealed to, to be opened with this.
    pub fn public(&self) -> PublicKey {
        self.public
    }

    fn of(key: <Kem as hpke::Kem>::PrivateKey) -> Self {
        let public = PublicKey(Kem::sk_to_pk(&key).to_bytes().into());
        Self { key, public }
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey(of {})", self.public.id())
    }
}

/// A key that gateways of a store may seal to from now on, signed by who they trust.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    /// The key.
    pub key: PublicKey,
    /// The store whose machine has it; none: the central server, of any store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store: Option<StoreId>,
    /// Since when, in Unix milliseconds. A gateway takes no older one than it had: a broker that
    /// repeats a key of last year is not followed.
    pub since_ms: u64,
    /// Of [`Statement::signed`].
    pub signature: Signature,
}

impl Statement {
    /// The bytes that are signed.
    pub fn signed(key: &PublicKey, store: Option<&StoreId>, since_ms: u64) -> Vec<u8> {
        let store = store.map_or("", StoreId::as_str);
        format!("welkom seal key v1 {key} {store:?} {since_ms}").into_bytes()
    }
}

/// One recipient's copy of a content key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Copy {
    /// For whom.
    to: KeyId,
    /// `enc` of RFC 9180, section 5.1.
    enc: Encapsulated,
    /// The content key, sealed.
    key: Wrapped,
}

/// A content key, sealed to each of its recipients. Goes with every batch, so that a batch can be
/// opened whatever else was lost; at most 0.6 KiB.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Envelope(Vec<Copy>);

/// A batch's sightings, sealed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sealed {
    /// What opens it.
    pub envelope: Envelope,
    /// The sealed JSON array of sightings.
    pub body: Body,
}

/// Bytes as base64 text in JSON.
#[derive(Clone, PartialEq, Eq)]
pub struct Body(pub Vec<u8>);

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Body({} bytes)", self.0.len())
    }
}

impl Serialize for Body {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Body {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(from)?;
        let bytes = STANDARD.decode(text.as_bytes());
        bytes.map(Self).map_err(|_| D::Error::custom("not base64"))
    }
}

/// Whose batches are sealed.
#[derive(Debug, Clone, Copy)]
pub struct Whose<'a> {
    /// The store of the gateway.
    pub store: &'a StoreId,
    /// The gateway.
    pub gateway: &'a GatewayId,
    /// The run of its process.
    pub boot: BootId,
}

impl Whose<'_> {
    /// What a copy of the content key is bound to.
    fn aad(&self) -> Vec<u8> {
        let Self {
            store,
            gateway,
            boot,
        } = self;
        format!("{store}/{gateway}/{boot}").into_bytes()
    }
}

/// Seals the batches of one boot.
pub struct Sealer {
    cipher: ChaCha20Poly1305,
    envelope: Envelope,
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let to = self.envelope.0.iter().map(|copy| copy.to);
        f.debug_list().entries(to).finish()
    }
}

impl Sealer {
    /// One key agreement for each recipient. `seed` is randomness that nothing else is made from.
    pub fn new(to: &[PublicKey], whose: Whose<'_>, seed: [u8; 32]) -> Result<Self, SealError> {
        if to.is_empty() || to.len() > RECIPIENTS_MAX {
            return Err(SealError::Recipients(to.len()));
        }
        let mut rng = ChaCha20Rng::from_seed(seed);
        let mut key = [0; KEY_LEN];
        rng.fill_bytes(&mut key);
        let aad = whose.aad();
        let copies = to.iter().map(|to| {
            let public = <Kem as hpke::Kem>::PublicKey::from_bytes(&to.0)
                .map_err(|_| SealError::Recipient)?;
            let (enc, mut context) = hpke::setup_sender_with_rng::<Aead, Kdf, Kem>(
                &OpModeS::Base,
                &public,
                INFO,
                &mut rng,
            )
            .map_err(|_| SealError::Recipient)?;
            let wrapped = context.seal(&key, &aad).map_err(|_| SealError::Recipient)?;
            Ok(Copy {
                to: to.id(),
                enc: Encapsulated(enc.to_bytes().into()),
                key: Wrapped(wrapped.try_into().map_err(|_| SealError::Recipient)?),
            })
        });
        Ok(Self {
            envelope: Envelope(copies.collect::<Result<_, _>>()?),
            cipher: ChaCha20Poly1305::new(&key.into()),
        })
    }

    /// What goes with every body.
    pub fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    /// Seals in place and appends the tag. `seq` must be given once within the boot.
    pub fn seal(&self, seq: u64, body: &mut Vec<u8>) -> Result<(), SealError> {
        self.cipher
            .encrypt_in_place(&nonce(seq).into(), b"", body)
            .map_err(|_| SealError::TooLong)
    }
}

/// A content key that was opened: one key agreement, then any number of batches.
pub struct Opened(ChaCha20Poly1305);

impl Opened {
    /// Opens an envelope with whichever of `keys` it is for.
    pub fn new<'a>(
        envelope: &Envelope,
        whose: Whose<'_>,
        key_of: impl Fn(KeyId) -> Option<&'a PrivateKey>,
    ) -> Result<Self, SealError> {
        let ours = |copy: &'_ Copy| key_of(copy.to).map(|key| (copy.clone(), key));
        let (copy, key) = envelope
            .0
            .iter()
            .find_map(ours)
            .ok_or(SealError::NotForUs)?;
        let changed = |_| SealError::Changed;
        let enc = <Kem as hpke::Kem>::EncappedKey::from_bytes(&copy.enc.0).map_err(changed)?;
        let mut context =
            hpke::setup_receiver::<Aead, Kdf, Kem>(&OpModeR::Base, &key.key, &enc, INFO)
                .map_err(changed)?;
        let content_key = context.open(&copy.key.0, &whose.aad()).map_err(changed)?;
        let cipher = ChaCha20Poly1305::new_from_slice(&content_key);
        cipher.map(Self).map_err(|_| SealError::Changed)
    }

    /// The bytes that were sealed under this number.
    pub fn open(&self, seq: u64, body: &Body) -> Result<Vec<u8>, SealError> {
        let mut bytes = body.0.clone();
        self.0
            .decrypt_in_place(&nonce(seq).into(), b"", &mut bytes)
            .map_err(|_| SealError::Changed)?;
        Ok(bytes)
    }
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Opened")
    }
}

/// 96 bits (RFC 8439, section 2.3): the number, after four bytes of zero.
fn nonce(seq: u64) -> [u8; 12] {
    let mut nonce = [0; 12];
    nonce[4..].copy_from_slice(&seq.to_be_bytes());
    nonce
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &[u8] = br#"[{"anchor":"door"}]"#;

    fn key(n: u8) -> PrivateKey {
        PrivateKey::new(&[n; 32])
    }

    fn whose<'a>(store: &'a StoreId, gateway: &'a GatewayId) -> Whose<'a> {
        Whose {
            store,
            gateway,
            boot: BootId(uuid::Uuid::from_u128(5)),
        }
    }

    fn ids() -> (StoreId, GatewayId) {
        ("kade-9".parse().unwrap(), "door".parse().unwrap())
    }

    fn sealed(to: &[PrivateKey]) -> Sealed {
        let (store, gateway) = ids();
        let to: Vec<PublicKey> = to.iter().map(PrivateKey::public).collect();
        let sealer = Sealer::new(&to, whose(&store, &gateway), [7; 32]).unwrap();
        let mut body = BODY.to_vec();
        sealer.seal(9, &mut body).unwrap();
        Sealed {
            envelope: sealer.envelope().clone(),
            body: Body(body),
        }
    }

    fn opened(sealed: &Sealed, keys: &[PrivateKey], seq: u64) -> Result<Vec<u8>, SealError> {
        let (store, gateway) = ids();
        let key_of = |id| keys.iter().find(|key| key.public().id() == id);
        Opened::new(&sealed.envelope, whose(&store, &gateway), key_of)?.open(seq, &sealed.body)
    }

    #[test]
    fn each_recipient_opens_it_and_nobody_else() {
        let sealed = sealed(&[key(1), key(2)]);
        assert_eq!(opened(&sealed, &[key(1)], 9).unwrap(), BODY);
        assert_eq!(opened(&sealed, &[key(3), key(2)], 9).unwrap(), BODY);
        assert_eq!(opened(&sealed, &[key(3)], 9), Err(SealError::NotForUs));
        assert_eq!(opened(&sealed, &[], 9), Err(SealError::NotForUs));
    }

    #[test]
    fn opens_for_its_own_number_gateway_and_boot_alone() {
        let sealed = sealed(&[key(1)]);
        assert_eq!(opened(&sealed, &[key(1)], 8), Err(SealError::Changed));
        let (store, gateway) = ids();
        let other: GatewayId = "back".parse().unwrap();
        let (one, two) = (key(1), BootId(uuid::Uuid::from_u128(6)));
        for whose in [
            whose(&store, &other),
            Whose {
                boot: two,
                ..whose(&store, &gateway)
            },
        ] {
            let opened = Opened::new(&sealed.envelope, whose, |_| Some(&one));
            assert_eq!(opened.unwrap_err(), SealError::Changed);
        }
    }

    #[test]
    fn every_changed_bit_is_seen() {
        let whole = sealed(&[key(1)]);
        for bit in 0..whole.body.0.len() * 8 {
            let mut changed = whole.clone();
            changed.body.0[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(opened(&changed, &[key(1)], 9), Err(SealError::Changed));
        }
        for bit in 0..KEY_LEN * 8 {
            let mut changed = whole.clone();
            changed.envelope.0[0].enc.0[bit / 8] ^= 1 << (bit % 8);
            // The highest bit of an X25519 point counts for nothing in the point (RFC 7748,
            // section 5), but HPKE takes the bytes into its key schedule.
            assert_eq!(opened(&changed, &[key(1)], 9), Err(SealError::Changed));
        }
        for bit in 0..WRAPPED_LEN * 8 {
            let mut changed = whole.clone();
            changed.envelope.0[0].key.0[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(opened(&changed, &[key(1)], 9), Err(SealError::Changed));
        }
    }

    #[test]
    fn json_goes_there_and_back_and_holds_nothing_in_clear() {
        let sealed = sealed(&[key(1), key(2), key(3), key(4)]);
        let json = serde_json::to_string(&sealed).unwrap();
        assert_eq!(serde_json::from_str::<Sealed>(&json).unwrap(), sealed);
        assert!(!json.contains("door"));
        let envelope = serde_json::to_string(&sealed.envelope).unwrap();
        assert!(envelope.len() < 640, "{} bytes", envelope.len());
    }

    #[test]
    fn a_private_key_goes_there_and_back_and_does_not_print_itself() {
        let one = key(1);
        let again = PrivateKey::from_bytes(&one.to_bytes()).unwrap();
        assert_eq!(again.public(), one.public());
        let printed = format!("{one:?}");
        assert!(printed.len() < 40, "{printed}");
        assert_eq!(
            PrivateKey::from_bytes(&[1; 31]).unwrap_err(),
            SealError::Key
        );
        let text = one.public().to_string();
        assert_eq!(text.parse(), Ok(one.public()));
        assert_eq!(text[1..].parse::<PublicKey>(), Err(SealError::Key));
    }

    #[test]
    fn nobody_and_a_crowd_are_no_recipients() {
        let (store, gateway) = ids();
        let sealer = |to: &[PublicKey]| Sealer::new(to, whose(&store, &gateway), [7; 32]);
        assert_eq!(sealer(&[]).unwrap_err(), SealError::Recipients(0));
        let one = key(1).public();
        assert_eq!(sealer(&[one; 5]).unwrap_err(), SealError::Recipients(5));
        // A point of small order: the shared secret would be zero (RFC 9180, section 7.1.4).
        let zero = PublicKey([0; 32]);
        assert_eq!(sealer(&[zero]).unwrap_err(), SealError::Recipient);
    }

    #[test]
    fn what_is_signed_names_key_store_and_time() {
        let key = PublicKey([0; 32]);
        let store: StoreId = "kade-9".parse().unwrap();
        let text = |store, since| String::from_utf8(Statement::signed(&key, store, since)).unwrap();
        let zeros = "A".repeat(43);
        assert_eq!(
            text(Some(&store), 5),
            format!("welkom seal key v1 {zeros} \"kade-9\" 5")
        );
        assert_eq!(text(None, 5), format!("welkom seal key v1 {zeros} \"\" 5"));
    }
}
