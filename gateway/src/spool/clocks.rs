//! Which moment of each machine boot is which moment of the server's.
//!
//! In: anchors as they get better. Out: the last one of any machine boot that still has batches.
//! Invariant: an anchor of one machine boot is never used for another.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use protocol::message::{ClockAnchor, to_json};
use uuid::Uuid;

use super::{SpoolError, replace_file, sync_dir};

const FILE: &str = "clocks.json";

#[derive(Debug)]
pub(super) struct Clocks {
    path: PathBuf,
    anchors: BTreeMap<Uuid, ClockAnchor>,
    /// A save failed: the same anchor again is worth another try.
    unsaved: bool,
}

impl Clocks {
    /// What cannot be read is learned again, or stands in the segments' headers.
    pub(super) fn load(dir: &Path) -> Self {
        let path = dir.join(FILE);
        let anchors = fs::read(&path)
            .ok()
            .and_then(|json| serde_json::from_slice(&json).ok())
            .unwrap_or_default();
        Self {
            path,
            anchors,
            unsaved: false,
        }
    }

    pub(super) fn get(&self, machine_boot: Uuid) -> Option<ClockAnchor> {
        self.anchors.get(&machine_boot).copied()
    }

    /// From a segment's header: older than what the file has, better than nothing.
    pub(super) fn suggest(&mut self, machine_boot: Uuid, anchor: ClockAnchor) {
        self.anchors.entry(machine_boot).or_insert(anchor);
    }

    /// Saves at once and durably: it happens once a minute at most, a batch without it has no time,
    /// and after a power cut nobody can say any more what time it was in the boot that ended.
    pub(super) fn set(
        &mut self,
        machine_boot: Uuid,
        anchor: ClockAnchor,
        kept: impl Fn(&Uuid) -> bool,
    ) -> Result<(), SpoolError> {
        if self.anchors.insert(machine_boot, anchor) == Some(anchor) && !self.unsaved {
            return Ok(());
        }
        self.anchors.retain(|boot, _| kept(boot));
        self.unsaved = true;
        replace_file(&self.path, &to_json(&self.anchors), true)?;
        sync_dir(self.path.parent().unwrap_or(Path::new(".")))?;
        self.unsaved = false;
        Ok(())
    }
}
