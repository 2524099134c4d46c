//! The shopper's app: enrol, keys, consent, sightings, messages. `docs/app.md` tells it to an app
//! developer.

pub mod coming;
pub mod consent;
pub mod enrol;
pub mod help;
pub mod loyalty;
pub mod messages;
pub mod push;
pub mod rating;
pub mod share;
pub mod sightings;
mod signed;
