//! The end of one stream: an open segment, and what in it is not synced.
//!
//! In: accepted batches. Out: their places, once they are synced.
//! Promises: after a failed write or sync the batches that were not synced come back.
//! Invariant: what is written is only ever appended.

use std::{
    fs::{self, File, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
    sync::Arc,
};

use protocol::seal::Envelope;

use super::{
    Accepted, SegmentNo, SpoolError, attempt,
    segment::{Header, RECORD_HEADER_LEN, encode_record, encode_start},
    sync_dir,
};
use crate::clock::Monotonic;

#[derive(Debug)]
pub(super) struct Writer {
    pub(super) segment: SegmentNo,
    path: PathBuf,
    file: File,
    /// What opens its batches.
    envelope: Option<Arc<Envelope>>,
    /// Bytes before the first batch.
    start_len: u64,
    len: u64,
    /// Where the last synced record ends.
    synced_len: u64,
    unsynced: Vec<(Accepted, u32)>,
    sync_at: Option<Monotonic>,
    buffer: Vec<u8>,
}

impl Writer {
    /// Begins a segment; the file and the folders above it are durable when this returns.
    pub(super) fn create(
        root: &Path,
        path: PathBuf,
        segment: SegmentNo,
        header: &Header,
        envelope: Option<Arc<Envelope>>,
    ) -> Result<Self, SpoolError> {
        let start = encode_start(header, envelope.as_deref());
        let dir = path.parent().unwrap_or(root).to_owned();
        attempt("create folder", &dir, fs::create_dir_all(&dir))?;
        sync_dir(root)?;
        let created = OpenOptions::new().append(true).create_new(true).open(&path);
        let mut file = attempt("create segment", &path, created)?;
        let written = file.write_all(&start).and_then(|()| file.sync_data());
        if let Err(error) = attempt("write header of segment", &path, written) {
            // Or the name would be taken when this is tried again.
            let _ = fs::remove_file(&path);
            return Err(error);
        }
        sync_dir(&dir)?;
        Ok(Self {
            segment,
            path,
            file,
            envelope,
            start_len: start.len() as u64,
            len: start.len() as u64,
            synced_len: start.len() as u64,
            unsynced: Vec::new(),
            sync_at: None,
            buffer: Vec::new(),
        })
    }

    pub(super) fn len(&self) -> u64 {
        self.len
    }

    pub(super) fn sync_at(&self) -> Option<Monotonic> {
        self.sync_at
    }

    /// Whether this batch must go into another segment: it is too much for one of `segment_bytes`,
    /// or was sealed with another key.
    pub(super) fn is_full(&self, batch: &Accepted, segment_bytes: u64) -> bool {
        let record_len = (RECORD_HEADER_LEN + batch.body.len()) as u64;
        let is_long = self.len > self.start_len && self.len + record_len > segment_bytes;
        is_long || self.envelope != batch.envelope
    }

    /// Appends one batch, to be synced at `sync_at` at the latest; hands it back if that fails.
    pub(super) fn write(
        &mut self,
        batch: Accepted,
        sync_at: Monotonic,
    ) -> Result<(), (Accepted, SpoolError)> {
        self.buffer.clear();
        encode_record(&mut self.buffer, batch.seq, &batch.body);
        let written = self.file.write_all(&self.buffer);
        if let Err(error) = attempt("write to segment", &self.path, written) {
            return Err((batch, error));
        }
        let offset = u32::try_from(self.len).unwrap_or(u32::MAX);
        self.len += self.buffer.len() as u64;
        self.unsynced.push((batch, offset));
        self.sync_at.get_or_insert(sync_at);
        Ok(())
    }

    /// Makes everything durable; returns what now is, with its place.
    pub(super) fn sync(&mut self) -> Result<Vec<(Accepted, u32)>, SpoolError> {
        if !self.unsynced.is_empty() {
            attempt("sync segment", &self.path, self.file.sync_data())?;
        }
        self.sync_at = None;
        self.synced_len = self.len;
        Ok(std::mem::take(&mut self.unsynced))
    }

    /// After a failure: cuts the file back to what is synced, as far as the disk still lets us,
    /// and returns what is not. A failed sync is not repeated on the same file, since the kernel
    /// may have dropped the pages and would then report success.
    pub(super) fn give_up(self) -> (u64, Vec<Accepted>) {
        let _ = self.file.set_len(self.synced_len);
        let unsynced = self.unsynced.into_iter().map(|(batch, _)| batch);
        (self.synced_len, unsynced.collect())
    }
}
