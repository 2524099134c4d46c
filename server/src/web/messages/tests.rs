//! That staff know of her, in the words of what she came for.

use engine::input::OrderKind;
use protocol::{OrderId, RadioId};

use super::*;
use crate::{
    api::{
        app::{
            help::ask,
            share::{say_collects, share},
            sightings::say_here,
        },
        fixtures::Rig,
    },
    store::fixtures,
};

/// The last arrival that Anna is told of.
async fn told(rig: &Rig) -> Told {
    rig.write(|txn| {
        let last = "SELECT delivery FROM deliveries WHERE cause LIKE 'arrival:%' ORDER BY n DESC,
                    created_ms DESC LIMIT 1";
        let delivery = txn.db.query_row(last, [], |row| row.get(0))?;
        let row = outbox::row(txn.db, DeliveryId(delivery))?;
        tell(txn.db, &row.ok_or(StoreError::NotFound("delivery"))?)
    })
    .await
}

async fn ready(rig: &Rig, kind: OrderKind) -> OrderId {
    let (store, customer) = (rig.store.clone(), rig.anna);
    let order = OrderId::at(1, [1; 10]);
    rig.write(move |txn| {
        let row = fixtures::order(1, &store, customer, kind);
        orders::add_order(txn.db, txn.now_ms, &row)?;
        txn.order_changed(&row)
    })
    .await;
    order
}

async fn arrives(rig: &Rig) {
    let (store, anna) = (rig.store.clone(), rig.anna);
    rig.write(move |txn| say_here(txn, anna, RadioId(anna.0), &store))
        .await;
}

#[tokio::test]
async fn who_only_called_for_help_hears_of_no_order() {
    let rig = Rig::open().await;
    rig.hears(&rig.store).await;
    arrives(&rig).await;
    let (store, anna) = (rig.store.clone(), rig.anna);
    rig.write(move |txn| ask(txn, anna, &store)).await;
    let told = told(&rig).await;
    assert_eq!(
        (told.title.as_str(), told.class),
        ("Er komt iemand", "service")
    );
    assert_eq!(told.body, "Er komt iemand naar je toe.");
    assert_eq!(told.why, ["Je vroeg om hulp."]);
}

#[tokio::test]
async fn who_comes_for_an_order_hears_of_it_and_who_brings_something_back_of_that() {
    for (kind, body, why) in [
        (
            OrderKind::ClickAndCollect,
            "Er komt iemand met je bestelling naar je toe.",
            "bestelling klaarliggen",
        ),
        (
            OrderKind::Return,
            "Er komt iemand naar je toe.",
            "brengt iets terug",
        ),
    ] {
        let rig = Rig::open().await;
        rig.hears(&rig.store).await;
        ready(&rig, kind).await;
        arrives(&rig).await;
        let told = told(&rig).await;
        assert_eq!(
            (told.title.as_str(), told.body.as_str()),
            ("We zien je", body)
        );
        assert!(told.why[0].contains(why), "{:?}", told.why);
    }
}

#[tokio::test]
async fn that_somebody_came_with_her_link_is_said_as_that() {
    let rig = Rig::open().await;
    rig.hears(&rig.store).await;
    let order = ready(&rig, OrderKind::ClickAndCollect).await;
    let (store, anna) = (rig.store.clone(), rig.anna);
    rig.write(move |txn| {
        share(txn, anna, order)?;
        say_collects(txn, anna, &store, order)
    })
    .await;
    let told = told(&rig).await;
    assert_eq!(told.title, "Er is iemand voor je bestelling");
    assert!(told.body.contains("1042-1"), "{}", told.body);
}
