//! What that day is measured by.
//!
//! In: the notebooks of colleagues and customers; rows, strip and figures of the system. Out: lines,
//! each with what was asked and whether it was met.
//! Arrival alerts are compared with the door line. Waits are compared with colleagues' own notes,
//! from the moment at which the board says that she came: how well that moment is known is the line
//! of the alerts' delay, and stands by itself.
//! Invariant: counts anew, with none of the server's functions for figures.

use std::collections::BTreeMap;

use engine::input::OrderKind;
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    HOUR_OF_OPENING, ZERO_MS,
    desk::{Desk, Ended, Note},
    people::{Person, Role},
    shop::{Shop, by_id},
};
use crate::figures::quantile;

/// Marks that a mean is told of, at least.
const MARKS_MIN: usize = 5;

/// One line of the table.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Row {
    pub(crate) what: String,
    /// What the system says.
    pub(crate) said: Value,
    /// What is asked: the truth, or a bound.
    pub(crate) asked: Value,
    /// None: it is told, and nothing is asked of it.
    pub(crate) met: Option<bool>,
}

#[derive(Debug, Default)]
pub(crate) struct Report(pub(crate) Vec<Row>);

impl Report {
    fn told(&mut self, what: &str, said: impl Into<Value>) {
        self.0.push(Row {
            what: what.into(),
            said: said.into(),
            asked: Value::Null,
            met: None,
        });
    }

    fn at_most(&mut self, what: &str, said: f64, asked: f64) {
        self.0.push(Row {
            what: what.into(),
            said: json!(said),
            asked: json!(asked),
            met: Some(said <= asked),
        });
    }

    fn same(&mut self, what: impl Into<String>, said: impl Into<Value>, truth: impl Into<Value>) {
        let (said, asked) = (said.into(), truth.into());
        self.0.push(Row {
            what: what.into(),
            met: Some(said == asked),
            said,
            asked,
        });
    }

    pub(crate) fn is_met(&self) -> bool {
        self.0.iter().all(|row| row.met != Some(false))
    }
}

/// Everything, at the end of the day.
pub(crate) fn report(
    shop: &Shop,
    desk: &Desk,
    people: &[Person],
    now_ms: u64,
) -> anyhow::Result<Report> {
    let mut report = Report::default();
    alerts(&mut report, shop, desk, people)?;
    let figures = shop.figures(ZERO_MS + now_ms)?;
    ends(&mut report, desk, people, &figures);
    waits(&mut report, desk, people, &figures);
    strip(&mut report, shop, desk)?;
    if let Some(apart) = shop.disagreements()? {
        for what in apart.iter().take(20) {
            eprintln!("the two sides: {what}");
        }
        report.same(
            "what machine and central server disagree about",
            apart.len(),
            0,
        );
    }
    desk_lines(&mut report, shop, desk);
    Ok(report)
}

