//! The reference client of the phone contract (`docs/app.md`).
//!
//! In: an enrolment code, what the phone hears, what its bearer does.
//! Out: what to advertise, signed reports, messages with their time of receipt.
//! Promises: uses the public HTTP contract and nothing else; a report that gets no answer is sent
//! again as it was, same bytes and same signature.
//! Invariant: token, signing key and identity key are never printed.

use std::borrow::Cow;

use protocol::{DeliveryId, DeviceId, EidKey, StoreId, Transmitter};
use reqwest::{
    Method,
    header::{HeaderMap, HeaderValue},
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use crate::http::{Api, ApiError, Nothing};

pub mod ears;
pub mod identity;
pub mod inbox;
pub mod loyalty;
pub mod signing;

use ears::AppSighting;
use identity::Identity;
use signing::SigningKey;

/// The four switches. All off is the beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consent {
    /// Staff may know that she is here for her order.
    pub arrival: bool,
    /// Messages in the shop.
    pub messages: bool,
    /// Her wishlist, cart and browsing may choose them.
    pub browsing: bool,
    /// Her visits count in figures.
    pub statistics: bool,
}

impl Consent {
    /// Everything on.
    pub const ALL: Self = Self {
        arrival: true,
        messages: true,
        browsing: true,
        statistics: true,
    };
    /// Everything off.
    pub const NONE: Self = Self {
        arrival: false,
        messages: false,
        browsing: false,
        statistics: false,
    };
}

/// What kind of device enrols.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Platform {
    /// Android.
    Android,
    /// iOS.
    Ios,
    /// A loyalty fob.
    Fob,
}

/// Why the phone could not do it.
#[derive(Debug, thiserror::Error)]
pub enum PhoneError {
    /// The call failed.
    #[error("{doing}")]
    Call {
        /// What was attempted.
        doing: &'static str,
        /// Why.
        #[source]
        source: ApiError,
    },
    /// The server sent a key that is no key.
    #[error("read the {which} that the server sent: {digits} hexadecimal digits are expected")]
    Key {
        /// Which key.
        which: &'static str,
        /// How long it should be.
        digits: usize,
    },
}

impl PhoneError {
    /// Whether the same call may succeed later.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Call { source, .. } if source.is_passing())
    }
}

fn while_<T>(doing: &'static str, result: Result<T, ApiError>) -> Result<T, PhoneError> {
    result.map_err(|source| PhoneError::Call { doing, source })
}

/// An enrolled phone. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Phone {
    api: Api,
    device: DeviceId,
    signing_key: SigningKey,
    /// Server's time minus this phone's.
    server_ahead_ms: i64,
}

#[derive(Deserialize)]
struct Enrolment {
    device: DeviceId,
    token: String,
    signing_key_hex: String,
    eid_key_hex: String,
    clock_offset_s: u32,
    rotation_exponent: u8,
    server_ms: u64,
    beacon_uuid: Uuid,
}

#[derive(Deserialize)]
struct NewKey {
    eid_key_hex: String,
    clock_offset_s: u32,
}

#[derive(Deserialize)]
struct ServerTime {
    server_ms: u64,
}

/// What an enrolment gives.
#[derive(Debug)]
pub struct Enrolled {
    /// The client.
    pub phone: Phone,
    /// What to advertise with.
    pub identity: Identity,
    /// The UUID of the chain's shelf beacons: what iOS must be told to range.
    pub beacon_uuid: Uuid,
}

/// What the server did with a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Reported {
    /// Sightings that it took.
    pub accepted: u32,
    /// Sightings that it did not use: unknown beacons, or no consent.
    pub ignored: u32,
}

/// With what somebody else collects an order.
#[derive(Debug, Clone, Deserialize)]
pub struct Shared {
    /// What he says at the desk.
    pub code: String,
    /// Where his page is.
    pub path: String,
}

/// A report ready to go; sending it again is harmless.
#[derive(Debug, Clone)]
pub struct SignedReport {
    method: Method,
    path: Cow<'static, str>,
    body: Vec<u8>,
    timestamp_s: u64,
}

