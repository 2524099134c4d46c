//! The shopper's own page: its link, its stream, its forms; in a room below, all that we keep of her.

pub(super) mod doorway;
pub(super) mod help;
pub(super) mod kept;
mod pickup;
pub(super) mod share;
pub(super) mod stamps;
pub(super) mod walk;

use axum::{
    Form,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Redirect, Response, sse::Event},
};
use axum_extra::extract::CookieJar;
use engine::input::Consent;
use protocol::{CardId, CustomerId, StoreId};
use rusqlite::Connection;
use serde::Deserialize;
use tokio::sync::broadcast::error::RecvError;

use super::{
    i18n::{Lang, Texts},
    messages,
    phone::{
        CONSENT_TEXT_VERSION, ElsewhereView, PhonePage, PickupView, Quiet, TileUpdate,
        render_message, render_phone, render_pickup,
    },
    routes::{Asked, PageError, answer, cookie},
};
use crate::{
    api::{
        App,
        access::{SESSION_COOKIE, Shopper, check_csrf},
        app::{
            consent::set_consent,
            messages::{ShowMessage, follow_phone},
            sightings::{no_consent, say_here},
        },
        problem::Problem,
        sse,
    },
    clock,
    deliver::web_push::WebPush,
    localtime,
    pipeline::Txn,
    secret,
    store::{
        StoreError, access, board, campaigns, intents,
        outbox::{self, DeliveryRow},
        people::{self, CustomerRow},
        push,
        shop::{self, StoreRow},
        waits::{self, Rated},
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
    pickup: PickupView,
    messages: Vec<DeliveryRow>,
    visits: u32,
    intents: usize,
    push_addresses: u32,
    quiet: Quiet,
}

fn know(db: &Connection, id: CustomerId, lang: Lang, now_ms: u64) -> Result<Known, StoreError> {
    let store = board::store_for(db, id)?.ok_or(StoreError::NotFound("store"))?;
    let mutes = campaigns::mutes(db, id, now_ms)?;
    let consent = people::switches(&people::consent_since(db, id)?);
    Ok(Known {
        customer: people::customer(db, id)?,
        pickup: pickup::view(db, now_ms, (&store, id), lang, consent.arrival)?,
        consent,
        messages: outbox::sent_since(db, id, now_ms.saturating_sub(MESSAGES_MS))?,
        visits: board::visit_count(db, id)?,
        intents: intents::products(db, id)?,
        push_addresses: push::address_count(db, id)?,
        quiet: Quiet {
            today: mutes.paused_until_ms > now_ms,
            store: mutes.stores.contains(store.as_str()),
        },
        store: shop::store(db, &store)?,
    })
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
    said: Option<Came>,
) -> Result<String, PageError> {
    let now_ms = clock::now_ms();
    let (id, asked) = (shopper.customer, asked.clone());
    let csrf = shopper.csrf.clone();
    let push_key = app.providers.web.as_ref().map(WebPush::public_key);
    let page = app.readers.read(move |db| {
        let lang = language(&asked, &people::customer(db, id)?);
        let known = know(db, id, lang, now_ms)?;
        let texts = Texts::new(lang, localtime::zone(&known.store.timezone));
        let mut messages = Vec::new();
        for row in &known.messages {
            messages.extend(messages::view(db, row, &texts)?);
        }
        Ok(PhonePage {
            csrf,
            other_lang_href: asked.other_lang_href(lang),
            pickup: known.pickup.clone(),
            open_until_ms: open_until_ms(&known.store, now_ms),
            messages,
            stamps: stamps::view(db, now_ms, id, &texts)?,
            walk: match known.consent.browsing {
                true => walk::view(db, now_ms, &known.store.store, id, &texts)?,
                false => None,
            },
            consent: known.consent,
            quiet: known.quiet,
            messages_per_day_max: known.store.messages_per_day_max,
            kept: kept(&texts, &known),
            push_key,
            push_addresses: known.push_addresses,
            said: said.map(|came| came.words(&texts)),
            given_name: known.customer.given_name,
            store_name: known.store.name,
            texts,
        })
    });
    Ok(render_phone(&page.await?, now_ms)?)
}

pub(super) fn open_until_ms(store: &StoreRow, now_ms: u64) -> Option<u64> {
    let localtime::LocalDay {
        midnight_ms,
        minute,
        ..
    } = localtime::local_day(&store.timezone, now_ms);
    let (opens, closes) = (shop::minutes(&store.opens)?, shop::minutes(&store.closes)?);
    (opens..closes)
        .contains(&minute)
        .then(|| midnight_ms + u64::from(closes) * 60_000)
}

fn kept(t: &Texts, known: &Known) -> Vec<(String, String)> {
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let mut kept = vec![
        (t.get("kept-name"), t.get("kept-name-until")),
        (t.get("kept-visits"), known.visits.to_string()),
        (
            t.get("kept-intents"),
            t.count("kept-intents-count", count(known.intents)),
        ),
        (t.get("kept-messages"), known.messages.len().to_string()),
        (t.get("kept-path"), t.get("kept-path-not")),
    ];
    if known.push_addresses > 0 {
        kept.push((t.get("kept-push"), known.push_addresses.to_string()));
    }
    kept
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
        let chosen = asked.clone();
        let (came, lang) = app
            .pipeline
            .write(move |txn| {
                let lang = language(&chosen, &people::customer(txn.db, customer)?);
                let store = board::store_for(txn.db, customer)?;
                let store = store.ok_or(StoreError::NotFound("store"))?;
                Ok((come_in(txn, customer, &store)?, lang))
            })
            .await?;
        if asked.script {
            let texts = Texts::new(lang, localtime::zone("UTC"));
            let answer = match came {
                Came::Expected => StatusCode::NO_CONTENT.into_response(),
                Came::NoConsent => no_consent().with_detail(came.words(&texts)).into_response(),
                Came::NothingReady | Came::Elsewhere(_) => {
                    Problem::conflict(came.words(&texts)).into_response()
                }
            };
            return Ok(answer);
        }
        let status = came.status();
        let html = draw(&app, &asked, &shopper, Some(came)).await?;
        Ok(asked.page(&app, status, html))
    })
    .await
}

