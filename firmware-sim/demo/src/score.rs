//! Compares what happened with what the system made of it, person by person.
//!
//! In: the simulator's truth, the phones' inboxes, the database, when boards saw cards.
//! Out: a [`Score`]. A visit is hers if it overlaps her true one; two that do are a split.
//! Invariant: totals are sums of what was compared one by one.

use std::collections::{BTreeMap, BTreeSet};

use firmware_sim::{
    phone::inbox::{Class, Received},
    truth::{Truth, heard_key},
};
use serde::Serialize;

use crate::audit::{Audit, Card, Visit};

/// A visit may be off its true edges by this much and still be the same: exits are back-dated to
/// what was last heard, and a phone is heard on the pavement.
const EDGE_MS: u64 = 10_000;

/// How well the system did.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Score {
    /// The seed that everything follows from.
    pub seed: u64,
    /// Visits of people who agreed to be seen.
    pub visits_true: usize,
    /// Of those, not found.
    pub visits_missed: usize,
    /// Found, but nobody was there.
    pub visits_spurious: usize,
    /// Found in more pieces than one.
    pub visits_split: usize,
    /// Marketing messages that phones received.
    pub notifications: usize,
    /// Of those, about what this person may not be offered.
    pub wrong_person: usize,
    /// Received twice, or one product twice in a visit.
    pub duplicate_notifications: usize,
    /// People who came for a ready order.
    pub arrivals_true: usize,
    /// Of those, without an alert.
    pub arrivals_missed: usize,
    /// Alerts for nobody, or the second for one arrival.
    pub arrivals_spurious: usize,
    /// Door line to board, of phones that advertise every 250 ms.
    pub arrival_alert_ms: Percentiles,
    /// Advertisements that gateways heard, and sightings that phones reported, of people who
    /// agreed.
    pub sightings_spooled: u64,
    /// Of those, not in the database.
    pub sightings_lost: u64,
    /// In the database more often than heard.
    pub sightings_twice: u64,
    /// Each fault in words.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<String>,
}

/// Milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Percentiles {
    /// Half are below.
    pub p50: u64,
    /// Nineteen of twenty are at most this.
    pub p95: u64,
    /// The longest.
    pub max: u64,
}

impl Percentiles {
    /// Of unsorted values, by the nearest rank.
    pub fn of(mut values: Vec<u64>) -> Self {
        values.sort_unstable();
        let rank = |percent: usize| {
            let at = (values.len() * percent).div_ceil(100).saturating_sub(1);
            values.get(at).copied().unwrap_or(0)
        };
        Self {
            p50: rank(50),
            p95: rank(95),
            max: rank(100),
        }
    }
}

/// What was gathered during a run.
#[derive(Debug, Default)]
pub struct Seen {
    /// By external id: when a board first got her card.
    pub boards: BTreeMap<String, u64>,
    /// By external id: what her phone received.
    pub inboxes: BTreeMap<String, Vec<Received>>,
}

impl Score {
    /// Whether nothing is wrong.
    pub fn is_clean(&self) -> bool {
        self.faults.is_empty()
    }

    fn fault(&mut self, words: String) {
        self.faults.push(words);
    }
}

/// Compares.
pub fn score(truth: &Truth, seen: &Seen, audit: &Audit) -> anyhow::Result<Score> {
    let run = truth.run.as_ref();
    let store = run.map_or("kade-9", |run| run.store.as_str());
    let mut score = Score {
        seed: run.map_or(0, |run| run.seed),
        ..Score::default()
    };
    visits(&mut score, truth, &audit.visits(store)?);
    notifications(&mut score, truth, seen);
    arrivals(&mut score, truth, seen, &audit.cards(store)?);
    heard(&mut score, truth, audit)?;
    Ok(score)
}

/// Whether anything of this person may be kept: her switches, or her order's.
fn is_followed(truth: &Truth, external_id: &str) -> bool {
    let Some(person) = truth.people.iter().find(|p| p.external_id == external_id) else {
        return false;
    };
    let comes_for_order = truth.arrivals.iter().any(|a| a.external_id == external_id);
    let consent = person.consent;
    consent.messages || consent.statistics || (consent.arrival && comes_for_order)
}

