//! A store, products, a customer, her order and her card, for the tests of the rooms around.

use engine::{
    input::{OrderKind, OrderState},
    outcome::{Card, Journey},
};
use protocol::{CardId, CustomerId, OrderId, Sku, StoreId};
use rusqlite::Connection;

use super::{
    catalogue::{self, ProductRow},
    orders::{Details, OrderRow},
    people::{self, CustomerRow},
    shop::{self, Names, StoreRow},
};

pub(crate) fn store(db: &Connection) -> StoreId {
    let row = StoreRow {
        store: "kade-9".parse().unwrap(),
        name: "Kade 9".into(),
        timezone: "Europe/Amsterdam".into(),
        opens: "00:00".into(),
        closes: "23:59".into(),
        quiet: None,
        messages_per_day_max: 2,
    };
    shop::put_store(db, &row, 1).unwrap();
    for zone in ["door", "back"] {
        let name = Names {
            nl: zone.into(),
            en: zone.into(),
        };
        shop::put_zone(db, &row.store, &zone.parse().unwrap(), &name).unwrap();
    }
    row.store
}

pub(crate) fn product(
    db: &Connection,
    sku: &str,
    product: Option<&str>,
    category: Option<&str>,
    price_minor: u64,
) -> Sku {
    let row = ProductRow {
        sku: sku.parse().unwrap(),
        name: Names {
            nl: sku.into(),
            en: sku.into(),
        },
        price_minor,
        currency: "EUR".into(),
        product: product.map(|product| product.parse().unwrap()),
        category: category.map(str::to_owned),
        variant: None,
    };
    catalogue::put_product(db, &row, 1).unwrap();
    row.sku
}

pub(crate) fn customer(db: &Connection, external_id: &str, n: u8) -> CustomerId {
    let row = CustomerRow {
        customer: CustomerId::at(1, [n; 10]),
        external_id: external_id.into(),
        given_name: "Anna".into(),
        family_name: "de Vries".into(),
        salutation: None,
        language: "nl".into(),
    };
    people::put_customer(db, 1, &row).unwrap().0
}

/// One lamp of hers, set aside.
pub(crate) fn order(n: u8, store: &StoreId, customer: CustomerId, kind: OrderKind) -> OrderRow {
    OrderRow {
        order: OrderId::at(1, [n; 10]),
        external_id: format!("1042-{n}"),
        store: store.clone(),
        customer,
        kind,
        state: OrderState::Ready,
        due_ms: None,
        bay: None,
        code: "7419".into(),
        share_code: None,
        lines: vec![("LAMP".parse().unwrap(), 1)],
        details: Details::default(),
    }
}

/// A card with which nobody did anything yet.
pub(crate) fn card(n: u8, customer: CustomerId, journey: Journey) -> Card {
    Card {
        card: CardId::at(1, [n; 10]),
        customer,
        orders: Vec::new(),
        journey,
        arrived_ms: 1,
        eta_ms: None,
        undo_until_ms: None,
        since_ms: 2,
        taken_by: None,
        taken_ms: None,
        whereabouts: Vec::new(),
        wrong_codes: 0,
        not_here: false,
        check: false,
        called: None,
        somebody_else: false,
    }
}

/// A word that stands in all that [`everything_of`] writes and nowhere else.
pub(crate) const HERS: &str = "7Q3X9";
/// What opens something: a key, a token's hash, a browser's secret.
pub(crate) const SECRET: [u8; 16] = *b"geheim-van-Anna!";

