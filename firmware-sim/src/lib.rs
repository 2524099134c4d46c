//! Firmware, phones, shoppers, radio, ground truth and load: the world around Welkom.
//!
//! In: a seed, a server's address, its API key. Out: advertisements on a socket, calls of the
//! public API, and apart from both the truth about what happened.
//! Promises: follows from the seed (see [`world`]).
//! Invariant: uses nothing of gateway, engine or server: the oracle must not share their faults.

pub mod account;
pub mod air;
pub mod bluez;
pub mod carrier;
pub mod catalogue;
pub mod cli;
pub mod clock;
pub mod controller;
pub mod firmware;
pub mod http;
pub mod load;
pub mod phone;
pub mod plan;
pub mod provision;
pub mod radio;
pub mod rng;
pub mod scene;
pub mod shopper;
pub mod sse;
pub mod truth;
pub mod way;
pub mod world;
