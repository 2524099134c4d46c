//! Small cases counted by hand, and what holds for all.

use proptest::prelude::*;

use super::*;
use crate::localtime;

const HOUR_MS: u64 = 3_600_000;
const DAY_MS: u64 = 24 * HOUR_MS;
/// Sunday 22 November 2026, 14:09 in Utrecht.
const NOW_MS: u64 = 1_795_352_940_000;

fn calendar(weeks: u16) -> Calendar {
    Calendar::new(&localtime::zone("Europe/Amsterdam"), NOW_MS, weeks)
}

/// Rows of people who each came so many days before the end of the last whole week, at noon.
#[derive(Default)]
struct Story(Rows);

impl Story {
    fn people(mut self, how_many: u64, days_before: &[u64]) -> Self {
        let until_ms = calendar(4).until_ms;
        for _ in 0..how_many {
            let person = u32::try_from(self.0.people.len()).unwrap();
            let moments = days_before
                .iter()
                .map(|days| until_ms - days * DAY_MS + 12 * HOUR_MS);
            self.0.people.push(Person {
                first_ms: moments.clone().min().unwrap(),
                elsewhere: false,
            });
            let visits = moments.map(|entered_ms| Visit { person, entered_ms });
            self.0.visits.extend(visits);
        }
        self
    }

    fn told(&self, weeks: u16) -> Figures {
        figures(&calendar(weeks), &self.0)
    }
}

fn shown(part: Part) -> (Option<u64>, Option<u64>) {
    (part.of.shown(), part.part.shown())
}

#[test]
fn a_weeks_visits_are_counted_with_those_of_who_was_here_before() {
    let told = Story::default()
        // Twelve came last week and two weeks before it, thirteen last week alone.
        .people(12, &[3, 17])
        .people(13, &[2])
        // Eleven came last week, and 31 days before that: too long ago.
        .people(11, &[1, 32])
        .told(4);
    let weeks: Vec<_> = told.weeks.iter().map(|week| shown(week.visits)).collect();
    let none = (None, None);
    assert_eq!(weeks, [none, (Some(10), None), none, (Some(35), Some(10))]);
}

#[test]
fn twice_on_one_day_is_not_coming_back() {
    let mut story = Story::default().people(20, &[50]).people(20, &[50, 40]);
    // The first twenty go out for lunch.
    for person in 0..20 {
        let entered_ms = story.0.visits[person].entered_ms + 2 * HOUR_MS;
        let person = u32::try_from(person).unwrap();
        story.0.visits.push(Visit { person, entered_ms });
    }
    assert_eq!(shown(story.told(12).came_back), (Some(40), Some(20)));
}

#[test]
fn who_came_back_is_told_of_people_who_had_thirty_days_to_do_so() {
    let told = Story::default()
        .people(15, &[40, 10])
        .people(25, &[40])
        // Too late to say.
        .people(50, &[20])
        // Came back on the 31st day.
        .people(10, &[45, 14])
        .told(12);
    assert_eq!(shown(told.came_back), (Some(50), Some(15)));
    assert_eq!(told.came_back.percent(), Some(30));
}

#[test]
fn visits_in_four_weeks_are_counted_by_person() {
    let told = Story::default()
        .people(30, &[5, 40])
        .people(20, &[5, 6])
        .people(11, &[5, 6, 7])
        .people(12, &[5, 6, 7, 8])
        .people(14, &[5, 6, 7, 8, 9, 10])
        .told(12);
    assert_eq!(
        told.often.map(Cell::shown),
        [Some(30), Some(20), Some(25), Some(15)]
    );
}

#[test]
fn a_cohort_is_followed_by_the_months_after_its_first_visit() {
    // The week ends on 15 November. 50 days before: 27 September; 20 days: 27 October.
    let told = Story::default()
        .people(12, &[50, 20])
        .people(18, &[50])
        .people(10, &[50, 3])
        .told(12);
    let september = &told.cohorts[5];
    assert_eq!(
        (september.month.number, september.people.shown()),
        (9, Some(40))
    );
    // November goes on: only October can be told.
    assert_eq!(september.again.len(), 1);
    assert_eq!(shown(september.again[0]), (Some(40), Some(10)));
    assert_eq!(told.cohorts[2].again.len(), 3);
}

#[test]
fn visitors_of_another_store_are_told_where_there_is_one() {
    let mut story = Story::default().people(40, &[5]).people(30, &[100]);
    assert_eq!(story.told(12).elsewhere, None);
    story.0.other_stores = true;
    // Who was not here in the period does not count, wherever else she was.
    for person in (0..10).chain(40..70) {
        story.0.people[person].elsewhere = true;
    }
    assert_eq!(
        story.told(12).elsewhere.map(shown),
        Some((Some(40), Some(10)))
    );
}

#[test]
fn a_zones_stay_is_the_one_in_the_middle_of_ten_people_or_more() {
    let stay = |zone: &str, person: u32, seconds: u64| Stay {
        person,
        zone: zone.parse().unwrap(),
        lasted_ms: seconds * 1_000,
    };
    let mut rows = Rows::default();
    rows.stays
        .extend((0..11).map(|n| stay("lampen", n, 100 + u64::from(n) * 11)));
    rows.stays.extend((0..10).map(|n| stay("schoenen", n, 400)));
    // Twenty stays, of nine people.
    rows.stays.extend((0..20).map(|n| stay("deur", n % 9, 900)));
    let zones = figures(&calendar(4), &rows).zones;
    let told: Vec<_> = zones
        .iter()
        .map(|z| (z.zone.as_str(), z.median_s))
        .collect();
    // 155 s is the sixth of eleven.
    assert_eq!(
        told,
        [
            ("schoenen", Some(400)),
            ("lampen", Some(155)),
            ("deur", None)
        ]
    );
}

/// Every number that a sheet has, with its unit.
fn numbers(sheet: &str) -> Vec<(String, u64)> {
    let mut reader = csv::Reader::from_reader(sheet.as_bytes());
    let rows = reader.records().map(Result::unwrap);
    rows.filter_map(|row| Some((row[4].to_owned(), row[3].parse().ok()?)))
        .collect()
}

proptest! {
    #[test]
    fn no_number_of_people_is_exact_or_under_ten(
        people in prop::collection::vec(
            (1_u64..14, prop::collection::vec(1_u64..200, 1..6), any::<bool>()), 0..14),
        weeks in prop::sample::select(WEEKS.to_vec()),
    ) {
        let mut story = Story::default();
        story.0.other_stores = true;
        for (how_many, days, elsewhere) in people {
            let known = story.0.people.len();
            story = story.people(how_many, &days);
            for person in &mut story.0.people[known..] {
                person.elsewhere = elsewhere;
            }
        }
        let told = story.told(weeks);
        for (unit, number) in numbers(&sheet::csv(&told, &waits::WaitFigures::default()).unwrap()) {
            match unit.as_str() {
                "percent" => prop_assert!(number <= 100),
                "seconds" => prop_assert!(number % 5 == 0),
                _ => prop_assert!(number >= 10 && number % 5 == 0, "{number} {unit}"),
            }
        }
        // A part and its whole differ by ten people, but for the rounding of both.
        let weeks = told.weeks.iter().map(|week| week.visits);
        let again = told.cohorts.iter().flat_map(|c| c.again.iter().copied());
        for part in weeks.chain(again).chain([told.came_back]).chain(told.elsewhere) {
            if let (Some(of), Some(part)) = shown(part) {
                prop_assert!(of >= part + 6, "{part} of {of}");
            }
        }
    }
}