fn alerts(report: &mut Report, shop: &Shop, desk: &Desk, people: &[Person]) -> anyhow::Result<()> {
    let by_id = by_id(people.len());
    let mut alerted: BTreeMap<usize, Vec<u64>> = BTreeMap::new();
    for alert in shop.alerts()? {
        if let Some(&who) = by_id.get(&alert.customer) {
            alerted.entry(who).or_default().push(alert.at_ms - ZERO_MS);
        }
    }
    let mut came: BTreeMap<usize, Vec<u64>> = BTreeMap::new();
    for episode in &desk.episodes {
        came.entry(episode.who)
            .or_default()
            .push(episode.entered_ms);
    }
    let (mut missed, mut twice, mut delays_s) = (0, 0, Vec::new());
    let mut by_interval: BTreeMap<u64, Vec<f64>> = BTreeMap::new();
    for (who, came) in &came {
        let alerted = alerted.get(who).map_or(&[][..], Vec::as_slice);
        missed += came.len().saturating_sub(alerted.len());
        twice += alerted.len().saturating_sub(came.len());
        let pairs = came.iter().zip(alerted);
        let delays = pairs.map(|(&from, &to)| (to as f64 - from as f64) / 1_000.0);
        let delays: Vec<f64> = delays.collect();
        let of_kind = by_interval.entry(people[*who].interval_us / 1_000);
        of_kind.or_default().extend(&delays);
        delays_s.extend(delays);
    }
    // Her own word stands for a radio that did not do; the alert that it made is late, and hers.
    let by_word = desk.said_here.iter().filter(|(who, at_ms)| {
        let alerted = alerted.get(who).map_or(&[][..], Vec::as_slice);
        alerted.contains(at_ms)
    });
    let by_word = by_word.count();
    let of_role = |role: Role| {
        let all = people.iter().filter(|person| person.role == role).count();
        let hit = alerted.keys().filter(|&&who| people[who].role == role);
        (hit.count(), all)
    };
    let (passers, all_passers) = of_role(Role::Passer);
    let (visitors, _) = of_role(Role::Visitor);
    report.told(
        "times that somebody came in for what is open",
        desk.episodes.len(),
    );
    report.same("  of these without an alert", missed, 0);
    report.same("  alerts more than one a time", twice, 0);
    report.same("  alerts that took her own \"Ik ben er\"", by_word, 0);
    report.told("who passes by with something ready", all_passers);
    let share = passers as f64 / all_passers.max(1) as f64;
    report.at_most("  share of these alerted", share, 0.01);
    report.same("alerts of who has nothing open", visitors, 0);
    for (share, asked) in [(0.5, f64::INFINITY), (0.95, 5.0), (1.0, f64::INFINITY)] {
        let what = format!("alert after the door line, {:.0} %, s", 100.0 * share);
        let delay_s = quantile(delays_s.clone(), share);
        match asked.is_finite() {
            true => report.at_most(&what, delay_s, asked),
            false => report.told(&what, delay_s),
        }
    }
    for (interval_ms, delays_s) in by_interval {
        let what = format!("  of phones that advertise every {interval_ms} ms, 95 %, s");
        report.told(&what, quantile(delays_s, 0.95));
    }
    Ok(())
}

/// Served and gone, as customers have it; a card of nobody who came is one that left, too.
fn ends(report: &mut Report, desk: &Desk, people: &[Person], figures: &Value) {
    let ended = |how| {
        let all = desk.episodes.iter();
        all.filter(|episode| episode.ended == Some(how)).count()
    };
    let open = desk.episodes.iter().filter(|e| e.ended.is_none()).count();
    let false_cards = desk
        .notes
        .values()
        .filter(|note| !matches!(people[note.who].role, Role::Desk(_)))
        .count();
    report.same("times without an end", open, 0);
    report.same(
        "page: served",
        figures["all"]["served"].clone(),
        ended(Ended::Served),
    );
    report.told("cards of who did not come in", false_cards);
    report.same(
        "page: left without help (with these cards)",
        figures["all"]["departed_unserved"].clone(),
        ended(Ended::Left) + false_cards,
    );
}

/// Waits, as colleagues have noted them.
fn waits(report: &mut Report, desk: &Desk, people: &[Person], figures: &Value) {
    let all: Vec<&Note> = desk.notes.values().collect();
    for (name, truth) in truths(&all) {
        report.same(format!("page: {name}"), figures["all"][name].clone(), truth);
    }
    let hour = |note: &Note| {
        let hours = (note.arrived_ms - ZERO_MS) / 3_600_000;
        format!("{:02}", HOUR_OF_OPENING + hours)
    };
    let kind = |note: &Note| match people[note.who].role.order() {
        Some(OrderKind::Return) => "return".to_owned(),
        Some(OrderKind::Reservation) => "reservation".to_owned(),
        _ => "click_and_collect".to_owned(),
    };
    groups(report, &all, "by_hour", figures, hour);
    groups(report, &all, "by_kind", figures, kind);
    groups(report, &all, "by_weekday", figures, |_| "6".to_owned());
    groups(report, &all, "by_day", figures, |_| "2026-11-21".to_owned());
}

