//! What a campaign changes, for the shop: buyers and revenue, against those who were held out.
//!
//! In: a campaign. Out: differences with their intervals, or that there is not enough data yet.
//! Invariant: no number of people leaves here but as a [`Cell`].

use axum::{Json, extract::State};
use protocol::CampaignId;
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    App,
    access::ShopKey,
    problem::{At, Problem},
};
use crate::{
    figures::{Cell, Part},
    revenue::Revenue,
    store::{campaigns, uplift},
    uplift::{Tally, Uplift},
};

/// What a campaign changes, in all stores.
#[derive(Debug, Serialize, ToSchema)]
pub struct UpliftView {
    /// How long after the campaign's turn a purchase counts as its effect.
    attribution_ms: u64,
    conversion: ConversionView,
    revenue: RevenueView,
}

/// More buyers than without.
#[derive(Debug, Serialize, ToSchema)]
pub struct ConversionView {
    /// Who was told: people, and buyers among them.
    told: Part,
    /// Who was held out.
    held_out: Part,
    /// Told minus held out, in percentage points; null: not enough data yet, or one of the four
    /// numbers behind it is hidden.
    difference: Option<PointsView>,
}

/// A difference with its 95 % interval, in percentage points.
#[derive(Debug, Serialize, ToSchema)]
pub struct PointsView {
    by: f64,
    low: f64,
    high: f64,
    may_be_chance: bool,
}

/// More revenue than without: what people bought, without what was called off or paid back.
#[derive(Debug, Serialize, ToSchema)]
pub struct RevenueView {
    /// The currency of most receipts, ISO 4217; purchases in others are left out.
    currency: Option<String>,
    /// Whose purchases were left out.
    #[schema(inline)]
    people_left_out: Cell,
    /// Told minus held out, a person; null: not enough data yet.
    difference: Option<AmountView>,
}

/// A difference with its 95 % interval, in the currency's minor unit.
#[derive(Debug, Serialize, ToSchema)]
pub struct AmountView {
    by_minor: i64,
    low_minor: i64,
    high_minor: i64,
    may_be_chance: bool,
}

impl From<Uplift> for ConversionView {
    fn from(uplift: Uplift) -> Self {
        let arm = |tally: Tally| Part::of_people(tally.bought, tally.persons);
        // To a tenth, as pages say it: exact shares would tell exact numbers.
        let tenths = |share: f64| (share * 1_000.0).round() / 10.0;
        let (told, held_out) = (arm(uplift.told), arm(uplift.held_out));
        // Beside the share of one arm a difference tells that of the other.
        let shown = told.percent().and(held_out.percent());
        let difference = uplift.difference().filter(|_| shown.is_some());
        Self {
            told,
            held_out,
            difference: difference.map(|difference| PointsView {
                by: tenths(difference.by),
                low: tenths(difference.low),
                high: tenths(difference.high),
                may_be_chance: difference.may_be_chance(),
            }),
        }
    }
}

impl From<Revenue> for RevenueView {
    fn from(revenue: Revenue) -> Self {
        let difference = revenue.difference();
        Self {
            people_left_out: revenue.left_out(),
            currency: difference.and_then(|_| revenue.currency().map(str::to_owned)),
            difference: difference.map(|difference| AmountView {
                by_minor: difference.by,
                low_minor: difference.low,
                high_minor: difference.high,
                may_be_chance: difference.may_be_chance(),
            }),
        }
    }
}

/// What a campaign changes in all stores together: who was told against who would have been, but was
/// held out. Only of customers who agreed to be in figures.
#[utoipa::path(get, path = "/v1/campaigns/{campaign}/uplift", tag = "campaigns",
    params(("campaign" = String, Path)),
    responses((status = 200, body = UpliftView), (status = "default", body = Problem)))]
pub(super) async fn uplift(
    _: ShopKey,
    State(app): State<App>,
    At(campaign): At<CampaignId>,
) -> Result<Json<UpliftView>, Problem> {
    let read = app.readers.read(move |db| {
        let attribution_ms = campaigns::one(db, campaign)?.newest.attribution_ms;
        let conversion = uplift::uplift(db, campaign, attribution_ms)?;
        let revenue = uplift::revenue(db, campaign, attribution_ms, &conversion)?;
        Ok(UpliftView {
            attribution_ms,
            conversion: conversion.into(),
            revenue: revenue.into(),
        })
    });
    Ok(Json(read.await?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_does_not_tell_a_number_that_is_hidden() {
        let view = |told: (u64, u64), held_out: (u64, u64)| {
            let tally = |(bought, persons)| Tally { persons, bought };
            ConversionView::from(Uplift {
                told: tally(told),
                held_out: tally(held_out),
            })
        };
        let told = view((92, 903), (11, 111));
        assert_eq!(told.told.part.shown(), Some(90));
        assert_eq!(told.difference.map(|difference| difference.by), Some(0.3));
        let hidden = view((92, 903), (9, 111));
        assert_eq!(hidden.held_out.part.shown(), None);
        assert!(hidden.difference.is_none());
    }
}
