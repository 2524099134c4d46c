//! The page of somebody who collects for her: no log-in but the link itself.
//!
//! In: a link that she sent him. Out: what he needs at the desk; "I am here", by a button.
//! Invariant: a link that is over and one that never was answer alike.

use axum::{
    extract::{Path, State},
    http::{HeaderValue, StatusCode},
    response::Response,
};
use engine::input::OrderState;
use rusqlite::Connection;

use super::{
    collect::{CollectPage, CollectView, render_collect},
    i18n::Texts,
    routes::{Asked, PageError, answer},
    shopper::open_until_ms,
};
use crate::{
    api::{App, app::share::say_collects},
    clock, localtime, secret,
    store::{
        StoreError, board,
        orders::OrderRow,
        people, shares,
        shop::{self, StoreRow},
    },
};

pub(super) async fn page(
    State(app): State<App>,
    asked: Asked,
    Path(token): Path<String>,
) -> Response {
    unlisted(answer(&asked, draw(&app, &asked, &token, false)).await)
}

/// "I am here", for what she shared.
pub(super) async fn here(
    State(app): State<App>,
    asked: Asked,
    Path(token): Path<String>,
) -> Response {
    let said = answer(&asked, async {
        let hash = secret::sha256(&token);
        app.pipeline
            .write(move |txn| match shares::find(txn.db, &hash)? {
                Some(row) => say_collects(txn, row.customer, &row.store, row.order),
                None => Ok(false),
            })
            .await?;
        draw(&app, &asked, &token, true).await
    });
    unlisted(said.await)
}

/// No search engine keeps it, wherever somebody puts the link.
fn unlisted(mut response: Response) -> Response {
    let value = HeaderValue::from_static("noindex, nofollow");
    response.headers_mut().insert("x-robots-tag", value);
    response
}

async fn draw(app: &App, asked: &Asked, token: &str, pressed: bool) -> Result<Response, PageError> {
    let (now_ms, hash) = (clock::now_ms(), secret::sha256(token));
    let action = format!("/ophalen/{token}/hier");
    let found = app
        .readers
        .read(move |db| look(db, now_ms, &hash, action, pressed))
        .await?;
    let lang = asked.lang();
    let (order, timezone) = match found {
        Some((order, store)) => (Some(order), store.timezone),
        None => (None, "UTC".to_owned()),
    };
    let status = match order {
        Some(_) => StatusCode::OK,
        None => StatusCode::GONE,
    };
    let page = CollectPage {
        texts: Texts::new(lang, localtime::zone(&timezone)),
        // Not the form's address: a language is no second "I am here".
        other_lang_href: format!("/ophalen/{token}?lang={}", lang.other().code()),
        order,
    };
    Ok(asked.page(app, status, render_collect(&page, now_ms)?))
}

fn look(
    db: &Connection,
    now_ms: u64,
    hash: &[u8; 32],
    action: String,
    pressed: bool,
) -> Result<Option<(CollectView, StoreRow)>, StoreError> {
    let Some(row) = shares::find(db, hash)? else {
        return Ok(None);
    };
    if row.due_ms.is_some_and(|due_ms| due_ms <= now_ms) {
        return Ok(None);
    }
    let store = shop::store(db, &row.store)?;
    let here_since_ms = here_since_ms(db, &row)?;
    let view = CollectView {
        action,
        given_name: people::customer(db, row.customer)?.given_name,
        store_name: store.name.clone(),
        open_until_ms: open_until_ms(&store, now_ms),
        code: row.share_code.filter(|_| row.state == OrderState::Ready),
        number: row.external_id,
        keep_until_ms: row.due_ms,
        age_checked: row.details.age_checked,
        here_since_ms,
        failed: pressed && here_since_ms.is_none(),
    };
    Ok(Some((view, store)))
}

/// Since when staff know that he is here; whether she is there herself is not told to him.
fn here_since_ms(db: &Connection, row: &OrderRow) -> Result<Option<u64>, StoreError> {
    let card = board::open_card(db, &row.store, row.customer)?;
    let his = card.filter(|card| card.somebody_else && card.orders.contains(&row.order));
    Ok(his.map(|card| card.arrived_ms))
}
