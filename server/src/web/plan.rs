//! Draws a shop floor: rectangles, walls, the door, and the anchors on it.
//!
//! In: zones and anchors in centimetres, north up; or without a place. Out: numbers for an SVG.
//! Promises: zones without a place stand in a grid below those that have one; everything lies
//! within the view.
//! Invariant: draws what it is given and knows nobody.

use std::fmt;

use engine::input::{Area, Place};

/// Units from left to right; words are sized to it.
const WIDE: f32 = 800.0;
/// Around the floor, so that walls are not cut.
const MARGIN: f32 = 4.0;
/// A cell of the grid, for zones without a place.
const CELL: (f32, f32) = (200.0, 130.0);
/// Between the plan and the grid below it.
const BELOW: f32 = 24.0;
/// One letter of a zone's name, at its size.
const LETTER: f32 = 8.6;
/// What a zone's words take: three lines.
const WORDS: (f32, f32) = (170.0, 84.0);
/// From a zone's corner to its words.
const INDENT: f32 = 12.0;

/// A length or a place in the drawing, with one decimal.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Unit(pub(super) f32);

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1}", self.0)
    }
}

impl askama::filters::HtmlSafe for Unit {}

/// A rectangle, its corner at the top left.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Rect {
    pub(super) x: Unit,
    pub(super) y: Unit,
    pub(super) wide: Unit,
    pub(super) deep: Unit,
}

impl Rect {
    fn new(x: f32, y: f32, wide: f32, deep: f32) -> Self {
        Self {
            x: Unit(x),
            y: Unit(y),
            wide: Unit(wide),
            deep: Unit(deep),
        }
    }

    /// Where its words begin.
    pub(super) fn words_x(&self) -> Unit {
        Unit(self.x.0 + INDENT)
    }

    /// Its lower edge.
    pub(super) fn foot(&self) -> Unit {
        Unit(self.y.0 + self.deep.0)
    }

    /// As much of a name as fits, with letters that are so much larger than usual.
    pub(super) fn fitting(&self, name: &str, larger: f32) -> String {
        // Positive, and some hundred at most.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let letters = ((self.wide.0 - 1.5 * INDENT) / (LETTER * larger)).max(2.0) as usize;
        if name.chars().count() <= letters {
            return name.to_owned();
        }
        let start: String = name.chars().take(letters.saturating_sub(1)).collect();
        format!("{}…", start.trim_end())
    }
}

impl Rect {
    /// Whether an anchor hangs in the way of its words at the top, and none at the foot.
    fn words_at_foot(&self, anchors: &[(Unit, Unit)]) -> bool {
        let taken = |top: f32| {
            let (left, right) = (self.x.0, self.x.0 + WORDS.0);
            anchors
                .iter()
                .any(|(x, y)| (left..right).contains(&x.0) && (top..top + WORDS.1).contains(&y.0))
        };
        let foot = self.y.0 + self.deep.0 - WORDS.1;
        foot > self.y.0 && taken(self.y.0) && !taken(foot)
    }
}

/// A straight line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Stroke {
    pub(super) from: (Unit, Unit),
    pub(super) to: (Unit, Unit),
}

/// How a place on the floor is found in the drawing, for who taps on it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Ground {
    /// Where the drawing's 0 is, to the east.
    pub(super) west_cm: f32,
    /// And to the north.
    pub(super) north_cm: f32,
    /// How large a centimetre is.
    pub(super) units_a_cm: f32,
}

/// All of it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Drawing {
    /// None: no zone has a place.
    pub(super) ground: Option<Ground>,
    /// The view begins left of and above the floor.
    pub(super) view: Rect,
    /// One for each zone, in the order given.
    pub(super) zones: Vec<Rect>,
    /// For each zone, whether its words stand at its foot: an anchor hangs where they would be.
    pub(super) at_foot: Vec<bool>,
    /// The walls around those that have a place.
    pub(super) walls: Option<Rect>,
    /// Where people come in.
    pub(super) doors: Vec<Stroke>,
    /// One for each anchor, in the order given.
    pub(super) anchors: Vec<(Unit, Unit)>,
}

/// Draws zones, and anchors with the number of their zone.
pub(super) fn draw(zones: &[Option<Area>], anchors: &[(usize, Option<Place>)]) -> Drawing {
    let scale = Scale::of(zones);
    let mut bottom = scale.as_ref().map_or(0.0, Scale::deep);
    let without = zones.iter().filter(|area| area.is_none()).count();
    let cells = Cells::of(without, if scale.is_some() { bottom + BELOW } else { 0.0 });
    let mut next = 0;
    let rect = |area: &Option<Area>| match (area, &scale) {
        (Some(area), Some(scale)) => scale.rect(*area),
        _ => {
            next += 1;
            cells.rect(next - 1)
        }
    };
    let rects: Vec<Rect> = zones.iter().map(rect).collect();
    if without > 0 {
        bottom = cells.bottom();
    }
    let doors = zones.iter().flatten().filter(|area| area.door);
    let doors = doors.filter_map(|area| scale.as_ref().map(|scale| scale.door(*area)));
    let anchors = placed(anchors, &rects, scale.as_ref());
    Drawing {
        at_foot: rects
            .iter()
            .map(|rect| rect.words_at_foot(&anchors))
            .collect(),
        view: Rect::new(-MARGIN, -MARGIN, WIDE + 2.0 * MARGIN, bottom + 2.0 * MARGIN),
        walls: scale
            .as_ref()
            .map(|scale| Rect::new(0.0, 0.0, WIDE, scale.deep())),
        doors: doors.collect(),
        anchors,
        zones: rects,
        ground: scale.map(|scale| Ground {
            west_cm: scale.west_cm,
            north_cm: scale.north_cm,
            units_a_cm: scale.units_a_cm,
        }),
    }
}

