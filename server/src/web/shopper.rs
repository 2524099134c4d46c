//! The shopper's own page: its link, its stream, its forms.

use axum::{
    Form,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Redirect, Response, sse::Event},
};
use axum_extra::extract::CookieJar;
use engine::input::{Consent, OrderState};
use protocol::CustomerId;
use rusqlite::Connection;
use serde::Deserialize;

use super::{
    i18n::{Lang, Texts},
    messages,
    phone::{
        CONSENT_TEXT_VERSION, OrderView, PhonePage, PickupView, TileUpdate, render_message,
        render_phone, render_pickup,
    },
    routes::{Asked, PageError, answer, cookie},
};
use crate::{
    api::{
        App,
        access::{SESSION_COOKIE, Shopper, check_csrf},
        app::{ShowMessage, follow_phone, no_consent, say_here, set_consent},
        problem::Problem,
        sse,
    },
    clock, localtime, secret,
    store::{
        StoreError, access, board, orders,
        orders::OrderRow,
        outbox::{self, DeliveryRow},
        people::{self, CustomerRow},
        shop::{self, StoreRow},
    },
};

/// Her page stays open for a month on her own phone.
const SESSION_MS: u64 = 30 * 86_400_000;
/// Messages stay on the page for a day.
const MESSAGES_MS: u64 = 86_400_000;

pub(super) async fn open(
    State(app): State<App>,
    asked: Asked,
    Path(token): Path<String>,
) -> Response {
    answer(&asked, async {
        let (session, csrf) = (secret::token("ws_")?, secret::token("")?);
        let (link, hash) = (secret::sha256(&token), secret::sha256(&session));
        app.pipeline
            .write(move |txn| {
                let customer = access::use_page_link(txn.db, txn.now_ms, &link)?;
                let expires_ms = txn.now_ms + SESSION_MS;
                let whose = Some(customer);
                access::add_session(txn.db, txn.now_ms, &hash, None, whose, &csrf, expires_ms)
            })
            .await?;
        let jar = CookieJar::new().add(cookie(&app, SESSION_COOKIE, session));
        Ok((jar, Redirect::to("/ik")).into_response())
    })
    .await
}

/// What her page is drawn from.
struct Known {
    customer: CustomerRow,
    consent: Consent,
    store: StoreRow,
    here_since_ms: Option<u64>,
    orders: Vec<(OrderRow, Vec<String>)>,
    messages: Vec<DeliveryRow>,
    visits: u32,
    intents: usize,
}

fn know(db: &Connection, id: CustomerId, lang: Lang, now_ms: u64) -> Result<Known, StoreError> {
    let store = board::store_for(db, id)?.ok_or(StoreError::NotFound("store"))?;
    let mut with_products = Vec::new();
    for order in orders::open_orders(db, id, Some(&store.0))? {
        let mut products = Vec::new();
        for (sku, _) in &order.lines {
            let name = shop::product(db, sku)?.name;
            products.push(if lang == Lang::Nl { name.nl } else { name.en });
        }
        with_products.push((order, products));
    }
    Ok(Known {
        customer: people::customer(db, id)?,
        consent: people::switches(&people::consent_since(db, id)?),
        here_since_ms: store.1,
        orders: with_products,
        messages: outbox::sent_since(db, id, now_ms.saturating_sub(MESSAGES_MS))?,
        visits: board::visit_count(db, id)?,
        intents: people::candidates(db, &store.0, id, 0)?.len(),
        store: shop::store(db, &store.0)?,
    })
}

fn pickup(known: &Known) -> PickupView {
    let view = |(order, products): &(OrderRow, Vec<String>)| OrderView {
        order: order.order,
        number: order.external_id.clone(),
        state: order.state,
        code: (order.state == OrderState::Ready).then(|| order.code.clone()),
        item_count: order.item_count(),
        products: products.clone(),
        keep_until_ms: None,
    };
    PickupView {
        orders: known.orders.iter().map(view).collect(),
        here_since_ms: known.here_since_ms,
    }
}

