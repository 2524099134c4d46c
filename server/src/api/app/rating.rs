//! Her mark for how she was helped.
//!
//! In: bodies that the device signed. Out: a mark in a row of figures that names nobody.
//! Promises: the first mark of an episode counts; the same one sent again changes nothing.
//! Invariant: some hours after she was helped no mark finds its row any more.

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
};
use garde::Validate;
use protocol::StoreId;
use serde::Deserialize;
use utoipa::ToSchema;

use super::signed::{first_use, signed};
use crate::{
    api::{
        App,
        access::Phone,
        problem::{Problem, Raw},
    },
    store::waits::{self, Rated},
};

/// How she was helped.
#[derive(Debug, Clone, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RatingBody {
    /// In which store: the last time that she was handed something there.
    #[schema(value_type = String)]
    #[garde(skip)]
    store: StoreId,
    /// 1 (badly) to 5 (well).
    #[garde(range(min = 1, max = 5))]
    rating: u8,
}

/// Her mark for how she was helped, up to six hours after it. A second one changes nothing.
#[utoipa::path(post, path = "/v1/app/rating", tag = "app", request_body = RatingBody,
    responses((status = 204), (status = "default", body = Problem)))]
pub(in crate::api) async fn rating(
    phone: Phone,
    State(app): State<App>,
    headers: HeaderMap,
    Raw(body): Raw,
) -> Result<StatusCode, Problem> {
    let (body, signature): (RatingBody, _) = signed(&phone, &headers, &body)?;
    body.validate()
        .map_err(|error| Problem::invalid(error.to_string()))?;
    let which = Rated::LastIn(body.store);
    app.pipeline
        .write(move |txn| {
            first_use(txn, &signature)?;
            waits::rate(txn.db, phone.customer, &which, body.rating, txn.now_ms)
        })
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
