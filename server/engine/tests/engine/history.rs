//! Backlogs that come too late for the live belief.

use engine::{
    input::{Consent, PastVisit},
    outcome::{Choice, Question, Reason},
};
use protocol::VisitId;

use crate::timeline::{ALL, ARRIVAL, Timeline, ZERO_MS};

const HOUR: u64 = 3_600_000;

fn visit(n: u8, from_ms: u64, to_ms: u64) -> PastVisit {
    PastVisit {
        visit: VisitId::at(ZERO_MS, [n; 10]),
        entered_ms: ZERO_MS + from_ms,
        left_ms: Some(ZERO_MS + to_ms),
    }
}

#[test]
fn late_backlog_asks_for_history_and_touches_no_belief() {
    let mut t = Timeline::store();
    t.at(HOUR).late("anna", "door", -50, 0, 60_000).expect(&[]);
    assert!(matches!(&t.news.questions[..], [Question::History { late, .. }] if late.len() == 61));
    assert_eq!((t.engine.followed(), t.engine.present()), (0, 0));
}

#[test]
fn late_backlog_completes_a_visit_without_notifying() {
    let mut t = Timeline::store();
    t.at(HOUR).late("anna", "door", -60, 0, 60_000);
    t.answer_history(&[visit(1, 30_000, 50_000)])
        .expect(&["revised 0..60000"]);
    assert!(t.news.decisions.is_empty() && t.news.deliveries.is_empty());
}

#[test]
fn a_gap_of_three_minutes_joins_and_a_longer_one_does_not() {
    let mut t = Timeline::store();
    t.at(HOUR).late("anna", "door", -60, 0, 60_000);
    t.answer_history(&[visit(1, 240_000, 300_000)])
        .expect(&["revised 0..300000"]);
    t.late("anna", "door", -60, 0, 59_000);
    t.answer_history(&[visit(1, 240_000, 300_000)]);
    t.expect(&["late visit from 0", "door 0", "left 59000"]);
}

#[test]
fn a_late_visit_is_explained_as_stale_and_tells_nobody() {
    let mut t = Timeline::store();
    t.at(HOUR)
        .late("anna", "shoes", -60, 0, 60_000)
        .answer_history(&[]);
    t.expect(&["late visit from 0", "shoes 0", "left 60000"]);
    let decision = t.decision();
    assert_eq!(
        decision.choice,
        Choice::Suppress {
            reason: Reason::Stale
        }
    );
    assert!(decision.facts.is_none() && decision.moment.is_none());
    assert!(t.news.deliveries.is_empty() && t.news.cards.is_empty());
}

#[test]
fn a_late_visit_of_who_wants_no_messages_needs_no_explanation() {
    let mut t = Timeline::store();
    t.agrees(
        "anna",
        Consent {
            messages: false,
            ..ALL
        },
    );
    t.at(HOUR)
        .late("anna", "shoes", -60, 0, 60_000)
        .answer_history(&[]);
    assert_eq!(t.told().len(), 3);
    assert!(t.news.decisions.is_empty());
}

#[test]
fn a_late_visit_has_its_zones() {
    let mut t = Timeline::store();
    t.at(HOUR);
    let mut backlog = Vec::new();
    for s in 0..60u64 {
        let mut seen = t.observation("anna", if s < 30 { "door" } else { "shoes" }, -60);
        (seen.heard_first_ms, seen.heard_last_ms) = (ZERO_MS + s * 1_000, ZERO_MS + s * 1_000);
        seen.late = true;
        backlog.push(seen);
    }
    t.hear(&backlog).answer_history(&[]);
    let told = t.told();
    assert_eq!(told.len(), 4, "{told:?}");
    assert!(told[2].starts_with("shoes "), "{told:?}");
}

#[test]
fn late_sightings_from_outside_make_no_visit() {
    let mut t = Timeline::store();
    t.at(HOUR)
        .late("anna", "door", -78, 0, 60_000)
        .answer_history(&[])
        .expect(&[]);
}

#[test]
fn late_sightings_move_the_beginning_of_the_visit_that_goes_on() {
    let mut t = Timeline::store();
    t.at(HOUR).stays("anna", "door", -60, HOUR + 10_000).told();
    t.late("anna", "door", -60, HOUR - 60_000, HOUR - 30_000)
        .answer_history(&[]);
    t.expect(&["revised 3540000.."]);
}

#[test]
fn a_span_over_two_visits_leaves_them_apart() {
    let mut t = Timeline::store();
    t.at(HOUR).late("anna", "door", -60, 0, 600_000);
    t.answer_history(&[visit(1, 60_000, 120_000), visit(2, 300_000, 400_000)]);
    t.expect(&["revised 0..300000", "revised 300000..600000"]);
}

#[test]
fn a_second_backlog_waits_for_the_first_answer() {
    let mut t = Timeline::store();
    t.at(HOUR)
        .late("anna", "door", -60, 0, 30_000)
        .late("anna", "door", -60, 31_000, 60_000);
    assert_eq!(t.news.questions.len(), 1);
    t.answer_history(&[])
        .expect(&["late visit from 0", "door 0", "left 30000"]);
    assert!(matches!(&t.news.questions[..], [Question::History { late, .. }] if late.len() == 30));
    t.answer_history(&[visit(1, 0, 30_000)])
        .expect(&["revised 0..60000"]);
}

#[test]
fn an_answer_that_was_lost_is_asked_for_again() {
    let mut t = Timeline::store();
    t.at(HOUR).late("anna", "door", -60, 0, 30_000);
    t.news.questions.clear();
    t.at(HOUR + 299_000)
        .late("anna", "door", -60, 31_000, 60_000);
    assert!(t.news.questions.is_empty());
    t.at(HOUR + 300_000)
        .late("anna", "door", -60, 61_000, 90_000);
    assert!(matches!(&t.news.questions[..], [Question::History { late, .. }] if late.len() == 60));
}

#[test]
fn consent_for_arrival_alone_leaves_no_history() {
    let mut t = Timeline::store();
    t.agrees("anna", ARRIVAL)
        .at(HOUR)
        .late("anna", "door", -60, 0, 60_000);
    assert!(t.news.questions.is_empty());
    assert_eq!(t.news.refused.no_consent, 61);
}
