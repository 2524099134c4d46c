//! A crowd of strangers, and perhaps some phones of ours, on the air of one machine.
//!
//! In: how many, how often, how their addresses change. Out: advertisements for an antenna, and
//! counts of them, of ours by identity.
//! Promises: as many advertisements a second as asked for, evenly spread.
//! Invariant: nobody's identity is in it; what strangers send is in none of our layouts.

use std::time::Duration;

use clap::Args;
use protocol::{Eid, Frame, Transmitter, air::encode, sim::AirLine};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde::Serialize;
use tokio::{
    sync::watch,
    time::{Instant, MissedTickBehavior},
};

use super::duration;
use crate::{
    air::Sender, bluez::Machine, clock::boot_ms, controller::Controller,
    firmware::ANDROID_INTERVAL_US, rng::Seed, sse::asked,
};

/// How often the air is looked at; what is due since then goes out.
const TICK: Duration = Duration::from_millis(2);

/// A machine with an antenna that somebody may listen to.
pub(super) trait Antenna {
    /// Whether somebody listens.
    fn is_listened_to(&self) -> bool;
    /// An advertisement reaches it.
    fn deliver(&self, line: &AirLine, sender: Sender);
}

impl Antenna for Machine {
    fn is_listened_to(&self) -> bool {
        self.is_discovering()
    }
    fn deliver(&self, line: &AirLine, sender: Sender) {
        self.deliver(line, sender);
    }
}

impl Antenna for Controller {
    fn is_listened_to(&self) -> bool {
        self.scans()
    }
    fn deliver(&self, line: &AirLine, sender: Sender) {
        self.deliver(line, sender);
    }
}

#[derive(Args)]
pub(super) struct CrowdArgs {
    /// Advertisements of strangers a second
    #[arg(long, default_value_t = 200)]
    rate: u32,
    /// Strangers
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    devices: u32,
    /// So many strangers a second take a new address; at most as many as advertise
    #[arg(long, default_value_t = 0)]
    new_addresses: u32,
    /// Transmitters in our own layout too, each every 250 ms
    #[arg(long, default_value_t = 0)]
    transmitters: u32,
    /// Each takes a new identity and address so often; without it, never
    #[arg(long, value_parser = duration)]
    rotate: Option<Duration>,
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
    pub(super) json: bool,
}

/// What was on the air.
#[derive(Debug, Default, Serialize)]
pub(super) struct Counts {
    took_ms: u64,
    /// Strangers' and transmitters'.
    sent: u64,
    /// Of these, told to who listens.
    signalled: u64,
    /// Of these, lost because that was too slow.
    lost: u64,
    addresses: u64,
    transmitter_sent: u64,
    transmitter_signalled: u64,
    /// In the order in which they were first on the air.
    identities: Vec<Identity>,
}

/// What one identity of a transmitter of ours had on the air.
#[derive(Debug, Serialize)]
struct Identity {
    transmitter: Transmitter,
    sent: u64,
    signalled: u64,
    /// By the machine's boot clock, as in a gateway's sightings.
    first_boot_ms: u64,
    last_boot_ms: u64,
}

/// Plays a crowd until its time is over; none: it was asked to stop before anybody listened.
pub(super) async fn play(
    args: &CrowdArgs,
    antenna: &impl Antenna,
    shutdown: &mut watch::Receiver<bool>,
) -> anyhow::Result<Option<Counts>> {
    anyhow::ensure!(
        args.new_addresses <= args.rate,
        "--new-addresses {} is more than --rate {}: an address is new when it is used",
        args.new_addresses,
        args.rate,
    );
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    if !args.at_once {
        eprintln!("waiting for somebody who listens");
        while !antenna.is_listened_to() {
            tokio::select! {
                () = asked(shutdown) => return Ok(None),
                _ = tick.tick() => {}
            }
        }
    }
    let mut crowd = Crowd::new(args);
    let began = Instant::now();
    while began.elapsed() < args.run_for {
        crowd.play(antenna, began.elapsed());
        tokio::select! {
            () = asked(shutdown) => break,
            _ = tick.tick() => {}
        }
    }
    let mut counts = crowd.counts;
    counts.took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(Some(counts))
}

impl Counts {
    /// What the machine says of it. Once nothing waits any more.
    pub(super) fn with(
        mut self,
        signalled: u64,
        lost: u64,
        heard: &std::collections::BTreeMap<u64, u64>,
    ) -> Self {
        (self.signalled, self.lost) = (signalled, lost);
        for (sender, identity) in (0..).zip(&mut self.identities) {
            identity.signalled = heard.get(&sender).copied().unwrap_or_default();
        }
        self.transmitter_signalled = self.identities.iter().map(|i| i.signalled).sum();
        self
    }

    pub(super) fn print(&self, json: bool) -> anyhow::Result<()> {
        let text = if json {
            serde_json::to_string(self)?
        } else {
            serde_json::to_string_pretty(self)?
        };
        println!("{text}");
        Ok(())
    }
}

/// Everyone on the air.
struct Crowd {
    rate: u64,
    new_addresses: u64,
    rotate: Option<Duration>,
    strangers: Vec<AirLine>,
    transmitters: Vec<Phone>,
    rng: ChaCha8Rng,
    counts: Counts,
}

