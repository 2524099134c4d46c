//! The engine of one store: each input goes to the room that knows what it means.
//!
//! In: an input with its time. Out: its outcome, and when time alone will have something to say.
//! Promises: a snapshot (this type, serialised) and the inputs since give the same state again.
//! Invariant: time never runs backwards in here; an exit is decided by a tick, never by a
//! sighting, so that a backlog after a restart splits no visit.

use std::collections::{BTreeMap, BTreeSet};

use protocol::{AnchorId, CustomerId, StoreId, VisitId, ZoneId};
use serde::{Deserialize, Serialize};

use crate::{
    arrivals::{Arrivals, Desk, Here},
    campaign::{self, CAMPAIGNS_MAX, Campaign},
    floor::{Floor, ZoneIx},
    ids::Ids,
    input::{Input, Layout},
    outcome::{Moment, Outcome, Question, When},
    presence::filter::Scratch,
    visits::{Person, Visit},
    wheel::{Wheel, second},
};

mod answers;
mod consent;
mod late;
mod map;
mod sightings;
mod staff;

use late::LateWaiting;
pub use late::{LATE_CUSTOMERS_MAX, LATE_PATIENCE_MS, LATE_WAITING_MAX};
pub use map::StoreMap;

/// Customers followed in one store at once; past it a part of those heard longest ago is shed.
pub const CUSTOMERS_MAX: usize = 50_000;

/// Who is not in a visit and was not heard for this long is not followed any more. Longer than
/// stragglers take (30 s), long enough to learn how seldom a phone is heard.
pub const IDLE_MS: u64 = 120_000;

/// For so long two stores that hear one customer are both doubted: one quantum of an identity, the
/// time for which a copy of it is worth something.
pub const DOUBT_MS: u64 = protocol::eid::QUANTUM_S as u64 * 1_000;

/// The last time that a UUIDv7 can hold (48 bits); a later one is taken as this one.
const TIME_MAX_MS: u64 = (1 << 48) - 1;

/// All that is known about one store at one moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StoreEngine {
    store: StoreId,
    now_ms: u64,
    ids: Ids,
    floor: Floor,
    people: BTreeMap<CustomerId, Box<Person>>,
    /// Those of `people` with a visit.
    present: usize,
    wheel: Wheel,
    arrivals: Arrivals,
    late: LateWaiting,
    /// Those that are published.
    #[serde(default)]
    campaigns: Vec<Campaign>,
    #[serde(skip)]
    scratch: Scratch,
}

impl StoreEngine {
    /// An empty store without a layout.
    pub fn new(store: StoreId) -> Self {
        Self {
            now_ms: 0,
            ids: Ids::new(&store),
            floor: Floor::default(),
            people: BTreeMap::new(),
            present: 0,
            wheel: Wheel::default(),
            arrivals: Arrivals::default(),
            late: LateWaiting::default(),
            campaigns: Vec::new(),
            scratch: Scratch::default(),
            store,
        }
    }

    /// Takes one input in. A `now_ms` before the last one counts as the last one.
    pub fn step(&mut self, now_ms: u64, input: &Input) -> Outcome {
        self.now_ms = self.now_ms.max(now_ms.min(TIME_MAX_MS));
        let mut out = Outcome::default();
        match input {
            Input::Tick => self.tick(&mut out),
            Input::Layout(layout) => self.lay_out(layout, &mut out),
            Input::Deaf { anchors } => self.turn_deaf(anchors),
            Input::Sightings { sightings } => self.hear(sightings, &mut out),
            Input::InTwoStores { customer } => self.doubt(*customer, &mut out),
            Input::Consent { customer, consent } => {
                self.set_consent(*customer, *consent, self.now_ms, &mut out);
            }
            Input::Order(order) => self.learn_order(order, &mut out),
            Input::Coming {
                customer,
                consent,
                how,
            } => {
                self.say_coming(*customer, *consent, *how, &mut out);
            }
            Input::Collects {
                customer,
                consent,
                order,
            } => {
                self.say_collects(*customer, *consent, *order, &mut out);
            }
            Input::Tap(tap) => self.tap(tap, &mut out),
            Input::Desk(news) => self.take_over(news, &mut out),
            Input::Match {
                customer,
                visit,
                moment,
                facts,
            } => {
                self.answer_match(*customer, *visit, moment, facts, &mut out);
            }
            Input::Campaigns { campaigns } => self.run_campaigns(campaigns),
            Input::History {
                customer,
                late,
                visits,
            } => {
                self.answer_history(*customer, late, visits, &mut out);
            }
            Input::Forget { customer } => self.forget(*customer, &mut out),
        }
        out
    }

    /// When [`Input::Tick`] next has something to say; an earlier tick says nothing.
    pub fn due_at(&self) -> Option<u64> {
        self.wheel
            .due_at()
            .into_iter()
            .chain(self.arrivals.due_at())
            .min()
    }

    /// Which store this is.
    pub fn store(&self) -> &StoreId {
        &self.store
    }

