//! What sealing costs: a batch made ready for the broker, and read again, plain and sealed.
//!
//! Both ways of one batch are whole: sightings to JSON, sealed or not, to the JSON of a message; and
//! back. Before them stands what each takes on the wire.

#![allow(clippy::unwrap_used, reason = "a benchmark")]

use std::hint::black_box;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use protocol::{
    BootId, Eid, Transmitter,
    message::{Batch, Sighting, VERSION, to_json},
    seal::{Body, Opened, PrivateKey, Sealed, Sealer, Whose},
};
use uuid::Uuid;

/// One first sight, a quiet second, a crowded one, and the most that a batch holds.
const SIGHTINGS: [u64; 4] = [1, 10, 50, 250];

fn sightings(count: u64) -> Vec<Sighting> {
    let sighting = |n: u64| Sighting {
        anchor: "door".parse().unwrap(),
        transmitter: Transmitter::Eid(Eid((0xfa41_c440_5b14_fea0 ^ (n << 7)).to_be_bytes())),
        heard_first_mono_ms: 86_400_123 + n,
        heard_last_mono_ms: 86_400_611 + n,
        count: 3,
        rssi_dbm_median: -71,
    };
    (0..count).map(sighting).collect()
}

fn batch(sightings: Vec<Sighting>) -> Batch {
    Batch {
        v: VERSION,
        store: "kade-9".parse().unwrap(),
        gateway: "door".parse().unwrap(),
        boot: BootId(Uuid::from_u128(7)),
        seq: 123_456,
        clock: None,
        sightings,
        sealed: None,
    }
}

fn whose(batch: &Batch) -> Whose<'_> {
    Whose {
        store: &batch.store,
        gateway: &batch.gateway,
        boot: batch.boot,
    }
}

fn seal(sealer: &Sealer, batch: &Batch) -> Batch {
    let mut body = to_json(&batch.sightings);
    sealer.seal(batch.seq, &mut body).unwrap();
    Batch {
        sightings: Vec::new(),
        sealed: Some(Sealed {
            envelope: sealer.envelope().clone(),
            body: Body(body),
        }),
        ..batch.clone()
    }
}

fn benches(c: &mut Criterion) {
    let key = PrivateKey::new(&[1; 32]);
    let nobody = batch(Vec::new());
    let sealer = Sealer::new(&[key.public()], whose(&nobody), [2; 32]).unwrap();
    let envelope = sealer.envelope().clone();
    let opened = Opened::new(&envelope, whose(&nobody), |_| Some(&key)).unwrap();

    println!(
        "bytes of a message\n{:>9} {:>8} {:>8}",
        "sightings", "plain", "sealed"
    );
    for count in SIGHTINGS {
        let plain = batch(sightings(count));
        let sealed = to_json(&seal(&sealer, &plain)).len();
        println!("{count:>9} {:>8} {sealed:>8}", to_json(&plain).len());
    }

    let mut group = c.benchmark_group("seal");
    for count in SIGHTINGS {
        group.throughput(Throughput::Elements(count));
        let plain = batch(sightings(count));
        let id = |what| BenchmarkId::new(what, count);
        group.bench_function(id("send/plain"), |b| {
            b.iter(|| to_json(black_box(&plain)));
        });
        group.bench_function(id("send/sealed"), |b| {
            b.iter(|| to_json(&seal(&sealer, black_box(&plain))));
        });
        let wire = to_json(&plain);
        group.bench_function(id("read/plain"), |b| {
            b.iter(|| Batch::from_json(black_box(&wire)).unwrap());
        });
        let wire = to_json(&seal(&sealer, &plain));
        group.bench_function(id("read/sealed"), |b| {
            b.iter(|| {
                let batch = Batch::from_json(black_box(&wire)).unwrap();
                let json = opened.open(batch.seq, &batch.sealed.unwrap().body).unwrap();
                serde_json::from_slice::<Vec<Sighting>>(&json).unwrap()
            });
        });
    }
    group.finish();

    let mut group = c.benchmark_group("key agreement, once a boot");
    group.bench_function("gateway", |b| {
        b.iter_batched(
            || [black_box(2); 32],
            |seed| Sealer::new(&[key.public()], whose(&nobody), seed).unwrap(),
            BatchSize::SmallInput,
        );
    });
    group.bench_function("server", |b| {
        b.iter(|| Opened::new(black_box(&envelope), whose(&nobody), |_| Some(&key)).unwrap());
    });
    group.finish();
}

criterion_group!(all, benches);
criterion_main!(all);
