//! A card from the store, as a colleague sees it.

use std::collections::BTreeSet;

use engine::{input::OrderKind, outcome::Journey};
use protocol::StaffId;

use crate::{
    store::{board::CardRow, orders::OrderRow},
    web::{
        board::{CardState, CardView, Salutation},
        visit::ZoneNames,
    },
};

pub(super) fn card_view(row: &CardRow, me: StaffId, zones: &ZoneNames, now_ms: u64) -> CardView {
    let card = &row.card;
    let waited_s = card.since_ms.saturating_sub(card.arrived_ms) / 1_000;
    let state = match (card.journey, card.taken_by) {
        (Journey::Served, _) => CardState::Served {
            waited_s,
            served_ms: card.since_ms,
            undo_until_ms: card.undo_until_ms,
        },
        (Journey::DepartedUnserved, _) => CardState::DepartedUnserved {
            waited_s,
            left_ms: card.since_ms,
        },
        (_, Some(staff)) if staff == me => CardState::TakenByMe,
        (_, Some(_)) => CardState::TakenBy {
            name: row.taken_by_name.clone().unwrap_or_default(),
        },
        (Journey::EnRoute | Journey::Nearby, None) => CardState::Coming {
            minutes: card.eta_ms.map(|eta_ms| minutes_to(eta_ms, now_ms)),
        },
        (_, None) => CardState::Waiting,
    };
    let kinds: BTreeSet<_> = row.orders.iter().map(|order| order.kind).collect();
    let bays: Vec<&str> = row.orders.iter().filter_map(|o| o.bay.as_deref()).collect();
    CardView {
        card: card.card,
        salutation: match row.customer.salutation.as_deref() {
            Some("mevrouw") => Some(Salutation::Ms),
            Some("de heer") => Some(Salutation::Mr),
            _ => None,
        },
        given_name: row.customer.given_name.clone(),
        family_name: row.customer.family_name.clone(),
        bay: (!bays.is_empty()).then(|| bays.join(", ")),
        kinds: kinds.into_iter().collect(),
        order_numbers: row
            .orders
            .iter()
            .filter(|order| order.kind != OrderKind::Help) // it has none that anybody knows
            .map(|order| order.external_id.clone())
            .collect(),
        item_count: row.orders.iter().map(OrderRow::item_count).sum(),
        lines_ready: lines_ready(&row.orders),
        window: row
            .orders
            .iter()
            .find_map(|order| order.details.from_ms.zip(order.due_ms)),
        age_checked: row.orders.iter().any(|order| order.details.age_checked),
        state,
        arrived_ms: card.arrived_ms,
        whereabouts: card
            .whereabouts
            .iter()
            .map(|(z, share)| (zones.name(z), *share))
            .collect(),
        not_here: card.not_here,
        check: card.check,
        somebody_else: card.somebody_else,
        taken_by: card.taken_by,
        called: card.called,
        code: None,
    }
}

/// Of the orders whose lines are counted: how many lie ready, unless all do.
fn lines_ready(orders: &[OrderRow]) -> Option<(u32, u32)> {
    let counted = orders.iter().filter_map(|order| {
        let all = u32::try_from(order.lines.len()).unwrap_or(u32::MAX);
        Some((order.details.lines_ready?.min(all), all))
    });
    let (ready, all) = counted.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    (ready < all).then_some((ready, all))
}

/// Whole minutes until then, at least one: who is late is nearly here.
fn minutes_to(eta_ms: u64, now_ms: u64) -> u32 {
    let minutes = eta_ms.saturating_sub(now_ms).div_ceil(60_000).max(1);
    u32::try_from(minutes).unwrap_or(u32::MAX)
}
