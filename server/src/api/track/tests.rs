//! Events over HTTP, to what is on the disk after.

use serde_json::{Value, json};

use super::*;
use crate::{
    api::fixtures::{Rig, SHOP_AS_BASIC, TRACK, TRACK_AS_BEARER},
    clock::now_ms,
};

/// A time so long ago, as ISO 8601.
fn ago(ms: u64) -> String {
    let at = i64::try_from(now_ms() - ms).unwrap();
    jiff::Timestamp::from_millisecond(at).unwrap().to_string()
}

#[expect(clippy::needless_pass_by_value, reason = "made for this one call")]
fn event(user: &str, name: &str, properties: Value) -> Value {
    json!({"type": "track", "userId": user, "event": name, "properties": properties,
           "timestamp": ago(60_000)})
}

async fn batch(rig: &Rig, events: &[Value]) -> Value {
    let (status, answer) = rig
        .send("POST", "/v1/batch", TRACK, &json!({"batch": events}))
        .await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["success"], true);
    answer
}

fn counts(rig: &Rig) -> Value {
    let text = rig.text("SELECT counts FROM source_numbers WHERE source = 'track/key-track'");
    serde_json::from_str(&text).unwrap_or_default()
}

#[tokio::test]
async fn a_bad_event_in_a_batch_is_set_aside_and_the_others_are_kept() {
    let rig = Rig::open().await;
    let long = "x".repeat(EVENT_LEN_MAX);
    let answer = batch(
        &rig,
        &[
            event("anna", "Product Viewed", json!({"sku": "LAMP"})),
            json!({"type": "track", "event": "Product Viewed", "properties": {"sku": "LAMP"}}),
            event("anna", "Product Added", json!({})),
            event(
                "anna",
                "Product Added",
                json!({"sku": "LAMP", "note": long}),
            ),
            json!(7),
            event("anna", "Sock Darned", json!({"sku": "LAMP"})),
            json!({"type": "page", "userId": "anna"}),
            event("anna", "Product Added", json!({"sku": "LAMP"})),
        ],
    )
    .await;
    let aside: Vec<u64> = answer["set_aside"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["index"].as_u64().unwrap())
        .collect();
    assert_eq!(aside, [1, 2, 3, 4]);
    let reason = &answer["set_aside"][0]["reason"];
    assert_eq!(reason, "neither userId nor anonymousId");
    assert_eq!(rig.number("SELECT count(*) FROM intents"), 2);
    let expected = json!({"kept": 2, "ignored": 2, "set_aside": 4});
    assert_eq!(counts(&rig), expected);
    assert_eq!(rig.number("SELECT count(*) FROM source_errors"), 4);
}

#[tokio::test]
async fn what_is_no_batch_or_too_much_is_a_problem() {
    let rig = Rig::open().await;
    let many = json!({"batch": vec![json!({}); BATCH_EVENTS_MAX + 1]}).to_string();
    let long = format!("{{\"batch\":[\"{}\"]}}", "x".repeat(BATCH_LEN_MAX));
    let event = event(
        "anna",
        "Product Viewed",
        json!({"note": "x".repeat(EVENT_LEN_MAX)}),
    );
    for (path, body, status) in [
        ("/v1/batch", "nonsense".to_owned(), 400),
        ("/v1/batch", "{}".to_owned(), 400),
        ("/v1/batch", many, 413),
        ("/v1/batch", long, 413),
        ("/v1/track", event.to_string(), 413),
        ("/v1/track", "{\"event\":".to_owned(), 422),
        (
            "/v1/track",
            json!({"event": "Product Viewed"}).to_string(),
            422,
        ),
    ] {
        let start: String = body.chars().take(40).collect();
        let (given, answer) = rig.ask("POST", path, &[TRACK], body).await;
        assert_eq!(given, status, "{path} {start}: {answer}");
        assert_eq!(answer["status"], status, "{answer}");
    }
}

#[tokio::test]
async fn a_write_key_opens_these_routes_and_no_other() {
    let rig = Rig::open().await;
    let event = event("anna", "Product Viewed", json!({"sku": "LAMP"}));
    for (key, status) in [
        (TRACK, 200),
        (SHOP_AS_BASIC, 403),
        (TRACK_AS_BEARER, 401),
        (("authorization", "Basic bm9ib2R5Og=="), 401),
        (("authorization", "Basic ???"), 401),
        (("x-none", ""), 401),
    ] {
        let (given, answer) = rig.send("POST", "/v1/track", key, &event).await;
        assert_eq!(given, status, "{key:?} {answer}");
    }
    for path in ["/v1/customers/import", "/v1/orders", "/v1/customers"] {
        let (status, _) = rig.send("POST", path, TRACK_AS_BEARER, &json!({})).await;
        assert_eq!(status, 403, "{path}");
    }
}

#[tokio::test]
async fn a_message_that_comes_again_is_a_no_op_whatever_it_says() {
    let rig = Rig::open().await;
    let mut event = event("anna", "Product Viewed", json!({"sku": "LAMP"}));
    event["messageId"] = "m-1".into();
    batch(&rig, &[event.clone(), event.clone()]).await;
    event["timestamp"] = ago(30_000).into();
    batch(&rig, &[event.clone()]).await;
    assert_eq!(rig.number("SELECT count(*) FROM intents"), 1);
    assert_eq!(counts(&rig), json!({"kept": 1, "repeated": 2}));
    event["messageId"] = "m-2".into();
    batch(&rig, &[event]).await;
    assert_eq!(rig.number("SELECT count(*) FROM intents"), 2);
}

