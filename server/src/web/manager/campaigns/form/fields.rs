//! One field at a time: what was typed, what it means, or what is wrong with it.
//!
//! In: the form, and the version that it was drawn from. Out: values; [`Reader::wrong`].
//! Promises: a field that nobody touched means what was saved, however coarsely the form shows it.
//! Invariant: a wrong field gives a value all the same, which is used nowhere.

use std::ops::RangeInclusive;

use jiff::{Timestamp, ToSpan, civil::Date};

use crate::{
    api::campaigns::CampaignBody,
    store::shop,
    web::{
        campaigns::FormView,
        i18n::{Lang, Texts},
    },
};

pub(super) const MINUTE_MS: u64 = 60_000;
pub(super) const DAY_MS: u64 = 86_400_000;

/// Reads a form, field by field.
pub(super) struct Reader<'a> {
    pub(super) t: &'a Texts,
    pub(super) form: &'a FormView,
    /// What was saved, and how the form showed it.
    pub(super) before: Option<(CampaignBody, FormView)>,
    /// What is wrong, by field.
    pub(super) wrong: Vec<(&'static str, String)>,
}

/// A field of the form.
pub(super) type Field = fn(&FormView) -> &String;

impl Reader<'_> {
    /// What was saved, if these fields are as the form showed them.
    pub(super) fn kept<T>(
        &self,
        fields: &[Field],
        saved: impl FnOnce(&CampaignBody) -> T,
    ) -> Option<T> {
        let (body, shown) = self.before.as_ref()?;
        let same = |field: &Field| lines(field(self.form)) == lines(field(shown));
        fields.iter().all(same).then(|| saved(body))
    }

    /// One reason a field: the first is the nearest.
    pub(super) fn refuse(&mut self, field: &'static str, why: String) {
        if !self.wrong.iter().any(|(at, _)| *at == field) {
            self.wrong.push((field, why));
        }
    }

    /// A whole number; none: the field is empty or wrong.
    pub(super) fn number(
        &mut self,
        field: &'static str,
        text: &str,
        within: RangeInclusive<i32>,
    ) -> Option<i32> {
        if text.trim().is_empty() {
            return None;
        }
        // A minus as people type it, and as typesetters do.
        let number = text.trim().replace('\u{2212}', "-").parse::<i32>().ok();
        let number = number.filter(|number| within.contains(number));
        if number.is_none() {
            let (min, max) = (*within.start(), within.end().to_string());
            let why = match min {
                0 => self.t.with("campaign-wrong-number", "max", max),
                _ => {
                    let min = min.to_string().replace('-', "\u{2212}");
                    self.t.with2("campaign-wrong-whole", "min", min, "max", max)
                }
            };
            self.refuse(field, why);
        }
        number
    }

    /// The same that is never below zero.
    pub(super) fn whole(&mut self, field: &'static str, text: &str, max: i32) -> Option<u32> {
        let number = self.number(field, text, 0..=max)?;
        u32::try_from(number).ok()
    }

    /// So many of a unit, with a comma or a point, in milliseconds; none: the field is empty or wrong.
    pub(super) fn lasting(
        &mut self,
        field: &'static str,
        text: &str,
        unit_ms: u64,
        within_ms: RangeInclusive<u64>,
    ) -> Option<u64> {
        if text.trim().is_empty() {
            return None;
        }
        let number = text.trim().replace(',', ".").parse::<f64>().ok();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "what is too large or no number saturates, and is out of range"
        )]
        let ms = number
            .filter(|number| *number >= 0.0)
            .map(|number| (number * unit_ms as f64).round() as u64)
            .filter(|ms| within_ms.contains(ms));
        if ms.is_none() {
            self.refuse(field, lasting_wrong(self.t, unit_ms, &within_ms));
        }
        ms
    }

    /// The beginning of a day in the store, or of the one after it.
    pub(super) fn day(&mut self, field: &'static str, text: &str, later: i64) -> Option<u64> {
        if text.trim().is_empty() {
            return None;
        }
        let date = text.trim().parse::<Date>().ok();
        let at_ms = date
            .and_then(|date| date.checked_add(later.days()).ok())
            .and_then(|date| date.to_zoned(self.t.zone.clone()).ok())
            .and_then(|at| u64::try_from(at.timestamp().as_millisecond()).ok());
        if at_ms.is_none() {
            self.refuse(field, self.t.get("campaign-wrong-date"));
        }
        at_ms
    }

    /// Minutes after midnight; none: the field is empty or wrong.
    pub(super) fn time(&mut self, field: &'static str, text: &str) -> Option<u16> {
        if text.trim().is_empty() {
            return None;
        }
        let minute = shop::minutes(text.trim());
        if minute.is_none() {
            self.refuse(field, self.t.get("campaign-wrong-time"));
        }
        minute
    }
}

/// A text area sends other line ends than it was given.
pub(super) fn lines(text: &str) -> String {
    text.replace("\r\n", "\n")
}

/// From so many to so many.
pub(super) fn lasting_wrong(t: &Texts, unit_ms: u64, within_ms: &RangeInclusive<u64>) -> String {
    let (min, max) = (
        lasted(t, *within_ms.start(), unit_ms),
        lasted(t, *within_ms.end(), unit_ms),
    );
    t.with2("campaign-wrong-between", "min", min, "max", max)
}

/// So many of a unit with two decimals at most, rounded up: what is shown is never too little.
pub(super) fn lasted(t: &Texts, ms: u64, unit_ms: u64) -> String {
    let hundredths = (u128::from(ms) * 100).div_ceil(u128::from(unit_ms));
    let (whole, rest) = (hundredths / 100, hundredths % 100);
    if rest == 0 {
        return whole.to_string();
    }
    let point = match t.lang {
        Lang::Nl => ',',
        Lang::En => '.',
    };
    let decimals = format!("{rest:02}");
    format!("{whole}{point}{}", decimals.trim_end_matches('0'))
}

/// A day in the store, as `type="date"` takes it.
pub(super) fn dated(t: &Texts, at_ms: u64) -> String {
    let ms = i64::try_from(at_ms).ok();
    let at = ms.and_then(|ms| Timestamp::from_millisecond(ms).ok());
    let date = at.map(|at| at.to_zoned(t.zone.clone()).date().to_string());
    date.unwrap_or_default()
}

/// Minutes after midnight, as `type="time"` takes them.
pub(super) fn clock(minute: u16) -> String {
    format!("{:02}:{:02}", minute / 60, minute % 60)
}
