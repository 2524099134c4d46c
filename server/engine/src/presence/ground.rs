//! What a layout tells of a store's ground: a floor plan with the street before it, or names.
//!
//! In: zones and anchors of a layout by their numbers, and what a calibration walk found. Out: a
//! [`Model`] of its zones, and one that knows inside from outside, if the plan says where the street is.
//! Promises: a layout that is drawn only in part is taken by its names.
//! Invariant: the same layout gives the same model.

pub(crate) use super::survey::Found;
use super::{
    geometry::{self, Air, Patch, Spot, plan},
    model::{Model, OUTSIDE, Settings},
    names::{Named, named},
    survey::surveyed,
};
use crate::input::{Area, Rules};

/// Patches are at most about this long on a side: somebody in one is at its middle, more or less.
const SIDE_M: f32 = 4.0;

/// The street before the door, row by row: from the front, to so far.
const STREET_M: [(f32, f32); 2] = [(0.0, 4.5), (4.5, 7.0)];

/// The air of a shop with a front. Constants in this file: random search at a simulated door
/// (`evaluate door`, seeds 1 to 900; no recording has a street).
const AIR: Air = Air {
    at_1m_dbm: -67.0,
    exponent: 2.5,
    sigma_db: 6.35,
    floor_dbm: -94.0,
    per_s: 0.9,
    front_loss_db: 5.0,
};

/// The threshold at which an anchor is taken to hear as the air explains. Another one says that it
/// hears so much more or less.
const EDGE_DBM: f32 = -80.0;

/// An anchor of the layout, by numbers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known {
    pub(crate) zone: u16,
    pub(crate) edge_dbm: f32,
    /// Phones hear it, not the other way round.
    pub(crate) beacon: bool,
    /// Metres east and north.
    pub(crate) at_m: Option<(f32, f32)>,
}

/// Two views of one store.
pub(crate) struct Models {
    /// Which zone, for somebody who is in.
    pub(crate) zones: Model,
    /// Whether she is in; none: the plan does not say where the street is.
    pub(crate) door: Option<Model>,
}

/// The models of a layout. Two, because a zone must be said with an honest probability, for which the
/// same shadow second after second may count once, and an entry must be noticed within seconds, for
/// which each second counts.
pub(crate) fn models(
    rules: &Rules,
    areas: &[Option<Area>],
    anchors: &[Known],
    found: &[Found],
) -> Models {
    let say_p = f32::from(rules.say_permille) / 1_000.0;
    let Some(Drawn {
        inside,
        street,
        spots,
    }) = Drawn::of(areas, anchors)
    else {
        return Models {
            zones: surveyed(by_name(say_p, areas, anchors), found),
            door: None,
        };
    };
    let settings = Settings {
        say_p,
        ..geometry::settings()
    };
    let zones = plan(settings, &Air::default(), &inside, &spots);
    let all = [inside, street].concat();
    let settings = if spots.iter().any(|spot| spot.in_street) {
        on_both_sides()
    } else {
        at_the_door()
    };
    let door = plan(settings, &AIR, &all, &spots);
    Models {
        zones: surveyed(zones.unwrap_or_default(), found),
        door: door.ok(),
    }
}

fn by_name(say_p: f32, areas: &[Option<Area>], anchors: &[Known]) -> Model {
    // Phones in hands, pockets and bags, of all makes: a strength says little, being heard more.
    let settings = Settings {
        offset_sigma_db: 6.0,
        strength_weight: 0.5,
        count_weight: 0.8,
        say_p,
        ..Settings::default()
    };
    let name = |anchor: &Known| Named {
        zone: anchor.zone,
        edge_dbm: anchor.edge_dbm,
    };
    let names: Vec<Named> = anchors.iter().map(name).collect();
    let zones = areas.len() as u16; // at most anchors and areas of a layout
    // Zones that are not drawn may lie anywhere.
    let next_to = |a: u16, b: u16| {
        let rect = |zone: u16| areas.get(usize::from(zone))?.as_ref().map(Rect::of);
        rect(a).zip(rect(b)).is_none_or(|(a, b)| a.touches(&b))
    };
    let beacons = anchors.iter().map(|anchor| anchor.beacon).collect();
    named(settings, zones, &names, next_to)
        .unwrap_or_default()
        .with_beacons(beacons)
}

/// How much weight observations have at the door.
fn at_the_door() -> Settings {
    Settings {
        strength_weight: 0.75,
        count_weight: 0.5,
        fresh_ms: 500,
        smooth_ms: 0,
        walk_m_s: 0.95,
        restart: 0.006,
        rate_prior: 1.0,
        open_sigma_db: AIR.sigma_db,
        ..geometry::settings()
    }
}

/// With an antenna outside before the front, too, a strength says more: what it hears better than those
/// inside is in the street, however loud the phone is. Chosen on four simulated Saturdays (`evaluate
/// saturday`, seeds 11 to 14, 4,000 who passed) out of 25 sets: of those who pass .0085 are taken in, and
/// 95 % of arrivals are said within 3.9 s. Limits of 3 and 5 gave .0107 (with a weight of .75) and .0075,
/// 3.3 s and 4.5 s. The limit for who goes: `evaluate door --antennas 4`, seed 905, of six; 8 false exits in
/// 1,000 visit hours, and 95 % of exits are said within 24 s. Below -9 nobody gets but by silence.
fn on_both_sides() -> Settings {
    Settings {
        strength_weight: 1.0,
        enter_log_odds: 4.0,
        leave_log_odds: -8.3,
        ..at_the_door()
    }
}

/// A plan that says where all is.
struct Drawn {
    inside: Vec<Patch>,
    street: Vec<Patch>,
    spots: Vec<Spot>,
}

