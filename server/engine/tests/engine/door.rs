//! Who is in, where a plan shows the street; and how labels make the engine more cautious.

use engine::{
    Input,
    input::{Layout, OrderState, Place, Rules, Surveyed, TapAction},
    outcome::TapAnswer,
};

use crate::timeline::{Timeline, drawn, layout};

/// As the three anchors hear somebody in these places: door, shoes, bags.
const STREET: [i8; 3] = [-88, -93, -95];
const DOORWAY: [i8; 3] = [-76, -87, -90];
const ENTRANCE: [i8; 3] = [-70, -82, -84];
const BAGS: [i8; 3] = [-86, -86, -76];

/// Second by second heard like this, to before `until_s`; weaker than -92 is not heard.
fn walks(t: &mut Timeline, levels: [i8; 3], until_s: u64) {
    let from_s = (t.now_ms - crate::timeline::ZERO_MS).div_ceil(1_000);
    for s in from_s..until_s {
        t.at(s * 1_000);
        for (anchor, rssi_dbm) in ["door", "shoes", "bags"].into_iter().zip(levels) {
            if rssi_dbm >= -92 {
                t.sight("anna", anchor, rssi_dbm);
            }
        }
    }
}

#[test]
fn who_walks_in_is_in_within_seconds() {
    let mut t = Timeline::drawn();
    walks(&mut t, STREET, 10);
    t.expect(&[]);
    walks(&mut t, DOORWAY, 12);
    walks(&mut t, ENTRANCE, 15);
    let told = t.told();
    assert!(told[0].starts_with("entered 1"), "{told:?}");
}

#[test]
fn who_stands_before_the_window_is_not_in() {
    let mut t = Timeline::drawn();
    walks(&mut t, STREET, 120);
    t.expect(&[]);
}

/// Right before the window, with a loud phone.
const AT_WINDOW: [i8; 3] = [-72, -84, -87];

/// With one antenna more, which hangs outside above the door.
fn on_both_sides() -> Timeline {
    let mut layout = drawn();
    let mut front = layout.anchors[&"door".parse().unwrap()].clone();
    front.place = Some(Place {
        x_cm: 500,
        y_cm: -50,
    });
    layout.anchors.insert("front".parse().unwrap(), front);
    let mut t = Timeline::store();
    t.input(&Input::Layout(layout));
    t
}

#[test]
fn an_antenna_outside_tells_a_loud_phone_before_the_window_from_one_inside() {
    let mut without = Timeline::drawn();
    walks(&mut without, AT_WINDOW, 10);
    assert!(without.told()[0].starts_with("entered"), "it is loud");

    let mut t = on_both_sides();
    for s in 0..60 {
        t.at(s * 1_000).sight("anna", "front", -58);
        walks(&mut t, AT_WINDOW, s + 1);
    }
    t.expect(&[]);
    for s in 60..66 {
        t.at(s * 1_000).sight("anna", "front", -82);
        walks(&mut t, ENTRANCE, s + 1);
    }
    assert!(t.told()[0].starts_with("entered"), "she went in");
}

#[test]
fn silence_of_a_radio_that_is_heard_seldom_is_no_exit() {
    let mut t = Timeline::drawn();
    for s in (0..60).step_by(5) {
        t.at(s * 1_000)
            .sight("anna", "door", -70)
            .sight("anna", "shoes", -82);
    }
    for s in (60..180).step_by(6) {
        t.at(s * 1_000).sight("anna", "bags", -84);
    }
    t.told();
    t.at(215_000).sight("anna", "bags", -84);
    let told = t.told();
    assert!(!told.iter().any(|s| s.starts_with("left")), "{told:?}");
}

#[test]
fn silence_after_the_door_is_one() {
    let mut t = goes_out();
    t.at(120_000);
    let told = t.told();
    assert_eq!(told.len(), 1, "{told:?}");
    let left_ms: u64 = told[0].strip_prefix("left ").unwrap().parse().unwrap();
    assert!((69_000..=76_000).contains(&left_ms), "{told:?}");
}

