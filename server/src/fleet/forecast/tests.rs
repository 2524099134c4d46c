use super::*;

const HOUR_MS: u64 = 3_600_000;
const START_DAY: u64 = 20_000;

/// A cell that lasts so many days, as it would be at 20 °C after some of them: what is left falls by the
/// same each day, and the voltage by the curve.
fn mv_at(day: f32, lasts_days: f32) -> f32 {
    let left = 1_000.0 * (1.0 - day / lasts_days);
    let mut mv = 3_000.0;
    while battery::permille(mv) > left && mv > 1_900.0 {
        mv -= 1.0;
    }
    mv
}

/// Says what a beacon says every hour, from one day to another; `°C` by hour, and what a degree costs.
fn run(
    cell: &mut Cell,
    days: std::ops::Range<u16>,
    mv: impl Fn(f32) -> f32,
    celsius: impl Fn(f32) -> f32,
    mv_a_degree: f32,
) {
    for hour in u64::from(days.start) * 24..u64::from(days.end) * 24 {
        let at = u16::try_from(hour).map(f32::from).unwrap() / 24.0;
        let degrees = celsius(at);
        // Beacons tell tens of millivolts.
        let said = (mv(at) - mv_a_degree * (20.0 - degrees)) / 10.0;
        let at_ms = START_DAY * DAY_MS + hour * HOUR_MS;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "small"
        )]
        cell.said(
            said.round() as u16 * 10,
            Some((degrees * 100.0) as i16),
            at_ms,
        );
    }
}

/// A shop by day and night, with a cold week each month.
fn shop_c(day: f32) -> f32 {
    let night = if (0.3..0.8).contains(&day.fract()) {
        0.0
    } else {
        -4.0
    };
    let cold = if day % 28.0 < 7.0 { -5.0 } else { 0.0 };
    20.0 + night + cold
}

fn in_days(at_ms: u64, now_day: u16) -> f32 {
    let now_ms = (START_DAY + u64::from(now_day)) * DAY_MS;
    #[expect(clippy::cast_precision_loss, reason = "days")]
    let days = (at_ms as f64 - now_ms as f64) / DAY_MS as f64;
    #[expect(clippy::cast_possible_truncation, reason = "days")]
    let days = days as f32;
    days
}

#[test]
fn a_cell_that_runs_down_is_seen_coming_and_the_days_come_true() {
    for lasts in [120_u16, 300] {
        let of = f32::from(lasts);
        let mut cell = Cell::default();
        let mut day = 0;
        for until in (10..lasts).step_by(10) {
            run(&mut cell, day..until, |at| mv_at(at, of), shop_c, 4.0);
            day = until;
            let left_days = of - f32::from(day);
            let Some(forecast) = cell.forecast() else {
                assert!(left_days > of / 2.0, "{left_days} of {of} days left");
                continue;
            };
            let said = in_days(forecast.empty_ms, day);
            let soonest = in_days(forecast.empty_at_soonest_ms, day);
            assert!(soonest <= said, "{soonest} {said}");
            // A fifth, and a week: the curve is four lines, and the noise is of tens of millivolts.
            let off = (said - left_days).abs();
            assert!(
                off <= 7.0 + left_days / 5.0,
                "{left_days} days left, said {said}, {lasts}"
            );
            assert!(
                soonest <= left_days + 3.0,
                "{left_days} left, {soonest} at the soonest"
            );
        }
    }
}

#[test]
fn a_cold_month_is_no_empty_cell_whatever_a_degree_costs_really() {
    for mv_a_degree in [2.0, 4.0, 6.0] {
        let mut cell = Cell::default();
        // It falls from 20 to 5 °C in five weeks, in a cell that lasts for years.
        let celsius = |day: f32| 20.0 - (day / 35.0 * 15.0).min(15.0);
        run(
            &mut cell,
            0..60,
            |at| mv_at(at + 600.0, 2_000.0),
            celsius,
            mv_a_degree,
        );
        let soon = cell
            .forecast()
            .is_some_and(|f| in_days(f.empty_at_soonest_ms, 60) < 60.0);
        assert!(!soon, "{mv_a_degree}: {:?}", cell.forecast());
    }
}

#[test]
fn what_is_not_known_is_not_said() {
    let mut full = Cell::default();
    run(&mut full, 0..60, |_| 3_050.0, shop_c, 4.0);
    assert_eq!(full.forecast(), None, "fuller than the curve tells");
    let mut flat = Cell::default();
    run(&mut flat, 0..60, |_| 2_880.0, shop_c, 4.0);
    assert_eq!(flat.forecast(), None, "it does not fall");
    let mut short = Cell::default();
    run(&mut short, 0..9, |at| 2_800.0 - at * 10.0, shop_c, 4.0);
    assert_eq!(short.forecast(), None, "too few days");
    let mut noise = Cell::default();
    let up_and_down = |at: f32| 2_850.0 - 2.0 * at + 150.0 * (at * 0.9).sin();
    run(&mut noise, 0..60, up_and_down, shop_c, 4.0);
    assert_eq!(noise.forecast(), None, "up and down");
    assert_eq!(Cell::default().forecast(), None);
}

#[test]
fn the_time_in_which_it_was_full_says_nothing_of_how_fast_it_falls() {
    let mut cell = Cell::default();
    run(&mut cell, 0..40, |_| 3_050.0, shop_c, 4.0);
    run(&mut cell, 40..60, |at| mv_at(at - 40.0, 60.0), shop_c, 4.0);
    let said = in_days(cell.forecast().unwrap().empty_ms, 60);
    assert!((said - 40.0).abs() <= 15.0, "{said}");
}

#[test]
fn a_new_cell_begins_anew() {
    let mut cell = Cell::default();
    run(&mut cell, 0..80, |at| mv_at(at + 30.0, 120.0), shop_c, 4.0);
    assert!(in_days(cell.forecast().unwrap().empty_at_soonest_ms, 80) < 20.0);
    run(&mut cell, 80..110, |_| 3_050.0, shop_c, 4.0);
    assert_eq!(cell.forecast(), None);
}

#[test]
fn a_third_of_nonsense_and_days_without_a_word_change_little() {
    let mut cell = Cell::default();
    let odd = |at: f32| if (at * 3.0).fract() < 0.2 { 150.0 } else { 0.0 };
    for day in (0..70).filter(|day| day % 4 != 3) {
        run(
            &mut cell,
            day..day + 1,
            |at| mv_at(at + 30.0, 120.0) - odd(at),
            shop_c,
            4.0,
        );
    }
    let said = in_days(cell.forecast().unwrap().empty_ms, 70);
    assert!((said - 20.0).abs() <= 9.0, "{said}");
}

#[test]
fn it_is_kept_as_it_was() {
    let mut cell = Cell::default();
    run(&mut cell, 0..30, |at| mv_at(at + 30.0, 120.0), shop_c, 4.0);
    let (slow, last, bytes) = cell.to_bytes();
    assert_eq!(Cell::from_bytes(slow, last, &bytes), cell);
    assert!(bytes.len() <= 2 * DAYS_KEPT);
}
