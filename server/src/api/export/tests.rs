//! Her data over HTTP, to what is on the disk after.

use crate::{
    api::fixtures::{Rig, SHOP},
    secret,
    store::{access, fixtures},
};

const COOKIE: (&str, &str) = ("cookie", "welkom_session=ws_anna");
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

/// Anna with a row in every table, and her page open.
async fn open() -> Rig {
    let rig = Rig::open().await;
    let anna = rig.anna;
    rig.write(move |txn| {
        fixtures::everything_of(txn.db, anna, 1);
        let (hash, whose) = (secret::sha256("ws_anna"), Some(anna));
        access::add_session(
            txn.db,
            txn.now_ms,
            &hash,
            None,
            whose,
            "c5",
            txn.now_ms + 60_000,
        )
    })
    .await;
    rig
}

#[tokio::test]
async fn the_copy_of_her_page_is_what_the_shop_is_told() {
    let rig = open().await;
    let path = format!("/v1/customers/{}/export", rig.anna);
    let (status, of_shop) = rig.ask("GET", &path, &[SHOP], "").await;
    assert_eq!((status, &of_shop["format"]), (200, &"welkom-export".into()));
    let (headers, copy) = rig.page("GET", "/ik/gegevens/kopie", &[COOKIE], "").await;
    assert!(
        headers["content-disposition"]
            .to_str()
            .unwrap()
            .starts_with("attachment; filename=\"welkom-2")
    );
    assert_eq!(headers["content-type"], "application/json; charset=utf-8");
    let mut copy: serde_json::Value = serde_json::from_str(&copy).unwrap();
    copy["made_ms"] = of_shop["made_ms"].clone();
    assert_eq!(copy, of_shop);
    let nobody = "/v1/customers/0192f7a0-0000-7000-8000-000000000001/export";
    assert_eq!(rig.ask("GET", nobody, &[SHOP], "").await.0, 404);
}

#[tokio::test]
async fn her_page_tells_what_is_kept_in_her_words() {
    let rig = open().await;
    let (_, html) = rig.page("GET", "/ik/gegevens?lang=nl", &[COOKIE], "").await;
    for fact in [
        "de Vries 7Q3X9",
        "Ja: Mijn verlanglijst en kijkgedrag gebruiken",
        "Android-telefoon",
        "Geen berichten over lampen-7Q3X9",
        "1042-7Q3X9-1, opgehaald",
        "3 × LAMP",
        "op je verlanglijst gezet, toen €\u{a0}80,00",
        "een afdeling die je bekeek",
        "Bon shop/7Q3X9-1",
        "Kade 9, 1 minuut",
        "plek te onzeker",
        "Dat je wegging",
        "Aan till",
        "Meetronde met jouw telefoon, Kade 9",
        "Gevraagd: wat wordt er van mij bewaard?",
    ] {
        assert!(html.contains(fact), "{fact}: {html}");
    }
    assert!(!html.contains("geheim-van-Anna"), "{html}");
}

#[tokio::test]
async fn what_she_did_online_is_forgotten_and_her_choice_stays() {
    let rig = open().await;
    let path = "/ik/gegevens/online";
    let (status, _) = rig.ask("POST", path, &[COOKIE, FORM], "csrf=wrong").await;
    assert_eq!(
        (status, rig.number("SELECT count(*) FROM intents")),
        (403, 1)
    );
    let (status, _) = rig.ask("POST", path, &[COOKIE, FORM], "csrf=c5").await;
    assert_eq!(status, 303);
    let left = "SELECT (SELECT count(*) FROM intents) + (SELECT count(*) FROM interests)";
    assert_eq!(rig.number(left), 0);
    let consent =
        "SELECT granted FROM consent_ledger WHERE purpose = 'browsing' ORDER BY entry DESC";
    assert_eq!(rig.number(consent), 1);
    assert_eq!(rig.number("SELECT count(*) FROM receipts"), 1);
}

#[tokio::test]
async fn after_erase_all_no_row_and_no_byte_names_her() {
    let rig = open().await;
    let (_, asked) = rig.page("GET", "/ik/gegevens/wissen", &[COOKIE], "").await;
    assert!(asked.contains("Alles wissen?") && rig.number("SELECT count(*) FROM customers") == 2);
    let path = "/ik/gegevens/wissen";
    assert_eq!(
        rig.ask("POST", path, &[COOKIE, FORM], "csrf=wrong").await.0,
        403
    );
    assert!(rig.names(fixtures::HERS.as_bytes()));
    let (headers, _) = rig.page("POST", path, &[COOKIE, FORM], "csrf=c5").await;
    assert_eq!(headers["location"], "/tot-ziens?lang=nl");
    assert!(
        headers["set-cookie"]
            .to_str()
            .unwrap()
            .contains("Max-Age=0")
    );
    let goodbye = rig.page("GET", "/tot-ziens?lang=nl", &[], "").await.1;
    assert!(goodbye.contains("Alles is gewist"), "{goodbye}");
    assert_eq!(
        rig.ask("GET", "/ik/gegevens/kopie", &[COOKIE], "").await.0,
        401
    );

    let (id, text) = (
        rig.anna.0.as_bytes().to_vec(),
        rig.anna.to_string().into_bytes(),
    );
    for trace in [&id[..], &text, fixtures::HERS.as_bytes(), &fixtures::SECRET] {
        assert!(
            !rig.in_a_row(trace),
            "{:?} in a row",
            String::from_utf8_lossy(trace)
        );
        assert!(
            !rig.names(trace),
            "{:?} in a file",
            String::from_utf8_lossy(trace)
        );
    }
}
