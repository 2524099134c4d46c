//! For which stores a message is, and who may change it.
//!
//! In: a campaign's versions, who asks. Out: what she may do with it.
//! Who runs the chain makes messages for any stores. A manager makes them for her own store alone;
//! those that are for others too she sees, tries and replays, and neither changes nor pauses: what
//! she would stop runs in other stores. Her own day has other means, such as quiet hours.
//! Invariant: a version that runs counts as the newest one does: nobody stops it by way of a draft.

use std::collections::{BTreeMap, BTreeSet};

use engine::campaign::Trigger;
use protocol::StoreId;
use rusqlite::Connection;

use crate::{
    store::{
        StoreError,
        campaigns::{self, CampaignRow},
        shop,
    },
    web::i18n::Texts,
};

/// What somebody may do with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// Change it, and say for which stores it is.
    Choose,
    /// Change it, for her own store.
    Own,
    /// Look at it.
    ReadOnly,
}

/// What she may do with a campaign; none: it is for other stores alone.
pub(super) fn of(
    db: &Connection,
    row: &CampaignRow,
    store: &StoreId,
    runs_chain: bool,
) -> Result<Option<Reach>, StoreError> {
    if runs_chain {
        return Ok(Some(Reach::Choose));
    }
    let only_here = |t: &Trigger| t.stores.len() == 1 && t.stores.contains(store);
    if triggers(db, row)?.iter().all(only_here) {
        return Ok(Some(Reach::Own));
    }
    Ok(concerns(db, row, store)?.then_some(Reach::ReadOnly))
}

/// Whether it runs in this store, or will when its draft does.
pub(super) fn concerns(
    db: &Connection,
    row: &CampaignRow,
    store: &StoreId,
) -> Result<bool, StoreError> {
    Ok(triggers(db, row)?.iter().any(|t| t.is_for(store)))
}

/// Of the newest version, and of the one that runs or ran.
fn triggers(db: &Connection, row: &CampaignRow) -> Result<Vec<Trigger>, StoreError> {
    let newest = &row.newest.campaign;
    let mut triggers = vec![newest.trigger.clone()];
    if let Some(published) = row.published.filter(|version| *version != newest.version) {
        let version = campaigns::version(db, newest.campaign, published)?;
        triggers.extend(version.map(|row| row.campaign.trigger));
    }
    Ok(triggers)
}

/// The names of all stores, by id.
pub(super) fn store_names(db: &Connection) -> Result<BTreeMap<String, String>, StoreError> {
    let ids = shop::store_ids(db)?.into_iter();
    ids.map(|id| Ok((id.to_string(), shop::store(db, &id)?.name)))
        .collect()
}

/// The stores that it is for, in its draft or in the version that runs; none: all of them.
pub(super) fn stores(db: &Connection, row: &CampaignRow) -> Result<BTreeSet<StoreId>, StoreError> {
    let triggers = triggers(db, row)?;
    if triggers.iter().any(|t| t.stores.is_empty()) {
        return Ok(BTreeSet::new());
    }
    Ok(triggers.into_iter().flat_map(|t| t.stores).collect())
}

/// For which stores, in words.
pub(super) fn words(
    t: &Texts,
    names: &BTreeMap<String, String>,
    stores: &BTreeSet<StoreId>,
) -> String {
    if stores.is_empty() {
        return t.get("campaign-all-stores");
    }
    let name = |store: &StoreId| names.get(store.as_str()).cloned();
    let named: Vec<String> = stores.iter().filter_map(name).collect();
    named.join(", ")
}
