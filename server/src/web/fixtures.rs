//! A Sunday in a shop in Utrecht, for the tests and for `examples/pages.rs`.
//!
//! Out: every page in every state that it has, in both languages.

use engine::{
    input::{Area, Consent, IntentKind, OrderState, Place},
    outcome::{Because, HeardAt, Why},
};
use jiff::tz::TimeZone;
use protocol::{CardId, CustomerId, DeliveryId, OrderId, VisitId};

use super::{
    board::{BoardPage, CardState, CardView, CodeAnswer, Salutation, Strip, Viewer, render_board},
    fleet::{BeaconState, BeaconView, Devices, FleetPage, GatewayState, GatewayView, render_fleet},
    i18n::{Lang, Money, Texts},
    map::{AnchorState, AnchorView, FloorView, MapPage, VisitLine, ZoneView, render_map},
    phone::{MessageView, OrderView, PhonePage, PickupView, WhyView, render_phone},
    porch::{ErrorPage, LoginPage, LoginRefusal, render_error, render_login},
    views::RenderError,
    visit::{ChangeRow, Names, VisitPage, VisitRow, ZoneNames, render_visit},
    walk::{DoneView, PairView, StoodView, WalkPage, WalkView, render_walk},
};

/// Sunday 22 November 2026, 14:09 in Utrecht.
pub(crate) const NOW_MS: u64 = 1_795_352_940_000;

const HOUR_MS: u64 = 3_600_000;

pub(crate) fn texts(lang: Lang) -> Texts {
    // UTC where the zone is not known: the tests would show times an hour off.
    Texts::new(
        lang,
        TimeZone::get("Europe/Amsterdam").unwrap_or(TimeZone::UTC),
    )
}

/// Every page, by the name of its file.
pub(crate) fn all_pages(lang: Lang) -> Result<Vec<(&'static str, String)>, RenderError> {
    let wrong = Some(LoginRefusal::Wrong { tries_left: 3 });
    let wait = Some(LoginRefusal::Wait { wait_s: 60 });
    Ok(vec![
        ("board", render_board(&board(lang, cards(lang)), NOW_MS)?),
        (
            "board-empty",
            render_board(&board(lang, Vec::new()), NOW_MS)?,
        ),
        ("board-refused", render_board(&board_refused(lang), NOW_MS)?),
        ("phone", render_phone(&phone(lang), NOW_MS)?),
        ("phone-empty", render_phone(&phone_empty(lang), NOW_MS)?),
        ("phone-busy", render_phone(&phone_busy(lang), NOW_MS)?),
        ("fleet", render_fleet(&fleet(lang, devices(lang)), NOW_MS)?),
        (
            "fleet-well",
            render_fleet(&fleet(lang, well(lang)), NOW_MS)?,
        ),
        (
            "fleet-none",
            render_fleet(&fleet(lang, Devices::default()), NOW_MS)?,
        ),
        ("map", render_map(&map(lang, floor(lang, true)), NOW_MS)?),
        (
            "map-no-plan",
            render_map(&map(lang, floor(lang, false)), NOW_MS)?,
        ),
        (
            "map-none",
            render_map(&map(lang, FloorView::default()), NOW_MS)?,
        ),
        (
            "visit",
            render_visit(&visit(lang, None, changes(false)), NOW_MS)?,
        ),
        (
            "visit-over",
            render_visit(&visit(lang, Some(NOW_MS), changes(true)), NOW_MS)?,
        ),
        (
            "visit-untold",
            render_visit(&visit(lang, None, Vec::new()), NOW_MS)?,
        ),
        (
            "walk",
            render_walk(&walk(lang, WalkView::Idle { used_zones: None }), NOW_MS)?,
        ),
        ("walk-used", render_walk(&walk_refused(lang), NOW_MS)?),
        (
            "walk-going",
            render_walk(&walk(lang, walk_going(lang)), NOW_MS)?,
        ),
        (
            "walk-done",
            render_walk(&walk(lang, WalkView::Done(walk_done(lang))), NOW_MS)?,
        ),
        (
            "walk-short",
            render_walk(&walk(lang, WalkView::Done(DoneView::default())), NOW_MS)?,
        ),
        ("login", render_login(&login(lang, None), NOW_MS)?),
        ("login-wrong", render_login(&login(lang, wrong), NOW_MS)?),
        ("login-wait", render_login(&login(lang, wait), NOW_MS)?),
        ("error-404", render_error(&error(lang, 404), NOW_MS)?),
        ("error-500", render_error(&error(lang, 500), NOW_MS)?),
    ])
}

