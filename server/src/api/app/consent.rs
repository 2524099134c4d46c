//! The four switches, read and set by the phone and by the shopper's page.
//!
//! Invariant: a no is in the ledger, in the engines and on the queued messages in one transaction.

use axum::{Json, extract::State};
use engine::input::Consent;
use garde::Validate;
use protocol::CustomerId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::share::unshare_all;
use crate::{
    api::{
        App,
        access::Phone,
        problem::{Body, Problem},
    },
    pipeline::Txn,
    store::{
        StoreError,
        people::{self, ConsentEntry, PURPOSES},
        push,
    },
};

/// The four switches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct ConsentView {
    arrival: bool,
    messages: bool,
    browsing: bool,
    statistics: bool,
}

impl From<Consent> for ConsentView {
    fn from(c: Consent) -> Self {
        let Consent {
            arrival,
            messages,
            browsing,
            statistics,
        } = c;
        Self {
            arrival,
            messages,
            browsing,
            statistics,
        }
    }
}

/// The switches as they stand.
#[utoipa::path(get, path = "/v1/app/consent", tag = "app",
    responses((status = 200, body = ConsentView), (status = "default", body = Problem)))]
pub(in crate::api) async fn get_consent(
    phone: Phone,
    State(app): State<App>,
) -> Result<Json<ConsentView>, Problem> {
    let since = app
        .readers
        .read(move |db| people::consent_since(db, phone.customer))
        .await?;
    Ok(Json(people::switches(&since).into()))
}

/// Switches to be set; those that are left out stay.
#[derive(Debug, Clone, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConsentBody {
    /// Staff may know that I am here for my order.
    #[garde(skip)]
    arrival: Option<bool>,
    /// Messages in the shop.
    #[garde(skip)]
    messages: Option<bool>,
    /// What I did online may choose them.
    #[garde(skip)]
    browsing: Option<bool>,
    /// My visits count in figures.
    #[garde(skip)]
    statistics: Option<bool>,
    /// The version of the words that she saw.
    #[garde(length(min = 1, max = 40))]
    text_version: String,
    /// Their language, `nl` or `en`.
    #[garde(length(equal = 2))]
    language: String,
}

/// Sets switches. A no works at once, on queued messages too.
#[utoipa::path(put, path = "/v1/app/consent", tag = "app", request_body = ConsentBody,
    responses((status = 200, body = ConsentView), (status = "default", body = Problem)))]
pub(in crate::api) async fn put_consent(
    phone: Phone,
    State(app): State<App>,
    Body(body): Body<ConsentBody>,
) -> Result<Json<ConsentView>, Problem> {
    let switches = [body.arrival, body.messages, body.browsing, body.statistics];
    let consent = app
        .pipeline
        .write(move |txn| {
            set_consent(
                txn,
                phone.customer,
                switches,
                &body.text_version,
                &body.language,
                "app",
            )
        })
        .await?;
    Ok(Json(consent.into()))
}

/// Writes what changed into the ledger and tells the engines.
pub(crate) fn set_consent(
    txn: &mut Txn<'_>,
    customer: CustomerId,
    switches: [Option<bool>; 4],
    text_version: &str,
    language: &str,
    source: &'static str,
) -> Result<Consent, StoreError> {
    let before = people::consent_since(txn.db, customer)?;
    let mut withdrawn = Vec::new();
    for (i, wanted) in switches.into_iter().enumerate() {
        let Some(granted) = wanted.filter(|granted| before[i].is_some() != *granted) else {
            continue;
        };
        let entry = ConsentEntry {
            purpose: PURPOSES[i],
            granted,
            text_version: text_version.to_owned(),
            language: language.to_owned(),
            source,
        };
        people::record_consent(txn.db, txn.now_ms, customer, &entry)?;
        withdrawn.extend((!granted).then_some(PURPOSES[i]));
    }
    txn.consent_changed(customer)?;
    let consent = people::switches(&people::consent_since(txn.db, customer)?);
    if !consent.arrival {
        unshare_all(txn, customer)?;
    }
    for purpose in &withdrawn {
        people::forget_purpose(txn.db, customer, purpose, consent)?;
    }
    if !consent.arrival && !consent.messages {
        push::unregister_all(txn.db, customer)?;
    }
    if !withdrawn.is_empty() {
        txn.purge_log()?;
    }
    txn.deliveries_due();
    Ok(consent)
}
