//! `welkom-sim bluez`: a virtual BlueZ by itself, full of strangers.
//!
//! In: how many, how often, how their addresses change. Out: a bus to point a gateway at, and in
//! the end how much was on the air and how much of it a client was told.
//! Promises: as many advertisements a second as asked for, evenly spread.
//! Invariant: nobody's identity is in it; what strangers send is in none of our layouts.

use std::{path::PathBuf, time::Duration};

use anyhow::Context;
use clap::Args;
use protocol::{Eid, Frame, air::encode, sim::AirLine};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde::Serialize;
use tokio::{
    sync::watch,
    time::{Instant, MissedTickBehavior},
};

use super::duration;
use crate::{
    bluez::{Machine, Options},
    firmware::ANDROID_INTERVAL_US,
    rng::Seed,
    sse::asked,
};

/// How often the air is looked at; what is due since then goes out.
const TICK: Duration = Duration::from_millis(2);
/// The transmitter's place among senders.
const TRANSMITTER: u64 = 0;

const EXAMPLES: &str = "\
Examples:
  # 50 strangers with 200 advertisements a second, as soon as a gateway discovers
  welkom-sim bluez --dir /tmp/bus --rate 200 --devices 50 --for 30s --json
  # a crowd whose addresses never come back, 490 new ones a second, for ten minutes
  welkom-sim bluez --dir /tmp/bus --rate 490 --new-addresses 490 --for 10m --json
  # one phone of ours among them that rotates every 8 s, through a dongle that filters duplicates
  welkom-sim bluez --dir /tmp/bus --transmitter --rotate 8s --filter-duplicates

The gateway is started with DBUS_SYSTEM_BUS_ADDRESS as printed.";

#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct BluezArgs {
    /// Bus, its configuration and its log are in this folder
    #[arg(long)]
    dir: PathBuf,
    /// Advertisements of strangers a second
    #[arg(long, default_value_t = 200)]
    rate: u32,
    /// Strangers
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    devices: u32,
    /// So many strangers a second take a new address; at most as many as advertise
    #[arg(long, default_value_t = 0)]
    new_addresses: u32,
    /// A transmitter in our own layout too, every 250 ms
    #[arg(long)]
    transmitter: bool,
    /// It takes a new identity and address so often; without it, never
    #[arg(long, value_parser = duration)]
    rotate: Option<Duration>,
    /// The controller reports a device once in a scan window of 10.24 s
    #[arg(long)]
    filter_duplicates: bool,
    /// Begin at once, not when a client discovers
    #[arg(long)]
    at_once: bool,
    /// How long: 90s, 5m
    #[arg(long = "for", default_value = "30s", value_parser = duration)]
    run_for: Duration,
    /// Everything follows from it
    #[arg(long, default_value_t = 7)]
    seed: u64,
    /// The counts as one line of JSON at the end
    #[arg(long)]
    json: bool,
}

/// What was on the air.
#[derive(Debug, Default, Serialize)]
struct Counts {
    took_ms: u64,
    /// Strangers' and the transmitter's.
    sent: u64,
    /// Of these, told to a client.
    signalled: u64,
    /// Of these, lost because the bus was too slow.
    lost: u64,
    addresses: u64,
    transmitter_sent: u64,
    transmitter_signalled: u64,
}

pub(super) async fn run(
    args: BluezArgs,
    mut shutdown: watch::Receiver<bool>,
) -> anyhow::Result<()> {
    anyhow::ensure!(
        args.new_addresses <= args.rate,
        "--new-addresses {} is more than --rate {}: an address is new when it is used",
        args.new_addresses,
        args.rate,
    );
    let options = Options {
        filters_duplicates: args.filter_duplicates,
        ..Options::default()
    };
    let dir = std::path::absolute(&args.dir).context("find the folder of the bus")?;
    let machine = Machine::start(&dir, options).await?;
    println!("DBUS_SYSTEM_BUS_ADDRESS={}", machine.address());
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    if !args.at_once {
        eprintln!("waiting for a client that discovers");
        while !machine.is_discovering() {
            tokio::select! {
                () = asked(&mut shutdown) => return Ok(()),
                _ = tick.tick() => {}
            }
        }
    }
    let mut crowd = Crowd::new(&args);
    let began = Instant::now();
    while began.elapsed() < args.run_for {
        crowd.play(&machine, began.elapsed());
        tokio::select! {
            () = asked(&mut shutdown) => break,
            _ = tick.tick() => {}
        }
    }
    machine.drained().await;
    let mut counts = crowd.counts;
    counts.took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    counts.signalled = machine.signalled_total();
    counts.lost = machine.lost_total();
    let heard = machine.heard();
    counts.transmitter_signalled = heard.get(&TRANSMITTER).copied().unwrap_or_default();
    if args.json {
        println!("{}", serde_json::to_string(&counts)?);
    } else {
        println!("{}", serde_json::to_string_pretty(&counts)?);
    }
    Ok(())
}

