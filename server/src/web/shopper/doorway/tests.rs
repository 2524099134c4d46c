//! The door of the right store, and of another; and what her page says of both.

use engine::input::{OrderKind, OrderState};
use protocol::{OrderId, RadioId, StoreId};

use crate::{
    api::{app::sightings::say_here, fixtures::Rig},
    secret,
    store::{
        access, board, fixtures,
        orders::{self, News},
        shop,
    },
};

const COOKIE: (&str, &str) = ("cookie", "welkom_session=ws_anna");
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
const DUTCH: (&str, &str) = ("accept-language", "nl");

/// Two stores that hear; Anna's order lies ready in the first, and her page is open.
async fn open(kind: OrderKind) -> Rig {
    let rig = Rig::open().await;
    let (kade, anna) = (rig.store.clone(), rig.anna);
    rig.write(move |txn| {
        let mut other = shop::store(txn.db, &kade)?;
        other.store = dam();
        other.name = "Dam 2".into();
        shop::put_store(txn.db, &other, 1)?;
        for (zone, names) in shop::zone_names(txn.db, &kade)? {
            shop::put_zone(txn.db, &dam(), &zone, &names)?;
        }
        let (hash, until_ms) = (secret::sha256("ws_anna"), txn.now_ms + 60_000);
        access::add_session(txn.db, txn.now_ms, &hash, None, Some(anna), "c5", until_ms)?;
        let row = fixtures::order(1, &kade, anna, kind);
        orders::add_order(txn.db, txn.now_ms, &row)?;
        txn.order_changed(&row)
    })
    .await;
    for store in [&rig.store, &dam()] {
        rig.hears(store).await;
    }
    rig
}

fn dam() -> StoreId {
    "dam-2".parse().unwrap()
}

#[tokio::test]
async fn the_link_says_nothing_and_its_button_says_that_she_is_at_that_store() {
    let rig = open(OrderKind::ClickAndCollect).await;
    let waits = || board::waits_since(&rig.db(), &rig.store, rig.anna).unwrap();
    let (_, html) = rig.page("GET", "/h/kade-9", &[COOKIE], "").await;
    assert!(
        html.contains("Dag Anna") && html.contains("action=\"/h/kade-9\""),
        "{html}"
    );
    assert!(waits().is_none());
    let (status, _) = rig
        .ask("POST", "/h/kade-9", &[COOKIE, FORM], "csrf=wrong")
        .await;
    assert_eq!((status, waits()), (403, None));
    let (_, html) = rig
        .page("POST", "/h/kade-9", &[COOKIE, FORM], "csrf=c5")
        .await;
    assert!(html.contains("Gezien") && waits().is_some(), "{html}");
}

#[tokio::test]
async fn a_phone_that_knows_nobody_is_told_what_to_do_and_no_name() {
    let rig = open(OrderKind::ClickAndCollect).await;
    let (_, html) = rig.page("GET", "/h/kade-9", &[DUTCH], "").await;
    assert!(
        html.contains("kennen we nog niet") && !html.contains("<form"),
        "{html}"
    );
    assert!(!html.contains("Anna"), "{html}");
    assert_eq!(rig.ask("GET", "/h/no-such", &[], "").await.0, 404);
}

#[tokio::test]
async fn in_the_wrong_store_she_is_told_where_it_lies() {
    let rig = open(OrderKind::ClickAndCollect).await;
    let (_, html) = rig
        .page("POST", "/h/dam-2", &[COOKIE, FORM], "csrf=c5")
        .await;
    assert!(html.contains("Bestelling 1042-1 ligt bij Kade 9"), "{html}");
    // With her other switches on she is in that store, and her page is about it.
    let anna = rig.anna;
    rig.write(move |txn| say_here(txn, anna, RadioId(anna.0), &dam()))
        .await;
    let (_, html) = rig.page("GET", "/ik?lang=nl", &[COOKIE], "").await;
    assert!(html.contains("<b>Dam 2</b>"), "{html}");
    assert!(
        html.contains("Bestelling 1042-1 ligt klaar bij Kade 9, niet hier."),
        "{html}"
    );
    let (_, html) = rig
        .page("POST", "/ik/hier", &[COOKIE, FORM], "csrf=c5")
        .await;
    assert!(html.contains("Bestelling 1042-1 ligt bij Kade 9"), "{html}");
}

#[tokio::test]
async fn a_return_has_a_last_day_and_is_said_to_be_taken_in() {
    let rig = open(OrderKind::Return).await;
    let (_, html) = rig.page("GET", "/ik?lang=nl", &[COOKIE], "").await;
    assert!(html.contains("Terugbrengen kan tot en met"), "{html}");
    assert!(html.contains("QR-code met code 7419"), "{html}");
    rig.write(|txn| {
        let id = txn
            .db
            .query_row("SELECT \"order\" FROM orders", [], |row| row.get(0))?;
        let done = OrderState::Completed;
        let row = orders::set_state(txn.db, txn.now_ms, OrderId(id), done, News::default())?;
        txn.order_changed(&row)
    })
    .await;
    let (_, html) = rig.page("GET", "/ik?lang=nl", &[COOKIE], "").await;
    assert!(html.contains("Retour 1042-1 is aangenomen."), "{html}");
    assert!(!html.contains("7419"), "{html}");
}
