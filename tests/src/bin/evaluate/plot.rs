//! Charts as SVG, readable on light and on dark ground.
//!
//! In: lines with their names, or what was said against what was right. Out: a file.
//! Invariant: the same figures give the same text; axes begin at zero.

use std::path::Path;

use anyhow::Context;

use crate::figures::Bars;

/// One line.
pub(crate) struct Line {
    pub(crate) name: String,
    /// What was asked, beside what was measured.
    pub(crate) dashed: bool,
    /// Which colour; lines that belong together share one.
    pub(crate) colour: usize,
    pub(crate) points: Vec<(f64, f64)>,
}

const COLOURS: usize = 4;

/// Colours that are told apart by most eyes (Okabe and Ito 2008), mid-tone for both grounds;
/// the last is for what is no measurement.
const STYLE: &str = "<style>
text { font: 12px system-ui, sans-serif; fill: #222 } .grid { stroke: #8884; stroke-width: 1 }
.line { fill: none; stroke: currentColor; stroke-width: 2 }
.dashed { stroke-dasharray: 5 4; stroke-width: 1.2 } .dot { fill: currentColor; fill-opacity: .55 }
.c0 { color: #0072b2 } .c1 { color: #d55e00 } .c2 { color: #009e73 } .c3 { color: #b0609a }
.c4 { color: #888 }
@media (prefers-color-scheme: dark) { text { fill: #ddd } .c0 { color: #56b4e9 } }
</style>";

/// A chart of lines.
pub(crate) fn lines(
    path: &Path,
    title: &str,
    (x, y): (&str, &str),
    lines: &[Line],
) -> anyhow::Result<()> {
    let points = || lines.iter().flat_map(|line| &line.points);
    let x_max = points().map(|p| p.0).fold(1.0, f64::max);
    let y_max = 5.0 * step(points().map(|p| p.1).fold(1.0, f64::max));
    let mut sheet = Sheet::new(title, (420.0, 270.0), (x_max, y_max));
    sheet.axes((x, y), 5);
    let mut labels = Vec::new();
    for line in lines {
        sheet.line(line.colour, line.dashed, &line.points);
        if let (Some(&(x, y)), false) = (line.points.last(), line.dashed) {
            labels.push((sheet.up(y) + 4.0, sheet.across(x) + 8.0, &line.name));
        }
    }
    labels.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut free = 0.0;
    for (y, x, name) in labels {
        // One below the other where lines end close together.
        let y = f64::max(y, free);
        free = y + 14.0;
        sheet.text((x, y), "start", name);
    }
    sheet.save(path)
}

/// A reliability diagram (DeGroot and Fienberg 1983): what was said against what was right; the
/// area of a dot is its share of the answers.
pub(crate) fn reliability(path: &Path, title: &str, sets: &[(&str, Bars)]) -> anyhow::Result<()> {
    let mut sheet = Sheet::new(title, (360.0, 360.0), (1.0, 1.0));
    sheet.axes(("probability that was said", "share that was right"), 4);
    sheet.line(COLOURS, true, &[(0.0, 0.0), (1.0, 1.0)]);
    for (n, (name, bars)) in sets.iter().enumerate() {
        let all: f64 = bars.iter().map(|bar| bar.0).sum();
        for (count, p, right) in bars.iter().filter(|bar| bar.0 > 0.0) {
            let at = (sheet.across(p / count), sheet.up(right / count));
            sheet.dot(n % COLOURS, at, 2.0 + 22.0 * (count / all).sqrt());
        }
        let (x, y) = (sheet.across(1.0) + 30.0, sheet.up(0.95) + 22.0 * n as f64);
        sheet.dot(n % COLOURS, (x, y - 4.0), 6.0);
        sheet.text((x + 14.0, y), "start", name);
    }
    sheet.save(path)
}

/// Left, right, top and bottom of the picture around the plot.
const MARGIN: (f64, f64, f64, f64) = (60.0, 160.0, 40.0, 50.0);

/// A picture with one plot in it.
struct Sheet {
    out: String,
    /// Width and height of the plot.
    size: (f64, f64),
    /// Where its axes end.
    most: (f64, f64),
}

impl Sheet {
    fn new(title: &str, size: (f64, f64), most: (f64, f64)) -> Self {
        let (left, right, top, bottom) = MARGIN;
        let (wide, high) = (left + size.0 + right, top + size.1 + bottom);
        let out = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {wide} {high}\" role=\"img\">\n\
             <title>{title}</title>\n{STYLE}\n<text x=\"{left}\" y=\"14\">{title}</text>\n"
        );
        Self { out, size, most }
    }

    fn across(&self, x: f64) -> f64 {
        MARGIN.0 + self.size.0 * x / self.most.0
    }

    fn up(&self, y: f64) -> f64 {
        MARGIN.2 + self.size.1 * (1.0 - y / self.most.1)
    }

    fn put(&mut self, line: &str) {
        self.out.push_str(line);
        self.out.push('\n');
    }

    fn text(&mut self, (x, y): (f64, f64), anchor: &str, text: &str) {
        self.put(&format!(
            "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{text}</text>"
        ));
    }

    /// A grid of so many parts, with figures along it and what they are of.
    fn axes(&mut self, (x, y): (&str, &str), parts: u32) {
        let (left, right) = (self.across(0.0), self.across(self.most.0));
        let bottom = self.up(0.0);
        for n in 0..=parts {
            let part = f64::from(n) / f64::from(parts);
            let (along, height) = (self.most.0 * part, self.most.1 * part);
            let level = self.up(height);
            self.put(&format!(
                "<path class=\"grid\" d=\"M{left} {level:.1}H{right}\"/>"
            ));
            self.text((left - 6.0, level + 4.0), "end", &height.to_string());
            let below = (self.across(along), bottom + 18.0);
            self.text(below, "middle", &along.to_string());
        }
        self.text((right, bottom + 38.0), "end", x);
        self.text((left, MARGIN.2 - 10.0), "start", y);
    }

    fn line(&mut self, colour: usize, dashed: bool, points: &[(f64, f64)]) {
        let at = |&(x, y): &(f64, f64)| format!("{:.1} {:.1}", self.across(x), self.up(y));
        let path: Vec<String> = points.iter().map(at).collect();
        let dashed = if dashed { " dashed" } else { "" };
        self.put(&format!(
            "<path class=\"line c{colour}{dashed}\" d=\"M{}\"/>",
            path.join("L")
        ));
    }

    fn dot(&mut self, colour: usize, (x, y): (f64, f64), radius: f64) {
        self.put(&format!(
            "<circle class=\"dot c{colour}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius:.1}\"/>"
        ));
    }

    fn save(self, path: &Path) -> anyhow::Result<()> {
        std::fs::write(path, self.out + "</svg>\n")
            .with_context(|| format!("write {}", path.display()))
    }
}

/// A fifth of the axis: 1, 2 or 5 times a power of ten.
fn step(max: f64) -> f64 {
    let least = max / 5.0;
    let power = 10_f64.powf(least.log10().floor());
    let round = [1.0, 2.0, 5.0, 10.0].map(|n| n * power);
    round.into_iter().find(|&n| n >= least).unwrap_or(least)
}
