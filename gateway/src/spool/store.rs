//! What the spool does with its files: write, sync, read, evict, delete.
//!
//! Invariant: `waiting`, the segments' own counts of it, and `counts.waiting` change together:
//! in `wait_for` and `forget` and nowhere else.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::FileExt,
};

use protocol::{
    message::to_json,
    seal::{Body, Sealed},
};

use super::{
    ACKNOWLEDGED_SAVE_AFTER_MS, Accepted, BatchAt, Content, DETAIL_SYNC_AFTER_MS,
    FIRST_SYNC_AFTER_MS, Key, RETRY_AFTER_MS, Segment, SegmentNo, Spool, SpoolError, Stream,
    attempt, replace_file,
    segment::{Header, RECORD_HEADER_LEN, decode_record, decode_sealed},
    sync_dir,
    writer::Writer,
};
use crate::clock::Monotonic;

/// The file of a boot's acknowledged numbers.
pub(super) const ACKNOWLEDGED_FILE: &str = "acknowledged.json";

impl Spool {
    pub(super) fn writer(&mut self, stream: Stream) -> &mut Option<Writer> {
        match stream {
            Stream::First => &mut self.first,
            Stream::Detail => &mut self.detail,
        }
    }

    pub(super) fn enqueue(&mut self, batch: Accepted) {
        self.counts.evicted_total += self.queue.push(batch);
    }

    /// Writes what is accepted until the disk refuses.
    pub(super) fn write_queue(&mut self, now: Monotonic) {
        if self.retry_at.is_some_and(|at| now < at) {
            return;
        }
        self.retry_at = None;
        while let Some(batch) = self.queue.pop() {
            let stream = batch.stream;
            let segment_bytes = self.options.segment_bytes;
            let full = |w: &Writer| w.is_full(&batch, segment_bytes);
            if self.writer(stream).as_ref().is_some_and(full) {
                self.put_back(vec![batch]);
                self.sync(now, stream);
                if self.retry_at.is_some() {
                    return;
                }
                self.close(stream);
                continue;
            }
            if let Err((batch, error)) = self.write(now, batch) {
                self.put_back(vec![batch]);
                self.disk_refused(now, stream, error);
                return;
            }
            self.evict_if_over();
        }
    }

    fn put_back(&mut self, batches: Vec<Accepted>) {
        self.counts.evicted_total += self.queue.take_back(batches);
    }

    fn write(&mut self, now: Monotonic, batch: Accepted) -> Result<(), (Accepted, SpoolError)> {
        let (stream, seq) = (batch.stream, batch.seq);
        let mut writer = match self.writer(stream).take() {
            Some(writer) => writer,
            None => match self.begin_segment(&batch) {
                Ok(writer) => writer,
                Err(error) => return Err((batch, error)),
            },
        };
        let wait_ms = match stream {
            Stream::First => FIRST_SYNC_AFTER_MS,
            Stream::Detail => DETAIL_SYNC_AFTER_MS,
        };
        let written = writer.write(batch, now.plus_ms(wait_ms));
        if let Some(segment) = self.segments.get_mut(&writer.segment) {
            self.bytes += writer.len() - segment.len;
            segment.len = writer.len();
            segment.last_seq = segment.last_seq.max(seq);
        }
        *self.writer(stream) = Some(writer);
        written
    }

    /// Begins the segment whose first batch this will be.
    fn begin_segment(&mut self, batch: &Accepted) -> Result<Writer, SpoolError> {
        let (stream, seq) = (batch.stream, batch.seq);
        let header = Header {
            stream,
            boot: self.boot,
            machine_boot: self.options.machine_boot,
            clock: self.clock(),
            sealed: batch.envelope.is_some(),
        };
        let root = &self.options.dir;
        let number = self.next_segment;
        let dir = root.join(self.boot.to_string());
        let mut path = dir.join(format!("{seq:020}.seg"));
        if path.exists() {
            // Left by a try that failed, on a disk that would not even delete it.
            path = dir.join(format!("{seq:020}-{number}.seg"));
        }
        let writer = Writer::create(root, path.clone(), number, &header, batch.envelope.clone())?;
        self.next_segment += 1;
        self.bytes += writer.len();
        let segment = Segment {
            path,
            boot: self.boot,
            machine_boot: self.options.machine_boot,
            stream,
            first_seq: seq,
            last_seq: seq,
            len: writer.len(),
            envelope: batch.envelope.clone(),
            waiting: 0,
            closed: false,
        };
        self.segments.insert(number, segment);
        Ok(writer)
    }

