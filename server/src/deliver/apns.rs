//! iPhones: Apple Push Notification service, over HTTP/2.
//!
//! In: a message and a device token. Out: one request to Apple, and what it said.
//! Formats: "Sending notification requests to APNs" (headers), "Generating a remote notification"
//! (body), "Establishing a token-based connection to APNs" (the token).
//! Promises: a token of ours serves for all requests of 40 minutes: Apple refuses those that are
//! older than an hour, and those who make one more often than every 20 minutes.
//! Invariant: a request is made a second time only after Apple refused the token of the first.

use std::sync::{Mutex, PoisonError};

use reqwest::Client;
use serde_json::{Value, json};

use super::{
    answers::{self, Verdict},
    jwt::{KeyError, P256},
    outgoing::{Answer, ask, client},
};
use crate::{config, store::push::Address, web::messages::Told};

/// See the module's head.
const TOKEN_MS: u64 = 40 * 60_000;
/// Apple lets nobody make tokens more often.
const TOKEN_MS_MIN: u64 = 20 * 60_000;

/// APNs with a key of a team.
pub struct Apns {
    client: Client,
    base_url: String,
    key: P256,
    key_id: String,
    team_id: String,
    topic: String,
    /// The token, and when it was made.
    token: Mutex<Option<(String, u64)>>,
}

impl Apns {
    /// A client for Apple: it speaks HTTP/2 from the first byte.
    pub fn client() -> Result<Client, reqwest::Error> {
        client().http2_prior_knowledge().build()
    }

    /// With the key that the settings name.
    pub fn new(settings: &config::Apns, client: Client) -> Result<Self, KeyError> {
        Ok(Self {
            client,
            base_url: settings.base_url.trim_end_matches('/').to_owned(),
            key: P256::load(&settings.key_file)?,
            key_id: settings.key_id.clone(),
            team_id: settings.team_id.clone(),
            topic: settings.topic.clone(),
            token: Mutex::default(),
        })
    }

    /// Sends a message to a device token.
    pub async fn send(&self, now_ms: u64, to: &Address, told: &Told) -> Answer {
        let first = self.try_send(now_ms, to, told).await;
        // Refused for our token alone, so Apple did not take the message: once more, with another.
        if first.verdict == Verdict::NewToken && self.forget_token(now_ms) {
            return self.try_send(now_ms, to, told).await;
        }
        first
    }

    async fn try_send(&self, now_ms: u64, to: &Address, told: &Told) -> Answer {
        let token = match self.token(now_ms) {
            Ok(token) => token,
            Err(error) => return Answer::not_sent(Verdict::Later, error.to_string()),
        };
        let (priority, level) = if told.is_marketing() {
            ("5", "active")
        } else {
            ("10", "time-sensitive")
        };
        let body = json!({
            "aps": {
                "alert": { "title": told.title, "body": told.body },
                "interruption-level": level,
                "thread-id": told.class,
                // Lets the app's extension say that it was shown.
                "mutable-content": 1,
            },
            "delivery": told.delivery, "class": told.class, "expires_ms": told.expires_ms,
        });
        let request = self
            .client
            .post(format!("{}/3/device/{}", self.base_url, to.address))
            .header("authorization", format!("bearer {token}"))
            .header("apns-topic", &self.topic)
            .header("apns-push-type", "alert")
            .header("apns-priority", priority)
            .header("apns-expiration", told.expires_ms / 1_000)
            .header("apns-collapse-id", told.delivery.to_string())
            .json(&body);
        match ask(now_ms, request).await {
            Ok(reply) => {
                let body: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
                let reason = body["reason"].as_str().unwrap_or_default().to_owned();
                let verdict = answers::apns(reply.status, &reason);
                reply.means(verdict, reason)
            }
            Err(error) => Answer::none(error),
        }
    }

    /// The token that is kept, or another.
    fn token(&self, now_ms: u64) -> Result<String, KeyError> {
        let mut kept = self.token.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((token, made_ms)) = &*kept
            && now_ms.abs_diff(*made_ms) < TOKEN_MS
        {
            return Ok(token.clone());
        }
        let header = json!({ "alg": "ES256", "kid": self.key_id });
        let claims = json!({ "iss": self.team_id, "iat": now_ms / 1_000 });
        let token = self.key.sign(&header, &claims)?;
        *kept = Some((token.clone(), now_ms));
        Ok(token)
    }

    /// Apple calls it too old. False if it is so young that a clock is wrong, where another would
    /// not help and Apple would not have it.
    fn forget_token(&self, now_ms: u64) -> bool {
        let mut kept = self.token.lock().unwrap_or_else(PoisonError::into_inner);
        let old = |(_, made_ms): &(String, u64)| now_ms.abs_diff(*made_ms) >= TOKEN_MS_MIN;
        if kept.as_ref().is_none_or(old) {
            *kept = None;
            true
        } else {
            false
        }
    }
}
