//! The manager's pages, a room each, and what they have in common.
//!
//! In: a browser of somebody who runs the store. Out: its page, its stream.
//! Invariant: a colleague who only works there gets in nowhere here.

pub(super) mod campaigns;
pub(super) mod figures;
pub(super) mod fleet;
pub(super) mod gateways;
pub(super) mod integrations;
pub(super) mod map;
pub(super) mod poster;
pub(super) mod visit;
pub(super) mod walk;

use std::{pin::Pin, time::Duration};

use axum::{
    extract::{FromRequestParts, Path, Query},
    http::{StatusCode, request::Parts},
    response::{IntoResponse, Response, sse::Event},
};
use protocol::{GatewayId, StoreId, message::BEACONS_MAX};
use serde::Deserialize;
use tokio::time::MissedTickBehavior;

use super::{
    i18n::Texts,
    lintel::Lintel,
    routes::{Asked, PageError, base},
};
use crate::{
    api::{App, access::Staff, problem::Problem, sse},
    localtime,
    store::{access::StaffRole, shop},
};

/// All fixed beacons of a store in one list.
#[expect(clippy::cast_possible_truncation, reason = "512")]
const BEACONS_SHOWN: u32 = BEACONS_MAX as u32;

/// Somebody who runs the store, at one of its pages.
pub(super) struct Desk {
    app: App,
    asked: Asked,
    lintel: Lintel,
    /// She runs the whole chain.
    admin: bool,
    /// How her browser reaches the server.
    base: String,
    /// The gateway whose page it is.
    gateway: Option<GatewayId>,
    /// What came of the button before: a word, since the address could say anything.
    came: Option<String>,
}

#[derive(Default, Deserialize)]
struct Came {
    came: Option<String>,
}

#[derive(Deserialize)]
struct InStore {
    store: StoreId,
    gateway: Option<GatewayId>,
}

impl FromRequestParts<App> for Desk {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Response> {
        let Ok(asked) = Asked::from_request_parts(parts, app).await;
        let path = Path::<InStore>::from_request_parts(parts, app).await;
        let Path(InStore { store, gateway }) = path.map_err(IntoResponse::into_response)?;
        match lintel(parts, app, &asked, store).await {
            Ok((lintel, admin)) => Ok(Self {
                app: app.clone(),
                asked,
                lintel,
                admin,
                base: base(app, &parts.headers, parts.uri.authority()),
                gateway,
                came: came(parts, app).await,
            }),
            Err(error) => Err(PageError::from(error).into_page(&asked)),
        }
    }
}

async fn came(parts: &mut Parts, app: &App) -> Option<String> {
    let query = Query::<Came>::from_request_parts(parts, app).await;
    query.unwrap_or_default().0.came
}

async fn lintel(
    parts: &mut Parts,
    app: &App,
    asked: &Asked,
    store: StoreId,
) -> Result<(Lintel, bool), Problem> {
    let staff = Staff::from_request_parts(parts, app).await?;
    if !staff.row.may_manage(&store) {
        return Err(Problem::forbidden(
            "this page is for who runs the store: ask a manager",
        ));
    }
    let of = store.clone();
    let row = app.readers.read(move |db| shop::store(db, &of)).await?;
    let lang = asked.lang();
    let admin = staff.row.role == StaffRole::Admin;
    let lintel = Lintel {
        store,
        store_name: row.name,
        texts: Texts::new(lang, localtime::zone(&row.timezone)),
        csrf: staff.csrf,
        staff_name: staff.row.name,
        other_lang_href: asked.other_lang_href(lang),
    };
    Ok((lintel, admin))
}

/// Writes what a page shows by now.
type LookAt = fn(&Desk) -> Pin<Box<dyn Future<Output = Result<String, PageError>> + Send + '_>>;

impl Desk {
    fn answer(&self, status: StatusCode, html: Result<String, PageError>) -> Response {
        match html {
            Ok(html) => self.asked.page(&self.app, status, html),
            Err(error) => error.into_page(&self.asked),
        }
    }

    /// A stream that looks so often, with an `event` whenever the page is different from what was
    /// sent.
    fn follow(self, event: &'static str, every: Duration, look: LookAt) -> Response {
        sse::stream(move |writer| self.send_looks(event, every, look, writer))
    }

    async fn send_looks(
        self,
        event: &'static str,
        every: Duration,
        look: LookAt,
        writer: sse::Writer,
    ) -> Result<(), sse::Gone> {
        let mut shutdown = self.app.shutdown.clone();
        let mut heartbeat = tokio::time::interval(sse::HEARTBEAT);
        let mut due = tokio::time::interval(every);
        due.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut sent = String::new();
        loop {
            tokio::select! {
                // What failed is in the log; the page keeps what it has.
                _ = due.tick() => if let Ok(html) = look(&self).await && html != sent {
                    let data = serde_json::json!({ "html": html }).to_string();
                    writer.send(Event::default().event(event).data(data)).await?;
                    sent = html;
                },
                _ = heartbeat.tick() => writer.heartbeat().await?,
                _ = shutdown.changed() => return Ok(()),
            }
        }
    }
}
