//! The loyalty programme as the shop sets it, and the till that gives a reward.
//!
//! In: rules, tiers, codes. Out: what to give.
//! Invariant: a till that asks twice under one `Idempotency-Key` gets one answer, and a reward is
//! given once.

use std::collections::BTreeSet;

use axum::{Json, extract::State, http::StatusCode};
use garde::Validate;
use protocol::{RewardId, RuleId, StoreId, TierId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    App,
    access::ShopKey,
    problem::{At, Body, Problem},
    shop::NamesBody,
};
use crate::{
    clock, localtime,
    store::{
        loyalty::{
            Kind,
            rewards::{self, Redeemed},
            rules::{self, RuleRow, RuleState, TIERS_MAX, TierRow},
        },
        shop,
    },
};

/// A stamp card with more fields than this is a puzzle.
const EVERY_MAX: u32 = 20;
/// A reward is good for so many days at most.
const VALID_DAYS_MAX: u32 = 366;
/// A day.
const DAY_MS: u64 = 86_400_000;

/// What is given for what.
#[derive(Debug, Clone, Deserialize, Serialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleBody {
    /// What counts: `visit` and `check_in` once a day and store, `purchase_online` and
    /// `purchase_store` once a receipt. A check-in makes a visit: a rule has one of the two.
    #[garde(length(min = 1), custom(visit_or_check_in))]
    counts: BTreeSet<Kind>,
    /// A reward every so many, 1 to 20.
    #[garde(range(min = 1, max = EVERY_MAX))]
    every: u32,
    /// Of purchases only those of so much or more.
    #[garde(dive)]
    #[serde(skip_serializing_if = "Option::is_none")]
    purchase_min: Option<AmountBody>,
    /// The reward, as it stands in a sentence: `een koffie`.
    #[garde(dive)]
    name: NamesBody,
    /// How many days a reward is good.
    #[garde(range(min = 1, max = VALID_DAYS_MAX))]
    valid_days: u32,
    /// `published` if it is not said.
    #[garde(skip)]
    #[serde(default = "published")]
    state: RuleState,
}

fn published() -> RuleState {
    RuleState::Published
}

fn visit_or_check_in(counts: &BTreeSet<Kind>, _: &()) -> garde::Result {
    if counts.contains(&Kind::Visit) && counts.contains(&Kind::CheckIn) {
        return Err(garde::Error::new("visit or check_in, not both"));
    }
    Ok(())
}

/// Money.
#[derive(Debug, Clone, Deserialize, Serialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AmountBody {
    /// In the currency's minor unit.
    #[garde(range(max = 1_000_000_000))]
    minor: u64,
    /// ISO 4217.
    #[garde(length(equal = 3), ascii)]
    currency: String,
}

/// Makes a rule, or changes its name, validity or state. What it counts was promised and stays.
#[utoipa::path(put, path = "/v1/loyalty/rules/{rule}", tag = "shop", request_body = RuleBody,
    params(("rule" = String, Path)), responses((status = 204), (status = "default", body = Problem)))]
pub(super) async fn put_rule(
    _: ShopKey,
    State(app): State<App>,
    At(rule): At<RuleId>,
    Body(body): Body<RuleBody>,
) -> Result<StatusCode, Problem> {
    let row = RuleRow {
        rule,
        counts: body.counts,
        every: body.every,
        purchase_min: body.purchase_min.map(|least| (least.minor, least.currency)),
        name: body.name.into(),
        valid_ms: u64::from(body.valid_days) * DAY_MS,
        state: body.state,
        from_ms: clock::now_ms(),
    };
    app.pipeline
        .write(move |txn| rules::put(txn.db, &row))
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A rule, and what came of it.
#[derive(Debug, Serialize, ToSchema)]
pub struct RuleView {
    #[schema(value_type = String)]
    rule: RuleId,
    #[serde(flatten)]
    body: RuleBody,
    /// Moments before do not count.
    from_ms: u64,
    /// Rewards that it gave.
    earned: u32,
    /// Of those, used.
    redeemed: u32,
}

/// All rules.
#[derive(Debug, Serialize, ToSchema)]
pub struct Rules {
    rules: Vec<RuleView>,
}

/// The rules, the oldest first.
#[utoipa::path(get, path = "/v1/loyalty/rules", tag = "shop",
    responses((status = 200, body = Rules), (status = "default", body = Problem)))]
