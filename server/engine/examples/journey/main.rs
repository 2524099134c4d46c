//! Draws the tables of orders and journeys: `cargo run -p engine --example journey -- docs`

use std::{env, fs, io, path::Path};

mod draw;

fn main() -> io::Result<()> {
    let folder = env::args().nth(1).unwrap_or_else(|| "docs".to_owned());
    fs::write(Path::new(&folder).join("journey.svg"), draw::journeys())?;
    fs::write(Path::new(&folder).join("order.svg"), draw::orders())
}
