//! Which product, or why not.

use engine::{
    Input,
    choice::{Verdict, decide},
    input::{Candidate, Consent, IntentKind, MatchFacts, Rules, Told},
    matching::Occasion,
    outcome::{Cause, Choice, Moment, Reason, When},
};
use protocol::VisitId;

use crate::timeline::{ALL, Timeline, ZERO_MS, candidate, customer, facts, named, told, usual};

const DAY: u64 = 86_400_000;

fn choose(facts: &MatchFacts, rules: &Rules) -> String {
    match at_the_shoes(facts, rules).choice {
        Choice::Notify { subject, .. } => named(&subject),
        Choice::Suppress { reason } => format!("{reason:?}"),
    }
}

fn at_the_shoes(facts: &MatchFacts, rules: &Rules) -> Verdict {
    let moment = Moment {
        when: When::Enter,
        zone: "shoes".parse().unwrap(),
    };
    let occasion = Occasion {
        customer: customer("anna"),
        visit: VisitId::at(ZERO_MS, [0; 10]),
        moment: &moment,
        share: 0.95,
        now_ms: ZERO_MS,
    };
    decide(rules, &[usual()], &occasion, facts)
}

fn of(candidates: &[Candidate]) -> MatchFacts {
    MatchFacts {
        candidates: candidates.to_vec(),
        ..facts()
    }
}

#[test]
fn of_equal_age_the_stronger_intent_wins() {
    let often = Candidate {
        views: 3,
        ..candidate("often", IntentKind::Viewed, "shoes")
    };
    let mut candidates = vec![
        candidate("viewed", IntentKind::Viewed, "shoes"),
        often,
        candidate("wished", IntentKind::Wishlisted, "shoes"),
        candidate("carted", IntentKind::Carted, "shoes"),
    ];
    for expected in ["carted", "wished", "often", "viewed"] {
        assert_eq!(choose(&of(&candidates), &Rules::default()), expected);
        candidates.pop();
    }
    assert_eq!(choose(&of(&candidates), &Rules::default()), "NoIntent");
}

#[test]
fn a_fresh_wish_beats_a_cart_of_a_month_ago() {
    let old = candidate("carted", IntentKind::Carted, "shoes");
    let old = Candidate {
        last_ms: ZERO_MS - 30 * DAY,
        ..old
    };
    let wish = candidate("wished", IntentKind::Wishlisted, "shoes");
    assert_eq!(choose(&of(&[old, wish]), &Rules::default()), "wished");
}

#[test]
fn each_reason_has_its_case() {
    let good = candidate("sku", IntentKind::Carted, "shoes");
    let cases = [
        (
            Reason::NoIntent,
            Candidate {
                last_ms: ZERO_MS - 91 * DAY,
                ..good.clone()
            },
        ),
        (
            Reason::NoIntent,
            Candidate {
                intent: IntentKind::Ordered,
                ..good.clone()
            },
        ),
        (
            Reason::NotPlacedHere,
            Candidate {
                zone: None,
                ..good.clone()
            },
        ),
        (
            Reason::NotPlacedHere,
            candidate("sku", IntentKind::Carted, "bags"),
        ),
        (
            Reason::OutOfStock,
            Candidate {
                stock: 0,
                ..good.clone()
            },
        ),
    ];
    for (reason, case) in cases {
        assert_eq!(
            choose(&of(&[case]), &Rules::default()),
            format!("{reason:?}")
        );
    }
    let this_visit = Told {
        visit: VisitId::at(ZERO_MS, [0; 10]),
        ..told(&usual(), "sku", 60_000)
    };
    let told = MatchFacts {
        told: vec![this_visit],
        ..of(&[good])
    };
    assert_eq!(choose(&told, &Rules::default()), "ToldThisVisit");
}

