//! Android: Firebase Cloud Messaging, HTTP v1.
//!
//! In: a message and a registration token. Out: one request to Google, and what it said.
//! Formats: "projects.messages" of the FCM HTTP v1 reference; OAuth 2.0 for service accounts (RFC
//! 7523 with RS256). The message is data alone: the app shows it, so that it can drop what
//! has run out and what came over the stream already.
//! Invariant: the access token is kept in memory, and asked for by one sender at a time.

use std::path::Path;

use reqwest::Client;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use super::{
    answers::{self, Verdict},
    jwt::{KeyError, Rsa, read},
    outgoing::{Answer, ask},
};
use crate::{config, store::push::Address, web::messages::Told};

/// What the access token is for.
const SCOPE: &str = "https://www.googleapis.com/auth/firebase.messaging";
/// The longest that Google lets an assertion live.
const ASSERTION_S: u64 = 3_600;
/// An access token is not used in its last minutes.
const TOKEN_SPARE_MS: u64 = 300_000;
/// FCM keeps nothing longer (28 days).
const TTL_S_MAX: u64 = 28 * 86_400;

/// The parts of a service account's file that are used.
#[derive(Deserialize)]
struct ServiceAccount {
    project_id: String,
    client_email: String,
    private_key_id: String,
    private_key: String,
    token_uri: String,
}

/// FCM with the credentials of a project.
pub struct Fcm {
    client: Client,
    messages_url: String,
    account: ServiceAccount,
    key: Rsa,
    /// The access token, and until when it is used.
    token: Mutex<Option<(String, u64)>>,
}

impl Fcm {
    /// With the service account that the settings name.
    pub fn new(settings: &config::Fcm, client: Client) -> Result<Self, KeyError> {
        let path: &Path = &settings.service_account_file;
        let wrong = |_| KeyError::Wrong {
            path: path.into(),
            wanted: "service account as JSON, with a private key",
        };
        let account: ServiceAccount = serde_json::from_slice(&read(path)?).map_err(wrong)?;
        let base = settings.base_url.trim_end_matches('/');
        Ok(Self {
            client,
            messages_url: format!("{base}/v1/projects/{}/messages:send", account.project_id),
            key: Rsa::from_pem(path, account.private_key.as_bytes())?,
            account,
            token: Mutex::default(),
        })
    }

    /// Sends a message to a registration token.
    pub async fn send(&self, now_ms: u64, to: &Address, told: &Told) -> Answer {
        let token = match self.access_token(now_ms).await {
            Ok(token) => token,
            Err(answer) => return answer,
        };
        let ttl_s = (told.expires_ms.saturating_sub(now_ms) / 1_000).min(TTL_S_MAX);
        let message = json!({ "message": {
            "token": to.address,
            "data": {
                "delivery": told.delivery, "class": told.class, "title": told.title,
                "body": told.body, "expires_ms": told.expires_ms.to_string(),
            },
            "android": {
                "ttl": format!("{ttl_s}s"),
                "collapse_key": told.delivery,
                "priority": if told.is_marketing() { "NORMAL" } else { "HIGH" },
            },
        }});
        let request = self.client.post(&self.messages_url).bearer_auth(token);
        match ask(now_ms, request.json(&message)).await {
            Ok(reply) => {
                let code = error_code(&reply.body);
                if reply.status == 401 {
                    // Another token may be taken; a message that can wait tries with one.
                    *self.token.lock().await = None;
                }
                let verdict = answers::fcm(reply.status, &code);
                reply.means(verdict, code)
            }
            Err(error) => Answer::none(error),
        }
    }

    /// The token that is kept, or another. Without one nothing of the message has left.
    async fn access_token(&self, now_ms: u64) -> Result<String, Answer> {
        let mut kept = self.token.lock().await;
        if let Some((token, until_ms)) = &*kept
            && now_ms < *until_ms
        {
            return Ok(token.clone());
        }
        let assertion = self
            .assertion(now_ms)
            .map_err(|error| Answer::not_sent(Verdict::Later, error.to_string()))?;
        // base64url and full stops need no escapes in a form.
        let form = format!(
            "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion={assertion}"
        );
        let request = self
            .client
            .post(&self.account.token_uri)
            .header("Content-Type", "application/x-www-form-urlencoded")
            .body(form);
        let not_sent = |answer: Answer| Answer {
            left: false,
            ..answer
        };
        let reply = ask(now_ms, request)
            .await
            .map_err(|error| not_sent(Answer::none(error)))?;
        #[derive(Deserialize)]
        struct Granted {
            access_token: String,
            expires_in: u64,
        }
        match serde_json::from_slice::<Granted>(&reply.body) {
            Ok(granted) if reply.status == 200 => {
                let until_ms = now_ms + (granted.expires_in * 1_000).saturating_sub(TOKEN_SPARE_MS);
                *kept = Some((granted.access_token.clone(), until_ms));
                Ok(granted.access_token)
            }
            _ => {
                let verdict = match reply.status {
                    429 | 500..=599 => Verdict::Later,
                    _ => Verdict::Alarm,
                };
                let said = format!("no access token: HTTP {}", reply.status);
                Err(not_sent(reply.means(verdict, said)))
            }
        }
    }

    /// Asks for a token in the service account's name (RFC 7523, section 2.1).
    fn assertion(&self, now_ms: u64) -> Result<String, KeyError> {
        let header = json!({ "alg": "RS256", "typ": "JWT", "kid": self.account.private_key_id });
        let claims = json!({
            "iss": self.account.client_email, "scope": SCOPE, "aud": self.account.token_uri,
            "iat": now_ms / 1_000, "exp": now_ms / 1_000 + ASSERTION_S,
        });
        self.key.sign(&header, &claims)
    }
}

/// `errorCode` of an `FcmError`, else the error's `status`; empty for what is no error.
fn error_code(body: &[u8]) -> String {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let error = &body["error"];
    let details = error["details"].as_array().into_iter().flatten();
    let code = details
        .filter_map(|detail| detail["errorCode"].as_str())
        .next();
    let code = code.or(error["status"].as_str());
    code.unwrap_or_default().to_owned()
}
