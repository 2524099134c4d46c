//! Two engines of one store: one has the desk, the other is told what happens there.

use engine::{
    Input, StoreEngine,
    input::{DeskNews, OrderState, Rules, TapAction},
    journey::Journey,
    outcome::{Card, Cause, TapAnswer},
};
use proptest::prelude::*;
use protocol::CardId;

use crate::timeline::{ARRIVAL, Timeline, ZERO_MS, customer, layout, order};

fn place_desk(t: &mut Timeline, elsewhere: bool) {
    let rules = Rules {
        desk_elsewhere: elsewhere,
        ..Rules::default()
    };
    t.input(&Input::Layout(layout(&["door", "shoes", "bags"], rules)));
}

/// A store whose desk is elsewhere.
fn told() -> Timeline {
    let mut t = Timeline::store();
    place_desk(&mut t, true);
    t
}

fn alerts(t: &Timeline) -> usize {
    let is_arrival = |cause: &Cause| matches!(cause, Cause::Arrival { .. });
    let causes = t.news.deliveries.iter().map(|delivery| &delivery.cause);
    causes.filter(|cause| is_arrival(cause)).count()
}

/// Cards without what nobody tells: where she stands, which changes without a step.
fn plain(engine: &StoreEngine) -> Vec<Card> {
    let mut cards = engine.on_desk().cards;
    cards.sort_by_key(|card| card.card);
    cards
}

fn hand_over(number: u128) -> TapAction {
    TapAction::HandOver {
        code: format!("code-{number}"),
        age_seen: false,
    }
}

#[test]
fn who_comes_in_has_no_card_of_this_engine_while_the_desk_is_elsewhere() {
    let mut t = told();
    t.order("anna", 1, OrderState::Ready);
    t.at(0).stays("anna", "door", -60, 5_000);
    assert_eq!(t.engine.present(), 1);
    assert_eq!((t.news.cards.len(), alerts(&t)), (0, 0));
    let tap = t.tap_on(CardId::at(1, [1; 10]), "piet", TapAction::Take);
    assert_eq!(tap, TapAnswer::Elsewhere);
}

#[test]
fn an_arrival_that_is_told_alerts_once_however_often_it_is_told() {
    let (mut desk, mut t) = (Timeline::store(), told());
    for each in [&mut desk, &mut t] {
        each.order("anna", 1, OrderState::Ready);
    }
    desk.at(0).sight("anna", "door", -60);
    let told = Input::Desk(desk.news.at_desk());
    t.at(1_000).input(&told).input(&told);
    assert_eq!(alerts(&t), 1);
    assert_eq!(plain(&t.engine), plain(&desk.engine));
}

#[test]
fn an_arrival_of_two_hours_ago_is_on_the_card_and_no_news_to_her() {
    let (mut desk, mut t) = (Timeline::store(), told());
    for each in [&mut desk, &mut t] {
        each.order("anna", 1, OrderState::Ready);
    }
    desk.at(0).sight("anna", "door", -60);
    t.at(7_200_000).input(&Input::Desk(desk.news.at_desk()));
    assert_eq!((t.news.cards.len(), alerts(&t)), (1, 0));
}

#[test]
fn what_was_handed_over_elsewhere_is_completed_here_and_her_visit_for_it_ends() {
    let (mut desk, mut t) = (Timeline::store(), told());
    for each in [&mut desk, &mut t] {
        each.agrees("anna", ARRIVAL);
        each.order("anna", 1, OrderState::Ready);
        each.at(0).sight("anna", "door", -60);
    }
    assert_eq!(desk.tap("piet", hand_over(1)), TapAnswer::Done);
    desk.at(31_000);
    t.at(32_000).input(&Input::Desk(desk.news.at_desk()));
    assert_eq!(t.news.completed, [order(1)]);
    assert_eq!((t.engine.orders_open(), t.engine.present()), (0, 0));
    t.order("anna", 1, OrderState::Ready);
    assert_eq!(t.engine.orders_open(), 0, "a final order was opened again");
}

#[test]
fn a_withdrawal_takes_her_card_away_at_once_though_the_desk_is_elsewhere() {
    let (mut desk, mut t) = (Timeline::store(), told());
    for each in [&mut desk, &mut t] {
        each.order("anna", 1, OrderState::Ready);
    }
    desk.at(0).sight("anna", "door", -60);
    t.at(1_000).input(&Input::Desk(desk.news.at_desk()));
    t.consent("anna", crate::timeline::NOTHING);
    assert_eq!(t.card().journey, Journey::Withdrawn);
    assert_eq!(plain(&t.engine), []);
}

