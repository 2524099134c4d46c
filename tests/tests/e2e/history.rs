//! What comes late completes history and tells nobody.

use demo::{audit::Audit, stack::Options};
use e2e::{
    hand::{Hand, Run},
    harness::test,
    person::{MESSAGES, Person, person},
    rig::Rig,
};
use libtest_mimic::Trial;
use protocol::{AnchorId, message::Sighting};
use serde_json::Value;
use server::clock::now_ms;

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        test(
            "a_backlog_of_three_hours_completes_history_without_notifying",
            &[],
            late_backlog_completes_history,
        ),
        test(
            "a_backlog_beside_a_visit_widens_it",
            &[],
            late_backlog_widens,
        ),
        test(
            "a_batch_without_a_clock_is_applied_with_its_time_unknown",
            &[],
            no_clock_is_time_unknown,
        ),
    ]
}

const HOUR_MS: u64 = 3_600_000;

/// A minute at the door, from so long ago on.
fn minute(who: &Person, door: &AnchorId, began_ms: u64) -> Vec<Sighting> {
    (0..60)
        .map(|s| who.seen_at(door, began_ms + s * 1_000))
        .collect()
}

/// She agreed four hours ago: what was heard before a yes is not used.
fn agreed_long_ago(rig: &Rig) -> anyhow::Result<()> {
    let db = rusqlite::Connection::open(rig.stack.database())?;
    db.execute(
        "UPDATE consent_ledger SET at_ms = at_ms - ?1",
        [4 * 3_600_000_i64],
    )?;
    db.execute(
        "UPDATE radios SET valid_from_ms = valid_from_ms - ?1",
        [4 * 3_600_000_i64],
    )?;
    Ok(())
}

async fn furnished() -> anyhow::Result<(Rig, Person)> {
    let mut rig = Rig::start(Options::default()).await?;
    let anna = person(&rig.stack, "anna", MESSAGES).await?;
    // At the door, where she will be: told at once if this were live.
    anna.did_online(&rig.stack, "carted", "SJAAL-ROOD").await?;
    rig.stack.stop().await?;
    agreed_long_ago(&rig)?;
    rig.stack.restart().await?;
    Ok((rig, anna))
}

async fn late_backlog_completes_history() -> anyhow::Result<()> {
    let (rig, anna) = furnished().await?;
    let (door, anchor) = (&rig.credentials[0], "door".parse()?);
    let mut hand = Hand::connect(&rig.stack.store, door).await?;
    let mut run = Run::new(&rig.stack.store, &door.gateway);
    let began_ms = now_ms() - 3 * HOUR_MS;
    let backlog = run.batch(minute(&anna, &anchor, began_ms));
    hand.deliver(&backlog).await?;
    hand.deliver(&backlog).await?;
    let audit = Audit::open(&rig.stack.database())?;
    let visits = audit.visits("kade-9")?;
    anyhow::ensure!(visits.len() == 1, "{visits:#?}");
    let visit = &visits[0];
    anyhow::ensure!(
        visit.late && visit.left_ms == Some(began_ms + 59_000),
        "{visit:#?}"
    );
    anyhow::ensure!(visit.entered_ms.abs_diff(began_ms) <= 2_000, "{visit:#?}");
    anyhow::ensure!(visit.zone_stays.len() == 1, "{visit:#?}");
    let silences = "SELECT count(*) FROM decisions WHERE choice = 'suppress' AND reason = 'stale'";
    anyhow::ensure!(audit.number(silences)? == 1);
    anyhow::ensure!(audit.number("SELECT count(*) FROM decisions")? == 1);
    anyhow::ensure!(audit.number("SELECT count(*) FROM deliveries")? == 0);
    Ok(())
}

async fn late_backlog_widens() -> anyhow::Result<()> {
    let (rig, anna) = furnished().await?;
    let (door, anchor) = (&rig.credentials[0], "door".parse()?);
    let mut hand = Hand::connect(&rig.stack.store, door).await?;
    let mut run = Run::new(&rig.stack.store, &door.gateway);
    let began_ms = now_ms() - 3 * HOUR_MS;
    for minute_ms in [0, 120_000, 60_000, 180_000] {
        hand.deliver(&run.batch(minute(&anna, &anchor, began_ms + minute_ms)))
            .await?;
    }
    // Far enough away to be another visit.
    hand.deliver(&run.batch(minute(&anna, &anchor, began_ms + HOUR_MS)))
        .await?;
    let visits = Audit::open(&rig.stack.database())?.visits("kade-9")?;
    anyhow::ensure!(visits.len() == 2, "{visits:#?}");
    let first = &visits[0];
    anyhow::ensure!(first.left_ms == Some(began_ms + 239_000), "{first:#?}");
    anyhow::ensure!(first.entered_ms.abs_diff(began_ms) <= 2_000, "{first:#?}");
    Ok(())
}

async fn no_clock_is_time_unknown() -> anyhow::Result<()> {
    let (rig, anna) = furnished().await?;
    let (door, anchor) = (&rig.credentials[0], "door".parse()?);
    let mut hand = Hand::connect(&rig.stack.store, door).await?;
    let mut run = Run::new(&rig.stack.store, &door.gateway);
    run.clock = None;
    hand.deliver(&run.batch(minute(&anna, &anchor, now_ms() - 60_000)))
        .await?;
    let server: Value = rig.stack.api.get("/v1/server").await?;
    let counts = &server["counts"];
    anyhow::ensure!(counts["time_unknown_total"] == 60, "{counts}");
    anyhow::ensure!(counts["batches_applied_total"] == 1, "{counts}");
    anyhow::ensure!(
        Audit::open(&rig.stack.database())?
            .visits("kade-9")?
            .is_empty()
    );
    Ok(())
}
