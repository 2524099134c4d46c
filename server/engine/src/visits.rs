//! Visits: one customer's stay in the store, the zones in it, and what was asked about them.
//!
//! In: "she is in this zone since then". Out: whether a moment has come that campaigns wait for.
//! Promises: an answer about a moment is used once a visit, and again only after [`AWAY_MS`]
//! elsewhere; one that came while she was elsewhere is not used.
//! Invariant: at most one stay is open.

use std::collections::BTreeSet;

use protocol::VisitId;
use serde::{Deserialize, Serialize};

use crate::{
    floor::{Floor, ZoneIx},
    input::{Consent, Told},
    outcome::Purpose,
    presence::Belief,
};

/// Coming back to a zone after so long is a second look at it, not the same one.
pub const AWAY_MS: u64 = 300_000;

/// A customer whom this store hears, or has just heard.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Person {
    pub(crate) consent: Consent,
    /// When she last moved a switch; sightings from before it know less.
    pub(crate) consent_since_ms: u64,
    pub(crate) belief: Belief,
    pub(crate) visit: Option<Visit>,
    /// The visit that has just ended, while campaigns are asked that wait for an exit.
    #[serde(default)]
    pub(crate) left: Option<Visit>,
    /// Until when it is doubted that she is here: another store hears her too.
    #[serde(default)]
    pub(crate) doubted_until_ms: u64,
    /// The one entry of the wheel that counts.
    pub(crate) wake_s: u64,
}

/// A visit that is going on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Visit {
    pub(crate) id: VisitId,
    pub(crate) entered_ms: u64,
    pub(crate) purpose: Purpose,
    /// Messages decided in it.
    pub(crate) told: Vec<Told>,
    /// Each zone once, with her latest stay there.
    stays: Vec<Stay>,
    /// When the next moment comes that campaigns wait for.
    pub(crate) moment_ms: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Stay {
    zone: ZoneIx,
    from_ms: u64,
    left_ms: Option<u64>,
    /// The longest dwell that was asked about, in seconds; 0 is entering. None: nothing was.
    asked_s: Option<u32>,
    /// A question is open, from when so many messages had been decided.
    open: Option<usize>,
}

/// What to do with the answer to a question.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Answer {
    /// Nobody asked, or it was answered.
    Unasked,
    /// She is elsewhere.
    Departed,
    /// A message was decided since the question: the facts may not know of it.
    Outdated,
    /// Use it.
    Good,
}

impl Person {
    pub(crate) fn new(consent: Consent) -> Self {
        Self {
            consent,
            consent_since_ms: 0,
            belief: Belief::new(),
            visit: None,
            left: None,
            doubted_until_ms: 0,
            wake_s: u64::MAX,
        }
    }

    /// The switches that hold for something heard at that time: those of today, and for what was
    /// heard before she moved them also those of then.
    pub(crate) fn consent_for(&self, heard_ms: u64, then: Consent) -> Consent {
        if heard_ms >= self.consent_since_ms {
            then
        } else {
            both(self.consent, then)
        }
    }
}

/// What both agree to.
pub(crate) fn both(a: Consent, b: Consent) -> Consent {
    Consent {
        arrival: a.arrival && b.arrival,
        messages: a.messages && b.messages,
        browsing: a.browsing && b.browsing,
        statistics: a.statistics && b.statistics,
    }
}

/// The widest purpose that these switches give.
pub(crate) fn purpose(consent: Consent) -> Purpose {
    if consent.statistics {
        Purpose::Statistics
    } else if consent.messages {
        Purpose::Messages
    } else {
        Purpose::Arrival
    }
}

impl Visit {
    pub(crate) fn new(id: VisitId, entered_ms: u64, purpose: Purpose) -> Self {
        Self {
            id,
            entered_ms,
            purpose,
            told: Vec::new(),
            stays: Vec::new(),
            moment_ms: None,
        }
    }

    /// She is in this zone; gives back since when, never before the stay that it ends.
    pub(crate) fn enter_zone(&mut self, zone: ZoneIx, from_ms: u64) -> u64 {
        let from_ms = from_ms.max(self.began_ms());
        if let Some(open) = self.stays.iter_mut().find(|stay| stay.left_ms.is_none()) {
            open.left_ms = Some(from_ms);
        }
        match self.stays.iter_mut().find(|stay| stay.zone == zone) {
            Some(stay) => stay.resume(from_ms),
            None => {
                self.stays.push(Stay {
                    zone,
                    from_ms,
                    left_ms: None,
                    asked_s: None,
                    open: None,
                });
            }
        }
        from_ms
    }

