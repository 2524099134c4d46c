use super::*;
use crate::web::{
    fixtures::{NOW_MS, beacon, devices, fleet, gateway, texts, with_desk, without_desk},
    i18n::Lang,
};

fn html(devices: &Devices) -> String {
    render_devices(&texts(Lang::Nl), devices, NOW_MS).unwrap()
}

/// What follows an attribute's value up to the end of the row.
fn row<'a>(html: &'a str, start: &str) -> &'a str {
    let (_, after) = html.split_once(start).unwrap();
    after.split("</tr>").next().unwrap()
}

#[test]
fn the_most_urgent_thing_stands_first() {
    let html = html(&devices(Lang::Nl));
    let place = |words: &str| {
        html.find(words)
            .unwrap_or_else(|| panic!("{words}: {html}"))
    };
    let order = [
        "Gateway g5 zwijgt sinds 12:40",
        "Gateway g4 hoort niets sinds gisteren 12:09",
        "Baken b3 zwijgt sinds 13:38",
        "Antenne van g2 nakijken",
        "Batterij van b7 vervangen",
        "Hangt b4 nog op zijn plek?",
        "Gateway g10 heeft zich nog niet gemeld",
        "Baken b12 is nog nooit gehoord",
    ]
    .map(place);
    assert!(order.is_sorted(), "{order:?}");
    assert!(html.contains("8 dingen"), "{html}");
}

#[test]
fn a_thing_to_do_says_what_where_and_how() {
    let html = html(&devices(Lang::Nl));
    for words in [
        ">Keuken.</span> Zit de stekker erin",
        "de rest werkt.",
        ">Jassen.</span> Leeg rond 1 december, op zijn vroegst 27 november: nog 6%. Knoopcel CR2477.",
        "Sinds gisteren 11:09 hoort g3 hem 18 dB zwakker en hoort g1 hem 11 dB sterker.",
        ">Riemen.</span> Sinds gisteren 07:09 hoort hij 6 van 8 bakens 12 dB zwakker",
    ] {
        assert!(html.contains(words), "{words}: {html}");
    }
    assert!(
        !html.contains("b9 zwijgt"),
        "its gateway is the thing to do"
    );
}

#[test]
fn with_no_gateway_left_nobody_is_told_that_the_rest_works() {
    let silent = GatewayView {
        state: GatewayState::Silent,
        ..gateway("g1", "Entree".to_owned(), 5)
    };
    let html = html(&Devices {
        gateways: vec![silent],
        ..Devices::default()
    });
    assert!(html.contains("merkt niemand wie er binnenkomt"), "{html}");
    assert!(!html.contains("de rest werkt"), "{html}");
}

#[test]
fn a_beacon_that_fell_silent_with_a_low_cell_is_probably_empty() {
    let lost = |battery_low| {
        html(&Devices {
            desk: None,
            gateways: Vec::new(),
            beacons: vec![BeaconView {
                state: BeaconState::NotHeard,
                since_ms: Some(NOW_MS),
                battery_low,
                ..beacon("b1", "Entree".to_owned(), 3, &[])
            }],
        })
    };
    assert!(lost(true).contains("Waarschijnlijk is de batterij leeg"));
    assert!(lost(false).contains("Hangt het er nog?"));
}

#[test]
fn a_gateways_row_says_for_how_long_or_since_when() {
    let html = html(&devices(Lang::Nl));
    for (name, facts) in [
        ("g1", ["hoort alles", "212 dagen", ">0<"].as_slice()),
        (
            "g2",
            &["hoort anders", "gisteren 07:09", "antenne nakijken"],
        ),
        ("g3", &["haalt in", "6 min", ">1.240<"]),
        ("g4", &["hoort niets", "gisteren 12:09", ">0<"]),
        ("g5", &["stil", "vandaag 12:40", ">?<", "Keuken"]),
        ("g10", &["nog niet gemeld", "–", ">?<", "nog geen plek"]),
    ] {
        let row = row(&html, &format!("data-gateway=\"{name}\""));
        for fact in facts {
            assert!(row.contains(fact), "{name}: {fact}: {row}");
        }
    }
}

#[test]
fn a_gateway_that_does_not_seal_is_something_to_do() {
    let unsealed = GatewayView {
        plain: true,
        ..gateway("g1", "Entree".to_owned(), 5)
    };
    let html = html(&Devices {
        gateways: vec![unsealed],
        ..Devices::default()
    });
    let row = row(&html, "data-gateway=\"g1\"");
    assert!(
        row.contains("hoort alles") && row.contains("laten verzegelen"),
        "{row}"
    );
}

#[test]
fn a_beacons_row_has_its_battery_and_who_hears_it() {
    let html = html(&devices(Lang::Nl));
    for (name, facts) in [
        (
            "b1",
            ["goed", "level", "71%", "leeg rond", "zojuist", "g1, g3"].as_slice(),
        ),
        ("b3", &["niet gehoord", "31 min geleden", "niemand"]),
        ("b7", &["bijna leeg", "meter-bar low", "--part:0.06", "6%"]),
        (
            "b9",
            &[
                "niet te horen",
                "vandaag 12:40",
                "niemand, want gateway g5 hoort niets",
            ],
        ),
        (
            "b12",
            &["nog nooit gehoord", "onbekend", "nog nooit", "niemand"],
        ),
    ] {
        let row = row(&html, &format!("data-beacon=\"{name}\""));
        for fact in facts {
            assert!(row.contains(fact), "{name}: {fact}: {row}");
        }
    }
}