pub(super) async fn page(
    State(app): State<App>,
    asked: Asked,
    shopper: Result<Shopper, Problem>,
) -> Response {
    answer(&asked, async {
        let shopper = shopper?;
        let html = draw(&app, &asked, &shopper, None).await?;
        Ok(asked.page(&app, StatusCode::OK, html))
    })
    .await
}

/// Her own language, unless she chose another on the page.
fn language(asked: &Asked, customer: &CustomerRow) -> Lang {
    asked
        .chosen
        .or(Lang::from_code(&customer.language))
        .unwrap_or_default()
}

async fn draw(
    app: &App,
    asked: &Asked,
    shopper: &Shopper,
    said: Option<&'static str>,
) -> Result<String, PageError> {
    let now_ms = clock::now_ms();
    let (id, asked) = (shopper.customer, asked.clone());
    let csrf = shopper.csrf.clone();
    let page = app.readers.read(move |db| {
        let lang = language(&asked, &people::customer(db, id)?);
        let known = know(db, id, lang, now_ms)?;
        let texts = Texts::new(lang, localtime::zone(&known.store.timezone));
        let mut messages = Vec::new();
        for row in &known.messages {
            messages.extend(messages::offer(db, row, &texts)?.map(|(view, _)| view));
        }
        Ok(PhonePage {
            csrf,
            other_lang_href: asked.other_lang_href(lang),
            pickup: pickup(&known),
            open_until_ms: open_until_ms(&known.store, now_ms),
            messages,
            consent: known.consent,
            messages_per_day_max: known.store.messages_per_day_max,
            kept: kept(&texts, &known),
            said: said.map(|key| texts.get(key)),
            given_name: known.customer.given_name,
            store_name: known.store.name,
            texts,
        })
    });
    Ok(render_phone(&page.await?, now_ms)?)
}

fn open_until_ms(store: &StoreRow, now_ms: u64) -> Option<u64> {
    let (midnight_ms, minute) = localtime::local_day(&store.timezone, now_ms);
    let (opens, closes) = (shop::minutes(&store.opens)?, shop::minutes(&store.closes)?);
    (opens..closes)
        .contains(&minute)
        .then(|| midnight_ms + u64::from(closes) * 60_000)
}

fn kept(t: &Texts, known: &Known) -> Vec<(String, String)> {
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    vec![
        (t.get("kept-name"), t.get("kept-name-until")),
        (t.get("kept-visits"), known.visits.to_string()),
        (
            t.get("kept-intents"),
            t.count("kept-intents-count", count(known.intents)),
        ),
        (t.get("kept-messages"), known.messages.len().to_string()),
        (t.get("kept-path"), t.get("kept-path-not")),
    ]
}

#[derive(Deserialize)]
pub(super) struct HereForm {
    csrf: String,
}

pub(super) async fn here(
    State(app): State<App>,
    asked: Asked,
    shopper: Result<Shopper, Problem>,
    Form(form): Form<HereForm>,
) -> Response {
    answer(&asked, async {
        let shopper = shopper?;
        check_csrf(&form.csrf, &shopper.csrf)?;
        let customer = shopper.customer;
        let seen = app
            .pipeline
            .write(move |txn| {
                let (store, _) =
                    board::store_for(txn.db, customer)?.ok_or(StoreError::NotFound("store"))?;
                // The page is no radio of hers; the sighting stands under her own id.
                let radio = protocol::RadioId(customer.0);
                say_here(txn, customer, radio, &store)
            })
            .await?;
        match (seen, asked.script) {
            (true, true) => Ok(StatusCode::NO_CONTENT.into_response()),
            (true, false) => {
                let html = draw(&app, &asked, &shopper, Some("say-here")).await?;
                Ok(asked.page(&app, StatusCode::OK, html))
            }
            (false, true) => {
                let texts = Texts::new(asked.lang(), localtime::zone("UTC"));
                Ok(no_consent()
                    .with_detail(texts.get("say-here-no-consent"))
                    .into_response())
            }
            (false, false) => {
                let html = draw(&app, &asked, &shopper, Some("say-here-no-consent")).await?;
                Ok(asked.page(&app, StatusCode::FORBIDDEN, html))
            }
        }
    })
    .await
}

