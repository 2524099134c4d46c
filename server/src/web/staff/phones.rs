//! Colleagues' phones: the button on the board, and the words of a notification.
//!
//! In: a browser's subscription, a card. Out: a phone that is told of cards for as long as its shift
//! is open; a title and a line.
//! Invariant: what stands on a locked screen says what and where, and names no customer.

use axum::{
    extract::{Path, State},
    http::StatusCode,
};
use engine::outcome::Call;
use protocol::{CardId, StoreId};
use rusqlite::Connection;
use serde::{Deserialize, Serialize};

use super::entered;
use crate::{
    api::{
        App,
        access::Staff,
        app::push::Subscription,
        problem::{Body, Problem},
    },
    deliver::outgoing,
    localtime,
    store::{
        StoreError, board, shop,
        staff_push::{self, StaffPhone, StaffPushRow},
    },
    web::{
        board::kind_words,
        i18n::{Lang, Texts},
        routes::Asked,
        visit::ZoneNames,
    },
};

/// What a colleague's phone shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct CardTold {
    /// Which card: one notification each.
    pub(crate) card: CardId,
    /// What, and where.
    pub(crate) title: String,
    /// How it stands.
    pub(crate) body: String,
    /// Where a tap leads.
    pub(crate) url: String,
    /// Nothing is to be done any more.
    pub(crate) over: bool,
    /// Not to be shown from then on.
    pub(crate) expires_ms: u64,
}

/// The words for a card as it stands.
pub(crate) fn tell(db: &Connection, row: &StaffPushRow) -> Result<CardTold, StoreError> {
    let lang = Lang::from_code(&row.language).unwrap_or_default();
    let timezone = shop::store(db, &row.store)?.timezone;
    let texts = Texts::new(lang, localtime::zone(&timezone));
    let shown = board::card(db, &row.store, row.card.card)?;
    let kinds = shown.orders.iter().map(|order| order.kind).collect();
    let what = kind_words(&texts, &kinds);
    let zones = ZoneNames::new(shop::zone_names(db, &row.store)?, lang);
    let title = match row.card.whereabouts.first() {
        Some((zone, _)) => texts.with2("push-at", "what", what, "zone", zones.name(zone)),
        None => what,
    };
    let body = match (row.calls, row.card.called, shown.taken_by_name) {
        (true, None, _) => texts.get("push-new"),
        (true, Some(Call::Everybody), _) => texts.get("state-called"),
        (true, Some(Call::Manager), _) => texts.get("called-manager"),
        (false, _, Some(name)) => texts.with("state-colleague", "name", name),
        (false, _, None) => texts.get("push-over"),
    };
    Ok(CardTold {
        card: row.card.card,
        title,
        body,
        url: format!("/staff/{}", row.store),
        over: !row.calls,
        expires_ms: row.relevant_until_ms,
    })
}

pub(in crate::web) async fn subscribe(
    State(app): State<App>,
    asked: Asked,
    staff: Result<Staff, Problem>,
    Path(store): Path<StoreId>,
    Body(subscription): Body<Subscription>,
) -> Result<StatusCode, Problem> {
    let session = entered(staff, &store)?.session;
    if app.providers.web.is_none() {
        return Err(Problem::not_found("this server sends nothing that way"));
    }
    let to = subscription.address()?;
    outgoing::check(&to.address, app.private_addresses)
        .map_err(|refused| Problem::invalid(format!("endpoint: {refused}")))?;
    let phone = StaffPhone {
        session,
        store,
        to,
        language: asked.lang().code().to_owned(),
    };
    app.pipeline
        .write(move |txn| staff_push::register(txn.db, txn.now_ms, &phone))
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize, garde::Validate)]
#[garde(allow_unvalidated)]
pub(in crate::web) struct Endpoint {
    endpoint: String,
}

pub(in crate::web) async fn unsubscribe(
    State(app): State<App>,
    staff: Result<Staff, Problem>,
    Path(store): Path<StoreId>,
    Body(Endpoint { endpoint }): Body<Endpoint>,
) -> Result<StatusCode, Problem> {
    let session = entered(staff, &store)?.session;
    app.pipeline
        .write(move |txn| staff_push::unregister(txn.db, &session, &endpoint))
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
