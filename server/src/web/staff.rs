//! The board: its page, its stream, its taps.

pub(crate) mod phones;
pub(super) mod till;

use std::collections::BTreeSet;

use axum::{
    Form,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Redirect, Response, sse::Event},
};
use engine::{
    Input,
    input::{OrderKind, Tap, TapAction},
    outcome::{Journey, TapAnswer},
};
use protocol::{CardId, StaffId, StoreId};
use serde::Deserialize;

use super::{
    board::{
        BoardPage, CardState, CardUpdate, CardView, Salutation, Strip, Viewer, WAIT_LIMIT_S,
        render_board, render_strip, tap_words,
    },
    i18n::Texts,
    routes::{Asked, PageError, answer},
    visit::ZoneNames,
};
use crate::{
    api::{
        App,
        access::{Staff, check_csrf},
        history::{ShowCard, card_changes},
        problem::Problem,
        sse,
    },
    clock,
    deliver::web_push::WebPush,
    localtime,
    store::{
        board::{self, CardRow},
        orders::OrderRow,
        shop, staff_push,
    },
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
        Ok(asked.page(&app, StatusCode::OK, html))
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
    let (row, zones, cards, today, push_on) = app
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
                staff_push::count(db, &session)? > 0,
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
        push_on,
        sign_out: Some("/logout".into()),
        said,
        strip: strip(&cards, today, now_ms),
        cards,
    };
    Ok(render_board(&page, now_ms)?)
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
    }
}

fn card_view(row: &CardRow, me: StaffId, zones: &ZoneNames, now_ms: u64) -> CardView {
    let card = &row.card;
    let waited_s = card.since_ms.saturating_sub(card.arrived_ms) / 1_000;
    let state = match (card.journey, card.taken_by) {
        (Journey::Served, _) => CardState::Served {
            waited_s,
            served_ms: card.since_ms,
            undo_until_ms: card.undo_until_ms,
        },
        (Journey::DepartedUnserved, _) => CardState::DepartedUnserved {
            waited_s,
            left_ms: card.since_ms,
        },
        (_, Some(staff)) if staff == me => CardState::TakenByMe,
        (_, Some(_)) => CardState::TakenBy {
            name: row.taken_by_name.clone().unwrap_or_default(),
        },
        (Journey::EnRoute | Journey::Nearby, None) => CardState::Coming {
            minutes: card.eta_ms.map(|eta_ms| minutes_to(eta_ms, now_ms)),
        },
        (_, None) => CardState::Waiting,
    };
    let kinds: BTreeSet<_> = row.orders.iter().map(|order| order.kind).collect();
    let bays: Vec<&str> = row.orders.iter().filter_map(|o| o.bay.as_deref()).collect();
    CardView {
        card: card.card,
        salutation: match row.customer.salutation.as_deref() {
            Some("mevrouw") => Some(Salutation::Ms),
            Some("de heer") => Some(Salutation::Mr),
            _ => None,
        },
        given_name: row.customer.given_name.clone(),
        family_name: row.customer.family_name.clone(),
        bay: (!bays.is_empty()).then(|| bays.join(", ")),
        kinds: kinds.into_iter().collect(),
        order_numbers: row
            .orders
            .iter()
            .filter(|order| order.kind != OrderKind::Help) // it has none that anybody knows
            .map(|order| order.external_id.clone())
            .collect(),
        item_count: row
            .orders
            .iter()
            .map(crate::store::orders::OrderRow::item_count)
            .sum(),
        lines_ready: lines_ready(&row.orders),
        window: row
            .orders
            .iter()
            .find_map(|order| order.details.from_ms.zip(order.due_ms)),
        age_checked: row.orders.iter().any(|order| order.details.age_checked),
        state,
        arrived_ms: card.arrived_ms,
        whereabouts: card
            .whereabouts
            .iter()
            .map(|(z, share)| (zones.name(z), *share))
            .collect(),
        not_here: card.not_here,
        check: card.check,
        called: card.called,
        code: None,
    }
}

