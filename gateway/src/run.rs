//! The gateway's circuit diagram.
//!
//! In: settings, a wish to stop. Out: nothing but what it sends.
//! Promises: on a stop, windows are closed and on disk before it returns; what the server can
//! take within two seconds is handed over, the rest is sent after the next start.

use std::time::{Duration, SystemTime};

use anyhow::Context;
use protocol::{AnchorId, message::Sighting};
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
    config::{Config, SourceConfig},
    counts::Counters,
    health,
    intake::Intake,
    keys::Keys,
    notify::Systemd,
    settings::Settings,
    source::{Advertisement, Source, SourceError},
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
    // After the spool, whose folder it lies in.
    let settings = Settings::open(&config, &counts);
    let uplink = Uplink::new(
        config.mqtt.clone(),
        address,
        spool.clone(),
        beacons.clone(),
        keys,
        settings.clone(),
        counts.clone(),
    );
    let uplink = tokio::spawn(uplink.run(goodbye));
    counts.alive().begin(Monotonic::now());
    let health = health::start(&config, &settings, &counts, spool.view()).await;
    let ears = Ears::new(settings, beacons, spool.clone(), counts.clone());
    systemd.ready();

    let heard = tokio::select! {
        heard = ears.listen(shutdown) => heard,
        () = systemd.watch(&counts) => Ok(()),
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
    settings: Settings,
    /// What `source` listens to.
    listens_to: SourceConfig,
    anchor: AnchorId,
    source: Source,
    intake: Intake,
    aggregator: Aggregator,
    spool: SpoolHandle,
    counts: Counters,
}

impl Ears {
    fn new(settings: Settings, beacons: Beacons, spool: SpoolHandle, counts: Counters) -> Self {
        let config = settings.config();
        let ears = Self {
            source: Source::start(&config.source, config.anchor.clone(), counts.clone()),
            intake: Intake::new(config.chain, beacons, counts.clone()),
            aggregator: Aggregator::new(config.anchor.clone(), config.window_ms, TRANSMITTERS_MAX),
            listens_to: config.source,
            anchor: config.anchor,
            settings,
            spool,
            counts,
        };
        ears.says_what_it_listens_to();
        ears
    }

    /// Returns when asked to stop, and when the source ends: well, as a recording does, or not.
    async fn listen(mut self, mut shutdown: watch::Receiver<bool>) -> anyhow::Result<()> {
        let mut beat = interval(BEAT_EVERY);
        let mut changes = self.settings.changes();
        // What was told since this was made.
        self.follow().await?;
        let ended = loop {
            let close_at = self.aggregator.poll_at();
            let judge_at = self.settings.judge_at();
            self.counts.alive().beat(Part::Intake, Monotonic::now());
            tokio::select! {
                advert = self.source.next() => match advert {
                    Some(advert) => self.take(advert).await?,
                    None => {
                        let ended = self.hush().await?;
                        if !self.gives_up(&ended) {
                            break ended;
                        }
                        self.listen_anew();
                    }
                },
                () = until(close_at) => {
                    let closed = self.aggregator.close_due(Monotonic::now()).collect();
                    self.append(Stream::Detail, closed).await?;
                }
                () = until(judge_at) => self.settings.judge(Monotonic::now()),
                Ok(()) = changes.changed() => self.follow().await?,
                _ = beat.tick() => {}
                () = stop::asked(&mut shutdown) => break self.hush().await?,
            }
        };
        let closed = self.aggregator.close_all().collect();
        self.append(Stream::Detail, closed).await?;
        Ok(ended?)
    }

    /// Does as the settings in force say. What was heard until then, and open windows, stay.
    async fn follow(&mut self) -> Result<(), Gone> {
        let config = self.settings.config();
        self.intake.set_chain(config.chain);
        self.aggregator.set_window_ms(config.window_ms);
        if config.source == self.listens_to {
            // The end of a trial changes what its silence means.
            self.says_what_it_listens_to();
            return Ok(());
        }
        if let Err(error) = self.hush().await? {
            let error = &error as &dyn std::error::Error;
            info!(error, "the radio before had ended by itself");
        }
        self.listen_anew();
        Ok(())
    }

    /// Ends the source; what it had heard is taken.
    async fn hush(&mut self) -> Result<Result<(), SourceError>, Gone> {
        let ended = self.source.stop().await;
        while let Some(advert) = self.source.next_now() {
            self.take(advert).await?;
        }
        Ok(ended)
    }

    /// Starts a source in the place of one that ended.
    fn listen_anew(&mut self) {
        let config = self.settings.config();
        self.source = Source::start(&config.source, self.anchor.clone(), self.counts.clone());
        self.listens_to = config.source;
        self.says_what_it_listens_to();
    }

    fn says_what_it_listens_to(&self) {
        let now = Monotonic::now();
        self.settings.listens(now);
        // On trial, silence has its own end.
        let on_trial = self.settings.judge_at().is_some();
        let silence_ms_max = alive::silence_ms_max(&self.listens_to).filter(|_| !on_trial);
        self.counts.alive().listens(now, silence_ms_max);
    }

    /// Whether the radio that ended was on trial; then that is over.
    fn gives_up(&self, ended: &Result<(), SourceError>) -> bool {
        let why = match ended {
            Ok(()) => "it has nothing more to say".to_owned(),
            Err(error) => {
                let source = std::error::Error::source(error);
                source.map_or_else(|| error.to_string(), |s| format!("{error}: {s}"))
            }
        };
        self.settings.radio_ended(&why)
    }

    /// Takes this advertisement and those that wait behind it.
    async fn take(&mut self, advert: Advertisement) -> Result<(), Gone> {
        self.settings.heard(advert.heard_at);
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
