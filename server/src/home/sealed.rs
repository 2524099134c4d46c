//! The sealed copy: the database of a machine in a store lives in memory, and what is on its disk
//! can be read with a key alone.
//!
//! In: the database's files after each commit. Out: one file, an image and what the write-ahead log
//! added since; and the database again, after a restart.
//! The log of SQLite is made for this: frames that are appended, a commit the last of them, each with
//! a checksum over all before it (`sqlite.org/fileformat2.html`, section 4). So a copy is the
//! database file and the log's frames up to a commit, and whoever opens both gets the state of that
//! commit.
//! Promises: what was sealed comes back whole; a record that was cut by a power failure is left out,
//! and with it what nobody was told of yet.
//! Invariant: nothing of the database reaches the disk in clear; a nonce is used once with a key,
//! since every file has a key of its own and counts its records.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use ring::{
    aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey},
    hkdf,
};
use rusqlite::Connection;

use crate::{
    secret::{self, NoRandomness},
    store::{self, StoreError},
};

/// The first bytes of the file: what it is, and which version.
const MAGIC: &[u8; 8] = b"WELKOMS1";
/// Makes each file's key another one.
const SALT_LEN: usize = 16;
/// Clear bytes of one record at most.
const RECORD_LEN_MAX: usize = 1 << 20;
/// A log longer than this is folded into the database, and a new image made.
const LOG_LEN_MAX: u64 = 8 << 20;
/// Of the log: its header, and that of each frame (section 4.1).
const LOG_HEADER_LEN: u64 = 32;
const FRAME_HEADER_LEN: u64 = 24;

/// What a record holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Kind {
    /// A piece of the database file.
    Database = 1,
    /// A piece of its log.
    Log = 2,
}

/// Why a copy cannot be kept or read.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// A file.
    #[error("{what} {path}")]
    File {
        /// What was tried.
        what: &'static str,
        /// With which file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// Not 64 hexadecimal digits.
    #[error("{0}: the key is not 64 hexadecimal digits")]
    Key(PathBuf),
    /// Another program's file, or another version's.
    #[error("{0} is not a sealed copy of this version: move it away to begin anew")]
    NotOurs(PathBuf),
    /// The first record does not open.
    #[error(
        "{0} was sealed with another key: give that key back, or move the file away to begin anew"
    )]
    WrongKey(PathBuf),
    /// The cipher refused.
    #[error("the cipher refused a record")]
    Cipher,
    /// The log could not be folded in.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No randomness for a salt or a key.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
}

