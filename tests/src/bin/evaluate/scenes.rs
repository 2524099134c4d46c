//! Scenes cut from recordings of people with phones, to see how well an unknown scene is answered
//! and to choose what is assumed of it.
//!
//! In: recordings in which cameras saw everybody. Out: figures per recording, with intervals by
//! resampling people. Invariant: what is assumed for a recording was not chosen on it.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use engine::presence::confidence::Confidence;

use crate::{
    figures::{self, Bars, Tally},
    gateways::{Assumed, Gateway, Id, Plan, Said, Scene, Zone},
    plot,
    sightings::{self, Row, Seen},
};

/// Recordings in which enough people sat or stood still to be gateways.
pub(crate) const RECORDINGS: [&str; 2] = ["scenario01-lunch", "scenario05-party"];

/// Ways to cut each recording.
const CUTS: u64 = 8;

/// Somebody farther than this from every zone's middle is in none.
const IN_ZONE_M: f32 = 5.0;

/// One recording.
pub(crate) struct Recording {
    pub(crate) rows: Vec<Row>,
    pub(crate) seen: Vec<Seen>,
}

impl Recording {
    pub(crate) fn read(dir: &Path, name: &str) -> anyhow::Result<Self> {
        Ok(Self {
            rows: sightings::read(&dir.join(format!("{name}_sightings.csv")))?,
            seen: sightings::read_truth(&dir.join(format!("{name}_truth_1hz.csv")))?,
        })
    }
}

/// One answer, with the truth.
pub(crate) struct Case {
    pub(crate) person: String,
    pub(crate) said: Said,
    pub(crate) truth: String,
}

pub(crate) fn run(dir: &Path, chart: Option<&Path>) -> anyhow::Result<()> {
    let mut answered = Vec::new();
    for name in RECORDINGS {
        answered.push(cases(
            &Recording::read(dir, name)?,
            &Assumed::default(),
            0..CUTS,
        )?);
    }
    let mut sets = Vec::new();
    for (at, name) in RECORDINGS.iter().enumerate() {
        // How sure to be is learned on the other recording, as somebody would who knew only that.
        let confidence = Confidence::learn(&odds(&answered[1 - at]));
        for case in &mut answered[at] {
            if !case.said.zone.is_empty() {
                case.said.p = confidence.p(case.said.log_odds);
            }
        }
        sets.push((*name, report(name, &answered[at])));
        let steps = (-2..=10).map(|n| n as f32 / 2.0);
        let map: Vec<String> = steps
            .map(|odds| format!("({odds:.1}, {:.3})", confidence.p(odds)))
            .collect();
        eprintln!("  with the other's map: {}", map.join(", "));
    }
    if let Some(path) = chart {
        plot::reliability(path, "A scene that nobody walked: zone by gateways", &sets)?;
    }
    Ok(())
}

fn odds(cases: &[Case]) -> Vec<(f32, bool)> {
    let answers = cases.iter().filter(|c| !c.said.zone.is_empty());
    answers
        .map(|c| (c.said.log_odds, c.said.zone == c.truth))
        .collect()
}

/// All cuts of a recording, answered.
pub(crate) fn cases(
    recording: &Recording,
    assumed: &Assumed,
    cuts: std::ops::Range<u64>,
) -> anyhow::Result<Vec<Case>> {
    let still = recording.still();
    let people: BTreeSet<&str> = recording.seen.iter().map(|s| s.person.as_str()).collect();
    let mut truth: BTreeMap<&str, Vec<&Seen>> = BTreeMap::new();
    for seen in &recording.seen {
        truth.entry(&seen.person).or_default().push(seen);
    }
    let mut cases = Vec::new();
    for cut in cuts {
        let (plan, gateways) = cut_out(&still, cut);
        let middles: Vec<(String, f32, f32)> = plan
            .zones
            .iter()
            .filter_map(|z| Some((z.zone.clone(), z.x_m?, z.y_m?)))
            .collect();
        let scene = Scene::new(plan, &[])?;
        for person in people.iter().filter(|p| !gateways.contains(**p)) {
            for said in scene.follow(assumed, person, &recording.rows)? {
                let own = truth.get(person).map_or(&[][..], Vec::as_slice);
                let after = own.partition_point(|s| s.ts_ms + 700 < said.ts_ms);
                let Some(seen) = own.get(after).filter(|s| s.ts_ms <= said.ts_ms + 700) else {
                    continue;
                };
                let far = |m: &(String, f32, f32)| (m.1 - seen.x_m).hypot(m.2 - seen.y_m);
                let near = middles.iter().min_by(|a, b| far(a).total_cmp(&far(b)));
                let zone = near.filter(|m| far(m) <= IN_ZONE_M);
                let truth = zone.map_or("none", |m| m.0.as_str()).to_owned();
                cases.push(Case {
                    person: (*person).to_owned(),
                    said,
                    truth,
                });
            }
        }
    }
    Ok(cases)
}

