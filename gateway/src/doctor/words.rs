//! What is said of each finding, in each language: what is the matter, and what to do.
//!
//! A language is a file; each has words for all, which the compiler sees to.

mod dutch;
mod english;

use super::Problem;

/// A language of the health page; a terminal is spoken to in English, as the whole program does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// English.
    English,
    /// Dutch.
    Dutch,
}

impl Problem {
    /// What is the matter, and what to do about it.
    pub fn say(&self, language: Language) -> (String, Option<String>) {
        let (what, todo) = match language {
            Language::English => english::say(self),
            Language::Dutch => dutch::say(self),
        };
        (what, (!todo.is_empty()).then(|| todo.to_owned()))
    }
}
