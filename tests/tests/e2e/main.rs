//! Every end-to-end test, in one program.

mod happy;
mod pages;

fn main() -> std::process::ExitCode {
    let mut tests = Vec::new();
    tests.extend(happy::tests());
    tests.extend(pages::tests());
    e2e::harness::run(tests)
}
