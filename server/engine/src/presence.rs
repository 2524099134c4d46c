//! Presence: what the system believes of one customer's whereabouts.
//!
//! In: what anchors and her radios had of each other, in the order of arrival.
//! Out: whether she is in, in which zone, and until when silence means nothing.
//! Promises: strength is smoothed over *event* time, so a backlog gives the belief that live
//! sightings would have given; what arrives out of order never makes a level older.
//! Invariant: integers alone, so that a snapshot holds the belief exactly; at most
//! [`TRACKS_MAX`] tracks and [`RADIOS_MAX`] radios per customer.
//!
//! [`filter`], with its models ([`model`], [`geometry`], [`walk`]) and its [`confidence`], is what
//! is to take the place of this belief. It is evaluated (`evaluate walk` in the tests package) and
//! decides nothing yet.

pub mod confidence;
pub mod filter;
pub mod geometry;
pub mod model;
pub mod walk;

use protocol::RadioId;
use serde::{Deserialize, Serialize};

use crate::floor::{AnchorIx, Floor, ZoneIx};

/// Half of a jump in strength is followed within this time. Medians of one second at 250 ms still
/// swing by some 4 dB around a standing person; a walk through a door takes about 2 s.
pub const SMOOTHING_MS: u64 = 1_500;

/// One sighting this much above the threshold is enough to be in; otherwise it takes two.
pub const ENTER_AT_ONCE_CDB: i32 = 600;

/// Two sightings at or above the threshold, each by itself and so close to one another, are in too.
/// A phone in a pocket shows the door two strong seconds and falls back behind its owner's body: a
/// smoothed level alone came 38 s late then, or not at all.
pub const ENTER_PAIR_MS: u64 = 3_000;

/// Sightings above the threshold that are further apart than this are not one approach.
pub const APPROACH_GAP_MS: u64 = 10_000;

/// Weaker than the threshold by this much at all anchors is outside.
pub const OUTSIDE_CDB: i32 = 1_200;

/// Outside for this long is gone.
pub const OUTSIDE_MS: u64 = 10_000;

/// Silence shorter than this never means gone: eight misses of the slowest phone (2 s) and a bit.
pub const SILENCE_MIN_MS: u64 = 20_000;

/// Silence longer than this always means gone.
pub const SILENCE_MAX_MS: u64 = 600_000;

/// Silence of this many usual gaps means gone.
pub const SILENCE_GAPS: u64 = 8;

/// The gap between sightings before it is learned: twice the slowest phone, and one window.
pub const GAP_FIRST_MS: u64 = 5_000;

/// No gap counts for more than this; eight of them are [`SILENCE_MAX_MS`].
pub const GAP_MAX_MS: u64 = SILENCE_MAX_MS / SILENCE_GAPS;

/// "Ik ben er" holds for this long without anything more.
pub const CERTAIN_HOLD_MS: u64 = 600_000;

/// And the zone in which she pressed it holds for this long against radio.
pub const CERTAIN_ZONE_MS: u64 = 20_000;

/// Another zone must lead by more than this. With [`ZONE_EVIDENCE_CDB_MS`] this is Page's
/// cumulative sum (1954): a lead of 6 dB moves her after 3 s, 12 dB after 1 s, 3 dB never.
pub const ZONE_LEAD_CDB: i32 = 300;

/// What the lead beyond [`ZONE_LEAD_CDB`] must sum up to over time: 9 dB s.
pub const ZONE_EVIDENCE_CDB_MS: i64 = 900_000;

/// One sighting counts as a lead for at most this long.
pub const ZONE_STEP_MAX_MS: u64 = 3_000;

/// An anchor that is not heard loses nothing for this long (or four usual gaps) …
pub const FADE_AFTER_MS: u64 = 5_000;

/// … then 2 dB each second …
pub const FADE_CDB_PER_S: u64 = 200;

