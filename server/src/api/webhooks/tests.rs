//! Webhooks over HTTP, to what is on the disk after. Signatures to compare with were made by
//! `openssl dgst -sha256 -hmac SECRET -binary | base64`.

use serde_json::{Value, json};

use super::*;
use crate::api::fixtures::{ADMIN, Rig, SHOP};

const SECRET: &str = "hush-hush-42";
const ORDER: &str =
    r##"{"id":820982911946154508,"name":"#1042","updated_at":"2026-11-01T10:00:00+01:00"}"##;
const ORDER_SIGNED: &str = "q23NxQk1nk/iBUQdpWEQRwosg23UjJ1K+pu01DZxsKg=";

#[test]
fn signatures_are_those_that_openssl_makes() {
    let lamp = r#"{"id":79,"sku":"LAMP-É","name":"Lamp","price":"8.20"}"#;
    for (secret, body, expected) in [
        (SECRET, ORDER, ORDER_SIGNED),
        (
            "geheim van de winkel",
            lamp,
            "YoptEGTK4iDXDRX9LRRC4pZzvB4RABignC7zg0u6Dzo=",
        ),
        (SECRET, "", "zxHYz2gsYhO4Htn8GXbR16aqdIbD82tH4sPbSAYi0jg="),
    ] {
        assert_eq!(signature(secret, body.as_bytes()), expected);
        assert!(is_signed(secret, body.as_bytes(), expected));
    }
}

#[test]
fn any_other_byte_in_body_or_signature_is_refused() {
    assert!(is_signed(SECRET, ORDER.as_bytes(), ORDER_SIGNED));
    let flips = |text: &str| -> Vec<Vec<u8>> {
        let bytes = text.as_bytes();
        let flip = |i: usize, bit: u8| {
            let mut other = bytes.to_vec();
            other[i] ^= 1 << bit;
            other
        };
        let places = (0..bytes.len()).flat_map(|i| (0..7).map(move |bit| (i, bit)));
        places.map(|(i, bit)| flip(i, bit)).collect()
    };
    for body in flips(ORDER) {
        assert!(!is_signed(SECRET, &body, ORDER_SIGNED));
    }
    for signature in flips(ORDER_SIGNED) {
        let text = String::from_utf8(signature).unwrap();
        assert!(!is_signed(SECRET, ORDER.as_bytes(), &text), "{text}");
    }
    for cut in 0..ORDER_SIGNED.len() {
        assert!(!is_signed(SECRET, ORDER.as_bytes(), &ORDER_SIGNED[..cut]));
    }
    let longer = format!("{ORDER_SIGNED}A");
    assert!(!is_signed(SECRET, ORDER.as_bytes(), &longer));
}

/// A store that two shops send to.
async fn open() -> Rig {
    let rig = Rig::open().await;
    for (source, kind) in [("web", "shopify"), ("woo", "woocommerce")] {
        let body = json!({"kind": kind, "secret": SECRET, "store": "kade-9",
                          "locations": {"655441491": "kade-9", "Kade 9": "kade-9"}});
        let path = format!("/v1/sources/{source}");
        let (status, answer) = rig.send("PUT", &path, ADMIN, &body).await;
        assert_eq!(status, 204, "{answer}");
    }
    rig
}

/// Sends as Shopify does; the outcome, or the status of a problem.
async fn shopify(rig: &Rig, topic: &str, delivery: &str, body: &Value) -> String {
    let body = body.to_string();
    let signed = signature(SECRET, body.as_bytes());
    let headers = [
        ("x-shopify-topic", topic),
        ("x-shopify-hmac-sha256", signed.as_str()),
        ("x-shopify-webhook-id", delivery),
        ("x-shopify-triggered-at", "2026-11-02T10:00:00.123Z"),
    ];
    outcome(
        rig.ask("POST", "/v1/webhooks/shopify/web", &headers, body)
            .await,
    )
}

async fn woo(rig: &Rig, topic: &str, delivery: &str, body: &Value) -> String {
    let body = body.to_string();
    let signed = signature(SECRET, body.as_bytes());
    let headers = [
        ("x-wc-webhook-topic", topic),
        ("x-wc-webhook-signature", signed.as_str()),
        ("x-wc-webhook-delivery-id", delivery),
    ];
    outcome(
        rig.ask("POST", "/v1/webhooks/woocommerce/woo", &headers, body)
            .await,
    )
}

fn outcome((status, answer): (u16, Value)) -> String {
    match answer["outcome"].as_str() {
        Some(word) => word.to_owned(),
        None => format!("{status} {}", answer["detail"]),
    }
}

