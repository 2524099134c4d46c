//! What a disk would have kept: a folder rebuilt from a journal of writes and syncs.
//!
//! In: the journal that `journal.c` notes inside a process, and what lay in the
//! folder when that process began. Out: the folder without what was not synced.
//! Kept of a file: what was written before its last sync began. Kept of a name (made, renamed,
//! unlinked): what was so before the last sync of its folder began; POSIX promises no more, and
//! no more is given here. Or, with a seed, some of the unsynced writes are kept too and others
//! are not, since a disk may write back in any order.
//! Invariant: what the journal does not show to be synced is never needed for the kept state.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
    hash::{DefaultHasher, Hash, Hasher},
    os::unix::ffi::OsStringExt,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Context;

mod cuts;
pub use cuts::{Replay, State, Step};

const HEAD: usize = 32;

/// What becomes of writes that were not synced.
#[derive(Debug, Clone, Copy)]
pub enum Unsynced {
    /// All are gone.
    Gone,
    /// About half of them, chosen by this seed, reached the disk nevertheless.
    HalfKept(u64),
}

/// A process's journal.
pub struct Journal {
    library: PathBuf,
    file: PathBuf,
    under: PathBuf,
    sync_ms: String,
    sync_fails: String,
}

impl Journal {
    /// Builds the library, for whatever lies below `under`. Each sync will take `sync_ms`.
    pub fn new(dir: &Path, name: &str, under: &Path, sync_ms: u64) -> anyhow::Result<Self> {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("journal.c");
        let library = dir.join("journal.so");
        let built = Command::new("cc")
            .args([
                "-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", "-o",
            ])
            .args([&library, &source])
            .args(["-ldl", "-lpthread"])
            .output()
            .context("run cc")?;
        anyhow::ensure!(
            built.status.success(),
            "{}",
            String::from_utf8_lossy(&built.stderr)
        );
        Ok(Self {
            library,
            file: dir.join(name),
            under: under.to_owned(),
            sync_ms: sync_ms.to_string(),
            sync_fails: String::new(),
        })
    }

    /// Every sync of this number fails: a disk that goes bad.
    #[must_use]
    pub fn with_failing_syncs(self, every: u64) -> Self {
        Self {
            sync_fails: every.to_string(),
            ..self
        }
    }

    /// What makes a process note its writes.
    pub fn env(&self) -> [(&str, &std::ffi::OsStr); 5] {
        [
            ("LD_PRELOAD", self.library.as_os_str()),
            ("WELKOM_JOURNAL", self.file.as_os_str()),
            ("WELKOM_JOURNAL_UNDER", self.under.as_os_str()),
            ("WELKOM_JOURNAL_SYNC_MS", self.sync_ms.as_ref()),
            ("WELKOM_JOURNAL_SYNC_FAILS", self.sync_fails.as_ref()),
        ]
    }

    /// Replaces the folder by what a disk would have kept. `before` is a copy of the folder from
    /// before the process began; all of it counts as durable.
    pub fn lose(&self, before: Option<&Path>, unsynced: Unsynced) -> anyhow::Result<Loss> {
        let journal = std::fs::read(&self.file).context("read the journal")?;
        let mut disk = Disk::before(before, &self.under)?;
        let mut rest = journal.as_slice();
        while !rest.is_empty() {
            let (record, next) = Record::split(rest).context("the journal ends early")?;
            disk.apply(&record)?;
            rest = next;
        }
        disk.write(&self.under, unsynced)
    }
}

/// How much a loss took.
#[derive(Debug, Clone, Copy, Default)]
pub struct Loss {
    /// Writes that were not synced.
    pub writes: usize,
    /// Syncs that had succeeded.
    pub syncs: usize,
}

/// Copies a folder with all that is in it.
pub fn copy_folder(from: &Path, to: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

struct Record<'a> {
    operation: u8,
    file: u64,
    offset: usize,
    bytes: &'a [u8],
}

