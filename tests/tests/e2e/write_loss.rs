//! Power goes, and with it every write that was not synced.
//!
//! A process is killed while a library notes what it writes and syncs; its folder is rebuilt as
//! the disk would have it; the audit finds in it whatever was promised to somebody.

use std::{collections::BTreeSet, time::Duration};

use demo::{audit::Audit, stack::Options};
use e2e::{
    crowd::{Advert, Load, Person},
    floor::{Floor, Index, judge},
    hand_gateway::{HandGateway, batches},
    harness::{Tool, test},
    mosquitto::{Mosquitto, Observer},
    spool_reader::Record,
    write_journal::{Journal, Unsynced, copy_folder},
};
use libtest_mimic::Trial;
use protocol::{BootId, message::Batch};
use uuid::Uuid;

/// A slow disk: what is acknowledged before its sync has ended is acknowledged well before.
const SYNC_MS: u64 = 100;
const LOSSES: [Unsynced; 3] = [Unsynced::Gone, Unsynced::HalfKept(1), Unsynced::HalfKept(2)];
const BATCHES: usize = 120;
const EACH: usize = 4;
const PER_S: u64 = 100;
/// What a gateway took this long before its kill is synced.
const PROMPT: Duration = Duration::from_secs(2);

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        test(
            "what_the_server_acknowledged_survives_the_loss_of_unsynced_writes",
            &[Tool::Cc],
            server_loses_writes,
        ),
        test(
            "what_the_gateway_published_survives_the_loss_of_unsynced_writes",
            &[Tool::Cc, Tool::Mosquitto],
            gateway_loses_writes,
        ),
    ]
}

async fn server_loses_writes() -> anyhow::Result<()> {
    let people = LOSSES.len() * BATCHES * EACH;
    let mut floor = Floor::start(tempfile::tempdir()?, Options::default(), people).await?;
    floor.stack.stop().await?;
    let scratch = tempfile::tempdir()?;
    let data = floor.stack.dir.join("server");
    let door = floor.credentials[0].clone();
    let store = floor.stack.store.clone();
    let mut sent: Vec<(BootId, Vec<Batch>)> = Vec::new();
    let mut promised = 0;
    for (round, unsynced) in LOSSES.into_iter().enumerate() {
        let before = scratch.path().join(format!("before-{round}"));
        copy_folder(&data, &before)?;
        let journal = Journal::new(scratch.path(), &format!("journal-{round}"), &data, SYNC_MS)?;
        floor.stack.restart_with(&journal.env()).await?;
        let boot = BootId(Uuid::new_v4());
        let crowd = crowd_of(&floor.people, round);
        let all = batches(&store, &door, boot, crowd, EACH)?;
        let gateway = HandGateway::connect(&store, &door).await?;
        for batch in &all {
            gateway.publish(batch).await?;
        }
        gateway.until_acknowledged(boot, 40).await?;
        floor.stack.kill()?;
        let acknowledged = gateway.acknowledged(boot);
        let loss = journal.lose(Some(&before), unsynced)?;
        let radios = Audit::open(&floor.stack.database())?.radios()?;
        let gone = all
            .iter()
            .zip(crowd.chunks(EACH))
            .filter(|(batch, _)| acknowledged.contains(batch.seq))
            .filter(|(_, people)| people.iter().any(|p| radios.get(&p.radio) != Some(&1)))
            .count();
        println!(
            "audit server write loss: {unsynced:?}, syncs {}, unsynced writes {}, acknowledged \
             {} of {BATCHES} batches, of these gone {gone}",
            loss.syncs,
            loss.writes,
            acknowledged.count()
        );
        anyhow::ensure!(gone == 0, "{gone} acknowledged batches are not on the disk");
        promised += acknowledged.count();
        sent.push((boot, all));
    }
    anyhow::ensure!(promised > 0, "nothing was acknowledged");

    // What was not acknowledged comes again, and with the rest of it is there once.
    floor.stack.restart().await?;
    let gateway = HandGateway::connect(&store, &door).await?;
    for (boot, all) in &sent {
        for batch in all {
            gateway.publish(batch).await?;
        }
        gateway.until_acknowledged(*boot, BATCHES as u64).await?;
    }
    floor.stop().await?;
    let radios = Audit::open(&floor.stack.database())?.radios()?;
    let once = floor
        .people
        .iter()
        .filter(|p| radios.get(&p.radio) == Some(&1));
    let (once, wanted) = (once.count(), floor.people.len());
    anyhow::ensure!(
        once == wanted,
        "after redelivery {once} of {wanted} are there once"
    );
    Ok(())
}

