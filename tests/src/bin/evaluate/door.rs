//! The door: who passes by, who comes in, who goes, who stays, as the whole engine has it.
//!
//! In: a seed, and the strength at which a visit begins. Out: false arrivals, delays of arrivals
//! and exits, false exits, each with its interval, and what was asked.
//! Promises: one setting of the engine for all of it; the air is the simulator's frozen one.
//! Invariant: the engine is used by its public functions alone, as the server uses it.

mod people;

use std::{collections::BTreeMap, io::Write};

use engine::{
    Input, Observation, StoreEngine,
    input::{Anchor, Area, Consent, Layout, Place, Rules},
    outcome::VisitChange,
};
use firmware_sim::{
    plan::{ENTRANCE, Plan, Point},
    radio::{self, Attempt, GATEWAY_SENSITIVITY_DBM, Link, PHONE_AT_1M_DBM},
    rng::Seed,
};
use protocol::{AnchorId, CustomerId, RadioId};
use rand::RngExt;
use serde::Serialize;

use crate::{
    antennas,
    ears::{Ears, LOOK_MS, Told},
    figures::{Figure, quantile},
};
use people::{Person, arrives, leaves, passes, stays};

/// Any time will do.
const ZERO_MS: u64 = 1_700_000_000_000;

/// People of each kind.
const EACH: u64 = 500;

/// Visits of an hour each.
const VISITS: u64 = 2_000;

/// Each device around advertises so often in a second.
const DEVICE_PER_S: f64 = 4.0;

/// Who was heard within this time before she was said to have left, was heard leaving.
const HEARD_MS: u64 = 15_000;

/// The engine is given this long to notice that nothing is heard any more.
const AFTER_MS: u64 = 900_000;

#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct Args {
    /// Everybody's luck.
    #[arg(long)]
    seed: u64,
    /// A visit begins at this strength; without it, what the store's plan says.
    #[arg(long, allow_hyphen_values = true)]
    enter_dbm: Option<i8>,
    /// Antennas: 2 as the demo's store has them, by the door and at the back; then one at the desk, one
    /// outside before the door, and one on each side.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(2..=6))]
    antennas: u8,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

/// What was found, and what was asked.
#[derive(Debug, Serialize)]
struct Row {
    what: String,
    figure: Figure,
    asked: f64,
    met: bool,
}

/// What the engine said of one person, and when.
#[derive(Debug, Default)]
struct Said {
    entered_ms: Vec<u64>,
    left: Vec<Exit>,
    heard_ms: u64,
}

/// When she was said to have left, and when she had last been heard.
#[derive(Debug)]
struct Exit {
    at_ms: u64,
    heard_ms: u64,
}

