//! One card of the board: a customer who waits, is on her way, or has just been.
//!
//! In: a card as staff may see it, the viewer, the time. Out: its article.
//! Invariant: an order's code is typed or scanned here and never shown.

use std::collections::BTreeSet;

use askama::Template;
use engine::{input::OrderKind, outcome::Call};

use super::{CardState, CardView, CodeAnswer, Viewer, WAIT_LIMIT_S};
use crate::web::{
    i18n::{Texts, minutes, percent},
    views::{Icon, RenderError, render},
};

/// A second guess less likely than this is not worth the room.
const SECOND_GUESS_MIN: f32 = 0.1;

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

/// What she comes for: "Ophalen, Retour".
pub(in crate::web) fn kind_words(t: &Texts, kinds: &BTreeSet<OrderKind>) -> String {
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

pub(super) fn code_words(t: &Texts, answer: CodeAnswer) -> String {
    match answer {
        CodeAnswer::Wrong { tries_left } => t.with("code-wrong", "tries", tries_left),
        CodeAnswer::Paused { until_ms } => t.with("code-paused", "time", t.clock(until_ms)),
    }
}