/// … and is forgotten after this much more.
pub const FORGET_MS: u64 = 30_000;

/// Pairs of anchor and radio that are followed for one customer; the longest unheard gives way.
pub const TRACKS_MAX: usize = 32;

/// Radios that are followed for one customer at once; the longest unheard gives way.
pub const RADIOS_MAX: usize = 4;

/// A strength that halves the likelihood of a zone in [`Belief::shares`].
const SHARE_HALVES_CDB: f32 = 300.0;

/// One sighting, as the belief needs it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Heard {
    pub(crate) radio: RadioId,
    pub(crate) anchor: AnchorIx,
    pub(crate) first_ms: u64,
    pub(crate) last_ms: u64,
    /// None: a certain sighting.
    pub(crate) strength_cdbm: Option<i32>,
}

/// What is believed of one customer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Belief {
    radios: Vec<RadioId>,
    tracks: Vec<Track>,
    /// When she was last heard at all.
    last_heard_ms: u64,
    /// When she was last heard so that she can only be inside.
    inside_ms: u64,
    /// What usually lies between two sightings of her.
    gap_ms: u64,
    approach: Option<Approach>,
    certain_ms: Option<u64>,
    zone: Option<ZoneIx>,
    challenge: Option<Challenge>,
    /// The end of her last visit: nothing heard up to then begins another.
    left_ms: u64,
}

/// One radio at one anchor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Track {
    anchor: AnchorIx,
    radio: u8,
    sightings: u8,
    heard_ms: u64,
    level_cdbm: i32,
}

/// Sightings above the threshold, before the belief is sure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Approach {
    first_ms: u64,
    last_ms: u64,
    /// The latest came within [`ENTER_PAIR_MS`] of the one before.
    #[serde(default)]
    pair: bool,
}

/// Other zones lead over the one that she is believed in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Challenge {
    since_ms: u64,
    weighed_ms: u64,
    evidence_cdb_ms: i64,
}

impl Approach {
    fn at(heard: &Heard) -> Self {
        Self {
            first_ms: heard.first_ms,
            last_ms: heard.last_ms,
            pair: false,
        }
    }
}

impl Belief {
    pub(crate) fn new() -> Self {
        Self {
            radios: Vec::new(),
            tracks: Vec::new(),
            last_heard_ms: 0,
            inside_ms: 0,
            gap_ms: GAP_FIRST_MS,
            approach: None,
            certain_ms: None,
            zone: None,
            challenge: None,
            left_ms: 0,
        }
    }

    /// Takes a sighting in. Some: it would begin a visit, at that time.
    pub(crate) fn hear(&mut self, floor: &Floor, heard: &Heard) -> Option<u64> {
        let enter_cdbm = floor.enter_cdbm(heard.anchor)?;
        if heard.last_ms <= self.left_ms {
            return None; // a straggler of the visit that is over
        }
        self.learn_gap(heard.last_ms);
        let Some(strength_cdbm) = heard.strength_cdbm else {
            self.be_certain(floor, heard);
            return Some(heard.first_ms.max(self.left_ms));
        };
        if strength_cdbm >= enter_cdbm {
            self.approach(heard);
        }
        let radio = self.radio(heard.radio);
        let track = self.track(heard, radio, strength_cdbm);
        let (level_cdbm, sightings) = (track.level_cdbm, track.sightings);
        if level_cdbm >= enter_cdbm - OUTSIDE_CDB || strength_cdbm >= enter_cdbm {
            self.inside_ms = self.inside_ms.max(heard.last_ms);
        }
        let sure = sightings >= 2;
        let (first_ms, pair) = self
            .approach
            .as_ref()
            .map_or((heard.first_ms, false), |a| (a.first_ms, a.pair));
        let here_now = strength_cdbm >= enter_cdbm
            && (pair || strength_cdbm >= enter_cdbm + ENTER_AT_ONCE_CDB);
        (here_now || (level_cdbm >= enter_cdbm && sure)).then(|| first_ms.max(self.left_ms))
    }

