//! What is told of an episode at the desk once it is over.

use engine::{
    DEPARTED_KEPT_MS,
    input::{OrderState, TapAction},
    outcome::Over,
};

use crate::timeline::{ALL, NOTHING, Timeline, ZERO_MS, order};

fn code() -> TapAction {
    TapAction::HandOver {
        code: "code-1".into(),
        age_seen: false,
    }
}

/// Anna is at the door from zero on, with one order ready.
fn anna() -> Timeline {
    let mut t = Timeline::store();
    t.order("anna", 1, OrderState::Ready);
    t.at(0).stays("anna", "door", -60, 2_000);
    t
}

/// Came, first taken, ended, served; from zero.
fn told(over: &Over) -> (Option<u64>, Option<u64>, u64, bool) {
    (
        over.came_ms.map(|ms| ms - ZERO_MS),
        over.first_taken_ms.map(|ms| ms - ZERO_MS),
        over.ended_ms - ZERO_MS,
        over.served,
    )
}

#[test]
fn an_episode_is_over_when_the_hand_over_is_final_and_not_before() {
    let mut t = anna();
    let card = t.card().card;
    t.at(3_000).tap("piet", TapAction::Take);
    t.at(4_000).tap("piet", TapAction::Undo);
    t.at(5_000).tap("joke", TapAction::Take);
    t.at(9_000).tap("joke", code());
    t.at(38_999);
    assert_eq!(t.news.over, []);
    t.at(39_000);
    let [over] = t.news.over.as_slice() else {
        panic!("{:?}", t.news.over);
    };
    assert_eq!(told(over), (Some(0), Some(3_000), 9_000, true));
    assert_eq!((over.card, over.orders.clone()), (card, vec![order(1)]));
}

#[test]
fn a_hand_over_that_was_taken_back_is_over_when_the_next_is_final() {
    let mut t = anna();
    t.at(9_000).tap("piet", code());
    t.at(20_000).tap("piet", TapAction::Undo);
    t.stays("anna", "door", -60, 50_000);
    t.tap("piet", code());
    t.at(90_000);
    let ended: Vec<_> = t.news.over.iter().map(told).collect();
    assert_eq!(ended, [(Some(0), None, 50_000, true)]);
}

#[test]
fn who_left_without_it_is_over_after_an_hour_or_when_she_comes_again() {
    let mut long_gone = anna();
    long_gone.at(100_000 + DEPARTED_KEPT_MS);
    let [over] = long_gone.news.over.as_slice() else {
        panic!("{:?}", long_gone.news.over);
    };
    assert!(!over.served && over.came_ms == Some(ZERO_MS));

    let mut again = anna();
    again.at(200_000);
    assert_eq!(again.news.over, []);
    again.stays("anna", "door", -60, 205_000);
    let ended: Vec<bool> = again.news.over.iter().map(|over| over.served).collect();
    assert_eq!(ended, [false]);
    again.tap("piet", code());
    again.at(300_000 + DEPARTED_KEPT_MS);
    let ended: Vec<_> = again.news.over.iter().map(|over| over.served).collect();
    assert_eq!(ended, [false, true]);
}

#[test]
fn of_who_takes_back_her_consent_nothing_is_told() {
    let mut waiting = anna();
    waiting.consent("anna", NOTHING);
    waiting.at(7_200_000);
    assert_eq!(waiting.news.over, []);

    let mut served = anna();
    served.tap("piet", code());
    served.consent("anna", NOTHING);
    served.at(7_200_000);
    assert_eq!(served.news.over, []);

    let mut departed = anna();
    departed.at(100_000).consent("anna", NOTHING);
    departed.at(7_200_000);
    assert_eq!(departed.news.over, []);
}

#[test]
fn what_was_handed_over_at_the_till_is_over_for_who_had_come() {
    let mut here = anna();
    here.at(7_000).order("anna", 1, OrderState::Completed);
    let ended: Vec<_> = here.news.over.iter().map(told).collect();
    assert_eq!(ended, [(Some(0), None, 7_000, true)]);

    let mut at_home = Timeline::store();
    at_home.order("anna", 1, OrderState::Ready);
    at_home.order("anna", 1, OrderState::Completed);
    assert_eq!(at_home.news.over, []);
}

#[test]
fn who_was_here_before_it_lay_ready_waits_from_then_on() {
    let mut t = Timeline::store();
    t.order("anna", 1, OrderState::Placed);
    t.agrees("anna", ALL);
    t.at(0).stays("anna", "door", -60, 600_000);
    t.order("anna", 1, OrderState::Ready);
    assert_eq!(t.card().arrived_ms, ZERO_MS + 600_000);
    t.at(609_000).tap("piet", code());
    t.at(700_000);
    let ended: Vec<_> = t.news.over.iter().map(told).collect();
    assert_eq!(ended, [(Some(600_000), None, 609_000, true)]);
}
