//! The nonce of a code whose answer has not come yet.
//!
//! In: a code. Out: its nonce, the same after a crash or a cut line.
//! Invariant: the file is readable by its owner alone, holds the code's hash and not the code, and
//! goes when the settings are written.

use std::{
    fs, io,
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use protocol::enrol::Code;
use serde::{Deserialize, Serialize};

use super::Refusal;

const NAME: &str = "enroll-pending.json";

#[derive(Serialize, Deserialize)]
struct Kept {
    code_sha256: String,
    nonce: String,
}

/// See the module.
pub(super) struct Pending {
    path: PathBuf,
    kept: Kept,
}

impl Pending {
    /// That of this code, or a new one.
    pub(super) fn open(dir: &Path, code: &Code) -> Result<Self, Refusal> {
        let path = dir.join(NAME);
        let digest = ring::digest::digest(&ring::digest::SHA256, code.to_string().as_bytes());
        let code_sha256 = hex::encode(digest);
        let before = fs::read(&path).ok();
        let before = before.and_then(|json| serde_json::from_slice::<Kept>(&json).ok());
        if let Some(kept) = before.filter(|kept| kept.code_sha256 == code_sha256) {
            return Ok(Self { path, kept });
        }
        let wrote = Refusal::file("write", &path);
        let mut nonce = [0; 32];
        getrandom::fill(&mut nonce).map_err(|e| wrote(io::Error::other(e)))?;
        let kept = Kept {
            code_sha256,
            nonce: hex::encode(nonce),
        };
        let json = serde_json::to_vec(&kept).map_err(|e| wrote(e.into()))?;
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&path)
            .map_err(&wrote)?;
        file.write_all(&json).map_err(&wrote)?;
        file.sync_all().map_err(&wrote)?;
        Ok(Self { path, kept })
    }

    pub(super) fn nonce(&self) -> &str {
        &self.kept.nonce
    }

    /// What stays would be of no use, and of no harm: the code is used.
    pub(super) fn done(self) {
        let _ = fs::remove_file(&self.path);
    }
}
