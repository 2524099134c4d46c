use super::*;
use crate::web::fixtures::{NOW_MS, message, order, phone, texts};

fn pickup(orders: Vec<OrderView>, here_since_ms: Option<u64>) -> String {
    let view = PickupView {
        orders,
        here_since_ms,
        ..PickupView::default()
    };
    render_pickup(&texts(Lang::Nl), "token", &view, NOW_MS).unwrap()
}

#[test]
fn an_order_that_is_ready_shows_its_code_to_eyes_ears_and_scanners() {
    let html = pickup(vec![order(19, OrderState::Ready)], None);
    assert!(html.contains("Je bestelling ligt klaar"), "{html}");
    assert!(
        html.contains(">7419<") && html.contains(">7 4 1 9<"),
        "{html}"
    );
    assert!(
        html.contains("QR-code met code 7419") && html.contains("h7v1h-7z"),
        "{html}"
    );
    assert!(html.contains("We bewaren het tot zaterdag 14:09"), "{html}");
}

#[test]
fn who_was_helped_is_asked_for_a_mark_with_one_tap_and_not_again() {
    let card = protocol::CardId::at(1, [1; 10]);
    let html = |mark| {
        let view = PickupView {
            mark: Some(mark),
            ..PickupView::default()
        };
        render_pickup(&texts(Lang::Nl), "token", &view, NOW_MS).unwrap()
    };
    let asked = html(Mark::Asked(card));
    assert_eq!(asked.matches("name=\"rating\"").count(), 5, "{asked}");
    assert!(asked.contains(&card.to_string()) && asked.contains("4 van 5"));
    let given = html(Mark::Given);
    assert!(given.contains("Dank je") && !given.contains("name=\"rating\""));
    assert!(!pickup(Vec::new(), None).contains("rating"));
}

#[test]
fn a_code_is_never_shown_before_the_order_is_ready() {
    let placed = OrderView {
        code: Some("7419".to_owned()),
        ..order(2, OrderState::Placed)
    };
    let html = pickup(vec![placed], None);
    assert!(
        !html.contains("7419") && html.contains("nog niet klaar"),
        "{html}"
    );
    assert!(!html.contains("Ik ben er"), "nothing to come for: {html}");
}

#[test]
fn several_orders_have_a_code_each_and_the_rest_is_folded() {
    let html = pickup(
        vec![
            order(1, OrderState::Ready),
            order(2, OrderState::Ready),
            order(3, OrderState::Delayed),
        ],
        None,
    );
    assert!(html.contains("Je bestellingen liggen klaar"), "{html}");
    assert_eq!(html.matches("class=\"pass\"").count(), 2);
    assert!(
        html.contains("Nog 1 bestelling<") && html.contains("later dan beloofd"),
        "{html}"
    );
}

#[test]
fn who_is_seen_needs_not_say_so_again() {
    let html = pickup(vec![order(1, OrderState::Ready)], Some(NOW_MS));
    assert!(
        html.contains("Gezien om 14:09.") && !html.contains("class=\"here\""),
        "{html}"
    );
}

#[test]
fn what_is_ready_may_be_shared_and_what_is_shared_is_taken_back() {
    let html = pickup(vec![order(1, OrderState::Ready)], None);
    assert!(html.contains("Laat iemand anders ophalen") && html.contains("value=\"share\""));
    let given = OrderView {
        share: ShareView::Given("550011".to_owned()),
        ..order(1, OrderState::Ready)
    };
    let html = pickup(vec![given], None);
    assert!(html.contains("met code 550011") && html.contains("value=\"back\""));
    assert!(!pickup(vec![order(1, OrderState::Placed)], None).contains("/ik/ophalen"));
}

