//! The bytes of one segment file; see the picture in [`crate::spool`].
//!
//! In: headers and records. Out: bytes, and from bytes the same again, up to the first that
//! cannot be trusted.
//! Promises: total over any bytes; a record that was written whole is read whole.
//! Invariant: touches no disk.

use protocol::{
    BootId,
    message::{BATCH_LEN_MAX, ClockAnchor, to_json},
    seal::Envelope,
};
use uuid::Uuid;

/// The first bytes of every segment.
pub const MAGIC: [u8; 8] = *b"WLKSPOOL";
/// The format of a segment whose bodies are JSON.
pub const FORMAT_PLAIN: u16 = 1;
/// The format of a segment whose bodies are sealed.
pub const FORMAT_SEALED: u16 = 2;
/// Bytes of a segment's header.
pub const HEADER_LEN: usize = 64;
/// The number of the record that holds the envelope; no batch has it.
const ENVELOPE_SEQ: u64 = 0;
/// Bytes before what is sealed: how many sightings it holds.
const SIGHTINGS_LEN: usize = 4;
/// Bytes before a record's body.
pub const RECORD_HEADER_LEN: usize = 16;

/// What a segment holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stream {
    /// First sights: on disk at once, evicted last.
    First,
    /// What came after: may wait a second, evicted first.
    Detail,
}

/// The beginning of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// What the segment holds.
    pub stream: Stream,
    /// The run of the process that wrote it.
    pub boot: BootId,
    /// The boot of the machine in which that was.
    pub machine_boot: Uuid,
    /// What was known of the server's time when the segment was begun.
    pub clock: Option<ClockAnchor>,
    /// Whether the bodies are sealed; then an envelope follows.
    pub sealed: bool,
}

/// Why a file is no segment that this program can read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// The power went before the header was there.
    #[error("shorter than a header")]
    Short,
    /// Not written by a spool.
    #[error("does not begin as a segment does")]
    Magic,
    /// Written by a later program.
    #[error("format {0}, this program reads {FORMAT_PLAIN} and {FORMAT_SEALED}")]
    Format(u16),
    /// What opens the bodies cannot be read, but there are some.
    #[error("the envelope")]
    Envelope,
    /// Its checksum is wrong.
    #[error("checksum of the header")]
    Checksum,
}

/// Where one record lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordAt {
    /// Its number within the boot.
    pub seq: u64,
    /// Where its header begins.
    pub offset: u32,
    /// Bytes of its body.
    pub body_len: u32,
    /// Sightings in its body.
    pub sightings: u32,
}

/// What follows the last record that can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tail {
    /// Nothing.
    Whole,
    /// A record that was not written to its end, and nothing after it.
    Torn {
        /// Its bytes.
        bytes: u64,
    },
    /// A broken record, and after it at least one that is whole: these bytes were once on disk.
    Corrupt {
        /// From the broken record to the end.
        bytes: u64,
    },
}

/// What a segment's bytes say.
#[derive(Debug)]
pub struct Scan {
    /// The beginning.
    pub header: Header,
    /// What opens the bodies; none: they are not sealed.
    pub envelope: Option<Envelope>,
    /// The records that can be trusted, in the order in which they were written.
    pub records: Vec<RecordAt>,
    /// Where the last of them ends.
    pub trusted_len: u64,
    /// What follows.
    pub tail: Tail,
}