#[derive(Deserialize)]
pub(super) struct ChoicesForm {
    csrf: String,
    text_version: String,
    lang: String,
    arrival: Option<String>,
    messages: Option<String>,
    browsing: Option<String>,
    statistics: Option<String>,
}

pub(super) async fn choose(
    State(app): State<App>,
    asked: Asked,
    shopper: Result<Shopper, Problem>,
    Form(form): Form<ChoicesForm>,
) -> Response {
    answer(&asked, async {
        let shopper = shopper?;
        check_csrf(&form.csrf, &shopper.csrf)?;
        if form.text_version != CONSENT_TEXT_VERSION || Lang::from_code(&form.lang).is_none() {
            // What she agreed to is what stood on her screen; these words have changed since.
            return Err(Problem::conflict("the words have changed: load the page again").into());
        }
        let wanted = |field: &Option<String>| match field.as_deref() {
            Some("yes") => Some(true),
            Some("no") => Some(false),
            _ => None,
        };
        let switches = [
            &form.arrival,
            &form.messages,
            &form.browsing,
            &form.statistics,
        ]
        .map(wanted);
        let customer = shopper.customer;
        app.pipeline
            .write(move |txn| {
                set_consent(
                    txn,
                    customer,
                    switches,
                    &form.text_version,
                    &form.lang,
                    "page",
                )
            })
            .await?;
        if asked.script {
            return Ok(StatusCode::NO_CONTENT.into_response());
        }
        Ok(Redirect::to("/ik").into_response())
    })
    .await
}

pub(super) async fn events(
    State(app): State<App>,
    asked: Asked,
    shopper: Result<Shopper, Problem>,
    headers: HeaderMap,
) -> Response {
    answer(&asked, async {
        let shopper = shopper?;
        let after = sse::last_event_id(&headers);
        let (customer, csrf) = (shopper.customer, shopper.csrf);
        let show = AsTile {
            app: app.clone(),
            asked: asked.clone(),
            csrf,
        };
        Ok(sse::stream(move |writer| async move {
            follow_phone(&app, customer, after, &writer, show).await
        }))
    })
    .await
}

struct AsTile {
    app: App,
    asked: Asked,
    csrf: String,
}

/// Offers come as tiles; any other message says that something about her orders or her visit
/// changed, so that tile is drawn anew.
impl ShowMessage for AsTile {
    async fn show(&self, row: DeliveryRow) -> Option<Event> {
        let (asked, csrf, n) = (self.asked.clone(), self.csrf.clone(), row.n);
        let drawn = self
            .app
            .readers
            .read(move |db| Ok(tile(db, &asked, &csrf, &row)));
        let (name, html) = drawn.await.ok()?.ok()?;
        let data = serde_json::to_string(&TileUpdate { html }).ok()?;
        Some(Event::default().event(name).id(n.to_string()).data(data))
    }
}

fn tile(
    db: &Connection,
    asked: &Asked,
    csrf: &str,
    row: &DeliveryRow,
) -> Result<(&'static str, String), Problem> {
    let now_ms = clock::now_ms();
    let lang = language(asked, &people::customer(db, row.customer)?);
    let texts = messages::texts(db, row, lang)?;
    if let Some((view, _)) = messages::offer(db, row, &texts)? {
        return Ok(("message", render_message(&texts, &view, now_ms)?));
    }
    let known = know(db, row.customer, lang, now_ms)?;
    Ok((
        "orders",
        render_pickup(&texts, csrf, &pickup(&known), now_ms)?,
    ))
}
