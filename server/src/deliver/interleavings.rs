//! What holds of messages whatever happens in whatever order: with the real writer and database.
//!
//! In: random rows of things that happen to a shopper in a store, crashes among them. Out: what the
//! outbox marked as sent, judged against a plain record of what she agreed to and when.
//! Invariant: the judge reads marks (attempts), not what the code under test says of them.

use std::collections::BTreeMap;

use engine::{
    Observation,
    campaign::{About, Campaign, Caps, ProductRule},
};
use proptest::prelude::*;
use protocol::RadioId;

use super::tests::{Shop, anna, kade_9};
use crate::store::{
    StoreError, campaigns,
    catalogue::{self, Item, Placed, PlacementRow, ProductRow},
    intents::{self, Did},
    outbox::LEASE_MS,
    shop::{self, Names},
};

/// Anna's wishes in the two zones of the store.
const WISHES: [(&str, &str); 4] = [
    ("RUG", "back"),
    ("SOFA", "back"),
    ("MAT", "door"),
    ("VASE", "door"),
];

#[derive(Debug, Clone)]
enum Event {
    /// Heard at an antenna for some seconds.
    Sees { back: bool, seconds: u64 },
    /// Says at an antenna that she is there.
    Says { back: bool },
    /// Looks for what is due, and sends it; or does so once every lease has run out.
    Sends { late: bool },
    /// Looks for what is due, and dies before it has recorded that it was sent.
    Dies,
    /// Dies between two transactions.
    Restarts,
    /// Moves the two switches that messages need.
    Switches { messages: bool, browsing: bool },
    /// Ends her visit, by agreeing to nothing for a moment.
    Ends,
    /// Asks for silence, or takes it back.
    Mutes { on: bool },
    /// Her order is set aside.
    Order,
    /// The campaign is paused, or published again.
    Campaign { runs: bool },
    /// She wishes for something.
    Wishes { which: usize },
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        8 => (any::<bool>(), 1..8u64).prop_map(|(back, seconds)| Event::Sees { back, seconds }),
        6 => any::<bool>().prop_map(|back| Event::Says { back }),
        5 => any::<bool>().prop_map(|late| Event::Sends { late }),
        2 => Just(Event::Dies),
        1 => Just(Event::Restarts),
        2 => (any::<bool>(), any::<bool>())
            .prop_map(|(messages, browsing)| Event::Switches { messages, browsing }),
        4 => Just(Event::Ends),
        1 => any::<bool>().prop_map(|on| Event::Mutes { on }),
        1 => Just(Event::Order),
        1 => any::<bool>().prop_map(|runs| Event::Campaign { runs }),
        4 => (0..WISHES.len()).prop_map(|which| Event::Wishes { which }),
    ]
}

/// What may be said to her at this moment, kept beside the code under test.
struct Plain {
    messages: bool,
    browsing: bool,
    muted: bool,
    waits: bool,
    runs: bool,
}

/// One row that was marked: class, product, visit, how often.
type Marked = (bool, Option<String>, Option<uuid::Uuid>, u32);