#[test]
fn a_return_has_its_code_its_last_day_and_a_way_to_the_desk() {
    let back = OrderView {
        kind: OrderKind::Return,
        code: Some("804417".to_owned()),
        // 12 February, until midnight.
        keep_until_ms: Some(1_802_473_200_000),
        ..order(5, OrderState::Placed)
    };
    let html = pickup(vec![back], None);
    assert!(
        html.contains("Terugbrengen kan tot en met 12 februari"),
        "{html}"
    );
    assert!(html.contains("QR-code met code 804417") && html.contains("Ik ben er"));
    assert!(
        html.contains("Je retour<") && !html.contains("/ik/ophalen"),
        "{html}"
    );
    let seen = pickup(
        vec![OrderView {
            kind: OrderKind::Return,
            ..order(5, OrderState::Placed)
        }],
        Some(NOW_MS),
    );
    assert!(!seen.contains("met je bestelling"), "{seen}");
}

#[test]
fn what_lies_elsewhere_and_what_was_taken_in_is_said_and_is_not_nothing() {
    let view = PickupView {
        elsewhere: vec![ElsewhereView {
            number: "1042-1".to_owned(),
            store_name: "Kade 9".to_owned(),
        }],
        returned: vec!["R-1".to_owned()],
        ..PickupView::default()
    };
    let html = render_pickup(&texts(Lang::Nl), "token", &view, NOW_MS).unwrap();
    assert!(
        html.contains("Bestelling 1042-1 ligt klaar bij Kade 9"),
        "{html}"
    );
    assert!(html.contains("Retour R-1 is aangenomen."), "{html}");
    assert!(
        !html.contains("class=\"empty\"") && !html.contains("Ik ben er"),
        "{html}"
    );
}

#[test]
fn that_somebody_else_is_there_is_not_that_she_is() {
    let view = PickupView {
        orders: vec![order(1, OrderState::Ready)],
        collector_since_ms: Some(NOW_MS),
        ..PickupView::default()
    };
    let html = render_pickup(&texts(Lang::Nl), "token", &view, NOW_MS).unwrap();
    assert!(
        html.contains("Om 14:09 kwam er iemand voor je bestelling"),
        "{html}"
    );
    assert!(
        html.contains("class=\"here\"") && !html.contains("Gezien om"),
        "{html}"
    );
}

#[test]
fn help_is_one_button_and_one_to_take_it_back() {
    let with = |help, here_since_ms| {
        let view = PickupView {
            help,
            here_since_ms,
            ..PickupView::default()
        };
        render_pickup(&texts(Lang::Nl), "token", &view, NOW_MS).unwrap()
    };
    assert!(!with(HelpView::No, None).contains("hulp"));
    let may = with(HelpView::May, None);
    assert!(
        may.contains("Ik heb hulp nodig") && may.contains("value=\"ask\""),
        "{may}"
    );
    let asked = with(HelpView::Asked, Some(NOW_MS));
    assert!(
        asked.contains("Toch niet nodig") && asked.contains("value=\"back\""),
        "{asked}"
    );
    assert!(!asked.contains("met je bestelling"), "{asked}");
}

#[test]
fn nothing_to_collect_is_said_in_words() {
    assert!(pickup(Vec::new(), None).contains("Niets om op te halen"));
}

#[test]
fn a_message_carries_its_reason() {
    let html = render_message(
        &texts(Lang::Nl),
        &message(1, IntentKind::Wishlisted),
        NOW_MS,
    )
    .unwrap();
    for fact in [
        "Wandellaars Veldzicht",
        "€\u{a0}129,00",
        "Dag Eva, deze staan hier: Schoenen, rek 4.",
        "Nog 2 op voorraad.",
        "Donderdag 14:09, online",
        "Je zette dit op je verlanglijst en keek er 3 keer naar.",
        "Vandaag 14:05, Schoenen",
        "voor 93% zeker",
        "bericht 1 van hooguit 2 vandaag",
    ] {
        assert!(html.contains(fact), "{fact}: {html}");
    }
}

#[test]
fn each_intent_has_its_own_words() {
    let words = |intent| render_message(&texts(Lang::En), &message(1, intent), NOW_MS).unwrap();
    assert!(words(IntentKind::Viewed).contains("You looked at this 3 times."));
    assert!(words(IntentKind::Carted).contains("In your basket, in stock here."));
}

