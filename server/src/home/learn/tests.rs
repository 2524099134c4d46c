//! What a machine in a store makes of what it is told.

use std::sync::Arc;

use engine::input::OrderKind;
use protocol::{CardId, OrderId, StaffId, seal::Signature, settings::SignedSettings};
use tokio::sync::{Notify, mpsc};

use super::*;
use crate::{
    fleet::Fleet,
    identity::Identity,
    live::Live,
    pipeline::{Counts, Outlets, Pipeline},
    store::{
        access::{StaffRole, StaffRow},
        beacons,
        catalogue::ProductRow,
        open_reader,
        orders::OrderRow,
        people::CustomerRow,
        plan::Certainty,
        shop::{AnchorKind, AnchorRow, Names, StoreRow},
    },
};

/// Inputs, but for those that time alone makes.
const TOLD: &str = "SELECT count(*) FROM inputs WHERE CAST(body AS TEXT) NOT LIKE '%\"deaf\"%'
    AND CAST(body AS TEXT) NOT LIKE '%\"tick\"%' AND CAST(body AS TEXT) NOT LIKE '%\"campaigns\"%'";

struct Machine {
    pipeline: Pipeline,
    dir: tempfile::TempDir,
}

impl Machine {
    /// It has just claimed the desk.
    async fn with(state: &State) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let counts = Arc::new(Counts::default());
        let outlets = Outlets {
            live: Arc::new(Live::default()),
            identity: Arc::new(Identity::default()),
            outbox: Arc::new(Notify::new()),
            fleet: Arc::new(Fleet::new(counts.clone()).0),
            journal: Arc::new(Notify::new()),
            committed: mpsc::unbounded_channel().0,
            counts,
        };
        let (pipeline, _) = Pipeline::start(&dir.path().join("db"), outlets, 60_000, None).unwrap();
        let claimed = Claimed {
            store: state.store.store.clone(),
            epoch: 1,
            desk: DeskNews::default(),
        };
        let machine = Self { pipeline, dir };
        let told = state.clone();
        machine
            .write(move |txn| take_desk(txn, &claimed, &told))
            .await;
        machine
    }

    async fn write<T: Send + 'static>(
        &self,
        write: impl FnMut(&mut Txn<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> T {
        self.pipeline.write(write).await.unwrap()
    }

    async fn learns(&self, state: &State) {
        let told = state.clone();
        self.write(move |txn| learn(txn, &told)).await;
    }

    async fn says_here(&self, customer: CustomerId) {
        self.write(move |txn| {
            say_here(
                txn,
                customer,
                RadioId(customer.0),
                &"kade-9".parse().unwrap(),
            )
        })
        .await;
    }

    fn text(&self, sql: &str) -> String {
        let db = open_reader(&self.dir.path().join("db")).unwrap();
        db.query_row(sql, [], |row| row.get(0)).unwrap_or_default()
    }

    fn number(&self, sql: &str) -> u32 {
        let db = open_reader(&self.dir.path().join("db")).unwrap();
        db.query_row(sql, [], |row| row.get(0)).unwrap()
    }

    fn order(&self, order: OrderId) -> OrderRow {
        let db = open_reader(&self.dir.path().join("db")).unwrap();
        orders::order(&db, order).unwrap()
    }
}

fn names(name: &str) -> Names {
    Names {
        nl: name.into(),
        en: name.into(),
    }
}

fn anna() -> CustomerId {
    CustomerId::at(1, [7; 10])
}

/// Nothing in it is left to a default: what is added to an order must get through too.
fn order(n: u8) -> OrderRow {
    OrderRow {
        order: OrderId::at(1, [n; 10]),
        external_id: format!("1042-{n}"),
        store: "kade-9".parse().unwrap(),
        customer: anna(),
        kind: OrderKind::Reservation,
        state: OrderState::Ready,
        due_ms: Some(9_000_000_000_000),
        bay: Some("B12".into()),
        code: "7419".into(),
        share_code: Some("550011".into()),
        lines: vec![("LAMP".parse().unwrap(), 2)],
        details: orders::Details {
            age_checked: true,
            from_ms: Some(4),
            lines_ready: Some(1),
            as_of_ms: 3,
        },
    }
}