fn order(updated: &str) -> Value {
    json!({
        "id": 820982911946154508_u64, "name": "#1042", "currency": "EUR", "total_price": "79.95",
        "created_at": "2026-11-01T09:00:00+01:00", "updated_at": updated,
        "customer": {"id": "anna", "first_name": "Anna"},
        "line_items": [{"sku": "LAMP", "title": "Lamp", "quantity": 1, "price": "79.95"},
                       {"sku": "NEW-1", "title": "Nieuw", "quantity": 2, "price": "5.00"}],
        "shipping_lines": [{"code": "Kade 9", "title": "Kade 9", "delivery_category": "pick_up"}],
    })
}

/// Number, state, and how many digits its code has that are not the number's.
fn state(rig: &Rig) -> String {
    rig.text(
        "SELECT external_id || ' ' || state || ' ' || (length(code) * (code <> external_id)
           * (code NOT GLOB '*[^0-9]*')) FROM orders",
    )
}

#[tokio::test]
async fn an_order_to_be_collected_becomes_ours_and_moves_on_once() {
    let rig = open().await;
    let first = order("2026-11-01T10:00:00+01:00");
    assert_eq!(
        shopify(&rig, "orders/create", "d-1", &first).await,
        "applied"
    );
    assert_eq!(state(&rig), "1042 placed 6");
    let lines = "SELECT group_concat(sku || quantity, ' ') FROM order_lines";
    assert_eq!(rig.text(lines), "LAMP1 NEW-12");
    let receipt = "SELECT total_minor || ' ' || state FROM receipts";
    assert_eq!(rig.text(receipt), "7995 bought");
    let ordered = "SELECT count(*) FROM intents WHERE kind = 'ordered'";
    assert_eq!(rig.number(ordered), 2);

    // The same delivery, the same words under another delivery, an older and an equal version.
    assert_eq!(
        shopify(&rig, "orders/create", "d-1", &order("2026-11-09T10:00:00Z")).await,
        "repeated"
    );
    assert_eq!(
        shopify(&rig, "orders/create", "d-2", &first).await,
        "repeated"
    );
    let mut older = order("2026-11-01T08:59:59Z");
    older["cancelled_at"] = "2026-11-01T08:59:59Z".into();
    assert_eq!(
        shopify(&rig, "orders/updated", "d-3", &older).await,
        "outdated"
    );
    assert_eq!(
        shopify(&rig, "orders/updated", "d-4", &first).await,
        "outdated"
    );
    assert_eq!(state(&rig), "1042 placed 6");

    let ready = json!({"fulfillment_order": {
        "id": "gid://shopify/FulfillmentOrder/1",
        "order_id": "gid://shopify/Order/820982911946154508"}});
    let topic = "fulfillment_orders/line_items_prepared_for_pickup";
    assert_eq!(shopify(&rig, topic, "d-5", &ready).await, "applied");
    assert_eq!(state(&rig), "1042 ready 6");
    // It says nothing of that, and takes nothing of it back.
    assert_eq!(
        shopify(
            &rig,
            "orders/updated",
            "d-6",
            &order("2026-11-02T10:00:00Z")
        )
        .await,
        "applied"
    );
    assert_eq!(state(&rig), "1042 ready 6");
    let mut fulfilled = order("2026-11-03T10:00:00Z");
    fulfilled["fulfillment_status"] = "fulfilled".into();
    assert_eq!(
        shopify(&rig, "orders/fulfilled", "d-7", &fulfilled).await,
        "applied"
    );
    assert_eq!(state(&rig), "1042 completed 6");
}

#[tokio::test]
async fn an_order_that_was_ready_before_it_was_known_is_ready_and_a_cancelled_one_never_comes() {
    let rig = open().await;
    let ready = json!({"fulfillment_order": {"order_id": 820982911946154508_u64}});
    let topic = "fulfillment_orders/line_items_prepared_for_pickup";
    shopify(&rig, topic, "d-1", &ready).await;
    let first = order("2026-11-01T10:00:00Z");
    shopify(&rig, "orders/create", "d-2", &first).await;
    assert_eq!(state(&rig), "1042 ready 6");

    let rig = open().await;
    let mut cancelled = order("2026-11-02T10:00:00Z");
    cancelled["cancelled_at"] = "2026-11-02T10:00:00Z".into();
    assert_eq!(
        shopify(&rig, "orders/cancelled", "d-1", &cancelled).await,
        "applied"
    );
    assert_eq!(
        shopify(&rig, "orders/create", "d-2", &first).await,
        "outdated"
    );
    assert_eq!(state(&rig), "");
    assert_eq!(rig.text("SELECT state FROM receipts"), "cancelled");
    assert_eq!(rig.number("SELECT count(*) FROM intents"), 0);
}