#[test]
fn a_name_or_a_product_cannot_become_markup() {
    let nasty = "<img src=x onerror=alert(1)>";
    let mut page = phone(Lang::Nl);
    page.given_name = nasty.to_owned();
    page.store_name = nasty.to_owned();
    page.said = Some(nasty.to_owned());
    page.kept = vec![(nasty.to_owned(), nasty.to_owned())];
    page.messages = vec![MessageView {
        title: nasty.to_owned(),
        body: nasty.to_owned(),
        product: message(1, IntentKind::Carted)
            .product
            .map(|product| ProductView {
                name: nasty.to_owned(),
                ..product
            }),
        ..message(1, IntentKind::Carted)
    }];
    page.pickup.orders = vec![OrderView {
        code: Some(nasty.to_owned()),
        products: vec![nasty.to_owned()],
        ..order(1, OrderState::Ready)
    }];
    let html = render_phone(&page, NOW_MS).unwrap();
    assert!(!html.contains("<img"), "{html}");
}

#[test]
fn a_code_too_long_for_any_drawing_is_still_readable() {
    let order = OrderView {
        code: Some("7".repeat(8_000)),
        ..order(1, OrderState::Ready)
    };
    let html = pickup(vec![order], None);
    assert!(html.contains("7777") && !html.contains("<svg viewBox=\"-2"));
}

#[test]
fn no_switch_is_set_before_she_chose_and_each_choice_is_one_of_two() {
    let mut page = phone(Lang::Nl);
    page.consent = Consent::default();
    let html = render_phone(&page, NOW_MS).unwrap();
    for name in ["arrival", "messages", "browsing", "statistics"] {
        assert!(html.contains(&format!(
            "name=\"{name}\" value=\"no\" aria-describedby=\"c-{name}-more\" checked"
        )));
        assert!(html.contains(&format!(
            "name=\"{name}\" value=\"yes\" aria-describedby=\"c-{name}-more\">"
        )));
    }
    page.consent.browsing = true;
    let html = render_phone(&page, NOW_MS).unwrap();
    assert!(
        html.contains(
            "name=\"browsing\" value=\"yes\" aria-describedby=\"c-browsing-more\" checked"
        )
    );
}

#[test]
fn messages_off_and_no_message_yet_are_told_apart() {
    let mut page = phone(Lang::Nl);
    page.messages.clear();
    assert!(
        render_phone(&page, NOW_MS)
            .unwrap()
            .contains("Nog geen bericht")
    );
    page.consent.messages = false;
    assert!(
        render_phone(&page, NOW_MS)
            .unwrap()
            .contains("Berichten staan uit")
    );
}

#[test]
fn a_tab_leads_only_to_what_is_there() {
    let mut page = phone(Lang::Nl);
    assert!(
        render_phone(&page, NOW_MS)
            .unwrap()
            .contains("href=\"#bewaard\"")
    );
    page.kept.clear();
    assert!(!render_phone(&page, NOW_MS).unwrap().contains("bewaard\""));
}

/// A choice is kept with the version of the words that she read. If this fails, the words beside
/// the switches changed: raise [`CONSENT_TEXT_VERSION`], then put the new digest here.
#[test]
fn the_words_of_consent_have_a_version() {
    use sha2::{Digest, Sha256};
    let mut words = String::from(CONSENT_TEXT_VERSION);
    for lang in [Lang::Nl, Lang::En] {
        let page = phone(lang);
        words += &page.texts.get("choices-intro");
        for switch in switches(&page) {
            words += &switch.title;
            words += &switch.more;
        }
    }
    let digest = hex::encode(Sha256::digest(words));
    assert_eq!(&digest[..16], "6fb3d9faa356f2db");
}

/// She joined by the words that she read. If this fails, those words changed: raise
/// [`stamps::JOIN_TEXT_VERSION`], then put the new digest here.
#[test]
fn the_words_of_joining_have_a_version() {
    use sha2::{Digest, Sha256};
    let mut words = String::from(stamps::JOIN_TEXT_VERSION);
    for lang in [Lang::Nl, Lang::En] {
        let texts = phone(lang).texts;
        words += &texts.get("stamps-intro");
        words += &texts.get("stamps-counted");
        words += &texts.get("stamps-leave-more");
    }
    let digest = hex::encode(Sha256::digest(words));
    assert_eq!(&digest[..16], "31bc6df273622696");
}
