//! For how long a coin cell still lasts.
//!
//! In: a voltage and a temperature, as a beacon says them; days. Out: days, or nothing where they would
//! be nonsense.
//! Each day's voltage, as it would be at 20 °C, goes through the curve of [`super::battery`], which makes of
//! it what is left. What is left falls by the same each day, for a beacon does the same each day; the slope is Theil
//! and Sen's: the median of all pairs of days that are five days apart or more, so that a third of the days may be wrong.
//! Cold lowers the voltage of such a cell under load: by 4 mV a degree here. Makers draw this and give no
//! figure; read off their curves at 0 and 23 °C it is 2 to 6. In a shop, which is at 15 to 25 °C, being wrong by 2 is 10 mV.
//! Nothing is said before there are ten days over two weeks, while the cell is fuller than the curve tells
//! (3.0 V), when the days do not agree that it falls at all, and beyond two years.
//! Invariant: pure; a cell that was changed begins anew.

use super::battery;

/// Days that are kept.
pub const DAYS_KEPT: usize = 90;
/// Days by which it is judged: what was before says less of what comes.
const JUDGED_DAYS: usize = 60;
const DAYS_MIN: usize = 10;
const SPAN_DAYS_MIN: usize = 14;
/// Days closer than this tell the noise, not the slope.
const APART_DAYS_MIN: usize = 5;
/// How a cell is at another temperature.
const MV_A_DEGREE: f32 = 4.0;
const AT_C: f32 = 20.0;
/// What a thermometer in a beacon says beyond these is its own affair.
const TEMPERATURES_C: (f32, f32) = (-20.0, 45.0);
/// From one day to the next only a new cell rises by this.
const NEW_CELL_MV: f32 = 120.0;
/// Beyond it nobody plans.
const DAYS_MAX: f32 = 730.0;
/// The curve knows nothing of fuller cells.
const FULL_PERMILLE: f32 = 995.0;
const DAY_MS: u64 = 86_400_000;
/// A day's voltage follows over this time: a morning in the cold is not the day.
const SLOW_MS: f32 = 43_200_000.0;

/// What a beacon's cell did, day by day.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Cell {
    /// Of late, at 20 °C, and when; none: it never said.
    slow: Option<(f32, u64)>,
    last_day: u64,
    /// Millivolts at 20 °C, the oldest first; 0: it said nothing that day.
    days_mv: Vec<u16>,
}

/// For how long a cell still lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forecast {
    /// When it will probably be empty.
    pub empty_ms: u64,
    /// When it will be empty if it falls as fast as its worst fifth of days.
    pub empty_at_soonest_ms: u64,
}

impl Cell {
    /// As it was kept.
    pub fn from_bytes(slow: Option<(f32, u64)>, last_day: u64, bytes: &[u8]) -> Self {
        let (pairs, _) = bytes.as_chunks();
        let skip = pairs.len().saturating_sub(DAYS_KEPT);
        let days_mv = pairs.iter().skip(skip).map(|mv| u16::from_le_bytes(*mv));
        Self {
            slow,
            last_day,
            days_mv: days_mv.collect(),
        }
    }

    /// As it is kept: the voltage of late and when, the last day, the days.
    pub fn to_bytes(&self) -> (Option<(f32, u64)>, u64, Vec<u8>) {
        let bytes = self.days_mv.iter().flat_map(|mv| mv.to_le_bytes());
        (self.slow, self.last_day, bytes.collect())
    }

    /// What the beacon said.
    pub fn said(&mut self, battery_mv: u16, temperature_centi_c: Option<i16>, at_ms: u64) {
        let (min, max) = TEMPERATURES_C;
        let at_c = temperature_centi_c.map_or(AT_C, |centi_c| f32::from(centi_c) / 100.0);
        let cold_c = AT_C - at_c.clamp(min, max);
        let mv = f32::from(battery_mv) + MV_A_DEGREE * cold_c;
        let Some((slow_mv, slow_ms)) = self.slow.filter(|(_, slow_ms)| *slow_ms <= at_ms) else {
            self.slow = Some((mv, at_ms));
            return;
        };
        let day = slow_ms / DAY_MS;
        let is_new = mv - slow_mv >= NEW_CELL_MV;
        if at_ms / DAY_MS > day {
            self.end_day(day, slow_mv);
        }
        // A new cell is not the old one that rose slowly.
        let next_mv = if is_new {
            mv
        } else {
            slow_mv + (mv - slow_mv) * weight(at_ms - slow_ms)
        };
        self.slow = Some((next_mv, at_ms));
    }