/// What came of "Ik ben er".
#[derive(Debug, Clone, PartialEq, Eq)]
enum Came {
    /// Staff have her card.
    Expected,
    /// She has not agreed that they may.
    NoConsent,
    /// Nothing of hers lies ready here.
    NothingReady,
    /// It lies in another store.
    Elsewhere(ElsewhereView),
}

impl Came {
    fn status(&self) -> StatusCode {
        match self {
            Self::Expected => StatusCode::OK,
            Self::NoConsent => StatusCode::FORBIDDEN,
            Self::NothingReady | Self::Elsewhere(_) => StatusCode::CONFLICT,
        }
    }

    fn words(&self, texts: &Texts) -> String {
        match self {
            Self::Expected => texts.get("say-here"),
            Self::NoConsent => texts.get("say-here-no-consent"),
            Self::NothingReady => texts.get("say-here-nothing"),
            Self::Elsewhere(order) => {
                let (number, store) = (order.number.as_str(), order.store_name.as_str());
                texts.with2("say-here-elsewhere", "number", number, "store", store)
            }
        }
    }
}

/// Feeds the sighting. Only a card on the board lets us say that somebody comes.
fn come_in(txn: &mut Txn<'_>, customer: CustomerId, store: &StoreId) -> Result<Came, StoreError> {
    // The page is no radio of hers; the sighting stands under her own id.
    let seen = say_here(txn, customer, protocol::RadioId(customer.0), store)?;
    if seen && board::waits_since(txn.db, store, customer)?.is_some() {
        return Ok(Came::Expected);
    }
    let (consent, _) = txn.consent_of(customer, store)?;
    let elsewhere = pickup::elsewhere(txn.db, store, customer)?;
    Ok(match elsewhere.into_iter().next() {
        _ if !consent.arrival => Came::NoConsent,
        Some(order) => Came::Elsewhere(order),
        None => Came::NothingReady,
    })
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

/// Which silence.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct QuietForm {
    csrf: String,
    #[serde(rename = "do")]
    what: String,
}

/// A pause until midnight, or silence from this store; and back. Her switches stay as they are.
pub(super) async fn be_quiet(
    State(app): State<App>,
    asked: Asked,
    shopper: Result<Shopper, Problem>,
    Form(form): Form<QuietForm>,
) -> Response {
    answer(&asked, async {
        let shopper = shopper?;
        check_csrf(&form.csrf, &shopper.csrf)?;
        let customer = shopper.customer;
        app.pipeline
            .write(move |txn| {
                let store = board::store_for(txn.db, customer)?;
                let store = store.ok_or(StoreError::NotFound("store"))?;
                let timezone = shop::store(txn.db, &store)?.timezone;
                let midnight_ms = localtime::local_day(&timezone, txn.now_ms).next_midnight_ms;
                match form.what.as_str() {
                    "pause" => campaigns::mute(txn.db, customer, "pause", "", Some(midnight_ms)),
                    "resume" => campaigns::unmute(txn.db, customer, "pause", ""),
                    "mute" => campaigns::mute(txn.db, customer, "store", store.as_str(), None),
                    "unmute" => campaigns::unmute(txn.db, customer, "store", store.as_str()),
                    _ => Err(StoreError::NotFound("button")),
                }
            })
            .await?;
        Ok(Redirect::to("/ik#keuzes").into_response())
    })
    .await
}

