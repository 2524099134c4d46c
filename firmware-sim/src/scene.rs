//! The scene: who sends when, and who hears it. Everything but the bytes and the clock.
//!
//! In: people, plan, seed. Out: [`Emission`]s in the order of time, each with its receptions.
//! Promises: the same seed gives the same emissions and receptions, however fast they are played.
//! Invariant: reads no clock and opens no socket; a run of 90 s can be computed in a moment.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap},
};

use protocol::{Eid, Frame};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use uuid::Uuid;

use crate::{
    firmware::{
        ANDROID_INTERVAL_US, AddressPolicy, Advertiser, BEACON_INTERVAL_US, IOS_INTERVAL_US, OnAir,
        Payload,
    },
    plan::{AnchorKind, Plan, Point},
    radio::{
        Attempt, GATEWAY_SENSITIVITY_DBM, Link, PHONE_AT_1M_DBM, PHONE_SENSITIVITY_DBM,
        POCKET_LOSS_DB, Pose, phone_offset_db,
    },
    rng::Seed,
    shopper::{PhoneKind, Shopper, Stranger, StrangerKind},
    way::Way,
};

/// iOS changes an address on its own after about 15 minutes.
const IOS_ADDRESS_US: u64 = 15 * 60 * 1_000_000;

/// Who sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Source {
    /// The phone of the shopper at this place in the list.
    Phone(usize),
    /// The phone of a stranger.
    Stranger(usize),
    /// The fixed beacon at this place in the plan's list of anchors.
    Beacon(usize),
}

/// Who hears.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Receiver {
    /// The antenna at this place in the plan's list of anchors.
    Antenna(usize),
    /// The phone of the shopper at this place in the list.
    Phone(usize),
}

/// One advertisement and who hears it how strongly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Emission {
    /// When, in microseconds since the run began.
    pub at_us: u64,
    /// Who sends.
    pub source: Source,
    /// Who hears it.
    pub heard: Vec<(Receiver, i8)>,
}

/// All radios of a run.
pub struct Scene {
    plan: Plan,
    shoppers: Vec<Shopper>,
    strangers: Vec<Stranger>,
    emitters: Vec<Emitter>,
    due: BinaryHeap<Reverse<(u64, usize)>>,
    links: HashMap<(Source, Receiver), Link>,
    phone_offsets_db: Vec<f64>,
    seed: Seed,
}

struct Emitter {
    source: Source,
    advertiser: Advertiser,
    own_payload: Option<Payload>,
}

impl Scene {
    /// Everyone's radios, switched on.
    pub fn new(plan: Plan, shoppers: Vec<Shopper>, strangers: Vec<Stranger>, seed: Seed) -> Self {
        let mut emitters = Vec::new();
        for (place, shopper) in shoppers.iter().enumerate() {
            emitters.extend(phone_emitter(seed, place, shopper.phone));
        }
        for (place, stranger) in strangers.iter().enumerate() {
            emitters.push(stranger_emitter(seed, place, stranger.kind));
        }
        for (place, anchor) in plan.anchors.iter().enumerate() {
            if let AnchorKind::Beacon(frame) = anchor.kind {
                emitters.push(beacon_emitter(seed, place, frame));
            }
        }
        let due = emitters.iter().enumerate();
        let due = due
            .map(|(at, e)| Reverse((e.advertiser.next_us(), at)))
            .collect();
        let offset =
            |place: usize| phone_offset_db(&mut seed.stream("phone-offset", number(place)));
        let phone_offsets_db = (0..shoppers.len()).map(offset).collect();
        let links = HashMap::new();
        Self {
            plan,
            shoppers,
            strangers,
            emitters,
            due,
            links,
            phone_offsets_db,
            seed,
        }
    }

    /// The floor plan.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Everyone with the app.
    pub fn shoppers(&self) -> &[Shopper] {
        &self.shoppers
    }

    /// When the next advertisement is sent, in microseconds since the run began.
    pub fn next_us(&self) -> Option<u64> {
        self.due.peek().map(|Reverse((at_us, _))| *at_us)
    }

    /// The next advertisement of someone who is on the scene.
    pub fn step(&mut self) -> Option<Emission> {
        let Reverse((at_us, place)) = self.due.pop()?;
        let emitter = &mut self.emitters[place];
        emitter.advertiser.sent();
        self.due
            .push(Reverse((emitter.advertiser.next_us(), place)));
        let source = emitter.source;
        let heard = self.receptions(at_us, source, place);
        Some(Emission {
            at_us,
            source,
            heard,
        })
    }

