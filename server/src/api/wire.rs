//! JSON as shops send it: ids that are texts or numbers, amounts as decimal text, times.
//!
//! Out: texts that were not turned into anything else on the way.
//! Invariant: what is said of a mistake does not repeat what stood there: it may be about a person.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer, de};
use serde_json::value::RawValue;

/// A text that shops send as a text or a number.
#[derive(Debug)]
pub(super) struct Text<'a>(pub(super) Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Text<'de>;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a text or a whole number")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(text.into()))
            }
            fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(text.to_owned().into()))
            }
            fn visit_u64<E>(self, number: u64) -> Result<Text<'de>, E> {
                Ok(Text(number.to_string().into()))
            }
            fn visit_i64<E>(self, number: i64) -> Result<Text<'de>, E> {
                Ok(Text(number.to_string().into()))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

/// What serde says, without what stood there: that may be about a person.
#[expect(
    clippy::needless_pass_by_value,
    reason = "it stands in `map_err`, which passes the error"
)]
pub(super) fn reason(error: serde_json::Error) -> String {
    let what = match error.classify() {
        serde_json::error::Category::Data => "a field is not of its type",
        _ => "not JSON",
    };
    format!("{what}, at line {} column {}", error.line(), error.column())
}

/// A time with an offset; one without is taken as UTC.
pub(crate) fn moment(text: &str) -> Option<u64> {
    let with_offset = || text.parse::<jiff::Timestamp>().ok();
    let without = || {
        let civil: jiff::civil::DateTime = text.parse().ok()?;
        Some(civil.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp())
    };
    let at = with_offset().or_else(without)?;
    u64::try_from(at.as_millisecond()).ok()
}

/// The text of a JSON number or string.
pub(super) fn plain(raw: &RawValue) -> &str {
    raw.get().trim_matches('"')
}
