//! Presence, visits, matching, arrivals: what the system thinks.
//!
//! In: [`Input`]s in the one order of a store's input log, each with the server's time.
//! Out: an [`Outcome`] for each: what changed, what to tell whom, and which facts are wanted next.
//! Promises: the same inputs give the same outcomes and the same state, bit for bit.
//! Invariant: no I/O, no clock, no randomness; time is an argument.

pub mod input;
pub mod outcome;

pub use input::{Input, Observation};
pub use outcome::Outcome;
