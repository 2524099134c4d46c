//! Drawings of figures, wide for a desk and narrow for a hand.
//!
//! In: labels and values, of which some are not told. Out: what `plot-lines.html` and
//! `plot-rows.html` draw, with every place worked out.
//! Promises: scales begin at zero; what is not told is a dashed box, never a zero.
//! Invariant: draws nothing that was not already rounded.

use askama::Template;

use super::super::views::{Markup, RenderError, render};

/// One drawing in its two widths.
#[derive(Debug, Clone, Default)]
pub(super) struct Plot {
    pub(super) wide: Markup,
    pub(super) narrow: Markup,
}

/// One value a week.
#[derive(Debug, Clone)]
pub(super) struct Point {
    pub(super) label: String,
    pub(super) whole: Option<u64>,
    pub(super) part: Option<u64>,
}

/// What two lines are called; the second in full and short.
pub(super) struct LineNames {
    pub(super) whole: String,
    pub(super) part: String,
    pub(super) part_short: String,
}

const BOTTOM: f64 = 220.0;
const TOP: f64 = 14.0;
const LEFT: f64 = 44.0;
/// Grid lines above zero.
const STEPS: u64 = 3;

#[derive(Template)]
#[template(path = "plot-lines.html")]
struct Lines {
    id: &'static str,
    class: &'static str,
    width: f64,
    right: f64,
    grid: Vec<(f64, u64)>,
    areas: Vec<String>,
    whole: Line,
    part: Line,
    holes: Vec<f64>,
    labels: Vec<(f64, String)>,
}

/// One line, in pieces where something is not told.
struct Line {
    pieces: Vec<Vec<(f64, f64)>>,
    name: Option<(f64, f64, String)>,
    end: Option<(f64, f64, u64)>,
}

impl Line {
    fn polylines(&self) -> Vec<String> {
        let longer = self.pieces.iter().filter(|piece| piece.len() > 1);
        longer.map(|piece| places(piece)).collect()
    }

    /// Points without a neighbour, which no line goes through.
    fn alone(&self) -> Vec<(f64, f64)> {
        let alone = self.pieces.iter().filter(|piece| piece.len() == 1);
        alone.filter_map(|piece| piece.first().copied()).collect()
    }
}

fn places(piece: &[(f64, f64)]) -> String {
    let at: Vec<String> = piece
        .iter()
        .map(|(x, y)| format!("{x:.1},{y:.1}"))
        .collect();
    at.join(" ")
}

/// Two lines over the weeks, the second of them a part of the first.
pub(super) fn lines(
    id: &'static str,
    points: &[Point],
    names: &LineNames,
) -> Result<Plot, RenderError> {
    let wide = Lines::new(
        id,
        "chart-wide",
        640.0,
        6,
        points,
        (&names.whole, &names.part),
    );
    let narrow = Lines::new(
        id,
        "chart-narrow",
        342.0,
        4,
        points,
        (&names.whole, &names.part_short),
    );
    Ok(Plot {
        wide: Markup(render("a drawing", &wide)?),
        narrow: Markup(render("a drawing", &narrow)?),
    })
}

impl Lines {
    fn new(
        id: &'static str,
        class: &'static str,
        width: f64,
        labels_max: usize,
        points: &[Point],
        (whole_name, part_name): (&str, &str),
    ) -> Self {
        let right = width - 60.0;
        let pace = (right - LEFT) / points.len().max(1) as f64;
        let x = |at: usize| LEFT + (at as f64 + 0.5) * pace;
        let step = step(points.iter().filter_map(|p| p.whole).max().unwrap_or(0));
        let high = (step * STEPS) as f64;
        let y = |value: u64| BOTTOM - (BOTTOM - TOP) * value as f64 / high;
        let line = |value: fn(&Point) -> Option<u64>| {
            let told = points.iter().map(value).enumerate();
            let mut pieces: Vec<Vec<(f64, f64)>> = vec![Vec::new()];
            let mut end = None;
            for (at, value) in told {
                match (value, pieces.last_mut()) {
                    (Some(value), Some(piece)) => {
                        piece.push((x(at), y(value)));
                        end = Some((x(at), y(value), value));
                    }
                    _ => pieces.push(Vec::new()),
                }
            }
            pieces.retain(|piece| !piece.is_empty());
            Line {
                pieces,
                name: None,
                end,
            }
        };
        let (mut whole, mut part) = (line(|p| p.whole), line(|p| p.part));
        let first = |line: &Line| line.pieces.first().and_then(|piece| piece.first().copied());
        whole.name = first(&whole).map(|(x, y)| (x - 6.0, y - 12.0, whole_name.to_owned()));
        part.name = first(&part).map(|(x, y)| {
            // Below its line, where the area is; above it where there is no room.
            let y = if y + 22.0 < BOTTOM {
                y + 20.0
            } else {
                y - 10.0
            };
            (x - 6.0, y, part_name.to_owned())
        });
        if let (Some(upper), Some(lower)) = (whole.end, part.end.as_mut()) {
            // Two numbers at one height cannot be read.
            lower.1 = lower.1.max(upper.1 + 16.0);
        }
        let area = |piece: &Vec<(f64, f64)>| {
            let (first, last) = (piece.first()?.0, piece.last()?.0);
            Some(format!(
                "{first:.1},{BOTTOM} {} {last:.1},{BOTTOM}",
                places(piece)
            ))
        };
        let hidden = points.iter().enumerate().filter(|(_, p)| p.whole.is_none());
        let every = points.len().div_ceil(labels_max).max(1);
        let labelled = points.iter().enumerate().step_by(every);
        Self {
            id,
            class,
            width,
            right: right + 6.0,
            grid: (0..=STEPS).map(|n| (y(n * step), n * step)).collect(),
            areas: part.pieces.iter().filter_map(area).collect(),
            holes: hidden.map(|(at, _)| x(at)).collect(),
            labels: labelled.map(|(at, p)| (x(at), p.label.clone())).collect(),
            whole,
            part,
        }
    }
}

