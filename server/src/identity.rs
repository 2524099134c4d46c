//! Who advertises: rotating identities to customers.
//!
//! In: radios with their keys, from the store; an identity and the time it was heard.
//! Out: the radio and the customer, or nothing.
//! The table holds the identities that are on the air now. It is rolled over step by step: each
//! second only the devices whose quantum begins or ends then are touched, a 512th of them.
//! Identities of the past, for a backlog, are built for a window of 512 s when one is asked for.
//! Invariant: an identity resolves only within its quantum and the clock tolerance, and only while
//! its radio was valid; a key never leaves this room.

mod given;

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, PoisonError},
};

use protocol::{
    CustomerId, Eid, EidKey, RadioId, Transmitter,
    eid::{CLOCK_TOLERANCE_S, QUANTUM_S, ROTATION_EXPONENT, device_time_s, quantum_start},
};

use self::given::Given;
use crate::{home::Identities, store::people::RadioRow};

/// Windows of the past that are kept, 512 s each. A drained backlog comes in order, so few serve.
const PAST_WINDOWS_MAX: usize = 4;

/// No identity is looked for further back than this: spools are drained within days.
const PAST_S_MAX: u64 = 14 * 86_400;

/// Whom an identity belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resolved {
    /// By which radio.
    pub radio: RadioId,
    /// Who.
    pub customer: CustomerId,
}

/// The identities of all radios.
#[derive(Default)]
pub struct Identity {
    table: Mutex<Table>,
}

struct Known {
    radio: RadioId,
    customer: CustomerId,
    key: EidKey,
    offset_s: u32,
    valid_from_ms: u64,
    valid_to_ms: u64,
}

/// Which radio, and when in its own time the identity's quantum begins.
type Entry = (u32, u32);

#[derive(Default)]
struct Table {
    known: Vec<Option<Known>>,
    by_radio: HashMap<RadioId, u32>,
    by_customer: HashMap<CustomerId, Vec<u32>>,
    current: HashMap<Eid, Entry>,
    /// Devices by the second of the Unix clock, modulo the quantum, at which they rotate.
    by_phase: Vec<Vec<u32>>,
    rolled_to_s: u64,
    past: VecDeque<(u64, HashMap<Eid, Entry>)>,
    given: Given,
}

impl Identity {
    /// Builds the table of `now_ms` from all radios.
    pub fn load(radios: &[RadioRow], now_ms: u64) -> Self {
        let identity = Self::default();
        identity.add(radios, now_ms);
        identity
    }

    /// Adds radios, or changes how long they are valid.
    pub fn add(&self, radios: &[RadioRow], now_ms: u64) {
        let mut table = self.lock();
        table.roll_to(now_ms / 1_000);
        for radio in radios {
            table.add(radio);
        }
        table.past.clear();
    }

    /// Takes over identities of radios whose keys are elsewhere, all of them: what was given before
    /// goes.
    pub fn give(&self, all: &[Identities]) {
        self.lock().given.replace(all);
    }

    /// Forgets all radios of a customer.
    pub fn forget(&self, customer: CustomerId) {
        self.lock().forget(customer);
    }

    /// How many radios are known.
    pub fn len(&self) -> usize {
        self.lock().by_radio.len()
    }

    /// Whether none is known.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Resolves what one batch heard: pairs of transmitter and time, in one go.
    pub fn resolve_all(
        &self,
        now_ms: u64,
        heard: impl Iterator<Item = (Transmitter, u64)>,
    ) -> Vec<Option<Resolved>> {
        let mut table = self.lock();
        table.roll_to(now_ms / 1_000);
        heard
            .map(|(transmitter, heard_ms)| match transmitter {
                Transmitter::Eid(eid) => table.resolve(eid, heard_ms, now_ms),
                // Fixed beacons name nobody.
                Transmitter::IBeacon { .. }
                | Transmitter::AltBeacon { .. }
                | Transmitter::EddystoneUid { .. } => None,
            })
            .collect()
    }

