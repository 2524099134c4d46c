use uuid::Uuid;

use super::*;

/// A Monday, at midnight, some weeks after which everything happens.
const FIRST_HOUR: u64 = 482_400;
const NAMES: [&str; 3] = ["g1", "g2", "g3"];

/// A store of 30 by 20 m with its antennas and beacons, hour by hour: free space for a metre, then a path
/// loss of exponent 2.5; each link is shadowed by up to 6 dB for good and by up to 3 dB in each hour.
struct Shop {
    antennas: Vec<(f32, f32)>,
    beacons: Vec<(f32, f32)>,
    tracks: Tracks,
    hour: u64,
    noise: u64,
}

/// What else an hour does to a link of a gateway and a beacon, in dB.
type Also<'a> = &'a dyn Fn(usize, usize) -> f32;

impl Shop {
    fn new(antennas: usize, beacons: usize) -> Self {
        let all = [(1.0, 10.0), (29.0, 3.0), (28.0, 18.0)];
        let place = |n: usize| {
            let (column, row) = (n % 4, n / 4);
            let at = |n: usize| u16::try_from(n).map(f32::from).unwrap();
            (2.0 + at(column) * 8.5, 3.0 + at(row) * 6.5)
        };
        Self {
            antennas: all.into_iter().take(antennas).collect(),
            beacons: (0..beacons).map(place).collect(),
            tracks: Tracks::new(),
            hour: FIRST_HOUR,
            noise: 7,
        }
    }

    /// Weeks of nothing but what is usual: crowds from 9 to 18, Saturdays twice as many.
    fn weeks(antennas: usize, beacons: usize) -> Self {
        let mut shop = Self::new(antennas, beacons);
        for _ in 0..16 * 24 {
            let (day, of_day) = (shop.hour / 24 % 7, shop.hour % 24);
            let crowd_db: f32 = match (day, of_day) {
                (5, 9..18) => -8.0,
                (_, 9..18) => -4.0,
                _ => 0.0,
            };
            shop.passes(&|_, _| crowd_db);
        }
        shop
    }

    /// Between -1 and 1, the same in each run.
    fn noise(&mut self) -> f32 {
        self.noise = self
            .noise
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let [.., high] = (self.noise >> 8).to_be_bytes();
        f32::from(high) / 127.5 - 1.0
    }

    fn passes(&mut self, also: Also<'_>) {
        for (g, antenna) in self.antennas.clone().into_iter().enumerate() {
            for (b, beacon) in self.beacons.clone().into_iter().enumerate() {
                let meters = (antenna.0 - beacon.0).hypot(antenna.1 - beacon.1).max(1.0);
                let shadow_db = f32::from(u16::try_from(g * 5 + b * 7).unwrap() % 13) - 6.0;
                let dbm =
                    -50.0 - 25.0 * meters.log10() + shadow_db + 3.0 * self.noise() + also(g, b);
                if dbm >= -97.0 {
                    let track = self
                        .tracks
                        .entry((beacon_id(b), gateway_id(g)))
                        .or_default();
                    track.push(self.hour, whole(dbm));
                }
            }
        }
        self.hour += 1;
    }

    fn hours(&mut self, hours: u64, also: Also<'_>) -> Verdicts {
        for _ in 0..hours {
            self.passes(also);
        }
        self.verdicts()
    }

    fn verdicts(&self) -> Verdicts {
        judge(&self.tracks, self.hour * HOUR_MS)
    }
}

fn beacon_id(b: usize) -> Transmitter {
    Transmitter::IBeacon {
        uuid: Uuid::from_u128(7),
        major: 1,
        minor: u16::try_from(b).unwrap(),
    }
}

fn gateway_id(g: usize) -> GatewayId {
    NAMES[g].parse().unwrap()
}

fn nothing(_: usize, _: usize) -> f32 {
    0.0
}

fn moved(verdicts: &Verdicts) -> Vec<Transmitter> {
    verdicts.moved.keys().copied().collect()
}

