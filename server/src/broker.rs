//! The MQTT broker inside the server, and how to reach whichever broker is used.
//!
//! In: gateways' connections, with user name `store/gateway` and a password; displays', with
//! `store/display/name`; other radios', with `store/radio/kind/name`.
//! Out: an address for the server's own ingest client.
//! Promises: a gateway publishes its own sightings and status and reads its own ack and config,
//! and nothing else; a display reads its store's desk and writes nothing; a radio writes its own
//! topics and reads nothing; everybody else is refused.
//! Invariant: a password is compared as a hash, in constant time, and never logged.

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, PoisonError, RwLock},
};

use protocol::{
    DisplayId, GatewayId, StoreId,
    desk::DeskTopic,
    radio::{self, RadioKind, RadioName},
    topic::Topic,
};
use subtle::ConstantTimeEq;

use crate::secret;

/// What the server's own client is called at the broker.
pub const INGEST_CLIENT: &str = "welkom-server";

/// Between a store and the name of a display in its user name.
const DISPLAY: &str = "display/";
/// Between a store and the kind of a radio.
const RADIO: &str = "radio/";

/// Who may come in, and the hashes of their passwords; changes at once when the API makes a new one.
#[derive(Default)]
pub struct Credentials {
    gateways: RwLock<HashMap<(StoreId, GatewayId), [u8; 32]>>,
    displays: RwLock<HashMap<(StoreId, DisplayId), [u8; 32]>>,
    radios: RwLock<HashMap<(StoreId, RadioKind, RadioName), [u8; 32]>>,
    ingest_sha256: RwLock<Option<[u8; 32]>>,
}

/// A store's display, and the SHA-256 of its password.
pub type DisplayPassword = (StoreId, DisplayId, [u8; 32]);

impl Credentials {
    /// From the store's lists.
    pub fn new(
        gateways: Vec<(StoreId, GatewayId, [u8; 32])>,
        displays: Vec<DisplayPassword>,
    ) -> Self {
        let gateways = gateways
            .into_iter()
            .map(|(s, g, hash)| ((s, g), hash))
            .collect();
        let displays = displays
            .into_iter()
            .map(|(s, d, hash)| ((s, d), hash))
            .collect();
        Self {
            gateways: RwLock::new(gateways),
            displays: RwLock::new(displays),
            radios: RwLock::default(),
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

    /// Adds a display, or changes its password; none: it is out from its next connection on.
    pub fn set_display(&self, store: StoreId, display: DisplayId, password: Option<[u8; 32]>) {
        let mut displays = self
            .displays
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        match password {
            Some(hash) => displays.insert((store, display), hash),
            None => displays.remove(&(store, display)),
        };
    }

    /// Adds a radio, or changes its password; none: it is out from its next connection on.
    pub fn set_radio(
        &self,
        store: StoreId,
        kind: RadioKind,
        name: RadioName,
        password: Option<[u8; 32]>,
    ) {
        let mut radios = self.radios.write().unwrap_or_else(PoisonError::into_inner);
        match password {
            Some(hash) => radios.insert((store, kind, name), hash),
            None => radios.remove(&(store, kind, name)),
        };
    }

    /// The displays of a store, all of them.
    pub fn replace_displays(&self, store: &StoreId, all: Vec<(DisplayId, [u8; 32])>) {
        let mut displays = self
            .displays
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        displays.retain(|(of, _), _| of != store);
        let all = all.into_iter();
        displays.extend(all.map(|(display, hash)| ((store.clone(), display), hash)));
    }

    /// The password of the server's own client, for as long as this process lives.
    pub fn set_ingest(&self, password: &str) {
        *self
            .ingest_sha256
            .write()
            .unwrap_or_else(PoisonError::into_inner) = Some(secret::sha256(password));
    }

    /// Whether a radio of this user name may still come in.
    pub fn knows_radio(&self, username: &str) -> bool {
        let Some(Who::Radio(store, kind, name)) = Who::from_name(username) else {
            return false;
        };
        let radios = self.radios.read().unwrap_or_else(PoisonError::into_inner);
        radios.contains_key(&(store, kind, name))
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
        let who = Who::from_name(username)?;
        let known = match &who {
            Who::Ingest => false, // it came in above
            Who::Gateway(store, gateway) => {
                let gateways = self.gateways.read().unwrap_or_else(PoisonError::into_inner);
                let key = (store.clone(), gateway.clone());
                gateways.get(&key).is_some_and(same)
            }
            Who::Display(store, display) => {
                let displays = self.displays.read().unwrap_or_else(PoisonError::into_inner);
                let key = (store.clone(), display.clone());
                displays.get(&key).is_some_and(same)
            }
            Who::Radio(store, kind, name) => {
                let radios = self.radios.read().unwrap_or_else(PoisonError::into_inner);
                let key = (store.clone(), *kind, name.clone());
                radios.get(&key).is_some_and(same)
            }
        };
        known.then_some(who)
    }
}

/// A client that was let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    /// The server itself.
    Ingest,
    /// A gateway.
    Gateway(StoreId, GatewayId),
    /// A pager, or a display.
    Display(StoreId, DisplayId),
    /// A radio that is no gateway of ours.
    Radio(StoreId, RadioKind, RadioName),
}

impl Who {
    /// From the name under which it was let in.
    fn from_name(name: &str) -> Option<Self> {
        if name == INGEST_CLIENT {
            return Some(Self::Ingest);
        }
        let (store, rest) = name.split_once('/')?;
        let store = store.parse().ok()?;
        // An id has no stroke, so no gateway is taken for a display.
        if let Some(radio) = rest.strip_prefix(RADIO) {
            let (kind, name) = radio.split_once('/')?;
            return Some(Self::Radio(store, kind.parse().ok()?, name.parse().ok()?));
        }
        Some(match rest.strip_prefix(DISPLAY) {
            Some(display) => Self::Display(store, display.parse().ok()?),
            None => Self::Gateway(store, rest.parse().ok()?),
        })
    }

