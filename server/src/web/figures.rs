//! The figures' page: how long people wait at the desk, and what a store's visits come to, each
//! figure under what it says.
//!
//! In: figures, the names of zones. Out: the page.
//! Promises: a heading states a finding only where the figure behind it is told in full; a table
//! behind each drawing says the same.
//! Invariant: numbers of visitors come as cells, so that none is exact and none is under ten.
//!
//! A figure more is a [`FigureView`] more: what comes first in the list stands first on the page.

mod plots;
mod waits;

use askama::Template;

use super::{
    i18n::{Texts, minutes},
    lintel::Lintel,
    views::{Icon, RenderError, render},
    visit::ZoneNames,
};
pub use crate::figures::{
    Calendar, Cell, Cohort, Figures, Part, Person, Rows, Stay, Visit, WeekFigure, ZoneFigure,
    figures, since_ms,
    waits::{Wait, WaitFigures, wait_figures},
};
use plots::{Bar, LineNames, Plot, Point};
use waits::WaitDrawer;

/// The page.
#[derive(Debug, Clone)]
pub struct FiguresPage {
    /// What stands above it.
    pub lintel: Lintel,
    /// Of how many weeks.
    pub weeks: u16,
    /// What was counted.
    pub figures: Figures,
    /// How long people waited at the desk.
    pub waits: WaitFigures,
    /// What the store calls its zones.
    pub zones: ZoneNames,
}

/// One figure.
struct FigureView {
    id: &'static str,
    heading: String,
    more: String,
    plot: Plot,
    table: Table,
}

/// What stands behind a drawing; the first of a row is its head.
struct Table {
    caption: String,
    head: Vec<String>,
    rows: Vec<Vec<String>>,
}

#[derive(Template)]
#[template(path = "figures.html")]
struct FiguresTemplate<'a> {
    t: &'a Texts,
    page: &'a FiguresPage,
    /// Words and a number each, about waiting at the desk.
    wait_sums: Vec<(String, String)>,
    wait_figures: Vec<FigureView>,
    /// Words and a number each.
    sums: Vec<(String, String)>,
    figures: Vec<FigureView>,
}

impl FiguresTemplate<'_> {
    fn path(&self) -> String {
        format!("/manage/{}/figures", self.page.lintel.store)
    }

    fn weeks(&self, weeks: &u16) -> String {
        self.t.count("figures-weeks", u32::from(*weeks))
    }
}

/// Writes the page.
pub fn render_figures(page: &FiguresPage) -> Result<String, RenderError> {
    let t = &page.lintel.texts;
    let draw = Drawer { t, page };
    let figures = match page.figures.is_empty() {
        true => Vec::new(),
        false => draw.figures()?,
    };
    let sums = draw.sums();
    let waits = &page.waits;
    let waited = WaitDrawer { t, waits };
    let template = FiguresTemplate {
        t,
        page,
        wait_sums: waited.sums(),
        wait_figures: waited.figures()?,
        sums,
        figures,
    };
    render("figures", &template)
}

struct Drawer<'a> {
    t: &'a Texts,
    page: &'a FiguresPage,
}

