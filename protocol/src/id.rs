//! Names of things.
//!
//! In: text from topics, paths, files. Out: an id that is known to be well formed.
//! Slugs are chosen by people and stand in topics and paths: `[a-z0-9-]{1,32}`.
//! UUIDs are made by machines (version 7, so that they sort by time).
//! Invariant: an id of one kind is never accepted for another.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The longest slug, so that a topic of four of them stays under 200 bytes.
pub const SLUG_LEN_MAX: usize = 32;

/// The longest stock-keeping unit that a shop may use.
pub const SKU_LEN_MAX: usize = 64;

/// Why a text is no id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Not `[a-z0-9-]{1,32}`.
    #[error("{0:?} is not an id: use 1 to 32 of a-z, 0-9 and -")]
    Slug(String),
    /// Not 1 to 64 printable characters without spaces.
    #[error("{0:?} is not a SKU: use 1 to 64 printable ASCII characters without spaces")]
    Sku(String),
    /// Not a UUID.
    #[error("{0:?} is not a UUID")]
    Uuid(String),
}

fn slug(text: &str) -> Result<Box<str>, IdError> {
    let fits = (1..=SLUG_LEN_MAX).contains(&text.len());
    let plain = text
        .bytes()
        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if fits && plain {
        Ok(text.into())
    } else {
        Err(IdError::Slug(text.into()))
    }
}

fn sku(text: &str) -> Result<Box<str>, IdError> {
    let fits = (1..=SKU_LEN_MAX).contains(&text.len());
    if fits && text.bytes().all(|b| b.is_ascii_graphic()) {
        Ok(text.into())
    } else {
        Err(IdError::Sku(text.into()))
    }
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $check:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Box<str>);

        impl $name {
            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                $check(text).map(Self)
            }
        }
        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(text: String) -> Result<Self, IdError> {
                text.parse()
            }
        }
        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0.into()
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }
    };
}

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A fresh id; `unix_ms` is the caller's time, so that ids sort by it and no clock is
            /// read here. `random` fills the rest (RFC 9562, section 5.7).
            pub fn at(unix_ms: u64, random: [u8; 10]) -> Self {
                Self(uuid::Builder::from_unix_timestamp_millis(unix_ms, &random).into_uuid())
            }
        }
        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                Uuid::parse_str(text).map(Self).map_err(|_| IdError::Uuid(text.into()))
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

text_id!(
    /// One store of the chain.
    StoreId, slug);
text_id!(
    /// One gateway; unique within its store.
    GatewayId, slug);
text_id!(
    /// A pager or display that hears of a store's desk; unique within its store.
    DisplayId, slug);
text_id!(
    /// A radio at a known place: a gateway's antenna or a fixed beacon. Unique within its store.
    AnchorId, slug);
text_id!(
    /// A named area of a store.
    ZoneId, slug);
text_id!(
    /// What the loyalty programme gives for what.
    RuleId, slug);
text_id!(
    /// A step of the loyalty programme: who came often has one.
    TierId, slug);
text_id!(
    /// A product as the shop numbers it.
    Sku, sku);

uuid_id!(
    /// A shopper who is known to the chain.
    CustomerId);
uuid_id!(
    /// A phone or a fob of a customer.
    DeviceId);
uuid_id!(
    /// What a device advertises with; a device may have several over its life.
    RadioId);
uuid_id!(
    /// One run of a gateway's process; sequence numbers count within it.
    BootId);
uuid_id!(
    /// One stay of one customer in one store.
    VisitId);
uuid_id!(
    /// A click-and-collect order.
    OrderId);
uuid_id!(
    /// All that one customer has open in one store, as staff see it.
    CardId);
uuid_id!(
    /// One choice of the engine: notify, or suppress with a reason.
    DecisionId);
uuid_id!(
    /// One thing to tell one recipient over one channel.
    DeliveryId);
uuid_id!(
    /// What a retailer wants told: whom, where, when, how often.
    CampaignId);
uuid_id!(
    /// One reward of one customer.
    RewardId);
uuid_id!(
    /// A colleague who may log in.
    StaffId);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_are_lower_case_and_short() {
        assert!("kade-9".parse::<StoreId>().is_ok());
        for wrong in ["", "Kade", "a b", "a/b", "+", "#", &"a".repeat(33)] {
            assert!(wrong.parse::<StoreId>().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn json_with_a_wrong_id_is_refused() {
        assert!(serde_json::from_str::<GatewayId>("\"door/../x\"").is_err());
        assert!(serde_json::from_str::<Sku>("\"shoe 39\"").is_err());
    }

    #[test]
    fn uuids_sort_by_time() {
        let [early, late] = [1, 2].map(|ms| VisitId::at(ms, [7; 10]));
        assert!(early < late);
        assert_eq!(early.0.get_version_num(), 7);
    }
}
