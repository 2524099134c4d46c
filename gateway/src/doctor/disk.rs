//! The spool's folder, the disk that it lies on, and what waits in it.
//!
//! In: the settings of the spool. Out: [`Problem`]s.
//! Invariant: a probe of 4 KiB is the only thing written, and it is taken away again.

use std::{
    fs::{self, File},
    io::{self, ErrorKind, Write},
    path::{Path, PathBuf},
    time::Instant,
};

use rustix::fs::statvfs;

use super::{Machine, Problem, plain, user};
use crate::{config::SpoolConfig, spool::inspect};

const MB: u64 = 1_000_000;
/// With less the disk counts as full: a segment, and what the system itself needs.
const FREE_BYTES_MIN: u64 = 8 * MB;
/// An SD card that is well syncs 4 KiB in less than 100 ms.
const SYNC_MS_MAX: u64 = 1_000;
/// A spool that is fuller than this soon gives up the oldest.
const FILLING_PERCENT: u64 = 80;
const PROBE: &str = "doctor.tmp";

pub(super) fn examine(spool: &SpoolConfig, machine: &Machine) -> Vec<Problem> {
    let sync_ms = match probe(&spool.dir) {
        Ok(sync_ms) => sync_ms,
        Err(error) => return vec![unwritable(&spool.dir, &error, machine)],
    };
    let free_bytes = free_bytes(&spool.dir);
    if free_bytes < FREE_BYTES_MIN {
        return vec![full(&spool.dir)];
    }
    let mut problems = errors(&machine.root.join("sys/fs/ext4"));
    if sync_ms > SYNC_MS_MAX {
        problems.push(Problem::DiskSlow { sync_ms });
    }
    let (bytes, waiting, broken) = held(&spool.dir);
    let wanted_bytes = spool.bytes_max.saturating_sub(bytes);
    if free_bytes < wanted_bytes + FREE_BYTES_MIN {
        problems.push(Problem::DiskSmall {
            free_mb: free_bytes / MB,
            wanted_mb: wanted_bytes / MB,
        });
    }
    let percent = bytes * 100 / spool.bytes_max.max(1);
    if percent >= FILLING_PERCENT {
        problems.push(Problem::SpoolFilling { percent, waiting });
    }
    if broken > 0 {
        problems.push(Problem::SpoolBroken {
            parts: broken,
            command: format!("find {} -name '*.corrupt' | xargs ls -l", shown(&spool.dir)),
        });
    }
    if problems.is_empty() {
        problems.push(Problem::DiskGood {
            free_mb: free_bytes / MB,
            waiting,
        });
    }
    problems
}

/// Writes and syncs 4 KiB, and says how long that took. A folder that is not there yet is made
/// by the gateway; the one above it must let that happen.
fn probe(dir: &Path) -> io::Result<u64> {
    let there = existing(dir);
    let path = there.join(PROBE);
    let started = Instant::now();
    let mut file = File::options()
        .write(true)
        .create(true)
        .truncate(true)
        .open(&path)?;
    let written = file.write_all(&[0x5a; 4096]).and_then(|()| file.sync_all());
    let took_ms = started.elapsed().as_millis();
    let removed = fs::remove_file(&path);
    written.and(removed)?;
    Ok(u64::try_from(took_ms).unwrap_or(u64::MAX))
}

fn existing(dir: &Path) -> PathBuf {
    let there = dir.ancestors().find(|dir| dir.is_dir());
    there.unwrap_or(Path::new("/")).to_owned()
}

fn unwritable(dir: &Path, error: &io::Error, machine: &Machine) -> Problem {
    let dir = dir.to_owned();
    match error.kind() {
        ErrorKind::PermissionDenied => Problem::FolderClosed {
            command: format!("sudo chown -R welkom-gateway: {}", shown(&dir)),
            dir,
            user: user(machine),
        },
        ErrorKind::ReadOnlyFilesystem => Problem::DiskReadOnly { dir },
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => full(&dir),
        _ => Problem::DiskBroken {
            dir,
            why: plain(error),
        },
    }
}

