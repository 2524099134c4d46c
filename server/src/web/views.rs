//! What all pages share: icons, the error of a page that cannot be written, safe markup.
//!
//! In: nothing of a customer. Out: pieces of HTML that are written here and nowhere else.
//! Invariant: [`Markup`] holds only what our own templates wrote, which escape all that they
//! are given.

use std::fmt;

use askama::{Template, filters::HtmlSafe};

use super::i18n::Texts;

/// A page or a piece of one could not be written.
#[derive(Debug, thiserror::Error)]
#[error("render {what}")]
pub struct RenderError {
    /// Which page or piece.
    pub what: &'static str,
    #[source]
    source: askama::Error,
}

/// HTML that one of our templates wrote: goes into another as it is.
#[derive(Debug, Clone, Default)]
pub(super) struct Markup(pub(super) String);

impl fmt::Display for Markup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl HtmlSafe for Markup {}

/// Writes one template; `what` says which if that fails.
pub(super) fn render(what: &'static str, template: &impl Template) -> Result<String, RenderError> {
    template
        .render()
        .map_err(|source| RenderError { what, source })
}

/// Words for a script, as the JSON of a `data-words` attribute. `{name}`, `{time}`, `{count}`
/// and `{what}` stay for the script to fill in.
pub(super) fn script_words(texts: &Texts, keys: &[&str]) -> String {
    let words: serde_json::Map<String, serde_json::Value> = keys
        .iter()
        .map(|key| ((*key).to_owned(), with_blanks(texts, key).into()))
        .collect();
    serde_json::Value::Object(words).to_string()
}

fn with_blanks(texts: &Texts, key: &str) -> String {
    let blanks = ["name", "time", "count", "what", "min", "sec"];
    texts.with_all(key, blanks.map(|blank| (blank, format!("{{{blank}}}"))))
}

/// A drawing on a grid of 24 that takes the text's colour and size; always beside a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Icon {
    Antenna,
    Bag,
    Battery,
    Bubble,
    Camera,
    Check,
    ClockLate,
    Door,
    Download,
    Eye,
    Heart,
    LineCut,
    Move,
    Off,
    Out,
    Pause,
    Person,
    Pin,
    Plus,
    Question,
    SoundOff,
    SoundOn,
    Undo,
    Walk,
    Warning,
}

