//! The loyalty programme as the phone sees it.
//!
//! In: her wish to join or to leave. Out: how far she is, and codes for the till.
//! Invariant: she joins by the words that she read.

use reqwest::{Method, header::HeaderMap};
use serde::Deserialize;
use serde_json::json;

use super::{Phone, PhoneError, while_};
use crate::http::Nothing;

/// What she has and can earn.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Loyalty {
    /// Since when she is in; none: she is not.
    pub joined_ms: Option<u64>,
    /// Her tier.
    pub tier: Option<String>,
    /// What is given for what.
    pub rules: Vec<Rule>,
    /// What she can have at the till.
    pub rewards: Vec<Reward>,
}

/// A rule, and how far she is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Rule {
    /// Which.
    pub rule: String,
    /// A reward every so many.
    pub every: u32,
    /// So many she has.
    pub moments: u32,
}

/// What she can have at the till.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Reward {
    /// What the till asks for.
    pub code: String,
    /// No longer good from then on.
    pub expires_ms: u64,
}

impl Phone {
    /// How far she is.
    pub async fn loyalty(&self) -> Result<Loyalty, PhoneError> {
        let loyalty = self.api.get("/v1/app/loyalty").await;
        while_("read the stamp card", loyalty)
    }

    /// Joins the programme.
    pub async fn join(&self, text_version: &str, language: &str) -> Result<(), PhoneError> {
        let body = json!({ "text_version": text_version, "language": language });
        let joined = self.api.put::<Nothing>("/v1/app/loyalty", &body).await;
        while_("join the programme", joined).map(|_| ())
    }

    /// Leaves it.
    pub async fn leave(&self) -> Result<(), PhoneError> {
        let (path, none) = ("/v1/app/loyalty", HeaderMap::new());
        let left = self
            .api
            .send_raw::<Nothing>(Method::DELETE, path, Vec::new(), none);
        while_("leave the programme", left.await).map(|_| ())
    }
}
