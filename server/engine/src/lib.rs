//! Presence, visits, matching, arrivals: what the system thinks.
//!
//! In: [`Input`]s in the one order of a store's input log, each with the server's time.
//! Out: an [`Outcome`] for each: what changed, what to tell whom, and which facts are wanted next.
//! Promises: the same inputs give the same outcomes and the same state, bit for bit.
//! Invariant: no I/O, no clock, no randomness; time is an argument.
//!
//! ```text
//! sighting -> presence (belief: in? which zone? until when?) -> visits (stays, questions)
//!                                                            -> arrivals (cards, alerts)
//! "on my way", order, tap ------------------------------------^  (journey: the two tables)
//! late sighting -> question -> history (past visits)
//! answer -> choice (one campaign, or why none) <- matching (one product, or why none)
//! ```

pub mod campaign;
pub mod choice;
pub mod input;
pub mod journey;
pub mod matching;
pub mod outcome;
pub mod presence;
pub mod template;

mod arrivals;
mod engine;
mod floor;
mod history;
mod ids;
mod visits;
mod wheel;

pub use arrivals::{
    ARRIVAL_RELEVANT_MS, CLOSED_MAX, CODE_PAUSE_MS, CODE_TRIES, COMING_GRACE_MS, COMING_MAX_MS,
    DEPARTED_KEPT_MS, DONE_MAX, ERRAND_MS, HANDOVER_UNDO_MS, ORDERS_MAX, READY_RELEVANT_MS,
};
pub use choice::decide;
pub use engine::{
    CUSTOMERS_MAX, DOUBT_MS, IDLE_MS, LATE_CUSTOMERS_MAX, LATE_PATIENCE_MS, LATE_WAITING_MAX,
    StoreEngine, StoreMap,
};
pub use floor::ANCHORS_MAX;
pub use history::JOIN_MS;
pub use input::{Input, Observation};

pub use outcome::Outcome;
pub use visits::AWAY_MS;
