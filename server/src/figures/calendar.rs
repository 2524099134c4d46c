//! Which weeks and months figures are of.
//!
//! In: a store's time zone, the time, how many weeks. Out: whole weeks and months that have ended,
//! with the moments at which they begin.
//! Invariant: time is an argument; a week begins on Monday at midnight by the store's clock.

use jiff::{Timestamp, ToSpan, Zoned, civil::Date, tz::TimeZone};

/// Months of first visits that are followed.
pub const COHORTS: usize = 6;
/// Months after it in which they may be seen again.
pub const MONTHS_AFTER: usize = 3;

/// A whole week.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Week {
    /// The year that its number belongs to (ISO 8601).
    pub year: i16,
    /// 1 to 53.
    pub number: i8,
    /// When it begins.
    pub from_ms: u64,
}

/// A whole month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Month {
    /// Its year.
    pub year: i16,
    /// 1 to 12.
    pub number: i8,
    /// When it begins.
    pub from_ms: u64,
}

/// The time that figures are of.
#[derive(Debug, Clone)]
pub struct Calendar {
    /// Whole weeks, oldest first.
    pub weeks: Vec<Week>,
    /// When the last of them ends.
    pub until_ms: u64,
    /// Whole months, oldest first: those of first visits, and the last one after them.
    pub months: Vec<Month>,
    /// When the last of them ends.
    pub months_until_ms: u64,
    zone: TimeZone,
}

impl Calendar {
    /// The last `weeks` whole weeks before now, and the months before it.
    pub fn new(zone: &TimeZone, now_ms: u64, weeks: u16) -> Self {
        let today = zoned(zone, now_ms).date();
        let monday =
            today.saturating_sub(i64::from(today.weekday().to_monday_zero_offset()).days());
        let month = today.first_of_month();
        let begin = |date: Date| begins_ms(date, zone);
        let week = |back: i64| {
            let date = monday.saturating_sub(back.weeks());
            let iso = date.iso_week_date();
            Week {
                year: iso.year(),
                number: iso.week(),
                from_ms: begin(date),
            }
        };
        let one = |back: i64| {
            let date = month.saturating_sub(back.months());
            Month {
                year: date.year(),
                number: date.month(),
                from_ms: begin(date),
            }
        };
        Self {
            weeks: (1..=i64::from(weeks)).rev().map(week).collect(),
            until_ms: begin(monday),
            // The youngest month of first visits has one whole month after it.
            months: (1..=COHORTS as i64 + 1).rev().map(one).collect(),
            months_until_ms: begin(month),
            zone: zone.clone(),
        }
    }

    /// When the period begins.
    pub fn from_ms(&self) -> u64 {
        self.weeks
            .first()
            .map_or(self.until_ms, |week| week.from_ms)
    }

    /// When the last four weeks begin.
    pub fn lately_ms(&self) -> u64 {
        let four = self.weeks.len().saturating_sub(4);
        self.weeks
            .get(four)
            .map_or(self.until_ms, |week| week.from_ms)
    }

    /// In which of the weeks a moment is.
    pub fn week_of(&self, at_ms: u64) -> Option<usize> {
        within(&self.weeks, self.until_ms, at_ms, |week| week.from_ms)
    }

    /// In which of the months a moment is.
    pub fn month_of(&self, at_ms: u64) -> Option<usize> {
        within(&self.months, self.months_until_ms, at_ms, |month| {
            month.from_ms
        })
    }

    /// Whether two moments are on different days by the store's clock.
    pub fn another_day(&self, first_ms: u64, then_ms: u64) -> bool {
        let day = |at_ms| zoned(&self.zone, at_ms).date();
        then_ms.abs_diff(first_ms) >= 25 * 3_600_000 || day(first_ms) != day(then_ms)
    }
}

fn within<T>(all: &[T], until_ms: u64, at_ms: u64, from_ms: fn(&T) -> u64) -> Option<usize> {
    let begun = all.partition_point(|one| from_ms(one) <= at_ms);
    begun.checked_sub(1).filter(|_| at_ms < until_ms)
}

fn zoned(zone: &TimeZone, at_ms: u64) -> Zoned {
    let at = i64::try_from(at_ms)
        .ok()
        .and_then(|ms| Timestamp::from_millisecond(ms).ok());
    at.unwrap_or_default().to_zoned(zone.clone())
}

fn begins_ms(date: Date, zone: &TimeZone) -> u64 {
    let at = date.to_zoned(zone.clone());
    let ms = at.map_or(0, |at| at.timestamp().as_millisecond());
    u64::try_from(ms).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::localtime;

    /// Sunday 22 November 2026, 14:09 in Utrecht.
    const SUNDAY_MS: u64 = 1_795_352_940_000;
    const WEEK_MS: u64 = 7 * 86_400_000;

    #[test]
    fn only_whole_weeks_and_months_count_by_the_stores_clock() {
        let calendar = Calendar::new(&localtime::zone("Europe/Amsterdam"), SUNDAY_MS, 12);
        let numbers: Vec<i8> = calendar.weeks.iter().map(|week| week.number).collect();
        // The week of that Sunday, 47, goes on.
        assert_eq!(numbers, (35..=46).collect::<Vec<i8>>());
        let months: Vec<i8> = calendar.months.iter().map(|month| month.number).collect();
        assert_eq!(months, [4, 5, 6, 7, 8, 9, 10]);
        // Monday 16 November, midnight in Utrecht.
        assert_eq!(calendar.until_ms, 1_794_783_600_000);
        // Summer time ended on 25 October: the weeks before it begin an hour earlier in UTC.
        assert_eq!(
            calendar.from_ms(),
            calendar.until_ms - 12 * WEEK_MS - 3_600_000
        );
        assert_eq!(calendar.lately_ms(), calendar.weeks[8].from_ms);
        assert_eq!(calendar.week_of(calendar.until_ms), None);
        assert_eq!(calendar.week_of(calendar.until_ms - 1), Some(11));
        assert_eq!(calendar.week_of(calendar.from_ms() - 1), None);
        assert_eq!(calendar.month_of(calendar.months[2].from_ms - 1), Some(1));
    }

    #[test]
    fn another_day_begins_at_the_stores_midnight() {
        let calendar = Calendar::new(&localtime::zone("Europe/Amsterdam"), SUNDAY_MS, 4);
        let midnight_ms = calendar.until_ms;
        assert!(calendar.another_day(midnight_ms - 1, midnight_ms));
        assert!(!calendar.another_day(midnight_ms, midnight_ms + 20 * 3_600_000));
    }
}
