//! From decision to phone with the real writer and database, one step at a time.

use std::{path::Path, thread};

use engine::{
    Observation,
    input::{Coming, Consent, OrderKind, OrderState},
    journey::Journey,
};
use protocol::{AnchorId, CustomerId, GatewayId, OrderId, RadioId, StoreId, ZoneId};
use tempfile::TempDir;
use tokio::sync::mpsc;

use super::*;
use crate::{
    api::app::{coming::say_coming, consent::set_consent},
    clock,
    fleet::Fleet,
    identity::Identity,
    pipeline::{Counts, Outlets, Txn},
    store::{
        campaigns,
        catalogue::{self, Item, Placed, PlacementRow, ProductRow},
        fixtures,
        intents::{self, Did},
        orders::{self, OrderRow},
        outbox::{DeliveryRow, LEASE_MS},
        people::{self, CustomerRow},
        shop::{self, AnchorKind, AnchorRow, Names, StoreRow},
    },
};

/// Tests have stand-ins for all providers.
const ALL_KINDS: [Kind; 3] = [Kind::WebPush, Kind::Fcm, Kind::Apns];

const ALL: [Option<bool>; 4] = [Some(true); 4];

pub(super) fn anna() -> CustomerId {
    CustomerId::at(1, [7; 10])
}

pub(super) fn kade_9() -> StoreId {
    "kade-9".parse().unwrap()
}

/// A database and its writer; nothing delivers by itself.
pub(super) struct Shop {
    dir: TempDir,
    pipeline: Pipeline,
    live: Arc<Live>,
    writer: thread::JoinHandle<()>,
}

fn start(dir: &Path) -> (Pipeline, Arc<Live>, thread::JoinHandle<()>) {
    let live = Arc::new(Live::default());
    let outlets = Outlets {
        journal: Arc::default(),
        live: live.clone(),
        identity: Arc::new(Identity::load(&[], clock::now_ms())),
        outbox: Arc::new(Notify::new()),
        fleet: Arc::new(Fleet::new(Arc::default()).0),
        committed: mpsc::unbounded_channel().0,
        counts: Arc::new(Counts::default()),
    };
    let (pipeline, writer) = Pipeline::start(&dir.join("db"), outlets, 60_000, None).unwrap();
    (pipeline, live, writer)
}

