//! Words, numbers and times, in the reader's language.
//!
//! In: a key of `locales/{nl,en}/*.ftl`, or a value with its unit. Out: text for a page.
//! Promises: both languages have the same keys (a test compares them); a time is in the store's
//! time zone.
//! Invariant: the language is an argument; no header, cookie or environment is read here.

use std::{borrow::Borrow, sync::LazyLock};

use fluent_bundle::{FluentArgs, FluentResource, FluentValue, concurrent::FluentBundle};
use jiff::{Timestamp, Zoned, tz::TimeZone};
use unic_langid::LanguageIdentifier;

use crate::store::shop::Names;

const SOURCES_NL: [&str; 14] = [
    include_str!("../../locales/nl/common.ftl"),
    include_str!("../../locales/nl/board.ftl"),
    include_str!("../../locales/nl/phone.ftl"),
    include_str!("../../locales/nl/fleet.ftl"),
    include_str!("../../locales/nl/gateways.ftl"),
    include_str!("../../locales/nl/map.ftl"),
    include_str!("../../locales/nl/visit.ftl"),
    include_str!("../../locales/nl/walk.ftl"),
    include_str!("../../locales/nl/app.ftl"),
    include_str!("../../locales/nl/campaigns.ftl"),
    include_str!("../../locales/nl/figures.ftl"),
    include_str!("../../locales/nl/kept.ftl"),
    include_str!("../../locales/nl/integrations.ftl"),
    include_str!("../../locales/nl/collect.ftl"),
];
const SOURCES_EN: [&str; 14] = [
    include_str!("../../locales/en/common.ftl"),
    include_str!("../../locales/en/board.ftl"),
    include_str!("../../locales/en/phone.ftl"),
    include_str!("../../locales/en/fleet.ftl"),
    include_str!("../../locales/en/gateways.ftl"),
    include_str!("../../locales/en/map.ftl"),
    include_str!("../../locales/en/visit.ftl"),
    include_str!("../../locales/en/walk.ftl"),
    include_str!("../../locales/en/app.ftl"),
    include_str!("../../locales/en/campaigns.ftl"),
    include_str!("../../locales/en/figures.ftl"),
    include_str!("../../locales/en/kept.ftl"),
    include_str!("../../locales/en/integrations.ftl"),
    include_str!("../../locales/en/collect.ftl"),
];

static NL: LazyLock<FluentBundle<FluentResource>> = LazyLock::new(|| bundle(Lang::Nl));
static EN: LazyLock<FluentBundle<FluentResource>> = LazyLock::new(|| bundle(Lang::En));

/// A language that the pages speak.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Lang {
    /// Dutch; what a reader gets who asks for nothing we have.
    #[default]
    Nl,
    /// British English.
    En,
}

impl Lang {
    /// As in `lang="…"` and `?lang=…`.
    pub fn code(self) -> &'static str {
        match self {
            Self::Nl => "nl",
            Self::En => "en",
        }
    }

    /// The inverse of [`Lang::code`].
    pub fn from_code(code: &str) -> Option<Self> {
        match code {
            "nl" => Some(Self::Nl),
            "en" => Some(Self::En),
            _ => None,
        }
    }

    /// The one that the reader could switch to.
    pub fn other(self) -> Self {
        match self {
            Self::Nl => Self::En,
            Self::En => Self::Nl,
        }
    }

    /// Its own name, for the link that switches to it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Nl => "Nederlands",
            Self::En => "English",
        }
    }

    /// The best of ours for an `Accept-Language` header (RFC 9110, section 12.5.4): the highest
    /// weight wins, the first of equals; Dutch when nothing fits.
    pub fn negotiate(accept_language: Option<&str>) -> Self {
        let mut best: Option<(Self, f32)> = None;
        for range in accept_language.unwrap_or_default().split(',') {
            let mut parts = range.split(';').map(str::trim);
            let tag = parts.next().unwrap_or_default().to_ascii_lowercase();
            let primary = tag.split('-').next().unwrap_or_default();
            let Some(lang) = Self::from_code(primary) else {
                continue;
            };
            let weight = parts
                .find_map(|part| part.strip_prefix("q="))
                .map_or(1.0, |q| q.parse().unwrap_or(0.0));
            if weight > 0.0 && best.is_none_or(|(_, known)| weight > known) {
                best = Some((lang, weight));
            }
        }
        best.map_or(Self::Nl, |(lang, _)| lang)
    }
}

