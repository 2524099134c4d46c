use protocol::message::VERSION;
use uuid::Uuid;

use super::*;

const MINUTE_MS: u64 = 60_000;

/// A gateway that speaks to a server which has listened since time 0.
struct Talk {
    kept: Option<Gateway>,
    listening_since_ms: Option<u64>,
    boot: BootId,
}

impl Talk {
    fn new() -> Self {
        Self {
            kept: None,
            listening_since_ms: Some(0),
            boot: BootId(Uuid::from_u128(1)),
        }
    }

    fn heard(
        &mut self,
        at_ms: u64,
        retained: bool,
        state: LinkState,
        sent_mono_ms: u64,
        counts: Counts,
    ) {
        let heard = Heard {
            status: Status {
                v: VERSION,
                state,
                boot: self.boot,
                sent_mono_ms,
                version: "0.1.0".into(),
                plain: false,
                settings: None,
                counts,
                beacons: Vec::new(),
            },
            retained,
            heard_ms: at_ms,
            listening_since_ms: self.listening_since_ms,
        };
        if let Some(next) = Gateway::next(self.kept.as_ref(), &heard) {
            self.kept = Some(next);
        }
    }

    /// A status at so many minutes, with so much heard and waiting.
    fn online(&mut self, minute: u64, heard_total: u64, waiting: u64) -> &mut Self {
        let counts = Counts {
            heard_total,
            waiting,
            ..Counts::default()
        };
        let at_ms = minute * MINUTE_MS;
        self.heard(at_ms, false, LinkState::Online, 7_000 + at_ms, counts);
        self
    }

    /// Its last will.
    fn gone(&mut self, minute: u64) -> &mut Self {
        self.heard(
            minute * MINUTE_MS,
            false,
            LinkState::Offline,
            0,
            Counts::default(),
        );
        self
    }

    fn seen(&self, minute: u64) -> (GatewayState, u64) {
        let kept = self.kept.as_ref().unwrap();
        let (state, since_ms) = kept.seen(minute * MINUTE_MS, self.listening_since_ms);
        (state, since_ms / MINUTE_MS)
    }
}

#[test]
fn a_gateway_that_speaks_and_hears_is_well_since_it_came() {
    let mut talk = Talk::new();
    talk.online(1, 10, 0).online(2, 20, 3).online(3, 30, 1_000);
    assert_eq!(talk.seen(5), (GatewayState::Hears, 1));
}

#[test]
fn more_than_a_batch_that_waits_is_catching_up_until_it_is_sent() {
    let mut talk = Talk::new();
    talk.online(1, 10, 0)
        .online(2, 20, 1_001)
        .online(3, 30, 1_240);
    assert_eq!(talk.seen(3), (GatewayState::CatchingUp, 2));
    talk.online(4, 40, 0);
    assert_eq!(talk.seen(4), (GatewayState::Hears, 4));
}

#[test]
fn its_last_will_makes_it_silent_and_keeps_what_it_counted() {
    let mut talk = Talk::new();
    talk.online(1, 10, 5).gone(3);
    assert_eq!(talk.seen(9), (GatewayState::Silent, 3));
    assert_eq!(talk.kept.as_ref().unwrap().counts.waiting, 5);
    talk.online(10, 20, 0);
    assert_eq!(talk.seen(10), (GatewayState::Hears, 10));
}

#[test]
fn three_minutes_without_a_word_are_silence_since_the_last() {
    let mut talk = Talk::new();
    talk.online(1, 10, 0);
    assert_eq!(talk.seen(4), (GatewayState::Hears, 1));
    assert_eq!(talk.seen(5), (GatewayState::Silent, 1));
    // It was gone in between, also for itself.
    talk.online(9, 20, 0);
    assert_eq!(talk.seen(9), (GatewayState::Hears, 9));
}

#[test]
fn silence_while_the_server_was_away_is_not_the_gateways() {
    let mut talk = Talk::new();
    talk.online(1, 10, 0);
    talk.listening_since_ms = Some(120 * MINUTE_MS);
    assert_eq!(talk.seen(121), (GatewayState::Hears, 1));
    assert_eq!(talk.seen(124), (GatewayState::Silent, 1));
    talk.online(121, 20, 0);
    assert_eq!(talk.seen(121), (GatewayState::Hears, 1));
    talk.listening_since_ms = None;
    assert_eq!(talk.seen(999), (GatewayState::Hears, 1));
}

