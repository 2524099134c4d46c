//! What a store's visits come to.
//!
//! In: visits and stays of those who agreed to be counted, as [`Rows`], and a [`Calendar`].
//! Out: [`Figures`]: visits by week, who comes back, how often, what becomes of those who came for
//! the first time, who is seen in other stores too, how long people stay where.
//! Promises: the same rows give the same figures; every number of people went through [`Cell`].
//! Nobody can be told apart by asking twice: periods are whole weeks of four lengths, and two that
//! overlap differ by numbers that were each rounded.
//! Invariant: reads no clock and no database; keeps nobody's id.
//! Cost: one pass over the rows and one sort of them by person.

pub mod calendar;
pub mod cell;
pub mod sheet;
pub mod waits;

use std::collections::BTreeMap;

use protocol::ZoneId;

pub use self::{
    calendar::{COHORTS, Calendar, MONTHS_AFTER, Month, Week},
    cell::{Cell, Part, Tally},
};

/// The lengths of a period, in weeks. Not any length: the difference of two would be a week that
/// was chosen to be looked at.
pub const WEEKS: [u16; 4] = [4, 12, 26, 52];
/// Who comes again within this time came back.
pub const BACK_MS: u64 = 30 * 86_400_000;
/// A stay is told in steps of this.
const STAY_STEP_S: u64 = 5;

/// A visit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Visit {
    /// Whose: her place in [`Rows::people`].
    pub person: u32,
    /// When she came in.
    pub entered_ms: u64,
}

/// What is known of a visitor beside her visits in the period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Person {
    /// When she first came to this store.
    pub first_ms: u64,
    /// Whether she was in another store of the chain in the period.
    pub elsewhere: bool,
}

/// How long one visit was in one zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stay {
    /// Whose.
    pub person: u32,
    /// Where.
    pub zone: ZoneId,
    /// All of the visit's time there.
    pub lasted_ms: u64,
}

/// The rows that figures are made of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rows {
    /// By their numbers.
    pub people: Vec<Person>,
    /// Since [`since_ms`], oldest first.
    pub visits: Vec<Visit>,
    /// Of the last four weeks.
    pub stays: Vec<Stay>,
    /// Whether the chain has another store.
    pub other_stores: bool,
}

/// Since when visits are needed: a period's first week is compared with the 30 days before it, and
/// months of first visits may lie before either.
pub fn since_ms(calendar: &Calendar) -> u64 {
    let months = calendar.months.first().map(|month| month.from_ms);
    let weeks = calendar.from_ms().saturating_sub(BACK_MS);
    months.map_or(weeks, |months| months.min(weeks))
}

/// Visits of one week.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WeekFigure {
    /// Which.
    pub week: Week,
    /// Its visits; part of them: by who had been here on another day in the 30 days before.
    pub visits: Part,
}

/// Who came for the first time in one month, and again after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cohort {
    /// Which.
    pub month: Month,
    /// Seen again one, two, three months later, as far as those months are over.
    pub again: Vec<Part>,
    /// All of them.
    pub people: Cell,
}

/// How long people stay in a zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZoneFigure {
    /// Which.
    pub zone: ZoneId,
    /// Visits that were there.
    pub visits: Cell,
    /// Half of them were there for less; none: too few people.
    pub median_s: Option<u64>,
}

/// What a store's visits come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figures {
    /// By week, oldest first.
    pub weeks: Vec<WeekFigure>,
    /// People who came in a time that ended 30 days before the period's end; part of them: who came
    /// again on another day within 30 days. As long as the period.
    pub came_back: Part,
    /// People by their visits in the last four weeks: 1, 2, 3 to 4, 5 and more. No total stands
    /// beside them; see [`cell::classes`].
    pub often: [Cell; 4],
    /// By month of the first visit, oldest first.
    pub cohorts: Vec<Cohort>,
    /// People of the period; part of them: seen in another store too. None: there is no other.
    pub elsewhere: Option<Part>,
    /// By zone, the longest stay first, those that are hidden last.
    pub zones: Vec<ZoneFigure>,
}

impl Figures {
    /// Whether nothing can be told: a store that is new, or quiet.
    pub fn is_empty(&self) -> bool {
        let weeks = self.weeks.iter().all(|w| w.visits.of.shown().is_none());
        let often = self.often.iter().all(|cell| cell.shown().is_none());
        weeks && often && self.came_back.of.shown().is_none()
    }
}

/// Counts.
pub fn figures(calendar: &Calendar, rows: &Rows) -> Figures {
    let by_person = by_person(rows);
    Figures {
        weeks: weeks(calendar, &by_person),
        came_back: came_back(calendar, &by_person),
        often: often(calendar, &by_person),
        cohorts: cohorts(calendar, rows, &by_person),
        elsewhere: rows
            .other_stores
            .then(|| elsewhere(calendar, rows, &by_person)),
        zones: zones(&rows.stays),
    }
}

/// The moments at which each person came, oldest first.
fn by_person(rows: &Rows) -> Vec<Vec<u64>> {
    let mut by_person = vec![Vec::new(); rows.people.len()];
    for visit in &rows.visits {
        if let Some(moments) = by_person.get_mut(visit.person as usize) {
            moments.push(visit.entered_ms);
        }
    }
    for moments in &mut by_person {
        moments.sort_unstable();
    }
    by_person
}

