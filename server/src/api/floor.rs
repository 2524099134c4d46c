//! The floor: zones and anchors, and where they lie on the plan.
//!
//! In: names, rectangles and points from the operator. Out: rows, and a new layout for the engine.
//! Invariant: zones and anchors work without a plan; then they have a name and no place.

use axum::{extract::State, http::StatusCode};
use engine::input::{Area, Place};
use garde::Validate;
use protocol::{AnchorId, GatewayId, StoreId, Transmitter, ZoneId};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{
    App,
    access::AdminKey,
    problem::{At, Body, Problem},
    shop::NamesBody,
};
use crate::store::{
    plan,
    shop::{self, AnchorKind, AnchorRow, Names},
};

/// A zone.
#[derive(Debug, Clone, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ZoneBody {
    /// What it is called.
    #[garde(dive)]
    name: NamesBody,
    /// Where it lies on the floor plan; none: it is not on it.
    #[garde(dive)]
    area: Option<AreaBody>,
}

/// Nothing on a floor plan is farther than this from its corner: 1 km.
const PLAN_CM_MAX: i32 = 100_000;

/// A rectangle on the floor plan, in centimetres.
#[derive(Debug, Clone, Copy, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AreaBody {
    /// Its south-west corner, east of the plan's corner.
    #[garde(range(min = -PLAN_CM_MAX, max = PLAN_CM_MAX))]
    x_cm: i32,
    /// Its south-west corner, north of the plan's corner.
    #[garde(range(min = -PLAN_CM_MAX, max = PLAN_CM_MAX))]
    y_cm: i32,
    /// From west to east.
    #[garde(range(min = 50, max = PLAN_CM_MAX.unsigned_abs()))]
    wide_cm: u32,
    /// From south to north.
    #[garde(range(min = 50, max = PLAN_CM_MAX.unsigned_abs()))]
    deep_cm: u32,
    /// A way out of the store begins here.
    #[serde(default)]
    #[garde(skip)]
    door: bool,
}

impl From<AreaBody> for Area {
    fn from(body: AreaBody) -> Self {
        let AreaBody {
            x_cm,
            y_cm,
            wide_cm,
            deep_cm,
            door,
        } = body;
        Self {
            corner: Place { x_cm, y_cm },
            wide_cm,
            deep_cm,
            door,
        }
    }
}

/// A point on the floor plan, in centimetres.
#[derive(Debug, Clone, Copy, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PlaceBody {
    /// East of the plan's corner.
    #[garde(range(min = -PLAN_CM_MAX, max = PLAN_CM_MAX))]
    x_cm: i32,
    /// North of the plan's corner.
    #[garde(range(min = -PLAN_CM_MAX, max = PLAN_CM_MAX))]
    y_cm: i32,
}

impl From<PlaceBody> for Place {
    fn from(PlaceBody { x_cm, y_cm }: PlaceBody) -> Self {
        Self { x_cm, y_cm }
    }
}

/// Makes, renames or moves a zone.
#[utoipa::path(put, path = "/v1/stores/{store}/zones/{zone}", tag = "store", request_body = ZoneBody,
    params(("store" = String, Path), ("zone" = String, Path)),
    responses((status = 204), (status = "default", body = Problem)))]
pub(super) async fn put_zone(
    _: AdminKey,
    State(app): State<App>,
    At((store, zone)): At<(StoreId, ZoneId)>,
    Body(body): Body<ZoneBody>,
) -> Result<StatusCode, Problem> {
    let (name, area) = (Names::from(body.name), body.area.map(Area::from));
    app.pipeline
        .write(move |txn| {
            shop::put_zone(txn.db, &store, &zone, &name)?;
            plan::put_area(txn.db, &store, &zone, area)?;
            txn.layout_changed(&store)
        })
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// An anchor.
#[derive(Debug, Clone, Deserialize, Validate, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum AnchorBody {
    /// A gateway's antenna.
    Gateway {
        /// The gateway.
        #[schema(value_type = String)]
        #[garde(skip)]
        gateway: GatewayId,
        /// Where it hangs.
        #[schema(value_type = String)]
        #[garde(skip)]
        zone: ZoneId,
        /// A visit begins at this smoothed strength.
        #[garde(range(min = -110, max = -20))]
        enter_rssi_dbm: i8,
        /// Where it hangs on the floor plan; none: it is not on it.
        #[garde(dive)]
        place: Option<PlaceBody>,
    },
    /// A fixed beacon that phones hear.
    Beacon {
        /// `ibeacon:uuid:major:minor`
        #[schema(value_type = String)]
        #[garde(skip)]
        transmitter: Transmitter,
        /// Where it hangs.
        #[schema(value_type = String)]
        #[garde(skip)]
        zone: ZoneId,
        /// A visit begins at this smoothed strength.
        #[garde(range(min = -110, max = -20))]
        enter_rssi_dbm: i8,
        /// Where it hangs on the floor plan; none: it is not on it.
        #[garde(dive)]
        place: Option<PlaceBody>,
    },
}

/// Makes or moves an anchor.
#[utoipa::path(put, path = "/v1/stores/{store}/anchors/{anchor}", tag = "store",
    request_body = AnchorBody, params(("store" = String, Path), ("anchor" = String, Path)),
    responses((status = 204), (status = "default", body = Problem)))]
pub(super) async fn put_anchor(
    _: AdminKey,
    State(app): State<App>,
    At((store, anchor)): At<(StoreId, AnchorId)>,
    Body(body): Body<AnchorBody>,
) -> Result<StatusCode, Problem> {
    let (kind, zone, enter_rssi_dbm, place) = match body {
        AnchorBody::Gateway {
            gateway,
            zone,
            enter_rssi_dbm,
            place,
        } => (AnchorKind::Gateway(gateway), zone, enter_rssi_dbm, place),
        AnchorBody::Beacon {
            transmitter,
            zone,
            enter_rssi_dbm,
            place,
        } => (AnchorKind::Beacon(transmitter), zone, enter_rssi_dbm, place),
    };
    let row = AnchorRow {
        anchor,
        zone,
        kind,
        enter_rssi_dbm,
    };
    let place = place.map(Place::from);
    app.pipeline
        .write(move |txn| {
            shop::put_anchor(txn.db, &store, &row)?;
            plan::put_place(txn.db, &store, &row.anchor, &row.zone, place)?;
            txn.layout_changed(&store)
        })
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