fn full(dir: &Path) -> Problem {
    Problem::DiskFull {
        free_mb: free_bytes(dir) / MB,
        command: format!(
            "df -h {}; sudo journalctl --vacuum-size=50M; sudo apt clean",
            shown(dir)
        ),
        dir: dir.into(),
    }
}

fn free_bytes(dir: &Path) -> u64 {
    statvfs(existing(dir)).map_or(0, |disk| disk.f_bavail * disk.f_frsize)
}

/// Bytes, sightings that wait, and parts that were set aside or will be.
fn held(dir: &Path) -> (u64, u64, u64) {
    let Ok(report) = inspect::inspect(dir) else {
        return (0, 0, 0);
    };
    let sum = |of: fn(&inspect::BootReport) -> u64| report.boots.iter().map(of).sum::<u64>();
    let corrupt = fs::read_dir(dir).into_iter().flatten().flatten();
    let corrupt = corrupt.flat_map(|boot| fs::read_dir(boot.path()).into_iter().flatten());
    let corrupt = corrupt.flatten().filter(|file| {
        Path::new(&file.file_name())
            .extension()
            .is_some_and(|extension| extension == "corrupt")
    });
    let set_aside = u64::try_from(corrupt.count()).unwrap_or(u64::MAX);
    (
        sum(|boot| boot.bytes),
        sum(|boot| boot.waiting_sightings),
        set_aside + sum(|boot| boot.corrupt_segments),
    )
}

/// What ext4 has noted of disks that lost or spoilt something (Linux,
/// `Documentation/ABI/testing/sysfs-fs-ext4`, `errors_count`).
fn errors(dir: &Path) -> Vec<Problem> {
    let disks = fs::read_dir(dir).into_iter().flatten().flatten();
    let errors = disks.filter_map(|disk| {
        let text = fs::read_to_string(disk.path().join("errors_count")).ok()?;
        let errors = text.trim().parse().ok().filter(|errors| *errors > 0)?;
        let disk = disk.file_name().to_string_lossy().into_owned();
        Some(Problem::DiskErrors { disk, errors })
    });
    errors.collect()
}

/// As a shell reads it.
fn shown(dir: &Path) -> String {
    let text = dir.display().to_string();
    if text
        .chars()
        .all(|c| c.is_alphanumeric() || "/._-".contains(c))
    {
        return text;
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_that_the_file_system_counted_are_told_before_it_gives_up() {
        let dir = tempfile::tempdir().unwrap();
        for (disk, count) in [("mmcblk0p2", "3\n"), ("sda1", "0\n")] {
            fs::create_dir(dir.path().join(disk)).unwrap();
            fs::write(dir.path().join(disk).join("errors_count"), count).unwrap();
        }
        let told = Problem::DiskErrors {
            disk: "mmcblk0p2".into(),
            errors: 3,
        };
        assert_eq!(errors(dir.path()), [told]);
    }

    #[test]
    fn each_refusal_of_a_disk_has_its_own_advice() {
        let machine = Machine::default();
        let of = |kind: ErrorKind| unwritable(Path::new("/s"), &kind.into(), &machine).code();
        assert_eq!(of(ErrorKind::PermissionDenied), "folder_closed");
        assert_eq!(of(ErrorKind::ReadOnlyFilesystem), "disk_read_only");
        assert_eq!(of(ErrorKind::StorageFull), "disk_full");
        assert_eq!(of(ErrorKind::InvalidInput), "disk_broken");
    }

    #[test]
    fn a_probe_leaves_nothing_behind_and_makes_no_folder() {
        let dir = tempfile::tempdir().unwrap();
        probe(&dir.path().join("spool")).unwrap();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_folder_with_a_space_is_one_word_for_the_shell() {
        assert_eq!(shown(Path::new("/var/lib/a-b_c.d")), "/var/lib/a-b_c.d");
        assert_eq!(shown(Path::new("/a b'c")), r"'/a b'\''c'");
    }
}
