//! Calibration walks: learn a floor from its training walks, answer the test walks.
//!
//! In: a folder with split.csv, zones.csv, traces.csv.gz and labels.csv.gz. Out: predictions, and
//! figures with intervals by resampling walks.
//! Invariant: labels of test walks are read after the last answer is written, for figures alone.

use std::{collections::BTreeMap, fs::File, io::Read, path::Path};

use anyhow::Context;
use engine::presence::walk::{self, Sighting, Stand, Walk, WalkSettings};
use flate2::read::GzDecoder;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};

use crate::figures::{self, Bars, RESAMPLINGS};

#[derive(Debug, Clone, Deserialize)]
struct Split {
    floor: String,
    trace_id: String,
    split: String,
    start_ms: u64,
    end_ms: u64,
}

#[derive(Debug, Deserialize)]
struct Zone {
    floor: String,
    zone: String,
    cx_m: f32,
    cy_m: f32,
}

#[derive(Debug, Clone, Deserialize)]
struct Heard {
    trace_id: String,
    ts_ms: u64,
    beacon: u32,
    rssi_dbm: f32,
}

#[derive(Debug, Clone, Deserialize)]
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
    plot: Option<&Path>,
) -> anyhow::Result<()> {
    let splits: Vec<Split> = rows(open(dir, "split.csv")?)?;
    let zones: Vec<Zone> = rows(open(dir, "zones.csv")?)?;
    let heard = by_trace(rows(unzip(dir, "traces.csv.gz")?)?, |h: &Heard| &h.trace_id);
    let floors: std::collections::BTreeSet<&str> = zones.iter().map(|z| z.floor.as_str()).collect();
    let train: Vec<Split> = part(&splits, "train");
    let is_train = |id: &str| train.iter().any(|s| s.trace_id == id);
    let labels: Vec<Label> = rows(unzip(dir, "labels.csv.gz")?)?;
    let labels = by_trace(
        labels
            .into_iter()
            .filter(|l| is_train(&l.trace_id))
            .collect(),
        |l: &Label| &l.trace_id,
    );
    let mut answers = Vec::new();
    for floor in floors {
        let floor = Floor::new(floor, &zones, &train, &heard, &labels, train_share);
        floor.answer(&part(&splits, "test"), &heard, folds, &mut answers)?;
    }
    write(out, &answers)?;
    let bars = figures(dir, &answers)?;
    if let Some(plot) = plot {
        figures::plot(
            plot,
            "Calibration walks: zone by beacons",
            &[("three floors", bars)],
        )?;
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

fn write(out: &Path, answers: &[Answered]) -> anyhow::Result<()> {
    let mut csv =
        csv::Writer::from_path(out).with_context(|| format!("write {}", out.display()))?;
    csv.write_record(["trace_id", "ts_ms", "zone", "p"])?;
    for a in answers {
        csv.write_record([
            &a.trace,
            &a.ts_ms.to_string(),
            &a.zone,
            &format!("{:.4}", a.p),
        ])?;
    }
    Ok(csv.flush()?)
}

/// Right and sure seconds of one walk.
#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    all: f64,
    right: f64,
    sure: f64,
    sure_right: f64,
}

fn figures(dir: &Path, answers: &[Answered]) -> anyhow::Result<Bars> {
    let labels: Vec<Label> = rows(unzip(dir, "labels.csv.gz")?)?;
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
        let right = f64::from(u8::from(a.zone == **zone));
        let sure = f64::from(u8::from(a.p >= 0.9));
        let tally = floors
            .entry(&a.floor)
            .or_default()
            .entry(&a.trace)
            .or_default();
        tally.all += 1.0;
        tally.right += right;
        tally.sure += sure;
        tally.sure_right += sure * right;
        said.push((a.p, a.zone == **zone));
    }
    let floors: Vec<Vec<Tally>> = floors
        .into_values()
        .map(|f| f.into_values().collect())
        .collect();
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let mut draws = vec![Vec::new(); 3];
    for _ in 0..RESAMPLINGS {
        let drawn: Vec<Vec<Tally>> = floors
            .iter()
            .map(|f| {
                f.iter()
                    .map(|_| f[random.random_range(0..f.len())])
                    .collect()
            })
            .collect();
        for (draw, figure) in draws.iter_mut().zip(summary(&drawn)) {
            draw.push(figure);
        }
    }
    for ((name, figure), draw) in ["accuracy", "share at p >= 0.9", "right at p >= 0.9"]
        .iter()
        .zip(summary(&floors))
        .zip(&mut draws)
    {
        draw.sort_by(f64::total_cmp);
        let at = |q: f64| draw[(q * (RESAMPLINGS - 1) as f64) as usize];
        eprintln!("{name}: {figure:.3} [{:.3}, {:.3}]", at(0.025), at(0.975));
    }
    let bars = figures::bars(said.into_iter());
    figures::print_bars(&bars);
    Ok(bars)
}

/// Mean accuracy over floors, and the sure seconds of all of them together.
fn summary(floors: &[Vec<Tally>]) -> [f64; 3] {
    let sum = |of: fn(&Tally) -> f64, f: &[Tally]| f.iter().map(of).sum::<f64>();
    let all = |of: fn(&Tally) -> f64| floors.iter().map(|f| sum(of, f)).sum::<f64>();
    let accuracy = floors
        .iter()
        .map(|f| sum(|t| t.right, f) / sum(|t| t.all, f))
        .sum::<f64>();
    [
        accuracy / floors.len() as f64,
        all(|t| t.sure) / all(|t| t.all),
        all(|t| t.sure_right) / all(|t| t.sure).max(1.0),
    ]
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

fn open(dir: &Path, name: &str) -> anyhow::Result<File> {
    File::open(dir.join(name)).with_context(|| format!("open {name} in {}", dir.display()))
}

fn unzip(dir: &Path, name: &str) -> anyhow::Result<impl Read> {
    Ok(GzDecoder::new(open(dir, name)?))
}

fn rows<T: DeserializeOwned>(from: impl Read) -> anyhow::Result<Vec<T>> {
    Ok(csv::Reader::from_reader(from)
        .into_deserialize()
        .collect::<Result<_, _>>()?)
}