impl Shop {
    /// Two zones with an antenna each, a lamp in the back, Anna who wants it and agreed to all.
    pub(super) async fn open() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (pipeline, live, writer) = start(dir.path());
        let shop = Self {
            dir,
            pipeline,
            live,
            writer,
        };
        shop.write(furnish).await;
        shop
    }

    /// The process ends here: what was not written is gone.
    pub(super) async fn crash_and_start(self) -> Self {
        let Self {
            dir,
            pipeline,
            writer,
            ..
        } = self;
        pipeline.stop().await;
        writer.join().unwrap();
        let (pipeline, live, writer) = start(dir.path());
        Self {
            dir,
            pipeline,
            live,
            writer,
        }
    }

    pub(super) async fn write<T, F>(&self, write: F) -> T
    where
        T: Send + 'static,
        F: FnMut(&mut Txn<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        self.pipeline.write(write).await.unwrap()
    }

    /// She was at this antenna in the seconds from `from_s` to `to_s` ago, and near no other.
    pub(super) async fn sees(&self, anchor: &str, rssi_dbm: i8, from_s: u64, to_s: u64) {
        self.sees_in(kade_9(), anchor, rssi_dbm, from_s, to_s).await;
    }

    async fn sees_in(&self, store: StoreId, anchor: &str, rssi_dbm: i8, from_s: u64, to_s: u64) {
        let anchor: AnchorId = anchor.parse().unwrap();
        self.write(move |txn| {
            let (consent, _) = txn.consent_of(anna(), &store)?;
            let seen = |ago_s: u64| Observation {
                customer: anna(),
                radio: RadioId::at(1, [8; 10]),
                anchor: anchor.clone(),
                heard_first_ms: txn.now_ms - ago_s * 1_000,
                heard_last_ms: txn.now_ms - ago_s * 1_000,
                count: 4,
                rssi_dbm,
                certain: false,
                late: false,
                consent,
            };
            let sightings = (to_s..=from_s).rev().map(seen).collect();
            txn.hear(&store, sightings)
        })
        .await;
    }

    /// An order is ready, and its own message is out of the way.
    pub(super) async fn order_is_ready(&self) {
        self.order_becomes(OrderState::Ready).await;
        self.write(|txn| {
            txn.db
                .execute("DELETE FROM deliveries WHERE cause LIKE 'ready:%'", [])?;
            Ok(())
        })
        .await;
    }

    /// Her order, made or moved on.
    async fn order_becomes(&self, state: OrderState) {
        self.write(move |txn| {
            let row = OrderRow {
                state,
                ..fixtures::order(9, &kade_9(), anna(), OrderKind::ClickAndCollect)
            };
            let (order, made) = orders::add_order(txn.db, txn.now_ms, &row)?;
            if !made {
                orders::set_state(txn.db, txn.now_ms, order, state, orders::News::default())?;
            }
            txn.order_changed(&row)
        })
        .await;
    }

    pub(super) async fn switches(&self, switches: [Option<bool>; 4]) -> Consent {
        self.write(move |txn| set_consent(txn, anna(), switches, "1", "nl", "app"))
            .await
    }

    /// What may be sent so much later than now.
    pub(super) async fn leased_in(&self, ms: u64) -> Vec<DeliveryRow> {
        self.write(move |txn| outbox::lease(txn.db, txn.now_ms + ms, &ALL_KINDS))
            .await
    }

    /// Class and state of each delivery, marketing first.
    async fn states(&self) -> Vec<(String, String)> {
        self.write(|txn| {
            let mut statement = txn
                .db
                .prepare("SELECT class, state FROM deliveries ORDER BY class")?;
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    async fn visits(&self) -> Vec<(String, u32)> {
        self.write(|txn| {
            let mut statement = txn.db.prepare(
                "SELECT purpose, (SELECT count(*) FROM zone_stays z WHERE z.visit = v.visit)
                 FROM visits v ORDER BY entered_ms",
            )?;
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }
}

fn furnish(txn: &mut Txn<'_>) -> Result<(), StoreError> {
    build(txn, &kade_9())?;
    let customer = CustomerRow {
        customer: anna(),
        external_id: "anna".into(),
        given_name: "Anna".into(),
        family_name: "de Vries".into(),
        salutation: None,
        language: "nl".into(),
    };
    people::put_customer(txn.db, txn.now_ms, &customer)?;
    set_consent(txn, anna(), ALL, "1", "nl", "app")?;
    let (lamp, at_ms) = ("LAMP".parse().unwrap(), txn.now_ms - 60_000);
    intents::add(
        txn.db,
        txn.now_ms,
        anna(),
        &Item::sku(lamp),
        Did::Carted,
        at_ms,
    )
}

fn build(txn: &mut Txn<'_>, store: &StoreId) -> Result<(), StoreError> {
    let names = || Names {
        nl: "x".into(),
        en: "x".into(),
    };
    let row = StoreRow {
        store: store.clone(),
        name: "Kade 9".into(),
        timezone: "Europe/Amsterdam".into(),
        opens: "00:00".into(),
        closes: "00:00".into(),
        quiet: None,
        messages_per_day_max: 2,
    };
    shop::put_store(txn.db, &row, 1)?;
    for place in ["door", "back"] {
        let zone: ZoneId = place.parse().unwrap();
        shop::put_zone(txn.db, store, &zone, &names())?;
        let gateway: GatewayId = place.parse().unwrap();
        let anchor = AnchorRow {
            anchor: place.parse().unwrap(),
            zone,
            kind: AnchorKind::Gateway(gateway),
            enter_rssi_dbm: -80,
        };
        shop::put_anchor(txn.db, store, &anchor)?;
    }
    txn.layout_changed(store)?;
    let lamp = ProductRow {
        sku: "LAMP".parse().unwrap(),
        name: names(),
        price_minor: 1,
        currency: "EUR".into(),
        product: None,
        category: None,
        variant: None,
    };
    catalogue::put_product(txn.db, &lamp, 0)?;
    let placed = PlacementRow {
        what: Placed::Sku(lamp.sku.clone()),
        zone: "back".parse().unwrap(),
        shelf: None,
    };
    catalogue::put_placement(txn.db, store, &placed)?;
    catalogue::put_stock(txn.db, store, &lamp.sku, 3, 0)?;
    Ok(())
}

fn is(class: &str, state: &str) -> (String, String) {
    (class.to_owned(), state.to_owned())
}

#[tokio::test]
async fn consent_that_is_withdrawn_between_decision_and_sending_sends_nothing() {
    let shop = Shop::open().await;
    shop.sees("back", -50, 3, 0).await;
    assert_eq!(shop.states().await, [is("marketing", "pending")]);
    shop.switches([None, Some(false), None, None]).await;
    assert_eq!(shop.leased_in(0).await, []);
    assert_eq!(shop.states().await, [is("marketing", "withdrawn")]);
}

#[tokio::test]
async fn an_arrival_is_not_told_after_arrival_was_withdrawn() {
    let shop = Shop::open().await;
    shop.switches([None, Some(false), None, None]).await;
    shop.order_is_ready().await;
    shop.sees("door", -70, 3, 0).await;
    assert_eq!(shop.states().await, [is("service", "pending")]);
    shop.switches([Some(false), None, None, None]).await;
    assert_eq!(shop.leased_in(0).await, []);
    assert_eq!(shop.states().await, [is("service", "withdrawn")]);
}

#[tokio::test]
async fn an_order_that_becomes_ready_is_told_once() {
    let shop = Shop::open().await;
    shop.order_becomes(OrderState::Placed).await;
    assert_eq!(shop.states().await, []);
    for state in [OrderState::Ready, OrderState::Placed, OrderState::Ready] {
        shop.order_becomes(state).await;
    }
    assert_eq!(shop.states().await, [is("service", "pending")]);
    let told = shop.leased_in(0).await;
    let said = shop
        .write(move |txn| crate::web::messages::tell(txn.db, &told[0]))
        .await;
    assert_eq!(said.title, "Je bestelling ligt klaar");
    assert_eq!(
        said.body,
        "1042-9 ligt klaar bij Kade 9. Kom wanneer het je past."
    );
}

#[tokio::test]
async fn ready_again_is_told_on_another_day_or_if_it_was_never_told() {
    let shop = Shop::open().await;
    let told = async || {
        let rows = shop.leased_in(0).await;
        for row in &rows {
            let id = row.delivery;
            shop.write(move |txn| outbox::record_sent(txn.db, txn.now_ms, id, "seen"))
                .await;
        }
        rows.len()
    };
    let again = async || {
        shop.order_becomes(OrderState::Delayed).await;
        shop.order_becomes(OrderState::Ready).await;
    };
    shop.order_becomes(OrderState::Ready).await;
    // It went back before anything left: so nothing was told.
    shop.order_becomes(OrderState::Delayed).await;
    assert_eq!(told().await, 0);
    shop.order_becomes(OrderState::Ready).await;
    assert_eq!(told().await, 1);
    again().await;
    assert_eq!(told().await, 0, "she knows, since today");
    shop.write(|txn| {
        let day_ms = 86_400_000;
        txn.db.execute(
            "UPDATE deliveries SET sent_ms = sent_ms - ?1, created_ms = created_ms - ?1",
            [day_ms],
        )?;
        Ok(())
    })
    .await;
    again().await;
    assert_eq!(
        told().await,
        1,
        "what was said yesterday was not so in between"
    );
    again().await;
    assert_eq!(told().await, 0);
}

#[tokio::test]
async fn ready_is_not_told_once_it_is_not_so_and_not_kept_for_whom_may_not_be_told() {
    let shop = Shop::open().await;
    shop.order_becomes(OrderState::Ready).await;
    shop.order_becomes(OrderState::Delayed).await;
    assert_eq!(shop.leased_in(0).await, []);
    assert_eq!(shop.states().await, [is("service", "expired")]);
    let shop = Shop::open().await;
    shop.switches([Some(false), None, None, None]).await;
    shop.order_becomes(OrderState::Ready).await;
    assert_eq!(shop.states().await, []);
}

#[tokio::test]
async fn on_her_way_is_a_card_and_no_message_and_nothing_without_consent() {
    let shop = Shop::open().await;
    shop.order_is_ready().await;
    let near = || shop.write(|txn| say_coming(txn, anna(), &kade_9(), Coming::Near));
    let cards = || {
        shop.write(|txn| {
            let cards = crate::store::board::cards_on_board(txn.db, &kade_9(), txn.now_ms)?;
            Ok(cards.iter().map(|row| row.card.journey).collect::<Vec<_>>())
        })
    };
    assert!(near().await);
    assert_eq!(cards().await, [Journey::Nearby]);
    assert_eq!(shop.states().await, []);
    shop.switches([Some(false), None, None, None]).await;
    assert!(!near().await);
    assert_eq!(cards().await, []);
}

#[tokio::test]
async fn a_crash_between_sending_and_recording_repeats_service_and_never_marketing() {
    let shop = Shop::open().await;
    shop.sees("back", -50, 3, 0).await;
    let mut phone = shop.live.follow_phone(anna());
    let mut sent = shop.leased_in(0).await;
    shop.order_is_ready().await;
    sent.extend(shop.leased_in(0).await);
    assert_eq!(sent.len(), 2);
    assert_eq!(sent.iter().map(|row| shop.live.push(row)).sum::<usize>(), 2);
    assert_eq!(phone.recv().await.unwrap().n, 1);

    let shop = shop.crash_and_start().await;
    assert_eq!(shop.leased_in(0).await, []);
    let again = shop.leased_in(LEASE_MS).await;
    let service = sent.iter().find(|row| !row.marketing).unwrap();
    assert_eq!(again, std::slice::from_ref(service));
    assert_eq!(
        shop.states().await,
        [is("marketing", "unknown"), is("service", "sending")]
    );
    assert!(
        shop.leased_in(3 * LEASE_MS)
            .await
            .iter()
            .all(|row| !row.marketing)
    );
}

#[tokio::test]
async fn who_waits_for_her_order_is_told_nothing_else() {
    let shop = Shop::open().await;
    shop.sees("back", -50, 3, 0).await;
    shop.order_is_ready().await;
    let leased = shop.leased_in(0).await;
    assert!(leased.len() == 1 && !leased[0].marketing, "{leased:?}");
    let states = [is("marketing", "withdrawn"), is("service", "sending")];
    assert_eq!(shop.states().await, states);
}

#[tokio::test]
async fn what_she_muted_is_not_sent_and_does_not_count() {
    for (kind, value) in [("pause", ""), ("store", "kade-9"), ("topic", "wishlist")] {
        let shop = Shop::open().await;
        shop.sees("back", -50, 3, 0).await;
        let mute = move |txn: &mut Txn<'_>| {
            campaigns::mute(txn.db, anna(), kind, value, Some(txn.now_ms + 60_000))
        };
        shop.write(mute).await;
        assert_eq!(shop.leased_in(0).await, [], "{kind}");
        assert_eq!(shop.states().await, [is("marketing", "withdrawn")]);
        let counted = |txn: &mut Txn<'_>| {
            let told = campaigns::told_since(txn.db, anna(), 0)?;
            let sum = "SELECT sum(told) FROM campaign_counts";
            Ok((told.len(), txn.db.query_row(sum, [], |row| row.get(0))?))
        };
        assert_eq!(shop.write(counted).await, (0, 0));
    }
}

/// Nothing that she did online is used for it, so the switch for that is not asked for.
#[tokio::test]
async fn a_message_about_the_store_needs_no_consent_to_browsing_and_says_its_own_words() {
    let shop = Shop::open().await;
    shop.write(|txn| {
        let mut row = campaigns::all(txn.db)?.remove(0).newest;
        row.campaign.about = engine::campaign::About::Store;
        let words = |text: &str| text.parse().unwrap();
        for said in row.campaign.content.0.values_mut() {
            (said.title, said.body) = (words("Lampenavond"), words("Donderdag bij {store}."));
        }
        campaigns::save(txn.db, txn.now_ms, &row)?;
        let state = campaigns::State::Published;
        campaigns::set_state(txn.db, txn.now_ms, row.campaign.campaign, state)?;
        txn.campaigns_changed()
    })
    .await;
    shop.switches([None, None, Some(false), None]).await;
    shop.sees("back", -50, 3, 0).await;
    let leased = shop.leased_in(0).await;
    assert_eq!(leased.len(), 1, "{:?}", shop.states().await);
    let told = move |txn: &mut Txn<'_>| {
        let told = crate::web::messages::tell(txn.db, &leased[0])?;
        let body = "SELECT CAST(body AS TEXT) FROM decisions";
        let kept: String = txn.db.query_row(body, [], |row| row.get(0))?;
        Ok((told.title, told.body, kept))
    };
    let (title, body, kept) = shop.write(told).await;
    assert_eq!((&*title, &*body), ("Lampenavond", "Donderdag bij Kade 9."));
    assert!(!kept.contains("LAMP"), "{kept}");
}

#[tokio::test]
async fn a_message_for_another_store_is_not_told_here() {
    for (stores, told) in [(["kade-8"], 0), (["kade-9"], 1)] {
        let shop = Shop::open().await;
        shop.write(move |txn| {
            let mut row = campaigns::all(txn.db)?.remove(0).newest;
            let stores = stores.iter().map(|store| store.parse().unwrap());
            row.campaign.trigger.stores = stores.collect();
            campaigns::save(txn.db, txn.now_ms, &row)?;
            let state = campaigns::State::Published;
            campaigns::set_state(txn.db, txn.now_ms, row.campaign.campaign, state)?;
            txn.campaigns_changed()
        })
        .await;
        shop.sees("back", -50, 3, 0).await;
        assert_eq!(shop.leased_in(0).await.len(), told, "{stores:?}");
    }
}

#[tokio::test]
async fn who_is_heard_in_two_stores_at_once_gets_no_offer_in_either() {
    let shop = Shop::open().await;
    let kade_8: StoreId = "kade-8".parse().unwrap();
    let other = kade_8.clone();
    shop.write(move |txn| build(txn, &other)).await;
    shop.sees("door", -70, 8, 6).await;
    shop.sees_in(kade_8.clone(), "door", -70, 5, 4).await;
    shop.sees_in(kade_8, "back", -50, 3, 0).await;
    shop.sees("back", -50, 3, 0).await;
    let reasons = |txn: &mut Txn<'_>| {
        let mut rows = txn
            .db
            .prepare("SELECT store, reason FROM decisions ORDER BY store, reason")?;
        let rows = rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<Result<Vec<(String, Option<String>)>, _>>()?)
    };
    let silent = |store: &str| (store.to_owned(), Some("in_two_stores".to_owned()));
    let reasons = shop.write(reasons).await;
    assert!(
        reasons.contains(&silent("kade-8")) && reasons.contains(&silent("kade-9")),
        "{reasons:?}"
    );
    assert_eq!(shop.states().await, []);
}

