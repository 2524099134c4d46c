//! Sets of sequence numbers, kept as ranges.
//!
//! In: numbers and ranges in any order. Out: the fewest inclusive ranges that hold them.
//! The same idea as QUIC's ACK ranges (RFC 9000, section 19.3.1): a year of batches that all
//! arrived is one pair of numbers.
//! Invariant: ranges are sorted, do not overlap and do not touch.

use serde::{Deserialize, Serialize};

/// Inclusive ranges. As JSON: `[[1,17],[19,20]]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<(u64, u64)>", into = "Vec<(u64, u64)>")]
pub struct Ranges(Vec<(u64, u64)>);

impl Ranges {
    /// No numbers.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds one number; false if it was there.
    pub fn insert(&mut self, number: u64) -> bool {
        if self.contains(number) {
            return false;
        }
        self.insert_range(number, number);
        true
    }

    /// Adds `first..=last`. A range that runs backwards is ignored.
    pub fn insert_range(&mut self, first: u64, last: u64) {
        if first > last {
            return;
        }
        // Ranges that end before `first - 1` stay; those that touch or overlap are merged.
        let from = self
            .0
            .partition_point(|&(_, end)| end.saturating_add(1) < first);
        let to = self
            .0
            .partition_point(|&(start, _)| start <= last.saturating_add(1));
        let merged = self.0[from..to]
            .iter()
            .fold((first, last), |(a, b), &(start, end)| {
                (a.min(start), b.max(end))
            });
        self.0.splice(from..to, [merged]);
    }

    /// Adds all of `other`.
    pub fn extend(&mut self, other: &Self) {
        for &(first, last) in &other.0 {
            self.insert_range(first, last);
        }
    }

    /// Whether the number is in the set.
    pub fn contains(&self, number: u64) -> bool {
        let at = self.0.partition_point(|&(_, end)| end < number);
        self.0.get(at).is_some_and(|&(start, _)| start <= number)
    }

    /// How many numbers, not how many ranges.
    pub fn count(&self) -> u64 {
        self.0.iter().map(|(start, end)| end - start + 1).sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The ranges in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.0.iter().copied()
    }
}

impl From<Vec<(u64, u64)>> for Ranges {
    fn from(pairs: Vec<(u64, u64)>) -> Self {
        let mut ranges = Self::new();
        for (first, last) in pairs {
            ranges.insert_range(first, last);
        }
        ranges
    }
}
impl From<Ranges> for Vec<(u64, u64)> {
    fn from(ranges: Ranges) -> Self {
        ranges.0
    }
}
impl FromIterator<u64> for Ranges {
    fn from_iter<I: IntoIterator<Item = u64>>(numbers: I) -> Self {
        let mut ranges = Self::new();
        for number in numbers {
            ranges.insert(number);
        }
        ranges
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn neighbours_become_one_range() {
        let ranges: Ranges = [1, 2, 5, 4, 3].into_iter().collect();
        assert_eq!(Vec::from(ranges), [(1, 5)]);
    }

    #[test]
    fn edges_of_u64_do_not_overflow() {
        let mut ranges = Ranges::new();
        ranges.insert_range(u64::MAX, u64::MAX);
        ranges.insert_range(0, 0);
        assert!(ranges.contains(u64::MAX) && ranges.contains(0) && !ranges.contains(1));
    }

    proptest! {
        #[test]
        fn behaves_like_a_set(pairs in prop::collection::vec((0u64..60, 0u64..8), 0..40)) {
            let (mut ranges, mut set) = (Ranges::new(), BTreeSet::new());
            for (first, len) in pairs {
                ranges.insert_range(first, first + len);
                set.extend(first..=first + len);
            }
            prop_assert_eq!(ranges.count(), set.len() as u64);
            prop_assert!((0..80).all(|n| ranges.contains(n) == set.contains(&n)));
            let flat: Vec<_> = ranges.iter().collect();
            prop_assert!(flat.windows(2).all(|w| w[0].1 + 1 < w[1].0));
        }
    }
}
