use proptest::prelude::*;
use protocol::Eid;

use super::*;

/// A timeline: who is heard when, and which sightings come of it.
struct Timeline {
    aggregator: Aggregator,
    now: Monotonic,
    said: Vec<Sighting>,
}

fn phone(name: u8) -> Transmitter {
    Transmitter::Eid(Eid([name; 8]))
}

impl Timeline {
    fn new(transmitters_max: usize) -> Self {
        Self {
            aggregator: Aggregator::new("door".parse().unwrap(), 1_000, transmitters_max),
            now: Monotonic(0),
            said: Vec::new(),
        }
    }

    fn at(&mut self, ms: u64) -> &mut Self {
        self.now = Monotonic(ms);
        if self.aggregator.poll_at().is_some_and(|due| due <= self.now) {
            self.said.extend(self.aggregator.close_due(self.now));
        }
        self
    }

    fn hear(&mut self, name: u8, rssi_dbm: i8) -> &mut Self {
        let first = self.aggregator.hear(self.now, phone(name), rssi_dbm);
        self.said.extend(first);
        self
    }

    /// (transmitter, first, last, count, median) of what was said since the last look.
    fn expect(&mut self, expected: &[(u8, u64, u64, u32, i8)]) {
        let said: Vec<_> = std::mem::take(&mut self.said)
            .into_iter()
            .map(|s| {
                let (first, last) = (s.heard_first_mono_ms, s.heard_last_mono_ms);
                (s.transmitter, first, last, s.count, s.rssi_dbm_median)
            })
            .collect();
        let expected: Vec<_> = expected
            .iter()
            .map(|&(name, first, last, count, dbm)| (phone(name), first, last, count, dbm))
            .collect();
        assert_eq!(said, expected);
    }
}

#[test]
fn first_sight_goes_out_at_once_and_the_rest_when_the_window_ends() {
    let mut t = Timeline::new(8);
    t.at(5_200).hear(1, -60);
    t.expect(&[(1, 5_200, 5_200, 1, -60)]);
    t.at(5_300).hear(1, -70);
    t.at(5_400).hear(1, -50);
    t.at(5_500).hear(1, -64);
    t.at(5_999).expect(&[]);
    t.at(6_000).expect(&[(1, 5_300, 5_500, 3, -64)]);
    t.at(60_000).expect(&[]);
}

#[test]
fn another_window_leaves_the_open_one_its_end() {
    let mut t = Timeline::new(8);
    t.at(100).hear(1, -60);
    t.at(500).hear(1, -61);
    t.said.clear();
    t.aggregator.set_window_ms(300);
    t.at(700).hear(1, -63);
    t.at(999).expect(&[]);
    t.at(1_000).expect(&[(1, 500, 700, 2, -63)]);
    t.at(1_010).hear(1, -62);
    t.at(1_199).expect(&[]);
    t.at(1_200).expect(&[(1, 1_010, 1_010, 1, -62)]);
}

#[test]
fn windows_of_all_transmitters_end_together() {
    let mut t = Timeline::new(8);
    t.at(100).hear(1, -60);
    t.at(300).hear(2, -60);
    t.said.clear();
    t.at(500).hear(1, -61);
    t.at(900).hear(2, -62);
    t.at(1_000)
        .expect(&[(1, 500, 500, 1, -61), (2, 900, 900, 1, -62)]);
}

#[test]
fn who_was_silent_for_ten_seconds_is_seen_for_the_first_time_again() {
    let mut t = Timeline::new(8);
    t.at(0).hear(1, -60);
    t.expect(&[(1, 0, 0, 1, -60)]);
    t.at(9_999).hear(1, -60);
    t.expect(&[]);
    t.at(19_999).hear(1, -61);
    t.expect(&[(1, 9_999, 9_999, 1, -60), (1, 19_999, 19_999, 1, -61)]);
}

#[test]
fn past_the_bound_the_one_heard_longest_ago_is_shed_and_counted() {
    let mut t = Timeline::new(2);
    t.at(0).hear(1, -60).hear(2, -60);
    t.at(10).hear(1, -60).hear(1, -60).hear(2, -60);
    t.said.clear();
    t.at(20).hear(2, -60).hear(3, -60); // 1 goes, with two advertisements in its window
    assert_eq!(t.aggregator.shed_total(), 2);
    t.expect(&[(3, 20, 20, 1, -60)]);
    t.at(1_000).expect(&[(2, 10, 20, 2, -60)]);
}

#[test]
fn median_is_of_the_latest_samples_however_many_come() {
    let mut t = Timeline::new(2);
    t.at(1).hear(1, 0);
    for _ in 0..20 {
        t.hear(1, -90);
    }
    for _ in 0..SAMPLES_MAX {
        t.hear(1, -50);
    }
    t.said.clear();
    t.at(1_000).expect(&[(1, 1, 1, 36, -50)]);
}

proptest! {
    #[test]
    fn sum_of_counts_is_what_was_heard_and_not_shed(
        heard in prop::collection::vec((0u64..3_000, 0u8..12, -100i8..0), 0..400),
        transmitters_max in 1usize..8,
    ) {
        let mut t = Timeline::new(transmitters_max);
        let mut now = 0;
        for &(wait_ms, name, rssi_dbm) in &heard {
            // Mostly close together, sometimes long apart.
            now += if wait_ms > 2_800 { 11_000 } else { wait_ms / 20 };
            t.at(now).hear(name, rssi_dbm);
        }
        t.said.extend(t.aggregator.close_all());
        let sum: u64 = t.said.iter().map(|s| u64::from(s.count)).sum();
        prop_assert_eq!(sum + t.aggregator.shed_total(), heard.len() as u64);
        prop_assert!(t.said.iter().all(|s| s.heard_first_mono_ms <= s.heard_last_mono_ms));
        prop_assert!(t.aggregator.poll_at().is_none());
    }
}
