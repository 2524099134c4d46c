//! What one observation costs in a full store: 10,000 mobile radios, 12 zones, 4 antennas.
//!
//! `live` is one batch of a thousand sightings of people who are in; `late` one of a backlog;
//! `snapshot` writes and reads the whole state.

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use engine::{
    Input, Observation, StoreEngine,
    input::{Anchor, Consent, Layout, Rules},
};
use protocol::{CustomerId, RadioId};

const RADIOS: u64 = 10_000;
const ANCHORS: u64 = 4;
const ZONES: u64 = 12;
const BATCH: u64 = 1_000;
const ZERO_MS: u64 = 1_700_000_000_000;

/// Four antennas in four of the zones, a fixed beacon in each of the others.
fn layout() -> Layout {
    let anchor = |n: u64| {
        let id = if n < ANCHORS {
            format!("antenna-{n}")
        } else {
            format!("beacon-{n}")
        };
        let zone = format!("zone-{n}").parse().ok()?;
        Some((
            id.parse().ok()?,
            Anchor {
                zone,
                enter_rssi_dbm: -75,
                place: None,
                beacon: false,
            },
        ))
    };
    Layout {
        anchors: (0..ZONES).filter_map(anchor).collect(),
        rules: Rules::default(),
        ..Layout::default()
    }
}

/// The `n`th sighting since the start: every antenna hears every radio in turn.
fn observation(n: u64, late: bool) -> Option<Observation> {
    let (who, anchor) = (n / ANCHORS % RADIOS, n % ANCHORS);
    let heard_ms = ZERO_MS + n / (ANCHORS * RADIOS) * 1_000;
    // Mixed, so that neighbours in a batch are not neighbours in the map.
    let id = CustomerId::at(who.wrapping_mul(7_919) % 65_536, [who as u8; 10]);
    Some(Observation {
        customer: id,
        radio: RadioId(id.0),
        anchor: format!("antenna-{anchor}").parse().ok()?,
        heard_first_ms: heard_ms,
        heard_last_ms: heard_ms,
        count: 4,
        rssi_dbm: -55 - (n * 31 % 17) as i8 - if who % ANCHORS == anchor { 0 } else { 8 },
        certain: false,
        late,
        consent: Consent {
            arrival: true,
            messages: true,
            browsing: true,
            statistics: true,
        },
    })
}

fn batch(from: u64, late: bool) -> (u64, Input) {
    let sightings: Vec<_> = (from..from + BATCH)
        .filter_map(|n| observation(n, late))
        .collect();
    let now_ms = sightings.last().map_or(ZERO_MS, |seen| seen.heard_last_ms) + 500;
    (now_ms, Input::Sightings { sightings })
}

/// A store that everybody has been in for three seconds.
fn full_store() -> Option<StoreEngine> {
    let mut engine = StoreEngine::new("kade-9".parse().ok()?);
    engine.step(ZERO_MS, &Input::Layout(layout()));
    for from in (0..3 * ANCHORS * RADIOS).step_by(BATCH as usize) {
        let (now_ms, input) = batch(from, false);
        engine.step(now_ms, &input);
    }
    assert_eq!(engine.present(), RADIOS as usize, "everybody is in");
    Some(engine)
}

fn observations(c: &mut Criterion) {
    let mut engine = full_store().expect("ids of this file are well formed");
    let mut next = 3 * ANCHORS * RADIOS;
    let mut group = c.benchmark_group("observation");
    group.throughput(Throughput::Elements(BATCH));
    group.bench_function("live", |b| {
        b.iter_batched(
            || {
                next += BATCH;
                batch(next, false)
            },
            |(now_ms, input)| engine.step(now_ms, &input),
            BatchSize::PerIteration,
        );
    });
    group.bench_function("late", |b| {
        b.iter_batched(
            || (engine.clone(), batch(0, true)),
            |(mut engine, (now_ms, input))| {
                let outcome = engine.step(now_ms, &input);
                (engine, outcome) // dropped outside of the measurement
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

fn snapshot(c: &mut Criterion) {
    let engine = full_store().expect("ids of this file are well formed");
    let json = serde_json::to_vec(&engine).expect("a snapshot can be written");
    let mut group = c.benchmark_group("snapshot");
    group
        .sample_size(10)
        .throughput(Throughput::Bytes(json.len() as u64));
    group.bench_function("write", |b| b.iter(|| serde_json::to_vec(&engine)));
    group.bench_function("read", |b| {
        b.iter(|| serde_json::from_slice::<StoreEngine>(&json));
    });
    group.finish();
}

criterion_group!(benches, observations, snapshot);
criterion_main!(benches);
