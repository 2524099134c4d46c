//! What decoding one advertisement costs, for the ten payloads that a shop's air is made of.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use protocol::{
    Eid,
    air::{Frame, decode, encode},
};
use uuid::Uuid;

/// Ten payloads: three of ours, seven that are not, as phones and sensors send them.
pub(crate) fn payloads() -> [(&'static str, Vec<u8>); 10] {
    let eid = Eid([0xfa, 0x41, 0xc4, 0x40, 0x5b, 0x14, 0xfe, 0xa0]);
    let uuid = Uuid::from_u128(0x5f2d_9c4e_0d1b_4a7e_9a55_1c0f_8e2b_7a01);
    [
        (
            "own frame",
            encode(&Frame::Welkom {
                eid,
                tx_power_dbm: -59,
            }),
        ),
        (
            "Eddystone-EID",
            encode(&Frame::EddystoneEid {
                eid,
                tx_power_dbm: -18,
            }),
        ),
        (
            "iBeacon",
            encode(&Frame::IBeacon {
                uuid,
                major: 7,
                minor: 300,
                tx_power_dbm: -61,
            }),
        ),
        (
            "Apple, nearby info",
            [&[2, 1, 0x1a, 11, 0xff, 0x4c, 0, 0x10, 6][..], &[7; 6]].concat(),
        ),
        (
            "Apple, overflow area",
            [&[2, 1, 6, 20, 0xff, 0x4c, 0, 1][..], &[0; 16]].concat(),
        ),
        (
            "Eddystone-URL",
            vec![
                3, 3, 0xaa, 0xfe, 9, 0x16, 0xaa, 0xfe, 0x10, 0xeb, 3, b'n', b'l', 7,
            ],
        ),
        (
            "exposure notification",
            [&[3, 3, 0x6f, 0xfd, 23, 0x16, 0x6f, 0xfd][..], &[9; 20]].concat(),
        ),
        (
            "sensor, other manufacturer",
            [&[2, 1, 6, 27, 0xff, 0x99, 0x04][..], &[5; 24]].concat(),
        ),
        ("name alone", [&[2, 1, 6, 9, 9][..], b"Headset "].concat()),
        (
            "own frame, cut",
            encode(&Frame::Welkom {
                eid,
                tx_power_dbm: -59,
            })[..20]
                .to_vec(),
        ),
    ]
}

fn decoding(c: &mut Criterion) {
    let mut group = c.benchmark_group("decode");
    group.throughput(Throughput::Elements(1));
    for (name, payload) in payloads() {
        group.bench_function(name, |b| b.iter(|| decode(black_box(&payload))));
    }
    let all = payloads();
    group.throughput(Throughput::Elements(10));
    group.bench_function("all ten", |b| {
        b.iter(|| {
            all.iter()
                .filter(|(_, payload)| decode(black_box(payload)).is_ok())
                .count()
        });
    });
    group.finish();
}

criterion_group!(benches, decoding);
criterion_main!(benches);
