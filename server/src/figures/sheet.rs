//! Figures as a sheet: what machines and spreadsheets read.
//!
//! In: [`Figures`], [`WaitFigures`]. Out: rows of one number each, as CSV (RFC 4180); an empty value is one that is
//! not told.
//! Invariant: every number about visits comes from a [`Cell`], a [`Part`]'s percent or a rounded
//! median; those about waiting are exact, and nobody stands in them.

use super::{
    Cell, Figures, Part,
    waits::{WaitFigures, Waits},
};

/// `1`, `2`, `3-4`, `5+`: visits in four weeks.
pub const OFTEN: [&str; 4] = ["1", "2", "3-4", "5+"];

const HEAD: [&str; 5] = ["figure", "of", "measure", "value", "unit"];

/// Writes the sheet.
pub fn csv(figures: &Figures, waits: &WaitFigures) -> Result<String, csv::Error> {
    let mut sheet = Sheet(csv::Writer::from_writer(Vec::new()));
    sheet.0.write_record(HEAD)?;
    for week in &figures.weeks {
        let of = format!("{}-W{:02}", week.week.year, week.week.number);
        sheet.part(
            "weeks",
            &of,
            ["visits", "visits_again"],
            "visits",
            week.visits,
        )?;
    }
    let names = ["people", "came_back"];
    sheet.part("came_back", "", names, "people", figures.came_back)?;
    for (of, cell) in OFTEN.iter().zip(figures.often) {
        sheet.cell("visits_in_four_weeks", of, "people", cell, "people")?;
    }
    for cohort in &figures.cohorts {
        let of = format!("{}-{:02}", cohort.month.year, cohort.month.number);
        sheet.cell("first_month", &of, "people", cohort.people, "people")?;
        for (later, part) in (1..).zip(&cohort.again) {
            let (again, percent) = (format!("again_{later}"), format!("again_{later}_share"));
            sheet.cell("first_month", &of, &again, part.part, "people")?;
            sheet.row("first_month", &of, &percent, part.percent(), "percent")?;
        }
    }
    if let Some(elsewhere) = figures.elsewhere {
        let names = ["people", "also_elsewhere"];
        sheet.part("other_stores", "", names, "people", elsewhere)?;
    }
    for zone in &figures.zones {
        let of = zone.zone.as_str();
        sheet.cell("zones", of, "visits", zone.visits, "visits")?;
        sheet.row("zones", of, "stay_median", zone.median_s, "seconds")?;
    }
    if !waits.is_empty() {
        sheet.waits("", &waits.all)?;
    }
    for (_, of, waits) in waits.groups() {
        sheet.waits(&of, waits)?;
    }
    let bytes = sheet
        .0
        .into_inner()
        .map_err(csv::IntoInnerError::into_error)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

struct Sheet(csv::Writer<Vec<u8>>);

impl Sheet {
    fn row(
        &mut self,
        figure: &str,
        of: &str,
        measure: &str,
        value: Option<u64>,
        unit: &str,
    ) -> Result<(), csv::Error> {
        let value = value.map_or_else(String::new, |value| value.to_string());
        self.0.write_record([figure, of, measure, &value, unit])
    }

    /// Hours, weekdays, days and kinds are told apart by how they are written.
    fn waits(&mut self, of: &str, waits: &Waits) -> Result<(), csv::Error> {
        let mean = waits.rating_mean.map(|mean| format!("{mean:.2}"));
        let tell = |n: u64| n.to_string();
        for (measure, value, unit) in [
            ("served", Some(tell(waits.served)), "customers"),
            (
                "departed_unserved",
                Some(tell(waits.departed_unserved)),
                "customers",
            ),
            ("wait_p50", waits.wait_ms_p50.map(tell), "ms"),
            ("wait_p90", waits.wait_ms_p90.map(tell), "ms"),
            ("take_p50", waits.take_ms_p50.map(tell), "ms"),
            ("take_p90", waits.take_ms_p90.map(tell), "ms"),
            ("within_120_s", waits.within_percent.map(tell), "percent"),
            ("ratings", Some(tell(waits.ratings)), "customers"),
            ("rating_mean", mean, "of 5"),
        ] {
            let value = value.unwrap_or_default();
            self.0.write_record(["waits", of, measure, &value, unit])?;
        }
        Ok(())
    }

    fn cell(
        &mut self,
        figure: &str,
        of: &str,
        measure: &str,
        cell: Cell,
        unit: &str,
    ) -> Result<(), csv::Error> {
        self.row(figure, of, measure, cell.shown(), unit)
    }

    fn part(
        &mut self,
        figure: &str,
        of: &str,
        [whole, part]: [&str; 2],
        unit: &str,
        of_whole: Part,
    ) -> Result<(), csv::Error> {
        self.cell(figure, of, whole, of_whole.of, unit)?;
        self.cell(figure, of, part, of_whole.part, unit)?;
        let share = format!("{part}_share");
        self.row(figure, of, &share, of_whole.percent(), "percent")
    }
}
