//! One simulated gateway's line to the broker, and what it keeps until it is acknowledged.
//!
//! In: batches from the pacer. Out: MQTT publishes; acknowledgements end a batch.
//! Promises: a batch is published again on every new connection until the server acknowledged
//! it; a PUBACK ends nothing.
//! Invariant: each connection is a client and event loop of its own; at most [`WINDOW`] batches
//! are published and unacknowledged.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use protocol::{
    BootId, StoreId, Topic,
    message::{Ack, BATCH_LEN_MAX, ClockAnchor, Counts, LinkState, Status, VERSION, to_json},
    topic::Channel,
};
use rumqttc::{
    TlsConfiguration, Transport,
    v5::{AsyncClient, ConnectionError, Event, Incoming, MqttOptions, mqttbytes::QoS},
};
use tokio::{
    sync::{Notify, watch},
    time::timeout,
};

use super::measure::Measures;
use crate::{provision::GatewayCredentials, sse::asked};

/// Batches published and not acknowledged at most.
pub const WINDOW: usize = 200;
/// The oldest published batch is acknowledged within this time, or the line counts as dead.
const STALLED_MAX: Duration = Duration::from_secs(15);
const PAUSE: Duration = Duration::from_millis(500);
/// Just above what a batch may have, for the topic and the header.
const PACKET_LEN_MAX: u32 = 256 * 1024;

/// A clock that only runs forward, as a gateway's machine has.
#[derive(Debug, Clone, Copy)]
pub struct MonoClock(Instant);

impl MonoClock {
    /// Begins now; not at 0, since a machine boots before its gateway starts.
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// Milliseconds of a moment.
    pub fn ms(self, at: Instant) -> u64 {
        const BOOTED_BEFORE_MS: u64 = 1_000_000;
        let since = at.saturating_duration_since(self.0).as_millis();
        BOOTED_BEFORE_MS + u64::try_from(since).unwrap_or(u64::MAX - BOOTED_BEFORE_MS)
    }
}

/// A batch that waits for its acknowledgement.
struct Waiting {
    due: Instant,
    sightings: u64,
    payload: Vec<u8>,
    published: Option<Instant>,
}