async fn marked(shop: &Shop) -> BTreeMap<uuid::Uuid, Marked> {
    shop.write(|txn| {
        let mut rows = txn.db.prepare(
            "SELECT d.delivery, d.class = 'marketing', d.sku, d.visit, count(a.attempt)
             FROM deliveries d JOIN attempts a USING (delivery)
             WHERE a.result IN ('sending', 'kept in the stream', 'pushed')
             GROUP BY d.delivery",
        )?;
        let rows = rows.query_map([], |row| {
            Ok((
                row.get(0)?,
                (row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?),
            ))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    })
    .await
}

/// How many messages a visit and a day may have.
#[derive(Debug, Clone, Copy)]
struct Limits {
    visit: u32,
    day: u32,
}

fn fill(txn: &mut crate::pipeline::Txn<'_>, limits: Limits) -> Result<(), StoreError> {
    let mut row = shop::store(txn.db, &kade_9())?;
    row.messages_per_day_max = limits.day;
    shop::put_store(txn.db, &row, 1)?;
    txn.layout_changed(&kade_9())?;
    for (sku, zone) in WISHES {
        let names = || Names {
            nl: sku.into(),
            en: sku.into(),
        };
        let row = ProductRow {
            sku: sku.parse().unwrap(),
            name: names(),
            price_minor: 100,
            currency: "EUR".into(),
            product: None,
            category: None,
            variant: None,
        };
        catalogue::put_product(txn.db, &row, 0)?;
        let placed = PlacementRow {
            what: Placed::Sku(row.sku.clone()),
            zone: zone.parse().unwrap(),
            shelf: None,
        };
        catalogue::put_placement(txn.db, &kade_9(), &placed)?;
        catalogue::put_stock(txn.db, &kade_9(), &row.sku, 1, 0)?;
    }
    let usual = campaigns::published(txn.db)?.remove(0);
    let newest = campaigns::one(txn.db, usual.campaign)?.newest;
    let capped = Campaign {
        caps: Caps {
            per_visit: Some(limits.visit),
            ..Caps::default()
        },
        // What stands at the back may be told at the door, and must not be told again there.
        about: About::Product(ProductRule {
            anywhere: true,
            ..ProductRule::default()
        }),
        ..usual
    };
    campaigns::save(
        txn.db,
        txn.now_ms,
        &campaigns::VersionRow {
            campaign: capped.clone(),
            ..newest
        },
    )?;
    campaigns::set_state(
        txn.db,
        txn.now_ms,
        capped.campaign,
        campaigns::State::Published,
    )?;
    txn.campaigns_changed()
}

async fn play(events: Vec<Event>, limits: Limits) -> Result<(), TestCaseError> {
    let mut shop = Shop::open().await;
    shop.write(move |txn| fill(txn, limits)).await;
    let mut plain = Plain {
        messages: true,
        browsing: true,
        muted: false,
        waits: false,
        runs: true,
    };
    let mut before = BTreeMap::new();
    for event in events {
        let sends = matches!(event, Event::Sends { .. } | Event::Dies);
        shop = happen(shop, &event, &mut plain).await;
        let after = marked(&shop).await;
        for (delivery, (marketing, sku, ..)) in &after {
            if before.contains_key(delivery) || !marketing {
                continue;
            }
            prop_assert!(sends, "marked while nothing was sent");
            let allowed = plain.messages && plain.browsing && !plain.muted && !plain.waits;
            prop_assert!(allowed, "{sku:?} was sent after {event:?}");
        }
        judge(&after, limits)?;
        before = after;
    }
    Ok(())
}

fn judge(marked: &BTreeMap<uuid::Uuid, Marked>, limits: Limits) -> Result<(), TestCaseError> {
    let mut seen = BTreeMap::new();
    let mut per_visit: BTreeMap<_, u32> = BTreeMap::new();
    for (marketing, sku, visit, tries) in marked.values() {
        if !marketing {
            continue;
        }
        prop_assert_eq!(*tries, 1, "marketing was sent twice: {:?}", sku);
        let told = seen.insert((*visit, sku.clone()), ());
        prop_assert!(told.is_none(), "{sku:?} twice in a visit");
        *per_visit.entry(*visit).or_default() += 1;
    }
    let most = per_visit.values().copied().max();
    prop_assert!(
        most.is_none_or(|most| most <= limits.visit),
        "past the cap of a visit"
    );
    // All of it happens within one local day, unless somebody tests at midnight.
    prop_assert!(
        per_visit.values().sum::<u32>() <= limits.day,
        "past the cap of a day"
    );
    Ok(())
}

async fn happen(shop: Shop, event: &Event, plain: &mut Plain) -> Shop {
    match event {
        Event::Sees { back, seconds } => {
            let anchor = if *back { "back" } else { "door" };
            shop.sees(anchor, -50, *seconds, 0).await;
        }
        Event::Says { back } => says(&shop, if *back { "back" } else { "door" }).await,
        Event::Sends { late } => {
            let leased = shop.leased_in(if *late { 3 * LEASE_MS } else { 0 }).await;
            let record = move |txn: &mut crate::pipeline::Txn<'_>| {
                leased.iter().try_for_each(|row| {
                    crate::store::outbox::record_sent(txn.db, txn.now_ms, row.delivery, "pushed")
                })
            };
            shop.write(record).await;
        }
        Event::Dies => {
            shop.leased_in(0).await;
            return shop.crash_and_start().await;
        }
        Event::Restarts => return shop.crash_and_start().await,
        Event::Switches { messages, browsing } => {
            (plain.messages, plain.browsing) = (*messages, *browsing);
            shop.switches([None, Some(*messages), Some(*browsing), None])
                .await;
        }
        Event::Ends => {
            let nothing = Some(false);
            shop.switches([None, nothing, None, nothing]).await;
            shop.switches([None, Some(plain.messages), None, Some(true)])
                .await;
        }
        Event::Mutes { on } => {
            plain.muted = *on;
            let on = *on;
            shop.write(move |txn| match on {
                true => campaigns::mute(txn.db, anna(), "store", "kade-9", None),
                false => campaigns::unmute(txn.db, anna(), "store", "kade-9"),
            })
            .await;
        }
        Event::Order if !plain.waits => {
            // From here on she may wait; whether she does is up to where she is heard.
            shop.order_is_ready().await;
            plain.waits = waits(&shop).await;
        }
        Event::Order => {}
        Event::Campaign { runs } => {
            plain.runs = *runs;
            let state = match runs {
                true => campaigns::State::Published,
                false => campaigns::State::Paused,
            };
            shop.write(move |txn| {
                let usual = campaigns::all(txn.db)?.remove(0).newest.campaign.campaign;
                campaigns::set_state(txn.db, txn.now_ms, usual, state)?;
                txn.campaigns_changed()
            })
            .await;
        }
        Event::Wishes { which } => {
            let (sku, _) = WISHES[*which];
            shop.write(move |txn| {
                let item = Item::sku(sku.parse().unwrap());
                intents::add(txn.db, txn.now_ms, anna(), &item, Did::Carted, txn.now_ms)
            })
            .await;
        }
    }
    plain.waits = waits(&shop).await;
    shop
}

async fn says(shop: &Shop, anchor: &'static str) {
    shop.write(move |txn| {
        let (consent, _) = txn.consent_of(anna(), &kade_9())?;
        let said = Observation {
            customer: anna(),
            radio: RadioId::at(1, [8; 10]),
            anchor: anchor.parse().unwrap(),
            heard_first_ms: txn.now_ms,
            heard_last_ms: txn.now_ms,
            count: 1,
            rssi_dbm: 0,
            certain: true,
            late: false,
            consent,
        };
        txn.hear(&kade_9(), vec![said])
    })
    .await;
}

async fn waits(shop: &Shop) -> bool {
    shop.write(|txn| {
        Ok(txn
            .db
            .prepare("SELECT 1 FROM cards WHERE journey IN ('arrived', 'waiting')")?
            .exists([])?)
    })
    .await
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, max_shrink_iters: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_message_twice_without_consent_or_past_a_cap(
        events in prop::collection::vec(event(), 1..50),
        (visit, day) in (1..4u32, 1..4u32),
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(play(events, Limits { visit, day }))?;
    }
}
