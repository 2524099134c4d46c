//! `welkom-sim hci`: a virtual Bluetooth controller by itself, full of strangers.
//!
//! In: a crowd. Out: a socket to point a gateway at, or an adapter of this machine's kernel; in the
//! end how much was on the air and how much of it the host was told.
//! Invariant: as of [`crowd`].

use std::{path::PathBuf, time::Duration};

use anyhow::Context;
use clap::Args;
use tokio::sync::watch;

use super::crowd::{self, CrowdArgs};
use crate::{
    controller::{Controller, Options},
    sse::asked,
};

/// What a host may take for what was still on its way.
const DRAINED: Duration = Duration::from_millis(200);

const EXAMPLES: &str = "\
Examples:
  # 50 strangers with 200 advertisements a second, as soon as a gateway scans
  welkom-sim hci --socket /tmp/hci --rate 200 --devices 50 --for 30s --json
  # the same with the commands of Bluetooth 5, and long advertisements in parts of 20 bytes
  welkom-sim hci --socket /tmp/hci --extended --part-len 20
  # an adapter of this machine's kernel (module hci_vhci, as root), for any source
  welkom-sim hci --vhci --transmitters 1 --rotate 8s

A gateway listens to the socket with kind = \"hci\" and adapter = \"unix:/tmp/hci\".
The filter of duplicates is the host's to choose; this controller honours it, unless --no-filter.
An adapter of the kernel stays when its crowd has ended and been counted, until SIGTERM: what the
kernel still has on its way would go with it.";

#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct HciArgs {
    /// Where it listens for hosts
    #[arg(long, required_unless_present = "vhci")]
    socket: Option<PathBuf>,
    /// As an adapter of the kernel instead
    #[arg(long, conflicts_with = "socket")]
    vhci: bool,
    #[command(flatten)]
    crowd: CrowdArgs,
    /// It knows the extended commands of Bluetooth 5
    #[arg(long)]
    extended: bool,
    /// Longer advertisements come in parts of so many bytes, with --extended
    #[arg(long, default_value_t = 229)]
    part_len: usize,
    /// It reports everything, also to a host that wants duplicates filtered
    #[arg(long)]
    no_filter: bool,
}

pub(super) async fn run(args: HciArgs, mut shutdown: watch::Receiver<bool>) -> anyhow::Result<()> {
    let options = Options {
        extended: args.extended,
        part_len: args.part_len,
        filters: !args.no_filter,
        ..Options::default()
    };
    let controller = match &args.socket {
        Some(socket) => {
            let socket = std::path::absolute(socket).context("find the socket")?;
            let controller = Controller::start(&socket, options)?;
            println!("unix:{}", socket.display());
            controller
        }
        None => Controller::start_vhci(options).await?,
    };
    let Some(counts) = crowd::play(&args.crowd, &controller, &mut shutdown).await? else {
        return Ok(());
    };
    tokio::time::sleep(DRAINED).await;
    let (told, lost) = (controller.reported_total(), controller.lost_total());
    let counts = counts.with(told, lost, &controller.heard());
    counts.print(args.crowd.json)?;
    for opcode in controller.unknown_commands() {
        eprintln!("the host gave a command that is not known here: {opcode:#06x}");
    }
    if args.vhci {
        asked(&mut shutdown).await;
    }
    Ok(())
}
