//! A card to which nobody goes: after one minute it calls everybody, after two the manager.

use engine::{
    input::{OrderState, TapAction},
    outcome::{Call, TapAnswer},
};

use crate::timeline::Timeline;

/// Anna has one order ready, and stands at the door from zero on.
fn anna_waits() -> Timeline {
    let mut t = Timeline::store();
    t.order("anna", 1, OrderState::Ready);
    t.at(0).here("anna", "door");
    t
}

/// She is heard each second until then, with what time does on the way. Gives back who was called,
/// and when.
fn calls_until(t: &mut Timeline, from_s: u64, until_s: u64) -> Vec<(u64, Call)> {
    let mut calls = Vec::new();
    for second in from_s..=until_s {
        t.at(second * 1_000).sight("anna", "door", -50);
        calls.extend(t.news.calls.drain(..).map(|called| (second, called.call)));
    }
    calls
}

fn tap(t: &mut Timeline, action: TapAction) {
    assert_eq!(t.tap("piet", action), TapAnswer::Done);
}

#[test]
fn nobody_goes_and_all_are_called_after_a_minute_and_the_manager_after_two() {
    let mut t = anna_waits();
    let calls = calls_until(&mut t, 1, 300);
    assert_eq!(calls, [(60, Call::Everybody), (120, Call::Manager)]);
    assert_eq!(t.card().called, Some(Call::Manager));
}

#[test]
fn a_call_says_where_she_stands() {
    let mut t = anna_waits();
    calls_until(&mut t, 1, 59);
    t.news.cards.clear();
    t.at(60_000);
    assert!(!t.card().whereabouts.is_empty(), "{:?}", t.card());
}

#[test]
fn who_is_taken_calls_nobody_and_who_is_let_go_is_called_for_on_the_first_clock() {
    let mut t = anna_waits();
    calls_until(&mut t, 1, 30);
    tap(&mut t, TapAction::Take);
    assert_eq!(calls_until(&mut t, 31, 90), []);
    tap(&mut t, TapAction::Undo);
    assert_eq!(calls_until(&mut t, 91, 119), [(91, Call::Everybody)]);
    tap(&mut t, TapAction::Take);
    tap(&mut t, TapAction::Undo);
    assert_eq!(calls_until(&mut t, 120, 300), [(120, Call::Manager)]);
}

#[test]
fn who_was_looked_for_in_vain_is_called_for_once_she_says_that_she_is_there() {
    let mut t = anna_waits();
    tap(&mut t, TapAction::NotHere);
    assert_eq!(calls_until(&mut t, 1, 70), []);
    t.here("anna", "door");
    assert_eq!(calls_until(&mut t, 71, 72), [(71, Call::Everybody)]);
}

#[test]
fn an_order_that_becomes_ready_late_in_a_visit_calls_a_minute_later() {
    let mut t = Timeline::store();
    calls_until(&mut t, 0, 600);
    t.order("anna", 1, OrderState::Ready);
    assert_eq!(calls_until(&mut t, 601, 700), [(660, Call::Everybody)]);
}

#[test]
fn each_episode_calls_anew() {
    let mut t = anna_waits();
    assert_eq!(calls_until(&mut t, 1, 61), [(60, Call::Everybody)]);
    let code = "code-1".to_owned();
    tap(&mut t, TapAction::HandOver { code });
    t.at(100_000);
    t.order("anna", 2, OrderState::Ready);
    t.here("anna", "door");
    assert_eq!(calls_until(&mut t, 101, 200), [(160, Call::Everybody)]);
}

#[test]
fn a_snapshot_in_between_changes_no_call() {
    let mut t = anna_waits();
    calls_until(&mut t, 1, 61);
    let snapshot = serde_json::to_vec(&t.engine).unwrap();
    t.engine = serde_json::from_slice(&snapshot).unwrap();
    assert_eq!(calls_until(&mut t, 62, 200), [(120, Call::Manager)]);
}

#[test]
fn a_hand_over_taken_back_calls_from_then_on() {
    let mut t = anna_waits();
    calls_until(&mut t, 1, 50);
    let code = "code-1".to_owned();
    tap(&mut t, TapAction::HandOver { code });
    calls_until(&mut t, 51, 70);
    tap(&mut t, TapAction::Undo);
    assert_eq!(calls_until(&mut t, 71, 131), [(130, Call::Everybody)]);
}
