//! A walk through the store: in which order she comes past the zones that have something for her.
//!
//! In: zones on the plan, where she is, where she wants to be. Out: the stops in their order, with
//! the way to each. As the crow flies: a plan knows no aisles, so a way is "about".
//! With up to [`EXACT_MAX`] stops it is the shortest path that begins where she is (Held and Karp,
//! "A dynamic programming approach to sequencing problems", 1962, without the way back); with more,
//! always the nearest next.
//! Invariant: each stop once, and the same plan gives the same walk.

use std::collections::BTreeMap;

use engine::input::{Area, Place};
use protocol::ZoneId;

/// Stops for which all orders are weighed: 2^10 subsets.
const EXACT_MAX: usize = 10;

/// One stop, and the way to it from the one before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stop {
    /// Where.
    pub zone: ZoneId,
    /// About how far, in metres; none: the plan does not say.
    pub way_m: Option<u32>,
}

/// The walk. It begins where she is, or else at the door; zones that are not on the plan come last,
/// by their ids.
pub fn walk(areas: &BTreeMap<ZoneId, Area>, here: Option<&ZoneId>, to: &[ZoneId]) -> Vec<Stop> {
    let door = areas.iter().find(|(_, area)| area.door);
    let begin = here
        .and_then(|zone| areas.get(zone))
        .or(door.map(|(_, area)| area))
        .map(centre);
    let mut placed: Vec<(&ZoneId, Place)> = Vec::new();
    let mut unknown: Vec<&ZoneId> = Vec::new();
    for zone in to {
        match areas.get(zone) {
            Some(area) => placed.push((zone, centre(area))),
            None => unknown.push(zone),
        }
    }
    placed.sort_by_key(|(zone, _)| *zone);
    placed.dedup_by_key(|(zone, _)| *zone);
    unknown.sort_unstable();
    unknown.dedup();
    let places: Vec<Place> = placed.iter().map(|(_, place)| *place).collect();
    let order = if places.len() <= EXACT_MAX {
        shortest(begin, &places)
    } else {
        nearest_next(begin, &places)
    };
    let mut at = begin;
    let mut stops = Vec::with_capacity(to.len());
    for (zone, place) in order.into_iter().filter_map(|n| placed.get(n)) {
        let way_m = at.map(|at| metres(at, *place));
        stops.push(Stop {
            zone: (*zone).clone(),
            way_m,
        });
        at = Some(*place);
    }
    stops.extend(unknown.into_iter().map(|zone| Stop {
        zone: zone.clone(),
        way_m: None,
    }));
    stops
}

fn centre(area: &Area) -> Place {
    let half = |cm: u32| i32::try_from(cm / 2).unwrap_or(i32::MAX);
    Place {
        x_cm: area.corner.x_cm.saturating_add(half(area.wide_cm)),
        y_cm: area.corner.y_cm.saturating_add(half(area.deep_cm)),
    }
}

fn cm(a: Place, b: Place) -> f64 {
    (f64::from(a.x_cm) - f64::from(b.x_cm)).hypot(f64::from(a.y_cm) - f64::from(b.y_cm))
}

fn metres(a: Place, b: Place) -> u32 {
    (cm(a, b) / 100.0).round() as u32
}

/// The best path over the stops of a set that ends at one of them: its length, and the stop before.
type Best = Option<(f64, Option<usize>)>;

fn shortest(begin: Option<Place>, places: &[Place]) -> Vec<usize> {
    let count = places.len();
    let sets = 1_usize << count;
    let mut best: Vec<Best> = vec![None; sets * count];
    for (n, place) in places.iter().enumerate() {
        let first_cm = begin.map_or(0.0, |begin| cm(begin, *place));
        if let Some(slot) = best.get_mut((1 << n) * count + n) {
            *slot = Some((first_cm, None));
        }
    }
    for set in 1..sets {
        for (last, at) in places.iter().enumerate() {
            let Some(Some((length, _))) = best.get(set * count + last).copied() else {
                continue;
            };
            for (next, place) in places
                .iter()
                .enumerate()
                .filter(|(n, _)| set & (1 << n) == 0)
            {
                let longer = length + cm(*at, *place);
                let Some(slot) = best.get_mut((set | 1 << next) * count + next) else {
                    continue;
                };
                if slot.is_none_or(|(known, _)| longer < known) {
                    *slot = Some((longer, Some(last)));
                }
            }
        }
    }
    let mut set = sets - 1;
    let of = |set: usize, n: usize| best.get(set * count + n).copied().flatten();
    let mut last = (0..count)
        .filter_map(|n| Some((n, of(set, n)?.0)))
        .min_by(|(_, a), (_, b)| a.total_cmp(b))
        .map(|(n, _)| n);
    let mut order = Vec::with_capacity(count);
    while let Some(n) = last {
        order.push(n);
        last = of(set, n).and_then(|(_, before)| before);
        set &= !(1 << n);
    }
    order.reverse();
    order
}

