use super::{
    rewards::{Redeemed, normal, open, redeem, spaced},
    rules::{RuleRow, RuleState, TierRow, put, put_tiers},
    *,
};
use crate::store::{fixtures, open_writer, shop::Names};

const DAY_MS: u64 = 86_400_000;
/// 2026-09-15, 08:53 in Amsterdam.
const START_MS: u64 = 1_789_455_200_000;

/// A store with a programme, and Anna, who has joined.
struct Shop {
    _dir: tempfile::TempDir,
    db: Connection,
    store: StoreId,
    anna: CustomerId,
}

fn names(name: &str) -> Names {
    Names {
        nl: name.into(),
        en: name.into(),
    }
}

fn rule(name: &str, counts: &[Kind], every: u32) -> RuleRow {
    RuleRow {
        rule: name.parse().unwrap(),
        counts: counts.iter().copied().collect(),
        every,
        purchase_min: None,
        name: names(name),
        valid_ms: 30 * DAY_MS,
        state: RuleState::Published,
        from_ms: START_MS,
    }
}

fn joined() -> Joined {
    Joined {
        text_version: "1".into(),
        language: "nl".into(),
        source: "page",
    }
}

impl Shop {
    fn new(rules: &[RuleRow]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let db = open_writer(&dir.path().join("db")).unwrap();
        let store = fixtures::store(&db);
        let anna = fixtures::customer(&db, "anna", 7);
        for rule in rules {
            put(&db, rule).unwrap();
        }
        join(&db, START_MS, anna, &joined()).unwrap();
        Self {
            _dir: dir,
            db,
            store,
            anna,
        }
    }

    fn comes(&self, at_ms: u64) {
        came(&self.db, at_ms, self.anna, Kind::Visit, &self.store, at_ms).unwrap();
    }

    fn receipt(&self, number: &str, at_ms: u64, state: State) -> ReceiptRow {
        ReceiptRow {
            receipt: number.into(),
            customer: self.anna,
            store: None,
            at_ms: Some(at_ms),
            total_minor: Some(2_000),
            currency: Some("EUR".into()),
            state,
            lines: Vec::new(),
        }
    }

    fn buys(&self, number: &str, at_ms: u64) {
        let receipt = self.receipt(number, at_ms, State::Bought);
        bought(&self.db, at_ms, &receipt).unwrap();
    }

    fn calls_off(&self, number: &str, at_ms: u64) {
        let receipt = self.receipt(number, at_ms, State::Cancelled);
        bought(&self.db, at_ms, &receipt).unwrap();
    }

    fn rewards(&self, now_ms: u64) -> Vec<String> {
        let open = open(&self.db, now_ms, self.anna).unwrap();
        open.iter().map(|row| row.rule.to_string()).collect()
    }

    fn far(&self, now_ms: u64) -> u32 {
        let progress = progress(&self.db, now_ms, self.anna).unwrap();
        progress.first().unwrap().1
    }

    fn rows(&self) -> u32 {
        let sql = "SELECT (SELECT count(*) FROM loyalty_moments) + (SELECT count(*) FROM rewards)
                     + (SELECT count(*) FROM members)";
        self.db.query_row(sql, [], |row| row.get(0)).unwrap()
    }
}

#[test]
fn the_fifth_visit_earns_a_coffee_and_the_tenth_another() {
    let shop = Shop::new(&[rule("coffee", &[Kind::Visit], 5)]);
    for day in 0..4 {
        shop.comes(START_MS + day * DAY_MS);
    }
    let now_ms = START_MS + 4 * DAY_MS;
    assert_eq!((shop.rewards(now_ms), shop.far(now_ms)), (vec![], 4));
    shop.comes(now_ms);
    assert_eq!(shop.rewards(now_ms), ["coffee"]);
    assert_eq!(shop.far(now_ms), 0);
    for day in 5..10 {
        shop.comes(START_MS + day * DAY_MS);
    }
    assert_eq!(shop.rewards(START_MS + 9 * DAY_MS), ["coffee", "coffee"]);
}

#[test]
fn a_day_in_a_store_counts_once_however_often_she_comes_in() {
    let shop = Shop::new(&[rule("coffee", &[Kind::Visit], 5)]);
    for hour in 0..8 {
        shop.comes(START_MS + hour * 3_600_000);
    }
    assert_eq!(shop.far(START_MS + DAY_MS), 1);
}

#[test]
fn who_did_not_join_is_not_counted_and_who_leaves_is_forgotten() {
    let shop = Shop::new(&[rule("coffee", &[Kind::Visit], 1)]);
    shop.comes(START_MS);
    assert_eq!(shop.rows(), 3);
    leave(&shop.db, shop.anna).unwrap();
    assert_eq!(shop.rows(), 0);
    shop.comes(START_MS + DAY_MS);
    shop.buys("1", START_MS + DAY_MS);
    assert_eq!(shop.rows(), 0);
}