    /// Nobody can say where she is; gives back since when, never before the stay that it ends.
    pub(crate) fn lose_zone(&mut self, from_ms: u64) -> u64 {
        self.moment_ms = None;
        let from_ms = from_ms.max(self.began_ms());
        if let Some(open) = self.stays.iter_mut().find(|stay| stay.left_ms.is_none()) {
            open.left_ms = Some(from_ms);
        }
        from_ms
    }

    /// When the latest stay began, or the visit: it cannot end before.
    pub(crate) fn began_ms(&self) -> u64 {
        self.stays
            .iter()
            .map(|stay| stay.from_ms)
            .max()
            .unwrap_or(0)
            .max(self.entered_ms)
    }

    /// The moment to ask about, if one has come: the zone, and for how many seconds she has been in it.
    /// Counts as asked from here on.
    pub(crate) fn ask(
        &mut self,
        now_ms: u64,
        seconds_in: impl FnOnce(ZoneIx) -> BTreeSet<u32>,
    ) -> Option<(ZoneIx, u32)> {
        let told = self.told.len();
        let stay = self.stays.iter_mut().find(|stay| stay.left_ms.is_none())?;
        let seconds = stay.next_moment(&seconds_in(stay.zone))?;
        if stay.open.is_some() || stay.moment_ms(seconds) > now_ms {
            return None;
        }
        stay.open = Some(told);
        stay.asked_s = Some(seconds);
        Some((stay.zone, seconds))
    }

    /// Works out when the next moment comes that campaigns wait for, if she stays.
    pub(crate) fn plan(&mut self, seconds_in: impl FnOnce(ZoneIx) -> BTreeSet<u32>) {
        let stay = self.stays.iter().find(|stay| stay.left_ms.is_none());
        let next = |stay: &Stay| {
            let seconds = stay.next_moment(&seconds_in(stay.zone))?;
            stay.open.is_none().then(|| stay.moment_ms(seconds))
        };
        self.moment_ms = stay.and_then(next);
    }

    /// The zone in which she was last.
    pub(crate) fn last_zone(&self) -> Option<ZoneIx> {
        self.stays
            .iter()
            .max_by_key(|stay| stay.from_ms)
            .map(|stay| stay.zone)
    }

    /// Takes note that an answer about this moment came.
    pub(crate) fn answer(&mut self, zone: ZoneIx, seconds: u32) -> Answer {
        let told = self.told.len();
        let Some(stay) = self.stays.iter_mut().find(|stay| stay.zone == zone) else {
            return Answer::Unasked;
        };
        let Some(knew) = stay.open.filter(|_| stay.asked_s == Some(seconds)) else {
            return Answer::Unasked;
        };
        stay.open = None;
        if stay.left_ms.is_some() {
            // Not used: she is asked about once more if she is seen here again.
            stay.asked_s = None;
            Answer::Departed
        } else if knew == told {
            Answer::Good
        } else {
            stay.asked_s = seconds.checked_sub(1);
            Answer::Outdated
        }
    }

    /// A message was decided.
    pub(crate) fn tell(&mut self, told: Told) {
        self.told.push(told);
    }

    /// Puts zones where the new floor has them; what is gone is forgotten.
    pub(crate) fn move_to(&mut self, floor: &Floor, old: &Floor) {
        self.stays.retain_mut(|stay| {
            floor
                .moved_zone(old, stay.zone)
                .map(|zone| stay.zone = zone)
                .is_some()
        });
    }
}

impl Stay {
    /// The shortest dwell that was not asked about yet.
    fn next_moment(&self, seconds: &BTreeSet<u32>) -> Option<u32> {
        let longer = |&&s: &&u32| self.asked_s.is_none_or(|asked| s > asked);
        seconds.iter().find(longer).copied()
    }

    fn moment_ms(&self, seconds: u32) -> u64 {
        self.from_ms.saturating_add(u64::from(seconds) * 1_000)
    }

    fn resume(&mut self, from_ms: u64) {
        let away_ms = from_ms.saturating_sub(self.left_ms.unwrap_or(from_ms));
        if away_ms >= AWAY_MS {
            self.asked_s = None;
            self.open = None;
        }
        self.from_ms = from_ms;
        self.left_ms = None;
    }
}
