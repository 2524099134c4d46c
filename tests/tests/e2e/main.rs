//! Every end-to-end test, in one program.

mod happy;

fn main() -> std::process::ExitCode {
    let mut tests = Vec::new();
    tests.extend(happy::tests());
    e2e::harness::run(tests)
}
