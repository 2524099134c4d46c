//! The gateway's circuit diagram.
//!
//! In: settings, a wish to stop. Out: nothing but what it sends.
//! Promises: on a stop, windows are closed and on disk before it returns; what the server can
//! take within two seconds is handed over, the rest is sent after the next start.

use std::time::{Duration, SystemTime};

use anyhow::Context;
use protocol::message::Sighting;
use tokio::{
    sync::watch,
    time::{interval, sleep},
};
use tracing::{info, warn};

use crate::{
    aggregate::{Aggregator, TRANSMITTERS_MAX},
    alive::{self, BEAT_EVERY, Part},
    beacons::Beacons,
    clock::{self, Monotonic},
    config::Config,
    counts::Counters,
    health,
    intake::Intake,
    keys::Keys,
    notify::Systemd,
    source::{Advertisement, Source},
    spool::{Address, Gone, Seal, Spool, SpoolHandle, SpoolOptions, Stream},
    stop,
    uplink::Uplink,
};

/// Sightings in one batch: about 60 KiB, so that one batch never holds up a slow line for long.
const BATCH_SIGHTINGS: usize = 250;
/// Advertisements taken together when many wait; their first sights make one batch.
const TAKEN_TOGETHER_MAX: usize = 256;

/// Runs a gateway until `shutdown` turns true or its sender is gone.
pub async fn run(config: Config, shutdown: watch::Receiver<bool>) -> anyhow::Result<()> {
    // Already installed is fine: then the program around us has chosen, by the same rules.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let Config { store, gateway, .. } = &config;
    info!(%store, %gateway, anchor = %config.anchor, "gateway starts");

    let counts = Counters::default();
    let beacons = Beacons::default();
    let address = Address {
        store: store.clone(),
        gateway: gateway.clone(),
    };
    let (say_goodbye, goodbye) = watch::channel(false);

    let systemd = Systemd::from_env();
    let keys = Keys::load(&config.seal, &config.spool.dir, store);
    let seal = match &keys {
        Some(keys) => Seal::To {
            keys: keys.in_force(),
            address: address.clone(),
            seed: random().context("get randomness to seal with")?,
        },
        None => {
            warn!("seal.plain is set: who has this disk or the broker reads who was where");
            Seal::Plain
        }
    };
    let spool = Spool::open(spool_options(&config)?, seal).context("open the spool")?;
    let spool = SpoolHandle::start(spool, address.clone(), counts.clone())
        .context("start the spool's thread")?;
    let uplink = Uplink::new(
        config.mqtt.clone(),
        address,
        spool.clone(),
        beacons.clone(),
        keys,
        counts.clone(),
    );
    let uplink = tokio::spawn(uplink.run(goodbye));
    let source = Source::start(&config.source, config.anchor.clone(), counts.clone());
    counts.alive().begin(Monotonic::now());
    let health = health::start(&config, &counts, spool.view()).await;
    let silence_ms_max = alive::silence_ms_max(&config.source);
    let ears = Ears {
        source,
        intake: Intake::new(config.chain.clone(), beacons, counts.clone()),
        aggregator: Aggregator::new(config.anchor, config.window_ms, TRANSMITTERS_MAX),
        spool: spool.clone(),
        counts: counts.clone(),
    };
    systemd.ready();

    let heard = tokio::select! {
        heard = ears.listen(shutdown) => heard,
        () = systemd.watch(&counts, silence_ms_max) => Ok(()),
    };
    systemd.stopping();
    drop(health);
    spool.flush().await?;
    say_goodbye.send_replace(true);
    let sent = uplink.await.context("uplink ended in a panic")?;
    spool.close().await?;
    let heard_total = counts.snapshot().heard_total;
    info!(heard_total, "gateway stops");
    sent?;
    heard
}

fn spool_options(config: &Config) -> anyhow::Result<SpoolOptions> {
    let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let wall_ms = wall.map_or(0, |wall| u64::try_from(wall.as_millis()).unwrap_or(0));
    Ok(SpoolOptions {
        dir: config.spool.dir.clone(),
        bytes_max: config.spool.bytes_max,
        segment_bytes: config.spool.segment_bytes,
        machine_boot: clock::machine_boot().context("read the machine's boot id")?,
        wall_ms,
        random: random().context("get randomness for the id of this boot")?,
    })
}

fn random<const N: usize>() -> Result<[u8; N], getrandom::Error> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}

/// From the antenna to the spool.
struct Ears {
    source: Source,
    intake: Intake,
    aggregator: Aggregator,
    spool: SpoolHandle,
    counts: Counters,
}

impl Ears {
    /// Returns when asked to stop, and when the source ends: well, as a recording does, or not.
    async fn listen(mut self, mut shutdown: watch::Receiver<bool>) -> anyhow::Result<()> {
        let mut beat = interval(BEAT_EVERY);
        loop {
            let close_at = self.aggregator.poll_at();
            self.counts.alive().beat(Part::Intake, Monotonic::now());
            tokio::select! {
                advert = self.source.next() => match advert {
                    Some(advert) => self.take(advert).await?,
                    None => break,
                },
                () = until(close_at) => {
                    let closed = self.aggregator.close_due(Monotonic::now()).collect();
                    self.append(Stream::Detail, closed).await?;
                }
                _ = beat.tick() => {}
                () = stop::asked(&mut shutdown) => break,
            }
        }
        let ended = self.source.stop().await;
        while let Some(advert) = self.source.next_now() {
            self.take(advert).await?;
        }
        let closed = self.aggregator.close_all().collect();
        self.append(Stream::Detail, closed).await?;
        Ok(ended?)
    }

    /// Takes this advertisement and those that wait behind it.
    async fn take(&mut self, advert: Advertisement) -> Result<(), Gone> {
        let mut first_sights = Vec::new();
        let mut next = Some(advert);
        let mut taken = 0;
        while let Some(advert) = next {
            if let Some(from) = self.intake.admit(&advert) {
                let dbm = advert.rssi_dbm;
                first_sights.extend(self.aggregator.hear(advert.heard_at, from, dbm));
            }
            taken += 1;
            next = match taken {
                TAKEN_TOGETHER_MAX.. => None,
                _ => self.source.next_now(),
            };
        }
        self.counts.set_shed(self.aggregator.shed_total());
        self.append(Stream::First, first_sights).await
    }

    async fn append(&self, stream: Stream, mut sightings: Vec<Sighting>) -> Result<(), Gone> {
        while !sightings.is_empty() {
            let rest = sightings.split_off(sightings.len().min(BATCH_SIGHTINGS));
            self.spool.append(stream, sightings).await?;
            sightings = rest;
        }
        Ok(())
    }
}

/// Waits for ever if there is nothing to wait for.
async fn until(at: Option<Monotonic>) {
    match at {
        Some(at) => sleep(Duration::from_millis(at.ms_since(Monotonic::now()))).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;
