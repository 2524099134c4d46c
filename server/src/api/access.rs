//! Who is asking: extractors that let in or refuse.
//!
//! In: `Authorization: Bearer`, or a session cookie. Out: who it is and what may be done.
//! Deny by default: a handler without one of these in its signature serves nothing of anybody.
//! Invariant: a token is looked up by its hash; the token itself is never kept.

use axum::{
    extract::FromRequestParts,
    http::{Method, header, request::Parts},
};
use axum_extra::extract::CookieJar;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use protocol::{CustomerId, DeviceId};
use subtle::ConstantTimeEq;

use super::{App, problem::Problem};
use crate::{
    clock, secret,
    store::{
        access::{self, KeyRole, SessionOf, SessionRow, StaffRow},
        people,
    },
};

/// The session cookie. `__Host-` would demand https; on loopback it may be http.
pub const SESSION_COOKIE: &str = "welkom_session";
/// Where scripts put the session's token against forgery.
pub const CSRF_HEADER: &str = "x-csrf-token";

pub(super) fn bearer(parts: &Parts) -> Result<&str, Problem> {
    parts
        .headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "))
        .ok_or_else(|| Problem::unauthorized("send Authorization: Bearer and a key or token"))
}

async fn key(parts: &Parts, app: &App) -> Result<(KeyRole, String), Problem> {
    let hash = secret::sha256(bearer(parts)?);
    let role = app.readers.read(move |db| access::key(db, &hash)).await?;
    let (role, _) = role.ok_or_else(|| Problem::unauthorized("this API key is not known"))?;
    Ok((role, hex::encode(&hash[..8])))
}

/// A shop system, or the operator.
pub struct ShopKey {
    /// A name for the key that opens nothing.
    pub name: String,
}

impl FromRequestParts<App> for ShopKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let (role, name) = key(parts, app).await?;
        match role {
            KeyRole::Shop | KeyRole::Admin => Ok(Self { name }),
            KeyRole::Track => Err(Problem::forbidden(
                "this needs an API key of role shop or admin",
            )),
        }
    }
}

/// The operator.
pub struct AdminKey;

impl FromRequestParts<App> for AdminKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        match key(parts, app).await?.0 {
            KeyRole::Admin => Ok(Self),
            KeyRole::Shop | KeyRole::Track => {
                Err(Problem::forbidden("this needs an API key of role admin"))
            }
        }
    }
}

/// A web shop that tells what shoppers do: a write key, as the user name of HTTP Basic.
pub struct WriteKey {
    /// What the key is called.
    pub name: String,
}

impl FromRequestParts<App> for WriteKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let hash = secret::sha256(&basic_user(parts)?);
        let found = app.readers.read(move |db| access::key(db, &hash)).await?;
        match found {
            Some((KeyRole::Track, name)) => Ok(Self { name }),
            Some(_) => Err(Problem::forbidden(
                "this needs a key of role track: others may do too much to be in a web page",
            )),
            None => Err(Problem::unauthorized("this write key is not known")),
        }
    }
}

fn basic_user(parts: &Parts) -> Result<String, Problem> {
    let how = "send Authorization: Basic with the write key as user name and no password";
    let value = parts.headers.get(header::AUTHORIZATION);
    let value = value
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let plain = value
        .strip_prefix("Basic ")
        .and_then(|coded| STANDARD.decode(coded.trim()).ok())
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .ok_or_else(|| Problem::unauthorized(how))?;
    let (user, _) = plain.split_once(':').unwrap_or((&plain, ""));
    Ok(user.to_owned())
}

/// The name under which a key's earlier answers are kept; none without a known key.
pub(super) async fn principal(parts: &Parts, app: &App) -> Option<String> {
    key(parts, app).await.ok().map(|(_, name)| name)
}

/// A shopper's phone.
#[derive(Debug, Clone)]
pub struct Phone {
    /// Which device.
    pub device: DeviceId,
    /// Whose.
    pub customer: CustomerId,
    /// What its sightings are signed with.
    pub signing_key: Vec<u8>,
}

impl FromRequestParts<App> for Phone {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let hash = secret::sha256(bearer(parts)?);
        let row = app
            .readers
            .read(move |db| people::device_by_token(db, &hash))
            .await?;
        let row = row.ok_or_else(|| Problem::unauthorized("this device token is not known"))?;
        Ok(Self {
            device: row.device,
            customer: row.customer,
            signing_key: row.signing_key.unwrap_or_default(),
        })
    }
}

async fn session(parts: &mut Parts, app: &App) -> Result<SessionRow, Problem> {
    let jar = CookieJar::from_headers(&parts.headers);
    let cookie = jar
        .get(SESSION_COOKIE)
        .ok_or_else(|| Problem::unauthorized("log in first"))?;
    let (hash, now_ms) = (secret::sha256(cookie.value()), clock::now_ms());
    let row = app
        .readers
        .read(move |db| access::session(db, now_ms, &hash))
        .await?;
    let row = row.ok_or_else(|| Problem::unauthorized("the session is over: log in again"))?;
    if parts.method != Method::GET && parts.method != Method::HEAD {
        forged(parts, &row.csrf)?;
    }
    Ok(row)
}

/// Scripts send the token in a header and are checked here; a form carries it in its body, where
/// the handler checks it with [`check_csrf`].
fn forged(parts: &Parts, csrf: &str) -> Result<(), Problem> {
    match parts.headers.get(CSRF_HEADER) {
        Some(given) => check_csrf(given.to_str().unwrap_or_default(), csrf),
        None if is_form(parts) => Ok(()),
        None => Err(Problem::forbidden("send the page's X-CSRF-Token")),
    }
}

fn is_form(parts: &Parts) -> bool {
    let kind = parts
        .headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    kind.is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"))
}

/// Compares a form's token with the session's.
pub fn check_csrf(given: &str, csrf: &str) -> Result<(), Problem> {
    if bool::from(given.as_bytes().ct_eq(csrf.as_bytes())) {
        Ok(())
    } else {
        Err(Problem::forbidden(
            "this form is of another session: load the page again",
        ))
    }
}

/// A colleague who is logged in.
#[derive(Debug, Clone)]
pub struct Staff {
    /// Who.
    pub row: StaffRow,
    /// The session's token against forgery.
    pub csrf: String,
    /// The session, as its rows are kept.
    pub session: [u8; 32],
}

impl FromRequestParts<App> for Staff {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let SessionRow { of, csrf } = session(parts, app).await?;
        let jar = CookieJar::from_headers(&parts.headers);
        let token = jar.get(SESSION_COOKIE).map_or("", |cookie| cookie.value());
        let session = secret::sha256(token);
        match of {
            SessionOf::Staff(row) => Ok(Self {
                row: *row,
                csrf,
                session,
            }),
            SessionOf::Customer(_) => Err(Problem::forbidden("this page is for staff")),
        }
    }
}

/// A shopper on her own page.
#[derive(Debug, Clone)]
pub struct Shopper {
    /// Who.
    pub customer: CustomerId,
    /// The session's token against forgery.
    pub csrf: String,
}

impl FromRequestParts<App> for Shopper {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let SessionRow { of, csrf } = session(parts, app).await?;
        match of {
            SessionOf::Customer(customer) => Ok(Self { customer, csrf }),
            SessionOf::Staff(_) => Err(Problem::forbidden("this page is a shopper's own")),
        }
    }
}
