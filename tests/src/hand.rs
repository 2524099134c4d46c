//! A gateway by hand: MQTT 5, packet by packet, so that a test can also say what no client would.
//!
//! In: an address, who to be, bytes to send. Out: what the broker answers, with its reason.
//! Invariant: every wait has an end.

use std::{net::SocketAddr, time::Duration};

use anyhow::Context;
use firmware_sim::provision::GatewayCredentials;
use protocol::{
    AnchorId, BootId, StoreId, Topic,
    message::{Ack, Batch, ClockAnchor, Sighting, VERSION, to_json},
    topic::Channel,
};
use server::clock::now_ms;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::person::Person;

/// The broker answers within this time, or the test has failed.
const ANSWER_MAX: Duration = Duration::from_secs(10);

/// A zone among five is said after four seconds of this; some to spare.
pub const STANDS_S: u32 = 7;

/// What the broker says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Packet {
    /// To a CONNECT: 0 is yes.
    ConnAck(u8),
    /// To a PUBLISH: below 0x80 is yes.
    PubAck(u8),
    /// To a SUBSCRIBE: below 0x80 is yes.
    SubAck(u8),
    /// A message.
    Publish(Vec<u8>),
    /// Goodbye, and why.
    Disconnect(u8),
    /// Anything else, by its type.
    Other(u8),
}

/// One connection.
#[derive(Debug)]
pub struct Hand {
    stream: TcpStream,
    last_id: u16,
}

impl Hand {
    /// Connects under any name; the reason, if the broker refuses.
    pub async fn connect_as(
        broker: SocketAddr,
        client: &str,
        user: &str,
        password: &str,
    ) -> anyhow::Result<Result<Self, u8>> {
        let stream = TcpStream::connect(broker)
            .await
            .context("reach the broker")?;
        let mut hand = Self { stream, last_id: 0 };
        // MQTT 5, user name, password, clean start; 60 s keep alive; no properties.
        let mut body = vec![0, 4, b'M', b'Q', b'T', b'T', 5, 0xc2, 0, 60, 0];
        for field in [client, user, password] {
            body.extend(text(field));
        }
        hand.send(&packet(0x10, &body)).await?;
        match hand.next().await? {
            Some(Packet::ConnAck(0)) => Ok(Ok(hand)),
            Some(Packet::ConnAck(reason) | Packet::Disconnect(reason)) => Ok(Err(reason)),
            other => anyhow::bail!("instead of an answer to CONNECT: {other:?}"),
        }
    }

