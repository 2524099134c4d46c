//! The engine's presence on recordings and on a simulated store: what the server runs is what is
//! measured here.
//!
//! Each question has a room of its own:
//!
//! | room | what it answers |
//! |---|---|
//! | [`walk`] | In which zone is she, once the floor was walked? |
//! | [`gateways`] | In which zone, if nobody walked it? [`scenes`] measures that answer. |
//! | [`nearness`] | Who is within two metres of whom? [`till`]: and who visits the till? |
//! | [`entrance`] | Is a tag inside, between the doors or outside? |
//! | [`sim`] | In which zone of a simulated store, and how late is it said? |
//! | [`door`] | Who comes in, who goes, who only passes by? |
//! | [`saturday`] | A whole day, from radios to the figures of the page: does all of it agree? |
//! | [`cost`] | What does a customer take, in bytes and in time? |
//! | [`decisions`] | What does a decision take, with a million shoppers behind it? |
//!
//! They share [`table`] (files of rows) and [`sightings`] (rows of recorded people), [`ears`] (what
//! gateways tell), [`figures`] (shares, and intervals of them) and [`plot`] (charts).
//!
//! In: recordings in the layouts of the subcommands. Out: an answer a second as CSV, and figures on
//! standard error. Invariant: an answer rests on what was heard up to its second, nothing later,
//! and on no truth of the recording that it is about.

mod antennas;
mod cost;
mod decisions;
mod door;
mod ears;
mod entrance;
mod figures;
mod gateways;
mod nearness;
mod plot;
mod saturday;
mod scenes;
mod sightings;
mod sim;
mod table;
mod till;
mod walk;

use std::path::PathBuf;

use clap::Parser;

#[derive(Debug, Parser)]
enum Command {
    /// Calibrates on the training walks of a folder and answers its test walks.
    Walk {
        /// split.csv, zones.csv, traces.csv.gz, labels.csv.gz.
        #[arg(long)]
        dir: PathBuf,
        /// trace_id, ts_ms, zone, p.
        #[arg(long)]
        out: PathBuf,
        /// Share of the training walks to use: those with the lowest SHA-256 of their id.
        #[arg(long, default_value_t = 1.0)]
        train_share: f64,
        /// Walks are left out in so many groups to learn how sure to be.
        #[arg(long, default_value_t = 40)]
        folds: usize,
        /// A reliability diagram, as SVG.
        #[arg(long)]
        plot: Option<PathBuf>,
    },
    /// Answers a scene that nobody walked.
    #[command(after_help = GATEWAYS_EXAMPLE)]
    Gateways {
        /// ts_ms, receiver_id, transmitter_id, rssi_dbm; other columns are ignored.
        #[arg(long)]
        sightings: PathBuf,
        /// Zones with their middles, gateways with their places; see below.
        #[arg(long)]
        zones: PathBuf,
        /// Whom to follow: ids as in the sightings, with commas between them.
        #[arg(long, value_delimiter = ',', required = true)]
        mobiles: Vec<String>,
        /// tag_id, ts_ms, zone (empty: unknown; none: in no zone), p.
        #[arg(long)]
        out: PathBuf,
    },
    /// Tells who is within two metres of whom, and who stands at the till, in recordings of people.
    Nearness {
        /// For each recording *_sightings.csv and *_truth_1hz.csv.
        #[arg(long)]
        dir: PathBuf,
        /// Who works at the till of the recording of a queue.
        #[arg(long, value_delimiter = ',', default_value = "11,1")]
        till: Vec<String>,
    },
    /// Tells inside, vestibule and outside apart for tags that were left out of the learning.
    Entrance {
        /// filtered_rssi.csv.
        #[arg(long)]
        dir: PathBuf,
    },
    /// Cuts scenes from recordings of people with phones, and answers them.
    Scenes {
        /// For each recording *_sightings.csv and *_truth_1hz.csv.
        #[arg(long)]
        dir: PathBuf,
        /// A reliability diagram, as SVG.
        #[arg(long)]
        plot: Option<PathBuf>,
    },
    /// Follows walkers through a simulated store of twelve zones.
    Sim(sim::Args),
    /// Sends people past a store's door, in and out, and lets them stay.
    Door(door::Args),
    /// Plays a Saturday in virtual time, and compares the figures of its evening with what happened.
    Saturday(saturday::Args),
    /// What a customer costs the filter, as a table and two charts.
    Cost(cost::Args),
    /// What a decision costs, with a chain's whole history behind it.
    Decisions(decisions::Args),
}

const GATEWAYS_EXAMPLE: &str = "\
Example:
  evaluate gateways --sightings heard.csv --zones zones.json --mobiles 19,20 --out said.csv

heard.csv; who received whom does not matter, nor does the order of rows:
  ts_ms,receiver_id,transmitter_id,rssi_dbm
  1587102484055,10,19,-66

zones.json; without x_m and y_m names alone are used:
  {\"zones\": [{\"zone\": \"north\", \"x_m\": 0, \"y_m\": 4, \"gateways\": [10]},
             {\"zone\": \"south\", \"x_m\": 0, \"y_m\": -4, \"gateways\": [11]}],
   \"gateways\": [{\"gateway_id\": 10, \"zone\": \"north\", \"x_m\": 0.5, \"y_m\": 4},
                {\"gateway_id\": 11, \"zone\": \"south\", \"x_m\": 0, \"y_m\": -3}]}";

fn main() -> anyhow::Result<()> {
    match Command::parse() {
        Command::Walk {
            dir,
            out,
            train_share,
            folds,
            plot,
        } => walk::run(&dir, &out, train_share, folds, plot.as_deref()),
        Command::Gateways {
            sightings,
            zones,
            mobiles,
            out,
        } => gateways::run(&sightings, &zones, &mobiles, &out),
        Command::Nearness { dir, till } => nearness::run(&dir, &till),
        Command::Entrance { dir } => entrance::run(&dir),
        Command::Scenes { dir, plot } => scenes::run(&dir, plot.as_deref()),
        Command::Sim(args) => sim::run(args),
        Command::Door(args) => door::run(args),
        Command::Saturday(args) => saturday::run(&args),
        Command::Cost(args) => cost::run(&args),
        Command::Decisions(args) => decisions::run(&args),
    }
}