#[test]
fn nobody_is_kept_for_more_than_ten_minutes_of_silence() {
    let mut t = Timeline::drawn();
    walks(&mut t, ENTRANCE, 10);
    walks(&mut t, BAGS, 60);
    t.told();
    t.at(665_000);
    assert!(t.told().iter().any(|s| s.starts_with("left")));
}

#[test]
fn a_gateway_at_the_door_that_is_away_sends_nobody_out() {
    let mut t = Timeline::drawn();
    walks(&mut t, ENTRANCE, 60);
    t.told();
    t.deaf(&["door", "shoes", "bags"]).at(200_000);
    t.deaf(&[]);
    walks(&mut t, ENTRANCE, 210);
    let told = t.told();
    assert!(!told.iter().any(|s| s.starts_with("left")), "{told:?}");
}

/// She was in, and goes out by the door; the last word of her is at 79 s.
fn goes_out() -> Timeline {
    let mut t = Timeline::drawn();
    walks(&mut t, ENTRANCE, 10);
    walks(&mut t, BAGS, 60);
    walks(&mut t, ENTRANCE, 70);
    walks(&mut t, DOORWAY, 72);
    walks(&mut t, STREET, 80);
    t.told();
    t
}

/// When the engine first says that she left; looked at once a second.
fn says_left_s(t: &mut Timeline, until_s: u64) -> Option<u64> {
    let from_s = (t.now_ms - crate::timeline::ZERO_MS).div_ceil(1_000);
    (from_s..until_s).find(|s| {
        t.at(s * 1_000);
        t.told().iter().any(|told| told.starts_with("left"))
    })
}

#[test]
fn who_goes_out_as_the_gateways_go_away_is_out_once_they_listened_again() {
    let with_ears = says_left_s(&mut goes_out(), 200).unwrap();
    assert!((80..110).contains(&with_ears), "{with_ears}");
    let mut t = goes_out();
    t.at((with_ears - 1) * 1_000);
    t.deaf(&["door", "shoes", "bags"]);
    assert_eq!(says_left_s(&mut t, 300), None);
    t.deaf(&[]);
    let left_s = says_left_s(&mut t, 400).unwrap();
    assert!((319..=325).contains(&left_s), "{left_s}");
}

#[test]
fn gateways_that_never_come_back_keep_nobody_for_longer_than_ten_minutes() {
    let mut t = Timeline::drawn();
    walks(&mut t, ENTRANCE, 10);
    walks(&mut t, BAGS, 60);
    t.told();
    t.deaf(&["door", "shoes", "bags"]);
    let left_s = says_left_s(&mut t, 700).unwrap();
    assert!((659..=665).contains(&left_s), "{left_s}");
}

#[test]
fn who_is_in_when_the_plan_is_drawn_stays_in() {
    let mut t = Timeline::store();
    walks(&mut t, [-60, -72, -74], 20);
    t.told();
    t.input(&Input::Layout(crate::timeline::drawn()));
    walks(&mut t, ENTRANCE, 60);
    let told = t.told();
    assert!(!told.iter().any(|s| s.starts_with("left")), "{told:?}");
    assert_eq!(t.engine.present(), 1);
}

/// How strongly somebody must be heard at the door, at once, to be taken in.
fn threshold_dbm(t: &Timeline) -> i8 {
    let enters = |rssi_dbm: &i8| {
        let mut engine = t.engine.clone();
        let seen = t.observation("zoe", "door", *rssi_dbm);
        let input = Input::Sightings {
            sightings: vec![seen],
        };
        !engine.step(t.now_ms, &input).visits.is_empty()
    };
    (-90..-20).find(enters).unwrap()
}

fn not_here(t: &mut Timeline) {
    t.at(0).order("anna", 1, OrderState::Ready);
    t.stays("anna", "door", -50, 2_000);
    assert_eq!(t.tap("piet", TapAction::NotHere), TapAnswer::Done);
}

