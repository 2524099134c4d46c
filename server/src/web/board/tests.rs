use engine::{input::OrderKind, outcome::Call};
use protocol::StaffId;

use super::*;
use crate::web::{
    fixtures::{NOW_MS, board, card, viewer},
    i18n::Lang,
};

fn html(card: &CardView) -> String {
    render_card(&viewer(Lang::Nl), card, NOW_MS).unwrap()
}

#[test]
fn a_card_says_bay_name_and_time() {
    let html = html(&CardView {
        whereabouts: vec![("Entree".to_owned(), 0.71), ("Schoenen".to_owned(), 0.22)],
        ..card(4, "el Amrani", 23)
    });
    for fact in [
        "<b>B04</b>",
        "Mevrouw El Amrani",
        ">0:23<",
        "van 2:00",
        "1 bestelling, 1 stuk",
    ] {
        assert!(html.contains(fact), "{fact}: {html}");
    }
    assert!(
        html.contains("--part:0.71") && html.contains("of Schoenen 22%"),
        "{html}"
    );
    assert!(
        html.contains("card-here") && html.contains("Is er"),
        "{html}"
    );
}

#[test]
fn at_two_minutes_she_is_here_and_a_second_later_she_waits_too_long() {
    let at = |waited_s| html(&card(1, "Vries", waited_s));
    assert!(at(120).contains("card-here"));
    let late = at(121);
    assert!(
        late.contains("card-late") && late.contains("Wacht te lang"),
        "{late}"
    );
    assert!(
        late.contains("0:01 te lang") && late.contains("--part:1.000"),
        "{late}"
    );
}

#[test]
fn an_unlikely_second_guess_is_not_told_and_no_guess_is_said() {
    let unlikely = vec![("Entree".to_owned(), 0.93), ("Lampen".to_owned(), 0.07)];
    assert!(
        !html(&CardView {
            whereabouts: unlikely,
            ..card(1, "Vries", 5)
        })
        .contains("Lampen")
    );
    let none = html(&CardView {
        whereabouts: Vec::new(),
        ..card(1, "Vries", 5)
    });
    assert!(none.contains("Plek onbekend"), "{none}");
}

#[test]
fn what_a_customer_is_called_cannot_become_markup() {
    let name = "<script>alert(1)</script>\" onfocus=\"x";
    let nasty = CardView {
        given_name: name.to_owned(),
        bay: Some(name.to_owned()),
        order_numbers: vec![name.to_owned()],
        whereabouts: vec![(name.to_owned(), 0.5), (name.to_owned(), 0.5)],
        state: CardState::TakenBy {
            name: name.to_owned(),
        },
        ..card(1, name, 5)
    };
    let html = html(&nasty);
    assert!(
        !html.contains("<script") && !html.contains("\" onfocus"),
        "{html}"
    );
    assert!(html.contains("&#60;script&#62;"), "{html}");
}

#[test]
fn actions_are_plain_forms_that_a_state_allows() {
    let path = |card: &CardView, act: &str| format!("/staff/kade-9/cards/{}/{act}", card.card);
    let waiting = card(1, "Vries", 5);
    let mine = CardView {
        state: CardState::TakenByMe,
        ..waiting.clone()
    };
    let theirs = CardView {
        state: CardState::TakenBy {
            name: "Daan".to_owned(),
        },
        ..waiting.clone()
    };
    let lost = CardView {
        not_here: true,
        ..waiting.clone()
    };
    let acts = ["take", "undo", "not-here", "hand-over"];
    for (card, allowed) in [
        (&waiting, ["take", "not-here"].as_slice()),
        (&mine, &["undo", "not-here", "hand-over"]),
        (&theirs, &[]),
        (&lost, &["take", "undo"]),
    ] {
        for act in acts {
            let offered = html(card).contains(&format!("{}\"", path(card, act)));
            assert_eq!(offered, allowed.contains(&act), "{:?}: {act}", card.state);
        }
    }
    let daan = StaffId::at(1, [4; 10]);
    let theirs = CardView {
        taken_by: Some(daan),
        ..theirs
    };
    let html = html(&theirs);
    assert!(html.contains("Neem over van Daan"));
    assert!(
        html.contains(&format!("/take-over?from={daan}\"")),
        "{html}"
    );
}

