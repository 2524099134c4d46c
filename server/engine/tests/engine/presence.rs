//! When somebody counts as in, where, and when as gone.

use crate::timeline::{Timeline, ZERO_MS};
use engine::{
    Observation,
    outcome::{Because, VisitChange, Why},
};

#[test]
fn a_phone_at_the_door_is_in_with_its_second_window() {
    let mut t = Timeline::store();
    t.at(0).sight("anna", "door", -68).expect(&[]);
    t.at(1_000).sight("anna", "door", -66);
    t.expect(&["entered 0"]); // and not yet sure where
    assert_eq!(t.engine.present(), 1);
}

#[test]
fn six_decibels_above_the_threshold_are_enough_at_once() {
    let mut t = Timeline::store();
    t.at(0).sight("anna", "door", -64).expect(&["entered 0"]);
}

#[test]
fn a_zone_is_said_once_it_is_likely_enough_and_dated_back_to_when_it_began_to_lead() {
    let mut t = Timeline::store();
    t.at(0).sight("anna", "door", -64).expect(&["entered 0"]);
    t.at(1_000)
        .stays("anna", "door", -64, 6_000)
        .expect(&["door 0"]);
}

#[test]
fn a_passer_by_outside_the_window_is_not_in() {
    let mut t = Timeline::store();
    t.at(0).stays("anna", "door", -78, 30_000);
    t.sight("anna", "door", -69); // one reflection is no entry
    t.stays("anna", "door", -78, 60_000).expect(&[]);
}

#[test]
fn two_strong_seconds_in_the_doorway_are_in_though_the_body_hides_the_phone_after() {
    // As a simulated phone in a back pocket was heard: 70 dBm is the threshold.
    let mut t = Timeline::store();
    for (second, rssi_dbm) in [-80, -78, -76, -75, -72, -64, -70].into_iter().enumerate() {
        t.at(1_000 * second as u64).sight("anna", "door", rssi_dbm);
    }
    t.expect(&["entered 5000"]);
    t.at(7_000)
        .stays("anna", "door", -78, 30_000)
        .expect(&["door 5000"]);
}

#[test]
fn one_second_six_decibels_above_is_in_whatever_was_heard_before() {
    let mut t = Timeline::store();
    t.at(0).sight("anna", "door", -85);
    t.at(1_000).sight("anna", "door", -82);
    t.at(2_000).sight("anna", "door", -63);
    t.expect(&["entered 2000"]);
}

#[test]
fn a_visit_begins_with_the_first_sighting_of_that_approach() {
    let mut t = Timeline::store();
    t.at(0).sight("anna", "door", -69); // by the window, then away
    t.at(15_000).sight("anna", "door", -80);
    t.at(16_000).sight("anna", "door", -69);
    t.at(17_000).sight("anna", "door", -64);
    t.at(18_000).sight("anna", "door", -60);
    t.expect(&["entered 16000"]);
}

#[test]
fn ik_ben_er_needs_no_radio() {
    let mut t = Timeline::store();
    t.at(0)
        .here("anna", "bags")
        .expect(&["entered 0", "bags 0"]);
    t.at(599_000).expect(&[]);
    t.at(601_000).expect(&["left 0"]);
}

#[test]
fn ik_ben_er_outlasts_a_phone_that_falls_silent_in_a_pocket() {
    let mut t = Timeline::store();
    t.at(0)
        .here("anna", "door")
        .stays("anna", "door", -60, 5_000);
    t.at(300_000).expect(&["entered 0", "door 0"]);
    t.at(601_000).expect(&["left 5000"]);
}

#[test]
fn a_weak_radio_does_not_overrule_ik_ben_er() {
    let mut t = Timeline::store();
    t.at(0)
        .here("anna", "door")
        .stays("anna", "door", -90, 60_000);
    t.expect(&["entered 0", "door 0"]);
}

#[test]
fn silence_is_an_exit_dated_back_to_when_she_was_last_heard() {
    let mut t = Timeline::store();
    t.at(0)
        .stays("anna", "door", -60, 60_000)
        .expect(&["entered 0", "door 0"]);
    t.at(79_000).expect(&[]);
    t.at(81_000).expect(&["left 60000"]);
    assert_eq!(t.engine.present(), 0);
}

