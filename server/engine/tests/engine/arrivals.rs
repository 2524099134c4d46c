//! Cards, alerts and taps.

use engine::{
    Input,
    input::{Order, OrderKind, OrderState, TapAction},
    outcome::{Cause, Journey, TapAnswer},
};
use protocol::CardId;

use crate::timeline::{Timeline, ZERO_MS, customer, order, staff};

fn code(code: &str) -> TapAction {
    TapAction::HandOver {
        code: code.into(),
        age_seen: false,
    }
}

/// Anna is at the door with one order ready.
fn anna_arrived() -> Timeline {
    let mut t = Timeline::store();
    t.order("anna", 1, OrderState::Ready);
    t.at(0).stays("anna", "door", -60, 2_000);
    t
}

fn alerts(t: &Timeline) -> usize {
    let arrival = |d: &&engine::outcome::Delivery| matches!(d.cause, Cause::Arrival { .. });
    t.news.deliveries.iter().filter(arrival).count()
}

#[test]
fn a_ready_order_and_a_visit_are_one_card_and_one_alert() {
    let mut t = anna_arrived();
    t.stays("anna", "door", -60, 60_000);
    let one = t.card().card;
    assert!(t.news.cards.iter().all(|card| card.card == one));
    assert_eq!(alerts(&t), 1);
    let card = t.card();
    assert_eq!((card.journey, card.arrived_ms), (Journey::Arrived, ZERO_MS));
    assert_eq!(card.orders, [order(1)]);
    let (zone, share) = &card.whereabouts[0];
    assert!(zone.as_str() == "door" && *share >= 0.9, "{zone} {share}");
    let alert = t.news.deliveries.last().unwrap();
    assert_eq!(alert.relevant_until_ms, ZERO_MS + 600_000);
}

#[test]
fn an_order_that_is_not_ready_is_no_arrival() {
    let mut t = Timeline::store();
    t.order("anna", 1, OrderState::Placed)
        .order("anna", 2, OrderState::Delayed);
    t.at(0).stays("anna", "door", -60, 2_000);
    assert!(t.news.cards.is_empty());
    t.order("anna", 1, OrderState::Ready); // while she is here
    assert_eq!((t.card().orders, alerts(&t)), (vec![order(1)], 1));
}

#[test]
fn another_order_joins_the_card_without_another_alert() {
    let mut t = anna_arrived();
    let card = t.card().card;
    t.order("anna", 2, OrderState::Ready);
    assert_eq!(
        (t.card().card, t.card().orders),
        (card, vec![order(1), order(2)])
    );
    assert_eq!(alerts(&t), 1);
}

#[test]
fn an_order_told_again_shows_nothing_again() {
    let mut t = anna_arrived();
    let shown = t.news.cards.len();
    t.order("anna", 1, OrderState::Ready);
    assert_eq!((t.news.cards.len(), alerts(&t)), (shown, 1));
}

#[test]
fn the_code_of_an_order_that_is_not_on_the_card_hands_over_nothing() {
    let mut t = anna_arrived();
    t.order("anna", 2, OrderState::Placed);
    let wrong = TapAnswer::WrongCode { tries_left: 4 };
    assert_eq!(t.tap("piet", code("code-2")), wrong);
}

#[test]
fn an_order_without_a_code_is_not_handed_over_for_nothing() {
    let mut t = anna_arrived();
    t.input(&Input::Order(Order {
        order: order(2),
        customer: customer("anna"),
        state: OrderState::Ready,
        code: String::new(),
        kind: OrderKind::ClickAndCollect,
        as_of_ms: 0,
        due_ms: None,
        age_checked: false,
        share_code: None,
    }));
    let wrong = TapAnswer::WrongCode { tries_left: 4 };
    assert_eq!(t.tap("piet", code(" ")), wrong);
}

