//! A store that nobody has walked yet, from its floor plan.
//!
//! In: where zones and anchors are, and constants of the air. Out: a [`Model`].
//! Promises: the last place is always [`OUTSIDE`], and everything can be reached from it.
//! Its constants are assumptions: no recording has chosen them yet.
//! Invariant: levels fall with distance; nothing here is learned.

use super::model::{Hearing, Misshapen, Model, OUTSIDE, Settings};

/// Constants of the air in a shop.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Air {
    /// Median strength at one metre: the -59 dBm of iBeacon's calibration, less 4 dB of a pocket and
    /// what a body takes in the mean.
    pub at_1m_dbm: f32,
    /// Path-loss exponent (log-distance model; Rappaport 2002, 4.9.1). Shops: 2 to 3.
    pub exponent: f32,
    /// Shadowing, bodies, and what smoothing leaves of fading.
    pub sigma_db: f32,
    /// Half of what comes in as weakly as this is not received.
    pub floor_dbm: f32,
    /// Sightings in a second when all is received.
    pub per_s: f32,
    /// What the front takes between street and store, all in all. Coated glass takes 10 dB and more, an
    /// open door nothing. To take less off where a zone with a door reaches the front than elsewhere
    /// (4 and 8 or 10 dB) changed nothing at the simulated door.
    pub front_loss_db: f32,
}

impl Default for Air {
    fn default() -> Self {
        Self {
            at_1m_dbm: -67.0,
            exponent: 2.5,
            sigma_db: 6.0,
            floor_dbm: -94.0,
            per_s: 1.0,
            front_loss_db: 5.0,
        }
    }
}

/// Part of a zone: a rectangle.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Patch {
    /// Whose; [`OUTSIDE`]: the street before a window, where phones are heard too. Its `door` leads on
    /// to where they are not.
    pub zone: u16,
    /// Its middle.
    pub x_m: f32,
    /// Its middle.
    pub y_m: f32,
    /// From side to side.
    pub wide_m: f32,
    /// From front to back.
    pub deep_m: f32,
    /// There is a way out.
    pub door: bool,
}

/// An anchor on the plan.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spot {
    /// Metres east.
    pub x_m: f32,
    /// Metres north.
    pub y_m: f32,
    /// What it hears beyond what the air gives.
    pub offset_db: f32,
    /// It hangs outside, before the front.
    pub in_street: bool,
}

/// Along the front people walk, in either direction, twice as likely as across.
const STREET_M_S: f32 = 2.0;

/// Share of seconds in which somebody at a door uses it.
const LEAVES_PER_S: f32 = 0.003;

/// Share of seconds in which somebody outside comes in.
const COMES_PER_S: f32 = 0.0003;

/// Outside the store this much less is heard than anywhere in it.
const OUTSIDE_DB: f32 = 10.0;

/// And so rarely: somebody who passes, a signal through the glass.
const OUTSIDE_PER_S: f32 = 0.02;

/// How much weight observations have where nobody has walked. Chosen in a simulated store
/// (`evaluate sim`, seeds 1 to 8): some 60 draws of all of these, then the one whose 90 % came
/// closest to the truth with twelve gateways and with six. A shadow stands still while she does, so
/// that second after second of the same strength says little more than the first.
pub fn settings() -> Settings {
    Settings {
        tail: 15.0,
        count_weight: 0.2,
        fresh_ms: 6_000,
        smooth_ms: 1_000,
        open_sigma_db: Air::default().sigma_db,
        ..Settings::default()
    }
}

/// Patches and anchors on a plan.
pub fn plan(
    settings: Settings,
    air: &Air,
    patches: &[Patch],
    spots: &[Spot],
) -> Result<Model, Misshapen> {
    let mut zone_of: Vec<u16> = patches.iter().map(|patch| patch.zone).collect();
    zone_of.push(OUTSIDE);
    let mut hearings = Vec::with_capacity(spots.len() * zone_of.len());
    for spot in spots {
        let from = hearings.len();
        hearings.extend(patches.iter().map(|patch| patch.hears(air, spot)));
        let own = hearings.get(from..).unwrap_or_default();
        let least = own.iter().map(|h| h.level_dbm).fold(-60.0, f32::min);
        hearings.push(outside(air, least));
    }
    let (step_s, walk_m_s) = (settings.step_ms as f32 / 1_000.0, settings.walk_m_s);
    let moves = |place: usize, out: &mut Vec<(u32, f32)>| {
        let Some(here) = patches.get(place) else {
            let doors = (0..).zip(patches).filter(|(_, patch)| patch.door);
            let street = patches.iter().any(|patch| patch.zone == OUTSIDE);
            let doors = doors.filter(|(_, patch)| patch.zone == OUTSIDE || !street);
            out.extend(doors.map(|(at, _)| (at, COMES_PER_S * step_s)));
            out.push((place as u32, 1.0));
            return;
        };
        let mut left = 1.0;
        for (at, there) in (0..).zip(patches) {
            if at as usize != place && here.leads_to(there) {
                let way_m = (here.x_m - there.x_m).hypot(here.y_m - there.y_m);
                let share = here.speed_m_s(walk_m_s) * step_s / (4.0 * way_m.max(1.0));
                left -= share;
                out.push((at, share));
            }
        }
        let street = patches.iter().any(|patch| patch.zone == OUTSIDE);
        if here.door && (here.zone == OUTSIDE || !street) {
            left -= LEAVES_PER_S * step_s;
            out.push((patches.len() as u32, LEAVES_PER_S * step_s));
        }
        out.push((place as u32, left.max(0.1)));
    };
    let rest = mostly_outside(zone_of.len());
    Model::new(settings, zone_of, &hearings, moves, &rest)
}