pub(super) async fn get_rules(_: ShopKey, State(app): State<App>) -> Result<Json<Rules>, Problem> {
    let rules = app.readers.read(|db| {
        let view = |row: RuleRow| {
            let (earned, redeemed) = rules::given(db, &row.rule)?;
            Ok(RuleView {
                rule: row.rule,
                body: RuleBody {
                    counts: row.counts,
                    every: row.every,
                    purchase_min: row
                        .purchase_min
                        .map(|(minor, currency)| AmountBody { minor, currency }),
                    name: row.name.into(),
                    valid_days: u32::try_from(row.valid_ms / DAY_MS).unwrap_or(u32::MAX),
                    state: row.state,
                },
                from_ms: row.from_ms,
                earned,
                redeemed,
            })
        };
        rules::all(db)?.into_iter().map(view).collect()
    });
    let rules = rules.await?;
    Ok(Json(Rules { rules }))
}

/// The tiers, all of them.
#[derive(Debug, Clone, Deserialize, Serialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TiersBody {
    /// At most 8; of several that she has the highest is hers.
    #[garde(length(max = TIERS_MAX), dive)]
    tiers: Vec<TierBody>,
}

/// One tier.
#[derive(Debug, Clone, Deserialize, Serialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TierBody {
    /// As campaigns name it.
    #[schema(value_type = String)]
    #[garde(skip)]
    tier: TierId,
    /// As people call it.
    #[garde(dive)]
    name: NamesBody,
    /// Days in a store and receipts in a year, from which on it is hers.
    #[garde(range(max = 10_000))]
    moments_min: u32,
}

/// Sets the tiers.
#[utoipa::path(put, path = "/v1/loyalty/tiers", tag = "shop", request_body = TiersBody,
    responses((status = 204), (status = "default", body = Problem)))]
pub(super) async fn put_tiers(
    _: ShopKey,
    State(app): State<App>,
    Body(body): Body<TiersBody>,
) -> Result<StatusCode, Problem> {
    let row = |body: TierBody| TierRow {
        tier: body.tier,
        name: body.name.into(),
        moments_min: body.moments_min,
    };
    let rows: Vec<TierRow> = body.tiers.into_iter().map(row).collect();
    app.pipeline
        .write(move |txn| rules::put_tiers(txn.db, &rows))
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The tiers, the lowest first.
#[utoipa::path(get, path = "/v1/loyalty/tiers", tag = "shop",
    responses((status = 200, body = TiersBody), (status = "default", body = Problem)))]
pub(super) async fn get_tiers(
    _: ShopKey,
    State(app): State<App>,
) -> Result<Json<TiersBody>, Problem> {
    let rows = app.readers.read(rules::tiers).await?;
    let body = |row: TierRow| TierBody {
        tier: row.tier,
        name: row.name.into(),
        moments_min: row.moments_min,
    };
    Ok(Json(TiersBody {
        tiers: rows.into_iter().map(body).collect(),
    }))
}

/// What she shows at the till.
#[derive(Debug, Clone, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RedeemBody {
    /// Capital letters, spaces and dashes make no difference, nor do O for 0, I and L for 1.
    #[garde(length(min = 1, max = 40))]
    code: String,
}

/// What to give her.
#[derive(Debug, Serialize, ToSchema)]
pub struct RewardGiven {
    #[schema(value_type = String)]
    reward: RewardId,
    #[schema(value_type = String)]
    rule: RuleId,
    /// The reward.
    name: NamesBody,
    redeemed_ms: u64,
}

/// Gives a reward. Once: the second time is a conflict that says when and where the first was.
#[utoipa::path(post, path = "/v1/stores/{store}/rewards/redeem", tag = "shop",
    request_body = RedeemBody, params(("store" = String, Path)),
    responses((status = 200, body = RewardGiven), (status = 409, body = Problem),
              (status = 410, body = Problem), (status = "default", body = Problem)))]
pub(super) async fn redeem(
    key: ShopKey,
    State(app): State<App>,
    At(store): At<StoreId>,
    Body(body): Body<RedeemBody>,
) -> Result<Json<RewardGiven>, Problem> {
    let by = format!("key/{}", key.name);
    let answer = app
        .pipeline
        .write(move |txn| {
            shop::store(txn.db, &store)?;
            rewards::redeem(txn.db, txn.now_ms, &body.code, &store, &by)
        })
        .await?;
    match answer {
        Redeemed::Now(row) => Ok(Json(RewardGiven {
            reward: row.reward,
            rule: row.rule,
            name: row.name.into(),
            redeemed_ms: row.redeemed_ms.unwrap_or_default(),
        })),
        Redeemed::Before(row) => Err(Problem::conflict(format!(
            "this reward was given at {} in {}",
            localtime::rfc3339(row.redeemed_ms.unwrap_or_default()),
            row.redeemed_store
                .as_ref()
                .map_or("a store", StoreId::as_str)
        ))),
        Redeemed::Over(row) => Err(Problem::gone(format!(
            "this reward was good until {}",
            localtime::rfc3339(row.expires_ms)
        ))),
        Redeemed::Unknown => Err(Problem::not_found("no reward has this code")),
    }
}
