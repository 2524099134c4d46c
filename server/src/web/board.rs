//! The arrivals board: who waits, how long, and for which goods.
//!
//! In: cards as staff may see them, the strip's figures, the viewer, the time.
//! Out: the whole board, or one card or strip for the live stream.
//! Promises: a card says the same whether it came with the page or over the stream; every
//! action is a plain form, so the board works without scripts.
//! Invariant: an order's code is typed here and never shown.

use std::collections::BTreeSet;

use askama::Template;
use engine::{
    input::OrderKind,
    outcome::{Call, TapAnswer},
};
use protocol::{CardId, StaffId, StoreId};
use serde::Serialize;

use super::{
    i18n::{Texts, minutes, percent},
    views::{Icon, Markup, RenderError, render, script_words},
};

/// Seconds a customer may wait before the card turns to brick.
pub const WAIT_LIMIT_S: u64 = 120;

/// A second guess less likely than this is not worth the room.
const SECOND_GUESS_MIN: f32 = 0.1;

/// Later than any time in this century, so that a rank sorts by group first; group times this
/// stays below the 2^53 that a script counts exactly.
const RANK_GROUP: u64 = 10_000_000_000_000;

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

/// How a customer wishes to be addressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Salutation {
    /// "Mevrouw"
    Ms,
    /// "De heer"
    Mr,
}

/// One card as this viewer sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct CardView {
    /// Which.
    pub card: CardId,
    /// As she chose; none: her full name instead.
    pub salutation: Option<Salutation>,
    /// Her first name.
    pub given_name: String,
    /// Her family name.
    pub family_name: String,
    /// Where her goods lie.
    pub bay: Option<String>,
    /// What she comes for, each once.
    pub kinds: Vec<OrderKind>,
    /// Order numbers as the shop writes them.
    pub order_numbers: Vec<String>,
    /// Pieces in all orders together.
    pub item_count: u32,
    /// Lines that lie ready, of all; none: nobody counts, or all do.
    pub lines_ready: Option<(u32, u32)>,
    /// The agreed time, from and until.
    pub window: Option<(u64, u64)>,
    /// Staff must say that she is old enough.
    pub age_checked: bool,
    /// How far it is.
    pub state: CardState,
    /// When she came in: her clock runs from here.
    pub arrived_ms: u64,
    /// Zone names with shares of 1, most likely first.
    pub whereabouts: Vec<(String, f32)>,
    /// A colleague looked and did not find her.
    pub not_here: bool,
    /// Another store hears her too.
    pub check: bool,
    /// The colleague who goes.
    pub taken_by: Option<StaffId>,
    /// How loudly it calls for somebody to go.
    pub called: Option<Call>,
    /// What came of the code that was typed, for a page without scripts.
    pub code: Option<CodeAnswer>,
}

/// How far a card is, for this viewer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CardState {
    /// On her way; about so many minutes.
    Coming {
        /// None: not known.
        minutes: Option<u32>,
    },
    /// Here, and nobody goes yet. Too long is worked out from the time.
    Waiting,
    /// The viewer goes.
    TakenByMe,
    /// A colleague goes.
    TakenBy {
        /// The colleague's first name.
        name: String,
    },
    /// She has it.
    Served {
        /// How long she waited.
        waited_s: u64,
        /// When that was.
        served_ms: u64,
        /// Until when it may be taken back; none: final.
        undo_until_ms: Option<u64>,
    },
    /// She left without it.
    DepartedUnserved {
        /// How long she waited.
        waited_s: u64,
        /// When she left.
        left_ms: u64,
    },
}

/// Why a code was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodeAnswer {
    /// Not a code of this card.
    Wrong {
        /// Before a pause.
        tries_left: u32,
    },
    /// Too many; again from this time.
    Paused {
        /// Server time.
        until_ms: u64,
    },
}

/// Where on the board a card stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Section {
    /// To be helped.
    Now,
    /// A colleague goes.
    Taken,
    /// On the way.
    Coming,
    /// Served, or left.
    Done,
    /// Off the board.
    Gone,
}

impl Section {
    fn name(self) -> &'static str {
        match self {
            Self::Now => "now",
            Self::Taken => "taken",
            Self::Coming => "coming",
            Self::Done => "done",
            Self::Gone => "gone",
        }
    }
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

impl CardView {
    /// `Mevrouw De Vries`, or `Robin Meijer` for who chose no salutation.
    pub fn name(&self, texts: &Texts) -> String {
        let family = capitalised(&self.family_name);
        match self.salutation {
            Some(Salutation::Ms) => texts.with("name-ms", "name", family),
            Some(Salutation::Mr) => texts.with("name-mr", "name", family),
            None => format!("{} {}", self.given_name, self.family_name)
                .trim()
                .to_owned(),
        }
    }

