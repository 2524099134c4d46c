//! Advertising reports as a Bluetooth controller gives them.
//!
//! In: an HCI event. Out: the [`Report`]s in it.
//! Source: Core specification, volume 4, part E, 7.7.65.2 (LE Advertising Report) and 7.7.65.13
//! (LE Extended Advertising Report).
//! Promises: total over any bytes; the reports before a broken one are given, then the error.
//! Invariant: allocates nothing.

use std::fmt;

use protocol::air::AdData;

const LE_META: u8 = 0x3e;
const ADVERTISING_REPORT: u8 = 0x02;
const EXTENDED_ADVERTISING_REPORT: u8 = 0x0d;
/// "RSSI is not available."
const RSSI_NOT_AVAILABLE: i8 = 127;

/// One reception, as the controller tells it.
#[derive(Debug, Clone, Copy)]
pub struct Report {
    /// Who sent it.
    pub address: Address,
    /// What kind of address that is.
    pub address_type: AddressType,
    /// Received signal strength; none if the controller does not know it.
    pub rssi_dbm: Option<i8>,
    /// The advertising data; of an extended advertisement perhaps only a part of it.
    pub ad: AdData,
    /// In an extended report.
    pub extended: bool,
    /// Which of its advertising sets; 0 for a legacy report.
    pub set: u8,
    /// What `ad` is of the whole.
    pub part: Part,
}

/// A long advertisement comes in several reports, the last of which says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// All of it, or the last of several parts.
    Last,
    /// More will follow.
    More,
    /// The controller lost the rest.
    CutOff,
}

impl Part {
    /// Bits 5 and 6 of an extended report's event type.
    fn of(event_type: u16) -> Self {
        match event_type >> 5 & 0b11 {
            0b00 => Self::Last,
            0b01 => Self::More,
            _ => Self::CutOff,
        }
    }
}

/// A device's address; shown as `c0:ff:ee:00:00:01`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Address([u8; 6]);

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}
impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Address(…)")
    }
}

/// The kinds of addresses that a report tells apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressType {
    /// Public device address.
    Public,
    /// Random device address.
    Random,
    /// Public identity address, resolved by the controller.
    PublicIdentity,
    /// Random identity address, resolved by the controller.
    RandomIdentity,
    /// No address: the advertisement carries none.
    Anonymous,
    /// A number that the specification reserves.
    Reserved,
}

impl AddressType {
    fn of(byte: u8) -> Self {
        match byte {
            0x00 => Self::Public,
            0x01 => Self::Random,
            0x02 => Self::PublicIdentity,
            0x03 => Self::RandomIdentity,
            0xff => Self::Anonymous,
            _ => Self::Reserved,
        }
    }

    /// As in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Random => "random",
            Self::PublicIdentity => "public-identity",
            Self::RandomIdentity => "random-identity",
            Self::Anonymous => "anonymous",
            Self::Reserved => "reserved",
        }
    }
}

/// An advertising report that ends too early.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an advertising report that ends too early")]
pub struct Truncated;

/// The reports of one HCI event, without the packet indicator; none if it is another event.
pub fn reports(event: &[u8]) -> impl Iterator<Item = Result<Report, Truncated>> + '_ {
    let (extended, mut left, mut rest) = match event {
        [LE_META, _len, ADVERTISING_REPORT, count, rest @ ..] => (false, *count, rest),
        [LE_META, _len, EXTENDED_ADVERTISING_REPORT, count, rest @ ..] => (true, *count, rest),
        _ => (false, 0, &[][..]),
    };
    std::iter::from_fn(move || {
        left = left.checked_sub(1)?;
        let read = if extended {
            extended_report(rest)
        } else {
            report(rest)
        };
        match read {
            Some((report, after)) => {
                rest = after;
                Some(Ok(report))
            }
            None => {
                left = 0;
                Some(Err(Truncated))
            }
        }
    })
}

/// Event type, address type, address, length, data, RSSI.
fn report(bytes: &[u8]) -> Option<(Report, &[u8])> {
    let (&[_event_type, address_type], rest) = bytes.split_first_chunk()?;
    let (address, rest) = rest.split_first_chunk()?;
    let (&len, rest) = rest.split_first()?;
    let (data, rest) = rest.split_at_checked(usize::from(len))?;
    let (&rssi, rest) = rest.split_first()?;
    let report = Report {
        address: address_of(*address),
        address_type: AddressType::of(address_type),
        rssi_dbm: rssi_of(rssi),
        ad: AdData::from_bytes(data).ok()?,
        extended: false,
        set: 0,
        part: Part::Last,
    };
    Some((report, rest))
}

