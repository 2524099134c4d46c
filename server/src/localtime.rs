//! The wall clock of a store.
//!
//! In: Unix milliseconds and an IANA time zone. Out: local midnight, minutes of the day.
//! Invariant: time is an argument; the tz database is the one compiled in.

use jiff::{Timestamp, ToSpan, tz::TimeZone};

/// A time zone by its IANA name; an unknown one is UTC (the API refuses one).
pub fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap_or(TimeZone::UTC)
}

/// The Unix time of the last local midnight, and the minutes since it by the wall clock.
pub fn local_day(timezone: &str, now_ms: u64) -> (u64, u16) {
    let zone = zone(timezone);
    let Ok(now) = Timestamp::from_millisecond(i64::try_from(now_ms).unwrap_or(0)) else {
        return (0, 0);
    };
    let local = now.to_zoned(zone);
    let minute =
        u16::try_from(local.hour()).unwrap_or(0) * 60 + u16::try_from(local.minute()).unwrap_or(0);
    let midnight = local
        .start_of_day()
        .unwrap_or_else(|_| local.saturating_sub(24.hours()))
        .timestamp()
        .as_millisecond();
    (u64::try_from(midnight).unwrap_or(0), minute)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn midnight_follows_summer_time() {
        // 2026-03-29 is the day on which Amsterdam loses 02:00 to 03:00. 12:00 CEST = 10:00 UTC.
        let noon_ms = 1_774_778_400_000;
        let (midnight_ms, minute) = local_day("Europe/Amsterdam", noon_ms);
        assert_eq!(minute, 12 * 60);
        assert_eq!(noon_ms - midnight_ms, 11 * 3_600_000);
    }
}
