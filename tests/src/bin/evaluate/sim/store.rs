//! A store that is made up: its air, its walkers, and what its gateways report of them.
//!
//! In: a seed and where the gateways hang. Out: for each walker where she truly was and what was
//! heard of her, in windows, as the gateway's own aggregator closes them.
//! Promises: the same seed gives the same store; a walker's luck does not depend on another's.
//! Invariant: shares no formula with the engine; what is right here is not what the filter assumes.

use anyhow::Context;
use firmware_sim::{
    plan::Point,
    radio::{Pose, SCANNER_DEAF_SHARE, survives_collisions},
    rng::{Seed, normal},
    way::{Leg, Way},
};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::ears::{Ears, LOOK_MS, Told};

/// Zones side by side, and one behind another.
pub(crate) const GRID: (u16, u16) = (4, 3);
/// A zone, in metres.
pub(crate) const ZONE_M: (f64, f64) = (10.0, 8.0);

/// The air of one store. What a seed may draw, is drawn.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Air {
    /// Received from 1 m, in dBm: the -59 of iBeacon's documents, less 4 dB for pocket and bag.
    pub(crate) at_1m_dbm: f64,
    /// Path-loss exponent, one a store, 2 to 3: Rappaport's table has 1.8 and 2.2 for open shops,
    /// ITU-R P.1238 has 2.2, and shelves in the way make it more.
    pub(crate) exponent: f64,
    /// Shadowing: Rappaport's 5 to 9 dB over buildings, at its lower end for one floor.
    pub(crate) shadowing_db: f64,
    /// Metres after which shadowing is another: Gudmundson's exponential model (1991), with the 1 to
    /// 2 m of rooms, as in [`firmware_sim::radio`].
    pub(crate) shadowing_m: f64,
    /// Fading of each packet: three channels, and people who move; 4 dB is a Rician K of 3 dB.
    pub(crate) fading_db: f64,
    /// A body between phone and antenna; published on-body measurements give 5 to 15 dB.
    pub(crate) body_db: f64,
    /// Phones differ by this deviation in what they send.
    pub(crate) phone_db: f64,
    /// A Raspberry Pi hears down to this.
    pub(crate) floor_dbm: f64,
    /// Advertisements of others in a second: 30 phones of shoppers, and as many of everything else.
    pub(crate) others_per_s: f64,
    /// An antenna hangs this much above a phone.
    pub(crate) above_m: f64,
}

impl Air {
    pub(crate) fn drawn(seed: Seed) -> Self {
        Self {
            at_1m_dbm: -63.0,
            exponent: seed.stream("exponent", 0).random_range(2.0..3.0),
            shadowing_db: 5.0,
            shadowing_m: 1.5,
            fading_db: 4.0,
            body_db: 8.0,
            phone_db: 4.0,
            floor_dbm: -94.0,
            others_per_s: 200.0,
            above_m: 1.5,
        }
    }
}

/// Shadowing of one antenna over the floor: cosines whose lengths give an exponential correlation
/// (spectral method, Shinozuka and Jan 1972). Who comes back to a place finds the same shadow.
struct Shadow {
    waves: Vec<(f64, f64, f64)>,
    scale_db: f64,
}

const WAVES: usize = 100;

impl Shadow {
    fn new(air: &Air, rng: &mut ChaCha8Rng) -> Self {
        let wave = |_| {
            // The wave number of exp(-r / d) in the plane has 1 - 1 / sqrt(1 + (k d)^2) below k.
            let above: f64 = 1.0 - rng.random::<f64>();
            let k = (above.powi(-2) - 1.0).sqrt() / air.shadowing_m;
            let (sin, cos) = (std::f64::consts::TAU * rng.random::<f64>()).sin_cos();
            (
                k * cos,
                k * sin,
                std::f64::consts::TAU * rng.random::<f64>(),
            )
        };
        Self {
            waves: (0..WAVES).map(wave).collect(),
            scale_db: air.shadowing_db * (2.0 / WAVES as f64).sqrt(),
        }
    }

    fn db(&self, at: Point) -> f64 {
        let wave = |&(kx, ky, phase): &(f64, f64, f64)| (kx * at.x_m + ky * at.y_m + phase).cos();
        self.scale_db * self.waves.iter().map(wave).sum::<f64>()
    }
}

