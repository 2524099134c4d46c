//! A Saturday in a store, in virtual time: people, radios, gateways, the server's writer, colleagues
//! with a board, and at night the figures.
//!
//! In: a seed, and how many come for what. Out: lines of what was said and what was true.
//! The ways of people and the air are the simulator's; what antennas hear goes through the gateway's
//! aggregator; identities, pipeline, engine, rows and figures are the server's, on a real file.
//! With `--home` a machine in the store has the desk, and its line to the central server is cut for two
//! hours of the day; the figures are the central server's all the same.
//! Left out: spool, broker and network (a batch reaches the server [`UPLINK_MS`] after its window),
//! and sending to phones. Every customer's phone advertises: who has a silent one presses "Ik ben er",
//! which is no question of radio; so
//! does here who has stood at the desk for two minutes with nobody coming.
//! Invariant: no clock is read but for the progress; the truth is written down by those who act, and
//! never by the system.

mod air;
mod desk;
mod home;
mod people;
mod report;
mod shop;

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, VecDeque},
    io::{IsTerminal, Write},
    path::PathBuf,
    time::Instant,
};

use anyhow::bail;
use firmware_sim::rng::Seed;
use protocol::{GatewayId, message::Sighting};

use crate::antennas;

use self::{air::Air, desk::Desk, people::Person, report::Report, shop::Shop};

/// Saturday 21 November 2026, ten o'clock in Utrecht.
const ZERO_MS: u64 = 1_795_251_600_000;
const HOUR_OF_OPENING: u64 = 10;

/// Gateways and people look at the clock this often.
const LOOK_MS: u64 = 100;
/// From the end of a window until the server has it: 100 ms to disk, and the way.
const UPLINK_MS: u64 = 200;
/// The server looks at the time this often; its own tick is twice as fast.
const TICK_MS: u64 = 500;
/// Who left without it is given up after an hour; a little more, and all is final.
const AFTER_MS: u64 = 3_600_000 + 600_000;

/// If it is not quiet so long after closing, something is wrong, and is told as it stands.
const LATEST_MS: u64 = 4 * 3_600_000;

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    /// Everybody's luck.
    #[arg(long)]
    seed: u64,
    /// How long the store is open.
    #[arg(long, default_value_t = 480, value_parser = clap::value_parser!(u64).range(1..=720))]
    minutes: u64,
    #[arg(long, default_value_t = 400)]
    pickups: usize,
    #[arg(long, default_value_t = 60)]
    returns: usize,
    #[arg(long, default_value_t = 40)]
    reservations: usize,
    /// With the app, and with nothing open.
    #[arg(long, default_value_t = 3_000)]
    visitors: usize,
    /// With something ready, and only outside.
    #[arg(long, default_value_t = 300)]
    passers: usize,
    /// These keep at least so far from the front, in metres.
    #[arg(long, default_value_t = 2.0)]
    away_m_min: f64,
    /// And at most so far.
    #[arg(long, default_value_t = 8.0)]
    away_m_max: f64,
    /// Colleagues at the desk.
    #[arg(long, default_value_t = 6)]
    staff: usize,
    /// Antennas: 2 as the demo's store has them, by the door and at the back; then one at the desk, one
    /// outside before the door, and one on each side.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u8).range(2..=6))]
    antennas: u8,
    /// What the store accepts of false arrivals, in thousandths: its setting of that name.
    #[arg(long, default_value_t = 10)]
    false_arrivals_permille: u16,
    /// Phones around without the app, at any time.
    #[arg(long, default_value_t = 100)]
    strangers: u32,
    /// A machine in the store has the desk.
    #[arg(long)]
    home: bool,
    /// Its line to the central server is cut so many minutes after opening.
    #[arg(long, default_value_t = 180)]
    cut_at: u64,
    /// For so many minutes.
    #[arg(long, default_value_t = 120)]
    cut_for: u64,
    /// Where the database is made, and kept; without it, somewhere for a while.
    #[arg(long)]
    dir: Option<PathBuf>,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    anyhow::ensure!(
        args.away_m_min < args.away_m_max,
        "--away-m-min is not below --away-m-max"
    );
    let scratch = scratch()?;
    let dir = args.dir.as_deref().unwrap_or(scratch.path());
    std::fs::create_dir_all(dir)?;
    let path = dir.join(format!("saturday-{}.db", args.seed));
    if path.exists() {
        bail!("{} is there already", path.display());
    }
    let mut day = Day::begin(args, &path)?;
    day.pass(args)?;
    let report = report::report(&day.shop, &day.desk, &day.people, day.now_ms)?;
    for surprise in &day.desk.surprises.0 {
        eprintln!("{surprise}");
    }
    print(&report, args.json)?;
    anyhow::ensure!(report.is_met(), "a line was missed");
    Ok(())
}

