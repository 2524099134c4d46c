//! The wall clock of a store.
//!
//! In: Unix milliseconds and an IANA time zone. Out: local midnight, minute and day of the week.
//! Invariant: time is an argument; the tz database is the one compiled in.

use jiff::{Timestamp, ToSpan, tz::TimeZone};

/// A time zone by its IANA name; an unknown one is UTC (the API refuses one).
pub fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap_or(TimeZone::UTC)
}

/// A moment as RFC 3339 writes it, in UTC.
pub fn rfc3339(at_ms: u64) -> String {
    let at = i64::try_from(at_ms)
        .ok()
        .and_then(|ms| Timestamp::from_millisecond(ms).ok());
    at.unwrap_or_default().to_string()
}

/// A moment by the wall clock of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalDay {
    /// The Unix time of the last local midnight.
    pub midnight_ms: u64,
    /// The Unix time of the next one; 23 to 25 hours later.
    pub next_midnight_ms: u64,
    /// Minutes since it by the wall clock.
    pub minute: u16,
    /// 1 (Monday) to 7 (ISO 8601).
    pub weekday: u8,
}

/// A moment by the wall clock of a time zone.
pub fn local_day(timezone: &str, now_ms: u64) -> LocalDay {
    let zone = zone(timezone);
    let now = i64::try_from(now_ms)
        .ok()
        .and_then(|ms| Timestamp::from_millisecond(ms).ok());
    let local = now.unwrap_or_default().to_zoned(zone);
    let minute =
        u16::try_from(local.hour()).unwrap_or(0) * 60 + u16::try_from(local.minute()).unwrap_or(0);
    let midnight = local
        .start_of_day()
        .unwrap_or_else(|_| local.saturating_sub(24.hours()))
        .timestamp()
        .as_millisecond();
    let tomorrow = local.tomorrow().and_then(|day| day.start_of_day());
    let next = tomorrow.unwrap_or_else(|_| local.saturating_add(24.hours()));
    LocalDay {
        midnight_ms: u64::try_from(midnight).unwrap_or(0),
        next_midnight_ms: u64::try_from(next.timestamp().as_millisecond()).unwrap_or(0),
        minute,
        weekday: u8::try_from(local.weekday().to_monday_one_offset()).unwrap_or(1),
    }
}

/// The day of a moment by the wall clock of a time zone, `2026-11-21`.
pub fn date(timezone: &str, at_ms: u64) -> String {
    let at = i64::try_from(at_ms)
        .ok()
        .and_then(|ms| Timestamp::from_millisecond(ms).ok());
    at.unwrap_or_default()
        .to_zoned(zone(timezone))
        .date()
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn midnight_follows_summer_time() {
        // 2026-03-29 is the day on which Amsterdam loses 02:00 to 03:00. 12:00 CEST = 10:00 UTC.
        let noon_ms = 1_774_778_400_000;
        let day = local_day("Europe/Amsterdam", noon_ms);
        assert_eq!((day.minute, day.weekday), (12 * 60, 7));
        assert_eq!(noon_ms - day.midnight_ms, 11 * 3_600_000);
        assert_eq!(day.next_midnight_ms - noon_ms, 12 * 3_600_000);
    }
}
