//! The page of one visit.
//!
//! In: a manager's browser, a visit of her store. Out: its timeline.
//! Invariant: a visit of another store, or one that consent took away, is not there.

use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::Response,
};
use protocol::{StoreId, VisitId};

use super::entered;
use crate::{
    api::{App, access::Staff, problem::Problem},
    clock, localtime,
    store::{shop, visits},
    web::{
        i18n::Texts,
        routes::{Asked, answer},
        visit::{VisitPage, ZoneNames, render_visit},
    },
};

pub(in crate::web) async fn visit(
    State(app): State<App>,
    asked: Asked,
    staff: Result<Staff, Problem>,
    Path((store, visit)): Path<(StoreId, VisitId)>,
) -> Response {
    answer(&asked, async {
        let staff = entered(staff, &store)?;
        let of = store.clone();
        let (shop, names, row, changes) = app
            .readers
            .read(move |db| {
                Ok((
                    shop::store(db, &of)?,
                    shop::zone_names(db, &of)?,
                    visits::visit(db, &of, visit)?,
                    visits::changes(db, visit)?,
                ))
            })
            .await?;
        let lang = asked.lang();
        let page = VisitPage {
            store,
            store_name: shop.name,
            texts: Texts::new(lang, localtime::zone(&shop.timezone)),
            csrf: staff.csrf.clone(),
            staff_name: staff.row.name.clone(),
            other_lang_href: asked.other_lang_href(lang),
            zones: ZoneNames::new(names, lang),
            visit: row,
            changes,
        };
        let html = render_visit(&page, clock::now_ms())?;
        Ok(asked.page(&app, StatusCode::OK, html))
    })
    .await
}