#[test]
fn the_first_to_take_a_card_has_it() {
    let mut t = anna_arrived();
    assert_eq!(t.tap("piet", TapAction::Take), TapAnswer::Done);
    let piet = staff("piet");
    assert_eq!(
        t.tap("joke", TapAction::Take),
        TapAnswer::TakenBy { staff: piet }
    );
    let shown = t.news.cards.len();
    assert_eq!(t.tap("piet", TapAction::Take), TapAnswer::Done);
    assert_eq!(t.news.cards.len(), shown); // twice is once
    assert_eq!(
        t.tap("joke", TapAction::Undo),
        TapAnswer::TakenBy { staff: piet }
    );
    assert_eq!(t.tap("piet", TapAction::Undo), TapAnswer::Done);
    assert_eq!(t.tap("joke", TapAction::Take), TapAnswer::Done);
    assert_eq!(t.card().taken_by, Some(staff("joke")));
}

#[test]
fn a_card_is_taken_over_from_who_holds_it_and_from_nobody_else() {
    let mut t = anna_arrived();
    t.tap("piet", TapAction::Take);
    let from = |who| TapAction::TakeOver { from: staff(who) };
    assert_eq!(t.tap("joke", from("piet")), TapAnswer::Done);
    assert_eq!(t.card().taken_by, Some(staff("joke")));
    let joke = TapAnswer::TakenBy {
        staff: staff("joke"),
    };
    assert_eq!(t.tap("karin", from("piet")), joke, "the board was behind");
    t.tap("joke", TapAction::Undo);
    assert_eq!(t.tap("karin", from("joke")), TapAnswer::Done);
    assert_eq!(t.card().taken_by, Some(staff("karin")));
}

#[test]
fn who_looked_in_vain_lets_go_of_the_card() {
    let mut t = anna_arrived();
    t.tap("piet", TapAction::Take);
    t.tap("piet", TapAction::NotHere);
    assert_eq!((t.card().not_here, t.card().taken_by), (true, None));
    t.here("anna", "bags"); // "but I am!"
    assert!(!t.card().not_here);
    let (zone, share) = &t.card().whereabouts[0];
    assert!(zone.as_str() == "bags" && *share >= 0.99, "{zone} {share}");
}

#[test]
fn the_code_of_one_order_hands_over_all() {
    let mut t = anna_arrived();
    t.order("anna", 2, OrderState::Ready);
    assert_eq!(t.tap("piet", code("CODE 2")), TapAnswer::Done);
    assert_eq!(t.news.held, [order(1), order(2)]);
    assert_eq!(t.card().journey, Journey::Served);
    assert_eq!(t.tap("piet", code("code-2")), TapAnswer::Closed);
    t.stays("anna", "door", -60, 32_000);
    assert_eq!(t.news.completed, [order(1), order(2)]);
    assert_eq!((t.engine.cards_open(), t.engine.orders_open()), (0, 0));
    assert_eq!(t.engine.present(), 1); // she shops on
}

#[test]
fn five_wrong_codes_are_a_pause_of_a_minute() {
    let mut t = anna_arrived();
    for tries_left in (1..=4).rev() {
        assert_eq!(
            t.tap("piet", code("code-9")),
            TapAnswer::WrongCode { tries_left }
        );
    }
    let paused = TapAnswer::Paused {
        until_ms: t.now_ms + 60_000,
    };
    assert_eq!(t.tap("piet", code("")), paused);
    assert_eq!(t.tap("piet", code("code-1")), paused); // not even the right one
    t.stays("anna", "door", -60, 62_000);
    assert_eq!(t.tap("piet", code("code-1")), TapAnswer::Done);
    assert_eq!(t.card().wrong_codes, 5);
}

#[test]
fn an_empty_code_opens_nothing() {
    let mut t = anna_arrived();
    assert_eq!(
        t.tap("piet", code(" - ")),
        TapAnswer::WrongCode { tries_left: 4 }
    );
    assert_eq!(
        t.tap("piet", code("code")),
        TapAnswer::WrongCode { tries_left: 3 }
    );
    assert_eq!(
        t.tap("piet", code("code-11")),
        TapAnswer::WrongCode { tries_left: 2 }
    );
}

#[test]
fn who_leaves_without_it_is_departed_and_a_return_is_another_episode() {
    let mut t = anna_arrived();
    let first = t.card().card;
    t.at(100_000);
    assert_eq!(t.card().journey, Journey::DepartedUnserved);
    t.stays("anna", "door", -60, 105_000);
    assert_eq!(t.card().journey, Journey::Arrived);
    assert_ne!(t.card().card, first);
    assert_eq!(alerts(&t), 2);
    assert_eq!(t.tap_on(first, "piet", code("code-1")), TapAnswer::Closed);
}

