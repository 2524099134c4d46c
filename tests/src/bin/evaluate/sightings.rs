//! Sightings and positions of recorded people.
//!
//! In: a file of either ([`super::table`]), its rows in any order. Out: rows in the order of time.
//! Invariant: the same rows in another order are the same recording.

use std::path::Path;

use crate::table::{self, Table};

/// What one radio heard of another.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Row {
    pub(crate) ts_ms: u64,
    pub(crate) receiver: String,
    pub(crate) transmitter: String,
    pub(crate) rssi_dbm: f32,
    /// How far apart they were, where a camera saw both.
    pub(crate) distance_m: Option<f32>,
}

/// Where a person was.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Seen {
    pub(crate) ts_ms: u64,
    pub(crate) person: String,
    pub(crate) x_m: f32,
    pub(crate) y_m: f32,
}

/// ts_ms, receiver_id, transmitter_id, rssi_dbm, and gt_distance_m if it is there.
pub(crate) fn read(path: &Path) -> anyhow::Result<Vec<Row>> {
    let table = Table::open(path)?;
    let [ts, receiver, transmitter, rssi] =
        table.columns(["ts_ms", "receiver_id", "transmitter_id", "rssi_dbm"])?;
    let distance = table.column("gt_distance_m").ok();
    let mut rows = table.rows(|line| {
        Ok(Row {
            ts_ms: line.time(ts)?,
            receiver: line.word(receiver)?,
            transmitter: line.word(transmitter)?,
            rssi_dbm: line.strength(rssi)?,
            distance_m: match &distance {
                Some(at) if !line.text(*at)?.is_empty() => Some(line.number(*at)?),
                _ => None,
            },
        })
    })?;
    // The same rows in another order are the same scene.
    rows.sort_by(|a, b| {
        let who = (&a.receiver, &a.transmitter).cmp(&(&b.receiver, &b.transmitter));
        let strength = a.rssi_dbm.total_cmp(&b.rssi_dbm);
        a.ts_ms.cmp(&b.ts_ms).then(who).then(strength)
    });
    Ok(rows)
}

/// ts_ms, person_id, x_m, y_m.
pub(crate) fn read_truth(path: &Path) -> anyhow::Result<Vec<Seen>> {
    let columns = ["ts_ms", "person_id", "x_m", "y_m"];
    let mut rows = table::read(path, columns, |line, [ts, person, x, y]| {
        Ok(Seen {
            ts_ms: line.time(ts)?,
            person: line.word(person)?,
            x_m: line.number(x)?,
            y_m: line.number(y)?,
        })
    })?;
    rows.sort_by_key(|row| row.ts_ms);
    Ok(rows)
}
