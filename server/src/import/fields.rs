//! Lines of a file, and the fields of a line.
//!
//! In: CSV with a header, or a JSON object a line. Out: named fields, or which line and column is
//! wrong, and how.
//! Invariant: line numbers are those that an editor shows.

use std::{
    fmt,
    fs::File,
    io::{BufRead, BufReader},
    path::Path,
};

use anyhow::Context;
use serde_json::{Map, Value};

use crate::money;

/// Bytes of a line at most.
const LINE_LEN_MAX: usize = 1024 * 1024;

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wrong {
    /// Which line, from 1.
    pub(crate) line: u64,
    /// Which column, from 1, as far as that can be told.
    pub(crate) column: Option<usize>,
    /// What the column is called.
    pub(crate) field: Option<String>,
    /// What is wrong.
    pub(crate) why: String,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}", self.line)?;
        if let Some(column) = self.column {
            write!(f, ", column {column}")?;
        }
        if let Some(field) = &self.field {
            write!(f, " ({field})")?;
        }
        write!(f, ": {}", self.why)
    }
}

/// One line.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    /// Which, from 1.
    pub(crate) number: u64,
    /// Where it ends in the file.
    pub(crate) end_bytes: u64,
    columns: Vec<String>,
    fields: Map<String, Value>,
}

impl Line {
    /// This line with a complaint.
    pub(crate) fn wrong(&self, field: Option<&str>, why: impl Into<String>) -> Wrong {
        let place = |field: &str| self.columns.iter().position(|name| name == field);
        Wrong {
            line: self.number,
            column: field.and_then(place).map(|place| place + 1),
            field: field.map(str::to_owned),
            why: why.into(),
        }
    }

    /// A field as it stands, if it is not empty.
    pub(crate) fn value(&self, field: &str) -> Option<&Value> {
        self.fields.get(field).filter(|value| match value {
            Value::Null => false,
            Value::String(text) => !text.is_empty(),
            _ => true,
        })
    }

    /// A text that may be missing.
    pub(crate) fn text_or_none(&self, field: &str) -> Result<Option<String>, Wrong> {
        match self.value(field) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(Value::Number(number)) => Ok(Some(number.to_string())),
            Some(_) => Err(self.wrong(Some(field), "a text is expected")),
        }
    }

    /// A text.
    pub(crate) fn text(&self, field: &str) -> Result<String, Wrong> {
        let text = self.text_or_none(field)?;
        text.ok_or_else(|| self.wrong(Some(field), "is missing"))
    }

    /// A whole number that may be missing.
    pub(crate) fn number_or_none(&self, field: &str) -> Result<Option<u64>, Wrong> {
        let text = self.text_or_none(field)?;
        let number = text.map(|text| text.parse());
        let wrong = |_| self.wrong(Some(field), "a whole number is expected");
        number.transpose().map_err(wrong)
    }

    /// A time as ISO 8601 writes it, or Unix milliseconds; may be missing.
    pub(crate) fn time_or_none(&self, field: &str) -> Result<Option<u64>, Wrong> {
        let Some(text) = self.text_or_none(field)? else {
            return Ok(None);
        };
        let all_digits = text.len() >= 12 && text.bytes().all(|b| b.is_ascii_digit());
        let time = match all_digits {
            true => text.parse().ok(),
            false => crate::api::moment(&text),
        };
        let wrong = || {
            self.wrong(
                Some(field),
                "a time as 2026-11-25T10:00:00+01:00 is expected",
            )
        };
        time.map(Some).ok_or_else(wrong)
    }

    /// An amount of money in its currency's minor unit; may be missing.
    pub(crate) fn money_or_none(&self, field: &str, currency: &str) -> Result<Option<u64>, Wrong> {
        let text = self.text_or_none(field)?;
        let wrong = || self.wrong(Some(field), "an amount as 129.00 is expected");
        text.map(|text| money::minor(&text, currency).ok_or_else(wrong))
            .transpose()
    }
}

/// The lines of a file.
pub(crate) enum Lines {
    /// With a header.
    Csv {
        /// The file.
        rows: csv::StringRecordsIntoIter<BufReader<File>>,
        /// Its header.
        columns: Vec<String>,
    },
    /// A JSON object a line.
    Json {
        /// The file.
        rows: std::io::Split<BufReader<File>>,
        /// The line that was read last.
        number: u64,
        /// Where it ended.
        end_bytes: u64,
    },
}