/// One walker's truth, and what was told of her.
pub(crate) struct Walker {
    pub(crate) offset_db: f64,
    pub(crate) interval_ms: f64,
    /// The zone in each second.
    pub(crate) zones: Vec<u16>,
    /// In the order in which the server has it.
    pub(crate) told: Vec<Told>,
}

pub(crate) struct Store {
    pub(crate) air: Air,
    pub(crate) antennas: Vec<Point>,
    shadows: Vec<Shadow>,
    seed: Seed,
}

impl Store {
    pub(crate) fn new(seed: Seed, air: Air, antennas: Vec<Point>) -> Self {
        let shadows = (0..antennas.len() as u64)
            .map(|at| Shadow::new(&air, &mut seed.stream("shadow", at)))
            .collect();
        Self {
            air,
            antennas,
            shadows,
            seed,
        }
    }

    /// A walker with this number, for so long.
    pub(crate) fn walker(&self, number: u64, for_ms: u64) -> anyhow::Result<Walker> {
        let mut rng = self.seed.stream("phone", number);
        let offset_db = self.air.phone_db * normal(&mut rng);
        let interval_ms = [250.0, 400.0, 700.0, 1_000.0][rng.random_range(0..4)];
        let way = way(&mut self.seed.stream("way", number), for_ms);
        let pose = |at_ms| way.pose(at_ms).context("a way that ended early");
        let seconds = (1..=for_ms / 1_000).map(|s| Ok(zone_at(pose(s * 1_000)?.at)));
        let zones = seconds.collect::<anyhow::Result<_>>()?;
        let told = self.told(&way, number, offset_db, interval_ms, for_ms)?;
        Ok(Walker {
            offset_db,
            interval_ms,
            zones,
            told,
        })
    }

    fn told(
        &self,
        way: &Way,
        number: u64,
        offset_db: f64,
        interval_ms: f64,
        for_ms: u64,
    ) -> anyhow::Result<Vec<Told>> {
        let mut rng = self.seed.stream("packets", number);
        let mut ears = Ears::new(self.antennas.len())?;
        let mut next_ms = interval_ms * rng.random::<f64>();
        for look_ms in (0..for_ms).step_by(LOOK_MS as usize) {
            while next_ms < look_ms as f64 {
                let sent_ms = next_ms as u64;
                // Each is up to 10 ms late by chance (Core specification, volume 6, part B, 4.4.2.2).
                next_ms += interval_ms + 10.0 * rng.random::<f64>();
                let Some(pose) = way.pose(sent_ms) else {
                    continue;
                };
                for antenna in 0..self.antennas.len() {
                    if let Some(rssi_dbm) = self.receive(pose, antenna, offset_db, &mut rng) {
                        ears.hear(look_ms, sent_ms, antenna, rssi_dbm);
                    }
                }
            }
            ears.look(look_ms);
        }
        Ok(ears.told())
    }

    /// One advertisement at one antenna.
    fn receive(
        &self,
        pose: Pose,
        anchor: usize,
        offset_db: f64,
        rng: &mut ChaCha8Rng,
    ) -> Option<i8> {
        let (air, antenna) = (&self.air, self.antennas[anchor]);
        let way_m = pose.at.distance_m(antenna).hypot(air.above_m);
        let fading_db = air.fading_db * normal(rng);
        let luck: f64 = rng.random();
        let lost_db = 10.0 * air.exponent * way_m.log10() + air.body_db * behind(pose, antenna);
        let rssi_dbm = air.at_1m_dbm + offset_db - lost_db + fading_db;
        let kept = (1.0 - SCANNER_DEAF_SHARE) * survives_collisions(air.others_per_s);
        // The shadow is looked up last: it costs most, and more than 30 dB of it does not happen.
        if luck >= kept || rssi_dbm < air.floor_dbm - 30.0 {
            return None;
        }
        let rssi_dbm = rssi_dbm + self.shadows[anchor].db(pose.at);
        (rssi_dbm >= air.floor_dbm).then_some(rssi_dbm.round() as i8)
    }
}

/// 1 with the antenna behind her, 0 with it in front or beside her.
fn behind(pose: Pose, antenna: Point) -> f64 {
    let bearing = (antenna.y_m - pose.at.y_m).atan2(antenna.x_m - pose.at.x_m);
    (-1.5 * (bearing - pose.heading_rad).cos()).clamp(0.0, 1.0)
}