    /// Weighs the zones. Some: she is in another one, since that time.
    pub(crate) fn settle(&mut self, floor: &Floor) -> Option<(ZoneIx, u64)> {
        let now_ms = self.last_heard_ms;
        let (here, rival) = self.standings(floor, now_ms);
        let certain = self
            .certain_ms
            .is_some_and(|at| now_ms < at + CERTAIN_ZONE_MS);
        if self.zone.is_some() && certain {
            return None;
        }
        let since_ms = match (here, rival) {
            (_, None) => {
                self.challenge = None;
                return None;
            }
            (None, Some(_)) => now_ms,
            (Some(here), Some((_, rival))) => self.weigh(now_ms, rival - here)?,
        };
        self.challenge = None;
        self.zone = rival.map(|(zone, _)| zone);
        self.zone.map(|zone| (zone, since_ms))
    }

    /// When she is gone if nothing more is heard; in the past if she was heard leaving.
    pub(crate) fn leave_at(&self) -> u64 {
        let radio_saw_her_in = self.certain_ms.is_none_or(|at| self.inside_ms > at);
        if radio_saw_her_in && self.last_heard_ms >= self.inside_ms + OUTSIDE_MS {
            return self.inside_ms + OUTSIDE_MS;
        }
        let silence_ms = (SILENCE_GAPS * self.gap_ms).clamp(SILENCE_MIN_MS, SILENCE_MAX_MS);
        let certain_until = self.certain_ms.map_or(0, |at| at + CERTAIN_HOLD_MS);
        (self.last_heard_ms + silence_ms).max(certain_until)
    }

    /// When she was last heard so that she can only be inside.
    pub(crate) fn inside_ms(&self) -> u64 {
        self.inside_ms
    }

    /// When she was last heard at all.
    pub(crate) fn last_heard_ms(&self) -> u64 {
        self.last_heard_ms
    }

    pub(crate) fn zone(&self) -> Option<ZoneIx> {
        self.zone
    }

    /// Whether a radio was heard in this visit.
    pub(crate) fn by_radio(&self) -> bool {
        !self.tracks.is_empty()
    }

    /// What she came for is done: from here on only radio keeps her in.
    pub(crate) fn certainty_is_used_up(&mut self) {
        self.certain_ms = None;
    }

    /// She left: what was believed is over; the learned gap stays.
    pub(crate) fn end(&mut self, left_ms: u64) {
        *self = Self {
            last_heard_ms: self.last_heard_ms,
            gap_ms: self.gap_ms,
            left_ms: self.left_ms.max(left_ms),
            ..Self::new()
        };
    }

    /// Puts anchors and zones where the new floor has them; what is gone is forgotten.
    pub(crate) fn move_to(&mut self, floor: &Floor, old: &Floor) {
        self.zone = self.zone.and_then(|zone| floor.moved_zone(old, zone));
        self.challenge = None;
        self.tracks.retain_mut(|track| {
            floor
                .moved_anchor(old, track.anchor)
                .map(|anchor| track.anchor = anchor)
                .is_some()
        });
    }

    /// The two most likely zones with their shares of 1, most likely first.
    pub(crate) fn shares(&self, floor: &Floor) -> Vec<(ZoneIx, f32)> {
        let now_ms = self.last_heard_ms;
        if let (Some(at), Some(zone)) = (self.certain_ms, self.zone)
            && (now_ms < at + CERTAIN_ZONE_MS || self.tracks.is_empty())
        {
            return vec![(zone, 1.0)];
        }
        let mut zones: Vec<(ZoneIx, i32)> = Vec::new();
        for (zone, level) in self.levels(floor, now_ms) {
            match zones.iter_mut().find(|(known, _)| *known == zone) {
                Some((_, best)) => *best = level.max(*best),
                None => zones.push((zone, level)),
            }
        }
        zones.sort_unstable_by_key(|&(zone, level)| (std::cmp::Reverse(level), zone));
        let top = zones.first().map_or(0, |&(_, level)| level);
        let weight = |level: i32| ((level - top) as f32 / SHARE_HALVES_CDB).exp2();
        let sum: f32 = zones.iter().map(|&(_, level)| weight(level)).sum();
        zones.truncate(2);
        zones
            .into_iter()
            .map(|(zone, level)| (zone, weight(level) / sum))
            .collect()
    }