#[test]
fn a_card_says_what_she_comes_for_and_help_asks_for_no_code() {
    let mine = CardView {
        state: CardState::TakenByMe,
        kinds: vec![OrderKind::Reservation, OrderKind::Return],
        ..card(3, "Okafor", 61)
    };
    let both = html(&mine);
    assert!(both.contains("Reservering, Retour") && both.contains("code-field"));
    let help = html(&CardView {
        kinds: vec![OrderKind::Help],
        ..mine
    });
    assert!(help.contains("Hulp gevraagd") && help.contains("Geholpen"));
    assert!(!help.contains("code-field") && !help.contains("bestelling"));
}

#[test]
fn a_wrong_code_is_told_beside_the_field_in_words() {
    let refused = |code| {
        html(&CardView {
            state: CardState::TakenByMe,
            code,
            ..card(1, "Vries", 5)
        })
    };
    assert!(!refused(None).contains("aria-invalid"));
    let wrong = refused(Some(CodeAnswer::Wrong { tries_left: 4 }));
    assert!(wrong.contains("Deze code klopt niet. Nog 4 keer.") && wrong.contains("aria-invalid"));
    let paused = refused(Some(CodeAnswer::Paused {
        until_ms: NOW_MS + 60_000,
    }));
    assert!(paused.contains("Vanaf 14:10 kan het weer."), "{paused}");
}

#[test]
fn undo_of_a_handover_ends_with_its_time() {
    let served = |undo_until_ms| {
        let state = CardState::Served {
            waited_s: 78,
            served_ms: NOW_MS - 1_000,
            undo_until_ms,
        };
        html(&CardView {
            state,
            ..card(1, "Peters", 79)
        })
    };
    assert!(served(Some(NOW_MS + 24_000)).contains("0:24"));
    for over in [None, Some(NOW_MS)] {
        let html = served(over);
        assert!(
            html.contains("in 1:18") && !html.contains("<form"),
            "{html}"
        );
    }
}

#[test]
fn cards_stand_in_the_order_of_the_house() {
    let mine = CardView {
        state: CardState::TakenByMe,
        ..card(1, "Mine", 300)
    };
    let lost = CardView {
        not_here: true,
        ..card(2, "Lost", 400)
    };
    let short = card(3, "Short", 10);
    let long = card(4, "Long", 200);
    let page = board(Lang::Nl, vec![mine, lost, short, long]);
    let html = render_board(&page, NOW_MS).unwrap();
    let place = |name: &str| html.find(&format!(">Mevrouw {name}<")).unwrap();
    let order = ["Long", "Short", "Mine", "Lost"].map(place);
    assert!(order.is_sorted(), "{order:?}");
}

#[test]
fn the_latest_served_stands_first_and_ranks_are_exact_in_a_script() {
    let served = |ago_s: u64| CardView {
        state: CardState::Served {
            waited_s: 9,
            served_ms: NOW_MS - ago_s * 1_000,
            undo_until_ms: None,
        },
        ..card(1, "Vries", 900)
    };
    assert!(served(5).rank() < served(60).rank());
    let lost = CardView {
        not_here: true,
        arrived_ms: u64::MAX,
        ..card(1, "Vries", 0)
    };
    assert!(lost.rank() < 1 << 53);
}

#[test]
fn an_update_is_the_same_card_as_on_the_page() {
    let (viewer, card) = (viewer(Lang::En), card(1, "de Vries", 5));
    let update = CardUpdate::of(&viewer, &card, NOW_MS).unwrap();
    let page = render_board(&board(Lang::En, vec![card.clone()]), NOW_MS).unwrap();
    assert!(page.contains(&update.html));
    let json = serde_json::to_value(&update).unwrap();
    assert_eq!(json["section"], "now");
    assert_eq!(json["card"], card.card.to_string());
    assert!(
        update
            .html
            .contains(&format!("data-rank=\"{}\"", update.rank))
    );
    let gone = serde_json::to_value(CardUpdate::gone(card.card)).unwrap();
    assert_eq!(gone["section"], "gone");
}

