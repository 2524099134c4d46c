//! A link from her page to somebody else's phone, to the desk, to its end.

use engine::{
    Input,
    input::{OrderKind, OrderState, Tap, TapAction},
    outcome::{Card, TapAnswer},
};
use protocol::{OrderId, StaffId, StoreId};

use crate::{
    api::fixtures::Rig,
    secret,
    store::{
        access, board, fixtures,
        orders::{self, News, OrderRow},
        people,
    },
};

const COOKIE: (&str, &str) = ("cookie", "welkom_session=ws_anna");
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

fn order(n: u8) -> OrderId {
    OrderId::at(1, [n; 10])
}

/// Anna with her page open and two orders ready, in a store that hears.
async fn open() -> Rig {
    let rig = Rig::open().await;
    rig.hears(&rig.store).await;
    let (anna, store) = (rig.anna, rig.store.clone());
    rig.write(move |txn| {
        let (hash, until_ms) = (secret::sha256("ws_anna"), txn.now_ms + 60_000);
        access::add_session(txn.db, txn.now_ms, &hash, None, Some(anna), "c5", until_ms)?;
        for n in [1, 2] {
            add(txn, n, OrderKind::ClickAndCollect, &store, anna)?;
        }
        Ok(())
    })
    .await;
    rig
}

fn add(
    txn: &mut crate::pipeline::Txn<'_>,
    n: u8,
    kind: OrderKind,
    store: &StoreId,
    customer: protocol::CustomerId,
) -> Result<(), crate::store::StoreError> {
    let row = OrderRow {
        bay: Some("B-12".into()),
        code: format!("740{n}"),
        ..fixtures::order(n, store, customer, kind)
    };
    orders::add_order(txn.db, txn.now_ms, &row)?;
    txn.order_changed(&row)
}

impl Rig {
    async fn form(&self, what: &str, n: u8) -> String {
        let body = format!("csrf=c5&do={what}&order={}", order(n));
        self.page("POST", "/ik/ophalen", &[COOKIE, FORM], body)
            .await
            .1
    }

    /// Shares the first order: where his page is, and his code.
    async fn shared(&self) -> (String, String) {
        let html = self.form("share", 1).await;
        let link = html.split("/ophalen/").nth(1).unwrap();
        let path = format!("/ophalen/{}", link.split('"').next().unwrap());
        (
            path,
            self.text("SELECT share_code FROM orders WHERE external_id = '1042-1'"),
        )
    }

    fn card(&self) -> Option<Card> {
        board::open_card(&self.db(), &self.store, self.anna).unwrap()
    }

    async fn hand_over(&self, code: &str) -> TapAnswer {
        let (store, code) = (self.store.clone(), code.to_owned());
        let card = self.card().unwrap().card;
        self.write(move |txn| {
            let tap = Tap {
                card,
                staff: StaffId::at(1, [3; 10]),
                action: TapAction::HandOver {
                    code: code.clone(),
                    age_seen: false,
                },
            };
            Ok(txn.feed(&store, Input::Tap(tap))?.tap.unwrap())
        })
        .await
    }
}

#[tokio::test]
async fn his_page_needs_no_log_in_and_shows_what_he_needs_and_no_more() {
    let rig = open().await;
    let (path, code) = rig.shared().await;
    assert!(code.len() == 6 && code != "7401", "{code}");
    let (headers, html) = rig.page("GET", &format!("{path}?lang=nl"), &[], "").await;
    assert_eq!(headers["cache-control"], "no-store");
    assert_eq!(headers["x-robots-tag"], "noindex, nofollow");
    assert_eq!(headers["referrer-policy"], "no-referrer");
    for said in ["voor Anna", "Kade 9", "1042-1", code.as_str()] {
        assert!(html.contains(said), "{said}: {html}");
    }
    for hidden in ["de Vries", "B-12", "LAMP", "7401", "1042-2"] {
        assert!(!html.contains(hidden), "{hidden}: {html}");
    }
    assert!(rig.card().is_none(), "to look is to say nothing");
    // What opens it is on no disk.
    let token = path.strip_prefix("/ophalen/").unwrap();
    assert!(!rig.in_a_row(token.as_bytes()) && !rig.names(token.as_bytes()));
}

