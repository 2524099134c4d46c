//! People at the door: what each does, known in advance.
//!
//! In: draws. Out: a way through street and store with its true moments.
//! Invariant: nothing here knows a threshold.

use std::f64::consts::{FRAC_PI_2, TAU};

use firmware_sim::{
    plan::Point,
    way::{Leg, Way, WayBuilder},
};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// Curtain, mirror and partition of a fitting room.
const FITTING_ROOM_DB: f64 = 5.0;

/// Where people stand: in each zone, and the four fitting-room corners, last.
const STANDS: [(f64, f64); 9] = [
    (12.0, 2.6),
    (4.0, 6.0),
    (12.2, 10.5),
    (20.0, 5.0),
    (19.5, 11.5),
    (0.7, 13.3),
    (0.7, 0.7),
    (23.3, 13.3),
    (23.3, 0.7),
];

/// Of [`STANDS`].
const CORNERS_FROM: usize = 5;

/// One person.
#[derive(Debug)]
pub(crate) struct Person {
    pub(crate) way: Way,
    pub(crate) interval_ms: f64,
    /// When she crosses the door line inwards; 0: she does not.
    pub(crate) in_ms: u64,
    /// When she crosses it outwards.
    pub(crate) out_ms: Option<u64>,
    /// In a fitting room from, until.
    hidden: Vec<(u64, u64)>,
}

impl Person {
    fn new(way: Way, interval_ms: f64, hidden: Vec<(u64, u64)>) -> Self {
        Self {
            in_ms: way.entered_ms().unwrap_or(0),
            out_ms: way.left_ms(),
            way,
            interval_ms,
            hidden,
        }
    }

    /// What a fitting room takes of her phone's strength.
    pub(crate) fn hidden_db(&self, at_ms: u64) -> f64 {
        let inside = |&(from, to): &(u64, u64)| (from..to).contains(&at_ms);
        if self.hidden.iter().any(inside) {
            FITTING_ROOM_DB
        } else {
            0.0
        }
    }
}

/// Walks along the front; one in three stops at the window for up to a minute.
pub(crate) fn passes(rng: &mut ChaCha8Rng, away_m: f64) -> Person {
    let (from_m, to_m) = if rng.random() {
        (-20.0, 44.0)
    } else {
        (44.0, -20.0)
    };
    let mut way = WayBuilder::start(Point::new(from_m, -away_m), 0, pace(rng));
    if rng.random_range(0..3) == 0 {
        way = way
            .walk(Point::new(rng.random_range(1.0..23.0), -away_m))
            .stand(rng.random_range(5_000..60_000), FRAC_PI_2);
    }
    let way = way.walk(Point::new(to_m, -away_m)).done();
    Person::new(way, 250.0, Vec::new())
}

/// Comes from either side, through the door, and goes to a shelf.
pub(crate) fn arrives(rng: &mut ChaCha8Rng) -> Person {
    let way = comes(rng);
    let stand = STANDS[rng.random_range(0..CORNERS_FROM)];
    let way = way
        .walk(Point::new(stand.0, stand.1))
        .stand(90_000, TAU * rng.random::<f64>());
    Person::new(way.done(), 250.0, Vec::new())
}

/// Some minutes in the store, and out again, away to either side.
pub(crate) fn leaves(rng: &mut ChaCha8Rng) -> Person {
    let mut way = comes(rng);
    for _ in 0..rng.random_range(2..5) {
        let stand = STANDS[rng.random_range(0..CORNERS_FROM)];
        way = way
            .walk(Point::new(stand.0, stand.1))
            .stand(rng.random_range(20_000..90_000), TAU * rng.random::<f64>());
    }
    Person::new(goes(rng, way).done(), 250.0, Vec::new())
}

/// An hour in the store with a phone that advertises once in one to two seconds: stands of half a
/// minute to five minutes, one in eight of them in a fitting room, for two to ten. She turns every
/// half minute.
pub(crate) fn stays(rng: &mut ChaCha8Rng) -> Person {
    let mut legs = comes(rng).done().legs;
    let pace_m_s = pace(rng);
    let on = |legs: &[Leg]| {
        let (at, now_ms) = legs
            .last()
            .map_or((Point::new(12.0, 1.5), 0), |leg| (leg.to, leg.to_ms));
        (WayBuilder::start(at, now_ms, pace_m_s), now_ms)
    };
    let mut hidden = Vec::new();
    while on(&legs).1 < 3_600_000 {
        let corner = rng.random_range(0..8) == 0;
        let (among, turns) = if corner {
            (CORNERS_FROM..STANDS.len(), rng.random_range(4..=20))
        } else {
            (0..CORNERS_FROM, rng.random_range(1..=10))
        };
        let stand = STANDS[rng.random_range(among)];
        legs.extend(on(&legs).0.walk(Point::new(stand.0, stand.1)).done().legs);
        let (mut way, from_ms) = on(&legs);
        for _ in 0..turns {
            way = way.stand(30_000, TAU * rng.random::<f64>());
        }
        legs.extend(way.done().legs);
        if corner {
            hidden.push((from_ms, on(&legs).1));
        }
    }
    let out = goes(rng, on(&legs).0).done().legs;
    legs.extend(out);
    Person::new(Way { legs }, rng.random_range(1_000.0..2_000.0), hidden)
}

fn pace(rng: &mut ChaCha8Rng) -> f64 {
    rng.random_range(1.0..1.5)
}

fn comes(rng: &mut ChaCha8Rng) -> WayBuilder {
    let door_m = rng.random_range(10.8..13.2);
    let from = Point::new(rng.random_range(-20.0..44.0), rng.random_range(-10.0..-3.0));
    WayBuilder::start(from, 0, pace(rng))
        .walk(Point::new(door_m, -1.5))
        .walk(Point::new(door_m, 1.5))
}

fn goes(rng: &mut ChaCha8Rng, way: WayBuilder) -> WayBuilder {
    let door_m = rng.random_range(10.8..13.2);
    let side_m = if rng.random() { -28.0 } else { 52.0 };
    way.walk(Point::new(door_m, 1.5))
        .walk(Point::new(door_m, -1.5))
        .walk(Point::new(side_m, rng.random_range(-6.0..-2.0)))
}
