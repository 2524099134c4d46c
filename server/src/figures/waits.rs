//! What waiting at the desk comes to.
//!
//! In: rows of episodes that are over, without a person. Out: how many were served, how long they
//! waited, in all and by hour, weekday, day and kind.
//! Promises: numbers are exact, as they are about our service; a mark is told from
//! [`RATINGS_MIN`] of them on, since a single one is somebody's.
//! Invariant: reads no clock and no database; knows no customer and no colleague.

use std::collections::BTreeMap;

use engine::input::OrderKind;
use serde::Serialize;
use utoipa::ToSchema;

/// Who waits longer than this waits too long.
pub const WITHIN_MS: u64 = 120_000;
/// Marks that a mean is told of, at least.
pub const RATINGS_MIN: usize = 5;

/// An episode that is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wait {
    /// The day on which she came, `2026-11-21`.
    pub day: String,
    /// The hour in which she came, by the store's clock.
    pub hour: u8,
    /// 1 (Monday) to 7.
    pub weekday: u8,
    /// What she came for.
    pub kinds: Vec<OrderKind>,
    /// From when she came until she had it.
    pub wait_ms: Option<u64>,
    /// From when she came until a colleague first took her card.
    pub take_ms: Option<u64>,
    /// Whether she got it.
    pub served: bool,
    /// Her mark, 1 to 5.
    pub rating: Option<u8>,
}

/// What some of them come to.
#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
pub struct Waits {
    /// Who got it.
    pub served: u64,
    /// Who left without it.
    pub departed_unserved: u64,
    /// Half of those served waited no longer.
    pub wait_ms_p50: Option<u64>,
    /// Nine in ten of those served waited no longer.
    pub wait_ms_p90: Option<u64>,
    /// Half of the cards that were taken were taken by then.
    pub take_ms_p50: Option<u64>,
    /// Nine in ten of them.
    pub take_ms_p90: Option<u64>,
    /// Of those served whose wait is known: within [`WITHIN_MS`], in percent, rounded down.
    pub within_percent: Option<u64>,
    /// Marks given.
    pub ratings: u64,
    /// Their mean; none: too few to tell.
    pub rating_mean: Option<f64>,
}

/// All of them, and by what.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct WaitFigures {
    /// All of the period.
    pub all: Waits,
    /// By hour of the day.
    pub by_hour: Vec<(u8, Waits)>,
    /// By weekday, from 1 (Monday).
    pub by_weekday: Vec<(u8, Waits)>,
    /// By day.
    pub by_day: Vec<(String, Waits)>,
    /// By what she came for; who came for two things counts in both.
    pub by_kind: Vec<(OrderKind, Waits)>,
}

impl WaitFigures {
    /// Whether nobody came.
    pub fn is_empty(&self) -> bool {
        self.all.served + self.all.departed_unserved == 0
    }

    /// All parts: by what, of which, and what they come to. Hours have two digits.
    pub fn groups(&self) -> impl Iterator<Item = (&'static str, String, &Waits)> {
        let hours = self.by_hour.iter();
        let hours = hours.map(|(hour, waits)| ("hour", format!("{hour:02}"), waits));
        let weekdays = self.by_weekday.iter();
        let weekdays = weekdays.map(|(day, waits)| ("weekday", day.to_string(), waits));
        let days = self.by_day.iter();
        let days = days.map(|(day, waits)| ("day", day.clone(), waits));
        let kinds = self.by_kind.iter();
        let kinds = kinds.map(|(kind, waits)| ("kind", crate::store::word(kind), waits));
        hours.chain(weekdays).chain(days).chain(kinds)
    }
}

/// Counts.
pub fn wait_figures(rows: &[Wait]) -> WaitFigures {
    WaitFigures {
        all: waits(&rows.iter().collect::<Vec<_>>()),
        by_hour: by(rows, |row| vec![row.hour]),
        by_weekday: by(rows, |row| vec![row.weekday]),
        by_day: by(rows, |row| vec![row.day.clone()]),
        by_kind: by(rows, |row| row.kinds.clone()),
    }
}

fn by<K: Ord>(rows: &[Wait], keys: impl Fn(&Wait) -> Vec<K>) -> Vec<(K, Waits)> {
    let mut groups: BTreeMap<K, Vec<&Wait>> = BTreeMap::new();
    for row in rows {
        for key in keys(row) {
            groups.entry(key).or_default().push(row);
        }
    }
    let counted = groups.into_iter().map(|(key, rows)| (key, waits(&rows)));
    counted.collect()
}