impl Lines {
    /// Opens a file; its ending says how it is written.
    pub(crate) fn open(path: &Path) -> anyhow::Result<Self> {
        let ending = path.extension().and_then(|ending| ending.to_str());
        let file = || File::open(path).with_context(|| format!("read {}", path.display()));
        match ending {
            Some("csv") => {
                let mut first = String::new();
                BufReader::new(file()?)
                    .read_line(&mut first)
                    .with_context(|| format!("read the header of {}", path.display()))?;
                let mut reader = csv::ReaderBuilder::new()
                    .delimiter(delimiter(&first))
                    .trim(csv::Trim::All)
                    .from_reader(BufReader::new(file()?));
                let header = reader.headers().context("read the header")?;
                // Spreadsheets begin a file with a byte order mark.
                let columns = header.iter().map(|name| {
                    let name = name.trim_start_matches('\u{feff}').trim_matches('"');
                    name.trim().to_lowercase()
                });
                let columns: Vec<String> = columns.collect();
                Ok(Self::Csv {
                    rows: reader.into_records(),
                    columns,
                })
            }
            Some("jsonl" | "ndjson") => Ok(Self::Json {
                rows: BufReader::new(file()?).split(b'\n'),
                number: 0,
                end_bytes: 0,
            }),
            _ => anyhow::bail!("{}: name it .csv or .jsonl", path.display()),
        }
    }
}

/// Of comma, semicolon and tab the one that the header has most of.
fn delimiter(header: &str) -> u8 {
    let count = |sign: &u8| header.bytes().filter(|b| b == sign).count();
    // Of equally many the last wins: a comma.
    let signs = [b'\t', b';', b','];
    signs.into_iter().max_by_key(count).unwrap_or(b',')
}

impl Iterator for Lines {
    type Item = Result<Line, Wrong>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Csv { rows, columns } => {
                let row = rows.next()?;
                Some(csv_line(row, columns, rows.reader().position().byte()))
            }
            Self::Json {
                rows,
                number,
                end_bytes,
            } => loop {
                let row = rows.next()?;
                *number += 1;
                let bytes = match row {
                    Ok(bytes) => bytes,
                    Err(error) => return Some(Err(bare(*number, format!("read: {error}")))),
                };
                *end_bytes += bytes.len() as u64 + 1;
                if !bytes.trim_ascii().is_empty() {
                    return Some(json_line(&bytes, *number, *end_bytes));
                }
            },
        }
    }
}

fn bare(line: u64, why: String) -> Wrong {
    Wrong {
        line,
        column: None,
        field: None,
        why,
    }
}

fn csv_line(
    row: Result<csv::StringRecord, csv::Error>,
    columns: &[String],
    end_bytes: u64,
) -> Result<Line, Wrong> {
    let row = row.map_err(|error| {
        let line = error.position().map_or(0, csv::Position::line);
        let why = match error.kind() {
            csv::ErrorKind::UnequalLengths {
                expected_len, len, ..
            } => format!("{len} columns, and the header has {expected_len}"),
            csv::ErrorKind::Utf8 { .. } => "is not UTF-8".to_owned(),
            _ => "cannot be read as CSV".to_owned(),
        };
        bare(line, why)
    })?;
    let fields = columns.iter().zip(&row);
    Ok(Line {
        number: row.position().map_or(0, csv::Position::line),
        end_bytes,
        columns: columns.to_vec(),
        fields: fields
            .map(|(name, text)| (name.clone(), text.into()))
            .collect(),
    })
}

fn json_line(bytes: &[u8], number: u64, end_bytes: u64) -> Result<Line, Wrong> {
    if bytes.len() > LINE_LEN_MAX {
        return Err(bare(number, format!("more than {LINE_LEN_MAX} bytes")));
    }
    let fields = serde_json::from_slice(bytes).map_err(|error| Wrong {
        column: Some(error.column()),
        ..bare(number, "is no JSON object".to_owned())
    })?;
    Ok(Line {
        number,
        end_bytes,
        columns: Vec::new(),
        fields,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, text: &str) -> Vec<Result<(u64, String), String>> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        let one = |line: Result<Line, Wrong>| {
            let told = line.and_then(|line| Ok((line.number, line.text("sku")?)));
            told.map_err(|wrong| wrong.to_string())
        };
        Lines::open(&path).unwrap().map(one).collect()
    }

    #[test]
    fn lines_are_numbered_as_an_editor_shows_them_and_say_what_is_wrong() {
        let ok = |number, sku: &str| Ok((number, sku.to_owned()));
        let no = |why: &str| Err(why.to_owned());
        assert_eq!(
            read(
                "a.csv",
                "\u{feff}SKU;name\nA;\"two\nlines\"\nB;x;y\n;z\nC;\"x;y\"\n"
            ),
            [
                ok(2, "A"),
                no("line 4: 3 columns, and the header has 2"),
                no("line 5, column 1 (sku): is missing"),
                ok(6, "C"),
            ]
        );
        assert_eq!(
            read(
                "a.jsonl",
                "{\"sku\":\"A\"}\n\n[1]\n{\"sku\":7}\n{\"sku\":{}}"
            ),
            [
                ok(1, "A"),
                no("line 3, column 0: is no JSON object"),
                ok(4, "7"),
                no("line 5 (sku): a text is expected"),
            ]
        );
        assert!(Lines::open(Path::new("a.xls")).is_err());
    }
}