    /// Resolves one identity as of `heard_ms`.
    pub fn resolve(&self, eid: Eid, heard_ms: u64, now_ms: u64) -> Option<Resolved> {
        let mut table = self.lock();
        table.roll_to(now_ms / 1_000);
        table.resolve(eid, heard_ms, now_ms)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Table> {
        // Every change leaves the table whole, so a poisoned lock loses nothing.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    /// The identity whose quantum holds `unix_s`, and that quantum's start in device time.
    fn at(&self, unix_s: u64) -> (Eid, u32) {
        let start = quantum_start(device_time_s(unix_s, self.offset_s), ROTATION_EXPONENT);
        (self.key.eid(start, ROTATION_EXPONENT), start)
    }

    /// The second, modulo the quantum, at which its quanta begin.
    fn phase(&self) -> usize {
        let into = self.offset_s % QUANTUM_S;
        ((QUANTUM_S - into) % QUANTUM_S) as usize
    }

    fn was_valid(&self, heard_ms: u64) -> bool {
        let tolerance_ms = u64::from(CLOCK_TOLERANCE_S) * 1_000;
        (self.valid_from_ms.saturating_sub(tolerance_ms)..=self.valid_to_ms).contains(&heard_ms)
    }

    /// Whether the quantum that starts at `start` was on the air at `heard_ms`, give or take the
    /// clock tolerance. Device time wraps around at 2^32.
    fn was_on_air(&self, start: u32, heard_ms: u64) -> bool {
        let into = device_time_s(heard_ms / 1_000, self.offset_s)
            .wrapping_sub(start.wrapping_sub(CLOCK_TOLERANCE_S));
        into < QUANTUM_S + 2 * CLOCK_TOLERANCE_S
    }
}

impl Table {
    fn add(&mut self, row: &RadioRow) {
        let known = Known {
            radio: row.radio,
            customer: row.customer,
            key: row.key,
            offset_s: row.clock_offset_s,
            valid_from_ms: row.valid_from_ms,
            valid_to_ms: row.valid_to_ms.unwrap_or(u64::MAX),
        };
        if let Some(&index) = self.by_radio.get(&row.radio) {
            self.known[index as usize] = Some(known);
            return;
        }
        let Ok(index) = u32::try_from(self.known.len()) else {
            return;
        };
        self.by_phase.resize_with(QUANTUM_S as usize, Vec::new);
        self.by_phase[known.phase()].push(index);
        for unix_s in self.edges(self.rolled_to_s) {
            let (eid, start) = known.at(unix_s);
            self.current.insert(eid, (index, start));
        }
        self.by_radio.insert(row.radio, index);
        self.by_customer
            .entry(row.customer)
            .or_default()
            .push(index);
        self.known.push(Some(known));
    }

    /// The moments whose quanta must be on the table at `now_s`.
    fn edges(&self, now_s: u64) -> [u64; 2] {
        let tolerance = u64::from(CLOCK_TOLERANCE_S);
        [now_s.saturating_sub(tolerance), now_s + tolerance]
    }

    fn forget(&mut self, customer: CustomerId) {
        self.given.forget(customer);
        for index in self.by_customer.remove(&customer).unwrap_or_default() {
            if let Some(known) = self.known[index as usize].take() {
                self.by_radio.remove(&known.radio);
            }
        }
        self.current
            .retain(|_, (index, _)| self.known[*index as usize].is_some());
        self.past.clear();
    }

    fn roll_to(&mut self, now_s: u64) {
        if now_s <= self.rolled_to_s {
            return;
        }
        if now_s - self.rolled_to_s >= u64::from(QUANTUM_S) {
            self.rebuild(now_s);
        } else {
            for second in self.rolled_to_s + 1..=now_s {
                self.roll_second(second);
            }
        }
        self.rolled_to_s = now_s;
    }

    fn rebuild(&mut self, now_s: u64) {
        self.current.clear();
        for (index, known) in (0u32..).zip(&self.known) {
            let Some(known) = known else { continue };
            for unix_s in self.edges(now_s) {
                let (eid, start) = known.at(unix_s);
                self.current.insert(eid, (index, start));
            }
        }
    }

    /// One second: quanta that begin within the tolerance come in, those that ended longer ago
    /// than it go out.
    fn roll_second(&mut self, second: u64) {
        let quantum = u64::from(QUANTUM_S);
        let begins = second + u64::from(CLOCK_TOLERANCE_S);
        for &index in self
            .by_phase
            .get((begins % quantum) as usize)
            .into_iter()
            .flatten()
        {
            if let Some(known) = &self.known[index as usize] {
                let (eid, start) = known.at(begins);
                self.current.insert(eid, (index, start));
            }
        }
        let Some(ended) = second.checked_sub(u64::from(CLOCK_TOLERANCE_S) + 1) else {
            return;
        };
        for &index in self
            .by_phase
            .get(((ended + 1) % quantum) as usize)
            .into_iter()
            .flatten()
        {
            if let Some(known) = &self.known[index as usize] {
                self.current.remove(&known.at(ended).0);
            }
        }
    }

    fn resolve(&mut self, eid: Eid, heard_ms: u64, now_ms: u64) -> Option<Resolved> {
        if let Some(entry) = self.current.get(&eid) {
            return self.judge(*entry, heard_ms);
        }
        if let Some(who) = self.given.resolve(eid, heard_ms) {
            return Some(who);
        }
        let (heard_s, now_s) = (heard_ms / 1_000, now_ms / 1_000);
        let recent = heard_s + u64::from(CLOCK_TOLERANCE_S) > now_s;
        if recent || heard_s + PAST_S_MAX < now_s {
            return None;
        }
        let entry = self
            .past_window(heard_s / u64::from(QUANTUM_S))
            .get(&eid)
            .copied();
        self.judge(entry?, heard_ms)
    }

    fn judge(&self, (index, start): Entry, heard_ms: u64) -> Option<Resolved> {
        let known = self.known.get(index as usize)?.as_ref()?;
        (known.was_on_air(start, heard_ms) && known.was_valid(heard_ms)).then_some(Resolved {
            radio: known.radio,
            customer: known.customer,
        })
    }

    /// All identities that may have been heard in `window`: the quanta at its edges and between.
    fn past_window(&mut self, window: u64) -> &HashMap<Eid, Entry> {
        if let Some(at) = self.past.iter().position(|(w, _)| *w == window)
            && let Some(found) = self.past.remove(at)
        {
            self.past.push_back(found);
        } else {
            self.past.push_back((window, self.identities_of(window)));
            if self.past.len() > PAST_WINDOWS_MAX {
                self.past.pop_front();
            }
        }
        let last = self.past.len() - 1;
        &self.past[last].1
    }

    fn identities_of(&self, window: u64) -> HashMap<Eid, Entry> {
        let (quantum, tolerance) = (u64::from(QUANTUM_S), u64::from(CLOCK_TOLERANCE_S));
        let from = (window * quantum).saturating_sub(tolerance);
        let to = (window + 1) * quantum + tolerance;
        let mut identities = HashMap::with_capacity(self.known.len() * 2);
        for (index, known) in (0u32..).zip(&self.known) {
            let Some(known) = known else { continue };
            for unix_s in [from, from + quantum, to] {
                let (eid, start) = known.at(unix_s);
                identities.insert(eid, (index, start));
            }
        }
        identities
    }
}

#[cfg(test)]
mod tests {
    use protocol::DeviceId;
    use uuid::Uuid;

    use super::*;

    const NOW_S: u64 = 1_800_000_000;

    fn radio(n: u8, offset_s: u32) -> RadioRow {
        RadioRow {
            radio: RadioId(Uuid::from_u128(n.into())),
            device: DeviceId(Uuid::from_u128(n.into())),
            customer: CustomerId(Uuid::from_u128(n.into())),
            key: EidKey([n; 16]),
            clock_offset_s: offset_s,
            valid_from_ms: 0,
            valid_to_ms: None,
        }
    }

    fn advertised(row: &RadioRow, unix_s: u64) -> Eid {
        row.key
            .eid(device_time_s(unix_s, row.clock_offset_s), ROTATION_EXPONENT)
    }

    #[test]
    fn each_identity_resolves_through_days_of_rolling() {
        let rows: Vec<_> = (1..=40).map(|n| radio(n, u32::from(n) * 77_777)).collect();
        let identity = Identity::load(&rows, NOW_S * 1_000);
        // Steps that are no divisor of the quantum, so that every phase comes by.
        for step in 0..3_000u64 {
            let now_s = NOW_S + step * 13;
            let row = &rows[(step % 40) as usize];
            let found = identity.resolve(advertised(row, now_s), now_s * 1_000, now_s * 1_000);
            assert_eq!(
                found.map(|r| r.radio),
                Some(row.radio),
                "after {step} steps"
            );
        }
    }

    #[test]
    fn table_stays_at_two_identities_a_radio_at_most() {
        let rows: Vec<_> = (1..=50).map(|n| radio(n, u32::from(n) * 999)).collect();
        let identity = Identity::load(&rows, NOW_S * 1_000);
        for second in 0..2_000 {
            identity.resolve(Eid([0; 8]), NOW_S * 1_000, (NOW_S + second) * 1_000);
            assert!(identity.lock().current.len() <= 100, "after {second} s");
        }
    }

    #[test]
    fn clocks_may_differ_by_a_minute_and_no_more() {
        let row = radio(1, 0);
        let identity = Identity::load(std::slice::from_ref(&row), NOW_S * 1_000);
        let start = NOW_S - NOW_S % 512 + 512;
        let eid = advertised(&row, start);
        let at = |s: u64| identity.resolve(eid, s * 1_000, s * 1_000).is_some();
        assert!(!at(start - 61));
        assert!(at(start - 60) && at(start) && at(start + 511 + 60));
        assert!(!at(start + 512 + 60));
    }

    #[test]
    fn backlog_of_three_hours_resolves_as_of_then() {
        let rows = [radio(1, 5), radio(2, 300)];
        let identity = Identity::load(&rows, NOW_S * 1_000);
        for back in [700, 3_600, 3 * 3_600, 86_400] {
            let heard_s = NOW_S - back;
            let found = identity.resolve(
                advertised(&rows[1], heard_s),
                heard_s * 1_000,
                NOW_S * 1_000,
            );
            assert_eq!(found.map(|r| r.radio), Some(rows[1].radio), "{back} s back");
        }
    }

    #[test]
    fn an_old_identity_replayed_now_is_nobody() {
        let row = radio(1, 0);
        let identity = Identity::load(std::slice::from_ref(&row), NOW_S * 1_000);
        let old = advertised(&row, NOW_S - 3_600);
        assert_eq!(identity.resolve(old, NOW_S * 1_000, NOW_S * 1_000), None);
    }

    #[test]
    fn a_replaced_key_resolves_until_it_ended() {
        let mut row = radio(1, 0);
        row.valid_to_ms = Some(NOW_S * 1_000 + 5_000);
        let identity = Identity::load(std::slice::from_ref(&row), NOW_S * 1_000);
        let eid = advertised(&row, NOW_S);
        assert!(
            identity
                .resolve(eid, NOW_S * 1_000, NOW_S * 1_000)
                .is_some()
        );
        assert!(
            identity
                .resolve(eid, NOW_S * 1_000 + 6_000, NOW_S * 1_000 + 6_000)
                .is_none()
        );
    }

    #[test]
    fn a_forgotten_customer_is_nobody_now_and_in_the_past() {
        let row = radio(1, 0);
        let identity = Identity::load(std::slice::from_ref(&row), NOW_S * 1_000);
        identity.forget(row.customer);
        let (now_ms, then_s) = (NOW_S * 1_000, NOW_S - 5_000);
        assert_eq!(
            identity.resolve(advertised(&row, NOW_S), now_ms, now_ms),
            None
        );
        assert_eq!(
            identity.resolve(advertised(&row, then_s), then_s * 1_000, now_ms),
            None
        );
    }
}