    /// What the sender of an emission puts on the air; `frame` is what a shopper's phone sends.
    pub fn on_air(&mut self, emission: &Emission, frame: Option<Frame>) -> Option<OnAir> {
        let emitter = self
            .emitters
            .iter_mut()
            .find(|e| e.source == emission.source)?;
        let payload = frame
            .map(Payload::Frame)
            .or_else(|| emitter.own_payload.clone())?;
        Some(emitter.advertiser.on_air(emission.at_us, &payload).clone())
    }

    fn receptions(&mut self, at_us: u64, source: Source, place: usize) -> Vec<(Receiver, i8)> {
        let at_ms = at_us / 1_000;
        let Some(sender) = self.pose(source, at_ms) else {
            return Vec::new();
        };
        let others_per_s = self.others_per_s(at_ms, place);
        let mut heard = Vec::new();
        for receiver in self.receivers(source, at_ms) {
            let attempt = Attempt {
                others_per_s,
                ..self.attempt(source, sender, receiver, at_ms)
            };
            let link = self.links.entry((source, receiver));
            let link = link.or_insert_with(|| Link::new(self.seed, link_number(source, receiver)));
            heard.extend(
                link.receive(&self.plan, &attempt)
                    .map(|rssi_dbm| (receiver, rssi_dbm)),
            );
        }
        heard
    }

    fn pose(&self, source: Source, at_ms: u64) -> Option<Pose> {
        match source {
            Source::Phone(place) => self.shoppers[place].way.pose(at_ms),
            Source::Stranger(place) => self.strangers[place].way.pose(at_ms),
            Source::Beacon(place) => Some(Pose {
                at: self.plan.anchors[place].at,
                heading_rad: 0.0,
            }),
        }
    }

    /// Antennas listen to everyone; phones that report listen to shelf beacons.
    fn receivers(&self, source: Source, at_ms: u64) -> Vec<Receiver> {
        let anchors = self.plan.anchors.iter().enumerate();
        let antennas = anchors
            .filter(|(_, anchor)| matches!(anchor.kind, AnchorKind::Gateway(_)))
            .map(|(place, _)| Receiver::Antenna(place));
        let phones = self.shoppers.iter().enumerate().filter(|(_, shopper)| {
            matches!(source, Source::Beacon(_))
                && shopper.reports_beacons
                && shopper.way.pose(at_ms).is_some()
        });
        antennas
            .chain(phones.map(|(place, _)| Receiver::Phone(place)))
            .collect()
    }

    fn attempt(&self, source: Source, sender: Pose, receiver: Receiver, at_ms: u64) -> Attempt {
        let at_1m_dbm = match source {
            Source::Phone(place) => PHONE_AT_1M_DBM + self.phone_offsets_db[place],
            Source::Stranger(_) => PHONE_AT_1M_DBM,
            Source::Beacon(place) => beacon_at_1m_dbm(&self.plan.anchors[place].kind),
        };
        let far = |place: usize| self.plan.anchors[place].at;
        match (source, receiver) {
            (Source::Beacon(beacon), Receiver::Phone(phone)) => Attempt {
                at_1m_dbm: at_1m_dbm + self.phone_offsets_db[phone],
                mobile: self.shoppers[phone].way.pose(at_ms).unwrap_or(sender),
                fixed: far(beacon),
                sensitivity_dbm: PHONE_SENSITIVITY_DBM,
                others_per_s: 0.0,
            },
            (Source::Beacon(_), Receiver::Antenna(antenna)) => Attempt {
                // Neither end is in a pocket or behind a back.
                at_1m_dbm: at_1m_dbm + POCKET_LOSS_DB,
                mobile: facing(sender, far(antenna)),
                fixed: far(antenna),
                sensitivity_dbm: GATEWAY_SENSITIVITY_DBM,
                others_per_s: 0.0,
            },
            (_, Receiver::Antenna(place) | Receiver::Phone(place)) => Attempt {
                at_1m_dbm,
                mobile: sender,
                fixed: far(place),
                sensitivity_dbm: GATEWAY_SENSITIVITY_DBM,
                others_per_s: 0.0,
            },
        }
    }

    /// Advertisements a second of everyone else on the scene: the store is smaller than a
    /// radio's range, so all of them can collide.
    fn others_per_s(&self, at_ms: u64, but: usize) -> f64 {
        let others = self
            .emitters
            .iter()
            .enumerate()
            .filter(|(place, _)| *place != but);
        others
            .filter(|(_, emitter)| {
                self.way(emitter.source)
                    .is_none_or(|w| w.pose(at_ms).is_some())
            })
            .map(|(_, emitter)| emitter.advertiser.rate_per_s())
            .sum()
    }