    /// Learns quickly that she is heard seldom, slowly that she is heard often: leaving too early
    /// costs a shopper her welcome, leaving too late is dated back.
    fn learn_gap(&mut self, heard_ms: u64) {
        if heard_ms <= self.last_heard_ms {
            return;
        }
        if self.last_heard_ms > 0 {
            let gap_ms = (heard_ms - self.last_heard_ms).min(GAP_MAX_MS);
            if gap_ms > self.gap_ms {
                self.gap_ms += (gap_ms - self.gap_ms) / 4;
            } else {
                self.gap_ms -= (self.gap_ms - gap_ms) / 16;
            }
        }
        self.last_heard_ms = heard_ms;
    }

    fn be_certain(&mut self, floor: &Floor, heard: &Heard) {
        if self.certain_ms.is_none_or(|at| at < heard.last_ms) {
            self.certain_ms = Some(heard.last_ms);
            self.zone = floor.zone_of(heard.anchor);
            self.challenge = None;
        }
        self.inside_ms = self.inside_ms.max(heard.last_ms);
    }

    fn approach(&mut self, heard: &Heard) {
        match &mut self.approach {
            Some(a) if heard.first_ms > a.last_ms + APPROACH_GAP_MS => {
                *a = Approach::at(heard);
            }
            Some(a) if heard.last_ms + APPROACH_GAP_MS < a.first_ms => {}
            Some(a) => {
                a.pair = heard.first_ms <= a.last_ms + ENTER_PAIR_MS;
                a.first_ms = a.first_ms.min(heard.first_ms);
                a.last_ms = a.last_ms.max(heard.last_ms);
            }
            None => {
                self.approach = Some(Approach::at(heard));
            }
        }
    }

    fn radio(&mut self, radio: RadioId) -> u8 {
        let at = match self.radios.iter().position(|&known| known == radio) {
            Some(at) => at,
            None if self.radios.len() < RADIOS_MAX => {
                self.radios.push(radio);
                self.radios.len() - 1
            }
            None => self.replace_radio(radio),
        };
        at as u8 // below RADIOS_MAX
    }

    fn replace_radio(&mut self, radio: RadioId) -> usize {
        let heard_ms = |at: usize| {
            let own = self.tracks.iter().filter(|t| usize::from(t.radio) == at);
            own.map(|t| t.heard_ms).max().unwrap_or(0)
        };
        let at = (0..self.radios.len())
            .min_by_key(|&at| heard_ms(at))
            .unwrap_or(0);
        self.tracks.retain(|t| usize::from(t.radio) != at);
        self.radios[at] = radio;
        at
    }

    /// The track of this radio at this anchor, with the sighting in it.
    fn track(&mut self, heard: &Heard, radio: u8, strength_cdbm: i32) -> &Track {
        let fresh = Track {
            anchor: heard.anchor,
            radio,
            sightings: 1,
            heard_ms: heard.last_ms,
            level_cdbm: strength_cdbm,
        };
        let known = self
            .tracks
            .iter()
            .position(|t| t.anchor == heard.anchor && t.radio == radio);
        let at = match known {
            Some(at) => {
                self.tracks[at].smooth(fresh);
                at
            }
            None if self.tracks.len() < TRACKS_MAX => {
                self.tracks.push(fresh);
                self.tracks.len() - 1
            }
            None => {
                let oldest = (0..self.tracks.len()).min_by_key(|&at| self.tracks[at].heard_ms);
                let at = oldest.unwrap_or(0);
                self.tracks[at] = fresh;
                at
            }
        };
        &self.tracks[at]
    }

