//! Somebody else collects: the link that she sends, and the page that it opens.
//!
//! In: one order that she shared. Out: her page with the link, shown once; his page without a log-in.
//! Promises: his page has what he needs at the desk, and works without scripts.
//! Invariant: of her it shows the first name, of her order the number: not what is in it, not where
//! it lies, not her own code.

use askama::Template;
use protocol::OrderId;

use super::{
    i18n::Texts,
    qr::Qr,
    views::{Icon, RenderError, render, script_words},
};

/// Words that `share.js` says itself.
pub const SCRIPT_WORDS: [&str; 3] = ["share-copied", "share-copy-failed", "share-message"];

/// The link, for her to send.
#[derive(Debug, Clone)]
pub struct SharePage {
    /// In which words, in which time zone.
    pub texts: Texts,
    /// The session's token.
    pub csrf: String,
    /// Which order.
    pub order: OrderId,
    /// As the shop writes it.
    pub number: String,
    /// Where it is collected.
    pub store_name: String,
    /// What he says at the desk.
    pub code: String,
    /// The whole link.
    pub link: String,
}

/// What the link opens.
#[derive(Debug, Clone)]
pub struct CollectPage {
    /// In which words, in which time zone.
    pub texts: Texts,
    /// This page in the other language.
    pub other_lang_href: String,
    /// The order; none: the link is over.
    pub order: Option<CollectView>,
}

/// One order, for who collects it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CollectView {
    /// Where "I am here" is said.
    pub action: String,
    /// Her first name.
    pub given_name: String,
    /// Where it is collected.
    pub store_name: String,
    /// When the store closes today; none: not known.
    pub open_until_ms: Option<u64>,
    /// As the shop writes it.
    pub number: String,
    /// What he says at the desk; none: it does not lie ready just now.
    pub code: Option<String>,
    /// Until when the shop keeps it; none: no limit.
    pub keep_until_ms: Option<u64>,
    /// He will be asked how old he is.
    pub age_checked: bool,
    /// Since when staff know that he is here.
    pub here_since_ms: Option<u64>,
    /// He said that he is here, and nobody could be told.
    pub failed: bool,
}

/// Her page with the link.
pub fn render_share(page: &SharePage) -> Result<String, RenderError> {
    let t = &page.texts;
    let words = script_words(t, &SCRIPT_WORDS);
    render("share", &ShareTemplate { t, page, words })
}

/// His page.
pub fn render_collect(page: &CollectPage, now_ms: u64) -> Result<String, RenderError> {
    let code = page.order.as_ref().and_then(|order| order.code.as_deref());
    let template = CollectTemplate {
        t: &page.texts,
        page,
        now_ms,
        code,
        spelled: code.map(spelled).unwrap_or_default(),
        qr: code.and_then(Qr::of),
    };
    render("collect", &template)
}

/// Digit by digit, for ears.
pub(super) fn spelled(code: &str) -> String {
    let letters: Vec<String> = code.chars().map(String::from).collect();
    letters.join(" ")
}

#[derive(Template)]
#[template(path = "share.html")]
struct ShareTemplate<'a> {
    t: &'a Texts,
    page: &'a SharePage,
    words: String,
}

#[derive(Template)]
#[template(path = "collect.html")]
struct CollectTemplate<'a> {
    t: &'a Texts,
    page: &'a CollectPage,
    now_ms: u64,
    code: Option<&'a str>,
    spelled: String,
    qr: Option<Qr>,
}

impl CollectTemplate<'_> {
    fn until(&self, until_ms: &u64) -> String {
        self.t.moment_within(*until_ms, self.now_ms)
    }
}

#[cfg(test)]
mod tests;
