//! The MQTT broker inside the server, and how to reach whichever broker is used.
//!
//! In: gateways' connections, with user name `store/gateway` and a password.
//! Out: an address for the server's own ingest client.
//! Promises: a gateway publishes its own sightings and status and reads its own ack and config,
//! and nothing else; everybody else is refused.
//! Invariant: a password is compared as a hash, in constant time, and never logged.

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, PoisonError, RwLock},
};

use protocol::{GatewayId, StoreId, topic::Topic};
use subtle::ConstantTimeEq;

use crate::secret;

/// What the server's own client is called at the broker.
pub const INGEST_CLIENT: &str = "welkom-server";

/// Gateways and the hashes of their passwords; changes at once when the API makes a new one.
#[derive(Default)]
pub struct Credentials {
    gateways: RwLock<HashMap<(StoreId, GatewayId), [u8; 32]>>,
    ingest_sha256: RwLock<Option<[u8; 32]>>,
}

impl Credentials {
    /// From the store's list.
    pub fn new(gateways: Vec<(StoreId, GatewayId, [u8; 32])>) -> Self {
        let gateways = gateways
            .into_iter()
            .map(|(s, g, hash)| ((s, g), hash))
            .collect();
        Self {
            gateways: RwLock::new(gateways),
            ingest_sha256: RwLock::default(),
        }
    }

    /// Adds a gateway, or changes its password.
    pub fn set(&self, store: StoreId, gateway: GatewayId, password_sha256: [u8; 32]) {
        self.gateways
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert((store, gateway), password_sha256);
    }

    /// The gateways of a store, all of them: who is not among them is out.
    pub fn replace(&self, store: &StoreId, all: Vec<(GatewayId, [u8; 32])>) {
        let mut gateways = self
            .gateways
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        gateways.retain(|(of, _), _| of != store);
        let all = all.into_iter();
        gateways.extend(all.map(|(gateway, hash)| ((store.clone(), gateway), hash)));
    }

    /// The password of the server's own client, for as long as this process lives.
    pub fn set_ingest(&self, password: &str) {
        *self
            .ingest_sha256
            .write()
            .unwrap_or_else(PoisonError::into_inner) = Some(secret::sha256(password));
    }

    /// Who this is; none: refused.
    pub fn check(&self, username: &str, password: &[u8]) -> Option<Who> {
        let given = secret::sha256(std::str::from_utf8(password).ok()?);
        let same = |hash: &[u8; 32]| bool::from(hash.ct_eq(&given));
        if username == INGEST_CLIENT {
            let hash = self
                .ingest_sha256
                .read()
                .unwrap_or_else(PoisonError::into_inner);
            return hash.as_ref().is_some_and(same).then_some(Who::Ingest);
        }
        let (store, gateway) = username.split_once('/')?;
        let key = (store.parse().ok()?, gateway.parse().ok()?);
        let gateways = self.gateways.read().unwrap_or_else(PoisonError::into_inner);
        gateways
            .get(&key)
            .is_some_and(same)
            .then_some(Who::Gateway(key.0, key.1))
    }
}

/// A client that was let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    /// The server itself.
    Ingest,
    /// A gateway.
    Gateway(StoreId, GatewayId),
}

impl Who {
    /// From the name under which it was let in.
    fn from_name(name: &str) -> Option<Self> {
        if name == INGEST_CLIENT {
            return Some(Self::Ingest);
        }
        let (store, gateway) = name.split_once('/')?;
        Some(Self::Gateway(store.parse().ok()?, gateway.parse().ok()?))
    }

    /// Whether it may write this topic.
    pub fn may_publish(&self, topic: &str) -> bool {
        let Ok(topic) = topic.parse::<Topic>() else {
            return false;
        };
        match self {
            Self::Ingest => !topic.channel.gateway_writes(),
            Self::Gateway(store, gateway) => {
                topic.store == *store && topic.gateway == *gateway && topic.channel.gateway_writes()
            }
        }
    }

    /// Whether it may read this filter. Gateways name their topics in full; only the server uses
    /// wildcards.
    pub fn may_subscribe(&self, filter: &str) -> bool {
        match self {
            Self::Ingest => [
                protocol::topic::SIGHTINGS_FILTER,
                protocol::topic::STATUS_FILTER,
            ]
            .contains(&filter),
            Self::Gateway(store, gateway) => filter.parse::<Topic>().is_ok_and(|topic| {
                topic.store == *store
                    && topic.gateway == *gateway
                    && !topic.channel.gateway_writes()
            }),
        }
    }
}