fn state(orders: Vec<OrderRow>) -> State {
    let store: StoreId = "kade-9".parse().unwrap();
    let anchor = AnchorRow {
        anchor: "door".parse().unwrap(),
        zone: "door".parse().unwrap(),
        kind: AnchorKind::Gateway("door".parse().unwrap()),
        enter_rssi_dbm: -70,
    };
    State {
        store: StoreRow {
            store,
            name: "Kade 9".into(),
            timezone: "Europe/Amsterdam".into(),
            opens: "00:00".into(),
            closes: "23:59".into(),
            quiet: None,
            messages_per_day_max: 2,
        },
        certainty: Certainty::default(),
        zones: vec![super::super::Zone {
            zone: "door".parse().unwrap(),
            names: names("door"),
            area: None,
        }],
        anchors: vec![(anchor, None)],
        surveyed: Vec::new(),
        gateways: vec![("door".parse().unwrap(), hex::encode([1; 32]))],
        settings: Vec::new(),
        displays: vec![("counter".parse().unwrap(), hex::encode([2; 32]))],
        staff: vec![StaffRow {
            staff: StaffId::at(1, [1; 10]),
            login: "sanne".into(),
            name: "Sanne".into(),
            role: StaffRole::Staff,
            store: Some("kade-9".parse().unwrap()),
            password_hash: "argon2id".into(),
        }],
        customers: vec![Customer {
            row: CustomerRow {
                customer: anna(),
                external_id: "anna".into(),
                given_name: "Anna".into(),
                family_name: "de Vries".into(),
                salutation: None,
                language: "nl".into(),
            },
            arrival_since_ms: 5,
            radios: vec![RadioId::at(1, [3; 10])],
        }],
        products: vec![ProductRow {
            sku: "LAMP".parse().unwrap(),
            name: names("lamp"),
            price_minor: 8_000,
            currency: "EUR".into(),
            product: None,
            category: None,
            variant: None,
        }],
        orders,
        words: Vec::new(),
        seals: Vec::new(),
    }
}

#[tokio::test]
async fn an_order_is_kept_as_it_is_told_and_what_is_told_again_changes_nothing() {
    let told = state(vec![order(1)]);
    let machine = Machine::with(&told).await;
    assert_eq!(machine.order(order(1).order), order(1));
    let inputs = machine.number(TOLD);
    let again = told.clone();
    let written = machine.write(move |txn| {
        let before = txn.db.total_changes();
        learn(txn, &again)?;
        Ok(txn.db.total_changes() - before)
    });
    assert!(
        written.await <= 2,
        "more than where the line is was written"
    );
    assert_eq!(machine.number(TOLD), inputs);
    let mut moved = order(1);
    (moved.bay, moved.state) = (Some("B13".into()), OrderState::Delayed);
    machine.learns(&state(vec![moved.clone()])).await;
    assert_eq!(machine.order(moved.order), moved);
}

#[tokio::test]
async fn gateways_are_told_what_the_central_server_signed_and_nothing_once_that_is_gone() {
    let signed = SignedSettings {
        text: "as it came".into(),
        signature: Signature([7; 64]),
    };
    let told = State {
        settings: vec![("door".parse().unwrap(), signed.clone())],
        ..state(Vec::new())
    };
    let machine = Machine::with(&told).await;
    let says = || async {
        let read = |txn: &mut Txn<'_>| beacons::configs(txn.db, &"kade-9".parse().unwrap());
        machine.write(read).await.pop().unwrap().1.settings
    };
    assert_eq!(says().await, Some(signed));
    machine.learns(&state(Vec::new())).await;
    assert_eq!(says().await, None);
}

#[tokio::test]
async fn who_is_not_told_of_any_more_leaves_no_word_behind_and_may_come_back() {
    let told = state(vec![order(1)]);
    let machine = Machine::with(&told).await;
    machine.says_here(anna()).await;
    assert_eq!(machine.text("SELECT journey FROM cards"), "waiting");
    let mut without = state(Vec::new());
    without.customers.clear();
    machine.learns(&without).await;
    for table in [
        "customers",
        "orders",
        "cards",
        "home_identities",
        "visits",
        "consent_ledger",
    ] {
        assert_eq!(
            machine.number(&format!("SELECT count(*) FROM {table}")),
            0,
            "{table}"
        );
    }
    let log = machine.text(
        "SELECT group_concat(CAST(body AS TEXT)) FROM inputs WHERE instr(CAST(body AS TEXT), '7419')",
    );
    assert_eq!(log, "", "her code is in the log");
    machine.learns(&told).await;
    machine.says_here(anna()).await;
    assert_eq!(machine.text("SELECT journey FROM cards"), "waiting");
}

