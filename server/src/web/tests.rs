//! What holds for every page in every state and language.

use std::collections::BTreeSet;

use super::{assets, fixtures::all_pages, i18n::Lang};

fn pages() -> Vec<(String, String)> {
    let mut pages = Vec::new();
    for lang in [Lang::Nl, Lang::En] {
        for (name, html) in all_pages(lang).unwrap() {
            pages.push((format!("{}/{name}", lang.code()), html));
        }
    }
    pages
}

/// The values of an attribute, in order.
fn values<'a>(html: &'a str, attribute: &str) -> Vec<&'a str> {
    let start = format!(" {attribute}=\"");
    html.split(&start)
        .skip(1)
        .filter_map(|after| after.split('"').next())
        .collect()
}

#[test]
fn an_id_stands_once_and_what_refers_to_it_finds_it() {
    for (page, html) in pages() {
        let ids = values(&html, "id");
        let known: BTreeSet<_> = ids.iter().copied().collect();
        assert_eq!(ids.len(), known.len(), "{page}: {ids:?}");
        for attribute in ["aria-labelledby", "aria-describedby", "for"] {
            for id in values(&html, attribute)
                .into_iter()
                .flat_map(str::split_whitespace)
            {
                assert!(known.contains(id), "{page}: {attribute}={id}");
            }
        }
        for href in values(&html, "href") {
            if let Some(id) = href.strip_prefix('#') {
                assert!(known.contains(id), "{page}: {href}");
            }
        }
    }
}

#[test]
fn every_tag_that_opens_closes() {
    for (page, html) in pages() {
        for tag in [
            "html", "head", "body", "main", "header", "section", "article", "form", "div", "p",
            "dl", "ul", "ol", "li", "button", "span", "svg", "details", "fieldset", "h1", "h2",
            "h3", "label", "table", "thead", "tbody", "tr", "th", "td", "dt", "dd", "b", "small",
            "summary", "template", "nav",
        ] {
            let opened = html.matches(&format!("<{tag}>")).count()
                + html.matches(&format!("<{tag} ")).count();
            let closed = html.matches(&format!("</{tag}>")).count();
            assert_eq!(opened, closed, "{page}: <{tag}>");
        }
        assert_eq!(
            html.matches("<h1").count(),
            1,
            "{page}: one heading of the first rank"
        );
    }
}

#[test]
fn every_word_is_there_and_every_blank_is_filled() {
    for (page, html) in pages() {
        assert!(!html.contains("{$"), "{page}");
        // Blanks for the scripts stand in `data-words` alone.
        let (_, after) = html.split_once("<body").unwrap();
        let text = after.split_once('>').unwrap().1;
        // A message is written with its gaps in it.
        let written = page.contains("/campaign");
        assert!(
            written || !text.contains('{'),
            "{page}: a blank that nobody fills"
        );
        for prefix in [
            "board",
            "act",
            "state",
            "orders",
            "why",
            "consent",
            "notice",
            "error",
            "fleet",
            "todo",
            "gateway",
            "beacon",
            "col",
            "heard",
            "place",
            "battery",
            "map",
            "legend",
            "zone",
            "zones",
            "anchor",
            "anchors",
            "visits",
            "tale",
            "because",
            "walk",
            "campaign",
            "campaigns",
            "reason",
            "about",
            "uplift",
            "replay",
            "when",
            "unit",
            "figures",
            "effect",
            "kept",
            "erase",
            "gone",
            "integrations",
            "trial",
            "test-order",
        ] {
            assert!(
                !text.contains(&format!(">{prefix}-")),
                "{page}: a key instead of a word"
            );
        }
    }
}

#[test]
fn nothing_on_a_page_needs_more_than_our_own_files() {
    for (page, html) in pages() {
        // What is to be copied into a shop is shown, not loaded.
        let html = html.replace(" readonly value=\"https://welkom.kade9.nl", "");
        // What is to be typed on a gateway, too.
        let html = html.replace("https://welkom.kade9.nl:8443", "");
        assert_eq!(
            html.matches("<script").count(),
            html.matches("<script type=\"module\" src=\"/assets/")
                .count()
        );
        for forbidden in [
            " onclick=",
            " onload=",
            "javascript:",
            "<style",
            "https://",
            "src=\"//",
        ] {
            assert!(!html.contains(forbidden), "{page}: {forbidden}");
        }
        for style in values(&html, "style") {
            assert!(style.starts_with("--part:"), "{page}: {style}");
        }
        let addresses = values(&html, "href")
            .into_iter()
            .chain(values(&html, "src"));
        for path in addresses.filter_map(|address| address.strip_prefix("/assets/")) {
            assert!(assets::serve(path).is_some(), "{page}: {path}");
        }
    }
}

#[test]
fn every_form_posts_with_the_token() {
    for (page, html) in pages() {
        for form in html.split("<form").skip(1) {
            let form = form.split("</form>").next().unwrap();
            // A search changes nothing.
            if form.contains("role=\"search\"") {
                assert!(form.contains("method=\"get\""), "{page}: {form}");
                continue;
            }
            assert!(form.contains("method=\"post\""), "{page}: {form}");
            // Who has the link has the token: there is no session that another page could use.
            if form.contains("action=\"/ophalen/wo_") {
                continue;
            }
            assert!(
                form.contains("name=\"csrf\" value=\"token-of-this-session\""),
                "{page}: {form}"
            );
            assert!(form.contains("type=\"submit\""), "{page}: {form}");
        }
    }
}

#[test]
fn both_languages_have_the_same_skeleton() {
    let skeleton = |html: &str| -> Vec<String> {
        html.split('<')
            .skip(1)
            .filter_map(|tag| Some(tag.split([' ', '>']).next()?.to_owned()))
            .collect()
    };
    for ((name, nl), (_, en)) in all_pages(Lang::Nl)
        .unwrap()
        .iter()
        .zip(all_pages(Lang::En).unwrap())
    {
        assert_eq!(skeleton(nl), skeleton(&en), "{name}");
    }
}

#[test]
fn a_script_finds_each_word_that_it_says_with_its_blanks() {
    let board = super::board::SCRIPT_WORDS.as_slice();
    let phone = super::phone::SCRIPT_WORDS.as_slice();
    let fleet = super::lintel::SCRIPT_WORDS.as_slice();
    let trial = super::trial::SCRIPT_WORDS.as_slice();
    let share = super::collect::SCRIPT_WORDS.as_slice();
    for (script, words) in [
        (include_str!("../../assets/board.js"), board),
        (include_str!("../../assets/cards.js"), board),
        (include_str!("../../assets/taps.js"), board),
        (include_str!("../../assets/scan.js"), board),
        (include_str!("../../assets/shift.js"), board),
        (include_str!("../../assets/phone.js"), phone),
        (include_str!("../../assets/notify.js"), phone),
        (include_str!("../../assets/fleet.js"), fleet),
        (include_str!("../../assets/parts.js"), fleet),
        (include_str!("../../assets/trial.js"), trial),
        (include_str!("../../assets/share.js"), share),
    ] {
        for after in script.split("text(\"").skip(1) {
            let key = after.split('"').next().unwrap();
            assert!(words.contains(&key), "{key}");
        }
    }
    for (page, html) in pages() {
        // What a trial and a link to share say has no blank.
        let said = values(&html, "data-words");
        let blank = !["/trial", "/share"].iter().any(|of| page.contains(of));
        if let Some(words) = said.first().filter(|_| blank) {
            assert!(words.contains("{time}"), "{page}: {words}");
        }
    }
}
