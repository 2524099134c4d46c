//! Both arms of a campaign, from decisions and receipts.
//!
//! In: a campaign, how long a purchase counts as its effect. Out: persons, buyers and what they
//! spent, in all stores.
//! A person is in an arm from the first time that the campaign's turn came to her. Only customers
//! whose consent `statistics` is in force now: whoever does not want to be in figures is in none.
//! Cost: grows with the campaign's decisions, and one look-up for each of its persons in receipts
//! and in intents.
//! Invariant: what leaves here names nobody.

use engine::outcome::Arm;
use protocol::CampaignId;
use rusqlite::{Connection, params};
use uuid::Uuid;

use super::{StoreError, from_word, int, uint};
use crate::{
    revenue::{Revenue, Spent},
    uplift::{Tally, Uplift},
};

/// The persons of a campaign: `customer`, `arm`, and `at_ms`, when its turn first came.
const FIRST: &str = "WITH first AS (
   SELECT customer, arm, min(decided_ms) AS at_ms FROM decisions d
   WHERE campaign = ?1 AND 1 = (SELECT granted FROM consent_ledger c
     WHERE c.customer = d.customer AND purpose = 'statistics' ORDER BY entry DESC LIMIT 1)
   GROUP BY customer, arm)";

/// Persons, and who of them bought something within the window.
pub fn uplift(
    db: &Connection,
    campaign: CampaignId,
    attribution_ms: u64,
) -> Result<Uplift, StoreError> {
    let mut statement = db.prepare_cached(&format!(
        "{FIRST} SELECT arm, count(*), sum(
           EXISTS (SELECT 1 FROM receipts r
             WHERE r.customer = first.customer AND r.state = 'bought'
               AND r.at_ms > first.at_ms AND r.at_ms <= first.at_ms + ?2)
           OR EXISTS (SELECT 1 FROM intents i
             WHERE i.customer = first.customer AND i.kind = 'ordered'
               AND i.at_ms > first.at_ms AND i.at_ms <= first.at_ms + ?2))
         FROM first GROUP BY arm"
    ))?;
    let mut rows = statement.query(params![campaign.0, int(attribution_ms)])?;
    let mut uplift = Uplift::default();
    while let Some(row) = rows.next()? {
        let tally = Tally {
            persons: uint(row.get(1)?),
            bought: uint(row.get(2)?),
        };
        match from_word(row.get_ref(0)?.as_str().unwrap_or_default())? {
            Arm::Told => uplift.told = tally,
            Arm::HeldOut => uplift.held_out = tally,
        }
    }
    Ok(uplift)
}

/// What the persons of `of` spent within the window. A receipt without an amount is no revenue.
pub fn revenue(
    db: &Connection,
    campaign: CampaignId,
    attribution_ms: u64,
    of: &Uplift,
) -> Result<Revenue, StoreError> {
    let mut statement = db.prepare_cached(&format!(
        "{FIRST} SELECT arm, r.currency, sum(r.total_minor), count(*), first.customer
         FROM first JOIN receipts r ON r.customer = first.customer AND r.state = 'bought'
           AND r.at_ms > first.at_ms AND r.at_ms <= first.at_ms + ?2
         WHERE r.total_minor > 0 AND r.currency IS NOT NULL
         GROUP BY first.customer, arm, r.currency ORDER BY first.customer"
    ))?;
    let mut rows = statement.query(params![campaign.0, int(attribution_ms)])?;
    let mut spent = Vec::new();
    let (mut whose, mut person) = (None::<Uuid>, 0);
    while let Some(row) = rows.next()? {
        let arm: Arm = from_word(row.get_ref(0)?.as_str().unwrap_or_default())?;
        let customer: Uuid = row.get(4)?;
        if whose.replace(customer) != Some(customer) {
            person += 1;
        }
        spent.push(Spent {
            person,
            told: arm == Arm::Told,
            currency: row.get(1)?,
            minor: uint(row.get(2)?),
            receipts: uint(row.get(3)?),
        });
    }
    let Uplift { told, held_out } = of;
    Ok(Revenue::new(told.persons, held_out.persons, &spent))
}

#[cfg(test)]
mod tests {
    use engine::input::Consent;
    use protocol::{CustomerId, StoreId};

    use super::*;
    use crate::store::{fixtures, open_writer, people, receipts};

    const WINDOW_MS: u64 = 1_000;

    fn person(db: &Connection, n: u8, arm: &str, counted: bool) -> CustomerId {
        let customer = fixtures::customer(db, &format!("c{n}"), n);
        let entry = people::ConsentEntry {
            purpose: "statistics",
            granted: counted,
            text_version: "1".into(),
            language: "nl".into(),
            source: "app",
        };
        people::record_consent(db, 1, customer, &entry).unwrap();
        for at_ms in [100, 500] {
            db.execute(
                "INSERT INTO decisions (decision, store, customer, visit, choice, decided_ms, body,
                   campaign, arm)
                 VALUES (randomblob(16), 'kade-9', ?1, randomblob(16), 'notify', ?2, '', ?3, ?4)",
                params![customer.0, at_ms, CampaignId::at(1, [0; 10]).0, arm],
            )
            .unwrap();
        }
        customer
    }

    fn bought(
        db: &Connection,
        name: &str,
        who: CustomerId,
        at_ms: u64,
        minor: u64,
        state: receipts::State,
    ) {
        let row = receipts::ReceiptRow {
            receipt: name.into(),
            customer: who,
            store: None::<StoreId>,
            at_ms: Some(at_ms),
            total_minor: Some(minor),
            currency: Some("EUR".into()),
            state,
            lines: Vec::new(),
        };
        let agreed = Consent {
            statistics: true,
            ..Consent::default()
        };
        receipts::put(db, at_ms, &row, 1, agreed).unwrap();
    }

    #[test]
    fn what_she_bought_and_kept_within_the_window_is_revenue_if_she_is_counted() {
        let dir = tempfile::tempdir().unwrap();
        let db = open_writer(&dir.path().join("db")).unwrap();
        fixtures::store(&db);
        let campaign = CampaignId::at(1, [0; 10]);
        let told = person(&db, 1, "told", true);
        let held = person(&db, 2, "held_out", true);
        let uncounted = person(&db, 3, "told", false);
        use receipts::State::{Bought, Cancelled, Refunded};
        bought(&db, "1", told, 200, 500, Bought);
        bought(&db, "2", told, 1_100, 700, Bought);
        // Before her turn, after the window, called off, paid back.
        bought(&db, "3", told, 100, 11, Bought);
        bought(&db, "4", told, 1_101, 13, Bought);
        bought(&db, "5", told, 300, 17, Cancelled);
        bought(&db, "6", told, 300, 19, Refunded);
        bought(&db, "7", held, 300, 900, Bought);
        bought(&db, "8", uncounted, 300, 900, Bought);
        let arms = uplift(&db, campaign, WINDOW_MS).unwrap();
        let tally = |persons, bought| Tally { persons, bought };
        assert_eq!((arms.told, arms.held_out), (tally(1, 1), tally(1, 1)));
        let expected = [(true, 1_200, 2), (false, 900, 1)].map(|(told, minor, receipts)| Spent {
            person: if told { 1 } else { 2 },
            told,
            currency: "EUR".into(),
            minor,
            receipts,
        });
        let revenue = revenue(&db, campaign, WINDOW_MS, &arms).unwrap();
        assert_eq!(revenue, Revenue::new(1, 1, &expected));
    }
}