impl Drawn {
    /// None if a zone or an anchor has no place, no zone has a door in the front, or beacons hang in
    /// the store: how loud they are a plan does not say, and taken for antennas they cost ten seconds
    /// at the door (`cargo demo`, seeds 3 and 7).
    fn of(areas: &[Option<Area>], anchors: &[Known]) -> Option<Self> {
        if anchors.iter().any(|anchor| anchor.beacon) {
            return None;
        }
        let areas: Vec<Area> = areas.iter().copied().collect::<Option<_>>()?;
        let rects: Vec<Rect> = areas.iter().map(Rect::of).collect();
        let store = rects.iter().copied().reduce(Rect::around)?;
        let (mut inside, mut street) = (Vec::new(), Vec::new());
        let mut fronts = Vec::new();
        for (zone, (rect, area)) in (0..).zip(rects.iter().zip(&areas)) {
            inside.extend(rect.cut(|part| Patch {
                door: area.door && Side::of(&part, &store).is_some(),
                ..part.patch(zone)
            }));
            if let Some(side) = Side::of(rect, &store).filter(|_| area.door) {
                street.extend(side.street(&store));
                fronts.push(side);
            }
        }
        let spot = |anchor: &Known| {
            let (x_m, y_m) = anchor.at_m?;
            Some(Spot {
                x_m,
                y_m,
                offset_db: anchor.edge_dbm - EDGE_DBM,
                in_street: fronts.iter().any(|side| side.is_before(x_m, y_m, &store)),
            })
        };
        let spots = anchors.iter().map(spot).collect::<Option<_>>()?;
        (!street.is_empty()).then_some(Self {
            inside,
            street,
            spots,
        })
    }
}

/// A rectangle in metres.
#[derive(Debug, Clone, Copy)]
struct Rect {
    west: f32,
    south: f32,
    east: f32,
    north: f32,
}

impl Rect {
    fn of(area: &Area) -> Self {
        let m = |cm: i32| cm as f32 / 100.0;
        let (west, south) = (m(area.corner.x_cm), m(area.corner.y_cm));
        Self {
            west,
            south,
            east: west + area.wide_cm as f32 / 100.0,
            north: south + area.deep_cm as f32 / 100.0,
        }
    }

    fn around(self, other: Self) -> Self {
        Self {
            west: self.west.min(other.west),
            south: self.south.min(other.south),
            east: self.east.max(other.east),
            north: self.north.max(other.north),
        }
    }

    fn touches(&self, other: &Self) -> bool {
        self.patch(0).touches(&other.patch(0))
    }

    /// Equal parts of about [`SIDE_M`].
    fn cut(self, patch: impl Fn(Self) -> Patch) -> Vec<Patch> {
        let count = |m: f32| (m / SIDE_M).round().max(1.0);
        let (columns, rows) = (count(self.east - self.west), count(self.north - self.south));
        let (wide, deep) = (
            (self.east - self.west) / columns,
            (self.north - self.south) / rows,
        );
        let mut patches = Vec::new();
        for row in 0..rows as u16 {
            for column in 0..columns as u16 {
                let (west, south) = (
                    self.west + f32::from(column) * wide,
                    self.south + f32::from(row) * deep,
                );
                patches.push(patch(Self {
                    west,
                    south,
                    east: west + wide,
                    north: south + deep,
                }));
            }
        }
        patches
    }

    fn patch(self, zone: u16) -> Patch {
        Patch {
            zone,
            x_m: (self.west + self.east) / 2.0,
            y_m: (self.south + self.north) / 2.0,
            wide_m: self.east - self.west,
            deep_m: self.north - self.south,
            door: false,
        }
    }
}

/// A side of the store.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Side {
    South,
    North,
    West,
    East,
}

impl Side {
    const ALL: [Self; 4] = [Self::South, Self::North, Self::West, Self::East];

    /// Whether a part of the store reaches this side of it; plans are drawn to some centimetres.
    fn is_of(self, part: &Rect, store: &Rect) -> bool {
        let apart_m = match self {
            Self::South => part.south - store.south,
            Self::North => store.north - part.north,
            Self::West => part.west - store.west,
            Self::East => store.east - part.east,
        };
        apart_m < 0.1
    }

    /// Whether a place lies beyond this side, out of the store.
    fn is_before(self, x_m: f32, y_m: f32, store: &Rect) -> bool {
        match self {
            Self::South => y_m < store.south,
            Self::North => y_m > store.north,
            Self::West => x_m < store.west,
            Self::East => x_m > store.east,
        }
    }

    fn of(part: &Rect, store: &Rect) -> Option<Self> {
        Self::ALL.into_iter().find(|side| side.is_of(part, store))
    }

    /// The street along this side; from everywhere in it people walk away.
    fn street(self, store: &Rect) -> Vec<Patch> {
        let row = |(from_m, to_m)| {
            self.strip(store, from_m, to_m).cut(|part| Patch {
                door: true,
                ..part.patch(OUTSIDE)
            })
        };
        STREET_M.into_iter().flat_map(row).collect()
    }

    fn strip(self, store: &Rect, from_m: f32, to_m: f32) -> Rect {
        match self {
            Self::South => Rect {
                north: store.south - from_m,
                south: store.south - to_m,
                ..*store
            },
            Self::North => Rect {
                south: store.north + from_m,
                north: store.north + to_m,
                ..*store
            },
            Self::West => Rect {
                east: store.west - from_m,
                west: store.west - to_m,
                ..*store
            },
            Self::East => Rect {
                west: store.east + from_m,
                east: store.east + to_m,
                ..*store
            },
        }
    }
}
