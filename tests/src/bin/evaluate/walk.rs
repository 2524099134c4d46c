//! Calibration walks: learn a floor from its training walks, answer the test walks.
//!
//! In: a folder with split.csv, zones.csv, traces.csv.gz and labels.csv.gz. Out: predictions, and
//! figures with intervals by resampling walks.
//! Invariant: labels of test walks are read after the last answer is written, for figures alone.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use anyhow::Context;
use engine::presence::walk::{self, Sighting, Stand, Walk, WalkSettings};
use sha2::{Digest, Sha256};

use crate::{
    figures::{self, Bars, Tally, resample},
    plot, table,
};

#[derive(Debug, Clone)]
struct Split {
    floor: String,
    trace_id: String,
    split: String,
    start_ms: u64,
    end_ms: u64,
}

#[derive(Debug)]
struct Zone {
    floor: String,
    zone: String,
    cx_m: f32,
    cy_m: f32,
}

#[derive(Debug)]
struct Heard {
    trace_id: String,
    ts_ms: u64,
    beacon: u32,
    rssi_dbm: f32,
}

#[derive(Debug)]
struct Label {
    trace_id: String,
    ts_ms: u64,
    x_m: f32,
    y_m: f32,
    zone: String,
}

/// One second of a test walk as it was answered.
struct Answered {
    floor: String,
    trace: String,
    ts_ms: u64,
    zone: String,
    p: f32,
}

pub(crate) fn run(
    dir: &Path,
    out: &Path,
    train_share: f64,
    folds: usize,
    chart: Option<&Path>,
) -> anyhow::Result<()> {
    let (splits, zones) = (splits(dir)?, zones(dir)?);
    let heard = by_trace(heard(dir)?, |h: &Heard| &h.trace_id);
    let floors: BTreeSet<&str> = zones.iter().map(|z| z.floor.as_str()).collect();
    let train: Vec<Split> = part(&splits, "train");
    let is_train = |id: &str| train.iter().any(|s| s.trace_id == id);
    let known = by_trace(
        labels(dir)?
            .into_iter()
            .filter(|l| is_train(&l.trace_id))
            .collect(),
        |l: &Label| &l.trace_id,
    );
    let mut answers = Vec::new();
    for floor in floors {
        let floor = Floor::new(floor, &zones, &train, &heard, &known, train_share);
        floor.answer(&part(&splits, "test"), &heard, folds, &mut answers)?;
    }
    let said = answers
        .iter()
        .map(|a| (a.trace.as_str(), a.ts_ms, a.zone.as_str(), a.p));
    table::write(out, "trace_id", said)?;
    let bars = figures(&labels(dir)?, &answers);
    if let Some(path) = chart {
        let title = "Calibration walks: zone by beacons";
        plot::reliability(path, title, &[("three floors", bars)])?;
    }
    Ok(())
}

/// What is known of one floor before any test walk.
struct Floor {
    name: String,
    zones: Vec<String>,
    middles: Vec<(f32, f32)>,
    beacons: BTreeMap<u32, u16>,
    walks: Vec<Walk>,
}

impl Floor {
    fn new(
        name: &str,
        zones: &[Zone],
        train: &[Split],
        heard: &BTreeMap<String, Vec<Heard>>,
        labels: &BTreeMap<String, Vec<Label>>,
        share: f64,
    ) -> Self {
        let own = || zones.iter().filter(|z| z.floor == name);
        let mut floor = Self {
            name: name.to_owned(),
            zones: own().map(|z| z.zone.clone()).collect(),
            middles: own().map(|z| (z.cx_m, z.cy_m)).collect(),
            beacons: BTreeMap::new(),
            walks: Vec::new(),
        };
        let mut ids: Vec<&str> = train
            .iter()
            .filter(|s| s.floor == name)
            .map(|s| s.trace_id.as_str())
            .collect();
        ids.sort_by_key(|id| Sha256::digest(id.as_bytes()));
        ids.truncate((ids.len() as f64 * share).round() as usize);
        for id in ids {
            let heard = heard.get(id).map_or(&[][..], Vec::as_slice);
            for h in heard {
                let next = floor.beacons.len() as u16; // some hundreds
                floor.beacons.entry(h.beacon).or_insert(next);
            }
            let stands = labels.get(id).map_or(&[][..], Vec::as_slice);
            let stands = stands.iter().filter_map(|l| floor.stand(l)).collect();
            floor.walks.push(Walk {
                sightings: floor.sightings(heard),
                stands,
            });
        }
        floor
    }

    fn stand(&self, label: &Label) -> Option<Stand> {
        let zone = self.zones.iter().position(|z| *z == label.zone)?;
        Some(Stand {
            at_ms: label.ts_ms,
            x_m: label.x_m,
            y_m: label.y_m,
            zone: zone as u16, // some dozens
        })
    }

    fn sightings(&self, heard: &[Heard]) -> Vec<Sighting> {
        let known = |h: &Heard| {
            Some(Sighting {
                at_ms: h.ts_ms,
                anchor: *self.beacons.get(&h.beacon)?,
                rssi_dbm: h.rssi_dbm,
            })
        };
        let mut sightings: Vec<Sighting> = heard.iter().filter_map(known).collect();
        sightings.sort_by_key(|s| s.at_ms);
        sightings
    }

