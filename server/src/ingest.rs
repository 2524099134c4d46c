//! From the broker to the pipeline, and acknowledgements back.
//!
//! In: MQTT payloads. Out: batches of resolved sightings; ranges of numbers that are committed;
//! retained, what each gateway must know of its store.
//! What does not resolve is stripped here, before anything is written; consent is judged where it
//! is written, in the order of the log.
//! A new client and event loop for each connection: nothing of an old one can answer for a new.
//! Invariant: a PUBACK and an acknowledged range leave only after the commit.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use protocol::{
    BootId, GatewayId, Ranges, StoreId, Topic,
    message::{self, Ack, Batch, LinkState, Status},
    radio::{self, RadioKind},
    topic::{Channel, SIGHTINGS_FILTER, STATUS_FILTER},
};
use rumqttc::{
    Outgoing, TlsConfiguration, Transport,
    v5::{
        AsyncClient, ClientError, ConnectionError, Event, EventLoop, MqttOptions,
        mqttbytes::{
            QoS,
            v5::{Packet, Publish},
        },
    },
};
use tokio::sync::{mpsc, watch};

use self::{desk::DeskTeller, teller::Teller};
use crate::{
    broker::{Address, INGEST_CLIENT},
    clock,
    fleet::Fleet,
    home::relay::{self, Down, Up},
    identity::Identity,
    live::Live,
    pipeline::{BatchWork, Committed, Counts, Heard, Pipeline},
    radios::Radios,
    seal::Seals,
    store::{Readers, StoreError},
};

mod desk;
mod teller;

/// Requests that wait in the client; acknowledgements are small and many.
const REQUESTS_MAX: usize = 1_000;
/// Publishes that the broker may have under way to us: a commit's worth and more.
const RECEIVE_MAX: u16 = 2_000;
/// Payload, topic and properties.
const PACKET_LEN_MAX: u32 = 256 * 1024;
/// How long a goodbye may take.
const GOODBYE_WAIT: Duration = Duration::from_secs(1);
const RECONNECT_MIN: Duration = Duration::from_millis(100);
const RECONNECT_MAX: Duration = Duration::from_secs(5);

/// Everything that ingest talks to.
pub struct Ingest {
    /// The broker.
    pub address: Address,
    /// Who is who.
    pub identity: Arc<Identity>,
    /// What opens batches.
    pub seals: Arc<Seals>,
    /// Where batches go.
    pub pipeline: Pipeline,
    /// Which beacons hang where.
    pub readers: Readers,
    /// What came of them.
    pub committed: mpsc::UnboundedReceiver<Committed>,
    /// How gateways do.
    pub fleet: Arc<Fleet>,
    /// What other radios say.
    pub radios: Arc<Radios>,
    /// Counters.
    pub counts: Arc<Counts>,
    /// Where cards that change are told; none: displays hear nothing.
    pub tells_desk: Option<Arc<Live>>,
    /// At a store's home: the way to the central server, which says what gateways may forget.
    pub home: Option<relay::Ends>,
}

