//! The addresses of the pages, and what they have in common.
//!
//! In: a browser's request. Out: a page in its language, a redirect to the log-in, or an error
//! that says what to do.
//! Invariant: every form carries its session's token; every cookie is kept from scripts.

use axum::{
    Router,
    extract::{FromRequestParts, Path},
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header, request::Parts, uri::Authority},
    response::{Html, IntoResponse, Redirect, Response},
    routing::{get, post},
};
use axum_extra::extract::{
    CookieJar,
    cookie::{Cookie, SameSite},
};
use serde::Deserialize;

use super::{
    assets, collector,
    i18n::{Lang, Texts},
    login, manager, notify,
    porch::{ErrorPage, render_error},
    shopper, staff, trials,
    views::RenderError,
};
use crate::{
    api::{App, problem::Problem},
    localtime, secret,
};

/// Remembers the language that was chosen on a page.
const LANG_COOKIE: &str = "welkom_lang";

/// All pages.
pub fn router() -> Router<App> {
    Router::new()
        .route("/", get(|| async { Redirect::to("/login") }))
        .route("/login", get(login::page).post(login::submit))
        .route("/logout", post(login::end))
        .route("/staff/{store}", get(staff::board))
        .route("/staff/{store}/events", get(staff::events))
        .route("/staff/{store}/phone", post(staff::phones::subscribe))
        .route("/staff/{store}/phone/off", post(staff::phones::unsubscribe))
        .route("/staff/{store}/cards/{card}/{action}", post(staff::tap))
        .route(
            "/staff/{store}/rewards",
            get(staff::till::page).post(staff::till::redeem),
        )
        .route("/manage/{store}/fleet", get(manager::fleet::fleet))
        .route("/manage/{store}/fleet/events", get(manager::fleet::events))
        .route(
            "/manage/{store}/gateways",
            get(manager::gateways::list).post(manager::gateways::make),
        )
        .route(
            "/manage/{store}/gateways/{gateway}",
            get(manager::gateways::one),
        )
        .route(
            "/manage/{store}/gateways/{gateway}/events",
            get(manager::gateways::events),
        )
        .route(
            "/manage/{store}/gateways/{gateway}/place",
            post(manager::gateways::place),
        )
        .route(
            "/manage/{store}/gateways/{gateway}/settings",
            post(manager::gateways::tell),
        )
        .route("/manage/{store}/figures", get(manager::figures::figures))
        .route("/manage/{store}/figures.csv", get(manager::figures::sheet))
        .route("/manage/{store}/poster", get(manager::poster::poster))
        .route("/manage/{store}/map", get(manager::map::map))
        .route("/manage/{store}/map/events", get(manager::map::events))
        .route("/manage/{store}/visits/{visit}", get(manager::visit::visit))
        .route(
            "/manage/{store}/walk",
            get(manager::walk::walk).post(manager::walk::act),
        )
        .route("/manage/{store}/walk/events", get(manager::walk::events))
        .route("/manage/{store}/campaigns", get(manager::campaigns::list))
        .route(
            "/manage/{store}/campaigns/new",
            get(manager::campaigns::new).post(manager::campaigns::make),
        )
        .route(
            "/manage/{store}/campaigns/{campaign}",
            get(manager::campaigns::one).post(manager::campaigns::change),
        )
        .route(
            "/manage/{store}/integrations",
            get(manager::integrations::integrations).post(manager::integrations::act),
        )
        .route("/proef/{token}", get(trials::page))
        .route("/hallo/{token}", get(shopper::open))
        .route("/ik", get(shopper::page))
        .route("/ik/hier", post(shopper::here))
        .route("/ik/hulp", post(shopper::help::call))
        .route("/ik/keuzes", post(shopper::choose))
        .route("/ik/stil", post(shopper::be_quiet))
        .route("/ik/cijfer", post(shopper::rate))
        .route("/ik/ophalen", post(shopper::share::change))
        .route("/ophalen/{token}", get(collector::page))
        .route("/ophalen/{token}/hier", post(collector::here))
        .route(
            "/h/{store}",
            get(shopper::doorway::page).post(shopper::doorway::here),
        )
        .route("/ik/zoek", get(shopper::walk::search))
        .route("/ik/stempelkaart", post(shopper::stamps::change))
        .route("/ik/events", get(shopper::events))
        .route("/ik/gegevens", get(shopper::kept::page))
        .route("/ik/gegevens/kopie", get(shopper::kept::copy))
        .route("/ik/gegevens/online", post(shopper::kept::forget_online))
        .route(
            "/ik/gegevens/wissen",
            get(shopper::kept::ask_once_more).post(shopper::kept::erase),
        )
        .route("/tot-ziens", get(shopper::kept::goodbye))
        .route("/ik/meldingen", get(notify::pass).post(notify::subscribe))
        .route("/ik/meldingen/uit", post(notify::unsubscribe))
        .route("/ik/meldingen/{delivery}/{what}", post(notify::report))
        .route("/sw.js", get(notify::worker))
        .route("/assets/{name}", get(asset))
        .fallback(missing)
}

