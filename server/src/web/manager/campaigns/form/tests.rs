//! What a form shows can be read back; each wrong field says so where it stands.

use std::collections::BTreeMap;

use proptest::{collection::btree_set, option, prelude::*};

use super::{super::CampaignBody, *};
use crate::{localtime, store::campaigns::State, web::i18n::Lang};

const MONDAY_MS: u64 = 1_795_388_400_000; // 2026-11-23 00:00 in Amsterdam

fn texts(lang: Lang) -> Texts {
    Texts::new(lang, localtime::zone("Europe/Amsterdam"))
}

fn saved(body: &CampaignBody) -> CampaignRow {
    let id = "019a0000-0000-7000-8000-000000000001".parse().unwrap();
    CampaignRow {
        state: State::Draft,
        published: None,
        newest: body.clone().version(id, 1, "Noor"),
    }
}

/// A new form that says something.
fn filled() -> FormView {
    FormView {
        name: "Lampenavond".into(),
        title_nl: "Lampenavond".into(),
        ..new(&texts(Lang::Nl))
    }
}

fn read_new(form: &FormView) -> Result<CampaignBody, Wrong> {
    read(form, None, None, &texts(Lang::Nl))
}

fn ticked(boxes: &[&str]) -> BTreeMap<String, String> {
    let on = |name: &&str| ((*name).to_owned(), "on".to_owned());
    boxes.iter().map(on).collect()
}

fn when() -> impl Strategy<Value = When> {
    prop_oneof![
        Just(When::Enter),
        Just(When::Exit),
        (1..=DWELL_S_MAX).prop_map(|seconds| When::Dwell { seconds }),
    ]
}

fn trigger() -> impl Strategy<Value = Trigger> {
    let zones = btree_set("[a-z]{1,8}".prop_map(|id| id.parse().unwrap()), 0..3);
    let stores = btree_set("[a-z]{1,8}".prop_map(|id| id.parse().unwrap()), 0..3);
    (when(), zones, stores).prop_map(|(when, zones, stores)| Trigger {
        when,
        zones,
        stores,
    })
}

fn about() -> impl Strategy<Value = About> {
    let intent = prop_oneof![
        Just(IntentKind::Wishlisted),
        Just(IntentKind::Carted),
        Just(IntentKind::Viewed),
        Just(IntentKind::Read),
        Just(IntentKind::Ordered),
    ];
    let rule = (btree_set(intent, 0..4), any::<[bool; 3]>());
    let rule = rule.prop_map(|(intents, [anywhere, cheaper, back_in_stock])| {
        About::Product(ProductRule {
            intents,
            anywhere,
            cheaper,
            back_in_stock,
        })
    });
    prop_oneof![
        3 => rule,
        1 => Just(About::Store),
        1 => any::<u64>().prop_map(|expires_within_ms| About::Reward { expires_within_ms }),
    ]
}

fn audience() -> impl Strategy<Value = Audience> {
    let tiers = btree_set("[a-z]{1,8}", 0..3);
    (tiers, any::<u32>(), any::<Option<u32>>()).prop_map(|(tiers, visit_min, more)| Audience {
        tiers,
        visit_min,
        visit_max: more.map(|more| visit_min.saturating_add(more)),
    })
}

fn schedule() -> impl Strategy<Value = Schedule> {
    let minute = 0_u16..24 * 60;
    let apart = |(from, to): &(u16, u16)| from != to;
    let minutes = option::of((minute.clone(), minute).prop_filter("apart", apart));
    let days = btree_set(1_u8..=7, 0..8);
    let times = (any::<Option<u64>>(), any::<Option<u64>>());
    let forward = |(from_ms, until_ms): &(Option<u64>, Option<u64>)| {
        from_ms
            .zip(*until_ms)
            .is_none_or(|(from_ms, until_ms)| from_ms < until_ms)
    };
    let times = times.prop_filter("forward", forward);
    (times, days, minutes).prop_map(|((from_ms, until_ms), weekdays, minutes)| Schedule {
        from_ms,
        until_ms,
        weekdays,
        minutes,
    })
}

