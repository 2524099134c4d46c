//! Sightings and positions as CSV.
//!
//! In: a file with a header line; columns are found by name, others are ignored, rows may come in
//! any order. Out: rows in the order of time. Promises: an error names file, line and column.
//! Invariant: nothing is guessed: a number that cannot be read is an error, not a gap.

use std::{fs::File, path::Path, str::FromStr};

use anyhow::{Context, bail};
use csv::StringRecord;

/// The year 5000: what is later is no time in milliseconds.
const TIME_MAX_MS: u64 = 95_617_584_000_000;

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
    let table = Table::open(path)?;
    let [ts, person, x, y] = table.columns(["ts_ms", "person_id", "x_m", "y_m"])?;
    let mut rows = table.rows(|line| {
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

/// A file of rows.
pub(crate) struct Table {
    name: String,
    csv: csv::Reader<File>,
    header: StringRecord,
}

/// One row, and where it stands.
pub(crate) struct Line<'a> {
    name: &'a str,
    header: &'a StringRecord,
    record: &'a StringRecord,
}

impl Table {
    pub(crate) fn open(path: &Path) -> anyhow::Result<Self> {
        let name = path.display().to_string();
        let file = File::open(path).with_context(|| format!("open {name}"))?;
        let mut csv = csv::ReaderBuilder::new()
            .flexible(true)
            .trim(csv::Trim::All)
            .from_reader(file);
        let header = csv
            .headers()
            .with_context(|| format!("read the header of {name}"))?;
        let header = header.clone();
        Ok(Self { name, csv, header })
    }

    pub(crate) fn column(&self, wanted: &str) -> anyhow::Result<usize> {
        let at = self.header.iter().position(|column| column == wanted);
        at.with_context(|| {
            let there: Vec<&str> = self.header.iter().collect();
            format!(
                "{}, line 1: no column {wanted} among {}",
                self.name,
                there.join(", ")
            )
        })
    }

    pub(crate) fn columns<const N: usize>(&self, wanted: [&str; N]) -> anyhow::Result<[usize; N]> {
        let mut columns = [0; N];
        for (column, wanted) in columns.iter_mut().zip(wanted) {
            *column = self.column(wanted)?;
        }
        Ok(columns)
    }

    pub(crate) fn rows<T>(
        mut self,
        of: impl Fn(&Line<'_>) -> anyhow::Result<T>,
    ) -> anyhow::Result<Vec<T>> {
        let (mut rows, mut record) = (Vec::new(), StringRecord::new());
        while self
            .csv
            .read_record(&mut record)
            .with_context(|| format!("read {}", self.name))?
        {
            let (name, header, record) = (self.name.as_str(), &self.header, &record);
            rows.push(of(&Line {
                name,
                header,
                record,
            })?);
        }
        Ok(rows)
    }
}

impl Line<'_> {
    pub(crate) fn text(&self, column: usize) -> anyhow::Result<&str> {
        let text = self.record.get(column);
        text.with_context(|| format!("{}: missing", self.place(column)))
    }

    pub(crate) fn word(&self, column: usize) -> anyhow::Result<String> {
        match self.text(column)? {
            "" => bail!("{}: empty", self.place(column)),
            text => Ok(text.to_owned()),
        }
    }

    pub(crate) fn number<T: FromStr>(&self, column: usize) -> anyhow::Result<T> {
        let text = self.text(column)?;
        let number = text.parse::<T>().ok();
        number.with_context(|| format!("{}: '{text}' is not such a number", self.place(column)))
    }

    /// Milliseconds since 1970, or since any other beginning.
    pub(crate) fn time(&self, column: usize) -> anyhow::Result<u64> {
        let ts_ms: u64 = self.number(column)?;
        if ts_ms > TIME_MAX_MS {
            bail!("{}: {ts_ms} ms is after the year 5000", self.place(column));
        }
        Ok(ts_ms)
    }

    /// What a radio can report (Bluetooth Core 5.4, Vol 4, E, 7.7.65.2), or a mean of such.
    pub(crate) fn strength(&self, column: usize) -> anyhow::Result<f32> {
        let rssi_dbm: f32 = self.number(column)?;
        if !(-127.0..=20.0).contains(&rssi_dbm) {
            bail!(
                "{}: {rssi_dbm} is not between -127 and 20 dBm",
                self.place(column)
            );
        }
        Ok(rssi_dbm)
    }

    fn place(&self, column: usize) -> String {
        let line = self.record.position().map_or(0, csv::Position::line);
        let column = self.header.get(column).unwrap_or("?");
        format!("{}, line {line}, column {column}", self.name)
    }
}