#[tokio::test]
async fn an_order_that_went_to_another_store_is_off_the_card_and_hers_stays() {
    let machine = Machine::with(&state(vec![order(1), order(2)])).await;
    machine.says_here(anna()).await;
    machine.learns(&state(vec![order(2)])).await;
    let body = machine.text("SELECT body FROM cards");
    let card: engine::outcome::Card = serde_json::from_str(&body).unwrap();
    assert_eq!(card.orders, [order(2).order]);
}

#[tokio::test]
async fn what_was_completed_here_is_not_opened_again_by_an_older_word() {
    let told = state(vec![order(1)]);
    let machine = Machine::with(&told).await;
    machine
        .write(|txn| {
            let row = orders::set_state(
                txn.db,
                9,
                order(1).order,
                OrderState::Completed,
                Default::default(),
            )?;
            txn.order_changed(&row)
        })
        .await;
    machine.learns(&told).await;
    assert_eq!(machine.order(order(1).order).state, OrderState::Completed);
}

#[tokio::test]
async fn each_word_of_a_phone_is_heard_once_and_none_that_is_old() {
    let mut told = state(vec![order(1)]);
    let machine = Machine::with(&told).await;
    let now_ms = crate::clock::now_ms();
    let word = |n, at_ms| Word {
        n,
        at_ms,
        customer: anna(),
        says: Says::Coming(engine::input::Coming::Near),
    };
    told.words = vec![word(3, now_ms - WORD_MS - 1_000)];
    machine.learns(&told).await;
    assert_eq!(
        machine.number("SELECT count(*) FROM cards"),
        0,
        "an old word"
    );
    told.words = vec![word(4, now_ms)];
    machine.learns(&told).await;
    assert_eq!(machine.text("SELECT journey FROM cards"), "nearby");
    let inputs = machine.number(TOLD);
    machine.learns(&told).await;
    assert_eq!(machine.number(TOLD), inputs);
}

#[tokio::test]
async fn what_happens_here_is_in_the_journal_and_no_phone_is_told_from_here() {
    let machine = Machine::with(&state(vec![order(1)])).await;
    assert_eq!(machine.number("SELECT count(*) FROM home_journal"), 0);
    machine.says_here(anna()).await;
    assert_eq!(machine.number("SELECT count(*) FROM deliveries"), 0);
    let entries = machine.write(|txn| home::journal(txn.db, 10)).await;
    let card: Vec<CardId> = entries[0].news.cards.iter().map(|card| card.card).collect();
    assert_eq!(
        hex::encode(card[0].0),
        machine.text("SELECT lower(hex(card)) FROM cards")
    );
    let last = entries.last().unwrap().n;
    machine
        .write(move |txn| home::forget_journal(txn.db, last))
        .await;
    assert_eq!(machine.number("SELECT count(*) FROM home_journal"), 0);
}

#[test]
fn identities_are_asked_for_when_a_radio_is_new_or_its_time_runs_out() {
    let told = state(vec![order(1)]);
    let quantum_ms = u64::from(protocol::eid::QUANTUM_S) * 1_000;
    let known = |quanta: usize| Identities {
        radio: RadioId::at(1, [3; 10]),
        customer: anna(),
        from_s: 0,
        eids: "00".repeat(8 * quanta),
    };
    assert_eq!(unknown(&told, &[], 0), [anna()]);
    let quanta = (IDENTITIES_AHEAD_MS / quantum_ms) as usize;
    assert_eq!(unknown(&told, &[known(quanta)], 0), []);
    assert_eq!(unknown(&told, &[known(quanta)], 3 * 3_600_000), [anna()]);
    let mut done = state(vec![order(1)]);
    done.orders[0].state = OrderState::Completed;
    assert_eq!(unknown(&done, &[], 0), []);
}
