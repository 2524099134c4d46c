//! A hash per offered sighting, for an audit from outside.
//!
//! In: which sighting. Out: a file with one SHA-256 a line, in hexadecimal, over
//! `{store}/{gateway}/{boot}/{seq}/{index}`; the index counts within the batch, from 0.
//! Invariant: a line is written before its batch is published.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use protocol::message::Batch;
use sha2::{Digest, Sha256};

use super::LoadError;

/// The file, if one was asked for.
#[derive(Debug)]
pub struct Audit(Option<(PathBuf, Mutex<State>)>);

#[derive(Debug)]
struct State {
    out: BufWriter<File>,
    /// The first failure; told at the end.
    failed: Option<io::Error>,
}

impl Audit {
    /// Creates the file.
    pub fn create(path: Option<&Path>) -> Result<Self, LoadError> {
        let Some(path) = path.map(Path::to_path_buf) else {
            return Ok(Self(None));
        };
        match File::create(&path) {
            Ok(file) => {
                let state = State {
                    out: BufWriter::new(file),
                    failed: None,
                };
                Ok(Self(Some((path, Mutex::new(state)))))
            }
            Err(source) => Err(LoadError::Audit { path, source }),
        }
    }

    /// Writes a batch's lines.
    pub fn offered(&self, batch: &Batch) {
        let Some((_, state)) = &self.0 else { return };
        let mut state = lock(state);
        for index in 0..batch.sightings.len() {
            let key = sighting_key(batch, index);
            if let Err(error) = writeln!(state.out, "{key}") {
                state.failed.get_or_insert(error);
                return;
            }
        }
    }

    /// Flushes, and tells of the first failure.
    pub fn finish(&self) -> Result<(), LoadError> {
        let Some((path, state)) = &self.0 else {
            return Ok(());
        };
        let mut state = lock(state);
        let flushed = state.out.flush();
        match state.failed.take().map_or(flushed, Err) {
            Ok(()) => Ok(()),
            Err(source) => Err(LoadError::Audit {
                path: path.clone(),
                source,
            }),
        }
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The line of one sighting.
pub fn sighting_key(batch: &Batch, index: usize) -> String {
    let Batch {
        store,
        gateway,
        boot,
        seq,
        ..
    } = batch;
    hex::encode(Sha256::digest(format!(
        "{store}/{gateway}/{boot}/{seq}/{index}"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_sighting_of_a_batch_has_a_line_of_its_own() {
        let json = include_bytes!("../../../protocol/tests/fixtures/sightings_v1.json");
        let batch = Batch::from_json(json).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("audit");
        let audit = Audit::create(Some(&path)).unwrap();
        audit.offered(&batch);
        audit.finish().unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let expected = hex::encode(Sha256::digest(
            "kade-9/door/0192f7a0-0000-7000-8000-000000000001/7/1",
        ));
        assert_eq!(text.lines().count(), 2);
        assert_eq!(text.lines().nth(1), Some(expected.as_str()));
    }
}
