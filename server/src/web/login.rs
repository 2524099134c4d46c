//! Logging in and out.

use axum::{
    Form,
    extract::{Query, State},
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use axum_extra::extract::CookieJar;
use protocol::{GatewayId, StoreId};
use serde::Deserialize;

use super::{
    i18n::Texts,
    logins::PAUSE_MS,
    porch::{LoginPage, LoginRefusal, render_login},
    routes::{Asked, PageError, answer, cookie},
};
use crate::{
    api::{
        App,
        access::{SESSION_COOKIE, Staff, check_csrf},
        problem::Problem,
    },
    clock, localtime, secret,
    store::{
        access::{self, StaffRow},
        shop::{self, StoreRow},
    },
};

/// A shift and the way home.
const SESSION_MS: u64 = 12 * 3_600_000;
/// The manager's pages: what `to` of the log-in's address may say.
const MANAGES: [&str; 8] = [
    "campaigns",
    "figures",
    "fleet",
    "gateways",
    "integrations",
    "map",
    "poster",
    "walk",
];
/// The token of the log-in form itself.
const LOGIN_COOKIE: &str = "welkom_login";

#[derive(Deserialize)]
pub(super) struct LoginQuery {
    store: Option<StoreId>,
    /// What was asked for before; a word, since an address could lead anywhere.
    to: Option<String>,
}

impl LoginQuery {
    /// The manager's page that was asked for.
    fn page(&self) -> Option<String> {
        let to = self.to.as_deref()?;
        let (page, one) = to.split_once('/').unwrap_or((to, ""));
        Some(wanted(known(page)?, one))
    }
}

/// What `to` says for who asked for this page of the manager's without being known. A page of one
/// visit is reached from the map.
pub(super) fn wanted(page: &str, one: &str) -> String {
    let page = known(page).unwrap_or("map");
    match one.parse::<GatewayId>() {
        // Somebody on a ladder has scanned its QR code.
        Ok(gateway) if page == "gateways" => format!("{page}/{gateway}"),
        _ => page.to_owned(),
    }
}

fn known(page: &str) -> Option<&'static str> {
    MANAGES.into_iter().find(|known| *known == page)
}

pub(super) async fn page(
    State(app): State<App>,
    asked: Asked,
    Query(query): Query<LoginQuery>,
) -> Response {
    answer(&asked, show(&app, &asked, &query, String::new(), None)).await
}

async fn show(
    app: &App,
    asked: &Asked,
    query: &LoginQuery,
    name: String,
    refused: Option<LoginRefusal>,
) -> Result<Response, PageError> {
    let row = store_or_first(app, query.store.clone()).await?;
    let csrf = secret::token("")?;
    let lang = asked.lang();
    let store = query.store.as_ref();
    let mut again = store.map_or_else(String::new, |store| format!("&store={store}"));
    if let Some(page) = query.page() {
        again.push_str("&to=");
        again.push_str(&page);
    }
    let timezone = row.as_ref().map_or("UTC", |row| &row.timezone);
    let page = LoginPage {
        texts: Texts::new(lang, localtime::zone(timezone)),
        csrf: csrf.clone(),
        action: format!("/login?lang={}{again}", lang.code()),
        other_lang_href: format!("/login?lang={}{again}", lang.other().code()),
        store_name: row.map_or_else(|| "Welkom".to_owned(), |row| row.name),
        name,
        refused,
    };
    let status = match refused {
        None => StatusCode::OK,
        Some(LoginRefusal::Wrong { .. }) => StatusCode::UNAUTHORIZED,
        Some(LoginRefusal::Wait { .. }) => StatusCode::TOO_MANY_REQUESTS,
    };
    let response = asked.page(app, status, render_login(&page, clock::now_ms())?);
    let jar = CookieJar::new().add(cookie(app, LOGIN_COOKIE, csrf));
    Ok((jar, response).into_response())
}

async fn store_or_first(app: &App, store: Option<StoreId>) -> Result<Option<StoreRow>, Problem> {
    let row = app.readers.read(move |db| {
        let store = store.or(shop::store_ids(db)?.into_iter().next());
        store.map(|store| shop::store(db, &store)).transpose()
    });
    Ok(row.await?)
}

#[derive(Deserialize)]
pub(super) struct LoginForm {
    csrf: String,
    name: String,
    password: String,
}

