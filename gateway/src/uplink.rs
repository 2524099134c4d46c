//! Sends what the spool holds to the server, over MQTT 5.
//!
//! In: batches that the spool lends, acknowledgements of the server. Out: publishes at QoS 1,
//! acknowledged ranges, a clock anchor and keys to seal to to the spool, the server's list of fixed
//! beacons to [`Beacons`], what it tells to do otherwise to [`Settings`].
//! Promises: whatever is synced and not acknowledged is published again on every new connection;
//! a connection on which nothing moves is given up.
//! Invariant: a PUBACK deletes nothing. Brokers give it before they sync; only the server's
//! acknowledgement after its commit counts.

mod session;

use std::time::Duration;

use protocol::{
    BootId, Topic,
    message::{BATCH_LEN_MAX, LinkState, Status, VERSION, to_json},
    seal::Statement,
    topic::Channel,
};
use rumqttc::{
    TlsConfiguration, Transport,
    v5::{
        MqttOptions,
        mqttbytes::{QoS, v5::LastWill},
    },
};
use tokio::{sync::watch, time::sleep};
use tracing::{debug, info, warn};

use self::session::{Ended, Session};
use crate::{
    backoff::{self, Backoff},
    beacons::Beacons,
    clock::{ClockEstimate, Monotonic},
    config::MqttConfig,
    counts::{Counters, Line},
    keys::Keys,
    settings::Settings,
    spool::{Address, Gone, SpoolHandle},
    stop,
};

/// Publishes without a PUBACK at once.
pub const WINDOW: u16 = 100;
/// What we read of one packet: a little more than the longest message.
const PACKET_LEN_MAX: u32 = BATCH_LEN_MAX as u32 + 8 * 1024;
/// An outage shorter than this is a broker that restarts, and not worth a warning.
const WARN_AFTER_MS: u64 = 30_000;
/// A longer one is warned of once in this time.
const WARN_EVERY_MS: u64 = 600_000;

/// The connection to the broker, and all that outlives one connection.
#[derive(Debug)]
pub struct Uplink {
    config: MqttConfig,
    address: Address,
    spool: SpoolHandle,
    beacons: Beacons,
    /// None: sightings are not sealed.
    keys: Option<Keys>,
    settings: Settings,
    counts: Counters,
    clock: ClockEstimate,
    boot: BootId,
}

impl Uplink {
    /// Nothing is connected before [`Uplink::run`].
    pub fn new(
        config: MqttConfig,
        address: Address,
        spool: SpoolHandle,
        beacons: Beacons,
        keys: Option<Keys>,
        settings: Settings,
        counts: Counters,
    ) -> Self {
        let boot = spool.view().borrow().boot;
        Self {
            config,
            address,
            spool,
            beacons,
            keys,
            settings,
            counts,
            clock: ClockEstimate::default(),
            boot,
        }
    }

    /// Connects again and again, until `goodbye` turns true; then hands over what can be handed
    /// over shortly, and says goodbye.
    pub async fn run(mut self, mut goodbye: watch::Receiver<bool>) -> Result<(), Gone> {
        let mut backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(10));
        let mut outage = Outage::default();
        loop {
            self.spool.recall().await?;
            let (ended, was_good) = Session::new(&mut self).run(goodbye.clone()).await;
            self.counts.set_line(Line::Away);
            let error = match ended {
                Ended::Goodbye => return Ok(()),
                Ended::SpoolGone => return Err(Gone),
                Ended::Lost(error) => error,
            };
            if was_good {
                backoff.reset();
            }
            outage.log(Monotonic::now(), was_good, &error);
            let wait = backoff.next(backoff::random());
            tokio::select! {
                () = sleep(wait) => {}
                () = stop::asked(&mut goodbye) => return Ok(()),
            }
        }
    }

    /// The server says which keys there are to seal to.
    async fn seal_to(&mut self, said: &[Statement]) -> Result<(), Gone> {
        let Some(keys) = &mut self.keys else {
            return Ok(());
        };
        match keys.told(said) {
            Ok(false) => return Ok(()),
            Ok(true) => {}
            Err(refused) => {
                let error = &refused as &dyn std::error::Error;
                warn!(error, "sightings are sealed as before");
                return Ok(());
            }
        }
        let mut seed = [0; 32];
        if let Err(error) = getrandom::fill(&mut seed) {
            warn!(%error, "no randomness; sightings are sealed as before");
            return Ok(());
        }
        if let Err(error) = keys.save() {
            let error = &error as &dyn std::error::Error;
            warn!(
                error,
                "keys are not written down; told again after a restart"
            );
        }
        info!(keys = said.len(), "sightings are sealed to other keys");
        self.spool.seal_to(keys.in_force(), seed).await
    }

    fn topic(&self, channel: Channel) -> String {
        Topic::new(&self.address.store, &self.address.gateway, channel).to_string()
    }

    fn status(&self, state: LinkState, sent: Monotonic) -> Vec<u8> {
        to_json(&Status {
            v: VERSION,
            state,
            boot: self.boot,
            sent_mono_ms: sent.0,
            version: env!("CARGO_PKG_VERSION").into(),
            plain: self.keys.is_none(),
            settings: match state {
                LinkState::Online => self.settings.state(),
                // As with the beacons: they change while this will lies at the broker.
                LinkState::Offline => None,
            },
            counts: self.counts.snapshot(),
            beacons: match state {
                LinkState::Online => self.beacons.report(),
                // The last will speaks for a gateway that cannot know any more.
                LinkState::Offline => Vec::new(),
            },
        })
    }

    fn options(&self) -> MqttOptions {
        let Address { store, gateway } = &self.address;
        let config = &self.config;
        let mut options = MqttOptions::new(format!("{store}.{gateway}"), &config.host, config.port);
        let offline = self.status(LinkState::Offline, Monotonic(0));
        let status = self.topic(Channel::Status);
        options
            .set_keep_alive(Duration::from_secs(15))
            .set_connection_timeout(10)
            .set_clean_start(true)
            .set_max_packet_size(Some(PACKET_LEN_MAX))
            // Twice the window: a packet id is free again before it comes round, whatever the
            // order in which the broker acknowledges; else rumqttc can wait for itself.
            .set_outgoing_inflight_upper_limit(2 * WINDOW)
            .set_last_will(LastWill::new(status, offline, QoS::AtLeastOnce, true, None));
        if let Some((name, password)) = &config.credentials {
            options.set_credentials(name, &password.0);
        }
        if let Some(tls) = &config.tls {
            let tls = TlsConfiguration::Rustls(tls.clone());
            options.set_transport(Transport::tls_with_config(tls));
        }
        options
    }
}

/// Keeps the log quiet while the broker is away for a moment, or for a night.
#[derive(Debug, Default)]
struct Outage {
    since: Option<Monotonic>,
    warned_at: Option<Monotonic>,
}

impl Outage {
    fn log(&mut self, now: Monotonic, was_good: bool, error: &session::Lost) {
        let error = error as &dyn std::error::Error;
        if was_good {
            info!(error, "connection lost; trying again");
            (self.since, self.warned_at) = (Some(now), None);
            return;
        }
        let since = *self.since.get_or_insert(now);
        let away_ms = now.ms_since(since);
        let warned = |at: Monotonic| now.ms_since(at) < WARN_EVERY_MS;
        if away_ms < WARN_AFTER_MS || self.warned_at.is_some_and(warned) {
            debug!(error, away_ms, "no connection");
            return;
        }
        self.warned_at = Some(now);
        warn!(
            error,
            away_ms, "no good connection; sightings wait in the spool"
        );
    }
}
