//! Tables as CSV: every file that is read or written here goes through this room.
//!
//! In: a file with a header line, packed if its name ends in .gz; columns are found by name, others
//! are ignored. Out: rows as they stand; and a file of answers, one a second.
//! Promises: an error names file, line and column.
//! Invariant: nothing is guessed: a number that cannot be read is an error, not a gap.

use std::{fs::File, io::Read, path::Path, str::FromStr};

use anyhow::{Context, bail};
use csv::StringRecord;
use flate2::read::GzDecoder;

/// The year 5000: what is later is no time in milliseconds.
const TIME_MAX_MS: u64 = 95_617_584_000_000;

/// Rows of a file that has all of these columns.
pub(crate) fn read<T, const N: usize>(
    path: &Path,
    columns: [&str; N],
    of: impl Fn(&Line<'_>, [usize; N]) -> anyhow::Result<T>,
) -> anyhow::Result<Vec<T>> {
    let table = Table::open(path)?;
    let columns = table.columns(columns)?;
    table.rows(|line| of(line, columns))
}

/// A file of rows.
pub(crate) struct Table {
    name: String,
    csv: csv::Reader<Box<dyn Read>>,
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
        let packed = path.extension().is_some_and(|ext| ext == "gz");
        let bytes: Box<dyn Read> = if packed {
            Box::new(GzDecoder::new(file))
        } else {
            Box::new(file)
        };
        let mut csv = csv::ReaderBuilder::new()
            .flexible(true)
            .trim(csv::Trim::All)
            .from_reader(bytes);
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

/// Somebody at one second, the zone that was said, and how likely it is.
pub(crate) type Answer<'a> = (&'a str, u64, &'a str, f32);

/// `who` is the name of the first column.
pub(crate) fn write<'a>(
    path: &Path,
    who: &str,
    answers: impl Iterator<Item = Answer<'a>>,
) -> anyhow::Result<()> {
    let mut csv =
        csv::Writer::from_path(path).with_context(|| format!("write {}", path.display()))?;
    csv.write_record([who, "ts_ms", "zone", "p"])?;
    for (who, ts_ms, zone, p) in answers {
        csv.write_record([who, &ts_ms.to_string(), zone, &format!("{p:.4}")])?;
    }
    Ok(csv.flush()?)
}
