//! The board: its page, its stream, its taps.

mod cards;
pub mod feed;
pub(crate) mod phones;
pub(super) mod till;

use std::sync::Arc;

use axum::{
    Form,
    extract::{Path, Query, State},
    http::{HeaderMap, HeaderValue, StatusCode},
    response::{IntoResponse, Redirect, Response, sse::Event},
};
use engine::{
    Input,
    input::{Tap, TapAction},
    outcome::TapAnswer,
};
use protocol::{CardId, StaffId, StoreId};
use serde::Deserialize;
use tokio::sync::{
    broadcast::{self, error::RecvError},
    watch,
};

use self::{
    cards::card_view,
    feed::{Changed, Round, Scene},
};
use super::{
    board::{
        BoardPage, CardState, CardView, Desk, Strip, Viewer, WAIT_LIMIT_S, desk_words,
        render_board, tap_words,
    },
    i18n::{Lang, Texts},
    routes::{Asked, PageError, answer},
    visit::ZoneNames,
};
use crate::{
    api::{
        App, PERMISSIONS_POLICY,
        access::{Staff, check_csrf},
        problem::Problem,
        sse,
    },
    clock,
    deliver::web_push::WebPush,
    home::line::Health,
    localtime,
    store::{StoreError, board, homes, shop, staff_push},
};

/// Closed cards stay in sight for this long.
const DONE_MS: u64 = 15 * 60_000;

fn entered(staff: Result<Staff, Problem>, store: &StoreId) -> Result<Staff, Problem> {
    let staff = staff?;
    if staff.row.may_enter(store) {
        Ok(staff)
    } else {
        Err(Problem::forbidden("this is the board of another store"))
    }
}

pub(super) async fn board(
    State(app): State<App>,
    asked: Asked,
    staff: Result<Staff, Problem>,
    Path(store): Path<StoreId>,
) -> Response {
    answer(&asked, async {
        let staff = entered(staff, &store)?;
        let html = draw(&app, &asked, &staff, &store, None).await?;
        let mut page = asked.page(&app, StatusCode::OK, html);
        let camera = HeaderValue::from_static("camera=(self), microphone=()");
        page.headers_mut().insert(PERMISSIONS_POLICY, camera);
        Ok(page)
    })
    .await
}

async fn draw(
    app: &App,
    asked: &Asked,
    staff: &Staff,
    store: &StoreId,
    said: Option<String>,
) -> Result<String, PageError> {
    let now_ms = clock::now_ms();
    let (of, session) = (store.clone(), staff.session);
    let (row, zones, cards, today, has_home, phones) = app
        .readers
        .read(move |db| {
            let row = shop::store(db, &of)?;
            let midnight_ms = localtime::local_day(&row.timezone, now_ms).midnight_ms;
            let cards = board::cards_on_board(db, &of, now_ms.saturating_sub(DONE_MS))?;
            Ok((
                row,
                shop::zone_names(db, &of)?,
                cards,
                board::today(db, &of, midnight_ms)?,
                homes::has_desk(db, &of)?,
                staff_push::count(db, &session)?,
            ))
        })
        .await?;
    let lang = asked.lang();
    let texts = Texts::new(lang, localtime::zone(&row.timezone));
    let (me, zones) = (staff.row.staff, ZoneNames::new(zones, lang));
    let cards: Vec<CardView> = cards
        .iter()
        .map(|card| card_view(card, me, &zones, now_ms))
        .collect();
    let page = BoardPage {
        viewer: Viewer {
            store: store.clone(),
            csrf: staff.csrf.clone(),
            texts,
        },
        store_name: row.name,
        staff_name: staff.row.name.clone(),
        other_lang_href: format!("/staff/{store}?lang={}", lang.other().code()),
        manages: staff.row.may_manage(store),
        push_key: app.providers.web.as_ref().map(WebPush::public_key),
        phones,
        sign_out: Some("/logout".into()),
        said,
        desk: match &app.line {
            Some(line) => desk_here(*line.borrow()),
            None if has_home => Desk::Elsewhere,
            None => Desk::Central,
        },
        strip: strip(&cards, today, now_ms),
        cards,
    };
    Ok(render_board(&page, now_ms)?)
}

/// At a store's own machine: the desk is here.
fn desk_here(line: Health) -> Desk {
    Desk::Here {
        cut_off_since_ms: line.down_since_ms,
    }
}

