//! Recordings of HCI traffic in the btsnoop format, as Android and `btmon -w` write them.
//!
//! In: a file. Out: its advertising reports with the time of each.
//! Source: "Snoop Version 2 Packet Capture File Format" (RFC 1761), which btsnoop takes over with
//! data link types of its own: 1001 HCI without a packet indicator, 1002 HCI UART (H4), 2001
//! monitor. Times are microseconds since midnight of 1 January of the year 0.
//! Promises: total over any bytes; what stands before a broken record is given, then the error.
//! Invariant: a record's length is believed only as far as the file goes.

use std::{fs, io, path::Path};

use crate::hci::{self, Report};

const MAGIC: &[u8; 8] = b"btsnoop\0";
const VERSION: u32 = 1;
const HCI: u32 = 1001;
const H4: u32 = 1002;
const MONITOR: u32 = 2001;
const H4_EVENT: u8 = 0x04;
/// Flags of [`HCI`]: received, and a command or an event.
const RECEIVED_EVENT: u32 = 0b11;
/// Opcode of [`MONITOR`], in the low half of the flags.
const MONITOR_EVENT: u32 = 3;
/// From the year 0 to 1970.
const UNIX_EPOCH_US: i64 = 0x00dc_ddb3_0f2f_8000;
const HEADER_LEN: usize = 16;

/// Why a recording cannot be read, or not to its end.
#[derive(Debug, thiserror::Error)]
pub enum BtsnoopError {
    /// The file cannot be read.
    #[error("read the recording")]
    Read(#[source] io::Error),
    /// It does not begin as such a file does.
    #[error("not a btsnoop recording: it does not begin with \"btsnoop\"")]
    Magic,
    /// A version or a data link type that is not read here.
    #[error("btsnoop version {version} with data link type {datalink} is not read here")]
    Unknown {
        /// Version number.
        version: u32,
        /// Data link type.
        datalink: u32,
    },
    /// The file ends in the middle of a record.
    #[error("the recording ends in the middle of the record at byte {at}")]
    Torn {
        /// Where that record begins.
        at: usize,
    },
    /// A record whose advertising report ends too early.
    #[error("record at byte {at}")]
    Report {
        /// Where that record begins.
        at: usize,
        /// Why.
        #[source]
        source: hci::Truncated,
    },
}

/// A recording in memory.
#[derive(Debug)]
pub struct Recording {
    bytes: Vec<u8>,
    datalink: u32,
}

/// A report and its time.
#[derive(Debug, Clone, Copy)]
pub struct Timed {
    /// Microseconds since 1970, by the clock of whoever recorded.
    pub ts_us: i64,
    report: Report,
}

impl std::ops::Deref for Timed {
    type Target = Report;
    fn deref(&self) -> &Report {
        &self.report
    }
}

impl Recording {
    /// Reads a file; its records are looked at by [`Recording::reports`].
    pub fn open(path: &Path) -> Result<Self, BtsnoopError> {
        Self::new(fs::read(path).map_err(BtsnoopError::Read)?)
    }

    /// Takes the bytes of a file.
    pub fn new(bytes: Vec<u8>) -> Result<Self, BtsnoopError> {
        let header = bytes.get(..HEADER_LEN).ok_or(BtsnoopError::Magic)?;
        if !header.starts_with(MAGIC) {
            return Err(BtsnoopError::Magic);
        }
        let (version, datalink) = (number(header, 8), number(header, 12));
        if version != VERSION || ![HCI, H4, MONITOR].contains(&datalink) {
            return Err(BtsnoopError::Unknown { version, datalink });
        }
        Ok(Self { bytes, datalink })
    }

    /// All advertising reports, in the order of the file.
    pub fn reports(&self) -> impl Iterator<Item = Result<Timed, BtsnoopError>> + '_ {
        self.records().flat_map(|record| {
            let (record, torn) = match record {
                Ok(record) => (Some(record), None),
                Err(error) => (None, Some(Err(error))),
            };
            let reports = record.into_iter().flat_map(move |record| {
                let timed = move |read: Result<Report, hci::Truncated>| match read {
                    Ok(report) => Ok(Timed {
                        ts_us: record.ts_us,
                        report,
                    }),
                    Err(source) => Err(BtsnoopError::Report {
                        at: record.at,
                        source,
                    }),
                };
                hci::reports(record.event).map(timed)
            });
            reports.chain(torn)
        })
    }

