//! What is to be told to a shopper: rows of the outbox, as the engine decided them.

use engine::outcome::{Cause, Delivery, Subject};
use protocol::{OrderId, StoreId};
use rusqlite::{Connection, params};
use serde_json::json;

use crate::{
    localtime,
    store::{
        StoreError, campaigns, int, orders, people,
        receivers::{self, Event},
        shop,
    },
};

/// One row, or none.
pub(super) fn delivery(
    db: &Connection,
    store: &StoreId,
    now_ms: u64,
    told: &Delivery,
) -> Result<(), StoreError> {
    let Delivery {
        delivery,
        customer,
        cause,
        relevant_until_ms,
    } = told;
    match cause {
        Cause::Offer {
            decision,
            visit,
            campaign,
            subject,
            after_exit,
        } => {
            let (sku, reward) = match subject {
                Subject::Product { sku } => (Some(sku.as_str()), None),
                Subject::Reward { reward } => (None, Some(reward.0)),
                Subject::Store => (None, None),
            };
            db.prepare_cached(
                "INSERT INTO deliveries (delivery, store, customer, channel, class, cause, visit,
                   sku, decision, campaign, version, reward, after_exit, created_ms,
                   relevant_until_ms, state)
                 SELECT ?1, ?2, ?3, 'in_app', 'marketing', ?4, ?5, ?6, decision, campaign, version,
                   ?8, ?9, ?10, ?11, 'pending' FROM decisions WHERE decision = ?7",
            )?
            .execute(params![
                delivery.0,
                store.as_str(),
                customer.0,
                format!("offer:{decision}"),
                visit.0,
                sku,
                decision.0,
                reward,
                after_exit,
                int(now_ms),
                int(*relevant_until_ms),
            ])?;
            campaigns::count(db, store, campaign.0, now_ms, 1)
        }
        Cause::Ready { order } => ready(db, store, now_ms, told, *order),
        Cause::Arrival { card } => {
            db.prepare_cached(
                "INSERT INTO deliveries (delivery, store, customer, channel, class, cause, card,
                   created_ms, relevant_until_ms, state)
                 VALUES (?1, ?2, ?3, 'in_app', 'service', ?4, ?5, ?6, ?7, 'pending')",
            )?
            .execute(params![
                delivery.0,
                store.as_str(),
                customer.0,
                format!("arrival:{card}"),
                card.0,
                int(now_ms),
                int(*relevant_until_ms),
            ])?;
            Ok(())
        }
    }
}

/// Her order is ready. Receivers of the shop's own hear it each time, and whether it was so before. She
/// is told again on another day alone: within one, it went back to the shelf and came out again, and
/// what she was told is true.
fn ready(
    db: &Connection,
    store: &StoreId,
    now_ms: u64,
    told: &Delivery,
    order: OrderId,
) -> Result<(), StoreError> {
    let customer = told.customer;
    // Nothing is kept for whom may not be told.
    if !people::switches(&people::consent_since(db, customer)?).arrival {
        return Ok(());
    }
    let row = orders::order(db, order)?;
    let midnight_ms = localtime::local_day(&shop::store(db, store)?.timezone, now_ms).midnight_ms;
    // A message that never left, since it was not ready any more by then, told her nothing.
    let (before, holds): (u32, bool) = db
        .prepare_cached(
            "SELECT count(*), coalesce(max(state IN ('pending', 'sending')
               OR (state = 'sent' AND coalesce(sent_ms, created_ms) >= ?3)), 0)
             FROM deliveries WHERE customer = ?1 AND \"order\" = ?2 AND cause LIKE 'ready:%'",
        )?
        .query_row(params![customer.0, order.0, int(midnight_ms)], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
    let more = json!({
        "order": order, "external_id": row.external_id, "kind": row.kind, "again": before > 0,
    });
    receivers::tell(db, now_ms, Event::OrderReady, store, customer, more)?;
    if holds {
        return Ok(());
    }
    let cause = match before {
        0 => format!("ready:{order}"),
        _ => format!("ready:{order}:{before}"),
    };
    db.prepare_cached(
        "INSERT INTO deliveries (delivery, store, customer, channel, class, cause, \"order\",
           created_ms, relevant_until_ms, state)
         VALUES (?1, ?2, ?3, 'in_app', 'service', ?4, ?5, ?6, ?7, 'pending')
         ON CONFLICT (customer, cause, channel) DO NOTHING",
    )?
    .execute(params![
        told.delivery.0,
        store.as_str(),
        customer.0,
        cause,
        order.0,
        int(now_ms),
        int(told.relevant_until_ms),
    ])?;
    Ok(())
}
