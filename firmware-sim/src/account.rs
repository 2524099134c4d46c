//! Turns people and their ways into ground truth.
//!
//! In: a scenario, its people, when the run began and ended, what was heard.
//! Out: a [`Truth`]. Invariant: only plans and counts; nothing asked from the system under test.

use std::collections::BTreeMap;

use protocol::{AnchorId, Sku, ZoneId};

use crate::{
    catalogue,
    firmware::{ANDROID_INTERVAL_US, IOS_INTERVAL_US},
    phone::Consent,
    plan::Plan,
    shopper::{PhoneKind, Scenario, Shopper},
    truth::{
        Arrival, Heard, Intent, IntentKind, Offers, Person, Record, Run, Truth, Visit, ZoneStay,
        heard_key,
    },
};

/// What an anchor and a person had of each other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HeardCount {
    /// Taken by a socket, or accepted by the server.
    pub count: u64,
    /// Answer lost.
    pub unsure: u64,
}

/// When a run was, in the server's time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Its beginning: 0 on everyone's way.
    pub started_ms: u64,
    /// Its end, which may have come early.
    pub ended_ms: u64,
}

/// The whole account.
pub fn truth(
    scenario: &Scenario,
    seed: u64,
    plan: &Plan,
    shoppers: &[Shopper],
    span: Span,
    heard: &BTreeMap<(AnchorId, u64), HeardCount>,
) -> Truth {
    let mut truth = Truth::default();
    let Span {
        started_ms,
        ended_ms,
    } = span;
    let store = scenario.store.clone();
    truth.push(Record::Run(Run {
        seed,
        store,
        started_ms,
        ended_ms,
    }));
    for shopper in shoppers {
        account_of(shopper, plan, span, &mut truth);
    }
    for ((anchor, index), HeardCount { count, unsure }) in heard {
        let who = shoppers.iter().find(|shopper| shopper.index == *index);
        let Some(who) = who else { continue };
        let key = heard_key(anchor, &who.external_id);
        truth.push(Record::Heard(Heard {
            key,
            count: *count,
            unsure: *unsure,
        }));
    }
    truth
}

fn account_of(shopper: &Shopper, plan: &Plan, span: Span, truth: &mut Truth) {
    let external_id = || shopper.external_id.clone();
    let happened = |ms: Option<u64>| {
        ms.map(|ms| span.started_ms + ms)
            .filter(|at_ms| *at_ms < span.ended_ms)
    };
    truth.push(Record::Person(person(shopper)));
    for (kind, sku, ago_ms) in &shopper.intents {
        let at_ms = span.started_ms.saturating_sub(*ago_ms);
        let intent = Intent {
            external_id: external_id(),
            kind: *kind,
            sku: sku.clone(),
            at_ms,
        };
        truth.push(Record::Intent(intent));
    }
    truth.push(Record::Offers(Offers {
        external_id: external_id(),
        allowed: allowed(shopper),
    }));
    let Some(entered_ms) = happened(shopper.way.entered_ms()) else {
        return;
    };
    truth.push(Record::Visit(Visit {
        external_id: external_id(),
        entered_ms,
        left_ms: happened(shopper.way.left_ms()),
        silent: shopper.phone == PhoneKind::Silent,
        consent: shopper.consent,
    }));
    for stay in shopper.way.stays(plan) {
        let (from_ms, to_ms) = (span.started_ms + stay.from_ms, span.started_ms + stay.to_ms);
        if from_ms < span.ended_ms {
            let to_ms = to_ms.min(span.ended_ms);
            let stay = ZoneStay {
                external_id: external_id(),
                zone: stay.zone,
                from_ms,
                to_ms,
            };
            truth.push(Record::ZoneStay(stay));
        }
    }
    if let Some(order) = shopper
        .order
        .as_ref()
        .filter(|o| o.ready && shopper.consent.arrival)
    {
        truth.push(Record::Arrival(Arrival {
            external_id: external_id(),
            order: order.external_id.clone(),
            door_line_ms: entered_ms,
            advertises_250ms: advertises_every_ms(shopper.phone) == Some(250),
        }));
    }
}