    /// Customers with a visit that is going on.
    pub fn present(&self) -> usize {
        self.present
    }

    /// Customers followed, in a visit or just heard; at most [`CUSTOMERS_MAX`].
    pub fn followed(&self) -> usize {
        self.people.len()
    }

    /// Whether anything is kept of this customer: then she must be told of what changes for her.
    pub fn knows(&self, customer: CustomerId) -> bool {
        self.people.contains_key(&customer)
            || self.arrivals.knows(customer)
            || self.late.knows(customer)
    }

    /// Whether another store hears her too, so that it is doubted that she is here.
    pub fn doubts(&self, customer: CustomerId) -> bool {
        let person = self.people.get(&customer);
        person.is_some_and(|person| self.now_ms < person.doubted_until_ms)
    }

    /// The campaigns that it knows of.
    pub fn campaigns(&self) -> &[Campaign] {
        &self.campaigns
    }

    /// Anchors whose silence says nothing now.
    pub fn deaf(&self) -> &[AnchorId] {
        self.floor.deaf()
    }

    /// Open orders known; at most [`crate::ORDERS_MAX`].
    pub fn orders_open(&self) -> usize {
        self.arrivals.orders_len()
    }

    /// Cards that staff see as waiting.
    pub fn cards_open(&self) -> usize {
        self.arrivals.cards_len()
    }

    fn tick(&mut self, out: &mut Outcome) {
        while let Some((second, customers)) = self.wheel.pop(self.now_ms) {
            for customer in customers {
                self.look_at(customer, second, out);
            }
        }
        self.sweep_arrivals(out);
    }

    /// A customer's time may have come: she left, or need not be followed, or it was put off.
    fn look_at(&mut self, customer: CustomerId, woken_s: u64, out: &mut Outcome) {
        let Some(person) = self.people.get_mut(&customer) else {
            return;
        };
        if person.wake_s != woken_s {
            return;
        }
        if person.visit.is_some()
            && let Some((left_ms, because)) =
                person
                    .belief
                    .look(&self.floor, self.now_ms, &mut self.scratch)
        {
            self.leave(customer, left_ms, because, out);
        }
        self.ask(customer, out);
        let Some(person) = self.people.get_mut(&customer) else {
            return;
        };
        let wake_ms = wake_at(&self.floor, person);
        if wake_ms <= self.now_ms {
            self.people.remove(&customer);
        } else {
            person.wake_s = second(wake_ms);
            self.wheel.put(person.wake_s, customer);
        }
    }

    fn lay_out(&mut self, layout: &Layout, out: &mut Outcome) {
        let floor = self.floor.laid_out(layout.clone());
        let old = std::mem::replace(&mut self.floor, floor);
        for person in self.people.values_mut() {
            person.belief.move_to(&self.floor, &old);
            if let Some(visit) = &mut person.visit {
                visit.move_to(&self.floor, &old);
            }
        }
        self.place_desk(layout.rules.desk_elsewhere, out);
    }

    /// Silence at these anchors says nothing from here on; at all others it counts from here on, if
    /// they were deaf.
    fn turn_deaf(&mut self, anchors: &[AnchorId]) {
        self.floor.turn_deaf(anchors, self.now_ms);
        self.wake_all();
    }

    /// Other campaigns: what they wait for in a zone counts from when she came into it.
    fn run_campaigns(&mut self, campaigns: &[Campaign]) {
        self.campaigns = campaigns.iter().take(CAMPAIGNS_MAX).cloned().collect();
        let seconds_in = |zone: ZoneIx| seconds_in(&self.campaigns, &self.floor, zone);
        for person in self.people.values_mut() {
            if let Some(visit) = &mut person.visit {
                visit.plan(seconds_in);
            }
        }
        self.wake_all();
    }

    fn wake_all(&mut self) {
        for (customer, person) in &mut self.people {
            wake_person(&mut self.wheel, &self.floor, *customer, person);
        }
    }

    /// For one quantum no marketing, and staff look twice. A word about nobody is forgotten.
    fn doubt(&mut self, customer: CustomerId, out: &mut Outcome) {
        if let Some(person) = self.people.get_mut(&customer) {
            person.doubted_until_ms = self.now_ms + DOUBT_MS;
            self.show_moved(customer, false, out);
        }
    }

    /// Makes sure that a customer is looked at when her time comes, if that is earlier than
    /// planned; later costs nothing, since whoever is woken too early is put off.
    fn wake(&mut self, customer: CustomerId) {
        if let Some(person) = self.people.get_mut(&customer) {
            wake_person(&mut self.wheel, &self.floor, customer, person);
        }
    }

    /// What staff may see of her now; none if she is not in, or they may not.
    fn here(&self, customer: CustomerId) -> Option<Here> {
        let person = self.people.get(&customer)?;
        let visit = person.visit.as_ref().filter(|_| person.consent.arrival)?;
        let shares = person.belief.shares(&self.floor);
        let named = |(zone, share)| Some((self.floor.zone(zone)?.clone(), share));
        Some(Here {
            entered_ms: visit.entered_ms,
            whereabouts: shares.into_iter().filter_map(named).collect(),
            check: self.now_ms < person.doubted_until_ms,
            said_so: !person.belief.by_radio(),
        })
    }

