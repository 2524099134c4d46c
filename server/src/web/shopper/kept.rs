//! Her data: she sees it, takes a copy, has it forgotten.
//!
//! In: a shopper's browser. Out: the pages; one JSON file; an erasure.
//! Promises: the copy is what the API gives; the erasure is the API's own.
//! Invariant: nothing is erased by a link, and nothing before she was asked once more.

mod words;

use axum::{
    Form,
    extract::{Query, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
};
use axum_extra::extract::CookieJar;
use serde::Deserialize;

use super::language;
use crate::{
    api::{
        App,
        access::{SESSION_COOKIE, Shopper, check_csrf},
        customers, export,
        problem::Problem,
    },
    clock, localtime,
    store::{board, orders, people, shop},
    web::{
        i18n::Texts,
        kept::{ErasePage, GonePage, KeptPage, render_erase, render_gone, render_kept},
        routes::{Asked, PageError, answer, cookie},
    },
};

/// What a page of hers needs to be written.
async fn texts(app: &App, asked: &Asked, shopper: &Shopper) -> Result<Texts, PageError> {
    let (id, asked) = (shopper.customer, asked.clone());
    let read = app.readers.read(move |db| {
        let lang = language(&asked, &people::customer(db, id)?);
        let timezone = match board::store_for(db, id)? {
            Some(store) => shop::store(db, &store)?.timezone,
            None => "UTC".to_owned(),
        };
        Ok(Texts::new(lang, localtime::zone(&timezone)))
    });
    Ok(read.await?)
}

#[derive(Deserialize)]
pub(in crate::web) struct Came {
    /// `online`: she had that forgotten.
    forgot: Option<String>,
}

pub(in crate::web) async fn page(
    State(app): State<App>,
    asked: Asked,
    shopper: Result<Shopper, Problem>,
    Query(came): Query<Came>,
) -> Response {
    answer(&asked, async {
        let shopper = shopper?;
        let texts = texts(&app, &asked, &shopper).await?;
        let export = export::gather(&app, shopper.customer).await?;
        let forgot = came.forgot.as_deref() == Some("online");
        let page = KeptPage {
            csrf: shopper.csrf,
            other_lang_href: asked.other_lang_href(texts.lang),
            sections: words::sections(&texts, &export, clock::now_ms()),
            said: forgot.then(|| texts.get("kept-forgot-online")),
            texts,
        };
        Ok(asked.page(&app, StatusCode::OK, render_kept(&page)?))
    })
    .await
}

/// One file with everything, for her and for any program that reads JSON.
pub(in crate::web) async fn copy(
    State(app): State<App>,
    asked: Asked,
    shopper: Result<Shopper, Problem>,
) -> Response {
    answer(&asked, async {
        let export = export::gather(&app, shopper?.customer).await?;
        let day = localtime::rfc3339(export.made_ms);
        let day = day.get(..10).unwrap_or_default();
        let name = format!("attachment; filename=\"welkom-{day}.json\"");
        let name = HeaderValue::try_from(name).map_err(|_| Problem::internal())?;
        let body = serde_json::to_vec_pretty(&export).map_err(|_| Problem::internal())?;
        let kind = HeaderValue::from_static("application/json; charset=utf-8");
        let headers = [
            (header::CONTENT_TYPE, kind),
            (header::CONTENT_DISPOSITION, name),
        ];
        Ok((headers, body).into_response())
    })
    .await
}

#[derive(Deserialize)]
pub(in crate::web) struct Sure {
    csrf: String,
}

/// Forgets what she did online; her switches stay as they are.
pub(in crate::web) async fn forget_online(
    State(app): State<App>,
    asked: Asked,
    shopper: Result<Shopper, Problem>,
    Form(form): Form<Sure>,
) -> Response {
    answer(&asked, async {
        let shopper = shopper?;
        check_csrf(&form.csrf, &shopper.csrf)?;
        let customer = shopper.customer;
        app.pipeline
            .write(move |txn| {
                people::forget_online(txn.db, customer)?;
                // The log holds what decisions were told of it.
                txn.purge_log()
            })
            .await?;
        Ok(Redirect::to("/ik/gegevens?forgot=online#online").into_response())
    })
    .await
}

/// Asks once more.
pub(in crate::web) async fn ask_once_more(
    State(app): State<App>,
    asked: Asked,
    shopper: Result<Shopper, Problem>,
) -> Response {
    answer(&asked, async {
        let shopper = shopper?;
        let texts = texts(&app, &asked, &shopper).await?;
        let customer = shopper.customer;
        let open = app
            .readers
            .read(move |db| orders::open_orders(db, customer, None))
            .await?;
        let page = ErasePage {
            csrf: shopper.csrf,
            other_lang_href: asked.other_lang_href(texts.lang),
            order_waits: !open.is_empty(),
            texts,
        };
        Ok(asked.page(&app, StatusCode::OK, render_erase(&page)?))
    })
    .await
}

/// Erases her for good; her session goes with her.
pub(in crate::web) async fn erase(
    State(app): State<App>,
    asked: Asked,
    shopper: Result<Shopper, Problem>,
    Form(form): Form<Sure>,
) -> Response {
    answer(&asked, async {
        let shopper = shopper?;
        check_csrf(&form.csrf, &shopper.csrf)?;
        let lang = texts(&app, &asked, &shopper).await?.lang;
        customers::erase(&app, shopper.customer).await?;
        let gone = CookieJar::new().add({
            let mut gone = cookie(&app, SESSION_COOKIE, String::new());
            gone.make_removal();
            gone
        });
        let goodbye = format!("/tot-ziens?lang={}", lang.code());
        Ok((gone, Redirect::to(&goodbye)).into_response())
    })
    .await
}

/// Open to anybody: it says nothing about who was here.
pub(in crate::web) async fn goodbye(State(app): State<App>, asked: Asked) -> Response {
    answer(&asked, async {
        let lang = asked.lang();
        let page = GonePage {
            texts: Texts::new(lang, localtime::zone("UTC")),
            other_lang_href: asked.other_lang_href(lang),
        };
        Ok(asked.page(&app, StatusCode::OK, render_gone(&page)?))
    })
    .await
}
