//! Her stamp card on her page: what it is drawn from, joining and leaving.
//!
//! Invariant: she joins by the words that stood on her screen, and leaves without a reason.

use axum::{
    Form,
    extract::State,
    response::{IntoResponse, Redirect, Response},
};
use protocol::CustomerId;
use rusqlite::Connection;
use serde::Deserialize;

use super::super::{
    i18n::{Lang, Money, Texts},
    phone::stamps::{JOIN_TEXT_VERSION, RewardView, StampCard, StampsView},
    routes::{Asked, answer},
};
use crate::{
    api::{
        App,
        access::{Shopper, check_csrf},
        problem::Problem,
    },
    store::{
        StoreError,
        loyalty::{
            self, Joined,
            rewards::{self, RewardRow},
            rules::{self, RuleRow},
        },
    },
};

/// Her card; none while the chain has no programme.
pub(super) fn view(
    db: &Connection,
    now_ms: u64,
    customer: CustomerId,
    t: &Texts,
) -> Result<Option<StampsView>, StoreError> {
    let rewards = rewards::open(db, now_ms, customer)?;
    if !rules::is_there(db)? && rewards.is_empty() {
        return Ok(None);
    }
    let tier = match loyalty::tier(db, now_ms, customer)? {
        Some(tier) => rules::tier(db, &tier)?,
        None => None,
    };
    let cards = loyalty::progress(db, now_ms, customer)?.into_iter();
    Ok(Some(StampsView {
        member: loyalty::member_since(db, customer)?.is_some(),
        tier: tier.map(|row| t.said(&row.name)),
        cards: cards.map(|(rule, stamps)| card(rule, stamps, t)).collect(),
        rewards: rewards.into_iter().map(|row| reward(row, t)).collect(),
    }))
}

fn card(rule: RuleRow, stamps: u32, t: &Texts) -> StampCard {
    StampCard {
        reward: t.said(&rule.name),
        counts: rule.counts,
        purchase_min: rule.purchase_min.map(|(minor, currency)| Money {
            minor: i64::try_from(minor).unwrap_or(i64::MAX),
            currency,
        }),
        every: rule.every,
        stamps,
    }
}

fn reward(row: RewardRow, t: &Texts) -> RewardView {
    RewardView {
        name: t.said(&row.name),
        last_ms: row.last_ms(),
        code: row.code,
    }
}

#[derive(Deserialize)]
pub(in crate::web) struct StampsForm {
    csrf: String,
    text_version: String,
    lang: String,
    #[serde(rename = "do")]
    what: String,
}

/// Joins, or leaves.
pub(in crate::web) async fn change(
    State(app): State<App>,
    asked: Asked,
    shopper: Result<Shopper, Problem>,
    Form(form): Form<StampsForm>,
) -> Response {
    answer(&asked, async {
        let shopper = shopper?;
        check_csrf(&form.csrf, &shopper.csrf)?;
        let customer = shopper.customer;
        match form.what.as_str() {
            "leave" => {
                app.pipeline
                    .write(move |txn| loyalty::leave(txn.db, customer))
                    .await?;
            }
            "join" => {
                if form.text_version != JOIN_TEXT_VERSION || Lang::from_code(&form.lang).is_none() {
                    let changed = "the words have changed: load the page again";
                    return Err(Problem::conflict(changed).into());
                }
                let joined = Joined {
                    text_version: form.text_version,
                    language: form.lang,
                    source: "page",
                };
                app.pipeline
                    .write(move |txn| loyalty::join(txn.db, txn.now_ms, customer, &joined))
                    .await?;
            }
            _ => return Err(Problem::not_found("there is no such button").into()),
        }
        Ok(Redirect::to("/ik#stempels").into_response())
    })
    .await
}
