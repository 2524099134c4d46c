//! The store gateway's program; everything it does stands in the library.
fn main() -> std::process::ExitCode {
    gateway::cli::main_from(std::env::args_os())
}
