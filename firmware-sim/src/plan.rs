//! The floor plan: where things are.
//!
//! In: nothing. Out: one store in Utrecht, 24 m wide and 14 m deep, drawn below in metres.
//!
//! ```text
//!  y
//! 14 +-----------+-------------------+-----------+
//!    |           |        o back     |  afhalen  |
//!    |           |      lampen       |     *     |
//!  9 | schoenen  |         *         +-----------+
//!    |     *     |                   |  tassen   |
//!  5 |           +-------------------+     *     |
//!    |           |  entree  *  o door|           |
//!  0 +-----------+------[ door ]-----+-----------+ x     o gateway   * shelf beacon
//!    0           8     10.5 13.5    16          24
//!        street; people come from y = -12; the far pavement is at y = -10
//! ```
//! Promises: zones do not overlap and tile the floor; every anchor stands in the zone it names.
//! Invariant: the plan does not depend on the seed.

use protocol::{AnchorId, GatewayId, Transmitter, ZoneId, air::Frame};
use uuid::{Uuid, uuid};

/// The UUID of the chain's own iBeacons.
pub const CHAIN_UUID: Uuid = uuid!("5f2d9c4e-0d1b-4a7e-9a55-1c0f8e2b7a01");
/// The major number of this store's shelf beacons.
pub const BEACON_MAJOR: u16 = 7;
/// A gateway hangs, and a phone is carried, with this much height between them, in metres.
pub const ANTENNA_ABOVE_PHONE_M: f64 = 1.2;
/// Where shoppers come from: metres in front of the shop window.
pub const STREET_DEPTH_M: f64 = 12.0;
/// Where passers-by walk: metres in front of the shop window.
pub const FAR_PAVEMENT_M: f64 = 10.0;

/// A place on the floor in metres: `x` along the front, `y` into the store; the street is below 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Along the front.
    pub x_m: f64,
    /// Into the store.
    pub y_m: f64,
}

impl Point {
    /// A place.
    pub const fn new(x_m: f64, y_m: f64) -> Self {
        Self { x_m, y_m }
    }

    /// Distance on the floor.
    pub fn distance_m(self, other: Self) -> f64 {
        (self.x_m - other.x_m).hypot(self.y_m - other.y_m)
    }

    /// The place at `share` of the way to `other`.
    pub fn towards(self, other: Self, share: f64) -> Self {
        Self::new(
            self.x_m + (other.x_m - self.x_m) * share,
            self.y_m + (other.y_m - self.y_m) * share,
        )
    }
}

/// A named area.
#[derive(Debug, Clone)]
pub struct Zone {
    /// Its id.
    pub zone: ZoneId,
    /// Its name in Dutch and English.
    pub name: (&'static str, &'static str),
    /// The corner nearest to the street and to x = 0.
    pub from: Point,
    /// The opposite corner.
    pub to: Point,
    /// Where shoppers stand in it.
    pub stand: Point,
}

/// What an anchor is.
#[derive(Debug, Clone, PartialEq)]
pub enum AnchorKind {
    /// A gateway's antenna.
    Gateway(GatewayId),
    /// A fixed shelf beacon that sends this frame.
    Beacon(Frame),
}

/// A radio at a known place.
#[derive(Debug, Clone)]
pub struct Anchor {
    /// Its id.
    pub anchor: AnchorId,
    /// The zone it stands in.
    pub zone: ZoneId,
    /// Gateway or beacon.
    pub kind: AnchorKind,
    /// Where it hangs.
    pub at: Point,
    /// A visit begins at this strength.
    pub enter_rssi_dbm: i8,
}

impl Anchor {
    /// What a beacon is known by on the air; none for a gateway.
    pub fn transmitter(&self) -> Option<Transmitter> {
        match &self.kind {
            AnchorKind::Gateway(_) => None,
            AnchorKind::Beacon(frame) => frame.transmitter(),
        }
    }
}

