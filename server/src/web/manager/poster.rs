//! The poster for the door, with the short link to "Ik ben er".

use axum::{http::StatusCode, response::Response};

use super::{
    super::doorway::{PosterPage, render_poster},
    Desk,
};

pub(in crate::web) async fn poster(desk: Desk) -> Response {
    let page = PosterPage {
        link: format!("{}/h/{}", desk.base, desk.lintel.store),
        lintel: desk.lintel.clone(),
    };
    let html = render_poster(&page).map_err(Into::into);
    desk.answer(StatusCode::OK, html)
}
