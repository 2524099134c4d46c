//! What may be told of a number of people.
//!
//! In: exact counts with the people behind them. Out: numbers rounded to five, or nothing.
//! Promises: a cell of fewer than [`PEOPLE_MIN`] people is not told, and neither is one that would
//! give such a cell away as a total minus the rest ([`Part::of`], [`classes`]).
//! Invariant: no type here keeps an exact count, so that no page, file or log can show one.

use serde::{Serialize, Serializer};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        RefOr, Schema,
        schema::{ObjectBuilder, SchemaType, Type},
    },
};

/// People below which nothing is told of them.
pub const PEOPLE_MIN: u64 = 10;

/// Counts are told in steps of this: who comes or goes is seldom seen in them.
const STEP: u64 = 5;

/// An exact count, on its way into a [`Cell`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Of what is counted: visits, stays, people.
    pub count: u64,
    /// People behind it.
    pub people: u64,
}

impl Tally {
    /// People who are counted themselves.
    pub fn of_people(people: u64) -> Self {
        Self {
            count: people,
            people,
        }
    }
}

/// A count that may be told: rounded to five, or hidden.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cell(Option<u64>);

impl Cell {
    /// Rounds it, or hides it.
    pub fn of(tally: Tally) -> Self {
        let enough = tally.people >= PEOPLE_MIN && tally.count >= PEOPLE_MIN;
        Self(enough.then_some((tally.count + STEP / 2) / STEP * STEP))
    }

    /// The rounded count; none: hidden.
    pub fn shown(self) -> Option<u64> {
        self.0
    }

    /// The sum of what is shown, itself a multiple of five.
    pub fn sum_shown(cells: impl IntoIterator<Item = Self>) -> Self {
        let sum: u64 = cells.into_iter().filter_map(Self::shown).sum();
        Self((sum > 0).then_some(sum))
    }
}

impl Serialize for Cell {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl PartialSchema for Cell {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(SchemaType::from_iter([Type::Integer, Type::Null]))
            .description(Some(
                "Rounded to five; null: fewer than ten people, or a number that would tell of so \
                 few by what it leaves of a total.",
            ))
            .into()
    }
}

impl ToSchema for Cell {}

/// A part of a whole, and its share.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Part {
    /// All of them.
    pub of: Cell,
    /// Those who are meant.
    pub part: Cell,
}

impl Part {
    /// `part` and `rest` together are the whole. The part is hidden too where the rest is of fewer
    /// than ten people: whole minus part would tell of them.
    pub fn of(part: Tally, rest: Tally, people: u64) -> Self {
        let whole = Cell::of(Tally {
            count: part.count + rest.count,
            people,
        });
        let both = Cell::of(part).shown().is_some() && Cell::of(rest).shown().is_some();
        Self {
            of: whole,
            part: match whole.shown() {
                Some(_) if both => Cell::of(part),
                _ => Cell::default(),
            },
        }
    }

    /// The same of people, each of whom is in one of the two.
    pub fn of_people(part: u64, all: u64) -> Self {
        let rest = all.saturating_sub(part);
        Self::of(Tally::of_people(part), Tally::of_people(rest), all)
    }

    /// Percent, of the rounded numbers: it tells no more than they do. None: one of them is hidden.
    pub fn percent(self) -> Option<u64> {
        let (whole, part) = (self.of.shown()?, self.part.shown()?);
        Some((part * 100 + whole / 2) / whole)
    }
}

/// People in classes, each person in one. While those who are hidden are some but fewer than ten
/// together, the smallest class that is shown is hidden with them: whoever knows the total learns of
/// no group under ten. An empty class tells of nobody and takes no other with it.
pub fn classes<const N: usize>(people: [u64; N]) -> [Cell; N] {
    let mut cells = people.map(|n| Cell::of(Tally::of_people(n)));
    loop {
        let both = || people.iter().zip(&cells).enumerate();
        let hidden: u64 = both()
            .filter(|(_, (_, cell))| cell.shown().is_none())
            .map(|(_, (n, _))| n)
            .sum();
        let smallest = both()
            .filter(|(_, (_, cell))| cell.shown().is_some())
            .min_by_key(|(_, (n, _))| **n)
            .map(|(at, _)| at);
        match smallest {
            Some(at) if (1..PEOPLE_MIN).contains(&hidden) => cells[at] = Cell::default(),
            _ => return cells,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(people: u64) -> Option<u64> {
        Cell::of(Tally::of_people(people)).shown()
    }

    #[test]
    fn a_cell_is_rounded_to_five_and_hidden_under_ten() {
        let told = [0, 4, 9, 10, 12, 13, 17, 18, 1_002].map(cell);
        let expected = [10, 10, 15, 15, 20, 1_000].map(Some);
        assert_eq!(told[..3], [None; 3]);
        assert_eq!(told[3..], expected);
        // Many visits of few people are still few people.
        let regulars = Tally {
            count: 40,
            people: 9,
        };
        assert_eq!(Cell::of(regulars).shown(), None);
    }

    #[test]
    fn a_share_needs_ten_on_both_sides_and_is_of_rounded_numbers() {
        assert_eq!(Part::of_people(9, 100).percent(), None);
        assert_eq!(Part::of_people(91, 100).part.shown(), None);
        assert_eq!(Part::of_people(0, 9), Part::default());
        // 258 of 842 are 30.6 percent; 260 of 840 are 31.
        let share = Part::of_people(258, 842);
        assert_eq!(
            (share.of.shown(), share.part.shown()),
            (Some(840), Some(260))
        );
        assert_eq!(share.percent(), Some(31));
    }

    #[test]
    fn hidden_classes_are_ten_people_together_or_nobody() {
        let told = |people| classes(people).map(Cell::shown);
        assert_eq!(told([300, 50, 20, 4]), [Some(300), Some(50), None, None]);
        assert_eq!(told([300, 50, 6, 4]), [Some(300), Some(50), None, None]);
        assert_eq!(
            told([300, 50, 20, 0]),
            [Some(300), Some(50), Some(20), None]
        );
        assert_eq!(told([12, 3, 0, 0]), [None; 4]);
    }
}
