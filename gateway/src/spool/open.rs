//! Takes over what earlier boots left.
//!
//! In: a folder in any state. Out: a [`Spool`] that knows every batch in it.
//! Promises: every record that can be trusted waits to be sent, unless it is acknowledged; what
//! cannot be trusted is cut off or set aside, and counted.
//! Invariant: bytes that were once a whole record are never thrown away here.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions, TryLockError},
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use protocol::{BootId, Ranges};

use super::{
    BatchAt, Boot, CORRUPT_FILES_MAX, Key, Segment, Spool, SpoolError, SpoolOptions, attempt,
    clocks::Clocks,
    loans::Loans,
    queue::Queue,
    sealing::{Seal, Sealing},
    segment::{HeaderError, Scan, Tail, scan},
    store::ACKNOWLEDGED_FILE,
    sync_dir,
};

pub(super) fn open(options: SpoolOptions, seal: Seal) -> Result<Spool, SpoolError> {
    let dir = options.dir.clone();
    create_folder(&dir)?;
    let lock = lock(&dir)?;
    let boots = boots_in(&dir)?;
    let latest_ms = boots.last().map_or(0, |boot| created_ms(*boot) + 1);
    let boot = BootId::at(options.wall_ms.max(latest_ms), options.random);
    let mut spool = Spool {
        boot,
        seal: Sealing::new(seal, boot)?,
        clocks: Clocks::load(&dir),
        options,
        next_seq: 1,
        queue: Queue::default(),
        retry_at: None,
        first: None,
        detail: None,
        waiting: BTreeMap::new(),
        segments: BTreeMap::new(),
        next_segment: 0,
        bytes: 0,
        boots: BTreeMap::new(),
        save_at: None,
        loans: Loans::new(),
        counts: super::SpoolCounts::default(),
        error: None,
        _lock: lock,
    };
    for boot in boots {
        spool.recover_boot(boot, &dir.join(boot.to_string()));
    }
    spool.delete_settled_segments();
    bound_corrupt_files(&dir);
    spool.recall();
    Ok(spool)
}

/// Durably: a folder that is gone after a power cut takes everything in it along.
fn create_folder(dir: &Path) -> Result<(), SpoolError> {
    if dir.is_dir() {
        return Ok(());
    }
    let above = dir.parent().filter(|above| !above.as_os_str().is_empty());
    if let Some(above) = above {
        create_folder(above)?;
    }
    match fs::create_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        made => attempt("create folder", dir, made)?,
    }
    sync_dir(above.unwrap_or(Path::new(".")))
}

fn lock(dir: &Path) -> Result<File, SpoolError> {
    let path = dir.join("lock");
    let opened = OpenOptions::new().create(true).append(true).open(&path);
    let file = attempt("open", &path, opened)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(SpoolError::InUse { path: dir.into() }),
        Err(TryLockError::Error(source)) => attempt("lock", &path, Err(source)),
    }
}

/// Whether a gateway has this folder now. Makes nothing and changes nothing.
pub fn is_in_use(dir: &Path) -> bool {
    let Ok(file) = File::open(dir.join("lock")) else {
        return false;
    };
    matches!(file.try_lock(), Err(TryLockError::WouldBlock))
}

/// The boots that have a folder, oldest first.
pub(super) fn boots_in(dir: &Path) -> Result<Vec<BootId>, SpoolError> {
    let names = attempt("list folder", dir, names_in(dir))?;
    let mut boots: Vec<BootId> = names.iter().filter_map(|n| n.parse().ok()).collect();
    boots.sort_unstable();
    Ok(boots)
}

/// A boot's segments, oldest first.
pub(super) fn segments_in(boot_dir: &Path) -> Result<Vec<PathBuf>, SpoolError> {
    let mut names = attempt("list folder", boot_dir, names_in(boot_dir))?;
    names.retain(|name| Path::new(name).extension().is_some_and(|e| e == "seg"));
    names.sort_unstable();
    Ok(names.iter().map(|name| boot_dir.join(name)).collect())
}

/// A boot's acknowledged numbers. Without the file all of it is sent again: no harm.
pub(super) fn acknowledged_in(boot_dir: &Path) -> Ranges {
    fs::read(boot_dir.join(ACKNOWLEDGED_FILE))
        .ok()
        .and_then(|json| serde_json::from_slice(&json).ok())
        .unwrap_or_default()
}

fn names_in(dir: &Path) -> io::Result<Vec<String>> {
    let entries = fs::read_dir(dir)?;
    let names = entries.map(|e| Ok(e?.file_name().into_string().unwrap_or_default()));
    names.collect()
}