#[tokio::test]
async fn of_who_is_not_known_or_did_not_agree_an_order_leaves_nothing_but_what_she_collects() {
    let rig = open().await;
    let mut sent = order("2026-11-01T10:00:00Z");
    sent["shipping_lines"] = json!([{"code": "PostNL", "title": "PostNL"}]);
    for (n, customer, expected) in [
        (1, json!({"id": "nobody"}), "unknown_customer"),
        (2, Value::Null, "unknown_customer"),
        (3, json!({"id": "bea"}), "no_consent"),
    ] {
        sent["customer"] = customer;
        let said = shopify(&rig, "orders/create", &format!("d-{n}"), &sent).await;
        assert_eq!(said, expected);
    }
    let rows = "SELECT (SELECT count(*) FROM receipts) + (SELECT count(*) FROM intents)
      + (SELECT count(*) FROM orders)";
    assert_eq!(rig.number(rows), 0);
    let mut collected = order("2026-11-05T10:00:00Z");
    collected["customer"] = json!({"id": "bea"});
    assert_eq!(
        shopify(&rig, "orders/updated", "d-4", &collected).await,
        "applied"
    );
    assert_eq!(state(&rig), "1042 placed 6");
    assert_eq!(rig.number(rows), 1);
}

#[tokio::test]
async fn a_wrong_signature_is_a_problem_and_the_secret_is_never_shown() {
    let rig = open().await;
    let right = signature(SECRET, b"{}");
    for (given, body) in [
        ("", "{}"),
        ("nonsense", "{}"),
        (right.as_str(), "{} "),
        (signature("another secret", b"{}").as_str(), "{}"),
    ] {
        let headers = [
            ("x-shopify-topic", "shop/redact"),
            ("x-shopify-hmac-sha256", given),
        ];
        let (status, answer) = rig
            .ask("POST", "/v1/webhooks/shopify/web", &headers, body)
            .await;
        assert_eq!((status, &answer["status"]), (401, &json!(401)), "{answer}");
    }
    assert_eq!(rig.number("SELECT count(*) FROM tasks"), 0);
    for path in ["/v1/webhooks/shopify/none", "/v1/webhooks/woocommerce/web"] {
        let (status, _) = rig.ask("POST", path, &[], "{}").await;
        assert_eq!(status, 404, "{path}");
    }
    let (status, _) = rig.send("GET", "/v1/sources", SHOP, &json!({})).await;
    assert_eq!(status, 403);
    let (_, answer) = rig.send("GET", "/v1/sources", ADMIN, &json!({})).await;
    assert!(!answer.to_string().contains(SECRET));
    let items = answer["items"].as_array().unwrap();
    let of = |name: &str| items.iter().find(|item| item["source"] == name).unwrap();
    assert_eq!(of("shopify/web")["signature_right"], false);
    assert_eq!(of("shopify/web")["counts"]["wrong_signature"], 1);
    assert_eq!(of("woocommerce/woo")["last_ms"], Value::Null);
}

#[tokio::test]
async fn what_is_signed_and_wrong_is_a_problem_that_stands_among_the_sources_errors() {
    let rig = open().await;
    for (n, topic, body) in [
        (1, "orders/create", json!({"id": {}})),
        (
            2,
            "orders/create",
            json!({"name": "#1", "updated_at": "2026-11-01T10:00:00Z"}),
        ),
        (
            3,
            "customers/redact",
            json!({"customer": {"email": "anna@geheim.nl"}}),
        ),
        (4, "", json!({})),
        (
            5,
            "products/update",
            json!({"id": 1, "updated_at": "2026-11-01T10:00:00Z"}),
        ),
    ] {
        let said = shopify(&rig, topic, &format!("d-{n}"), &body).await;
        assert!(said.starts_with("422"), "{topic} {said}");
    }
    assert_eq!(rig.number("SELECT count(*) FROM source_errors"), 5);
    let errors = rig.text("SELECT group_concat(error) FROM source_errors");
    assert!(!errors.contains("geheim"), "{errors}");
    // Refused, so not seen: mended and sent again it is taken.
    let mended = order("2026-11-01T10:00:00Z");
    assert_eq!(
        shopify(&rig, "orders/create", "d-1", &mended).await,
        "applied"
    );
    let unknown = shopify(&rig, "themes/publish", "d-9", &json!({})).await;
    assert_eq!(unknown, "ignored");
}

