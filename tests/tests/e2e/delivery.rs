//! Messages over kills: marketing reaches a phone at most once, an arrival at least once.

use std::collections::BTreeMap;

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
    http::Nothing,
    phone::inbox::{Class, Inbox, listen},
};
use libtest_mimic::Trial;
use protocol::{AnchorId, DeliveryId};
use serde_json::json;
use server::clock::now_ms;
use tokio::{sync::watch, task::JoinHandle};

pub(crate) fn tests() -> Vec<Trial> {
    vec![test(
        "no_phone_gets_an_offer_twice_over_kills_and_no_arrival_is_lost",
        &[],
        kills_repeat_no_offer,
    )]
}

/// Kills in a gate run; `WELKOM_KILLS` says how many in a longer one.
const KILLS: usize = 4;
/// Shoppers who come in before each kill.
const PEOPLE: usize = 3;

struct Listening {
    person: Person,
    inbox: Inbox,
    task: JoinHandle<()>,
}

async fn shopper(
    rig: &Rig,
    name: String,
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
    let _: Nothing = rig.stack.api.post("/v1/orders", &order).await?;
    let inbox = Inbox::default();
    let (phone, kept, stop) = (person.phone.clone(), inbox.clone(), stop.clone());
    let task = tokio::spawn(async move {
        // It ends with the test; what it heard is judged.
        let _ = listen(phone, kept, now_ms, stop, |_| {}).await;
    });
    Ok(Listening {
        person,
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
            all.push(shopper(&rig, format!("p{kill}-{who}"), &stop).await?);
        }
        let mut hand = Hand::connect(&rig.stack.store, &rig.credentials[0]).await?;
        let seen = all[first..]
            .iter()
            .flat_map(|l| [1_000, 0].map(|ago| l.person.seen_at(&door, now_ms() - ago)))
            .collect();
        let batch = run.batch(seen);
        hand.deliver(&batch).await?;
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
        std::time::Duration::from_secs(60),
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
        Ok(all.iter().all(arrived))
    })
    .await?;
    end.send(true)?;
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