/// Anchors without a place stand in a row at the foot of their zone.
fn placed(
    anchors: &[(usize, Option<Place>)],
    rects: &[Rect],
    scale: Option<&Scale>,
) -> Vec<(Unit, Unit)> {
    let mut taken = vec![0.0_f32; rects.len()];
    let place = |&(zone, place): &(usize, Option<Place>)| match (place, scale, rects.get(zone)) {
        (Some(place), Some(scale), _) => scale.point(place),
        (_, _, Some(rect)) => {
            let step = taken[zone];
            taken[zone] += 1.0;
            let x = rect.x.0 + 24.0 + 44.0 * step % (rect.wide.0 - 44.0).max(1.0);
            (Unit(x), Unit(rect.y.0 + rect.deep.0 - 20.0))
        }
        _ => (Unit(0.0), Unit(0.0)),
    };
    anchors.iter().map(place).collect()
}

/// From centimetres, north up, to units, south up.
struct Scale {
    west_cm: f32,
    north_cm: f32,
    south_cm: f32,
    units_a_cm: f32,
}

impl Scale {
    fn of(zones: &[Option<Area>]) -> Option<Self> {
        let edges = zones.iter().flatten().map(|area| Edges::of(*area));
        let all = edges.reduce(|a, b| Edges {
            west: a.west.min(b.west),
            east: a.east.max(b.east),
            south: a.south.min(b.south),
            north: a.north.max(b.north),
        })?;
        Some(Self {
            west_cm: all.west,
            north_cm: all.north,
            south_cm: all.south,
            units_a_cm: WIDE / (all.east - all.west).max(1.0),
        })
    }

    fn deep(&self) -> f32 {
        (self.north_cm - self.south_cm) * self.units_a_cm
    }

    fn x(&self, east_cm: f32) -> f32 {
        (east_cm - self.west_cm) * self.units_a_cm
    }

    fn y(&self, north_cm: f32) -> f32 {
        (self.north_cm - north_cm) * self.units_a_cm
    }

    fn rect(&self, area: Area) -> Rect {
        let Edges {
            west,
            east,
            south,
            north,
        } = Edges::of(area);
        Rect::new(
            self.x(west),
            self.y(north),
            (east - west) * self.units_a_cm,
            (north - south) * self.units_a_cm,
        )
    }

    /// An anchor beside the plan is drawn at its edge.
    fn point(&self, place: Place) -> (Unit, Unit) {
        let (east, north) = (cm(place.x_cm), cm(place.y_cm));
        let inset = |at: f32, end: f32| at.clamp(14.0_f32.min(end), (end - 14.0).max(0.0));
        (
            Unit(inset(self.x(east), WIDE)),
            Unit(inset(self.y(north), self.deep())),
        )
    }

    /// The middle third of that side of a zone which lies in the outer wall; most doors open to the
    /// south of a plan, so that side is looked at first.
    fn door(&self, area: Area) -> Stroke {
        let rect = self.rect(area);
        let (left, top) = (rect.x.0, rect.y.0);
        let (right, foot) = (left + rect.wide.0, top + rect.deep.0);
        let third =
            |from: f32, to: f32| (Unit(from + (to - from) / 3.0), Unit(to - (to - from) / 3.0));
        let level = |y: f32| {
            let (from, to) = third(left, right);
            Stroke {
                from: (from, Unit(y)),
                to: (to, Unit(y)),
            }
        };
        let upright = |x: f32| {
            let (from, to) = third(top, foot);
            Stroke {
                from: (Unit(x), from),
                to: (Unit(x), to),
            }
        };
        let near = |a: f32, b: f32| (a - b).abs() < 1.0;
        if near(foot, self.deep()) {
            level(foot)
        } else if near(left, 0.0) {
            upright(left)
        } else if near(right, WIDE) {
            upright(right)
        } else {
            level(top)
        }
    }
}

struct Edges {
    west: f32,
    east: f32,
    south: f32,
    north: f32,
}

impl Edges {
    fn of(area: Area) -> Self {
        let (west, south) = (cm(area.corner.x_cm), cm(area.corner.y_cm));
        Self {
            west,
            east: west + len(area.wide_cm),
            south,
            north: south + len(area.deep_cm),
        }
    }
}

