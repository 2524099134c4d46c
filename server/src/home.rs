//! A store's home: the machine in the store that has its desk, so that the board goes on when the
//! internet does not.
//!
//! Who does what:
//! - The **home** hears the store's gateways, opens cards, takes taps and hand-overs, from the moment
//!   it claimed the desk until it is given back. It knows open orders, the names on them, the floor
//!   plan, colleagues, and what the phones of those customers will advertise in the coming hours.
//! - The **central server** goes on with visits, messages and figures; of the desk it knows what it
//!   is told.
//!
//! Three wires lead from the home to the central server, all of them asked by the home, over HTTPS:
//! [how things stand](State) comes down, whole, whenever it changed; the [journal](Entry) goes up,
//! numbered, and is applied once; [batches](Relayed) of the gateways go up as they came, and stay in
//! the gateways' spools until the central server has them.
//! Promises: with the line cut for hours the desk goes on; after it is back both sides agree, and
//! nothing happened twice. What was handed over at the desk is a fact: where the shop said otherwise
//! meanwhile, the desk is right, and that is told.
//! Invariant: one home a store, fenced by an epoch in every request; no key of anybody's radio ever
//! leaves the central server.

pub mod central;
pub mod learn;
pub mod line;
pub mod relay;
pub mod sealed;

use engine::input::{Area, Coming, DeskNews, Place, Surveyed};
use protocol::{
    AnchorId, BootId, CustomerId, DisplayId, GatewayId, OrderId, RadioId, Ranges, StoreId, ZoneId,
    message::{Batch, Status},
    settings::SignedSettings,
};
use serde::{Deserialize, Serialize};

use crate::store::{
    access::StaffRow,
    catalogue::ProductRow,
    orders::OrderRow,
    people::CustomerRow,
    plan::Certainty,
    seals::SealRow,
    shop::{AnchorRow, Names, StoreRow},
};

/// For so long ahead a home knows what phones will advertise.
pub const IDENTITIES_AHEAD_MS: u64 = 12 * 3_600_000;
/// A home whose central server was silent for this long forgets everything: it cannot know any more
/// who took back her consent.
pub const FORGET_AFTER_MS: u64 = 24 * 3_600_000;
/// Orders that are closed are told for this long, so that a home that was cut off hears of it.
pub const CLOSED_TOLD_MS: u64 = 24 * 3_600_000;
/// What a phone said is of use for this long.
pub const WORD_MS: u64 = 10 * 60_000;
/// Entries of the journal in one request at most.
pub const ENTRIES_MAX: usize = 500;
/// Batches in one request at most.
pub const BATCHES_MAX: usize = 100;

/// The answer to a claim: the desk is yours.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Claimed {
    /// Of which store.
    pub store: StoreId,
    /// In every request from now on; a later claim raises it, and ends this one.
    pub epoch: u64,
    /// What is on the desk now.
    pub desk: DeskNews,
}

/// How things stand in one store: all that its home may know, and nothing more.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// The store.
    pub store: StoreRow,
    /// How sure its engine must be.
    pub certainty: Certainty,
    /// Its zones.
    pub zones: Vec<Zone>,
    /// Its antennas and fixed beacons.
    pub anchors: Vec<(AnchorRow, Option<Place>)>,
    /// What a calibration walk found.
    pub surveyed: Vec<Surveyed>,
    /// Its gateways, with the SHA-256 of their passwords in hexadecimal.
    pub gateways: Vec<(GatewayId, String)>,
    /// Its pagers and displays, the same.
    #[serde(default)]
    pub displays: Vec<(DisplayId, String)>,
    /// Colleagues who may log in here.
    pub staff: Vec<StaffRow>,
    /// Customers with an order here who agreed that staff may know, and since when.
    pub customers: Vec<Customer>,
    /// Their orders: open ones, and those closed lately.
    pub orders: Vec<OrderRow>,
    /// What is in these orders.
    pub products: Vec<ProductRow>,
    /// What phones said lately.
    pub words: Vec<Word>,
    /// What its gateways seal to.
    #[serde(default)]
    pub seals: Vec<SealRow>,
    /// What they are told to do otherwise than their files say.
    #[serde(default)]
    pub settings: Vec<(GatewayId, SignedSettings)>,
}

/// A zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Zone {
    /// Which.
    pub zone: ZoneId,
    /// Its names.
    pub names: Names,
    /// Where it lies, if it is on the plan.
    pub area: Option<Area>,
}

/// A customer with an order here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Customer {
    /// Her name, as staff greet her.
    #[serde(flatten)]
    pub row: CustomerRow,
    /// Since when staff may know that she is here.
    pub arrival_since_ms: u64,
    /// Her radios that are in use.
    pub radios: Vec<RadioId>,
}

/// What a phone said to a store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Word {
    /// Its number; a home hears each once.
    pub n: u64,
    /// When she said it.
    pub at_ms: u64,
    /// Who.
    pub customer: CustomerId,
    /// What.
    pub says: Says,
}

/// What a phone can say to a store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "says", rename_all = "snake_case")]
pub enum Says {
    /// "Onderweg", or the phone is near.
    Coming(Coming),
    /// "Ik ben er."
    Here,
    /// Somebody else is here for what she shared.
    Collects {
        /// Which order.
        order: OrderId,
    },
    /// It heard a fixed beacon of this store.
    Heard {
        /// Which.
        anchor: AnchorId,
        /// First advertisement.
        heard_first_ms: u64,
        /// Last advertisement.
        heard_last_ms: u64,
        /// Advertisements.
        count: u32,
        /// Median strength.
        rssi_dbm: i8,
    },
}

/// What one radio will advertise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identities {
    /// Which.
    pub radio: RadioId,
    /// Whose.
    pub customer: CustomerId,
    /// When the first begins, in Unix seconds; each lasts a quantum.
    pub from_s: u64,
    /// Eight bytes each, one after the other, in hexadecimal.
    pub eids: String,
}

/// One line of a home's journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Its number: without holes, from 1 in each home.
    pub n: u64,
    /// When it happened.
    pub at_ms: u64,
    /// What.
    pub news: DeskNews,
}

/// A journal, or a part of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Journal {
    /// Of which home.
    pub epoch: u64,
    /// In their order; at most [`ENTRIES_MAX`].
    pub entries: Vec<Entry>,
}

/// What gateways said, on its way up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Relayed {
    /// Of which home.
    pub epoch: u64,
    /// As they came; at most [`BATCHES_MAX`].
    pub batches: Vec<Batch>,
    /// The last one of each gateway.
    pub statuses: Vec<(GatewayId, Status)>,
}

/// Batches that the central server has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taken {
    /// Of which gateway.
    pub gateway: GatewayId,
    /// Of which run of it.
    pub boot: BootId,
    /// Their numbers.
    pub applied: Ranges,
}

/// How far a journal has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reached {
    /// All entries up to here are applied.
    pub n: u64,
}

/// Which customers' identities are wanted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    /// Of which home.
    pub epoch: u64,
    /// Whose.
    pub customers: Vec<CustomerId>,
}