fn file_error(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> SealError {
    let path = path.to_owned();
    move |source| SealError::File { what, path, source }
}

/// The key that everything else follows from.
#[derive(Clone)]
pub struct MasterKey([u8; 32]);

impl MasterKey {
    /// Reads it, or makes one, readable for this user alone.
    pub fn load(path: &Path) -> Result<Self, SealError> {
        match fs::read_to_string(path) {
            Ok(text) => hex::decode(text.trim())
                .ok()
                .and_then(|bytes| bytes.try_into().ok())
                .map(Self)
                .ok_or_else(|| SealError::Key(path.into())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Self::make(path),
            Err(error) => Err(file_error("read", path)(error)),
        }
    }

    fn make(path: &Path) -> Result<Self, SealError> {
        let key = secret::random::<32>()?;
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
            .map_err(file_error("make", path))?;
        file.write_all(hex::encode(key).as_bytes())
            .and_then(|()| file.sync_all())
            .map_err(file_error("write", path))?;
        Ok(Self(key))
    }

    /// HKDF with SHA-256 (RFC 5869).
    fn of_file(&self, salt: &[u8]) -> Result<LessSafeKey, SealError> {
        let extracted = hkdf::Salt::new(hkdf::HKDF_SHA256, salt).extract(&self.0);
        let expanded = extracted
            .expand(&[MAGIC], &CHACHA20_POLY1305)
            .map_err(|_| SealError::Cipher)?;
        Ok(LessSafeKey::new(UnboundKey::from(expanded)))
    }
}

/// Keeps the copy of one database.
pub struct Sealer {
    key: MasterKey,
    database: PathBuf,
    path: PathBuf,
    open: Option<Open>,
}

/// The file as it is written now.
struct Open {
    file: File,
    key: LessSafeKey,
    records: u64,
    /// How far the log is in it.
    log_len: u64,
}

impl Sealer {
    /// The copy at `path` of the database at `database`.
    pub fn new(key: MasterKey, database: &Path, path: &Path) -> Self {
        Self {
            key,
            database: database.into(),
            path: path.into(),
            open: None,
        }
    }

    /// Brings the database back, if there is a copy and no database. True: it came from the copy.
    pub fn restore(&self) -> Result<bool, SealError> {
        if self.database.exists() {
            return Ok(false);
        }
        let mut sealed = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(file_error("read", &self.path)(error)),
        };
        let mut head = [0; MAGIC.len() + SALT_LEN];
        let ours = sealed.read_exact(&mut head).is_ok() && head.starts_with(MAGIC);
        if !ours {
            return Err(SealError::NotOurs(self.path.clone()));
        }
        let key = self.key.of_file(&head[MAGIC.len()..])?;
        let (mut database, mut log) = (Vec::new(), Vec::new());
        let mut records = 0;
        while let Some((kind, clear)) = read_record(&mut sealed, &key, records) {
            match kind {
                Kind::Database => database.extend(clear),
                Kind::Log => log.extend(clear),
            }
            records += 1;
        }
        if records == 0 {
            return Err(SealError::WrongKey(self.path.clone()));
        }
        // The log first: a database without it would be an older state.
        for (path, bytes) in [(self.log_path(), log), (self.database.clone(), database)] {
            fs::write(&path, bytes).map_err(file_error("write", &path))?;
        }
        Ok(true)
    }

    /// The writer's connection, before its first commit: it alone decides when the log is folded in.
    pub fn prepare(&self, db: &Connection) -> Result<(), StoreError> {
        Ok(db.pragma_update(None, "wal_autocheckpoint", 0)?)
    }

    /// Takes in what was committed since.
    pub fn seal(&mut self, db: &Connection) -> Result<(), SealError> {
        let len = self.committed_len()?;
        match &self.open {
            Some(open) if open.log_len == len => return Ok(()),
            Some(open) if open.log_len < len && len < LOG_LEN_MAX => return self.append(len),
            _ => {}
        }
        // While somebody reads, the log stays as it is, and goes into the image.
        store::wipe_log(db)?;
        self.image()
    }

    /// A new file: the database as it is, and the log's frames.
    fn image(&mut self) -> Result<(), SealError> {
        self.open = None;
        let part = self.path.with_extension("part");
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&part)
            .map_err(file_error("make", &part))?;
        let salt = secret::random::<SALT_LEN>()?;
        file.write_all(MAGIC)
            .and_then(|()| file.write_all(&salt))
            .map_err(file_error("write", &part))?;
        let mut open = Open {
            file,
            key: self.key.of_file(&salt)?,
            records: 0,
            log_len: 0,
        };
        let database = fs::read(&self.database).map_err(file_error("read", &self.database))?;
        open.add(Kind::Database, &database, &part)?;
        let len = self.committed_len()?;
        open.add(Kind::Log, &self.log(0, len)?, &part)?;
        open.log_len = len;
        open.file.sync_all().map_err(file_error("sync", &part))?;
        fs::rename(&part, &self.path).map_err(file_error("replace", &self.path))?;
        let dir = self.path.parent().unwrap_or(Path::new("."));
        File::open(dir)
            .and_then(|dir| dir.sync_all())
            .map_err(file_error("sync", dir))?;
        self.open = Some(open);
        Ok(())
    }

    fn append(&mut self, len: u64) -> Result<(), SealError> {
        let Some(from) = self.open.as_ref().map(|open| open.log_len) else {
            return Ok(());
        };
        let added = self.log(from, len)?;
        let path = self.path.clone();
        let Some(open) = self.open.as_mut() else {
            return Ok(());
        };
        let done = open
            .add(Kind::Log, &added, &path)
            .and_then(|()| open.file.sync_data().map_err(file_error("sync", &path)));
        match done {
            Ok(()) => open.log_len = len,
            // Half a record would hide what comes after it: the next try begins a new file.
            Err(_) => self.open = None,
        }
        done
    }

    fn log_path(&self) -> PathBuf {
        let mut path = self.database.clone().into_os_string();
        path.push("-wal");
        path.into()
    }

    fn log(&self, from: u64, to: u64) -> Result<Vec<u8>, SealError> {
        if to <= from {
            return Ok(Vec::new());
        }
        let path = self.log_path();
        let read = || -> io::Result<Vec<u8>> {
            let mut file = File::open(&path)?;
            file.seek(SeekFrom::Start(from))?;
            let mut bytes = Vec::new();
            file.take(to - from).read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        read().map_err(file_error("read", &path))
    }

    /// The log up to its last commit: a transaction that was rolled back may have left frames behind.
    fn committed_len(&self) -> Result<u64, SealError> {
        let path = self.log_path();
        let mut file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
            Err(error) => return Err(file_error("read", &path)(error)),
        };
        let from = self.open.as_ref().map_or(0, |open| open.log_len);
        last_commit(&mut file, from).map_err(file_error("read", &path))
    }
}

