//! Visits: one customer's stay in the store, the zones in it, and what was asked about them.
//!
//! In: "she is in this zone since then". Out: whether that is a reason to ask what she did online.
//! Promises: an answer about a zone is used once a visit, and again only after [`AWAY_MS`] elsewhere;
//! one that came while she was elsewhere is not used.
//! Invariant: at most one stay is open.

use protocol::{Sku, VisitId};
use serde::{Deserialize, Serialize};

use crate::{
    floor::{Floor, ZoneIx},
    input::Consent,
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
    /// Products told in it.
    pub(crate) told: Vec<Sku>,
    /// Each zone once, with her latest stay there.
    stays: Vec<Stay>,
    /// Messages decided in it; tells whether an answer knows of the last one.
    notified: u32,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Stay {
    zone: ZoneIx,
    from_ms: u64,
    left_ms: Option<u64>,
    asked: Asked,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Asked {
    No,
    /// When so many messages had been decided.
    Open {
        notified: u32,
    },
    Answered,
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
            notified: 0,
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
                    asked: Asked::No,
                });
            }
        }
        from_ms
    }

    /// Nobody can say where she is; gives back since when, never before the stay that it ends.
    pub(crate) fn lose_zone(&mut self, from_ms: u64) -> u64 {
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

    /// The zone to ask about, if there is one; counts as asked from here on.
    pub(crate) fn ask(&mut self, consent: Consent) -> Option<ZoneIx> {
        if !(consent.messages && consent.browsing) {
            return None;
        }
        let notified = self.notified;
        let open = self.stays.iter_mut().find(|stay| stay.left_ms.is_none())?;
        if open.asked != Asked::No {
            return None;
        }
        open.asked = Asked::Open { notified };
        Some(open.zone)
    }

    /// Takes note that an answer about this zone came.
    pub(crate) fn answer(&mut self, zone: ZoneIx) -> Answer {
        let Some(stay) = self.stays.iter_mut().find(|stay| stay.zone == zone) else {
            return Answer::Unasked;
        };
        let Asked::Open { notified } = stay.asked else {
            return Answer::Unasked;
        };
        stay.asked = Asked::Answered;
        if stay.left_ms.is_some() {
            // Not used: she is asked about once more if she is seen here again.
            stay.asked = Asked::No;
            Answer::Departed
        } else if notified == self.notified {
            Answer::Good
        } else {
            stay.asked = Asked::No;
            Answer::Outdated
        }
    }

    /// A message about this product was decided.
    pub(crate) fn tell(&mut self, sku: Sku) {
        self.notified += 1;
        self.told.push(sku);
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
    fn resume(&mut self, from_ms: u64) {
        let away_ms = from_ms.saturating_sub(self.left_ms.unwrap_or(from_ms));
        if away_ms >= AWAY_MS {
            self.asked = Asked::No;
        }
        self.from_ms = from_ms;
        self.left_ms = None;
    }
}
