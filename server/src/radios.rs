//! Radios that shops already have, which say over MQTT in their own words what they hear.
//!
//! In: messages, as ingest hears them. Out: batches for the pipeline, as if a gateway had sent them:
//! under a boot of this run of the server, with numbers that count here; words to the fleet.
//! Identities are resolved and what is nobody's is stripped before anything is written.
//! Invariant: bounded by [`WAITING_MAX`] and by what one radio may say; nothing of a message is
//! logged.

mod ears;
#[cfg(test)]
mod tests;
mod window;

use std::{collections::HashMap, sync::Arc, time::Duration};

use protocol::{
    BootId, GatewayId, StoreId,
    message::{LinkState, Status, VERSION},
    radio::PAYLOAD_LEN_MAX,
};
use tokio::sync::{mpsc, watch};

use self::ears::{Ears, Said, Sightings, Word};
use crate::{
    clock,
    fleet::Fleet,
    identity::Identity,
    pipeline::{BatchWork, Counts, Heard, Pipeline},
    secret::{self, NoRandomness},
    store::{Readers, StoreError, radios},
};

/// Messages that wait; what finds no place is shed and counted.
const WAITING_MAX: usize = 4_096;
/// How often it is looked which windows are over.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Where messages go in.
pub struct Radios {
    said: mpsc::Sender<Said>,
    counts: Arc<Counts>,
    boot: BootId,
}

impl Radios {
    /// And what makes sightings of them.
    pub fn new(counts: Arc<Counts>) -> Result<(Self, Keeper), NoRandomness> {
        let (said, inlet) = mpsc::channel(WAITING_MAX);
        let started_ms = clock::now_ms();
        let boot = BootId::at(started_ms, secret::random()?);
        let radios = Self {
            said,
            counts: counts.clone(),
            boot,
        };
        let keeper = Keeper {
            inlet,
            ears: Ears::default(),
            counts,
            boot,
            started_ms,
            sent: HashMap::new(),
        };
        Ok((radios, keeper))
    }

    /// Takes a message; never waits. What is longer than any radio says is not even held.
    pub fn hear(&self, topic: &str, payload: &[u8], retained: bool) {
        if payload.len() > PAYLOAD_LEN_MAX {
            Counts::add(&self.counts.radio_messages_total, 1);
            Counts::add(&self.counts.radio_refused_total, 1);
            return;
        }
        let said = Said {
            topic: topic.to_owned(),
            payload: payload.to_vec(),
            retained,
            came_ms: clock::now_ms(),
        };
        if self.said.try_send(said).is_err() {
            Counts::add(&self.counts.radio_messages_total, 1);
            Counts::add(&self.counts.radio_shed_total, 1);
        }
    }

    /// Whether nobody waits for word of this boot: its batches are our own.
    pub fn is_ours(&self, boot: BootId) -> bool {
        boot == self.boot
    }
}

/// What the keeper talks to.
pub struct Parts {
    /// Where batches go.
    pub pipeline: Pipeline,
    /// Which radios there are.
    pub readers: Readers,
    /// Who is who.
    pub identity: Arc<Identity>,
    /// How radios do.
    pub fleet: Arc<Fleet>,
}

/// Makes sightings of what radios say.
pub struct Keeper {
    inlet: mpsc::Receiver<Said>,
    ears: Ears,
    counts: Arc<Counts>,
    boot: BootId,
    started_ms: u64,
    /// The last number of each radio. Only what goes to the pipeline has one: a number that is left
    /// out stays a gap in the ranges that are kept for good. They go on when a radio is registered
    /// anew: what has a number that was applied before is dropped as a repetition.
    sent: HashMap<(StoreId, GatewayId), u64>,
}

impl Keeper {
    /// Runs until asked to stop. What is open then is live and nothing else: it goes.
    pub async fn run(mut self, parts: Parts, mut shutdown: watch::Receiver<bool>) {
        let mut layouts = parts.fleet.layouts();
        let mut look = tokio::time::interval(LOOK_EVERY);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        self.learn(&parts.readers).await;
        loop {
            let kept = tokio::select! {
                Some(said) = self.inlet.recv() => {
                    let seen = self.ears.hear(&said, &self.counts);
                    self.pass_on(&parts, seen).await
                }
                _ = look.tick() => {
                    let (seen, words) = self.ears.look(clock::now_ms());
                    for word in words {
                        self.tell(&parts.fleet, word);
                    }
                    self.pass_on(&parts, seen).await
                }
                Ok(()) = layouts.changed() => {
                    self.learn(&parts.readers).await;
                    Ok(())
                }
                _ = shutdown.changed() => return,
            };
            if kept.is_err() {
                // The writer has stopped: so do we.
                return;
            }
        }
    }

    async fn learn(&mut self, readers: &Readers) {
        match readers.read(radios::all).await {
            Ok((rows, chain, fixed)) => self.ears.learn(rows, chain, fixed),
            Err(error) => tracing::error!(%error, "new radios are not listened to"),
        }
    }

    async fn pass_on(
        &mut self,
        parts: &Parts,
        seen: impl IntoIterator<Item = Sightings>,
    ) -> Result<(), StoreError> {
        for sightings in seen {
            if let Some(work) = self.resolve(&parts.identity, clock::now_ms(), sightings) {
                parts.pipeline.batch(work).await?;
            }
        }
        Ok(())
    }

    /// Gives each sighting its person; what has none stays behind.
    fn resolve(
        &mut self,
        identity: &Identity,
        now_ms: u64,
        sightings: Sightings,
    ) -> Option<BatchWork> {
        let times = sightings.of.iter();
        let times = times.map(|s| (s.transmitter, s.heard_last_ms));
        let people = identity.resolve_all(now_ms, times);
        let unresolved = people.iter().filter(|who| who.is_none()).count();
        Counts::add(&self.counts.unresolved_total, unresolved);
        let heard = sightings.of.into_iter().zip(people);
        let heard: Vec<Heard> = heard
            .filter_map(|(s, who)| {
                Some(Heard {
                    who: who?,
                    anchor: sightings.anchor.clone(),
                    heard_first_ms: s.heard_first_ms,
                    heard_last_ms: s.heard_last_ms,
                    count: s.count,
                    rssi_dbm: s.rssi_dbm,
                })
            })
            .collect();
        if heard.is_empty() {
            return None;
        }
        let of = (sightings.store.clone(), sightings.gateway.clone());
        let seq = self.sent.entry(of).or_default();
        *seq += 1;
        Some(BatchWork {
            store: sightings.store,
            gateway: sightings.gateway,
            boot: self.boot,
            seq: *seq,
            heard,
            len_bytes: 0,
            token: 0,
        })
    }

    /// In a gateway's words, so that all that looks at gateways sees radios too.
    fn tell(&self, fleet: &Fleet, word: Word) {
        let now_ms = clock::now_ms();
        let status = Status {
            v: VERSION,
            state: match word.is_there {
                true => LinkState::Online,
                false => LinkState::Offline,
            },
            boot: self.boot,
            // 0 would say that it is a last will.
            sent_mono_ms: now_ms.saturating_sub(self.started_ms) + 1,
            version: word.kind.to_string(),
            plain: true,
            settings: None,
            counts: word.counts,
            beacons: Vec::new(),
        };
        fleet.heard_from(word.store, word.gateway, status, false, now_ms);
    }
}