#[test]
fn who_was_not_here_makes_the_door_stricter() {
    let mut t = Timeline::store();
    let before_dbm = threshold_dbm(&t);
    not_here(&mut t);
    assert_eq!(threshold_dbm(&t), before_dbm + 3); // 2.2 dB, in whole ones
}

#[test]
fn no_row_of_labels_closes_the_door() {
    let mut t = Timeline::store();
    let before_dbm = threshold_dbm(&t);
    for n in 0..50 {
        let who = format!("who-{n}");
        t.order(&who, n, OrderState::Ready);
        let from_ms = t.now_ms - crate::timeline::ZERO_MS;
        t.stays(&who, "door", -50, from_ms + 2_000);
        assert_eq!(t.tap("piet", TapAction::NotHere), TapAnswer::Done);
    }
    assert_eq!(threshold_dbm(&t), before_dbm + 18);
}

#[test]
fn an_arrival_is_one_label_however_often_she_is_looked_for() {
    let mut t = Timeline::store();
    not_here(&mut t);
    let once_dbm = threshold_dbm(&t);
    for _ in 0..5 {
        t.tap("piet", TapAction::Take);
        t.tap("piet", TapAction::NotHere);
    }
    assert_eq!(threshold_dbm(&t), once_dbm);
}

#[test]
fn who_was_looked_for_in_vain_and_served_after_all_teaches_nothing() {
    let mut t = Timeline::store();
    let before_dbm = threshold_dbm(&t);
    not_here(&mut t);
    let code = TapAction::HandOver {
        code: "code-1".into(),
        age_seen: false,
    };
    assert_eq!(t.tap("piet", code), TapAnswer::Done);
    t.at(60_000);
    assert_eq!(threshold_dbm(&t), before_dbm);
}

#[test]
fn an_operator_who_accepts_less_asks_for_more() {
    let mut t = Timeline::store();
    let before_dbm = threshold_dbm(&t);
    let strict = Rules {
        false_arrivals_permille: 1,
        ..Rules::default()
    };
    t.input(&Input::Layout(layout(&["door", "shoes", "bags"], strict)));
    assert!(threshold_dbm(&t) > before_dbm);
}

/// How the walk found the store: at the shoes, the anchor at the door is heard best of all.
fn walked() -> Vec<Surveyed> {
    let found = [
        ("door", "door", -60),
        ("shoes", "door", -85),
        ("door", "shoes", -66),
        ("shoes", "shoes", -72),
    ];
    let cell = |(anchor, zone, dbm): (&str, &str, i32)| Surveyed {
        anchor: anchor.parse().unwrap(),
        zone: zone.parse().unwrap(),
        stood_ms: 60_000,
        sightings: 60,
        mean_cdbm: dbm * 100,
        sigma_cdb: 400,
    };
    found.map(cell).to_vec()
}

/// Half a minute at the shoes, as the walk found them; the zone that is said then.
fn said_at_the_shoes(surveyed: Vec<Surveyed>) -> Vec<String> {
    let mut t = Timeline::store();
    t.input(&Input::Layout(Layout {
        surveyed,
        ..layout(&["door", "shoes", "bags"], Rules::default())
    }));
    for s in 0..30 {
        t.at(s * 1_000)
            .sight("anna", "door", -66)
            .sight("anna", "shoes", -72);
    }
    t.told()
}

#[test]
fn a_calibration_walk_is_believed_over_names() {
    let by_name = said_at_the_shoes(Vec::new());
    assert!(
        !by_name.iter().any(|s| s.starts_with("shoes")),
        "{by_name:?}"
    );
    let walked = said_at_the_shoes(walked());
    assert!(walked.iter().any(|s| s.starts_with("shoes")), "{walked:?}");
    assert!(!walked.iter().any(|s| s.starts_with("door")), "{walked:?}");
}

#[test]
fn a_walk_through_what_is_gone_since_changes_nothing() {
    let mut gone = walked();
    for cell in &mut gone {
        cell.anchor = "attic".parse().unwrap();
    }
    assert_eq!(said_at_the_shoes(gone), said_at_the_shoes(Vec::new()));
}
