//! Who comes on that Saturday, and what each means to do.
//!
//! In: draws. Out: ways through street and store, with the moments at which the door line is crossed.
//! Invariant: nothing here knows what the system believes; what a customer does at the desk depends
//! on the colleague who stands before her alone.

use std::f64::consts::{FRAC_PI_2, TAU};

use engine::input::OrderKind;
use firmware_sim::{
    firmware::{ANDROID_INTERVAL_US, IOS_INTERVAL_US},
    plan::{Plan, Point},
    radio::{self, PHONE_AT_1M_DBM},
    rng::{Seed, normal},
    way::{Way, WayBuilder},
};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::Args;

/// Where people look at things.
const STANDS: [(f64, f64); 5] = [
    (12.0, 2.6),
    (4.0, 6.0),
    (12.2, 10.5),
    (20.0, 5.0),
    (19.5, 11.5),
];

/// Nobody stands at the desk for longer.
const DESK_MS: u64 = 4 * 3_600_000;

/// What she comes for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// For something that is open for her.
    Desk(OrderKind),
    /// To look around.
    Visitor,
    /// Something is ready for her, and she only passes by.
    Passer,
}

impl Role {
    /// What is open for her.
    pub(crate) fn order(self) -> Option<OrderKind> {
        match self {
            Self::Desk(kind) => Some(kind),
            Self::Visitor => None,
            Self::Passer => Some(OrderKind::ClickAndCollect),
        }
    }
}

/// One person, and where she goes.
#[derive(Debug)]
pub(crate) struct Person {
    pub(crate) role: Role,
    pub(crate) way: Way,
    pub(crate) interval_us: u64,
    pub(crate) at_1m_dbm: f64,
    /// From when on she stands at the desk.
    pub(crate) desk_ms: u64,
    /// She leaves without it after so long at the desk.
    pub(crate) patience_ms: Option<u64>,
    /// After leaving so she comes again, so much later.
    pub(crate) again_ms: Option<u64>,
    /// When she crosses the door line inwards, once a trip.
    pub(crate) entered_ms: Vec<u64>,
    rng: ChaCha8Rng,
}

/// Everybody, in no order.
pub(crate) fn crowd(args: &Args, seed: Seed) -> Vec<Person> {
    let kinds = [
        (Role::Desk(OrderKind::ClickAndCollect), args.pickups),
        (Role::Desk(OrderKind::Return), args.returns),
        (Role::Desk(OrderKind::Reservation), args.reservations),
        (Role::Visitor, args.visitors),
        (Role::Passer, args.passers),
    ];
    let roles = kinds
        .iter()
        .flat_map(|&(role, many)| std::iter::repeat_n(role, many));
    (0..)
        .zip(roles)
        .map(|(number, role)| Person::new(role, seed.stream("person", number), args))
        .collect()
}

impl Person {
    fn new(role: Role, mut rng: ChaCha8Rng, args: &Args) -> Self {
        let for_ms = args.minutes * 60_000;
        let at_1m_dbm = PHONE_AT_1M_DBM + radio::phone_offset_db(&mut rng);
        let interval_us = match rng.random_range(0..10) {
            0..6 => ANDROID_INTERVAL_US,
            _ => IOS_INTERVAL_US,
        };
        let from_ms = comes_at(&mut rng, for_ms);
        let impatient = rng.random_range(0..100) < 5;
        let patience_ms = impatient.then(|| rng.random_range(10_000..40_000));
        let again = rng.random::<bool>();
        let again_ms = again.then(|| rng.random_range(for_ms / 40..for_ms / 10));
        let mut person = Self {
            role,
            way: Way::default(),
            interval_us,
            at_1m_dbm,
            desk_ms: 0,
            patience_ms,
            again_ms,
            entered_ms: Vec::new(),
            rng,
        };
        match role {
            Role::Desk(_) => person.come_to_desk(from_ms),
            Role::Visitor => person.look_around(from_ms),
            Role::Passer => person.pass(from_ms, args.away_m_min..args.away_m_max),
        }
        person
    }

