//! How long things about a person are kept, for all tables that grow with what she does.
//!
//! In: the time. Out: rows that are gone. One walk over the customers, a few at a time, so that the
//! writer is soon free again; with [`STEP_MAX`] a minute a million customers are seen in 84 hours.
//! What erasure and a withdrawn consent take at once is not waited for here.
//! Invariant: nothing that goes on is taken away: an open visit, an open order, a message under way.

use protocol::CustomerId;
use rusqlite::{Connection, OptionalExtension, params};

use super::{StoreError, int, intents::INTENT_AGE_MS_MAX};

const DAY_MS: u64 = 86_400_000;

/// What happened in the store, and what was decided and told about it: long enough to see the same
/// season again.
pub const YEAR_MS: u64 = 365 * DAY_MS;
/// Purchases: two seasons, so that what she bought last winter is not told her this one.
pub const RECEIPT_MS: u64 = 2 * YEAR_MS;
/// Orders that are closed, and their cards.
pub const ORDER_MS: u64 = 30 * DAY_MS;

/// Customers that one step looks at.
pub const STEP_MAX: u32 = 200;

/// A table, what of one customer in it is too old (`?1` is she, `?2` the time before which), and how
/// long it is kept.
const CLASSES: [(&str, &str, u64); 8] = [
    (
        "visits",
        "customer = ?1 AND entered_ms < ?2 AND left_ms IS NOT NULL",
        YEAR_MS,
    ),
    ("decisions", "customer = ?1 AND decided_ms < ?2", YEAR_MS),
    (
        "deliveries",
        "customer = ?1 AND created_ms < ?2 AND state NOT IN ('pending', 'sending')",
        YEAR_MS,
    ),
    ("intents", "customer = ?1 AND at_ms < ?2", INTENT_AGE_MS_MAX),
    (
        "interests",
        "customer = ?1 AND at_ms < ?2",
        INTENT_AGE_MS_MAX,
    ),
    (
        "receipts",
        "customer = ?1 AND coalesce(at_ms, version_ms) < ?2",
        RECEIPT_MS,
    ),
    (
        "orders",
        "customer = ?1 AND changed_ms < ?2 AND state IN ('completed', 'cancelled')",
        ORDER_MS,
    ),
    (
        "rewards",
        "customer = ?1 AND expires_ms < ?2
         AND upto < (SELECT max(r.upto) FROM rewards r
                     WHERE r.customer = rewards.customer AND r.rule = rewards.rule)",
        YEAR_MS,
    ),
];

/// Looks at the next customers after this one; gives the last of them, or none at the end.
pub fn step(
    db: &Connection,
    now_ms: u64,
    after: Option<CustomerId>,
    max: u32,
) -> Result<Option<CustomerId>, StoreError> {
    let after = after
        .map(|customer| *customer.0.as_bytes())
        .unwrap_or_default();
    let mut statement = db.prepare_cached(
        "SELECT customer FROM customers WHERE customer > ?1 ORDER BY customer LIMIT ?2",
    )?;
    let customers: Vec<CustomerId> = statement
        .query_map(params![after, max], |row| row.get(0).map(CustomerId))?
        .collect::<Result<_, _>>()?;
    for (table, too_old, kept_ms) in CLASSES {
        let mut delete = db.prepare_cached(&format!("DELETE FROM {table} WHERE {too_old}"))?;
        for customer in &customers {
            delete.execute(params![customer.0, int(now_ms.saturating_sub(kept_ms))])?;
        }
    }
    let full = customers.len() >= max as usize;
    Ok(customers.last().copied().filter(|_| full))
}