impl Air {
    /// Log-distance path loss; nearer than half a metre is half a metre.
    pub fn level_dbm(&self, distance_m: f32) -> f32 {
        self.at_1m_dbm - 10.0 * self.exponent * distance_m.max(0.5).log10()
    }

    /// Of what comes in at a level: the share that is received, and mean and variance of that. What
    /// is heard of a far phone is not as weak as it is sent: the weaker half was lost (normal
    /// distribution cut off at the floor; Johnson, Kotz and Balakrishnan 1994, 13.10.1).
    fn received(&self, level_dbm: f32) -> (f32, f32, f32) {
        let cut = ((self.floor_dbm - level_dbm) / self.sigma_db).clamp(-6.0, 6.0);
        // Abramowitz and Stegun (1964) 26.2.17: the tail beyond `at`, by the density there.
        let tail = |at: f32| {
            let t = 1.0 / (1.0 + 0.231_641_9 * at);
            let sum = -1.821_256 + t * 1.330_274_5;
            t * (0.319_381_53 + t * (-0.356_563_78 + t * (1.781_477_9 + t * sum)))
        };
        let density = (-cut * cut / 2.0).exp() / std::f32::consts::TAU.sqrt();
        let share = if cut >= 0.0 {
            density * tail(cut)
        } else {
            1.0 - density * tail(-cut)
        };
        let above = density / share;
        let mean_dbm = level_dbm + self.sigma_db * above;
        let variance = self.sigma_db.powi(2) * (1.0 + above * (cut - above)).max(0.02);
        (share, mean_dbm, variance)
    }
}

impl Patch {
    /// People in the street walk on.
    fn speed_m_s(&self, walk_m_s: f32) -> f32 {
        if self.zone == OUTSIDE {
            STREET_M_S
        } else {
            walk_m_s
        }
    }

    /// Between street and store there is a way at a door alone.
    fn leads_to(&self, other: &Self) -> bool {
        let inner = if self.zone == OUTSIDE { other } else { self };
        let through_front = (self.zone == OUTSIDE) != (other.zone == OUTSIDE);
        self.touches(other) && (!through_front || inner.door)
    }

    /// Whether they share a side.
    pub(super) fn touches(&self, other: &Self) -> bool {
        let apart = |a: f32, b: f32, both: f32| (a - b).abs() - both / 2.0;
        let x = apart(self.x_m, other.x_m, self.wide_m + other.wide_m);
        let y = apart(self.y_m, other.y_m, self.deep_m + other.deep_m);
        // A shared side, not a shared corner; plans are drawn to some centimetres.
        x < 0.1 && y < 0.1 && (x < -0.1 || y < -0.1)
    }

    /// What is received of nine points of the patch.
    fn hears(&self, air: &Air, spot: &Spot) -> Hearing {
        let thirds = [-1.0, 0.0, 1.0].map(|third| third / 3.0);
        let through_front = (self.zone == OUTSIDE) != spot.in_street;
        let loss_db = if through_front {
            air.front_loss_db
        } else {
            0.0
        };
        let level = |along: f32, across: f32| {
            let x_m = self.x_m + along * self.wide_m - spot.x_m;
            let y_m = self.y_m + across * self.deep_m - spot.y_m;
            air.level_dbm(x_m.hypot(y_m)) + spot.offset_db - loss_db
        };
        let points = thirds.map(|x| thirds.map(|y| air.received(level(x, y))));
        let all = || points.iter().flatten();
        let share = all().map(|p| p.0).sum::<f32>();
        let mean = all().map(|p| p.0 * p.1).sum::<f32>() / share;
        let square = |p: &(f32, f32, f32)| p.0 * (p.2 + (p.1 - mean).powi(2));
        Hearing {
            level_dbm: mean,
            sigma_db: (all().map(square).sum::<f32>() / share).sqrt(),
            per_s: (air.per_s * share / 9.0).max(1e-3),
        }
    }
}

fn outside(air: &Air, least_dbm: f32) -> Hearing {
    Hearing {
        level_dbm: least_dbm - OUTSIDE_DB,
        sigma_db: air.sigma_db,
        per_s: OUTSIDE_PER_S * air.per_s,
    }
}

fn mostly_outside(places: usize) -> Vec<f32> {
    let mut rest = vec![0.1 / places as f32; places];
    rest[places - 1] = 0.9;
    rest
}
