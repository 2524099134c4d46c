//! Every end-to-end test, in one program.

mod access;
mod bad_input;
mod happy;
mod kills;
mod outage;
mod redelivery;
mod table;
mod write_loss;

fn main() -> std::process::ExitCode {
    let mut tests = Vec::new();
    tests.extend(access::tests());
    tests.extend(bad_input::tests());
    tests.extend(happy::tests());
    tests.extend(kills::tests());
    tests.extend(outage::tests());
    tests.extend(redelivery::tests());
    tests.extend(table::tests());
    tests.extend(write_loss::tests());
    e2e::harness::run(tests)
}
