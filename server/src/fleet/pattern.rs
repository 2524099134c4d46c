//! Which beacons hang elsewhere, and which antennas hear otherwise, by all that gateways had of beacons.
//!
//! In: the hours of each link, which is a gateway and a beacon. Out: beacons that moved, antennas that
//! changed, each with since when and by how much.
//!
//! A link has changed by D dB: the strength that at least 80 % of its last 24 hours are beyond, less what
//! is typical of it before. So whatever lasts less than 19 hours is nothing: a trolley, a Saturday. Where its
//! gateway heard others and the beacon was heard by others, "not heard" counts as −98 dBm, just below what
//! such radios hear. Then, in this order:
//! 1. **An antenna** has changed if at least half of its beacons, and three, changed by 6 dB or more there
//!    against what they changed at the other gateways (12 dB if there is no other to compare with; what only it heard, and does
//!    not any more, counts too). If all
//!    of several gateways have, it is the store that was rebuilt, and none of them is said. Its links are left out.
//! 2. What all links that are left have in common, their median C, is people (or a wall): it is taken off, E = D − C.
//! 3. **A beacon** has moved if its pattern over the gateways did: the largest E less the smallest is 10 dB or more
//!    and more than four times what these links usually vary, and at least two gateways hear it differently by 4 dB
//!    and more than twice what is usual. One path alone that changed has something standing in it. A beacon that only one
//!    gateway hears has no pattern: there 10 dB are taken for a move, if three beacons tell what is common.
//!
//! Why these figures: with the path loss of shops (exponents of 2 to 3) 10 dB are two to three times the distance, or a
//! wall; a store 30 m long changes a link by 20 dB and more from one end to the other. An antenna needs less, since half of
//! its beacons say so. People take 6 to 10 dB, from all links alike within 4 dB. The simulated store of the tests has these.
//! Invariant: pure; a link that is known for less than four days says nothing.

use std::collections::{BTreeMap, BTreeSet};

use protocol::{GatewayId, Transmitter};

use super::track::{DAY_HOURS, HOURS_KEPT, Track, Typical, median};

/// The hours of each link of a store.
pub type Tracks = BTreeMap<(Transmitter, GatewayId), Track>;

/// As tracks count time.
pub const HOUR_MS: u64 = 3_600_000;
/// What no antenna hears any more.
const FLOOR_DBM: i8 = -98;
/// Of the last 24 hours so many must be known.
const KNOWN_HOURS_MIN: usize = 18;
/// One hour of five may be as ever.
const AS_EVER_PART: usize = 5;
/// By so much an antenna's links differ.
const ANTENNA_DB: f32 = 6.0;
/// The same if there is no other gateway to compare with: more than people take.
const ANTENNA_ALONE_DB: f32 = 12.0;
/// An antenna is judged by so many beacons at least; and what is common to a store, too.
const WITNESSES_MIN: usize = 3;
/// By so much a pattern differs.
const CONTRAST_DB: f32 = 10.0;
/// ... and by so many times what is usual.
const CONTRAST_SPREADS: f32 = 4.0;
/// By so much a gateway hears a beacon differently.
const EACH_DB: f32 = 4.0;
/// ... and by so many times what is usual.
const EACH_SPREADS: f32 = 2.0;
/// So many must.
const EACH_MIN: usize = 2;
/// By so much, if only one gateway hears it.
const ALONE_DB: f32 = 10.0;
/// Hours in a row as ever before which it was as ever.
const AS_EVER_HOURS: u32 = 4;

/// A beacon that hangs elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// Since when.
    pub since_ms: u64,
    /// By how many dB each gateway hears it stronger, the largest difference first.
    pub changes: Vec<(GatewayId, i8)>,
}

/// An antenna that hears otherwise than it did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AntennaChange {
    /// Since when.
    pub since_ms: u64,
    /// By how many dB it hears its beacons stronger.
    pub change_db: i8,
    /// How many of them.
    pub changed: u32,
    /// How many it hears.
    pub beacons: u32,
}

/// What differs in a store.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdicts {
    /// Beacons.
    pub moved: BTreeMap<Transmitter, Moved>,
    /// Gateways.
    pub antennas: BTreeMap<GatewayId, AntennaChange>,
}

/// Judges a store.
pub fn judge(tracks: &Tracks, now_ms: u64) -> Verdicts {
    let now_hour = now_ms / HOUR_MS;
    let heard = Heard::of(tracks, now_hour);
    let links = links(tracks, &heard);
    let antennas = antennas(&links, &heard);
    let left: Vec<&Link<'_>> = links
        .iter()
        .filter(|link| link.is_heard && !antennas.contains_key(link.gateway))
        .collect();
    let common_db = common_db(&left);
    let mut by_beacon: BTreeMap<&Transmitter, Vec<&Link<'_>>> = BTreeMap::new();
    for link in left {
        by_beacon.entry(link.beacon).or_default().push(link);
    }
    let moved = by_beacon.into_iter().filter_map(|(beacon, links)| {
        let moved = moved(&links, common_db, &heard)?;
        Some((*beacon, moved))
    });
    Verdicts {
        moved: moved.collect(),
        antennas,
    }
}