    /// From the street to the desk, and stands there until something happens.
    pub(crate) fn come_to_desk(&mut self, from_ms: u64) {
        let desk = Plan::kade_9()
            .zones
            .last()
            .map_or(STANDS[4], |zone| (zone.stand.x_m, zone.stand.y_m));
        let aside = |rng: &mut ChaCha8Rng| 0.5 * normal(rng).clamp(-2.0, 2.0);
        let desk = Point::new(desk.0 + aside(&mut self.rng), desk.1 + aside(&mut self.rng));
        let trip = self.comes(from_ms).walk(desk);
        let facing = TAU * self.rng.random::<f64>();
        let trip = trip.stand(DESK_MS, facing).done();
        let (_, until_ms) = trip.span_ms();
        self.desk_ms = until_ms - DESK_MS;
        self.go(trip);
    }

    /// She turns away from the desk, perhaps looks around, and leaves.
    pub(crate) fn leave_desk(&mut self, at_ms: u64) {
        let Some(mut stand) = self.way.legs.pop() else {
            return;
        };
        stand.to_ms = at_ms;
        let at = stand.from;
        self.way.legs.push(stand);
        let mut trip = WayBuilder::start(at, at_ms, pace(&mut self.rng));
        if self.rng.random_range(0..10) < 3 {
            trip = looks(&mut self.rng, trip, 1..4);
        }
        let trip = goes(&mut self.rng, trip).done();
        self.go(trip);
    }

    fn look_around(&mut self, from_ms: u64) {
        let trip = self.comes(from_ms);
        let trip = looks(&mut self.rng, trip, 3..15);
        let trip = goes(&mut self.rng, trip).done();
        self.go(trip);
    }

    /// Along the front, so many metres from it; one in three stops before the window.
    fn pass(&mut self, from_ms: u64, away_m: std::ops::Range<f64>) {
        let rng = &mut self.rng;
        let away_m = rng.random_range(away_m);
        let (from_m, to_m) = match rng.random() {
            true => (-20.0, 44.0),
            false => (44.0, -20.0),
        };
        let mut trip = WayBuilder::start(Point::new(from_m, -away_m), from_ms, pace(rng));
        if rng.random_range(0..3) == 0 {
            trip = trip
                .walk(Point::new(rng.random_range(1.0..23.0), -away_m))
                .stand(rng.random_range(5_000..60_000), FRAC_PI_2);
        }
        let trip = trip.walk(Point::new(to_m, -away_m)).done();
        self.go(trip);
    }

    fn comes(&mut self, from_ms: u64) -> WayBuilder {
        let rng = &mut self.rng;
        let door_m = rng.random_range(10.8..13.2);
        let from = Point::new(rng.random_range(-20.0..44.0), rng.random_range(-10.0..-3.0));
        WayBuilder::start(from, from_ms, pace(rng))
            .walk(Point::new(door_m, -1.5))
            .walk(Point::new(door_m, 1.5))
    }

    fn go(&mut self, trip: Way) {
        self.entered_ms.extend(trip.entered_ms());
        self.way.legs.extend(trip.legs);
    }
}

/// Half of them at any time, the others around three fifths of the day. The last come so early that
/// they are helped before it is over.
fn comes_at(rng: &mut ChaCha8Rng, for_ms: u64) -> u64 {
    let last_ms = for_ms as f64 * 0.97;
    let at_ms = match rng.random() {
        true => last_ms * rng.random::<f64>(),
        false => for_ms as f64 * (0.6 + 0.15 * normal(rng)),
    };
    at_ms.clamp(1_000.0, last_ms) as u64
}

fn looks(rng: &mut ChaCha8Rng, mut trip: WayBuilder, many: std::ops::Range<u32>) -> WayBuilder {
    for _ in 0..rng.random_range(many) {
        let stand = STANDS[rng.random_range(0..STANDS.len())];
        let at = Point::new(
            stand.0 + rng.random_range(-1.5..1.5),
            stand.1 + rng.random_range(-1.5..1.5),
        );
        trip = trip
            .walk(at)
            .stand(rng.random_range(20_000..140_000), TAU * rng.random::<f64>());
    }
    trip
}

fn goes(rng: &mut ChaCha8Rng, trip: WayBuilder) -> WayBuilder {
    let door_m = rng.random_range(10.8..13.2);
    let side_m = if rng.random() { -28.0 } else { 52.0 };
    trip.walk(Point::new(door_m, 1.5))
        .walk(Point::new(door_m, -1.5))
        .walk(Point::new(side_m, rng.random_range(-6.0..-2.0)))
}

fn pace(rng: &mut ChaCha8Rng) -> f64 {
    rng.random_range(1.0..1.5)
}
