//! The engine's presence on recordings and on a simulated store: what the server runs is what is
//! measured here.
//!
//! In: recordings in the layouts of the subcommands. Out: an answer a second as CSV, and figures on
//! standard error. Invariant: an answer rests on what was heard up to its second, nothing later,
//! and on no truth of the recording that it is about.

mod cost;
mod door;
mod ears;
mod interval;
mod plot;
mod sim;
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
    },
    /// Follows walkers through a simulated store of twelve zones.
    Sim(sim::Args),
    /// Sends people past a store's door, in and out, and lets them stay.
    Door(door::Args),
    /// What a customer costs the filter, as a table and two charts.
    Cost(cost::Args),
}

fn main() -> anyhow::Result<()> {
    match Command::parse() {
        Command::Walk {
            dir,
            out,
            train_share,
            folds,
        } => walk::run(&dir, &out, train_share, folds),
        Command::Sim(args) => sim::run(args),
        Command::Door(args) => door::run(args),
        Command::Cost(args) => cost::run(&args),
    }
}
