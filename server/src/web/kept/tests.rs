use super::*;
use crate::web::{fixtures::kept, i18n::Lang};

#[test]
fn each_group_says_how_many_and_how_long() {
    let html = render_kept(&kept(Lang::Nl)).unwrap();
    for fact in [
        "<span>Wat je online deed</span><span class=\"chip\">112</span>",
        "en hooguit 90 dagen",
        "Schoenen, 19 minuten",
        "18 oktober 2025 15:09",
    ] {
        assert!(html.contains(fact), "{fact}: {html}");
    }
}

#[test]
fn a_long_group_ends_with_how_many_more_are_in_the_copy() {
    let html = render_kept(&kept(Lang::Nl)).unwrap();
    assert_eq!(
        html.matches("Wandellaars Veldzicht").count(),
        ROWS_SHOWN_MAX
    );
    assert!(html.contains("En nog 12: die staan in je kopie."), "{html}");
}

#[test]
fn no_link_erases_anything() {
    let html = render_kept(&kept(Lang::Nl)).unwrap();
    assert!(html.contains("href=\"/ik/gegevens/wissen\""), "{html}");
    assert!(!html.contains("action=\"/ik/gegevens/wissen\""), "{html}");
}

#[test]
fn what_others_wrote_of_her_cannot_become_markup() {
    let nasty = "<img src=x onerror=alert(1)>";
    let mut page = kept(Lang::Nl);
    let row = &mut page.sections[0].groups[0].rows[0];
    (row.what, row.when) = (nasty.to_owned(), nasty.to_owned());
    row.facts = vec![nasty.to_owned()];
    assert!(!render_kept(&page).unwrap().contains("<img"));
}
