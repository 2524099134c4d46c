//! How strong one gateway hears a fixed beacon, over an hour.
//!
//! In: the median of each status, when it was heard. Out: the strength of the hour that ended meanwhile,
//! for the [`super::track`].
//! Invariant: time is an argument.

use super::pattern::HOUR_MS;

/// How strong one gateway hears one beacon.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Strength {
    /// Over the last hour.
    pub hour_dbm: f32,
    /// When it was last judged.
    pub judged_ms: u64,
}

impl Strength {
    /// A beacon that is heard for the first time.
    pub fn first(rssi_dbm: i8, at_ms: u64) -> Self {
        Self {
            hour_dbm: rssi_dbm.into(),
            judged_ms: at_ms,
        }
    }

    /// Another median, and the hour that is over with it: which, and how strong it was.
    pub fn heard(self, rssi_dbm: i8, at_ms: u64) -> (Self, Option<(u64, i8)>) {
        let passed_ms = at_ms.saturating_sub(self.judged_ms);
        let next = Self {
            hour_dbm: toward(self.hour_dbm, rssi_dbm.into(), passed_ms),
            judged_ms: at_ms.max(self.judged_ms),
        };
        let hour = self.judged_ms / HOUR_MS;
        #[expect(clippy::cast_possible_truncation, reason = "float casts saturate")]
        let dbm = self.hour_dbm.round() as i8;
        (next, (at_ms / HOUR_MS > hour).then_some((hour, dbm)))
    }
}

/// An exponential average: after an hour about two thirds of the way is gone.
#[expect(clippy::cast_precision_loss, reason = "for a weight")]
fn toward(from: f32, to: f32, passed_ms: u64) -> f32 {
    let weight = 1.0 - (-(passed_ms as f32) / HOUR_MS as f32).exp();
    from + (to - from) * weight
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_is_told_once_when_it_is_over() {
        let minute_ms = HOUR_MS / 60;
        let mut strength = Strength::first(-60, 0);
        let mut told = Vec::new();
        for minute in 1..=180 {
            let rssi_dbm = if minute <= 60 { -60 } else { -70 };
            let (next, over) = strength.heard(rssi_dbm, minute * minute_ms);
            strength = next;
            told.extend(over);
        }
        // Of the second hour two thirds of the change, of the third nearly all.
        assert_eq!(told, [(0, -60), (1, -66), (2, -69)]);
    }

    #[test]
    fn after_a_silence_it_is_as_strong_as_it_now_is() {
        let (strength, over) = Strength::first(-60, 0).heard(-80, 9 * HOUR_MS);
        assert!((strength.hour_dbm + 80.0).abs() < 0.1, "{strength:?}");
        assert_eq!(over, Some((0, -60)));
    }
}