    fn end_day(&mut self, day: u64, slow_mv: f32) {
        let passed = day.saturating_sub(self.last_day).saturating_sub(1);
        let silent = usize::try_from(passed).unwrap_or(DAYS_KEPT);
        if self.days_mv.is_empty() || silent >= DAYS_KEPT {
            self.days_mv.clear();
        } else {
            self.days_mv.extend(std::iter::repeat_n(0, silent));
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "float casts saturate"
        )]
        self.days_mv.push(slow_mv.round() as u16);
        let too_many = self.days_mv.len().saturating_sub(DAYS_KEPT);
        self.days_mv.drain(..too_many);
        self.last_day = day;
    }

    /// When it will be empty; none: nobody knows.
    pub fn forecast(&self) -> Option<Forecast> {
        let days = self.of_this_cell();
        let (first, last) = (days.first()?.0, days.last()?.0);
        if days.len() < DAYS_MIN || last - first < SPAN_DAYS_MIN {
            return None;
        }
        let mut slopes = slopes(&days);
        slopes.sort_unstable_by(f32::total_cmp);
        let at = |part: f32| slopes.get(index(slopes.len(), part)).copied();
        let (worst, usual, best) = (at(0.2)?, at(0.5)?, at(0.8)?);
        if best >= 0.0 {
            return None;
        }
        // Where the line stands on the last day: the median of what each day says of it.
        let mut levels: Vec<f32> = days
            .iter()
            .map(|(day, left)| left + usual * as_f32(last - day))
            .collect();
        let left = super::track::median(&mut levels)?;
        let empty_ms = |slope: f32| -> Option<u64> {
            let in_days = (left / -slope).max(0.0);
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "up to 730 days"
            )]
            (in_days <= DAYS_MAX)
                .then(|| (self.last_day + 1) * DAY_MS + (in_days * 86_400_000.0) as u64)
        };
        Some(Forecast {
            empty_ms: empty_ms(usual)?,
            empty_at_soonest_ms: empty_ms(worst)?,
        })
    }

    /// Days with what was left, in permille, since the cell was changed and below what the curve tells.
    fn of_this_cell(&self) -> Vec<(usize, f32)> {
        let skip = self.days_mv.len().saturating_sub(JUDGED_DAYS);
        let mut days: Vec<(usize, f32)> = Vec::new();
        let mut before_mv = None;
        for (day, mv) in self.days_mv.iter().enumerate().skip(skip) {
            if *mv == 0 {
                continue;
            }
            let mv = f32::from(*mv);
            if before_mv.is_some_and(|before: f32| mv - before >= NEW_CELL_MV) {
                days.clear();
            }
            before_mv = Some(mv);
            let left = battery::permille(mv);
            if left < FULL_PERMILLE {
                days.push((day, left));
            }
        }
        days
    }
}

fn slopes(days: &[(usize, f32)]) -> Vec<f32> {
    let mut slopes = Vec::with_capacity(days.len() * days.len() / 2);
    for (at, (day, left)) in days.iter().enumerate() {
        for (later, left_later) in days.iter().skip(at + 1) {
            if later - day >= APART_DAYS_MIN {
                slopes.push((left_later - left) / as_f32(later - day));
            }
        }
    }
    slopes
}

#[expect(clippy::cast_precision_loss, reason = "a few thousand at most")]
fn as_f32(number: usize) -> f32 {
    number as f32
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a part of a length"
)]
fn index(len: usize, part: f32) -> usize {
    (as_f32(len) * part) as usize
}

#[expect(clippy::cast_precision_loss, reason = "for a weight")]
fn weight(passed_ms: u64) -> f32 {
    1.0 - (-(passed_ms as f32) / SLOW_MS).exp()
}

#[cfg(test)]
mod tests;
