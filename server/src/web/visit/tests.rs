use engine::outcome::Because;

use super::*;
use crate::web::fixtures::{change, texts, visit};

fn told(lang: Lang, changes: Vec<ChangeRow>, here: bool) -> Vec<Told> {
    let page = visit(lang, None, changes);
    tell(&page.lintel.texts, &page.zones, &page.changes, here)
}

#[test]
fn a_zone_is_told_with_how_sure_it_was_who_heard_her_and_what_was_next_best() {
    let change = || vec![change("zone_entered", Some("schoenen"), 0, Because::Radio)];
    let nl = told(Lang::Nl, change(), false);
    assert_eq!(nl[0].clock, "14:09:00");
    assert_eq!(nl[0].what, "Schoenen, 94% zeker");
    assert_eq!(
        nl[0].why,
        [
            "Afgaand op het signaal van telefoon of pas.",
            "Sterkst gehoord door shelf-shoes: \u{2212}61 dBm, 1 s eerder.",
            "Daarna door \u{2212}77 dBm, 1 min eerder.",
            "Daarna het waarschijnlijkst: Tassen 4%.",
            "Besloten om 14:09:03.",
        ]
    );
    let en = told(Lang::En, change(), false);
    assert_eq!(en[0].what, "Shoes, 94% sure");
    assert!(
        en[0].why.contains(&"Next best: Bags 4%.".to_owned()),
        "{en:?}"
    );
}

#[test]
fn where_nobody_can_say_the_likeliest_zones_are_told() {
    let nl = told(
        Lang::Nl,
        vec![change("zone_lost", None, 0, Because::Radio)],
        false,
    );
    assert_eq!(nl[0].what, "Onbekend waar");
    let line = "Geen zone was zeker genoeg: Schoenen 94%, Tassen 4%.".to_owned();
    assert!(nl[0].why.contains(&line), "{nl:?}");
}

#[test]
fn every_reason_has_words_of_its_own_in_both_languages() {
    let all = [
        Because::Radio,
        Because::SaidSo,
        Because::Silence,
        Because::HeardOutside,
        Because::OrderDone,
        Because::ConsentWithdrawn,
        Because::Shed,
        Because::Late,
    ];
    let mut seen = std::collections::BTreeSet::new();
    for lang in [Lang::Nl, Lang::En] {
        for reason in all {
            let words = because(&texts(lang), reason);
            assert!(
                words.ends_with('.') && !words.starts_with("because-"),
                "{words}"
            );
            assert!(seen.insert(words.clone()), "{words}");
        }
    }
}

#[test]
fn nobody_is_certain_and_nobody_is_impossible() {
    assert_eq!(share_told(1.0), ">99%");
    assert_eq!(share_told(0.001), "<1%");
    assert_eq!(share_told(0.5), "50%");
    assert_eq!(dbm_told(0), "0");
    assert_eq!(dbm_told(i8::MIN), "\u{2212}128");
}

#[test]
fn the_last_stop_is_lit_while_she_is_there_and_only_then() {
    let changes = || {
        vec![
            change("entered", None, 9, Because::Radio),
            change("zone_entered", Some("tassen"), 5, Because::Radio),
        ]
    };
    let classes = |here| {
        let told = told(Lang::Nl, changes(), here);
        told.iter().map(|t| t.class).collect::<Vec<_>>()
    };
    assert_eq!(classes(true), ["past", "lit"]);
    assert_eq!(classes(false), ["past", "past"]);
}

#[test]
fn a_page_names_nobody() {
    let page = visit(
        Lang::Nl,
        None,
        vec![change("entered", None, 9, Because::Late)],
    );
    let html = render_visit(&page, 0).unwrap();
    assert!(!html.contains(&page.visit.external_id), "{html}");
    assert!(!html.contains(&page.visit.customer.to_string()), "{html}");
}
