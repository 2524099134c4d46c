//! How far messages got, for the shop.
//!
//! In: a store, perhaps a campaign. Out: counts, which name nobody.

use axum::{Json, extract::State};
use protocol::{CampaignId, StoreId};
use serde::Deserialize;

use super::{
    App,
    access::ShopKey,
    problem::{At, Problem, Query},
};
use crate::store::{
    push::{self, Funnel},
    shop,
};

/// Of what.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct FunnelQuery {
    /// Of this campaign alone.
    #[param(value_type = Option<String>)]
    campaign: Option<CampaignId>,
}

/// Messages of a store: decided, sent, taken by a provider, displayed, opened.
#[utoipa::path(get, path = "/v1/stores/{store}/funnel", tag = "history",
    params(("store" = String, Path), FunnelQuery),
    responses((status = 200, body = Funnel), (status = "default", body = Problem)))]
pub(super) async fn funnel(
    _: ShopKey,
    State(app): State<App>,
    At(store): At<StoreId>,
    Query(query): Query<FunnelQuery>,
) -> Result<Json<Funnel>, Problem> {
    let funnel = app.readers.read(move |db| {
        shop::store(db, &store)?;
        push::funnel(db, &store, query.campaign)
    });
    Ok(Json(funnel.await?))
}
