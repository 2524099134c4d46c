//! From a controller's event to advertisements.
//!
//! In: events, and when they came. Out: the [`Advertisement`]s in them.
//! Promises: every report is an advertisement, a part of one, or counted by reason; an event that
//! breaks the rules is counted, after what was whole in it.
//! Invariant: total over any bytes; allocates nothing.

use super::{
    super::{Advertisement, RadioKeys},
    parts::{Joined, Parts},
};
use crate::{
    clock::Monotonic,
    counts::Counters,
    hci::{self, Report},
};

/// One controller's reports.
#[derive(Debug)]
pub(super) struct Hearing {
    keys: RadioKeys,
    parts: Parts,
    counts: Counters,
}

impl Hearing {
    pub(super) fn new(keys: RadioKeys, counts: Counters) -> Self {
        Self {
            keys,
            parts: Parts::default(),
            counts,
        }
    }

    /// The advertisements of an event without its packet indicator.
    pub(super) fn adverts<'a>(
        &'a mut self,
        now: Monotonic,
        event: &'a [u8],
    ) -> impl Iterator<Item = Advertisement> + 'a {
        // A length that lies would let reports be read from what is not there.
        let is_whole = matches!(event, [_, len, rest @ ..] if usize::from(*len) == rest.len());
        if !is_whole {
            self.counts.bad_line();
        }
        let event = if is_whole { event } else { &[] };
        hci::reports(event).filter_map(move |report| match report {
            Ok(report) => self.advert(now, &report),
            Err(hci::Truncated) => {
                self.counts.bad_line();
                None
            }
        })
    }

    fn advert(&mut self, now: Monotonic, report: &Report) -> Option<Advertisement> {
        let lost = self.parts.lost_total();
        let joined = self.parts.join(report);
        if self.parts.lost_total() > lost {
            self.counts.cut_off();
        }
        let ad = match joined {
            Joined::Whole(ad) => ad,
            Joined::CutOff(ad) => {
                self.counts.cut_off();
                ad
            }
            Joined::Waits => return None,
        };
        let Some(rssi_dbm) = report.rssi_dbm else {
            self.counts.without_strength();
            return None;
        };
        Some(Advertisement {
            ad,
            rssi_dbm,
            heard_at: now,
            radio: self.keys.of(&report.address),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use protocol::{Eid, Frame, air::encode};

    use super::*;
    use crate::source::hci::packet::Answer;

    fn hearing() -> (Hearing, Counters) {
        let counts = Counters::default();
        (Hearing::new(RadioKeys::default(), counts.clone()), counts)
    }

    /// A legacy report.
    fn event(ad: &[u8], rssi_dbm: i8) -> Vec<u8> {
        let len = u8::try_from(ad.len()).unwrap();
        let head = [0x3e, len + 12, 2, 1, 3, 1, 1, 0, 0, 0, 0, 0xc0, len];
        [&head[..], ad, &[rssi_dbm.cast_unsigned()]].concat()
    }

    fn heard(hearing: &mut Hearing, event: &[u8]) -> usize {
        hearing.adverts(Monotonic(7), event).count()
    }

    #[test]
    fn a_report_without_a_strength_is_counted_and_not_heard() {
        let (mut hearing, counts) = hearing();
        assert_eq!(heard(&mut hearing, &event(&[2, 1, 6], -60)), 1);
        assert_eq!(heard(&mut hearing, &event(&[2, 1, 6], 127)), 0);
        assert_eq!(counts.without_strength_total(), 1);
        assert_eq!(counts.snapshot().malformed_total, 1);
    }

    #[test]
    fn every_event_whose_length_lies_is_counted() {
        let (mut hearing, counts) = hearing();
        let event = event(&[2, 1, 6], -60);
        for cut in 0..event.len() {
            assert_eq!(heard(&mut hearing, &event[..cut]), 0, "cut at {cut}");
        }
        assert_eq!(
            counts.bad_lines_total(),
            u64::try_from(event.len()).unwrap()
        );
    }

    #[test]
    fn nothing_is_allocated() {
        let (mut hearing, _) = hearing();
        let eid = Eid([7; 8]);
        let ad = encode(&Frame::Welkom {
            eid,
            tx_power_dbm: -59,
        });
        let event = event(&ad, -60);
        let counted = allocation_counter::measure(|| {
            for _ in 0..100 {
                assert_eq!(heard(&mut hearing, &event), 1);
            }
        });
        assert_eq!(counted.count_total, 0);
    }

    proptest! {
        /// Bytes that look like reports at first, and then are anything.
        #[test]
        fn bytes_of_any_kind_are_no_panic(
            kind in prop_oneof![Just(0x02_u8), Just(0x0d), any::<u8>()],
            events in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..255), 1..8),
            honest in any::<bool>(),
        ) {
            let (mut hearing, counts) = hearing();
            for rest in events {
                let len = if honest { rest.len() + 1 } else { rest.len() };
                let mut event = vec![0x3e, u8::try_from(len).unwrap(), kind];
                event.extend(rest);
                let _ = Answer::of(&event);
                heard(&mut hearing, &event);
            }
            prop_assert!(honest || counts.bad_lines_total() > 0);
        }
    }
}
