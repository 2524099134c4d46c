//! Somebody else collects what a customer shared with him.

use engine::{
    ERRAND_MS, Input,
    input::{Consent, Order, OrderState, TapAction},
    journey::Journey,
    outcome::{Cause, TapAnswer},
};

use crate::timeline::{ALL, NOTHING, Timeline, ZERO_MS, customer, order};

fn code(code: &str) -> TapAction {
    TapAction::HandOver {
        code: code.into(),
        age_seen: false,
    }
}

impl Timeline {
    fn shared(&mut self, number: u128, share_code: Option<&str>, age_checked: bool) -> &mut Self {
        self.input(&Input::Order(Order {
            order: order(number),
            customer: customer("anna"),
            kind: Default::default(),
            state: OrderState::Ready,
            code: format!("code-{number}"),
            as_of_ms: 0,
            due_ms: None,
            age_checked,
            share_code: share_code.map(str::to_owned),
        }))
    }

    fn collects(&mut self, number: u128, consent: Consent) -> &mut Self {
        self.input(&Input::Collects {
            customer: customer("anna"),
            consent,
            order: order(number),
        })
    }

    fn arrivals(&self) -> usize {
        let is_arrival = |cause: &Cause| matches!(cause, Cause::Arrival { .. });
        let deliveries = self.news.deliveries.iter();
        deliveries.filter(|d| is_arrival(&d.cause)).count()
    }
}

/// Anna is at home; of her two orders the first is shared.
fn one_of_two_shared() -> Timeline {
    let mut t = Timeline::store();
    t.shared(1, Some("550011"), false).shared(2, None, false);
    t
}

#[test]
fn who_has_the_link_makes_her_card_arrive_with_what_was_shared_and_one_alert() {
    let mut t = one_of_two_shared();
    t.at(0).collects(1, ALL);
    t.at(60_000).collects(1, ALL);
    let card = t.card();
    assert_eq!(
        (card.journey, card.somebody_else, card.orders.clone()),
        (Journey::Waiting, true, vec![order(1)])
    );
    assert_eq!((card.arrived_ms, t.arrivals()), (ZERO_MS, 1));
    assert_eq!(t.engine.present(), 0, "she herself is not here");
}

#[test]
fn a_link_to_what_is_not_shared_or_of_who_took_back_her_consent_calls_nobody() {
    let mut t = one_of_two_shared();
    t.at(0)
        .collects(2, ALL)
        .collects(3, ALL)
        .collects(1, NOTHING);
    assert_eq!((t.news.cards.len(), t.arrivals()), (0, 0));
}

#[test]
fn a_share_code_opens_what_was_shared_and_nothing_else_of_hers() {
    let mut t = one_of_two_shared();
    t.at(0).stays("anna", "door", -60, 2_000);
    let first = t.card().card;
    assert_eq!(t.card().orders, [order(1), order(2)]);
    assert_eq!(t.tap("piet", code("550011")), TapAnswer::Done);
    let served = t
        .news
        .cards
        .iter()
        .rfind(|card| card.card == first)
        .unwrap();
    assert_eq!(
        (served.journey, served.somebody_else, served.orders.clone()),
        (Journey::Served, true, vec![order(1)])
    );
    assert_eq!(t.news.held, [order(1)]);
    // She is in the store herself, and waits for the other one.
    let rest = t.card();
    assert_ne!(rest.card, first);
    assert_eq!(
        (rest.journey, rest.somebody_else, rest.orders),
        (Journey::Arrived, false, vec![order(2)])
    );
    assert_eq!(
        t.tap("piet", code("550011")),
        TapAnswer::WrongCode { tries_left: 4 }
    );
    assert_eq!(t.tap("piet", code("code-2")), TapAnswer::Done);
}

#[test]
fn her_own_code_still_opens_all_of_her_card() {
    let mut t = one_of_two_shared();
    t.at(0).stays("anna", "door", -60, 2_000);
    assert_eq!(t.tap("piet", code("code-1")), TapAnswer::Done);
    assert_eq!(t.news.held, [order(1), order(2)]);
    assert!(!t.card().somebody_else);
}

