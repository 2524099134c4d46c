//! The way of a customer and of her order: on her way, here, served, taken back, come back.

use engine::{
    COMING_GRACE_MS, Input,
    input::{Coming, Order, OrderKind, OrderState, TapAction},
    journey::{self, Effect, JOURNEYS, Journey, ORDERS, Signal},
    outcome::{Cause, TapAnswer},
};

use crate::timeline::{ALL, NOTHING, Timeline, ZERO_MS, customer, order};

fn code(code: &str) -> TapAction {
    TapAction::HandOver {
        code: code.into(),
        age_seen: false,
    }
}

/// Anna has one order ready, and is at home.
fn anna_at_home() -> Timeline {
    let mut t = Timeline::store();
    t.order("anna", 1, OrderState::Ready);
    t
}

/// Anna is at the door with one order ready, and was handed it over at 2 s.
fn anna_served() -> Timeline {
    let mut t = anna_at_home();
    t.at(0).stays("anna", "door", -60, 2_000);
    assert_eq!(t.tap("piet", code("code-1")), TapAnswer::Done);
    t
}

impl Timeline {
    fn coming(&mut self, who: &str, how: Coming) -> &mut Self {
        self.input(&Input::Coming {
            customer: customer(who),
            consent: ALL,
            how,
        })
    }

    /// "Onderweg": here in so long from zero.
    fn on_way(&mut self, who: &str, eta_ms: u64) -> &mut Self {
        let eta_ms = ZERO_MS + eta_ms;
        self.coming(who, Coming::OnWay { eta_ms })
    }

    fn of_kind(
        &mut self,
        who: &str,
        number: u128,
        kind: OrderKind,
        state: OrderState,
    ) -> &mut Self {
        self.input(&Input::Order(Order {
            kind,
            ..plain(who, number, state)
        }))
    }

    fn causes(&self, wanted: fn(&Cause) -> bool) -> usize {
        let deliveries = self.news.deliveries.iter();
        deliveries.filter(|d| wanted(&d.cause)).count()
    }

    fn alerts(&self) -> usize {
        self.causes(|cause| matches!(cause, Cause::Arrival { .. }))
    }

    fn ready_messages(&self) -> usize {
        self.causes(|cause| matches!(cause, Cause::Ready { .. }))
    }
}

fn plain(who: &str, number: u128, state: OrderState) -> Order {
    Order {
        order: order(number),
        customer: customer(who),
        kind: OrderKind::ClickAndCollect,
        state,
        code: format!("code-{number}"),
        as_of_ms: 0,
        due_ms: None,
        age_checked: false,
        share_code: None,
    }
}

#[test]
fn on_her_way_is_a_card_without_an_alert() {
    let mut t = anna_at_home();
    t.at(0).on_way("anna", 600_000);
    let card = t.card();
    assert_eq!(
        (card.journey, card.eta_ms, card.orders),
        (Journey::EnRoute, Some(ZERO_MS + 600_000), vec![order(1)])
    );
    assert_eq!((t.alerts(), t.engine.cards_open()), (0, 0));
}

#[test]
fn signals_in_any_order_are_one_card_and_one_alert() {
    type Say = fn(&mut Timeline);
    let on_way: Say = |t| {
        t.on_way("anna", 600_000);
    };
    let near: Say = |t| {
        t.coming("anna", Coming::Near);
    };
    let radio: Say = |t| {
        let from_ms = t.now_ms - ZERO_MS;
        t.stays("anna", "door", -60, from_ms + 3_000);
    };
    let says: Say = |t| {
        t.here("anna", "door");
    };
    let orders: [[Say; 4]; 6] = [
        [on_way, near, radio, says],
        [says, radio, near, on_way],
        [near, says, on_way, radio],
        [radio, on_way, says, near],
        [near, on_way, radio, says],
        [says, near, on_way, radio],
    ];
    for (n, signals) in orders.into_iter().enumerate() {
        let mut t = anna_at_home();
        t.at(0);
        signals.into_iter().for_each(|say| say(&mut t));
        let one = t.card().card;
        assert!(t.news.cards.iter().all(|card| card.card == one), "{n}");
        assert_eq!((t.card().journey, t.alerts()), (Journey::Waiting, 1), "{n}");
    }
}

