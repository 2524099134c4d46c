//! The entrance of a building: is a tag inside, between the doors, or outside?
//!
//! In: filtered_rssi.csv, two receivers' strengths of twelve tags that each stayed in one of three
//! areas. Out: how often the area is right for a tag that was left out of the learning; intervals
//! by resampling tags.
//! Invariant: nothing was chosen on this recording: settings are those of calibration walks.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use anyhow::Context;
use engine::presence::walk::{Sighting, Stand, Walk, answers_on, areas, settings};

use crate::{
    figures::{Figure, resample, weighed},
    table,
};

/// What others made of this recording is told for windows of this length.
const WINDOW_MS: u64 = 10_000;

/// One tag's rows.
struct Tag {
    walk: Walk,
    zone: u16,
}

/// All and right: rows by themselves, windows by themselves, rows with all before them.
type Tally = [(f64, f64); 3];

pub(crate) fn run(dir: &Path) -> anyhow::Result<()> {
    let (tags, zones) = read(&dir.join("filtered_rssi.csv"))?;
    let mut tallies: Vec<Tally> = Vec::new();
    for (out, (name, tag)) in tags.iter().enumerate() {
        let others: Vec<&Walk> = tags
            .values()
            .enumerate()
            .filter(|(at, _)| *at != out)
            .map(|(_, t)| &t.walk)
            .collect();
        let model = areas::learn(&settings(), zones.len() as u16, 2, &others)
            .with_context(|| format!("nothing to learn from without {name}"))?;
        let right = |walk: &Walk| -> Vec<bool> {
            answers_on(&model, walk)
                .iter()
                .map(|a| a.zone == Some(tag.zone))
                .collect()
        };
        let count = |right: &[bool]| {
            let all = right.len() as f64;
            (all, right.iter().filter(|r| **r).count() as f64)
        };
        let alone = |ms: u64| -> Vec<bool> {
            let windows = tag.windows(ms);
            windows
                .iter()
                .filter_map(|window| right(window).last().copied())
                .collect()
        };
        let tally = [
            count(&alone(1)),
            count(&alone(WINDOW_MS)),
            count(&right(&tag.walk)),
        ];
        let [row, window, all] = tally.map(|(all, right)| right / all);
        let zone = &zones[usize::from(tag.zone)];
        eprintln!("{name} {zone:12} rows {row:.2}, windows {window:.2}, followed {all:.2}");
        tallies.push(tally);
    }
    let figures: [Figure; 3] = resample(&[tallies.len()], |times| {
        std::array::from_fn(|n| {
            weighed(&tallies, times, |t| t[n].1) / weighed(&tallies, times, |t| t[n].0)
        })
    });
    eprintln!("right, each row by itself: {}", figures[0]);
    eprintln!("right, windows of 10 s by themselves: {}", figures[1]);
    eprintln!("right, each row with all before it: {}", figures[2]);
    Ok(())
}

impl Tag {
    /// Windows as walks of their own, of which only the last stand is asked.
    fn windows(&self, ms: u64) -> Vec<Walk> {
        let window = |at_ms: u64| at_ms / ms;
        let stands = self
            .walk
            .stands
            .chunk_by(|a, b| window(a.at_ms) == window(b.at_ms));
        let heard = |stands: &[Stand]| {
            let own = self.walk.sightings.iter();
            own.filter(|s| window(s.at_ms) == window(stands[0].at_ms))
                .copied()
                .collect()
        };
        stands
            .map(|stands| Walk {
                sightings: heard(stands),
                stands: stands.to_vec(),
            })
            .collect()
    }
}

fn read(path: &Path) -> anyhow::Result<(BTreeMap<String, Tag>, Vec<String>)> {
    let columns = ["name", "locationStatus", "timestamp", "rssiOne", "rssiTwo"];
    let rows = table::read(path, columns, |line, [name, area, time, one, two]| {
        let strengths = [line.strength(one)?, line.strength(two)?];
        Ok((
            line.word(name)?,
            line.word(area)?,
            line.time(time)?,
            strengths,
        ))
    })?;
    let areas: BTreeSet<&String> = rows.iter().map(|row| &row.1).collect();
    let areas: Vec<String> = areas.into_iter().cloned().collect();
    let mut tags: BTreeMap<String, Tag> = BTreeMap::new();
    let mut last = BTreeSet::new();
    for (name, area, at_ms, strengths) in &rows {
        // Some rows are there twice, to the letter.
        if !last.insert((name, at_ms, strengths.map(f32::to_bits))) {
            continue;
        }
        let zone = areas.iter().position(|a| a == area).unwrap_or(0) as u16; // three
        let tag = tags.entry(name.clone()).or_insert_with(|| Tag {
            walk: Walk::default(),
            zone,
        });
        for (anchor, rssi_dbm) in (0..).zip(*strengths) {
            tag.walk.sightings.push(Sighting {
                at_ms: *at_ms,
                anchor,
                rssi_dbm,
            });
        }
        tag.walk.stands.push(Stand {
            at_ms: *at_ms,
            x_m: 0.0,
            y_m: 0.0,
            zone,
        });
    }
    for tag in tags.values_mut() {
        tag.walk.sightings.sort_by_key(|s| s.at_ms);
        tag.walk.stands.sort_by_key(|s| s.at_ms);
    }
    Ok((tags, areas))
}