impl Recording {
    /// People who were where they were for nearly all of the time, and where.
    fn still(&self) -> Vec<(String, f32, f32)> {
        let mut places: BTreeMap<&str, (Vec<f32>, Vec<f32>)> = BTreeMap::new();
        let first_ms = self.seen.first().map_or(0, |s| s.ts_ms);
        for seen in self.seen.iter().filter(|s| s.ts_ms > first_ms + 8 * 60_000) {
            let place = places.entry(&seen.person).or_default();
            place.0.push(seen.x_m);
            place.1.push(seen.y_m);
        }
        let middle = |of: &mut Vec<f32>| {
            of.sort_by(f32::total_cmp);
            let at = |q: f32| of[(q * (of.len() - 1) as f32) as usize];
            (at(0.95) - at(0.05) < 1.2).then(|| at(0.5))
        };
        let is_radio = |id: &str| self.rows.iter().any(|r| r.receiver == id);
        places
            .into_iter()
            .filter(|(id, _)| is_radio(id))
            .filter_map(|(id, (mut x, mut y))| {
                Some((id.to_owned(), middle(&mut x)?, middle(&mut y)?))
            })
            .collect()
    }
}

/// Two to four zones around people who are far from one another, each with up to three gateways.
fn cut_out(still: &[(String, f32, f32)], cut: u64) -> (Plan, BTreeSet<String>) {
    let zones = 2 + (cut % 3) as usize;
    let far = |a: &(String, f32, f32), b: &(String, f32, f32)| (a.1 - b.1).hypot(a.2 - b.2);
    let mut seeds = vec![(cut as usize * 5) % still.len()];
    while seeds.len() < zones {
        let apart = |at: usize| {
            let near = seeds.iter().map(|&seed| far(&still[seed], &still[at]));
            near.fold(f32::INFINITY, f32::min)
        };
        let next = (0..still.len()).max_by(|&a, &b| apart(a).total_cmp(&apart(b)));
        seeds.push(next.unwrap_or(0));
    }
    let mut plan = Plan {
        zones: Vec::new(),
        gateways: Vec::new(),
    };
    let mut chosen = BTreeSet::new();
    for (n, &seed) in seeds.iter().enumerate() {
        let nearest = |p: &(String, f32, f32)| {
            let by = |&a: &usize, &b: &usize| {
                far(&still[seeds[a]], p).total_cmp(&far(&still[seeds[b]], p))
            };
            (0..zones).min_by(by) == Some(n)
        };
        let mut own: Vec<&(String, f32, f32)> = still.iter().filter(|p| nearest(p)).collect();
        own.sort_by(|a, b| far(&still[seed], a).total_cmp(&far(&still[seed], b)));
        // At least one of a zone's people is left to be followed.
        own.truncate(3.min(own.len().div_ceil(2)));
        let mean = |of: fn(&(String, f32, f32)) -> f32| {
            own.iter().map(|p| of(p)).sum::<f32>() / own.len() as f32
        };
        let zone = format!("zone-{n}");
        plan.zones.push(Zone {
            zone: zone.clone(),
            x_m: Some(mean(|p| p.1)),
            y_m: Some(mean(|p| p.2)),
            gateways: Vec::new(),
        });
        for p in own {
            chosen.insert(p.0.clone());
            plan.gateways.push(Gateway {
                gateway_id: Id::Word(p.0.clone()),
                zone: zone.clone(),
                x_m: Some(p.1),
                y_m: Some(p.2),
            });
        }
    }
    (plan, chosen)
}

fn report(name: &str, cases: &[Case]) -> Bars {
    let mut people: BTreeMap<&str, Tally> = BTreeMap::new();
    for case in cases {
        let tally = people.entry(&case.person).or_default();
        tally.add(case.said.p, case.said.zone == case.truth);
    }
    let people: Vec<Tally> = people.into_values().collect();
    let [right, sure, sure_right] =
        figures::resample(&[people.len()], |times| Tally::sum(&people, times).shares());
    eprintln!("{name}: {} seconds of {} people", cases.len(), people.len());
    let none = |of: fn(&Case) -> &str| cases.iter().filter(|c| of(c) == "none").count();
    eprintln!(
        "  in no zone: {} in truth, {} said",
        none(|c| &c.truth),
        none(|c| &c.said.zone)
    );
    eprintln!("  right {right}");
    eprintln!("  said with p >= 0.9 {sure}");
    eprintln!("  right among those {sure_right}");
    let bars = figures::bars(cases.iter().map(|c| (c.said.p, c.said.zone == c.truth)));
    figures::print_bars(&bars);
    bars
}