#[test]
fn who_is_near_is_not_farther_again() {
    let mut t = anna_at_home();
    t.at(0).coming("anna", Coming::Near).on_way("anna", 300_000);
    let card = t.card();
    let eta_ms = Some(ZERO_MS + 300_000);
    assert_eq!((card.journey, card.eta_ms), (Journey::Nearby, eta_ms));
    let mut t = anna_at_home();
    t.at(0).on_way("anna", 300_000).coming("anna", Coming::Near);
    let one = t.card().card;
    assert_eq!(t.card().journey, Journey::Nearby);
    assert!(t.news.cards.iter().all(|card| card.card == one));
}

#[test]
fn who_is_long_overdue_is_off_the_board_and_may_set_out_again() {
    let mut t = anna_at_home();
    t.at(0).on_way("anna", 600_000);
    let first = t.card().card;
    t.at(600_000 + COMING_GRACE_MS - 1);
    assert_eq!(t.card().journey, Journey::EnRoute);
    t.at(600_000 + COMING_GRACE_MS);
    assert_eq!(t.card().journey, Journey::Created);
    let take = TapAction::Take;
    assert_eq!(t.tap_on(first, "piet", take), TapAnswer::Closed);
    t.on_way("anna", 4_000_000);
    assert_eq!(t.card().journey, Journey::EnRoute);
    assert_ne!(t.card().card, first);
}

#[test]
fn who_was_near_and_did_not_come_in_is_off_the_board_after_half_an_hour() {
    let mut t = anna_at_home();
    t.at(0).coming("anna", Coming::Near);
    t.at(COMING_GRACE_MS);
    assert_eq!(t.card().journey, Journey::Created);
}

#[test]
fn a_way_of_a_day_or_one_that_is_long_over_is_no_news() {
    let mut t = anna_at_home();
    t.at(10_000_000).on_way("anna", 100_000_000);
    t.on_way("anna", 10_000_000 - COMING_GRACE_MS);
    assert_eq!((t.news.cards.len(), t.news.refused.implausible), (0, 2));
}

#[test]
fn who_did_not_agree_is_not_on_her_way() {
    let mut t = anna_at_home();
    t.input(&Input::Coming {
        customer: customer("anna"),
        consent: NOTHING,
        how: Coming::Near,
    });
    t.consent("bea", NOTHING)
        .order("bea", 2, OrderState::Ready)
        .coming("bea", Coming::Near); // sent before she withdrew
    assert_eq!((t.news.cards.len(), t.news.refused.no_consent), (0, 2));
}

#[test]
fn a_withdrawal_takes_her_off_the_road() {
    let mut t = anna_at_home();
    t.at(0).on_way("anna", 600_000).consent("anna", NOTHING);
    assert_eq!(t.card().journey, Journey::Withdrawn);
    assert_eq!(t.engine.due_at(), Some(ZERO_MS + 120_000)); // her switches alone are remembered
}

#[test]
fn who_is_on_her_way_before_anything_is_ready_has_a_card_as_soon_as_it_is() {
    let mut t = Timeline::store();
    t.order("anna", 1, OrderState::Placed);
    t.at(0).on_way("anna", 600_000);
    assert!(t.news.cards.is_empty());
    t.order("anna", 1, OrderState::Ready);
    assert_eq!((t.card().journey, t.alerts()), (Journey::EnRoute, 0));
}

#[test]
fn a_phone_that_says_on_my_way_in_the_store_is_behind_the_times() {
    let mut t = anna_at_home();
    t.at(0).stays("anna", "door", -60, 2_000);
    let shown = t.news.cards.len();
    t.on_way("anna", 600_000).coming("anna", Coming::Near);
    assert_eq!(t.news.cards.len(), shown);
    t.at(100_000);
    assert_eq!(t.card().journey, Journey::DepartedUnserved); // and not on her way after it
}

