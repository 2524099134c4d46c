//! A line chart as SVG, readable on light and on dark ground.
//!
//! In: lines with their names. Out: the text of the file.
//! Invariant: the same lines give the same text; axes begin at zero.

use std::fmt::Write;

/// One line.
pub(crate) struct Line {
    pub(crate) name: String,
    /// What was asked, beside what was measured.
    pub(crate) dashed: bool,
    /// Which colour; lines that belong together share one.
    pub(crate) colour: usize,
    pub(crate) points: Vec<(f64, f64)>,
}

const WIDE: f64 = 640.0;
const HIGH: f64 = 360.0;
/// Left, right, top and bottom of the plot within the picture.
const FRAME: (f64, f64, f64, f64) = (60.0, 480.0, 40.0, 310.0);

/// Colours that are told apart by most eyes (Okabe and Ito 2008), mid-tone for both grounds.
const STYLE: &str = "<style>
text { font: 12px system-ui, sans-serif; fill: #222 } .grid { stroke: #8884; stroke-width: 1 }
.line { fill: none; stroke-width: 2 } .dashed { stroke-dasharray: 5 4; stroke-width: 1.2 }
.c0 { stroke: #0072b2 } .c1 { stroke: #d55e00 } .c2 { stroke: #009e73 } .c3 { stroke: #b0609a }
@media (prefers-color-scheme: dark) { text { fill: #ddd } .c0 { stroke: #56b4e9 } }
</style>";

pub(crate) fn svg(title: &str, x: &str, y: &str, lines: &[Line]) -> String {
    let points = || lines.iter().flat_map(|line| &line.points);
    let x_max = points().map(|p| p.0).fold(1.0, f64::max);
    let y_step = step(points().map(|p| p.1).fold(1.0, f64::max));
    let y_max = y_step * 5.0;
    let (left, right, top, bottom) = FRAME;
    let across = |at: f64| left + (right - left) * at / x_max;
    let up = |at: f64| bottom - (bottom - top) * at / y_max;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDE} {HIGH}\" role=\"img\">\n\
         <title>{title}</title>\n{STYLE}\n<text x=\"{left}\" y=\"22\">{title}</text>\n"
    );
    let mut put = |line: String| {
        let _ = writeln!(out, "{line}"); // a String takes everything
    };
    for n in 0..=5 {
        let at = f64::from(n) * y_step;
        let y = up(at);
        put(format!(
            "<path class=\"grid\" d=\"M{left} {y:.1}H{right}\"/>\
             <text x=\"{:.0}\" y=\"{:.1}\" text-anchor=\"end\">{at}</text>",
            left - 6.0,
            y + 4.0
        ));
        let at = x_max * f64::from(n) / 5.0;
        put(format!(
            "<text x=\"{:.1}\" y=\"{:.0}\" text-anchor=\"middle\">{at:.0}</text>",
            across(at),
            bottom + 18.0
        ));
    }
    put(format!(
        "<text x=\"{right}\" y=\"{:.0}\" text-anchor=\"end\">{x}</text>\
         <text x=\"{right}\" y=\"22\" text-anchor=\"end\">{y}</text>",
        bottom + 38.0
    ));
    let mut labels = Vec::new();
    for line in lines {
        let path: Vec<String> = line
            .points
            .iter()
            .map(|&(x, y)| format!("{:.1} {:.1}", across(x), up(y)))
            .collect();
        let dashed = if line.dashed { " dashed" } else { "" };
        let class = format!("line c{}{dashed}", line.colour);
        put(format!(
            "<path class=\"{class}\" d=\"M{}\"/>",
            path.join("L")
        ));
        if let (Some(&(x, y)), false) = (line.points.last(), line.dashed) {
            labels.push((up(y) + 4.0, across(x) + 8.0, &line.name));
        }
    }
    labels.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut free = 0.0;
    for (y, x, name) in labels {
        // One below the other where lines end close together.
        let y = f64::max(y, free);
        free = y + 14.0;
        put(format!("<text x=\"{x:.1}\" y=\"{y:.1}\">{name}</text>"));
    }
    out + "</svg>\n"
}

/// A fifth of the axis: 1, 2 or 5 times a power of ten.
fn step(max: f64) -> f64 {
    let least = max / 5.0;
    let power = 10_f64.powf(least.log10().floor());
    let round = [1.0, 2.0, 5.0, 10.0].map(|n| n * power);
    round.into_iter().find(|&n| n >= least).unwrap_or(least)
}
