//! What a campaign changes, in words: buyers and revenue, against those who were told nothing.
//!
//! In: both arms. Out: a line for each, with how sure it is.
//! Invariant: says nothing of an arm that is too small; a number of people is a cell.

use crate::{
    figures::{Cell, Tally},
    revenue::{self, Revenue},
    uplift::{Difference, Uplift},
    web::i18n::{Money, Texts},
};

/// What a campaign changed.
#[derive(Debug, Clone)]
pub struct Effect {
    /// Buyers.
    pub conversion: Uplift,
    /// What they spent.
    pub revenue: Revenue,
}

/// One line: what is measured, and what came of it.
pub(super) struct EffectLine {
    pub(super) what: String,
    /// The difference and its range; none: not enough data yet.
    pub(super) said: Option<(String, String)>,
    pub(super) may_be_chance: bool,
    pub(super) more: Option<String>,
}

impl Effect {
    /// Nobody's turn came yet.
    pub(super) fn is_empty(&self) -> bool {
        self.conversion.persons() == 0
    }

    pub(super) fn lines(&self, t: &Texts) -> [EffectLine; 2] {
        let difference = self.conversion.difference();
        let conversion = EffectLine {
            what: t.get("campaigns-uplift"),
            said: difference.map(|d| (points(t, d.by), between(t, &d))),
            may_be_chance: difference.is_some_and(|d| d.may_be_chance()),
            more: difference
                .is_none()
                .then(|| so_many(t, &self.conversion))
                .flatten(),
        };
        [conversion, self.spent(t)]
    }

    fn spent(&self, t: &Texts) -> EffectLine {
        let currency = self.revenue.currency().unwrap_or_default();
        let difference = self.revenue.difference();
        let left_out = self
            .revenue
            .left_out()
            .shown()
            .filter(|_| difference.is_some());
        EffectLine {
            what: t.get("effect-revenue"),
            said: difference.map(|d| in_money(t, currency, &d)),
            may_be_chance: difference.is_some_and(|d| d.may_be_chance()),
            more: left_out.map(|people| {
                let people = t.whole(people);
                t.with2("effect-left-out", "currency", currency, "people", people)
            }),
        }
    }
}

/// How many are in it, of how many there should be; none: too few to be told.
pub(super) fn so_many(t: &Texts, uplift: &Uplift) -> Option<String> {
    let persons = Cell::of(Tally::of_people(uplift.persons())).shown()?;
    let (persons, wanted) = (t.whole(persons), t.whole(uplift.persons_wanted()));
    Some(t.with2("uplift-of", "persons", persons, "wanted", wanted))
}

/// A share in percentage points.
fn number(t: &Texts, share: f64) -> String {
    t.tenths(share * 100.0)
}

pub(super) fn points(t: &Texts, share: f64) -> String {
    let sign = if share > 0.0 { "+" } else { "" };
    t.with("uplift-points", "by", format!("{sign}{}", number(t, share)))
}

pub(super) fn between(t: &Texts, difference: &Difference) -> String {
    let (low, high) = (number(t, difference.low), number(t, difference.high));
    t.with2("uplift-between", "low", low, "high", high)
}

fn in_money(t: &Texts, currency: &str, difference: &revenue::Difference) -> (String, String) {
    let amount = |minor: i64| {
        let money = Money {
            minor: minor.saturating_abs(),
            currency: currency.to_owned(),
        };
        let sign = if minor < 0 { "\u{2212}" } else { "" };
        format!("{sign}{}", t.money(&money))
    };
    let sign = if difference.by > 0 { "+" } else { "" };
    let by = format!("{sign}{}", amount(difference.by));
    let (low, high) = (amount(difference.low), amount(difference.high));
    (
        t.with("effect-person", "by", by),
        t.with2("uplift-between", "low", low, "high", high),
    )
}
