//! A simulated store of twelve zones: the filter, with a model from the floor plan, second by second.
//!
//! In: a seed. Out: with twelve gateways and with six, how often the filter is sure, how often it
//! is then right, how often it changes its mind and how late; all beside the same filter with the
//! air's true constants.
//! Promises: an answer rests on what the server had by its second.
//! Invariant: what generates the store ([`store`]) shares no formula with what is measured.

mod store;

use std::io::Write;

use engine::presence::{
    filter::{Filter, Heard, Scratch},
    geometry::{self, Patch, Spot},
    model::Model,
};
use firmware_sim::{plan::Point, rng::Seed};
use protocol::{CustomerId, RadioId};
use serde::Serialize;

use crate::figures::{self, Figure, quantile, resample, weighed};
use store::{Air, GRID, Store, Walker, ZONE_M, middle};

/// Walkers in one store.
const WALKERS: u64 = 30;

/// Each is followed for so long.
const FOR_MS: u64 = 40 * 60_000;

/// Any time will do.
const ZERO_MS: u64 = 1_700_000_000_000;

/// A change of zone counts for the lag if she then stays for this long: who walks through a zone
/// is not looking at anything in it.
const STAY_S: usize = 10;

#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct Args {
    /// The store's luck.
    #[arg(long)]
    seed: u64,
    /// So many stores, with this seed and those that follow.
    #[arg(long, default_value_t = 1)]
    stores: u64,
    /// Places from side to side and from front to back of a zone.
    #[arg(long, default_value_t = 2)]
    places: u16,
    /// What if shadows were deeper, or less deep.
    #[arg(long, default_value_t = 5.0)]
    shadowing_db: f64,
    /// What if bodies took more, or less.
    #[arg(long, default_value_t = 8.0)]
    body_db: f64,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

/// What came of one walker.
#[derive(Debug, Default)]
struct Tally {
    seconds: f64,
    answers: figures::Tally,
    said: f64,
    said_right: f64,
    switches: f64,
    true_switches: f64,
    /// Log odds of each answer, and whether it was right.
    odds: Vec<(f32, bool)>,
    /// Seconds until the zone was said; infinite if it was not.
    lags_s: Vec<f64>,
}

/// A table's row.
#[derive(Debug, Serialize)]
struct Row {
    gateways: usize,
    filter: &'static str,
    sure: Figure,
    right_when_sure: Figure,
    /// The surest answers of which 95 % are right: what another threshold could reach.
    surest: f64,
    said: Figure,
    right_when_said: Figure,
    right: Figure,
    switches: Figure,
    lag_s: Figure,
    lag_p90_s: f64,
}

pub(crate) fn run(args: Args) -> anyhow::Result<()> {
    let mut rows = Vec::new();
    for gateways in [12, 6] {
        let (mut planned, mut knowing) = (Vec::new(), Vec::new());
        for seed in (args.seed..args.seed + args.stores).map(Seed) {
            let air = Air {
                shadowing_db: args.shadowing_db,
                body_db: args.body_db,
                ..Air::drawn(seed)
            };
            let store = Store::new(seed, air, antennas(gateways));
            for number in 0..WALKERS {
                let walker = store.walker(number, FOR_MS)?;
                planned.push(follow(&model(args.places, &store, None)?, &walker, 0.0));
                let true_model = model(args.places, &store, Some(&walker))?;
                knowing.push(follow(&true_model, &walker, walker.offset_db));
            }
        }
        rows.push(row(gateways, "as the plan gives it", &planned));
        rows.push(row(gateways, "knowing the air and the phone", &knowing));
    }
    let mut out = std::io::stdout().lock();
    if args.json {
        serde_json::to_writer_pretty(&mut out, &rows)?;
        return Ok(writeln!(out)?);
    }
    let (first, last) = (args.seed, args.seed + args.stores - 1);
    writeln!(
        out,
        "stores {first} to {last}, {WALKERS} walkers each, {} min, {} x {} places a zone",
        FOR_MS / 60_000,
        args.places,
        args.places
    )?;
    for row in rows {
        row.print(&mut out)?;
    }
    Ok(())
}

/// One in each zone, or in every other.
fn antennas(gateways: usize) -> Vec<Point> {
    let other = |zone: &u16| gateways > 6 || (zone % GRID.0 + zone / GRID.0).is_multiple_of(2);
    (0..GRID.0 * GRID.1).filter(other).map(middle).collect()
}

/// From the plan alone, or with what only the generator knows.
fn model(places: u16, store: &Store, knows: Option<&Walker>) -> anyhow::Result<Model> {
    let part = |n: u16| (f64::from(n % places) + 0.5) / f64::from(places) - 0.5;
    let patches: Vec<Patch> = (0..GRID.0 * GRID.1 * places * places)
        .map(|n| {
            let (zone, n) = (n / (places * places), n % (places * places));
            let middle = middle(zone);
            Patch {
                zone,
                x_m: (middle.x_m + ZONE_M.0 * part(n)) as f32,
                y_m: (middle.y_m + ZONE_M.1 * part(n / places)) as f32,
                wide_m: (ZONE_M.0 / f64::from(places)) as f32,
                deep_m: (ZONE_M.1 / f64::from(places)) as f32,
                door: zone == 1,
            }
        })
        .collect();
    let spot = |at: &Point| Spot {
        x_m: at.x_m as f32,
        y_m: at.y_m as f32,
        offset_db: 0.0,
        in_street: false,
    };
    let spots: Vec<Spot> = store.antennas.iter().map(spot).collect();
    let (mut settings, mut air) = (geometry::settings(), geometry::Air::default());
    if let Some(walker) = knows {
        let true_air = &store.air;
        settings.offset_sigma_db = 0.0;
        air.at_1m_dbm = (true_air.at_1m_dbm - true_air.body_db / 3.0) as f32; // so often it is in the way
        air.exponent = true_air.exponent as f32;
        // Smoothing leaves little of fading.
        air.sigma_db = true_air
            .shadowing_db
            .hypot(true_air.body_db * 0.43)
            .max(3.0) as f32;
        settings.open_sigma_db = air.sigma_db;
        air.per_s = (1_000.0 / walker.interval_ms.max(500.0)) as f32;
        air.floor_dbm = (true_air.floor_dbm - walker.offset_db) as f32;
    }
    geometry::plan(settings, &air, &patches, &spots).map_err(|e| anyhow::anyhow!("{e:?}"))
}

