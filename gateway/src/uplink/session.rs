//! One connection, from CONNECT to whatever ends it.
//!
//! In: what the broker sends, what the spool lends. Out: why it [`Ended`].
//! Promises: publishing begins when the server has told the time (or this machine boot knows it
//! already); the oldest published batch does not wait for its acknowledgement for ever.
//! Invariant: client and event loop are new for each connection, since rumqttc's memory of an
//! old one can lose messages or wait for itself. The event loop has a task of its own and is
//! never dropped in the middle of a poll that goes on.

use std::{collections::BTreeMap, time::Duration};

use protocol::{
    message::{Ack, Config, LinkState, to_json},
    topic::Channel,
};
use rumqttc::v5::{
    AsyncClient, ClientError, ConnectionError, Event, EventLoop, Incoming,
    mqttbytes::{
        QoS,
        v5::{PubAckReason, SubscribeReasonCode},
    },
};
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
    time::{interval, sleep, timeout},
};
use tracing::{debug, info, warn};

use super::{Uplink, WINDOW};
use crate::{
    alive::Part,
    clock::Monotonic,
    config::MqttConfig,
    counts::Line,
    spool::{Gone, SpoolHandle, View},
    stop,
};

/// A status goes out this often, mostly for its answer: the time.
const STATUS_EVERY_MS: u64 = 60_000;
/// As long as this machine boot has no time at all, it asks this often.
const STATUS_UNANCHORED_EVERY_MS: u64 = 5_000;
/// Questions whose answer may still come.
const STATUS_PENDING_MAX: usize = 8;
/// With a batch published this long and no acknowledgement of anything, the connection is given
/// up, and everything sent again on the next.
const STUCK_MS: u64 = 15_000;
/// The same for a single batch that is passed over while others are acknowledged.
const PASSED_OVER_MS: u64 = 60_000;
/// A connection that lasted this long is a good one.
const GOOD_AFTER_MS: u64 = 10_000;
/// What the goodbye waits for acknowledgements.
const DRAIN_MAX: Duration = Duration::from_secs(2);
/// What the last status waits for the broker.
const FAREWELL_MAX: Duration = Duration::from_millis(500);

/// How a session came to its end.
pub(super) enum Ended {
    /// As asked, with a goodbye.
    Goodbye,
    /// The spool's thread is gone.
    SpoolGone,
    /// Connect again.
    Lost(Lost),
}

/// Why a connection was given up.
#[derive(Debug, thiserror::Error)]
pub(super) enum Lost {
    #[error("MQTT connection")]
    Connection(#[source] Box<ConnectionError>),
    #[error("queue a message for the broker")]
    Queue(#[source] Box<ClientError>),
    #[error("broker refused a publish: {0:?}")]
    PublishRefused(PubAckReason),
    #[error("broker refused the subscription to acknowledgements: {0:?}")]
    SubscribeRefused(SubscribeReasonCode),
    #[error("oldest of {lent} published batches has waited {waited_ms} ms for the server")]
    Stuck { lent: usize, waited_ms: u64 },
}

impl From<Gone> for Ended {
    fn from(_: Gone) -> Self {
        Self::SpoolGone
    }
}
impl From<Lost> for Ended {
    fn from(lost: Lost) -> Self {
        Self::Lost(lost)
    }
}
impl From<ClientError> for Ended {
    fn from(error: ClientError) -> Self {
        Self::Lost(Lost::Queue(Box::new(error)))
    }
}

/// What the event loop's task tells the session.
enum Seen {
    Connected,
    Acknowledged(Ack),
    Told(Config),
    Unreadable(Channel),
}

pub(super) struct Session<'a> {
    uplink: &'a mut Uplink,
    client: AsyncClient,
    seen: mpsc::Receiver<Seen>,
    poller: JoinHandle<Lost>,
    /// Publishes without a PUBACK; flow control and nothing else.
    in_flight: watch::Sender<usize>,
    settings_changed: watch::Receiver<u64>,
    connected: bool,
    connected_at: Monotonic,
    /// The server has said something.
    answered: bool,
    /// When each status that is not answered was sent.
    asked: BTreeMap<u64, Monotonic>,
    asked_at: Monotonic,
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        self.poller.abort();
    }
}

