//! The pages: what staff and shoppers see.
//!
//! In: plain views (who waits where, what lies ready) and the time. Out: HTML as text.
//! Promises: everything is escaped, everything reads without scripts, Dutch first.
//! Invariant: nothing here reads a clock, a disk or a database.

pub mod assets;
pub mod board;
pub mod i18n;
pub mod phone;
pub mod porch;
pub mod views;

#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod tests;
