//! Live sightings: in, from zone to zone, and out.
//!
//! In: observations in the order of arrival. Out: visit changes, questions, cards.
//! Promises: each observation is used, kept for history, or counted in `refused`.
//! Invariant: an observation costs one look-up of the anchor and one of the customer; whatever
//! costs more happens when something changed.

use protocol::{CustomerId, VisitId};

use super::{CUSTOMERS_MAX, StoreEngine, wake_person};
use crate::{
    floor::ZoneIx,
    history::heard,
    input::Observation,
    outcome::{Because, Outcome, VisitChange, Why},
    presence::{Heard, Moved},
    visits::{Person, Visit, purpose},
};

/// Nothing in a shop is heard more strongly: a phone laid on the antenna gives about -25 dBm.
pub(super) const STRENGTH_MAX_DBM: i8 = -20;

/// Clocks may differ by this much before "heard in the future" is taken for nonsense.
pub(super) const AHEAD_MAX_MS: u64 = 2_000;

/// A straggler that is this much older than a visit's beginning may still move it.
const STRAGGLER_MS: u64 = 30_000;

/// When there are too many customers, this many go at once: looking for the oldest takes a walk
/// over all of them, which is too much to do for each newcomer.
const SHED_AT_ONCE: usize = CUSTOMERS_MAX / 64;

/// What a sighting changed, decided while its customer is at hand, acted on after.
enum Change {
    Nothing,
    Entered {
        entered_ms: u64,
    },
    Zone {
        zone: ZoneIx,
        from_ms: u64,
    },
    /// She is in, and nobody can say where.
    Lost {
        from_ms: u64,
    },
    /// A straggler: she was in before we thought.
    Earlier {
        entered_ms: u64,
    },
}

impl StoreEngine {
    pub(super) fn hear(&mut self, sightings: &[Observation], out: &mut Outcome) {
        let mut late = Vec::new();
        for seen in sightings {
            if !self.is_plausible(seen) {
                out.refused.implausible += 1;
            } else if seen.late {
                late.push(seen);
            } else {
                self.observe(seen, out);
            }
        }
        if !late.is_empty() {
            self.gather_late(&late, out);
        }
    }

    fn is_plausible(&self, seen: &Observation) -> bool {
        (seen.certain || seen.rssi_dbm <= STRENGTH_MAX_DBM)
            && seen.heard_last_ms <= self.now_ms + AHEAD_MAX_MS
    }

    fn observe(&mut self, seen: &Observation, out: &mut Outcome) {
        let Some(heard) = heard(&self.floor, seen) else {
            out.refused.unknown_anchor += 1;
            return;
        };
        if !self.admit(seen, out) {
            out.refused.no_consent += 1;
            return;
        }
        match self.believe(seen.customer, &heard) {
            Change::Nothing => {}
            Change::Entered { entered_ms } => self.enter(seen.customer, entered_ms, out),
            Change::Zone { zone, from_ms } => self.change_zone(seen.customer, zone, from_ms, out),
            Change::Lost { from_ms } => self.lose_zone(seen.customer, from_ms, out),
            Change::Earlier { entered_ms } => self.enter_earlier(seen.customer, entered_ms, out),
        }
        if seen.certain {
            self.show_moved(seen.customer, true, out); // she says so herself: look again
        }
    }

    /// Whether she may be followed; begins to follow her if so.
    fn admit(&mut self, seen: &Observation, out: &mut Outcome) -> bool {
        let customer = seen.customer;
        let consent = match self.people.get(&customer) {
            Some(person) => {
                let consent = person.consent_for(seen.heard_last_ms, seen.consent);
                let moved =
                    seen.heard_last_ms >= person.consent_since_ms && seen.consent != person.consent;
                if moved {
                    let since_ms = person.consent_since_ms;
                    self.set_consent(customer, consent, since_ms, out);
                }
                consent
            }
            None => seen.consent,
        };
        if !consent.allows_visit(consent.arrival && self.arrivals.has_open_order(customer)) {
            return false;
        }
        if !self.people.contains_key(&customer) {
            self.make_room(out);
            self.people.insert(customer, Box::new(Person::new(consent)));
        }
        true
    }

    fn believe(&mut self, customer: CustomerId, heard: &Heard) -> Change {
        let Some(person) = self.people.get_mut(&customer) else {
            return Change::Nothing;
        };
        let Person { belief, visit, .. } = &mut **person;
        let entry = belief.hear(&self.floor, heard, &mut self.scratch);
        let change = match (visit.as_ref(), entry) {
            (None, None) => Change::Nothing,
            (None, Some(entered_ms)) => Change::Entered { entered_ms },
            (Some(visit), Some(at)) if at < visit.entered_ms && is_straggler(visit, heard) => {
                Change::Earlier { entered_ms: at }
            }
            (Some(_), _) => match belief.settle(&self.floor, &mut self.scratch) {
                Moved::No => Change::Nothing,
                Moved::To(zone, from_ms) => Change::Zone { zone, from_ms },
                Moved::Lost(from_ms) => Change::Lost { from_ms },
            },
        };
        wake_person(&mut self.wheel, &self.floor, customer, person);
        change
    }

