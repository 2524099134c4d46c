use std::{collections::HashSet, sync::Arc};

use protocol::{
    CustomerId, DeviceId, Eid, Frame, RadioId, Transmitter,
    air::{self, Chain},
    eid::{EidKey, device_time_s},
    radio::{PAYLOAD_LEN_MAX, RadioKind},
};
use serde_json::json;
use uuid::{Uuid, uuid};

use super::{
    ears::{Ears, LIVE_MS, MESSAGES_PER_S_MAX, Said, Sightings},
    window::{Gathered, TRANSMITTERS_MAX},
};
use crate::{
    identity::Identity,
    pipeline::Counts,
    store::{people::RadioRow as PersonRadio, radios::RadioRow},
};

const OURS: Uuid = uuid!("5f2d9c4e-0d1b-4a7e-9a55-1c0f8e2b7a01");
/// On a whole second, so that windows end where it is easy to see.
const START_MS: u64 = 1_764_556_800_000;

/// A store with one Ruuvi Gateway.
struct Timeline {
    ears: Ears,
    counts: Counts,
    now_ms: u64,
    name: &'static str,
}

fn radio(kind: RadioKind, name: &str) -> RadioRow {
    RadioRow {
        store: "kade-9".parse().unwrap(),
        gateway: "attic".parse().unwrap(),
        kind,
        name: name.parse().unwrap(),
        anchor: Some("attic-1".parse().unwrap()),
    }
}

fn anna(n: u8) -> Frame {
    Frame::EddystoneEid {
        eid: Eid([n, 0, 0, 0, 0, 0, 0, 1]),
        tx_power_dbm: -18,
    }
}

fn beacon(uuid: Uuid) -> Frame {
    Frame::IBeacon {
        uuid,
        major: 7,
        minor: 300,
        tx_power_dbm: -59,
    }
}

fn count(of: &std::sync::atomic::AtomicU64) -> u64 {
    of.load(std::sync::atomic::Ordering::Relaxed)
}

impl Timeline {
    fn ruuvi() -> Self {
        let mut ears = Ears::default();
        let chain = Chain {
            uuids: vec![OURS],
            namespaces: Vec::new(),
        };
        let rows = vec![radio(RadioKind::Ruuvi, "C8:25:2D:8E:9C:2C")];
        ears.learn(rows, chain, HashSet::new());
        Self {
            ears,
            counts: Counts::default(),
            now_ms: START_MS,
            name: "C8:25:2D:8E:9C:2C",
        }
    }

    fn at(&mut self, after_ms: u64) -> &mut Self {
        self.now_ms = START_MS + after_ms;
        self
    }

    fn say(&mut self, topic: &str, payload: &serde_json::Value, retained: bool) -> Vec<Gathered> {
        let said = Said {
            topic: topic.into(),
            payload: payload.to_string().into_bytes(),
            retained,
            came_ms: self.now_ms,
        };
        let seen = self.ears.hear(&said, &self.counts);
        seen.map_or_else(Vec::new, |s| s.of)
    }

    fn seen(&mut self, frame: &Frame, rssi_dbm: i8) -> Option<Sightings> {
        let said = Said {
            topic: format!("ruuvi/{}/D1:F0:57:19:AB:42", self.name),
            payload: Self::message(frame, rssi_dbm, None)
                .to_string()
                .into_bytes(),
            retained: false,
            came_ms: self.now_ms,
        };
        self.ears.hear(&said, &self.counts)
    }

    fn message(frame: &Frame, rssi_dbm: i8, ts_s: Option<u64>) -> serde_json::Value {
        let mut message = json!({"rssi": rssi_dbm, "data": hex::encode(air::encode(frame))});
        if let Some(ts_s) = ts_s {
            message["ts"] = json!(ts_s.to_string());
        }
        message
    }

    fn hear(&mut self, frame: &Frame, rssi_dbm: i8, ts_s: Option<u64>) -> Vec<Gathered> {
        let message = Self::message(frame, rssi_dbm, ts_s);
        self.say("ruuvi/C8:25:2D:8E:9C:2C/D1:F0:57:19:AB:42", &message, false)
    }

    fn close(&mut self) -> Vec<Sightings> {
        self.ears.look(self.now_ms).0
    }
}

#[test]
fn the_first_sight_goes_at_once_and_the_rest_once_a_window() {
    let mut t = Timeline::ruuvi();
    let first = t.at(100).hear(&anna(1), -60, None);
    assert_eq!(
        (first.len(), first[0].count, first[0].rssi_dbm),
        (1, 1, -60)
    );
    for (after_ms, rssi_dbm) in [(300, -70), (500, -50), (700, -66)] {
        assert!(t.at(after_ms).hear(&anna(1), rssi_dbm, None).is_empty());
    }
    assert!(t.at(999).close().is_empty());
    let closed = t.at(1_000).close();
    let [Sightings { of, .. }] = &closed[..] else {
        panic!("{closed:?}");
    };
    let span = (
        of[0].heard_first_ms - START_MS,
        of[0].heard_last_ms - START_MS,
    );
    assert_eq!((of[0].count, of[0].rssi_dbm, span), (3, -66, (300, 700)));
    assert!(t.at(2_000).close().is_empty());
    // After ten seconds of silence she comes in anew.
    assert_eq!(t.at(12_000).hear(&anna(1), -60, None).len(), 1);
}

