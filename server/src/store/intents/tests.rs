//! What her events come to, in whatever order they come in.

use proptest::prelude::*;
use tempfile::TempDir;

use engine::input::{Candidate, IntentKind};
use protocol::StoreId;

use super::*;
use crate::store::{
    catalogue::{self, Placed, PlacementRow},
    fixtures, open_writer,
};

const DAY_MS: u64 = 86_400_000;
const NOW_MS: u64 = 1_000 * DAY_MS;

struct Shop {
    db: Connection,
    store: StoreId,
    anna: CustomerId,
    _dir: TempDir,
}

impl Shop {
    fn open() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let db = open_writer(&dir.path().join("db")).unwrap();
        // One transaction: thousands of commits to a disk take seconds.
        db.execute_batch("BEGIN").unwrap();
        let store = fixtures::store(&db);
        let anna = fixtures::customer(&db, "anna", 7);
        fixtures::product(&db, "LAMP", None, Some("lamps"), 8_000);
        fixtures::product(&db, "SHOE-38", Some("SHOE"), Some("shoes"), 9_000);
        fixtures::product(&db, "SHOE-39", Some("SHOE"), Some("shoes"), 9_000);
        Self {
            db,
            store,
            anna,
            _dir: dir,
        }
    }

    fn did(&self, item: &Item, did: Did, at_ms: u64) {
        add(&self.db, NOW_MS, self.anna, item, did, at_ms).unwrap();
    }

    fn stock(&self, sku: &str, quantity: u32, at_ms: u64) {
        let sku = sku.parse().unwrap();
        catalogue::put_stock(&self.db, &self.store, &sku, quantity, at_ms).unwrap();
    }

    fn candidates(&self) -> Vec<Candidate> {
        candidates(
            &self.db,
            &self.store,
            self.anna,
            NOW_MS - 90 * DAY_MS,
            NOW_MS,
        )
        .unwrap()
    }

    /// Sku and intent of each.
    fn brief(&self) -> Vec<(String, IntentKind)> {
        let brief = |c: Candidate| (c.sku.to_string(), c.intent);
        self.candidates().into_iter().map(brief).collect()
    }
}

fn sku(text: &str) -> Item {
    Item::sku(text.parse().unwrap())
}

fn product(text: &str) -> Item {
    Item::product(text.parse().unwrap())
}

#[test]
fn every_field_of_a_candidate_is_filled() {
    let shop = Shop::open();
    let lamp = sku("LAMP");
    shop.stock("LAMP", 0, NOW_MS - 9 * DAY_MS);
    shop.stock("LAMP", 4, NOW_MS - DAY_MS);
    let placed = PlacementRow {
        what: Placed::Category("lamps".into()),
        zone: "back".parse().unwrap(),
        shelf: Some("rek 4".into()),
    };
    catalogue::put_placement(&shop.db, &shop.store, &placed).unwrap();
    shop.did(&lamp, Did::Viewed, NOW_MS - 8 * DAY_MS);
    shop.did(&lamp, Did::Viewed, NOW_MS - 7 * DAY_MS);
    shop.did(&lamp, Did::Wishlisted, NOW_MS - 6 * DAY_MS);
    shop.did(&lamp, Did::Read, NOW_MS - 2 * DAY_MS);
    let mut pen = Pen::new(&shop.db, NOW_MS).unwrap();
    for (category, days) in [("lamps", 1), ("lamps", 2), ("shoes", 3), ("shoes", 4)] {
        let at_ms = NOW_MS - days * DAY_MS;
        pen.looked_at(Who::Customer(shop.anna), category, at_ms)
            .unwrap();
    }
    let now = fixtures::product(&shop.db, "LAMP", None, Some("lamps"), 6_000);
    let expected = Candidate {
        sku: now,
        intent: IntentKind::Wishlisted,
        views: 2,
        last_ms: NOW_MS - 6 * DAY_MS,
        read_ms: Some(NOW_MS - 2 * DAY_MS),
        zone: Some("back".parse().unwrap()),
        shelf: Some("rek 4".into()),
        stock: 4,
        back_ms: Some(NOW_MS - DAY_MS),
        price_minor: 6_000,
        wished_price_minor: Some(8_000),
        // Four rows and two of eight in all.
        affinity: 0.75,
    };
    assert_eq!(shop.candidates(), [expected]);
}