/// In memory where the system has a place for that: each of 200,000 transactions is synced, and how
/// fast a disk does that is another question.
fn scratch() -> std::io::Result<tempfile::TempDir> {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir())
}

fn print(report: &Report, as_json: bool) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    if as_json {
        serde_json::to_writer_pretty(&mut out, &report.0)?;
        return Ok(writeln!(out)?);
    }
    for row in &report.0 {
        let asked = match row.met {
            None => String::new(),
            Some(true) => format!("{:12} met", row.asked.to_string()),
            Some(false) => format!("{:12} MISSED", row.asked.to_string()),
        };
        let said = row.said.to_string();
        writeln!(out, "{:48} {said:>12}   {asked}", row.what)?;
    }
    Ok(())
}

/// What gateways sent, and when the server has it.
type Sent = (u64, Vec<(GatewayId, Vec<Sighting>)>);

struct Day {
    people: Vec<Person>,
    air: Air,
    shop: Shop,
    desk: Desk,
    /// Who comes onto the scene, and when.
    starts: BinaryHeap<Reverse<(u64, usize)>>,
    under_way: VecDeque<Sent>,
    now_ms: u64,
}

impl Day {
    fn begin(args: &Args, path: &std::path::Path) -> anyhow::Result<Self> {
        let seed = Seed(args.seed);
        let people = people::crowd(args, seed);
        let mut air = Air::new(seed, antennas::plan(args.antennas), args.strangers);
        let identities: Vec<_> = people.iter().map(|_| air.add_phone()).collect();
        let starts = people.iter().enumerate();
        let cut_ms = args.home.then(|| {
            let from_ms = args.cut_at * 60_000;
            from_ms..from_ms + args.cut_for * 60_000
        });
        Ok(Self {
            starts: starts
                .map(|(who, person)| Reverse((person.way.span_ms().0, who)))
                .collect(),
            shop: Shop::open(path, args, &people, &identities, cut_ms)?,
            desk: Desk::new(seed, people.len(), args.staff),
            people,
            air,
            under_way: VecDeque::new(),
            now_ms: 0,
        })
    }

    /// From the first visitor until everything is final.
    fn pass(&mut self, args: &Args) -> anyhow::Result<()> {
        let (begun, shows) = (Instant::now(), std::io::stderr().is_terminal());
        let mut quiet_since_ms = 0;
        let latest_ms = args.minutes * 60_000 + LATEST_MS;
        while self.now_ms < quiet_since_ms + AFTER_MS && self.now_ms < latest_ms {
            self.now_ms += LOOK_MS;
            if !self.look()? {
                quiet_since_ms = self.now_ms;
            }
            if shows && self.now_ms.is_multiple_of(60_000) {
                let minute = self.now_ms / 60_000;
                let hour = HOUR_OF_OPENING + minute / 60;
                let of = args.minutes + AFTER_MS / 60_000;
                let took_s = begun.elapsed().as_secs();
                eprint!(
                    "\r{hour}:{:02}, {} % in {took_s} s ",
                    minute % 60,
                    100 * minute / of
                );
            }
        }
        if shows {
            eprintln!();
        }
        Ok(())
    }

    /// One look at the clock. True: nobody is there, and nothing is under way.
    fn look(&mut self) -> anyhow::Result<bool> {
        let now_ms = self.now_ms;
        while let Some(&Reverse((at_ms, who))) = self.starts.peek()
            && at_ms <= now_ms
        {
            self.starts.pop();
            self.air.enter(who, &self.people[who], now_ms);
            self.desk.expect(who, &self.people[who]);
        }
        let sent = self.air.look(&self.people, now_ms);
        if !sent.is_empty() {
            self.under_way.push_back((now_ms + UPLINK_MS, sent));
        }
        while let Some((_, sent)) = self.under_way.pop_front_if(|(at_ms, _)| *at_ms <= now_ms) {
            self.shop.hear(ZERO_MS + now_ms, sent)?;
        }
        if now_ms.is_multiple_of(TICK_MS) {
            self.shop.tick(ZERO_MS + now_ms)?;
        }
        for card in self.shop.changed()? {
            self.desk.see(card);
        }
        for (from_ms, who) in self.desk.step(&mut self.shop, &mut self.people, now_ms)? {
            self.people[who].come_to_desk(from_ms);
            self.starts.push(Reverse((from_ms, who)));
        }
        let nobody = self.starts.is_empty() && self.air.is_quiet() && self.desk.is_done();
        Ok(nobody && self.under_way.is_empty() && !self.desk.shows_somebody())
    }
}