#[test]
fn what_comes_twice_counts_once() {
    let mut t = Timeline::ruuvi();
    let s = START_MS / 1_000;
    assert_eq!(t.at(100).hear(&anna(1), -60, Some(s)).len(), 1);
    assert!(t.at(2_500).hear(&anna(1), -60, Some(s)).is_empty());
    assert!(t.at(9_000).hear(&anna(1), -60, Some(s)).is_empty());
    assert!(t.at(20_000).close().is_empty(), "it was counted again");
    assert_eq!(count(&t.counts.radio_again_total), 2);
    // Without a time in it the same bytes are the same message for two seconds only.
    assert_eq!(t.at(30_000).hear(&anna(2), -60, None).len(), 1);
    t.at(31_900).hear(&anna(2), -60, None);
    t.at(34_000).hear(&anna(2), -60, None);
    let closed = t.at(35_000).close();
    assert_eq!(closed[0].of[0].count, 1);
    assert_eq!(count(&t.counts.radio_again_total), 3);
}

#[test]
fn a_fob_that_lies_still_and_is_always_as_loud_is_heard_all_the_same() {
    let mut t = Timeline::ruuvi();
    assert_eq!(t.at(0).hear(&anna(1), -60, None).len(), 1);
    let mut heard = 0;
    for after_ms in (1_000..=60_000).step_by(1_000) {
        t.at(after_ms).hear(&anna(1), -60, None);
        heard += t.close().iter().map(|s| s.of[0].count).sum::<u32>();
    }
    // Every second one is taken for a repetition of the one before.
    assert!((28..=30).contains(&heard), "{heard}");
}

#[test]
fn numbers_have_no_gaps_where_nobody_was_known_and_go_on_under_another_name() {
    let (radios, mut keeper) = super::Radios::new(Arc::default()).unwrap();
    let known = PersonRadio {
        radio: RadioId(Uuid::from_u128(1)),
        device: DeviceId(Uuid::from_u128(1)),
        customer: CustomerId(Uuid::from_u128(1)),
        key: EidKey([1; 16]),
        clock_offset_s: 0,
        valid_from_ms: 0,
        valid_to_ms: None,
    };
    let hers = |at_ms: u64| {
        let eid = known.key.eid(device_time_s(at_ms / 1_000, 0), 9);
        Frame::EddystoneEid {
            eid,
            tx_power_dbm: -18,
        }
    };
    let identity = Identity::load(std::slice::from_ref(&known), START_MS);
    let mut t = Timeline::ruuvi();
    let mut numbers = Vec::new();
    for n in 0..6_u64 {
        let after_ms = n * 11_000;
        let frame = match n % 2 {
            0 => hers(START_MS + after_ms),
            _ => anna(9),
        };
        if n == 3 {
            // It was written wrong at first: it is another radio now, under the same id.
            let row = radio(RadioKind::Ruuvi, "C8:25:2D:8E:9C:2D");
            t.ears.learn(vec![row], Chain::default(), HashSet::new());
            t.name = "C8:25:2D:8E:9C:2D";
        }
        let seen = t.at(after_ms).seen(&frame, -60).unwrap();
        let work = keeper.resolve(&identity, START_MS + after_ms, seen);
        numbers.extend(work.map(|work| (work.boot == radios.boot, work.seq)));
    }
    assert_eq!(numbers, [(true, 1), (true, 2), (true, 3)]);
}

#[tokio::test]
async fn what_is_longer_than_any_radio_says_is_not_even_held() {
    let counts: Arc<Counts> = Arc::default();
    let (radios, mut keeper) = super::Radios::new(counts.clone()).unwrap();
    radios.hear("ruuvi/a/b", &[b' '; PAYLOAD_LEN_MAX + 1], false);
    radios.hear("ruuvi/a/b", b"{}", false);
    assert_eq!(keeper.inlet.recv().await.unwrap().payload, b"{}");
    assert_eq!(count(&counts.radio_refused_total), 1);
}

