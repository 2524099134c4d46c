//! The arrivals board: who waits, how long, and for which goods.
//!
//! In: cards as staff may see them, the strip's figures, the viewer, the time.
//! Out: the whole board, or one card or strip for the live stream.
//! Promises: a card says the same whether it came with the page or over the stream; every
//! action is a plain form, so the board works without scripts.
//! Invariant: an order's code is typed or scanned here and never shown.

use askama::Template;
use engine::outcome::TapAnswer;
use protocol::{CardId, StoreId};
use serde::Serialize;

use self::card::code_words;
pub(super) use self::card::kind_words;
pub use self::{
    card::render_card,
    view::{CardState, CardView, CodeAnswer, Salutation, Section},
};
use super::{
    i18n::Texts,
    views::{Icon, Markup, RenderError, render, script_words},
};

mod card;
mod view;

/// Seconds a customer may wait before the card turns to brick.
pub const WAIT_LIMIT_S: u64 = 120;

/// Words that `board.js` says itself.
pub const SCRIPT_WORDS: [&str; 31] = [
    "link-live",
    "link-reconnecting",
    "link-stale",
    "notice-stale",
    "notice-kept-one",
    "notice-kept-other",
    "as-of",
    "over-limit",
    "wait-value",
    "state-late",
    "state-mine",
    "state-not-found",
    "code-empty",
    "say-undone",
    "say-new",
    "say-called",
    "say-manager",
    "say-late",
    "say-kept",
    "say-failed",
    "push-on",
    "push-off",
    "push-denied",
    "push-failed",
    "scan-wait",
    "scan-hold",
    "scan-other",
    "scan-denied",
    "scan-none",
    "scan-busy",
    "scan-failed",
];

/// Who looks at the board; the same for the page and for the stream that keeps it fresh.
#[derive(Debug, Clone)]
pub struct Viewer {
    /// Of which store.
    pub store: StoreId,
    /// The session's token, for each form.
    pub csrf: String,
    /// In which words.
    pub texts: Texts,
}

/// All of the board.
#[derive(Debug, Clone)]
pub struct BoardPage {
    /// Who looks.
    pub viewer: Viewer,
    /// The store's name.
    pub store_name: String,
    /// The colleague's first name.
    pub staff_name: String,
    /// This page in the other language.
    pub other_lang_href: String,
    /// She may see the store's devices too.
    pub manages: bool,
    /// The server's key, if it can reach phones that sleep.
    pub push_key: Option<String>,
    /// Phones that are told of cards as long as this shift is open.
    pub phones: u32,
    /// Where a form posts to end the shift; none: no such button.
    pub sign_out: Option<String>,
    /// The answer to a tap without scripts, such as [`tap_words`].
    pub said: Option<String>,
    /// Which machine has the desk.
    pub desk: Desk,
    /// The figures above the cards.
    pub strip: Strip,
    /// In any order.
    pub cards: Vec<CardView>,
}

/// Which machine has the desk of the store whose board this is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Desk {
    /// The central server, which this is.
    #[default]
    Central,
    /// A machine in the store, which this is not: here one looks on.
    Elsewhere,
    /// A machine in the store, which this is.
    Here {
        /// Since when there is no line to the central server; none: it is up.
        cut_off_since_ms: Option<u64>,
    },
}

/// What staff are told of where the desk is; none: nothing worth a word.
pub fn desk_words(texts: &Texts, desk: Desk) -> Option<String> {
    match desk {
        Desk::Central
        | Desk::Here {
            cut_off_since_ms: None,
        } => None,
        Desk::Elsewhere => Some(texts.get("notice-elsewhere")),
        Desk::Here {
            cut_off_since_ms: Some(since_ms),
        } => Some(texts.with("notice-cut-off", "time", texts.clock(since_ms))),
    }
}

impl BoardPage {
    /// Whether this server has pages beside the board.
    pub fn has_all(&self) -> bool {
        !matches!(self.desk, Desk::Here { .. })
    }
}