impl Drawer<'_> {
    /// A hidden cell may be of more than ten people, where it hides another: no reason is said.
    fn cell(&self, cell: Cell) -> String {
        match cell.shown() {
            Some(count) => self.t.whole(count),
            None => self.t.get("figures-hidden"),
        }
    }

    fn percent(&self, part: Part) -> String {
        match part.percent() {
            Some(percent) => format!("{percent}%"),
            None => self.t.get("figures-hidden"),
        }
    }

    fn words(&self, keys: &[&str]) -> Vec<String> {
        keys.iter().map(|key| self.t.get(key)).collect()
    }

    /// What is not told does not stand among the large numbers.
    fn sums(&self) -> Vec<(String, String)> {
        let figures = &self.page.figures;
        let last = figures.weeks.last().and_then(|week| week.visits.of.shown());
        let percent = |part: Part| part.percent().map(|percent| format!("{percent}%"));
        let sums = [
            ("figures-sum-week", last.map(|visits| self.t.whole(visits))),
            ("figures-sum-back", percent(figures.came_back)),
            ("figures-sum-elsewhere", figures.elsewhere.and_then(percent)),
        ];
        let told = sums
            .into_iter()
            .filter_map(|(key, value)| Some((self.t.get(key), value?)));
        told.collect()
    }

    fn figures(&self) -> Result<Vec<FigureView>, RenderError> {
        let mut figures = vec![self.visits()?];
        let told = &self.page.figures;
        if told.zones.iter().any(|zone| zone.median_s.is_some()) {
            figures.push(self.stays()?);
        }
        if told.often.iter().any(|cell| cell.shown().is_some()) {
            figures.push(self.often()?);
        }
        let is_told = |again: &Part| again.percent().is_some();
        if told.cohorts.iter().any(|c| c.again.iter().any(is_told)) {
            figures.push(self.first_months()?);
        }
        Ok(figures)
    }

    fn visits(&self) -> Result<FigureView, RenderError> {
        let (t, figures) = (self.t, &self.page.figures);
        let point = |figure: &WeekFigure| Point {
            label: t.with("figures-week", "n", figure.week.number.unsigned_abs()),
            whole: figure.visits.of.shown(),
            part: figure.visits.part.shown(),
        };
        let points: Vec<Point> = figures.weeks.iter().map(point).collect();
        let names = LineNames {
            whole: t.get("figures-visits"),
            part: t.get("figures-again"),
            part_short: t.get("figures-again-short"),
        };
        let mut more = t.get("figures-visits-more");
        if let (Some(all), Some(back)) =
            (figures.came_back.of.shown(), figures.came_back.part.shown())
        {
            let (all, back) = (t.whole(all), t.whole(back));
            more.push(' ');
            more.push_str(&t.with2("figures-back-of", "all", all, "back", back));
        }
        let row = |figure: &WeekFigure| {
            vec![
                figure.week.number.to_string(),
                self.cell(figure.visits.of),
                self.cell(figure.visits.part),
                self.percent(figure.visits),
            ]
        };
        Ok(FigureView {
            id: "f-visits",
            heading: self.back_words(),
            more,
            plot: plots::lines("f-visits", &points, &names)?,
            table: Table {
                caption: t.get("figures-back-unknown"),
                head: self.words(&[
                    "figures-col-week",
                    "figures-visits",
                    "figures-col-again",
                    "figures-col-share",
                ]),
                rows: figures.weeks.iter().map(row).collect(),
            },
        })
    }

    /// Who comes back, as people say a share.
    fn back_words(&self) -> String {
        let t = self.t;
        let Some(percent) = self.page.figures.came_back.percent() else {
            return t.get("figures-back-unknown");
        };
        let parts = |key: &str, n: u32| {
            let parts = t.with("figures-parts", "n", n);
            t.with(key, "parts", parts)
        };
        match spoken(percent) {
            Spoken::MoreThanHalf => t.get("figures-back-half"),
            Spoken::Fewer => t.get("figures-back-fewer"),
            Spoken::About(n) => parts("figures-back-about", n),
            Spoken::Nearly(n) => parts("figures-back-nearly", n),
            Spoken::Over(n) => parts("figures-back-over", n),
        }
    }

    fn stays(&self) -> Result<FigureView, RenderError> {
        let (t, zones) = (self.t, &self.page.figures.zones);
        let name = |zone: &ZoneFigure| self.page.zones.name(&zone.zone);
        let none = t.get("figures-not-shown");
        let bars: Vec<Bar> = zones
            .iter()
            .map(|zone| Bar {
                label: name(zone),
                value: zone.median_s,
                said: zone.median_s.map_or_else(|| none.clone(), minutes),
            })
            .collect();
        let heading = match zones.as_slice() {
            [first, second, ..]
                if second.median_s.is_some() && first.median_s > second.median_s =>
            {
                t.with("figures-stays-longest", "zone", name(first))
            }
            _ => t.get("figures-stays"),
        };
        let row = |zone: &ZoneFigure| {
            let median = zone
                .median_s
                .map_or_else(|| t.get("figures-hidden"), minutes);
            vec![name(zone), self.cell(zone.visits), median]
        };
        Ok(FigureView {
            id: "f-stays",
            heading,
            more: t.get("figures-stays-more"),
            plot: plots::rows("f-stays", &bars)?,
            table: Table {
                caption: t.get("figures-stays"),
                head: self.words(&["figures-col-zone", "figures-visits", "figures-col-stay"]),
                rows: zones.iter().map(row).collect(),
            },
        })
    }

    fn often(&self) -> Result<FigureView, RenderError> {
        let (t, often) = (self.t, &self.page.figures.often);
        let classes = self.words(&[
            "figures-often-1",
            "figures-often-2",
            "figures-often-3",
            "figures-often-5",
        ]);
        let none = t.get("figures-hidden");
        let bar = |(label, cell): (&String, &Cell)| Bar {
            label: label.clone(),
            value: cell.shown(),
            said: match cell.shown() {
                Some(count) => t.whole(count),
                None => none.clone(),
            },
        };
        let bars: Vec<Bar> = classes.iter().zip(often).map(bar).collect();
        let rows = classes.iter().zip(often);
        Ok(FigureView {
            id: "f-often",
            heading: t.get(often_key(often)),
            more: t.get("figures-often-more"),
            plot: plots::rows("f-often", &bars)?,
            table: Table {
                caption: t.get("figures-often"),
                head: self.words(&["figures-visits", "figures-col-people"]),
                rows: rows
                    .map(|(class, cell)| vec![class.clone(), self.cell(*cell)])
                    .collect(),
            },
        })
    }

    fn first_months(&self) -> Result<FigureView, RenderError> {
        let (t, cohorts) = (self.t, &self.page.figures.cohorts);
        let month = |number: i8| t.get(&format!("month-{number}"));
        let none = t.get("figures-hidden");
        let first = |cohort: &Cohort| cohort.again.first()?.percent();
        let bar = |cohort: &Cohort| Bar {
            label: month(cohort.month.number),
            value: first(cohort),
            said: first(cohort).map_or_else(|| none.clone(), |percent| format!("{percent}%")),
        };
        let bars: Vec<Bar> = cohorts.iter().map(bar).collect();
        let youngest = cohorts.iter().rev().find_map(|c| Some((c, first(c)?)));
        let heading = match youngest {
            Some((cohort, percent)) => {
                let name = month(cohort.month.number);
                t.with2("figures-first-back", "percent", percent, "month", name)
            }
            None => t.get("figures-first"),
        };
        let row = |cohort: &Cohort| {
            let again = |later: usize| match cohort.again.get(later) {
                Some(part) => self.percent(*part),
                None => t.get("figures-not-yet"),
            };
            let name = format!("{} {}", month(cohort.month.number), cohort.month.year);
            vec![name, self.cell(cohort.people), again(0), again(1), again(2)]
        };
        Ok(FigureView {
            id: "f-first",
            heading,
            more: t.get("figures-first-more"),
            plot: plots::rows("f-first", &bars)?,
            table: Table {
                caption: t.get("figures-first"),
                head: self.words(&[
                    "figures-col-month",
                    "figures-col-new",
                    "figures-col-after-1",
                    "figures-col-after-2",
                    "figures-col-after-3",
                ]),
                rows: cohorts.iter().map(row).collect(),
            },
        })
    }
}

