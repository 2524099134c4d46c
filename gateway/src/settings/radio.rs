//! Whether this machine has the radios that settings name, before the one that works is let go.
//!
//! In: a source, the kernel's list of adapters. Out: what is missing.
//! Invariant: asks nobody and switches nothing. What cannot be known here, the trial finds out.

use std::path::Path;

use protocol::settings::{Why, words};

use crate::{
    config::{HciAdapter, SourceConfig},
    source::missing_capabilities,
};

/// Linux, `Documentation/ABI/stable/sysfs-class-bluetooth`: an entry an adapter.
const ADAPTERS: &str = "sys/class/bluetooth";

pub(super) fn missing(source: &SourceConfig, root: &Path) -> Option<Why> {
    let dir = root.join(ADAPTERS);
    let no_adapter = |adapter: &str| Why::NoAdapter {
        adapter: words(adapter),
    };
    // A name with a stroke would be looked for elsewhere.
    let is_missing = |name: &str| name.contains('/') || !dir.join(name).exists();
    match source {
        // Adapters of BlueZ are the kernel's; where the list is hidden from us, BlueZ may know better.
        SourceConfig::Btleplug(config) => {
            let missing = dir.is_dir() && is_missing(&config.adapter);
            missing.then(|| no_adapter(&config.adapter))
        }
        SourceConfig::Hci(config) => {
            let kernel = |adapter: &&HciAdapter| matches!(adapter, HciAdapter::Kernel(_));
            let names = config.adapters.iter().filter(kernel);
            let mut names = names.map(ToString::to_string);
            names
                .find(|name| is_missing(name))
                .map(|name| no_adapter(&name))
                .or_else(closed)
        }
        SourceConfig::Sim { .. } | SourceConfig::Replay { .. } => None,
    }
}

/// The kernel gives raw sockets to nobody without these, and the source would end at once.
fn closed() -> Option<Why> {
    missing_capabilities().map(|missing| Why::Wrong {
        key: "source.kind".into(),
        what: format!(
            "hci needs {missing}, which this process lacks: somebody must add AmbientCapabilities to its unit"
        ),
    })
}