#[tokio::test]
async fn to_be_forgotten_is_to_be_erased_and_a_question_becomes_a_task() {
    let rig = open().await;
    shopify(&rig, "orders/create", "d-1", &order("2026-11-01T10:00:00Z")).await;
    let asks = json!({"customer": {"id": "bea", "email": "b@example.nl"},
                      "data_request": {"id": 9999}});
    assert_eq!(
        shopify(&rig, "customers/data_request", "d-2", &asks).await,
        "applied"
    );
    let (_, tasks) = rig.send("GET", "/v1/tasks", ADMIN, &json!({})).await;
    let task = &tasks["items"][0];
    assert_eq!(task["customer"], rig.bea.to_string());
    assert_eq!(
        (&task["kind"], &task["external"]),
        (&json!("data_request"), &json!("9999"))
    );
    let redact = json!({"customer": {"id": "anna"}, "orders_to_redact": [1]});
    assert_eq!(
        shopify(&rig, "customers/redact", "d-3", &redact).await,
        "applied"
    );
    assert_eq!(
        shopify(&rig, "customers/redact", "d-3", &redact).await,
        "repeated"
    );
    // In the same words once more, and she is gone.
    assert_eq!(
        shopify(&rig, "customers/redact", "d-4", &redact).await,
        "unknown_customer"
    );
    let left = "SELECT (SELECT count(*) FROM customers WHERE external_id = 'anna')
      + (SELECT count(*) FROM receipts) + (SELECT count(*) FROM intents)
      + (SELECT count(*) FROM orders) + (SELECT count(*) FROM source_orders)";
    assert_eq!(rig.number(left), 0);
    let path = format!("/v1/tasks/{}/done", task["task"]);
    assert_eq!(rig.send("PUT", &path, ADMIN, &json!({})).await.0, 204);
    let (_, tasks) = rig.send("GET", "/v1/tasks", ADMIN, &json!({})).await;
    assert_eq!(tasks["items"], json!([]));
}

#[tokio::test]
async fn products_and_stock_follow_the_shop_by_version() {
    let rig = open().await;
    let product = |price: &str, updated: &str| {
        json!({"id": 632, "title": "Schoen", "product_type": "Shoes", "updated_at": updated,
               "variants": [{"sku": "SHOE-38", "title": "38", "price": price, "inventory_item_id": 38},
                            {"sku": null, "title": "39", "price": price, "inventory_item_id": 39}]})
    };
    let row = "SELECT name_nl || ' ' || product || ' ' || category || ' ' || variant || ' ' || price_minor
      FROM products WHERE sku = 'SHOE-38'";
    let new = product("8.20", "2026-11-02T10:00:00Z");
    assert_eq!(
        shopify(&rig, "products/update", "d-1", &new).await,
        "applied"
    );
    assert_eq!(rig.text(row), "Schoen 632 shoes 38 820");
    let old = product("9.00", "2026-11-01T10:00:00Z");
    assert_eq!(
        shopify(&rig, "products/update", "d-2", &old).await,
        "outdated"
    );
    assert_eq!(rig.text(row), "Schoen 632 shoes 38 820");

    let level = |available: i64, location: u64, updated: &str| {
        json!({"inventory_item_id": 38, "location_id": location, "available": available,
               "updated_at": updated})
    };
    let topic = "inventory_levels/update";
    for (n, available, location, updated, expected, known) in [
        (1, 0, 655441491, "2026-11-01T10:00:00Z", "applied", 0),
        (2, 4, 655441491, "2026-11-01T12:00:00Z", "applied", 4),
        (3, 9, 655441491, "2026-11-01T11:00:00Z", "outdated", 4),
        (4, 9, 1, "2026-11-01T13:00:00Z", "ignored", 4),
        (5, -2, 655441491, "2026-11-01T14:00:00Z", "applied", 0),
    ] {
        let body = level(available, location, updated);
        assert_eq!(
            shopify(&rig, topic, &format!("s-{n}"), &body).await,
            expected
        );
        assert_eq!(
            rig.number("SELECT quantity FROM stock WHERE sku = 'SHOE-38'"),
            known
        );
    }
    let lamp = json!({"id": 79, "name": "Lamp", "sku": "LAMP", "price": "8.20", "stock_quantity": 3,
                      "categories": [{"name": "Verlichting"}], "parent_id": 0,
                      "date_modified_gmt": "2026-11-01T10:00:00"});
    assert_eq!(woo(&rig, "product.updated", "w-1", &lamp).await, "applied");
    let row = "SELECT product || ' ' || category || ' ' || price_minor || ' ' || quantity
      FROM products JOIN stock USING (sku) WHERE sku = 'LAMP'";
    assert_eq!(rig.text(row), "79 verlichting 820 3");
}

