//! Answers the engine's questions from the tables, inside the transaction that asked.
//!
//! Invariant: what she did online is read only with her consent to use it.

use engine::{
    Input, Observation,
    input::{Consent, MatchFacts},
};
use protocol::{CustomerId, StoreId, VisitId, ZoneId};
use rusqlite::Connection;

use crate::{
    localtime::local_day,
    store::{StoreError, board, outbox, people, shop},
};

/// What she did online longer ago than this is not looked at.
const INTENT_AGE_MS_MAX: u64 = 90 * 86_400_000;
/// Late sightings join a visit that ended this shortly before, or begins this shortly after.
const JOIN_MS: u64 = 180_000;

pub(super) fn for_match(
    db: &Connection,
    now_ms: u64,
    store: &StoreId,
    customer: CustomerId,
    visit: VisitId,
    zone: ZoneId,
    consent: Consent,
) -> Result<Input, StoreError> {
    let (midnight_ms, local_minute) = local_day(&shop::store(db, store)?.timezone, now_ms);
    let candidates = if consent.messages && consent.browsing {
        people::candidates(
            db,
            store,
            customer,
            now_ms.saturating_sub(INTENT_AGE_MS_MAX),
        )?
    } else {
        Vec::new()
    };
    let facts = MatchFacts {
        consent,
        candidates,
        messages_today: outbox::marketing_since(db, customer, midnight_ms)?,
        told_this_visit: outbox::told_in_visit(db, visit)?,
        local_minute,
    };
    Ok(Input::Match {
        customer,
        visit,
        zone,
        facts,
    })
}

pub(super) fn for_history(
    db: &Connection,
    store: &StoreId,
    customer: CustomerId,
    late: Vec<Observation>,
) -> Result<Input, StoreError> {
    let from_ms = late.iter().map(|o| o.heard_first_ms).min().unwrap_or(0);
    let to_ms = late.iter().map(|o| o.heard_last_ms).max().unwrap_or(0);
    let visits = board::visits_around(
        db,
        store,
        customer,
        from_ms.saturating_sub(JOIN_MS),
        to_ms.saturating_add(JOIN_MS),
    )?;
    Ok(Input::History {
        customer,
        late,
        visits,
    })
}