impl Ingest {
    /// Stays connected until asked to stop.
    pub async fn run(mut self, mut shutdown: watch::Receiver<bool>, ready: watch::Sender<bool>) {
        let mut wait = RECONNECT_MIN;
        while !*shutdown.borrow() {
            let connected = self.session(&mut shutdown, &ready).await;
            self.pipeline.hold_ticks(true);
            self.fleet.listens(None);
            if *shutdown.borrow() {
                break;
            }
            if let Err(error) = self.pipeline.hears_nobody().await {
                tracing::warn!(%error, "visits may end because of a broken line");
            }
            match connected {
                Ok(()) => wait = RECONNECT_MIN,
                Err(error) => {
                    tracing::warn!(%error, wait_ms = wait.as_millis(), "no MQTT broker, will try again");
                }
            }
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                _ = shutdown.changed() => {}
            }
            wait = (wait * 2).min(RECONNECT_MAX);
        }
    }

    /// One connection. Ok: it was up and has ended. The event loop is polled by one future from
    /// beginning to end and never dropped halfway: a dropped `poll` may lose what it had read.
    async fn session(
        &mut self,
        shutdown: &mut watch::Receiver<bool>,
        ready: &watch::Sender<bool>,
    ) -> Result<(), SessionError> {
        let (client, events) = connect(&self.address)?;
        let (say, to_say) = mpsc::unbounded_channel();
        let (packets, line_up) = (Packets::default(), watch::Sender::new(false));
        let parts = self.parts();
        let (up, down) = match &mut self.home {
            Some(ends) => {
                let (up, down) = ends.split();
                (Some(up), Some(down))
            }
            None => (None, None),
        };
        let listener = Listener {
            ingest: parts,
            at_home: up.is_some(),
            say,
            packets: &packets,
            line_up: &line_up,
            ready,
        };
        let teller = Teller {
            client: client.clone(),
            readers: &self.readers,
            fleet: &self.fleet,
            line_up: line_up.subscribe(),
        };
        let desk_teller = DeskTeller {
            client: client.clone(),
            readers: &self.readers,
            live: self.tells_desk.as_deref(),
            line_up: line_up.subscribe(),
            said: HashMap::new(),
        };
        let speaker = Speaker {
            client: client.clone(),
            packets: &packets,
            up,
            radios: &self.radios,
            heard_from: HashMap::new(),
        };
        tokio::select! {
            ended = listener.run(client, events) => ended,
            ended = teller.run() => ended,
            ended = desk_teller.run() => ended,
            ended = speaker.run(&mut self.committed, down, to_say, shutdown) => ended,
        }
    }

    fn parts(&self) -> Parts {
        Parts {
            identity: self.identity.clone(),
            seals: self.seals.clone(),
            pipeline: self.pipeline.clone(),
            fleet: self.fleet.clone(),
            radios: self.radios.clone(),
            counts: self.counts.clone(),
        }
    }
}

fn connect(address: &Address) -> Result<(AsyncClient, EventLoop), SessionError> {
    let Address {
        host,
        port,
        login,
        ca_file,
    } = address;
    let mut options = MqttOptions::new(INGEST_CLIENT, host, *port);
    options
        .set_keep_alive(Duration::from_secs(15))
        .set_clean_start(false)
        .set_session_expiry_interval(Some(86_400))
        .set_receive_maximum(Some(RECEIVE_MAX))
        .set_max_packet_size(Some(PACKET_LEN_MAX))
        .set_manual_acks(true);
    if let Some((name, password)) = login {
        options.set_credentials(name, password);
    }
    if let Some(path) = ca_file {
        let ca = std::fs::read(path).map_err(|source| SessionError::CaFile {
            path: path.clone(),
            source,
        })?;
        options.set_transport(Transport::Tls(TlsConfiguration::Simple {
            ca,
            alpn: None,
            client_auth: None,
        }));
    }
    Ok(AsyncClient::new(options, REQUESTS_MAX))
}

struct Parts {
    identity: Arc<Identity>,
    seals: Arc<Seals>,
    pipeline: Pipeline,
    fleet: Arc<Fleet>,
    radios: Arc<Radios>,
    counts: Arc<Counts>,
}

/// Polls the connection: hears, resolves, hands over.
struct Listener<'a> {
    ingest: Parts,
    /// Whether batches are kept until they are committed, to be told on.
    at_home: bool,
    say: mpsc::UnboundedSender<Say>,
    packets: &'a Packets,
    line_up: &'a watch::Sender<bool>,
    ready: &'a watch::Sender<bool>,
}

/// What the listener wants said; unbounded, since what is under way from the broker is bounded.
enum Say {
    /// Nothing more to do with this packet.
    Done(Box<Publish>),
    /// To be told to the central server.
    On(Up),
    /// A gateway asked for the time.
    Time {
        topic: Topic,
        boot: BootId,
        echo_mono_ms: u64,
    },
}