#[tokio::test]
async fn a_cart_is_what_its_newest_version_says() {
    let rig = open().await;
    let cart = |skus: &[&str], updated: &str| {
        let lines: Vec<Value> = skus.iter().map(|sku| json!({"sku": sku})).collect();
        json!({"token": "cart-1", "customer": {"id": "anna"}, "updated_at": updated,
               "line_items": lines})
    };
    let inside = || {
        let who = crate::store::intents::Who::Customer(rig.anna);
        let found = crate::store::intents::cart(&rig.db(), who, u64::MAX).unwrap();
        let skus = found.iter().map(|item| item.sku.to_string());
        skus.collect::<Vec<_>>().join(" ")
    };
    for (n, skus, updated, expected, known) in [
        (
            1,
            &["LAMP", "HAT"][..],
            "2026-11-01T10:00:00Z",
            "applied",
            "HAT LAMP",
        ),
        (
            2,
            &["HAT", "BAG"],
            "2026-11-01T12:00:00Z",
            "applied",
            "BAG HAT",
        ),
        (3, &["LAMP"], "2026-11-01T11:00:00Z", "outdated", "BAG HAT"),
        (4, &[], "2026-11-01T13:00:00Z", "applied", ""),
    ] {
        let said = shopify(
            &rig,
            "carts/update",
            &format!("c-{n}"),
            &cart(skus, updated),
        )
        .await;
        assert_eq!((said.as_str(), inside().as_str()), (expected, known), "{n}");
    }
}

#[tokio::test]
async fn woocommerce_is_answered_its_ping_and_its_orders_are_collected() {
    let rig = open().await;
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let path = "/v1/webhooks/woocommerce/woo";
    for (body, status) in [
        ("webhook_id=12", 200),
        ("webhook_id=", 401),
        ("webhook_id=1&x=2", 401),
    ] {
        assert_eq!(rig.ask("POST", path, &form, body).await.0, status, "{body}");
    }
    let order = |status: &str, modified: &str| {
        json!({"id": 727, "number": "727", "status": status, "currency": "EUR",
               "date_created_gmt": "2026-11-01T09:00:00", "date_modified_gmt": modified,
               "customer_id": "anna", "total": "29.35",
               "line_items": [{"sku": "", "product_id": 93, "name": "Muts", "quantity": 2, "price": 14.675}],
               "shipping_lines": [{"method_id": "pickup_location", "method_title": "Afhalen",
                   "meta_data": [{"key": "pickup_location", "value": "Kade 9"}, {"key": "x", "value": {"y": 1}}]}]})
    };
    for (n, status, modified, expected, known) in [
        (
            1,
            "processing",
            "2026-11-01T09:00:01",
            "applied",
            "727 placed 6",
        ),
        (
            2,
            "ready-for-pickup",
            "2026-11-01T11:00:00",
            "applied",
            "727 ready 6",
        ),
        (
            3,
            "processing",
            "2026-11-01T10:00:00",
            "outdated",
            "727 ready 6",
        ),
        (
            4,
            "completed",
            "2026-11-01T12:00:00",
            "applied",
            "727 completed 6",
        ),
    ] {
        let said = woo(
            &rig,
            "order.updated",
            &format!("w-{n}"),
            &order(status, modified),
        )
        .await;
        assert_eq!(
            (said.as_str(), state(&rig).as_str()),
            (expected, known),
            "{n}"
        );
    }
    assert_eq!(
        rig.text("SELECT price_minor || '' FROM receipt_lines"),
        "1468"
    );
    let guest = json!({"id": 1, "status": "processing", "customer_id": 0,
                       "date_modified_gmt": "2026-11-01T09:00:01"});
    assert_eq!(
        woo(&rig, "order.created", "w-9", &guest).await,
        "unknown_customer"
    );
    let gone = json!({"id": "anna"});
    assert_eq!(
        woo(&rig, "customer.deleted", "w-10", &gone).await,
        "applied"
    );
    assert_eq!(state(&rig), "");
}
