//! Whose visits are among a store's figures.

use engine::outcome::Purpose;
use protocol::{CustomerId, VisitId};

use super::*;
use crate::{
    localtime,
    store::{fixtures, open_writer, people, shop, word},
};

const DAY_MS: u64 = 86_400_000;
/// Sunday 22 November 2026, 14:09 in Utrecht.
const NOW_MS: u64 = 1_795_352_940_000;

struct Shop {
    db: Connection,
    store: StoreId,
    calendar: Calendar,
    visits: u8,
    _dir: tempfile::TempDir,
}

impl Shop {
    fn open() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let db = open_writer(&dir.path().join("db")).unwrap();
        let store = fixtures::store(&db);
        Self {
            db,
            store,
            calendar: Calendar::new(&localtime::zone("Europe/Amsterdam"), NOW_MS, 12),
            visits: 0,
            _dir: dir,
        }
    }

    fn customer(&self, n: u8, answers: &[bool]) -> CustomerId {
        let customer = fixtures::customer(&self.db, &format!("c{n}"), n);
        for &granted in answers {
            let entry = people::ConsentEntry {
                purpose: "statistics",
                granted,
                text_version: "1".into(),
                language: "nl".into(),
                source: "app",
            };
            people::record_consent(&self.db, 1, customer, &entry).unwrap();
        }
        customer
    }

    fn visit(
        &mut self,
        store: &str,
        who: CustomerId,
        purpose: Purpose,
        days: u64,
        late: bool,
    ) -> VisitId {
        self.visits += 1;
        let visit = VisitId::at(1, [self.visits; 10]);
        let entered_ms = self.calendar.until_ms - days * DAY_MS;
        self.db
            .execute(
                "INSERT INTO visits (visit, store, customer, entered_ms, left_ms, purpose, late)
                 VALUES (?1, ?2, ?3, ?4, ?4 + 600000, ?5, ?6)",
                params![visit.0, store, who.0, int(entered_ms), word(purpose), late],
            )
            .unwrap();
        visit
    }

    fn stay(&self, visit: VisitId, zone: &str, from_ms: u64, to_ms: Option<u64>) {
        self.db
            .execute(
                "INSERT INTO zone_stays (visit, from_ms, zone, to_ms) VALUES (?1, ?2, ?3, ?4)",
                params![visit.0, int(from_ms), zone, to_ms.map(int)],
            )
            .unwrap();
    }

    fn rows(&self) -> Rows {
        rows(&self.db, &self.store, &self.calendar).unwrap()
    }
}

#[test]
fn only_visits_for_figures_of_who_agrees_to_them_now_are_read() {
    let mut shop = Shop::open();
    let yes = shop.customer(1, &[true]);
    let again_yes = shop.customer(2, &[true, false, true]);
    let never = shop.customer(3, &[]);
    let no_more = shop.customer(4, &[true, false]);
    for who in [yes, again_yes, never, no_more] {
        shop.visit("kade-9", who, Purpose::Statistics, 3, false);
    }
    shop.visit("kade-9", yes, Purpose::Arrival, 4, false);
    shop.visit("kade-9", yes, Purpose::Messages, 5, false);
    // Put together from a backlog.
    shop.visit("kade-9", yes, Purpose::Statistics, 6, true);
    // This week goes on.
    shop.visit("kade-9", yes, Purpose::Statistics, 0, false);
    let read = shop.rows();
    assert_eq!(read.people.len(), 2);
    let whose: Vec<u32> = read.visits.iter().map(|visit| visit.person).collect();
    assert_eq!(whose, [0, 0, 1]);
}

#[test]
fn a_first_visit_is_known_however_long_ago_and_other_stores_by_the_period() {
    let mut shop = Shop::open();
    let other = shop::StoreRow {
        store: "kade-8".parse().unwrap(),
        ..shop::store(&shop.db, &shop.store).unwrap()
    };
    assert!(!shop.rows().other_stores);
    shop::put_store(&shop.db, &other, 1).unwrap();
    let (both, long_ago, for_an_order) = (
        shop.customer(1, &[true]),
        shop.customer(2, &[true]),
        shop.customer(3, &[true]),
    );
    for who in [both, long_ago, for_an_order] {
        shop.visit("kade-9", who, Purpose::Statistics, 3, false);
    }
    shop.visit("kade-9", both, Purpose::Statistics, 700, false);
    shop.visit("kade-8", both, Purpose::Statistics, 20, false);
    shop.visit("kade-8", long_ago, Purpose::Statistics, 200, false);
    shop.visit("kade-8", for_an_order, Purpose::Arrival, 20, false);
    let read = shop.rows();
    assert!(read.other_stores);
    let elsewhere: Vec<bool> = read.people.iter().map(|person| person.elsewhere).collect();
    assert_eq!(elsewhere, [true, false, false]);
    let until_ms = shop.calendar.until_ms;
    assert_eq!(read.people[0].first_ms, until_ms - 700 * DAY_MS);
    assert_eq!(read.people[1].first_ms, until_ms - 3 * DAY_MS);
}

#[test]
fn stays_of_one_visit_in_one_zone_are_one() {
    let mut shop = Shop::open();
    let yes = shop.customer(1, &[true]);
    let visit = shop.visit("kade-9", yes, Purpose::Statistics, 3, false);
    let next = shop.visit("kade-9", yes, Purpose::Statistics, 2, false);
    let order = shop.visit("kade-9", yes, Purpose::Arrival, 2, false);
    shop.stay(visit, "door", 1_000, Some(4_000));
    shop.stay(visit, "back", 4_000, Some(9_000));
    shop.stay(visit, "door", 9_000, Some(10_000));
    shop.stay(next, "door", 1_000, Some(2_000));
    shop.stay(next, "back", 2_000, None);
    shop.stay(order, "back", 2_000, Some(5_000));
    let stays = shop.rows().stays;
    let told: Vec<_> = stays
        .iter()
        .map(|s| (s.zone.as_str(), s.lasted_ms))
        .collect();
    assert_eq!(told, [("door", 4_000), ("back", 5_000), ("door", 1_000)]);
}
