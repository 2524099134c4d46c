//! Messages over kills: marketing reaches a phone at most once, an arrival at least once.

use std::{collections::BTreeMap, time::Duration};

use anyhow::Context;
use demo::{
    audit::Audit,
    stack::{Options, until},
};
use e2e::{
    hand::{Hand, Run},
    harness::test,
    person::{MESSAGES, Person, person},
    rig::Rig,
};
use firmware_sim::{
    http::{Api, Nothing},
    phone::inbox::{Class, Inbox, listen},
};
use libtest_mimic::Trial;
use protocol::{AnchorId, DeliveryId};
use serde_json::{Value, json};
use server::clock::now_ms;
use tokio::{sync::watch, task::JoinHandle};

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        test(
            "a_phone_that_heard_nothing_yet_misses_nothing_while_it_is_away",
            &[],
            first_message_waits,
        ),
        test(
            "no_phone_gets_an_offer_twice_over_kills_and_no_arrival_is_lost",
            &[],
            kills_repeat_no_offer,
        ),
    ]
}

/// Kills in a gate run; `WELKOM_KILLS` says how many in a longer one.
const KILLS: usize = 4;
/// Shoppers who come in before each kill.
const PEOPLE: usize = 3;

/// The first event of a stream that is what it should be, as its lines.
async fn first_event(
    api: &Api,
    after: Option<&str>,
    wanted: impl Fn(&str) -> bool,
) -> anyhow::Result<String> {
    let mut answer = api.open_events("/v1/app/events", after).await?;
    let mut text = String::new();
    let read = async {
        loop {
            if let Some(event) = text.split("\n\n").find(|event| wanted(event)) {
                return anyhow::Ok(event.to_owned());
            }
            let bytes = answer.chunk().await?.context("the stream ended")?;
            text.push_str(&String::from_utf8_lossy(&bytes));
        }
    };
    tokio::time::timeout(Duration::from_secs(10), read).await?
}

async fn first_message_waits() -> anyhow::Result<()> {
    let rig = Rig::start(Options::default()).await?;
    let stack = &rig.stack;
    let anna = person(stack, "anna", MESSAGES).await?;
    anna.did_online(stack, "carted", "SJAAL-ROOD").await?;
    let path = format!("/v1/customers/{}/enrolments", anna.customer);
    let code: Value = stack.api.post(&path, &json!({})).await?;
    let enrol = json!({"code": code["code"], "platform": "ios"});
    let device: Value = stack.api.post("/v1/app/enrol", &enrol).await?;
    let api = stack
        .api
        .with_bearer(device["token"].as_str().unwrap_or_default());
    let heartbeat = first_event(&api, None, |event| event.contains("heartbeat")).await?;
    let place = heartbeat.lines().find_map(|line| line.strip_prefix("id: "));
    let place = place.context("a heartbeat says where the stream is")?;

    let door: AnchorId = "door".parse()?;
    let mut hand = Hand::connect(&stack.store, &rig.credentials[0]).await?;
    let mut run = Run::new(&stack.store, &rig.credentials[0].gateway);
    hand.stands(&mut run, &[&anna], &door).await?;
    let database = stack.database();
    let sent = "SELECT count(*) FROM deliveries WHERE state = 'sent'";
    until("an offer in her stream", async || {
        Ok(Audit::open(&database)?.number(sent)? == 1)
    })
    .await?;
    let offer = first_event(&api, Some(place), |e| e.contains("notification")).await?;
    anyhow::ensure!(offer.contains("SJAAL-ROOD"), "{offer}");
    Ok(())
}

struct Listening {
    person: Person,
    waits: bool,
    inbox: Inbox,
    task: JoinHandle<()>,
}

/// One who wants a scarf; whoever waits for an order is offered nothing, so each has one or the other.
async fn shopper(
    rig: &Rig,
    name: String,
    waits: bool,
    stop: &watch::Receiver<bool>,
) -> anyhow::Result<Listening> {
    let person = person(&rig.stack, &name, MESSAGES).await?;
    person
        .did_online(&rig.stack, "carted", "SJAAL-ROOD")
        .await?;
    let order = json!({
        "external_id": format!("order-{name}"), "store": "kade-9", "customer": person.customer,
        "lines": [{"sku": "LAMP-BOOG", "quantity": 1}], "state": "ready", "bay": null,
        "code": "4821",
    });
    if waits {
        let _: Nothing = rig.stack.api.post("/v1/orders", &order).await?;
    }
    let inbox = Inbox::default();
    let (phone, kept, stop) = (person.phone.clone(), inbox.clone(), stop.clone());
    let task = tokio::spawn(async move {
        // It ends with the test; what it heard is judged.
        let _ = listen(phone, kept, now_ms, stop, |_| {}).await;
    });
    Ok(Listening {
        person,
        waits,
        inbox,
        task,
    })
}

async fn kills_repeat_no_offer() -> anyhow::Result<()> {
    let kills = std::env::var("WELKOM_KILLS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(KILLS);
    let mut rig = Rig::start(Options::default()).await?;
    let (end, stop) = watch::channel(false);
    let door: AnchorId = "door".parse()?;
    let mut all: Vec<Listening> = Vec::new();
    let mut run = Run::new(&rig.stack.store, &rig.credentials[0].gateway);
    for kill in 0..kills {
        let first = all.len();
        for who in 0..PEOPLE {
            let waits = who % 2 == 0;
            all.push(shopper(&rig, format!("p{kill}-{who}"), waits, &stop).await?);
        }
        let mut hand = Hand::connect(&rig.stack.store, &rig.credentials[0]).await?;
        let people: Vec<&Person> = all[first..].iter().map(|l| &l.person).collect();
        hand.stands(&mut run, &people, &door).await?;
        // The moment at which the first of them hears something is the one that hurts.
        until("a first message", async || {
            Ok(all[first..].iter().any(|l| !l.inbox.received().is_empty()))
        })
        .await?;
        rig.stack.kill()?;
        rig.stack.restart().await?;
    }
    // Leases of what the kills cut short end after 30 s; nothing is left to be told then.
    let database = rig.stack.database();
    let open = "SELECT count(*) FROM deliveries WHERE state IN ('pending', 'sending')";
    demo::stack::until_within(
        Duration::from_secs(60),
        "all deliveries to end",
        async || Ok(Audit::open(&database)?.number(open)? == 0),
    )
    .await?;
    let arrived = |l: &Listening| {
        let received = l.inbox.received();
        received
            .iter()
            .any(|r| r.notification.class == Class::Service)
    };
    until("each phone to hear of the arrival", async || {
        Ok(all.iter().filter(|l| l.waits).all(arrived))
    })
    .await?;
    end.send(true)?;
    let offered = |l: &&Listening| {
        let received = l.inbox.received();
        received
            .iter()
            .any(|r| r.notification.class == Class::Marketing)
    };
    // What a kill cut short is not told again, so not each of them hears of it.
    anyhow::ensure!(
        all.iter().any(|l| offered(&l)),
        "nobody was offered anything"
    );
    for listening in all {
        let mut offers: BTreeMap<DeliveryId, usize> = BTreeMap::new();
        for received in listening.inbox.received() {
            if received.notification.class == Class::Marketing {
                *offers.entry(received.notification.delivery).or_default() += 1;
            }
        }
        anyhow::ensure!(offers.values().all(|times| *times == 1), "{offers:?}");
        anyhow::ensure!(offers.len() <= 1, "one product, one offer: {offers:?}");
        listening.task.await?;
    }
    Ok(())
}