    fn enter(&mut self, customer: CustomerId, entered_ms: u64, out: &mut Outcome) {
        let Some(person) = self.people.get_mut(&customer) else {
            return;
        };
        let visit = VisitId::at(self.now_ms, self.ids.bytes());
        let purpose = purpose(person.consent);
        person.visit = Some(Visit::new(visit, entered_ms, purpose));
        let moved = person.belief.settle(&self.floor, &mut self.scratch);
        let because = person.belief.because();
        let why = person.belief.why(&self.floor, because, self.now_ms);
        self.present += 1;
        out.visits.push(VisitChange::Entered {
            visit,
            customer,
            entered_ms,
            purpose,
            late: false,
            why,
        });
        if let Moved::To(zone, _) = moved {
            self.change_zone(customer, zone, entered_ms, out);
        }
        self.sync_card(customer, out);
        self.wake(customer);
    }

    fn change_zone(&mut self, customer: CustomerId, zone: ZoneIx, from_ms: u64, out: &mut Outcome) {
        let person = self.people.get_mut(&customer).map(|person| &mut **person);
        let Some(Person {
            visit: Some(visit),
            belief,
            ..
        }) = person
        else {
            return;
        };
        let Some(name) = self.floor.zone(zone) else {
            return;
        };
        let from_ms = visit.enter_zone(zone, from_ms);
        out.visits.push(VisitChange::ZoneEntered {
            visit: visit.id,
            zone: name.clone(),
            from_ms,
            why: belief.why(&self.floor, belief.because(), self.now_ms),
        });
        self.ask(customer, out);
        self.show_moved(customer, false, out);
    }

    fn lose_zone(&mut self, customer: CustomerId, from_ms: u64, out: &mut Outcome) {
        let person = self.people.get_mut(&customer).map(|person| &mut **person);
        if let Some(Person {
            visit: Some(visit),
            belief,
            ..
        }) = person
        {
            let from_ms = visit.lose_zone(from_ms);
            out.visits.push(VisitChange::ZoneLost {
                visit: visit.id,
                from_ms,
                why: belief.why(&self.floor, Because::Radio, self.now_ms),
            });
            self.show_moved(customer, false, out);
        }
    }

    fn enter_earlier(&mut self, customer: CustomerId, entered_ms: u64, out: &mut Outcome) {
        let person = self.people.get_mut(&customer);
        if let Some(visit) = person.and_then(|person| person.visit.as_mut()) {
            visit.entered_ms = entered_ms;
            out.visits.push(VisitChange::Revised {
                visit: visit.id,
                entered_ms,
                left_ms: None,
            });
        }
    }

    pub(super) fn show_moved(&mut self, customer: CustomerId, certain: bool, out: &mut Outcome) {
        if self.arrivals.waits(customer)
            && let Some(here) = self.here(customer)
        {
            let (arrivals, desk) = self.desk(out);
            arrivals.moved(desk, customer, here, certain);
        }
    }

    /// She is gone: the visit ends, and her card with it.
    pub(super) fn leave(
        &mut self,
        customer: CustomerId,
        left_ms: u64,
        because: Because,
        out: &mut Outcome,
    ) {
        let why = match self.people.get(&customer) {
            Some(person) => person.belief.why(&self.floor, because, self.now_ms),
            None => Why::only(because, self.now_ms),
        };
        if let Some(visit) = self.end_visit(customer, left_ms) {
            let left_ms = left_ms.max(visit.began_ms());
            out.visits.push(VisitChange::Left {
                visit: visit.id,
                left_ms,
                why,
            });
            let (arrivals, desk) = self.desk(out);
            arrivals.depart(desk, customer);
            self.ask_at_exit(customer, visit, out);
        }
    }

    /// Takes the visit out of the belief; says nothing.
    pub(super) fn end_visit(&mut self, customer: CustomerId, left_ms: u64) -> Option<Visit> {
        let person = self.people.get_mut(&customer)?;
        let visit = person.visit.take()?;
        person
            .belief
            .end(&self.floor, left_ms.max(visit.began_ms()));
        self.present -= 1;
        self.wake(customer);
        Some(visit)
    }

    /// Sheds those heard longest ago, first of those who are in no visit, if there is no room.
    fn make_room(&mut self, out: &mut Outcome) {
        if self.people.len() < CUSTOMERS_MAX {
            return;
        }
        let age = |customer: &CustomerId, person: &Person| {
            (
                person.visit.is_some(),
                person.belief.last_heard_ms(),
                *customer,
            )
        };
        let mut oldest: Vec<_> = self
            .people
            .iter()
            .map(|(customer, person)| age(customer, person))
            .collect();
        oldest.select_nth_unstable(SHED_AT_ONCE);
        oldest.truncate(SHED_AT_ONCE);
        oldest.sort_unstable();
        for (_, last_heard_ms, customer) in oldest {
            self.leave(customer, last_heard_ms, Because::Shed, out);
            self.people.remove(&customer);
            out.refused.shed += 1;
        }
    }
}

fn is_straggler(visit: &Visit, heard: &Heard) -> bool {
    visit.entered_ms.saturating_sub(heard.last_ms) <= STRAGGLER_MS
}