fn strip(cards: &[CardView], today: board::Today, now_ms: u64) -> Strip {
    let waiting: Vec<_> = cards
        .iter()
        .filter(|c| {
            matches!(
                c.state,
                CardState::Waiting | CardState::TakenByMe | CardState::TakenBy { .. }
            )
        })
        .collect();
    let late = |card: &&&CardView| now_ms.saturating_sub(card.arrived_ms) / 1_000 > WAIT_LIMIT_S;
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Strip {
        waiting: count(waiting.len()),
        too_long: count(waiting.iter().filter(late).count()),
        median_wait_s: today.wait_ms_median.map(|ms| ms / 1_000),
        #[expect(clippy::cast_precision_loss, reason = "a percentage")]
        within_limit: today.within_2_min_percent.map(|p| p as f32 / 100.0),
        handed_over: today.served,
        left_unserved: today.departed_unserved,
    }
}

pub(super) async fn events(
    State(app): State<App>,
    asked: Asked,
    staff: Result<Staff, Problem>,
    Path(store): Path<StoreId>,
    headers: HeaderMap,
) -> Response {
    answer(&asked, async {
        let staff = entered(staff, &store)?;
        let of = store.clone();
        // Before the stream is seen to be open: the page then asks for all of the board, and what
        // changes after that answer must come by the stream.
        let rounds = app.feeds.follow(&app, &store);
        let look = move |db: &_| Ok((shop::store(db, &of)?, board::newest_change(db, &of)?));
        let (row, newest) = app.readers.read(look).await?;
        let stream = BoardStream {
            app,
            store,
            timezone: row.timezone,
            newest,
            csrf: staff.csrf,
            me: staff.row.staff,
            lang: asked.lang(),
        };
        let after = sse::last_event_id(&headers);
        Ok(sse::stream(move |writer| {
            stream.follow(after, rounds, writer)
        }))
    })
    .await
}

struct BoardStream {
    app: App,
    store: StoreId,
    timezone: String,
    /// The newest change when it was opened.
    newest: u64,
    csrf: String,
    me: StaffId,
    lang: Lang,
}

impl BoardStream {
    /// Until the board or the server goes. What was missed is read from the store, so nothing
    /// depends on a round that got lost.
    async fn follow(
        self,
        after: Option<u64>,
        mut rounds: broadcast::Receiver<Arc<Round>>,
        writer: sse::Writer,
    ) -> Result<(), sse::Gone> {
        let mut shutdown = self.app.shutdown.clone();
        let newest = self.newest;
        let mut seen = after.unwrap_or(newest);
        let mut missed = seen < newest || after.is_some_and(|after| after > newest);
        let mut heartbeat = tokio::time::interval(sse::HEARTBEAT);
        let mut line = self.app.line.clone();
        loop {
            if std::mem::take(&mut missed) {
                seen = self.catch_up(seen, &writer).await?;
            }
            tokio::select! {
                round = rounds.recv() => match round {
                    Ok(round) => seen = self.tell(&round, seen, &writer).await?,
                    Err(RecvError::Lagged(_)) => missed = true,
                    Err(RecvError::Closed) => return Ok(()),
                },
                health = changed(&mut line) => writer.send(self.desk(health)).await?,
                _ = heartbeat.tick() => writer.heartbeat().await?,
                _ = shutdown.changed() => return Ok(()),
            }
        }
    }

    /// An `event: desk`.
    fn desk(&self, health: Health) -> Event {
        let texts = Texts::new(self.lang, localtime::zone(&self.timezone));
        let words = desk_words(&texts, desk_here(health));
        let data = serde_json::json!({ "words": words });
        Event::default().event("desk").data(data.to_string())
    }

    async fn tell(&self, round: &Round, seen: u64, writer: &sse::Writer) -> Result<u64, sse::Gone> {
        let mut seen = seen;
        if round.from > seen {
            seen = self.catch_up(seen, writer).await?;
        }
        let mut newest = seen;
        for card in round.cards.iter().filter(|card| card.n > seen) {
            newest = newest.max(card.n);
            self.send(card, writer).await?;
        }
        let strip = Event::default().event("strip").data(round.strip(self.lang));
        writer.send(strip).await?;
        Ok(newest)
    }

    async fn send(&self, card: &Changed, writer: &sse::Writer) -> Result<(), sse::Gone> {
        let data = card.for_whom(self.me, self.lang, &self.csrf);
        let event = Event::default().event("card").id(card.n.to_string());
        writer.send(event.data(data)).await
    }