fn follow(model: &Model, walker: &Walker, known_offset_db: f64) -> Tally {
    let mut filter = Filter::new(model, ZERO_MS);
    let mut scratch = Scratch::default();
    let radio = RadioId(CustomerId::at(1, [1; 10]).0);
    let mut told = walker.told.iter().peekable();
    let mut tally = Tally::default();
    let mut said_last = None;
    let mut said = Vec::with_capacity(walker.zones.len());
    for (second, &zone) in (1..).zip(&walker.zones) {
        let now_ms = second * 1_000;
        while let Some(t) = told.next_if(|t| t.at_ms <= now_ms) {
            let heard = Heard {
                radio,
                anchor: t.anchor,
                at_ms: ZERO_MS + t.last_ms,
                rssi_dbm: (f64::from(t.rssi_dbm) - known_offset_db) as f32,
            };
            filter.hear(model, &heard, &mut scratch);
        }
        let answer = filter.answer(model, ZERO_MS + now_ms, &mut scratch);
        let one = |is: bool| f64::from(u8::from(is));
        let right = answer.zone == Some(zone);
        tally.odds.push((answer.log_odds, right));
        tally.seconds += 1.0;
        // Being sure that she is in no zone is an answer too, and here a wrong one.
        tally.answers.add(answer.p, right);
        tally.said += one(answer.said.is_some());
        tally.said_right += one(answer.said == Some(zone));
        if answer.said.is_some() && answer.said != said_last {
            tally.switches += one(said_last.is_some());
            said_last = answer.said;
        }
        said.push(answer.said);
    }
    tally.true_switches = walker.zones.windows(2).filter(|w| w[0] != w[1]).count() as f64;
    tally.lags_s = lags_s(&walker.zones, &said);
    tally
}

fn lags_s(zones: &[u16], said: &[Option<u16>]) -> Vec<f64> {
    let mut lags = Vec::new();
    let mut from = 0;
    for stay in zones.chunk_by(|a, b| a == b) {
        if from > 0 && stay.len() >= STAY_S {
            let said = &said[from..from + stay.len()];
            let lag = said.iter().position(|zone| *zone == Some(stay[0]));
            lags.push(lag.map_or(f64::INFINITY, |s| s as f64));
        }
        from += stay.len();
    }
    lags
}

/// The greatest share of answers, surest first, of which 95 % are right.
fn surest(tallies: &[Tally]) -> f64 {
    let mut all: Vec<(f32, bool)> = tallies
        .iter()
        .flat_map(|t| t.odds.iter().copied())
        .collect();
    all.sort_by(|a, b| b.0.total_cmp(&a.0));
    let (mut right, mut reached) = (0.0, 0);
    for (n, (_, is)) in (1_u32..).zip(&all) {
        right += f64::from(u8::from(*is));
        if right >= 0.95 * f64::from(n) {
            reached = n;
        }
    }
    f64::from(reached) / all.len() as f64
}

fn row(gateways: usize, filter: &'static str, tallies: &[Tally]) -> Row {
    let share = |of: fn(&Tally) -> f64, all: fn(&Tally) -> f64| {
        let [share] = resample(&[tallies.len()], |times| {
            [weighed(tallies, times, of) / weighed(tallies, times, all).max(1.0)]
        });
        share
    };
    let answers: Vec<figures::Tally> = tallies.iter().map(|t| t.answers).collect();
    let [right, sure, right_when_sure] = resample(&[answers.len()], |times| {
        figures::Tally::sum(&answers, times).shares()
    });
    let lags = |tallies: &[&Tally]| {
        tallies
            .iter()
            .flat_map(|t| t.lags_s.iter().copied())
            .collect()
    };
    Row {
        gateways,
        filter,
        sure,
        right_when_sure,
        surest: surest(tallies),
        said: share(|t| t.said, |t| t.seconds),
        right_when_said: share(|t| t.said_right, |t| t.said),
        right,
        switches: share(|t| t.switches, |t| t.true_switches),
        lag_s: Figure::of(tallies, |tallies| quantile(lags(tallies), 0.5)),
        lag_p90_s: quantile(lags(&tallies.iter().collect::<Vec<_>>()), 0.9),
    }
}

impl Row {
    fn print(&self, out: &mut impl Write) -> std::io::Result<()> {
        writeln!(
            out,
            "\n{} gateways, the filter {}",
            self.gateways, self.filter
        )?;
        for (name, figure) in [
            ("share of seconds with p >= 0.9", self.sure),
            ("right of those", self.right_when_sure),
            ("share of seconds with a zone said", self.said),
            ("right of those", self.right_when_said),
            ("right zone, of all seconds", self.right),
            ("said changes for a true one", self.switches),
            ("median lag of a stay, s", self.lag_s),
        ] {
            writeln!(out, "  {name:36} {figure}")?;
        }
        writeln!(
            out,
            "  {:36} {:.3}",
            "surest share of which 95 % are right", self.surest
        )?;
        writeln!(
            out,
            "  {:36} {:.0}",
            "lag of nine stays in ten, s", self.lag_p90_s
        )
    }
}