#[test]
fn after_he_was_served_nothing_of_hers_waits_unless_she_is_there() {
    let mut t = one_of_two_shared();
    t.at(0).collects(1, ALL);
    assert_eq!(t.tap("piet", code("550011")), TapAnswer::Done);
    assert_eq!(t.card().journey, Journey::Served);
    t.at(31_000);
    assert_eq!(t.news.completed, [order(1)]);
    assert_eq!((t.engine.cards_open(), t.engine.orders_open()), (0, 1));
}

#[test]
fn a_hand_over_to_him_can_be_taken_back_and_he_waits_again() {
    let mut t = one_of_two_shared();
    t.at(0).collects(1, ALL);
    let card = t.card().card;
    t.tap("piet", code("550011"));
    assert_eq!(t.tap("piet", TapAction::Undo), TapAnswer::Done);
    let back = t.card();
    assert_eq!(
        (back.card, back.journey, back.orders, t.arrivals()),
        (card, Journey::Waiting, vec![order(1)], 1)
    );
    assert_eq!(t.tap("piet", code("550011")), TapAnswer::Done);
}

#[test]
fn wrong_codes_of_his_count_like_hers_and_an_old_code_is_wrong() {
    let mut t = one_of_two_shared();
    t.at(0).collects(1, ALL).shared(1, Some("660022"), false);
    for tries_left in (1..5).rev() {
        let wrong = TapAnswer::WrongCode { tries_left };
        assert_eq!(t.tap("piet", code("550011")), wrong);
    }
    let paused = |answer| matches!(answer, TapAnswer::Paused { .. });
    assert!(paused(t.tap("piet", code("550011"))));
    assert!(paused(t.tap("piet", code("660022"))));
    t.at(60_000);
    assert_eq!(t.tap("piet", code("660022")), TapAnswer::Done);
}

#[test]
fn what_is_for_adults_goes_to_nobody_at_whom_nobody_looked() {
    let mut t = Timeline::store();
    t.shared(1, Some("550011"), true)
        .shared(2, Some("660022"), false);
    t.at(0).collects(1, ALL).collects(2, ALL);
    assert_eq!(t.tap("piet", code("550011")), TapAnswer::AgeUnseen);
    // The other has nothing in it for which anybody must look.
    assert_eq!(t.tap("piet", code("660022")), TapAnswer::Done);
    assert_eq!(t.news.held, [order(2)]);
}

#[test]
fn a_link_that_was_taken_back_takes_his_card_away() {
    let mut t = one_of_two_shared();
    t.at(0).collects(1, ALL).shared(1, None, false);
    assert_eq!(t.card().journey, Journey::Withdrawn);
    t.at(1_000).collects(1, ALL);
    assert_eq!(t.engine.cards_open(), 0);
}

#[test]
fn when_she_comes_too_her_card_is_the_same_and_has_all_of_hers() {
    let mut t = one_of_two_shared();
    t.at(0).collects(1, ALL);
    let card = t.card().card;
    t.at(60_000).stays("anna", "door", -60, 63_000);
    let both = t.card();
    assert_eq!(
        (both.card, both.orders, both.somebody_else),
        (card, vec![order(1), order(2)], true)
    );
    assert_eq!(t.arrivals(), 1);
}

#[test]
fn he_is_given_up_after_half_an_hour_and_may_come_again() {
    let mut t = one_of_two_shared();
    t.at(0).collects(1, ALL);
    t.at(ERRAND_MS - 1_000);
    assert_eq!(t.card().journey, Journey::Waiting);
    t.at(ERRAND_MS);
    assert_eq!(t.card().journey, Journey::DepartedUnserved);
    t.at(ERRAND_MS + 60_000).collects(1, ALL);
    assert_eq!((t.card().journey, t.arrivals()), (Journey::Waiting, 2));
}

#[test]
fn no_consent_any_more_takes_his_card_too() {
    let mut t = one_of_two_shared();
    t.at(0).collects(1, ALL).consent("anna", NOTHING);
    assert_eq!(t.card().journey, Journey::Withdrawn);
}

#[test]
fn a_snapshot_keeps_who_stands_there_for_it() {
    let mut t = one_of_two_shared();
    t.at(0).collects(1, ALL);
    let kept = serde_json::to_string(&t.engine).unwrap();
    assert_eq!(
        serde_json::from_str::<engine::StoreEngine>(&kept).unwrap(),
        t.engine
    );
}
