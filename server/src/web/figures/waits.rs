//! Waiting at the desk, above what visits come to.
//!
//! In: figures of waiting. Out: large numbers, and drawings with what they say.
//! Invariant: told of our service, exactly; never of one colleague or one customer.

use super::{
    super::{
        i18n::{Lang, Texts, minutes},
        views::RenderError,
    },
    FigureView, Table,
    plots::{self, Bar},
};
use crate::figures::waits::{WaitFigures, Waits};

/// Writes what stands about waiting.
pub(super) struct WaitDrawer<'a> {
    pub(super) t: &'a Texts,
    pub(super) waits: &'a WaitFigures,
}

impl WaitDrawer<'_> {
    /// Words and a number each; what is not known does not stand among them.
    pub(super) fn sums(&self) -> Vec<(String, String)> {
        let (t, all) = (self.t, &self.waits.all);
        if self.waits.is_empty() {
            return Vec::new();
        }
        let lasted = |ms: Option<u64>| ms.map(said);
        let sums = [
            ("waits-sum-served", Some(t.whole(all.served))),
            ("waits-sum-half", lasted(all.wait_ms_p50)),
            ("waits-sum-most", lasted(all.wait_ms_p90)),
            (
                "waits-sum-within",
                all.within_percent.map(|percent| format!("{percent}%")),
            ),
            ("waits-sum-left", Some(t.whole(all.departed_unserved))),
        ];
        let told = sums
            .into_iter()
            .filter_map(|(key, value)| Some((t.get(key), value?)));
        told.collect()
    }

    pub(super) fn figures(&self) -> Result<Vec<FigureView>, RenderError> {
        if self.waits.is_empty() {
            return Ok(Vec::new());
        }
        Ok(vec![self.hours()?, self.weekdays()?])
    }

    fn hours(&self) -> Result<FigureView, RenderError> {
        let t = self.t;
        let name = |hour: &u8| t.with("waits-hour", "hour", format!("{hour}"));
        let groups = &self.waits.by_hour;
        let rows: Vec<_> = groups.iter().map(|(h, waits)| (name(h), waits)).collect();
        let longest = self.longest(&rows);
        let heading = match longest {
            Some(at) => {
                let next = |hour: u8| (hour + 1).to_string();
                let (from, to) = (groups[at].0.to_string(), next(groups[at].0));
                t.with2("waits-hours-longest", "from", from, "to", to)
            }
            None => t.get("waits-hours"),
        };
        let mut more = t.get("waits-more");
        let all = &self.waits.all;
        if let Some(mean) = all.rating_mean {
            let (mean, marks) = (t.tenths(mean), t.whole(all.ratings));
            more.push(' ');
            more.push_str(&t.with2("waits-rating", "mean", mean, "marks", marks));
        }
        let caption = t.get("waits-hours");
        self.view(
            "f-wait-hours",
            heading,
            more,
            (caption, "waits-col-hour"),
            &rows,
        )
    }

    fn weekdays(&self) -> Result<FigureView, RenderError> {
        let t = self.t;
        let groups = self.waits.by_weekday.iter();
        let rows: Vec<_> = groups
            .map(|(day, waits)| (t.get(&format!("day-{day}")), waits))
            .collect();
        let heading = match self.longest(&rows) {
            // Within a sentence a day has no capital in Dutch, and has one in English.
            Some(at) => match t.lang {
                Lang::Nl => t.with("waits-days-longest", "day", rows[at].0.to_lowercase()),
                Lang::En => t.with("waits-days-longest", "day", rows[at].0.as_str()),
            },
            None => t.get("waits-days"),
        };
        let more = t.get("waits-days-more");
        let caption = t.get("waits-days");
        self.view(
            "f-wait-days",
            heading,
            more,
            (caption, "waits-col-day"),
            &rows,
        )
    }

    /// Where half wait longer than anywhere else, if one such stands out among two or more.
    fn longest(&self, rows: &[(String, &Waits)]) -> Option<usize> {
        let half = |at: usize| rows[at].1.wait_ms_p50;
        let most = (0..rows.len()).max_by_key(|&at| half(at))?;
        let told = (0..rows.len()).filter(|&at| half(at).is_some()).count();
        let alone = (0..rows.len()).all(|at| at == most || half(at) < half(most));
        (told > 1 && alone).then_some(most)
    }

    fn view(
        &self,
        id: &'static str,
        heading: String,
        more: String,
        (caption, first): (String, &str),
        rows: &[(String, &Waits)],
    ) -> Result<FigureView, RenderError> {
        let t = self.t;
        let none = || t.get("waits-none");
        let lasted = |ms: Option<u64>| ms.map_or_else(none, said);
        let bars: Vec<Bar> = rows
            .iter()
            .map(|(label, waits)| Bar {
                label: label.clone(),
                value: waits.wait_ms_p50.map(|ms| ms / 1_000),
                said: lasted(waits.wait_ms_p50),
            })
            .collect();
        let row = |(label, waits): &(String, &Waits)| {
            let within = waits.within_percent;
            vec![
                label.clone(),
                t.whole(waits.served),
                lasted(waits.wait_ms_p50),
                lasted(waits.wait_ms_p90),
                lasted(waits.take_ms_p50),
                within.map_or_else(none, |percent| format!("{percent}%")),
                t.whole(waits.departed_unserved),
            ]
        };
        let head = [
            first,
            "waits-col-served",
            "waits-col-half",
            "waits-col-most",
            "waits-col-taken",
            "waits-col-within",
            "waits-col-left",
        ];
        Ok(FigureView {
            id,
            heading,
            more,
            plot: plots::rows(id, &bars)?,
            table: Table {
                caption,
                head: head.iter().map(|key| t.get(key)).collect(),
                rows: rows.iter().map(row).collect(),
            },
        })
    }
}

/// Minutes and seconds.
fn said(ms: u64) -> String {
    minutes(ms / 1_000)
}
