//! What a switch ends.

use engine::{
    Input,
    input::{Consent, OrderState, TapAction},
    outcome::{Journey, Purpose, Question, TapAnswer, VisitChange},
};

use crate::timeline::{ALL, ARRIVAL, NOTHING, Timeline, customer};

#[test]
fn who_agreed_to_nothing_is_counted_and_not_followed() {
    let mut t = Timeline::store();
    t.agrees("anna", NOTHING)
        .at(0)
        .sight("anna", "door", -50)
        .expect(&[]);
    assert_eq!(t.news.refused.no_consent, 1);
    assert_eq!(t.engine.followed(), 0);
}

#[test]
fn consent_for_arrival_alone_makes_no_visit_without_an_order() {
    let mut t = Timeline::store();
    t.agrees("anna", ARRIVAL)
        .at(0)
        .here("anna", "door")
        .expect(&[]);
    assert_eq!(t.news.refused.no_consent, 1);
}

#[test]
fn consent_for_arrival_alone_makes_a_visit_that_ends_with_the_order() {
    let mut t = Timeline::store();
    t.order("anna", 1, OrderState::Ready)
        .agrees("anna", ARRIVAL);
    t.at(0).stays("anna", "door", -60, 10_000);
    assert!(matches!(
        t.news.visits[0],
        VisitChange::Entered {
            purpose: Purpose::Arrival,
            ..
        }
    ));
    t.expect(&["entered 0", "door 0"]);
    assert_eq!(
        t.tap(
            "piet",
            TapAction::HandOver {
                code: "code-1".into(),
                age_seen: false,
            }
        ),
        TapAnswer::Done
    );
    t.expect(&[]); // it may still be taken back
    t.at(40_000).expect(&["left 10000"]);
    t.at(41_000).sight("anna", "door", -50).expect(&[]);
    assert_eq!(t.news.refused.no_consent, 1);
    assert!(t.news.questions.is_empty()); // nothing was asked about what she did online
}

#[test]
fn an_order_cancelled_elsewhere_ends_that_visit_too() {
    let mut t = Timeline::store();
    t.order("anna", 1, OrderState::Ready)
        .agrees("anna", ARRIVAL);
    t.at(0).stays("anna", "door", -60, 10_000).told();
    t.at(10_500)
        .order("anna", 1, OrderState::Cancelled)
        .expect(&["left 10000"]);
    assert_eq!(t.card().journey, Journey::Withdrawn);
}

#[test]
fn withdrawing_everything_erases_the_visit_and_takes_the_card() {
    let mut t = Timeline::store();
    t.order("anna", 1, OrderState::Ready);
    t.at(0).stays("anna", "door", -60, 10_000).told();
    t.at(11_000).consent("anna", NOTHING).expect(&["erased"]);
    assert_eq!(t.card().journey, Journey::Withdrawn);
    assert_eq!(t.engine.present(), 0);
}

#[test]
fn withdrawing_arrival_takes_the_card_and_leaves_the_visit() {
    let mut t = Timeline::store();
    t.order("anna", 1, OrderState::Ready);
    t.at(0).stays("anna", "door", -60, 10_000).told();
    t.consent(
        "anna",
        Consent {
            arrival: false,
            ..ALL
        },
    )
    .expect(&[]);
    assert_eq!(t.card().journey, Journey::Withdrawn);
    assert_eq!((t.engine.present(), t.engine.cards_open()), (1, 0));
}

#[test]
fn a_sighting_from_before_the_withdrawal_brings_nothing_back() {
    let mut t = Timeline::store();
    t.at(0).stays("anna", "door", -60, 10_000).told();
    t.at(12_000).consent("anna", NOTHING).expect(&["erased"]);
    t.agrees("anna", ALL); // as it stood when this was heard
    t.sight_heard_at(11_000, "anna", "door", -50).expect(&[]);
    assert_eq!(t.news.refused.no_consent, 1);
    t.at(200_000);
    assert_eq!(t.engine.followed(), 0);
}

#[test]
fn messages_switched_on_in_the_shop_ask_about_the_zone_she_is_in() {
    let mut t = Timeline::store();
    t.agrees(
        "anna",
        Consent {
            messages: false,
            ..ALL
        },
    );
    t.at(0).stays("anna", "door", -60, 5_000);
    assert!(t.news.questions.is_empty());
    t.consent("anna", ALL);
    assert!(matches!(t.news.questions[..], [Question::Match { .. }]));
}

#[test]
fn forgotten_means_visit_card_order_and_history() {
    let mut t = Timeline::store();
    t.order("anna", 1, OrderState::Ready);
    t.at(3_600_000).stays("anna", "door", -60, 3_610_000);
    t.late("anna", "door", -60, 0, 60_000).told();
    let card = t.card().card;
    t.input(&Input::Forget {
        customer: customer("anna"),
    })
    .expect(&["erased"]);
    assert_eq!(t.card().journey, Journey::Withdrawn);
    assert_eq!(
        (
            t.engine.followed(),
            t.engine.orders_open(),
            t.engine.present()
        ),
        (0, 0, 0)
    );
    t.answer_history(&[]).expect(&[]);
    assert_eq!(t.tap_on(card, "piet", TapAction::Take), TapAnswer::Closed);
    let snapshot = serde_json::to_string(&t.engine).unwrap();
    assert!(snapshot.len() > 100);
    let id = customer("anna").to_string();
    assert!(!snapshot.contains(&id), "{snapshot}");
}