impl Phone {
    /// Enrols with the code that the shop gave. `now_ms` reads this phone's own clock; it is
    /// called before and after, since half the round trip is the best guess of the server's time.
    pub async fn enrol(
        api: &Api,
        code: &str,
        platform: Platform,
        now_ms: impl Fn() -> u64,
    ) -> Result<Enrolled, PhoneError> {
        let sent_ms = now_ms();
        let body = json!({"code": code, "platform": platform});
        let answer: Enrolment = while_("enrol", api.post("/v1/app/enrol", &body).await)?;
        let identity = Identity {
            key: identity_key(&answer.eid_key_hex)?,
            clock_offset_s: answer.clock_offset_s,
            rotation_exponent: answer.rotation_exponent,
        };
        let phone = Self {
            api: api.with_bearer(answer.token),
            device: answer.device,
            signing_key: signing_key(&answer.signing_key_hex)?,
            server_ahead_ms: ahead_ms(answer.server_ms, sent_ms, now_ms()),
        };
        Ok(Enrolled {
            phone,
            identity,
            beacon_uuid: answer.beacon_uuid,
        })
    }

    /// Which device this is.
    pub fn device(&self) -> DeviceId {
        self.device
    }

    /// A moment of this phone's clock in the server's time.
    pub fn server_ms(&self, phone_ms: u64) -> u64 {
        phone_ms.saturating_add_signed(self.server_ahead_ms)
    }

    /// Looks at the server's clock again. A phone does so once an hour and after a refusal that
    /// blames the timestamp.
    pub async fn sync_clock(&mut self, now_ms: impl Fn() -> u64) -> Result<(), PhoneError> {
        let sent_ms = now_ms();
        let answer: ServerTime = while_("ask for the time", self.api.get("/v1/app/time").await)?;
        self.server_ahead_ms = ahead_ms(answer.server_ms, sent_ms, now_ms());
        Ok(())
    }

    /// Gets a new identity key. The phone advertises with it at once; the server knows the old
    /// one until its last quantum is over.
    pub async fn rotate_key(&self, rotation_exponent: u8) -> Result<Identity, PhoneError> {
        let answer: NewKey = while_(
            "ask for a new key",
            self.api.post("/v1/app/key", &json!({})).await,
        )?;
        Ok(Identity {
            key: identity_key(&answer.eid_key_hex)?,
            clock_offset_s: answer.clock_offset_s,
            rotation_exponent,
        })
    }

    /// The switches as the server has them.
    pub async fn consent(&self) -> Result<Consent, PhoneError> {
        while_("read the consent", self.api.get("/v1/app/consent").await)
    }

    /// Sets all four switches; gives them as they then stand.
    pub async fn set_consent(
        &self,
        consent: Consent,
        text_version: &str,
        language: &str,
    ) -> Result<Consent, PhoneError> {
        let Consent {
            arrival,
            messages,
            browsing,
            statistics,
        } = consent;
        let body = json!({
            "arrival": arrival, "messages": messages, "browsing": browsing,
            "statistics": statistics, "text_version": text_version, "language": language,
        });
        while_(
            "set the consent",
            self.api.put("/v1/app/consent", &body).await,
        )
    }

    /// Prepares a report of heard shelf beacons, signed as of `phone_ms`.
    pub fn report(&self, phone_ms: u64, store: &StoreId, heard: &[AppSighting]) -> SignedReport {
        let body = json!({"store": store, "sightings": heard});
        self.signed("/v1/app/sightings", &body, phone_ms)
    }

    /// Prepares "Ik ben er".
    pub fn here(&self, phone_ms: u64, store: &StoreId) -> SignedReport {
        self.signed("/v1/app/here", &json!({"store": store}), phone_ms)
    }

    /// Prepares "please help me here", or that nobody has to come any more.
    pub fn help(&self, phone_ms: u64, store: &StoreId, wanted: bool) -> SignedReport {
        let body = json!({"store": store, "wanted": wanted});
        self.signed("/v1/app/help", &body, phone_ms)
    }

    /// Prepares a link with which somebody else collects an order.
    pub fn share(&self, phone_ms: u64, order: &str) -> SignedReport {
        self.signed(
            format!("/v1/app/orders/{order}/share"),
            &json!({}),
            phone_ms,
        )
    }

    /// Prepares that nobody else does.
    pub fn unshare(&self, phone_ms: u64, order: &str) -> SignedReport {
        SignedReport {
            method: Method::DELETE,
            ..self.share(phone_ms, order)
        }
    }

    /// Makes the link and its code.
    pub async fn send_share(&self, report: &SignedReport) -> Result<Shared, PhoneError> {
        while_("share an order", self.send(report).await)
    }

    /// Takes them back.
    pub async fn send_unshare(&self, report: &SignedReport) -> Result<(), PhoneError> {
        let sent = self.send::<Nothing>(report).await;
        while_("share an order no more", sent).map(|_| ())
    }

    /// Sends a report of sightings.
    pub async fn send_report(&self, report: &SignedReport) -> Result<Reported, PhoneError> {
        while_("report shelf beacons", self.send(report).await)
    }