#[test]
fn weeks_of_people_are_nothing_at_any_hour() {
    for antennas in 1..=3 {
        let mut shop = Shop::weeks(antennas, 12);
        for hour in 0..7 * 24_u64 {
            let (day, of_day) = (shop.hour / 24 % 7, shop.hour % 24);
            let crowd_db = if day == 5 && (9..18).contains(&of_day) {
                -9.0
            } else {
                0.0
            };
            let verdicts = shop.hours(1, &|_, _| crowd_db);
            assert_eq!(verdicts, Verdicts::default(), "{antennas}, hour {hour}");
        }
    }
}

#[test]
fn a_beacon_that_moves_to_the_other_side_of_the_store_is_listed_within_a_day() {
    for antennas in 1..=3 {
        let mut shop = Shop::weeks(antennas, 12);
        let at_ms = shop.hour * HOUR_MS;
        shop.beacons[0] = (28.0, 16.5);
        assert_eq!(shop.hours(12, &nothing), Verdicts::default(), "{antennas}");
        let verdicts = shop.hours(12, &nothing);
        assert_eq!(moved(&verdicts), [beacon_id(0)], "{antennas}");
        assert_eq!(verdicts.antennas, BTreeMap::new(), "{antennas}");
        let of = &verdicts.moved[&beacon_id(0)];
        assert!(of.since_ms.abs_diff(at_ms) <= HOUR_MS, "{of:?}");
        assert_eq!(of.changes.len(), antennas);
        let by = |g: usize| of.changes.iter().find(|(of, _)| *of == gateway_id(g));
        assert!(by(0).unwrap().1 <= -10, "{of:?}");
        assert!(antennas < 3 || by(2).unwrap().1 >= 10, "{of:?}");
    }
}

#[test]
fn a_beacon_that_one_gateway_does_not_hear_any_more_has_moved_all_the_same() {
    let mut shop = Shop::weeks(3, 12);
    shop.beacons[0] = (28.0, 16.5);
    let verdicts = shop.hours(24, &|g, b| if (g, b) == (0, 0) { -60.0 } else { 0.0 });
    let of = &verdicts.moved[&beacon_id(0)];
    assert!(
        of.changes
            .iter()
            .any(|(g, db)| *g == gateway_id(0) && *db <= -15),
        "{of:?}"
    );
}

#[test]
fn it_is_said_for_a_week_and_more_and_then_that_is_its_place() {
    let mut shop = Shop::weeks(3, 12);
    let at_ms = shop.hour * HOUR_MS;
    shop.beacons[0] = (28.0, 16.5);
    for day in 1..=7 {
        let verdicts = shop.hours(24, &nothing);
        let of = verdicts
            .moved
            .get(&beacon_id(0))
            .unwrap_or_else(|| panic!("day {day}"));
        assert!(of.since_ms.abs_diff(at_ms) <= HOUR_MS, "day {day}: {of:?}");
    }
    assert_eq!(shop.hours(7 * 24, &nothing), Verdicts::default());
}

#[test]
fn hung_back_it_is_where_it_was() {
    let mut shop = Shop::weeks(3, 12);
    let place = std::mem::replace(&mut shop.beacons[0], (28.0, 16.5));
    assert_eq!(moved(&shop.hours(30, &nothing)), [beacon_id(0)]);
    shop.beacons[0] = place;
    assert_eq!(shop.hours(12, &nothing), Verdicts::default());
}

/// Between -6 and -10 dB, each link its own.
fn absorbed(g: usize, b: usize) -> f32 {
    -6.0 - f32::from(u16::try_from(g * 3 + b * 5).unwrap() % 5)
}

#[test]
fn a_crowded_saturday_lists_nothing_even_if_it_lasts_for_days() {
    for antennas in 1..=3 {
        let mut shop = Shop::weeks(antennas, 12);
        for hour in 1..=48 {
            let verdicts = shop.hours(1, &absorbed);
            assert_eq!(verdicts, Verdicts::default(), "{antennas}, hour {hour}");
        }
    }
}