#[test]
fn who_arrives_from_the_road_waits_since_she_came_in() {
    let mut t = anna_at_home();
    t.at(0).on_way("anna", 600_000);
    assert_eq!(t.card().arrived_ms, ZERO_MS);
    t.at(500_000).stays("anna", "door", -60, 503_000);
    let card = t.card();
    assert_eq!((card.arrived_ms, card.eta_ms), (ZERO_MS + 500_000, None));
}

#[test]
fn nobody_goes_any_more_to_whom_left() {
    for says in [false, true] {
        let mut t = anna_at_home();
        t.at(0).stays("anna", "door", -60, 2_000);
        if says {
            t.here("anna", "door");
        }
        t.tap("piet", TapAction::Take);
        t.at(3_000_000);
        let card = t.card();
        assert_eq!(
            (card.journey, card.taken_by),
            (Journey::DepartedUnserved, None)
        );
    }
}

#[test]
fn a_hand_over_can_be_taken_back_for_half_a_minute() {
    let mut t = anna_served();
    let card = t.card();
    assert_eq!(card.undo_until_ms, Some(ZERO_MS + 32_000));
    t.stays("anna", "door", -60, 31_000);
    assert_eq!(t.tap("joke", TapAction::Undo), TapAnswer::Done);
    let again = t.card();
    assert_eq!(
        (again.card, again.journey, again.undo_until_ms),
        (card.card, Journey::Waiting, None)
    );
    assert_eq!((t.news.released.clone(), t.alerts()), (vec![order(1)], 1));
    t.stays("anna", "door", -60, 60_000);
    assert!(t.news.completed.is_empty());
    assert_eq!(t.tap("joke", code("code-1")), TapAnswer::Done);
}

#[test]
fn after_half_a_minute_a_hand_over_is_final() {
    let mut t = anna_served();
    // No tick came in between: the window is over all the same.
    t.at_without_ticks(32_000);
    assert_eq!(t.tap("piet", TapAction::Undo), TapAnswer::Closed);
    t.at(32_000);
    assert_eq!(t.news.completed, [order(1)]);
    assert_eq!(t.tap("piet", TapAction::Undo), TapAnswer::Closed);
    t.order("anna", 1, OrderState::Ready); // late news of the shop's
    t.stays("anna", "door", -60, 40_000);
    assert_eq!((t.engine.cards_open(), t.alerts()), (0, 1));
}

#[test]
fn a_hand_over_taken_back_after_she_left_is_one_who_left_without_it() {
    let mut t = anna_departed_then_served();
    assert_eq!(t.tap("piet", TapAction::Undo), TapAnswer::Done);
    assert_eq!(t.card().journey, Journey::DepartedUnserved);
    assert_eq!(t.tap("piet", code("code-1")), TapAnswer::Done);
}

/// The radio lost her before a colleague typed her code.
fn anna_departed_then_served() -> Timeline {
    let mut t = anna_at_home();
    t.at(0).stays("anna", "door", -60, 2_000);
    t.at(100_000);
    assert_eq!(t.card().journey, Journey::DepartedUnserved);
    assert_eq!(t.tap("piet", code("code-1")), TapAnswer::Done);
    t
}

#[test]
fn an_order_that_is_ready_right_after_is_another_episode_and_takes_the_first_back_onto_it() {
    let mut t = anna_served();
    let first = t.card().card;
    t.order("anna", 2, OrderState::Ready);
    let second = t.card();
    assert_ne!(second.card, first);
    assert_eq!((second.journey, t.alerts()), (Journey::Arrived, 2));
    assert_eq!(t.tap_on(first, "piet", TapAction::Undo), TapAnswer::Done);
    let withdrawn = t.news.cards.iter().rfind(|card| card.card == first);
    assert_eq!(withdrawn.unwrap().journey, Journey::Withdrawn);
    let card = t.card();
    assert_eq!(
        (card.card, card.orders),
        (second.card, vec![order(1), order(2)])
    );
    assert_eq!((t.alerts(), t.engine.cards_open()), (2, 1));
}