/// Rows about anybody's browsing.
const ROWS: &str = "SELECT (SELECT count(*) FROM intents) + (SELECT count(*) FROM interests)
  + (SELECT count(*) FROM anonymous) + (SELECT count(*) FROM receipts)";

#[tokio::test]
async fn identify_joins_anonymous_browsing_only_with_consent_and_else_it_goes() {
    // Who says that the browser was hers, and what is left of three things done with it.
    for (user, hers) in [("anna", 3), ("bea", 0), ("nobody", 0)] {
        let rig = Rig::open().await;
        let mut events = vec![
            event(
                "",
                "Product Added to Wishlist",
                json!({"sku": "LAMP", "price": 79.95}),
            ),
            event("", "Product Viewed", json!({"product_id": "SHOE"})),
            event("", "Product List Viewed", json!({"category": "Lamps"})),
        ];
        for event in &mut events {
            event["anonymousId"] = "browser-1".into();
        }
        batch(&rig, &events).await;
        assert_eq!(rig.number("SELECT count(*) FROM anonymous"), 3);
        assert_eq!(rig.number(ROWS), 3);
        let identify = json!({"userId": user, "anonymousId": "browser-1"});
        let (status, _) = rig.send("POST", "/v1/identify", TRACK, &identify).await;
        assert_eq!(status, 200);
        assert_eq!(rig.number("SELECT count(*) FROM anonymous"), 0, "{user}");
        assert_eq!(rig.number(ROWS), hers, "{user}");
        if hers > 0 {
            let wish = "SELECT price_minor FROM intents WHERE kind = 'wishlisted'";
            assert_eq!(rig.number(wish), 7_995);
        }
    }
}

#[tokio::test]
async fn nothing_is_kept_of_who_did_not_agree_or_is_not_known() {
    let rig = Rig::open().await;
    let mut events = Vec::new();
    for user in ["bea", "nobody"] {
        events.push(event(user, "Product Added", json!({"sku": "LAMP"})));
        events.push(event(
            user,
            "Product List Viewed",
            json!({"category": "lamps"}),
        ));
        let bought = json!({"order_id": "1", "products": [{"sku": "LAMP"}]});
        events.push(event(user, "Order Completed", bought));
        let read = json!({"article_id": "a", "products": [{"sku": "LAMP"}]});
        events.push(event(user, "Article Viewed", read));
    }
    batch(&rig, &events).await;
    assert_eq!(rig.number(ROWS), 0);
    assert_eq!(counts(&rig), json!({"no_consent": 4, "unknown_user": 4}));
    // With a yes to figures alone: what she bought, and no intent.
    rig.consent(rig.bea, [false, false, false, true]).await;
    batch(&rig, &events).await;
    assert_eq!(rig.number("SELECT count(*) FROM receipts"), 1);
    assert_eq!(rig.number(ROWS), 1);
    // Taken back: that goes too.
    rig.consent(rig.bea, [false; 4]).await;
    assert_eq!(rig.number(ROWS), 0);
}

#[tokio::test]
async fn an_article_is_what_the_shop_told_of_it_and_else_what_the_event_says() {
    let rig = Rig::open().await;
    let article = json!({"title": "Licht", "skus": ["LAMP"], "products": ["SHOE"],
                         "categories": ["Lamps"]});
    let (status, answer) = rig
        .send(
            "PUT",
            "/v1/articles/licht",
            crate::api::fixtures::SHOP,
            &article,
        )
        .await;
    assert_eq!(status, 204, "{answer}");
    let said = json!([{"sku": "HAT"}]);
    for id in ["licht", "other"] {
        let read = json!({"article_id": id, "products": said});
        batch(&rig, &[event("anna", "Article Viewed", read)]).await;
    }
    let read = rig.text(
        "SELECT group_concat(sku || grouped, ' ') FROM
           (SELECT sku, grouped FROM intents WHERE kind = 'read' ORDER BY sku)",
    );
    assert_eq!(read, "HAT0 LAMP0 SHOE1");
    assert_eq!(rig.text("SELECT category FROM interests"), "lamps");
    // A page cannot make articles.
    assert_eq!(rig.number("SELECT count(*) FROM articles"), 1);
}

#[tokio::test]
async fn what_was_bought_is_no_candidate_until_the_order_is_cancelled() {
    let rig = Rig::open().await;
    let order = json!({"order_id": 1042, "total": "79.95", "currency": "EUR",
                       "products": [{"sku": "LAMP", "quantity": 2, "price": "39.975"}]});
    let mut cart = event("anna", "Product Added", json!({"sku": "LAMP"}));
    cart["timestamp"] = ago(90_000).into();
    let candidates = || {
        let found = intents::candidates(&rig.db(), &rig.store, rig.anna, 0, now_ms());
        found.unwrap().len()
    };
    batch(
        &rig,
        &[event("anna", "Order Completed", order.clone()), cart],
    )
    .await;
    assert_eq!(candidates(), 0);
    let row = "SELECT receipt || ' ' || total_minor || ' ' || state || ' ' ||
      (SELECT quantity || ' ' || price_minor FROM receipt_lines) FROM receipts";
    assert_eq!(rig.text(row), "track/key-track/1042 7995 bought 2 3998");
    batch(
        &rig,
        &[event(
            "anna",
            "Order Cancelled",
            json!({"order_id": "1042"}),
        )],
    )
    .await;
    assert_eq!(candidates(), 1);
    // Sent again, late: it stays cancelled.
    batch(&rig, &[event("anna", "Order Completed", order)]).await;
    assert_eq!(candidates(), 1);
}
