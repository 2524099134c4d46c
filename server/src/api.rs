//! HTTP: what shop systems, phones and pages ask.
//!
//! In: requests. Out: JSON and problems, server-sent events, pages.
//! Each room below holds the routes of one kind of asker; `access` says who is who.
//! Invariant: every write goes through the pipeline; every read through `store`.

pub mod access;
pub mod app;
pub mod campaigns;
pub mod catalogue;
pub mod customers;
pub mod displays;
pub(crate) mod export;
pub mod figures;
#[cfg(test)]
pub(crate) mod fixtures;
pub mod fleet;
pub mod floor;
pub mod funnel;
pub mod gateways;
pub mod history;
pub mod home;
mod idempotency;
pub mod loyalty;
pub mod orders;
pub mod problem;
pub mod radios;
pub mod receivers;
mod seal;
pub mod settings;
pub mod shop;
pub mod sources;
pub(crate) mod sse;
pub mod track;
pub mod uplift;
pub mod visits;
pub mod waits;
pub mod webhooks;
mod wire;

use std::{ops::Deref, sync::Arc};

use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, Request},
    http::{HeaderName, HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::Response,
    routing::get,
};
use serde::{Deserialize, Serialize};
use tokio::sync::{Semaphore, watch};
use utoipa::{
    OpenApi, ToSchema,
    openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use self::problem::Problem;
pub(crate) use self::wire::moment;
use crate::{
    broker::Credentials,
    deliver::push::Providers,
    fleet::Fleet,
    identity::Identity,
    live::Live,
    maps::Maps,
    pipeline::{Counts, Pipeline},
    seal::Seals,
    secret,
    store::{Readers, StoreError},
};

/// Bytes of a body at most; imports may be larger, see [`customers`].
const BODY_LEN_MAX: usize = 256 * 1024;

/// What every handler can reach.
#[derive(Clone)]
pub struct App(Arc<Parts>);

/// The parts of [`App`].
pub struct Parts {
    /// Writes.
    pub pipeline: Pipeline,
    /// Reads.
    pub readers: Readers,
    /// Open pages.
    pub live: Arc<Live>,
    /// Who is who over the air.
    pub identity: Arc<Identity>,
    /// What opens batches.
    pub seals: Arc<Seals>,
    /// How gateways do.
    pub fleet: Arc<Fleet>,
    /// Stores at a glance.
    pub maps: Maps,
    /// The broker's list.
    pub credentials: Arc<Credentials>,
    /// Who wakes phones that sleep.
    pub providers: Arc<Providers>,
    /// What others name may be sent to although it is not public.
    pub private_addresses: bool,
    /// Counters.
    pub counts: Arc<Counts>,
    /// Where gateways find the broker.
    pub mqtt_host: String,
    /// And on which port.
    pub mqtt_port: u16,
    /// What a gateway that is set up must trust.
    pub trust: crate::tls::Trust,
    /// Codes of gateways that nobody gave out, by whence they came.
    pub wrong_codes: crate::web::logins::Logins,
    /// Cookies travel over https only.
    pub secure_cookies: bool,
    /// How people reach this server, if the settings say so.
    pub public_url: Option<String>,
    /// What open boards are told.
    pub feeds: crate::web::staff::feed::Feeds,
    /// Failed log-ins.
    pub logins: crate::web::logins::Logins,
    /// Messages that are shown on a manager's own phone.
    pub trials: crate::web::trials::Trials,
    /// Webhooks whose signature was wrong.
    pub refusals: webhooks::Refusals,
    /// Password hashes computed at once: each takes 19 MiB and a core.
    pub hashing: Semaphore,
    /// At a store's home: how the line to the central server is.
    pub line: Option<watch::Receiver<crate::home::line::Health>>,
    /// Turns true when open streams must end.
    pub shutdown: watch::Receiver<bool>,
}

impl Deref for App {
    type Target = Parts;
    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl App {
    /// Shares the parts.
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }
}

#[derive(OpenApi)]
#[openapi(info(
    title = "Welkom",
    description = "Stores, customers, orders and the shopper's app. Errors are RFC 9457 problems. \
                   Times are Unix milliseconds of the server's clock. Lists are pages: ask again \
                   with `after` = `next`."
))]
struct Doc;