fn content() -> impl Strategy<Value = Content> {
    let words = ("[ a-z\n]{1,20}", "[ a-z\n{}]{0,20}").prop_filter_map("gaps", |(title, body)| {
        Some(Words {
            title: title.parse().ok()?,
            body: body.parse().ok()?,
        })
    });
    let languages = prop_oneof![Just("nl".to_owned()), Just("en".to_owned())];
    proptest::collection::btree_map(languages, words, 1..3).prop_map(Content)
}

fn caps() -> impl Strategy<Value = Caps> {
    any::<[Option<u32>; 5]>().prop_map(
        |[
            per_visit,
            per_person_day,
            per_person_week,
            per_store_day,
            per_day,
        ]| Caps {
            per_visit,
            per_person_day,
            per_person_week,
            per_store_day,
            per_day,
        },
    )
}

/// Any campaign that the API takes.
fn body() -> impl Strategy<Value = CampaignBody> {
    let texts = ("[ a-zA-Z]{1,40}", "[a-z0-9-]{1,32}", content());
    let numbers = (-100_i32..=100, 0_u16..=999, 0_u16..=500);
    let day_ms = 86_400_000_u64;
    let times = (0..=90 * day_ms, RELEVANT_MS, 60_000..=90 * day_ms);
    let rules = (trigger(), about(), audience(), schedule(), caps());
    (texts, numbers, times, rules).prop_map(
        |((name, topic, content), numbers, times, (trigger, about, audience, schedule, caps))| {
            CampaignBody {
                name,
                topic,
                trigger,
                about,
                audience,
                schedule,
                priority: numbers.0,
                confidence_permille: numbers.1,
                caps,
                cool_down_ms: times.0,
                relevant_ms: times.1,
                holdout_permille: numbers.2,
                attribution_ms: times.2,
                content,
            }
        },
    )
}

proptest! {
    #[test]
    fn a_form_that_nobody_touched_is_the_campaign_that_it_shows(
        body in body(),
        lang in prop_oneof![Just(Lang::Nl), Just(Lang::En)],
    ) {
        prop_assert!(body.validate().is_ok());
        let (row, t) = (saved(&body), texts(lang));
        let read = read(&of(&row, &t), Some(&row), None, &t);
        prop_assert_eq!(read, Ok(body));
    }

    #[test]
    fn what_is_typed_in_one_field_changes_nothing_else(body in body()) {
        let (row, t) = (saved(&body), texts(Lang::Nl));
        let form = FormView {
            until_date: "9000-01-01".into(),
            priority: "7".into(),
            ..of(&row, &t)
        };
        let schedule = Schedule { from_ms: None, ..body.schedule.clone() };
        let row = saved(&CampaignBody { schedule, ..body.clone() });
        let form = FormView { from_date: String::new(), ..form };
        let read = read(&form, Some(&row), None, &t).unwrap();
        let expected = CampaignBody {
            priority: 7,
            schedule: Schedule {
                from_ms: None,
                until_ms: read.schedule.until_ms,
                ..body.schedule.clone()
            },
            ..body
        };
        prop_assert_eq!(read, expected);
    }
}

