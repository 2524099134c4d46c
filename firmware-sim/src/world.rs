//! The world: people walk through the store in real time.
//!
//! In: a scenario and a seed; then a server's API, the air, a shutdown.
//! Out: progress as it happens; in the end the truth and what each phone received.
//! Promises: who comes when and hears what follows from scenario and seed; only what the server
//! chose (keys, ids, messages) and how fast this machine is are not in them.
//! Invariant: the system under test learns nothing but advertisements and calls of the public API.

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError},
    time::Duration,
};

use futures_util::{StreamExt, TryStreamExt};
use protocol::{AnchorId, EidKey, eid::ROTATION_EXPONENT, sim::AirLine};
use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};

use crate::{
    account::{self, HeardCount, Span},
    air::Air,
    carrier::{Carrier, Errand, ReportedCounts, Surroundings},
    clock,
    firmware::{self, BEACON_INTERVAL_US, TELEMETRY_EVERY},
    http::{Api, ApiError, ServerInfo},
    phone::{
        Enrolled, Phone, PhoneError, Platform,
        ears::Ears,
        identity::{Identity, Layout},
        inbox::Received,
    },
    plan::Plan,
    provision,
    rng::Seed,
    scene::{Emission, Receiver, Scene, Source},
    shopper::{self, PhoneKind, Scenario, Shopper},
    sse::asked,
    truth::Truth,
};

/// Phones report what they heard this often.
pub const REPORT_EVERY_MS: u64 = 2_000;
/// "Ik ben er" is pressed so long after the door line.
const HERE_AFTER_MS: u64 = 2_000;
/// A new key is asked for so long after the door line.
const NEW_KEY_AFTER_MS: u64 = 6_000;
/// Errands that are under way at the end of a run get this long.
const FINISH_MAX: Duration = Duration::from_secs(5);
/// The text that people of the simulator agreed to.
const CONSENT_TEXT: &str = "2026-11";
/// People that are set up at the same time.
const ENROLLING_AT_ONCE: usize = 4;

/// Why a run could not be.
#[derive(Debug, thiserror::Error)]
pub enum WorldError {
    /// A person could not be set up.
    #[error("set up {external_id} at the server")]
    Provision {
        /// Who.
        external_id: String,
        /// Why.
        #[source]
        source: ApiError,
    },
    /// A phone could not enrol.
    #[error("enrol the phone of {external_id}")]
    Enrol {
        /// Whose.
        external_id: String,
        /// Why.
        #[source]
        source: PhoneError,
    },
    /// The server does not tell its time.
    #[error("ask the server for its time")]
    ServerTime(#[source] ApiError),
}

/// Something that the run's audience may want to see.
#[derive(Debug, Clone, PartialEq)]
pub enum Happening {
    /// Crossed the door line inwards.
    Entered,
    /// Crossed it outwards.
    Left,
    /// Pressed "Ik ben er".
    PressedHere,
    /// Got a message.
    Received(Box<Received>),
}

/// One line of progress.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// Since the run began.
    pub at_ms: u64,
    /// Who.
    pub external_id: String,
    /// What.
    pub happening: Happening,
}

/// What a run leaves behind.
#[derive(Debug)]
pub struct Run {
    /// What really happened.
    pub truth: Truth,
    /// What each phone received, by external id.
    pub inboxes: BTreeMap<String, Vec<Received>>,
    /// Advertisements that a connected gateway was too slow for.
    pub lost_total: u64,
}

/// A store full of people, before they move.
#[derive(Debug, Clone)]
pub struct World {
    scenario: Scenario,
    seed: u64,
    plan: Plan,
    shoppers: Vec<Shopper>,
}

impl World {
    /// Everyone, and their ways.
    pub fn new(scenario: Scenario, seed: u64) -> Self {
        let plan = Plan::kade_9();
        let shoppers = shopper::shoppers(&scenario, &plan, Seed(seed));
        Self {
            scenario,
            seed,
            plan,
            shoppers,
        }
    }

    /// What is played.
    pub fn scenario(&self) -> &Scenario {
        &self.scenario
    }

    /// Where.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Everyone with the app.
    pub fn shoppers(&self) -> &[Shopper] {
        &self.shoppers
    }

    /// Creates everyone at the server and enrols their phones. The store must stand already (see
    /// [`provision::store`]).
    pub async fn enrol(&self, api: &Api) -> Result<Vec<Enrolled>, WorldError> {
        let (server_ms, _) = server_ms(api).await?;
        futures_util::stream::iter(&self.shoppers)
            .map(|shopper| enrol(api, &self.scenario, shopper, server_ms))
            .buffered(ENROLLING_AT_ONCE)
            .try_collect()
            .await
    }

