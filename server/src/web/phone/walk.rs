//! Her wishlist as a walk through the store: where each thing stands, and how many there are.
//!
//! In: the stops in their order, what waits at each. Out: one tile.
//! Invariant: says of a place "we think", and of stock what the store last told.

use askama::Template;

use crate::web::{
    i18n::Texts,
    views::{Icon, RenderError, render},
};

/// The walk.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WalkView {
    /// Since when she is in the store; none: she is not.
    pub here_since_ms: Option<u64>,
    /// In the order of the walk.
    pub stops: Vec<StopView>,
    /// What this store does not have.
    pub elsewhere: Vec<ItemView>,
}

/// A zone that has something for her.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StopView {
    /// Its name.
    pub zone: String,
    /// We think that she stands here.
    pub lit: bool,
    /// About how far from the stop before; none: not known.
    pub way_m: Option<u32>,
    /// What is there.
    pub items: Vec<ItemView>,
}

/// One thing of her list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemView {
    /// Its name, with its variant.
    pub name: String,
    /// The shelf.
    pub shelf: Option<String>,
    /// Pieces in this store.
    pub stock: u32,
    /// Other stores that have it.
    pub stores: Vec<String>,
}

impl ItemView {
    /// How many there are, in a few words.
    pub fn stock_words(&self, t: &Texts) -> String {
        match (self.stock, self.stores.as_slice()) {
            (0, []) => t.get("walk-nowhere"),
            (0, stores) => t.with("walk-elsewhere", "stores", stores.join(", ")),
            (1, _) => t.get("walk-last"),
            (stock, _) => t.with("walk-stock", "stock", stock),
        }
    }
}

impl WalkView {
    fn here_count(&self) -> usize {
        self.stops.iter().map(|stop| stop.items.len()).sum()
    }

    fn all_count(&self) -> usize {
        self.here_count() + self.elsewhere.len()
    }
}

impl StopView {
    fn heading(&self, t: &Texts) -> String {
        match self.way_m {
            _ if self.lit => t.with("walk-lit", "zone", self.zone.clone()),
            Some(way_m) if way_m > 0 => {
                t.with2("walk-way", "zone", self.zone.clone(), "metres", way_m)
            }
            _ => self.zone.clone(),
        }
    }
}

#[derive(Template)]
#[template(path = "list.html")]
struct WalkTemplate<'a> {
    t: &'a Texts,
    walk: &'a WalkView,
}

/// The tile.
pub(super) fn render_walk(t: &Texts, walk: &WalkView) -> Result<String, RenderError> {
    render("list", &WalkTemplate { t, walk })
}
