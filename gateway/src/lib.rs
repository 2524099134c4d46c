//! The store gateway: hears advertisements, relays sightings.
//!
//! In: advertisements from one antenna, acknowledgements from the server.
//! Out: batches of sightings over MQTT, each on disk first.
//! Promises: what the spool committed is sent again until the server says that it has it; radio,
//! broker, server and disk may each be away for as long as they like.
//! Invariant: what is in none of our layouts never reaches disk, log or network.

pub mod aggregate;
pub mod alive;
mod backoff;
pub mod beacons;
pub mod btsnoop;
pub mod cli;
pub mod clock;
pub mod config;
pub mod counts;
pub mod decode;
pub mod doctor;
pub mod enroll;
pub mod hci;
pub mod health;
pub mod intake;
pub mod keys;
mod notify;
mod run;
pub mod settings;
pub mod source;
pub mod spool;
mod stop;
pub mod uplink;

pub use config::Config;
pub use run::run;