#[tokio::test]
async fn what_waits_in_her_stream_is_not_told_after_a_withdrawal() {
    let shop = Shop::open().await;
    shop.sees("back", -50, 3, 0).await;
    let sent = shop.leased_in(0).await;
    assert_eq!(sent.len(), 1);
    let waiting = |txn: &mut Txn<'_>| outbox::stream_after(txn.db, txn.now_ms, anna(), 0);
    assert_eq!(shop.write(waiting).await, sent);
    shop.switches([None, Some(false), None, None]).await;
    assert_eq!(shop.write(waiting).await, []);
}

#[tokio::test]
async fn a_visit_goes_on_for_the_purpose_that_is_left() {
    let shop = Shop::open().await;
    shop.sees("door", -70, 12, 10).await;
    assert_eq!(shop.visits().await, [("statistics".to_owned(), 1)]);
    shop.switches([None, None, None, Some(false)]).await;
    assert_eq!(shop.visits().await, [("messages".to_owned(), 1)]);
    shop.sees("back", -50, 9, 0).await;
    assert_eq!(shop.visits().await, [("messages".to_owned(), 2)]);
    shop.switches([Some(false), Some(false), None, None]).await;
    assert_eq!(shop.visits().await, []);
}

mod events_out;
mod push;
mod staff;
mod webhook;