    /// Whether goods or money change hands, against a code.
    pub fn needs_code(&self) -> bool {
        self.kinds.iter().any(|kind| kind.needs_code())
    }

    /// Where on the board it stands.
    pub fn section(&self) -> Section {
        match self.state {
            CardState::Coming { .. } => Section::Coming,
            CardState::Waiting | CardState::TakenByMe => Section::Now,
            CardState::TakenBy { .. } => Section::Taken,
            CardState::Served { .. } | CardState::DepartedUnserved { .. } => Section::Done,
        }
    }

    /// Its order within the section: longest waiting first, then what the viewer took, then who
    /// was looked for in vain. Done: the latest first.
    pub fn rank(&self) -> u64 {
        let arrived_ms = self.arrived_ms.min(RANK_GROUP - 1);
        match self.state {
            CardState::TakenByMe => RANK_GROUP + arrived_ms,
            CardState::Waiting if self.not_here => 2 * RANK_GROUP + arrived_ms,
            CardState::Served {
                served_ms: at_ms, ..
            }
            | CardState::DepartedUnserved { left_ms: at_ms, .. } => {
                RANK_GROUP.saturating_sub(at_ms)
            }
            _ => arrived_ms,
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

/// One `<article>`.
pub fn render_card(viewer: &Viewer, card: &CardView, now_ms: u64) -> Result<String, RenderError> {
    let t = &viewer.texts;
    let waited_s = now_ms.saturating_sub(card.arrived_ms) / 1_000;
    let late = waited_s > WAIT_LIMIT_S;
    let (best, second) = guesses(t, &card.whereabouts);
    let template = CardTemplate {
        t,
        card,
        csrf: &viewer.csrf,
        path: format!("/staff/{}/cards/{}", viewer.store, card.card),
        name: card.name(t),
        look: Look::of(t, card, late),
        waited_s,
        late,
        best,
        second,
        code_said: card
            .code
            .map(|answer| code_words(t, answer))
            .unwrap_or_default(),
        now_ms,
    };
    render("card", &template)
}

/// The figures above the cards, for an `event: strip`.
pub fn render_strip(texts: &Texts, strip: &Strip) -> Result<String, RenderError> {
    render("strip", &StripTemplate { t: texts, strip })
}

/// What she comes for: "Ophalen, Retour".
pub(super) fn kind_words(t: &Texts, kinds: &BTreeSet<OrderKind>) -> String {
    let word = |kind: &OrderKind| match kind {
        OrderKind::ClickAndCollect => t.get("pickup"),
        OrderKind::Reservation => t.get("kind-reservation"),
        OrderKind::Return => t.get("kind-return"),
        OrderKind::TryOn => t.get("kind-try-on"),
        OrderKind::Help => t.get("kind-help"),
    };
    let words: Vec<String> = kinds.iter().map(word).collect();
    words.join(", ")
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

#[derive(Template)]
#[template(path = "card.html")]
struct CardTemplate<'a> {
    t: &'a Texts,
    card: &'a CardView,
    csrf: &'a str,
    path: String,
    name: String,
    look: Look,
    waited_s: u64,
    late: bool,
    best: Option<Guess>,
    second: Option<String>,
    code_said: String,
    now_ms: u64,
}

impl CardTemplate<'_> {
    /// The threshold, full at the limit.
    fn part(&self) -> String {
        // Seconds below the limit are exact in an f32.
        #[allow(clippy::cast_precision_loss)]
        let part = self.waited_s.min(WAIT_LIMIT_S) as f32 / WAIT_LIMIT_S as f32;
        format!("{part:.3}")
    }

    /// What stands in the door when no bay does.
    fn icon(&self) -> Icon {
        if self.card.needs_code() {
            Icon::Bag
        } else {
            Icon::Question
        }
    }

    /// "Ophalen, Retour"
    fn kinds(&self) -> String {
        kind_words(self.t, &self.card.kinds.iter().copied().collect())
    }

    /// Until when, and how much of it: "tussen 14:00 en 15:00, 2 van 3 regels klaar".
    fn details(&self) -> Option<String> {
        let window = self.card.window.map(|(from_ms, until_ms)| {
            let (from, until) = (self.t.clock(from_ms), self.t.clock(until_ms));
            self.t.with2("window", "from", from, "until", until)
        });
        let lines = self
            .card
            .lines_ready
            .map(|(ready, all)| self.t.with2("lines-ready", "ready", ready, "all", all));
        let said: Vec<String> = [window, lines].into_iter().flatten().collect();
        (!said.is_empty()).then(|| said.join(", "))
    }

    fn order_count(&self) -> u32 {
        u32::try_from(self.card.order_numbers.len()).unwrap_or(u32::MAX)
    }

    /// Where a colleague takes it over: from whoever the card says goes.
    fn take_over(&self) -> String {
        let from = self.card.taken_by.map(|staff| staff.to_string());
        format!("{}/take-over?from={}", self.path, from.unwrap_or_default())
    }

    /// How loudly it calls while nobody goes: for the sound, as a script reads it.
    fn call(&self) -> &'static str {
        match self.card.called.filter(|_| self.calls()) {
            None => "",
            Some(Call::Everybody) => "everybody",
            Some(Call::Manager) => "manager",
        }
    }

    fn call_words(&self) -> Option<String> {
        let called = self.card.called.filter(|_| self.calls())?;
        Some(match called {
            Call::Everybody => self.t.get("called-everybody"),
            Call::Manager => self.t.get("called-manager"),
        })
    }

    fn calls(&self) -> bool {
        self.card.state == CardState::Waiting && !self.card.not_here
    }

    fn limit_words(&self) -> String {
        if self.late {
            self.t
                .with("over-limit", "time", minutes(self.waited_s - WAIT_LIMIT_S))
        } else {
            self.t.get("of-limit")
        }
    }
}

/// A probable place.
struct Guess {
    zone: String,
    percent: u8,
    part: String,
}

fn guesses(t: &Texts, whereabouts: &[(String, f32)]) -> (Option<Guess>, Option<String>) {
    let best = whereabouts.first().map(|(zone, share)| Guess {
        zone: zone.clone(),
        percent: percent(*share),
        part: format!("{:.2}", f32::from(percent(*share)) / 100.0),
    });
    let second = whereabouts
        .get(1)
        .filter(|(_, share)| *share >= SECOND_GUESS_MIN)
        .map(|(zone, share)| {
            t.with2(
                "where-or",
                "zone",
                zone.as_str(),
                "percent",
                percent(*share),
            )
        });
    (best, second)
}

/// State as word, shape and colour. `shape` names the set of buttons: while it stays the same a
/// script leaves the buttons alone, and with them focus and half a typed code.
struct Look {
    class: &'static str,
    icon: Icon,
    words: String,
    shape: String,
}

impl Look {
    fn of(t: &Texts, card: &CardView, late: bool) -> Self {
        let (class, icon, words, shape) = match &card.state {
            CardState::Coming { .. } => (
                "card-coming card-small",
                Icon::Walk,
                t.get("state-coming"),
                "coming",
            ),
            CardState::Waiting if card.not_here => (
                "card-coming",
                Icon::Walk,
                t.get("state-not-found"),
                "not-found",
            ),
            CardState::Waiting if late => {
                ("card-late", Icon::ClockLate, t.get("state-late"), "waiting")
            }
            CardState::Waiting if card.called.is_some() => (
                "card-here",
                Icon::ClockLate,
                t.get("state-called"),
                "waiting",
            ),
            CardState::Waiting => ("card-here", Icon::Door, t.get("state-here"), "waiting"),
            CardState::TakenByMe => (
                "card-taken card-mine",
                Icon::Person,
                t.get("state-mine"),
                "mine",
            ),
            CardState::TakenBy { name } => {
                let words = t.with("state-colleague", "name", name.as_str());
                return Self {
                    class: "card-taken card-small",
                    icon: Icon::Person,
                    words,
                    shape: format!("colleague {name}"),
                };
            }
            CardState::Served { .. } => ("card-done", Icon::Check, t.get("state-served"), "served"),
            CardState::DepartedUnserved { .. } => (
                "card-done card-left",
                Icon::Out,
                t.get("state-left"),
                "left",
            ),
        };
        Self {
            class,
            icon,
            words,
            shape: shape.to_owned(),
        }
    }
}

fn code_words(t: &Texts, answer: CodeAnswer) -> String {
    match answer {
        CodeAnswer::Wrong { tries_left } => t.with("code-wrong", "tries", tries_left),
        CodeAnswer::Paused { until_ms } => t.with("code-paused", "time", t.clock(until_ms)),
    }
}

/// After a salutation a Dutch name begins with a capital: "de Vries", but "Mevrouw De Vries".
fn capitalised(name: &str) -> String {
    let mut letters = name.chars();
    letters
        .next()
        .map(|first| first.to_uppercase().chain(letters).collect())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests;