    fn records(&self) -> impl Iterator<Item = Result<Record<'_>, BtsnoopError>> {
        let mut at = HEADER_LEN;
        std::iter::from_fn(move || {
            let rest = self.bytes.get(at..).filter(|rest| !rest.is_empty())?;
            let begin = at;
            let Some((record, len)) = self.record(begin, rest) else {
                at = self.bytes.len();
                return Some(Err(BtsnoopError::Torn { at: begin }));
            };
            at += len;
            Some(Ok(record))
        })
    }

    /// Original length, included length, flags, drops, time; then the packet.
    fn record<'a>(&self, at: usize, bytes: &'a [u8]) -> Option<(Record<'a>, usize)> {
        const HEAD: usize = 24;
        let head = bytes.get(..HEAD)?;
        let len = usize::try_from(number(head, 4)).ok()?;
        let end = HEAD.checked_add(len)?;
        let packet = bytes.get(HEAD..end)?;
        let flags = number(head, 8);
        let mut time = [0; 8];
        time.copy_from_slice(&head[16..24]);
        let event = match (self.datalink, packet) {
            (H4, [H4_EVENT, event @ ..]) => event,
            (HCI, event) if flags & RECEIVED_EVENT == RECEIVED_EVENT => event,
            (MONITOR, event) if flags & 0xffff == MONITOR_EVENT => event,
            _ => &[],
        };
        let record = Record {
            at,
            ts_us: i64::from_be_bytes(time).wrapping_sub(UNIX_EPOCH_US),
            event,
        };
        Some((record, end))
    }
}

#[derive(Clone, Copy)]
struct Record<'a> {
    at: usize,
    ts_us: i64,
    /// Empty if it is no event.
    event: &'a [u8],
}

/// The big-endian number at `at`, which the caller has checked to be there.
fn number(bytes: &[u8], at: usize) -> u32 {
    let mut number = [0; 4];
    number.copy_from_slice(&bytes[at..at + 4]);
    u32::from_be_bytes(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(ts_us: i64, packet: &[u8]) -> Vec<u8> {
        let len = u32::try_from(packet.len()).unwrap().to_be_bytes();
        let time = (ts_us + UNIX_EPOCH_US).to_be_bytes();
        [&len[..], &len, &3u32.to_be_bytes(), &[0; 4], &time, packet].concat()
    }

    fn file() -> Vec<u8> {
        let report = hex::decode("043e0f020100010100000000c003020106c4").unwrap();
        let other = hex::decode("040f0400010000").unwrap();
        let header = [&MAGIC[..], &VERSION.to_be_bytes(), &H4.to_be_bytes()].concat();
        [
            header,
            packet(1_596_110_159_687_629, &report),
            packet(1_596_110_159_700_000, &other),
            packet(1_596_110_160_000_000, &report),
        ]
        .concat()
    }

    #[test]
    fn reports_have_the_time_of_their_record() {
        let recording = Recording::new(file()).unwrap();
        let times: Vec<i64> = recording.reports().map(|r| r.unwrap().ts_us).collect();
        assert_eq!(times, [1_596_110_159_687_629, 1_596_110_160_000_000]);
    }

    #[test]
    fn every_cut_gives_what_was_whole_and_then_an_error() {
        let whole = file();
        for cut in 0..whole.len() {
            let Ok(recording) = Recording::new(whole[..cut].to_vec()) else {
                assert!(cut < HEADER_LEN);
                continue;
            };
            let read: Vec<_> = recording.reports().collect();
            let broken = read.iter().filter(|r| r.is_err()).count();
            let between = [16, 16 + 42, 16 + 42 + 31].contains(&cut);
            assert_eq!(broken, usize::from(!between), "cut at {cut}");
        }
    }

    #[test]
    fn what_is_no_such_recording_is_refused_by_name() {
        assert!(matches!(
            Recording::new(vec![0; 40]),
            Err(BtsnoopError::Magic)
        ));
        let mut other = file();
        other[15] = 9;
        assert!(matches!(
            Recording::new(other),
            Err(BtsnoopError::Unknown { version: 1, .. })
        ));
    }
}
