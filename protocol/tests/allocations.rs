//! Decoding an advertisement allocates nothing, whatever it holds.

#[path = "../benches/decode.rs"]
#[allow(
    dead_code,
    unused_imports,
    missing_docs,
    reason = "its payloads alone are used here"
)]
mod bench;

use protocol::air::decode;

#[test]
fn decode_allocates_nothing_for_any_of_the_ten_payloads() {
    for (name, payload) in bench::payloads() {
        let counted = allocation_counter::measure(|| {
            let _ = std::hint::black_box(decode(std::hint::black_box(&payload)));
        });
        assert_eq!(counted.count_total, 0, "{name}");
    }
}
