//! Whether she is in the store at all.
//!
//! In: what anchors and her radios had of each other, in the order of arrival.
//! Out: since when she is in, and until when silence means nothing.
//! Promises: strength is smoothed over *event* time, so a backlog gives the belief that live
//! sightings would have given; what arrives out of order never makes a level older.
//! Invariant: integers alone; at most [`TRACKS_MAX`] tracks and [`RADIOS_MAX`] radios per customer.

use protocol::RadioId;
use serde::{Deserialize, Serialize};

use super::Heard;
use crate::{
    floor::{AnchorIx, Floor},
    outcome::{Because, HeardAt, WHY_HEARD_MAX},
};

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

/// Anchors that had her so long before she was last heard still count as hers.
pub const LATELY_MS: u64 = 60_000;

/// "Ik ben er" holds for this long without anything more.
pub const CERTAIN_HOLD_MS: u64 = 600_000;

/// A level of an anchor that was silent for longer than this is as good as none.
pub const FORGET_MS: u64 = 30_000;

/// Pairs of anchor and radio that are followed for one customer; the longest unheard gives way.
pub const TRACKS_MAX: usize = 32;

/// Radios that are followed for one customer at once; the longest unheard gives way.
pub const RADIOS_MAX: usize = 4;

/// Whether one customer is in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Gate {
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

impl Approach {
    fn at(heard: &Heard) -> Self {
        Self {
            first_ms: heard.first_ms,
            last_ms: heard.last_ms,
            pair: false,
        }
    }
}

impl Gate {
    pub(super) fn new() -> Self {
        Self {
            radios: Vec::new(),
            tracks: Vec::new(),
            last_heard_ms: 0,
            inside_ms: 0,
            gap_ms: GAP_FIRST_MS,
            approach: None,
            certain_ms: None,
            left_ms: 0,
        }
    }

    /// Whether this was heard before the end of her last visit: a straggler of it.
    pub(super) fn is_over(&self, heard: &Heard) -> bool {
        heard.last_ms <= self.left_ms
    }

    /// That time, or the end of her last visit if that is later.
    pub(super) fn after_last(&self, at_ms: u64) -> u64 {
        at_ms.max(self.left_ms)
    }

    /// Takes a sighting in. Some: it would begin a visit, at that time.
    pub(super) fn hear(&mut self, floor: &Floor, heard: &Heard) -> Option<u64> {
        let enter_cdbm = floor.enter_cdbm(heard.anchor)?;
        self.learn_gap(heard.last_ms);
        let Some(strength_cdbm) = heard.strength_cdbm else {
            self.be_certain(heard);
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

    /// When she is gone if nothing more is heard, and why she will be; in the past if she was heard
    /// leaving. Silence counts only while somebody listens who had her before.
    pub(super) fn leave_at(&self, floor: &Floor) -> (u64, Because) {
        let radio_saw_her_in = self.certain_ms.is_none_or(|at| self.inside_ms > at);
        if radio_saw_her_in && self.last_heard_ms >= self.inside_ms + OUTSIDE_MS {
            return (self.inside_ms + OUTSIDE_MS, Because::HeardOutside);
        }
        let certain_until = self.certain_ms.map_or(0, |at| at + CERTAIN_HOLD_MS);
        let longest = self.last_heard_ms + SILENCE_MAX_MS;
        let silence_ms = (SILENCE_GAPS * self.gap_ms).clamp(SILENCE_MIN_MS, SILENCE_MAX_MS);
        let gone = self
            .listened_to_since(floor)
            .map_or(longest, |since| since + silence_ms);
        (gone.min(longest).max(certain_until), Because::Silence)
    }

    /// She is not given up before: her own word holds, or nobody listens who had her.
    pub(super) fn may_leave_ms(&self, floor: &Floor) -> u64 {
        let last_ms = self.last_heard_ms;
        let listened_ms = match self.listened_to_since(floor) {
            None => last_ms + SILENCE_MAX_MS,
            Some(since_ms) if since_ms > last_ms => since_ms + SILENCE_MIN_MS,
            Some(_) => last_ms,
        };
        listened_ms.max(self.held_until_ms())
    }

    /// Her own word holds until then, unless radio saw her in since.
    fn held_until_ms(&self) -> u64 {
        let unseen = |at: &u64| self.inside_ms <= *at;
        let word = self.certain_ms.filter(unseen);
        word.map_or(0, |at| at + CERTAIN_HOLD_MS)
    }

    /// Since when one of the anchors that had her lately has been listening and not heard her;
    /// none: all of them are deaf.
    fn listened_to_since(&self, floor: &Floor) -> Option<u64> {
        let lately = |t: &&Track| t.heard_ms + LATELY_MS >= self.last_heard_ms;
        let since = |t: &Track| floor.listens_since(t.anchor);
        let mut anchors = self.tracks.iter().filter(lately).peekable();
        if anchors.peek().is_none() {
            return Some(self.last_heard_ms); // her own word, and no radio
        }
        let since = anchors.filter_map(since).min()?;
        Some(since.max(self.last_heard_ms))
    }

    /// What anchors last had of her, strongest first.
    pub(super) fn heard(&self, floor: &Floor, now_ms: u64) -> Vec<HeardAt> {
        let mut tracks: Vec<&Track> = self.tracks.iter().collect();
        tracks.sort_by_key(|t| (std::cmp::Reverse(t.level_cdbm), t.anchor));
        let told = |t: &Track| {
            Some(HeardAt {
                anchor: floor.anchor_id(t.anchor)?.clone(),
                rssi_dbm: (t.level_cdbm / 100) as i8, // an average of i8
                ago_ms: now_ms.saturating_sub(t.heard_ms),
            })
        };
        tracks
            .into_iter()
            .filter_map(told)
            .take(WHY_HEARD_MAX)
            .collect()
    }

    /// When each anchor last had each of her radios.
    pub(super) fn heard_at(&self) -> impl Iterator<Item = (AnchorIx, u64)> + '_ {
        self.tracks.iter().map(|t| (t.anchor, t.heard_ms))
    }

    /// Whether she herself said where she is, not longer ago than this when she was last heard.
    pub(super) fn is_certain(&self, for_ms: u64) -> bool {
        self.certain_ms
            .is_some_and(|at| self.last_heard_ms < at + for_ms)
    }

    /// When she was last heard so that she can only be inside.
    pub(super) fn inside_ms(&self) -> u64 {
        self.inside_ms
    }

    /// When she was last heard at all.
    pub(super) fn last_heard_ms(&self) -> u64 {
        self.last_heard_ms
    }

    /// Whether a radio was heard in this visit.
    pub(super) fn by_radio(&self) -> bool {
        !self.tracks.is_empty()
    }

    /// What she came for is done: from here on only radio keeps her in.
    pub(super) fn certainty_is_used_up(&mut self) {
        self.certain_ms = None;
    }

    /// She left: what was believed is over; the learned gap stays.
    pub(super) fn end(&mut self, left_ms: u64) {
        *self = Self {
            last_heard_ms: self.last_heard_ms,
            gap_ms: self.gap_ms,
            left_ms: self.left_ms.max(left_ms),
            ..Self::new()
        };
    }

    /// Puts anchors and zones where the new floor has them; what is gone is forgotten.
    pub(super) fn move_to(&mut self, floor: &Floor, old: &Floor) {
        self.tracks.retain_mut(|track| {
            floor
                .moved_anchor(old, track.anchor)
                .map(|anchor| track.anchor = anchor)
                .is_some()
        });
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

    fn be_certain(&mut self, heard: &Heard) {
        self.certain_ms = self.certain_ms.max(Some(heard.last_ms));
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
}