/// The distance of grid lines, a round number.
fn step(most: u64) -> u64 {
    let mut ten = 1;
    loop {
        for round in [10, 15, 20, 25, 30, 40, 50, 60, 80] {
            if round * ten * STEPS >= most {
                return round * ten;
            }
        }
        ten *= 10;
    }
}

/// One bar; without a value it is not told.
#[derive(Debug, Clone)]
pub(super) struct Bar {
    pub(super) label: String,
    pub(super) value: Option<u64>,
    /// The value in words, or why there is none.
    pub(super) said: String,
}

#[derive(Template)]
#[template(path = "plot-rows.html")]
struct BarRows {
    id: &'static str,
    class: &'static str,
    width: f64,
    height: f64,
    rows: Vec<BarRow>,
}

struct BarRow {
    label_x: f64,
    label_y: f64,
    anchor: &'static str,
    label: String,
    x: f64,
    y: f64,
    long: Option<f64>,
    said_x: f64,
    said_y: f64,
    said: String,
}

/// Bars below each other, the first at the top.
pub(super) fn rows(id: &'static str, bars: &[Bar]) -> Result<Plot, RenderError> {
    Ok(Plot {
        wide: Markup(render("a drawing", &BarRows::wide(id, bars))?),
        narrow: Markup(render("a drawing", &BarRows::narrow(id, bars))?),
    })
}

/// Letters of a label; the table has it whole.
const LABEL_LEN: usize = 26;

impl BarRows {
    fn wide(id: &'static str, bars: &[Bar]) -> Self {
        let row = |at: usize| {
            let y = 10.0 + 34.0 * at as f64;
            (188.0, y + 15.0, "end", 200.0, y)
        };
        Self {
            id,
            class: "chart-wide",
            width: 640.0,
            height: 14.0 + 34.0 * bars.len() as f64,
            rows: drawn(bars, 360.0, row),
        }
    }

    /// The label above its bar: a hand has no room beside it.
    fn narrow(id: &'static str, bars: &[Bar]) -> Self {
        let row = |at: usize| {
            let y = 20.0 + 50.0 * at as f64;
            (0.0, y - 6.0, "start", 0.0, y)
        };
        Self {
            id,
            class: "chart-narrow",
            width: 342.0,
            height: 4.0 + 50.0 * bars.len() as f64,
            rows: drawn(bars, 262.0, row),
        }
    }
}

fn drawn(
    bars: &[Bar],
    longest: f64,
    row: impl Fn(usize) -> (f64, f64, &'static str, f64, f64),
) -> Vec<BarRow> {
    let most = bars.iter().filter_map(|bar| bar.value).max();
    let most = most.unwrap_or(0).max(1) as f64;
    let one = |(at, bar): (usize, &Bar)| {
        let (label_x, label_y, anchor, x, y) = row(at);
        let long = bar.value.map(|value| longest * value as f64 / most);
        BarRow {
            label_x,
            label_y,
            anchor,
            label: shortened(&bar.label),
            x,
            y,
            long,
            // Behind the bar's round end, or the dashed box.
            said_x: x + long.map_or(44.0, |long| long + 18.0),
            said_y: y + 16.0,
            said: bar.said.clone(),
        }
    };
    bars.iter().enumerate().map(one).collect()
}

fn shortened(label: &str) -> String {
    match label.char_indices().nth(LABEL_LEN) {
        None => label.to_owned(),
        Some((end, _)) => format!("{}…", label[..end].trim_end()),
    }
}