/// Says of each route with what it is asked: a key, or a device's token; some with nothing.
fn with_security(mut doc: utoipa::openapi::OpenApi) -> utoipa::openapi::OpenApi {
    let components = doc.components.get_or_insert_default();
    for (name, description) in [
        ("api_key", "a key of the shop or the operator"),
        ("device", "the token of an enrolled device"),
        ("home", "the token of a machine in a store"),
    ] {
        let mut http = Http::new(HttpAuthScheme::Bearer);
        http.description = Some(description.to_owned());
        components.add_security_scheme(name, SecurityScheme::Http(http));
    }
    let mut basic = Http::new(HttpAuthScheme::Basic);
    basic.description = Some("a key of role track as user name, no password".to_owned());
    components.add_security_scheme("write_key", SecurityScheme::Http(basic));
    for (path, item) in &mut doc.paths.paths {
        let scheme = match path.as_str() {
            // A phone and a gateway have no token yet, and the time is no secret.
            "/v1/app/enrol" | "/v1/app/time" | "/v1/enrol" => None,
            path if path.starts_with("/v1/app/") => Some("device"),
            path if path.starts_with("/v1/home/") => Some("home"),
            "/v1/track" | "/v1/identify" | "/v1/batch" => Some("write_key"),
            // Each message is signed.
            path if path.starts_with("/v1/webhooks/") => None,
            _ => Some("api_key"),
        };
        let needed = scheme.map(|name| SecurityRequirement::new(name, Vec::<String>::new()));
        let methods = [
            &mut item.get,
            &mut item.put,
            &mut item.post,
            &mut item.delete,
        ];
        for operation in methods.into_iter().flatten() {
            operation.security = Some(needed.iter().cloned().collect());
        }
    }
    doc
}

/// All routes.
pub fn router(app: App) -> Router {
    let (api, doc) = OpenApiRouter::with_openapi(Doc::openapi())
        .routes(routes!(shop::put_store))
        .routes(routes!(floor::put_zone))
        .routes(routes!(floor::put_anchor))
        .routes(routes!(shop::post_gateway))
        .routes(routes!(gateways::post_enrolment))
        .routes(routes!(gateways::redeem))
        .routes(routes!(displays::post_display))
        .routes(routes!(radios::post_radio))
        .routes(routes!(displays::delete_display))
        .routes(routes!(shop::put_staff))
        .routes(routes!(catalogue::put_product))
        .routes(routes!(catalogue::put_placement))
        .routes(routes!(catalogue::put_category_placement))
        .routes(routes!(catalogue::put_stock))
        .routes(routes!(catalogue::put_article))
        .routes(routes!(sources::put_source))
        .routes(routes!(sources::get_sources))
        .routes(routes!(webhooks::test_order::test_source))
        .routes(routes!(sources::get_tasks))
        .routes(routes!(sources::put_task_done))
        .routes(routes!(customers::post_customer, customers::find_customer))
        .routes(routes!(customers::get_customer, customers::delete_customer))
        .routes(routes!(export::export_customer))
        .routes(routes!(customers::post_enrolment))
        .routes(routes!(customers::post_page_link))
        .routes(routes!(customers::post_intent))
        .routes(routes!(customers::post_receipt))
        .routes(routes!(orders::post_order))
        .routes(routes!(orders::put_state))
        .routes(routes!(campaigns::list, campaigns::post))
        .routes(routes!(campaigns::get, campaigns::put))
        .routes(routes!(campaigns::put_state))
        .routes(routes!(campaigns::preview))
        .routes(routes!(campaigns::replay))
        .routes(routes!(loyalty::get_rules))
        .routes(routes!(loyalty::put_rule))
        .routes(routes!(loyalty::get_tiers, loyalty::put_tiers))
        .routes(routes!(loyalty::redeem))
        .routes(routes!(uplift::uplift))
        .routes(routes!(visits::visits))
        .routes(routes!(visits::visit))
        .routes(routes!(history::cards))
        .routes(routes!(history::decisions))
        .routes(routes!(fleet::gateways))
        .routes(routes!(fleet::beacons))
        .routes(routes!(settings::get_store, settings::put_store))
        .routes(routes!(settings::get_gateway, settings::put_gateway))
        .routes(routes!(seal::get_seal))
        .routes(routes!(seal::rotate))
        .routes(routes!(fleet::due))
        .routes(routes!(history::events))
        .routes(routes!(funnel::funnel))
        .routes(routes!(figures::figures))
        .routes(routes!(figures::figures_csv))
        .routes(routes!(waits::waits))
        .routes(routes!(history::server))
        .routes(routes!(receivers::get_webhooks))
        .routes(routes!(receivers::put_webhook, receivers::delete_webhook))
        .routes(routes!(receivers::deliveries))
        .routes(routes!(receivers::replay))
        .routes(routes!(app::enrol::enrol))
        .routes(routes!(app::enrol::rotate_key))
        .routes(routes!(app::enrol::time))
        .routes(routes!(
            app::consent::get_consent,
            app::consent::put_consent
        ))
        .routes(routes!(export::export_own))
        .routes(routes!(app::sightings::sightings))
        .routes(routes!(app::sightings::here))
        .routes(routes!(app::coming::coming))
        .routes(routes!(app::rating::rating))
        .routes(routes!(app::help::help))
        .routes(routes!(app::share::share_order, app::share::unshare_order))
        .routes(routes!(
            app::loyalty::get_loyalty,
            app::loyalty::put_loyalty,
            app::loyalty::delete_loyalty
        ))
        .routes(routes!(app::messages::events))
        .routes(routes!(app::messages::displayed))
        .routes(routes!(app::messages::opened))
        .routes(routes!(app::push::put_push, app::push::delete_push))
        .routes(routes!(app::push::put_channels))
        .layer(middleware::from_fn_with_state(
            app.clone(),
            idempotency::layer,
        ))
        .layer(DefaultBodyLimit::max(BODY_LEN_MAX))
        .merge(
            OpenApiRouter::new()
                .routes(routes!(customers::import))
                .layer(DefaultBodyLimit::max(customers::IMPORT_LEN_MAX)),
        )
        .merge(
            OpenApiRouter::new()
                .routes(routes!(track::track))
                .routes(routes!(track::identify))
                .routes(routes!(track::batch))
                .layer(DefaultBodyLimit::max(track::BATCH_LEN_MAX)),
        )
        .merge(
            OpenApiRouter::new()
                .routes(routes!(webhooks::shopify))
                .routes(routes!(webhooks::woocommerce))
                .layer(DefaultBodyLimit::max(webhooks::WEBHOOK_LEN_MAX)),
        )
        .merge(
            OpenApiRouter::new()
                .routes(routes!(home::put_home, home::delete_home))
                .routes(routes!(home::claim))
                .routes(routes!(home::state))
                .routes(routes!(home::identities))
                .routes(routes!(home::journal))
                .routes(routes!(home::batches))
                .layer(DefaultBodyLimit::max(home::HOME_LEN_MAX)),
        )
        .split_for_parts();
    let doc = with_security(doc);
    api.route("/openapi.json", get(move || async move { Json(doc) }))
        .merge(crate::web::routes::router())
        .method_not_allowed_fallback(wrong_method)
        .layer(middleware::from_fn(security_headers))
        .layer(middleware::from_fn_with_state(
            app.clone(),
            home::board_alone,
        ))
        .with_state(app)
}

