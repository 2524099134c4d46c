//! The page of one visit.
//!
//! In: a manager's browser, a visit of her store. Out: its timeline.
//! Invariant: a visit of another store, or one that consent took away, is not there.

use axum::{extract::Path, http::StatusCode, response::Response};
use protocol::{StoreId, VisitId};

use super::Desk;
use crate::{
    clock,
    store::{shop, visits},
    web::{
        routes::PageError,
        visit::{VisitPage, ZoneNames, render_visit},
    },
};

pub(in crate::web) async fn visit(
    desk: Desk,
    Path((_, visit)): Path<(StoreId, VisitId)>,
) -> Response {
    desk.answer(StatusCode::OK, draw(&desk, visit).await)
}

async fn draw(desk: &Desk, visit: VisitId) -> Result<String, PageError> {
    let of = desk.lintel.store.clone();
    let (names, visit, changes) = desk
        .app
        .readers
        .read(move |db| {
            Ok((
                shop::zone_names(db, &of)?,
                visits::visit(db, &of, visit)?,
                visits::changes(db, visit)?,
            ))
        })
        .await?;
    let page = VisitPage {
        zones: ZoneNames::new(names, desk.lintel.texts.lang),
        lintel: desk.lintel.clone(),
        visit,
        changes,
    };
    Ok(render_visit(&page, clock::now_ms())?)
}