#[test]
fn who_waits_for_another_order_stays_when_the_first_is_final() {
    let mut t = anna_at_home();
    t.at(0).here("anna", "door").told();
    t.tap("piet", code("code-1"));
    t.order("anna", 2, OrderState::Ready);
    t.at(60_000).expect(&[]);
    assert_eq!((t.engine.present(), t.engine.cards_open()), (1, 1));
}

#[test]
fn an_order_completed_at_the_till_is_not_taken_back() {
    let mut t = anna_served();
    t.order("anna", 1, OrderState::Completed);
    assert_eq!(t.tap("piet", TapAction::Undo), TapAnswer::Closed);
    t.stays("anna", "door", -60, 40_000);
    assert!(t.news.released.is_empty() && t.news.completed.is_empty());
    assert_eq!(t.engine.cards_open(), 0);
}

#[test]
fn what_is_not_ready_any_more_is_not_on_the_card_that_was_taken_back() {
    let mut t = anna_at_home();
    t.order("anna", 2, OrderState::Ready);
    t.at(0).stays("anna", "door", -60, 2_000);
    t.tap("piet", code("code-1"));
    t.order("anna", 2, OrderState::Delayed);
    assert_eq!(t.tap("piet", TapAction::Undo), TapAnswer::Done);
    assert_eq!(t.card().orders, [order(1)]);
}

#[test]
fn a_final_order_stays_final_whatever_the_shop_says_later() {
    for end in [OrderState::Cancelled, OrderState::Completed] {
        let mut t = Timeline::store();
        t.order("anna", 1, end).order("anna", 1, OrderState::Ready);
        t.at(0).stays("anna", "door", -60, 2_000);
        assert!(t.news.cards.is_empty() && t.engine.orders_open() == 0);
    }
}

#[test]
fn news_that_is_older_than_the_last_changes_nothing() {
    let mut t = Timeline::store();
    let news = |as_of_ms, state| {
        let of = plain("anna", 1, state);
        Input::Order(Order { as_of_ms, ..of })
    };
    t.input(&news(2_000, OrderState::Ready))
        .input(&news(1_000, OrderState::Placed));
    t.at(0).stays("anna", "door", -60, 2_000);
    assert_eq!(t.card().orders, [order(1)]);
}

#[test]
fn ready_is_told_when_it_becomes_so() {
    let mut t = Timeline::store();
    t.order("anna", 1, OrderState::Placed);
    assert_eq!(t.ready_messages(), 0);
    t.order("anna", 1, OrderState::Ready)
        .order("anna", 1, OrderState::Ready);
    assert_eq!(t.ready_messages(), 1);
}

#[test]
fn what_is_not_set_aside_needs_staff_at_once_and_tells_nobody() {
    for kind in [OrderKind::Return, OrderKind::Help] {
        let mut t = Timeline::store();
        t.of_kind("anna", 1, kind, OrderState::Placed);
        t.at(0).stays("anna", "door", -60, 2_000);
        assert_eq!((t.card().orders, t.alerts()), (vec![order(1)], 1));
        t.of_kind("anna", 1, kind, OrderState::Ready);
        assert_eq!(t.ready_messages(), 0);
    }
    for kind in [OrderKind::Reservation, OrderKind::TryOn] {
        let mut t = Timeline::store();
        t.of_kind("anna", 1, kind, OrderState::Placed);
        t.at(0).stays("anna", "door", -60, 2_000);
        assert!(t.news.cards.is_empty());
        t.of_kind("anna", 1, kind, OrderState::Ready);
        assert_eq!((t.alerts(), t.ready_messages()), (1, 1));
    }
}

#[test]
fn a_pickup_a_return_and_a_reservation_are_one_card() {
    let mut t = anna_at_home();
    t.of_kind("anna", 2, OrderKind::Return, OrderState::Placed)
        .of_kind("anna", 3, OrderKind::Reservation, OrderState::Placed)
        .of_kind("anna", 4, OrderKind::Reservation, OrderState::Ready);
    t.at(0).stays("anna", "door", -60, 2_000);
    assert_eq!(t.card().orders, [order(1), order(2), order(4)]);
    assert_eq!(t.alerts(), 1);
    // The code of the return opens all of them, and the one that is not laid ready stays.
    assert_eq!(t.tap("piet", code("code-2")), TapAnswer::Done);
    assert_eq!(t.news.held, [order(1), order(2), order(4)]);
}

