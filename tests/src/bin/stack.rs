//! The parts of a store as processes: `stack part-server …`, `stack part-gateway …`.

fn main() -> std::process::ExitCode {
    demo::process::part().unwrap_or_else(|| {
        eprintln!("stack: say part-server, part-gateway or part-sim first");
        std::process::ExitCode::from(2)
    })
}
