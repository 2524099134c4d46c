//! What somebody sees who collects for her, and what he does not.

use super::*;
use crate::web::{
    fixtures::{NOW_MS, collect, share},
    i18n::Lang,
};

fn view() -> CollectView {
    CollectView {
        action: "/ophalen/wo_1/hier".to_owned(),
        given_name: "Eva".to_owned(),
        store_name: "Kade 9".to_owned(),
        open_until_ms: None,
        number: "1042-7731".to_owned(),
        code: Some("550011".to_owned()),
        keep_until_ms: Some(NOW_MS + 86_400_000),
        age_checked: false,
        here_since_ms: None,
        failed: false,
    }
}

fn page(order: Option<CollectView>) -> String {
    render_collect(&collect(Lang::Nl, order), NOW_MS).unwrap()
}

#[test]
fn he_has_code_number_store_and_until_when_and_no_search_engine_does() {
    let html = page(Some(view()));
    for said in [
        "voor Eva",
        "Bestelling 1042-7731",
        "Kade 9",
        ">550011<",
        ">5 5 0 0 1 1<",
        "QR-code met code 550011",
        "tot morgen 14:09",
        "action=\"/ophalen/wo_1/hier\"",
        "content=\"noindex\"",
    ] {
        assert!(html.contains(said), "{said}: {html}");
    }
}

#[test]
fn he_is_told_before_that_he_will_be_asked_how_old_he_is() {
    let html = page(Some(CollectView {
        age_checked: true,
        ..view()
    }));
    assert!(html.contains("identiteitsbewijs") && !page(Some(view())).contains("hoe oud"));
}

#[test]
fn who_was_seen_needs_not_press_again_and_who_was_not_is_told_what_to_do() {
    let seen = page(Some(CollectView {
        here_since_ms: Some(NOW_MS),
        ..view()
    }));
    assert!(
        seen.contains("Gezien om 14:09") && !seen.contains("<form"),
        "{seen}"
    );
    let failed = page(Some(CollectView {
        failed: true,
        ..view()
    }));
    assert!(
        failed.contains("Loop naar de balie") && failed.contains("<form"),
        "{failed}"
    );
}

#[test]
fn a_link_that_is_over_says_nothing_of_anybody() {
    let html = page(None);
    assert!(html.contains("Deze link werkt niet meer"), "{html}");
    assert!(!html.contains("Eva") && !html.contains("1042"), "{html}");
}

#[test]
fn her_page_has_the_whole_link_and_a_way_to_take_it_back() {
    let html = render_share(&share(Lang::Nl)).unwrap();
    assert!(
        html.contains("value=\"https://welkom.kade9.nl/ophalen/wo_"),
        "{html}"
    );
    assert!(
        html.contains("value=\"back\"") && html.contains("readonly"),
        "{html}"
    );
}