pub(crate) fn run(args: Args) -> anyhow::Result<()> {
    let (seed, hall) = (Seed(args.seed), Hall::new(args));
    let mut rows = Vec::new();
    let mut row = |what: String, figure: Figure, asked: f64| {
        let met = figure.value <= asked;
        rows.push(Row {
            what,
            figure,
            asked,
            met,
        });
    };
    for devices in [20, 200] {
        for away_m in [2, 4, 8] {
            let concern = format!("passes {away_m}");
            let wrong = hall.each(seed, &concern, EACH, devices, |rng| {
                passes(rng, f64::from(away_m))
            })?;
            let wrong = wrong.iter().filter(|(_, said)| !said.entered_ms.is_empty());
            row(
                format!("share of those {away_m} m outside taken for arrivals, {devices} devices"),
                Figure::rare(wrong.count() as f64, EACH as f64),
                0.01,
            );
        }
    }
    let arrivals = hall.each(seed, "arrives", EACH, 200, arrives)?;
    for (share, asked) in [(0.5, f64::INFINITY), (0.95, 5.0)] {
        let delay = |(person, said): &(Person, Said)| {
            let first = said.entered_ms.first();
            first.map_or(f64::INFINITY, |&at| seconds(person.in_ms, at))
        };
        let figure = Figure::of(&arrivals, |some| {
            quantile(some.iter().map(|one| delay(one)).collect(), share)
        });
        let what = format!("delay of arrivals, {:.0} %, s, 200 devices", 100.0 * share);
        row(what, figure, asked);
    }
    for (devices, asked) in [(200, 30.0), (1_000, 120.0)] {
        let exits = hall.each(seed, "leaves", EACH, devices, leaves)?;
        let missed = exits.iter().filter(|(_, said)| said.entered_ms.is_empty());
        let missed = missed.count() as f64;
        row(
            format!("share of these never taken in, {devices} devices"),
            Figure::rare(missed, EACH as f64),
            f64::INFINITY,
        );
        let delay = |(person, said): &(Person, Said)| {
            let out_ms = person.out_ms?;
            let last = said.left.iter().find(|exit| exit.at_ms >= out_ms);
            let was_in = said.entered_ms.first().is_some_and(|&at| at < out_ms);
            was_in.then(|| last.map_or(f64::INFINITY, |exit| seconds(out_ms, exit.at_ms)))
        };
        for (share, asked) in [(0.5, f64::INFINITY), (0.95, asked)] {
            let figure = Figure::of(&exits, |some| {
                quantile(some.iter().filter_map(|one| delay(one)).collect(), share)
            });
            let what = format!(
                "delay of exits, {:.0} %, s, {devices} devices",
                100.0 * share
            );
            row(what, figure, asked);
        }
    }
    let visits = hall.each(seed, "stays", VISITS, 200, stays)?;
    let hour = |(person, _): &(Person, Said)| {
        seconds(person.in_ms, person.out_ms.unwrap_or(person.in_ms)) / 3_600.0
    };
    let hours = visits.iter().map(hour).sum::<f64>();
    let exits = |of: &dyn Fn(&Person, &Exit) -> bool| {
        let wrong = |(person, said): &(Person, Said)| {
            let inside = |exit: &&Exit| Some(exit.at_ms) < person.out_ms;
            let all = said.left.iter().filter(inside);
            all.filter(|exit| of(person, exit)).count()
        };
        let wrong = visits.iter().map(wrong).sum::<usize>();
        Figure::rare(wrong as f64, hours / 1_000.0)
    };
    let what = format!("false exits in 1,000 visit hours, of {hours:.0}");
    row(what, exits(&|_, _| true), 1.0);
    let heard = |exit: &Exit| exit.at_ms < exit.heard_ms + HEARD_MS;
    let hidden = |person: &Person, exit: &Exit| person.hidden_db(exit.heard_ms) > 0.0;
    for (name, in_room, was_heard) in [
        ("in a fitting room, weak", true, true),
        ("in a fitting room, silent", true, false),
        ("elsewhere, weak", false, true),
        ("elsewhere, silent", false, false),
    ] {
        let these = exits(&|p, e| hidden(p, e) == in_room && heard(e) == was_heard);
        row(format!("  of these {name}"), these, f64::INFINITY);
    }
    print(&rows, args.json)
}

fn print(rows: &[Row], json: bool) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    if json {
        serde_json::to_writer_pretty(&mut out, rows)?;
        return Ok(writeln!(out)?);
    }
    for row in rows {
        let asked = if row.asked.is_finite() {
            format!(
                "at most {}: {}",
                row.asked,
                if row.met { "met" } else { "MISSED" }
            )
        } else {
            String::new()
        };
        writeln!(out, "{:60} {:28} {asked}", row.what, row.figure.to_string())?;
    }
    Ok(())
}

/// The store and its rules.
struct Hall {
    plan: Plan,
    names: Vec<AnchorId>,
    layout: Layout,
}

impl Hall {
    fn new(args: Args) -> Self {
        let plan = antennas::plan(args.antennas);
        let anchors: BTreeMap<AnchorId, Anchor> = plan
            .gateways()
            .map(|(anchor, _)| {
                let enter_rssi_dbm = args.enter_dbm.unwrap_or(anchor.enter_rssi_dbm);
                let zone = anchor.zone.clone();
                let known = Anchor {
                    zone,
                    enter_rssi_dbm,
                    place: Some(place(anchor.at)),
                    beacon: false,
                };
                (anchor.anchor.clone(), known)
            })
            .collect();
        Self {
            names: plan.gateways().map(|(a, _)| a.anchor.clone()).collect(),
            layout: Layout {
                anchors,
                areas: plan
                    .zones
                    .iter()
                    .map(|z| (z.zone.clone(), area(z)))
                    .collect(),
                rules: Rules::default(),
                ..Layout::default()
            },
            plan,
        }
    }

    /// So many people of a kind, with what the engine said of each.
    fn each(
        &self,
        seed: Seed,
        concern: &str,
        many: u64,
        devices: u32,
        person: impl Fn(&mut rand_chacha::ChaCha8Rng) -> Person,
    ) -> anyhow::Result<Vec<(Person, Said)>> {
        let others_per_s = f64::from(devices) * DEVICE_PER_S;
        let one = |number| {
            let person = person(&mut seed.stream(concern, number));
            let luck = Seed(u64::from_be_bytes(
                seed.bytes16(concern, number)[..8].try_into()?,
            ));
            let told = self.told(luck, &person, others_per_s)?;
            let said = self.say(&person, &told)?;
            Ok((person, said))
        };
        (0..many).map(one).collect()
    }

