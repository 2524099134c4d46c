//! What a home is told and what it may tell, over HTTP and to what is on the disk after.

use engine::{
    input::{DeskNews, OrderKind},
    outcome::{Card, Journey},
};
use protocol::{
    CustomerId, DeviceId, EidKey, OrderId, RadioId, StaffId,
    eid::{ROTATION_EXPONENT, device_time_s},
};
use serde_json::{Value, json};

use crate::{
    api::fixtures::{ADMIN, Rig, SHOP},
    clock,
    home::{Entry, IDENTITIES_AHEAD_MS, Identities, Journal},
    identity::Identity,
    store::{
        fixtures,
        orders::{self, OrderRow},
        people::{self, DeviceRow, RadioRow},
    },
};

const KEY: EidKey = EidKey([9; 16]);
const OFFSET_S: u32 = 77_777;

/// A central server that gave the desk of its store away.
struct Given {
    rig: Rig,
    bearer: String,
    epoch: u64,
}

async fn ready_order(rig: &Rig, customer: CustomerId, n: u8) -> OrderId {
    let row = OrderRow {
        bay: Some("B12".into()),
        code: format!("740{n}"),
        lines: vec![("LAMP".parse().unwrap(), 2)],
        ..fixtures::order(n, &rig.store, customer, OrderKind::ClickAndCollect)
    };
    let id = row.order;
    rig.write(move |txn| {
        orders::add_order(txn.db, txn.now_ms, &row)?;
        txn.order_changed(&row)
    })
    .await;
    id
}

async fn radio(rig: &Rig, customer: CustomerId, n: u8) -> RadioId {
    let id = RadioId::at(1, [n; 10]);
    rig.write(move |txn| {
        let device = DeviceId::at(1, [n; 10]);
        let row = DeviceRow {
            device,
            customer,
            signing_key: None,
        };
        people::add_device(txn.db, 1, &row, "android", None)?;
        let row = RadioRow {
            radio: id,
            device,
            customer,
            key: KEY,
            clock_offset_s: OFFSET_S,
            valid_from_ms: 1,
            valid_to_ms: None,
        };
        people::add_radio(txn.db, &row)
    })
    .await;
    id
}

impl Given {
    async fn away() -> Self {
        let rig = Rig::open().await;
        let (status, made) = rig.ask("PUT", "/v1/stores/kade-9/home", &[ADMIN], "").await;
        assert_eq!(status, 201, "{made}");
        let bearer = format!("Bearer {}", made["token"].as_str().unwrap());
        let mut given = Self {
            rig,
            bearer,
            epoch: 0,
        };
        let (status, claimed) = given.post("claim", &json!(null)).await;
        assert_eq!(status, 200, "{claimed}");
        given.epoch = claimed["epoch"].as_u64().unwrap();
        given
    }

    async fn post(&self, what: &str, body: &Value) -> (u16, Value) {
        let path = format!("/v1/home/{what}");
        let key = ("authorization", self.bearer.as_str());
        self.rig.send("POST", &path, key, body).await
    }

    async fn state(&self) -> Value {
        let path = format!("/v1/home/state?epoch={}", self.epoch);
        let key = ("authorization", self.bearer.as_str());
        let (status, state) = self.rig.ask("GET", &path, &[key], "").await;
        assert_eq!(status, 200, "{state}");
        state
    }

    async fn tell(&self, n: u64, news: DeskNews) -> (u16, Value) {
        let journal = Journal {
            epoch: self.epoch,
            entries: vec![Entry { n, at_ms: 5, news }],
        };
        self.post("journal", &serde_json::to_value(journal).unwrap())
            .await
    }
}

fn card(n: u8, customer: CustomerId, order: OrderId, journey: Journey) -> Card {
    let now_ms = clock::now_ms();
    Card {
        orders: vec![order],
        arrived_ms: now_ms,
        since_ms: now_ms,
        ..fixtures::card(n, customer, journey)
    }
}

fn cards(cards: Vec<Card>) -> DeskNews {
    DeskNews {
        cards,
        ..DeskNews::default()
    }
}

