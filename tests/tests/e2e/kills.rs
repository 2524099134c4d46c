//! Kill -9 under load: of the server, of gateways, of the broker.
//!
//! Owed is what must be in the log in the end, exactly once: for kills of server and broker
//! everything that a gateway's socket took; for kills of a gateway what it took more than
//! [`PROMPT`] before, and, strictly, every record that stood in its spool's files when it died.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use demo::{audit::Audit, stack::Options};
use e2e::{
    crowd::Load,
    floor::{Floor, Index, judge},
    harness::{Tool, test},
    mosquitto::Mosquitto,
};
use libtest_mimic::Trial;

/// What a gateway took this long before its kill is in its spool.
const PROMPT: Duration = Duration::from_secs(2);
const PER_S: u64 = 150;

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        test(
            "killed_server_loses_nothing_and_applies_nothing_twice",
            &[],
            killed_server,
        ),
        test(
            "killed_gateway_sends_everything_that_was_in_its_spool",
            &[],
            killed_gateway,
        ),
        test(
            "killed_broker_loses_nothing_and_applies_nothing_twice",
            &[Tool::Mosquitto],
            killed_broker,
        ),
    ]
}

/// Three by default; a night has time for more.
fn kills() -> usize {
    let told = std::env::var("WELKOM_KILLS").ok();
    told.and_then(|text| text.parse().ok()).unwrap_or(3)
}

/// Advertisements between two kills: spread, so that kills meet all phases of a connection.
fn between(kill: usize) -> usize {
    150 + kill * 97 % 200
}

async fn floor(options: Options) -> anyhow::Result<Floor> {
    let folder = tempfile::tempdir()?;
    let people = Load::people_for(PER_S) + 1_000;
    Floor::start(folder, options, people)
        .await?
        .with_gateways()
        .await
}

async fn killed_server() -> anyhow::Result<()> {
    let mut floor = floor(Options::default()).await?;
    let load = floor.load(PER_S)?;
    for kill in 0..kills() {
        floor.more_rows(30).await?;
        load.more(between(kill)).await?;
        if kill % 2 == 0 {
            // One that hangs before it dies takes along what gateways have sent it by then.
            floor.hang_server()?;
            load.more(60).await?;
        }
        floor.stack.kill()?;
        floor.stack.restart().await?;
    }
    floor.more_rows(30).await?;
    everything_once("server", kills(), floor, load).await
}

async fn killed_broker() -> anyhow::Result<()> {
    let broker_folder = tempfile::tempdir()?;
    let mut broker = Mosquitto::start(broker_folder.path()).await?;
    let options = Options {
        external_broker: Some(broker.port),
        ..Options::default()
    };
    let floor = floor(options).await?;
    let load = floor.load(PER_S)?;
    for kill in 0..kills() {
        floor.more_rows(30).await?;
        load.more(between(kill)).await?;
        broker.kill()?;
        broker.restart().await?;
    }
    floor.more_rows(30).await?;
    everything_once("broker", kills(), floor, load).await
}

/// Everything that gateways took is owed: none of them died.
async fn everything_once(
    what: &str,
    kills: usize,
    mut floor: Floor,
    load: Load,
) -> anyhow::Result<()> {
    let book = load.stop();
    let index = Index::new(&book);
    let owed: Vec<usize> = (0..book.len()).collect();
    floor.all_taken(&book).await?;
    floor.all_arrived(&index, &owed).await?;
    floor.stop().await?;
    let counted = index.counted(&Audit::open(&floor.stack.database())?)?;
    judge(what, kills, &book, &owed, &counted)
}

/// One gateway's absence.
struct Death {
    place: usize,
    killed: Instant,
    back: Instant,
}

async fn killed_gateway() -> anyhow::Result<()> {
    let mut floor = floor(Options::default()).await?;
    let load = floor.load(PER_S)?;
    let mut deaths = Vec::new();
    let mut left = Vec::new();
    for kill in 0..kills() {
        let place = kill % floor.gateways.len();
        floor.more_rows(30).await?;
        load.more(between(kill)).await?;
        let killed = floor.kill_gateway(place).await?;
        left.push(floor.read_spool(place)?);
        let back = floor.up(place, &[]).await?;
        deaths.push(Death {
            place,
            killed,
            back,
        });
    }
    load.more(50).await?;
    let book = load.stop();
    let index = Index::new(&book);
    let mut strict = BTreeSet::new();
    for records in &left {
        strict.extend(index.places(records)?);
    }
    let taken = floor.taken(&book);
    let anchors = floor.anchors()?;
    let may_be_lost = |n: usize| {
        let advert = &book[n];
        !taken[n]
            || deaths.iter().any(|death| {
                anchors[death.place] == advert.anchor
                    && advert.sent + PROMPT > death.killed
                    && advert.sent <= death.back
            })
    };
    let mut owed = strict.clone();
    owed.extend((0..book.len()).filter(|n| !may_be_lost(*n)));
    let owed: Vec<usize> = owed.into_iter().collect();
    floor.all_arrived(&index, &owed).await?;
    floor.stop().await?;
    let counted = index.counted(&Audit::open(&floor.stack.database())?)?;
    println!(
        "audit gateway: {} of those owed stood in a dead gateway's spool",
        strict.len()
    );
    judge("gateway", deaths.len(), &book, &owed, &counted)
}
