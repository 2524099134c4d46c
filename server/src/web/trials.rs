//! Messages on a manager's own phone: what one looks like where it will be read.
//!
//! In: a message made of example facts. Out: a page that opens on any phone for a quarter of an hour.
//! No customer is involved: a message to a real one would write a decision and a delivery, count in
//! her limits and in the figures of the campaign, and need her consent. So this one is made beside all
//! of that, is kept in memory alone, and says on the page that it goes to nobody.
//! Promises: at most [`TRIALS_MAX`] at once, the oldest goes; nobody guesses an address.
//! Invariant: no row is written, no limit is touched, no figure counts it.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use axum::{
    extract::{Path, State},
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use jiff::tz::TimeZone;

use super::{
    i18n::{Lang, Texts},
    routes::{Asked, PageError, answer},
    trial::{Shown, TrialPage, render_trial},
};
use crate::{
    api::{App, problem::Problem},
    clock, secret,
};

/// Trials kept at once.
pub const TRIALS_MAX: usize = 100;
/// How long a trial can be opened.
pub const TRIAL_MS: u64 = 15 * 60_000;

/// A message to be looked at.
#[derive(Debug, Clone, PartialEq)]
pub struct Trial {
    /// The store's name.
    pub store_name: String,
    /// The store's time zone.
    pub zone: TimeZone,
    /// In Dutch.
    pub nl: Shown,
    /// In English.
    pub en: Shown,
}

struct Kept {
    token: String,
    until_ms: u64,
    trial: Trial,
}

/// All that can be opened, the oldest first.
#[derive(Default)]
pub struct Trials {
    kept: Mutex<VecDeque<Kept>>,
}

impl Trials {
    /// Keeps a trial under this token; until when.
    pub fn keep(&self, token: String, trial: Trial, now_ms: u64) -> u64 {
        let until_ms = now_ms.saturating_add(TRIAL_MS);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|known| now_ms < known.until_ms);
        if kept.len() >= TRIALS_MAX {
            kept.pop_front();
        }
        kept.push_back(Kept {
            token,
            until_ms,
            trial,
        });
        until_ms
    }

    /// The trial under this token, and until when it can be opened.
    pub fn find(&self, token: &str, now_ms: u64) -> Option<(Trial, u64)> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let mut open = kept.iter().filter(|known| now_ms < known.until_ms);
        let found = open.find(|known| known.token == token)?;
        Some((found.trial.clone(), found.until_ms))
    }
}

/// Makes a trial that can be opened under the path that comes back, until the time that does.
pub(super) fn open(app: &App, trial: Trial, now_ms: u64) -> Result<(String, u64), Problem> {
    let token = secret::token("wt_")?;
    let path = format!("/proef/{token}");
    Ok((path, app.trials.keep(token, trial, now_ms)))
}

pub(super) async fn page(
    State(app): State<App>,
    asked: Asked,
    Path(token): Path<String>,
) -> Response {
    let drawn = async { draw(&app, &asked, &token) };
    answer(&asked, drawn).await
}

fn draw(app: &App, asked: &Asked, token: &str) -> Result<Response, PageError> {
    let now_ms = clock::now_ms();
    let Some((trial, until_ms)) = app.trials.find(token, now_ms) else {
        return Err(Problem::not_found("there is no such trial, or its time is over").into());
    };
    let lang = asked.lang();
    let page = TrialPage {
        texts: Texts::new(lang, trial.zone),
        other_lang_href: asked.other_lang_href(lang),
        store_name: trial.store_name,
        until_ms,
        shown: match lang {
            Lang::Nl => trial.nl,
            Lang::En => trial.en,
        },
    };
    let html = render_trial(&page, now_ms)?;
    let mut response = asked.page(app, StatusCode::OK, html);
    let never = HeaderValue::from_static("no-store");
    response.headers_mut().insert(header::CACHE_CONTROL, never);
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trial() -> Trial {
        Trial {
            store_name: "Kade 9".into(),
            zone: TimeZone::UTC,
            nl: Shown::NoWords,
            en: Shown::NoWords,
        }
    }

    #[test]
    fn a_trial_opens_under_its_own_token_for_a_quarter_of_an_hour() {
        let trials = Trials::default();
        let until_ms = trials.keep("wt_a".into(), trial(), 1_000);
        assert_eq!(until_ms, 1_000 + TRIAL_MS);
        assert_eq!(trials.find("wt_a", until_ms - 1), Some((trial(), until_ms)));
        assert_eq!(trials.find("wt_a", until_ms), None);
        assert_eq!(trials.find("wt_b", 1_000), None);
        assert_eq!(trials.find("", 1_000), None);
    }

    #[test]
    fn the_oldest_trial_goes_when_there_are_too_many() {
        let trials = Trials::default();
        for n in 0..=TRIALS_MAX as u64 {
            trials.keep(format!("wt_{n}"), trial(), n);
        }
        let now_ms = TRIALS_MAX as u64;
        assert!(trials.find("wt_0", now_ms).is_none());
        assert!(trials.find("wt_1", now_ms).is_some());
        assert!(trials.find(&format!("wt_{TRIALS_MAX}"), now_ms).is_some());
    }
}