#[test]
fn who_is_heard_seldom_may_be_silent_for_longer() {
    let mut t = Timeline::store();
    for ms in (0..=600_000).step_by(15_000) {
        t.at(ms).sight("anna", "door", -60);
    }
    assert_eq!(t.told()[0], "entered 0");
    t.at(700_000).expect(&[]); // eight gaps of nearly 15 s
    t.at(725_000).expect(&["left 600000"]);
}

#[test]
fn no_silence_is_longer_than_ten_minutes() {
    let mut t = Timeline::store();
    for ms in (0..=9_000_000).step_by(300_000) {
        t.at_without_ticks(ms).sight("anna", "door", -60);
    }
    t.told();
    t.at(9_590_000).expect(&[]);
    t.at(9_601_000).expect(&["left 9000000"]);
}

#[test]
fn heard_only_far_outside_for_ten_seconds_is_gone() {
    let mut t = Timeline::store();
    t.at(0)
        .stays("anna", "door", -60, 30_000)
        .expect(&["entered 0", "door 0"]);
    t.at(31_000).stays("anna", "door", -95, 50_000);
    let told = t.told();
    assert_eq!(told.len(), 1);
    assert!(
        told[0] == "left 31000" || told[0] == "left 32000",
        "{told:?}"
    );
}

#[test]
fn silence_while_the_server_was_down_loses_the_zone_and_splits_no_visit() {
    let mut t = Timeline::store();
    t.at(0).stays("anna", "door", -60, 30_000);
    t.at_without_ticks(90_000);
    t.sight_heard_at(50_000, "anna", "door", -61)
        .sight_heard_at(88_000, "anna", "door", -61);
    t.at(100_000)
        .expect(&["entered 0", "door 0", "nowhere 50000"]);
}

#[test]
fn a_straggler_of_the_visit_that_is_over_begins_no_other() {
    let mut t = Timeline::store();
    t.at(0).stays("anna", "door", -60, 30_000).at(60_000);
    t.told();
    t.sight_heard_at(29_500, "anna", "door", -50).expect(&[]);
}

#[test]
fn a_straggler_from_before_moves_the_beginning() {
    let mut t = Timeline::store();
    t.at(10_000)
        .stays("anna", "door", -60, 12_000)
        .expect(&["entered 10000", "door 10000"]);
    t.sight_heard_at(8_000, "anna", "door", -60)
        .expect(&["revised 8000.."]);
}

#[test]
fn the_zone_changes_once_the_lead_has_lasted() {
    let mut t = Timeline::store();
    t.at(0)
        .stays("anna", "door", -60, 5_000)
        .expect(&["entered 0", "door 0"]);
    for ms in (6_000..=20_000).step_by(1_000) {
        t.at(ms)
            .sight("anna", "door", -72)
            .sight("anna", "shoes", -62);
    }
    let told = t.told();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].starts_with("nowhere "), "{told:?}");
    assert!(told[1].starts_with("shoes "), "{told:?}");
}

#[test]
fn between_two_zones_that_hear_her_alike_neither_is_said() {
    let mut t = Timeline::store();
    t.at(0).stays("anna", "door", -60, 5_000).told();
    for ms in (6_000..=120_000).step_by(1_000) {
        t.at(ms)
            .sight("anna", "door", -64)
            .sight("anna", "shoes", -64);
    }
    let told = t.told();
    assert!(told.iter().all(|s| s.starts_with("nowhere ")), "{told:?}");
}

#[test]
fn an_anchor_that_no_longer_hears_her_fades_out() {
    let mut t = Timeline::store();
    t.at(0).stays("anna", "door", -50, 5_000).told();
    t.at(6_000).stays("anna", "shoes", -69, 40_000); // weaker than the door ever was
    let told = t.told();
    assert!(told[0].starts_with("nowhere "), "{told:?}");
    assert!(told[1].starts_with("shoes "), "{told:?}");
}

#[test]
fn phone_and_fob_are_one_presence() {
    let mut t = Timeline::store();
    t.at(0).radio(0).sight("anna", "door", -60);
    t.radio(1).sight("anna", "door", -85).expect(&["entered 0"]);
    for ms in (1_000..=60_000).step_by(1_000) {
        let radio = u128::from(ms % 2_000 == 0);
        t.at(ms)
            .radio(radio)
            .sight("anna", "door", if radio == 0 { -60 } else { -85 });
    }
    t.expect(&["door 0"]); // the fob in her bag neither moves her nor sends her out
    assert_eq!(t.engine.present(), 1);
}