/// A row of hers in every table that can have one. Whoever adds such a table adds a row here: a
/// test of the export looks whether one is missing.
pub(crate) fn everything_of(db: &Connection, customer: CustomerId, n: u8) {
    let id = |kind: u8| {
        uuid::Uuid::from_bytes([kind, n, 0, 0, 0, 0, 0x70, 0, 0x80, 0, 0, 0, 0, 0, 0, 1])
    };
    let secret = hex::encode(SECRET);
    let insert = |sql: &str| {
        let mut sql = sql.replace("$WHO", &format!("x'{}'", hex::encode(customer.0)));
        for (name, kind) in [
            ("$DEVICE", 1),
            ("$RADIO", 2),
            ("$ORDER", 3),
            ("$VISIT", 4),
            ("$CARD", 5),
            ("$DECISION", 6),
            ("$DELIVERY", 7),
            ("$MESSAGE", 8),
            ("$REWARD", 9),
        ] {
            sql = sql.replace(name, &format!("x'{}'", hex::encode(id(kind))));
        }
        let sql = sql
            .replace("$SECRET", &format!("x'{secret}{n:02x}'"))
            .replace("$HERS", HERS);
        db.execute_batch(&sql.replace("$N", &n.to_string()))
            .unwrap_or_else(|e| panic!("{e}: {sql}"));
    };
    insert("INSERT OR IGNORE INTO sources VALUES ('web', 'shopify', 'hush', 'kade-9', 'EUR', 1);
      INSERT OR IGNORE INTO webhooks VALUES (x'99000000000000000000000000000000', 'till', 'http://t', 'whsec', 'visit.left', 1, NULL);
      INSERT OR IGNORE INTO loyalty_rules VALUES ('coffee', ',visit,', 5, NULL, NULL, 'een koffie', 'a coffee', 1, 'published', 0);
      UPDATE customers SET family_name = 'de Vries $HERS' WHERE customer = $WHO");
    for sql in [
        "INSERT INTO consent_ledger VALUES (NULL, $WHO, 'messages', 1, 'v-$HERS', 'nl', 'page', 5)",
        "INSERT INTO devices VALUES ($DEVICE, $WHO, 'android', $SECRET, $SECRET, 6)",
        "INSERT INTO radios VALUES ($RADIO, $DEVICE, $WHO, x'67656865696d2d76616e2d416e6e6121', 9, 7, NULL)",
        "INSERT INTO enrolments VALUES ($SECRET, $WHO, 8, NULL)",
        "INSERT INTO page_links VALUES ($SECRET, $WHO, 9)",
        "INSERT INTO sessions VALUES ($SECRET, NULL, $WHO, 'geheim-van-Anna!', 99999999999999)",
        "INSERT INTO push_addresses VALUES ($SECRET, $WHO, $DEVICE, 'web_push', 'geheim-van-Anna!$N', $SECRET, $SECRET, 10)",
        "INSERT INTO channel_orders VALUES ($WHO, 'web_push,in_app')",
        "INSERT INTO mutes VALUES ($WHO, 'topic', 'lampen-$HERS', 11)",
        "INSERT INTO intents VALUES ($WHO, 'LAMP-$HERS', 0, 12, 'wishlisted', 8000)",
        "INSERT INTO interests VALUES ($WHO, 'lampen-$HERS', 13)",
        "INSERT INTO receipts VALUES ('shop/$HERS-$N', $WHO, 'kade-9', 14, 100, 'EUR', 'bought', 15)",
        "INSERT INTO receipt_lines VALUES ('shop/$HERS-$N', 'LAMP-$HERS', 0, 2, 50)",
        "INSERT INTO orders VALUES ($ORDER, '1042-$HERS-$N', 'kade-9', $WHO, 'completed', 'B-$HERS', '7419', 16, 17, 'return', 18, NULL, 0, 19, 1, 20, '5500', $SECRET)",
        "INSERT INTO order_lines VALUES ($ORDER, 'LAMP', 3)",
        "INSERT INTO source_orders VALUES ('web', '82-$HERS-$N', $ORDER)",
        "INSERT INTO visits VALUES ($VISIT, 'kade-9', $WHO, 18, 19, 'messages', 0)",
        "INSERT INTO zone_stays VALUES ($VISIT, 18, 'door', 19)",
        "INSERT INTO visit_changes VALUES ($VISIT, 1, 18, 'entered', 'door', '{\"note\":\"$HERS\"}')",
        "INSERT INTO cards VALUES ($CARD, 'kade-9', $WHO, 'served', 20, 21, 22, x'77', 23, '{\"taken_by\":\"colleague\",\"note\":\"$HERS\"}')",
        "INSERT INTO waits VALUES ($N, 'kade-9', '2026-11-21', 14, 6, 'return', 60000, 20000, 'served', 4)",
        "INSERT INTO wait_links VALUES ($CARD, $N, 40)",
        "INSERT INTO decisions (decision, store, customer, visit, zone, choice, sku, reason, decided_ms, body)
           VALUES ($DECISION, 'kade-9', $WHO, $VISIT, 'door', 'suppress', 'LAMP', 'uncertain', 24, '{\"note\":\"$HERS\"}')",
        "INSERT INTO deliveries (delivery, store, customer, channel, class, cause, visit, sku, decision, created_ms, relevant_until_ms, state)
           VALUES ($DELIVERY, 'kade-9', $WHO, 'app', 'marketing', 'c-$HERS', $VISIT, 'LAMP', $DECISION, 25, 26, 'sent')",
        "INSERT INTO attempts VALUES ($DELIVERY, 1, 27, 'pushed-$HERS')",
        "INSERT INTO pushes VALUES ($DELIVERY, 'accepted', 28, 1, 29)",
        "INSERT INTO push_attempts VALUES ($DELIVERY, 1, 30, 'fcm', 'ok-$HERS', 200, 'fine')",
        "INSERT OR REPLACE INTO walks VALUES ('kade-9', $WHO, 31, 32)",
        "INSERT INTO walk_stands VALUES ('kade-9', 1, 'door', 31, 32)",
        "INSERT INTO walk_parts VALUES ('kade-9', 1, 0, 'door', 5, -350, 24500)",
        "INSERT INTO members VALUES ($WHO, 36, 'v-$HERS', 'nl', 'page')",
        "INSERT INTO loyalty_moments VALUES (NULL, $WHO, 'purchase_store', 'receipt/$HERS-$N', 37, 'kade-9', 100, 'EUR', 0)",
        "INSERT INTO rewards VALUES ($REWARD, $WHO, 'coffee', 1, 'C$HERS$N', 38, 39, NULL, NULL, NULL)",
        "INSERT INTO home_identities VALUES ($RADIO, $WHO, 40, x'01')",
        "INSERT INTO home_words VALUES (NULL, 'kade-9', $WHO, 41, '{\"says\":\"here\",\"note\":\"$HERS\"}')",
        "INSERT INTO tasks VALUES (NULL, 33, 'web', 'data_request', $WHO, '99-$HERS', NULL)",
        "INSERT INTO webhook_messages VALUES ($MESSAGE, x'99000000000000000000000000000000', $WHO, 'visit.left', '{\"note\":\"$HERS\"}', 34, 'failed', 35, 10, 500, 'no-$HERS')",
    ] {
        insert(sql);
    }
}
