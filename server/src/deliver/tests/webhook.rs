//! Receivers of the shop's own, against one that listens on a socket and checks signatures.

use base64::prelude::BASE64_STANDARD as BASE64;
use engine::{
    Outcome,
    journey::{Call, Journey},
    outcome::{Called, Card},
};
use protocol::CardId;
use serde_json::Value;

use super::{
    push::{Asked, Provider},
    *,
};
use crate::{
    deliver::{outgoing::Outgoing, webhook::Webhooks},
    store::{
        self, fixtures,
        receivers::{self as rows, Due, Event, WebhookRow},
    },
};

/// 32 bytes.
const KEY: [u8; 32] = [5; 32];

impl Shop {
    fn webhooks(&self) -> Webhooks {
        let _ = rustls::crypto::ring::default_provider().install_default();
        Webhooks {
            pipeline: self.pipeline.clone(),
            outgoing: Outgoing::new(true).unwrap(),
        }
    }

    pub(super) async fn listens_at(&self, url: &str, events: Vec<Event>) {
        let row = WebhookRow {
            webhook: rows::fresh(1, [1; 10]),
            name: "till".into(),
            url: url.into(),
            secret: format!("whsec_{}", base64::Engine::encode(&BASE64, KEY)),
            events,
            gone_ms: None,
        };
        self.write(move |txn| rows::put(txn.db, txn.now_ms, &row))
            .await;
    }

    async fn due_in(&self, ms: u64) -> Vec<Due> {
        self.write(move |txn| rows::lease(txn.db, txn.now_ms + ms, 100))
            .await
    }

    /// Sends what is due so much later than now; how many that were.
    async fn tells_in(&self, ms: u64) -> usize {
        let due = self.due_in(ms).await;
        let many = due.len();
        for due in due {
            self.webhooks().send(due).await;
        }
        many
    }

    async fn told(&self) -> Vec<rows::MessageRow> {
        self.write(|txn| rows::messages(txn.db, "till", None, 100))
            .await
    }
}

/// The body, if its signature is right: what another library would check.
fn checked(asked: &Asked) -> Value {
    let (id, at) = (
        asked.header("webhook-id"),
        asked.header("webhook-timestamp"),
    );
    assert!(at.parse::<u64>().unwrap().abs_diff(clock::now_ms() / 1_000) < 5);
    let given = asked
        .header("webhook-signature")
        .strip_prefix("v1,")
        .unwrap();
    let given = base64::Engine::decode(&BASE64, given).unwrap();
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &KEY);
    let text = [id.as_bytes(), b".", at.as_bytes(), b".", &asked.body].concat();
    ring::hmac::verify(&key, &text, &given).unwrap();
    assert_eq!(asked.header("content-type"), "application/json");
    asked.json()
}