/// Every group with all of its figures; told as how many are as they should be.
fn groups(
    report: &mut Report,
    all: &[&Note],
    by: &str,
    figures: &Value,
    key: impl Fn(&Note) -> String,
) {
    let mut groups: BTreeMap<String, Vec<&Note>> = BTreeMap::new();
    for note in all {
        groups.entry(key(note)).or_default().push(note);
    }
    let said = figures[by].as_array().cloned().unwrap_or_default();
    let right = groups.iter().filter(|(of, notes)| {
        let group = said.iter().find(|group| group["of"] == of.as_str());
        let as_told = |group: &Value| {
            truths(notes)
                .iter()
                .all(|(name, truth)| group[*name] == *truth)
        };
        group.is_some_and(as_told)
    });
    let right = right.count() + said.len().saturating_sub(groups.len()) * 1_000;
    report.same(
        format!("page: {by}, groups with all figures"),
        right,
        groups.len(),
    );
}

/// The figures of some notes, by their names on the page.
fn truths(notes: &[&Note]) -> Vec<(&'static str, Value)> {
    let served = notes.iter().filter(|note| note.handed_ms.is_some());
    let left = notes.len() - served.clone().count();
    let since = |note: &Note, at_ms: u64| at_ms.saturating_sub(note.arrived_ms);
    let waited = served
        .clone()
        .filter_map(|note| Some(since(note, note.handed_ms?)));
    let waited: Vec<u64> = waited.collect();
    let taken = notes
        .iter()
        .filter_map(|note| Some(since(note, note.taken_ms?)));
    let taken: Vec<u64> = taken.collect();
    let within = waited.iter().filter(|&&ms| ms <= 120_000).count();
    let within = (100 * within).checked_div(waited.len());
    let marks: Vec<u8> = notes.iter().filter_map(|note| note.mark).collect();
    let sum: f64 = marks.iter().map(|&mark| f64::from(mark)).sum();
    let mean = (marks.len() >= MARKS_MIN).then(|| sum / marks.len() as f64);
    vec![
        ("served", json!(waited.len())),
        ("departed_unserved", json!(left)),
        ("wait_ms_p50", nearest_rank(&waited, 0.5)),
        ("wait_ms_p90", nearest_rank(&waited, 0.9)),
        ("take_ms_p50", nearest_rank(&taken, 0.5)),
        ("take_ms_p90", nearest_rank(&taken, 0.9)),
        ("within_percent", json!(within)),
        ("ratings", json!(marks.len())),
        ("rating_mean", json!(mean)),
    ]
}

/// The least value that a share of them does not exceed.
fn nearest_rank(values: &[u64], share: f64) -> Value {
    let fits = |&&most: &&u64| {
        let below = values.iter().filter(|&&value| value <= most).count();
        below as f64 >= share * values.len() as f64 - 1e-9
    };
    json!(values.iter().filter(fits).min())
}

fn strip(report: &mut Report, shop: &Shop, desk: &Desk) -> anyhow::Result<()> {
    let midnight_ms = ZERO_MS - HOUR_OF_OPENING * 3_600_000;
    let today = shop.strip(midnight_ms)?;
    let all: Vec<&Note> = desk.notes.values().collect();
    let truth: BTreeMap<&str, Value> = truths(&all).into_iter().collect();
    for (name, said) in [
        ("served", json!(today.served)),
        ("departed_unserved", json!(today.departed_unserved)),
        ("wait_ms_p50", json!(today.wait_ms_median)),
        ("within_percent", json!(today.within_2_min_percent)),
    ] {
        report.same(format!("strip: {name}"), said, truth[name].clone());
    }
    Ok(())
}

fn desk_lines(report: &mut Report, shop: &Shop, desk: &Desk) {
    let counts = shop.counts();
    let of =
        |count: &std::sync::atomic::AtomicU64| count.load(std::sync::atomic::Ordering::Relaxed);
    if let Some(told) = shop.told() {
        report.told("entries of the machine's journal", told);
    }
    report.told("wrong codes typed", desk.wrong_codes);
    report.told("hand-overs taken back", desk.taken_back);
    report.told("batches applied", of(&counts.batches_applied_total));
    report.told("sightings applied", of(&counts.sightings_applied_total));
    report.same("sightings of nobody", of(&counts.unresolved_total), 0);
    report.same("batches set aside", of(&counts.set_aside_total), 0);
    report.same("transactions tried again", of(&counts.retries_total), 0);
    report.same(
        "answers to taps that nobody foresaw",
        desk.surprises.0.len(),
        0,
    );
}