pub(crate) fn viewer(lang: Lang) -> Viewer {
    Viewer {
        store: "kade-9".parse().expect("a slug"),
        csrf: "token-of-this-session".to_owned(),
        texts: texts(lang),
    }
}

/// Somebody who waits for this long; who differs by `number`.
pub(crate) fn card(number: u8, family_name: &str, waited_s: u64) -> CardView {
    CardView {
        card: CardId::at(NOW_MS, [number; 10]),
        salutation: Some(Salutation::Ms),
        given_name: "Eva".to_owned(),
        family_name: family_name.to_owned(),
        bay: Some(format!("B{number:02}")),
        order_numbers: vec![format!("1042-77{number:02}")],
        item_count: 1,
        state: CardState::Waiting,
        arrived_ms: NOW_MS - waited_s * 1_000,
        whereabouts: vec![("Entree".to_owned(), 0.94)],
        not_here: false,
        check: false,
        code: None,
    }
}

fn cards(lang: Lang) -> Vec<CardView> {
    let zone = |nl: &str, en: &str| pick(lang, nl, en);
    let desk = zone("Afhalen", "Pickup desk");
    let by = |name: &str| CardState::TakenBy {
        name: name.to_owned(),
    };
    let served = CardState::Served {
        waited_s: 78,
        served_ms: NOW_MS - 6_000,
        undo_until_ms: Some(NOW_MS + 24_000),
    };
    let left = CardState::DepartedUnserved {
        waited_s: 250,
        left_ms: NOW_MS - 11 * 60_000,
    };
    vec![
        CardView {
            order_numbers: vec!["1042-7731".to_owned(), "1042-7790".to_owned()],
            item_count: 3,
            whereabouts: vec![(desk.clone(), 0.94)],
            ..card(12, "de Vries", 144)
        },
        CardView {
            salutation: None,
            given_name: "Robin".to_owned(),
            bay: None,
            whereabouts: vec![(zone("Lampen", "Lighting"), 1.0)],
            ..card(2, "Meijer", 72)
        },
        CardView {
            salutation: Some(Salutation::Mr),
            whereabouts: vec![
                (zone("Entree", "Entrance"), 0.71),
                (zone("Schoenen", "Shoes"), 0.22),
            ],
            check: true,
            ..card(4, "el Amrani", 23)
        },
        CardView {
            state: CardState::TakenByMe,
            item_count: 2,
            whereabouts: vec![(zone("Paskamers", "Fitting rooms"), 0.91)],
            ..card(3, "Okafor", 61)
        },
        CardView {
            not_here: true,
            whereabouts: Vec::new(),
            ..card(9, "Jansen", 95)
        },
        CardView {
            salutation: Some(Salutation::Mr),
            state: by("Daan"),
            whereabouts: vec![(desk, 0.88)],
            ..card(5, "Visser", 38)
        },
        CardView {
            state: CardState::Coming { minutes: Some(9) },
            whereabouts: Vec::new(),
            ..card(11, "van den Berg", 0)
        },
        CardView {
            state: served,
            ..card(6, "Peters", 84)
        },
        CardView {
            salutation: Some(Salutation::Mr),
            state: left,
            ..card(7, "Smit", 900)
        },
    ]
}

pub(crate) fn board(lang: Lang, cards: Vec<CardView>) -> BoardPage {
    let empty = cards.is_empty();
    BoardPage {
        viewer: viewer(lang),
        store_name: "Kade 9 Utrecht".to_owned(),
        staff_name: "Sanne".to_owned(),
        other_lang_href: format!("?lang={}", lang.other().code()),
        manages: !empty,
        sign_out: (!empty).then(|| "/staff/kade-9/logout".to_owned()),
        said: None,
        strip: if empty {
            Strip::default()
        } else {
            Strip {
                waiting: 3,
                too_long: 1,
                median_wait_s: Some(58),
                within_limit: Some(0.92),
                handed_over: 48,
            }
        },
        cards,
    }
}

/// What a colleague without scripts sees after a wrong code and after being second.
fn board_refused(lang: Lang) -> BoardPage {
    let mine = |number, code| CardView {
        state: CardState::TakenByMe,
        code: Some(code),
        ..card(number, "Okafor", 61)
    };
    let paused = CodeAnswer::Paused {
        until_ms: NOW_MS + 60_000,
    };
    BoardPage {
        said: Some(texts(lang).with("tap-earlier", "name", "Daan")),
        ..board(
            lang,
            vec![
                mine(3, CodeAnswer::Wrong { tries_left: 4 }),
                mine(4, paused),
            ],
        )
    }
}