#[test]
fn what_was_before_she_joined_does_not_count_but_the_visit_in_which_she_joins_does() {
    let shop = Shop::new(&[RuleRow {
        from_ms: 0,
        ..rule("coffee", &[Kind::Visit, Kind::PurchaseOnline], 5)
    }]);
    shop.comes(START_MS - DAY_MS);
    shop.buys("1", START_MS - 1);
    assert_eq!(shop.far(START_MS), 0);
    shop.comes(START_MS - 20_000);
    assert_eq!(shop.far(START_MS), 1);
    leave(&shop.db, shop.anna).unwrap();
    let visit = "INSERT INTO visits VALUES (x'01', 'kade-9', ?1, ?2, NULL, 'messages', 0)";
    shop.db
        .execute(visit, params![shop.anna.0, int(START_MS - 60_000)])
        .unwrap();
    join(&shop.db, START_MS, shop.anna, &joined()).unwrap();
    assert_eq!(shop.far(START_MS), 1);
}

#[test]
fn a_purchase_that_is_called_off_takes_its_reward_back_and_leaves_the_rest() {
    let shop = Shop::new(&[rule("cake", &[Kind::PurchaseOnline], 3)]);
    for (number, day) in [("1", 0), ("2", 1), ("3", 2)] {
        shop.buys(number, START_MS + day * DAY_MS);
    }
    let now_ms = START_MS + 3 * DAY_MS;
    assert_eq!(shop.rewards(now_ms), ["cake"]);
    shop.calls_off("2", now_ms);
    shop.calls_off("2", now_ms);
    assert_eq!((shop.rewards(now_ms), shop.far(now_ms)), (vec![], 2));
    // Known as called off: buying it again under the same number changes nothing.
    shop.buys("2", now_ms);
    assert_eq!(shop.far(now_ms), 2);
    shop.buys("4", now_ms);
    assert_eq!(shop.rewards(now_ms), ["cake"]);
}

#[test]
fn a_cancellation_that_comes_before_its_purchase_holds() {
    let shop = Shop::new(&[rule("cake", &[Kind::PurchaseOnline], 1)]);
    shop.calls_off("1", START_MS);
    shop.buys("1", START_MS);
    assert_eq!((shop.rewards(START_MS), shop.far(START_MS)), (vec![], 0));
}

#[test]
fn what_was_given_stays_given() {
    let shop = Shop::new(&[rule("cake", &[Kind::PurchaseOnline], 1)]);
    shop.buys("1", START_MS);
    let code = open(&shop.db, START_MS, shop.anna).unwrap()[0].code.clone();
    let said = redeem(&shop.db, START_MS, &code, &shop.store, "staff/x").unwrap();
    assert!(matches!(said, Redeemed::Now(_)), "{said:?}");
    shop.calls_off("1", START_MS + 1);
    let again = redeem(&shop.db, START_MS + 2, &code, &shop.store, "staff/x").unwrap();
    assert!(
        matches!(&again, Redeemed::Before(row) if row.redeemed_ms == Some(START_MS)),
        "{again:?}"
    );
}

#[test]
fn a_small_purchase_does_not_count_where_the_rule_says_so() {
    let least = |minor, currency: &str| RuleRow {
        purchase_min: Some((minor, currency.into())),
        ..rule("cake", &[Kind::PurchaseOnline], 1)
    };
    for (rule, earned) in [
        (least(2_000, "EUR"), 1),
        (least(2_001, "EUR"), 0),
        (least(2_000, "GBP"), 0),
    ] {
        let shop = Shop::new(&[rule]);
        shop.buys("1", START_MS);
        assert_eq!(shop.rewards(START_MS).len(), earned);
    }
}

#[test]
fn a_reward_runs_out_and_an_unknown_code_is_none() {
    let shop = Shop::new(&[rule("coffee", &[Kind::Visit], 1)]);
    shop.comes(START_MS);
    let row = open(&shop.db, START_MS, shop.anna).unwrap().remove(0);
    let at = |now_ms, code: &str| redeem(&shop.db, now_ms, code, &shop.store, "key/x").unwrap();
    assert_eq!(at(START_MS, "0000 0000"), Redeemed::Unknown);
    assert!(matches!(at(row.expires_ms, &row.code), Redeemed::Over(_)));
    assert_eq!(shop.rewards(row.expires_ms), Vec::<String>::new());
    let lower = spaced(&row.code).to_lowercase();
    assert!(matches!(at(row.expires_ms - 1, &lower), Redeemed::Now(_)));
}

