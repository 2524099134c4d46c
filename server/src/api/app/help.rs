//! "Help me here": she asks for a colleague, or says that none has to come any more.
//!
//! In: a body that the device signed. Out: an order of kind `help`, which makes her card.
//! Promises: asked twice it is one call; it ends when she leaves.
//! Invariant: whom staff may not know of, or who is not in the store, calls nobody.

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
};
use engine::input::OrderState;
use protocol::{CustomerId, OrderId, StoreId};
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
        fresh,
        problem::{Problem, Raw},
    },
    pipeline::Txn,
    store::{StoreError, board, help, orders, shop},
};

/// That she wants help, or no more.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HelpBody {
    /// In which store.
    #[schema(value_type = String)]
    store: StoreId,
    /// `false`: nobody has to come any more. Without a word: `true`.
    #[serde(default = "wanted")]
    wanted: bool,
}

fn wanted() -> bool {
    true
}

/// She asks for a colleague, or takes it back.
#[utoipa::path(post, path = "/v1/app/help", tag = "app", request_body = HelpBody,
    responses((status = 202), (status = "default", body = Problem)))]
pub(in crate::api) async fn help(
    phone: Phone,
    State(app): State<App>,
    headers: HeaderMap,
    Raw(body): Raw,
) -> Result<StatusCode, Problem> {
    let (body, signature): (HelpBody, _) = signed(&phone, &headers, &body)?;
    let asked = app
        .pipeline
        .write(move |txn| {
            first_use(txn, &signature)?;
            shop::store(txn.db, &body.store)?;
            if body.wanted {
                ask(txn, phone.customer, &body.store)
            } else {
                take_back(txn, phone.customer, &body.store)?;
                Ok(Asked::Heard)
            }
        })
        .await?;
    match asked {
        Asked::Heard => Ok(StatusCode::ACCEPTED),
        Asked::NoConsent => Err(no_consent()),
        Asked::NotHere => Err(Problem::conflict("she is not seen in this store")),
        Asked::TooOften => Err(Problem::conflict("she has asked too often in this hour")),
    }
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// Staff have her card.
    Heard,
    /// She has not agreed that they may.
    NoConsent,
    /// Nobody sees her in this store.
    NotHere,
    /// As often as she may.
    TooOften,
}

/// Calls for a colleague; once more is the same call.
pub(crate) fn ask(
    txn: &mut Txn<'_>,
    customer: CustomerId,
    store: &StoreId,
) -> Result<Asked, StoreError> {
    let (consent, _) = txn.consent_of(customer, store)?;
    if !consent.arrival {
        return Ok(Asked::NoConsent);
    }
    if board::here(txn.db, store, customer)?.is_none() {
        return Ok(Asked::NotHere);
    }
    if help::open(txn.db, store, customer)?.is_some() {
        return Ok(Asked::Heard);
    }
    if help::is_too_often(txn.db, txn.now_ms, customer)? {
        return Ok(Asked::TooOften);
    }
    let row = help::call(fresh(OrderId::at, txn.now_ms)?, store, customer);
    orders::add_order(txn.db, txn.now_ms, &row)?;
    txn.order_changed(&row)?;
    Ok(Asked::Heard)
}

/// Nobody has to come any more; nothing if nobody had to.
pub(crate) fn take_back(
    txn: &mut Txn<'_>,
    customer: CustomerId,
    store: &StoreId,
) -> Result<(), StoreError> {
    let Some(open) = help::open(txn.db, store, customer)? else {
        return Ok(());
    };
    let state = OrderState::Cancelled;
    let row = orders::set_state(
        txn.db,
        txn.now_ms,
        open.order,
        state,
        orders::News::default(),
    )?;
    txn.order_changed(&row)
}
