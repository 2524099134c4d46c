//! The radio: which advertisement arrives, and how strong.
//!
//! In: where sender and receiver are, what stands between, how busy the air is.
//! Out: a received strength, or nothing. Model: log-distance path loss + shadowing that is
//! correlated along the way + fading per packet + losses of body, pocket and front + collisions.
//! Promises: the same link with the same seed and the same questions gives the same answers.
//! Invariant: the constants are frozen; nothing is tuned to how a detector happens to work.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::{
    plan::{ANTENNA_ABOVE_PHONE_M, FrontPart, Plan, Point},
    rng::{Seed, normal},
};

/// Received from a phone at 1 m in free air, in dBm: 0 dBm sent, 40 dB free-space loss at
/// 2.44 GHz (Friis), about 19 dB of small antennas and case; the -59 that iBeacon documents use.
pub const PHONE_AT_1M_DBM: f64 = -59.0;
/// Path loss exponent in a shop: Rappaport, "Wireless Communications", table of exponents
/// measured in buildings: retail stores 2.2, grocery stores 1.8; ITU-R P.1238 gives N = 22 for
/// commercial space around 2 GHz, which is the same number.
pub const PATH_LOSS_EXPONENT: f64 = 2.2;
/// Deviation of shadowing in dB within one open floor. Rappaport's tables give 5 to 9 dB over
/// whole buildings; walls, bodies and the front are counted on their own here, which leaves 3.
pub const SHADOWING_SIGMA_DB: f64 = 3.0;
/// Metres after which shadowing is another (exponential model of Gudmundson, 1991; indoors 1-2 m).
pub const SHADOWING_DECORRELATION_M: f64 = 1.5;
/// Rician K with a clear line, as a ratio: 6 dB, in the range measured indoors at 2.4 GHz.
pub const RICIAN_K_CLEAR: f64 = 4.0;
/// Rician K behind a body: next to Rayleigh.
pub const RICIAN_K_BLOCKED: f64 = 0.5;
/// A phone in a pocket or a bag loses this in dB whichever way she faces.
pub const POCKET_LOSS_DB: f64 = 4.0;
/// A body right between phone and antenna, in dB: published on-body BLE measurements give 5-15.
pub const BODY_LOSS_DB: f64 = 8.0;
/// A sliding door's single pane, in dB (plain glass at 2.4 GHz: 2-4).
pub const DOOR_LOSS_DB: f64 = 3.0;
/// Shop window, frames, posters and wall, in dB (coated glass: 10 and far more).
pub const WINDOW_LOSS_DB: f64 = 10.0;
/// Phones differ by this deviation in dB in what they send and hear.
pub const PHONE_OFFSET_SIGMA_DB: f64 = 2.0;
/// No phone is further off than this, in dB: it would not pass its own test bench.
pub const PHONE_OFFSET_MAX_DB: f64 = 4.0;
/// A Raspberry Pi's radio hears down to this, in dBm (its data sheet promises about -90).
pub const GATEWAY_SENSITIVITY_DBM: f64 = -92.0;
/// A phone hears down to this, in dBm.
pub const PHONE_SENSITIVITY_DBM: f64 = -94.0;
/// Air time of a full legacy advertisement at 1 Mbit/s, in seconds: 47 bytes (Core
/// specification, volume 6, part B, 2.1: preamble 1, address 4, header 2, payload 37, CRC 3).
pub const ADVERT_AIR_TIME_S: f64 = 376e-6;
/// A scanner misses this share while it changes channel and delivers reports.
pub const SCANNER_DEAF_SHARE: f64 = 0.05;

/// Where a phone is and which way its bearer faces.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pose {
    /// Where.
    pub at: Point,
    /// The direction she faces, in radians from the x axis.
    pub heading_rad: f64,
}

/// One phone or beacon and one receiver: what of the air is theirs alone.
#[derive(Debug)]
pub struct Link {
    rng: ChaCha8Rng,
    shadow_db: f64,
    shadowed_at: Option<Point>,
}

