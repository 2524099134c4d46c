//! Whether a fixed beacon still hangs where it hung, by how strong one gateway hears it.
//!
//! In: the median of each status, when it was heard. Out: how strong it is of late and has long
//! been; whether it differs for so long that somebody must have moved it.
//! A full shop swallows some dB for an afternoon, and a trolley before the shelf for an hour; only
//! what stays for a day is news. While it differs the long value waits; after a week it gives in,
//! since nobody who wanted it back left it for a week.
//! Invariant: time is an argument; a beacon that is known for less than a day was never moved.

const HOUR_MS: u64 = 3_600_000;
const DAY_MS: u64 = 24 * HOUR_MS;
/// The long value follows over this time.
const LONG_MS: u64 = 7 * DAY_MS;
/// A difference of this many dB is another place: about 2.5 times as far, or behind a wall.
const SHIFT_DB: f32 = 8.0;
/// It must last this long ...
const SHIFTED_FOR_MS: u64 = DAY_MS;
/// ... and is taken for the new place after this.
const SETTLED_AFTER_MS: u64 = 8 * DAY_MS;

/// How strong one gateway hears one beacon.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Strength {
    /// Over the last hour.
    pub hour_dbm: f32,
    /// For as long as it is known.
    pub long_dbm: f32,
    /// When it was first heard here.
    pub known_since_ms: u64,
    /// When it was last judged.
    pub judged_ms: u64,
    /// Since when both values differ.
    pub shifted_since_ms: Option<u64>,
}

impl Strength {
    /// A beacon that is heard for the first time.
    pub fn first(rssi_dbm: i8, at_ms: u64) -> Self {
        Self {
            hour_dbm: rssi_dbm.into(),
            long_dbm: rssi_dbm.into(),
            known_since_ms: at_ms,
            judged_ms: at_ms,
            shifted_since_ms: None,
        }
    }

    /// Another median.
    pub fn heard(self, rssi_dbm: i8, at_ms: u64) -> Self {
        let passed_ms = at_ms.saturating_sub(self.judged_ms);
        let age_ms = at_ms.saturating_sub(self.known_since_ms);
        let mut next = Self {
            hour_dbm: toward(self.hour_dbm, rssi_dbm.into(), passed_ms, HOUR_MS),
            judged_ms: at_ms.max(self.judged_ms),
            ..self
        };
        let differs = (next.hour_dbm - self.long_dbm).abs() >= SHIFT_DB;
        if differs && age_ms >= DAY_MS {
            let since_ms = self.shifted_since_ms.unwrap_or(at_ms);
            if at_ms.saturating_sub(since_ms) >= SETTLED_AFTER_MS {
                return Self::first(rssi_dbm, at_ms);
            }
            next.shifted_since_ms = Some(since_ms);
        } else {
            let over_ms = age_ms.clamp(HOUR_MS, LONG_MS);
            next.long_dbm = toward(self.long_dbm, rssi_dbm.into(), passed_ms, over_ms);
            next.shifted_since_ms = None;
        }
        next
    }

    /// Since when it hangs elsewhere, and by how many dB it is stronger there; none: it does not.
    pub fn moved(&self, now_ms: u64) -> Option<(u64, i8)> {
        let since_ms = self.shifted_since_ms?;
        // Between two values that fit an i8; a difference that does not is shown as the largest.
        #[expect(clippy::cast_possible_truncation, reason = "float casts saturate")]
        let stronger_db = (self.hour_dbm - self.long_dbm).round() as i8;
        (now_ms.saturating_sub(since_ms) >= SHIFTED_FOR_MS).then_some((since_ms, stronger_db))
    }
}

/// An exponential average: after `over_ms` about two thirds of the way is gone.
#[expect(
    clippy::cast_precision_loss,
    reason = "a week of milliseconds, for a weight"
)]
fn toward(from: f32, to: f32, passed_ms: u64, over_ms: u64) -> f32 {
    let weight = 1.0 - (-(passed_ms as f32) / over_ms as f32).exp();
    from + (to - from) * weight
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE_MS: u64 = 60_000;

    /// A beacon of −60 dBm that is known for a week, then this.
    fn then(hours: u64, rssi_dbm: impl Fn(u64) -> i8) -> (Strength, u64) {
        let mut strength = Strength::first(-60, 0);
        for at_ms in (0..LONG_MS).step_by(MINUTE_MS as usize) {
            strength = strength.heard(-60, at_ms);
        }
        let until_ms = LONG_MS + hours * HOUR_MS;
        for at_ms in (LONG_MS..until_ms).step_by(MINUTE_MS as usize) {
            strength = strength.heard(rssi_dbm((at_ms - LONG_MS) / HOUR_MS), at_ms);
        }
        (strength, until_ms)
    }

    #[test]
    fn a_beacon_is_moved_when_it_differs_for_a_day() {
        for (what, hours, rssi_dbm, moved_db) in [
            ("as ever", 48, -60, None),
            ("a trolley before it", 1, -75, None),
            ("not yet a day", 23, -49, None),
            ("a day and an hour or two", 27, -49, Some(11)),
            ("further away", 27, -72, Some(-12)),
            ("less than 8 dB", 48, -53, None),
            ("left there for more than a week", 9 * 24, -49, None),
        ] {
            let (strength, now_ms) = then(hours, |_| rssi_dbm);
            let moved = strength.moved(now_ms).map(|(_, db)| db);
            assert_eq!(moved, moved_db, "{what}: {strength:?}");
        }
    }

    #[test]
    fn an_afternoon_full_of_people_each_day_is_no_move() {
        let (strength, now_ms) = then(72, |hour| if hour % 24 < 8 { -71 } else { -60 });
        assert_eq!(strength.moved(now_ms), None, "{strength:?}");
    }

    #[test]
    fn hung_back_it_is_where_it_was() {
        let (strength, now_ms) = then(72, |hour| if hour < 48 { -45 } else { -60 });
        assert_eq!(strength.moved(now_ms), None);
        assert!((strength.long_dbm + 60.0).abs() < 1.0, "{strength:?}");
    }

    #[test]
    fn a_beacon_that_was_just_hung_up_may_be_shifted_about() {
        let mut strength = Strength::first(-60, 0);
        for at_ms in (0..DAY_MS * 3).step_by(MINUTE_MS as usize) {
            let rssi_dbm = if at_ms < 6 * HOUR_MS { -60 } else { -45 };
            strength = strength.heard(rssi_dbm, at_ms);
        }
        assert_eq!(strength.moved(DAY_MS * 3), None, "{strength:?}");
    }
}