#[test]
fn a_right_code_serves_also_whom_the_radio_lost() {
    let mut t = anna_arrived();
    t.at(100_000); // her phone fell silent while she stood at the desk
    assert_eq!(t.tap("piet", TapAction::Take), TapAnswer::Closed);
    assert_eq!(t.tap("piet", code("code-1")), TapAnswer::Done);
    assert_eq!(t.news.held, [order(1)]);
    assert_eq!(t.card().journey, Journey::Served);
}

#[test]
fn a_departed_card_is_kept_for_an_hour() {
    let mut t = anna_arrived();
    t.at(100_000);
    t.at(4_000_000);
    assert_eq!(t.tap("piet", code("code-1")), TapAnswer::Closed);
    assert_eq!(t.engine.due_at(), None);
}

#[test]
fn all_orders_cancelled_withdraws_the_card() {
    let mut t = anna_arrived();
    t.order("anna", 2, OrderState::Ready)
        .order("anna", 1, OrderState::Cancelled);
    assert_eq!(
        (t.card().journey, t.card().orders),
        (Journey::Arrived, vec![order(2)])
    );
    t.order("anna", 2, OrderState::Cancelled);
    assert_eq!(t.card().journey, Journey::Withdrawn);
}

#[test]
fn an_order_completed_at_the_till_serves_the_card() {
    let mut t = anna_arrived();
    t.order("anna", 1, OrderState::Completed);
    assert_eq!(t.card().journey, Journey::Served);
    assert!(t.news.completed.is_empty()); // the till has said so already
}

#[test]
fn served_without_a_radio_is_the_end_of_the_visit() {
    let mut t = Timeline::store();
    t.order("anna", 1, OrderState::Ready)
        .at(0)
        .here("anna", "door")
        .told();
    t.at(60_000);
    assert_eq!(t.tap("piet", code("code-1")), TapAnswer::Done);
    t.expect(&[]); // it may still be taken back
    t.at(90_000).expect(&["left 60000"]);
}

#[test]
fn an_order_that_becomes_another_customers_leaves_the_card() {
    let mut t = anna_arrived();
    t.order("bea", 1, OrderState::Ready);
    assert_eq!(t.card().journey, Journey::Withdrawn);
    t.at(3_000).stays("bea", "door", -60, 5_000);
    assert_eq!(t.card().journey, Journey::Arrived);
}

#[test]
fn staff_see_another_zone_when_she_is_in_another_zone() {
    let mut t = anna_arrived();
    t.stays("anna", "door", -60, 5_000);
    for ms in (6_000..=20_000).step_by(1_000) {
        t.at(ms)
            .sight("anna", "door", -80)
            .sight("anna", "shoes", -55);
    }
    let whereabouts = t.card().whereabouts;
    assert_eq!(whereabouts[0].0.as_str(), "shoes");
    assert!(whereabouts.len() == 2 && whereabouts[0].1 > whereabouts[1].1);
}

#[test]
fn a_card_of_nowhere_is_unknown() {
    let mut t = anna_arrived();
    let nowhere = CardId::at(1, [9; 10]);
    assert_eq!(
        t.tap_on(nowhere, "piet", TapAction::Take),
        TapAnswer::Unknown
    );
    assert_eq!(
        t.tap_on(nowhere, "piet", code("code-1")),
        TapAnswer::Unknown
    );
}

#[test]
fn staff_look_twice_at_who_is_heard_in_another_store_too() {
    let mut t = anna_arrived();
    assert!(!t.card().check);
    t.input(&Input::InTwoStores {
        customer: customer("anna"),
    });
    assert!(t.card().check);
    let zero = t.now_ms - ZERO_MS;
    t.stays("anna", "door", -60, zero + engine::DOUBT_MS);
    t.stays("anna", "shoes", -50, zero + engine::DOUBT_MS + 20_000);
    assert!(!t.card().check);
}