/// What an attempt to receive starts from.
#[derive(Debug, Clone, Copy)]
pub struct Attempt {
    /// Strength at 1 m, offsets of both radios included.
    pub at_1m_dbm: f64,
    /// The end that people carry.
    pub mobile: Pose,
    /// The end that hangs.
    pub fixed: Point,
    /// Weakest that the receiver hears.
    pub sensitivity_dbm: f64,
    /// Advertisements a second that others send within range.
    pub others_per_s: f64,
}

impl Link {
    /// The link with this number.
    pub fn new(seed: Seed, index: u64) -> Self {
        let mut rng = seed.stream("link", index);
        let shadow_db = SHADOWING_SIGMA_DB * normal(&mut rng);
        Self {
            rng,
            shadow_db,
            shadowed_at: None,
        }
    }

    /// One advertisement: its received strength in dBm, or none if it was lost. The number of
    /// draws does not depend on the outcome, so a change of sensitivity shifts nothing.
    pub fn receive(&mut self, plan: &Plan, attempt: &Attempt) -> Option<i8> {
        self.walk_to(attempt.mobile.at);
        let blocked = body_share(attempt.mobile, attempt.fixed);
        let k = RICIAN_K_CLEAR + (RICIAN_K_BLOCKED - RICIAN_K_CLEAR) * blocked;
        let rssi_dbm = mean_dbm(plan, attempt) + self.shadow_db + self.fading_db(k);
        let luck: f64 = self.rng.random();
        let clear = (1.0 - SCANNER_DEAF_SHARE) * survives_collisions(attempt.others_per_s);
        (luck < clear && rssi_dbm >= attempt.sensitivity_dbm).then(|| to_rssi(rssi_dbm))
    }

    /// Shadowing follows the way walked: an autoregressive step per metre moved.
    fn walk_to(&mut self, at: Point) {
        let moved_m = self.shadowed_at.map_or(0.0, |before| before.distance_m(at));
        let keep = (-moved_m / SHADOWING_DECORRELATION_M).exp();
        let fresh = SHADOWING_SIGMA_DB * normal(&mut self.rng);
        self.shadow_db = keep * self.shadow_db + (1.0 - keep * keep).sqrt() * fresh;
        self.shadowed_at = Some(at);
    }

    /// Power of a Rician channel in dB; its mean power is 1.
    fn fading_db(&mut self, k: f64) -> f64 {
        let scatter = (1.0 / (2.0 * (k + 1.0))).sqrt();
        let re = (k / (k + 1.0)).sqrt() + scatter * normal(&mut self.rng);
        let im = scatter * normal(&mut self.rng);
        10.0 * (re * re + im * im).max(1e-6).log10()
    }
}

/// A phone's own offset in dB, sent and heard alike.
pub fn phone_offset_db(rng: &mut ChaCha8Rng) -> f64 {
    (PHONE_OFFSET_SIGMA_DB * normal(rng)).clamp(-PHONE_OFFSET_MAX_DB, PHONE_OFFSET_MAX_DB)
}

/// Strength without shadowing and fading.
pub fn mean_dbm(plan: &Plan, attempt: &Attempt) -> f64 {
    let Attempt { mobile, fixed, .. } = *attempt;
    let distance_m = mobile
        .at
        .distance_m(fixed)
        .hypot(ANTENNA_ABOVE_PHONE_M)
        .max(1.0);
    let front_db = match plan.crosses_front(mobile.at, fixed) {
        None => 0.0,
        Some(FrontPart::Door) => DOOR_LOSS_DB,
        Some(FrontPart::Window) => WINDOW_LOSS_DB,
    };
    attempt.at_1m_dbm
        - 10.0 * PATH_LOSS_EXPONENT * distance_m.log10()
        - POCKET_LOSS_DB
        - BODY_LOSS_DB * body_share(mobile, fixed)
        - front_db
}