/// A share, as people say it.
#[derive(Debug, PartialEq, Eq)]
enum Spoken {
    MoreThanHalf,
    About(u32),
    Nearly(u32),
    Over(u32),
    Fewer,
}

/// The nearest of one in two to one in ten; within a percent it is that.
fn spoken(percent: u64) -> Spoken {
    let off = |n: u32| percent as f64 - 100.0 / f64::from(n);
    let nearest = (2..=10).min_by(|a, b| off(*a).abs().total_cmp(&off(*b).abs()));
    let n = nearest.unwrap_or(2);
    match off(n) {
        off if off.abs() <= 1.0 => Spoken::About(n),
        off if off < 0.0 && n == 10 => Spoken::Fewer,
        off if off < 0.0 => Spoken::Nearly(n),
        _ if n == 2 => Spoken::MoreThanHalf,
        _ => Spoken::Over(n),
    }
}

/// What the classes say for sure, whatever those that are hidden hold: at most as much as the
/// smallest that is shown, or nine.
fn often_key(often: &[Cell; 4]) -> &'static str {
    let [once, others @ ..] = often;
    let Some(once) = once.shown() else {
        return "figures-often";
    };
    let shown = others.iter().filter_map(|cell| cell.shown());
    let (sum, smallest) = (shown.clone().sum::<u64>(), shown.min());
    let hidden = others.iter().filter(|cell| cell.shown().is_none()).count() as u64;
    let hidden_most = hidden * smallest.unwrap_or(once).min(once).max(9);
    if once > sum + hidden_most {
        "figures-often-once"
    } else if sum > once + hidden_most {
        "figures-often-again"
    } else {
        "figures-often"
    }
}

#[cfg(test)]
mod tests;