#[test]
fn a_return_past_its_window_calls_nobody() {
    let mut t = Timeline::store();
    t.input(&Input::Order(Order {
        kind: OrderKind::Return,
        due_ms: Some(ZERO_MS + 10_000),
        ..plain("anna", 1, OrderState::Placed)
    }));
    t.at(10_000).stays("anna", "door", -60, 12_000);
    assert!(t.news.cards.is_empty());
}

#[test]
fn help_needs_no_code_and_goods_do() {
    let mut t = Timeline::store();
    t.of_kind("anna", 1, OrderKind::Help, OrderState::Placed);
    t.at(0).stays("anna", "door", -60, 2_000);
    assert_eq!(t.tap("piet", code("")), TapAnswer::Done);
    let mut t = anna_at_home();
    t.of_kind("anna", 2, OrderKind::Help, OrderState::Placed);
    t.at(0).stays("anna", "door", -60, 2_000);
    let wrong = TapAnswer::WrongCode { tries_left: 4 };
    assert_eq!(t.tap("piet", code("")), wrong);
}

#[test]
fn old_inputs_and_snapshots_are_pickups() {
    let mut order =
        serde_json::to_value(Input::Order(plain("anna", 1, OrderState::Ready))).unwrap();
    for field in ["for", "as_of_ms", "due_ms"] {
        order.as_object_mut().unwrap().remove(field).unwrap();
    }
    let Input::Order(read) = serde_json::from_value(order).unwrap() else {
        panic!("an order");
    };
    assert_eq!(read, plain("anna", 1, OrderState::Ready));
}

#[test]
fn consent_that_ends_makes_a_hand_over_final_at_once() {
    let mut t = anna_served();
    t.consent("anna", NOTHING);
    assert_eq!(t.news.completed, [order(1)]);
    assert_eq!(t.tap("piet", TapAction::Undo), TapAnswer::Closed);
    t.at(40_000);
    assert_eq!((t.news.completed.len(), t.engine.orders_open()), (1, 0));
}

#[test]
fn whatever_ends_it_while_she_is_coming_or_has_left_closes_her_card() {
    type Do = fn(&mut Timeline);
    let on_way: Do = |t| {
        t.on_way("anna", 600_000);
    };
    let near: Do = |t| {
        t.coming("anna", Coming::Near);
    };
    let here: Do = |t| {
        t.stays("anna", "door", -60, 2_000);
    };
    let left: Do = |t| {
        t.stays("anna", "door", -60, 2_000).at(100_000);
    };
    let completed: Do = |t| {
        t.order("anna", 1, OrderState::Completed);
    };
    let cancelled: Do = |t| {
        t.order("anna", 1, OrderState::Cancelled);
    };
    let consent: Do = |t| {
        t.consent("anna", NOTHING);
    };
    let ends = [
        (completed, Journey::Served),
        (cancelled, Journey::Withdrawn),
        (consent, Journey::Withdrawn),
    ];
    let mut both = vec![(left, consent, Journey::Withdrawn)];
    for from in [on_way, near, here] {
        both.extend(ends.map(|(end, to)| (from, end, to)));
    }
    for (n, (from, end, to)) in both.into_iter().enumerate() {
        let mut t = anna_at_home();
        t.at(0);
        from(&mut t);
        end(&mut t);
        assert_eq!(t.card().journey, to, "{n}");
        assert_eq!(t.tap("piet", code("code-1")), TapAnswer::Closed, "{n}");
    }
}

