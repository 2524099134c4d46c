//! Words, numbers and times in both languages; no key without a word, no word without a reader.

use std::collections::BTreeSet;

use super::*;

const SUNDAY_1409_MS: u64 = 1_795_352_940_000; // 2026-11-22 14:09 in Amsterdam

fn texts(lang: Lang) -> Texts {
    Texts::new(lang, TimeZone::get("Europe/Amsterdam").unwrap())
}

fn keys(sources: &[&str]) -> BTreeSet<String> {
    let mut keys = BTreeSet::new();
    for source in sources {
        let parsed = FluentResource::try_new((*source).to_owned());
        assert!(
            parsed.is_ok(),
            "{:?}",
            parsed.err().map(|(_, errors)| errors)
        );
        for line in source.lines() {
            if let Some((key, _)) = line.split_once(" =")
                && key.starts_with(|c: char| c.is_ascii_lowercase())
            {
                assert!(keys.insert(key.to_owned()), "{key} stands twice");
            }
        }
    }
    keys
}

/// Keys between quotes after `get(`, `with(` and its like, or `count(`, and the words that go to
/// the scripts.
fn keys_used() -> BTreeSet<String> {
    let sources = [
        include_str!("../../../templates/base.html"),
        include_str!("../../../templates/board.html"),
        include_str!("../../../templates/card.html"),
        include_str!("../../../templates/strip.html"),
        include_str!("../../../templates/phone.html"),
        include_str!("../../../templates/orders.html"),
        include_str!("../../../templates/message.html"),
        include_str!("../../../templates/till.html"),
        include_str!("../../../templates/list.html"),
        include_str!("../../../templates/search.html"),
        include_str!("../../../templates/stamps.html"),
        include_str!("../../../templates/fleet.html"),
        include_str!("../../../templates/devices.html"),
        include_str!("../../../templates/gateways.html"),
        include_str!("../../../templates/gateway.html"),
        include_str!("../../../templates/gateway-live.html"),
        include_str!("../../../templates/manage-lintel.html"),
        include_str!("../../../templates/map.html"),
        include_str!("../../../templates/floor.html"),
        include_str!("../../../templates/visit.html"),
        include_str!("../../../templates/walk.html"),
        include_str!("../../../templates/walking.html"),
        include_str!("../../../templates/campaigns.html"),
        include_str!("../../../templates/campaign.html"),
        include_str!("../../../templates/figures.html"),
        include_str!("../../../templates/figure.html"),
        include_str!("../../../templates/kept.html"),
        include_str!("../../../templates/erase.html"),
        include_str!("../../../templates/gone.html"),
        include_str!("../../../templates/integrations.html"),
        include_str!("../../../templates/trial.html"),
        include_str!("../../../templates/share.html"),
        include_str!("../../../templates/collect.html"),
        include_str!("../../../templates/doorway.html"),
        include_str!("../../../templates/poster.html"),
        include_str!("../../../templates/login.html"),
        include_str!("../../../templates/error.html"),
        include_str!("../board.rs"),
        include_str!("../board/card.rs"),
        include_str!("../board/view.rs"),
        include_str!("../phone.rs"),
        include_str!("../phone/stamps.rs"),
        include_str!("../phone/walk.rs"),
        include_str!("../fleet.rs"),
        include_str!("../fleet/desk.rs"),
        include_str!("../fleet/words.rs"),
        include_str!("../gateways.rs"),
        include_str!("../manager/gateways.rs"),
        include_str!("../manager/gateways/told.rs"),
        include_str!("../map.rs"),
        include_str!("../visit.rs"),
        include_str!("../walk.rs"),
        include_str!("../manager/walk.rs"),
        include_str!("../campaigns.rs"),
        include_str!("../campaigns/effect.rs"),
        include_str!("../figures.rs"),
        include_str!("../figures/waits.rs"),
        include_str!("../manager/campaigns.rs"),
        include_str!("../manager/campaigns/form.rs"),
        include_str!("../manager/campaigns/form/fields.rs"),
        include_str!("../manager/campaigns/list.rs"),
        include_str!("../manager/campaigns/reach.rs"),
        include_str!("../manager/campaigns/trial.rs"),
        include_str!("../porch.rs"),
        include_str!("../messages.rs"),
        include_str!("../staff/phones.rs"),
        include_str!("../shopper/help.rs"),
        include_str!("../shopper.rs"),
        include_str!("../shopper/kept.rs"),
        include_str!("../shopper/kept/words.rs"),
        include_str!("../integrations.rs"),
        include_str!("../manager/integrations.rs"),
        include_str!("../manager/integrations/words.rs"),
        include_str!("../views.rs"),
        include_str!("../i18n.rs")
            .split("#[cfg(test)]")
            .next()
            .unwrap(),
    ];
    let mut used = BTreeSet::new();
    for source in sources {
        for call in ["get(", "with(", "with2(", "with_all(", "count("] {
            for after in source.split(call).skip(1) {
                if let Some(key) = after.trim_start().strip_prefix('"') {
                    used.insert(key.split('"').next().unwrap().to_owned());
                }
            }
        }
    }
    used.extend(crate::web::board::SCRIPT_WORDS.map(str::to_owned));
    used.extend(crate::web::phone::SCRIPT_WORDS.map(str::to_owned));
    used.extend(crate::web::trial::SCRIPT_WORDS.map(str::to_owned));
    used.extend(crate::web::collect::SCRIPT_WORDS.map(str::to_owned));
    used.extend(crate::web::lintel::SCRIPT_WORDS.map(str::to_owned));
    // Said by the words of the engine and of lists.
    let known = keys(&SOURCES_NL);
    let listed = [
        "reason-",
        "about-",
        "place-zone",
        "place-store",
        "when-",
        "message-from-",
        "why-rule-",
        "stamps-per-",
        "figures-again",
        "figures-back-",
        "figures-col-",
        "figures-often",
        "figures-sum-",
        "waits-col-",
        "waits-sum-",
        "trial-",
        "test-order-",
        "kept-",
        "integrations-",
    ];
    let said = known
        .iter()
        .filter(|key| listed.iter().any(|list| key.starts_with(list)));
    used.extend(said.cloned());
    used.extend((1..=7).map(|n| format!("day-{n}")));
    used.extend((1..=12).map(|n| format!("month-{n}")));
    used
}

