//! Her form to let somebody else collect an order, and to take that back.

use axum::{
    Form,
    extract::State,
    http::{HeaderMap, StatusCode, Uri},
    response::{IntoResponse, Redirect, Response},
};
use protocol::OrderId;
use serde::Deserialize;

use super::{
    super::{
        collect::{SharePage, render_share},
        i18n::Texts,
        routes::{Asked, answer, base},
    },
    language, no_consent,
};
use crate::{
    api::{
        App,
        access::{Shopper, check_csrf},
        app::share::{share, unshare},
        problem::Problem,
    },
    localtime,
    store::{StoreError, orders, people, shop},
};

/// Which order, and what with it.
#[derive(Debug, Clone, Deserialize)]
pub(in crate::web) struct ShareForm {
    csrf: String,
    order: OrderId,
    #[serde(rename = "do")]
    what: String,
}

pub(in crate::web) async fn change(
    State(app): State<App>,
    asked: Asked,
    shopper: Result<Shopper, Problem>,
    uri: Uri,
    headers: HeaderMap,
    Form(form): Form<ShareForm>,
) -> Response {
    answer(&asked, async {
        let shopper = shopper?;
        check_csrf(&form.csrf, &shopper.csrf)?;
        let (customer, order) = (shopper.customer, form.order);
        if form.what == "back" {
            app.pipeline
                .write(move |txn| unshare(txn, customer, order))
                .await?;
            return Ok(Redirect::to("/ik#bestellingen").into_response());
        }
        let chosen = asked.clone();
        let (shared, row, store, lang) = app
            .pipeline
            .write(move |txn| {
                if form.what != "share" {
                    return Err(StoreError::NotFound("button"));
                }
                let shared = share(txn, customer, order)?;
                let row = orders::order(txn.db, order)?;
                let store = shop::store(txn.db, &row.store)?;
                let lang = language(&chosen, &people::customer(txn.db, customer)?);
                Ok((shared, row, store, lang))
            })
            .await?;
        let texts = Texts::new(lang, localtime::zone(&store.timezone));
        let Some(shared) = shared else {
            let words = texts.get("say-here-no-consent");
            return Err(no_consent().with_detail(words).into());
        };
        let page = SharePage {
            csrf: shopper.csrf,
            order,
            number: row.external_id,
            store_name: store.name,
            link: format!("{}{}", base(&app, &headers, uri.authority()), shared.path),
            code: shared.code,
            texts,
        };
        Ok(asked.page(&app, StatusCode::OK, render_share(&page)?))
    })
    .await
}
