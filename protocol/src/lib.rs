//! What crosses a wire: air frames, MQTT messages, topics, ids.
//!
//! In: bytes from the air, from the broker, from the simulator's socket.
//! Out: types that cannot be wrong, and the same bytes back.
//! Promises: every decoder is total (any input gives a value or a named reason), and every
//! format stands beside its inverse.
//! Invariant: no I/O, no clock, no randomness, no global state.

pub mod air;
pub mod desk;
pub mod eid;
pub mod enrol;
pub mod id;
pub mod message;
pub mod radio;
pub mod ranges;
pub mod seal;
pub mod settings;
pub mod sim;
pub mod topic;

pub use air::{Frame, Ignored, Transmitter};
pub use eid::{Eid, EidKey};
pub use id::{
    AnchorId, BootId, CampaignId, CardId, CustomerId, DecisionId, DeliveryId, DeviceId, DisplayId,
    GatewayId, OrderId, RadioId, RewardId, RuleId, Sku, StaffId, StoreId, TierId, VisitId, ZoneId,
};
pub use ranges::Ranges;
pub use topic::Topic;