pub(super) async fn submit(
    State(app): State<App>,
    asked: Asked,
    jar: CookieJar,
    Query(query): Query<LoginQuery>,
    Form(form): Form<LoginForm>,
) -> Response {
    answer(&asked, log_in(&app, &asked, &jar, &query, form)).await
}

async fn log_in(
    app: &App,
    asked: &Asked,
    jar: &CookieJar,
    query: &LoginQuery,
    form: LoginForm,
) -> Result<Response, PageError> {
    let expected = jar
        .get(LOGIN_COOKIE)
        .map(axum_extra::extract::cookie::Cookie::value);
    check_csrf(&form.csrf, expected.unwrap_or("none"))?;
    let name = form.name.trim().to_lowercase();
    let wait_ms = app.logins.wait_ms(&name, clock::now_ms());
    if wait_ms > 0 {
        let refused = LoginRefusal::Wait {
            wait_s: wait_ms.div_ceil(1_000),
        };
        return show(app, asked, query, name, Some(refused)).await;
    }
    let Some(row) = verify(app, name.clone(), form.password).await? else {
        let refused = match app.logins.wrong(&name, clock::now_ms()) {
            0 => LoginRefusal::Wait {
                wait_s: PAUSE_MS / 1_000,
            },
            tries_left => LoginRefusal::Wrong { tries_left },
        };
        return show(app, asked, query, name, Some(refused)).await;
    };
    app.logins.right(&name);
    let home = row.store.clone().or(query.store.clone());
    let home = match home {
        Some(store) => store,
        None => {
            store_or_first(app, None)
                .await?
                .ok_or(Problem::not_found("store"))?
                .store
        }
    };
    let (token, csrf) = (secret::token("ws_")?, secret::token("")?);
    let hash = secret::sha256(&token);
    app.pipeline
        .write(move |txn| {
            let expires_ms = txn.now_ms + SESSION_MS;
            let staff = Some(row.staff);
            access::add_session(txn.db, txn.now_ms, &hash, staff, None, &csrf, expires_ms)
        })
        .await?;
    let jar = CookieJar::new().add(cookie(app, SESSION_COOKIE, token));
    let home = match query.page() {
        Some(page) => format!("/manage/{home}/{page}"),
        None => format!("/staff/{home}"),
    };
    Ok((jar, Redirect::to(&home)).into_response())
}

/// A name that nobody has takes as long as a wrong password, so time tells nothing.
async fn verify(app: &App, name: String, password: String) -> Result<Option<StaffRow>, Problem> {
    const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5bm9ib2R5$\
                          9cJ2mX0w4mOaPq8bJr0m3w3t0oYqfE1o0cC3x5T1g7o";
    let row = app
        .readers
        .read(move |db| access::staff_by_login(db, &name))
        .await?;
    let hash = row
        .as_ref()
        .map_or(NOBODY, |row| &row.password_hash)
        .to_owned();
    let place = app
        .hashing
        .acquire()
        .await
        .map_err(|_| Problem::internal())?;
    let verified =
        tokio::task::spawn_blocking(move || secret::verify_password(&password, &hash)).await;
    drop(place);
    match verified {
        Ok(Ok(true)) => Ok(row),
        Ok(Ok(false)) => Ok(None),
        // Nobody's hash is not one that argon2 made; only a real row's damage is news.
        _ if row.is_none() => Ok(None),
        _ => {
            tracing::error!("a password could not be checked");
            Err(Problem::internal())
        }
    }
}

#[derive(Deserialize)]
pub(super) struct EndForm {
    csrf: String,
}

pub(super) async fn end(
    State(app): State<App>,
    asked: Asked,
    jar: CookieJar,
    staff: Result<Staff, Problem>,
    Form(form): Form<EndForm>,
) -> Response {
    answer(&asked, async {
        check_csrf(&form.csrf, &staff?.csrf)?;
        if let Some(session) = jar.get(SESSION_COOKIE) {
            let hash = secret::sha256(session.value());
            app.pipeline
                .write(move |txn| access::end_session(txn.db, &hash))
                .await?;
        }
        let gone = CookieJar::new().add({
            let mut gone = cookie(&app, SESSION_COOKIE, String::new());
            gone.make_removal();
            gone
        });
        Ok((gone, Redirect::to("/login")).into_response())
    })
    .await
}
