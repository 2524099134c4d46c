//! What we keep of a shopper, to be seen, taken along and erased: three pages of hers.
//!
//! In: what is kept, in words, grouped by why. Out: the pages.
//! Promises: each group says how long it is kept; nothing is erased before she was asked once more.
//! Invariant: shows one person's own data, and no key or address that opens something.

use askama::Template;

use super::{
    i18n::Texts,
    views::{Icon, RenderError, render},
};

/// Rows of a group on the page at most; all of them are in the copy.
pub const ROWS_SHOWN_MAX: usize = 100;

/// What is kept of her.
#[derive(Debug, Clone)]
pub struct KeptPage {
    /// In which words, in which time zone.
    pub texts: Texts,
    /// The session's token, for each form.
    pub csrf: String,
    /// This page in the other language.
    pub other_lang_href: String,
    /// By the reason for which it is kept.
    pub sections: Vec<SectionView>,
    /// What came of a button.
    pub said: Option<String>,
}

/// What is kept for one reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SectionView {
    /// The reason, as she would say it.
    pub heading: String,
    /// What it is kept as.
    pub groups: Vec<GroupView>,
}

/// One kind of thing that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupView {
    /// Its name on the page.
    pub id: &'static str,
    /// What it is.
    pub title: String,
    /// How long it is kept, in a sentence.
    pub until: String,
    /// Newest first.
    pub rows: Vec<RowView>,
    /// She can have it forgotten by itself.
    pub can_forget: bool,
}

/// One thing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RowView {
    /// What.
    pub what: String,
    /// When; empty: it has no time.
    pub when: String,
    /// What else is kept with it.
    pub facts: Vec<String>,
}

impl GroupView {
    fn shown(&self) -> &[RowView] {
        &self.rows[..self.rows.len().min(ROWS_SHOWN_MAX)]
    }

    fn count(&self) -> u64 {
        self.rows.len() as u64
    }

    fn more(&self) -> u64 {
        (self.rows.len() - self.shown().len()) as u64
    }
}

/// She is asked once more.
#[derive(Debug, Clone)]
pub struct ErasePage {
    /// In which words.
    pub texts: Texts,
    /// The session's token.
    pub csrf: String,
    /// This page in the other language.
    pub other_lang_href: String,
    /// An order of hers lies ready: without us nobody knows that she comes.
    pub order_waits: bool,
}

/// She is gone.
#[derive(Debug, Clone)]
pub struct GonePage {
    /// In which words.
    pub texts: Texts,
    /// This page in the other language.
    pub other_lang_href: String,
}

#[derive(Template)]
#[template(path = "kept.html")]
struct KeptTemplate<'a> {
    t: &'a Texts,
    page: &'a KeptPage,
}

#[derive(Template)]
#[template(path = "erase.html")]
struct EraseTemplate<'a> {
    t: &'a Texts,
    page: &'a ErasePage,
}

#[derive(Template)]
#[template(path = "gone.html")]
struct GoneTemplate<'a> {
    t: &'a Texts,
    page: &'a GonePage,
}

/// What is kept of her.
pub fn render_kept(page: &KeptPage) -> Result<String, RenderError> {
    let t = &page.texts;
    render("kept", &KeptTemplate { t, page })
}

/// Whether she is sure.
pub fn render_erase(page: &ErasePage) -> Result<String, RenderError> {
    let t = &page.texts;
    render("erase", &EraseTemplate { t, page })
}

/// That it is done.
pub fn render_gone(page: &GonePage) -> Result<String, RenderError> {
    let t = &page.texts;
    render("gone", &GoneTemplate { t, page })
}

#[cfg(test)]
mod tests;
