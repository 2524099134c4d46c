//! A gateway by hand: its batches, their order and their repetitions are the test's choice.
//!
//! In: a gateway's credentials, batches, statuses. Out: publishes at QoS 1; which numbers the server
//! has acknowledged on this connection, and what it told of the store.
//! Invariant: publishes what it is told, as often as it is told; keeps nothing.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::Context;
use demo::stack::until;
use firmware_sim::provision::GatewayCredentials;
use protocol::{
    BootId, Ranges, StoreId, Topic, Transmitter,
    message::{Ack, Batch, ClockAnchor, Config, Sighting, Status, VERSION, to_json},
    topic::Channel,
};
use rumqttc::v5::{AsyncClient, Event, EventLoop, Incoming, MqttOptions, mqttbytes::QoS};
use tokio::task::JoinHandle;

use crate::crowd::Person;

/// Milliseconds of this gateway's boot clock at the moment its batches are made.
const MONO_MS: u64 = 1_000_000;
const PACKET_LEN_MAX: u32 = 256 * 1024;
const IN_FLIGHT_MAX: u16 = 1_000;

/// What the server told of the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The broker had kept it.
    pub retained: bool,
    /// What.
    pub config: Config,
}

/// One connection.
pub struct HandGateway {
    client: AsyncClient,
    topic: String,
    status_topic: String,
    acknowledged: Arc<Mutex<Vec<(BootId, Ranges)>>>,
    told: Arc<Mutex<Vec<Told>>>,
    poller: JoinHandle<()>,
}

impl HandGateway {
    /// Connects and listens for acknowledgements.
    pub async fn connect(
        store: &StoreId,
        credentials: &GatewayCredentials,
    ) -> anyhow::Result<Self> {
        let GatewayCredentials {
            gateway,
            mqtt_username,
            mqtt_password,
            mqtt_host,
            mqtt_port,
            ..
        } = credentials;
        let mut options = MqttOptions::new(format!("{store}.{gateway}"), mqtt_host, *mqtt_port);
        options
            .set_credentials(mqtt_username, mqtt_password)
            .set_keep_alive(Duration::from_secs(15))
            .set_clean_start(true)
            // More than any test publishes on one connection: no packet id comes round while it
            // waits for its PUBACK, or rumqttc can wait for itself.
            .set_outgoing_inflight_upper_limit(IN_FLIGHT_MAX)
            .set_max_packet_size(Some(PACKET_LEN_MAX));
        let (client, events) = AsyncClient::new(options, 1_000);
        let topic = |channel| Topic::new(store, gateway, channel).to_string();
        for channel in [Channel::Ack, Channel::Config] {
            client.subscribe(topic(channel), QoS::AtLeastOnce).await?;
        }
        let acknowledged = Arc::<Mutex<Vec<(BootId, Ranges)>>>::default();
        let told = Arc::<Mutex<Vec<Told>>>::default();
        let listens = Arc::new(Mutex::new(0));
        let poller = Poller {
            acknowledged: acknowledged.clone(),
            told: told.clone(),
            listens: listens.clone(),
        };
        let poller = tokio::spawn(poller.run(events));
        until("the broker to let the gateway listen", async || {
            anyhow::ensure!(!poller.is_finished(), "the broker closed the connection");
            Ok(*listens.lock().unwrap_or_else(PoisonError::into_inner) == 2)
        })
        .await?;
        Ok(Self {
            client,
            topic: topic(Channel::Sightings),
            status_topic: topic(Channel::Status),
            acknowledged,
            told,
            poller,
        })
    }

    /// Publishes one batch.
    pub async fn publish(&self, batch: &Batch) -> anyhow::Result<()> {
        let payload = to_json(batch);
        let topic = self.topic.clone();
        Ok(self
            .client
            .publish(topic, QoS::AtLeastOnce, false, payload)
            .await?)
    }

    /// Publishes a status, retained as a gateway's is.
    pub async fn say(&self, status: &Status) -> anyhow::Result<()> {
        let (topic, payload) = (self.status_topic.clone(), to_json(status));
        Ok(self
            .client
            .publish(topic, QoS::AtLeastOnce, true, payload)
            .await?)
    }

    /// What the server told on this connection, the newest last.
    pub fn told(&self) -> Vec<Told> {
        let told = self.told.lock();
        told.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The numbers of a boot that were acknowledged on this connection.
    pub fn acknowledged(&self, boot: BootId) -> Ranges {
        let all = self.acknowledged.lock();
        let mut ranges = Ranges::new();
        for (of, applied) in all.unwrap_or_else(PoisonError::into_inner).iter() {
            if *of == boot {
                ranges.extend(applied);
            }
        }
        ranges
    }

    /// Waits until that many numbers are acknowledged.
    pub async fn until_acknowledged(&self, boot: BootId, count: u64) -> anyhow::Result<()> {
        let waited = until("acknowledgements", async || {
            anyhow::ensure!(!self.poller.is_finished(), "the connection has ended");
            Ok(self.acknowledged(boot).count() >= count)
        });
        let what = || format!("have {:?}, want {count}", self.acknowledged(boot));
        waited.await.with_context(what)
    }
}

impl Drop for HandGateway {
    fn drop(&mut self) {
        self.poller.abort();
    }
}

struct Poller {
    acknowledged: Arc<Mutex<Vec<(BootId, Ranges)>>>,
    told: Arc<Mutex<Vec<Told>>>,
    /// Subscriptions that the broker has taken.
    listens: Arc<Mutex<usize>>,
}

impl Poller {
    async fn run(self, mut events: EventLoop) {
        // Ends with the connection: tests kill servers, and connect again themselves.
        while let Ok(event) = events.poll().await {
            match event {
                Event::Incoming(Incoming::SubAck(_)) => {
                    *self.listens.lock().unwrap_or_else(PoisonError::into_inner) += 1;
                }
                Event::Incoming(Incoming::Publish(message)) => {
                    self.hear(&message.payload, message.retain);
                }
                _ => {}
            }
        }
    }

    fn hear(&self, payload: &[u8], retained: bool) {
        if let Ok(ack) = Ack::from_json(payload) {
            let mut all = self
                .acknowledged
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            all.push((ack.boot, ack.applied));
        } else if let Ok(config) = Config::from_json(payload) {
            let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
            told.push(Told { retained, config });
        }
    }
}

/// Batches 1, 2, 3, … of one boot, with `each` radios apiece; no radio twice.
pub fn batches(
    store: &StoreId,
    credentials: &GatewayCredentials,
    boot: BootId,
    people: &[Person],
    each: usize,
) -> anyhow::Result<Vec<Batch>> {
    let server_ms = server::clock::now_ms();
    let anchor: protocol::AnchorId = credentials.gateway.as_str().parse()?;
    let sighting = |person: &Person| Sighting {
        anchor: anchor.clone(),
        transmitter: Transmitter::Eid(person.identity.eid(server_ms)),
        heard_first_mono_ms: MONO_MS,
        heard_last_mono_ms: MONO_MS,
        count: 1,
        rssi_dbm_median: -60,
    };
    let numbered = (1..).zip(people.chunks(each));
    Ok(numbered
        .map(|(seq, people)| Batch {
            v: VERSION,
            store: store.clone(),
            gateway: credentials.gateway.clone(),
            boot,
            seq,
            clock: Some(ClockAnchor {
                mono_ms: MONO_MS,
                server_ms,
            }),
            sightings: people.iter().map(sighting).collect(),
            sealed: None,
        })
        .collect())
}