    /// Makes one stream durable and its batches ready to be lent.
    pub(super) fn sync(&mut self, now: Monotonic, stream: Stream) {
        let Some(mut writer) = self.writer(stream).take() else {
            return;
        };
        match writer.sync() {
            Ok(synced) => {
                for (batch, offset) in synced {
                    let key = Key {
                        boot: self.boot,
                        seq: batch.seq,
                    };
                    let at = BatchAt {
                        segment: writer.segment,
                        offset,
                        body_len: u32::try_from(batch.body.len()).unwrap_or(u32::MAX),
                        sightings: batch.sightings,
                    };
                    self.wait_for(key, at);
                    self.loans.synced(key);
                    self.counts.spooled_total += u64::from(batch.sightings);
                }
                *self.writer(stream) = Some(writer);
            }
            Err(error) => {
                *self.writer(stream) = Some(writer);
                self.disk_refused(now, stream, error);
            }
        }
    }

    /// Gives up the open segment, takes back what it had not synced, tries again later.
    fn disk_refused(&mut self, now: Monotonic, stream: Stream, error: SpoolError) {
        self.counts.failed_writes_total += 1;
        self.error = Some(error);
        self.retry_at = Some(now.plus_ms(RETRY_AFTER_MS));
        self.give_up(stream);
        self.make_room();
    }

    fn give_up(&mut self, stream: Stream) {
        let Some(writer) = self.writer(stream).take() else {
            return;
        };
        let number = writer.segment;
        let (synced_len, unsynced) = writer.give_up();
        if let Some(segment) = self.segments.get_mut(&number) {
            self.bytes -= segment.len - synced_len;
            segment.len = synced_len;
            segment.closed = true;
        }
        self.put_back(unsynced);
        self.delete_settled_segments();
    }

