//! "Ligt het hier ook?": any product, and whether this store has it.
//!
//! In: what was searched for and found. Out: the whole page.
//! Invariant: what she searches for is kept nowhere.

use askama::Template;

use super::{
    i18n::{Money, Texts},
    phone::walk::ItemView,
    views::{Icon, RenderError, render},
};

/// All of the page.
#[derive(Debug, Clone)]
pub struct SearchPage {
    /// In which words.
    pub texts: Texts,
    /// This page in the other language.
    pub other_lang_href: String,
    /// The store.
    pub store_name: String,
    /// What was searched for; empty: nothing yet.
    pub words: String,
    /// What was found.
    pub found: Vec<FoundView>,
}

/// A product.
#[derive(Debug, Clone)]
pub struct FoundView {
    /// Its name, shelf and stock.
    pub item: ItemView,
    /// What it costs; none: not known.
    pub price: Option<Money>,
    /// The zone in which it stands.
    pub zone: Option<String>,
}

impl FoundView {
    /// Where it stands, if the store has some.
    fn place(&self) -> Option<String> {
        let zone = self.zone.as_ref().filter(|_| self.item.stock > 0)?;
        Some(match &self.item.shelf {
            Some(shelf) => format!("{zone}, {shelf}"),
            None => zone.clone(),
        })
    }
}

#[derive(Template)]
#[template(path = "search.html")]
struct SearchTemplate<'a> {
    t: &'a Texts,
    page: &'a SearchPage,
}

/// The whole page.
pub fn render_search(page: &SearchPage) -> Result<String, RenderError> {
    let t = &page.texts;
    render("search", &SearchTemplate { t, page })
}