    /// Sends "Ik ben er".
    pub async fn send_here(&self, report: &SignedReport) -> Result<(), PhoneError> {
        while_("say \"Ik ben er\"", self.send::<Nothing>(report).await).map(|_| ())
    }

    /// Asks for help, or takes it back.
    pub async fn send_help(&self, report: &SignedReport) -> Result<(), PhoneError> {
        while_("ask for help", self.send::<Nothing>(report).await).map(|_| ())
    }

    /// Prepares where this phone can be woken: the body of `PUT /v1/app/push`.
    pub fn push(&self, phone_ms: u64, body: &serde_json::Value) -> SignedReport {
        SignedReport {
            method: Method::PUT,
            ..self.signed("/v1/app/push", body, phone_ms)
        }
    }

    /// Prepares that it is woken no more.
    pub fn no_push(&self, phone_ms: u64) -> SignedReport {
        SignedReport {
            method: Method::DELETE,
            ..self.signed("/v1/app/push", &json!({}), phone_ms)
        }
    }

    /// Prepares which channel comes first.
    pub fn channels(&self, phone_ms: u64, order: &[&str]) -> SignedReport {
        SignedReport {
            method: Method::PUT,
            ..self.signed("/v1/app/channels", &json!({ "order": order }), phone_ms)
        }
    }

    /// Sends what was prepared about waking.
    pub async fn send_setting(&self, report: &SignedReport) -> Result<(), PhoneError> {
        while_("set how it is woken", self.send::<Nothing>(report).await).map(|_| ())
    }

    /// Tells that she opened a message.
    pub async fn opened(&self, delivery: DeliveryId) -> Result<(), PhoneError> {
        let path = format!("/v1/app/deliveries/{delivery}/opened");
        let answer = self.api.post::<Nothing>(&path, &json!({})).await;
        while_("say that a message was opened", answer).map(|_| ())
    }

    /// Tells that a message was on the screen.
    pub async fn displayed(&self, delivery: DeliveryId) -> Result<(), PhoneError> {
        let path = format!("/v1/app/deliveries/{delivery}/displayed");
        let answer = self.api.post::<Nothing>(&path, &json!({})).await;
        while_("say that a message was displayed", answer).map(|_| ())
    }

    fn signed(
        &self,
        path: impl Into<Cow<'static, str>>,
        body: &serde_json::Value,
        phone_ms: u64,
    ) -> SignedReport {
        SignedReport {
            method: Method::POST,
            path: path.into(),
            body: protocol::message::to_json(body),
            timestamp_s: self.server_ms(phone_ms) / 1_000,
        }
    }

    async fn send<T: serde::de::DeserializeOwned>(
        &self,
        report: &SignedReport,
    ) -> Result<T, ApiError> {
        let signature = self.signing_key.sign(report.timestamp_s, &report.body);
        let mut headers = HeaderMap::new();
        headers.insert("Welkom-Timestamp", HeaderValue::from(report.timestamp_s));
        if let Ok(signature) = HeaderValue::from_str(&signature) {
            headers.insert("Welkom-Signature", signature);
        }
        let (method, body) = (report.method.clone(), report.body.clone());
        self.api.send_raw(method, &report.path, body, headers).await
    }
}

/// Where this phone's messages come from.
pub(crate) const EVENTS_PATH: &str = "/v1/app/events";

impl Phone {
    pub(crate) fn api(&self) -> &Api {
        &self.api
    }
}

fn ahead_ms(server_ms: u64, sent_ms: u64, received_ms: u64) -> i64 {
    let middle_ms = sent_ms + received_ms.saturating_sub(sent_ms) / 2;
    server_ms
        .cast_signed()
        .wrapping_sub(middle_ms.cast_signed())
}

fn identity_key(digits: &str) -> Result<EidKey, PhoneError> {
    let mut key = [0; 16];
    hex::decode_to_slice(digits, &mut key).map_err(|_| PhoneError::Key {
        which: "identity key",
        digits: 32,
    })?;
    Ok(EidKey(key))
}

fn signing_key(digits: &str) -> Result<SigningKey, PhoneError> {
    let mut key = [0; 32];
    hex::decode_to_slice(digits, &mut key).map_err(|_| PhoneError::Key {
        which: "signing key",
        digits: 64,
    })?;
    Ok(SigningKey(key))
}

/// Whether a transmitter is one of the chain's shelf beacons: the only thing a phone reports.
pub fn is_shelf_beacon(transmitter: &Transmitter, chain: Uuid) -> bool {
    matches!(transmitter, Transmitter::IBeacon { uuid, .. } if *uuid == chain)
}
