//! A store in which time passes: gateways say what they hear three times an hour, and what is kept of it is
//! judged as the page and the API judge it.

use protocol::{
    BootId, Transmitter,
    message::{BeaconHealth, BeaconTelemetry, Counts, LinkState, Status, VERSION},
};
use rusqlite::Connection;
use uuid::Uuid;

use super::*;
use crate::{
    fleet::state::Heard,
    store::{
        beacons,
        shop::{self, AnchorKind, AnchorRow, Names, StoreRow},
    },
};

const HOUR_MS: u64 = 3_600_000;
const DAY_MS: u64 = 24 * HOUR_MS;
/// A Monday at midnight.
const START_MS: u64 = 482_400 * HOUR_MS;
const GATEWAYS: [(&str, f32, f32); 3] = [("g1", 1.0, 10.0), ("g2", 29.0, 3.0), ("g3", 28.0, 18.0)];
const BEACONS: usize = 8;

/// A store of 30 by 20 m.
struct Shop {
    _folder: tempfile::TempDir,
    db: Connection,
    now_ms: u64,
    /// How often gateways speak: less than they do, for a quick test.
    tick_ms: u64,
    beacons: Vec<(f32, f32)>,
    /// Those that send nothing any more.
    dead: Vec<usize>,
    noise: u64,
}

/// What else a moment does to a link of a gateway and a beacon, in dB.
type Also<'a> = &'a dyn Fn(usize, usize) -> f32;
/// What a beacon says of its battery and of how warm it is.
type Says<'a> = &'a dyn Fn(usize, u64) -> Option<(f32, f32)>;

fn transmitter(b: usize) -> Transmitter {
    Transmitter::IBeacon {
        uuid: Uuid::from_u128(7),
        major: 1,
        minor: u16::try_from(b).unwrap(),
    }
}

fn meters(n: usize) -> f32 {
    f32::from(u16::try_from(n).unwrap())
}

