//! All that is kept of a customer, as one JSON document: for the shop that she asks, for her app,
//! and for her own page.
//!
//! In: a customer. Out: her rows and the words of her messages.
//! Invariant: one function makes it for all three; what it leaves out opens something, or is about
//! somebody else.

use axum::{Json, extract::State};
use protocol::CustomerId;
use rusqlite::Connection;

use super::{
    App,
    access::{Phone, ShopKey},
    problem::{At, Problem},
};
use crate::{
    clock,
    store::{
        StoreError,
        export::{self, Export, Message, Said},
        outbox,
    },
    web::messages,
};

/// All that is kept of a customer (GDPR, articles 15 and 20).
#[utoipa::path(get, path = "/v1/customers/{customer}/export", tag = "shop",
    params(("customer" = String, Path)),
    responses((status = 200, body = Export), (status = "default", body = Problem)))]
pub(super) async fn export_customer(
    _: ShopKey,
    State(app): State<App>,
    At(customer): At<CustomerId>,
) -> Result<Json<Export>, Problem> {
    Ok(Json(gather(&app, customer).await?))
}

/// All that is kept of her who holds the phone (GDPR, articles 15 and 20).
#[utoipa::path(get, path = "/v1/app/export", tag = "app",
    responses((status = 200, body = Export), (status = "default", body = Problem)))]
pub(super) async fn export_own(
    phone: Phone,
    State(app): State<App>,
) -> Result<Json<Export>, Problem> {
    Ok(Json(gather(&app, phone.customer).await?))
}

/// Reads all that is kept of a customer.
pub(crate) async fn gather(app: &App, customer: CustomerId) -> Result<Export, StoreError> {
    let now_ms = clock::now_ms();
    app.readers.read(move |db| all(db, now_ms, customer)).await
}

fn all(db: &Connection, now_ms: u64, customer: CustomerId) -> Result<Export, StoreError> {
    // All of it as it was at one moment.
    let at_once = db.unchecked_transaction()?;
    let mut export = export::of(&at_once, now_ms, customer)?;
    for message in &mut export.messages {
        message.said = said(&at_once, message)?;
    }
    Ok(export)
}

/// The words of a message that went out.
fn said(db: &Connection, message: &Message) -> Result<Option<Said>, StoreError> {
    if message.n.is_none() {
        return Ok(None);
    }
    let Some(row) = outbox::row(db, message.delivery)? else {
        return Ok(None);
    };
    match messages::tell(db, &row) {
        Ok(told) => Ok(Some(told.into())),
        // Gone with a consent of hers, or from before campaigns.
        Err(StoreError::NotFound(_) | StoreError::Damaged(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

impl From<messages::Told> for Said {
    fn from(told: messages::Told) -> Self {
        Self {
            title: told.title,
            body: told.body,
            why: told.why,
        }
    }
}

#[cfg(test)]
mod tests;