#[test]
fn a_gateway_that_left_while_the_server_was_away_is_silent_since_its_last_word() {
    let mut talk = Talk::new();
    talk.online(1, 10, 0);
    let late_ms = 90 * MINUTE_MS;
    talk.heard(late_ms, true, LinkState::Offline, 0, Counts::default());
    assert_eq!(talk.seen(90), (GatewayState::Silent, 1));
}

#[test]
fn a_status_that_the_broker_repeats_is_no_news() {
    let mut talk = Talk::new();
    talk.online(1, 10, 0);
    let once = talk.kept.clone();
    let counts = once.as_ref().unwrap().counts;
    for _ in 0..3 {
        talk.heard(
            30 * MINUTE_MS,
            true,
            LinkState::Online,
            7_000 + MINUTE_MS,
            counts,
        );
    }
    assert_eq!(talk.kept, once);
}

#[test]
fn two_statuses_without_one_new_advertisement_are_a_radio_that_is_deaf() {
    let mut talk = Talk::new();
    talk.online(1, 10, 0).online(2, 10, 0);
    assert_eq!(talk.seen(2), (GatewayState::Hears, 1));
    talk.online(3, 10, 0);
    assert_eq!(talk.seen(3), (GatewayState::HearsNothing, 1));
    talk.online(4, 11, 0);
    assert_eq!(talk.seen(4), (GatewayState::Hears, 4));
    // A process that just started has heard nothing yet, and that is another thing.
    talk.boot = BootId(Uuid::from_u128(2));
    talk.online(5, 11, 0);
    assert_eq!(talk.seen(5), (GatewayState::Hears, 4));
}

#[test]
fn a_gateway_that_asks_for_the_time_every_few_seconds_is_not_deaf_at_once() {
    let mut talk = Talk::new();
    for (count, at_s) in [0, 5, 10, 15].into_iter().enumerate() {
        let at_ms = at_s * 1_000;
        talk.heard(at_ms, false, LinkState::Online, at_ms, Counts::default());
        let kept = talk.kept.as_ref().unwrap();
        assert_eq!(kept.unchanged as usize, count);
        assert_eq!(kept.state, GatewayState::Hears);
    }
}

const NOW_MS: u64 = 10_000 * MINUTE_MS;

/// Gateways by name, how they do, and how many minutes ago they spoke.
fn ears(of: &[(&str, GatewayState, u64)]) -> Ears {
    let ear = |state, ago: u64| Ear {
        state,
        since_ms: NOW_MS - ago * MINUTE_MS,
        heard_ms: NOW_MS - ago * MINUTE_MS,
    };
    let named =
        |(name, state, ago): &(&str, GatewayState, u64)| (name.parse().unwrap(), ear(*state, *ago));
    of.iter().map(named).collect()
}

/// Heard by these gateways, so many minutes ago, so strong.
fn heard(by: &[(&str, u64, i8)]) -> Beacon {
    let hearing = |(name, ago, rssi_dbm): &(&str, u64, i8)| Hearing {
        gateway: name.parse().unwrap(),
        heard_last_ms: NOW_MS - ago * MINUTE_MS,
        count: 9,
        rssi_dbm: Some(*rssi_dbm),
        strength: Some(Strength::first(*rssi_dbm, NOW_MS - ago * MINUTE_MS)),
        typical_dbm: None,
    };
    Beacon {
        hearings: by.iter().map(hearing).collect(),
        ..Beacon::default()
    }
}