impl Header {
    /// Writes it.
    pub fn encode(&self) -> [u8; HEADER_LEN] {
        let mut bytes = [0; HEADER_LEN];
        bytes[0..8].copy_from_slice(&MAGIC);
        let format = match self.sealed {
            true => FORMAT_SEALED,
            false => FORMAT_PLAIN,
        };
        bytes[8..10].copy_from_slice(&format.to_le_bytes());
        bytes[10] = match self.stream {
            Stream::First => 0,
            Stream::Detail => 1,
        };
        bytes[12..28].copy_from_slice(self.boot.0.as_bytes());
        bytes[28..44].copy_from_slice(self.machine_boot.as_bytes());
        if let Some(clock) = self.clock {
            bytes[11] = 1;
            bytes[44..52].copy_from_slice(&clock.mono_ms.to_le_bytes());
            bytes[52..60].copy_from_slice(&clock.server_ms.to_le_bytes());
        }
        let checksum = crc32fast::hash(&bytes[..60]);
        bytes[60..64].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    /// Reads it from the beginning of a segment.
    pub fn decode(segment: &[u8]) -> Result<Self, HeaderError> {
        let Some(bytes) = segment.first_chunk::<HEADER_LEN>() else {
            return Err(HeaderError::Short);
        };
        if bytes[..8] != MAGIC {
            return Err(HeaderError::Magic);
        }
        let format = u16::from_le_bytes([bytes[8], bytes[9]]);
        if ![FORMAT_PLAIN, FORMAT_SEALED].contains(&format) {
            return Err(HeaderError::Format(format));
        }
        if crc32fast::hash(&bytes[..60]).to_le_bytes() != bytes[60..64] {
            return Err(HeaderError::Checksum);
        }
        Ok(Self {
            stream: match bytes[10] {
                0 => Stream::First,
                _ => Stream::Detail,
            },
            boot: BootId(Uuid::from_bytes(chunk(bytes, 12))),
            machine_boot: Uuid::from_bytes(chunk(bytes, 28)),
            clock: (bytes[11] == 1).then(|| ClockAnchor {
                mono_ms: u64::from_le_bytes(chunk(bytes, 44)),
                server_ms: u64::from_le_bytes(chunk(bytes, 52)),
            }),
            sealed: format == FORMAT_SEALED,
        })
    }
}

/// The bytes before the first batch.
pub fn encode_start(header: &Header, envelope: Option<&Envelope>) -> Vec<u8> {
    let mut bytes = header.encode().to_vec();
    if let Some(envelope) = envelope {
        encode_record(&mut bytes, ENVELOPE_SEQ, &to_json(envelope));
    }
    bytes
}

/// A sealed body with how many sightings are in it.
pub fn encode_sealed(sightings: u32, sealed: &[u8]) -> Vec<u8> {
    [&sightings.to_le_bytes(), sealed].concat()
}

/// What is sealed in a body of a sealed segment.
pub fn decode_sealed(body: &[u8]) -> Option<&[u8]> {
    body.get(SIGHTINGS_LEN..)
}

/// Appends one record to `into`.
pub fn encode_record(into: &mut Vec<u8>, seq: u64, body: &[u8]) {
    let body_len = u32::try_from(body.len()).unwrap_or(u32::MAX);
    into.extend_from_slice(&body_len.to_le_bytes());
    into.extend_from_slice(&checksum(seq, body).to_le_bytes());
    into.extend_from_slice(&seq.to_le_bytes());
    into.extend_from_slice(body);
}

/// The number and body of the batch that begins at `offset`, if it is whole and its checksum right.
pub fn decode_record(segment: &[u8], offset: usize) -> Option<(u64, &[u8])> {
    decode_any(segment, offset).filter(|(seq, _)| *seq != ENVELOPE_SEQ)
}

fn decode_envelope(segment: &[u8]) -> Option<(Envelope, usize)> {
    let (seq, body) = decode_any(segment, HEADER_LEN)?;
    let envelope = serde_json::from_slice(body).ok()?;
    (seq == ENVELOPE_SEQ).then_some((envelope, HEADER_LEN + RECORD_HEADER_LEN + body.len()))
}

fn decode_any(segment: &[u8], offset: usize) -> Option<(u64, &[u8])> {
    let rest = segment.get(offset..)?;
    let (header, rest) = rest.split_first_chunk::<RECORD_HEADER_LEN>()?;
    let body_len = u32::from_le_bytes(chunk(header, 0)) as usize;
    let seq = u64::from_le_bytes(chunk(header, 8));
    if body_len > BATCH_LEN_MAX {
        return None;
    }
    let body = rest.get(..body_len)?;
    (checksum(seq, body) == u32::from_le_bytes(chunk(header, 4))).then_some((seq, body))
}

/// Reads a whole segment.
pub fn scan(segment: &[u8]) -> Result<Scan, HeaderError> {
    let header = Header::decode(segment)?;
    let followed_from =
        |offset: usize| (offset..segment.len()).any(|at| decode_record(segment, at).is_some());
    let (envelope, start) = match (header.sealed, decode_envelope(segment)) {
        (false, _) => (None, HEADER_LEN),
        (true, Some((envelope, end))) => (Some(envelope), end),
        // Header and envelope are synced before the first batch is written.
        (true, None) if followed_from(HEADER_LEN) => return Err(HeaderError::Envelope),
        (true, None) => return Err(HeaderError::Short),
    };
    let mut records = Vec::new();
    let mut offset = start;
    while let Some((seq, body)) = decode_record(segment, offset) {
        records.push(RecordAt {
            seq,
            offset: u32::try_from(offset).unwrap_or(u32::MAX),
            body_len: u32::try_from(body.len()).unwrap_or(u32::MAX),
            sightings: sightings_in(body, header.sealed),
        });
        offset += RECORD_HEADER_LEN + body.len();
    }
    let bytes = (segment.len() - offset) as u64;
    // A length that was changed on disk may point past the end, just as a torn record does. The
    // difference is what follows: after the one there is a whole record, after the other nothing.
    let followed = || followed_from(offset + 1);
    Ok(Scan {
        header,
        envelope,
        records,
        trusted_len: offset as u64,
        tail: match bytes {
            0 => Tail::Whole,
            _ if followed() => Tail::Corrupt { bytes },
            _ => Tail::Torn { bytes },
        },
    })
}

/// Sightings are flat objects whose texts hold no braces, so each has one opening brace. Counting
/// them at start is twenty times quicker than parsing, on 512 MiB a matter of seconds. Sealed ones
/// stand under their number.
fn sightings_in(body: &[u8], sealed: bool) -> u32 {
    if sealed {
        return u32::from_le_bytes(chunk(body, 0));
    }
    let braces = body.iter().filter(|&&b| b == b'{').count();
    u32::try_from(braces).unwrap_or(u32::MAX)
}

fn checksum(seq: u64, body: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&seq.to_le_bytes());
    crc.update(body);
    crc.finalize()
}