fn person(shopper: &Shopper) -> Person {
    Person {
        external_id: shopper.external_id.clone(),
        role: shopper.role,
        silent: shopper.phone == PhoneKind::Silent,
        advertises_every_ms: advertises_every_ms(shopper.phone),
        reports_beacons: shopper.reports_beacons,
        presses_here: shopper.presses_here,
        consent: shopper.consent,
    }
}

fn advertises_every_ms(phone: PhoneKind) -> Option<u64> {
    match phone {
        PhoneKind::Android | PhoneKind::AndroidEddystone => Some(ANDROID_INTERVAL_US / 1_000),
        PhoneKind::Ios => Some(IOS_INTERVAL_US / 1_000),
        PhoneKind::Silent => None,
    }
}

/// What may be offered to someone: see [`Offers`].
pub fn allowed(shopper: &Shopper) -> Vec<(ZoneId, Sku)> {
    let Consent {
        messages: true,
        browsing: true,
        ..
    } = shopper.consent
    else {
        return Vec::new();
    };
    let bought = |sku: &Sku| {
        shopper
            .intents
            .iter()
            .any(|(kind, s, _)| *kind == IntentKind::Ordered && s == sku)
    };
    let wanted = |sku: &Sku| shopper.intents.iter().any(|(_, s, _)| s == sku) && !bought(sku);
    let products = catalogue::products()
        .into_iter()
        .filter(|product| wanted(&product.sku));
    products
        .filter_map(|product| {
            let placed = product.placed.filter(|placed| placed.stock > 0)?;
            Some((placed.zone, product.sku))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{rng::Seed, shopper::shoppers};

    fn account(ended_ms: u64) -> (Vec<Shopper>, Truth) {
        let (plan, scenario) = (
            Plan::kade_9(),
            Scenario::new("s".parse().unwrap(), 90_000, "t"),
        );
        let people = shoppers(&scenario, &plan, Seed(7));
        let span = Span {
            started_ms: 1_000_000,
            ended_ms: 1_000_000 + ended_ms,
        };
        let truth = truth(&scenario, 7, &plan, &people, span, &BTreeMap::new());
        (people, truth)
    }

    #[test]
    fn a_whole_run_has_a_visit_for_each_shopper_and_none_for_a_passer_by() {
        let (_, truth) = account(90_000);
        assert_eq!(truth.visits.len(), 20);
        assert!(truth.visits.iter().all(|visit| visit.left_ms.is_some()));
        assert!(
            truth
                .visits
                .iter()
                .all(|visit| !visit.external_id.contains("-p"))
        );
        assert!(truth.people.len() == 23 && truth.zone_stays.len() >= 20);
    }

    #[test]
    fn a_run_that_ends_early_has_open_visits_and_no_future() {
        let (_, truth) = account(30_000);
        assert!(truth.visits.iter().any(|visit| visit.left_ms.is_none()));
        assert!(
            truth
                .visits
                .iter()
                .all(|visit| visit.entered_ms < 1_030_000)
        );
        assert!(truth.zone_stays.iter().all(|stay| stay.to_ms <= 1_030_000));
    }

    #[test]
    fn arrivals_are_those_with_a_ready_order_and_consent() {
        let (people, truth) = account(90_000);
        let expected = people
            .iter()
            .filter(|p| p.consent.arrival && p.order.as_ref().is_some_and(|order| order.ready));
        assert_eq!(truth.arrivals.len(), expected.count());
        assert!(
            truth
                .arrivals
                .iter()
                .any(|arrival| arrival.advertises_250ms)
        );
    }

    #[test]
    fn offers_leave_out_the_bought_the_sold_out_and_who_did_not_agree() {
        let (people, _) = account(90_000);
        for who in &people {
            let allowed = allowed(who);
            if !(who.consent.messages && who.consent.browsing) {
                assert!(allowed.is_empty(), "{}", who.external_id);
            }
            for (_, sku) in &allowed {
                assert!(!["MUTS-GRIJS", "LAMP-HANG", "KOFFER-XL"].contains(&sku.as_str()));
                let of_sku = who.intents.iter().filter(|(_, s, _)| s == sku);
                assert!(of_sku.clone().count() > 0);
                assert!(
                    of_sku
                        .clone()
                        .all(|(kind, ..)| *kind != IntentKind::Ordered)
                );
            }
        }
        assert!(people.iter().filter(|who| !allowed(who).is_empty()).count() >= 12);
    }
}
