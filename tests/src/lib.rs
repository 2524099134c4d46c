//! The whole stack as tests use it: a rig to set one up, tools that must be there, tests that say
//! how they were skipped.
//!
//! In: a test's name, what it needs, what it does. Out: a verdict, and how many were skipped.
//! Invariant: every test has its own folder, database, ports and processes; nothing sleeps, all
//! await a condition.

pub mod ask;
pub mod browser;
pub mod cable;
pub mod crowd;
pub mod ears;
pub mod floor;
pub mod hand;
pub mod hand_gateway;
pub mod harness;
pub mod home;
pub mod mosquitto;
pub mod person;
pub mod rig;
pub mod spool_reader;

pub use write_journal;
