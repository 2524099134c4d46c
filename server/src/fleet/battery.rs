//! How full a coin cell is.
//!
//! In: a voltage, as the beacon says it. Out: percent; whether it is time for another.
//! The curve is that of a lithium manganese dioxide coin cell in four straight lines, as Nordic
//! Semiconductor publishes it with its nRF5 SDK (`lib_battery_level.c`) for the CR2032. A CR2477
//! is the same chemistry with more of it, so the same voltages. It knows nothing of cold and of
//! load: good enough to say "this month", not "on Thursday".
//! Invariant: no voltage is no percentage; a beacon on the mains says 0, and is not empty.

/// Millivolts and the percentage left there; straight lines in between.
const CURVE: [(u16, u16); 5] = [
    (2_100, 0),
    (2_440, 6),
    (2_740, 18),
    (2_900, 42),
    (3_000, 100),
];

/// Below this a cell is to be changed, in percent. It is about 2.75 V: the knee of the curve, from
/// where a shelf beacon still sends for weeks.
const LOW_BELOW: u8 = 20;
/// Low until it is this full again, in percent: voltage follows the temperature of the shop.
const GOOD_FROM: u8 = 25;

/// What is left, in percent; none: it does not say.
pub fn percent(battery_mv: Option<u16>) -> Option<u8> {
    let mv = battery_mv.filter(|mv| *mv > 0)?;
    let left = CURVE.windows(2).find_map(|ends| match ends {
        [(low_mv, low), (high_mv, high)] if mv < *high_mv => {
            let above_mv = u32::from(mv.saturating_sub(*low_mv));
            let rise = u32::from(high - low) * above_mv / u32::from(high_mv - low_mv);
            u8::try_from(u32::from(*low) + rise).ok()
        }
        _ => None,
    });
    Some(left.unwrap_or(100))
}

/// The same of a voltage that is an average, in permille.
pub(super) fn permille(mv: f32) -> f32 {
    let left = CURVE.windows(2).find_map(|ends| match ends {
        [(low_mv, low), (high_mv, high)] if mv < f32::from(*high_mv) => {
            let above_mv = (mv - f32::from(*low_mv)).max(0.0);
            let a_mv = f32::from(high - low) / f32::from(high_mv - low_mv);
            Some(10.0 * (f32::from(*low) + a_mv * above_mv))
        }
        _ => None,
    });
    left.unwrap_or(1_000.0)
}

/// Since when it is low, after a voltage that was heard at `at_ms`; `before` is since when it was.
pub fn low_since(before: Option<u64>, battery_mv: Option<u16>, at_ms: u64) -> Option<u64> {
    let left = percent(battery_mv)?;
    match before {
        None => (left < LOW_BELOW).then_some(at_ms),
        Some(since_ms) => (left < GOOD_FROM).then_some(since_ms),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_follow_the_published_curve() {
        for (mv, left) in [
            (u16::MAX, 100),
            (3_000, 100),
            (2_950, 71),
            (2_900, 42),
            (2_820, 30),
            (2_740, 18),
            (2_590, 12),
            (2_440, 6),
            (2_270, 3),
            (2_100, 0),
            (1_800, 0),
            (1, 0),
        ] {
            assert_eq!(percent(Some(mv)), Some(left), "{mv} mV");
        }
    }

    #[test]
    fn no_voltage_is_no_percentage_and_never_low() {
        for none in [None, Some(0)] {
            assert_eq!(percent(none), None);
            assert_eq!(low_since(Some(1), none, 2), None);
        }
    }

    #[test]
    fn a_cell_that_warms_up_a_little_is_still_low_and_a_new_one_is_not() {
        let (low, warmer, new) = (Some(2_750), Some(2_780), Some(3_010));
        assert_eq!(low_since(None, low, 1), Some(1));
        assert_eq!(low_since(None, warmer, 1), None);
        assert_eq!(low_since(Some(1), warmer, 2), Some(1));
        assert_eq!(low_since(Some(1), new, 3), None);
    }
}
