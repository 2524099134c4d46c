//! What a layout tells of a store's ground: a floor plan with the street before it, or names.
//!
//! In: a [`Layout`], with the numbers of its zones and anchors. Out: a [`Model`], and whether it knows
//! inside from outside well enough to decide who is in.
//! Promises: a layout that is drawn only in part is taken by its names.
//! Invariant: the same layout gives the same model.

use super::{
    geometry::{self, Air, Patch, Spot, plan},
    model::{Model, OUTSIDE, Settings},
    names::{Named, named},
};
use crate::input::{Area, Layout};

/// Patches are at most about this long on a side: somebody in one is at its middle, more or less.
const SIDE_M: f32 = 4.0;

/// The street before the door, row by row: from the front, to so far.
const STREET_M: [(f32, f32); 2] = [(0.0, 3.5), (3.5, 8.5)];

/// Sliding doors, often open, with the frame around them.
const DOOR_LOSS_DB: f32 = 6.0;

/// A shop window with frames, posters and wall (coated glass at 2.4 GHz: 10 dB and more).
const WINDOW_LOSS_DB: f32 = 10.0;

/// The threshold at which an anchor is taken to hear as the air explains. Another one says that it
/// hears so much more or less.
const EDGE_DBM: f32 = -80.0;

/// An anchor of the layout, by numbers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known {
    pub(crate) zone: u16,
    pub(crate) edge_dbm: f32,
    /// Metres east and north.
    pub(crate) at_m: Option<(f32, f32)>,
}

/// The model of a layout; true: it has the street too, and decides who is in.
pub(crate) fn model(layout: &Layout, areas: &[Option<Area>], anchors: &[Known]) -> (Model, bool) {
    let drawn = drawn(areas, anchors).map(|(patches, spots)| {
        let model = plan(settings(layout), &Air::default(), &patches, &spots);
        (model.unwrap_or_default(), true)
    });
    drawn.unwrap_or_else(|| {
        let names: Vec<Named> = anchors
            .iter()
            .map(|a| Named {
                zone: a.zone,
                edge_dbm: a.edge_dbm,
            })
            .collect();
        let zones = areas.len() as u16; // at most anchors and areas of a layout
        let model = named(by_name(layout), zones, &names, |_, _| true);
        (model.unwrap_or_default(), false)
    })
}

/// Phones in hands, pockets and bags, of all makes; a strength says little, being heard more.
fn by_name(layout: &Layout) -> Settings {
    Settings {
        offset_sigma_db: 6.0,
        strength_weight: 0.5,
        count_weight: 0.8,
        say_p: f32::from(layout.rules.say_permille) / 1_000.0,
        ..Settings::default()
    }
}

fn settings(layout: &Layout) -> Settings {
    Settings {
        say_p: f32::from(layout.rules.say_permille) / 1_000.0,
        ..geometry::settings()
    }
}

/// Patches and anchors; none if a zone or an anchor has no place, or no zone has a door in the front.
fn drawn(areas: &[Option<Area>], anchors: &[Known]) -> Option<(Vec<Patch>, Vec<Spot>)> {
    let rects: Vec<Rect> = areas
        .iter()
        .map(|area| Some(Rect::of(&(*area)?)))
        .collect::<Option<_>>()?;
    let spots = anchors.iter().map(|anchor| {
        let (x_m, y_m) = anchor.at_m?;
        Some(Spot {
            x_m,
            y_m,
            offset_db: anchor.edge_dbm - EDGE_DBM,
        })
    });
    let spots: Vec<Spot> = spots.collect::<Option<_>>()?;
    let store = rects.iter().copied().reduce(Rect::around)?;
    let mut patches = Vec::new();
    for (zone, (rect, area)) in (0..).zip(rects.iter().zip(areas)) {
        let door = area.is_some_and(|area| area.door);
        patches.extend(rect.cut(|part| Patch {
            door: door && part.is_at_edge(&store),
            ..part.patch(zone)
        }));
    }
    let fronts: Vec<Front> = rects
        .iter()
        .zip(areas)
        .filter(|(_, area)| area.is_some_and(|area| area.door))
        .filter_map(|(rect, _)| Front::of(rect, &store))
        .collect();
    if fronts.is_empty() {
        return None;
    }
    for front in fronts {
        patches.extend(front.street());
    }
    Some((patches, spots))
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
            loss_db: 0.0,
        }
    }

    fn is_at_edge(self, store: &Self) -> bool {
        Side::ALL.iter().any(|side| side.is_of(&self, store))
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
}

/// A side of the store with a door in it.
struct Front {
    side: Side,
    store: Rect,
    door: Rect,
}

impl Front {
    fn of(door: &Rect, store: &Rect) -> Option<Self> {
        let side = *Side::ALL.iter().find(|side| side.is_of(door, store))?;
        Some(Self {
            side,
            store: *store,
            door: *door,
        })
    }

    /// The street along the front, and as far again as it is deep to either side.
    fn street(&self) -> Vec<Patch> {
        let mut patches = Vec::new();
        for (from_m, to_m) in STREET_M {
            patches.extend(self.strip(from_m, to_m).cut(|part| Patch {
                // From everywhere in the street people walk away.
                door: true,
                loss_db: if self.is_before_door(&part) {
                    DOOR_LOSS_DB
                } else {
                    WINDOW_LOSS_DB
                },
                ..part.patch(OUTSIDE)
            }));
        }
        patches
    }

    fn strip(&self, from_m: f32, to_m: f32) -> Rect {
        let store = self.store;
        match self.side {
            Side::South => Rect {
                north: store.south - from_m,
                south: store.south - to_m,
                ..store
            },
            Side::North => Rect {
                south: store.north + from_m,
                north: store.north + to_m,
                ..store
            },
            Side::West => Rect {
                east: store.west - from_m,
                west: store.west - to_m,
                ..store
            },
            Side::East => Rect {
                west: store.east + from_m,
                east: store.east + to_m,
                ..store
            },
        }
    }

    fn is_before_door(&self, part: &Rect) -> bool {
        let (x, y) = (
            (part.west + part.east) / 2.0,
            (part.south + part.north) / 2.0,
        );
        match self.side {
            Side::South | Side::North => (self.door.west..self.door.east).contains(&x),
            Side::West | Side::East => (self.door.south..self.door.north).contains(&y),
        }
    }
}
