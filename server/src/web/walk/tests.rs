use super::*;
use crate::web::{
    fixtures::{lintel, walk, walk_done, walk_going},
    i18n::Lang,
};

fn html(lang: Lang, view: &WalkView) -> String {
    render_walking(&lintel(lang), view).unwrap()
}

#[test]
fn a_zone_is_a_button_that_says_how_long_and_how_often_and_the_current_one_is_marked() {
    let html = html(Lang::Nl, &walk_going(Lang::Nl));
    let button = |zone: &str| {
        let start = format!("value=\"{zone}\"");
        let (_, after) = html.split_once(&start).unwrap();
        after.split("</button>").next().unwrap().to_owned()
    };
    let entrance = button("entree");
    assert!(entrance.contains("0:34 min, 61 keer gehoord"), "{entrance}");
    assert!(entrance.contains("aria-pressed=\"false\""), "{entrance}");
    let shoes = button("schoenen");
    for mark in ["aria-pressed=\"true\"", "hier sta je", "<svg"] {
        assert!(shoes.contains(mark), "{mark}: {shoes}");
    }
    assert!(button("tassen").contains("nog niet geweest"));
}

#[test]
fn a_phone_that_nobody_hears_is_told_after_ten_seconds() {
    let going = walk_going(Lang::Nl);
    assert!(html(Lang::Nl, &going).contains("We horen deze telefoon niet"));
    let WalkView::Going { mut zones } = going else {
        panic!()
    };
    zones[1].sightings = 1;
    let heard = WalkView::Going { zones };
    assert!(!html(Lang::Nl, &heard).contains("We horen deze telefoon niet"));
}

#[test]
fn zones_that_look_alike_come_with_what_to_do() {
    let html = html(Lang::En, &WalkView::Done(walk_done(Lang::En)));
    for words in [
        "88%",
        "Shoes and Bags cannot be told apart",
        "Merge them, or hang back in the middle of one of them",
        "Bags and Lamps sound alike",
        "Not visited: Entrance",
        "Stood too shortly: Lamps",
        "value=\"use\"",
        "value=\"discard\"",
    ] {
        assert!(html.contains(words), "{words}: {html}");
    }
}

#[test]
fn what_is_worth_nothing_cannot_be_used() {
    let html = html(Lang::Nl, &WalkView::Done(DoneView::default()));
    assert!(!html.contains("value=\"use\""), "{html}");
    assert!(html.contains("value=\"discard\""), "{html}");
    assert!(html.contains("Te kort om iets over te zeggen"), "{html}");
}

#[test]
fn a_good_walk_without_remarks_is_praised_and_a_poor_one_is_not() {
    let done = |right, walked| {
        html(
            Lang::En,
            &WalkView::Done(DoneView {
                right: Some(right),
                walked,
                ..DoneView::default()
            }),
        )
    };
    assert!(done(0.95, 4).contains("All zones sound different enough"));
    let poor = done(0.6, 4);
    assert!(
        poor.contains("Better walk again") && poor.contains("walk-right poor"),
        "{poor}"
    );
}

#[test]
fn the_page_says_what_came_of_a_tap() {
    let page = WalkPage {
        said: Some("<b>nee</b>".to_owned()),
        ..walk(
            Lang::Nl,
            WalkView::Idle {
                used_zones: Some(1),
            },
        )
    };
    let html = render_walk(&page, 0).unwrap();
    assert!(
        html.contains("role=\"alert\"") && html.contains("&#60;b&#62;nee"),
        "{html}"
    );
    assert!(
        html.contains("door 1 zone.") && html.contains("value=\"drop\""),
        "{html}"
    );
}