/// How much her body is in the way: 0 facing the antenna, 1 with her back to it.
fn body_share(mobile: Pose, fixed: Point) -> f64 {
    let bearing = (fixed.y_m - mobile.at.y_m).atan2(fixed.x_m - mobile.at.x_m);
    (1.0 - (bearing - mobile.heading_rad).cos()) / 2.0
}

/// The chance that nobody else sends on this channel at the same time (pure ALOHA, Abramson
/// 1970): each advertisement is repeated on three channels, one of which the scanner is on.
pub fn survives_collisions(others_per_s: f64) -> f64 {
    (-2.0 * ADVERT_AIR_TIME_S * others_per_s).exp()
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "clamped to what a radio reports"
)]
fn to_rssi(rssi_dbm: f64) -> i8 {
    // A chip next to a phone saturates near -25; 127 would mean "unknown".
    rssi_dbm.round().clamp(-110.0, -25.0) as i8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(y_m: f64, heading_rad: f64) -> Attempt {
        Attempt {
            at_1m_dbm: PHONE_AT_1M_DBM,
            mobile: Pose {
                at: Point::new(12.5, y_m),
                heading_rad,
            },
            fixed: Point::new(12.5, 1.5),
            sensitivity_dbm: GATEWAY_SENSITIVITY_DBM,
            others_per_s: 0.0,
        }
    }
    const IN: f64 = std::f64::consts::FRAC_PI_2;

    #[test]
    fn strength_falls_with_distance_and_behind_a_body() {
        let plan = Plan::kade_9();
        let near = mean_dbm(&plan, &attempt(-0.5, IN));
        let far = mean_dbm(&plan, &attempt(-8.0, IN));
        let turned = mean_dbm(&plan, &attempt(-0.5, -IN));
        assert!(near - far > 12.0, "{near} and {far}");
        assert!((near - turned - BODY_LOSS_DB).abs() < 0.1);
    }

    #[test]
    fn collisions_follow_aloha() {
        assert!((survives_collisions(0.0) - 1.0).abs() < 1e-9);
        // 100 devices at 10 a second: 2 * 376 us * 1,000 = 0.752 expected colliders.
        assert!((survives_collisions(1_000.0) - 0.471).abs() < 0.001);
    }

    #[test]
    fn fading_keeps_the_mean_power() {
        let mut link = Link::new(Seed(3), 0);
        for k in [RICIAN_K_BLOCKED, RICIAN_K_CLEAR] {
            let draws = 20_000;
            let powers = (0..draws).map(|_| 10f64.powf(link.fading_db(k) / 10.0));
            let mean = powers.sum::<f64>() / f64::from(draws);
            assert!((mean - 1.0).abs() < 0.05, "K {k}: {mean}");
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_receptions() {
        let plan = Plan::kade_9();
        let run = |seed| {
            let mut link = Link::new(Seed(seed), 9);
            (0..200)
                .map(|_| link.receive(&plan, &attempt(-6.0, IN)))
                .collect::<Vec<_>>()
        };
        assert_eq!(run(1), run(1));
        assert_ne!(run(1), run(2));
    }

    #[test]
    fn an_opted_in_passer_by_stays_below_the_entry_threshold() {
        // The threshold must stand above what the far pavement gives by the model's own mean,
        // with room for shadowing and the best phone; the world's tests look at whole runs.
        let plan = Plan::kade_9();
        let passing = Attempt {
            at_1m_dbm: PHONE_AT_1M_DBM + PHONE_OFFSET_MAX_DB,
            mobile: Pose {
                at: Point::new(12.5, -crate::plan::FAR_PAVEMENT_M),
                heading_rad: 0.0,
            },
            ..attempt(0.0, 0.0)
        };
        let threshold_dbm = f64::from(plan.anchors[0].enter_rssi_dbm);
        assert!(mean_dbm(&plan, &passing) < threshold_dbm - 2.0 * SHADOWING_SIGMA_DB);
    }
}