#[test]
fn who_left_without_it_may_set_out_again_and_that_is_another_card() {
    let mut t = anna_at_home();
    t.at(0).stays("anna", "door", -60, 2_000).at(100_000);
    let first = t.card().card;
    t.on_way("anna", 600_000);
    assert_eq!(t.card().journey, Journey::EnRoute);
    assert_ne!(t.card().card, first);
    assert_eq!(t.tap_on(first, "piet", code("code-1")), TapAnswer::Closed);
    let mut t = anna_at_home();
    t.at(0).stays("anna", "door", -60, 2_000).at(100_000);
    t.coming("anna", Coming::Near);
    assert_eq!(t.card().journey, Journey::Nearby);
    t.here("anna", "door");
    assert_eq!((t.card().journey, t.alerts()), (Journey::Waiting, 2));
}

#[test]
fn a_pair_stands_in_a_table_at_most_once() {
    for step in JOURNEYS {
        let found = journey::next(step.from, step.signal);
        assert_eq!(found, Some(step));
    }
    for step in ORDERS {
        assert_eq!(journey::order_next(step.from, step.to), Some(step));
    }
}

#[test]
fn each_way_into_the_store_has_one_alert_and_nothing_else_has_any() {
    for step in JOURNEYS {
        let comes = step.to.is_here() && !step.from.is_here() && step.from != Journey::Served;
        assert_eq!(step.effects.contains(&Effect::Alert), comes, "{step:?}");
        let begins = matches!(step.from, Journey::Created | Journey::DepartedUnserved)
            && (step.to.is_here() || step.to.is_coming());
        assert_eq!(step.effects.contains(&Effect::Open), begins, "{step:?}");
        let holds = step.signal == Signal::HandedOver;
        assert_eq!(step.effects.contains(&Effect::Hold), holds, "{step:?}");
    }
    let out_of_final = ORDERS
        .iter()
        .filter(|s| s.from.is_some_and(|f| !f.is_open()));
    assert_eq!(out_of_final.count(), 0);
}

/// Anna stands at the door, and has called for help.
fn anna_calls_for_help() -> Timeline {
    let mut t = Timeline::store();
    t.at(0).stays("anna", "door", -60, 2_000);
    t.of_kind("anna", 8, OrderKind::Help, OrderState::Placed);
    t
}

#[test]
fn who_leaves_after_a_call_for_help_alone_alarms_nobody_and_needs_none_any_more() {
    let mut t = anna_calls_for_help();
    assert_eq!((t.alerts(), t.card().journey), (1, Journey::Arrived));
    t.at(600_000);
    assert_eq!(t.card().journey, Journey::Withdrawn);
    assert_eq!(t.news.cancelled, [order(8)]);
    t.news.cards.clear();
    t.here("anna", "door");
    assert_eq!(t.news.cards, []);
}

#[test]
fn who_leaves_without_help_and_without_her_order_has_left_without_her_order() {
    let mut t = anna_calls_for_help();
    t.order("anna", 1, OrderState::Ready);
    t.at(600_000);
    let card = t.card();
    assert_eq!(
        (card.journey, card.orders),
        (Journey::DepartedUnserved, vec![order(1)])
    );
    assert_eq!(t.news.cancelled, [order(8)]);
}

#[test]
fn who_takes_back_her_consent_needs_no_help_any_more() {
    let mut t = anna_calls_for_help();
    t.consent("anna", NOTHING);
    assert_eq!(t.card().journey, Journey::Withdrawn);
    assert_eq!(t.news.cancelled, [order(8)]);
}

#[test]
fn what_is_for_adults_goes_to_nobody_at_whom_nobody_has_looked() {
    let mut t = Timeline::store();
    t.input(&Input::Order(Order {
        age_checked: true,
        ..plain("anna", 1, OrderState::Ready)
    }));
    t.at(0).here("anna", "door");
    let tap = |age_seen, code: &str| TapAction::HandOver {
        code: code.into(),
        age_seen,
    };
    assert_eq!(t.tap("piet", tap(false, "code-1")), TapAnswer::AgeUnseen);
    assert_eq!(t.card().wrong_codes, 0);
    let wrong = TapAnswer::WrongCode { tries_left: 4 };
    assert_eq!(t.tap("piet", tap(true, "code-2")), wrong);
    assert_eq!(t.tap("piet", tap(true, "code-1")), TapAnswer::Done);
}
