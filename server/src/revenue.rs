//! Revenue uplift: what a campaign changes in what people spend, against those who were told nothing.
//!
//! In: of each arm what every person spent within the attribution window, in one currency's minor
//! unit; who spent nothing counts as nothing. Out: the difference of the means with its 95 %
//! interval, or that there is not enough yet.
//! The interval is Welch's for two samples of unequal variance (Biometrika 34, 1947, pp. 28 to 35),
//! with the degrees of freedom of Satterthwaite (Biometrics Bulletin 2, 1946, pp. 110 to 114). What
//! people spend is skewed; with [`PERSONS_MIN`] persons and [`PEOPLE_MIN`] buyers in each arm the
//! means are near enough to normal to be told with a range, and no mean is told of a few buyers.
//! Spent is what was bought and not called off or paid back. How much of a receipt was paid back is
//! not known, so one that was paid back in part counts as nothing.
//! Mixed currencies: nothing is converted. The currency of most receipts, both arms together, is
//! counted; the others are left out, in both arms alike, and [`Revenue::left_out`] says how many
//! people's they are.
//! Invariant: arithmetic alone; money comes in as whole minor units.

use std::collections::BTreeMap;

use crate::{
    figures::{Cell, Tally, cell::PEOPLE_MIN},
    uplift::PERSONS_MIN,
};

/// What one person spent in one currency, after the campaign's turn came to her.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spent {
    /// Who, by a number: the rows of one person stand together.
    pub person: u32,
    /// Whether she was told; else she was held out.
    pub told: bool,
    /// ISO 4217.
    pub currency: String,
    /// In the currency's minor unit.
    pub minor: u64,
    /// Receipts that it was on.
    pub receipts: u64,
}

/// What an arm's persons spent: enough for a mean and a variance.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Arm {
    persons: u64,
    buyers: u64,
    sum: f64,
    squares: f64,
}

impl Arm {
    fn add(&mut self, minor: u64) {
        let spent = minor as f64;
        self.buyers += 1;
        self.sum += spent;
        self.squares += spent * spent;
    }

    fn mean(&self) -> f64 {
        self.sum / self.persons as f64
    }

    /// The variance of the mean.
    fn spread(&self) -> f64 {
        let n = self.persons as f64;
        let of_one = (self.squares - self.sum * self.sum / n) / (n - 1.0);
        of_one.max(0.0) / n
    }

    fn is_enough(&self) -> bool {
        self.persons >= PERSONS_MIN && self.buyers >= PEOPLE_MIN
    }
}

/// Both arms of a campaign.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Revenue {
    currency: Option<String>,
    told: Arm,
    held_out: Arm,
    left_out: Tally,
}

/// A difference of means, in the currency's minor unit a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Difference {
    /// Told minus held out.
    pub by: i64,
    /// The lower end of its 95 % interval.
    pub low: i64,
    /// The upper end.
    pub high: i64,
}

impl Difference {
    /// Whether it may be nothing but chance.
    pub fn may_be_chance(&self) -> bool {
        self.low <= 0 && self.high >= 0
    }
}

impl Revenue {
    /// Persons of each arm, and what those spent who bought: a row for each of a person's currencies.
    pub fn new(persons_told: u64, persons_held_out: u64, spent: &[Spent]) -> Self {
        let mut receipts: BTreeMap<&str, u64> = BTreeMap::new();
        for row in spent {
            *receipts.entry(&row.currency).or_default() += row.receipts;
        }
        // Of equals the first by name, so that it does not change by itself.
        let most = receipts
            .iter()
            .max_by_key(|(name, n)| (**n, std::cmp::Reverse(**name)));
        let currency = most.map(|(name, _)| (*name).to_owned());
        let mut revenue = Self {
            told: Arm {
                persons: persons_told,
                ..Arm::default()
            },
            held_out: Arm {
                persons: persons_held_out,
                ..Arm::default()
            },
            ..Self::default()
        };
        let mut left_out = Vec::new();
        for row in spent {
            match (currency.as_deref() == Some(&row.currency), row.told) {
                (true, true) => revenue.told.add(row.minor),
                (true, false) => revenue.held_out.add(row.minor),
                (false, _) => left_out.push(row.person),
            }
        }
        left_out.dedup();
        revenue.left_out = Tally::of_people(left_out.len() as u64);
        revenue.currency = currency;
        revenue
    }

    /// What is counted, ISO 4217; none: nobody spent anything.
    pub fn currency(&self) -> Option<&str> {
        self.currency.as_deref()
    }

