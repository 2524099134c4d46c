//! Writes every page in every state as HTML, to look at: `cargo run -p server --example pages -- DIR`,
//! then serve DIR over HTTP.

use std::{env, fs, path::PathBuf};

use anyhow::Context;

use web::{assets, fixtures, i18n};

// The fixtures find the rooms of `web` above themselves, here as there.
#[path = "../src/web"]
mod web {
    pub(crate) use server::web::{
        assets, board, campaigns, collect, doorway, figures, fleet, gateways, i18n, integrations,
        kept, lintel, map, phone, porch, qr, search, till, trial, views, visit, walk,
    };

    pub(crate) mod fixtures;
}

fn main() -> anyhow::Result<()> {
    let folder: PathBuf = env::args_os().nth(1).context("say where: a folder")?.into();
    for lang in [i18n::Lang::Nl, i18n::Lang::En] {
        let pages = folder.join(lang.code());
        fs::create_dir_all(&pages).with_context(|| format!("make {}", pages.display()))?;
        for (name, html) in fixtures::all_pages(lang)? {
            let file = pages.join(name).with_extension("html");
            fs::write(&file, html).with_context(|| format!("write {}", file.display()))?;
        }
    }
    let assets = folder.join("assets");
    fs::create_dir_all(&assets).with_context(|| format!("make {}", assets.display()))?;
    for (path, asset) in assets::all() {
        let file = assets.join(path);
        fs::write(&file, &asset.bytes).with_context(|| format!("write {}", file.display()))?;
    }
    Ok(())
}
