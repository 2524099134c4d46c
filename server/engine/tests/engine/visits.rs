//! Stays, and the questions that they raise.

use engine::{Input, input::Rules, outcome::Question};

use crate::timeline::{Timeline, layout};

fn walks(t: &mut Timeline, from: &str, to: &str, from_ms: u64, until_ms: u64) {
    for ms in (from_ms..=until_ms).step_by(1_000) {
        t.at(ms).sight("anna", from, -80).sight("anna", to, -55);
    }
}

fn zones_asked(t: &mut Timeline) -> Vec<String> {
    let questions = std::mem::take(&mut t.news.questions);
    let zone = |question| match question {
        Question::Match { moment, .. } => moment.zone.to_string(),
        Question::History { .. } => "history".into(),
    };
    questions.into_iter().map(zone).collect()
}

#[test]
fn each_zone_is_asked_about_once_a_visit() {
    let mut t = Timeline::store();
    t.at(0).stays("anna", "door", -60, 5_000);
    walks(&mut t, "door", "shoes", 6_000, 20_000);
    walks(&mut t, "shoes", "door", 21_000, 60_000);
    assert_eq!(zones_asked(&mut t), ["door", "shoes"]);
    let zones: Vec<_> = t
        .told()
        .into_iter()
        .filter(|s| !s.starts_with("nowhere"))
        .collect();
    assert_eq!(zones.len(), 4, "{zones:?}"); // entered, door, shoes, door
}

#[test]
fn a_zone_is_asked_about_again_after_five_minutes_elsewhere() {
    let mut t = Timeline::store();
    t.at(0).stays("anna", "door", -60, 5_000);
    walks(&mut t, "door", "shoes", 6_000, 330_000);
    walks(&mut t, "shoes", "door", 331_000, 350_000);
    assert_eq!(zones_asked(&mut t), ["door", "shoes", "door"]);
}

#[test]
fn each_visit_asks_anew() {
    let mut t = Timeline::store();
    t.at(0).stays("anna", "door", -60, 5_000);
    t.at(200_000).stays("anna", "door", -60, 205_000);
    assert_eq!(zones_asked(&mut t), ["door", "door"]);
    t.expect(&[
        "entered 0",
        "door 0",
        "left 5000",
        "entered 200000",
        "door 200000",
    ]);
}

#[test]
fn a_zone_that_leaves_the_layout_leaves_the_belief() {
    let mut t = Timeline::store();
    t.at(0)
        .stays("anna", "bags", -60, 5_000)
        .expect(&["entered 0", "bags 0"]);
    t.input(&Input::Layout(layout(&["door", "shoes"], Rules::default())));
    t.at(6_000)
        .sight("anna", "bags", -60)
        .sight("anna", "shoes", -62);
    assert_eq!(t.news.refused.unknown_anchor, 1);
    t.at(7_000)
        .stays("anna", "shoes", -62, 12_000)
        .expect(&["shoes 6000"]);
}

#[test]
fn a_crowd_past_the_bound_sheds_who_was_heard_longest_ago() {
    let mut t = Timeline::store();
    t.at(0).sight("anna", "door", -60).told();
    for n in 0..engine::CUSTOMERS_MAX {
        if n % 10_000 == 0 {
            t.at_without_ticks(1_000 + n as u64 / 10);
        }
        t.sight(&format!("c{n}"), "door", -85);
    }
    assert!(t.engine.followed() <= engine::CUSTOMERS_MAX);
    assert_eq!(t.news.refused.shed, 781); // a 64th at once
    t.expect(&[]); // anna is in a visit: others go first
    assert_eq!(t.engine.present(), 1);
}
