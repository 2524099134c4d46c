//! "Onderweg": her phone says that she is coming.
//!
//! In: bodies that the device signed. Out: an input for the engine, which shows her card to staff.
//! Invariant: without consent for arrival nothing of it is written; where she is on her way is
//! neither asked nor kept.

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
};
use engine::{Input, input::Coming};
use protocol::{CustomerId, StoreId};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{
    sightings::no_consent,
    signed::{first_use, signed},
};
use crate::{
    api::{
        App,
        access::Phone,
        problem::{Problem, Raw},
    },
    home::Says,
    pipeline::Txn,
    store::{StoreError, homes, shop},
};

/// That she is coming.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ComingBody {
    /// To which store.
    #[schema(value_type = String)]
    store: StoreId,
    /// When she expects to be there; without it: her phone is near the store.
    eta_ms: Option<u64>,
}

/// She is on her way, or near the store.
#[utoipa::path(post, path = "/v1/app/coming", tag = "app", request_body = ComingBody,
    responses((status = 202), (status = "default", body = Problem)))]
pub(in crate::api) async fn coming(
    phone: Phone,
    State(app): State<App>,
    headers: HeaderMap,
    Raw(body): Raw,
) -> Result<StatusCode, Problem> {
    let (body, signature): (ComingBody, _) = signed(&phone, &headers, &body)?;
    let how = match body.eta_ms {
        Some(eta_ms) => Coming::OnWay { eta_ms },
        None => Coming::Near,
    };
    let may = app
        .pipeline
        .write(move |txn| {
            first_use(txn, &signature)?;
            say_coming(txn, phone.customer, &body.store, how)
        })
        .await?;
    if may {
        Ok(StatusCode::ACCEPTED)
    } else {
        Err(no_consent())
    }
}

/// Tells the store; false without consent.
pub(crate) fn say_coming(
    txn: &mut Txn<'_>,
    customer: CustomerId,
    store: &StoreId,
    how: Coming,
) -> Result<bool, StoreError> {
    shop::store(txn.db, store)?;
    let (consent, _) = txn.consent_of(customer, store)?;
    if consent.arrival {
        let input = Input::Coming {
            customer,
            consent,
            how,
        };
        txn.feed(store, input)?;
        if homes::has_desk(txn.db, store)? {
            homes::say(txn.db, txn.now_ms, store, customer, &Says::Coming(how))?;
        }
    }
    Ok(consent.arrival)
}