    /// The disk is full before the spool has what it may have: first sights that wait take the place
    /// of the oldest detail, a segment a try. Detail that waits takes nobody's.
    fn make_room(&mut self) {
        let is_full = matches!(&self.error, Some(SpoolError::Io { source, .. })
            if matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded));
        if !is_full || !self.queue.has(Stream::First) {
            return;
        }
        if self.oldest(Stream::Detail).is_none() {
            self.give_up(Stream::Detail);
        }
        if let Some(number) = self.oldest(Stream::Detail) {
            self.evict(number);
        }
    }

    fn close(&mut self, stream: Stream) {
        if let Some(writer) = self.writer(stream).take()
            && let Some(segment) = self.segments.get_mut(&writer.segment)
        {
            segment.closed = true;
        }
        self.delete_settled_segments();
    }

    /// From now on this batch waits for its acknowledgement.
    pub(super) fn wait_for(&mut self, key: Key, at: BatchAt) {
        // A sync that failed may have left the same batch in an earlier segment.
        self.forget(key);
        self.waiting.insert(key, at);
        self.counts.waiting += u64::from(at.sightings);
        if let Some(segment) = self.segments.get_mut(&at.segment) {
            segment.waiting += 1;
        }
    }

    /// This batch waits no longer.
    pub(super) fn forget(&mut self, key: Key) {
        self.loans.settled(key);
        let Some(at) = self.waiting.remove(&key) else {
            return;
        };
        self.counts.waiting -= u64::from(at.sightings);
        if let Some(segment) = self.segments.get_mut(&at.segment) {
            segment.waiting -= 1;
        }
    }

    pub(super) fn settle(&mut self, now: Monotonic, key: Key) {
        self.forget(key);
        let boot = self.boots.entry(key.boot).or_default();
        boot.acknowledged.insert(key.seq);
        boot.unsaved = true;
        let save_at = now.plus_ms(ACKNOWLEDGED_SAVE_AFTER_MS);
        self.save_at.get_or_insert(save_at);
    }

    /// What one batch holds; none if what is on disk is not what was written.
    pub(super) fn read(&self, at: BatchAt, seq: u64) -> Result<Option<Content>, SpoolError> {
        let Some(segment) = self.segments.get(&at.segment) else {
            return Ok(None);
        };
        let mut record = vec![0; RECORD_HEADER_LEN + at.body_len as usize];
        let read = File::open(&segment.path)
            .and_then(|file| file.read_exact_at(&mut record, u64::from(at.offset)));
        attempt("read segment", &segment.path, read)?;
        Ok(decode_record(&record, 0)
            .filter(|(found, _)| *found == seq)
            .and_then(|(_, body)| match segment.envelope.as_deref() {
                None => serde_json::from_slice(body).ok().map(Content::Clear),
                Some(envelope) => Some(Content::Sealed(Sealed {
                    envelope: envelope.clone(),
                    body: Body(decode_sealed(body)?.to_vec()),
                })),
            }))
    }

    /// Past `bytes_max`: the oldest detail goes, and only when there is none, the oldest first
    /// sights. What is being written stays.
    fn evict_if_over(&mut self) {
        while self.bytes > self.options.bytes_max {
            let oldest = self.oldest(Stream::Detail);
            let Some(number) = oldest.or_else(|| self.oldest(Stream::First)) else {
                return;
            };
            self.evict(number);
        }
    }

    /// The oldest segment of a stream that nothing more is written to.
    fn oldest(&self, stream: Stream) -> Option<SegmentNo> {
        let mut closed = self.segments.iter().filter(|(_, s)| s.closed);
        closed.find(|(_, s)| s.stream == stream).map(|(&n, _)| n)
    }

    fn evict(&mut self, number: SegmentNo) {
        let Some(segment) = self.segments.get(&number) else {
            return;
        };
        let of = |seq| Key {
            boot: segment.boot,
            seq,
        };
        let range = of(segment.first_seq)..=of(segment.last_seq.max(segment.first_seq));
        let in_it: Vec<_> = self
            .waiting
            .range(range)
            .filter(|(_, at)| at.segment == number)
            .map(|(key, at)| (*key, at.sightings))
            .collect();
        for (key, sightings) in in_it {
            self.forget(key);
            self.counts.evicted_total += u64::from(sightings);
        }
        self.delete(number);
    }

    /// Deletes what is acknowledged to the last batch.
    pub(super) fn delete_settled_segments(&mut self) {
        let done = self.segments.iter();
        let done = done.filter(|(_, s)| s.closed && s.waiting == 0);
        let done: Vec<SegmentNo> = done.map(|(&number, _)| number).collect();
        for number in done {
            self.delete(number);
        }
    }

    fn delete(&mut self, number: SegmentNo) {
        let Some(segment) = self.segments.remove(&number) else {
            return;
        };
        self.bytes -= segment.len;
        // What cannot be deleted is read again at the next start: sent twice, applied once.
        let removed = fs::remove_file(&segment.path);
        self.note(attempt("delete segment", &segment.path, removed));
        let mut left = self.segments.values().filter(|s| s.boot == segment.boot);
        if segment.boot != self.boot && left.next().is_none() {
            self.delete_boot(&segment);
        } else if let Some(dir) = segment.path.parent() {
            self.note(sync_dir(dir));
        }
    }

    fn delete_boot(&mut self, last: &Segment) {
        self.boots.remove(&last.boot);
        let Some(dir) = last.path.parent() else {
            return;
        };
        // A folder that still has set-aside bytes in it stays.
        let _ = fs::remove_file(dir.join(ACKNOWLEDGED_FILE));
        let _ = fs::remove_dir(dir);
        self.note(sync_dir(&self.options.dir));
    }

    /// Not synced: a lost save sends batches again, which changes nothing at the server.
    pub(super) fn save_acknowledged(&mut self) {
        self.save_at = None;
        let mut outcome = Ok(());
        for (id, boot) in &mut self.boots {
            if !std::mem::take(&mut boot.unsaved) {
                continue;
            }
            let dir = self.options.dir.join(id.to_string());
            let json = to_json(&boot.acknowledged);
            if dir.is_dir() {
                outcome = outcome.and(replace_file(&dir.join(ACKNOWLEDGED_FILE), &json, false));
            }
        }
        self.note(outcome);
    }

    /// Keeps a failure for whoever logs; see [`Spool::take_error`].
    pub(super) fn note(&mut self, outcome: Result<(), SpoolError>) {
        if let Err(error) = outcome {
            self.error = Some(error);
        }
    }
}
