//! Reads a gateway's spool without the gateway's code.
//!
//! Written from the description in `gateway/src/spool.rs` alone, so that a writer and a reader
//! that err in the same way are not both believed.
//! In: a spool's folder, as a killed gateway left it. Out: every whole record in it.
//! Invariant: changes nothing; a record that is cut off or broken is not a record.

use std::path::Path;

use anyhow::Context;
use protocol::{
    GatewayId, StoreId,
    message::{Batch, Sighting},
    seal::{Body, Envelope, Opened, PrivateKey, Whose},
};

const HEADER: usize = 64;
const RECORD_HEADER: usize = 16;

/// One batch in a spool.
#[derive(Debug, Clone)]
pub struct Record {
    /// The folder's name: which run of the gateway.
    pub boot: String,
    /// Its number.
    pub seq: u64,
    /// What it holds.
    pub sightings: Vec<Sighting>,
}

/// Whose spool it is, and what opens it.
pub struct Reader {
    /// The store of the gateway.
    pub store: StoreId,
    /// The gateway.
    pub gateway: GatewayId,
    /// The server's private keys.
    pub keys: Vec<PrivateKey>,
}

impl Reader {
    /// A batch off the wire, in clear.
    pub fn batch(&self, mut batch: Batch) -> anyhow::Result<Batch> {
        if let Some(sealed) = batch.sealed.take() {
            let opened = self.opened(&batch.boot.to_string(), &sealed.envelope)?;
            batch.sightings = serde_json::from_slice(&opened.open(batch.seq, &sealed.body)?)?;
        }
        Ok(batch)
    }

    fn opened(&self, boot: &str, envelope: &Envelope) -> anyhow::Result<Opened> {
        let whose = Whose {
            store: &self.store,
            gateway: &self.gateway,
            boot: boot.parse()?,
        };
        let key_of = |id| self.keys.iter().find(|key| key.public().id() == id);
        Ok(Opened::new(envelope, whose, key_of)?)
    }
}

/// All records of all boots; none if there is no folder.
pub fn read(spool: &Path, reader: &Reader) -> anyhow::Result<Vec<Record>> {
    let mut records = Vec::new();
    if !spool.is_dir() {
        return Ok(records);
    }
    for entry in std::fs::read_dir(spool)? {
        let entry = entry?;
        if !entry.file_type()?.is_dir() {
            continue;
        }
        let boot = entry.file_name().to_string_lossy().into_owned();
        for file in std::fs::read_dir(entry.path())? {
            let path = file?.path();
            if path.extension().is_some_and(|e| e == "seg") {
                let bytes = std::fs::read(&path)?;
                segment(reader, &boot, &bytes, &mut records)
                    .with_context(|| format!("read {}", path.display()))?;
            }
        }
    }
    Ok(records)
}

fn segment(
    reader: &Reader,
    boot: &str,
    bytes: &[u8],
    into: &mut Vec<Record>,
) -> anyhow::Result<()> {
    let Some((header, mut rest)) = bytes.split_at_checked(HEADER) else {
        return Ok(());
    };
    anyhow::ensure!(header.starts_with(b"WLKSPOOL"), "no segment");
    let sealed = header[8..10] == [2, 0];
    anyhow::ensure!(sealed || header[8..10] == [1, 0], "another format");
    anyhow::ensure!(crc32(&[&header[..60]]) == u32_at(header, 60), "checksum");
    let mut opened = None;
    while let Some((head, after)) = rest.split_at_checked(RECORD_HEADER) {
        let Some((body, next)) = after.split_at_checked(u32_at(head, 0) as usize) else {
            break;
        };
        let seq = &head[8..16];
        if crc32(&[seq, body]) != u32_at(head, 4) {
            break;
        }
        rest = next;
        let seq = seq.iter().rev().fold(0, |n, b| n << 8 | u64::from(*b));
        if sealed && seq == 0 {
            opened = Some(reader.opened(boot, &serde_json::from_slice(body)?)?);
            continue;
        }
        let json = match (sealed, &opened) {
            (false, _) => body.to_vec(),
            (true, Some(opened)) => opened.open(seq, &Body(body[4..].to_vec()))?,
            (true, None) => anyhow::bail!("a sealed segment without an envelope"),
        };
        into.push(Record {
            boot: boot.to_owned(),
            seq,
            sightings: serde_json::from_slice(&json)?,
        });
    }
    Ok(())
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes[at..at + 4]
        .iter()
        .rev()
        .fold(0, |n, b| n << 8 | u32::from(*b))
}

/// CRC-32 of IEEE 802.3, bit by bit.
fn crc32(parts: &[&[u8]]) -> u32 {
    let mut crc = u32::MAX;
    for byte in parts.iter().copied().flatten() {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg());
        }
    }
    !crc
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_when_it_is_whole_and_not_before() {
        let mut bytes = vec![0; HEADER];
        bytes[..10].copy_from_slice(b"WLKSPOOL\x01\x00");
        let checksum = crc32(&[&bytes[..60]]);
        bytes[60..64].copy_from_slice(&checksum.to_le_bytes());
        let (seq, body) = (7u64.to_le_bytes(), b"[]");
        bytes.extend(2u32.to_le_bytes());
        bytes.extend(crc32(&[&seq, body]).to_le_bytes());
        bytes.extend(seq);
        bytes.extend(body);
        let reader = Reader {
            store: "kade-9".parse().unwrap(),
            gateway: "door".parse().unwrap(),
            keys: Vec::new(),
        };
        let read = |len: usize| {
            let mut records = Vec::new();
            segment(&reader, "boot", &bytes[..len], &mut records).unwrap();
            records.iter().map(|r| r.seq).collect::<Vec<_>>()
        };
        assert_eq!(read(bytes.len()), [7]);
        assert!((0..bytes.len()).all(|len| read(len).is_empty()));
    }

    #[test]
    fn the_check_value_of_the_checksum_is_right() {
        assert_eq!(crc32(&[b"1234", b"56789"]), 0xcbf4_3926);
    }
}
