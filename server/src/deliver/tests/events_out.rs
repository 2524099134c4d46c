//! `docs/events-out.md` shows the bodies that this code sends.
//!
//! In: each event, made to happen. Out: its body, compared with the one in the document: the same
//! fields, of the same kinds, and the same words; ids and times are anybody's.

use std::collections::BTreeMap;

use engine::{
    Outcome,
    journey::{Call, Journey},
    outcome::{Because, Called, Card, Cause, Delivery, VisitChange, Why},
};
use protocol::{DeliveryId, VisitId};
use serde_json::Value;

use super::*;
use crate::store::{
    self, fixtures,
    receivers::{self, Event},
};

const DOCUMENT: &str = include_str!("../../../../docs/events-out.md");

fn card(journey: Journey) -> Card {
    Card {
        whereabouts: vec![
            ("door".parse().unwrap(), 0.75),
            ("back".parse().unwrap(), 0.25),
        ],
        ..fixtures::card(4, anna(), journey)
    }
}

fn order(number: u8, external_id: &str, kind: OrderKind) -> OrderRow {
    OrderRow {
        external_id: external_id.into(),
        ..fixtures::order(number, &kade_9(), anna(), kind)
    }
}

/// One turn for each event that the engine causes.
fn turns() -> Vec<Outcome> {
    let of = |cause| Delivery {
        delivery: DeliveryId::at(1, [6; 10]),
        customer: anna(),
        cause,
        relevant_until_ms: u64::MAX >> 12,
    };
    let shows = |journey| Outcome {
        cards: vec![card(journey)],
        ..Outcome::default()
    };
    let ready = of(Cause::Ready {
        order: order(1, "", OrderKind::Return).order,
    });
    let arrival = of(Cause::Arrival {
        card: card(Journey::Arrived).card,
    });
    vec![
        Outcome {
            deliveries: vec![ready],
            ..Outcome::default()
        },
        Outcome {
            deliveries: vec![Delivery {
                delivery: DeliveryId::at(1, [7; 10]),
                ..arrival
            }],
            ..shows(Journey::Arrived)
        },
        shows(Journey::Waiting),
        Outcome {
            calls: vec![Called {
                card: card(Journey::Waiting).card,
                customer: anna(),
                call: Call::Everybody,
                waits_from_ms: 1,
            }],
            ..Outcome::default()
        },
        shows(Journey::DepartedUnserved),
        Outcome {
            completed: vec![
                order(1, "", OrderKind::Return).order,
                order(2, "", OrderKind::Return).order,
            ],
            ..Outcome::default()
        },
        Outcome {
            visits: vec![VisitChange::Left {
                visit: VisitId::at(1, [5; 10]),
                left_ms: 3,
                why: Why {
                    because: Because::Silence,
                    decided_ms: 4,
                    zones: Vec::new(),
                    heard: Vec::new(),
                },
            }],
            ..Outcome::default()
        },
    ]
}

/// The bodies that go out, by event.
async fn sent() -> BTreeMap<String, Value> {
    let shop = Shop::open().await;
    shop.listens_at("http://127.0.0.1:1", Event::ALL.to_vec())
        .await;
    shop.sees("back", -50, 3, 0).await; // a visit, and an offer
    let offer = shop.leased_in(0).await.remove(0).delivery;
    let bodies = shop
        .write(move |txn| {
            outbox::record_sent(txn.db, txn.now_ms, offer, "pushed")?;
            orders::add_order(
                txn.db,
                txn.now_ms,
                &order(1, "1042-1", OrderKind::ClickAndCollect),
            )?;
            orders::add_order(txn.db, txn.now_ms, &order(2, "R-1042", OrderKind::Return))?;
            // The visit is over under an id that the document can show.
            txn.db.execute(
                "INSERT INTO visits SELECT ?1, store, customer, entered_ms, NULL, purpose, late
                 FROM visits",
                [VisitId::at(1, [5; 10]).0],
            )?;
            for turn in turns() {
                store::outcome::write(txn.db, &kade_9(), txn.now_ms, &turn, true)?;
            }
            let due = receivers::lease(txn.db, txn.now_ms, 100)?;
            Ok(due.into_iter().map(|due| due.body).collect::<Vec<_>>())
        })
        .await;
    let bodies = bodies.iter().map(|body| {
        let body: Value = serde_json::from_str(body).unwrap();
        (body["type"].as_str().unwrap().to_owned(), body)
    });
    bodies.collect()
}

/// The body under the heading of each event.
fn documented() -> BTreeMap<String, Value> {
    let sections = DOCUMENT.split("\n## `").skip(1);
    sections
        .map(|section| {
            let (event, rest) = section.split_once('`').unwrap();
            let (_, after) = rest.split_once("```json\n").unwrap();
            let (body, _) = after.split_once("```").unwrap();
            let body: Value = serde_json::from_str(body).unwrap_or_else(|e| panic!("{event}: {e}"));
            assert_eq!(body["type"], event);
            (event.to_owned(), body)
        })
        .collect()
}

/// Ids, times and shares are anybody's; everything else is the same.
fn shape(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let fields = fields.iter();
            fields
                .map(|(name, value)| (name.clone(), shape(value)))
                .collect()
        }
        Value::Array(items) => items.iter().map(shape).collect(),
        Value::Number(_) => "a number".into(),
        Value::String(text) if text.parse::<uuid::Uuid>().is_ok() => "an id".into(),
        Value::String(text) if text.parse::<jiff::Timestamp>().is_ok() => "a time".into(),
        other => other.clone(),
    }
}

#[tokio::test]
async fn the_document_shows_each_event_as_it_is_sent() {
    let (sent, documented) = (sent().await, documented());
    let names: Vec<String> = Event::ALL.iter().map(store::word).collect();
    for name in &names {
        let body = sent
            .get(name)
            .unwrap_or_else(|| panic!("{name} was not sent"));
        let shown = documented
            .get(name)
            .unwrap_or_else(|| panic!("{name} is not documented"));
        assert_eq!(
            shape(shown),
            shape(body),
            "{name}:\n{}",
            serde_json::to_string(body).unwrap()
        );
    }
    let schema = <Event as utoipa::PartialSchema>::schema();
    let schema = serde_json::to_value(schema).unwrap();
    assert_eq!(schema["enum"].as_array().unwrap().len(), names.len());
    assert_eq!(
        documented.len(),
        names.len(),
        "something is documented that is never sent"
    );
}