/// The whole store.
#[derive(Debug, Clone)]
pub struct Plan {
    /// All zones; the first is the entrance, the last the pickup desk.
    pub zones: Vec<Zone>,
    /// All anchors; the gateways first.
    pub anchors: Vec<Anchor>,
    /// The door's two ends; it lies in the front, at y = 0.
    pub door: (Point, Point),
}

/// The zone at the entrance.
pub const ENTRANCE: &str = "entree";
/// The zone of the pickup desk.
pub const PICKUP: &str = "afhalen";

/// Visits begin at this strength at a gateway: about 5 m from a phone in a bag.
const GATEWAY_ENTER_RSSI_DBM: i8 = -80;
/// Visits begin at this strength at a shelf beacon, which sends more weakly: about 3 m.
const BEACON_ENTER_RSSI_DBM: i8 = -85;
/// What a shelf beacon is received at from 1 m: set to -12 dBm, so that it covers its shelf.
const BEACON_AT_1M_DBM: i8 = -70;

#[expect(
    clippy::expect_used,
    reason = "ids of this file's own making; the tests build the plan"
)]
fn id<T: std::str::FromStr>(text: &str) -> T
where
    T::Err: std::fmt::Debug,
{
    text.parse().expect("an id written in this file")
}

impl Plan {
    /// The one store of the simulator.
    pub fn kade_9() -> Self {
        let zones = vec![
            zone(
                ENTRANCE,
                ("Entree", "Entrance"),
                (8.0, 0.0),
                (16.0, 5.0),
                (12.0, 2.6),
            ),
            zone(
                "schoenen",
                ("Schoenen", "Shoes"),
                (0.0, 0.0),
                (8.0, 14.0),
                (4.0, 6.0),
            ),
            zone(
                "lampen",
                ("Lampen", "Lamps"),
                (8.0, 5.0),
                (16.0, 14.0),
                (12.2, 10.5),
            ),
            zone(
                "tassen",
                ("Tassen", "Bags"),
                (16.0, 0.0),
                (24.0, 9.0),
                (20.0, 5.0),
            ),
            zone(
                PICKUP,
                ("Afhaalbalie", "Pickup desk"),
                (16.0, 9.0),
                (24.0, 14.0),
                (19.5, 11.5),
            ),
        ];
        let mut anchors = vec![
            gateway("door", ENTRANCE, Point::new(12.2, 2.0)),
            gateway("back", "lampen", Point::new(12.0, 12.0)),
        ];
        anchors.extend([
            beacon(ENTRANCE, 300, Point::new(11.0, 1.8)),
            beacon("schoenen", 301, Point::new(3.5, 6.8)),
            beacon("lampen", 302, Point::new(11.6, 9.8)),
            beacon("tassen", 303, Point::new(20.6, 5.6)),
            beacon(PICKUP, 304, Point::new(20.0, 12.2)),
        ]);
        let door = (Point::new(10.5, 0.0), Point::new(13.5, 0.0));
        Self {
            zones,
            anchors,
            door,
        }
    }

    /// One more gateway's antenna.
    pub fn add_gateway(&mut self, name: &'static str, zone: &'static str, at: Point) {
        self.anchors.push(gateway(name, zone, at));
    }

    /// The zone of a place; none in the street.
    pub fn zone_at(&self, at: Point) -> Option<&Zone> {
        self.zones.iter().find(|zone| zone.holds(at))
    }

    /// A zone by its id.
    pub fn zone(&self, zone: &str) -> Option<&Zone> {
        self.zones.iter().find(|z| z.zone.as_str() == zone)
    }

    /// The middle of the door.
    pub fn door_middle(&self) -> Point {
        self.door.0.towards(self.door.1, 0.5)
    }

    /// The gateways' antennas.
    pub fn gateways(&self) -> impl Iterator<Item = (&Anchor, &GatewayId)> {
        self.anchors.iter().filter_map(|anchor| match &anchor.kind {
            AnchorKind::Gateway(gateway) => Some((anchor, gateway)),
            AnchorKind::Beacon(_) => None,
        })
    }