pub(crate) fn order(number: u8, state: OrderState) -> OrderView {
    OrderView {
        order: OrderId::at(NOW_MS, [number; 10]),
        number: format!("1042-77{number:02}"),
        state,
        code: (state == OrderState::Ready).then(|| format!("74{number:02}")),
        item_count: 2,
        products: Vec::new(),
        keep_until_ms: Some(NOW_MS + 6 * 24 * HOUR_MS),
    }
}

pub(crate) fn message(number: u8, intent: IntentKind) -> MessageView {
    MessageView {
        delivery: DeliveryId::at(NOW_MS, [number; 10]),
        sent_ms: NOW_MS - 180_000,
        product: "Wandellaars Veldzicht".to_owned(),
        price: Some(Money {
            minor: 12_900,
            currency: "EUR".to_owned(),
        }),
        zone: "Schoenen".to_owned(),
        shelf: Some("rek 4".to_owned()),
        stock: 2,
        why: WhyView {
            intent,
            online_ms: NOW_MS - 3 * 24 * HOUR_MS,
            views: 3,
            zone_ms: NOW_MS - 240_000,
            share: 0.93,
            number_today: 1,
            max_today: 2,
        },
    }
}

pub(crate) fn phone(lang: Lang) -> PhonePage {
    PhonePage {
        texts: texts(lang),
        csrf: "token-of-this-session".to_owned(),
        other_lang_href: format!("?lang={}", lang.other().code()),
        given_name: "Eva".to_owned(),
        store_name: "Kade 9 Utrecht".to_owned(),
        open_until_ms: Some(NOW_MS + 4 * HOUR_MS - 9 * 60_000),
        pickup: PickupView {
            orders: vec![order(44, OrderState::Ready), order(2, OrderState::Placed)],
            here_since_ms: None,
        },
        messages: vec![message(1, IntentKind::Wishlisted)],
        consent: Consent {
            arrival: true,
            messages: true,
            browsing: true,
            statistics: false,
        },
        messages_per_day_max: 2,
        kept: kept(lang),
        said: None,
    }
}

fn phone_empty(lang: Lang) -> PhonePage {
    PhonePage {
        open_until_ms: None,
        pickup: PickupView::default(),
        messages: Vec::new(),
        consent: Consent::default(),
        kept: Vec::new(),
        ..phone(lang)
    }
}

fn phone_busy(lang: Lang) -> PhonePage {
    let lamp = MessageView {
        product: pick(lang, "Hanglamp Maan", "Maan pendant lamp"),
        price: None,
        shelf: None,
        stock: 1,
        ..message(2, IntentKind::Viewed)
    };
    PhonePage {
        pickup: PickupView {
            orders: vec![
                order(44, OrderState::Ready),
                OrderView {
                    products: vec!["Steelpan 18 cm".to_owned(), "Rugzak Duin".to_owned()],
                    ..order(45, OrderState::Ready)
                },
                order(2, OrderState::Delayed),
            ],
            here_since_ms: Some(NOW_MS - 60_000),
        },
        messages: vec![message(1, IntentKind::Carted), lamp],
        said: Some(texts(lang).get("say-here-failed")),
        ..phone(lang)
    }
}

fn kept(lang: Lang) -> Vec<(String, String)> {
    let rows = [
        (
            "Naam en e-mail, voor je bestelling",
            "tot 30 dagen erna",
            "Name and e-mail, for your order",
            "until 30 days after",
        ),
        (
            "Winkelbezoeken",
            "6, een jaar lang",
            "Shop visits",
            "6, for one year",
        ),
        (
            "Waar je precies liep",
            "bewaren we niet",
            "Exactly where you walked",
            "we do not keep",
        ),
    ];
    rows.map(|(what_nl, long_nl, what_en, long_en)| {
        (pick(lang, what_nl, what_en), pick(lang, long_nl, long_en))
    })
    .into()
}

pub(crate) fn fleet(lang: Lang, devices: Devices) -> FleetPage {
    FleetPage {
        store: "kade-9".parse().expect("a slug"),
        store_name: "Kade 9 Utrecht".to_owned(),
        texts: texts(lang),
        csrf: "token-of-this-session".to_owned(),
        staff_name: "Noor".to_owned(),
        other_lang_href: format!("?lang={}", lang.other().code()),
        devices,
    }
}

