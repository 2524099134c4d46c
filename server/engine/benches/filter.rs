//! What a sighting costs the filter: 20 zones, 12 anchors, 10,000 mobile radios in turn.
//!
//! Every anchor hears every radio once a second, so a step of moving and silence falls on each
//! twelfth sighting. The second group varies zones and anchors, one at a time.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use engine::presence::{
    filter::{Filter, Heard, Scratch},
    model::{Model, Settings},
    names::{Named, named},
};
use protocol::{CustomerId, RadioId};

const RADIOS: u64 = 10_000;
const BATCH: u64 = 10_000;
const ZERO_MS: u64 = 1_700_000_000_000;

fn store(zones: u16, anchors: u16) -> Model {
    let spot = |anchor| Named {
        zone: anchor % zones,
        edge_dbm: -70.0,
    };
    let spots: Vec<Named> = (0..anchors).map(spot).collect();
    let near = |a: u16, b: u16| a.abs_diff(b) == 1;
    named(Settings::default(), zones, &spots, near).expect("a row of zones")
}

/// The `n`th sighting since the start.
fn heard(n: u64, anchors: u16) -> (usize, Heard) {
    let (who, anchor) = (n % RADIOS, n / RADIOS % u64::from(anchors));
    let second = n / (RADIOS * u64::from(anchors));
    let heard = Heard {
        radio: RadioId(CustomerId::at(who, [who as u8; 10]).0),
        anchor: anchor as u16, // below anchors
        at_ms: ZERO_MS + second * 1_000 + anchor,
        rssi_dbm: -60.0 - (n * 31 % 29) as f32,
    };
    (who as usize, heard)
}

fn measure(c: &mut Criterion, group: &str, zones: u16, anchors: u16) {
    let model = store(zones, anchors);
    let mut people: Vec<Filter> = (0..RADIOS).map(|_| Filter::new(&model, ZERO_MS)).collect();
    let (mut scratch, mut next) = (Scratch::default(), 0);
    let mut group = c.benchmark_group(group);
    group.throughput(Throughput::Elements(BATCH));
    let id = BenchmarkId::from_parameter(format!("{zones}x{anchors}"));
    group.bench_function(id, |b| {
        b.iter(|| {
            for n in next..next + BATCH {
                let (who, heard) = heard(n, anchors);
                people[who].hear(&model, &heard, &mut scratch);
                people[who].answer(&model, heard.at_ms, &mut scratch);
            }
            next += BATCH;
        });
    });
    group.finish();
}

fn sightings(c: &mut Criterion) {
    measure(c, "filter", 20, 12);
}

fn growth(c: &mut Criterion) {
    for zones in [5, 10, 40] {
        measure(c, "filter/zones", zones, 12);
    }
    for anchors in [4, 24] {
        measure(c, "filter/anchors", 20, anchors);
    }
}

criterion_group!(benches, sightings, growth);
criterion_main!(benches);
