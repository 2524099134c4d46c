//! The power goes at any moment of the spool's life, and the disk keeps of it what it may.
//!
//! A process uses the spool while a library notes what it writes and syncs
//! (`tests/write_journal`); for each moment the folders are rebuilt that a cut may leave; over each
//! a spool is opened and asked for what was promised.

#![allow(clippy::unwrap_used, reason = "a test")]

mod run;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    process::{Command, Stdio},
    sync::RwLock,
};

use gateway::{
    clock::Monotonic,
    spool::{Spool, SpoolOptions, Stream},
};
use protocol::{
    BootId,
    message::{Batch, ClockAnchor, Sighting},
    seal::{Opened, Whose},
};
use run::{Key, Mark};
use uuid::Uuid;
use write_journal::{Journal, Step, Unsynced, copy_folder};

const DIR: &str = "WELKOM_CUT_DIR";
const SEED: &str = "WELKOM_CUT_SEED";
const SEALED: &str = "WELKOM_CUT_SEALED";
/// Runs of the process, each after a cut, so that the mending is cut too.
const RUNS: u64 = 4;
/// What is asked of the spool in each.
const STEPS: u64 = 100;
/// One sync in so many fails.
const SYNC_FAILS: u64 = 29;

/// Until a child that was forked is another program it has our locks of spools too: none is begun
/// while one is in use.
static FORKING: RwLock<()> = RwLock::new(());

/// What was asked of the spool and promised by it.
#[derive(Default)]
struct Book {
    boots: BTreeSet<BootId>,
    appended: BTreeMap<Key, Vec<Sighting>>,
    lent: BTreeMap<Key, Batch>,
    owed: BTreeSet<Key>,
    clocks: BTreeMap<Uuid, ClockAnchor>,
    /// Which boot of the machine a boot of the gateway was in.
    machine: BTreeMap<BootId, Uuid>,
}

impl Book {
    /// Whether more is promised than before.
    fn note(&mut self, mark: Mark) -> bool {
        match mark {
            Mark::Opened(boot, machine_boot) => {
                self.boots.insert(boot);
                self.machine.insert(boot, machine_boot);
            }
            Mark::Appending(key, sightings) => _ = self.appended.insert(key, sightings),
            Mark::Evicted(keys) => keys.iter().for_each(|key| _ = self.owed.remove(key)),
            Mark::Acknowledging(key) => _ = self.owed.remove(&key),
            Mark::Lent(batch) => {
                let key = (batch.boot, batch.seq);
                if let Some(earlier) = self.lent.get(&key) {
                    assert_eq!(
                        earlier.sealed, batch.sealed,
                        "{key:?} was lent otherwise before"
                    );
                }
                self.lent.insert(key, batch);
                return self.owed.insert(key);
            }
            Mark::ClockSet(machine_boot, anchor) => {
                self.clocks.insert(machine_boot, anchor);
                return true;
            }
        }
        false
    }
}

/// Not a test of its own: what the test below runs under the library that notes.
#[test]
fn recorded_run() {
    let Some(dir) = std::env::var_os(DIR) else {
        return;
    };
    let seed = std::env::var(SEED).unwrap().parse().unwrap();
    run::run(
        Path::new(&dir),
        seed,
        std::env::var_os(SEALED).is_some(),
        STEPS,
    );
}

#[test]
fn what_was_promised_survives_a_power_cut_at_any_moment() {
    audit(false, 1);
}

#[test]
fn what_was_promised_sealed_survives_a_power_cut_at_any_moment() {
    audit(true, 2);
}

/// Memory, where there is such a folder: thousands of states are written and synced.
fn scratch() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm")
        .or_else(|_| tempfile::tempdir())
        .unwrap()
}

fn audit(sealed: bool, seed: u64) {
    let dir = scratch();
    let mut book = Book::default();
    let (mut cuts, mut syncs) = (0, 0);
    let under = dir.path().join("under");
    std::fs::create_dir(&under).unwrap();
    for round in 0..RUNS {
        let seed = seed * 100 + round;
        let before = dir.path().join(format!("before-{round}"));
        copy_folder(&under, &before).unwrap();
        // Compiles, which is a child too.
        let forking = FORKING.write().unwrap();
        let journal = Journal::new(dir.path(), &format!("journal-{round}"), &under, 0).unwrap();
        drop(forking);
        let journal = journal.with_failing_syncs(SYNC_FAILS);
        record(&journal, &under, seed, sealed);
        let marks = marks_of(&journal, &before);
        let mut marks = marks.into_iter().peekable();
        let mut replay = journal.replay(Some(&before)).unwrap();
        let mut at = 0;
        while let Some(step) = replay.step().unwrap() {
            at += 1;
            syncs += u64::from(step.synced);
            while marks.peek().is_some_and(|(from, _)| *from <= at) {
                if book.note(marks.next().unwrap().1) {
                    replay.promised();
                }
            }
            if step.written.is_some_and(|(path, _)| is_marks(&path)) {
                continue;
            }
            for state in replay.states(&under.join("spool"), seed) {
                let cut = dir.path().join("cut");
                state.write(&cut).unwrap();
                let what = format!("sealed {sealed}, run {round}, after operation {at}");
                check(&cut, &book, sealed, 1_000_000 + cuts, &what);
                std::fs::remove_dir_all(&cut).unwrap();
                cuts += 1;
            }
        }
        journal
            .lose(Some(&before), Unsynced::HalfKept(seed))
            .unwrap();
    }
    println!(
        "power cuts: sealed {sealed}, syncs {syncs}, states {cuts}, batches {}, published {}",
        book.appended.len(),
        book.lent.len()
    );
    assert!(cuts > 2_000, "{cuts} cuts only");
}