/// A gateway that hears since so many minutes ago.
pub(crate) fn gateway(name: &str, place: String, ago_min: u64) -> GatewayView {
    GatewayView {
        name: name.to_owned(),
        places: vec![place],
        state: GatewayState::Hears,
        since_ms: Some(NOW_MS - ago_min * 60_000),
        waiting: 0,
    }
}

/// A beacon that does well, with so much left in its cell.
pub(crate) fn beacon(name: &str, place: String, battery_percent: u8, by: &[&str]) -> BeaconView {
    BeaconView {
        name: name.to_owned(),
        place,
        state: BeaconState::Good,
        since_ms: None,
        battery_percent: Some(battery_percent),
        battery_low: false,
        heard_last_ms: Some(NOW_MS - 20_000),
        heard_by: by.iter().map(|name| (*name).to_owned()).collect(),
        moved: None,
    }
}

/// A device in each state.
pub(crate) fn devices(lang: Lang) -> Devices {
    let zone = |nl: &str, en: &str| pick(lang, nl, en);
    let (entrance, kitchen) = (zone("Entree", "Entrance"), zone("Keuken", "Kitchen"));
    let (shoes, coats) = (zone("Schoenen", "Shoes"), zone("Jassen", "Coats"));
    let gateways = vec![
        gateway("g1", entrance.clone(), 212 * 24 * 60),
        GatewayView {
            state: GatewayState::CatchingUp,
            waiting: 1_240,
            ..gateway("g3", zone("Tassen", "Bags"), 6)
        },
        GatewayView {
            state: GatewayState::HearsNothing,
            ..gateway("g4", zone("Lampen", "Lighting"), 26 * 60)
        },
        GatewayView {
            state: GatewayState::Silent,
            ..gateway("g5", kitchen.clone(), 89)
        },
        GatewayView {
            state: GatewayState::NotYetHeard,
            places: Vec::new(),
            since_ms: None,
            ..gateway("g10", String::new(), 0)
        },
    ];
    let silent = |minutes: u64| {
        (
            Some(NOW_MS - minutes * 60_000),
            Some(NOW_MS - minutes * 60_000),
        )
    };
    let ((since_ms, heard_last_ms), (gone_ms, gone_heard_ms)) = (silent(89), silent(31));
    let beacons = vec![
        beacon("b10", zone("Paskamers", "Fitting rooms"), 68, &["g3"]),
        beacon("b1", entrance, 71, &["g1", "g3"]),
        BeaconView {
            state: BeaconState::BatteryLow,
            since_ms: Some(NOW_MS - 3 * 24 * HOUR_MS),
            battery_low: true,
            ..beacon("b7", coats, 6, &["g3"])
        },
        BeaconView {
            state: BeaconState::Moved,
            since_ms: Some(NOW_MS - 27 * HOUR_MS),
            moved: Some((11, "g1".to_owned())),
            ..beacon("b4", shoes.clone(), 64, &["g3", "g1"])
        },
        BeaconView {
            state: BeaconState::CannotBeHeard,
            since_ms,
            heard_last_ms,
            ..beacon("b9", kitchen, 80, &["g5"])
        },
        BeaconView {
            state: BeaconState::NotHeard,
            since_ms: gone_ms,
            heard_last_ms: gone_heard_ms,
            ..beacon("b3", shoes.clone(), 42, &["g1"])
        },
        BeaconView {
            state: BeaconState::NeverHeard,
            battery_percent: None,
            heard_last_ms: None,
            ..beacon("b12", shoes, 0, &[])
        },
    ];
    Devices { gateways, beacons }
}

/// Nothing to do.
fn well(lang: Lang) -> Devices {
    let entrance = pick(lang, "Entree", "Entrance");
    Devices {
        gateways: vec![gateway("g1", entrance.clone(), 41 * 24 * 60)],
        beacons: vec![beacon("b1", entrance, 71, &["g1"])],
    }
}

pub(crate) fn map(lang: Lang, floor: FloorView) -> MapPage {
    MapPage {
        store: "kade-9".parse().expect("a slug"),
        store_name: "Kade 9 Utrecht".to_owned(),
        texts: texts(lang),
        csrf: "token-of-this-session".to_owned(),
        staff_name: "Noor".to_owned(),
        other_lang_href: format!("?lang={}", lang.other().code()),
        floor,
    }
}

