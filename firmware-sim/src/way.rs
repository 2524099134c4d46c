//! A person's way through street and store, known in advance.
//!
//! In: corners and stops with their times. Out: where she is at any moment, when she crosses the
//! door line, when she is in which zone.
//! Promises: legs join in place and time; nobody walks through the shop window.
//! Invariant: a way is data; no clock, no draw.

use protocol::ZoneId;

use crate::{
    plan::{Plan, Point},
    radio::Pose,
};

/// One straight walk, or one stop.
#[derive(Debug, Clone, PartialEq)]
pub struct Leg {
    /// When it begins, in milliseconds since the run began.
    pub from_ms: u64,
    /// When it ends.
    pub to_ms: u64,
    /// Where it begins.
    pub from: Point,
    /// Where it ends; a stop ends where it began.
    pub to: Point,
    /// The direction she faces.
    pub heading_rad: f64,
}

/// A whole way.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Way {
    /// In order, without gaps.
    pub legs: Vec<Leg>,
}

/// An interval in a zone; no end: the run ended first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stay {
    /// Which zone.
    pub zone: ZoneId,
    /// From when, in milliseconds since the run began.
    pub from_ms: u64,
    /// Until when.
    pub to_ms: u64,
}

/// Zone stays are found by looking at a way this often: 13 cm at walking pace.
const STEP_MS: u64 = 100;

/// Builds a way leg by leg.
#[derive(Debug)]
pub struct WayBuilder {
    at: Point,
    now_ms: u64,
    speed_m_s: f64,
    legs: Vec<Leg>,
}

impl WayBuilder {
    /// Begins at a place and time.
    pub fn start(at: Point, now_ms: u64, speed_m_s: f64) -> Self {
        Self {
            at,
            now_ms,
            speed_m_s,
            legs: Vec::new(),
        }
    }

    /// Walks straight to a place.
    pub fn walk(mut self, to: Point) -> Self {
        let heading_rad = (to.y_m - self.at.y_m).atan2(to.x_m - self.at.x_m);
        let took_ms = to_ms(self.at.distance_m(to) / self.speed_m_s);
        self.push(to, took_ms, heading_rad);
        self
    }

    /// Stands for a while.
    pub fn stand(mut self, for_ms: u64, heading_rad: f64) -> Self {
        self.push(self.at, for_ms, heading_rad);
        self
    }

    /// The way.
    pub fn done(self) -> Way {
        Way { legs: self.legs }
    }

    fn push(&mut self, to: Point, took_ms: u64, heading_rad: f64) {
        let from_ms = self.now_ms;
        self.now_ms += took_ms;
        self.legs.push(Leg {
            from_ms,
            to_ms: self.now_ms,
            from: self.at,
            to,
            heading_rad,
        });
        self.at = to;
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a walk takes seconds, and distances are not negative"
)]
fn to_ms(seconds: f64) -> u64 {
    (seconds * 1_000.0).round() as u64
}

impl Way {
    /// When it begins and ends, in milliseconds since the run began.
    pub fn span_ms(&self) -> (u64, u64) {
        let from = self.legs.first().map_or(0, |leg| leg.from_ms);
        (from, self.legs.last().map_or(0, |leg| leg.to_ms))
    }

    /// Where she is, if she is on the scene.
    pub fn pose(&self, at_ms: u64) -> Option<Pose> {
        let after = self.legs.partition_point(|leg| leg.to_ms <= at_ms);
        let leg = self.legs.get(after).filter(|leg| leg.from_ms <= at_ms)?;
        #[expect(clippy::cast_precision_loss, reason = "a run is far below 2^52 ms")]
        let share = (at_ms - leg.from_ms) as f64 / (leg.to_ms - leg.from_ms) as f64;
        Some(Pose {
            at: leg.from.towards(leg.to, share),
            heading_rad: leg.heading_rad,
        })
    }

    /// When she crosses the door line inwards.
    pub fn entered_ms(&self) -> Option<u64> {
        self.legs
            .iter()
            .find_map(|leg| crossing_ms(leg, leg.from.y_m < 0.0 && leg.to.y_m >= 0.0))
    }

    /// When she crosses the door line outwards.
    pub fn left_ms(&self) -> Option<u64> {
        self.legs
            .iter()
            .find_map(|leg| crossing_ms(leg, leg.from.y_m >= 0.0 && leg.to.y_m < 0.0))
    }

    /// Her stays in zones, walking through them included.
    pub fn stays(&self, plan: &Plan) -> Vec<Stay> {
        let (from_ms, to_ms) = self.span_ms();
        let mut stays: Vec<Stay> = Vec::new();
        for at_ms in (from_ms..to_ms).step_by(usize::try_from(STEP_MS).unwrap_or(100)) {
            let Some(zone) = self.pose(at_ms).and_then(|pose| plan.zone_at(pose.at)) else {
                continue;
            };
            match stays.last_mut() {
                Some(stay) if stay.zone == zone.zone && stay.to_ms == at_ms => {
                    stay.to_ms = at_ms + STEP_MS;
                }
                _ => stays.push(Stay {
                    zone: zone.zone.clone(),
                    from_ms: at_ms,
                    to_ms: at_ms + STEP_MS,
                }),
            }
        }
        stays
    }
}

fn crossing_ms(leg: &Leg, crosses: bool) -> Option<u64> {
    if !crosses {
        return None;
    }
    let share = leg.from.y_m / (leg.from.y_m - leg.to.y_m);
    #[expect(clippy::cast_precision_loss, reason = "a leg takes seconds")]
    let seconds = (leg.to_ms - leg.from_ms) as f64 * share / 1_000.0;
    Some(leg.from_ms + to_ms(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn way() -> Way {
        WayBuilder::start(Point::new(12.0, -4.0), 1_000, 2.0)
            .walk(Point::new(12.0, 2.0))
            .stand(5_000, 0.0)
            .walk(Point::new(12.0, -4.0))
            .done()
    }

    #[test]
    fn she_is_where_her_pace_puts_her() {
        assert_eq!(way().pose(999), None);
        assert_eq!(way().pose(2_000).unwrap().at, Point::new(12.0, -2.0));
        assert_eq!(way().pose(6_000).unwrap().at, Point::new(12.0, 2.0));
        assert_eq!(way().pose(12_000), None);
    }

    #[test]
    fn the_door_line_is_crossed_once_each_way() {
        assert_eq!(way().entered_ms(), Some(3_000));
        assert_eq!(way().left_ms(), Some(10_000));
    }

    #[test]
    fn stays_cover_the_time_between_the_crossings() {
        let stays = way().stays(&Plan::kade_9());
        let zones: Vec<&str> = stays.iter().map(|stay| stay.zone.as_str()).collect();
        assert_eq!(zones, ["entree"]);
        // A look every 100 ms: the line itself counts as outside on one of the two sides.
        assert!(stays[0].from_ms.abs_diff(3_000) <= 100 && stays[0].to_ms.abs_diff(10_000) <= 100);
    }
}