fn nearest_next(begin: Option<Place>, places: &[Place]) -> Vec<usize> {
    let mut left: Vec<(usize, Place)> = places.iter().copied().enumerate().collect();
    let mut order = Vec::with_capacity(left.len());
    let mut at = begin;
    while !left.is_empty() {
        let way = |(_, place): &(usize, Place)| at.map_or(0.0, |at| cm(at, *place));
        let next = left
            .iter()
            .enumerate()
            .min_by(|(_, a), (_, b)| way(a).total_cmp(&way(b)))
            .map_or(0, |(n, _)| n);
        let (n, place) = left.remove(next);
        order.push(n);
        at = Some(place);
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone(name: &str) -> ZoneId {
        name.parse().unwrap()
    }

    /// Zones of 2 x 2 m whose centres are so many metres east and north.
    fn areas(zones: &[(&str, i32, i32)]) -> BTreeMap<ZoneId, Area> {
        let area = |&(name, x_m, y_m): &(&str, i32, i32)| {
            let corner = Place {
                x_cm: x_m * 100 - 100,
                y_cm: y_m * 100 - 100,
            };
            let area = Area {
                corner,
                wide_cm: 200,
                deep_cm: 200,
                door: name == "door",
            };
            (zone(name), area)
        };
        zones.iter().map(area).collect()
    }

    fn names(stops: &[Stop]) -> Vec<String> {
        stops.iter().map(|stop| stop.zone.to_string()).collect()
    }

    fn length_cm(areas: &BTreeMap<ZoneId, Area>, from: &str, order: &[ZoneId]) -> f64 {
        let mut at = centre(&areas[&zone(from)]);
        let mut sum = 0.0;
        for zone in order {
            let next = centre(&areas[zone]);
            sum += cm(at, next);
            at = next;
        }
        sum
    }

    #[test]
    fn it_begins_at_the_door_and_does_not_run_to_and_fro() {
        let plan = areas(&[
            ("door", 0, 0),
            ("shoes", 10, 0),
            ("bags", 20, 0),
            ("lamps", -2, 0),
        ]);
        let to = ["bags", "lamps", "shoes"].map(zone);
        let stops = walk(&plan, None, &to);
        assert_eq!(names(&stops), ["lamps", "shoes", "bags"]);
        let ways: Vec<_> = stops.iter().map(|stop| stop.way_m).collect();
        assert_eq!(ways, [Some(2), Some(12), Some(10)]);
    }

    #[test]
    fn it_begins_where_she_is() {
        let plan = areas(&[("door", 0, 0), ("shoes", 10, 0), ("bags", 20, 0)]);
        let to = ["shoes", "bags"].map(zone);
        let here = zone("bags");
        let stops = walk(&plan, Some(&here), &to);
        assert_eq!(names(&stops), ["bags", "shoes"]);
        assert_eq!(stops[0].way_m, Some(0));
    }

    #[test]
    fn what_is_not_on_the_plan_comes_last_without_a_way() {
        let plan = areas(&[("door", 0, 0), ("shoes", 10, 0)]);
        let to = ["cellar", "shoes", "attic", "shoes"].map(zone);
        let stops = walk(&plan, None, &to);
        assert_eq!(names(&stops), ["shoes", "attic", "cellar"]);
        assert_eq!(stops[1].way_m, None);
        assert!(walk(&BTreeMap::new(), None, &[]).is_empty());
    }

    #[test]
    fn no_other_order_is_shorter() {
        // A fixed scatter: multiplicative steps, so that no two stores are alike.
        for seed in 1_i32..40 {
            let names: Vec<String> = (0..6).map(|n| format!("z{n}")).collect();
            let mut zones = vec![("door", 0, 0)];
            for (n, name) in (1_i32..).zip(&names) {
                zones.push((name, seed * n * 37 % 41, seed * n * 53 % 29));
            }
            let plan = areas(&zones);
            let to: Vec<ZoneId> = names.iter().map(|name| zone(name)).collect();
            let stops = walk(&plan, None, &to);
            let order: Vec<ZoneId> = stops.into_iter().map(|stop| stop.zone).collect();
            let ours = length_cm(&plan, "door", &order);
            let mut least = f64::MAX;
            permute(&mut to.clone(), 0, &mut |order| {
                least = least.min(length_cm(&plan, "door", order));
            });
            assert!((ours - least).abs() < 1e-6, "{seed}: {ours} {least}");
        }
    }

    fn permute(zones: &mut [ZoneId], from: usize, seen: &mut impl FnMut(&[ZoneId])) {
        if from == zones.len() {
            return seen(zones);
        }
        for n in from..zones.len() {
            zones.swap(from, n);
            permute(zones, from + 1, seen);
            zones.swap(from, n);
        }
    }

    #[test]
    fn many_stops_are_each_visited_once() {
        let names: Vec<String> = (0..30).map(|n| format!("z{n:02}")).collect();
        let mut zones = vec![("door", 0, 0)];
        zones.extend(
            names
                .iter()
                .zip(1_i32..)
                .map(|(name, n)| (name.as_str(), n * 37 % 41, n)),
        );
        let plan = areas(&zones);
        let to: Vec<ZoneId> = names.iter().map(|name| zone(name)).collect();
        let mut order: Vec<ZoneId> = walk(&plan, None, &to).into_iter().map(|s| s.zone).collect();
        order.sort();
        assert_eq!(order, to);
    }
}
