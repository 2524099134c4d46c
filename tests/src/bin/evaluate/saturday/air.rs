//! The air of that day: phones send, antennas hear, gateways gather.
//!
//! In: people with their ways, the next look at the clock. Out: what each gateway sends, in the order
//! of time.
//! Only who is on the scene costs anything: the simulator's own scene asks everybody for each
//! advertisement, which a day of thousands cannot pay. Phones, links, path loss and collisions are the
//! simulator's.
//! Invariant: a phone sends what its key gives for its second, and nothing of who she is.

use std::{cmp::Reverse, collections::BinaryHeap};

use firmware_sim::{
    firmware::ADV_DELAY_MAX_US,
    plan::{Plan, Point},
    radio::{Attempt, GATEWAY_SENSITIVITY_DBM, Link},
    rng::Seed,
};
use gateway::{
    aggregate::{Aggregator, TRANSMITTERS_MAX},
    clock::Monotonic,
    config::WINDOW_MS,
};
use protocol::{
    Eid, EidKey, GatewayId, Transmitter,
    eid::{ROTATION_EXPONENT, device_time_s, quantum_start},
    message::Sighting,
};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::{ZERO_MS, people::Person};

/// People without the app: so many phones around, at this pace.
const STRANGER_PER_S: f64 = 4.0;

/// A phone's identity.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Identity {
    pub(crate) key: EidKey,
    pub(crate) offset_s: u32,
}

pub(crate) struct Air {
    plan: Plan,
    seed: Seed,
    gateways: Vec<Gateway>,
    phones: Vec<Phone>,
    due: BinaryHeap<Reverse<(u64, usize)>>,
    /// Advertisements a second of everybody on the scene.
    rate_per_s: f64,
}

struct Gateway {
    gateway: GatewayId,
    at: Point,
    ear: Aggregator,
}

struct Phone {
    identity: Identity,
    links: Vec<Link>,
    delays: ChaCha8Rng,
    /// What is on the air, and when its quantum begins in the device's own time.
    now: Option<(u32, Eid)>,
    is_on: bool,
}

impl Air {
    pub(crate) fn new(seed: Seed, plan: Plan, strangers: u32) -> Self {
        let gateways = plan.gateways().map(|(anchor, gateway)| Gateway {
            gateway: gateway.clone(),
            at: anchor.at,
            ear: Aggregator::new(anchor.anchor.clone(), WINDOW_MS, TRANSMITTERS_MAX),
        });
        Self {
            gateways: gateways.collect(),
            plan,
            seed,
            phones: Vec::new(),
            due: BinaryHeap::new(),
            rate_per_s: f64::from(strangers) * STRANGER_PER_S,
        }
    }

    /// The identity of the phone with this number, which is known from here on.
    pub(crate) fn add_phone(&mut self) -> Identity {
        let number = self.phones.len() as u64;
        let mut rng = self.seed.stream("phone", number);
        let identity = Identity {
            key: EidKey(self.seed.bytes16("key", number)),
            offset_s: rng.random(),
        };
        self.phones.push(Phone {
            identity,
            links: Vec::new(),
            delays: rng,
            now: None,
            is_on: false,
        });
        identity
    }

    /// She comes onto the scene.
    pub(crate) fn enter(&mut self, who: usize, person: &Person, at_ms: u64) {
        let phone = &mut self.phones[who];
        if std::mem::replace(&mut phone.is_on, true) {
            return;
        }
        if phone.links.is_empty() {
            let link = |antenna| Link::new(self.seed, (who as u64) << 8 | antenna);
            phone.links = (0..).take(self.gateways.len()).map(link).collect();
        }
        let first_us = at_ms * 1_000 + phone.delays.random_range(0..person.interval_us);
        self.due.push(Reverse((first_us, who)));
        self.rate_per_s += rate_per_s(person);
    }

    /// Whether nobody is on the scene.
    pub(crate) fn is_quiet(&self) -> bool {
        self.due.is_empty()
    }

    /// What gateways have to send at this look, with everything sent before it.
    pub(crate) fn look(
        &mut self,
        people: &[Person],
        look_ms: u64,
    ) -> Vec<(GatewayId, Vec<Sighting>)> {
        let mut heard: Vec<Vec<Sighting>> = vec![Vec::new(); self.gateways.len()];
        while let Some(&Reverse((at_us, who))) = self.due.peek()
            && at_us < look_ms * 1_000
        {
            self.due.pop();
            self.send(&people[who], who, at_us, &mut heard);
        }
        for (gateway, heard) in self.gateways.iter_mut().zip(&mut heard) {
            if gateway.ear.poll_at().is_some_and(|at| at.0 <= look_ms) {
                heard.extend(gateway.ear.close_due(Monotonic(look_ms)));
            }
        }
        let told = self.gateways.iter().zip(heard);
        told.filter(|(_, heard)| !heard.is_empty())
            .map(|(gateway, heard)| (gateway.gateway.clone(), heard))
            .collect()
    }

    fn send(&mut self, person: &Person, who: usize, at_us: u64, heard: &mut [Vec<Sighting>]) {
        let at_ms = at_us / 1_000;
        let phone = &mut self.phones[who];
        let Some(mobile) = person.way.pose(at_ms) else {
            phone.is_on = false;
            self.rate_per_s -= rate_per_s(person);
            return;
        };
        let others_per_s = self.rate_per_s - rate_per_s(person);
        let transmitter = Transmitter::Eid(phone.eid(at_ms));
        for ((gateway, link), heard) in self.gateways.iter_mut().zip(&mut phone.links).zip(heard) {
            let attempt = Attempt {
                at_1m_dbm: person.at_1m_dbm,
                mobile,
                fixed: gateway.at,
                sensitivity_dbm: GATEWAY_SENSITIVITY_DBM,
                others_per_s,
            };
            if let Some(rssi_dbm) = link.receive(&self.plan, &attempt) {
                heard.extend(gateway.ear.hear(Monotonic(at_ms), transmitter, rssi_dbm));
            }
        }
        let delay_us = phone.delays.random_range(0..=ADV_DELAY_MAX_US);
        self.due
            .push(Reverse((at_us + person.interval_us + delay_us, who)));
    }
}

impl Phone {
    fn eid(&mut self, at_ms: u64) -> Eid {
        let Identity { key, offset_s } = self.identity;
        let second = device_time_s((ZERO_MS + at_ms) / 1_000, offset_s);
        let start = quantum_start(second, ROTATION_EXPONENT);
        match self.now {
            Some((since, eid)) if since == start => eid,
            _ => {
                let eid = key.eid(start, ROTATION_EXPONENT);
                self.now = Some((start, eid));
                eid
            }
        }
    }
}

fn rate_per_s(person: &Person) -> f64 {
    1e6 / (person.interval_us + ADV_DELAY_MAX_US / 2) as f64
}
