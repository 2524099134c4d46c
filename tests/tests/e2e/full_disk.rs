//! The disk is full long before the spool has what it may have.
//!
//! A gateway whose spool is on a disk of its own, of 160 KiB; the server hangs, so that nothing is
//! acknowledged and nothing deleted. Twenty people who stay make detail, others come in.

use std::{ffi::OsStr, fs, os::unix::fs::PermissionsExt, path::PathBuf, sync::Arc, time::Duration};

use anyhow::Context;
use demo::{
    audit::Audit,
    process::Process,
    stack::{Options, until, until_within},
};
use e2e::{
    crowd::{Load, Person},
    floor::{Floor, Index},
    harness::{Tool, test},
    rig::program,
    spool_reader,
};
use firmware_sim::air::Air;
use libtest_mimic::Trial;
use protocol::{AnchorId, Transmitter, message::Counts};
use serde::Deserialize;

const DISK_KIB: u32 = 160;
/// Who stays: a sighting each in every window.
const STAY: usize = 40;
const COME: usize = 2_000;
const PER_S: u64 = 10;
/// Who comes in on the full disk.
const COME_LATE: usize = 100;
/// How long the disk may take to fill.
const FULL_MAX: Duration = Duration::from_secs(120);

pub(crate) fn tests() -> Vec<Trial> {
    vec![test(
        "on_a_full_disk_detail_goes_first_and_who_comes_in_is_kept",
        &[Tool::Mounts],
        full_disk,
    )]
}

async fn full_disk() -> anyhow::Result<()> {
    let mut floor = Floor::start(tempfile::tempdir()?, Options::default(), STAY + COME).await?;
    let antenna = floor.anchors()?.swap_remove(0);
    // Writes the settings.
    floor.up(0, &[]).await?;
    floor.gateways[0].take().context("it runs")?.stop()?;
    floor.gateways[0] = Some(on_a_small_disk(&floor)?);
    let root = format!(
        "/proc/{}/root",
        floor.gateways[0].as_ref().context("it runs")?.id()
    );
    floor.stack.gateways_ready(&*floor.air, 1).await?;

    let (stay, come) = floor.people.split_at(STAY);
    let staying = tokio::spawn(stay_on(floor.air.clone(), antenna.clone(), stay.to_vec()));
    let load = Load::start(
        floor.air.clone(),
        vec![antenna],
        Arc::new(come.to_vec()),
        PER_S,
    );
    floor.more_rows(20).await?;
    floor.hang_server()?;
    let log = floor
        .stack
        .dir
        .join(format!("gateway-{}.log", floor.credentials[0].gateway));
    until_within(FULL_MAX, "the disk to be full", async || {
        Ok(fs::read_to_string(&log)?.contains("No space left"))
    })
    .await?;
    let from = load.sent();
    load.more(COME_LATE).await?;
    let book = load.stop();
    floor.all_taken(&book).await?;

    // They are on the disk, not in memory: a power cut would find them.
    let index = Index::new(&book);
    let spool = PathBuf::from(
        root + &floor
            .stack
            .spool(&floor.credentials[0].gateway)
            .to_string_lossy(),
    );
    let reader = floor.reader(0)?;
    until("those who came in to be on the disk", async || {
        let records = spool_reader::read(&spool, &reader)?;
        let known = records.iter().flat_map(|r| &r.sightings);
        let known: Vec<_> = known.map(|s| s.transmitter).collect();
        Ok(book[from..]
            .iter()
            .all(|a| known.contains(&Transmitter::Eid(a.eid))))
    })
    .await?;
    staying.abort();

    floor.wake_server()?;
    let owed: Vec<usize> = (0..book.len()).collect();
    floor.all_arrived(&index, &owed).await?;
    let shed = shed(&floor).await?;
    floor.stop().await?;
    let counted = index.counted(&Audit::open(&floor.stack.database())?)?;
    let late = owed.iter().filter(|n| counted.times[**n] == 0).count();
    println!(
        "audit full disk: {DISK_KIB} KiB, came in {}, missing {late}, detail given up {shed}",
        book.len()
    );
    anyhow::ensure!(late == 0, "{late} who came in are missing");
    Ok(())
}

/// The same gateway with its spool on a disk that goes with it.
fn on_a_small_disk(floor: &Floor) -> anyhow::Result<Process> {
    let gateway = &floor.credentials[0].gateway;
    let dir = &floor.stack.dir;
    let script = dir.join("on-a-small-disk");
    let text = format!(
        "#!/bin/sh\nexec unshare --user --map-root-user --mount sh -ec \
         'mount -t tmpfs -o size={DISK_KIB}k none \"$0\"; exec \"$@\"' {:?} {:?} \"$@\"\n",
        floor.stack.spool(gateway),
        program()?,
    );
    fs::write(&script, text)?;
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755))?;
    let config = dir.join(format!("gateway-{gateway}.toml"));
    let args = [
        OsStr::new("run"),
        OsStr::new("--config"),
        config.as_os_str(),
    ];
    let log = dir.join(format!("gateway-{gateway}.log"));
    Process::start(&script, "gateway", &args, &[], &log)
}

async fn stay_on(air: Arc<dyn Air>, antenna: AnchorId, people: Vec<Person>) {
    let mut every = tokio::time::interval(Duration::from_millis(200));
    loop {
        every.tick().await;
        let now_ms = server::clock::now_ms();
        for person in &people {
            air.deliver(&antenna, &person.says(-70, now_ms), None);
        }
    }
}

/// Sightings that the gateway says it gave up.
async fn shed(floor: &Floor) -> anyhow::Result<u64> {
    #[derive(Deserialize)]
    struct Gateway {
        gateway: String,
        counts: Counts,
    }
    let path = format!("/v1/stores/{}/gateways", floor.stack.store);
    let name = floor.credentials[0].gateway.as_str();
    let mut shed = 0;
    until_within(FULL_MAX, "the gateway to say what it gave up", async || {
        let all: Vec<Gateway> = floor.stack.api.get(&path).await?;
        let ours = all.iter().find(|one| one.gateway == name);
        shed = ours.map_or(0, |one| one.counts.evicted_total);
        Ok(shed > 0)
    })
    .await?;
    Ok(shed)
}