/// Who heard and was heard in which hour, so that "not heard" can be told from "nobody listened".
struct Heard<'a> {
    now_hour: u64,
    gateways: BTreeMap<&'a GatewayId, Vec<bool>>,
    beacons: BTreeMap<&'a Transmitter, Vec<bool>>,
}

impl<'a> Heard<'a> {
    fn of(tracks: &'a Tracks, now_hour: u64) -> Self {
        let mut heard = Self {
            now_hour,
            gateways: BTreeMap::new(),
            beacons: BTreeMap::new(),
        };
        let none = || vec![false; HOURS_KEPT];
        for ((beacon, gateway), track) in tracks {
            let hours = heard.hours();
            let of_gateway = heard.gateways.entry(gateway).or_insert_with(none);
            let of_beacon = heard.beacons.entry(beacon).or_insert_with(none);
            for ((hour, g), b) in hours.zip(of_gateway).zip(of_beacon) {
                let has = track.at(hour).is_some();
                (*g, *b) = (*g || has, *b || has);
            }
        }
        heard
    }

    /// All that a track can have, the oldest first.
    fn hours(&self) -> std::ops::Range<u64> {
        self.now_hour.saturating_sub(HOURS_KEPT as u64)..self.now_hour
    }

    fn last_day(&self) -> std::ops::Range<u64> {
        self.now_hour.saturating_sub(DAY_HOURS as u64)..self.now_hour
    }

    /// Whether a gateway heard anything of late, as long as a link must be known.
    fn listens(&self, gateway: &GatewayId) -> bool {
        let hours = self.gateways.get(gateway).into_iter().flatten();
        let last = hours.rev().take(DAY_HOURS).filter(|heard| **heard);
        last.count() >= KNOWN_HOURS_MIN
    }

    fn dbm(&self, link: (&Transmitter, &GatewayId, &Track), hour: u64) -> Option<i8> {
        let (beacon, gateway, track) = link;
        let at = usize::try_from(hour.checked_sub(self.hours().start)?).ok()?;
        let has = |hours: Option<&Vec<bool>>| hours.and_then(|all| all.get(at)) == Some(&true);
        track.at(hour).or_else(|| {
            let both = has(self.gateways.get(gateway)) && has(self.beacons.get(beacon));
            both.then_some(FLOOR_DBM)
        })
    }
}

/// A gateway and a beacon, of which it is known what is usual.
struct Link<'a> {
    beacon: &'a Transmitter,
    gateway: &'a GatewayId,
    track: &'a Track,
    typical: Typical,
    /// D.
    change_db: f32,
    /// The beacon was heard at all, by whomever.
    is_heard: bool,
}

/// Those of which it is known what is usual.
fn links<'a>(tracks: &'a Tracks, heard: &Heard<'_>) -> Vec<Link<'a>> {
    let day_ago = heard.now_hour.saturating_sub(DAY_HOURS as u64);
    let usual: Vec<_> = tracks
        .iter()
        .filter_map(|(of, track)| Some((of, track, track.typical(day_ago)?)))
        .collect();
    let mut by: BTreeMap<&Transmitter, u32> = BTreeMap::new();
    for ((beacon, _), ..) in &usual {
        *by.entry(beacon).or_default() += 1;
    }
    let links = usual
        .into_iter()
        .filter_map(|((beacon, gateway), track, typical)| {
            let link = |(change_db, is_heard): (f32, bool)| Link {
                beacon,
                gateway,
                track,
                typical,
                change_db,
                is_heard,
            };
            let only_here = by.get(beacon) == Some(&1);
            let change_db = change_db((beacon, gateway, track), typical, heard);
            let lost = || {
                (only_here && heard.listens(gateway)).then(|| f32::from(FLOOR_DBM) - typical.dbm)
            };
            let changed = change_db.map(|db| (db, true));
            changed.or_else(|| Some((lost()?, false))).map(link)
        });
    links.collect()
}

/// D; none: too little is known of the last day.
fn change_db(
    link: (&Transmitter, &GatewayId, &Track),
    typical: Typical,
    heard: &Heard<'_>,
) -> Option<f32> {
    let last = heard.last_day().filter_map(|hour| heard.dbm(link, hour));
    let mut hours: Vec<i8> = last.collect();
    if hours.len() < KNOWN_HOURS_MIN {
        return None;
    }
    hours.sort_unstable();
    let part = hours.len() / AS_EVER_PART;
    let weak = f32::from(*hours.get(part)?);
    let strong = f32::from(*hours.get(hours.len() - 1 - part)?);
    Some(if weak > typical.dbm {
        weak - typical.dbm
    } else if strong < typical.dbm {
        strong - typical.dbm
    } else {
        0.0
    })
}