#[test]
fn a_products_own_place_goes_before_its_categorys() {
    let shop = Shop::open();
    shop.did(&sku("LAMP"), Did::Carted, NOW_MS - DAY_MS);
    for (what, zone) in [
        (Placed::Category("lamps".into()), "back"),
        (Placed::Sku("LAMP".parse().unwrap()), "door"),
    ] {
        let zone = zone.parse().unwrap();
        let placed = PlacementRow {
            what,
            zone,
            shelf: None,
        };
        catalogue::put_placement(&shop.db, &shop.store, &placed).unwrap();
        assert_eq!(shop.candidates()[0].zone.as_ref(), Some(&placed.zone));
    }
}

#[test]
fn what_was_done_and_undone_at_once_is_undone_and_leaves_what_is_weaker() {
    use Did::*;
    use IntentKind as Kind;
    // What she did with the lamp, hours after yesterday; what is left of it.
    type Case<'a> = (&'a [(Did, u64)], Option<Kind>);
    let cases: [Case<'_>; 9] = [
        (&[(Viewed, 1)], Some(Kind::Viewed)),
        (&[(Viewed, 1), (Carted, 2)], Some(Kind::Carted)),
        (
            &[(Viewed, 1), (Carted, 2), (Uncarted, 3)],
            Some(Kind::Viewed),
        ),
        (&[(Carted, 2), (Uncarted, 2)], None),
        (&[(Uncarted, 2), (Carted, 3)], Some(Kind::Carted)),
        (
            &[(Wishlisted, 1), (Carted, 2), (Uncarted, 3)],
            Some(Kind::Wishlisted),
        ),
        (
            &[(Wishlisted, 1), (Unwishlisted, 3), (Read, 2)],
            Some(Kind::Read),
        ),
        (&[(Carted, 1), (Ordered, 2)], None),
        (
            &[(Carted, 1), (Ordered, 2), (Viewed, 3)],
            Some(Kind::Viewed),
        ),
    ];
    for (events, left) in cases {
        let shop = Shop::open();
        for (did, hour) in events {
            shop.did(&sku("LAMP"), *did, NOW_MS - DAY_MS + hour * 3_600_000);
        }
        let found: Vec<Kind> = shop.candidates().iter().map(|c| c.intent).collect();
        assert_eq!(found, Vec::from_iter(left), "{events:?}");
    }
}

#[test]
fn a_product_without_a_variant_becomes_the_one_that_this_store_has() {
    let shop = Shop::open();
    shop.did(&product("SHOE"), Did::Wishlisted, NOW_MS - 3 * DAY_MS);
    assert_eq!(shop.brief(), [("SHOE-38".into(), IntentKind::Wishlisted)]);
    shop.stock("SHOE-39", 2, NOW_MS);
    assert_eq!(shop.brief(), [("SHOE-39".into(), IntentKind::Wishlisted)]);
    // She chose a size herself: that one, in stock or not.
    shop.did(&sku("SHOE-38"), Did::Viewed, NOW_MS - 2 * DAY_MS);
    assert_eq!(shop.brief(), [("SHOE-38".into(), IntentKind::Wishlisted)]);
    // Which the catalogue does not know is its own variant.
    shop.did(&product("HAT"), Did::Viewed, NOW_MS - DAY_MS);
    let hat = ("HAT".into(), IntentKind::Viewed);
    assert_eq!(shop.brief()[0], hat);
}

#[test]
fn who_bought_one_size_is_told_of_no_other() {
    for bought in [sku("SHOE-38"), product("SHOE")] {
        let shop = Shop::open();
        shop.did(&sku("SHOE-39"), Did::Carted, NOW_MS - 3 * DAY_MS);
        shop.did(&product("SHOE"), Did::Wishlisted, NOW_MS - 3 * DAY_MS);
        shop.did(&bought, Did::Ordered, NOW_MS - 2 * DAY_MS);
        assert_eq!(shop.brief(), [], "{bought:?}");
        shop.did(&sku("SHOE-39"), Did::Viewed, NOW_MS - DAY_MS);
        assert_eq!(shop.brief().len(), 1, "{bought:?}");
    }
}

