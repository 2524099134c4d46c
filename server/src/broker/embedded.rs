//! The broker that runs inside the server.
//!
//! In: connections. Out: whoever [`Credentials`] knows is let in under the one client id that is its
//! own, and reads and writes what [`Who`] says.

use std::{
    collections::{HashMap, HashSet},
    future::Future,
    net::SocketAddr,
    pin::Pin,
    sync::{Mutex, PoisonError},
};

use mqtt5::{
    broker::{
        AuthProvider, AuthResult, BrokerConfig, BrokerEventHandler, BrokerShutdownHandle,
        ClientPublishEvent, MqttBroker, PublishAction,
        config::{StorageBackend, StorageConfig, TlsConfig},
    },
    packet::{connect::ConnectPacket, publish::PublishPacket},
    protocol::v5::reason_codes::ReasonCode,
};

use super::{Arc, BrokerError, Credentials, PathBuf, Who};

/// Payloads are 240 KiB at most; this leaves room for topic and properties.
const PACKET_LEN_MAX: usize = 256 * 1024;
/// Messages that wait for the server's own client while it is away.
const QUEUED_MAX: usize = 100_000;

/// The running broker.
pub struct Embedded {
    /// Where it listens without TLS.
    pub address: SocketAddr,
    /// Where it listens with TLS.
    pub tls_address: Option<SocketAddr>,
    stop: BrokerShutdownHandle,
    task: tokio::task::JoinHandle<()>,
}

impl Embedded {
    /// Stops it and waits.
    pub async fn stop(self) {
        self.stop.shutdown();
        // A broker that panicked is down all the same.
        let _ = self.task.await;
    }
}

/// Starts the broker; `tls` is address, certificate and key.
pub async fn start(
    address: SocketAddr,
    tls: Option<(SocketAddr, PathBuf, PathBuf)>,
    credentials: Arc<Credentials>,
) -> Result<Embedded, BrokerError> {
    let failed = |why: String| BrokerError::Start {
        address: address.to_string(),
        why,
    };
    let storage = StorageConfig::new()
        .with_backend(StorageBackend::Memory)
        .with_max_queued_messages_per_client(QUEUED_MAX);
    let mut config = BrokerConfig::default()
        .with_bind_address(address)
        .with_max_packet_size(PACKET_LEN_MAX)
        .with_max_retained_message_size(PACKET_LEN_MAX)
        .with_maximum_qos(1)
        .with_sys_topics_enabled(false)
        .with_event_handler(Arc::new(KeepsNothing))
        .with_storage(storage);
    if let Some((tls_address, cert, key)) = tls {
        config = config.with_tls(TlsConfig::new(cert, key).with_bind_addresses(vec![tls_address]));
    }
    let auth = Arc::new(Auth {
        credentials,
        radios: Mutex::default(),
        warned_of: Mutex::default(),
    });
    let mut broker = MqttBroker::with_config(config)
        .await
        .map_err(|e| failed(e.to_string()))?
        .with_auth_provider(auth);
    let (mut ready, stop) = (broker.ready_receiver(), broker.shutdown_handle());
    let address = broker.local_addr().unwrap_or(address);
    let tls_address = broker.tls_local_addr();
    let task = tokio::spawn(async move {
        if let Err(error) = broker.run().await {
            tracing::error!(%error, "the MQTT broker stopped");
        }
    });
    ready
        .wait_for(|ready| *ready)
        .await
        .map_err(|e| failed(e.to_string()))?;
    Ok(Embedded {
        address,
        tls_address,
        stop,
        task,
    })
}

struct Auth {
    credentials: Arc<Credentials>,
    /// The client id that each radio last came in under: one entry a radio that has credentials.
    radios: Mutex<HashMap<String, String>>,
    /// Who was told of for writing where it may not: bounded by the credentials.
    warned_of: Mutex<HashSet<String>>,
}

impl Auth {
    /// Radios' firmware makes up their client ids; one that another radio uses is refused.
    fn is_free(&self, who: &Who, client_id: &str) -> bool {
        if !matches!(who, Who::Radio(..)) || client_id.is_empty() {
            return true;
        }
        let name = who.name();
        let mut radios = self.radios.lock().unwrap_or_else(PoisonError::into_inner);
        radios.retain(|of, _| self.credentials.knows_radio(of));
        if radios.iter().any(|(of, id)| *of != name && id == client_id) {
            return false;
        }
        radios.insert(name, client_id.to_owned());
        true
    }

    /// Once for each name. The topic is not told: other radios put addresses of strangers into it.
    fn warn(&self, user: &str) {
        let mut of = self
            .warned_of
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if of.insert(user.to_owned()) {
            tracing::warn!(user, "refused a publish outside its own topics");
        }
    }
}

/// Other radios' messages are live or nothing, and mostly about strangers: none is kept, whatever its
/// sender asks.
struct KeepsNothing;

