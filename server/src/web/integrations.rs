//! The integrations page: who sends us data and whom we tell, how that goes, and what to do about it.
//!
//! In: sources, receivers and tasks as they stand, in words. Out: the page.
//! Promises: each error says what to do next; what only an admin may do has no button for others.
//! Invariant: no secret is on it, and nobody is named.

use askama::Template;

use super::{
    i18n::Texts,
    lintel::{Lintel, SCRIPT_WORDS},
    views::{Icon, RenderError, render, script_words},
};

/// All of the page.
#[derive(Debug, Clone)]
pub struct IntegrationsPage {
    /// What stands above it.
    pub lintel: Lintel,
    /// Whether who reads it may press buttons that change something.
    pub admin: bool,
    /// What came of the last button.
    pub said: Option<String>,
    /// Who sends us data.
    pub sources: Vec<SourceView>,
    /// What shops ask of a person.
    pub tasks: Vec<TaskView>,
    /// Whom we tell.
    pub receivers: Vec<ReceiverView>,
    /// Providers of notifications that refuse us.
    pub alarms: Vec<AlarmView>,
}

/// Somebody who sends us data.
#[derive(Debug, Clone, Default)]
pub struct SourceView {
    /// Unique on the page.
    pub id: String,
    /// As people call it.
    pub name: String,
    /// Which system.
    pub system: String,
    /// How long ago its last message came; none: never.
    pub last: Option<String>,
    /// Whether its last signature was right, and when that was; none: it does not sign, or never
    /// sent.
    pub signature: Option<(bool, String)>,
    /// What became of its messages: how many, in words.
    pub counts: Vec<(u64, String)>,
    /// What went wrong, newest first.
    pub errors: Vec<ErrorView>,
    /// How it is set up; none: it sends events.
    pub webhook: Option<WebhookView>,
}

/// A shop that sends webhooks.
#[derive(Debug, Clone, Default)]
pub struct WebhookView {
    /// What the shop must send to.
    pub address: String,
    /// What the shop must send.
    pub topics: Vec<&'static str>,
    /// The store of what names none.
    pub store: Option<String>,
    /// What the shop calls our stores.
    pub locations: Vec<(String, String)>,
    /// What was typed into the test order.
    pub form: TestForm,
    /// What the test order came to.
    pub tested: Option<Vec<StepView>>,
}

/// The fields of the test order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TestForm {
    /// What the shop calls the place of pickup.
    pub location: String,
    /// What is ordered.
    pub sku: String,
}

/// Something that went wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorView {
    /// When.
    pub when: String,
    /// As the server noted it.
    pub error: String,
    /// What to do.
    pub todo: String,
}

/// A step of a test order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepView {
    /// 0: right, 1: look at it, 2: wrong.
    pub grade: u8,
    /// What was found.
    pub said: String,
    /// What to do about it.
    pub next: Option<String>,
}

/// Something that a person must do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskView {
    /// Its number.
    pub task: i64,
    /// What.
    pub what: String,
    /// How.
    pub how: String,
    /// When it came, from where.
    pub when: String,
}

/// A receiver of ours.
#[derive(Debug, Clone, Default)]
pub struct ReceiverView {
    /// Unique on the page.
    pub id: String,
    /// As people call it.
    pub name: String,
    /// Where it listens.
    pub place: String,
    /// It is well, it waits, it refuses, it is gone: 0 to 2 as a step's grade, in words.
    pub state: (u8, String),
    /// Its last answer.
    pub last: Option<String>,
    /// How many wait, how many were given up, in words.
    pub numbers: String,
    /// The newest of those that were given up.
    pub failed: Vec<FailedView>,
}

/// A message that was given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedView {
    /// Its id.
    pub message: String,
    /// What it tells.
    pub what: String,
    /// When that happened.
    pub when: String,
    /// Why it did not arrive.
    pub why: String,
}

/// A provider of notifications that refuses us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlarmView {
    /// Which, and since when.
    pub what: String,
    /// Its own words.
    pub said: String,
    /// What to do.
    pub todo: String,
}

impl IntegrationsPage {
    fn path(&self) -> String {
        format!("/manage/{}/integrations", self.lintel.store)
    }

    fn has_shops(&self) -> bool {
        self.sources.iter().any(|source| source.webhook.is_some())
    }
}

/// A chip for how something stands.
fn chip(grade: u8) -> (&'static str, Icon) {
    match grade {
        0 => ("chip ok", Icon::Check),
        1 => ("chip", Icon::Question),
        _ => ("chip brick", Icon::Warning),
    }
}

#[derive(Template)]
#[template(path = "integrations.html")]
struct IntegrationsTemplate<'a> {
    t: &'a Texts,
    page: &'a IntegrationsPage,
    now_ms: u64,
    words: String,
}

impl IntegrationsTemplate<'_> {
    fn chip(&self, grade: &u8) -> (&'static str, Icon) {
        chip(*grade)
    }

    fn grade_word(&self, grade: &u8) -> String {
        self.t.get(match grade {
            0 => "test-order-verdict-right",
            1 => "test-order-verdict-look",
            _ => "test-order-verdict-wrong",
        })
    }
}

/// The page.
pub fn render_integrations(page: &IntegrationsPage, now_ms: u64) -> Result<String, RenderError> {
    let t = &page.lintel.texts;
    let template = IntegrationsTemplate {
        t,
        page,
        now_ms,
        words: script_words(t, &SCRIPT_WORDS),
    };
    render("integrations", &template)
}

#[cfg(test)]
mod tests;