#[test]
fn beacons_with_something_to_do_stand_before_the_others_and_two_before_ten() {
    let html = html(&devices(Lang::Nl));
    let place = |name: &str| html.find(&format!("data-beacon=\"{name}\"")).unwrap();
    let order = ["b3", "b7", "b4", "b12", "b1", "b9", "b10"].map(place);
    assert!(order.is_sorted(), "{order:?}");
    let place = |name: &str| html.find(&format!("data-gateway=\"{name}\"")).unwrap();
    assert!(place("g5") < place("g10"));
}

#[test]
fn the_strip_counts_who_hears_and_what_is_well() {
    let html = html(&devices(Lang::Nl));
    assert!(
        html.contains("<dt>van 6 gateways horen</dt><dd>3</dd>"),
        "{html}"
    );
    assert!(
        html.contains("<dt>van 7 bakens goed</dt><dd>2</dd>"),
        "{html}"
    );
    assert!(html.contains("class=\"attention\""), "{html}");
}

#[test]
fn with_nothing_to_do_it_says_so_and_with_nothing_at_all_what_will_come() {
    let well = Devices {
        gateways: vec![gateway("g1", "Entree".to_owned(), 5)],
        ..Devices::default()
    };
    let html = html(&well);
    assert!(
        html.contains("Alles doet het") && !html.contains("<li>"),
        "{html}"
    );
    assert!(!html.contains("attention"), "{html}");
    let none = self::html(&Devices::default());
    assert!(
        none.contains("Nog geen apparaten") && !none.contains("<table"),
        "{none}"
    );
}

#[test]
fn the_page_offers_only_pages_that_exist_and_what_the_stream_sends() {
    let page = fleet(Lang::En, devices(Lang::En));
    let html = render_fleet(&page, NOW_MS).unwrap();
    let (_, nav) = html.split_once("<nav").unwrap();
    let nav = nav.split("</nav>").next().unwrap();
    let links: Vec<&str> = nav
        .split("href=\"")
        .skip(1)
        .filter_map(|l| l.split('"').next())
        .collect();
    assert_eq!(
        links,
        [
            "/staff/kade-9",
            "/manage/kade-9/map",
            "/manage/kade-9/campaigns",
            "/manage/kade-9/figures",
            "/manage/kade-9/fleet",
            "/manage/kade-9/integrations"
        ]
    );
    let sent = render_devices(&page.lintel.texts, &page.devices, NOW_MS).unwrap();
    assert!(html.contains(&sent));
    assert!(!sent.contains("<button"), "{sent}");
}

#[test]
fn what_a_zone_is_called_cannot_become_markup() {
    let nasty = "<script>alert(1)</script>\" onfocus=\"x".to_owned();
    let html = html(&Devices {
        desk: None,
        gateways: vec![GatewayView {
            state: GatewayState::Silent,
            ..gateway("g1", nasty.clone(), 5)
        }],
        beacons: vec![beacon("b1", nasty, 5, &[])],
    });
    assert!(
        !html.contains("<script") && !html.contains("\" onfocus"),
        "{html}"
    );
}

#[test]
fn when_the_machine_in_the_store_is_silent_it_is_the_one_thing_to_do() {
    let html = html(&without_desk(Lang::Nl));
    for words in [
        "De computer in de winkel zwijgt sinds 13:57",
        "Werkt het bord daar nog",
        "eerst de computer in de winkel",
        "1 ding",
    ] {
        assert!(html.contains(words), "{words}: {html}");
    }
    assert!(!html.contains("Gateway g1 zwijgt"), "{html}");
}

#[test]
fn a_machine_that_speaks_or_has_not_come_yet_says_so() {
    let there = html(&with_desk(Lang::Nl, DeskState::There, 1));
    let (_, desk) = there.split_once("id=\"desk-machine\"").unwrap();
    let (desk, _) = desk.split_once("</section>").unwrap();
    assert!(
        desk.contains("doet het") && desk.contains("zojuist"),
        "{desk}"
    );
    assert!(there.contains("Alles doet het"), "{there}");
    let new = html(&Devices {
        desk: Some(DeskView {
            state: DeskState::NotYetHeard,
            seen_ms: None,
        }),
        ..Devices::default()
    });
    assert!(new.contains("heeft zich nog niet gemeld"), "{new}");
    assert!(new.contains("nog nooit"), "{new}");
}

#[test]
fn a_cell_of_which_nobody_knows_when_it_is_empty_says_how_full_it_is() {
    let of = |empty| {
        html(&Devices {
            beacons: vec![BeaconView {
                state: BeaconState::BatteryLow,
                battery_low: true,
                empty,
                ..beacon("b1", "Entree".to_owned(), 17, &[])
            }],
            ..Devices::default()
        })
    };
    assert!(of(None).contains("Nog 17%. Knoopcel CR2477."));
    let day = NOW_MS + 3 * 86_400_000;
    let known = of(Some((day, day)));
    assert!(known.contains("Leeg rond 25 november: nog 17%."), "{known}");
    assert!(known.contains(">leeg rond 25 november</small>"), "{known}");
}
