//! Rewards at the till: a colleague types or scans the code.

use axum::{
    Form,
    extract::{Path, State},
    http::StatusCode,
    response::Response,
};
use protocol::StoreId;
use serde::Deserialize;

use super::{
    super::{
        i18n::{Lang, Texts},
        routes::{Asked, PageError, answer},
        till::{TillAnswer, TillPage, render_till},
    },
    entered,
};
use crate::{
    api::{
        App,
        access::{Staff, check_csrf},
        problem::Problem,
    },
    clock, localtime,
    store::{
        loyalty::rewards::{self, Redeemed},
        shop,
    },
};

pub(in crate::web) async fn page(
    State(app): State<App>,
    asked: Asked,
    staff: Result<Staff, Problem>,
    Path(store): Path<StoreId>,
) -> Response {
    answer(&asked, async {
        let staff = entered(staff, &store)?;
        let html = draw(&app, &asked, &staff, &store, None).await?;
        Ok(asked.page(&app, StatusCode::OK, html))
    })
    .await
}

#[derive(Deserialize)]
pub(in crate::web) struct CodeForm {
    csrf: String,
    code: String,
}

pub(in crate::web) async fn redeem(
    State(app): State<App>,
    asked: Asked,
    staff: Result<Staff, Problem>,
    Path(store): Path<StoreId>,
    Form(form): Form<CodeForm>,
) -> Response {
    answer(&asked, async {
        let staff = entered(staff, &store)?;
        check_csrf(&form.csrf, &staff.csrf)?;
        let (at, by) = (store.clone(), format!("staff/{}", staff.row.staff));
        let code = form.code.clone();
        let (redeemed, place) = app
            .pipeline
            .write(move |txn| {
                let redeemed = rewards::redeem(txn.db, txn.now_ms, &code, &at, &by)?;
                let before = match &redeemed {
                    Redeemed::Before(row) => row.redeemed_store.clone(),
                    _ => None,
                };
                let place = match before {
                    Some(store) => shop::store(txn.db, &store)?.name,
                    None => String::new(),
                };
                Ok((redeemed, place))
            })
            .await?;
        let status = match redeemed {
            Redeemed::Now(_) => StatusCode::OK,
            Redeemed::Before(_) => StatusCode::CONFLICT,
            Redeemed::Over(_) => StatusCode::GONE,
            Redeemed::Unknown => StatusCode::NOT_FOUND,
        };
        let html = draw(
            &app,
            &asked,
            &staff,
            &store,
            Some((redeemed, place, form.code)),
        )
        .await?;
        Ok(asked.page(&app, status, html))
    })
    .await
}

/// What became of a code, in which store it was given before, and the code.
type Came = (Redeemed, String, String);

async fn draw(
    app: &App,
    asked: &Asked,
    staff: &Staff,
    store: &StoreId,
    came: Option<Came>,
) -> Result<String, PageError> {
    let lang = asked.lang();
    let of = store.clone();
    let row = app.readers.read(move |db| shop::store(db, &of)).await?;
    let texts = Texts::new(lang, localtime::zone(&row.timezone));
    let page = TillPage {
        csrf: staff.csrf.clone(),
        store: store.clone(),
        store_name: row.name,
        other_lang_href: other_lang(store, lang),
        answer: came.map(|came| said(came, &texts)),
        texts,
    };
    Ok(render_till(&page, clock::now_ms())?)
}

/// The page again, and not the form's answer: a language is no second try.
fn other_lang(store: &StoreId, lang: Lang) -> String {
    format!("/staff/{store}/rewards?lang={}", lang.other().code())
}

fn said((redeemed, store, code): Came, t: &Texts) -> TillAnswer {
    match redeemed {
        Redeemed::Now(row) => TillAnswer::Give {
            what: t.said(&row.name),
        },
        Redeemed::Before(row) => TillAnswer::Before {
            what: t.said(&row.name),
            at_ms: row.redeemed_ms.unwrap_or_default(),
            store,
        },
        Redeemed::Over(row) => TillAnswer::Over {
            what: t.said(&row.name),
            last_ms: row.last_ms(),
        },
        Redeemed::Unknown => TillAnswer::Unknown { code },
    }
}
