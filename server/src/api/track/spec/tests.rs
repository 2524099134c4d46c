//! What each of Segment's names means here.

use serde_json::json;

use super::*;

const NOW_MS: u64 = 1_800_000_000_000;

#[expect(clippy::needless_pass_by_value, reason = "made for this one call")]
fn said(name: &str, properties: serde_json::Value) -> Result<Option<Deed>, String> {
    let json = json!({"event": name, "userId": 7, "properties": properties}).to_string();
    match read(&json, Some("track"), NOW_MS)? {
        Read::Event(event) => {
            assert_eq!((event.user.as_deref(), event.at_ms), (Some("7"), NOW_MS));
            Ok(Some(event.deed))
        }
        Read::Ignored => Ok(None),
    }
}

#[test]
fn each_name_of_the_specification_means_one_thing() {
    let lamp = Item::sku("LAMP".parse().unwrap());
    for (name, did, of_many) in [
        ("Product Viewed", Did::Viewed, false),
        ("Product Added", Did::Carted, false),
        ("Product Removed", Did::Uncarted, false),
        ("Product Added to Wishlist", Did::Wishlisted, false),
        ("Product Removed from Wishlist", Did::Unwishlisted, false),
        ("Wishlist Product Added to Cart", Did::Carted, false),
        ("Cart Viewed", Did::Carted, true),
        ("Checkout Started", Did::Carted, true),
    ] {
        let product = json!({"sku": "LAMP", "price": 19.99});
        let properties = if of_many {
            json!({"products": [product]})
        } else {
            product
        };
        let expected = Deed::Browse {
            did,
            items: vec![(lamp.clone(), Some(1_999))],
            categories: Vec::new(),
        };
        assert_eq!(said(name, properties), Ok(Some(expected)), "{name}");
    }
    for name in ["Product List Viewed", "Products Searched"] {
        let expected = Deed::Browse {
            did: Did::Viewed,
            items: Vec::new(),
            categories: vec!["shoes".into()],
        };
        let properties = json!({"category": "Shoes", "query": "her words", "list_id": "1"});
        assert_eq!(said(name, properties), Ok(Some(expected)), "{name}");
    }
    for (name, state) in [
        ("Order Completed", State::Bought),
        ("Order Updated", State::Bought),
        ("Order Refunded", State::Refunded),
        ("Order Cancelled", State::Cancelled),
    ] {
        let found = said(name, json!({"order_id": "1042"}));
        let is = matches!(&found, Ok(Some(Deed::Order { state: s, .. })) if *s == state);
        assert!(is, "{name} {found:?}");
    }
    assert_eq!(said("Promotion Clicked", json!({})), Ok(None));
}

#[test]
fn a_price_is_the_decimal_text_in_its_currency() {
    for (price, currency, expected) in [
        (json!(0.1), "EUR", Some(10)),
        (json!("129.00"), "EUR", Some(12_900)),
        (json!(1500), "JPY", Some(1_500)),
        (json!(1e30), "EUR", None),
        (json!("free"), "EUR", None),
        (json!(null), "EUR", None),
    ] {
        let properties = json!({"sku": "LAMP", "price": price, "currency": currency});
        let found = said("Product Viewed", properties);
        let Ok(Some(Deed::Browse { items, .. })) = found else {
            panic!("{price}: {found:?}")
        };
        assert_eq!(items[0].1, expected, "{price} {currency}");
    }
}

#[test]
fn times_are_read_with_their_offset_and_what_lies_ahead_is_not_kept() {
    let at = |timestamp: &str| {
        let json = json!({"event": "Product Viewed", "userId": "a", "timestamp": timestamp,
                          "properties": {"sku": "LAMP"}});
        match read(&json.to_string(), Some("track"), NOW_MS) {
            Ok(Read::Event(event)) => Ok(Some(event.at_ms)),
            Ok(Read::Ignored) => Ok(None),
            Err(why) => Err(why),
        }
    };
    // NOW_MS is 2027-01-15T08:00:00Z.
    assert_eq!(at("2027-01-15T08:59:59.5+01:00"), Ok(Some(NOW_MS - 500)));
    assert_eq!(at("2027-01-15T07:59:59Z"), Ok(Some(NOW_MS - 1_000)));
    assert_eq!(at("2027-01-15T07:59:59"), Ok(Some(NOW_MS - 1_000)));
    assert_eq!(at("2026-01-15T07:59:59Z"), Ok(None));
    assert!(at("2027-01-15T09:00:00Z").unwrap_err().contains("future"));
    for wrong in ["yesterday", "1800000000000", ""] {
        assert!(at(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn what_is_wrong_is_said_without_what_stood_there() {
    for wrong in [
        r#"{"event":"Product Viewed","userId":{"name":"Anna Geheim"}}"#,
        r#"{"event":"Product Viewed","userId":"a","properties":{"sku":["Anna Geheim"]}}"#,
        r#"{"event":"Product Viewed","userId":"a","properties":{"sku":"Anna Geheim"}}"#,
        r#"{"event":"Product Viewed","userId":"a","timestamp":"Anna Geheim"}"#,
        r#"{"event":"Product Viewed","userId":"a","properties":"Anna Geheim"}"#,
        r#"{"event":"Order Completed","userId":"a","properties":{"x":"Anna Geheim"}}"#,
    ] {
        let why = read(wrong, Some("track"), NOW_MS).unwrap_err();
        assert!(!why.contains("Geheim"), "{why}");
        assert!(!why.is_empty());
    }
}