    /// Plays the run in real time with phones from [`World::enrol`]. Ends after the scenario's
    /// time, or early at the shutdown, and then tells the truth so far.
    pub async fn run(
        self,
        api: &Api,
        phones: Vec<Enrolled>,
        air: &dyn Air,
        shutdown: watch::Receiver<bool>,
        progress: impl FnMut(&Progress),
    ) -> Result<Run, WorldError> {
        let (_, server_ahead_ms) = server_ms(api).await?;
        let (told, messages) = mpsc::unbounded_channel();
        let (stop, stopped) = watch::channel(false);
        let counts = ReportedCounts::default();
        let around = Surroundings {
            store: self.scenario.store.clone(),
            beacons: Arc::new(self.beacons()),
            counts: counts.clone(),
            told,
            shutdown: stopped,
        };
        let start = |(shopper, enrolled): (&Shopper, Enrolled)| {
            Carrier::start(shopper.index, enrolled, around.clone())
        };
        let carriers: Vec<Carrier> = self.shoppers.iter().zip(phones).map(start).collect();
        let identities = carriers
            .iter()
            .map(|carrier| carrier.identity.clone())
            .collect();
        let heard_before = air.heard();
        let mut player = Player::new(&self, air, identities, &carriers, server_ahead_ms, progress);
        let span = player.play(shutdown, messages).await;
        let mut inboxes = BTreeMap::new();
        stop.send_replace(true);
        for (shopper, carrier) in self.shoppers.iter().zip(carriers) {
            let inbox = carrier.finish(FINISH_MAX).await;
            inboxes.insert(shopper.external_id.clone(), inbox.received());
        }
        let mut heard = counts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        for (key, count) in air.heard() {
            let before = heard_before.get(&key).copied().unwrap_or_default();
            heard.entry(key).or_default().count += count - before;
        }
        let truth = self.truth(span, &heard);
        Ok(Run {
            truth,
            inboxes,
            lost_total: air.lost_total(),
        })
    }

    /// Plays the air alone, with keys of the simulator's own: no server knows these people.
    pub async fn run_air_alone(
        self,
        air: &dyn Air,
        shutdown: watch::Receiver<bool>,
        progress: impl FnMut(&Progress),
    ) -> Truth {
        let identity = |shopper: &Shopper| {
            let key = EidKey(Seed(self.seed).bytes16("identity", shopper.index));
            let rotation_exponent = ROTATION_EXPONENT;
            watch::channel(Identity {
                key,
                clock_offset_s: 0,
                rotation_exponent,
            })
            .1
        };
        let identities = self.shoppers.iter().map(identity).collect();
        let (_told, messages) = mpsc::unbounded_channel();
        let heard_before = air.heard();
        let mut player = Player::new(&self, air, identities, &[], 0, progress);
        let span = player.play(shutdown, messages).await;
        let heard = air.heard().into_iter().map(|(key, count)| {
            let before = heard_before.get(&key).copied().unwrap_or_default();
            (
                key,
                HeardCount {
                    count: count - before,
                    unsure: 0,
                },
            )
        });
        self.truth(span, &heard.collect())
    }

    fn truth(&self, span: Span, heard: &BTreeMap<(AnchorId, u64), HeardCount>) -> Truth {
        account::truth(
            &self.scenario,
            self.seed,
            &self.plan,
            &self.shoppers,
            span,
            heard,
        )
    }

    fn beacons(&self) -> BTreeMap<protocol::Transmitter, AnchorId> {
        let beacons = self.plan.beacons();
        beacons
            .filter_map(|(anchor, frame)| Some((frame.transmitter()?, anchor.anchor.clone())))
            .collect()
    }
}

/// The server's time, and how far it is ahead of this machine's.
async fn server_ms(api: &Api) -> Result<(u64, i64), WorldError> {
    let sent_ms = clock::unix_ms();
    let info: ServerInfo = api
        .get("/v1/server")
        .await
        .map_err(WorldError::ServerTime)?;
    let middle_ms = sent_ms.midpoint(clock::unix_ms());
    Ok((
        info.server_ms,
        info.server_ms.cast_signed() - middle_ms.cast_signed(),
    ))
}