#[test]
fn a_day_is_the_stores_and_the_last_one_is_in_it() {
    let form = FormView {
        from_date: "2026-11-23".into(),
        until_date: "2026-11-23".into(),
        hour_from: "17:30".into(),
        hour_until: "21:00".into(),
        ticked: ticked(&["day-4", "day-7", "store-kade-9"]),
        ..filled()
    };
    let body = read_new(&form).unwrap();
    assert_eq!(
        body.schedule,
        Schedule {
            from_ms: Some(MONDAY_MS),
            until_ms: Some(MONDAY_MS + 86_400_000),
            weekdays: [4, 7].into(),
            minutes: Some((17 * 60 + 30, 21 * 60)),
        }
    );
    assert_eq!(body.trigger.stores, ["kade-9".parse().unwrap()].into());
    let shown = of(&saved(&body), &texts(Lang::Nl));
    assert_eq!(shown.from_date, "2026-11-23");
    assert_eq!(shown.until_date, "2026-11-23");
    assert_eq!((&*shown.hour_from, &*shown.hour_until), ("17:30", "21:00"));
    assert_eq!(shown.ticked, form.ticked);
}

#[test]
fn a_day_of_summer_time_ends_when_its_own_midnight_comes() {
    // Amsterdam has 25 hours on 2026-10-25.
    let form = FormView {
        from_date: "2026-10-25".into(),
        until_date: "2026-10-25".into(),
        ..filled()
    };
    let schedule = read_new(&form).unwrap().schedule;
    let (from, until) = (schedule.from_ms.unwrap(), schedule.until_ms.unwrap());
    assert_eq!(until - from, 25 * 3_600_000);
}

#[test]
fn numbers_are_read_as_people_write_them() {
    let form = FormView {
        visit_until: "1".into(),
        tier: "goud".into(),
        priority: "\u{2212}5".into(),
        cool_down: "0,5".into(),
        relevant: "1.5".into(),
        about: "reward".into(),
        within_days: " 7 ".into(),
        ..filled()
    };
    let body = read_new(&form).unwrap();
    assert_eq!(
        body.audience,
        Audience {
            tiers: ["goud".to_owned()].into(),
            visit_min: 1,
            visit_max: Some(1),
        }
    );
    assert_eq!(body.priority, -5);
    assert_eq!(body.cool_down_ms, 43_200_000);
    assert_eq!(body.relevant_ms, 90_000);
    let expires_within_ms = 7 * 86_400_000;
    assert_eq!(body.about, About::Reward { expires_within_ms });
    let shown = of(&saved(&body), &texts(Lang::Nl));
    assert_eq!((&*shown.cool_down, &*shown.relevant), ("0,5", "1,5"));
    assert_eq!(shown.within_days, "7");
}

#[test]
fn a_reward_becomes_something_else_when_that_is_chosen() {
    let reward = FormView {
        about: "reward".into(),
        ..filled()
    };
    let row = saved(&read_new(&reward).unwrap());
    let form = FormView {
        about: "store".into(),
        ..of(&row, &texts(Lang::Nl))
    };
    let body = read(&form, Some(&row), None, &texts(Lang::Nl)).unwrap();
    assert_eq!(body.about, About::Store);
}

#[test]
fn where_a_product_stands_changes_without_what_she_did_with_it() {
    let mut body = read_new(&filled()).unwrap();
    let intents = BTreeSet::from([IntentKind::Wishlisted, IntentKind::Carted]);
    let rule = ProductRule {
        intents,
        ..ProductRule::default()
    };
    body.about = About::Product(rule.clone());
    let row = saved(&body);
    let form = FormView {
        place: "store".into(),
        ..of(&row, &texts(Lang::Nl))
    };
    let body = read(&form, Some(&row), None, &texts(Lang::Nl)).unwrap();
    let anywhere = ProductRule {
        anywhere: true,
        ..rule
    };
    assert_eq!(body.about, About::Product(anywhere));
}

#[test]
fn several_tiers_stay_while_the_first_is_shown_and_go_when_another_is_chosen() {
    let mut body = read_new(&filled()).unwrap();
    body.audience.tiers = ["goud".to_owned(), "vriend".to_owned()].into();
    let (row, t) = (saved(&body), texts(Lang::Nl));
    let shown = of(&row, &t);
    assert_eq!(shown.tier, "goud");
    let everybody = FormView {
        tier: String::new(),
        ..shown.clone()
    };
    let read = |form| read(form, Some(&row), None, &t).unwrap().audience.tiers;
    assert_eq!(read(&shown).len(), 2);
    assert!(read(&everybody).is_empty());
}