impl Open {
    fn add(&mut self, kind: Kind, clear: &[u8], path: &Path) -> Result<(), SealError> {
        for piece in clear.chunks(RECORD_LEN_MAX) {
            let mut sealed = piece.to_vec();
            self.key
                .seal_in_place_append_tag(nonce(self.records), aad(kind), &mut sealed)
                .map_err(|_| SealError::Cipher)?;
            let len = u32::try_from(sealed.len()).map_err(|_| SealError::Cipher)?;
            let mut record = Vec::with_capacity(sealed.len() + 5);
            record.push(kind as u8);
            record.extend(len.to_le_bytes());
            record.extend(sealed);
            self.file
                .write_all(&record)
                .map_err(file_error("write", path))?;
            self.records += 1;
        }
        Ok(())
    }
}

/// None: the end, or what does not open, which is the end as well.
fn read_record(file: &mut File, key: &LessSafeKey, n: u64) -> Option<(Kind, Vec<u8>)> {
    let mut head = [0; 5];
    file.read_exact(&mut head).ok()?;
    let [kind, len @ ..] = head;
    let kind = match kind {
        1 => Kind::Database,
        2 => Kind::Log,
        _ => return None,
    };
    let len = u32::from_le_bytes(len) as usize;
    if len > RECORD_LEN_MAX + CHACHA20_POLY1305.tag_len() {
        return None;
    }
    let mut sealed = vec![0; len];
    file.read_exact(&mut sealed).ok()?;
    let clear_len = key
        .open_in_place(nonce(n), aad(kind), &mut sealed)
        .ok()?
        .len();
    sealed.truncate(clear_len);
    Some((kind, sealed))
}

/// The record's number: records cannot be left out or change places.
fn nonce(n: u64) -> Nonce {
    let mut nonce = [0; 12];
    nonce[4..].copy_from_slice(&n.to_be_bytes());
    Nonce::assume_unique_for_key(nonce)
}

fn aad(kind: Kind) -> Aad<[u8; 1]> {
    Aad::from([kind as u8])
}

/// Where the last commit of a log ends, looking from a place where one ended.
fn last_commit(file: &mut File, from: u64) -> io::Result<u64> {
    let len = file.seek(SeekFrom::End(0))?;
    if len < LOG_HEADER_LEN {
        return Ok(0);
    }
    let mut header = [0; LOG_HEADER_LEN as usize];
    file.rewind()?;
    file.read_exact(&mut header)?;
    let word = |bytes: &[u8], at: usize| {
        u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
    };
    let frame_len = FRAME_HEADER_LEN + u64::from(word(&header, 8));
    let salts = &header[16..24];
    let (mut at, mut end) = match from.max(LOG_HEADER_LEN) {
        from if from <= len => (from, if from > LOG_HEADER_LEN { from } else { 0 }),
        // It was folded in and begins anew.
        _ => (LOG_HEADER_LEN, 0),
    };
    while at + frame_len <= len {
        let mut frame = [0; FRAME_HEADER_LEN as usize];
        file.seek(SeekFrom::Start(at))?;
        file.read_exact(&mut frame)?;
        if frame[8..16] != *salts {
            break;
        }
        at += frame_len;
        if word(&frame, 4) > 0 {
            end = at;
        }
    }
    Ok(end)
}

/// Whether a folder is in memory, so that nothing in it survives a loss of power.
pub fn is_in_memory(dir: &Path) -> io::Result<bool> {
    /// `TMPFS_MAGIC` and `RAMFS_MAGIC` of Linux' `magic.h`.
    const IN_MEMORY: [u64; 2] = [0x0102_1994, 0x8584_58f6];
    let fs = rustix::fs::statfs(dir)?;
    #[expect(clippy::cast_sign_loss, reason = "a magic number, of bits")]
    let kind = fs.f_type as u64;
    Ok(IN_MEMORY.contains(&kind))
}

#[cfg(test)]
mod tests;