async fn wrong_method() -> Problem {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method",
        "Not with this method",
        "see /openapi.json for what this route takes",
    )
}

/// What of the device a page may use.
pub(crate) const PERMISSIONS_POLICY: HeaderName = HeaderName::from_static("permissions-policy");

/// Pages load nothing from elsewhere and are framed by nobody.
async fn security_headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in [
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
             frame-ancestors 'none'; form-action 'self'; base-uri 'none'",
        ),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        // The board alone has another word: there codes are read by the camera.
        (PERMISSIONS_POLICY, "camera=(), microphone=()"),
    ] {
        headers
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    }
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    response
}

/// Where a page of a list starts and how long it is.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// At most this many, 1 to 1,000; 200 if it is not said.
    limit: Option<u32>,
    /// The `next` of the page before.
    #[param(value_type = Option<String>)]
    after: Option<uuid::Uuid>,
}

impl PageQuery {
    fn limit(&self) -> Result<u32, Problem> {
        Self::checked(self.limit)
    }

    /// The same for lists with other cursors.
    fn checked(limit: Option<u32>) -> Result<u32, Problem> {
        match limit.unwrap_or(200) {
            limit @ 1..=1_000 => Ok(limit),
            _ => Err(Problem::invalid("limit: 1 to 1,000")),
        }
    }
}

/// One page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct Page<T> {
    /// Oldest first.
    items: Vec<T>,
    /// Ask again with `after` = this; none: that was all.
    next: Option<String>,
}

impl<T> Page<T> {
    fn new(items: Vec<T>, limit: u32, cursor: impl Fn(&T) -> String) -> Self {
        let full = items.len() >= limit as usize;
        let next = items.last().filter(|_| full).map(cursor);
        Self { items, next }
    }
}

/// A fresh id of any kind.
pub(crate) fn fresh<I>(make: impl Fn(u64, [u8; 10]) -> I, now_ms: u64) -> Result<I, StoreError> {
    Ok(make(now_ms, secret::random()?))
}
