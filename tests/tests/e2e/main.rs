//! Every end-to-end test, in one program.

mod access;
mod bad_input;
mod happy;

fn main() -> std::process::ExitCode {
    let mut tests = Vec::new();
    tests.extend(access::tests());
    tests.extend(bad_input::tests());
    tests.extend(happy::tests());
    e2e::harness::run(tests)
}
