//! Where she is, as the filter believes it: timelines, and what holds for any inputs.

use engine::presence::{
    confidence::Confidence,
    filter::{Answer, Filter, Heard, Scratch},
    geometry::{self, Air, Patch, Spot, plan},
    model::{Model, OUTSIDE, Settings},
    names::{Named, named},
};
use proptest::prelude::*;
use protocol::{CustomerId, RadioId};

use crate::timeline::ZERO_MS;

/// Four zones in a row, an anchor in each; the door is in the first.
fn row() -> Model {
    row_with(Settings::default())
}

fn row_with(settings: Settings) -> Model {
    let anchors = [0, 1, 2, 3].map(|zone| Named {
        zone,
        edge_dbm: -70.0,
    });
    named(settings, 4, &anchors, |a, b| a.abs_diff(b) == 1).unwrap()
}

fn radio(n: u8) -> RadioId {
    RadioId(CustomerId::at(u64::from(n), [n; 10]).0)
}

struct Person {
    model: Model,
    filter: Filter,
    scratch: Scratch,
}

impl Person {
    fn new(model: Model) -> Self {
        Self {
            filter: Filter::new(&model, ZERO_MS),
            model,
            scratch: Scratch::default(),
        }
    }

    fn hear(&mut self, at_ms: u64, radio: RadioId, anchor: u16, rssi_dbm: f32) -> &mut Self {
        let heard = Heard {
            radio,
            anchor,
            at_ms: ZERO_MS + at_ms,
            rssi_dbm,
        };
        self.filter.hear(&self.model, &heard, &mut self.scratch);
        self
    }

    fn at(&mut self, at_ms: u64) -> Answer {
        self.filter
            .answer(&self.model, ZERO_MS + at_ms, &mut self.scratch)
    }

    /// Second by second from `from_s` to before `to_s` in a zone, as all anchors hear it.
    fn stand(&mut self, zone: u16, from_s: u64, to_s: u64, offset_db: f32) -> Answer {
        for s in from_s..to_s {
            for anchor in 0..4_u16 {
                let rssi_dbm = [-66.0, -76.0, -84.0, -84.0][usize::from(zone.abs_diff(anchor))];
                self.hear(s * 1_000 + 500, radio(1), anchor, rssi_dbm + offset_db);
            }
        }
        self.at(to_s * 1_000)
    }
}

#[test]
fn nobody_who_was_never_heard_is_in_a_zone() {
    let mut p = Person::new(row());
    let answer = p.at(60_000);
    assert_eq!((answer.zone, answer.said), (None, None));
}

#[test]
fn who_is_heard_in_a_zone_is_said_to_be_there() {
    let mut p = Person::new(row());
    let answer = p.stand(2, 0, 10, 0.0);
    assert_eq!(answer.said, Some(2), "{answer:?}");
    assert!(answer.p >= 0.9, "{answer:?}");
}

#[test]
fn who_walks_on_is_said_to_be_in_the_next_zone_since_she_most_likely_was() {
    let mut p = Person::new(row());
    p.stand(1, 0, 20, 0.0);
    let mut since_ms = 0;
    for s in 20..40 {
        let answer = p.stand(2, s, s + 1, 0.0);
        if answer.said == Some(2) {
            since_ms = answer.since_ms;
            break;
        }
    }
    let since_ms = since_ms - ZERO_MS;
    assert!((20_000..=24_000).contains(&since_ms), "{since_ms}");
}

#[test]
fn one_strong_flash_from_next_door_moves_nobody() {
    let mut p = Person::new(row());
    p.stand(1, 0, 20, 0.0);
    p.hear(20_100, radio(1), 2, -60.0);
    assert_eq!(p.at(20_200).said, Some(1));
}

