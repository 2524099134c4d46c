//! `cargo demo`, see [`demo::cli`].

fn main() -> std::process::ExitCode {
    demo::process::part().unwrap_or_else(|| demo::cli::main_from(std::env::args_os()))
}