    /// The name under which it is let in.
    pub fn name(&self) -> String {
        match self {
            Self::Ingest => INGEST_CLIENT.to_owned(),
            Self::Gateway(store, gateway) => format!("{store}/{gateway}"),
            Self::Display(store, display) => format!("{store}/{DISPLAY}{display}"),
            Self::Radio(store, kind, name) => format!("{store}/{RADIO}{kind}/{name}"),
        }
    }

    /// Its one client id; a radio's firmware makes its own.
    pub fn client_id(&self) -> String {
        self.name().replace('/', ".")
    }

    /// Whether it may come in under this client id, of those that are nobody else's by their shape:
    /// gateways' and displays' have a dot.
    pub fn may_be_called(&self, client_id: &str) -> bool {
        let own = self.client_id();
        // Its doctor comes beside it, and may no more than it may itself.
        let doctor = client_id.strip_suffix(".doctor");
        client_id == own
            || doctor == Some(own.as_str())
            || matches!(self, Self::Radio(..))
                && client_id != INGEST_CLIENT
                && !client_id.contains('.')
    }

    /// Whether it may write this topic.
    pub fn may_publish(&self, topic: &str) -> bool {
        let gateways = topic.parse::<Topic>();
        match self {
            Self::Ingest => {
                gateways.is_ok_and(|topic| !topic.channel.gateway_writes())
                    || topic.parse::<DeskTopic>().is_ok()
            }
            Self::Gateway(store, gateway) => gateways.is_ok_and(|topic| {
                topic.store == *store && topic.gateway == *gateway && topic.channel.gateway_writes()
            }),
            Self::Display(..) => false,
            Self::Radio(_, kind, name) => {
                let of = radio::of_topic(topic);
                of.is_some_and(|(of, whose)| (of, &whose) == (*kind, name))
            }
        }
    }