async fn asset(Path(name): Path<String>, headers: HeaderMap) -> Response {
    let Some(asset) = assets::serve(&name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let known = headers
        .get(header::IF_NONE_MATCH)
        .is_some_and(|tag| *tag == *asset.etag);
    let caching = [
        (header::CACHE_CONTROL, assets::CACHE_CONTROL.to_owned()),
        (header::ETAG, asset.etag.clone()),
    ];
    if known {
        return (StatusCode::NOT_MODIFIED, caching).into_response();
    }
    (
        caching,
        [(header::CONTENT_TYPE, asset.content_type)],
        asset.bytes.into_owned(),
    )
        .into_response()
}

/// Machines get a problem, people a page.
async fn missing(asked: Asked, uri: Uri) -> Response {
    if uri.path().starts_with("/v1/") {
        return Problem::not_found("there is no such route, see /openapi.json").into_response();
    }
    PageError::from(Problem::not_found("")).into_page(&asked)
}

/// How a browser asks: its language, and whether a script does the asking.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    /// Chosen on a page, here or before; none: nobody chose.
    pub(super) chosen: Option<Lang>,
    /// What the browser prefers.
    pub(super) preferred: Lang,
    /// A script asks: answer in JSON.
    pub(super) script: bool,
    /// The path that was asked for.
    pub(super) path: String,
    /// Whether the language was chosen in this very request.
    chosen_now: bool,
}

#[derive(Deserialize)]
struct LangQuery {
    lang: Option<String>,
}

impl<S: Send + Sync> FromRequestParts<S> for Asked {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let text = |name| {
            parts
                .headers
                .get(name)
                .and_then(|v: &HeaderValue| v.to_str().ok())
        };
        let preferred = Lang::negotiate(text(header::ACCEPT_LANGUAGE));
        let script = text(header::ACCEPT).is_some_and(|accept| accept.contains("application/json"));
        let jar = CookieJar::from_headers(&parts.headers);
        let query = axum::extract::Query::<LangQuery>::from_request_parts(parts, state).await;
        let now = query
            .ok()
            .and_then(|q| Lang::from_code(q.0.lang.as_deref()?));
        let before = jar
            .get(LANG_COOKIE)
            .and_then(|c| Lang::from_code(c.value()));
        Ok(Self {
            chosen: now.or(before),
            preferred,
            script,
            path: parts.uri.path().to_owned(),
            chosen_now: now.is_some(),
        })
    }
}

impl Asked {
    /// What was chosen, else what the browser prefers.
    pub(super) fn lang(&self) -> Lang {
        self.chosen.unwrap_or(self.preferred)
    }

    /// This page in the other language.
    pub(super) fn other_lang_href(&self, lang: Lang) -> String {
        format!("{}?lang={}", self.path, lang.other().code())
    }

    /// A page; a language that was just chosen is remembered.
    pub(super) fn page(&self, app: &App, status: StatusCode, html: String) -> Response {
        let mut jar = CookieJar::new();
        if let (Some(lang), true) = (self.chosen, self.chosen_now) {
            jar = jar.add(cookie(app, LANG_COOKIE, lang.code().to_owned()));
        }
        (status, jar, Html(html)).into_response()
    }
}

/// A cookie of ours: for this site alone, not for scripts.
pub(super) fn cookie(app: &App, name: &'static str, value: String) -> Cookie<'static> {
    let mut cookie = Cookie::new(name, value);
    cookie.set_path("/");
    cookie.set_http_only(true);
    cookie.set_same_site(SameSite::Lax);
    cookie.set_secure(app.secure_cookies);
    cookie
}

/// How people reach this server: as the settings say, else as this browser did.
pub(crate) fn base(app: &App, headers: &HeaderMap, authority: Option<&Authority>) -> String {
    if let Some(url) = &app.public_url {
        return url.clone();
    }
    let scheme = if app.secure_cookies { "https" } else { "http" };
    let host = headers.get(header::HOST);
    let host = host.and_then(|host| host.to_str().ok());
    // HTTP/2 says it in the address.
    let host = host.or(authority.map(Authority::as_str));
    format!("{scheme}://{}", host.unwrap_or_default())
}

/// Why there is no page.
pub(super) struct PageError(Problem);

impl<E: Into<Problem>> From<E> for PageError {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl From<RenderError> for Problem {
    fn from(error: RenderError) -> Self {
        tracing::error!(%error, "a page could not be written");
        Self::internal()
    }
}

impl PageError {
    pub(super) fn status(&self) -> StatusCode {
        self.0.status()
    }

    /// A problem for scripts, the log-in for strangers, else a page.
    pub(super) fn into_page(self, asked: &Asked) -> Response {
        if asked.script {
            return self.0.into_response();
        }
        let status = self.0.status();
        let mut parts = asked.path.split('/').skip(1);
        let (area, store) = (parts.next(), parts.next().unwrap_or_default());
        let page = parts.next().unwrap_or_default();
        let one = parts.next().unwrap_or_default();
        let back_href = match (area, status) {
            (Some("staff"), StatusCode::UNAUTHORIZED) => {
                return Redirect::to(&format!("/login?store={store}")).into_response();
            }
            (Some("manage"), StatusCode::UNAUTHORIZED) => {
                let to = login::wanted(page, one);
                return Redirect::to(&format!("/login?store={store}&to={to}")).into_response();
            }
            // A colleague who may not in here has a board.
            (Some("manage"), StatusCode::FORBIDDEN) => format!("/staff/{store}"),
            _ => "/login".to_owned(),
        };
        let texts = Texts::new(asked.lang(), localtime::zone("UTC"));
        let (title, detail) = ErrorPage::words(&texts, status.as_u16());
        let id = secret::random::<4>().map(hex::encode).unwrap_or_default();
        let page = ErrorPage {
            texts,
            status: status.as_u16(),
            title,
            detail,
            kind: self.0.slug().to_owned(),
            id,
            back_href,
        };
        match render_error(&page, crate::clock::now_ms()) {
            Ok(html) => (status, Html(html)).into_response(),
            Err(_) => status.into_response(),
        }
    }
}

/// Runs a page's handler and turns an error into what the asker can use.
pub(super) async fn answer(
    asked: &Asked,
    page: impl Future<Output = Result<Response, PageError>>,
) -> Response {
    match page.await {
        Ok(response) => response,
        Err(error) => error.into_page(asked),
    }
}
