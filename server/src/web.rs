//! The pages: what staff and shoppers see.
//!
//! In: plain views (who waits where, what lies ready) and the time. Out: HTML as text.
//! Promises: everything is escaped, everything reads without scripts, Dutch first.
//! Invariant: views and templates read no clock, disk or database; `routes`, `login`, `staff`,
//! `manager` and `shopper` gather what they show.

pub mod assets;
pub mod board;
pub mod campaigns;
pub mod collect;
mod collector;
pub mod doorway;
pub mod figures;
pub mod fleet;
pub mod gateways;
pub mod i18n;
pub mod integrations;
pub mod kept;
pub mod lintel;
mod login;
pub mod logins;
mod manager;
pub mod map;
pub mod messages;
mod notify;
pub mod phone;
mod plan;
pub mod porch;
pub mod qr;
pub mod routes;
pub mod search;
mod shopper;
pub mod staff;
pub mod till;
pub mod trial;
pub mod trials;
pub mod views;
pub mod visit;
pub mod walk;

#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod tests;