fn weeks(calendar: &Calendar, by_person: &[Vec<u64>]) -> Vec<WeekFigure> {
    // Of each week: again, not again, and who was there at all.
    let mut tallies = vec![(Tally::default(), Tally::default(), 0_u64); calendar.weeks.len()];
    let mut of_person: BTreeMap<usize, (u64, u64)> = BTreeMap::new();
    for moments in by_person {
        of_person.clear();
        for (at, &entered_ms) in moments.iter().enumerate() {
            if let Some(week) = calendar.week_of(entered_ms) {
                let (again, not) = of_person.entry(week).or_default();
                let counted = if is_again(calendar, &moments[..at], entered_ms) {
                    again
                } else {
                    not
                };
                *counted += 1;
            }
        }
        for (&week, &(again, not)) in &of_person {
            let (all_again, all_not, people) = &mut tallies[week];
            add(all_again, again);
            add(all_not, not);
            *people += 1;
        }
    }
    let figure = |(week, (again, not, people)): (&Week, _)| WeekFigure {
        week: *week,
        visits: Part::of(again, not, people),
    };
    calendar.weeks.iter().zip(tallies).map(figure).collect()
}

fn add(tally: &mut Tally, count: u64) {
    tally.count += count;
    tally.people += u64::from(count > 0);
}

/// Whether she had been here on another day within the 30 days before.
fn is_again(calendar: &Calendar, before: &[u64], entered_ms: u64) -> bool {
    before
        .iter()
        .rev()
        .take_while(|&&then_ms| entered_ms - then_ms <= BACK_MS)
        .any(|&then_ms| calendar.another_day(then_ms, entered_ms))
}

fn came_back(calendar: &Calendar, by_person: &[Vec<u64>]) -> Part {
    let (from_ms, until_ms) = (
        calendar.from_ms().saturating_sub(BACK_MS),
        calendar.until_ms.saturating_sub(BACK_MS),
    );
    let (mut all, mut back) = (0, 0);
    for moments in by_person {
        let Some(at) = moments.iter().position(|&ms| ms >= from_ms) else {
            continue;
        };
        let first_ms = moments[at];
        if first_ms >= until_ms {
            continue;
        }
        all += 1;
        let again = moments[at + 1..]
            .iter()
            .take_while(|&&ms| ms - first_ms <= BACK_MS)
            .any(|&ms| calendar.another_day(first_ms, ms));
        back += u64::from(again);
    }
    Part::of_people(back, all)
}

fn often(calendar: &Calendar, by_person: &[Vec<u64>]) -> [Cell; 4] {
    let lately = calendar.lately_ms()..calendar.until_ms;
    let mut people = [0; 4];
    for moments in by_person {
        match moments.iter().filter(|ms| lately.contains(ms)).count() {
            0 => {}
            1 => people[0] += 1,
            2 => people[1] += 1,
            3 | 4 => people[2] += 1,
            _ => people[3] += 1,
        }
    }
    cell::classes(people)
}

fn cohorts(calendar: &Calendar, rows: &Rows, by_person: &[Vec<u64>]) -> Vec<Cohort> {
    let mut all = [0_u64; COHORTS];
    let mut again = [[0_u64; MONTHS_AFTER]; COHORTS];
    for (person, moments) in rows.people.iter().zip(by_person) {
        let Some(first) = calendar.month_of(person.first_ms).filter(|&m| m < COHORTS) else {
            continue;
        };
        all[first] += 1;
        let mut seen = [false; MONTHS_AFTER];
        for month in moments.iter().filter_map(|&ms| calendar.month_of(ms)) {
            if let Some(seen) = month
                .checked_sub(first + 1)
                .and_then(|later| seen.get_mut(later))
            {
                *seen = true;
            }
        }
        for (count, seen) in again[first].iter_mut().zip(seen) {
            *count += u64::from(seen);
        }
    }
    let cohort = |(first, month): (usize, &Month)| {
        let over = (calendar.months.len() - 1 - first).min(MONTHS_AFTER);
        let again = &again[first][..over];
        Cohort {
            month: *month,
            people: Cell::of(Tally::of_people(all[first])),
            again: again
                .iter()
                .map(|&seen| Part::of_people(seen, all[first]))
                .collect(),
        }
    };
    let followed = calendar.months.iter().take(COHORTS).enumerate();
    followed.map(cohort).collect()
}

fn elsewhere(calendar: &Calendar, rows: &Rows, by_person: &[Vec<u64>]) -> Part {
    let (mut all, mut both) = (0, 0);
    for (person, moments) in rows.people.iter().zip(by_person) {
        if moments.iter().any(|&ms| calendar.week_of(ms).is_some()) {
            all += 1;
            both += u64::from(person.elsewhere);
        }
    }
    Part::of_people(both, all)
}

fn zones(stays: &[Stay]) -> Vec<ZoneFigure> {
    let mut by_zone: BTreeMap<&ZoneId, (Vec<u64>, Vec<u32>)> = BTreeMap::new();
    for stay in stays {
        let (lasted, people) = by_zone.entry(&stay.zone).or_default();
        lasted.push(stay.lasted_ms);
        people.push(stay.person);
    }
    let mut figures: Vec<ZoneFigure> = by_zone
        .into_iter()
        .map(|(zone, (mut lasted, mut people))| {
            people.sort_unstable();
            people.dedup();
            let visits = Cell::of(Tally {
                count: lasted.len() as u64,
                people: people.len() as u64,
            });
            ZoneFigure {
                zone: zone.clone(),
                visits,
                median_s: visits.shown().and_then(|_| median_s(&mut lasted)),
            }
        })
        .collect();
    figures.sort_by_key(|zone| std::cmp::Reverse(zone.median_s));
    figures
}

/// The lower of the two in the middle, to five seconds.
fn median_s(lasted_ms: &mut [u64]) -> Option<u64> {
    let middle = lasted_ms.len().checked_sub(1)? / 2;
    let (_, median_ms, _) = lasted_ms.select_nth_unstable(middle);
    let step_ms = STAY_STEP_S * 1_000;
    Some((*median_ms + step_ms / 2) / step_ms * STAY_STEP_S)
}

#[cfg(test)]
mod tests;
