//! Her orders as her page has them: what lies ready here, what she brings back, what lies elsewhere.

use engine::input::{OrderKind, OrderState};
use protocol::{CustomerId, StoreId};
use rusqlite::Connection;

use super::{
    super::{
        i18n::Lang,
        phone::{ElsewhereView, OrderView, PickupView, ShareView},
    },
    help,
};
use crate::{
    api::orders::RETURN_MS,
    store::{
        StoreError, board, catalogue,
        orders::{self, OrderRow},
        shares, shop, waits,
    },
};

/// That a return was taken in is said for a day.
const RETURNED_MS: u64 = 86_400_000;

/// What she may know of her orders, at the page of this store.
pub(super) fn view(
    db: &Connection,
    now_ms: u64,
    (store, customer): (&StoreId, CustomerId),
    lang: Lang,
    staff_may_know: bool,
) -> Result<PickupView, StoreError> {
    let open = orders::open_orders(db, customer, Some(store))?;
    let open = open.iter().filter(|order| order.kind != OrderKind::Help);
    let card = board::open_card(db, store, customer)?;
    let since = |his: bool| {
        let card = card.as_ref().filter(|card| card.somebody_else == his);
        card.map(|card| card.arrived_ms)
    };
    let since_ms = now_ms.saturating_sub(RETURNED_MS);
    Ok(PickupView {
        orders: open
            .map(|order| one(db, order, lang, staff_may_know))
            .collect::<Result<_, _>>()?,
        elsewhere: elsewhere(db, store, customer)?,
        returned: orders::returned_since(db, customer, since_ms)?,
        here_since_ms: since(false),
        collector_since_ms: since(true),
        mark: waits::mark(db, customer, now_ms)?,
        help: help::view(db, store, customer, staff_may_know)?,
    })
}

fn one(
    db: &Connection,
    order: &OrderRow,
    lang: Lang,
    staff_may_know: bool,
) -> Result<OrderView, StoreError> {
    let mut products = Vec::new();
    for (sku, _) in &order.lines {
        let name = catalogue::product(db, sku)?.name;
        products.push(if lang == Lang::Nl { name.nl } else { name.en });
    }
    let is_return = order.kind == OrderKind::Return;
    let said = order.state == OrderState::Ready || is_return;
    let share = match &order.share_code {
        Some(code) => ShareView::Given(code.clone()),
        None if staff_may_know && shares::may_share(order) => ShareView::May,
        None => ShareView::No,
    };
    Ok(OrderView {
        order: order.order,
        number: order.external_id.clone(),
        kind: order.kind,
        state: order.state,
        code: said.then(|| order.code.clone()),
        item_count: order.item_count(),
        products,
        keep_until_ms: match order.due_ms {
            None if is_return => made_ms(order).map(|made_ms| made_ms + RETURN_MS),
            due_ms => due_ms,
        },
        share,
    })
}

/// When the server took it in: its id says so.
fn made_ms(order: &OrderRow) -> Option<u64> {
    let (seconds, _) = order.order.0.get_timestamp()?.to_unix();
    Some(seconds * 1_000)
}

/// What lies ready for her in other stores than this.
pub(super) fn elsewhere(
    db: &Connection,
    store: &StoreId,
    customer: CustomerId,
) -> Result<Vec<ElsewhereView>, StoreError> {
    let open = orders::open_orders(db, customer, None)?;
    let away = open.into_iter().filter(|order| {
        let ready = order.state == OrderState::Ready && order.kind.is_set_aside();
        ready && order.store != *store
    });
    away.map(|order| {
        Ok(ElsewhereView {
            store_name: shop::store(db, &order.store)?.name,
            number: order.external_id,
        })
    })
    .collect()
}
