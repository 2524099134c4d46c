//! What fuzzing found interesting, fed to each decoder again: `tests/fuzz/targets.rs` says what is
//! asked of it.

use std::path::Path;

use anyhow::Context;
use e2e::harness::test;
use libtest_mimic::Trial;

#[expect(
    clippy::unwrap_used,
    reason = "a panic is how a target says that a promise is broken"
)]
#[path = "../../fuzz/targets.rs"]
mod targets;

pub(crate) fn tests() -> Vec<Trial> {
    vec![test("decoders_stand_what_fuzzing_found", &[], replay)]
}

async fn replay() -> anyhow::Result<()> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    for (name, target) in targets::ALL {
        let dir = corpus.join(name);
        let mut inputs = 0;
        for entry in std::fs::read_dir(&dir).with_context(|| format!("list {}", dir.display()))? {
            let path = entry?.path();
            let input = std::fs::read(&path)?;
            std::panic::catch_unwind(|| target(&input))
                .map_err(|_| anyhow::anyhow!("{} breaks a promise", path.display()))?;
            inputs += 1;
        }
        anyhow::ensure!(inputs > 0, "{} is empty", dir.display());
    }
    Ok(())
}