#[test]
fn figures_that_nobody_made_yet_are_not_shown() {
    let texts = viewer(Lang::Nl).texts;
    let none = render_strip(&texts, &Strip::default()).unwrap();
    assert!(!none.contains("de helft") && !none.contains('%') && !none.contains("attention"));
    let some = Strip {
        waiting: 3,
        too_long: 1,
        median_wait_s: Some(58),
        within_limit: Some(0.92),
        handed_over: 48,
        left_unserved: 2,
    };
    let some = render_strip(&texts, &some).unwrap();
    for fact in [
        "wachten, 1 te lang",
        "0:58",
        "92%",
        ">48<",
        "zonder hulp</dt><dd>2<",
        "attention",
    ] {
        assert!(some.contains(fact), "{fact}: {some}");
    }
}

#[test]
fn a_conflict_is_told_with_a_name() {
    let texts = viewer(Lang::Nl).texts;
    let staff = protocol::StaffId::at(NOW_MS, [1; 10]);
    let words = |answer: TapAnswer| tap_words(&texts, &answer, "Daan");
    assert_eq!(
        words(TapAnswer::TakenBy { staff }).unwrap(),
        "Daan was eerder."
    );
    assert_eq!(words(TapAnswer::Done), None);
    let wrong = words(TapAnswer::WrongCode { tries_left: 1 }).unwrap();
    assert_eq!(wrong, "Deze code klopt niet. Nog 1 keer.");
    assert!(words(TapAnswer::Closed).is_some() && words(TapAnswer::Unknown).is_some());
}

#[test]
fn an_empty_board_says_what_will_come() {
    let html = render_board(&board(Lang::Nl, Vec::new()), NOW_MS).unwrap();
    assert!(
        html.contains("Niemand wacht") && !html.contains("<article"),
        "{html}"
    );
}

#[test]
fn a_card_to_which_nobody_goes_says_who_is_called() {
    let at = |called, waited_s| {
        html(&CardView {
            called,
            ..card(1, "Vries", waited_s)
        })
    };
    let new = at(None, 61);
    assert!(
        new.contains("data-call=\"\"") && !new.contains("class=\"check call\""),
        "{new}"
    );
    let all = at(Some(Call::Everybody), 61);
    for fact in ["data-call=\"everybody\"", "Nog niemand gaat", "Iedereen:"] {
        assert!(all.contains(fact), "{fact}: {all}");
    }
    let manager = at(Some(Call::Manager), 121);
    for fact in ["data-call=\"manager\"", "Wacht te lang", "Manager geroepen"] {
        assert!(manager.contains(fact), "{fact}: {manager}");
    }
    let taken = html(&CardView {
        called: Some(Call::Manager),
        state: CardState::TakenByMe,
        ..card(1, "Vries", 130)
    });
    assert!(
        taken.contains("data-call=\"\"") && !taken.contains("Manager"),
        "{taken}"
    );
}

#[test]
fn a_card_says_its_window_what_lies_ready_and_asks_for_an_age_where_it_must() {
    let mine = CardView {
        state: CardState::TakenByMe,
        ..card(1, "Vries", 5)
    };
    let plain = html(&mine);
    for word in ["name=\"age\"", "regels klaar", "tussen"] {
        assert!(!plain.contains(word), "{word}: {plain}");
    }
    let full = html(&CardView {
        lines_ready: Some((2, 3)),
        window: Some((NOW_MS, NOW_MS + 3_600_000)),
        age_checked: true,
        ..mine
    });
    for word in [
        "tussen 14:09 en 15:09, 2 van 3 regels klaar",
        "name=\"age\"",
        "18 jaar of ouder",
    ] {
        assert!(full.contains(word), "{word}: {full}");
    }
    let said = tap_words(&viewer(Lang::Nl).texts, &TapAnswer::AgeUnseen, "").unwrap();
    assert!(said.starts_with("De code klopt."), "{said}");
}