async fn enrol(
    api: &Api,
    scenario: &Scenario,
    shopper: &Shopper,
    server_ms: u64,
) -> Result<Enrolled, WorldError> {
    let external_id = || shopper.external_id.clone();
    let enrolling = provision::person(api, &scenario.store, shopper)
        .await
        .map_err(|source| WorldError::Provision {
            external_id: external_id(),
            source,
        })?;
    let platform = match shopper.phone {
        PhoneKind::Ios => Platform::Ios,
        _ => Platform::Android,
    };
    let enrolled = async {
        let enrolled = Phone::enrol(api, &enrolling.code, platform, clock::unix_ms).await?;
        enrolled
            .phone
            .set_consent(shopper.consent, CONSENT_TEXT, shopper.language)
            .await?;
        Ok(enrolled)
    };
    let enrolled = enrolled.await.map_err(|source| WorldError::Enrol {
        external_id: external_id(),
        source,
    })?;
    provision::intents(api, enrolling.customer, shopper, server_ms)
        .await
        .map_err(|source| WorldError::Provision {
            external_id: external_id(),
            source,
        })?;
    Ok(enrolled)
}

/// What is to happen at a moment, apart from the radios.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Cue {
    Enter(usize),
    Leave(usize),
    Here(usize),
    NewKey(usize),
    Report(usize),
}

/// Plays a scene against the clock.
struct Player<'a, P> {
    scene: Scene,
    run_ms: u64,
    air: &'a dyn Air,
    identities: Vec<watch::Receiver<Identity>>,
    carriers: &'a [Carrier],
    ears: Vec<Ears>,
    server_ahead_ms: i64,
    started_ms: u64,
    progress: P,
}

impl<'a, P: FnMut(&Progress)> Player<'a, P> {
    fn new(
        world: &World,
        air: &'a dyn Air,
        identities: Vec<watch::Receiver<Identity>>,
        carriers: &'a [Carrier],
        server_ahead_ms: i64,
        progress: P,
    ) -> Self {
        let seed = Seed(world.seed);
        let strangers = shopper::strangers(&world.scenario, &world.plan, seed);
        let scene = Scene::new(world.plan.clone(), world.shoppers.clone(), strangers, seed);
        let ears = world.shoppers.iter().map(|_| Ears::default()).collect();
        let run_ms = world.scenario.run_ms;
        let started_ms = 0;
        Self {
            scene,
            run_ms,
            air,
            identities,
            carriers,
            ears,
            server_ahead_ms,
            started_ms,
            progress,
        }
    }

    async fn play(
        &mut self,
        mut shutdown: watch::Receiver<bool>,
        mut messages: mpsc::UnboundedReceiver<(u64, Received)>,
    ) -> Span {
        let began = Instant::now();
        self.started_ms = clock::unix_ms().saturating_add_signed(self.server_ahead_ms);
        let mut cues = cues(self.scene.shoppers(), self.run_ms)
            .into_iter()
            .peekable();
        loop {
            let cue_us = cues.peek().map(|(at_ms, _)| at_ms * 1_000);
            let next_us = self.scene.next_us().into_iter().chain(cue_us).min();
            let next_us = next_us.unwrap_or(u64::MAX).min(self.run_ms * 1_000);
            tokio::select! {
                biased;
                () = asked(&mut shutdown) => break,
                () = tokio::time::sleep_until(began + Duration::from_micros(next_us)) => {}
                Some((index, received)) = messages.recv() => {
                    self.tell_received(began, index, received);
                    continue;
                }
            }
            if next_us >= self.run_ms * 1_000 {
                break;
            }
            match cues.next_if(|(at_ms, _)| at_ms * 1_000 <= next_us) {
                Some((at_ms, cue)) => self.on_cue(at_ms, cue),
                None => self.transmit(),
            }
        }
        (0..self.ears.len()).for_each(|place| self.report(place));
        let took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        Span {
            started_ms: self.started_ms,
            ended_ms: self.started_ms + took_ms,
        }
    }

    fn transmit(&mut self) {
        let Some(emission) = self.scene.step() else {
            return;
        };
        if emission.heard.is_empty() {
            return;
        }
        let frame = self.frame(&emission);
        let Some(on_air) = self.scene.on_air(&emission, frame) else {
            return;
        };
        let sender = match emission.source {
            Source::Phone(place) => Some(self.scene.shoppers()[place].index),
            Source::Stranger(_) | Source::Beacon(_) => None,
        };
        for &(receiver, rssi_dbm) in &emission.heard {
            match receiver {
                Receiver::Antenna(anchor) => {
                    let (address, ad_hex) = (on_air.address.clone(), on_air.ad_hex.clone());
                    let line = AirLine {
                        address,
                        rssi_dbm,
                        ad_hex,
                    };
                    self.air
                        .deliver(&self.scene.plan().anchors[anchor].anchor, &line, sender);
                }
                Receiver::Phone(place) => self.hear(place, &emission, rssi_dbm),
            }
        }
        let address = on_air.address.clone();
        self.tell_telemetry(&emission, &address);
    }

