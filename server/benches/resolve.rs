//! What resolving an identity costs with a million devices, now and three hours back.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use protocol::{
    CustomerId, DeviceId, Eid, EidKey, RadioId,
    eid::{ROTATION_EXPONENT, device_time_s},
};
use server::{identity::Identity, store::people::RadioRow};
use uuid::Uuid;

const DEVICES: u128 = 1_000_000;
const NOW_S: u64 = 1_800_000_000;

fn radio(n: u128) -> RadioRow {
    RadioRow {
        radio: RadioId(Uuid::from_u128(n)),
        device: DeviceId(Uuid::from_u128(n)),
        customer: CustomerId(Uuid::from_u128(n)),
        key: EidKey((n * 0x9e37_79b9_7f4a_7c15_u128).to_be_bytes()),
        clock_offset_s: (n as u32).wrapping_mul(2_654_435_761),
        valid_from_ms: 0,
        valid_to_ms: None,
    }
}

fn heard(row: &RadioRow, unix_s: u64) -> Eid {
    row.key
        .eid(device_time_s(unix_s, row.clock_offset_s), ROTATION_EXPONENT)
}

fn resolving(c: &mut Criterion) {
    let rows: Vec<RadioRow> = (1..=DEVICES).map(radio).collect();
    let some: Vec<&RadioRow> = rows.iter().step_by(997).collect();
    let mut group = c.benchmark_group("resolve, 1,000,000 devices");
    group.sample_size(10);
    group.bench_function("build the table", |b| {
        b.iter(|| Identity::load(&rows, NOW_S * 1_000).len());
    });
    let identity = Identity::load(&rows, NOW_S * 1_000);
    let now: Vec<Eid> = some.iter().map(|row| heard(row, NOW_S)).collect();
    let back_s = NOW_S - 3 * 3_600;
    let back: Vec<Eid> = some.iter().map(|row| heard(row, back_s)).collect();
    let mut i = 0;
    group.bench_function("one, heard now", |b| {
        b.iter(|| {
            i = (i + 1) % now.len();
            identity.resolve(black_box(now[i]), NOW_S * 1_000, NOW_S * 1_000)
        });
    });
    group.bench_function("one of nobody", |b| {
        b.iter(|| identity.resolve(black_box(Eid([9; 8])), NOW_S * 1_000, NOW_S * 1_000));
    });
    group.bench_function("one, heard 3 h ago, window at hand", |b| {
        b.iter(|| {
            i = (i + 1) % back.len();
            identity.resolve(black_box(back[i]), back_s * 1_000, NOW_S * 1_000)
        });
    });
    let mut second = NOW_S;
    group.bench_function("roll over one second", |b| {
        b.iter(|| {
            second += 1;
            identity.resolve(black_box(Eid([9; 8])), second * 1_000, second * 1_000)
        });
    });
    group.finish();
}

criterion_group!(benches, resolving);
criterion_main!(benches);