    fn levels<'a>(
        &'a self,
        floor: &'a Floor,
        now_ms: u64,
    ) -> impl Iterator<Item = (ZoneIx, i32)> + 'a {
        let grace_ms = FADE_AFTER_MS.max(4 * self.gap_ms);
        self.tracks.iter().filter_map(move |track| {
            let level_cdbm = track.faded(now_ms, grace_ms)?;
            Some((floor.zone_of(track.anchor)?, level_cdbm))
        })
    }

    /// The level of the zone that she is believed in, and the best of the others.
    fn standings(&self, floor: &Floor, now_ms: u64) -> (Option<i32>, Option<(ZoneIx, i32)>) {
        let (mut here, mut rival): (Option<i32>, Option<(ZoneIx, i32)>) = (None, None);
        for (zone, level) in self.levels(floor, now_ms) {
            if Some(zone) == self.zone {
                here = here.max(Some(level));
            } else if rival.is_none_or(|(_, best)| level > best) {
                rival = Some((zone, level));
            }
        }
        (here, rival)
    }

    /// Adds the lead to the evidence. Some: it is enough, and began at that time.
    fn weigh(&mut self, now_ms: u64, lead_cdb: i32) -> Option<u64> {
        let beyond_cdb = i64::from(lead_cdb - ZONE_LEAD_CDB);
        let Some(challenge) = &mut self.challenge else {
            self.challenge = (beyond_cdb > 0).then_some(Challenge {
                since_ms: now_ms,
                weighed_ms: now_ms,
                evidence_cdb_ms: 0,
            });
            return None;
        };
        let step_ms = now_ms
            .saturating_sub(challenge.weighed_ms)
            .min(ZONE_STEP_MAX_MS);
        challenge.weighed_ms = now_ms;
        challenge.evidence_cdb_ms += beyond_cdb * step_ms as i64; // at most ZONE_STEP_MAX_MS
        let (evidence_cdb_ms, since_ms) = (challenge.evidence_cdb_ms, challenge.since_ms);
        if evidence_cdb_ms < 0 || (evidence_cdb_ms == 0 && beyond_cdb <= 0) {
            self.challenge = None;
        }
        (evidence_cdb_ms >= ZONE_EVIDENCE_CDB_MS).then_some(since_ms)
    }
}

impl Track {
    /// Follows the strength by `dt / (dt + SMOOTHING_MS)`, the whole-number form of an
    /// exponential: the longer nothing was heard, the more the latest counts.
    fn smooth(&mut self, latest: Track) {
        if latest.heard_ms > self.heard_ms + FORGET_MS {
            *self = latest;
            return;
        }
        self.sightings = self.sightings.saturating_add(1);
        let Some(dt_ms) = latest.heard_ms.checked_sub(self.heard_ms) else {
            return; // out of order: it happened, but the level is newer
        };
        let jump = i64::from(latest.level_cdbm - self.level_cdbm);
        let dt_ms = dt_ms as i64; // at most FORGET_MS
        self.level_cdbm += (jump * dt_ms / (dt_ms + SMOOTHING_MS as i64)) as i32; // within the jump
        self.heard_ms = latest.heard_ms;
    }

    fn faded(&self, now_ms: u64, grace_ms: u64) -> Option<i32> {
        let unheard_ms = now_ms
            .saturating_sub(self.heard_ms)
            .saturating_sub(grace_ms);
        let lost_cdb = (unheard_ms.min(FORGET_MS) * FADE_CDB_PER_S / 1_000) as i32; // at most 60 dB
        (unheard_ms <= FORGET_MS).then_some(self.level_cdbm - lost_cdb)
    }
}