    /// Right behind some of its advertisements a fixed beacon says how it does.
    fn tell_telemetry(&self, emission: &Emission, address: &str) {
        let Source::Beacon(place) = emission.source else {
            return;
        };
        if !(emission.at_us / BEACON_INTERVAL_US).is_multiple_of(TELEMETRY_EVERY) {
            return;
        }
        let frame = firmware::telemetry(place, emission.at_us);
        let ad_hex = hex::encode(protocol::air::encode(&frame));
        for &(receiver, rssi_dbm) in &emission.heard {
            if let Receiver::Antenna(anchor) = receiver {
                let line = AirLine {
                    address: address.to_owned(),
                    rssi_dbm,
                    ad_hex: ad_hex.clone(),
                };
                let anchor = &self.scene.plan().anchors[anchor].anchor;
                self.air.deliver(anchor, &line, None);
            }
        }
    }

    /// What a shopper's phone sends now; a fixed beacon and a stranger send their own.
    fn frame(&self, emission: &Emission) -> Option<protocol::Frame> {
        let Source::Phone(place) = emission.source else {
            return None;
        };
        let layout = match self.scene.shoppers()[place].phone {
            PhoneKind::AndroidEddystone => Layout::EddystoneEid,
            PhoneKind::Ios => Layout::WelkomUuid,
            _ => Layout::Welkom,
        };
        let server_ms = self.started_ms + emission.at_us / 1_000;
        Some(self.identities[place].borrow().frame(layout, server_ms))
    }

    fn hear(&mut self, place: usize, emission: &Emission, rssi_dbm: i8) {
        let Source::Beacon(anchor) = emission.source else {
            return;
        };
        if let Some(beacon) = self.scene.plan().anchors[anchor].transmitter() {
            self.ears[place].hear(self.started_ms + emission.at_us / 1_000, beacon, rssi_dbm);
        }
    }

    fn report(&mut self, place: usize) {
        if let Some(carrier) = self.carriers.get(place)
            && !self.ears[place].is_empty()
        {
            carrier.send(Errand::Report(self.ears[place].report()));
        }
    }

    fn on_cue(&mut self, at_ms: u64, cue: Cue) {
        match cue {
            Cue::Enter(place) => self.tell(at_ms, place, Happening::Entered),
            Cue::Leave(place) => self.tell(at_ms, place, Happening::Left),
            Cue::Report(place) => self.report(place),
            Cue::NewKey(place) => {
                if let Some(carrier) = self.carriers.get(place) {
                    carrier.send(Errand::NewKey);
                }
            }
            Cue::Here(place) => {
                if let Some(carrier) = self.carriers.get(place) {
                    carrier.send(Errand::Here);
                    self.tell(at_ms, place, Happening::PressedHere);
                }
            }
        }
    }

    fn tell(&mut self, at_ms: u64, place: usize, happening: Happening) {
        let external_id = self.scene.shoppers()[place].external_id.clone();
        (self.progress)(&Progress {
            at_ms,
            external_id,
            happening,
        });
    }

    fn tell_received(&mut self, began: Instant, index: u64, received: Received) {
        let at_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let place = self
            .scene
            .shoppers()
            .iter()
            .position(|shopper| shopper.index == index);
        if let Some(place) = place {
            self.tell(at_ms, place, Happening::Received(Box::new(received)));
        }
    }
}

fn cues(shoppers: &[Shopper], run_ms: u64) -> Vec<(u64, Cue)> {
    let mut cues = Vec::new();
    for (place, shopper) in shoppers.iter().enumerate() {
        if let Some(entered_ms) = shopper.way.entered_ms() {
            cues.push((entered_ms, Cue::Enter(place)));
            if shopper.presses_here {
                cues.push((entered_ms + HERE_AFTER_MS, Cue::Here(place)));
            }
            if shopper.rotates_key {
                cues.push((entered_ms + NEW_KEY_AFTER_MS, Cue::NewKey(place)));
            }
        }
        cues.extend(
            shopper
                .way
                .left_ms()
                .map(|left_ms| (left_ms, Cue::Leave(place))),
        );
        if shopper.reports_beacons {
            // Phones do not report in step: each has a phase of its own.
            let phase_ms = shopper.index * 97 % REPORT_EVERY_MS;
            let (from_ms, to_ms) = shopper.way.span_ms();
            let moments = (from_ms + phase_ms..to_ms + REPORT_EVERY_MS).step_by(2_000);
            cues.extend(moments.map(|at_ms| (at_ms, Cue::Report(place))));
        }
    }
    cues.retain(|(at_ms, _)| *at_ms < run_ms);
    cues.sort_unstable();
    cues
}