#[test]
fn a_code_is_known_however_people_write_it() {
    assert_eq!(normal(" o1-iL ab "), "0111AB");
    assert_eq!(spaced("0123ABCD"), "0123 ABCD");
}

#[test]
fn moments_count_for_a_year() {
    let shop = Shop::new(&[rule("coffee", &[Kind::Visit], 2)]);
    shop.comes(START_MS);
    let later_ms = START_MS + COUNTS_MS + 1;
    assert_eq!(shop.far(START_MS + COUNTS_MS - 1), 1);
    shop.comes(later_ms);
    assert_eq!((shop.far(later_ms), shop.rewards(later_ms)), (1, vec![]));
    tidy(&shop.db, START_MS + KEPT_MS + 1).unwrap();
    let left: u32 = shop
        .db
        .query_row("SELECT count(*) FROM loyalty_moments", [], |row| row.get(0))
        .unwrap();
    assert_eq!(left, 1);
}

#[test]
fn a_rule_keeps_what_it_promised() {
    let shop = Shop::new(&[rule("coffee", &[Kind::Visit], 5)]);
    let other = rule("coffee", &[Kind::Visit], 6);
    assert!(matches!(
        put(&shop.db, &other),
        Err(StoreError::Conflict(_))
    ));
    let paused = RuleRow {
        state: RuleState::Paused,
        name: names("thee"),
        ..rule("coffee", &[Kind::Visit], 5)
    };
    put(&shop.db, &paused).unwrap();
    for day in 0..5 {
        shop.comes(START_MS + day * DAY_MS);
    }
    assert_eq!(shop.rewards(START_MS + 5 * DAY_MS), Vec::<String>::new());
}

#[test]
fn her_tier_follows_how_often_she_came_and_a_check_in_is_no_second_visit() {
    let shop = Shop::new(&[]);
    let row = |tier: &str, moments_min| TierRow {
        tier: tier.parse().unwrap(),
        name: names(tier),
        moments_min,
    };
    put_tiers(&shop.db, &[row("gold", 3), row("regular", 0)]).unwrap();
    let tier = |now_ms| tier(&shop.db, now_ms, shop.anna).unwrap();
    assert_eq!(tier(START_MS).unwrap().as_str(), "regular");
    for day in 0..3 {
        let at_ms = START_MS + day * DAY_MS;
        assert_eq!(tier(at_ms).unwrap().as_str(), "regular");
        shop.comes(at_ms);
        let kind = Kind::CheckIn;
        came(&shop.db, at_ms, shop.anna, kind, &shop.store, at_ms).unwrap();
    }
    let now_ms = START_MS + 3 * DAY_MS;
    assert_eq!(tier(now_ms).unwrap().as_str(), "gold");
    leave(&shop.db, shop.anna).unwrap();
    assert_eq!(tier(now_ms), None);
}

#[test]
fn nobody_is_told_of_a_reward_that_a_till_has_just_given() {
    use crate::store::{outbox, people};
    let shop = Shop::new(&[rule("coffee", &[Kind::Visit], 1)]);
    let entry = people::ConsentEntry {
        purpose: "messages",
        granted: true,
        text_version: "1".into(),
        language: "nl".into(),
        source: "page",
    };
    people::record_consent(&shop.db, START_MS, shop.anna, &entry).unwrap();
    let visit = "INSERT INTO visits VALUES (x'01', 'kade-9', ?1, ?2, NULL, 'messages', 0)";
    shop.db
        .execute(visit, params![shop.anna.0, int(START_MS)])
        .unwrap();
    for (day, given) in [(0, false), (1, true)] {
        let at_ms = START_MS + day * DAY_MS;
        shop.comes(at_ms);
        let reward = open(&shop.db, at_ms, shop.anna).unwrap().remove(0);
        let offer =
            "INSERT INTO deliveries (delivery, store, customer, channel, class, cause, visit,
               reward, created_ms, relevant_until_ms, state)
             VALUES (randomblob(16), 'kade-9', ?1, 'in_app', 'marketing', ?2, x'01', ?3, ?4,
               ?4 + 60000, 'pending')";
        let key = params![shop.anna.0, reward.code, reward.reward.0, int(at_ms)];
        shop.db.execute(offer, key).unwrap();
        if given {
            redeem(&shop.db, at_ms, &reward.code, &shop.store, "staff/x").unwrap();
        }
        let sent = outbox::lease(&shop.db, at_ms, &[]).unwrap();
        assert_eq!(sent.len(), usize::from(!given), "given: {given}");
        // The first is used up, so that the second is the one that is open.
        redeem(&shop.db, at_ms, &reward.code, &shop.store, "staff/x").unwrap();
    }
}
