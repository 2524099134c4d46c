//! MQTT topics, built and parsed in one place.
//!
//! In: a topic string from the broker. Out: who it is about and what it carries.
//! Invariant: a topic that parses prints back to the same string.

use std::{fmt, str::FromStr};

use crate::id::{GatewayId, IdError, StoreId};

/// Subscribes the server to every gateway's sightings.
pub const SIGHTINGS_FILTER: &str = "welkom/v1/stores/+/gateways/+/sightings";
/// Subscribes the server to every gateway's status.
pub const STATUS_FILTER: &str = "welkom/v1/stores/+/gateways/+/status";

/// `welkom/v1/stores/{store}/gateways/{gateway}/{channel}`
///
/// ```
/// use protocol::Topic;
/// let text = "welkom/v1/stores/kade-9/gateways/door/sightings";
/// assert_eq!(text.parse::<Topic>().unwrap().to_string(), text);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Topic {
    /// The store that the gateway stands in.
    pub store: StoreId,
    /// The gateway.
    pub gateway: GatewayId,
    /// What is said.
    pub channel: Channel,
}

/// The last level of a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Channel {
    /// Gateway to server: one batch of sightings.
    Sightings,
    /// Gateway to server, retained, with a last will.
    Status,
    /// Server to gateway: what was applied.
    Ack,
    /// Server to gateway, retained: settings.
    Config,
}

impl Channel {
    /// All channels, in the order in which the design lists them.
    pub const ALL: [Self; 4] = [Self::Sightings, Self::Status, Self::Ack, Self::Config];

    /// The channel's name in a topic.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sightings => "sightings",
            Self::Status => "status",
            Self::Ack => "ack",
            Self::Config => "config",
        }
    }

    /// Whether a gateway writes here; the other channels it reads.
    pub const fn gateway_writes(self) -> bool {
        matches!(self, Self::Sightings | Self::Status)
    }
}

impl Topic {
    /// The topic of one gateway's channel.
    pub fn new(store: &StoreId, gateway: &GatewayId, channel: Channel) -> Self {
        Self {
            store: store.clone(),
            gateway: gateway.clone(),
            channel,
        }
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            store,
            gateway,
            channel,
        } = self;
        write!(
            f,
            "welkom/v1/stores/{store}/gateways/{gateway}/{}",
            channel.as_str()
        )
    }
}

/// Why a string is no topic of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TopicError {
    /// Not the shape of a topic of this version.
    #[error("{0:?} is not welkom/v1/stores/…/gateways/…/(sightings|status|ack|config)")]
    Shape(String),
    /// The right shape with a wrong id.
    #[error(transparent)]
    Id(#[from] IdError),
}

impl FromStr for Topic {
    type Err = TopicError;
    fn from_str(text: &str) -> Result<Self, TopicError> {
        let wrong = || TopicError::Shape(text.into());
        let rest = text.strip_prefix("welkom/v1/stores/").ok_or_else(wrong)?;
        let mut levels = rest.split('/');
        let (Some(store), Some("gateways"), Some(gateway), Some(channel), None) = (
            levels.next(),
            levels.next(),
            levels.next(),
            levels.next(),
            levels.next(),
        ) else {
            return Err(wrong());
        };
        let channel = Channel::ALL
            .into_iter()
            .find(|c| c.as_str() == channel)
            .ok_or_else(wrong)?;
        Ok(Self {
            store: store.parse()?,
            gateway: gateway.parse()?,
            channel,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_channel_goes_there_and_back() {
        for channel in Channel::ALL {
            let topic = Topic::new(&"s-1".parse().unwrap(), &"g".parse().unwrap(), channel);
            assert_eq!(topic.to_string().parse::<Topic>().unwrap(), topic);
        }
    }

    #[test]
    fn strangers_are_refused() {
        for text in [
            "",
            "welkom/v2/stores/a/gateways/b/sightings",
            "welkom/v1/stores/a/gateways/b",
            "welkom/v1/stores/a/gateways/b/sightings/c",
            "welkom/v1/stores/+/gateways/b/sightings",
            "welkom/v1/stores/A/gateways/b/sightings",
            "welkom/v1/stores/a/gateways/b/orders",
        ] {
            assert!(text.parse::<Topic>().is_err(), "{text:?}");
        }
    }
}