impl Listener<'_> {
    async fn run(self, client: AsyncClient, mut events: EventLoop) -> Result<(), SessionError> {
        let mut up = false;
        loop {
            match events.poll().await {
                Ok(Event::Incoming(Packet::ConnAck(_))) => {
                    up = true;
                    client.try_subscribe(SIGHTINGS_FILTER, QoS::AtLeastOnce)?;
                    client.try_subscribe(STATUS_FILTER, QoS::AtLeastOnce)?;
                    // What is not heard now is nothing: the broker need not keep it for us.
                    for filter in RadioKind::ALL.into_iter().flat_map(RadioKind::filters) {
                        client.try_subscribe(*filter, QoS::AtMostOnce)?;
                    }
                }
                Ok(Event::Incoming(Packet::SubAck(_))) => {
                    self.ingest.pipeline.hold_ticks(false);
                    self.ingest.fleet.listens(Some(clock::now_ms()));
                    self.line_up.send_replace(true);
                    // An error says that nobody waits for readiness.
                    let _ = self.ready.send(true);
                }
                Ok(Event::Incoming(Packet::Publish(publish))) => self.hear(publish).await?,
                Ok(Event::Outgoing(Outgoing::Disconnect)) => return Ok(()),
                Ok(_) => {}
                Err(error) if up => {
                    tracing::warn!(%error, "lost the MQTT broker");
                    return Ok(());
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    async fn hear(&self, publish: Publish) -> Result<(), SessionError> {
        let text = std::str::from_utf8(&publish.topic).unwrap_or_default();
        let Ok(topic) = text.parse::<Topic>() else {
            if radio::of_topic(text).is_some() {
                let radios = &self.ingest.radios;
                radios.hear(text, &publish.payload, publish.retain);
                return self.say(Say::Done(Box::new(publish)));
            }
            self.refuse("unknown", "topic");
            return self.say(Say::Done(Box::new(publish)));
        };
        match topic.channel {
            Channel::Sightings => match Batch::from_json(&publish.payload) {
                Ok(batch) if batch.store == topic.store && batch.gateway == topic.gateway => {
                    let len_bytes = publish.payload.len();
                    let told_on = self.at_home.then(|| batch.clone());
                    let token = self.packets.keep(publish, told_on);
                    let batch = open(&self.ingest.seals, &self.ingest.counts, batch);
                    let work = BatchWork {
                        len_bytes,
                        token,
                        ..resolve(&self.ingest.identity, &self.ingest.counts, batch)
                    };
                    return Ok(self.ingest.pipeline.batch(work).await?);
                }
                Ok(_) => self.refuse(topic.gateway.as_str(), "claims to be another gateway"),
                Err(error) => self.refuse(topic.gateway.as_str(), &error.to_string()),
            },
            Channel::Status => match Status::from_json(&publish.payload) {
                Ok(status) => self.status(topic, publish.retain, status)?,
                Err(error) => self.refuse(topic.gateway.as_str(), &error.to_string()),
            },
            Channel::Ack | Channel::Config => {}
        }
        self.say(Say::Done(Box::new(publish)))
    }

    fn say(&self, say: Say) -> Result<(), SessionError> {
        self.say
            .send(say)
            .map_err(|_| SessionError::Store(StoreError::Stopping))
    }

    /// Counts and says what could not be read. The reason names fields, never content.
    fn refuse(&self, gateway: &str, why: &str) {
        Counts::add(&self.ingest.counts.set_aside_total, 1);
        tracing::warn!(gateway, why, "set a message aside");
    }

    /// Keeps how a gateway does, and tells one that is online what time it is. A retained status
    /// that the broker repeats when we connect is old: echoing it would give the gateway a wrong
    /// round trip, so it is not answered.
    fn status(&self, topic: Topic, retained: bool, status: Status) -> Result<(), SessionError> {
        let (boot, echo_mono_ms) = (status.boot, status.sent_mono_ms);
        let online = status.state == LinkState::Online;
        let (store, gateway) = (topic.store.clone(), topic.gateway.clone());
        if self.at_home && !retained {
            let status = Box::new(status.clone());
            self.say(Say::On(Up::Status(gateway.clone(), status)))?;
        }
        self.ingest
            .fleet
            .heard_from(store, gateway, status, retained, clock::now_ms());
        if online && !retained {
            self.say(Say::Time {
                topic,
                boot,
                echo_mono_ms,
            })?;
        }
        Ok(())
    }
}

/// What was sealed is in clear after this. What stays shut is counted, said and empty: its number is
/// applied, since nobody can ever open it.
pub fn open(seals: &Seals, counts: &Counts, batch: Batch) -> Batch {
    let (batch, shut) = seals.open(batch);
    if let Some(why) = shut {
        Counts::add(&counts.shut_batches_total, 1);
        tracing::warn!(gateway = %batch.gateway, seq = batch.seq, %why, "a batch stays shut");
    }
    batch
}

/// Gives each sighting its time and its person; what has neither stays behind.
pub fn resolve(identity: &Identity, counts: &Counts, batch: Batch) -> BatchWork {
    let Batch {
        store,
        gateway,
        boot,
        seq,
        clock,
        sightings,
        ..
    } = batch;
    let heard = match clock {
        None => {
            Counts::add(&counts.time_unknown_total, sightings.len());
            Vec::new()
        }
        Some(clock) => {
            let now_ms = clock::now_ms();
            let times = sightings
                .iter()
                .map(|s| (s.transmitter, clock.server_ms_of(s.heard_last_mono_ms)));
            let people = identity.resolve_all(now_ms, times);
            Counts::add(
                &counts.unresolved_total,
                people.iter().filter(|p| p.is_none()).count(),
            );
            sightings
                .into_iter()
                .zip(people)
                .filter_map(|(s, who)| {
                    Some(Heard {
                        who: who?,
                        anchor: s.anchor,
                        heard_first_ms: clock.server_ms_of(s.heard_first_mono_ms),
                        heard_last_ms: clock.server_ms_of(s.heard_last_mono_ms),
                        count: s.count,
                        rssi_dbm: s.rssi_dbm_median,
                    })
                })
                .collect()
        }
    };
    BatchWork {
        store,
        gateway,
        boot,
        seq,
        heard,
        len_bytes: 0,
        token: 0,
    }
}

/// Sends acknowledgements, to the broker and to gateways.
struct Speaker<'a> {
    client: AsyncClient,
    packets: &'a Packets,
    /// At a store's home: where batches are told on once they are committed here.
    up: Option<&'a relay::UpEnd>,
    radios: &'a Radios,
    /// The gateways heard from on this connection, and in which run.
    heard_from: HashMap<(StoreId, GatewayId), BootId>,
}

impl Speaker<'_> {
    async fn run(
        mut self,
        committed: &mut mpsc::UnboundedReceiver<Committed>,
        mut down: Option<&mut mpsc::Receiver<Down>>,
        mut to_say: mpsc::UnboundedReceiver<Say>,
        shutdown: &mut watch::Receiver<bool>,
    ) -> Result<(), SessionError> {
        loop {
            tokio::select! {
                Some(committed) = committed.recv() => self.acknowledge(committed).await?,
                Some(down) = next(&mut down) => self.hear_central(down).await?,
                Some(say) = to_say.recv() => match say {
                    Say::Done(publish) => self.client.ack(&publish).await?,
                    Say::On(up) => self.tell_on(up),
                    Say::Time { topic, boot, echo_mono_ms } => {
                        let ack = Ack { echo_mono_ms: Some(echo_mono_ms), ..ack(boot) };
                        self.tell(&topic.store, &topic.gateway, ack).await?;
                    }
                },
                _ = shutdown.changed() => {
                    // The listener sees the goodbye go out and ends the session. What cannot be
                    // said any more, the gateways will ask again.
                    self.client.disconnect().await?;
                    tokio::time::sleep(GOODBYE_WAIT).await;
                    return Ok(());
                }
            }
        }
    }

    /// At a store's home a gateway keeps what is committed here, until the central server has it.
    async fn acknowledge(&mut self, committed: Committed) -> Result<(), SessionError> {
        let Committed {
            store,
            gateway,
            boot,
            applied,
            tokens,
        } = committed;
        if self.radios.is_ours(boot) {
            return Ok(());
        }
        let ack = match self.up {
            None => Ack {
                applied,
                ..ack(boot)
            },
            Some(_) => Ack {
                held: applied,
                ..ack(boot)
            },
        };
        self.tell(&store, &gateway, ack).await?;
        self.heard_from.insert((store, gateway), boot);
        for (publish, batch) in self.packets.take(&tokens) {
            self.client.ack(&publish).await?;
            if let Some(batch) = batch {
                self.tell_on(Up::Batch(Box::new(batch)));
            }
        }
        Ok(())
    }

    fn tell_on(&self, up: Up) {
        if let Some(end) = self.up {
            end.tell(up);
        }
    }

    /// The central server has something, or wants it again.
    async fn hear_central(&self, down: Down) -> Result<(), SessionError> {
        match down {
            Down::Taken(taken) => {
                for taken in taken {
                    let of = |(_, gateway): &&(StoreId, GatewayId)| *gateway == taken.gateway;
                    let Some((store, gateway)) = self.heard_from.keys().find(of) else {
                        continue;
                    };
                    let ack = Ack {
                        applied: taken.applied,
                        ..ack(taken.boot)
                    };
                    self.tell(store, gateway, ack).await?;
                }
            }
            Down::Again => {
                for ((store, gateway), boot) in &self.heard_from {
                    let ack = Ack {
                        again: true,
                        ..ack(*boot)
                    };
                    self.tell(store, gateway, ack).await?;
                }
            }
        }
        Ok(())
    }

    /// QoS 0: an answer that is lost is asked for again, since the gateway keeps what it sent until
    /// it hears this.
    async fn tell(
        &self,
        store: &StoreId,
        gateway: &GatewayId,
        ack: Ack,
    ) -> Result<(), SessionError> {
        let topic = Topic::new(store, gateway, Channel::Ack).to_string();
        let payload = message::to_json(&ack);
        Ok(self
            .client
            .publish(topic, QoS::AtMostOnce, false, payload)
            .await?)
    }
}

/// What time it is, and nothing else.
fn ack(boot: BootId) -> Ack {
    Ack {
        v: message::VERSION,
        server_ms: clock::now_ms(),
        echo_mono_ms: None,
        boot,
        applied: Ranges::new(),
        held: Ranges::new(),
        again: false,
    }
}

/// What the central server says; never, where there is none.
async fn next(down: &mut Option<&mut mpsc::Receiver<Down>>) -> Option<Down> {
    match down {
        Some(down) => down.recv().await,
        None => std::future::pending().await,
    }
}

/// Packets of one connection that wait for their commit, without their payload.
#[derive(Default)]
struct Packets {
    waiting: Mutex<HashMap<u64, Waiting>>,
}

/// And what was in it, where it is told on.
type Waiting = (Publish, Option<Batch>);

/// Tokens are unique over connections: one of an older connection finds no packet in a newer.
static NEXT_TOKEN: AtomicU64 = AtomicU64::new(1);

impl Packets {
    fn keep(&self, mut publish: Publish, batch: Option<Batch>) -> u64 {
        publish.payload.clear();
        let token = NEXT_TOKEN.fetch_add(1, Ordering::Relaxed);
        self.lock().insert(token, (publish, batch));
        token
    }

    fn take(&self, tokens: &[u64]) -> Vec<Waiting> {
        let mut waiting = self.lock();
        tokens
            .iter()
            .filter_map(|token| waiting.remove(token))
            .collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<u64, Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug, thiserror::Error)]
enum SessionError {
    #[error(transparent)]
    Connection(#[from] Box<ConnectionError>),
    #[error("send: {0}")]
    Client(#[from] Box<ClientError>),
    #[error("read {path}: {source}")]
    CaFile {
        path: std::path::PathBuf,
        source: std::io::Error,
    },
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<ClientError> for SessionError {
    fn from(error: ClientError) -> Self {
        Self::Client(Box::new(error))
    }
}

impl From<ConnectionError> for SessionError {
    fn from(error: ConnectionError) -> Self {
        Self::Connection(Box::new(error))
    }
}
