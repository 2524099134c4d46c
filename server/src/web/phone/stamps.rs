//! Her stamp card: what there is to earn, how far she is, and what she can have at the till.
//!
//! In: the programme's rules and, if she joined, what counts for her. Out: one tile.
//! Invariant: who has not joined sees the offer and its price in data; nothing is filled in.

use std::collections::BTreeSet;

use askama::Template;

use super::{Qr, spelled};
pub use crate::store::loyalty::Kind;
use crate::{
    store::loyalty::rewards::spaced,
    web::{
        i18n::{Money, Texts},
        views::{Icon, RenderError, render},
    },
};

/// Version of the words by which she joins. It is kept with her membership: change it whenever
/// those words change (a test compares).
pub const JOIN_TEXT_VERSION: &str = "2026-11";

/// The programme as she sees it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StampsView {
    /// She joined.
    pub member: bool,
    /// Her tier, in words.
    pub tier: Option<String>,
    /// One for each rule.
    pub cards: Vec<StampCard>,
    /// What she can have now, the first to run out first.
    pub rewards: Vec<RewardView>,
}

/// A rule, and how far she is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StampCard {
    /// What counts.
    pub counts: BTreeSet<Kind>,
    /// Of purchases only those of so much or more.
    pub purchase_min: Option<Money>,
    /// Stamps for a reward.
    pub every: u32,
    /// Stamps that she has.
    pub stamps: u32,
    /// The reward.
    pub reward: String,
}

impl StampCard {
    /// `Bij elke 5 bezoeken: een koffie`.
    fn rule(&self, t: &Texts) -> String {
        let buys = |kind: &Kind| matches!(kind, Kind::PurchaseOnline | Kind::PurchaseStore);
        let kinds: Vec<Kind> = self.counts.iter().copied().collect();
        let key = match kinds.as_slice() {
            [Kind::Visit] => "stamps-per-visits",
            [Kind::CheckIn] => "stamps-per-check-ins",
            [Kind::PurchaseOnline] => "stamps-per-online",
            [Kind::PurchaseStore] => "stamps-per-store",
            all if all.iter().all(buys) => "stamps-per-purchases",
            _ => "stamps-per-mixed",
        };
        let rule = t.with2(key, "every", self.every, "reward", self.reward.clone());
        match &self.purchase_min {
            Some(least) => format!("{rule} {}", t.with("stamps-least", "money", t.money(least))),
            None => rule,
        }
    }

    fn progress(&self, t: &Texts) -> String {
        let left = self.every.saturating_sub(self.stamps);
        t.with2("stamps-progress", "stamps", self.stamps, "left", left)
    }

    /// One for each field of the card: stamped or not.
    fn fields(&self) -> impl Iterator<Item = bool> {
        let stamps = self.stamps;
        (0..self.every).map(move |n| n < stamps)
    }
}

/// A reward that is hers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RewardView {
    /// What it is.
    pub name: String,
    /// What she shows at the till.
    pub code: String,
    /// A moment on its last day.
    pub last_ms: u64,
}

impl RewardView {
    fn spaced(&self) -> String {
        spaced(&self.code)
    }

    fn spelled(&self) -> String {
        spelled(&self.code)
    }

    fn qr(&self) -> Option<Qr> {
        Qr::of(&self.code)
    }
}

#[derive(Template)]
#[template(path = "stamps.html")]
struct StampsTemplate<'a> {
    t: &'a Texts,
    csrf: &'a str,
    stamps: &'a StampsView,
}

/// The tile.
pub(super) fn render_stamps(
    t: &Texts,
    csrf: &str,
    stamps: &StampsView,
) -> Result<String, RenderError> {
    render("stamps", &StampsTemplate { t, csrf, stamps })
}
