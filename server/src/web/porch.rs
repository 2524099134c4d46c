//! Outside the door: signing in, and pages that are not there.
//!
//! In: what was refused, and why. Out: a page that says what happened, then what to do.
//! Invariant: says nothing about whether a name exists; shows no stack, path or query.

use askama::Template;

use super::{
    i18n::{Texts, minutes},
    views::{Icon, RenderError, render},
};

/// Signing in.
#[derive(Debug, Clone)]
pub struct LoginPage {
    /// In which words, in which time zone.
    pub texts: Texts,
    /// The token of the session that is about to begin.
    pub csrf: String,
    /// Where the form posts `csrf`, `name` and `password`.
    pub action: String,
    /// This page in the other language.
    pub other_lang_href: String,
    /// Of which store.
    pub store_name: String,
    /// As typed before; empty at first.
    pub name: String,
    /// Why the last try came to nothing.
    pub refused: Option<LoginRefusal>,
}

/// Why nobody was let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoginRefusal {
    /// Name or password is wrong; we do not say which.
    Wrong {
        /// Before a pause.
        tries_left: u32,
    },
    /// Too many tries.
    Wait {
        /// From now on.
        wait_s: u64,
    },
}

/// A page that is not there, or could not be made.
#[derive(Debug, Clone)]
pub struct ErrorPage {
    /// In which words, in which time zone.
    pub texts: Texts,
    /// HTTP status.
    pub status: u16,
    /// What happened.
    pub title: String,
    /// What to do.
    pub detail: String,
    /// A word for whoever helps, such as `visit-not-found`.
    pub kind: String,
    /// The request's id, as in the log.
    pub id: String,
    /// Where the big button leads.
    pub back_href: String,
}

impl ErrorPage {
    /// Words for a status, for who has none that say it better.
    pub fn words(texts: &Texts, status: u16) -> (String, String) {
        let (title, detail) = match status {
            401 | 403 => (texts.get("error-403-title"), texts.get("error-403-detail")),
            404 | 410 => (texts.get("error-404-title"), texts.get("error-404-detail")),
            429 => (texts.get("error-429-title"), texts.get("error-429-detail")),
            502..=504 => (texts.get("error-503-title"), texts.get("error-503-detail")),
            400..=499 => (texts.get("error-400-title"), texts.get("error-400-detail")),
            _ => (texts.get("error-500-title"), texts.get("error-500-detail")),
        };
        (title, detail)
    }
}

/// The page to sign in.
pub fn render_login(page: &LoginPage, now_ms: u64) -> Result<String, RenderError> {
    let t = &page.texts;
    let greeting = match t.hour(now_ms) {
        6..12 => t.get("login-morning"),
        12..18 => t.get("login-afternoon"),
        _ => t.get("login-evening"),
    };
    let refused = page.refused.map(|refusal| match refusal {
        LoginRefusal::Wrong { tries_left } => t.with("login-wrong", "tries", tries_left),
        LoginRefusal::Wait { wait_s } => t.with("login-wait", "time", minutes(wait_s)),
    });
    render(
        "login",
        &LoginTemplate {
            t,
            page,
            greeting,
            refused,
        },
    )
}

/// The page that says what went wrong.
pub fn render_error(page: &ErrorPage, now_ms: u64) -> Result<String, RenderError> {
    render(
        "error",
        &ErrorTemplate {
            t: &page.texts,
            page,
            now_ms,
        },
    )
}

#[derive(Template)]
#[template(path = "login.html")]
struct LoginTemplate<'a> {
    t: &'a Texts,
    page: &'a LoginPage,
    greeting: String,
    refused: Option<String>,
}

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorTemplate<'a> {
    t: &'a Texts,
    page: &'a ErrorPage,
    now_ms: u64,
}

#[cfg(test)]
mod tests;