    fn told(&self, luck: Seed, person: &Person, others_per_s: f64) -> anyhow::Result<Vec<Told>> {
        let mut rng = luck.stream("phone", 0);
        let at_1m_dbm = PHONE_AT_1M_DBM + radio::phone_offset_db(&mut rng);
        let antennas: Vec<_> = self.plan.gateways().map(|(anchor, _)| anchor.at).collect();
        let mut links: Vec<Link> = (0..)
            .take(antennas.len())
            .map(|n| Link::new(luck, n))
            .collect();
        let mut ears = Ears::new(antennas.len())?;
        let mut next_ms = person.interval_ms * rng.random::<f64>();
        for look_ms in (0..person.way.span_ms().1 + 1_000).step_by(LOOK_MS as usize) {
            while next_ms < look_ms as f64 {
                let sent_ms = next_ms as u64;
                next_ms += person.interval_ms + 10.0 * rng.random::<f64>();
                let Some(mobile) = person.way.pose(sent_ms) else {
                    continue;
                };
                for (antenna, link) in links.iter_mut().enumerate() {
                    let attempt = Attempt {
                        at_1m_dbm: at_1m_dbm - person.hidden_db(sent_ms),
                        mobile,
                        fixed: antennas[antenna],
                        sensitivity_dbm: GATEWAY_SENSITIVITY_DBM,
                        others_per_s,
                    };
                    if let Some(rssi_dbm) = link.receive(&self.plan, &attempt) {
                        ears.hear(look_ms, sent_ms, antenna, rssi_dbm);
                    }
                }
            }
            ears.look(look_ms);
        }
        Ok(ears.told())
    }

    fn say(&self, person: &Person, told: &[Told]) -> anyhow::Result<Said> {
        let mut engine = StoreEngine::new("kade-9".parse()?);
        let mut said = Said::default();
        engine.step(ZERO_MS, &Input::Layout(self.layout.clone()));
        for batch in told.chunk_by(|a, b| a.at_ms == b.at_ms) {
            tick(&mut engine, &mut said, batch[0].at_ms);
            let sightings = batch.iter().map(|t| self.observation(t)).collect();
            let heard = batch.iter().map(|t| t.last_ms);
            said.heard_ms = heard.fold(said.heard_ms, u64::max);
            let at_ms = ZERO_MS + batch[0].at_ms;
            let outcome = engine.step(at_ms, &Input::Sightings { sightings });
            said.note(&outcome.visits, batch[0].at_ms);
        }
        tick(&mut engine, &mut said, person.way.span_ms().1 + AFTER_MS);
        Ok(said)
    }

    fn observation(&self, told: &Told) -> Observation {
        let customer = CustomerId::at(1, [1; 10]);
        Observation {
            customer,
            radio: RadioId(customer.0),
            anchor: self.names[usize::from(told.anchor)].clone(),
            heard_first_ms: ZERO_MS + told.first_ms,
            heard_last_ms: ZERO_MS + told.last_ms,
            count: told.count,
            rssi_dbm: told.rssi_dbm,
            certain: false,
            late: false,
            consent: Consent {
                arrival: true,
                messages: true,
                browsing: true,
                statistics: true,
            },
        }
    }
}

fn place(at: Point) -> Place {
    let cm = |m: f64| (m * 100.0).round() as i32; // a shop
    Place {
        x_cm: cm(at.x_m),
        y_cm: cm(at.y_m),
    }
}

fn area(zone: &firmware_sim::plan::Zone) -> Area {
    let (corner, far) = (place(zone.from), place(zone.to));
    Area {
        corner,
        wide_cm: corner.x_cm.abs_diff(far.x_cm),
        deep_cm: corner.y_cm.abs_diff(far.y_cm),
        door: zone.zone.as_str() == ENTRANCE,
    }
}

/// Every tick that is due up to a time.
fn tick(engine: &mut StoreEngine, said: &mut Said, until_ms: u64) {
    let mut last_ms = 0;
    while let Some(due_ms) = engine.due_at().filter(|&due| due <= ZERO_MS + until_ms) {
        // A tick that is due in the past is given now.
        let at_ms = due_ms.max(last_ms);
        last_ms = at_ms;
        let outcome = engine.step(at_ms, &Input::Tick);
        said.note(&outcome.visits, at_ms - ZERO_MS);
    }
}

impl Said {
    fn note(&mut self, visits: &[VisitChange], at_ms: u64) {
        for change in visits {
            match change {
                VisitChange::Entered { .. } => self.entered_ms.push(at_ms),
                VisitChange::Left { .. } => self.left.push(Exit {
                    at_ms,
                    heard_ms: self.heard_ms,
                }),
                _ => {}
            }
        }
    }
}

fn seconds(from_ms: u64, to_ms: u64) -> f64 {
    (to_ms as f64 - from_ms as f64) / 1_000.0
}
