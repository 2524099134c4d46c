//! The till: a customer's code, and what to give her for it.
//!
//! In: what a code was worth. Out: the whole page.
//! Invariant: says what to give only for a code that was good just now.

use askama::Template;
use protocol::StoreId;

use super::{
    i18n::Texts,
    views::{Icon, RenderError, render},
};

/// All of the page.
#[derive(Debug, Clone)]
pub struct TillPage {
    /// In which words, in which time zone.
    pub texts: Texts,
    /// The session's token.
    pub csrf: String,
    /// Which store.
    pub store: StoreId,
    /// Its name.
    pub store_name: String,
    /// This page in the other language.
    pub other_lang_href: String,
    /// What became of the last code; none: nothing was asked.
    pub answer: Option<TillAnswer>,
}

/// What became of a code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TillAnswer {
    /// Give her this.
    Give {
        /// The reward.
        what: String,
    },
    /// It was given before.
    Before {
        /// The reward.
        what: String,
        /// When.
        at_ms: u64,
        /// In which store.
        store: String,
    },
    /// Its time is over.
    Over {
        /// The reward.
        what: String,
        /// A moment on its last day.
        last_ms: u64,
    },
    /// No reward has this code.
    Unknown {
        /// As it was typed.
        code: String,
    },
}

#[derive(Template)]
#[template(path = "till.html")]
struct TillTemplate<'a> {
    t: &'a Texts,
    page: &'a TillPage,
    now_ms: u64,
}

impl TillTemplate<'_> {
    /// What she typed stands there again, to be mended.
    fn typed(&self) -> &str {
        match &self.page.answer {
            Some(TillAnswer::Unknown { code }) => code,
            _ => "",
        }
    }
}

/// The whole page.
pub fn render_till(page: &TillPage, now_ms: u64) -> Result<String, RenderError> {
    let template = TillTemplate {
        t: &page.texts,
        page,
        now_ms,
    };
    render("till", &template)
}
