//! The store at a glance.

use engine::StoreMap;

use crate::timeline::Timeline;

fn anchor(map: &StoreMap, name: &str) -> (Option<u64>, u32) {
    let found = map.anchors.iter().find(|(id, ..)| id.as_str() == name);
    found.map(|(_, heard, lately)| (*heard, *lately)).unwrap()
}

#[test]
fn expected_people_sum_to_those_who_are_in_and_who_passes_is_not_among_them() {
    let mut t = Timeline::store();
    t.at(0).stays("anna", "door", -60, 20_000);
    t.at(20_000).stays("daan", "shoes", -55, 25_000);
    t.at(25_000).sight("eva", "bags", -88); // outside, by the window
    let map = t.engine.map();
    assert_eq!(map.present, 2, "{map:?}");
    let expected: f32 = map.zones.iter().map(|(_, people, _)| people).sum();
    assert!((expected - 2.0).abs() < 1e-3, "{map:?}");
    let said: u32 = map.zones.iter().map(|(.., said)| said).sum();
    assert_eq!(said + map.unknown, map.present, "{map:?}");
    let names: Vec<_> = map.zones.iter().map(|(zone, ..)| zone.as_str()).collect();
    assert_eq!(names, ["bags", "door", "shoes"], "also where nobody is");
}

#[test]
fn an_anchor_says_when_it_last_had_somebody_and_how_many_radios_in_the_last_minute() {
    let mut t = Timeline::store();
    assert_eq!(anchor(&t.engine.map(), "door"), (None, 0));
    t.at(0).sight("anna", "door", -60);
    t.at(1_000).sight("daan", "door", -60);
    let heard_ms = t.now_ms;
    t.at_without_ticks(61_000);
    t.at_without_ticks(61_000).sight("eva", "shoes", -60);
    // Anna's was 61 s ago, Daan's exactly 60.
    assert_eq!(anchor(&t.engine.map(), "door"), (Some(heard_ms), 1));
    assert_eq!(anchor(&t.engine.map(), "bags"), (None, 0));
}