#[derive(Deserialize)]
pub(super) struct MarkForm {
    csrf: String,
    card: CardId,
    rating: u8,
}

/// How she was helped, 1 to 5.
pub(super) async fn rate(
    State(app): State<App>,
    asked: Asked,
    shopper: Result<Shopper, Problem>,
    Form(form): Form<MarkForm>,
) -> Response {
    answer(&asked, async {
        let shopper = shopper?;
        check_csrf(&form.csrf, &shopper.csrf)?;
        if !(1..=5).contains(&form.rating) {
            return Err(Problem::invalid("rating: 1 to 5").into());
        }
        let which = Rated::Card(form.card);
        app.pipeline
            .write(move |txn| {
                waits::rate(txn.db, shopper.customer, &which, form.rating, txn.now_ms)
            })
            .await?;
        Ok(Redirect::to("/ik#bestellingen").into_response())
    })
    .await
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
            let tile = Pickup {
                customer,
                drawn: show.clone(),
            };
            tokio::select! {
                ended = follow_phone(&app, customer, after, &writer, show) => ended,
                ended = tile.follow(&app, &writer) => ended,
            }
        }))
    })
    .await
}

/// Her orders' tile, drawn anew when her orders or her card change.
struct Pickup {
    customer: CustomerId,
    drawn: AsTile,
}

impl Pickup {
    async fn follow(self, app: &App, writer: &sse::Writer) -> Result<(), sse::Gone> {
        let mut live = app.live.follow_pickups();
        loop {
            match live.recv().await {
                Ok(customer) if customer != self.customer => continue,
                // What was missed may have been hers.
                Ok(_) | Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return Ok(()),
            }
            let (asked, csrf, customer) = (
                self.drawn.asked.clone(),
                self.drawn.csrf.clone(),
                self.customer,
            );
            let drawn = app
                .readers
                .read(move |db| Ok(pickup_tile(db, &asked, &csrf, customer)));
            match drawn.await {
                Ok(Ok(html)) => {
                    let data = serde_json::to_string(&TileUpdate { html }).unwrap_or_default();
                    writer
                        .send(Event::default().event("orders").data(data))
                        .await?;
                }
                Ok(Err(_)) => {}
                Err(error) => tracing::warn!(%error, "a live page could not be told"),
            }
        }
    }
}

fn pickup_tile(
    db: &Connection,
    asked: &Asked,
    csrf: &str,
    customer: CustomerId,
) -> Result<String, Problem> {
    let now_ms = clock::now_ms();
    let lang = language(asked, &people::customer(db, customer)?);
    let known = know(db, customer, lang, now_ms)?;
    let texts = Texts::new(lang, localtime::zone(&known.store.timezone));
    Ok(render_pickup(&texts, csrf, &known.pickup, now_ms)?)
}

#[derive(Clone)]
struct AsTile {
    app: App,
    asked: Asked,
    csrf: String,
}

/// Offers come as tiles. That staff know of her shows in her orders' tile, which follows them.
impl ShowMessage for AsTile {
    async fn show(&self, row: DeliveryRow) -> Option<Event> {
        let (asked, n) = (self.asked.clone(), row.n);
        let drawn = self
            .app
            .readers
            .read(move |db| Ok(message_tile(db, &asked, &row)));
        let html = drawn.await.ok()?.ok()??;
        let data = serde_json::to_string(&TileUpdate { html }).ok()?;
        let event = Event::default().event("message");
        Some(event.id(n.to_string()).data(data))
    }
}

fn message_tile(
    db: &Connection,
    asked: &Asked,
    row: &DeliveryRow,
) -> Result<Option<String>, Problem> {
    let lang = language(asked, &people::customer(db, row.customer)?);
    let texts = messages::texts(db, row, lang)?;
    match messages::view(db, row, &texts)? {
        Some(view) => Ok(Some(render_message(&texts, &view, clock::now_ms())?)),
        None => Ok(None),
    }
}