/// The figures above the cards.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Strip {
    /// Customers who wait, taken or not.
    pub waiting: u32,
    /// Of those, longer than [`WAIT_LIMIT_S`].
    pub too_long: u32,
    /// Half of today's customers waited less; none: nobody yet.
    pub median_wait_s: Option<u64>,
    /// Share of today's customers who waited at most two minutes.
    pub within_limit: Option<f32>,
    /// Customers served today.
    pub handed_over: u32,
    /// Customers who left today without it.
    pub left_unserved: u32,
}

/// The data of an `event: card`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CardUpdate {
    /// Which card.
    pub card: CardId,
    /// Where it stands.
    pub section: Section,
    /// Its order within the section, lowest first.
    pub rank: u64,
    /// Its article; empty when gone.
    pub html: String,
}

impl CardUpdate {
    /// The card as it now stands.
    pub fn of(viewer: &Viewer, card: &CardView, now_ms: u64) -> Result<Self, RenderError> {
        Ok(Self {
            card: card.card,
            section: card.section(),
            rank: card.rank(),
            html: render_card(viewer, card, now_ms)?,
        })
    }

    /// The card leaves the board.
    pub fn gone(card: CardId) -> Self {
        Self {
            card,
            section: Section::Gone,
            rank: 0,
            html: String::new(),
        }
    }
}

/// The whole page.
pub fn render_board(page: &BoardPage, now_ms: u64) -> Result<String, RenderError> {
    let mut sorted: Vec<&CardView> = page.cards.iter().collect();
    sorted.sort_by_key(|card| (card.rank(), card.card));
    let section = |wanted: Section| -> Result<Markup, RenderError> {
        let cards = sorted.iter().filter(|card| card.section() == wanted);
        let html: Result<String, RenderError> = cards
            .map(|card| render_card(&page.viewer, card, now_ms))
            .collect();
        html.map(Markup)
    };
    let template = BoardTemplate {
        t: &page.viewer.texts,
        page,
        now_ms,
        words: script_words(&page.viewer.texts, &SCRIPT_WORDS),
        desk: desk_words(&page.viewer.texts, page.desk),
        strip: Markup(render_strip(&page.viewer.texts, &page.strip)?),
        now: section(Section::Now)?,
        taken: section(Section::Taken)?,
        coming: section(Section::Coming)?,
        done: section(Section::Done)?,
    };
    render("board", &template)
}

/// The figures above the cards, for an `event: strip`.
pub fn render_strip(texts: &Texts, strip: &Strip) -> Result<String, RenderError> {
    render("strip", &StripTemplate { t: texts, strip })
}

/// What to tell a colleague whose tap came to nothing; none when it was done. `name` is that of
/// the colleague in [`TapAnswer::TakenBy`].
pub fn tap_words(texts: &Texts, answer: &TapAnswer, name: &str) -> Option<String> {
    match answer {
        TapAnswer::Done => None,
        TapAnswer::TakenBy { .. } => Some(texts.with("tap-earlier", "name", name)),
        TapAnswer::WrongCode { tries_left } => Some(code_words(
            texts,
            CodeAnswer::Wrong {
                tries_left: *tries_left,
            },
        )),
        TapAnswer::Paused { until_ms } => Some(code_words(
            texts,
            CodeAnswer::Paused {
                until_ms: *until_ms,
            },
        )),
        TapAnswer::AgeUnseen => Some(texts.get("age-unseen")),
        TapAnswer::Closed => Some(texts.get("tap-closed")),
        TapAnswer::Elsewhere => Some(texts.get("tap-elsewhere")),
        TapAnswer::Unknown => Some(texts.get("tap-unknown")),
    }
}

#[derive(Template)]
#[template(path = "board.html")]
struct BoardTemplate<'a> {
    t: &'a Texts,
    page: &'a BoardPage,
    now_ms: u64,
    words: String,
    desk: Option<String>,
    strip: Markup,
    now: Markup,
    taken: Markup,
    coming: Markup,
    done: Markup,
}

#[derive(Template)]
#[template(path = "strip.html")]
struct StripTemplate<'a> {
    t: &'a Texts,
    strip: &'a Strip,
}

#[cfg(test)]
mod tests;
