use super::*;
use crate::web::{
    fixtures::{NOW_MS, floor, lintel, map},
    i18n::Lang,
};

fn html(floor: &FloorView) -> String {
    render_floor(&lintel(Lang::Nl), floor, NOW_MS).unwrap()
}

/// What follows an attribute up to the end of a row or a group.
fn part<'a>(html: &'a str, start: &str, end: &str) -> &'a str {
    let (_, after) = html
        .split_once(start)
        .unwrap_or_else(|| panic!("{start}: {html}"));
    after.split(end).next().unwrap()
}

#[test]
fn a_zone_says_how_many_and_how_sure_in_the_drawing_and_in_the_table() {
    let html = html(&floor(Lang::Nl, true));
    let drawn = part(&html, "data-zone=\"lampen\">", "</g>");
    let row = part(&html, "<tr data-key=\"lampen\"", "</tr>");
    for words in ["Lampen", "5 mensen", "4 zeker"] {
        assert!(
            drawn.contains(words) && row.contains(words),
            "{words}: {html}"
        );
    }
    assert!(part(&html, "<tr data-key=\"entree\"", "</tr>").contains("niemand"));
    assert!(html.contains("<dt>mensen binnen</dt><dd>9</dd>"), "{html}");
    assert!(
        html.contains("<dt>van hen weten we waar</dt><dd>77%</dd>"),
        "{html}"
    );
}

#[test]
fn the_fullest_zone_is_the_brightest_and_three_people_are_no_crowd() {
    let mut view = floor(Lang::Nl, true);
    let lit = html(&view);
    assert!(lit.contains("class=\"zone bright\" style=\"--part:1.00\" data-zone=\"lampen\""));
    assert!(lit.contains("class=\"zone\" style=\"--part:0.32\" data-zone=\"schoenen\""));
    assert!(lit.contains("style=\"--part:0.00\" data-zone=\"entree\""));
    for zone in &mut view.zones {
        zone.people /= 5.0;
    }
    assert!(html(&view).contains("style=\"--part:0.32\" data-zone=\"lampen\""));
}

#[test]
fn a_zone_with_light_in_it_is_never_said_to_be_empty() {
    let mut view = floor(Lang::Nl, true);
    view.zones[1].people = 0.45;
    view.zones[2].people = 1.0;
    let html = html(&view);
    assert!(html.contains("style=\"--part:0.16\" data-zone=\"entree\""));
    let row = part(&html, "<tr data-key=\"entree\"", "</tr>");
    assert!(row.contains("misschien iemand"), "{row}");
}

#[test]
fn an_anchor_that_takes_no_part_says_so_with_a_word_and_a_shape() {
    let html = html(&floor(Lang::Nl, true));
    let desk = part(&html, "<title>desk", "</g></g>");
    for shape in ["gateway-off", "class=\"cross\"", ">desk: stil</text>"] {
        assert!(desk.contains(shape), "{shape}: {desk}");
    }
    // In a hand there is no room for its name.
    let on_phone = part(desk, "label on-phone", "</g>");
    assert!(on_phone.contains(">stil</text>"), "{desk}");
    let door = part(&html, "<title>door", "</g></g>");
    assert!(
        !door.contains("cross") && door.contains(">0</text>") && !door.contains("on-phone"),
        "{door}"
    );
    let row = part(&html, "data-anchor=\"desk\"", "</tr>");
    assert!(
        row.contains("chip brick") && row.contains("<svg") && row.contains("stil"),
        "{row}"
    );
    let row = part(&html, "data-anchor=\"door\"", "</tr>");
    assert!(row.contains("4 min geleden"), "{row}");
    assert!(part(&html, "data-anchor=\"shelf-1\"", "</tr>").contains("20 s geleden"));
    assert!(part(&html, "data-anchor=\"shelf-2\"", "</tr>").contains("niemand"));
}

#[test]
fn without_a_plan_every_zone_is_still_drawn_and_the_legend_says_why() {
    let planned = html(&floor(Lang::Nl, true));
    assert!(planned.contains("class=\"wall\"") && planned.contains("class=\"gap\""));
    let rows = html(&floor(Lang::Nl, false));
    assert_eq!(rows.matches("<g class=\"zone").count(), 5, "{rows}");
    assert!(!rows.contains("class=\"wall\"") && rows.contains("nog geen plattegrond"));
}

#[test]
fn with_nobody_in_nothing_is_said_of_how_sure_it_is() {
    let empty = FloorView {
        present: 0,
        unknown: 0,
        visits: Vec::new(),
        ..floor(Lang::Nl, true)
    };
    let html = html(&empty);
    assert!(!html.contains("van hen weten we waar"), "{html}");
    assert!(html.contains("Vandaag was er nog niemand"), "{html}");
}

#[test]
fn a_visit_leads_to_its_page_and_names_nobody() {
    let page = map(Lang::En, floor(Lang::En, true));
    let html = render_map(&page, NOW_MS).unwrap();
    for visit in &page.floor.visits {
        let href = format!("href=\"/manage/kade-9/visits/{}\"", visit.visit);
        assert!(html.contains(&href), "{href}");
    }
    assert!(
        html.contains("in now") && html.contains("no zone sure enough"),
        "{html}"
    );
}

#[test]
fn what_a_zone_is_called_cannot_become_markup() {
    let mut view = floor(Lang::Nl, true);
    view.zones[0].name = "</title><script>alert(1)</script>\" onfocus=\"x".to_owned();
    let html = html(&view);
    assert!(
        !html.contains("<script") && !html.contains("\" onfocus"),
        "{html}"
    );
}
