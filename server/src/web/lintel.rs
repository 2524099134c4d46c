//! What stands above each of the manager's pages.
//!
//! In: the store, who is logged in, in which words. Out: what `manage-lintel.html` shows.
//! Invariant: names nobody but the manager who reads it.

use protocol::StoreId;

use super::i18n::Texts;

/// Words that `line.js` says above a page that the server keeps true.
pub const SCRIPT_WORDS: [&str; 3] = ["link-live", "link-reconnecting", "link-stale"];

/// Whose page it is.
#[derive(Debug, Clone)]
pub struct Lintel {
    /// Of which store.
    pub store: StoreId,
    /// The store's name.
    pub store_name: String,
    /// In which words.
    pub texts: Texts,
    /// The session's token, for the forms.
    pub csrf: String,
    /// The manager's first name.
    pub staff_name: String,
    /// This page in the other language.
    pub other_lang_href: String,
}