fn crowd_of(people: &[Person], round: usize) -> &[Person] {
    &people[round * BATCHES * EACH..(round + 1) * BATCHES * EACH]
}

async fn gateway_loses_writes() -> anyhow::Result<()> {
    let scratch = tempfile::tempdir()?;
    let broker = Mosquitto::start(scratch.path()).await?;
    let options = Options {
        external_broker: Some(broker.port),
        ..Options::default()
    };
    let people = Load::people_for(PER_S) + 1_000;
    let mut floor = Floor::start(tempfile::tempdir()?, options, people).await?;
    let spool = floor.stack.spool(&floor.credentials[0].gateway);
    let observer = Observer::start(broker.port).await?;
    let load = floor.load_of(&floor.anchors()?[..1], PER_S);
    let mut promises = Vec::new();
    for (round, unsynced) in LOSSES.into_iter().take(2).enumerate() {
        let before = scratch.path().join(format!("before-{round}"));
        if spool.exists() {
            copy_folder(&spool, &before)?;
        }
        let journal = Journal::new(scratch.path(), &format!("journal-{round}"), &spool, 5)?;
        let up = floor.up(0, &journal.env()).await?;
        // It knows the time and publishes. Then the server is gone, and nothing is acknowledged.
        floor.more_rows(20).await?;
        floor.stack.kill()?;
        load.more(400).await?;
        let killed = floor.kill_gateway(0).await?;
        let reader = floor.reader(0)?;
        let published = observer.published().into_iter();
        let published = published.map(|batch| reader.batch(batch));
        let published = published.collect::<Result<_, _>>()?;
        let before = before.exists().then_some(before.as_path());
        let loss = journal.lose(before, unsynced)?;
        promises.push(Promise {
            published,
            kept: floor.read_spool(0)?,
            prompt: (up, killed - PROMPT),
        });
        println!(
            "audit gateway write loss: {unsynced:?}, syncs {}, unsynced writes {}",
            loss.syncs, loss.writes
        );
        // The database stands still: what is not in it must be in the spool.
        check(&floor, &load.so_far(), &promises[round])?;
        floor.stack.restart().await?;
    }
    floor.up(0, &[]).await?;
    load.more(20).await?;
    let book = load.stop();
    let index = Index::new(&book);
    let mut owed = BTreeSet::new();
    for promise in &promises {
        owed.extend(promise.places(&book, &index, &floor)?);
    }
    let owed: Vec<usize> = owed.into_iter().collect();
    floor.all_arrived(&index, &owed).await?;
    floor.stop().await?;
    let counted = index.counted(&Audit::open(&floor.stack.database())?)?;
    judge("gateway write loss", promises.len(), &book, &owed, &counted)
}

/// What a gateway had promised when it died, and what it kept.
struct Promise {
    /// Published before the kill: synced before that.
    published: Vec<Batch>,
    /// In the rebuilt spool.
    kept: Vec<Record>,
    /// What it took between these moments was to be synced.
    prompt: (std::time::Instant, std::time::Instant),
}

impl Promise {
    /// The places in the book of everything promised.
    fn places(
        &self,
        book: &[Advert],
        index: &Index,
        floor: &Floor,
    ) -> anyhow::Result<BTreeSet<usize>> {
        let records: Vec<Record> = self
            .published
            .iter()
            .map(|batch| Record {
                boot: batch.boot.to_string(),
                seq: batch.seq,
                sightings: batch.sightings.clone(),
            })
            .collect();
        let mut places: BTreeSet<usize> = index.places(&records)?.into_iter().collect();
        let taken = floor.taken(book);
        let (from, to) = self.prompt;
        let in_time = |n: &usize| taken[*n] && (from..to).contains(&book[*n].sent);
        places.extend((0..book.len()).filter(in_time));
        Ok(places)
    }
}

fn check(floor: &Floor, book: &[Advert], promise: &Promise) -> anyhow::Result<()> {
    let index = Index::new(book);
    let promised = promise.places(book, &index, floor)?;
    let kept: BTreeSet<usize> = index.places(&promise.kept)?.into_iter().collect();
    let counted = index.counted(&Audit::open(&floor.stack.database())?)?;
    let gone = promised
        .iter()
        .filter(|n| !kept.contains(n) && counted.times[**n] == 0)
        .count();
    println!(
        "audit gateway write loss: promised {}, published {} batches, in the spool {}, gone {gone}",
        promised.len(),
        promise.published.len(),
        kept.len()
    );
    anyhow::ensure!(gone == 0, "{gone} promised sightings are not on the disk");
    anyhow::ensure!(!kept.is_empty(), "nothing was in the spool");
    Ok(())
}
