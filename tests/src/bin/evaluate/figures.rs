//! Figures: areas under curves, intervals, and a diagram of how far to trust a probability.
//!
//! In: scores, probabilities, truth. Out: numbers, and one SVG.
//! Invariant: the same seed draws the same; units that are drawn are people, walks or pairs, never
//! seconds, which depend on one another.

use std::{fmt::Write as _, path::Path};

use anyhow::Context;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Resamplings for an interval.
pub(crate) const RESAMPLINGS: usize = 2_000;

/// A figure with the middle 95 % of what resampling gives (Efron 1979).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Figure {
    pub(crate) value: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

impl std::fmt::Display for Figure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.3} [{:.3}, {:.3}]", self.value, self.low, self.high)
    }
}

/// Figures of a sample of `units`, and of resamplings of it; `of` gets how often each unit is in.
pub(crate) fn resample<const N: usize>(
    units: usize,
    of: impl Fn(&[f64]) -> [f64; N],
) -> [Figure; N] {
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let mut draws = vec![Vec::with_capacity(RESAMPLINGS); N];
    for _ in 0..RESAMPLINGS {
        let mut times = vec![0.0; units];
        for _ in 0..units {
            times[random.random_range(0..units)] += 1.0;
        }
        for (draw, figure) in draws.iter_mut().zip(of(&times)) {
            // A draw in which nothing can be told, as one without any answer, tells nothing.
            if figure.is_finite() {
                draw.push(figure);
            }
        }
    }
    let values = of(&vec![1.0; units]);
    std::array::from_fn(|n| {
        let draw = &mut draws[n];
        draw.sort_by(f64::total_cmp);
        let at = |q: f64| {
            let last = draw.len().saturating_sub(1);
            draw.get((q * last as f64).round() as usize).copied()
        };
        Figure {
            value: values[n],
            low: at(0.025).unwrap_or(f64::NAN),
            high: at(0.975).unwrap_or(f64::NAN),
        }
    })
}

/// The order in which [`auc`] reads scores: computed once, used for each resampling.
pub(crate) fn ranked(scores: &[f32]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|&a, &b| scores[a].total_cmp(&scores[b]));
    order
}

/// How likely a true case has a higher score than a false one, ties by half (Hanley and McNeil
/// 1982); `weight` says how often a case counts.
pub(crate) fn auc(
    order: &[usize],
    scores: &[f32],
    truth: &[bool],
    weight: impl Fn(usize) -> f64,
) -> f64 {
    let (mut below, mut above, mut pairs) = (0.0, 0.0, 0.0);
    for tied in order.chunk_by(|&a, &b| scores[a] == scores[b]) {
        let (mut no, mut yes) = (0.0, 0.0);
        for &case in tied {
            if truth[case] {
                yes += weight(case);
            } else {
                no += weight(case);
            }
        }
        pairs += yes * (below + no / 2.0);
        below += no;
        above += yes;
    }
    pairs / (below * above)
}

/// Tenths of probability: how many, their mean, how many were right.
pub(crate) type Bars = [(f64, f64, f64); 10];

pub(crate) fn bars(answers: impl Iterator<Item = (f32, bool)>) -> Bars {
    let mut bars = Bars::default();
    for (p, right) in answers {
        let bar = &mut bars[((p * 10.0) as usize).min(9)];
        let right = f64::from(u8::from(right));
        *bar = (bar.0 + 1.0, bar.1 + f64::from(p), bar.2 + right);
    }
    bars
}

pub(crate) fn print_bars(bars: &Bars) {
    eprintln!("reliability: said p, seconds, right");
    for (n, p, right) in bars.iter().filter(|bar| bar.0 > 0.0) {
        eprintln!("{:.3} {n:6} {:.3}", p / n, right / n);
    }
}

/// A reliability diagram (DeGroot and Fienberg 1983): what was said against what was right; the
/// area of a dot is its share of the answers.
pub(crate) fn plot(path: &Path, title: &str, sets: &[(&str, Bars)]) -> anyhow::Result<()> {
    const INKS: [&str; 4] = ["#1f6f8b", "#c8553d", "#5a7d2a", "#7b4b94"];
    let (x, y) = (|p: f64| 60.0 + 360.0 * p, |p: f64| 420.0 - 360.0 * p);
    let mut svg = String::from(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 620 480\" \
         font-family=\"sans-serif\" font-size=\"13\">\n\
         <rect width=\"620\" height=\"480\" fill=\"#fff\"/>\n",
    );
    writeln!(
        svg,
        "<text x=\"60\" y=\"32\" font-size=\"16\">{title}</text>"
    )?;
    for tick in [0.0, 0.25, 0.5, 0.75, 1.0] {
        let (x, y) = (x(tick), y(tick));
        writeln!(svg, "<path d=\"M60 {y}H420M{x} 60V420\" stroke=\"#ddd\"/>")?;
        writeln!(
            svg,
            "<text x=\"52\" y=\"{}\" text-anchor=\"end\">{tick}</text>",
            y + 4.0
        )?;
        writeln!(
            svg,
            "<text x=\"{x}\" y=\"438\" text-anchor=\"middle\">{tick}</text>"
        )?;
    }
    svg += "<path d=\"M60 420L420 60\" stroke=\"#888\" stroke-dasharray=\"4 4\"/>\n\
            <text x=\"240\" y=\"462\" text-anchor=\"middle\">probability that was said</text>\n\
            <text transform=\"translate(20 240) rotate(-90)\" text-anchor=\"middle\">share that \
            was right</text>\n";
    for (n, (name, bars)) in sets.iter().enumerate() {
        let ink = INKS[n % INKS.len()];
        let all: f64 = bars.iter().map(|bar| bar.0).sum();
        for (count, p, right) in bars.iter().filter(|bar| bar.0 > 0.0) {
            let (x, y, r) = (
                x(p / count),
                y(right / count),
                2.0 + 22.0 * (count / all).sqrt(),
            );
            writeln!(
                svg,
                "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{r:.1}\" fill=\"{ink}\" fill-opacity=\".55\"/>"
            )?;
        }
        let y = 80 + 22 * n;
        writeln!(
            svg,
            "<circle cx=\"440\" cy=\"{}\" r=\"6\" fill=\"{ink}\"/>",
            y - 4
        )?;
        writeln!(svg, "<text x=\"454\" y=\"{y}\">{name}</text>")?;
    }
    svg += "</svg>\n";
    std::fs::write(path, svg).with_context(|| format!("write {}", path.display()))
}
