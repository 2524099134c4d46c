//! What is written of an episode, and which mark counts.

use protocol::OrderId;

use super::*;
use crate::store::{fixtures, open_writer};

/// Saturday 21 November 2026, 14:09 in Utrecht.
const CAME_MS: u64 = 1_795_266_540_000;

struct Shop {
    db: Connection,
    store: StoreId,
    anna: CustomerId,
    _dir: tempfile::TempDir,
}

fn card(n: u8) -> CardId {
    CardId::at(1, [n; 10])
}

impl Shop {
    fn open() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let db = open_writer(&dir.path().join("db")).unwrap();
        let store = fixtures::store(&db);
        let anna = fixtures::customer(&db, "anna", 1);
        Self {
            db,
            store,
            anna,
            _dir: dir,
        }
    }

    fn order(&self, n: u8, kind: &str) -> OrderId {
        let order = OrderId::at(1, [n; 10]);
        self.db
            .execute(
                "INSERT INTO orders (\"order\", external_id, store, customer, state, code,
                   created_ms, changed_ms, kind)
                 VALUES (?1, ?2, 'kade-9', ?3, 'ready', '1', 0, 0, ?4)",
                params![order.0, n.to_string(), self.anna.0, kind],
            )
            .unwrap();
        order
    }

    /// The n-th card of Anna's is over, a minute after she came, or she left.
    fn over(&self, n: u8, served: bool, orders: Vec<OrderId>) -> Over {
        self.db
            .execute(
                "INSERT INTO cards VALUES (?1, 'kade-9', ?2, 'served', 1, 1, 1, NULL, NULL, '{}')",
                params![card(n).0, self.anna.0],
            )
            .unwrap();
        let over = Over {
            card: card(n),
            orders,
            came_ms: Some(CAME_MS),
            first_taken_ms: Some(CAME_MS + 20_000),
            ended_ms: CAME_MS + 60_000 + u64::from(n),
            served,
        };
        end(&self.db, &self.store, &over).unwrap();
        over
    }

    fn rows(&self) -> Vec<Wait> {
        rows(&self.db, &self.store, CAME_MS).unwrap()
    }

    fn rate(&self, n: u8, rating: u8, later_ms: u64) -> Result<(), StoreError> {
        let which = Rated::Card(card(n));
        rate(&self.db, self.anna, &which, rating, CAME_MS + later_ms)
    }
}

#[test]
fn a_row_has_the_stores_day_and_hour_what_she_came_for_and_no_person() {
    let shop = Shop::open();
    let orders = vec![shop.order(1, "return"), shop.order(2, "click_and_collect")];
    shop.over(0, true, orders);
    let expected = Wait {
        day: "2026-11-21".into(),
        hour: 14,
        weekday: 6,
        kinds: vec![OrderKind::ClickAndCollect, OrderKind::Return],
        wait_ms: Some(60_000),
        take_ms: Some(20_000),
        served: true,
        rating: None,
    };
    assert_eq!(shop.rows(), [expected]);
    let columns: String = shop
        .db
        .query_row(
            "SELECT group_concat(name) FROM pragma_table_info('waits')",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(
        columns,
        "wait,store,day,hour,weekday,kinds,wait_ms,take_ms,outcome,rating"
    );
}

#[test]
fn who_left_without_it_has_no_wait_and_gives_no_mark() {
    let shop = Shop::open();
    shop.over(0, false, Vec::new());
    let [row] = &shop.rows()[..] else { panic!() };
    assert_eq!((row.served, row.wait_ms), (false, None));
    assert_eq!(mark(&shop.db, shop.anna, CAME_MS).unwrap(), None);
    assert!(shop.rate(0, 5, 0).is_err());
}

#[test]
fn the_first_mark_of_an_episode_counts_and_no_other() {
    let shop = Shop::open();
    shop.over(0, true, Vec::new());
    let asked = || mark(&shop.db, shop.anna, CAME_MS).unwrap();
    assert_eq!(asked(), Some(Mark::Asked(card(0))));
    shop.rate(0, 4, 0).unwrap();
    shop.rate(0, 1, 0).unwrap();
    assert_eq!(shop.rows()[0].rating, Some(4));
    assert_eq!(asked(), Some(Mark::Given));
}

#[test]
fn a_mark_is_taken_for_six_hours_and_of_nobody_else() {
    let shop = Shop::open();
    let over = shop.over(0, true, Vec::new());
    let bram = fixtures::customer(&shop.db, "bram", 2);
    let of_bram = rate(&shop.db, bram, &Rated::Card(card(0)), 1, CAME_MS);
    assert!(matches!(of_bram, Err(StoreError::Expired(_))));
    let ends_ms = over.ended_ms - CAME_MS + RATING_OPEN_MS;
    assert!(shop.rate(0, 5, ends_ms).is_err());
    shop.rate(0, 5, ends_ms - 1).unwrap();
}

#[test]
fn without_a_card_a_mark_is_for_the_last_time_in_that_store() {
    let shop = Shop::open();
    shop.over(0, true, Vec::new());
    shop.over(1, true, vec![shop.order(1, "return")]);
    let here = Rated::LastIn(shop.store.clone());
    rate(&shop.db, shop.anna, &here, 3, CAME_MS).unwrap();
    let mut marks: Vec<_> = shop
        .rows()
        .into_iter()
        .map(|row| (row.kinds.len(), row.rating))
        .collect();
    marks.sort_unstable();
    assert_eq!(marks, [(0, None), (1, Some(3))]);
    let elsewhere = Rated::LastIn("kade-8".parse().unwrap());
    assert!(rate(&shop.db, shop.anna, &elsewhere, 3, CAME_MS).is_err());
}

#[test]
fn the_link_to_her_goes_in_time_and_with_her_and_the_row_stays() {
    let shop = Shop::open();
    let over = shop.over(0, true, Vec::new());
    shop.over(1, true, Vec::new());
    let links = || -> u32 {
        let sql = "SELECT count(*) FROM wait_links";
        shop.db.query_row(sql, [], |row| row.get(0)).unwrap()
    };
    tidy(&shop.db, over.ended_ms + RATING_OPEN_MS).unwrap();
    assert_eq!(links(), 1);
    let erase = "DELETE FROM customers WHERE customer = ?1";
    shop.db.execute(erase, [shop.anna.0]).unwrap();
    assert_eq!((links(), shop.rows().len()), (0, 2));
}
