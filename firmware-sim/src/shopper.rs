//! The people of a run: who comes, with what phone, what she wants, which way she walks.
//!
//! In: a [`Scenario`] and a seed. Out: [`Shopper`]s and [`Stranger`]s, whole, before the run.
//! Promises: the same scenario and seed give the same people; each concern draws from a stream
//! of its own. Every kind of case stands at a fixed place in the list, so that a run of twenty
//! has them all.
//! Invariant: no names of real customers; ids begin with the scenario's prefix.

use protocol::{Sku, StoreId, ZoneId};
use rand::{RngExt, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;

use crate::{
    catalogue::{self, Product},
    phone::Consent,
    plan::{ENTRANCE, FAR_PAVEMENT_M, PICKUP, Plan, Point, STREET_DEPTH_M},
    rng::Seed,
    truth::{IntentKind, Role},
    way::{Way, WayBuilder},
};

/// What to play.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scenario {
    /// The store's id at the server.
    pub store: StoreId,
    /// How long it takes, in milliseconds.
    pub run_ms: u64,
    /// People who come in.
    pub shoppers: u64,
    /// People with the app who walk by.
    pub passers_by: u64,
    /// People without the app, in the store.
    pub strangers: u64,
    /// External ids begin with it, so that two runs against one server do not meet.
    pub prefix: String,
}

impl Scenario {
    /// Twenty shoppers, three passers-by and four strangers.
    pub fn new(store: StoreId, run_ms: u64, prefix: impl Into<String>) -> Self {
        Self {
            store,
            run_ms,
            shoppers: 20,
            passers_by: 3,
            strangers: 4,
            prefix: prefix.into(),
        }
    }
}

/// How a phone behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PhoneKind {
    /// Advertises every 250 ms in our own layout; address and payload change together.
    Android,
    /// As before, in the layout of Eddystone-EID.
    AndroidEddystone,
    /// App in the foreground, every 546 ms; the address changes when iOS likes.
    Ios,
    /// Advertises nothing.
    Silent,
}

/// A click-and-collect order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderPlan {
    /// As the shop numbers it.
    pub external_id: String,
    /// What was bought.
    pub sku: Sku,
    /// Set aside before she comes; otherwise still being worked on.
    pub ready: bool,
    /// Where it was set aside.
    pub bay: String,
    /// What she says at the desk.
    pub code: String,
}

/// Someone with the app.
#[derive(Debug, Clone)]
pub struct Shopper {
    /// Her place in the list.
    pub index: u64,
    /// As the shop knows her.
    pub external_id: String,
    /// Given name.
    pub given_name: &'static str,
    /// Family name.
    pub family_name: &'static str,
    /// How she wants to be addressed.
    pub salutation: Option<&'static str>,
    /// `nl` or `en`.
    pub language: &'static str,
    /// Comes in or walks by.
    pub role: Role,
    /// Her phone.
    pub phone: PhoneKind,
    /// Reports shelf beacons.
    pub reports_beacons: bool,
    /// Presses "Ik ben er" on entering.
    pub presses_here: bool,
    /// Asks for a new identity key on the way.
    pub rotates_key: bool,
    /// Her switches.
    pub consent: Consent,
    /// What she did online and how many milliseconds before the run.
    pub intents: Vec<(IntentKind, Sku, u64)>,
    /// What she comes for.
    pub order: Option<OrderPlan>,
    /// Her way.
    pub way: Way,
}

/// What a stranger's phone sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StrangerKind {
    /// Another manufacturer's data.
    Manufacturer,
    /// Another company's iBeacon.
    OtherIBeacon,
    /// Our own layout with an identity that nobody issued.
    UnknownWelkom,
    /// Eddystone-EID with an identity that nobody issued.
    UnknownEddystone,
}

/// Someone without the app: must never show up anywhere.
#[derive(Debug, Clone)]
pub struct Stranger {
    /// What the phone sends.
    pub kind: StrangerKind,
    /// The way.
    pub way: Way,
}

const GIVEN_NAMES: [&str; 12] = [
    "Eva", "Daan", "Noor", "Sem", "Fatima", "Lucas", "Sanne", "Mohammed", "Julia", "Bram", "Lotte",
    "Milan",
];
const FAMILY_NAMES: [&str; 11] = [
    "De Vries",
    "Jansen",
    "Bakker",
    "Yilmaz",
    "Visser",
    "Smit",
    "El Amrani",
    "Mulder",
    "De Boer",
    "Kaya",
    "Peters",
];
const DAY_MS: u64 = 86_400_000;
/// Arrivals are spread over this share of the run, in percent: the last one must leave again.
const ARRIVALS_PERCENT: u64 = 60;
/// From the street to the door line at walking pace; arrivals are counted at the door.
const STREET_WALK_MS: u64 = 9_000;
const DWELL_MS_MIN: u64 = 8_000;
const DWELL_MS_MAX: u64 = 25_000;
/// Time at the end of a run in which nobody is in the store any more.
const TAIL_MS: u64 = 1_000;

