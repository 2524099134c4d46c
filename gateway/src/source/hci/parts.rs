//! Joins the parts of a long advertisement.
//!
//! In: reports in the order of the controller. Out: each advertisement once, whole; one that was
//! cut off, as far as it came: our layouts stand in the first 31 bytes.
//! Promises: at most [`OPEN_MAX`] are open at once, the one that waited longest goes first.
//! Invariant: allocates nothing.

use protocol::air::{AD_LEN_MAX, AdData};

use crate::hci::{Address, Part, Report};

/// Long advertisements that wait for their next part. A controller reports the parts of one
/// directly one after the other; more than a few of them open are remnants.
const OPEN_MAX: usize = 4;

/// What a report came to.
#[derive(Debug, Clone, Copy)]
pub(super) enum Joined {
    /// An advertisement that is complete.
    Whole(AdData),
    /// One whose end is missing.
    CutOff(AdData),
    /// A part; more will follow.
    Waits,
}

/// Those that are open.
#[derive(Debug, Default)]
pub(super) struct Parts {
    open: [Option<Open>; OPEN_MAX],
    /// Where the next one goes: round and round.
    next: usize,
    lost_total: u64,
}

#[derive(Debug, Clone, Copy)]
struct Open {
    address: Address,
    set: u8,
    bytes: [u8; AD_LEN_MAX],
    len: usize,
    /// More came than an advertisement of ours can be.
    overfull: bool,
}

impl Parts {
    /// Takes a report.
    pub(super) fn join(&mut self, report: &Report) -> Joined {
        let place = self.place_of(report);
        match (place, report.part) {
            (None, Part::Last) => Joined::Whole(report.ad),
            (None, Part::CutOff) => Joined::CutOff(report.ad),
            (None, Part::More) => {
                self.begin(report);
                Joined::Waits
            }
            (Some(place), part) => {
                let Some(open) = &mut self.open[place] else {
                    return Joined::Waits;
                };
                open.add(report.ad.as_bytes());
                if part == Part::More {
                    return Joined::Waits;
                }
                let (ad, is_whole) = (open.ad(), part == Part::Last && !open.overfull);
                self.open[place] = None;
                if is_whole {
                    Joined::Whole(ad)
                } else {
                    Joined::CutOff(ad)
                }
            }
        }
    }

    /// Advertisements whose end never came.
    pub(super) fn lost_total(&self) -> u64 {
        self.lost_total
    }

    fn place_of(&self, report: &Report) -> Option<usize> {
        // Nearly always nothing is open.
        let is_it = |open: &Open| open.address == report.address && open.set == report.set;
        let mut open = self.open.iter();
        open.position(|open| open.as_ref().is_some_and(is_it))
    }

    fn begin(&mut self, report: &Report) {
        let mut open = Open {
            address: report.address,
            set: report.set,
            bytes: [0; AD_LEN_MAX],
            len: 0,
            overfull: false,
        };
        open.add(report.ad.as_bytes());
        if self.open[self.next].replace(open).is_some() {
            self.lost_total += 1;
        }
        self.next = (self.next + 1) % OPEN_MAX;
    }
}

impl Open {
    fn add(&mut self, part: &[u8]) {
        let room = AD_LEN_MAX - self.len;
        let taken = part.len().min(room);
        self.bytes[self.len..self.len + taken].copy_from_slice(&part[..taken]);
        self.len += taken;
        self.overfull |= taken < part.len();
    }

    fn ad(&self) -> AdData {
        // It is no longer than an advertisement may be.
        AdData::from_bytes(&self.bytes[..self.len]).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hci;

    /// A part of 200 bytes, each of which is its number.
    fn part(address: u8, set: u8, kind: u8, number: u8) -> Report {
        let mut event = vec![0x3e, 228, 0x0d, 1, kind, 0, 1, address, 0, 0, 0, 0, 0xc0];
        event.extend([1, 0, set, 0x7f, 0xb5]);
        event.extend([0; 9]);
        event.push(100);
        event.extend([number; 100]);
        hci::reports(&event).next().unwrap().unwrap()
    }

    const LAST: u8 = 0;
    const MORE: u8 = 0x20;
    const CUT_OFF: u8 = 0x40;

    #[test]
    fn parts_of_two_sets_are_joined_each_by_itself() {
        let mut parts = Parts::default();
        assert!(matches!(parts.join(&part(1, 0, MORE, 1)), Joined::Waits));
        assert!(matches!(parts.join(&part(1, 1, MORE, 2)), Joined::Waits));
        let Joined::Whole(ad) = parts.join(&part(1, 0, LAST, 3)) else {
            panic!("not joined");
        };
        assert_eq!(ad.as_bytes(), [[1; 100], [3; 100]].concat());
        let Joined::CutOff(ad) = parts.join(&part(1, 1, CUT_OFF, 4)) else {
            panic!("not cut off");
        };
        assert_eq!(ad.as_bytes(), [[2; 100], [4; 100]].concat());
        let alone = parts.join(&part(1, 0, LAST, 5));
        assert!(matches!(alone, Joined::Whole(ad) if ad.as_bytes() == [5; 100]));
    }

    #[test]
    fn more_than_fits_is_cut_off() {
        let mut parts = Parts::default();
        parts.join(&part(1, 0, MORE, 1));
        parts.join(&part(1, 0, MORE, 2));
        let joined = parts.join(&part(1, 0, LAST, 3));
        assert!(matches!(joined, Joined::CutOff(ad) if ad.as_bytes().len() == AD_LEN_MAX));
    }

    #[test]
    fn remnants_make_room_and_are_counted() {
        let mut parts = Parts::default();
        for address in 0..10 {
            parts.join(&part(address, 0, MORE, 1));
        }
        assert_eq!(parts.lost_total(), 6);
    }
}