/// A transmitter of ours.
struct Phone {
    line: AirLine,
    /// Its identity's place among all, which is also its number as a sender.
    identity: usize,
    rotations: u128,
    sent: u64,
}

impl Crowd {
    fn new(args: &CrowdArgs) -> Self {
        let mut rng = Seed(args.seed).stream("bluez-crowd", 0);
        let strangers = (0..args.devices).map(|n| stranger(&mut rng, n)).collect();
        let mut crowd = Self {
            rate: args.rate.into(),
            new_addresses: args.new_addresses.into(),
            rotate: args.rotate,
            strangers,
            transmitters: Vec::new(),
            rng,
            counts: Counts {
                addresses: args.devices.into(),
                ..Counts::default()
            },
        };
        for _ in 0..args.transmitters {
            let (line, identity) = crowd.identity();
            crowd.transmitters.push(Phone {
                line,
                identity,
                rotations: 0,
                sent: 0,
            });
        }
        crowd
    }

    /// Puts on the air what is due `at` since the beginning.
    fn play(&mut self, antenna: &impl Antenna, at: Duration) {
        let us = u64::try_from(at.as_micros()).unwrap_or(u64::MAX);
        let due = us.saturating_mul(self.rate) / 1_000_000;
        while self.counts.sent - self.counts.transmitter_sent < due {
            self.stranger(antenna);
        }
        let phones = self.transmitters.len() as u64;
        for place in 0..self.transmitters.len() {
            // One after the other, not all at once.
            let after_us = ANDROID_INTERVAL_US * place as u64 / phones;
            while self.transmitters[place].sent * ANDROID_INTERVAL_US + after_us <= us {
                self.transmit(antenna, at, place);
            }
        }
    }

    fn stranger(&mut self, antenna: &impl Antenna) {
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
        antenna.deliver(line, None);
        self.counts.sent += 1;
    }

    fn transmit(&mut self, antenna: &impl Antenna, at: Duration, place: usize) {
        let every = self
            .rotate
            .map_or(u128::MAX, |every| every.as_millis().max(1));
        let rotations = at.as_millis() / every;
        if self.transmitters[place].rotations != rotations {
            let (line, identity) = self.identity();
            let phone = &mut self.transmitters[place];
            (phone.line, phone.identity, phone.rotations) = (line, identity, rotations);
        }
        let phone = &mut self.transmitters[place];
        phone.line.rssi_dbm = self.rng.random_range(-70..-60);
        phone.sent += 1;
        let identity = &mut self.counts.identities[phone.identity];
        identity.last_boot_ms = boot_ms();
        if identity.sent == 0 {
            identity.first_boot_ms = identity.last_boot_ms;
        }
        identity.sent += 1;
        antenna.deliver(&phone.line, Some(phone.identity as u64));
        self.counts.sent += 1;
        self.counts.transmitter_sent += 1;
    }

    /// One that nobody has had, with an address of its own.
    fn identity(&mut self) -> (AirLine, usize) {
        let eid = Eid(self.rng.random());
        let frame = Frame::Welkom {
            eid,
            tx_power_dbm: -59,
        };
        let line = AirLine {
            address: address(&mut self.rng),
            rssi_dbm: 0,
            ad_hex: hex::encode(encode(&frame)),
        };
        self.counts.addresses += 1;
        self.counts.identities.push(Identity {
            transmitter: Transmitter::Eid(eid),
            sent: 0,
            signalled: 0,
            first_boot_ms: 0,
            last_boot_ms: 0,
        });
        (line, self.counts.identities.len() - 1)
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

#[cfg(test)]
mod tests {
    use std::{cell::RefCell, collections::BTreeMap};

    use super::*;

    #[derive(Default)]
    struct Ear(RefCell<BTreeMap<(u64, String), u64>>);

    impl Antenna for Ear {
        fn is_listened_to(&self) -> bool {
            true
        }
        fn deliver(&self, line: &AirLine, sender: Sender) {
            if let Some(sender) = sender {
                let key = (sender, line.address.clone());
                *self.0.borrow_mut().entry(key).or_default() += 1;
            }
        }
    }

    #[test]
    fn each_identity_of_our_phones_is_counted_apart() {
        let args = CrowdArgs {
            rate: 10,
            devices: 3,
            new_addresses: 0,
            transmitters: 2,
            rotate: Some(Duration::from_secs(2)),
            at_once: true,
            run_for: Duration::ZERO,
            seed: 7,
            json: true,
        };
        let (mut crowd, ear) = (Crowd::new(&args), Ear::default());
        for ms in 0..4_000 {
            crowd.play(&ear, Duration::from_millis(ms));
        }
        let heard = ear.0.borrow();
        let counts: Vec<u64> = heard.values().copied().collect();
        // Two phones, two identities each of 2 s, an advertisement every 250 ms.
        assert_eq!(counts, [8, 8, 8, 8]);
        let sent: Vec<u64> = crowd.counts.identities.iter().map(|i| i.sent).collect();
        assert_eq!(sent, counts);
        assert_eq!(crowd.counts.transmitter_sent, 32);
    }
}
