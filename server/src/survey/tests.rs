use super::*;

fn id<T: std::str::FromStr>(text: &str) -> T
where
    T::Err: std::fmt::Debug,
{
    text.parse().unwrap()
}

/// Stood for so many parts of 10 s, with one sighting a second and anchor that swings by 2 dB.
fn stand(zone: &str, parts: u64, heard: &[(&str, i64)]) -> StandRow {
    let tally = |level: i64| {
        let strengths = (0..10).map(|n| level + [-2, 0, 2][n % 3]);
        strengths.fold(Tally::default(), |sum, dbm| {
            sum.with(Tally {
                sightings: 1,
                sum_dbm: dbm,
                squares: dbm * dbm,
            })
        })
    };
    let part = Part {
        stood_ms: 10_000,
        heard: heard
            .iter()
            .map(|(a, level)| (id(a), tally(*level)))
            .collect(),
    };
    StandRow {
        zone: id(zone),
        from_ms: 0,
        to_ms: Some(parts * 10_000),
        parts: (0..parts).map(|_| part.clone()).collect(),
    }
}

fn judged(stands: &[StandRow]) -> Findings {
    let zones = ["bags", "lamps", "shoes"].map(id::<ZoneId>);
    let anchors = ["back", "door"].map(id::<AnchorId>);
    judge(stands, &zones, &anchors)
}

#[test]
fn zones_that_sound_apart_are_told_right_and_no_pair_is_named() {
    let found = judged(&[
        stand("shoes", 3, &[("door", -55), ("back", -80)]),
        stand("bags", 3, &[("door", -80), ("back", -55)]),
        stand("lamps", 3, &[("door", -70)]),
    ]);
    assert_eq!(found.right, Some(1.0), "{found:?}");
    assert!(found.pairs.is_empty(), "{found:?}");
    assert!(found.short.is_empty() && found.missed.is_empty());
}

#[test]
fn two_zones_that_sound_alike_are_named_with_the_anchor_that_hears_both() {
    let found = judged(&[
        stand("shoes", 3, &[("door", -60), ("back", -71)]),
        stand("bags", 3, &[("door", -61), ("back", -70)]),
        stand("lamps", 3, &[("back", -50)]),
    ]);
    let [pair] = &found.pairs[..] else {
        panic!("{found:?}")
    };
    assert_eq!(pair.zones, (id("bags"), id("shoes")));
    assert!(pair.overlap > ALIKE_FROM, "{pair:?}");
    assert_eq!(pair.between, Some(id("back")), "as loud; the first by name");
}

#[test]
fn parts_of_a_zone_that_sounded_otherwise_the_second_time_are_told_wrong() {
    // Learned from itself this would be right: the same stand is in the sums.
    let found = judged(&[
        stand("shoes", 2, &[("door", -55)]),
        stand("shoes", 2, &[("door", -80)]),
        stand("bags", 4, &[("door", -79)]),
    ]);
    let right = found.right.unwrap();
    assert!((0.4..0.6).contains(&right), "{found:?}");
}

#[test]
fn one_zone_alone_says_nothing_of_quality() {
    let found = judged(&[stand("shoes", 1, &[("door", -55)])]);
    assert_eq!(found.right, None);
    assert_eq!(found.short, [id("shoes")]);
    assert_eq!(found.missed, [id("bags"), id("lamps")]);
}

#[test]
fn silence_is_a_finding_and_strengths_are_kept_in_hundredths() {
    let found = judged(&[stand("shoes", 2, &[("door", -55)])]);
    let [back, door] = &found.surveyed[..] else {
        panic!("{found:?}")
    };
    assert_eq!((back.sightings, back.mean_cdbm, back.sigma_cdb), (0, 0, 0));
    assert_eq!(back.stood_ms, 20_000);
    assert_eq!((door.sightings, door.mean_cdbm), (20, -5_520));
    assert!((100..200).contains(&door.sigma_cdb), "{door:?}");
}

#[test]
fn a_walk_without_a_stand_is_no_panic() {
    let found = judged(&[]);
    assert_eq!((found.right, found.surveyed.len()), (None, 0));
    let empty = StandRow {
        parts: Vec::new(),
        ..stand("shoes", 0, &[])
    };
    assert_eq!(judged(&[empty]).right, None);
}