#[tokio::test]
async fn a_receiver_hears_what_it_asked_for_signed_and_again_until_it_says_yes() {
    let shop = Shop::open().await;
    let (receiver, url) = Provider::start().await;
    shop.listens_at(&url, vec![Event::VisitEntered, Event::CardArrived])
        .await;
    shop.order_is_ready().await;
    shop.sees("door", -70, 3, 0).await;
    receiver.say(500, Value::Null);
    receiver.say(500, Value::Null);
    assert_eq!(shop.tells_in(0).await, 2);
    let first = receiver.heard();
    let mut kinds: Vec<String> = first
        .iter()
        .map(|asked| checked(asked)["type"].as_str().unwrap().to_owned())
        .collect();
    kinds.sort();
    assert_eq!(kinds, ["card.arrived", "visit.entered"]);
    let body = checked(&first[0]);
    assert_eq!(body["data"]["customer"], anna().to_string());
    assert_eq!(body["data"]["store"], "kade-9");
    assert!(body["timestamp"].as_str().unwrap().ends_with('Z'), "{body}");

    assert_eq!(shop.tells_in(4_000).await, 0, "the receiver asked for 30 s");
    assert_eq!(shop.tells_in(31_000).await, 2);
    let again = receiver.heard();
    let ids = |asked: &[Asked]| {
        let ids = asked
            .iter()
            .map(|asked| asked.header("webhook-id").to_owned());
        ids.collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(ids(&again), ids(&first));
    assert!(
        shop.told()
            .await
            .iter()
            .all(|m| m.state == "delivered" && m.attempts == 2)
    );

    let message = shop.told().await[0].message;
    shop.write(move |txn| rows::replay(txn.db, txn.now_ms, "till", message))
        .await;
    assert_eq!(shop.tells_in(0).await, 1);
    assert!(ids(&first).is_superset(&ids(&receiver.heard())));
}

#[tokio::test]
async fn a_receiver_hears_each_turn_of_a_journey_once_and_of_a_return_when_it_is_final() {
    let shop = Shop::open().await;
    let journeys = [
        Event::JourneyWaiting,
        Event::JourneyDepartedUnserved,
        Event::OrderCompleted,
        Event::ReturnAccepted,
    ];
    shop.listens_at("http://127.0.0.1:1", journeys.to_vec())
        .await;
    let outcome = |journey: Journey, completed: &[OrderId]| {
        let card = Card {
            whereabouts: vec![("door".parse().unwrap(), 0.9)],
            ..fixtures::card(4, anna(), journey)
        };
        Outcome {
            cards: vec![card],
            completed: completed.to_vec(),
            ..Outcome::default()
        }
    };
    let row = OrderRow {
        state: OrderState::Placed,
        ..fixtures::order(7, &kade_9(), anna(), OrderKind::Return)
    };
    let back = row.order;
    let turns = [
        outcome(Journey::Arrived, &[]),
        outcome(Journey::Waiting, &[]),
        outcome(Journey::Waiting, &[]), // seen elsewhere, no other turn
        outcome(Journey::DepartedUnserved, &[]),
        outcome(Journey::Served, &[back]),
    ];
    shop.write(move |txn| {
        orders::add_order(txn.db, txn.now_ms, &row)?;
        for turn in &turns {
            store::outcome::write(txn.db, &kade_9(), txn.now_ms, turn, true)?;
        }
        Ok(())
    })
    .await;
    let mut heard: Vec<Event> = shop.told().await.iter().map(|m| m.event).collect();
    heard.sort_by_key(|event| journeys.iter().position(|one| one == event));
    assert_eq!(heard, [journeys[0], journeys[1], journeys[3]]);
}

#[tokio::test]
async fn a_receiver_hears_that_an_order_is_ready_and_where_she_probably_stands_when_she_comes() {
    let shop = Shop::open().await;
    let wanted = vec![Event::OrderReady, Event::JourneyArrived];
    shop.listens_at("http://127.0.0.1:1", wanted).await;
    shop.order_is_ready().await;
    shop.sees("door", -70, 3, 0).await;
    shop.sees("door", -70, 3, 0).await; // seen once more: no other turn
    let mut heard: Vec<serde_json::Value> = shop
        .write(|txn| {
            let due = rows::lease(txn.db, txn.now_ms, 10)?;
            let read = |due: Due| serde_json::from_str(&due.body).unwrap();
            Ok(due.into_iter().map(read).collect())
        })
        .await;
    heard.sort_by_key(|body: &serde_json::Value| body["type"].to_string());
    let [arrived, ready] = &heard[..] else {
        panic!("{heard:#?}");
    };
    assert_eq!(
        (&arrived["type"], &ready["type"]),
        (&"journey.arrived".into(), &"order.ready".into())
    );
    assert_eq!(ready["data"]["external_id"], "1042-9");
    let [zone, share] = [0, 1].map(|n| &arrived["data"]["whereabouts"][0][n]);
    assert!(
        zone.is_string() && share.as_f64().unwrap() > 0.5,
        "{arrived}"
    );
}

#[tokio::test]
async fn a_receiver_hears_each_time_that_a_card_calls_louder() {
    let shop = Shop::open().await;
    let wanted = vec![Event::JourneyEscalated];
    shop.listens_at("http://127.0.0.1:1", wanted).await;
    let called = |call| Called {
        card: CardId::at(1, [4; 10]),
        customer: anna(),
        call,
        waits_from_ms: 1,
    };
    let outcome = Outcome {
        calls: vec![called(Call::Everybody), called(Call::Manager)],
        ..Outcome::default()
    };
    let bodies = shop
        .write(move |txn| {
            store::outcome::write(txn.db, &kade_9(), txn.now_ms, &outcome, true)?;
            let due = rows::lease(txn.db, txn.now_ms, 10)?;
            Ok(due.into_iter().map(|due| due.body).collect::<Vec<_>>())
        })
        .await;
    let mut told: Vec<String> = bodies
        .iter()
        .map(|body| {
            let body: serde_json::Value = serde_json::from_str(body).unwrap();
            assert_eq!(body["type"], "journey.escalated");
            body["data"]["called"].as_str().unwrap().to_owned()
        })
        .collect();
    told.sort();
    assert_eq!(told, ["everybody", "manager"]);
}

#[tokio::test]
async fn a_receiver_that_is_gone_is_left_alone_until_it_is_put_again() {
    let shop = Shop::open().await;
    let (receiver, url) = Provider::start().await;
    shop.listens_at(
        &url,
        vec![Event::VisitEntered, Event::VisitLeft, Event::MessageSent],
    )
    .await;
    shop.offer_sent().await;
    receiver.say(410, Value::Null);
    receiver.say(410, Value::Null);
    assert!(shop.tells_in(0).await > 0);
    receiver.heard();
    let before = shop.told().await.len();
    shop.order_is_ready().await;
    assert_eq!(shop.tells_in(86_400_000).await, 0);
    assert_eq!(shop.told().await.len(), before);
    shop.listens_at(&url, vec![Event::VisitEntered]).await;
    let message = shop.told().await[0].message;
    shop.write(move |txn| rows::replay(txn.db, txn.now_ms, "till", message))
        .await;
    assert_eq!(shop.tells_in(0).await, 1);
    assert_eq!(receiver.heard().len(), 1);
}

#[tokio::test]
async fn what_a_receiver_was_told_goes_with_the_customer_it_is_about() {
    let shop = Shop::open().await;
    shop.listens_at("http://127.0.0.1:1", vec![Event::VisitEntered])
        .await;
    shop.sees("door", -70, 3, 0).await;
    assert_eq!(shop.told().await.len(), 1);
    shop.write(|txn| txn.erase(anna())).await;
    assert_eq!(shop.told().await, []);
}

impl Shop {
    /// An offer has gone out.
    async fn offer_sent(&self) {
        self.sees("back", -50, 3, 0).await;
        let sent = self.leased_in(0).await.remove(0).delivery;
        self.write(move |txn| outbox::record_sent(txn.db, txn.now_ms, sent, "pushed"))
            .await;
        let events: Vec<Event> = self.told().await.iter().map(|m| m.event).collect();
        assert_eq!(events, [Event::VisitEntered, Event::MessageSent]);
    }
}
