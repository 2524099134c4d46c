//! Orders as the shop tells them: to be collected, tried, brought back.

use axum::{Json, extract::State, http::StatusCode};
use engine::input::{OrderKind, OrderState};
use garde::Validate;
use protocol::{CustomerId, OrderId, Sku, StoreId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    App,
    access::ShopKey,
    fresh,
    problem::{At, Body, Problem},
};
use crate::store::orders::{self, Details, News, OrderRow};

/// An order.
#[derive(Debug, Clone, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OrderBody {
    /// The shop's own number: `1042-7731`.
    #[garde(length(min = 1, max = 60))]
    external_id: String,
    /// Where it is collected.
    #[schema(value_type = String)]
    #[garde(skip)]
    store: StoreId,
    /// Whose.
    #[schema(value_type = String)]
    #[garde(skip)]
    customer: CustomerId,
    /// What is in it.
    #[garde(length(min = 1, max = 200), dive)]
    lines: Vec<OrderLine>,
    /// `click_and_collect` (without a word), `reservation`, `return`, `try_on` or `help`.
    #[schema(value_type = Option<String>)]
    #[serde(default)]
    #[garde(skip)]
    kind: OrderKind,
    /// The last moment of a return, or until when a reservation is kept. A return without it: 100
    /// days from now.
    #[garde(skip)]
    due_ms: Option<u64>,
    /// From when on she may come for it, where a pickup has a window; `due_ms` ends it.
    #[garde(skip)]
    from_ms: Option<u64>,
    /// Some of it may go only to who is old enough: staff must say that they looked.
    #[serde(default)]
    #[garde(skip)]
    age_checked: bool,
    /// Lines that are laid ready so far, at most as many as there are.
    #[garde(skip)]
    lines_ready: Option<u32>,
    /// When the shop says so, for those whose words may come in another order; see
    /// `PUT /v1/orders/{order}/state`.
    #[serde(default)]
    #[garde(skip)]
    as_of_ms: u64,
    /// `placed`, `ready` or `delayed`. A return and a call for help need no more than `placed`.
    #[schema(value_type = String)]
    #[garde(custom(open_state))]
    state: OrderState,
    /// Where it lies: `B12`.
    #[garde(inner(length(min = 1, max = 20)))]
    bay: Option<String>,
    /// What the customer says at the desk: 4 to 8 digits.
    #[garde(custom(digits))]
    code: String,
}

/// One line of an order.
#[derive(Debug, Clone, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OrderLine {
    /// The product.
    #[schema(value_type = String)]
    #[garde(skip)]
    sku: Sku,
    /// Pieces.
    #[garde(range(min = 1, max = 10_000))]
    quantity: u32,
}

fn digits(code: &str, _: &()) -> garde::Result {
    let fits = (4..=8).contains(&code.len()) && code.bytes().all(|b| b.is_ascii_digit());
    if fits {
        Ok(())
    } else {
        Err(garde::Error::new("4 to 8 digits"))
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "garde passes references")]
fn open_state(state: &OrderState, _: &()) -> garde::Result {
    if state.is_open() {
        Ok(())
    } else {
        Err(garde::Error::new("placed, ready or delayed"))
    }
}

/// Its id.
#[derive(Debug, Serialize, ToSchema)]
pub struct OrderMade {
    #[schema(value_type = String)]
    order: OrderId,
}

/// Adds an order; the same external id again gives the same order, unchanged.
#[utoipa::path(post, path = "/v1/orders", tag = "shop", request_body = OrderBody,
    responses((status = 201, body = OrderMade), (status = "default", body = Problem)))]
pub(super) async fn post_order(
    _: ShopKey,
    State(app): State<App>,
    Body(body): Body<OrderBody>,
) -> Result<(StatusCode, Json<OrderMade>), Problem> {
    let (order, made) = app
        .pipeline
        .write(move |txn| {
            let row = OrderRow {
                order: fresh(OrderId::at, txn.now_ms)?,
                external_id: body.external_id.clone(),
                store: body.store.clone(),
                customer: body.customer,
                kind: body.kind,
                state: body.state,
                due_ms: body.due_ms.or_else(|| usual_due_ms(body.kind, txn.now_ms)),
                bay: body.bay.clone(),
                code: body.code.clone(),
                share_code: None,
                lines: body
                    .lines
                    .iter()
                    .map(|l| (l.sku.clone(), l.quantity))
                    .collect(),
                details: Details {
                    age_checked: body.age_checked,
                    from_ms: body.from_ms,
                    lines_ready: body.lines_ready,
                    as_of_ms: body.as_of_ms,
                },
            };
            let added = orders::add_order(txn.db, txn.now_ms, &row)?;
            if added.1 {
                txn.order_changed(&row)?;
            }
            Ok(added)
        })
        .await?;
    let status = if made {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    Ok((status, Json(OrderMade { order })))
}

/// Goods may be brought back for this long unless the shop says otherwise.
pub(crate) const RETURN_MS: u64 = 100 * 86_400_000;

fn usual_due_ms(kind: OrderKind, now_ms: u64) -> Option<u64> {
    (kind == OrderKind::Return).then_some(now_ms + RETURN_MS)
}

/// How far an order is.
#[derive(Debug, Clone, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OrderStateBody {
    /// `placed`, `ready`, `delayed`, `cancelled` or `completed`.
    #[schema(value_type = String)]
    #[garde(skip)]
    state: OrderState,
    /// Where it lies, if that is new.
    #[garde(inner(length(min = 1, max = 20)))]
    bay: Option<String>,
    /// Lines that are laid ready so far, if that is new.
    #[garde(skip)]
    lines_ready: Option<u32>,
    /// When the shop says so. A word that is older than the last one changes nothing, so that words
    /// may come twice and in any order.
    #[garde(skip)]
    as_of_ms: Option<u64>,
}

/// Moves an order on.
#[utoipa::path(put, path = "/v1/orders/{order}/state", tag = "shop", request_body = OrderStateBody,
    params(("order" = String, Path)), responses((status = 204), (status = "default", body = Problem)))]
pub(super) async fn put_state(
    _: ShopKey,
    State(app): State<App>,
    At(order): At<OrderId>,
    Body(body): Body<OrderStateBody>,
) -> Result<StatusCode, Problem> {
    app.pipeline
        .write(move |txn| {
            let news = News {
                bay: body.bay.as_deref(),
                lines_ready: body.lines_ready,
                as_of_ms: body.as_of_ms,
            };
            let row = orders::set_state(txn.db, txn.now_ms, order, body.state, news)?;
            txn.order_changed(&row)
        })
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_without_a_word_is_a_pickup_and_a_return_is_due_in_100_days() {
        let body = serde_json::json!({
            "external_id": "1042", "store": "kade-9", "state": "placed", "code": "7419",
            "customer": CustomerId::at(1, [1; 10]), "lines": [{ "sku": "LAMP", "quantity": 1 }],
        });
        let read: OrderBody = serde_json::from_value(body).unwrap();
        assert_eq!(read.kind, OrderKind::ClickAndCollect);
        assert_eq!(usual_due_ms(OrderKind::ClickAndCollect, 5), None);
        assert_eq!(usual_due_ms(OrderKind::Return, 5), Some(8_640_000_005));
    }
}
