//! What is made of what other radios say.
//!
//! In: messages as they came, the radios that are known, the time. Out: sightings of transmitters;
//! how each radio does.
//! A sighting is live or nothing. What the broker had kept, and what says that it was heard more than
//! [`LIVE_MS`] ago or in the future, is dropped. Such a radio has no numbers of its own, so the
//! same topic with the same bytes within a few seconds is taken for one message sent twice.
//! Invariant: pure; what is in none of our layouts, and what is not the chain's, ends here.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    hash::{BuildHasher, RandomState},
};

use protocol::{
    AnchorId, GatewayId, Ignored, StoreId, Transmitter,
    air::{self, Chain},
    message,
    radio::{self, Advert, RadioError, RadioKind, RadioName},
};

use super::window::{Gathered, Shed, Windows};
use crate::{pipeline::Counts, store::radios::RadioRow};

/// Older is history, and these radios have none that can be trusted.
pub(super) const LIVE_MS: u64 = 10_000;
/// By so much a radio's clock may be ahead.
const AHEAD_MS: u64 = 5_000;
/// Within it the same bytes are the same message, where the message has no time in it.
const AGAIN_MS: u64 = 2_000;
/// Messages of one radio in a second; what is more is shed unread. A Ruuvi Gateway in a full store
/// says about fifty.
pub(super) const MESSAGES_PER_S_MAX: u32 = 200;
/// How often it is told that a radio is there, as gateways do.
const TELL_EVERY_MS: u64 = 60_000;
/// A radio that says nothing at all for this long is not there: its silence is no sign that anybody
/// left.
const SILENT_AFTER_MS: u64 = 180_000;
/// Strangers that are named in the log.
const STRANGERS_MAX: usize = 64;

/// A message as it came.
#[derive(Debug, Clone)]
pub(super) struct Said {
    pub(super) topic: String,
    pub(super) payload: Vec<u8>,
    /// The broker had kept it.
    pub(super) retained: bool,
    pub(super) came_ms: u64,
}

/// Some sightings of one radio.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sightings {
    pub(super) store: StoreId,
    pub(super) gateway: GatewayId,
    pub(super) anchor: AnchorId,
    pub(super) of: Vec<Gathered>,
}

/// How a radio does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) store: StoreId,
    pub(super) gateway: GatewayId,
    pub(super) kind: RadioKind,
    pub(super) is_there: bool,
    pub(super) counts: message::Counts,
}

/// All radios.
#[derive(Default)]
pub(super) struct Ears {
    of: HashMap<(RadioKind, RadioName), Ear>,
    chain: Chain,
    /// Those that hang in stores name nobody.
    fixed: HashSet<Transmitter>,
    strangers: BTreeSet<(RadioKind, RadioName)>,
    hasher: RandomState,
}

struct Ear {
    row: RadioRow,
    windows: Windows,
    /// The second, and the messages in it.
    second: (u64, u32),
    /// Messages by their digests, and until when each is known.
    known: HashMap<u64, u64>,
    counts: message::Counts,
    spoke_ms: u64,
    /// When it was last told that it is there; none: it is not.
    told_ms: Option<u64>,
    /// Something about it was logged.
    complained: bool,
}

impl Ear {
    fn of(row: RadioRow) -> Self {
        Self {
            row,
            windows: Windows::default(),
            second: (0, 0),
            known: HashMap::new(),
            counts: message::Counts::default(),
            spoke_ms: 0,
            told_ms: None,
            complained: false,
        }
    }

    fn is_too_much(&mut self, now_ms: u64) -> bool {
        let second = now_ms / 1_000;
        if self.second.0 != second {
            self.second = (second, 0);
        }
        self.second.1 = self.second.1.saturating_add(1);
        self.second.1 > MESSAGES_PER_S_MAX
    }

    /// Once a radio, whatever it is: the counts say how often.
    fn complain(&mut self, why: &str) {
        if !std::mem::replace(&mut self.complained, true) {
            let (store, radio, kind) = (&self.row.store, &self.row.gateway, self.row.kind);
            tracing::warn!(%store, %radio, %kind, why, "a radio says what is of no use");
        }
    }

    fn sightings(&self, of: Vec<Gathered>) -> Option<Sightings> {
        let anchor = self.row.anchor.clone()?;
        if of.is_empty() {
            return None;
        }
        Some(Sightings {
            store: self.row.store.clone(),
            gateway: self.row.gateway.clone(),
            anchor,
            of,
        })
    }

    fn word(&self, is_there: bool) -> Word {
        Word {
            store: self.row.store.clone(),
            gateway: self.row.gateway.clone(),
            kind: self.row.kind,
            is_there,
            counts: self.counts,
        }
    }
}

impl Ears {
    /// The radios that are known from now on. What is open of those that were known stays.
    pub(super) fn learn(&mut self, rows: Vec<RadioRow>, chain: Chain, fixed: HashSet<Transmitter>) {
        let mut before = std::mem::take(&mut self.of);
        for row in rows {
            let name = (row.kind, row.name.clone());
            let ear = match before.remove(&name) {
                Some(ear) if (&ear.row.store, &ear.row.gateway) == (&row.store, &row.gateway) => {
                    Ear { row, ..ear }
                }
                _ => Ear::of(row),
            };
            self.strangers.remove(&name);
            self.of.insert(name, ear);
        }
        (self.chain, self.fixed) = (chain, fixed);
    }