#[tokio::test]
async fn he_says_that_he_is_here_and_is_handed_that_order_against_his_code() {
    let rig = open().await;
    let (path, code) = rig.shared().await;
    let here = format!("{path}/hier");
    let (_, html) = rig
        .page("POST", &here, &[("accept-language", "nl")], "")
        .await;
    assert!(html.contains("Er komt iemand naar je toe"), "{html}");
    rig.page("POST", &here, &[], "").await;
    let card = rig.card().unwrap();
    assert!(card.somebody_else && card.orders == [order(1)], "{card:?}");
    let alerts = "SELECT count(*) FROM deliveries WHERE cause LIKE 'arrival:%'";
    assert_eq!(rig.number(alerts), 1);
    assert_eq!(
        rig.number("SELECT count(*) FROM visits"),
        0,
        "she is not here"
    );
    // Her page says it of him.
    let (_, hers) = rig.page("GET", "/ik?lang=nl", &[COOKIE], "").await;
    assert!(hers.contains("kwam er iemand voor je bestelling"), "{hers}");

    assert_eq!(
        rig.hand_over("000000").await,
        TapAnswer::WrongCode { tries_left: 4 }
    );
    assert_eq!(rig.hand_over(&code).await, TapAnswer::Done);
    let held = "SELECT count(*) FROM orders WHERE held_ms IS NOT NULL";
    assert_eq!(rig.number(held), 1);
    assert_eq!(rig.ask("GET", &path, &[], "").await.0, 410);
}

#[tokio::test]
async fn a_link_ends_when_she_takes_it_back_makes_another_or_has_the_order() {
    let rig = open().await;
    let (first, _) = rig.shared().await;
    let (second, _) = rig.shared().await;
    assert_eq!(rig.ask("GET", &first, &[], "").await.0, 410);
    assert_eq!(rig.ask("GET", &second, &[], "").await.0, 200);
    rig.form("back", 1).await;
    assert_eq!(rig.ask("GET", &second, &[], "").await.0, 410);
    assert_eq!(
        rig.ask("POST", &format!("{second}/hier"), &[], "").await.0,
        410
    );
    assert!(rig.card().is_none());

    let (third, _) = rig.shared().await;
    rig.write(|txn| {
        let done = OrderState::Completed;
        let row = orders::set_state(txn.db, txn.now_ms, order(1), done, News::default())?;
        txn.order_changed(&row)
    })
    .await;
    assert_eq!(rig.ask("GET", &third, &[], "").await.0, 410);
    let left =
        "SELECT count(*) FROM orders WHERE share_code IS NOT NULL OR share_sha256 IS NOT NULL";
    assert_eq!(rig.number(left), 0);
}

#[tokio::test]
async fn who_takes_back_that_staff_may_know_takes_back_her_links() {
    let rig = open().await;
    let (path, _) = rig.shared().await;
    rig.page("POST", &format!("{path}/hier"), &[], "").await;
    rig.consent(rig.anna, [false, true, true, true]).await;
    assert_eq!(rig.ask("GET", &path, &[], "").await.0, 410);
    assert!(rig.card().is_none());
    let refused = rig.form("share", 1).await;
    assert!(!refused.contains("/ophalen/wo_"), "{refused}");
}

#[tokio::test]
async fn nobody_shares_what_is_not_hers_or_is_not_ready() {
    let rig = open().await;
    let (bea, store) = (rig.bea, rig.store.clone());
    rig.write(move |txn| {
        add(txn, 3, OrderKind::ClickAndCollect, &store, bea)?;
        let (hash, until_ms) = (secret::sha256("ws_bea"), txn.now_ms + 60_000);
        access::add_session(txn.db, txn.now_ms, &hash, None, Some(bea), "c6", until_ms)?;
        let placed = OrderState::Placed;
        let row = orders::set_state(txn.db, txn.now_ms, order(2), placed, News::default())?;
        txn.order_changed(&row)
    })
    .await;
    for n in [2, 3, 9] {
        assert!(!rig.form("share", n).await.contains("/ophalen/wo_"), "{n}");
    }
    // A token of a page that she is not on.
    let body = format!("csrf=c6&do=share&order={}", order(1));
    let (status, _) = rig.ask("POST", "/ik/ophalen", &[COOKIE, FORM], body).await;
    assert_eq!(status, 403);
    assert_eq!(
        rig.number("SELECT count(*) FROM orders WHERE share_code IS NOT NULL"),
        0
    );
}

#[tokio::test]
async fn an_order_that_becomes_anothers_is_shared_by_nobody() {
    let rig = open().await;
    rig.shared().await;
    let bea = rig.bea;
    rig.write(move |txn| {
        people::customer(txn.db, bea)?;
        let mut row = orders::order(txn.db, order(1))?;
        row.customer = bea;
        crate::store::home::put_order(txn.db, txn.now_ms, &row)
    })
    .await;
    assert_eq!(
        rig.number("SELECT count(*) FROM orders WHERE share_code IS NOT NULL"),
        0
    );
}
