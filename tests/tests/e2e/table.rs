//! The workspace table holds: who may use whom.

use std::{collections::BTreeMap, process::Command};

use anyhow::Context;
use e2e::harness::test;
use libtest_mimic::Trial;
use serde::Deserialize;

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        test(
            "crates_use_what_the_table_allows_and_no_more",
            &[],
            table_holds,
        ),
        test(
            "engine_may_not_read_clocks_or_walk_hash_maps",
            &[],
            engine_is_pure,
        ),
        test(
            "readme_walks_through_functions_that_exist",
            &[],
            readme_is_true,
        ),
    ]
}

/// Crates that may use what stands here and nothing else.
const ONLY: [(&str, &[&str]); 2] = [
    (
        "protocol",
        &[
            "aes",
            "hex",
            "serde",
            "serde_json",
            "thiserror",
            "uuid",
            // Sealed batches cross a wire: both ends must mean the same by them.
            "base64",
            "chacha20poly1305",
            "hpke",
            "rand_chacha",
            "sha2",
        ],
    ),
    ("engine", &["protocol", "serde", "thiserror"]),
];

/// Crates that may not use these, whatever else they use.
const NEVER: [(&str, &[&str]); 3] = [
    (
        "gateway",
        &[
            "engine",
            "server",
            "firmware-sim",
            "demo",
            "rusqlite",
            "axum",
        ],
    ),
    ("server", &["gateway", "firmware-sim", "demo"]),
    // The oracle must not share the faults of what it judges.
    ("firmware-sim", &["engine", "server", "gateway", "demo"]),
];

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    kind: Option<String>,
}

fn direct_dependencies() -> anyhow::Result<BTreeMap<String, Vec<String>>> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let output = Command::new(cargo)
        .args([
            "metadata",
            "--format-version",
            "1",
            "--no-deps",
            "--offline",
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .context("run cargo metadata")?;
    let metadata: Metadata = serde_json::from_slice(&output.stdout).context("read its answer")?;
    let normal = |package: Package| {
        let of = package
            .dependencies
            .into_iter()
            .filter(|d| d.kind.is_none());
        (package.name, of.map(|d| d.name).collect())
    };
    Ok(metadata.packages.into_iter().map(normal).collect())
}

async fn table_holds() -> anyhow::Result<()> {
    let uses = direct_dependencies()?;
    for (name, allowed) in ONLY {
        let used = uses
            .get(name)
            .with_context(|| format!("no package {name}"))?;
        let more: Vec<_> = used
            .iter()
            .filter(|d| !allowed.contains(&d.as_str()))
            .collect();
        anyhow::ensure!(more.is_empty(), "{name} may not use {more:?}");
    }
    for (name, banned) in NEVER {
        let used = uses
            .get(name)
            .with_context(|| format!("no package {name}"))?;
        let wrong: Vec<_> = used
            .iter()
            .filter(|d| banned.contains(&d.as_str()))
            .collect();
        anyhow::ensure!(wrong.is_empty(), "{name} may not use {wrong:?}");
    }
    Ok(())
}

async fn engine_is_pure() -> anyhow::Result<()> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../server/engine/clippy.toml");
    let bans = std::fs::read_to_string(path).context("read the engine's clippy.toml")?;
    for banned in ["SystemTime::now", "Instant::now", "HashMap", "HashSet"] {
        anyhow::ensure!(bans.contains(banned), "{banned} is not banned in {path}");
    }
    Ok(())
}

/// Each `file.rs:function` of the README's walk; a file without a folder lies in the engine.
async fn readme_is_true() -> anyhow::Result<()> {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let readme = std::fs::read_to_string(format!("{root}/README.md")).context("read the README")?;
    let quoted = readme.split('`').skip(1).step_by(2);
    let mut seen = 0;
    for place in quoted {
        let Some((file, function)) = place.split_once(".rs:") else {
            continue;
        };
        let folder = if file.contains('/') {
            ""
        } else {
            "server/engine/src/"
        };
        let path = format!("{root}/{folder}{file}.rs");
        let code = std::fs::read_to_string(&path).with_context(|| format!("read {path}"))?;
        let defined = [format!("fn {function}("), format!("fn {function}<")];
        anyhow::ensure!(
            defined.iter().any(|d| code.contains(d)),
            "no {function} in {path}"
        );
        seen += 1;
    }
    anyhow::ensure!(seen >= 15, "the walk has only {seen} steps");
    Ok(())
}