fn visits(score: &mut Score, truth: &Truth, found: &[Visit]) {
    let mut used = vec![false; found.len()];
    for visit in truth
        .visits
        .iter()
        .filter(|v| is_followed(truth, &v.external_id))
    {
        score.visits_true += 1;
        let (from, to) = (visit.entered_ms.saturating_sub(EDGE_MS), visit.left_ms);
        let to = to.map_or(u64::MAX, |left| left + EDGE_MS);
        let mut matches = 0;
        for (i, candidate) in found.iter().enumerate() {
            let hers = candidate.external_id == visit.external_id;
            let overlaps =
                candidate.entered_ms <= to && candidate.left_ms.is_none_or(|left| left >= from);
            if hers && overlaps && !used[i] {
                used[i] = true;
                matches += 1;
            }
        }
        if matches == 0 {
            score.visits_missed += 1;
            score.fault(format!(
                "{} was here, and no visit says so",
                visit.external_id
            ));
        }
        if matches > 1 {
            score.visits_split += 1;
            score.fault(format!(
                "{}'s visit is in {matches} pieces",
                visit.external_id
            ));
        }
    }
    for (visit, _) in found.iter().zip(&used).filter(|(_, used)| !**used) {
        score.visits_spurious += 1;
        score.fault(format!(
            "{} was not here, but a visit says so",
            visit.external_id
        ));
    }
}

fn notifications(score: &mut Score, truth: &Truth, seen: &Seen) {
    for (external_id, inbox) in &seen.inboxes {
        let offers = inbox
            .iter()
            .filter(|r| r.notification.class == Class::Marketing);
        let allowed = truth.offers.iter().find(|o| o.external_id == *external_id);
        let (mut deliveries, mut products) = (BTreeSet::new(), BTreeSet::new());
        for received in offers {
            let offer = &received.notification;
            score.notifications += 1;
            let place = offer.zone.clone().zip(offer.sku.clone());
            let right = place
                .as_ref()
                .is_some_and(|place| allowed.is_some_and(|a| a.allowed.contains(place)));
            if !right {
                score.wrong_person += 1;
                score.fault(format!("{external_id} got {place:?}, which is not for her"));
            }
            // Everyone in a run comes once, so a product told twice is told twice in a visit.
            let again = !deliveries.insert(offer.delivery) || !products.insert(offer.sku.clone());
            if again {
                score.duplicate_notifications += 1;
                score.fault(format!("{external_id} got {place:?} twice"));
            }
        }
    }
}

fn arrivals(score: &mut Score, truth: &Truth, seen: &Seen, cards: &[Card]) {
    let mut people = BTreeMap::new();
    for arrival in &truth.arrivals {
        people.entry(&arrival.external_id).or_insert(arrival);
    }
    let mut waits = Vec::new();
    for (external_id, arrival) in &people {
        score.arrivals_true += 1;
        let hers = cards
            .iter()
            .filter(|c| c.external_id == **external_id)
            .count();
        if hers == 0 {
            score.arrivals_missed += 1;
            score.fault(format!(
                "{external_id} came for her order, and nobody was told"
            ));
        }
        if hers > 1 {
            score.arrivals_spurious += hers - 1;
            score.fault(format!("{external_id} made {hers} alerts"));
        }
        if let (Some(board_ms), true) = (seen.boards.get(*external_id), arrival.advertises_250ms) {
            waits.push(board_ms.saturating_sub(arrival.door_line_ms));
        }
    }
    for card in cards
        .iter()
        .filter(|c| !people.contains_key(&c.external_id))
    {
        score.arrivals_spurious += 1;
        score.fault(format!(
            "{} did not come for an order, but an alert says so",
            card.external_id
        ));
    }
    score.arrival_alert_ms = Percentiles::of(waits);
}

fn heard(score: &mut Score, truth: &Truth, audit: &Audit) -> anyhow::Result<()> {
    let customers = audit.customers()?;
    let mut kept: BTreeMap<String, u64> = BTreeMap::new();
    for ((anchor, customer), count) in audit.heard()? {
        let external_id = customers.get(&customer).map_or("?", String::as_str);
        *kept.entry(heard_key(&anchor, external_id)).or_default() += count;
    }
    let followed: BTreeSet<String> = truth
        .people
        .iter()
        .filter(|p| is_followed(truth, &p.external_id))
        .map(|p| p.external_id.clone())
        .collect();
    let anchors: BTreeSet<_> = firmware_sim::plan::Plan::kade_9()
        .anchors
        .into_iter()
        .map(|a| a.anchor)
        .collect();
    for external_id in &followed {
        for anchor in &anchors {
            let key = heard_key(anchor, external_id);
            let (count, unsure) = truth
                .heard
                .iter()
                .find(|h| h.key == key)
                .map_or((0, 0), |h| (h.count, h.unsure));
            let in_log = kept.remove(&key).unwrap_or(0);
            score.sightings_spooled += count;
            let lost = count.saturating_sub(in_log);
            let twice = in_log.saturating_sub(count + unsure);
            score.sightings_lost += lost;
            score.sightings_twice += twice;
            if lost + twice > 0 {
                score.fault(format!(
                    "{external_id} at {anchor}: heard {count}, {in_log} in the log"
                ));
            }
        }
    }
    for (key, count) in kept {
        score.sightings_twice += count;
        score.fault(format!(
            "{count} advertisements in the log of nobody whom we follow ({key})"
        ));
    }
    Ok(())
}
