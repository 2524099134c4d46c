//! A code on the card's boot partition, which any laptop can write.
//!
//! In: `welkom-enrol.txt`: the server's address and the code on two lines, and the certificate's
//! SHA-256 on a third if there is one; or the QR code's text. Out: a ticket.
//! Promises: a file that was used is overwritten, synced and removed; one that was not stays, and
//! `welkom-enrol-error.txt` beside it says why.
//! Invariant: the error's file holds no code.

use std::{
    fs, io,
    io::Write,
    path::{Path, PathBuf},
};

use protocol::enrol::Ticket;

use super::{Refusal, typed};

/// What is looked for.
pub const FILE_NAME: &str = "welkom-enrol.txt";
/// Where it is said why it came to nothing.
pub const ERROR_NAME: &str = "welkom-enrol-error.txt";
/// Where a Raspberry Pi has its boot partition: since Debian 12, and before.
pub const BOOT_DIRS: [&str; 2] = ["/boot/firmware", "/boot"];
/// An address and a code are 200 characters.
const LEN_MAX: u64 = 8 * 1024;

/// A file that was found.
pub(super) struct BootFile {
    path: PathBuf,
    text: String,
}

/// The first of these folders that has one.
pub(super) fn find(dirs: &[PathBuf]) -> Result<Option<BootFile>, Refusal> {
    let mut paths = dirs.iter().map(|dir| dir.join(FILE_NAME));
    let Some(path) = paths.find(|path| path.exists()) else {
        return Ok(None);
    };
    let read = || {
        let len = fs::metadata(&path)?.len();
        if len > LEN_MAX {
            return Err(io::Error::other(format!(
                "{len} bytes are no address and code"
            )));
        }
        fs::read(&path)
    };
    let bytes = read().map_err(Refusal::file("read", &path))?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    Ok(Some(BootFile { path, text }))
}

impl BootFile {
    /// What it says.
    pub(super) fn ticket(&self) -> Result<Ticket, Refusal> {
        // Some editors begin a text with a mark of its encoding.
        let lines = self.text.trim_start_matches('\u{feff}').lines();
        let lines: Vec<&str> = lines.map(str::trim).filter(|l| !l.is_empty()).collect();
        match lines[..] {
            [text] => typed(text, None),
            [server, code] => typed(server, Some(code)),
            [server, code, sha256] => {
                let sha256 = sha256
                    .trim_start_matches("sha256")
                    .trim_start_matches([':', '=']);
                let sha256 =
                    sha256
                        .parse()
                        .map_err(|e: protocol::enrol::TicketError| Refusal::Typed {
                            what: e.to_string(),
                        })?;
                Ok(Ticket {
                    sha256: Some(sha256),
                    ..typed(server, Some(code))?
                })
            }
            _ => Err(Refusal::Typed {
                what: format!("{FILE_NAME} has {} lines, not two", lines.len()),
            }),
        }
    }

    /// It did its work. A card may keep the old block all the same; the code is used up.
    pub(super) fn wipe(&self) -> Result<(), Refusal> {
        let wipe = || {
            let mut file = fs::OpenOptions::new().write(true).open(&self.path)?;
            file.write_all(&vec![b' '; self.text.len()])?;
            file.sync_all()?;
            fs::remove_file(&self.path)?;
            let error = self.path.with_file_name(ERROR_NAME);
            if error.exists() {
                fs::remove_file(error)?;
            }
            let dir = self.path.parent().unwrap_or(Path::new("."));
            fs::File::open(dir)?.sync_all()
        };
        wipe().map_err(Refusal::file("wipe", &self.path))
    }

    /// It did not.
    pub(super) fn tell(&self, refusal: &Refusal) -> Result<(), Refusal> {
        let path = self.path.with_file_name(ERROR_NAME);
        // As every laptop shows it.
        let text = format!("{refusal}\r\n{}\r\n", refusal.todo());
        let tell = || {
            let mut file = fs::File::create(&path)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()
        };
        tell().map_err(Refusal::file("write", &path))
    }
}