/// Where the server's own client connects.
#[derive(Debug, Clone)]
pub struct Address {
    /// Name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// User name and password.
    pub login: Option<(String, String)>,
    /// The authority that signed the broker's certificate; none: no TLS.
    pub ca_file: Option<PathBuf>,
}

/// The broker could not start.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    /// It said why.
    #[error("start the MQTT broker on {address}: {why}")]
    Start {
        /// Where it should listen.
        address: String,
        /// Why it does not.
        why: String,
    },
    /// This program was built without it.
    #[error("this server was built without its own broker: set [mqtt.external]")]
    NotBuilt,
}

#[cfg(feature = "embedded-broker")]
pub use embedded::{Embedded, start};

#[cfg(feature = "embedded-broker")]
mod embedded {
    use std::{future::Future, net::SocketAddr, pin::Pin};

    use mqtt5::{
        broker::{
            AuthProvider, AuthResult, BrokerConfig, BrokerShutdownHandle, MqttBroker,
            config::{StorageBackend, StorageConfig, TlsConfig},
        },
        packet::connect::ConnectPacket,
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
            .with_storage(storage);
        if let Some((tls_address, cert, key)) = tls {
            config =
                config.with_tls(TlsConfig::new(cert, key).with_bind_addresses(vec![tls_address]));
        }
        let auth = Arc::new(Auth { credentials });
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
                let expected = match &who {
                    Who::Ingest => name.to_owned(),
                    Who::Gateway(store, gateway) => format!("{store}.{gateway}"),
                };
                if connect.client_id != expected {
                    tracing::warn!(%client_addr, expected, "refused an MQTT client: wrong client id");
                    return Ok(AuthResult::fail(ReasonCode::ClientIdentifierNotValid));
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
                tracing::warn!(
                    user = user_id,
                    topic,
                    "refused a publish outside its own topics"
                );
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
}

#[cfg(test)]
mod tests {
    use super::*;

    fn door() -> Who {
        Who::Gateway("kade-9".parse().unwrap(), "door".parse().unwrap())
    }

    #[test]
    fn a_gateway_writes_its_own_two_topics_only() {
        let base = "welkom/v1/stores/kade-9/gateways";
        assert!(door().may_publish(&format!("{base}/door/sightings")));
        assert!(door().may_publish(&format!("{base}/door/status")));
        for other in ["door/ack", "door/config", "back/sightings", "door/x"] {
            assert!(!door().may_publish(&format!("{base}/{other}")), "{other}");
        }
        assert!(!door().may_publish("welkom/v1/stores/kade-8/gateways/door/sightings"));
    }

    #[test]
    fn a_gateway_reads_its_own_two_topics_only() {
        let base = "welkom/v1/stores/kade-9/gateways";
        assert!(door().may_subscribe(&format!("{base}/door/ack")));
        assert!(door().may_subscribe(&format!("{base}/door/config")));
        for other in ["door/sightings", "back/ack", "+/ack", "#"] {
            assert!(!door().may_subscribe(&format!("{base}/{other}")), "{other}");
        }
        assert!(!door().may_subscribe("#"));
    }

    #[test]
    fn the_server_writes_what_gateways_read_and_nothing_in_their_name() {
        let base = "welkom/v1/stores/kade-9/gateways/door";
        for (channel, may) in [("ack", true), ("config", true), ("sightings", false)] {
            let topic = format!("{base}/{channel}");
            assert_eq!(Who::Ingest.may_publish(&topic), may, "{topic}");
        }
    }

    #[test]
    fn a_wrong_password_and_an_unknown_gateway_are_refused() {
        let list = vec![(
            "kade-9".parse().unwrap(),
            "door".parse().unwrap(),
            secret::sha256("wg_right"),
        )];
        let credentials = Credentials::new(list);
        assert_eq!(credentials.check("kade-9/door", b"wg_right"), Some(door()));
        for (name, password) in [
            ("kade-9/door", "wg_wrong"),
            ("kade-9/back", "wg_right"),
            ("kade-9", "wg_right"),
            ("", ""),
            (INGEST_CLIENT, ""),
        ] {
            assert_eq!(credentials.check(name, password.as_bytes()), None, "{name}");
        }
    }
}
