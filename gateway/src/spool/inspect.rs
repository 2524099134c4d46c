//! What a spool holds, for people and audits.
//!
//! In: a folder, also one that a gateway is using. Out: a [`Report`].
//! Invariant: changes nothing.

use std::{collections::BTreeMap, fs, path::Path};

use protocol::{BootId, Ranges, message::ClockAnchor};
use serde::Serialize;
use uuid::Uuid;

use super::{
    SpoolError, attempt,
    clocks::Clocks,
    open::{acknowledged_in, boots_in, segments_in},
    segment::{Tail, scan},
};

/// What a spool holds.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// Its boots, oldest first.
    pub boots: Vec<BootReport>,
}

/// What one run of the gateway left.
#[derive(Debug, Serialize)]
pub struct BootReport {
    /// The run.
    pub boot: BootId,
    /// The boot of the machine.
    pub machine_boot: Option<Uuid>,
    /// Segments that can be read.
    pub segments: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Numbers of the batches on disk.
    pub batches: Ranges,
    /// Numbers that the server has, as far as is written down.
    pub acknowledged: Ranges,
    /// Sightings in batches that are not acknowledged.
    pub waiting_sightings: u64,
    /// Bytes at the ends of segments that are no whole record; being written, or torn.
    pub torn_bytes: u64,
    /// Segments that a restart would set aside, in part or whole.
    pub corrupt_segments: u64,
}

/// Reads a spool's folder.
pub fn inspect(dir: &Path) -> Result<Report, SpoolError> {
    let boots = boots_in(dir)?.into_iter();
    let boots = boots.map(|boot| inspect_boot(boot, &dir.join(boot.to_string())));
    Ok(Report {
        boots: boots.collect::<Result<_, _>>()?,
    })
}

/// What ties this boot of the machine to the server's time, if anything does.
pub fn clock(dir: &Path, machine_boot: Uuid) -> Option<ClockAnchor> {
    Clocks::load(dir).get(machine_boot)
}

fn inspect_boot(boot: BootId, dir: &Path) -> Result<BootReport, SpoolError> {
    let mut report = BootReport {
        boot,
        machine_boot: None,
        segments: 0,
        bytes: 0,
        batches: Ranges::new(),
        acknowledged: acknowledged_in(dir),
        waiting_sightings: 0,
        torn_bytes: 0,
        corrupt_segments: 0,
    };
    let mut waiting: BTreeMap<u64, u32> = BTreeMap::new();
    for path in segments_in(dir)? {
        let Ok(scan) = scan(&attempt("read segment", &path, fs::read(&path))?) else {
            report.corrupt_segments += 1;
            continue;
        };
        report.machine_boot = Some(scan.header.machine_boot);
        report.segments += 1;
        report.bytes += scan.trusted_len;
        match scan.tail {
            Tail::Whole => {}
            Tail::Torn { bytes } => report.torn_bytes += bytes,
            Tail::Corrupt { .. } => report.corrupt_segments += 1,
        }
        for record in scan.records {
            report.batches.insert(record.seq);
            if !report.acknowledged.contains(record.seq) {
                waiting.insert(record.seq, record.sightings);
            }
        }
    }
    report.waiting_sightings = waiting.values().map(|&n| u64::from(n)).sum();
    Ok(report)
}