/// Everyone on the air.
struct Crowd {
    rate: u64,
    new_addresses: u64,
    rotate: Option<Duration>,
    strangers: Vec<AirLine>,
    transmitter: Option<AirLine>,
    rotations: u128,
    rng: ChaCha8Rng,
    counts: Counts,
}

impl Crowd {
    fn new(args: &BluezArgs) -> Self {
        let mut rng = Seed(args.seed).stream("bluez-crowd", 0);
        let strangers = (0..args.devices).map(|n| stranger(&mut rng, n)).collect();
        let transmitter = args.transmitter.then(|| transmitter(&mut rng));
        let counts = Counts {
            addresses: u64::from(args.devices) + u64::from(args.transmitter),
            ..Counts::default()
        };
        Self {
            rate: args.rate.into(),
            new_addresses: args.new_addresses.into(),
            rotate: args.rotate,
            strangers,
            transmitter,
            rotations: 0,
            rng,
            counts,
        }
    }

    /// Puts on the air what is due `at` since the beginning.
    fn play(&mut self, machine: &Machine, at: Duration) {
        let us = u64::try_from(at.as_micros()).unwrap_or(u64::MAX);
        let due = us.saturating_mul(self.rate) / 1_000_000;
        while self.counts.sent - self.counts.transmitter_sent < due {
            self.stranger(machine);
        }
        while self.transmitter.is_some() && self.counts.transmitter_sent * ANDROID_INTERVAL_US <= us
        {
            self.transmitter(machine, at);
        }
    }

    fn stranger(&mut self, machine: &Machine) {
        let sent = self.counts.sent - self.counts.transmitter_sent;
        let devices = self.strangers.len() as u64;
        let place = usize::try_from(sent % devices).unwrap_or_default();
        // Evenly: the n-th advertisement is from a new address if the quotient steps there.
        let is_new =
            (sent + 1) * self.new_addresses / self.rate > sent * self.new_addresses / self.rate;
        let line = &mut self.strangers[place];
        if is_new {
            line.address = address(&mut self.rng);
            self.counts.addresses += 1;
        }
        line.rssi_dbm = self.rng.random_range(-95..-45);
        machine.deliver(line, None);
        self.counts.sent += 1;
    }

    fn transmitter(&mut self, machine: &Machine, at: Duration) {
        let every = self
            .rotate
            .map_or(u128::MAX, |every| every.as_millis().max(1));
        let rotations = at.as_millis() / every;
        if std::mem::replace(&mut self.rotations, rotations) != rotations {
            self.transmitter = Some(transmitter(&mut self.rng));
            self.counts.addresses += 1;
        }
        if let Some(line) = &mut self.transmitter {
            line.rssi_dbm = self.rng.random_range(-70..-60);
            machine.deliver(line, Some(TRANSMITTER));
        }
        self.counts.sent += 1;
        self.counts.transmitter_sent += 1;
    }
}

fn transmitter(rng: &mut ChaCha8Rng) -> AirLine {
    let frame = Frame::Welkom {
        eid: Eid(rng.random()),
        tx_power_dbm: -59,
    };
    AirLine {
        address: address(rng),
        rssi_dbm: 0,
        ad_hex: hex::encode(encode(&frame)),
    }
}

/// Half of them like a phone of a known make, the others with service data of an exposure
/// notification: what most strangers send.
fn stranger(rng: &mut ChaCha8Rng, number: u32) -> AirLine {
    let data: [u8; 12] = rng.random();
    let mut ad = vec![2, 0x01, 0x1a];
    if number.is_multiple_of(2) {
        ad.extend([15, 0xff, 0x75, 0x00]);
    } else {
        ad.extend([3, 0x03, 0x6f, 0xfd, 15, 0x16, 0x6f, 0xfd]);
    }
    ad.extend(data);
    AirLine {
        address: address(rng),
        rssi_dbm: 0,
        ad_hex: hex::encode(ad),
    }
}

/// A random static address: the two highest bits are set.
fn address(rng: &mut ChaCha8Rng) -> String {
    let mut bytes: [u8; 6] = rng.random();
    bytes[0] |= 0xc0;
    bytes.map(|byte| format!("{byte:02x}")).join(":")
}
