//! The page of a trial: one message as a shopper reads it, on the phone of who wrote it.
//!
//! In: a message of example facts. Out: the page.
//! Promises: the tile is the shopper's own; the page says that it goes to nobody.
//! Invariant: names nobody.

use askama::Template;

use super::{
    i18n::Texts,
    phone::{MessageView, render_message},
    views::{Icon, Markup, RenderError, render, script_words},
};

/// Words that `trial.js` says itself.
pub const SCRIPT_WORDS: [&str; 3] = ["trial-shown", "trial-denied", "trial-failed"];

/// All of the page.
#[derive(Debug, Clone)]
pub struct TrialPage {
    /// In which words, in which time zone.
    pub texts: Texts,
    /// This page in the other language.
    pub other_lang_href: String,
    /// The store's name.
    pub store_name: String,
    /// Until when it can be opened.
    pub until_ms: u64,
    /// The message.
    pub shown: Shown,
}

/// The message in one language.
#[derive(Debug, Clone, PartialEq)]
pub enum Shown {
    /// As it would be told.
    Told(Box<MessageView>),
    /// There are no words in this language.
    NoWords,
    /// A gap in its words stays empty.
    Missing,
}

#[derive(Template)]
#[template(path = "trial.html")]
struct TrialTemplate<'a> {
    t: &'a Texts,
    page: &'a TrialPage,
    now_ms: u64,
    words: String,
    told: Option<&'a MessageView>,
    tile: Markup,
}

/// The whole page.
pub fn render_trial(page: &TrialPage, now_ms: u64) -> Result<String, RenderError> {
    let t = &page.texts;
    let told = match &page.shown {
        Shown::Told(message) => Some(message.as_ref()),
        Shown::NoWords | Shown::Missing => None,
    };
    let tile = told.map(|message| render_message(t, message, now_ms));
    let template = TrialTemplate {
        t,
        page,
        now_ms,
        words: script_words(t, &SCRIPT_WORDS),
        told,
        tile: Markup(tile.transpose()?.unwrap_or_default()),
    };
    render("trial", &template)
}
