//! The broker is away for a while and comes back with nothing in it.

use demo::{audit::Audit, stack::Options};
use e2e::{
    floor::{Floor, Index, judge},
    harness::{Tool, test},
    mosquitto::Mosquitto,
};
use libtest_mimic::Trial;

const PER_S: u64 = 100;
/// A rush during the outage, so that the backlog takes longer to hand over than a connection
/// may have under way.
const RUSH_PER_S: u64 = 400;
/// More than a gateway hands over while this test is kept waiting by a busy machine.
const BACKLOG: usize = 4_000;
const LIVE: usize = 20;
const PEOPLE: usize = 6_000;

pub(crate) fn tests() -> Vec<Trial> {
    vec![test(
        "outage_of_a_broker_that_comes_back_wiped_loses_nothing_and_live_goes_before_backlog",
        &[Tool::Mosquitto],
        wiped_broker,
    )]
}

async fn wiped_broker() -> anyhow::Result<()> {
    let broker_folder = tempfile::tempdir()?;
    let mut broker = Mosquitto::start(broker_folder.path()).await?;
    let options = Options {
        external_broker: Some(broker.port),
        ..Options::default()
    };
    let mut floor = Floor::start(tempfile::tempdir()?, options, PEOPLE).await?;
    floor.up(0, &[]).await?;
    let load = floor.load_of(&floor.anchors()?[..1], PER_S);
    floor.more_rows(30).await?;
    broker.kill()?;
    let from = load.sent();
    load.set_rate(RUSH_PER_S);
    load.more(BACKLOG).await?;
    load.set_rate(0);
    let backlog = from..load.sent();
    broker.restart().await?;
    // The gateway is back when the first of its backlog is there.
    floor.more_rows(1).await?;
    load.set_rate(RUSH_PER_S);
    load.more(LIVE).await?;
    let book = load.stop();
    let index = Index::new(&book);
    let owed: Vec<usize> = (0..book.len()).collect();
    floor.all_taken(&book).await?;
    floor.all_arrived(&index, &owed).await?;
    floor.stop().await?;
    let counted = index.counted(&Audit::open(&floor.stack.database())?)?;
    judge("outage", 1, &book, &owed, &counted)?;

    let is_live = |place: &usize| *place >= backlog.end;
    let last_live = counted
        .order
        .iter()
        .rposition(is_live)
        .unwrap_or(usize::MAX);
    let behind = counted.order.iter().skip(last_live);
    let behind = behind.filter(|place| backlog.contains(place)).count();
    println!(
        "audit outage: of {} in the backlog {behind} came after the last live one",
        backlog.len()
    );
    anyhow::ensure!(
        behind > backlog.len() / 10,
        "live sightings waited for the backlog: only {behind} of it came later"
    );
    Ok(())
}
