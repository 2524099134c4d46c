//! The engine's behaviour, as timelines: what comes in when, and what comes out.
//!
//! Helpers outside of test functions unwrap too: a broken harness is a failed test.
#![allow(clippy::unwrap_used, clippy::panic)]

mod arrivals;
mod calls;
mod consent;
mod door;
mod elsewhere;
mod filter;
mod history;
mod journeys;
mod map;
mod matching;
mod model;
mod picture;
mod presence;
mod properties;
mod shares;
mod situations;
mod timeline;
mod visits;
mod waits;