/// Everyone with the app.
pub fn shoppers(scenario: &Scenario, plan: &Plan, seed: Seed) -> Vec<Shopper> {
    let mut slots: Vec<u64> = (0..scenario.shoppers).collect();
    slots.shuffle(&mut seed.stream("arrival-order", 0));
    let shoppers = slots.iter().enumerate().map(|(place, &slot)| {
        let index = u64::try_from(place).unwrap_or(0);
        let arrivals_ms = (scenario.run_ms * ARRIVALS_PERCENT / 100).saturating_sub(STREET_WALK_MS);
        let starts_ms = arrivals_ms * slot / scenario.shoppers.max(1);
        shopper(scenario, plan, seed, index, starts_ms)
    });
    let passers_by = (0..scenario.passers_by).map(|n| passer_by(scenario, plan, seed, n));
    shoppers.chain(passers_by).collect()
}

/// Everyone without it.
pub fn strangers(scenario: &Scenario, plan: &Plan, seed: Seed) -> Vec<Stranger> {
    let kinds = [
        StrangerKind::Manufacturer,
        StrangerKind::OtherIBeacon,
        StrangerKind::UnknownWelkom,
        StrangerKind::UnknownEddystone,
    ];
    let stranger = |(n, kind)| Stranger {
        kind,
        way: {
            let mut rng = seed.stream("stranger", n);
            let starts_ms = scenario.run_ms / 8 * (n % 4);
            let zones = visited(&mut rng, false);
            shopping_way(&mut rng, plan, &zones, starts_ms, scenario.run_ms)
        },
    };
    (0..scenario.strangers)
        .zip(kinds.into_iter().cycle())
        .map(stranger)
        .collect()
}

fn shopper(scenario: &Scenario, plan: &Plan, seed: Seed, index: u64, starts_ms: u64) -> Shopper {
    let external_id = format!("{}-c{index:02}", scenario.prefix);
    // Silent ones (every fifth, from 4) have orders in part: a phone that does neither is no excuse.
    let order = matches!(index % 20, 0 | 1 | 4 | 6 | 10 | 12 | 14 | 16)
        .then(|| order(&mut seed.stream("order", index), scenario, index));
    let mut way_rng = seed.stream("way", index);
    let zones = visited(&mut way_rng, order.is_some());
    let phone = phone_kind(index);
    let presses_here = phone == PhoneKind::Silent && index.is_multiple_of(2);
    Shopper {
        intents: intents(&mut seed.stream("intents", index), &zones, order.as_ref()),
        way: shopping_way(&mut way_rng, plan, &zones, starts_ms, scenario.run_ms),
        reports_beacons: match phone {
            PhoneKind::Ios => true,
            PhoneKind::Silent => !presses_here,
            PhoneKind::Android | PhoneKind::AndroidEddystone => index.is_multiple_of(2),
        },
        rotates_key: index % 20 == 2,
        role: Role::Shopper,
        consent: consent(index),
        presses_here,
        phone,
        order,
        ..named(&mut seed.stream("names", index), index, external_id)
    }
}

fn passer_by(scenario: &Scenario, plan: &Plan, seed: Seed, n: u64) -> Shopper {
    let index = scenario.shoppers + n;
    let mut rng = seed.stream("passer-by", n);
    let speed_m_s = rng.random_range(1.1..1.5);
    let depth_m = -FAR_PAVEMENT_M - rng.random_range(0.0..1.5);
    let starts_ms = scenario.run_ms * n / scenario.passers_by.max(1) * ARRIVALS_PERCENT / 100;
    let way = WayBuilder::start(Point::new(-14.0, depth_m), starts_ms, speed_m_s)
        .walk(Point::new(38.0, depth_m))
        .done();
    let external_id = format!("{}-p{n:02}", scenario.prefix);
    let entrance: Option<ZoneId> = plan.zone(ENTRANCE).map(|zone| zone.zone.clone());
    Shopper {
        intents: intents(
            &mut seed.stream("intents", index),
            entrance.as_slice(),
            None,
        ),
        role: Role::PasserBy,
        phone: PhoneKind::Android,
        reports_beacons: true,
        way,
        ..named(&mut seed.stream("names", index), index, external_id)
    }
}

