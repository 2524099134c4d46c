//! Neither a gateway's disk nor the broker can say who was where.
//!
//! A byte scan: every identity that the air had is looked for in the spool's files and in what went
//! over the broker's cable, as bytes, as hexadecimal and as base64. The same scan over a gateway
//! with `plain = true` finds them, or it would prove nothing.

use std::{
    collections::HashSet,
    fs,
    path::{Path, PathBuf},
};

use base64::{
    Engine,
    alphabet::{STANDARD, URL_SAFE},
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use demo::{
    audit::Audit,
    stack::{Options, until},
};
use e2e::{
    cable::Cable,
    crowd::Load,
    floor::{Floor, Index, judge},
    harness::{Tool, test},
    mosquitto::{Mosquitto, Observer},
};
use libtest_mimic::Trial;
use serde::Deserialize;
use serde_json::json;

const PER_S: u64 = 100;
/// Adverts that wait in the spool when it is looked through.
const WAITING: usize = 300;
const PEOPLE_MORE: usize = 1_000;
/// Of an identity: eight bytes, see `protocol::Eid`.
const LEN: usize = 8;

pub(crate) fn tests() -> Vec<Trial> {
    vec![test(
        "sealed_no_byte_of_spool_or_broker_says_who_was_where_and_all_of_it_arrives",
        &[Tool::Mosquitto],
        who_was_where,
    )]
}

async fn who_was_where() -> anyhow::Result<()> {
    let sealed = listen_in(false).await?;
    anyhow::ensure!(
        (sealed.on_disk, sealed.on_wire) == (0, 0),
        "identities can be read: {sealed:?}"
    );
    anyhow::ensure!(sealed.envelopes == 2, "the key was not changed: {sealed:?}");
    let plain = listen_in(true).await?;
    anyhow::ensure!(
        plain.on_disk >= WAITING && plain.on_wire >= plain.sent.max(100),
        "the scan does not see what is in clear: {plain:?}"
    );
    Ok(())
}

/// Who listens in found so many of the identities.
#[derive(Debug)]
struct Found {
    /// That the gateway gave to the broker.
    sent: usize,
    on_disk: usize,
    on_wire: usize,
    /// Sets of keys that it sealed to.
    envelopes: usize,
}

async fn listen_in(plain: bool) -> anyhow::Result<Found> {
    let broker_folder = tempfile::tempdir()?;
    let broker = Mosquitto::start(broker_folder.path()).await?;
    let cable = Cable::lay_tapped(broker.port).await?;
    let options = Options {
        external_broker: Some(cable.port),
        plain,
        ..Options::default()
    };
    let people = Load::people_for(PER_S) + PEOPLE_MORE;
    let mut floor = Floor::start(tempfile::tempdir()?, options, people).await?;
    let observer = Observer::start(broker.port).await?;
    floor.up(0, &[]).await?;
    let load = floor.load_of(&floor.anchors()?[..1], PER_S);
    floor.more_rows(30).await?;
    rotate(&floor, &observer, plain).await?;
    says_whether_it_seals(&floor, plain).await?;

    // The server hangs: whatever comes now stays in the spool.
    floor.hang_server()?;
    let waits_from = load.sent();
    load.more(WAITING).await?;
    let book = load.stop();
    floor.all_taken(&book).await?;
    let index = Index::new(&book);
    until("the spool to have what the air had", async || {
        let kept: HashSet<usize> = index.places(&floor.read_spool(0)?)?.into_iter().collect();
        Ok((waits_from..book.len()).all(|place| kept.contains(&place)))
    })
    .await?;
    floor.kill_gateway(0).await?;

    let identities: HashSet<[u8; LEN]> = book.iter().map(|advert| advert.eid.0).collect();
    let mut on_disk = HashSet::new();
    let spool = floor.stack.spool(&floor.credentials[0].gateway);
    let mut disk_bytes = 0;
    for file in files(&spool)? {
        let bytes = fs::read(file)?;
        disk_bytes += bytes.len();
        on_disk.extend(scan(&bytes, &identities));
    }
    let mut on_wire = HashSet::new();
    let wires = cable.heard();
    for bytes in &wires {
        on_wire.extend(scan(bytes, &identities));
    }
    // The gateway goes no further ahead of a server that hangs than a window.
    let (mut envelopes, mut sent) = (Vec::new(), HashSet::new());
    let reader = floor.reader(0)?;
    for batch in observer.published() {
        let envelope = batch.sealed.as_ref().map(|sealed| sealed.envelope.clone());
        if !envelopes.contains(&envelope) {
            envelopes.push(envelope);
        }
        sent.extend(
            reader
                .batch(batch)?
                .sightings
                .into_iter()
                .map(|s| s.transmitter),
        );
    }
    let found = Found {
        sent: sent.len(),
        on_disk: on_disk.len(),
        on_wire: on_wire.len(),
        envelopes: envelopes.len(),
    };
    println!(
        "audit sealed: plain {plain}, identities {}, spool {disk_bytes} bytes: {} found, broker {} \
         bytes with {} of them: {} found, envelopes {}",
        identities.len(),
        found.on_disk,
        wires.iter().map(Vec::len).sum::<usize>(),
        found.sent,
        found.on_wire,
        found.envelopes,
    );

    // The server opens all of it, with the key of before and the key of now.
    floor.stack.kill()?;
    floor.stack.restart().await?;
    floor.up(0, &[]).await?;
    let owed: Vec<usize> = (0..book.len()).collect();
    floor.all_arrived(&index, &owed).await?;
    floor.stop().await?;
    let counted = index.counted(&Audit::open(&floor.stack.database())?)?;
    judge("sealed", 1, &book, &owed, &counted)?;
    Ok(found)
}

/// A new key, and batches that are sealed to it.
async fn rotate(floor: &Floor, observer: &Observer, plain: bool) -> anyhow::Result<()> {
    let before = observer.published().pop();
    let _: serde_json::Value = floor.stack.api.post("/v1/seal/rotate", &json!({})).await?;
    if plain {
        return Ok(());
    }
    let before = before.and_then(|batch| batch.sealed).map(|s| s.envelope);
    until("the gateway to seal to the new key", async || {
        let last = observer.published().pop().and_then(|batch| batch.sealed);
        Ok(last.is_some_and(|sealed| Some(sealed.envelope) != before))
    })
    .await
}

async fn says_whether_it_seals(floor: &Floor, plain: bool) -> anyhow::Result<()> {
    #[derive(Deserialize)]
    struct Gateway {
        gateway: String,
        sealed: Option<bool>,
    }
    let path = format!("/v1/stores/{}/gateways", floor.stack.store);
    let name = floor.credentials[0].gateway.as_str();
    until("the server to know whether the gateway seals", async || {
        let gateways: Vec<Gateway> = floor.stack.api.get(&path).await?;
        let ours = gateways.iter().find(|one| one.gateway == name);
        Ok(ours.is_some_and(|one| one.sealed == Some(!plain)))
    })
    .await
}

fn files(dir: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        match entry.file_type()?.is_dir() {
            true => files.extend(self::files(&entry.path())?),
            false => files.push(entry.path()),
        }
    }
    Ok(files)
}

/// Which of these are in it, in whatever way.
fn scan(bytes: &[u8], identities: &HashSet<[u8; LEN]>) -> HashSet<[u8; LEN]> {
    let lenient = GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let base64 = [&STANDARD, &URL_SAFE].map(|a| GeneralPurpose::new(a, lenient));
    let mut found = HashSet::new();
    let mut look = |bytes: &[u8]| {
        for window in bytes.windows(LEN) {
            if let Some(identity) = identities.get(window) {
                found.insert(*identity);
            }
        }
    };
    look(bytes);
    for text in bytes.windows(2 * LEN) {
        // Upper case and lower case.
        if let Ok(decoded) = hex::decode(text) {
            look(&decoded);
        }
        // Twelve bytes of it: an identity that begins anywhere in three is whole in one of them.
        for engine in &base64 {
            if let Ok(decoded) = engine.decode(text) {
                look(&decoded);
            }
        }
    }
    found
}