    /// Connects as a gateway should, and hears its acknowledgements.
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
        let broker = SocketAddr::new(mqtt_host.parse()?, *mqtt_port);
        let client = format!("{store}.{gateway}");
        let let_in = Self::connect_as(broker, &client, mqtt_username, mqtt_password).await?;
        let mut hand = let_in.map_err(|reason| anyhow::anyhow!("refused: {reason:#x}"))?;
        let acks = Topic::new(store, gateway, Channel::Ack).to_string();
        let reason = hand.subscribe(&acks).await?;
        anyhow::ensure!(reason < 0x80, "subscription refused: {reason:#x}");
        Ok(hand)
    }

    /// Subscribes; the broker's reason.
    pub async fn subscribe(&mut self, filter: &str) -> anyhow::Result<u8> {
        let mut body = self.next_id().to_vec();
        body.push(0);
        body.extend(text(filter));
        body.push(1);
        self.send(&packet(0x82, &body)).await?;
        loop {
            match self.next().await?.context("the broker closed the line")? {
                Packet::SubAck(reason) | Packet::Disconnect(reason) => return Ok(reason),
                _ => {}
            }
        }
    }

    /// Publishes with QoS 1; the broker's reason, none if it hung up without a word.
    pub async fn publish(&mut self, topic: &str, payload: &[u8]) -> anyhow::Result<Option<u8>> {
        let bytes = self.publish_bytes(topic, payload);
        // A broker that hangs up halfway says why, or not, in what is read next.
        let _ = self.stream.write_all(&bytes).await;
        loop {
            match self.next().await? {
                Some(Packet::PubAck(reason) | Packet::Disconnect(reason)) => {
                    return Ok(Some(reason));
                }
                Some(_) => {}
                None => return Ok(None),
            }
        }
    }

    /// A PUBLISH as it goes over the wire.
    pub fn publish_bytes(&mut self, topic: &str, payload: &[u8]) -> Vec<u8> {
        let mut body = text(topic);
        body.extend(self.next_id());
        body.push(0);
        body.extend(payload);
        packet(0x32, &body)
    }

    /// Sends bytes as they are.
    pub async fn send(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        self.stream
            .write_all(bytes)
            .await
            .context("send to the broker")
    }

    /// Publishes a batch and waits until the server has acknowledged its number.
    pub async fn deliver(&mut self, batch: &Batch) -> anyhow::Result<Ack> {
        let topic = Topic::new(&batch.store, &batch.gateway, Channel::Sightings).to_string();
        let bytes = self.publish_bytes(&topic, &to_json(batch));
        self.send(&bytes).await?;
        self.acknowledged(batch).await
    }

    /// People stand close to an antenna, second by second, until the engine must be sure of the zone.
    pub async fn stands(
        &mut self,
        run: &mut Run,
        people: &[&Person],
        anchor: &AnchorId,
    ) -> anyhow::Result<()> {
        let mut second = tokio::time::interval(Duration::from_secs(1));
        for _ in 0..STANDS_S {
            second.tick().await;
            let seen = people.iter().map(|who| who.seen_at(anchor, now_ms()));
            self.deliver(&run.batch(seen.collect())).await?;
        }
        Ok(())
    }

    /// Waits until the server has acknowledged a batch.
    pub async fn acknowledged(&mut self, batch: &Batch) -> anyhow::Result<Ack> {
        loop {
            match self.next().await?.context("the broker closed the line")? {
                Packet::Publish(payload) => {
                    let ack = Ack::from_json(&payload)?;
                    if ack.boot == batch.boot && ack.applied.contains(batch.seq) {
                        return Ok(ack);
                    }
                }
                Packet::Disconnect(reason) => anyhow::bail!("the broker left: {reason:#x}"),
                _ => {}
            }
        }
    }

    /// The broker's next word; none: it has closed the line.
    pub async fn next(&mut self) -> anyhow::Result<Option<Packet>> {
        let read = timeout(ANSWER_MAX, self.read_packet());
        let Ok(read) = read.await else {
            anyhow::bail!("the broker was silent for {ANSWER_MAX:?}");
        };
        // A line that was reset is closed, too.
        Ok(read.ok())
    }

    async fn read_packet(&mut self) -> std::io::Result<Packet> {
        let kind = self.stream.read_u8().await?;
        let mut len = 0;
        for shift in [0, 7, 14, 21] {
            let byte = self.stream.read_u8().await?;
            len |= usize::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                break;
            }
        }
        let mut body = vec![0; len];
        self.stream.read_exact(&mut body).await?;
        let byte = |at: usize| body.get(at).copied().unwrap_or(0);
        Ok(match kind >> 4 {
            2 => Packet::ConnAck(byte(1)),
            3 => Packet::Publish(payload(kind, &body)),
            4 => Packet::PubAck(byte(2)),
            9 => Packet::SubAck(body.last().copied().unwrap_or(0)),
            14 => Packet::Disconnect(byte(0)),
            other => Packet::Other(other),
        })
    }

    fn next_id(&mut self) -> [u8; 2] {
        self.last_id = self.last_id.checked_add(1).unwrap_or(1);
        self.last_id.to_be_bytes()
    }
}

/// Behind topic, perhaps a packet id, and properties; ours are shorter than 128 bytes.
fn payload(kind: u8, body: &[u8]) -> Vec<u8> {
    let topic_len = usize::from(u16::from_be_bytes([
        body.first().copied().unwrap_or(0),
        body.get(1).copied().unwrap_or(0),
    ]));
    let at = 2 + topic_len + if kind & 0x06 == 0 { 0 } else { 2 };
    let properties_len = usize::from(body.get(at).copied().unwrap_or(0));
    body.get(at + 1 + properties_len..)
        .unwrap_or_default()
        .to_vec()
}

fn text(text: &str) -> Vec<u8> {
    let len = u16::try_from(text.len()).unwrap_or(u16::MAX);
    [&len.to_be_bytes(), text.as_bytes()].concat()
}

/// First byte, length as a variable byte integer (MQTT 5, section 1.5.5), the rest.
fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    let mut len = body.len();
    loop {
        let low = u8::try_from(len & 0x7f).unwrap_or(0);
        len >>= 7;
        bytes.push(if len > 0 { low | 0x80 } else { low });
        if len == 0 {
            break;
        }
    }
    bytes.extend(body);
    bytes
}

/// A run of a gateway by hand: numbers its batches.
#[derive(Debug, Clone)]
pub struct Run {
    store: StoreId,
    gateway: protocol::GatewayId,
    /// Which run.
    pub boot: BootId,
    last_seq: u64,
    /// What ties its clock to the server's; none: it never heard from the server.
    pub clock: Option<ClockAnchor>,
}

impl Run {
    /// Begins, with a clock that is the server's.
    pub fn new(store: &StoreId, gateway: &protocol::GatewayId) -> Self {
        Self {
            store: store.clone(),
            gateway: gateway.clone(),
            boot: BootId(uuid::Uuid::new_v4()),
            last_seq: 0,
            clock: Some(ClockAnchor {
                mono_ms: 0,
                server_ms: 0,
            }),
        }
    }

    /// The next batch; its times are the server's, since the clock anchor says so.
    pub fn batch(&mut self, sightings: Vec<Sighting>) -> Batch {
        self.last_seq += 1;
        Batch {
            v: VERSION,
            store: self.store.clone(),
            gateway: self.gateway.clone(),
            boot: self.boot,
            seq: self.last_seq,
            clock: self.clock,
            sightings,
            sealed: None,
        }
    }
}
