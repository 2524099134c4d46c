//! Advertising data of a fixed size, built structure by structure.
//!
//! In: structures, or what a Bluetooth stack has already taken apart. Out: the bytes as they
//! would stand in an advertisement. Promises: what does not fit is refused, not cut.
//! Invariant: allocates nothing.

use uuid::{Uuid, uuid};

use super::ad_type;

/// Bytes of advertising data at most: what one extended advertising PDU carries (Core
/// specification, volume 6, part B, 2.3.4.9). Our layouts need 31.
pub const AD_LEN_MAX: usize = 254;

/// What 16-bit UUIDs abbreviate (Core specification, volume 3, part B, 2.5.1).
const BASE: Uuid = uuid!("00000000-0000-1000-8000-00805f9b34fb");

/// Advertising data, on the stack.
#[derive(Clone, Copy)]
pub struct AdData {
    bytes: [u8; AD_LEN_MAX],
    len: u8,
}

/// More than [`AD_LEN_MAX`] bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("more than {AD_LEN_MAX} bytes of advertising data")]
pub struct AdFull;

impl AdData {
    /// No structure yet.
    pub const fn new() -> Self {
        Self {
            bytes: [0; AD_LEN_MAX],
            len: 0,
        }
    }

    /// Bytes as they came over the air.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, AdFull> {
        let mut data = Self::new();
        data.bytes
            .get_mut(..bytes.len())
            .ok_or(AdFull)?
            .copy_from_slice(bytes);
        data.len = u8::try_from(bytes.len()).map_err(|_| AdFull)?;
        Ok(data)
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    /// Adds one structure: length, type, and the parts of its data one behind the other.
    pub fn push(&mut self, kind: u8, parts: &[&[u8]]) -> Result<(), AdFull> {
        let data_len: usize = parts.iter().map(|part| part.len()).sum();
        let structure_len = u8::try_from(data_len + 1).map_err(|_| AdFull)?;
        let start = usize::from(self.len);
        let end = start + 1 + usize::from(structure_len);
        let mut room = self.bytes.get_mut(start..end).ok_or(AdFull)?;
        for part in [&[structure_len, kind][..]].iter().chain(parts) {
            let (head, tail) = room.split_at_mut(part.len());
            head.copy_from_slice(part);
            room = tail;
        }
        self.len = u8::try_from(end).map_err(|_| AdFull)?;
        Ok(())
    }

    /// Adds a manufacturer's data.
    pub fn push_manufacturer(&mut self, company_id: u16, data: &[u8]) -> Result<(), AdFull> {
        self.push(ad_type::MANUFACTURER, &[&company_id.to_le_bytes(), data])
    }

    /// Adds service data; under a 16-bit UUID if `uuid` abbreviates to one.
    pub fn push_service_data(&mut self, uuid: Uuid, data: &[u8]) -> Result<(), AdFull> {
        match abbreviated(uuid) {
            Some(short) => self.push(ad_type::SERVICE_DATA_16, &[&short.to_le_bytes(), data]),
            None => self.push(ad_type::SERVICE_DATA_128, &[&uuid_to_air(uuid), data]),
        }
    }

    /// Adds a list of one 128-bit service UUID.
    pub fn push_service_uuid(&mut self, uuid: Uuid) -> Result<(), AdFull> {
        self.push(ad_type::UUIDS_128_COMPLETE, &[&uuid_to_air(uuid)])
    }
}

impl Default for AdData {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for AdData {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The bytes may be anybody's.
        write!(f, "AdData({} bytes)", self.len)
    }
}

/// The 128-bit UUID that a 16-bit one abbreviates.
pub const fn bluetooth_base(short: u16) -> Uuid {
    Uuid::from_u128(BASE.as_u128() | (short as u128) << 96)
}

fn abbreviated(uuid: Uuid) -> Option<u16> {
    let head = uuid.as_u128() >> 96;
    let short = u16::try_from(head).ok()?;
    (bluetooth_base(short) == uuid).then_some(short)
}

/// UUIDs of 128 bits go over the air with the last byte first (volume 3, part C, section 11).
pub(super) fn uuid_of_air(mut bytes: [u8; 16]) -> Uuid {
    bytes.reverse();
    Uuid::from_bytes(bytes)
}

fn uuid_to_air(uuid: Uuid) -> [u8; 16] {
    let mut bytes = uuid.into_bytes();
    bytes.reverse();
    bytes
}