/// Closed cards go with their orders, and what a person was asked to do a year after it was done. A
/// few at a time, too.
pub fn closed(db: &Connection, now_ms: u64, max: u32) -> Result<(), StoreError> {
    db.prepare_cached("DELETE FROM tasks WHERE done_ms < ?1")?
        .execute([int(now_ms.saturating_sub(YEAR_MS))])?;
    for store in super::shop::store_ids(db)? {
        let oldest: Option<i64> = db
            .prepare_cached("SELECT min(since_ms) FROM cards WHERE store = ?1")?
            .query_row([store.as_str()], |row| row.get(0))
            .optional()?
            .flatten();
        let before_ms = int(now_ms.saturating_sub(ORDER_MS));
        if oldest.is_none_or(|oldest_ms| oldest_ms >= before_ms) {
            continue;
        }
        db.prepare_cached(
            "DELETE FROM cards WHERE card IN
               (SELECT card FROM cards WHERE store = ?1 AND since_ms < ?2
                  AND journey NOT IN ('en_route', 'nearby', 'arrived', 'waiting') LIMIT ?3)",
        )?
        .execute(params![store.as_str(), before_ms, max])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{fixtures, open_writer};

    const NOW_MS: u64 = 1_789_455_200_000;

    /// Rows of every class: one that is old, one that is younger by a day, one that is old and goes
    /// on.
    fn furnished() -> (tempfile::TempDir, Connection, CustomerId) {
        let dir = tempfile::tempdir().unwrap();
        let db = open_writer(&dir.path().join("db")).unwrap();
        fixtures::store(&db);
        let anna = fixtures::customer(&db, "anna", 7);
        let old = |kept_ms: u64| NOW_MS - kept_ms - 1;
        let young = |kept_ms: u64| NOW_MS - kept_ms + DAY_MS;
        let run = |sql: &str, at_ms: u64| {
            db.execute(sql, params![anna.0, int(at_ms)]).unwrap();
        };
        run("INSERT INTO members VALUES (?1, ?2, '1', 'nl', 'page')", 1);
        run(
            "INSERT INTO loyalty_rules VALUES ('coffee', ',visit,', 5, NULL, NULL, 'x', 'x', 1,
               'published', length(?1) + ?2)",
            1,
        );
        for (id, at_ms, open) in [
            (1, old(YEAR_MS), false),
            (2, young(YEAR_MS), false),
            (3, old(YEAR_MS), true),
        ] {
            let left = if open { "NULL" } else { "?2" };
            let state = if open { "pending" } else { "sent" };
            run(
                &format!(
                    "INSERT INTO visits VALUES (x'0{id}', 'kade-9', ?1, ?2, {left}, 'messages', 0)"
                ),
                at_ms,
            );
            run(
                &format!(
                    "INSERT INTO deliveries (delivery, store, customer, channel, class, cause,
                       created_ms, relevant_until_ms, state)
                     VALUES (x'0{id}', 'kade-9', ?1, 'in_app', 'service', '{id}', ?2, 0, '{state}')"
                ),
                at_ms,
            );
        }
        for (id, at_ms) in [(1, old(YEAR_MS)), (2, young(YEAR_MS))] {
            run(
                &format!(
                    "INSERT INTO decisions (decision, store, customer, visit, choice, decided_ms, body)
                     VALUES (x'0{id}', 'kade-9', ?1, x'02', 'suppress', ?2, '{{}}')"
                ),
                at_ms,
            );
        }
        // The last reward of a rule stays: the next begins behind it.
        for (id, at_ms) in [(1, old(YEAR_MS)), (2, old(YEAR_MS))] {
            run(
                &format!(
                    "INSERT INTO rewards (reward, customer, rule, upto, code, earned_ms, expires_ms)
                     VALUES (x'0{id}', ?1, 'coffee', {id}, 'C{id}', 0, ?2)"
                ),
                at_ms,
            );
        }
        for at_ms in [old(INTENT_AGE_MS_MAX), young(INTENT_AGE_MS_MAX)] {
            run(
                "INSERT INTO intents VALUES (?1, 'LAMP', 0, ?2, 'viewed', NULL)",
                at_ms,
            );
            run("INSERT INTO interests VALUES (?1, 'lamps', ?2)", at_ms);
        }
        for (id, at_ms) in [(1, old(RECEIPT_MS)), (2, young(RECEIPT_MS))] {
            run(
                &format!(
                    "INSERT INTO receipts VALUES ('{id}', ?1, NULL, ?2, 1, 'EUR', 'bought', 0)"
                ),
                at_ms,
            );
        }
        for (id, at_ms, state, journey) in [
            (1, old(ORDER_MS), "completed", "served"),
            (2, young(ORDER_MS), "cancelled", "served"),
            (3, old(ORDER_MS), "ready", "arrived"),
        ] {
            run(
                &format!(
                    "INSERT INTO orders (\"order\", external_id, store, customer, state, code,
                       created_ms, changed_ms)
                     VALUES (x'0{id}', '{id}', 'kade-9', ?1, '{state}', '1', 0, ?2)"
                ),
                at_ms,
            );
            run(
                &format!(
                    "INSERT INTO cards VALUES (x'0{id}', 'kade-9', ?1, '{journey}', 0, 0, ?2, NULL,
                       NULL, '{{}}')"
                ),
                at_ms,
            );
        }
        let old = old(YEAR_MS);
        for done in [
            format!("{old}"),
            format!("{old} + 86400000"),
            "NULL".to_owned(),
        ] {
            let task = "INSERT INTO tasks VALUES (NULL, ?2, 'web', 'data_request', ?1, '9',";
            run(&format!("{task} {done})"), old);
        }
        (dir, db, anna)
    }

    fn left(db: &Connection) -> Vec<(&'static str, u32)> {
        let tables = CLASSES
            .map(|(table, ..)| table)
            .into_iter()
            .chain(["cards", "tasks"]);
        let count = |table: &str| {
            let sql = format!("SELECT count(*) FROM {table}");
            db.query_row(&sql, [], |row| row.get(0)).unwrap()
        };
        tables.map(|table| (table, count(table))).collect()
    }

    #[test]
    fn what_is_too_old_goes_and_what_goes_on_stays() {
        let (_dir, db, _) = furnished();
        assert_eq!(step(&db, NOW_MS, None, STEP_MAX).unwrap(), None);
        closed(&db, NOW_MS, 10).unwrap();
        let wanted = [
            ("visits", 2),
            ("decisions", 1),
            ("deliveries", 2),
            ("intents", 1),
            ("interests", 1),
            ("receipts", 1),
            ("orders", 2),
            ("rewards", 1),
            ("cards", 2),
            ("tasks", 2),
        ];
        assert_eq!(left(&db), wanted);
    }

    #[test]
    fn the_walk_comes_past_every_customer_and_begins_again() {
        let (_dir, db, _) = furnished();
        for n in 8..13 {
            fixtures::customer(&db, &n.to_string(), n);
        }
        let mut at = None;
        let mut steps = 0;
        loop {
            at = step(&db, NOW_MS, at, 2).unwrap();
            steps += 1;
            if at.is_none() {
                break;
            }
        }
        // Six customers, two at a time, and one look that finds nobody.
        assert_eq!(steps, 4);
    }
}