impl Link<'_> {
    /// The first hour since when it differs by half of this, and has not been as ever for some hours.
    fn since_ms(&self, heard: &Heard<'_>, by_db: f32) -> u64 {
        let mut since = heard.now_hour;
        let mut as_ever = 0;
        for hour in heard.hours().rev() {
            let dbm = heard.dbm((self.beacon, self.gateway, self.track), hour);
            let differs = dbm.map(|dbm| {
                let off_db = f32::from(dbm) - self.typical.dbm;
                off_db * by_db.signum() >= by_db.abs() / 2.0
            });
            match differs {
                Some(true) => (since, as_ever) = (hour, 0),
                Some(false) => as_ever += 1,
                None => {}
            }
            if as_ever >= AS_EVER_HOURS {
                break;
            }
        }
        since * HOUR_MS
    }
}

fn antennas(links: &[Link<'_>], heard: &Heard<'_>) -> BTreeMap<GatewayId, AntennaChange> {
    let gateways: BTreeSet<&GatewayId> = links.iter().map(|link| link.gateway).collect();
    let mut changed = BTreeMap::new();
    for &gateway in &gateways {
        let (own, others): (Vec<&Link<'_>>, Vec<&Link<'_>>) =
            links.iter().partition(|link| link.gateway == gateway);
        let others: Vec<&Link<'_>> = others.into_iter().filter(|link| link.is_heard).collect();
        let (common_db, at_least_db) = match common_db(&others) {
            Some(common_db) => (common_db, ANTENNA_DB),
            None => (0.0, ANTENNA_ALONE_DB),
        };
        let differ: Vec<&&Link<'_>> = own
            .iter()
            .filter(|link| (link.change_db - common_db).abs() >= at_least_db)
            .collect();
        if differ.len() < WITNESSES_MIN || differ.len() * 2 < own.len() {
            continue;
        }
        let mut changes: Vec<f32> = differ.iter().map(|l| l.change_db - common_db).collect();
        let mut since: Vec<u64> = differ
            .iter()
            .map(|link| link.since_ms(heard, link.change_db))
            .collect();
        since.sort_unstable();
        let (Some(change_db), Some(since_ms)) = (median(&mut changes), since.get(since.len() / 2))
        else {
            continue;
        };
        let change = AntennaChange {
            since_ms: *since_ms,
            change_db: whole(change_db),
            changed: u32::try_from(differ.len()).unwrap_or(u32::MAX),
            beacons: u32::try_from(own.len()).unwrap_or(u32::MAX),
        };
        changed.insert(gateway.clone(), change);
    }
    if gateways.len() > 1 && changed.len() == gateways.len() {
        changed.clear();
    }
    changed
}

/// What links have in common; none: their beacons are too few to tell.
fn common_db(links: &[&Link<'_>]) -> Option<f32> {
    let beacons: BTreeSet<&Transmitter> = links.iter().map(|link| link.beacon).collect();
    if beacons.len() < WITNESSES_MIN {
        return None;
    }
    let mut changes: Vec<f32> = links.iter().map(|link| link.change_db).collect();
    median(&mut changes)
}

fn moved(links: &[&Link<'_>], common_db: Option<f32>, heard: &Heard<'_>) -> Option<Moved> {
    let mut own: Vec<(&Link<'_>, f32)> = links
        .iter()
        .map(|link| (*link, link.change_db - common_db.unwrap_or_default()))
        .collect();
    own.sort_by(|(_, a), (_, b)| b.abs().total_cmp(&a.abs()));
    let (first, largest_db) = own.first()?;
    let is_moved = if own.len() == 1 {
        common_db.is_some() && largest_db.abs() >= ALONE_DB
    } else {
        let strongest = own.iter().max_by(|(_, a), (_, b)| a.total_cmp(b))?;
        let weakest = own.iter().min_by(|(_, a), (_, b)| a.total_cmp(b))?;
        let usual_db = strongest
            .0
            .typical
            .spread_db
            .hypot(weakest.0.typical.spread_db);
        let differ = own
            .iter()
            .filter(|(link, db)| db.abs() >= EACH_DB.max(EACH_SPREADS * link.typical.spread_db));
        strongest.1 - weakest.1 >= CONTRAST_DB.max(CONTRAST_SPREADS * usual_db)
            && differ.count() >= EACH_MIN
    };
    is_moved.then(|| Moved {
        since_ms: first.since_ms(heard, first.change_db),
        changes: own
            .iter()
            .map(|(link, db)| (link.gateway.clone(), whole(*db)))
            .collect(),
    })
}

#[expect(clippy::cast_possible_truncation, reason = "float casts saturate")]
fn whole(db: f32) -> i8 {
    db.round() as i8
}

#[cfg(test)]
mod tests;
