//! What a heading says, and what a page never shows.

use super::*;
use crate::{
    figures::{Tally, cell::classes},
    web::{fixtures, i18n::Lang},
};

#[test]
fn a_share_is_said_as_people_say_it() {
    for (percent, expected) in [
        (5, Spoken::Fewer),
        (9, Spoken::About(10)),
        (10, Spoken::About(10)),
        (24, Spoken::About(4)),
        (28, Spoken::Over(4)),
        (31, Spoken::Nearly(3)),
        (33, Spoken::About(3)),
        (36, Spoken::Over(3)),
        (47, Spoken::Nearly(2)),
        (51, Spoken::About(2)),
        (70, Spoken::MoreThanHalf),
    ] {
        assert_eq!(spoken(percent), expected, "{percent}");
    }
}

#[test]
fn a_heading_says_nothing_that_hidden_classes_could_undo() {
    assert_eq!(often_key(&classes([300, 50, 20, 30])), "figures-often-once");
    assert_eq!(
        often_key(&classes([100, 80, 40, 30])),
        "figures-often-again"
    );
    assert_eq!(often_key(&classes([60, 45, 5, 5])), "figures-often");
    assert_eq!(often_key(&classes([300, 50, 20, 4])), "figures-often-once");
    assert_eq!(often_key(&classes([300, 4, 4, 4])), "figures-often");
    assert_eq!(often_key(&classes([4, 4, 4, 4])), "figures-often");
}

/// All that stands between tags.
fn texts_of(html: &str) -> Vec<&str> {
    let (_, main) = html.split_once("<main").unwrap();
    main.split('<')
        .skip(1)
        .filter_map(|tag| Some(tag.split_once('>')?.1.trim()))
        .filter(|text| !text.is_empty())
        .collect()
}

#[test]
fn no_table_of_a_page_has_a_number_of_people_that_is_exact_or_under_ten() {
    for (name, html) in fixtures::all_pages(Lang::En).unwrap() {
        if !name.starts_with("figures") {
            continue;
        }
        // Waiting is about our service and carries nobody: exact.
        let visits = match html.split_once("id=\"waits\"") {
            Some((_, after)) => after.split_once("</section>").unwrap().1,
            None => &html,
        };
        let cells = visits.split("<td class=\"num\">").skip(1);
        for cell in cells.filter_map(|cell| cell.split('<').next()) {
            let plain = cell.replace(',', "");
            if let Ok(number) = plain.parse::<u64>() {
                assert!(number >= 10 && number % 5 == 0, "{name}: {cell}");
            }
        }
    }
}

#[test]
fn a_store_with_little_to_tell_states_no_findings() {
    let pages = fixtures::all_pages(Lang::En).unwrap();
    let html = |name: &str| &pages.iter().find(|(n, _)| *n == name).unwrap().1;
    assert!(texts_of(html("figures")).contains(&"Nearly one in three comes back"));
    let young = texts_of(html("figures-young"));
    assert!(young.contains(&"Visits by week"), "{young:?}");
    assert!(
        !young
            .iter()
            .any(|text| text.ends_with("back") && text.contains("one in"))
    );
    let empty = texts_of(html("figures-empty"));
    assert!(empty.contains(&"Not enough data yet"));
    assert!(!html("figures-empty").contains("<figure"));
}

#[test]
fn waiting_stands_above_visits_with_what_it_comes_to_in_words_and_in_a_table() {
    let page = fixtures::figures(Lang::En);
    let html = render_figures(&page).unwrap();
    let at = |what: &str| html.find(what).unwrap_or_else(|| panic!("{what}: {html}"));
    assert!(at("id=\"waits\"") < at("id=\"f-visits\""));
    let all = &page.waits.all;
    let half = minutes(all.wait_ms_p50.unwrap() / 1_000);
    for told in [
        format!("<dt>served</dt><dd>{}</dd>", all.served),
        format!("<dt>half wait less</dt><dd>{half}</dd>"),
        format!(
            "<dt>left without help</dt><dd>{}</dd>",
            all.departed_unserved
        ),
    ] {
        at(&told);
    }
    let saturday = page.waits.by_weekday.iter().find(|(day, _)| *day == 6);
    let served = saturday.unwrap().1.served;
    at(&format!(
        "<th scope=\"row\">Saturday</th><td class=\"num\">{served}</td>"
    ));
    at("out of 5 on average");
}

#[test]
fn where_it_takes_longest_is_said_only_if_one_hour_does() {
    let hour = |hour: u8, wait_s: u64| Wait {
        day: "2026-11-21".to_owned(),
        hour,
        weekday: 6,
        kinds: Vec::new(),
        wait_ms: Some(wait_s * 1_000),
        take_ms: None,
        served: true,
        rating: None,
    };
    let heading = |rows: &[Wait]| {
        let page = FiguresPage {
            waits: wait_figures(rows),
            ..fixtures::figures(Lang::En)
        };
        let html = render_figures(&page).unwrap();
        let (_, after) = html.split_once("id=\"f-wait-hours\">").unwrap();
        after.split('<').next().unwrap().to_owned()
    };
    assert_eq!(heading(&[hour(9, 60)]), "Waiting by hour");
    assert_eq!(heading(&[hour(9, 60), hour(10, 60)]), "Waiting by hour");
    let one = heading(&[hour(9, 60), hour(10, 90)]);
    assert_eq!(one, "It takes longest between 10:00 and 11:00");
}

#[test]
fn a_drawing_leaves_a_hole_where_nothing_is_told() {
    let told = |people| Cell::of(Tally::of_people(people)).shown();
    let points = [12, 3, 40].map(|people| Point {
        label: String::new(),
        whole: told(people),
        part: None,
    });
    let names = LineNames {
        whole: "visits".to_owned(),
        part: "back".to_owned(),
        part_short: "back".to_owned(),
    };
    let plot = plots::lines("f", &points, &names).unwrap();
    for drawing in [plot.wide.0, plot.narrow.0] {
        assert_eq!(drawing.matches("class=\"hole\"").count(), 1, "{drawing}");
        assert_eq!(drawing.matches("<polyline").count(), 0, "{drawing}");
    }
}