    /// Whether its last will may go there. The broker keeps a will that is retained, so a radio has one
    /// topic for it.
    pub fn may_will(&self, topic: &str) -> bool {
        match self {
            Self::Radio(_, kind, name) => kind.will(name).is_some_and(|own| own == topic),
            _ => self.may_publish(topic),
        }
    }

    /// Whether it may read this filter. Gateways and displays name their topics in full; only the
    /// server uses wildcards.
    pub fn may_subscribe(&self, filter: &str) -> bool {
        match self {
            Self::Ingest => {
                let radios = RadioKind::ALL.into_iter().flat_map(RadioKind::filters);
                [
                    protocol::topic::SIGHTINGS_FILTER,
                    protocol::topic::STATUS_FILTER,
                ]
                .iter()
                .chain(radios)
                .any(|own| *own == filter)
            }
            Self::Gateway(store, gateway) => filter.parse::<Topic>().is_ok_and(|topic| {
                topic.store == *store
                    && topic.gateway == *gateway
                    && !topic.channel.gateway_writes()
            }),
            Self::Display(store, _) => filter
                .parse::<DeskTopic>()
                .is_ok_and(|topic| topic.store() == store),
            Self::Radio(..) => false,
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
mod embedded;

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
    fn a_display_reads_the_desk_of_its_store_and_writes_nothing() {
        let display = Who::from_name("kade-9/display/counter").unwrap();
        let base = "welkom/v1/stores/kade-9";
        for own in ["desk", "desk/state"] {
            assert!(display.may_subscribe(&format!("{base}/{own}")), "{own}");
            assert!(!display.may_publish(&format!("{base}/{own}")), "{own}");
            assert!(Who::Ingest.may_publish(&format!("{base}/{own}")), "{own}");
            assert!(!door().may_subscribe(&format!("{base}/{own}")), "{own}");
            assert!(!door().may_publish(&format!("{base}/{own}")), "{own}");
        }
        for other in [
            "#",
            "welkom/#",
            "welkom/v1/stores/+/desk",
            "welkom/v1/stores/kade-8/desk",
            "welkom/v1/stores/kade-9/desk/#",
            "welkom/v1/stores/kade-9/gateways/door/sightings",
            "welkom/v1/stores/kade-9/gateways/counter/ack",
            "$share/a/welkom/v1/stores/kade-9/desk",
        ] {
            assert!(!display.may_subscribe(other), "{other}");
        }
        assert_eq!(display.client_id(), "kade-9.display.counter");
    }

    fn radio(kind: &str, name: &str) -> Who {
        Who::from_name(&format!("kade-9/radio/{kind}/{name}")).unwrap()
    }

    #[test]
    fn a_radio_writes_its_own_topics_only_and_reads_none() {
        const MAC: &str = "C8:25:2D:8E:9C:2C";
        let all = [
            (
                radio("ruuvi", MAC),
                vec!["ruuvi/C8:25:2D:8E:9C:2C/D1:F0:57:19:AB:42"],
                "ruuvi/C8:25:2D:8E:9C:2C/gw_status",
            ),
            (
                radio("openmqttgateway", "till"),
                vec!["home/till/BTtoMQTT/A4C138001122", "home/till/SYStoMQTT"],
                "home/till/LWT",
            ),
            (
                radio("espresense", "till"),
                vec![
                    "espresense/devices/iBeacon:x-1-2/till",
                    "espresense/rooms/till/telemetry",
                ],
                "espresense/rooms/till/status",
            ),
            (
                radio("raddec", "001bc50940810000"),
                vec!["raddec/001bc50940810000/devices/aa/3/raddec"],
                "",
            ),
        ];
        for (n, (who, own, will)) in all.iter().enumerate() {
            for topic in own {
                assert!(who.may_publish(topic), "{who:?} {topic}");
                assert!(!who.may_will(topic), "{who:?} {topic}");
            }
            assert_eq!(who.may_will(will), !will.is_empty(), "{who:?}");
            let others = all.iter().enumerate().filter(|(other, _)| *other != n);
            for topic in others.flat_map(|(_, (_, own, _))| own) {
                assert!(!who.may_publish(topic), "{who:?} {topic}");
            }
            for other in [
                "ruuvi/C8:25:2D:8E:9C:2D/D1:F0:57:19:AB:42",
                "home/door/BTtoMQTT/A4C138001122",
                "home/till/commands/MQTTtoBT/config",
                "espresense/devices/till/door",
                "espresense/rooms/door/telemetry",
                "raddec/001bc50940810001/devices/aa/3/raddec",
                "homeassistant/sensor/till/config",
                "welkom/v1/stores/kade-9/gateways/till/sightings",
                "welkom/v1/stores/kade-9/gateways/till/status",
                "welkom/v1/stores/kade-9/desk",
                "$SYS/broker",
                "",
            ] {
                assert!(!who.may_publish(other), "{who:?} {other}");
                assert!(!who.may_will(other) || other == *will, "{who:?} {other}");
            }
            for filter in ["#", "+/+/+", "ruuvi/#", "home/till/#", own[0]] {
                assert!(!who.may_subscribe(filter), "{who:?} {filter}");
            }
        }
    }

    #[test]
    fn a_radio_is_called_what_its_firmware_says_unless_that_is_how_others_are_called() {
        let who = radio("espresense", "till");
        for (client_id, may) in [
            ("esp32-1a2b", true),
            ("", true),
            ("kade-9.radio.espresense.till", true),
            (INGEST_CLIENT, false),
            ("kade-9.door", false),
            ("kade-9.door.doctor", false),
            ("kade-9.display.counter", false),
        ] {
            assert_eq!(who.may_be_called(client_id), may, "{client_id}");
        }
        assert!(!door().may_be_called("esp32-1a2b"));
    }

    #[test]
    fn a_radio_comes_in_with_its_own_password_until_it_has_another() {
        let credentials = Credentials::default();
        let set = |password: Option<&str>| {
            let Who::Radio(store, kind, name) = radio("espresense", "till") else {
                panic!("not a radio");
            };
            credentials.set_radio(store, kind, name, password.map(secret::sha256));
        };
        let check = |user: &str, password: &str| credentials.check(user, password.as_bytes());
        let user = "kade-9/radio/espresense/till";
        set(Some("wr_first"));
        assert_eq!(check(user, "wr_first"), Some(radio("espresense", "till")));
        for other in [
            "kade-8/radio/espresense/till",
            "kade-9/radio/ruuvi/till",
            "kade-9/radio/espresense/door",
            "kade-9/radio/espresense/till/x",
            "kade-9/radio/espresense",
            "kade-9/till",
            "kade-9/display/till",
        ] {
            assert_eq!(check(other, "wr_first"), None, "{other}");
        }
        set(Some("wr_second"));
        assert_eq!(check(user, "wr_first"), None);
        assert!(credentials.knows_radio(user));
        set(None);
        assert_eq!(check(user, "wr_second"), None);
        assert!(!credentials.knows_radio(user));
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
        let shown = ("kade-9".parse().unwrap(), "counter".parse().unwrap());
        let credentials =
            Credentials::new(list, vec![(shown.0, shown.1, secret::sha256("wd_right"))]);
        let display = Who::from_name("kade-9/display/counter");
        assert_eq!(
            credentials.check("kade-9/display/counter", b"wd_right"),
            display
        );
        assert_eq!(credentials.check("kade-9/door", b"wg_right"), Some(door()));
        for (name, password) in [
            ("kade-9/door", "wg_wrong"),
            ("kade-9/back", "wg_right"),
            ("kade-9", "wg_right"),
            ("kade-9/display/counter", "wg_right"),
            ("kade-9/counter", "wd_right"),
            ("kade-9/display/door", "wg_right"),
            ("", ""),
            (INGEST_CLIENT, ""),
        ] {
            assert_eq!(credentials.check(name, password.as_bytes()), None, "{name}");
        }
    }
}
