//! A run of the spool that says what it promised.
//!
//! In: a folder, a seed. Out: in `DIR/spool` the spool, in `DIR/marks` what was asked of it and
//! what it promised, one [`Mark`] a write, so that in a journal of writes promises stand where
//! they were made.
//! Invariant: ends as a power cut does: nothing is flushed.

use std::{
    collections::BTreeSet,
    fs::{File, OpenOptions},
    io::Write,
    path::Path,
};

use gateway::{
    clock::Monotonic,
    spool::{Address, Seal, Spool, SpoolOptions, Stream, inspect::inspect},
};
use protocol::{
    BootId, Eid, Ranges, Transmitter,
    message::{Batch, ClockAnchor, Sighting},
    seal::{PrivateKey, PublicKey},
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What names a batch.
pub(crate) type Key = (BootId, u64);

/// What happened, in the order in which it did.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Mark {
    Opened(BootId, Uuid),
    /// Before the spool is called.
    Appending(Key, Vec<Sighting>),
    /// After it: these went to make room, at any moment since the mark before.
    Evicted(Vec<Key>),
    /// Published: a promise from here on.
    Lent(Batch),
    /// Before the spool is told.
    Acknowledging(Key),
    /// The spool said that it has it.
    ClockSet(Uuid, ClockAnchor),
}

/// Numbers by seed (splitmix64).
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn below(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % below
    }
}

pub(crate) fn address() -> Address {
    Address {
        store: "kade-9".parse().unwrap(),
        gateway: "door".parse().unwrap(),
    }
}

pub(crate) fn private_keys() -> [PrivateKey; 2] {
    [PrivateKey::new(&[1; 32]), PrivateKey::new(&[2; 32])]
}

fn public_keys() -> [PublicKey; 2] {
    private_keys().map(|key| key.public())
}

/// A spool that is soon full: 2 KiB to a segment, six of them.
pub(crate) fn options(dir: &Path, seed: u64) -> SpoolOptions {
    let mut dice = Dice(seed);
    SpoolOptions {
        dir: dir.into(),
        bytes_max: 12 * 1024,
        segment_bytes: 2 * 1024,
        machine_boot: machine_boot(seed),
        // Nobody has told this machine the time, ever.
        wall_ms: 0,
        random: std::array::from_fn(|_| dice.below(256) as u8),
    }
}

/// After a power cut the machine boots.
fn machine_boot(seed: u64) -> Uuid {
    Uuid::from_u128(0x1000 + u128::from(seed))
}

pub(crate) fn seal(sealed: bool, seed: u64) -> Seal {
    match sealed {
        false => Seal::Plain,
        true => Seal::To {
            keys: vec![public_keys()[0]],
            address: address(),
            seed: std::array::from_fn(|at| Dice(seed ^ 77 ^ ((at as u64) << 20)).below(256) as u8),
        },
    }
}

pub(crate) fn sightings(of: Key, count: u64) -> Vec<Sighting> {
    let sighting = |n: u64| Sighting {
        anchor: "door".parse().unwrap(),
        transmitter: Transmitter::Eid(Eid((of.1 * 100 + n).to_be_bytes())),
        heard_first_mono_ms: of.1 * 100,
        heard_last_mono_ms: of.1 * 100 + n,
        count: 1,
        rssi_dbm_median: -60,
    };
    (0..count).map(sighting).collect()
}

/// How many sightings a batch has, so that a number says it.
fn count_of(seq: u64) -> u64 {
    1 + seq % 6
}

struct Run {
    marks: File,
    spool: Spool,
    now: Monotonic,
    next_seq: u64,
    /// Published, neither acknowledged nor gone.
    evicted: u64,
    lent: BTreeSet<Key>,
}

impl Run {
    fn mark(&mut self, mark: &Mark) {
        let mut line = serde_json::to_vec(mark).unwrap();
        line.push(b'\n');
        self.marks.write_all(&line).unwrap();
    }

    fn lend(&mut self) {
        loop {
            let batches = self.spool.lend(self.now, &address());
            if batches.is_empty() {
                return;
            }
            for batch in batches {
                let key = (batch.boot, batch.seq);
                self.mark(&Mark::Lent(batch));
                self.lent.insert(key);
            }
        }
    }

