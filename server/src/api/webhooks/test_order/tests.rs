//! Test orders over HTTP, and that nothing is left of them.

use serde_json::{Value, json};

use super::super::topics;
use super::*;
use crate::api::fixtures::{ADMIN, Rig, SHOP};

const SECRET: &str = "hush-hush-42";

/// Two shops: one whose places are known by name, one that has neither names nor a store.
async fn open() -> Rig {
    let rig = Rig::open().await;
    for (source, body) in [
        (
            "web",
            json!({"kind": "shopify", "secret": SECRET, "store": "kade-9",
                       "locations": {"Kade 9": "kade-9"}}),
        ),
        ("woo", json!({"kind": "woocommerce", "secret": SECRET})),
    ] {
        let path = format!("/v1/sources/{source}");
        assert_eq!(rig.send("PUT", &path, ADMIN, &body).await.0, 204);
    }
    rig
}

async fn tested(rig: &Rig, source: &str, body: Value) -> (bool, Vec<String>) {
    let path = format!("/v1/sources/{source}/test");
    let (status, view) = rig.send("POST", &path, ADMIN, &body).await;
    assert_eq!(status, 200, "{view}");
    let steps = view["steps"].as_array().unwrap().iter();
    let steps = steps.map(|step| step["step"].as_str().unwrap().to_owned());
    (view["right"] == true, steps.collect())
}

#[tokio::test]
async fn a_test_order_goes_all_the_way_and_leaves_every_table_as_it_was() {
    let rig = open().await;
    // The engine of the store is at work, so that it would show if it had been told.
    rig.consent(rig.bea, [true, true, true, false]).await;
    let before = rig.dump();
    let (right, steps) = tested(&rig, "web", json!({})).await;
    assert!(right, "{steps:?}");
    let expected = [
        "signature-right",
        "read",
        "store-named",
        "customer",
        "product-known",
        "order-made",
    ];
    assert_eq!(steps, expected);
    assert_eq!(rig.dump(), before);
    // What comes after finds its place in the log as if nothing had been.
    rig.consent(rig.bea, [true, true, false, false]).await;
    assert_ne!(rig.dump(), before);
}

#[tokio::test]
async fn a_real_order_in_the_same_words_is_made() {
    let rig = open().await;
    let path = "/v1/sources/web/test";
    let (_, view) = rig.send("POST", path, ADMIN, &json!({})).await;
    let mut body = view["body"].clone();
    body["customer"]["id"] = "anna".into();
    let body = body.to_string();
    let signed = super::super::signature(SECRET, body.as_bytes());
    let headers = [
        ("x-shopify-topic", "orders/create"),
        ("x-shopify-hmac-sha256", &*signed),
    ];
    let (status, answer) = rig
        .ask("POST", "/v1/webhooks/shopify/web", &headers, body)
        .await;
    assert_eq!((status, &answer["outcome"]), (200, &json!("applied")));
    assert_eq!(rig.number("SELECT count(*) FROM orders"), 1);
}

#[tokio::test]
async fn another_secret_an_unknown_place_and_an_unknown_product_are_each_told() {
    let rig = open().await;
    let before = rig.dump();
    let (right, steps) = tested(&rig, "web", json!({"secret": "another-one"})).await;
    assert_eq!((right, steps), (false, vec!["signature-wrong".to_owned()]));
    let (right, steps) = tested(&rig, "web", json!({"location": "Kade 12", "sku": "NEW-1"})).await;
    assert!(
        right && steps.contains(&"store-unknown".into()) && steps.contains(&"product-new".into())
    );
    let (_, view) = rig
        .send(
            "POST",
            "/v1/sources/web/test",
            ADMIN,
            &json!({"location": "Kade 12"}),
        )
        .await;
    let next = view["steps"][2]["next"].as_str().unwrap();
    assert!(next.contains("Put “Kade 12” into"), "{next}");
    assert_eq!(rig.dump(), before);
}

#[tokio::test]
async fn a_source_without_a_store_would_make_no_order() {
    let rig = open().await;
    let (right, steps) = tested(&rig, "woo", json!({"location": "Kade 9"})).await;
    assert!(!right);
    assert!(
        steps.contains(&"read".into()) && steps.contains(&"store-none".into()),
        "{steps:?}"
    );
    assert_eq!(steps.last().unwrap(), "order-none");
    assert_eq!(
        rig.send("POST", "/v1/sources/nobody/test", ADMIN, &json!({}))
            .await
            .0,
        404
    );
    assert_eq!(
        rig.send("POST", "/v1/sources/web/test", SHOP, &json!({}))
            .await
            .0,
        403
    );
}

#[test]
fn every_topic_that_a_shop_is_told_to_send_is_read() {
    for kind in [Kind::Shopify, Kind::Woocommerce] {
        let row = sources::SourceRow {
            source: "web".into(),
            kind,
            secret: SECRET.into(),
            store: None,
            currency: "EUR".into(),
        };
        for topic in topics(kind) {
            let headers = headers(kind, topic, "").unwrap();
            let read = read(
                &row,
                &headers,
                b"{\"id\": 1, \"updated_at\": \"2026-11-01T10:00:00Z\"}",
            );
            assert!(!matches!(read, Ok(Change::Nothing)), "{topic}");
        }
    }
}

#[test]
fn every_step_has_its_words_in_both_languages() {
    let source = include_str!("../test_order.rs");
    let codes = source
        .split("Step::new(\"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next());
    for code in codes {
        for lang in [Lang::Nl, Lang::En] {
            let texts = Texts::new(lang, localtime::zone("UTC"));
            for verdict in [Verdict::Right, Verdict::Look] {
                let step = Step::new("x", verdict, "");
                let step = Step {
                    code: Box::leak(code.to_owned().into_boxed_str()),
                    ..step
                };
                let right = source.contains(&format!("\"{code}\", Verdict::Right"));
                assert!(!step.said(&texts).starts_with("test-order-"), "{code}");
                let next = step.next(&texts);
                assert!(
                    right || next.is_none_or(|next| !next.starts_with("test-order-")),
                    "{code}"
                );
            }
        }
    }
}