#[test]
fn a_managers_message_is_for_her_own_store_whatever_is_ticked() {
    let form = FormView {
        ticked: ticked(&["store-kade-8"]),
        ..filled()
    };
    let own: StoreId = "kade-9".parse().unwrap();
    let body = read(&form, None, Some(&own), &texts(Lang::Nl)).unwrap();
    assert_eq!(body.trigger.stores, [own].into());
}

#[test]
fn each_wrong_field_says_so_where_it_stands() {
    type Type = fn(&mut FormView, &str);
    let cases: &[(&str, Type, &[&str])] = &[
        ("name", |f, t| f.name = t.into(), &["", " "]),
        ("topic", |f, t| f.topic = t.into(), &["", "Lampen avond"]),
        (
            "seconds",
            |f, t| f.seconds = t.into(),
            &["", "0", "3601", "x"],
        ),
        ("confidence", |f, t| f.confidence = t.into(), &["100", "-1"]),
        ("holdout", |f, t| f.holdout = t.into(), &["51"]),
        ("per_visit", |f, t| f.per_visit = t.into(), &["21"]),
        ("per_week", |f, t| f.per_week = t.into(), &["51"]),
        (
            "from_date",
            |f, t| f.from_date = t.into(),
            &["morgen", "2026-02-30", "1960-01-01"],
        ),
        (
            "until_date",
            |f, t| {
                f.from_date = "2026-11-24".into();
                f.until_date = t.into();
            },
            &["2026-11-23", "24-12-2026"],
        ),
        (
            "hour_from",
            |f, t| {
                f.hour_from = t.into();
                f.hour_until = "12:00".into();
            },
            &["", "24:00", "vroeg"],
        ),
        (
            "hour_until",
            |f, t| {
                f.hour_from = "09:00".into();
                f.hour_until = t.into();
            },
            &["", "09:00", "9"],
        ),
        (
            "visit_from",
            |f, t| f.visit_from = t.into(),
            &["0", "10000"],
        ),
        (
            "visit_until",
            |f, t| {
                f.visit_from = "3".into();
                f.visit_until = t.into();
            },
            &["2", "0", "1,5"],
        ),
        ("tier", |f, t| f.tier = t.into(), &["Goud!"]),
        (
            "priority",
            |f, t| f.priority = t.into(),
            &["101", "-101", "hoog"],
        ),
        (
            "cool_down",
            |f, t| f.cool_down = t.into(),
            &["91", "-1", "NaN", "inf"],
        ),
        (
            "relevant",
            |f, t| f.relevant = t.into(),
            &["", "0,1", "61", "x"],
        ),
        (
            "within_days",
            |f, t| {
                f.about = "reward".into();
                f.within_days = t.into();
            },
            &["", "0", "367", "x"],
        ),
        (
            "title_nl",
            |f, t| f.title_nl = t.into(),
            &[
                "",
                "{naam}",
                "{",
                "een kop die veel te lang is, want hij gaat maar door en door en door",
            ],
        ),
        ("title_en", |f, t| f.body_en = t.into(), &["only a text"]),
        (
            "body_en",
            |f, t| {
                f.title_en = "Lamp evening".into();
                f.body_en = t.into();
            },
            &["{name}"],
        ),
    ];
    for (field, change, typed) in cases {
        for text in *typed {
            let mut form = filled();
            change(&mut form, text);
            let wrong = read_new(&form).expect_err(&format!("{field}: {text:?}"));
            let fields: Vec<_> = wrong.iter().map(|(at, _)| *at).collect();
            assert_eq!(fields, [*field], "{text:?}");
            assert!(!wrong[0].1.contains("campaign-"), "{wrong:?}");
        }
    }
}