impl Shop {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let db = crate::store::open_writer(&folder.path().join("test.sqlite")).unwrap();
        let store: protocol::StoreId = "kade-9".parse().unwrap();
        let row = StoreRow {
            store: store.clone(),
            name: "Kade 9".into(),
            timezone: "Europe/Amsterdam".into(),
            opens: "09:00".into(),
            closes: "18:00".into(),
            quiet: None,
            messages_per_day_max: 2,
        };
        shop::put_store(&db, &row, 1).unwrap();
        let names = Names {
            nl: "Winkel".into(),
            en: "Shop".into(),
        };
        shop::put_zone(&db, &store, &"shop".parse().unwrap(), &names).unwrap();
        let hang = |anchor: &str, kind: AnchorKind| {
            let row = AnchorRow {
                anchor: anchor.parse().unwrap(),
                zone: "shop".parse().unwrap(),
                kind,
                enter_rssi_dbm: -80,
            };
            shop::put_anchor(&db, &store, &row).unwrap();
        };
        for (gateway, ..) in GATEWAYS {
            let id = gateway.parse().unwrap();
            shop::put_gateway(&db, START_MS, &store, &id, &[0; 32]).unwrap();
            hang(&format!("{gateway}-1"), AnchorKind::Gateway(id));
        }
        for b in 0..BEACONS {
            hang(&format!("b{b}"), AnchorKind::Beacon(transmitter(b)));
        }
        let place = |n: usize| (3.0 + meters(n % 4) * 8.0, 4.0 + meters(n / 4) * 12.0);
        Self {
            _folder: folder,
            db,
            now_ms: START_MS,
            tick_ms: HOUR_MS / 3,
            beacons: (0..BEACONS).map(place).collect(),
            dead: Vec::new(),
            noise: 7,
        }
    }

    /// A store that is known for six days.
    fn known() -> Self {
        let mut shop = Self::new();
        shop.hours(6 * 24, &|_, _| 0.0, &|_, _| None);
        shop
    }

    fn noise_db(&mut self) -> f32 {
        self.noise = self
            .noise
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let [.., high] = (self.noise >> 8).to_be_bytes();
        (f32::from(high) / 127.5 - 1.0) * 4.0
    }

    fn hours(&mut self, hours: u64, also: Also<'_>, says: Says<'_>) {
        self.db.execute_batch("BEGIN").unwrap();
        for _ in 0..hours * HOUR_MS / self.tick_ms {
            self.now_ms += self.tick_ms;
            for (g, of) in GATEWAYS.into_iter().enumerate() {
                self.say(g, of, also, says);
            }
        }
        self.db.execute_batch("COMMIT").unwrap();
    }

    fn say(&mut self, g: usize, of: (&str, f32, f32), also: Also<'_>, says: Says<'_>) {
        let (gateway, x, y) = of;
        let mono_ms = self.now_ms - START_MS;
        let mut all = Vec::new();
        for (b, place) in self.beacons.clone().into_iter().enumerate() {
            let far = (x - place.0).hypot(y - place.1).max(1.0);
            let dbm = -50.0 - 25.0 * far.log10() + self.noise_db() + also(g, b);
            if self.dead.contains(&b) || dbm < -97.0 {
                continue;
            }
            let said = |(mv, celsius): (f32, f32)| {
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "millivolts and degrees"
                )]
                BeaconTelemetry {
                    heard_mono_ms: mono_ms,
                    battery_mv: Some((mv / 10.0).round() as u16 * 10),
                    temperature_centi_c: Some((celsius * 100.0) as i16),
                    adv_count: 1,
                    uptime_ms: 1,
                }
            };
            #[expect(clippy::cast_possible_truncation, reason = "a strength")]
            all.push(BeaconHealth {
                transmitter: transmitter(b),
                heard_last_mono_ms: Some(mono_ms),
                count: 90,
                rssi_dbm_median: Some(dbm.round() as i8),
                telemetry: says(b, self.now_ms).map(said),
            });
        }
        let heard = Heard {
            status: Status {
                v: VERSION,
                state: LinkState::Online,
                boot: BootId(Uuid::from_u128(1)),
                sent_mono_ms: mono_ms,
                version: "0.1.0".into(),
                plain: false,
                settings: None,
                counts: Counts {
                    heard_total: mono_ms,
                    ..Counts::default()
                },
                beacons: all,
            },
            retained: false,
            heard_ms: self.now_ms,
            listening_since_ms: Some(START_MS),
        };
        let (store, gateway) = ("kade-9".parse().unwrap(), gateway.parse().unwrap());
        beacons::keep(&self.db, &store, &gateway, &heard).unwrap();
    }

    /// Reason and name of each thing on the list, and how many hours ago it began.
    fn list(&self) -> Vec<(Reason, String, Option<u64>)> {
        let store = "kade-9".parse().unwrap();
        let judged = beacons::judged(&self.db, &store, self.now_ms).unwrap();
        let rows = beacons::beacons(&self.db, &store, None, 100, &judged).unwrap();
        let gateways = beacons::gateways(&self.db, &store).unwrap();
        let ears = beacons::ears(&gateways, self.now_ms, Some(START_MS));
        let list = list(&gateways, &rows, &judged.verdicts, &ears, self.now_ms);
        let ago = |due: &Due<'_>| Some((self.now_ms - due.since_ms?) / HOUR_MS);
        list.iter()
            .map(|due| (due.reason, due.name().to_owned(), ago(due)))
            .collect()
    }
}

fn as_ever(_: usize, _: usize) -> f32 {
    0.0
}

fn mute(_: usize, _: u64) -> Option<(f32, f32)> {
    None
}

#[test]
fn a_beacon_that_moves_to_the_other_side_is_listed_within_a_day() {
    let mut shop = Shop::known();
    assert_eq!(shop.list(), []);
    shop.beacons[0] = (28.0, 16.5);
    shop.hours(12, &as_ever, &mute);
    assert_eq!(shop.list(), []);
    shop.hours(12, &as_ever, &mute);
    let list = shop.list();
    let [(Reason::Moved, name, Some(22..=24))] = &list[..] else {
        panic!("{list:?}");
    };
    assert_eq!(name, "b0");
    // Written down as where it now hangs, it begins anew.
    let row = AnchorRow {
        anchor: "b0".parse().unwrap(),
        zone: "back".parse().unwrap(),
        kind: AnchorKind::Beacon(transmitter(0)),
        enter_rssi_dbm: -80,
    };
    let names = Names {
        nl: "Achter".into(),
        en: "Back".into(),
    };
    let store = "kade-9".parse().unwrap();
    shop::put_zone(&shop.db, &store, &row.zone, &names).unwrap();
    shop::put_anchor(&shop.db, &store, &row).unwrap();
    assert_eq!(shop.list(), []);
}