/// A floor with people on it; one gateway is silent, one beacon was not heard.
pub(crate) fn floor(lang: Lang, planned: bool) -> FloorView {
    let zone = |(nl, en): (&str, &str), at: [i32; 2], size: [u32; 2], people, said| ZoneView {
        zone: nl.to_lowercase(),
        name: pick(lang, nl, en),
        area: planned.then_some(Area {
            corner: Place {
                x_cm: at[0],
                y_cm: at[1],
            },
            wide_cm: size[0],
            deep_cm: size[1],
            door: nl == "Entree",
        }),
        people,
        said,
    };
    let zones = vec![
        zone(("Afhalen", "Pickup"), [1_600, 900], [800, 500], 0.9, 1),
        zone(("Entree", "Entrance"), [800, 0], [800, 500], 0.2, 0),
        zone(("Lampen", "Lamps"), [800, 500], [800, 900], 5.1, 4),
        zone(("Schoenen", "Shoes"), [0, 0], [800, 1_400], 2.3, 2),
        zone(("Tassen", "Bags"), [1_600, 0], [800, 900], 0.5, 0),
    ];
    let anchor = |name: &str, zone, at: [i32; 2], state, heard_ms, radios| AnchorView {
        name: name.to_owned(),
        zone,
        place: planned.then_some(Place {
            x_cm: at[0],
            y_cm: at[1],
        }),
        state,
        heard_ms,
        radios,
    };
    let gateway = AnchorState::Gateway;
    let beacon = AnchorState::Beacon;
    FloorView {
        zones,
        anchors: vec![
            anchor(
                "back",
                2,
                [1_200, 1_200],
                gateway(GatewayState::Hears),
                Some(NOW_MS - 1_000),
                7,
            ),
            anchor(
                "desk",
                0,
                [2_200, 1_250],
                gateway(GatewayState::Silent),
                None,
                0,
            ),
            anchor(
                "door",
                1,
                [1_220, 200],
                gateway(GatewayState::Hears),
                Some(NOW_MS - 4 * 60_000),
                0,
            ),
            anchor(
                "shelf-1",
                3,
                [350, 680],
                beacon(BeaconState::Good),
                Some(NOW_MS - 20_000),
                2,
            ),
            anchor(
                "shelf-2",
                4,
                [2_060, 560],
                beacon(BeaconState::NotHeard),
                None,
                0,
            ),
        ],
        present: 9,
        unknown: 2,
        visits: vec![
            VisitLine {
                visit: VisitId::at(NOW_MS, [2; 10]),
                entered_ms: NOW_MS - 7 * 60_000,
                left_ms: None,
                zones: vec![
                    pick(lang, "Entree", "Entrance"),
                    pick(lang, "Lampen", "Lamps"),
                ],
            },
            VisitLine {
                visit: VisitId::at(NOW_MS, [1; 10]),
                entered_ms: NOW_MS - 95 * 60_000,
                left_ms: Some(NOW_MS - 70 * 60_000),
                zones: Vec::new(),
            },
        ],
    }
}

pub(crate) fn visit(lang: Lang, left_ms: Option<u64>, changes: Vec<ChangeRow>) -> VisitPage {
    let names = |zone: &str, nl: &str, en: &str| {
        let names = Names {
            nl: nl.to_owned(),
            en: en.to_owned(),
        };
        (zone.parse().expect("a slug"), names)
    };
    let zones = [
        names("schoenen", "Schoenen", "Shoes"),
        names("tassen", "Tassen", "Bags"),
    ];
    VisitPage {
        store: "kade-9".parse().expect("a slug"),
        store_name: "Kade 9 Utrecht".to_owned(),
        texts: texts(lang),
        csrf: "token-of-this-session".to_owned(),
        staff_name: "Noor".to_owned(),
        other_lang_href: format!("?lang={}", lang.other().code()),
        zones: ZoneNames::new(zones.into(), lang),
        visit: VisitRow {
            visit: VisitId::at(NOW_MS, [2; 10]),
            customer: CustomerId::at(NOW_MS, [3; 10]),
            external_id: "klant-77".to_owned(),
            entered_ms: NOW_MS - 7 * 60_000,
            left_ms,
            late: left_ms.is_some(),
            zone_stays: Vec::new(),
        },
        changes,
    }
}