    fn answer(
        &self,
        test: &[Split],
        heard: &BTreeMap<String, Vec<Heard>>,
        folds: usize,
        answers: &mut Vec<Answered>,
    ) -> anyhow::Result<()> {
        let walks: Vec<&Walk> = self.walks.iter().collect();
        let (settings, how) = (walk::settings(), WalkSettings::default());
        let anchors = self.beacons.len() as u16; // some hundreds
        let (model, quality) =
            walk::calibrate(&settings, &how, &self.middles, anchors, &walks, folds)
                .context("no stand in any training walk")?;
        eprintln!(
            "{}: {} walks, {} places; expected accuracy {:.3}, said {:.3}, right when said {:.3}",
            self.name,
            walks.len(),
            model.places(),
            quality.accuracy,
            quality.said,
            quality.said_right
        );
        for split in test.iter().filter(|s| s.floor == self.name) {
            let seconds = split.start_ms.div_ceil(1_000)..=split.end_ms / 1_000;
            // Where it was is not known: the positions of these stands are never read.
            let unknown = |second: u64| Stand {
                at_ms: second * 1_000,
                x_m: 0.0,
                y_m: 0.0,
                zone: 0,
            };
            let heard = heard.get(&split.trace_id).map_or(&[][..], Vec::as_slice);
            let walk = Walk {
                sightings: self.sightings(heard),
                stands: seconds.map(unknown).collect(),
            };
            let said = walk::answers_on(&model, &walk);
            answers.extend(walk.stands.iter().zip(said).map(|(stand, answer)| {
                Answered {
                    floor: self.name.clone(),
                    trace: split.trace_id.clone(),
                    ts_ms: stand.at_ms,
                    zone: answer
                        .zone
                        .map_or_else(String::new, |z| self.zones[usize::from(z)].clone()),
                    p: answer.p,
                }
            }));
        }
        Ok(())
    }
}

fn figures(labels: &[Label], answers: &[Answered]) -> Bars {
    let truth: BTreeMap<(&str, u64), &str> = labels
        .iter()
        .map(|l| ((l.trace_id.as_str(), l.ts_ms), l.zone.as_str()))
        .collect();
    let mut floors: BTreeMap<&str, BTreeMap<&str, Tally>> = BTreeMap::new();
    let mut said = Vec::new();
    for a in answers {
        let Some(zone) = truth.get(&(a.trace.as_str(), a.ts_ms)) else {
            continue;
        };
        let walks = floors.entry(&a.floor).or_default();
        walks
            .entry(&a.trace)
            .or_default()
            .add(a.p, a.zone == **zone);
        said.push((a.p, a.zone == **zone));
    }
    let sizes: Vec<usize> = floors.values().map(BTreeMap::len).collect();
    let walks: Vec<Tally> = floors
        .into_values()
        .flat_map(BTreeMap::into_values)
        .collect();
    // Walks are drawn from those of their own floor.
    let [right, sure, sure_right] = resample(&sizes, |times| summary(&sizes, &walks, times));
    eprintln!("accuracy: {right}");
    eprintln!("share at p >= 0.9: {sure}");
    eprintln!("right at p >= 0.9: {sure_right}");
    let bars = figures::bars(said.into_iter());
    figures::print_bars(&bars);
    bars
}

/// Mean accuracy over floors, and the sure seconds of all of them together.
fn summary(sizes: &[usize], walks: &[Tally], times: &[f64]) -> [f64; 3] {
    let [_, sure, sure_right] = Tally::sum(walks, times).shares();
    let (mut from, mut right) = (0, 0.0);
    for size in sizes {
        let own = from..from + size;
        right += Tally::sum(&walks[own.clone()], &times[own]).shares()[0];
        from += size;
    }
    [right / sizes.len() as f64, sure, sure_right]
}

fn part(splits: &[Split], which: &str) -> Vec<Split> {
    splits
        .iter()
        .filter(|s| s.split == which)
        .cloned()
        .collect()
}

fn by_trace<T>(rows: Vec<T>, id: impl Fn(&T) -> &String) -> BTreeMap<String, Vec<T>> {
    let mut map: BTreeMap<String, Vec<T>> = BTreeMap::new();
    for row in rows {
        map.entry(id(&row).clone()).or_default().push(row);
    }
    map
}

fn splits(dir: &Path) -> anyhow::Result<Vec<Split>> {
    table::read(
        &dir.join("split.csv"),
        ["floor", "trace_id", "split", "start_ms", "end_ms"],
        |line, [floor, trace, split, start, end]| {
            Ok(Split {
                floor: line.word(floor)?,
                trace_id: line.word(trace)?,
                split: line.word(split)?,
                start_ms: line.time(start)?,
                end_ms: line.time(end)?,
            })
        },
    )
}

fn zones(dir: &Path) -> anyhow::Result<Vec<Zone>> {
    table::read(
        &dir.join("zones.csv"),
        ["floor", "zone", "cx_m", "cy_m"],
        |line, [floor, zone, x, y]| {
            Ok(Zone {
                floor: line.word(floor)?,
                zone: line.word(zone)?,
                cx_m: line.number(x)?,
                cy_m: line.number(y)?,
            })
        },
    )
}

fn heard(dir: &Path) -> anyhow::Result<Vec<Heard>> {
    table::read(
        &dir.join("traces.csv.gz"),
        ["trace_id", "ts_ms", "beacon", "rssi_dbm"],
        |line, [trace, ts, beacon, rssi]| {
            Ok(Heard {
                trace_id: line.word(trace)?,
                ts_ms: line.time(ts)?,
                beacon: line.number(beacon)?,
                rssi_dbm: line.strength(rssi)?,
            })
        },
    )
}

fn labels(dir: &Path) -> anyhow::Result<Vec<Label>> {
    table::read(
        &dir.join("labels.csv.gz"),
        ["trace_id", "ts_ms", "x_m", "y_m", "zone"],
        |line, [trace, ts, x, y, zone]| {
            Ok(Label {
                trace_id: line.word(trace)?,
                ts_ms: line.time(ts)?,
                x_m: line.number(x)?,
                y_m: line.number(y)?,
                zone: line.word(zone)?,
            })
        },
    )
}
