//! The questions behind an export, one for each kind of row.
//!
//! In: a customer. Out: her rows, oldest first.
//! Invariant: each column is named: one that is added to a table is told on purpose or not at all.

use std::collections::BTreeSet;

use protocol::{
    CampaignId, CardId, CustomerId, DecisionId, DeliveryId, DeviceId, OrderId, RadioId, RewardId,
    VisitId,
};
use rusqlite::{Connection, OptionalExtension, Params, Row, params};
use serde_json::Value;
use uuid::Uuid;

use super::{
    super::{StoreError, uint},
    Attempt, Card, Category, Consent, Decision, Device, Enrolment, Expires, Export, HeardPart,
    Message, Mute, Name, Online, Order, OrderLine, Person, Purchase, PurchaseLine, Push,
    PushAddress, PushAttempt, Radio, ShopNumber, Stand, Task, ToldToOthers, Visit, VisitChange,
    Walk, ZoneStay,
};

pub(super) fn list<T>(
    db: &Connection,
    sql: &str,
    key: impl Params,
    read: impl Fn(&Row<'_>) -> Result<T, rusqlite::Error>,
) -> Result<Vec<T>, StoreError> {
    let mut statement = db.prepare_cached(sql)?;
    let rows = statement.query_map(key, |row| read(row))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(super) fn ms(row: &Row<'_>, at: usize) -> Result<u64, rusqlite::Error> {
    row.get(at).map(uint)
}

pub(super) fn maybe_ms(row: &Row<'_>, at: usize) -> Result<Option<u64>, rusqlite::Error> {
    Ok(row.get::<_, Option<i64>>(at)?.map(uint))
}

fn maybe_id<I>(row: &Row<'_>, at: usize, id: fn(Uuid) -> I) -> Result<Option<I>, rusqlite::Error> {
    Ok(row.get::<_, Option<Uuid>>(at)?.map(id))
}

/// What we wrote ourselves as JSON; what cannot be read any more is told as the text that it is.
fn json(text: String) -> Value {
    serde_json::from_str(&text).unwrap_or(Value::String(text))
}

pub(super) fn person(db: &Connection, customer: CustomerId) -> Result<Person, StoreError> {
    let found = db
        .prepare_cached(
            "SELECT external_id, given_name, family_name, salutation, language, created_ms
             FROM customers WHERE customer = ?1",
        )?
        .query_row([customer.0], |row| {
            Ok(Person {
                customer,
                external_id: row.get(0)?,
                given_name: row.get(1)?,
                family_name: row.get(2)?,
                salutation: row.get(3)?,
                language: row.get(4)?,
                created_ms: ms(row, 5)?,
            })
        })
        .optional()?;
    found.ok_or(StoreError::NotFound("customer"))
}

pub(super) fn consent(db: &Connection, customer: CustomerId) -> Result<Vec<Consent>, StoreError> {
    list(
        db,
        "SELECT purpose, granted, text_version, language, source, at_ms FROM consent_ledger
         WHERE customer = ?1 ORDER BY entry",
        [customer.0],
        |row| {
            Ok(Consent {
                purpose: row.get(0)?,
                granted: row.get(1)?,
                text_version: row.get(2)?,
                language: row.get(3)?,
                source: row.get(4)?,
                at_ms: ms(row, 5)?,
            })
        },
    )
}

pub(super) fn devices(db: &Connection, customer: CustomerId) -> Result<Vec<Device>, StoreError> {
    let mut devices = list(
        db,
        "SELECT device, platform, created_ms FROM devices WHERE customer = ?1
         ORDER BY created_ms, device",
        [customer.0],
        |row| {
            Ok(Device {
                device: DeviceId(row.get(0)?),
                platform: row.get(1)?,
                created_ms: ms(row, 2)?,
                radios: Vec::new(),
            })
        },
    )?;
    for device in &mut devices {
        device.radios = list(
            db,
            "SELECT radio, valid_from_ms, valid_to_ms FROM radios
             WHERE device = ?1 AND customer = ?2 ORDER BY valid_from_ms",
            [device.device.0, customer.0],
            |row| {
                Ok(Radio {
                    radio: RadioId(row.get(0)?),
                    valid_from_ms: ms(row, 1)?,
                    valid_to_ms: maybe_ms(row, 2)?,
                })
            },
        )?;
    }
    Ok(devices)
}

pub(super) fn enrolments(
    db: &Connection,
    customer: CustomerId,
) -> Result<Vec<Enrolment>, StoreError> {
    list(
        db,
        "SELECT expires_ms, used_ms FROM enrolments WHERE customer = ?1 ORDER BY expires_ms",
        [customer.0],
        |row| {
            Ok(Enrolment {
                expires_ms: ms(row, 0)?,
                used_ms: maybe_ms(row, 1)?,
            })
        },
    )
}

/// Of `page_links` or `sessions`.
pub(super) fn expiring(
    db: &Connection,
    table: &'static str,
    customer: CustomerId,
) -> Result<Vec<Expires>, StoreError> {
    let sql = format!("SELECT expires_ms FROM {table} WHERE customer = ?1 ORDER BY expires_ms");
    list(db, &sql, [customer.0], |row| {
        Ok(Expires {
            expires_ms: ms(row, 0)?,
        })
    })
}

pub(super) fn push_addresses(
    db: &Connection,
    customer: CustomerId,
) -> Result<Vec<PushAddress>, StoreError> {
    list(
        db,
        "SELECT kind, device, registered_ms FROM push_addresses WHERE customer = ?1
         ORDER BY registered_ms",
        [customer.0],
        |row| {
            Ok(PushAddress {
                kind: row.get(0)?,
                device: maybe_id(row, 1, DeviceId)?,
                registered_ms: ms(row, 2)?,
            })
        },
    )
}

pub(super) fn channels(
    db: &Connection,
    customer: CustomerId,
) -> Result<Option<Vec<String>>, StoreError> {
    let said: Option<String> = db
        .prepare_cached("SELECT channels FROM channel_orders WHERE customer = ?1")?
        .query_row([customer.0], |row| row.get(0))
        .optional()?;
    let names = |text: String| {
        let names = text.split(',').filter(|name| !name.is_empty());
        names.map(str::to_owned).collect()
    };
    Ok(said.map(names))
}

pub(super) fn mutes(db: &Connection, customer: CustomerId) -> Result<Vec<Mute>, StoreError> {
    list(
        db,
        "SELECT kind, value, until_ms FROM mutes WHERE customer = ?1 ORDER BY kind, value",
        [customer.0],
        |row| {
            Ok(Mute {
                kind: row.get(0)?,
                value: row.get(1)?,
                until_ms: maybe_ms(row, 2)?,
            })
        },
    )
}

pub(super) fn online(db: &Connection, customer: CustomerId) -> Result<Vec<Online>, StoreError> {
    list(
        db,
        "SELECT kind, sku, grouped, at_ms, price_minor FROM intents WHERE customer = ?1
         ORDER BY at_ms, sku, kind",
        [customer.0],
        |row| {
            Ok(Online {
                did: row.get(0)?,
                sku: row.get(1)?,
                grouped: row.get(2)?,
                at_ms: ms(row, 3)?,
                price_minor: maybe_ms(row, 4)?,
            })
        },
    )
}

pub(super) fn categories(
    db: &Connection,
    customer: CustomerId,
) -> Result<Vec<Category>, StoreError> {
    list(
        db,
        "SELECT category, at_ms FROM interests WHERE customer = ?1 ORDER BY at_ms, category",
        [customer.0],
        |row| {
            Ok(Category {
                category: row.get(0)?,
                at_ms: ms(row, 1)?,
            })
        },
    )
}

pub(super) fn purchases(
    db: &Connection,
    customer: CustomerId,
) -> Result<Vec<Purchase>, StoreError> {
    let mut purchases = list(
        db,
        "SELECT receipt, store, at_ms, total_minor, currency, state, version_ms FROM receipts
         WHERE customer = ?1 ORDER BY at_ms, receipt",
        [customer.0],
        |row| {
            Ok(Purchase {
                receipt: row.get(0)?,
                store: row.get(1)?,
                at_ms: maybe_ms(row, 2)?,
                total_minor: maybe_ms(row, 3)?,
                currency: row.get(4)?,
                state: row.get(5)?,
                version_ms: ms(row, 6)?,
                lines: Vec::new(),
            })
        },
    )?;
    for purchase in &mut purchases {
        purchase.lines = list(
            db,
            "SELECT sku, grouped, quantity, price_minor FROM receipt_lines WHERE receipt = ?1
             ORDER BY sku, grouped",
            [&purchase.receipt],
            |row| {
                Ok(PurchaseLine {
                    sku: row.get(0)?,
                    grouped: row.get(1)?,
                    quantity: row.get(2)?,
                    price_minor: maybe_ms(row, 3)?,
                })
            },
        )?;
    }
    Ok(purchases)
}

pub(super) fn orders(db: &Connection, customer: CustomerId) -> Result<Vec<Order>, StoreError> {
    let mut orders = list(
        db,
        "SELECT \"order\", external_id, store, state, bay, code, created_ms, changed_ms,
           kind, due_ms, held_ms
         FROM orders WHERE customer = ?1 ORDER BY created_ms, \"order\"",
        [customer.0],
        |row| {
            Ok(Order {
                order: OrderId(row.get(0)?),
                external_id: row.get(1)?,
                store: row.get(2)?,
                state: row.get(3)?,
                bay: row.get(4)?,
                code: row.get(5)?,
                created_ms: ms(row, 6)?,
                changed_ms: ms(row, 7)?,
                kind: row.get(8)?,
                due_ms: maybe_ms(row, 9)?,
                held_ms: maybe_ms(row, 10)?,
                lines: Vec::new(),
                shop_numbers: Vec::new(),
            })
        },
    )?;
    for order in &mut orders {
        let id = [order.order.0];
        order.lines = list(
            db,
            "SELECT sku, quantity FROM order_lines WHERE \"order\" = ?1 ORDER BY sku",
            id,
            |row| {
                Ok(OrderLine {
                    sku: row.get(0)?,
                    quantity: row.get(1)?,
                })
            },
        )?;
        order.shop_numbers = list(
            db,
            "SELECT source, external FROM source_orders WHERE \"order\" = ?1 ORDER BY source",
            id,
            |row| {
                Ok(ShopNumber {
                    source: row.get(0)?,
                    external: row.get(1)?,
                })
            },
        )?;
    }
    Ok(orders)
}

pub(super) fn cards(db: &Connection, customer: CustomerId) -> Result<Vec<Card>, StoreError> {
    list(
        db,
        "SELECT card, store, journey, arrived_ms, alerted_ms, since_ms, taken_ms, body FROM cards
         WHERE customer = ?1 ORDER BY arrived_ms, card",
        [customer.0],
        |row| {
            let mut seen = json(row.get(7)?);
            if let Some(fields) = seen.as_object_mut() {
                fields.remove("taken_by");
            }
            Ok(Card {
                card: CardId(row.get(0)?),
                store: row.get(1)?,
                journey: row.get(2)?,
                arrived_ms: ms(row, 3)?,
                alerted_ms: ms(row, 4)?,
                since_ms: ms(row, 5)?,
                taken_ms: maybe_ms(row, 6)?,
                seen,
            })
        },
    )
}

pub(super) fn visits(db: &Connection, customer: CustomerId) -> Result<Vec<Visit>, StoreError> {
    let mut visits = list(
        db,
        "SELECT visit, store, entered_ms, left_ms, purpose, late FROM visits
         WHERE customer = ?1 ORDER BY entered_ms, visit",
        [customer.0],
        |row| {
            Ok(Visit {
                visit: VisitId(row.get(0)?),
                store: row.get(1)?,
                entered_ms: ms(row, 2)?,
                left_ms: maybe_ms(row, 3)?,
                purpose: row.get(4)?,
                late: row.get(5)?,
                zones: Vec::new(),
                changes: Vec::new(),
            })
        },
    )?;
    for visit in &mut visits {
        let id = [visit.visit.0];
        visit.zones = list(
            db,
            "SELECT zone, from_ms, to_ms FROM zone_stays WHERE visit = ?1 ORDER BY from_ms, zone",
            id,
            |row| {
                Ok(ZoneStay {
                    zone: row.get(0)?,
                    from_ms: ms(row, 1)?,
                    to_ms: maybe_ms(row, 2)?,
                })
            },
        )?;
        visit.changes = list(
            db,
            "SELECT n, at_ms, change, zone, body FROM visit_changes WHERE visit = ?1 ORDER BY n",
            id,
            |row| {
                Ok(VisitChange {
                    n: ms(row, 0)?,
                    at_ms: ms(row, 1)?,
                    change: row.get(2)?,
                    zone: row.get(3)?,
                    why: row.get::<_, Option<String>>(4)?.map(json),
                })
            },
        )?;
    }
    Ok(visits)
}

pub(super) fn decisions(
    db: &Connection,
    customer: CustomerId,
) -> Result<Vec<Decision>, StoreError> {
    list(
        db,
        "SELECT decision, store, visit, zone, choice, sku, reason, decided_ms, campaign, version,
           arm, body
         FROM decisions WHERE customer = ?1 ORDER BY decided_ms, decision",
        [customer.0],
        |row| {
            Ok(Decision {
                decision: DecisionId(row.get(0)?),
                store: row.get(1)?,
                visit: VisitId(row.get(2)?),
                zone: row.get(3)?,
                choice: row.get(4)?,
                sku: row.get(5)?,
                reason: row.get(6)?,
                decided_ms: ms(row, 7)?,
                campaign: maybe_id(row, 8, CampaignId)?,
                campaign_version: row.get(9)?,
                arm: row.get(10)?,
                facts: json(row.get(11)?),
            })
        },
    )
}

pub(super) fn messages(db: &Connection, customer: CustomerId) -> Result<Vec<Message>, StoreError> {
    let mut messages = list(
        db,
        "SELECT delivery, store, channel, class, cause, visit, sku, decision, card, campaign,
           version, reward, after_exit, created_ms, relevant_until_ms, state, n, attempts, sent_ms,
           displayed_ms, opened_ms, \"order\"
         FROM deliveries WHERE customer = ?1 ORDER BY created_ms, delivery",
        [customer.0],
        |row| {
            Ok(Message {
                delivery: DeliveryId(row.get(0)?),
                store: row.get(1)?,
                channel: row.get(2)?,
                class: row.get(3)?,
                cause: row.get(4)?,
                visit: maybe_id(row, 5, VisitId)?,
                sku: row.get(6)?,
                decision: maybe_id(row, 7, DecisionId)?,
                card: maybe_id(row, 8, CardId)?,
                campaign: maybe_id(row, 9, CampaignId)?,
                campaign_version: row.get(10)?,
                reward: maybe_id(row, 11, RewardId)?,
                after_exit: row.get(12)?,
                created_ms: ms(row, 13)?,
                relevant_until_ms: ms(row, 14)?,
                state: row.get(15)?,
                n: maybe_ms(row, 16)?,
                attempt_count: row.get(17)?,
                sent_ms: maybe_ms(row, 18)?,
                displayed_ms: maybe_ms(row, 19)?,
                opened_ms: maybe_ms(row, 20)?,
                order: maybe_id(row, 21, OrderId)?,
                said: None,
                attempts: Vec::new(),
                push: None,
            })
        },
    )?;
    for message in &mut messages {
        message.attempts = list(
            db,
            "SELECT attempt, at_ms, result FROM attempts WHERE delivery = ?1 ORDER BY attempt",
            [message.delivery.0],
            |row| {
                Ok(Attempt {
                    attempt: row.get(0)?,
                    at_ms: ms(row, 1)?,
                    result: row.get(2)?,
                })
            },
        )?;
        message.push = push(db, message.delivery)?;
    }
    Ok(messages)
}

fn push(db: &Connection, delivery: DeliveryId) -> Result<Option<Push>, StoreError> {
    let found = db
        .prepare_cached(
            "SELECT state, due_ms, attempts, accepted_ms FROM pushes WHERE delivery = ?1",
        )?
        .query_row([delivery.0], |row| {
            Ok(Push {
                state: row.get(0)?,
                due_ms: ms(row, 1)?,
                attempt_count: row.get(2)?,
                accepted_ms: maybe_ms(row, 3)?,
                attempts: Vec::new(),
            })
        })
        .optional()?;
    let Some(mut push) = found else {
        return Ok(None);
    };
    push.attempts = list(
        db,
        "SELECT attempt, at_ms, kind, result, status, said FROM push_attempts
         WHERE delivery = ?1 ORDER BY attempt",
        [delivery.0],
        |row| {
            Ok(PushAttempt {
                attempt: row.get(0)?,
                at_ms: ms(row, 1)?,
                kind: row.get(2)?,
                result: row.get(3)?,
                status: row.get(4)?,
                said: row.get(5)?,
            })
        },
    )?;
    Ok(Some(push))
}

pub(super) fn walks(db: &Connection, customer: CustomerId) -> Result<Vec<Walk>, StoreError> {
    let mut walks = list(
        db,
        "SELECT store, begun_ms, ended_ms FROM walks WHERE customer = ?1 ORDER BY begun_ms",
        [customer.0],
        |row| {
            Ok(Walk {
                store: row.get(0)?,
                begun_ms: ms(row, 1)?,
                ended_ms: maybe_ms(row, 2)?,
                stands: Vec::new(),
            })
        },
    )?;
    for walk in &mut walks {
        walk.stands = list(
            db,
            "SELECT n, zone, from_ms, to_ms FROM walk_stands WHERE store = ?1 ORDER BY n",
            [&walk.store],
            |row| {
                Ok(Stand {
                    n: row.get(0)?,
                    zone: row.get(1)?,
                    from_ms: ms(row, 2)?,
                    to_ms: maybe_ms(row, 3)?,
                    heard: Vec::new(),
                })
            },
        )?;
        for stand in &mut walk.stands {
            stand.heard = list(
                db,
                "SELECT part, anchor, sightings, sum_dbm, squares FROM walk_parts
                 WHERE store = ?1 AND n = ?2 ORDER BY part, anchor",
                params![walk.store, stand.n],
                |row| {
                    Ok(HeardPart {
                        part: row.get(0)?,
                        anchor: row.get(1)?,
                        sightings: row.get(2)?,
                        sum_dbm: row.get(3)?,
                        squares: row.get(4)?,
                    })
                },
            )?;
        }
    }
    Ok(walks)
}

pub(super) fn tasks(db: &Connection, customer: CustomerId) -> Result<Vec<Task>, StoreError> {
    list(
        db,
        "SELECT task, at_ms, source, kind, external, done_ms FROM tasks WHERE customer = ?1
         ORDER BY task",
        [customer.0],
        |row| {
            Ok(Task {
                task: row.get(0)?,
                at_ms: ms(row, 1)?,
                source: row.get(2)?,
                kind: row.get(3)?,
                external: row.get(4)?,
                done_ms: maybe_ms(row, 5)?,
            })
        },
    )
}

pub(super) fn told_to_others(
    db: &Connection,
    customer: CustomerId,
) -> Result<Vec<ToldToOthers>, StoreError> {
    list(
        db,
        "SELECT m.message, w.name, m.event, m.body, m.created_ms, m.state, m.due_ms, m.attempts,
           m.status, m.said
         FROM webhook_messages m JOIN webhooks w ON w.webhook = m.webhook WHERE m.customer = ?1
         ORDER BY m.message",
        [customer.0],
        |row| {
            Ok(ToldToOthers {
                message: row.get(0)?,
                receiver: row.get(1)?,
                event: row.get(2)?,
                body: json(row.get(3)?),
                created_ms: ms(row, 4)?,
                state: row.get(5)?,
                due_ms: ms(row, 6)?,
                attempt_count: row.get(7)?,
                status: row.get(8)?,
                said: row.get(9)?,
            })
        },
    )
}

/// What the ids in an export are called; what has no name any more is left out.
pub(super) fn names(db: &Connection, export: &Export) -> Result<Vec<Name>, StoreError> {
    let mut names = Vec::new();
    for store in stores(export) {
        names.extend(list(
            db,
            "SELECT name FROM stores WHERE store = ?1",
            [store],
            |row| {
                let name: String = row.get(0)?;
                Ok(Name {
                    of: "store",
                    store: None,
                    id: store.to_owned(),
                    nl: name.clone(),
                    en: name,
                })
            },
        )?);
        names.extend(list(
            db,
            "SELECT zone, name_nl, name_en FROM zones WHERE store = ?1 ORDER BY zone",
            [store],
            |row| {
                Ok(Name {
                    of: "zone",
                    store: Some(store.to_owned()),
                    id: row.get(0)?,
                    nl: row.get(1)?,
                    en: row.get(2)?,
                })
            },
        )?);
    }
    for sku in products(export) {
        names.extend(list(
            db,
            "SELECT name_nl, name_en FROM products WHERE sku = ?1 OR product = ?1
             ORDER BY sku = ?1 DESC, sku LIMIT 1",
            [sku],
            |row| {
                Ok(Name {
                    of: "product",
                    store: None,
                    id: sku.to_owned(),
                    nl: row.get(0)?,
                    en: row.get(1)?,
                })
            },
        )?);
    }
    Ok(names)
}

fn stores(export: &Export) -> BTreeSet<&str> {
    let visits = export.visits.iter().map(|visit| visit.store.as_str());
    let orders = export.orders.iter().map(|order| order.store.as_str());
    let cards = export.cards.iter().map(|card| card.store.as_str());
    let decisions = export.decisions.iter().map(|one| one.store.as_str());
    let messages = export.messages.iter().map(|one| one.store.as_str());
    let walks = export.walks.iter().map(|walk| walk.store.as_str());
    let bought = export.purchases.iter();
    let bought = bought.filter_map(|purchase| purchase.store.as_deref());
    let stamped = export.stamp_card.iter().flat_map(|card| &card.moments);
    let stamped = stamped.filter_map(|stamp| stamp.store.as_deref());
    let muted = export.mutes.iter().filter(|mute| mute.kind == "store");
    let muted = muted.map(|mute| mute.value.as_str());
    visits
        .chain(orders)
        .chain(cards)
        .chain(decisions)
        .chain(messages)
        .chain(walks)
        .chain(bought)
        .chain(stamped)
        .chain(muted)
        .collect()
}

fn products(export: &Export) -> BTreeSet<&str> {
    let online = export.online.iter().map(|one| one.sku.as_str());
    let bought = export.purchases.iter().flat_map(|one| &one.lines);
    let ordered = export.orders.iter().flat_map(|one| &one.lines);
    let told = export.messages.iter().filter_map(|one| one.sku.as_deref());
    online
        .chain(bought.map(|line| line.sku.as_str()))
        .chain(ordered.map(|line| line.sku.as_str()))
        .chain(told)
        .collect()
}