#[test]
fn a_beacon_is_judged_by_who_listens() {
    use BeaconState::{CannotBeHeard, Good, NeverHeard, NotHeard};
    use GatewayState::{CatchingUp, Hears, HearsNothing, Silent};
    let one = heard(&[("g1", 1, -60)]);
    let lost = heard(&[("g1", 12, -60)]);
    let both = heard(&[("g1", 12, -60), ("g5", 11, -70)]);
    let long_ago = heard(&[("g1", 600, -60), ("g5", 11, -70)]);
    for (what, beacon, gateways, state, since) in [
        (
            "nobody ever",
            &Beacon::default(),
            ears(&[("g1", Hears, 0)]),
            NeverHeard,
            None,
        ),
        ("just now", &one, ears(&[("g1", Hears, 0)]), Good, None),
        (
            "just now, by one that catches up",
            &one,
            ears(&[("g1", CatchingUp, 0)]),
            Good,
            None,
        ),
        (
            "not for 12 min",
            &lost,
            ears(&[("g1", Hears, 1)]),
            NotHeard,
            Some(12),
        ),
        (
            "that its gateway has not spoken since",
            &lost,
            ears(&[("g1", Hears, 3)]),
            Good,
            None,
        ),
        (
            "its gateway went",
            &lost,
            ears(&[("g1", Silent, 11)]),
            CannotBeHeard,
            Some(11),
        ),
        (
            "its gateway is deaf",
            &lost,
            ears(&[("g1", HearsNothing, 11)]),
            CannotBeHeard,
            Some(11),
        ),
        (
            "another listens, too far away",
            &lost,
            ears(&[("g1", Silent, 11), ("g2", Hears, 0)]),
            CannotBeHeard,
            Some(11),
        ),
        (
            "one of two listens",
            &both,
            ears(&[("g1", Silent, 9), ("g5", Hears, 0)]),
            NotHeard,
            Some(11),
        ),
        (
            "the last of two went",
            &both,
            ears(&[("g1", Silent, 9), ("g5", Silent, 4)]),
            CannotBeHeard,
            Some(4),
        ),
        (
            "who had it long ago says nothing of it",
            &long_ago,
            ears(&[("g1", Hears, 0), ("g5", Silent, 4)]),
            CannotBeHeard,
            Some(4),
        ),
    ] {
        let ago = |ms: u64| (NOW_MS - ms) / MINUTE_MS;
        let (is, since_ms) = beacon.seen(&gateways, NOW_MS);
        assert_eq!((is, since_ms.map(ago)), (state, since), "{what}");
    }
}

#[test]
fn a_cell_comes_before_a_place_and_silence_before_both() {
    let listens = ears(&[("g1", GatewayState::Hears, 0)]);
    let mut beacon = heard(&[("g1", 1, -60)]);
    let since_ms = NOW_MS - 25 * 60 * MINUTE_MS;
    let changes = vec![("g1".parse().unwrap(), 11)];
    beacon.moved = Some(Moved { since_ms, changes });
    assert_eq!(
        beacon.seen(&listens, NOW_MS),
        (BeaconState::Moved, Some(since_ms))
    );
    beacon.battery_low_since_ms = Some(5);
    assert_eq!(
        beacon.seen(&listens, NOW_MS),
        (BeaconState::BatteryLow, Some(5))
    );
    beacon.hearings[0].heard_last_ms = NOW_MS - 11 * MINUTE_MS;
    assert_eq!(beacon.seen(&listens, NOW_MS).0, BeaconState::NotHeard);
}

#[test]
fn the_strongest_gateway_is_named_first_and_only_who_had_it_last_is_named() {
    let beacon = heard(&[("g1", 2, -80), ("g2", 1, -60), ("g3", 20, -40)]);
    let names: Vec<&str> = beacon
        .heard_by()
        .iter()
        .map(|h| h.gateway.as_str())
        .collect();
    assert_eq!(names, ["g2", "g1"]);
}

#[test]
fn a_cell_is_due_two_weeks_before_it_is_empty_and_not_because_it_is_low_alone() {
    const DAY_MS: u64 = 1_440 * MINUTE_MS;
    let listens = ears(&[("g1", GatewayState::Hears, 0)]);
    let of = |low: bool, battery_mv: u16, days: Option<u64>| {
        let mut beacon = heard(&[("g1", 1, -60)]);
        beacon.telemetry = Some(Telemetry {
            heard_ms: NOW_MS,
            battery_mv: Some(battery_mv),
            temperature_centi_c: None,
            adv_count: 1,
            uptime_ms: 1,
        });
        beacon.battery_low_since_ms = low.then_some(7);
        beacon.forecast = days.map(|days| Forecast {
            empty_ms: NOW_MS + 2 * days * DAY_MS,
            empty_at_soonest_ms: NOW_MS + days * DAY_MS,
        });
        beacon.seen(&listens, NOW_MS)
    };
    let good = (BeaconState::Good, None);
    assert_eq!(of(false, 2_800, Some(15)), good);
    assert_eq!(of(false, 2_800, Some(14)), (BeaconState::BatteryLow, None));
    assert_eq!(of(true, 2_700, Some(60)), good, "low, but it lasts");
    assert_eq!(of(true, 2_700, None), (BeaconState::BatteryLow, Some(7)));
    assert_eq!(
        of(true, 2_440, Some(60)),
        (BeaconState::BatteryLow, Some(7))
    );
    assert_eq!(of(false, 2_900, None), good);
}