    /// The fixed beacons and what they send.
    pub fn beacons(&self) -> impl Iterator<Item = (&Anchor, &Frame)> {
        self.anchors.iter().filter_map(|anchor| match &anchor.kind {
            AnchorKind::Gateway(_) => None,
            AnchorKind::Beacon(frame) => Some((anchor, frame)),
        })
    }

    /// Whether the straight line between two places goes through the front, and if so, whether
    /// through the door.
    pub fn crosses_front(&self, a: Point, b: Point) -> Option<FrontPart> {
        if (a.y_m < 0.0) == (b.y_m < 0.0) {
            return None;
        }
        let x_m = a.towards(b, a.y_m / (a.y_m - b.y_m)).x_m;
        let in_door = (self.door.0.x_m..=self.door.1.x_m).contains(&x_m);
        Some(if in_door {
            FrontPart::Door
        } else {
            FrontPart::Window
        })
    }
}

/// What stands between the street and the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrontPart {
    /// The door: one pane of glass, often open.
    Door,
    /// Shop window, frames and wall.
    Window,
}

impl Zone {
    fn holds(&self, at: Point) -> bool {
        (self.from.x_m..self.to.x_m).contains(&at.x_m)
            && (self.from.y_m..self.to.y_m).contains(&at.y_m)
    }
}

fn zone(
    name_id: &str,
    name: (&'static str, &'static str),
    from: (f64, f64),
    to: (f64, f64),
    stand: (f64, f64),
) -> Zone {
    let point = |(x_m, y_m)| Point::new(x_m, y_m);
    Zone {
        zone: id(name_id),
        name,
        from: point(from),
        to: point(to),
        stand: point(stand),
    }
}

fn gateway(name: &str, zone: &str, at: Point) -> Anchor {
    Anchor {
        anchor: id(name),
        zone: id(zone),
        kind: AnchorKind::Gateway(id(name)),
        at,
        enter_rssi_dbm: GATEWAY_ENTER_RSSI_DBM,
    }
}

fn beacon(zone: &str, minor: u16, at: Point) -> Anchor {
    Anchor {
        anchor: id(&format!("shelf-{zone}")),
        zone: id(zone),
        kind: AnchorKind::Beacon(Frame::IBeacon {
            uuid: CHAIN_UUID,
            major: BEACON_MAJOR,
            minor,
            tx_power_dbm: BEACON_AT_1M_DBM,
        }),
        at,
        enter_rssi_dbm: BEACON_ENTER_RSSI_DBM,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_tile_the_floor_without_overlap() {
        let plan = Plan::kade_9();
        for x in 0..48 {
            for y in 0..28 {
                let at = Point::new(f64::from(x) / 2.0, f64::from(y) / 2.0);
                let holding = plan.zones.iter().filter(|zone| zone.holds(at)).count();
                assert_eq!(holding, 1, "{at:?}");
            }
        }
        assert!(plan.zone_at(Point::new(12.0, -0.1)).is_none());
    }

    #[test]
    fn anchors_and_standing_places_are_in_the_zone_they_name() {
        let plan = Plan::kade_9();
        for anchor in &plan.anchors {
            assert_eq!(
                plan.zone_at(anchor.at).unwrap().zone,
                anchor.zone,
                "{anchor:?}"
            );
        }
        for zone in &plan.zones {
            assert_eq!(plan.zone_at(zone.stand).unwrap().zone, zone.zone);
        }
    }

    #[test]
    fn the_front_is_door_in_the_middle_and_window_elsewhere() {
        let plan = Plan::kade_9();
        let inside = Point::new(12.0, 2.0);
        let part = |x, y| plan.crosses_front(Point::new(x, y), inside);
        assert_eq!(part(12.0, -2.0), Some(FrontPart::Door));
        assert_eq!(part(0.0, -2.0), Some(FrontPart::Window));
        assert_eq!(part(3.0, 4.0), None);
    }
}