fn waits(rows: &[&Wait]) -> Waits {
    let served = || rows.iter().filter(|row| row.served);
    let sorted = |mut lasted_ms: Vec<u64>| {
        lasted_ms.sort_unstable();
        lasted_ms
    };
    let waited = sorted(served().filter_map(|row| row.wait_ms).collect());
    let taken = sorted(rows.iter().filter_map(|row| row.take_ms).collect());
    let marks: Vec<u8> = rows.iter().filter_map(|row| row.rating).collect();
    let sum: f64 = marks.iter().copied().map(f64::from).sum();
    Waits {
        served: served().count() as u64,
        departed_unserved: rows.iter().filter(|row| !row.served).count() as u64,
        wait_ms_p50: quantile(&waited, 50),
        wait_ms_p90: quantile(&waited, 90),
        take_ms_p50: quantile(&taken, 50),
        take_ms_p90: quantile(&taken, 90),
        within_percent: within_percent(&waited),
        ratings: marks.len() as u64,
        #[expect(clippy::cast_precision_loss, reason = "a handful of marks")]
        rating_mean: (marks.len() >= RATINGS_MIN).then(|| sum / marks.len() as f64),
    }
}

/// The smallest value that so many percent do not exceed (nearest rank), of values in order.
pub fn quantile(sorted: &[u64], percent: usize) -> Option<u64> {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied()
}

/// Who waited no longer than [`WITHIN_MS`], in percent, rounded down.
pub fn within_percent(waited_ms: &[u64]) -> Option<u64> {
    let within = waited_ms.iter().filter(|&&ms| ms <= WITHIN_MS).count();
    let percent = (within * 100).checked_div(waited_ms.len())?;
    Some(percent as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn served(hour: u8, wait_s: u64, take_s: u64) -> Wait {
        Wait {
            day: "2026-11-21".into(),
            hour,
            weekday: 6,
            kinds: vec![OrderKind::ClickAndCollect],
            wait_ms: Some(wait_s * 1_000),
            take_ms: Some(take_s * 1_000),
            served: true,
            rating: None,
        }
    }

    fn departed(hour: u8) -> Wait {
        Wait {
            wait_ms: None,
            take_ms: None,
            served: false,
            kinds: vec![OrderKind::Return, OrderKind::ClickAndCollect],
            ..served(hour, 0, 0)
        }
    }

    #[test]
    fn half_and_nine_in_ten_are_values_that_somebody_waited() {
        let to_100: Vec<u64> = (1..=100).collect();
        assert_eq!(quantile(&to_100, 50), Some(50));
        assert_eq!(quantile(&to_100, 90), Some(90));
        assert_eq!(quantile(&[7, 9], 50), Some(7));
        assert_eq!(quantile(&[7, 9], 90), Some(9));
        assert_eq!(quantile(&[], 50), None);
    }

    #[test]
    fn who_left_without_it_counts_as_that_and_in_no_wait() {
        let rows = [served(9, 60, 20), served(9, 180, 40), departed(10)];
        let figures = wait_figures(&rows);
        assert_eq!(figures.all.served, 2);
        assert_eq!(figures.all.departed_unserved, 1);
        assert_eq!(figures.all.wait_ms_p90, Some(180_000));
        assert_eq!(figures.all.take_ms_p50, Some(20_000));
        assert_eq!(figures.all.within_percent, Some(50));
        let hours: Vec<(u8, u64, u64)> = figures
            .by_hour
            .iter()
            .map(|(hour, waits)| (*hour, waits.served, waits.departed_unserved))
            .collect();
        assert_eq!(hours, [(9, 2, 0), (10, 0, 1)]);
        let kinds: Vec<(OrderKind, u64)> = figures
            .by_kind
            .iter()
            .map(|(kind, waits)| (*kind, waits.served + waits.departed_unserved))
            .collect();
        assert_eq!(
            kinds,
            [(OrderKind::ClickAndCollect, 3), (OrderKind::Return, 1)]
        );
    }

    #[test]
    fn a_mark_is_told_once_there_are_five() {
        let marked = |rating| Wait {
            rating: Some(rating),
            ..served(9, 60, 20)
        };
        let mut rows: Vec<Wait> = [5, 4, 4, 3].map(marked).into();
        let four = wait_figures(&rows).all;
        assert_eq!((four.ratings, four.rating_mean), (4, None));
        rows.push(marked(5));
        let five = wait_figures(&rows).all;
        assert_eq!((five.ratings, five.rating_mean), (5, Some(4.2)));
    }

    #[test]
    fn who_was_not_noticed_before_counts_as_served_and_in_no_share() {
        let unseen = Wait {
            wait_ms: None,
            ..served(9, 0, 0)
        };
        let all = wait_figures(&[unseen, served(9, 300, 10)]).all;
        assert_eq!((all.served, all.within_percent), (2, Some(0)));
    }
}