impl<'a> Record<'a> {
    fn split(journal: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (head, rest) = journal.split_first_chunk::<HEAD>()?;
        let number = |at: usize| {
            head.get(at..at + 8)?
                .first_chunk()
                .copied()
                .map(u64::from_ne_bytes)
        };
        let (bytes, rest) = rest.split_at_checked(usize::try_from(number(24)?).ok()?)?;
        let record = Self {
            operation: head[0],
            file: number(8)?,
            offset: usize::try_from(number(16)?).ok()?,
            bytes,
        };
        Some((record, rest))
    }

    fn path(&self) -> PathBuf {
        OsString::from_vec(self.bytes.to_vec()).into()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Name {
    File(usize),
    Folder,
}

enum Change {
    Write(usize, Vec<u8>),
    Truncate(usize),
}

impl Change {
    fn apply(&self, content: &mut Vec<u8>) {
        match self {
            Self::Truncate(len) => content.resize(*len, 0),
            Self::Write(at, bytes) => {
                let end = at + bytes.len();
                content.resize(content.len().max(end), 0);
                content[*at..end].copy_from_slice(bytes);
            }
        }
    }
}

/// The content of one file, under whatever name.
#[derive(Default)]
struct Content {
    durable: Vec<u8>,
    unsynced: Vec<Change>,
    /// How many of them stood there when the sync began that has not ended.
    syncing: usize,
}

#[derive(Default)]
struct Disk {
    contents: Vec<Content>,
    names: BTreeMap<PathBuf, Name>,
    durable_names: BTreeMap<PathBuf, Name>,
    open: BTreeMap<u64, (PathBuf, Name)>,
    /// Names in a folder as they were when its sync began.
    folder_syncing: BTreeMap<u64, BTreeMap<PathBuf, Name>>,
    syncs: usize,
    /// Changes of names since their folder was synced, in order.
    renamed: Vec<Renamed>,
    /// How many of them stood there when a folder's sync began.
    renamed_syncing: BTreeMap<u64, usize>,
}

/// A change of a folder's list: what is gone, what stands there.
#[derive(Debug, Clone)]
struct Renamed {
    gone: Option<PathBuf>,
    there: Option<(PathBuf, Name)>,
}

impl Renamed {
    fn is_in(&self, folder: &Path) -> bool {
        let paths = [self.gone.as_ref(), self.there.as_ref().map(|(p, _)| p)];
        paths
            .into_iter()
            .flatten()
            .any(|p| p.parent() == Some(folder))
    }

    fn apply(&self, names: &mut BTreeMap<PathBuf, Name>) {
        if let Some(gone) = &self.gone {
            names.remove(gone);
        }
        if let Some((path, name)) = &self.there {
            names.insert(path.clone(), *name);
        }
    }
}

impl Disk {
    fn before(before: Option<&Path>, under: &Path) -> anyhow::Result<Self> {
        let mut disk = Self::default();
        if let Some(before) = before {
            disk.take(before, under)?;
        }
        disk.durable_names.insert(under.to_owned(), Name::Folder);
        disk.names = disk.durable_names.clone();
        Ok(disk)
    }

    fn rename(&mut self, gone: Option<PathBuf>, there: Option<(PathBuf, Name)>) {
        let change = Renamed { gone, there };
        change.apply(&mut self.names);
        self.renamed.push(change);
    }

    fn take(&mut self, from: &Path, as_if: &Path) -> anyhow::Result<()> {
        for entry in std::fs::read_dir(from)? {
            let entry = entry?;
            let path = as_if.join(entry.file_name());
            if entry.file_type()?.is_dir() {
                self.durable_names.insert(path.clone(), Name::Folder);
                self.take(&entry.path(), &path)?;
            } else {
                let durable = std::fs::read(entry.path())?;
                let file = self.content(durable);
                self.durable_names.insert(path, file);
            }
        }
        Ok(())
    }

    fn content(&mut self, durable: Vec<u8>) -> Name {
        self.contents.push(Content {
            durable,
            ..Content::default()
        });
        Name::File(self.contents.len() - 1)
    }

    fn apply(&mut self, record: &Record<'_>) -> anyhow::Result<()> {
        match record.operation {
            b'O' => self.opened(record),
            b'W' => self.change(
                record.file,
                Change::Write(record.offset, record.bytes.to_vec()),
            ),
            b'T' => self.change(record.file, Change::Truncate(record.offset)),
            b'S' => self.sync_begins(record.file),
            b'E' => self.sync_ended(record.file),
            b'U' | b'D' => self.rename(Some(record.path()), None),
            b'M' => self.rename(None, Some((record.path(), Name::Folder))),
            b'R' => {
                let zero = record.bytes.iter().position(|b| *b == 0);
                let (from, to) = record.bytes.split_at(zero.context("a rename of one path")?);
                let path = |bytes: &[u8]| PathBuf::from(OsString::from_vec(bytes.to_vec()));
                if let Some(name) = self.names.get(&path(from)).copied() {
                    self.rename(Some(path(from)), Some((path(&to[1..]), name)));
                }
            }
            other => anyhow::bail!("operation {other} in the journal"),
        }
        Ok(())
    }

    fn opened(&mut self, record: &Record<'_>) {
        let path = record.path();
        let name = match self.names.get(&path).copied() {
            Some(name) => name,
            None => {
                let file = self.content(Vec::new());
                self.rename(None, Some((path.clone(), file)));
                file
            }
        };
        self.open.insert(record.file, (path, name));
        if record.offset == 1 {
            self.change(record.file, Change::Truncate(0));
        }
    }

    fn change(&mut self, open: u64, change: Change) {
        if let Some((_, Name::File(file))) = self.open.get(&open) {
            self.contents[*file].unsynced.push(change);
        }
    }

    fn sync_begins(&mut self, open: u64) {
        match self.open.get(&open) {
            Some((_, Name::File(file))) => {
                let content = &mut self.contents[*file];
                content.syncing = content.unsynced.len();
            }
            Some((folder, Name::Folder)) => {
                let inside = self
                    .names
                    .iter()
                    .filter(|(p, _)| p.parent() == Some(folder));
                let inside = inside.map(|(p, n)| (p.clone(), *n)).collect();
                self.folder_syncing.insert(open, inside);
                self.renamed_syncing.insert(open, self.renamed.len());
            }
            None => {}
        }
    }

    fn sync_ended(&mut self, open: u64) {
        self.syncs += 1;
        match self.open.get(&open) {
            Some((_, Name::File(file))) => {
                let content = &mut self.contents[*file];
                let synced = std::mem::take(&mut content.syncing).min(content.unsynced.len());
                for change in content.unsynced.drain(..synced) {
                    change.apply(&mut content.durable);
                }
            }
            Some((folder, Name::Folder)) => {
                let inside = self.folder_syncing.remove(&open).unwrap_or_default();
                self.durable_names.retain(|p, _| p.parent() != Some(folder));
                self.durable_names.extend(inside);
                let mut synced = self.renamed_syncing.remove(&open).unwrap_or_default();
                self.renamed.retain(|change| {
                    let counts = synced > 0;
                    synced = synced.saturating_sub(1);
                    !(counts && change.is_in(folder))
                });
            }
            None => {}
        }
    }

    /// Replaces the folder.
    fn write(mut self, under: &Path, unsynced: Unsynced) -> anyhow::Result<Loss> {
        let loss = Loss {
            writes: self.contents.iter().map(|c| c.unsynced.len()).sum(),
            syncs: self.syncs,
        };
        if let Unsynced::HalfKept(seed) = unsynced {
            for (number, content) in self.contents.iter_mut().enumerate() {
                for (place, change) in content.unsynced.drain(..).enumerate() {
                    if coin(seed, number as u64, place as u64) {
                        change.apply(&mut content.durable);
                    }
                }
            }
        }
        std::fs::remove_dir_all(under)?;
        std::fs::create_dir_all(under)?;
        let mut folders = BTreeSet::from([under.to_owned()]);
        // In the order of paths, so that a folder comes before what is in it. A folder that was
        // lost takes everything in it along.
        for (path, name) in &self.durable_names {
            let there = path.parent().is_some_and(|p| folders.contains(p));
            if !there {
                continue;
            }
            match name {
                Name::Folder => {
                    std::fs::create_dir_all(path)?;
                    folders.insert(path.clone());
                }
                // SQLite's shared memory is no file of the disk: it is made anew.
                Name::File(_) if path.to_string_lossy().ends_with("-shm") => {}
                Name::File(file) => std::fs::write(path, &self.contents[*file].durable)?,
            }
        }
        Ok(loss)
    }
}

/// A number that depends on nothing but these.
fn random(seed: u64, file: u64, place: u64) -> u64 {
    let mut hasher = DefaultHasher::new();
    (seed, file, place).hash(&mut hasher);
    hasher.finish()
}

fn coin(seed: u64, file: u64, place: u64) -> bool {
    random(seed, file, place) & 1 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A journal in the making; names files by their open number.
    #[derive(Default)]
    struct Notes(Vec<u8>);

    impl Notes {
        fn note(mut self, operation: u8, file: u64, offset: u64, bytes: &[u8]) -> Self {
            self.0.extend([operation, 0, 0, 0, 0, 0, 0, 0]);
            for number in [file, offset, bytes.len() as u64] {
                self.0.extend(number.to_ne_bytes());
            }
            self.0.extend(bytes);
            self
        }
        fn open(self, file: u64, path: &Path) -> Self {
            self.note(b'O', file, 0, path.as_os_str().as_encoded_bytes())
        }
        fn write(self, file: u64, offset: u64, bytes: &[u8]) -> Self {
            self.note(b'W', file, offset, bytes)
        }
        fn sync(self, file: u64) -> Self {
            self.note(b'S', file, 0, b"").note(b'E', file, 0, b"")
        }
    }

    /// What is left of the folder: names and contents.
    fn left(notes: impl FnOnce(&Path, Notes) -> Notes) -> Vec<(String, String)> {
        let dir = tempfile::tempdir().unwrap();
        let under = dir.path().join("under");
        std::fs::create_dir(&under).unwrap();
        let journal = Journal {
            library: PathBuf::new(),
            file: dir.path().join("journal"),
            under: under.clone(),
            sync_ms: String::new(),
            sync_fails: String::new(),
        };
        let Notes(bytes) = notes(&under, Notes::default());
        std::fs::write(&journal.file, bytes).unwrap();
        journal.lose(None, Unsynced::Gone).unwrap();
        let mut files: Vec<_> = std::fs::read_dir(&under)
            .unwrap()
            .map(|entry| {
                let entry = entry.unwrap();
                let content = std::fs::read_to_string(entry.path()).unwrap();
                (entry.file_name().into_string().unwrap(), content)
            })
            .collect();
        files.sort();
        files
    }

    fn file(name: &str, content: &str) -> (String, String) {
        (name.to_owned(), content.to_owned())
    }

    #[test]
    fn what_was_written_before_the_sync_began_is_kept_and_no_more() {
        let left = left(|under, notes| {
            notes
                .open(1, &under.join("a"))
                .write(1, 0, b"one")
                .note(b'S', 1, 0, b"")
                .write(1, 3, b"two")
                .note(b'E', 1, 0, b"")
                .open(2, under)
                .sync(2)
        });
        assert_eq!(left, [file("a", "one")]);
    }

    #[test]
    fn a_sync_that_did_not_end_keeps_nothing() {
        let left = left(|under, notes| {
            notes
                .open(1, &under.join("a"))
                .open(2, under)
                .sync(2)
                .write(1, 0, b"one")
                .note(b'S', 1, 0, b"")
        });
        assert_eq!(left, [file("a", "")]);
    }

    #[test]
    fn a_name_is_kept_by_the_sync_of_its_folder_only() {
        let left = left(|under, notes| {
            let (a, b) = (under.join("a"), under.join("b"));
            let both = format!("{}\0{}", a.display(), b.display());
            notes
                .open(1, &a)
                .write(1, 0, b"one")
                .sync(1)
                .open(2, under)
                .sync(2)
                .note(b'R', 0, 0, both.as_bytes())
                .open(3, &under.join("c"))
                .write(3, 0, b"lost with its name")
                .sync(3)
        });
        assert_eq!(left, [file("a", "one")]);
    }
}