/// Someone with a name and nothing to do yet.
fn named(rng: &mut ChaCha8Rng, index: u64, external_id: String) -> Shopper {
    let salutations = [Some("mevrouw"), Some("de heer"), None];
    Shopper {
        index,
        external_id,
        given_name: GIVEN_NAMES[rng.random_range(0..GIVEN_NAMES.len())],
        family_name: FAMILY_NAMES[rng.random_range(0..FAMILY_NAMES.len())],
        salutation: salutations[rng.random_range(0..salutations.len())],
        language: if rng.random_bool(0.8) { "nl" } else { "en" },
        role: Role::Shopper,
        phone: PhoneKind::Android,
        reports_beacons: false,
        presses_here: false,
        rotates_key: false,
        consent: Consent::ALL,
        intents: Vec::new(),
        order: None,
        way: Way::default(),
    }
}

fn phone_kind(index: u64) -> PhoneKind {
    match index % 5 {
        4 => PhoneKind::Silent,
        3 => PhoneKind::Ios,
        1 if index % 10 == 1 => PhoneKind::AndroidEddystone,
        _ => PhoneKind::Android,
    }
}

fn consent(index: u64) -> Consent {
    let all = Consent::ALL;
    match index % 20 {
        3 | 11 => Consent {
            messages: false,
            ..all
        },
        8 => Consent::NONE,
        12 => Consent {
            arrival: true,
            ..Consent::NONE
        },
        17 => Consent {
            browsing: false,
            ..all
        },
        19 => Consent {
            statistics: false,
            ..all
        },
        _ => all,
    }
}

/// One to three zones; with an order the pickup desk is one of them.
fn visited(rng: &mut ChaCha8Rng, with_order: bool) -> Vec<ZoneId> {
    let mut others = ["lampen", ENTRANCE, "schoenen", "tassen"];
    others.shuffle(rng);
    let mut names: Vec<&str> = others[..rng.random_range(1..=3)].to_vec();
    // A gateway hears lampen and the entrance best: most people look at one of them.
    if !names.contains(&"lampen") && rng.random_bool(0.5) {
        names[0] = "lampen";
    }
    if with_order {
        names.truncate(2);
        names.push(PICKUP);
    }
    names
        .into_iter()
        .filter_map(|name| name.parse().ok())
        .collect()
}

/// Street, door, zones, door, street, within the run: with too little time left she stands
/// shorter, and then skips zones; the last one is what she came for.
fn shopping_way(
    rng: &mut ChaCha8Rng,
    plan: &Plan,
    zones: &[ZoneId],
    starts_ms: u64,
    run_ms: u64,
) -> Way {
    let street = Point::new(12.0 + rng.random_range(-3.0..3.0), -STREET_DEPTH_M);
    let in_door = plan.door_middle().x_m + rng.random_range(-0.8..0.8);
    let speed_m_s = rng.random_range(1.2..1.45);
    let stops: Vec<Stop> = zones
        .iter()
        .filter_map(|zone| stop(rng, plan, zone))
        .collect();
    let mut best = Way::default();
    for skipped in 0..stops.len() {
        for percent in [100, 60, 0] {
            best = walk_through(
                street,
                in_door,
                speed_m_s,
                starts_ms,
                &stops[skipped..],
                percent,
            );
            if best
                .left_ms()
                .is_some_and(|left_ms| left_ms + TAIL_MS <= run_ms)
            {
                return best;
            }
        }
    }
    best
}

struct Stop {
    at: Point,
    heading_rad: f64,
    dwell_ms: u64,
}

fn stop(rng: &mut ChaCha8Rng, plan: &Plan, zone: &ZoneId) -> Option<Stop> {
    let stand = plan.zone(zone.as_str())?.stand;
    Some(Stop {
        at: Point::new(
            stand.x_m + rng.random_range(-1.0..1.0),
            stand.y_m + rng.random_range(-1.0..1.0),
        ),
        heading_rad: rng.random_range(0.0..std::f64::consts::TAU),
        dwell_ms: rng.random_range(DWELL_MS_MIN..=DWELL_MS_MAX),
    })
}

fn walk_through(
    street: Point,
    in_door_x_m: f64,
    speed_m_s: f64,
    starts_ms: u64,
    stops: &[Stop],
    dwell_percent: u64,
) -> Way {
    let (outside, inside) = (Point::new(in_door_x_m, -1.0), Point::new(in_door_x_m, 1.2));
    let mut way = WayBuilder::start(street, starts_ms, speed_m_s)
        .walk(outside)
        .walk(inside);
    for stop in stops {
        let dwell_ms = DWELL_MS_MIN + (stop.dwell_ms - DWELL_MS_MIN) * dwell_percent / 100;
        way = way.walk(stop.at).stand(dwell_ms, stop.heading_rad);
    }
    way.walk(inside).walk(outside).walk(street).done()
}