/// The time in a UUIDv7 (RFC 9562, section 5.7).
fn created_ms(boot: BootId) -> u64 {
    u64::try_from(boot.0.as_u128() >> 80).unwrap_or(0)
}

impl Spool {
    /// A disk that fails here may be full or going bad: no reason to be deaf. What can be read is
    /// used, the rest stays where it is for the next start.
    fn recover_boot(&mut self, id: BootId, dir: &Path) {
        let boot = Boot {
            acknowledged: acknowledged_in(dir),
            unsaved: false,
        };
        self.boots.insert(id, boot);
        let paths = match segments_in(dir) {
            Ok(paths) => paths,
            Err(error) => return self.note(Err(error)),
        };
        for path in &paths {
            let recovered = attempt("read segment", path, fs::read(path))
                .and_then(|bytes| self.recover_segment(id, path, &bytes));
            self.note(recovered);
        }
        if paths.is_empty() {
            self.boots.remove(&id);
            let _ = fs::remove_file(dir.join(ACKNOWLEDGED_FILE));
            let _ = fs::remove_dir(dir);
        }
    }

    fn recover_segment(
        &mut self,
        boot: BootId,
        path: &Path,
        bytes: &[u8],
    ) -> Result<(), SpoolError> {
        let scan = match scan(bytes) {
            Ok(scan) if scan.header.boot == boot => scan,
            Err(HeaderError::Short) => {
                self.counts.torn_segments_total += 1;
                return attempt("delete torn segment", path, fs::remove_file(path));
            }
            Ok(_) | Err(_) => {
                self.counts.corrupt_segments_total += 1;
                let aside = path.with_extension("corrupt");
                return attempt("set aside", path, fs::rename(path, aside));
            }
        };
        let mended = self.mend(path, bytes, &scan);
        // What could not be set aside is still in the file: then the file stays.
        let closed = mended.is_ok();
        self.note(mended);
        if let Some(clock) = scan.header.clock {
            self.clocks.suggest(scan.header.machine_boot, clock);
        }
        let number = self.next_segment;
        self.next_segment += 1;
        self.bytes += scan.trusted_len;
        let segment = Segment {
            path: path.into(),
            boot,
            machine_boot: scan.header.machine_boot,
            stream: scan.header.stream,
            first_seq: scan.records.first().map_or(0, |r| r.seq),
            last_seq: scan.records.iter().map(|r| r.seq).max().unwrap_or(0),
            len: scan.trusted_len,
            envelope: scan.envelope.map(Arc::new),
            waiting: 0,
            closed,
        };
        self.segments.insert(number, segment);
        for record in scan.records {
            let key = Key {
                boot,
                seq: record.seq,
            };
            let acknowledged = self.boots.get(&boot).map(|b| &b.acknowledged);
            if acknowledged.is_some_and(|a| a.contains(key.seq)) {
                continue;
            }
            let at = BatchAt {
                segment: number,
                offset: record.offset,
                body_len: record.body_len,
                sightings: record.sightings,
            };
            self.wait_for(key, at);
        }
        Ok(())
    }

    /// Cuts off what was never whole, sets aside what once was.
    fn mend(&mut self, path: &Path, bytes: &[u8], scan: &Scan) -> Result<(), SpoolError> {
        match scan.tail {
            Tail::Whole => return Ok(()),
            Tail::Torn { .. } => self.counts.torn_segments_total += 1,
            Tail::Corrupt { .. } => {
                self.counts.corrupt_segments_total += 1;
                let rest = usize::try_from(scan.trusted_len)
                    .ok()
                    .and_then(|len| bytes.get(len..))
                    .unwrap_or_default();
                let aside = path.with_extension("corrupt");
                super::replace_file(&aside, rest, true)?;
            }
        }
        let cut = OpenOptions::new().write(true).open(path).and_then(|file| {
            file.set_len(scan.trusted_len)?;
            file.sync_all()
        });
        attempt("cut segment", path, cut)
    }
}

/// Keeps the latest; the bytes are for people, and nobody comes for the hundredth.
fn bound_corrupt_files(dir: &Path) {
    let mut files = Vec::new();
    for boot in boots_in(dir).unwrap_or_default() {
        let boot_dir = dir.join(boot.to_string());
        let mut names = names_in(&boot_dir).unwrap_or_default();
        names.retain(|name| Path::new(name).extension().is_some_and(|e| e == "corrupt"));
        names.sort_unstable();
        files.extend(names.iter().map(|name| boot_dir.join(name)));
    }
    let spare = files.len().saturating_sub(CORRUPT_FILES_MAX);
    for file in &files[..spare] {
        let _ = fs::remove_file(file);
    }
}