impl<'a> Session<'a> {
    pub(super) fn new(uplink: &'a mut Uplink) -> Self {
        let (client, event_loop) = AsyncClient::new(uplink.options(), usize::from(WINDOW));
        let (to, seen) = mpsc::channel(256);
        let in_flight = watch::Sender::new(0);
        let topics = [Channel::Ack, Channel::Config].map(|c| (uplink.topic(c), c));
        Self {
            poller: tokio::spawn(poll(event_loop, to, in_flight.clone(), topics)),
            settings_changed: uplink.settings.changes(),
            uplink,
            client,
            seen,
            in_flight,
            connected: false,
            connected_at: Monotonic(0),
            answered: false,
            asked: BTreeMap::new(),
            asked_at: Monotonic(0),
        }
    }

    /// Returns why it ended, and whether it was any good: there was a server behind the broker,
    /// and it lasted. One that ends at once, again and again, is an outage.
    pub(super) async fn run(mut self, goodbye: watch::Receiver<bool>) -> (Ended, bool) {
        let ended = self.drive(goodbye).await.err().unwrap_or(Ended::Goodbye);
        let lasted_ms = Monotonic::now().ms_since(self.connected_at);
        (ended, self.answered && lasted_ms >= GOOD_AFTER_MS)
    }

    async fn drive(&mut self, mut goodbye: watch::Receiver<bool>) -> Result<(), Ended> {
        let feeder = feed(
            self.client.clone(),
            self.uplink.spool.clone(),
            self.in_flight.clone(),
            self.uplink.topic(Channel::Sightings),
        );
        tokio::pin!(feeder);
        let drained = drained(self.uplink.spool.view(), goodbye.clone());
        tokio::pin!(drained);
        let mut second = interval(Duration::from_secs(1));
        loop {
            let alive = self.uplink.counts.alive();
            alive.beat(Part::Uplink, Monotonic::now());
            tokio::select! {
                seen = self.seen.recv() => match seen {
                    Some(seen) => self.see(seen).await?,
                    None => return Err(self.lost().await),
                },
                ended = &mut feeder, if self.connected => return Err(ended),
                Ok(()) = self.settings_changed.changed(), if self.connected => self.ask_time()?,
                _ = second.tick(), if self.connected => self.watch_over()?,
                () = &mut drained, if self.connected => return self.farewell().await,
                // Nobody is there to say goodbye to.
                () = stop::asked(&mut goodbye), if !self.connected => return Ok(()),
            }
        }
    }

    async fn see(&mut self, seen: Seen) -> Result<(), Ended> {
        match seen {
            Seen::Connected => {
                for channel in [Channel::Ack, Channel::Config] {
                    let topic = self.uplink.topic(channel);
                    self.client.try_subscribe(topic, QoS::AtLeastOnce)?;
                }
                self.connected = true;
                self.uplink.counts.set_line(Line::Broker);
                self.connected_at = Monotonic::now();
                debug!("connected to the broker");
                self.ask_time()
            }
            Seen::Acknowledged(ack) => {
                let received = Monotonic::now();
                if !std::mem::replace(&mut self.answered, true) {
                    let MqttConfig { host, port, .. } = &self.uplink.config;
                    info!(host, port, "connected, and the server answers");
                    self.uplink.counts.set_line(Line::Server);
                }
                if let Some(sent) = ack.echo_mono_ms.and_then(|echo| self.asked.remove(&echo)) {
                    let anchor = self.uplink.clock.learn(sent, received, ack.server_ms);
                    self.uplink.spool.set_clock(anchor).await?;
                }
                let spool = &self.uplink.spool;
                spool.acknowledge(ack.boot, ack.applied).await?;
                if !ack.held.is_empty() {
                    spool.hold(ack.boot, ack.held).await?;
                }
                if ack.again {
                    spool.recall().await?;
                }
                Ok(())
            }
            Seen::Told(config) => {
                debug!(
                    beacons = config.beacons.len(),
                    "the server told its settings"
                );
                self.uplink.beacons.set(&config.beacons);
                if let Some(settings) = &config.settings {
                    self.uplink.settings.told(Monotonic::now(), settings);
                }
                Ok(self.uplink.seal_to(&config.seal).await?)
            }
            Seen::Unreadable(channel) => {
                let channel = channel.as_str();
                warn!(channel, "a message of the server cannot be read; skipped");
                Ok(())
            }
        }
    }