#[test]
fn a_weak_phone_teaches_its_offset() {
    let mut p = Person::new(row());
    let answer = p.stand(1, 0, 60, -10.0);
    assert_eq!(answer.said, Some(1));
    let (offset_db, sigma_db) = p.filter.offset_db(radio(1)).unwrap();
    assert!((-12.0..-6.0).contains(&offset_db), "{offset_db}");
    assert!(sigma_db < 2.0, "{sigma_db}");
}

#[test]
fn silence_where_everything_was_heard_is_an_exit() {
    let mut p = Person::new(row());
    p.stand(0, 0, 60, 0.0);
    assert_eq!(p.at(62_000).said, Some(0), "two seconds are nothing");
    assert_eq!(p.at(90_000).zone, None);
}

#[test]
fn the_silence_of_deaf_anchors_says_nothing() {
    // Anchors fall away one by one, and those that are left hear her as before.
    let mut p = Person::new(row());
    p.stand(1, 0, 60, 0.0);
    for deaf in 1..=4_u16 {
        let from_s = 60 * u64::from(deaf);
        let all: Vec<u16> = (0..deaf).collect();
        p.model.set_deaf(&all, ZERO_MS + from_s * 1_000);
        for s in from_s..from_s + 60 {
            for anchor in deaf..4 {
                let rssi_dbm = [-66.0, -76.0, -84.0, -84.0][usize::from(anchor.abs_diff(1))];
                p.hear(s * 1_000 + 500, radio(1), anchor, rssi_dbm);
            }
        }
        let answer = p.at((from_s + 60) * 1_000);
        assert_eq!(answer.zone, Some(1), "{deaf} deaf: {answer:?}");
    }
}

#[test]
fn once_they_listen_again_silence_counts_again() {
    let mut p = Person::new(row());
    p.stand(1, 0, 60, 0.0);
    p.model.set_deaf(&[0, 1, 2, 3], ZERO_MS + 60_000);
    p.model.set_deaf(&[], ZERO_MS + 120_000);
    assert_eq!(p.at(120_000).zone, Some(1), "nobody listened");
    assert_eq!(p.at(160_000).zone, None);
}

#[test]
fn it_does_not_matter_when_a_filter_is_looked_at_while_anchors_fall_deaf() {
    let (mut often, mut seldom) = (Person::new(row()), Person::new(row()));
    for p in [&mut often, &mut seldom] {
        p.stand(1, 0, 20, 0.0);
    }
    for s in 20..80 {
        for p in [&mut often, &mut seldom] {
            if s % 10 == 0 {
                let deaf: Vec<u16> = (0..s as u16 / 10 % 4).collect();
                p.model.set_deaf(&deaf, ZERO_MS + s * 1_000);
            }
        }
        often.at(s * 1_000);
    }
    let (often, seldom) = (often.at(80_000), seldom.at(80_000));
    assert_eq!(often.log_odds.to_bits(), seldom.log_odds.to_bits());
}

#[test]
fn a_quiet_radio_is_given_more_time_than_a_busy_one() {
    let left_after_s = |every_s: usize| {
        let mut p = Person::new(row());
        for s in (0..300).step_by(every_s) {
            p.hear(s as u64 * 1_000, radio(1), 0, -66.0);
            p.hear(s as u64 * 1_000, radio(1), 1, -76.0);
        }
        (300..900).find(|s| p.at(s * 1_000).zone.is_none()).unwrap() - 300
    };
    let (busy_s, quiet_s) = (left_after_s(1), left_after_s(10));
    assert!(quiet_s > 2 * busy_s, "{busy_s} s and {quiet_s} s");
}

#[test]
fn two_radios_are_one_presence() {
    let mut p = Person::new(row());
    for s in 0..10 {
        p.hear(s * 1_000, radio(1), 3, -66.0);
        p.hear(s * 1_000, radio(2), 2, -76.0);
    }
    assert_eq!(p.at(10_000).said, Some(3));
}

#[test]
fn who_says_where_she_is_is_there() {
    let mut p = Person::new(row());
    p.filter
        .be_certain(&p.model, 1, ZERO_MS + 500, &mut p.scratch);
    assert_eq!(p.at(1_000).said, Some(1));
}

