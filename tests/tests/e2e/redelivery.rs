//! The same batches again, in any order: applied once, acknowledged each time.

use std::collections::BTreeMap;

use demo::{audit::Audit, stack::Options};
use e2e::{
    floor::Floor,
    hand_gateway::{HandGateway, batches},
    harness::test,
};
use firmware_sim::rng::Seed;
use libtest_mimic::Trial;
use protocol::{BootId, RadioId, message::Batch};
use uuid::Uuid;

const BATCHES: usize = 60;
const EACH: usize = 5;

pub(crate) fn tests() -> Vec<Trial> {
    vec![test(
        "batches_that_come_twice_and_shuffled_are_applied_once_and_acknowledged_again",
        &[],
        shuffled_twice,
    )]
}

async fn shuffled_twice() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let mut floor = Floor::start(folder, Options::default(), (BATCHES + 2) * EACH).await?;
    let boot = BootId(Uuid::new_v4());
    let door = floor.credentials[0].clone();
    let all = batches(&floor.stack.store, &door, boot, &floor.people, EACH)?;
    // A gateway's batches reach the server in order: the acknowledgement of a closing one says
    // that all before it were looked at.
    let (repeated, closing) = all.split_at(BATCHES);
    let gateway = HandGateway::connect(&floor.stack.store, &door).await?;
    for batch in shuffled(repeated, 1).iter().chain(&shuffled(repeated, 2)) {
        gateway.publish(batch).await?;
    }
    gateway.publish(&closing[0]).await?;
    gateway.until_acknowledged(boot, BATCHES as u64 + 1).await?;

    // What a server forgets when it dies, it reads back: the third time is no news either.
    floor.stack.kill()?;
    drop(gateway);
    floor.stack.restart().await?;
    let gateway = HandGateway::connect(&floor.stack.store, &door).await?;
    for batch in shuffled(repeated, 3) {
        gateway.publish(&batch).await?;
    }
    gateway.until_acknowledged(boot, BATCHES as u64).await?;
    gateway.publish(&closing[1]).await?;
    gateway.until_acknowledged(boot, BATCHES as u64 + 1).await?;
    floor.stop().await?;

    let radios = Audit::open(&floor.stack.database())?.radios()?;
    let once: BTreeMap<RadioId, u64> = floor.people.iter().map(|p| (p.radio, 1)).collect();
    let twice = radios.values().filter(|times| **times > 1).count();
    let line = format!(
        "audit redelivery: batches {BATCHES}, each three times, radios {}, in the log {}, twice \
         {twice}",
        once.len(),
        radios.len()
    );
    println!("{line}");
    anyhow::ensure!(radios == once, "{line}");
    Ok(())
}

fn shuffled(all: &[Batch], seed: u64) -> Vec<Batch> {
    let mut shuffled = all.to_vec();
    shuffled.sort_by_key(|batch| Seed(seed).bytes16("order", batch.seq));
    shuffled
}