    /// Once a second: is it time for a status, and does anything move?
    fn watch_over(&mut self) -> Result<(), Ended> {
        let now = Monotonic::now();
        let view = *self.uplink.spool.view().borrow();
        stuck(now, &view).map_or(Ok(()), Err)?;
        let every_ms = if view.anchored {
            STATUS_EVERY_MS
        } else {
            STATUS_UNANCHORED_EVERY_MS
        };
        if now.ms_since(self.asked_at) >= every_ms {
            self.ask_time()?;
        }
        Ok(())
    }

    /// Publishes how we do; the server answers with the time.
    fn ask_time(&mut self) -> Result<(), Ended> {
        let now = Monotonic::now();
        self.asked_at = now;
        self.publish_status(LinkState::Online, now)?;
        self.asked.insert(now.0, now);
        if self.asked.len() > STATUS_PENDING_MAX {
            self.asked.pop_first();
        }
        Ok(())
    }

    /// Does not wait: this task also empties the channel that the event loop fills, so waiting
    /// for the event loop here could wait for itself. A full queue skips a status.
    fn publish_status(&self, state: LinkState, now: Monotonic) -> Result<(), Ended> {
        let topic = self.uplink.topic(Channel::Status);
        let payload = self.uplink.status(state, now);
        match self
            .client
            .try_publish(topic, QoS::AtLeastOnce, true, payload)
        {
            Ok(()) => self.in_flight.send_modify(|n| *n += 1),
            Err(ClientError::TryRequest(_)) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// The last status in place of the last will, then DISCONNECT.
    async fn farewell(&mut self) -> Result<(), Ended> {
        self.publish_status(LinkState::Offline, Monotonic::now())?;
        self.client.try_disconnect()?;
        let seen = async { while self.seen.recv().await.is_some() {} };
        // After DISCONNECT the broker closes the connection, which ends the event loop's task.
        let _ = timeout(FAREWELL_MAX, seen).await;
        info!("said goodbye");
        Ok(())
    }

    async fn lost(&mut self) -> Ended {
        match (&mut self.poller).await {
            Ok(lost) => Ended::Lost(lost),
            Err(_) => Ended::Lost(Lost::Connection(Box::new(ConnectionError::RequestsDone))),
        }
    }
}

/// Publishes what the spool lends, as long as the broker keeps up. Ends only with an error.
async fn feed(
    client: AsyncClient,
    spool: SpoolHandle,
    in_flight: watch::Sender<usize>,
    topic: String,
) -> Ended {
    let mut view = spool.view();
    let mut room = in_flight.subscribe();
    loop {
        let ready = |view: &View| view.anchored && view.may_lend;
        if view.wait_for(ready).await.is_err() {
            return Ended::SpoolGone;
        }
        let batches = match spool.lend().await {
            Ok(batches) => batches,
            Err(gone) => return gone.into(),
        };
        for batch in batches {
            // The sender lives in this function, so this waits and does not fail.
            let _ = room.wait_for(|n| *n < usize::from(WINDOW)).await;
            in_flight.send_modify(|n| *n += 1);
            let payload = to_json(&batch);
            let published = client.publish(&topic, QoS::AtLeastOnce, false, payload);
            if let Err(error) = published.await {
                return error.into();
            }
        }
    }
}

/// Returns when the goodbye is asked for, and the server has everything or [`DRAIN_MAX`] is over.
async fn drained(mut view: watch::Receiver<View>, mut goodbye: watch::Receiver<bool>) {
    stop::asked(&mut goodbye).await;
    let nothing_left = view.wait_for(|view| view.lent == 0 && !view.may_lend);
    tokio::select! {
        _ = nothing_left => {}
        () = sleep(DRAIN_MAX) => {}
    }
}

/// The oldest published batch waits too long, and not because the server is slow but moving.
fn stuck(now: Monotonic, view: &View) -> Option<Ended> {
    let waited_ms = now.ms_since(view.lent_oldest?);
    let still_ms = waited_ms.min(now.ms_since(view.acknowledged_at));
    (still_ms >= STUCK_MS || waited_ms >= PASSED_OVER_MS).then_some(Ended::Lost(Lost::Stuck {
        lent: view.lent,
        waited_ms,
    }))
}

/// The event loop's task: turns until the connection ends, and returns why.
async fn poll(
    mut event_loop: EventLoop,
    to: mpsc::Sender<Seen>,
    in_flight: watch::Sender<usize>,
    topics: [(String, Channel); 2],
) -> Lost {
    loop {
        let event = match event_loop.poll().await {
            Ok(Event::Incoming(event)) => event,
            Ok(Event::Outgoing(_)) => continue,
            Err(error) => return Lost::Connection(Box::new(error)),
        };
        let seen = match event {
            Incoming::ConnAck(_) => Seen::Connected,
            Incoming::PubAck(ack) => {
                in_flight.send_modify(|n| *n = n.saturating_sub(1));
                match ack.reason {
                    PubAckReason::Success | PubAckReason::NoMatchingSubscribers => continue,
                    refused => return Lost::PublishRefused(refused),
                }
            }
            Incoming::SubAck(ack) => match ack.return_codes.first() {
                Some(SubscribeReasonCode::Success(_)) | None => continue,
                Some(refused) => return Lost::SubscribeRefused(*refused),
            },
            Incoming::Publish(message) => {
                let channel = topics
                    .iter()
                    .find(|(topic, _)| message.topic == topic.as_bytes());
                match channel {
                    Some((_, Channel::Ack)) => Ack::from_json(&message.payload)
                        .map_or(Seen::Unreadable(Channel::Ack), Seen::Acknowledged),
                    // Settings are retained; without content they were taken back.
                    Some((_, Channel::Config)) if !message.payload.is_empty() => {
                        Config::from_json(&message.payload)
                            .map_or(Seen::Unreadable(Channel::Config), Seen::Told)
                    }
                    _ => continue,
                }
            }
            _ => continue,
        };
        // The session ends by aborting this task, so there is somebody to tell.
        let _ = to.send(seen).await;
    }
}

#[cfg(test)]
mod tests {
    use protocol::BootId;
    use uuid::Uuid;

    use super::*;

    fn view(lent_oldest_ms: u64, acknowledged_at_ms: u64) -> View {
        View {
            boot: BootId(Uuid::nil()),
            anchored: true,
            may_lend: false,
            lent: 1,
            lent_oldest: Some(Monotonic(lent_oldest_ms)),
            acknowledged_at: Monotonic(acknowledged_at_ms),
            waiting: 1,
        }
    }

    #[test]
    fn stuck_is_who_stands_still_not_who_is_slow() {
        let at = |ms, view: View| stuck(Monotonic(ms), &view).is_some();
        assert!(!at(15_999, view(1_000, 0)));
        assert!(at(16_000, view(1_000, 0)));
        assert!(!at(16_000, view(1_000, 5_000)));
        assert!(at(20_000, view(1_000, 5_000)));
        assert!(at(61_000, view(1_000, 60_900)));
        let idle = View {
            lent_oldest: None,
            ..view(0, 0)
        };
        assert!(!at(100_000, idle));
    }
}
