//! Every end-to-end test, in one program.

mod happy;
mod kills;

fn main() -> std::process::ExitCode {
    let mut tests = Vec::new();
    tests.extend(happy::tests());
    tests.extend(kills::tests());
    e2e::harness::run(tests)
}