/// Event type (2), address type, address, two PHYs, set id, power, RSSI, interval (2), direct
/// address type and address (7), length, data.
fn extended_report(bytes: &[u8]) -> Option<(Report, &[u8])> {
    let (&[kind_low, kind_high, address_type], rest) = bytes.split_first_chunk()?;
    let (address, rest) = rest.split_first_chunk()?;
    let (&[_phy1, _phy2, set, _power, rssi], rest) = rest.split_first_chunk()?;
    let (_interval_and_direct_address, rest) = rest.split_first_chunk::<9>()?;
    let (&len, rest) = rest.split_first()?;
    let (data, rest) = rest.split_at_checked(usize::from(len))?;
    let report = Report {
        address: address_of(*address),
        address_type: AddressType::of(address_type),
        rssi_dbm: rssi_of(rssi),
        ad: AdData::from_bytes(data).ok()?,
        extended: true,
        set,
        part: Part::of(u16::from_le_bytes([kind_low, kind_high])),
    };
    Some((report, rest))
}

/// Addresses travel with the last byte first.
fn address_of(mut bytes: [u8; 6]) -> Address {
    bytes.reverse();
    Address(bytes)
}

fn rssi_of(byte: u8) -> Option<i8> {
    let rssi_dbm = byte.cast_signed();
    (rssi_dbm != RSSI_NOT_AVAILABLE).then_some(rssi_dbm)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(text: &str) -> Vec<u8> {
        hex::decode(text.replace(' ', "")).unwrap()
    }

    #[test]
    fn two_legacy_reports_in_one_event() {
        let event = event(
            "3e 19 02 02 00 01 0100000000c0 03 020106 c4 \
             04 00 0200000000d0 00 7f",
        );
        let reports: Vec<_> = reports(&event).map(Result::unwrap).collect();
        let [first, second] = &reports[..] else {
            panic!("{reports:?}");
        };
        assert_eq!(first.address.to_string(), "c0:00:00:00:00:01");
        assert_eq!(first.address_type, AddressType::Random);
        assert_eq!(
            (first.rssi_dbm, first.ad.as_bytes()),
            (Some(-60), &[2, 1, 6][..])
        );
        assert_eq!((second.rssi_dbm, second.ad.as_bytes()), (None, &[][..]));
    }

    #[test]
    fn an_extended_report() {
        let event =
            event("3e 1d 0d 01 1300 00 0100000000c0 01 00 ff 7f b5 0000 00 000000000000 03 020106");
        let report = reports(&event).next().unwrap().unwrap();
        assert!(report.extended);
        assert_eq!(report.rssi_dbm, Some(-75));
        assert_eq!(report.ad.as_bytes(), [2, 1, 6]);
        assert_eq!((report.set, report.part), (0xff, Part::Last));
    }

    #[test]
    fn a_part_says_whether_more_follows() {
        for (kind, part) in [("00", Part::Last), ("20", Part::More), ("40", Part::CutOff)] {
            let event = event(&format!(
                "3e 1a 0d 01 {kind}00 01 0100000000c0 01 00 02 7f b5 0000 00 000000000000 00"
            ));
            let report = reports(&event).next().unwrap().unwrap();
            assert_eq!((report.set, report.part), (2, part));
        }
    }

    #[test]
    fn every_cut_of_an_event_is_an_error_after_what_was_whole() {
        let event = event("3e 19 02 02 00 01 0100000000c0 03 020106 c4 04 00 0200000000d0 00 c3");
        for cut in 4..event.len() {
            let read: Vec<_> = reports(&event[..cut]).collect();
            assert!(read.last().is_some_and(Result::is_err), "cut at {cut}");
            assert_eq!(read.len(), 1 + usize::from(cut >= 17), "cut at {cut}");
        }
    }

    #[test]
    fn other_events_have_no_reports() {
        assert_eq!(reports(&[0x0f, 4, 0, 1, 0, 0]).count(), 0);
        assert_eq!(reports(&[]).count(), 0);
    }
}
