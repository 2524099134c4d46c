//! Advertising data as BlueZ reads it.
//!
//! In: the bytes of an advertisement. Out: the properties that BlueZ would show of them.
//! Promises: total over any bytes; what stands before a broken structure counts.
//! Invariant: knows nothing of our layouts, and shares no code with the gateway's decoder.

use uuid::Uuid;

/// What one advertisement says (Core Specification Supplement, part A, section 1).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Payload {
    /// Discoverability and BR/EDR support.
    pub(super) flags: Option<u8>,
    /// The short or the complete name.
    pub(super) name: Option<String>,
    /// The transmit power that it claims.
    pub(super) tx_power_dbm: Option<i8>,
    /// Listed services; service data does not list its own.
    pub(super) uuids: Vec<Uuid>,
    /// By company.
    pub(super) manufacturer: Vec<(u16, Vec<u8>)>,
    /// By service.
    pub(super) service_data: Vec<(Uuid, Vec<u8>)>,
}

impl Payload {
    /// Reads advertising data.
    pub(super) fn parse(mut rest: &[u8]) -> Self {
        let mut payload = Self::default();
        while let Some((&len, tail)) = rest.split_first() {
            let Some((body, after)) = tail.split_at_checked(usize::from(len)) else {
                break;
            };
            // A length of zero ends the data early.
            let Some((&kind, data)) = body.split_first() else {
                break;
            };
            payload.take(kind, data);
            rest = after;
        }
        payload
    }

    /// Whether the device wants to be found; BlueZ hides others from clients without a filter.
    pub(super) fn is_discoverable(&self) -> bool {
        self.flags.is_some_and(|flags| flags & 0b11 != 0)
    }

    fn take(&mut self, kind: u8, data: &[u8]) {
        match kind {
            0x01 => self.flags = data.first().copied(),
            0x02 | 0x03 => self.list::<2>(data),
            0x04 | 0x05 => self.list::<4>(data),
            0x06 | 0x07 => self.list::<16>(data),
            0x08 | 0x09 => self.name = Some(String::from_utf8_lossy(data).into_owned()),
            0x0a => self.tx_power_dbm = data.first().map(|byte| byte.cast_signed()),
            0x16 => self.service::<2>(data),
            0x20 => self.service::<4>(data),
            0x21 => self.service::<16>(data),
            0xff => {
                if let Some((company, data)) = data.split_first_chunk() {
                    let company = u16::from_le_bytes(*company);
                    self.manufacturer.push((company, data.to_vec()));
                }
            }
            _ => {}
        }
    }

    fn list<const N: usize>(&mut self, data: &[u8]) {
        let (uuids, _) = data.as_chunks::<N>();
        self.uuids.extend(uuids.iter().map(|bytes| expand(bytes)));
    }

    fn service<const N: usize>(&mut self, data: &[u8]) {
        if let Some((uuid, data)) = data.split_first_chunk::<N>() {
            self.service_data.push((expand(uuid), data.to_vec()));
        }
    }
}

/// Little-endian bytes to a UUID; short ones stand for one under the Bluetooth base UUID.
fn expand(bytes: &[u8]) -> Uuid {
    const BASE: u128 = 0x0000_0000_0000_1000_8000_0080_5f9b_34fb;
    let number = bytes
        .iter()
        .rev()
        .fold(0, |number, byte| number << 8 | u128::from(*byte));
    let whole = bytes.len() == 16;
    Uuid::from_u128(if whole { number } else { number << 96 | BASE })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(ad_hex: &str) -> Payload {
        Payload::parse(&hex::decode(ad_hex).unwrap())
    }

    #[test]
    fn each_structure_has_its_property() {
        let payload = parse(
            "020106 0303aafe 0516aafe30f4 090950686f6e652d4141 020aec"
                .replace(' ', "")
                .as_str(),
        );
        let eddystone: Uuid = "0000feaa-0000-1000-8000-00805f9b34fb".parse().unwrap();
        assert_eq!(payload.flags, Some(6));
        assert_eq!(payload.uuids, [eddystone]);
        assert_eq!(payload.service_data, [(eddystone, vec![0x30, 0xf4])]);
        assert_eq!(payload.name.as_deref(), Some("Phone-AA"));
        assert_eq!(payload.tx_power_dbm, Some(-20));
        assert_eq!(parse("05ff4c000215").manufacturer, [(0x4c, vec![2, 0x15])]);
    }

    #[test]
    fn a_long_uuid_is_read_from_its_end() {
        let payload = parse("1107015ea9c0e1570b9d534c646b9e0a1c7e");
        assert_eq!(payload.uuids, [protocol::air::SERVICE_UUID]);
    }

    #[test]
    fn what_stands_before_a_broken_structure_counts() {
        let payload = parse("0201061dff4c00");
        assert_eq!(payload.flags, Some(6));
        assert!(payload.manufacturer.is_empty());
        assert_eq!(parse("00020106"), Payload::default());
    }
}