/// `N` bytes at `at`; zeros where there are none, which no caller here lets happen.
fn chunk<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes
        .get(at..)
        .and_then(|rest| rest.first_chunk())
        .copied()
        .unwrap_or([0; N])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn header() -> Header {
        Header {
            stream: Stream::Detail,
            boot: BootId(Uuid::from_u128(7)),
            machine_boot: Uuid::from_u128(8),
            clock: Some(ClockAnchor {
                mono_ms: 9,
                server_ms: 10,
            }),
            sealed: false,
        }
    }

    fn envelope() -> Envelope {
        let (store, gateway) = ("kade-9".parse().unwrap(), "door".parse().unwrap());
        let whose = protocol::seal::Whose {
            store: &store,
            gateway: &gateway,
            boot: header().boot,
        };
        let key = protocol::seal::PrivateKey::new(&[1; 32]);
        let sealer = protocol::seal::Sealer::new(&[key.public()], whose, [2; 32]).unwrap();
        sealer.envelope().clone()
    }

    fn segment(bodies: &[&[u8]]) -> Vec<u8> {
        let mut bytes = header().encode().to_vec();
        for (seq, body) in (1..).zip(bodies) {
            encode_record(&mut bytes, seq, body);
        }
        bytes
    }

    #[test]
    fn header_goes_there_and_back() {
        assert_eq!(Header::decode(&header().encode()), Ok(header()));
        let none = Header {
            clock: None,
            stream: Stream::First,
            ..header()
        };
        assert_eq!(Header::decode(&none.encode()), Ok(none));
    }

    #[test]
    fn every_changed_bit_of_a_header_is_seen() {
        for bit in 0..HEADER_LEN * 8 {
            let mut bytes = header().encode();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(Header::decode(&bytes).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn cut_anywhere_the_whole_records_are_read_and_the_rest_is_torn() {
        let whole = segment(&[b"[{},{}]", b"[]", b"[{}]"]);
        let ends = [64, 64 + 23, 64 + 23 + 18, 64 + 23 + 18 + 20];
        assert_eq!(whole.len(), ends[3]);
        for cut in HEADER_LEN..=whole.len() {
            let scan = scan(&whole[..cut]).unwrap();
            let records = ends.iter().filter(|&&end| end <= cut).count() - 1;
            assert_eq!(scan.records.len(), records, "cut at {cut}");
            let bytes = (cut - ends[records]) as u64;
            let tail = if bytes == 0 {
                Tail::Whole
            } else {
                Tail::Torn { bytes }
            };
            assert_eq!(scan.tail, tail, "cut at {cut}");
        }
    }

    #[test]
    fn every_changed_bit_of_a_middle_record_is_seen_and_the_rest_not_taken_for_torn() {
        let whole = segment(&[b"[{},{}]", b"[{}]", b"[{}]"]);
        let (start, end) = (64 + 23, 64 + 23 + 20);
        for bit in start * 8..end * 8 {
            let mut bytes = whole.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let scan = scan(&bytes).unwrap();
            assert_eq!(scan.records.len(), 1, "bit {bit}");
            assert_eq!(scan.tail, Tail::Corrupt { bytes: 40 }, "bit {bit}");
        }
    }

    #[test]
    fn a_sealed_segment_cut_anywhere_keeps_its_whole_records() {
        let sealed = Header {
            sealed: true,
            ..header()
        };
        let mut whole = encode_start(&sealed, Some(&envelope()));
        let start = whole.len();
        encode_record(&mut whole, 1, &encode_sealed(3, b"0123456789abcdefx"));
        let middle = whole.len();
        encode_record(&mut whole, 2, &encode_sealed(1, b"0123456789abcdefxy"));
        for cut in HEADER_LEN..whole.len() {
            match scan(&whole[..cut]) {
                Err(error) => assert_eq!((error, cut < start), (HeaderError::Short, true)),
                Ok(scan) => {
                    assert!(cut >= start);
                    assert_eq!(scan.envelope, Some(envelope()));
                    assert_eq!(scan.records.len(), usize::from(cut >= middle), "{cut}");
                }
            }
        }
        let scan = scan(&whole).unwrap();
        let counted: Vec<u32> = scan.records.iter().map(|r| r.sightings).collect();
        assert_eq!(counted, [3, 1]);
    }

    #[test]
    fn every_changed_bit_of_an_envelope_with_batches_behind_it_is_seen() {
        let sealed = Header {
            sealed: true,
            ..header()
        };
        let mut whole = encode_start(&sealed, Some(&envelope()));
        let start = whole.len();
        encode_record(&mut whole, 1, &encode_sealed(3, b"0123456789abcdefx"));
        for bit in HEADER_LEN * 8..start * 8 {
            let mut bytes = whole.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(
                scan(&bytes).unwrap_err(),
                HeaderError::Envelope,
                "bit {bit}"
            );
        }
    }

    #[test]
    fn zeros_after_a_power_cut_are_torn() {
        let mut bytes = segment(&[b"[{}]"]);
        bytes.extend([0; 4_096]);
        assert_eq!(scan(&bytes).unwrap().tail, Tail::Torn { bytes: 4_096 });
    }

    proptest! {
        #[test]
        fn bytes_of_any_kind_are_no_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = scan(&bytes);
            let mut after_header = header().encode().to_vec();
            after_header.extend(&bytes);
            prop_assert!(scan(&after_header).is_ok());
        }
    }
}