#[test]
fn both_languages_have_the_same_keys() {
    assert_eq!(keys(&SOURCES_NL), keys(&SOURCES_EN));
}

#[test]
fn every_key_used_exists_and_every_key_is_used() {
    let known = keys(&SOURCES_NL);
    let used = keys_used();
    let missing: Vec<_> = used.difference(&known).collect();
    let idle: Vec<_> = known.difference(&used).collect();
    assert!(missing.is_empty(), "not in the files: {missing:?}");
    assert!(idle.is_empty(), "nobody says: {idle:?}");
}

#[test]
fn dutch_unless_english_is_asked_for_more() {
    assert_eq!(Lang::negotiate(None), Lang::Nl);
    assert_eq!(Lang::negotiate(Some("de-DE, fr;q=0.9")), Lang::Nl);
    assert_eq!(Lang::negotiate(Some("en-GB,en;q=0.9,nl;q=0.8")), Lang::En);
    assert_eq!(Lang::negotiate(Some("en;q=0.5, nl-BE")), Lang::Nl);
    assert_eq!(Lang::negotiate(Some("de, en;q=0.2")), Lang::En);
    assert_eq!(Lang::negotiate(Some("en;q=0")), Lang::Nl);
    assert_eq!(Lang::negotiate(Some(";;,q=,\u{0}")), Lang::Nl);
}

#[test]
fn times_are_the_stores_and_waits_are_minutes() {
    let nl = texts(Lang::Nl);
    assert_eq!(nl.clock(SUNDAY_1409_MS), "14:09");
    assert_eq!(minutes(144), "2:24");
    assert_eq!(minutes(0), "0:00");
    assert_eq!(minutes(3_601), "60:01");
}

#[test]
fn a_moment_is_named_as_people_do() {
    let (nl, en) = (texts(Lang::Nl), texts(Lang::En));
    let now = SUNDAY_1409_MS;
    let hours = |n: u64| now - n * 3_600_000;
    assert_eq!(nl.moment(hours(1), now), "Vandaag 13:09");
    assert_eq!(en.moment(hours(24), now), "Yesterday 14:09");
    assert_eq!(nl.moment(hours(72), now), "Donderdag 14:09");
    assert_eq!(en.moment(hours(24 * 10), now), "12 November 14:09");
    assert_eq!(nl.moment(u64::MAX, now), "1 januari 01:00");
}

#[test]
fn a_moment_within_a_sentence_keeps_the_capitals_that_are_names() {
    let (nl, en) = (texts(Lang::Nl), texts(Lang::En));
    let now = SUNDAY_1409_MS;
    let hours = |n: u64| now - n * 3_600_000;
    assert_eq!(nl.since(hours(1), now), "13:09");
    assert_eq!(nl.since(hours(24), now), "gisteren 14:09");
    assert_eq!(nl.since(hours(72), now), "donderdag 14:09");
    assert_eq!(en.since(hours(24), now), "yesterday 14:09");
    assert_eq!(en.since(hours(72), now), "Thursday 14:09");
    assert_eq!(en.since(hours(24 * 10), now), "12 November 14:09");
    assert_eq!(en.moment_within(hours(1), now), "today 13:09");
    assert_eq!(
        (nl.whole(1_240), en.whole(1_240)),
        ("1.240".into(), "1,240".into())
    );
}

#[test]
fn prices_follow_the_language() {
    let price = |minor, currency: &str| Money {
        minor,
        currency: currency.to_owned(),
    };
    assert_eq!(
        texts(Lang::Nl).money(&price(12_900, "EUR")),
        "€\u{a0}129,00"
    );
    assert_eq!(texts(Lang::En).money(&price(12_900, "EUR")), "€129.00");
    assert_eq!(
        texts(Lang::Nl).money(&price(123_456_705, "EUR")),
        "€\u{a0}1.234.567,05"
    );
    assert_eq!(texts(Lang::En).money(&price(-5, "SEK")), "SEK\u{a0}-0.05");
    // Yen have no cents, dinars have a thousand fils (ISO 4217).
    assert_eq!(
        texts(Lang::En).money(&price(12_900, "JPY")),
        "JPY\u{a0}12,900"
    );
    assert_eq!(
        texts(Lang::Nl).money(&price(1_005, "KWD")),
        "KWD\u{a0}1,005"
    );
}

#[test]
fn one_and_many_are_said_apart() {
    let nl = texts(Lang::Nl);
    assert_eq!(nl.count("items", 1_u32), "1 stuk");
    assert_eq!(nl.count("items", 3_u32), "3 stuks");
    assert_eq!(texts(Lang::En).count("items", 1_u32), "1 item");
}

#[test]
fn a_share_that_is_none_is_no_panic() {
    assert_eq!(percent(0.944), 94);
    assert_eq!(percent(f32::NAN), 0);
    assert_eq!(percent(7.0), 100);
    assert_eq!(percent(-1.0), 0);
}
