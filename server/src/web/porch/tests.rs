use super::*;
use crate::web::{
    fixtures::{NOW_MS, error, login, texts},
    i18n::Lang,
};

#[test]
fn the_greeting_follows_the_shops_clock() {
    let at = |hours: u64| render_login(&login(Lang::Nl, None), NOW_MS + hours * 3_600_000).unwrap();
    assert!(at(0).contains("Goedemiddag, kom binnen"));
    assert!(at(5).contains("Goedenavond"));
    assert!(at(18).contains("Goedemorgen"));
}

#[test]
fn a_refusal_says_what_to_do_and_keeps_the_name_but_never_the_password() {
    let wrong = Some(LoginRefusal::Wrong { tries_left: 3 });
    let html = render_login(&login(Lang::En, wrong), NOW_MS).unwrap();
    assert!(
        html.contains("after 3 more tries we wait a little"),
        "{html}"
    );
    assert!(
        html.contains("value=\"sanne\"") && html.contains("role=\"alert\""),
        "{html}"
    );
    let field = html
        .split("id=\"password\"")
        .nth(1)
        .unwrap()
        .split('>')
        .next()
        .unwrap();
    assert!(!field.contains("value="), "{field}");
    let wait = Some(LoginRefusal::Wait { wait_s: 60 });
    let html = render_login(&login(Lang::Nl, wait), NOW_MS).unwrap();
    assert!(html.contains("Over 1:00 kan het weer."), "{html}");
}

#[test]
fn a_first_visit_is_not_told_off() {
    let html = render_login(&login(Lang::Nl, None), NOW_MS).unwrap();
    assert!(
        !html.contains("role=\"alert\"") && !html.contains("aria-invalid"),
        "{html}"
    );
}

#[test]
fn every_status_has_words_of_its_kind() {
    let texts = texts(Lang::Nl);
    let title = |status| ErrorPage::words(&texts, status).0;
    assert_eq!(title(404), "Deze pagina is er niet (meer)");
    assert_eq!(title(418), title(400));
    assert_eq!(title(500), title(599));
    assert_ne!(title(503), title(500));
}

#[test]
fn whoever_helps_finds_kind_time_and_id() {
    let html = render_error(&error(Lang::Nl, 404), NOW_MS).unwrap();
    for fact in [
        ">404<",
        "visit-not-found",
        "14:09 · 0192f7",
        "href=\"/staff/kade-9\"",
    ] {
        assert!(html.contains(fact), "{fact}: {html}");
    }
}