fn is_marks(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name == "marks")
}

fn record(journal: &Journal, under: &Path, seed: u64, sealed: bool) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "recorded_run", "--nocapture", "--test-threads=1"])
        .envs(journal.env())
        .env(DIR, under)
        .env(SEED, seed.to_string());
    if sealed {
        command.env(SEALED, "1");
    }
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let forking = FORKING.write().unwrap();
    let child = command.spawn().unwrap();
    drop(forking);
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    println!(
        "{}",
        said.lines()
            .find(|l| l.contains("spool run"))
            .unwrap_or_default()
    );
}

/// What is said in the journal, with the operation from which it holds: an eviction holds from the
/// mark before it.
fn marks_of(journal: &Journal, before: &Path) -> Vec<(u64, Mark)> {
    let mut replay = journal.replay(Some(before)).unwrap();
    let (mut marks, mut at, mut latest) = (Vec::new(), 0, 0);
    while let Some(Step { written, .. }) = replay.step().unwrap() {
        at += 1;
        let Some((_, line)) = written.filter(|(path, _)| is_marks(path)) else {
            continue;
        };
        let mark: Mark = serde_json::from_slice(&line).unwrap();
        let from = match mark {
            Mark::Evicted(_) => latest,
            _ => at,
        };
        latest = at;
        marks.push((from, mark));
    }
    marks.sort_by_key(|(from, _)| *from);
    marks
}

fn open(dir: &Path, sealed: bool, seed: u64) -> Spool {
    // Room enough: what is gone is gone by the cut.
    let options = SpoolOptions {
        bytes_max: 1024 * 1024,
        ..run::options(dir, seed)
    };
    Spool::open(options, run::seal(sealed, seed)).unwrap()
}

/// Everything that a spool has.
fn read(spool: &mut Spool, what: &str) -> BTreeMap<Key, Batch> {
    let mut all = BTreeMap::new();
    loop {
        let batches = spool.lend(Monotonic(1_000), &run::address());
        if batches.is_empty() {
            break;
        }
        for batch in batches {
            let key = (batch.boot, batch.seq);
            assert!(
                all.insert(key, batch).is_none(),
                "{what}: {key:?} is lent twice"
            );
        }
    }
    assert_eq!(
        all.len(),
        spool.waiting_batches(),
        "{what}: all that waits was lent"
    );
    all
}

fn content(batch: &Batch) -> Vec<Sighting> {
    let Some(sealed) = &batch.sealed else {
        return batch.sightings.clone();
    };
    let whose = Whose {
        store: &batch.store,
        gateway: &batch.gateway,
        boot: batch.boot,
    };
    let keys = run::private_keys();
    let key_of = |id| keys.iter().find(|key| key.public().id() == id);
    let opened = Opened::new(&sealed.envelope, whose, key_of).unwrap();
    serde_json::from_slice(&opened.open(batch.seq, &sealed.body).unwrap()).unwrap()
}

fn check(dir: &Path, book: &Book, sealed: bool, seed: u64, what: &str) {
    let _no_fork = FORKING.read().unwrap();
    let mut spool = open(dir, sealed, seed);
    let boot = spool.boot();
    assert!(!book.boots.contains(&boot), "{what}: a boot is there twice");
    let found = read(&mut spool, what);
    for key in &book.owed {
        assert!(
            found.contains_key(key),
            "{what}: {key:?} was promised and is gone"
        );
    }
    for (key, batch) in &found {
        assert!(key.0 < boot, "{what}: boots sort by age");
        let clock = book.clocks.get(&book.machine[&key.0]);
        assert!(
            batch.clock.is_some() || clock.is_none(),
            "{what}: {key:?} had a time"
        );
        assert_eq!(batch.sealed.is_some(), sealed, "{what}: {key:?}");
        match book.lent.get(key) {
            Some(lent) => assert_eq!(
                (&batch.sightings, &batch.sealed),
                (&lent.sightings, &lent.sealed),
                "{what}: {key:?} is not what was published"
            ),
            None => assert_eq!(
                Some(&content(batch)),
                book.appended.get(key),
                "{what}: {key:?} is not what was appended"
            ),
        }
    }
    // It goes on: takes more, and the next start finds that too.
    let mut mine = BTreeSet::new();
    for stream in [Stream::First, Stream::Detail] {
        let seq = spool.append(Monotonic(1_000), stream, &run::sightings((boot, 1), 2));
        mine.insert((boot, seq));
    }
    spool.work(Monotonic(2_000));
    let lent = spool.lend(Monotonic(2_000), &run::address());
    let lent: BTreeSet<Key> = lent.iter().map(|b| (b.boot, b.seq)).collect();
    assert_eq!(lent, mine, "{what}: what comes after is lent");
    let counts = spool.counts();
    assert_eq!(
        (
            counts.unreadable_batches_total,
            counts.failed_writes_total,
            counts.evicted_total
        ),
        (0, 0, 0),
        "{what}"
    );
    assert!(spool.take_error().is_none(), "{what}: no complaint");
    drop(spool);
    let mut spool = open(dir, sealed, seed + 500_000_000);
    let again: BTreeSet<Key> = read(&mut spool, what).into_keys().collect();
    let wanted: BTreeSet<Key> = found.keys().copied().chain(mine).collect();
    assert_eq!(again, wanted, "{what}: the next start finds the same");
    assert_eq!(spool.counts().torn_segments_total, 0, "{what}: mended once");
}
