//! How strong one gateway heard one beacon, hour by hour.
//!
//! In: the strength of an hour that is over. Out: what it was in an hour; what is typical.
//! Three weeks are kept, in one byte an hour. Typical is the median of the days' medians: neither a
//! trolley for an hour nor a Saturday for a day changes it.
//! Invariant: an hour in which nothing was heard is known as such; hours do not run backwards.

/// Hours that are kept: three weeks.
pub const HOURS_KEPT: usize = 21 * DAY_HOURS;
/// Hours in a day.
pub const DAY_HOURS: usize = 24;
/// As in HCI (Core specification, volume 4, part E, 7.7.65.2): no strength.
const NOT_HEARD: i8 = 127;
/// A day counts from so many hours in which it was heard.
const DAY_HEARD_MIN: usize = 6;
/// It is known how strong it usually is after so many days.
const DAYS_MIN: usize = 3;
/// No link is quieter than this from day to day, however few days there are to tell from.
const SPREAD_DB_MIN: f32 = 1.5;
/// Makes the median of absolute deviations a standard deviation, for a normal distribution.
const MAD_TO_SPREAD: f32 = 1.4826;

/// One byte an hour, the oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Track {
    last_hour: u64,
    hours: Vec<i8>,
}

/// What is usual.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Typical {
    /// The median of the days' medians.
    pub dbm: f32,
    /// How far days usually are from it, as a standard deviation.
    pub spread_db: f32,
}

impl Track {
    /// As it was kept.
    pub fn from_bytes(last_hour: u64, bytes: &[u8]) -> Self {
        let skip = bytes.len().saturating_sub(HOURS_KEPT);
        let hours = bytes.iter().skip(skip).map(|b| b.cast_signed());
        Self {
            last_hour,
            hours: hours.collect(),
        }
    }

    /// As it is kept, with the hour of the last byte.
    pub fn to_bytes(&self) -> (u64, Vec<u8>) {
        let bytes = self.hours.iter().map(|dbm| dbm.cast_unsigned());
        (self.last_hour, bytes.collect())
    }

    /// The strength of an hour that is over, counted from 1970.
    pub fn push(&mut self, hour: u64, dbm: i8) {
        if !self.hours.is_empty() && hour <= self.last_hour {
            return;
        }
        let passed = hour.saturating_sub(self.last_hour).saturating_sub(1);
        let silent = usize::try_from(passed).unwrap_or(HOURS_KEPT);
        if self.hours.is_empty() || silent >= HOURS_KEPT {
            self.hours.clear();
        } else {
            self.hours.extend(std::iter::repeat_n(NOT_HEARD, silent));
        }
        self.hours.push(dbm.min(NOT_HEARD - 1));
        let too_many = self.hours.len().saturating_sub(HOURS_KEPT);
        self.hours.drain(..too_many);
        self.last_hour = hour;
    }

    /// How strong it was in an hour; none: it was not heard.
    pub fn at(&self, hour: u64) -> Option<i8> {
        let back = usize::try_from(self.last_hour.checked_sub(hour)?).ok()?;
        let at = self.hours.len().checked_sub(back + 1)?;
        self.hours.get(at).copied().filter(|dbm| *dbm != NOT_HEARD)
    }

    /// What was usual before an hour; none: too few days are known.
    pub fn typical(&self, before_hour: u64) -> Option<Typical> {
        let mut days = Vec::with_capacity(HOURS_KEPT / DAY_HOURS);
        let mut heard: Vec<i8> = Vec::with_capacity(DAY_HOURS);
        let mut end = before_hour;
        for _ in 0..HOURS_KEPT / DAY_HOURS {
            let start = end.saturating_sub(DAY_HOURS as u64);
            heard.clear();
            heard.extend((start..end).filter_map(|hour| self.at(hour)));
            if heard.len() >= DAY_HEARD_MIN {
                heard.sort_unstable();
                let upper = heard.get(heard.len() / 2).copied();
                let lower = heard.get((heard.len() - 1) / 2).copied();
                let both = lower.zip(upper);
                days.extend(both.map(|(a, b)| f32::midpoint(a.into(), b.into())));
            }
            end = start;
        }
        if days.len() < DAYS_MIN {
            return None;
        }
        let dbm = median(&mut days)?;
        let mut apart: Vec<f32> = days.iter().map(|day| (day - dbm).abs()).collect();
        let spread_db = median(&mut apart)? * MAD_TO_SPREAD;
        Some(Typical {
            dbm,
            spread_db: spread_db.max(SPREAD_DB_MIN),
        })
    }
}

/// The middle one, or between the two middle ones.
pub fn median(of: &mut [f32]) -> Option<f32> {
    of.sort_unstable_by(f32::total_cmp);
    let upper = of.get(of.len() / 2)?;
    if of.len() % 2 == 1 {
        return Some(*upper);
    }
    let lower = of.get((of.len() / 2).checked_sub(1)?)?;
    Some(f32::midpoint(*lower, *upper))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_are_kept_with_their_gaps_for_three_weeks() {
        let mut track = Track::default();
        track.push(1_000, -60);
        track.push(1_003, -62);
        track.push(1_003, -90);
        track.push(1_001, -90);
        let read = |track: &Track| [999, 1_000, 1_001, 1_003, 1_004].map(|hour| track.at(hour));
        let known = [None, Some(-60), None, Some(-62), None];
        assert_eq!(read(&track), known);
        let (last, bytes) = track.to_bytes();
        assert_eq!(read(&Track::from_bytes(last, &bytes)), known);
        for hour in 1_004..1_000 + HOURS_KEPT as u64 {
            track.push(hour, -70);
        }
        assert_eq!(track.at(1_000), Some(-60));
        track.push(1_000 + HOURS_KEPT as u64, -70);
        assert_eq!((track.at(1_000), track.at(1_003)), (None, Some(-62)));
        track.push(9_000_000, -50);
        assert_eq!(track.to_bytes(), (9_000_000, vec![206]));
    }

    #[test]
    fn typical_is_what_most_days_were_and_one_saturday_is_not_most_days() {
        let mut track = Track::default();
        for hour in 0..10 * 24 {
            let saturday = hour / 24 == 5;
            track.push(hour, if saturday { -72 } else { -60 });
        }
        let typical = track.typical(240).unwrap();
        assert!((typical.dbm + 60.0).abs() < 0.1, "{typical:?}");
        assert!((typical.spread_db - 1.5).abs() < 0.1, "{typical:?}");
        assert_eq!(track.typical(2 * 24), None);
        assert!(track.typical(3 * 24).is_some());
    }
}