impl Icon {
    fn strokes(self) -> &'static str {
        match self {
            Self::Antenna => {
                r#"<circle cx="12" cy="10" r="1.800"/><path d="M12 12v9M8.500 13.500a5 5 0 0 1 0-7M15.500 6.500a5 5 0 0 1 0 7M5.500 16.500a9 9 0 0 1 0-13M18.500 3.500a9 9 0 0 1 0 13"/>"#
            }
            Self::Bag => {
                r#"<path d="M5 8h14l1 12H4L5 8z"/><path d="M8.5 10V7a3.5 3.5 0 0 1 7 0v3"/>"#
            }
            Self::Battery => {
                r#"<rect x="3" y="8" width="16" height="9" rx="2"/><path d="M21.500 11v3M6 11v3"/>"#
            }
            Self::Bubble => r#"<path d="M4 5h16v11H10.5L6 20v-4H4z"/><path d="M8 10.5h8"/>"#,
            Self::Camera => {
                r#"<path d="M4 9V5.500A1.500 1.500 0 0 1 5.500 4H9m6 0h3.500A1.500 1.500 0 0 1 20 5.500V9m0 6v3.500a1.500 1.500 0 0 1-1.500 1.500H15m-6 0H5.500A1.500 1.500 0 0 1 4 18.500V15"/><path d="M8.500 8.500h3v3h-3zM15.500 8.500v3m-7 4h3m4 0v.01M15 15.500h.5"/>"#
            }
            Self::Check => r#"<path d="m4 12.500 5.200 5.200L20 7"/>"#,
            Self::ClockLate => r#"<circle cx="12" cy="13" r="8"/><path d="M12 8.5V13l3 2M9 2h6"/>"#,
            Self::Door => {
                r#"<path d="M6 21V11a6 6 0 0 1 12 0v10"/><path d="M3 21h18"/><circle cx="12" cy="14" r="1.6" fill="currentColor"/>"#
            }
            Self::Download => r#"<path d="M12 4v11m-4.500-4.500L12 15l4.500-4.500M5 20h14"/>"#,
            Self::Eye => {
                r#"<path d="M2.500 12c2.400-4.300 5.600-6.500 9.500-6.500s7.100 2.200 9.500 6.500c-2.400 4.300-5.600 6.500-9.500 6.500S4.900 16.300 2.500 12z"/><circle cx="12" cy="12" r="2.800"/>"#
            }
            Self::Heart => {
                r#"<path d="M12 20C6 15.500 3.500 12.500 3.500 9A4.500 4.500 0 0 1 12 7a4.500 4.500 0 0 1 8.500 2c0 3.500-2.500 6.500-8.500 11z"/>"#
            }
            Self::LineCut => {
                r#"<path d="M4 4l16 16M8.500 13.500a5 5 0 0 1-.8-5M5.500 16.500A9 9 0 0 1 4 6.500M15.500 6.500c1 1 1.500 2.300 1.500 3.600M18.500 3.500a9 9 0 0 1 1.600 10.600"/>"#
            }
            Self::Move => {
                r#"<path d="M12 3v18M3 12h18M12 3 9.500 5.500M12 3l2.500 2.500M12 21l-2.500-2.500M12 21l2.500-2.500M3 12l2.500-2.500M3 12l2.500 2.500M21 12l-2.500-2.500M21 12l-2.500 2.500"/>"#
            }
            Self::Off => r#"<circle cx="12" cy="12" r="8"/><path d="M8 12h8"/>"#,
            Self::Out => r#"<path d="M14 4H6v16h8"/><path d="M11 12h10m-4-4 4 4-4 4"/>"#,
            Self::Pause => r#"<path d="M8 5v14M16 5v14"/>"#,
            Self::Plus => r#"<path d="M12 5v14M5 12h14"/>"#,
            Self::Person => {
                r#"<circle cx="12" cy="8" r="4"/><path d="M4 21c.6-4.4 3.8-7 8-7s7.400 2.600 8 7"/>"#
            }
            Self::Pin => {
                r#"<path d="M12 21c4.500-5 7-8.500 7-11.500A7 7 0 0 0 5 9.500C5 12.500 7.500 16 12 21z"/><circle cx="12" cy="9.500" r="2.300"/>"#
            }
            Self::Question => {
                r#"<circle cx="12" cy="12" r="9"/><path d="M9.500 9.500a2.500 2.500 0 1 1 3.600 2.200c-.8.4-1.100.9-1.100 1.800"/><circle cx="12" cy="16.800" r=".6" fill="currentColor"/>"#
            }
            Self::SoundOff => {
                r#"<path d="M4 9.500v5h3.500L12 19V5L7.500 9.500H4z"/><path d="m16 9.500 5 5m0-5-5 5"/>"#
            }
            Self::SoundOn => {
                r#"<path d="M4 9.500v5h3.500L12 19V5L7.500 9.500H4z"/><path d="M15.500 9a4 4 0 0 1 0 6M18 6.500a8 8 0 0 1 0 11"/>"#
            }
            Self::Undo => {
                r#"<path d="M4 10h10a6 6 0 0 1 0 12h-2"/><path d="M8 5.500 3.500 10 8 14.500"/>"#
            }
            Self::Walk => {
                r#"<circle cx="13" cy="4.5" r="1.8"/><path d="M9 21l2.5-6L9 12l1-5 4 1 2 3h3M14.5 21 13 15"/>"#
            }
            Self::Warning => {
                r#"<path d="M12 4 2.800 20h18.400L12 4z"/><path d="M12 10v4.500"/><circle cx="12" cy="17.200" r=".6" fill="currentColor"/>"#
            }
        }
    }
}

impl fmt::Display for Icon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            r#"<svg class="icon" viewBox="0 0 24 24" aria-hidden="true">{}</svg>"#,
            self.strokes()
        )
    }
}

impl HtmlSafe for Icon {}