/// One simulated gateway.
pub struct Link {
    /// The store.
    pub store: StoreId,
    /// Its run.
    pub boot: BootId,
    credentials: GatewayCredentials,
    mqtt_ca: Option<Vec<u8>>,
    mono: MonoClock,
    waiting: Mutex<BTreeMap<u64, Waiting>>,
    changed: Notify,
    clock: watch::Sender<Option<ClockAnchor>>,
    measures: Arc<Measures>,
}

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
enum LinkError {
    #[error("talk to the broker")]
    Broker(#[from] Box<ConnectionError>),
    #[error("hand a packet to the connection")]
    Client(#[from] Box<rumqttc::v5::ClientError>),
    #[error("no acknowledgement for {} s", STALLED_MAX.as_secs())]
    Stalled,
}

impl Link {
    /// A gateway that is not connected yet. Its boot is a fresh id: a load run is never the same
    /// run twice, and the server keeps sequence numbers per boot for good.
    pub fn new(
        store: StoreId,
        credentials: GatewayCredentials,
        mqtt_ca: Option<Vec<u8>>,
        mono: MonoClock,
        measures: Arc<Measures>,
    ) -> Self {
        let (waiting, boot) = (Mutex::default(), BootId(uuid::Uuid::new_v4()));
        let (changed, clock) = (Notify::new(), watch::channel(None).0);
        Self {
            store,
            boot,
            credentials,
            mqtt_ca,
            mono,
            waiting,
            changed,
            clock,
            measures,
        }
    }

    /// Follows the server's time as this gateway learns it.
    pub fn clock(&self) -> watch::Receiver<Option<ClockAnchor>> {
        self.clock.subscribe()
    }

    /// Which gateway.
    pub fn gateway(&self) -> &protocol::GatewayId {
        &self.credentials.gateway
    }

    /// Its machine's clock.
    pub fn mono(&self) -> MonoClock {
        self.mono
    }

    /// Takes a batch that was due at `due`.
    pub fn offer(&self, seq: u64, due: Instant, sightings: u64, payload: Vec<u8>) {
        debug_assert!(payload.len() <= BATCH_LEN_MAX);
        self.measures.offered(sightings);
        self.waiting().insert(
            seq,
            Waiting {
                due,
                sightings,
                payload,
                published: None,
            },
        );
        self.changed.notify_one();
    }

    /// Keeps a connection until the shutdown.
    pub async fn run(&self, mut shutdown: watch::Receiver<bool>) {
        loop {
            tokio::select! {
                ended = self.session() => {
                    if let Err(error) = ended {
                        let cause = std::error::Error::source(&error).map(ToString::to_string);
                        tracing::warn!(%error, cause, gateway = %self.gateway(), "line broke");
                    }
                }
                () = asked(&mut shutdown) => return,
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    fn waiting(&self) -> MutexGuard<'_, BTreeMap<u64, Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn topic(&self, channel: Channel) -> String {
        Topic::new(&self.store, self.gateway(), channel).to_string()
    }

    async fn session(&self) -> Result<(), LinkError> {
        self.waiting()
            .values_mut()
            .for_each(|batch| batch.published = None);
        let (client, mut events) = AsyncClient::new(self.options(), WINDOW);
        // Not before the ConnAck: a channel full of batches has no room for the subscription.
        let connected = Notify::new();
        let feeder = self.feed(client.clone(), &connected);
        let poller = async {
            loop {
                // Keep-alive makes events at least this often; a line without any is dead.
                let event = timeout(STALLED_MAX, events.poll()).await;
                match event.map_err(|_| LinkError::Stalled)?.map_err(Box::new)? {
                    Event::Incoming(Incoming::ConnAck(_)) => {
                        let ack = self.topic(Channel::Ack);
                        client
                            .try_subscribe(ack, QoS::AtLeastOnce)
                            .map_err(Box::new)?;
                        let status = self.topic(Channel::Status);
                        client
                            .try_publish(status, QoS::AtLeastOnce, true, self.status())
                            .map_err(Box::new)?;
                        connected.notify_one();
                    }
                    Event::Incoming(Incoming::Publish(publish)) => self.on_ack(&publish.payload),
                    _ => {}
                }
                self.check_progress()?;
            }
        };
        // Both hold the client; whichever ends, ends the connection.
        tokio::select! { ended = poller => ended, ended = feeder => ended }
    }

    fn options(&self) -> MqttOptions {
        let GatewayCredentials {
            gateway,
            mqtt_username,
            mqtt_password,
            mqtt_host,
            mqtt_port,
            ..
        } = &self.credentials;
        let id = format!("{}.{gateway}", self.store);
        let mut options = MqttOptions::new(id, mqtt_host, *mqtt_port);
        options
            .set_credentials(mqtt_username, mqtt_password)
            .set_keep_alive(Duration::from_secs(5))
            .set_clean_start(true)
            .set_max_packet_size(Some(PACKET_LEN_MAX))
            .set_outgoing_inflight_upper_limit(u16::try_from(2 * WINDOW).unwrap_or(u16::MAX));
        if let Some(ca) = self.mqtt_ca.clone() {
            let tls = TlsConfiguration::Simple {
                ca,
                alpn: None,
                client_auth: None,
            };
            options.set_transport(Transport::tls_with_config(tls));
        }
        options
    }

    fn status(&self) -> Vec<u8> {
        to_json(&Status {
            v: VERSION,
            state: LinkState::Online,
            boot: self.boot,
            sent_mono_ms: self.mono.ms(Instant::now()),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            plain: false,
            settings: None,
            counts: Counts::default(),
            beacons: Vec::new(),
        })
    }

    /// Publishes what waits, oldest first, once the clock is known.
    async fn feed(&self, client: AsyncClient, connected: &Notify) -> Result<(), LinkError> {
        connected.notified().await;
        let topic = self.topic(Channel::Sightings);
        let mut clock = self.clock.subscribe();
        let _ = clock.wait_for(Option::is_some).await;
        loop {
            while let Some(payload) = self.next_to_publish() {
                let sent = client.publish(topic.as_str(), QoS::AtLeastOnce, false, payload);
                sent.await.map_err(Box::new)?;
            }
            self.changed.notified().await;
        }
    }

    fn next_to_publish(&self) -> Option<Vec<u8>> {
        let mut waiting = self.waiting();
        // Batches are published in order, so the published ones come first: a short walk.
        let next = waiting
            .values_mut()
            .take(WINDOW)
            .find(|batch| batch.published.is_none())?;
        next.published = Some(Instant::now());
        Some(next.payload.clone())
    }

    fn on_ack(&self, payload: &[u8]) {
        let now = Instant::now();
        let ack = match Ack::from_json(payload) {
            Ok(ack) => ack,
            Err(error) => {
                tracing::warn!(%error, gateway = %self.gateway(), "not an acknowledgement");
                return;
            }
        };
        if let Some(sent_mono_ms) = ack.echo_mono_ms {
            let mono_ms = sent_mono_ms.midpoint(self.mono.ms(now));
            self.clock.send_replace(Some(ClockAnchor {
                mono_ms,
                server_ms: ack.server_ms,
            }));
        }
        if ack.boot != self.boot {
            return;
        }
        let mut waiting = self.waiting();
        for (first, last) in ack.applied.iter() {
            let done: Vec<u64> = waiting.range(first..=last).map(|(seq, _)| *seq).collect();
            for batch in done.iter().filter_map(|seq| waiting.remove(seq)) {
                self.measures.applied(now, batch.due, batch.sightings);
            }
        }
        drop(waiting);
        self.changed.notify_one();
    }

    fn check_progress(&self) -> Result<(), LinkError> {
        let waiting = self.waiting();
        let oldest = waiting.values().next().and_then(|batch| batch.published);
        match oldest {
            Some(published) if published.elapsed() > STALLED_MAX => Err(LinkError::Stalled),
            _ => Ok(()),
        }
    }
}
