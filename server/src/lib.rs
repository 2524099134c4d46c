//! Resolves, matches, decides, delivers.
//!
//! In: batches of sightings over MQTT, app sightings and shop systems over HTTP.
//! Out: visits, one well-chosen message, an alert for staff.
//! The way of one sighting: `ingest` decodes and resolves (`identity`), `pipeline` appends it to
//! the input log, asks the engine and commits, `ingest` acknowledges, `deliver` sends, `live` and `maps`
//! tell open pages.
//! Invariant: nothing is acknowledged before it is committed.

pub mod api;
pub mod broker;
pub mod cli;
pub mod clock;
pub mod config;
pub mod deliver;
pub mod explain;
pub mod figures;
pub mod fleet;
pub mod home;
pub mod identity;
pub mod import;
pub mod ingest;
pub mod live;
pub mod localtime;
pub mod maps;
pub mod money;
pub mod pipeline;
pub mod radios;
pub mod replay;
pub mod revenue;
pub mod route;
pub mod run;
pub mod seal;
pub mod secret;
pub mod store;
pub mod survey;
pub mod tls;
pub mod uplift;
pub mod web;
