//! `welkom-sim bluez`: a virtual BlueZ by itself, full of strangers.
//!
//! In: a crowd. Out: a bus to point a gateway at, and in the end how much was on the air and how
//! much of it a client was told.
//! Invariant: as of [`crowd`].

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use tokio::sync::watch;

use super::crowd::{self, CrowdArgs};
use crate::bluez::{Machine, Options};

const EXAMPLES: &str = "\
Examples:
  # 50 strangers with 200 advertisements a second, as soon as a gateway discovers
  welkom-sim bluez --dir /tmp/bus --rate 200 --devices 50 --for 30s --json
  # a crowd whose addresses never come back, 490 new ones a second, for ten minutes
  welkom-sim bluez --dir /tmp/bus --rate 490 --new-addresses 490 --for 10m --json
  # one phone of ours among them that rotates every 8 s, through a dongle that filters duplicates
  welkom-sim bluez --dir /tmp/bus --transmitters 1 --rotate 8s --filter-duplicates

The gateway is started with DBUS_SYSTEM_BUS_ADDRESS as printed.";

#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct BluezArgs {
    /// Bus, its configuration and its log are in this folder
    #[arg(long)]
    dir: PathBuf,
    #[command(flatten)]
    crowd: CrowdArgs,
    /// The controller reports a device once in a scan window of 10.24 s
    #[arg(long)]
    filter_duplicates: bool,
}

pub(super) async fn run(
    args: BluezArgs,
    mut shutdown: watch::Receiver<bool>,
) -> anyhow::Result<()> {
    let options = Options {
        filters_duplicates: args.filter_duplicates,
        ..Options::default()
    };
    let dir = std::path::absolute(&args.dir).context("find the folder of the bus")?;
    let machine = Machine::start(&dir, options).await?;
    println!("DBUS_SYSTEM_BUS_ADDRESS={}", machine.address());
    let Some(counts) = crowd::play(&args.crowd, &machine, &mut shutdown).await? else {
        return Ok(());
    };
    machine.drained().await;
    let (told, lost) = (machine.signalled_total(), machine.lost_total());
    counts
        .with(told, lost, &machine.heard())
        .print(args.crowd.json)
}
