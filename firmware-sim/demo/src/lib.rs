//! Starts server, gateways and a simulated store together, and compares with the truth.
//!
//! In: a seed and a time. Out: pages to look at, or one line of JSON.
//! Server and gateways are processes of their own, as in a real store; they are this very program,
//! called with another first argument, so that one build makes all.
//! Invariant: the verdict comes from the simulator's truth, the phones' inboxes and the database,
//! not from what the system says of itself.

pub mod audit;
pub mod cli;
pub mod process;
pub mod score;
pub mod stack;
