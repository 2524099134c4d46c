//! The loyalty programme on her phone: join, see, leave.
//!
//! Invariant: who has not joined sees what there is to earn, and nothing is counted of her.

use axum::{Json, extract::State, http::StatusCode};
use garde::Validate;
use protocol::{CustomerId, RewardId, RuleId, TierId};
use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    api::{
        App,
        access::Phone,
        problem::{Body, Problem},
        shop::NamesBody,
    },
    clock,
    store::{
        StoreError,
        loyalty::{self, Joined, Kind, rewards, rewards::RewardRow, rules::RuleRow},
    },
};

/// What she has and can earn.
#[derive(Debug, Serialize, ToSchema)]
pub struct LoyaltyView {
    /// Since when she is in; none: she is not.
    joined_ms: Option<u64>,
    /// Her tier.
    #[schema(value_type = Option<String>)]
    tier: Option<TierId>,
    /// What is given for what.
    rules: Vec<RuleProgress>,
    /// What she can use now, the first to run out first.
    rewards: Vec<RewardView>,
}

/// A rule, and how far she is.
#[derive(Debug, Serialize, ToSchema)]
pub struct RuleProgress {
    #[schema(value_type = String)]
    rule: RuleId,
    /// The reward.
    name: NamesBody,
    /// What counts.
    counts: Vec<Kind>,
    /// A reward every so many.
    every: u32,
    /// So many she has.
    moments: u32,
}

impl From<(RuleRow, u32)> for RuleProgress {
    fn from((row, moments): (RuleRow, u32)) -> Self {
        Self {
            rule: row.rule,
            name: row.name.into(),
            counts: row.counts.into_iter().collect(),
            every: row.every,
            moments,
        }
    }
}

/// A reward that is hers.
#[derive(Debug, Serialize, ToSchema)]
pub struct RewardView {
    #[schema(value_type = String)]
    reward: RewardId,
    /// What it is.
    name: NamesBody,
    /// For the till, as text and as a QR code.
    code: String,
    /// No longer good from then on.
    expires_ms: u64,
}

impl From<RewardRow> for RewardView {
    fn from(row: RewardRow) -> Self {
        Self {
            reward: row.reward,
            name: row.name.into(),
            code: row.code,
            expires_ms: row.expires_ms,
        }
    }
}

fn view(db: &Connection, now_ms: u64, customer: CustomerId) -> Result<LoyaltyView, StoreError> {
    let rules = loyalty::progress(db, now_ms, customer)?;
    let rewards = rewards::open(db, now_ms, customer)?;
    Ok(LoyaltyView {
        joined_ms: loyalty::member_since(db, customer)?,
        tier: loyalty::tier(db, now_ms, customer)?,
        rules: rules.into_iter().map(RuleProgress::from).collect(),
        rewards: rewards.into_iter().map(RewardView::from).collect(),
    })
}

/// What she has and can earn.
#[utoipa::path(get, path = "/v1/app/loyalty", tag = "app",
    responses((status = 200, body = LoyaltyView), (status = "default", body = Problem)))]
pub(in crate::api) async fn get_loyalty(
    phone: Phone,
    State(app): State<App>,
) -> Result<Json<LoyaltyView>, Problem> {
    let now_ms = clock::now_ms();
    let view = app
        .readers
        .read(move |db| view(db, now_ms, phone.customer))
        .await?;
    Ok(Json(view))
}

/// By which words she joins.
#[derive(Debug, Clone, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct JoinBody {
    /// The version of the words that she saw.
    #[garde(length(min = 1, max = 40))]
    text_version: String,
    /// Their language, `nl` or `en`.
    #[garde(length(equal = 2))]
    language: String,
}

/// Joins the programme: from now on her visits, check-ins and purchases count.
#[utoipa::path(put, path = "/v1/app/loyalty", tag = "app", request_body = JoinBody,
    responses((status = 204), (status = "default", body = Problem)))]
pub(in crate::api) async fn put_loyalty(
    phone: Phone,
    State(app): State<App>,
    Body(body): Body<JoinBody>,
) -> Result<StatusCode, Problem> {
    let joined = Joined {
        text_version: body.text_version,
        language: body.language,
        source: "app",
    };
    app.pipeline
        .write(move |txn| loyalty::join(txn.db, txn.now_ms, phone.customer, &joined))
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Leaves the programme: what it knew of her is forgotten, with what she had earned.
#[utoipa::path(delete, path = "/v1/app/loyalty", tag = "app",
    responses((status = 204), (status = "default", body = Problem)))]
pub(in crate::api) async fn delete_loyalty(
    phone: Phone,
    State(app): State<App>,
) -> Result<StatusCode, Problem> {
    app.pipeline
        .write(move |txn| loyalty::leave(txn.db, phone.customer))
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
