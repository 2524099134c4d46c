//! Stub.

pub mod web;