/// A kilometre in centimetres is exact.
#[expect(clippy::cast_precision_loss, reason = "the API takes a kilometre")]
fn cm(cm: i32) -> f32 {
    cm as f32
}

#[expect(clippy::cast_precision_loss, reason = "the API takes a kilometre")]
fn len(cm: u32) -> f32 {
    cm as f32
}

/// A grid for zones without a place: as broad as the floor, as few rows as it takes.
struct Cells {
    columns: usize,
    rows: usize,
    top: f32,
}

impl Cells {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "four columns"
    )]
    fn of(count: usize, top: f32) -> Self {
        let columns = count.clamp(1, (WIDE / CELL.0) as usize);
        Self {
            columns,
            rows: count.div_ceil(columns),
            top,
        }
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "a store has some dozens of zones"
    )]
    fn rect(&self, number: usize) -> Rect {
        let wide = WIDE / self.columns as f32;
        let (row, column) = (number / self.columns, number % self.columns);
        Rect::new(
            column as f32 * wide,
            self.top + row as f32 * CELL.1,
            wide,
            CELL.1,
        )
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "a store has some dozens of zones"
    )]
    fn bottom(&self) -> f32 {
        self.top + self.rows as f32 * CELL.1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn area(x_cm: i32, y_cm: i32, wide_cm: u32, deep_cm: u32) -> Option<Area> {
        Some(Area {
            corner: Place { x_cm, y_cm },
            wide_cm,
            deep_cm,
            door: x_cm == 800,
        })
    }

    fn at(rect: &Rect) -> [f32; 4] {
        [rect.x.0, rect.y.0, rect.wide.0, rect.deep.0]
    }

    #[test]
    fn south_is_at_the_foot_and_the_door_is_in_the_outer_wall() {
        let zones = [area(0, 0, 800, 800), area(800, 0, 800, 400)];
        let drawing = draw(
            &zones,
            &[(
                1,
                Some(Place {
                    x_cm: 1_200,
                    y_cm: 200,
                }),
            )],
        );
        assert_eq!(at(&drawing.zones[0]), [0.0, 0.0, 400.0, 400.0]);
        assert_eq!(at(&drawing.zones[1]), [400.0, 200.0, 400.0, 200.0]);
        assert_eq!(drawing.anchors, [(Unit(600.0), Unit(300.0))]);
        let door = drawing.doors[0];
        assert_eq!((door.from.1, door.to.1), (Unit(400.0), Unit(400.0)));
        assert!(door.from.0.0 > 500.0 && door.to.0.0 < 700.0, "{door:?}");
    }

    #[test]
    fn without_a_plan_zones_stand_in_rows_of_four_and_anchors_at_their_foot() {
        let drawing = draw(&[None; 5], &[(4, None), (4, None), (0, None)]);
        assert_eq!(drawing.walls, None);
        assert_eq!(at(&drawing.zones[4]), [0.0, 130.0, 200.0, 130.0]);
        assert_eq!(drawing.view.deep.0, 268.0);
        let [a, b, c] = drawing.anchors[..] else {
            panic!("{drawing:?}")
        };
        assert!(a.0.0 < b.0.0 && a.1 == b.1 && a.1.0 > 230.0, "{a:?} {b:?}");
        assert!(c.1.0 < 130.0, "{c:?}");
    }

    #[test]
    fn a_zone_that_is_not_on_the_plan_stands_below_it() {
        let drawing = draw(&[area(0, 0, 800, 400), None], &[]);
        assert!(drawing.zones[1].y.0 > 400.0, "{drawing:?}");
        assert!(drawing.view.deep.0 > drawing.zones[1].y.0 + 130.0);
    }

    #[test]
    fn words_make_way_for_an_anchor_unless_there_is_one_at_the_foot_too() {
        let zones = [area(0, 0, 800, 800)];
        let hung = |spots: &[(i32, i32)]| {
            let place = |(x_cm, y_cm): &(i32, i32)| {
                (
                    0,
                    Some(Place {
                        x_cm: *x_cm,
                        y_cm: *y_cm,
                    }),
                )
            };
            let anchors: Vec<_> = spots.iter().map(place).collect();
            draw(&zones, &anchors).at_foot[0]
        };
        assert!(!hung(&[]) && !hung(&[(400, 750)]), "nothing is in the way");
        assert!(hung(&[(100, 750)]));
        assert!(!hung(&[(100, 750), (100, 30)]));
    }

    #[test]
    fn nothing_is_no_panic_and_a_long_name_is_cut() {
        assert_eq!(draw(&[], &[(3, None)]).anchors.len(), 1);
        let narrow = Rect::new(0.0, 0.0, 60.0, 60.0);
        assert_eq!(
            narrow.fitting("Schoenen", 1.0),
            "Scho…".replace("Scho", "Sch")
        );
        assert_eq!(
            Rect::new(0.0, 0.0, 200.0, 9.0).fitting("Schoenen", 1.0),
            "Schoenen"
        );
    }
}