#[test]
fn time_does_not_run_back() {
    let mut p = Person::new(row());
    p.stand(1, 0, 20, 0.0);
    let before = p.filter.clone();
    p.at(5_000);
    assert_eq!(p.filter.belief(), before.belief());
}

#[test]
fn a_plan_tells_the_near_patch_from_the_far_one() {
    let patch = |zone: u16| Patch {
        zone,
        x_m: 5.0 + 10.0 * f32::from(zone),
        y_m: 4.0,
        wide_m: 10.0,
        deep_m: 8.0,
        door: zone == 0,
    };
    let spot = |zone: u16| Spot {
        x_m: 5.0 + 10.0 * f32::from(zone),
        y_m: 4.0,
        offset_db: 0.0,
        in_street: false,
    };
    let air = Air::default();
    let model = plan(
        Settings::default(),
        &air,
        &[0, 1, 2].map(patch),
        &[0, 2].map(spot),
    )
    .unwrap();
    let mut p = Person::new(model);
    for s in 0..20 {
        p.hear(s * 1_000, radio(1), 0, air.level_dbm(20.0));
        p.hear(s * 1_000, radio(1), 1, air.level_dbm(3.0));
    }
    assert_eq!(p.at(20_000).said, Some(2));
}

#[test]
fn who_stands_before_the_window_is_in_no_zone_until_she_comes_in() {
    let strip = |zone: u16, y_m: f32, deep_m: f32| Patch {
        zone,
        x_m: 0.0,
        y_m,
        wide_m: 12.0,
        deep_m,
        door: zone != 1,
    };
    let gateway = Spot {
        x_m: 0.0,
        y_m: 2.0,
        offset_db: 0.0,
        in_street: false,
    };
    let air = Air::default();
    let patches = [
        strip(0, 2.0, 4.0),
        strip(1, 6.0, 4.0),
        strip(OUTSIDE, -4.0, 8.0),
    ];
    let model = plan(geometry::settings(), &air, &patches, &[gateway]).unwrap();
    let mut p = Person::new(model);
    for s in 0..60 {
        p.hear(s * 1_000, radio(1), 0, air.level_dbm(8.0));
        assert_eq!(p.at(s * 1_000 + 500).said, None, "after {s} s");
    }
    for s in 60..70 {
        p.hear(s * 1_000, radio(1), 0, air.level_dbm(1.0));
    }
    assert_eq!(p.at(70_000).zone, Some(0));
}

#[test]
fn what_the_floor_cuts_off_does_not_make_a_weak_phone_look_strong() {
    // Three zones in a row, a gateway in the first alone; she stands in the third, 20 m away, and of
    // a weak phone only the strongest moments come through, hardly above the floor.
    let row = [0.0, 10.0, 20.0].map(|x_m| Patch {
        zone: (x_m / 10.0) as u16,
        x_m,
        y_m: 0.0,
        wide_m: 10.0,
        deep_m: 8.0,
        door: x_m == 0.0,
    });
    let gateway = Spot {
        x_m: 0.0,
        y_m: 0.0,
        offset_db: 0.0,
        in_street: false,
    };
    let air = Air {
        at_1m_dbm: -68.0,
        ..Air::default()
    };
    let model = plan(geometry::settings(), &air, &row, &[gateway]).unwrap();
    let mut p = Person::new(model);
    for s in (0..200).step_by(5) {
        p.filter
            .be_certain(&p.model, 2, ZERO_MS + s * 1_000, &mut p.scratch);
        p.hear(s * 1_000 + 1, radio(1), 0, air.floor_dbm + 1.0);
    }
    let (offset_db, sigma_db) = p.filter.offset_db(radio(1)).unwrap();
    assert!(offset_db < 0.0, "{offset_db}");
    assert!(sigma_db > 2.0, "as good as nothing was learned: {sigma_db}");
}