/// A change that was decided three seconds after it began.
pub(crate) fn change(word: &str, zone: Option<&str>, ago_s: u64, because: Because) -> ChangeRow {
    let at_ms = NOW_MS - ago_s * 1_000;
    let heard = |anchor: &str, rssi_dbm, ago_ms| HeardAt {
        anchor: anchor.parse().expect("a slug"),
        rssi_dbm,
        ago_ms,
    };
    let slug = |zone: &str| zone.parse().expect("a slug");
    ChangeRow {
        n: 1,
        at_ms,
        change: word.to_owned(),
        zone: zone.map(slug),
        why: Some(Why {
            because,
            decided_ms: at_ms + 3_000,
            zones: vec![(slug("schoenen"), 0.941), (slug("tassen"), 0.042)],
            heard: vec![
                heard("shelf-shoes", -61, 1_200),
                heard("door", -77, 100_000),
            ],
        }),
    }
}

fn changes(over: bool) -> Vec<ChangeRow> {
    let mut changes = vec![
        change("entered", None, 420, Because::SaidSo),
        change("zone_entered", Some("schoenen"), 380, Because::Radio),
        change("zone_lost", None, 120, Because::Radio),
    ];
    if over {
        changes.push(change("left", None, 60, Because::Silence));
        changes.push(ChangeRow {
            why: None,
            ..change("revised", None, 420, Because::Late)
        });
    }
    changes
}

pub(crate) fn walk(lang: Lang, view: WalkView) -> WalkPage {
    WalkPage {
        store: "kade-9".parse().expect("a slug"),
        store_name: "Kade 9 Utrecht".to_owned(),
        texts: texts(lang),
        csrf: "token-of-this-session".to_owned(),
        staff_name: "Noor".to_owned(),
        other_lang_href: format!("?lang={}", lang.other().code()),
        said: None,
        view,
    }
}

fn walk_refused(lang: Lang) -> WalkPage {
    WalkPage {
        said: Some(texts(lang).get("walk-said-unknown")),
        ..walk(
            lang,
            WalkView::Idle {
                used_zones: Some(5),
            },
        )
    }
}

pub(crate) fn walk_going(lang: Lang) -> WalkView {
    let zone = |nl: &str, en: &str, stood_s: u64, sightings, current| StoodView {
        zone: nl.to_lowercase(),
        name: pick(lang, nl, en),
        stood_ms: stood_s * 1_000,
        sightings,
        current,
    };
    WalkView::Going {
        zones: vec![
            zone("Entree", "Entrance", 34, 61, false),
            zone("Schoenen", "Shoes", 12, 0, true),
            zone("Tassen", "Bags", 0, 0, false),
        ],
    }
}

pub(crate) fn walk_done(lang: Lang) -> DoneView {
    let (shoes, bags) = (
        pick(lang, "Schoenen", "Shoes"),
        pick(lang, "Tassen", "Bags"),
    );
    let lamps = pick(lang, "Lampen", "Lamps");
    DoneView {
        right: Some(0.88),
        pairs: vec![
            PairView {
                zones: (shoes, bags.clone()),
                overlap: 0.7,
                between: Some("back".to_owned()),
            },
            PairView {
                zones: (bags, lamps.clone()),
                overlap: 0.3,
                between: None,
            },
        ],
        short: vec![lamps],
        missed: vec![pick(lang, "Entree", "Entrance")],
        walked: 3,
    }
}

pub(crate) fn login(lang: Lang, refused: Option<LoginRefusal>) -> LoginPage {
    LoginPage {
        texts: texts(lang),
        csrf: "token-of-this-session".to_owned(),
        action: "/staff/kade-9/login".to_owned(),
        other_lang_href: format!("?lang={}", lang.other().code()),
        store_name: "Kade 9 Utrecht".to_owned(),
        name: if refused.is_some() {
            "sanne".to_owned()
        } else {
            String::new()
        },
        refused,
    }
}

pub(crate) fn error(lang: Lang, status: u16) -> ErrorPage {
    let texts = texts(lang);
    let (title, detail) = ErrorPage::words(&texts, status);
    ErrorPage {
        texts,
        status,
        title,
        detail,
        kind: "visit-not-found".to_owned(),
        id: "0192f7".to_owned(),
        back_href: "/staff/kade-9".to_owned(),
    }
}

fn pick(lang: Lang, nl: &str, en: &str) -> String {
    match lang {
        Lang::Nl => nl,
        Lang::En => en,
    }
    .to_owned()
}