    /// What changed after `seen`, or a word that it is too much: then the board is drawn anew.
    async fn catch_up(&self, seen: u64, writer: &sse::Writer) -> Result<u64, sse::Gone> {
        let of = self.store.clone();
        let read = self.app.readers.read(move |db| {
            let newest = board::newest_change(db, &of)?;
            let Some(changes) = board::changes_after(db, &of, seen)? else {
                return Ok((newest, None));
            };
            let scene = Scene::of(db, &of)?;
            let drawn = changes
                .into_iter()
                .map(|(n, id)| Ok(scene.draw(n, &board::card(db, &of, id)?)));
            let drawn = drawn.collect::<Result<Vec<_>, StoreError>>()?;
            Ok((newest, Some(drawn)))
        });
        match read.await {
            Ok((newest, Some(cards))) => {
                for card in &cards {
                    self.send(card, writer).await?;
                }
                Ok(newest.max(seen))
            }
            Ok((newest, None)) => {
                let reset = Event::default().event("reset").data("{}");
                writer.send(reset).await?;
                Ok(newest)
            }
            Err(error) => {
                tracing::warn!(%error, "a live page could not be told");
                Ok(seen)
            }
        }
    }
}

/// The line to the central server changed; never, where there is none.
async fn changed(line: &mut Option<watch::Receiver<Health>>) -> Health {
    let Some(line) = line else {
        return std::future::pending().await;
    };
    if line.changed().await.is_err() {
        return std::future::pending().await;
    }
    *line.borrow_and_update()
}

#[derive(Deserialize)]
pub(super) struct TapForm {
    csrf: String,
    #[serde(default)]
    code: String,
    age: Option<String>,
}

/// Whom a card is taken over from.
#[derive(Deserialize)]
pub(super) struct TapQuery {
    from: Option<StaffId>,
}

pub(super) async fn tap(
    State(app): State<App>,
    asked: Asked,
    staff: Result<Staff, Problem>,
    Path((store, card, action)): Path<(StoreId, CardId, String)>,
    Query(query): Query<TapQuery>,
    Form(form): Form<TapForm>,
) -> Response {
    answer(&asked, async {
        let staff = entered(staff, &store)?;
        check_csrf(&form.csrf, &staff.csrf)?;
        let action = match (action.as_str(), query.from) {
            ("take", _) => TapAction::Take,
            ("take-over", Some(from)) => TapAction::TakeOver { from },
            ("undo", _) => TapAction::Undo,
            ("not-here", _) => TapAction::NotHere,
            ("hand-over", _) => TapAction::HandOver {
                code: form.code.trim().to_owned(),
                age_seen: form.age.as_deref() == Some("yes"),
            },
            _ => return Err(Problem::not_found("tap").into()),
        };
        tapped(
            &app,
            &asked,
            &staff,
            &store,
            Tap {
                card,
                staff: staff.row.staff,
                action,
            },
        )
        .await
    })
    .await
}

async fn tapped(
    app: &App,
    asked: &Asked,
    staff: &Staff,
    store: &StoreId,
    tap: Tap,
) -> Result<Response, PageError> {
    let of = store.clone();
    let (answer, name, timezone) = app
        .pipeline
        .write(move |txn| {
            let outcome = txn.feed(&of, Input::Tap(tap.clone()))?;
            let answer = outcome.tap.unwrap_or(TapAnswer::Unknown);
            let name = match &answer {
                TapAnswer::TakenBy { staff } => board::staff_name(txn.db, *staff)?,
                _ => None,
            };
            Ok((
                answer,
                name.unwrap_or_default(),
                shop::store(txn.db, &of)?.timezone,
            ))
        })
        .await?;
    let texts = Texts::new(asked.lang(), localtime::zone(&timezone));
    match (tap_words(&texts, &answer, &name), asked.script) {
        (None, true) => Ok(StatusCode::NO_CONTENT.into_response()),
        (None, false) => Ok(Redirect::to(&format!("/staff/{store}")).into_response()),
        (Some(words), true) => Ok(Problem::conflict(words).into_response()),
        (Some(words), false) => {
            let html = draw(app, asked, staff, store, Some(words)).await?;
            Ok(asked.page(app, StatusCode::CONFLICT, html))
        }
    }
}