impl BrokerEventHandler for KeepsNothing {
    fn on_client_publish<'a>(&'a self, event: ClientPublishEvent) -> Answer<'a, PublishAction> {
        let who = event.user_id.as_deref().and_then(Who::from_name);
        let action = if event.retain && matches!(who, Some(Who::Radio(..))) {
            let mut publish = PublishPacket::new(&*event.topic, event.payload, event.qos);
            publish.packet_id = event.packet_id;
            PublishAction::Transform(publish)
        } else {
            PublishAction::Continue
        };
        Box::pin(async move { action })
    }
}

type Answer<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

impl AuthProvider for Auth {
    fn authenticate<'a>(
        &'a self,
        connect: &'a ConnectPacket,
        client_addr: SocketAddr,
    ) -> Answer<'a, mqtt5::Result<AuthResult>> {
        Box::pin(async move {
            let name = connect.username.as_deref().unwrap_or_default();
            let password = connect.password.as_deref().unwrap_or_default();
            let Some(who) = self.credentials.check(name, password) else {
                tracing::warn!(%client_addr, "refused an MQTT client: wrong user or password");
                return Ok(AuthResult::fail(ReasonCode::BadUsernameOrPassword));
            };
            // One name, one client id: a stranger cannot take over another's session.
            let client_id = &connect.client_id;
            if !who.may_be_called(client_id) {
                let expected = who.client_id();
                tracing::warn!(%client_addr, expected, "refused an MQTT client: wrong client id");
                return Ok(AuthResult::fail(ReasonCode::ClientIdentifierNotValid));
            }
            if !self.is_free(&who, client_id) {
                let user = who.name();
                tracing::warn!(
                    %client_addr,
                    user,
                    "refused an MQTT client: another radio has this client id"
                );
                return Ok(AuthResult::fail(ReasonCode::ClientIdentifierNotValid));
            }
            // The broker would keep silent about it until it publishes the will; whoever sets a radio
            // up is told now.
            let will = connect.will.as_ref();
            if will.is_some_and(|will| !who.may_will(&will.topic)) {
                let user = who.name();
                tracing::warn!(%client_addr, user, "refused an MQTT client: will on another's topic");
                return Ok(AuthResult::fail(ReasonCode::NotAuthorized));
            }
            Ok(AuthResult::success_with_user(name))
        })
    }

    fn authorize_publish<'a>(
        &'a self,
        _client_id: &str,
        user_id: Option<&'a str>,
        topic: &'a str,
    ) -> Answer<'a, bool> {
        let may = user_id
            .and_then(Who::from_name)
            .is_some_and(|who| who.may_publish(topic));
        if !may {
            self.warn(user_id.unwrap_or_default());
        }
        Box::pin(async move { may })
    }

    fn authorize_subscribe<'a>(
        &'a self,
        _client_id: &str,
        user_id: Option<&'a str>,
        topic_filter: &'a str,
    ) -> Answer<'a, bool> {
        let may = user_id
            .and_then(Who::from_name)
            .is_some_and(|who| who.may_subscribe(topic_filter));
        Box::pin(async move { may })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use protocol::radio::RadioKind;
    use rumqttc::v5::{
        AsyncClient, Event, MqttOptions,
        mqttbytes::{QoS, v5::Packet},
    };

    use super::*;
    use crate::secret;

    #[tokio::test]
    async fn what_a_radio_wants_kept_is_not_kept() {
        let credentials: Arc<Credentials> = Arc::default();
        credentials.set_ingest("ours");
        let (store, name) = ("kade-9".parse().unwrap(), "till".parse().unwrap());
        let kind = RadioKind::Espresense;
        credentials.set_radio(store, kind, name, Some(secret::sha256("wr_radio")));
        let broker = start(([127, 0, 0, 1], 0).into(), None, credentials)
            .await
            .unwrap();
        let port = broker.address.port();
        let connect = |client_id: &str, user: &str, password: &str| {
            let mut options = MqttOptions::new(client_id, "127.0.0.1", port);
            options
                .set_credentials(user, password)
                .set_keep_alive(Duration::from_secs(30));
            AsyncClient::new(options, 8)
        };
        let topic = "espresense/devices/a4c138001122/till";
        let (radio, mut of_radio) = connect("esp32", "kade-9/radio/espresense/till", "wr_radio");
        let once = QoS::AtLeastOnce;
        radio.publish(topic, once, true, "kept").await.unwrap();
        while !matches!(
            of_radio.poll().await.unwrap(),
            Event::Incoming(Packet::PubAck(_))
        ) {}
        let (ingest, mut of_ingest) = connect("welkom-server", "welkom-server", "ours");
        ingest
            .subscribe("espresense/devices/+/+", once)
            .await
            .unwrap();
        let mut heard = Vec::new();
        while heard.is_empty() {
            match of_ingest.poll().await.unwrap() {
                Event::Incoming(Packet::SubAck(_)) => {
                    radio.publish(topic, once, true, "live").await.unwrap();
                    while !matches!(
                        of_radio.poll().await.unwrap(),
                        Event::Incoming(Packet::PubAck(_))
                    ) {}
                }
                Event::Incoming(Packet::Publish(publish)) => {
                    heard.push((publish.payload, publish.retain));
                }
                _ => {}
            }
        }
        assert_eq!(heard, [("live".into(), false)]);
        broker.stop().await;
    }
}
