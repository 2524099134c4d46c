//! "Ik heb hulp nodig", and "toch niet nodig".

use axum::{
    Form,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use protocol::CustomerId;
use rusqlite::Connection;
use serde::Deserialize;

use super::{language, no_consent};
use crate::{
    api::{
        App,
        access::{Shopper, check_csrf},
        app::help::{Asked, ask, take_back},
        problem::Problem,
    },
    localtime,
    store::{StoreError, board, help, people},
    web::{
        i18n::Texts,
        phone::HelpView,
        routes::{Asked as How, PageError, answer},
    },
};

/// Which of the two.
#[derive(Debug, Clone, Deserialize)]
pub(in crate::web) struct HelpForm {
    csrf: String,
    #[serde(rename = "do")]
    what: String,
}

pub(in crate::web) async fn call(
    State(app): State<App>,
    asked: How,
    shopper: Result<Shopper, Problem>,
    Form(form): Form<HelpForm>,
) -> Response {
    answer(&asked, async {
        let shopper = shopper?;
        check_csrf(&form.csrf, &shopper.csrf)?;
        let (customer, chosen) = (shopper.customer, asked.clone());
        let (came, lang) = app
            .pipeline
            .write(move |txn| {
                let store = board::store_for(txn.db, customer)?;
                let store = store.ok_or(StoreError::NotFound("store"))?;
                let came = match form.what.as_str() {
                    "ask" => ask(txn, customer, &store)?,
                    "back" => {
                        take_back(txn, customer, &store)?;
                        Asked::Heard
                    }
                    _ => return Err(StoreError::NotFound("button")),
                };
                let lang = language(&chosen, &people::customer(txn.db, customer)?);
                Ok((came, lang))
            })
            .await?;
        let texts = Texts::new(lang, localtime::zone("UTC"));
        if let Some(problem) = refusal(came, &texts) {
            return Err(PageError::from(problem));
        }
        if asked.script {
            return Ok(StatusCode::NO_CONTENT.into_response());
        }
        Ok(Redirect::to("/ik").into_response())
    })
    .await
}

fn refusal(came: Asked, texts: &Texts) -> Option<Problem> {
    match came {
        Asked::Heard => None,
        Asked::NoConsent => Some(no_consent().with_detail(texts.get("say-here-no-consent"))),
        Asked::NotHere => Some(Problem::conflict(texts.get("say-help-not-here"))),
        Asked::TooOften => Some(Problem::conflict(texts.get("say-help-too-often"))),
    }
}

/// Whether she may ask for help, or has.
pub(super) fn view(
    db: &Connection,
    store: &protocol::StoreId,
    customer: CustomerId,
    agreed: bool,
) -> Result<HelpView, StoreError> {
    if !agreed || board::here(db, store, customer)?.is_none() {
        return Ok(HelpView::No);
    }
    Ok(match help::open(db, store, customer)? {
        Some(_) => HelpView::Asked,
        None => HelpView::May,
    })
}
