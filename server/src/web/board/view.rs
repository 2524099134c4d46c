//! A card as staff may see it: what it says, and where it stands.
//!
//! In: what the store knows of a customer who comes. Out: her name as staff say it, section and rank.

use engine::{input::OrderKind, outcome::Call};
use protocol::{CardId, StaffId};
use serde::Serialize;

use crate::web::i18n::Texts;

/// Later than any time in this century, so that a rank sorts by group first; group times this
/// stays below the 2^53 that a script counts exactly.
const RANK_GROUP: u64 = 10_000_000_000_000;

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
    /// Somebody else collects what she shared.
    pub somebody_else: bool,
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
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Now => "now",
            Self::Taken => "taken",
            Self::Coming => "coming",
            Self::Done => "done",
            Self::Gone => "gone",
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

/// After a salutation a Dutch name begins with a capital: "de Vries", but "Mevrouw De Vries".
fn capitalised(name: &str) -> String {
    let mut letters = name.chars();
    letters
        .next()
        .map(|first| first.to_uppercase().chain(letters).collect())
        .unwrap_or_default()
}