#[test]
fn a_beacon_that_moves_on_a_crowded_saturday_is_listed_and_no_other() {
    let mut shop = Shop::weeks(3, 12);
    shop.beacons[0] = (28.0, 16.5);
    let verdicts = shop.hours(24, &absorbed);
    assert_eq!(moved(&verdicts), [beacon_id(0)]);
}

#[test]
fn an_antenna_that_is_turned_over_is_the_antennas_trouble_and_no_beacons() {
    // It hears behind it worse by 9 to 16 dB, and in front a little better.
    let turned = |g: usize, b: usize| match (g, b % 4) {
        (1, 3) => 3.0,
        (1, _) => -9.0 - f32::from(u16::try_from(b * 3).unwrap() % 8),
        _ => 0.0,
    };
    let mut shop = Shop::weeks(3, 12);
    let at_ms = shop.hour * HOUR_MS;
    assert_eq!(shop.hours(12, &turned), Verdicts::default());
    let verdicts = shop.hours(12, &turned);
    assert_eq!(moved(&verdicts), []);
    let [(gateway, change)] = &verdicts.antennas.iter().collect::<Vec<_>>()[..] else {
        panic!("{verdicts:?}");
    };
    assert_eq!(**gateway, gateway_id(1));
    assert!(change.since_ms.abs_diff(at_ms) <= HOUR_MS, "{change:?}");
    assert!(change.change_db <= -8 && change.changed >= 6, "{change:?}");
    // A beacon that moves meanwhile is told from it by the others.
    shop.beacons[0] = (28.0, 16.5);
    let verdicts = shop.hours(24, &turned);
    assert_eq!(moved(&verdicts), [beacon_id(0)]);
    assert!(verdicts.antennas.contains_key(&gateway_id(1)));
}

#[test]
fn an_only_antenna_that_lost_its_cable_is_told_from_people_by_how_much() {
    let mut shop = Shop::weeks(1, 8);
    let verdicts = shop.hours(24, &|_, _| -20.0);
    assert_eq!(moved(&verdicts), []);
    assert!(
        verdicts.antennas.contains_key(&gateway_id(0)),
        "{verdicts:?}"
    );
}

#[test]
fn one_path_with_a_shelf_in_it_is_no_move_whoever_else_is_there() {
    for crowd_db in [0.0, -8.0] {
        let mut shop = Shop::weeks(3, 12);
        // Of the beacon next to an antenna, so that it is heard all the same.
        let shelf_db = |g: usize, b: usize| match (g, b) {
            (1, 3) => -16.0,
            _ => 0.0,
        };
        let verdicts = shop.hours(48, &|g, b| crowd_db + shelf_db(g, b));
        assert_eq!(verdicts, Verdicts::default(), "{crowd_db}");
    }
}

#[test]
fn in_a_store_with_one_antenna_a_packed_day_is_people_too() {
    let mut shop = Shop::weeks(1, 8);
    for hour in 1..=30 {
        let verdicts = shop.hours(1, &|_, _| -12.5);
        assert_eq!(verdicts, Verdicts::default(), "hour {hour}");
    }
}

#[test]
fn a_store_that_is_rebuilt_has_no_broken_antennas() {
    let mut shop = Shop::weeks(2, 8);
    shop.beacons.reverse();
    let verdicts = shop.hours(24, &nothing);
    assert_eq!(verdicts.antennas, BTreeMap::new());
    assert!(!verdicts.moved.is_empty());
}

#[test]
fn silence_is_no_move_of_a_beacon_nor_trouble_of_the_others() {
    let mut shop = Shop::weeks(3, 12);
    // One beacon is empty, and one gateway is off.
    let verdicts = shop.hours(48, &|g, b| if b == 4 || g == 2 { -90.0 } else { 0.0 });
    assert_eq!(verdicts, Verdicts::default());
}

#[test]
fn what_is_new_is_not_judged() {
    let mut shop = Shop::new(3, 12);
    assert_eq!(shop.hours(40, &nothing), Verdicts::default());
    shop.beacons[0] = (28.0, 16.5);
    assert_eq!(shop.hours(24, &nothing), Verdicts::default());
}
