//! Parses the command line and runs it.

fn main() -> std::process::ExitCode {
    firmware_sim::cli::main_from(std::env::args_os())
}