#[test]
fn a_crowded_saturday_lists_nothing() {
    let mut shop = Shop::known();
    let crowd = |g: usize, b: usize| -6.0 - meters((g * 3 + b * 5) % 5);
    for hours in [10, 14, 12] {
        shop.hours(hours, &crowd, &mute);
        assert_eq!(shop.list(), []);
    }
}

#[test]
fn an_antenna_that_is_turned_over_lists_the_antenna_and_no_beacon() {
    let mut shop = Shop::known();
    let turned = |g: usize, b: usize| match (g, b % 4) {
        (1, 0) => 2.0,
        (1, _) => -10.0 - meters(b),
        _ => 0.0,
    };
    shop.hours(24, &turned, &mute);
    let list = shop.list();
    let [(Reason::Antenna, name, Some(22..=24))] = &list[..] else {
        panic!("{list:?}");
    };
    assert_eq!(name, "g2");
}

#[test]
fn one_silent_beacon_is_listed_as_silent_since_it_was_last_heard() {
    let mut shop = Shop::known();
    shop.dead.push(5);
    shop.hours(30, &as_ever, &mute);
    assert_eq!(shop.list(), [(Reason::Silent, "b5".to_owned(), Some(30))]);
}

#[test]
fn a_battery_that_runs_down_is_listed_before_it_dies_and_not_long_before() {
    const LASTS_DAYS: u64 = 100;
    // Nordic's curve, the other way round; the cell falls by the same each day.
    let left_mv = |at_ms: u64| {
        let passed = meters(usize::try_from((at_ms - START_MS) / HOUR_MS).unwrap()) / 24.0;
        let left = 100.0 - passed * 100.0 / meters(usize::try_from(LASTS_DAYS).unwrap());
        match left {
            42.0.. => 2_900.0 + (left - 42.0) / 58.0 * 100.0,
            18.0.. => 2_740.0 + (left - 18.0) / 24.0 * 160.0,
            6.0.. => 2_440.0 + (left - 6.0) / 12.0 * 300.0,
            _ => 2_100.0 + left / 6.0 * 340.0,
        }
    };
    // By night it is 14 °C, by day 20; a cold snap in the second month.
    let celsius = |at_ms: u64| {
        let (day, hour) = ((at_ms - START_MS) / DAY_MS, at_ms / HOUR_MS % 24);
        let night = if (9..18).contains(&hour) { 0.0 } else { -6.0 };
        let snap = if (40..47).contains(&day) { -6.0 } else { 0.0 };
        20.0 + night + snap
    };
    let says = |b: usize, at_ms: u64| {
        let degrees = celsius(at_ms);
        let cold_mv = 3.0 * (20.0 - degrees);
        match b {
            3 => Some((left_mv(at_ms) - cold_mv, degrees)),
            // The others were changed last month, and do not fall yet.
            _ => Some((2_990.0 - cold_mv, degrees)),
        }
    };
    let mut shop = Shop::new();
    shop.tick_ms = 3 * HOUR_MS;
    let mut listed_day = None;
    for day in 1..=LASTS_DAYS {
        shop.hours(24, &as_ever, &says);
        let list = shop.list();
        let of_battery = list.iter().filter(|due| due.0 == Reason::Battery);
        for (_, name, _) in of_battery {
            assert_eq!(name, "b3", "day {day}");
            listed_day.get_or_insert(day);
        }
    }
    let ahead = LASTS_DAYS - listed_day.unwrap();
    assert!((7..=30).contains(&ahead), "listed {ahead} days before");
}