/// Of the orders whose lines are counted: how many lie ready, unless all do.
fn lines_ready(orders: &[OrderRow]) -> Option<(u32, u32)> {
    let counted = orders.iter().filter_map(|order| {
        let all = u32::try_from(order.lines.len()).unwrap_or(u32::MAX);
        Some((order.details.lines_ready?.min(all), all))
    });
    let (ready, all) = counted.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    (ready < all).then_some((ready, all))
}

/// Whole minutes until then, at least one: who is late is nearly here.
fn minutes_to(eta_ms: u64, now_ms: u64) -> u32 {
    let minutes = eta_ms.saturating_sub(now_ms).div_ceil(60_000).max(1);
    u32::try_from(minutes).unwrap_or(u32::MAX)
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
        let (row, zones) = app
            .readers
            .read(move |db| Ok((shop::store(db, &of)?, shop::zone_names(db, &of)?)))
            .await?;
        let texts = Texts::new(asked.lang(), localtime::zone(&row.timezone));
        let viewer = Viewer {
            store: store.clone(),
            csrf: staff.csrf,
            texts,
        };
        let stream = BoardStream {
            app,
            viewer,
            me: staff.row.staff,
            zones: ZoneNames::new(zones, asked.lang()),
            timezone: row.timezone,
        };
        let after = sse::last_event_id(&headers);
        Ok(sse::stream(move |writer| stream.follow(after, writer)))
    })
    .await
}

struct BoardStream {
    app: App,
    viewer: Viewer,
    me: StaffId,
    zones: ZoneNames,
    timezone: String,
}

impl BoardStream {
    async fn follow(self, after: Option<u64>, writer: sse::Writer) -> Result<(), sse::Gone> {
        let (app, store) = (self.app.clone(), self.viewer.store.clone());
        card_changes(&app, &store, after, &writer, self).await
    }

    fn card_data(&self, row: &CardRow) -> Option<String> {
        let now_ms = clock::now_ms();
        let update = match row.card.journey {
            Journey::Withdrawn | Journey::Created => CardUpdate::gone(row.card.card),
            _ => {
                let view = card_view(row, self.me, &self.zones, now_ms);
                CardUpdate::of(&self.viewer, &view, now_ms).ok()?
            }
        };
        serde_json::to_string(&update).ok()
    }

    async fn strip_data(&self) -> Option<String> {
        let (of, now_ms) = (self.viewer.store.clone(), clock::now_ms());
        let midnight_ms = localtime::local_day(&self.timezone, now_ms).midnight_ms;
        let figures = self.app.readers.read(move |db| {
            Ok((
                board::cards_on_board(db, &of, now_ms)?,
                board::today(db, &of, midnight_ms)?,
            ))
        });
        let (cards, today) = figures.await.ok()?;
        let cards: Vec<_> = cards
            .iter()
            .map(|card| card_view(card, self.me, &self.zones, now_ms))
            .collect();
        let html = render_strip(&self.viewer.texts, &strip(&cards, today, now_ms)).ok()?;
        Some(serde_json::json!({ "html": html }).to_string())
    }
}

impl ShowCard for BoardStream {
    async fn show(&self, n: u64, row: CardRow) -> Vec<Event> {
        let mut events = vec![];
        if let Some(data) = self.card_data(&row) {
            events.push(Event::default().event("card").id(n.to_string()).data(data));
        }
        if let Some(data) = self.strip_data().await {
            events.push(Event::default().event("strip").data(data));
        }
        events
    }
}

#[derive(Deserialize)]
pub(super) struct TapForm {
    csrf: String,
    #[serde(default)]
    code: String,
    age: Option<String>,
}

pub(super) async fn tap(
    State(app): State<App>,
    asked: Asked,
    staff: Result<Staff, Problem>,
    Path((store, card, action)): Path<(StoreId, CardId, String)>,
    Form(form): Form<TapForm>,
) -> Response {
    answer(&asked, async {
        let staff = entered(staff, &store)?;
        check_csrf(&form.csrf, &staff.csrf)?;
        let action = match action.as_str() {
            "take" => TapAction::Take,
            "undo" => TapAction::Undo,
            "not-here" => TapAction::NotHere,
            "hand-over" => TapAction::HandOver {
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