    /// People who bought in another currency, which is left out.
    pub fn left_out(&self) -> Cell {
        Cell::of(self.left_out)
    }

    /// The difference; none: not enough data yet.
    pub fn difference(&self) -> Option<Difference> {
        let Self { told, held_out, .. } = self;
        if !told.is_enough() || !held_out.is_enough() {
            return None;
        }
        let (a, b) = (told.spread(), held_out.spread());
        let by = told.mean() - held_out.mean();
        let freedom = (a + b).powi(2)
            / (a * a / (told.persons as f64 - 1.0) + b * b / (held_out.persons as f64 - 1.0));
        let reach = if a + b > 0.0 {
            t_quantile(freedom) * (a + b).sqrt()
        } else {
            0.0
        };
        Some(Difference {
            by: whole(by),
            low: whole(by - reach),
            high: whole(by + reach),
        })
    }
}

/// Student's 97.5th percentile, by the expansion around the normal's (Abramowitz and Stegun, 1964,
/// 26.7.5): exact to four decimals from ten degrees of freedom on, and here there are 99 at least.
fn t_quantile(freedom: f64) -> f64 {
    const Z: f64 = 1.959_964;
    let g1 = (Z.powi(3) + Z) / 4.0;
    let g2 = (5.0 * Z.powi(5) + 16.0 * Z.powi(3) + 3.0 * Z) / 96.0;
    let g3 = (3.0 * Z.powi(7) + 19.0 * Z.powi(5) + 17.0 * Z.powi(3) - 15.0 * Z) / 384.0;
    Z + g1 / freedom + g2 / freedom.powi(2) + g3 / freedom.powi(3)
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a mean of amounts that fit"
)]
fn whole(minor: f64) -> i64 {
    minor.round() as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spent(told: bool, currency: &str, minor: u64) -> Spent {
        Spent {
            person: 0,
            told,
            currency: currency.to_owned(),
            minor,
            receipts: 1,
        }
    }

    #[test]
    fn students_percentile_is_the_one_of_the_tables() {
        for (freedom, expected) in [(10.0, 2.2281), (30.0, 2.0423), (99.0, 1.9842)] {
            let t = t_quantile(freedom);
            assert!((t - expected).abs() < 2e-4, "{freedom}: {t}");
        }
    }

    #[test]
    fn the_interval_is_welchs() {
        // Told: 100 persons, 40 of whom spent 50.00: mean 2,000, variance of one 24e8/(4*99).
        // Held out: 200 persons, 40 of whom spent 50.00: mean 1,000, variance 4e6 * 200/199.
        let mut rows = vec![spent(true, "EUR", 5_000); 40];
        rows.extend(vec![spent(false, "EUR", 5_000); 40]);
        let revenue = Revenue::new(100, 200, &rows);
        let difference = revenue.difference().unwrap();
        // By hand: spreads 60,606.06 and 20,100.50, freedom 166.45, t 1.97433, reach 560.89.
        assert_eq!(
            difference,
            Difference {
                by: 1_000,
                low: 439,
                high: 1_561
            }
        );
        assert!(!difference.may_be_chance());
    }

    #[test]
    fn few_persons_or_few_buyers_give_no_difference() {
        let rows = |told, held| {
            let mut rows = vec![spent(true, "EUR", 900); told];
            rows.extend(vec![spent(false, "EUR", 900); held]);
            rows
        };
        let enough = |told, held, rows: &[Spent]| Revenue::new(told, held, rows).difference();
        assert!(enough(100, 100, &rows(10, 10)).is_some());
        assert_eq!(enough(99, 100, &rows(10, 10)), None);
        assert_eq!(enough(100, 100, &rows(10, 9)), None);
        assert_eq!(enough(100, 100, &rows(9, 10)), None);
    }

    #[test]
    fn the_currency_of_most_receipts_counts_and_the_others_are_left_out() {
        let mut rows = vec![spent(true, "EUR", 1_000); 20];
        rows.extend(vec![spent(false, "EUR", 1_000); 20]);
        let alone = Revenue::new(200, 200, &rows);
        // Twelve people; the first of them with two rows.
        for person in [0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11] {
            let foreign = spent(true, "SEK", 90_000);
            rows.push(Spent { person, ..foreign });
        }
        let mixed = Revenue::new(200, 200, &rows);
        assert_eq!(mixed.currency(), Some("EUR"));
        assert_eq!(mixed.difference(), alone.difference());
        assert_eq!(
            (mixed.left_out().shown(), alone.left_out().shown()),
            (Some(10), None)
        );
    }
}
