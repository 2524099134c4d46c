//! The figures of a store, as a page and as a sheet.
//!
//! In: a manager's browser, a number of weeks. Out: how long people waited at her desk, and what her
//! store's visits come to.
//! Invariant: what is shown and what is saved are the same numbers.

use axum::{
    extract::Query,
    http::StatusCode,
    response::{IntoResponse, Response},
};

use super::Desk;
use crate::{
    api::{
        figures::{self as api, FiguresQuery},
        waits,
    },
    clock,
    store::shop,
    web::{
        figures::{FiguresPage, render_figures},
        routes::PageError,
        visit::ZoneNames,
    },
};

pub(in crate::web) async fn figures(desk: Desk, Query(query): Query<FiguresQuery>) -> Response {
    let html = draw(&desk, &query).await;
    let status = html
        .as_ref()
        .map_or_else(PageError::status, |_| StatusCode::OK);
    desk.answer(status, html)
}

async fn draw(desk: &Desk, query: &FiguresQuery) -> Result<String, PageError> {
    let (weeks, now_ms) = (query.weeks()?, clock::now_ms());
    let of = desk.lintel.store.clone();
    let read = desk.app.readers.read(move |db| {
        let names = shop::zone_names(db, &of)?;
        let (_, figures) = api::counted(db, &of, now_ms, weeks)?;
        Ok((names, figures, waits::counted(db, &of, now_ms, weeks)?))
    });
    let (names, figures, (_, waits)) = read.await?;
    let page = FiguresPage {
        lintel: desk.lintel.clone(),
        weeks,
        figures,
        waits,
        zones: ZoneNames::new(names, desk.lintel.texts.lang),
    };
    Ok(render_figures(&page)?)
}

pub(in crate::web) async fn sheet(desk: Desk, Query(query): Query<FiguresQuery>) -> Response {
    let sheet = async { api::as_sheet(&desk.app, desk.lintel.store.clone(), query.weeks()?).await };
    match sheet.await {
        Ok(response) => response,
        Err(problem) => problem.into_response(),
    }
}
