//! What the server says of a store's desk over MQTT: for pagers, and for displays behind the counter.
//!
//! In: a topic, or a payload. Out: what it says.
//! Invariant: no name, no code and no order is in it; a card's id means nothing to whom cannot ask the
//! server.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{
    id::{CardId, StoreId},
    topic::TopicError,
};

/// Where a store's desk is heard.
///
/// ```
/// use protocol::desk::DeskTopic;
/// for text in ["welkom/v1/stores/kade-9/desk", "welkom/v1/stores/kade-9/desk/state"] {
///     assert_eq!(text.parse::<DeskTopic>().unwrap().to_string(), text);
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum DeskTopic {
    /// Each thing that happens: [`DeskTold`].
    Events(StoreId),
    /// Retained, how it stands: [`DeskState`].
    State(StoreId),
}

impl DeskTopic {
    /// Which desk.
    pub fn store(&self) -> &StoreId {
        let (Self::Events(store) | Self::State(store)) = self;
        store
    }
}

impl fmt::Display for DeskTopic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Events(store) => write!(f, "welkom/v1/stores/{store}/desk"),
            Self::State(store) => write!(f, "welkom/v1/stores/{store}/desk/state"),
        }
    }
}

impl FromStr for DeskTopic {
    type Err = TopicError;
    fn from_str(text: &str) -> Result<Self, TopicError> {
        let wrong = || TopicError::Shape(text.into());
        let rest = text.strip_prefix("welkom/v1/stores/").ok_or_else(wrong)?;
        match rest.split_once('/') {
            Some((store, "desk")) => Ok(Self::Events(store.parse()?)),
            Some((store, "desk/state")) => Ok(Self::State(store.parse()?)),
            _ => Err(wrong()),
        }
    }
}

/// What happened at the desk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeskEvent {
    /// A customer is here, and waits.
    Arrived,
    /// A colleague goes.
    Taken,
    /// That colleague goes no more.
    Released,
    /// Nobody goes, and it is time to call louder; `called` says how loudly.
    Escalated,
    /// She has it.
    HandedOver,
    /// The hand-over was taken back: she waits again.
    TakenBack,
    /// She waits no more: she left, or nothing is open for her.
    Left,
}

/// How loudly a card calls for somebody to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeskCall {
    /// Whoever is near.
    Everybody,
    /// The manager.
    Manager,
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeskTold {
    /// [`crate::message::VERSION`].
    pub v: u8,
    /// When it was told, by the server's clock.
    pub at_ms: u64,
    /// Which card.
    pub card: CardId,
    /// What.
    pub event: DeskEvent,
    /// How loudly it calls; none: as a new card does, or somebody goes.
    pub called: Option<DeskCall>,
    /// Where her goods lie.
    pub bay: Option<String>,
    /// How the desk stands then.
    #[serde(flatten)]
    pub queue: Queue,
}

/// How the desk stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeskState {
    /// [`crate::message::VERSION`].
    pub v: u8,
    /// When that was, by the server's clock.
    pub at_ms: u64,
    /// Who waits.
    #[serde(flatten)]
    pub queue: Queue,
}

/// Who waits, as figures.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Queue {
    /// Customers who wait, taken or not.
    pub waiting: u32,
    /// Of those, to whom nobody goes.
    pub nobody_goes: u32,
    /// How long the first of them has waited at `at_ms`; none: nobody waits.
    pub waiting_longest_ms: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_topics_are_refused() {
        for text in [
            "welkom/v1/stores/kade-9/desk/",
            "welkom/v1/stores/kade-9/desk/state/x",
            "welkom/v1/stores/+/desk",
            "welkom/v1/stores/kade-9",
            "welkom/v1/stores/kade-9/gateways/desk/ack",
            "welkom/v2/stores/kade-9/desk",
        ] {
            assert!(text.parse::<DeskTopic>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_told_has_the_shape_that_the_documentation_shows() {
        let told = DeskTold {
            v: 1,
            at_ms: 1_795_352_940_000,
            card: "019ab1c2-0000-7000-8000-000000000001".parse().unwrap(),
            event: DeskEvent::Escalated,
            called: Some(DeskCall::Everybody),
            bay: Some("B12".into()),
            queue: Queue {
                waiting: 2,
                nobody_goes: 1,
                waiting_longest_ms: Some(60_000),
            },
        };
        let text = r#"{"v":1,"at_ms":1795352940000,"card":"019ab1c2-0000-7000-8000-000000000001","event":"escalated","called":"everybody","bay":"B12","waiting":2,"nobody_goes":1,"waiting_longest_ms":60000}"#;
        assert_eq!(serde_json::to_string(&told).unwrap(), text);
        assert_eq!(serde_json::from_str::<DeskTold>(text).unwrap(), told);
        let docs = include_str!("../../docs/desk-mqtt.md");
        assert!(docs.contains(text), "docs/desk-mqtt.md shows another");
    }
}