#[tokio::test]
async fn a_home_is_told_of_those_who_agreed_and_have_an_order_here_and_of_no_key() {
    let given = Given::away().await;
    let rig = &given.rig;
    ready_order(rig, rig.anna, 1).await;
    ready_order(rig, rig.bea, 2).await;
    let radio = radio(rig, rig.anna, 3).await;
    rig.consent(rig.bea, [false, true, true, true]).await;
    let state = given.state().await;
    let names: Vec<_> = state["customers"].as_array().unwrap().iter().collect();
    assert_eq!(names.len(), 1, "{state:#}");
    assert_eq!(names[0]["external_id"], "anna");
    assert_eq!(names[0]["radios"], json!([radio]));
    let numbers = state["orders"].as_array().unwrap();
    assert_eq!(
        (numbers.len(), &numbers[0]["external_id"]),
        (1, &"1042-1".into())
    );
    assert_eq!(state["products"][0]["sku"], "LAMP");
    assert!(!state.to_string().contains(&hex::encode(KEY.0)));
    // Nothing has changed: nothing is sent.
    let path = format!("/v1/home/state?epoch={}", given.epoch);
    let key = ("authorization", given.bearer.as_str());
    let (headers, _) = rig.page("GET", &path, &[key], "").await;
    let etag = headers["etag"].to_str().unwrap().to_owned();
    let same = [key, ("if-none-match", etag.as_str())];
    assert_eq!(rig.ask("GET", &path, &same, "").await.0, 304);
    ready_order(rig, rig.anna, 4).await;
    assert_eq!(rig.ask("GET", &path, &same, "").await.0, 200);
}

/// Each of these is told; so each must be noticed.
#[tokio::test]
async fn whatever_a_home_is_told_of_makes_its_stamp_another_one() {
    let given = Given::away().await;
    let rig = &given.rig;
    let order = ready_order(rig, rig.anna, 1).await;
    let mut before = given.state().await;
    let mut stamp = rig.number("SELECT stamp FROM homes");
    let (anna, hex) = (rig.anna, |id: uuid::Uuid| hex::encode(id));
    for change in [
        format!(
            "UPDATE orders SET bay = 'B13' WHERE \"order\" = x'{}'",
            hex(order.0)
        ),
        format!(
            "UPDATE customers SET given_name = 'Bo' WHERE customer = x'{}'",
            hex(anna.0)
        ),
        "UPDATE stores SET name = 'Kade negen'".into(),
        "UPDATE zones SET name_nl = 'Deur' WHERE zone = 'door'".into(),
        "INSERT INTO anchors (store, anchor, zone, kind, gateway, enter_rssi_dbm)
           VALUES ('kade-9', 'a', 'door', 'gateway', 'door', -70)"
            .into(),
        "UPDATE anchors SET x_cm = 5, y_cm = 6".into(),
        "INSERT INTO gateways VALUES ('kade-9', 'door', zeroblob(32), 1)".into(),
        "INSERT INTO surveyed VALUES ('kade-9', 'a', 'door', 1, 1, 1, 1)".into(),
        format!("DELETE FROM orders WHERE \"order\" = x'{}'", hex(order.0)),
    ] {
        let sql = change.clone();
        rig.write(move |txn| Ok(txn.db.execute_batch(&sql)?)).await;
        let (now, after) = (rig.number("SELECT stamp FROM homes"), given.state().await);
        assert_ne!(after, before, "{change}");
        assert_ne!(now, stamp, "{change}");
        (stamp, before) = (now, after);
    }
}

#[tokio::test]
async fn given_identities_resolve_for_hours_and_no_longer_and_for_nobody_else() {
    let given = Given::away().await;
    let rig = &given.rig;
    ready_order(rig, rig.anna, 1).await;
    let radio = radio(rig, rig.anna, 3).await;
    self::radio(rig, rig.bea, 4).await;
    let wanted = json!({"epoch": given.epoch, "customers": [rig.anna, rig.bea]});
    let (status, told) = given.post("identities", &wanted).await;
    assert_eq!(status, 200, "{told}");
    let told: Vec<Identities> = serde_json::from_value(told).unwrap();
    assert_eq!(told.len(), 1, "Bea has no order here");
    let identity = Identity::default();
    identity.give(&told);
    let now_s = clock::now_ms() / 1_000;
    let heard = |at_s: u64, said_s: u64| {
        let eid = KEY.eid(device_time_s(said_s, OFFSET_S), ROTATION_EXPONENT);
        identity.resolve(eid, at_s * 1_000, at_s * 1_000)
    };
    let ahead_s = IDENTITIES_AHEAD_MS / 1_000;
    for at_s in (now_s..now_s + ahead_s - 1_000).step_by(311) {
        let who = heard(at_s, at_s).map(|who| (who.radio, who.customer));
        assert_eq!(who, Some((radio, rig.anna)), "{} s ahead", at_s - now_s);
    }
    assert_eq!(heard(now_s + ahead_s + 600, now_s + ahead_s + 600), None);
    assert_eq!(heard(now_s + 3_600, now_s), None, "an old one, said again");
    identity.forget(rig.anna);
    assert_eq!(heard(now_s, now_s), None);
}