#[test]
fn what_cannot_be_is_counted_and_not_used() {
    let mut t = Timeline::store();
    t.at(0)
        .sight("anna", "door", -19)
        .sight("anna", "attic", -60);
    let seen = t.observation("anna", "door", -60);
    let ahead = Observation {
        heard_last_ms: ZERO_MS + 2_001,
        ..seen
    };
    t.hear(&[ahead]).expect(&[]);
    assert_eq!(t.news.refused.implausible, 2);
    assert_eq!(t.news.refused.unknown_anchor, 1);
    assert_eq!(t.engine.followed(), 0);
}

#[test]
fn who_is_not_in_and_not_heard_is_soon_not_followed() {
    let mut t = Timeline::store();
    t.at(0).sight("anna", "door", -80);
    assert_eq!(t.engine.followed(), 1);
    t.at(121_000);
    assert_eq!(t.engine.followed(), 0);
    assert_eq!(t.engine.due_at(), None);
}

#[test]
fn a_clock_that_runs_backwards_stands_still() {
    let mut t = Timeline::store();
    t.at(60_000).sight("anna", "door", -60);
    t.now_ms = ZERO_MS;
    t.sight_heard_at(60_000, "anna", "door", -60)
        .expect(&["entered 60000"]);
    assert_eq!(t.news.refused.implausible, 0);
}

#[test]
fn nobody_leaves_while_the_gateway_that_heard_her_is_away() {
    let mut t = Timeline::store();
    t.at(0).stays("anna", "door", -60, 30_000).told();
    t.deaf(&["door"]);
    t.at(200_000).expect(&[]);
    t.deaf(&[]);
    t.at(201_000).stays("anna", "door", -60, 210_000);
    let told = t.told();
    assert!(!told.iter().any(|s| s.starts_with("left")), "{told:?}");
}

#[test]
fn who_left_while_the_gateway_was_away_is_gone_soon_after_it_is_back() {
    let mut t = Timeline::store();
    t.at(0).stays("anna", "door", -60, 30_000).told();
    t.deaf(&["door"]).at(60_000);
    t.deaf(&[]).at(79_000).expect(&[]);
    t.at(81_000).expect(&["left 30000"]);
}

#[test]
fn a_gateway_that_never_comes_back_keeps_nobody_for_longer_than_ten_minutes() {
    let mut t = Timeline::store();
    t.at(0).stays("anna", "door", -60, 30_000).told();
    t.deaf(&["door"]).at(629_000).expect(&[]);
    t.at(631_000).expect(&["left 30000"]);
}

#[test]
fn a_gateway_that_did_not_hear_her_may_go_without_keeping_her() {
    let mut t = Timeline::store();
    t.at(0).stays("anna", "door", -60, 30_000).told();
    t.deaf(&["bags"]).at(51_000).expect(&["left 30000"]);
}

#[test]
fn every_change_says_why() {
    let mut t = Timeline::store();
    t.at(0).stays("anna", "door", -60, 10_000).at(60_000);
    let whys: Vec<_> = t
        .news
        .visits
        .iter()
        .map(|change| why(change).clone())
        .collect();
    let because: Vec<_> = whys.iter().map(|why| why.because).collect();
    assert_eq!(because, [Because::Radio, Because::Radio, Because::Silence]);
    assert_eq!(whys[1].zones[0].0.as_str(), "door");
    assert!(whys[1].zones[0].1 >= 0.9);
    let heard = &whys[2].heard[0];
    assert_eq!((heard.anchor.as_str(), heard.rssi_dbm), ("door", -60));
    assert!(heard.ago_ms >= 20_000, "{heard:?}");
}

fn why(change: &VisitChange) -> &Why {
    match change {
        VisitChange::Entered { why, .. }
        | VisitChange::ZoneEntered { why, .. }
        | VisitChange::ZoneLost { why, .. }
        | VisitChange::Left { why, .. } => why,
        other => panic!("{other:?} says nothing"),
    }
}
