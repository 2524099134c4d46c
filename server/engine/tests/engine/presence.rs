//! When somebody counts as in, where, and when as gone.

use crate::timeline::{Timeline, ZERO_MS};
use engine::Observation;

#[test]
fn a_phone_at_the_door_is_in_with_its_second_window() {
    let mut t = Timeline::store();
    t.at(0).sight("anna", "door", -68).expect(&[]);
    t.at(1_000).sight("anna", "door", -66);
    t.expect(&["entered 0", "door 0"]);
    assert_eq!(t.engine.present(), 1);
}

#[test]
fn six_decibels_above_the_threshold_are_enough_at_once() {
    let mut t = Timeline::store();
    t.at(0)
        .sight("anna", "door", -64)
        .expect(&["entered 0", "door 0"]);
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
    t.expect(&["entered 5000", "door 5000"]);
    t.at(7_000).stays("anna", "door", -78, 30_000).expect(&[]);
}

#[test]
fn one_second_six_decibels_above_is_in_whatever_was_heard_before() {
    let mut t = Timeline::store();
    t.at(0).sight("anna", "door", -85);
    t.at(1_000).sight("anna", "door", -82);
    t.at(2_000).sight("anna", "door", -63);
    t.expect(&["entered 2000", "door 2000"]);
}

#[test]
fn a_visit_begins_with_the_first_sighting_of_that_approach() {
    let mut t = Timeline::store();
    t.at(0).sight("anna", "door", -69); // by the window, then away
    t.at(15_000).sight("anna", "door", -80);
    t.at(16_000).sight("anna", "door", -69);
    t.at(17_000).sight("anna", "door", -64);
    t.at(18_000).sight("anna", "door", -60);
    t.expect(&["entered 16000", "door 16000"]);
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
    t.expect(&["entered 0", "door 0"]);
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
fn silence_while_the_server_was_down_splits_no_visit() {
    let mut t = Timeline::store();
    t.at(0).stays("anna", "door", -60, 30_000);
    t.at_without_ticks(90_000);
    t.sight_heard_at(50_000, "anna", "door", -61)
        .sight_heard_at(88_000, "anna", "door", -61);
    t.at(100_000).expect(&["entered 0", "door 0"]);
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
    for ms in (6_000..=12_000).step_by(1_000) {
        t.at(ms)
            .sight("anna", "door", -72)
            .sight("anna", "shoes", -62);
    }
    let told = t.told();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with("shoes "), "{told:?}");
}

#[test]
fn a_lead_of_three_decibels_never_moves_her() {
    let mut t = Timeline::store();
    t.at(0).stays("anna", "door", -60, 5_000).told();
    for ms in (6_000..=120_000).step_by(1_000) {
        t.at(ms)
            .sight("anna", "door", -65)
            .sight("anna", "shoes", -62);
    }
    t.expect(&[]);
}

#[test]
fn an_anchor_that_no_longer_hears_her_fades_out() {
    let mut t = Timeline::store();
    t.at(0).stays("anna", "door", -50, 5_000).told();
    t.at(6_000).stays("anna", "shoes", -69, 40_000); // weaker than the door ever was
    let told = t.told();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with("shoes "), "{told:?}");
}

#[test]
fn phone_and_fob_are_one_presence() {
    let mut t = Timeline::store();
    t.at(0).radio(0).sight("anna", "door", -60);
    t.radio(1).sight("anna", "door", -85).told();
    for ms in (1_000..=60_000).step_by(1_000) {
        let radio = u128::from(ms % 2_000 == 0);
        t.at(ms)
            .radio(radio)
            .sight("anna", "door", if radio == 0 { -60 } else { -85 });
    }
    t.expect(&[]); // the fob in her bag neither moves her nor sends her out
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
        .expect(&["entered 60000", "door 60000"]);
    assert_eq!(t.news.refused.implausible, 0);
}