#[tokio::test]
async fn a_journal_is_applied_once_in_its_order_and_without_those_who_are_erased() {
    let given = Given::away().await;
    let (anna, bea) = (given.rig.anna, given.rig.bea);
    let order = ready_order(&given.rig, anna, 1).await;
    let beas = ready_order(&given.rig, bea, 2).await;
    let arrived = |n, who, order| card(n, who, order, Journey::Arrived);
    let (_, reached) = given.tell(2, cards(vec![arrived(6, anna, order)])).await;
    assert_eq!(reached["n"], 0, "a hole before it");
    for _ in 0..2 {
        let (_, reached) = given.tell(1, cards(vec![arrived(5, anna, order)])).await;
        assert_eq!(reached["n"], 1);
    }
    let rig = &given.rig;
    assert_eq!(rig.number("SELECT count(*) FROM cards"), 1);
    assert_eq!(
        rig.number("SELECT count(*) FROM deliveries WHERE cause LIKE 'arrival:%'"),
        1
    );
    rig.write(move |txn| txn.erase(bea)).await;
    let mut news = cards(vec![
        arrived(7, bea, beas),
        card(5, anna, order, Journey::Served),
    ]);
    news.completed = vec![order, beas];
    news.cards[1].taken_by = Some(StaffId::at(1, [1; 10]));
    let (status, reached) = given.tell(2, news).await;
    assert_eq!((status, &reached["n"]), (200, &2.into()));
    assert_eq!(rig.number("SELECT count(*) FROM cards"), 1);
    assert_eq!(rig.text("SELECT state FROM orders"), "completed");
}

#[tokio::test]
async fn the_desk_is_right_where_the_shop_cancelled_meanwhile_and_that_is_told() {
    let given = Given::away().await;
    let rig = &given.rig;
    let hook = json!({"url": "https://till.example/welkom", "events": ["order.completed"],
        "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"});
    let (status, said) = rig.send("PUT", "/v1/webhooks-out/till", ADMIN, &hook).await;
    assert_eq!(status, 204, "{said}");
    let order = ready_order(rig, rig.anna, 1).await;
    let path = format!("/v1/orders/{order}/state");
    let (status, said) = rig
        .send("PUT", &path, SHOP, &json!({"state": "cancelled"}))
        .await;
    assert_eq!(status, 204, "{said}");
    let mut news = cards(vec![card(5, rig.anna, order, Journey::Served)]);
    news.completed = vec![order];
    given.tell(1, news).await;
    assert_eq!(rig.text("SELECT state FROM orders"), "completed");
    let told = rig.text("SELECT body FROM webhook_messages");
    assert!(told.contains("\"after_cancellation\":true"), "{told}");
}

#[tokio::test]
async fn what_a_phone_says_is_passed_on_while_it_is_of_use() {
    let given = Given::away().await;
    let rig = &given.rig;
    ready_order(rig, rig.anna, 1).await;
    let (anna, store) = (rig.anna, rig.store.clone());
    rig.write(move |txn| {
        let how = engine::input::Coming::Near;
        crate::api::app::coming::say_coming(txn, anna, &store, how)
    })
    .await;
    let state = given.state().await;
    assert_eq!(state["words"][0]["customer"], json!(rig.anna), "{state:#}");
    assert_eq!(
        rig.number("SELECT count(*) FROM cards"),
        0,
        "the desk is elsewhere"
    );
    let old_ms = clock::now_ms() - crate::home::WORD_MS - 1;
    rig.write(move |txn| {
        let says = crate::home::Says::Here;
        let store = "kade-9".parse().unwrap();
        crate::store::homes::say(txn.db, old_ms, &store, anna, &says)
    })
    .await;
    assert_eq!(given.state().await["words"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn whoever_has_the_desk_no_more_is_told_nothing_and_heard_in_nothing() {
    let given = Given::away().await;
    let order = ready_order(&given.rig, given.rig.anna, 1).await;
    let (_, claimed) = given.post("claim", &json!(null)).await;
    assert_eq!(claimed["epoch"], given.epoch + 1);
    let news = cards(vec![card(5, given.rig.anna, order, Journey::Arrived)]);
    assert_eq!(given.tell(1, news).await.0, 409);
    let path = format!("/v1/home/state?epoch={}", given.epoch);
    let key = ("authorization", given.bearer.as_str());
    let (status, said) = given.rig.ask("GET", &path, &[key], "").await;
    assert_eq!((status, &said["status"]), (409, &409.into()));
    let nothing = json!({"epoch": given.epoch, "batches": [], "statuses": []});
    assert_eq!(given.post("batches", &nothing).await.0, 409);
    assert_eq!(given.rig.number("SELECT count(*) FROM cards"), 0);
    let (status, _) = given
        .rig
        .ask("DELETE", "/v1/stores/kade-9/home", &[ADMIN], "")
        .await;
    assert_eq!(status, 204);
    assert_eq!(given.post("claim", &json!(null)).await.0, 401);
}
