//! Words with gaps: `Dag {given_name}, deze staan hier: {place}.`
//!
//! In: a campaign's text. Out: the text with its gaps filled, or the name of the gap that nothing
//! fills. The set of gaps is small and fixed; there are no expressions, conditions or filters, so
//! that a marketer can break nothing and a reader sees what will be said.
//! Invariant: a text with a gap that nothing fills is never told.

use std::{collections::BTreeSet, fmt};

use serde::{Deserialize, Serialize};

/// A text as parts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Template(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Words(String),
    Gap(Gap),
}

/// What may stand in a gap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Gap {
    /// Her first name.
    GivenName,
    /// The product's name.
    Product,
    /// Its price in the store, as money.
    Price,
    /// The zone in which it stands.
    Zone,
    /// The shelf, in the shop's own words.
    Shelf,
    /// Zone, and shelf if one is known: never empty for a product that stands in the store.
    Place,
    /// The store's name.
    Store,
    /// What the reward is.
    Reward,
    /// Until when the reward is hers.
    RewardUntil,
}

impl Gap {
    /// All of them, in the order in which a page offers them.
    pub const ALL: [Self; 9] = [
        Self::GivenName,
        Self::Product,
        Self::Price,
        Self::Zone,
        Self::Shelf,
        Self::Place,
        Self::Store,
        Self::Reward,
        Self::RewardUntil,
    ];

    /// As it stands between braces.
    pub fn name(self) -> &'static str {
        match self {
            Self::GivenName => "given_name",
            Self::Product => "product",
            Self::Price => "price",
            Self::Zone => "zone",
            Self::Shelf => "shelf",
            Self::Place => "place",
            Self::Store => "store",
            Self::Reward => "reward",
            Self::RewardUntil => "reward_until",
        }
    }

    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|gap| gap.name() == name)
    }
}

/// Why a text is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TemplateError {
    /// A brace without its other half, at this byte.
    LoneBrace(usize),
    /// No gap has this name.
    NoSuchGap(String),
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LoneBrace(at) => write!(f, "a brace at byte {at} has no other half"),
            Self::NoSuchGap(name) => {
                write!(f, "there is no {{{name}}}; there are")?;
                Gap::ALL
                    .iter()
                    .try_for_each(|gap| write!(f, " {{{}}}", gap.name()))
            }
        }
    }
}

impl std::error::Error for TemplateError {}

impl std::str::FromStr for Template {
    type Err = TemplateError;

    fn from_str(text: &str) -> Result<Self, TemplateError> {
        let mut parts = Vec::new();
        let mut at = 0;
        while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
            let brace = rest.find(['{', '}']);
            let (words, tail) = rest.split_at(brace.unwrap_or(rest.len()));
            if !words.is_empty() {
                parts.push(Part::Words(words.to_owned()));
            }
            if tail.is_empty() {
                break;
            }
            let opened = at + words.len();
            let inside = tail
                .strip_prefix('{')
                .ok_or(TemplateError::LoneBrace(opened))?;
            let (name, _) = inside
                .split_once('}')
                .ok_or(TemplateError::LoneBrace(opened))?;
            let gap = Gap::named(name).ok_or_else(|| TemplateError::NoSuchGap(name.to_owned()))?;
            parts.push(Part::Gap(gap));
            at = opened + name.len() + 2;
        }
        Ok(Self(parts))
    }
}

impl TryFrom<String> for Template {
    type Error = TemplateError;
    fn try_from(text: String) -> Result<Self, TemplateError> {
        text.parse()
    }
}

impl From<Template> for String {
    fn from(template: Template) -> Self {
        template.to_string()
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|part| match part {
            Part::Words(words) => f.write_str(words),
            Part::Gap(gap) => write!(f, "{{{}}}", gap.name()),
        })
    }
}

impl Template {
    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The first gap that is not among these.
    pub fn lacks(&self, filled: &BTreeSet<Gap>) -> Option<Gap> {
        self.gaps().find(|gap| !filled.contains(gap))
    }

    /// Its gaps, in the order of the text.
    pub fn gaps(&self) -> impl Iterator<Item = Gap> + '_ {
        self.0.iter().filter_map(|part| match part {
            Part::Words(_) => None,
            Part::Gap(gap) => Some(*gap),
        })
    }

    /// The text with each gap filled by what `value` gives for it, as it stands: escaping is the
    /// business of whoever shows it. Or the first gap that stays empty.
    pub fn fill(&self, mut value: impl FnMut(Gap) -> Option<String>) -> Result<String, Gap> {
        let mut text = String::new();
        for part in &self.0 {
            match part {
                Part::Words(words) => text.push_str(words),
                Part::Gap(gap) => {
                    let said = value(*gap).filter(|said| !said.trim().is_empty());
                    text.push_str(&said.ok_or(*gap)?);
                }
            }
        }
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_comes_back_as_it_was_written() {
        for text in [
            "",
            "Dag",
            "{given_name}",
            "Dag {given_name}, {product}: {place}. €",
        ] {
            assert_eq!(text.parse::<Template>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_gap_is_refused_with_its_name_or_place() {
        let error = |text: &str| text.parse::<Template>().unwrap_err();
        assert_eq!(error("Dag {naam}"), TemplateError::NoSuchGap("naam".into()));
        assert_eq!(
            error("Dag {1 + 1}"),
            TemplateError::NoSuchGap("1 + 1".into())
        );
        assert_eq!(error("Dag {zone"), TemplateError::LoneBrace(4));
        assert_eq!(error("Dag zone}"), TemplateError::LoneBrace(8));
        let said = error("{x}").to_string();
        assert!(
            said.contains("{given_name}") && said.contains("{reward_until}"),
            "{said}"
        );
    }

    #[test]
    fn an_empty_value_is_a_missing_one() {
        let template: Template = "{product} bij {shelf}".parse().unwrap();
        let value = |gap| Some(if gap == Gap::Product { "Lamp" } else { " " }.to_owned());
        assert_eq!(template.fill(value), Err(Gap::Shelf));
        assert_eq!(
            template.fill(|_| Some("{zone}".into())),
            Ok("{zone} bij {zone}".into())
        );
    }
}