#[test]
fn a_shadow_that_stands_still_says_less_and_less() {
    // For 10 s a neighbour's anchor is 3 dB stronger than hers: one shadow, not ten reasons.
    let after_10_s = |fresh_ms: u32| {
        let settings = Settings {
            fresh_ms,
            ..Settings::default()
        };
        let mut p = Person::new(row_with(settings));
        for s in 0..10 {
            p.hear(s * 1_000, radio(1), 1, -72.0);
            p.hear(s * 1_000, radio(1), 2, -69.0);
        }
        p.at(10_000).log_odds
    };
    let (each, shared) = (after_10_s(1_000), after_10_s(10_000));
    assert!(shared < each / 2.0, "{shared} and {each}");
}

#[test]
fn confidence_says_what_came_true() {
    let answers: Vec<(f32, bool)> = (0..2_000)
        .map(|n| {
            (
                if n % 2 == 0 { 1.0 } else { 6.0 },
                n % 20 != 1 && n % 4 != 0,
            )
        })
        .collect();
    let confidence = Confidence::learn(&answers);
    assert!(
        (confidence.p(1.0) - 0.5).abs() < 0.05,
        "{}",
        confidence.p(1.0)
    );
    assert!(
        (confidence.p(6.0) - 0.9).abs() < 0.05,
        "{}",
        confidence.p(6.0)
    );
}

fn sightings() -> impl Strategy<Value = Vec<(u64, u8, u16, i8)>> {
    let one = (
        prop_oneof![9 => 0..2_000_u64, 1 => 0..200_000_u64],
        0..6_u8,
        0..5_u16,
        -100..-20_i8,
    );
    prop::collection::vec(one, 0..80)
}

fn play(p: &mut Person, from_ms: &mut u64, heard: &[(u64, u8, u16, i8)]) -> Vec<(u32, u32)> {
    let mut answers = Vec::new();
    for &(gap_ms, who, anchor, rssi_dbm) in heard {
        *from_ms += gap_ms;
        // Some come late.
        let at_ms = from_ms.saturating_sub(u64::from(who) * 300);
        p.hear(at_ms, radio(who), anchor, f32::from(rssi_dbm));
        let answer = p.at(*from_ms);
        answers.push((answer.p.to_bits(), answer.log_odds.to_bits()));
    }
    answers
}

proptest! {
    #[test]
    fn probabilities_sum_to_one(heard in sightings()) {
        let mut p = Person::new(row());
        let mut now_ms = 0;
        for one in heard {
            play(&mut p, &mut now_ms, &[one]);
            let sum: f32 = p.filter.belief().iter().sum();
            prop_assert!((sum - 1.0).abs() < 1e-4, "{sum}");
            prop_assert!(p.filter.belief().iter().all(|share| (0.0..=1.0001).contains(share)));
        }
    }

    #[test]
    fn same_inputs_give_the_same_bits_and_a_restart_changes_none(
        heard in sightings(),
        cut in 0..80_usize,
        deaf in prop::collection::vec((0..100_000_u64, 0..4_u16), 0..4),
        nobody_walked: bool,
    ) {
        let settings = if nobody_walked { geometry::settings() } else { Settings::default() };
        let mut model = row_with(settings);
        for (since_ms, anchor) in deaf {
            model.set_deaf(&[anchor], ZERO_MS + since_ms);
        }
        let (mut whole, mut cut_up) = (Person::new(model.clone()), Person::new(model));
        let all = play(&mut whole, &mut 0, &heard);
        let (before, after) = heard.split_at(cut.min(heard.len()));
        let mut now_ms = 0;
        let mut parts = play(&mut cut_up, &mut now_ms, before);
        let json = serde_json::to_string(&cut_up.filter).unwrap();
        cut_up.filter = serde_json::from_str(&json).unwrap();
        parts.extend(play(&mut cut_up, &mut now_ms, after));
        prop_assert_eq!(all, parts);
    }
}