#[test]
fn an_engine_that_gets_the_desk_goes_on_with_its_cards() {
    let mut before = Timeline::store();
    for (who, number) in [("anna", 1), ("bea", 2)] {
        before.order(who, number, OrderState::Ready);
        before.at(0).sight(who, "door", -60);
    }
    let annas = before.news.cards[0].card;
    assert_eq!(before.tap_on(annas, "piet", hand_over(1)), TapAnswer::Done);
    let mut after = Timeline::store();
    after.order("anna", 1, OrderState::Ready);
    after.order("bea", 2, OrderState::Ready);
    after.at(1_000).input(&Input::Desk(before.engine.on_desk()));
    assert_eq!(plain(&after.engine), plain(&before.engine));
    assert_eq!(alerts(&after), 0, "she was alerted before");
    after.sight("bea", "door", -60);
    assert_eq!(alerts(&after), 0, "the same episode");
    after.at(31_000);
    assert_eq!(after.news.completed, [order(1)]);
}

#[test]
fn who_is_here_when_the_desk_comes_back_is_on_the_board_at_once() {
    let mut t = told();
    t.order("anna", 1, OrderState::Ready);
    t.at(0).sight("anna", "door", -60);
    place_desk(&mut t, false);
    assert_eq!((t.card().journey, alerts(&t)), (Journey::Arrived, 1));
}

#[derive(Debug, Clone)]
enum Event {
    Order {
        number: u128,
        state: OrderState,
    },
    Heard {
        who: usize,
    },
    Tap {
        who: usize,
        what: TapAction,
    },
    Wait {
        ms: u64,
    },
    /// The line is good for a moment: what was not told yet is told.
    Line,
}

fn event() -> impl Strategy<Value = Event> {
    let state = prop_oneof![
        1 => Just(OrderState::Placed),
        4 => Just(OrderState::Ready),
        1 => Just(OrderState::Cancelled),
    ];
    let tap = prop_oneof![
        Just(TapAction::Take),
        Just(TapAction::Undo),
        Just(TapAction::NotHere),
        (1..7u128).prop_map(hand_over),
    ];
    prop_oneof![
        1 => (1..7u128, state).prop_map(|(number, state)| Event::Order { number, state }),
        3 => (0..3usize).prop_map(|who| Event::Heard { who }),
        2 => (0..3usize, tap).prop_map(|(who, what)| Event::Tap { who, what }),
        1 => prop_oneof![0..40_000u64, 0..900_000u64].prop_map(|ms| Event::Wait { ms }),
        1 => Just(Event::Line),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// However long the line is down: once all is told, both have the same cards and orders, and no
    /// card alerted twice.
    #[test]
    fn after_the_line_is_back_both_engines_agree(events in prop::collection::vec(event(), 1..80)) {
        const NAMES: [&str; 3] = ["anna", "bea", "carla"];
        let (mut desk, mut t) = (Timeline::store(), told());
        let mut cards: [Option<CardId>; 3] = [None; 3];
        let mut waiting = DeskNews::default();
        let (mut completed, mut over) = (Vec::new(), Vec::new());
        for event in events.into_iter().chain([Event::Line]) {
            match event {
                // The shop's word comes to both at once: an order is cancelled here although it was
                // handed over there, and the desk is right.
                Event::Order { number, state } => {
                    let who = NAMES[(number % 3) as usize];
                    desk.order(who, number, state);
                    t.order(who, number, state);
                }
                Event::Heard { who } => {
                    desk.sight(NAMES[who], "door", -60);
                    t.sight(NAMES[who], "door", -60);
                }
                Event::Tap { who, what } => {
                    if let Some(card) = cards[who] {
                        desk.tap_on(card, "piet", what);
                    }
                }
                Event::Wait { ms } => {
                    let to_ms = desk.now_ms - ZERO_MS + ms;
                    desk.at(to_ms);
                    t.at(to_ms);
                }
                Event::Line => {
                    t.input(&Input::Desk(std::mem::take(&mut waiting)));
                }
            }
            let told = std::mem::take(&mut desk.news);
            for card in &told.cards {
                let who = NAMES.iter().position(|n| customer(n) == card.customer);
                cards[who.unwrap()] = Some(card.card);
            }
            completed.extend(told.completed.clone());
            let more = told.at_desk();
            waiting.cards.extend(more.cards);
            waiting.held.extend(more.held);
            waiting.released.extend(more.released);
            waiting.completed.extend(more.completed);
            over.extend(more.over.clone());
            waiting.over.extend(more.over);
        }
        prop_assert_eq!(desk.engine.orders_open(), t.engine.orders_open());
        prop_assert_eq!(desk.engine.cards_open(), t.engine.cards_open());
        completed.sort();
        let mut told = t.news.completed.clone();
        told.sort();
        prop_assert_eq!(completed, told);
        prop_assert_eq!(over, t.news.over);
        let mut alerted: Vec<_> = t.news.deliveries.iter().filter_map(|d| match d.cause {
            Cause::Arrival { card } => Some(card),
            _ => None,
        }).collect();
        let all = alerted.len();
        alerted.sort();
        alerted.dedup();
        prop_assert_eq!(all, alerted.len(), "a card alerted twice");
    }
}
