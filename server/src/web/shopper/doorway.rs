//! The short link at a store's door: "Ik ben er" for that store, on the phone that knows her.

use axum::{
    Form,
    extract::{Path, State},
    http::StatusCode,
    response::Response,
};
use protocol::StoreId;

use super::{
    super::{
        doorway::{DoorwayPage, render_doorway},
        i18n::Texts,
        routes::{Asked, PageError, answer},
    },
    Came, HereForm, come_in, language,
};
use crate::{
    api::{
        App,
        access::{Shopper, check_csrf},
        problem::Problem,
    },
    localtime,
    store::{people, shop},
};

/// Says nothing to anybody: a link may be opened by whatever previews it.
pub(in crate::web) async fn page(
    State(app): State<App>,
    asked: Asked,
    shopper: Result<Shopper, Problem>,
    Path(store): Path<StoreId>,
) -> Response {
    answer(&asked, async {
        let html = draw(&app, &asked, shopper.ok().as_ref(), &store, None).await?;
        Ok(asked.page(&app, StatusCode::OK, html))
    })
    .await
}

pub(in crate::web) async fn here(
    State(app): State<App>,
    asked: Asked,
    shopper: Result<Shopper, Problem>,
    Path(store): Path<StoreId>,
    Form(form): Form<HereForm>,
) -> Response {
    answer(&asked, async {
        let shopper = shopper?;
        check_csrf(&form.csrf, &shopper.csrf)?;
        let (customer, at) = (shopper.customer, store.clone());
        let came = app
            .pipeline
            .write(move |txn| come_in(txn, customer, &at))
            .await?;
        let status = came.status();
        let html = draw(&app, &asked, Some(&shopper), &store, Some(came)).await?;
        Ok(asked.page(&app, status, html))
    })
    .await
}

async fn draw(
    app: &App,
    asked: &Asked,
    shopper: Option<&Shopper>,
    store: &StoreId,
    came: Option<Came>,
) -> Result<String, PageError> {
    let (of, who) = (store.clone(), shopper.map(|shopper| shopper.customer));
    let (row, customer) = app
        .readers
        .read(move |db| {
            let customer = who.map(|who| people::customer(db, who)).transpose()?;
            Ok((shop::store(db, &of)?, customer))
        })
        .await?;
    let lang = customer
        .as_ref()
        .map_or(asked.lang(), |c| language(asked, c));
    let texts = Texts::new(lang, localtime::zone(&row.timezone));
    let page = DoorwayPage {
        other_lang_href: asked.other_lang_href(lang),
        store_name: row.name,
        action: format!("/h/{store}"),
        hers: customer
            .zip(shopper)
            .map(|(customer, shopper)| (customer.given_name, shopper.csrf.clone())),
        said: came.map(|came| (came == Came::Expected, came.words(&texts))),
        texts,
    };
    Ok(render_doorway(&page)?)
}

#[cfg(test)]
mod tests;