    fn way(&self, source: Source) -> Option<&Way> {
        match source {
            Source::Phone(place) => Some(&self.shoppers[place].way),
            Source::Stranger(place) => Some(&self.strangers[place].way),
            Source::Beacon(_) => None,
        }
    }
}

fn facing(pose: Pose, at: Point) -> Pose {
    let heading_rad = (at.y_m - pose.at.y_m).atan2(at.x_m - pose.at.x_m);
    Pose {
        heading_rad,
        ..pose
    }
}

fn beacon_at_1m_dbm(kind: &AnchorKind) -> f64 {
    match kind {
        AnchorKind::Beacon(Frame::IBeacon { tx_power_dbm, .. }) => f64::from(*tx_power_dbm),
        _ => PHONE_AT_1M_DBM,
    }
}

fn phone_emitter(seed: Seed, place: usize, phone: PhoneKind) -> Option<Emitter> {
    let (interval_us, policy) = match phone {
        PhoneKind::Android | PhoneKind::AndroidEddystone => {
            (ANDROID_INTERVAL_US, AddressPolicy::WithPayload)
        }
        PhoneKind::Ios => (IOS_INTERVAL_US, AddressPolicy::OnItsOwn(IOS_ADDRESS_US)),
        PhoneKind::Silent => return None,
    };
    let source = Source::Phone(place);
    let advertiser = Advertiser::new(seed, emitter_number(source), interval_us, policy);
    Some(Emitter {
        source,
        advertiser,
        own_payload: None,
    })
}

fn beacon_emitter(seed: Seed, place: usize, frame: Frame) -> Emitter {
    let source = Source::Beacon(place);
    let number = emitter_number(source);
    Emitter {
        source,
        advertiser: Advertiser::new(seed, number, BEACON_INTERVAL_US, AddressPolicy::Fixed),
        own_payload: Some(Payload::Frame(frame)),
    }
}

fn stranger_emitter(seed: Seed, place: usize, kind: StrangerKind) -> Emitter {
    let source = Source::Stranger(place);
    let number = emitter_number(source);
    let policy = AddressPolicy::OnItsOwn(IOS_ADDRESS_US);
    Emitter {
        source,
        advertiser: Advertiser::new(seed, number, ANDROID_INTERVAL_US, policy),
        own_payload: Some(foreign_payload(&mut seed.stream("foreign", number), kind)),
    }
}

/// What people without the app send: nothing in it was issued by this chain.
fn foreign_payload(rng: &mut ChaCha8Rng, kind: StrangerKind) -> Payload {
    let eid = Eid(rng.random());
    match kind {
        StrangerKind::Manufacturer => {
            let data: [u8; 12] = rng.random();
            // Flags, then 12 bytes under Samsung's company identifier.
            let mut ad = vec![2, 0x01, 0x1a, 15, 0xff, 0x75, 0x00];
            ad.extend(data);
            Payload::Foreign(ad)
        }
        StrangerKind::OtherIBeacon => Payload::Frame(Frame::IBeacon {
            uuid: Uuid::from_bytes(rng.random()),
            major: 1,
            minor: 1,
            tx_power_dbm: -59,
        }),
        StrangerKind::UnknownWelkom => Payload::Frame(Frame::Welkom {
            eid,
            tx_power_dbm: -59,
        }),
        StrangerKind::UnknownEddystone => Payload::Frame(Frame::EddystoneEid {
            eid,
            tx_power_dbm: -18,
        }),
    }
}

fn number(place: usize) -> u64 {
    u64::try_from(place).unwrap_or(u64::MAX)
}

/// A number that stays the same when somebody is added at the end of a list.
fn emitter_number(source: Source) -> u64 {
    match source {
        Source::Phone(place) => number(place) << 2,
        Source::Stranger(place) => number(place) << 2 | 1,
        Source::Beacon(place) => number(place) << 2 | 2,
    }
}

