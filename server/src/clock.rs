//! The one place of the server that reads a clock.
//!
//! Out: Unix milliseconds. Everything below the edge gets time as an argument.
//! Invariant: no other module of the server calls `now()`.

use std::time::{SystemTime, UNIX_EPOCH};

/// Unix milliseconds; 0 if the machine believes it is before 1970.
pub fn now_ms() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