fn order(rng: &mut ChaCha8Rng, scenario: &Scenario, index: u64) -> OrderPlan {
    // An order's product is not in this store's placement: it is no candidate for an offer.
    let skus: Vec<Sku> = catalogue::products()
        .into_iter()
        .filter_map(|product| product.placed.is_none().then_some(product.sku))
        .collect();
    OrderPlan {
        external_id: format!("{}-o{index:02}", scenario.prefix),
        sku: skus[rng.random_range(0..skus.len())].clone(),
        ready: index % 20 != 16,
        bay: format!("B{}", rng.random_range(1..=24)),
        code: format!("{:04}", rng.random_range(0..10_000)),
    }
}

/// Two or three things in zones that she visits, one elsewhere or sold out, sometimes one bought.
fn intents(
    rng: &mut ChaCha8Rng,
    zones: &[ZoneId],
    order: Option<&OrderPlan>,
) -> Vec<(IntentKind, Sku, u64)> {
    let is_here = |p: &Product| {
        p.placed.as_ref().is_some_and(|at| {
            at.stock > 0 && (zones.contains(&at.zone) || at.zone.as_str() == ENTRANCE)
        })
    };
    let (mut here, mut elsewhere): (Vec<Product>, Vec<Product>) =
        catalogue::products().into_iter().partition(is_here);
    here.shuffle(rng);
    elsewhere.retain(|product| order.is_none_or(|order| order.sku != product.sku));
    elsewhere.shuffle(rng);
    let kinds = [
        IntentKind::Wishlisted,
        IntentKind::Carted,
        IntentKind::Viewed,
    ];
    let mut intents: Vec<_> = here
        .iter()
        .take(rng.random_range(2..=3))
        .chain(elsewhere.iter().take(1))
        .map(|product| {
            let kind = kinds[rng.random_range(0..kinds.len())];
            (
                kind,
                product.sku.clone(),
                rng.random_range(DAY_MS / 24..20 * DAY_MS),
            )
        })
        .collect();
    if rng.random_bool(0.3) && intents.len() > 2 {
        // Bought since: the wish is still on the list, and must not be offered.
        let (_, sku, ago_ms) = intents[0].clone();
        intents.push((IntentKind::Ordered, sku, ago_ms / 2));
    }
    intents
}

#[cfg(test)]
mod tests {
    use super::*;

    fn people(seed: u64) -> (Scenario, Vec<Shopper>) {
        let scenario = Scenario::new("kade-9".parse().unwrap(), 90_000, "t");
        let people = shoppers(&scenario, &Plan::kade_9(), Seed(seed));
        (scenario, people)
    }

    #[test]
    fn every_shopper_comes_in_and_leaves_within_the_run() {
        for seed in 0..20 {
            let (scenario, people) = people(seed);
            for who in people.iter().filter(|p| p.role == Role::Shopper) {
                let (entered, left) = (who.way.entered_ms().unwrap(), who.way.left_ms().unwrap());
                assert!(entered < left && left < scenario.run_ms, "{who:?}");
            }
        }
    }

    #[test]
    fn passers_by_never_enter_and_keep_nine_metres_off() {
        let (_, people) = people(7);
        for who in people.iter().filter(|p| p.role == Role::PasserBy) {
            assert_eq!(who.way.entered_ms(), None);
            assert!(
                who.way
                    .legs
                    .iter()
                    .all(|leg| leg.from.y_m <= -9.0 && leg.to.y_m <= -9.0)
            );
        }
    }

    #[test]
    fn the_cases_that_tests_rely_on_are_all_there() {
        let (_, people) = people(7);
        let count = |is: fn(&Shopper) -> bool| people.iter().filter(|p| is(p)).count();
        assert_eq!(people.len(), 23);
        assert_eq!(count(|p| p.phone == PhoneKind::Silent), 4);
        assert_eq!(count(|p| p.presses_here), 2);
        assert_eq!(count(|p| p.consent == Consent::NONE), 1);
        assert_eq!(count(|p| !p.consent.messages), 4);
        assert_eq!(
            count(|p| p.order.as_ref().is_some_and(|order| order.ready)),
            7
        );
        assert_eq!(
            count(|p| p.order.as_ref().is_some_and(|order| !order.ready)),
            1
        );
        assert_eq!(count(|p| p.rotates_key), 1);
        assert!(
            count(|p| p
                .intents
                .iter()
                .any(|(kind, ..)| *kind == IntentKind::Ordered))
                > 0
        );
    }

    #[test]
    fn who_has_an_order_goes_to_the_pickup_desk() {
        let (_, people) = people(7);
        let plan = Plan::kade_9();
        for who in people.iter().filter(|p| p.order.is_some()) {
            let stays = who.way.stays(&plan);
            assert!(
                stays.iter().any(|stay| stay.zone.as_str() == PICKUP),
                "{}",
                who.external_id
            );
        }
    }

    #[test]
    fn equal_seeds_give_equal_people() {
        let texts = |seed| format!("{:?}", people(seed).1);
        assert_eq!(texts(3), texts(3));
        assert_ne!(texts(3), texts(4));
    }
}