fn link_number(source: Source, receiver: Receiver) -> u64 {
    let receiver = match receiver {
        Receiver::Antenna(place) => number(place) << 1,
        Receiver::Phone(place) => number(place) << 1 | 1,
    };
    emitter_number(source) << 32 | receiver
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        shopper::{Scenario, shoppers, strangers},
        truth::Role,
    };

    fn scene(seed: u64) -> Scene {
        let scenario = Scenario::new("kade-9".parse().unwrap(), 90_000, "t");
        let (plan, seed) = (Plan::kade_9(), Seed(seed));
        let (people, others) = (
            shoppers(&scenario, &plan, seed),
            strangers(&scenario, &plan, seed),
        );
        Scene::new(plan, people, others, seed)
    }

    /// A whole run without waiting.
    fn play(scene: &mut Scene) -> Vec<Emission> {
        let mut emissions = Vec::new();
        while scene.next_us().is_some_and(|at_us| at_us < 90_000_000) {
            emissions.extend(scene.step());
        }
        emissions
    }

    fn strengths(emissions: &[Emission], from: Source, to: Receiver) -> Vec<(u64, i8)> {
        let of_source = emissions.iter().filter(|e| e.source == from);
        let heard = of_source.flat_map(|e| e.heard.iter().map(move |h| (e.at_us / 1_000, h)));
        heard
            .filter(|(_, (receiver, _))| *receiver == to)
            .map(|(ms, (_, dbm))| (ms, *dbm))
            .collect()
    }

    #[test]
    fn the_same_seed_plays_the_same_run() {
        assert_eq!(play(&mut scene(7)), play(&mut scene(7)));
        assert_ne!(play(&mut scene(7)), play(&mut scene(8)));
    }

    #[test]
    fn time_never_runs_backwards() {
        let emissions = play(&mut scene(7));
        assert!(emissions.windows(2).all(|w| w[0].at_us <= w[1].at_us));
    }

    #[test]
    fn who_comes_in_with_an_android_phone_is_loud_at_the_door_within_two_seconds() {
        for seed in 1..=10 {
            let mut scene = scene(seed);
            let emissions = play(&mut scene);
            for (place, who) in scene.shoppers().iter().enumerate() {
                let android = matches!(who.phone, PhoneKind::Android | PhoneKind::AndroidEddystone);
                let Some(entered_ms) = who.way.entered_ms().filter(|_| android) else {
                    continue;
                };
                let door = strengths(&emissions, Source::Phone(place), Receiver::Antenna(0));
                let around = entered_ms.saturating_sub(1_000)..entered_ms + 2_000;
                let enter_dbm = scene.plan().anchors[0].enter_rssi_dbm;
                let loud = door
                    .iter()
                    .filter(|(ms, dbm)| around.contains(ms) && *dbm >= enter_dbm);
                assert!(
                    loud.count() >= 3,
                    "seed {seed}, {}: {door:?}",
                    who.external_id
                );
            }
        }
    }

    #[test]
    fn passers_by_stay_below_every_threshold() {
        for seed in 1..=10 {
            let mut scene = scene(seed);
            let emissions = play(&mut scene);
            for (place, who) in scene.shoppers().iter().enumerate() {
                if who.role != Role::PasserBy {
                    continue;
                }
                for (anchor, at) in scene.plan().anchors.iter().enumerate() {
                    let heard = match at.kind {
                        AnchorKind::Gateway(_) => {
                            strengths(&emissions, Source::Phone(place), Receiver::Antenna(anchor))
                        }
                        AnchorKind::Beacon(_) => {
                            strengths(&emissions, Source::Beacon(anchor), Receiver::Phone(place))
                        }
                    };
                    // A single peak of fading may reach it; two in one second must not.
                    let loud: Vec<_> = heard
                        .iter()
                        .filter(|(_, dbm)| *dbm >= at.enter_rssi_dbm)
                        .collect();
                    let twice = loud.windows(2).any(|w| w[1].0 - w[0].0 < 1_000);
                    assert!(
                        !twice,
                        "seed {seed}: {} at {}: {loud:?}",
                        who.external_id, at.anchor
                    );
                }
            }
        }
    }

    #[test]
    fn a_phone_that_reports_beacons_hears_the_one_in_the_zone_it_dwells_in() {
        let mut scene = scene(7);
        let emissions = play(&mut scene);
        for (place, who) in scene.shoppers().iter().enumerate() {
            if who.role == Role::Shopper && who.reports_beacons {
                let heard = emissions
                    .iter()
                    .filter(|e| matches!(e.source, Source::Beacon(_)));
                let mine = heard
                    .flat_map(|e| &e.heard)
                    .filter(|h| h.0 == Receiver::Phone(place));
                assert!(mine.count() >= 5, "{}", who.external_id);
            }
        }
    }

    #[test]
    fn nothing_of_a_stranger_is_in_the_chains_own_list() {
        for seed in 1..=5 {
            let mut scene = scene(seed);
            for emission in play(&mut scene) {
                if !matches!(emission.source, Source::Stranger(_)) {
                    continue;
                }
                let on_air = scene.on_air(&emission, None).unwrap();
                let chain = hex::encode(crate::plan::CHAIN_UUID.as_bytes());
                assert!(!on_air.ad_hex.contains(&chain));
            }
        }
    }
}