    fn append(&mut self, stream: Stream) {
        let key = (self.spool.boot(), self.next_seq);
        self.next_seq += 1;
        let sightings = sightings(key, count_of(key.1));
        self.mark(&Mark::Appending(key, sightings.clone()));
        assert_eq!(self.spool.append(self.now, stream, &sightings), key.1);
        self.find_evicted();
    }

    fn work(&mut self) {
        self.spool.work(self.now);
        self.find_evicted();
    }

    fn find_evicted(&mut self) {
        let evicted = self.spool.counts().evicted_total - self.evicted;
        if evicted == 0 {
            return;
        }
        self.evicted += evicted;
        let report = inspect(&self.spool_dir()).unwrap();
        let on_disk: BTreeSet<Key> = report
            .boots
            .iter()
            .flat_map(|boot| {
                let numbers = boot.batches.iter().flat_map(|(first, last)| first..=last);
                numbers.map(|seq| (boot.boot, seq))
            })
            .collect();
        let gone = self.lent.iter().filter(|key| !on_disk.contains(key));
        let gone: Vec<Key> = gone.copied().collect();
        let sightings: u64 = gone.iter().map(|key| count_of(key.1)).sum();
        self.lent.retain(|key| !gone.contains(key));
        assert!(
            sightings <= evicted,
            "{sightings} are gone, {evicted} counted"
        );
        self.mark(&Mark::Evicted(gone));
    }

    fn spool_dir(&self) -> std::path::PathBuf {
        std::env::var_os(super::DIR)
            .map(std::path::PathBuf::from)
            .unwrap()
            .join("spool")
    }

    fn acknowledge(&mut self, key: Key) {
        self.lent.remove(&key);
        self.mark(&Mark::Acknowledging(key));
        self.spool
            .acknowledge(self.now, key.0, &Ranges::from(vec![(key.1, key.1)]));
    }
}

/// One run of a gateway's process.
pub(crate) fn run(dir: &Path, seed: u64, sealed: bool, steps: u64) {
    let marks = OpenOptions::new()
        .create(true)
        .append(true)
        .open(dir.join("marks"));
    let spool = Spool::open(options(&dir.join("spool"), seed), seal(sealed, seed)).unwrap();
    let mut run = Run {
        marks: marks.unwrap(),
        spool,
        now: Monotonic(1_000),
        next_seq: 1,
        evicted: 0,
        lent: BTreeSet::new(),
    };
    let boot = run.spool.boot();
    run.mark(&Mark::Opened(boot, machine_boot(seed)));
    let mut dice = Dice(seed ^ 0xd1ce);
    for step in 0..steps {
        run.now = run.now.plus_ms(20 + dice.below(100));
        let now = run.now;
        run.work();
        run.lend();
        match dice.below(20) {
            0..=5 => run.append(Stream::First),
            6..=11 => run.append(Stream::Detail),
            12..=15 => {
                // The oldest ones mostly, with a gap now and then.
                for _ in 0..=dice.below(4) {
                    let place = if dice.below(4) == 0 { 1 } else { 0 };
                    if let Some(key) = run.lent.iter().nth(place).copied() {
                        run.acknowledge(key);
                    }
                }
            }
            16 => {
                let [a, b] = public_keys();
                let keys = match step % 3 {
                    0 => vec![a],
                    1 => vec![a, b],
                    _ => vec![b],
                };
                let seed = std::array::from_fn(|_| dice.below(256) as u8);
                run.spool.seal_to(&keys, seed).unwrap();
            }
            17 => {
                let anchor = ClockAnchor {
                    mono_ms: now.0,
                    server_ms: 1_800_000_000_000 + now.0,
                };
                if run.spool.set_clock(anchor).is_ok() {
                    run.mark(&Mark::ClockSet(machine_boot(seed), anchor));
                }
            }
            18 => run.now = now.plus_ms(10_000),
            _ => run.spool.recall(),
        }
    }
    let refused = run.spool.counts().failed_writes_total;
    println!(
        "spool run: disk refused {refused} times, evicted {}",
        run.spool.counts().evicted_total
    );
}