#[test]
fn what_was_kept_or_is_of_another_time_is_not_live() {
    let mut t = Timeline::ruuvi();
    let s = START_MS / 1_000;
    let message = Timeline::message(&anna(1), -60, Some(s));
    let topic = "ruuvi/C8:25:2D:8E:9C:2C/D1:F0:57:19:AB:42";
    assert!(t.at(100).say(topic, &message, true).is_empty());
    assert!(t.at(LIVE_MS).hear(&anna(2), -60, Some(s)).is_empty());
    assert!(t.at(0).hear(&anna(3), -60, Some(s + 3_600)).is_empty());
    assert_eq!(count(&t.counts.radio_stale_total), 3);
    let seen = t.at(LIVE_MS - 1).hear(&anna(4), -60, Some(s));
    assert_eq!(seen[0].heard_last_ms, START_MS);
    // A clock that was never set says nothing of when.
    let seen = t.at(50).hear(&anna(5), -60, Some(17));
    assert_eq!(seen[0].heard_last_ms, START_MS + 50);
}

#[test]
fn foreign_frames_end_here_and_so_do_beacons_that_hang() {
    let mut t = Timeline::ruuvi();
    let theirs = beacon(uuid!("00000000-0000-4000-8000-000000000001"));
    assert!(t.at(0).hear(&theirs, -60, None).is_empty());
    assert_eq!(count(&t.counts.radio_foreign_total), 1);
    assert_eq!(t.at(1).hear(&beacon(OURS), -60, None).len(), 1);
    let hangs: HashSet<Transmitter> = beacon(OURS).transmitter().into_iter().collect();
    let chain = Chain {
        uuids: vec![OURS],
        namespaces: Vec::new(),
    };
    let rows = vec![radio(RadioKind::Ruuvi, "C8:25:2D:8E:9C:2C")];
    t.ears.learn(rows, chain, hangs);
    t.at(20_000).hear(&beacon(OURS), -60, None);
    assert!(t.at(21_000).close().is_empty());
}

#[test]
fn nobody_listens_to_a_stranger_or_to_what_hangs_nowhere() {
    let mut t = Timeline::ruuvi();
    let message = Timeline::message(&anna(1), -60, None);
    let other = "ruuvi/C8:25:2D:00:00:00/D1:F0:57:19:AB:42";
    assert!(t.at(0).say(other, &message, false).is_empty());
    assert_eq!(count(&t.counts.radio_strangers_total), 1);
    let row = RadioRow {
        anchor: None,
        ..radio(RadioKind::Ruuvi, "C8:25:2D:8E:9C:2C")
    };
    t.ears.learn(vec![row], Chain::default(), HashSet::new());
    assert!(t.at(1).hear(&anna(1), -60, None).is_empty());
}

#[test]
fn a_radio_that_raves_is_shed_and_counted() {
    let mut t = Timeline::ruuvi();
    for n in 0..MESSAGES_PER_S_MAX + 50 {
        let rssi_dbm = -100 + i8::try_from(n % 100).unwrap();
        t.at(u64::from(n)).hear(&anna(1), rssi_dbm, None);
    }
    assert_eq!(count(&t.counts.radio_shed_total), 50);
    assert_eq!(t.at(1_000).hear(&anna(2), -60, None).len(), 1);
}

#[test]
fn a_radio_is_followed_for_so_many_transmitters_and_no_more() {
    let mut windows = super::window::Windows::default();
    let who = |n: usize| {
        let [.., a, b] = n.to_be_bytes();
        Transmitter::Eid(Eid([9, 0, 0, 0, 0, 0, a, b]))
    };
    for n in 0..TRANSMITTERS_MAX {
        assert!(windows.hear(0, who(n), 0, -60).is_ok());
    }
    assert!(windows.hear(1, who(TRANSMITTERS_MAX), 1, -60).is_err());
    windows.close_due(10_000);
    assert!(windows.hear(10_001, who(TRANSMITTERS_MAX), 1, -60).is_ok());
}

#[test]
fn a_radio_is_there_while_it_speaks_and_a_minute_is_told_at_most() {
    let mut t = Timeline::ruuvi();
    let alive = |t: &mut Timeline, after_ms| {
        t.at(after_ms)
            .say("ruuvi/C8:25:2D:8E:9C:2C/gw_status", &json!({}), false);
    };
    let told = |t: &mut Timeline, after_ms| -> Vec<bool> {
        let words = t.ears.look(START_MS + after_ms).1;
        words.iter().map(|word| word.is_there).collect()
    };
    assert!(told(&mut t, 0).is_empty());
    alive(&mut t, 100);
    assert_eq!(told(&mut t, 250), [true]);
    alive(&mut t, 30_000);
    assert!(told(&mut t, 30_250).is_empty());
    assert_eq!(told(&mut t, 60_250), [true]);
    assert!(told(&mut t, 209_999).is_empty());
    assert_eq!(told(&mut t, 210_000), [false]);
    assert!(told(&mut t, 300_000).is_empty());
    alive(&mut t, 301_000);
    assert_eq!(told(&mut t, 301_250), [true]);
}