#[test]
fn without_a_usable_candidate_the_best_one_gives_the_reason() {
    let gone = Candidate {
        stock: 0,
        ..candidate("a", IntentKind::Carted, "shoes")
    };
    let elsewhere = candidate("b", IntentKind::Wishlisted, "bags");
    let verdict = at_the_shoes(&of(&[elsewhere, gone]), &Rules::default());
    assert_eq!(
        verdict.choice,
        Choice::Suppress {
            reason: Reason::OutOfStock
        }
    );
    let reasons: Vec<_> = verdict.considered.iter().map(|c| c.out.unwrap()).collect();
    assert_eq!(reasons, [Reason::OutOfStock, Reason::NotPlacedHere]);
}

#[test]
fn consent_comes_before_quiet_hours_before_the_cap() {
    let rules = Rules {
        quiet_minutes: Some((22 * 60, 8 * 60)),
        ..Rules::default()
    };
    let mut facts = of(&[candidate("sku", IntentKind::Carted, "shoes")]);
    facts.local_minute = 23 * 60;
    facts.told = [1, 2].map(|ms| told(&usual(), "other", ms)).to_vec();
    facts.consent = Consent {
        browsing: false,
        ..ALL
    };
    assert_eq!(choose(&facts, &rules), "NoConsent");
    facts.consent = ALL;
    assert_eq!(choose(&facts, &rules), "QuietHours");
    facts.local_minute = 8 * 60;
    assert_eq!(choose(&facts, &rules), "FrequencyCap");
    facts.told.pop();
    assert_eq!(choose(&facts, &rules), "sku");
}

#[test]
fn quiet_hours_go_over_midnight() {
    let night = Rules {
        quiet_minutes: Some((22 * 60, 8 * 60)),
        ..Rules::default()
    };
    let lunch = Rules {
        quiet_minutes: Some((12 * 60, 13 * 60)),
        ..Rules::default()
    };
    let at = |local_minute: u16, rules: &Rules| {
        let facts = of(&[candidate("sku", IntentKind::Carted, "shoes")]);
        choose(
            &MatchFacts {
                local_minute,
                ..facts
            },
            rules,
        ) == "QuietHours"
    };
    assert!(
        [22 * 60, 23 * 60 + 59, 0, 8 * 60 - 1]
            .iter()
            .all(|&m| at(m, &night))
    );
    assert!(
        [8 * 60, 12 * 60, 22 * 60 - 1]
            .iter()
            .all(|&m| !at(m, &night))
    );
    assert!(at(12 * 60, &lunch) && !at(13 * 60, &lunch) && !at(23 * 60, &lunch));
}

fn anna_at_the_shoes() -> Timeline {
    let mut t = Timeline::store();
    t.facts(|f| {
        f.candidates
            .push(candidate("boot", IntentKind::Wishlisted, "shoes"));
    });
    t.at(0).stays("anna", "shoes", -60, 5_000);
    t
}

#[test]
fn a_match_is_one_decision_and_one_offer_with_an_end() {
    let mut t = anna_at_the_shoes();
    t.answer();
    assert_eq!(t.chosen(), "boot");
    let offer = t.news.deliveries.last().unwrap();
    assert_eq!(offer.relevant_until_ms, t.now_ms + 120_000);
    let Cause::Offer {
        decision, subject, ..
    } = &offer.cause
    else {
        panic!("{offer:?}")
    };
    assert_eq!(*decision, t.decision().decision);
    assert_eq!(named(subject), "boot");
    assert_eq!(t.decision().considered.len(), 1);
}

#[test]
fn an_answer_after_she_left_the_zone_tells_nothing() {
    let mut t = anna_at_the_shoes();
    for ms in (6_000..=15_000).step_by(1_000) {
        t.at(ms)
            .sight("anna", "shoes", -80)
            .sight("anna", "door", -55);
    }
    t.answer(); // both questions: the one about the door comes second
    assert_eq!(
        format!("{:?}", t.news.decisions[0].choice),
        "Suppress { reason: Departed }"
    );
    assert!(t.news.deliveries.is_empty());
}

#[test]
fn an_answer_after_she_left_the_store_tells_nothing() {
    let mut t = anna_at_the_shoes();
    t.at(60_000).answer();
    assert_eq!(t.chosen(), "Departed");
    assert!(t.news.deliveries.is_empty());
}

