//! "Somebody else collects it": she shares one order by a link, and takes it back.
//!
//! In: a body that the device signed; at the page, her form. Out: a code of its own for that order,
//! and a path that needs no log-in. "I am here", said with the link, is an input for the engine.
//! Promises: a new link ends the one before, with its code; both end with the order and with her
//! consent that staff may know.
//! Invariant: the link is on no disk and in no log, only its hash; it opens one order, and nothing
//! that is hers beside it.

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode},
};
use engine::Input;
use protocol::{CustomerId, OrderId, StoreId};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    push::Empty,
    sightings::no_consent,
    signed::{first_use, signed},
};
use crate::{
    api::{
        App,
        access::Phone,
        problem::{At, Problem, Raw},
    },
    home::Says,
    pipeline::Txn,
    secret,
    store::{
        StoreError, homes,
        orders::{self, OrderRow},
        shares,
    },
};

/// What she sends to somebody. It is told once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Shared {
    /// What he says at the desk: not her own code.
    pub code: String,
    /// Where his page is, on this server.
    pub path: String,
}

/// Makes a link and a code with which somebody else may collect this order; those before end. The
/// body is `{}`, signed.
#[utoipa::path(post, path = "/v1/app/orders/{order}/share", tag = "app", request_body = Empty,
    params(("order" = String, Path)),
    responses((status = 201, body = Shared), (status = "default", body = Problem)))]
pub(in crate::api) async fn share_order(
    phone: Phone,
    State(app): State<App>,
    At(order): At<OrderId>,
    headers: HeaderMap,
    Raw(body): Raw,
) -> Result<(StatusCode, Json<Shared>), Problem> {
    let (_, signature): (Empty, _) = signed(&phone, &headers, &body)?;
    let shared = app
        .pipeline
        .write(move |txn| {
            first_use(txn, &signature)?;
            share(txn, phone.customer, order)
        })
        .await?;
    match shared {
        Some(shared) => Ok((StatusCode::CREATED, Json(shared))),
        None => Err(no_consent()),
    }
}

/// Takes link and code back. The body is `{}`, signed.
#[utoipa::path(delete, path = "/v1/app/orders/{order}/share", tag = "app", request_body = Empty,
    params(("order" = String, Path)),
    responses((status = 204), (status = "default", body = Problem)))]
pub(in crate::api) async fn unshare_order(
    phone: Phone,
    State(app): State<App>,
    At(order): At<OrderId>,
    headers: HeaderMap,
    Raw(body): Raw,
) -> Result<StatusCode, Problem> {
    let (_, signature): (Empty, _) = signed(&phone, &headers, &body)?;
    app.pipeline
        .write(move |txn| {
            first_use(txn, &signature)?;
            unshare(txn, phone.customer, order)
        })
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Shares an order of hers that lies ready; none: staff may not know of her, so nobody could ask
/// for it at the desk.
pub(crate) fn share(
    txn: &mut Txn<'_>,
    customer: CustomerId,
    order: OrderId,
) -> Result<Option<Shared>, StoreError> {
    let row = hers(txn, customer, order)?;
    if !shares::may_share(&row) || !orders::lies_ready(txn.db, order)? {
        return Err(StoreError::Conflict("this order does not lie ready".into()));
    }
    let (consent, _) = txn.consent_of(customer, &row.store)?;
    if !consent.arrival {
        return Ok(None);
    }
    let mut code = secret::pickup_code()?;
    while shares::is_hers(txn.db, customer, &code)? {
        code = secret::pickup_code()?;
    }
    let token = secret::token("wo_")?;
    shares::put(txn.db, order, &code, &secret::sha256(&token))?;
    changed(txn, order)?;
    Ok(Some(Shared {
        code,
        path: format!("/ophalen/{token}"),
    }))
}

/// Nobody else may collect it any more; nothing if nobody might.
pub(crate) fn unshare(
    txn: &mut Txn<'_>,
    customer: CustomerId,
    order: OrderId,
) -> Result<(), StoreError> {
    if hers(txn, customer, order)?.share_code.is_some() {
        shares::end(txn.db, order)?;
        changed(txn, order)?;
    }
    Ok(())
}

/// Staff may not know of her any more, nor anybody ask for what is hers.
pub(super) fn unshare_all(txn: &mut Txn<'_>, customer: CustomerId) -> Result<(), StoreError> {
    for order in shares::of(txn.db, customer)? {
        unshare(txn, customer, order)?;
    }
    Ok(())
}

/// Somebody with the link is in the store. False: staff may not know of her.
pub(crate) fn say_collects(
    txn: &mut Txn<'_>,
    customer: CustomerId,
    store: &StoreId,
    order: OrderId,
) -> Result<bool, StoreError> {
    let (consent, _) = txn.consent_of(customer, store)?;
    if consent.arrival {
        let input = Input::Collects {
            customer,
            consent,
            order,
        };
        txn.feed(store, input)?;
        if homes::has_desk(txn.db, store)? {
            let says = Says::Collects { order };
            homes::say(txn.db, txn.now_ms, store, customer, &says)?;
        }
    }
    Ok(consent.arrival)
}

/// An order of another is not there.
fn hers(txn: &Txn<'_>, customer: CustomerId, order: OrderId) -> Result<OrderRow, StoreError> {
    let row = orders::order(txn.db, order)?;
    if row.customer == customer {
        Ok(row)
    } else {
        Err(StoreError::NotFound("order"))
    }
}

fn changed(txn: &mut Txn<'_>, order: OrderId) -> Result<(), StoreError> {
    let row = orders::order(txn.db, order)?;
    txn.order_changed(&row)
}

#[cfg(test)]
mod tests;