#[test]
fn the_newest_forty_are_kept_and_the_oldest_rows_go() {
    let shop = Shop::open();
    for n in 0..u64::from(INTENTS_MAX) + 20 {
        shop.did(&sku(&format!("P-{n}")), Did::Viewed, NOW_MS - DAY_MS + n);
    }
    let found = shop.brief();
    assert_eq!(found.len(), CANDIDATES_MAX);
    assert_eq!(found[0].0, format!("P-{}", INTENTS_MAX + 19));
    assert_eq!(products(&shop.db, shop.anna).unwrap(), INTENTS_MAX as usize);
    // What is too old goes when she does something new.
    add(
        &shop.db,
        NOW_MS + 91 * DAY_MS,
        shop.anna,
        &sku("LAMP"),
        Did::Viewed,
        NOW_MS + 91 * DAY_MS,
    )
    .unwrap();
    assert_eq!(products(&shop.db, shop.anna).unwrap(), 1);
}

#[test]
fn anonymous_browsing_is_hers_once_claimed_and_else_goes() {
    for (claims, left) in [(true, 1), (false, 0)] {
        let shop = Shop::open();
        let browser = Who::anonymous("b-1");
        let mut pen = Pen::new(&shop.db, NOW_MS).unwrap();
        pen.did(browser, &sku("LAMP"), Did::Wishlisted, NOW_MS - 5, Some(77))
            .unwrap();
        pen.looked_at(browser, "lamps", NOW_MS - 4).unwrap();
        let Who::Anonymous(hash) = browser else {
            unreachable!()
        };
        assert_eq!(shop.candidates(), []);
        claim(&shop.db, hash, claims.then_some(shop.anna)).unwrap();
        let found = shop.candidates();
        assert_eq!(found.len(), left);
        assert!(
            found
                .iter()
                .all(|c| c.wished_price_minor == Some(77) && c.affinity == 1.0)
        );
        let rows: u32 = shop
            .db
            .query_row("SELECT count(*) FROM anonymous", [], |row| row.get(0))
            .unwrap();
        assert_eq!(rows, 0);
    }
}

#[test]
fn anonymous_rows_are_bounded_in_age_and_number() {
    let shop = Shop::open();
    let left = || -> u32 {
        shop.db
            .query_row("SELECT count(*) FROM anonymous", [], |row| row.get(0))
            .unwrap()
    };
    for n in 0..10 {
        let kept_ms = NOW_MS - (9 - n) * 10 * DAY_MS;
        let mut pen = Pen::new(&shop.db, kept_ms).unwrap();
        let who = Who::anonymous(&format!("b-{n}"));
        pen.did(who, &sku("LAMP"), Did::Viewed, kept_ms, None)
            .unwrap();
        assert!(pen.is_new("track", &format!("m-{n}")).unwrap());
        assert!(!pen.is_new("track", &format!("m-{n}")).unwrap());
    }
    tidy(&shop.db, NOW_MS).unwrap();
    assert_eq!(left(), 4, "of 0, 10, 20 and 30 days ago");
    tidy_to(&shop.db, NOW_MS, 2).unwrap();
    assert_eq!(left(), 2);
    let messages: u32 = shop
        .db
        .query_row("SELECT count(*) FROM messages_seen", [], |row| row.get(0))
        .unwrap();
    assert_eq!(messages, 1);
}

fn event() -> impl Strategy<Value = (Item, Did, u64)> {
    let items = vec![sku("LAMP"), sku("SHOE-38"), sku("SHOE-39"), product("SHOE")];
    let kinds = vec![
        Did::Viewed,
        Did::Wishlisted,
        Did::Unwishlisted,
        Did::Carted,
        Did::Uncarted,
        Did::Ordered,
        Did::Read,
    ];
    (
        prop::sample::select(items),
        prop::sample::select(kinds),
        // Few moments, so that many fall together.
        (0_u64..6).prop_map(|n| NOW_MS - DAY_MS + n),
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn order_and_repetition_of_events_change_nothing(
        (events, shuffled) in prop::collection::vec(event(), 0..14)
            .prop_flat_map(|events| {
                let mut twice = events.clone();
                twice.extend(events.iter().take(5).cloned());
                (Just(events), Just(twice).prop_shuffle())
            })
    ) {
        let told = |events: &[(Item, Did, u64)]| {
            let shop = Shop::open();
            shop.stock("SHOE-39", 2, NOW_MS);
            for (item, did, at_ms) in events {
                shop.did(item, *did, *at_ms);
            }
            shop.candidates()
        };
        prop_assert_eq!(told(&events), told(&shuffled));
    }
}