    /// Takes a message; what is seen for the first time comes back at once.
    pub(super) fn hear(&mut self, said: &Said, counts: &Counts) -> Option<Sightings> {
        Counts::add(&counts.radio_messages_total, 1);
        let name = radio::of_topic(&said.topic)?;
        let Some(ear) = self.of.get_mut(&name) else {
            Counts::add(&counts.radio_strangers_total, 1);
            if self.strangers.len() < STRANGERS_MAX && self.strangers.insert(name.clone()) {
                let (kind, name) = name;
                tracing::warn!(%kind, %name, "a radio that nobody registered is not listened to");
            }
            return None;
        };
        if said.retained {
            Counts::add(&counts.radio_stale_total, 1);
            return None;
        }
        let now_ms = said.came_ms;
        ear.spoke_ms = ear.spoke_ms.max(now_ms);
        if ear.is_too_much(now_ms) {
            Counts::add(&counts.radio_shed_total, 1);
            ear.counts.shed_total += 1;
            return None;
        }
        let adverts = match radio::decode(name.0, &said.topic, &said.payload) {
            Ok(adverts) => adverts,
            Err(RadioError::NoAdvert) => {
                ear.counts.heard_total += 1;
                ear.counts.foreign_total += 1;
                Counts::add(&counts.radio_foreign_total, 1);
                return None;
            }
            Err(why) => {
                ear.counts.malformed_total += 1;
                Counts::add(&counts.radio_refused_total, 1);
                ear.complain(&why.to_string());
                return None;
            }
        };
        let has_time = adverts.iter().any(|a| a.heard_ms.is_some());
        let digest = self.hasher.hash_one((&said.topic, &said.payload));
        let until_ms = now_ms + if has_time { LIVE_MS } else { AGAIN_MS };
        // What comes again does not make its time longer: a fob that lies still is as loud each time.
        if ear.known.get(&digest).is_some_and(|until| now_ms < *until) {
            Counts::add(&counts.radio_again_total, 1);
            return None;
        }
        ear.known.insert(digest, until_ms);
        let mut first = Vec::new();
        for advert in &adverts {
            ear.counts.heard_total += 1;
            let Some(heard_ms) = live(advert, now_ms) else {
                Counts::add(&counts.radio_stale_total, 1);
                ear.complain("its times are not those of now: set its clock");
                continue;
            };
            let Some(transmitter) = admit(&self.chain, &self.fixed, advert, ear, counts) else {
                continue;
            };
            match ear
                .windows
                .hear(now_ms, transmitter, heard_ms, advert.rssi_dbm)
            {
                Ok(gathered) => first.extend(gathered),
                Err(Shed) => {
                    ear.counts.shed_total += 1;
                    Counts::add(&counts.radio_shed_total, 1);
                }
            }
        }
        ear.sightings(first)
    }

    /// The windows that are over, and how radios do where that is to be told.
    pub(super) fn look(&mut self, now_ms: u64) -> (Vec<Sightings>, Vec<Word>) {
        let (mut all, mut words) = (Vec::new(), Vec::new());
        for ear in self.of.values_mut() {
            ear.known.retain(|_, until_ms| now_ms < *until_ms);
            let closed = ear.windows.close_due(now_ms);
            all.extend(ear.sightings(closed));
            if ear.spoke_ms == 0 {
                continue;
            }
            let silent = now_ms >= ear.spoke_ms + SILENT_AFTER_MS;
            match ear.told_ms {
                Some(_) if silent => {
                    ear.told_ms = None;
                    words.push(ear.word(false));
                }
                Some(told_ms) if now_ms < told_ms + TELL_EVERY_MS || ear.spoke_ms < told_ms => {}
                _ if silent => {}
                _ => {
                    ear.told_ms = Some(now_ms);
                    words.push(ear.word(true));
                }
            }
        }
        (all, words)
    }
}

/// When it was heard, if that is now.
fn live(advert: &Advert, now_ms: u64) -> Option<u64> {
    let Some(heard_ms) = advert.heard_ms else {
        return Some(now_ms);
    };
    let is_now = now_ms < heard_ms + LIVE_MS && heard_ms < now_ms + AHEAD_MS;
    is_now.then_some(heard_ms.min(now_ms))
}

/// Who sent it, if that may be somebody: as a gateway's intake asks.
fn admit(
    chain: &Chain,
    fixed: &HashSet<Transmitter>,
    advert: &Advert,
    ear: &mut Ear,
    counts: &Counts,
) -> Option<Transmitter> {
    let frame = match air::decode(advert.ad.as_bytes()) {
        Ok(frame) if chain.may_be_of_it(&frame) => frame,
        Err(Ignored::Malformed(_)) => {
            ear.counts.malformed_total += 1;
            Counts::add(&counts.radio_refused_total, 1);
            return None;
        }
        other => {
            ear.counts.apple_overflow_total +=
                u64::from(matches!(other, Err(Ignored::AppleOverflow)));
            ear.counts.foreign_total += 1;
            Counts::add(&counts.radio_foreign_total, 1);
            return None;
        }
    };
    let transmitter = frame.transmitter();
    if transmitter.is_none_or(|t| fixed.contains(&t)) {
        ear.counts.beacon_total += 1;
        return None;
    }
    transmitter
}