/// An amount in the smallest unit of its currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Money {
    /// Cents for euros.
    pub minor: i64,
    /// ISO 4217, such as `EUR`.
    pub currency: String,
}

/// The words for one reader in one store.
#[derive(Debug, Clone)]
pub struct Texts {
    /// Her language.
    pub lang: Lang,
    /// The store's time zone.
    pub zone: TimeZone,
}

impl Texts {
    /// Words in `lang`, times in `zone`.
    pub fn new(lang: Lang, zone: TimeZone) -> Self {
        Self { lang, zone }
    }

    /// The text of `key`. A key that does not exist gives itself: a test catches those.
    pub fn get(&self, key: &str) -> String {
        self.format(key, None)
    }

    /// The text of `key` with one thing filled in.
    pub fn with(&self, key: &str, name: &str, value: impl Value) -> String {
        self.with_all(key, [(name, value.fill())])
    }

    /// The text of `key` with two things filled in.
    pub fn with2(
        &self,
        key: &str,
        first: &str,
        first_value: impl Value,
        second: &str,
        second_value: impl Value,
    ) -> String {
        self.with_all(
            key,
            [(first, first_value.fill()), (second, second_value.fill())],
        )
    }

    /// The text of `key` with all of these filled in.
    pub fn with_all<'a, V: Into<FluentValue<'a>>>(
        &self,
        key: &str,
        values: impl IntoIterator<Item = (&'a str, V)>,
    ) -> String {
        let mut args = FluentArgs::new();
        for (name, value) in values {
            args.set(name, value);
        }
        self.format(key, Some(&args))
    }

    /// The text of `key` for `count` of something; the key chooses between one and many.
    pub fn count(&self, key: &str, count: impl Value) -> String {
        self.with(key, "count", count)
    }

    /// `14:09` in the store.
    pub fn clock(&self, at_ms: impl Borrow<u64>) -> String {
        let at = self.zoned(*at_ms.borrow());
        format!("{:02}:{:02}", at.hour(), at.minute())
    }

    /// `14:09:32` in the store.
    pub fn clock_s(&self, at_ms: impl Borrow<u64>) -> String {
        let at = self.zoned(*at_ms.borrow());
        format!("{:02}:{:02}:{:02}", at.hour(), at.minute(), at.second())
    }

    /// `Vandaag 14:05`, `Gisteren 14:05`, `Zondag 18:40`, `12 november 18:40`.
    pub fn moment(&self, at_ms: impl Borrow<u64>, now_ms: impl Borrow<u64>) -> String {
        let (at_ms, now_ms) = (*at_ms.borrow(), *now_ms.borrow());
        format!("{} {}", self.day(at_ms, now_ms), self.clock(at_ms))
    }

    /// The same with the year, if it was another one.
    pub fn moment_ever(&self, at_ms: u64, now_ms: u64) -> String {
        let (at, now) = (self.zoned(at_ms), self.zoned(now_ms));
        let far = self.days_ago(at_ms, now_ms).abs() > 6;
        if far && at.year() != now.year() {
            let day = self.day(at_ms, now_ms);
            return format!("{day} {} {}", at.year(), self.clock(at_ms));
        }
        self.moment(at_ms, now_ms)
    }

    /// `vandaag 14:05`, `gisteren 14:05`, `zondag 18:40`: the same inside a sentence.
    pub fn moment_within(&self, at_ms: u64, now_ms: u64) -> String {
        let day = self.day(at_ms, now_ms);
        let is_name = self.lang == Lang::En && self.days_ago(at_ms, now_ms).abs() > 1;
        let day = if is_name { day } else { lowered(&day) };
        format!("{day} {}", self.clock(at_ms))
    }

    /// Since when, inside a sentence: `12:40` of today, else with its day.
    pub fn since(&self, at_ms: impl Borrow<u64>, now_ms: impl Borrow<u64>) -> String {
        let (at_ms, now_ms) = (*at_ms.borrow(), *now_ms.borrow());
        match self.days_ago(at_ms, now_ms) {
            0 => self.clock(at_ms),
            _ => self.moment_within(at_ms, now_ms),
        }
    }

    /// `1.240`, as the language writes it.
    pub fn whole(&self, number: u64) -> String {
        match self.lang {
            Lang::Nl => grouped(number, '.'),
            Lang::En => grouped(number, ','),
        }
    }

    /// `129,00` with its sign, as the language writes it.
    /// Why the engine was silent, in a few words.
    pub fn reason(&self, reason: engine::outcome::Reason) -> String {
        let word = serde_json::to_value(reason);
        let word = word
            .ok()
            .and_then(|word| word.as_str().map(|word| word.replace('_', "-")));
        self.get(&format!("reason-{}", word.unwrap_or_default()))
    }

    /// A number with one decimal, as it is written in the language; a true minus sign.
    pub fn tenths(&self, number: f64) -> String {
        let text = format!("{:.1}", number.abs());
        let text = match self.lang {
            Lang::Nl => text.replace('.', ","),
            Lang::En => text,
        };
        let below = number < 0.0 && text.bytes().any(|b| (b'1'..=b'9').contains(&b));
        if below {
            format!("\u{2212}{text}")
        } else {
            text
        }
    }

    /// An amount, as it is written in the language.
    pub fn money(&self, money: &Money) -> String {
        let (thousands, decimal) = match self.lang {
            Lang::Nl => ('.', ','),
            Lang::En => (',', '.'),
        };
        let decimals = crate::money::decimals(&money.currency);
        let unit = 10_u64.pow(u32::try_from(decimals).unwrap_or(0));
        let whole = grouped(money.minor.unsigned_abs() / unit, thousands);
        let part = money.minor.unsigned_abs() % unit;
        let sign = if money.minor < 0 { "-" } else { "" };
        let amount = match decimals {
            0 => format!("{sign}{whole}"),
            _ => format!("{sign}{whole}{decimal}{part:0decimals$}"),
        };
        match (money.currency.as_str(), self.lang) {
            ("EUR", Lang::Nl) => format!("€\u{a0}{amount}"),
            ("EUR", Lang::En) => format!("€{amount}"),
            (code, _) => format!("{code}\u{a0}{amount}"),
        }
    }

    /// A name in the language.
    pub fn said(&self, names: &Names) -> String {
        match self.lang {
            Lang::Nl => names.nl.clone(),
            Lang::En => names.en.clone(),
        }
    }

    /// Hour of the day in the store, 0 to 23.
    pub fn hour(&self, at_ms: u64) -> i8 {
        self.zoned(at_ms).hour()
    }

    /// The zone as browsers know it; UTC for one without a name.
    pub fn zone_name(&self) -> &str {
        self.zone.iana_name().unwrap_or("UTC")
    }

    /// `27 november`: a day without the year, for what is near.
    pub fn date(&self, at_ms: impl Borrow<u64>) -> String {
        let at = self.zoned(*at_ms.borrow()).date();
        let month = self.get(&format!("month-{}", at.month()));
        format!("{} {month}", at.day())
    }

    fn day(&self, at_ms: u64, now_ms: u64) -> String {
        let at = self.zoned(at_ms).date();
        match self.days_ago(at_ms, now_ms) {
            0 => self.get("day-today"),
            1 => self.get("day-yesterday"),
            -1 => self.get("day-tomorrow"),
            -6..=6 => self.get(&format!("day-{}", at.weekday().to_monday_one_offset())),
            _ => self.date(at_ms),
        }
    }

    fn days_ago(&self, at_ms: u64, now_ms: u64) -> i32 {
        let (at, today) = (self.zoned(at_ms).date(), self.zoned(now_ms).date());
        at.until(today).map_or(i32::MAX, |span| span.get_days())
    }

    fn zoned(&self, at_ms: u64) -> Zoned {
        let at_ms = i64::try_from(at_ms).unwrap_or(i64::MAX);
        Timestamp::from_millisecond(at_ms)
            .unwrap_or(Timestamp::UNIX_EPOCH)
            .to_zoned(self.zone.clone())
    }

    fn format(&self, key: &str, args: Option<&FluentArgs<'_>>) -> String {
        let words: &FluentBundle<FluentResource> = match self.lang {
            Lang::Nl => &NL,
            Lang::En => &EN,
        };
        let Some(pattern) = words.get_message(key).and_then(|message| message.value()) else {
            return key.to_owned();
        };
        // What cannot be filled in stays visible as `{$name}`; a test renders every page and
        // looks for that.
        words
            .format_pattern(pattern, args, &mut Vec::new())
            .into_owned()
    }
}

/// What may be filled in; by reference too, since templates pass their fields so.
pub trait Value {
    /// As the words take it.
    fn fill(&self) -> FluentValue<'static>;
}

impl Value for str {
    fn fill(&self) -> FluentValue<'static> {
        self.to_owned().into()
    }
}