/// The zone of a place.
pub(crate) fn zone_at(at: Point) -> u16 {
    let column = ((at.x_m / ZONE_M.0) as u16).min(GRID.0 - 1);
    let row = ((at.y_m / ZONE_M.1) as u16).min(GRID.1 - 1);
    row * GRID.0 + column
}

/// The middle of a zone.
pub(crate) fn middle(zone: u16) -> Point {
    let (column, row) = (zone % GRID.0, zone / GRID.0);
    Point::new(
        (f64::from(column) + 0.5) * ZONE_M.0,
        (f64::from(row) + 0.5) * ZONE_M.1,
    )
}

/// From stand to stand: half of them in the same zone, a third next door, the others anywhere.
/// Stands last a minute in the mean, none less than 5 s; in one she turns and shifts every 10 s or so.
fn way(rng: &mut ChaCha8Rng, for_ms: u64) -> Way {
    let speed_m_s = 1.2 + 0.15 * normal(rng).clamp(-2.0, 2.0);
    let mut zone = rng.random_range(0..GRID.0 * GRID.1);
    let (mut at, mut now_ms) = (spot(rng, zone), 0);
    let mut legs = Vec::new();
    while now_ms <= for_ms {
        let mut stand_ms = 5_000.0 + exponential(rng, 55_000.0);
        let shelf = at;
        while stand_ms > 0.0 {
            let turn_ms = stand_ms.min(2_000.0 + exponential(rng, 8_000.0));
            let aside = Point::new(shelf.x_m + 0.5 * normal(rng), shelf.y_m + 0.5 * normal(rng));
            walk(
                &mut legs,
                &mut at,
                &mut now_ms,
                within(aside, zone),
                speed_m_s,
            );
            legs.push(Leg {
                from_ms: now_ms,
                to_ms: now_ms + turn_ms as u64,
                from: at,
                to: at,
                heading_rad: std::f64::consts::TAU * rng.random::<f64>(),
            });
            now_ms += turn_ms as u64;
            stand_ms -= turn_ms;
        }
        zone = match rng.random_range(0..100) {
            0..50 => zone,
            50..85 => beside(rng, zone),
            _ => rng.random_range(0..GRID.0 * GRID.1),
        };
        let next = spot(rng, zone);
        walk(&mut legs, &mut at, &mut now_ms, next, speed_m_s);
    }
    Way { legs }
}

fn walk(legs: &mut Vec<Leg>, at: &mut Point, now_ms: &mut u64, to: Point, speed_m_s: f64) {
    let took_ms = (at.distance_m(to) / speed_m_s * 1_000.0) as u64;
    legs.push(Leg {
        from_ms: *now_ms,
        to_ms: *now_ms + took_ms,
        from: *at,
        to,
        heading_rad: (to.y_m - at.y_m).atan2(to.x_m - at.x_m),
    });
    *now_ms += took_ms;
    *at = to;
}

fn exponential(rng: &mut ChaCha8Rng, mean: f64) -> f64 {
    -mean * (1.0 - rng.random::<f64>()).ln()
}

/// Shelves stand all over a zone.
fn spot(rng: &mut ChaCha8Rng, zone: u16) -> Point {
    let middle = middle(zone);
    let aside = |rng: &mut ChaCha8Rng, side_m: f64| side_m * (rng.random::<f64>() - 0.5);
    let x_m = middle.x_m + aside(rng, ZONE_M.0);
    within(Point::new(x_m, middle.y_m + aside(rng, ZONE_M.1)), zone)
}

/// The nearest place that is a metre or more inside a zone: plans draw borders along aisles, where
/// people walk and do not stand.
fn within(at: Point, zone: u16) -> Point {
    let middle = middle(zone);
    let (x_m, y_m) = (ZONE_M.0 / 2.0 - 1.0, ZONE_M.1 / 2.0 - 1.0);
    Point::new(
        at.x_m.clamp(middle.x_m - x_m, middle.x_m + x_m),
        at.y_m.clamp(middle.y_m - y_m, middle.y_m + y_m),
    )
}

fn beside(rng: &mut ChaCha8Rng, zone: u16) -> u16 {
    loop {
        let other = rng.random_range(0..GRID.0 * GRID.1);
        let columns = (zone % GRID.0).abs_diff(other % GRID.0);
        if columns + (zone / GRID.0).abs_diff(other / GRID.0) == 1 {
            return other;
        }
    }
}