#[test]
fn an_answer_that_comes_twice_is_used_once() {
    let mut t = anna_at_the_shoes();
    t.facts(|f| f.candidates.clear()); // silent: no message that would outdate the second one
    let questions = t.news.questions.clone();
    t.answer();
    t.news.questions = questions;
    t.answer();
    assert_eq!(t.chosen(), "NoIntent");
    assert_eq!(t.news.decisions.len(), 1);
}

#[test]
fn a_product_is_told_once_a_visit_even_if_the_facts_do_not_say_so() {
    let mut t = anna_at_the_shoes();
    t.answer();
    for ms in (6_000..=320_000).step_by(1_000) {
        t.at(ms)
            .sight("anna", "shoes", -80)
            .sight("anna", "door", -55);
    }
    t.news.questions.clear();
    for ms in (321_000..=340_000).step_by(1_000) {
        t.at(ms)
            .sight("anna", "door", -80)
            .sight("anna", "shoes", -55);
    }
    t.answer();
    assert_eq!(t.chosen(), "ToldThisVisit");
}

#[test]
fn facts_that_do_not_know_of_the_last_message_are_asked_for_again() {
    let mut t = anna_at_the_shoes();
    let about_shoes = std::mem::take(&mut t.news.questions);
    for ms in (6_000..=15_000).step_by(1_000) {
        t.at(ms)
            .sight("anna", "shoes", -80)
            .sight("anna", "door", -55);
    }
    let about_door = std::mem::replace(&mut t.news.questions, about_shoes);
    for ms in (16_000..=25_000).step_by(1_000) {
        t.at(ms)
            .sight("anna", "door", -80)
            .sight("anna", "shoes", -55);
    }
    t.answer(); // back at the shoes: told
    assert_eq!(t.chosen(), "boot");
    for ms in (26_000..=35_000).step_by(1_000) {
        t.at(ms)
            .sight("anna", "shoes", -80)
            .sight("anna", "door", -55);
    }
    t.news.questions = about_door;
    t.answer();
    assert_eq!(t.news.decisions.len(), 1); // not decided on the old facts
    assert_eq!(t.news.questions.len(), 1); // but asked anew
}

#[test]
fn browsing_withdrawn_before_the_answer_keeps_no_candidates() {
    let mut t = anna_at_the_shoes();
    t.consent(
        "anna",
        Consent {
            browsing: false,
            ..ALL
        },
    )
    .answer();
    assert_eq!(t.chosen(), "NoConsent");
    assert!(t.decision().facts.unwrap().candidates.is_empty());
}

#[test]
fn who_is_heard_in_another_store_too_is_told_nothing_for_one_quantum() {
    let mut t = anna_at_the_shoes();
    let doubt = Input::InTwoStores {
        customer: customer("anna"),
    };
    t.input(&doubt).answer();
    assert_eq!(t.chosen(), "InTwoStores");
    assert!(t.news.deliveries.is_empty());

    let mut t = anna_at_the_shoes();
    let about_shoes = std::mem::take(&mut t.news.questions);
    t.input(&doubt);
    t.stays("anna", "shoes", -60, 5_000 + engine::DOUBT_MS);
    t.news.questions = about_shoes;
    t.answer();
    assert_eq!(t.chosen(), "boot");
}

#[test]
fn a_campaign_is_for_the_stores_that_it_names_and_for_all_if_it_names_none() {
    let (here, there) = ("kade-9".parse().unwrap(), "kade-8".parse().unwrap());
    let mut trigger = usual().trigger;
    assert!(trigger.is_for(&here) && trigger.is_for(&there));
    trigger.stores.insert(here.clone());
    assert!(trigger.is_for(&here) && !trigger.is_for(&there));
    // What was saved before stores were named is for all of them.
    let before: engine::campaign::Trigger =
        serde_json::from_str(r#"{"when": "enter", "zones": []}"#).unwrap();
    assert!(before.is_for(&there));
}
