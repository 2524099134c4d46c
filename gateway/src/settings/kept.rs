//! What was told, on the disk.
//!
//! In: [`Kept`]. Out: the same after a restart.
//! Promises: the file is whole, the one before or the one after; when [`KeptFile::write`] returns, a
//! power cut cannot take it back.
//! Invariant: what is signed is kept as it came, so that it is checked again when it is read.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use protocol::{
    message::to_json,
    settings::{Refused, SignedSettings, words},
};
use serde::{Deserialize, Serialize};

use crate::spool;

/// Beside the spool.
const NAME: &str = "settings.json";
/// Of the file's own layout.
const VERSION: u8 = 1;

/// What is known of what was told.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Kept {
    v: u8,
    /// The newest version that ever came signed.
    pub(super) known: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) in_force: Option<SignedSettings>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) trying: Option<Trying>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) refused: Option<Refused>,
}

/// On trial.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Trying {
    pub(super) said: SignedSettings,
    /// Starts of the process with them.
    pub(super) starts: u32,
    /// The radio before was heard.
    pub(super) heard_before: bool,
}

/// Where it lies.
#[derive(Debug)]
pub(super) struct KeptFile {
    dir: PathBuf,
}

impl KeptFile {
    pub(super) fn beside(spool: &Path) -> Self {
        Self { dir: spool.into() }
    }

    fn path(&self) -> PathBuf {
        self.dir.join(NAME)
    }

    /// None: nothing was told yet.
    pub(super) fn read(&self) -> Result<Option<Kept>, String> {
        let path = self.path();
        let json = match fs::read(&path) {
            Ok(json) => json,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(format!("{}: {error}", path.display())),
        };
        let kept = serde_json::from_slice::<Kept>(&json);
        let kept = kept.map_err(|e| format!("{}: {e}", path.display()))?;
        match kept.v {
            VERSION => Ok(Some(kept)),
            other => Err(format!("{}: version {other}", path.display())),
        }
    }

    pub(super) fn write(&self, kept: &Kept) -> Result<(), String> {
        let kept = Kept {
            v: VERSION,
            ..kept.clone()
        };
        let written = spool::replace_file(&self.path(), &to_json(&kept), true)
            .and_then(|()| spool::sync_dir(&self.dir));
        written.map_err(|error| words(&format!("{:#}", anyhow::Error::from(error))))
    }
}