    /// The cards, and what they need for a step.
    fn desk<'a>(&'a mut self, out: &'a mut Outcome) -> (&'a mut Arrivals, Desk<'a>) {
        let desk = Desk {
            now_ms: self.now_ms,
            ids: &mut self.ids,
            out,
        };
        (&mut self.arrivals, desk)
    }

    /// How likely she is in this zone now, as a share of 1; 0 if she is not in the store.
    fn share_in(&self, customer: CustomerId, zone: &ZoneId) -> f32 {
        let Some(person) = self.people.get(&customer) else {
            return 0.0;
        };
        let shares = person.belief.shares(&self.floor);
        shares
            .into_iter()
            .find(|(at, _)| self.floor.zone(*at) == Some(zone))
            .map_or(0.0, |(_, share)| share)
    }

    /// Brings her card in line with her orders and with where she is.
    fn sync_card(&mut self, customer: CustomerId, out: &mut Outcome) {
        let here = self.here(customer);
        let (arrivals, desk) = self.desk(out);
        arrivals.sync(desk, customer, here);
    }

    /// Asks what is known of her, if a moment has come that campaigns wait for.
    fn ask(&mut self, customer: CustomerId, out: &mut Outcome) {
        let (floor, campaigns) = (&self.floor, &self.campaigns);
        let Some(person) = self.people.get_mut(&customer) else {
            return;
        };
        if !person.consent.messages {
            return;
        }
        let seconds_in = |zone: ZoneIx| seconds_in(campaigns, floor, zone);
        if let Some(visit) = &mut person.visit
            && let Some((zone, seconds)) = visit.ask(self.now_ms, seconds_in)
            && let Some(zone) = floor.zone(zone).cloned()
        {
            let when = match seconds {
                0 => When::Enter,
                seconds => When::Dwell { seconds },
            };
            let (visit, moment) = (visit.id, Moment { when, zone });
            out.questions.push(self.question(customer, visit, moment));
        }
        self.plan(customer);
        self.wake(customer);
    }

    fn plan(&mut self, customer: CustomerId) {
        let (floor, campaigns) = (&self.floor, &self.campaigns);
        let person = self.people.get_mut(&customer);
        if let Some(visit) = person.and_then(|person| person.visit.as_mut()) {
            visit.plan(|zone| seconds_in(campaigns, floor, zone));
        }
    }

    /// Asks about somebody who has just left, if campaigns wait for that.
    fn ask_at_exit(&mut self, customer: CustomerId, visit: Visit, out: &mut Outcome) {
        let zone = visit.last_zone().and_then(|zone| self.floor.zone(zone));
        let Some(zone) = zone.cloned() else {
            return;
        };
        let moment = Moment {
            when: When::Exit,
            zone,
        };
        let Some(person) = self.people.get_mut(&customer) else {
            return;
        };
        if person.consent.messages && self.campaigns.iter().any(|c| c.is_set_off_by(&moment)) {
            let id = visit.id;
            person.left = Some(visit);
            out.questions.push(self.question(customer, id, moment));
        }
    }

    fn question(&self, customer: CustomerId, visit: VisitId, moment: Moment) -> Question {
        let set_off = || self.campaigns.iter().filter(|c| c.is_set_off_by(&moment));
        let capped = |c: &&Campaign| c.caps.per_store_day.is_some() || c.caps.per_day.is_some();
        let back_ms = set_off().map(Campaign::looks_back_ms).max().unwrap_or(0);
        Question::Match {
            customer,
            visit,
            capped: set_off().filter(capped).map(|c| c.campaign).collect(),
            told_since_ms: self.now_ms.saturating_sub(back_ms),
            moment,
        }
    }
}

fn seconds_in(campaigns: &[Campaign], floor: &Floor, zone: ZoneIx) -> BTreeSet<u32> {
    let zone = floor.zone(zone);
    zone.map_or_else(BTreeSet::new, |zone| campaign::seconds_in(campaigns, zone))
}

/// When to look at somebody again.
fn wake_at(floor: &Floor, person: &Person) -> u64 {
    let belief = &person.belief;
    match &person.visit {
        Some(visit) => {
            let look_ms = belief.look_at_ms(floor);
            let moment_ms = visit.moment_ms.filter(|_| person.consent.messages);
            moment_ms.map_or(look_ms, |at| at.min(look_ms))
        }
        None => belief.last_heard_ms().max(person.consent_since_ms) + IDLE_MS,
    }
}

fn wake_person(wheel: &mut Wheel, floor: &Floor, customer: CustomerId, person: &mut Person) {
    let wake_s = second(wake_at(floor, person));
    if wake_s < person.wake_s {
        person.wake_s = wake_s;
        wheel.put(wake_s, customer);
    }
}