impl Value for String {
    fn fill(&self) -> FluentValue<'static> {
        self.clone().into()
    }
}

impl Value for u8 {
    fn fill(&self) -> FluentValue<'static> {
        (*self).into()
    }
}

impl Value for u32 {
    fn fill(&self) -> FluentValue<'static> {
        (*self).into()
    }
}

impl Value for u64 {
    fn fill(&self) -> FluentValue<'static> {
        (*self).into()
    }
}

impl<T: Value + ?Sized> Value for &T {
    fn fill(&self) -> FluentValue<'static> {
        (**self).fill()
    }
}

/// `2:24`.
pub fn minutes(seconds: impl Borrow<u64>) -> String {
    let seconds = *seconds.borrow();
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

/// `94` for a share of 0.94; anything that is no share is brought into 0 to 100.
pub fn percent(share: impl Borrow<f32>) -> u8 {
    let share = *share.borrow();
    let share = if share.is_finite() { share } else { 0.0 };
    // Between 0 and 100 by construction.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let percent = (share.clamp(0.0, 1.0) * 100.0).round() as u8;
    percent
}

fn lowered(word: &str) -> String {
    let mut letters = word.chars();
    let first = letters.next().into_iter().flat_map(char::to_lowercase);
    first.chain(letters).collect()
}

fn grouped(whole: u64, separator: char) -> String {
    let digits = whole.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(separator);
        }
        out.push(digit);
    }
    out
}

fn bundle(lang: Lang) -> FluentBundle<FluentResource> {
    let (id, sources) = match lang {
        Lang::Nl => ("nl", SOURCES_NL),
        Lang::En => ("en-GB", SOURCES_EN),
    };
    let id: LanguageIdentifier = id.parse().unwrap_or_default();
    let mut words = FluentBundle::new_concurrent(vec![id]);
    // Isolating marks would stand in attributes and in JSON, where they are characters.
    words.set_use_isolating(false);
    for source in sources {
        // The files are compiled in and a test parses them without an error; what parsed is
        // kept in any case, so that one bad line does not take the page away.
        let resource =
            FluentResource::try_new(source.to_owned()).unwrap_or_else(|(partly, _)| partly);
        let _doubles = words.add_resource(resource);
    }
    words
}

#[cfg(test)]
mod tests;
